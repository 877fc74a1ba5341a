/* Asking: batches, and asking again. */
#include "client/internal.h"

#include "base/fmt.h"
#include "sys/clock.h"
#include "sys/entropy.h"

#include <poll.h>
#include <stdlib.h>
#include <strings.h>

enum {
    DEFAULT_TIMEOUT_MS = 20000,
    DEFAULT_PATIENCE_MS = 60000,
    DEFAULT_BACKOFF_MS = 250,
    DEFAULT_ANSWER_LIMIT = 64 << 20,
    DEFAULT_BATCH_LIMIT = 100,
    MAX_DOUBLINGS = 5,      /* of the back-off */
    SMOOTH_COUNT = 20,      /* exchanges after which a batch may grow again */
    PARAMS_ROOM = 96 << 20, /* of what a question sends: hexadecimal text, and the body with it */
    KEEP_SCRATCH = 8 << 20, /* bytes that may stay mapped between questions */
    CANCEL_MS = 50,
    MAX_QUIET_MS = 60000, /* nobody may silence us for longer at a time */
};

static u64 or_default(u64 value, u64 preset)
{
    return value != 0 ? value : preset;
}

enum status eth_new(const struct eth_options *options, struct eth **out, struct err *err)
{
    struct eth *eth = calloc(1, sizeof(*eth));
    if (eth == NULL)
        return fail(err, ST_FULL, "no memory for a client");
    eth->timeout_ms = or_default(options->timeout_ms, DEFAULT_TIMEOUT_MS);
    eth->patience_ms = or_default(options->patience_ms, DEFAULT_PATIENCE_MS);
    eth->backoff_ms = or_default(options->backoff_ms, DEFAULT_BACKOFF_MS);
    eth->answer_limit = or_default(options->answer_limit, DEFAULT_ANSWER_LIMIT);
    eth->batch_limit = or_default(options->batch_limit, DEFAULT_BATCH_LIMIT);
    eth->batch_now = eth->batch_limit;
    eth->cancel = options->cancel;
    struct net_client_options net = {.url = options->url,
                                     .timeout_ms = eth->timeout_ms,
                                     .answer_limit = eth->answer_limit,
                                     .cancel = options->cancel};
    enum status st = net_client_new(&net, &eth->net, err);
    if (st == ST_OK) /* a question's answers, an answer beyond them, and what was sent */
        st = pages_reserve(3 * eth->answer_limit + PARAMS_ROOM, &eth->scratch, err);
    if (st != ST_OK) {
        eth_free(eth);
        return st;
    }
    *out = eth;
    return ST_OK;
}

void eth_free(struct eth *eth)
{
    if (eth == NULL)
        return;
    net_client_free(eth->net);
    pages_release(&eth->scratch);
    free(eth);
}

const char *eth_name(const struct eth *eth)
{
    return net_client_name(eth->net);
}

usize eth_result_room(const struct eth *eth)
{
    return 4 * eth->answer_limit;
}

void eth_set_deadline(struct eth *eth, u64 at_ms)
{
    eth->deadline_ms = at_ms;
}

struct arena eth_scratch(struct eth *eth)
{
    if (eth->scratch_used > KEEP_SCRATCH)
        pages_trim(&eth->scratch, KEEP_SCRATCH);
    eth->scratch_used = 0;
    return pages_arena(&eth->scratch);
}

/* --- One exchange. */

static bool says_any(bytes text, const char *const *words, usize count)
{
    char copy[256];
    usize size = min_u64(text.size, sizeof(copy) - 1);
    bytes_copy(copy, bytes_slice(text, 0, size));
    copy[size] = 0;
    for (usize i = 0; i < count; i++)
        if (strcasestr(copy, words[i]) != NULL)
            return true;
    return false;
}

/* Providers say so inside an answer that HTTP calls a success. EIP-1474's "limit exceeded" means
 * the same, but where logs are asked for: there it can mean too many of them. */
