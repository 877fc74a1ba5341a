/* Modular exponentiation of big integers, for any modulus, odd or even: the precompile of EIP-198.
 * Public data only: not in constant time. */
#ifndef CRYPTO_MODEXP_H
#define CRYPTO_MODEXP_H

#include "base/arena.h"

/* A bound of the scratch that `modexp` takes; base and exponent do not matter. */
#define MODEXP_SCRATCH(modulus_size) (32 * ((modulus_size) + 16))

/* base ^ exponent mod modulus, all big-endian and of any size, leading zeros allowed. Writes
 * modulus.size bytes: zeros for a modulus of 0 or 1; 0 ^ 0 is 1. */
void modexp(bytes base, bytes exponent, bytes modulus, u8 *out, struct arena tmp);

#endif
