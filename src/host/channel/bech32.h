/* Bech32m: bytes as text that survives being read aloud, typed and put into a QR code.
 *
 *     prefix | "1" | data, 5 bits a character | checksum, 6 characters
 *
 * As BOLT 11 and 12, this knows no limit of 90 characters for the whole, so that the checksum finds
 * errors but promises nothing about how many; what matters carries a signature as well.
 *
 * Source: BIP-173, BIP-350. */
#ifndef CHANNEL_BECH32_H
#define CHANNEL_BECH32_H

#include "base/arena.h"
#include "base/status.h"

enum {
    BECH32_PREFIX_LIMIT = 83,
    BECH32_CHECKSUM_SIZE = 6,
};

/* In `arena`, in lower case. `prefix` is 1 to BECH32_PREFIX_LIMIT printable characters of ASCII
 * (0x21 to 0x7e) without capitals; `groups` has 5 bits in each byte. */
bytes bech32_encode(bytes prefix, bytes groups, struct arena *arena);

/* Takes text in capitals or without any. Prefix, in lower case, and groups live in `arena`, and
 * take at most text.size bytes of it. ST_INVALID: with a sentence. */
enum status bech32_decode(bytes text, bytes *prefix, bytes *groups, struct arena *arena,
                          struct err *err);

/* Bytes as groups, the last one filled up with zero bits; and back.
 * ST_INVALID: what fills up is a whole group, or not zero. */
bytes bech32_groups(bytes in, struct arena *arena);
enum status bech32_bytes(bytes groups, bytes *out, struct arena *arena);

#endif
