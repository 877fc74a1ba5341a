#include "crypto/keccak.h"

#define RATE ((usize)136) /* bytes absorbed per permutation: 1600 bits less twice 256 */

/* FIPS 202, section 3.2.5. */
static const u64 ROUND_CONSTANTS[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

#define ROTATE(lane, by) ((lane) << (by) | (lane) >> (-(by)&63))

/* Lanes are locals, so that the compiler may keep them in registers; NAME##i is lane (i % 5, i /
 * 5). A round reads one set of 25 and writes the other, so two rounds need no moves. A lane is a
 * u64, or a vector of the lanes of several states. */
#define LANES(DO)                                                                                  \
    DO(0)                                                                                          \
    DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14)       \
        DO(15) DO(16) DO(17) DO(18) DO(19) DO(20) DO(21) DO(22) DO(23) DO(24)

/* One row of the result: theta's column sums `d`, rho's rotations, pi's moves (the order of the
 * arguments), chi. Columns c0…c4 are those of the source lanes. */
#define ROW(to0, to1, to2, to3, to4, from0, c0, r0, from1, c1, r1, from2, c2, r2, from3, c3, r3,   \
            from4, c4, r4)                                                                         \
    do {                                                                                           \
        lane b0 = ROTATE(from0 ^ d##c0, r0), b1 = ROTATE(from1 ^ d##c1, r1),                       \
             b2 = ROTATE(from2 ^ d##c2, r2), b3 = ROTATE(from3 ^ d##c3, r3),                       \
             b4 = ROTATE(from4 ^ d##c4, r4);                                                       \
        to0 = b0 ^ (~b1 & b2);                                                                     \
        to1 = b1 ^ (~b2 & b3);                                                                     \
        to2 = b2 ^ (~b3 & b4);                                                                     \
        to3 = b3 ^ (~b4 & b0);                                                                     \
        to4 = b4 ^ (~b0 & b1);                                                                     \
    } while (0)

#define ROUND(a, e, constant)                                                                      \
    do {                                                                                           \
        lane s0 = a##0 ^ a##5 ^ a##10 ^ a##15 ^ a##20, s1 = a##1 ^ a##6 ^ a##11 ^ a##16 ^ a##21,   \
             s2 = a##2 ^ a##7 ^ a##12 ^ a##17 ^ a##22, s3 = a##3 ^ a##8 ^ a##13 ^ a##18 ^ a##23,   \
             s4 = a##4 ^ a##9 ^ a##14 ^ a##19 ^ a##24;                                             \
        lane d0 = s4 ^ ROTATE(s1, 1), d1 = s0 ^ ROTATE(s2, 1), d2 = s1 ^ ROTATE(s3, 1),            \
             d3 = s2 ^ ROTATE(s4, 1), d4 = s3 ^ ROTATE(s0, 1);                                     \
        ROW(e##0, e##1, e##2, e##3, e##4, a##0, 0, 0, a##6, 1, 44, a##12, 2, 43, a##18, 3, 21,     \
            a##24, 4, 14);                                                                         \
        e##0 ^= (constant);                                                                        \
        ROW(e##5, e##6, e##7, e##8, e##9, a##3, 3, 28, a##9, 4, 20, a##10, 0, 3, a##16, 1, 45,     \
            a##22, 2, 61);                                                                         \
        ROW(e##10, e##11, e##12, e##13, e##14, a##1, 1, 1, a##7, 2, 6, a##13, 3, 25, a##19, 4, 8,  \
            a##20, 0, 18);                                                                         \
        ROW(e##15, e##16, e##17, e##18, e##19, a##4, 4, 27, a##5, 0, 36, a##11, 1, 10, a##17, 2,   \
            15, a##23, 3, 56);                                                                     \
        ROW(e##20, e##21, e##22, e##23, e##24, a##2, 2, 62, a##8, 3, 55, a##14, 4, 39, a##15, 0,   \
            41, a##21, 1, 2);                                                                      \
    } while (0)

#define LOAD(i) lane a##i = state[i], e##i;
#define STORE(i) state[i] = a##i;
#define PERMUTE(state)                                                                             \
    do {                                                                                           \
        LANES(LOAD)                                                                                \
        for (usize round = 0; round < countof(ROUND_CONSTANTS); round += 2) {                      \
            ROUND(a, e, ROUND_CONSTANTS[round]);                                                   \
            ROUND(e, a, ROUND_CONSTANTS[round + 1]);                                               \
        }                                                                                          \
        LANES(STORE)                                                                               \
    } while (0)

[[gnu::always_inline]] static inline void permute(u64 state[25])
{
    typedef u64 lane;
    PERMUTE(state);
}

#if defined(__x86_64__)
/* and-not and rotation into another register, on every x86 since 2013. */
[[gnu::target("bmi,bmi2")]] static void permute_bmi(u64 state[25])
{
    permute(state);
}
#endif

void keccak_f1600(u64 state[25])
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("bmi2")) {
        permute_bmi(state);
        return;
    }
#endif
    permute(state);
}

static void absorb(u64 state[25], const u8 *block)
{
    for (usize i = 0; i < RATE / 8; i++)
        state[i] ^= load_le64(block + 8 * i);
    keccak_f1600(state);
}

/* Absorbs the last, partial block and squeezes. The padding is a 1 bit, zeros, and a 1 bit at the
 * very end of the block; SHA-3 later put two more bits before it (FIPS 202, section 6.1). */
static hash32 finish(u64 state[25], bytes rest)
{
    u8 block[RATE] = {0};
    hash32 out;
    bytes_copy(block, rest);
    block[rest.size] = 0x01;
    block[RATE - 1] |= 0x80;
    absorb(state, block);
    memcpy(out.b, state, sizeof(out.b));
    return out;
}

hash32 keccak256(bytes in)
{
    u64 state[25] = {0};
    while (in.size >= RATE) {
        absorb(state, in.data);
        in.data += RATE;
        in.size -= RATE;
    }
    return finish(state, in);
}

void keccak_init(struct keccak *keccak)
{
    memset(keccak->state, 0, sizeof(keccak->state));
    keccak->pending_size = 0;
}

void keccak_update(struct keccak *keccak, bytes in)
{
    while (in.size > 0) {
        usize part = min_u64(in.size, RATE - keccak->pending_size);
        memcpy(keccak->pending + keccak->pending_size, in.data, part);
        keccak->pending_size += part;
        in.data += part;
        in.size -= part;
        if (keccak->pending_size == RATE) {
            absorb(keccak->state, keccak->pending);
            keccak->pending_size = 0;
        }
    }
}

hash32 keccak_final(struct keccak *keccak)
{
    return finish(keccak->state, (bytes){keccak->pending, keccak->pending_size});
}

/* --- Several texts at once, each in a lane of its own. */

#if defined(__x86_64__)
enum { WIDTH = 4 };

typedef u64 wide [[gnu::vector_size(8 * WIDTH)]];

[[gnu::target("avx2")]] static void permute_wide(wide state[25])
{
    typedef wide lane;
    PERMUTE(state);
}

/* The text that a lane works at: the blocks that are left, and where its hash goes. */
struct text {
    bytes rest;
    bool last; /* the padded block is in; the hash comes out next */
    hash32 *out;
};

static inline u64 *lane_word(wide state[25], usize word, usize lane)
{
    return (u64 *)&state[word] + lane;
}

static void absorb_wide(wide state[25], usize lane, struct text *text)
{
    u8 padded[RATE];
    const u8 *block = text->rest.data;
    if (text->rest.size < RATE) {
        memset(padded, 0, sizeof(padded));
        bytes_copy(padded, text->rest);
        padded[text->rest.size] = 0x01;
        padded[RATE - 1] |= 0x80;
        block = padded;
        text->last = true;
    } else {
        text->rest = (bytes){block + RATE, text->rest.size - RATE};
    }
    for (usize i = 0; i < RATE / 8; i++)
        *lane_word(state, i, lane) ^= load_le64(block + 8 * i);
}

/* Takes the hash out and leaves the lane empty. */
static void squeeze_wide(wide state[25], usize lane, struct text *text)
{
    for (usize i = 0; i < sizeof(hash32) / 8; i++)
        store_le64(text->out->b + 8 * i, *lane_word(state, i, lane));
    for (usize i = 0; i < 25; i++)
        *lane_word(state, i, lane) = 0;
    text->out = NULL;
}

/* As soon as a lane is done with one text it gets the next, however their lengths differ. */
static void hash_wide(const bytes *in, usize count, hash32 *out)
{
    wide state[25] = {0};
    struct text texts[WIDTH] = {0};
    for (usize next = 0, busy = 0; next < count || busy > 0;) {
        for (usize lane = 0; lane < WIDTH; lane++) {
            struct text *text = &texts[lane];
            if (text->out == NULL && next < count) {
                *text = (struct text){.rest = in[next], .out = &out[next]};
                next++;
                busy++;
            }
            if (text->out != NULL)
                absorb_wide(state, lane, text);
        }
        permute_wide(state);
        for (usize lane = 0; lane < WIDTH; lane++)
            if (texts[lane].out != NULL && texts[lane].last) {
                squeeze_wide(state, lane, &texts[lane]);
                busy--;
            }
    }
}
#endif

void keccak256_many(const bytes *in, usize count, hash32 *out)
{
#if defined(__x86_64__)
    if (count > 1 && __builtin_cpu_supports("avx2")) {
        hash_wide(in, count, out);
        return;
    }
#endif
    for (usize i = 0; i < count; i++)
        out[i] = keccak256(in[i]);
}
