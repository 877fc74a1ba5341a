/* Transactions on their way from a follower to its sequencer: each of RPC's threads takes one of a
 * few connections, so that one slow answer does not hold up the others. */
#include "layer/internal.h"

#include <stdlib.h>

enum {
    LINES = 16,
    ANSWER_LIMIT = 1 << 20,
    TIMEOUT_MS = 5000, /* meanwhile a thread of RPC waits, that others want */
};

struct forwards {
    pthread_mutex_t lock;
    struct {
        struct eth *to; /* NULL: not used yet */
        bool busy;
    } lines[LINES];
};

void forwards_start(struct layer *layer)
{
    if (layer->options.sequencer_url == NULL)
        return;
    layer->forwards = calloc(1, sizeof(*layer->forwards));
    assert(layer->forwards != NULL);
    pthread_mutex_init(&layer->forwards->lock, NULL);
}

void forwards_stop(struct layer *layer)
{
    struct forwards *forwards = layer->forwards;
    if (forwards == NULL)
        return;
    for (usize i = 0; i < LINES; i++)
        eth_free(forwards->lines[i].to);
    pthread_mutex_destroy(&forwards->lock);
    free(forwards);
    layer->forwards = NULL;
}

enum layer_intake layer_intake(const struct layer *layer)
{
    if ((layer->options.roles & ROLE_SEQUENCER) != 0)
        return INTAKE_OWN;
    return layer->forwards != NULL ? INTAKE_FORWARD : INTAKE_NONE;
}

/* LINES: none is free. */
static usize take_line(struct forwards *forwards)
{
    usize at = 0;
    pthread_mutex_lock(&forwards->lock);
    while (at < LINES && forwards->lines[at].busy)
        at++;
    if (at < LINES)
        forwards->lines[at].busy = true;
    pthread_mutex_unlock(&forwards->lock);
    return at;
}

static void give_line(struct forwards *forwards, usize at)
{
    pthread_mutex_lock(&forwards->lock);
    forwards->lines[at].busy = false;
    pthread_mutex_unlock(&forwards->lock);
}

enum status layer_forward(struct layer *layer, bytes raw, hash32 hash,
                          struct sequencer_refusal *refusal, struct err *err)
{
    struct forwards *forwards = layer->forwards;
    enum status st = ST_OK;
    *refusal = (struct sequencer_refusal){.said = false};
    usize at = take_line(forwards);
    if (at == LINES)
        return fail(err, ST_AGAIN, "too many transactions are on their way to the sequencer");
    if (forwards->lines[at].to == NULL)
        st = sequencer_new(layer->options.sequencer_url, TIMEOUT_MS, ANSWER_LIMIT,
                           &layer->hanging_up, &forwards->lines[at].to, err);
    if (st == ST_OK)
        st = sequencer_send(forwards->lines[at].to, raw, hash, refusal, err);
    give_line(forwards, at);
    return st;
}
