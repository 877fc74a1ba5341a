#include "channel/secrets.h"

#include "crypto/keccak.h"
#include "crypto/sha256.h"
#include "sys/entropy.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <pthread.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_recovery.h>
#include <sodium.h>

/* Made once, then only read. */
static secp256k1_context *curve_context;

static void set_up(void)
{
    u8 seed[32];
    /* Chooses the fastest ChaCha20 of this processor; without it the library keeps to portable C.
     */
    assert(sodium_init() >= 0);
    curve_context = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
    assert(curve_context != NULL);
    random_fill(seed, sizeof(seed)); /* blinds multiplications against side channels */
    assert(secp256k1_context_randomize(curve_context, seed) == 1);
    sodium_memzero(seed, sizeof(seed));
}

static const secp256k1_context *curve(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    assert(pthread_once(&once, set_up) == 0);
    return curve_context;
}

void secret_wipe_bytes(void *at, usize size)
{
    sodium_memzero(at, size);
}

static bool read_point(const point33 *point, secp256k1_pubkey *out)
{
    return secp256k1_ec_pubkey_parse(curve(), out, point->b, sizeof(point->b)) == 1;
}

static void write_point(const secp256k1_pubkey *point, point33 *out)
{
    usize size = sizeof(out->b);
    secp256k1_ec_pubkey_serialize(curve(), out->b, &size, point, SECP256K1_EC_COMPRESSED);
}

/* SEC 1, section 2.3.3, not compressed. */
enum { WHOLE = 4, WHOLE_SIZE = 1 + sizeof(pubkey64) };

static pubkey64 whole_point(const secp256k1_pubkey *point)
{
    u8 whole[WHOLE_SIZE];
    usize size = sizeof(whole);
    pubkey64 out;
    secp256k1_ec_pubkey_serialize(curve(), whole, &size, point, SECP256K1_EC_UNCOMPRESSED);
    memcpy(out.b, whole + 1, sizeof(out.b));
    return out;
}

enum status point_of_secret(const secret32 *secret, point33 *out)
{
    secp256k1_pubkey point;
    if (secp256k1_ec_pubkey_create(curve(), &point, secret->b) != 1)
        return ST_INVALID;
    write_point(&point, out);
    return ST_OK;
}

enum status point_check(const point33 *point)
{
    secp256k1_pubkey parsed;
    return read_point(point, &parsed) ? ST_OK : ST_INVALID;
}

enum status point_open(const point33 *point, struct open_point *out)
{
    secp256k1_pubkey parsed;
    if (!read_point(point, &parsed))
        return ST_INVALID;
    out->xy = whole_point(&parsed);
    return ST_OK;
}

enum status open_ecdh(const secret32 *secret, const struct open_point *point, secret32 *out)
{
    u8 whole[WHOLE_SIZE] = {WHOLE};
    secp256k1_pubkey parsed;
    secret32 shared;
    memcpy(whole + 1, point->xy.b, sizeof(point->xy.b));
    if (secp256k1_ec_pubkey_parse(curve(), &parsed, whole, sizeof(whole)) != 1 ||
        secp256k1_ecdh(curve(), shared.b, &parsed, secret->b, NULL, NULL) != 1)
        return ST_INVALID;
    *out = shared;
    secret_wipe(&shared);
    return ST_OK;
}

enum status open_multiply(const struct open_point *point, const secret32 *factor, point33 *out)
{
    enum { EVEN = 2 };
    pubkey64 product;
    TRY(secp256k1_multiply(&point->xy, u256_load_be(factor->b), &product));
    out->b[0] = (u8)(EVEN + (product.b[63] & 1));
    memcpy(out->b + 1, product.b, 32);
    return ST_OK;
}

enum status secret_ecdh(const secret32 *secret, const point33 *point, secret32 *out)
{
    struct open_point open;
    TRY(point_open(point, &open));
    return open_ecdh(secret, &open, out);
}

enum status point_multiply(point33 *point, const secret32 *factor)
{
    struct open_point open;
    TRY(point_open(point, &open));
    return open_multiply(&open, factor, point);
}

enum status secret_multiply(secret32 *secret, const secret32 *factor)
{
    secret32 product = *secret; /* the library clears what it refuses */
    enum status st =
        secp256k1_ec_seckey_tweak_mul(curve(), product.b, factor->b) == 1 ? ST_OK : ST_INVALID;
    if (st == ST_OK)
        *secret = product;
    secret_wipe(&product);
    return st;
}

/* --- Signatures. */

enum status secret_sign(const secret32 *secret, hash32 digest, signature64 *out)
{
    secp256k1_ecdsa_recoverable_signature made;
    int parity = 0;
    if (secp256k1_ecdsa_sign_recoverable(curve(), &made, digest.b, secret->b, NULL, NULL) != 1)
        return ST_INVALID;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(curve(), out->b, &parity, &made);
    out->b[32] |= (u8)(parity << 7);
    return ST_OK;
}

static address address_of_point(const secp256k1_pubkey *point)
{
    pubkey64 whole = whole_point(point);
    return pubkey_address(&whole);
}

enum status secret_address(const secret32 *secret, address *out)
{
    secp256k1_pubkey point;
    if (secp256k1_ec_pubkey_create(curve(), &point, secret->b) != 1)
        return ST_INVALID;
    *out = address_of_point(&point);
    return ST_OK;
}

enum status point_address(const point33 *point, address *out)
{
    secp256k1_pubkey parsed;
    if (!read_point(point, &parsed))
        return ST_INVALID;
    *out = address_of_point(&parsed);
    return ST_OK;
}

