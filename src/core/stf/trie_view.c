#include "stf/trie_view.h"
#include "base/rlp.h"
#include "crypto/keccak.h"

static enum status read_account(struct trie_view *view, hash32 key, struct account *out)
{
    struct arena tmp = view->tmp;
    bytes value;
    TRY(trie_get(&view->nodes, (hash32){{0}}, view->root, key, &value, &tmp, NULL));
    return account_decode(value, out) == ST_OK ? ST_OK : ST_CORRUPT;
}

enum status trie_view_account(struct trie_view *view, address who, struct account *out)
{
    hash32 key = keccak256(BYTES_OF(who));
    enum status st = read_account(view, key, out);
    if (st != ST_OK && st != ST_MISSING)
        return st;
    view->has_last = true;
    view->last = who;
    view->last_key = key;
    view->last_storage_root = st == ST_OK ? out->storage_root : EMPTY_TRIE_ROOT;
    return st;
}

/* Makes `who` the last account. */
static enum status turn_to(struct trie_view *view, address who)
{
    struct account ignored;
    if (view->has_last && address_equal(view->last, who))
        return ST_OK;
    enum status st = trie_view_account(view, who, &ignored);
    return st == ST_MISSING ? ST_OK : st;
}

enum status trie_view_storage(struct trie_view *view, address who, hash32 slot, u256 *out)
{
    TRY(turn_to(view, who));
    struct arena tmp = view->tmp;
    bytes value;
    *out = U256_ZERO;
    enum status st = trie_get(&view->nodes, view->last_key, view->last_storage_root,
                              keccak256(BYTES_OF(slot)), &value, &tmp, NULL);
    if (st == ST_MISSING)
        return ST_OK;
    TRY(st);
    if (rlp_read_u256(&value, out) != ST_OK || rlp_read_end(value) != ST_OK)
        return ST_CORRUPT;
    return ST_OK;
}
