#include "node/config.h"

#include "base/hex.h"

#include <stdio.h>

enum kind { TEXT, NUMBER, SWITCH };

static const struct setting {
    const char *flag;
    enum kind kind;
    unsigned commands;
    usize offset;
    const char *value, *help;
    const char *preset;
} settings[] = {
#define SETTING(field, flag, kind, preset, commands, value, help)                                  \
    {flag, kind, commands, offsetof(struct config, field), value, help, #preset},
#include "node/config.def"
#undef SETTING
};

static void set_presets(struct config *config)
{
#define SETTING(field, flag, kind, preset, commands, value, help) config->field = (preset);
#include "node/config.def"
#undef SETTING
}

static const struct setting *find_setting(enum config_command command, const char *flag)
{
    for (usize i = 0; i < countof(settings); i++)
        if ((settings[i].commands & command) != 0 && strcmp(settings[i].flag, flag) == 0)
            return &settings[i];
    return NULL;
}

static enum status set_value(struct config *config, const struct setting *setting, const char *text,
                             struct err *err)
{
    void *field = (u8 *)config + setting->offset;
    u256 number;
    switch (setting->kind) {
    case TEXT:
        *(const char **)field = text;
        return ST_OK;
    case NUMBER:
        if (hex_read_number((bytes){(const u8 *)text, strlen(text)}, &number) != ST_OK ||
            !u256_fits_u64(number))
            return fail(err, ST_INVALID, "%s wants a number, not \"%s\"", setting->flag, text);
        *(u64 *)field = number.w[0];
        return ST_OK;
    case SWITCH:
        *(bool *)field = true;
        return ST_OK;
    }
    bug("unknown kind of setting");
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static enum status check(const struct config *config, struct err *err)
{
    bool dev = strcmp(config->orderer, "dev") == 0;
    if (!dev && strcmp(config->orderer, "none") != 0)
        return fail(err, ST_INVALID, "--orderer is none or dev, not \"%s\"", config->orderer);
    if (config->http_port > UINT16_MAX)
        return fail(err, ST_INVALID, "--http.port %lu is no port", config->http_port);
    if (dev && !is_loopback(config->http_addr) && !config->unsafe)
        return fail(err, ST_INVALID,
                    "the dev orderer's keys and methods would be open to everyone who reaches %s: "
                    "say --unsafe if that is what you want",
                    config->http_addr);
    if (config->accounts > 1000)
        return fail(err, ST_INVALID, "--accounts is at most 1000");
    if (strcmp(config->log, "text") != 0 && strcmp(config->log, "json") != 0)
        return fail(err, ST_INVALID, "--log is text or json, not \"%s\"", config->log);
    return ST_OK;
}

enum status config_read(enum config_command command, int argc, char **argv, struct config *out,
                        struct err *err)
{
    *out = (struct config){.command = command};
    set_presets(out);
    if (command == UP)
        out->orderer = "dev";
    for (int i = 1; i < argc; i++) {
        const struct setting *setting = find_setting(command, argv[i]);
        if (setting == NULL)
            return fail(err, ST_INVALID, "unknown flag \"%s\" (--help lists them)", argv[i]);
        const char *text = NULL;
        if (setting->kind != SWITCH) {
            if (i + 1 == argc)
                return fail(err, ST_INVALID, "%s wants a value: %s", argv[i], setting->value);
            text = argv[++i];
        }
        TRY(set_value(out, setting, text, err));
    }
    if (out->block_time > 0 && command == NODE)
        out->orderer = "dev";
    return check(out, err);
}

void config_print_help(enum config_command command)
{
    for (usize i = 0; i < countof(settings); i++) {
        const struct setting *each = &settings[i];
        if ((each->commands & command) == 0)
            continue;
        bool has_preset = each->kind != SWITCH && strcmp(each->preset, "\"\"") != 0 &&
                          strcmp(each->preset, "0") != 0 &&
                          each->offset != offsetof(struct config, orderer);
        printf("  %-14s %-8s %s", each->flag, each->value, each->help);
        if (has_preset)
            printf(" (%s)", each->preset);
        printf("\n");
    }
}