/* It recovers instead of verifying, because that is what the contract will do: a signature with
 * the wrong parity verifies, and is worth nothing there. */
bool signature_is_of(const signature64 *signature, hash32 digest, address who)
{
    u256 r = u256_load_be(signature->b), s = u256_load_be(signature->b + 32);
    bool y_odd = s.w[3] >> 63;
    pubkey64 key;
    s.w[3] &= UINT64_MAX >> 1;
    return !u256_less(SECP256K1_HALF_ORDER, s) &&
           secp256k1_recover(digest, r, s, y_odd, &key) == ST_OK &&
           address_equal(pubkey_address(&key), who);
}

void sha256_joined(bytes first, bytes second, u8 out[static 32])
{
    struct sha256 state = sha256_begin();
    sha256_add(&state, first);
    sha256_add(&state, second);
    hash32 hash = sha256_end(&state);
    memcpy(out, hash.b, sizeof(hash.b));
    secret_wipe(&state);
    secret_wipe(&hash);
}

void hmac_sha256(bytes key, bytes first, bytes second, u8 out[static 32])
{
    enum { INNER = 0x36, OUTER = 0x5c };
    u8 pad[64] = {0};
    hash32 hash;
    struct sha256 state = sha256_begin();
    if (key.size > sizeof(pad))
        sha256_joined(key, BYTES_EMPTY, pad);
    else
        bytes_copy(pad, key);
    for (usize i = 0; i < sizeof(pad); i++)
        pad[i] ^= INNER;
    sha256_add(&state, BYTES_OF(pad));
    sha256_add(&state, first);
    sha256_add(&state, second);
    hash = sha256_end(&state);
    state = sha256_begin();
    for (usize i = 0; i < sizeof(pad); i++)
        pad[i] ^= INNER ^ OUTER;
    sha256_add(&state, BYTES_OF(pad));
    sha256_add(&state, BYTES_OF(hash));
    hash = sha256_end(&state);
    memcpy(out, hash.b, sizeof(hash.b));
    secret_wipe(&state);
    secret_wipe(&pad);
    secret_wipe(&hash);
}

void secret_derive(bytes type, const secret32 *shared, secret32 *out)
{
    hmac_sha256(type, BYTES_OF(*shared), BYTES_EMPTY, out->b);
}

void stream_add(const secret32 *key, u8 *data, usize size)
{
    static const u8 nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
    crypto_stream_chacha20_ietf_xor(data, data, size, nonce, key->b);
}

static_assert(AEAD_TAG_SIZE == crypto_aead_chacha20poly1305_ietf_ABYTES, "as RFC 8439 has it");

static void write_nonce(u64 counter, u8 out[static 12])
{
    memset(out, 0, 4);
    store_le64(out + 4, counter);
}

void aead_seal(const secret32 *key, u64 counter, bytes data, bytes plain, u8 *out)
{
    u8 nonce[12];
    write_nonce(counter, nonce);
    crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plain.data, plain.size, data.data,
                                              data.size, NULL, nonce, key->b);
}

bool aead_open(const secret32 *key, u64 counter, bytes data, bytes sealed, u8 *out)
{
    u8 nonce[12];
    write_nonce(counter, nonce);
    return sealed.size >= AEAD_TAG_SIZE &&
           crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.data, sealed.size,
                                                     data.data, data.size, nonce, key->b) == 0;
}

enum { XNONCE_SIZE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES };

static_assert((int)XAEAD_OVERHEAD == XNONCE_SIZE + crypto_aead_xchacha20poly1305_ietf_ABYTES,
              "nonce and tag");

void xaead_seal(const secret32 *key, bytes data, bytes plain, u8 *out)
{
    random_fill(out, XNONCE_SIZE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + XNONCE_SIZE, NULL, plain.data, plain.size,
                                               data.data, data.size, NULL, out, key->b);
}

bool xaead_open(const secret32 *key, bytes data, bytes sealed, u8 *out)
{
    bytes body = bytes_slice(sealed, XNONCE_SIZE, sealed.size);
    return body.size >= AEAD_TAG_SIZE && crypto_aead_xchacha20poly1305_ietf_decrypt(
                                             out, NULL, NULL, body.data, body.size, data.data,
                                             data.size, sealed.data, key->b) == 0;
}

bool secret_equal(const u8 *a, const u8 *b, usize size)
{
    return sodium_memcmp(a, b, size) == 0;
}

void hkdf_sha256(const secret32 *salt, bytes input, secret32 *first, secret32 *second)
{
    static const u8 nothing[1];
    u8 both[64];
    usize size = sizeof(both);
    const u8 *key = input.size > 0 ? input.data : nothing; /* the library refuses NULL */
    EVP_PKEY_CTX *hkdf = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    bool done = hkdf != NULL && EVP_PKEY_derive_init(hkdf) == 1 &&
                EVP_PKEY_CTX_set_hkdf_md(hkdf, EVP_sha256()) == 1 &&
                EVP_PKEY_CTX_set1_hkdf_salt(hkdf, salt->b, sizeof(salt->b)) == 1 &&
                EVP_PKEY_CTX_set1_hkdf_key(hkdf, key, (int)input.size) == 1 &&
                EVP_PKEY_derive(hkdf, both, &size) == 1;
    assert(done); /* it fails only without memory */
    EVP_PKEY_CTX_free(hkdf);
    memcpy(first->b, both, 32);
    memcpy(second->b, both + 32, 32);
    secret_wipe(&both);
}
