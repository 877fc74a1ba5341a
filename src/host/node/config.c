#include "node/config.h"

#include "node/mesh.h"

#include <string.h>

static const struct setting settings[] = {
#define SETTING(...) SETTING_ROW(struct config, __VA_ARGS__)
#include "node/config.def"
#undef SETTING
};

static void set_presets(struct config *config)
{
#define SETTING(field, flag, kind, preset, commands, value, help) config->field = (preset);
#include "node/config.def"
#undef SETTING
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

/* What belongs to a child chain goes together. */
static enum status check_child(const struct config *config, struct err *err)
{
    if (config->command != NODE)
        return ST_OK;
    bool is_child = config->rollup[0] != 0;
    if (is_child && config->parent[0] == 0)
        return fail(err, ST_INVALID, "--rollup needs --parent URL: the child follows it");
    if (!is_child && config->parent[0] != 0)
        return fail(err, ST_INVALID, "--parent needs --rollup FILE, which varve deploy writes");
    if (!is_child && config->role[0] != 0)
        return fail(err, ST_INVALID, "--role needs --rollup FILE, which varve deploy writes");
    if (is_child && strcmp(config->orderer, "dev") == 0)
        return fail(
            err, ST_INVALID,
            "--orderer dev makes blocks, and so does a child's sequencer: with --rollup, say "
            "--role sequencer instead");
    if (!is_child && config->sequencer[0] != 0)
        return fail(err, ST_INVALID, "--sequencer needs --rollup FILE, which varve deploy writes");
    return ST_OK;
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
    TRY(check_child(config, err));
    if (config->layers > CONFIG_MOST_LAYERS)
        return fail(err, ST_INVALID, "--l2 is at most %d", CONFIG_MOST_LAYERS);
    if (config->layer_port > UINT16_MAX)
        return fail(err, ST_INVALID, "--l2.port %lu is no port", config->layer_port);
    if (config->channels > MESH_MOST ||
        (config->channels != 0 && config->channels + 2 > config->accounts))
        return fail(err, ST_INVALID, "--channels is at most %d, and two less than --accounts",
                    MESH_MOST);
    if (config->channels != 0 && config->parent[0] != 0)
        return fail(err, ST_INVALID, "--channels are on up's own L1, not on --parent");
    if (config->channel_port > UINT16_MAX)
        return fail(err, ST_INVALID, "--channels.port %lu is no port", config->channel_port);
    if (config->accounts > 1000)
        return fail(err, ST_INVALID, "--accounts is at most 1000");
    if (strcmp(config->log, "text") != 0 && strcmp(config->log, "json") != 0)
        return fail(err, ST_INVALID, "--log is text or json, not \"%s\"", config->log);
    return ST_OK;
}

void config_presets(enum config_command command, struct config *out)
{
    *out = (struct config){.command = command};
    set_presets(out);
    if (command == UP)
        out->orderer = "dev";
}

enum status config_read(enum config_command command, int argc, char **argv, struct config *out,
                        struct err *err)
{
    config_presets(command, out);
    TRY(settings_read(settings, countof(settings), command, argc, argv, out, NULL, err));
    if (out->block_time > 0 && command == NODE && out->rollup[0] == 0)
        out->orderer = "dev"; /* a child's time between blocks is its sequencer's */
    return check(out, err);
}

void config_print_help(enum config_command command)
{
    settings_print(settings, countof(settings), command);
}
