/* What is told of the network is judged: every field is signed, every bound holds. */
#include "channel/gossip.h"
#include "channel/node_address.h"

#include "channel/signed.h"
#include "crypto/keccak.h"
#include "harness/test.h"

enum { NOW_S = 1700000000 };

static secret32 secret_of(u8 last)
{
    return (secret32){{[31] = last}};
}

static point33 node_of(u8 last)
{
    secret32 secret = secret_of(last);
    point33 point = {{0}};
    CHECK(point_of_secret(&secret, &point) == ST_OK);
    return point;
}

static address owner_of(u8 last)
{
    secret32 secret = secret_of(last);
    address who = {{0}};
    CHECK(secret_address(&secret, &who) == ST_OK);
    return who;
}

static signature64 sign(u8 last, hash32 digest)
{
    secret32 secret = secret_of(last);
    signature64 out = {{0}};
    CHECK(secret_sign(&secret, digest, &out) == ST_OK);
    return out;
}

/* The channel of contracts/channel/README.md; the nodes' keys are 3 and 4. */
static struct wire_announce announcement(void)
{
    struct wire_announce out = {.chain_id = 900,
                                .adjudicator = {{[18] = 0xad, [19] = 0x1c}},
                                .owner_a = owner_of(1),
                                .owner_b = owner_of(2),
                                .challenge_s = 3600,
                                .node_a = node_of(3),
                                .node_b = node_of(4)};
    memcpy(out.terms.b,
           hex("c61de25a3398df75e560d5297601a8913aa5d3a9e4cf66b34209be40056c693c").data, 32);
    hash32 digest = gossip_announce_digest(&out);
    out.owner_signature_a = sign(1, digest);
    out.owner_signature_b = sign(2, digest);
    out.node_signature_a = sign(3, digest);
    out.node_signature_b = sign(4, digest);
    return out;
}

static struct wire_policy policy(void)
{
    struct wire_policy out = {.side = 1,
                              .timestamp_s = NOW_S,
                              .enabled = 1,
                              .base_fee = 7,
                              .fee_ppm = 1000,
                              .least = 1,
                              .most = (u128)1 << 100};
    out.signature = sign(4, gossip_policy_digest(&out));
    return out;
}

static struct wire_node node_saying(const char *alias, const char *addresses_hex)
{
    struct wire_node out = {.node = node_of(3),
                            .timestamp_s = NOW_S,
                            .alias = {(const u8 *)alias, strlen(alias)},
                            .addresses = hex(addresses_hex)};
    out.signature = sign(3, gossip_node_digest(&out));
    return out;
}

TEST(gossip_names_a_channel_as_the_contract_does)
{
    struct wire_announce announce = announcement();
    hash32 id = gossip_channel_id(&announce);
    CHECK(bytes_equal(BYTES_OF(id),
                      hex("20bd37ba2c8ee5efb9a4a79a8f6205602ebf9a27b5b343b37ea464cc7ac221a5")));
}

/* Every bit of a message matters: whatever is changed, a signature is wrong. */
TEST(gossip_refuses_a_message_with_any_byte_changed)
{
    struct wire_node node = node_saying("hi", "03613a31");
    const struct wire_message rows[] = {{WIRE_ANNOUNCE, {.announce = announcement()}},
                                        {WIRE_POLICY, {.policy = policy()}},
                                        {WIRE_NODE, {.node = node}}};
    point33 signer = node_of(4);
    for (usize row = 0; row < countof(rows); row++) {
        u8 out[WIRE_LIMIT];
        usize size = wire_encode(&rows[row], out);
        for (usize i = 1; i <= size; i++) { /* the last round changes nothing */
            struct wire_message got;
            out[i % size] ^= i < size ? 0x01 : 0;
            enum status st = wire_decode((bytes){out, size}, &got, NULL);
            if (st == ST_OK && got.type == WIRE_ANNOUNCE)
                st = gossip_check_announce(&got.announce, NULL);
            else if (st == ST_OK && got.type == WIRE_POLICY)
                st = gossip_check_policy(&got.policy, &signer, NOW_S, NULL);
            else if (st == ST_OK && got.type == WIRE_NODE)
                st = gossip_check_node(&got.node, NOW_S, NULL);
            CHECK_ROW(row, (st == ST_OK) == (i == size));
            out[i % size] ^= i < size ? 0x01 : 0;
        }
    }
}

TEST(gossip_refuses_a_channel_with_itself)
{
    struct wire_announce announce = announcement();
    announce.node_b = announce.node_a;
    CHECK(gossip_check_announce(&announce, NULL) == ST_INVALID);
    announce = announcement();
    announce.owner_b = announce.owner_a;
    CHECK(gossip_check_announce(&announce, NULL) == ST_INVALID);
}

