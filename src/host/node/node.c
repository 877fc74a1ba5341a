#include "node/internal.h"

#include "base/fmt.h"
#include "node/version.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <signal.h>
#include <unistd.h>

enum { LIVE_MS = 500, SHUTDOWN_GRACE_MS = 2000, WORK_QUEUE = 4096 };
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

/* --- What a person sees. */

static void print_accounts(const struct node *node, FILE *to)
{
    fprintf(to, "Accounts (%lu ETH each; these keys are public, they guard nothing)\n\n",
            node->config->balance);
    for (usize i = 0; i < keys_count(node->keys); i++) {
        char who[41] = {0}, secret_text[65] = {0};
        address account = keys_address(node->keys, i);
        secret32 secret = keys_secret(node->keys, i);
        hex_write(who, BYTES_OF(account));
        hex_write(secret_text, BYTES_OF(secret));
        fprintf(to, "(%zu) 0x%s  key 0x%s\n", i, who, secret_text);
    }
    fprintf(to, "\nMnemonic    %s\n", KEYS_TEST_MNEMONIC);
}

static void greet(const struct node *node, FILE *to)
{
    const struct config *config = node->config;
    const struct head *head = chain_head(node->chain);
    bool v6 = strchr(config->http_addr, ':') != NULL;
    fprintf(to, "varve %s\n\n", node_version());
    if (node->orderer != NULL)
        print_accounts(node, to);
    fprintf(to, "Chain id    %lu\n", chain_config(node->chain)->chain_id);
    fprintf(to, "Block       %lu\n", head->header.number);
    fprintf(to, "Data        %s%s\n", node->folder,
            node->folder_is_temporary ? " (removed at the end; --datadir keeps it)" : "");
    fprintf(to, "HTTP, WS    %s%s%s:%u\n\n", v6 ? "http://[" : "http://", config->http_addr,
            v6 ? "]" : "", net_port(node->net));
    fflush(to);
    head_release(head);
}

/* Height, pending, transactions a second, price: one line, written over. */
static void show_live(struct timer *timer)
{
    struct node *node = (struct node *)((u8 *)timer - offsetof(struct node, live_timer));
    const struct head *head = chain_head(node->chain);
    struct txpool_counts pool = txpool_counts(node->pool);
    u64 txs = chain_stats(node->chain).txs, now_ms = clock_now_ms();
    u64 rate = (txs - node->live_txs) * 1000 / max_u64(now_ms - node->live_ms, 1);
    u64 mwei = u256_to_u64_sat(u256_div(head->header.base_fee_wei, u256_from_u64(1000000)));
    char line[160];
    fmt(line, sizeof(line), "block %lu  pending %zu  %lu tx/s  base fee %lu.%03lu gwei",
        head->header.number, pool.executable + pool.queued, rate, mwei / 1000, mwei % 1000);
    log_live(line);
    head_release(head);
    node->live_txs = txs;
    node->live_ms = now_ms;
    loop_set_timer(node->loop, timer, now_ms + LIVE_MS);
}

/* --- From start to end. */

static void stop_asked(struct signals *signals, int number)
{
    struct node *node = (struct node *)((u8 *)signals - offsetof(struct node, signals));
    (void)number;
    loop_stop(node->loop);
}

enum status node_begin(struct node *node, struct err *err)
{
    const struct config *config = node->config;
    bool dev = strcmp(config->orderer, "dev") == 0;
    TRY(pages_reserve(NODE_PAGES, &node->pages, err));
    if (dev)
        TRY(keys_from_mnemonic(KEYS_TEST_MNEMONIC, (u32)config->accounts, &node->keys, err));
    TRY(pool_new(0, WORK_QUEUE, &node->workers, err));
    TRY(node_open_chain(node, err));
    TRY(node_make_pool(node, err));
    if (dev) {
        struct orderer_options options = {.chain = node->chain,
                                          .pool = node->pool,
                                          .automine = config->block_time == 0 && !config->no_mining,
                                          .interval_ms = config->block_time,
                                          .gas_limit = config->gas_limit};
        TRY(orderer_start(&options, &node->orderer, err));
    }
    return node_make_rpc(node, err);
}

/* First nobody new, then no new block, then what is there goes to disk. */
enum status node_end(struct node *node, struct err *err)
{
    enum status st = ST_OK;
    net_stop(node->net, SHUTDOWN_GRACE_MS);
    orderer_stop(node->orderer);
    if (node->chain != NULL && !node->folder_is_temporary)
        st = chain_flush(node->chain, err);
    chain_close(node->chain);
    rpc_free(node->rpc);
    txpool_free(node->pool);
    pool_free(node->workers);
    keys_free(node->keys);
    pages_release(&node->pages);
    pages_release(&node->account_pages);
    node_forget_folder(node);
    return st;
}

static enum status start(struct node *node, struct err *err)
{
    static const int stops[] = {SIGINT, SIGTERM, 0};
    TRY(loop_new(&node->loop, err));
    node->signals.came = stop_asked;
    TRY(loop_take_signals(node->loop, &node->signals, stops, err));
    TRY(node_begin(node, err));
    return node_serve(node, err);
}

enum status node_run(const struct config *config, FILE *greeting, struct err *err)
{
    struct node node = {.config = config};
    enum log_level level;
    if (!log_level_of(config->log_level, &level))
        return fail(err, ST_INVALID, "--log.level is error, warn, info or debug, not \"%s\"",
                    config->log_level);
    log_setup((struct log_options){level, strcmp(config->log, "json") == 0, STDERR_FILENO});
    enum status st = start(&node, err);
    if (st == ST_OK) {
        if (greeting != NULL)
            greet(&node, greeting);
        log_info("node", "ready", LOG_U64("chain", chain_config(node.chain)->chain_id),
                 LOG_TEXT("address", config->http_addr), LOG_U64("port", net_port(node.net)));
        node.live_ms = clock_now_ms();
        node.live_timer.due = show_live;
        if (config->command == UP)
            loop_set_timer(node.loop, &node.live_timer, node.live_ms + LIVE_MS);
        loop_run(node.loop);
        log_live("");
        log_info("node", "stopping");
    }
    struct err stop_err;
    enum status stopped = node_end(&node, &stop_err);
    loop_free(node.loop);
    if (st == ST_OK && stopped != ST_OK) {
        *err = stop_err;
        st = stopped;
    }
    return st;
}
