/* Real blocks, of every fork, executed natively while a witness is recorded; then judged from the
 * witness, natively and by the guest on the RISC-V machine. All three must agree. */
#include "base/fmt.h"
#include "base/rlp.h"
#include "chain/testing.h"
#include "crypto/keccak.h"
#include "guest.h"
#include "harness/test.h"
#include "rv/rv.h"
#include "stf/stf.h"
#include "stf/witness_view.h"
#include "sys/pages.h"

#include <stdio.h>
#include <time.h>

enum { MAX_BLOCKS = 64, MAX_CODES = 256 };

/* A chain in memory, as far as it was executed. */
struct replay {
    struct chain_config config;
    struct trie_overlay *nodes;
    struct code_entry codes[MAX_CODES];
    usize code_count;
    bytes headers[MAX_BLOCKS]; /* by number */
    hash32 hashes[MAX_BLOCKS];
    struct header head;
};

static struct arena big_arena(struct pages *pages)
{
    struct err err;
    assert(pages_reserve((usize)42 << 30, pages, &err) == ST_OK);
    return pages_arena(pages);
}

static enum status no_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    (void)self, (void)path, (void)hash, (void)out;
    return ST_MISSING;
}

static enum status chain_code(void *self, hash32 code_hash, bytes *out)
{
    const struct replay *chain = self;
    for (usize i = 0; i < chain->code_count; i++)
        if (hash32_equal(chain->codes[i].hash, code_hash)) {
            *out = chain->codes[i].code;
            return ST_OK;
        }
    return ST_CORRUPT;
}

static enum status chain_block_hash(void *self, u64 number, hash32 *out)
{
    const struct replay *chain = self;
    if (number > chain->head.number)
        return ST_MISSING;
    *out = chain->hashes[number];
    return ST_OK;
}

/* Takes over what a block did; everything is copied to the test's memory. */
static void advance(struct replay *chain, const struct header *header, const struct diff *diff,
                    struct trie_changes *changes)
{
    for (usize i = 0; i < changes->count; i++)
        changes->nodes[i].node = arena_copy(test_arena(), changes->nodes[i].node);
    trie_overlay_add(chain->nodes, changes);
    for (usize i = 0; i < diff->code_count; i++) {
        assert(chain->code_count < MAX_CODES);
        bytes code = arena_copy(test_arena(), diff->codes[i].code);
        chain->codes[chain->code_count++] = (struct code_entry){diff->codes[i].hash, code};
    }
    assert(header->number < MAX_BLOCKS);
    chain->head = *header;
    chain->headers[header->number] = header_encode(header, test_arena());
    chain->hashes[header->number] = keccak256(chain->headers[header->number]);
}

static bytes fixture_file(const char *folder, const char *name)
{
    char path[4096];
    fmt(path, sizeof(path), "%s/%s", folder, name);
    return test_read_file(path);
}

static struct replay *replay_from(const struct genesis *genesis)
{
    struct replay *chain = ARENA_NEW(test_arena(), struct replay, 1);
    chain->config = genesis->config;
    chain->nodes = trie_overlay_new((struct node_source){.node = no_node}, test_arena());
    struct trie_changes nodes = genesis->nodes;
    advance(chain, &genesis->header, &genesis->alloc, &nodes);
    return chain;
}

static struct replay *chain_from_genesis(bytes text)
{
    struct genesis *genesis = ARENA_NEW(test_arena(), struct genesis, 1);
    CHECK(genesis_parse(text, genesis, test_arena(), NULL) == ST_OK);
    return replay_from(genesis);
}

