/* What the commands for channels have in common. */
#ifndef CLI_CHANNEL_H
#define CLI_CHANNEL_H

#include "base/arena.h"
#include "base/json.h"
#include "base/json_out.h"
#include "node/settings.h"

enum channel_command {
    DAEMON = 1,
    CONTRACTS = 2,
    LIST = 4,
    OPEN = 8,
    TOPUP = 16,
    SEND = 32,
    CLOSE = 64,
    INVOICING = 128,
    PAY = 256,
    GRAPH = 512,
    SPLICE = 1024,
    TOWER = 2048,
    SWAP = 4096,
    HISTORY = 8192,
    APPS = 16384,
    PROPOSE = 32768,
    SETTLE = 65536,
    SERVERS = DAEMON | TOWER,
    CALLS = LIST | OPEN | TOPUP | SEND | CLOSE | INVOICING | PAY | GRAPH | SPLICE | SWAP | HISTORY |
            APPS | PROPOSE | SETTLE,
};

struct channel_settings {
#define SETTING(field, flag, kind, preset, commands, value, help) setting_##kind field;
#include "cli/channel.def"
#undef SETTING
    struct setting_words words;
};

enum status channel_node(const struct channel_settings *settings, struct err *err);
enum status channel_restore(const struct channel_settings *settings, struct err *err);
enum status channel_tower(const struct channel_settings *settings, struct err *err);
/* Prints what becomes of channels, until the daemon ends. */
enum status channel_watch(const struct channel_settings *settings, struct arena *arena,
                          struct err *err);
enum status channel_contracts(const struct channel_settings *settings, struct err *err);

#endif
