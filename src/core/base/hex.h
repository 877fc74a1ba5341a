/* Hexadecimal text, as JSON-RPC and genesis files write it. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/arena.h"
#include "base/status.h"
#include "base/u256.h"

/* Writes 2 * in.size lower-case digits, no prefix, no final zero. */
void hex_write(char *to, bytes in);

/* "0x" and the digits, with a final zero: for sentences and logs. */
const char *hex_text(bytes in, struct arena *arena);

/* Text with or without "0x" into exactly `size` bytes.
 * ST_INVALID: another length, or a character that is no digit. */
enum status hex_read_fixed(bytes text, u8 *to, usize size);

/* Text with or without "0x", any even number of digits. */
enum status hex_read(bytes text, bytes *out, struct arena *arena);

/* QUANTITY of JSON-RPC ("0x0", no leading zeros, at least one digit). */
enum status hex_read_quantity(bytes text, u256 *out);

/* As files write numbers: hexadecimal with "0x" (leading zeros allowed) or decimal. */
enum status hex_read_number(bytes text, u256 *out);

/* "0x" and the shortest digits of the value; returns the length. No final zero. `to` holds 66. */
usize hex_write_quantity(char *to, u256 value);

#endif
