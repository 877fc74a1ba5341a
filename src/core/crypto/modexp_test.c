#include "crypto/modexp.h"

#include "base/u256.h"
#include "crypto/oracles.h"
#include "harness/vectors.h"

/* Runs with exactly the scratch that the bound promises. */
static bytes run(bytes base, bytes exponent, bytes modulus)
{
    usize scratch = MODEXP_SCRATCH(modulus.size);
    u8 *out = ARENA_TAKE(test_arena(), u8, modulus.size + 1);
    modexp(base, exponent, modulus, out, arena_over(arena_take(test_arena(), scratch, 1), scratch));
    return (bytes){out, modulus.size};
}

static u64 seed = 7;

static u64 next_random(void)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return seed >> 33;
}

static bytes random_bytes(usize size)
{
    u8 *out = ARENA_TAKE(test_arena(), u8, size + 1);
    for (usize i = 0; i < size; i++)
        out[i] = (u8)next_random();
    /* Runs of ones and zeros find carries that random bytes do not. */
    if (size > 0 && next_random() % 4 == 0)
        memset(out, 0xff, next_random() % size);
    if (size > 0 && next_random() % 4 == 0)
        memset(out + next_random() % size, 0, 1);
    return (bytes){out, size};
}

TEST(modexp_of_small_numbers_is_what_the_definition_says)
{
    for (u8 m = 0; m < 20; m++)
        for (u8 b = 0; b < 20; b++) {
            unsigned want = 1;
            for (u8 e = 0; e < 12; e++) {
                bytes got = run((bytes){&b, 1}, (bytes){&e, 1}, (bytes){&m, 1});
                CHECK_ROW(e, got.data[0] == (m == 0 ? 0 : want % m));
                want = m == 0 ? 0 : want * b % m;
            }
        }
}

TEST(modexp_takes_empty_and_padded_operands)
{
    CHECK(run(hex("03"), hex("02"), BYTES_EMPTY).size == 0);
    CHECK(bytes_equal(run(BYTES_EMPTY, BYTES_EMPTY, hex("0005")), hex("0001")));
    CHECK(bytes_equal(run(BYTES_EMPTY, hex("01"), hex("05")), hex("00")));
    CHECK(bytes_equal(run(BYTES_EMPTY, BYTES_EMPTY, hex("01")), hex("00")));
    CHECK(bytes_equal(run(hex("000000000000000000000000000000000003"), hex("00000004"),
                          hex("0000000000000000000000000000000000000000000007")),
                      hex("0000000000000000000000000000000000000000000004")));
}

TEST(modexp_agrees_with_gmp_for_every_size)
{
    for (int i = 0; i < 1500; i++) {
        struct arena saved = *test_arena();
        bytes m = random_bytes(next_random() % 80 + 1);
        bytes b = random_bytes(next_random() % 200), e = random_bytes(next_random() % 40);
        u8 *last = ARENA_TAKE(test_arena(), u8, m.size);
        bytes_copy(last, m);
        switch (i % 4) { /* odd, any, and with a small or a large power of two */
        case 0:
            last[m.size - 1] |= 1;
            break;
        case 1:
            last[m.size - 1] &= 0xf0;
            break;
        case 2:
            memset(last + m.size / 2, 0, m.size - m.size / 2);
            break;
        default:
            break;
        }
        m = (bytes){last, m.size};
        CHECK_ROW(i, bytes_equal(run(b, e, m), oracle_modexp(b, e, m, test_arena())));
        *test_arena() = saved;
    }
}

TEST(modexp_agrees_with_gmp_modulo_powers_of_two_and_their_neighbours)
{
    for (usize bit = 0; bit < 300; bit++)
        for (int offset = -1; offset <= 1; offset++) {
            struct arena saved = *test_arena();
            u8 text[40] = {0};
            text[sizeof(text) - 1 - bit / 8] = (u8)(1 << bit % 8);
            for (usize i = sizeof(text); offset > 0 && i-- > 0;)
                if (++text[i] != 0)
                    break;
            for (usize i = sizeof(text); offset < 0 && i-- > 0;)
                if (text[i]-- != 0)
                    break;
            bytes b = random_bytes(40), e = random_bytes(3), m = BYTES_OF(text);
            CHECK_ROW(bit, bytes_equal(run(b, e, m), oracle_modexp(b, e, m, test_arena())));
            *test_arena() = saved;
        }
}

TEST(modexp_agrees_with_gmp_at_the_largest_operands_of_osaka)
{
    for (int i = 0; i < 6; i++) {
        bytes b = random_bytes(1024), e = random_bytes(i < 3 ? 1024 : 3), m = random_bytes(1024);
        CHECK_ROW(i, bytes_equal(run(b, e, m), oracle_modexp(b, e, m, test_arena())));
    }
}

/* EIP-198: three lengths, three numbers, zeros behind the end. */
static usize run_precompile(bytes in, u8 *out)
{
    u8 padded[8192] = {0};
    CHECK(in.size <= sizeof(padded));
    bytes_copy(padded, in);
    u64 b = u256_load_be(padded).w[0], e = u256_load_be(padded + 32).w[0];
    u64 m = u256_load_be(padded + 64).w[0];
    CHECK(96 + b + e + m <= sizeof(padded));
    bytes all = {padded + 96, sizeof(padded) - 96};
    bytes_copy(out,
               run(bytes_slice(all, 0, b), bytes_slice(all, b, e), bytes_slice(all, b + e, m)));
    return m;
}

TEST(modexp_agrees_with_geth)
{
    const char *folder = test_fixture_folder("precompiles");
    if (folder == NULL)
        return;
    CHECK(vectors_run(folder, "geth/modexp.json", run_precompile) == 17);
    CHECK(vectors_run(folder, "geth/modexp_eip2565.json", run_precompile) == 47);
    CHECK(vectors_run(folder, "geth/modexp_eip7883.json", run_precompile) == 45);
}
