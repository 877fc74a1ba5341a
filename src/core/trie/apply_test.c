/* Updates against rebuilding from nothing: the root, every node, and every deletion must agree. */
#include "harness/test.h"
#include "trie/apply.h"
#include "trie/testing.h"

enum { KEYS = 96 };

/* A map, the trie of it that updates made, and the keys that both draw from. */
struct model {
    hash32 keys[KEYS];
    bytes values[KEYS]; /* empty: absent */
    hash32 root;
    struct node_store store;
};

static bool is_new_key(const struct model *model, usize index)
{
    for (usize i = 0; i < index; i++)
        if (hash32_equal(model->keys[i], model->keys[index]))
            return false;
    return true;
}

/* Keys that differ in a few nibbles only, high, low and between, so that there are long stretches,
 * chains of branches and embedded nodes, which random keys never give. */
static void draw_keys(struct model *model, u64 *seed)
{
    static const u8 varied[] = {0, 1, 2, 31, 32, 58, 61, 62, 63};
    for (usize i = 0; i < KEYS; i += is_new_key(model, i))
        for (usize at = 0; at < countof(varied); at++)
            if (random_below(seed, 3) == 0)
                nibble_put(model->keys[i].b, varied[at], (u8)random_below(seed, 16));
}

static bytes draw_value(u64 *seed)
{
    usize size = random_below(seed, 2) == 0 ? 1 : 1 + random_below(seed, 60);
    u8 *value = ARENA_TAKE(test_arena(), u8, size);
    for (usize i = 0; i < size; i++)
        value[i] = (u8)random_next(seed);
    return (bytes){value, size};
}

static int compare_updates(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(hash32));
}

static void sort_updates(struct update *updates, usize count)
{
    for (usize i = 1; i < count; i++)
        for (usize at = i; at > 0 && compare_updates(&updates[at - 1], &updates[at]) > 0; at--) {
            struct update moving = updates[at];
            updates[at] = updates[at - 1];
            updates[at - 1] = moving;
        }
}

/* Up to `most` distinct keys get a value, the value that they have, or none. */
static usize draw_updates(struct model *model, struct update *updates, usize most, u64 *seed)
{
    usize count = 0;
    for (usize i = 0; i < KEYS && count < most; i++) {
        if (random_below(seed, KEYS) >= most)
            continue;
        usize kind = random_below(seed, 8);
        if (kind > 0)
            model->values[i] = kind < 4 ? BYTES_EMPTY : draw_value(seed);
        updates[count++] = (struct update){model->keys[i], model->values[i]};
    }
    sort_updates(updates, count);
    return count;
}

static enum status apply_one(struct node_store *store, hash32 root, const struct update *updates,
                             usize count, hash32 *new_root, struct trie_changes *changes)
{
    struct place_list places, none, strays;
    place_list_init(&places);
    place_list_init(&none);
    place_list_init(&strays);
    struct node_source src = node_store_source(store);
    struct job job = {.src = &src, .places = &places, .strays = &strays, .arena = test_arena()};
    TRY(update_trie(&job, root, updates, count, new_root));
    *changes = (struct trie_changes){0};
    places_collect(&places, &none, &strays, changes, test_arena());
    return ST_OK;
}

/* The model as entries for trie_root, and as updates of an empty trie. */
static usize whole_model(const struct model *model, struct trie_entry *entries,
                         struct update *updates)
{
    usize count = 0;
    for (usize i = 0; i < KEYS; i++) {
        if (model->values[i].size == 0)
            continue;
        entries[count] = (struct trie_entry){BYTES_OF(model->keys[i]), model->values[i]};
        updates[count++] = (struct update){model->keys[i], model->values[i]};
    }
    sort_updates(updates, count);
    return count;
}

static void check_model(struct model *model)
{
    struct trie_entry entries[KEYS];
    struct update updates[KEYS];
    usize count = whole_model(model, entries, updates);
    struct node_store fresh = {0};
    struct trie_changes changes;
    hash32 root = EMPTY_TRIE_ROOT;
    CHECK(hash32_equal(model->root, trie_root(entries, count, *test_arena())));
    CHECK(apply_one(&fresh, root, updates, count, &root, &changes) == ST_OK);
    CHECK(node_store_apply(&fresh, &changes));
    CHECK(hash32_equal(model->root, root));
    CHECK(node_store_equal(&model->store, &fresh));
    node_store_free(&fresh);
}

