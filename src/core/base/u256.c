#include "base/u256.h"

#include "base/bug.h"

bool u256_mul_overflow(u256 a, u256 b, u256 *out)
{
    u64 product[8] = {0};
    for (int i = 0; i < 4; i++) {
        u64 carry = 0;
        for (int j = 0; j < 4; j++) {
            u128 sum = (u128)a.w[i] * b.w[j] + product[i + j] + carry;
            product[i + j] = (u64)sum;
            carry = (u64)(sum >> 64);
        }
        product[i + 4] = carry;
    }
    memcpy(out->w, product, sizeof(out->w));
    return (product[4] | product[5] | product[6] | product[7]) != 0;
}

/* --- Division: Knuth, The Art of Computer Programming 4.3.1, algorithm D, with the quotient digit
 * taken from a reciprocal (Möller and Granlund, "Improved division by invariant integers", 2011),
 * because one 128-by-64-bit hardware division costs more than the rest of a step. */

/* floor((2^128 - 1) / d) - 2^64 for a normalised d (top bit set). */
static u64 reciprocal(u64 d)
{
    return (u64)((((u128)~d << 64) | UINT64_MAX) / d);
}

/* (high:low) / d for high < d, d normalised, v its reciprocal. */
static inline u64 divide_2_by_1(u64 high, u64 low, u64 d, u64 v, u64 *remainder)
{
    u128 q = (u128)v * high + (((u128)high << 64) | low);
    u64 q1 = (u64)(q >> 64) + 1;
    u64 r = low - q1 * d;
    if (r > (u64)q) {
        q1--;
        r += d;
    }
    if (r >= d) {
        q1++;
        r -= d;
    }
    *remainder = r;
    return q1;
}

static int significant_words(const u64 *w, int count)
{
    while (count > 0 && w[count - 1] == 0)
        count--;
    return count;
}

/* Divides the `n` words of u by the `m` significant words of v; the quotient's n - m + 1 words go
 * to q (unless NULL), the remainder's m words to r. n <= 8, 1 <= m <= 4. */
static void divide_words(const u64 *u, int n, const u64 *v, int m, u64 *q, u64 *r)
{
    unsigned shift = (unsigned)__builtin_clzl(v[m - 1]);
    u64 un[9], vn[4];
    if (shift == 0) {
        memcpy(un, u, (usize)n * 8);
        memcpy(vn, v, (usize)m * 8);
        un[n] = 0;
    } else {
        un[n] = u[n - 1] >> (64 - shift);
        for (int i = n - 1; i > 0; i--)
            un[i] = (u[i] << shift) | (u[i - 1] >> (64 - shift));
        un[0] = u[0] << shift;
        for (int i = m - 1; i > 0; i--)
            vn[i] = (v[i] << shift) | (v[i - 1] >> (64 - shift));
        vn[0] = v[0] << shift;
    }
    u64 top = vn[m - 1], inverse = reciprocal(top);
    if (m == 1) {
        u64 rest = un[n];
        for (int j = n - 1; j >= 0; j--) {
            u64 digit = divide_2_by_1(rest, un[j], top, inverse, &rest);
            if (q != NULL)
                q[j] = digit;
        }
        r[0] = rest >> shift;
        return;
    }
    for (int j = n - m; j >= 0; j--) {
        u64 digit, rest;
        bool rest_overflows = false;
        if (un[j + m] >= top) { /* the digit would be 2^64 or more: start from the largest */
            digit = UINT64_MAX;
            rest = un[j + m - 1] + top;
            rest_overflows = rest < top;
        } else {
            digit = divide_2_by_1(un[j + m], un[j + m - 1], top, inverse, &rest);
        }
        while (!rest_overflows &&
               (u128)digit * vn[m - 2] > (((u128)rest << 64) | un[j + m - 2])) {
            digit--;
            rest += top;
            rest_overflows = rest < top;
        }
        u64 carry = 0, borrow = 0;
        for (int i = 0; i < m; i++) {
            u128 product = (u128)digit * vn[i] + carry;
            carry = (u64)(product >> 64);
            u128 difference = (u128)un[i + j] - (u64)product - borrow;
            un[i + j] = (u64)difference;
            borrow = (u64)(difference >> 127);
        }
        u128 last = (u128)un[j + m] - carry - borrow;
        un[j + m] = (u64)last;
        if ((last >> 127) != 0) { /* the digit was one too large: add the divisor back */
            digit--;
            u128 sum = 0;
            for (int i = 0; i < m; i++) {
                sum += (u128)un[i + j] + vn[i];
                un[i + j] = (u64)sum;
                sum >>= 64;
            }
            un[j + m] += (u64)sum;
        }
        if (q != NULL)
            q[j] = digit;
    }
    for (int i = 0; i < m; i++)
        r[i] = shift == 0 ? un[i] : (un[i] >> shift) | (un[i + 1] << (64 - shift));
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
    int n = significant_words(words, count), k = significant_words(m.w, 4);
    if (k == 0)
        return out;
    if (n < k) {
        memcpy(out.w, words, (usize)n * 8);
        return out;
    }
    divide_words(words, n, m.w, k, NULL, out.w);
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
    u64 product[8] = {0};
    for (int i = 0; i < 4; i++) {
        u64 carry = 0;
        for (int j = 0; j < 4; j++) {
            u128 sum = (u128)a.w[i] * b.w[j] + product[i + j] + carry;
            product[i + j] = (u64)sum;
            carry = (u64)(sum >> 64);
        }
        product[i + 4] = carry;
    }
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
