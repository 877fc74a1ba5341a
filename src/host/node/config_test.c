#include "node/config.h"

#include "harness/test.h"

static enum status read_line(enum config_command command, const char *const *words,
                             struct config *out, struct err *err)
{
    char *argv[16] = {NULL};
    char *copy = ARENA_NEW(test_arena(), char, 1024);
    int argc = 0;
    for (usize i = 0; words[i] != NULL; i++) {
        argv[argc++] = strcpy(copy, words[i]);
        copy += strlen(words[i]) + 1;
    }
    return config_read(command, argc, argv, out, err);
}

TEST(command_line_is_refused_with_one_sentence_that_says_why)
{
    static const struct {
        enum config_command command;
        const char *words[8];
        const char *why;
    } rows[] = {
        {UP, {"up", "--nope"}, "unknown flag \"--nope\""},
        {UP, {"up", "--genesis", "x"}, "unknown flag \"--genesis\""},
        {UP, {"up", "--http.port"}, "--http.port wants a value: PORT"},
        {UP, {"up", "--http.port", "many"}, "--http.port wants a number, not \"many\""},
        {UP, {"up", "--http.port", "65536"}, "is no port"},
        {UP, {"up", "--http.addr", "0.0.0.0"}, "--unsafe"},
        {NODE, {"node", "--orderer", "pos"}, "--orderer is none or dev"},
        {NODE, {"node", "--block-time", "100", "--http.addr", "192.0.2.1"}, "--unsafe"},
        {NODE, {"node", "--rollup", "x"}, "--rollup needs --parent"},
        {NODE, {"node", "--parent", "x"}, "--parent needs --rollup"},
        {NODE, {"node", "--role", "batcher"}, "--role needs --rollup"},
        {NODE,
         {"node", "--rollup", "x", "--parent", "x", "--orderer", "dev"},
         "say --role sequencer instead"},
        {NODE, {"node", "--sequencer", "x"}, "--sequencer needs --rollup"},
        {UP, {"up", "--l2", "17"}, "--l2 is at most 16"},
        {UP, {"up", "--l2.port", "65536"}, "--l2.port 65536 is no port"},
        {NODE, {"node", "--log", "xml"}, "--log is text or json"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct config config;
        struct err err = {{0}};
        CHECK_ROW(i, read_line(rows[i].command, rows[i].words, &config, &err) == ST_INVALID);
        CHECK_ROW(i, strstr(err.text, rows[i].why) != NULL);
    }
}

TEST(command_line_fills_what_it_does_not_say_from_the_table)
{
    struct config config;
    struct err err;
    static const char *const up[] = {"up",          "--http.port", "0x10", "--unsafe",
                                     "--http.addr", "0.0.0.0",     NULL};
    CHECK(read_line(UP, up, &config, &err) == ST_OK);
    CHECK(config.http_port == 16 && config.unsafe && config.accounts == 10);
    CHECK(strcmp(config.orderer, "dev") == 0 && strcmp(config.log, "text") == 0);
    static const char *const node[] = {"node", NULL}, *const timed[] = {"node", "--block-time",
                                                                        "50", NULL};
    CHECK(read_line(NODE, node, &config, &err) == ST_OK);
    CHECK(strcmp(config.orderer, "none") == 0 && config.http_port == 8545);
    CHECK(read_line(NODE, timed, &config, &err) == ST_OK);
    CHECK(strcmp(config.orderer, "dev") == 0 && config.block_time == 50);
    static const char *const child[] = {"node",     "--rollup",     "x",  "--parent",
                                        "http://x", "--block-time", "50", NULL};
    CHECK(read_line(NODE, child, &config, &err) == ST_OK); /* two would make its blocks */
    CHECK(strcmp(config.orderer, "none") == 0 && config.block_time == 50);
}
