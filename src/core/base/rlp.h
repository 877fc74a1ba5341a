/* Recursive Length Prefix: the encoding under every hash of Ethereum.
 *
 * Reading walks a cursor over borrowed bytes and refuses every second spelling of a value (a long
 * form where a short one fits, leading zeros). Writing is in two passes: sizes first, then bytes
 * into a buffer of exactly that size, so that nothing is moved or copied twice.
 * Source: Yellow Paper, appendix B. */
#ifndef BASE_RLP_H
#define BASE_RLP_H

#include "base/arena.h"
#include "base/status.h"
#include "base/u256.h"

/* --- Reading. A `bytes *in` is the cursor: what has not been read yet. On failure it is
 * unspecified. All borrow from the input. ST_INVALID: not canonical RLP, or not of that kind. */

/* What the next item is, without reading it. */
bool rlp_next_is_list(bytes in);

/* The payload of the next item, which must be a string (a list). */
enum status rlp_read_bytes(bytes *in, bytes *out);
enum status rlp_read_list(bytes *in, bytes *out);

/* The next item whole, header included, whatever its kind; nested items are not checked. */
enum status rlp_read_item(bytes *in, bytes *out);

enum status rlp_read_u64(bytes *in, u64 *out);
enum status rlp_read_u256(bytes *in, u256 *out);
enum status rlp_read_fixed(bytes *in, u8 *to, usize size);
enum status rlp_read_hash(bytes *in, hash32 *out);
enum status rlp_read_address(bytes *in, address *out);

/* ST_INVALID unless everything has been read. */
enum status rlp_read_end(bytes in);

/* How many items a list's payload holds. */
enum status rlp_count(bytes payload, usize *out);

/* ST_INVALID unless `in` is one item, canonical at every depth. Nesting is limited to 1,024. */
enum status rlp_check(bytes in);

/* --- Writing. */

/* Bytes that an item of `size` payload bytes needs with its header (for a string of one byte, pass
 * the value to rlp_size_bytes instead: it may need no header). */
usize rlp_size_list(usize payload_size);
usize rlp_size_bytes(bytes value);
usize rlp_size_u64(u64 value);
usize rlp_size_u256(u256 value);
#define RLP_SIZE_HASH ((usize)33)
#define RLP_SIZE_ADDRESS ((usize)21)

/* Each writes at `to` and returns the end of what it wrote. */
u8 *rlp_put_list(u8 *to, usize payload_size);
u8 *rlp_put_bytes(u8 *to, bytes value);
u8 *rlp_put_u64(u8 *to, u64 value);
u8 *rlp_put_u256(u8 *to, u256 value);
u8 *rlp_put_hash(u8 *to, hash32 value);
u8 *rlp_put_address(u8 *to, address value);

/* The encoding of an integer, as trie keys want it. */
bytes rlp_u64(u64 value, struct arena *arena);

#endif
