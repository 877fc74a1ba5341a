/* The transport against BOLT 8's appendix A, and two machines against each other. */
#include "channel/transport.h"

#include "harness/test.h"

#define ACT_ONE                                                                                    \
    "00036360e856310ce5d294e8be33fc807077dc56ac80d95d9cd4ddbd21325eff73f70df6086551151f58b8afe6c1" \
    "95782c6a"
#define ACT_TWO                                                                                    \
    "0002466d7fcae563e5cb09a0d1870bb580344804617879a14949cf22285f1bae3f276e2470b93aac583c9ef6eafc" \
    "a3f730ae"
#define ACT_THREE                                                                                  \
    "00b9e3a702e93e3a9948c2ed6e5fd7590a6e1c3a0344cfc9d5b57357049aa22355361aa02e55a8fc28fef5bd6d71" \
    "ad0c38228dc68b1c466263b47fdf31e560e139ba"
#define INITIATOR_POINT "034f355bdcb7cc0af728ef3cceb9615d90684bb5b2ca5f859ab0f0b704075871aa"
#define RESPONDER_POINT "028d7500dd4c12685d1f568b4c2b5048e8534b873319f3a8daa612b469132ec7f7"
#define INITIATOR_SENDS "969ab31b4d288cedf6218839b27a3e2140827047f2c0f01bf5c04435d43511a9"
#define RESPONDER_SENDS "bb9020b8965f4df047e07f955f3c4b88418984aadc5cdb35096b9ea8fa5c3442"

static secret32 secret_of(u8 each)
{
    secret32 out;
    memset(out.b, each, sizeof(out.b));
    return out;
}

static point33 point_of(const char *digits)
{
    point33 out;
    memcpy(out.b, hex(digits).data, sizeof(out.b));
    return out;
}

/* The appendix's two nodes. */
static void begin(struct transport *initiator, u8 act_one[static TRANSPORT_ACT_ONE_SIZE])
{
    secret32 own = secret_of(0x11), ephemeral = secret_of(0x12);
    point33 remote = point_of(RESPONDER_POINT);
    CHECK(transport_begin(initiator, &own, &ephemeral, &remote, act_one) == ST_OK);
}

static void accept(struct transport *responder)
{
    secret32 own = secret_of(0x21), ephemeral = secret_of(0x22);
    CHECK(transport_accept(responder, &own, &ephemeral) == ST_OK);
}

struct reply {
    u8 data[TRANSPORT_ACT_THREE_SIZE];
    usize size, used;
    struct err err;
};

static enum status feed(struct transport *transport, bytes in, struct reply *out)
{
    *out = (struct reply){0};
    return transport_handshake(transport, in, &out->used, out->data, &out->size, &out->err);
}

static bool replies(const struct reply *reply, const char *digits)
{
    return bytes_equal((bytes){reply->data, reply->size}, hex(digits));
}

static void connect(struct transport *initiator, struct transport *responder)
{
    u8 act_one[TRANSPORT_ACT_ONE_SIZE];
    struct reply two, three, none;
    begin(initiator, act_one);
    accept(responder);
    CHECK(feed(responder, BYTES_OF(act_one), &two) == ST_OK);
    CHECK(feed(initiator, (bytes){two.data, two.size}, &three) == ST_OK);
    CHECK(feed(responder, (bytes){three.data, three.size}, &none) == ST_OK && none.size == 0);
    CHECK(initiator->state == TRANSPORT_OPEN && responder->state == TRANSPORT_OPEN);
}

static bool is_zero(const void *at, usize size)
{
    const u8 *byte = at;
    for (usize i = 0; i < size; i++)
        if (byte[i] != 0)
            return false;
    return true;
}

/* Dead, with no trace of a secret. */
static bool is_dead(struct transport *transport)
{
    u8 out[TRANSPORT_OVERHEAD];
    struct reply reply;
    return transport->state == TRANSPORT_DEAD && is_zero(transport, sizeof(*transport)) &&
           transport_seal(transport, BYTES_EMPTY, out) == ST_INVALID &&
           feed(transport, hex(ACT_ONE), &reply) == ST_INVALID;
}

/* --- BOLT 8, appendix A. */

