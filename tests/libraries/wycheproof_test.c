/* Project Wycheproof's cases of what packaged libraries do for us: ECDH over secp256k1
 * (handshakes), AES-GCM and HMAC-SHA-256 (keys, transports). They judge the libraries as this
 * machine links them. ECDSA, which is core's own, is in src/core/crypto/wycheproof_test.c. */
#include "base/fmt.h"
#include "base/json.h"
#include "harness/vectors.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <secp256k1.h>
#include <secp256k1_ecdh.h>

static bytes member(json object, const char *name)
{
    return vectors_hex(json_text(json_get(object, name), test_arena()));
}

static u64 number(json object, const char *name)
{
    u64 value = 0;
    CHECK(json_read_u64(json_get(object, name), &value) == ST_OK);
    return value;
}

/* What a case comes to: refused, or a result that is right or wrong. */
enum outcome { REFUSED, RIGHT, WRONG };

/* --- ECDH. */

/* A point as X.509's SubjectPublicKeyInfo spells it in DER; any other spelling is refused. */
static bool read_point(bytes in, secp256k1_pubkey *out)
{
    static const struct {
        u8 prefix[23];
        usize point_size;
    } spellings[] = {
        {{0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
          0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a, 0x03, 0x42, 0x00},
         65},
        {{0x30, 0x36, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
          0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a, 0x03, 0x22, 0x00},
         33},
    };
    for (usize i = 0; i < countof(spellings); i++) {
        usize skip = sizeof(spellings[i].prefix);
        if (in.size == skip + spellings[i].point_size &&
            memcmp(in.data, spellings[i].prefix, skip) == 0)
            return secp256k1_ec_pubkey_parse(secp256k1_context_static, out, in.data + skip,
                                             spellings[i].point_size) == 1;
    }
    return false;
}

static int keep_x(unsigned char *out, const unsigned char *x, const unsigned char *y, void *data)
{
    (void)y;
    (void)data;
    memcpy(out, x, 32);
    return 1;
}

static enum outcome run_ecdh(json group, json item)
{
    (void)group;
    secp256k1_pubkey point;
    u8 scalar[32] = {0}, shared[32];
    bytes key = member(item, "private"), want = member(item, "shared");
    while (key.size > 0 && key.data[0] == 0) /* as Java writes integers */
        key = bytes_slice(key, 1, key.size);
    if (key.size > sizeof(scalar) || !read_point(member(item, "public"), &point))
        return REFUSED;
    bytes_copy(scalar + sizeof(scalar) - key.size, key);
    if (!secp256k1_ecdh(secp256k1_context_static, shared, &point, scalar, keep_x, NULL))
        return REFUSED;
    return bytes_equal(BYTES_OF(shared), want) ? RIGHT : WRONG;
}

/* --- AES-GCM. */

/* OpenSSL takes no longer IVs, though the standard has none too long. */
enum { MOST = 4096, LONGEST_IV = 128 };

static const EVP_CIPHER *gcm_of(bytes key)
{
    return key.size == 16   ? EVP_aes_128_gcm()
           : key.size == 24 ? EVP_aes_192_gcm()
                            : EVP_aes_256_gcm();
}

static bool open_gcm(EVP_CIPHER_CTX *ctx, json item, bytes key, bytes text, u8 *out)
{
    bytes iv = member(item, "iv"), aad = member(item, "aad"), tag = member(item, "tag");
    u8 wanted[16];
    int size, rest;
    if (tag.size != sizeof(wanted) || iv.size == 0)
        return false;
    memcpy(wanted, tag.data, sizeof(wanted));
    return EVP_DecryptInit_ex(ctx, gcm_of(key), NULL, NULL, NULL) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_IVLEN, (int)iv.size, NULL) == 1 &&
           EVP_DecryptInit_ex(ctx, NULL, NULL, key.data, iv.data) == 1 &&
           (aad.size == 0 || EVP_DecryptUpdate(ctx, NULL, &size, aad.data, (int)aad.size) == 1) &&
           EVP_DecryptUpdate(ctx, out, &size, text.data, (int)text.size) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, sizeof(wanted), wanted) == 1 &&
           EVP_DecryptFinal_ex(ctx, out + size, &rest) == 1;
}

/* What a counter block of 12 zeros and a one encrypts, and the tag of `aad` and `text` as
 * ciphertext under it: their difference is GHASH, which long IVs are made shorter by (SP
 * 800-38D, 7.1). */
