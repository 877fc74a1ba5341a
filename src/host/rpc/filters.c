#include "rpc/filters.h"

#include "rpc/internal.h"
#include "sys/pages.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    MAX_FILTERS = 1024,
    MAX_FILTER_BYTES = 16 << 20,    /* of all criteria together */
    FILTER_LIFETIME_MS = 5 * 60000, /* of one that nobody polls, as in geth */
    CHANGES = 4096,                 /* blocks that joined or left the chain */
    PENDING = 16384,                /* hashes */
    MAX_MESSAGE = 64 << 20,         /* one notification */
};

enum filter_kind {
    FILTER_NONE,
    FILTER_LOGS,
    FILTER_BLOCKS,
    FILTER_PENDING,
    SUBSCRIBE_HEADS,
    SUBSCRIBE_LOGS,
    SUBSCRIBE_PENDING,
    SUBSCRIBE_PENDING_FULL,
    SUBSCRIBE_SYNCING, /* accepted, and silent: the node never is */
};

struct filter {
    enum filter_kind kind;
    u64 id;
    u64 next_change, next_pending; /* what the poller has not seen */
    u64 last_polled_ms;
    struct net_peer peer; /* of a subscription */
    u8 *criteria;         /* the filter object's text, owned */
    usize criteria_size;
};

struct change {
    struct block_ref ref;
    bool removed;
};

struct filters {
    pthread_mutex_t lock;
    const struct rpc_services *serve;
    struct filter list[MAX_FILTERS];
    usize count; /* slots in use lie below this */
    u64 next_id;
    usize criteria_bytes;
    struct change changes[CHANGES]; /* change n is at n % CHANGES */
    u64 change_count;
    hash32 pending[PENDING];
    u64 pending_count;
    struct pages scratch; /* for notifications */
};

struct filters *filters_new(const struct rpc_services *services)
{
    struct filters *filters = calloc(1, sizeof(*filters)); /* rings are touched when used */
    struct err err;
    if (filters == NULL || pages_reserve((usize)MAX_MESSAGE * 8, &filters->scratch, &err) != ST_OK)
        bug("no memory for filters");
    pthread_mutex_init(&filters->lock, NULL);
    filters->serve = services;
    filters->next_id = services->now_ms() << 20; /* not those of an earlier run */
    return filters;
}

static void remove_filter(struct filters *filters, struct filter *filter)
{
    filters->criteria_bytes -= filter->criteria_size;
    free(filter->criteria);
    *filter = (struct filter){.kind = FILTER_NONE};
    while (filters->count > 0 && filters->list[filters->count - 1].kind == FILTER_NONE)
        filters->count--;
}

void filters_free(struct filters *filters)
{
    if (filters == NULL)
        return;
    while (filters->count > 0)
        remove_filter(filters, &filters->list[filters->count - 1]);
    pages_release(&filters->scratch);
    pthread_mutex_destroy(&filters->lock);
    free(filters);
}

static bool is_polled(enum filter_kind kind)
{
    return kind == FILTER_LOGS || kind == FILTER_BLOCKS || kind == FILTER_PENDING;
}

static void expire(struct filters *filters, u64 now_ms)
{
    for (usize i = filters->count; i-- > 0;) {
        struct filter *each = &filters->list[i];
        if (i < filters->count && is_polled(each->kind) &&
            now_ms > each->last_polled_ms + FILTER_LIFETIME_MS)
            remove_filter(filters, each);
    }
}

/* NULL: too many. */
static struct filter *free_slot(struct filters *filters)
{
    for (usize i = 0; i < MAX_FILTERS; i++) {
        if (filters->list[i].kind != FILTER_NONE)
            continue;
        if (i >= filters->count)
            filters->count = i + 1;
        return &filters->list[i];
    }
    return NULL;
}

static enum status add_filter(struct rpc_call *call, enum filter_kind kind, json criteria, u64 *id)
{
    struct filters *filters = call->rpc->filters;
    struct filter filter = {.kind = kind, .last_polled_ms = filters->serve->now_ms()};
    if (!is_polled(kind))
        filter.peer = *call->peer;
    pthread_mutex_lock(&filters->lock);
    expire(filters, filter.last_polled_ms);
    struct filter *slot = NULL;
    if (filters->criteria_bytes + criteria.text.size <= MAX_FILTER_BYTES)
        slot = free_slot(filters);
    if (slot != NULL) {
        filter.criteria = malloc(criteria.text.size + 1);
        assert(filter.criteria != NULL);
        bytes_copy(filter.criteria, criteria.text);
        filter.criteria_size = criteria.text.size;
        filter.id = *id = ++filters->next_id;
        filter.next_change = filters->change_count;
        filter.next_pending = filters->pending_count;
        filters->criteria_bytes += filter.criteria_size;
        *slot = filter;
    }
    pthread_mutex_unlock(&filters->lock);
    if (slot == NULL)
        return rpc_refuse(call, RPC_SERVER, "too many filters and subscriptions");
    return ST_OK;
}