TEST(transport_initiator_makes_the_official_handshake)
{
    struct transport initiator;
    struct reply three;
    u8 act_one[TRANSPORT_ACT_ONE_SIZE];
    begin(&initiator, act_one);
    CHECK(bytes_equal(BYTES_OF(act_one), hex(ACT_ONE)));
    CHECK(feed(&initiator, hex(ACT_TWO), &three) == ST_OK);
    CHECK(three.used == TRANSPORT_ACT_TWO_SIZE && replies(&three, ACT_THREE));
    CHECK(initiator.state == TRANSPORT_OPEN);
    CHECK(bytes_equal(BYTES_OF(initiator.send.key), hex(INITIATOR_SENDS)));
    CHECK(bytes_equal(BYTES_OF(initiator.receive.key), hex(RESPONDER_SENDS)));
}

TEST(transport_responder_makes_the_official_handshake)
{
    struct transport responder;
    struct reply two, none;
    accept(&responder);
    CHECK(feed(&responder, hex(ACT_ONE), &two) == ST_OK);
    CHECK(two.used == TRANSPORT_ACT_ONE_SIZE && replies(&two, ACT_TWO));
    CHECK(responder.state == TRANSPORT_AWAITS_ACT_THREE);
    CHECK(feed(&responder, hex(ACT_THREE), &none) == ST_OK);
    CHECK(none.used == TRANSPORT_ACT_THREE_SIZE && none.size == 0);
    CHECK(responder.state == TRANSPORT_OPEN);
    CHECK(bytes_equal(BYTES_OF(responder.remote), hex(INITIATOR_POINT)));
    CHECK(bytes_equal(BYTES_OF(responder.receive.key), hex(INITIATOR_SENDS)));
    CHECK(bytes_equal(BYTES_OF(responder.send.key), hex(RESPONDER_SENDS)));
}

/* The last act of each failing case; in order, what goes before is the official handshake's. */
static const struct {
    int act;
    const char *input, *says; /* NULL: the appendix's READ_FAILED, here a wait for more */
} failures[] = {
    {2,
     "0002466d7fcae563e5cb09a0d1870bb580344804617879a14949cf22285f1bae3f276e2470b93aac583c9ef6"
     "eafca3f730",
     NULL},
    {2,
     "0102466d7fcae563e5cb09a0d1870bb580344804617879a14949cf22285f1bae3f276e2470b93aac583c9ef6"
     "eafca3f730ae",
     "act two: unknown version"},
    {2,
     "0004466d7fcae563e5cb09a0d1870bb580344804617879a14949cf22285f1bae3f276e2470b93aac583c9ef6"
     "eafca3f730ae",
     "act two: no point of the curve"},
    {2,
     "0002466d7fcae563e5cb09a0d1870bb580344804617879a14949cf22285f1bae3f276e2470b93aac583c9ef6"
     "eafca3f730af",
     "act two: wrong tag"},
    {1,
     "00036360e856310ce5d294e8be33fc807077dc56ac80d95d9cd4ddbd21325eff73f70df6086551151f58b8af"
     "e6c195782c",
     NULL},
    {1,
     "01036360e856310ce5d294e8be33fc807077dc56ac80d95d9cd4ddbd21325eff73f70df6086551151f58b8af"
     "e6c195782c6a",
     "act one: unknown version"},
    {1,
     "00046360e856310ce5d294e8be33fc807077dc56ac80d95d9cd4ddbd21325eff73f70df6086551151f58b8af"
     "e6c195782c6a",
     "act one: no point of the curve"},
    {1,
     "00036360e856310ce5d294e8be33fc807077dc56ac80d95d9cd4ddbd21325eff73f70df6086551151f58b8af"
     "e6c195782c6b",
     "act one: wrong tag"},
    {3,
     "01b9e3a702e93e3a9948c2ed6e5fd7590a6e1c3a0344cfc9d5b57357049aa22355361aa02e55a8fc28fef5bd"
     "6d71ad0c38228dc68b1c466263b47fdf31e560e139ba",
     "act three: unknown version"},
    {3,
     "00b9e3a702e93e3a9948c2ed6e5fd7590a6e1c3a0344cfc9d5b57357049aa22355361aa02e55a8fc28fef5bd"
     "6d71ad0c38228dc68b1c466263b47fdf31e560e139",
     NULL},
    {3,
     "00c9e3a702e93e3a9948c2ed6e5fd7590a6e1c3a0344cfc9d5b57357049aa22355361aa02e55a8fc28fef5bd"
     "6d71ad0c38228dc68b1c466263b47fdf31e560e139ba",
     "act three: wrong tag of the static key"},
    {3,
     "00bfe3a702e93e3a9948c2ed6e5fd7590a6e1c3a0344cfc9d5b57357049aa2235536ad09a8ee351870c2bb7f"
     "78b754a26c6cef79a98d25139c856d7efd252c2ae73c",
     "act three: no point of the curve"},
    {3,
     "00b9e3a702e93e3a9948c2ed6e5fd7590a6e1c3a0344cfc9d5b57357049aa22355361aa02e55a8fc28fef5bd"
     "6d71ad0c38228dc68b1c466263b47fdf31e560e139bb",
     "act three: wrong tag"},
};

