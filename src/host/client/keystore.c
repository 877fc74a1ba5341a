#include "client/keystore.h"

#include "base/hex.h"
#include "base/json.h"
#include "base/json_out.h"
#include "crypto/keccak.h"
#include "sys/entropy.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>

enum {
    DERIVED = 32,
    SALT_LIMIT = 256,
    SECRET_LIMIT = 32,
    FILE_LIMIT = 64 << 10,
    WORK_LIMIT = 10000000, /* rounds of PBKDF2 */
};
#define MEMORY_LIMIT ((u64)1 << 30) /* of scrypt */

struct kdf {
    bool scrypt;
    u64 n, r, p; /* scrypt */
    u64 rounds;  /* PBKDF2 with HMAC-SHA-256 */
    u8 salt[SALT_LIMIT];
    usize salt_size;
};

static enum status derive(const struct kdf *kdf, bytes password, u8 key[static DERIVED],
                          struct err *err)
{
    const char *text = password.size > 0 ? (const char *)password.data : "";
    bool done;
    if (kdf->scrypt) /* OpenSSL's refuses parameters that some wallets write: n = 2^18, r = 1 */
        done = crypto_pwhash_scryptsalsa208sha256_ll((const u8 *)text, password.size, kdf->salt,
                                                     kdf->salt_size, kdf->n, (u32)kdf->r,
                                                     (u32)kdf->p, key, DERIVED) == 0;
    else
        done = PKCS5_PBKDF2_HMAC(text, (int)password.size, kdf->salt, (int)kdf->salt_size,
                                 (int)kdf->rounds, EVP_sha256(), DERIVED, key) == 1;
    return done ? ST_OK : fail(err, ST_FULL, "no memory to derive a key from the password");
}

/* What proves the password. */
static hash32 mac_of(const u8 key[static DERIVED], bytes ciphertext)
{
    struct keccak keccak;
    keccak_init(&keccak);
    keccak_update(&keccak, (bytes){key + 16, 16});
    keccak_update(&keccak, ciphertext);
    return keccak_final(&keccak);
}

/* Encrypts and decrypts: CTR adds a stream. */
static enum status run_cipher(const u8 key[static DERIVED], const u8 iv[static 16], bytes in,
                              u8 *out, struct err *err)
{
    int size = 0;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool done =
        cipher != NULL && EVP_EncryptInit_ex(cipher, EVP_aes_128_ctr(), NULL, key, iv) == 1 &&
        EVP_EncryptUpdate(cipher, out, &size, in.data, (int)in.size) == 1 && (usize)size == in.size;
    EVP_CIPHER_CTX_free(cipher);
    return done ? ST_OK : fail(err, ST_FULL, "the library cannot encrypt");
}

/* --- Reading. */

static enum status no_keystore(const char *what, struct err *err)
{
    return fail(err, ST_INVALID, "not a keystore of version 3: %s", what);
}

static bool read_hex(json value, u8 *to, usize room, usize *size)
{
    if (!json_is(value, JSON_STRING))
        return false;
    bytes text = bytes_slice(value.text, 1, value.text.size - 2);
    if (text.size >= 2 && text.data[0] == '0' && text.data[1] == 'x')
        text = bytes_slice(text, 2, text.size);
    *size = text.size / 2;
    return *size <= room && hex_read_fixed(text, to, *size) == ST_OK;
}

static bool is_power_of_two(u64 n)
{
    return n > 1 && (n & (n - 1)) == 0;
}

static enum status read_scrypt(json params, struct kdf *out, struct err *err)
{
    if (json_read_u64(json_get(params, "n"), &out->n) != ST_OK ||
        json_read_u64(json_get(params, "r"), &out->r) != ST_OK ||
        json_read_u64(json_get(params, "p"), &out->p) != ST_OK || !is_power_of_two(out->n) ||
        out->r == 0 || out->p == 0 || out->r > UINT16_MAX || out->p > UINT16_MAX)
        return no_keystore("bad parameters of scrypt", err);
    u64 memory = mul_sat_u64(128, mul_sat_u64(out->n, out->r));
    if (memory > MEMORY_LIMIT || mul_sat_u64(memory, out->p) > 16 * MEMORY_LIMIT)
        return fail(err, ST_FULL, "the keystore asks for more work than is sensible");
    return ST_OK;
}

static enum status read_pbkdf2(json params, struct kdf *out, struct err *err)
{
    if (json_read_u64(json_get(params, "c"), &out->rounds) != ST_OK || out->rounds == 0 ||
        !json_says(json_get(params, "prf"), "hmac-sha256"))
        return no_keystore("bad parameters of pbkdf2", err);
    if (out->rounds > WORK_LIMIT)
        return fail(err, ST_FULL, "the keystore asks for more work than is sensible");
    return ST_OK;
}

