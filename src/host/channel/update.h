/* An update: a batch of items, and the signature of the half that they lead to.
 *
 *     PAY     amount, reference         by the payer: unconditional
 *     ADD     slot, lock, onion         by the payer: a payment that a secret decides
 *             (, path key)              along a blinded path, under a kind of its own
 *     SETTLE  slot, preimage            by the payee: the secret
 *     FAIL    slot, reason              by the payee: take the lock back
 *     PAID    slot                      by the payer: the lock becomes money sent
 *     DROP    slot                      by the payer: the lock is gone
 *     STAKE   slot, lock, kind          by the payer: a payment that an app decides
 *     PART    slot, amount              by the payer: so much of such a lock becomes money sent
 *
 * The payee of an app's lock lets it go by FAIL, without a reason.
 *
 * On the wire: a kind (u8), then its fields in this order. A slot is u16, an expiry u40, a lock's
 * kind u8; an amount is the number of its bytes (u8) and these, big-endian, without leading zeros.
 * All of an update's items together with the sender's half before it give the sender's next half,
 * so the half itself does not travel: only its signature does, and whoever computes another half
 * refuses it. */
#ifndef CHANNEL_UPDATE_H
#define CHANNEL_UPDATE_H

#include "channel/locks.h"
#include "channel/onion.h"
#include "channel/signed.h"
#include "channel/wire.h"

enum item_kind {
    ITEM_PAY = 1,
    ITEM_ADD,
    ITEM_SETTLE,
    ITEM_FAIL,
    ITEM_PAID,
    ITEM_DROP,
    ITEM_STAKE,
    ITEM_PART,
};

enum {
    ITEM_ONION_LIMIT = ONION_SIZE + (int)sizeof(point33), /* with a path key */
    ITEM_REASON_LIMIT = 4096, /* bytes; an encrypted error is 292 or more */
    ITEM_ADD_LIMIT = 1 + 2 + 17 + 5 + 32 + ITEM_ONION_LIMIT,
    ITEM_LIMIT = 1 + 2 + 2 + ITEM_REASON_LIMIT, /* the largest of all */
};

/* Amounts are below this: sums of a few of them fit i128. */
#define CHANNEL_AMOUNT_LIMIT ((u128)1 << 120)
/* And what a side has sent in an epoch, or has in locks, below this: so does what is made of both.
 */
#define CHANNEL_SUM_LIMIT ((u128)1 << 125)

struct item {
    enum item_kind kind;
    u32 slot;
    struct lock lock; /* ADD, STAKE; PAY, PART: its amount alone */
    hash32 reference; /* PAY: what the payee knows it by; SETTLE: the preimage */
    bytes text;       /* ADD: the onion, ONION_SIZE or ITEM_ONION_LIMIT; FAIL: the reason */
};

/* Reads one item off the front; its text borrows from `in`. ST_INVALID: none begins here.
 * A slot is below LOCKS_MOST, an amount below CHANNEL_AMOUNT_LIMIT and not zero, the kind of a
 * STAKE's lock one of an app's. */
enum status item_read(bytes *in, struct item *out);

/* Whether they are PAID, all of them; so are none. */
bool update_only_pays_locks(bytes items);

/* Writes it to `to`, which has room for ITEM_LIMIT bytes. Returns its size. */
usize item_write(const struct item *item, u8 *to);

/* What an item of the payer's makes of the lock in its slot; of a part that is larger than the lock
 * nothing is left. False: it is not about one. */
bool item_change(const struct item *item, struct lock *lock);

#endif
