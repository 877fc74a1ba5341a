/* Calls against what foundry's `cast calldata`, or viem, makes of the vectors of
 * contracts/channel/README.md: sizes and hashes of its answers. */
#include "channel/adjudicator.h"

#include "client/abi.h"
#include "crypto/keccak.h"
#include "harness/test.h"

static hash32 hash_of(const char *digits)
{
    hash32 out;
    bytes_copy(out.b, hex(digits));
    return out;
}

static hash32 number_of(u8 number)
{
    return (hash32){{[31] = number}};
}

static const char ROOT_OF_CHUNK[] =
    "d4d5114e7d5e981967c2f10f07fae814a2aa8f023dd60ddedc8b91607ae95bf6";
static const char ROOT_OF_THREE[] =
    "e80d44347f752ef36728b80926990e8a707f507d1168e371988f0435fd300231";
static const char KEY_OF_PREIMAGE[] =
    "0a28e9ffef0073f9a6a674cf57ee77307f38f0f1bebb087888d9011ed0eeefdf";
static const char KEY_OF_SCALAR[] =
    "1bec7c333d3d0c3eef8c6199a402856509c3f869d25408cc1cc2208d0371db0e";

struct example {
    struct channel_terms terms;
    struct channel_name name;
    signature64 signature[2];
    struct adjudicator_base base;
    struct adjudicator_half half[2];
    struct adjudicator_state state;
    struct adjudicator_pots pots;
    struct adjudicator_note note;
};

static signature64 signature_of(const char *digits)
{
    signature64 out;
    bytes_copy(out.b, hex(digits));
    return out;
}

static struct example *example(void)
{
    struct example *out = ARENA_NEW(test_arena(), struct example, 1);
    out->terms = (struct channel_terms){
        .chain_id = 900,
        .adjudicator = {{[18] = 0xad, [19] = 0x1c}},
        .challenge_s = 3600,
        .payout = {{{[19] = 0xa0}}, {{[19] = 0xb0}}},
        .salt = number_of(7),
    };
    bytes_copy(out->terms.owner[0].b, hex("7E5F4552091A69125d5DfCb7b8C2659029395Bdf"));
    bytes_copy(out->terms.owner[1].b, hex("2B5AD5c4795c026514f8317c7a215E218DcCD6cF"));
    out->name = channel_name_of(&out->terms);
    out->signature[0] =
        signature_of("2cceb317b125490a8ef55077f55199f126772c93bc304372065efd4743990d6e"
                     "9c15cb7f90d1f6f5574bb4081f3a095ebe8c3cffb528d1aa8b4da15930622de8");
    out->signature[1] =
        signature_of("e51a22c765bce34604d9476662987572409c84649aa76f7c7d5e3a1bd005b9d2"
                     "dfe16af42820557d20ac96830bdd7dcf8994f9166351723d5ef89403945982a8");
    out->base = (struct adjudicator_base){
        .base = {.epoch = 5,
                 .balance = {60000, 40000},
                 .deposited = {70000, 30000},
                 .locked = {3000},
                 .root = {hash_of(ROOT_OF_CHUNK)}},
        .signature = {out->signature[0], out->signature[1]},
    };
    out->half[0] = (struct adjudicator_half){
        .half =
            {.epoch = 5, .seq = 9, .sent = 1500, .locked = 6000, .root = hash_of(ROOT_OF_THREE)},
        .payer = out->signature[0],
        .payee = out->signature[1],
    };
    out->half[1] = (struct adjudicator_half){
        .half = {.side = 1,
                 .epoch = 5,
                 .seq = 4,
                 .sent = 250,
                 .ack_seq = 9,
                 .ack_hash = half_hash(out->name.id, &out->half[0].half)},
        .payer = out->signature[1],
    };
    out->state = (struct adjudicator_state){.credit = u256_negate(u256_from_u64(10000)),
                                            .sent = {1500, 250},
                                            .locked = {6000},
                                            .root = {hash_of(ROOT_OF_THREE)}};
    out->note = (struct adjudicator_note){
        .epoch = 5, .seq = 6, .sent = 300, .locked = 3000, .root = hash_of(ROOT_OF_THREE)};
    out->pots = (struct adjudicator_pots){
        .root = {hash_of(ROOT_OF_THREE)}, .pot = {6000}, .done = {u256_from_u64(5)}};
    return out;
}

