/* The locks of halves that are not the newest: what a journal that is written anew has no more of,
 * and a dispute that was answered by nobody may leave. On the daemon's shelf, in the order in which
 * they came:
 *
 *     "L" ‖ channel's index (u32) ‖ side (u8) ‖ number (u64)   of an update, big-endian
 *     slots that it freed (u16), slots that it filled (u16 + 0x8000) with their locks, slots
 *     of which it paid a part (u16 + 0x4000) with that (u128) */
#ifndef CHANNEL_BYGONE_H
#define CHANNEL_BYGONE_H

#include "channel/update.h"
#include "store/shelf.h"

/* Keeps what the items change of their side's locks, if anything. */
enum status bygone_put(struct shelf_change *change, u32 channel, u32 side, bytes items,
                       struct err *err);
/* The channel is closed. */
enum status bygone_drop(struct shelf_change *change, u32 channel, struct err *err);

/* Makes of `locks`, which are none, those of that root. ST_MISSING: no half had them, as far as is
 * known; they are what all of it has come to. */
enum status bygone_find(struct shelf *shelf, u32 channel, u32 side, hash32 root,
                        struct locks *locks, struct err *err);

#endif
