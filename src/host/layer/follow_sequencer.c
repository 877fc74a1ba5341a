/* The sequencer's blocks before the parent has them: `latest` of a follower that was told where its
 * sequencer is.
 *
 *   a thread asks the sequencer ── signed blocks ──> the owner holds each against the parent,
 *        ^                                           executes it, and makes it the head
 *        └────────── where to go on, and when ──────────────┘
 *
 * One delivery is under way at a time. Whatever comes of this, the parent is followed as without
 * it, and what derivation makes replaces what was promised. Two blocks that the key has signed for
 * one place, while the parent's chain has the origins of both, end the trust in that key: the chain
 * goes back to what is on the parent, and goes by that alone until SystemConfig names another key
 * or the node starts anew. */
#include "layer/internal.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdlib.h>
#include <time.h>

enum {
    TIMEOUT_MS = UNSAFE_LONGEST_WAIT_MS + 5000,
    ANSWER_LIMIT = 64 << 20, /* as much as a server of ours gives */
    PATIENCE_MS = 20000,     /* for a parent block that a block rests on */
    PROMISES = 4096,         /* the newest that are remembered */
    /* Before the next question; all but the first are doubled each time, up to sixteenfold. */
    EMPTY_MS = 50,      /* the server could not wait for a block */
    SILENCE_MS = 250,   /* it did not answer */
    ELSEWHERE_MS = 100, /* its chain does not meet ours */
    REFUSED_MS = 500,   /* a block of it is not believed */
    MOST_DOUBLINGS = 4,
};
#define DELIVERY_PAGES ((usize)5 * ANSWER_LIMIT)

struct unsafe {
    struct eth *sequencer;
    pthread_t thread;
    bool runs;
    atomic_bool stopping;
    struct pages pages; /* of the delivery: the thread's to write, the owner's to read */

    /* Under layer->lock. */
    pthread_cond_t woken; /* the thread */
    bool open;            /* it may ask */
    bool delivered;       /* and the owner has not done with it */
    struct signed_block *blocks;
    usize count;
    u64 from; /* to ask for, or what was asked for */
    u64 not_before_ms;
    bool silent;
    u64 silent_since_s;

    /* The owner's. */
    usize next;         /* of the delivery */
    u64 waits_since_ms; /* for what that one rests on; 0: it does not */
    bool meets;         /* the last delivery went on from our head */
    unsigned misses;    /* deliveries in a row that were of no use */
    bool distrusts;
    address distrusted;
    u64 taken, broken;
    struct err said;
    struct unsafe_promise promises[PROMISES]; /* by number, modulo their count; hash zero: none */
};

/* --- What was promised. */

static struct unsafe_promise *promise_at(struct unsafe *unsafe, u64 number)
{
    struct unsafe_promise *promise = &unsafe->promises[number % PROMISES];
    return promise->number == number && !hash32_is_zero(promise->hash) ? promise : NULL;
}

void unsafe_forget(struct layer *layer, u64 from)
{
    struct unsafe *unsafe = layer->unsafe;
    if (unsafe == NULL)
        return;
    for (usize i = 0; i < PROMISES; i++)
        if (unsafe->promises[i].number >= from)
            unsafe->promises[i] = (struct unsafe_promise){.number = 0};
}

void unsafe_hold_against(struct layer *layer, const struct derive_block *block, hash32 hash)
{
    struct unsafe *unsafe = layer->unsafe;
    const struct unsafe_promise *promise =
        unsafe == NULL ? NULL : promise_at(unsafe, block->number);
    if (promise == NULL || hash32_equal(promise->hash, hash) ||
        !hash32_equal(promise->parent_hash, block->parent_hash))
        return;
    unsafe->broken++;
    log_error("layer", "the sequencer signed another block than the parent has",
              LOG_U64("number", block->number), LOG_HEX("parent", promise->parent_hash),
              LOG_HEX("signed", promise->hash), LOG_HEX("signature", promise->signature),
              LOG_HEX("sequencer", promise->signer), LOG_HEX("derived", hash));
}

