/* Places of channels, of which a daemon has a limited number: one that nobody has ever paid into
 * gives its place to a new one, when there is no other; the one first that was used longest ago.
 *
 * Never one with money, now or before, on chain or on its way there from us; nor one in which
 * anything was signed. So what is forgotten is worth nothing to anybody: a peer that pays in later
 * is told that there is no such channel, and takes its money out by itself. */
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"
#include "channel/subscriptions.h"

#include <assert.h>
#include <stdlib.h>

enum { USUAL_MOST = 100000 };

/* --- In the order of use. */

static void take_out(struct entry *entry)
{
    struct places *list = &entry->daemon->places;
    if (!entry->is_listed)
        return;
    *(entry->used_before == NULL ? &list->first : &entry->used_before->used_after) =
        entry->used_after;
    *(entry->used_after == NULL ? &list->last : &entry->used_after->used_before) =
        entry->used_before;
    entry->is_listed = false;
}

static void append(struct entry *entry)
{
    struct places *list = &entry->daemon->places;
    entry->used_before = list->last;
    entry->used_after = NULL;
    *(list->last == NULL ? &list->first : &list->last->used_after) = entry;
    list->last = entry;
    entry->is_listed = true;
}

void place_begin(struct entry *entry)
{
    append(entry);
}

void place_used(struct entry *entry)
{
    if (!entry->is_listed)
        return;
    take_out(entry);
    append(entry);
}

/* --- Which may go. */

bool place_is_empty(const struct entry *entry)
{
    u128 in[2], out[2];
    struct channel_progress progress = channel_progress(entry->channel);
    channel_seen(entry->channel, in, out);
    return (in[0] | in[1] | out[0] | out[1] | entry->wanted) == 0 &&
           (entry->view.deposited[0] | entry->view.deposited[1]) == 0 && progress.epoch == 0 &&
           progress.sent_seq == 0 && progress.received_seq == 0 &&
           !signer_has_signed(entry->daemon->keys, entry->key) &&
           !channel_has_queue(entry->channel) && !channel_is_lost(entry->channel) &&
           (entry->stage == STAGE_OPEN || entry->stage == STAGE_CLOSED);
}

static bool is_in(const struct outbox *box, const struct entry *entry)
{
    for (usize i = 0; i < box->deed_count; i++)
        if (box->deeds[i].entry == entry)
            return true;
    return false;
}

/* Something is under way that names it. */
static bool is_busy(const struct entry *entry)
{
    const struct daemon *daemon = entry->daemon;
    hash32 id = channel_name(entry->channel)->id;
    for (const struct daemon_call *call = daemon->waiting; call != NULL; call = call->next)
        if (call->entry == entry || hash32_equal(call->key, id))
            return true;
    return entry->is_dirty || entry->tower.state != TOWER_IDLE || entry->answers != NULL ||
           is_in(&daemon->gathering, entry) || is_in(&daemon->flying, entry);
}

static bool is_full(const struct daemon *daemon)
{
    u32 most = daemon->options.most_channels;
    return daemon->entry_count >= (most == 0 ? USUAL_MOST : most);
}

/* Those that have got something leave the list. */
static struct entry *find(struct daemon *daemon)
{
    struct entry *entry = daemon->places.first;
    while (entry != NULL) {
        struct entry *next = entry->used_after;
        if (!place_is_empty(entry))
            take_out(entry);
        else if (!is_busy(entry))
            return entry;
        entry = next;
    }
    return NULL;
}

enum status place_find(struct daemon *daemon, struct entry **instead)
{
    *instead = is_full(daemon) ? find(daemon) : NULL;
    return is_full(daemon) && *instead == NULL ? ST_FULL : ST_OK;
}

/* --- Going. */

void place_give(struct entry *entry)
{
    struct daemon *daemon = entry->daemon;
    hash32 id = channel_name(entry->channel)->id;
    struct entry **at = &entry->peer->entries;
    while (*at != entry)
        at = &(*at)->next_of_peer;
    *at = entry->next_of_peer;
    if (entry->stage != STAGE_CLOSED)
        entry->peer->channels--;
    take_out(entry);
    looks_drop(entry);
    signer_forget(daemon->keys, entry->key);
    by_hash_drop(&daemon->by_id, id);
    if (!daemon->replaying) {
        onchain_forget(entry->chain->chain, id);
        subscriptions_forget(daemon->subscriptions, entry->index);
    }
    daemon->entries[entry->index] = NULL;
    daemon->free_place = entry->index;
    passages_free(entry);
    unlock_free(entry);
    channel_free(entry->channel);
    free(entry);
}
