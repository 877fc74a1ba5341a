#include "channel/onion_error.h"

enum {
    HMAC = ONION_HMAC_SIZE,
    LAYERS = ONION_HOP_LIMIT, /* that the origin takes off, at least */
};

/* Over all that follows the HMAC. */
static void hmac_of(const secret32 *shared, const u8 *packet, usize size, u8 out[static HMAC])
{
    secret32 um;
    secret_derive(BYTES_LIT("um"), shared, &um);
    hmac_sha256(BYTES_OF(um), (bytes){packet + HMAC, size - HMAC}, BYTES_EMPTY, out);
    secret_wipe(&um);
}

static void store_be16(u8 *to, usize value)
{
    to[0] = (u8)(value >> 8);
    to[1] = (u8)value;
}

static usize load_be16(const u8 *from)
{
    return (usize)from[0] << 8 | from[1];
}

static usize padded_size(usize message_size)
{
    return max_u64(message_size, ONION_ERROR_PADDED);
}

usize onion_error_size(usize message_size)
{
    return ONION_ERROR_OVERHEAD + padded_size(message_size);
}

void onion_error_build(const secret32 *shared, bytes message, u8 *out)
{
    assert(message.size <= ONION_ERROR_MESSAGE_LIMIT);
    usize size = onion_error_size(message.size), padding = padded_size(message.size) - message.size;
    u8 *at = out + HMAC;
    store_be16(at, message.size);
    bytes_copy(at + 2, message);
    store_be16(at + 2 + message.size, padding);
    memset(at + 2 + message.size + 2, 0, padding);
    hmac_of(shared, out, size, out);
    onion_error_wrap(shared, out, size);
}

void onion_error_wrap(const secret32 *shared, u8 *packet, usize size)
{
    secret32 ammag;
    secret_derive(BYTES_LIT("ammag"), shared, &ammag);
    stream_add(&ammag, packet, size);
    secret_wipe(&ammag);
}

/* The message of a packet without layers, copied; empty if the sizes in it are not its own. */
static bytes message_of(const u8 *packet, usize size, struct arena *arena)
{
    usize room = size - ONION_ERROR_OVERHEAD, taken = load_be16(packet + HMAC);
    if (taken > room || load_be16(packet + HMAC + 2 + taken) != room - taken)
        return BYTES_EMPTY;
    return arena_copy(arena, (bytes){packet + HMAC + 2, taken});
}

enum status onion_error_read(const secret32 *shared, usize count, bytes packet, usize *hop,
                             bytes *message, struct arena *arena)
{
    static const secret32 nobody;
    *hop = count;
    *message = BYTES_EMPTY;
    if (packet.size < ONION_ERROR_OVERHEAD)
        return ST_INVALID;
    /* The copy lies behind what the message may need, so that it is released with this call. */
    struct arena tmp = *arena;
    (void)ARENA_TAKE(&tmp, u8, packet.size);
    u8 *open = ARENA_TAKE(&tmp, u8, packet.size);
    memcpy(open, packet.data, packet.size);
    for (usize i = 0; i < max_u64(count, LAYERS); i++) {
        const secret32 *at = i < count ? &shared[i] : &nobody;
        u8 hmac[HMAC];
        onion_error_wrap(at, open, packet.size); /* takes the layer away */
        hmac_of(at, open, packet.size, hmac);
        if (secret_equal(hmac, open, HMAC) && i < count && *hop == count) {
            *hop = i;
            *message = message_of(open, packet.size, arena);
        }
    }
    return message->size > 0 ? ST_OK : ST_INVALID;
}
