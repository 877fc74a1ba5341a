/* The state root in the path of block building: `accounts` in the trie, nodes in a hash table in
 * memory, and blocks that each change 10,000 random balances.
 *
 *   bench_trie [accounts, 1000000 unless given] */
#include "crypto/keccak.h"
#include "trie/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum { BLOCKS = 9, TOUCHED = 10000 };

_Noreturn void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: bug: %s\n", file, line, what);
    abort();
}

static struct arena reserve(usize size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(memory != MAP_FAILED);
    return arena_over(memory, size);
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct account_change change_of(u64 index, u64 balance, bool existed)
{
    struct account_change change = {.existed = existed, .exists = true};
    memcpy(change.who.b, &index, sizeof(index));
    change.before = change.after = account_new();
    change.after.nonce = balance & 0xff;
    change.after.balance_wei = u256_shl(u256_from_u64(balance), 8);
    return change;
}

static enum status no_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    (void)self, (void)path, (void)hash, (void)out;
    return ST_MISSING;
}

/* The source with its own time taken out: what a store's reads cost is the store's to improve. */
struct timed_source {
    struct node_source below;
    double spent_ms;
    u64 touched;
};

static enum status timed_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    struct timed_source *timed = self;
    double start = now_ms();
    enum status st = timed->below.node(timed->below.self, path, hash, out);
    for (usize i = 0; st == ST_OK && i < out->size; i += 64)
        timed->touched += out->data[i]; /* brings the node into the cache */
    timed->spent_ms += now_ms() - start;
    return st;
}

/* What the store does with a block's changes. */
static void keep(struct trie_overlay *nodes, struct trie_changes *changes, struct arena *kept)
{
    for (usize i = 0; i < changes->count; i++)
        changes->nodes[i].node = arena_copy(kept, changes->nodes[i].node);
    trie_overlay_add(nodes, changes);
}

int main(int argc, char **argv)
{
    u64 accounts = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000, seed = 1;
    struct arena kept = reserve((usize)64 << 30), block_memory = reserve((usize)16 << 30);
    struct trie_overlay *nodes = trie_overlay_new((struct node_source){.node = no_node}, &kept);
    struct timed_source timed = {.below = trie_overlay_source(nodes)};
    struct node_source src = {.self = &timed, .node = timed_node, .trusted = true};
    struct err err;
    hash32 root = EMPTY_TRIE_ROOT;
    double times[BLOCKS];
    for (int block = -1; block < BLOCKS; block++) {
        usize count = block < 0 ? accounts : TOUCHED;
        struct arena arena = block_memory; /* touched by genesis, as a running node's is */
        struct diff diff = {.accounts = ARENA_TAKE(&arena, struct account_change, count)};
        for (usize i = 0; i < count; i++)
            diff.accounts[i] =
                block < 0
                    ? change_of(i, random_next(&seed), false)
                    : change_of(random_below(&seed, accounts / TOUCHED) + i * (accounts / TOUCHED),
                                random_next(&seed), true);
        diff.account_count = count;
        struct trie_changes changes;
        u8 *before = arena.at;
        timed.spent_ms = 0;
        double start = now_ms();
        enum status st = trie_apply(&src, root, &diff, &root, &changes, &arena, &err);
        double took = now_ms() - start - timed.spent_ms;
        assert(st == ST_OK);
        printf("%s: %zu accounts, %zu nodes, %.1f ms, source %.1f ms, %.1f MB of arena\n",
               block < 0 ? "genesis" : "block", count, changes.count, took, timed.spent_ms,
               (double)(arena.at - before) / 1e6);
        if (block >= 0)
            times[block] = took;
        keep(nodes, &changes, &kept);
    }
    double best = times[0];
    for (int i = 1; i < BLOCKS; i++)
        best = times[i] < best ? times[i] : best;
    printf("best block: %.1f ms, %.2f us for each account\n", best, best * 1e3 / TOUCHED);
}
