#include "base/u256.h"

#include "base/bug.h"

/* All 512 bits of a product, least significant word first. */
static inline void multiply(u256 a, u256 b, u64 product[8])
{
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        u64 carry = 0;
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            u128 sum = (u128)a.w[i] * b.w[j] + (i == 0 ? 0 : product[i + j]) + carry;
            product[i + j] = (u64)sum;
            carry = (u64)(sum >> 64);
        }
        product[i + 4] = carry;
    }
}

bool u256_mul_overflow(u256 a, u256 b, u256 *out)
{
    u64 product[8];
    multiply(a, b, product);
    memcpy(out->w, product, sizeof(out->w));
    return (product[4] | product[5] | product[6] | product[7]) != 0;
}

/* --- Division: Knuth, The Art of Computer Programming 4.3.1, algorithm D, with the quotient's
 * digits taken from a reciprocal of the divisor's top word or two words.
 * Source: Möller and Granlund, "Improved division by invariant integers" (2011). */

/* floor((2^128 - 1) / d) - 2^64 for a normalised d (top bit set). */
static inline u64 reciprocal_1(u64 d)
{
#if defined(__x86_64__)
    u64 quotient, remainder; /* the quotient fits, which gcc cannot know */
    __asm__("divq %[d]"
            : "=a"(quotient), "=d"(remainder)
            : "a"(UINT64_MAX), "d"(~d), [d] "r"(d)
            : "cc");
    return quotient;
#else
    return (u64)((((u128)~d << 64) | UINT64_MAX) / d);
#endif
}

/* The same for the two words (d1:d0), d1 normalised: their algorithm 6. */
static inline u64 reciprocal_2(u64 d1, u64 d0)
{
    u64 v = reciprocal_1(d1);
    u64 p = d1 * v + d0;
    if (p < d0) {
        v--;
        if (p >= d1) {
            v--;
            p -= d1;
        }
        p -= d1;
    }
    u128 t = (u128)v * d0;
    u64 high = (u64)(t >> 64);
    p += high;
    if (p < high) {
        v--;
        if ((((u128)p << 64) | (u64)t) >= (((u128)d1 << 64) | d0))
            v--;
    }
    return v;
}

/* (high:low) / d for high < d, d normalised, v its reciprocal: their algorithm 4. */
static inline u64 divide_2_by_1(u64 high, u64 low, u64 d, u64 v, u64 *remainder)
{
    u128 q = (u128)v * high + (((u128)high << 64) | low);
    u64 q1 = (u64)(q >> 64) + 1;
    u64 r = low - q1 * d;
    if (r > (u64)q) {
        q1--;
        r += d;
    }
    if (__builtin_expect(r >= d, 0)) {
        q1++;
        r -= d;
    }
    *remainder = r;
    return q1;
}

/* (u2:u1:u0) / (d1:d0) for (u2:u1) < (d1:d0), normalised, v its reciprocal: their algorithm 5. */
static inline u64 divide_3_by_2(u64 u2, u64 u1, u64 u0, u64 d1, u64 d0, u64 v, u128 *remainder)
{
    u128 d = ((u128)d1 << 64) | d0;
    u128 q = (u128)v * u2 + (((u128)u2 << 64) | u1);
    u64 q1 = (u64)(q >> 64);
    u128 r = (((u128)(u1 - q1 * d1) << 64) | u0) - (u128)d0 * q1 - d;
    q1++;
    if ((u64)(r >> 64) >= (u64)q) {
        q1--;
        r += d;
    }
    if (__builtin_expect(r >= d, 0)) {
        q1++;
        r -= d;
    }
    *remainder = r;
    return q1;
}

static inline int significant_words(const u64 *w, int count)
{
    while (count > 0 && w[count - 1] == 0)
        count--;
    return count;
}

/* u -= digit * v over m words; returns what is left to take from the word above. */
static inline u64 subtract_product(u64 *u, const u64 *v, int m, u64 digit)
{
    u64 owed = 0;
#pragma GCC unroll 4
    for (int i = 0; i < m; i++) {
        u128 product = (u128)digit * v[i] + owed;
        u64 low = (u64)product;
        owed = (u64)(product >> 64) + (u[i] < low);
        u[i] -= low;
    }
    return owed;
}

static inline u64 add_back(u64 *u, const u64 *v, int m)
{
    u128 sum = 0;
    for (int i = 0; i < m; i++) {
        sum += (u128)u[i] + v[i];
        u[i] = (u64)sum;
        sum >>= 64;
    }
    return (u64)sum;
}

/* One digit of the quotient: u has m + 1 words, v has m >= 2 normalised ones. Leaves the remainder
 * in u's low m words. */
static inline __attribute__((always_inline)) u64 divide_digit(u64 *u, const u64 *v, int m,
                                                              u64 inverse)
{
    u64 d1 = v[m - 1], d0 = v[m - 2];
    if (__builtin_expect(u[m] == d1 && u[m - 1] >= d0, 0)) { /* no digit is large enough */
        u64 digit = UINT64_MAX;
        u[m] -= subtract_product(u, v, m, digit);
        while (u[m] != 0) {
            digit--;
            u[m] += add_back(u, v, m);
        }
        return digit;
    }
    u128 rest;
    u64 digit = divide_3_by_2(u[m], u[m - 1], u[m - 2], d1, d0, inverse, &rest);
    u64 owed = subtract_product(u, v, m - 2, digit);
    u128 left = rest - owed;
    u[m - 2] = (u64)left;
    u[m - 1] = (u64)(left >> 64);
    if (__builtin_expect(rest < owed, 0)) {
        digit--;
        (void)add_back(u, v, m);
    }
    return digit;
}

