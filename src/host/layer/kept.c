#include "layer/kept.h"

#include "crypto/keccak.h"
#include "layer/withdrawal.h"

enum { LENGTH_SIZE = 2 };

hash32 kept_owner(void)
{
    return keccak256(BYTES_OF(CHILD_MESSAGE_PASSER));
}

/* --- Keeping. */

static enum status prove(struct snapshot *at, u64 number, bytes **nodes, usize *count,
                         struct err *err)
{
    struct block_ref ref;
    struct header header;
    TRY(snapshot_ref_by_number(at, number, &ref));
    TRY(block_ref_header(at, &ref, &header, err));
    TRY(snapshot_seek(at, number, err));
    if (!snapshot_has_nodes(at))
        return ST_MISSING;
    struct node_source source = snapshot_nodes(at);
    return trie_prove(&source, (hash32){0}, header.state_root, kept_owner(), nodes, count,
                      at->arena, err);
}

static bytes pack(const bytes *nodes, usize count, struct arena *arena)
{
    usize size = 0;
    for (usize i = 0; i < count; i++)
        size += LENGTH_SIZE + nodes[i].size;
    u8 *out = ARENA_TAKE(arena, u8, size), *at = out;
    for (usize i = 0; i < count; i++) {
        assert(nodes[i].size <= UINT16_MAX);
        at[0] = (u8)(nodes[i].size >> 8);
        at[1] = (u8)nodes[i].size;
        bytes_copy(at + LENGTH_SIZE, nodes[i]);
        at += LENGTH_SIZE + nodes[i].size;
    }
    return (bytes){out, size};
}

enum status kept_put(struct hash_index *index, struct chain *chain, u64 number, hash32 hash,
                     struct arena tmp, struct err *err)
{
    struct snapshot at;
    bytes *nodes;
    usize count;
    TRY(snapshot_open(chain, &tmp, &at, err));
    enum status st = prove(&at, number, &nodes, &count, err);
    snapshot_close(&at);
    TRY(st);
    return hash_index_put(index, hash, pack(nodes, count, &tmp), err);
}

/* --- Finding. */

static bool unpack(bytes in, struct kept_account *out, struct arena *arena)
{
    out->nodes = ARENA_TAKE(arena, bytes, TRIE_MAX_PATH + 1);
    for (out->count = 0; in.size > 0; out->count++) {
        usize size = in.size < LENGTH_SIZE ? 0 : (usize)in.data[0] << 8 | in.data[1];
        if (size == 0 || size > in.size - LENGTH_SIZE || out->count > TRIE_MAX_PATH)
            return false;
        out->nodes[out->count] = bytes_slice(in, LENGTH_SIZE, size);
        in = bytes_slice(in, LENGTH_SIZE + size, in.size);
    }
    return out->count > 0;
}

enum status kept_find(struct hash_index *index, hash32 block_hash, struct kept_account *out,
                      struct arena *arena)
{
    bytes packed, leaf;
    TRY(hash_index_get(index, block_hash, &packed, arena));
    if (!unpack(packed, out, arena) ||
        trie_check_proof(keccak256(out->nodes[0]), kept_owner(), out->nodes, out->count, &leaf) !=
            ST_OK ||
        leaf.size == 0)
        return ST_CORRUPT;
    return account_decode(leaf, &out->account);
}
