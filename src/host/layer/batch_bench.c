/* What a transfer costs in a batch, beside the plain way: the envelopes one after the other,
 * through zlib -9. Every byte of the data is counted.
 *
 *   bench_batch [transfers, 1000 unless given] */
#include "layer/batch_zip.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <zlib.h>

enum { BLOCKS = 20, CHAIN = 901, KNOWN = 50 };

static struct arena reserve(usize size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(memory != MAP_FAILED);
    return arena_over(memory, size);
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* --- Transfers. */

static u64 random_u64(u64 *seed) /* SplitMix64 */
{
    u64 z = *seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void random_bytes(u64 *seed, void *to, usize size)
{
    for (u8 *at = to; at < (u8 *)to + size; at++)
        *at = (u8)random_u64(seed);
}

struct kind {
    const char *name;
    usize recipients;   /* 0: each its own */
    bool full_values;   /* amounts to the last wei, else up to five digits of ether */
    unsigned fee_kinds; /* different fees that wallets offer in a block */
};

static struct tx transfer(const struct kind *kind, const address *recipients, u64 block, u64 *seed)
{
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .protected = true,
                    .chain_id = CHAIN,
                    .nonce = random_u64(seed) % 1000,
                    .gas_limit = 21000,
                    .y_parity = random_u64(seed) & 1};
    u64 base = 1000000000 + block * 1234567; /* wallets offer twice the base fee and the tip */
    u64 tip = 1000000 * (1 + random_u64(seed) % kind->fee_kinds);
    tx.max_priority_wei = u256_from_u64(tip);
    tx.max_fee_wei = u256_from_u64(2 * base + tip);
    u64 digits = 1 + random_u64(seed) % 99999;
    tx.value_wei = kind->full_values
                       ? u256_from_u64(random_u64(seed) % 1000000000000000000)
                       : u256_mul(u256_from_u64(digits), u256_from_u64(100000000000000));
    random_bytes(seed, tx.to.b, sizeof(tx.to.b));
    if (kind->recipients > 0)
        tx.to = recipients[random_u64(seed) % kind->recipients];
    random_bytes(seed, &tx.r, sizeof(tx.r));
    random_bytes(seed, &tx.s, sizeof(tx.s));
    tx.s.w[3] >>= 2;
    return tx;
}

static struct batch make(const struct kind *kind, usize count, struct arena *arena)
{
    u64 seed = 1;
    address *recipients = ARENA_TAKE(arena, address, kind->recipients);
    random_bytes(&seed, recipients, kind->recipients * sizeof(address));
    struct tx *txs = ARENA_TAKE(arena, struct tx, count);
    struct batch_block *blocks = ARENA_NEW(arena, struct batch_block, BLOCKS);
    usize at = 0;
    for (u64 i = 0; i < BLOCKS; i++) {
        usize end = count * (i + 1) / BLOCKS;
        blocks[i] = (struct batch_block){.timestamp = 1700000000 + i,
                                         .origin_number = 20000000 + i / 12,
                                         .txs = txs + at,
                                         .tx_count = end - at};
        while (at < end)
            txs[at++] = transfer(kind, recipients, i, &seed);
    }
    struct batch batch = {.first_number = 1234567, .blocks = blocks, .block_count = BLOCKS};
    random_bytes(&seed, batch.parent_prefix, sizeof(batch.parent_prefix));
    return batch;
}

/* --- The plain way. */

static usize plain_size(const struct batch *batch, struct arena arena)
{
    u8 *all = arena.at;
    for (usize i = 0; i < batch->block_count; i++)
        for (usize j = 0; j < batch->blocks[i].tx_count; j++) {
            struct arena one = arena;
            bytes envelope = tx_encode(&batch->blocks[i].txs[j], &one);
            memmove(arena.at, envelope.data, envelope.size);
            arena.at += envelope.size;
        }
    usize size = (usize)(arena.at - all);
    uLongf zipped = compressBound(size);
    u8 *to = ARENA_TAKE(&arena, u8, zipped);
    int st = compress2(to, &zipped, all, size, Z_BEST_COMPRESSION);
    assert(st == Z_OK);
    return zipped;
}

/* --- The measure. */

static void measure(const struct kind *kind, usize count, struct arena arena)
{
    enum { ROUNDS = 20 };
    struct batch batch = make(kind, count, &arena), again;
    struct batch_body body;
    bytes data;
    struct err err = {""};
    double encode_ms = 1e9, zip_ms = 1e9, decode_ms = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        struct arena tmp = arena;
        double start = now_ms();
        enum status st = batch_body_encode(&batch, CHAIN, &body, &tmp, &err);
        assert(st == ST_OK);
        double encoded = now_ms();
        st = batch_zip(&body, &data, &tmp, &err);
        assert(st == ST_OK);
        double zipped = now_ms();
        st = batch_data_decode(data, CHAIN, &again, &tmp, &err);
        assert(st == ST_OK && again.block_count == batch.block_count);
        double decoded = now_ms();
        encode_ms = encoded - start < encode_ms ? encoded - start : encode_ms;
        zip_ms = zipped - encoded < zip_ms ? zipped - encoded : zip_ms;
        decode_ms = decoded - zipped < decode_ms ? decoded - zipped : decode_ms;
    }
    printf(
        "%-40s %6.2f bytes each (body %6.2f, plain %6.2f)  encode %6.0f, zip %4.0f, decode %6.0f "
        "thousand/s\n",
        kind->name, (double)data.size / (double)count, (double)body.all.size / (double)count,
        (double)plain_size(&batch, arena) / (double)count, (double)count / encode_ms,
        (double)count / zip_ms, (double)count / decode_ms);
}

_Noreturn void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: bug: %s\n", file, line, what);
    abort();
}

int main(int argc, char **argv)
{
    static const struct kind kinds[] = {
        {"fresh recipients", 0, false, 3},
        {"fresh recipients, amounts to the wei", 0, true, 3},
        {"known recipients", KNOWN, false, 3},
        {"known recipients, amounts to the wei", KNOWN, true, 3},
        {"known, amounts to the wei, many fees", KNOWN, true, 200},
    };
    usize count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
    struct arena arena = reserve((usize)4 << 30);
    for (usize i = 0; i < countof(kinds); i++)
        measure(&kinds[i], count, arena);
    return 0;
}
