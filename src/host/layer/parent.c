#include "layer/parent.h"

#include "client/abi.h"
#include "client/contract.h"
#include "client/follow.h"
#include "client/inbox_events.h"
#include "crypto/keccak.h"
#include "layer/item_tx.h"
#include "layer/shelf.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/pages.h"
#include "sys/thread.h"

#include <stdlib.h>

/* Address space for what one answer of the parent holds. */
#define SCRATCH ((usize)4 << 30)
enum {
    ANSWER_LIMIT = 64 << 20,
    RETRY_MS = 1000,
    HURRY_MS = 50, /* between two looks, however much somebody presses */
    PATIENCE_MS =
        10000, /* without an answer, until people are told; it is asked again all the same */
};

struct parent {
    struct parent_options options;
    struct eth *eth;
    struct follow *follow;
    struct pages pages; /* its thread's */
    pthread_t thread;
    bool runs;
    atomic_bool stopping;

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t woken; /* to stop, or to look */
    bool hurries;
    struct shelf blocks, items, batches;
    hash32 first_inbox_acc, first_batch_acc; /* before the shelves' first rows */
    struct parent_state state;
};

/* --- Reading. */

void parent_lock(struct parent *parent)
{
    pthread_mutex_lock(&parent->lock);
}

void parent_unlock(struct parent *parent)
{
    pthread_mutex_unlock(&parent->lock);
}

struct parent_state parent_state(const struct parent *parent)
{
    struct parent_state state = parent->state;
    state.head = parent->blocks.count == 0 ? 0 : shelf_end(&parent->blocks) - 1;
    state.item_count = shelf_end(&parent->items);
    state.batch_count = shelf_end(&parent->batches);
    return state;
}

const struct parent_block *parent_block(const struct parent *parent, u64 number)
{
    return shelf_at(&parent->blocks, number);
}

const struct parent_item *parent_item(const struct parent *parent, u64 position)
{
    return shelf_at(&parent->items, position);
}

const struct parent_batch *parent_batch(const struct parent *parent, u64 index)
{
    return shelf_at(&parent->batches, index);
}

bool parent_inbox_acc(const struct parent *parent, u64 count, hash32 *out)
{
    const struct parent_item *before = count == 0 ? NULL : parent_item(parent, count - 1);
    if (before == NULL && count != parent->items.first)
        return false;
    *out = before == NULL ? parent->first_inbox_acc : before->acc;
    return true;
}

bool parent_batch_acc(const struct parent *parent, u64 count, hash32 *out)
{
    const struct parent_batch *before = count == 0 ? NULL : parent_batch(parent, count - 1);
    if (before == NULL && count != parent->batches.first)
        return false;
    *out = before == NULL ? parent->first_batch_acc : before->record.batch_acc;
    return true;
}

void parent_forget(struct parent *parent, u64 block, u64 item, u64 batch)
{
    (void)parent_inbox_acc(parent, min_u64(item, shelf_end(&parent->items)),
                           &parent->first_inbox_acc);
    (void)parent_batch_acc(parent, min_u64(batch, shelf_end(&parent->batches)),
                           &parent->first_batch_acc);
    shelf_forget(&parent->blocks, block);
    shelf_forget(&parent->items, item);
    shelf_forget(&parent->batches, batch);
}

/* --- Rows and what they hold. */

static bytes keep(bytes from)
{
    if (from.size == 0)
        return BYTES_EMPTY;
    u8 *copy = malloc(from.size);
    assert(copy != NULL);
    memcpy(copy, from.data, from.size);
    return (bytes){copy, from.size};
}

static void let_go(bytes kept)
{
    free((void *)(uintptr_t)kept.data);
}

static void drop_block(void *row)
{
    let_go(((struct parent_block *)row)->header);
}

static void drop_item(void *row)
{
    let_go(((struct parent_item *)row)->item.data);
}

static void drop_batch(void *row)
{
    let_go(((struct parent_batch *)row)->data);
}

/* --- Items. */

/* Where OP's clients say that it comes from: the portal's event, which is right after the Inbox's.
 * Source: OP Stack, deposits.md, "Source hash computation". */
