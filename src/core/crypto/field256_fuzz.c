/* The field agrees with plain arithmetic modulo m, for every odd m and not only for the
 * primes in use; an inverse of a unit is one. */
#include "crypto/field256.h"

#include "harness/fuzz.h"

static struct field256 field_of(u256 m)
{
    struct field256 field = {.modulus = m};
    u64 inverse = 1;
    for (int i = 0; i < 6; i++)
        inverse *= 2 - m.w[0] * inverse;
    field.one = field256_is_plain(&field) ? U256_ONE : u256_mod(u256_negate(m), m);
    field.r_squared = u256_mulmod(field.one, field.one, m);
    field.negated_inverse = -inverse;
    assert(field256_is_consistent(&field));
    return field;
}

static u256 greatest_common_divisor(u256 a, u256 b)
{
    while (!u256_is_zero(b)) {
        u256 rest = u256_mod(a, b);
        a = b;
        b = rest;
    }
    return a;
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    u256 m, a, b;
    bytes in = {data, size};
    fuzz_fill(&in, &m, sizeof(m));
    fuzz_fill(&in, &a, sizeof(a));
    fuzz_fill(&in, &b, sizeof(b));
    if (size % 4 == 0) /* R = 1 */
        m.w[1] = m.w[2] = m.w[3] = UINT64_MAX;
    m.w[0] |= 1;
    m.w[3] |= m.w[3] == 0;
    struct field256 f = field_of(m);
    fe256 x = field256_from_u256(&f, a), y = field256_from_u256(&f, b);
    a = u256_mod(a, m);
    b = u256_mod(b, m);
    assert(u256_equal(field256_to_u256(&f, x), a));
    assert(u256_equal(field256_to_u256(&f, field256_add(&f, x, y)), u256_addmod(a, b, m)));
    assert(fe256_equal(field256_add(&f, field256_sub(&f, x, y), y), x));
    assert(u256_equal(field256_to_u256(&f, field256_mul(&f, x, y)), u256_mulmod(a, b, m)));
    assert(fe256_equal(field256_sqr(&f, x), field256_mul(&f, x, x)));
    fe256 half = field256_half(&f, x);
    assert(fe256_equal(field256_double(&f, half), x));
    if (u256_equal(greatest_common_divisor(m, a), U256_ONE))
        assert(fe256_equal(field256_mul(&f, x, field256_inverse(&f, x)), field256_one(&f)));
    return 0;
}
