/* secp256k1 in core's own words: recovery, verification, multiplication, small and freestanding, also for the
 * guest. The host signs and recovers in bulk with libsecp256k1; a difference between the two would
 * split the chain, so tests and a fuzzer hold them against each other.
 * Signatures are public, so nothing here runs in constant time: never pass a secret.
 * Source: SEC 1, section 4.1; SEC 2, section 2.4.1. */
#ifndef CRYPTO_SECP256K1_H
#define CRYPTO_SECP256K1_H

#include "base/status.h"
#include "base/u256.h"

/* x and y, 32 big-endian bytes each. */
typedef struct {
    u8 b[64];
} pubkey64;

extern const u256 SECP256K1_ORDER;
extern const u256 SECP256K1_HALF_ORDER;

/* The key that signed `hash` with (r, s) and a curve point of that y parity. High s is accepted;
 * callers that must refuse it (EIP-2) compare with SECP256K1_HALF_ORDER.
 * ST_INVALID: r or s out of range, r no x coordinate of the curve, or the point at infinity. */
enum status secp256k1_recover(hash32 hash, u256 r, u256 s, bool y_odd, pubkey64 *out);

bool secp256k1_verify(hash32 hash, u256 r, u256 s, const pubkey64 *key);

/* `factor` times the point. ST_INVALID: it is zero or not below the order, or no point. */
enum status secp256k1_multiply(const pubkey64 *point, u256 factor, pubkey64 *out);

/* The last 20 bytes of the key's keccak. */
address pubkey_address(const pubkey64 *key);

#endif
