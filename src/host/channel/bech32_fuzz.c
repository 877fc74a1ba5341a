/* Accepted text is written again as it came, in small letters, and any bytes survive the way into
 * text and back. */
#include "channel/bech32.h"

#include "harness/fuzz.h"

static bool is_lower_of(bytes lower, bytes text)
{
    if (lower.size != text.size)
        return false;
    for (usize i = 0; i < text.size; i++)
        if (lower.data[i] != text.data[i] && lower.data[i] != text.data[i] + ('a' - 'A'))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    bytes in = {data, size}, prefix, groups, back;
    if (bech32_decode(in, &prefix, &groups, &arena, NULL) == ST_OK)
        assert(is_lower_of(bech32_encode(prefix, groups, &arena), in));
    bytes text = bech32_encode(BYTES_LIT("lnv"), bech32_groups(in, &arena), &arena);
    assert(bech32_decode(text, &prefix, &groups, &arena, NULL) == ST_OK);
    assert(bech32_bytes(groups, &back, &arena) == ST_OK && bytes_equal(back, in));
    return 0;
}
