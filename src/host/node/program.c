/* The program while it runs: its chains, its signals, and what a person sees of them. */
#include "node/internal.h"

#include "base/fmt.h"
#include "node/mesh.h"
#include "node/stack.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/thread.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { LIVE_MS = 500 };

/* A parent, layer 2s on it, and a layer 3. */
enum { MAX_CHAINS = CONFIG_MOST_LAYERS + 2 };

/* A chain and what was said about it. Settings of chains that `up` makes by itself are made here.
 */
struct member {
    struct config config;
    char datadir[4096], rollup[4200], parent[128], key[32];
    struct node node;
};

struct program {
    const struct config *config;
    struct loop *loop;
    struct signals signals;
    atomic_bool stopped_early; /* before the loop ran */
    struct timer live_timer;
    u64 live_txs, live_ms;             /* at the last live line */
    struct member *chains[MAX_CHAINS]; /* parents before their children */
    usize chain_count;
    struct keys *keys; /* of `up`: users and operators */
    struct mesh *mesh; /* NULL: no channels were asked for */
    char folder[4096]; /* temporary, for children of somebody else's L1; "": none */
};

/* --- What a person sees. */

static void print_accounts(const struct program *program, FILE *to)
{
    const struct config *config = program->config;
    fprintf(to, "Accounts (%lu ETH each; these keys are public, they guard nothing)\n\n",
            config->balance);
    for (usize i = 0; i < config->accounts; i++) {
        char who[41] = {0}, secret_text[65] = {0};
        address account = keys_address(program->keys, i);
        secret32 secret = keys_secret(program->keys, i);
        hex_write(who, BYTES_OF(account));
        hex_write(secret_text, BYTES_OF(secret));
        fprintf(to, "(%zu) 0x%s  key 0x%s\n", i, who, secret_text);
    }
    fprintf(to, "\nMnemonic    %s\n", KEYS_TEST_MNEMONIC);
}

static void print_address(FILE *to, const char *name, address who)
{
    char text[41] = {0};
    hex_write(text, BYTES_OF(who));
    fprintf(to, "%-11s 0x%s\n", name, text);
}

static void print_chain(const struct node *node, FILE *to)
{
    const struct config *config = node->config;
    const struct head *head = chain_head(node->chain);
    bool v6 = strchr(config->http_addr, ':') != NULL;
    fprintf(to, "Chain id    %lu\n", chain_config(node->chain)->chain_id);
    fprintf(to, "Block       %lu\n", head->header.number);
    fprintf(to, "Data        %s%s\n", node->folder,
            node->folder_is_temporary ? " (removed at the end; --datadir keeps it)" : "");
    fprintf(to, "HTTP, WS    %s%s%s:%u\n", v6 ? "http://[" : "http://", config->http_addr,
            v6 ? "]" : "", net_port(node->net));
    if (node->layer != NULL) {
        fprintf(to, "Parent      chain %lu, %s\n", node->rollup.parent_chain_id, config->parent);
        fprintf(to, "Rollup      %s\n", config->rollup);
        print_address(to, "Portal", node->rollup.portal);
        print_address(to, "Bridge", node->rollup.standard_bridge);
        print_address(to, "Settlement", node->rollup.settlement);
    }
    fprintf(to, "\n");
    head_release(head);
}

static void greet(const struct program *program, FILE *to)
{
    fprintf(to, "varve %s\n\n", node_version());
    if (program->config->command == UP)
        print_accounts(program, to);
    for (usize i = 0; i < program->chain_count; i++)
        print_chain(&program->chains[i]->node, to);
    if (program->mesh != NULL)
        mesh_print(program->mesh, to);
    fflush(to);
}

/* Height, pending, transactions a second, price: one line, written over. */
static void show_live(struct timer *timer)
{
    struct program *program = (void *)((u8 *)timer - offsetof(struct program, live_timer));
    const struct node *node = &program->chains[program->chain_count - 1]->node;
    const struct head *head = chain_head(node->chain);
    struct txpool_counts pool = txpool_counts(node->pool);
    u64 txs = chain_stats(node->chain).txs, now_ms = clock_now_ms();
    u64 rate = (txs - program->live_txs) * 1000 / max_u64(now_ms - program->live_ms, 1);
    u64 mwei = u256_to_u64_sat(u256_div(head->header.base_fee_wei, u256_from_u64(1000000)));
    char line[160];
    fmt(line, sizeof(line), "chain %lu  block %lu  pending %zu  %lu tx/s  base fee %lu.%03lu gwei",
        chain_config(node->chain)->chain_id, head->header.number, pool.executable + pool.queued,
        rate, mwei / 1000, mwei % 1000);
    log_live(line);
    head_release(head);
    program->live_txs = txs;
    program->live_ms = now_ms;
    loop_set_timer(program->loop, timer, now_ms + LIVE_MS);
}

