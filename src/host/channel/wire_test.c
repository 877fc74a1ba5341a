/* The messages against bytes written by hand, and the format's rules (BOLT 1). */
#include "channel/wire.h"

#include "harness/test.h"

#define ID "1111111111111111111111111111111111111111111111111111111111111111"
#define OTHER "2222222222222222222222222222222222222222222222222222222222222222"
#define HINT "66666666666666666666666666666666"
#define ADDRESS "3333333333333333333333333333333333333333"
#define POINT "666666666666666666666666666666666666666666666666666666666666666666"
#define SIGNATURE                                                                                  \
    "4444444444444444444444444444444444444444444444444444444444444444"                             \
    "4444444444444444444444444444444444444444444444444444444444444444"

static hash32 hash_of(u8 each)
{
    hash32 out;
    memset(out.b, each, sizeof(out.b));
    return out;
}

static address address_of(u8 each)
{
    address out;
    memset(out.b, each, sizeof(out.b));
    return out;
}

static hint16 hint_of(u8 each)
{
    hint16 out;
    memset(out.b, each, sizeof(out.b));
    return out;
}

static signature64 signature_of(u8 each)
{
    signature64 out;
    memset(out.b, each, sizeof(out.b));
    return out;
}

static point33 point_of(u8 first, u8 each)
{
    point33 out;
    memset(out.b, each, sizeof(out.b));
    out.b[0] = first;
    return out;
}

struct row {
    const char *digits;
    struct wire_message message;
};

