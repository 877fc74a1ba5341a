/* Reading JSON (RFC 8259, strictly) without building anything: a value is the bytes that spell it.
 *
 * json_check judges a whole text once; everything else walks text that it has accepted, so walking
 * cannot fail and only answers what is there:
 *
 *     json all, key, item;
 *     TRY(json_check(text, 32, &all, err));
 *     bytes method = json_text(json_get(all, "method"), arena);
 *     for (struct json_walk at = json_begin(json_get(all, "params")); json_next(&at, &key, &item);)
 *         ...
 *
 * A value that is not there is JSON_ABSENT, and so is everything inside it, so that paths need one
 * check at their end. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/status.h"

enum { JSON_MAX_DEPTH = 512 };

/* One accepted value, white space around it left off. Borrows from the text. */
typedef struct {
    bytes text;
} json;

enum json_kind {
    JSON_ABSENT,
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

/* Accepts exactly one value, nested at most `max_depth` (up to JSON_MAX_DEPTH) arrays and objects
 * deep. Strings are valid UTF-8 and escaped surrogates come in pairs. Takes linear time.
 * ST_INVALID: not JSON; the sentence names the byte. */
enum status json_check(bytes text, usize max_depth, json *out, struct err *err);

enum json_kind json_kind(json value);
static inline bool json_is(json value, enum json_kind kind)
{
    return json_kind(value) == kind;
}

/* The member named `key`, the first of several; absent where `object` is no object. */
json json_get(json object, const char *key);
/* The element at `index`. Walks from the start. */
json json_at(json array, usize index);
/* Members or elements; 0 for anything else. */
usize json_count(json value);

/* Over members of an object, or elements of an array (their key is absent). */
struct json_walk {
    bytes rest;
    bool object;
};
struct json_walk json_begin(json value);
bool json_next(struct json_walk *at, json *key, json *item);

/* What a string says, escapes resolved. Borrows from the text, or lives in `arena` where there were
 * escapes. Empty for anything but a string. */
bytes json_text(json string, struct arena *arena);
/* Whether a string says this. */
bool json_says(json string, const char *text);

/* A number without sign, fraction and exponent that fits. ST_INVALID: anything else. */
enum status json_read_u64(json number, u64 *out);
/* ST_INVALID: neither true nor false. */
enum status json_read_bool(json value, bool *out);

#endif
