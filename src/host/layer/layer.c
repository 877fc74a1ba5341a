/* The thread that owns a child's chain. */
#include "base/fmt.h"
#include "layer/internal.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdlib.h>
#include <time.h>

/* Address space: a batch with all that derivation makes of it. */
#define STEP_PAGES ((usize)64 << 30)
#define HEAD_PAGES ((usize)1 << 30)
enum { RETRY_MS = 500, IDLE_MS = 1000 };
/* That the index knows: about a gigabyte. */
enum { MOST_DEPOSITS = 4 << 20 };

enum status layer_roles(const char *list, unsigned *out, struct err *err)
{
    static const struct {
        const char *name;
        unsigned bit;
    } roles[] = {
        {"sequencer", ROLE_SEQUENCER},
        {"batcher", ROLE_BATCHER},
        {"proposer", ROLE_PROPOSER},
        {"relayer", ROLE_RELAYER},
    };
    *out = 0;
    while (*list != 0) {
        usize size = strcspn(list, ",");
        unsigned bit = 0;
        for (usize i = 0; i < countof(roles); i++)
            if (strlen(roles[i].name) == size && memcmp(list, roles[i].name, size) == 0)
                bit = roles[i].bit;
        if (bit == 0)
            return fail(err, ST_INVALID,
                        "\"%.*s\" is no role: sequencer, batcher, proposer, relayer", (int)size,
                        list);
        *out |= bit;
        list += size + (list[size] == ',');
    }
    return ST_OK;
}

/* --- What others are told. */

static struct layer_l1 l1_of(const struct parent *parent, u64 number)
{
    const struct parent_block *block = parent_block(parent, number);
    if (block == NULL)
        return (struct layer_l1){.number = number};
    return (struct layer_l1){.number = number,
                             .timestamp = block->origin.timestamp,
                             .hash = block->origin.hash,
                             .parent_hash = block->origin.parent_hash};
}

static void describe_parent(struct layer *layer, struct layer_status *out)
{
    parent_lock(layer->parent);
    struct parent_state state = parent_state(layer->parent);
    out->parent_reached = state.reached;
    out->head_l1 = l1_of(layer->parent, state.head);
    out->safe_l1 = l1_of(layer->parent, state.safe);
    out->finalized_l1 = l1_of(layer->parent, state.finalized);
    out->current_l1 = out->head_l1;
    out->items = state.item_count;
    out->batches = state.batch_count;
    parent_unlock(layer->parent);
}

static enum status describe_block(struct layer *layer, u64 number, struct layer_l2 *out,
                                  struct err *err)
{
    struct child_head head;
    TRY(child_head_at(layer, number, &head, err));
    *out = child_head_l2(&head);
    return ST_OK;
}

/* Of a node that makes no blocks. */
static void describe_intake(struct layer_status *out)
{
    const struct layer_sequencer *sequencer = &out->sequencer;
    out->accepting = sequencer->asked && sequencer->reached;
    if (!sequencer->asked)
        fmt(out->refusing, sizeof(out->refusing), "this node is no sequencer");
    else if (!sequencer->reached)
        fmt(out->refusing, sizeof(out->refusing), "the sequencer at %s is silent", sequencer->at);
}

