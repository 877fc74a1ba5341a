#include "cli/layer2.h"

#include "base/hex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Address space for all that a command reads. */
#define RUN_PAGES ((usize)16 << 30)

static const struct setting table[] = {
#define SETTING(...) SETTING_ROW(struct layer2_settings, __VA_ARGS__)
#include "cli/layer2.def"
#undef SETTING
};

static const struct layer2_settings presets = {
#define SETTING(field, flag, kind, preset, commands, value, help) .field = (preset),
#include "cli/layer2.def"
#undef SETTING
};

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static enum status read_settings(const struct layer2_words *words, int argc, char **argv,
                                 struct layer2_settings *out, struct err *err)
{
    *out = presets;
    TRY(settings_read(table, countof(table), words->command, argc, argv, out, &out->words, err));
    if (out->words.count < words->least || out->words.count > words->most)
        return fail(err, ST_INVALID, "usage: varve %s %s", words->name, words->usage);
    return ST_OK;
}

int layer2_main(const struct layer2_words *words, int argc, char **argv)
{
    enum { FAILED = 1, MISUSED = 2 };
    struct layer2_settings settings;
    struct err err;
    if (asks_for_help(argc, argv)) {
        printf("usage: varve %s %s\n\n%s\n\n", words->name, words->usage, words->help);
        settings_print(table, countof(table), words->command);
        return 0;
    }
    if (read_settings(words, argc, argv, &settings, &err) != ST_OK) {
        fprintf(stderr, "varve: %s\n", err.text);
        return MISUSED;
    }
    struct layer2_run run = {.settings = &settings, .files = files_of_system()};
    enum status st = pages_reserve(RUN_PAGES, &run.pages, &err);
    run.arena = pages_arena(&run.pages);
    if (st == ST_OK)
        st = words->run(&run, &err);
    pages_release(&run.pages);
    if (st != ST_OK)
        fprintf(stderr, "varve: %s\n", err.text);
    return st == ST_OK ? 0 : FAILED;
}

enum status layer2_reach(const char *url, struct eth **out, struct err *err)
{
    enum { FIRST_PATIENCE_MS = 3000 }; /* whoever types it wants to know */
    struct eth *first;
    u64 ignored;
    struct eth_options options = {.url = url, .patience_ms = FIRST_PATIENCE_MS};
    TRY(eth_new(&options, &first, err));
    enum status st = eth_ask_chain_id(first, &ignored, err);
    eth_free(first);
    TRY(st);
    options.patience_ms = 0;
    return eth_new(&options, out, err);
}

enum status layer2_address(const char *flag, const char *text, address *out, struct err *err)
{
    bytes in = {(const u8 *)text, strlen(text)};
    if (hex_read_fixed(in, out->b, sizeof(out->b)) != ST_OK)
        return fail(err, ST_INVALID, "%s wants an address, not \"%s\"", flag, text);
    return ST_OK;
}

struct address_text address_write(address who)
{
    struct address_text out = {"0x"};
    hex_write(out.text + 2, BYTES_OF(who));
    return out;
}

struct hash_text hash_write(hash32 hash)
{
    struct hash_text out = {"0x"};
    hex_write(out.text + 2, BYTES_OF(hash));
    return out;
}

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
}
