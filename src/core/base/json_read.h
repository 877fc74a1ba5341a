/* Numbers and bytes in JSON, as Ethereum's files write them (genesis files, official tests). The
 * RPC is stricter and reads for itself. Escaped digits are refused. */
#ifndef BASE_JSON_READ_H
#define BASE_JSON_READ_H

#include "base/json.h"
#include "base/u256.h"

/* A number of JSON, or a string with "0x" and hexadecimal digits or with decimal ones.
 * ST_INVALID: anything else, or it does not fit. */
enum status json_read_number(json value, u256 *out);
enum status json_read_number_u64(json value, u64 *out);

/* A string of hexadecimal digits, with or without "0x": of any even count; of exactly `size`
 * bytes; of at most 32 bytes, padded on the left. */
enum status json_read_hex(json value, bytes *out, struct arena *arena);
enum status json_read_fixed(json value, u8 *to, usize size);
enum status json_read_word(json value, hash32 *out);

#endif
