#include "client/keys.h"

#include "base/fmt.h"
#include "crypto/keccak.h"
#include "crypto/secp256k1.h"

#include <secp256k1_recovery.h>
#include <sodium.h>
#include <stdlib.h>

const char KEYS_TEST_MNEMONIC[] = "test test test test test test test test test test test junk";

struct key {
    address who;
    secret32 secret;
};

struct keys {
    secp256k1_context *signer;
    usize count;
    struct key list[];
};

/* --- From words to keys. */

/* A node of BIP-32's tree: the key, and the chain code that its children mix in. */
struct node {
    u8 key[32];
    u8 chain[32];
};

/* libsodium's: libcrypto reads its settings and fills its tables when it is first used, which takes
 * longer than all of this and memory that a chain without TLS never needs. */
typedef crypto_auth_hmacsha512_state hmac_state;

static void hmac_begin(hmac_state *state, bytes key)
{
    crypto_auth_hmacsha512_init(state, key.data, key.size);
}

/* Uses a copy of `state`, so that one key serves many messages. */
static void hmac_end(const hmac_state *state, bytes message, u8 out[64])
{
    hmac_state copy = *state;
    crypto_auth_hmacsha512_update(&copy, message.data, message.size);
    crypto_auth_hmacsha512_final(&copy, out);
    sodium_memzero(&copy, sizeof(copy));
}

static void hmac_sha512(bytes key, bytes message, u8 out[64])
{
    hmac_state state;
    hmac_begin(&state, key);
    hmac_end(&state, message, out);
    sodium_memzero(&state, sizeof(state));
}

/* PBKDF2 (RFC 8018, section 5.2) with BIP-39's salt and no passphrase; one block is all of it. */
static void seed_of(const char *mnemonic, u8 seed[64])
{
    enum { ROUNDS = 2048 };
    hmac_state state;
    u8 round[64];
    hmac_begin(&state, (bytes){(const u8 *)mnemonic, strlen(mnemonic)});
    hmac_end(&state, BYTES_LIT("mnemonic\0\0\0\1"), round);
    memcpy(seed, round, sizeof(round));
    for (int i = 1; i < ROUNDS; i++) {
        hmac_end(&state, BYTES_OF(round), round);
        for (usize j = 0; j < sizeof(round); j++)
            seed[j] ^= round[j];
    }
    sodium_memzero(&state, sizeof(state));
    sodium_memzero(round, sizeof(round));
}

static void root_node(const char *mnemonic, struct node *out)
{
    u8 seed[64], mixed[64];
    seed_of(mnemonic, seed);
    hmac_sha512(BYTES_LIT("Bitcoin seed"), BYTES_OF(seed), mixed);
    memcpy(out->key, mixed, 32);
    memcpy(out->chain, mixed + 32, 32);
    sodium_memzero(seed, sizeof(seed));
    sodium_memzero(mixed, sizeof(mixed));
}

/* The child of `node`; indexes from 2^31 on are hardened: they take the private key. */
static enum status child_node(const secp256k1_context *secp, struct node *node, u32 index)
{
    u8 message[37] = {0}, mixed[64];
    if (index >> 31 != 0) {
        memcpy(message + 1, node->key, 32);
    } else {
        secp256k1_pubkey point;
        usize size = 33;
        if (secp256k1_ec_pubkey_create(secp, &point, node->key) != 1)
            return ST_IO;
        secp256k1_ec_pubkey_serialize(secp, message, &size, &point, SECP256K1_EC_COMPRESSED);
    }
    store_be32(message + 33, index);
    hmac_sha512(BYTES_OF(node->chain), BYTES_OF(message), mixed);
    /* It fails for one index in 2^127: BIP-32 says to take the next. */
    enum status st = secp256k1_ec_seckey_tweak_add(secp, node->key, mixed) == 1 ? ST_OK : ST_IO;
    memcpy(node->chain, mixed + 32, 32);
    sodium_memzero(message, sizeof(message));
    sodium_memzero(mixed, sizeof(mixed));
    return st;
}

static address point_address(const secp256k1_context *secp, const secp256k1_pubkey *point)
{
    u8 whole[65]; /* 0x04, x, y */
    usize size = sizeof(whole);
    pubkey64 key;
    secp256k1_ec_pubkey_serialize(secp, whole, &size, point, SECP256K1_EC_UNCOMPRESSED);
    memcpy(key.b, whole + 1, sizeof(key.b));
    return pubkey_address(&key);
}

