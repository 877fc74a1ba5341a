/* Any text as a server's answer: what is accepted has a header's own hash, sorted logs, and bounded
 * results. */
#include "client/internal.h"
#include "client/sequencer.h"

#include "harness/fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    const u8 *start = arena.at;
    struct err err = {{0}};
    json value;
    if (json_check((bytes){data, size}, 64, &value, NULL) != ST_OK)
        return 0;
    struct eth_header header;
    if (eth_json_header(value, &header, &arena, &err) == ST_OK)
        assert(hash32_equal(header_hash(&header.header, arena), header.hash));
    struct eth_logs logs;
    if (eth_json_logs(value, &logs, &arena, &err) == ST_OK)
        for (usize i = 1; i < logs.count; i++)
            assert(logs.list[i - 1].block_number <= logs.list[i].block_number);
    hash32 hash;
    struct eth_tx tx;
    if (eth_json_tx(value, &tx, &hash, &arena, &err) == ST_OK)
        assert(tx.found && tx.input.size <= size);
    struct eth_receipt receipt;
    if (eth_json_receipt(value, &receipt, &hash, &arena, &err) == ST_OK)
        assert(receipt.found && receipt.logs.count <= size);
    struct signed_block *blocks;
    usize count;
    if (sequencer_read_blocks(value, &blocks, &count, &arena) == ST_OK)
        assert(count <= UNSAFE_MOST_BLOCKS);
    assert((usize)(arena.at - start) <= 8 * size + 4096);
    return 0;
}
