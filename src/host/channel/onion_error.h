/* The error that a hop returns to the origin of an onion, which alone can read it and tell which
 * hop it is from.
 *
 *     HMAC, 32 | size of the message, 2 | message | size of the padding, 2 | padding
 *
 * The erring hop builds it; every hop on the way back, the erring one first, adds a stream to all
 * of it; the origin takes these away one by one until the HMAC is that of the hop it is at.
 * Each hop uses the secret that peeling the onion gave it.
 *
 * Source: BOLT 4, "Returning Errors"; without attribution data. */
#ifndef CHANNEL_ONION_ERROR_H
#define CHANNEL_ONION_ERROR_H

#include "channel/onion.h"

enum {
    ONION_ERROR_OVERHEAD = ONION_HMAC_SIZE + 2 + 2,
    ONION_ERROR_PADDED = 256, /* message and padding together, unless the message is longer */
    ONION_ERROR_MESSAGE_LIMIT = 32768,
};

/* The bytes of the packet for a message of this size. */
usize onion_error_size(usize message_size);

/* Writes onion_error_size(message.size) bytes, this hop's stream added. The message is a failure
 * code with its data, at most ONION_ERROR_MESSAGE_LIMIT bytes. */
void onion_error_build(const secret32 *shared, bytes message, u8 *out);

/* At a hop that passes the packet back. Its bytes are whatever the next hop sent. */
void onion_error_wrap(const secret32 *shared, u8 *packet, usize size);

/* At the origin, with the secrets of onion_build. The message lives in `arena`.
 * ST_INVALID with *hop = count: no hop of the route made this packet; one of them has changed it.
 * ST_INVALID with *hop < count: that hop made it, and broke the format.
 * Takes at most twice packet.size bytes of the arena, of which the message keeps its own. As many
 * layers are tried whichever hop it was, so that the time taken does not tell. */
enum status onion_error_read(const secret32 *shared, usize count, bytes packet, usize *hop,
                             bytes *message, struct arena *arena);

#endif
