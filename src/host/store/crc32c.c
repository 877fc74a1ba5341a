#include "store/crc32c.h"

#define POLYNOMIAL 0x82f63b78u /* reflected */

u32 crc32c_portable(u32 crc, bytes in)
{
    crc = ~crc;
    for (usize i = 0; i < in.size; i++) {
        crc ^= in.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
    }
    return ~crc;
}

#if defined(__x86_64__)
[[gnu::target("sse4.2")]] static u32 crc32c_sse42(u32 crc, bytes in)
{
    u64 state = ~crc;
    usize i = 0;
    for (; i + 8 <= in.size; i += 8)
        state = __builtin_ia32_crc32di(state, load_le64(in.data + i));
    for (; i < in.size; i++)
        state = __builtin_ia32_crc32qi((u32)state, in.data[i]);
    return ~(u32)state;
}

u32 crc32c(u32 crc, bytes in)
{
    return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(crc, in) : crc32c_portable(crc, in);
}
#elif defined(__aarch64__)
[[gnu::target("+crc")]] static u32 crc32c_armv8(u32 crc, bytes in)
{
    u32 state = ~crc;
    usize i = 0;
    for (; i + 8 <= in.size; i += 8)
        state = __builtin_aarch64_crc32cx(state, load_le64(in.data + i));
    for (; i < in.size; i++)
        state = __builtin_aarch64_crc32cb(state, in.data[i]);
    return ~state;
}

u32 crc32c(u32 crc, bytes in)
{
    return crc32c_armv8(crc, in); /* every server of that kind has it since ARMv8.1 */
}
#else
u32 crc32c(u32 crc, bytes in)
{
    return crc32c_portable(crc, in);
}
#endif
