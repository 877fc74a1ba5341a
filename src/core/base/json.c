#include "base/json.h"

#include "base/utf8.h"

/* --- Judging. */

struct scan {
    const u8 *start, *at, *end;
    const char *wrong; /* what was expected at `at`, once something is wrong */
};

static bool wrong(struct scan *scan, const char *what)
{
    scan->wrong = what;
    return false;
}

static u8 peek(const struct scan *scan)
{
    return scan->at < scan->end ? *scan->at : 0; /* a zero byte stands nowhere in JSON */
}

static bool take(struct scan *scan, u8 c)
{
    bool here = scan->at < scan->end && *scan->at == c;
    scan->at += here;
    return here;
}

static bool is_space(u8 c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_digit(u8 c)
{
    return c >= '0' && c <= '9';
}

static void skip_space(struct scan *scan)
{
    while (is_space(peek(scan)))
        scan->at++;
}

static bool take_digits(struct scan *scan)
{
    if (!is_digit(peek(scan)))
        return wrong(scan, "a digit");
    while (is_digit(peek(scan)))
        scan->at++;
    return true;
}

static bool take_number(struct scan *scan)
{
    take(scan, '-');
    if (!take(scan, '0') && !take_digits(scan))
        return false;
    if (take(scan, '.') && !take_digits(scan))
        return false;
    if (take(scan, 'e') || take(scan, 'E')) {
        if (!take(scan, '-'))
            take(scan, '+');
        return take_digits(scan);
    }
    return true;
}

static bool take_word(struct scan *scan, const char *word)
{
    usize size = strlen(word);
    if ((usize)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0)
        return wrong(scan, "a value");
    scan->at += size;
    return true;
}

/* Four hexadecimal digits, or -1. */
static int hex4(const u8 *at, const u8 *end)
{
    int value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        u8 c = at[i], letter = c | 0x20;
        if (!is_digit(c) && (letter < 'a' || letter > 'f'))
            return -1;
        value = value << 4 | (is_digit(c) ? c - '0' : letter - 'a' + 10);
    }
    return value;
}

/* What follows a backslash. A high surrogate must be followed by an escaped low one. */
static bool take_escape(struct scan *scan)
{
    u8 c = peek(scan);
    if (c == 0 || strchr("\"\\/bfnrtu", c) == NULL)
        return wrong(scan, "an escape");
    scan->at++;
    if (c != 'u')
        return true;
    int unit = hex4(scan->at, scan->end);
    if (unit < 0)
        return wrong(scan, "four hexadecimal digits");
    scan->at += 4;
    if (unit < 0xd800 || unit > 0xdfff)
        return true;
    if (unit <= 0xdbff && take(scan, '\\') && take(scan, 'u')) {
        int low = hex4(scan->at, scan->end);
        if (low >= 0xdc00 && low <= 0xdfff) {
            scan->at += 4;
            return true;
        }
    }
    return wrong(scan, "a pair of surrogates");
}

static bool take_string(struct scan *scan)
{
    if (!take(scan, '"'))
        return wrong(scan, "a string");
    while (scan->at < scan->end) {
        u8 c = *scan->at;
        if (c >= 0x80) {
            usize size = utf8_size((bytes){scan->at, (usize)(scan->end - scan->at)});
            if (size == 0)
                return wrong(scan, "UTF-8");
            scan->at += size;
        } else if (c < 0x20) {
            return wrong(scan, "an escape instead of a control character");
        } else {
            scan->at++;
            if (c == '"')
                return true;
            if (c == '\\' && !take_escape(scan))
                return false;
        }
    }
    return wrong(scan, "the string's end");
}

static bool take_scalar(struct scan *scan)
{
    switch (peek(scan)) {
    case '"':
        return take_string(scan);
    case 't':
        return take_word(scan, "true");
    case 'f':
        return take_word(scan, "false");
    case 'n':
        return take_word(scan, "null");
    default:
        if (peek(scan) == '-' || is_digit(peek(scan)))
            return take_number(scan);
        return wrong(scan, "a value");
    }
}

