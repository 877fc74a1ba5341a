/* BLAKE2b's compression function F with a free number of rounds, as EIP-152 exposes it.
 * Source: RFC 7693, section 3.2. */
#ifndef CRYPTO_BLAKE2_H
#define CRYPTO_BLAKE2_H

#include "base/int.h"

/* Folds the block into the state. `offset` is the count of bytes so far, low word first; `last`
 * marks the last block. BLAKE2b itself takes 12 rounds. */
void blake2b_compress(u64 state[8], const u64 block[16], const u64 offset[2], bool last,
                      u32 rounds);

#endif
