/* Batches: L2 blocks as the sequencer writes them to the parent, without what the parent or the
 * state transition knows. A block is its time, its origin, how many items of the Inbox it reads and
 * its users' transactions; transactions lie in columns, like beside like, for DEFLATE to find.
 *
 *   data  = 0x01 ‖ codec ‖ rest       codec 0: rest is the body
 *                                     codec 1: rest is the body deflated (RFC 1951, raw), with
 *                                              BATCH_DICTIONARY before its start
 *   body  = first block     varint    number
 *           parent prefix   20 bytes  of the first block's parent's hash; zeros: whatever it is
 *           block count     varint
 *     for each block, column by column:
 *           time            varint    seconds since the block before; of the first, since 1970
 *           origin          varint    number, less that of the block before; of the first, itself
 *           items           varint    read from the Inbox
 *           transactions    varint
 *     for each transaction, column by column:
 *           kind            byte      bits 0-2: type 0, 1, 2 or 4, or 3: type 0 without chain id;
 *                                     bit 3: no recipient (creation); others 0
 *           nonce           byte, then a column of varints: the lowest 8 bits, the others
 *           gas limit       the same
 *           fee             recent    types 0 and 1: gas price; types 2 and 4: max fee less
 *                                     priority fee (modulo 2^256), which wallets have in common
 *           priority fee    recent    types 2 and 4 only
 *           value           recent
 *           data size       varint
 *           access entries  varint    types 1, 2 and 4 only
 *           authorizations  varint    type 4 only
 *     for each access entry:
 *           slots           varint
 *     for each authorization, column by column:
 *           chain           byte      0: any chain, 1: this one, 2: another, see below
 *           nonce           varint
 *           y parity        byte
 *     for each address (recipients, then access entries, then authorizations):
 *           address         varint    0: the next of the new addresses below;
 *                                     n > 0: the nth of them, which has been used before
 *     then what the columns above leave out, which compresses less or not at all:
 *           heads                     a byte for each new fee, then priority fee, then value
 *           y parities                a bit for each transaction, the first lowest, the last byte
 *                                     filled up with zeros
 *           mantissas                 of each new fee, then priority fee, then value
 *           addresses                 20 bytes for each new one
 *           data
 *           slots                     32 bytes each
 *           other chains              32 bytes each
 *           authorizations' r, s      64 bytes each
 *           r, s                      64 bytes each
 *
 *   varint  little-endian groups of 7 bits, the top bit set on all but the last (LEB128);
 *           shortest form, at most 64 bits
 *   recent  byte: 0 is a new amount, n > 0 the one that is nth among the 64 of this column that
 *           were used last, newest first (move to front)
 *   amount  head h < 242: h % 11 bytes of mantissa, big-endian, times 10^(h / 11);
 *           head 255: 32 bytes of mantissa, times 1
 *
 * Chain ids are not sent: they are the child's. Nor are hashes and senders. Transactions with blobs
 * and deposits have no kind. */
#ifndef DERIVE_BATCH_H
#define DERIVE_BATCH_H

#include "types/tx.h"

/* A batch holds at most this much, inflated, and this many blocks: DEFLATE expands up to 1,032
 * times, and followers and the guest must be able to afford what a few bytes make of themselves.
 *
 * Size: the largest data of one append is six blobs (EIP-7594), 744 KiB; calldata compresses 3 to 5
 * times, and 8 MiB is eleven. Blocks: four a second for an hour; an empty one is a few bits here,
 * but a state root there. */
#define BATCH_MAX_BODY ((usize)8 << 20)
enum { BATCH_MAX_BLOCKS = 16384 };

enum { BATCH_VERSION = 1 };
enum batch_codec { BATCH_RAW = 0, BATCH_DEFLATE = 1 };

/* Stands before the output when codec 1 is inflated. Part of the format: it never changes. */
extern const bytes BATCH_DICTIONARY;

struct batch_block {
    u64 timestamp;
    u64 origin_number;
    u64 item_count;
    const struct tx *txs; /* hash and from are not set */
    usize tx_count;
};

struct batch {
    u64 first_number;
    u8 parent_prefix[20];
    const struct batch_block *blocks;
    usize block_count;
};

/* A body, and where its columns end, as far as they differ in nature: a compressor that starts anew
 * there does not spoil the codes of one column with the bytes of another. */
enum { BATCH_COLUMNS = 24 };
struct batch_body {
    bytes all;
    usize ends[BATCH_COLUMNS]; /* ascending, the last is all.size */
    usize end_count;
};

/* ST_INVALID: not to be said in this format (a type without kind, another chain's transaction,
 * time or origin going back, too many blocks, a body above BATCH_MAX_BODY). The body lives in
 * `arena`, which needs batch_encode_bound(batch) bytes. */
enum status batch_body_encode(const struct batch *batch, u64 chain_id, struct batch_body *out,
                              struct arena *arena, struct err *err);
usize batch_encode_bound(const struct batch *batch);

/* Undoes it. Borrows from `body`, or lives in `arena`, of which it takes at most
 * batch_decode_bound(body.size).
 * ST_INVALID: not a body of this format; the sentence says where. */
enum status batch_body_decode(bytes body, u64 chain_id, struct batch *out, struct arena *arena,
                              struct err *err);

/* The worst byte is one of an access entry: two of them (a count and a reference) become a struct.
 */
static inline usize batch_decode_bound(usize body_size)
{
    return 64 + body_size * (sizeof(struct access_entry) / 2);
}

/* With version and codec: a body left as it is, and any data. Decoding inflates into `arena`, of
 * which it takes at most BATCH_DATA_BOUND. */
bytes batch_data_raw(bytes body, struct arena *arena);
enum status batch_data_decode(bytes data, u64 chain_id, struct batch *out, struct arena *arena,
                              struct err *err);
#define BATCH_DATA_BOUND (BATCH_MAX_BODY + batch_decode_bound(BATCH_MAX_BODY))

#endif
