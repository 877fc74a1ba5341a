#include "cli/world.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "base/json_read.h"
#include "chain/genesis.h"
#include "crypto/keccak.h"

/* --- Contents by hash. */

static struct content *content_slot(const struct contents *contents, hash32 hash)
{
    usize at = (usize)load_le64(hash.b) & (contents->room - 1);
    while (contents->slots[at].value.data != NULL && !hash32_equal(contents->slots[at].hash, hash))
        at = (at + 1) & (contents->room - 1);
    return &contents->slots[at];
}

static void contents_grow(struct contents *contents)
{
    struct contents old = *contents;
    contents->room = old.room == 0 ? 256 : old.room * 2;
    contents->slots = ARENA_NEW(contents->arena, struct content, contents->room);
    for (usize i = 0; i < old.room; i++)
        if (old.slots[i].value.data != NULL)
            *content_slot(contents, old.slots[i].hash) = old.slots[i];
}

static void contents_put(struct contents *contents, hash32 hash, bytes value)
{
    if (contents->count * 2 >= contents->room)
        contents_grow(contents);
    struct content *slot = content_slot(contents, hash);
    if (slot->value.data != NULL || value.size == 0)
        return;
    *slot = (struct content){hash, arena_copy(contents->arena, value)};
    contents->count++;
}

static enum status contents_get(const struct contents *contents, hash32 hash, bytes *out)
{
    if (contents->room == 0)
        return ST_MISSING;
    *out = content_slot(contents, hash)->value;
    return out->data != NULL ? ST_OK : ST_MISSING;
}

/* --- States. */

static void keep_contents(struct contents *contents, const struct diff *diff,
                          const struct trie_changes *changes)
{
    for (usize i = 0; i < diff->code_count; i++)
        contents_put(contents, diff->codes[i].hash, diff->codes[i].code);
    for (usize i = 0; i < changes->count; i++)
        contents_put(contents, changes->nodes[i].hash, changes->nodes[i].node);
}

enum status world_genesis(struct contents *contents, json accounts, struct world **out,
                          hash32 *root, struct err *err)
{
    struct trie_changes changes;
    struct world *world = ARENA_NEW(contents->arena, struct world, 1);
    world->contents = contents;
    TRY(genesis_alloc_parse(accounts, &world->diff, root, &changes, contents->arena, err));
    keep_contents(contents, &world->diff, &changes);
    *out = world;
    return ST_OK;
}

struct world *world_after(const struct world *below, const struct diff *diff,
                          const struct trie_changes *changes, u64 number, hash32 hash)
{
    struct arena *arena = below->contents->arena;
    struct world *world = ARENA_NEW(arena, struct world, 1);
    *world =
        (struct world){.below = below, .contents = below->contents, .number = number, .hash = hash};
    world->diff.account_count = diff->account_count;
    world->diff.accounts = ARENA_TAKE(arena, struct account_change, diff->account_count);
    for (usize i = 0; i < diff->account_count; i++) {
        struct account_change *change = &world->diff.accounts[i];
        *change = diff->accounts[i];
        change->slots = ARENA_TAKE(arena, struct slot_change, change->slot_count);
        for (usize j = 0; j < change->slot_count; j++)
            change->slots[j] = diff->accounts[i].slots[j];
    }
    keep_contents(below->contents, diff, changes);
    return world;
}

