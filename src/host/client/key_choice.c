#include "client/key_choice.h"

#include "base/hex.h"
#include "client/keystore.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static bool begins_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bytes text_bytes(const char *text)
{
    return (bytes){(const u8 *)text, strlen(text)};
}

/* --- Passwords. */

enum { PASSWORD_SIZE = 1024 };

/* A line from the terminal, which does not echo it. */
static enum status read_hidden(int terminal, char *to, usize size, struct err *err)
{
    struct termios before, silent;
    usize count = 0;
    if (tcgetattr(terminal, &before) != 0)
        return fail(err, ST_IO, "the terminal cannot be kept from showing the password");
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(terminal, TCSAFLUSH, &silent);
    while (count + 1 < size && read(terminal, to + count, 1) == 1 && to[count] != '\n')
        count++;
    to[count] = 0;
    tcsetattr(terminal, TCSAFLUSH, &before);
    return ST_OK;
}

static enum status ask_password(const char *path, char *to, usize size, struct err *err)
{
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (terminal < 0)
        return fail(err, ST_MISSING,
                    "%s needs a password: set VARVE_PASSWORD, there is no terminal to ask on",
                    path);
    dprintf(terminal, "Password of %s: ", path);
    enum status st = read_hidden(terminal, to, size, err);
    dprintf(terminal, "\n");
    close(terminal);
    return st;
}

/* --- The forms. */

static enum status use_secret(secret32 *secret, struct key_choice *out, struct err *err)
{
    enum status st = keys_from_secrets(secret, 1, &out->keys, NULL);
    OPENSSL_cleanse(secret, sizeof(*secret));
    if (st != ST_OK)
        return fail(err, st, "--key is no key: it is zero, or beyond the curve's order");
    out->signer = signer_of_keys(out->keys, keys_address(out->keys, 0));
    return ST_OK;
}

static enum status choose_digits(const char *key, struct key_choice *out, struct err *err)
{
    secret32 secret;
    if (hex_read_fixed(text_bytes(key), secret.b, sizeof(secret.b)) != ST_OK) {
        OPENSSL_cleanse(&secret, sizeof(secret));
        return fail(err, ST_INVALID, "--key 0x… wants 64 digits"); /* and does not repeat them */
    }
    return use_secret(&secret, out, err);
}

static enum status choose_test(const char *index_text, struct key_choice *out, struct err *err)
{
    enum { MOST = 2000 };
    u256 index;
    if (hex_read_number(text_bytes(index_text), &index) != ST_OK || !u256_fits_u64(index) ||
        index.w[0] > MOST)
        return fail(err, ST_INVALID, "--key test:N wants a small number, not \"%s\"", index_text);
    TRY(keys_from_mnemonic(KEYS_TEST_MNEMONIC, (u32)index.w[0] + 1, &out->keys, err));
    out->signer = signer_of_keys(out->keys, keys_address(out->keys, index.w[0]));
    return ST_OK;
}

static enum status choose_remote(const char *url, const char *from, struct key_choice *out,
                                 struct err *err)
{
    enum { TIMEOUT_MS = 120000 }; /* a person may have to press a button */
    address who;
    if (from[0] == 0)
        return fail(err, ST_INVALID, "a signer has many keys: say which with --from ADDRESS");
    if (hex_read_fixed(text_bytes(from), who.b, sizeof(who.b)) != ST_OK)
        return fail(err, ST_INVALID, "--from wants an address, not \"%s\"", from);
    TRY(remote_signer_new(url, who, TIMEOUT_MS, NULL, &out->remote, err));
    out->signer = signer_of_remote(out->remote);
    return ST_OK;
}

static enum status choose_file(const char *path, const struct files *files, struct key_choice *out,
                               struct err *err)
{
    enum { FILE_LIMIT = 64 << 10 };
    struct err why;
    char password[PASSWORD_SIZE] = {0};
    u8 memory[2 * FILE_LIMIT];
    struct arena arena = arena_over(memory, sizeof(memory));
    bytes content;
    secret32 secret;
    enum status st = files_read_whole(files, path, FILE_LIMIT, &content, &arena, &why);
    if (st != ST_OK)
        return fail(err, st, "--key is 0x and 64 digits, test:N, a signer's URL or a file: %s",
                    why.text);
    const char *known = getenv("VARVE_PASSWORD");
    if (known == NULL)
        TRY(ask_password(path, password, sizeof(password), err));
    st = keystore_read(content, text_bytes(known != NULL ? known : password), &secret, &why);
    OPENSSL_cleanse(password, sizeof(password));
    if (st != ST_OK)
        return fail(err, st, "%s: %s", path, why.text);
    return use_secret(&secret, out, err);
}

static enum status choose(const char *key, const char *from, const struct files *files,
                          struct key_choice *out, struct err *err)
{
    if (key[0] == 0)
        return fail(err, ST_MISSING,
                    "this needs --key: 0x and 64 digits, a keystore file, a signer's URL, test:N");
    if (begins_with(key, "0x"))
        return choose_digits(key, out, err);
    if (begins_with(key, "test:"))
        return choose_test(key + strlen("test:"), out, err);
    if (begins_with(key, "http://") || begins_with(key, "https://"))
        return choose_remote(key, from, out, err);
    return choose_file(key, files, out, err);
}

enum status key_choose(const char *key, const char *from, const struct files *files,
                       struct key_choice *out, struct err *err)
{
    address wanted;
    *out = (struct key_choice){0};
    TRY(choose(key, from, files, out, err));
    if (from[0] == 0 || (hex_read_fixed(text_bytes(from), wanted.b, sizeof(wanted.b)) == ST_OK &&
                         address_equal(wanted, out->signer.who)))
        return ST_OK;
    key_choice_end(out);
    return fail(err, ST_INVALID, "--key is not that of --from %s", from);
}

void key_choice_end(struct key_choice *choice)
{
    keys_free(choice->keys);
    remote_signer_free(choice->remote);
    *choice = (struct key_choice){0};
}
