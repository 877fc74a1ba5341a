/* One call, its arguments, its answer, and the JSON shapes that several methods share. */
#ifndef RPC_INTERNAL_H
#define RPC_INTERNAL_H

#include "rpc/rpc.h"
#include "stf/check.h"
#include "stf/child.h"

#include <pthread.h>
#include <stdatomic.h>

/* JSON-RPC's codes, and the ones that Ethereum's clients added. */
enum {
    RPC_METHOD_NOT_FOUND = -32601,
    RPC_BAD_PARAMS = -32602,
    RPC_INTERNAL = -32603,
    RPC_SERVER = -32000, /* what geth says for everything else */
    RPC_REVERTED = 3,    /* with the revert data */
};

struct filters;

/* Methods by the hash of their name: open addressing, at most a quarter full. */
enum { METHOD_SLOTS = 1024 };

/* The tip that was suggested at a head. */
struct tip_memory {
    pthread_mutex_t lock;
    hash32 head;
    u256 tip_wei;
};

struct rpc {
    struct rpc_services serve;
    struct tip_memory tip;
    struct filters *filters;
    atomic_ullong recover_ns;
    u8 method_slots[METHOD_SLOTS]; /* index + 1; 0: empty */
};

struct rpc_call {
    struct rpc *rpc;
    const struct rpc_services *serve;
    json params;
    const struct net_peer *peer; /* NULL: cannot be notified */
    struct json_out *out;
    struct arena arena;
    struct snapshot at; /* of one head for the whole call; opened by rpc_open */
    bool at_open;
    /* The error, once a handler has failed. code 0: chosen from the status. */
    struct err err;
    int code;
    bytes data;
    bool has_data;
};

/* --- Failing. */

/* Sets code and sentence; returns ST_INVALID. */
[[gnu::format(printf, 3, 4)]] enum status rpc_refuse(struct rpc_call *call, int code,
                                                     const char *format, ...);

/* --- Reading arguments. All fail with RPC_BAD_PARAMS and the index of the argument. */

/* Absent and null are the same: an argument left out. */
json rpc_arg(const struct rpc_call *call, usize index);
bool rpc_has_arg(const struct rpc_call *call, usize index);

enum status rpc_arg_address(struct rpc_call *call, usize index, address *out);
enum status rpc_arg_hash(struct rpc_call *call, usize index, hash32 *out);
/* "0x…" or, as anvil's tools send it, a number. */
enum status rpc_arg_u64(struct rpc_call *call, usize index, u64 *out);
enum status rpc_arg_u256(struct rpc_call *call, usize index, u256 *out);
enum status rpc_arg_bytes(struct rpc_call *call, usize index, bytes *out);
/* *out stays as it is where the argument is left out. */
enum status rpc_arg_bool(struct rpc_call *call, usize index, bool *out);
/* A storage key: up to 32 bytes of hexadecimal, digits left out at the front. */
enum status rpc_read_slot(struct rpc_call *call, json value, hash32 *out);

/* The same for members of an object: `what` names it in the error. False in *found: left out. */
enum status rpc_read_address(struct rpc_call *call, json value, const char *what, address *out);
enum status rpc_read_hash(struct rpc_call *call, json value, const char *what, hash32 *out);
enum status rpc_read_u64(struct rpc_call *call, json value, const char *what, u64 *out);
enum status rpc_read_u256(struct rpc_call *call, json value, const char *what, u256 *out);
enum status rpc_read_bytes(struct rpc_call *call, json value, const char *what, bytes *out);

/* Opens call->at at the head, once. */
enum status rpc_open(struct rpc_call *call);

/* "latest", "pending", "safe", "finalized", "earliest", a number, a hash, or an object of EIP-1898;
 * latest where it is left out. ST_MISSING: there is no such block, with the error already set. */
enum status rpc_arg_block(struct rpc_call *call, usize index, struct block_ref *out);
/* The same by number alone, or by hash alone. */
enum status rpc_arg_block_number(struct rpc_call *call, usize index, struct block_ref *out);
enum status rpc_arg_block_hash(struct rpc_call *call, usize index, struct block_ref *out);
enum status rpc_read_block(struct rpc_call *call, json value, struct block_ref *out);

/* Makes call->at read the state after the block that the argument names. */
enum status rpc_arg_state(struct rpc_call *call, usize index);
enum status rpc_seek_state(struct rpc_call *call, const struct block_ref *ref);
bool rpc_arg_is_pending(const struct rpc_call *call, usize index);

/* The account in the chosen state; a new one where there is none. */
enum status rpc_account(struct rpc_call *call, address who, struct account *out);

/* --- Answering. */

enum status rpc_reply_null(struct rpc_call *call);
enum status rpc_reply_bool(struct rpc_call *call, bool value);
enum status rpc_reply_u64(struct rpc_call *call, u64 value);
enum status rpc_reply_u256(struct rpc_call *call, u256 value);
enum status rpc_reply_bytes(struct rpc_call *call, bytes value);
enum status rpc_reply_text(struct rpc_call *call, const char *text);

/* --- Shapes (shape.c). */

void put_member_u64(struct json_out *out, const char *key, u64 value);
void put_member_u256(struct json_out *out, const char *key, u256 value);
void put_member_hash(struct json_out *out, const char *key, hash32 value);
void put_member_address(struct json_out *out, const char *key, address value);
void put_member_bytes(struct json_out *out, const char *key, bytes value);
void put_member_null(struct json_out *out, const char *key);

