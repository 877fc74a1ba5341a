/* Invoices and offers: one spelling, every rule of the format, and what a payer is told. */
#include "channel/bech32.h"
#include "channel/invoice.h"

#include "harness/test.h"

enum { NOW = 1700000000 };

static const secret32 node_key = {{7}};

static void fill(void *to, usize size, u8 each)
{
    memset(to, each, size);
}

static struct invoice an_invoice(void)
{
    struct invoice out = {.kind = INVOICE, .chain_id = 900, .created_s = NOW};
    out.expiry_s = NOW + 3600;
    fill(&out.adjudicator, sizeof(out.adjudicator), 0x22);
    fill(&out.payment_hash, sizeof(out.payment_hash), 0x33);
    fill(&out.payment_secret, sizeof(out.payment_secret), 0x44);
    return out;
}

static struct invoice an_offer(void)
{
    struct invoice out = {.kind = OFFER, .chain_id = 900};
    fill(&out.adjudicator, sizeof(out.adjudicator), 0x22);
    return out;
}

/* With everything that an invoice may have. */
static struct invoice a_full_invoice(void)
{
    struct invoice out = an_invoice();
    fill(&out.asset, sizeof(out.asset), 0x55);
    out.amount = (u128)1 << 100;
    out.description = BYTES_LIT("two coffees, caf\xc3\xa9 Lumi\xc3\xa8re");
    out.addresses = BYTES_LIT("\x0e"
                              "127.0.0.1:9735"
                              "\x0a[::1]:9735");
    out.hints.count = 2;
    for (usize i = 0; i < out.hints.count; i++) {
        fill(&out.hints.at[i].node, sizeof(point33), (u8)(0x60 + i));
        fill(&out.hints.at[i].channel, sizeof(hash32), (u8)(0x70 + i));
        out.hints.at[i].base_fee = 1000 + i;
        out.hints.at[i].fee_ppm = (u32)(100 + i);
    }
    return out;
}

static bytes text_of(struct invoice invoice)
{
    CHECK(invoice_sign(&invoice, &node_key, NULL) == ST_OK);
    return invoice_encode(&invoice, test_arena());
}

/* The bytes behind the text. */
static bytes content_of(bytes text)
{
    bytes prefix, groups, content = BYTES_EMPTY;
    CHECK(bech32_decode(text, &prefix, &groups, test_arena(), NULL) == ST_OK);
    CHECK(bech32_bytes(groups, &content, test_arena()) == ST_OK);
    return content;
}

static bytes text_with(const char *prefix, bytes content)
{
    return bech32_encode((bytes){(const u8 *)prefix, strlen(prefix)},
                         bech32_groups(content, test_arena()), test_arena());
}

TEST(invoice_is_read_as_it_was_made)
{
    struct invoice made = a_full_invoice(), got;
    bytes text = text_of(made);
    CHECK(text.size < INVOICE_TEXT_LIMIT && memcmp(text.data, "lnv1", 4) == 0);
    CHECK(invoice_decode(text, &got, test_arena(), NULL) == ST_OK);
    CHECK(got.kind == INVOICE && got.chain_id == 900 && got.amount == made.amount);
    CHECK(address_equal(got.adjudicator, made.adjudicator) && address_equal(got.asset, made.asset));
    CHECK(hash32_equal(got.payment_hash, made.payment_hash) &&
          hash32_equal(got.payment_secret, made.payment_secret));
    CHECK(bytes_equal(got.description, made.description) &&
          bytes_equal(got.addresses, made.addresses));
    CHECK(got.created_s == NOW && got.expiry_s == NOW + 3600);
    CHECK(got.hints.count == 2 && memcmp(&got.hints.at[1].node, &made.hints.at[1].node, 33) == 0 &&
          hash32_equal(got.hints.at[1].channel, made.hints.at[1].channel) &&
          got.hints.at[1].base_fee == 1001 && got.hints.at[1].fee_ppm == 101);
    point33 node;
    CHECK(point_of_secret(&node_key, &node) == ST_OK);
    CHECK(memcmp(&got.node, &node, sizeof(node)) == 0);
    CHECK(invoice_check(&got, 900, made.adjudicator, NOW, NULL) == ST_OK);
    CHECK(bytes_equal(invoice_encode(&got, test_arena()), text));
}

