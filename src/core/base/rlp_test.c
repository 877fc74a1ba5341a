#include "base/rlp.h"
#include "harness/test.h"

TEST(rlp_refuses_a_second_spelling_of_an_integer)
{
    static const char *const bad[] = {"00", "8100", "820001", "b80180", "8101", "817f", "b800", "81"};
    for (usize i = 0; i < countof(bad); i++) {
        bytes in = hex(bad[i]);
        u64 value;
        CHECK_ROW(i, rlp_read_u64(&in, &value) == ST_INVALID);
    }
}

TEST(rlp_integers_read_back_as_written)
{
    static const u64 values[] = {0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffffffff, UINT64_MAX};
    for (usize i = 0; i < countof(values); i++) {
        bytes in = rlp_u64(values[i], test_arena());
        u64 value;
        CHECK_ROW(i, in.size == rlp_size_u64(values[i]));
        CHECK_ROW(i, rlp_read_u64(&in, &value) == ST_OK && value == values[i] && in.size == 0);
    }
}

TEST(rlp_check_walks_nested_lists)
{
    CHECK(rlp_check(hex("c7c0c1c0c3c0c1c0")) == ST_OK);
    CHECK(rlp_check(hex("c7c0c1c0c3c0c1c1")) == ST_INVALID); /* innermost list lacks its item */
    CHECK(rlp_check(hex("c0c0")) == ST_INVALID);             /* two items */
    CHECK(rlp_check(hex("c28100")) == ST_INVALID);           /* not canonical inside */
    CHECK(rlp_check(hex("")) == ST_INVALID);
}
