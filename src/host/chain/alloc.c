/* The accounts of a genesis file: {"0xADDRESS": {"balance", "nonce", "code", "storage"}, …} */
#include "base/json_read.h"
#include "chain/genesis.h"
#include "crypto/keccak.h"

#include <stdlib.h>

static int compare_slots(const void *a, const void *b)
{
    return memcmp(((const struct slot_change *)a)->slot.b, ((const struct slot_change *)b)->slot.b,
                  sizeof(hash32));
}

static int compare_accounts(const void *a, const void *b)
{
    return memcmp(((const struct account_change *)a)->who.b,
                  ((const struct account_change *)b)->who.b, sizeof(address));
}

static enum status read_storage(json storage, struct account_change *out, struct arena *arena)
{
    json key, value;
    out->slots = ARENA_NEW(arena, struct slot_change, json_count(storage));
    for (struct json_walk at = json_begin(storage); json_next(&at, &key, &value);) {
        struct slot_change *slot = &out->slots[out->slot_count];
        hash32 word;
        TRY(json_read_word(key, &slot->slot));
        TRY(json_read_word(value, &word));
        slot->after = u256_from_hash(word);
        out->slot_count += !u256_is_zero(slot->after); /* a zero is not stored */
    }
    if (out->slot_count > 0)
        qsort(out->slots, out->slot_count, sizeof(*out->slots), compare_slots);
    for (usize i = 1; i < out->slot_count; i++)
        if (compare_slots(&out->slots[i - 1], &out->slots[i]) == 0)
            return ST_INVALID;
    return ST_OK;
}

static enum status read_optional(json account, const char *key, u256 *out)
{
    json value = json_get(account, key);
    *out = U256_ZERO;
    return json_is(value, JSON_ABSENT) ? ST_OK : json_read_number(value, out);
}

static enum status read_code(json code, struct account_change *account, struct diff *alloc,
                             struct arena *arena)
{
    bytes content = BYTES_EMPTY;
    if (!json_is(code, JSON_ABSENT))
        TRY(json_read_hex(code, &content, arena));
    if (content.size == 0)
        return ST_OK;
    account->after.code_hash = keccak256(content);
    alloc->codes[alloc->code_count++] = (struct code_entry){account->after.code_hash, content};
    return ST_OK;
}

static enum status read_account(json name, json value, struct diff *alloc, struct arena *arena,
                                struct err *err)
{
    struct account_change *out = &alloc->accounts[alloc->account_count++];
    *out = (struct account_change){.exists = true, .before = account_new(), .after = account_new()};
    const char *bad = NULL;
    u256 nonce = U256_ZERO;
    if (json_read_fixed(name, out->who.b, sizeof(out->who.b)) != ST_OK)
        bad = "address";
    else if (read_optional(value, "balance", &out->after.balance_wei) != ST_OK)
        bad = "balance";
    else if (read_optional(value, "nonce", &nonce) != ST_OK || !u256_fits_u64(nonce))
        bad = "nonce";
    else if (read_code(json_get(value, "code"), out, alloc, arena) != ST_OK)
        bad = "code";
    else if (read_storage(json_get(value, "storage"), out, arena) != ST_OK)
        bad = "storage";
    if (bad != NULL)
        return fail(err, ST_INVALID, "genesis: account %.*s: bad %s", (int)name.text.size,
                    (const char *)name.text.data, bad);
    out->after.nonce = nonce.w[0];
    return ST_OK;
}

/* The trie is built from nothing, so nobody is asked for a node. */
static enum status no_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    (void)self;
    (void)path;
    (void)hash;
    (void)out;
    return ST_MISSING;
}

enum status genesis_alloc_parse(json accounts, struct diff *alloc, hash32 *root,
                                struct trie_changes *nodes, struct arena *arena, struct err *err)
{
    json name, value;
    usize count = json_count(accounts);
    if (!json_is(accounts, JSON_OBJECT))
        return fail(err, ST_INVALID, "genesis: no object of accounts");
    *alloc = (struct diff){.accounts = ARENA_TAKE(arena, struct account_change, count),
                           .codes = ARENA_TAKE(arena, struct code_entry, count)};
    for (struct json_walk at = json_begin(accounts); json_next(&at, &name, &value);)
        TRY(read_account(name, value, alloc, arena, err));
    if (count > 0)
        qsort(alloc->accounts, count, sizeof(*alloc->accounts), compare_accounts);
    for (usize i = 1; i < count; i++)
        if (compare_accounts(&alloc->accounts[i - 1], &alloc->accounts[i]) == 0)
            return fail(err, ST_INVALID, "genesis: an account is there twice");
    struct node_source nothing = {.node = no_node};
    return trie_apply(&nothing, EMPTY_TRIE_ROOT, alloc, root, nodes, arena, err);
}
