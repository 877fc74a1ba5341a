#include "evm/internal.h"

/* Yellow Paper, appendix H: linear, plus quadratic. Below 2^36 words neither term overflows. */
static i64 memory_cost(u64 word_count)
{
    return (i64)(GAS_MEMORY_WORD * word_count + word_count * word_count / 512);
}

i64 memory_grow(struct frame *f, u256 offset, u64 size, i64 gas)
{
    u64 end;
    if (!u256_fits_u64(offset) || __builtin_add_overflow(offset.w[0], size, &end) ||
        end > (u64)1 << 40)
        return -1; /* costs more than any gas limit */
    u64 new_size = (end + 31) / 32 * 32;
    if (new_size <= f->memory_size)
        return gas;
    gas -= memory_cost(new_size / 32) - memory_cost(f->memory_size / 32);
    if (gas < 0)
        return gas;
    if (new_size > (u64)(f->evm->memory_end - f->memory))
        return -1; /* evm_new reserves for all the gas, up to what it calls no machine's memory */
    memset(f->memory + f->memory_size, 0, new_size - f->memory_size);
    f->memory_size = new_size;
    return gas;
}

void memory_copy(struct frame *f, u256 to, bytes from, u256 offset, u64 size)
{
    if (size == 0)
        return;
    bytes part = u256_fits_u64(offset) ? bytes_slice(from, offset.w[0], size) : BYTES_EMPTY;
    u8 *at = f->memory + to.w[0];
    bytes_copy(at, part);
    memset(at + part.size, 0, size - part.size);
}
