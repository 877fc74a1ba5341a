/* The thread, and what goes to it and comes from it. */
#include "channel/onchain_internal.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "channel/deployed.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/thread.h"

#include <stdlib.h>
#include <time.h>

enum {
    POLL_MS = 1000,
    WHOLE_MS = 1000, /* after which more than the newest block's number is looked at */
    PATIENCE_MS = 5000,
    CONFIRMATIONS = 64, /* reorgs out of which transactions are sent again */
    RETRY_MS = 1000,
    /* Disputes have deadlines: sooner than the sender would by itself, and than this where the
     * chain is looked at more often than once in a second. */
    GAP_MS = 15000,
    AGAIN_MS = 10000,
    ANSWER_LIMIT = 32 << 20,
    PATH_ROOM = 4200,
};

static void *take(usize size)
{
    void *out = calloc(1, size);
    assert(out != NULL);
    return out;
}

/* --- To the listener. */

struct telling *telling_new(usize batch_count)
{
    struct telling *telling = take(sizeof(*telling) + batch_count * sizeof(hash32));
    telling->batch_count = batch_count;
    return telling;
}

static void free_tellings(struct telling *list)
{
    while (list != NULL) {
        struct telling *next = list->next;
        free(list);
        list = next;
    }
}

static void outbox_free(struct outbox *outbox)
{
    free_tellings(outbox->first);
    pthread_mutex_destroy(&outbox->lock);
    free(outbox);
}

static void say_revealed(const struct onchain_listener *listener, const struct telling *from)
{
    struct onchain_reveal reveal = {
        .key = from->key, .secret = from->secret, .time_s = from->time_s};
    if (from->batch_count == 0)
        listener->revealed(listener->self, &reveal);
    reveal.batch = from->batch;
    reveal.batch_count = from->batch_count;
    for (usize i = 0; i < from->batch_count; i++) {
        reveal.batch_index = i;
        reveal.secret = from->batch[i];
        reveal.key = registry_key(reveal.secret);
        listener->revealed(listener->self, &reveal);
    }
}

static void say(const struct onchain_listener *listener, const struct telling *from)
{
    switch (from->kind) {
    case TELL_VIEW:
        listener->view(listener->self, from->key, &from->view, from->flag);
        return;
    case TELL_APP:
        listener->app(listener->self, from->key, &from->app);
        return;
    case TELL_BLOCK:
        listener->block(listener->self, from->number, from->time_s, from->final_number,
                        from->final_time_s);
        return;
    case TELL_REVEALED:
        say_revealed(listener, from);
        return;
    case TELL_DISPUTED:
        listener->disputed(listener->self, from->key, from->secret, from->number);
        return;
    case TELL_SHOWN:
        listener->shown(listener->self, from->key, from->number);
        return;
    case TELL_OUTCOME:
        listener->outcome(listener->self, from->key, from->flag, from->reason);
        return;
    case TELL_STIRRED:
        listener->stirred(listener->self, from->key);
        return;
    case TELL_SEARCHED:
        if (listener->searched != NULL)
            listener->searched(listener->self, from->key);
        return;
    case TELL_REACHED:
        listener->reached(listener->self, from->flag);
        return;
    case TELL_FUNDS:
        listener->funds(listener->self, from->key, from->funds.of);
        return;
    }
    bug("unknown kind of telling");
}

/* On the loop's thread, as is closing. */
static void say_all(struct task *task)
{
    struct outbox *outbox = (struct outbox *)task;
    if (outbox->closed) {
        outbox_free(outbox);
        return;
    }
    pthread_mutex_lock(&outbox->lock);
    struct telling *list = outbox->first;
    outbox->first = NULL;
    outbox->end = &outbox->first;
    outbox->posted = false;
    pthread_mutex_unlock(&outbox->lock);
    for (const struct telling *each = list; each != NULL; each = each->next)
        say(&outbox->listener, each);
    free_tellings(list);
}

void tell(struct onchain *chain, struct telling *telling)
{
    struct outbox *outbox = chain->outbox;
    pthread_mutex_lock(&outbox->lock);
    *outbox->end = telling;
    outbox->end = &telling->next;
    bool post = !outbox->posted;
    outbox->posted = true;
    pthread_mutex_unlock(&outbox->lock);
    if (post)
        loop_post(chain->options.loop, &outbox->task);
}

