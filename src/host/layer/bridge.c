#include "layer/bridge.h"

#include "client/contract.h"
#include "client/inbox_events.h"
#include "crypto/keccak.h"
#include "layer/item_tx.h"
#include "layer/output.h"

/* --- Whether these are the chains. */

static enum status check_id(struct eth *eth, const char *side, u64 want, struct err *err)
{
    u64 got;
    TRY(eth_ask_chain_id(eth, &got, err));
    if (got != want)
        return fail(err, ST_INVALID, "%s is chain %lu, and the %s in rollup.json is chain %lu",
                    eth_name(eth), got, side, want);
    return ST_OK;
}

enum status bridge_check(const struct bridge *bridge, struct err *err)
{
    const struct rollup *rollup = bridge->rollup;
    u8 memory[4096];
    struct err why;
    address inbox;
    TRY(check_id(bridge->parent, "parent", rollup->parent_chain_id, err));
    enum status st = contract_ask_address(bridge->parent, rollup->portal, "inbox()", &inbox,
                                          arena_over(memory, sizeof(memory)), &why);
    if (st == ST_AGAIN || st == ST_IO)
        return fail(err, st, "%s", why.text);
    if (st != ST_OK || !address_equal(inbox, rollup->inbox))
        return fail(err, ST_INVALID, "the contracts of rollup.json are not on the parent at %s",
                    eth_name(bridge->parent));
    return bridge->child == NULL ? ST_OK : check_id(bridge->child, "child", rollup->chain_id, err);
}

/* --- Outputs of the child. */

static enum status read_output(const struct bridge *bridge, u64 number, hash32 slot,
                               struct child_output *out, struct arena *arena, struct err *err)
{
    if (bridge->chain != NULL)
        return output_read(bridge->chain, bridge->kept, number, slot, out, arena, err);
    return output_ask(bridge->child, number, slot, out, arena, err);
}

enum status bridge_claim_is_right(const struct bridge *bridge, const struct claim_record *claim,
                                  bool *out, struct arena tmp, struct err *err)
{
    struct child_output output;
    hash32 any_slot = {{0}};
    enum status st = read_output(bridge, claim->number, any_slot, &output, &tmp, err);
    *out = st == ST_OK && hash32_equal(output.root, claim->output);
    return st == ST_MISSING ? ST_OK : st;
}

struct judge {
    const struct bridge *bridge;
    struct arena tmp;
};

static enum status is_right(void *self, const struct claim_record *claim, bool *out,
                            struct err *err)
{
    struct judge *judge = self;
    return bridge_claim_is_right(judge->bridge, claim, out, judge->tmp, err);
}

/* --- How far a withdrawal is. */

static bytes hash_call(const char *signature, hash32 hash, struct arena *arena)
{
    struct abi_out out = abi_begin_call(abi_selector(signature), 1, arena);
    abi_put_hash(&out, hash);
    return abi_end(&out);
}

static bytes hash_address_call(const char *signature, hash32 hash, address who, struct arena *arena)
{
    struct abi_out out = abi_begin_call(abi_selector(signature), 2, arena);
    abi_put_hash(&out, hash);
    abi_put_address(&out, who);
    return abi_end(&out);
}

/* A mapping of hashes to flags. */
static enum status ask_flag(const struct bridge *bridge, address who, const char *signature,
                            hash32 hash, bool *out, struct arena tmp, struct err *err)
{
    struct abi_in in;
    bytes call = hash_call(signature, hash, &tmp);
    TRY(contract_ask(bridge->parent, who, call, &in, &tmp, err));
    *out = abi_get_bool(&in);
    return contract_check(bridge->parent, &in, signature, err);
}

static enum status is_paid(const struct bridge *bridge, hash32 hash, bool *out, struct arena tmp,
                           struct err *err)
{
    return ask_flag(bridge, bridge->rollup->portal, "finalizedWithdrawals(bytes32)", hash, out, tmp,
                    err);
}

/* Somebody's proof: of the claim that it is against, and when it was given. */
struct proven {
    bool is_good;
    u64 time_s;
    struct claim_record claim;
};

static enum status read_game(const struct bridge *bridge, address game, struct proven *out,
                             struct arena tmp, struct err *err)
{
    enum { CHALLENGER_WINS = 1 };
    u64 status, id;
    address settlement;
    TRY(contract_ask_u64(bridge->parent, game, "status()", &status, tmp, err));
    TRY(contract_ask_u64(bridge->parent, game, "claimId()", &id, tmp, err));
    TRY(contract_ask_address(bridge->parent, game, "anchorStateRegistry()", &settlement, tmp, err));
    out->is_good = status != CHALLENGER_WINS;
    return claims_at(bridge->parent, settlement, id, &out->claim, tmp, err);
}

