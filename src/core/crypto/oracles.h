/* Libraries that do the same as ours, for tests and fuzzers only: both must always agree. */
#ifndef CRYPTO_ORACLES_H
#define CRYPTO_ORACLES_H

#include "base/arena.h"
#include "crypto/secp256k1.h"

#include <gmp.h>
#include <secp256k1_recovery.h>

/* The library that the host signs with: both bodies must answer alike. */
static inline secp256k1_context *oracle_context(void)
{
    static secp256k1_context *context;
    if (context == NULL)
        context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    return context;
}

static inline bool oracle_key(const secp256k1_pubkey *key, pubkey64 *out)
{
    u8 text[65];
    size_t size = sizeof(text);
    int done = secp256k1_ec_pubkey_serialize(oracle_context(), text, &size, key,
                                             SECP256K1_EC_UNCOMPRESSED);
    memcpy(out->b, text + 1, sizeof(out->b));
    return done == 1 && size == sizeof(text);
}

static inline bool oracle_recover(hash32 hash, u256 r, u256 s, bool y_odd, pubkey64 *out)
{
    u8 text[64];
    secp256k1_ecdsa_recoverable_signature signature;
    secp256k1_pubkey key;
    u256_store_be(text, r);
    u256_store_be(text + 32, s);
    return secp256k1_ecdsa_recoverable_signature_parse_compact(oracle_context(), &signature, text,
                                                               y_odd) == 1 &&
           secp256k1_ecdsa_recover(oracle_context(), &key, &signature, hash.b) == 1 &&
           oracle_key(&key, out);
}

static inline bool oracle_multiply(const pubkey64 *point, u256 factor, pubkey64 *out)
{
    u8 text[65] = {4}, scalar[32];
    secp256k1_pubkey parsed;
    memcpy(text + 1, point->b, sizeof(point->b));
    u256_store_be(scalar, factor);
    return secp256k1_ec_pubkey_parse(oracle_context(), &parsed, text, sizeof(text)) == 1 &&
           secp256k1_ec_pubkey_tweak_mul(oracle_context(), &parsed, scalar) == 1 &&
           oracle_key(&parsed, out);
}

/* The library refuses high s, which is a rule of callers here. */
static inline bool oracle_verify(hash32 hash, u256 r, u256 s, const pubkey64 *key)
{
    u8 text[65] = {4};
    secp256k1_pubkey parsed;
    secp256k1_ecdsa_signature signature;
    memcpy(text + 1, key->b, sizeof(key->b));
    if (secp256k1_ec_pubkey_parse(oracle_context(), &parsed, text, sizeof(text)) != 1)
        return false;
    u256_store_be(text, r);
    u256_store_be(text + 32, s);
    if (secp256k1_ecdsa_signature_parse_compact(oracle_context(), &signature, text) != 1)
        return false;
    (void)secp256k1_ecdsa_signature_normalize(oracle_context(), &signature, &signature);
    return secp256k1_ecdsa_verify(oracle_context(), &signature, hash.b, &parsed) == 1;
}

/* As `modexp`; the result is in `arena`. */
static inline bytes oracle_modexp(bytes base, bytes exponent, bytes modulus, struct arena *arena)
{
    u8 *out = ARENA_NEW(arena, u8, modulus.size + 1);
    mpz_t b, e, m;
    mpz_inits(b, e, m, NULL);
    mpz_import(b, base.size, 1, 1, 1, 0, base.data);
    mpz_import(e, exponent.size, 1, 1, 1, 0, exponent.data);
    mpz_import(m, modulus.size, 1, 1, 1, 0, modulus.data);
    if (mpz_sgn(m) != 0) {
        mpz_powm(b, b, e, m);
        usize size = (mpz_sizeinbase(b, 2) + 7) / 8;
        if (mpz_sgn(b) != 0)
            mpz_export(out + modulus.size - size, NULL, 1, 1, 1, 0, b);
    }
    mpz_clears(b, e, m, NULL);
    return (bytes){out, modulus.size};
}

#endif