static struct outbox *outbox_new(const struct onchain_listener *listener)
{
    struct outbox *outbox = take(sizeof(*outbox));
    outbox->task.run = say_all;
    outbox->listener = *listener;
    outbox->end = &outbox->first;
    pthread_mutex_init(&outbox->lock, NULL);
    return outbox;
}

/* --- To the thread. */

static void put_order(struct onchain *chain, struct order *order)
{
    pthread_mutex_lock(&chain->lock);
    *chain->orders_end = order;
    chain->orders_end = &order->next;
    pthread_cond_signal(&chain->woken);
    pthread_mutex_unlock(&chain->lock);
}

void onchain_watch(struct onchain *chain, const struct channel_terms *terms, u64 since)
{
    struct order *order = take(sizeof(*order));
    order->kind = ORDER_WATCH;
    order->terms = *terms;
    order->since = since;
    put_order(chain, order);
}

static void put_order_about(struct onchain *chain, enum order_kind kind, hash32 id)
{
    struct order *order = take(sizeof(*order));
    order->kind = kind;
    order->id = id;
    put_order(chain, order);
}

void onchain_look(struct onchain *chain, hash32 id)
{
    put_order_about(chain, ORDER_LOOK, id);
}

void onchain_forget(struct onchain *chain, hash32 id)
{
    put_order_about(chain, ORDER_FORGET, id);
}

void onchain_watch_app(struct onchain *chain, hash32 app)
{
    put_order_about(chain, ORDER_WATCH_APP, app);
}

void onchain_forget_app(struct onchain *chain, hash32 app)
{
    put_order_about(chain, ORDER_FORGET_APP, app);
}

void onchain_ask_funds(struct onchain *chain, hash32 id)
{
    put_order_about(chain, ORDER_ASK, id);
}

void onchain_ask_secret(struct onchain *chain, hash32 key, u64 since_s, u64 until_s)
{
    struct order *order = take(sizeof(*order));
    order->kind = ORDER_SEARCH;
    order->search = take(sizeof(*order->search));
    *order->search = (struct search){.key = key, .since_s = since_s, .until_s = until_s};
    put_order(chain, order);
}

void onchain_tell_since(struct onchain *chain, u64 block)
{
    struct order *order = take(sizeof(*order));
    order->kind = ORDER_SINCE;
    order->since = block;
    put_order(chain, order);
}

static void put_job(struct onchain *chain, struct job *job)
{
    struct order *order = take(sizeof(*order));
    order->kind = ORDER_DO;
    order->job = job;
    put_order(chain, order);
}

static address address_of(const struct onchain *chain, enum onchain_contract which)
{
    switch (which) {
    case ONCHAIN_ADJUDICATOR:
        return chain->adjudicator;
    case ONCHAIN_REGISTRY:
        return chain->registry;
    case ONCHAIN_COURT:
        return chain->court;
    }
    bug("unknown contract");
}

void onchain_submit(struct onchain *chain, const struct onchain_intent *intent)
{
    struct job *job = take(sizeof(*job));
    u8 *data = take(intent->data.size);
    bytes_copy(data, intent->data);
    job->key = intent->key;
    job->to = address_of(chain, intent->to);
    job->data = (bytes){data, intent->data.size};
    job->stakes = intent->stakes;
    job->stake = intent->stake;
    put_job(chain, job);
}

void onchain_deposit(struct onchain *chain, hash32 key, const struct channel_terms *terms, u32 side,
                     u128 total)
{
    struct job *job = take(sizeof(*job));
    job->key = key;
    job->to = chain->adjudicator;
    job->is_deposit = true;
    job->terms = *terms;
    job->side = side;
    job->total = total;
    put_job(chain, job);
}

/* --- Orders, on the thread. */

static struct watched **bucket_of(struct onchain *chain, hash32 id)
{
    return &chain->buckets[load_le64(id.b) % ONCHAIN_BUCKETS];
}

struct watched *watched_find(struct onchain *chain, hash32 id)
{
    struct watched *at = *bucket_of(chain, id);
    while (at != NULL && !hash32_equal(at->name.id, id))
        at = at->next;
    return at;
}

