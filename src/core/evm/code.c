#include "evm/state.h"

enum { JUMPDEST = 0x5b, PUSH1 = 0x60, PUSH32 = 0x7f };

void code_init(struct code *code, bytes in, struct arena *arena)
{
    assert(in.size <= UINT32_MAX - CODE_PADDING);
    u8 *copy = ARENA_TAKE(arena, u8, in.size + CODE_PADDING);
    bytes_copy(copy, in);
    memset(copy + in.size, 0, CODE_PADDING);
    *code = (struct code){
        .bytes = copy,
        .size = (u32)in.size,
        .landings = ARENA_NEW(arena, u8, in.size),
    };
}

/* Boundaries are found only up to the farthest jump: most calls run a small part of their code. */
bool code_find_landing(struct code *code, u64 at)
{
    if (at >= code->size || code->bytes[at] != JUMPDEST)
        return false;
    u32 here = code->analysed;
    while (here <= at) {
        u8 op = code->bytes[here];
        if (op == JUMPDEST)
            code->landings[here] = 1;
        here += op >= PUSH1 && op <= PUSH32 ? (u32)(op - PUSH1) + 2 : 1;
    }
    code->analysed = here;
    return code->landings[at] != 0;
}
