/* For tests: a parent that runs on a thread, mines when it is told to, and misbehaves on demand.
 *
 * It has blocks with real hashes, logs, a pool with nonces and replacements, and no EVM: a
 * transaction succeeds unless its recipient is FAKE_REVERTER. Chain id 900. */
#ifndef CLIENT_FAKE_H
#define CLIENT_FAKE_H

#include "base/json.h"
#include "base/json_out.h"
#include "client/eth.h"

#include <pthread.h>

struct fake_tx {
    struct tx tx;
    bytes raw;  /* as it was sent */
    bool mined; /* in a block that is canonical now */
    u64 number; /* that block's */
    u64 sent;   /* how often it came in */
    bool in_pool;
};

struct fake_block {
    struct eth_header at;
    struct eth_log *logs;
    usize log_count;
    struct fake_tx *txs[64];
    usize tx_count;
};

struct fake {
    pthread_mutex_t lock;
    pthread_t thread;
    int fd;
    u16 port;
    bool stopping;
    char url[64];
    struct arena arena; /* of all blocks and transactions */
    struct fake_block *chain[5000], *all[8000];
    usize length, all_count;
    u64 salt; /* makes blocks after a reorg different */
    struct eth_log next_logs[64];
    usize next_log_count;
    struct fake_tx *txs[4000];
    usize tx_count;

    /* What it has, and how it behaves: set under no load. */
    u64 safe, finalized; /* UINT64_MAX: knows no such tag */
    u256 base_fee_wei, blob_fee_wei;
    u64 range_limit, batch_limit; /* blocks, calls; 0: none */
    bool holds_pool;              /* mines no transactions */
    bool drops_pool;              /* forgets transactions that a reorg gives back */
    bool is_poor;                 /* says that everyone is */
    u256 balance_wei;             /* of everyone */
    u64 foreign_nonces; /* transactions of the sender that it has mined but not been sent */
    unsigned overloaded, cut, garbage, deaf; /* so many requests are answered like this */
    unsigned retry_after_s;                  /* with overloaded; 0: not said */
    atomic_bool dead;                        /* all connections are closed unanswered */
    const char *says, *instead;              /* in answers, the first one becomes the second */
    /* Asked first; true: it has answered by itself. */
    bool (*override)(struct fake *fake, bytes method, json params, struct json_out *out);
    void *self; /* override's own */

    atomic_ulong requests, calls;
};

#define FAKE_REVERTER ((address){{0xee}})

struct fake *fake_start(void); /* with block 0 */
void fake_stop(struct fake *fake);

/* A log in the next block. */
void fake_add_log(struct fake *fake, address who, hash32 topic, bytes data);
/* So many blocks; the first has the waiting logs, and transactions of the pool. */
void fake_mine(struct fake *fake, usize count);
/* Takes the newest `depth` blocks off; what is mined then is another branch. */
void fake_drop(struct fake *fake, usize depth);
const struct fake_block *fake_head(const struct fake *fake);

struct eth *fake_client(const struct fake *fake);

#endif