/* Where scanning has begun, it begins again. */
static void reach_back(struct onchain *chain, u64 since)
{
    if (chain->since == 0)
        return;
    chain->since = min_u64(chain->since, since);
    chain->scanned = min_u64(chain->scanned, since - 1);
}

static void start_watching(struct onchain *chain, const struct channel_terms *terms, u64 since)
{
    struct channel_name name = channel_name_of(terms);
    if (watched_find(chain, name.id) != NULL)
        return;
    struct watched *watched = take(sizeof(*watched));
    struct watched **bucket = bucket_of(chain, name.id);
    watched->terms = *terms;
    watched->name = name;
    watched->since = max_u64(since, 1); /* the first block has no logs */
    watched->scanned = watched->since - 1;
    reach_back(chain, watched->since);
    watched->next = *bucket;
    *bucket = watched;
    watched->all = chain->all;
    chain->all = watched;
}

/* As if it had a log in the newest block. */
static void look_at(const struct onchain *chain, struct watched *watched)
{
    if (watched == NULL)
        return;
    u64 newest = max_u64(chain->first_block, chain->tip.number);
    watched->is_stale = true;
    watched->first = watched->first == 0 ? newest : watched->first;
    watched->last = newest;
}

static void stop_watching(struct onchain *chain, hash32 id)
{
    struct watched **at = bucket_of(chain, id), **all = &chain->all;
    while (*at != NULL && !hash32_equal((*at)->name.id, id))
        at = &(*at)->next;
    struct watched *watched = *at;
    if (watched == NULL)
        return;
    *at = watched->next;
    while (*all != watched)
        all = &(*all)->all;
    *all = watched->all;
    secret_wipe(&watched->terms.salt);
    free(watched);
}

static void add_job(struct onchain *chain, struct job *job)
{
    struct job **end = &chain->jobs;
    while (*end != NULL && !hash32_equal((*end)->key, job->key))
        end = &(*end)->next;
    if (*end == NULL)
        *end = job;
    else
        job_free(job); /* it is under way */
}

static void add_asked(struct onchain *chain, hash32 id)
{
    struct asked *asked = take(sizeof(*asked));
    asked->id = id;
    *chain->asked_end = asked;
    chain->asked_end = &asked->next;
}

/* Whether there were any. */
static bool take_orders(struct onchain *chain)
{
    pthread_mutex_lock(&chain->lock);
    struct order *list = chain->orders;
    chain->orders = NULL;
    chain->orders_end = &chain->orders;
    pthread_mutex_unlock(&chain->lock);
    bool any = list != NULL;
    while (list != NULL) {
        struct order *order = list;
        list = order->next;
        switch (order->kind) {
        case ORDER_WATCH:
            start_watching(chain, &order->terms, order->since);
            break;
        case ORDER_LOOK:
            look_at(chain, watched_find(chain, order->id));
            break;
        case ORDER_FORGET:
            stop_watching(chain, order->id);
            break;
        case ORDER_WATCH_APP:
            court_watch(chain, order->id);
            break;
        case ORDER_FORGET_APP:
            court_forget(chain, order->id);
            break;
        case ORDER_ASK:
            add_asked(chain, order->id);
            break;
        case ORDER_SEARCH:
            *chain->searches_end = order->search;
            chain->searches_end = &order->search->next;
            break;
        case ORDER_SINCE:
            chain->earliest = max_u64(order->since, 1);
            reach_back(chain, chain->earliest);
            break;
        case ORDER_DO:
            add_job(chain, order->job);
            break;
        }
        secret_wipe(&order->terms.salt);
        free(order);
    }
    return any;
}

/* --- The thread. */

static void sleep_until(struct onchain *chain, u64 at_ms)
{
    struct timespec until = {.tv_sec = (time_t)(at_ms / 1000),
                             .tv_nsec = (long)(at_ms % 1000) * 1000000};
    pthread_mutex_lock(&chain->lock);
    while (!chain->stopping && chain->orders == NULL && clock_now_ms() < at_ms)
        pthread_cond_timedwait(&chain->woken, &chain->lock, &until);
    pthread_mutex_unlock(&chain->lock);
}

static void tell_reached(struct onchain *chain)
{
    if (chain->options.listener.reached == NULL)
        return;
    struct telling *telling = telling_new(0);
    telling->kind = TELL_REACHED;
    telling->flag = !chain->unreachable;
    tell(chain, telling);
}

