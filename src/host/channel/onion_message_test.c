/* What onion messages say, and requests for invoices in them: layouts, and every refusal. */
#include "channel/invoice_request.h"
#include "channel/onion_message.h"

#include "harness/test.h"

#define SEALED "44444444444444444444444444444444"

static struct invoice_request a_request(u128 amount)
{
    static const secret32 payer = {{7}};
    struct invoice_request out = {.amount = amount};
    out.offer = (struct invoice){.kind = OFFER,
                                 .chain_id = 900,
                                 .amount = amount / 2,
                                 .description = BYTES_LIT("tea"),
                                 .expiry_s = 1700000000};
    memset(out.metadata.b, 0x11, sizeof(out.metadata));
    memset(out.offer.adjudicator.b, 0x22, sizeof(out.offer.adjudicator));
    memset(out.offer.node.b, 0x33, sizeof(out.offer.node));
    memset(out.offer.metadata.b, 0x44, sizeof(out.offer.metadata));
    CHECK(invoice_request_sign(&out, &payer) == ST_OK);
    return out;
}

static bytes encoded(const struct invoice_request *request)
{
    u8 *room = ARENA_TAKE(test_arena(), u8, INVOICE_REQUEST_LIMIT);
    return (bytes){room, invoice_request_encode(request, room)};
}

static bytes joined(bytes a, bytes b)
{
    u8 *room = ARENA_TAKE(test_arena(), u8, a.size + b.size + 1);
    bytes_copy(room, a);
    bytes_copy(room + a.size, b);
    return (bytes){room, a.size + b.size};
}

TEST(invoice_request_is_read_as_it_was_made_and_named_by_what_was_signed)
{
    for (u32 i = 0; i < 2; i++) {
        struct invoice_request made = a_request(i == 0 ? 0 : (u128)1 << 90), got;
        bytes in = encoded(&made);
        CHECK_ROW(i, invoice_request_decode(in, &got, NULL) == ST_OK);
        CHECK_ROW(i, hash32_equal(got.id, made.id) && got.amount == made.amount);
        CHECK_ROW(i, point_equal(&got.payer, &made.payer) && got.offer.chain_id == 900);
        CHECK_ROW(i, got.offer.amount == made.offer.amount && got.offer.expiry_s == 1700000000);
        CHECK_ROW(i, bytes_equal(got.offer.description, made.offer.description));
        CHECK_ROW(i, hash32_equal(got.offer.metadata, made.offer.metadata) &&
                         point_equal(&got.offer.node, &made.offer.node));
        CHECK_ROW(i, bytes_equal(encoded(&got), in));
    }
    CHECK(!hash32_equal(a_request(0).id, a_request(1).id));
}

TEST(invoice_request_fits_with_all_that_an_offer_may_say)
{
    static u8 letters[INVOICE_DESCRIPTION_LIMIT];
    struct invoice_request largest = a_request(~(u128)0), got;
    memset(letters, 'x', sizeof(letters));
    memset(largest.offer.asset.b, 0x55, sizeof(largest.offer.asset));
    largest.offer.description = BYTES_OF(letters);
    largest.offer.amount = ~(u128)0;
    largest.offer.chain_id = largest.offer.expiry_s = UINT64_MAX;
    CHECK(invoice_request_sign(&largest, &(secret32){{7}}) == ST_OK);
    bytes in = encoded(&largest);
    CHECK(invoice_request_decode(in, &got, NULL) == ST_OK && bytes_equal(encoded(&got), in));
}

TEST(invoice_request_with_any_bit_changed_is_refused)
{
    struct invoice_request made = a_request(1000), got;
    bytes in = encoded(&made);
    for (usize i = 0; i < in.size * 8; i++) {
        u8 *bad = ARENA_TAKE(test_arena(), u8, in.size);
        bytes_copy(bad, in);
        bad[i / 8] ^= (u8)(1 << i % 8);
        CHECK_ROW(i, invoice_request_decode((bytes){bad, in.size}, &got, NULL) == ST_INVALID);
    }
    for (usize size = 0; size < in.size; size++)
        CHECK_ROW(size, invoice_request_decode((bytes){in.data, size}, &got, NULL) == ST_INVALID);
    CHECK(invoice_request_decode(joined(in, hex("f300")), &got, NULL) == ST_INVALID);
    CHECK(invoice_request_decode(joined(hex("f300"), in), &got, NULL) == ST_INVALID);
}

