/* One chain, wired together: storage, pool, orderer, RPC. */
#include "node/internal.h"

#include "node/version.h"

enum { SHUTDOWN_GRACE_MS = 2000, WORK_QUEUE = 4096 };
/* Address space for a genesis, an import file, blocks that a reorg gives back. */
#define NODE_PAGES ((usize)16 << 30)

const char *node_version(void)
{
    return VARVE_VERSION;
}

const char *node_client_version(void)
{
    return "varve/v" VARVE_VERSION "/linux/c";
}

enum status node_begin(struct node *node, struct err *err)
{
    const struct config *config = node->config;
    bool dev = strcmp(config->orderer, "dev") == 0;
    TRY(pages_reserve(NODE_PAGES, &node->pages, err));
    if (node_is_child(node))
        TRY(node_read_rollup(node, err));
    if (dev || config->command == UP)
        TRY(keys_from_mnemonic(KEYS_TEST_MNEMONIC, (u32)config->accounts, &node->keys, err));
    TRY(pool_new(0, WORK_QUEUE, &node->workers, err));
    TRY(node_open_chain(node, err));
    TRY(node_make_pool(node, err));
    if (dev) {
        struct orderer_options options = {.chain = node->chain,
                                          .pool = node->pool,
                                          .automine = config->block_time == 0 && !config->no_mining,
                                          .interval_ms = config->block_time,
                                          .heartbeat_ms = config->heartbeat,
                                          .gas_limit = config->gas_limit};
        TRY(orderer_start(&options, &node->orderer, err));
    }
    if (node_is_child(node))
        TRY(node_begin_layer(node, err));
    return node_make_rpc(node, err);
}

/* First nobody new, then no new block, then what is there goes to disk. */
enum status node_end(struct node *node, struct err *err)
{
    enum status st = ST_OK;
    layer_hang_up(node->layer);
    net_stop(node->net, SHUTDOWN_GRACE_MS);
    orderer_stop(node->orderer);
    layer_stop(node->layer);
    if (node->chain != NULL && !node->folder_is_temporary)
        st = chain_flush(node->chain, err);
    chain_close(node->chain);
    rpc_free(node->rpc);
    txpool_free(node->pool);
    pool_free(node->workers);
    keys_free(node->keys);
    key_choice_end(&node->role_key);
    pages_release(&node->pages);
    pages_release(&node->account_pages);
    if (node->folder_is_temporary)
        node_remove_folder(node->folder);
    return st;
}
