/* Settings of commands as one table: the command line, its help and the struct with their values
 * come from it. A table is a file of rows
 *
 *     SETTING(field, flag, kind, preset, commands, value, help)
 *
 * in which the kind is TEXT, NUMBER, SWITCH or LIST (a flag that may come several times), and
 * `commands` are bits of those that take it. */
#ifndef NODE_SETTINGS_H
#define NODE_SETTINGS_H

#include "base/status.h"

typedef const char *setting_TEXT;
typedef u64 setting_NUMBER;
typedef bool setting_SWITCH;
typedef struct {
    const char *list[8];
    usize count;
} setting_LIST;

enum setting_kind { SETTING_TEXT, SETTING_NUMBER, SETTING_SWITCH, SETTING_LIST };

struct setting {
    const char *flag;
    enum setting_kind kind;
    unsigned commands;
    usize offset;
    const char *value, *help;
    const char *preset; /* as the table writes it */
};

#define SETTING_ROW(type, field, flag, kind, preset, commands, value, help)                        \
    {flag, SETTING_##kind, commands, offsetof(type, field), value, help, #preset},

/* What stands on a line besides flags. */
struct setting_words {
    const char *list[3];
    usize count;
};

/* Reads what stands after the command's name into `out`, over its presets; texts are borrowed.
 * `words` NULL: the command takes none. ST_INVALID: an unknown flag, or a value that is missing or
 * wrong. */
enum status settings_read(const struct setting *table, usize count, unsigned command, int argc,
                          char **argv, void *out, struct setting_words *words, struct err *err);

/* A line for each setting of the command; presets that say nothing are left out. */
void settings_print(const struct setting *table, usize count, unsigned command);

#endif
