/* Payloads: each layout, every rule of BOLT 4 for them, and a whole onion with them. */
#include "channel/payload.h"

#include "harness/test.h"

#define KEY "02aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SECRET "1111111111111111111111111111111111111111111111111111111111111111"
#define PREIMAGE "2222222222222222222222222222222222222222222222222222222222222222"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define ASSET "3333333333333333333333333333333333333333"
#define TOKEN "fe00766172"   /* the type 7758194 */
#define MESSAGE "fe00766173" /* 7758195 */
#define KEYSEND "ff0000000146c6616c20" PREIMAGE
#define SEALED "44444444444444444444444444444444"
#define BASICS "020203e804046553f100" /* 1,000, at 1,700,000,000 s */

static struct payload forward_of(u128 amount)
{
    struct payload out = {
        .kind = PAYLOAD_FORWARD, .amount = amount, .expiry_s = 1700000000, .next = {{2}}};
    memset(out.next.b + 1, 0xaa, 32);
    return out;
}

static struct payload final_of(u128 amount, u128 total)
{
    struct payload out = {
        .kind = PAYLOAD_FINAL, .amount = amount, .expiry_s = 1700000000, .total = total};
    memset(out.payment_secret.b, total > 0 ? 0x11 : 0, 32);
    return out;
}

struct row {
    const char *digits;
    struct payload payload;
};

/* Row `index`. False: there are no more. */
static bool row_of(usize index, struct row *out)
{
    struct payload other_chain = forward_of(1000), token = forward_of(1000);
    other_chain.chain_id = 900;
    token.chain_id = UINT64_MAX;
    memset(token.asset.b, 0x33, 20);
    struct payload keysend = final_of(1000, 0), all = final_of(1000, (u128)1 << 64);
    memset(keysend.preimage.b, 0x22, 32);
    all.preimage = keysend.preimage;
    all.message = BYTES_LIT("hi");
    struct payload latest = forward_of(~(u128)0);
    latest.expiry_s = ((u64)1 << 40) - 1;
    struct payload first = {
        .kind = PAYLOAD_FORWARD, .sealed = hex(SEALED), .path_key = latest.next};
    struct payload inside = {.kind = PAYLOAD_FORWARD, .sealed = first.sealed};
    struct payload end = final_of(1000, 0);
    end.sealed = first.sealed;
    end.total = 3000;
    const struct row rows[] = {
        {BASICS "0e21" KEY, forward_of(1000)},
        {BASICS "0e21" KEY TOKEN "1c"
                "0000000000000384"
                "0000000000000000000000000000000000000000",
         other_chain},
        {BASICS "0e21" KEY TOKEN "1c"
                "ffffffffffffffff" ASSET,
         token},
        {"0210ffffffffffffffffffffffffffffffff"
         "0405ffffffffff"
         "0e21" KEY,
         latest},
        {"0a10" SEALED "0c21" KEY, first},
        {"0a10" SEALED, inside},
        {BASICS "0a10" SEALED "12020bb8", end},
        {BASICS "0822" SECRET "03e8", final_of(1000, 1000)},
        {BASICS KEYSEND, keysend},
        {BASICS "0829" SECRET "010000000000000000" MESSAGE "026869" KEYSEND, all},
    };
    if (index == countof(rows))
        return false;
    *out = rows[index];
    return true;
}

TEST(payload_is_read_and_written_as_its_row_says)
{
    struct row row;
    for (usize i = 0; row_of(i, &row); i++) {
        struct payload got;
        struct failure why;
        u8 out[PAYLOAD_LIMIT];
        bytes in = hex(row.digits);
        CHECK_ROW(i, bytes_equal((bytes){out, payload_encode(&row.payload, out)}, in));
        CHECK_ROW(i, payload_decode(row.payload.kind, in, &got, &why, NULL) == ST_OK);
        CHECK_ROW(i, bytes_equal((bytes){out, payload_encode(&got, out)}, in));
        CHECK_ROW(i, got.amount == row.payload.amount && got.expiry_s == row.payload.expiry_s);
        CHECK_ROW(i, got.chain_id == row.payload.chain_id && got.total == row.payload.total);
        CHECK_ROW(i, bytes_equal(got.message, row.payload.message));
    }
}