/* --- From start to end. */

static const int STOPS[] = {SIGINT, SIGTERM, 0};

static void stop_asked(struct signals *signals, int number)
{
    struct program *program = (void *)((u8 *)signals - offsetof(struct program, signals));
    (void)number;
    loop_stop(program->loop);
}

/* While a stack starts, the loop does not run and hears no signals: this does, so that whatever
 * waits for a parent ends soon. */
static void *listen_early(void *self)
{
    struct program *program = self;
    sigset_t set;
    int number;
    sigemptyset(&set);
    for (const int *stop = STOPS; *stop != 0; stop++)
        sigaddset(&set, *stop);
    sigwait(&set, &number); /* where the thread is cancelled */
    program->stopped_early = true;
    return NULL;
}

/* A chain that will run with these settings: a copy, for the caller to complete before it begins.
 */
static struct member *add_chain(struct program *program)
{
    assert(program->chain_count < MAX_CHAINS);
    struct member *member = calloc(1, sizeof(*member));
    assert(member != NULL);
    member->config = *program->config;
    member->node.config = &member->config;
    program->chains[program->chain_count++] = member;
    return member;
}

static enum status begin_chain(struct member *member, struct err *err)
{
    TRY(node_begin(&member->node, err));
    TRY(node_serve(&member->node, err));
    log_info("node", "ready", LOG_U64("chain", chain_config(member->node.chain)->chain_id),
             LOG_TEXT("address", member->config.http_addr),
             LOG_U64("port", net_port(member->node.net)));
    return ST_OK;
}

/* --- `up`: an L1, or somebody else's, and children on it. */

enum { FIRST_CHILD_ID = 901, PORTS_ABOVE = 1000 };

/* A child with number `index` on the parent at member->parent. */
static enum status begin_child(struct program *program, struct member *member, usize index,
                               const char *folder, struct err *err)
{
    const struct config *config = program->config;
    struct config *own = &member->config;
    u64 chain_id = FIRST_CHILD_ID + index;
    u64 first_port = config->layer_port != 0  ? config->layer_port
                     : config->http_port != 0 ? config->http_port + PORTS_ABOVE
                                              : 0;
    fmt(member->datadir, sizeof(member->datadir), "%s/%lu", folder, chain_id);
    fmt(member->rollup, sizeof(member->rollup), "%s/rollup.json", member->datadir);
    fmt(member->key, sizeof(member->key), "test:%lu", config->accounts + index);
    if (index >= config->layers) /* its parent is a layer, which has no blobs */
        own->beacon = own->archive = "";
    struct stack_options stack = {.parent_url = member->parent,
                                  .folder = member->datadir,
                                  .chain_id = chain_id,
                                  .gas_limit = config->gas_limit,
                                  .cancel = &program->stopped_early,
                                  .blob_prices = own->beacon[0] != 0 || own->archive[0] != 0,
                                  .keys = program->keys,
                                  .users = config->accounts,
                                  .operator= config->accounts + index };
    struct rollup rollup;
    TRY(stack_make_child(&stack, &rollup, err));
    member->node.throwaway = config->datadir[0] == 0;
    own->datadir = member->datadir;
    own->rollup = member->rollup;
    own->parent = member->parent;
    own->key = member->key;
    own->orderer = "none";
    own->role = config->relay ? "sequencer,batcher,proposer,relayer" : "sequencer,batcher,proposer";
    own->chain_id = 0;
    own->http_port = first_port == 0 ? 0 : first_port + index;
    return begin_chain(member, err);
}

static void own_url(const struct member *parent, char *to, usize size)
{
    fmt(to, size, "http://127.0.0.1:%u", net_port(parent->node.net));
}

/* Where the children's folders are: beside the L1's blocks, or where --datadir says. */
static enum status children_folder(struct program *program, struct member *l1, const char **out,
                                   struct err *err)
{
    if (l1 != NULL)
        *out = l1->node.folder;
    else if (program->config->datadir[0] != 0)
        *out = program->config->datadir;
    else {
        TRY(node_make_temporary(program->folder, sizeof(program->folder), err));
        *out = program->folder;
    }
    return ST_OK;
}

