/* Whatever a list of addresses says, its parts make up the whole; of one that is judged good, each
 * part is a list by itself that is good, and another after the most that there may be is bad. */
#include "channel/node_address.h"

#include "harness/fuzz.h"

static bytes joined(bytes a, bytes b, struct arena *arena)
{
    u8 *out = arena_take(arena, a.size + b.size, 1);
    bytes_copy(out, a);
    bytes_copy(out + a.size, b);
    return (bytes){out, a.size + b.size};
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    bytes all = {data, size}, left = all, more = all;
    if (!node_addresses_check(all))
        return 0;
    usize count = 0, total = 0;
    for (; left.size > 0; count++) {
        const u8 *at = left.data;
        bytes next = node_address_next(&left);
        assert(next.size > 0 && next.size <= NODE_ADDRESS_LIMIT && next.data == at + 1);
        assert(node_addresses_check((bytes){at, 1 + next.size}));
        total += 1 + next.size;
    }
    assert(count <= NODE_ADDRESSES_LIMIT && total == size);
    for (; count > 0 && count <= NODE_ADDRESSES_LIMIT; count++)
        more = joined(more, (bytes){data, 1 + (usize)data[0]}, &arena);
    assert(size == 0 || !node_addresses_check(more));
    return 0;
}