/* After everything that may have changed something. */
static enum status publish(struct layer *layer, struct err *err)
{
    struct layer_status status = {.items_read = layer->head.attributes.inbox_pos,
                                  .lost_txs = layer->promises.broken + layer->promises.waiting,
                                  .accepting = (layer->options.roles & ROLE_SEQUENCER) != 0};
    const struct head *head = chain_head(layer->options.chain);
    u64 safe = head->safe, finalized = head->finalized;
    head_release(head);
    describe_parent(layer, &status);
    status.unsafe_l2 = child_head_l2(&layer->head);
    TRY(describe_block(layer, safe, &status.safe_l2, err));
    TRY(describe_block(layer, finalized, &status.finalized_l2, err));
    status.backlog_blocks = status.unsafe_l2.number - status.safe_l2.number;
    unsafe_describe(layer, &status);
    if ((layer->options.roles & ROLE_SEQUENCER) == 0)
        describe_intake(&status);
    else if (layer->caught_up) /* before that, what waits is not known */
        TRY(backlog_look(layer, &status, err));
    const struct derived_batch *newest = shelf_at(&layer->derived, shelf_end(&layer->derived) - 1);
    pthread_mutex_lock(&layer->lock);
    status.claims = layer->status.claims;
    layer->status = status;
    layer->safe_is_known = layer->caught_up;
    if (newest != NULL)
        layer->safe = newest->after;
    unsafe_publish(layer);
    pthread_mutex_unlock(&layer->lock);
    return ST_OK;
}

void layer_status(struct layer *layer, struct layer_status *out)
{
    pthread_mutex_lock(&layer->lock);
    *out = layer->status;
    pthread_mutex_unlock(&layer->lock);
}

bool layer_is_behind(struct layer *layer, char why[static LAYER_WHY])
{
    pthread_mutex_lock(&layer->lock);
    bool behind = (layer->options.roles & ROLE_SEQUENCER) != 0 && !layer->status.accepting &&
                  layer->status.refusing[0] != 0;
    memcpy(why, layer->status.refusing, LAYER_WHY);
    pthread_mutex_unlock(&layer->lock);
    return behind;
}

bool layer_safe_state(struct layer *layer, struct derive_state *out)
{
    pthread_mutex_lock(&layer->lock);
    bool known = layer->safe_is_known;
    *out = layer->safe;
    pthread_mutex_unlock(&layer->lock);
    return known;
}

enum status layer_read_blob(const struct layer *layer, hash32 versioned_hash, struct blob *out,
                            struct err *err)
{
    return blob_store_get(layer->blobs, versioned_hash, out, err);
}

const struct rollup *layer_rollup(const struct layer *layer)
{
    return layer->options.rollup;
}

bool layer_find_deposit(struct layer *layer, hash32 op_hash, hash32 *ours)
{
    u8 memory[2 * sizeof(*ours)];
    struct arena tmp = arena_over(memory, sizeof(memory));
    bytes found;
    if (hash_index_get(layer->deposits, op_hash, &found, &tmp) != ST_OK ||
        found.size != sizeof(*ours))
        return false;
    memcpy(ours->b, found.data, sizeof(*ours));
    return true;
}

enum status layer_find_kept(struct layer *layer, hash32 block_hash, struct kept_account *out,
                            struct arena *arena)
{
    return kept_find(layer->outputs, block_hash, out, arena);
}

/* --- The thread. */

/* Waits until there is something to do. */
static void wait_for_work(struct layer *layer)
{
    u64 now_ms = clock_now_ms(), due_ms = now_ms + IDLE_MS;
    if (layer->next_block_ms > now_ms)
        due_ms = min_u64(due_ms, layer->next_block_ms);
    else if (layer->options.heartbeat_ms != 0)
        due_ms = min_u64(due_ms, layer->next_block_ms + layer->options.heartbeat_ms);
    struct timespec until = {.tv_sec = (time_t)(due_ms / 1000),
                             .tv_nsec = (long)(due_ms % 1000) * 1000000};
    bool may_make = (layer->options.roles & ROLE_SEQUENCER) != 0 && layer->next_block_ms <= now_ms;
    pthread_mutex_lock(&layer->lock);
    layer->waits_for_pool = may_make;
    while (!layer->stopping && !(may_make && layer->pool_grew) && !layer->parent_changed &&
           !layer->blocks_came && clock_now_ms() < due_ms)
        pthread_cond_timedwait(&layer->woken, &layer->lock, &until);
    layer->pool_grew = layer->parent_changed = layer->blocks_came = false;
    layer->waits_for_pool = false;
    pthread_mutex_unlock(&layer->lock);
}

