/* What a parent chain has, found out by asking it, and what follows for a child chain. */
#ifndef CLIENT_PROBE_H
#define CLIENT_PROBE_H

#include "client/eth.h"

struct probe {
    u64 chain_id;
    char version[128]; /* of its client; "" where it does not say */
    u64 latest;        /* its newest block */
    u64 gas_limit;     /* of that block */
    u64 tx_gas_cap;    /* EIP-7825, from Osaka on; 0: the block's limit is the only one */
    bool has_base_fee; /* EIP-1559 */
    bool has_push0;    /* Shanghai: contracts need it */
    bool has_history;  /* EIP-2935: hashes of 8,191 blocks, not 256 */
    bool has_bls;      /* EIP-2537 */
    bool is_child;  /* an OP-like layer itself: its headers have blob fields, its blocks no blobs */
    bool has_blobs; /* EIP-4844 */
    u64 blob_update_fraction; /* how its blob price moves (EIP-7840); 0: it has no blobs */
    bool has_safe, has_finalized;
};

/* Asks. Statuses as in client/eth.h; ST_OK whatever the parent lacks. */
enum status probe_parent(struct eth *eth, struct probe *out, struct err *err);

struct finding {
    const char *name;
    char value[136];
    const char *follows; /* for a child chain; "" where nothing does */
    bool is_bad;         /* a child chain cannot be there */
};

enum { PROBE_FINDINGS = 10 };
/* Returns how many there are. */
usize probe_findings(const struct probe *probe, struct finding out[static PROBE_FINDINGS]);

#endif
