/* Project Wycheproof's ECDSA cases for both curves: signatures with extreme intermediate values,
 * keys at the edges, and every way of writing r and s that must be refused. */
#include "crypto/p256.h"
#include "crypto/secp256k1.h"
#include "crypto/sha256.h"

#include "base/fmt.h"
#include "base/json.h"
#include "harness/vectors.h"

/* One INTEGER of DER, positive, shortest, at most 33 bytes. */
static bool der_integer(bytes *rest, u256 *out)
{
    const u8 *at = rest->data;
    if (rest->size < 3 || at[0] != 0x02 || at[1] == 0 || at[1] > 33 || at[1] > rest->size - 2)
        return false;
    bytes digits = {at + 2, at[1]};
    *rest = bytes_slice(*rest, 2 + digits.size, rest->size);
    if (digits.data[0] >= 0x80 || (digits.size > 1 && digits.data[0] == 0 && digits.data[1] < 0x80))
        return false;
    if (digits.size == 33 && digits.data[0] != 0)
        return false;
    *out = u256_from_be(digits.size == 33 ? bytes_slice(digits, 1, 32) : digits);
    return true;
}

/* SEQUENCE { r, s } with nothing before, between or behind. */
static bool read_der(bytes in, u256 *r, u256 *s)
{
    if (in.size < 2 || in.data[0] != 0x30 || in.data[1] != in.size - 2)
        return false;
    bytes rest = bytes_slice(in, 2, in.size);
    return der_integer(&rest, r) && der_integer(&rest, s) && rest.size == 0;
}

/* IEEE P1363: r and s, 32 bytes each. */
static bool read_p1363(bytes in, u256 *r, u256 *s)
{
    if (in.size != 64)
        return false;
    *r = u256_load_be(in.data);
    *s = u256_load_be(in.data + 32);
    return true;
}

static bool verify_k1(hash32 hash, u256 r, u256 s, const pubkey64 *key)
{
    return secp256k1_verify(hash, r, s, key);
}

static bool verify_k1_low_s(hash32 hash, u256 r, u256 s, const pubkey64 *key)
{
    return !u256_less(SECP256K1_HALF_ORDER, s) && secp256k1_verify(hash, r, s, key);
}

static bool verify_r1(hash32 hash, u256 r, u256 s, const pubkey64 *key)
{
    return p256_verify(hash, r, s, u256_load_be(key->b), u256_load_be(key->b + 32));
}

static const struct {
    const char *file;
    bool (*read)(bytes in, u256 *r, u256 *s);
    bool (*verify)(hash32 hash, u256 r, u256 s, const pubkey64 *key);
    usize cases;
} files[] = {
    {"ecdsa_secp256k1_sha256_test.json", read_der, verify_k1, 476},
    {"ecdsa_secp256k1_sha256_p1363_test.json", read_p1363, verify_k1, 252},
    {"ecdsa_secp256k1_sha256_bitcoin_test.json", read_der, verify_k1_low_s, 463},
    {"ecdsa_secp256r1_sha256_test.json", read_der, verify_r1, 484},
    {"ecdsa_secp256r1_sha256_p1363_test.json", read_p1363, verify_r1, 262},
};

static bytes hex_member(json object, const char *name)
{
    return vectors_hex(json_text(json_get(object, name), test_arena()));
}

/* Returns how many cases there were. */
static usize run_group(usize file, json group)
{
    usize count = 0;
    json name, item;
    pubkey64 key;
    bytes point = hex_member(json_get(group, "publicKey"), "uncompressed");
    CHECK_ROW(file, point.size == 1 + sizeof(key.b));
    memcpy(key.b, point.data + 1, sizeof(key.b));
    for (struct json_walk at = json_begin(json_get(group, "tests"));
         json_next(&at, &name, &item);) {
        u256 r, s;
        bool valid = files[file].read(hex_member(item, "sig"), &r, &s) &&
                     files[file].verify(sha256(hex_member(item, "msg")), r, s, &key);
        u64 id = 0;
        CHECK(json_read_u64(json_get(item, "tcId"), &id) == ST_OK);
        if (valid != json_says(json_get(item, "result"), "valid"))
            test_fail(__FILE__, __LINE__, "%s, case %lu", files[file].file, id);
        count++;
    }
    return count;
}

TEST(ecdsa_agrees_with_wycheproof)
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
