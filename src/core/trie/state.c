/* The state: a trie of accounts, and a trie of slots for each account that has any. */
#include "base/rlp.h"
#include "crypto/keccak.h"
#include "trie/apply.h"
#include "trie/internal.h"

/* An account of the diff with its place in the trie. */
struct changed_account {
    hash32 key;
    struct account_change *change;
};

/* Hashes of a field of each item of an array. */
struct field {
    usize offset, size, stride;
};

static const struct field ACCOUNT_KEY = {offsetof(struct account_change, who), sizeof(address),
                                         sizeof(struct account_change)};
static const struct field SLOT_KEY = {offsetof(struct slot_change, slot), sizeof(hash32),
                                      sizeof(struct slot_change)};

static hash32 *hash_fields(const void *items, struct field field, usize count, struct arena *arena)
{
    hash32 *hashes = ARENA_TAKE(arena, hash32, count);
    struct arena tmp = *arena;
    bytes *keys = ARENA_TAKE(&tmp, bytes, count);
    for (usize i = 0; i < count; i++)
        keys[i] = (bytes){(const u8 *)items + i * field.stride + field.offset, field.size};
    keccak256_many(keys, count, hashes);
    return hashes;
}

struct state_job {
    struct job job;
    struct place_list account_places, storage_places, strays;
    hash32 *wiped;
    usize wiped_count;
};

static int compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(hash32));
}

/* Sorts pointers to objects that begin with a key. */
static void sort_by_key(struct sort_item *items, usize count, struct arena tmp)
{
    for (usize i = 0; i < count; i++)
        items[i].prefix = load_be64(items[i].item);
    sort_items(items, ARENA_TAKE(&tmp, struct sort_item, count), count, compare_keys);
}

static const struct update *sorted_updates(const struct update *updates, usize count,
                                           struct arena *arena)
{
    struct update *sorted = ARENA_TAKE(arena, struct update, count);
    struct arena tmp = *arena;
    struct sort_item *items = ARENA_TAKE(&tmp, struct sort_item, count);
    for (usize i = 0; i < count; i++)
        items[i].item = &updates[i];
    sort_by_key(items, count, tmp);
    for (usize i = 0; i < count; i++)
        sorted[i] = *(const struct update *)items[i].item;
    return sorted;
}

static bytes slot_value(u256 value, struct arena *arena)
{
    if (u256_is_zero(value))
        return BYTES_EMPTY;
    u8 *to = ARENA_TAKE(arena, u8, 33);
    return (bytes){to, (usize)(rlp_put_u256(to, value) - to)};
}

/* Fills the storage root that an account has after the block. */
static enum status update_storage(struct state_job *state, hash32 owner,
                                  struct account_change *change)
{
    struct job *job = &state->job;
    hash32 root = change->before.storage_root;
    if (change->storage_wiped || !change->exists) {
        if (!hash32_equal(root, EMPTY_TRIE_ROOT))
            state->wiped[state->wiped_count++] = owner;
        root = EMPTY_TRIE_ROOT;
    }
    change->after.storage_root = root;
    if (!change->exists || change->slot_count == 0)
        return ST_OK;
    struct update *updates = ARENA_TAKE(job->arena, struct update, change->slot_count);
    const hash32 *keys = hash_fields(change->slots, SLOT_KEY, change->slot_count, job->arena);
    for (usize i = 0; i < change->slot_count; i++) {
        updates[i].key = keys[i];
        updates[i].value = slot_value(change->slots[i].after, job->arena);
    }
    job->owner = owner;
    job->places = &state->storage_places;
    return update_trie(job, root, sorted_updates(updates, change->slot_count, job->arena),
                       change->slot_count, &change->after.storage_root);
}

/* The diff's accounts in the order of their keys. */
static struct changed_account *sorted_accounts(struct diff *diff, struct arena *arena)
{
    usize count = diff->account_count;
    struct changed_account *sorted = ARENA_TAKE(arena, struct changed_account, count);
    struct arena tmp = *arena;
    struct changed_account *accounts = ARENA_TAKE(&tmp, struct changed_account, count);
    struct sort_item *items = ARENA_TAKE(&tmp, struct sort_item, count);
    const hash32 *keys = hash_fields(diff->accounts, ACCOUNT_KEY, count, &tmp);
    for (usize i = 0; i < count; i++) {
        accounts[i] = (struct changed_account){keys[i], &diff->accounts[i]};
        items[i].item = &accounts[i];
    }
    sort_by_key(items, count, tmp);
    for (usize i = 0; i < count; i++)
        sorted[i] = *(const struct changed_account *)items[i].item;
    return sorted;
}

enum status trie_apply(const struct node_source *src, hash32 root, struct diff *diff,
                       hash32 *new_root, struct trie_changes *changes, struct arena *arena,
                       struct err *err)
{
    struct state_job state = {.job = {.src = src, .arena = arena, .err = err}};
    place_list_init(&state.account_places);
    place_list_init(&state.storage_places);
    place_list_init(&state.strays);
    state.job.strays = &state.strays;
    state.wiped = ARENA_TAKE(arena, hash32, diff->account_count);

    const struct changed_account *accounts = sorted_accounts(diff, arena);
    struct update *updates = ARENA_TAKE(arena, struct update, diff->account_count);
    for (usize i = 0; i < diff->account_count; i++) {
        struct account_change *change = accounts[i].change;
        TRY(update_storage(&state, accounts[i].key, change));
        updates[i].key = accounts[i].key;
        updates[i].value = change->exists ? account_encode(&change->after, arena) : BYTES_EMPTY;
    }
    state.job.owner = (hash32){0};
    state.job.places = &state.account_places;
    TRY(update_trie(&state.job, root, updates, diff->account_count, new_root));
    places_collect(&state.account_places, &state.storage_places, &state.strays, changes, arena);
    changes->wiped_owners = state.wiped;
    changes->wiped_count = state.wiped_count;
    return ST_OK;
}