static hash32 op_source_hash(hash32 block_hash, u64 log_index)
{
    u8 place[64] = {0}, source[64] = {0};
    memcpy(place, block_hash.b, 32);
    store_be64(place + 56, log_index + 1);
    hash32 id = keccak256(BYTES_OF(place));
    memcpy(source + 32, id.b, 32);
    return keccak256(BYTES_OF(source));
}

static enum status take_item(struct parent *parent, const struct eth_log *log, struct err *err)
{
    struct parent_item row = {.block_number = log->block_number};
    hash32 before = {{0}};
    TRY(inbox_read_item(&log->log, &row.item, err));
    u64 next = shelf_end(&parent->items);
    if (row.item.position < parent->items.first) /* before the checkpoint */
        return ST_OK;
    if (row.item.position != next)
        return fail(err, ST_CORRUPT,
                    "the parent's logs have item %lu of the Inbox where %lu is due",
                    row.item.position, next);
    bool known = parent_inbox_acc(parent, next, &before);
    assert(known);
    row.acc = inbox_acc_next(before, inbox_item_leaf(&row.item));
    row.item.data = keep(row.item.data);
    *(struct parent_item *)shelf_push(&parent->items) = row;
    return ST_OK;
}

/* The transaction of a deposit by both of its names. */
struct named_deposit {
    hash32 op_hash, our_hash;
};

/* Of the items from `first` on, which came with these logs. */
static void name_deposits(const struct parent *parent, u64 first, const struct eth_log *logs,
                          usize count, struct named_deposit **out, usize *named,
                          struct arena *arena)
{
    *named = 0;
    *out = ARENA_TAKE(arena, struct named_deposit, count);
    for (usize i = 0; i < count; i++) {
        struct inbox_item item;
        const struct parent_item *row;
        if (inbox_event_of(&logs[i].log) != INBOX_ITEM_ENQUEUED ||
            inbox_read_item(&logs[i].log, &item, NULL) != ST_OK || item.kind != INBOX_DEPOSIT ||
            item.position < first || (row = parent_item(parent, item.position)) == NULL)
            continue;
        (*out)[(*named)++] = (struct named_deposit){
            item_tx_hash(&item, op_source_hash(logs[i].block_hash, logs[i].index), *arena),
            item_tx_hash(&item, source_hash_item(row->acc), *arena)};
    }
}

/* Without the lock: it may take the disk's time. */
static void index_deposits(struct parent *parent, const struct named_deposit *list, usize count)
{
    struct err why;
    for (usize i = 0; i < count; i++)
        if (hash_index_put(parent->options.deposits, list[i].op_hash, BYTES_OF(list[i].our_hash),
                           &why) != ST_OK)
            log_error("layer", "the index of deposits cannot be written now",
                      LOG_TEXT("why", why.text));
}

/* --- Batches. */

/* The argument `data` of append(...), from a transaction's input. */
static enum status append_data(bytes input, bytes *out)
{
    u32 selector = abi_selector("append(bytes32,uint64,bytes32,uint64,bytes32,bytes)");
    if (input.size < 4 || load_be32(input.data) != selector)
        return ST_INVALID;
    struct abi_in in = abi_over(bytes_slice(input, 4, input.size));
    for (int i = 0; i < 5; i++)
        (void)abi_get_hash(&in);
    *out = abi_get_bytes(&in);
    return in.failed ? ST_INVALID : ST_OK;
}

/* The hashes of the first `blobCount` of the transaction's blobs: the argument of
 * appendBlobs(...). */
static enum status append_hashes(const struct eth_tx *tx, bytes *out)
{
    u32 selector = abi_selector("appendBlobs(bytes32,uint64,bytes32,uint64,bytes32,uint256)");
    if (tx->input.size < 4 || load_be32(tx->input.data) != selector)
        return ST_INVALID;
    struct abi_in in = abi_over(bytes_slice(tx->input, 4, tx->input.size));
    for (int i = 0; i < 5; i++)
        (void)abi_get_hash(&in);
    u64 count = abi_get_u64(&in);
    if (in.failed || count > tx->blob_hash_count)
        return ST_INVALID;
    *out = (bytes){(const u8 *)tx->blob_hashes, count * sizeof(hash32)};
    return ST_OK;
}

