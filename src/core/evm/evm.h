/* The Ethereum Virtual Machine: runs one message (a call or a creation) to its end.
 *
 * Call frames are explicit: a CALL makes a frame on a list and the same loop goes on in it, so the
 * C stack stays flat at any call depth. Nothing here allocates but from the arena of evm_new.
 * Source: Yellow Paper, sections 8 and 9 and appendix H; execution-specs, FORK/vm. */
#ifndef EVM_EVM_H
#define EVM_EVM_H

#include "evm/fork.h"
#include "evm/state.h"

enum evm_halt {
    EVM_RUNNING, /* inside the machine only, as is the next */
    EVM_CALLING,
    EVM_STOP,
    EVM_RETURN,
    EVM_REVERT,
    EVM_OUT_OF_GAS,
    EVM_STACK_UNDERFLOW,
    EVM_STACK_OVERFLOW,
    EVM_BAD_JUMP,
    EVM_BAD_OPCODE,
    EVM_STATIC_WRITE,
    EVM_RETURN_DATA_BOUNDS,
    EVM_CODE_SIZE,
    EVM_CODE_PREFIX, /* EIP-3541 */
    EVM_COLLISION,
    EVM_PRECOMPILE_FAILED,
    EVM_DEPTH,   /* not entered: gas comes back */
    EVM_BALANCE, /* not entered: gas comes back */
};

/* "out of gas", …: for tracers and error messages. */
const char *evm_halt_name(enum evm_halt halt);

/* Whether what the frame did stays. */
static inline bool evm_succeeded(enum evm_halt halt)
{
    return halt == EVM_STOP || halt == EVM_RETURN;
}

struct evm_block_env {
    u64 number;
    u64 timestamp;
    u64 gas_limit;
    address beneficiary;
    u256 base_fee_wei;
    u256 blob_base_fee_wei;
    u256 prev_randao; /* difficulty before the merge */
};

struct evm_tx_env {
    address origin;
    u256 gas_price_wei;
    const hash32 *blob_hashes;
    usize blob_hash_count;
};

struct evm_message {
    bool creates;
    bool is_static;
    address caller;
    address to; /* a creation: the new contract */
    u256 value_wei;
    bytes input; /* a creation: its init code */
    i64 gas;
};

struct evm_result {
    enum evm_halt halt;
    i64 gas_left;
    bytes output; /* lives until the next evm_run */
};

/* Watches every instruction before it runs; see evm_set_tracer. */
struct evm_step {
    u64 pc;
    u8 opcode;
    i64 gas;
    u32 depth; /* 1 is the outermost frame */
    const u256 *top;
    usize stack_count;
    bytes memory;
    bytes return_data;
    address self;
};

struct evm_tracer {
    void *self;
    void (*step)(void *self, const struct evm_step *step);
    /* A frame begins or ends; `result` is NULL when it begins. */
    void (*enter)(void *self, u8 opcode, const struct evm_message *message, u32 depth);
    void (*leave)(void *self, const struct evm_result *result, u32 depth);
};

struct evm;

/* A machine for the block `env`; it may run any number of messages, one after another, whose gas
 * is `max_gas` at most. The rules, the state and the arena must outlive it. */
struct evm *evm_new(const struct rules *rules, const struct evm_block_env *env, struct state *state,
                    i64 max_gas, struct arena *arena);

/* Bytes that evm_new takes from the arena for that much gas: address space, touched as needed. */
usize evm_arena_bound(i64 max_gas);

void evm_set_tx(struct evm *evm, const struct evm_tx_env *tx);
void evm_set_tracer(struct evm *evm, const struct evm_tracer *tracer);

/* Runs a message with transfer of its value. What a transaction does before and after (nonce, fees,
 * access lists) is the caller's. On failure the state is as before. */
struct evm_result evm_run(struct evm *evm, const struct evm_message *message);

/* Runs bare code with `message` as its environment: no value moves, no creation, no precompile.
 * For benchmarks and the VM tests of old. */
struct evm_result evm_run_code(struct evm *evm, const struct evm_message *message, bytes code);

bool evm_is_precompile(const struct rules *rules, address who);

/* The names of opcodes, for tracers; NULL where the byte is none. */
const char *evm_opcode_name(u8 opcode);

/* The address of a contract created by `creator` with its nonce `nonce`, and by CREATE2. */
address evm_create_address(address creator, u64 nonce);
address evm_create2_address(address creator, hash32 salt, bytes init_code);

#endif
