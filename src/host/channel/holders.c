/* Which channels may have a lock with a key: where to look when its secret is shown.
 *
 * A channel is noted under a key when a lock with it comes, of either side; not taken off when the
 * lock goes, but swept out with others of its kind, when the list has become twice as long as what
 * lives. So a secret costs the channels that have to do with it, and each lock little more than its
 * own note. */
#include "channel/daemon_locks.h"

#include <assert.h>
#include <stdlib.h>

enum { SPARE = 1 << 16 /* notes of locks that are gone, at least, before they are swept out */ };

struct keyed {
    struct keyed *next; /* under the same key */
    struct entry *entry;
};

void holders_free(struct daemon *daemon)
{
    for (usize i = 0; i < daemon->keyed.room; i++)
        for (struct keyed *at = daemon->keyed.places[i].thing, *next; at != NULL; at = next) {
            next = at->next;
            free(at);
        }
    by_hash_free(&daemon->keyed);
    daemon->notes = 0;
}

static void note(struct entry *entry, hash32 key)
{
    struct daemon *daemon = entry->daemon;
    struct keyed *first = by_hash_get(&daemon->keyed, key);
    for (struct keyed *at = first; at != NULL; at = at->next)
        if (at->entry == entry)
            return;
    struct keyed *keyed = malloc(sizeof(*keyed));
    assert(keyed != NULL);
    *keyed = (struct keyed){first, entry};
    by_hash_put(&daemon->keyed, key, keyed);
    daemon->notes++;
}

/* Those of both sides, and those that a dispute left. */
static void note_all(struct entry *entry)
{
    for (u32 side = 0; side < 2; side++) {
        const struct locks *lists[] = {channel_locks(entry->channel, side), entry->won[side]};
        for (usize i = 0; i < countof(lists); i++)
            for (u32 slot = 0; lists[i] != NULL && slot < locks_end(lists[i]); slot++) {
                struct lock lock = locks_get(lists[i], slot);
                if (lock.amount != 0)
                    note(entry, lock.key);
            }
    }
}

static void sweep(struct daemon *daemon)
{
    holders_free(daemon);
    for (u32 i = 0; i < daemon->entry_count; i++)
        note_all(daemon->entries[i]);
    daemon->notes_most = 2 * daemon->notes + SPARE;
}

void holders_add(struct entry *entry, const struct lock *lock)
{
    struct daemon *daemon = entry->daemon;
    entry->due_s =
        min_u64(entry->due_s, lock->expiry_s - min_u64(lock->expiry_s, daemon->options.margin_s));
    looks_add(entry);
    note(entry, lock->key);
    if (daemon->notes > daemon->notes_most)
        sweep(daemon);
}

void holders_add_all(struct entry *entry)
{
    entry->due_s = 0;
    looks_add(entry);
    note_all(entry);
}

/* Whether a lock of either side has the key. */
static bool has_lock(const struct entry *entry, hash32 key)
{
    for (u32 side = 0; side < 2; side++) {
        const struct locks *lists[] = {channel_locks(entry->channel, side), entry->won[side]};
        for (usize i = 0; i < countof(lists); i++)
            if (lists[i] != NULL && locks_have(lists[i], key))
                return true;
    }
    return false;
}

struct entry *holders_next(const struct daemon *daemon, hash32 key, const struct keyed **at)
{
    *at = *at == NULL ? by_hash_get(&daemon->keyed, key) : (*at)->next;
    return *at == NULL ? NULL : (*at)->entry;
}

bool holders_have(const struct chain_of *chain, hash32 key)
{
    const struct keyed *at = by_hash_get(&chain->daemon->keyed, key);
    while (at != NULL && (at->entry->chain != chain || !has_lock(at->entry, key)))
        at = at->next;
    return at != NULL;
}
