/* The JSON reader beside a library's (jansson): both accept the same texts and see the same in
 * them. The texts are strung together at random from pieces that are likely to matter. */
#include "base/json_reference.h"

#include "base/json.h"
#include "harness/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* xorshift64*: the same texts in every run. */
static u64 next_random(u64 *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1d >> 32;
}

static const char *const pieces[] = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "\"",
    "\"a\"",
    "\"a\":",
    "\"\":",
    "1",
    "0",
    "-",
    "-0",
    "12",
    "1.5",
    "1e3",
    "1E-2",
    "01",
    ".",
    "e",
    "true",
    "false",
    "null",
    "nul",
    "\\",
    "\\n",
    "\\u",
    "\\u0041",
    "\\ud83d",
    "\\ude00",
    "\\ud83d\\ude00",
    "\\u0000",
    "\\x",
    "\x7f",
    "\x01",
    "\xc3\xa9",
    "\xe2\x82\xac",
    "\xf0\x9f\x98\x80",
    "\xc0\x80",
    "\xed\xa0\x80",
    "\xf4\x90\x80\x80",
    "\xff",
    "\xe2\x82",
    "\t",
    "\"x\":{",
    "\"y\":[",
    "[]",
    "{}",
    "\"\\\"\"",
    ",\"b\":",
};

enum { MAX_PIECES = 12 };

static bytes random_text(u64 *state, u8 *text)
{
    u8 *to = text;
    usize count = 1 + next_random(state) % MAX_PIECES;
    const char *around = (const char *const[]){"", "\"", "[]", "{}"}[next_random(state) % 4];
    if (around[0] != 0)
        *to++ = (u8)around[0];
    for (usize i = 0; i < count; i++) {
        const char *piece = pieces[next_random(state) % countof(pieces)];
        bytes_copy(to, (bytes){(const u8 *)piece, strlen(piece)});
        to += strlen(piece);
    }
    if (around[0] != 0)
        *to++ = (u8)around[strlen(around) - 1];
    return (bytes){text, (usize)(to - text)};
}

/* Our side of the form that reference_json writes. */
struct form {
    char text[2048];
    usize size;
    bool beyond; /* something that the library refuses though it is JSON */
};

static void put(struct form *form, const char *text, usize size)
{
    memcpy(form->text + form->size, text, size);
    form->size += size;
}

static void put_string(struct form *form, json value)
{
    struct arena tmp = *test_arena();
    bytes said = json_text(value, &tmp);
    put(form, "s", 1);
    hex_write(form->text + form->size, said);
    form->size += 2 * said.size;
    put(form, ",", 1);
}

static bool has_key_twice(json object, struct arena tmp)
{
    json key, item, other;
    for (struct json_walk at = json_begin(object); json_next(&at, &key, &item);)
        for (struct json_walk rest = at; json_next(&rest, &other, &item);)
            if (bytes_equal(json_text(key, &tmp), json_text(other, &tmp)))
                return true;
    return false;
}

/* As deep as the short texts are. */
static void put_value(struct form *form, json value)
{
    json key, item;
    char number[320];
    enum json_kind kind = json_kind(value);
    if (kind == JSON_OBJECT || kind == JSON_ARRAY) {
        put(form, kind == JSON_OBJECT ? "{" : "[", 1);
        form->beyond |= kind == JSON_OBJECT && has_key_twice(value, *test_arena());
        for (struct json_walk at = json_begin(value); json_next(&at, &key, &item);) {
            struct arena tmp = *test_arena();
            bytes name = json_text(key, &tmp);
            form->beyond |= name.size > 0 && memchr(name.data, 0, name.size) != NULL;
            if (at.object)
                put_string(form, key);
            put_value(form, item);
        }
        put(form, kind == JSON_OBJECT ? "}," : "],", 2);
    } else if (kind == JSON_STRING) {
        put_string(form, value);
    } else if (kind == JSON_NUMBER) {
        snprintf(number, sizeof(number), "%.*s", (int)value.text.size,
                 (const char *)value.text.data);
        double parsed = strtod(number, NULL);
        form->beyond |= isinf(parsed);
        put(form, number, (usize)snprintf(number, sizeof(number), "%.17g,", parsed));
    } else {
        put(form, kind == JSON_NULL ? "n," : value.text.data[0] == 't' ? "t," : "f,", 2);
    }
}

TEST(json_reads_what_a_library_reads)
{
    enum { ROUNDS = 200000 };
    u64 state = 1;
    usize accepted = 0;
    for (usize round = 0; round < ROUNDS; round++) {
        u8 memory[256];
        char theirs[2048];
        json value;
        struct form ours = {.size = 0};
        bytes text = random_text(&state, memory);
        bool good = json_check(text, 32, &value, NULL) == ST_OK;
        if (good)
            put_value(&ours, value);
        if (ours.beyond)
            continue;
        usize size = reference_json(text, theirs, sizeof(theirs));
        accepted += good;
        if (size != ours.size || memcmp(theirs, ours.text, size) != 0)
            test_fail(__FILE__, __LINE__, "round %zu: %.*s", round, (int)text.size,
                      (const char *)text.data);
    }
    CHECK(accepted > ROUNDS / 50);
}