static hash32 hash_of_data(enum batch_data_kind kind, bytes data)
{
    if (kind == BATCH_BLOBS)
        return batch_hash_blobs((const hash32 *)(const void *)data.data,
                                data.size / sizeof(hash32));
    return batch_hash_calldata(data);
}

/* The data, out of the transaction that appended them. Without the lock: it asks the parent, and
 * where there are blobs, whoever has them. */
static enum status fetch_data(struct parent *parent, const struct eth_log *log,
                              const struct batch_record *record, enum batch_data_kind kind,
                              bytes *out, struct arena *arena, struct err *err)
{
    struct eth_tx tx;
    TRY(eth_ask_txs(parent->eth, &log->tx_hash, 1, &tx, arena, err));
    if (!tx.found)
        return fail(err, ST_AGAIN, "the parent does not have the transaction of batch %lu (yet)",
                    record->index);
    enum status st = kind == BATCH_BLOBS ? append_hashes(&tx, out) : append_data(tx.input, out);
    if (st != ST_OK || !hash32_equal(hash_of_data(kind, *out), record->data_hash))
        return fail(err, ST_CORRUPT, "what the parent gives as batch %lu is not what was appended",
                    record->index);
    if (kind != BATCH_BLOBS)
        return ST_OK;
    struct err why;
    st = blob_store_fetch(parent->options.blobs, record->time,
                          (const hash32 *)(const void *)out->data, out->size / sizeof(hash32),
                          *arena, &why);
    if (st != ST_OK) /* whoever has none now may have them later */
        return fail(err, st == ST_MISSING ? ST_AGAIN : st, "batch %lu: %s", record->index,
                    why.text);
    return ST_OK;
}

static enum status take_batch(struct parent *parent, const struct eth_log *log, struct arena tmp,
                              struct err *err)
{
    struct parent_batch row = {.block_number = log->block_number};
    hash32 before = {{0}};
    TRY(inbox_read_batch(&log->log, &row.record, &row.kind, err));
    u64 next = shelf_end(&parent->batches);
    if (row.record.index < parent->batches.first)
        return ST_OK;
    bool known = parent_batch_acc(parent, next, &before);
    assert(known);
    if (row.record.index != next ||
        !hash32_equal(batch_acc_next(before, &row.record), row.record.batch_acc))
        return fail(err, ST_CORRUPT, "the parent's logs have batch %lu where %lu is due",
                    row.record.index, next);
    if (row.kind != BATCH_FORCED) {
        parent_unlock(parent); /* nobody else changes the shelves */
        enum status st = fetch_data(parent, log, &row.record, row.kind, &row.data, &tmp, err);
        parent_lock(parent);
        TRY(st);
    }
    row.data = keep(row.data);
    *(struct parent_batch *)shelf_push(&parent->batches) = row;
    return ST_OK;
}

/* --- What was left out or altered. */

/* Asks the Inbox as it was after that block. ST_INVALID: the server refuses. */
static enum status ask_inbox(struct parent *parent, hash32 block, bytes call, hash32 *out,
                             struct arena tmp, struct err *err)
{
    bytes result;
    struct eth_refusal refusal;
    struct eth_message message = {.to = parent->options.rollup->inbox, .data = call};
    TRY(eth_ask_call(parent->eth, &message, eth_at_hash(block), &result, &refusal, &tmp, err));
    struct abi_in in = abi_over(result);
    *out = abi_get_hash(&in);
    return contract_check(parent->eth, &in, "the Inbox's counters", err);
}

/* How many there are, and what their accumulator is. */
static enum status ask_order(struct parent *parent, hash32 block, const char *count_of,
                             const char *acc_at, u64 *count, hash32 *acc, struct arena tmp,
                             struct err *err)
{
    hash32 word;
    TRY(ask_inbox(parent, block, contract_call0(count_of, &tmp), &word, tmp, err));
    *count = load_be64(word.b + 24);
    struct abi_out call = abi_begin_call(abi_selector(acc_at), 1, &tmp);
    abi_put_u64(&call, *count);
    return ask_inbox(parent, block, abi_end(&call), acc, tmp, err);
}

