/* What rlp_check accepts can be read to its end, item by item, and writing every item again gives
 * the same bytes: there is one encoding only. What it refuses can still be walked safely. */
#include "base/rlp.h"

#include "harness/fuzz.h"

enum { MAX_DEPTH = 1024 };

/* The item's header and value, written anew, are the item. */
static void check_string(bytes item, struct arena tmp)
{
    bytes rest = item, value;
    u64 small;
    u256 large;
    assert(rlp_read_bytes(&rest, &value) == ST_OK && rlp_read_end(rest) == ST_OK);
    u8 *again = ARENA_TAKE(&tmp, u8, item.size);
    assert(rlp_size_bytes(value) == item.size);
    assert(rlp_put_bytes(again, value) == again + item.size);
    assert(bytes_equal(item, (bytes){again, item.size}));
    rest = item;
    if (rlp_read_u64(&rest, &small) == ST_OK) {
        assert(rlp_size_u64(small) == item.size && rlp_put_u64(again, small) == again + item.size);
        assert(bytes_equal(item, (bytes){again, item.size}));
    }
    rest = item;
    if (rlp_read_u256(&rest, &large) == ST_OK) {
        assert(rlp_size_u256(large) == item.size);
        assert(rlp_put_u256(again, large) == again + item.size);
        assert(bytes_equal(item, (bytes){again, item.size}));
    }
}

/* Returns the list's payload. */
static bytes check_list(bytes item)
{
    u8 header[9];
    bytes rest = item, payload;
    usize count, counted = 0;
    assert(rlp_read_list(&rest, &payload) == ST_OK && rlp_read_end(rest) == ST_OK);
    assert(rlp_size_list(payload.size) == item.size);
    usize size = (usize)(rlp_put_list(header, payload.size) - header);
    assert(size + payload.size == item.size && memcmp(header, item.data, size) == 0);
    assert(rlp_count(payload, &count) == ST_OK);
    for (rest = payload; rest.size > 0; counted++)
        assert(rlp_read_item(&rest, &item) == ST_OK);
    assert(counted == count);
    return payload;
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    bytes in = {data, size}, item;
    bytes *open = ARENA_TAKE(&arena, bytes, MAX_DEPTH + 1); /* what is left of every open list */
    usize depth = 0;
    bool accepted = rlp_check(in) == ST_OK;
    open[depth++] = in;
    while (depth > 0) {
        bytes *rest = &open[depth - 1];
        if (rest->size == 0) {
            depth--;
            continue;
        }
        bool list = rlp_next_is_list(*rest);
        bool there = rlp_read_item(rest, &item) == ST_OK;
        assert(there || !accepted);
        if (!there)
            return 0;
        if (!accepted)
            continue;
        if (!list) {
            check_string(item, arena);
            continue;
        }
        assert(depth <= MAX_DEPTH);
        open[depth++] = check_list(item);
    }
    return 0;
}
