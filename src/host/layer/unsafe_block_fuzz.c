/* Any bytes as a signed block are read or refused within the stated memory, and what is read holds
 * to its header. */
#include "layer/unsafe_block.h"

#include "crypto/keccak.h"
#include "harness/fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    struct signed_block wire;
    struct unsafe_head head;
    struct unsafe_block block;
    struct err err = {{0}};
    bytes in = {data, size};
    fuzz_fill(&in, wire.signature.b, sizeof(wire.signature));
    wire.rlp = in;
    /* Whether or not somebody has signed it, which a fuzzer cannot: with its header alone it goes
     * on. */
    if (unsafe_peek(&wire, 901, &head, &err) != ST_OK && head.header.fields == 0)
        return 0;
    if (unsafe_read(&head, &block, &arena, &err) != ST_OK)
        return 0;
    assert(block.deposit_count >= 1 && block.deposit_count <= block.block.tx_count);
    assert(hash32_equal(block.block.hash, head.hash));
    assert(hash32_equal(header_hash(&block.block.header, arena), head.hash));
    struct unsafe_promise promise = unsafe_promise_of(&block);
    assert(!unsafe_contradicts(&promise, &promise));
    return 0;
}