static struct blinded_route a_path(u8 each)
{
    static const u8 sealed[40] = {9};
    struct blinded_route out = {.count = 2};
    fill(&out.first_node, sizeof(point33), each);
    fill(&out.first_path_key, sizeof(point33), (u8)(each + 1));
    for (usize i = 0; i < out.count; i++) {
        fill(&out.hops[i].node, sizeof(point33), (u8)(each + 2 + i));
        out.hops[i].payload = BYTES_OF(sealed);
    }
    return out;
}

static struct invoice an_answer(void)
{
    struct invoice out = an_invoice();
    out.kind = ANSWER;
    out.amount = 1000;
    memset(&out.payment_secret, 0, sizeof(out.payment_secret));
    fill(&out.request, sizeof(out.request), 0x77);
    out.ways.count = 2;
    for (usize i = 0; i < out.ways.count; i++)
        out.ways.at[i] =
            (struct invoice_way){{5 + i, 1000}, i, (u128)1 << 90, a_path((u8)(0x10 + i))};
    return out;
}

TEST(offer_and_answer_carry_blinded_paths)
{
    struct invoice offer = an_offer(), answer = an_answer(), got;
    fill(&offer.metadata, sizeof(offer.metadata), 0x88);
    offer.paths.count = 2;
    offer.paths.at[0] = a_path(0x20);
    offer.paths.at[1] = a_path(0x30);
    bytes text = text_of(offer);
    CHECK(invoice_is_offer(text) && !invoice_is_offer(text_of(an_invoice())));
    CHECK(invoice_is_offer(BYTES_LIT("LNVO1Q")) && !invoice_is_offer(BYTES_LIT("lnvo")));
    CHECK(invoice_decode(text, &got, test_arena(), NULL) == ST_OK && got.paths.count == 2);
    CHECK(hash32_equal(got.metadata, offer.metadata));
    CHECK(point_equal(&got.paths.at[1].hops[1].node, &offer.paths.at[1].hops[1].node));
    CHECK(bytes_equal(invoice_encode(&got, test_arena()), text));
    CHECK(hash32_equal(invoice_digest(&got), invoice_digest(&got)));

    CHECK(invoice_sign(&answer, &node_key, NULL) == ST_OK);
    bytes content = invoice_write(&answer, test_arena());
    CHECK(invoice_read(ANSWER, content, &got, NULL) == ST_OK);
    CHECK(got.ways.count == 2 && got.ways.at[1].path.count == 2);
    CHECK(got.ways.at[1].price.base_fee == 6 && got.ways.at[1].price.fee_ppm == 1000);
    CHECK(got.ways.at[1].least == 1 && got.ways.at[1].most == (u128)1 << 90);
    CHECK(hash32_equal(got.request, answer.request));
    CHECK(invoice_check(&got, 900, answer.adjudicator, NOW, NULL) == ST_OK);
    CHECK(bytes_equal(invoice_write(&got, test_arena()), content));
    CHECK(invoice_read(INVOICE, content, &got, NULL) == ST_INVALID);
}

TEST(answer_has_to_say_what_it_answers_and_how_it_is_paid)
{
    struct err err;
    struct invoice answer = an_answer();
    memset(&answer.request, 0, sizeof(answer.request));
    CHECK(invoice_sign(&answer, &node_key, &err) == ST_INVALID);
    CHECK(strcmp(err.text, "the offer's invoice has no request") == 0);
    answer = an_answer();
    answer.ways.count = 0;
    CHECK(invoice_sign(&answer, &node_key, &err) == ST_INVALID);
    CHECK(strcmp(err.text, "the offer's invoice has no way to pay") == 0);
    answer = an_answer();
    answer.ways.at[1].price.fee_ppm = 1000001;
    CHECK(invoice_sign(&answer, &node_key, &err) == ST_INVALID);
    answer = an_answer();
    answer.ways.at[1].price.base_fee = ~(u128)0;
    CHECK(invoice_sign(&answer, &node_key, &err) == ST_INVALID);
    answer = an_answer();
    answer.ways.at[1].least = answer.ways.at[1].most + 1;
    CHECK(invoice_sign(&answer, &node_key, &err) == ST_INVALID);
    answer = an_answer();
    fill(&answer.payment_secret, sizeof(answer.payment_secret), 1);
    CHECK(invoice_sign(&answer, &node_key, &err) == ST_INVALID);
}