static enum status read_kdf(json crypto, struct kdf *out, struct err *err)
{
    json kind = json_get(crypto, "kdf"), params = json_get(crypto, "kdfparams");
    u64 size;
    *out = (struct kdf){.scrypt = json_says(kind, "scrypt")};
    if (!out->scrypt && !json_says(kind, "pbkdf2"))
        return no_keystore("its kdf is neither scrypt nor pbkdf2", err);
    if (json_read_u64(json_get(params, "dklen"), &size) != ST_OK || size != DERIVED)
        return no_keystore("its dklen is not 32", err);
    if (!read_hex(json_get(params, "salt"), out->salt, sizeof(out->salt), &out->salt_size))
        return no_keystore("bad salt", err);
    return out->scrypt ? read_scrypt(params, out, err) : read_pbkdf2(params, out, err);
}

struct sealed {
    struct kdf kdf;
    u8 iv[16];
    u8 ciphertext[SECRET_LIMIT];
    hash32 mac;
};

static enum status read_sealed(bytes file, struct sealed *out, json *all, struct err *err)
{
    u64 version;
    usize size;
    if (json_check(file, 16, all, NULL) != ST_OK)
        return no_keystore("not JSON", err);
    if (json_read_u64(json_get(*all, "version"), &version) != ST_OK || version != 3)
        return no_keystore("another version", err);
    json crypto = json_get(*all, "crypto");
    if (json_is(crypto, JSON_ABSENT))
        crypto = json_get(*all, "Crypto"); /* geth's first ones */
    if (!json_says(json_get(crypto, "cipher"), "aes-128-ctr"))
        return no_keystore("its cipher is not aes-128-ctr", err);
    TRY(read_kdf(crypto, &out->kdf, err));
    if (!read_hex(json_get(json_get(crypto, "cipherparams"), "iv"), out->iv, 16, &size) ||
        size != 16)
        return no_keystore("bad iv", err);
    if (!read_hex(json_get(crypto, "ciphertext"), out->ciphertext, SECRET_LIMIT, &size) ||
        size != SECRET_LIMIT)
        return no_keystore("what it holds is no key of 32 bytes", err);
    if (!read_hex(json_get(crypto, "mac"), out->mac.b, sizeof(out->mac.b), &size) ||
        size != sizeof(out->mac.b))
        return no_keystore("bad mac", err);
    return ST_OK;
}

/* That the key belongs to the address which the file names, where it names one. */
static enum status check_secret(const secret32 *secret, json all, struct err *err)
{
    struct keys *keys;
    address named;
    usize size;
    TRY(keys_from_secrets(secret, 1, &keys, err));
    bool same = !read_hex(json_get(all, "address"), named.b, sizeof(named.b), &size) ||
                size != sizeof(named.b) || address_equal(named, keys_address(keys, 0));
    keys_free(keys);
    return same ? ST_OK : no_keystore("its key is not that of its address", err);
}

enum status keystore_read(bytes file, bytes password, secret32 *out, struct err *err)
{
    struct sealed sealed = {0};
    u8 key[DERIVED];
    json all;
    TRY(read_sealed(file, &sealed, &all, err));
    bytes ciphertext = BYTES_OF(sealed.ciphertext);
    enum status st = derive(&sealed.kdf, password, key, err);
    if (st == ST_OK && !hash32_equal(mac_of(key, ciphertext), sealed.mac))
        st = fail(err, ST_INVALID, "the password is wrong");
    if (st == ST_OK)
        st = run_cipher(key, sealed.iv, ciphertext, out->b, err);
    if (st == ST_OK)
        st = check_secret(out, all, err);
    OPENSSL_cleanse(key, sizeof(key));
    if (st != ST_OK)
        OPENSSL_cleanse(out, sizeof(*out));
    return st;
}

/* --- Writing. */

static void put_plain_hex(struct json_out *out, const char *key, bytes value)
{
    char text[2 * 64];
    assert(value.size <= sizeof(text) / 2);
    hex_write(text, value);
    json_key(out, key);
    json_put_text(out, (bytes){(const u8 *)text, 2 * value.size});
}

static void put_number(struct json_out *out, const char *key, u64 value)
{
    json_key(out, key);
    json_put_u64(out, value);
}

