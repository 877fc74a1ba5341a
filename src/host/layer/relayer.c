/* The relayer: proves users' withdrawals once a claim covers them, has them paid out when their
 * windows are over, and replays messages whose call has failed on the parent. Anyone could: the
 * proofs are public, and what is paid goes where its owner has sent it.
 *
 *   safe blocks -> open withdrawals (relay_list.h) -> how far is it? (bridge.h) -> a call, or later
 *
 * Every call is estimated first, and none is made that would fail or takes too much gas. What fails
 * again and again is left to its owner. */
#include "client/contract.h"
#include "layer/agents.h"
#include "layer/bridge.h"
#include "layer/relay_list.h"
#include "sys/clock.h"
#include "sys/log.h"

#include "base/fmt.h"

#include <stdlib.h>

enum {
    LOOK_MS = 500,
    SAVE_MS = 30000,
    /* Bounds of one look: blocks whose blooms are read, blocks that are read, withdrawals that the
     * parent is asked about. */
    MOST_BLOOMS = 10000,
    MOST_BLOCKS = 16,
    MOST_ASKED = 8,
    /* What waits is looked at after twice the time before, up to an hour; in all for a week. */
    LEAST_WAIT_MS = 2000,
    MOST_WAIT_MS = 3600000,
    MOST_REFUSALS = 180,
    MOST_FAILURES = 3,
    GAS_MARGIN_PERCENT = 20,
};

/* For calls from here, portal and messengers fail where what they call fails, so that an estimate
 * finds the gas with which it does not. Source: OP's Constants.ESTIMATION_ADDRESS. */
static const address ESTIMATES = {{[19] = 1}};

struct relayer {
    struct relay_list list;
    char path[4200];
    usize next;    /* the row after the one to look at */
    u64 claimed;   /* block of the child that the newest claim is about */
    bool has_sent; /* what the last call was for: */
    hash32 sent;   /* a withdrawal */
    u64 saved_ms;
};

/* --- Beginning and end. */

enum status relayer_open(struct layer *layer, struct err *err)
{
    struct relayer *relayer = calloc(1, sizeof(*relayer));
    assert(relayer != NULL);
    layer->relayer = relayer;
    relay_list_init(&relayer->list, layer->options.rollup->genesis_hash);
    fmt(relayer->path, sizeof(relayer->path), "%s/relayer", layer->options.folder);
    struct pages pages;
    TRY(pages_reserve((usize)64 << 20, &pages, err));
    enum status st = relay_list_read(&relayer->list, layer->options.files, relayer->path,
                                     pages_arena(&pages), err);
    pages_release(&pages);
    if (st == ST_CORRUPT)
        log_warn("relayer", "its list is of no use, and is made anew", LOG_TEXT("why", err->text));
    return st == ST_MISSING || st == ST_CORRUPT ? ST_OK : st;
}

static void save(struct layer *layer, struct arena tmp)
{
    struct relayer *relayer = layer->relayer;
    struct err why;
    relayer->saved_ms = clock_now_ms();
    if (relayer->list.changed &&
        relay_list_write(&relayer->list, layer->options.files, relayer->path, tmp, &why) != ST_OK)
        log_error("relayer", "its list cannot be written", LOG_TEXT("why", why.text));
}

void relayer_close(struct layer *layer)
{
    struct relayer *relayer = layer->relayer;
    if (relayer == NULL)
        return;
    relay_list_free(&relayer->list);
    free(relayer);
    layer->relayer = NULL;
}

/* --- Finding withdrawals. */

static bool may_hold_one(void *self, const bloom256 *bloom)
{
    return eth_bloom_may_match(bloom, self);
}

static enum status read_block(struct snapshot *at, const struct block_ref *ref,
                              struct child_withdrawal **out, usize *count, struct arena *arena,
                              struct err *err)
{
    struct receipt *receipts;
    usize receipt_count, room = 0;
    TRY(block_ref_receipts(at, ref, &receipts, &receipt_count, err));
    for (usize i = 0; i < receipt_count; i++)
        room += receipts[i].log_count;
    struct eth_receipt all = {.logs = {.list = ARENA_TAKE(arena, struct eth_log, room)}};
    for (usize i = 0; i < receipt_count; i++)
        for (usize k = 0; k < receipts[i].log_count; k++)
            if (address_equal(receipts[i].logs[k].who, CHILD_MESSAGE_PASSER))
                all.logs.list[all.logs.count++] =
                    (struct eth_log){.log = receipts[i].logs[k], .block_number = ref->number};
    return withdrawals_of_receipt(&all, out, count, arena, err);
}

