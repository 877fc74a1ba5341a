/* A channel as one record: what the machine is after all that a journal has of it, so that the
 * journal can be written anew with this in the place of its messages.
 *
 *     channel_replay … channel_replay ── image_of ──> bytes ── image_take ──> the same channel
 *
 * It has what was said and heard, and not what waits to be said, nor what a connection knows. */
#ifndef CHANNEL_IMAGE_H
#define CHANNEL_IMAGE_H

#include "channel/channel.h"

/* Bytes that grow as they are written; zeros: none yet. `data` is to be freed. */
struct image {
    u8 *data;
    usize size, room;
};

void image_put(struct image *image, bytes part);
void image_put_number(struct image *image, u128 value, usize size); /* little-endian */

/* What image_put has written, off its front. A failed reader gives zeros. */
struct image_reader {
    bytes left;
    bool failed;
};
void image_get(struct image_reader *in, void *to, usize size);
u128 image_get_number(struct image_reader *in, usize size);
bytes image_get_bytes(struct image_reader *in, usize size); /* borrows */

/* Appends the channel, of which nothing is queued. */
void image_of(const struct channel *channel, struct image *out);

/* Makes a new channel (channel_new) what `in` says, and takes that off its front. ST_INVALID: it
 * does not read; the channel is to be freed. */
enum status image_take(struct channel *channel, struct image_reader *in, struct err *err);

#endif
