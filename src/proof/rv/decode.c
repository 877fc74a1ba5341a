#include "rv/internal.h"

/* The instruction formats of chapter 2.2, with shifts told apart by the width of their amount. */
enum format { R, I, S, B, U, J, SHIFT, SHIFTW, WHOLE };

static const u32 masks[] = {
    [R] = 0xfe00707f,     [I] = 0x0000707f,      [S] = 0x0000707f,
    [B] = 0x0000707f,     [U] = 0x0000007f,      [J] = 0x0000007f,
    [SHIFT] = 0xfc00707f, [SHIFTW] = 0xfe00707f, [WHOLE] = 0xffffffff,
};

struct row {
    u32 match;
    enum format format;
};

static const struct row rows[] = {
#define OP(name, match, format, ...) {match, format},
#define VALUE OP
#define JUMP OP
#define BRANCH OP
#define LOAD OP
#define STORE OP
#define NOTHING OP
#define TRAP OP
#include "rv/ops.def"
#undef OP
};

/* Bits [from, from + count) of the word, moved to `to`. */
static u32 bits(u32 word, unsigned from, unsigned count, unsigned to)
{
    return (word >> from & (((u32)1 << count) - 1)) << to;
}

/* Figure 2.4: the pieces of each format's immediate, its sign in bit 31. */
static i32 immediate(u32 word, enum format format)
{
    u32 sign = (u32)((i32)word >> 31); /* all ones if negative */
    switch (format) {
    case I:
        return (i32)word >> 20;
    case S:
        return (i32)(sign << 11 | bits(word, 25, 6, 5) | bits(word, 7, 5, 0));
    case B:
        return (i32)(sign << 12 | bits(word, 7, 1, 11) | bits(word, 25, 6, 5) |
                     bits(word, 8, 4, 1));
    case U:
        return (i32)(word & 0xfffff000);
    case J:
        return (i32)(sign << 20 | bits(word, 12, 8, 12) | bits(word, 20, 1, 11) |
                     bits(word, 21, 10, 1));
    case SHIFT:
    case SHIFTW: /* whose mask leaves no sixth bit */
        return (i32)bits(word, 20, 6, 0);
    case R:
    case WHOLE:
        return 0;
    }
    bug("unknown format");
}

struct rv_op rv_decode(u32 word)
{
    for (usize i = 0; i < countof(rows); i++) {
        if ((word & masks[rows[i].format]) != rows[i].match)
            continue;
        u8 rd = (u8)bits(word, 7, 5, 0);
        return (struct rv_op){
            .code = (u8)i,
            .rd = rd == 0 ? 32 : rd,
            .rs1 = (u8)bits(word, 15, 5, 0),
            .rs2 = (u8)bits(word, 20, 5, 0),
            .immediate = immediate(word, rows[i].format),
        };
    }
    return (struct rv_op){.code = OP_ILLEGAL};
}
