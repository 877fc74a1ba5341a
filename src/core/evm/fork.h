/* Which rules hold when: forks, their schedule, and the named rule fields derived from both. */
#ifndef EVM_FORK_H
#define EVM_FORK_H

#include "base/bytes.h"
#include "base/u256.h"

enum fork {
    FRONTIER,
    HOMESTEAD,
    TANGERINE, /* EIP-150 */
    SPURIOUS,  /* EIP-155, 158, 160, 161, 170 */
    BYZANTIUM,
    CONSTANTINOPLE,
    PETERSBURG,
    ISTANBUL,
    BERLIN,
    LONDON,
    PARIS,
    SHANGHAI,
    CANCUN,
    PRAGUE,
    OSAKA,
    FORK_COUNT,
};

/* As official tests and this program print it: "Frontier", …, "Osaka". */
const char *fork_name(enum fork fork);

/* EIP-4844, EIP-7840, EIP-7892: counts are blobs for each block. */
struct blob_params {
    u64 target;
    u64 max;
    u64 update_fraction;
};

enum { MAX_BLOB_SCHEDULE = 8 };

/* From `time` on. Osaka and later blob-parameter-only forks are rows like any other. */
struct blob_schedule_entry {
    u64 time;
    struct blob_params params;
};

/* What a child chain (a layer above a parent chain) does otherwise than Ethereum. All of it hangs
 * on `on`, which is off for every chain that is nobody's child:
 *
 *   - deposits are allowed; a block begins with one that tells of the parent (stf/child.h);
 *   - a timestamp may equal the one before; the gas limit may change by any step;
 *   - base fee and tips go to vaults, nothing is burnt, and the base fee has a floor;
 *   - a byte of a user's transaction costs more (EIP-7623) and weighs on the next base fee;
 *   - no blobs, withdrawals or requests; the beneficiary is a vault, extra data are empty. */
struct child_rules {
    bool on;
    /* The gas that each byte of a user's transaction weighs. The sum for a block is its footprint:
     * at most the gas limit, held by blob_gas_used, and looked at by the next base fee where it is
     * above the gas used. Source: OP specs, protocol/jovian, "DA Footprint Block Limit". */
    u64 footprint_gas;
    u256 base_fee_floor_wei; /* of one block (child_rules_read); a chain_config has zero here */
};

enum { CHILD_FOOTPRINT_GAS = 60000000 / (128 * 1024) }; /* 128 KiB a block of 60 million gas */

#define FORK_NEVER UINT64_MAX

/* A chain's schedule, as a genesis file gives it. */
struct chain_config {
    u64 chain_id;
    /* Block numbers for forks before PARIS, FORK_NEVER where not scheduled. */
    u64 fork_block[PARIS];
    u64 dao_block; /* FORK_NEVER: no DAO fork */
    bool dao_support;
    u64 muir_glacier_block, arrow_glacier_block, gray_glacier_block; /* difficulty bomb delays */
    /* The first block under proof of stake, where known; else terminal_total_difficulty decides. */
    u64 merge_block;
    bool has_terminal_difficulty;
    u256 terminal_total_difficulty;
    u64 shanghai_time, cancun_time, prague_time, osaka_time;
    struct blob_schedule_entry blobs[MAX_BLOB_SCHEDULE]; /* ascending in time */
    usize blob_count;
    address deposit_contract; /* EIP-6110 */
    struct child_rules child; /* last: records of chains from before it lack it */
};

/* All rules of one block. Child chains differ from Ethereum in the field `child` only. */
struct rules {
    enum fork fork;
    u64 chain_id;
    struct blob_params blobs;
    address deposit_contract;
    bool dao_fork_block; /* this block moves the DAO's funds */
    struct child_rules child;
};

/* `merged`: the block is under proof of stake (its difficulty is zero and its parent reached the
 * terminal difficulty). */
struct rules chain_rules(const struct chain_config *config, u64 number, u64 timestamp, bool merged);

#endif
