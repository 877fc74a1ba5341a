/* What a hop reads in its part of an onion: TLVs (tlv.h).
 *
 *     type        value                                           forward   final
 *     2           amount, truncated integer                       needed    needed
 *     4           expiry, truncated integer below 2^40            needed    needed
 *     8           payment secret, 32 | total, truncated integer   never     this or preimage
 *     10          instruction, sealed (blinded_route.h)           may be    may be
 *     12          path key, 33                                    may be    may be
 *     14          key of the next node, 33                        needed    never
 *     18          total, truncated integer                        never     with 10
 *     7758194     chain id, u64 | asset, 20                       may be    never
 *     7758195     message, UTF-8                                  never     may be
 *     5482373484  preimage, 32                                    never     this or secret
 *
 * Types below 2^16 are BOLT 4's, with wider amounts and with seconds instead of blocks. A hop names
 * the next node rather than a channel, so that the one before it may choose among theirs. Chain and
 * asset stand where the next channel's are others than those of the one that the payment came by.
 * The preimage is that of a payment which nobody asked for ("keysend"), with the type that it has
 * on Lightning. No number, key or text is zero or empty.
 *
 * A hop of a blinded path reads the rest in its instruction: FORWARD has 10 alone, FINAL 2, 4, 10
 * and 18; and the path's first hop 12, for which the others have a path key beside the onion.
 *
 * Amounts are in the asset's smallest unit, times in seconds since 1970.
 * Source: BOLT 4, "payload Format" and "Basic Multi-Part Payments". */
#ifndef CHANNEL_PAYLOAD_H
#define CHANNEL_PAYLOAD_H

#include "channel/blinded_route.h"
#include "channel/failure.h"
#include "channel/onion.h"

enum {
    PAYLOAD_MESSAGE_LIMIT = 512, /* bytes */
    PAYLOAD_LIMIT = 1024,        /* what encoding may write; all can have, fits */
};

enum payload_kind { PAYLOAD_FORWARD, PAYLOAD_FINAL }; /* as onion_peel has it, who reads */

struct payload {
    enum payload_kind kind;
    u128 amount;      /* of the next lock; FINAL: the least that has to come in this part */
    u64 expiry_s;     /* of the next lock; FINAL: the earliest that it may have */
    bytes sealed;     /* borrowed; empty: no hop of a blinded path, of which `total` is as below */
    point33 path_key; /* zero: not its first hop */
    /* FORWARD */
    point33 next;
    u64 chain_id; /* 0: chain and asset stay */
    address asset;
    /* FINAL */
    hash32 payment_secret; /* zero: none, nor a total */
    u128 total;            /* of all parts; at least `amount` */
    hash32 preimage;       /* zero: none */
    bytes message;         /* borrowed */
};

/* ST_INVALID: *why is the failure to send back, and `err` says it in words. Odd types that are not
 * known are passed over. Whether it can be done is not judged here, nor keys. */
enum status payload_decode(enum payload_kind kind, bytes in, struct payload *out,
                           struct failure *why, struct err *err);

/* What the instruction of a blinded path's hop says, which has `sealed`, of a lock that came with
 * this amount and expiry: FORWARD gets amount, expiry and next node as if the onion had them, FINAL
 * stays. `beside` is the path key that came beside the onion; NULL: none did. What *said borrows is
 * in `room`. ST_INVALID: it does not open, is not for a payment, or the lock is outside its limits.
 */
enum status payload_follow(struct payload *step, const secret32 *node, const point33 *beside,
                           u128 amount, u64 expiry_s, u8 room[static BLINDED_SEALED_LIMIT],
                           struct instruction *said);

/* Returns the size. The fields are as decode would have them. */
usize payload_encode(const struct payload *payload, u8 out[static PAYLOAD_LIMIT]);

#endif