TEST(invoice_and_offer_are_laid_out_as_written)
{
    point33 node;
    CHECK(point_of_secret(&node_key, &node) == ST_OK);
    bytes invoice = content_of(text_of(an_invoice())), offer = content_of(text_of(an_offer()));
    bytes before_key = hex("01"
                           "02020384"
                           "04142222222222222222222222222222222222222222"
                           "0a203333333333333333333333333333333333333333333333333333333333333333"
                           "0c204444444444444444444444444444444444444444444444444444444444444444"
                           "0e21");
    bytes after_key = hex("10046553f100"
                          "12046553ff10");
    CHECK(bytes_equal(bytes_slice(invoice, 0, before_key.size), before_key));
    CHECK(bytes_equal(bytes_slice(invoice, before_key.size, 33), BYTES_OF(node)));
    CHECK(bytes_equal(bytes_slice(invoice, before_key.size + 33, after_key.size), after_key));
    CHECK(invoice.size == before_key.size + 33 + after_key.size + 64);

    before_key = hex("01"
                     "02020384"
                     "04142222222222222222222222222222222222222222"
                     "0e21");
    CHECK(bytes_equal(bytes_slice(offer, 0, before_key.size), before_key));
    CHECK(offer.size == before_key.size + 33 + 64);
}

TEST(invoice_tells_the_payer_why_not_to_pay)
{
    struct invoice full = a_full_invoice(), offer = an_offer(), got;
    struct err err;
    address other = {{1}};
    offer.expiry_s = NOW;
    CHECK(invoice_decode(text_of(full), &got, test_arena(), NULL) == ST_OK);
    CHECK(invoice_check(&got, 900, full.adjudicator, NOW + 3600, &err) == ST_OK);
    CHECK(invoice_check(&got, 900, full.adjudicator, NOW + 3610, &err) == ST_INVALID);
    CHECK(strcmp(err.text, "the invoice expired 10 s ago") == 0);
    CHECK(invoice_check(&got, 1, full.adjudicator, NOW, &err) == ST_INVALID);
    CHECK(strcmp(err.text, "the invoice is for chain 900, not for chain 1") == 0);
    CHECK(invoice_check(&got, 900, other, NOW, &err) == ST_INVALID);
    CHECK(strcmp(err.text, "the invoice is for another adjudicator of chain 900") == 0);

    CHECK(invoice_decode(text_of(offer), &got, test_arena(), NULL) == ST_OK);
    CHECK(invoice_check(&got, 900, offer.adjudicator, NOW + 1, &err) == ST_INVALID);
    CHECK(strcmp(err.text, "the offer expired 1 s ago") == 0);
    offer.expiry_s = 0;
    CHECK(invoice_decode(text_of(offer), &got, test_arena(), NULL) == ST_OK);
    CHECK(invoice_check(&got, 900, offer.adjudicator, UINT64_MAX, NULL) == ST_OK);
}

TEST(invoice_with_any_bit_changed_is_not_signed)
{
    struct invoice full = a_full_invoice(), got;
    bytes content = content_of(text_of(full));
    usize read = 0;
    for (usize bit = 0; bit < 8 * content.size; bit += 3) {
        u8 *changed = ARENA_TAKE(test_arena(), u8, content.size);
        memcpy(changed, content.data, content.size);
        changed[bit / 8] ^= (u8)(1 << bit % 8);
        bytes text = text_with("lnv", (bytes){changed, content.size});
        if (invoice_decode(text, &got, test_arena(), NULL) != ST_OK)
            continue;
        read++;
        CHECK_ROW(bit, invoice_check(&got, got.chain_id, got.adjudicator, NOW, NULL) == ST_INVALID);
    }
    CHECK(read > content.size);
}

