#include "channel/transport.h"

enum {
    KEY_USES = 1000, /* BOLT 8: two uses a message, so every 500 messages */
    POINT = sizeof(point33),
    TAG = AEAD_TAG_SIZE,
};

/* --- The cipher. */

static void cipher_step(struct transport_cipher *cipher)
{
    if (++cipher->nonce < KEY_USES)
        return;
    hkdf_sha256(&cipher->chain, BYTES_OF(cipher->key), &cipher->chain, &cipher->key);
    cipher->nonce = 0;
}

static void cipher_encrypt(struct transport_cipher *cipher, bytes plain, u8 *out)
{
    aead_seal(&cipher->key, cipher->nonce, BYTES_EMPTY, plain, out);
    cipher_step(cipher);
}

static bool cipher_decrypt(struct transport_cipher *cipher, bytes sealed, u8 *out)
{
    if (!aead_open(&cipher->key, cipher->nonce, BYTES_EMPTY, sealed, out))
        return false;
    cipher_step(cipher);
    return true;
}

/* --- The handshake's state. */

void transport_end(struct transport *transport)
{
    secret_wipe(transport);
    transport->state = TRANSPORT_DEAD;
}

static enum status refuse(struct transport *transport, struct err *err, const char *what)
{
    transport_end(transport);
    return fail(err, ST_INVALID, "%s", what);
}

static void mix_hash(struct transport *transport, bytes in)
{
    sha256_joined(BYTES_OF(transport->hash), in, transport->hash.b);
}

/* Mixes the shared secret of two keys in: a new chaining key, a new temporary key. */
static enum status mix_ecdh(struct transport *transport, const secret32 *secret,
                            const point33 *point)
{
    secret32 shared;
    TRY(secret_ecdh(secret, point, &shared));
    hkdf_sha256(&transport->chain, BYTES_OF(shared), &transport->chain, &transport->temporary);
    secret_wipe(&shared);
    return ST_OK;
}

/* The tag that proves all so far: an encryption of nothing. */
static void write_proof(struct transport *transport, u8 *out)
{
    aead_seal(&transport->temporary, 0, BYTES_OF(transport->hash), BYTES_EMPTY, out);
    mix_hash(transport, (bytes){out, TAG});
}

static bool check_proof(struct transport *transport, const u8 *tag)
{
    bytes sealed = {tag, TAG};
    u8 nothing[1];
    if (!aead_open(&transport->temporary, 0, BYTES_OF(transport->hash), sealed, nothing))
        return false;
    mix_hash(transport, sealed);
    return true;
}

static enum status start(struct transport *transport, const secret32 *own,
                         const secret32 *ephemeral)
{
    point33 unused;
    memset(transport, 0, sizeof(*transport));
    TRY(point_of_secret(own, &transport->own_point));
    TRY(point_of_secret(ephemeral, &unused));
    transport->own_key = *own;
    transport->ephemeral_key = *ephemeral;
    bytes name = BYTES_LIT("Noise_XK_secp256k1_ChaChaPoly_SHA256");
    sha256_joined(name, BYTES_EMPTY, transport->hash.b);
    memcpy(transport->chain.b, transport->hash.b, sizeof(transport->chain.b));
    mix_hash(transport, BYTES_LIT("lightning"));
    return ST_OK;
}

/* Acts one and two: the version, a new ephemeral key, and a proof that its product with `other` is
 * known. */
static enum status write_ephemeral(struct transport *transport, const point33 *other, u8 *out)
{
    point33 ephemeral;
    TRY(point_of_secret(&transport->ephemeral_key, &ephemeral));
    mix_hash(transport, BYTES_OF(ephemeral));
    TRY(mix_ecdh(transport, &transport->ephemeral_key, other));
    out[0] = 0;
    memcpy(out + 1, ephemeral.b, POINT);
    write_proof(transport, out + 1 + POINT);
    return ST_OK;
}

static const struct refusals {
    const char *version, *point, *proof;
} refused_one = {"act one: unknown version", "act one: no point of the curve",
                 "act one: wrong tag"},
  refused_two = {"act two: unknown version", "act two: no point of the curve",
                 "act two: wrong tag"};

static enum status read_ephemeral(struct transport *transport, const secret32 *own, const u8 *act,
                                  const struct refusals *refusals, point33 *out, struct err *err)
{
    if (act[0] != 0)
        return refuse(transport, err, refusals->version);
    memcpy(out->b, act + 1, POINT);
    if (point_check(out) != ST_OK)
        return refuse(transport, err, refusals->point);
    mix_hash(transport, BYTES_OF(*out));
    if (mix_ecdh(transport, own, out) != ST_OK || !check_proof(transport, act + 1 + POINT))
        return refuse(transport, err, refusals->proof);
    return ST_OK;
}

static void open_messages(struct transport *transport, struct transport_cipher *first,
                          struct transport_cipher *second)
{
    hkdf_sha256(&transport->chain, BYTES_EMPTY, &first->key, &second->key);
    first->chain = transport->chain;
    second->chain = transport->chain;
    secret_wipe(&transport->own_key);
    secret_wipe(&transport->ephemeral_key);
    secret_wipe(&transport->chain);
    secret_wipe(&transport->temporary);
    transport->state = TRANSPORT_OPEN;
}

/* --- The acts. */

enum status transport_begin(struct transport *transport, const secret32 *own,
                            const secret32 *ephemeral, const point33 *remote,
                            u8 act_one[static TRANSPORT_ACT_ONE_SIZE])
{
    enum status st = start(transport, own, ephemeral);
    if (st == ST_OK) {
        transport->remote = *remote;
        mix_hash(transport, BYTES_OF(*remote));
        st = write_ephemeral(transport, remote, act_one);
    }
    if (st == ST_OK)
        transport->state = TRANSPORT_AWAITS_ACT_TWO;
    else
        transport_end(transport);
    return st;
}

