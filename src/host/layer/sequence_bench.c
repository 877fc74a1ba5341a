/* Full blocks of a child chain as its sequencer makes them, durable, on the chain's owner thread:
 * attributes, then transfers whose senders are known, until the block's bytes are used up.
 *
 *   bench_child FOLDER [blocks, 200] [recipients, 200000]
 *
 * `build` is all of chain_build, by the clock on the wall, waiting for the disk included, and by
 * the processor time that its thread takes: what a machine does that has nothing else to do.
 * `compose` is making the attributes; `read` is what the layer reads of the new head. */
#include "layer/child_genesis.h"
#include "layer/internal.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { SENDERS = 1000, GIFTS = 250, MOST_TXS = 2000, GENESIS_TIME = 1700000000 };

static struct {
    struct rollup rollup;
    struct genesis genesis;
    struct chain *chain;
    struct derive_config config;
    struct derive_state state;
    struct derive_origin origin;
    u64 serial, recipients; /* transfers so far; different recipients */
    u64 compose_ns, build_ns, cpu_ns, read_ns, txs;
} bench = {.recipients = 200000};

static void need(enum status st, const struct err *err)
{
    if (st == ST_OK)
        return;
    fprintf(stderr, "%s: %s\n", status_name(st), err->text);
    exit(1);
}

static address account_of(u8 kind, u64 index)
{
    address who = {{kind}};
    store_be64(who.b + 12, (index + 1) * 0x9e3779b97f4a7c15);
    return who;
}

/* --- The chain. */

static void open_chain(const char *folder, struct arena *arena)
{
    struct err err;
    bench.rollup = (struct rollup){.format = ROLLUP_FORMAT,
                                   .parent_chain_id = 900,
                                   .parent_block = 1,
                                   .chain_id = 901,
                                   .genesis_time = GENESIS_TIME,
                                   .gas_limit = 60000000,
                                   .base_fee_wei = 1000000,
                                   .base_fee_scalar = 40000000};
    need(child_genesis_make(&bench.rollup, &bench.genesis, arena, &err), &err);
    struct chain_options options = {.files = files_of_system(),
                                    .folder = folder,
                                    .genesis = &bench.genesis,
                                    .history_blocks = UINT64_MAX,
                                    .proof_blocks = UINT64_MAX};
    need(chain_open(&options, &bench.chain, &err), &err);
    bench.config =
        (struct derive_config){.id = {900, {{0}}, 901}, .chain = chain_config(bench.chain)};
    bench.origin = (struct derive_origin){
        .number = 1, .timestamp = GENESIS_TIME, .base_fee_wei = u256_from_u64(1000000000)};
    struct derive_params params = {
        .gas_limit = 60000000, .base_fee_scalar = 40000000, .version = DERIVE_VERSION};
    const struct head *head = chain_head(bench.chain);
    bench.state = derive_genesis(&bench.config, &params, head->hash, GENESIS_TIME, &bench.origin);
    head_release(head);
}

/* --- Transactions. */

static struct tx gift(u64 index, struct arena tmp)
{
    u256 much = {{0, 1ull << 50, 0, 0}};
    struct tx tx = {.type = TX_DEPOSIT,
                    .protected = true,
                    .from_known = true,
                    .from = {{[19] = 0xdd}},
                    .to = account_of(0x5e, index),
                    .gas_limit = 100000,
                    .mint_wei = much,
                    .value_wei = much};
    store_be64(tx.source_hash.b + 24, index + 1);
    tx_set_hash(&tx, tmp);
    return tx;
}

/* Signed by nobody: who made it is known. */
static struct tx transfer(u64 serial, struct arena tmp)
{
    u256 most = {{0, 1 << 20, 0, 0}}; /* blocks are full: the price rises by an eighth with each */
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .protected = true,
                    .from_known = true,
                    .chain_id = 901,
                    .nonce = serial / SENDERS,
                    .gas_limit = 21000,
                    .from = account_of(0x5e, serial % SENDERS),
                    .to = account_of(0xac, serial * 7919 % bench.recipients),
                    .max_fee_wei = most,
                    .value_wei = u256_from_u64(1000 + serial),
                    .r = {{serial, 2, 3, 4}},
                    .s = {{serial, 6, 7, 8}}};
    tx_set_hash(&tx, tmp);
    return tx;
}

struct list {
    struct tx txs[MOST_TXS];
    bytes envelopes[MOST_TXS];
    usize at;
    bool full;
};

static const struct tx *next_tx(void *self, u64 gas_left, u64 blob_gas_left, bytes *envelope)
{
    struct list *list = self;
    (void)gas_left, (void)blob_gas_left;
    if (list->full || list->at == MOST_TXS)
        return NULL;
    *envelope = list->envelopes[list->at];
    return &list->txs[list->at];
}

