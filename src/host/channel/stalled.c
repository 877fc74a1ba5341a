#include "channel/stalled.h"

#include "channel/daemon_locks.h"

#include <assert.h>
#include <stdlib.h>

/* What an onion that was opened says. */
struct onward {
    struct lock lock;
    u8 mark[ONION_HMAC_SIZE]; /* of the onion */
    struct payload step;      /* without its texts */
    usize size;
    u8 onion[ITEM_ONION_LIMIT]; /* for the next node; with a path key where it follows a path */
};

static bytes mark_of(const struct entry *entry, u32 slot)
{
    bytes onion = channel_lock_onion(entry->channel, slot);
    if (onion.size == 0)
        return BYTES_EMPTY;
    return bytes_slice(onion, ONION_SIZE - ONION_HMAC_SIZE, ONION_HMAC_SIZE);
}

struct onward *onward_new(const struct entry *entry, u32 slot, const struct lock *lock,
                          const struct payload *step, bytes onion)
{
    struct onward *onward = calloc(1, sizeof(*onward));
    assert(onward != NULL);
    onward->lock = *lock;
    bytes_copy(onward->mark, mark_of(entry, slot));
    onward->step = *step;
    onward->step.sealed = onward->step.message = BYTES_EMPTY;
    onward->size = onion.size;
    bytes_copy(onward->onion, onion);
    return onward;
}

/* The slot may have another lock by now. */
static bool is_onward_of(const struct onward *onward, const struct entry *entry, u32 slot)
{
    u32 peer = 1 - channel_side(entry->channel);
    struct lock lock = locks_get(channel_locks(entry->channel, peer), slot);
    return lock.amount == onward->lock.amount && lock.expiry_s == onward->lock.expiry_s &&
           lock.kind == onward->lock.kind && hash32_equal(lock.key, onward->lock.key) &&
           bytes_equal(mark_of(entry, slot), BYTES_OF(onward->mark));
}

void stalled_for_room(struct entry *entry, u32 slot, bool is_new, hash32 out, struct onward *onward)
{
    struct daemon *daemon = entry->daemon;
    if (daemon->stalled_count == daemon->stalled_room) {
        daemon->stalled_room = daemon->stalled_room == 0 ? 64 : 2 * daemon->stalled_room;
        daemon->stalled =
            realloc(daemon->stalled, daemon->stalled_room * sizeof(daemon->stalled[0]));
        assert(daemon->stalled != NULL);
    }
    daemon->stalled[daemon->stalled_count++] = (struct stalled){entry, slot, is_new, out, onward};
}

void stalled_add(struct entry *entry, u32 slot, bool is_new)
{
    stalled_for_room(entry, slot, is_new, (hash32){{0}}, NULL);
}

static bool still_has_no_room(struct daemon *daemon, const struct stalled *lock)
{
    const struct entry *out = daemon_find(daemon, lock->out);
    return out != NULL && out->stage == STAGE_OPEN && !out->ends && out->here && out->there &&
           !channel_has_room(out->channel);
}

static void look_again(const struct stalled *lock)
{
    const struct onward *onward = lock->onward;
    if (onward != NULL && passage_in(lock->entry, lock->slot) == NULL &&
        is_onward_of(onward, lock->entry, lock->slot))
        forward_on(lock->entry, lock->slot, lock->is_new, &onward->lock, &onward->step,
                   (bytes){onward->onion, onward->size});
    else
        forward_take(lock->entry, lock->slot, lock->is_new);
}

void stalled_turn(struct daemon *daemon)
{
    struct stalled *list = daemon->stalled;
    usize count = daemon->stalled_count;
    daemon->stalled = NULL;
    daemon->stalled_count = daemon->stalled_room = 0;
    for (usize i = 0; i < count; i++) {
        if (channel_lock_waits(list[i].entry->channel, list[i].slot)) {
            if (still_has_no_room(daemon, &list[i])) {
                stalled_for_room(list[i].entry, list[i].slot, list[i].is_new, list[i].out,
                                 list[i].onward);
                continue;
            }
            look_again(&list[i]);
        }
        free(list[i].onward);
    }
    free(list);
}

void stalled_free(struct daemon *daemon)
{
    for (usize i = 0; i < daemon->stalled_count; i++)
        free(daemon->stalled[i].onward);
    free(daemon->stalled);
}
