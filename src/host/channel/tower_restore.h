/* Asks a watchtower for all that it keeps of a node: for who has nothing left but the account's
 * key. The tower knows the node by its key, so nobody else is told. */
#ifndef CHANNEL_TOWER_RESTORE_H
#define CHANNEL_TOWER_RESTORE_H

#include "channel/daemon.h"

/* `tower` is "KEY@HOST:PORT". *out is freed with free(); *count of them. Waits, for half a minute
 * after the last answer at most. ST_INVALID: that names no tower.  ST_IO: it is not reached, or
 * answers nonsense. */
enum status tower_restore(const secret32 *account, const char *tower, struct daemon_kept **out,
                          usize *count, struct err *err);

#endif
