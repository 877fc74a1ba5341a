/* version (u8) ‖ flags (u8) ‖ base ‖ its signatures ‖ what the chain has ‖ the next base, as far as
 * there is one ‖ withdrawals ‖ the peer's half ‖ ours, from the newest acknowledged on ‖ locks, a
 * side after the other ‖ what is known of ours ‖ of the peer's ‖ which of these are fresh. Numbers
 * are little-endian, lists come after their length (u16, or u32 for bytes). */
#include "channel/image.h"
#include "channel/internal.h"

#include <assert.h>
#include <stdlib.h>

enum { VERSION = 1 };

/* --- Bytes. */

void image_put(struct image *image, bytes part)
{
    if (image->room - image->size < part.size) {
        image->room = 2 * image->room + part.size + 4096;
        image->data = realloc(image->data, image->room);
        assert(image->data != NULL);
    }
    bytes_copy(image->data + image->size, part);
    image->size += part.size;
}

void image_put_number(struct image *image, u128 value, usize size)
{
    u8 digits[sizeof(value)];
    memcpy(digits, &value, sizeof(value));
    image_put(image, (bytes){digits, size});
}

bytes image_get_bytes(struct image_reader *in, usize size)
{
    if (in->failed || in->left.size < size) {
        in->failed = true;
        return BYTES_EMPTY;
    }
    bytes out = {in->left.data, size};
    in->left = bytes_slice(in->left, size, in->left.size - size);
    return out;
}

void image_get(struct image_reader *in, void *to, usize size)
{
    bytes part = image_get_bytes(in, size);
    if (in->failed)
        memset(to, 0, size);
    else
        bytes_copy(to, part);
}

u128 image_get_number(struct image_reader *in, usize size)
{
    u128 value = 0;
    image_get(in, &value, size);
    return in->failed ? 0 : value;
}

static void put_hash(struct image *out, hash32 value)
{
    image_put(out, BYTES_OF(value));
}

static hash32 get_hash(struct image_reader *in)
{
    hash32 value;
    image_get(in, value.b, sizeof(value.b));
    return value;
}

static void put_signatures(struct image *out, const signature64 *list, usize count)
{
    image_put(out, (bytes){(const u8 *)list, count * sizeof(*list)});
}

static void get_signatures(struct image_reader *in, signature64 *list, usize count)
{
    image_get(in, list, count * sizeof(*list));
}

static u128 get_amount(struct image_reader *in)
{
    u128 value = image_get_number(in, 16);
    in->failed |= value >> 126 != 0; /* i128 holds what is computed of it */
    return in->failed ? 0 : value;
}

static bool get_flag(struct image_reader *in)
{
    u8 value = (u8)image_get_number(in, 1);
    in->failed |= value > 1;
    return value != 0;
}

/* Fails on more than `most`, so that what is made of it is bounded. */
static u32 get_count(struct image_reader *in, u32 most)
{
    u32 value = (u32)image_get_number(in, 2);
    in->failed |= value > most;
    return in->failed ? 0 : value;
}

/* --- Bases and halves. */

static void put_base(struct image *out, const struct base *base)
{
    image_put_number(out, base->epoch, 8);
    for (u32 side = 0; side < 2; side++) {
        image_put_number(out, base->balance[side], 16);
        image_put_number(out, base->deposited[side], 16);
        image_put_number(out, base->withdrawn[side], 16);
        image_put_number(out, base->locked[side], 16);
        put_hash(out, base->root[side]);
    }
}

static struct base get_base(struct image_reader *in)
{
    struct base base = {.epoch = (u64)image_get_number(in, 8)};
    for (u32 side = 0; side < 2; side++) {
        base.balance[side] = get_amount(in);
        base.deposited[side] = get_amount(in);
        base.withdrawn[side] = get_amount(in);
        base.locked[side] = get_amount(in);
        base.root[side] = get_hash(in);
    }
    return base;
}

/* Its epoch is the base's. */
static void put_half(struct image *out, const struct half *half, const signature64 *signature)
{
    image_put_number(out, half->seq, 8);
    image_put_number(out, half->sent, 16);
    image_put_number(out, half->locked, 16);
    put_hash(out, half->root);
    image_put_number(out, half->ack_seq, 8);
    put_hash(out, half->ack_hash);
    put_signatures(out, signature, 1);
}

