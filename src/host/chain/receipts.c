#include "chain/receipts.h"

/* list    = count:u32 receipt*
 * receipt = cumulative:u64 used:u64 logs:u32 type:u8 flags:u8 [root] [contract] [nonce] log*
 * log     = address topics:u8 size:u32 topic* data
 *
 * The nonce, a u64, is there where the type is a deposit's. */

enum { SUCCEEDED = 1, HAS_ROOT = 2, CREATED = 4 };

struct fixed {
    u64 cumulative_gas, gas_used;
    u32 log_count;
    u8 type, flags;
};

enum { FIXED_SIZE = 22, LOG_FIXED_SIZE = 25 };

static_assert(offsetof(struct fixed, flags) + 1 == FIXED_SIZE, "no padding before the end");

static usize nonce_size(u8 type)
{
    return type == TX_DEPOSIT ? sizeof(u64) : 0;
}

static usize log_size(const struct log *log)
{
    return LOG_FIXED_SIZE + log->topic_count * sizeof(hash32) + log->data.size;
}

usize receipts_pack_size(const struct receipt *receipts, usize count)
{
    usize size = sizeof(u32);
    for (usize i = 0; i < count; i++) {
        const struct receipt *receipt = &receipts[i];
        size += FIXED_SIZE + (receipt->has_root ? sizeof(hash32) : 0) +
                (receipt->created ? sizeof(address) : 0) + nonce_size((u8)receipt->type);
        for (usize j = 0; j < receipt->log_count; j++)
            size += log_size(&receipt->logs[j]);
    }
    return size;
}

static u8 *put(u8 *to, const void *from, usize size)
{
    if (size != 0)
        memcpy(to, from, size);
    return to + size;
}

static u8 *put_log(u8 *to, const struct log *log)
{
    u32 size = (u32)log->data.size;
    to = put(to, log->who.b, sizeof(log->who));
    *to++ = (u8)log->topic_count;
    to = put(to, &size, sizeof(size));
    to = put(to, log->topics, log->topic_count * sizeof(hash32));
    return put(to, log->data.data, log->data.size);
}

void receipts_pack(const struct receipt *receipts, usize count, u8 *to)
{
    u32 count32 = (u32)count;
    to = put(to, &count32, sizeof(count32));
    for (usize i = 0; i < count; i++) {
        const struct receipt *receipt = &receipts[i];
        struct fixed fixed = {
            .cumulative_gas = receipt->cumulative_gas,
            .gas_used = receipt->gas_used,
            .log_count = (u32)receipt->log_count,
            .type = (u8)receipt->type,
            .flags = (u8)((receipt->succeeded ? SUCCEEDED : 0) |
                          (receipt->has_root ? HAS_ROOT : 0) | (receipt->created ? CREATED : 0)),
        };
        to = put(to, &fixed, FIXED_SIZE);
        if (receipt->has_root)
            to = put(to, receipt->post_root.b, sizeof(hash32));
        if (receipt->created)
            to = put(to, receipt->contract.b, sizeof(address));
        to = put(to, &receipt->deposit_nonce, nonce_size(fixed.type));
        for (usize j = 0; j < receipt->log_count; j++)
            to = put_log(to, &receipt->logs[j]);
    }
}

static bool take(bytes *in, void *to, usize size)
{
    if (size > in->size)
        return false;
    if (size != 0)
        memcpy(to, in->data, size);
    *in = (bytes){in->data + size, in->size - size};
    return true;
}

static bool take_log(bytes *in, struct log *out)
{
    u8 topics;
    u32 size;
    if (!take(in, out->who.b, sizeof(out->who)) || !take(in, &topics, 1) ||
        !take(in, &size, sizeof(size)) || topics > countof(out->topics))
        return false;
    out->topic_count = topics;
    if (!take(in, out->topics, topics * sizeof(hash32)) || size > in->size)
        return false;
    out->data = bytes_slice(*in, 0, size);
    *in = (bytes){in->data + size, in->size - size};
    return true;
}