static enum status check_order(struct parent *parent, const struct eth_header *header, bool items,
                               struct arena tmp, struct err *err)
{
    u64 count;
    hash32 acc, ours;
    if (items)
        TRY(ask_order(parent, header->hash, "itemCount()", "inboxAccAt(uint64)", &count, &acc, tmp,
                      err));
    else
        TRY(ask_order(parent, header->hash, "batchCount()", "batchAccAt(uint64)", &count, &acc, tmp,
                      err));
    const struct shelf *shelf = items ? &parent->items : &parent->batches;
    parent_lock(parent);
    bool before = count < shelf->first; /* of the checkpoint, still */
    bool known =
        items ? parent_inbox_acc(parent, count, &ours) : parent_batch_acc(parent, count, &ours);
    u64 told = shelf_end(shelf);
    parent_unlock(parent);
    if (before || (known && count == told && hash32_equal(acc, ours)))
        return ST_OK;
    return fail(err, ST_CORRUPT,
                "the logs that %s gives are not those of the Inbox: after block %lu it has %lu %s, "
                "and the logs tell of %lu%s",
                eth_name(parent->eth), header->header.number, count, items ? "items" : "batches",
                told, count == told ? " others" : "");
}

/* Logs that were left out show in nothing but the next item or batch, and items that were altered
 * in the next batch; then it would be too late, because blocks before would have to come again. So
 * where the header does not rule out events of the Inbox, its own accumulators are asked for. Not
 * every server still has the state of old blocks; those with logs are left to the batches. */
static enum status check_logs(struct parent *parent, const struct eth_header *header, usize count,
                              struct arena tmp, struct err *err)
{
    enum { RECENT = 64 };
    u64 latest = follow_status(parent->follow).latest;
    struct eth_filter filter = {parent->options.rollup->inbox, INBOX_TOPICS, countof(INBOX_TOPICS)};
    if (!eth_bloom_may_match(&header->header.logs_bloom, &filter) ||
        (count > 0 && header->header.number + RECENT < latest))
        return ST_OK;
    enum status st = check_order(parent, header, true, tmp, err);
    if (st == ST_OK)
        st = check_order(parent, header, false, tmp, err);
    return st == ST_INVALID ? ST_OK : st;
}

/* --- What the follower delivers. */

static enum status block_removed(void *self, struct follow_point to, struct err *err)
{
    struct parent *parent = self;
    (void)err;
    parent_lock(parent);
    shelf_cut(&parent->blocks, to.number + 1);
    const struct parent_item *item;
    while ((item = shelf_at(&parent->items, shelf_end(&parent->items) - 1)) != NULL &&
           item->block_number > to.number)
        shelf_cut(&parent->items, shelf_end(&parent->items) - 1);
    const struct parent_batch *batch;
    while ((batch = shelf_at(&parent->batches, shelf_end(&parent->batches) - 1)) != NULL &&
           batch->block_number > to.number)
        shelf_cut(&parent->batches, shelf_end(&parent->batches) - 1);
    parent->state.epoch++;
    parent_unlock(parent);
    log_warn("layer", "the parent has taken blocks back", LOG_U64("to", to.number));
    return ST_OK;
}

static enum status take_logs(struct parent *parent, const struct eth_log *logs, usize count,
                             struct arena tmp, struct err *err)
{
    for (usize i = 0; i < count; i++) {
        enum inbox_event event = inbox_event_of(&logs[i].log);
        if (event == INBOX_ITEM_ENQUEUED)
            TRY(take_item(parent, &logs[i], err));
        if (event == INBOX_BATCH_APPENDED)
            TRY(take_batch(parent, &logs[i], tmp, err));
    }
    return ST_OK;
}

