/* Cuts the power at every write and sync that a chain has made, in several ways each, and opens
 * what is left. The chain must come back with the last head that it had acknowledged (or the one
 * that it was about to), with all its roots, and go on from there.
 *
 *   durability [how many of the cuts: 1 of every N, 1 unless given] */
#include "base/fmt.h"
#include "chain/chain.h"
#include "crypto/keccak.h"
#include "durability/scratch.h"
#include "durability/tape.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ACCOUNTS = 8, MAX_PROMISES = 2000 };

/* What the chain has acknowledged: from this position of the tape on it must be there. */
struct promise {
    usize position;
    u64 mark;
    hash32 hash;
    hash32 state_root;
    u64 number;
};

static struct promise promises[MAX_PROMISES];
static usize promise_count;
static u64 failures, flushes;

static void must(enum status st, const struct err *err, const char *what)
{
    if (st == ST_OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, status_name(st), err->text);
    exit(1);
}

static u64 random_state = 1;

static u64 next_random(u64 below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % below;
}

static address account(u64 index)
{
    return (address){{0xac, [19] = (u8)(index + 1)}};
}

static const char genesis_json[] =
    "{\"config\":{\"chainId\":900,\"homesteadBlock\":0,\"eip150Block\":0,\"eip158Block\":0,"
    "\"byzantiumBlock\":0,\"constantinopleBlock\":0,\"petersburgBlock\":0,\"istanbulBlock\":0,"
    "\"berlinBlock\":0,\"londonBlock\":0,\"terminalTotalDifficulty\":0,\"shanghaiTime\":0},"
    "\"gasLimit\":\"0x1c9c380\",\"difficulty\":\"0x0\",\"alloc\":{"
    "\"ac00000000000000000000000000000000000001\":{\"balance\":\"0xffffffffffffff\"},"
    "\"ac00000000000000000000000000000000000002\":{\"balance\":\"0xffffffffffffff\"}}}";

static u8 memory[64 << 20];

static enum status open_chain(const char *folder, struct chain **out, struct err *err)
{
    struct arena arena = arena_over(memory, sizeof(memory));
    struct genesis genesis;
    must(genesis_parse(BYTES_LIT(genesis_json), &genesis, &arena, err), err, "genesis");
    struct chain_options options = {
        .files = files_of_system(),
        .folder = folder,
        .genesis = &genesis,
        .history_blocks = UINT64_MAX,
        .proof_blocks = UINT64_MAX,
    };
    return chain_open(&options, out, err);
}

/* --- The load. */

static enum status state_root_of(struct chain *chain, hash32 *out, u64 *number, hash32 *hash,
                                 struct err *err)
{
    struct arena arena = arena_over(memory, sizeof(memory));
    struct snapshot at;
    TRY(snapshot_open(chain, &arena, &at, err));
    enum status st = snapshot_state_root(&at, out, err);
    *number = at.head->header.number;
    *hash = at.head->hash;
    snapshot_close(&at);
    return st;
}

static void acknowledge(struct chain *chain)
{
    struct err err;
    assert(promise_count < MAX_PROMISES);
    struct promise *promise = &promises[promise_count++];
    promise->position = tape_length();
    promise->mark = chain_mark(chain);
    must(state_root_of(chain, &promise->state_root, &promise->number, &promise->hash, &err), &err,
         "state root");
}

struct transfers {
    u64 nonces[2];
    usize left;
    struct tx tx;
};

static const struct tx *next_transfer(void *self, u64 gas_left, u64 blob_gas_left, bytes *envelope)
{
    struct transfers *t = self;
    (void)gas_left, (void)blob_gas_left, (void)envelope;
    if (t->left-- == 0)
        return NULL;
    u64 from = next_random(2);
    t->tx = (struct tx){
        .from = account(from),
        .from_known = true,
        .to = account(next_random(ACCOUNTS)),
        .nonce = t->nonces[from]++,
        .gas_limit = 21000,
        .value_wei = u256_from_u64(next_random(1000)),
        .r = u256_from_u64(next_random(1u << 30)),
        .s = U256_ONE,
    };
    u8 scratch[1024];
    tx_set_hash(&t->tx, arena_over(scratch, sizeof(scratch)));
    return &t->tx;
}

static enum status build_block(struct chain *chain, u64 timestamp, struct err *err)
{
    struct arena arena = arena_over(memory, sizeof(memory));
    struct transfers transfers = {.left = next_random(8)};
    struct snapshot at;
    TRY(snapshot_open(chain, &arena, &at, err));
    struct state_view view = snapshot_view(&at);
    for (usize i = 0; i < 2; i++) {
        struct account got = account_new();
        (void)!view.account(view.self, account(i), &got);
        transfers.nonces[i] = got.nonce;
    }
    snapshot_close(&at);
    struct tx_source source = {.self = &transfers, .next = next_transfer};
    struct build_params params = {
        .timestamp = timestamp,
        .gas_limit = 30000000,
        .has_base_fee = true,
        .txs = &source,
    };
    struct built_block built;
    return chain_build(chain, &params, &built, err);
}

static enum status patch(struct chain *chain, struct err *err)
{
    struct account_change change = {
        .who = account(2 + next_random(ACCOUNTS - 2)), .exists = true, .after = account_new()};
    change.after.balance_wei = u256_from_u64(next_random(1u << 20));
    struct diff diff = {.accounts = &change, .account_count = 1};
    return chain_patch(chain, &diff, err);
}

