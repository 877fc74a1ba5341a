#include "channel/keyring.h"

#include <assert.h>
#include <stdlib.h>

struct keyring {
    secret32 root, node;
    point33 node_point;
    address account;
};

static secret32 derive(const secret32 *root, const char *what, u32 index, bool numbered)
{
    u8 number[4];
    secret32 out;
    store_be32(number, index);
    hmac_sha256(BYTES_OF(*root), (bytes){(const u8 *)what, strlen(what)},
                numbered ? BYTES_OF(number) : BYTES_EMPTY, out.b);
    return out;
}

struct keyring *keyring_new(const secret32 *account)
{
    struct keyring *ring = calloc(1, sizeof(*ring));
    assert(ring != NULL);
    ring->root = derive(account, "varve channels", 0, false);
    ring->node = derive(&ring->root, "node", 0, false);
    /* One HMAC in 2^127 is no key. */
    enum status st = point_of_secret(&ring->node, &ring->node_point);
    assert(st == ST_OK);
    st = secret_address(account, &ring->account);
    assert(st == ST_OK);
    return ring;
}

void keyring_free(struct keyring *ring)
{
    if (ring == NULL)
        return;
    secret_wipe(ring);
    free(ring);
}

const secret32 *keyring_node_secret(const struct keyring *ring)
{
    return &ring->node;
}

point33 keyring_node(const struct keyring *ring)
{
    return ring->node_point;
}

address keyring_account(const struct keyring *ring)
{
    return ring->account;
}

secret32 keyring_channel_secret(const struct keyring *ring, u32 index)
{
    assert(index < KEYRING_LIMIT);
    return derive(&ring->root, "channel", index, true);
}

secret32 keyring_note_key(const struct keyring *ring)
{
    return derive(&ring->root, "note", 0, false);
}

secret32 keyring_offer_secret(const struct keyring *ring, const char *use, bytes of)
{
    secret32 root = derive(&ring->root, "offer", 0, false), out;
    hmac_sha256(BYTES_OF(root), (bytes){(const u8 *)use, strlen(use)}, of, out.b);
    secret_wipe(&root);
    return out;
}

hash32 keyring_salt(const struct keyring *ring, u32 index)
{
    secret32 secret = derive(&ring->root, "salt", index, true);
    hash32 salt;
    memcpy(salt.b, secret.b, sizeof(salt.b));
    return salt;
}
