/* Payments to us: invoices, and locks whose onion ends here.
 *
 * An invoice's parts are held until they make up its amount, then all are claimed; after half the
 * margin they are given back, well before the first can expire. Of one that is paid, parts that
 * waited over a restart are claimed, whatever the time: the payer has the preimage by the others.
 * What is paid for it later is given back. A keysend brings its own preimage, and is claimed at
 * once. */
#include "channel/daemon_locks.h"
#include "channel/daemon_records.h"
#include "channel/subscriptions.h"

#include "sys/entropy.h"

#include <assert.h>
#include <stdlib.h>

enum { MOST_PARTS = 64, MOST_INVOICES = 1000000 /* some 250 bytes each, in memory and journal */ };

/* A part that waits for the others. */
struct held {
    struct entry *entry;
    u32 slot;
    u128 amount;
};

struct bill {
    struct bill *next;
    struct bill_terms terms;
    hash32 hash;
    u128 received;
    u128 total;        /* of the parts that are held, by the first of them */
    struct held *held; /* MOST_PARTS; NULL: none is */
    usize held_count;
    u64 held_since_s;
    u64 told;                  /* the number of its newest row in the history */
    struct bill *next_holding; /* in the daemon's list of those that hold parts */
};

static struct bill *find_bill(const struct daemon *daemon, hash32 hash)
{
    return by_hash_get(&daemon->bills_by_hash, hash);
}

void bill_add(struct daemon *daemon, const struct bill_terms *terms)
{
    struct bill *bill = calloc(1, sizeof(*bill));
    assert(bill != NULL);
    bill->terms = *terms;
    bill->hash = registry_key(terms->preimage);
    bill->next = daemon->bills;
    daemon->bills = bill;
    by_hash_put(&daemon->bills_by_hash, bill->hash, bill);
    bill->told = chronicle_bill(daemon, terms, bill->hash, 0);
}

void bill_received(struct daemon *daemon, hash32 hash, u128 amount)
{
    struct bill *bill = find_bill(daemon, hash);
    if (bill == NULL)
        return;
    bill->received = amount;
    bill->told = chronicle_bill(daemon, &bill->terms, hash, amount);
}

void bills_record(struct daemon *daemon)
{
    for (const struct bill *bill = daemon->bills; bill != NULL; bill = bill->next) {
        record_bill(daemon, &bill->terms);
        if (bill->received != 0)
            record_received(daemon, bill->hash, bill->received);
    }
}

/* Paid, and no lock for it is there, which would be claimed too; or nobody can pay it any more. */
static bool is_over(struct daemon *daemon, const struct bill *bill)
{
    const struct chain_of *chain = daemon_chain(daemon, bill->terms.chain_id);
    return chain != NULL && bill->held == NULL && history_has(daemon->history, bill->told) &&
           !holders_have(chain, bill->hash) &&
           (bill->received != 0 || chain->time_s > bill->terms.expiry_s + LONGEST_LOCK_S);
}

void bills_forget(struct daemon *daemon)
{
    for (struct bill **at = &daemon->bills; *at != NULL;) {
        struct bill *bill = *at;
        if (!is_over(daemon, bill)) {
            at = &bill->next;
            continue;
        }
        by_hash_drop(&daemon->bills_by_hash, bill->hash);
        *at = bill->next;
        secret_wipe(bill);
        free(bill);
    }
}

void bills_free(struct daemon *daemon)
{
    while (daemon->bills != NULL) {
        struct bill *next = daemon->bills->next;
        free(daemon->bills->held);
        secret_wipe(daemon->bills);
        free(daemon->bills);
        daemon->bills = next;
    }
    by_hash_free(&daemon->bills_by_hash);
}

bool bill_put(struct daemon *daemon, const struct bill_terms *terms)
{
    hash32 hash = registry_key(terms->preimage);
    u128 received = 0;
    if (find_bill(daemon, hash) != NULL)
        return true;
    if (bill_state(daemon, hash, &received) && received != 0)
        return false; /* an offer's, forgotten since: its secret is told */
    if (daemon->bills_by_hash.count >= MOST_INVOICES)
        return false;
    bill_add(daemon, terms);
    record_bill(daemon, terms);
    return true;
}

bool bill_new(struct daemon *daemon, struct bill_terms *terms)
{
    random_fill(terms->preimage.b, sizeof(terms->preimage.b));
    random_fill(terms->secret.b, sizeof(terms->secret.b));
    return bill_put(daemon, terms);
}

bool bill_state(const struct daemon *daemon, hash32 hash, u128 *received)
{
    const struct bill *bill = find_bill(daemon, hash);
    if (bill != NULL)
        *received = bill->received;
    return bill != NULL || (!daemon->replaying && chronicle_bill_state(daemon, hash, received));
}

/* --- Locks that end here. */

static void begin_holding(struct daemon *daemon, struct bill *bill, u128 total, u64 now_s)
{
    bill->held = calloc(MOST_PARTS, sizeof(bill->held[0]));
    assert(bill->held != NULL);
    bill->held_since_s = now_s;
    bill->total = total;
    bill->next_holding = daemon->holding;
    daemon->holding = bill;
}

static void end_holding(struct daemon *daemon, struct bill *bill)
{
    struct bill **at = &daemon->holding;
    while (*at != bill)
        at = &(*at)->next_holding;
    *at = bill->next_holding;
    free(bill->held);
    bill->held = NULL;
    bill->held_count = 0;
}

static void give_back(struct daemon *daemon, struct bill *bill)
{
    for (usize i = 0; i < bill->held_count; i++)
        if (lock_waits(bill->held[i].entry, bill->held[i].slot, bill->hash))
            lock_fail(bill->held[i].entry, bill->held[i].slot,
                      &(struct failure){.code = FAILURE_MPP_TIMEOUT});
    end_holding(daemon, bill);
}