static void ghash(EVP_CIPHER_CTX *ctx, bytes key, bytes aad, bytes text, u8 out[16])
{
    static const u8 zeros[MOST] = {0}, nonce[12] = {0};
    u8 plain[MOST], ignored[MOST + 16], tags[2][16];
    int size;
    /* First nothing at all: its tag is the encrypted block, because GHASH of nothing is zero. */
    CHECK(EVP_EncryptInit_ex(ctx, gcm_of(key), NULL, key.data, nonce) &&
          EVP_EncryptFinal_ex(ctx, ignored, &size) &&
          EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, tags[0]));
    /* The key stream, then what encrypts to `text`. */
    for (int round = 0; round < 2; round++) {
        CHECK(EVP_EncryptInit_ex(ctx, gcm_of(key), NULL, key.data, nonce) &&
              (aad.size == 0 || EVP_EncryptUpdate(ctx, NULL, &size, aad.data, (int)aad.size)) &&
              EVP_EncryptUpdate(ctx, ignored, &size, round == 0 ? zeros : plain, (int)text.size) &&
              EVP_EncryptFinal_ex(ctx, ignored + size, &size) &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, tags[1]));
        for (usize i = 0; i < text.size; i++)
            plain[i] = ignored[i] ^ text.data[i];
    }
    for (usize i = 0; i < 16; i++)
        out[i] = tags[0][i] ^ tags[1][i];
}

/* One block, or a stream from the counter block after this one. */
static void encrypt_block(EVP_CIPHER_CTX *ctx, bytes key, const u8 in[16], u8 out[16])
{
    static const u8 zeros[16] = {0};
    const EVP_CIPHER *ctr = key.size == 16   ? EVP_aes_128_ctr()
                            : key.size == 24 ? EVP_aes_192_ctr()
                                             : EVP_aes_256_ctr();
    int size;
    CHECK(EVP_EncryptInit_ex(ctx, ctr, NULL, key.data, in) &&
          EVP_EncryptUpdate(ctx, out, &size, zeros, 16));
}

/* AES-GCM with an IV of any size, of the library's parts. */
static bool open_long_iv(EVP_CIPHER_CTX *ctx, json item, bytes key, bytes text, u8 *out)
{
    u8 counter[16], mask[16], hash[16];
    int size;
    bytes tag = member(item, "tag");
    ghash(ctx, key, BYTES_EMPTY, member(item, "iv"), counter);
    ghash(ctx, key, member(item, "aad"), text, hash);
    encrypt_block(ctx, key, counter, mask); /* and the stream goes on from here */
    CHECK(EVP_EncryptUpdate(ctx, out, &size, text.data, (int)text.size));
    for (usize i = 0; i < sizeof(mask); i++)
        mask[i] ^= hash[i];
    return bytes_equal(BYTES_OF(mask), tag);
}

static enum outcome run_gcm(json group, json item)
{
    (void)group;
    u8 out[MOST + EVP_MAX_BLOCK_LENGTH];
    bytes want = member(item, "msg"), text = member(item, "ct"), key = member(item, "key");
    CHECK(text.size <= MOST && text.size == want.size);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool opened = member(item, "iv").size > LONGEST_IV ? open_long_iv(ctx, item, key, text, out)
                                                       : open_gcm(ctx, item, key, text, out);
    EVP_CIPHER_CTX_free(ctx);
    if (!opened)
        return REFUSED;
    return bytes_equal((bytes){out, text.size}, want) ? RIGHT : WRONG;
}

/* --- HMAC-SHA-256, tags cut to the group's size. */

static enum outcome run_hmac(json group, json item)
{
    u8 mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    bytes key = member(item, "key"), message = member(item, "msg"), tag = member(item, "tag");
    CHECK(HMAC(EVP_sha256(), key.data, (int)key.size, message.data, message.size, mac, &size));
    usize want = number(group, "tagSize") / 8;
    return want <= size && bytes_equal((bytes){mac, want}, tag) ? RIGHT : REFUSED;
}

static const struct {
    const char *file;
    enum outcome (*run)(json group, json item);
    usize cases;
} files[] = {
    {"ecdh_secp256k1_test.json", run_ecdh, 752},
    {"aes_gcm_test.json", run_gcm, 316},
    {"hmac_sha256_test.json", run_hmac, 174},
};

/* "acceptable" cases may be refused, but must not come out wrong. */
static bool judge(json item, enum outcome outcome)
{
    json result = json_get(item, "result");
    if (json_says(result, "acceptable"))
        return outcome != WRONG;
    return outcome == (json_says(result, "valid") ? RIGHT : REFUSED);
}

static usize run_group(usize file, json group)
{
    usize count = 0;
    json name, item;
    for (struct json_walk at = json_begin(json_get(group, "tests")); json_next(&at, &name, &item);
         count++)
        if (!judge(item, files[file].run(group, item)))
            test_fail(__FILE__, __LINE__, "%s, case %lu", files[file].file, number(item, "tcId"));
    return count;
}

TEST(the_libraries_agree_with_wycheproof)
{
    const char *folder = test_fixture_folder("wycheproof");
    for (usize i = 0; folder != NULL && i < countof(files); i++) {
        char path[4200];
        json all, name, group;
        usize count = 0;
        fmt(path, sizeof(path), "%s/%s", folder, files[i].file);
        CHECK_ROW(i, json_check(test_read_file(path), 32, &all, NULL) == ST_OK);
        for (struct json_walk at = json_begin(json_get(all, "testGroups"));
             json_next(&at, &name, &group);)
            count += run_group(i, group);
        CHECK_ROW(i, count == files[i].cases);
    }
}
