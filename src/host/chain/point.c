#include "chain/internal.h"
#include "chain/receipts.h"

#include <stdlib.h>

/* --- Bodies. */

static bytes keep(u8 **at, bytes from)
{
    bytes_copy(*at, from);
    bytes kept = {*at, from.size};
    *at += from.size;
    return kept;
}

struct body *body_new(u64 position, const struct header *header, hash32 hash, u256 total_difficulty,
                      bytes rlp, bytes senders, const struct receipt *receipts, usize receipt_count)
{
    usize receipts_size = receipts_pack_size(receipts, receipt_count);
    usize size = rlp.size + senders.size + header->extra_data.size + receipts_size;
    struct body *body = malloc(sizeof(*body) + size);
    assert(body != NULL);
    u8 *at = body->memory;
    body->refs = 1;
    body->position = position;
    body->hash = hash;
    body->header = *header;
    body->header.extra_data = keep(&at, header->extra_data);
    body->total_difficulty = total_difficulty;
    body->rlp = keep(&at, rlp);
    body->senders = keep(&at, senders);
    body->tx_count = senders.size / sizeof(address);
    body->receipts = (bytes){at, receipts_size};
    receipts_pack(receipts, receipt_count, at);
    return body;
}

struct body *body_hold(struct body *body)
{
    atomic_fetch_add_explicit(&body->refs, 1, memory_order_relaxed);
    return body;
}

void body_release(struct body *body)
{
    if (atomic_fetch_sub_explicit(&body->refs, 1, memory_order_acq_rel) == 1)
        free(body);
}

/* --- Points. */

struct point *point_new(struct point *parent, struct body *body, u64 position, bool patch,
                        hash32 state_root, struct layer *own)
{
    struct point *point = calloc(1, sizeof(*point));
    assert(point != NULL);
    point->refs = 1;
    point->position = position;
    point->patch = patch;
    point->body = body_hold(body);
    point->state_root = state_root;
    point->own = own;
    if (parent == NULL) {
        point->depth = depth_of(body->header.number, 0);
        point->root = (struct root){body->header.number, position, point->depth};
        return point;
    }
    point->depth = patch ? parent->depth + 1 : depth_of(body->header.number, 0);
    point->root = parent->root;
    point->parent = point_hold(parent);
    stack_push(&parent->stack, own, point->root.depth, &point->stack);
    return point;
}

void point_weigh(struct point *point, u64 record_bytes, u64 execute_ns)
{
    const struct weight below = point->parent->weight;
    point->parent_weight = below;
    point->weight = (struct weight){
        .points = below.points + 1,
        .layer_bytes = below.layer_bytes + layer_bytes(point->own),
        .record_bytes = below.record_bytes + record_bytes,
        .execute_ns = below.execute_ns + execute_ns,
    };
}

struct point *point_hold(struct point *point)
{
    atomic_fetch_add_explicit(&point->refs, 1, memory_order_relaxed);
    return point;
}

void point_release(struct point *point)
{
    while (point != NULL && atomic_fetch_sub_explicit(&point->refs, 1, memory_order_acq_rel) == 1) {
        struct point *parent = point->parent;
        stack_release(&point->stack);
        layer_release(point->own);
        body_release(point->body);
        free(point);
        point = parent;
    }
}

/* --- Lineages. */

struct path {
    _Atomic u32 refs;
    usize used, room; /* the owner's */
    struct point *at[];
};

static struct path *path_new(usize room)
{
    struct path *path = malloc(sizeof(*path) + room * sizeof(*path->at));
    assert(path != NULL);
    path->refs = 1;
    path->used = 0;
    path->room = room;
    return path;
}

static struct path *path_hold(struct path *path)
{
    atomic_fetch_add_explicit(&path->refs, 1, memory_order_relaxed);
    return path;
}

