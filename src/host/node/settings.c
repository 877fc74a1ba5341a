#include "node/settings.h"

#include "base/hex.h"

#include <stdio.h>

static const struct setting *find_setting(const struct setting *table, usize count,
                                          unsigned command, const char *flag)
{
    for (usize i = 0; i < count; i++)
        if ((table[i].commands & command) != 0 && strcmp(table[i].flag, flag) == 0)
            return &table[i];
    return NULL;
}

static enum status add_to_list(setting_LIST *list, const char *flag, const char *text,
                               struct err *err)
{
    if (list->count == countof(list->list))
        return fail(err, ST_INVALID, "%s may come %zu times", flag, countof(list->list));
    list->list[list->count++] = text;
    return ST_OK;
}

static enum status set_value(const struct setting *setting, const char *text, void *out,
                             struct err *err)
{
    void *field = (u8 *)out + setting->offset;
    u256 number;
    switch (setting->kind) {
    case SETTING_TEXT:
        *(const char **)field = text;
        return ST_OK;
    case SETTING_NUMBER:
        if (hex_read_number((bytes){(const u8 *)text, strlen(text)}, &number) != ST_OK ||
            !u256_fits_u64(number))
            return fail(err, ST_INVALID, "%s wants a number, not \"%s\"", setting->flag, text);
        *(u64 *)field = number.w[0];
        return ST_OK;
    case SETTING_SWITCH:
        *(bool *)field = true;
        return ST_OK;
    case SETTING_LIST:
        return add_to_list(field, setting->flag, text, err);
    }
    bug("unknown kind of setting");
}

static enum status take_word(const char *word, struct setting_words *words, struct err *err)
{
    if (words == NULL || word[0] == '-')
        return fail(err, ST_INVALID, "unknown flag \"%s\" (--help lists them)", word);
    if (words->count == countof(words->list))
        return fail(err, ST_INVALID, "\"%s\" is one word too many (--help says more)", word);
    words->list[words->count++] = word;
    return ST_OK;
}

enum status settings_read(const struct setting *table, usize count, unsigned command, int argc,
                          char **argv, void *out, struct setting_words *words, struct err *err)
{
    for (int i = 1; i < argc; i++) {
        const struct setting *setting = find_setting(table, count, command, argv[i]);
        if (setting == NULL) {
            TRY(take_word(argv[i], words, err));
            continue;
        }
        const char *text = NULL;
        if (setting->kind != SETTING_SWITCH) {
            if (i + 1 == argc)
                return fail(err, ST_INVALID, "%s wants a value: %s", argv[i], setting->value);
            text = argv[++i];
        }
        TRY(set_value(setting, text, out, err));
    }
    return ST_OK;
}

void settings_print(const struct setting *table, usize count, unsigned command)
{
    for (usize i = 0; i < count; i++) {
        const struct setting *each = &table[i];
        if ((each->commands & command) == 0)
            continue;
        bool has_preset = each->kind != SETTING_SWITCH && each->kind != SETTING_LIST &&
                          strcmp(each->preset, "\"\"") != 0 && strcmp(each->preset, "0") != 0;
        printf("  %-15s %-8s %s", each->flag, each->value, each->help);
        if (has_preset)
            printf(" (%s)", each->preset);
        printf("\n");
    }
}
