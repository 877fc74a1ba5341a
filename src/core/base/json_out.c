#include "base/json_out.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "base/utf8.h"

/* Room for at least one more byte, or the output has failed. */
static bool has_room(struct json_out *out)
{
    if (out->size < out->room)
        return true;
    if (!out->failed && (out->make_room == NULL || !out->make_room(out)))
        out->failed = true;
    assert(out->failed || out->size < out->room);
    return !out->failed;
}

static void put(struct json_out *out, bytes text)
{
    while (text.size > 0 && has_room(out)) {
        bytes part = bytes_slice(text, 0, out->room - out->size);
        bytes_copy(out->data + out->size, part);
        out->size += part.size;
        text = bytes_slice(text, part.size, text.size);
    }
}

static void put_char(struct json_out *out, char c)
{
    if (has_room(out))
        out->data[out->size++] = (u8)c;
}

/* Before every value. */
static void separate(struct json_out *out)
{
    if (out->comma)
        put_char(out, ',');
    out->comma = true;
}

static void open(struct json_out *out, char bracket)
{
    separate(out);
    put_char(out, bracket);
    out->comma = false;
}

static void close(struct json_out *out, char bracket)
{
    put_char(out, bracket);
    out->comma = true;
}

void json_open_object(struct json_out *out)
{
    open(out, '{');
}

void json_close_object(struct json_out *out)
{
    close(out, '}');
}

void json_open_array(struct json_out *out)
{
    open(out, '[');
}

void json_close_array(struct json_out *out)
{
    close(out, ']');
}

void json_key(struct json_out *out, const char *key)
{
    json_put_cstr(out, key);
    put_char(out, ':');
    out->comma = false;
}

void json_put_raw(struct json_out *out, bytes value)
{
    separate(out);
    put(out, value);
}

void json_put_null(struct json_out *out)
{
    json_put_raw(out, BYTES_LIT("null"));
}

void json_put_bool(struct json_out *out, bool value)
{
    json_put_raw(out, value ? BYTES_LIT("true") : BYTES_LIT("false"));
}

void json_put_u64(struct json_out *out, u64 value)
{
    char digits[24];
    usize size = fmt(digits, sizeof(digits), "%lu", value);
    json_put_raw(out, (bytes){(const u8 *)digits, size});
}

static bool is_plain(u8 c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* One character that cannot simply be copied; returns its size. */
static usize put_special(struct json_out *out, bytes text)
{
    char escape[8];
    u8 c = text.data[0];
    if (c == '"' || c == '\\') {
        put_char(out, '\\');
        put_char(out, (char)c);
        return 1;
    }
    if (c < 0x20) {
        usize size = fmt(escape, sizeof(escape), "\\u%04x", c);
        put(out, (bytes){(const u8 *)escape, size});
        return 1;
    }
    usize size = utf8_size(text);
    put(out, size > 0 ? bytes_slice(text, 0, size) : BYTES_LIT("\xef\xbf\xbd"));
    return size > 0 ? size : 1;
}

void json_put_text(struct json_out *out, bytes text)
{
    separate(out);
    put_char(out, '"');
    while (text.size > 0) {
        usize size = 0;
        while (size < text.size && is_plain(text.data[size]))
            size++;
        put(out, bytes_slice(text, 0, size));
        text = bytes_slice(text, size, text.size);
        if (text.size > 0)
            text = bytes_slice(text, put_special(out, text), text.size);
    }
    put_char(out, '"');
}

void json_put_cstr(struct json_out *out, const char *text)
{
    json_put_text(out, (bytes){(const u8 *)text, strlen(text)});
}

void json_put_hex(struct json_out *out, bytes value)
{
    separate(out);
    put(out, BYTES_LIT("\"0x"));
    while (value.size > 0) {
        char digits[256];
        bytes part = bytes_slice(value, 0, sizeof(digits) / 2);
        hex_write(digits, part);
        put(out, (bytes){(const u8 *)digits, part.size * 2});
        value = bytes_slice(value, part.size, value.size);
    }
    put_char(out, '"');
}

void json_put_quantity(struct json_out *out, u256 value)
{
    char text[68] = {'"'};
    usize size = 1 + hex_write_quantity(text + 1, value);
    text[size++] = '"';
    json_put_raw(out, (bytes){(const u8 *)text, size});
}

void json_put_quantity_u64(struct json_out *out, u64 value)
{
    json_put_quantity(out, u256_from_u64(value));
}
