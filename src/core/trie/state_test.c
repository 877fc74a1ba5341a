/* trie_apply over whole diffs: accounts come, change and go, with their storage. */
#include "base/rlp.h"
#include "crypto/keccak.h"
#include "harness/test.h"
#include "trie/testing.h"

enum { ACCOUNTS = 40, SLOTS = 24 };

struct model_account {
    bool exists;
    u64 nonce;
    u256 slots[SLOTS];
};

struct state {
    struct model_account accounts[ACCOUNTS];
    hash32 root;
};

static address nth_address(usize index)
{
    return (address){{0xac, (u8)index}};
}

static hash32 nth_slot(usize index)
{
    return (hash32){{[31] = (u8)index}};
}

static hash32 nth_key(usize account)
{
    address who = nth_address(account);
    return keccak256(BYTES_OF(who));
}

static hash32 model_storage_root(const struct model_account *account)
{
    struct trie_entry entries[SLOTS];
    usize count = 0;
    for (usize i = 0; i < SLOTS; i++) {
        if (u256_is_zero(account->slots[i]))
            continue;
        hash32 slot = nth_slot(i), key = keccak256(BYTES_OF(slot));
        u8 *value = ARENA_TAKE(test_arena(), u8, 33);
        usize size = (usize)(rlp_put_u256(value, account->slots[i]) - value);
        entries[count++] =
            (struct trie_entry){arena_copy(test_arena(), BYTES_OF(key)), {value, size}};
    }
    return trie_root(entries, count, *test_arena());
}

static struct account model_account(const struct model_account *model)
{
    struct account account = account_new();
    if (model->exists) {
        account.nonce = model->nonce;
        account.storage_root = model_storage_root(model);
    }
    return account;
}

static hash32 model_root(const struct state *state)
{
    struct trie_entry entries[ACCOUNTS];
    usize count = 0;
    for (usize i = 0; i < ACCOUNTS; i++) {
        if (!state->accounts[i].exists)
            continue;
        struct account account = model_account(&state->accounts[i]);
        hash32 key = nth_key(i);
        entries[count++] = (struct trie_entry){arena_copy(test_arena(), BYTES_OF(key)),
                                               account_encode(&account, test_arena())};
    }
    return trie_root(entries, count, *test_arena());
}

/* Changes an account in the model and describes it. */
static struct account_change draw_change(struct model_account *model, usize index, u64 *seed)
{
    struct account_change change = {.who = nth_address(index), .existed = model->exists};
    change.before = model_account(model);
    change.slots = ARENA_TAKE(test_arena(), struct slot_change, SLOTS);
    change.storage_wiped = change.existed && random_below(seed, 5) == 0;
    if (change.storage_wiped)
        memset(model->slots, 0, sizeof(model->slots));
    model->exists = change.exists = random_below(seed, 6) != 0;
    if (!model->exists) {
        *model = (struct model_account){0};
        return change;
    }
    model->nonce++;
    for (usize i = 0; i < SLOTS; i++) {
        if (random_below(seed, 4) != 0)
            continue;
        u256 after = u256_from_u64(random_below(seed, 3) == 0 ? 0 : random_next(seed));
        if (u256_equal(after, model->slots[i]))
            continue;
        change.slots[change.slot_count++] =
            (struct slot_change){nth_slot(i), model->slots[i], after};
        model->slots[i] = after;
    }
    change.after = model_account(model);
    change.after.storage_root = (hash32){0}; /* trie_apply's to fill in */
    return change;
}

static struct diff draw_diff(struct state *state, u64 *seed)
{
    struct diff diff = {.accounts = ARENA_TAKE(test_arena(), struct account_change, ACCOUNTS)};
    for (usize i = 0; i < ACCOUNTS; i++)
        if (random_below(seed, 5) == 0)
            diff.accounts[diff.account_count++] = draw_change(&state->accounts[i], i, seed);
    return diff;
}

TEST(trie_apply_follows_accounts_and_their_storage)
{
    u64 seed = 2024;
    struct state state = {.root = EMPTY_TRIE_ROOT};
    struct node_store store = {0};
    struct node_source src = node_store_source(&store);
    for (usize round = 0; round < 120; round++) {
        struct trie_changes changes;
        struct diff diff = draw_diff(&state, &seed);
        CHECK(trie_apply(&src, state.root, &diff, &state.root, &changes, test_arena(), NULL) ==
              ST_OK);
        CHECK_ROW(round, hash32_equal(state.root, model_root(&state)));
        CHECK_ROW(round, node_store_apply(&store, &changes));
        for (usize i = 0; i < diff.account_count; i++) {
            usize index = diff.accounts[i].who.b[1];
            struct account now = model_account(&state.accounts[index]);
            CHECK_ROW(i, hash32_equal(diff.accounts[i].after.storage_root, now.storage_root));
        }
    }
    node_store_free(&store);
}

