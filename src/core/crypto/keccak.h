/* Keccak-256, as Ethereum uses it (the original padding, not SHA-3's). */
#ifndef CRYPTO_KECCAK_H
#define CRYPTO_KECCAK_H

#include "base/bytes.h"

hash32 keccak256(bytes in);

/* The hashes of several texts, faster than one by one where the machine has wide registers.
 * `out` overlaps no text. */
void keccak256_many(const bytes *in, usize count, hash32 *out);

/* The same over parts that do not lie together. */
struct keccak {
    u64 state[25];
    u8 pending[136];
    usize pending_size;
};
void keccak_init(struct keccak *keccak);
void keccak_update(struct keccak *keccak, bytes in);
hash32 keccak_final(struct keccak *keccak);

/* One permutation, for callers that lay out the block themselves. Source: FIPS 202, section 3. */
void keccak_f1600(u64 state[25]);

#endif