static void check_reads(struct model *model)
{
    struct node_source src = node_store_source(&model->store);
    for (usize i = 0; i < KEYS; i++) {
        bytes value = BYTES_EMPTY;
        enum status st =
            trie_get(&src, (hash32){0}, model->root, model->keys[i], &value, test_arena(), NULL);
        CHECK_ROW(i, st == (model->values[i].size == 0 ? ST_MISSING : ST_OK));
        CHECK_ROW(i, bytes_equal(value, model->values[i]));
    }
}

TEST(trie_updates_equal_rebuilding_from_nothing)
{
    for (u64 round_seed = 1; round_seed <= 8; round_seed++) {
        u64 seed = round_seed;
        struct model model = {.root = EMPTY_TRIE_ROOT};
        draw_keys(&model, &seed);
        for (usize round = 0; round < 150; round++) {
            struct update updates[KEYS];
            struct trie_changes changes;
            usize most = round % 10 == 9 ? KEYS : 1 + random_below(&seed, 20);
            usize count = draw_updates(&model, updates, most, &seed);
            CHECK(apply_one(&model.store, model.root, updates, count, &model.root, &changes) ==
                  ST_OK);
            CHECK_ROW(round, node_store_apply(&model.store, &changes));
            check_model(&model);
        }
        check_reads(&model);
        node_store_free(&model.store);
    }
}

TEST(trie_update_without_effect_changes_nothing)
{
    u64 seed = 77;
    struct model model = {.root = EMPTY_TRIE_ROOT};
    draw_keys(&model, &seed);
    struct update updates[KEYS];
    struct trie_changes changes;
    usize count = draw_updates(&model, updates, KEYS, &seed);
    CHECK(apply_one(&model.store, model.root, updates, count, &model.root, &changes) == ST_OK);
    CHECK(changes.count > 0 && node_store_apply(&model.store, &changes));
    hash32 root;
    CHECK(apply_one(&model.store, model.root, updates, count, &root, &changes) == ST_OK);
    CHECK(hash32_equal(root, model.root) && changes.count == 0);
    node_store_free(&model.store);
}

/* Whichever node of the trie is damaged or lost, whoever comes across it says so. */
TEST(trie_reports_nodes_that_are_not_what_their_parents_name)
{
    u64 seed = 5;
    struct model model = {.root = EMPTY_TRIE_ROOT};
    draw_keys(&model, &seed);
    struct update updates[KEYS];
    struct trie_changes changes;
    usize count = draw_updates(&model, updates, KEYS, &seed);
    CHECK(apply_one(&model.store, model.root, updates, count, &model.root, &changes) == ST_OK);
    CHECK(node_store_apply(&model.store, &changes));
    for (usize i = 0; i < count; i++)
        updates[i].value = BYTES_EMPTY; /* clearing the trie passes every node */
    for (usize i = 0; i < model.store.count; i++) {
        hash32 root;
        bytes whole = model.store.nodes[i].node;
        u8 *damaged = (u8 *)(uintptr_t)whole.data;
        u8 *at = &damaged[random_below(&seed, whole.size)];
        *at ^= 0x10;
        CHECK_ROW(i, apply_one(&model.store, model.root, updates, count, &root, &changes) ==
                         ST_CORRUPT);
        *at ^= 0x10;
        u8 length = model.store.nodes[i].path.length;
        model.store.nodes[i].path.length = TRIE_MAX_PATH + 1; /* not to be found */
        CHECK_ROW(i, apply_one(&model.store, model.root, updates, count, &root, &changes) ==
                         ST_CORRUPT);
        model.store.nodes[i].path.length = length;
    }
    hash32 root;
    CHECK(apply_one(&model.store, model.root, updates, count, &root, &changes) == ST_OK);
    CHECK(hash32_equal(root, EMPTY_TRIE_ROOT) && node_store_apply(&model.store, &changes));
    CHECK(model.store.count == 0);
    node_store_free(&model.store);
}