/* A random UUID: RFC 4122, section 4.4. */
static void put_id(struct json_out *out)
{
    static const usize ends[] = {4, 6, 8, 10, 16};
    u8 raw[16];
    char text[36], *to = text;
    random_fill(raw, sizeof(raw));
    raw[6] = (u8)(0x40 | (raw[6] & 0x0f));
    raw[8] = (u8)(0x80 | (raw[8] & 0x3f));
    for (usize i = 0, from = 0; i < countof(ends); from = ends[i++]) {
        if (i > 0)
            *to++ = '-';
        hex_write(to, (bytes){raw + from, ends[i] - from});
        to += 2 * (ends[i] - from);
    }
    json_key(out, "id");
    json_put_text(out, (bytes){(const u8 *)text, sizeof(text)});
}

static void put_sealed(struct json_out *out, const struct sealed *sealed)
{
    const struct kdf *kdf = &sealed->kdf;
    json_key(out, "crypto");
    json_open_object(out);
    json_key(out, "cipher");
    json_put_cstr(out, "aes-128-ctr");
    json_key(out, "cipherparams");
    json_open_object(out);
    put_plain_hex(out, "iv", BYTES_OF(sealed->iv));
    json_close_object(out);
    put_plain_hex(out, "ciphertext", BYTES_OF(sealed->ciphertext));
    json_key(out, "kdf");
    json_put_cstr(out, "scrypt");
    json_key(out, "kdfparams");
    json_open_object(out);
    put_number(out, "dklen", DERIVED);
    put_number(out, "n", kdf->n);
    put_number(out, "r", kdf->r);
    put_number(out, "p", kdf->p);
    put_plain_hex(out, "salt", (bytes){kdf->salt, kdf->salt_size});
    json_close_object(out);
    put_plain_hex(out, "mac", BYTES_OF(sealed->mac));
    json_close_object(out);
}

static enum status seal_secret(const secret32 *secret, bytes password, struct sealed *out,
                               struct err *err)
{
    u8 key[DERIVED];
    out->kdf.salt_size = 32;
    random_fill(out->kdf.salt, out->kdf.salt_size);
    random_fill(out->iv, sizeof(out->iv));
    enum status st = derive(&out->kdf, password, key, err);
    if (st == ST_OK)
        st = run_cipher(key, out->iv, BYTES_OF(*secret), out->ciphertext, err);
    out->mac = mac_of(key, BYTES_OF(out->ciphertext));
    OPENSSL_cleanse(key, sizeof(key));
    return st;
}

enum status keystore_write(const secret32 *secret, bytes password, enum keystore_cost cost,
                           bytes *out, struct arena *arena, struct err *err)
{
    enum { ROOM = 2048 };
    struct keys *keys;
    TRY(keys_from_secrets(secret, 1, &keys, err));
    address who = keys_address(keys, 0);
    keys_free(keys);
    bool light = cost == KEYSTORE_LIGHT;
    struct sealed sealed = {
        .kdf = {.scrypt = true, .n = light ? 1 << 12 : 1 << 18, .r = 8, .p = light ? 6 : 1}};
    TRY(seal_secret(secret, password, &sealed, err));
    struct json_out text = json_out_over(ARENA_TAKE(arena, u8, ROOM), ROOM);
    json_open_object(&text);
    put_plain_hex(&text, "address", BYTES_OF(who));
    put_sealed(&text, &sealed);
    put_id(&text);
    put_number(&text, "version", 3);
    json_close_object(&text);
    assert(!text.failed);
    *out = (bytes){text.data, text.size};
    return ST_OK;
}

/* --- Files. */

static bytes first_line(bytes text)
{
    usize size = 0;
    while (size < text.size && text.data[size] != '\n' && text.data[size] != '\r')
        size++;
    return bytes_slice(text, 0, size);
}

enum status keystore_load(const struct files *files, const char *path, const char *password_path,
                          struct keys **out, struct err *err)
{
    u8 memory[2 * FILE_LIMIT];
    struct arena arena = arena_over(memory, sizeof(memory));
    struct err why;
    bytes file, password;
    secret32 secret;
    TRY(files_read_whole(files, path, FILE_LIMIT, &file, &arena, err));
    TRY(files_read_whole(files, password_path, FILE_LIMIT, &password, &arena, err));
    enum status st = keystore_read(file, first_line(password), &secret, &why);
    if (st == ST_OK)
        st = keys_from_secrets(&secret, 1, out, &why);
    OPENSSL_cleanse(&secret, sizeof(secret));
    OPENSSL_cleanse(memory, sizeof(memory));
    return st == ST_OK ? ST_OK : fail(err, st, "%s: %s", path, why.text);
}
