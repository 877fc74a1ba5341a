#include "evm/state.h"

enum { JUMPDEST = 0x5b, PUSH1 = 0x60, PUSH32 = 0x7f };

static usize bitmap_words(usize size)
{
    return size / 64 + 1;
}

usize code_room(usize size)
{
    return size + CODE_PADDING + 8 + bitmap_words(size) * sizeof(u64);
}

void code_init(struct code *code, bytes in, struct arena *arena)
{
    assert(in.size <= UINT32_MAX - CODE_PADDING);
    u8 *copy = ARENA_TAKE(arena, u8, in.size + CODE_PADDING);
    bytes_copy(copy, in);
    memset(copy + in.size, 0, CODE_PADDING);
    *code = (struct code){
        .bytes = copy,
        .size = (u32)in.size,
        .jumpdests = ARENA_NEW(arena, u64, bitmap_words(in.size)),
    };
}

/* Boundaries are found only up to the farthest jump: most calls run a small part of their code. */
static void analyse(struct code *code, u32 beyond)
{
    u32 at = code->analysed;
    while (at <= beyond) {
        u8 op = code->bytes[at];
        if (op == JUMPDEST)
            code->jumpdests[at / 64] |= (u64)1 << (at % 64);
        else if (op >= PUSH1 && op <= PUSH32)
            at += (u32)(op - PUSH1) + 1;
        at++;
    }
    code->analysed = at;
}

bool code_may_jump(struct code *code, u64 at)
{
    if (at >= code->size || code->bytes[at] != JUMPDEST)
        return false;
    if (at >= code->analysed)
        analyse(code, (u32)at);
    return (code->jumpdests[at / 64] >> (at % 64) & 1) != 0;
}