TEST(invoice_keeps_what_it_does_not_know_if_odd)
{
    struct invoice full = a_full_invoice(), got;
    struct err err;
    full.extra_count = 3;
    full.extras[0] = (struct tlv){1, hex("aa")};
    full.extras[1] = (struct tlv){17, BYTES_EMPTY};
    full.extras[2] = (struct tlv){UINT64_MAX, hex("bbcc")};
    bytes text = text_of(full);
    CHECK(invoice_decode(text, &got, test_arena(), NULL) == ST_OK);
    CHECK(got.extra_count == 3 && got.extras[1].type == 17);
    CHECK(bytes_equal(got.extras[2].value, hex("bbcc")));
    CHECK(invoice_check(&got, 900, full.adjudicator, NOW, NULL) == ST_OK);
    CHECK(bytes_equal(invoice_encode(&got, test_arena()), text));
    got.extras[2].value = hex("bbcd");
    CHECK(invoice_check(&got, 900, full.adjudicator, NOW, &err) == ST_INVALID);
    CHECK(strcmp(err.text, "the invoice is not signed by the node that it names") == 0);

    full.extras[1].type = 28;
    CHECK(invoice_decode(text_of(full), &got, test_arena(), &err) == ST_INVALID);
    CHECK(strcmp(err.text, "the invoice has a TLV of the unknown type 28") == 0);
    full.extra_count = INVOICE_EXTRAS_LIMIT;
    for (usize i = 0; i < full.extra_count; i++)
        full.extras[i] = (struct tlv){101 + 2 * i, BYTES_EMPTY};
    bytes content = content_of(text_of(full)), one_more = hex("fd01010000");
    CHECK(invoice_decode(text_of(full), &got, test_arena(), NULL) == ST_OK);
    u8 *longer = ARENA_TAKE(test_arena(), u8, content.size + 4);
    memcpy(longer, content.data, content.size - 64);
    memcpy(longer + content.size - 64, one_more.data, 4);
    memset(longer + content.size - 60, 0, 64);
    CHECK(invoice_decode(text_with("lnv", (bytes){longer, content.size + 4}), &got, test_arena(),
                         &err) == ST_INVALID);
    CHECK(strcmp(err.text, "the invoice has too many unknown TLVs") == 0);
}

#define SIGNED_BY_NOBODY                                                                           \
    "0000000000000000000000000000000000000000000000000000000000000000"                             \
    "0000000000000000000000000000000000000000000000000000000000000000"
#define CHAIN "02020384"
#define ADJUDICATOR "04142222222222222222222222222222222222222222"
#define NODE "0e21036666666666666666666666666666666666666666666666666666666666666666"
#define OFFER_OF(chain) "01" chain ADJUDICATOR NODE

