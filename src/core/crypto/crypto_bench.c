/* What each primitive costs: nanoseconds per call, the best of several rounds.
 *
 *   bench_crypto [name…] */
#include "base/bug.h"
#include "base/hex.h"
#include "crypto/blake2.h"
#include "crypto/bn254.h"
#include "crypto/field256.h"
#include "crypto/keccak.h"
#include "crypto/kzg.h"
#include "crypto/modexp.h"
#include "crypto/oracles.h"
#include "crypto/p256.h"
#include "crypto/ripemd160.h"
#include "crypto/secp256k1.h"
#include "crypto/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

_Noreturn void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: bug: %s\n", file, line, what);
    abort();
}

static const struct field256 FIELD = {{{0xfffffffefffffc2f, UINT64_MAX, UINT64_MAX, UINT64_MAX}},
                                      {{1, 0, 0, 0}},
                                      {{1, 0, 0, 0}},
                                      0xd838091dd2253531};

static fe256 element = {{1, 2, 3, 4}};
static u64 lanes[25];
static u8 text[1024];
static hash32 hash = {{7}};

/* A signature of some key: any s will do, and r = x(G). */
static const u256 R = {
    {0x59f2815b16f81798, 0x029bfcdb2dce28d9, 0x55a06295ce870b07, 0x79be667ef9dcbbac}};
static const u256 S = {{0x1234567890abcdef, 0xfedcba0987654321, 0x5555555555555555, 77}};

[[gnu::noinline]] static void mul(fe256 *out, const fe256 *a, const fe256 *b)
{
    *out = field256_mul(&FIELD, *a, *b);
}

static void run_mul(void)
{
    mul(&element, &element, &element);
}

static void run_inverse(void)
{
    element.w[0] ^= 1;
    element = field256_inverse(&FIELD, element);
}

static void run_permutation(void)
{
    keccak_f1600(lanes);
}

static void run_keccak_32(void)
{
    hash = keccak256(BYTES_OF(hash));
}

static void run_keccak_16_532(void)
{
    static const bytes nodes[16] = {{text, 532}, {text, 532}, {text, 532}, {text, 532},
                                    {text, 532}, {text, 532}, {text, 532}, {text, 532},
                                    {text, 532}, {text, 532}, {text, 532}, {text, 532},
                                    {text, 532}, {text, 532}, {text, 532}, {text, 532}};
    hash32 hashes[16];
    keccak256_many(nodes, countof(nodes), hashes);
    hash = hashes[15];
}

static void run_sha256_1024(void)
{
    hash = sha256(BYTES_OF(text));
}

static void run_recover(void)
{
    pubkey64 key;
    if (secp256k1_recover(hash, R, S, false, &key) != ST_OK)
        abort();
    hash.b[3]++;
}

static void run_verify(void)
{
    static pubkey64 key;
    static const hash32 signed_hash = {{9}};
    if (key.b[0] == 0 && secp256k1_recover(signed_hash, R, S, false, &key) != ST_OK)
        abort();
    if (!secp256k1_verify(signed_hash, R, S, &key))
        abort();
}

static pubkey64 base_point = {{
    0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b, 0x07,
    0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98,
    0x48, 0x3a, 0xda, 0x77, 0x26, 0xa3, 0xc4, 0x65, 0x5d, 0xa4, 0xfb, 0xfc, 0x0e, 0x11, 0x08, 0xa8,
    0xfd, 0x17, 0xb4, 0x48, 0xa6, 0x85, 0x54, 0x19, 0x9c, 0x47, 0xd0, 0x8f, 0xfb, 0x10, 0xd4, 0xb8,
}};

static void run_multiply(void)
{
    if (secp256k1_multiply(&base_point, R, &base_point) != ST_OK)
        abort();
}

static void run_library_multiply(void)
{
    if (!oracle_multiply(&base_point, R, &base_point))
        abort();
}

static void run_library_recover(void)
{
    pubkey64 key;
    if (!oracle_recover(hash, R, S, false, &key))
        abort();
    hash.b[3]++;
}

static void from_hex(const char *digits, u8 *to, usize size)
{
    if (hex_read_fixed((bytes){(const u8 *)digits, strlen(digits)}, to, size) != ST_OK)
        abort();
}

static void pair_bn254(usize count)
{
    static u8 pairs[2 * BN254_PAIR_SIZE]; /* of the generators */
    if (pairs[31] == 0) {
        for (u8 *pair = pairs; pair != pairs + sizeof(pairs); pair += BN254_PAIR_SIZE) {
            pair[31] = 1;
            pair[63] = 2;
            from_hex("198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
                     "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
                     "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
                     "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa",
                     pair + BN254_G1_SIZE, BN254_G2_SIZE);
        }
    }
    bool is_one;
    if (bn254_pairing_check((bytes){pairs, count * BN254_PAIR_SIZE}, &is_one) != ST_OK)
        abort();
}

static void run_bn254_pair(void)
{
    pair_bn254(1);
}

static void run_bn254_pairs(void)
{
    pair_bn254(2);
}

static void run_bn254_mul(void)
{
    static u8 in[96] = {[31] = 1, [63] = 2};
    u256_store_be(in + BN254_G1_SIZE, R);
    if (bn254_mul((bytes){in, sizeof(in)}, in) != ST_OK) /* on from the last one's point */
        abort();
}

static void run_bn254_add(void)
{
    static u8 in[128] = {[31] = 1, [63] = 2, [95] = 1, [127] = 2};
    if (bn254_add((bytes){in, sizeof(in)}, in) != ST_OK)
        abort();
}

