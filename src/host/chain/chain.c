/* Opening and closing a chain. */
#include "chain/chain.h"

#include "base/fmt.h"
#include "chain/internal.h"
#include "sys/clock.h"
#include "sys/entropy.h"

#include <stdlib.h>

/* Reorganisations need the history of at least this many blocks. */
enum { LEAST_HISTORY = 256, PATH_MAX_SIZE = 4096 };

static enum status path_in(const char *folder, const char *name, char *to, struct err *err)
{
    if (fmt(to, PATH_MAX_SIZE, "%s/%s", folder, name) >= PATH_MAX_SIZE)
        return fail(err, ST_INVALID, "path too long: %s", folder);
    return ST_OK;
}

/* --- A new chain: the log's first two records, and the genesis state. */

/* The genesis block, as its record holds it. */
static bytes genesis_block(const struct genesis *genesis, hash32 *hash, struct arena *arena)
{
    struct block block = {
        .header = genesis->header,
        .has_withdrawals = genesis->header.fields >= HEADER_SHANGHAI,
    };
    *hash = header_hash(&genesis->header, *arena);
    return block_encode(&block, arena);
}

static enum status append_genesis(struct chain *chain, const struct genesis *genesis,
                                  struct arena arena, struct err *err)
{
    u64 position;
    TRY(record_append_genesis(chain->log, genesis, arena, &position, err));
    struct record_head head = {.total_difficulty = genesis->header.difficulty, .becomes_head = 1};
    bytes rlp = genesis_block(genesis, &head.hash, &arena);
    head.size = rlp.size;
    TRY(record_append_block(chain->log, &head, rlp, BYTES_EMPTY, &position, err));
    return log_sync(chain->log, err);
}

/* The allocation's tries, where only the log is left. */
static enum status no_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    (void)self, (void)path, (void)hash, (void)out;
    return ST_MISSING;
}

static enum status make_tries(struct genesis *genesis, struct arena *arena, struct err *err)
{
    struct node_source nothing = {.node = no_node};
    hash32 root;
    for (usize i = 0; i < genesis->alloc.account_count; i++)
        genesis->alloc.accounts[i].after.storage_root = EMPTY_TRIE_ROOT;
    TRY(trie_apply(&nothing, EMPTY_TRIE_ROOT, &genesis->alloc, &root, &genesis->nodes, arena, err));
    if (!hash32_equal(root, genesis->header.state_root))
        return fail(err, ST_CORRUPT, "the block log's genesis does not give its own state root");
    return ST_OK;
}

/* The records of a chain's beginning are synced together; with only a part of them there, nothing
 * was ever promised. */
static enum status ensure_genesis(struct chain *chain, const struct genesis *given,
                                  struct genesis *out, struct arena *arena, struct err *err)
{
    struct log_record first, second;
    bool empty = log_read(chain->log, log_start(chain->log), &first, arena, err) == ST_MISSING ||
                 log_read(chain->log, first.next, &second, arena, err) == ST_MISSING;
    if (empty && given == NULL)
        return fail(err, ST_MISSING, "the folder holds no chain: a genesis file is needed");
    if (empty) {
        TRY(log_clear(chain->log, err));
        TRY(append_genesis(chain, given, *arena, err));
    }
    TRY(record_read_genesis(chain->log, out, arena, err));
    chain->genesis_hash = header_hash(&out->header, *arena);
    chain->config = given != NULL ? given->config : out->config;
    if (given != NULL && !hash32_equal(chain->genesis_hash, header_hash(&given->header, *arena)))
        return fail(err, ST_INVALID, "the folder belongs to a chain with another genesis block");
    return ST_OK;
}

static enum status ensure_state(struct chain *chain, struct genesis *genesis, struct arena *arena,
                                struct err *err)
{
    struct store_read *read;
    TRY(store_read_begin(chain->store, &read, err));
    struct store_meta meta = *store_read_meta(read);
    store_read_end(read);
    if (!meta.fresh) {
        if (!hash32_equal(meta.genesis_hash, chain->genesis_hash))
            return fail(err, ST_CORRUPT, "state and block log belong to different chains");
        return ST_OK;
    }
    struct log_record first;
    TRY(log_read(chain->log, log_start(chain->log), &first, arena, err));
    TRY(make_tries(genesis, arena, err));
    return flush_genesis(chain, genesis, chain->genesis_hash, first.next, err);
}

/* --- What the log says beyond the state on disk. */

/* Finds the last head that the log names, and makes the blocks known that it has. */
static enum status scan_log(struct chain *chain, u64 *head_position, struct arena arena,
                            struct err *err)
{
    struct store_read *read;
    TRY(store_read_begin(chain->store, &read, err));
    struct store_batch batch = {
        .undo_to = UINT64_MAX,
        .history_blocks = chain->history_blocks,
        .proof_blocks = chain->proof_blocks,
        .kept_owner = chain->kept_owner,
        .meta = *store_read_meta(read),
    };
    store_read_end(read);
    *head_position = batch.meta.head_position;
    struct layer *index = layer_new(chain->seed, 0);
    enum status st = ST_OK;
    u64 end = log_end(chain->log), at = batch.meta.log_checked;
    bool any = at < end;
    while (st == ST_OK && at < end) {
        struct arena tmp = arena;
        struct record record;
        st = record_read(chain->log, at, &record, &tmp, err);
        if (st != ST_OK)
            break;
        if (record.kind == RECORD_HEAD)
            *head_position = record.target;
        else if (record.kind != RECORD_GENESIS && record.head.becomes_head)
            *head_position = at;
        if (record.kind == RECORD_BLOCK)
            layer_put_block(index, record.head.hash, record.head.number, at);
        at = record.next;
    }
    layer_seal(index);
    batch.index = index;
    batch.meta.log_checked = end;
    batch.meta.head_position = *head_position;
    if (st == ST_OK && any)
        st = store_apply(chain->store, &batch, err);
    layer_release(index);
    return st;
}