static const struct account_change *find_account(const struct diff *diff, address who)
{
    usize from = 0, to = diff->account_count;
    while (from < to) {
        usize middle = from + (to - from) / 2;
        int order = memcmp(who.b, diff->accounts[middle].who.b, sizeof(who.b));
        if (order == 0)
            return &diff->accounts[middle];
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

static const struct slot_change *find_slot(const struct account_change *account, hash32 slot)
{
    usize from = 0, to = account->slot_count;
    while (from < to) {
        usize middle = from + (to - from) / 2;
        int order = memcmp(slot.b, account->slots[middle].slot.b, sizeof(slot.b));
        if (order == 0)
            return &account->slots[middle];
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

static enum status view_account(void *self, address who, struct account *out)
{
    for (const struct world *world = self; world != NULL; world = world->below) {
        const struct account_change *change = find_account(&world->diff, who);
        if (change == NULL)
            continue;
        *out = change->after;
        return change->exists ? ST_OK : ST_MISSING;
    }
    return ST_MISSING;
}

static enum status view_storage(void *self, address who, hash32 slot, u256 *out)
{
    *out = U256_ZERO;
    for (const struct world *world = self; world != NULL; world = world->below) {
        const struct account_change *change = find_account(&world->diff, who);
        if (change == NULL)
            continue;
        const struct slot_change *found = find_slot(change, slot);
        if (found != NULL)
            *out = found->after;
        if (found != NULL || change->storage_wiped || !change->exists)
            return ST_OK;
    }
    return ST_OK;
}

static enum status view_code(void *self, hash32 code_hash, bytes *out)
{
    const struct world *world = self;
    *out = BYTES_EMPTY;
    if (hash32_equal(code_hash, EMPTY_CODE_HASH))
        return ST_OK;
    return contents_get(world->contents, code_hash, out);
}

static enum status view_block_hash(void *self, u64 number, hash32 *out)
{
    for (const struct world *world = self; world != NULL; world = world->below) {
        if (world->number != number)
            continue;
        *out = world->hash;
        return ST_OK;
    }
    return ST_MISSING;
}

struct state_view world_view(const struct world *world)
{
    return (struct state_view){(void *)(uintptr_t)world, view_account, view_storage, view_code,
                               view_block_hash};
}

enum status number_hash(void *self, u64 number, hash32 *out)
{
    char digits[24];
    (void)self;
    usize size = fmt(digits, sizeof(digits), "%lu", number);
    *out = keccak256((bytes){(const u8 *)digits, size});
    return ST_OK;
}

static enum status nodes_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    (void)path; /* found by hash alone */
    return contents_get(self, hash, out);
}

struct node_source world_nodes(const struct world *world)
{
    return (struct node_source){.self = world->contents, .node = nodes_node, .trusted = true};
}

/* --- Comparing with what a test expects. */

struct comparison {
    const struct world *world;
    struct arena tmp;
    void (*tell)(void *self, const char *line); /* NULL: only counts */
    void *self;
    usize count;
};

[[gnu::format(printf, 2, 3)]] static void differs(struct comparison *cmp, const char *format, ...)
{
    enum { MOST_LINES = 12 };
    char line[512];
    if (cmp->count++ >= MOST_LINES || cmp->tell == NULL)
        return;
    va_list args;
    va_start(args, format);
    fmt_va(line, sizeof(line), format, args);
    va_end(args);
    cmp->tell(cmp->self, line);
}

static const char *quantity(u256 value, struct arena *arena)
{
    char *text = ARENA_TAKE(arena, char, 67);
    text[hex_write_quantity(text, value)] = 0;
    return text;
}

static void compare_number(struct comparison *cmp, const char *who, const char *what, json expected,
                           u256 got)
{
    u256 want = U256_ZERO;
    struct arena tmp = cmp->tmp;
    if (json_read_number(expected, &want) != ST_OK)
        differs(cmp, "%s: the test's %s is no number", who, what);
    else if (!u256_equal(want, got))
        differs(cmp, "%s: %s is %s, expected %s", who, what, quantity(got, &tmp),
                quantity(want, &tmp));
}

static void compare_slots_of(struct comparison *cmp, address who, const char *name, json expected)
{
    json key, value;
    for (struct json_walk at = json_begin(expected); json_next(&at, &key, &value);) {
        hash32 slot, want;
        u256 got;
        struct arena tmp = cmp->tmp;
        if (json_read_word(key, &slot) != ST_OK || json_read_word(value, &want) != ST_OK ||
            view_storage((void *)(uintptr_t)cmp->world, who, slot, &got) != ST_OK)
            differs(cmp, "%s: the test's storage is malformed", name);
        else if (!u256_equal(got, u256_from_hash(want)))
            differs(cmp, "%s: slot %s is %s, expected %s", name,
                    quantity(u256_from_hash(slot), &tmp), quantity(got, &tmp),
                    quantity(u256_from_hash(want), &tmp));
    }
}

static bool storage_names(json storage, hash32 slot)
{
    json key, value;
    hash32 named;
    for (struct json_walk at = json_begin(storage); json_next(&at, &key, &value);)
        if (json_read_word(key, &named) == ST_OK && hash32_equal(named, slot))
            return true;
    return false;
}

/* Slots that the last block set and the test does not name. */
static void find_extra_slots(struct comparison *cmp, const char *name, address who, json storage)
{
    const struct account_change *change = find_account(&cmp->world->diff, who);
    for (usize i = 0; change != NULL && i < change->slot_count; i++) {
        struct arena tmp = cmp->tmp;
        if (!u256_is_zero(change->slots[i].after) && !storage_names(storage, change->slots[i].slot))
            differs(cmp, "%s: slot %s is %s, expected nothing", name,
                    quantity(u256_from_hash(change->slots[i].slot), &tmp),
                    quantity(change->slots[i].after, &tmp));
    }
}

static void compare_account(struct comparison *cmp, json key, json expected)
{
    address who;
    struct account got;
    bytes want_code, got_code;
    if (json_read_fixed(key, who.b, sizeof(who.b)) != ST_OK ||
        json_read_hex(json_get(expected, "code"), &want_code, &cmp->tmp) != ST_OK) {
        differs(cmp, "the test's account %.*s is malformed", (int)key.text.size,
                (const char *)key.text.data);
        return;
    }
    const char *name = hex_text(BYTES_OF(who), &cmp->tmp);
    if (view_account((void *)(uintptr_t)cmp->world, who, &got) != ST_OK) {
        differs(cmp, "%s: is not there", name);
        return;
    }
    compare_number(cmp, name, "nonce", json_get(expected, "nonce"), u256_from_u64(got.nonce));
    compare_number(cmp, name, "balance", json_get(expected, "balance"), got.balance_wei);
    if (view_code((void *)(uintptr_t)cmp->world, got.code_hash, &got_code) != ST_OK ||
        !bytes_equal(want_code, got_code))
        differs(cmp, "%s: has other code", name);
    compare_slots_of(cmp, who, name, json_get(expected, "storage"));
    find_extra_slots(cmp, name, who, json_get(expected, "storage"));
}

static bool accounts_name(json accounts, address who)
{
    json key, value;
    address named;
    for (struct json_walk at = json_begin(accounts); json_next(&at, &key, &value);)
        if (json_read_fixed(key, named.b, sizeof(named.b)) == ST_OK && address_equal(named, who))
            return true;
    return false;
}

usize world_compare(const struct world *world, json expected, struct arena tmp,
                    void (*tell)(void *self, const char *line), void *self)
{
    json key, account;
    struct comparison cmp = {world, tmp, tell, self, 0};
    for (struct json_walk at = json_begin(expected); json_next(&at, &key, &account); cmp.tmp = tmp)
        compare_account(&cmp, key, account);
    for (usize i = 0; i < world->diff.account_count; i++) {
        const struct account_change *change = &world->diff.accounts[i];
        if (change->exists && !accounts_name(expected, change->who))
            differs(&cmp, "%s: is there, expected nothing",
                    hex_text(BYTES_OF(change->who), &cmp.tmp));
    }
    return cmp.count;
}
