/* Blobs: what goes in comes out for who has the salt, and for nobody else; and what of it the
 * contract would take from a stranger. */
#include "channel/answer.h"
#include "channel/tower_blob.h"

#include "harness/test.h"

static const struct tower_stakes some = {
    .count = 2,
    .of = {{0, LOCK_OF_FIRST, 3, 1700000000, 7, {{1}}}, {1, LOCK_OF_SECOND, 0, 9, 8, {{2}}}}};
static struct tower_stakes stakes; /* that were read */

static const secret32 keys[2] = {{{[31] = 1}}, {{[31] = 2}}};

static struct channel_terms test_terms(void)
{
    struct channel_terms terms = {
        .chain_id = 900,
        .adjudicator = {{0xad}},
        .asset = {{0xa5}},
        .challenge_s = 3600,
        .payout = {{{0xa0}}, {{0xb0}}},
        .salt = {{7}},
    };
    for (u32 side = 0; side < 2; side++)
        CHECK(secret_address(&keys[side], &terms.owner[side]) == ST_OK);
    return terms;
}

static signature64 sign(const struct channel_terms *terms, hash32 hash, u32 side)
{
    signature64 out;
    CHECK(secret_sign(&keys[side], signed_digest(channel_name_of(terms).domain, hash), &out) ==
          ST_OK);
    return out;
}

static void sign_half(const struct channel_terms *terms, struct adjudicator_half *half)
{
    hash32 hash = half_hash(channel_name_of(terms).id, &half->half);
    half->payer = sign(terms, hash, half->half.side);
}

/* a's half 9, which b has signed too; b's half 4, which a's acknowledges. */
static struct adjudicator_states test_states(const struct channel_terms *terms)
{
    hash32 id = channel_name_of(terms).id;
    struct adjudicator_states states = {
        .base.base = {.epoch = 5,
                      .balance = {60000, (u128)1 << 100},
                      .deposited = {70000, 30000},
                      .withdrawn = {1, 2},
                      .locked = {3000, 0},
                      .root = {{{8}}, {{0}}}},
        .half =
            {{.half = {.side = 0, .epoch = 5, .seq = 9, .sent = 1500, .ack_seq = 4}},
             {.half = {.side = 1, .epoch = 5, .seq = 4, .sent = 250, .locked = 3, .root = {{9}}}}},
    };
    hash32 hash = base_hash(id, &states.base.base);
    for (u32 side = 0; side < 2; side++)
        states.base.signature[side] = sign(terms, hash, side);
    states.half[0].half.ack_hash = half_hash(id, &states.half[1].half);
    sign_half(terms, &states.half[0]);
    sign_half(terms, &states.half[1]);
    states.half[0].payee = sign(terms, half_hash(id, &states.half[0].half), 1);
    return states;
}

static bool same_states(const struct channel_terms *terms, const struct adjudicator_states *a,
                        const struct adjudicator_states *b)
{
    u8 one[1 << 14], two[1 << 14];
    struct arena first = arena_over(one, sizeof(one)), second = arena_over(two, sizeof(two));
    return bytes_equal(adjudicator_challenge_base(terms, &a->base, a->half, &first),
                       adjudicator_challenge_base(terms, &b->base, b->half, &second));
}

static bool same_stakes(const struct tower_stakes *a, const struct tower_stakes *b)
{
    bool same = a->count == b->count;
    for (usize i = 0; same && i < a->count; i++)
        same = a->of[i].side == b->of[i].side && a->of[i].kind == b->of[i].kind &&
               a->of[i].slot == b->of[i].slot && a->of[i].expiry_s == b->of[i].expiry_s &&
               a->of[i].amount == b->of[i].amount && hash32_equal(a->of[i].app, b->of[i].app);
    return same;
}

static point33 test_client(u8 key)
{
    point33 out;
    CHECK(point_of_secret(&(secret32){{[31] = key}}, &out) == ST_OK);
    return out;
}

/* Side `side`'s, for the client with this key. */
static struct tower_blob test_blob(u8 side, u8 client_key)
{
    struct channel_terms terms = test_terms();
    struct tower_blob out = {
        .terms = terms, .side = side, .states = test_states(&terms), .stakes = some};
    point33 client = test_client(client_key);
    hash32 digest = tower_claim_digest(channel_name_of(&terms).id, &client);
    CHECK(secret_sign(&keys[side], digest, &out.claim) == ST_OK);
    return out;
}

