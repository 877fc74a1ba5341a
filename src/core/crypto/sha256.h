/* SHA-256. Source: FIPS 180-4, section 6.2. */
#ifndef CRYPTO_SHA256_H
#define CRYPTO_SHA256_H

#include "base/bytes.h"

hash32 sha256(bytes in);

#endif
