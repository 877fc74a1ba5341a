/* What a chain writes into its log.
 *
 *   genesis  once, first: schedule, header and allocation, so that the log alone makes the chain
 *   block    a block that was executed and found valid, with its senders
 *   patch    a change of state by a test method
 *   head     the head moved to what an earlier record made
 *
 * Every record that makes a state names by position the record whose state it changes. */
#ifndef CHAIN_RECORD_H
#define CHAIN_RECORD_H

#include "chain/genesis.h"
#include "store/log.h"
#include "types/block.h"

enum record_kind {
    RECORD_GENESIS = 1,
    RECORD_BLOCK = 2,
    RECORD_PATCH = 3,
    RECORD_HEAD = 4,
};

/* The fixed part of a block's and a patch's record, as it lies in the file. */
struct record_head {
    u64 parent_position;
    u64 number;
    hash32 hash; /* of the block, also for a patch of its state */
    u256 total_difficulty;
    u32 becomes_head; /* 1: acknowledging the record makes it the head */
    u32 tx_count;     /* blocks */
    u64 size;         /* of the RLP or the diff that follows; then senders, 20 bytes each */
};
static_assert(sizeof(struct record_head) == 96, "no padding");

enum status record_append_block(struct log_file *log, const struct record_head *head, bytes rlp,
                                bytes senders, u64 *position, struct err *err);
enum status record_append_patch(struct log_file *log, const struct record_head *head,
                                const struct diff *diff, struct arena tmp, u64 *position,
                                struct err *err);
enum status record_append_head(struct log_file *log, u64 target, u64 *position, struct err *err);
enum status record_append_genesis(struct log_file *log, const struct genesis *genesis,
                                  struct arena tmp, u64 *position, struct err *err);

/* A record read back; borrows from its payload. ST_CORRUPT: not what was appended. */
struct record {
    enum record_kind kind;
    u64 position, next;
    struct record_head head;
    bytes body;    /* the block's RLP, the patch's diff */
    bytes senders; /* blocks */
    u64 target;    /* heads */
};
enum status record_read(struct log_file *log, u64 position, struct record *out, struct arena *arena,
                        struct err *err);
/* The fixed part of a block's or patch's record alone, without its checksum. */
enum status record_read_head(struct log_file *log, u64 position, struct record_head *out,
                             struct err *err);
/* The header of a block's record, without reading all of it. extra_data lives in `arena`. */
enum status record_read_header(struct log_file *log, u64 position, struct header *out,
                               struct arena *arena, struct err *err);

/* Schedule, header, hash and allocation; `nodes` is left empty. */
enum status record_read_genesis(struct log_file *log, struct genesis *out, struct arena *arena,
                                struct err *err);

/* A diff as records hold it: only what it leads to, not what was before. */
bytes diff_pack(const struct diff *diff, struct arena *arena);
enum status diff_unpack(bytes in, struct diff *out, struct arena *arena);

#endif
