/* From layers to disk: a thread writes batches of points; the owner starts it and takes over what
 * it has done. */
#include "chain/internal.h"
#include "sys/clock.h"

#include <stdlib.h>

/* Of what is above the disk, too much of anything begins a flush, which leaves what is below
 * `keep`; the owner waits rather than let it grow beyond `most`. */
static const struct weight begin = {192, 192u << 20, 32u << 20, 2000000000};
static const struct weight keep = {128, 64u << 20, 8u << 20, 500000000};
static const struct weight most = {4096, 512u << 20, 64u << 20, 4500000000};

static bool exceeds(const struct weight *weight, const struct weight *limit)
{
    return weight->points > limit->points || weight->layer_bytes > limit->layer_bytes ||
           weight->record_bytes > limit->record_bytes || weight->execute_ns > limit->execute_ns;
}

/* Of the points from the one at index `from` on. */
static struct weight weight_from(const struct lineage *lineage, usize from)
{
    if (from == lineage->count)
        return (struct weight){0};
    const struct point *first = lineage->at[from], *last = lineage->at[lineage->count - 1];
    const struct weight *below = &first->parent_weight;
    return (struct weight){
        .points = last->weight.points - below->points,
        .layer_bytes = last->weight.layer_bytes - below->layer_bytes,
        .record_bytes = last->weight.record_bytes - below->record_bytes,
        .execute_ns = last->weight.execute_ns - below->execute_ns,
    };
}

static void discard_job(struct chain *chain)
{
    struct flush_job *job = &chain->job;
    lineage_release(&job->points);
    layer_release(job->index);
    free(job->steps);
    *job = (struct flush_job){.status = ST_OK};
}

/* --- The thread. */

static void *flusher_main(void *self)
{
    struct chain *chain = self;
    pthread_mutex_lock(&chain->flush_lock);
    for (;;) {
        while (chain->flush_state != FLUSH_BUSY && chain->flush_state != FLUSH_STOP)
            pthread_cond_wait(&chain->flush_changed, &chain->flush_lock);
        if (chain->flush_state == FLUSH_STOP)
            break;
        pthread_mutex_unlock(&chain->flush_lock);
        u64 begun = clock_now_ns();
        chain->job.status = store_apply(chain->store, &chain->job.batch, &chain->job.err);
        chain->job.ns = clock_now_ns() - begun;
        pthread_mutex_lock(&chain->flush_lock);
        chain->flush_state = FLUSH_DONE;
        pthread_cond_broadcast(&chain->flush_changed);
    }
    pthread_mutex_unlock(&chain->flush_lock);
    return NULL;
}

static enum status start_job(struct chain *chain, struct err *err)
{
    if (!chain->flusher_runs) {
        TRY(thread_start(&chain->flusher, "flusher", flusher_main, chain, err));
        chain->flusher_runs = true;
    }
    pthread_mutex_lock(&chain->flush_lock);
    chain->flush_state = FLUSH_BUSY;
    pthread_cond_broadcast(&chain->flush_changed);
    pthread_mutex_unlock(&chain->flush_lock);
    return ST_OK;
}

void flush_stop(struct chain *chain)
{
    if (!chain->flusher_runs)
        return;
    pthread_mutex_lock(&chain->flush_lock);
    while (chain->flush_state == FLUSH_BUSY)
        pthread_cond_wait(&chain->flush_changed, &chain->flush_lock);
    bool done = chain->flush_state == FLUSH_DONE;
    chain->flush_state = FLUSH_STOP;
    pthread_cond_broadcast(&chain->flush_changed);
    pthread_mutex_unlock(&chain->flush_lock);
    pthread_join(chain->flusher, NULL);
    chain->flusher_runs = false;
    if (done)
        discard_job(chain);
}

/* --- The owner's side. */

static enum status take_over(struct chain *chain, struct err *err)
{
    struct flush_job *job = &chain->job;
    chain->flush_state = FLUSH_IDLE;
    enum status st = job->status;
    if (st != ST_OK) {
        chain->failed =
            fail(&chain->failure, st, "the chain takes no more changes: %s", job->err.text);
        discard_job(chain);
        return fail(err, st, "%s", chain->failure.text);
    }
    pthread_mutex_lock(&chain->lock);
    chain->stats.flushes++;
    chain->stats.flush_ns += job->ns;
    pthread_mutex_unlock(&chain->lock);
    if (job->points.count != 0) {
        tree_rebase(chain, job->points.at[job->points.count - 1], owner_head(chain)->tip);
        head_refresh(chain);
    }
    discard_job(chain);
    return ST_OK;
}

static struct store_step step_of(const struct point *point)
{
    const struct body *body = point->body;
    return (struct store_step){
        .number = body->header.number,
        .patch = point->patch,
        .canon = {.block_position = body->position,
                  .state_position = point->position,
                  .hash = body->hash,
                  .bloom = body->header.logs_bloom},
        .receipts = body->receipts,
        .layer = point->own,
    };
}

/* How many of the lineage's points the disk has: those whose record is the canonical one there.
 * *undo_to: where the disk has to go back to first; UINT64_MAX: nowhere. */
