/* Transactions about a channel. An errand's name follows from what it is to achieve, so asking
 * twice is asking once, after a restart too. One that failed gets a new name and is tried again
 * later, as long as it is still wanted. */
#include "channel/daemon_internal.h"

#include "crypto/keccak.h"
#include "sys/clock.h"
#include "sys/log.h"

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

void errand_call(struct entry *entry, enum errand errand, bytes call)
{
    struct onchain_intent intent = {
        .key = errand_key(entry, errand, number_of(call.data, call.size)),
        .to = ONCHAIN_ADJUDICATOR,
        .data = call,
    };
    onchain_submit(entry->chain->chain, &intent);
}

/* Whoever is first; another's reveal of the same secret does as well. */
void errand_reveal(struct chain_of *chain, hash32 preimage)
{
    u8 room[256];
    struct arena arena = arena_over(room, sizeof(room));
    struct onchain_intent intent = {
        .key = keccak256(BYTES_OF(preimage)),
        .to = ONCHAIN_REGISTRY,
        .data = registry_reveal(preimage, &arena),
    };
    onchain_submit(chain->chain, &intent);
}

static void failed(struct entry *entry, enum errand errand, const char *why)
{
    static const char *const names[ERRANDS] = {"deposit",    "close",      "forced close", "answer",
                                               "settlement", "withdrawal", "unlocking"};
    log_warn("channel", "a transaction failed, and is tried again if it is still wanted",
             LOG_TEXT("what", names[errand]), LOG_HEX("channel", channel_name(entry->channel)->id),
             LOG_TEXT("why", why));
    entry->errands[errand].failures++;
    u64 challenge_ms = (u64)channel_terms(entry->channel)->challenge_s * 1000;
    entry->retry_ms = clock_now_ms() + min_u64(RETRY_MS, challenge_ms / RETRIES);
}

void errand_ended(struct daemon *daemon, hash32 key, bool succeeded, const char *why)
{
    for (u32 i = 0; i < daemon->entry_count && !succeeded; i++)
        for (usize errand = 0; errand < ERRANDS; errand++)
            if (hash32_equal(daemon->entries[i]->errands[errand].key, key))
                failed(daemon->entries[i], (enum errand)errand, why);
}

void errands_tick(struct daemon *daemon, u64 now_ms)
{
    for (u32 i = 0; i < daemon->entry_count; i++) {
        struct entry *entry = daemon->entries[i];
        if (entry->retry_ms == 0 || now_ms < entry->retry_ms)
            continue;
        entry->retry_ms = 0;
        opening_fund(entry);
        ending_resume(entry);
        splice_resume(entry);
    }
}
