/* Writing genesis files in geth's format, for chains of our own making: every fork active, the
 * system contracts of Ethereum, Multicall3 and the deterministic deployment proxy at their known
 * addresses, and whatever accounts the writer adds.
 *
 *     genesis_out_begin(out, &head, tmp);
 *     genesis_out_account(out, &account, tmp);   any number of times
 *     genesis_out_end(out); */
#ifndef CHAIN_GENESIS_OUT_H
#define CHAIN_GENESIS_OUT_H

#include "base/arena.h"
#include "base/json_out.h"

struct genesis_out_head {
    u64 chain_id;
    u64 timestamp;
    u64 gas_limit;
    u64 base_fee_wei;
    bool child; /* of another chain: then without the contracts that serve validators */
};

struct genesis_out_slot {
    hash32 slot, value;
};

struct genesis_out_account {
    address who;
    u256 balance_wei;
    u64 nonce;
    bytes code; /* may be empty */
    const struct genesis_out_slot *slots;
    usize slot_count;
};

void genesis_out_begin(struct json_out *out, const struct genesis_out_head *head, struct arena tmp);
void genesis_out_account(struct json_out *out, const struct genesis_out_account *account,
                         struct arena tmp);
void genesis_out_end(struct json_out *out);

#endif
