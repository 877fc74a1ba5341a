/* Pending transactions: who may go into the next block, in what order, and what is kept waiting.
 *
 * Each sender has its transactions in nonce order. The ones that follow its account's nonce without
 * a gap, and that its balance pays for all together, are executable; the rest is queued. A block
 * takes executable ones by the tip that they pay at its base fee, arrival breaking ties.
 *
 *   add -> [checks] -> sender's list -> executable? -> order -> block -> set_head drops them
 *
 * Memory is bounded by counts and by bytes. When full, the tail of some sender goes: a queued one
 * before an executable one, a sender above its guaranteed share before one within it, cheap before
 * dear; dropping tails never makes a gap. Every step costs O(log senders), so a burst costs time in
 * proportion to its size.
 *
 * All functions may be called from any thread. Refusals carry the words that geth uses, because
 * wallets match on them. */
#ifndef TXPOOL_TXPOOL_H
#define TXPOOL_TXPOOL_H

#include "evm/fork.h"
#include "types/account.h"
#include "types/tx.h"

struct txpool;

struct txpool_limits {
    u32 account_share;  /* transactions of one account that cheaper ones cannot push out */
    u32 account_queued; /* queued transactions of one account */
    u32 pending;        /* transactions in all, of which … */
    u32 queued;         /* … queued */
    usize bytes;        /* memory of all transactions */
    u64 lifetime_ms;    /* of a queued one whose sender adds nothing */
    u32 bump_percent;   /* that a replacement pays more */
    u32 blob_bump_percent;
};

/* geth's numbers; and the same with room for bursts, for chains on a developer's machine. */
extern const struct txpool_limits TXPOOL_LIMITS;
extern const struct txpool_limits TXPOOL_LIMITS_DEV;

/* What the next block will be judged by. */
struct txpool_head {
    struct rules rules;
    u64 gas_limit;
    u256 base_fee_wei;
    u256 blob_fee_wei;
};

/* Accounts at the head. Called with the pool locked: must not call back into it. */
struct txpool_state {
    void *self;
    /* ST_MISSING: no such account. */
    enum status (*account)(void *self, address who, struct account *out);
};

/* Hears of each transaction that became executable, with the pool locked. */
struct txpool_listener {
    void *self;
    void (*executable)(void *self, const struct tx *tx);
};

struct txpool *txpool_new(const struct txpool_limits *limits, const struct txpool_head *head,
                          struct txpool_state state, struct txpool_listener listener);
void txpool_free(struct txpool *pool);

/* Adds a transaction whose sender is known. Copies what it keeps. `envelope` is as it goes into a
 * block; `network` is the form with blobs, as it was received, or empty (not a blob transaction, or
 * one that comes back from a block that a reorg dropped).
 * ST_INVALID: breaks a rule, nonce used, unpayable, underpriced. ST_FULL: no room at its price. */
enum status txpool_add(struct txpool *pool, const struct tx *tx, bytes envelope, bytes network,
                       u64 now_ms, struct err *err);

/* What a reorg gives back, oldest first, senders known. NULL: no more. Called with the pool locked;
 * what it gives stays readable until the next call. */
struct txpool_returns {
    void *self;
    const struct tx *(*next)(void *self, bytes *envelope);
};

/* The head or its state changed: reads every sender's account at it again, through `now`.
 * Transactions with used nonces go. Those of blocks that have left the chain come back in the same
 * step, before anybody sees their nonces free, and whatever has taken such a nonce meanwhile gives
 * way: it was confirmed to nobody, they were. `returns` may be NULL. */
void txpool_set_head(struct txpool *pool, const struct txpool_head *head,
                     const struct txpool_state *now, const struct txpool_returns *returns,
                     u64 now_ms);

/* Drops queued transactions past their lifetime. */
void txpool_expire(struct txpool *pool, u64 now_ms);

/* Drops one transaction; later ones of its sender become queued. False: not here. */
bool txpool_drop(struct txpool *pool, hash32 hash);
/* Drops all of one sender, or of every sender. */
void txpool_drop_sender(struct txpool *pool, address who);
void txpool_clear(struct txpool *pool);

struct txpool_counts {
    usize executable;
    usize queued;
    usize bytes;
};
struct txpool_counts txpool_counts(struct txpool *pool);

/* The nonce after the sender's last executable transaction. ST_MISSING: it has none here. */
enum status txpool_next_nonce(struct txpool *pool, address who, u64 *nonce);

/* A copy in `arena`. `envelope` and `network` may be NULL. ST_MISSING: not here. */
enum status txpool_get(struct txpool *pool, hash32 hash, struct tx *tx, bytes *envelope,
                       bytes *network, struct arena *arena);

enum txpool_place { TXPOOL_ABSENT, TXPOOL_QUEUED, TXPOOL_EXECUTABLE };
enum txpool_place txpool_place(struct txpool *pool, hash32 hash);

/* Calls `visit` for each transaction, a sender's ones together and by nonce, with the pool locked.
 * `visit` returns false to stop. */
void txpool_visit(struct txpool *pool, void *self,
                  bool (*visit)(void *self, const struct tx *tx, bool executable));
/* The same for one sender. */
void txpool_visit_sender(struct txpool *pool, address who, void *self,
                         bool (*visit)(void *self, const struct tx *tx, bool executable));

/* --- Choosing for a block. An order sees the pool as it was when it began; what it returned stays
 * readable until it ends, whatever happens to the pool. One order at a time. */

struct txpool_order;

struct txpool_pick {
    const struct tx *tx;
    bytes envelope;
    bytes network;
};

struct txpool_order *txpool_order_begin(struct txpool *pool, u256 base_fee_wei, u256 blob_fee_wei);
/* The best transaction that is left; the next of the same sender comes up after it. False: no
 * more. */
bool txpool_order_next(struct txpool_order *order, struct txpool_pick *out);
/* The last one did not go in: its sender's later ones cannot either. (One that can never go in is
 * the caller's to txpool_drop as well.) */
void txpool_order_skip_sender(struct txpool_order *order);
void txpool_order_end(struct txpool_order *order);

/* --- Rules that need no state: type, chain, sizes, gas. ST_INVALID with geth's words. */
enum status txpool_check(const struct txpool_head *head, const struct tx *tx, usize envelope_size,
                         struct err *err);

#endif