static struct half get_half(struct image_reader *in, const struct channel *channel, u32 side,
                            signature64 *signature)
{
    struct half half = {.side = side, .epoch = channel->base.epoch};
    half.seq = (u64)image_get_number(in, 8);
    half.sent = get_amount(in);
    half.locked = get_amount(in);
    half.root = get_hash(in);
    half.ack_seq = (u64)image_get_number(in, 8);
    half.ack_hash = get_hash(in);
    get_signatures(in, signature, 1);
    return half;
}

static hash32 hash_of(const struct channel *channel, const struct half *half)
{
    return half->seq == 0 ? (hash32){{0}} : half_hash(channel->name.id, half);
}

static void put_sent(struct image *out, const struct channel *channel)
{
    image_put_number(out, channel->sent_count, 2);
    for (usize i = 0; i < channel->sent_count; i++) {
        const struct sent *sent = channel->sent[i];
        put_half(out, &sent->half, &sent->signature);
        image_put_number(out, sent->items_size, 4);
        image_put(out, (bytes){sent->items, sent->items_size});
    }
}

static bool items_read(bytes items)
{
    struct item item;
    while (items.size != 0)
        if (item_read(&items, &item) != ST_OK)
            return false;
    return true;
}

/* Numbers without gaps: find_sent counts on it. */
static void get_sent(struct image_reader *in, struct channel *channel)
{
    u32 count = get_count(in, countof(channel->sent));
    in->failed |= count == 0;
    for (u32 i = 0; i < count && !in->failed; i++) {
        signature64 signature;
        struct half half = get_half(in, channel, channel->side, &signature);
        usize size = (usize)image_get_number(in, 4);
        in->failed |= size > CHANNEL_ITEMS_LIMIT;
        bytes items = image_get_bytes(in, size);
        in->failed |=
            (i != 0 && half.seq != channel->sent[i - 1]->half.seq + 1) || !items_read(items);
        if (in->failed)
            return;
        if (i == 0)
            free(channel->sent[0]); /* a new channel's, which says nothing */
        channel->sent[i] = sent_new(&half, hash_of(channel, &half), &signature, items);
        channel->sent_count = i + 1;
    }
    if (!in->failed)
        channel->next_sent = newest_sent(channel)->half.sent;
}

/* --- What is on the way to being signed by both. */

static void put_rebase(struct image *out, const struct rebase *rebase)
{
    const bool flags[] = {rebase->asked,       rebase->quiet[0], rebase->quiet[1],
                          rebase->has_next,    rebase->recovers, rebase->is_signed[0],
                          rebase->is_signed[1]};
    for (usize i = 0; i < countof(flags); i++)
        image_put_number(out, flags[i], 1);
    if (!rebase->has_next)
        return;
    put_base(out, &rebase->next);
    put_signatures(out, rebase->signature, 2);
}

static void get_rebase(struct image_reader *in, struct rebase *rebase)
{
    bool *const flags[] = {&rebase->asked,       &rebase->quiet[0], &rebase->quiet[1],
                           &rebase->has_next,    &rebase->recovers, &rebase->is_signed[0],
                           &rebase->is_signed[1]};
    for (usize i = 0; i < countof(flags); i++)
        *flags[i] = get_flag(in);
    if (in->failed || !rebase->has_next)
        return;
    rebase->next = get_base(in);
    get_signatures(in, rebase->signature, 2);
}

static void put_withdrawal(struct image *out, const struct withdrawal *withdrawal)
{
    image_put_number(out, withdrawal->total, 16);
    image_put_number(out, withdrawal->until_s, 8);
    for (u32 side = 0; side < 2; side++)
        image_put_number(out, withdrawal->is_signed[side], 1);
    put_signatures(out, withdrawal->signature, 2);
}

static void get_withdrawal(struct image_reader *in, struct withdrawal *withdrawal)
{
    withdrawal->total = get_amount(in);
    withdrawal->until_s = (u64)image_get_number(in, 8);
    for (u32 side = 0; side < 2; side++)
        withdrawal->is_signed[side] = get_flag(in);
    get_signatures(in, withdrawal->signature, 2);
}

/* --- Locks. */

static void put_lock(struct image *out, const struct lock *lock)
{
    image_put_number(out, lock->amount, 16);
    image_put_number(out, (u64)lock->kind << 40 | lock->expiry_s, 8);
    put_hash(out, lock->key);
}