/* A child's withdrawals wait for its parent's clock, which on an idle chain stands still. */
static void give_heartbeat(struct member *parent)
{
    enum { HEARTBEAT_MS = 1000 };
    if (parent->config.heartbeat == 0)
        parent->config.heartbeat = HEARTBEAT_MS;
}

/* Daemons for payment channels, beside the L1. */
static enum status start_mesh(struct program *program, const struct member *l1, struct err *err)
{
    enum { PORTS_ABOVE_L1 = 15 };
    const struct config *config = program->config;
    char url[64];
    if (config->channels == 0)
        return ST_OK;
    own_url(l1, url, sizeof(url));
    struct mesh_options options = {
        .url = url,
        .folder = l1->node.folder,
        .keys = program->keys,
        .users = config->accounts,
        .count = config->channels,
        .http_port = (u16)(config->channel_port != 0 ? config->channel_port
                           : config->http_port != 0  ? config->http_port + PORTS_ABOVE_L1
                                                     : 0),
    };
    return mesh_start(&options, &program->mesh, err);
}

static enum status start_stack(struct program *program, struct err *err)
{
    const struct config *config = program->config;
    struct member *l1 = NULL;
    const char *folder;
    usize count = config->layers + config->l3;
    TRY(keys_from_mnemonic(KEYS_TEST_MNEMONIC, (u32)(config->accounts + count), &program->keys,
                           err));
    if (config->parent[0] == 0) {
        l1 = add_chain(program);
        if (count > 0)
            give_heartbeat(l1);
        TRY(begin_chain(l1, err));
        TRY(start_mesh(program, l1, err));
    }
    if (count == 0)
        return ST_OK;
    TRY(children_folder(program, l1, &folder, err));
    struct member *first = NULL;
    for (usize i = 0; i < count; i++) {
        struct member *child = add_chain(program);
        const struct member *parent = i < config->layers ? l1 : first;
        child->config.heartbeat = 0;
        if (i == 0 && config->l3)
            give_heartbeat(child);
        if (parent != NULL)
            own_url(parent, child->parent, sizeof(child->parent));
        else
            fmt(child->parent, sizeof(child->parent), "%s", config->parent);
        TRY(begin_child(program, child, i, folder, err));
        first = first == NULL ? child : first;
    }
    return ST_OK;
}

static enum status start(struct program *program, struct err *err)
{
    pthread_t listener;
    TRY(loop_new(&program->loop, err));
    program->signals.came = stop_asked;
    TRY(loop_take_signals(program->loop, &program->signals, STOPS, err));
    if (program->config->command != UP)
        return begin_chain(add_chain(program), err);
    TRY(thread_start(&listener, "early stop", listen_early, program, err));
    enum status st = start_stack(program, err);
    pthread_cancel(listener);
    pthread_join(listener, NULL);
    if (program->stopped_early)
        return fail(err, ST_AGAIN, "stopped while it was starting");
    return st;
}

static void run(struct program *program, FILE *greeting)
{
    if (greeting != NULL)
        greet(program, greeting);
    program->live_ms = clock_now_ms();
    program->live_timer.due = show_live;
    if (program->config->command == UP)
        loop_set_timer(program->loop, &program->live_timer, program->live_ms + LIVE_MS);
    loop_run(program->loop);
    log_live("");
    log_info("node", "stopping");
}

/* Children before their parents: they still ask. */
static enum status end_chains(struct program *program, struct err *err)
{
    enum status st = ST_OK;
    for (usize i = program->chain_count; i-- > 0;) {
        struct err why;
        enum status ended = node_end(&program->chains[i]->node, &why);
        if (st == ST_OK && ended != ST_OK) {
            st = ended;
            *err = why;
        }
        free(program->chains[i]);
    }
    return st;
}

enum status node_run(const struct config *config, FILE *greeting, struct err *err)
{
    struct program program = {.config = config};
    enum log_level level;
    if (!log_level_of(config->log_level, &level))
        return fail(err, ST_INVALID, "--log.level is error, warn, info or debug, not \"%s\"",
                    config->log_level);
    log_setup((struct log_options){level, strcmp(config->log, "json") == 0, STDERR_FILENO});
    enum status st = start(&program, err);
    if (st == ST_OK)
        run(&program, greeting);
    mesh_stop(program.mesh);
    struct err stop_err;
    enum status stopped = end_chains(&program, &stop_err);
    node_remove_folder(program.folder);
    keys_free(program.keys);
    loop_free(program.loop);
    if (st == ST_OK && stopped != ST_OK) {
        *err = stop_err;
        st = stopped;
    }
    return st;
}
