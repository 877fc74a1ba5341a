/* Puts channels' contracts on a chain. */
#include "base/hex.h"
#include "channel/deployed.h"
#include "channel/onchain.h"
#include "client/errands.h"
#include "sys/pages.h"

static enum status has_code(struct eth *eth, address who, bool *out, struct arena tmp,
                            struct err *err)
{
    bytes code;
    TRY(eth_ask_code(eth, who, eth_at_tag(ETH_LATEST), &code, &tmp, err));
    *out = code.size > 0;
    return ST_OK;
}

static enum status deploy_one(struct errands *errands, enum deployed_contract which,
                              struct arena tmp, struct err *err)
{
    struct eth *eth = errands_eth(errands);
    struct eth_receipt receipt;
    address who = deployed_address(which);
    bool is_there;
    TRY(has_code(eth, who, &is_there, tmp, err));
    if (is_there)
        return ST_OK;
    struct errand errand = {.to = DEPLOYMENT_PROXY_ADDRESS, .data = deployed_call(which, &tmp)};
    TRY(errands_do(errands, &errand, &receipt, &tmp, err));
    TRY(has_code(eth, who, &is_there, tmp, err));
    return is_there ? ST_OK
                    : fail(err, ST_CORRUPT, "%s has put nothing at %s", eth_name(eth),
                           hex_text(BYTES_OF(who), &tmp));
}

static enum status deploy_all(struct eth *eth, const struct signer *signer, struct arena tmp,
                              struct err *err)
{
    struct errands *errands = NULL;
    bool has_proxy;
    TRY(has_code(eth, DEPLOYMENT_PROXY_ADDRESS, &has_proxy, tmp, err));
    if (!has_proxy)
        return fail(err, ST_MISSING, "%s lacks the deterministic deployment proxy at %s",
                    eth_name(eth), hex_text(BYTES_OF(DEPLOYMENT_PROXY_ADDRESS), &tmp));
    enum status st = errands_open(eth, signer, &errands, err);
    for (int i = 0; st == ST_OK && i < DEPLOYED_CONTRACTS; i++)
        st = deploy_one(errands, (enum deployed_contract)i, tmp, err);
    errands_close(errands);
    return st;
}

enum status onchain_deploy(const char *url, const struct signer *signer, struct err *err)
{
    struct eth_options options = {.url = url};
    struct eth *eth = NULL;
    struct pages pages = {0};
    TRY(eth_new(&options, &eth, err));
    enum status st = pages_reserve(2 * eth_result_room(eth), &pages, err);
    if (st == ST_OK)
        st = deploy_all(eth, signer, pages_arena(&pages), err);
    pages_release(&pages);
    eth_free(eth);
    return st;
}
