#include "channel/onion.h"

enum {
    POINT = sizeof(point33),
    MOST = ONION_LARGE_PAYLOADS_SIZE,
    HMAC = ONION_HMAC_SIZE,
    AT_KEY = 1,
    AT_PAYLOADS = AT_KEY + POINT,
};

/* --- Of one hop. */

/* Adds the hop's stream to `data`, which starts where the payloads do. */
static void add_rho(const secret32 *shared, u8 *data, usize size)
{
    secret32 rho;
    secret_derive(BYTES_LIT("rho"), shared, &rho);
    stream_add(&rho, data, size);
    secret_wipe(&rho);
}

static void hmac_of(const secret32 *shared, bytes payloads, bytes associated, u8 out[static HMAC])
{
    secret32 mu;
    secret_derive(BYTES_LIT("mu"), shared, &mu);
    hmac_sha256(BYTES_OF(mu), payloads, associated, out);
    secret_wipe(&mu);
}

/* What the next hop's ephemeral key is multiplied by. */
static void blinding_of(const point33 *ephemeral, const secret32 *shared, secret32 *out)
{
    sha256_joined(BYTES_OF(*ephemeral), BYTES_OF(*shared), out->b);
}

/* --- The length before a payload: BOLT 1's bigsize, of which one and three bytes can occur. */

static usize prefix_size(usize payload_size)
{
    return payload_size < 0xfd ? 1 : 3;
}

/* The bytes that a hop takes of the payloads. */
static usize hop_size(usize payload_size)
{
    return prefix_size(payload_size) + payload_size + HMAC;
}

static void write_prefix(u8 *to, usize payload_size)
{
    if (prefix_size(payload_size) == 1) {
        to[0] = (u8)payload_size;
        return;
    }
    to[0] = 0xfd;
    to[1] = (u8)(payload_size >> 8);
    to[2] = (u8)payload_size;
}

/* False: not the shortest spelling, or more than can be there. */
static bool read_prefix(const u8 *from, usize *payload_size)
{
    *payload_size = from[0];
    if (from[0] < 0xfd)
        return true;
    *payload_size = (usize)from[1] << 8 | from[2];
    return from[0] == 0xfd && *payload_size >= 0xfd;
}

/* --- Building. */

static enum status check_hops(usize room, const struct onion_hop *hops, usize count,
                              struct err *err)
{
    assert(count > 0);
    for (usize i = 0; i < count; i++) {
        usize size = hops[i].payload.size;
        if (size < ONION_PAYLOAD_MIN)
            return fail(err, ST_INVALID, "the payload of hop %zu is too short", i);
        if (size > room || hop_size(size) > room)
            return fail(err, ST_FULL, "the payloads of %zu hops do not fit into an onion", count);
        room -= hop_size(size);
    }
    return ST_OK;
}

/* The secret that each hop will find, and the key that the first one is given. The last one blinds
 * nothing. */
static enum status share_secrets(const secret32 *session, const struct onion_hop *hops, usize count,
                                 secret32 *shared, point33 *first, struct err *err)
{
    secret32 ephemeral = *session, blinding = {{0}};
    enum status st = point_of_secret(session, first);
    point33 point = *first;
    usize i = 0;
    for (; st == ST_OK && i < count; i++) {
        st = secret_ecdh(&ephemeral, &hops[i].node, &shared[i]);
        if (st != ST_OK || i + 1 == count)
            break;
        blinding_of(&point, &shared[i], &blinding);
        st = secret_multiply(&ephemeral, &blinding);
        if (st == ST_OK && i + 2 < count)
            st = point_of_secret(&ephemeral, &point);
    }
    secret_wipe(&ephemeral);
    secret_wipe(&blinding);
    if (st == ST_OK)
        return ST_OK;
    secret_wipe_bytes(shared, count * sizeof(shared[0]));
    return fail(err, st, "no key of the curve for hop %zu", i);
}

/* What the hops before the last will have put at the end of the payloads when the last one gets
 * them: each adds zeros as many as it takes, and its stream to all. Returns how many bytes. */
static usize make_filler(usize room, const struct onion_hop *hops, usize count,
                         const secret32 *shared, u8 filler[static MOST])
{
    u8 stream[2 * MOST];
    usize size = 0;
    for (usize i = 0; i + 1 < count; i++) {
        usize from = room - size;
        memset(stream, 0, 2 * room);
        add_rho(&shared[i], stream, 2 * room);
        memset(filler + size, 0, hop_size(hops[i].payload.size));
        size += hop_size(hops[i].payload.size);
        for (usize j = 0; j < size; j++)
            filler[j] ^= stream[from + j];
    }
    secret_wipe_bytes(stream, 2 * room);
    return size;
}

static void wrap_hop(const struct onion_hop *hop, const secret32 *shared, u8 *payloads, usize room,
                     const u8 next_hmac[static HMAC])
{
    usize taken = hop_size(hop->payload.size), prefix = prefix_size(hop->payload.size);
    memmove(payloads + taken, payloads, room - taken);
    write_prefix(payloads, hop->payload.size);
    memcpy(payloads + prefix, hop->payload.data, hop->payload.size);
    memcpy(payloads + taken - HMAC, next_hmac, HMAC);
    add_rho(shared, payloads, room);
}

bool onion_is_size(usize size)
{
    return size == ONION_SIZE || size == ONION_LARGE_SIZE;
}

