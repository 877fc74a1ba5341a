#include "client/key_choice.h"

#include "client/keystore.h"
#include "harness/test.h"

#include <stdlib.h>
#include <unistd.h>

static const char FIRST_KEY[] =
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
static const char FIRST_ADDRESS[] = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";

static void check_is_first(const char *key, const char *from)
{
    struct key_choice choice;
    struct err err = {{0}};
    CHECK(key_choose(key, from, files_of_system(), &choice, &err) == ST_OK);
    CHECK(strcmp(hex_text(BYTES_OF(choice.signer.who), test_arena()), FIRST_ADDRESS) == 0);
    key_choice_end(&choice);
}

TEST(key_is_chosen_in_any_of_its_forms)
{
    check_is_first(FIRST_KEY, "");
    check_is_first("test:0", "");
    check_is_first("test:0", FIRST_ADDRESS);
    check_is_first("http://127.0.0.1:1", FIRST_ADDRESS);
}

TEST(key_of_a_keystore_file_takes_its_password_from_the_environment)
{
    secret32 secret;
    bytes content;
    struct err err = {{0}};
    char path[] = "/tmp/varve-key-XXXXXX";
    int file = mkstemp(path);
    CHECK(hex_read_fixed((bytes){(const u8 *)FIRST_KEY, 66}, secret.b, 32) == ST_OK);
    CHECK(keystore_write(&secret, BYTES_LIT("secret"), KEYSTORE_LIGHT, &content, test_arena(),
                         &err) == ST_OK);
    CHECK(write(file, content.data, content.size) == (ssize_t)content.size);
    setenv("VARVE_PASSWORD", "secret", 1);
    check_is_first(path, "");
    struct key_choice choice;
    setenv("VARVE_PASSWORD", "another", 1);
    CHECK(key_choose(path, "", files_of_system(), &choice, &err) == ST_INVALID);
    CHECK(strstr(err.text, path) != NULL);
    unsetenv("VARVE_PASSWORD");
    close(file);
    unlink(path);
}

TEST(key_that_is_none_is_refused_with_one_sentence_that_says_why)
{
    static const struct {
        const char *key, *from, *why;
    } rows[] = {
        {"", "", "--key"},
        {"0x1234", "", "64 digits"},
        {"0x0000000000000000000000000000000000000000000000000000000000000000", "", "no key"},
        {"test:many", "", "small number"},
        {"http://127.0.0.1:1", "", "--from"},
        {"http://127.0.0.1:1", "somebody", "an address"},
        {"/nonexistent", "", "/nonexistent"},
        {"test:1", "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266", "not that of --from"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct key_choice choice;
        struct err err = {{0}};
        CHECK_ROW(i,
                  key_choose(rows[i].key, rows[i].from, files_of_system(), &choice, &err) != ST_OK);
        CHECK_ROW(i, strstr(err.text, rows[i].why) != NULL);
        CHECK_ROW(i, strstr(err.text, "1234") == NULL); /* never the secret */
    }
}
