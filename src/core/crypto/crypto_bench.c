/* What each primitive costs: nanoseconds per call, the best of several rounds.
 *
 *   bench_crypto [name…] */
#include "base/bug.h"
#include "crypto/field256.h"
#include "crypto/keccak.h"
#include "crypto/secp256k1.h"
#include "crypto/sha256.h"

#include <secp256k1_recovery.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

_Noreturn void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: bug: %s\n", file, line, what);
    abort();
}

static const struct field256 FIELD = {{{0xfffffffefffffc2f, UINT64_MAX, UINT64_MAX, UINT64_MAX}},
                                      {{0x00000001000003d1, 0, 0, 0}},
                                      {{0x000007a2000e90a1, 1, 0, 0}},
                                      0xd838091dd2253531};

static fe256 element = {{1, 2, 3, 4}};
static u64 lanes[25];
static u8 text[1024];
static hash32 hash = {{7}};
static secp256k1_context *library;

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

static void run_library_recover(void)
{
    secp256k1_ecdsa_recoverable_signature signature;
    secp256k1_pubkey public;
    u8 both[64];
    u256_store_be(both, R);
    u256_store_be(both + 32, S);
    if (!secp256k1_ecdsa_recoverable_signature_parse_compact(library, &signature, both, 0) ||
        !secp256k1_ecdsa_recover(library, &public, &signature, hash.b))
        abort();
    hash.b[3]++;
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
    {"sha256 of 1024 B", 5000, run_sha256_1024},
    {"secp256k1_recover", 500, run_recover},
    {"libsecp256k1 recover", 500, run_library_recover},
    {"secp256k1_verify", 500, run_verify},
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
    library = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    for (usize i = 0; i < countof(cases); i++) {
        bool wanted = argc == 1;
        for (int j = 1; j < argc; j++)
            wanted |= strstr(cases[i].name, argv[j]) != NULL;
        if (wanted)
            printf("%-24s %12.1f ns\n", cases[i].name, best_ns(cases[i].run, cases[i].calls));
    }
    return 0;
}
