/* The bare-metal side: where the input lies, where memory is, how to stop. */
#include "guest.h"

void guest_main(void);

/* Registers at an ECALL: a0 the output's address, a1 its size. */
static _Noreturn void halt(const struct guest_output *output)
{
    register const void *a0 __asm__("a0") = output;
    register u64 a1 __asm__("a1") = sizeof(*output);
    __asm__ volatile("ecall" : : "r"(a0), "r"(a1) : "memory");
    __builtin_unreachable();
}

/* Registers at an EBREAK: a0 the file's name, a1 the line, a2 the broken promise. */
_Noreturn void bug_at(const char *file, int line, const char *what)
{
    register const char *a0 __asm__("a0") = file;
    register long a1 __asm__("a1") = line;
    register const char *a2 __asm__("a2") = what;
    __asm__ volatile("ebreak" : : "r"(a0), "r"(a1), "r"(a2) : "memory");
    __builtin_unreachable();
}

void guest_main(void)
{
    struct guest_output output;
    const u8 *input = (const u8 *)GUEST_INPUT;
    struct arena witness_arena = arena_over((void *)GUEST_WITNESS_ARENA, GUEST_WITNESS_ARENA_SIZE);
    struct arena block_arena = arena_over((void *)GUEST_BLOCK_ARENA, GUEST_BLOCK_ARENA_SIZE);
    guest_run((bytes){input + 8, load_le64(input)}, &output, &witness_arena, &block_arena);
    halt(&output);
}
