/* Numbers are arrays of 64-bit limbs, lowest first.
 *
 * An odd modulus is served by Montgomery multiplication. An even one is cut into its odd part q and
 * its power of two: the power is computed modulo both, and the Chinese remainder theorem joins the
 * two results. Sources: Koc, Acar, Kaliski, "Analyzing and Comparing Montgomery Multiplication
 * Algorithms" (SOS); Handbook of Applied Cryptography, 14.85 (windows), 14.71 (Garner). */
#include "crypto/modexp.h"

#define MAX_WINDOW 5

/* What `power` multiplies in: integers modulo an odd m in Montgomery form, or modulo 2^(64 * n). */
struct ring {
    const u64 *m; /* NULL: modulo 2^(64 * n) */
    usize n;
    u64 negated_inverse; /* -1/m mod 2^64 */
    u64 *product;        /* scratch, 2 * n limbs */
};

/* --- Limbs. */

#if defined(__x86_64__)
#define HAVE_MULX

/* Four limbs of mul_add. MULX leaves the flags alone, so the products add up in one run of carries;
 * compilers lose it. */
static inline u64 mul_add_4(u64 *to, const u64 *a, u64 b, u64 carry)
{
    u64 l0, l1, l2, l3, h0, h1;
    __asm__("mulxq (%[a]), %[l0], %[h0]\n\t"
            "mulxq 8(%[a]), %[l1], %[h1]\n\t"
            "addq %[carry], %[l0]\n\t"
            "adcq %[h0], %[l1]\n\t"
            "mulxq 16(%[a]), %[l2], %[h0]\n\t"
            "adcq %[h1], %[l2]\n\t"
            "mulxq 24(%[a]), %[l3], %[carry]\n\t"
            "adcq %[h0], %[l3]\n\t"
            "adcq $0, %[carry]\n\t"
            "addq %[l0], (%[to])\n\t"
            "adcq %[l1], 8(%[to])\n\t"
            "adcq %[l2], 16(%[to])\n\t"
            "adcq %[l3], 24(%[to])\n\t"
            "adcq $0, %[carry]"
            : [carry] "+&r"(carry), [l0] "=&r"(l0), [l1] "=&r"(l1), [l2] "=&r"(l2),
              [l3] "=&r"(l3), [h0] "=&r"(h0), [h1] "=&r"(h1)
            : [a] "r"(a), [to] "r"(to), "d"(b)
            : "cc", "memory");
    return carry;
}
#endif

/* to += a * b; returns the carry. */
static u64 mul_add(u64 *to, const u64 *a, usize n, u64 b)
{
    u64 carry = 0;
    usize i = 0;
#ifdef HAVE_MULX
    if (__builtin_cpu_supports("bmi2"))
        for (; i + 4 <= n; i += 4)
            carry = mul_add_4(to + i, a + i, b, carry);
#endif
    for (; i < n; i++) {
        u128 sum = (u128)a[i] * b + to[i] + carry;
        to[i] = (u64)sum;
        carry = (u64)(sum >> 64);
    }
    return carry;
}

/* to = a - b; returns the borrow. */
static u64 subtract(u64 *to, const u64 *a, const u64 *b, usize n)
{
    u64 borrow = 0;
    for (usize i = 0; i < n; i++) {
        u128 difference = (u128)a[i] - b[i] - borrow;
        to[i] = (u64)difference;
        borrow = (u64)(difference >> 64) & 1;
    }
    return borrow;
}

/* to += a; returns the carry. */
static u64 add(u64 *to, const u64 *a, usize n)
{
    u64 carry = 0;
    for (usize i = 0; i < n; i++) {
        u128 sum = (u128)to[i] + a[i] + carry;
        to[i] = (u64)sum;
        carry = (u64)(sum >> 64);
    }
    return carry;
}

static bool less(const u64 *a, const u64 *b, usize n)
{
    for (usize i = n; i-- > 0;)
        if (a[i] != b[i])
            return a[i] < b[i];
    return false;
}

/* The lowest n limbs of a big-endian number. */
static void read(u64 *to, bytes in, usize n)
{
    for (usize i = 0; i < n; i++) {
        if (in.size >= 8) {
            to[i] = load_be64(in.data + in.size - 8);
            in.size -= 8;
            continue;
        }
        to[i] = 0;
        for (usize j = 0; j < in.size; j++)
            to[i] = to[i] << 8 | in.data[j];
        in.size = 0;
    }
}