/* A machine that waits for that act. */
static void wait_for_act(int act, struct transport *out)
{
    u8 act_one[TRANSPORT_ACT_ONE_SIZE];
    struct reply two;
    if (act == 2)
        begin(out, act_one);
    else
        accept(out);
    if (act == 3)
        CHECK(feed(out, hex(ACT_ONE), &two) == ST_OK);
}

TEST(transport_refuses_the_official_failures)
{
    for (usize i = 0; i < countof(failures); i++) {
        struct transport transport;
        struct reply reply;
        wait_for_act(failures[i].act, &transport);
        enum status st = feed(&transport, hex(failures[i].input), &reply);
        CHECK_ROW(i, reply.size == 0 && transport.state != TRANSPORT_OPEN);
        if (failures[i].says == NULL) {
            CHECK_ROW(i, st == ST_AGAIN && reply.used == 0);
        } else {
            CHECK_ROW(i, st == ST_INVALID && strcmp(reply.err.text, failures[i].says) == 0);
            CHECK_ROW(i, is_dead(&transport));
        }
    }
}

static const struct {
    usize number;
    const char *sealed;
} messages[] = {
    {0, "cf2b30ddf0cf3f80e7c35a6e6730b59fe802473180f396d88a8fb0db8cbcf25d2f214cf9ea1d95"},
    {1, "72887022101f0b6753e0c7de21657d35a4cb2a1f5cde2650528bbc8f837d0f0d7ad833b1a256a1"},
    {500, "178cb9d7387190fa34db9c2d50027d21793c9bc2d40b1e14dcf30ebeeeb220f48364f7a4c68bf8"},
    {501, "1b186c57d44eb6de4c057c49940d79bb838a145cb528d6e8fd26dbe50a60ca2c104b56b60e45bd"},
    {1000, "4a2f3cc3b5e78ddb83dcb426d9863d9d9a723b0337c89dd0b005d89f8d3c05c52b76b29b740f09"},
    {1001, "2ecd8c8a5629d0d02ab457a0fdd0f7b90a192cd46be5ecb6ca570bfc5e268338b1a16cf4ef2d36"},
};

TEST(transport_messages_are_the_official_ones_across_two_new_keys)
{
    static u8 got[TRANSPORT_MESSAGE_LIMIT];
    struct transport initiator, responder;
    usize row = 0, used, size;
    connect(&initiator, &responder);
    for (usize i = 0; i <= 1001; i++) {
        u8 sealed[5 + TRANSPORT_OVERHEAD];
        CHECK_ROW(i, transport_seal(&initiator, BYTES_LIT("hello"), sealed) == ST_OK);
        if (row < countof(messages) && messages[row].number == i)
            CHECK_ROW(i, bytes_equal(BYTES_OF(sealed), hex(messages[row++].sealed)));
        CHECK_ROW(i,
                  transport_unseal(&responder, BYTES_OF(sealed), &used, got, &size, NULL) == ST_OK);
        CHECK_ROW(i, used == sizeof(sealed) && bytes_equal((bytes){got, size}, BYTES_LIT("hello")));
    }
    CHECK(row == countof(messages));
}

/* --- Two machines. */

static u64 next_random(u64 *state)
{
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return *state >> 33;
}

