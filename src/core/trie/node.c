#include "base/rlp.h"
#include "crypto/keccak.h"
#include "trie/internal.h"

u8 *hex_prefix_put(u8 *to, const u8 *key, usize from, usize end, bool leaf)
{
    u8 flags = leaf ? 2 : 0;
    if ((end - from) % 2 == 1)
        *to++ = (u8)((flags | 1) << 4 | nibble_at(key, from++));
    else
        *to++ = (u8)(flags << 4);
    if (from % 2 == 0) {
        bytes_copy(to, (bytes){key + from / 2, (end - from) / 2});
        return to + (end - from) / 2;
    }
    for (; from < end; from += 2)
        *to++ = (u8)(nibble_at(key, from) << 4 | nibble_at(key, from + 1));
    return to;
}

/* One item of a node's list that may be a reference; the two common forms first. */
static enum status read_ref(bytes *in, bytes *out)
{
    if (in->size >= REF_MAX_SIZE && in->data[0] == 0xa0) {
        *out = (bytes){in->data, REF_MAX_SIZE};
    } else if (in->size > 0 && in->data[0] == 0x80) {
        *out = (bytes){in->data, 1};
    } else {
        bytes rest = *in;
        TRY(rlp_read_item(&rest, out));
        if (out->data[0] < 0xc0 || out->size >= 32)
            return ST_INVALID;
    }
    *in = (bytes){in->data + out->size, in->size - out->size};
    return ST_OK;
}

static enum status decode_branch(bytes payload, struct node *out)
{
    out->kind = NODE_BRANCH;
    usize entries = 0;
    for (usize i = 0; i < 16; i++) {
        TRY(read_ref(&payload, &out->child[i]));
        entries += !ref_is_none(out->child[i]);
    }
    TRY(rlp_read_bytes(&payload, &out->value));
    entries += out->value.size > 0;
    return entries >= 2 ? rlp_read_end(payload) : ST_INVALID;
}

static enum status decode_short(bytes payload, struct node *out)
{
    TRY(rlp_read_bytes(&payload, &out->packed));
    if (out->packed.size == 0)
        return ST_INVALID;
    u8 flags = out->packed.data[0] >> 4;
    bool odd = (flags & 1) != 0;
    if (flags > 3 || (!odd && (out->packed.data[0] & 15) != 0))
        return ST_INVALID;
    out->nibbles = 2 * (out->packed.size - 1) + odd;
    if (out->nibbles > TRIE_MAX_PATH)
        return ST_INVALID;
    if ((flags & 2) != 0) {
        out->kind = NODE_LEAF;
        TRY(rlp_read_bytes(&payload, &out->value));
        if (out->value.size == 0)
            return ST_INVALID;
    } else {
        out->kind = NODE_EXTENSION;
        TRY(read_ref(&payload, &out->child[0]));
        if (out->nibbles == 0 || ref_is_none(out->child[0]))
            return ST_INVALID;
    }
    return rlp_read_end(payload);
}

enum status node_decode(bytes rlp, struct node *out)
{
    bytes payload;
    TRY(rlp_read_list(&rlp, &payload));
    TRY(rlp_read_end(rlp));
    /* A list of two starts with hex-prefix bytes, whose first is 0x00 to 0x3f alone or follows a
     * header; counting tells them apart from branches for certain. */
    usize count;
    bytes first = payload, item;
    for (count = 0; count < 3 && first.size > 0; count++)
        TRY(rlp_read_item(&first, &item));
    return count == 2 ? decode_short(payload, out) : decode_branch(payload, out);
}

static usize hex_prefix_rlp_size(usize from, usize end)
{
    usize size = hex_prefix_size(from, end);
    return size == 1 ? 1 : rlp_size_list(size); /* its first byte is below 0x80 */
}

static u8 *put_hex_prefix_rlp(u8 *to, const u8 *key, usize from, usize end, bool leaf)
{
    usize size = hex_prefix_size(from, end);
    if (size > 1)
        *to++ = (u8)(0x80 + size); /* at most 33 bytes: always the short form */
    return hex_prefix_put(to, key, from, end, leaf);
}

bytes leaf_encode(const u8 *key, usize from, usize end, bytes value, struct arena *arena)
{
    usize payload = hex_prefix_rlp_size(from, end) + rlp_size_bytes(value);
    usize size = rlp_size_list(payload);
    u8 *node = ARENA_TAKE(arena, u8, size);
    u8 *to = put_hex_prefix_rlp(rlp_put_list(node, payload), key, from, end, true);
    rlp_put_bytes(to, value);
    return (bytes){node, size};
}

bytes extension_encode(const u8 *key, usize from, usize end, bytes child, struct arena *arena)
{
    usize payload = hex_prefix_rlp_size(from, end) + child.size;
    usize size = rlp_size_list(payload);
    u8 *node = ARENA_TAKE(arena, u8, size);
    u8 *to = put_hex_prefix_rlp(rlp_put_list(node, payload), key, from, end, false);
    bytes_copy(to, child);
    return (bytes){node, size};
}

bytes branch_encode(const bytes child[16], bytes value, struct arena *arena)
{
    usize payload = rlp_size_bytes(value);
    for (usize i = 0; i < 16; i++)
        payload += child[i].size;
    usize size = rlp_size_list(payload);
    u8 *node = ARENA_TAKE(arena, u8, size);
    u8 *to = rlp_put_list(node, payload);
    for (usize i = 0; i < 16; i++) {
        bytes_copy(to, child[i]);
        to += child[i].size;
    }
    rlp_put_bytes(to, value);
    return (bytes){node, size};
}

struct ref ref_from_hash(hash32 hash)
{
    struct ref ref = {.size = REF_MAX_SIZE, .b = {0xa0}};
    memcpy(ref.b + 1, hash.b, sizeof(hash.b));
    return ref;
}

struct ref ref_to_node(bytes rlp)
{
    if (rlp.size >= 32)
        return ref_from_hash(keccak256(rlp));
    struct ref ref = {.size = (u8)rlp.size};
    bytes_copy(ref.b, rlp);
    return ref;
}

void refs_to_nodes(const bytes *rlp, usize count, struct ref *out)
{
    bytes texts[16];
    hash32 hashes[16];
    usize hashed = 0;
    assert(count <= countof(texts));
    for (usize i = 0; i < count; i++)
        if (rlp[i].size >= 32)
            texts[hashed++] = rlp[i];
    if (hashed > 0)
        keccak256_many(texts, hashed, hashes);
    hashed = 0;
    for (usize i = 0; i < count; i++)
        out[i] = rlp[i].size >= 32 ? ref_from_hash(hashes[hashed++]) : ref_to_node(rlp[i]);
}