static enum status read_proven(const struct bridge *bridge, hash32 hash, address prover,
                               struct proven *out, struct arena tmp, struct err *err)
{
    struct abi_in in;
    bytes call = hash_address_call("provenWithdrawals(bytes32,address)", hash, prover, &tmp);
    *out = (struct proven){0};
    TRY(contract_ask(bridge->parent, bridge->rollup->portal, call, &in, &tmp, err));
    address game = abi_get_address(&in);
    out->time_s = abi_get_u64(&in);
    TRY(contract_check(bridge->parent, &in, "provenWithdrawals", err));
    return out->time_s == 0 ? ST_OK : read_game(bridge, game, out, tmp, err);
}

static enum status count_provers(const struct bridge *bridge, hash32 hash, u64 *out,
                                 struct arena tmp, struct err *err)
{
    struct abi_in in;
    bytes call = hash_call("numProofSubmitters(bytes32)", hash, &tmp);
    TRY(contract_ask(bridge->parent, bridge->rollup->portal, call, &in, &tmp, err));
    *out = abi_get_u64(&in);
    return contract_check(bridge->parent, &in, "numProofSubmitters", err);
}

static enum status read_prover(const struct bridge *bridge, hash32 hash, u64 index, address *out,
                               struct arena tmp, struct err *err)
{
    struct abi_in in;
    struct abi_out call = abi_begin_call(abi_selector("proofSubmitters(bytes32,uint256)"), 2, &tmp);
    abi_put_hash(&call, hash);
    abi_put_u64(&call, index);
    bytes data = abi_end(&call);
    TRY(contract_ask(bridge->parent, bridge->rollup->portal, data, &in, &tmp, err));
    *out = abi_get_address(&in);
    return contract_check(bridge->parent, &in, "proofSubmitters", err);
}

/* A proof that counts: `first`'s, else the oldest of anybody's. */
static enum status find_proof(const struct bridge *bridge, hash32 hash, address first,
                              address *prover, struct proven *out, struct arena tmp,
                              struct err *err)
{
    enum { MOST = 16 }; /* whoever proves again and again does not make others wait */
    u64 count;
    *prover = first;
    TRY(read_proven(bridge, hash, first, out, tmp, err));
    if (out->is_good)
        return ST_OK;
    TRY(count_provers(bridge, hash, &count, tmp, err));
    for (u64 i = 0; i < count && i < MOST && !out->is_good; i++) {
        TRY(read_prover(bridge, hash, i, prover, tmp, err));
        TRY(read_proven(bridge, hash, *prover, out, tmp, err));
        if (out->is_good) /* somebody may prove against a false claim, for others to wait in vain */
            TRY(bridge_claim_is_right(bridge, &out->claim, &out->is_good, tmp, err));
    }
    return ST_OK;
}

/* Whether the portal would pay now; it says so by not refusing. */
static enum status is_ready(const struct bridge *bridge, hash32 hash, address prover, bool *out,
                            struct arena tmp, struct err *err)
{
    struct abi_in in;
    bytes call = hash_address_call("checkWithdrawal(bytes32,address)", hash, prover, &tmp);
    enum status st = contract_ask(bridge->parent, bridge->rollup->portal, call, &in, &tmp, err);
    *out = st == ST_OK;
    return st == ST_INVALID ? ST_OK : st;
}

static enum status look_at_proof(const struct bridge *bridge, const struct child_withdrawal *w,
                                 address prover, struct withdrawal_status *out, bool *found,
                                 struct arena tmp, struct err *err)
{
    const struct rollup *rollup = bridge->rollup;
    struct proven proven;
    struct eth_header newest;
    bool ready;
    TRY(find_proof(bridge, w->hash, prover, &out->prover, &proven, tmp, err));
    *found = proven.is_good;
    if (!proven.is_good)
        return ST_OK;
    TRY(eth_ask_header(bridge->parent, eth_at_tag(ETH_LATEST), &newest, &tmp, err));
    TRY(is_ready(bridge, w->hash, out->prover, &ready, tmp, err));
    out->claim = proven.claim;
    out->stage = ready ? WITHDRAWAL_READY : WITHDRAWAL_PROVEN;
    out->now_s = newest.header.timestamp;
    out->ready_s = max_u64(proven.time_s + rollup->maturity_s + 1,
                           proven.claim.created_s + rollup->challenge_s + rollup->airgap_s);
    return ST_OK;
}

