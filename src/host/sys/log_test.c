#include "sys/log.h"

#include "base/json.h"
#include "harness/test.h"
#include "sys/clock.h"

#include <fcntl.h>
#include <unistd.h>

/* What the log writes while it is led into this pipe. */
static int begin(struct log_options options)
{
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    options.fd = ends[1];
    log_setup(options);
    return ends[0];
}

static const char *end(int from, int to)
{
    char *text = ARENA_NEW(test_arena(), char, 1 << 16);
    log_setup((struct log_options){.level = LEVEL_INFO, .fd = STDERR_FILENO});
    close(to);
    for (usize size = 0; size < (1 << 16) - 1;) {
        ssize_t got = read(from, text + size, (1 << 16) - 1 - size);
        if (got <= 0)
            break;
        size += (usize)got;
    }
    close(from);
    return text;
}

TEST(log_lines_for_people_cannot_be_forged)
{
    struct log_options options = {.level = LEVEL_INFO};
    int from = begin(options);
    hash32 hash = {{0xab}};
    log_info("net", "connected", LOG_U64("port", 8545), LOG_TEXT("agent", "a\nb \033[2J\"c\""),
             LOG_TEXT("name", "geth/v1"), LOG_TEXT("empty", ""), LOG_HEX("hash", hash));
    log_debug("net", "not shown");
    const char *text = end(from, from + 1);
    CHECK(strstr(text, " info  net  connected port=8545 agent=\"a\\x0ab \\x1b[2J\\\"c\\\"\" "
                       "name=geth/v1 empty=\"\" hash=0xab0000") != NULL);
    CHECK(strchr(text, '\n') == text + strlen(text) - 1);
}

TEST(log_json_lines_are_json_even_when_fields_do_not_fit)
{
    struct log_options options = {.level = LEVEL_DEBUG, .json = true};
    int from = begin(options);
    u8 large[3000];
    memset(large, 'x', sizeof(large));
    log_warn("chain", "a \"quoted\" text", LOG_U64("number", 12), LOG_TEXT("what", "\xff\n"));
    log_debug("chain", "cut", LOG_U64("number", 13), LOG_BYTES("big", ((bytes){large, 3000})));
    const char *text = end(from, from + 1);
    for (u64 number = 12; number <= 13; number++) {
        const char *stop = strchr(text, '\n');
        json all;
        struct err err;
        u64 got = 0;
        CHECK(stop != NULL);
        CHECK(json_check((bytes){(const u8 *)text, (usize)(stop - text)}, 4, &all, &err) == ST_OK);
        CHECK(json_says(json_get(all, "part"), "chain"));
        CHECK(json_read_u64(json_get(all, "number"), &got) == ST_OK && got == number);
        text = stop + 1;
    }
}

TEST(log_loses_lines_instead_of_waiting_for_a_reader_that_sleeps)
{
    struct log_options options = {.level = LEVEL_INFO};
    int from = begin(options);
    u64 started_ms = clock_now_ms();
    for (u64 i = 0; i < 2000; i++)
        log_info("test", "nobody reads this", LOG_U64("i", i));
    CHECK(clock_now_ms() - started_ms < 5000);
    char drain[4096];
    for (int i = 0; i < 4; i++)
        CHECK(read(from, drain, sizeof(drain)) > 0);
    log_info("test", "after");
    CHECK(strstr(end(from, from + 1), "lines of the log are lost") != NULL);
}

TEST(log_levels_have_names)
{
    enum log_level level;
    CHECK(log_level_of("debug", &level) && level == LEVEL_DEBUG);
    CHECK(log_level_of("error", &level) && level == LEVEL_ERROR);
    CHECK(!log_level_of("loud", &level));
}
