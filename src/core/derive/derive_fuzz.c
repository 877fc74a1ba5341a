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
static struct parent *ready(void)
{
    static struct parent parent;
    static u8 memory[1 << 20];
    static struct arena arena;
    struct seeded random = {1};
    if (parent.block_count == 0) {
        arena = arena_over(memory, sizeof(memory));
        parent_init(&parent, &arena);
        for (int i = 0; i < 3; i++)
            parent_mine(&parent);
        for (int i = 0; i < 9; i++)
            parent_enqueue_random(&parent, &random);
        parent_enqueue_config(&parent, DERIVE_GAS_LIMIT, u256_from_u64(DERIVE_LEAST_GAS_LIMIT));
    }
    parent.batch_count = 0;
    parent.batch_acc = batch_acc_first(&parent.config.id);
    return &parent;
}

static void check_block(const struct parent *parent, const struct derive_state *before,
                        const struct derive_block *block)
{
    assert(block->number == before->head.number + 1 && block->deposit_count >= 1);
    assert(hash32_equal(block->parent_hash, before->head.hash));
    assert(block->timestamp >= before->head.timestamp);
    assert(block->timestamp >= block->origin.timestamp);
    assert(block->origin.number >= before->head.origin.number);
    assert(block->timestamp <= PARENT_FIRST_TIME + 36 + DERIVE_TIME_AHEAD);
    assert(block->inbox_pos == before->inbox_pos + block->deposit_count - 1);
    assert(hash32_equal(block->inbox_acc, parent->inbox_accs[block->inbox_pos]));
    for (usize i = 1; i < block->deposit_count; i++)
        assert(hash32_equal(block->txs[i].source_hash,
                            source_hash_item(parent->inbox_accs[before->inbox_pos + i])));
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct parent *parent = ready();
    struct arena memory = fuzz_arena();
    bytes in = {data, size};
    u8 rejects = 0;
    fuzz_fill(&in, &rejects, 1);

    struct derive_state state = parent_genesis(parent);
    struct derive_input input =
        parent_append(parent, &state, &in, parent->item_count, parent_last_origin(parent));
    struct derive_run run;
    usize bound = derive_open_bound(&input);
    struct arena open = reserved(bound);
    enum status st = derive_open(&run, &parent->config, &state, &input, &open, NULL);
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
        check_block(parent, &run.state, block);
        bool users = block->tx_count > block->deposit_count;
        assert(!rejected || !users);
        if (users && rejects >> (blocks & 7) & 1) {
            derive_reject(&run, NULL);
            rejected = true;
            continue;
        }
        derive_done(&run, parent_execute(block));
        blocks++;
    }
    struct derive_state after = derive_close(&run);
    assert(after.inbox_pos == parent->item_count && after.head.number == blocks);
    assert(after.batch_count == 1 && hash32_equal(after.batch_acc, input.record.batch_acc));
    return 0;
}