static enum status step(struct layer *layer, struct err *err)
{
    bool more = true;
    while (more && !layer->stopping)
        TRY(layer_follow(layer, &more, err));
    TRY(unsafe_take(layer, err));
    if (sequence_is_due(layer, clock_now_ms()))
        TRY(sequence_block(layer, err));
    promises_look(layer);
    return publish(layer, err);
}

static void *own(void *self)
{
    enum { EXPIRE_MS = 60000 };
    struct layer *layer = self;
    u64 expiry_ms = clock_now_ms();
    struct err said = {""};
    while (!layer->stopping) {
        struct err why = {""};
        enum status st = step(layer, &why);
        if (st != ST_OK && st != ST_AGAIN && strcmp(why.text, said.text) != 0) {
            log_error("layer", "the chain cannot go on now", LOG_TEXT("why", why.text));
            said = why; /* once, however often it is tried */
        }
        if (st == ST_OK)
            said.text[0] = 0;
        else
            layer->next_block_ms = clock_now_ms() + RETRY_MS;
        pages_trim(&layer->pages, (usize)8 << 20);
        pages_trim(&layer->head_pages, (usize)1 << 20);
        if (clock_now_ms() - expiry_ms > EXPIRE_MS) {
            expiry_ms = clock_now_ms();
            txpool_expire(layer->options.pool, expiry_ms);
        }
        wait_for_work(layer);
    }
    return NULL;
}

static void parent_changed(void *self)
{
    struct layer *layer = self;
    pthread_mutex_lock(&layer->lock);
    layer->parent_changed = true;
    pthread_cond_signal(&layer->woken);
    pthread_mutex_unlock(&layer->lock);
}

void layer_pool_grew(struct layer *layer)
{
    pthread_mutex_lock(&layer->lock);
    layer->pool_grew = true;
    if (layer->waits_for_pool)
        pthread_cond_signal(&layer->woken);
    pthread_mutex_unlock(&layer->lock);
}

/* --- Beginning and end. */

/* Takes the checkpoint up, if it is of this child and the chain has its block. */
static bool take_checkpoint(struct layer *layer, struct checkpoint *out)
{
    struct err why;
    struct child_head head;
    enum status st = checkpoint_read(layer->options.files, layer->checkpoint_path, out, &why);
    if (st == ST_MISSING)
        return false;
    if (st == ST_OK && hash32_equal(out->genesis_hash, layer->options.rollup->genesis_hash) &&
        child_head_at(layer, out->state.head.number, &head, &why) == ST_OK &&
        hash32_equal(head.hash, out->state.head.hash)) {
        shelf_init(&layer->derived, sizeof(struct derived_batch), out->state.batch_count, NULL);
        struct derived_batch *row = shelf_push(&layer->derived);
        *row = (struct derived_batch){out->state, out->parent_block};
        layer->kept_batches = out->state.batch_count;
        return true;
    }
    log_warn("layer", "the checkpoint is of no use, and everything is derived anew",
             LOG_TEXT("file", layer->checkpoint_path));
    return false;
}

/* Where that of deposits is new, what came before the checkpoint would be missing in it: then
 * everything is derived anew, which fills it. */
static enum status open_indexes(struct layer *layer, struct err *err)
{
    const struct layer_options *options = &layer->options;
    const struct files *files = options->files;
    struct file *file;
    char path[4200];
    fmt(path, sizeof(path), "%s/deposits", options->folder);
    enum status st = files->open(files->self, path, FILE_READ, &file, err);
    if (st == ST_OK)
        files->close(files->self, file);
    if (st == ST_MISSING) {
        st = files->remove(files->self, layer->checkpoint_path, err);
        st = st == ST_MISSING ? ST_OK : st;
    }
    TRY(st);
    TRY(hash_index_open(path, MOST_DEPOSITS, &layer->deposits, err));
    fmt(path, sizeof(path), "%s/outputs", options->folder);
    return hash_index_open(path, KEPT_OUTPUTS, &layer->outputs, err);
}

