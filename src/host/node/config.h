/* What can be set of a node, as one table: config.def. */
#ifndef NODE_CONFIG_H
#define NODE_CONFIG_H

#include "node/settings.h"

/* Commands that take a setting. */
enum config_command { UP = 1, NODE = 2 };

enum { CONFIG_MOST_LAYERS = 16 }; /* of `up` */

struct config {
    enum config_command command;
#define SETTING(field, flag, kind, preset, commands, value, help) setting_##kind field;
#include "node/config.def"
#undef SETTING
};

/* What holds where nothing is said. */
void config_presets(enum config_command command, struct config *out);

/* Reads what stands after the command's name; texts are borrowed. ST_INVALID: an unknown flag, a
 * value that is missing or wrong, or settings that exclude each other. */
enum status config_read(enum config_command command, int argc, char **argv, struct config *out,
                        struct err *err);

/* Prints the settings of a command. */
void config_print_help(enum config_command command);

#endif