/* --- The thread that asks. */

static u64 doubled(u64 pause_ms, unsigned times)
{
    return pause_ms << min_u64(times, MOST_DOUBLINGS);
}

/* Waits until there is something to ask for. False: the end has come. */
static bool wait_turn(struct layer *layer, u64 *from)
{
    enum { LOOK_MS = 1000 };
    struct unsafe *unsafe = layer->unsafe;
    pthread_mutex_lock(&layer->lock);
    for (;;) {
        u64 now_ms = clock_now_ms(), due_ms = now_ms + LOOK_MS;
        bool may_ask = unsafe->open && !unsafe->delivered;
        if (unsafe->stopping || (may_ask && now_ms >= unsafe->not_before_ms))
            break;
        if (may_ask)
            due_ms = min_u64(due_ms, unsafe->not_before_ms);
        struct timespec until = {.tv_sec = (time_t)(due_ms / 1000),
                                 .tv_nsec = (long)(due_ms % 1000) * 1000000};
        pthread_cond_timedwait(&unsafe->woken, &layer->lock, &until);
    }
    *from = unsafe->from;
    pthread_mutex_unlock(&layer->lock);
    return !unsafe->stopping;
}

static void say_reached(struct layer *layer, enum status st, const struct err *why)
{
    struct unsafe *unsafe = layer->unsafe;
    pthread_mutex_lock(&layer->lock);
    bool before = unsafe->silent;
    unsafe->silent = st != ST_OK;
    if (unsafe->silent && !before)
        unsafe->silent_since_s = clock_wall_ms() / 1000;
    layer->blocks_came |= before != unsafe->silent; /* for the status */
    pthread_cond_signal(&layer->woken);
    pthread_mutex_unlock(&layer->lock);
    if (unsafe->silent && !before)
        log_warn("layer", "the sequencer is silent: what is on the parent is followed",
                 LOG_TEXT("why", why->text));
    if (!unsafe->silent && before)
        log_info("layer", "the sequencer answers again",
                 LOG_TEXT("at", eth_name(unsafe->sequencer)));
}

static void deliver(struct layer *layer, struct signed_block *blocks, usize count, u64 next_ms)
{
    struct unsafe *unsafe = layer->unsafe;
    pthread_mutex_lock(&layer->lock);
    unsafe->not_before_ms = max_u64(unsafe->not_before_ms, next_ms);
    if (count > 0) {
        unsafe->blocks = blocks;
        unsafe->count = count;
        unsafe->delivered = layer->blocks_came = true;
        pthread_cond_signal(&layer->woken);
    }
    pthread_mutex_unlock(&layer->lock);
}

/* A question for what comes after our head is not answered by a server that has another block in
 * its place and none after it: so where nothing comes, that place is asked about, too. */
struct question {
    u64 from;
    u64 looked_back_ms; /* when that was last done */
    bool look_back;
};

static enum status put_question(struct layer *layer, struct question *question,
                                struct signed_block **out, usize *count, struct err *why)
{
    struct unsafe *unsafe = layer->unsafe;
    pages_trim(&unsafe->pages, (usize)1 << 20);
    struct arena arena = pages_arena(&unsafe->pages);
    u64 asked_ms = clock_now_ms();
    bool back = question->look_back && question->from > 1;
    enum status st =
        sequencer_ask_blocks(unsafe->sequencer, question->from - back,
                             back ? 0 : UNSAFE_LONGEST_WAIT_MS, out, count, &arena, why);
    if (back)
        question->looked_back_ms = asked_ms;
    question->look_back = st == ST_OK && *count == 0 && !back &&
                          asked_ms - question->looked_back_ms >= UNSAFE_LONGEST_WAIT_MS;
    return st;
}

