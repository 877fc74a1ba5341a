/* What the onion of a lock of the peer's says to us: layers of ours come off until it names a next
 * node, or ends here. */
#ifndef CHANNEL_OPENED_H
#define CHANNEL_OPENED_H

#include "channel/daemon_internal.h"
#include "channel/payload.h"

/* What is left of it then; peeled.shared is the caller's to wipe. */
struct opened {
    enum onion_verdict verdict;
    struct onion_peeled peeled;
    struct payload step; /* borrows from `peeled` */
    point33 path_key;    /* for the next hop; zero: there is no blinded path */
};

/* ST_INVALID: *why is to be told to the origin. `step` borrows from *out. */
enum status lock_open(const struct entry *entry, u32 slot, const struct lock *lock,
                      struct opened *out, struct failure *why);

/* The outermost layer alone; its secrets are the caller's to wipe. */
enum onion_verdict lock_peel(const struct entry *entry, u32 slot, struct onion_peeled *out);
/* Whether the lock came along a blinded path, after its first hop. */
bool lock_is_on_path(const struct entry *entry, u32 slot, point33 *path_key);
/* Whether a blinded path begins here. */
bool onion_begins_path(enum onion_verdict verdict, const struct onion_peeled *peeled);

#endif