static bool is_overloaded(const struct net_client_item *item)
{
    enum { TOO_MANY_REQUESTS = 429, LIMIT_EXCEEDED = -32005 };
    static const char *const words[] = {"rate limit", "too many requests", "capacity",
                                        "throughput", "per second",        "try again"};
    i64 code = item->error.code;
    return item->status == ST_INVALID &&
           (code == TOO_MANY_REQUESTS || says_any(item->error.message, words, countof(words)) ||
            (code == LIMIT_EXCEEDED && strcmp(item->method, "eth_getLogs") != 0));
}

static enum status ask_single(struct eth *eth, struct net_client_item *item, struct arena *tmp,
                              struct err *err)
{
    item->error = (struct net_client_error){0};
    item->status = net_client_call(eth->net, item->method, item->params, &item->result,
                                   &item->error, tmp, err);
    /* Without an error of JSON-RPC, HTTP itself has refused: that is not about this call. */
    bool about_call = item->error.code != 0 || item->error.message.size > 0;
    return item->status == ST_INVALID && about_call ? ST_OK : item->status;
}

static enum status ask_part(struct eth *eth, struct net_client_item *items, usize count,
                            struct arena *tmp, struct err *err)
{
    struct net_client_error error;
    if (count == 1)
        TRY(ask_single(eth, items, tmp, err));
    else
        TRY(net_client_batch(eth->net, items, count, &error, tmp, err));
    for (usize i = 0; i < count; i++)
        if (is_overloaded(&items[i]))
            return fail(err, ST_AGAIN, "%s is overloaded: %.*s", eth_name(eth),
                        (int)min_u64(items[i].error.message.size, 100),
                        (const char *)items[i].error.message.data);
    return ST_OK;
}

/* --- Again and again. */

static bool cancelled(const struct eth *eth)
{
    return eth->cancel != NULL && atomic_load(eth->cancel);
}

/* False: there is no time for that. */
static bool wait_until(const struct eth *eth, u64 until_ms, u64 deadline_ms)
{
    if (until_ms >= deadline_ms)
        return false;
    for (u64 now_ms; (now_ms = clock_now_ms()) < until_ms && !cancelled(eth);)
        poll(NULL, 0, (int)min_u64(until_ms - now_ms, CANCEL_MS));
    return !cancelled(eth);
}

/* Waits before the next attempt. False: there is no time for one. */
static bool pause_before(const struct eth *eth, unsigned attempt, u64 deadline_ms)
{
    u64 longest_ms = eth->backoff_ms << min_u64(attempt, MAX_DOUBLINGS);
    u64 wait_ms = longest_ms / 2 + random_u64() % (longest_ms / 2 + 1);
    return wait_until(eth, clock_now_ms() + wait_ms, deadline_ms);
}

static void adapt_batch(struct eth *eth, usize count, enum status st)
{
    eth->smooth = st == ST_OK ? eth->smooth + 1 : 0;
    if (st != ST_OK && count > 1)
        eth->batch_now = count / 2;
    if (eth->smooth < SMOOTH_COUNT)
        return;
    eth->smooth = 0;
    eth->batch_now = min_u64(eth->batch_now * 2, eth->batch_limit);
}

static enum status attempt_part(struct eth *eth, struct net_client_item *items, usize count,
                                u64 deadline_ms, struct arena *tmp, struct err *err)
{
    u64 now_ms = clock_now_ms();
    if (eth->quiet_until_ms > now_ms && !wait_until(eth, eth->quiet_until_ms, deadline_ms))
        return fail(err, ST_AGAIN, "%s: is overloaded and asked to be left alone", eth_name(eth));
    now_ms = clock_now_ms();
    if (now_ms >= deadline_ms)
        return fail(err, ST_AGAIN, "%s: the time for asking it was over", eth_name(eth));
    net_client_set_timeout(eth->net, min_u64(eth->timeout_ms, deadline_ms - now_ms));
    struct arena mark = *tmp;
    enum status st = ask_part(eth, items, count, tmp, err);
    if (st == ST_AGAIN)
        eth->quiet_until_ms =
            clock_now_ms() + min_u64(net_client_retry_after_ms(eth->net), MAX_QUIET_MS);
    if (st != ST_OK)
        *tmp = mark;
    adapt_batch(eth, count, st);
    return st;
}

