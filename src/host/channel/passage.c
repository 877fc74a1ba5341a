/* Passages, by the locks that they join: a peer's, and the one of ours that it pays for. */
#include "channel/daemon_locks.h"

#include <assert.h>
#include <stdlib.h>

static struct passage **slot_in(struct passage ***list, u32 *room, u32 slot)
{
    if (slot >= *room) {
        u32 larger = slot + 1 > 2 * *room ? slot + 1 : 2 * *room;
        *list = realloc(*list, larger * sizeof((*list)[0]));
        assert(*list != NULL);
        memset(*list + *room, 0, (larger - *room) * sizeof((*list)[0]));
        *room = larger;
    }
    return &(*list)[slot];
}

struct passage *passage_out(const struct entry *entry, u32 slot)
{
    return slot < entry->out_room ? entry->out[slot] : NULL;
}

struct passage *passage_in(const struct entry *entry, u32 slot)
{
    return slot < entry->in_room ? entry->in[slot] : NULL;
}

/* --- By key. */

struct passage *passages_of_key(const struct daemon *daemon, hash32 key)
{
    return by_hash_get(&daemon->passages, key);
}

bool passage_holds_slot(const struct passage *passage)
{
    return passage->out != NULL && passage_out(passage->out, passage->out_slot) == passage;
}

static void put_key(struct daemon *daemon, struct passage *passage)
{
    passage->daemon = daemon;
    passage->next_of_key = passages_of_key(daemon, passage->key);
    passage->before_of_key = NULL;
    if (passage->next_of_key != NULL)
        passage->next_of_key->before_of_key = passage;
    by_hash_put(&daemon->passages, passage->key, passage);
}

static void take_key(struct passage *passage)
{
    struct passage *next = passage->next_of_key, *before = passage->before_of_key;
    if (next != NULL)
        next->before_of_key = before;
    if (before != NULL)
        before->next_of_key = next;
    else if (next != NULL)
        by_hash_put(&passage->daemon->passages, passage->key, next);
    else
        by_hash_drop(&passage->daemon->passages, passage->key);
}

/* --- By slot. */

/* Gone when neither of its locks needs it. */
static void drop_if_idle(struct passage *passage)
{
    if (passage->in != NULL || passage->out != NULL)
        return;
    take_key(passage);
    free(passage->reason);
    free(passage);
}

void passage_leave_in(struct passage *passage)
{
    if (passage->in != NULL)
        passage->in->in[passage->in_slot] = NULL;
    passage->in = NULL;
    drop_if_idle(passage);
}

void passage_leave_out(struct passage *passage)
{
    if (passage->out != NULL)
        passage->out->out[passage->out_slot] = NULL;
    passage->out = NULL;
    drop_if_idle(passage);
}

void passage_end(struct passage *passage)
{
    if (passage->in != NULL)
        passage->in->in[passage->in_slot] = NULL;
    passage->in = NULL;
    passage_leave_out(passage);
}

/* The first that was in the slot, out of it. */
struct passage *passage_take_oldest(struct entry *entry, u32 slot)
{
    struct passage **at = &entry->out[slot];
    while ((*at)->before != NULL)
        at = &(*at)->before;
    struct passage *oldest = *at;
    *at = NULL;
    oldest->out = NULL;
    return oldest;
}

/* What held the slots before is over. In the journal its end came first; else the slot of a lock of
 * ours may be taken again before its end is told. */
struct passage *passage_new(struct entry *in, u32 in_slot, struct entry *out, u32 out_slot,
                            const struct lock *lock, struct part *part)
{
    struct passage *passage = calloc(1, sizeof(*passage));
    assert(passage != NULL);
    *passage = (struct passage){.in = in,
                                .in_slot = in_slot,
                                .out = out,
                                .out_slot = out_slot,
                                .key = lock->key,
                                .expiry_s = lock->expiry_s,
                                .part = part};
    if (passage_out(out, out_slot) != NULL && out->daemon->replaying)
        passage_leave_out(passage_out(out, out_slot));
    passage->before = passage_out(out, out_slot);
    if (in != NULL && passage_in(in, in_slot) != NULL)
        passage_leave_in(passage_in(in, in_slot));
    *slot_in(&out->out, &out->out_room, out_slot) = passage;
    if (in != NULL)
        *slot_in(&in->in, &in->in_room, in_slot) = passage;
    put_key(out->daemon, passage);
    if (!out->daemon->replaying)
        holders_add(out, lock);
    return passage;
}

void passage_put_back(const struct passage *from)
{
    struct passage *passage = malloc(sizeof(*passage));
    assert(passage != NULL && from->reason == NULL && from->before == NULL);
    *passage = *from;
    if (passage->out != NULL)
        *slot_in(&passage->out->out, &passage->out->out_room, passage->out_slot) = passage;
    if (passage->in != NULL)
        *slot_in(&passage->in->in, &passage->in->in_room, passage->in_slot) = passage;
    put_key(passage->out != NULL ? passage->out->daemon : passage->in->daemon, passage);
}

void passages_free(struct entry *entry)
{
    for (u32 slot = 0; slot < entry->out_room; slot++)
        while (entry->out[slot] != NULL)
            drop_if_idle(passage_take_oldest(entry, slot));
    for (u32 slot = 0; slot < entry->in_room; slot++)
        if (entry->in[slot] != NULL)
            passage_leave_in(entry->in[slot]);
    free(entry->out);
    free(entry->in);
    entry->out_room = entry->in_room = 0;
}
