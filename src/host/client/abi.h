/* Solidity's contract ABI: calls going out; results, event data and revert reasons coming in.
 *
 * Writing: the number of words of the head is known when a call begins, so head and tail are laid
 * down in one pass. A static tuple is its words one after the other.
 *
 *     struct abi_out out = abi_begin_call(0xa9059cbb, 2, arena);   transfer(address,uint256)
 *     abi_put_address(&out, to);
 *     abi_put_u256(&out, amount);
 *     bytes data = abi_end(&out);
 *
 * Reading: a cursor over borrowed bytes. What does not fit its type sets `failed` and reads as
 * zero, so callers look once, at the end:
 *
 *     struct abi_in in = abi_over(log->data);
 *     item.from = abi_get_address(&in);
 *     item.data = abi_get_bytes(&in);
 *     if (in.failed) ...
 *
 * Source: Solidity documentation, "Contract ABI Specification". */
#ifndef CLIENT_ABI_H
#define CLIENT_ABI_H

#include "base/arena.h"
#include "base/u256.h"

/* The first four bytes of the keccak of a signature: "transfer(address,uint256)". */
u32 abi_selector(const char *signature);
/* Topic 0 of an event. */
hash32 abi_topic(const char *signature);

/* --- Writing. */

enum { ABI_WORD = 32, ABI_MAX_DEPTH = 4 };

/* Until abi_end, nothing else may be taken from its arena. */
struct abi_out {
    struct arena *arena;
    u8 *start; /* with the selector, if there is one */
    usize depth;
    struct abi_frame {
        u8 *start; /* where offsets count from */
        u8 *at;    /* the next word of the head */
        u8 *end;   /* of the head */
    } frames[ABI_MAX_DEPTH];
};

/* A call with a head of so many words: one for each static word and for each dynamic argument. */
struct abi_out abi_begin_call(u32 selector, usize words, struct arena *arena);
/* The same without a selector: arguments of a constructor, and what abi.encode gives. */
struct abi_out abi_begin(usize words, struct arena *arena);
/* Every word of the head must have been put. */
bytes abi_end(struct abi_out *out);

void abi_put_u256(struct abi_out *out, u256 value);
void abi_put_u64(struct abi_out *out, u64 value);
void abi_put_bool(struct abi_out *out, bool value);
void abi_put_hash(struct abi_out *out, hash32 value); /* bytes32 */
void abi_put_address(struct abi_out *out, address value);
void abi_put_bytes(struct abi_out *out, bytes value); /* bytes, string */

/* A tuple with a dynamic member: its members follow, up to abi_close. */
void abi_open_tuple(struct abi_out *out, usize words);
/* An array of `count` elements with `words` words each in its head: 1 for an array of bytes. */
void abi_open_array(struct abi_out *out, usize count, usize words);
void abi_close(struct abi_out *out);

/* --- Reading. */

struct abi_in {
    bytes all; /* offsets count from its start */
    usize at;
    bool failed;
};

static inline struct abi_in abi_over(bytes in)
{
    return (struct abi_in){.all = in};
}

u256 abi_get_u256(struct abi_in *in);
u128 abi_get_u128(struct abi_in *in);
u64 abi_get_u64(struct abi_in *in); /* fails where it does not fit */
u8 abi_get_u8(struct abi_in *in);
bool abi_get_bool(struct abi_in *in);
hash32 abi_get_hash(struct abi_in *in);
address abi_get_address(struct abi_in *in);
bytes abi_get_bytes(struct abi_in *in); /* borrows */

/* Why a call was reverted, in words: the text of Error(string), the meaning of Panic(uint256), or
 * the selector of a contract's own error. Writes at most `size` bytes with the final zero. */
void abi_revert_text(bytes data, char *to, usize size);

#endif
