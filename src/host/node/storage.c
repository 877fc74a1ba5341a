/* Where the chain is kept, and its first blocks. */
#include "node/internal.h"

#include "base/fmt.h"
#include "layer/child_genesis.h"
#include "node/dev_genesis.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

enum { UP_CHAIN_ID = 900 };

/* --- The folder. */

enum status node_make_temporary(char *path, usize size, struct err *err)
{
    const char *parent = getenv("TMPDIR");
    fmt(path, size, "%s/varve-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(path) == NULL)
        return fail(err, ST_IO, "cannot make a temporary folder %s: %s", path, strerror(errno));
    return ST_OK;
}

static enum status make_temporary(struct node *node, struct err *err)
{
    TRY(node_make_temporary(node->folder, sizeof(node->folder), err));
    node->folder_is_temporary = node->throwaway = true;
    return ST_OK;
}

/* As the XDG base directory specification has it. */
static enum status default_folder(struct node *node, struct err *err)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data != NULL && data[0] == '/')
        fmt(node->folder, sizeof(node->folder), "%s/varve", data);
    else if (home != NULL && home[0] == '/')
        fmt(node->folder, sizeof(node->folder), "%s/.local/share/varve", home);
    else
        return fail(err, ST_INVALID, "neither XDG_DATA_HOME nor HOME is set: say --datadir");
    return ST_OK;
}

static enum status choose_folder(struct node *node, struct err *err)
{
    const char *named = node->config->datadir;
    if (named[0] == 0)
        return node->config->command == UP ? make_temporary(node, err) : default_folder(node, err);
    if (fmt(node->folder, sizeof(node->folder), "%s", named) >= sizeof(node->folder))
        return fail(err, ST_INVALID, "--datadir is longer than a path may be");
    return ST_OK;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

void node_remove_folder(const char *path)
{
    enum { OPEN_FOLDERS = 8 };
    if (path[0] != 0)
        nftw(path, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
}

/* --- The first block. */

static enum status read_genesis(struct node *node, struct genesis *out, struct arena *arena,
                                struct err *err)
{
    const struct config *config = node->config;
    bytes text;
    if (node_is_child(node))
        return child_genesis_make(&node->rollup, out, arena, err);
    if (config->genesis[0] != 0) {
        enum { LIMIT = 256 << 20 };
        TRY(files_read_whole(files_of_system(), config->genesis, LIMIT, &text, arena, err));
        TRY(genesis_parse(text, out, arena, err));
        if (config->chain_id != 0)
            out->config.chain_id = config->chain_id;
        return ST_OK;
    }
    struct dev_genesis dev = {.chain_id = config->chain_id != 0 ? config->chain_id : UP_CHAIN_ID,
                              .timestamp = clock_wall_ms() / 1000,
                              .gas_limit = config->gas_limit,
                              .balance_ether = config->command == UP ? config->balance : 0,
                              .keys = node->keys};
    return dev_genesis_make(&dev, out, arena, err);
}

/* What goes when the node goes need not outlive a power cut. */
static enum status no_sync(void *self, struct file *file, struct err *err)
{
    (void)self;
    (void)file;
    (void)err;
    return ST_OK;
}

/* A folder that holds a chain goes on with it; a new one gets its first block. */
static enum status open_chain(struct node *node, struct err *err)
{
    const struct config *config = node->config;
    node->files = *files_of_system();
    if (node->throwaway)
        node->files.sync = no_sync;
    struct chain_options options = {
        .files = &node->files,
        .folder = node->folder,
        .history_blocks = config->history == 0 ? UINT64_MAX : config->history,
        .proof_blocks = config->command == UP ? UINT64_MAX : config->proofs,
        .kept_owner = node_is_child(node) ? kept_owner() : (hash32){{0}},
        .pool = node->workers};
    options.proof_blocks = min_u64(options.proof_blocks, options.history_blocks);
    struct genesis genesis;
    struct arena arena = pages_arena(&node->pages);
    enum status st = ST_MISSING;
    if (config->genesis[0] == 0 && !node->folder_is_temporary && !node_is_child(node))
        st = chain_open(&options, &node->chain, err);
    if (st != ST_MISSING)
        return st;
    if (config->genesis[0] == 0 && config->command == NODE && !node_is_child(node))
        return fail(err, ST_MISSING, "%s holds no chain yet: say --genesis FILE", node->folder);
    TRY(read_genesis(node, &genesis, &arena, err));
    options.genesis = &genesis;
    return chain_open(&options, &node->chain, err);
}

static enum status import(struct node *node, struct err *err)
{
    const char *path = node->config->import;
    if (path[0] == 0)
        return ST_OK;
    struct arena arena = pages_arena(&node->pages);
    bytes blocks;
    usize imported = 0;
    TRY(files_read_whole(files_of_system(), path, arena_left(&arena) / 2, &blocks, &arena, err));
    const struct head *head = chain_head(node->chain);
    if (!u256_is_zero(head->header.difficulty))
        log_warn("node", "proof-of-work seals are not checked yet");
    head_release(head);
    u64 start_ms = clock_now_ms();
    enum status st = chain_import_all(node->chain, blocks, &imported, err);
    log_info("node", "imported", LOG_TEXT("file", path), LOG_U64("blocks", imported),
             LOG_U64("ms", clock_now_ms() - start_ms));
    pages_trim(&node->pages, 0);
    return st;
}

enum status node_open_chain(struct node *node, struct err *err)
{
    TRY(choose_folder(node, err));
    TRY(open_chain(node, err));
    chain_listen(node->chain, (struct chain_listener){node, node_head_changed});
    return import(node, err);
}