static enum status block_came(void *self, const struct eth_header *header,
                              const struct eth_log *logs, usize count, struct err *err)
{
    struct parent *parent = self;
    struct arena arena = pages_arena(&parent->pages);
    struct parent_block row;
    bytes encoded = header_encode(&header->header, &arena);
    TRY(derive_origin_read(parent->options.config, encoded, &row.origin, err));
    assert(hash32_equal(row.origin.hash, header->hash));
    parent_lock(parent);
    assert(row.origin.number == shelf_end(&parent->blocks));
    u64 items = shelf_end(&parent->items), batches = shelf_end(&parent->batches);
    enum status st = take_logs(parent, logs, count, arena, err);
    parent_unlock(parent); /* what was taken counts only once its block is there */
    if (st == ST_OK)
        st = check_logs(parent, header, count, arena, err);
    parent_lock(parent);
    if (st == ST_OK) {
        struct named_deposit *deposits;
        usize named;
        name_deposits(parent, items, logs, count, &deposits, &named, &arena);
        parent_unlock(parent); /* nobody else changes the shelves' ends */
        index_deposits(parent, deposits, named);
        parent_lock(parent);
        row.header = keep(encoded);
        *(struct parent_block *)shelf_push(&parent->blocks) = row;
    } else { /* the block comes again, whole */
        shelf_cut(&parent->items, items);
        shelf_cut(&parent->batches, batches);
    }
    parent_unlock(parent);
    return st;
}

/* --- The thread. */

static void say_reached(struct parent *parent, enum status st, const struct err *why)
{
    bool reached = st == ST_OK;
    parent_lock(parent);
    bool before = parent->state.reached;
    parent->state.reached = reached;
    parent_unlock(parent);
    if (before && !reached)
        log_error("layer", "the parent cannot be followed now", LOG_TEXT("why", why->text));
    if (!before && reached)
        log_info("layer", "the parent is reached", LOG_TEXT("at", eth_name(parent->eth)));
}

static void take_position(struct parent *parent, bool caught_up)
{
    struct follow_status status = follow_status(parent->follow);
    parent_lock(parent);
    parent->state.caught_up = parent->state.caught_up || caught_up;
    parent->state.safe = status.has_safe ? status.safe : 0;
    parent->state.finalized = status.has_final ? status.final : 0;
    parent_unlock(parent);
}

void parent_hurry(struct parent *parent)
{
    parent_lock(parent);
    parent->hurries = true;
    pthread_cond_signal(&parent->woken);
    parent_unlock(parent);
}

/* `soon_ms` where somebody presses. */
static void sleep_until(struct parent *parent, u64 at_ms, u64 soon_ms)
{
    u64 due_ms;
    parent_lock(parent);
    while (!parent->stopping &&
           clock_now_ms() < (due_ms = parent->hurries ? min_u64(soon_ms, at_ms) : at_ms)) {
        struct timespec until = {.tv_sec = (time_t)(due_ms / 1000),
                                 .tv_nsec = (long)(due_ms % 1000) * 1000000};
        pthread_cond_timedwait(&parent->woken, &parent->lock, &until);
    }
    parent->hurries = false;
    parent_unlock(parent);
}

static void *run(void *self)
{
    struct parent *parent = self;
    while (!parent->stopping) {
        struct err why;
        bool more = false;
        enum status st = follow_poll(parent->follow, &more, &why);
        if (parent->stopping)
            break;
        say_reached(parent, st, &why);
        take_position(parent, st == ST_OK && !more);
        parent->options.changed(parent->options.self);
        pages_trim(&parent->pages, (usize)1 << 20);
        u64 pause_ms = st == ST_OK ? parent->options.poll_ms : (u64)RETRY_MS,
            now_ms = clock_now_ms();
        if (!more || st != ST_OK)
            sleep_until(parent, now_ms + pause_ms, now_ms + (u64)HURRY_MS);
    }
    return NULL;
}

/* --- Beginning and end. */

/* A final block that is gone: somebody has to look into that. */
static enum status check_checkpoint(struct parent *parent, struct arena *arena, struct err *err)
{
    const struct checkpoint *checkpoint = parent->options.checkpoint;
    struct eth_header header;
    enum status st =
        eth_ask_header(parent->eth, eth_at_number(checkpoint->parent_block), &header, arena, err);
    if (st == ST_MISSING || (st == ST_OK && !hash32_equal(header.hash, checkpoint->parent_hash)))
        return fail(err, ST_INVALID,
                    "block %lu of %s was final and is another one now: the parent has broken its "
                    "promise, or is a node that lags behind",
                    checkpoint->parent_block, eth_name(parent->eth));
    return st;
}