enum status bridge_look(const struct bridge *bridge, const struct child_withdrawal *w,
                        address prover, struct withdrawal_status *out, struct arena tmp,
                        struct err *err)
{
    bool paid, proven;
    address settlement;
    struct judge judge = {.bridge = bridge, .tmp = tmp};
    struct claim_judge by_child = {&judge, is_right};
    *out = (struct withdrawal_status){.stage = WITHDRAWAL_PAID};
    TRY(is_paid(bridge, w->hash, &paid, tmp, err));
    if (paid)
        return ST_OK;
    TRY(look_at_proof(bridge, w, prover, out, &proven, tmp, err));
    if (proven)
        return ST_OK;
    TRY(contract_ask_address(bridge->parent, bridge->rollup->portal, "disputeGameFactory()",
                             &settlement, tmp, err));
    struct arena scratch = tmp;
    judge.tmp = arena_over(ARENA_TAKE(&scratch, u8, arena_left(&tmp) / 2), arena_left(&tmp) / 2);
    enum status st = claims_find(bridge->parent, settlement, w->block_number, &by_child,
                                 &out->claim, scratch, err);
    out->stage = st == ST_OK ? WITHDRAWAL_CLAIMED : WITHDRAWAL_BEGUN;
    return st == ST_MISSING ? ST_OK : st;
}

enum status bridge_look_message(const struct bridge *bridge, const struct child_withdrawal *w,
                                enum message_state *out, struct arena tmp, struct err *err)
{
    address messenger = bridge->rollup->messenger;
    hash32 hash = keccak256(w->data); /* the messengers' own name for it: of the call, whole */
    bool delivered, failed;
    *out = MESSAGE_NONE;
    if (!address_equal(w->sender, CHILD_MESSENGER) || !address_equal(w->target, messenger))
        return ST_OK;
    TRY(ask_flag(bridge, messenger, "successfulMessages(bytes32)", hash, &delivered, tmp, err));
    TRY(ask_flag(bridge, messenger, "failedMessages(bytes32)", hash, &failed, tmp, err));
    *out = delivered ? MESSAGE_DELIVERED : failed ? MESSAGE_FAILED : MESSAGE_UNKNOWN;
    return ST_OK;
}

/* --- Calls that lead out. */

static void put_withdrawal(struct abi_out *out, const struct child_withdrawal *w)
{
    abi_open_tuple(out, 6);
    abi_put_u256(out, w->nonce);
    abi_put_address(out, w->sender);
    abi_put_address(out, w->target);
    abi_put_u256(out, w->value_wei);
    abi_put_u256(out, w->gas_limit);
    abi_put_bytes(out, w->data);
    abi_close(out);
}

enum status bridge_prove_call(const struct bridge *bridge, const struct child_withdrawal *w,
                              const struct claim_record *claim, bytes *out, struct arena *arena,
                              struct err *err)
{
    struct child_output output;
    hash32 version = {{0}};
    TRY(read_output(bridge, claim->number, withdrawal_slot(w->hash), &output, arena, err));
    struct abi_out call = abi_begin_call(
        abi_selector("proveWithdrawalTransaction((uint256,address,address,uint256,uint256,bytes),"
                     "uint256,(bytes32,bytes32,bytes32,bytes32),bytes[])"),
        7, arena);
    put_withdrawal(&call, w);
    abi_put_u64(&call, claim->id);
    abi_put_hash(&call, version);
    abi_put_hash(&call, output.state_root);
    abi_put_hash(&call, output.proof.storage_root);
    abi_put_hash(&call, output.block_hash);
    abi_open_array(&call, output.proof.node_count, 1);
    for (usize i = 0; i < output.proof.node_count; i++)
        abi_put_bytes(&call, output.proof.nodes[i]);
    abi_close(&call);
    *out = abi_end(&call);
    return ST_OK;
}

bytes bridge_pay_call(const struct child_withdrawal *w, address prover, struct arena *arena)
{
    struct abi_out call = abi_begin_call(
        abi_selector("finalizeWithdrawalTransactionExternalProof((uint256,address,address,uint256,"
                     "uint256,bytes),address)"),
        2, arena);
    put_withdrawal(&call, w);
    abi_put_address(&call, prover);
    return abi_end(&call);
}

bytes bridge_withdraw_call(address to, struct arena *arena)
{
    enum { GAS = 100000 }; /* for a wallet that is a contract; OP's default */
    struct abi_out call =
        abi_begin_call(abi_selector("initiateWithdrawal(address,uint256,bytes)"), 3, arena);
    abi_put_address(&call, to);
    abi_put_u64(&call, GAS);
    abi_put_bytes(&call, BYTES_EMPTY);
    return abi_end(&call);
}

/* --- Steps. */

static bool has_event(const struct eth_receipt *receipt, const char *signature,
                      const struct log **out)
{
    hash32 topic = abi_topic(signature);
    for (usize i = 0; i < receipt->logs.count; i++) {
        *out = &receipt->logs.list[i].log;
        if ((*out)->topic_count > 0 && hash32_equal((*out)->topics[0], topic))
            return true;
    }
    return false;
}

