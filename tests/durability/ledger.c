#include "durability/ledger.h"

#include "channel/deployed.h"
#include "client/abi.h"
#include "sys/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { TICK_MS = 3 };

/* A daemon's end of it. */
struct watched {
    struct channel_terms terms;
    struct channel_name name;
    u64 seen; /* block */
};

struct watched_app {
    hash32 id;
    bool is_told;
    u64 seen;
};

struct order {
    hash32 key;
    bool is_deposit, is_for_court;
    struct channel_name name;
    u32 side;
    u128 total;
    u8 *call;
    usize size;
};

struct onchain {
    struct onchain_options options;
    struct timer tick;
    struct watched watched[LEDGER_CHANNELS];
    usize watched_count;
    struct watched_app *apps; /* owned */
    usize app_count, app_room;
    hash32 *asked; /* keys of secrets; owned */
    usize asked_count, asked_room;
    struct order orders[LEDGER_CHANNELS];
    usize order_count;
    u64 told; /* block; UINT64_MAX: none */
};

static struct ledger *ledger;
void (*ledger_changed)(const struct ledger *ledger);

/* --- What is shared. */

struct ledger *ledger_new(void)
{
    if (ledger == NULL)
        ledger =
            mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(ledger != MAP_FAILED);
    memset(ledger, 0, sizeof(*ledger));
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&ledger->lock, &shared);
    pthread_mutexattr_destroy(&shared);
    ledger->block = 1;
    return ledger;
}

/* What is done under it is a few stores; whoever died in the midst of them is as if it had died
 * before or after. */
static void lock(struct ledger *at)
{
    if (pthread_mutex_lock(&at->lock) == EOWNERDEAD)
        pthread_mutex_consistent(&at->lock);
}

u64 ledger_now_s(const struct ledger *at)
{
    return LEDGER_BEGAN_S + at->block;
}

void ledger_copy(struct ledger *to, struct ledger *from)
{
    struct ledger *live = to == ledger ? to : from;
    lock(live);
    usize skip = offsetof(struct ledger, channels);
    memcpy((u8 *)to + skip, (const u8 *)from + skip, sizeof(*to) - skip);
    pthread_mutex_unlock(&live->lock);
}

void ledger_pass(u64 seconds)
{
    lock(ledger);
    ledger->block += seconds;
    pthread_mutex_unlock(&ledger->lock);
}

static struct ledger_channel *channel_of(const struct channel_name *name)
{
    for (usize i = 0; i < ledger->channel_count; i++)
        if (hash32_equal(ledger->channels[i].name.id, name->id))
            return &ledger->channels[i];
    assert(ledger->channel_count < LEDGER_CHANNELS);
    struct ledger_channel *channel = &ledger->channels[ledger->channel_count++];
    channel->name = *name;
    return channel;
}

static void touch(struct ledger_channel *channel)
{
    channel->block = ++ledger->block;
}

/* --- What happens. */

static const char *deposit(const struct order *order)
{
    struct ledger_channel *channel = channel_of(&order->name);
    if (channel->closed)
        return "closed";
    if (channel->deposited[order->side] >= order->total)
        return NULL;
    channel->deposited[order->side] = order->total;
    touch(channel);
    return NULL;
}

/* The call's last words: net, until, two signatures. */
static bool read_close(bytes call, struct channel_close *close, signature64 signature[2])
{
    enum { TAIL = 6 * 32 };
    if (call.size < TAIL)
        return false;
    const u8 *tail = call.data + call.size - TAIL;
    close->net = (i128)((u128)load_be64(tail + 16) << 64 | load_be64(tail + 24));
    close->until_s = load_be64(tail + 56);
    memcpy(signature, tail + 64, 2 * sizeof(*signature));
    return true;
}

static const char *close_by_both(const struct channel_terms *terms, const struct channel_name *name,
                                 const struct channel_close *close, const signature64 signature[2])
{
    struct ledger_channel *channel = channel_of(name);
    hash32 digest = signed_digest(name->domain, close_hash(name->id, close));
    i128 a = (i128)channel->deposited[0] - close->net, b = (i128)channel->deposited[1] + close->net;
    if (channel->closed)
        return "closed";
    if (!signature_is_of(&signature[0], digest, terms->owner[0]) ||
        !signature_is_of(&signature[1], digest, terms->owner[1]))
        return "a signature is not the owner's";
    if (a < 0 || b < 0)
        return "more than there is";
    channel->paid[0] = (u128)a;
    channel->paid[1] = (u128)b;
    channel->closed = true;
    touch(channel);
    return NULL;
}

static const char *call(const struct onchain *chain, bytes data)
{
    struct channel_close close;
    signature64 signature[2];
    u8 room[4096];
    if (!read_close(data, &close, signature))
        return "too short";
    for (usize i = 0; i < chain->watched_count; i++) {
        struct arena arena = arena_over(room, sizeof(room));
        const struct watched *at = &chain->watched[i];
        if (bytes_equal(data, adjudicator_coop_close(&at->terms, &close, signature, &arena)))
            return close_by_both(&at->terms, &at->name, &close, signature);
    }
    return "a call that this chain does not know";
}

