/* Building blocks of plain transfers, senders known, durable: transactions per second on one
 * thread, and where the time goes.
 *
 *   bench_build FOLDER [transactions a block, 10000 unless given] [accounts, 20000] */
#include "chain/chain.h"
#include "sys/clock.h"
#include "sys/pages.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOCKS = 20 };

static usize block_txs = 10000, accounts = 20000;

static void need(enum status st, const struct err *err)
{
    if (st == ST_OK)
        return;
    fprintf(stderr, "%s: %s\n", status_name(st), err->text);
    exit(1);
}

static address account_of(u64 index)
{
    address who = {{0xac}};
    store_be64(who.b + 12, index * 0x9e3779b97f4a7c15);
    return who;
}

static int by_address(const void *a, const void *b)
{
    const struct account_change *x = a, *y = b;
    return memcmp(x->who.b, y->who.b, sizeof(address));
}

static enum status no_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    (void)self, (void)path, (void)hash, (void)out;
    return ST_MISSING;
}

static struct genesis *make_genesis(struct arena *arena)
{
    static const char text[] =
        "{\"config\":{\"chainId\":900,\"homesteadBlock\":0,\"eip150Block\":0,\"eip158Block\":0,"
        "\"byzantiumBlock\":0,\"constantinopleBlock\":0,\"petersburgBlock\":0,"
        "\"istanbulBlock\":0,\"berlinBlock\":0,\"londonBlock\":0,\"terminalTotalDifficulty\":0,"
        "\"shanghaiTime\":0,\"cancunTime\":0,\"blobSchedule\":{\"cancun\":{\"target\":3,"
        "\"max\":6,\"baseFeeUpdateFraction\":3338477}}},\"gasLimit\":\"0x1c9c380\","
        "\"difficulty\":\"0x0\",\"alloc\":{}}";
    struct err err;
    struct genesis *genesis = ARENA_NEW(arena, struct genesis, 1);
    need(genesis_parse(BYTES_LIT(text), genesis, arena, &err), &err);
    struct diff *alloc = &genesis->alloc;
    alloc->account_count = accounts;
    alloc->accounts = ARENA_NEW(arena, struct account_change, accounts);
    for (usize i = 0; i < accounts; i++) {
        struct account_change *change = &alloc->accounts[i];
        change->who = account_of(i);
        change->exists = true;
        change->before = change->after = account_new();
        change->after.balance_wei = (u256){{0, 1, 0, 0}};
    }
    qsort(alloc->accounts, accounts, sizeof(*alloc->accounts), by_address);
    struct node_source nothing = {.node = no_node};
    need(trie_apply(&nothing, EMPTY_TRIE_ROOT, alloc, &genesis->header.state_root, &genesis->nodes,
                    arena, &err),
         &err);
    return genesis;
}

struct list {
    struct tx *txs;
    bytes *envelopes;
    usize at, included;
};

static const struct tx *next_tx(void *self, u64 gas_left, u64 blob_gas_left, bytes *envelope)
{
    struct list *list = self;
    (void)gas_left, (void)blob_gas_left;
    if (list->at == block_txs)
        return NULL;
    *envelope = list->envelopes[list->at];
    return &list->txs[list->at++];
}

static void done(void *self, const struct tx *tx, enum status verdict, const struct err *why)
{
    struct list *list = self;
    (void)tx;
    need(verdict, why);
    list->included++;
}

/* Every block spends from other accounts in turn, so that nonces stay simple. */
static struct list make_list(u64 block, struct arena *arena)
{
    struct list list = {
        .txs = ARENA_NEW(arena, struct tx, block_txs),
        .envelopes = ARENA_NEW(arena, bytes, block_txs),
    };
    for (usize i = 0; i < block_txs; i++) {
        u64 from = block * block_txs + i;
        struct tx *tx = &list.txs[i];
        *tx = (struct tx){
            .type = TX_DYNAMIC_FEE,
            .protected = true,
            .chain_id = 900,
            .from_known = true,
            .from = account_of(from % accounts),
            .to = account_of((from * 7 + 13) % accounts),
            .nonce = from / accounts,
            .gas_limit = 21000,
            .value_wei = u256_from_u64(1000 + i),
            .r = {{i + 1, 2, 3, 4}},
            .s = {{5, 6, 7, 8}},
        };
        list.envelopes[i] = tx_encode(tx, arena);
        tx_set_hash(tx, *arena);
    }
    return list;
}