static void seal(const struct channel_terms *terms, const struct adjudicator_states *states,
                 const struct tower_stakes *with, u8 out[static TOWER_BLOB_SIZE])
{
    struct tower_blob blob = {.terms = *terms, .states = *states, .stakes = *with};
    point33 client = test_client(9);
    tower_blob_seal(&client, &blob, out);
}

static enum status open(hash32 salt, bytes sealed, struct channel_terms *terms,
                        struct adjudicator_states *states)
{
    struct tower_blob blob = {.side = 0};
    point33 client = test_client(9);
    enum status st = tower_blob_open(salt, &client, sealed, &blob, NULL);
    *terms = blob.terms;
    *states = blob.states;
    stakes = blob.stakes;
    return st;
}

TEST(tower_blob_opens_with_the_salt_to_what_was_sealed)
{
    struct channel_terms terms = test_terms(), read;
    struct adjudicator_states states = test_states(&terms), got;
    u8 blob[TOWER_BLOB_SIZE];
    seal(&terms, &states, &some, blob);
    CHECK(open(terms.salt, BYTES_OF(blob), &read, &got) == ST_OK);
    CHECK(hash32_equal(channel_name_of(&read).id, channel_name_of(&terms).id));
    CHECK(same_states(&terms, &states, &got));
    CHECK(answer_is_signed(&read, &got));
    CHECK(same_stakes(&stakes, &some));
}

TEST(tower_blob_has_room_for_as_many_stakes_as_it_says)
{
    struct channel_terms terms = test_terms(), read;
    struct adjudicator_states states = test_states(&terms), got;
    struct tower_stakes many = {.count = TOWER_STAKES};
    u8 blob[TOWER_BLOB_SIZE];
    for (usize i = 0; i < many.count; i++)
        many.of[i] = (struct tower_stake){1, LOCK_OF_SECOND,       (u16)(LOCKS_MOST - 1 - i),
                                          5, ((u128)1 << 120) - 1, {{(u8)i}}};
    seal(&terms, &states, &many, blob);
    CHECK(open(terms.salt, BYTES_OF(blob), &read, &got) == ST_OK);
    CHECK(same_stakes(&stakes, &many) && same_states(&terms, &states, &got));
}

TEST(tower_blob_says_nothing_without_the_salt)
{
    struct channel_terms terms = test_terms(), read;
    struct adjudicator_states states = test_states(&terms), none = {0}, got;
    u8 blob[TOWER_BLOB_SIZE], again[TOWER_BLOB_SIZE], empty[TOWER_BLOB_SIZE];
    hash32 other = {{8}};
    seal(&terms, &states, &some, blob);
    seal(&terms, &states, &some, again);
    seal(&terms, &none, &some, empty); /* of the same size, whatever there is in it */
    CHECK(open(other, BYTES_OF(blob), &read, &got) == ST_INVALID);
    usize same = 0, zeros = 0;
    for (usize i = 0; i < sizeof(blob); i++) {
        same += blob[i] == again[i];
        zeros += blob[i] == 0;
    }
    CHECK(same < 32 && zeros < 32); /* 8 each, on average */
    for (usize i = 0; i + sizeof(address) <= sizeof(blob); i++)
        CHECK(memcmp(blob + i, terms.owner[0].b, sizeof(address)) != 0);
    point33 client = test_client(9), second = test_client(8);
    hint16 hint = tower_hint(terms.salt, &client), further = tower_hint(other, &client);
    hint16 of_second = tower_hint(terms.salt, &second);
    CHECK(memcmp(hint.b, of_second.b, sizeof(hint)) != 0);
    CHECK(memcmp(hint.b, further.b, sizeof(hint)) != 0);
    CHECK(memcmp(hint.b, terms.salt.b, sizeof(hint)) != 0);
}

TEST(tower_blob_is_refused_where_a_bit_differs)
{
    struct channel_terms terms = test_terms(), read;
    struct adjudicator_states states = test_states(&terms), got;
    u8 blob[TOWER_BLOB_SIZE];
    seal(&terms, &states, &some, blob);
    for (usize i = 0; i < sizeof(blob); i += 7) {
        blob[i] ^= 0x10;
        CHECK_ROW(i, open(terms.salt, BYTES_OF(blob), &read, &got) == ST_INVALID);
        blob[i] ^= 0x10;
    }
    bytes whole = BYTES_OF(blob);
    for (usize size = 0; size < TOWER_BLOB_SIZE; size += 89)
        CHECK_ROW(size, open(terms.salt, bytes_slice(whole, 0, size), &read, &got) == ST_INVALID);
}