TEST(gossip_bounds_what_a_policy_says)
{
    point33 signer = node_of(4);
    const struct wire_policy good = policy();
    struct {
        struct wire_policy policy;
        enum status want;
    } rows[12];
    usize count = 0;
#define ROW(change, status)                                                                        \
    rows[count].policy = good;                                                                     \
    rows[count].policy.change;                                                                     \
    rows[count++].want = status
    ROW(side = 0, ST_OK);
    ROW(side = 2, ST_INVALID);
    ROW(enabled = 0, ST_OK);
    ROW(enabled = 2, ST_INVALID);
    ROW(fee_ppm = 1000000, ST_OK);
    ROW(fee_ppm = 1000001, ST_INVALID);
    ROW(most = 1, ST_OK);
    ROW(most = 0, ST_INVALID);
    ROW(timestamp_s = NOW_S + 600, ST_OK);
    ROW(timestamp_s = NOW_S + 601, ST_AGAIN);
    ROW(timestamp_s = NOW_S - 14 * 86400, ST_OK);
    ROW(timestamp_s = NOW_S - 14 * 86400 - 1, ST_AGAIN);
#undef ROW
    for (usize i = 0; i < count; i++) {
        rows[i].policy.signature = sign(4, gossip_policy_digest(&rows[i].policy));
        CHECK_ROW(i, gossip_check_policy(&rows[i].policy, &signer, NOW_S, NULL) == rows[i].want);
    }
}

TEST(gossip_bounds_what_a_node_says)
{
    static const struct {
        const char *alias, *addresses;
        enum status want;
    } rows[] = {
        {"", "", ST_OK},
        {"Zürich ⚡", "03613a31", ST_OK},                       /* a:1 */
        {"12345678901234567890123456789012", "", ST_OK},       /* 32 */
        {"123456789012345678901234567890123", "", ST_INVALID}, /* 33 */
        {"a\x1b[31m", "", ST_INVALID},                         /* an escape sequence */
        {"\xc2\x9b", "", ST_INVALID},                          /* the same in one character */
        {"\xc3", "", ST_INVALID},                              /* half a character */
        {"", "065b3a3a5d3a31", ST_OK},                         /* [::]:1 */
        {"", "03613a3103613a3203613a3303613a34", ST_OK},       /* four */
        {"", "03613a3103613a3203613a3303613a3403613a35", ST_INVALID}, /* five */
        {"", "07613a3635353335", ST_OK},                              /* a:65535 */
        {"", "07613a3635353336", ST_INVALID},                         /* a:65536 */
        {"", "03613a30", ST_INVALID},                                 /* a:0 */
        {"", "04613a3031", ST_INVALID},                               /* a:01 */
        {"", "023a31", ST_INVALID},                                   /* :1 */
        {"", "0161", ST_INVALID},                                     /* a */
        {"", "02613a", ST_INVALID},                                   /* a: */
        {"", "04613a3120", ST_INVALID},                               /* a space */
        {"", "04613a31", ST_INVALID},                                 /* cut short */
        {"", "00", ST_INVALID},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct wire_node node = node_saying(rows[i].alias, rows[i].addresses);
        CHECK_ROW(i, gossip_check_node(&node, NOW_S, NULL) == rows[i].want);
    }
}

TEST(gossip_gives_addresses_one_by_one)
{
    bytes left = hex("03613a3105623a3a3a32");
    CHECK(bytes_equal(node_address_next(&left), BYTES_LIT("a:1")));
    CHECK(bytes_equal(node_address_next(&left), BYTES_LIT("b:::2")));
    CHECK(node_address_next(&left).size == 0 && left.size == 0);
}

TEST(gossip_bucket_gives_a_burst_and_then_a_rate)
{
    struct gossip_bucket bucket = {0};
    u64 given = 0;
    while (gossip_spend(&bucket, 1, 10, 3600, NOW_S))
        given++;
    CHECK(given == 10);
    CHECK(!gossip_spend(&bucket, 1, 10, 3600, NOW_S + 359));
    CHECK(gossip_spend(&bucket, 1, 10, 3600, NOW_S + 360));
    CHECK(!gossip_spend(&bucket, 1, 10, 3600, NOW_S + 360));
    CHECK(!gossip_spend(&bucket, 1, 10, 3600, NOW_S)); /* a clock that runs backwards */
    CHECK(!gossip_spend(&bucket, 11, 10, 3600, NOW_S + 99999));
    CHECK(gossip_spend(&bucket, 10, 10, 3600, NOW_S + 99999));
    CHECK(!gossip_spend(&bucket, 1, 10, 3600, NOW_S + 99999));
    CHECK(!gossip_spend(&bucket, 1, 10, 3600, NOW_S)); /* put back by a day, it gives again */
    CHECK(gossip_spend(&bucket, 1, 10, 3600, NOW_S + 360));
    CHECK(gossip_spend(&bucket, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX));
    CHECK(!gossip_spend(&bucket, 1, UINT32_MAX, UINT32_MAX, UINT64_MAX));
}
