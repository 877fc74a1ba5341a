#include "crypto/ripemd160.h"

/* Two lines of five groups of 16 steps run beside each other over the same block. A row per group:
 * the order in which it takes the words, and by how much it rotates. */
struct line {
    u8 word[5][16];
    u8 rotation[5][16];
    u32 constant[5];
};

/* clang-format off */
static const struct line LEFT = {
    {{ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15},
     { 7,  4, 13,  1, 10,  6, 15,  3, 12,  0,  9,  5,  2, 14, 11,  8},
     { 3, 10, 14,  4,  9, 15,  8,  1,  2,  7,  0,  6, 13, 11,  5, 12},
     { 1,  9, 11, 10,  0,  8, 12,  4, 13,  3,  7, 15, 14,  5,  6,  2},
     { 4,  0,  5,  9,  7, 12,  2, 10, 14,  1,  3,  8, 11,  6, 15, 13}},
    {{11, 14, 15, 12,  5,  8,  7,  9, 11, 13, 14, 15,  6,  7,  9,  8},
     { 7,  6,  8, 13, 11,  9,  7, 15,  7, 12, 15,  9, 11,  7, 13, 12},
     {11, 13,  6,  7, 14,  9, 13, 15, 14,  8, 13,  6,  5, 12,  7,  5},
     {11, 12, 14, 15, 14, 15,  9,  8,  9, 14,  5,  6,  8,  6,  5, 12},
     { 9, 15,  5, 11,  6,  8, 13, 12,  5, 12, 13, 14, 11,  8,  5,  6}},
    {0x00000000, 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xa953fd4e},
};

static const struct line RIGHT = {
    {{ 5, 14,  7,  0,  9,  2, 11,  4, 13,  6, 15,  8,  1, 10,  3, 12},
     { 6, 11,  3,  7,  0, 13,  5, 10, 14, 15,  8, 12,  4,  9,  1,  2},
     {15,  5,  1,  3,  7, 14,  6,  9, 11,  8, 12,  2, 10,  0,  4, 13},
     { 8,  6,  4,  1,  3, 11, 15,  0,  5, 12,  2, 13,  9,  7, 10, 14},
     {12, 15, 10,  4,  1,  5,  8,  7,  6,  2, 13, 14,  0,  3,  9, 11}},
    {{ 8,  9,  9, 11, 13, 15, 15,  5,  7,  7,  8, 11, 14, 14, 12,  6},
     { 9, 13, 15,  7, 12,  8,  9, 11,  7,  7, 12,  7,  6, 15, 13, 11},
     { 9,  7, 15, 11,  8,  6,  6, 14, 12, 13,  5, 14, 13, 13,  7,  5},
     {15,  5,  8, 11, 14, 14,  6, 14,  6,  9, 12,  9, 12,  5, 15,  8},
     { 8,  5, 12,  9, 12,  5, 14,  6,  8, 13,  6,  5, 15, 13, 11, 11}},
    {0x50a28be6, 0x5c4dd124, 0x6d703ef3, 0x7a6d76e9, 0x00000000},
};
/* clang-format on */

static inline u32 rotate(u32 x, unsigned by)
{
    return x << by | x >> (32 - by);
}

/* The function of x, y, z of groups 1 to 5; the right line takes them from 5 to 1. */
[[gnu::always_inline]] static inline u32 mix(int function, u32 x, u32 y, u32 z)
{
    switch (function) {
    case 0:
        return x ^ y ^ z;
    case 1:
        return (x & y) | (~x & z);
    case 2:
        return (x | ~y) ^ z;
    case 3:
        return (x & z) | (y & ~z);
    default:
        return x ^ (y | ~z);
    }
}

[[gnu::always_inline]] static inline void run_group(u32 v[5], const struct line *line, int group,
                                                    int function, const u32 block[16])
{
    for (int i = 0; i < 16; i++) {
        u32 sum = v[0] + mix(function, v[1], v[2], v[3]) + block[line->word[group][i]] +
                  line->constant[group];
        u32 next = rotate(sum, line->rotation[group][i]) + v[4];
        v[0] = v[4];
        v[4] = v[3];
        v[3] = rotate(v[2], 10);
        v[2] = v[1];
        v[1] = next;
    }
}

static void compress(u32 state[5], const u8 bytes_of_block[64])
{
    u32 block[16], left[5], right[5];
    memcpy(block, bytes_of_block, sizeof(block)); /* little-endian words */
    memcpy(left, state, sizeof(left));
    memcpy(right, state, sizeof(right));
#pragma GCC unroll 5
    for (int group = 0; group < 5; group++) {
        run_group(left, &LEFT, group, group, block);
        run_group(right, &RIGHT, group, 4 - group, block);
    }
    u32 first = state[1] + left[2] + right[3];
    state[1] = state[2] + left[3] + right[4];
    state[2] = state[3] + left[4] + right[0];
    state[3] = state[4] + left[0] + right[1];
    state[4] = state[0] + left[1] + right[2];
    state[0] = first;
}

hash20 ripemd160(bytes in)
{
    u32 state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    usize at = 0;
    for (; in.size - at >= 64; at += 64)
        compress(state, in.data + at);
    u8 last[128] = {0};
    usize rest = in.size - at, padded = rest < 56 ? 64 : 128;
    bytes_copy(last, bytes_slice(in, at, rest));
    last[rest] = 0x80;
    store_le64(last + padded - 8, (u64)in.size * 8);
    for (usize i = 0; i < padded; i += 64)
        compress(state, last + i);
    hash20 out;
    memcpy(out.b, state, sizeof(out.b));
    return out;
}
