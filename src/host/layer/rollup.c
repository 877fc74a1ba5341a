#include "layer/rollup.h"

#include "base/hex.h"

enum kind { NUMBER, WEI, ADDRESS, HASH };

static const struct field {
    const char *section, *name;
    enum kind kind;
    usize offset;
} fields[] = {
#define ROLLUP(section, name, kind, field) {section, name, kind, offsetof(struct rollup, field)},
#include "layer/rollup.def"
#undef ROLLUP
};

/* --- Reading. */

static bool read_value(json value, enum kind kind, void *to)
{
    u8 memory[128]; /* escapes have no place in any of these */
    struct arena tmp = arena_over(memory, sizeof(memory));
    if (kind == NUMBER)
        return json_read_u64(value, to) == ST_OK;
    if (!json_is(value, JSON_STRING) || value.text.size > sizeof(memory))
        return false;
    bytes text = json_text(value, &tmp);
    switch (kind) {
    case WEI:
        return hex_read_number(text, to) == ST_OK;
    case ADDRESS:
        return hex_read_fixed(text, to, sizeof(address)) == ST_OK;
    case HASH:
        return hex_read_fixed(text, to, sizeof(hash32)) == ST_OK;
    case NUMBER:
        break;
    }
    bug("unknown kind of field");
}

enum status rollup_read(bytes text, struct rollup *out, struct err *err)
{
    enum { DEPTH = 4 };
    json all;
    *out = (struct rollup){0};
    if (json_check(text, DEPTH, &all, err) != ST_OK || !json_is(all, JSON_OBJECT))
        return fail(err, ST_INVALID, "rollup.json is no JSON object");
    for (usize i = 0; i < countof(fields); i++) {
        const struct field *field = &fields[i];
        json in = field->section[0] == 0 ? all : json_get(all, field->section);
        if (!read_value(json_get(in, field->name), field->kind, (u8 *)out + field->offset))
            return fail(err, ST_INVALID, "rollup.json: %s%s%s is missing or malformed",
                        field->section, field->section[0] == 0 ? "" : ".", field->name);
        if (out->format != ROLLUP_FORMAT)
            return fail(err, ST_INVALID,
                        "rollup.json has format %lu, this program knows format %d: use a newer "
                        "varve",
                        out->format, ROLLUP_FORMAT);
    }
    return ST_OK;
}

/* --- Writing. */

static void write_value(struct json_out *out, enum kind kind, const void *from)
{
    char digits[80]; /* 2^256 has 78 */
    switch (kind) {
    case NUMBER:
        json_put_u64(out, *(const u64 *)from);
        return;
    case WEI:
        json_put_text(out,
                      (bytes){(const u8 *)digits, u256_write_decimal(digits, *(const u256 *)from)});
        return;
    case ADDRESS:
        json_put_hex(out, (bytes){from, sizeof(address)});
        return;
    case HASH:
        json_put_hex(out, (bytes){from, sizeof(hash32)});
        return;
    }
    bug("unknown kind of field");
}

void rollup_write(const struct rollup *rollup, struct json_out *out)
{
    const char *open = "";
    json_open_object(out);
    for (usize i = 0; i < countof(fields); i++) {
        const struct field *field = &fields[i];
        if (strcmp(field->section, open) != 0) {
            if (open[0] != 0)
                json_close_object(out);
            open = field->section;
            json_key(out, open);
            json_open_object(out);
        }
        json_key(out, field->name);
        write_value(out, field->kind, (const u8 *)rollup + field->offset);
    }
    json_close_object(out);
    json_close_object(out);
}