static struct filter *find_filter(struct filters *filters, u64 id, bool polled)
{
    for (usize i = 0; i < filters->count; i++)
        if (filters->list[i].kind != FILTER_NONE && filters->list[i].id == id &&
            is_polled(filters->list[i].kind) == polled)
            return &filters->list[i];
    return NULL;
}

/* --- Filters. */

static enum status new_filter(struct rpc_call *call, enum filter_kind kind, json criteria)
{
    u64 id;
    TRY(add_filter(call, kind, criteria, &id));
    return rpc_reply_u64(call, id);
}

static enum status check_criteria(struct rpc_call *call, json filter)
{
    struct log_criteria criteria;
    if (!json_is(filter, JSON_OBJECT) && !json_is(filter, JSON_ABSENT))
        return rpc_refuse(call, RPC_BAD_PARAMS, "invalid filter: want an object");
    return rpc_read_criteria(call, filter, &criteria);
}

enum status eth_new_filter(struct rpc_call *call)
{
    json filter = rpc_arg(call, 0);
    TRY(check_criteria(call, filter));
    return new_filter(call, FILTER_LOGS, filter);
}

enum status eth_new_block_filter(struct rpc_call *call)
{
    return new_filter(call, FILTER_BLOCKS, (json){BYTES_EMPTY});
}

enum status eth_new_pending_filter(struct rpc_call *call)
{
    return new_filter(call, FILTER_PENDING, (json){BYTES_EMPTY});
}

static enum status remove_by_id(struct rpc_call *call, bool polled)
{
    struct filters *filters = call->rpc->filters;
    u64 id;
    TRY(rpc_arg_u64(call, 0, &id));
    pthread_mutex_lock(&filters->lock);
    struct filter *filter = find_filter(filters, id, polled);
    bool mine =
        filter != NULL && (polled || (call->peer != NULL && filter->peer.self == call->peer->self));
    if (mine)
        remove_filter(filters, filter);
    pthread_mutex_unlock(&filters->lock);
    return rpc_reply_bool(call, mine);
}

enum status eth_uninstall_filter(struct rpc_call *call)
{
    return remove_by_id(call, true);
}

/* What a poll answers with, copied out under the lock. */
struct poll {
    enum filter_kind kind;
    json criteria;
    struct change *changes;
    hash32 *pending;
    usize count;
};

static void take_changes(struct rpc_call *call, struct filters *filters, struct filter *filter,
                         struct poll *out)
{
    u64 oldest = filters->change_count - min_u64(filters->change_count, CHANGES);
    u64 from = max_u64(filter->next_change, oldest);
    out->count = filters->change_count - from;
    out->changes = ARENA_TAKE(&call->arena, struct change, out->count);
    for (usize i = 0; i < out->count; i++)
        out->changes[i] = filters->changes[(from + i) % CHANGES];
    filter->next_change = filters->change_count;
}

static void take_pending(struct rpc_call *call, struct filters *filters, struct filter *filter,
                         struct poll *out)
{
    u64 oldest = filters->pending_count - min_u64(filters->pending_count, PENDING);
    u64 from = max_u64(filter->next_pending, oldest);
    out->count = filters->pending_count - from;
    out->pending = ARENA_TAKE(&call->arena, hash32, out->count);
    for (usize i = 0; i < out->count; i++)
        out->pending[i] = filters->pending[(from + i) % PENDING];
    filter->next_pending = filters->pending_count;
}

/* `advance`: the poller takes what is new with it. */
static enum status take_poll(struct rpc_call *call, bool advance, struct poll *out)
{
    struct filters *filters = call->rpc->filters;
    u64 id;
    TRY(rpc_arg_u64(call, 0, &id));
    *out = (struct poll){0};
    pthread_mutex_lock(&filters->lock);
    struct filter *filter = find_filter(filters, id, true);
    if (filter != NULL) {
        filter->last_polled_ms = filters->serve->now_ms();
        out->kind = filter->kind;
        bytes text = {filter->criteria, filter->criteria_size};
        out->criteria = (json){arena_copy(&call->arena, text)};
        if (advance && filter->kind == FILTER_PENDING)
            take_pending(call, filters, filter, out);
        else if (advance)
            take_changes(call, filters, filter, out);
    }
    pthread_mutex_unlock(&filters->lock);
    if (filter == NULL)
        return rpc_refuse(call, RPC_SERVER, "filter not found");
    return ST_OK;
}

