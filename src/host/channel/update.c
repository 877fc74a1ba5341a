#include "channel/update.h"

#include <assert.h>

enum { ADD_ON_PATH = 0x80 | ITEM_ADD }; /* on the wire alone: a path key comes after the onion */

/* --- Reading. A reader that has failed gives zeros. */

struct reader {
    bytes left;
    bool failed;
};

static bytes take(struct reader *in, usize size)
{
    if (in->failed || size > in->left.size) {
        in->failed = true;
        return BYTES_EMPTY;
    }
    bytes out = {in->left.data, size};
    in->left = bytes_slice(in->left, size, in->left.size);
    return out;
}

static u64 take_number(struct reader *in, usize size)
{
    bytes digits = take(in, size);
    u64 value = 0;
    for (usize i = 0; i < digits.size; i++)
        value = value << 8 | digits.data[i];
    return value;
}

/* One spelling only: no leading zero, no zero. */
static u128 take_amount(struct reader *in)
{
    bytes digits = take(in, take_number(in, 1));
    u128 value = 0;
    if (digits.size == 0 || digits.size > 16 || digits.data[0] == 0)
        in->failed = true;
    for (usize i = 0; i < digits.size && !in->failed; i++)
        value = value << 8 | digits.data[i];
    if (value >= CHANNEL_AMOUNT_LIMIT)
        in->failed = true;
    return value;
}

static hash32 take_hash(struct reader *in)
{
    hash32 out = {{0}};
    bytes_copy(out.b, take(in, sizeof(out.b)));
    return out;
}

static u32 take_slot(struct reader *in)
{
    u64 slot = take_number(in, 2);
    if (slot >= LOCKS_MOST)
        in->failed = true;
    return (u32)slot;
}

static enum lock_kind take_app_kind(struct reader *in)
{
    u64 kind = take_number(in, 1);
    if (kind != LOCK_OF_FIRST && kind != LOCK_OF_SECOND)
        in->failed = true;
    return in->failed ? LOCK_OF_FIRST : (enum lock_kind)kind;
}

enum status item_read(bytes *in, struct item *out)
{
    struct reader reader = {*in, false};
    u64 kind = take_number(&reader, 1);
    *out = (struct item){.kind = (enum item_kind)kind};
    switch (kind) {
    case ITEM_PAY:
        out->lock.amount = take_amount(&reader);
        out->reference = take_hash(&reader);
        break;
    case ITEM_ADD:
    case ADD_ON_PATH:
        out->kind = ITEM_ADD;
        out->slot = take_slot(&reader);
        out->lock.amount = take_amount(&reader);
        out->lock.expiry_s = take_number(&reader, 5);
        out->lock.key = take_hash(&reader);
        out->text = take(&reader, kind == ITEM_ADD ? ONION_SIZE : ITEM_ONION_LIMIT);
        break;
    case ITEM_SETTLE:
        out->slot = take_slot(&reader);
        out->reference = take_hash(&reader);
        break;
    case ITEM_FAIL:
        out->slot = take_slot(&reader);
        out->text = take(&reader, take_number(&reader, 2));
        reader.failed |= out->text.size > ITEM_REASON_LIMIT;
        break;
    case ITEM_PAID:
    case ITEM_DROP:
        out->slot = take_slot(&reader);
        break;
    case ITEM_STAKE:
        out->slot = take_slot(&reader);
        out->lock.amount = take_amount(&reader);
        out->lock.expiry_s = take_number(&reader, 5);
        out->lock.key = take_hash(&reader);
        out->lock.kind = take_app_kind(&reader);
        break;
    case ITEM_PART:
        out->slot = take_slot(&reader);
        out->lock.amount = take_amount(&reader);
        break;
    default:
        return ST_INVALID;
    }
    if (reader.failed)
        return ST_INVALID;
    *in = reader.left;
    return ST_OK;
}

bool update_only_pays_locks(bytes items)
{
    struct item item;
    while (items.size != 0)
        if (item_read(&items, &item) != ST_OK || item.kind != ITEM_PAID)
            return false;
    return true;
}

/* --- Writing. */

static u8 *put_number(u8 *to, u64 value, usize size)
{
    for (usize i = size; i-- > 0; value >>= 8)
        to[i] = (u8)value;
    return to + size;
}

static u8 *put_amount(u8 *to, u128 value)
{
    assert(value != 0 && value < CHANNEL_AMOUNT_LIMIT);
    usize size = 0;
    for (u128 rest = value; rest != 0; rest >>= 8)
        size++;
    *to++ = (u8)size;
    for (usize i = size; i-- > 0; value >>= 8)
        to[i] = (u8)value;
    return to + size;
}

static u8 *put_bytes(u8 *to, bytes from)
{
    bytes_copy(to, from);
    return to + from.size;
}

usize item_write(const struct item *item, u8 *to)
{
    bool on_path = item->kind == ITEM_ADD && item->text.size != ONION_SIZE;
    u8 *at = put_number(to, on_path ? ADD_ON_PATH : item->kind, 1);
    if (item->kind != ITEM_PAY)
        at = put_number(at, item->slot, 2);
    switch (item->kind) {
    case ITEM_PAY:
        at = put_amount(at, item->lock.amount);
        at = put_bytes(at, BYTES_OF(item->reference));
        break;
    case ITEM_ADD:
        assert(item->text.size == ONION_SIZE || item->text.size == ITEM_ONION_LIMIT);
        at = put_amount(at, item->lock.amount);
        at = put_number(at, item->lock.expiry_s, 5);
        at = put_bytes(at, BYTES_OF(item->lock.key));
        at = put_bytes(at, item->text);
        break;
    case ITEM_SETTLE:
        at = put_bytes(at, BYTES_OF(item->reference));
        break;
    case ITEM_FAIL:
        assert(item->text.size <= ITEM_REASON_LIMIT);
        at = put_number(at, item->text.size, 2);
        at = put_bytes(at, item->text);
        break;
    case ITEM_PAID:
    case ITEM_DROP:
        break;
    case ITEM_STAKE:
        at = put_amount(at, item->lock.amount);
        at = put_number(at, item->lock.expiry_s, 5);
        at = put_bytes(at, BYTES_OF(item->lock.key));
        at = put_number(at, item->lock.kind, 1);
        break;
    case ITEM_PART:
        at = put_amount(at, item->lock.amount);
        break;
    }
    return (usize)(at - to);
}

/* --- Meaning. */

bool item_change(const struct item *item, struct lock *lock)
{
    static const struct lock none;
    switch (item->kind) {
    case ITEM_ADD:
    case ITEM_STAKE:
        *lock = item->lock;
        return true;
    case ITEM_PART:
        if (item->lock.amount < lock->amount)
            lock->amount -= item->lock.amount;
        else
            *lock = none;
        return true;
    case ITEM_PAID:
    case ITEM_DROP:
        *lock = none;
        return true;
    case ITEM_PAY:
    case ITEM_SETTLE:
    case ITEM_FAIL:
        break;
    }
    return false;
}
