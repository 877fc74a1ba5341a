#include "client/probe.h"

#include "base/fmt.h"
#include "client/internal.h"
#include "sys/pages.h"

/* EIP-2935, and the OP Stack's L1Block. */
static const address HISTORY = {{0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5, 0x3a, 0x10, 0xcb,
                                 0x7a, 0x02, 0x33, 0x5b, 0x17, 0x53, 0x20, 0x00, 0x29, 0x35}};
static const address L1_BLOCK = {{0x42, [19] = 0x15}};
/* EIP-2537: G1ADD. */
static const address BLS_ADD = {{[19] = 0x0b}};

enum { OSAKA_TX_GAS = 1 << 24 };

/* Whether init code gets as far as reverting with this word: what it uses is there. (Not every node
 * gives back what init code returns.) */
static enum status reverts_with(struct eth *eth, bytes code, u8 want, bool *out, struct arena tmp,
                                struct err *err)
{
    struct eth_refusal refusal;
    struct eth_message message = {.creates = true, .data = code, .gas_limit = 200000};
    bytes result;
    enum status st =
        eth_ask_call(eth, &message, eth_at_tag(ETH_LATEST), &result, &refusal, &tmp, err);
    *out = refusal.reverted && refusal.data.size == 32 && refusal.data.data[31] == want;
    return st == ST_INVALID ? ST_OK : st;
}

static enum status has_code(struct eth *eth, address who, bool *out, struct arena tmp,
                            struct err *err)
{
    bytes code;
    TRY(eth_ask_code(eth, who, eth_at_tag(ETH_LATEST), &code, &tmp, err));
    *out = code.size > 0;
    return ST_OK;
}

/* Two points at infinity add up to one; a call to an address without code returns nothing. */
static enum status has_bls(struct eth *eth, bool *out, struct arena tmp, struct err *err)
{
    static const u8 zeros[256];
    struct eth_refusal refusal;
    struct eth_message message = {.to = BLS_ADD, .data = BYTES_OF(zeros), .gas_limit = 200000};
    bytes result;
    enum status st =
        eth_ask_call(eth, &message, eth_at_tag(ETH_LATEST), &result, &refusal, &tmp, err);
    *out = st == ST_OK && result.size == 128;
    return st == ST_INVALID ? ST_OK : st;
}

static enum status ask_forks(struct eth *eth, struct probe *out, struct arena tmp, struct err *err)
{
    bool has_clz;
    /* push0 push0 mstore, push1 32, push0, revert */
    TRY(reverts_with(eth, BYTES_LIT("\x5f\x5f\x52\x60\x20\x5f\xfd"), 0, &out->has_push0, tmp, err));
    /* push1 1, clz (EIP-7939), push0 mstore, push1 32, push0, revert: Osaka, and with it EIP-7825
     */
    TRY(reverts_with(eth, BYTES_LIT("\x60\x01\x1e\x5f\x52\x60\x20\x5f\xfd"), 255, &has_clz, tmp,
                     err));
    out->tx_gas_cap = has_clz ? OSAKA_TX_GAS : 0;
    TRY(has_bls(eth, &out->has_bls, tmp, err));
    TRY(has_code(eth, HISTORY, &out->has_history, tmp, err));
    return has_code(eth, L1_BLOCK, &out->is_child, tmp, err);
}

/* EIP-7910's eth_config says it; not all serve that, and then it is what the parent's forks began
 * with. */
static enum status ask_blob_prices(struct eth *eth, struct probe *out, struct arena tmp,
                                   struct err *err)
{
    enum { CANCUN_FRACTION = 3338477, PRAGUE_FRACTION = 5007716 };
    struct net_client_item item = {.method = "eth_config", .params = BYTES_LIT("[]")};
    TRY(eth_calls(eth, &item, 1, &tmp, err));
    json current = json_get(item.status == ST_OK ? item.result : (json){BYTES_EMPTY}, "current");
    json fraction = json_get(json_get(current, "blobSchedule"), "baseFeeUpdateFraction");
    if (json_read_u64(fraction, &out->blob_update_fraction) != ST_OK ||
        out->blob_update_fraction == 0)
        out->blob_update_fraction = out->has_bls ? PRAGUE_FRACTION : CANCUN_FRACTION;
    return ST_OK;
}

