/* What may be spent, and what was: of each kind of money, on each chain. */
#include "channel/signer_internal.h"

#include <assert.h>
#include <stdlib.h>

static struct purse *purse_of(struct limited_signer *signer, u64 chain_id, address asset)
{
    struct purse *at = signer->purses;
    while (at != NULL && (at->chain_id != chain_id || !address_equal(at->asset, asset)))
        at = at->next;
    if (at != NULL)
        return at;
    at = calloc(1, sizeof(*at));
    assert(at != NULL);
    at->chain_id = chain_id;
    at->asset = asset;
    at->next = signer->purses;
    signer->purses = at;
    return at;
}

static void set_spent(struct limited_signer *signer, struct purse *purse, u64 slice, u128 amount)
{
    struct signer_spent spent = {purse->chain_id, slice, amount};
    purse_set(purse, slice, amount);
    if (signer->options.keep != NULL)
        signer->options.keep(signer->options.self, purse->asset, &spent);
}

/* What came back was spent in the newest slices, or before all that count. */
void signer_refund(struct limited_signer *signer, u64 chain_id, address asset, u128 amount)
{
    if (amount == 0)
        return;
    struct purse *purse = purse_of(signer, chain_id, asset);
    for (u64 i = 0; i < DAY_SLICES && i <= purse->newest && amount != 0; i++) {
        u128 has = purse_get(purse, purse->newest - i);
        u128 back = has < amount ? has : amount;
        if (back != 0)
            set_spent(signer, purse, purse->newest - i, has - back);
        amount -= back;
    }
}

void signer_spent(struct limited_signer *signer, address asset, const struct signer_spent *spent)
{
    purse_set(purse_of(signer, spent->chain_id, asset), spent->slice, spent->amount);
}

void signer_keep_all(const struct limited_signer *signer)
{
    for (const struct purse *at = signer->purses; at != NULL; at = at->next)
        for (u64 i = DAY_SLICES; i-- > 0;) {
            u64 slice = at->newest >= i ? at->newest - i : 0;
            struct signer_spent spent = {at->chain_id, slice, purse_get(at, slice)};
            if (spent.amount != 0)
                signer->options.keep(signer->options.self, at->asset, &spent);
        }
}

void signer_sums(struct limited_signer *signer, u64 chain_id, address asset, u64 now_s, u128 *hour,
                 u128 *day)
{
    struct purse *purse = purse_of(signer, chain_id, asset);
    purse_advance(purse, now_s / SLICE_S);
    *hour = purse_sum(purse, HOUR_SLICES);
    *day = purse_sum(purse, DAY_SLICES);
}

static enum status above(struct limited_signer *signer, const struct signer_refusal *why,
                         struct err *err)
{
    static const char *const of[] = {
        [LIMIT_NONE] = "nothing",
        [LIMIT_PAYMENT] = "one payment",
        [LIMIT_HOUR] = "all payments of an hour",
        [LIMIT_DAY] = "all payments of a day",
        [LIMIT_CHANNEL] = "one channel",
    };
    signer->why = *why;
    return fail(err, ST_FULL, "that is above the signer's limit of %s%s", of[why->limit],
                address_is_zero(why->asset) ? "" : " in this token");
}

static enum status check_limits(struct limited_signer *signer, const struct sign_payment *payment,
                                u128 total, struct err *err)
{
    const struct money_limits *most = limits_of_money(&signer->options.limits, payment->asset);
    struct signer_refusal why = {LIMIT_PAYMENT, payment->asset, most->payment, 0, payment->amount};
    u128 hour, day;
    if (most->payment != 0 && payment->amount > most->payment)
        return above(signer, &why, err);
    signer_sums(signer, payment->chain_id, payment->asset, payment->now_s, &hour, &day);
    why = (struct signer_refusal){LIMIT_HOUR, payment->asset, most->hour, hour, total};
    if (most->hour != 0 && hour + total > most->hour)
        return above(signer, &why, err);
    why = (struct signer_refusal){LIMIT_DAY, payment->asset, most->day, day, total};
    if (most->day != 0 && day + total > most->day)
        return above(signer, &why, err);
    return ST_OK;
}

/* Locks of a chain's own money may be paid for on another chain; an app's court is on one. */
static u64 pledge_chain(const struct limited_signer *signer, enum lock_kind kind, u64 chain_id,
                        address asset)
{
    bool is_any = signer->options.swaps && kind == LOCK_OF_SECRET && address_is_zero(asset);
    return is_any ? 0 : chain_id;
}

struct pledge *pledge_of(struct limited_signer *signer, hash32 key, enum lock_kind kind,
                         u64 chain_id, address asset)
{
    return pledge_get(&signer->pledges, key, kind, pledge_chain(signer, kind, chain_id, asset),
                      asset);
}

enum status allow_payment(struct limited_signer *signer, const struct sign_payment *payment,
                          struct err *err)
{
    enum { MOST_COUNT = 1 << 16 };
    if (payment->amount == 0 || payment->amount >= CHANNEL_AMOUNT_LIMIT || payment->count == 0 ||
        payment->count > MOST_COUNT || payment->fee >= CHANNEL_AMOUNT_LIMIT)
        return fail(err, ST_INVALID, "no payment");
    if (payment->amount > (CHANNEL_AMOUNT_LIMIT - 1 - payment->fee) / payment->count)
        return fail(err, ST_INVALID, "more than there is");
    u128 total = payment->amount * payment->count + payment->fee;
    TRY(check_limits(signer, payment, total, err));
    struct purse *purse = purse_of(signer, payment->chain_id, payment->asset);
    set_spent(signer, purse, purse->newest, purse_get(purse, purse->newest) + total);
    if (payment->is_direct) {
        held_of(signer, payment->key)->direct += total;
        return ST_OK;
    }
    struct pledge *pledge =
        pledge_of(signer, payment->hash, payment->kind, payment->chain_id, payment->asset);
    pledge->is_payment = true;
    pledge->allowed += total;
    return ST_OK;
}

void signer_release(struct limited_signer *signer, const struct sign_payment *payment, u128 unused)
{
    if (payment->is_direct) {
        struct held *held = held_of(signer, payment->key);
        u128 back = unused < held->direct ? unused : held->direct;
        held->direct -= back;
        signer_refund(signer, payment->chain_id, payment->asset, back);
        return;
    }
    struct pledge *pledge = pledge_find(
        &signer->pledges, payment->hash, payment->kind,
        pledge_chain(signer, payment->kind, payment->chain_id, payment->asset), payment->asset);
    if (pledge == NULL || !pledge->is_payment)
        return;
    signer_refund(signer, payment->chain_id, payment->asset, pledge->allowed);
    pledge->allowed = 0;
    pledge->is_payment = false;
    pledge_settle(&signer->pledges, pledge);
}

enum status allow_deposit(struct limited_signer *signer, const struct sign_deposit *deposit,
                          struct err *err)
{
    u128 most = limits_of_money(&signer->options.limits, deposit->asset)->channel;
    struct signer_refusal why = {LIMIT_CHANNEL, deposit->asset, most, 0, deposit->total};
    return most == 0 || deposit->total <= most ? ST_OK : above(signer, &why, err);
}
