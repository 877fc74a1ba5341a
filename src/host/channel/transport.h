/* The encrypted, authenticated connection of two nodes: a machine over bytes, with no socket in it.
 *
 *     initiator                                responder
 *     transport_begin  ---- act one, 50 ----->  transport_handshake
 *     transport_handshake <--- act two, 50 ---
 *                      ---- act three, 66 --->  transport_handshake
 *     transport_seal   <== messages, n + 34 ==> transport_unseal
 *
 * The initiator knows the responder's key beforehand; the responder learns the initiator's in act
 * three. All that arrives is hostile: what is refused kills the machine, which wipes its keys and
 * refuses from then on; the caller closes the connection and sends nothing more.
 *
 * Both readers take what they need from the front of `in`, the bytes received and not yet used:
 * *used says how many these were (set whatever the answer), and ST_AGAIN that the rest has yet to
 * arrive. `in` need never hold more than TRANSPORT_INPUT_LIMIT bytes.
 *
 * Source: BOLT 8, that is Noise_XK_secp256k1_ChaChaPoly_SHA256 with the prologue "lightning". */
#ifndef CHANNEL_TRANSPORT_H
#define CHANNEL_TRANSPORT_H

#include "channel/secrets.h"

enum {
    TRANSPORT_ACT_ONE_SIZE = 50,
    TRANSPORT_ACT_TWO_SIZE = 50,
    TRANSPORT_ACT_THREE_SIZE = 66,
    TRANSPORT_HEADER_SIZE = 2 + AEAD_TAG_SIZE,
    TRANSPORT_OVERHEAD = TRANSPORT_HEADER_SIZE + AEAD_TAG_SIZE,
    TRANSPORT_MESSAGE_LIMIT = 65535,
    TRANSPORT_INPUT_LIMIT = TRANSPORT_MESSAGE_LIMIT + AEAD_TAG_SIZE,
};

enum transport_state {
    TRANSPORT_DEAD,
    TRANSPORT_AWAITS_ACT_ONE,
    TRANSPORT_AWAITS_ACT_TWO,
    TRANSPORT_AWAITS_ACT_THREE,
    TRANSPORT_OPEN,
};

/* One direction's key, replaced every 1,000 uses by way of its chaining key. */
struct transport_cipher {
    secret32 key, chain;
    u64 nonce;
};

/* Callers keep it where they like, read `state` and, once open, `remote`; the rest is the
 * machine's. It holds secrets: transport_end, then forget it. */
struct transport {
    enum transport_state state;
    point33 remote;            /* the peer's static key, proven */
    point33 own_point;         /* of own_key */
    secret32 own_key;          /* static */
    secret32 ephemeral_key;    /* as the rest of the handshake's, wiped when open */
    secret32 chain, temporary; /* ck and the newest temp_k */
    hash32 hash;               /* h: all of the handshake so far */
    struct transport_cipher send, receive;
    bool body_next; /* a header was read: body_size bytes and their tag are next */
    usize body_size;
};

/* `ephemeral` is fresh randomness, used for this connection and no other. Copies are made of all
 * that is given. ST_INVALID: a secret or `remote` is none; the machine is dead. */
enum status transport_begin(struct transport *transport, const secret32 *own,
                            const secret32 *ephemeral, const point33 *remote,
                            u8 act_one[static TRANSPORT_ACT_ONE_SIZE]);
enum status transport_accept(struct transport *transport, const secret32 *own,
                             const secret32 *ephemeral);

/* Takes the act that is awaited. *reply_size bytes of `reply` are to be sent, perhaps none.
 * ST_INVALID: the act is wrong, or none is awaited. */
enum status transport_handshake(struct transport *transport, bytes in, usize *used,
                                u8 reply[static TRANSPORT_ACT_THREE_SIZE], usize *reply_size,
                                struct err *err);

/* Writes message.size + TRANSPORT_OVERHEAD bytes. At most TRANSPORT_MESSAGE_LIMIT; `out` does not
 * overlap the message. ST_INVALID: not open. */
enum status transport_seal(struct transport *transport, bytes message, u8 *out);

/* Reads one message to `message`, which has room for TRANSPORT_MESSAGE_LIMIT bytes. Call again
 * until ST_AGAIN. ST_INVALID: a wrong tag, or not open. */
enum status transport_unseal(struct transport *transport, bytes in, usize *used, u8 *message,
                             usize *size, struct err *err);

/* Wipes all but the state, which is then TRANSPORT_DEAD. */
void transport_end(struct transport *transport);

#endif
