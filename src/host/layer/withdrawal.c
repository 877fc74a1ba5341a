#include "layer/withdrawal.h"

#include "client/abi.h"
#include "crypto/keccak.h"

const address CHILD_MESSAGE_PASSER = {{0x42, [19] = 0x16}};
const address CHILD_MESSENGER = {{0x42, [19] = 0x07}};
const address CHILD_STANDARD_BRIDGE = {{0x42, [19] = 0x10}};
const address CHILD_TOKEN_FACTORY = {{0x42, [19] = 0x12}};

static const char MESSAGE_PASSED[] =
    "MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)";
static const char WITHDRAWAL_INITIATED[] =
    "WithdrawalInitiated(address,address,address,address,uint256,bytes)";

hash32 withdrawal_hash(const struct child_withdrawal *w, struct arena tmp)
{
    struct abi_out out = abi_begin(6, &tmp);
    abi_put_u256(&out, w->nonce);
    abi_put_address(&out, w->sender);
    abi_put_address(&out, w->target);
    abi_put_u256(&out, w->value_wei);
    abi_put_u256(&out, w->gas_limit);
    abi_put_bytes(&out, w->data);
    return keccak256(abi_end(&out));
}

hash32 withdrawal_slot(hash32 hash)
{
    u8 place[64] = {0}; /* the mapping is in slot 0 */
    memcpy(place, hash.b, sizeof(hash.b));
    return keccak256(BYTES_OF(place));
}

/* --- From events. */

static address topic_address(hash32 topic)
{
    return u256_to_address(u256_from_hash(topic));
}

static bool is_event(const struct eth_log *log, address who, const char *signature)
{
    return address_equal(log->log.who, who) && log->log.topic_count == 4 &&
           hash32_equal(log->log.topics[0], abi_topic(signature));
}

static enum status read_passed(const struct eth_log *log, struct child_withdrawal *out,
                               struct arena *arena, struct err *err)
{
    struct abi_in in = abi_over(log->log.data);
    *out = (struct child_withdrawal){.nonce = u256_from_hash(log->log.topics[1]),
                                     .sender = topic_address(log->log.topics[2]),
                                     .target = topic_address(log->log.topics[3]),
                                     .block_number = log->block_number,
                                     .tx_hash = log->tx_hash};
    out->value_wei = abi_get_u256(&in);
    out->gas_limit = abi_get_u256(&in);
    out->data = arena_copy(arena, abi_get_bytes(&in));
    hash32 said = abi_get_hash(&in);
    out->hash = withdrawal_hash(out, *arena);
    if (in.failed || !hash32_equal(said, out->hash))
        return fail(err, ST_CORRUPT, "a MessagePassed event of block %lu makes no sense",
                    log->block_number);
    out->owner = out->sender;
    out->to = out->target;
    out->amount = out->value_wei;
    return ST_OK;
}

/* The bridge's word on whose a withdrawal is. */
static void read_initiated(const struct eth_log *log, struct child_withdrawal *out)
{
    struct abi_in in = abi_over(log->log.data);
    out->token = topic_address(log->log.topics[1]);
    out->is_token = !address_is_zero(out->token); /* ETH may go over the bridge, too */
    out->owner = topic_address(log->log.topics[3]);
    out->to = abi_get_address(&in);
    out->amount = abi_get_u256(&in);
}

static bool same_tx(const struct eth_log *a, const struct eth_log *b)
{
    return a->block_number == b->block_number && hash32_equal(a->tx_hash, b->tx_hash);
}

/* The newest bridge event before a message, in its transaction and after the message before. */
static const struct eth_log *find_initiated(const struct eth_logs *initiated,
                                            const struct eth_log *passed,
                                            const struct eth_log *passed_before)
{
    const struct eth_log *found = NULL;
    for (usize i = 0; i < initiated->count; i++) {
        const struct eth_log *log = &initiated->list[i];
        if (is_event(log, CHILD_STANDARD_BRIDGE, WITHDRAWAL_INITIATED) && same_tx(log, passed) &&
            log->index < passed->index &&
            (passed_before == NULL || !same_tx(passed_before, passed) ||
             log->index > passed_before->index))
            found = log;
    }
    return found;
}

static enum status join(const struct eth_logs *passed, const struct eth_logs *initiated,
                        const address *owner, struct child_withdrawal *out, usize *count,
                        struct arena *arena, struct err *err)
{
    const struct eth_log *before = NULL;
    for (usize i = 0; i < passed->count; i++) {
        const struct eth_log *log = &passed->list[i];
        if (!is_event(log, CHILD_MESSAGE_PASSER, MESSAGE_PASSED))
            continue;
        struct child_withdrawal *w = &out[*count];
        TRY(read_passed(log, w, arena, err));
        const struct eth_log *bridge = find_initiated(initiated, log, before);
        if (bridge != NULL)
            read_initiated(bridge, w);
        *count += owner == NULL || address_equal(w->owner, *owner);
        before = log;
    }
    return ST_OK;
}

enum status withdrawals_of_receipt(const struct eth_receipt *receipt, struct child_withdrawal **out,
                                   usize *count, struct arena *arena, struct err *err)
{
    *count = 0;
    *out = ARENA_NEW(arena, struct child_withdrawal, receipt->logs.count);
    return join(&receipt->logs, &receipt->logs, NULL, *out, count, arena, err);
}

/* --- From the child. */

static enum status ask_events(struct eth *child, address who, const char *signature, u64 last,
                              struct eth_logs *out, struct arena *arena, struct err *err)
{
    hash32 topic = abi_topic(signature);
    struct eth_filter filter = {.who = who, .topics = &topic, .topic_count = 1};
    return eth_ask_logs(child, 0, last, &filter, out, arena, err);
}

enum status withdrawals_of(struct eth *child, const address *owner, struct child_withdrawal **out,
                           usize *count, struct arena *arena, struct err *err)
{
    struct eth_header newest;
    struct eth_logs passed, initiated;
    TRY(eth_ask_header(child, eth_at_tag(ETH_LATEST), &newest, arena, err));
    u64 last = newest.header.number;
    TRY(ask_events(child, CHILD_MESSAGE_PASSER, MESSAGE_PASSED, last, &passed, arena, err));
    TRY(ask_events(child, CHILD_STANDARD_BRIDGE, WITHDRAWAL_INITIATED, last, &initiated, arena,
                   err));
    *count = 0;
    *out = ARENA_NEW(arena, struct child_withdrawal, passed.count);
    return join(&passed, &initiated, owner, *out, count, arena, err);
}

enum status withdrawal_find(struct eth *child, hash32 hash, struct child_withdrawal *out,
                            struct arena *arena, struct err *err)
{
    struct eth_receipt receipt;
    struct child_withdrawal *list;
    usize count;
    TRY(eth_ask_receipts(child, &hash, 1, &receipt, arena, err));
    if (receipt.found) {
        TRY(withdrawals_of_receipt(&receipt, &list, &count, arena, err));
        if (count == 0)
            return fail(err, ST_MISSING, "that transaction withdraws nothing");
        *out = list[0];
        return ST_OK;
    }
    TRY(withdrawals_of(child, NULL, &list, &count, arena, err));
    for (usize i = 0; i < count; i++) {
        if (!hash32_equal(list[i].hash, hash))
            continue;
        *out = list[i];
        return ST_OK;
    }
    return fail(err, ST_MISSING, "the child knows no withdrawal and no transaction of that hash");
}
