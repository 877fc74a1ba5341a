/* The interpreter's loop. Each opcode is a label; after its body the next one's label is fetched
 * from the machine's table and jumped to, so that the processor predicts each jump by itself. An
 * opcode whose fork has not come has the label of a bad one.
 *
 * Three registers live in locals: `pc` at the running opcode, `top` at the topmost stack item,
 * `gas`. SLOW bodies get them through the frame. */
#if !defined(__clang__)
/* Otherwise gcc keeps pc and top in one vector register, and shares the ends of bodies. */
#pragma GCC optimize("no-tree-slp-vectorize", "no-crossjumping")
#endif

#include "evm/internal.h"
#include "evm/ops_fast.h"
#include "evm/ops_word.h"

#pragma GCC diagnostic ignored "-Wpedantic"      /* labels as values */
#pragma GCC diagnostic ignored "-Woverride-init" /* rows over the tables' default */

/* In bytes. */
static inline u16 stack_height(const u256 *top)
{
    return (u16)(usize)top;
}

enum { ITEM = sizeof(u256), FULL = STACK_LIMIT * ITEM };

static_assert((int)FULL < (int)STACK_SPACING, "a full stack is told from an empty one");

/* What every opcode asks: enough items, room for more, and gas for its fixed cost. */
#define ENTER(in, out, cost)                                                                       \
    do {                                                                                           \
        if ((in) > 0 && stack_height(top) < (in)*ITEM)                                             \
            goto underflow;                                                                        \
        if ((out) > (in) && stack_height(top) > FULL - ((out) - (in)) * ITEM)                      \
            goto overflow;                                                                         \
        gas -= (cost);                                                                             \
        if (gas < 0)                                                                               \
            goto out_of_gas;                                                                       \
    } while (0)

#define NEXT(length)                                                                               \
    do {                                                                                           \
        pc += (length);                                                                            \
        goto next;                                                                                 \
    } while (0)

/* What lies behind a PUSH, read as a big-endian number; `count` is a constant at each use. */
static inline u256 push_data(const u8 *at, unsigned count)
{
    if (count == 32)
        return u256_load_be(at);
    u256 out = U256_ZERO;
    unsigned whole = count / 8, rest = count % 8;
    u64 high = 0;
    for (unsigned i = 0; i < rest; i++)
        high = high << 8 | at[i];
    out.w[whole] = high;
    for (unsigned i = 0; i < whole; i++)
        out.w[whole - 1 - i] = load_be64(at + rest + 8 * i);
    return out;
}

static void trace_step(struct frame *f)
{
    const struct evm *evm = f->evm;
    struct evm_step step = {
        .pc = (u64)(f->pc - f->code->bytes),
        .opcode = *f->pc,
        .gas = f->gas,
        .depth = f->depth + 1,
        .top = f->top,
        .stack_count = (usize)(f->top - f->bottom),
        .memory = {f->memory, f->memory_size},
        .return_data = evm->return_data,
        .self = f->self->who,
    };
    evm->tracer.step(evm->tracer.self, &step);
}

enum evm_halt interpret(struct frame *f)
{
    /* Each opcode's label, and the fork that brought it. */
#define WORD(byte, name, in, out, since, gas) [byte] = &&do_##name,
#define FAST WORD
#define SLOW WORD
#define FLOW WORD
#define PUSH(byte, n) [byte] = &&do_PUSH##n,
#define DUP(byte, n) [byte] = &&do_DUP##n,
#define SWAP(byte, n) [byte] = &&do_SWAP##n,
    static const void *const every[256] = {
        [0 ... 255] = &&bad,
#include "evm/opcodes.def"
    };
#undef WORD
#undef PUSH
#undef DUP
#undef SWAP
#define WORD(byte, name, in, out, since, gas) [byte] = since,
#define PUSH(byte, n)
#define DUP(byte, n)
#define SWAP(byte, n)
    static const u8 came_with[256] = {
#include "evm/opcodes.def"
    };
#undef WORD
#undef FAST
#undef SLOW
#undef FLOW
#undef PUSH
#undef DUP
#undef SWAP
    static const void *const traced[256] = {[0 ... 255] = &&trace};

