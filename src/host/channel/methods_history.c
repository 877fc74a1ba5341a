/* channel_history: pages of what has happened, the newest first. It runs on its caller's thread,
 * which may wait for the disk: payments do not wait for it. */
#include "channel/history.h"
#include "channel/methods.h"

#include "base/hex.h"
#include "base/json_read.h"

enum {
    USUAL_LIMIT = 100,
    MOST_LIMIT = 1000,
    MOST_LOOKED_AT = 100000, /* rows; a page may be short, or empty, and another follow */
};

static const char *const kinds[] = {"sent", "received", "forwarded", "channel"};
static const char *const states[] = {"pending", "paid", "failed", "open", "closed"};

struct filter {
    int kind, state; /* -1: any */
    bool has_channel, has_payment;
    hash32 channel, payment;
    u64 since_s, until_s, limit;
    struct history_cursor cursor;
};

/* --- Arguments. */

static bool is_said(const struct daemon_call *call, const char *name)
{
    return !json_is(method_argument(call, name), JSON_ABSENT);
}

static bool read_word(struct daemon_call *call, const char *name, const char *const *words,
                      usize count, int *out)
{
    *out = -1;
    if (!is_said(call, name))
        return true;
    bytes text = json_text(method_argument(call, name), &call->arena);
    for (usize i = 0; i < count; i++)
        if (bytes_equal(text, (bytes){(const u8 *)words[i], strlen(words[i])}))
            *out = (int)i;
    return *out >= 0 || method_bad(call, name, "there is no such");
}

static bool read_hash(struct daemon_call *call, const char *name, bool *has, hash32 *out)
{
    *has = is_said(call, name);
    return !*has || json_read_fixed(method_argument(call, name), out->b, sizeof(out->b)) == ST_OK ||
           method_bad(call, name, "not 32 bytes");
}

static bool read_number(struct daemon_call *call, const char *name, u64 usual, u64 most, u64 *out)
{
    *out = usual;
    return !is_said(call, name) ||
           (json_read_number_u64(method_argument(call, name), out) == ST_OK && *out <= most) ||
           method_bad(call, name, "not such a number");
}

/* Where the page before ended; else after all that began until then. */
static bool read_cursor(struct daemon_call *call, struct filter *filter)
{
    struct history_cursor *cursor = &filter->cursor;
    bytes text = json_text(method_argument(call, "older"), &call->arena);
    cursor->data[0] = 'T';
    cursor->size = 9;
    store_be64(cursor->data + 1, filter->until_s == UINT64_MAX ? UINT64_MAX : filter->until_s + 1);
    if (!is_said(call, "older"))
        return true;
    bytes digits = bytes_slice(text, 2, text.size);
    cursor->size = (u8)min_u64(digits.size / 2, sizeof(cursor->data));
    if (cursor->size < 9 || digits.size != 2 * (usize)cursor->size ||
        hex_read_fixed(digits, cursor->data, cursor->size) != ST_OK || cursor->data[0] != 'T')
        return method_bad(call, "older", "not what a page before has said");
    return true;
}

static bool read_filter(struct daemon_call *call, struct filter *out)
{
    return read_word(call, "kind", kinds, countof(kinds), &out->kind) &&
           read_word(call, "state", states, countof(states), &out->state) &&
           read_hash(call, "channel", &out->has_channel, &out->channel) &&
           read_hash(call, "payment", &out->has_payment, &out->payment) &&
           read_number(call, "since", 0, UINT64_MAX - 1, &out->since_s) &&
           read_number(call, "until", UINT64_MAX, UINT64_MAX, &out->until_s) &&
           read_number(call, "limit", USUAL_LIMIT, MOST_LIMIT, &out->limit) &&
           read_cursor(call, out);
}

static bool passes(const struct filter *filter, const struct history_row *row)
{
    return (filter->kind < 0 || filter->kind == row->kind) &&
           (filter->state < 0 || filter->state == row->state) &&
           (!filter->has_channel || hash32_equal(filter->channel, row->channel) ||
            hash32_equal(filter->channel, row->out)) &&
           (!filter->has_payment || hash32_equal(filter->payment, row->name));
}

/* --- The answer. */

static void put_hash(struct json_out *out, const char *key, hash32 value)
{
    if (!hash32_is_zero(value))
        method_put_hex(out, key, BYTES_OF(value));
}

static void put_time(struct json_out *out, const char *key, u64 value)
{
    if (value == 0)
        return;
    json_key(out, key);
    json_put_u64(out, value);
}

static void put_row(struct json_out *out, const struct history_row *row, bytes text)
{
    static const point33 nobody;
    json_open_object(out);
    method_put_text(out, "kind", kinds[row->kind]);
    method_put_text(out, "state", states[row->state]);
    put_hash(out, row->kind == HISTORY_CHANNEL ? "channel" : "payment", row->name);
    if (row->kind != HISTORY_CHANNEL)
        put_hash(out, "channel", row->channel);
    put_hash(out, "out", row->out);
    json_key(out, "chainId");
    json_put_quantity_u64(out, row->chain_id);
    method_put_hex(out, "asset", BYTES_OF(row->asset));
    method_put_amount(out, "amount", row->amount);
    method_put_amount(out, "fee", row->fee);
    json_key(out, "count");
    json_put_u64(out, row->count == 0 ? 1 : row->count);
    put_time(out, "begun", row->begun_s);
    put_time(out, "ended", row->ended_s);
    put_time(out, "expiry", row->expiry_s);
    if (!point_equal(&row->node, &nobody))
        method_put_hex(out, "node", BYTES_OF(row->node));
    put_hash(out, "preimage", row->preimage);
    if (row->found != 0) {
        json_key(out, "found");
        json_put_bool(out, true);
    }
    if (text.size != 0) {
        json_key(out, "description");
        json_put_text(out, text);
    }
    json_close_object(out);
}

/* Whether there may be more. */
static bool put_page(struct json_out *out, struct shelf_read *read, struct filter *filter)
{
    struct history_row row;
    u64 count = 0;
    for (u64 looked_at = 0; looked_at < MOST_LOOKED_AT && count < filter->limit; looked_at++) {
        if (history_older(read, &filter->cursor, &row) != ST_OK || row.begun_s < filter->since_s)
            return false;
        if (!passes(filter, &row))
            continue;
        bytes text = BYTES_EMPTY;
        (void)!history_text(read, &filter->cursor, &text);
        put_row(out, &row, text);
        count++;
    }
    return true;
}

void method_history(struct daemon_call *call)
{
    struct filter filter = {.kind = -1};
    struct shelf_read *read;
    struct err err;
    if (!read_filter(call, &filter))
        return;
    (void)!history_wait(call->daemon->history, &err); /* what is behind is missing, and logged */
    if (shelf_read_begin(call->daemon->shelf, &read, &err) != ST_OK) {
        methods_refuse(call, err.text);
        return;
    }
    json_key(call->out, "result");
    json_open_object(call->out);
    json_key(call->out, "entries");
    json_open_array(call->out);
    bool more = put_page(call->out, read, &filter);
    shelf_read_end(read);
    json_close_array(call->out);
    if (more)
        method_put_hex(call->out, "older", (bytes){filter.cursor.data, filter.cursor.size});
    json_close_object(call->out);
    daemon_answer(call);
}