static enum status replay_log(struct chain *chain, struct arena arena, struct err *err)
{
    u64 position;
    struct point *point;
    TRY(scan_log(chain, &position, arena, err));
    TRY(chain_load_point(chain, position, true, &point, err));
    point_release(point);
    return ST_OK;
}

static enum status read_checked(struct chain *chain, u64 *out, struct err *err)
{
    struct store_read *read;
    TRY(store_read_begin(chain->store, &read, err));
    *out = store_read_meta(read)->fresh ? 0 : store_read_meta(read)->log_checked;
    store_read_end(read);
    return ST_OK;
}

static enum status remove_if_there(const struct files *files, const char *path, struct err *err)
{
    enum status st = files->remove(files->self, path, err);
    return st == ST_MISSING ? ST_OK : st;
}

/* LMDB does not make its file at once, so a new one gets its name when it is whole: a power cut
 * leaves no half of it behind. */
static enum status open_store(struct chain *chain, const char *folder, struct err *err)
{
    char path[PATH_MAX_SIZE], draft[PATH_MAX_SIZE], draft_lock[PATH_MAX_SIZE];
    const struct files *files = chain->files;
    struct file *file;
    TRY(path_in(folder, "state", path, err));
    TRY(path_in(folder, "state.new", draft, err));
    TRY(path_in(folder, "state.new-lock", draft_lock, err));
    enum status st = files->open(files->self, path, FILE_READ, &file, err);
    if (st == ST_OK) {
        files->close(files->self, file);
        return store_open(path, &chain->store, err);
    }
    if (st != ST_MISSING)
        return st;
    TRY(remove_if_there(files, draft, err));
    TRY(store_open(draft, &chain->store, err));
    store_close(chain->store);
    chain->store = NULL;
    TRY(remove_if_there(files, draft_lock, err));
    TRY(files->rename(files->self, draft, path, err));
    return store_open(path, &chain->store, err);
}

static enum status open_parts(struct chain *chain, const struct chain_options *options,
                              struct arena arena, struct err *err)
{
    char path[PATH_MAX_SIZE];
    const struct files *files = chain->files;
    struct genesis genesis;
    u64 checked;
    TRY(files->make_folder(files->self, options->folder, err));
    TRY(path_in(options->folder, "lock", path, err));
    TRY(files->open(files->self, path, FILE_WRITE, &chain->lock_file, err));
    TRY(files->lock(files->self, chain->lock_file, err));
    TRY(open_store(chain, options->folder, err));
    TRY(read_checked(chain, &checked, err));
    TRY(path_in(options->folder, "blocks", path, err));
    TRY(log_open(files, path, checked, &chain->log, &chain->stats.cut_bytes, err));
    TRY(ensure_genesis(chain, options->genesis, &genesis, &arena, err));
    TRY(ensure_state(chain, &genesis, &arena, err));
    return replay_log(chain, arena, err);
}

static void free_chain(struct chain *chain)
{
    flush_stop(chain);
    head_drop(chain->head);
    point_release(chain->best);
    tree_clear(chain);
    layer_release(chain->index);
    log_close(chain->log);
    store_close(chain->store);
    if (chain->lock_file != NULL)
        chain->files->close(chain->files->self, chain->lock_file);
    pages_release(&chain->pages);
    pthread_mutex_destroy(&chain->lock);
    pthread_mutex_destroy(&chain->flush_lock);
    pthread_cond_destroy(&chain->flush_changed);
    free(chain);
}

enum status chain_open(const struct chain_options *options, struct chain **out, struct err *err)
{
    static const usize MEMORY = (usize)1 << 36; /* of address space: genesis, records */
    u64 begun = clock_now_ns();
    struct pages pages;
    TRY(pages_reserve(MEMORY, &pages, err));
    struct chain *chain = calloc(1, sizeof(*chain));
    assert(chain != NULL);
    chain->files = options->files;
    chain->pool = options->pool;
    chain->history_blocks = max_u64(options->history_blocks, LEAST_HISTORY);
    chain->proof_blocks =
        max_u64(min_u64(options->proof_blocks, chain->history_blocks), LEAST_HISTORY);
    chain->kept_owner = options->kept_owner;
    chain->seed = random_u64();
    chain->index = layer_new(chain->seed, 0);
    pthread_mutex_init(&chain->lock, NULL);
    pthread_mutex_init(&chain->flush_lock, NULL);
    pthread_cond_init(&chain->flush_changed, NULL);
    enum status st = open_parts(chain, options, pages_arena(&pages), err);
    pages_release(&pages);
    if (st != ST_OK) {
        free_chain(chain);
        return st;
    }
    chain->stats.open_ns = clock_now_ns() - begun;
    *out = chain;
    return ST_OK;
}

enum status chain_flush(struct chain *chain, struct err *err)
{
    return flush_all(chain, err);
}

void chain_close(struct chain *chain)
{
    if (chain == NULL)
        return;
    /* What fails to reach the store now is in the log. */
    struct err err;
    (void)!flush_all(chain, &err);
    free_chain(chain);
}

const struct chain_config *chain_config(const struct chain *chain)
{
    return &chain->config;
}

hash32 chain_genesis_hash(const struct chain *chain)
{
    return chain->genesis_hash;
}

struct chain_stats chain_stats(struct chain *chain)
{
    pthread_mutex_lock(&chain->lock);
    struct chain_stats stats = chain->stats;
    pthread_mutex_unlock(&chain->lock);
    return stats;
}
