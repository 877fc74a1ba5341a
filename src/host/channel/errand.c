/* Transactions about a channel, and secrets that are shown. An errand's name follows from what it
 * is to achieve, so asking twice is asking once, after a restart too. One that failed gets a new
 * name and is tried again later, as long as it is still wanted. */
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"

#include "crypto/keccak.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

enum {
    RETRY_MS = 30000,
    RETRIES = 8, /* at least, within a challenge period */
};

static hash32 errand_key(struct entry *entry, enum errand errand, hash32 what)
{
    struct {
        hash32 id, what;
        u64 errand, failures;
    } name = {channel_name(entry->channel)->id, what, errand, entry->errands[errand].failures};
    entry->errands[errand].key = keccak256(BYTES_OF(name));
    return entry->errands[errand].key;
}

static hash32 number_of(const void *what, usize size)
{
    return keccak256((bytes){what, size});
}

void errand_deposit(struct entry *entry)
{
    u32 side = channel_side(entry->channel);
    hash32 key =
        errand_key(entry, ERRAND_DEPOSIT, number_of(&entry->wanted, sizeof(entry->wanted)));
    onchain_deposit(entry->chain->chain, key, channel_terms(entry->channel), side, entry->wanted);
}

static void submit(struct entry *entry, enum errand errand, struct onchain_intent intent)
{
    intent.key = errand_key(entry, errand, number_of(intent.data.data, intent.data.size));
    onchain_submit(entry->chain->chain, &intent);
}

void errand_call(struct entry *entry, enum errand errand, bytes call)
{
    submit(entry, errand, (struct onchain_intent){.data = call});
}

void errand_urgent(struct entry *entry, enum errand errand, bytes call,
                   const struct sender_stake *stake)
{
    submit(entry, errand, (struct onchain_intent){.data = call, .stake = *stake});
}

void errand_force(struct entry *entry, bytes call, bool claims)
{
    submit(entry, ERRAND_FORCE, (struct onchain_intent){.data = call, .stakes = claims});
}

void errand_record(struct entry *entry, const struct shown_terms *shown,
                   const struct sender_stake *stake)
{
    u8 room[1024];
    struct arena arena = arena_over(room, sizeof(room));
    bytes call = registry_record(shown->secret, (u32)shown->index, (u32)shown->count, shown->path,
                                 (usize)shown->path_size, &arena);
    submit(entry, ERRAND_RECORD,
           (struct onchain_intent){.to = ONCHAIN_REGISTRY, .data = call, .stake = *stake});
}

struct sender_stake errand_stake_of_lock(const struct entry *entry, const struct lock *lock,
                                         u64 from_s, u64 until_s)
{
    if (!address_is_zero(channel_terms(entry->channel)->asset))
        return (struct sender_stake){.until_s = 0};
    return (struct sender_stake){
        {{(u64)lock->amount, (u64)(lock->amount >> 64), 0, 0}}, from_s, until_s};
}

/* --- Secrets. */

static struct revealing *revealing_of(struct chain_of *chain, hash32 preimage)
{
    struct revealing *at = chain->revealing;
    while (at != NULL && !hash32_equal(at->preimage, preimage))
        at = at->next;
    if (at != NULL)
        return at;
    at = calloc(1, sizeof(*at));
    assert(at != NULL);
    *at = (struct revealing){
        .next = chain->revealing, .preimage = preimage, .key = keccak256(BYTES_OF(preimage))};
    chain->revealing = at;
    return at;
}

/* Whoever is first; another's reveal of the same secret does as well. */
void errand_reveal(struct chain_of *chain, hash32 preimage, const struct sender_stake *stake)
{
    u8 room[256];
    struct arena arena = arena_over(room, sizeof(room));
    struct revealing *at = revealing_of(chain, preimage);
    if (at->is_sent)
        return;
    at->is_sent = true;
    struct onchain_intent intent = {
        .key = at->key,
        .to = ONCHAIN_REGISTRY,
        .data = registry_reveal(preimage, &arena),
        .stake = *stake,
    };
    onchain_submit(chain->chain, &intent);
}

/* It gets another name, under which it is sent when it is asked for again. */
static void reveal_failed(struct chain_of *chain, hash32 key, const char *why)
{
    struct revealing *at = chain->revealing;
    while (at != NULL && !hash32_equal(at->key, key))
        at = at->next;
    if (at == NULL)
        return;
    log_warn("channel", "a secret could not be shown, and is shown again if that is still wanted",
             LOG_TEXT("why", why));
    at->key = keccak256(BYTES_OF(at->key));
    at->is_sent = false;
}

void reveals_free(struct chain_of *chain)
{
    while (chain->revealing != NULL) {
        struct revealing *next = chain->revealing->next;
        secret_wipe(chain->revealing);
        free(chain->revealing);
        chain->revealing = next;
    }
}

/* --- What became of them. */

/* The daemon looks at its channels when the first of them is due. */
static void come_back(const struct entry *entry)
{
    u64 *first_ms = &entry->daemon->retry_ms;
    if (*first_ms == 0 || entry->retry_ms < *first_ms)
        *first_ms = entry->retry_ms;
}

static void failed(struct entry *entry, enum errand errand, const char *why)
{
    static const char *const names[ERRANDS] = {"deposit",
                                               "close",
                                               "forced close",
                                               "answer",
                                               "settlement",
                                               "withdrawal",
                                               "unlocking",
                                               "proof of a lie",
                                               "return of the bond",
                                               "record of a secret"};
    log_warn("channel", "a transaction failed, and is tried again if it is still wanted",
             LOG_TEXT("what", names[errand]), LOG_HEX("channel", channel_name(entry->channel)->id),
             LOG_TEXT("why", why));
    entry->errands[errand].failures++;
    u64 challenge_ms = (u64)channel_terms(entry->channel)->challenge_s * 1000;
    entry->retry_ms = clock_now_ms() + min_u64(onchain_paced_ms(entry->chain->chain, RETRY_MS),
                                               challenge_ms / RETRIES);
    come_back(entry);
}

void errand_ended(struct chain_of *chain, hash32 key, bool succeeded, const char *why)
{
    struct daemon *daemon = chain->daemon;
    if (succeeded)
        return;
    reveal_failed(chain, key, why);
    apps_errand_failed(chain, key, why);
    for (u32 i = 0; i < daemon->entry_count; i++)
        for (usize errand = 0; errand < ERRANDS; errand++)
            if (hash32_equal(daemon->entries[i]->errands[errand].key, key))
                failed(daemon->entries[i], (enum errand)errand, why);
}

void errands_tick(struct daemon *daemon, u64 now_ms)
{
    if (daemon->retry_ms == 0 || now_ms < daemon->retry_ms)
        return;
    daemon->retry_ms = 0;
    for (u32 i = 0; i < daemon->entry_count; i++) {
        struct entry *entry = daemon->entries[i];
        if (entry->retry_ms == 0)
            continue;
        if (now_ms < entry->retry_ms) {
            come_back(entry);
            continue;
        }
        entry->retry_ms = 0;
        opening_fund(entry);
        ending_resume(entry);
        splice_resume(entry);
    }
}
