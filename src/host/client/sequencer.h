/* What a follower asks of its sequencer's node: blocks that are not on the parent yet, each with
 * the signature of the sequencer's key, and to take a transaction.
 *
 *   varve_unsafeBlocks(from, wait_ms) -> [{"block": RLP, "signature": r ‖ s ‖ (27 or 28)}, …]
 *
 * Sizes and shapes are checked here, what blocks and signatures say is not (layer/unsafe_block.h).
 * Each question is asked once, whatever eth_options say: a follower has its parent, and better
 * things to do than to wait. Statuses as in client/eth.h. */
#ifndef CLIENT_SEQUENCER_H
#define CLIENT_SEQUENCER_H

#include "client/eth.h"

enum {
    UNSAFE_MOST_BLOCKS = 128,      /* in one answer */
    UNSAFE_MOST_BYTES = 4 << 20,   /* of their RLP, unless one alone is larger */
    UNSAFE_LONGEST_WAIT_MS = 2000, /* of a question, for the first of them */
};

/* As contracts recover it: r ‖ s ‖ v, where v is 27 or 28. */
typedef struct {
    u8 b[65];
} signature65;

struct signed_block {
    bytes rlp;
    signature65 signature;
};

/* A client of such a node; eth_free. `timeout_ms`, 0: 20 s. */
enum status sequencer_new(const char *url, u64 timeout_ms, usize answer_limit,
                          const atomic_bool *cancel, struct eth **out, struct err *err);

/* Blocks from number `from` on that the server has, at most UNSAFE_MOST_BLOCKS; where it has none
 * it may wait so long for one. */
enum status sequencer_ask_blocks(struct eth *eth, u64 from, u64 wait_ms, struct signed_block **out,
                                 usize *count, struct arena *arena, struct err *err);

/* What the server said when it refused. */
struct sequencer_refusal {
    bool said; /* else there is only the status' sentence */
    i64 code;
    char text[256];
};

/* Sends a transaction in the form in which it came. ST_INVALID: refused; *refusal has the server's
 * own code and words where it gave any. ST_AGAIN, ST_IO, ST_CORRUPT: it may have it or not. */
enum status sequencer_send(struct eth *eth, bytes raw, hash32 hash,
                           struct sequencer_refusal *refusal, struct err *err);

#endif