enum status onion_build_of(usize size, const secret32 *session, const struct onion_hop *hops,
                           usize count, bytes associated, u8 *out, secret32 *shared,
                           struct err *err)
{
    u8 filler[MOST], hmac[HMAC] = {0}; /* zero says to the last hop that it is that */
    usize room = size - ONION_OVERHEAD;
    point33 ephemeral;
    secret32 pad;
    assert(onion_is_size(size));
    TRY(check_hops(room, hops, count, err));
    TRY(share_secrets(session, hops, count, shared, &ephemeral, err));
    u8 *payloads = out + AT_PAYLOADS;
    memset(payloads, 0, room);
    secret_derive(BYTES_LIT("pad"), session, &pad);
    stream_add(&pad, payloads, room);
    secret_wipe(&pad);
    usize filler_size = make_filler(room, hops, count, shared, filler);
    for (usize i = count; i-- > 0;) {
        wrap_hop(&hops[i], &shared[i], payloads, room, hmac);
        if (i == count - 1)
            memcpy(payloads + room - filler_size, filler, filler_size);
        hmac_of(&shared[i], (bytes){payloads, room}, associated, hmac);
    }
    out[0] = 0;
    memcpy(out + AT_KEY, ephemeral.b, POINT);
    memcpy(payloads + room, hmac, HMAC);
    return ST_OK;
}

enum status onion_build(const secret32 *session, const struct onion_hop *hops, usize count,
                        bytes associated, u8 out[static ONION_SIZE], secret32 *shared,
                        struct err *err)
{
    return onion_build_of(ONION_SIZE, session, hops, count, associated, out, shared, err);
}

/* --- Peeling. */

u16 onion_failure_code(enum onion_verdict verdict)
{
    enum { BADONION = 0x8000, PERM = 0x4000 };
    switch (verdict) {
    case ONION_FORWARD:
    case ONION_FINAL:
        return 0;
    case ONION_BAD_VERSION:
        return BADONION | PERM | 4;
    case ONION_BAD_HMAC:
        return BADONION | PERM | 5;
    case ONION_BAD_KEY:
        return BADONION | PERM | 6;
    case ONION_BAD_PAYLOAD:
        return PERM | 22;
    }
    bug("unknown verdict");
}

/* The packet for the next hop: its key, what is left of the payloads, the HMAC found there. */
static enum status write_next(const point33 *ephemeral, const struct open_point *open,
                              const secret32 *shared, bytes payloads, const u8 *hmac, u8 *out)
{
    secret32 blinding;
    point33 next = {{0}};
    blinding_of(ephemeral, shared, &blinding);
    enum status st = open_multiply(open, &blinding, &next);
    secret_wipe(&blinding);
    out[0] = 0;
    memcpy(out + AT_KEY, next.b, POINT);
    bytes_copy(out + AT_PAYLOADS, payloads);
    memcpy(out + AT_PAYLOADS + payloads.size, hmac, HMAC);
    return st;
}

/* `open` has room for the payloads twice, `next` for a packet. `shared` is zero where it is not to
 * be used. */
static enum onion_verdict peel(const secret32 *node, bytes packet, bytes associated,
                               secret32 *shared, u8 *open, bytes *payload, u8 *next)
{
    static const u8 last[HMAC];
    usize room = packet.size - ONION_OVERHEAD;
    bytes sealed = bytes_slice(packet, AT_PAYLOADS, room);
    u8 hmac[HMAC];
    point33 ephemeral;
    struct open_point point;
    if (packet.data[0] != 0)
        return ONION_BAD_VERSION;
    bytes_copy(ephemeral.b, bytes_slice(packet, AT_KEY, POINT));
    if (point_open(&ephemeral, &point) != ST_OK || open_ecdh(node, &point, shared) != ST_OK)
        return ONION_BAD_KEY;
    hmac_of(shared, sealed, associated, hmac);
    if (!secret_equal(hmac, sealed.data + room, HMAC)) {
        secret_wipe(shared);
        return ONION_BAD_HMAC;
    }
    bytes_copy(open, sealed);
    memset(open + room, 0, room);
    add_rho(shared, open, 2 * room);
    usize size, taken;
    if (!read_prefix(open, &size) || size < ONION_PAYLOAD_MIN || (taken = hop_size(size)) > room)
        return ONION_BAD_PAYLOAD;
    *payload = (bytes){open + prefix_size(size), size};
    const u8 *next_hmac = open + taken - HMAC;
    if (secret_equal(next_hmac, last, HMAC))
        return ONION_FINAL;
    if (write_next(&ephemeral, &point, shared, (bytes){open + taken, room}, next_hmac, next) !=
        ST_OK)
        return ONION_BAD_KEY;
    return ONION_FORWARD;
}

enum onion_verdict onion_peel(const secret32 *node, const u8 packet[static ONION_SIZE],
                              bytes associated, struct onion_peeled *out)
{
    u8 open[2 * ONION_PAYLOADS_SIZE];
    bytes payload = BYTES_EMPTY;
    memset(out, 0, sizeof(*out));
    enum onion_verdict verdict = peel(node, (bytes){packet, ONION_SIZE}, associated, &out->shared,
                                      open, &payload, out->next);
    out->payload_size = payload.size;
    bytes_copy(out->payload, payload);
    return verdict;
}

enum onion_verdict onion_open(const secret32 *node, bytes packet, bytes associated,
                              u8 room[static ONION_ROOM], struct onion_opened *out)
{
    u8 *next = room + 2 * ONION_LARGE_PAYLOADS_SIZE;
    assert(onion_is_size(packet.size));
    memset(out, 0, sizeof(*out));
    enum onion_verdict verdict =
        peel(node, packet, associated, &out->shared, room, &out->payload, next);
    if (verdict == ONION_FORWARD)
        out->next = (bytes){next, packet.size};
    return verdict;
}