/* The loops over m words unroll where m is a constant. */
static inline __attribute__((always_inline)) void divide_long(u64 *un, int n, const u64 *vn, int m,
                                                              u64 *q)
{
    u64 inverse = reciprocal_2(vn[m - 1], vn[m - 2]);
    for (int j = n - m; j >= 0; j--)
        q[j] = divide_digit(un + j, vn, m, inverse);
}

static u64 divide_short(const u64 *un, int n, u64 d, u64 *q)
{
    u64 inverse = reciprocal_1(d), rest = un[n];
    for (int j = n - 1; j >= 0; j--)
        q[j] = divide_2_by_1(rest, un[j], d, inverse, &rest);
    return rest;
}

/* Divides the n words of u by the m significant words of v, n <= 8, 1 <= m <= 4, n >= m; the
 * quotient's n - m + 1 words go to q, the remainder's m words to r. */
static void divide_words(const u64 *u, int n, const u64 *v, int m, u64 *q, u64 *r)
{
    unsigned shift = (unsigned)__builtin_clzl(v[m - 1]);
    u64 un[9], vn[4];
    un[n] = shift_in_low(0, u[n - 1], shift);
    for (int i = n - 1; i > 0; i--)
        un[i] = shift_in_low(u[i], u[i - 1], shift);
    un[0] = u[0] << shift;
    for (int i = m - 1; i > 0; i--)
        vn[i] = shift_in_low(v[i], v[i - 1], shift);
    vn[0] = v[0] << shift;
    switch (m) {
    case 1:
        r[0] = divide_short(un, n, vn[0], q) >> shift;
        return;
    case 2:
        divide_long(un, n, vn, 2, q);
        break;
    case 3:
        divide_long(un, n, vn, 3, q);
        break;
    default:
        divide_long(un, n, vn, 4, q);
        break;
    }
    for (int i = 0; i < m - 1; i++)
        r[i] = shift_in_high(un[i], un[i + 1], shift);
    r[m - 1] = un[m - 1] >> shift;
}

struct quotient {
    u256 q, r;
};

static struct quotient divide(u256 a, u256 b)
{
    struct quotient out = {U256_ZERO, U256_ZERO};
    int n = significant_words(a.w, 4), m = significant_words(b.w, 4);
    if (m == 0)
        return out;
    if (n < m) {
        out.r = a;
        return out;
    }
    if (n == 1) {
        out.q.w[0] = a.w[0] / b.w[0];
        out.r.w[0] = a.w[0] % b.w[0];
        return out;
    }
    divide_words(a.w, n, b.w, m, out.q.w, out.r.w);
    return out;
}

u256 u256_div(u256 a, u256 b)
{
    return divide(a, b).q;
}

u256 u256_mod(u256 a, u256 b)
{
    return divide(a, b).r;
}

static u256 magnitude(u256 a)
{
    return u256_is_negative(a) ? u256_negate(a) : a;
}

u256 u256_sdiv(u256 a, u256 b)
{
    u256 q = u256_div(magnitude(a), magnitude(b));
    return u256_is_negative(a) != u256_is_negative(b) ? u256_negate(q) : q;
}

u256 u256_smod(u256 a, u256 b)
{
    u256 r = u256_mod(magnitude(a), magnitude(b));
    return u256_is_negative(a) ? u256_negate(r) : r; /* the sign follows the dividend */
}

/* The remainder of `count` <= 8 words. */
static u256 reduce_words(const u64 *words, int count, u256 m)
{
    u256 out = U256_ZERO;
    u64 quotient[8];
    int n = significant_words(words, count), k = significant_words(m.w, 4);
    if (k == 0)
        return out;
    if (n < k) {
        memcpy(out.w, words, (usize)n * 8);
        return out;
    }
    divide_words(words, n, m.w, k, quotient, out.w);
    return out;
}

u256 u256_addmod(u256 a, u256 b, u256 m)
{
    if (m.w[3] != 0 && a.w[3] <= m.w[3] && b.w[3] <= m.w[3]) {
        /* The usual case, a field's modulus: both sides are at most one subtraction away. */
        u256 less;
        if (!u256_sub_overflow(a, m, &less))
            a = less;
        if (!u256_sub_overflow(b, m, &less))
            b = less;
        u256 sum;
        bool carry = u256_add_overflow(a, b, &sum);
        bool borrow = u256_sub_overflow(sum, m, &less);
        return carry || !borrow ? less : sum;
    }
    u256 sum;
    u64 words[5];
    words[4] = u256_add_overflow(a, b, &sum);
    memcpy(words, sum.w, sizeof(sum.w));
    return reduce_words(words, 5, m);
}

u256 u256_mulmod(u256 a, u256 b, u256 m)
{
    u64 product[8];
    multiply(a, b, product);
    return reduce_words(product, 8, m);
}

u256 u256_exp(u256 base, u256 exponent)
{
    u256 result = U256_ONE;
    for (unsigned left = u256_bit_length(exponent), i = 0; i < left; i++) {
        if ((exponent.w[i / 64] >> (i % 64)) & 1)
            result = u256_mul(result, base);
        if (i + 1 < left)
            base = u256_mul(base, base);
    }
    return result;
}

u256 u256_from_be(bytes in)
{
    assert(in.size <= 32);
    u8 padded[32] = {0};
    bytes_copy(padded + 32 - in.size, in);
    return u256_load_be(padded);
}

usize u256_write_decimal(char *to, u256 a)
{
    char digits[80];
    usize count = 0;
    do {
        struct quotient next = divide(a, u256_from_u64(10));
        digits[count++] = (char)('0' + next.r.w[0]);
        a = next.q;
    } while (!u256_is_zero(a));
    for (usize i = 0; i < count; i++)
        to[i] = digits[count - 1 - i];
    to[count] = 0;
    return count;
}
