/* The program's log: one line an event, to standard error.
 *
 *     log_info("chain", "block imported", LOG_U64("number", number), LOG_HEX("hash", hash));
 *
 *     03:04:05.678 info  chain  block imported  number=12 hash=0x5f…        for people
 *     {"time":"2026-11-21T03:04:05.678Z","level":"info","part":"chain",     --log json
 *      "text":"block imported","number":12,"hash":"0x5f…"}
 *
 * Any thread may write. What values say is escaped, so nobody can forge a line or talk to the
 * terminal. A reader too slow to take the lines loses some instead of holding up the program; the
 * next line that gets through says how many. The sink is the process's, as standard error is. */
#ifndef SYS_LOG_H
#define SYS_LOG_H

#include "base/bytes.h"

enum log_level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG };

struct log_options {
    enum log_level level; /* lines above it are not written */
    bool json;
    int fd;
};

/* Before other threads start. Without it: people's form, LEVEL_INFO, standard error. */
void log_setup(struct log_options options);

/* The level of a name, "error" to "debug"; false: there is none of that name. */
bool log_level_of(const char *name, enum log_level *out);

struct log_field {
    const char *key;
    enum { FIELD_END, FIELD_U64, FIELD_TEXT, FIELD_HEX } kind;
    u64 number;
    bytes content;
};

#define LOG_U64(key, value) ((struct log_field){(key), FIELD_U64, (value), BYTES_EMPTY})
#define LOG_TEXT(key, text) log_text_field((key), (text))
#define LOG_BYTES(key, text) ((struct log_field){(key), FIELD_TEXT, 0, (text)})
/* Of an object such as a hash or an address, as "0x…". */
#define LOG_HEX(key, object) ((struct log_field){(key), FIELD_HEX, 0, BYTES_OF(object)})

static inline struct log_field log_text_field(const char *key, const char *text)
{
    return (struct log_field){key, FIELD_TEXT, 0, {(const u8 *)text, strlen(text)}};
}

/* `part` is the module that speaks. The fields follow, and LOG_END after them. A line holds about
 * 2,000 bytes; what is longer is cut. */
void log_write(enum log_level level, const char *part, const char *text, ...);

#define LOG_END ((struct log_field){0})
#define log_error(...) log_write(LEVEL_ERROR, __VA_ARGS__, LOG_END)
#define log_warn(...) log_write(LEVEL_WARN, __VA_ARGS__, LOG_END)
#define log_info(...) log_write(LEVEL_INFO, __VA_ARGS__, LOG_END)
#define log_debug(...) log_write(LEVEL_DEBUG, __VA_ARGS__, LOG_END)

/* Shows one line that stays below the log and is written over by the next: the live line of
 * `varve up`. Nothing happens where the log is no terminal, or JSON. "" takes it away. */
void log_live(const char *line);

#endif
