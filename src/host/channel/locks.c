#include "channel/locks.h"

#include "crypto/keccak.h"

#include <assert.h>
#include <stdlib.h>

enum {
    CHUNK_SIZE = LOCK_SIZE * LOCKS_PER_CHUNK,
    LEVELS = 9, /* 256 leaves to one top */
    EXPIRY_BITS = 40,
};
#define EXPIRY_MASK (((u64)1 << EXPIRY_BITS) - 1)

struct locks {
    u8 *slots; /* LOCK_SIZE bytes each, as they are hashed; whole chunks */
    u32 chunks;
    u32 end;
    u32 lowest; /* no slot below is free */
    usize count;
    u128 total;
    hash32 *tree;                      /* leaves, then each level above; of `room` leaves */
    u32 room;                          /* a power of two; 0: no tree yet */
    u64 stale[LOCKS_MOST_CHUNKS / 64]; /* chunks that changed since it was hashed */
};

struct locks *locks_new(void)
{
    struct locks *locks = calloc(1, sizeof(*locks));
    assert(locks != NULL);
    return locks;
}

void locks_free(struct locks *locks)
{
    if (locks == NULL)
        return;
    free(locks->slots);
    free(locks->tree);
    free(locks);
}

/* --- Slots. */

static const u8 *slot_at(const struct locks *locks, u32 slot)
{
    static const u8 none[LOCK_SIZE];
    assert(slot < LOCKS_MOST);
    return slot < locks->chunks * LOCKS_PER_CHUNK ? locks->slots + (usize)slot * LOCK_SIZE : none;
}

static bool is_free(const struct locks *locks, u32 slot)
{
    const u8 *at = slot_at(locks, slot);
    return (load_be64(at) | load_be64(at + 8)) == 0;
}

struct lock locks_get(const struct locks *locks, u32 slot)
{
    const u8 *at = slot_at(locks, slot);
    struct lock lock = {
        .amount = (u128)load_be64(at) << 64 | load_be64(at + 8),
        .expiry_s = load_be64(at + 24) & EXPIRY_MASK,
        .kind = (enum lock_kind)(load_be64(at + 24) >> EXPIRY_BITS),
    };
    memcpy(lock.key.b, at + 32, sizeof(lock.key.b));
    return lock;
}

static void need_chunk(struct locks *locks, u32 chunk)
{
    if (chunk < locks->chunks)
        return;
    u32 chunks = chunk + 1;
    locks->slots = realloc(locks->slots, (usize)chunks * CHUNK_SIZE);
    assert(locks->slots != NULL);
    memset(locks->slots + (usize)locks->chunks * CHUNK_SIZE, 0,
           (usize)(chunks - locks->chunks) * CHUNK_SIZE);
    locks->chunks = chunks;
}

static void mark_stale(struct locks *locks, u32 first_slot, u32 last_slot)
{
    for (u32 i = first_slot / LOCKS_PER_CHUNK; i <= last_slot / LOCKS_PER_CHUNK; i++)
        locks->stale[i / 64] |= (u64)1 << i % 64;
}

/* Where the locks end says how long the last chunk is, and which chunks there are at all. */
static void move_end(struct locks *locks, u32 end)
{
    u32 low = end < locks->end ? end : locks->end, high = end < locks->end ? locks->end : end;
    if (high != low)
        mark_stale(locks, low == 0 ? 0 : low - 1, high - 1);
    locks->end = end;
}

void locks_set(struct locks *locks, u32 slot, const struct lock *lock)
{
    assert(slot < LOCKS_MOST && lock->expiry_s >> EXPIRY_BITS == 0 && lock->kind < LOCK_KINDS);
    need_chunk(locks, slot / LOCKS_PER_CHUNK);
    struct lock old = locks_get(locks, slot);
    u8 *at = locks->slots + (usize)slot * LOCK_SIZE;
    memset(at, 0, LOCK_SIZE);
    if (lock->amount != 0) {
        store_be64(at, (u64)(lock->amount >> 64));
        store_be64(at + 8, (u64)lock->amount);
        store_be64(at + 24, (u64)lock->kind << EXPIRY_BITS | lock->expiry_s);
        memcpy(at + 32, lock->key.b, sizeof(lock->key.b));
    }
    locks->total = locks->total - old.amount + lock->amount;
    locks->count = locks->count - (old.amount != 0) + (lock->amount != 0);
    mark_stale(locks, slot, slot);
    if (lock->amount == 0 && slot < locks->lowest)
        locks->lowest = slot;
    while (locks->lowest < LOCKS_MOST && !is_free(locks, locks->lowest))
        locks->lowest++;
    u32 end = slot >= locks->end ? slot + 1 : locks->end;
    while (end > 0 && is_free(locks, end - 1))
        end--;
    move_end(locks, end);
}