/* One of each type: row `index`. False: there are no more. */
static bool row_of(usize index, struct row *out)
{
    hash32 id = hash_of(0x11), other = hash_of(0x22);
    address who = address_of(0x33);
    signature64 signature = signature_of(0x44);
    u128 large = (u128)1 << 64;
    const struct row rows[] = {
        {"0001"
         "0102"
         "0003a0b0c0",
         {WIRE_INIT, {.init = {0x0102, hex("a0b0c0")}}}},
        {"0003" ID "0004"
         "6f6f7073",
         {WIRE_ERROR, {.error = {id, BYTES_LIT("oops")}}}},
        {"0005"
         "fffb"
         "0001"
         "00",
         {WIRE_PING, {.ping = {65531, hex("00")}}}},
        {"0007"
         "0000",
         {WIRE_PONG, {.pong = {BYTES_EMPTY}}}},
        {"0201" POINT "0003"
         "aabbcc",
         {WIRE_ONION_MESSAGE, {.onion_message = {point_of(0x66, 0x66), hex("aabbcc")}}}},
        {"0020" ID "0000000000000384" ADDRESS "0000000000000000000000000000000000000000"
         "00015180" ADDRESS ADDRESS OTHER,
         {WIRE_OPEN, {.open = {id, 900, who, {{0}}, 86400, who, who, other}}}},
        {"0022" ID ADDRESS "5555555555555555555555555555555555555555",
         {WIRE_ACCEPT, {.accept = {id, who, address_of(0x55)}}}},
        {"0023" ID "0002"
         "6e6f",
         {WIRE_REFUSE, {.refuse = {id, BYTES_LIT("no")}}}},
        {"0024" ID "00000000000000000000000000000007"
         "00000000000000010000000000000000"
         "00000000000000000000000000000000"
         "ffffffffffffffffffffffffffffffff"
         "0000000000000009",
         {WIRE_FUNDED, {.funded = {id, 7, large, 0, ~(u128)0, 9}}}},
        {"0028" ID "0000000000000001"
         "0000000000000203"
         "0405060708090a0b" SIGNATURE "aabbcc",
         {WIRE_UPDATE, {.update = {id, 1, 0x203, 0x0405060708090a0b, signature, hex("aabbcc")}}}},
        {"002a" ID "0000000000000001"
         "0000000000000002"
         "ffffffffffffffff" OTHER,
         {WIRE_REESTABLISH, {.reestablish = {id, 1, 2, UINT64_MAX, other}}}},
        {"002c" ID "0001", {WIRE_STFU, {.stfu = {id, 1}}}},
        {"002e" ID "0000000000000005"
         "00000000000000000000000000000007"
         "00000000000000010000000000000000"
         "00000000000000000000000000000000"
         "ffffffffffffffffffffffffffffffff" SIGNATURE,
         {WIRE_REBASE, {.rebase = {id, 5, 7, large, 0, ~(u128)0, signature}}}},
        {"0036" ID, {WIRE_LOST, {.lost = {id}}}},
        {"003a" ID "aabbcc", {WIRE_RECOVER_LOCKS, {.recover_locks = {id, hex("aabbcc")}}}},
        {"0038" ID "0000000000000005"
         "00000000000000000000000000000001"
         "00000000000000000000000000000002"
         "00000000000000000000000000000003"
         "00000000000000000000000000000004"
         "00000000000000000000000000000005"
         "00000000000000000000000000000006"
         "00000000000000000000000000000007" OTHER
         "00000000000000010000000000000000" ID SIGNATURE SIGNATURE "0000000000000009"
         "0000000000000000000000000000000a"
         "000000000000000b" OTHER SIGNATURE "000000000000000c"
         "0000000000000000000000000000000d"
         "000000000000000e" ID SIGNATURE "aabb",
         {WIRE_RECOVER,
          {.recover = {id,        5,     1,  2,         3,         4,         5,          6,  7,
                       other,     large, id, signature, signature, 9,         10,         11, other,
                       signature, 12,    13, 14,        id,        signature, hex("aabb")}}}},
        {"0032" ID "ffffffffffffffffffffffffffffff00"
         "0000000065536a80" SIGNATURE,
         {WIRE_CLOSE, {.close = {id, -256, 0x65536a80, signature}}}},
        {"0034" ID "0001"
         "00000000000000010000000000000000"
         "0000000065536a80" SIGNATURE,
         {WIRE_WITHDRAW, {.withdraw = {id, 1, large, 0x65536a80, signature}}}},
        {"0046" HINT "0000000000000007"
         "0002"
         "b10b",
         {WIRE_TOWER_PUT, {.tower_put = {hint_of(0x66), 7, hex("b10b")}}}},
        {"0047" HINT "0000000000000007" SIGNATURE,
         {WIRE_TOWER_RECEIPT, {.tower_receipt = {hint_of(0x66), 7, signature}}}},
        {"004a" HINT, {WIRE_TOWER_NEXT, {.tower_next = {hint_of(0x66)}}}},
        {"0048" HINT, {WIRE_TOWER_GET, {.tower_get = {hint_of(0x66)}}}},
        {"0049" HINT "0000000000000007"
         "0002"
         "b10b",
         {WIRE_TOWER_BLOB, {.tower_blob = {hint_of(0x66), 7, hex("b10b")}}}},
        {"004b" HINT "0000000000000007"
         "0004"
         "66756c6c",
         {WIRE_TOWER_REFUSE, {.tower_refuse = {hint_of(0x66), 7, BYTES_LIT("full")}}}},
        {"0063" ID SIGNATURE SIGNATURE,
         {WIRE_ANNOUNCE_SIGN, {.announce_sign = {id, signature, signature}}}},
        {"0065"
         "0000000000000384" ADDRESS "5555555555555555555555555555555555555555" ADDRESS ADDRESS
         "00015180" OTHER POINT "77" OTHER SIGNATURE SIGNATURE SIGNATURE SIGNATURE,
         {WIRE_ANNOUNCE,
          {.announce = {900, who, address_of(0x55), who, who, 86400, other, point_of(0x66, 0x66),
                        point_of(0x77, 0x22), signature, signature, signature, signature}}}},
        {"0067" ID "0001"
         "0000000065536a80"
         "0001"
         "00000000000000000000000000000007"
         "000003e8"
         "00000000000000000000000000000001"
         "00000000000000010000000000000000" SIGNATURE,
         {WIRE_POLICY, {.policy = {id, 1, 0x65536a80, 1, 7, 1000, 1, large, signature}}}},
        {"0069" POINT "0000000065536a80"
         "0002"
         "6869"
         "0004"
         "03613a31" SIGNATURE,
         {WIRE_NODE,
          {.node = {point_of(0x66, 0x66), 0x65536a80, BYTES_LIT("hi"), BYTES_LIT("\3a:1"),
                    signature}}}},
        {"006b"
         "0002"
         "a0b0",
         {WIRE_SYNC_SUMMARY, {.sync_summary = {hex("a0b0")}}}},
        {"006d"
         "0003"
         "a0b0c0",
         {WIRE_SYNC_LIST, {.sync_list = {hex("a0b0c0")}}}},
        {"0051" ID "0000000000000384" ADDRESS "0000000000000000000000000000000000000000" OTHER
         "000000000000000000000000000003e8"
         "000000000000000000000000000001f4" ADDRESS "00000258"
         "0000000065000000" ID "0001a0"
         "0002b0b1",
         {WIRE_APP_OFFER,
          {.app_offer = {id,
                         900,
                         who,
                         {{0}},
                         other,
                         1000,
                         500,
                         who,
                         600,
                         0x65000000,
                         id,
                         hex("a0"),
                         hex("b0b1")}}}},
        {"0053" ID "0001"
         "0000",
         {WIRE_APP_ANSWER, {.app_answer = {id, 1, hex("")}}}},
        {"0055" ID "0000000000000003"
         "0001"
         "00000000000000000000000000000007"
         "0000000000000000000000000000000b"
         "0002c0c1" SIGNATURE,
         {WIRE_APP_STATE, {.app_state = {id, 3, 1, 7, 11, hex("c0c1"), signature_of(0x44)}}}},
        {"0057" ID, {WIRE_APP_END, {.app_end = {id}}}},
        {"0059" ID POINT "00000000000000000000000000000007",
         {WIRE_APP_LEG, {.app_leg = {id, point_of(0x66, 0x66), 7}}}},
        {"006f"
         "0001"
         "a0",
         {WIRE_SYNC_WANT, {.sync_want = {hex("a0")}}}},
    };
    if (index == countof(rows))
        return false;
    *out = rows[index];
    return true;
}

