/* Heads: what readers see, and telling listeners how it changed. */
#include "chain/internal.h"
#include "stf/child.h"
#include "sys/clock.h"

#include <stdlib.h>

/* The block was executed here, so it begins with attributes, which decode without memory. */
static u256 floor_of(const struct chain *chain, const struct body *body)
{
    struct rules rules = {.child = chain->config.child};
    u8 nothing[1];
    struct arena none = arena_over(nothing, 0);
    struct header header;
    struct tx first;
    bytes envelope;
    if (!rules.child.on ||
        block_decode_tx(body->rlp, 0, &header, &first, &envelope, &none, NULL) != ST_OK ||
        child_rules_read(&rules, &first, NULL) != ST_OK)
        return U256_ZERO;
    return rules.child.base_fee_floor_wei;
}

struct chain_head *head_new(struct chain *chain, struct point *tip)
{
    struct chain_head *head = calloc(1, sizeof(*head));
    assert(head != NULL);
    const struct body *body = tip->body;
    head->pub = (struct head){
        .header = body->header,
        .hash = body->hash,
        .total_difficulty = body->total_difficulty,
        .base_fee_floor_wei = floor_of(chain, body),
        .finalized = chain->finalized,
        .safe = chain->safe,
    };
    head->refs = 1;
    head->tip = point_hold(tip);
    head->root = tip->root;
    head->lineage = lineage_of(tip, chain->head == NULL ? NULL : &chain->head->lineage);
    return head;
}

struct chain_head *head_hold(struct chain_head *head)
{
    atomic_fetch_add_explicit(&head->refs, 1, memory_order_relaxed);
    return head;
}

void head_drop(struct chain_head *head)
{
    if (head == NULL || atomic_fetch_sub_explicit(&head->refs, 1, memory_order_acq_rel) != 1)
        return;
    lineage_release(&head->lineage);
    point_release(head->tip);
    free(head);
}

const struct head *chain_head(struct chain *chain)
{
    pthread_mutex_lock(&chain->lock);
    struct chain_head *head = head_hold(chain->head);
    pthread_mutex_unlock(&chain->lock);
    return &head->pub;
}

void head_release(const struct head *head)
{
    head_drop(head_of(head));
}

static void replace_head(struct chain *chain, struct chain_head *head, u64 id)
{
    head->pub.id = id;
    pthread_mutex_lock(&chain->lock);
    struct chain_head *old = chain->head;
    chain->head = head;
    pthread_mutex_unlock(&chain->lock);
    head_drop(old);
}

void chain_listen(struct chain *chain, struct chain_listener listener)
{
    assert(chain->listener_count < MAX_LISTENERS);
    chain->listeners[chain->listener_count++] = listener;
}

static void tell(struct chain *chain, const struct chain_event *event)
{
    for (usize i = 0; i < chain->listener_count; i++)
        chain->listeners[i].head_changed(chain->listeners[i].self, event);
}

/* --- What left the canonical chain and what joined it. */

static struct block_ref ref_of(const struct point *point)
{
    return (struct block_ref){point_number(point), point->body->hash, point->body->position};
}

/* The block of that number as the head has it; below the root, as the disk has it. */
static bool ref_at(const struct chain_head *head, struct store_read *read, u64 number,
                   struct block_ref *out)
{
    const struct point *point =
        number == head->pub.header.number ? head->tip : lineage_find(&head->lineage, number);
    if (point != NULL) {
        *out = ref_of(point);
        return true;
    }
    struct canon_row row;
    if (number > head->root.number || store_canon(read, number, &row) != ST_OK)
        return false;
    *out = (struct block_ref){number, row.hash, row.block_position};
    return true;
}

struct ref_list {
    struct block_ref *at;
    usize count, room;
};

static void list_add(struct ref_list *list, struct block_ref ref)
{
    if (list->count == list->room) {
        list->room = (list->room + 8) * 2;
        list->at = realloc(list->at, list->room * sizeof(*list->at));
        assert(list->at != NULL);
    }
    list->at[list->count++] = ref;
}