static usize count_on_disk(const struct chain_head *head, struct store_read *read, u64 *undo_to)
{
    const struct lineage *lineage = &head->lineage;
    u64 position = head->root.position, number = head->root.number;
    usize count = 0;
    for (struct canon_row row; count < lineage->count; count++) {
        const struct point *point = lineage->at[count];
        /* A patched block's row names the patch: it is there if a later point of it is. */
        const struct point *last = lineage_find(lineage, point_number(point));
        if (store_canon(read, point_number(point), &row) != ST_OK ||
            row.state_position != last->position)
            break;
        position = row.state_position;
        number = point_number(point);
    }
    *undo_to = store_read_meta(read)->state_position == position ? UINT64_MAX : number;
    return count;
}

/* Where the points to keep in memory begin, `from` or later. */
static usize choose_end(const struct lineage *lineage, usize from, const struct weight *leave)
{
    usize end = from;
    for (; end < lineage->count; end++) {
        struct weight rest = weight_from(lineage, end);
        if (!exceeds(&rest, leave))
            break;
    }
    return end;
}

/* Fills in the job. False: nothing to write. */
static bool make_job(struct chain *chain, struct store_read *read, const struct weight *leave)
{
    struct chain_head *head = owner_head(chain);
    struct flush_job *job = &chain->job;
    u64 undo_to;
    usize from = count_on_disk(head, read, &undo_to);
    usize end = choose_end(&head->lineage, from, leave);
    if (end == from)
        return false;
    *job = (struct flush_job){.index = chain->index};
    chain->index = layer_new(chain->seed, 0);
    layer_seal(job->index);
    job->points = lineage_slice(&head->lineage, from, end - from);
    job->steps = malloc(job->points.count * sizeof(*job->steps));
    assert(job->steps != NULL);
    for (usize i = 0; i < job->points.count; i++)
        job->steps[i] = step_of(job->points.at[i]);
    const struct point *last = job->points.at[job->points.count - 1];
    job->batch = (struct store_batch){
        .undo_to = undo_to,
        .steps = job->steps,
        .count = job->points.count,
        .index = job->index,
        .history_blocks = chain->history_blocks,
        .proof_blocks = chain->proof_blocks,
        .kept_owner = chain->kept_owner,
        .meta = *store_read_meta(read),
    };
    struct store_meta *meta = &job->batch.meta;
    meta->hash = last->body->hash;
    meta->state_root = last->state_root;
    meta->number = point_number(last);
    meta->state_position = last->position;
    meta->log_checked = log_synced(chain->log);
    meta->head_position = head->tip->position;
    return true;
}

static enum status begin_job(struct chain *chain, const struct weight *leave, bool *began,
                             struct err *err)
{
    struct store_read *read;
    TRY(store_read_begin(chain->store, &read, err));
    *began = make_job(chain, read, leave);
    store_read_end(read);
    return *began ? start_job(chain, err) : ST_OK;
}

/* Takes over what is done. *idle: a new job can begin. */
static enum status look(struct chain *chain, bool wait, bool *idle, struct err *err)
{
    pthread_mutex_lock(&chain->flush_lock);
    while (wait && chain->flush_state == FLUSH_BUSY)
        pthread_cond_wait(&chain->flush_changed, &chain->flush_lock);
    bool done = chain->flush_state == FLUSH_DONE;
    *idle = chain->flush_state != FLUSH_BUSY;
    pthread_mutex_unlock(&chain->flush_lock);
    return done ? take_over(chain, err) : ST_OK;
}

enum status flush_step(struct chain *chain, struct err *err)
{
    bool idle, began;
    TRY(look(chain, false, &idle, err));
    struct weight weight = weight_from(&owner_head(chain)->lineage, 0);
    pthread_mutex_lock(&chain->lock);
    chain->stats.layer_bytes = weight.layer_bytes;
    chain->stats.log_bytes = log_end(chain->log);
    pthread_mutex_unlock(&chain->lock);
    if (!exceeds(&weight, &begin))
        return ST_OK;
    if (exceeds(&weight, &most))
        TRY(look(chain, true, &idle, err));
    return idle ? begin_job(chain, &keep, &began, err) : ST_OK;
}

enum status flush_all(struct chain *chain, struct err *err)
{
    static const struct weight nothing = {0};
    TRY(chain_check_usable(chain, err));
    bool idle, began;
    TRY(look(chain, true, &idle, err));
    TRY(begin_job(chain, &nothing, &began, err));
    return began ? look(chain, true, &idle, err) : ST_OK;
}

enum status flush_genesis(struct chain *chain, const struct genesis *genesis, hash32 hash,
                          u64 position, struct err *err)
{
    struct layer *layer = layer_new(chain->seed, depth_of(0, 0));
    layer_put_diff(layer, &genesis->alloc);
    layer_put_nodes(layer, &genesis->nodes);
    layer_put_block(layer, hash, 0, position);
    layer_seal(layer);
    u8 no_receipts[4] = {0};
    struct store_step step = {
        .canon = {position, position, hash, genesis->header.logs_bloom},
        .receipts = BYTES_OF(no_receipts),
        .layer = layer,
    };
    struct store_batch batch = {
        .undo_to = UINT64_MAX,
        .steps = &step,
        .count = 1,
        .history_blocks = chain->history_blocks,
        .proof_blocks = chain->proof_blocks,
        .kept_owner = chain->kept_owner,
        .meta = {.version = STORE_VERSION,
                 .genesis_hash = hash,
                 .hash = hash,
                 .state_root = genesis->header.state_root,
                 .state_position = position,
                 .log_checked = log_start(chain->log),
                 .head_position = position},
    };
    enum status st = store_apply(chain->store, &batch, err);
    layer_release(layer);
    return st;
}
