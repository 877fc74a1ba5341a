#include "base/sort.h"
#include "evm/state.h"
#include "evm/state_internal.h"

static int by_address(const void *a, const void *b)
{
    return memcmp(((const struct state_account *)a)->who.b,
                  ((const struct state_account *)b)->who.b, sizeof(address));
}

static int by_key(const void *a, const void *b)
{
    return u256_compare(((const struct state_slot *)a)->key, ((const struct state_slot *)b)->key);
}

static bool slot_differs(const struct state_slot *slot)
{
    if (slot->account->storage_wiped) /* the trie starts from nothing: what is there counts */
        return !u256_is_zero(slot->current) || !u256_is_zero(slot->base);
    return !u256_equal(slot->base, slot->current);
}

static bool account_differs(const struct state_account *account)
{
    const struct account_now *now = &account->now;
    if (account->existed != now->exists || account->storage_wiped ||
        account->base.nonce != now->nonce ||
        !u256_equal(account->base.balance_wei, now->balance_wei) ||
        !hash32_equal(account->base.code_hash, now->code_hash))
        return account->existed || now->exists;
    for (const struct state_slot *slot = account->slots; slot != NULL; slot = slot->next)
        if (slot_differs(slot))
            return true;
    return false;
}

static void diff_slots(const struct state_account *account, struct account_change *change,
                       struct arena *arena)
{
    usize count = 0, i = 0;
    for (const struct state_slot *slot = account->slots; slot != NULL; slot = slot->next)
        count += slot_differs(slot);
    change->slots = ARENA_TAKE(arena, struct slot_change, count);
    change->slot_count = count;
    struct arena tmp = *arena;
    struct state_slot **sorted = ARENA_TAKE(&tmp, struct state_slot *, count);
    for (struct state_slot *slot = account->slots; slot != NULL; slot = slot->next)
        if (slot_differs(slot))
            sorted[i++] = slot;
    sort_pointers((void **)sorted, count, by_key, tmp);
    for (i = 0; i < count; i++)
        change->slots[i] = (struct slot_change){
            .slot = u256_to_hash(sorted[i]->key),
            .before = sorted[i]->base,
            .after = sorted[i]->current,
        };
}

static void diff_account(const struct state_account *account, struct account_change *change,
                         struct arena *arena)
{
    const struct account_now *now = &account->now;
    *change = (struct account_change){
        .who = account->who,
        .existed = account->existed,
        .exists = now->exists,
        .storage_wiped = account->storage_wiped && account->existed,
        .before = account->base,
        .after = {now->nonce, now->balance_wei, EMPTY_TRIE_ROOT, now->code_hash},
    };
    if (!account->storage_wiped)
        change->after.storage_root = account->base.storage_root;
    diff_slots(account, change, arena);
}

void state_diff(struct state *state, struct diff *out, struct arena *arena)
{
    usize count = 0, codes = 0, i = 0;
    struct state_account *all = state_all_accounts(state);
    for (struct state_account *account = all; account != NULL; account = account->next)
        count += account_differs(account);
    out->accounts = ARENA_TAKE(arena, struct account_change, count);
    out->account_count = count;
    out->codes = ARENA_TAKE(arena, struct code_entry, count);
    struct state_account **sorted = ARENA_TAKE(arena, struct state_account *, count);
    for (struct state_account *account = all; account != NULL; account = account->next)
        if (account_differs(account))
            sorted[i++] = account;
    sort_pointers((void **)sorted, count, by_address, *arena);
    for (i = 0; i < count; i++) {
        const struct state_account *account = sorted[i];
        diff_account(account, &out->accounts[i], arena);
        const struct code *code = account->now.code;
        if (code != NULL && code->size > 0 &&
            !hash32_equal(account->base.code_hash, account->now.code_hash))
            out->codes[codes++] = (struct code_entry){code->hash, {code->bytes, code->size}};
    }
    out->code_count = codes;
}
