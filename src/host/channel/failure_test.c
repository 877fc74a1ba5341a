/* Failure messages: the codes of BOLT 4, the layout of each, and what the payer gets of one that
 * went back along a route. */
#include "channel/failure.h"
#include "channel/onion_error.h"

#include "harness/test.h"

#define HASH "1111111111111111111111111111111111111111111111111111111111111111"

static const struct {
    const char *name, *digits;
} rows[] = {
    {"temporary_node_failure", "2002"},
    {"permanent_node_failure", "6002"},
    {"required_node_feature_missing", "6003"},
    {"invalid_onion_version", "c004" HASH},
    {"invalid_onion_hmac", "c005" HASH},
    {"invalid_onion_key", "c006" HASH},
    {"temporary_channel_failure", "1007"},
    {"permanent_channel_failure", "4008"},
    {"required_channel_feature_missing", "4009"},
    {"unknown_next_peer", "400a"},
    {"amount_below_minimum", "100b00000000000000010000000000000002"},
    {"fee_insufficient", "100c00000000000000010000000000000002"},
    {"incorrect_cltv_expiry", "100d000000006553f100"},
    {"expiry_too_soon", "100e"},
    {"incorrect_or_unknown_payment_details", "400f00000000000000010000000000000002"
                                             "000000006553f100"},
    {"final_incorrect_cltv_expiry", "0012000000006553f100"},
    {"final_incorrect_htlc_amount", "001300000000000000010000000000000002"},
    {"channel_disabled", "1014"},
    {"expiry_too_far", "0015"},
    {"invalid_onion_payload", "4016ff0000000146c6616c0102"},
    {"mpp_timeout", "0017"},
    {"invalid_onion_blinding", "c018" HASH},
};

TEST(failure_is_read_and_written_as_its_row_says)
{
    for (usize i = 0; i < countof(rows); i++) {
        bytes in = hex(rows[i].digits);
        struct failure got;
        u8 out[FAILURE_LIMIT];
        CHECK_ROW(i, failure_decode(in, &got) == ST_OK);
        CHECK_ROW(i, strcmp(failure_name(got.code), rows[i].name) == 0);
        CHECK_ROW(i, strlen(failure_sentence(got.code)) > 0);
        CHECK_ROW(i, bytes_equal((bytes){out, failure_encode(&got, out)}, in));
        if (in.size == 34)
            CHECK_ROW(i, hash32_equal(got.onion_hash, *(const hash32 *)hex(HASH).data));
        if (in.size == 18 || in.size == 26)
            CHECK_ROW(i, got.amount == ((u128)1 << 64) + 2);
        if (in.size == 10 || in.size == 26)
            CHECK_ROW(i, got.time_s == 1700000000);
        if (got.code == FAILURE_INVALID_ONION_PAYLOAD)
            CHECK_ROW(i, got.type == 5482373484 && got.offset == 0x102);
    }
}

TEST(failure_has_a_row_for_each_code)
{
    usize codes = 0;
    for (u32 code = 0; code <= UINT16_MAX; code++) {
        codes += failure_name((u16)code) != NULL;
        CHECK_ROW(code, (failure_name((u16)code) == NULL) == (failure_sentence((u16)code) == NULL));
    }
    CHECK(codes == countof(rows));
}

TEST(failure_is_refused_where_it_is_cut_short)
{
    struct failure got;
    for (usize i = 0; i < countof(rows); i++) {
        bytes whole = hex(rows[i].digits);
        for (usize size = 0; size < whole.size; size++)
            CHECK_ROW(i, failure_decode(bytes_slice(whole, 0, size), &got) == ST_INVALID);
    }
    CHECK(failure_decode(hex("4016fd00010000"), &got) == ST_INVALID); /* type of two spellings */
}

TEST(failure_may_be_longer_or_of_an_unknown_code)
{
    struct failure got;
    CHECK(failure_decode(hex("10070000"), &got) == ST_OK);
    CHECK(got.code == FAILURE_TEMPORARY_CHANNEL_FAILURE);
    CHECK(failure_decode(hex("40100102"), &got) == ST_MISSING);
    CHECK(got.code == 0x4010 && (got.code & FAILURE_PERM) != 0);
}

TEST(failure_reaches_the_payer_with_the_hop_that_failed)
{
    static const secret32 shared[3] = {{{1}}, {{2}}, {{3}}};
    u8 message[FAILURE_LIMIT];
    struct failure sent = {.code = FAILURE_FEE_INSUFFICIENT, .amount = 1000}, got;
    bytes in = {message, failure_encode(&sent, message)}, out;
    usize size = onion_error_size(in.size), hop;
    u8 *packet = ARENA_TAKE(test_arena(), u8, size);
    onion_error_build(&shared[1], in, packet);
    onion_error_wrap(&shared[0], packet, size);
    CHECK(onion_error_read(shared, 3, (bytes){packet, size}, &hop, &out, test_arena()) == ST_OK);
    CHECK(hop == 1 && failure_decode(out, &got) == ST_OK);
    CHECK(got.code == FAILURE_FEE_INSUFFICIENT && got.amount == 1000);
}
