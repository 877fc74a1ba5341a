#include "channel/bygone.h"

#include "channel/image.h"

#include <stdlib.h>

enum { FILLED = 0x8000, PARTED = 0x4000, PREFIX_SIZE = 6, KEY_SIZE = PREFIX_SIZE + 8 };
static_assert((int)LOCKS_MOST <= (int)PARTED, "a slot leaves the bits free");

static void key_of(u32 channel, u32 side, u64 number, u8 out[static KEY_SIZE])
{
    out[0] = 'L';
    store_be32(out + 1, channel);
    out[5] = (u8)side;
    store_be64(out + PREFIX_SIZE, number);
}

/* --- Writing. */

static struct image changes_of(bytes items)
{
    struct image out = {0};
    for (struct item item; items.size != 0 && item_read(&items, &item) == ST_OK;) {
        struct lock lock = {.amount = 0};
        bool fills = item.kind == ITEM_ADD || item.kind == ITEM_STAKE;
        bool parts = item.kind == ITEM_PART;
        if (!item_change(&item, &lock))
            continue;
        image_put_number(&out, item.slot | (fills ? FILLED : parts ? PARTED : 0), 2);
        if (fills || parts)
            image_put_number(&out, item.lock.amount, 16);
        if (!fills)
            continue;
        image_put_number(&out, (u64)item.lock.kind << 40 | item.lock.expiry_s, 8);
        image_put(&out, BYTES_OF(item.lock.key));
    }
    return out;
}

static u64 next_number(struct shelf_change *change, u32 channel, u32 side)
{
    u8 key[KEY_SIZE];
    bytes last;
    key_of(channel, side, UINT64_MAX, key);
    if (shelf_before(change, BYTES_OF(key), &last) != ST_OK || last.size != KEY_SIZE ||
        memcmp(last.data, key, PREFIX_SIZE) != 0)
        return 0;
    return load_be64(last.data + PREFIX_SIZE) + 1;
}

enum status bygone_put(struct shelf_change *change, u32 channel, u32 side, bytes items,
                       struct err *err)
{
    struct image changes = changes_of(items);
    enum status st = ST_OK;
    if (changes.size != 0) {
        u8 key[KEY_SIZE];
        key_of(channel, side, next_number(change, channel, side), key);
        st = shelf_put(change, BYTES_OF(key), (bytes){changes.data, changes.size}, err);
    }
    free(changes.data);
    return st;
}

enum status bygone_drop(struct shelf_change *change, u32 channel, struct err *err)
{
    u8 key[KEY_SIZE];
    key_of(channel, 0, 0, key);
    return shelf_drop(change, (bytes){key, PREFIX_SIZE - 1}, err);
}

/* --- Reading. */

static bool apply(struct locks *locks, bytes changes)
{
    struct image_reader in = {.left = changes};
    while (in.left.size != 0 && !in.failed) {
        struct lock lock = {.amount = 0};
        u32 slot = (u32)image_get_number(&in, 2);
        if ((slot & FILLED) != 0) {
            lock.amount = image_get_number(&in, 16);
            u64 word = (u64)image_get_number(&in, 8);
            lock.expiry_s = word & (((u64)1 << 40) - 1);
            in.failed |= word >> 40 >= LOCK_KINDS;
            lock.kind = in.failed ? LOCK_OF_SECRET : (enum lock_kind)(word >> 40);
            image_get(&in, lock.key.b, sizeof(lock.key.b));
        }
        u32 place = slot & (PARTED - 1);
        if ((slot & PARTED) != 0 && place < LOCKS_MOST) {
            struct item part = {.kind = ITEM_PART, .lock.amount = image_get_number(&in, 16)};
            lock = locks_get(locks, place);
            (void)item_change(&part, &lock);
        }
        slot = place;
        in.failed |= slot >= LOCKS_MOST || lock.amount >= CHANNEL_AMOUNT_LIMIT;
        if (!in.failed)
            locks_set(locks, slot, &lock);
    }
    return !in.failed;
}

static enum status find(struct shelf_read *read, u32 channel, u32 side, hash32 root,
                        struct locks *locks, struct err *err)
{
    u8 key[KEY_SIZE];
    struct shelf_row row;
    key_of(channel, side, 0, key);
    for (enum status st = shelf_seek(read, BYTES_OF(key), false, &row);
         st == ST_OK && row.key.size == KEY_SIZE && memcmp(row.key.data, key, PREFIX_SIZE) == 0;
         st = shelf_step(read, false, &row)) {
        if (!apply(locks, row.value))
            return fail(err, ST_CORRUPT, "the shelf has locks that do not read");
        if (hash32_equal(locks_root(locks), root))
            return ST_OK;
    }
    return fail(err, ST_MISSING, "no half had these locks");
}

enum status bygone_find(struct shelf *shelf, u32 channel, u32 side, hash32 root,
                        struct locks *locks, struct err *err)
{
    struct shelf_read *read;
    TRY(shelf_read_begin(shelf, &read, err));
    enum status st = find(read, channel, side, root, locks, err);
    shelf_read_end(read);
    return st;
}