static struct lock get_lock(struct image_reader *in)
{
    struct lock lock = {.amount = image_get_number(in, 16)};
    u64 word = (u64)image_get_number(in, 8);
    lock.expiry_s = word & (((u64)1 << 40) - 1);
    lock.kind = (enum lock_kind)(word >> 40 & 0xff);
    lock.key = get_hash(in);
    in->failed |= lock.amount >= CHANNEL_AMOUNT_LIMIT || word >> 40 >= LOCK_KINDS;
    return lock;
}

static void put_locks(struct image *out, const struct locks *locks)
{
    image_put_number(out, locks_count(locks), 2);
    for (u32 slot = 0; slot < locks_end(locks); slot++) {
        struct lock lock = locks_get(locks, slot);
        if (lock.amount == 0)
            continue;
        image_put_number(out, slot, 2);
        put_lock(out, &lock);
    }
}

static u32 get_slot(struct image_reader *in, u32 least)
{
    u32 slot = (u32)image_get_number(in, 2);
    in->failed |= slot >= LOCKS_MOST || slot < least;
    return in->failed ? 0 : slot;
}

static void get_locks(struct image_reader *in, struct locks *locks)
{
    u32 count = get_count(in, LOCKS_MOST);
    for (u32 i = 0, least = 0; i < count && !in->failed; i++) {
        u32 slot = get_slot(in, least);
        struct lock lock = get_lock(in);
        in->failed |= lock.amount == 0 || locks_total(locks) + lock.amount >= CHANNEL_SUM_LIMIT;
        if (!in->failed)
            locks_set(locks, slot, &lock);
        least = slot + 1;
    }
}

static void put_out_locks(struct image *out, const struct channel *channel)
{
    u32 count = 0;
    for (u32 slot = 0; slot < channel->out_room; slot++)
        count += channel->out[slot].state != OUT_NONE;
    image_put_number(out, count, 2);
    for (u32 slot = 0; slot < channel->out_room; slot++) {
        const struct out_lock *lock = &channel->out[slot];
        if (lock->state == OUT_NONE)
            continue;
        image_put_number(out, slot, 2);
        image_put_number(out, lock->state, 1);
        put_hash(out, lock->preimage);
        put_lock(out, &lock->was);
        image_put_number(out, lock->reason.size, 2);
        image_put(out, lock->reason);
    }
}

/* A copy, which the channel owns; empty ones have none. */
static u8 *copy_of(bytes from)
{
    u8 *copy = from.size == 0 ? NULL : malloc(from.size);
    assert(copy != NULL || from.size == 0);
    bytes_copy(copy, from);
    return copy;
}

static void get_out_locks(struct image_reader *in, struct channel *channel)
{
    const struct locks *locks = channel->locks[channel->side];
    u32 count = get_count(in, LOCKS_MOST);
    for (u32 i = 0, least = 0; i < count && !in->failed; i++) {
        u32 slot = get_slot(in, least), state = (u32)image_get_number(in, 1);
        hash32 preimage = get_hash(in);
        struct lock was = get_lock(in);
        bytes reason = image_get_bytes(in, get_count(in, ITEM_REASON_LIMIT));
        bool has_lock = !in->failed && locks_get(locks, slot).amount != 0;
        in->failed |= state == OUT_NONE || state == OUT_QUEUED || state > OUT_ENDED ||
                      has_lock == (state == OUT_ENDED);
        if (in->failed)
            return;
        struct out_lock *lock = out_lock(channel, slot);
        lock->state = (int)state;
        lock->preimage = preimage;
        lock->was = was;
        lock->reason = (bytes){copy_of(reason), reason.size};
        least = slot + 1;
    }
}

static void put_in_locks(struct image *out, const struct channel *channel)
{
    u32 count = 0;
    for (u32 slot = 0; slot < channel->in_room; slot++)
        count += channel->in[slot].state != IN_NONE;
    image_put_number(out, count, 2);
    for (u32 slot = 0; slot < channel->in_room; slot++) {
        const struct in_lock *lock = &channel->in[slot];
        if (lock->state == IN_NONE)
            continue;
        image_put_number(out, slot, 2);
        image_put_number(out, lock->state, 1);
        put_hash(out, lock->preimage);
        image_put_number(out, lock->onion_size, 2);
        image_put(out, (bytes){lock->onion, lock->onion_size});
    }
    image_put_number(out, channel->fresh_count, 2);
    for (usize i = 0; i < channel->fresh_count; i++)
        image_put_number(out, channel->fresh[i], 2);
}