bool bridge_message_failed(const struct eth_receipt *receipt)
{
    const struct log *ignored;
    return has_event(receipt, "FailedRelayedMessage(bytes32)", &ignored);
}

static bool call_has_failed(const struct eth_receipt *receipt)
{
    const struct log *log;
    if (!has_event(receipt, "WithdrawalFinalized(bytes32,bool)", &log))
        return true;
    struct abi_in in = abi_over(log->data);
    return !abi_get_bool(&in) || bridge_message_failed(receipt);
}

/* A step that was refused is no failure if somebody else has made it meanwhile. */
static enum status check_still(const struct bridge *bridge, const struct child_withdrawal *w,
                               const struct withdrawal_status *before, address prover,
                               enum status failure, struct arena tmp, struct err *err)
{
    struct withdrawal_status now;
    struct err why = *err;
    if (failure != ST_INVALID)
        return failure;
    TRY(bridge_look(bridge, w, prover, &now, tmp, err));
    return now.stage > before->stage ? ST_OK : fail(err, failure, "%s", why.text);
}

enum status bridge_advance(const struct bridge *bridge, const struct child_withdrawal *w,
                           const struct withdrawal_status *status, struct errands *on_parent,
                           enum withdrawal_deed *out, struct arena tmp, struct err *err)
{
    struct eth_receipt receipt;
    struct errand errand = {.to = bridge->rollup->portal};
    *out = WITHDRAWAL_WAITS;
    if (status->stage != WITHDRAWAL_CLAIMED && status->stage != WITHDRAWAL_READY)
        return ST_OK;
    if (status->stage == WITHDRAWAL_CLAIMED)
        TRY(bridge_prove_call(bridge, w, &status->claim, &errand.data, &tmp, err));
    else
        errand.data = bridge_pay_call(w, status->prover, &tmp);
    enum status st = errands_do(on_parent, &errand, &receipt, &tmp, err);
    if (st != ST_OK)
        return check_still(bridge, w, status, errands_who(on_parent), st, tmp, err);
    if (status->stage == WITHDRAWAL_CLAIMED)
        *out = WITHDRAWAL_PROVED;
    else
        *out = call_has_failed(&receipt) ? WITHDRAWAL_FAILED : WITHDRAWAL_GOT;
    return ST_OK;
}

/* --- Calls that lead in. */

static bytes item_call(const char *signature, address to, u256 value, u64 gas, bytes data,
                       struct arena *arena)
{
    struct abi_out call = abi_begin_call(abi_selector(signature), 5, arena);
    abi_put_address(&call, to);
    abi_put_u256(&call, value);
    abi_put_u64(&call, gas);
    abi_put_bool(&call, false);
    abi_put_bytes(&call, data);
    return abi_end(&call);
}

bytes bridge_deposit_call(address to, u256 amount, struct arena *arena)
{
    enum { GAS = 100000 }; /* as the portal itself takes for plain ETH */
    return item_call("depositTransaction(address,uint256,uint64,bool,bytes)", to, amount, GAS,
                     BYTES_EMPTY, arena);
}

bytes bridge_enqueue_call(address to, u256 value, u64 gas, bytes data, struct arena *arena)
{
    return item_call("enqueue(address,uint256,uint64,bool,bytes)", to, value, gas, data, arena);
}

static enum status ask_acc(const struct bridge *bridge, u64 count, hash32 *out, struct arena tmp,
                           struct err *err)
{
    struct abi_in in;
    struct abi_out call = abi_begin_call(abi_selector("inboxAccAt(uint64)"), 1, &tmp);
    abi_put_u64(&call, count);
    bytes data = abi_end(&call);
    TRY(contract_ask(bridge->parent, bridge->rollup->inbox, data, &in, &tmp, err));
    *out = abi_get_hash(&in);
    return contract_check(bridge->parent, &in, "inboxAccAt", err);
}

enum status bridge_item_of(const struct bridge *bridge, const struct eth_receipt *receipt,
                           struct bridge_item *out, struct arena tmp, struct err *err)
{
    for (usize i = 0; i < receipt->logs.count; i++) {
        const struct log *log = &receipt->logs.list[i].log;
        struct inbox_item item;
        hash32 acc;
        if (!address_equal(log->who, bridge->rollup->inbox) ||
            inbox_event_of(log) != INBOX_ITEM_ENQUEUED)
            continue;
        TRY(inbox_read_item(log, &item, err));
        TRY(ask_acc(bridge, item.position + 1, &acc, tmp, err));
        *out = (struct bridge_item){.position = item.position,
                                    .time = item.time,
                                    .tx_hash = item_tx_hash(&item, source_hash_item(acc), tmp)};
        return ST_OK;
    }
    return fail(err, ST_MISSING, "the transaction has put nothing in the Inbox");
}