static enum status ask_all(struct eth *eth, struct net_client_item *items, usize count,
                           struct arena *tmp, struct err *err)
{
    u64 deadline_ms = clock_now_ms() + eth->patience_ms;
    if (eth->deadline_ms != 0)
        deadline_ms = min_u64(deadline_ms, eth->deadline_ms);
    const u8 *start = tmp->at;
    unsigned failures = 0;
    for (usize done = 0; done < count;) {
        usize part = min_u64(count - done, eth->batch_now);
        enum status st = attempt_part(eth, items + done, part, deadline_ms, tmp, err);
        if (st == ST_OK) {
            done += part;
            failures = 0;
            if ((usize)(tmp->at - start) > eth->answer_limit && done < count)
                return fail(err, ST_FULL, "%s: its answers are larger than %zu bytes",
                            eth_name(eth), eth->answer_limit);
            continue;
        }
        bool smaller = part > 1 && (st == ST_INVALID || st == ST_FULL); /* a refused batch */
        bool again = st == ST_AGAIN || st == ST_IO;
        if (!smaller && (!again || !pause_before(eth, failures++, deadline_ms)))
            return st;
    }
    return ST_OK;
}

enum status eth_calls(struct eth *eth, struct net_client_item *items, usize count,
                      struct arena *tmp, struct err *err)
{
    struct err why = {{0}};
    enum status st = ask_all(eth, items, count, tmp, &why);
    eth->scratch_used = max_u64(eth->scratch_used, (usize)(tmp->at - eth->scratch.start));
    if (st != ST_OK)
        return fail(err, st, "%s: %s", items[0].method, why.text);
    return ST_OK;
}

enum status eth_one_call(struct eth *eth, const char *method, bytes params, json *result,
                         struct arena *tmp, struct err *err)
{
    struct net_client_item item = {.method = method, .params = params};
    TRY(eth_calls(eth, &item, 1, tmp, err));
    if (item.status != ST_OK)
        return eth_refused(eth, &item, err);
    *result = item.result;
    return ST_OK;
}

/* --- Sentences. */

enum status eth_refused(const struct eth *eth, const struct net_client_item *item, struct err *err)
{
    enum status st = fail(err, ST_INVALID, "%s: %s refuses: %.*s (code %ld)", item->method,
                          eth_name(eth), (int)min_u64(item->error.message.size, 140),
                          (const char *)item->error.message.data, item->error.code);
    for (char *c = err != NULL ? err->text : ""; *c != 0; c++)
        if ((u8)*c < ' ' || *c == 0x7f) /* what strangers say goes to a terminal */
            *c = '?';
    return st;
}

enum status eth_nonsense(const struct eth *eth, const char *method, const char *what,
                         struct err *err)
{
    return fail(err, ST_CORRUPT, "%s: %s answered with %s", method, eth_name(eth), what);
}

/* --- Parameters. */

struct json_out eth_params(usize room, struct arena *tmp)
{
    struct json_out out = json_out_over(ARENA_TAKE(tmp, u8, room), room);
    json_open_array(&out);
    return out;
}

bytes eth_params_end(struct json_out *out)
{
    json_close_array(out);
    assert(!out->failed);
    return (bytes){out->data, out->size};
}

void eth_put_at(struct json_out *out, struct eth_at at)
{
    static const char *const tags[] = {[ETH_LATEST] = "latest",
                                       [ETH_PENDING] = "pending",
                                       [ETH_SAFE] = "safe",
                                       [ETH_FINALIZED] = "finalized"};
    switch (at.kind) {
    case ETH_AT_TAG:
        json_put_cstr(out, tags[at.tag]);
        return;
    case ETH_AT_NUMBER:
        json_put_quantity_u64(out, at.number);
        return;
    case ETH_AT_HASH: /* EIP-1898 */
        json_open_object(out);
        json_key(out, "blockHash");
        json_put_hex(out, BYTES_OF(at.hash));
        json_close_object(out);
        return;
    }
    bug("unknown kind of block");
}
