/* The world as one block changes it: what the view holds, what has been written above it, and a
 * journal to take writes back.
 *
 * Reading never fails here: if the view does, the state remembers the status, answers with zeros,
 * and whoever runs the block asks state_status() before believing the outcome.
 *
 * Life: everything lies in the arena given to state_new. Between state_begin_tx and state_end_tx
 * there is one transaction; "warm", "created", "destructed" and "touched" hold for that long, so
 * they are kept as the number of the transaction that set them and need no clearing. */
#ifndef EVM_STATE_H
#define EVM_STATE_H

#include "evm/state_view.h"
#include "types/receipt.h"

/* Code ready to run: padded, so that PUSH may read past its end, with its jump destinations found
 * as far as somebody has asked for them. */
struct code {
    const u8 *bytes;
    u32 size;
    u32 analysed; /* bytes whose instruction boundaries are known */
    u8 *landings; /* for each byte: 1 where a jump may land, as far as analysed */
    hash32 hash;
};

enum { CODE_PADDING = 33 }; /* a PUSH32 as last byte reads 32 zeros and then STOP */

/* Copies `in` with its padding into the arena. */
void code_init(struct code *code, bytes in, struct arena *arena);
/* Analyses as far as `at`. Whether a jump may land there. */
bool code_find_landing(struct code *code, u64 at);

/* Whether `at` is a JUMPDEST that is no PUSH's data. */
static inline bool code_may_jump(struct code *code, u64 at)
{
    return (at < code->size && code->landings[at] != 0) || code_find_landing(code, at);
}

/* The part of an account that the journal restores. */
struct account_now {
    u64 nonce;
    u256 balance_wei;
    hash32 code_hash;
    struct code *code; /* NULL until asked for */
    u32 warm_tx;
    u32 touched_tx; /* EIP-161 */
    u32 created_tx; /* EIP-6780 */
    u32 destructed_tx;
    bool exists; /* before EIP-161 an account may exist and be empty */
};

struct state_account {
    address who;
    bool existed;        /* when the block began */
    bool storage_wiped;  /* destructed in this block: what the view holds is gone */
    u32 listed_tx;       /* last transaction that put it on its list of touched accounts */
    struct account base; /* when the block began */
    struct account_now now;
    struct state_slot *slots;          /* all that were looked at, for the diff */
    struct state_account *next;        /* of all accounts */
    struct state_account *next_listed; /* of those that state_end_tx looks at */
};

struct state_slot {
    struct state_account *account;
    u256 key;
    bool transient; /* EIP-1153: a world of its own, emptied by every transaction */
    u32 seen_tx;
    u32 warm_tx;
    u256 base;     /* when the block began */
    u256 original; /* when the transaction began (EIP-2200) */
    u256 current;
    struct state_slot *next;
};

struct state_checkpoint {
    usize journal;
    usize logs;
    i64 refund;
};

struct state;

/* `seed` makes the hash tables unpredictable to whoever chose the keys; anything that the senders
 * of this block's transactions could not know (the parent's hash) serves. */
struct state *state_new(const struct state_view *view, u64 seed, struct arena *arena);

/* The first failure of the view, or ST_OK. */
enum status state_status(const struct state *state);

void state_begin_tx(struct state *state);
/* Deletes what destructed itself and, since EIP-161, touched accounts that are empty. */
void state_end_tx(struct state *state, bool delete_empty);

struct state_checkpoint state_checkpoint(const struct state *state);
void state_revert(struct state *state, struct state_checkpoint to);

/* --- Accounts. The pointer stays valid for the whole block. */

struct state_account *state_account(struct state *state, address who);
/* EIP-161. */
bool state_is_dead(const struct state_account *account);
/* EIP-684 and EIP-7610: a contract may not be created here. */
bool state_is_taken(const struct state_account *account);
/* True if it was warm already (EIP-2929). */
bool state_warm_account(struct state *state, struct state_account *account);
void state_touch(struct state *state, struct state_account *account);
void state_set_exists(struct state *state, struct state_account *account);
void state_set_nonce(struct state *state, struct state_account *account, u64 nonce);
void state_set_balance(struct state *state, struct state_account *account, u256 wei);
/* Adding wraps only where more than all ether moves; taking asserts that it is there. */
void state_add_balance(struct state *state, struct state_account *account, u256 wei);
void state_take_balance(struct state *state, struct state_account *account, u256 wei);
void state_set_created(struct state *state, struct state_account *account);
bool state_was_created(const struct state *state, const struct state_account *account);
/* Marks for deletion; true if it was not marked before. */
bool state_destruct(struct state *state, struct state_account *account);

struct code *state_code(struct state *state, struct state_account *account);
void state_set_code(struct state *state, struct state_account *account, bytes code);
/* The code of an account as bytes; empty where it has none. */
bytes state_code_bytes(struct state *state, struct state_account *account);
/* EIP-7702: whether its code is a delegation, and to whom. */
bool state_delegation(struct state *state, struct state_account *account, address *to);

/* --- Storage. */

struct state_slot *state_slot(struct state *state, struct state_account *account, u256 key);
struct state_slot *state_transient(struct state *state, struct state_account *account, u256 key);
bool state_warm_slot(struct state *state, struct state_slot *slot);
void state_set_slot(struct state *state, struct state_slot *slot, u256 value);

hash32 state_block_hash(struct state *state, u64 number);

/* --- Logs and refunds of the running transaction. */

/* `data` and topics are copied. */
void state_log(struct state *state, const struct log *log);
const struct log *state_logs(const struct state *state, usize *count);
void state_add_refund(struct state *state, i64 gas);
i64 state_refund(const struct state *state);

/* All that differs from the view, in the order that the tries want. Lives in `arena`. */
void state_diff(struct state *state, struct diff *out, struct arena *arena);

#endif