static void print_stats(const char *what, struct chain_stats now, struct chain_stats before,
                        u64 elapsed)
{
    u64 txs = now.txs - before.txs, gas = now.gas - before.gas;
    double ms = (double)elapsed / 1e6;
    double execute = (double)(now.execute_ns - before.execute_ns) / 1e6;
    double trie = (double)(now.trie_ns - before.trie_ns) / 1e6;
    double commit = (double)(now.commit_ns - before.commit_ns) / 1e6;
    double recover = (double)(now.recover_ns - before.recover_ns) / 1e6;
    printf("%-10s %8.0f tx/s %8.1f Mgas/s | recover %4.1f%% execute %4.1f%% trie %4.1f%% commit "
           "%4.1f%% other %4.1f%%\n",
           what, (double)txs * 1e3 / ms, (double)gas / 1e3 / ms, 100 * recover / ms,
           100 * execute / ms, 100 * trie / ms, 100 * commit / ms,
           100 * (ms - recover - execute - trie - commit) / ms);
}

int main(int argc, char **argv)
{
    struct err err;
    struct pages pages;
    if (argc < 2) {
        fprintf(stderr, "usage: bench_build FOLDER [transactions] [accounts]\n");
        return 1;
    }
    if (argc > 2)
        block_txs = strtoul(argv[2], NULL, 10);
    if (argc > 3)
        accounts = strtoul(argv[3], NULL, 10);
    need(pages_reserve((usize)1 << 36, &pages, &err), &err);
    struct arena arena = pages_arena(&pages);
    struct chain *chain;
    struct chain_options options = {
        .files = files_of_system(),
        .folder = argv[1],
        .genesis = make_genesis(&arena),
        .history_blocks = UINT64_MAX,
        .proof_blocks = UINT64_MAX,
    };
    need(chain_open(&options, &chain, &err), &err);
    struct chain_stats before = chain_stats(chain);
    u64 total = 0;
    for (u64 block = 0; block < BLOCKS; block++) {
        struct arena scratch = arena;
        struct list list = make_list(block, &scratch);
        struct tx_source source = {&list, next_tx, done};
        struct build_params params = {
            .timestamp = block + 1,
            .gas_limit = block_txs * 21000 + 21000,
            .has_base_fee = true,
            .txs = &source,
        };
        struct built_block built;
        u64 begun = clock_now_ns();
        need(chain_build(chain, &params, &built, &err), &err);
        u64 elapsed = clock_now_ns() - begun;
        total += elapsed;
        if (list.included != block_txs)
            return 1;
        struct chain_stats now = chain_stats(chain);
        if (block % 5 == 0)
            print_stats("one block", now, before, elapsed);
        before = now;
    }
    struct chain_stats zero = {0}, all = chain_stats(chain);
    print_stats("build", all, zero, total);
    printf("flushes %lu, %.1f ms each; layers %.1f MB\n", all.flushes,
           all.flushes == 0 ? 0 : (double)all.flush_ns / 1e6 / (double)all.flushes,
           (double)all.layer_bytes / 1e6);
    u64 begun = clock_now_ns();
    chain_close(chain);
    printf("close with the last flush %.1f ms\n", (double)(clock_now_ns() - begun) / 1e6);
    begun = clock_now_ns();
    need(chain_open(&options, &chain, &err), &err);
    printf("open again %.1f ms\n", (double)(clock_now_ns() - begun) / 1e6);
    chain_close(chain);
    return 0;
}
