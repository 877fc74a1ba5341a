#include "evm/state.h"

enum { JUMPDEST = 0x5b, PUSH1 = 0x60 };

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
    const u8 *text = code->bytes;
    while (here <= at) {
        i8 op = (i8)text[here]; /* as a signed byte, PUSHes are the largest */
        if (op >= PUSH1) {
            here += (u32)(op - PUSH1) + 2;
            continue;
        }
        if (op == JUMPDEST)
            code->landings[here] = 1;
        here++;
    }
    code->analysed = here;
    return code->landings[at] != 0;
}
