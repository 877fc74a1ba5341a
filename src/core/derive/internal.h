/* What the files of this module share: the small print of the batch format, and a step of the fold.
 */
#ifndef DERIVE_INTERNAL_H
#define DERIVE_INTERNAL_H

#include "derive/derive.h"

/* The byte of a transaction's kind: its type, with one more for legacy ones without a chain id. */
enum {
    KIND_UNPROTECTED = 3,
    KIND_TYPES = 7, /* the bits that hold it */
    KIND_CREATES = 8,
};

/* The byte of an authorization's chain. */
enum { CHAIN_ANY, CHAIN_THIS, CHAIN_OTHER };

/* An amount's head: AMOUNT_SIZES * (power of ten) + bytes of mantissa. Amounts are written by
 * people and wallets in decimal, so most are a few digits and zeros. */
enum {
    AMOUNT_SIZES = 11, /* mantissas of 0 to 10 bytes */
    AMOUNT_POWERS = 22,
    AMOUNT_HEADS = AMOUNT_SIZES * AMOUNT_POWERS,
    AMOUNT_WHOLE = 255,
};

/* Bytes of mantissa after this head; SIZE_MAX: no head. */
static inline usize amount_mantissa_size(u8 head)
{
    if (head == AMOUNT_WHOLE)
        return sizeof(u256);
    return head < AMOUNT_HEADS ? head % AMOUNT_SIZES : SIZE_MAX;
}

/* The amounts of a column that were used last, newest first. */
enum { RECENT = 64 };
struct recent {
    u256 values[RECENT];
    usize count;
};

/* Brings the one at `index` (`count` or RECENT - 1, whichever is less, for a new one) to the front.
 */
static inline void recent_use(struct recent *recent, usize index, u256 value)
{
    memmove(recent->values + 1, recent->values, index * sizeof(u256));
    recent->values[0] = value;
}

static inline void recent_add(struct recent *recent, u256 value)
{
    if (recent->count < RECENT)
        recent->count++;
    recent_use(recent, recent->count - 1, value);
}

/* In the fields' order: type 1 has an access list, and what types 2 and 4 add. */
static inline bool has_tip(const struct tx *tx)
{
    return tx->type >= TX_DYNAMIC_FEE;
}

static inline bool has_access(const struct tx *tx)
{
    return tx->type != TX_LEGACY;
}

static inline bool has_authorizations(const struct tx *tx)
{
    return tx->type == TX_SET_CODE;
}

/* Moves the state past items that nothing is executed for, as far as the rules on later blocks need
 * it: position and configuration. */
void derive_skip_items(struct derive_state *state, const struct inbox_item *items, usize count);

#endif
