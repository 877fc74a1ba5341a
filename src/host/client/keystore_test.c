#include "client/keystore.h"

#include "base/fmt.h"
#include "base/json.h"
#include "harness/test.h"

#include <stdio.h>

TEST(keystore_reads_the_official_files)
{
    const char *folder = test_fixture_folder("small");
    char path[4200];
    if (folder == NULL)
        return;
    fmt(path, sizeof(path), "%s/KeyStoreTests/basic_tests.json", folder);
    json all = {BYTES_EMPTY}, key, row;
    usize count = 0;
    CHECK(json_check(test_read_file(path), 16, &all, NULL) == ST_OK);
    for (struct json_walk at = json_begin(all); json_next(&at, &key, &row); count++) {
        bytes password = json_text(json_get(row, "password"), test_arena());
        u8 want[32];
        secret32 secret;
        struct err err;
        CHECK_ROW(count, hex_read_fixed(json_text(json_get(row, "priv"), test_arena()), want, 32) ==
                             ST_OK);
        CHECK_ROW(count,
                  keystore_read(json_get(row, "json").text, password, &secret, &err) == ST_OK);
        CHECK_ROW(count, bytes_equal(BYTES_OF(secret), BYTES_OF(want)));
        CHECK_ROW(count, keystore_read(json_get(row, "json").text, BYTES_LIT("guess"), &secret,
                                       &err) == ST_INVALID);
        CHECK_ROW(count, strcmp(err.text, "the password is wrong") == 0);
    }
    CHECK(count >= 5);
}

static bytes written(bytes password)
{
    secret32 secret = {{[31] = 5}};
    bytes file = BYTES_EMPTY;
    CHECK(keystore_write(&secret, password, KEYSTORE_LIGHT, &file, test_arena(), NULL) == ST_OK);
    return file;
}

TEST(keystore_reads_what_it_has_written)
{
    static const char *const passwords[] = {"", "correct horse",
                                            "p\xc3\xa4ssword \xf0\x9f\x94\x91"};
    for (usize i = 0; i < countof(passwords); i++) {
        bytes password = {(const u8 *)passwords[i], strlen(passwords[i])};
        secret32 secret = {{0}};
        CHECK_ROW(i, keystore_read(written(password), password, &secret, NULL) == ST_OK);
        CHECK_ROW(i, secret.b[31] == 5 && secret.b[0] == 0);
    }
    bytes file = written(BYTES_EMPTY), other = written(BYTES_EMPTY);
    CHECK(!bytes_equal(file, other)); /* salt, iv, id */
}

/* The file with one text in it replaced by another. */
static bytes with(bytes file, const char *says, const char *instead)
{
    u8 *at = memmem(file.data, file.size, says, strlen(says));
    char *out = ARENA_TAKE(test_arena(), char, file.size + 200);
    CHECK(at != NULL);
    usize head = (usize)(at - file.data);
    usize size =
        fmt(out, file.size + 200, "%.*s%s%.*s", (int)head, (const char *)file.data, instead,
            (int)(file.size - head - strlen(says)), (const char *)at + strlen(says));
    return (bytes){(const u8 *)out, size};
}

TEST(keystore_refuses_what_is_none_and_what_asks_for_too_much)
{
    static const struct {
        const char *says, *instead, *why;
        enum status want;
    } rows[] = {
        {"\"version\":3", "\"version\":2", "another version", ST_INVALID},
        {"aes-128-ctr", "aes-128-cbc", "cipher", ST_INVALID},
        {"\"scrypt\"", "\"argon2\"", "kdf", ST_INVALID},
        {"\"dklen\":32", "\"dklen\":64", "dklen", ST_INVALID},
        {"\"n\":4096", "\"n\":4095", "scrypt", ST_INVALID},
        {"\"n\":4096", "\"n\":0", "scrypt", ST_INVALID},
        {"\"n\":4096", "\"n\":1073741824", "sensible", ST_FULL},
        {"\"r\":8", "\"r\":18446744073709551615", "scrypt", ST_INVALID},
        {"\"r\":8", "\"r\":65535", "sensible", ST_FULL},
        {"\"p\":6", "\"p\":6000000", "scrypt", ST_INVALID},
        {"\"p\":6", "\"p\":60000", "sensible", ST_FULL},
        {"\"iv\":\"", "\"iv\":\"00", "iv", ST_INVALID},
        {"\"ciphertext\":\"", "\"ciphertext\":\"00", "32 bytes", ST_INVALID},
        {"\"mac\":\"", "\"mac\":\"0", "mac", ST_INVALID},
        {"\"address\":\"", "\"address\":\"0102030405060708090a0b0c0d0e0f1011121314\",\"x\":\"",
         "its address", ST_INVALID},
        {"{", "", "not JSON", ST_INVALID},
    };
    bytes file = written(BYTES_LIT("x"));
    for (usize i = 0; i < countof(rows); i++) {
        secret32 secret;
        struct err err = {{0}};
        CHECK_ROW(i, keystore_read(with(file, rows[i].says, rows[i].instead), BYTES_LIT("x"),
                                   &secret, &err) == rows[i].want);
        CHECK_ROW(i, strstr(err.text, rows[i].why) != NULL);
    }
}

TEST(keystore_files_are_loaded_with_a_password_from_a_file)
{
    const struct files *files = files_of_system();
    const char *folder = test_folder();
    struct keys *keys = NULL;
    struct err err;
    char path[300], password[300];
    fmt(path, sizeof(path), "%s/key", folder);
    fmt(password, sizeof(password), "%s/password", folder);
    CHECK(files_write_whole(files, path, written(BYTES_LIT("secret words")), &err) == ST_OK);
    CHECK(files_write_whole(files, password, BYTES_LIT("secret words\n"), &err) == ST_OK);
    CHECK(keystore_load(files, path, password, &keys, &err) == ST_OK);
    CHECK(keys_count(keys) == 1);
    keys_free(keys);
    CHECK(files_write_whole(files, password, BYTES_LIT("secret word"), &err) == ST_OK);
    CHECK(keystore_load(files, path, password, &keys, &err) == ST_INVALID);
    CHECK(strstr(err.text, path) != NULL && strstr(err.text, "the password is wrong") != NULL);
    CHECK(keystore_load(files, path, "/nowhere", &keys, &err) == ST_MISSING);
}