static void get_fresh(struct image_reader *in, struct channel *channel)
{
    u32 count = get_count(in, LOCKS_MOST);
    for (u32 i = 0; i < count && !in->failed; i++) {
        u32 slot = get_slot(in, 0);
        in->failed |= slot >= channel->in_room || channel->in[slot].state != IN_NEW;
        if (!in->failed)
            add_fresh(channel, slot);
    }
}

static void get_in_locks(struct image_reader *in, struct channel *channel)
{
    const struct locks *locks = channel->locks[peer_side(channel)];
    u32 count = get_count(in, LOCKS_MOST);
    for (u32 i = 0, least = 0; i < count && !in->failed; i++) {
        u32 slot = get_slot(in, least), state = (u32)image_get_number(in, 1);
        hash32 preimage = get_hash(in);
        usize onion_size = (usize)image_get_number(in, 2);
        in->failed |= onion_size != 0 && onion_size != ONION_SIZE && onion_size != ITEM_ONION_LIMIT;
        bytes onion = image_get_bytes(in, in->failed ? 0 : onion_size);
        in->failed |= state == IN_NONE || state > IN_CLAIMED ||
                      (!in->failed && locks_get(locks, slot).amount == 0);
        if (in->failed)
            return;
        struct in_lock *lock = in_lock(channel, slot);
        lock->state = (int)state;
        lock->preimage = preimage;
        lock->onion = copy_of(onion);
        lock->onion_size = onion.size;
        least = slot + 1;
    }
    get_fresh(in, channel);
}

/* --- All of it. */

void image_of(const struct channel *channel, struct image *out)
{
    assert(channel->queue_size == 0);
    image_put_number(out, VERSION, 1);
    image_put_number(out, channel->stopped, 1);
    image_put_number(out, channel->lost, 1);
    image_put_number(out, channel->owes_ack, 1);
    image_put_number(out, channel->hurries, 1);
    put_base(out, &channel->base);
    put_signatures(out, channel->base_signature, 2);
    for (u32 side = 0; side < 2; side++) {
        image_put_number(out, channel->deposited[side], 16);
        image_put_number(out, channel->withdrawn[side], 16);
    }
    image_put_number(out, channel->final_s, 8);
    put_rebase(out, &channel->rebase);
    for (u32 side = 0; side < 2; side++)
        put_withdrawal(out, &channel->withdrawal[side]);
    put_half(out, &channel->theirs, &channel->their_signature);
    image_put_number(out, channel->relied, 16);
    put_sent(out, channel);
    for (u32 side = 0; side < 2; side++)
        put_locks(out, channel->locks[side]);
    put_out_locks(out, channel);
    put_in_locks(out, channel);
}

static void get_money(struct image_reader *in, struct channel *channel)
{
    for (u32 side = 0; side < 2; side++) {
        channel->deposited[side] = get_amount(in);
        channel->withdrawn[side] = get_amount(in);
        in->failed |= channel->deposited[side] >= CHANNEL_AMOUNT_LIMIT ||
                      channel->withdrawn[side] >= CHANNEL_AMOUNT_LIMIT;
    }
    channel->final_s = (u64)image_get_number(in, 8);
}

enum status image_take(struct channel *channel, struct image_reader *in, struct err *err)
{
    in->failed |= image_get_number(in, 1) != VERSION;
    channel->stopped = get_flag(in);
    channel->lost = get_flag(in);
    channel->owes_ack = get_flag(in);
    channel->hurries = get_flag(in);
    channel->base = get_base(in);
    get_signatures(in, channel->base_signature, 2);
    get_money(in, channel);
    get_rebase(in, &channel->rebase);
    for (u32 side = 0; side < 2; side++)
        get_withdrawal(in, &channel->withdrawal[side]);
    channel->theirs = get_half(in, channel, peer_side(channel), &channel->their_signature);
    channel->their_hash = hash_of(channel, &channel->theirs);
    channel->relied = image_get_number(in, 16);
    get_sent(in, channel);
    for (u32 side = 0; side < 2; side++)
        get_locks(in, channel->locks[side]);
    get_out_locks(in, channel);
    get_in_locks(in, channel);
    return in->failed ? fail(err, ST_INVALID, "a channel's image does not read") : ST_OK;
}
