/* ECDSA verification over P-256 (secp256r1): passkeys, secure enclaves, and the precompile of
 * EIP-7951. Public data only: not in constant time.
 * Source: SEC 1, section 4.1.4; SEC 2, section 2.4.2. */
#ifndef CRYPTO_P256_H
#define CRYPTO_P256_H

#include "base/u256.h"

/* False where r or s is zero or not below the order, or (x, y) is no point of the curve. A high s
 * is accepted. */
bool p256_verify(hash32 hash, u256 r, u256 s, u256 x, u256 y);

#endif
