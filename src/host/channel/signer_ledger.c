#include "channel/signer_ledger.h"

#include <assert.h>
#include <stdlib.h>

const struct money_limits *limits_of_money(const struct signer_limits *limits, address asset)
{
    static const struct money_limits none;
    if (address_is_zero(asset))
        return &limits->own;
    for (usize i = 0; i < limits->token_count; i++)
        if (address_equal(limits->tokens[i].asset, asset))
            return &limits->tokens[i].most;
    return &none;
}

/* --- Spending. */

void purse_advance(struct purse *purse, u64 slice)
{
    u64 at = purse->newest + DAY_SLICES < slice ? slice - DAY_SLICES : purse->newest;
    while (at < slice)
        purse->spent[++at % DAY_SLICES] = 0;
    if (slice > purse->newest)
        purse->newest = slice;
}

u128 purse_sum(const struct purse *purse, usize slices)
{
    u128 sum = 0;
    assert(slices <= DAY_SLICES);
    for (u64 i = 0; i < slices && i <= purse->newest; i++)
        sum += purse->spent[(purse->newest - i) % DAY_SLICES];
    return sum;
}

static bool knows(const struct purse *purse, u64 slice)
{
    return slice <= purse->newest && purse->newest - slice < DAY_SLICES;
}

void purse_set(struct purse *purse, u64 slice, u128 amount)
{
    purse_advance(purse, slice);
    if (knows(purse, slice))
        purse->spent[slice % DAY_SLICES] = amount;
}

u128 purse_get(const struct purse *purse, u64 slice)
{
    return knows(purse, slice) ? purse->spent[slice % DAY_SLICES] : 0;
}

/* --- Pledges. Keys are chosen by strangers, but they are hashes whose preimage somebody has to
 * know, and chains are as long as there are open locks at most. */

static struct pledge **bucket_of(const struct pledges *all, hash32 key)
{
    return &all->buckets[(usize)load_le64(key.b) & (all->room - 1)];
}

static bool is_it(const struct pledge *pledge, hash32 key, enum lock_kind kind, u64 chain_id,
                  address asset)
{
    return pledge->chain_id == chain_id && pledge->kind == kind &&
           memcmp(pledge->key.b, key.b, sizeof(key.b)) == 0 && address_equal(pledge->asset, asset);
}

struct pledge *pledge_find(const struct pledges *all, hash32 key, enum lock_kind kind, u64 chain_id,
                           address asset)
{
    if (all->room == 0)
        return NULL;
    struct pledge *at = *bucket_of(all, key);
    while (at != NULL && !is_it(at, key, kind, chain_id, asset))
        at = at->next;
    return at;
}

static void put(struct pledges *all, struct pledge *pledge)
{
    struct pledge **bucket = bucket_of(all, pledge->key);
    pledge->next = *bucket;
    *bucket = pledge;
}

static void grow(struct pledges *all)
{
    struct pledges old = *all;
    all->room = old.room == 0 ? 64 : 2 * old.room;
    all->buckets = calloc(all->room, sizeof(all->buckets[0]));
    assert(all->buckets != NULL);
    for (usize i = 0; i < old.room; i++)
        for (struct pledge *at = old.buckets[i], *next; at != NULL; at = next) {
            next = at->next;
            put(all, at);
        }
    free(old.buckets);
}

struct pledge *pledge_get(struct pledges *all, hash32 key, enum lock_kind kind, u64 chain_id,
                          address asset)
{
    struct pledge *found = pledge_find(all, key, kind, chain_id, asset);
    if (found != NULL)
        return found;
    if (all->count >= all->room)
        grow(all);
    found = calloc(1, sizeof(*found));
    assert(found != NULL);
    found->key = key;
    found->kind = kind;
    found->chain_id = chain_id;
    found->asset = asset;
    all->count++;
    put(all, found);
    return found;
}

void pledge_settle(struct pledges *all, struct pledge *pledge)
{
    if (pledge->locks != 0 || pledge->is_payment)
        return;
    struct pledge **at = bucket_of(all, pledge->key);
    while (*at != pledge)
        at = &(*at)->next;
    *at = pledge->next;
    all->count--;
    free(pledge);
}

void pledges_free(struct pledges *all)
{
    for (usize i = 0; i < all->room; i++)
        while (all->buckets[i] != NULL) {
            struct pledge *next = all->buckets[i]->next;
            free(all->buckets[i]);
            all->buckets[i] = next;
        }
    free(all->buckets);
    *all = (struct pledges){0};
}