static void *ask(void *self)
{
    struct layer *layer = self;
    struct unsafe *unsafe = layer->unsafe;
    struct question question = {.from = 0};
    unsigned failures = 0;
    while (wait_turn(layer, &question.from)) {
        struct signed_block *blocks = NULL;
        struct err why = {""};
        usize count = 0;
        u64 next_ms = clock_now_ms();
        enum status st = put_question(layer, &question, &blocks, &count, &why);
        if (unsafe->stopping)
            break;
        say_reached(layer, st, &why);
        if (st != ST_OK)
            next_ms = clock_now_ms() + doubled(SILENCE_MS, failures++);
        else if (count == 0)
            next_ms += EMPTY_MS;
        failures = st == ST_OK ? 0 : failures;
        deliver(layer, blocks, st == ST_OK ? count : 0, next_ms);
    }
    return NULL;
}

/* --- The owner: what a block is held against. */

enum verdict {
    TAKEN,     /* it is in the chain */
    WAITS,     /* for the parent's chain to be seen as far as it names it */
    ELSEWHERE, /* it is on another branch, or further on */
    REFUSED,   /* it is not believed */
    TWICE,     /* the key has signed another one in its place */
    FAILED,    /* our own chain could not */
};

static bool is_in_chain(struct layer *layer, u64 number, hash32 hash)
{
    struct child_head have;
    struct err ignored;
    return number <= layer->head.header.number &&
           child_head_at(layer, number, &have, &ignored) == ST_OK && hash32_equal(have.hash, hash);
}

static bool parent_has(struct layer *layer, u64 number, hash32 hash)
{
    parent_lock(layer->parent);
    const struct parent_block *block = parent_block(layer->parent, number);
    bool same = block != NULL && hash32_equal(block->origin.hash, hash);
    parent_unlock(layer->parent);
    return same;
}

static bool state_after(struct layer *layer, const struct child_head *head,
                        struct derive_state *out)
{
    parent_lock(layer->parent);
    bool known = child_head_state(layer, head, out);
    parent_unlock(layer->parent);
    return known;
}

/* The items that the block reads, copied. False: not all are known. Under the parent's lock. */
static bool copy_items(struct layer *layer, const struct unsafe_block *block,
                       struct unsafe_place *place, struct arena *arena)
{
    u64 from = place->before->inbox_pos, to = block->attributes.inbox_pos;
    if (to > parent_state(layer->parent).item_count)
        return false;
    u64 count = to > from ? to - from : 0; /* fewer than before: unsafe_check says so */
    struct inbox_item *items = ARENA_TAKE(arena, struct inbox_item, count);
    for (u64 i = 0; i < count; i++) {
        const struct parent_item *item = parent_item(layer->parent, from + i);
        if (item == NULL || item->block_number > place->origin->number)
            return false;
        items[i] = item->item;
        items[i].data = arena_copy(arena, item->item.data);
    }
    place->items = items;
    place->item_count = count;
    return true;
}

static enum verdict judge(struct layer *layer, const struct unsafe_block *block,
                          const struct derive_state *before, struct arena arena, struct err *why)
{
    const struct child_attributes *attributes = &block->attributes;
    struct unsafe_place place = {.config = &layer->config, .before = before};
    struct derive_origin origin;
    parent_lock(layer->parent);
    const struct parent_block *named = parent_block(layer->parent, attributes->origin_number);
    const struct parent_block *newest =
        parent_block(layer->parent, parent_state(layer->parent).head);
    bool known = named != NULL && hash32_equal(named->origin.hash, attributes->origin_hash);
    if (known) {
        origin = named->origin;
        place.origin = &origin;
        place.latest_s = newest == NULL ? 0 : newest->origin.timestamp;
        known = copy_items(layer, block, &place, &arena);
    }
    parent_unlock(layer->parent);
    if (!known) {
        (void)fail(why, ST_AGAIN, "block %lu names block %lu of the parent, which is not seen here",
                   block->head.header.number, attributes->origin_number);
        return WAITS;
    }
    place.latest_s = max_u64(place.latest_s, clock_wall_ms() / 1000);
    return unsafe_check(block, &place, arena, why) == ST_OK ? TAKEN : REFUSED;
}

/* --- Taking it in. */

