/* RIPEMD-160. Source: Dobbertin, Bosselaers, Preneel, "RIPEMD-160: A Strengthened Version of
 * RIPEMD" (1996). */
#ifndef CRYPTO_RIPEMD160_H
#define CRYPTO_RIPEMD160_H

#include "base/bytes.h"

typedef struct {
    u8 b[20];
} hash20;

hash20 ripemd160(bytes in);

#endif
