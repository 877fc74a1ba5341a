#include "crypto/keccak.h"
#include "harness/test.h"
#include "trie/apply.h"
#include "trie/testing.h"
#include "trie/witness.h"

enum { ACCOUNTS = 500, TOUCHED = 40 };

static hash32 key_of(u64 index)
{
    return keccak256(BYTES_OF(index));
}

static struct diff diff_of(usize first, usize step, usize count, bool exists, u64 nonce)
{
    struct diff diff = {.accounts = ARENA_NEW(test_arena(), struct account_change, count)};
    for (usize i = 0; i < count; i++) {
        struct account_change *change = &diff.accounts[i];
        *change = (struct account_change){.existed = nonce > 1, .exists = exists};
        change->before = change->after = account_new();
        change->after.nonce = nonce;
        store_be64(change->who.b, first + i * step);
    }
    diff.account_count = count;
    return diff;
}

/* A state of ACCOUNTS accounts in `store`. */
static hash32 make_state(struct node_store *store)
{
    struct node_source src = node_store_source(store);
    struct diff diff = diff_of(0, 1, ACCOUNTS, true, 1);
    struct trie_changes changes;
    hash32 root;
    CHECK(trie_apply(&src, EMPTY_TRIE_ROOT, &diff, &root, &changes, test_arena(), NULL) == ST_OK);
    CHECK(node_store_apply(store, &changes));
    return root;
}

TEST(witness_of_an_update_is_enough_to_repeat_it)
{
    struct node_store store = {0};
    hash32 root = make_state(&store), with_all, with_witness;
    struct trie_changes changes;
    struct diff diff = diff_of(3, 7, TOUCHED, false, 2);
    struct node_recorder *recorder = node_recorder_new(node_store_source(&store), test_arena());
    struct node_source recording = node_recorder_source(recorder);
    for (usize again = 0; again < 2; again++) /* reading twice records once */
        CHECK(trie_apply(&recording, root, &diff, &with_all, &changes, test_arena(), NULL) ==
              ST_OK);

    struct witness witness = {0}, decoded;
    node_recorder_list(recorder, &witness.nodes, &witness.node_count, test_arena());
    CHECK(witness.node_count > TOUCHED && witness.node_count < store.count);
    bytes wire = witness_encode(&witness, test_arena());
    CHECK(witness_decode(wire, &decoded, test_arena(), NULL) == ST_OK);
    CHECK(bytes_equal(witness_encode(&decoded, test_arena()), wire));

    struct hash_index *index = hash_index_new(decoded.nodes, decoded.node_count, test_arena());
    struct node_source from_witness = hash_index_source(index);
    CHECK(trie_apply(&from_witness, root, &diff, &with_witness, &changes, test_arena(), NULL) ==
          ST_OK);
    CHECK(hash32_equal(with_all, with_witness));

    for (usize missing = 0; missing < decoded.node_count; missing += 5) {
        bytes kept = decoded.nodes[missing];
        decoded.nodes[missing] = hex("c0");
        index = hash_index_new(decoded.nodes, decoded.node_count, test_arena());
        from_witness = hash_index_source(index);
        CHECK_ROW(missing, trie_apply(&from_witness, root, &diff, &with_witness, &changes,
                                      test_arena(), NULL) == ST_CORRUPT);
        decoded.nodes[missing] = kept;
    }
    node_store_free(&store);
}

TEST(witness_decoding_refuses_other_shapes)
{
    static const char *const bad[] = {"",         "c0",         "c2c0c0",     "c4c0c0c0c0",
                                      "c3c0c080", "c4c1c0c0c0", "c3c0c0c000", "c5c0c0c28100"};
    struct witness witness;
    for (usize i = 0; i < countof(bad); i++)
        CHECK_ROW(i, witness_decode(hex(bad[i]), &witness, test_arena(), NULL) == ST_INVALID);
    CHECK(witness_decode(hex("c3c0c0c0"), &witness, test_arena(), NULL) == ST_OK);
}

TEST(hash_index_finds_each_item_and_nothing_else)
{
    enum { ITEMS = 300 };
    bytes items[ITEMS], found;
    for (u64 i = 0; i < ITEMS; i++)
        items[i] = arena_copy(test_arena(), BYTES_OF(i));
    struct hash_index *index = hash_index_new(items, ITEMS, test_arena());
    for (u64 i = 0; i < ITEMS; i++)
        CHECK_ROW(i, hash_index_find(index, key_of(i), &found) == ST_OK &&
                         bytes_equal(found, items[i]));
    CHECK(hash_index_find(index, key_of(ITEMS), &found) == ST_MISSING);
    index = hash_index_new(NULL, 0, test_arena());
    CHECK(hash_index_find(index, key_of(0), &found) == ST_MISSING);
}
