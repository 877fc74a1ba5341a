/* A RISC-V machine: RV64IM, one hart, bare metal, nothing else. No compressed instructions, no
 * control registers, no interrupts, no devices. It runs the guest (core compiled for RISC-V), and
 * is the reference for whatever proves such runs later, so it has no behaviour left open:
 *
 * - Code lies in one executable segment, which cannot be written: it is decoded once, when it is
 *   loaded. Jumping out of it stops the machine.
 * - Loads and stores are naturally aligned; others stop the machine (compile with -mstrict-align).
 * - Memory is RV_MEMORY_SIZE bytes, zero where nothing was loaded or stored. It is kept in pages
 *   that take room only once they are written.
 * - ECALL and EBREAK stop the machine, with pc at the instruction; FENCE does nothing.
 *
 * Source: The RISC-V Instruction Set Manual, volume I, 20191213, chapters 2, 5 and 7. */
#ifndef RV_RV_H
#define RV_RV_H

#include "base/arena.h"
#include "base/status.h"

#define RV_MEMORY_SIZE ((u64)1 << 36)
enum { RV_PAGE_SIZE = 4096 };

/* Numbers of the registers that calls use, as the standard calling convention names them. */
enum { RV_SP = 2, RV_A0 = 10, RV_A1, RV_A2, RV_A7 = 17 };

/* Why it stopped; in each case pc is at the instruction that could not be completed. */
enum rv_stop {
    RV_STEPS, /* as many instructions as were allowed have run; it may go on */
    RV_ECALL,
    RV_EBREAK,
    RV_ILLEGAL, /* no instruction of RV64IM */
    RV_JUMP,    /* the next instruction is not inside the code; pc is where it would be */
    RV_LOAD,    /* unaligned, or outside memory */
    RV_STORE,   /* unaligned, outside memory, or what was loaded as read-only */
    RV_FULL,    /* the arena has no room for another page */
};

const char *rv_stop_name(enum rv_stop stop);

struct rv_op;
struct rv_page;

/* The last pages used, so that most accesses need no walk through the table. */
enum { RV_CACHED_PAGES = 64 };
struct rv_cached_page {
    u64 number;
    u8 *bytes;
};

struct rv_memory {
    struct rv_page **table[4096]; /* by the upper 12 bits of a page's number, then the lower 12 */
    struct rv_cached_page loads[RV_CACHED_PAGES];
    struct rv_cached_page stores[RV_CACHED_PAGES];
    struct rv_page *zeros; /* what is read where nothing was written */
    struct arena *arena;
};

struct rv {
    u64 pc;
    u64 x[33]; /* x[0] is zero; x[32] takes what is written to register 0 */
    u64 steps; /* instructions completed */
    const struct rv_op *code;
    u64 code_start;
    u64 code_count;
    struct rv_memory memory;
};

/* Loads a static ELF executable. The machine's pages and code live in `arena`.
 * ST_INVALID: not such a file, or its segments break a rule above. ST_FULL: no room in `arena`. */
enum status rv_load(struct rv *rv, bytes elf, struct arena *arena, struct err *err);

/* Runs at most `max_steps` instructions. */
enum rv_stop rv_run(struct rv *rv, u64 max_steps);

/* The host's hands in memory, between runs. Of one page all is writable to
 * the program, or nothing.
 * ST_INVALID: not inside memory, or on a page of the other kind. ST_FULL: no room for the pages. */
enum status rv_write(struct rv *rv, u64 at, bytes from, bool writable);
enum status rv_read(const struct rv *rv, u64 at, u8 *to, usize size);

#endif