    struct evm *evm = f->evm;
    if (evm->labels[0] == NULL) { /* once: the labels of this machine's fork */
        memcpy(evm->labels, every, sizeof(every));
        for (usize i = 0; i < countof(every); i++)
            if (came_with[i] > evm->fork)
                evm->labels[i] = &&bad;
    }
    const void *const *const labels = evm->traced ? traced : evm->labels;
    const u8 *pc = f->pc;
    u256 *top = f->top;
    i64 gas = f->gas;
    enum evm_halt halt;

next: /* the compiler puts a copy of this jump behind each body */
    goto *labels[*pc];

#define WORD(byte, name, in, out, since, cost)                                                     \
    do_##name : ENTER(in, out, cost);                                                              \
    op_##name(top);                                                                                \
    top += (out) - (in);                                                                           \
    NEXT(1);
#define FAST(byte, name, in, out, since, cost)                                                     \
    do_##name : ENTER(in, out, cost);                                                              \
    gas = op_##name(f, top, gas);                                                                  \
    if (gas < 0)                                                                                   \
        goto out_of_gas;                                                                           \
    top += (out) - (in);                                                                           \
    NEXT(1);
#define SLOW(byte, name, in, out, since, cost)                                                     \
    do_##name : ENTER(in, out, cost);                                                              \
    f->top = top;                                                                                  \
    f->gas = gas;                                                                                  \
    f->pc = pc + 1; /* where a frame that calls goes on */                                         \
    halt = op_##name(f);                                                                           \
    gas = f->gas;                                                                                  \
    top += (out) - (in);                                                                           \
    if (halt != EVM_RUNNING)                                                                       \
        goto leave;                                                                                \
    NEXT(1);
#define FLOW(byte, name, in, out, since, cost)
#define PUSH(byte, n)                                                                              \
    do_PUSH##n : ENTER(0, 1, GAS_VERY_LOW);                                                        \
    *++top = push_data(pc + 1, n);                                                                 \
    NEXT((n) + 1);
#define DUP(byte, n)                                                                               \
    do_DUP##n : ENTER(n, (n) + 1, GAS_VERY_LOW);                                                   \
    top[1] = top[1 - (n)];                                                                         \
    top++;                                                                                         \
    NEXT(1);
#define SWAP(byte, n)                                                                              \
    do_SWAP##n : ENTER((n) + 1, (n) + 1, GAS_VERY_LOW);                                            \
    {                                                                                              \
        u256 swapped = *top;                                                                       \
        *top = top[-(n)];                                                                          \
        top[-(n)] = swapped;                                                                       \
    }                                                                                              \
    NEXT(1);
#include "evm/opcodes.def"

do_STOP:
    halt = EVM_STOP;
    goto leave;

do_JUMP:
    ENTER(1, 0, GAS_MID);
    if (!u256_fits_u64(*top) || !code_may_jump(f->code, top->w[0]))
        goto bad_jump;
    pc = f->code->bytes + top->w[0];
    top--;
    NEXT(0);

do_JUMPI:
    ENTER(2, 0, GAS_HIGH);
    if (u256_is_zero(top[-1])) {
        top -= 2;
        NEXT(1);
    }
    if (!u256_fits_u64(*top) || !code_may_jump(f->code, top->w[0]))
        goto bad_jump;
    pc = f->code->bytes + top->w[0];
    top -= 2;
    NEXT(0);

do_PC:
    ENTER(0, 1, GAS_BASE);
    *++top = u256_from_u64((u64)(pc - f->code->bytes));
    NEXT(1);

do_JUMPDEST:
    ENTER(0, 0, GAS_JUMPDEST);
    NEXT(1);

trace:
    f->top = top;
    f->gas = gas;
    f->pc = pc;
    trace_step(f);
    goto * f->evm->labels[*pc];

bad:
    halt = EVM_BAD_OPCODE;
    goto leave;
bad_jump:
    halt = EVM_BAD_JUMP;
    goto leave;
underflow:
    halt = EVM_STACK_UNDERFLOW;
    goto leave;
overflow:
    halt = EVM_STACK_OVERFLOW;
    goto leave;
out_of_gas:
    halt = EVM_OUT_OF_GAS;
leave:
    f->top = top;
    f->gas = gas;
    return halt;
}

#undef WORD
#undef FAST
#undef SLOW
#undef FLOW
#undef PUSH
#undef DUP
#undef SWAP

const char *evm_opcode_name(u8 opcode)
{
#define WORD(byte, name, in, out, since, gas) [byte] = #name,
#define FAST WORD
#define SLOW WORD
#define FLOW WORD
#define PUSH(byte, n) [byte] = "PUSH" #n,
#define DUP(byte, n) [byte] = "DUP" #n,
#define SWAP(byte, n) [byte] = "SWAP" #n,
    static const char *const names[256] = {
#include "evm/opcodes.def"
    };
    return names[opcode];
}