TEST(tower_blob_of_another_version_or_with_more_in_it_is_refused)
{
    struct channel_terms terms = test_terms(), read;
    struct adjudicator_states got;
    u8 plain[TOWER_BLOB_SIZE - XAEAD_OVERHEAD] = {2}, blob[TOWER_BLOB_SIZE];
    point33 client = test_client(9);
    hint16 hint = tower_hint(terms.salt, &client);
    secret32 key;
    sha256_joined(BYTES_LIT("key"), BYTES_OF(terms.salt), key.b);
    xaead_seal(&key, BYTES_OF(hint), BYTES_OF(plain), blob);
    CHECK(open(terms.salt, BYTES_OF(blob), &read, &got) == ST_OK);
    plain[0] = 1;
    xaead_seal(&key, BYTES_OF(hint), BYTES_OF(plain), blob);
    CHECK(open(terms.salt, BYTES_OF(blob), &read, &got) == ST_INVALID);
    plain[0] = 2;
    plain[sizeof(plain) - 1] = 1;
    xaead_seal(&key, BYTES_OF(hint), BYTES_OF(plain), blob);
    CHECK(open(terms.salt, BYTES_OF(blob), &read, &got) == ST_INVALID);
}

/* The peer has the salt, the same states and a key of the channel: what it makes counts for its own
 * side, or for nobody. */
TEST(tower_blob_counts_for_the_side_whose_owner_names_the_client)
{
    hash32 id = channel_name_of(&(struct channel_terms){0}).id;
    point33 client = test_client(9), other = test_client(8);
    struct tower_blob blob = test_blob(0, 9), got;
    u8 sealed[TOWER_BLOB_SIZE];
    tower_blob_seal(&client, &blob, sealed);
    CHECK(tower_blob_open(blob.terms.salt, &other, BYTES_OF(sealed), &got, NULL) == ST_INVALID);
    CHECK(tower_blob_open(blob.terms.salt, &client, BYTES_OF(sealed), &got, NULL) == ST_OK);
    CHECK(!tower_blob_is_owned(id, &client, &got)); /* of another channel */
    id = channel_name_of(&blob.terms).id;
    CHECK(tower_blob_is_owned(id, &client, &got) && got.side == 0);
    CHECK(!tower_blob_is_owned(id, &other, &got));
    got.side = 1;
    CHECK(!tower_blob_is_owned(id, &client, &got));
    got = test_blob(1, 8);
    CHECK(tower_blob_is_owned(id, &other, &got));
    got.side = 0;
    CHECK(!tower_blob_is_owned(id, &other, &got));
}

TEST(tower_answers_only_with_states_that_both_sides_signed)
{
    struct channel_terms terms = test_terms();
    struct adjudicator_states good = test_states(&terms), bad;
    CHECK(answer_is_signed(&terms, &good));
    bad = good;
    bad.half[0].payee.b[5] ^= 1;
    CHECK(!answer_is_signed(&terms, &bad));
    bad = good;
    bad.half[1].payer.b[5] ^= 1;
    CHECK(!answer_is_signed(&terms, &bad));
    bad = good;
    bad.half[1].half.sent++;
    sign_half(&terms, &bad.half[1]); /* a does not acknowledge this one */
    CHECK(!answer_is_signed(&terms, &bad));
    bad.half[1] = (struct adjudicator_half){.half = {.side = 1, .epoch = 5}};
    CHECK(answer_is_signed(&terms, &bad));
    bad = good;
    bad.base.base.balance[0]++;
    CHECK(!answer_is_signed(&terms, &bad));
    bad = good;
    bad.base.base.epoch = 0; /* that base is all zeros */
    CHECK(!answer_is_signed(&terms, &bad));
}

