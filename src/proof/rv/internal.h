#ifndef RV_INTERNAL_H
#define RV_INTERNAL_H

#include "rv/rv.h"

/* Names of the table's rows, and of the two that no word decodes to. */
enum op_code {
#define OP(name, ...) OP_##name,
#define VALUE OP
#define JUMP OP
#define BRANCH OP
#define LOAD OP
#define STORE OP
#define NOTHING OP
#define TRAP OP
#include "rv/ops.def"
#undef OP
    OP_ILLEGAL,
    OP_END, /* stands behind the last instruction */
};

/* A decoded instruction. */
struct rv_op {
    u8 code; /* enum op_code */
    u8 rd;   /* 32 instead of 0 */
    u8 rs1;
    u8 rs2;
    i32 immediate;
};

struct rv_op rv_decode(u32 word);

/* A page that something was loaded or stored into. */
struct rv_page {
    u8 bytes[RV_PAGE_SIZE];
    bool writable;
};

void memory_init(struct rv_memory *memory, struct arena *arena);

/* The bytes of the page that holds `at`, for the two caches; NULL with *stop set if the program
 * may not. */
u8 *memory_page_to_load(struct rv_memory *memory, u64 at, enum rv_stop *stop);
u8 *memory_page_to_store(struct rv_memory *memory, u64 at, enum rv_stop *stop);

#endif