static void note_received(struct daemon *daemon, struct bill *bill, u128 sum)
{
    bill->received = sum;
    record_received(daemon, bill->hash, sum);
    bill->told = chronicle_bill(daemon, &bill->terms, bill->hash, sum);
    subscriptions_received(daemon, daemon_chain(daemon, bill->terms.chain_id), bill->terms.asset,
                           bill->hash, sum);
    methods_wake(daemon, bill->hash);
}

static void claim(struct daemon *daemon, struct bill *bill, u128 sum)
{
    note_received(daemon, bill, sum);
    for (usize i = 0; i < bill->held_count; i++)
        if (lock_waits(bill->held[i].entry, bill->held[i].slot, bill->hash))
            lock_settle(bill->held[i].entry, bill->held[i].slot, bill->terms.preimage);
    end_holding(daemon, bill);
}

/* In the money that it asks for: a channel may hold any token. */
static bool is_in_money_of(const struct bill *bill, const struct entry *entry)
{
    const struct channel_terms *terms = channel_terms(entry->channel);
    return terms->chain_id == bill->terms.chain_id &&
           address_equal(terms->asset, bill->terms.asset);
}

/* And by its secret. */
static bool is_for(const struct bill *bill, const struct entry *entry, const struct payload *step)
{
    return bill != NULL && secret_equal(bill->terms.secret.b, step->payment_secret.b, 32) &&
           is_in_money_of(bill, entry);
}

/* Their onions are gone, and with them the payer's word of how much it is: the invoice's amount, or
 * more, is enough. */
bool bill_take_held(struct entry *entry, hash32 hash, u128 sum, hash32 *preimage)
{
    struct bill *bill = find_bill(entry->daemon, hash);
    if (bill == NULL || !is_in_money_of(bill, entry))
        return false;
    bool is_enough = bill->held == NULL && bill->terms.amount != 0 && sum >= bill->terms.amount;
    if (bill->received == 0 && !is_enough)
        return false;
    if (bill->received == 0)
        note_received(entry->daemon, bill, sum);
    *preimage = bill->terms.preimage;
    return true;
}

/* What the onion says, at least: a forwarder may give more, not less. */
static bool is_as_sent(const struct lock *lock, const struct payload *step, u64 now_s, u64 margin_s)
{
    return lock->amount >= step->amount && lock->expiry_s >= step->expiry_s &&
           lock->expiry_s >= now_s + margin_s;
}

/* BOLT 4: all parts name one total, which is the invoice's amount or more, up to twice as much. */
static bool is_welcome(const struct bill *bill, u128 total, u64 now_s)
{
    u128 amount = bill->terms.amount;
    return now_s <= bill->terms.expiry_s && bill->received == 0 && total >= amount &&
           (amount == 0 || total - amount <= amount) && bill->held_count < MOST_PARTS &&
           (bill->held_count == 0 || total == bill->total);
}

/* A slot's lock counts once, however often it is looked at. */
static bool holds(const struct bill *bill, const struct held *part)
{
    usize i = 0;
    while (i < bill->held_count &&
           (bill->held[i].entry != part->entry || bill->held[i].slot != part->slot))
        i++;
    return i < bill->held_count;
}

static void hold(struct daemon *daemon, struct bill *bill, const struct held *part, u128 total,
                 u64 now_s)
{
    u128 sum = 0;
    if (holds(bill, part))
        return;
    if (bill->held_count == 0)
        begin_holding(daemon, bill, total, now_s);
    bill->held[bill->held_count++] = *part;
    for (usize i = 0; i < bill->held_count; i++)
        sum += bill->held[i].amount;
    if (sum >= total)
        claim(daemon, bill, sum);
}

/* The same answer whatever is wrong, so that nobody learns more by asking (BOLT 4). */
void receive_lock(struct entry *entry, u32 slot, bool is_new, const struct lock *lock,
                  const struct payload *step)
{
    struct daemon *daemon = entry->daemon;
    u64 now_s = entry->chain->time_s;
    struct bill *bill = find_bill(daemon, lock->key);
    struct failure unknown = {.code = FAILURE_INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS,
                              .amount = lock->amount,
                              .time_s = now_s};
    bool is_right = is_as_sent(lock, step, now_s, daemon->options.margin_s);
    if (is_right && !hash32_is_zero(step->preimage) &&
        hash32_equal(registry_key(step->preimage), lock->key)) {
        lock_settle(entry, slot, step->preimage);
        chronicle_gift(entry, lock, step->preimage);
        subscriptions_received(daemon, entry->chain, channel_terms(entry->channel)->asset,
                               lock->key, lock->amount);
    } else if (!is_for(bill, entry, step)) {
        lock_fail(entry, slot, &unknown);
    } else if (bill->received != 0 && !is_new) {
        lock_settle(entry, slot, bill->terms.preimage);
    } else if (is_right && is_welcome(bill, step->total, now_s)) {
        struct held part = {entry, slot, lock->amount};
        hold(daemon, bill, &part, step->total, now_s);
    } else {
        lock_fail(entry, slot, &unknown);
    }
}

void receive_tick(struct chain_of *chain)
{
    struct daemon *daemon = chain->daemon;
    for (struct bill *at = daemon->holding, *next; at != NULL; at = next) {
        next = at->next_holding;
        if (at->terms.chain_id == chain->chain_id &&
            chain->time_s > at->held_since_s + daemon->options.margin_s / 2)
            give_back(daemon, at);
    }
}