static enum status add_block(struct relay_list *list, struct snapshot *at, u64 number,
                             struct err *err)
{
    struct block_ref ref;
    struct child_withdrawal *found;
    usize count;
    TRY(snapshot_ref_by_number(at, number, &ref));
    TRY(read_block(at, &ref, &found, &count, at->arena, err));
    for (usize i = 0; i < count; i++)
        relay_list_add(list, found[i].hash, number);
    return ST_OK;
}

static enum status see(struct relay_list *list, struct snapshot *at, u64 number)
{
    struct block_ref ref;
    TRY(snapshot_ref_by_number(at, number, &ref));
    list->seen = (struct relay_point){number, ref.hash};
    return ST_OK;
}

static bool is_canonical(struct snapshot *at, struct relay_point point)
{
    struct block_ref ref;
    return snapshot_ref_by_number(at, point.number, &ref) == ST_OK &&
           hash32_equal(ref.hash, point.hash);
}

/* The child has taken blocks back, or this is another chain's list altogether. */
static void follow_reorgs(struct relay_list *list, struct snapshot *at)
{
    if (is_canonical(at, list->seen))
        return;
    relay_list_go_back(list);
    if (is_canonical(at, list->kept))
        return;
    hash32 genesis_hash = list->genesis_hash;
    log_warn("relayer", "blocks that were final are gone: withdrawals are looked for anew");
    relay_list_free(list);
    relay_list_init(list, genesis_hash);
}

static enum status keep_up(struct relay_list *list, struct snapshot *at)
{
    struct block_ref ref;
    u64 number = min_u64(list->seen.number, at->head->finalized);
    if (number <= list->kept.number)
        return ST_OK;
    TRY(snapshot_ref_by_number(at, number, &ref));
    list->kept = (struct relay_point){number, ref.hash};
    list->changed = true;
    return ST_OK;
}

static enum status scan(struct relay_list *list, struct snapshot *at, struct err *err)
{
    static const char passed[] =
        "MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)";
    hash32 topic = abi_topic(passed);
    struct eth_filter filter = {.who = CHILD_MESSAGE_PASSER, .topics = &topic, .topic_count = 1};
    u64 to = at->head->safe;
    follow_reorgs(list, at);
    for (int i = 0; i < MOST_BLOCKS && list->seen.number < to && list->count < RELAY_MOST_ROWS;
         i++) {
        u64 found;
        enum status st = snapshot_next_bloom(at, list->seen.number + 1, to, MOST_BLOOMS,
                                             may_hold_one, &filter, &found);
        if (st == ST_AGAIN)
            return see(list, at, found - 1);
        if (st == ST_MISSING)
            found = to;
        else if (st != ST_OK)
            return fail(err, st, "the child's blocks cannot be read");
        else
            TRY(add_block(list, at, found, err));
        TRY(see(list, at, found));
    }
    return keep_up(list, at);
}

static enum status find_new(struct layer *layer, struct arena tmp, struct err *err)
{
    struct snapshot at;
    TRY(snapshot_open(layer->options.chain, &tmp, &at, err));
    enum status st = scan(&layer->relayer->list, &at, err);
    snapshot_close(&at);
    return st;
}

/* What a row is about. ST_MISSING: its block has gone since. */
static enum status read_one(struct layer *layer, const struct relay_row *row,
                            struct child_withdrawal *out, struct arena *arena, struct err *err)
{
    struct snapshot at;
    struct block_ref ref;
    struct child_withdrawal *list;
    usize count = 0;
    TRY(snapshot_open(layer->options.chain, arena, &at, err));
    enum status st = snapshot_ref_by_number(&at, row->block, &ref);
    if (st == ST_OK)
        st = read_block(&at, &ref, &list, &count, arena, err);
    snapshot_close(&at);
    TRY(st);
    for (usize i = 0; i < count; i++) {
        if (!hash32_equal(list[i].hash, row->hash))
            continue;
        *out = list[i];
        return ST_OK;
    }
    return ST_MISSING;
}

