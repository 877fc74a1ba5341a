#include "crypto/sha256.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static const u32 ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline u32 rotate(u32 x, unsigned by)
{
    return x >> by | x << (32 - by);
}

/* One round; instead of moving the eight variables on, the next one names them one place later. */
#define STEP(a, b, c, d, e, f, g, h, i)                                                            \
    do {                                                                                           \
        u32 sum = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (g ^ (e & (f ^ g))) +       \
                  ROUND[i] + w[i];                                                                 \
        d += sum;                                                                                  \
        h = sum + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) | (c & (a | b)));      \
    } while (0)

static void compress_block(u32 state[8], const u8 block[64])
{
    u32 w[64];
    for (int i = 0; i < 16; i++)
        w[i] = load_be32(block + 4 * i);
    for (int i = 16; i < 64; i++) {
        u32 s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        u32 s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    u32 a = state[0], b = state[1], c = state[2], d = state[3];
    u32 e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i += 8) {
        STEP(a, b, c, d, e, f, g, h, i);
        STEP(h, a, b, c, d, e, f, g, i + 1);
        STEP(g, h, a, b, c, d, e, f, i + 2);
        STEP(f, g, h, a, b, c, d, e, i + 3);
        STEP(e, f, g, h, a, b, c, d, i + 4);
        STEP(d, e, f, g, h, a, b, c, i + 5);
        STEP(c, d, e, f, g, h, a, b, i + 6);
        STEP(b, c, d, e, f, g, h, a, i + 7);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

/* clang 14 cannot ask for the instructions at run time. */
#if defined(__x86_64__) && !defined(__clang__)
#define HAVE_SHA_INSTRUCTIONS

/* The same by the processor's own rounds, two to an instruction. They want the state as the vectors
 * (a, b, e, f) and (c, d, g, h), highest word first, and the schedule four words at a time.
 * Source: Intel 64 and IA-32 Architectures Software Developer's Manual, SHA256RNDS2 and on. */
[[gnu::target("sha,sse4.1")]] static void compress_by_instructions(u32 state[8], const u8 *blocks,
                                                                   usize count)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    u32 out[8];
    __m128i abef = _mm_set_epi32((i32)state[0], (i32)state[1], (i32)state[4], (i32)state[5]);
    __m128i cdgh = _mm_set_epi32((i32)state[2], (i32)state[3], (i32)state[6], (i32)state[7]);
    for (; count > 0; count--, blocks += 64) {
        __m128i w[4], old_abef = abef, old_cdgh = cdgh;
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(blocks + 16 * i)), swap);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            __m128i *now = &w[i % 4], after = w[(i + 1) % 4], last = w[(i + 3) % 4];
            __m128i sum = _mm_add_epi32(*now, _mm_loadu_si128((const __m128i *)(ROUND + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
            if (i >= 12)
                continue;
            __m128i sevens = _mm_alignr_epi8(last, w[(i + 2) % 4], 4); /* w[t - 7] */
            *now = _mm_add_epi32(_mm_sha256msg1_epu32(*now, after), sevens);
            *now = _mm_sha256msg2_epu32(*now, last);
        }
        abef = _mm_add_epi32(abef, old_abef);
        cdgh = _mm_add_epi32(cdgh, old_cdgh);
    }
    _mm_storeu_si128((__m128i *)out, abef);
    _mm_storeu_si128((__m128i *)(out + 4), cdgh);
    state[0] = out[3], state[1] = out[2], state[2] = out[7], state[3] = out[6];
    state[4] = out[1], state[5] = out[0], state[6] = out[5], state[7] = out[4];
}
#endif

static void compress(u32 state[8], const u8 *blocks, usize count)
{
#ifdef HAVE_SHA_INSTRUCTIONS
    if (__builtin_cpu_supports("sha")) {
        compress_by_instructions(state, blocks, count);
        return;
    }
#endif
    for (; count > 0; count--, blocks += 64)
        compress_block(state, blocks);
}

struct sha256 sha256_begin(void)
{
    return (struct sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                     0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void sha256_add(struct sha256 *hash, bytes part)
{
    usize held = hash->size % 64;
    hash->size += part.size;
    if (held != 0) {
        bytes first = bytes_slice(part, 0, 64 - held);
        bytes_copy(hash->block + held, first);
        part = bytes_slice(part, first.size, part.size);
        if (held + first.size < 64)
            return;
        compress(hash->state, hash->block, 1);
    }
    compress(hash->state, part.data, part.size / 64);
    usize rest = part.size % 64;
    bytes_copy(hash->block, bytes_slice(part, part.size - rest, rest));
}

/* In its own block, so that who wipes `hash` has wiped what went into it. */
hash32 sha256_end(struct sha256 *hash)
{
    usize held = hash->size % 64;
    hash->block[held++] = 0x80;
    memset(hash->block + held, 0, 64 - held);
    if (held > 56) {
        compress(hash->state, hash->block, 1);
        memset(hash->block, 0, 64);
    }
    store_be64(hash->block + 56, hash->size * 8);
    compress(hash->state, hash->block, 1);
    hash32 out;
    for (int i = 0; i < 8; i++)
        store_be32(out.b + 4 * i, hash->state[i]);
    return out;
}

hash32 sha256(bytes in)
{
    struct sha256 hash = sha256_begin();
    sha256_add(&hash, in);
    return sha256_end(&hash);
}