static void path_release(struct path *path)
{
    if (path == NULL || atomic_fetch_sub_explicit(&path->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (usize i = 0; i < path->used; i++)
        point_release(path->at[i]);
    free(path);
}

/* `before` ends with the tip's parent, on the same root, and nobody else has gone on from there. */
static bool can_append(const struct point *tip, const struct lineage *before)
{
    if (before == NULL || before->count == 0)
        return false;
    const struct path *path = before->path;
    return before->at[before->count - 1] == tip->parent &&
           before->at[0]->root.position == tip->root.position && path->used < path->room &&
           before->at + before->count == path->at + path->used;
}

struct lineage lineage_of(struct point *tip, const struct lineage *before)
{
    enum { SPARE = 64 }; /* points to come */
    if (can_append(tip, before)) {
        struct path *path = path_hold(before->path);
        path->at[path->used++] = point_hold(tip);
        return (struct lineage){before->at, before->count + 1, path};
    }
    usize count = 0;
    for (struct point *at = tip; at->position != tip->root.position && at->parent != NULL;
         at = at->parent)
        count++;
    struct path *path = path_new(count + SPARE);
    path->used = count;
    struct point *at = tip;
    for (usize i = count; i-- > 0; at = at->parent)
        path->at[i] = point_hold(at);
    return (struct lineage){path->at, count, path};
}

struct lineage lineage_slice(const struct lineage *lineage, usize from, usize count)
{
    return (struct lineage){lineage->at + from, count, path_hold(lineage->path)};
}

void lineage_release(struct lineage *lineage)
{
    path_release(lineage->path);
    *lineage = (struct lineage){NULL, 0, NULL};
}

struct point *lineage_find(const struct lineage *lineage, u64 number)
{
    usize low = 0, high = lineage->count; /* the first point above `number` lies in [low, high] */
    while (low < high) {
        usize middle = (low + high) / 2;
        if (point_number(lineage->at[middle]) <= number)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || point_number(lineage->at[low - 1]) != number)
        return NULL;
    return lineage->at[low - 1];
}

/* --- Rows. */

static void put_account(struct layer *layer, const struct account_change *change)
{
    u8 packed[ACCOUNT_PACKED_MAX], one = 1;
    bytes who = BYTES_OF(change->who);
    /* First, so that the flusher deletes the old slots before it writes the new ones. */
    if (change->storage_wiped)
        layer_put(layer, TABLE_WIPED, who, (bytes){&one, 1});
    usize size = change->exists ? account_pack(&change->after, packed) : 0;
    layer_put(layer, TABLE_ACCOUNT, who, (bytes){packed, size});
    for (usize i = 0; i < change->slot_count; i++) {
        const struct slot_change *slot = &change->slots[i];
        struct table_key key = slot_key(change->who, slot->slot);
        size = slot_pack(slot->after, packed);
        layer_put(layer, TABLE_SLOT, table_key_bytes(&key), (bytes){packed, size});
    }
}

void layer_put_diff(struct layer *layer, const struct diff *diff)
{
    for (usize i = 0; i < diff->account_count; i++)
        put_account(layer, &diff->accounts[i]);
    for (usize i = 0; i < diff->code_count; i++)
        layer_put(layer, TABLE_CODE, BYTES_OF(diff->codes[i].hash), diff->codes[i].code);
}

void layer_put_nodes(struct layer *layer, const struct trie_changes *changes)
{
    u8 one = 1, value[2048];
    for (usize i = 0; i < changes->wiped_count; i++)
        layer_put(layer, TABLE_WIPED, BYTES_OF(changes->wiped_owners[i]), (bytes){&one, 1});
    for (usize i = 0; i < changes->count; i++) {
        const struct node_change *change = &changes->nodes[i];
        enum table table;
        struct table_key key = node_key(&change->path, &table);
        usize size = 0;
        if (change->node.size != 0) {
            size = sizeof(hash32) + change->node.size;
            assert(size <= sizeof(value)); /* a branch of sixteen hashes has 532 bytes */
            memcpy(value, change->hash.b, sizeof(hash32));
            memcpy(value + sizeof(hash32), change->node.data, change->node.size);
        }
        layer_put(layer, table, table_key_bytes(&key), (bytes){value, size});
    }
}

void layer_put_block(struct layer *layer, hash32 hash, u64 number, u64 position)
{
    u8 place[BLOCK_PLACE_SIZE];
    store_be64(place, number);
    store_be64(place + 8, position);
    layer_put(layer, TABLE_BLOCK, BYTES_OF(hash), BYTES_OF(place));
}