/* Doubles a, which is below the modulus. */
static void double_mod(u64 *a, const u64 *m, usize n)
{
    u64 carry = a[n - 1] >> 63;
    for (usize i = n; i-- > 1;)
        a[i] = a[i] << 1 | a[i - 1] >> 63;
    a[0] <<= 1;
    if (carry != 0 || !less(a, m, n))
        (void)subtract(a, a, m, n);
}

/* --- Rings. */

/* to = product / 2^(64 * n) mod m. */
static void reduce(const struct ring *ring, u64 *to)
{
    usize n = ring->n;
    u64 *t = ring->product, over = 0;
    for (usize i = 0; i < n; i++) {
        u64 carry = mul_add(t + i, ring->m, n, t[i] * ring->negated_inverse);
        u128 top = (u128)t[i + n] + carry + over;
        t[i + n] = (u64)top;
        over = (u64)(top >> 64);
    }
    if (over != 0 || !less(t + n, ring->m, n))
        (void)subtract(to, t + n, ring->m, n);
    else
        memcpy(to, t + n, n * sizeof(u64));
}

/* The result may be one of the factors. */
static void ring_mul(const struct ring *ring, u64 *to, const u64 *a, const u64 *b)
{
    usize n = ring->n;
    u64 *t = ring->product;
    if (ring->m == NULL) {
        memset(t, 0, n * sizeof(u64));
        for (usize i = 0; i < n; i++)
            (void)mul_add(t + i, a, n - i, b[i]);
        memcpy(to, t, n * sizeof(u64));
        return;
    }
    memset(t, 0, n * sizeof(u64));
    for (usize i = 0; i < n; i++)
        t[i + n] = mul_add(t + i, a, n, b[i]);
    reduce(ring, to);
}

/* Computes the mixed products once and doubles them. */
static void ring_sqr(const struct ring *ring, u64 *to, const u64 *a)
{
    usize n = ring->n;
    u64 *t = ring->product, high = 0, carry = 0;
    if (ring->m == NULL) {
        ring_mul(ring, to, a, a);
        return;
    }
    memset(t, 0, (n + 1) * sizeof(u64));
    for (usize i = 0; i + 1 < n; i++)
        t[i + n] = mul_add(t + 2 * i + 1, a + i + 1, n - i - 1, a[i]);
    t[2 * n - 1] = 0;
    for (usize i = 0; i < n; i++) {
        u64 low = t[2 * i], next = t[2 * i + 1];
        u128 sum = (u128)a[i] * a[i] + (low << 1 | high) + carry;
        t[2 * i] = (u64)sum;
        sum = (u128)(next << 1 | low >> 63) + (u64)(sum >> 64);
        t[2 * i + 1] = (u64)sum;
        carry = (u64)(sum >> 64);
        high = next >> 63;
    }
    reduce(ring, to);
}

/* 1/a mod 2^64 for an odd a: Newton's iteration doubles the bits that are right, from 3 on. */
static u64 inverse_of_limb(u64 a)
{
    u64 x = a;
    for (int i = 0; i < 5; i++)
        x *= 2 - a * x;
    return x;
}

/* 2^(64 * n) mod m, which is one in Montgomery form, and its square, which leads there. */
static void montgomery_constants(const struct ring *ring, u64 *one, u64 *square)
{
    usize n = ring->n;
    unsigned top = 63 - (unsigned)__builtin_clzl(ring->m[n - 1]);
    memset(one, 0, n * sizeof(u64));
    one[n - 1] = (u64)1 << top; /* the highest power of two in m: at most m, and m only if m = 1 */
    if (n == 1 && ring->m[0] == 1)
        one[0] = 0;
    for (unsigned i = top; i < 64; i++)
        double_mod(one, ring->m, n);
    /* R * 2^n by doubling; then every squaring in Montgomery form doubles the exponent. */
    memcpy(square, one, n * sizeof(u64));
    for (usize i = 0; i < n; i++)
        double_mod(square, ring->m, n);
    for (int i = 0; i < 6; i++)
        ring_sqr(ring, square, square);
}

/* in mod m in Montgomery form, from n limbs at a time, the highest first (Horner). */
static void read_montgomery(const struct ring *ring, u64 *to, bytes in, const u64 *square,
                            struct arena tmp)
{
    usize n = ring->n, size = n * sizeof(u64);
    u64 *part = ARENA_TAKE(&tmp, u64, n);
    memset(to, 0, size);
    for (usize left = in.size; left > 0;) {
        usize take = left % size != 0 ? left % size : size;
        read(part, bytes_slice(in, in.size - left, take), n);
        left -= take;
        /* Below 2^(64 * n), as a product with a number below m may be; the product is below m. */
        ring_mul(ring, part, part, square);
        if (left + take < in.size)
            ring_mul(ring, to, to, square);
        if (add(to, part, n) != 0 || !less(to, ring->m, n))
            (void)subtract(to, to, ring->m, n);
    }
}