/* Mostly short; now and then of any size, or the largest. */
static usize random_size(u64 *seed)
{
    switch (next_random(seed) % 64) {
    case 0:
        return TRANSPORT_MESSAGE_LIMIT;
    case 1:
        return next_random(seed) % (TRANSPORT_MESSAGE_LIMIT + 1);
    default:
        return next_random(seed) % 200;
    }
}

static bytes random_message(u64 *seed)
{
    usize size = random_size(seed);
    u8 *data = ARENA_TAKE(test_arena(), u8, size + 1);
    for (usize i = 0; i < size; i++)
        data[i] = (u8)next_random(seed);
    return (bytes){data, size};
}

/* Sends `count` messages as one stream, which arrives in pieces that know nothing of them. */
static void stream(struct transport *from, struct transport *to, usize count, u64 *seed)
{
    static u8 got[TRANSPORT_MESSAGE_LIMIT];
    bytes *sent = ARENA_TAKE(test_arena(), bytes, count);
    u8 *wire = ARENA_TAKE(test_arena(), u8, count * (TRANSPORT_MESSAGE_LIMIT + TRANSPORT_OVERHEAD));
    usize written = 0, read = 0, arrived = 0, next = 0, used, size;
    for (usize i = 0; i < count; i++) {
        sent[i] = random_message(seed);
        CHECK_ROW(i, transport_seal(from, sent[i], wire + written) == ST_OK);
        written += sent[i].size + TRANSPORT_OVERHEAD;
    }
    while (next < count) {
        bytes in = {wire + read, arrived - read};
        enum status st = transport_unseal(to, in, &used, got, &size, NULL);
        read += used;
        if (st == ST_AGAIN) {
            assert(arrived < written && arrived - read < TRANSPORT_INPUT_LIMIT);
            usize piece = next_random(seed) % 8 == 0 ? 1 : 1 + next_random(seed) % 3000;
            arrived = min_u64(written, arrived + piece);
            continue;
        }
        CHECK_ROW(next, st == ST_OK && bytes_equal((bytes){got, size}, sent[next]));
        if (st != ST_OK)
            return;
        next++;
    }
    CHECK(read == written);
}

TEST(transport_carries_messages_whatever_the_pieces_in_which_they_arrive)
{
    struct transport initiator, responder;
    u64 seed = 8;
    connect(&initiator, &responder);
    for (int round = 0; round < 3; round++) { /* past a new key in each direction */
        stream(&initiator, &responder, 260, &seed);
        stream(&responder, &initiator, 300, &seed);
    }
    CHECK(initiator.send.nonce != responder.send.nonce);
}

TEST(transport_takes_acts_in_pieces_and_leaves_what_follows_them)
{
    struct transport initiator, responder;
    struct reply two, three, none;
    u8 act_one[TRANSPORT_ACT_ONE_SIZE], last[TRANSPORT_ACT_THREE_SIZE + 5 + TRANSPORT_OVERHEAD];
    begin(&initiator, act_one);
    accept(&responder);
    for (usize size = 0; size < sizeof(act_one); size++)
        CHECK_ROW(size,
                  feed(&responder, (bytes){act_one, size}, &two) == ST_AGAIN && two.used == 0);
    CHECK(feed(&responder, BYTES_OF(act_one), &two) == ST_OK);
    CHECK(feed(&initiator, (bytes){two.data, two.size}, &three) == ST_OK);
    /* The initiator need not wait: its first message comes with act three. */
    memcpy(last, three.data, three.size);
    CHECK(transport_seal(&initiator, BYTES_LIT("hello"), last + three.size) == ST_OK);
    CHECK(feed(&responder, BYTES_OF(last), &none) == ST_OK && none.used == three.size);
    static u8 got[TRANSPORT_MESSAGE_LIMIT];
    usize used, size;
    CHECK(transport_unseal(&responder, bytes_slice(BYTES_OF(last), none.used, sizeof(last)), &used,
                           got, &size, NULL) == ST_OK);
    CHECK(bytes_equal((bytes){got, size}, BYTES_LIT("hello")));
}