/* Where a transaction stands; NULL: pending. */
struct tx_place {
    const struct header *header;
    hash32 block_hash;
    u64 index;
    const struct child_attributes *attributes; /* for receipts on a child chain; else NULL */
};
/* A deposit's nonce is the one of its receipt (block_ref_read, block_ref_tx). */
void put_tx(struct json_out *out, const struct tx *tx, const struct tx_place *place);
void put_access_list(struct json_out *out, const struct access_entry *list, usize count);

/* Members of a header, without the braces, so that a block can go on after them. */
void put_header_members(struct json_out *out, const struct header *header, hash32 hash);
void put_header(struct json_out *out, const struct header *header, hash32 hash);
void put_block(struct json_out *out, const struct stored_block *block, bool full, struct arena tmp);

struct log_place {
    const struct tx_place *tx;
    hash32 tx_hash;
    u64 log_index; /* in the block */
    bool removed;
};
void put_log(struct json_out *out, const struct log *log, const struct log_place *place);
/* `blob_fee_wei` is the block's price; `first_log` counts the logs before in the block. */
void put_receipt(struct json_out *out, const struct receipt *receipt, const struct tx *tx,
                 const struct tx_place *place, u256 blob_fee_wei, u64 first_log);

/* --- Fees (eth/fee.c). */

/* The rules of a block that is there, and of the one after it. */
struct rules rpc_rules(const struct rpc_call *call, const struct header *header);
struct rules rpc_next_rules(const struct rpc_call *call, const struct header *header);
/* 0 before Cancun. */
u256 rpc_blob_fee(const struct rpc_call *call, const struct header *header);
/* The base fee of the block after `header`; 0 before London. On a child chain it is not below the
 * floor of the head: call->at must be open. */
u256 rpc_next_base_fee(const struct rpc_call *call, const struct header *header);
/* A tip that recent blocks took. */
enum status rpc_suggest_tip(struct rpc_call *call, u256 *out);

/* --- Messages (message.c): the transaction objects of eth_call, eth_sendTransaction, … */

struct message {
    struct tx tx; /* `creates` where there is no `to`; data, lists and fees as given */
    bool has_from, has_gas, has_nonce, has_fees, has_price, has_max_fee, has_tip, has_chain_id;
};

/* Reads argument `index`. Fee fields are checked against each other; the type follows from them. */
enum status rpc_arg_message(struct rpc_call *call, usize index, struct message *out);

/* --- Execution outside blocks (execute.c). */

/* The most gas that a call may ask for. */
#define RPC_CALL_GAS ((u64)50000000)

struct execution {
    struct rules rules;
    struct header header;   /* of the block whose state is read; its environment */
    struct state_view view; /* overrides on top of call->at */
};

/* The block of argument `block_index`, state overrides of `block_index` + 1 and block overrides of
 * the one after. */
enum status rpc_arg_execution(struct rpc_call *call, usize block_index, struct execution *out);

/* A message without a sender has the value that it sends: on chains where the zero address is poor,
 * clients that leave the sender out (viem's buildInitiateWithdrawal) could not ask at all. */
void rpc_fund_nobody(struct rpc_call *call, const struct message *message, struct execution *in);

/* Runs the message. ST_OK with any halt; ST_INVALID: it could not be in a block. */
enum status rpc_execute(struct rpc_call *call, const struct execution *in, const struct tx *tx,
                        const struct evm_tracer *tracer, struct stf_call_result *out);

/* Sets the error of a failed execution: code 3 with data for a revert. */
enum status rpc_refuse_halt(struct rpc_call *call, const struct stf_call_result *result);

/* The least gas with which the message succeeds, within 1.5 %. */
enum status rpc_estimate(struct rpc_call *call, const struct execution *in,
                         const struct message *message, u64 *gas);

/* --- Logs (eth/logs.c). */

enum {
    MAX_CRITERIA = 1000,  /* addresses, and topics at one position */
    RPC_MAX_LOGS = 20000, /* in one answer */
};

/* Which logs are wanted. Lists empty: any. */
struct log_criteria {
    const address *who;
    usize who_count;
    const hash32 *topics[4];
    usize topic_counts[4];
    usize position_count; /* a log needs this many topics */
};

/* `address` and `topics` of a filter object, in `arena`. */
enum status rpc_read_criteria(struct rpc_call *call, json filter, struct log_criteria *out);
bool log_matches(const struct log_criteria *criteria, const struct log *log);
bool bloom_may_match(void *criteria, const bloom256 *bloom);

/* Calls `log` for each match in one block, until it fails. ST_MISSING: no receipts are kept. */
struct log_visitor {
    void *self;
    enum status (*log)(void *self, const struct log *log, const struct log_place *place);
};
enum status rpc_each_block_log(struct rpc_call *call, const struct block_ref *ref, bool removed,
                               const struct log_criteria *criteria, struct log_visitor visitor);

/* Appends the matching logs of one block; *left counts down, and reaching 0 is ST_FULL. */
enum status rpc_put_block_logs(struct rpc_call *call, const struct block_ref *ref, bool removed,
                               const struct log_criteria *criteria, usize *left);
/* What the arguments of eth_getLogs ask for. */
enum status rpc_put_logs(struct rpc_call *call, json filter, const struct log_criteria *criteria);

/* --- Sending (eth/send.c). */

/* The receipt of an included transaction. ST_MISSING: not in a block. */
enum status rpc_put_receipt_of(struct rpc_call *call, hash32 hash);

/* --- Handlers, one a row of methods.def. */

#define RPC(name, handler, space, heavy) enum status handler(struct rpc_call *call);
#include "rpc/methods.def"
#undef RPC

#endif