/* --- Powers. */

static unsigned exponent_bit(bytes exponent, usize at)
{
    return exponent.data[exponent.size - 1 - at / 8] >> (at % 8) & 1;
}

static unsigned window_for(usize exponent_bits)
{
    static const usize worth_more_than[MAX_WINDOW] = {0, 8, 36, 140, 450};
    unsigned window = MAX_WINDOW;
    while (exponent_bits <= worth_more_than[window - 1] && window > 1)
        window--;
    return window;
}

/* to = base ^ exponent for an exponent without leading zero bytes and not empty. Sliding windows:
 * runs of zero bits are squared over, then up to `window` bits from a one to a one are multiplied
 * by at once, from a table of odd powers. */
static void power(const struct ring *ring, u64 *to, const u64 *base, bytes exponent,
                  struct arena tmp)
{
    usize n = ring->n;
    usize left = exponent.size * 8 - (usize)__builtin_clz(exponent.data[0]) + 24;
    unsigned window = window_for(left);
    u64 *odd = ARENA_TAKE(&tmp, u64, n << (window - 1));
    u64 *square = ARENA_TAKE(&tmp, u64, n);
    bool started = false;
    memcpy(odd, base, n * sizeof(u64));
    if (window > 1)
        ring_sqr(ring, square, base);
    for (usize i = 1; i < (usize)1 << (window - 1); i++)
        ring_mul(ring, odd + i * n, odd + (i - 1) * n, square);
    while (left > 0) {
        if (exponent_bit(exponent, left - 1) == 0) {
            ring_sqr(ring, to, to); /* started: the highest bit is a one */
            left--;
            continue;
        }
        usize low = left > window ? left - window : 0; /* of the bits that this step takes */
        while (exponent_bit(exponent, low) == 0)
            low++;
        usize digit = 0;
        for (; left > low; left--) {
            digit = digit << 1 | exponent_bit(exponent, left - 1);
            if (started)
                ring_sqr(ring, to, to);
        }
        if (started)
            ring_mul(ring, to, to, odd + digit / 2 * n);
        else
            memcpy(to, odd + digit / 2 * n, n * sizeof(u64));
        started = true;
    }
}

/* base ^ exponent mod the odd number m of n limbs, the highest not zero. */
static void power_odd(u64 *to, bytes base, bytes exponent, const u64 *m, usize n, struct arena tmp)
{
    struct ring ring = {m, n, -inverse_of_limb(m[0]), ARENA_TAKE(&tmp, u64, 2 * n)};
    u64 *one = ARENA_TAKE(&tmp, u64, n), *square = ARENA_TAKE(&tmp, u64, n);
    u64 *start = ARENA_TAKE(&tmp, u64, n);
    montgomery_constants(&ring, one, square);
    read_montgomery(&ring, start, base, square, tmp);
    power(&ring, to, start, exponent, tmp);
    memset(one, 0, n * sizeof(u64));
    one[0] = 1;
    ring_mul(&ring, to, to, one); /* out of Montgomery form */
}

/* base ^ exponent mod 2^(64 * n). */
static void power_binary(u64 *to, bytes base, bytes exponent, usize n, struct arena tmp)
{
    struct ring ring = {NULL, n, 0, ARENA_TAKE(&tmp, u64, n)};
    u64 *start = ARENA_TAKE(&tmp, u64, n);
    read(start, base, n);
    power(&ring, to, start, exponent, tmp);
}

/* Keeps the lowest `bits` bits of n limbs; bits is above 64 * (n - 1). */
static void keep_bits(u64 *a, usize n, usize bits)
{
    if (bits % 64 != 0)
        a[n - 1] &= ((u64)1 << (bits % 64)) - 1;
}

/* The number that is `low` modulo 2^bits and `odd_power` modulo q, below q * 2^bits:
 * odd_power + q * ((low - odd_power) / q mod 2^bits). */
