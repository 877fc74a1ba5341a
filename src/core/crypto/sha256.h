/* SHA-256. Source: FIPS 180-4, section 6.2. */
#ifndef CRYPTO_SHA256_H
#define CRYPTO_SHA256_H

#include "base/bytes.h"

hash32 sha256(bytes in);

/* The same of parts that do not lie together. */
struct sha256 {
    u32 state[8];
    u64 size;     /* of all parts so far */
    u8 block[64]; /* its last size % 64 bytes */
};
struct sha256 sha256_begin(void);
void sha256_add(struct sha256 *hash, bytes part);
hash32 sha256_end(struct sha256 *hash);

#endif