static enum status check_parent(struct parent *parent, struct err *err)
{
    const struct rollup *rollup = parent->options.rollup;
    struct arena arena = pages_arena(&parent->pages);
    u64 chain_id;
    bytes code;
    struct eth_header begin;
    TRY(eth_ask_chain_id(parent->eth, &chain_id, err));
    if (chain_id != rollup->parent_chain_id)
        return fail(err, ST_INVALID, "%s is chain %lu, but rollup.json is for a child of chain %lu",
                    eth_name(parent->eth), chain_id, rollup->parent_chain_id);
    TRY(eth_ask_code(parent->eth, rollup->inbox, eth_at_tag(ETH_LATEST), &code, &arena, err));
    if (code.size == 0)
        return fail(err, ST_INVALID,
                    "%s has no contract where rollup.json says that the Inbox is: was the chain "
                    "begun anew?",
                    eth_name(parent->eth));
    enum status st =
        eth_ask_header(parent->eth, eth_at_number(rollup->parent_block), &begin, &arena, err);
    if (st == ST_OK && parent->options.checkpoint != NULL)
        TRY(check_checkpoint(parent, &arena, err));
    if (st == ST_MISSING || (st == ST_OK && !hash32_equal(begin.hash, rollup->parent_block_hash)))
        return fail(err, ST_INVALID,
                    "block %lu of %s is not the one that rollup.json begins after: that is "
                    "another chain with the same id",
                    rollup->parent_block, eth_name(parent->eth));
    return st;
}

static enum status begin(struct parent *parent, struct err *err)
{
    const struct rollup *rollup = parent->options.rollup;
    struct eth_options client = {.url = parent->options.url,
                                 .patience_ms = PATIENCE_MS,
                                 .answer_limit = ANSWER_LIMIT,
                                 .cancel = &parent->stopping};
    TRY(pages_reserve(SCRATCH, &parent->pages, err));
    TRY(eth_new(&client, &parent->eth, err));
    TRY(check_parent(parent, err));
    struct follow_options follow = {.eth = parent->eth,
                                    .filter = {rollup->inbox, INBOX_TOPICS, countof(INBOX_TOPICS)},
                                    .start = parent->blocks.first,
                                    .listener = {parent, block_removed, block_came}};
    TRY(follow_new(&follow, &parent->follow, err));
    TRY(thread_start(&parent->thread, "parent", run, parent, err));
    parent->runs = true;
    return ST_OK;
}

static void begin_at(struct parent *parent, const struct parent_options *options)
{
    u64 block = options->rollup->parent_block, item = 0, batch = 0;
    parent->first_inbox_acc = inbox_acc_first(&options->config->id);
    parent->first_batch_acc = batch_acc_first(&options->config->id);
    if (options->checkpoint != NULL) {
        const struct derive_state *state = &options->checkpoint->state;
        block = state->head.origin.number; /* the next block of the child may have it, too */
        item = state->inbox_pos;
        batch = state->batch_count;
        parent->first_inbox_acc = state->inbox_acc;
        parent->first_batch_acc = state->batch_acc;
    }
    shelf_init(&parent->blocks, sizeof(struct parent_block), block, drop_block);
    shelf_init(&parent->items, sizeof(struct parent_item), item, drop_item);
    shelf_init(&parent->batches, sizeof(struct parent_batch), batch, drop_batch);
}

enum status parent_start(const struct parent_options *options, struct parent **out, struct err *err)
{
    struct parent *parent = calloc(1, sizeof(*parent));
    assert(parent != NULL);
    parent->options = *options;
    parent->state.reached = true;
    begin_at(parent, options);
    pthread_mutex_init(&parent->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&parent->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum status st = begin(parent, err);
    if (st != ST_OK) {
        parent_stop(parent);
        return st;
    }
    *out = parent;
    return ST_OK;
}

void parent_stop(struct parent *parent)
{
    if (parent == NULL)
        return;
    parent_lock(parent);
    parent->stopping = true;
    pthread_cond_signal(&parent->woken);
    parent_unlock(parent);
    if (parent->runs)
        pthread_join(parent->thread, NULL);
    follow_free(parent->follow);
    eth_free(parent->eth);
    pages_release(&parent->pages);
    shelf_free(&parent->blocks);
    shelf_free(&parent->items);
    shelf_free(&parent->batches);
    pthread_cond_destroy(&parent->woken);
    pthread_mutex_destroy(&parent->lock);
    free(parent);
}
