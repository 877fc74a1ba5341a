/* What the commands for layer 2 have in common: their settings, and how they end. */
#ifndef CLI_LAYER2_H
#define CLI_LAYER2_H

#include "base/arena.h"
#include "client/eth.h"
#include "client/key_choice.h"
#include "layer/rollup.h"
#include "node/settings.h"
#include "sys/pages.h"

enum layer2_command {
    DEPLOY = 1,
    DEPOSIT = 2,
    WITHDRAW = 4,
    STATUS = 8,
    LIST = 16,
    FORCE = 32,
    EXIT = 64,
    BRIDGE = DEPOSIT | WITHDRAW | STATUS | LIST | FORCE,
};

struct layer2_settings {
#define SETTING(field, flag, kind, preset, commands, value, help) setting_##kind field;
#include "cli/layer2.def"
#undef SETTING
    struct setting_words words;
};

/* A command while it runs. */
struct layer2_run {
    const struct layer2_settings *settings;
    const struct files *files;
    struct pages pages;
    struct arena arena;
};

struct layer2_words {
    const char *name, *usage, *help; /* after "varve", and in words */
    enum layer2_command command;
    usize least, most; /* words besides flags */
    enum status (*run)(struct layer2_run *run, struct err *err);
};

/* Reads the settings and runs: the program's exit code. */
int layer2_main(const struct layer2_words *words, int argc, char **argv);

/* A chain that answers now; later it is waited for, if it does not. */
enum status layer2_reach(const char *url, struct eth **out, struct err *err);

/* An address in a setting; ST_INVALID names the flag. */
enum status layer2_address(const char *flag, const char *text, address *out, struct err *err);

/* "0x…" with a final zero. */
struct address_text {
    char text[43];
};
struct address_text address_write(address who);
struct hash_text {
    char text[67];
};
struct hash_text hash_write(hash32 hash);

/* One line for the person who waits; printf's formats. */
[[gnu::format(printf, 1, 2)]] void say(const char *format, ...);

#endif