static void run_kzg(void)
{
    static u8 in[KZG_EVALUATION_INPUT_SIZE];
    u8 out[KZG_EVALUATION_OUTPUT_SIZE];
    if (in[0] == 0)
        from_hex("01e798154708fe7789429634053cbf9f99b619f9f084048927333fce637f549b"
                 "564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d36306"
                 "24d25032e67a7e6a4910df5834b8fe70e6bcfeeac0352434196bdf4b2485d5a1"
                 "8f59a8d2a1a625a17f3fea0fe5eb8c896db3764f3185481bc22f91b4aaffcca2"
                 "5f26936857bc3a7c2539ea8ec3a952b7873033e038326e87ed3e1276fd140253"
                 "fa08e9fc25fb2d9a98527fc22a2c9612fbeafdad446cbc7bcdbdcd780af2c16a",
                 in, sizeof(in));
    if (kzg_point_evaluation((bytes){in, sizeof(in)}, out) != ST_OK)
        abort();
}

/* A pair (r, s) that is no signature of the generator: refused after all the work. */
static void run_p256_verify(void)
{
    static const u256 x = {
        {0xf4a13945d898c296, 0x77037d812deb33a0, 0xf8bce6e563a440f2, 0x6b17d1f2e12c4247}};
    static const u256 y = {
        {0xcbb6406837bf51f5, 0x2bce33576b315ece, 0x8ee7eb4a7c0f9e16, 0x4fe342e2fe1a7f9b}};
    if (p256_verify(hash, R, S, x, y))
        abort();
    hash.b[3]++;
}

static void run_ripemd160_1024(void)
{
    hash20 out = ripemd160(BYTES_OF(text));
    text[0] ^= out.b[0];
}

static void run_blake2b(void)
{
    static const u64 block[16] = {1, 2, 3}, offset[2] = {128};
    blake2b_compress(lanes, block, offset, false, 12);
}

/* text ^ text modulo (text | 1). */
static u8 modulus[1024], scratch[MODEXP_SCRATCH(1024)];

static void run_modexp(usize size)
{
    u8 out[1024];
    memset(modulus, 0xed, size);
    memset(text, 0xab, size);
    modexp((bytes){text, size}, (bytes){text, size}, (bytes){modulus, size}, out,
           arena_over(scratch, sizeof(scratch)));
    if (out[size - 1] == 0 && out[0] == 0)
        abort();
}

static void run_modexp_32(void)
{
    run_modexp(32);
}

static void run_modexp_256(void)
{
    run_modexp(256);
}

static void run_modexp_1024(void)
{
    run_modexp(1024);
}

static void run_gmp(usize size)
{
    memset(modulus, 0xed, size);
    memset(text, 0xab, size);
    struct arena tmp = arena_over(scratch, sizeof(scratch));
    (void)oracle_modexp((bytes){text, size}, (bytes){text, size}, (bytes){modulus, size}, &tmp);
}

static void run_gmp_32(void)
{
    run_gmp(32);
}

static void run_gmp_256(void)
{
    run_gmp(256);
}

static void run_gmp_1024(void)
{
    run_gmp(1024);
}

static const struct {
    const char *name;
    int calls;
    void (*run)(void);
} cases[] = {
    {"field256_mul", 1000000, run_mul},
    {"field256_inverse", 20000, run_inverse},
    {"keccak_f1600", 100000, run_permutation},
    {"keccak256 of 32 B", 100000, run_keccak_32},
    {"keccak256 of 16 times 532 B", 10000, run_keccak_16_532},
    {"sha256 of 1024 B", 5000, run_sha256_1024},
    {"secp256k1_recover", 500, run_recover},
    {"libsecp256k1 recover", 500, run_library_recover},
    {"secp256k1_verify", 500, run_verify},
    {"secp256k1_multiply", 500, run_multiply},
    {"libsecp256k1 multiply", 500, run_library_multiply},
    {"bn254_add", 5000, run_bn254_add},
    {"bn254_mul", 500, run_bn254_mul},
    {"bn254_pairing_check 1", 50, run_bn254_pair},
    {"bn254_pairing_check 2", 50, run_bn254_pairs},
    {"kzg_point_evaluation", 20, run_kzg},
    {"p256_verify", 200, run_p256_verify},
    {"ripemd160 of 1024 B", 2000, run_ripemd160_1024},
    {"blake2b, 12 rounds", 20000, run_blake2b},
    {"modexp, 32 B", 500, run_modexp_32},
    {"GMP's, 32 B", 500, run_gmp_32},
    {"modexp, 256 B", 3, run_modexp_256},
    {"GMP's, 256 B", 3, run_gmp_256},
    {"modexp, 1024 B", 1, run_modexp_1024},
    {"GMP's, 1024 B", 1, run_gmp_1024},
};

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double best_ns(void (*run)(void), int calls)
{
    double best = 0;
    for (int round = 0; round < 9; round++) {
        double start = now_ns();
        for (int i = 0; i < calls; i++)
            run();
        double each = (now_ns() - start) / calls;
        if (round == 0 || each < best)
            best = each;
    }
    return best;
}

int main(int argc, char **argv)
{
    for (usize i = 0; i < countof(cases); i++) {
        bool wanted = argc == 1;
        for (int j = 1; j < argc; j++)
            wanted |= strstr(cases[i].name, argv[j]) != NULL;
        if (wanted)
            printf("%-24s %12.1f ns\n", cases[i].name, best_ns(cases[i].run, cases[i].calls));
    }
    return 0;
}