static enum status ask_heads(struct eth *eth, struct probe *out, struct arena tmp, struct err *err)
{
    struct eth_heads heads;
    TRY(eth_ask_heads(eth, &heads, &tmp, err));
    const struct header *latest = &heads.latest.header;
    out->latest = latest->number;
    out->gas_limit = latest->gas_limit;
    out->has_base_fee = latest->fields >= HEADER_LONDON;
    out->has_blobs = latest->fields >= HEADER_CANCUN;
    out->has_safe = heads.has_safe;
    out->has_finalized = heads.has_finalized;
    return ST_OK;
}

enum status probe_parent(struct eth *eth, struct probe *out, struct err *err)
{
    struct pages pages;
    *out = (struct probe){0};
    TRY(eth_ask_chain_id(eth, &out->chain_id, err));
    if (eth_ask_version(eth, out->version, sizeof(out->version), NULL) != ST_OK)
        out->version[0] = 0;
    TRY(pages_reserve(eth_result_room(eth), &pages, err));
    enum status st = ask_heads(eth, out, pages_arena(&pages), err);
    if (st == ST_OK)
        st = ask_forks(eth, out, pages_arena(&pages), err);
    out->has_blobs = out->has_blobs && !out->is_child;
    if (st == ST_OK && out->has_blobs)
        st = ask_blob_prices(eth, out, pages_arena(&pages), err);
    pages_release(&pages);
    return st;
}

/* --- What follows. */

static void add(struct finding **at, const char *name, const char *value, const char *follows)
{
    struct finding *finding = (*at)++;
    *finding = (struct finding){.name = name, .follows = follows};
    fmt(finding->value, sizeof(finding->value), "%s", value);
}

static void add_number(struct finding **at, const char *name, u64 value, const char *follows)
{
    char text[24];
    fmt(text, sizeof(text), "%lu", value);
    add(at, name, text, follows);
}

static void add_flag(struct finding **at, const char *name, bool has, const char *then,
                     const char *otherwise)
{
    add(at, name, has ? "yes" : "no", has ? then : otherwise);
}

usize probe_findings(const struct probe *probe, struct finding out[static PROBE_FINDINGS])
{
    enum { ENOUGH_GAS = 15000000 };
    struct finding *at = out;
    add_number(&at, "chain id", probe->chain_id, "deposits and batches name it");
    add(&at, "client", probe->version[0] != 0 ? probe->version : "unknown", "");
    add_flag(&at, "contracts of Shanghai", probe->has_push0, "the child's contracts can run",
             "the child's contracts cannot run here");
    at[-1].is_bad = !probe->has_push0;
    add_flag(&at, "fee market (EIP-1559)", probe->has_base_fee, "fees follow the base fee",
             "transactions offer a gas price");
    add_flag(&at, "block hashes (EIP-2935)", probe->has_history,
             "a batch may name an origin that is up to 8,191 blocks old",
             "a batch must arrive within 256 blocks of its origin");
    add_flag(&at, "blobs (EIP-4844)", probe->has_blobs, "batches may go into blobs",
             probe->is_child ? "it is a layer itself: batches go into calldata"
                             : "batches go into calldata");
    add_flag(&at, "BLS (EIP-2537)", probe->has_bls, "signatures are checked all at once",
             "signatures are checked one by one");
    add_number(&at, "gas limit of a block", probe->gas_limit,
               probe->gas_limit >= ENOUGH_GAS ? "the contracts can be deployed"
                                              : "it may be too low to deploy the contracts");
    at[-1].is_bad = probe->gas_limit < ENOUGH_GAS;
    add_number(&at, "gas limit of a transaction",
               probe->tx_gas_cap != 0 ? probe->tx_gas_cap : probe->gas_limit,
               probe->tx_gas_cap != 0 ? "EIP-7825: no transaction may have more"
                                      : "that of a block");
    add_flag(&at, "finalized blocks", probe->has_finalized,
             "the child's blocks are final when the parent's are",
             "how deep a block must be to count as final is for whoever runs the child to say");
    assert(at == out + PROBE_FINDINGS);
    return PROBE_FINDINGS;
}