/* Only a block that can be executed takes the place of others. */
static enum verdict import(struct layer *layer, const struct unsafe_block *block,
                           const struct child_head *below, struct err *why)
{
    enum import_outcome outcome;
    u64 number = block->head.header.number;
    bool extends = number == layer->head.header.number + 1;
    enum status st = chain_import(layer->options.chain, block->head.rlp, extends, &outcome, why);
    if (st == ST_INVALID)
        return REFUSED;
    if (st == ST_OK && !extends) {
        log_warn("layer", "the sequencer has other blocks than it had", LOG_U64("from", number),
                 LOG_U64("to", layer->head.header.number));
        st = layer_set_head(layer, below, why);
    }
    if (st == ST_OK && outcome != IMPORT_HEAD) /* also where it was here before a reorg */
        st = chain_set_head(layer->options.chain, block->head.hash, why);
    if (st == ST_OK)
        st = child_head_newest(layer, &layer->head, why);
    if (st != ST_OK)
        return FAILED;
    assert(hash32_equal(layer->head.hash, block->head.hash));
    layer->unsafe->taken = number;
    return TAKEN;
}

/* The key is the one that the block below names. */
static enum verdict check_signer(const struct unsafe_head *head, const struct derive_state *below,
                                 struct arena tmp, struct err *why)
{
    if (address_equal(head->signer, below->params.sequencer))
        return TAKEN;
    (void)fail(why, ST_INVALID, "block %lu is signed by %s, the sequencer is %s",
               head->header.number, hex_text(BYTES_OF(head->signer), &tmp),
               hex_text(BYTES_OF(below->params.sequencer), &tmp));
    return REFUSED;
}

static enum verdict append(struct layer *layer, const struct unsafe_block *block,
                           struct arena arena, struct err *why)
{
    u64 number = block->head.header.number;
    struct child_head below;
    struct derive_state before;
    if (number <= layer_safe_number(layer) || number > layer->head.header.number + 1)
        return ELSEWHERE;
    if (child_head_at(layer, number - 1, &below, why) != ST_OK)
        return FAILED;
    if (!hash32_equal(below.hash, block->head.header.parent_hash))
        return ELSEWHERE;
    if (!state_after(layer, &below, &before)) {
        (void)fail(why, ST_AGAIN, "the parent's chain is being followed");
        return WAITS;
    }
    enum verdict verdict = check_signer(&block->head, &before, arena, why);
    if (verdict == TAKEN)
        verdict = judge(layer, block, &before, arena, why);
    return verdict == TAKEN ? import(layer, block, &below, why) : verdict;
}

/* Both promises hold only while the parent has what they rest on. */
static enum verdict contradicted(struct layer *layer, const struct unsafe_promise *old,
                                 const struct unsafe_promise *new, struct err *why)
{
    if (parent_has(layer, old->origin_number, old->origin_hash) &&
        parent_has(layer, new->origin_number, new->origin_hash))
        return TWICE;
    (void)fail(why, ST_AGAIN, "block %lu is another one on a branch of the parent that is not seen",
               new->number);
    return WAITS;
}

static void say_twice(const struct unsafe_promise *old, const struct unsafe_promise *new)
{
    log_error("layer",
              "the sequencer has signed two blocks in one place, and is not believed any more",
              LOG_U64("number", old->number), LOG_HEX("parent", old->parent_hash),
              LOG_HEX("sequencer", old->signer), LOG_HEX("first", old->hash),
              LOG_HEX("firstSignature", old->signature), LOG_HEX("second", new->hash),
              LOG_HEX("secondSignature", new->signature));
}

