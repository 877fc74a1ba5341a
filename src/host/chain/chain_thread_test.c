/* Readers on other threads while the owner builds, flushes and reorganises: whatever head they get,
 * all its states add up. */
#include "chain/chain.h"

#include "crypto/keccak.h"
#include "harness/test.h"
#include "sys/thread.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { ACCOUNTS = 5, READERS = 3, ROUNDS = 400, WEALTH = 1000000 };

struct shared {
    struct chain *chain;
    _Atomic bool stop;
    _Atomic u64 reads, wrong;
    u64 random;
    u64 nonces[ACCOUNTS];
};

static u64 next_random(u64 *state, u64 below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 33) % below;
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
    "\"ac00000000000000000000000000000000000001\":{\"balance\":\"1000000\"}}}";

/* One look at one state: the accounts hold what there is, and the tries have the header's root. */
static bool state_adds_up(struct shared *shared, u64 *random, struct arena arena)
{
    struct snapshot at;
    struct err err;
    if (snapshot_open(shared->chain, &arena, &at, &err) != ST_OK)
        return false;
    u64 number = next_random(random, at.head->header.number + 1), sum = 0;
    struct block_ref ref;
    struct header header;
    hash32 root;
    bool good = snapshot_seek(&at, number, &err) == ST_OK &&
                snapshot_ref_by_number(&at, number, &ref) == ST_OK &&
                block_ref_header(&at, &ref, &header, &err) == ST_OK &&
                snapshot_state_root(&at, &root, &err) == ST_OK &&
                hash32_equal(root, header.state_root);
    struct state_view view = snapshot_view(&at);
    struct node_source nodes = snapshot_nodes(&at);
    for (u64 i = 0; i < ACCOUNTS; i++) {
        struct account got = account_new(), proven = account_new();
        address who = account(i);
        bytes leaf;
        enum status st = view.account(view.self, who, &got);
        sum += st == ST_OK ? got.balance_wei.w[0] : 0;
        enum status in_trie =
            trie_get(&nodes, (hash32){{0}}, root, keccak256(BYTES_OF(who)), &leaf, &arena, &err);
        good = good && in_trie == st && (st != ST_OK || account_decode(leaf, &proven) == ST_OK) &&
               u256_equal(got.balance_wei, proven.balance_wei);
    }
    snapshot_close(&at);
    return good && sum == WEALTH;
}

static void *reader(void *self)
{
    struct shared *shared = self;
    /* Not thread-local: that would come off the stack of every thread of the program. */
    const usize size = 8 << 20;
    u8 *memory = malloc(size);
    assert(memory != NULL);
    u64 random = (u64)(uintptr_t)memory;
    while (!shared->stop) {
        if (!state_adds_up(shared, &random, arena_over(memory, size)))
            shared->wrong++;
        shared->reads++;
    }
    free(memory);
    return NULL;
}

struct transfers {
    struct shared *shared;
    const u64 *balances;
    usize left;
    struct tx tx;
};

static const struct tx *next_transfer(void *self, u64 gas_left, u64 blob_gas_left, bytes *envelope)
{
    struct transfers *t = self;
    (void)gas_left, (void)blob_gas_left, (void)envelope;
    if (t->left-- == 0)
        return NULL;
    u64 *random = &t->shared->random, from = next_random(random, ACCOUNTS);
    t->tx = (struct tx){
        .from = account(from),
        .from_known = true,
        .to = account(next_random(random, ACCOUNTS)),
        .nonce = t->shared->nonces[from],
        .gas_limit = 21000,
        .value_wei = u256_from_u64(next_random(random, WEALTH / 4)),
        .r = u256_from_u64(next_random(random, 1u << 30)),
        .s = U256_ONE,
    };
    tx_set_hash(&t->tx, *test_arena());
    return &t->tx;
}

static void transfer_done(void *self, const struct tx *tx, enum status verdict,
                          const struct err *why)
{
    struct transfers *t = self;
    (void)why;
    if (verdict == ST_OK)
        t->shared->nonces[tx->from.b[19] - 1]++;
}

static void read_nonces(struct shared *shared)
{
    struct arena arena = *test_arena();
    struct snapshot at;
    struct err err;
    CHECK(snapshot_open(shared->chain, &arena, &at, &err) == ST_OK);
    struct state_view view = snapshot_view(&at);
    for (u64 i = 0; i < ACCOUNTS; i++) {
        struct account got = account_new();
        (void)!view.account(view.self, account(i), &got);
        shared->nonces[i] = got.nonce;
    }
    snapshot_close(&at);
}

static void own(struct shared *shared)
{
    u64 marks[ROUNDS], count = 0;
    struct err err;
    for (u64 round = 1; round < ROUNDS; round++) {
        struct transfers transfers = {.shared = shared, .left = next_random(&shared->random, 6)};
        struct tx_source source = {&transfers, next_transfer, transfer_done};
        struct build_params params = {
            .timestamp = round, .gas_limit = 30000000, .has_base_fee = true, .txs = &source};
        struct built_block built;
        CHECK(chain_build(shared->chain, &params, &built, &err) == ST_OK);
        marks[count++] = chain_mark(shared->chain);
        u64 dice = next_random(&shared->random, 40);
        if (dice == 0)
            CHECK(chain_flush(shared->chain, &err) == ST_OK);
        if (dice == 1) {
            u64 back = marks[count - 1 - next_random(&shared->random, count < 30 ? count : 30)];
            CHECK(chain_return_to(shared->chain, back, &err) == ST_OK);
            read_nonces(shared);
        }
    }
}

TEST(chain_readers_see_whole_states_while_the_owner_changes_them)
{
    struct shared *shared = ARENA_NEW(test_arena(), struct shared, 1);
    struct genesis genesis;
    struct err err = {""};
    CHECK(genesis_parse(BYTES_LIT(genesis_json), &genesis, test_arena(), &err) == ST_OK);
    struct chain_options options = {
        .files = files_of_system(),
        .folder = test_folder(),
        .genesis = &genesis,
        .history_blocks = UINT64_MAX,
        .proof_blocks = UINT64_MAX,
    };
    CHECK(chain_open(&options, &shared->chain, &err) == ST_OK);
    pthread_t readers[READERS];
    for (usize i = 0; i < READERS; i++)
        CHECK(thread_start(&readers[i], "reader", reader, shared, &err) == ST_OK);
    own(shared);
    shared->stop = true;
    for (usize i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    CHECK(shared->reads > 0 && shared->wrong == 0);
    chain_close(shared->chain);
}