TEST(tower_answers_what_is_older_than_it_knows)
{
    static const struct {
        u64 epoch, seq[2], noted[2];
        bool challenged, failed; /* another state of this dispute; whatever it was */
        enum { NOTHING, BASE, HALVES, NOTE } want;
    } rows[] = {
        {.epoch = 5, .seq = {9, 4}, .want = NOTHING},
        {.epoch = 5, .seq = {10, 4}, .want = NOTHING},
        {.epoch = 5, .seq = {10, 5}, .want = NOTHING},
        {.epoch = 6, .seq = {1, 1}, .want = NOTHING},
        {.epoch = 4, .seq = {20, 20}, .want = BASE},
        {.epoch = 0, .failed = true, .want = BASE},
        {.epoch = 5, .seq = {8, 4}, .want = HALVES},
        {.epoch = 5, .want = HALVES},
        {.epoch = 5, .seq = {8, 5}, .want = HALVES},
        {.epoch = 5, .seq = {10, 3}, .want = HALVES},
        {.epoch = 5, .seq = {8, 5}, .challenged = true, .want = NOTE},
        {.epoch = 5, .seq = {8, 5}, .failed = true, .want = NOTE},
        {.epoch = 5, .noted = {9, 4}, .failed = true, .want = NOTHING},
        {.epoch = 5, .noted = {9, 3}, .failed = true, .want = NOTE},
        {.epoch = 5, .noted = {9, 3}, .want = HALVES},
        {.epoch = 5, .seq = {9, 4}, .failed = true, .want = NOTHING},
    };
    struct channel_terms terms = test_terms();
    struct adjudicator_states states = test_states(&terms);
    for (usize i = 0; i < countof(rows); i++) {
        struct onchain_view view = {.phase = PHASE_DISPUTE,
                                    .epoch = rows[i].epoch,
                                    .seq = {rows[i].seq[0], rows[i].seq[1]},
                                    .note = {{.seq = rows[i].noted[0]}, {.seq = rows[i].noted[1]}}};
        struct answering answering = {.challenged = {{rows[i].challenged}},
                                      .has_failed = rows[i].failed};
        u8 room[1 << 14], other[1 << 14];
        struct arena arena = arena_over(room, sizeof(room)),
                     more = arena_over(other, sizeof(other));
        bytes want = BYTES_EMPTY, got = answer_call(&terms, &states, &view, &answering, &arena);
        if (rows[i].want == BASE)
            want = adjudicator_challenge_base(&terms, &states.base, states.half, &more);
        if (rows[i].want == HALVES)
            want = adjudicator_challenge(&terms, &view.state, states.half, &more);
        if (rows[i].want == NOTE)
            want = adjudicator_write_note(&terms, states.half, &more);
        CHECK_ROW(i, bytes_equal(got, want));
    }
}

/* In the same state a second challenge is the first one, said again. */
TEST(tower_challenges_one_state_and_takes_notes_when_it_has_changed)
{
    struct channel_terms terms = test_terms();
    struct adjudicator_states states = test_states(&terms);
    struct onchain_view view = {.phase = PHASE_DISPUTE, .epoch = 5};
    struct answering answering = {0};
    u8 room[1 << 15];
    struct arena arena = arena_over(room, sizeof(room));
    bytes first = answer_call(&terms, &states, &view, &answering, &arena);
    CHECK(bytes_equal(answer_call(&terms, &states, &view, &answering, &arena), first));
    view.seq[0] = 1;
    view.state.sent[0] = 1;
    CHECK(bytes_equal(answer_call(&terms, &states, &view, &answering, &arena),
                      adjudicator_write_note(&terms, states.half, &arena)));
}