static bool take_key(struct scan *scan)
{
    skip_space(scan);
    if (!take_string(scan))
        return false;
    skip_space(scan);
    return take(scan, ':') || wrong(scan, "a colon");
}

/* One value, without recursion: `close` holds the bracket that each open array or object wants. */
static bool take_value(struct scan *scan, usize max_depth)
{
    u8 close[JSON_MAX_DEPTH];
    usize depth = 0;
    for (;;) {
        skip_space(scan);
        u8 open = peek(scan);
        if (open == '{' || open == '[') {
            if (depth == max_depth)
                return wrong(scan, "less nesting");
            close[depth++] = open == '{' ? '}' : ']';
            scan->at++;
            skip_space(scan);
            if (peek(scan) != close[depth - 1]) {
                if (open == '{' && !take_key(scan))
                    return false;
                continue;
            }
        } else if (!take_scalar(scan)) {
            return false;
        }
        for (;;) { /* after a value: the next one, or the end of what holds it */
            if (depth == 0)
                return true;
            skip_space(scan);
            if (take(scan, ',')) {
                if (close[depth - 1] == '}' && !take_key(scan))
                    return false;
                break;
            }
            if (!take(scan, close[depth - 1]))
                return wrong(scan, "a comma or a closing bracket");
            depth--;
        }
    }
}

enum status json_check(bytes text, usize max_depth, json *out, struct err *err)
{
    assert(max_depth <= JSON_MAX_DEPTH);
    if (text.size == 0)
        return fail(err, ST_INVALID, "JSON: expected a value at byte 0");
    struct scan scan = {text.data, text.data, text.data + text.size, NULL};
    skip_space(&scan);
    const u8 *from = scan.at;
    if (take_value(&scan, max_depth)) {
        *out = (json){{from, (usize)(scan.at - from)}};
        skip_space(&scan);
        if (scan.at != scan.end)
            scan.wrong = "nothing after the value";
    }
    if (scan.wrong != NULL)
        return fail(err, ST_INVALID, "JSON: expected %s at byte %zu", scan.wrong,
                    (usize)(scan.at - scan.start));
    return ST_OK;
}

/* --- Walking. The text has been accepted: only bounds that it guarantees are left out. */

