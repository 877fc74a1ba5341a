/* Onion packets: a route that each node on it sees only one step of.
 *
 *     version, 0 | ephemeral key, 33 | payloads, 1,300 or 32,768 | HMAC, 32
 *     payloads = (length, bigsize | payload | HMAC of the next packet)… | filler
 *
 * The origin builds the packet for all hops; each hop peels it, reads its own payload and passes on
 * a packet of the same size, in which it can see nothing. What a payload says is for others to
 * read. Payments have the smaller size, messages either.
 *
 * Source: BOLT 4 ("Packet Structure" to "Filler Generation", "Onion Messages"), after Sphinx
 * (Danezis and Goldberg, 2009). */
#ifndef CHANNEL_ONION_H
#define CHANNEL_ONION_H

#include "channel/secrets.h"

enum {
    ONION_PAYLOADS_SIZE = 1300,
    ONION_LARGE_PAYLOADS_SIZE = 32768,
    ONION_HMAC_SIZE = 32,
    ONION_OVERHEAD = 1 + (int)sizeof(point33) + ONION_HMAC_SIZE,
    ONION_SIZE = ONION_OVERHEAD + ONION_PAYLOADS_SIZE,
    ONION_LARGE_SIZE = ONION_OVERHEAD + ONION_LARGE_PAYLOADS_SIZE,
    ONION_PAYLOAD_MIN = 2,                                           /* 0 and 1 are reserved */
    ONION_PAYLOAD_LIMIT = ONION_PAYLOADS_SIZE - 3 - ONION_HMAC_SIZE, /* where it is the only one */
    ONION_HOP_LIMIT = ONION_PAYLOADS_SIZE / (1 + ONION_PAYLOAD_MIN + ONION_HMAC_SIZE),
};

struct onion_hop {
    point33 node;
    bytes payload; /* without its length */
};

/* `session` is fresh randomness, used for this packet and no other; every hop checks that
 * `associated` (a payment's hash) is what it was here. shared[i] becomes the secret shared with hop
 * i, which reads the errors that come back; the caller wipes it. `count` is at least 1.
 * ST_FULL: the payloads do not fit. ST_INVALID: a key is none, or a payload is too short. */
enum status onion_build(const secret32 *session, const struct onion_hop *hops, usize count,
                        bytes associated, u8 out[static ONION_SIZE], secret32 *shared,
                        struct err *err);
/* The same for a packet of `size` bytes, ONION_SIZE or ONION_LARGE_SIZE. */
enum status onion_build_of(usize size, const secret32 *session, const struct onion_hop *hops,
                           usize count, bytes associated, u8 *out, secret32 *shared,
                           struct err *err);

enum onion_verdict {
    ONION_FORWARD, /* `next` goes to the node that the payload names */
    ONION_FINAL,   /* this node is the route's end */
    /* The sending peer is told (update_fail_malformed_htlc); the origin cannot be. */
    ONION_BAD_VERSION,
    ONION_BAD_KEY,
    ONION_BAD_HMAC,
    /* The origin is told, by way of `shared`. */
    ONION_BAD_PAYLOAD,
};

/* The code of BOLT 4 ("Failure Messages") for a verdict that refuses; 0 for the others. */
u16 onion_failure_code(enum onion_verdict verdict);

struct onion_peeled {
    secret32 shared; /* not after BAD_VERSION, BAD_KEY, BAD_HMAC; wiped by the caller */
    usize payload_size;
    u8 payload[ONION_PAYLOAD_LIMIT]; /* FORWARD and FINAL */
    u8 next[ONION_SIZE];             /* FORWARD */
};

/* Takes this node's layer off. A packet that comes twice peels twice: who must not serve it twice
 * (BOLT 4 has payments refuse that) remembers its `shared`. */
enum onion_verdict onion_peel(const secret32 *node, const u8 packet[static ONION_SIZE],
                              bytes associated, struct onion_peeled *out);

/* The same for a packet of either size. What *out borrows is in `room`, in which the packet may be
 * as the `next` of the one before. */
struct onion_opened {
    secret32 shared;
    bytes payload;
    bytes next; /* FORWARD */
};
enum { ONION_ROOM = 2 * ONION_LARGE_PAYLOADS_SIZE + ONION_LARGE_SIZE };
bool onion_is_size(usize size);
enum onion_verdict onion_open(const secret32 *node, bytes packet, bytes associated,
                              u8 room[static ONION_ROOM], struct onion_opened *out);

#endif