static enum status account_key(const secp256k1_context *secp, const struct node *accounts,
                               u32 index, struct key *out)
{
    struct node node = *accounts;
    secp256k1_pubkey point;
    enum status st = child_node(secp, &node, index);
    if (st == ST_OK && secp256k1_ec_pubkey_create(secp, &point, node.key) == 1) {
        memcpy(out->secret.b, node.key, sizeof(out->secret.b));
        out->who = point_address(secp, &point);
    } else {
        st = ST_IO;
    }
    sodium_memzero(&node, sizeof(node));
    return st;
}

static struct keys *keys_new(usize count)
{
    struct keys *keys = calloc(1, sizeof(*keys) + count * sizeof(keys->list[0]));
    assert(keys != NULL);
    keys->signer = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
    keys->count = count;
    return keys;
}

enum status keys_from_mnemonic(const char *mnemonic, u32 count, struct keys **out, struct err *err)
{
    static const u32 path[] = {44 | 1u << 31, 60 | 1u << 31, 1u << 31, 0};
    struct keys *keys = keys_new(count);
    struct node node;
    enum status st = ST_OK;
    root_node(mnemonic, &node);
    for (usize i = 0; st == ST_OK && i < countof(path); i++)
        st = child_node(keys->signer, &node, path[i]);
    for (u32 i = 0; st == ST_OK && i < count; i++)
        st = account_key(keys->signer, &node, i, &keys->list[i]);
    sodium_memzero(&node, sizeof(node));
    if (st != ST_OK) {
        keys_free(keys);
        return fail(err, st, "cannot derive keys from the mnemonic");
    }
    *out = keys;
    return ST_OK;
}

enum status keys_from_secrets(const secret32 *secrets, usize count, struct keys **out,
                              struct err *err)
{
    struct keys *keys = keys_new(count);
    for (usize i = 0; i < count; i++) {
        secp256k1_pubkey point;
        if (secp256k1_ec_pubkey_create(keys->signer, &point, secrets[i].b) != 1) {
            keys_free(keys);
            return fail(err, ST_INVALID, "secret %zu is no key of secp256k1", i);
        }
        keys->list[i] = (struct key){point_address(keys->signer, &point), secrets[i]};
    }
    *out = keys;
    return ST_OK;
}

void keys_free(struct keys *keys)
{
    if (keys == NULL)
        return;
    secp256k1_context_destroy(keys->signer);
    sodium_memzero(keys->list, keys->count * sizeof(keys->list[0]));
    free(keys);
}

usize keys_count(const struct keys *keys)
{
    return keys->count;
}

address keys_address(const struct keys *keys, usize index)
{
    assert(index < keys->count);
    return keys->list[index].who;
}

secret32 keys_secret(const struct keys *keys, usize index)
{
    assert(index < keys->count);
    return keys->list[index].secret;
}

/* --- Signing. */

enum status keys_sign_hash(const struct keys *keys, address who, hash32 hash, struct signature *out)
{
    for (usize i = 0; i < keys->count; i++) {
        if (!address_equal(keys->list[i].who, who))
            continue;
        secp256k1_ecdsa_recoverable_signature made;
        u8 wire[64];
        int parity;
        if (secp256k1_ecdsa_sign_recoverable(keys->signer, &made, hash.b, keys->list[i].secret.b,
                                             NULL, NULL) != 1)
            return ST_IO;
        secp256k1_ecdsa_recoverable_signature_serialize_compact(keys->signer, wire, &parity, &made);
        *out = (struct signature){u256_load_be(wire), u256_load_be(wire + 32), (u8)(parity & 1)};
        return ST_OK;
    }
    return ST_MISSING;
}

enum status keys_sign_tx(const struct keys *keys, struct tx *tx, struct arena tmp)
{
    struct signature made;
    TRY(keys_sign_hash(keys, tx->from, tx_signing_hash(tx, tmp), &made));
    tx->r = made.r;
    tx->s = made.s;
    tx->y_parity = made.y_parity;
    tx->from_known = true;
    tx_set_hash(tx, tmp);
    return ST_OK;
}

hash32 keys_message_hash(bytes message)
{
    char prefix[48];
    usize size = fmt(prefix, sizeof(prefix),
                     "\x19"
                     "Ethereum Signed Message:\n%zu",
                     message.size);
    struct keccak keccak;
    keccak_init(&keccak);
    keccak_update(&keccak, (bytes){(const u8 *)prefix, size});
    keccak_update(&keccak, message);
    return keccak_final(&keccak);
}
