/* Points, scalars and signatures of secp256k1, keyed hashes, key derivation: what all of a channel
 * daemon's cryptography is made of. Thin over libsecp256k1, libsodium, libcrypto and core's
 * SHA-256; constant time in its secrets as far as these are. What is public, signatures to judge
 * and factors of points, goes to core's secp256k1, which takes less time. Safe to use from
 * any thread.
 *
 * Who receives a secret32 wipes it with secret_wipe. */
#ifndef CHANNEL_SECRETS_H
#define CHANNEL_SECRETS_H

#include "client/keys.h"
#include "crypto/secp256k1.h"

/* A point of secp256k1 in compressed form (SEC 1, section 2.3.3): a node's name, an ephemeral key.
 * Any bytes may stand here; the functions below say whether they are a point. */
typedef struct {
    u8 b[33];
} point33;

static inline bool point_equal(const point33 *a, const point33 *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

#define secret_wipe(object) secret_wipe_bytes((object), sizeof(*(object)))
void secret_wipe_bytes(void *at, usize size);

/* ST_INVALID, here and below: the secret is zero or not below the group's order, or the bytes are
 * no point of the curve. Nothing is written then. */
enum status point_of_secret(const secret32 *secret, point33 *out);
enum status point_check(const point33 *point);

/* SHA-256 of the compressed product, as libsecp256k1 and BOLT 8 define it. */
enum status secret_ecdh(const secret32 *secret, const point33 *point, secret32 *out);

/* Scalar multiplication of a point, by a factor that is no secret (it is not in constant time), and
 * of a secret modulo the group's order, in place. */
enum status point_multiply(point33 *point, const secret32 *factor);
enum status secret_multiply(secret32 *secret, const secret32 *factor);

/* A point that was taken out of its compressed form, which costs a square root: for those that are
 * used twice. */
struct open_point {
    pubkey64 xy;
};
enum status point_open(const point33 *point, struct open_point *out);
enum status open_ecdh(const secret32 *secret, const struct open_point *point, secret32 *out);
enum status open_multiply(const struct open_point *point, const secret32 *factor, point33 *out);

/* r ‖ s, the highest bit being the parity; s in the lower half of the order. EIP-2098. */
typedef struct {
    u8 b[64];
} signature64;

/* Deterministic (RFC 6979). ST_INVALID as above. */
enum status secret_sign(const secret32 *secret, hash32 digest, signature64 *out);
enum status secret_address(const secret32 *secret, address *out);
enum status point_address(const point33 *point, address *out);

/* Whether `who` signed it, in the only form that a contract with EIP-2098 takes. */
bool signature_is_of(const signature64 *signature, hash32 digest, address who);

/* SHA-256 and HMAC-SHA-256 (RFC 2104) of two parts joined; either may be empty. */
void sha256_joined(bytes first, bytes second, u8 out[static 32]);
void hmac_sha256(bytes key, bytes first, bytes second, u8 out[static 32]);

/* A shared secret's key for one use, which the type names (BOLT 4, "Key Generation"). */
void secret_derive(bytes type, const secret32 *shared, secret32 *out);

/* Adds ChaCha20's stream (RFC 8439, nonce zero) to the data: the same call adds it and takes it
 * away. A key serves once, or always from the stream's start over the same kind of data. */
void stream_add(const secret32 *key, u8 *data, usize size);

enum { AEAD_TAG_SIZE = 16 };

/* ChaCha20-Poly1305 (RFC 8439), the nonce 32 zero bits and then the counter, little-endian, as
 * Noise has it; a key meets each counter once. Writes plain.size + AEAD_TAG_SIZE bytes. */
void aead_seal(const secret32 *key, u64 counter, bytes data, bytes plain, u8 *out);
/* Writes sealed.size - AEAD_TAG_SIZE bytes. False: the tag is wrong, or there is none; nothing of
 * `out` is to be used. */
bool aead_open(const secret32 *key, u64 counter, bytes data, bytes sealed, u8 *out);

/* XChaCha20-Poly1305 with a random nonce, which stands before what is sealed: for any number of
 * messages under one key. Writes and takes XAEAD_OVERHEAD bytes more than `plain` has. */
enum { XAEAD_OVERHEAD = 24 + AEAD_TAG_SIZE };
void xaead_seal(const secret32 *key, bytes data, bytes plain, u8 *out);
bool xaead_open(const secret32 *key, bytes data, bytes sealed, u8 *out);

/* In a time that says nothing of where they differ. */
bool secret_equal(const u8 *a, const u8 *b, usize size);

/* HKDF-SHA-256 (RFC 5869) with no info, 64 bytes of it in two halves, which may overwrite the
 * salt. */
void hkdf_sha256(const secret32 *salt, bytes input, secret32 *first, secret32 *second);

#endif
