/* The interpreter: one case for each row of ops.def. */
#include "rv/internal.h"

__extension__ typedef __int128 i128;

static inline u64 word(u64 value)
{
    return (u64)(i64)(i32)value;
}

static inline u64 high_signed(u64 a, u64 b)
{
    return (u64)((i128)(i64)a * (i64)b >> 64);
}

static inline u64 high_signed_unsigned(u64 a, u64 b)
{
    return (u64)((i128)(i64)a * (i128)b >> 64);
}

/* Division never traps: table 7.1 says what comes out instead. */
static inline u64 divide(u64 a, u64 b)
{
    return b == 0 ? UINT64_MAX : a / b;
}

static inline u64 modulo(u64 a, u64 b)
{
    return b == 0 ? a : a % b;
}

static inline u64 divide_signed(u64 a, u64 b)
{
    if (b == UINT64_MAX)
        return -a; /* also where the quotient does not fit */
    return b == 0 ? UINT64_MAX : (u64)((i64)a / (i64)b);
}

static inline u64 modulo_signed(u64 a, u64 b)
{
    if (b == UINT64_MAX)
        return 0;
    return b == 0 ? a : (u64)((i64)a % (i64)b);
}

/* Where the bytes at `at` are, in a page of the cache or one that `miss` finds; NULL with *stop set
 * if the program may not go there. */
static inline u8 *locate(struct rv_memory *memory, struct rv_cached_page *cache, u64 at, u64 size,
                         u8 *(*miss)(struct rv_memory *, u64, enum rv_stop *), enum rv_stop *stop)
{
    u64 number = at / RV_PAGE_SIZE;
    const struct rv_cached_page *page = &cache[number % RV_CACHED_PAGES];
    if (at % size != 0)
        return NULL;
    u8 *content = page->number == number ? page->bytes : miss(memory, at, stop);
    return content == NULL ? NULL : content + at % RV_PAGE_SIZE;
}

/* The second operand, by format. */
#define OPERAND_R x[op->rs2]
#define OPERAND_I (u64)(i64) op->immediate
#define OPERAND_U OPERAND_I
#define OPERAND_J OPERAND_I
#define OPERAND_SHIFT op->immediate
#define OPERAND_SHIFTW op->immediate

#define OPERANDS(second)                                                                           \
    const u64 a = x[op->rs1], pc = rv->code_start + 4 * (u64)(op - rv->code);                      \
    const __typeof__(second) b = second;                                                           \
    (void)a, (void)b, (void)pc

#define VALUE(name, match, format, expression)                                                     \
    case OP_##name: {                                                                              \
        OPERANDS(OPERAND_##format);                                                                \
        x[op->rd] = expression;                                                                    \
        break;                                                                                     \
    }

#define JUMP(name, match, format, expression)                                                      \
    case OP_##name: {                                                                              \
        OPERANDS(OPERAND_##format);                                                                \
        target = expression;                                                                       \
        x[op->rd] = pc + 4;                                                                        \
        goto jump;                                                                                 \
    }

#define BRANCH(name, match, format, condition)                                                     \
    case OP_##name: {                                                                              \
        OPERANDS(x[op->rs2]);                                                                      \
        if (!(condition))                                                                          \
            break;                                                                                 \
        target = pc + (u64)(i64)op->immediate;                                                     \
        goto jump;                                                                                 \
    }

#define LOAD(name, match, format, type)                                                            \
    case OP_##name: {                                                                              \
        stop = RV_LOAD;                                                                            \
        const u8 *from = locate(memory, memory->loads, x[op->rs1] + (u64)(i64)op->immediate,       \
                                sizeof(type), memory_page_to_load, &stop);                         \
        if (from == NULL)                                                                          \
            goto stopped;                                                                          \
        type value;                                                                                \
        memcpy(&value, from, sizeof(value));                                                       \
        x[op->rd] = (u64)(i64)value;                                                               \
        break;                                                                                     \
    }

#define STORE(name, match, format, type)                                                           \
    case OP_##name: {                                                                              \
        stop = RV_STORE;                                                                           \
        u8 *to = locate(memory, memory->stores, x[op->rs1] + (u64)(i64)op->immediate,              \
                        sizeof(type), memory_page_to_store, &stop);                                \
        if (to == NULL)                                                                            \
            goto stopped;                                                                          \
        type value = (type)x[op->rs2];                                                             \
        memcpy(to, &value, sizeof(value));                                                         \
        break;                                                                                     \
    }

#define NOTHING(name, match, format, nothing)                                                      \
    case OP_##name:                                                                                \
        break;

#define TRAP(name, match, format, why)                                                             \
    case OP_##name:                                                                                \
        stop = why;                                                                                \
        goto stopped;

/* The op at an address, or NULL if there is none. */
static const struct rv_op *op_at(const struct rv *rv, u64 pc)
{
    u64 offset = pc - rv->code_start;
    return offset % 4 == 0 && offset / 4 < rv->code_count ? &rv->code[offset / 4] : NULL;
}

enum rv_stop rv_run(struct rv *rv, u64 max_steps)
{
    u64 *x = rv->x, left = max_steps, target;
    struct rv_memory *memory = &rv->memory;
    enum rv_stop stop;
    const struct rv_op *op = op_at(rv, rv->pc);
    if (op == NULL)
        return RV_JUMP;
    for (; left > 0; left--, op++) {
        switch ((enum op_code)op->code) {
#include "rv/ops.def"
        case OP_ILLEGAL:
            stop = RV_ILLEGAL;
            goto stopped;
        case OP_END:
            stop = RV_JUMP;
            goto stopped;
        }
        continue;
    jump:
        op = op_at(rv, target);
        if (op == NULL) {
            rv->pc = target;
            rv->steps += max_steps - left + 1;
            return RV_JUMP;
        }
        op--; /* the loop goes on behind it */
    }
    stop = RV_STEPS;
stopped:
    rv->pc = rv->code_start + 4 * (u64)(op - rv->code);
    rv->steps += max_steps - left;
    return stop;
}