static bytes encode(const struct wire_message *message)
{
    u8 out[WIRE_LIMIT];
    usize size = wire_encode(message, out);
    return arena_copy(test_arena(), (bytes){out, size});
}

TEST(wire_writes_each_message_as_its_row_says)
{
    struct row row;
    usize count = 0;
    for (; row_of(count, &row); count++)
        CHECK_ROW(count, bytes_equal(encode(&row.message), hex(row.digits)));
    usize types = 0;
    for (u32 type = 0; type <= UINT16_MAX; type++)
        types += wire_name((u16)type) != NULL;
    CHECK(count == types);
}

TEST(wire_reads_each_message_that_it_writes)
{
    struct row row;
    struct wire_message got;
    for (usize i = 0; row_of(i, &row); i++) {
        CHECK_ROW(i, wire_decode(hex(row.digits), &got, NULL) == ST_OK);
        CHECK_ROW(i, got.type == row.message.type);
        CHECK_ROW(i, bytes_equal(encode(&got), hex(row.digits)));
    }
}

TEST(wire_reads_values_at_their_ends)
{
    struct wire_message got;
    CHECK(wire_decode(hex("0032" ID "80000000000000000000000000000000"
                          "0000000000000000" SIGNATURE),
                      &got, NULL) == ST_OK);
    CHECK(got.close.net == (i128)((u128)1 << 127));
    CHECK(wire_decode(hex("0032" ID "ffffffffffffffffffffffffffffffff"
                          "0000000000000000" SIGNATURE),
                      &got, NULL) == ST_OK);
    CHECK(got.close.net == -1);
    CHECK(wire_decode(hex("0028" ID "0000000000000000"
                          "0000000000000001"
                          "0000000000000000" SIGNATURE),
                      &got, NULL) == ST_OK);
    CHECK(got.update.seq == 1 && got.update.items.size == 0);
}

TEST(wire_takes_the_largest_message)
{
    u8 in[WIRE_LIMIT] = {0, WIRE_UPDATE}, out[WIRE_LIMIT];
    struct wire_message got;
    CHECK(wire_decode(BYTES_OF(in), &got, NULL) == ST_OK);
    CHECK(got.update.items.size == WIRE_LIMIT - 122);
    CHECK(wire_encode(&got, out) == WIRE_LIMIT && memcmp(in, out, WIRE_LIMIT) == 0);
}