/* An intent that is known by its key is not done again. */
static const char *once(const struct onchain *chain, const struct order *order)
{
    for (usize i = 0; i < ledger->done_count; i++)
        if (hash32_equal(ledger->done[i].key, order->key) &&
            address_equal(ledger->done[i].who, chain->options.signer.who))
            return ledger->done[i].succeeded ? NULL : "it had failed before";
    bytes data = {order->call, order->size};
    ledger->block += order->is_for_court;
    const char *why = order->is_deposit     ? deposit(order)
                      : order->is_for_court ? ledger_court_call(ledger, data)
                                            : call(chain, data);
    assert(ledger->done_count < LEDGER_KEYS);
    ledger->done[ledger->done_count].who = chain->options.signer.who;
    ledger->done[ledger->done_count].key = order->key;
    ledger->done[ledger->done_count++].succeeded = why == NULL;
    if (ledger_changed != NULL)
        ledger_changed(ledger);
    return why;
}

static void carry_out(struct onchain *chain)
{
    struct onchain_listener *listener = &chain->options.listener;
    usize count = chain->order_count; /* the listener may submit more */
    for (usize i = 0; i < count; i++) {
        struct order order = chain->orders[i];
        lock(ledger);
        const char *why = once(chain, &order);
        pthread_mutex_unlock(&ledger->lock);
        free(order.call);
        listener->outcome(listener->self, order.key, why == NULL, why == NULL ? "" : why);
    }
    chain->order_count -= count;
    memmove(chain->orders, chain->orders + count, chain->order_count * sizeof(chain->orders[0]));
}

/* --- What is told. */

static bool find_news(struct watched *watched, struct onchain_view *out)
{
    lock(ledger);
    const struct ledger_channel *channel = channel_of(&watched->name);
    bool is_new = channel->block > watched->seen;
    watched->seen = ledger->block;
    *out = (struct onchain_view){
        .block = ledger->block,
        .time_s = ledger_now_s(ledger),
        .phase = channel->closed ? PHASE_CLOSED : PHASE_OPEN,
    };
    for (u32 side = 0; side < 2 && !channel->closed; side++)
        out->deposited[side] = channel->deposited[side];
    pthread_mutex_unlock(&ledger->lock);
    return is_new;
}

static void tell_app(struct onchain *chain, struct watched_app *watched)
{
    struct onchain_listener *listener = &chain->options.listener;
    struct ledger_app at = {.block = 0};
    lock(ledger);
    const struct ledger_app *app = ledger_app(ledger, watched->id);
    if (app != NULL)
        at = *app;
    bool is_new = !watched->is_told || at.block > watched->seen;
    watched->seen = at.block;
    watched->is_told = true;
    pthread_mutex_unlock(&ledger->lock);
    if (!is_new)
        return;
    struct onchain_app view = {
        .look = at.look, .has_state = app != NULL && at.look.decided_s == 0, .state = at.state};
    view.state.data.data = at.data;
    listener->app(listener->self, watched->id, &view);
}

/* A listener may have apps forgotten. */
static void tell_apps(struct onchain *chain)
{
    for (usize i = 0; i < chain->app_count; i++)
        tell_app(chain, &chain->apps[i]);
}

/* Nothing is revealed here. */
static void tell_secrets(struct onchain *chain)
{
    struct onchain_listener *listener = &chain->options.listener;
    if (chain->asked_count > 0)
        chain->told = UINT64_MAX; /* a block comes after an answer */
    for (usize i = 0; i < chain->asked_count; i++)
        listener->searched(listener->self, chain->asked[i]);
    chain->asked_count = 0;
}

static void tell_news(struct onchain *chain)
{
    struct onchain_listener *listener = &chain->options.listener;
    lock(ledger);
    u64 block = ledger->block;
    pthread_mutex_unlock(&ledger->lock);
    for (usize i = 0; i < chain->watched_count; i++) {
        struct onchain_view view;
        if (!find_news(&chain->watched[i], &view))
            continue;
        listener->view(listener->self, chain->watched[i].name.id, &view, false);
        listener->view(listener->self, chain->watched[i].name.id, &view, true);
    }
    tell_apps(chain);
    tell_secrets(chain);
    if (block != chain->told)
        listener->block(listener->self, block, LEDGER_BEGAN_S + block, block,
                        LEDGER_BEGAN_S + block);
    chain->told = block;
}

static void ticked(struct timer *timer)
{
    struct onchain *chain = (void *)((u8 *)timer - offsetof(struct onchain, tick));
    carry_out(chain);
    tell_news(chain);
    loop_set_timer(chain->options.loop, timer, clock_now_ms() + TICK_MS);
}

/* --- In the place of channel/onchain.c. */

