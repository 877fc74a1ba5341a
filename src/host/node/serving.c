/* RPC over HTTP and WebSocket, and the pages beside it. */
#include "node/internal.h"

#include "base/fmt.h"
#include "sys/clock.h"

/* --- From net's calls to rpc's. */

static bool is_heavy(void *self, bytes method)
{
    return rpc_is_heavy(((struct node *)self)->rpc, method);
}

static void answer(void *self, bytes method, json params, const struct net_peer *peer,
                   struct json_out *out, struct arena arena)
{
    rpc_answer(((struct node *)self)->rpc, method, params, peer, out, arena);
}

static void peer_gone(void *self, const struct net_peer *peer)
{
    rpc_peer_gone(((struct node *)self)->rpc, peer);
}

/* --- /metrics, in Prometheus' text format. */

static bool page(void *self, bytes path, struct net_page *out, struct arena *arena)
{
    enum { ROOM = 4096 };
    struct node *node = self;
    if (!bytes_equal(path, BYTES_LIT("/metrics")))
        return false;
    const struct head *head = chain_head(node->chain);
    struct txpool_counts pool = txpool_counts(node->pool);
    struct chain_stats stats = chain_stats(node->chain);
    struct net_counts net = net_count(node->net);
    const struct {
        const char *name, *kind;
        u64 value;
    } rows[] = {
        {"varve_head_number", "gauge", head->header.number},
        {"varve_head_timestamp_seconds", "gauge", head->header.timestamp},
        {"varve_blocks_total", "counter", stats.blocks},
        {"varve_transactions_total", "counter", stats.txs},
        {"varve_gas_total", "counter", stats.gas},
        {"varve_execute_nanoseconds_total", "counter", stats.execute_ns},
        {"varve_trie_nanoseconds_total", "counter", stats.trie_ns},
        {"varve_commit_nanoseconds_total", "counter", stats.commit_ns},
        {"varve_recover_nanoseconds_total", "counter", rpc_recover_ns(node->rpc)},
        {"varve_pool_executable", "gauge", pool.executable},
        {"varve_pool_queued", "gauge", pool.queued},
        {"varve_pool_bytes", "gauge", pool.bytes},
        {"varve_rpc_connections", "gauge", net.connections},
        {"varve_rpc_requests_total", "counter", net.requests},
    };
    char *text = ARENA_TAKE(arena, char, ROOM);
    usize size = 0;
    for (usize i = 0; i < countof(rows); i++)
        size += fmt(text + size, ROOM - size, "# TYPE %s %s\n%s %lu\n", rows[i].name, rows[i].kind,
                    rows[i].name, rows[i].value);
    head_release(head);
    *out = (struct net_page){200, "text/plain; version=0.0.4", {(const u8 *)text, size}};
    return true;
}

/* --- What rpc asks of the node. */

static void pool_grew(void *self)
{
    struct node *node = self;
    if (node->orderer != NULL)
        orderer_pool_grew(node->orderer);
    if (node->layer != NULL)
        layer_pool_grew(node->layer);
}

static enum status run_order(void *self, struct dev_order *order, struct err *err)
{
    return orderer_run(((struct node *)self)->orderer, order, err);
}

static bool impersonated(void *self, address who)
{
    return orderer_impersonates(((struct node *)self)->orderer, who);
}

static enum status choose_namespaces(const struct node *node, unsigned *out, struct err *err)
{
    const char *list = node->config->http_api;
    if (list[0] == 0)
        list = node->config->command != UP ? "eth,net,web3"
               : node_is_child(node)       ? "eth,net,web3,txpool,debug"
                                           : "eth,net,web3,txpool,debug,evm";
    TRY(rpc_namespaces(list, out, err));
    if (node_is_child(node))
        *out |= RPC_LAYER;
    if ((*out & RPC_EVM) != 0 && node->orderer == NULL)
        return fail(err, ST_INVALID, "test methods need --orderer dev");
    return ST_OK;
}

enum status node_make_rpc(struct node *node, struct err *err)
{
    bool dev = node->orderer != NULL;
    struct rpc_services services = {.chain = node->chain,
                                    .pool = node->pool,
                                    .layer = node->layer,
                                    .keys = node->keys,
                                    .version = node_client_version(),
                                    .now_ms = clock_now_ms,
                                    .pool_grew = pool_grew,
                                    .dev = dev ? run_order : NULL,
                                    .impersonated = dev ? impersonated : NULL,
                                    .node = node};
    TRY(choose_namespaces(node, &services.namespaces, err));
    node->rpc = rpc_new(&services);
    return ST_OK;
}

enum status node_serve(struct node *node, struct err *err)
{
    const struct config *config = node->config;
    struct net_options options = net_defaults(node->workers);
    options.address = config->http_addr;
    options.port = (u16)config->http_port;
    options.hosts = config->http_hosts;
    options.origins = config->http_cors;
    options.scratch_size = rpc_scratch_size();
    struct net_handler handler = {.self = node,
                                  .is_heavy = is_heavy,
                                  .answer = answer,
                                  .peer_gone = peer_gone,
                                  .page = page};
    return net_start(&options, &handler, &node->net, err);
}
