#include "store/store.h"

#include "base/fmt.h"
#include "base/rlp.h"
#include "crypto/keccak.h"
#include "harness/test.h"
#include "store/internal.h"
#include "sys/files.h"

#include <stdlib.h>

static const char *new_path(void)
{
    char *path = ARENA_TAKE(test_arena(), char, 600);
    fmt(path, 600, "%s/state", test_folder());
    return path;
}

static struct store *open_store(const char *path)
{
    struct err err = {""};
    struct store *store = NULL;
    if (store_open(path, &store, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    return store;
}

/* --- The model: all versions of all keys, as plain arrays. Keys are slots of a few accounts, and
 * branch nodes of as many storage tries. */

enum { OWNERS = 3, KEYS = 12, BLOCKS = 120 };

struct version {
    u8 slot[OWNERS][KEYS];     /* 0: none */
    u8 node[OWNERS][KEYS][17]; /* children; all zero: none */
};

struct model {
    struct version at[BLOCKS + 1];
    u64 random;
};

static u64 next_random(struct model *model)
{
    model->random = model->random * 6364136223846793005u + 1442695040888963407u;
    return model->random >> 33;
}

static struct table_key model_slot(usize owner, usize key)
{
    return slot_key((address){{(u8)(owner + 1)}}, (hash32){{(u8)key}});
}

static struct table_key model_node(usize owner, usize key)
{
    enum table table;
    struct trie_path path = {.owner = {{(u8)(owner + 1)}}, .nibbles = {(u8)key}, .length = 1};
    return node_key(&path, &table);
}

/* The RLP of a branch. */
static bytes branch_of(const u8 *children, u8 *to)
{
    bool none = true;
    for (usize i = 0; i < 17; i++)
        none &= children[i] == 0;
    if (none)
        return BYTES_EMPTY;
    usize payload = 0;
    u8 item[17][4];
    bytes values[17];
    for (usize i = 0; i < 17; i++) {
        memset(item[i], children[i], sizeof(item[i]));
        values[i] = (bytes){item[i], children[i] == 0 ? 0 : sizeof(item[i])};
        payload += rlp_size_bytes(values[i]);
    }
    u8 *at = rlp_put_list(to, payload);
    for (usize i = 0; i < 17; i++)
        at = rlp_put_bytes(at, values[i]);
    return (bytes){to, (usize)(at - to)};
}

/* As the tables hold it: hash and RLP. */
static bytes node_of(const u8 *children, u8 *to)
{
    bytes rlp = branch_of(children, to + sizeof(hash32));
    if (rlp.size == 0)
        return rlp;
    hash32 hash = keccak256(rlp);
    memcpy(to, hash.b, sizeof(hash));
    return (bytes){to, sizeof(hash) + rlp.size};
}

static void wipe_owner(struct layer *layer, struct version *now, usize owner)
{
    address who = {{(u8)(owner + 1)}};
    hash32 name = {{(u8)(owner + 1)}};
    u8 one = 1;
    layer_put(layer, TABLE_WIPED, BYTES_OF(who), (bytes){&one, 1});
    layer_put(layer, TABLE_WIPED, BYTES_OF(name), (bytes){&one, 1});
    memset(now->slot[owner], 0, sizeof(now->slot[owner]));
    memset(now->node[owner], 0, sizeof(now->node[owner]));
}

/* Changes `now` at random; the layer says how. */
static struct layer *random_layer(struct model *model, struct version *now, u64 depth)
{
    struct layer *layer = layer_new(5, depth);
    if (next_random(model) % 9 == 0)
        wipe_owner(layer, now, next_random(model) % OWNERS);
    for (usize i = 0; i < 6; i++) {
        usize owner = next_random(model) % OWNERS, key = next_random(model) % KEYS;
        u8 value = (u8)(next_random(model) % 5);
        struct table_key name = model_slot(owner, key);
        now->slot[owner][key] = value;
        layer_put(layer, TABLE_SLOT, table_key_bytes(&name), (bytes){&value, value != 0});
    }
    for (usize i = 0; i < 6; i++) { /* the first few nodes change often, so that chains get long */
        usize owner = next_random(model) % OWNERS, key = next_random(model) % 2;
        u8 *node = now->node[owner][key], text[256];
        if (next_random(model) % 20 == 0)
            memset(node, 0, 17);
        else
            node[next_random(model) % 17] = (u8)(1 + next_random(model) % 200);
        struct table_key name = model_node(owner, key);
        layer_put(layer, TABLE_SLOT_NODE, table_key_bytes(&name), node_of(node, text));
    }
    layer_seal(layer);
    return layer;
}

static hash32 kept_owner; /* of the running test */

static struct store_step step_of(u64 number, bool patch, const struct layer *layer)
{
    return (struct store_step){
        .number = number,
        .patch = patch,
        .canon = {.block_position = number * 8, .state_position = number * 8 + patch},
        .receipts = BYTES_LIT("receipts"),
        .layer = layer,
    };
}

static void apply_steps(struct store *store, u64 number, const struct store_step *steps,
                        usize count, u64 undo_to, u64 keep)
{
    struct err err = {""};
    struct store_batch batch = {
        .undo_to = undo_to,
        .steps = steps,
        .count = count,
        .history_blocks = keep,
        .proof_blocks = keep,
        .kept_owner = kept_owner,
        .meta = {.version = STORE_VERSION, .number = number},
    };
    if (store_apply(store, &batch, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
}

static void apply(struct store *store, u64 number, bool patch, const struct layer *layer,
                  u64 undo_to, u64 keep)
{
    struct store_step step = step_of(number, patch, layer);
    apply_steps(store, number, &step, layer != NULL, undo_to, keep);
}

static void check_node(struct store_read *read, const struct version *want, u64 number, usize owner,
                       usize key)
{
    u8 text[256];
    bytes got = BYTES_EMPTY, node = node_of(want->node[owner][key], text);
    struct table_key name = model_node(owner, key);
    enum status st =
        store_get_past(read, TABLE_SLOT_NODE, table_key_bytes(&name), number, &got, test_arena());
    CHECK_ROW(number, st == (node.size == 0 ? ST_MISSING : ST_OK));
    CHECK_ROW(number, st != ST_OK || bytes_equal(got, node));
}

static void check_version(struct store_read *read, const struct version *want, u64 number)
{
    for (usize owner = 0; owner < OWNERS; owner++)
        for (usize key = 0; key < KEYS; key++) {
            bytes got = BYTES_EMPTY;
            struct table_key name = model_slot(owner, key);
            enum status st = store_get_past(read, TABLE_SLOT, table_key_bytes(&name), number, &got,
                                            test_arena());
            u8 value = want->slot[owner][key];
            CHECK_ROW(number, st == (value == 0 ? ST_MISSING : ST_OK));
            CHECK_ROW(number, st != ST_OK || (got.size == 1 && got.data[0] == value));
            check_node(read, want, number, owner, key);
        }
}

static void check_all(struct store *store, const struct model *model, u64 from, u64 to)
{
    struct err err;
    struct store_read *read;
    CHECK(store_read_begin(store, &read, &err) == ST_OK);
    for (u64 number = from; number <= to; number++)
        check_version(read, &model->at[number], number);
    store_read_end(read);
}

static void add_block(struct store *store, struct model *model, u64 number, u64 keep)
{
    model->at[number] = model->at[number - 1];
    struct layer *layer = random_layer(model, &model->at[number], number);
    apply(store, number, false, layer, UINT64_MAX, keep);
    layer_release(layer);
}

static struct model *begin(struct store *store)
{
    struct model *model = ARENA_NEW(test_arena(), struct model, 1);
    model->random = 42;
    struct layer *layer = random_layer(model, &model->at[0], 0);
    apply(store, 0, false, layer, UINT64_MAX, UINT64_MAX);
    layer_release(layer);
    return model;
}

TEST(store_reads_every_older_state_as_it_was)
{
    const char *path = new_path();
    struct store *store = open_store(path);
    struct model *model = begin(store);
    for (u64 number = 1; number <= BLOCKS; number++)
        add_block(store, model, number, UINT64_MAX);
    check_all(store, model, 0, BLOCKS);
    store_close(store);
    store = open_store(path);
    check_all(store, model, 0, BLOCKS);
    store_close(store);
}

TEST(store_goes_back_to_older_states_and_forward_again)
{
    struct store *store = open_store(new_path());
    struct model *model = begin(store);
    u64 top = 0;
    for (u64 round = 0; round < 12; round++) {
        while (top < 40)
            add_block(store, model, ++top, UINT64_MAX);
        u64 to = next_random(model) % 40;
        apply(store, to, false, NULL, to, UINT64_MAX);
        check_all(store, model, 0, to);
        top = to;
    }
    struct err err;
    struct store_read *read;
    struct canon_row row;
    CHECK(store_read_begin(store, &read, &err) == ST_OK);
    CHECK(store_canon(read, top, &row) == ST_OK && row.block_position == top * 8);
    CHECK(store_canon(read, top + 1, &row) == ST_MISSING);
    store_read_end(read);
    store_close(store);
}

TEST(store_patches_a_state_and_still_reads_the_ones_around_it)
{
    struct store *store = open_store(new_path());
    struct model *model = begin(store);
    for (u64 number = 1; number <= 60; number++) {
        add_block(store, model, number, UINT64_MAX);
        for (u64 patches = next_random(model) % 3; patches > 0; patches--) {
            struct layer *layer = random_layer(model, &model->at[number], number);
            apply(store, number, true, layer, UINT64_MAX, UINT64_MAX);
            layer_release(layer);
        }
    }
    check_all(store, model, 0, 60);
    apply(store, 20, false, NULL, 20, UINT64_MAX);
    check_all(store, model, 0, 20);
    store_close(store);
}

TEST(store_takes_many_blocks_and_patches_over_at_once)
{
    enum { MOST = 24 };
    struct store *store = open_store(new_path());
    struct model *model = begin(store);
    u64 top = 0;
    while (top < BLOCKS - MOST) {
        struct store_step steps[MOST];
        usize count = 1 + next_random(model) % MOST;
        u64 undo_to = next_random(model) % 3 == 0 && top > 3 ? top - 3 : UINT64_MAX;
        top = min_u64(top, undo_to);
        for (usize i = 0; i < count; i++) {
            bool patch = top > 0 && next_random(model) % 4 == 0;
            if (!patch) {
                top++;
                model->at[top] = model->at[top - 1];
            }
            steps[i] = step_of(top, patch, random_layer(model, &model->at[top], top));
        }
        apply_steps(store, top, steps, count, undo_to, UINT64_MAX);
        for (usize i = 0; i < count; i++)
            layer_release((struct layer *)(uintptr_t)steps[i].layer);
        check_all(store, model, 0, top);
    }
    for (; top > 0; top -= min_u64(top, 7)) {
        u64 to = top - min_u64(top, 7);
        apply(store, to, false, NULL, to, UINT64_MAX);
        check_all(store, model, 0, to);
    }
    store_close(store);
}

TEST(store_forgets_states_older_than_it_was_told_to_keep)
{
    struct store *store = open_store(new_path());
    struct model *model = begin(store);
    for (u64 number = 1; number <= BLOCKS; number++)
        add_block(store, model, number, 30);
    struct err err;
    struct store_read *read;
    CHECK(store_read_begin(store, &read, &err) == ST_OK);
    CHECK(store_read_meta(read)->history_from == BLOCKS - 30);
    CHECK(store_read_meta(read)->proofs_from == BLOCKS - 30);
    store_read_end(read);
    check_all(store, model, BLOCKS - 30, BLOCKS);
    struct store_batch too_far = {.undo_to = BLOCKS - 31, .meta = {.version = STORE_VERSION}};
    CHECK(store_apply(store, &too_far, &err) == ST_MISSING);
    check_all(store, model, BLOCKS - 30, BLOCKS);
    store_close(store);
}

TEST(store_keeps_all_versions_of_one_trie_where_it_is_told_to)
{
    enum { OWNER = 1, KEEP = 30 };
    struct store *store = open_store(new_path());
    kept_owner = (hash32){{OWNER + 1}};
    struct model *model = begin(store);
    u64 top = 0;
    for (u64 round = 0; round < 3; round++) { /* going back in between, as far as that goes */
        while (top < BLOCKS - 3 + round)
            add_block(store, model, ++top, KEEP);
        top -= 20;
        apply(store, top, false, NULL, top, KEEP);
    }
    kept_owner = (hash32){{0}};
    struct err err;
    struct store_read *read;
    CHECK(store_read_begin(store, &read, &err) == ST_OK);
    CHECK(store_read_meta(read)->proofs_from > 50);
    for (u64 number = 0; number <= top; number++)
        for (usize key = 0; key < KEYS; key++)
            check_node(read, &model->at[number], number, OWNER, key);
    store_read_end(read);
    check_all(store, model, top - 5, top);
    store_close(store);
}

TEST(store_readers_keep_their_state_while_it_is_written)
{
    struct store *store = open_store(new_path());
    struct model *model = begin(store);
    struct err err;
    struct store_read *read;
    CHECK(store_read_begin(store, &read, &err) == ST_OK);
    add_block(store, model, 1, UINT64_MAX);
    CHECK(store_read_meta(read)->number == 0);
    check_version(read, &model->at[0], 0);
    CHECK(store_read_renew(read, &err) == ST_OK);
    CHECK(store_read_meta(read)->number == 1);
    check_version(read, &model->at[1], 1);
    store_read_end(read);
    store_close(store);
}

TEST(store_refuses_what_is_damaged_and_what_is_newer)
{
    const struct files *files = files_of_system();
    const char *path = new_path();
    struct store *store = open_store(path);
    struct model *model = begin(store);
    for (u64 number = 1; number <= 20; number++)
        add_block(store, model, number, UINT64_MAX);
    store_close(store);
    bytes whole;
    struct err err;
    CHECK(files_read_whole(files, path, 1 << 26, &whole, test_arena(), &err) == ST_OK);
    CHECK(files_write_whole(files, path, bytes_slice(whole, 0, whole.size / 2), &err) == ST_OK);
    CHECK(store_open(path, &store, &err) == ST_CORRUPT);
    u8 *noise = ARENA_NEW(test_arena(), u8, 16384);
    memset(noise, 0x5a, 16384);
    CHECK(files_write_whole(files, path, (bytes){noise, 16384}, &err) == ST_OK);
    CHECK(store_open(path, &store, &err) == ST_CORRUPT);

    path = new_path();
    store = open_store(path);
    struct store_batch newer = {.undo_to = UINT64_MAX, .meta = {.version = STORE_VERSION + 1}};
    CHECK(store_apply(store, &newer, &err) == ST_OK);
    store_close(store);
    CHECK(store_open(path, &store, &err) == ST_INVALID);
}

/* Puts rows of that size, or deletes them; or both, in one transaction. */
static void change_rows(MDB_env *env, u32 count, usize size, bool puts, bool deletes)
{
    MDB_txn *txn;
    MDB_dbi dbi;
    u8 *text = ARENA_NEW(test_arena(), u8, size);
    CHECK(mdb_txn_begin(env, NULL, 0, &txn) == 0);
    CHECK(mdb_dbi_open(txn, "rows", MDB_CREATE, &dbi) == 0);
    for (u32 i = 0; i < count; i++) {
        MDB_val key = {sizeof(i), &i}, value = {size, text};
        CHECK_ROW(i, !puts || mdb_put(txn, dbi, &key, &value, 0) == 0);
        CHECK_ROW(i, !deletes || mdb_del(txn, dbi, &key, NULL) == 0);
    }
    CHECK(mdb_txn_commit(txn) == 0);
}

TEST(store_takes_a_file_that_lacks_only_pages_that_are_free)
{
    const char *path = new_path();
    MDB_env *env = NULL;
    MDB_envinfo info;
    MDB_stat stat;
    bytes file;
    struct err err = {""};
    CHECK(env_open(path, 1, 1 << 30, "opening", &env, &err) == ST_OK);
    for (int i = 0; i < 5; i++)
        change_rows(env, 40, 1000, i % 2 == 0, i % 2 == 1);
    change_rows(env, 1, 100000, true, true); /* so many pages in a row are at the end only */
    mdb_env_info(env, &info);
    mdb_env_stat(env, &stat);
    mdb_env_close(env);
    CHECK(files_read_whole(files_of_system(), path, 1 << 26, &file, test_arena(), &err) == ST_OK);
    CHECK(file.size < (info.me_last_pgno + 1) * stat.ms_psize); /* else this tests nothing */
    CHECK(env_open(path, 1, 1 << 30, "opening", &env, &err) == ST_OK);
    mdb_env_close(env);
}

TEST(node_deltas_give_back_the_older_branch)
{
    u8 a[17] = {1, 2, 3, 0, 0, 6}, b[17] = {1, 9, 0, 0, 5, 6}, text_a[256], text_b[256], delta[256];
    bytes old = branch_of(a, text_a), newer = branch_of(b, text_b), got;
    usize size;
    CHECK(node_delta(old, newer, delta, &size) && size < old.size);
    CHECK(node_undelta(newer, (bytes){delta, size}, &got, test_arena()) == ST_OK);
    CHECK(bytes_equal(got, old));
    CHECK(node_undelta(newer, (bytes){delta, size - 1}, &got, test_arena()) == ST_CORRUPT);
    CHECK(node_undelta(newer, (bytes){delta, 2}, &got, test_arena()) == ST_CORRUPT);
    CHECK(!node_delta(BYTES_EMPTY, newer, delta, &size));
    CHECK(!node_delta(old, BYTES_EMPTY, delta, &size));
    CHECK(!node_delta(hex("c22080"), newer, delta, &size));
}