/* --- One withdrawal. */

enum verdict {
    ROW_WAITS,
    ROW_ENDS, /* nothing remains to be done, or nothing more is tried */
    ROW_CALLS,
};

struct job {
    struct layer *layer;
    struct bridge bridge;
    struct relay_row *row;
    struct child_withdrawal w;
    struct agent_call *call;
    struct arena *arena; /* for the call */
};

static enum verdict wait_ms(struct job *job, u64 ms)
{
    job->row->due_ms = clock_now_ms() + ms;
    return ROW_WAITS;
}

static enum verdict end(const struct job *job, const char *text)
{
    log_info("relayer", text, LOG_HEX("withdrawal", job->row->hash));
    return ROW_ENDS;
}

static enum verdict give_up(const struct job *job, const char *why)
{
    log_warn("relayer", "a withdrawal is left to its owner", LOG_HEX("withdrawal", job->row->hash),
             LOG_TEXT("why", why));
    return ROW_ENDS;
}

/* It cannot be done now; perhaps later, and not for ever. */
static enum verdict refuse(struct job *job, const char *why)
{
    enum { DOUBLINGS = 11 };
    struct relay_row *row = job->row;
    u64 ms = (u64)LEAST_WAIT_MS << min_u64(row->refusals, DOUBLINGS);
    if (row->refusals >= MOST_REFUSALS)
        return give_up(job, why);
    if (row->refusals == 0)
        log_info("relayer", "this cannot be done now, and is tried again",
                 LOG_HEX("withdrawal", row->hash), LOG_TEXT("why", why));
    row->refusals++;
    job->layer->relayer->list.changed = true;
    return wait_ms(job, min_u64(ms, MOST_WAIT_MS));
}

/* What the call takes if it comes from there. *works false: it would fail, and `err` says why. */
static enum status estimate(struct job *job, address from, u64 *gas, bool *works, struct err *err)
{
    struct eth_refusal refusal;
    struct arena tmp = *job->arena;
    struct eth_message message = {
        .has_from = true, .from = from, .to = job->call->to, .data = job->call->data};
    enum status st =
        eth_ask_gas(job->bridge.parent, &message, eth_at_tag(ETH_LATEST), gas, &refusal, &tmp, err);
    *works = st == ST_OK;
    return st == ST_INVALID ? ST_OK : st;
}

static bool is_too_much(const struct job *job, u64 gas)
{
    u64 most = job->layer->options.relay_gas;
    return most != 0 && gas > most;
}

static enum verdict give_up_costly(const struct job *job, u64 gas)
{
    struct err why;
    (void)fail(&why, ST_FULL, "a step takes %lu gas, and --relay.gas is %lu", gas,
               job->layer->options.relay_gas);
    return give_up(job, why.text);
}

static enum verdict make_call(struct job *job, u64 gas, const char *text)
{
    struct relay_row *row = job->row;
    struct relayer *relayer = job->layer->relayer;
    if (row->failures >= MOST_FAILURES)
        return give_up(job, "its transactions have come to nothing");
    if (is_too_much(job, gas))
        return give_up_costly(job, gas);
    job->call->gas_limit = gas + gas * GAS_MARGIN_PERCENT / 100;
    job->call->attempt = row->failures;
    relayer->has_sent = true;
    relayer->sent = row->hash;
    log_info("relayer", text, LOG_HEX("withdrawal", row->hash), LOG_U64("gas", gas));
    return ROW_CALLS;
}

static enum status prove(struct job *job, const struct withdrawal_status *status,
                         enum verdict *verdict, struct err *err)
{
    u64 gas;
    bool works;
    relay_row_enter(job->row, RELAY_PROVE);
    job->call->to = job->bridge.rollup->portal;
    TRY(bridge_prove_call(&job->bridge, &job->w, &status->claim, &job->call->data, job->arena,
                          err));
    TRY(estimate(job, job->layer->options.signer->who, &gas, &works, err));
    *verdict = works ? make_call(job, gas, "proves a withdrawal") : refuse(job, err->text);
    return ST_OK;
}

