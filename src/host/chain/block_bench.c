/* Full blocks of signed transactions, durable, on one chain's owner thread.
 *
 *   build   made from transactions whose senders are known, as a pool has them
 *   warm    the same blocks imported by a second chain whose state is in memory
 *   cold    and by a third, opened anew, whose state is out of the system's page cache
 *
 *   bench_blocks FOLDER [eth | token] [transactions a block, 5000] [accounts, 200000] [blocks, 20]
 *
 * `eth` moves ether; `token` calls a contract that moves an amount between two slots of its storage
 * and logs it, as an ERC-20 does. */
#include "chain/chain.h"
#include "crypto/keccak.h"
#include "sys/clock.h"
#include "sys/pages.h"

#include <fcntl.h>
#include <secp256k1_recovery.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_BLOCKS = 20000, SENDERS = 1000 };

static struct {
    usize txs, accounts, count;
    bool token;
    address senders[SENDERS];
    secp256k1_context *secp;
    struct pool *pool;
    struct genesis *genesis;
    bytes blocks[MAX_BLOCKS];
} bench = {.txs = 5000, .accounts = 200000, .count = 20};

static const address token = {{0x70, [19] = 1}};

/* balance[caller] -= amount; balance[to] += amount; log Transfer. Calldata: to, amount. */
static const u8 token_code[] = {
    0x33, 0x54, 0x60, 0x20, 0x35, 0x90, 0x03, 0x33, 0x55,       /* SSTORE(caller, … - …) */
    0x5f, 0x35, 0x54, 0x60, 0x20, 0x35, 0x01, 0x5f, 0x35, 0x55, /* SSTORE(to, … + …) */
    0x60, 0x20, 0x35, 0x5f, 0x52,                               /* MSTORE(0, amount) */
    0x5f, 0x35, 0x33, 0x60, 0x01, 0x60, 0x20, 0x5f, 0xa3, 0x00, /* LOG3; STOP */
};

static void need(enum status st, const struct err *err)
{
    if (st == ST_OK)
        return;
    fprintf(stderr, "%s: %s\n", status_name(st), err->text);
    exit(1);
}

static void need_true(int good)
{
    if (!good) {
        fprintf(stderr, "a library refused\n");
        exit(1);
    }
}

/* --- Accounts: the first have keys and send, all receive. */

static void secret_of(u64 index, u8 *to)
{
    memset(to, 0, 32);
    store_be64(to + 24, index + 1);
}

static void make_senders(void)
{
    bench.secp = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    for (u64 i = 0; i < SENDERS; i++) {
        u8 secret[32], point[65];
        usize size = sizeof(point);
        secp256k1_pubkey key;
        secret_of(i, secret);
        need_true(secp256k1_ec_pubkey_create(bench.secp, &key, secret) &&
                  secp256k1_ec_pubkey_serialize(bench.secp, point, &size, &key,
                                                SECP256K1_EC_UNCOMPRESSED));
        hash32 digest = keccak256((bytes){point + 1, 64});
        memcpy(bench.senders[i].b, digest.b + 12, sizeof(address));
    }
}

static address account_of(u64 index)
{
    if (index < SENDERS)
        return bench.senders[index];
    address who = {{0xac}};
    store_be64(who.b + 12, index * 0x9e3779b97f4a7c15);
    return who;
}

static void sign(struct tx *tx, u64 sender, struct arena tmp)
{
    u8 secret[32], compact[64];
    int parity;
    secp256k1_ecdsa_recoverable_signature signature;
    hash32 hash = tx_signing_hash(tx, tmp);
    secret_of(sender, secret);
    need_true(secp256k1_ecdsa_sign_recoverable(bench.secp, &signature, hash.b, secret, NULL, NULL));
    secp256k1_ecdsa_recoverable_signature_serialize_compact(bench.secp, compact, &parity,
                                                            &signature);
    tx->y_parity = (u8)parity;
    tx->r = u256_load_be(compact);
    tx->s = u256_load_be(compact + 32);
    tx_set_hash(tx, tmp);
}

/* --- Genesis. */

static int by_address(const void *a, const void *b)
{
    const struct account_change *x = a, *y = b;
    return memcmp(x->who.b, y->who.b, sizeof(address));
}

static int by_slot(const void *a, const void *b)
{
    const struct slot_change *x = a, *y = b;
    return memcmp(x->slot.b, y->slot.b, sizeof(hash32));
}