static bool take_receipt(bytes *in, struct receipt *out, struct arena *arena)
{
    struct fixed fixed = {0};
    if (!take(in, &fixed, FIXED_SIZE) || (fixed.type > TX_SET_CODE && fixed.type != TX_DEPOSIT) ||
        fixed.log_count > in->size / LOG_FIXED_SIZE)
        return false;
    *out = (struct receipt){
        .type = fixed.type,
        .has_root = (fixed.flags & HAS_ROOT) != 0,
        .succeeded = (fixed.flags & SUCCEEDED) != 0,
        .created = (fixed.flags & CREATED) != 0,
        .cumulative_gas = fixed.cumulative_gas,
        .gas_used = fixed.gas_used,
        .log_count = fixed.log_count,
    };
    if ((out->has_root && !take(in, out->post_root.b, sizeof(hash32))) ||
        (out->created && !take(in, out->contract.b, sizeof(address))) ||
        !take(in, &out->deposit_nonce, nonce_size(fixed.type)))
        return false;
    out->logs = ARENA_NEW(arena, struct log, out->log_count);
    for (usize i = 0; i < out->log_count; i++)
        if (!take_log(in, &out->logs[i]))
            return false;
    bloom_add_logs(&out->bloom, out->logs, out->log_count);
    return true;
}

enum status receipts_unpack(bytes in, struct receipt **out, usize *count, struct arena *arena)
{
    u32 count32;
    if (!take(&in, &count32, sizeof(count32)) || count32 > in.size / FIXED_SIZE)
        return ST_CORRUPT;
    *count = count32;
    *out = ARENA_TAKE(arena, struct receipt, count32);
    for (usize i = 0; i < count32; i++)
        if (!take_receipt(&in, &(*out)[i], arena))
            return ST_CORRUPT;
    return in.size == 0 ? ST_OK : ST_CORRUPT;
}

static bool skip(bytes *in, usize size)
{
    if (size > in->size)
        return false;
    *in = (bytes){in->data + size, in->size - size};
    return true;
}

/* Passes over one receipt, counting its logs; `nonce` is left alone unless it is a deposit's. */
static bool skip_receipt(bytes *in, u64 *logs, u64 *nonce)
{
    struct fixed fixed = {0};
    if (!take(in, &fixed, FIXED_SIZE) ||
        !skip(in, (fixed.flags & HAS_ROOT) != 0 ? sizeof(hash32) : 0) ||
        !skip(in, (fixed.flags & CREATED) != 0 ? sizeof(address) : 0) ||
        !take(in, nonce, nonce_size(fixed.type)))
        return false;
    for (u32 i = 0; i < fixed.log_count; i++) {
        u8 topics;
        u32 size;
        if (!skip(in, sizeof(address)) || !take(in, &topics, 1) || !take(in, &size, sizeof(size)) ||
            !skip(in, topics * sizeof(hash32)) || !skip(in, size))
            return false;
    }
    *logs += fixed.log_count;
    return true;
}

enum status receipts_unpack_one(bytes in, usize index, struct receipt *out, u64 *first_log,
                                struct arena *arena)
{
    u32 count;
    u64 nonce;
    *first_log = 0;
    if (!take(&in, &count, sizeof(count)))
        return ST_CORRUPT;
    if (index >= count)
        return ST_MISSING;
    for (usize i = 0; i < index; i++)
        if (!skip_receipt(&in, first_log, &nonce))
            return ST_CORRUPT;
    return take_receipt(&in, out, arena) ? ST_OK : ST_CORRUPT;
}

usize receipts_unpack_nonces(bytes in, u64 *nonces, usize room)
{
    u32 all;
    u64 logs = 0;
    usize count = 0;
    if (!take(&in, &all, sizeof(all)))
        return 0;
    while (count < room && count < all && in.size > offsetof(struct fixed, type) &&
           in.data[offsetof(struct fixed, type)] == TX_DEPOSIT &&
           skip_receipt(&in, &logs, &nonces[count]))
        count++;
    return count;
}
