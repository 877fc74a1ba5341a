/* Locks of peers' that cannot be passed on yet, and are looked at again in the next turn: those
 * that wait for a first block of their chain, and those for which the next update of the channel to
 * the next node has no room. Of the latter it is kept what their onions say, as to open one costs
 * more than all the rest. */
#ifndef CHANNEL_STALLED_H
#define CHANNEL_STALLED_H

#include "channel/daemon_internal.h"
#include "channel/payload.h"

/* For something else than room. */
void stalled_add(struct entry *entry, u32 slot, bool is_new);

/* What the onion of the lock in the slot says; copies. `onion` is for the next node. */
struct onward *onward_new(const struct entry *entry, u32 slot, const struct lock *lock,
                          const struct payload *step, bytes onion);
/* The next update of channel `out` is full. Takes `onward`. */
void stalled_for_room(struct entry *entry, u32 slot, bool is_new, hash32 out,
                      struct onward *onward);

/* Looks at all of them, before the turn's updates are made. */
void stalled_turn(struct daemon *daemon);
void stalled_free(struct daemon *daemon);

/* --- forward.c */

/* Takes a lock that waits up, from its onion on; or from what that says on. */
void forward_take(struct entry *entry, u32 slot, bool is_new);
void forward_on(struct entry *from, u32 slot, bool is_new, const struct lock *lock,
                const struct payload *step, bytes onion);

#endif
