#include "crypto/blake2.h"

/* RFC 7693, section 2.7: the order in which rounds take the words of the block; round 10 is again
 * like round 0. */
enum { ORDERS = 10 };
static const u8 ORDER[ORDERS][16] = {
    /* clang-format off */
    { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15},
    {14, 10,  4,  8,  9, 15, 13,  6,  1, 12,  0,  2, 11,  7,  5,  3},
    {11,  8, 12,  0,  5,  2, 15, 13, 10, 14,  3,  6,  7,  1,  9,  4},
    { 7,  9,  3,  1, 13, 12, 11, 14,  2,  6,  5, 10,  4,  0, 15,  8},
    { 9,  0,  5,  7,  2,  4, 10, 15, 14,  1, 11, 12,  6,  8,  3, 13},
    { 2, 12,  6, 10,  0, 11,  8,  3,  4, 13,  7,  5, 15, 14,  1,  9},
    {12,  5,  1, 15, 14, 13,  4, 10,  0,  7,  6,  3,  9,  2,  8, 11},
    {13, 11,  7, 14, 12,  1,  3,  9,  5,  0, 15,  4,  8,  6,  2, 10},
    { 6, 15, 14,  9, 11,  3,  0,  8, 12,  2, 13,  7,  1,  4, 10,  5},
    {10,  2,  8,  4,  7,  6,  1,  5, 15, 11,  9, 14,  3, 12, 13,  0},
    /* clang-format on */
};

/* The fractional parts of the square roots of the first eight primes, as in SHA-512. */
static const u64 IV[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

static inline u64 rotate(u64 x, unsigned by)
{
    return x >> by | x << (64 - by);
}

/* RFC 7693, section 3.1: mixes two words of the block into a column or diagonal. */
#define MIX(a, b, c, d, x, y)                                                                      \
    do {                                                                                           \
        a += b + (x);                                                                              \
        d = rotate(d ^ a, 32);                                                                     \
        c += d;                                                                                    \
        b = rotate(b ^ c, 24);                                                                     \
        a += b + (y);                                                                              \
        d = rotate(d ^ a, 16);                                                                     \
        c += d;                                                                                    \
        b = rotate(b ^ c, 63);                                                                     \
    } while (0)

/* The columns, then the diagonals. */
#define ROUND(order)                                                                               \
    do {                                                                                           \
        MIX(v0, v4, v8, v12, block[(order)[0]], block[(order)[1]]);                                \
        MIX(v1, v5, v9, v13, block[(order)[2]], block[(order)[3]]);                                \
        MIX(v2, v6, v10, v14, block[(order)[4]], block[(order)[5]]);                               \
        MIX(v3, v7, v11, v15, block[(order)[6]], block[(order)[7]]);                               \
        MIX(v0, v5, v10, v15, block[(order)[8]], block[(order)[9]]);                               \
        MIX(v1, v6, v11, v12, block[(order)[10]], block[(order)[11]]);                             \
        MIX(v2, v7, v8, v13, block[(order)[12]], block[(order)[13]]);                              \
        MIX(v3, v4, v9, v14, block[(order)[14]], block[(order)[15]]);                              \
    } while (0)

void blake2b_compress(u64 state[8], const u64 block[16], const u64 offset[2], bool last, u32 rounds)
{
    /* Locals and not an array, so that the compiler may keep them in registers. */
    u64 v0 = state[0], v1 = state[1], v2 = state[2], v3 = state[3], v4 = state[4], v5 = state[5],
        v6 = state[6], v7 = state[7], v8 = IV[0], v9 = IV[1], v10 = IV[2], v11 = IV[3],
        v12 = IV[4] ^ offset[0], v13 = IV[5] ^ offset[1], v14 = last ? ~IV[6] : IV[6], v15 = IV[7];
    for (; rounds >= ORDERS; rounds -= ORDERS) {
#pragma GCC unroll 10
        for (int i = 0; i < ORDERS; i++) /* unrolled, every place is a constant */
            ROUND(ORDER[i]);
    }
    for (u32 i = 0; i < rounds; i++)
        ROUND(ORDER[i]);
    state[0] ^= v0 ^ v8;
    state[1] ^= v1 ^ v9;
    state[2] ^= v2 ^ v10;
    state[3] ^= v3 ^ v11;
    state[4] ^= v4 ^ v12;
    state[5] ^= v5 ^ v13;
    state[6] ^= v6 ^ v14;
    state[7] ^= v7 ^ v15;
}
