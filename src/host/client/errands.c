#include "client/errands.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "client/amount.h"
#include "client/sender.h"
#include "crypto/keccak.h"
#include "sys/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct errands {
    struct eth *eth;
    struct signer signer;
    struct sender *sender;
    u64 chain_id;
    u64 count;
    char folder[512], journal[540]; /* of the sender, for as long as this lives */
};

enum { GAS_MARGIN_PERCENT = 20, WAIT_MS = 600000 };

static enum status begin(struct errands *errands, struct err *err)
{
    const char *parent = getenv("TMPDIR");
    usize size = fmt(errands->folder, sizeof(errands->folder), "%s/varve-errands-XXXXXX",
                     parent != NULL ? parent : "/tmp");
    if (size >= sizeof(errands->folder) || mkdtemp(errands->folder) == NULL) {
        errands->folder[0] = 0;
        return fail(err, ST_IO, "cannot make a temporary folder in %s: %s",
                    parent != NULL ? parent : "/tmp", strerror(errno));
    }
    fmt(errands->journal, sizeof(errands->journal), "%s/sender.log", errands->folder);
    TRY(eth_ask_chain_id(errands->eth, &errands->chain_id, err));
    struct sender_options options = {.eth = errands->eth,
                                     .signer = errands->signer,
                                     .files = files_of_system(),
                                     .path = errands->journal,
                                     .chain_id = errands->chain_id,
                                     .gas_margin_percent = GAS_MARGIN_PERCENT};
    return sender_open(&options, &errands->sender, err);
}

enum status errands_open(struct eth *eth, const struct signer *signer, struct errands **out,
                         struct err *err)
{
    struct errands *errands = calloc(1, sizeof(*errands));
    assert(errands != NULL);
    errands->eth = eth;
    errands->signer = *signer;
    enum status st = begin(errands, err);
    if (st != ST_OK) {
        errands_close(errands);
        return st;
    }
    *out = errands;
    return ST_OK;
}

/* The journal's folder, with what the sender has beside its journal. */
static void remove_folder(const struct errands *errands)
{
    static const char *const suffixes[] = {"", ".lock", ".new"};
    for (usize i = 0; i < countof(suffixes); i++) {
        char path[sizeof(errands->journal) + 8];
        fmt(path, sizeof(path), "%s%s", errands->journal, suffixes[i]);
        (void)unlink(path);
    }
    (void)rmdir(errands->folder);
}

void errands_close(struct errands *errands)
{
    if (errands == NULL)
        return;
    sender_close(errands->sender);
    if (errands->folder[0] != 0)
        remove_folder(errands);
    free(errands);
}

address errands_who(const struct errands *errands)
{
    return errands->signer.who;
}

struct eth *errands_eth(const struct errands *errands)
{
    return errands->eth;
}

static enum status poor(const struct errands *errands, u256 has, u256 need, struct err *err)
{
    char who[41] = {0};
    hex_write(who, BYTES_OF(errands->signer.who));
    return fail(err, ST_INVALID, "0x%s has %s ETH on chain %lu, and this takes up to %s ETH there",
                who, amount_ether(has).text, errands->chain_id, amount_ether(need).text);
}

/* Whether the account can pay for it, before anything is sent. */
static enum status check_funds(struct errands *errands, const struct errand *errand, u64 *gas,
                               struct arena tmp, struct err *err)
{
    u256 has;
    struct eth_fees fees;
    struct eth_refusal refusal;
    struct eth_message message = {.has_from = true,
                                  .from = errands->signer.who,
                                  .to = errand->to,
                                  .value_wei = errand->value_wei,
                                  .data = errand->data};
    TRY(eth_ask_balance(errands->eth, message.from, eth_at_tag(ETH_LATEST), &has, err));
    if (u256_less(has, errand->value_wei) || u256_is_zero(has))
        return poor(errands, has, errand->value_wei, err);
    TRY(eth_ask_gas(errands->eth, &message, eth_at_tag(ETH_LATEST), gas, &refusal, &tmp, err));
    *gas += *gas * GAS_MARGIN_PERCENT / 100;
    TRY(eth_ask_fees(errands->eth, &fees, err));
    u256 price = u256_add(fees.base_fee_wei, fees.priority_wei);
    u256 need = u256_add(errand->value_wei, u256_mul(price, u256_from_u64(*gas)));
    return u256_less(has, need) ? poor(errands, has, need, err) : ST_OK;
}

/* Each is an intent of its own, even if it is the same as one before. */
static hash32 next_key(struct errands *errands)
{
    u64 name[] = {clock_wall_ms(), errands->count++};
    return keccak256(BYTES_OF(name));
}

static enum status read_receipt(struct errands *errands, hash32 hash, struct eth_receipt *out,
                                struct arena *arena, struct err *err)
{
    TRY(eth_ask_receipts(errands->eth, &hash, 1, out, arena, err));
    return out->found ? ST_OK
                      : fail(err, ST_AGAIN, "the transaction was in a block, which is gone again");
}

enum status errands_do(struct errands *errands, const struct errand *errand,
                       struct eth_receipt *out, struct arena *arena, struct err *err)
{
    struct sender_outcome outcome;
    struct sender_intent intent = {.key = next_key(errands),
                                   .to = errand->to,
                                   .value_wei = errand->value_wei,
                                   .data = errand->data};
    TRY(check_funds(errands, errand, &intent.gas_limit, *arena, err));
    TRY(sender_submit(errands->sender, &intent, err));
    TRY(sender_wait(errands->sender, intent.key, false, WAIT_MS, &outcome, err));
    if (outcome.state != SENDER_INCLUDED)
        return fail(err, ST_INVALID, "the transaction has failed: %s", outcome.reason);
    if (!outcome.succeeded)
        return fail(err, ST_INVALID, "the transaction was reverted in block %lu",
                    outcome.block_number);
    return read_receipt(errands, outcome.tx_hash, out, arena, err);
}
