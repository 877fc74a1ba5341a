#include "trie/witness.h"
#include "base/rlp.h"
#include "crypto/keccak.h"
#include "trie/internal.h"

/* --- Encoding. */

static usize strings_payload_size(const bytes *items, usize count)
{
    usize size = 0;
    for (usize i = 0; i < count; i++)
        size += rlp_size_bytes(items[i]);
    return size;
}

static u8 *put_strings(u8 *to, const bytes *items, usize count)
{
    to = rlp_put_list(to, strings_payload_size(items, count));
    for (usize i = 0; i < count; i++)
        to = rlp_put_bytes(to, items[i]);
    return to;
}

bytes witness_encode(const struct witness *witness, struct arena *arena)
{
    usize payload = rlp_size_list(strings_payload_size(witness->nodes, witness->node_count)) +
                    rlp_size_list(strings_payload_size(witness->codes, witness->code_count)) +
                    rlp_size_list(strings_payload_size(witness->headers, witness->header_count));
    usize size = rlp_size_list(payload);
    u8 *start = ARENA_TAKE(arena, u8, size);
    u8 *to = rlp_put_list(start, payload);
    to = put_strings(to, witness->nodes, witness->node_count);
    to = put_strings(to, witness->codes, witness->code_count);
    to = put_strings(to, witness->headers, witness->header_count);
    assert(to == start + size);
    return (bytes){start, size};
}

static enum status read_strings(bytes *in, bytes **items, usize *count, struct arena *arena)
{
    bytes list;
    TRY(rlp_read_list(in, &list));
    TRY(rlp_count(list, count));
    *items = ARENA_TAKE(arena, bytes, *count);
    for (usize i = 0; i < *count; i++)
        TRY(rlp_read_bytes(&list, &(*items)[i]));
    return ST_OK;
}

static enum status read_witness(bytes in, struct witness *out, struct arena *arena)
{
    bytes fields;
    TRY(rlp_read_list(&in, &fields));
    TRY(rlp_read_end(in));
    TRY(read_strings(&fields, &out->nodes, &out->node_count, arena));
    TRY(read_strings(&fields, &out->codes, &out->code_count, arena));
    TRY(read_strings(&fields, &out->headers, &out->header_count, arena));
    return rlp_read_end(fields);
}

enum status witness_decode(bytes in, struct witness *out, struct arena *arena, struct err *err)
{
    *out = (struct witness){0};
    if (read_witness(in, out, arena) != ST_OK)
        return fail(err, ST_INVALID, "not the encoding of a witness");
    return ST_OK;
}

/* --- Finding by hash: a sorted array, because whoever made the items could fill one bucket of a
 * hash table. */

struct hashed_item {
    hash32 hash;
    bytes item;
};

struct hash_index {
    struct hashed_item *items; /* ascending */
    usize count;
};

static int compare_hashes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(hash32));
}

struct hash_index *hash_index_new(const bytes *items, usize count, struct arena *arena)
{
    struct hash_index *index = ARENA_TAKE(arena, struct hash_index, 1);
    *index = (struct hash_index){ARENA_TAKE(arena, struct hashed_item, count), count};
    struct arena tmp = *arena;
    struct hashed_item *hashed = ARENA_TAKE(&tmp, struct hashed_item, count);
    struct sort_item *order = ARENA_TAKE(&tmp, struct sort_item, count);
    for (usize i = 0; i < count; i++) {
        hashed[i] = (struct hashed_item){keccak256(items[i]), items[i]};
        order[i] = (struct sort_item){load_be64(hashed[i].hash.b), &hashed[i]};
    }
    sort_items(order, ARENA_TAKE(&tmp, struct sort_item, count), count, compare_hashes);
    for (usize i = 0; i < count; i++)
        index->items[i] = *(const struct hashed_item *)order[i].item;
    return index;
}

enum status hash_index_find(const struct hash_index *index, hash32 hash, bytes *out)
{
    usize low = 0, high = index->count;
    while (low < high) {
        usize middle = low + (high - low) / 2;
        int order = compare_hashes(&index->items[middle].hash, &hash);
        if (order == 0) {
            *out = index->items[middle].item;
            return ST_OK;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return ST_MISSING;
}

static enum status index_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    (void)path;
    return hash_index_find(self, hash, out);
}

struct node_source hash_index_source(struct hash_index *index)
{
    return (struct node_source){.self = index, .node = index_node, .trusted = true};
}

/* --- Collecting. An overlay remembers what was read, and answers when it is read again. */

struct node_recorder {
    struct node_source below;
    struct node_source seen_source;
    struct trie_overlay *seen;
    struct arena *arena;
};

static enum status recorder_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    struct node_recorder *recorder = self;
    if (recorder->seen_source.node(recorder->seen_source.self, path, hash, out) == ST_OK)
        return ST_OK;
    bytes node;
    TRY(recorder->below.node(recorder->below.self, path, hash, &node));
    if (!recorder->below.trusted && !hash32_equal(keccak256(node), hash))
        return ST_CORRUPT;
    *out = arena_copy(recorder->arena, node);
    struct node_change read = {.path = *path, .node = *out, .hash = hash};
    trie_overlay_add(recorder->seen, &(struct trie_changes){.nodes = &read, .count = 1});
    return ST_OK;
}

static enum status nothing(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    (void)self;
    (void)path;
    (void)hash;
    (void)out;
    return ST_MISSING;
}

struct node_recorder *node_recorder_new(struct node_source below, struct arena *arena)
{
    struct node_recorder *recorder = ARENA_NEW(arena, struct node_recorder, 1);
    recorder->below = below;
    recorder->arena = arena;
    recorder->seen = trie_overlay_new((struct node_source){.node = nothing}, arena);
    recorder->seen_source = trie_overlay_source(recorder->seen);
    return recorder;
}

struct node_source node_recorder_source(struct node_recorder *recorder)
{
    return (struct node_source){.self = recorder, .node = recorder_node, .trusted = true};
}

void node_recorder_list(const struct node_recorder *recorder, bytes **nodes, usize *count,
                        struct arena *arena)
{
    struct trie_changes read;
    trie_overlay_changes(recorder->seen, &read, arena);
    *nodes = ARENA_TAKE(arena, bytes, read.count);
    *count = read.count;
    for (usize i = 0; i < read.count; i++)
        (*nodes)[i] = read.nodes[i].node;
}
