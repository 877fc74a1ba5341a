/* Writing JSON as a stream: commas and escapes are taken care of, nothing is built first.
 *
 *     json_open_object(out);
 *     json_key(out, "number");
 *     json_put_quantity(out, u256_from_u64(number));
 *     json_close_object(out);
 *
 * The bytes collect in a buffer; when it is full, its owner makes room (sends it, or grows it).
 * An owner that cannot sets `failed`: what follows is dropped, and callers look once, at the end.
 */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H

#include "base/bytes.h"
#include "base/u256.h"

struct json_out {
    u8 *data;
    usize size; /* bytes waiting in `data` */
    usize room; /* bytes that `data` can hold */
    /* Leaves at least one byte of room (`size` < `room`) by changing the three fields above, or
     * returns false. NULL: the buffer is all there is. */
    bool (*make_room)(struct json_out *out);
    void *self; /* make_room's own */
    bool comma; /* the next value follows another one */
    bool failed;
};

static inline struct json_out json_out_over(void *memory, usize room)
{
    return (struct json_out){.data = (u8 *)memory, .room = room};
}

void json_open_object(struct json_out *out);
void json_close_object(struct json_out *out);
void json_open_array(struct json_out *out);
void json_close_array(struct json_out *out);
/* `key` needs no escapes. */
void json_key(struct json_out *out, const char *key);

void json_put_null(struct json_out *out);
void json_put_bool(struct json_out *out, bool value);
void json_put_u64(struct json_out *out, u64 value); /* decimal digits: a number of JSON */
/* Valid UTF-8 stays as it is; bytes that are not become U+FFFD. */
void json_put_text(struct json_out *out, bytes text);
void json_put_cstr(struct json_out *out, const char *text);
/* "0x…": DATA and QUANTITY of JSON-RPC. */
void json_put_hex(struct json_out *out, bytes value);
void json_put_quantity(struct json_out *out, u256 value);
void json_put_quantity_u64(struct json_out *out, u64 value);
/* A value that is JSON already. */
void json_put_raw(struct json_out *out, bytes value);

#endif
