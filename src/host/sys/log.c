#include "sys/log.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "base/json_out.h"
#include "sys/clock.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_SIZE = 2048, /* below PIPE_BUF: a pipe that polls as ready takes it whole */
    LIVE_SIZE = 256,
    PATIENCE_MS = 50, /* how long a line waits for a reader that kept up so far */
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static struct {
    pthread_mutex_t lock;
    struct log_options options;
    bool terminal;
    u64 lost; /* lines since the last one that got through */
    char live[LIVE_SIZE];
} sink = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .options = {.level = LEVEL_INFO, .fd = STDERR_FILENO},
};

void log_setup(struct log_options options)
{
    sink.options = options;
    sink.terminal = !options.json && isatty(options.fd) == 1;
}

bool log_level_of(const char *name, enum log_level *out)
{
    for (usize i = 0; i < countof(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* --- The two forms. */

struct line {
    char text[LINE_SIZE];
    usize size;
};

/* Keeps room for the newline. */
static void put(struct line *line, const char *text, usize size)
{
    usize left = LINE_SIZE - 1 - line->size;
    size = size < left ? size : left;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

[[gnu::format(printf, 2, 3)]] static void put_fmt(struct line *line, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    usize size = fmt_va(text, sizeof(text), format, args);
    va_end(args);
    put(line, text, size < sizeof(text) ? size : sizeof(text) - 1);
}

static void put_hex(struct line *line, bytes value)
{
    char digits[2 * 65]; /* the longest are signatures */
    bytes shown = bytes_slice(value, 0, sizeof(digits) / 2);
    hex_write(digits, shown);
    put(line, "0x", 2);
    put(line, digits, shown.size * 2);
}

static bool is_plain(u8 c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
}

/* As it is where that is clear, else in quotes, with everything but ASCII's letters and signs
 * escaped. */
static void put_value(struct line *line, bytes value)
{
    bool plain = value.size > 0;
    for (usize i = 0; i < value.size && plain; i++)
        plain = is_plain(value.data[i]);
    if (plain) {
        put(line, (const char *)value.data, value.size);
        return;
    }
    put(line, "\"", 1);
    for (usize i = 0; i < value.size; i++) {
        u8 c = value.data[i];
        if (is_plain(c) || c == ' ' || c == '=')
            put(line, (const char *)&c, 1);
        else if (c == '"' || c == '\\')
            put_fmt(line, "\\%c", c);
        else
            put_fmt(line, "\\x%02x", c);
    }
    put(line, "\"", 1);
}

static void write_for_people(struct line *line, enum log_level level, const char *part,
                             const char *text, va_list fields)
{
    u64 now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm local;
    localtime_r(&seconds, &local);
    put_fmt(line, "%02d:%02d:%02d.%03u ", local.tm_hour, local.tm_min, local.tm_sec,
            (unsigned)(now_ms % 1000));
    put_fmt(line, "%s%s %s  %s", level_names[level], strlen(level_names[level]) == 4 ? " " : "",
            part, text);
    struct log_field field;
    while ((field = va_arg(fields, struct log_field)).kind != FIELD_END) {
        put_fmt(line, " %s=", field.key);
        if (field.kind == FIELD_U64)
            put_fmt(line, "%lu", field.number);
        else if (field.kind == FIELD_HEX)
            put_hex(line, field.content);
        else
            put_value(line, field.content);
    }
}

static void write_as_json(struct line *line, enum log_level level, const char *part,
                          const char *text, va_list fields)
{
    struct json_out out = json_out_over(line->text, LINE_SIZE - 2); /* for the brace, the newline */
    u64 now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    char time[32];
    gmtime_r(&seconds, &utc);
    fmt(time, sizeof(time), "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", utc.tm_year + 1900,
        utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
        (unsigned)(now_ms % 1000));
    json_open_object(&out);
    json_key(&out, "time");
    json_put_cstr(&out, time);
    json_key(&out, "level");
    json_put_cstr(&out, level_names[level]);
    json_key(&out, "part");
    json_put_cstr(&out, part);
    json_key(&out, "text");
    json_put_cstr(&out, text);
    usize whole = out.size; /* a field that does not fit is left out whole, and those after it */
    struct log_field field;
    while ((field = va_arg(fields, struct log_field)).kind != FIELD_END && !out.failed) {
        json_key(&out, field.key);
        if (field.kind == FIELD_U64)
            json_put_u64(&out, field.number);
        else if (field.kind == FIELD_HEX)
            json_put_hex(&out, field.content);
        else
            json_put_text(&out, field.content);
        whole = out.failed ? whole : out.size;
    }
    line->size = whole;
    put(line, "}", 1);
}

/* --- The sink. Under its lock. */

/* False: the reader does not take it. A reader that has fallen behind gets no second wait. */
static bool write_out(const char *text, usize size)
{
    struct pollfd ready = {.fd = sink.options.fd, .events = POLLOUT};
    if (poll(&ready, 1, sink.lost == 0 ? PATIENCE_MS : 0) != 1)
        return false;
    return write(sink.options.fd, text, size) == (ssize_t)size;
}

static void write_lines(const struct line *line)
{
    char text[LINE_SIZE + LIVE_SIZE + 128];
    usize size = 0;
    if (sink.live[0] != 0)
        size += fmt(text, 8, "\r\033[K");
    if (sink.lost > 0 && sink.options.json)
        size += fmt(text + size, 96,
                    "{\"level\":\"warn\",\"part\":\"log\",\"text\":\"lines lost\","
                    "\"count\":%lu}\n",
                    sink.lost);
    else if (sink.lost > 0)
        size += fmt(text + size, 96, "%lu lines of the log are lost: its reader was too slow\n",
                    sink.lost);
    memcpy(text + size, line->text, line->size);
    size += line->size;
    text[size++] = '\n';
    size += fmt(text + size, LIVE_SIZE, "%s", sink.live);
    sink.lost = write_out(text, size) ? 0 : sink.lost + 1;
}

void log_write(enum log_level level, const char *part, const char *text, ...)
{
    if (level > sink.options.level)
        return;
    struct line line;
    line.size = 0;
    va_list fields;
    va_start(fields, text);
    (sink.options.json ? write_as_json : write_for_people)(&line, level, part, text, fields);
    va_end(fields);
    pthread_mutex_lock(&sink.lock);
    write_lines(&line);
    pthread_mutex_unlock(&sink.lock);
}

void log_live(const char *line)
{
    if (!sink.terminal)
        return;
    char text[LIVE_SIZE + 8];
    pthread_mutex_lock(&sink.lock);
    fmt(sink.live, sizeof(sink.live), "%s", line);
    usize size = fmt(text, sizeof(text), "\r\033[K%s", sink.live);
    (void)write_out(text, size); /* the next one comes soon */
    pthread_mutex_unlock(&sink.lock);
}