static enum status begin(struct layer *layer, struct err *err)
{
    const struct layer_options *options = &layer->options;
    struct checkpoint checkpoint; /* parent_start looks at it, and then nobody */
    struct blob_store_options blobs = {.files = options->files,
                                       .folder = options->folder,
                                       .beacon_url = options->beacon_url,
                                       .archive_url = options->archive_url,
                                       .cancel = &layer->stopping};
    TRY(blob_store_new(&blobs, &layer->blobs, err));
    struct parent_options parent = {.url = options->parent_url,
                                    .rollup = options->rollup,
                                    .config = &layer->config,
                                    .blobs = layer->blobs,
                                    .poll_ms = options->poll_ms,
                                    .changed = parent_changed,
                                    .self = layer};
    shelf_init(&layer->derived, sizeof(struct derived_batch), 0, NULL);
    TRY(pages_reserve(STEP_PAGES, &layer->pages, err));
    TRY(pages_reserve(HEAD_PAGES, &layer->head_pages, err));
    TRY(child_head_newest(layer, &layer->head, err));
    fmt(layer->checkpoint_path, sizeof(layer->checkpoint_path), "%s/derived", options->folder);
    TRY(open_indexes(layer, err));
    parent.deposits = layer->deposits;
    if (take_checkpoint(layer, &checkpoint))
        parent.checkpoint = &checkpoint;
    TRY(parent_start(&parent, &layer->parent, err));
    TRY(unsafe_start(layer, err)); /* before the owner looks whether there is one */
    TRY(thread_start(&layer->owner, "layer", own, layer, err));
    layer->owner_runs = true;
    forwards_start(layer);
    return agents_start(layer, err);
}

void layer_hang_up(struct layer *layer)
{
    if (layer == NULL)
        return;
    pthread_mutex_lock(&layer->lock);
    layer->hanging_up = true;
    pthread_cond_broadcast(&layer->published);
    pthread_mutex_unlock(&layer->lock);
}

enum status layer_start(const struct layer_options *options, struct layer **out, struct err *err)
{
    const struct rollup *rollup = options->rollup;
    struct layer *layer = calloc(1, sizeof(*layer));
    assert(layer != NULL);
    layer->options = *options;
    layer->config =
        (struct derive_config){.id = {rollup->parent_chain_id, rollup->inbox, rollup->chain_id},
                               .chain = chain_config(options->chain)};
    if (rollup->blob_update_fraction != 0) {
        layer->config.parent_blobs[0].params.update_fraction = rollup->blob_update_fraction;
        layer->config.parent_blob_count = 1;
    }
    layer->append_room = BATCH_MOST_DATA;
    pthread_mutex_init(&layer->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&layer->woken, &monotonic);
    pthread_cond_init(&layer->published, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum status st = begin(layer, err);
    if (st != ST_OK) {
        layer_stop(layer);
        return st;
    }
    *out = layer;
    return ST_OK;
}

void layer_stop(struct layer *layer)
{
    if (layer == NULL)
        return;
    agents_stop(layer);
    layer_hang_up(layer);
    pthread_mutex_lock(&layer->lock);
    layer->stopping = true;
    pthread_cond_signal(&layer->woken);
    pthread_mutex_unlock(&layer->lock);
    if (layer->owner_runs)
        pthread_join(layer->owner, NULL);
    unsafe_stop(layer);
    forwards_stop(layer);
    parent_stop(layer->parent);
    blob_store_free(layer->blobs);
    hash_index_close(layer->deposits);
    hash_index_close(layer->outputs);
    shelf_free(&layer->derived);
    free(layer->promises.list);
    pages_release(&layer->pages);
    pages_release(&layer->head_pages);
    pthread_cond_destroy(&layer->woken);
    pthread_cond_destroy(&layer->published);
    pthread_mutex_destroy(&layer->lock);
    free(layer);
}