/* a's share goes from 41 to 60000 - 70000 + 1 + 250 - 1500 = -11249 (of deposits, both times). */
TEST(stake_of_an_answer_is_what_it_moves)
{
    struct channel_terms terms = test_terms();
    struct adjudicator_states states = test_states(&terms);
    struct onchain_view view = {.phase = PHASE_DISPUTE,
                                .phase_time_s = 10000,
                                .deposited = {70000, 30000},
                                .epoch = 4,
                                .seq = {99, 99},
                                .state = {.credit = {{41}}, .root = {{{0}}, {{9}}}}};
    CHECK(u256_is_zero(answer_stake(&terms, &states, &view, 1).worth_wei)); /* a token's */
    terms.asset = (address){{0}};
    struct sender_stake stake = answer_stake(&terms, &states, &view, 1);
    CHECK(stake.worth_wei.w[0] == 11290 && stake.from_s == 6400 && stake.until_s == 10000);
    view.state.root[1].b[0] = 1; /* other locks: all of them, the old ones and the new ones */
    view.state.locked[1] = 7;
    CHECK(answer_stake(&terms, &states, &view, 1).worth_wei.w[0] == 11290 + 3 + 7);
    view.epoch = 5; /* of the same base: a's half alone is newer */
    view.seq[0] = 8;
    view.state = (struct adjudicator_state){.sent = {500, 9000}, .root = {{{0}}, {{9}}}};
    view.state.credit = u256_negate(u256_from_u64(9999));
    CHECK(answer_stake(&terms, &states, &view, 1).worth_wei.w[0] == 1000);
    view.deposited[0] = view.deposited[1] = 300; /* never more than there is */
    CHECK(answer_stake(&terms, &states, &view, 1).worth_wei.w[0] == 600);
    /* What a gains is not b's. */
    CHECK(u256_is_zero(answer_stake(&terms, &states, &view, 0).worth_wei));
    view.bond.amount_wei = 77;
    stake = answer_lie_stake(&terms, &view);
    CHECK(stake.worth_wei.w[0] == 77 && stake.until_s == 10000);
}

/* The states are of b's: half 9 of a's, and half 4 of its own, which that one acknowledges. */
TEST(lies_are_what_the_closer_s_own_acknowledgements_show)
{
    static const struct {
        u32 side;
        u64 epoch, seq[2];
        bool is_lie;
    } rows[] = {
        {0, 5, {9, 4}, false}, {0, 5, {9, 3}, true},   {0, 5, {3, 4}, false}, {0, 5, {1, 4}, true},
        {0, 6, {0, 0}, false}, {0, 4, {99, 99}, true}, {1, 5, {0, 0}, false}, {1, 4, {0, 0}, false},
    };
    struct channel_terms terms = test_terms();
    struct adjudicator_states states = {.base = {.base = {.epoch = 5}}};
    struct channel_name name = channel_name_of(&terms);
    states.half[1].half = (struct half){.side = 1, .epoch = 5, .seq = 4, .ack_seq = 3};
    states.half[0].half = (struct half){
        .epoch = 5, .seq = 9, .ack_seq = 4, .ack_hash = half_hash(name.id, &states.half[1].half)};
    states.half[0].payee.b[0] = 1;
    for (usize i = 0; i < countof(rows); i++) {
        u8 room[1 << 14];
        struct arena arena = arena_over(room, sizeof(room));
        struct onchain_view view = {.phase = PHASE_DISPUTE,
                                    .bond = {.amount_wei = 1,
                                             .side = rows[i].side,
                                             .epoch = rows[i].epoch,
                                             .seq = {rows[i].seq[0], rows[i].seq[1]}}};
        CHECK_ROW(i, (answer_to_lie(&terms, &states, &view, &arena).size != 0) == rows[i].is_lie);
        view.bond.amount_wei = 0;
        CHECK_ROW(i, answer_to_lie(&terms, &states, &view, &arena).size == 0);
    }
}

TEST(dispute_ends_with_what_was_noted_and_then_the_settlement)
{
    struct channel_terms terms = test_terms();
    struct onchain_view view = {.phase = PHASE_DISPUTE, .note = {{0}, {.seq = 3, .sent = 7}}};
    u8 room[1 << 14];
    struct arena arena = arena_over(room, sizeof(room));
    CHECK(bytes_equal(answer_end(&terms, &view, &arena),
                      adjudicator_merge(&terms, &view.state, 1, &view.note[1], &arena)));
    view.note[1].seq = 0;
    CHECK(bytes_equal(answer_end(&terms, &view, &arena),
                      adjudicator_settle(&terms, &view.state, &arena)));
}

TEST(tower_receipts_are_of_one_hint_sequence_and_blob)
{
    hint16 hint = {{1}}, other = {{2}};
    hash32 digest = tower_receipt_digest(hint, 3, BYTES_LIT("blob"));
    CHECK(hash32_equal(digest, tower_receipt_digest(hint, 3, BYTES_LIT("blob"))));
    CHECK(!hash32_equal(digest, tower_receipt_digest(other, 3, BYTES_LIT("blob"))));
    CHECK(!hash32_equal(digest, tower_receipt_digest(hint, 4, BYTES_LIT("blob"))));
    CHECK(!hash32_equal(digest, tower_receipt_digest(hint, 3, BYTES_LIT("blub"))));
}