static void say_reached(struct onchain *chain, enum status st, const struct err *why)
{
    if (chain->unreachable == (st != ST_OK))
        return;
    chain->unreachable = st != ST_OK;
    tell_reached(chain);
    if (chain->unreachable)
        log_error("channel", "the chain cannot be followed now", LOG_U64("chain", chain->chain_id),
                  LOG_TEXT("why", why->text));
    else
        log_info("channel", "the chain is followed again", LOG_U64("chain", chain->chain_id));
}

/* Who looks several times a second sees the same block most of the time. Then its number is enough:
 * what we have sent comes about in a new one. That it is another one of the same number, or has
 * become final by itself, is seen a moment later. */
static bool is_still(struct onchain *chain)
{
    u64 number;
    return clock_now_ms() < chain->looked_ms + WHOLE_MS && chain->jobs == NULL &&
           chain->asked == NULL && chain->searches == NULL && chain->in_batches == NULL &&
           eth_ask_block_number(chain->eth, &number, NULL) == ST_OK && number == chain->tip.number;
}

/* Reads and tells all that is new. */
static enum status look(struct onchain *chain, struct err *err)
{
    u64 now_ms = clock_now_ms();
    chain->looked_ms = 0;
    TRY(onchain_scan(chain, err));
    TRY(onchain_tell_funds(chain, err));
    TRY(registry_search(chain, err));
    chain->looked_ms = now_ms;
    return ST_OK;
}

static void *run(void *self)
{
    struct onchain *chain = self;
    while (!chain->stopping) {
        struct err why;
        if (!take_orders(chain) && is_still(chain)) {
            sleep_until(chain, clock_now_ms() + chain->options.poll_ms);
            continue;
        }
        enum status st = look(chain, &why);
        if (chain->stopping)
            break;
        say_reached(chain, st, &why);
        if (st != ST_IO && st != ST_AGAIN) /* else each would wait in vain */
            onchain_tend_jobs(chain);
        if (sender_poll(chain->sender, clock_now_ms(), &why) != ST_OK && !chain->stopping)
            log_debug("channel", "sending waits", LOG_TEXT("why", why.text));
        pages_trim(&chain->pages, (usize)1 << 20);
        sleep_until(chain, clock_now_ms() + chain->options.poll_ms);
    }
    return NULL;
}

/* --- Beginning and end. */

static enum status check_code(struct onchain *chain, address who, const char *what, struct err *err)
{
    struct arena tmp = pages_arena(&chain->pages);
    bytes code;
    TRY(eth_ask_code(chain->eth, who, eth_at_tag(ETH_LATEST), &code, &tmp, err));
    if (code.size > 0)
        return ST_OK;
    return fail(err, ST_MISSING, "%s, chain %lu, has no %s of channels at %s: deploy it first",
                eth_name(chain->eth), chain->chain_id, what, hex_text(BYTES_OF(who), &tmp));
}

static enum status check_contracts(struct onchain *chain, struct err *err)
{
    struct arena tmp = pages_arena(&chain->pages);
    struct eth_header newest;
    TRY(eth_ask_chain_id(chain->eth, &chain->chain_id, err));
    TRY(eth_ask_header(chain->eth, eth_at_tag(ETH_LATEST), &newest, &tmp, err));
    chain->first_block = newest.header.number;
    TRY(check_code(chain, chain->adjudicator, "adjudicator", err));
    TRY(adjudicator_ask_registry(chain->eth, chain->adjudicator, &chain->registry, tmp, err));
    TRY(check_code(chain, chain->registry, "registry", err));
    TRY(court_ask_address(chain->eth, chain->adjudicator, &chain->court, tmp, err));
    return check_code(chain, chain->court, "court of apps", err);
}

u64 onchain_paced_ms(const struct onchain *chain, u64 usual_ms)
{
    return max_u64(1, usual_ms * min_u64(chain->options.poll_ms, POLL_MS) / POLL_MS);
}

