/* Putting a child's contracts on a parent.
 *
 * The contracts know each other by addresses that follow from the deploying account's nonces, so
 * nothing has to be set up afterwards, and nobody can come in between: where a prediction were
 * wrong, the last constructor fails. The plan is kept in PATH.part while it is carried out; started
 * again after whatever happened, it goes on where it was. */
#ifndef LAYER_DEPLOY_H
#define LAYER_DEPLOY_H

#include "client/eth.h"
#include "client/signer.h"
#include "layer/rollup.h"
#include "sys/files.h"

struct deploy_step {
    const char *contract;
    address who;
    usize number, count; /* from 1 on, of how many */
};

struct deploy_options {
    struct eth *parent;
    const struct signer *signer; /* pays, and owns SystemConfig unless `owner` is set */
    const struct files *files;
    const char *path; /* of rollup.json */
    u64 chain_id;
    u64 gas_limit;
    address owner, sequencer, fee_recipient;
    bool ownerless;   /* SystemConfig cannot be changed by anyone */
    bool blob_prices; /* the child's prices are those of data in blobs, not in calldata */
    const struct deploy_preset *preset;
    /* A contract is there; may be NULL. */
    void (*progress)(void *self, const struct deploy_step *step);
    void *self;
};

/* Windows in seconds, as the design has them, and what they cannot change later. */
struct deploy_preset {
    const char *name;
    u64 forced_read_s, open_s, challenge_s, maturity_s, airgap_s, timelock_s;
    u64 vault_least; /* thousandths of an ether in a fee vault that anyone may send on */
};

/* "dev": seconds, for trying out. "standard": 1 h, 24 h, 7 d, 7 d, 3.5 d, 30 d. NULL: no such. */
const struct deploy_preset *deploy_preset(const char *name);

/* ST_INVALID: the account cannot pay, the parent refuses a transaction, the account has done
 * something else in between, or PATH.part is of another key or parent. Others as client/eth.h. */
enum status deploy(const struct deploy_options *options, struct rollup *out, struct arena *arena,
                   struct err *err);

#endif
