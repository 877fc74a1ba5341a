/* json_check refuses or accepts without reading beyond the text, and what it accepts can be walked
 * whole: every value inside is a value by itself, and written anew it says the same. */
#include "base/json.h"
#include "base/json_out.h"

#include "harness/fuzz.h"

enum { MAX_DEPTH = 32 };

static void check_string(json value, struct arena tmp)
{
    bytes text = json_text(value, &tmp);
    usize room = text.size * 6 + 2;
    u8 *memory = ARENA_TAKE(&tmp, u8, room);
    struct json_out out = json_out_over(memory, room);
    json again;
    json_put_text(&out, text);
    assert(!out.failed);
    assert(json_check((bytes){out.data, out.size}, MAX_DEPTH, &again, NULL) == ST_OK);
    assert(bytes_equal(json_text(again, &tmp), text));
}

static void check_value(json value, struct arena tmp)
{
    json alone;
    u64 number;
    assert(json_check(value.text, MAX_DEPTH, &alone, NULL) == ST_OK);
    assert(alone.text.data == value.text.data && alone.text.size == value.text.size);
    if (json_is(value, JSON_STRING))
        check_string(value, tmp);
    if (json_read_u64(value, &number) == ST_OK)
        assert(json_is(value, JSON_NUMBER));
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    struct json_walk open[MAX_DEPTH + 1];
    usize depth = 0;
    json all, key, item;
    bytes in = {data, size};
    if (json_check(in, MAX_DEPTH, &all, NULL) != ST_OK)
        return 0;
    check_value(all, arena);
    open[depth++] = json_begin(all);
    while (depth > 0) {
        if (!json_next(&open[depth - 1], &key, &item)) {
            depth--;
            continue;
        }
        if (open[depth - 1].object)
            check_value(key, arena);
        check_value(item, arena);
        assert(depth <= MAX_DEPTH);
        open[depth++] = json_begin(item);
    }
    return 0;
}