/* A payment whose call fails is lost, and waits for better times; a message is not, since it can
 * be replayed. */
static enum status pay(struct job *job, const struct withdrawal_status *status,
                       enum message_state message, enum verdict *verdict, struct err *err)
{
    u64 gas;
    bool works;
    relay_row_enter(job->row, RELAY_PAY);
    job->call->to = job->bridge.rollup->portal;
    job->call->data = bridge_pay_call(&job->w, status->prover, job->arena);
    TRY(estimate(job, ESTIMATES, &gas, &works, err));
    if (!works && message != MESSAGE_NONE)
        TRY(estimate(job, job->layer->options.signer->who, &gas, &works, err));
    *verdict = works ? make_call(job, gas, "has a withdrawal paid out") : refuse(job, err->text);
    return ST_OK;
}

static enum status replay(struct job *job, enum message_state message, enum verdict *verdict,
                          struct err *err)
{
    u64 gas;
    bool works;
    switch (message) {
    case MESSAGE_NONE:
        *verdict = end(job, "a withdrawal is paid");
        return ST_OK;
    case MESSAGE_DELIVERED:
        *verdict = end(job, "a withdrawal is paid, and its message delivered");
        return ST_OK;
    case MESSAGE_UNKNOWN:
        *verdict = refuse(job, "it is paid, but its message has come nowhere");
        return ST_OK;
    case MESSAGE_FAILED:
        break;
    }
    relay_row_enter(job->row, RELAY_REPLAY);
    job->call->to = job->bridge.rollup->messenger;
    job->call->data = job->w.data;
    TRY(estimate(job, ESTIMATES, &gas, &works, err));
    *verdict = works ? make_call(job, gas, "replays a message") : refuse(job, err->text);
    return ST_OK;
}

/* By the parent's clock, which may be moved on where people develop; so not all of it at once. */
static enum verdict wait_for_windows(struct job *job, const struct withdrawal_status *status)
{
    enum { SHARE = 8 };
    u64 left_s = status->ready_s > status->now_s ? status->ready_s - status->now_s : 0;
    u64 ms = mul_sat_u64(left_s, 1000) / SHARE;
    return wait_ms(job, min_u64(max_u64(ms, LEAST_WAIT_MS / 2), MOST_WAIT_MS));
}

static enum status consider(struct job *job, enum verdict *verdict, struct err *err)
{
    struct withdrawal_status status;
    enum message_state message;
    address own = job->layer->options.signer->who;
    u64 least_gas = u256_to_u64_sat(job->w.gas_limit);
    if (is_too_much(job, least_gas)) { /* so its proof would be for nothing */
        *verdict = give_up_costly(job, least_gas);
        return ST_OK;
    }
    TRY(bridge_look(&job->bridge, &job->w, own, &status, *job->arena, err));
    switch (status.stage) {
    case WITHDRAWAL_BEGUN:
        *verdict = wait_ms(job, LEAST_WAIT_MS);
        return ST_OK;
    case WITHDRAWAL_CLAIMED:
        return prove(job, &status, verdict, err);
    case WITHDRAWAL_PROVEN:
        *verdict = wait_for_windows(job, &status);
        return ST_OK;
    case WITHDRAWAL_READY:
    case WITHDRAWAL_PAID:
        break;
    }
    TRY(bridge_look_message(&job->bridge, &job->w, &message, *job->arena, err));
    return status.stage == WITHDRAWAL_READY ? pay(job, &status, message, verdict, err)
                                            : replay(job, message, verdict, err);
}