enum json_kind json_kind(json value)
{
    if (value.text.size == 0)
        return JSON_ABSENT;
    switch (value.text.data[0]) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

/* After the quote that ends the string beginning at `at`. */
static const u8 *string_end(const u8 *at, const u8 *end)
{
    for (const u8 *from = at + 1;;) {
        const u8 *quote = memchr(from, '"', (usize)(end - from));
        usize backslashes = 0;
        while (quote[-1 - (i64)backslashes] == '\\')
            backslashes++;
        if (backslashes % 2 == 0)
            return quote + 1;
        from = quote + 1;
    }
}

static const u8 *value_end(const u8 *at, const u8 *end)
{
    usize depth = 0;
    while (at < end) {
        u8 c = *at;
        if (c == '"') {
            at = string_end(at, end);
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
            continue;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return at;
            depth--;
            at++;
        } else if (depth == 0 && (c == ',' || c == ':' || is_space(c))) {
            return at;
        } else {
            at++;
            continue;
        }
        if (depth == 0)
            return at;
    }
    return at;
}

static json take_item(bytes *rest)
{
    if (rest->size == 0)
        return (json){BYTES_EMPTY};
    const u8 *at = rest->data, *end = rest->data + rest->size;
    while (at < end && (is_space(*at) || *at == ',' || *at == ':'))
        at++;
    const u8 *stop = value_end(at, end);
    *rest = (bytes){stop, (usize)(end - stop)};
    return (json){{at, (usize)(stop - at)}};
}

struct json_walk json_begin(json value)
{
    enum json_kind kind = json_kind(value);
    if (kind != JSON_OBJECT && kind != JSON_ARRAY)
        return (struct json_walk){BYTES_EMPTY, false};
    return (struct json_walk){{value.text.data + 1, value.text.size - 2}, kind == JSON_OBJECT};
}

bool json_next(struct json_walk *at, json *key, json *item)
{
    *key = at->object ? take_item(&at->rest) : (json){BYTES_EMPTY};
    *item = take_item(&at->rest);
    return item->text.size > 0;
}

json json_get(json object, const char *key)
{
    json name, item;
    struct json_walk at = json_begin(object);
    while (at.object && json_next(&at, &name, &item))
        if (json_says(name, key))
            return item;
    return (json){BYTES_EMPTY};
}

json json_at(json array, usize index)
{
    json key, item;
    struct json_walk at = json_begin(array);
    while (!at.object && json_next(&at, &key, &item))
        if (index-- == 0)
            return item;
    return (json){BYTES_EMPTY};
}

usize json_count(json value)
{
    json key, item;
    usize count = 0;
    for (struct json_walk at = json_begin(value); json_next(&at, &key, &item);)
        count++;
    return count;
}

/* --- Scalars. */

/* Reads one character of a string, escaped or not, and writes what it means: a byte of it where it
 * is not escaped, all of it (at most 4) where it is. */
static u8 *put_character(u8 *to, const u8 **at, const u8 *end)
{
    static const u8 plain[][2] = {{'b', '\b'}, {'f', '\f'}, {'n', '\n'}, {'r', '\r'}, {'t', '\t'}};
    u8 c = *(*at)++;
    if (c != '\\') {
        *to++ = c;
        return to;
    }
    c = *(*at)++;
    if (c == 'u') {
        u32 code = (u32)hex4(*at, end);
        *at += 4;
        if (code >= 0xd800 && code <= 0xdbff) {
            code = 0x10000 + ((code - 0xd800) << 10) + ((u32)hex4(*at + 2, end) - 0xdc00);
            *at += 6;
        }
        return utf8_put(to, code);
    }
    for (usize i = 0; i < countof(plain); i++)
        if (c == plain[i][0])
            c = plain[i][1];
    *to++ = c;
    return to;
}

bytes json_text(json string, struct arena *arena)
{
    if (!json_is(string, JSON_STRING))
        return BYTES_EMPTY;
    bytes raw = {string.text.data + 1, string.text.size - 2};
    if (raw.size == 0 || memchr(raw.data, '\\', raw.size) == NULL)
        return raw;
    u8 *text = ARENA_TAKE(arena, u8, raw.size), *to = text; /* no escape is shorter than its text */
    for (const u8 *at = raw.data, *end = raw.data + raw.size; at < end;)
        to = put_character(to, &at, end);
    return (bytes){text, (usize)(to - text)};
}

bool json_says(json string, const char *text)
{
    if (!json_is(string, JSON_STRING))
        return false;
    bytes left = {(const u8 *)text, strlen(text)};
    const u8 *end = string.text.data + string.text.size - 1;
    for (const u8 *at = string.text.data + 1; at < end;) {
        u8 piece[4], *stop = put_character(piece, &at, end);
        bytes said = {piece, (usize)(stop - piece)};
        if (!bytes_equal(said, bytes_slice(left, 0, said.size)))
            return false;
        left = bytes_slice(left, said.size, left.size);
    }
    return left.size == 0;
}

enum status json_read_u64(json number, u64 *out)
{
    if (!json_is(number, JSON_NUMBER))
        return ST_INVALID;
    *out = 0;
    for (usize i = 0; i < number.text.size; i++) {
        u8 c = number.text.data[i];
        if (!is_digit(c) || __builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, (u64)(c - '0'), out))
            return ST_INVALID;
    }
    return ST_OK;
}

enum status json_read_bool(json value, bool *out)
{
    *out = json_is(value, JSON_BOOL) && value.text.data[0] == 't';
    return json_is(value, JSON_BOOL) ? ST_OK : ST_INVALID;
}
