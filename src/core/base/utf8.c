#include "base/utf8.h"

usize utf8_size(bytes text)
{
    const u8 *at = text.data;
    if (at[0] < 0x80)
        return 1;
    usize size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || text.size < size)
        return 0;
    /* The second byte is where long forms, surrogates and what is too large show. */
    u8 low = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
    u8 high = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high)
        return 0;
    for (usize i = 2; i < size; i++)
        if (at[i] >> 6 != 2)
            return 0;
    return size;
}

u8 *utf8_put(u8 *to, u32 code)
{
    if (code < 0x80) {
        *to++ = (u8)code;
        return to;
    }
    unsigned more = code >= 0x10000 ? 3 : code >= 0x800 ? 2 : 1;
    static const u8 lead[] = {0, 0xc0, 0xe0, 0xf0};
    *to++ = (u8)(lead[more] | code >> (6 * more));
    while (more-- > 0)
        *to++ = (u8)(0x80 | (code >> (6 * more) & 0x3f));
    return to;
}