/* Newest first on both sides, down to where the two agree. */
static void compare(const struct chain_head *old, const struct chain_head *new,
                    struct store_read *read, struct ref_list *removed, struct ref_list *added)
{
    u64 number = max_u64(old->pub.header.number, new->pub.header.number);
    for (;; number--) {
        struct block_ref was, is;
        bool had = number <= old->pub.header.number && ref_at(old, read, number, &was);
        bool has = number <= new->pub.header.number &&ref_at(new, read, number, &is);
        if ((had && has && was.position == is.position) || (!had && !has))
            return;
        if (had)
            list_add(removed, was);
        if (has)
            list_add(added, is);
        if (number == 0)
            return;
    }
}

static void reverse(struct ref_list *list)
{
    for (usize i = 0, j = list->count; i + 1 < j; i++) {
        struct block_ref swap = list->at[i];
        list->at[i] = list->at[--j];
        list->at[j] = swap;
    }
}

static enum status tell_reorg(struct chain *chain, const struct chain_head *old,
                              const struct chain_head *new, struct err *err)
{
    struct store_read *read;
    TRY(store_read_begin(chain->store, &read, err));
    struct ref_list removed = {.count = 0}, added = {.count = 0};
    compare(old, new, read, &removed, &added);
    store_read_end(read);
    reverse(&added);
    struct chain_event event = {
        .head = &new->pub,
        .removed = removed.at,
        .removed_count = removed.count,
        .added = added.at,
        .added_count = added.count,
    };
    tell(chain, &event);
    free(removed.at);
    free(added.at);
    return ST_OK;
}

enum status chain_publish(struct chain *chain, struct point *tip, struct err *err)
{
    struct chain_head *old = chain->head == NULL ? NULL : head_hold(chain->head);
    struct chain_head *new = head_new(chain, tip);
    replace_head(chain, new, ++chain->head_serial);
    if (old == NULL || chain->listener_count == 0) {
        head_drop(old);
        return ST_OK;
    }
    enum status st = ST_OK;
    if (tip->parent == old->tip) { /* the usual case: the next block, or a patch */
        struct block_ref ref = ref_of(tip);
        struct chain_event event = {.head = &new->pub, .added = &ref, .added_count = !tip->patch};
        tell(chain, &event);
    } else {
        st = tell_reorg(chain, old, new, err);
    }
    head_drop(old);
    return st;
}

void chain_set_best(struct chain *chain, struct point *point)
{
    point_hold(point);
    point_release(chain->best);
    chain->best = point;
}

enum status chain_commit(struct chain *chain, struct err *err)
{
    u64 begun = clock_now_ns();
    enum status st = log_sync(chain->log, err);
    chain_count(chain, &chain->stats.commit_ns, clock_now_ns() - begun);
    TRY(st);
    if (chain->head == NULL || chain->head->tip != chain->best)
        TRY(chain_publish(chain, chain->best, err));
    return flush_step(chain, err);
}

void head_refresh(struct chain *chain)
{
    replace_head(chain, head_new(chain, chain->head->tip), chain->head_serial);
}

enum status chain_set_finality(struct chain *chain, hash32 safe, hash32 finalized, struct err *err)
{
    u64 position, numbers[2] = {0, 0};
    const hash32 *hashes[2] = {&safe, &finalized};
    for (usize i = 0; i < 2; i++)
        if (!hash32_is_zero(*hashes[i]) &&
            chain_find_block(chain, *hashes[i], &position, &numbers[i]) != ST_OK)
            return fail(err, ST_MISSING, "the %s block is unknown", i == 0 ? "safe" : "finalized");
    if (numbers[0] == chain->safe && numbers[1] == chain->finalized)
        return ST_OK;
    chain->safe = numbers[0];
    chain->finalized = numbers[1];
    replace_head(chain, head_new(chain, owner_head(chain)->tip), ++chain->head_serial);
    return ST_OK;
}