static enum verdict look_at_row(struct layer *layer, struct eth *parent, struct relay_row *row,
                                struct agent_call *out, struct arena *arena)
{
    struct err why = {""};
    enum verdict verdict = ROW_WAITS;
    struct job job = {.layer = layer,
                      .bridge = {.rollup = layer->options.rollup,
                                 .parent = parent,
                                 .chain = layer->options.chain,
                                 .kept = layer->outputs},
                      .row = row,
                      .call = out,
                      .arena = arena};
    enum status st = read_one(layer, row, &job.w, arena, &why);
    if (st == ST_OK)
        st = consider(&job, &verdict, &why);
    if (st == ST_OK)
        return verdict;
    if (st == ST_INVALID)
        return refuse(&job, why.text);
    log_debug("relayer", "a withdrawal cannot be looked at now", LOG_HEX("withdrawal", row->hash),
              LOG_TEXT("why", why.text));
    return wait_ms(&job, LEAST_WAIT_MS);
}

/* --- All of them. */

/* What has become of the last call. A replay may be in a block and have failed all the same: until
 * the messenger says that it has not, it counts as such. */
static void note_outcome(struct layer *layer, const struct agent_memory *memory, struct arena tmp)
{
    struct relayer *relayer = layer->relayer;
    if (!relayer->has_sent)
        return;
    relayer->has_sent = false;
    for (usize i = 0; i < relayer->list.count; i++) {
        struct relay_row *row = &relayer->list.rows[i];
        if (!hash32_equal(row->hash, relayer->sent))
            continue;
        row->due_ms = clock_now_ms() + LEAST_WAIT_MS / 2;
        if (memory->outcome == AGENT_FAILED ||
            (memory->outcome == AGENT_DONE && row->stage == RELAY_REPLAY)) {
            row->failures++;
            relayer->list.changed = true;
            save(layer, tmp);
        }
        return;
    }
}

/* The newest claim, if one is waited for. */
static enum status look_for_claims(struct layer *layer, struct eth *parent, struct arena tmp,
                                   struct err *err)
{
    struct relayer *relayer = layer->relayer;
    const struct relay_list *list = &relayer->list;
    struct claim_record latest;
    address settlement;
    bool waits = false;
    for (usize i = 0; !waits && i < list->count; i++)
        waits = list->rows[i].block > relayer->claimed;
    if (!waits)
        return ST_OK;
    TRY(contract_ask_address(parent, layer->options.rollup->portal, "disputeGameFactory()",
                             &settlement, tmp, err));
    TRY(claims_latest(parent, settlement, &latest, tmp, err));
    relayer->claimed = max_u64(relayer->claimed, latest.number);
    return ST_OK;
}

/* In turn, so that none keeps the others waiting. True: one has a call to make. */
static bool look_at_rows(struct layer *layer, struct eth *parent, struct agent_call *out,
                         struct arena *arena)
{
    struct relayer *relayer = layer->relayer;
    struct relay_list *list = &relayer->list;
    usize asked = 0;
    for (usize left = list->count; left > 0 && asked < MOST_ASKED; left--) {
        if (relayer->next == 0 || relayer->next > list->count)
            relayer->next = list->count;
        struct relay_row *row = &list->rows[--relayer->next];
        if (clock_now_ms() < row->due_ms || row->block > relayer->claimed)
            continue;
        asked++;
        struct arena tmp = *arena;
        *out = (struct agent_call){0};
        enum verdict verdict = look_at_row(layer, parent, row, out, &tmp);
        if (verdict == ROW_ENDS)
            relay_list_drop(list, relayer->next);
        if (verdict != ROW_CALLS)
            continue;
        *arena = tmp;
        return true;
    }
    return false;
}

bool relayer_look(struct layer *layer, struct eth *parent, struct agent_memory *memory,
                  struct agent_call *out, struct arena *arena)
{
    struct relayer *relayer = layer->relayer;
    struct err why;
    u64 now_ms = clock_now_ms();
    memory->not_before_ms = now_ms + max_u64(LOOK_MS, 2 * layer->options.poll_ms);
    note_outcome(layer, memory, *arena);
    if (now_ms - relayer->saved_ms > SAVE_MS)
        save(layer, *arena);
    enum status st = find_new(layer, *arena, &why);
    if (st == ST_OK)
        st = look_for_claims(layer, parent, *arena, &why);
    if (st != ST_OK) {
        log_debug("relayer", "cannot look now", LOG_TEXT("why", why.text));
        return false;
    }
    return look_at_rows(layer, parent, out, arena);
}
