/* A frame of the machine, and the small inline pieces that its operations share. */
#ifndef EVM_INTERNAL_H
#define EVM_INTERNAL_H

#include "evm/evm.h"
#include "evm/gas.h"

enum {
    STACK_LIMIT = 1024,
    /* Stacks begin at multiples of this, so that the low 16 bits of a pointer to the topmost item
     * are the stack's height in bytes: 0 when empty, 32768 when full. */
    STACK_SPACING = 65536,
};

struct frame {
    /* The interpreter holds these three in registers; stored here whenever it calls out. */
    const u8 *pc;
    u256 *top; /* the topmost item; equals `bottom` when the stack is empty */
    i64 gas;

    u256 *bottom; /* below the first item; see STACK_SPACING */
    u8 *memory;
    u64 memory_size; /* a multiple of 32 */
    struct code *code;
    bytes input;
    bytes output; /* once halted; in memory */
    struct evm *evm;
    struct state_account *self; /* whose storage and balance */
    address caller;
    u256 value_wei;
    bool is_static;
    bool creates;
    u32 depth; /* 0 is the outermost */
    struct state_checkpoint checkpoint;
    /* Where the parent's memory takes what comes back. */
    u64 return_to, return_size;
};

/* What CALL and CREATE ask of the loop in call.c. */
struct pending_call {
    u8 opcode;
    bool creates, is_static;
    bool moves_value; /* CALL and creations */
    struct state_account *self;
    struct state_account *code_from;
    bool is_delegated;  /* EIP-7702: code_from was reached through a delegation */
    address precompile; /* the address called, before delegation */
    address caller;
    u256 value_wei;
    bytes input;
    i64 gas;
    u64 return_to, return_size;
};

struct evm {
    const struct rules *rules;
    enum fork fork;
    const void *labels[256]; /* of interpret.c, which fills them on first use */
    struct evm_block_env env;
    struct evm_tx_env tx;
    struct state *state;
    struct evm_tracer tracer;
    bool traced;
    struct frame *frames; /* MAX_CALL_DEPTH + 1 */
    u8 *stacks;           /* STACK_SPACING bytes for each frame */
    u8 *memory, *memory_end;
    u8 *return_buffer; /* holds return_data */
    usize return_room; /* as much as one frame's memory can be */
    bytes return_data; /* of the last call of the running frame */
    struct pending_call call;
    struct arena scratch; /* for precompiles */
};

static inline bool evm_has(const struct frame *f, enum fork since)
{
    return f->evm->fork >= since;
}

/* Takes gas from the stored register; false: there is too little. */
static inline bool charge(struct frame *f, i64 cost)
{
    f->gas -= cost;
    return f->gas >= 0;
}

static inline i64 words(u64 size)
{
    return (i64)((size + 31) / 32);
}

/* --- Memory. */

/* Grows the memory to reach `size` bytes from `offset` (size not zero); returns the gas left, or
 * negative. Out of line: it is rare. */
i64 memory_grow(struct frame *f, u256 offset, u64 size, i64 gas);

static inline i64 memory_reach(struct frame *f, u256 offset, u64 size, i64 gas)
{
    /* Both below 2^32 is certain where memory reaches that far; else the slow path judges. */
    if (u256_fits_u64(offset) && offset.w[0] <= f->memory_size &&
        size <= f->memory_size - offset.w[0])
        return gas;
    return memory_grow(f, offset, size, gas);
}

/* The same for an operand's range, where a size of zero touches nothing at any offset. */
static inline i64 memory_range(struct frame *f, u256 offset, u256 size, i64 gas)
{
    if (u256_is_zero(size))
        return gas;
    if (!u256_fits_u64(size) || size.w[0] > INT64_MAX)
        return -1;
    return memory_reach(f, offset, size.w[0], gas);
}

/* After memory_range has succeeded. */
static inline bytes memory_bytes(const struct frame *f, u256 offset, u256 size)
{
    return u256_is_zero(size) ? BYTES_EMPTY : (bytes){f->memory + offset.w[0], size.w[0]};
}

/* Copies `size` bytes of `from` at `offset` into memory, zeros where `from` ends. */
void memory_copy(struct frame *f, u256 to, bytes from, u256 offset, u64 size);

/* What a copy of that many bytes costs beside its base; a size that no gas pays for gives a cost
 * that none has. */
static inline i64 copy_cost(u256 size)
{
    if (!u256_fits_u64(size) || size.w[0] > (u64)1 << 56)
        return INT64_MAX;
    return GAS_COPY_WORD * words(size.w[0]);
}

/* --- The parts. */

/* Runs frame `f` until it halts or calls. */
enum evm_halt interpret(struct frame *f);

/* EIP-2929: the cost of touching an account, which becomes warm; 0 before Berlin. */
i64 account_access_cost(struct frame *f, struct state_account *account);

struct precompile_result {
    bool succeeded;
    i64 gas_left;
    bytes output; /* in the arena given */
};

/* Runs the precompile at `who`, which evm_is_precompile has confirmed. */
struct precompile_result precompile_run(const struct rules *rules, address who, bytes input,
                                        i64 gas, struct arena *arena);

#define SLOW_BODY(name) enum evm_halt op_##name(struct frame *f)
#define WORD(...)
#define FAST(...)
#define FLOW(...)
#define PUSH(...)
#define DUP(...)
#define SWAP(...)
#define SLOW(byte, name, in, out, since, gas) SLOW_BODY(name);
#include "evm/opcodes.def"
#undef WORD
#undef FAST
#undef FLOW
#undef PUSH
#undef DUP
#undef SWAP
#undef SLOW

#endif
