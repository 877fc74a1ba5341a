# The first instruction: a stack, and on to C. All other registers are zero.
    .section .text.start
    .globl _start
_start:
    la sp, stack_top
    call guest_main
    ebreak # guest_main does not return