static enum status put_changed_logs(struct rpc_call *call, const struct poll *poll)
{
    struct log_criteria criteria;
    usize left = RPC_MAX_LOGS;
    TRY(rpc_read_criteria(call, poll->criteria, &criteria));
    TRY(rpc_open(call));
    for (usize i = 0; i < poll->count; i++) {
        const struct change *change = &poll->changes[i];
        enum status st = rpc_put_block_logs(call, &change->ref, change->removed, &criteria, &left);
        if (st != ST_OK && st != ST_MISSING) /* receipts of blocks that left may be gone */
            return st;
    }
    return ST_OK;
}

enum status eth_get_filter_changes(struct rpc_call *call)
{
    struct poll poll;
    TRY(take_poll(call, true, &poll));
    json_open_array(call->out);
    if (poll.kind == FILTER_LOGS)
        TRY(put_changed_logs(call, &poll));
    for (usize i = 0; poll.kind == FILTER_PENDING && i < poll.count; i++)
        json_put_hex(call->out, BYTES_OF(poll.pending[i]));
    for (usize i = 0; poll.kind == FILTER_BLOCKS && i < poll.count; i++)
        if (!poll.changes[i].removed)
            json_put_hex(call->out, BYTES_OF(poll.changes[i].ref.hash));
    json_close_array(call->out);
    return ST_OK;
}

enum status eth_get_filter_logs(struct rpc_call *call)
{
    struct poll poll;
    struct log_criteria criteria;
    TRY(take_poll(call, false, &poll));
    if (poll.kind != FILTER_LOGS)
        return rpc_refuse(call, RPC_SERVER, "filter not found");
    TRY(rpc_read_criteria(call, poll.criteria, &criteria));
    return rpc_put_logs(call, poll.criteria, &criteria);
}

/* --- Subscriptions. */

static enum status subscription_kind(struct rpc_call *call, enum filter_kind *out)
{
    static const struct {
        const char *name;
        enum filter_kind kind;
    } kinds[] = {{"newHeads", SUBSCRIBE_HEADS},
                 {"logs", SUBSCRIBE_LOGS},
                 {"newPendingTransactions", SUBSCRIBE_PENDING},
                 {"syncing", SUBSCRIBE_SYNCING}};
    json name = rpc_arg(call, 0);
    for (usize i = 0; i < countof(kinds); i++) {
        if (json_says(name, kinds[i].name)) {
            *out = kinds[i].kind;
            return ST_OK;
        }
    }
    return rpc_refuse(call, RPC_METHOD_NOT_FOUND, "no such subscription");
}

enum status eth_subscribe(struct rpc_call *call)
{
    enum filter_kind kind = FILTER_NONE;
    u64 id;
    if (call->peer == NULL)
        return rpc_refuse(call, RPC_METHOD_NOT_FOUND,
                          "notifications not supported: subscribe over a WebSocket");
    TRY(subscription_kind(call, &kind));
    json criteria = {BYTES_EMPTY};
    if (kind == SUBSCRIBE_LOGS) {
        criteria = rpc_arg(call, 1);
        TRY(check_criteria(call, criteria));
    }
    bool full = false;
    if (kind == SUBSCRIBE_PENDING)
        TRY(rpc_arg_bool(call, 1, &full));
    TRY(add_filter(call, full ? SUBSCRIBE_PENDING_FULL : kind, criteria, &id));
    return rpc_reply_u64(call, id);
}

enum status eth_unsubscribe(struct rpc_call *call)
{
    return remove_by_id(call, false);
}

void rpc_peer_gone(struct rpc *rpc, const struct net_peer *peer)
{
    struct filters *filters = rpc->filters;
    pthread_mutex_lock(&filters->lock);
    for (usize i = filters->count; i-- > 0;) {
        struct filter *each = &filters->list[i];
        if (i < filters->count && each->kind != FILTER_NONE && !is_polled(each->kind) &&
            each->peer.self == peer->self)
            remove_filter(filters, each);
    }
    pthread_mutex_unlock(&filters->lock);
}

/* A message in the making: {"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":
 * id,"result": … }} */
struct notice {
    struct filter *to;
    struct json_out out;
};

static void notice_begin(struct notice *notice, struct filter *to, struct arena *scratch)
{
    notice->to = to;
    notice->out = json_out_over(ARENA_TAKE(scratch, u8, MAX_MESSAGE), MAX_MESSAGE);
    json_open_object(&notice->out);
    json_key(&notice->out, "jsonrpc");
    json_put_cstr(&notice->out, "2.0");
    json_key(&notice->out, "method");
    json_put_cstr(&notice->out, "eth_subscription");
    json_key(&notice->out, "params");
    json_open_object(&notice->out);
    put_member_u64(&notice->out, "subscription", to->id);
    json_key(&notice->out, "result");
}

