#include "channel/keyring.h"

#include "channel/gossip.h"

#include <assert.h>
#include <stdlib.h>

struct keyring {
    secret32 root, node;
    point33 node_point;
    address account;
    secret32 *secrets; /* of channels, derived when first used; zero: not yet */
    u32 room;
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
    if (ring->secrets != NULL)
        secret_wipe_bytes(ring->secrets, ring->room * sizeof(ring->secrets[0]));
    free(ring->secrets);
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

/* Growing copies secrets, so what they leave behind is wiped. */
static void need_secrets(struct keyring *ring, u32 index)
{
    if (index < ring->room)
        return;
    u32 room = index + 64;
    secret32 *larger = calloc(room, sizeof(*larger));
    assert(larger != NULL);
    if (ring->secrets != NULL) {
        memcpy(larger, ring->secrets, ring->room * sizeof(*larger));
        secret_wipe_bytes(ring->secrets, ring->room * sizeof(*larger));
        free(ring->secrets);
    }
    ring->secrets = larger;
    ring->room = room;
}

static const secret32 *channel_secret(struct keyring *ring, u32 index)
{
    static const secret32 none;
    assert(index < KEYRING_LIMIT);
    need_secrets(ring, index);
    if (secret_equal(ring->secrets[index].b, none.b, sizeof(none.b)))
        ring->secrets[index] = derive(&ring->root, "channel", index, true);
    return &ring->secrets[index];
}

address keyring_owner(struct keyring *ring, u32 index)
{
    address who;
    enum status st = secret_address(channel_secret(ring, index), &who);
    assert(st == ST_OK);
    return who;
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

/* --- Signing. */

static hash32 struct_hash(const struct sign_request *request)
{
    hash32 id = request->name->id;
    switch (request->kind) {
    case SIGN_HALF:
    case SIGN_ENDORSEMENT:
        return half_hash(id, request->half);
    case SIGN_BASE:
        return base_hash(id, request->base);
    case SIGN_CLOSE:
        return close_hash(id, request->close);
    case SIGN_WITHDRAW:
        return withdraw_hash(id, request->withdraw);
    }
    bug("unknown request");
}

void keyring_sign_announce(struct keyring *ring, u32 index, const struct wire_announce *announce,
                           signature64 *out)
{
    enum status st =
        secret_sign(channel_secret(ring, index), gossip_announce_digest(announce), out);
    assert(st == ST_OK);
}

static enum status sign(void *self, const struct sign_request *request, signature64 *out,
                        struct err *err)
{
    struct keyring *ring = self;
    if (request->kind == SIGN_HALF && request->half->side != request->side)
        return fail(err, ST_INVALID, "the signer signs no half of another side's");
    if (request->kind == SIGN_ENDORSEMENT && request->half->side == request->side)
        return fail(err, ST_INVALID, "the signer endorses no half of its own");
    hash32 digest = signed_digest(request->name->domain, struct_hash(request));
    return secret_sign(channel_secret(ring, request->key), digest, out);
}

struct channel_signer keyring_signer(struct keyring *ring)
{
    return (struct channel_signer){ring, sign};
}