TEST(invoice_refuses_what_breaks_the_format)
{
    static const struct {
        const char *prefix, *content, *says;
    } rows[] = {
        {"lnvo", OFFER_OF(CHAIN), ""},
        {"lnvo", OFFER_OF(CHAIN) "0f0161", ""},
        {"lnbc", OFFER_OF(CHAIN), "an invoice begins with \"lnv1\", an offer with \"lnvo1\""},
        {"lnvoo", OFFER_OF(CHAIN), "an invoice begins with \"lnv1\", an offer with \"lnvo1\""},
        {"lnv", OFFER_OF(CHAIN), "the invoice has no payment hash"},
        {"lnvo", "", "the offer is cut short"},
        {"lnvo", "00", "the offer is of version 0; this program knows version 1"},
        {"lnvo", "02", "the offer is of version 2; this program knows version 1"},
        {"lnvo", "01", "the offer has no chain id"},
        {"lnvo", "01" CHAIN NODE, "the offer has no adjudicator"},
        {"lnvo", "01" CHAIN ADJUDICATOR, "the offer has no node key"},
        {"lnvo", OFFER_OF("0200"), "the offer has a malformed chain id"},
        {"lnvo", OFFER_OF("0203000384"), "the offer has a malformed chain id"},
        {"lnvo", OFFER_OF("0209010000000000000000"), "the offer has a malformed chain id"},
        {"lnvo", OFFER_OF(CHAIN) "02020384", "the offer has TLVs that do not ascend"},
        {"lnvo", OFFER_OF(CHAIN) "0f", "the offer ends in a malformed TLV"},
        {"lnvo", OFFER_OF(CHAIN) "0f00", "the offer has a malformed description"},
        {"lnvo", OFFER_OF(CHAIN) "0f010a",
         "the offer describes itself in more than 640 bytes or not in text"},
        {"lnvo", OFFER_OF(CHAIN) "0f01ff",
         "the offer describes itself in more than 640 bytes or not in text"},
        {"lnvo", OFFER_OF(CHAIN) "0f02c280",
         "the offer describes itself in more than 640 bytes or not in text"},
        {"lnvo", OFFER_OF(CHAIN) "0f02c3", "the offer ends in a malformed TLV"},
        {"lnvo", OFFER_OF(CHAIN) "10016a", "the offer has a creation time"},
        {"lnvo", "01" CHAIN ADJUDICATOR "0614" SIGNED_BY_NOBODY, "the offer has a malformed asset"},
        {"lnvo", OFFER_OF(CHAIN) "1304613a3a31", "the offer has malformed addresses"},
        {"lnvo", OFFER_OF(CHAIN) "130403613a31", ""},
        {"lnvo", OFFER_OF(CHAIN) "130403613a30", "the offer has malformed addresses"},
        {"lnvo", OFFER_OF(CHAIN) "1303023a31", "the offer has malformed addresses"},
        {"lnvo", OFFER_OF(CHAIN) "130807613a3635353336", "the offer has malformed addresses"},
        {"lnvo", OFFER_OF(CHAIN) "1301ff", "the offer has malformed addresses"},
        {"lnvo", OFFER_OF(CHAIN) "150100", "the offer has a malformed list of hints"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        bytes before = hex(rows[i].content), after = hex(SIGNED_BY_NOBODY);
        u8 *content = ARENA_TAKE(test_arena(), u8, before.size + 64);
        struct invoice got;
        struct err err = {""};
        bytes_copy(content, before);
        bytes_copy(content + before.size, after);
        bytes text = text_with(rows[i].prefix, (bytes){content, before.size + 64});
        enum status want = rows[i].says[0] == 0 ? ST_OK : ST_INVALID;
        CHECK_ROW(i, invoice_decode(text, &got, test_arena(), &err) == want);
        CHECK_ROW(i, strcmp(err.text, rows[i].says) == 0);
    }
}

TEST(invoice_is_not_signed_where_a_rule_is_broken)
{
    static const u8 letters[INVOICE_DESCRIPTION_LIMIT + 1] = {0};
    struct err err;
    struct invoice rows[6];
    static const char *const says[] = {
        "the invoice has no payment secret",
        "the invoice expires before it was made",
        "the invoice describes itself in more than 640 bytes or not in text",
        "the offer has a payment hash",
        "the invoice has malformed addresses",
        "the invoice hints at a fee of 1000001 millionths",
    };
    for (usize i = 0; i < countof(rows); i++)
        rows[i] = a_full_invoice();
    rows[0].payment_secret = (hash32){{0}};
    rows[1].expiry_s = NOW - 1;
    rows[2].description = BYTES_OF(letters);
    rows[3].kind = OFFER;
    rows[4].addresses = BYTES_LIT("localhost:1");
    rows[5].hints.at[1].fee_ppm = 1000001;
    for (usize i = 0; i < countof(rows); i++) {
        CHECK_ROW(i, invoice_sign(&rows[i], &node_key, &err) == ST_INVALID);
        CHECK_ROW(i, strcmp(err.text, says[i]) == 0);
    }
    secret32 none = {{0}};
    CHECK(invoice_sign(&rows[0], &none, &err) == ST_INVALID);
}

TEST(invoice_fits_with_all_that_it_may_have)
{
    static u8 letters[INVOICE_DESCRIPTION_LIMIT],
        addresses[NODE_ADDRESSES_LIMIT * (NODE_ADDRESS_LIMIT + 1)];
    struct invoice largest = a_full_invoice(), got;
    memset(letters, 'x', sizeof(letters));
    for (usize i = 0; i < NODE_ADDRESSES_LIMIT; i++) {
        u8 *at = addresses + i * (NODE_ADDRESS_LIMIT + 1);
        memset(at, 'h', NODE_ADDRESS_LIMIT + 1);
        at[0] = NODE_ADDRESS_LIMIT;
        memcpy(at + NODE_ADDRESS_LIMIT - 1, ":1", 2);
    }
    largest.description = BYTES_OF(letters);
    largest.addresses = BYTES_OF(addresses);
    largest.hints.count = INVOICE_HINTS_LIMIT;
    largest.amount = ~(u128)0;
    largest.chain_id = largest.created_s = largest.expiry_s = UINT64_MAX;
    bytes text = text_of(largest);
    CHECK(invoice_decode(text, &got, test_arena(), NULL) == ST_OK);
    CHECK(bytes_equal(invoice_encode(&got, test_arena()), text));
    CHECK(content_of(text).size < INVOICE_LIMIT);
}
