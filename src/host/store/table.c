#include "store/table.h"

struct table_key slot_key(address who, hash32 slot)
{
    struct table_key key = {.size = 52};
    memcpy(key.data, who.b, 20);
    memcpy(key.data + 20, slot.b, 32);
    return key;
}

struct table_key node_key(const struct trie_path *path, enum table *table)
{
    struct table_key key = {.size = 0};
    *table = hash32_is_zero(path->owner) ? TABLE_NODE : TABLE_SLOT_NODE;
    u8 *at = key.data;
    if (*table == TABLE_SLOT_NODE) {
        memcpy(at, path->owner.b, 32);
        at += 32;
    }
    for (u8 i = 0; i < path->length; i += 2) {
        u8 low = i + 1 < path->length ? path->nibbles[i + 1] : 0;
        *at++ = (u8)(path->nibbles[i] << 4 | low);
    }
    *at++ = path->length;
    key.size = (u8)(at - key.data);
    return key;
}

/* Big-endian without leading zeros. */
static usize pack_u256(u256 value, u8 *to)
{
    u8 wide[32];
    u256_store_be(wide, value);
    usize skip = 0;
    while (skip < 32 && wide[skip] == 0)
        skip++;
    memcpy(to, wide + skip, 32 - skip);
    return 32 - skip;
}

enum { HAS_STORAGE = 0x40, HAS_CODE = 0x80, NONCE_SIZE = 0x0f };

usize account_pack(const struct account *account, u8 *to)
{
    u8 *at = to + 2;
    usize nonce_size = pack_u256(u256_from_u64(account->nonce), at);
    at += nonce_size;
    usize balance_size = pack_u256(account->balance_wei, at);
    at += balance_size;
    to[0] = (u8)nonce_size;
    to[1] = (u8)balance_size;
    if (!hash32_equal(account->storage_root, EMPTY_TRIE_ROOT)) {
        to[0] |= HAS_STORAGE;
        memcpy(at, account->storage_root.b, 32);
        at += 32;
    }
    if (!hash32_equal(account->code_hash, EMPTY_CODE_HASH)) {
        to[0] |= HAS_CODE;
        memcpy(at, account->code_hash.b, 32);
        at += 32;
    }
    return (usize)(at - to);
}

static enum status take(bytes *in, usize size, bytes *out)
{
    if (size > in->size)
        return ST_CORRUPT;
    *out = (bytes){in->data, size};
    *in = (bytes){in->data + size, in->size - size};
    return ST_OK;
}

static enum status take_u256(bytes *in, usize size, u256 *out)
{
    bytes part;
    if (size > 32)
        return ST_CORRUPT;
    TRY(take(in, size, &part));
    *out = u256_from_be(part);
    return ST_OK;
}

static enum status take_hash(bytes *in, bool present, hash32 absent, hash32 *out)
{
    bytes part;
    *out = absent;
    if (!present)
        return ST_OK;
    TRY(take(in, 32, &part));
    memcpy(out->b, part.data, 32);
    return ST_OK;
}

enum status account_unpack(bytes in, struct account *out)
{
    bytes sizes;
    u256 nonce;
    TRY(take(&in, 2, &sizes));
    TRY(take_u256(&in, sizes.data[0] & NONCE_SIZE, &nonce));
    TRY(take_u256(&in, sizes.data[1], &out->balance_wei));
    TRY(take_hash(&in, sizes.data[0] & HAS_STORAGE, EMPTY_TRIE_ROOT, &out->storage_root));
    TRY(take_hash(&in, sizes.data[0] & HAS_CODE, EMPTY_CODE_HASH, &out->code_hash));
    out->nonce = nonce.w[0];
    return in.size == 0 && u256_fits_u64(nonce) ? ST_OK : ST_CORRUPT;
}

usize slot_pack(u256 value, u8 *to)
{
    return pack_u256(value, to);
}

enum status slot_unpack(bytes in, u256 *out)
{
    TRY(take_u256(&in, in.size, out));
    return in.size == 0 ? ST_OK : ST_CORRUPT;
}

void tx_place_pack(struct tx_place place, u8 *to)
{
    store_be64(to, place.number);
    store_be64(to + 8, place.position);
    store_be32(to + 16, place.index);
}

enum status tx_place_unpack(bytes in, struct tx_place *out)
{
    if (in.size != TX_PLACE_SIZE)
        return ST_CORRUPT;
    *out = (struct tx_place){load_be64(in.data), load_be64(in.data + 8), load_be32(in.data + 16)};
    return ST_OK;
}