static void fund_token(struct account_change *change, struct diff *alloc, struct arena *arena)
{
    struct code_entry *code = ARENA_NEW(arena, struct code_entry, 1);
    code->code = BYTES_OF(token_code);
    code->hash = keccak256(code->code);
    alloc->codes = code;
    alloc->code_count = 1;
    *change = (struct account_change){.who = token, .exists = true};
    change->before = change->after = account_new();
    change->after.nonce = 1;
    change->after.code_hash = code->hash;
    change->slot_count = bench.accounts;
    change->slots = ARENA_NEW(arena, struct slot_change, bench.accounts);
    for (usize i = 0; i < bench.accounts; i++) {
        address who = account_of(i);
        memcpy(change->slots[i].slot.b + 12, who.b, sizeof(who));
        change->slots[i].after = (u256){{0, 1, 0, 0}};
    }
    qsort(change->slots, bench.accounts, sizeof(*change->slots), by_slot);
}

static enum status no_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    (void)self, (void)path, (void)hash, (void)out;
    return ST_MISSING;
}

static void make_genesis(struct arena *arena)
{
    static const char text[] =
        "{\"config\":{\"chainId\":900,\"homesteadBlock\":0,\"eip150Block\":0,\"eip158Block\":0,"
        "\"byzantiumBlock\":0,\"constantinopleBlock\":0,\"petersburgBlock\":0,"
        "\"istanbulBlock\":0,\"berlinBlock\":0,\"londonBlock\":0,\"terminalTotalDifficulty\":0,"
        "\"shanghaiTime\":0,\"cancunTime\":0,\"blobSchedule\":{\"cancun\":{\"target\":3,"
        "\"max\":6,\"baseFeeUpdateFraction\":3338477}}},\"baseFeePerGas\":\"0x7\","
        "\"difficulty\":\"0x0\",\"gasLimit\":\"0x3b9aca00\",\"alloc\":{}}";
    struct err err;
    struct genesis *genesis = ARENA_NEW(arena, struct genesis, 1);
    need(genesis_parse(BYTES_LIT(text), genesis, arena, &err), &err);
    struct diff *alloc = &genesis->alloc;
    alloc->account_count = bench.accounts + 1;
    alloc->accounts = ARENA_NEW(arena, struct account_change, alloc->account_count);
    for (usize i = 0; i < bench.accounts; i++) {
        struct account_change *change = &alloc->accounts[i];
        change->who = account_of(i);
        change->exists = true;
        change->before = change->after = account_new();
        change->after.balance_wei = (u256){{0, 1, 0, 0}};
    }
    fund_token(&alloc->accounts[bench.accounts], alloc, arena);
    qsort(alloc->accounts, alloc->account_count, sizeof(*alloc->accounts), by_address);
    struct node_source nothing = {.node = no_node};
    need(trie_apply(&nothing, EMPTY_TRIE_ROOT, alloc, &genesis->header.state_root, &genesis->nodes,
                    arena, &err),
         &err);
    bench.genesis = genesis;
}

static struct chain *open_chain(const char *folder, const char *name)
{
    char path[600];
    struct err err;
    struct chain *chain;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    struct chain_options options = {
        .files = files_of_system(),
        .folder = path,
        .genesis = bench.genesis,
        .history_blocks = UINT64_MAX,
        .proof_blocks = UINT64_MAX,
        .pool = bench.pool,
    };
    need(chain_open(&options, &chain, &err), &err);
    return chain;
}

/* --- Figures. */

static void print_figures(const char *what, struct chain *chain, struct chain_stats before,
                          u64 elapsed)
{
    struct chain_stats now = chain_stats(chain);
    double ms = (double)elapsed / 1e6;
    double parts[] = {
        (double)(now.recover_ns - before.recover_ns) / 1e4 / ms,
        (double)(now.execute_ns - before.execute_ns) / 1e4 / ms,
        (double)(now.trie_ns - before.trie_ns) / 1e4 / ms,
        (double)(now.commit_ns - before.commit_ns) / 1e4 / ms,
    };
    printf("%-6s %8.0f tx/s %8.1f Mgas/s  recovery %4.1f %%  execution %4.1f %%  trie %4.1f %%  "
           "commit %4.1f %%  other %4.1f %%\n",
           what, (double)(now.txs - before.txs) * 1e3 / ms,
           (double)(now.gas - before.gas) / 1e3 / ms, parts[0], parts[1], parts[2], parts[3],
           100 - parts[0] - parts[1] - parts[2] - parts[3]);
}

/* --- Building. */

struct list {
    struct tx *txs;
    bytes *envelopes;
    usize at;
};

static const struct tx *next_tx(void *self, u64 gas_left, u64 blob_gas_left, bytes *envelope)
{
    struct list *list = self;
    (void)gas_left, (void)blob_gas_left;
    if (list->at == bench.txs)
        return NULL;
    *envelope = list->envelopes[list->at];
    return &list->txs[list->at++];
}

static void tx_done(void *self, const struct tx *tx, enum status verdict, const struct err *why)
{
    (void)self, (void)tx;
    need(verdict, why);
}

