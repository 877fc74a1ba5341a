/* Keys as sequences of nibbles, two to a byte, the higher one first. */
#ifndef TRIE_NIBBLES_H
#define TRIE_NIBBLES_H

#include "base/bytes.h"

static inline u8 nibble_at(const u8 *key, usize index)
{
    u8 both = key[index / 2];
    return index % 2 == 0 ? both >> 4 : both & 15;
}

static inline void nibble_put(u8 *key, usize index, u8 nibble)
{
    unsigned shift = index % 2 == 0 ? 4 : 0;
    unsigned other = key[index / 2] & 0xf0u >> shift;
    key[index / 2] = (u8)(other | (unsigned)nibble << shift);
}

/* Index of the first nibble in [from, end) where the keys differ; `end` if there is none. */
static inline usize nibbles_common(const u8 *a, const u8 *b, usize from, usize end)
{
    while (from < end && nibble_at(a, from) == nibble_at(b, from))
        from += from % 2 == 0 && from + 1 < end && a[from / 2] == b[from / 2] ? 2 : 1;
    return from;
}

/* Hex-prefix encoding of nibbles [from, end) of `key`: a flag nibble (2 marks a leaf, 1 an odd
 * count), padding if the count is even, the nibbles. Source: Yellow Paper, appendix C. */
static inline usize hex_prefix_size(usize from, usize end)
{
    return 1 + (end - from) / 2;
}

u8 *hex_prefix_put(u8 *to, const u8 *key, usize from, usize end, bool leaf);

#endif