/* Several diffs through an overlay leave the store below as the same diffs one by one do. */
TEST(trie_overlay_adds_up_to_one_change)
{
    u64 seed = 99;
    struct state state = {.root = EMPTY_TRIE_ROOT};
    struct node_store whole = {0}, stepwise = {0};
    for (usize block = 0; block < 20; block++) {
        struct trie_overlay *overlay = trie_overlay_new(node_store_source(&whole), test_arena());
        struct trie_changes changes;
        for (usize tx = 0; tx < 6; tx++) {
            struct node_source over = trie_overlay_source(overlay);
            struct node_source src = node_store_source(&stepwise);
            struct diff diff = draw_diff(&state, &seed);
            hash32 root;
            CHECK(trie_apply(&src, state.root, &diff, &root, &changes, test_arena(), NULL) ==
                  ST_OK);
            CHECK(node_store_apply(&stepwise, &changes));
            CHECK(trie_apply(&over, state.root, &diff, &state.root, &changes, test_arena(), NULL) ==
                  ST_OK);
            trie_overlay_add(overlay, &changes);
            CHECK(hash32_equal(root, state.root));
        }
        trie_overlay_changes(overlay, &changes, test_arena());
        for (usize i = 1; i < changes.count; i++)
            CHECK_ROW(i, path_compare(&changes.nodes[i - 1].path, &changes.nodes[i].path) < 0);
        (void)node_store_apply(&whole, &changes); /* lists what came and went: the store objects */
        CHECK_ROW(block, node_store_equal(&whole, &stepwise));
    }
    CHECK(hash32_equal(state.root, model_root(&state)));
    node_store_free(&whole);
    node_store_free(&stepwise);
}

TEST(trie_proofs_prove_values_and_absence_and_nothing_else)
{
    u64 seed = 7;
    struct state state = {.root = EMPTY_TRIE_ROOT};
    struct node_store store = {0};
    struct node_source src = node_store_source(&store);
    struct trie_changes changes;
    for (usize round = 0; round < 3; round++) {
        struct diff diff = draw_diff(&state, &seed);
        CHECK(trie_apply(&src, state.root, &diff, &state.root, &changes, test_arena(), NULL) ==
              ST_OK);
        CHECK(node_store_apply(&store, &changes));
    }
    for (usize i = 0; i < ACCOUNTS; i++) {
        bytes *proof, value;
        usize count;
        CHECK(trie_prove(&src, (hash32){0}, state.root, nth_key(i), &proof, &count, test_arena(),
                         NULL) == ST_OK);
        CHECK(trie_check_proof(state.root, nth_key(i), proof, count, &value) == ST_OK);
        struct account account = model_account(&state.accounts[i]);
        bytes want =
            state.accounts[i].exists ? account_encode(&account, test_arena()) : BYTES_EMPTY;
        CHECK_ROW(i, bytes_equal(value, want));
        CHECK_ROW(i,
                  trie_check_proof(state.root, nth_key(i), proof, count - 1, &value) == ST_INVALID);
        for (usize node = 0; node < count; node++) { /* any bit of any node */
            u8 *bit = (u8 *)(uintptr_t)&proof[node].data[random_below(&seed, proof[node].size)];
            *bit ^= 4;
            CHECK_ROW(i,
                      trie_check_proof(state.root, nth_key(i), proof, count, &value) == ST_INVALID);
            *bit ^= 4;
        }
        bytes longer[TRIE_MAX_PATH + 2];
        memcpy(longer, proof, count * sizeof(bytes));
        longer[count] = proof[0];
        CHECK_ROW(i, trie_check_proof(state.root, nth_key(i), longer, count + 1, &value) ==
                         ST_INVALID);
    }
    node_store_free(&store);
}

TEST(trie_proof_of_the_empty_trie_has_no_nodes)
{
    bytes value = hex("aa");
    CHECK(trie_check_proof(EMPTY_TRIE_ROOT, nth_key(1), NULL, 0, &value) == ST_OK);
    CHECK(value.size == 0);
    CHECK(trie_check_proof(nth_key(2), nth_key(1), NULL, 0, &value) == ST_INVALID);
}