/* False: the peer takes no more. */
static bool notice_end(struct notice *notice)
{
    json_close_object(&notice->out);
    json_close_object(&notice->out);
    bytes message = {notice->out.data, notice->out.size};
    return !notice->out.failed && notice->to->peer.send(notice->to->peer.self, message);
}

static void notify_head(struct filters *filters, struct filter *to, const struct head *head)
{
    struct arena scratch = pages_arena(&filters->scratch);
    struct notice notice;
    notice_begin(&notice, to, &scratch);
    put_header(&notice.out, &head->header, head->hash);
    if (!notice_end(&notice))
        remove_filter(filters, to);
}

struct log_notices {
    struct filter *to;
    struct arena scratch;
};

static enum status notify_log(void *self, const struct log *log, const struct log_place *place)
{
    struct log_notices *notices = self;
    struct arena scratch = notices->scratch;
    struct notice notice;
    notice_begin(&notice, notices->to, &scratch);
    put_log(&notice.out, log, place);
    return notice_end(&notice) ? ST_OK : ST_IO;
}

static void notify_logs(struct rpc *rpc, struct filter *to, const struct block_ref *ref,
                        bool removed)
{
    struct filters *filters = rpc->filters;
    struct log_criteria criteria;
    struct log_notices notices = {.to = to, .scratch = pages_arena(&filters->scratch)};
    struct rpc_call call = {.rpc = rpc, .serve = &rpc->serve};
    call.arena = arena_over(ARENA_TAKE(&notices.scratch, u8, (usize)MAX_MESSAGE * 4),
                            (usize)MAX_MESSAGE * 4);
    bytes text = {to->criteria, to->criteria_size};
    enum status st = rpc_read_criteria(&call, (json){text}, &criteria);
    if (st == ST_OK)
        st = rpc_open(&call);
    if (st == ST_OK)
        st = rpc_each_block_log(&call, ref, removed, &criteria,
                                (struct log_visitor){&notices, notify_log});
    if (call.at_open)
        snapshot_close(&call.at);
    if (st == ST_IO)
        remove_filter(filters, to);
}

static void record(struct filters *filters, const struct block_ref *ref, bool removed)
{
    filters->changes[filters->change_count++ % CHANGES] = (struct change){*ref, removed};
}

static void push_block(struct rpc *rpc, const struct block_ref *ref, bool removed)
{
    struct filters *filters = rpc->filters;
    record(filters, ref, removed);
    for (usize i = filters->count; i-- > 0;)
        if (i < filters->count && filters->list[i].kind == SUBSCRIBE_LOGS)
            notify_logs(rpc, &filters->list[i], ref, removed);
}

void rpc_head_changed(struct rpc *rpc, const struct chain_event *event)
{
    struct filters *filters = rpc->filters;
    pthread_mutex_lock(&filters->lock);
    for (usize i = 0; filters->count > 0 && i < event->removed_count; i++)
        push_block(rpc, &event->removed[i], true);
    for (usize i = 0; filters->count > 0 && i < event->added_count; i++)
        push_block(rpc, &event->added[i], false);
    for (usize i = filters->count; event->added_count > 0 && i-- > 0;)
        if (i < filters->count && filters->list[i].kind == SUBSCRIBE_HEADS)
            notify_head(filters, &filters->list[i], event->head);
    pages_trim(&filters->scratch, (usize)1 << 20);
    pthread_mutex_unlock(&filters->lock);
}

static void notify_pending(struct filters *filters, struct filter *to, const struct tx *tx)
{
    struct arena scratch = pages_arena(&filters->scratch);
    struct notice notice;
    notice_begin(&notice, to, &scratch);
    if (to->kind == SUBSCRIBE_PENDING_FULL)
        put_tx(&notice.out, tx, NULL);
    else
        json_put_hex(&notice.out, BYTES_OF(tx->hash));
    if (!notice_end(&notice))
        remove_filter(filters, to);
}

void rpc_tx_pending(struct rpc *rpc, const struct tx *tx)
{
    struct filters *filters = rpc->filters;
    pthread_mutex_lock(&filters->lock);
    if (filters->count > 0)
        filters->pending[filters->pending_count++ % PENDING] = tx->hash;
    for (usize i = filters->count; i-- > 0;) {
        if (i >= filters->count)
            continue;
        enum filter_kind kind = filters->list[i].kind;
        if (kind == SUBSCRIBE_PENDING || kind == SUBSCRIBE_PENDING_FULL)
            notify_pending(filters, &filters->list[i], tx);
    }
    pthread_mutex_unlock(&filters->lock);
}
