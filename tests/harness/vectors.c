#include "harness/vectors.h"

#include "base/json.h"

#include <stdio.h>

static const u8 *find(bytes in, const char *what)
{
    return in.size == 0 ? NULL : memmem(in.data, in.size, what, strlen(what));
}

static bytes next_line(bytes *rest)
{
    const u8 *end = find(*rest, "\n");
    usize size = end == NULL ? rest->size : (usize)(end - rest->data);
    bytes line = {rest->data, size};
    *rest = bytes_slice(*rest, size + 1, rest->size);
    return line;
}

/* A line that opens with `name:`, at any depth: the name's length and where its value starts. */
static bool line_key(bytes line, bytes *key, bytes *value)
{
    usize from = 0, to;
    while (from < line.size && line.data[from] == ' ')
        from++;
    for (to = from; to < line.size && (line.data[to] == '_' || line.data[to] >= 'a'); to++)
        if (line.data[to] > 'z')
            return false;
    if (to == from || to == line.size || line.data[to] != ':')
        return false;
    *key = (bytes){line.data + from, to - from};
    *value = bytes_slice(line, to + 1, line.size);
    return true;
}

static void add_scalars(struct yaml_scalars *out, bytes line)
{
    for (usize at = 0; at < line.size;) {
        usize from = at;
        while (at < line.size && strchr(" ,[]'-", line.data[at]) == NULL)
            at++;
        if (at > from) {
            bytes *item = ARENA_TAKE(test_arena(), bytes, 1);
            *item = bytes_slice(line, from, at - from);
            if (out->count++ == 0)
                out->items = item; /* taken one after the other, they form an array */
        } else {
            at++;
        }
    }
}

struct yaml_scalars yaml_get(bytes yaml, const char *key)
{
    struct yaml_scalars out = {0};
    bool inside = false;
    while (yaml.size != 0) {
        bytes line = next_line(&yaml), name, value;
        if (line_key(line, &name, &value)) {
            inside = text_is(name, key);
            line = value;
        }
        if (inside)
            add_scalars(&out, line);
    }
    return out;
}

bytes vectors_hex(bytes text)
{
    bytes out = BYTES_EMPTY;
    if (hex_read(text, &out, test_arena()) != ST_OK)
        test_fail(__FILE__, __LINE__, "not hexadecimal: %.*s",
                  (int)(text.size < 80 ? text.size : 80), (const char *)text.data);
    return out;
}

usize vectors_run(const char *folder, const char *file, usize (*run)(bytes in, u8 *out))
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    json all, key, item;
    struct err err;
    usize count = 0;
    if (json_check(test_read_file(path), 8, &all, &err) != ST_OK) {
        test_fail(path, 1, "%s", err.text);
        return 0;
    }
    for (struct json_walk at = json_begin(all); json_next(&at, &key, &item); count++) {
        struct arena saved = *test_arena();
        u8 out[4096];
        bytes name = json_text(json_get(item, "Name"), test_arena());
        bytes want = vectors_hex(json_text(json_get(item, "Expected"), test_arena()));
        bytes in = vectors_hex(json_text(json_get(item, "Input"), test_arena()));
        if (!bytes_equal((bytes){out, run(in, out)}, want))
            test_fail(path, (int)count + 1, "%.*s: another output", (int)name.size,
                      (const char *)name.data);
        *test_arena() = saved;
    }
    return count;
}

bool text_is(bytes text, const char *what)
{
    return bytes_equal(text, (bytes){(const u8 *)what, strlen(what)});
}