static bytes unlock(const struct example *at)
{
    hash32 path[2] = {hash_of(ROOT_OF_THREE), hash_of(ROOT_OF_CHUNK)};
    hash32 proof_path[2] = {hash_of(KEY_OF_PREIMAGE), hash_of(KEY_OF_SCALAR)};
    struct lock_chunk chunk = {
        .index = 1,
        .count = 3,
        .locks = hex("000000000000000000000000000003e80000000000000000000000006553f164"
                     "0a28e9ffef0073f9a6a674cf57ee77307f38f0f1bebb087888d9011ed0eeefdf"
                     "000000000000000000000000000007d00000000000000000000000006553f1c8"
                     "1bec7c333d3d0c3eef8c6199a402856509c3f869d25408cc1cc2208d0371db0e"),
        .path = path,
        .path_size = 2,
    };
    struct adjudicator_proof proofs[2] = {
        {.lock = 1,
         .preimage = number_of(42),
         .index = 2,
         .count = 3,
         .path = proof_path,
         .path_size = 2},
        {.preimage = number_of(43), .count = 1},
    };
    return adjudicator_unlock(&at->terms, &at->pots, 0, &chunk, proofs, 2, test_arena());
}

TEST(calls_of_the_adjudicator_are_those_that_cast_makes)
{
    const struct example *at = example();
    struct arena *arena = test_arena();
    struct channel_withdraw withdraw = {1, 700, 1700001000};
    struct channel_close close = {-2500, 1700001000};
    hash32 batch[3] = {number_of(42), number_of(43), number_of(44)};
    hash32 path[2] = {hash_of(ROOT_OF_THREE), at->name.id};
    const struct {
        bytes call;
        usize size;
        const char *hash;
    } rows[] = {
        {adjudicator_deposit(&at->name, at->terms.asset, 1, 30000, arena), 132,
         "44dcda8a850268e609810197119f0ba7cb75b75b9d1c540a01288b4ea80193af"},
        {adjudicator_withdraw(&at->terms, &withdraw, at->signature, arena), 452,
         "36734eb0b8a6a4ea651913467cf146eaba9d62090008c6fa3c66fdc832e661fa"},
        {adjudicator_coop_close(&at->terms, &close, at->signature, arena), 420,
         "853aeb1d4e27521b6db25dd5cc206838a4a703fcea32c3d321c56db0dca295f4"},
        {adjudicator_force_close(&at->terms, 1700001000, &at->base, at->half, arena), 1412,
         "1545ffe4aae3165676b8a65f0de35053ce67572f193f257de2c97995a64e195a"},
        {adjudicator_challenge(&at->terms, &at->state, at->half, arena), 1092,
         "9aef42d21cbd8ff9a24df74e9d873d41a2a97b4fafcdf7de017521706421c7bb"},
        {adjudicator_challenge_base(&at->terms, &at->base, at->half, arena), 1348,
         "fd42570ad9f01b322ad082658dff7125853ce460ee45ec0090656cfaa3040f72"},
        {adjudicator_settle(&at->terms, &at->state, arena), 452,
         "f87cf77245dff04e3e8022776530f5f49e8435d33ebb7b9de0c5a4377841d918"},
        {adjudicator_write_note(&at->terms, at->half, arena), 868,
         "e6585b1e2a4a9bf05d8d1854f59e31c9d511c2d55aa331ce0ac4ea99e48a59a9"},
        {adjudicator_merge(&at->terms, &at->state, 1, &at->note, arena), 580,
         "4a07b9c0fd114f6e8e5ff5281267fff85ffeb20113d76656fd2e718fcb59eb2e"},
        {adjudicator_prove_lie(&at->terms, &at->half[1], &at->half[0], arena), 900,
         "c229386b55855c901e9bfedea3370babb89b678f32946de37214f89f8c3c16a5"},
        {adjudicator_return_bond(&at->terms, arena), 228,
         "5b2f663785e4cb1a588e1156a2527e312d832ea1a4f63e849d404ed9f2cfa40d"},
        {registry_record(number_of(43), 1, 3, path, 2, arena), 228,
         "25c17b33c9feb8f77850f1d8b276b9b1971b0de6fbb72044003f40f447b8dbde"},
        {unlock(at), 1444, "df0a7c3807667001f5cc919df51fab25903f0511f4acf6ccf0bdd3e498c4913f"},
        {registry_reveal(number_of(42), arena), 36,
         "af7b0aea3e13c259550032fd030946deb8a037c7662ec8a476d17277a3b7fda0"},
        {registry_reveal_batch(batch, 3, arena), 164,
         "75f6e598737353f5da2d4d0c0f5bbe6a4f66353383321e004f1ec2a1beb66ed9"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        CHECK_ROW(i, rows[i].call.size == rows[i].size);
        CHECK_ROW(i, hash32_equal(keccak256(rows[i].call), hash_of(rows[i].hash)));
    }
}

TEST(states_pots_and_notes_hash_as_the_contract_commits_to_them)
{
    const struct example *at = example();
    CHECK(
        hash32_equal(adjudicator_state_hash(&at->state),
                     hash_of("db630618de6a68610cbea49d6d013fe4fd901d377f931f4dd86ea987323aa24b")));
    CHECK(
        hash32_equal(adjudicator_pots_hash(&at->pots),
                     hash_of("a5523d54385a62149d86abdfe8b72dea6de77b0c8685cdf8b3e86edd3382be2b")));
    CHECK(
        hash32_equal(adjudicator_note_hash(&at->note),
                     hash_of("2d0e0f958eb8fc69f6b1c0483989147aa58dffedb361160c1fca373e4a1ba135")));
}

/* StateChanged: the dispute's word, then the state as a call of `settle` has it. */
static struct log state_log(const struct example *at)
{
    u8 *data = ARENA_NEW(test_arena(), u8, 8 * ABI_WORD);
    bytes call = adjudicator_settle(&at->terms, &at->state, test_arena());
    bytes_copy(data + ABI_WORD, bytes_slice(call, 4 + 7 * ABI_WORD, 7 * ABI_WORD));
    return (struct log){.topics = {adjudicator_topics()[ADJUDICATOR_STATE_CHANGED], number_of(9)},
                        .topic_count = 2,
                        .data = {data, 8 * ABI_WORD}};
}

TEST(state_comes_back_from_its_event_as_it_was)
{
    const struct example *at = example();
    struct log log = state_log(at);
    struct adjudicator_event event;
    struct err err;
    CHECK(adjudicator_read_event(&log, &event, &err) == ST_OK);
    CHECK(event.kind == ADJUDICATOR_STATE_CHANGED && hash32_equal(event.id, number_of(9)));
    CHECK(hash32_equal(adjudicator_state_hash(&event.state), adjudicator_state_hash(&at->state)));
    log.data.size--;
    CHECK(adjudicator_read_event(&log, &event, &err) == ST_INVALID);
    log.data.size++;
    log.topic_count = 1;
    CHECK(adjudicator_read_event(&log, &event, &err) == ST_INVALID);
}

/* Noted: side, epoch and seq, then what a call of `merge` has at its end. */
TEST(note_comes_back_from_its_event_as_it_was)
{
    const struct example *at = example();
    u8 *data = ARENA_NEW(test_arena(), u8, 6 * ABI_WORD);
    bytes call = adjudicator_merge(&at->terms, &at->state, 1, &at->note, test_arena());
    data[ABI_WORD - 1] = 1;
    data[2 * ABI_WORD - 1] = (u8)at->note.epoch;
    data[3 * ABI_WORD - 1] = (u8)at->note.seq;
    bytes_copy(data + (usize)3 * ABI_WORD, bytes_slice(call, call.size - 3 * ABI_WORD, call.size));
    struct log log = {.topics = {adjudicator_topics()[ADJUDICATOR_NOTED], number_of(9)},
                      .topic_count = 2,
                      .data = {data, 6 * ABI_WORD}};
    struct adjudicator_event event;
    CHECK(adjudicator_read_event(&log, &event, NULL) == ST_OK);
    CHECK(event.noted.side == 1 && event.noted.note.epoch == 5 && event.noted.note.seq == 6);
    CHECK(hash32_equal(adjudicator_note_hash(&event.noted.note), adjudicator_note_hash(&at->note)));
    data[ABI_WORD - 1] = 2; /* there is no such side */
    CHECK(adjudicator_read_event(&log, &event, NULL) == ST_INVALID);
}

TEST(amounts_beyond_128_bits_are_no_event_of_the_adjudicator)
{
    struct log log = state_log(example());
    u8 *data = ARENA_TAKE(test_arena(), u8, log.data.size);
    struct adjudicator_event event;
    bytes_copy(data, log.data);
    data[2 * ABI_WORD] = 1; /* the highest byte of what a has sent */
    log.data.data = data;
    CHECK(adjudicator_read_event(&log, &event, NULL) == ST_INVALID);
}

TEST(refusals_of_the_adjudicator_have_names)
{
    char text[40];
    adjudicator_revert_text(hex("72f0e9a4"), text, sizeof(text)); /* not one of its */
    CHECK(strcmp(text, "error 0x72f0e9a4") == 0);
    struct abi_out out = abi_begin_call(abi_selector("NotEndorsed(uint8)"), 1, test_arena());
    abi_put_u64(&out, 1);
    adjudicator_revert_text(abi_end(&out), text, sizeof(text));
    CHECK(strcmp(text, "NotEndorsed") == 0);
    adjudicator_revert_text(BYTES_EMPTY, text, sizeof(text));
    CHECK(strcmp(text, "no reason given") == 0);
}

/* --- The registry. */

static struct log revealed(const char *key, u8 secret)
{
    u8 *data = ARENA_NEW(test_arena(), u8, ABI_WORD);
    data[ABI_WORD - 1] = secret;
    return (struct log){.topics = {registry_topics()[REGISTRY_REVEALED], hash_of(key)},
                        .topic_count = 2,
                        .data = {data, ABI_WORD}};
}

TEST(revealed_secrets_must_be_their_keys)
{
    struct registry_event event;
    struct log good[2] = {revealed(KEY_OF_PREIMAGE, 42), revealed(KEY_OF_SCALAR, 3)};
    struct log bad[2] = {revealed(KEY_OF_PREIMAGE, 43), revealed(KEY_OF_SCALAR, 0)};
    for (usize i = 0; i < 2; i++) {
        CHECK_ROW(i, registry_read_event(&good[i], &event, NULL) == ST_OK);
        CHECK_ROW(i, hash32_equal(event.key, good[i].topics[1]));
        CHECK_ROW(i, registry_read_event(&bad[i], &event, NULL) == ST_INVALID);
    }
}

TEST(batch_is_read_from_its_transaction_and_held_against_its_root)
{
    hash32 batch[3] = {number_of(42), number_of(43), number_of(44)};
    hash32 root = hash_of("805d9e33efd66230cdaed030147cbb318c9ef216100b7160fc75fe2745251fea");
    bytes input = registry_reveal_batch(batch, 3, test_arena());
    const hash32 *list;
    usize count;
    CHECK(hash32_equal(registry_batch_root(batch, 3), root));
    CHECK(registry_read_batch(input, root, &list, &count, test_arena(), NULL) == ST_OK);
    CHECK(count == 3 && memcmp(list, batch, sizeof(batch)) == 0);
    CHECK(registry_read_batch(input, number_of(1), &list, &count, test_arena(), NULL) ==
          ST_INVALID);
    for (usize size = 0; size < input.size; size++)
        CHECK_ROW(size, registry_read_batch(bytes_slice(input, 0, size), root, &list, &count,
                                            test_arena(), NULL) == ST_INVALID);
}

TEST(path_of_a_batch_leads_to_its_root)
{
    hash32 batch[5];
    for (u8 i = 0; i < 5; i++)
        batch[i] = number_of(i + 1);
    for (usize count = 1; count <= countof(batch); count++) {
        for (usize i = 0; i < count; i++) {
            const hash32 *path;
            usize size = registry_batch_path(batch, count, i, &path, test_arena());
            hash32 at = batch[i], leaves = number_of((u8)count);
            for (usize k = 0, place = i; k < size; k++, place /= 2) {
                hash32 pair[2] = {place % 2 == 0 ? at : path[k], place % 2 == 0 ? path[k] : at};
                at = keccak256(BYTES_OF(pair));
            }
            hash32 top[2] = {leaves, at};
            CHECK_ROW(10 * count + i,
                      hash32_equal(keccak256(BYTES_OF(top)), registry_batch_root(batch, count)));
        }
    }
}
