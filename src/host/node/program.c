/* The program while it runs: its chains, its signals, and what a person sees of them. */
#include "node/internal.h"

#include "base/fmt.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/loop.h"

#include <signal.h>
#include <unistd.h>

enum { LIVE_MS = 500 };

struct program {
    const struct config *config;
    struct loop *loop;
    struct signals signals;
    struct timer live_timer;
    u64 live_txs, live_ms; /* at the last live line */
    struct node node;
};

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
    struct program *program = (void *)((u8 *)timer - offsetof(struct program, live_timer));
    struct node *node = &program->node;
    const struct head *head = chain_head(node->chain);
    struct txpool_counts pool = txpool_counts(node->pool);
    u64 txs = chain_stats(node->chain).txs, now_ms = clock_now_ms();
    u64 rate = (txs - program->live_txs) * 1000 / max_u64(now_ms - program->live_ms, 1);
    u64 mwei = u256_to_u64_sat(u256_div(head->header.base_fee_wei, u256_from_u64(1000000)));
    char line[160];
    fmt(line, sizeof(line), "block %lu  pending %zu  %lu tx/s  base fee %lu.%03lu gwei",
        head->header.number, pool.executable + pool.queued, rate, mwei / 1000, mwei % 1000);
    log_live(line);
    head_release(head);
    program->live_txs = txs;
    program->live_ms = now_ms;
    loop_set_timer(program->loop, timer, now_ms + LIVE_MS);
}

/* --- From start to end. */

static void stop_asked(struct signals *signals, int number)
{
    struct program *program = (void *)((u8 *)signals - offsetof(struct program, signals));
    (void)number;
    loop_stop(program->loop);
}

static enum status start(struct program *program, struct err *err)
{
    static const int stops[] = {SIGINT, SIGTERM, 0};
    TRY(loop_new(&program->loop, err));
    program->signals.came = stop_asked;
    TRY(loop_take_signals(program->loop, &program->signals, stops, err));
    TRY(node_begin(&program->node, err));
    return node_serve(&program->node, err);
}

static void run(struct program *program, FILE *greeting)
{
    const struct config *config = program->config;
    if (greeting != NULL)
        greet(&program->node, greeting);
    log_info("node", "ready", LOG_U64("chain", chain_config(program->node.chain)->chain_id),
             LOG_TEXT("address", config->http_addr), LOG_U64("port", net_port(program->node.net)));
    program->live_ms = clock_now_ms();
    program->live_timer.due = show_live;
    if (config->command == UP)
        loop_set_timer(program->loop, &program->live_timer, program->live_ms + LIVE_MS);
    loop_run(program->loop);
    log_live("");
    log_info("node", "stopping");
}

enum status node_run(const struct config *config, FILE *greeting, struct err *err)
{
    struct program program = {.config = config, .node.config = config};
    enum log_level level;
    if (!log_level_of(config->log_level, &level))
        return fail(err, ST_INVALID, "--log.level is error, warn, info or debug, not \"%s\"",
                    config->log_level);
    log_setup((struct log_options){level, strcmp(config->log, "json") == 0, STDERR_FILENO});
    enum status st = start(&program, err);
    if (st == ST_OK)
        run(&program, greeting);
    struct err stop_err;
    enum status stopped = node_end(&program.node, &stop_err);
    loop_free(program.loop);
    if (st == ST_OK && stopped != ST_OK) {
        *err = stop_err;
        st = stopped;
    }
    return st;
}