TEST(transport_refuses_an_act_with_any_bit_flipped)
{
    static const char *const acts[] = {ACT_ONE, ACT_TWO, ACT_THREE};
    for (int act = 1; act <= 3; act++) {
        bytes right = hex(acts[act - 1]);
        for (usize bit = 0; bit < 8 * right.size; bit++) {
            struct transport transport;
            struct reply reply;
            u8 wrong[TRANSPORT_ACT_THREE_SIZE];
            memcpy(wrong, right.data, right.size);
            wrong[bit / 8] ^= (u8)(1 << bit % 8);
            wait_for_act(act, &transport);
            CHECK_ROW(bit, feed(&transport, (bytes){wrong, right.size}, &reply) == ST_INVALID);
            CHECK_ROW(bit, reply.size == 0 && is_dead(&transport));
        }
    }
}

/* What a machine that has read the first `whole` messages makes of `in`. */
static enum status unseal_fresh(const struct transport *at, bytes in)
{
    static u8 got[TRANSPORT_MESSAGE_LIMIT];
    struct transport copy = *at;
    usize used, size;
    enum status st = transport_unseal(&copy, in, &used, got, &size, NULL);
    if (st == ST_INVALID)
        CHECK(is_dead(&copy));
    return st;
}

TEST(transport_refuses_messages_flipped_repeated_skipped_or_reflected)
{
    struct transport initiator, responder;
    u8 first[20 + TRANSPORT_OVERHEAD], second[sizeof(first)], back[sizeof(first)];
    bytes text = BYTES_LIT("twenty bytes of text");
    connect(&initiator, &responder);
    CHECK(transport_seal(&initiator, text, first) == ST_OK);
    CHECK(transport_seal(&initiator, text, second) == ST_OK);
    for (usize bit = 0; bit < 8 * sizeof(first); bit++) {
        u8 wrong[sizeof(first)];
        memcpy(wrong, first, sizeof(first));
        wrong[bit / 8] ^= (u8)(1 << bit % 8);
        CHECK_ROW(bit, unseal_fresh(&responder, BYTES_OF(wrong)) == ST_INVALID);
    }
    CHECK(unseal_fresh(&responder, BYTES_OF(second)) == ST_INVALID);
    CHECK(unseal_fresh(&initiator, BYTES_OF(first)) == ST_INVALID);
    static u8 got[TRANSPORT_MESSAGE_LIMIT];
    usize used, size;
    CHECK(transport_unseal(&responder, BYTES_OF(first), &used, got, &size, NULL) == ST_OK);
    CHECK(unseal_fresh(&responder, BYTES_OF(first)) == ST_INVALID);
    CHECK(transport_seal(&responder, text, back) == ST_OK);
    CHECK(unseal_fresh(&initiator, BYTES_OF(back)) == ST_OK);
}

TEST(transport_needs_keys_that_are_keys)
{
    struct transport transport;
    u8 act_one[TRANSPORT_ACT_ONE_SIZE];
    secret32 good = secret_of(1), zero = secret_of(0), above = secret_of(0xff);
    point33 remote = point_of(RESPONDER_POINT), none = {{5}};
    CHECK(transport_begin(&transport, &zero, &good, &remote, act_one) == ST_INVALID);
    CHECK(transport_begin(&transport, &good, &above, &remote, act_one) == ST_INVALID);
    CHECK(transport_begin(&transport, &good, &good, &none, act_one) == ST_INVALID);
    CHECK(is_dead(&transport));
    CHECK(transport_accept(&transport, &above, &good) == ST_INVALID);
    CHECK(transport_accept(&transport, &good, &zero) == ST_INVALID);
    CHECK(is_dead(&transport));
}

TEST(transport_keeps_no_secret_of_the_handshake_once_open)
{
    struct transport ends[2];
    connect(&ends[0], &ends[1]);
    static const u8 secrets[] = {0x11, 0x12, 0x21, 0x22};
    for (usize i = 0; i < countof(ends); i++) {
        for (usize j = 0; j < countof(secrets); j++) {
            secret32 secret = secret_of(secrets[j]);
            CHECK_ROW(j, memmem(&ends[i], sizeof(ends[i]), secret.b, sizeof(secret.b)) == NULL);
        }
        CHECK_ROW(i, is_zero(&ends[i].chain, sizeof(ends[i].chain)));
        transport_end(&ends[i]);
        CHECK_ROW(i, is_dead(&ends[i]));
    }
}