enum status onchain_open(const struct onchain_options *options, struct onchain **out,
                         struct err *err)
{
    (void)err;
    struct onchain *chain = calloc(1, sizeof(*chain));
    assert(chain != NULL && ledger != NULL);
    chain->options = *options;
    chain->told = UINT64_MAX;
    chain->tick.due = ticked;
    *out = chain;
    return ST_OK;
}

enum status onchain_begin(struct onchain *chain, struct err *err)
{
    (void)err;
    loop_set_timer(chain->options.loop, &chain->tick, clock_now_ms() + TICK_MS);
    return ST_OK;
}

void onchain_close(struct onchain *chain)
{
    if (chain == NULL)
        return;
    loop_drop_timer(&chain->tick);
    for (usize i = 0; i < chain->order_count; i++)
        free(chain->orders[i].call);
    free(chain->apps);
    free(chain->asked);
    free(chain);
}

u64 onchain_chain_id(const struct onchain *chain)
{
    (void)chain;
    return LEDGER_CHAIN;
}

address onchain_adjudicator(const struct onchain *chain)
{
    (void)chain;
    return ADJUDICATOR_ADDRESS;
}

address onchain_registry(const struct onchain *chain)
{
    (void)chain;
    return REGISTRY_ADDRESS;
}

address onchain_court(const struct onchain *chain)
{
    (void)chain;
    return LEDGER_COURT;
}

void onchain_watch_app(struct onchain *chain, hash32 app)
{
    for (usize i = 0; i < chain->app_count; i++)
        if (hash32_equal(chain->apps[i].id, app))
            return;
    if (chain->app_count == chain->app_room) {
        chain->app_room = 2 * chain->app_room + 16;
        chain->apps = realloc(chain->apps, chain->app_room * sizeof(chain->apps[0]));
        assert(chain->apps != NULL);
    }
    chain->apps[chain->app_count++] = (struct watched_app){.id = app};
}

void onchain_forget_app(struct onchain *chain, hash32 app)
{
    for (usize i = 0; i < chain->app_count; i++)
        if (hash32_equal(chain->apps[i].id, app))
            chain->apps[i--] = chain->apps[--chain->app_count];
}

void onchain_watch(struct onchain *chain, const struct channel_terms *terms, u64 since)
{
    assert(chain->watched_count < LEDGER_CHANNELS);
    chain->watched[chain->watched_count++] =
        (struct watched){*terms, channel_name_of(terms), since == 0 ? 0 : since - 1};
}

u64 onchain_first_block(const struct onchain *chain)
{
    (void)chain;
    return 0;
}

u64 onchain_paced_ms(const struct onchain *chain, u64 usual_ms)
{
    (void)chain;
    return usual_ms;
}

/* It is told as news. */
void onchain_look(struct onchain *chain, hash32 id)
{
    for (usize i = 0; i < chain->watched_count; i++)
        if (hash32_equal(chain->watched[i].name.id, id))
            chain->watched[i].seen = 0;
}

void onchain_tell_since(struct onchain *chain, u64 block)
{
    (void)chain, (void)block; /* nothing is revealed here */
}

void onchain_ask_secret(struct onchain *chain, hash32 key, u64 since_s, u64 until_s)
{
    (void)since_s, (void)until_s;
    if (chain->asked_count == chain->asked_room) {
        chain->asked_room = 2 * chain->asked_room + 16;
        chain->asked = realloc(chain->asked, chain->asked_room * sizeof(chain->asked[0]));
        assert(chain->asked != NULL);
    }
    chain->asked[chain->asked_count++] = key;
    lock(ledger);
    ledger->asks++;
    pthread_mutex_unlock(&ledger->lock);
}

void onchain_ask_funds(struct onchain *chain, hash32 id)
{
    (void)chain, (void)id; /* there are no others' channels */
}

void onchain_forget(struct onchain *chain, hash32 id)
{
    for (usize i = 0; i < chain->watched_count; i++)
        if (hash32_equal(chain->watched[i].name.id, id))
            chain->watched[i--] = chain->watched[--chain->watched_count];
}

static struct order *add_order(struct onchain *chain, hash32 key)
{
    assert(chain->order_count < LEDGER_CHANNELS);
    struct order *order = &chain->orders[chain->order_count++];
    *order = (struct order){.key = key};
    return order;
}

void onchain_submit(struct onchain *chain, const struct onchain_intent *intent)
{
    struct order *order = add_order(chain, intent->key);
    order->is_for_court = intent->to == ONCHAIN_COURT;
    order->call = malloc(intent->data.size);
    order->size = intent->data.size;
    assert(order->call != NULL);
    bytes_copy(order->call, intent->data);
}

void onchain_deposit(struct onchain *chain, hash32 key, const struct channel_terms *terms, u32 side,
                     u128 total)
{
    struct order *order = add_order(chain, key);
    order->is_deposit = true;
    order->name = channel_name_of(terms);
    order->side = side;
    order->total = total;
}