TEST(invoice_error_is_a_sentence_that_can_be_shown)
{
    u8 out[INVOICE_ERROR_LIMIT];
    bytes sentence;
    bytes in = {out, invoice_error_encode("the offer expired 3 s ago", out)};
    CHECK(invoice_error_decode(in, &sentence));
    CHECK(bytes_equal(sentence, BYTES_LIT("the offer expired 3 s ago")));
    CHECK(!invoice_error_decode(BYTES_EMPTY, &sentence));
    CHECK(!invoice_error_decode(hex("05021b63"), &sentence)); /* for a terminal */
    CHECK(!invoice_error_decode(hex("050161"
                                    "0600"),
                                &sentence));
    char longer[400];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = 0;
    in = (bytes){out, invoice_error_encode(longer, out)};
    CHECK(in.size == INVOICE_ERROR_LIMIT && invoice_error_decode(in, &sentence));
}

TEST(onion_message_is_read_and_written_as_its_row_says)
{
    static const struct {
        bool is_final;
        const char *digits;
    } rows[] = {
        {false, "0410" SEALED},
        {true, "0410" SEALED "4002aabb"},
        {true, "0410" SEALED "4202aabb"},
        {true, "0410" SEALED "440105"},
        {true, "0276"
               "020000000000000000000000000000000000000000000000000000000000000001"
               "030000000000000000000000000000000000000000000000000000000000000002"
               "01"
               "020000000000000000000000000000000000000000000000000000000000000003"
               "0010" SEALED "0410" SEALED "4002aabb"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct onion_message got;
        u8 out[ONION_MESSAGE_LIMIT];
        bytes in = hex(rows[i].digits);
        CHECK_ROW(i, onion_message_decode(rows[i].is_final, in, &got, NULL) == ST_OK);
        CHECK_ROW(i,
                  bytes_equal((bytes){out, onion_message_encode(rows[i].is_final, &got, out)}, in));
    }
}

TEST(onion_message_that_breaks_a_rule_is_refused)
{
    static const struct {
        bool is_final;
        const char *digits;
    } rows[] = {
        {false, ""},
        {false, "040f" SEALED},
        {true, "0410" SEALED},                    /* nothing in it */
        {true, "4002aabb"},                       /* nothing for this hop */
        {true, "0410" SEALED "4002aabb4202aabb"}, /* two things in it */
        {true, "0410" SEALED "4000"},
        {false, "0410" SEALED "4002aabb"}, /* not for this hop */
        {true, "0410" SEALED "4602aabb"},
        {true, "0201000410" SEALED "4002aabb"}, /* a path that is none */
    };
    struct onion_message got;
    for (usize i = 0; i < countof(rows); i++)
        CHECK_ROW(i, onion_message_decode(rows[i].is_final, hex(rows[i].digits), &got, NULL) ==
                         ST_INVALID);
}

TEST(onion_message_has_content_up_to_its_limit_and_no_more)
{
    static u8 content[ONION_MESSAGE_CONTENT_LIMIT + 1], out[ONION_MESSAGE_LIMIT];
    struct onion_message message = {
        .sealed = hex(SEALED), .type = MESSAGE_REQUEST, .content = BYTES_OF(content)};
    struct onion_message got;
    message.content.size--;
    bytes in = {out, onion_message_encode(true, &message, out)};
    CHECK(onion_message_decode(true, in, &got, NULL) == ST_OK);
    CHECK(bytes_equal(got.content, message.content));
    struct writer writer = {.out = out, .limit = sizeof(out)};
    tlv_put(&writer, 4, message.sealed);
    tlv_put(&writer, MESSAGE_REQUEST, BYTES_OF(content));
    CHECK(onion_message_decode(true, (bytes){out, writer.size}, &got, NULL) == ST_INVALID);
}
