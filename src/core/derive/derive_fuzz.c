/* Whatever a batch's data are, its items run once each, in order, in blocks that keep the rules;
 * and what the first byte says is rejected, is gone. */
#include "derive/derive.h"
#include "derive/testing.h"
#include "harness/fuzz.h"

#include <sys/mman.h>

static struct arena reserved(usize size)
{
    static u8 *memory;
    if (memory == NULL) {
        void *got = mmap(NULL, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        assert(got != MAP_FAILED);
        memory = got;
    }
    return arena_over(memory, size);
}

/* Four blocks of the parent, ten items, one of which changes the gas limit; no batches. */
static struct world *parent(void)
{
    static struct world world;
    static u8 memory[1 << 20];
    static struct arena arena;
    struct random random = {1};
    if (world.block_count == 0) {
        arena = arena_over(memory, sizeof(memory));
        world_init(&world, &arena);
        for (int i = 0; i < 3; i++)
            world_mine(&world);
        for (int i = 0; i < 9; i++)
            world_enqueue_random(&world, &random);
        world_enqueue_config(&world, DERIVE_GAS_LIMIT, u256_from_u64(DERIVE_LEAST_GAS_LIMIT));
    }
    world.batch_count = 0;
    world.batch_acc = batch_acc_first(&world.config.id);
    return &world;
}

static void check_block(const struct world *world, const struct derive_state *before,
                        const struct derive_block *block)
{
    assert(block->number == before->head.number + 1 && block->deposit_count >= 1);
    assert(hash32_equal(block->parent_hash, before->head.hash));
    assert(block->timestamp >= before->head.timestamp);
    assert(block->timestamp >= block->origin.timestamp);
    assert(block->origin.number >= before->head.origin.number);
    assert(block->timestamp <= WORLD_FIRST_TIME + 36 + DERIVE_TIME_AHEAD);
    assert(block->inbox_pos == before->inbox_pos + block->deposit_count - 1);
    assert(hash32_equal(block->inbox_acc, world->inbox_accs[block->inbox_pos]));
    for (usize i = 1; i < block->deposit_count; i++)
        assert(hash32_equal(block->txs[i].source_hash,
                            source_hash_item(world->inbox_accs[before->inbox_pos + i])));
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct world *world = parent();
    struct arena memory = fuzz_arena();
    bytes in = {data, size};
    u8 rejects = 0;
    fuzz_fill(&in, &rejects, 1);

    struct derive_state state = world_genesis(world);
    struct derive_input input =
        world_append(world, &state, &in, world->item_count, world_last_origin(world));
    struct derive_run run;
    usize bound = derive_open_bound(&input);
    struct arena open = reserved(bound);
    enum status st = derive_open(&run, &world->config, &state, &input, &open, NULL);
    assert(st == ST_OK);
    u64 blocks = 0;
    bool rejected = false;
    while (derive_more(&run)) {
        const struct derive_block *block;
        usize next_bound = derive_next_bound(&run);
        assert(next_bound <= arena_left(&memory));
        struct arena next = arena_over(memory.at, next_bound);
        st = derive_next(&run, &block, &next, NULL);
        assert(st == ST_OK);
        check_block(world, &run.state, block);
        bool users = block->tx_count > block->deposit_count;
        assert(!rejected || !users);
        if (users && rejects >> (blocks & 7) & 1) {
            derive_reject(&run, NULL);
            rejected = true;
            continue;
        }
        derive_done(&run, world_execute(block));
        blocks++;
    }
    struct derive_state after = derive_close(&run);
    assert(after.inbox_pos == world->item_count && after.head.number == blocks);
    assert(after.batch_count == 1 && hash32_equal(after.batch_acc, input.record.batch_acc));
    return 0;
}