bool locks_have(const struct locks *locks, hash32 key)
{
    for (u32 slot = 0; slot < locks->end; slot++)
        if (memcmp(locks->slots + (usize)slot * LOCK_SIZE + 32, key.b, sizeof(key.b)) == 0)
            return true;
    return false;
}

u32 locks_free_slot(const struct locks *locks)
{
    return locks->lowest;
}

u128 locks_total(const struct locks *locks)
{
    return locks->total;
}

usize locks_count(const struct locks *locks)
{
    return locks->count;
}

u32 locks_end(const struct locks *locks)
{
    return locks->end;
}

/* --- The tree. */

static u32 chunk_count(u32 end)
{
    return (end + LOCKS_PER_CHUNK - 1) / LOCKS_PER_CHUNK;
}

/* The locks of a chunk that are hashed. */
static bytes chunk_bytes(const struct locks *locks, u32 chunk)
{
    usize from = (usize)chunk * CHUNK_SIZE, end = (usize)locks->end * LOCK_SIZE;
    return bytes_slice((bytes){locks->slots, end}, from, CHUNK_SIZE);
}

/* A peer may lock in its highest slot, and free it, in each update: chunks of free slots, which are
 * then hashed each time, have their hash ready. */
static hash32 leaf_of(const struct locks *locks, u32 chunk)
{
    static const u8 nothing[CHUNK_SIZE];
    static const hash32 of_nothing = {{0xae, 0xff, 0xb3, 0x8c, 0x06, 0xe1, 0x11, 0xd8,
                                       0x42, 0x16, 0x39, 0x6b, 0xae, 0xfe, 0xb7, 0xfe,
                                       0xd3, 0x97, 0xf3, 0x03, 0xd5, 0xcb, 0x84, 0xa3,
                                       0x3f, 0x1e, 0x8b, 0x48, 0x5c, 0x4a, 0x22, 0xda}};
    bytes content = chunk_bytes(locks, chunk);
    return bytes_equal(content, BYTES_OF(nothing)) ? of_nothing : keccak256(content);
}

static u32 width_of(u32 leaves)
{
    u32 width = 1;
    while (width < leaves)
        width *= 2;
    return width;
}

static hash32 node(const hash32 pair[2])
{
    return keccak256((bytes){pair[0].b, 64});
}

/* Leaves that are missing to a power of two are zero words, and are hashed like others. */
static void hash_tree(struct locks *locks)
{
    u32 leaves = chunk_count(locks->end), width = width_of(leaves);
    bool whole = width != locks->room;
    if (whole) {
        free(locks->tree);
        locks->tree = calloc(2 * (usize)width, sizeof(hash32));
        assert(locks->tree != NULL);
        locks->room = width;
    }
    bool touched[LOCKS_MOST_CHUNKS];
    for (u32 i = 0; i < width; i++) {
        touched[i] = whole || (locks->stale[i / 64] >> i % 64 & 1) != 0;
        if (touched[i])
            locks->tree[i] = i < leaves ? leaf_of(locks, i) : (hash32){0};
    }
    hash32 *level = locks->tree;
    for (u32 size = width; size > 1; size /= 2) {
        for (u32 i = 0; i < size / 2; i++) {
            touched[i] = touched[2 * i] || touched[2 * i + 1];
            if (touched[i])
                level[size + i] = node(level + 2 * i);
        }
        level += size;
    }
    memset(locks->stale, 0, sizeof(locks->stale));
}

static hash32 counted(u32 leaves, hash32 top)
{
    hash32 pair[2] = {{{0}}, top};
    store_be64(pair[0].b + 24, leaves);
    return node(pair);
}

hash32 locks_root(struct locks *locks)
{
    if (locks->end == 0)
        return (hash32){0};
    hash_tree(locks);
    return counted(chunk_count(locks->end), locks->tree[2 * locks->room - 2]);
}

struct lock_chunk locks_chunk(struct locks *locks, u32 index, struct arena *arena)
{
    u32 leaves = chunk_count(locks->end);
    assert(index < leaves);
    hash_tree(locks);
    hash32 *path = arena_take(arena, LEVELS * sizeof(hash32), 1);
    usize size = 0;
    const hash32 *level = locks->tree;
    for (u32 width = locks->room, at = index; width > 1; width /= 2, at /= 2) {
        path[size++] = level[at ^ 1];
        level += width;
    }
    return (struct lock_chunk){index, leaves, chunk_bytes(locks, index), path, size};
}