/* Enough of everything: first so many blocks that the flusher starts by itself, then the rest. */
static void load(const char *folder)
{
    struct chain *chain;
    struct err err;
    must(open_chain(folder, &chain, &err), &err, "open");
    acknowledge(chain);
    for (u64 round = 1; round <= 400; round++) {
        u64 dice = round < 230 ? 50 + next_random(50) : next_random(100);
        if (dice < 4) {
            const struct promise *back = &promises[promise_count - 1 - next_random(40)];
            must(chain_return_to(chain, back->mark, &err), &err, "return");
        } else if (dice < 7) {
            must(patch(chain, &err), &err, "patch");
        } else if (dice < 8) {
            must(chain_flush(chain, &err), &err, "flush");
        } else if (dice < 9) {
            flushes += chain_stats(chain).flushes;
            chain_close(chain);
            must(open_chain(folder, &chain, &err), &err, "reopen");
        } else {
            must(build_block(chain, round, &err), &err, "build");
        }
        acknowledge(chain);
    }
    flushes += chain_stats(chain).flushes;
    chain_close(chain);
}

/* --- The judge. */

static void complain(usize position, enum fate fate, const char *what)
{
    static const char *const fates[FATE_COUNT] = {"lost", "kept", "mixed", "torn"};
    char op[128];
    tape_describe(position, op, sizeof(op));
    printf("    cut %zu (before %s), unsynced writes %s: %s\n", position, op, fates[fate], what);
    failures++;
}

static void clear(const char *folder)
{
    static const char *const names[] = {"lock",           "state-lock", "state",     "state.new",
                                        "state.new-lock", "blocks",     "blocks.cut"};
    for (usize i = 0; i < countof(names); i++) {
        char path[700];
        fmt(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
}

/* The last promise made before the cut, or the next one. */
static bool is_promised(usize position, u64 number, hash32 hash, hash32 root)
{
    usize last = 0;
    bool any = false;
    for (usize i = 0; i < promise_count && promises[i].position <= position; i++) {
        last = i;
        any = true;
    }
    for (usize i = last; i <= last + (any ? 1 : 0) && i < promise_count; i++)
        if (promises[i].number == number && hash32_equal(promises[i].hash, hash) &&
            hash32_equal(promises[i].state_root, root))
            return true;
    return false;
}

/* Every state of the chain has the root that its block names, or that a patch gave it. */
static bool states_are_whole(struct chain *chain, struct err *err)
{
    struct arena arena = arena_over(memory, sizeof(memory));
    struct snapshot at;
    if (snapshot_open(chain, &arena, &at, err) != ST_OK)
        return false;
    bool whole = true;
    for (u64 number = at.head->header.number; whole; number--) {
        struct arena scratch = arena;
        at.arena = &scratch;
        hash32 root;
        whole = snapshot_seek(&at, number, err) == ST_OK &&
                snapshot_state_root(&at, &root, err) == ST_OK;
        struct state_view view = snapshot_view(&at);
        struct node_source nodes = snapshot_nodes(&at);
        for (u64 i = 0; whole && i < ACCOUNTS; i++) {
            struct account flat;
            bytes leaf;
            address who = account(i);
            enum status st = view.account(view.self, who, &flat);
            whole = trie_get(&nodes, (hash32){{0}}, root, keccak256(BYTES_OF(who)), &leaf, &scratch,
                             err) == st;
        }
        if (number == 0)
            break;
    }
    snapshot_close(&at);
    return whole;
}

static void judge(usize position, enum fate fate, const char *folder, bool deep)
{
    struct chain *chain;
    struct err err = {""};
    hash32 root, hash;
    u64 number;
    clear(folder);
    tape_replay(position, fate, position, folder);
    if (open_chain(folder, &chain, &err) != ST_OK) {
        complain(position, fate, err.text);
        return;
    }
    if (state_root_of(chain, &root, &number, &hash, &err) != ST_OK)
        complain(position, fate, err.text);
    else if (!is_promised(position, number, hash, root))
        complain(position, fate, "the head is none that was promised");
    else if (deep && !states_are_whole(chain, &err))
        complain(position, fate, "an older state is damaged");
    else if (deep && build_block(chain, 1000000, &err) != ST_OK)
        complain(position, fate, err.text);
    chain_close(chain);
}

int main(int argc, char **argv)
{
    usize every = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    char original[64], copy[64];
    scratch_folder("cuts", original, sizeof(original));
    scratch_folder("cuts", copy, sizeof(copy));
    tape_start(original);
    load(original);
    tape_stop();
    usize cuts = 0;
    for (usize position = 0; position <= tape_length(); position += every > 0 ? every : 1)
        for (enum fate fate = 0; fate < FATE_COUNT; fate++, cuts++)
            judge(position, fate, copy, (position + fate) % 8 == 0);
    clear(original);
    clear(copy);
    rmdir(original);
    rmdir(copy);
    printf("%zu writes and syncs, %zu promises, %lu flushes, %zu cuts\n", tape_length(),
           promise_count, flushes, cuts);
    printf("%zu passed, %lu failed\n", cuts - failures, failures);
    return failures != 0;
}
