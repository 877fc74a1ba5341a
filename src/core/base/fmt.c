#include "base/fmt.h"

#include "base/bug.h"
#include "base/status.h"

#include <string.h>

struct out {
    char *to;
    usize size;
    usize length; /* of the whole text, written or not */
};

static void put(struct out *out, char c)
{
    if (out->length + 1 < out->size)
        out->to[out->length] = c;
    out->length++;
}

static void put_text(struct out *out, const char *text, usize length, usize width)
{
    for (usize i = length; i < width; i++)
        put(out, ' ');
    for (usize i = 0; i < length; i++)
        put(out, text[i]);
}

static void put_number(struct out *out, u64 value, bool negative, unsigned base, usize width,
                       char pad)
{
    char digits[24];
    usize count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    if (negative && pad == '0')
        put(out, '-');
    usize length = count + (negative ? 1 : 0);
    for (; length < width; length++)
        put(out, pad);
    if (negative && pad != '0')
        put(out, '-');
    while (count > 0)
        put(out, digits[--count]);
}

usize fmt_va(char *to, usize size, const char *format, va_list args)
{
    struct out out = {to, size, 0};
    for (const char *at = format; *at != 0; at++) {
        if (*at != '%') {
            put(&out, *at);
            continue;
        }
        at++;
        char pad = ' ';
        if (*at == '0') {
            pad = '0';
            at++;
        }
        usize width = 0;
        while (*at >= '0' && *at <= '9')
            width = width * 10 + (usize)(*at++ - '0');
        usize limit = SIZE_MAX;
        if (at[0] == '.' && at[1] == '*') {
            int given = va_arg(args, int);
            limit = given < 0 ? 0 : (usize)given;
            at += 2;
        }
        bool wide = *at == 'l' || *at == 'z';
        if (wide)
            at++;
        switch (*at) {
        case 'd': {
            i64 value = wide ? va_arg(args, i64) : va_arg(args, int);
            put_number(&out, value < 0 ? -(u64)value : (u64)value, value < 0, 10, width, pad);
            break;
        }
        case 'u':
        case 'x': {
            u64 value = wide ? va_arg(args, u64) : va_arg(args, unsigned);
            put_number(&out, value, false, *at == 'x' ? 16 : 10, width, pad);
            break;
        }
        case 'c':
            put(&out, (char)va_arg(args, int));
            break;
        case 's': {
            const char *text = va_arg(args, const char *);
            usize length = 0;
            while (length < limit && text[length] != 0)
                length++;
            put_text(&out, text, length, width);
            break;
        }
        case '%':
            put(&out, '%');
            break;
        default:
            bug("format not understood");
        }
    }
    if (size > 0)
        to[out.length < size ? out.length : size - 1] = 0;
    return out.length;
}

usize fmt(char *to, usize size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    usize length = fmt_va(to, size, format, args);
    va_end(args);
    return length;
}

enum status fail(struct err *err, enum status status, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        fmt_va(err->text, sizeof(err->text), format, args);
        va_end(args);
    }
    return status;
}

const char *status_name(enum status status)
{
    switch (status) {
    case ST_OK:
        return "ok";
    case ST_INVALID:
        return "invalid";
    case ST_MISSING:
        return "missing";
    case ST_CORRUPT:
        return "corrupt";
    case ST_FULL:
        return "full";
    case ST_AGAIN:
        return "try again";
    case ST_IO:
        return "input/output error";
    }
    bug("unknown status");
}