enum status transport_accept(struct transport *transport, const secret32 *own,
                             const secret32 *ephemeral)
{
    enum status st = start(transport, own, ephemeral);
    if (st != ST_OK) {
        transport_end(transport);
        return st;
    }
    mix_hash(transport, BYTES_OF(transport->own_point));
    transport->state = TRANSPORT_AWAITS_ACT_ONE;
    return ST_OK;
}

static enum status take_act_one(struct transport *transport, const u8 *act, u8 *act_two,
                                struct err *err)
{
    point33 theirs;
    TRY(read_ephemeral(transport, &transport->own_key, act, &refused_one, &theirs, err));
    if (write_ephemeral(transport, &theirs, act_two) != ST_OK)
        return refuse(transport, err, "act one: no point of the curve");
    transport->state = TRANSPORT_AWAITS_ACT_THREE;
    return ST_OK;
}

static enum status take_act_two(struct transport *transport, const u8 *act, u8 *act_three,
                                struct err *err)
{
    point33 theirs;
    TRY(read_ephemeral(transport, &transport->ephemeral_key, act, &refused_two, &theirs, err));
    act_three[0] = 0;
    aead_seal(&transport->temporary, 1, BYTES_OF(transport->hash), BYTES_OF(transport->own_point),
              act_three + 1);
    mix_hash(transport, (bytes){act_three + 1, POINT + TAG});
    if (mix_ecdh(transport, &transport->own_key, &theirs) != ST_OK)
        return refuse(transport, err, "act two: no point of the curve");
    write_proof(transport, act_three + 1 + POINT + TAG);
    open_messages(transport, &transport->send, &transport->receive);
    return ST_OK;
}

static enum status take_act_three(struct transport *transport, const u8 *act, struct err *err)
{
    bytes sealed = {act + 1, POINT + TAG};
    point33 theirs;
    if (act[0] != 0)
        return refuse(transport, err, "act three: unknown version");
    if (!aead_open(&transport->temporary, 1, BYTES_OF(transport->hash), sealed, theirs.b))
        return refuse(transport, err, "act three: wrong tag of the static key");
    if (point_check(&theirs) != ST_OK)
        return refuse(transport, err, "act three: no point of the curve");
    mix_hash(transport, sealed);
    if (mix_ecdh(transport, &transport->ephemeral_key, &theirs) != ST_OK ||
        !check_proof(transport, act + 1 + POINT + TAG))
        return refuse(transport, err, "act three: wrong tag");
    transport->remote = theirs;
    open_messages(transport, &transport->receive, &transport->send);
    return ST_OK;
}

enum status transport_handshake(struct transport *transport, bytes in, usize *used,
                                u8 reply[static TRANSPORT_ACT_THREE_SIZE], usize *reply_size,
                                struct err *err)
{
    bool last = transport->state == TRANSPORT_AWAITS_ACT_THREE;
    usize size = last ? TRANSPORT_ACT_THREE_SIZE : TRANSPORT_ACT_ONE_SIZE;
    *used = 0;
    *reply_size = 0;
    if (transport->state == TRANSPORT_DEAD || transport->state == TRANSPORT_OPEN)
        return refuse(transport, err, "no handshake is under way");
    if (in.size < size)
        return ST_AGAIN;
    *used = size;
    if (last)
        return take_act_three(transport, in.data, err);
    if (transport->state == TRANSPORT_AWAITS_ACT_ONE) {
        TRY(take_act_one(transport, in.data, reply, err));
        *reply_size = TRANSPORT_ACT_TWO_SIZE;
    } else {
        TRY(take_act_two(transport, in.data, reply, err));
        *reply_size = TRANSPORT_ACT_THREE_SIZE;
    }
    return ST_OK;
}

/* --- Messages. */

enum status transport_seal(struct transport *transport, bytes message, u8 *out)
{
    assert(message.size <= TRANSPORT_MESSAGE_LIMIT);
    if (transport->state != TRANSPORT_OPEN)
        return ST_INVALID;
    u8 size[2] = {(u8)(message.size >> 8), (u8)message.size};
    cipher_encrypt(&transport->send, BYTES_OF(size), out);
    cipher_encrypt(&transport->send, message, out + TRANSPORT_HEADER_SIZE);
    return ST_OK;
}

static enum status read_header(struct transport *transport, bytes in, usize *used, struct err *err)
{
    u8 size[2];
    if (in.size < TRANSPORT_HEADER_SIZE)
        return ST_AGAIN;
    if (!cipher_decrypt(&transport->receive, (bytes){in.data, TRANSPORT_HEADER_SIZE}, size))
        return refuse(transport, err, "wrong tag of a message's size");
    *used = TRANSPORT_HEADER_SIZE;
    transport->body_size = (usize)size[0] << 8 | size[1];
    transport->body_next = true;
    return ST_OK;
}

enum status transport_unseal(struct transport *transport, bytes in, usize *used, u8 *message,
                             usize *size, struct err *err)
{
    *used = 0;
    *size = 0;
    if (transport->state != TRANSPORT_OPEN)
        return refuse(transport, err, "the connection is not open");
    if (!transport->body_next)
        TRY(read_header(transport, in, used, err));
    bytes sealed = bytes_slice(in, *used, transport->body_size + TAG);
    if (sealed.size < transport->body_size + TAG)
        return ST_AGAIN;
    if (!cipher_decrypt(&transport->receive, sealed, message))
        return refuse(transport, err, "wrong tag of a message");
    *used += sealed.size;
    *size = transport->body_size;
    transport->body_next = false;
    return ST_OK;
}
