/* Which channels a block has to do with: those of which time matters, and those that have changed
 * since the block before.
 *
 *     what changes in a channel ──> looks_add ──> the next block looks; as long as one of its looks
 *                                               says so, the one after that does too
 *
 * Invariant: a channel in which one of the looks would do anything is in its chain's list. All that
 * makes such a one of it comes with entry_touch, a view of the chain's, or a call of looks_add;
 * after a start all are in it, for once. So channels that stand still cost nothing. */
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"

static void put(struct entry **first, struct entry *entry)
{
    entry->next_look = *first;
    entry->look = first;
    if (*first != NULL)
        (*first)->look = &entry->next_look;
    *first = entry;
}

void looks_add(struct entry *entry)
{
    if (entry->look == NULL)
        put(&entry->chain->looks, entry);
}

void looks_drop(struct entry *entry)
{
    if (entry->look == NULL)
        return;
    *entry->look = entry->next_look;
    if (entry->next_look != NULL)
        entry->next_look->look = entry->look;
    entry->look = NULL;
}

static bool look(struct entry *entry)
{
    bool again = ending_look(entry);
    again |= splice_look(entry);
    again |= restoring_look(entry);
    again |= forward_look(entry);
    return again;
}

/* Those that the looks change are in the next block's list. */
void looks_block(struct chain_of *chain)
{
    struct entry *now = chain->looks;
    chain->looks = NULL;
    if (now != NULL)
        now->look = &now;
    while (now != NULL) {
        struct entry *entry = now;
        looks_drop(entry);
        if (look(entry))
            looks_add(entry);
    }
}
