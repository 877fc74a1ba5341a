#include "base/json_read.h"

#include "base/hex.h"

/* What is between the quotes, escapes unresolved. Empty for anything but a string. */
static bytes inside(json value)
{
    if (!json_is(value, JSON_STRING))
        return BYTES_EMPTY;
    return (bytes){value.text.data + 1, value.text.size - 2};
}

enum status json_read_number(json value, u256 *out)
{
    if (json_is(value, JSON_NUMBER))
        return hex_read_number(value.text, out);
    return hex_read_number(inside(value), out);
}

enum status json_read_number_u64(json value, u64 *out)
{
    u256 wide;
    TRY(json_read_number(value, &wide));
    *out = wide.w[0];
    return u256_fits_u64(wide) ? ST_OK : ST_INVALID;
}

enum status json_read_hex(json value, bytes *out, struct arena *arena)
{
    if (!json_is(value, JSON_STRING))
        return ST_INVALID;
    return hex_read(inside(value), out, arena);
}

enum status json_read_fixed(json value, u8 *to, usize size)
{
    if (!json_is(value, JSON_STRING))
        return ST_INVALID;
    return hex_read_fixed(inside(value), to, size);
}

enum status json_read_word(json value, hash32 *out)
{
    u8 memory[sizeof(out->b) + 1]; /* what 66 characters without a prefix would make */
    struct arena tmp = arena_over(memory, sizeof(memory));
    bytes text = inside(value), word;
    if (!json_is(value, JSON_STRING) || text.size > 2 * sizeof(memory))
        return ST_INVALID;
    TRY(hex_read(text, &word, &tmp));
    if (word.size > sizeof(out->b))
        return ST_INVALID;
    *out = (hash32){0};
    bytes_copy(out->b + sizeof(out->b) - word.size, word);
    return ST_OK;
}
