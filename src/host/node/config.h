/* What can be set, as one table: config.def. The command line, its help and the struct come from
 * it. */
#ifndef NODE_CONFIG_H
#define NODE_CONFIG_H

#include "base/status.h"

/* Commands that take a setting. */
enum config_command { UP = 1, NODE = 2 };

typedef const char *config_TEXT;
typedef u64 config_NUMBER;
typedef bool config_SWITCH;

struct config {
    enum config_command command;
#define SETTING(field, flag, kind, preset, commands, value, help) config_##kind field;
#include "node/config.def"
#undef SETTING
};

/* Reads what stands after the command's name; texts are borrowed. ST_INVALID: an unknown flag, a
 * value that is missing or wrong, or settings that exclude each other. */
enum status config_read(enum config_command command, int argc, char **argv, struct config *out,
                        struct err *err);

/* Prints the settings of a command. */
void config_print_help(enum config_command command);

#endif