TEST(payload_passes_over_odd_types)
{
    static const struct {
        enum payload_kind kind;
        const char *digits;
    } rows[] = {
        {PAYLOAD_FORWARD, "0100" BASICS "0e21" KEY},
        {PAYLOAD_FORWARD, BASICS "0501aa0e21" KEY "fe0076617102bbcc"},
        {PAYLOAD_FORWARD, BASICS "0e21" KEY MESSAGE "01ff"}, /* a message is not for this hop */
        {PAYLOAD_FINAL, BASICS "0822" SECRET "03e8"
                               "ffffffffffffffffff00"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct payload got;
        struct failure why;
        CHECK_ROW(i, payload_decode(rows[i].kind, hex(rows[i].digits), &got, &why, NULL) == ST_OK);
        CHECK_ROW(i, got.amount == 1000 && got.message.size == 0);
    }
}

TEST(payload_that_breaks_a_rule_says_which_type_and_where)
{
    static const struct {
        enum payload_kind kind;
        const char *digits;
        u64 type;
        u16 offset;
        const char *says;
    } rows[] = {
        {PAYLOAD_FORWARD, "", 2, 0, "an onion's payload has no TLV of type 2"},
        {PAYLOAD_FORWARD, "04046553f1000e21" KEY, 2, 0, "an onion's payload has no TLV of type 2"},
        {PAYLOAD_FORWARD, "020203e80e21" KEY, 4, 0, "an onion's payload has no TLV of type 4"},
        {PAYLOAD_FORWARD, BASICS, 14, 0, "an onion's payload has no TLV of type 14"},
        {PAYLOAD_FINAL, BASICS, 8, 0, "an onion's payload has no TLV of type 8"},
        {PAYLOAD_FORWARD, "0200", 2, 0, "an onion's payload has a malformed TLV of type 2"},
        {PAYLOAD_FORWARD, "02020001", 2, 0, "an onion's payload has a malformed TLV of type 2"},
        {PAYLOAD_FORWARD, "02110100000000000000000000000000000000", 2, 0,
         "an onion's payload has a malformed TLV of type 2"},
        {PAYLOAD_FORWARD, "020203e80400", 4, 4, "an onion's payload has a malformed TLV of type 4"},
        {PAYLOAD_FORWARD, "020203e80406010000000000", 4, 4,
         "an onion's payload has a malformed TLV of type 4"},
        {PAYLOAD_FORWARD, BASICS "0e20" SECRET, 14, 10,
         "an onion's payload has a malformed TLV of type 14"},
        {PAYLOAD_FORWARD,
         BASICS "0e21" KEY TOKEN "1c"
                "0000000000000000" ASSET,
         7758194, 45, "an onion's payload has a malformed TLV of type 7758194"},
        {PAYLOAD_FORWARD,
         BASICS "0e21" KEY TOKEN "08"
                "0000000000000001",
         7758194, 45, "an onion's payload has a malformed TLV of type 7758194"},
        {PAYLOAD_FORWARD, BASICS "0822" SECRET "03e80e21" KEY, 8, 10,
         "an onion's payload has a TLV of the unknown type 8"},
        {PAYLOAD_FORWARD, BASICS "0e21" KEY KEYSEND, 5482373484, 45,
         "an onion's payload has a TLV of the unknown type 5482373484"},
        {PAYLOAD_FINAL, BASICS "0822" SECRET "03e80e21" KEY, 14, 46,
         "an onion's payload has a TLV of the unknown type 14"},
        {PAYLOAD_FINAL, BASICS "0600", 6, 10, "an onion's payload has a TLV of the unknown type 6"},
        {PAYLOAD_FINAL, BASICS "0a01aa1201" SECRET "01", 10, 10,
         "an onion's payload has a malformed TLV of type 10"},
        {PAYLOAD_FINAL, BASICS "0c00", 12, 10, "an onion's payload has a malformed TLV of type 12"},
        {PAYLOAD_FINAL, BASICS "0c21" KEY, 8, 0, "an onion's payload has no TLV of type 8"},
        {PAYLOAD_FORWARD, BASICS "0c21" KEY "0e21" KEY, 12, 0,
         "an onion's payload has no place for its TLV of type 12"},
        {PAYLOAD_FORWARD,
         "020203e8"
         "0a10" SEALED,
         2, 0, "an onion's payload has no place for its TLV of type 2"},
        {PAYLOAD_FORWARD,
         "04046553f100"
         "0a10" SEALED,
         4, 0, "an onion's payload has no place for its TLV of type 4"},
        {PAYLOAD_FORWARD, "0a10" SEALED "0e21" KEY, 14, 0,
         "an onion's payload has no place for its TLV of type 14"},
        {PAYLOAD_FORWARD, "0a10" SEALED "120101", 18, 18,
         "an onion's payload has a TLV of the unknown type 18"},
        {PAYLOAD_FINAL, BASICS "0a10" SEALED, 18, 0, "an onion's payload has no TLV of type 18"},
        {PAYLOAD_FINAL, BASICS "0a10" SEALED "120203e7", 18, 0,
         "a part of a payment is more than the whole"},
        {PAYLOAD_FINAL,
         BASICS "0822" SECRET "03e8"
                "120203e8",
         18, 46, "an onion's payload has a malformed TLV of type 18"},
        {PAYLOAD_FINAL,
         BASICS "0822" SECRET "03e8"
                "0a10" SEALED "120203e8",
         8, 0, "an onion's payload has no place for its TLV of type 8"},
        {PAYLOAD_FINAL, BASICS "0a10" SEALED "120203e8" KEYSEND, 5482373484, 0,
         "an onion's payload has no place for its TLV of type 5482373484"},
        {PAYLOAD_FINAL, BASICS "0822" SECRET "03e7", 8, 0,
         "a part of a payment is more than the whole"},
        {PAYLOAD_FINAL, BASICS "0820" SECRET, 8, 0, "a part of a payment is more than the whole"},
        {PAYLOAD_FINAL, BASICS "0822" ZERO "03e8", 8, 10,
         "an onion's payload has a malformed TLV of type 8"},
        {PAYLOAD_FINAL,
         BASICS "081f111111111111111111111111111111111111111111111111111111111111"
                "11",
         8, 10, "an onion's payload has a malformed TLV of type 8"},
        {PAYLOAD_FINAL, BASICS "0822" SECRET "0001", 8, 10,
         "an onion's payload has a malformed TLV of type 8"},
        {PAYLOAD_FINAL, BASICS "0822" SECRET "03e8" MESSAGE "00", 7758195, 46,
         "an onion's payload has a malformed TLV of type 7758195"},
        {PAYLOAD_FINAL, BASICS "0822" SECRET "03e8" MESSAGE "010a", 7758195, 46,
         "an onion's payload has a malformed TLV of type 7758195"},
        {PAYLOAD_FINAL, BASICS "ff0000000146c6616c20" ZERO, 5482373484, 10,
         "an onion's payload has a malformed TLV of type 5482373484"},
        {PAYLOAD_FORWARD, "020203e8020203e8", 0, 4,
         "an onion's payload has TLVs that do not ascend"},
        {PAYLOAD_FORWARD, "020203e8fd0004046553f100", 0, 4,
         "an onion's payload ends in a malformed TLV"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct payload got;
        struct failure why;
        struct err err;
        CHECK_ROW(i, payload_decode(rows[i].kind, hex(rows[i].digits), &got, &why, &err) ==
                         ST_INVALID);
        CHECK_ROW(i, why.code == FAILURE_INVALID_ONION_PAYLOAD && why.type == rows[i].type &&
                         why.offset == rows[i].offset);
        CHECK_ROW(i, strcmp(err.text, rows[i].says) == 0);
    }
}

TEST(payload_of_each_hop_comes_out_of_the_onion)
{
    enum { HOPS = 3 };
    static const secret32 session = {{9}}, keys[HOPS] = {{{1}}, {{2}}, {{3}}};
    static u8 rooms[HOPS][PAYLOAD_LIMIT];
    struct payload sent[HOPS] = {forward_of(1020), forward_of(1010), final_of(1000, 3000)};
    struct onion_hop hops[HOPS];
    secret32 shared[HOPS];
    u8 packet[ONION_SIZE];
    for (usize i = 0; i < HOPS; i++)
        CHECK(point_of_secret(&keys[i], &hops[i].node) == ST_OK);
    for (usize i = 0; i < HOPS; i++) {
        if (i + 1 < HOPS)
            sent[i].next = hops[i + 1].node;
        hops[i].payload = (bytes){rooms[i], payload_encode(&sent[i], rooms[i])};
    }
    CHECK(onion_build(&session, hops, HOPS, BYTES_LIT("hash"), packet, shared, NULL) == ST_OK);
    for (usize i = 0; i < HOPS; i++) {
        struct onion_peeled peeled;
        struct payload got;
        struct failure why;
        enum onion_verdict verdict = onion_peel(&keys[i], packet, BYTES_LIT("hash"), &peeled);
        CHECK_ROW(i, verdict == (i + 1 < HOPS ? ONION_FORWARD : ONION_FINAL));
        CHECK_ROW(i, payload_decode(sent[i].kind, (bytes){peeled.payload, peeled.payload_size},
                                    &got, &why, NULL) == ST_OK);
        CHECK_ROW(i, got.amount == sent[i].amount);
        if (i + 1 < HOPS)
            CHECK_ROW(i, memcmp(&got.next, &hops[i + 1].node, sizeof(point33)) == 0);
        memcpy(packet, peeled.next, ONION_SIZE);
    }
}

/* --- Along a blinded path: the payer, a forwarder that it knows, and three that the payee chose.
 */

enum { PATH = 3, LATEST = 1700000000 };

static const secret32 path_keys[PATH] = {{{11}}, {{12}}, {{13}}};

static void make_path(struct blinded_route *out, struct instruction said[static PATH])
{
    static const secret32 session = {{8}};
    point33 nodes[PATH];
    for (usize i = 0; i < PATH; i++)
        CHECK(point_of_secret(&path_keys[i], &nodes[i]) == ST_OK);
    for (usize i = 0; i < PATH; i++)
        said[i] = (struct instruction){.latest_s = LATEST, .least = 900};
    for (usize i = 0; i + 1 < PATH; i++) {
        said[i].next = nodes[i + 1];
        said[i].has_fee = true;
        said[i].fee_ppm = 10000;
        said[i].base_fee = 5;
    }
    said[PATH - 1].path_id = BYTES_LIT("tea");
    CHECK(blinded_route_make(&session, nodes, said, PATH, out, test_arena()) == ST_OK);
}

static void build_along(const struct blinded_route *path, u8 packet[static ONION_SIZE])
{
    static const secret32 session = {{9}};
    static u8 rooms[PATH][PAYLOAD_LIMIT];
    struct onion_hop hops[PATH];
    secret32 shared[PATH];
    for (usize i = 0; i < PATH; i++) {
        struct payload step = {.kind = PAYLOAD_FORWARD};
        if (i + 1 == PATH)
            step = (struct payload){
                .kind = PAYLOAD_FINAL, .amount = 1000, .expiry_s = LATEST, .total = 1000};
        step.sealed = path->hops[i].payload;
        if (i == 0)
            step.path_key = path->first_path_key;
        hops[i] = (struct onion_hop){i == 0 ? path->first_node : path->hops[i].node,
                                     {rooms[i], payload_encode(&step, rooms[i])}};
    }
    CHECK(onion_build(&session, hops, PATH, BYTES_EMPTY, packet, shared, NULL) == ST_OK);
}

TEST(payload_of_a_blinded_path_says_where_to_and_how_much_by_its_instruction)
{
    struct blinded_route path;
    struct instruction made[PATH], said;
    u8 packet[ONION_SIZE], room[BLINDED_SEALED_LIMIT];
    u128 amount = 5 + 1000 + 5 + 1000 / 100 + (5 + 1000 + 10) / 100 + 1; /* both fees, rounded up */
    point33 path_key;
    make_path(&path, made);
    build_along(&path, packet);
    for (usize i = 0; i < PATH; i++) {
        struct onion_peeled peeled;
        struct payload got;
        struct failure why;
        secret32 key = path_keys[i];
        if (i > 0)
            CHECK_ROW(i, blinded_path_key(&path_keys[i], &path_key, &key) == ST_OK);
        bool is_final = onion_peel(&key, packet, BYTES_EMPTY, &peeled) == ONION_FINAL;
        CHECK_ROW(i, is_final == (i + 1 == PATH));
        CHECK_ROW(i, payload_decode(is_final ? PAYLOAD_FINAL : PAYLOAD_FORWARD,
                                    (bytes){peeled.payload, peeled.payload_size}, &got, &why,
                                    NULL) == ST_OK);
        const point33 *beside = i == 0 ? NULL : &path_key;
        const secret32 *node = &path_keys[i];
        /* A lock outside the limits, a path key too many or none, another node: nothing is done. */
        CHECK_ROW(i, payload_follow(&got, node, beside, amount, LATEST + 1, room, &said) != ST_OK);
        CHECK_ROW(i, payload_follow(&got, node, beside, 899, LATEST, room, &said) != ST_OK);
        CHECK_ROW(i, payload_follow(&got, node, i == 0 ? &path.first_path_key : NULL, amount,
                                    LATEST, room, &said) != ST_OK);
        CHECK_ROW(i, payload_follow(&got, &path_keys[(i + 1) % PATH], beside, amount, LATEST, room,
                                    &said) != ST_OK);
        CHECK_ROW(i, payload_follow(&got, node, beside, amount, LATEST, room, &said) == ST_OK);
        if (is_final)
            break;
        CHECK_ROW(i, got.amount < amount && got.amount + 5 + got.amount / 100 <= amount);
        CHECK_ROW(i, got.expiry_s == LATEST && point_equal(&got.next, &made[i].next));
        amount = got.amount;
        path_key = said.next_path_key;
        memcpy(packet, peeled.next, sizeof(packet));
    }
    CHECK(amount >= 1000 && bytes_equal(said.path_id, BYTES_LIT("tea")));
}

TEST(payload_follows_no_path_that_is_for_messages)
{
    static const secret32 session = {{8}};
    struct blinded_route path;
    struct instruction said;
    u8 room[BLINDED_SEALED_LIMIT];
    point33 nodes[2];
    for (usize i = 0; i < 2; i++)
        CHECK(point_of_secret(&path_keys[i], &nodes[i]) == ST_OK);
    struct instruction words[3] = {{.next = nodes[1]},
                                   {.next = nodes[1], .latest_s = LATEST},
                                   {.next = nodes[1], .has_fee = true}};
    for (usize i = 0; i < countof(words); i++) {
        struct instruction both[2] = {words[i], {.path_id = BYTES_LIT("tea")}};
        CHECK(blinded_route_make(&session, nodes, both, 2, &path, test_arena()) == ST_OK);
        struct payload step = {.kind = PAYLOAD_FORWARD,
                               .sealed = path.hops[0].payload,
                               .path_key = path.first_path_key};
        CHECK_ROW(i, payload_follow(&step, &path_keys[0], NULL, 1000, LATEST, room, &said) ==
                         ST_INVALID);
    }
}

TEST(payload_fits_with_all_that_it_may_have)
{
    static u8 letters[PAYLOAD_MESSAGE_LIMIT], out[PAYLOAD_LIMIT];
    struct payload largest = final_of(~(u128)0, ~(u128)0), got;
    struct failure why;
    memset(letters, 'x', sizeof(letters));
    memset(largest.preimage.b, 0x22, 32);
    largest.expiry_s = ((u64)1 << 40) - 1;
    largest.message = BYTES_OF(letters);
    usize size = payload_encode(&largest, out);
    CHECK(size <= ONION_PAYLOAD_LIMIT);
    CHECK(payload_decode(PAYLOAD_FINAL, (bytes){out, size}, &got, &why, NULL) == ST_OK);
    CHECK(bytes_equal(got.message, largest.message));
}
