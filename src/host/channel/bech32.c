#include "channel/bech32.h"

static const char CHARSET[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

enum { NO_GROUP = 32 };

static u8 group_of(u8 c)
{
    const char *at = c == 0 ? NULL : strchr(CHARSET, c);
    return at == NULL ? NO_GROUP : (u8)(at - CHARSET);
}

/* --- The checksum: a BCH code over groups, which begins at 1 and ends at its constant. */

enum { BECH32M = 0x2bc830a3 };

static u32 checksum_step(u32 sum, u8 group)
{
    static const u32 generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
    u32 top = sum >> 25;
    sum = (sum & 0x1ffffff) << 5 ^ group;
    for (usize i = 0; i < countof(generator); i++)
        if (top >> i & 1)
            sum ^= generator[i];
    return sum;
}

static u32 checksum_of(bytes prefix, bytes groups)
{
    u32 sum = 1;
    for (usize i = 0; i < prefix.size; i++)
        sum = checksum_step(sum, prefix.data[i] >> 5);
    sum = checksum_step(sum, 0);
    for (usize i = 0; i < prefix.size; i++)
        sum = checksum_step(sum, prefix.data[i] & 31);
    for (usize i = 0; i < groups.size; i++)
        sum = checksum_step(sum, groups.data[i]);
    return sum;
}

/* --- Text. */

static bool is_capital(u8 c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_small(u8 c)
{
    return c >= 'a' && c <= 'z';
}

bytes bech32_encode(bytes prefix, bytes groups, struct arena *arena)
{
    assert(prefix.size > 0 && prefix.size <= BECH32_PREFIX_LIMIT);
    usize size = prefix.size + 1 + groups.size + BECH32_CHECKSUM_SIZE;
    u8 *text = ARENA_TAKE(arena, u8, size), *at = text + prefix.size;
    bytes_copy(text, prefix);
    *at++ = '1';
    for (usize i = 0; i < groups.size; i++) {
        assert(groups.data[i] < NO_GROUP);
        *at++ = (u8)CHARSET[groups.data[i]];
    }
    u32 sum = checksum_of(prefix, groups);
    for (usize i = 0; i < BECH32_CHECKSUM_SIZE; i++)
        sum = checksum_step(sum, 0);
    sum ^= BECH32M;
    for (usize i = BECH32_CHECKSUM_SIZE; i-- > 0;)
        *at++ = (u8)CHARSET[sum >> (5 * i) & 31];
    return (bytes){text, size};
}

/* One case for all of it, nothing unprintable. */
static enum status check_text(bytes text, struct err *err)
{
    bool capital = false, small = false;
    for (usize i = 0; i < text.size; i++) {
        u8 c = text.data[i];
        if (c < 0x21 || c > 0x7e)
            return fail(err, ST_INVALID, "character %zu cannot be in bech32 text", i + 1);
        capital |= is_capital(c);
        small |= is_small(c);
    }
    if (capital && small)
        return fail(err, ST_INVALID, "capital and small letters are mixed");
    return ST_OK;
}

static enum status decode_lower(bytes text, bytes *prefix, bytes *groups, u8 *out, struct err *err)
{
    usize size = text.size;
    while (size > 0 && text.data[size - 1] != '1')
        size--;
    if (size < 2 || size - 1 > BECH32_PREFIX_LIMIT)
        return fail(err, ST_INVALID, "bech32 text needs a prefix and a \"1\" after it");
    if (text.size - size < BECH32_CHECKSUM_SIZE)
        return fail(err, ST_INVALID, "bech32 text is cut short");
    for (usize i = size; i < text.size; i++) {
        out[i] = group_of(text.data[i]);
        if (out[i] == NO_GROUP)
            return fail(err, ST_INVALID, "character %zu cannot be in bech32 data", i + 1);
    }
    *prefix = bytes_slice(text, 0, size - 1);
    *groups = (bytes){out + size, text.size - size};
    if (checksum_of(*prefix, *groups) != BECH32M)
        return fail(err, ST_INVALID, "the checksum is wrong: a typing error, or a part is missing");
    groups->size -= BECH32_CHECKSUM_SIZE;
    return ST_OK;
}

enum status bech32_decode(bytes text, bytes *prefix, bytes *groups, struct arena *arena,
                          struct err *err)
{
    TRY(check_text(text, err));
    /* Groups replace the characters that they are read from; the prefix stays before them. */
    u8 *lower = ARENA_TAKE(arena, u8, text.size);
    for (usize i = 0; i < text.size; i++)
        lower[i] = (u8)(is_capital(text.data[i]) ? text.data[i] + ('a' - 'A') : text.data[i]);
    return decode_lower((bytes){lower, text.size}, prefix, groups, lower, err);
}

/* --- Eight bits and five. */

bytes bech32_groups(bytes in, struct arena *arena)
{
    usize count = (in.size * 8 + 4) / 5;
    u8 *out = ARENA_TAKE(arena, u8, count), *at = out;
    u32 held = 0, bits = 0;
    for (usize i = 0; i < in.size; i++) {
        held = (held << 8 | in.data[i]) & 0xfff;
        for (bits += 8; bits >= 5; bits -= 5)
            *at++ = (u8)(held >> (bits - 5) & 31);
    }
    if (bits > 0)
        *at++ = (u8)(held << (5 - bits) & 31);
    return (bytes){out, count};
}

enum status bech32_bytes(bytes groups, bytes *out, struct arena *arena)
{
    u8 *to = ARENA_TAKE(arena, u8, groups.size * 5 / 8), *at = to;
    u32 held = 0, bits = 0;
    for (usize i = 0; i < groups.size; i++) {
        held = (held << 5 | groups.data[i]) & 0xfff;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            *at++ = (u8)(held >> bits);
        }
    }
    if (bits >= 5 || (held & ((1u << bits) - 1)) != 0)
        return ST_INVALID;
    *out = (bytes){to, groups.size * 5 / 8};
    return ST_OK;
}