TEST(wire_refuses_a_message_that_is_cut_anywhere)
{
    struct row row;
    struct wire_message got;
    for (usize i = 0; row_of(i, &row); i++) {
        bytes whole = hex(row.digits);
        usize rest = row.message.type == WIRE_UPDATE          ? row.message.update.items.size
                     : row.message.type == WIRE_RECOVER       ? row.message.recover.locks.size
                     : row.message.type == WIRE_RECOVER_LOCKS ? row.message.recover_locks.locks.size
                                                              : 0;
        usize least = whole.size - rest;
        for (usize size = 0; size < least; size++)
            CHECK_ROW(i, wire_decode(bytes_slice(whole, 0, size), &got, NULL) == ST_INVALID);
    }
}

TEST(wire_tells_odd_unknown_types_from_even_ones)
{
    static const struct {
        const char *digits;
        enum status want;
    } rows[] = {
        {"0009", ST_MISSING}, {"0009ff", ST_MISSING}, {"ffff", ST_MISSING},
        {"0000", ST_INVALID}, {"0002", ST_INVALID},   {"0010aa", ST_INVALID},
        {"fffe", ST_INVALID}, {"", ST_INVALID},       {"00", ST_INVALID},
    };
    struct wire_message got;
    for (usize i = 0; i < countof(rows); i++)
        CHECK_ROW(i, wire_decode(hex(rows[i].digits), &got, NULL) == rows[i].want);
}

/* The bigsizes are of BOLT 1's appendix A. */
TEST(wire_takes_odd_tlvs_that_ascend)
{
    static const char *const tails[] = {
        "",
        "0100",
        "0102aabb",
        "01000300",
        "0100fd00fd00",
        "fdffff00",
        "fe0001000100",
        "feffffffff00",
        "ff000000010000000100",
        "ff0000000100000001020000",
        "0100ffffffffffffffffff00",
    };
    struct wire_message got;
    struct arena *arena = test_arena();
    for (usize i = 0; i < countof(tails); i++) {
        bytes tail = hex(tails[i]);
        u8 *in = ARENA_TAKE(arena, u8, 4 + tail.size);
        memcpy(in, "\0\7\0\0", 4);
        bytes_copy(in + 4, tail);
        CHECK_ROW(i, wire_decode((bytes){in, 4 + tail.size}, &got, NULL) == ST_OK);
        CHECK_ROW(i, bytes_equal(encode(&got), hex("00070000")));
    }
}

TEST(wire_refuses_other_tlvs)
{
    static const struct {
        const char *digits, *says;
    } rows[] = {
        {"0007000001", "PONG ends in a malformed TLV"},     /* no length */
        {"000700000101", "PONG ends in a malformed TLV"},   /* no value */
        {"000700000102aa", "PONG ends in a malformed TLV"}, /* half of one */
        {"0007000001ffffffffffffffffff", "PONG ends in a malformed TLV"},
        {"00070000fd00fc00", "PONG ends in a malformed TLV"},   /* longer than it need be */
        {"0007000001fd0001aa", "PONG ends in a malformed TLV"}, /* the same, of a length */
        {"00070000fe0000ffff00", "PONG ends in a malformed TLV"},
        {"00070000ff00000000ffffffff00", "PONG ends in a malformed TLV"},
        {"00070000fd", "PONG ends in a malformed TLV"},
        {"00070000fd00", "PONG ends in a malformed TLV"},
        {"00070000feffff", "PONG ends in a malformed TLV"},
        {"00070000ffffffffff", "PONG ends in a malformed TLV"},
        {"000700000000", "PONG has a TLV of the unknown type 0"},
        {"000700000200", "PONG has a TLV of the unknown type 2"},
        {"0007000001000200", "PONG has a TLV of the unknown type 2"},
        {"0007000001000100", "PONG has TLVs that do not ascend"},
        {"0007000003000100", "PONG has TLVs that do not ascend"},
        {"00070000ffffffffffffffffff000100", "PONG has TLVs that do not ascend"},
    };
    struct wire_message got;
    struct err err;
    for (usize i = 0; i < countof(rows); i++) {
        CHECK_ROW(i, wire_decode(hex(rows[i].digits), &got, &err) == ST_INVALID);
        CHECK_ROW(i, strcmp(err.text, rows[i].says) == 0);
    }
}