static enum verdict consider(struct layer *layer, const struct signed_block *wire,
                             struct arena arena, struct err *why)
{
    struct unsafe *unsafe = layer->unsafe;
    struct unsafe_head head;
    struct unsafe_block block;
    struct derive_state state;
    if (unsafe_peek(wire, layer->options.rollup->chain_id, &head, why) != ST_OK)
        return REFUSED;
    bool here = is_in_chain(layer, head.header.number, head.hash);
    if (!state_after(layer, &layer->head, &state)) {
        (void)fail(why, ST_AGAIN, "the parent's chain is being followed");
        return WAITS;
    }
    if (check_signer(&head, &state, arena, why) != TAKEN)
        return here ? TAKEN : REFUSED; /* before the key was changed, it may have been right */
    if (unsafe_read(&head, &block, &arena, why) != ST_OK)
        return REFUSED;
    struct unsafe_promise promise = unsafe_promise_of(&block);
    struct unsafe_promise *old = promise_at(unsafe, promise.number);
    if (old != NULL && unsafe_contradicts(old, &promise)) {
        enum verdict verdict = contradicted(layer, old, &promise, why);
        if (verdict == TWICE) {
            say_twice(old, &promise);
            unsafe->distrusts = true;
            unsafe->distrusted = promise.signer;
        }
        return verdict;
    }
    enum verdict verdict = here ? TAKEN : append(layer, &block, arena, why);
    if (verdict == TAKEN)
        unsafe->promises[promise.number % PROMISES] = promise;
    return verdict;
}

/* --- Going on. */

/* Ends the delivery. The next question goes on from our head where the last blocks did; else it is
 * for all that is not on the parent, so that the branches meet. */
static void ask_again(struct layer *layer, bool meets, u64 after_ms)
{
    struct unsafe *unsafe = layer->unsafe;
    unsafe->meets = meets;
    unsafe->waits_since_ms = 0;
    unsafe->next = 0;
    pthread_mutex_lock(&layer->lock);
    unsafe->delivered = false;
    unsafe->not_before_ms = clock_now_ms() + after_ms;
    pthread_mutex_unlock(&layer->lock);
}

static void refuse(struct layer *layer, const struct err *why)
{
    struct unsafe *unsafe = layer->unsafe;
    if (strcmp(unsafe->said.text, why->text) != 0) { /* once, however often it comes */
        log_warn("layer", "a block of the sequencer is not taken", LOG_TEXT("why", why->text));
        unsafe->said = *why;
    }
    ask_again(layer, unsafe->meets, doubled(REFUSED_MS, unsafe->misses++));
}

/* The thread asks without pause where the last question was for the end of the chain alone. */
static void look_elsewhere(struct layer *layer)
{
    struct unsafe *unsafe = layer->unsafe;
    bool narrow = unsafe->meets;
    parent_hurry(layer->parent); /* what is there may have brought the sequencer where it is */
    ask_again(layer, false, narrow ? 0 : doubled(ELSEWHERE_MS, unsafe->misses++));
}

static void wait_on(struct layer *layer, struct err *why)
{
    struct unsafe *unsafe = layer->unsafe;
    u64 now_ms = clock_now_ms();
    if (unsafe->waits_since_ms == 0)
        unsafe->waits_since_ms = now_ms;
    if (now_ms - unsafe->waits_since_ms > PATIENCE_MS)
        refuse(layer, why);
    else
        parent_hurry(layer->parent);
}

static enum status fall_back(struct layer *layer, struct err *err)
{
    struct child_head safe;
    unsafe_forget(layer, 0);
    ask_again(layer, false, 0);
    TRY(child_head_at(layer, layer_safe_number(layer), &safe, err));
    return layer_set_head(layer, &safe, err);
}

static enum status settle(struct layer *layer, enum verdict verdict, struct err *why,
                          struct err *err)
{
    switch (verdict) {
    case TAKEN:
        layer->unsafe->misses = 0;
        layer->unsafe->said.text[0] = 0;
        ask_again(layer, true, 0);
        return ST_OK;
    case WAITS:
        wait_on(layer, why);
        return ST_OK;
    case ELSEWHERE:
        look_elsewhere(layer);
        return ST_OK;
    case REFUSED:
        refuse(layer, why);
        return ST_OK;
    case TWICE:
        return fall_back(layer, err);
    case FAILED:
        break;
    }
    return fail(err, ST_IO, "a block of the sequencer's: %s", why->text);
}