static void join(u64 *to, usize n, const u64 *odd_power, const u64 *q, usize q_limbs, u64 *low,
                 usize bits, struct arena tmp)
{
    usize limbs = (bits + 63) / 64, common = q_limbs < limbs ? q_limbs : limbs;
    struct ring ring = {NULL, limbs, 0, ARENA_TAKE(&tmp, u64, limbs)};
    u64 *inverse = ARENA_NEW(&tmp, u64, limbs), *short_q = ARENA_NEW(&tmp, u64, limbs);
    u64 *step = ARENA_TAKE(&tmp, u64, limbs), *part = ARENA_NEW(&tmp, u64, limbs);
    memcpy(short_q, q, common * sizeof(u64));
    memcpy(part, odd_power, common * sizeof(u64));
    inverse[0] = inverse_of_limb(q[0]);
    for (usize right = 1; right < limbs; right *= 2) { /* Newton: x * (2 - q * x) */
        ring_mul(&ring, step, short_q, inverse);
        u64 borrow = step[0] > 2;
        step[0] = 2 - step[0];
        for (usize i = 1; i < limbs; i++) {
            u64 negated = -step[i] - borrow;
            borrow = (step[i] | borrow) != 0;
            step[i] = negated;
        }
        ring_mul(&ring, inverse, inverse, step);
    }
    (void)subtract(low, low, part, limbs);
    ring_mul(&ring, low, low, inverse);
    keep_bits(low, limbs, bits);
    u64 *wide = ARENA_NEW(&tmp, u64, q_limbs + limbs);
    memcpy(wide, odd_power, q_limbs * sizeof(u64));
    for (usize i = 0; i < limbs; i++) {
        u64 carry = mul_add(wide + i, q, q_limbs, low[i]);
        for (usize j = i + q_limbs; carry != 0 && j < q_limbs + limbs; j++) {
            wide[j] += carry;
            carry = wide[j] < carry;
        }
    }
    memcpy(to, wide, n * sizeof(u64)); /* q_limbs + limbs may be n + 1, the last one zero */
}

static bytes without_leading_zeros(bytes in)
{
    while (in.size > 0 && in.data[0] == 0)
        in = bytes_slice(in, 1, in.size);
    return in;
}

/* to = base ^ exponent mod m, for an exponent and an m of n limbs that are not zero. */
static void power_any(u64 *to, bytes base, bytes exponent, u64 *m, usize n, struct arena tmp)
{
    usize zero_limbs = 0;
    while (m[zero_limbs] == 0)
        zero_limbs++;
    unsigned zero_bits = (unsigned)__builtin_ctzl(m[zero_limbs]);
    usize bits = zero_limbs * 64 + zero_bits, limbs = (bits + 63) / 64;
    if (bits == 0) {
        power_odd(to, base, exponent, m, n, tmp);
        return;
    }
    u64 *low = ARENA_TAKE(&tmp, u64, limbs);
    power_binary(low, base, exponent, limbs, tmp);
    keep_bits(low, limbs, bits);
    usize q_limbs = n - zero_limbs;
    u64 *q = ARENA_TAKE(&tmp, u64, q_limbs), *odd_power = ARENA_TAKE(&tmp, u64, q_limbs);
    for (usize i = 0; i < q_limbs; i++) {
        u64 above = zero_bits != 0 && i + 1 < q_limbs ? m[zero_limbs + i + 1] : 0;
        q[i] = m[zero_limbs + i] >> zero_bits;
        if (zero_bits != 0)
            q[i] |= above << (64 - zero_bits);
    }
    if (q[q_limbs - 1] == 0)
        q_limbs--;
    power_odd(odd_power, base, exponent, q, q_limbs, tmp);
    join(to, n, odd_power, q, q_limbs, low, bits, tmp);
}

void modexp(bytes base, bytes exponent, bytes modulus, u8 *out, struct arena tmp)
{
    bytes significant = without_leading_zeros(modulus);
    usize n = (significant.size + 7) / 8;
    memset(out, 0, modulus.size);
    exponent = without_leading_zeros(exponent);
    if (n == 0 || (significant.size == 1 && significant.data[0] == 1))
        return;
    if (exponent.size == 0) {
        out[modulus.size - 1] = 1;
        return;
    }
    u64 *m = ARENA_TAKE(&tmp, u64, n), *result = ARENA_TAKE(&tmp, u64, n);
    read(m, significant, n);
    power_any(result, without_leading_zeros(base), exponent, m, n, tmp);
    for (usize i = 0; i < significant.size; i++)
        out[modulus.size - 1 - i] = (u8)(result[i / 8] >> (i % 8 * 8));
}
