/* Memory of requests and answers, and where a request runs. */
#include "net/internal.h"

#include <stdlib.h>

enum {
    KEPT_SIZE = 16 << 10, /* a buffer that stays with its connection between requests */
    SMALLEST_ROOM = 512,
    LARGE_BODY = 256 << 10, /* even to judge it takes the loop's thread too long */
    KEPT_SCRATCH = 4 << 20, /* of an arena, between calls */
};

/* --- Memory. */

bool memory_take(struct memory *memory, usize size)
{
    usize before = atomic_fetch_add_explicit(&memory->used, size, memory_order_relaxed);
    if (before <= memory->limit && size <= memory->limit - before)
        return true;
    memory_give(memory, size);
    return false;
}

void memory_give(struct memory *memory, usize size)
{
    atomic_fetch_sub_explicit(&memory->used, size, memory_order_relaxed);
}

/* Doubles until there is room for `least` bytes, which are at most `limit`. */
static bool grow(struct memory *memory, u8 **data, usize *room, usize least, usize limit)
{
    usize want = *room < SMALLEST_ROOM ? SMALLEST_ROOM : *room;
    while (want < least)
        want *= 2;
    want = min_u64(want, limit);
    if (!memory_take(memory, want - *room))
        return false;
    u8 *moved = realloc(*data, want);
    if (moved == NULL) {
        memory_give(memory, want - *room);
        return false;
    }
    *data = moved;
    *room = want;
    return true;
}

static void give_back(struct memory *memory, u8 **data, usize *room)
{
    free(*data);
    memory_give(memory, *room);
    *data = NULL;
    *room = 0;
}

bool buffer_add(struct buffer *buffer, struct memory *memory, bytes more, usize limit)
{
    if (more.size > limit - buffer->size)
        return false;
    usize size = buffer->size + more.size;
    if (size > buffer->room && !grow(memory, &buffer->data, &buffer->room, size, limit))
        return false;
    bytes_copy(buffer->data + buffer->size, more);
    buffer->size = size;
    return true;
}

static bool make_room(struct json_out *out)
{
    struct net *net = out->self;
    usize limit = jsonrpc_room(net->options.answer_limit, net->options.batch_limit);
    return out->room < limit && grow(&net->memory, &out->data, &out->room, out->room + 1, limit);
}

/* --- Exchanges. */

static struct exchange *of_task(struct task *task)
{
    return (struct exchange *)((u8 *)task - offsetof(struct exchange, back));
}

void exchange_free_buffers(struct exchange *exchange)
{
    give_back(&exchange->net->memory, &exchange->body.data, &exchange->body.room);
    give_back(&exchange->net->memory, &exchange->reply.data, &exchange->reply.room);
}

void exchange_reset(struct exchange *exchange)
{
    if (exchange->body.room > KEPT_SIZE || exchange->reply.room > KEPT_SIZE)
        exchange_free_buffers(exchange);
    exchange->body.size = 0;
    exchange->reply.size = 0;
    exchange->reply.comma = false;
    exchange->reply.failed = false;
}

static struct pages take_scratch(struct net *net)
{
    pthread_mutex_lock(&net->scratch_lock);
    assert(net->scratch_free > 0); /* there is one more than threads in the pool */
    struct pages pages = net->scratch[--net->scratch_free];
    pthread_mutex_unlock(&net->scratch_lock);
    return pages;
}

static void return_scratch(struct net *net, struct pages pages)
{
    pthread_mutex_lock(&net->scratch_lock);
    net->scratch[net->scratch_free++] = pages;
    pthread_mutex_unlock(&net->scratch_lock);
}

/* From the bottom, which was used longest ago; so each gets its turn as long as it is not in use.
 */
void exchange_trim_scratch(struct net *net)
{
    pages_trim(&net->loop_scratch, KEPT_SCRATCH);
    pthread_mutex_lock(&net->scratch_lock);
    struct pages pages = net->scratch[0];
    net->scratch_free--;
    memmove(net->scratch, net->scratch + 1, net->scratch_free * sizeof(pages));
    pthread_mutex_unlock(&net->scratch_lock);
    pages_trim(&pages, KEPT_SCRATCH);
    return_scratch(net, pages);
}

static bytes body_of(const struct exchange *exchange)
{
    return (bytes){exchange->body.data, exchange->body.size};
}

static void answer(struct exchange *exchange, struct arena scratch)
{
    const struct net *net = exchange->net;
    jsonrpc_answer(&exchange->request, &net->handler, exchange->peer, net->options.answer_limit,
                   &exchange->reply, scratch);
}

static void run_on_pool(struct pool_job *job)
{
    struct exchange *exchange = (struct exchange *)job;
    struct pages scratch = take_scratch(exchange->net);
    if (exchange->body.size > LARGE_BODY)
        jsonrpc_read(body_of(exchange), exchange->net->options.batch_limit, &exchange->request);
    answer(exchange, pages_arena(&scratch));
    return_scratch(exchange->net, scratch);
    loop_post(exchange->net->loop, &exchange->back);
}

static void answered(struct net_later *later)
{
    struct exchange *exchange = (struct exchange *)((u8 *)later - offsetof(struct exchange, later));
    loop_post(exchange->net->loop, &exchange->back);
}

static void come_back(struct task *task)
{
    struct exchange *exchange = of_task(task);
    struct net *net = exchange->net;
    net->under_way--;
    if (exchange->begun) {
        net->begun--;
        jsonrpc_end(&exchange->request, net->options.answer_limit, &exchange->reply);
    }
    exchange->done(exchange);
}

void exchange_init(struct exchange *exchange, struct net *net, const struct net_peer *peer,
                   void *owner, void (*done)(struct exchange *exchange))
{
    *exchange = (struct exchange){.job = {.run = run_on_pool},
                                  .back = {.run = come_back},
                                  .later = {.answered = answered},
                                  .net = net,
                                  .reply = {.make_room = make_room, .self = net},
                                  .peer = peer,
                                  .owner = owner,
                                  .done = done};
}

/* Its answer comes through the loop, which is this thread's: not before this returns. */
static bool begin(struct exchange *exchange, struct arena scratch)
{
    struct net *net = exchange->net;
    exchange->begun = net->begun < net->options.later_limit &&
                      jsonrpc_begin(&exchange->request, &net->handler, exchange->peer,
                                    &exchange->reply, &exchange->later, scratch);
    return exchange->begun;
}

bool exchange_start(struct exchange *exchange)
{
    struct net *net = exchange->net;
    struct arena scratch = pages_arena(&net->loop_scratch);
    bool large = exchange->body.size > LARGE_BODY;
    net->requests++;
    exchange->begun = false;
    if (!large)
        jsonrpc_read(body_of(exchange), net->options.batch_limit, &exchange->request);
    if (!large && begin(exchange, scratch)) {
        net->heavy++;
        net->under_way++;
        net->begun++;
        return false;
    }
    if (!large && !jsonrpc_is_heavy(&exchange->request, &net->handler, scratch)) {
        answer(exchange, scratch);
        return true;
    }
    if (pool_submit(net->options.pool, &exchange->job) == ST_OK) {
        net->heavy++;
        net->under_way++;
        return false;
    }
    if (large)
        exchange->request = (struct jsonrpc){.code = JSONRPC_BUSY,
                                             .why.text = "too many requests wait: try again later"};
    jsonrpc_refuse(&exchange->request, JSONRPC_BUSY, "too many requests wait: try again later",
                   &exchange->reply);
    return true;
}
