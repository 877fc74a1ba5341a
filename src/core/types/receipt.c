#include "types/receipt.h"

#include "crypto/keccak.h"
#include "types/internal.h"

/* The three bits of a value: 11 bits each of the hash's first three pairs of bytes, counted from
 * the filter's far end. */
static void bloom_bits(bytes value, usize index[3], u8 bit[3])
{
    hash32 hash = keccak256(value);
    for (usize i = 0; i < 3; i++) {
        usize at = (usize)(hash.b[2 * i] << 8 | hash.b[2 * i + 1]) & 2047;
        index[i] = 255 - at / 8;
        bit[i] = (u8)(1 << at % 8);
    }
}

void bloom_add(bloom256 *bloom, bytes value)
{
    usize index[3];
    u8 bit[3];
    bloom_bits(value, index, bit);
    for (usize i = 0; i < 3; i++)
        bloom->b[index[i]] |= bit[i];
}

void bloom_add_logs(bloom256 *bloom, const struct log *logs, usize count)
{
    for (usize i = 0; i < count; i++) {
        bloom_add(bloom, BYTES_OF(logs[i].who));
        for (usize j = 0; j < logs[i].topic_count; j++)
            bloom_add(bloom, BYTES_OF(logs[i].topics[j]));
    }
}

void bloom_merge(bloom256 *into, const bloom256 *other)
{
    for (usize i = 0; i < sizeof(into->b); i++)
        into->b[i] |= other->b[i];
}

bool bloom_may_contain(const bloom256 *bloom, bytes value)
{
    usize index[3];
    u8 bit[3];
    bloom_bits(value, index, bit);
    for (usize i = 0; i < 3; i++)
        if ((bloom->b[index[i]] & bit[i]) == 0)
            return false;
    return true;
}

struct log_list {
    const struct log *logs;
    usize count;
};

static void topics_out(struct rlp_out *out, const void *self)
{
    const struct log *log = self;
    for (usize i = 0; i < log->topic_count; i++)
        out_hash(out, log->topics[i]);
}

static void log_out(struct rlp_out *out, const void *self)
{
    const struct log *log = self;
    out_address(out, log->who);
    out_list(out, topics_out, log);
    out_bytes(out, log->data);
}

static void logs_out(struct rlp_out *out, const void *self)
{
    const struct log_list *list = self;
    for (usize i = 0; i < list->count; i++)
        out_list(out, log_out, &list->logs[i]);
}

static void receipt_out(struct rlp_out *out, const void *self)
{
    const struct receipt *receipt = self;
    if (receipt->has_root)
        out_hash(out, receipt->post_root);
    else
        out_u64(out, receipt->succeeded);
    out_u64(out, receipt->cumulative_gas);
    out_bytes(out, BYTES_OF(receipt->bloom));
    out_list(out, logs_out, &(struct log_list){receipt->logs, receipt->log_count});
    if (receipt->type == TX_DEPOSIT) {
        out_u64(out, receipt->deposit_nonce);
        out_u64(out, DEPOSIT_RECEIPT_VERSION);
    }
}

bytes receipt_encode(const struct receipt *receipt, struct arena *arena)
{
    return encode_envelope((u8)receipt->type, receipt_out, receipt, arena);
}

hash32 logs_hash(const struct log *logs, usize count, struct arena tmp)
{
    return keccak256(encode_list(logs_out, &(struct log_list){logs, count}, &tmp));
}