static enum status take_delivery(struct layer *layer, struct err *err)
{
    struct unsafe *unsafe = layer->unsafe;
    struct err why = {""};
    enum verdict verdict = TAKEN;
    while (verdict == TAKEN && unsafe->next < unsafe->count && !layer->stopping) {
        verdict = consider(layer, &unsafe->blocks[unsafe->next], pages_arena(&layer->pages), &why);
        if (verdict == TAKEN) {
            unsafe->next++;
            unsafe->waits_since_ms = 0;
        }
    }
    return settle(layer, verdict, &why, err);
}

/* Another key is another sequencer. */
static void look_at_trust(struct layer *layer)
{
    struct unsafe *unsafe = layer->unsafe;
    struct derive_state state;
    if (!unsafe->distrusts || !state_after(layer, &layer->head, &state) ||
        address_equal(state.params.sequencer, unsafe->distrusted))
        return;
    unsafe->distrusts = false;
    log_info("layer", "the sequencer has another key, and is believed again",
             LOG_HEX("key", state.params.sequencer));
}

enum status unsafe_take(struct layer *layer, struct err *err)
{
    struct unsafe *unsafe = layer->unsafe;
    enum status st = ST_OK;
    if (unsafe == NULL || layer->derived.count == 0)
        return ST_OK;
    pthread_mutex_lock(&layer->lock);
    bool delivered = unsafe->delivered;
    pthread_mutex_unlock(&layer->lock);
    if (delivered && unsafe->distrusts) /* asked for before */
        ask_again(layer, false, 0);
    else if (delivered)
        st = take_delivery(layer, err);
    look_at_trust(layer);
    pthread_mutex_lock(&layer->lock);
    unsafe->open = !unsafe->distrusts;
    if (!unsafe->delivered)
        unsafe->from = 1 + (unsafe->meets ? layer->head.header.number : layer_safe_number(layer));
    pthread_cond_signal(&unsafe->woken);
    pthread_mutex_unlock(&layer->lock);
    return st;
}

void unsafe_describe(struct layer *layer, struct layer_status *out)
{
    struct unsafe *unsafe = layer->unsafe;
    if (unsafe == NULL)
        return;
    pthread_mutex_lock(&layer->lock);
    out->sequencer =
        (struct layer_sequencer){.asked = true,
                                 .reached = !unsafe->silent,
                                 .silent_since_s = unsafe->silent ? unsafe->silent_since_s : 0,
                                 .distrusted = unsafe->distrusts,
                                 .taken = unsafe->taken,
                                 .broken = unsafe->broken};
    pthread_mutex_unlock(&layer->lock);
    fmt(out->sequencer.at, sizeof(out->sequencer.at), "%s", eth_name(unsafe->sequencer));
}

/* --- Beginning and end. */

enum status unsafe_start(struct layer *layer, struct err *err)
{
    if (layer->options.sequencer_url == NULL)
        return ST_OK;
    struct unsafe *unsafe = layer->unsafe = calloc(1, sizeof(*unsafe));
    assert(unsafe != NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&unsafe->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    TRY(pages_reserve(DELIVERY_PAGES, &unsafe->pages, err));
    TRY(sequencer_new(layer->options.sequencer_url, TIMEOUT_MS, ANSWER_LIMIT, &unsafe->stopping,
                      &unsafe->sequencer, err));
    TRY(thread_start(&unsafe->thread, "sequencer", ask, layer, err));
    unsafe->runs = true;
    return ST_OK;
}

void unsafe_stop(struct layer *layer)
{
    struct unsafe *unsafe = layer->unsafe;
    if (unsafe == NULL)
        return;
    pthread_mutex_lock(&layer->lock);
    unsafe->stopping = true;
    pthread_cond_signal(&unsafe->woken);
    pthread_mutex_unlock(&layer->lock);
    if (unsafe->runs)
        pthread_join(unsafe->thread, NULL);
    eth_free(unsafe->sequencer);
    pages_release(&unsafe->pages);
    pthread_cond_destroy(&unsafe->woken);
    free(unsafe);
    layer->unsafe = NULL;
}
