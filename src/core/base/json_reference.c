#include "base/json_reference.h"

#include <jansson.h>
#include <stdio.h>

struct form {
    char *to;
    usize size, room;
};

static void put(struct form *form, const char *text, usize size)
{
    for (usize i = 0; i < size && form->size < form->room; i++)
        form->to[form->size++] = text[i];
}

static void put_string(struct form *form, const char *text, usize size)
{
    put(form, "s", 1);
    for (usize i = 0; i < size; i++) {
        char digits[3];
        snprintf(digits, sizeof(digits), "%02x", (u8)text[i]);
        put(form, digits, 2);
    }
    put(form, ",", 1);
}

/* As deep as the test's short texts are. */
static void put_value(struct form *form, json_t *value)
{
    const char *key;
    json_t *item;
    usize index;
    char number[40];
    if (json_is_object(value)) {
        put(form, "{", 1);
        json_object_foreach(value, key, item)
        {
            put_string(form, key, strlen(key));
            put_value(form, item);
        }
        put(form, "},", 2);
    } else if (json_is_array(value)) {
        put(form, "[", 1);
        json_array_foreach(value, index, item) put_value(form, item);
        put(form, "],", 2);
    } else if (json_is_string(value)) {
        put_string(form, json_string_value(value), json_string_length(value));
    } else if (json_is_number(value)) {
        int size = snprintf(number, sizeof(number), "%.17g,", json_number_value(value));
        put(form, number, (usize)size);
    } else {
        put(form, json_is_true(value) ? "t," : json_is_false(value) ? "f," : "n,", 2);
    }
}

usize reference_json(bytes text, char *to, usize room)
{
    json_error_t error;
    usize flags =
        JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;
    json_t *value = json_loadb((const char *)text.data, text.size, flags, &error);
    if (value == NULL)
        return 0;
    struct form form = {to, 0, room};
    put_value(&form, value);
    json_decref(value);
    return form.size;
}