static void tx_done(void *self, const struct tx *tx, enum status verdict, const struct err *why)
{
    struct list *list = self;
    (void)tx;
    list->full = verdict == ST_FULL;
    if (verdict == ST_OK)
        list->at++;
    else if (!list->full)
        need(verdict, why);
}

/* --- Blocks. */

/* Attributes alone, as derive_compose makes them; then the gifts, then the list. */
static void build(struct tx *gifts, usize gift_count, struct list *list, struct arena tmp)
{
    struct err err;
    struct built_block built;
    struct derive_block block;
    struct derive_plan plan = {.timestamp = GENESIS_TIME + bench.state.head.number / 50,
                               .origin = &bench.origin};
    u64 begun = clock_now_ns();
    need(derive_compose(&bench.state, &plan, &block, &tmp, &err), &err);
    u64 composed = clock_now_ns();
    struct tx *deposits = ARENA_TAKE(&tmp, struct tx, gift_count + 1);
    deposits[0] = block.txs[0];
    memcpy(deposits + 1, gifts, gift_count * sizeof(struct tx));
    struct tx_source source = {list, next_tx, tx_done};
    struct build_params params = {.timestamp = block.timestamp,
                                  .gas_limit = block.params.gas_limit,
                                  .deposits = deposits,
                                  .deposit_count = gift_count + 1,
                                  .txs = list == NULL ? NULL : &source};
    u64 ready = clock_now_ns(), used = clock_thread_ns();
    need(chain_build(bench.chain, &params, &built, &err), &err);
    u64 made = clock_now_ns();
    used = clock_thread_ns() - used;
    derive_advance(&bench.state, &block, built.block.hash);
    struct snapshot at;
    struct child_head head;
    struct block_ref ref;
    need(snapshot_open(bench.chain, &tmp, &at, &err), &err);
    need(snapshot_ref_by_number(&at, block.number, &ref), &err);
    need(child_head_read(&bench.rollup, &at, &ref, &head, &err), &err);
    snapshot_close(&at);
    if (list == NULL)
        return;
    bench.compose_ns += composed - begun;
    bench.build_ns += made - ready;
    bench.cpu_ns += used;
    bench.read_ns += clock_now_ns() - made;
    bench.txs += list->at;
    bench.serial += list->at;
}

static void give(struct arena tmp)
{
    struct tx *gifts = ARENA_TAKE(&tmp, struct tx, GIFTS);
    for (u64 from = 0; from < SENDERS; from += GIFTS) {
        for (u64 i = 0; i < GIFTS; i++)
            gifts[i] = gift(from + i, tmp);
        build(gifts, GIFTS, NULL, tmp);
    }
}

static void fill(struct list *list, struct arena *arena)
{
    list->at = 0;
    list->full = false;
    for (u64 i = 0; i < MOST_TXS; i++) {
        list->txs[i] = transfer(bench.serial + i, *arena);
        list->envelopes[i] = tx_encode(&list->txs[i], arena);
    }
}

static void print(u64 blocks)
{
    struct chain_stats stats = chain_stats(bench.chain);
    double ms = (double)bench.build_ns / 1e6;
    double parts[] = {(double)stats.execute_ns / 1e4 / ms, (double)stats.trie_ns / 1e4 / ms,
                      (double)stats.commit_ns / 1e4 / ms};
    printf("build %8.0f tx/s, %.0f tx/s of processor time, %.0f in a block of %.1f ms  execution "
           "%4.1f %%  "
           "trie %4.1f %%  commit %4.1f %%  other %4.1f %%\n",
           (double)bench.txs * 1e3 / ms, (double)bench.txs * 1e9 / (double)bench.cpu_ns,
           (double)bench.txs / (double)blocks, ms / (double)blocks, parts[0], parts[1], parts[2],
           100 - parts[0] - parts[1] - parts[2]);
    printf("compose %.0f us, read %.0f us a block\n",
           (double)bench.compose_ns / 1e3 / (double)blocks,
           (double)bench.read_ns / 1e3 / (double)blocks);
}

int main(int argc, char **argv)
{
    struct err err;
    struct pages pages;
    if (argc < 2) {
        fprintf(stderr, "usage: bench_child FOLDER [blocks] [recipients]\n");
        return 1;
    }
    u64 blocks = argc > 2 ? strtoul(argv[2], NULL, 10) : 200;
    if (argc > 3)
        bench.recipients = strtoul(argv[3], NULL, 10);
    need(pages_reserve((usize)1 << 34, &pages, &err), &err);
    struct arena arena = pages_arena(&pages);
    open_chain(argv[1], &arena);
    give(arena);
    struct list *list = ARENA_NEW(&arena, struct list, 1);
    for (u64 i = 0; i < blocks; i++) {
        struct arena tmp = arena;
        fill(list, &tmp);
        build(NULL, 0, list, tmp);
    }
    print(blocks);
    chain_close(bench.chain);
    return 0;
}
