/* What a sequencer's followers are given: blocks that are not on the parent yet, signed when they
 * are asked for, which always gives the same signature.
 *
 * Signed is what the sequencer made, and nothing that came of derivation in its stead: two blocks
 * signed for one place would be a lie, and such a block needs no signature. So a node that starts
 * signs nothing until it has derived all that the parent has. */
#include "layer/internal.h"

#include "sys/clock.h"

#include <time.h>

void unsafe_publish(struct layer *layer)
{
    struct layer_unsafe *span = &layer->unsafe_span;
    *span = (struct layer_unsafe){.first = 1};
    if (layer->caught_up)
        *span = (struct layer_unsafe){layer->own_after + 1, layer->head.header.number,
                                      layer->head.hash};
    if (layer->unsafe_waiters > 0)
        pthread_cond_broadcast(&layer->published);
}

static enum status check_signs(const struct layer *layer, struct err *err)
{
    if ((layer->options.roles & ROLE_SEQUENCER) == 0)
        return fail(err, ST_INVALID, "this node is no sequencer: it signs no blocks");
    if (layer->options.signer == NULL)
        return fail(err, ST_INVALID,
                    "this sequencer was started without its key (--key): it signs no blocks");
    return ST_OK;
}

/* Under the lock. A call that waits holds a thread that others want: half of them at most wait. */
static void wait_for_block(struct layer *layer, u64 from, u64 until_ms)
{
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    if (layer->unsafe_waiters >= pool_size(layer->options.workers) / 2)
        return;
    layer->unsafe_waiters++;
    while (!layer->hanging_up && layer->unsafe_span.last < from && clock_now_ms() < until_ms)
        pthread_cond_timedwait(&layer->published, &layer->lock, &until);
    layer->unsafe_waiters--;
}

enum status layer_unsafe_blocks(struct layer *layer, u64 from, u64 wait_ms,
                                struct layer_unsafe *out, struct err *err)
{
    TRY(check_signs(layer, err));
    wait_ms = min_u64(wait_ms, UNSAFE_LONGEST_WAIT_MS);
    pthread_mutex_lock(&layer->lock);
    if (layer->unsafe_span.last < from && wait_ms > 0)
        wait_for_block(layer, from, clock_now_ms() + wait_ms);
    *out = layer->unsafe_span;
    pthread_mutex_unlock(&layer->lock);
    out->first = max_u64(out->first, from);
    return ST_OK;
}

enum status layer_sign_block(struct layer *layer, hash32 hash, signature65 *out, struct err *err)
{
    TRY(check_signs(layer, err));
    return unsafe_sign(layer->options.signer, layer->options.rollup->chain_id, hash, out, err);
}