/* Executes the next block natively; the guest's input for it. */
static bytes next_block(struct replay *chain, bytes encoded)
{
    struct pages memory;
    struct arena arena = big_arena(&memory);
    struct block block;
    struct stf_result result;
    struct err err = {0};
    CHECK(block_decode(encoded, &block, test_arena(), NULL) == ST_OK);
    struct state_view below = {.self = chain, .code = chain_code, .block_hash = chain_block_hash};
    struct witness_recorder *recorder =
        witness_recorder_new(trie_overlay_source(chain->nodes), below, &chain->head, test_arena());
    struct state_view view = witness_recorder_view(recorder);
    struct node_source nodes = witness_recorder_nodes(recorder);
    struct rules rules = chain_rules(&chain->config, block.header.number, block.header.timestamp,
                                     u256_is_zero(block.header.difficulty));
    if (stf_block(&rules, &chain->head, &block, &view, &nodes, &result, &arena, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "block %lu: %s", block.header.number, err.text);

    struct witness witness;
    witness_recorder_finish(recorder, &witness);
    witness.header_count = witness_recorder_header_count(recorder);
    witness.headers = ARENA_TAKE(test_arena(), bytes, witness.header_count);
    for (usize i = 0; i < witness.header_count; i++)
        witness.headers[i] = chain->headers[chain->head.number - i];
    bytes input = guest_input_encode(&chain->config, encoded, &witness, test_arena());
    advance(chain, &block.header, &result.diff, &result.changes);
    pages_release(&memory);
    return input;
}

static void run_natively(bytes input, struct guest_output *out)
{
    struct pages witness_memory, block_memory;
    struct arena witness_arena = big_arena(&witness_memory);
    struct arena block_arena = big_arena(&block_memory);
    guest_run(input, out, &witness_arena, &block_arena);
    pages_release(&witness_memory);
    pages_release(&block_memory);
}

/* Instructions that it took; 0 if the machine stopped in any other way than by halting. */
static u64 run_on_the_machine(bytes elf, bytes input, struct guest_output *out)
{
    struct arena arena = *test_arena();
    struct rv *rv = ARENA_TAKE(&arena, struct rv, 1);
    struct err err = {0};
    u8 size[8];
    store_le64(size, input.size);
    memset(out, 0xff, sizeof(*out));
    if (rv_load(rv, elf, &arena, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    u8 *framed = ARENA_TAKE(&arena, u8, sizeof(size) + input.size);
    memcpy(framed, size, sizeof(size));
    bytes_copy(framed + sizeof(size), input);
    CHECK(rv_write(rv, GUEST_INPUT, (bytes){framed, sizeof(size) + input.size}, false) == ST_OK);
    enum rv_stop stop = rv_run(rv, UINT64_MAX);
    if (stop != RV_ECALL || rv->x[RV_A1] != sizeof(*out) ||
        rv_read(rv, rv->x[RV_A0], (u8 *)out, sizeof(*out)) != ST_OK) {
        char what[200] = "";
        if (stop == RV_EBREAK)
            (void)rv_read(rv, rv->x[RV_A2], (u8 *)what, sizeof(what) - 1);
        test_fail(__FILE__, __LINE__, "the guest stopped: %s at 0x%lx %s", rv_stop_name(stop),
                  rv->pc, what);
        return 0;
    }
    return rv->steps;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

TEST(guest_finds_the_native_state_root_of_every_block_from_its_witness)
{
    const char *folder = test_fixture_folder("rpc_compat");
    if (folder == NULL)
        return;
    bytes elf = test_read_file(GUEST_ELF);
    struct replay *chain = chain_from_genesis(fixture_file(folder, "genesis.json"));
    bytes file = fixture_file(folder, "chain.rlp"), encoded;
    u64 steps = 0, blocks = 0;
    double spent = 0;
    while (file.size > 0 && rlp_read_item(&file, &encoded) == ST_OK) {
        bytes input = next_block(chain, encoded);
        struct guest_output native, emulated;
        run_natively(input, &native);
        CHECK_ROW(blocks, native.status == ST_OK);
        CHECK_ROW(blocks, hash32_equal(native.state_root, chain->head.state_root));
        CHECK_ROW(blocks, hash32_equal(native.block_hash, chain->hashes[chain->head.number]));
        double start = seconds();
        steps += run_on_the_machine(elf, input, &emulated);
        spent += seconds() - start;
        CHECK_ROW(blocks, memcmp(&native, &emulated, sizeof(native)) == 0);
        blocks++;
    }
    CHECK(blocks > 50);
    printf("%lu blocks, %lu instructions, %.0f million a second\n", blocks, steps,
           (double)steps / spent / 1e6);
}

/* A child chain's blocks: attributes, a deposit that mints, a transfer. */
TEST(guest_judges_the_blocks_of_a_child_chain)
{
    bytes elf = test_read_file(GUEST_ELF);
    const struct genesis *genesis = testing_child_genesis(test_arena());
    struct chain *child = testing_open(test_folder(), genesis);
    struct replay *chain = replay_from(genesis);
    for (u64 i = 1; i <= 2; i++) {
        struct tx user = testing_user_tx(i, *test_arena());
        struct testing_block *block = testing_block(child, TESTING_TIME, &user, 1, test_arena());
        struct built_block built;
        CHECK(chain_build(child, &block->params, &built, NULL) == ST_OK);
        CHECK(built.block.tx_count == 3);
        bytes input = next_block(chain, block_encode(&built.block, test_arena()));
        struct guest_output native, emulated;
        run_natively(input, &native);
        CHECK_ROW(i, native.status == ST_OK);
        CHECK_ROW(i, hash32_equal(native.state_root, built.block.header.state_root));
        CHECK_ROW(i, hash32_equal(native.block_hash, built.block.hash));
        CHECK_ROW(i, run_on_the_machine(elf, input, &emulated) > 0);
        CHECK_ROW(i, memcmp(&native, &emulated, sizeof(native)) == 0);
    }
    chain_close(child);
}

/* Whatever happens to an input on its way, the guest ends in order; and where it calls the block
 * valid, it is the same outcome. */
TEST(guest_is_not_misled_by_damaged_inputs)
{
    const char *folder = test_fixture_folder("rpc_compat");
    if (folder == NULL)
        return;
    struct replay *chain = chain_from_genesis(fixture_file(folder, "genesis.json"));
    bytes file = fixture_file(folder, "chain.rlp"), encoded, input = BYTES_EMPTY;
    for (int i = 0; i < 48 && rlp_read_item(&file, &encoded) == ST_OK; i++)
        input = next_block(chain, encoded);
    struct guest_output whole, damaged;
    run_natively(input, &whole);
    CHECK(whole.status == ST_OK);
    struct arena small = arena_over(arena_take(test_arena(), 1 << 20, 16), 1 << 20);
    struct arena other = arena_over(arena_take(test_arena(), 1 << 25, 16), 1 << 25);
    guest_run(input, &damaged, &other, &small);
    CHECK(damaged.status == ST_FULL && damaged.err.text[0] != '\0');
    u8 *copy = ARENA_TAKE(test_arena(), u8, input.size);
    u64 mix = 1;
    for (usize round = 0; round < 300; round++) {
        bytes_copy(copy, input);
        mix = mix * 6364136223846793005 + 1442695040888963407;
        usize at = (mix >> 20) % input.size;
        copy[at] ^= (u8)(1 << (mix >> 60));
        usize size = round % 10 == 0 ? at : input.size;
        run_natively((bytes){copy, size}, &damaged);
        if (damaged.status == ST_OK && hash32_equal(damaged.block_hash, whole.block_hash))
            CHECK_ROW(round, hash32_equal(damaged.state_root, whole.state_root));
        else
            CHECK_ROW(round, damaged.status != ST_OK && damaged.err.text[0] != '\0');
    }
}