static struct list make_txs(u64 block, struct arena *arena)
{
    struct list list = {
        .txs = ARENA_NEW(arena, struct tx, bench.txs),
        .envelopes = ARENA_NEW(arena, bytes, bench.txs),
    };
    for (usize i = 0; i < bench.txs; i++) {
        u64 serial = block * bench.txs + i;
        address to = account_of(serial * 7919 % bench.accounts);
        struct tx *tx = &list.txs[i];
        *tx = (struct tx){
            .type = TX_DYNAMIC_FEE,
            .protected = true,
            .chain_id = 900,
            .from_known = true,
            .from = account_of(serial % SENDERS),
            .to = bench.token ? token : to,
            .nonce = serial / SENDERS,
            .gas_limit = bench.token ? 60000 : 21000,
            .max_fee_wei = u256_from_u64(1000000),
            .value_wei = u256_from_u64(bench.token ? 0 : 1000 + i),
        };
        if (bench.token) {
            u8 *data = ARENA_NEW(arena, u8, 64);
            memcpy(data + 12, to.b, sizeof(to));
            store_be64(data + 56, 1000 + i);
            tx->data = (bytes){data, 64};
        }
        sign(tx, serial % SENDERS, *arena);
        list.envelopes[i] = tx_encode(tx, arena);
    }
    return list;
}

static void bench_build(const char *folder, struct arena *arena)
{
    struct err err;
    struct chain *chain = open_chain(folder, "build");
    u64 total = 0;
    for (u64 block = 0; block < bench.count; block++) {
        struct list list = make_txs(block, arena);
        struct tx_source source = {&list, next_tx, tx_done};
        struct build_params params = {
            .timestamp = block + 1, .gas_limit = 1000000000, .txs = &source};
        struct built_block built;
        u64 begun = clock_now_ns();
        need(chain_build(chain, &params, &built, &err), &err);
        total += clock_now_ns() - begun;
        bench.blocks[block] = block_encode(&built.block, arena);
    }
    print_figures("build", chain, (struct chain_stats){0}, total);
    u64 begun = clock_now_ns();
    need(chain_flush(chain, &err), &err);
    printf("flush of the rest: %.0f ms\n", (double)(clock_now_ns() - begun) / 1e6);
    chain_close(chain);
}

/* --- Importing. */

static void import_from(struct chain *chain, usize first, usize end)
{
    struct err err;
    enum import_outcome outcome;
    for (usize i = first; i < end; i++) {
        need(chain_import(chain, bench.blocks[i], true, &outcome, &err), &err);
        need_true(outcome == IMPORT_HEAD);
    }
}

/* Everything that the system keeps of the file in memory goes. */
static void forget_file(const char *folder, const char *name)
{
    char path[700];
    snprintf(path, sizeof(path), "%s/cold/%s", folder, name);
    int fd = open(path, O_RDONLY);
    need_true(fd >= 0 && fsync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
    close(fd);
}

static void bench_import(const char *folder, bool cold)
{
    const char *name = cold ? "cold" : "warm";
    usize half = bench.count / 2;
    struct chain *chain = open_chain(folder, name);
    import_from(chain, 0, half);
    if (cold) {
        chain_close(chain);
        forget_file(folder, "state");
        forget_file(folder, "blocks");
        chain = open_chain(folder, name);
    }
    struct chain_stats before = chain_stats(chain);
    u64 begun = clock_now_ns();
    import_from(chain, half, bench.count);
    print_figures(name, chain, before, clock_now_ns() - begun);
    chain_close(chain);
}

int main(int argc, char **argv)
{
    struct err err;
    struct pages pages;
    if (argc < 2) {
        fprintf(stderr, "usage: bench_blocks FOLDER [eth | token] [transactions] [accounts] "
                        "[blocks]\n");
        return 1;
    }
    bench.token = argc > 2 && strcmp(argv[2], "token") == 0;
    if (argc > 3)
        bench.txs = strtoul(argv[3], NULL, 10);
    if (argc > 4)
        bench.accounts = strtoul(argv[4], NULL, 10);
    if (argc > 5)
        bench.count = min_u64(strtoul(argv[5], NULL, 10), MAX_BLOCKS);
    need(pages_reserve((usize)1 << 37, &pages, &err), &err);
    struct arena arena = pages_arena(&pages);
    need(pool_new(0, 64, &bench.pool, &err), &err);
    make_senders();
    make_genesis(&arena);
    printf("%zu blocks of %zu %s transactions, %zu accounts\n", bench.count, bench.txs,
           bench.token ? "token" : "eth", bench.accounts);
    bench_build(argv[1], &arena);
    bench_import(argv[1], false);
    bench_import(argv[1], true);
    pool_free(bench.pool);
    return 0;
}
