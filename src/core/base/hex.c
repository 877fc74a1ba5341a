#include "base/hex.h"

static int digit_value(u8 c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool has_prefix(bytes text)
{
    return text.size >= 2 && text.data[0] == '0' && (text.data[1] == 'x' || text.data[1] == 'X');
}

static bytes without_prefix(bytes text)
{
    return has_prefix(text) ? bytes_slice(text, 2, text.size) : text;
}

void hex_write(char *to, bytes in)
{
    for (usize i = 0; i < in.size; i++) {
        *to++ = "0123456789abcdef"[in.data[i] >> 4];
        *to++ = "0123456789abcdef"[in.data[i] & 15];
    }
}

const char *hex_text(bytes in, struct arena *arena)
{
    char *text = ARENA_TAKE(arena, char, in.size * 2 + 3);
    text[0] = '0';
    text[1] = 'x';
    hex_write(text + 2, in);
    text[2 + in.size * 2] = 0;
    return text;
}

enum status hex_read_fixed(bytes text, u8 *to, usize size)
{
    text = without_prefix(text);
    if (text.size != size * 2)
        return ST_INVALID;
    for (usize i = 0; i < size; i++) {
        int high = digit_value(text.data[2 * i]), low = digit_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return ST_INVALID;
        to[i] = (u8)(high << 4 | low);
    }
    return ST_OK;
}

enum status hex_read(bytes text, bytes *out, struct arena *arena)
{
    text = without_prefix(text);
    if (text.size % 2 != 0)
        return ST_INVALID;
    u8 *to = ARENA_TAKE(arena, u8, text.size / 2);
    *out = (bytes){to, text.size / 2};
    return hex_read_fixed(text, to, text.size / 2);
}

static enum status read_digits(bytes digits, unsigned base, u256 *out)
{
    if (digits.size == 0)
        return ST_INVALID;
    *out = U256_ZERO;
    for (usize i = 0; i < digits.size; i++) {
        int value = digit_value(digits.data[i]);
        if (value < 0 || value >= (int)base)
            return ST_INVALID;
        if (u256_mul_overflow(*out, u256_from_u64(base), out) ||
            u256_add_overflow(*out, u256_from_u64((u64)value), out))
            return ST_INVALID;
    }
    return ST_OK;
}

enum status hex_read_quantity(bytes text, u256 *out)
{
    if (text.size < 3 || text.data[0] != '0' || text.data[1] != 'x')
        return ST_INVALID;
    if (text.data[2] == '0' && text.size > 3)
        return ST_INVALID;
    return read_digits(without_prefix(text), 16, out);
}

enum status hex_read_number(bytes text, u256 *out)
{
    return read_digits(without_prefix(text), has_prefix(text) ? 16 : 10, out);
}

usize hex_write_quantity(char *to, u256 value)
{
    u8 raw[32];
    char digits[64];
    u256_store_be(raw, value);
    hex_write(digits, BYTES_OF(raw));
    usize skip = 0;
    while (skip < 63 && digits[skip] == '0')
        skip++;
    to[0] = '0';
    to[1] = 'x';
    memcpy(to + 2, digits + skip, 64 - skip);
    return 2 + 64 - skip;
}
