/* Small questions to contracts, and proofs of what is in their storage. */
#ifndef CLIENT_CONTRACT_H
#define CLIENT_CONTRACT_H

#include "client/abi.h"
#include "client/eth.h"

/* A call that reads, in the newest state. The answer is read by `out`, from `arena`.
 * ST_INVALID: the contract refuses, with its reason in words. Others as client/eth.h. */
enum status contract_ask(struct eth *eth, address who, bytes call, struct abi_in *out,
                         struct arena *arena, struct err *err);

/* The call of a function without arguments: "bond()"; with one that is an address. */
bytes contract_call0(const char *signature, struct arena *arena);
bytes contract_call_address(const char *signature, address argument, struct arena *arena);

/* Functions without arguments that give one word. ST_CORRUPT: they give something else, or there is
 * no contract. */
enum status contract_ask_u64(struct eth *eth, address who, const char *signature, u64 *out,
                             struct arena tmp, struct err *err);
enum status contract_ask_u256(struct eth *eth, address who, const char *signature, u256 *out,
                              struct arena tmp, struct err *err);
enum status contract_ask_address(struct eth *eth, address who, const char *signature, address *out,
                                 struct arena tmp, struct err *err);

/* ST_CORRUPT, with what was asked, where the answer was not read to the end. */
enum status contract_check(const struct eth *eth, const struct abi_in *in, const char *what,
                           struct err *err);

/* What a contract's storage trie says of a slot: nodes from the root on. Nothing is checked but
 * the shape: whoever uses it holds it against a root. */
struct slot_proof {
    hash32 storage_root;
    const bytes *nodes;
    usize node_count;
};
/* ST_INVALID: the server keeps no such proofs (any more). */
enum status contract_prove(struct eth *eth, address who, hash32 slot, u64 block,
                           struct slot_proof *out, struct arena *arena, struct err *err);

#endif