static enum status open_sender(struct onchain *chain, struct err *err)
{
    const struct files *files = files_of_system();
    char path[PATH_ROOM];
    if (fmt(path, sizeof(path), "%s/sender.log", chain->options.folder) >= sizeof(path))
        return fail(err, ST_INVALID, "the name of the folder is too long");
    TRY(files->make_folder(files->self, chain->options.folder, err));
    struct sender_options options = {.eth = chain->eth,
                                     .signer = chain->options.signer,
                                     .files = files,
                                     .path = path,
                                     .chain_id = chain->chain_id,
                                     .confirmations = CONFIRMATIONS,
                                     .retry_ms = onchain_paced_ms(chain, RETRY_MS),
                                     .resend_ms = onchain_paced_ms(chain, AGAIN_MS),
                                     .bump_ms = onchain_paced_ms(chain, AGAIN_MS),
                                     .gap_ms = onchain_paced_ms(chain, GAP_MS),
                                     .flight_limit = ONCHAIN_FLIGHT,
                                     .intent_limit = ONCHAIN_INTENTS};
    return sender_open(&options, &chain->sender, err);
}

static enum status begin(struct onchain *chain, struct err *err)
{
    struct eth_options client = {.url = chain->options.url,
                                 .patience_ms = PATIENCE_MS,
                                 .answer_limit = ANSWER_LIMIT,
                                 .cancel = &chain->stopping};
    TRY(eth_new(&client, &chain->eth, err));
    TRY(pages_reserve(8 * eth_result_room(chain->eth), &chain->pages, err));
    TRY(check_contracts(chain, err));
    TRY(open_sender(chain, err));
    chain->options.url = chain->options.folder = NULL; /* the caller's */
    return ST_OK;
}

enum status onchain_open(const struct onchain_options *options, struct onchain **out,
                         struct err *err)
{
    struct onchain *chain = take(sizeof(*chain));
    pthread_condattr_t monotonic;
    chain->options = *options;
    if (chain->options.poll_ms == 0)
        chain->options.poll_ms = POLL_MS;
    chain->adjudicator =
        address_is_zero(options->adjudicator) ? ADJUDICATOR_ADDRESS : options->adjudicator;
    chain->orders_end = &chain->orders;
    chain->asked_end = &chain->asked;
    chain->searches_end = &chain->searches;
    chain->outbox = outbox_new(&options->listener);
    pthread_mutex_init(&chain->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&chain->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum status st = begin(chain, err);
    if (st != ST_OK) {
        onchain_close(chain);
        return st;
    }
    *out = chain;
    return ST_OK;
}

enum status onchain_begin(struct onchain *chain, struct err *err)
{
    TRY(thread_start(&chain->thread, "channel-chain", run, chain, err));
    chain->runs = true;
    return ST_OK;
}

static void stop_thread(struct onchain *chain)
{
    pthread_mutex_lock(&chain->lock);
    chain->stopping = true;
    pthread_cond_signal(&chain->woken);
    pthread_mutex_unlock(&chain->lock);
    if (chain->runs)
        pthread_join(chain->thread, NULL);
}

static void free_searches(struct search *list)
{
    while (list != NULL) {
        struct search *next = list->next;
        free(list);
        list = next;
    }
}

static void free_all(struct onchain *chain)
{
    while (chain->all != NULL)
        stop_watching(chain, chain->all->name.id);
    court_forget_all(chain);
    while (chain->jobs != NULL) {
        struct job *job = chain->jobs;
        chain->jobs = job->next;
        job_free(job);
    }
    while (chain->asked != NULL) {
        struct asked *asked = chain->asked;
        chain->asked = asked->next;
        free(asked);
    }
    free_searches(chain->searches);
    free_searches(chain->in_batches);
}

void onchain_close(struct onchain *chain)
{
    if (chain == NULL)
        return;
    stop_thread(chain);
    take_orders(chain);
    free_all(chain);
    chain->outbox->closed = true;
    if (!chain->outbox->posted)
        outbox_free(chain->outbox);
    sender_close(chain->sender);
    eth_free(chain->eth);
    pages_release(&chain->pages);
    pthread_cond_destroy(&chain->woken);
    pthread_mutex_destroy(&chain->lock);
    free(chain);
}

u64 onchain_chain_id(const struct onchain *chain)
{
    return chain->chain_id;
}

address onchain_adjudicator(const struct onchain *chain)
{
    return chain->adjudicator;
}

address onchain_registry(const struct onchain *chain)
{
    return chain->registry;
}

address onchain_court(const struct onchain *chain)
{
    return chain->court;
}

u64 onchain_first_block(const struct onchain *chain)
{
    return chain->first_block;
}
