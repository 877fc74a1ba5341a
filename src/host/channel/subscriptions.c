#include "channel/subscriptions.h"

#include "base/json_read.h"
#include "channel/methods.h"
#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

enum {
    MOST_SUBSCRIPTIONS = 256,
    ONE_NEWS = 2048,      /* bytes, more than any has */
    NEWS_LIMIT = 8 << 20, /* bytes of one turn's; of these, a tick */
    TICK_LIMIT = NEWS_LIMIT / 2,
};

static const char *const topic_names[TOPICS] = {
    [TOPIC_BALANCES] = "balances",
    [TOPIC_CHANNELS] = "channels",
    [TOPIC_PAYMENTS] = "payments",
};

struct subscription {
    u64 id; /* 0: the place is free */
    enum topic topic;
    struct net_peer peer;
};

/* What was told of a channel. */
struct told {
    bool is_known;
    const char *state; /* a constant */
    u128 balance, spendable, receivable;
    u64 paid_in, paid_out;
    u128 sum_in, sum_out;
};

struct subscriptions {
    pthread_mutex_t lock; /* guards these, which peer_gone changes from the server's thread */
    struct subscription list[MOST_SUBSCRIPTIONS];
    usize counts[TOPICS];

    /* The loop's. */
    u64 next_id;       /* of the newest there has been */
    struct told *told; /* by index of the channel */
    u32 told_room;
    bool is_fresh; /* it is of the last tick */
};

struct subscriptions *subscriptions_new(void)
{
    struct subscriptions *subscriptions = calloc(1, sizeof(*subscriptions));
    assert(subscriptions != NULL);
    pthread_mutex_init(&subscriptions->lock, NULL);
    return subscriptions;
}

void subscriptions_free(struct subscriptions *subscriptions)
{
    if (subscriptions == NULL)
        return;
    pthread_mutex_destroy(&subscriptions->lock);
    free(subscriptions->told);
    free(subscriptions);
}

static void end(struct subscriptions *subscriptions, struct subscription *each)
{
    subscriptions->counts[each->topic]--;
    *each = (struct subscription){.id = 0};
}

void subscriptions_gone(struct subscriptions *subscriptions, const struct net_peer *peer)
{
    pthread_mutex_lock(&subscriptions->lock);
    for (usize i = 0; i < MOST_SUBSCRIPTIONS; i++) {
        struct subscription *each = &subscriptions->list[i];
        if (each->id != 0 && each->peer.self == peer->self)
            end(subscriptions, each);
    }
    pthread_mutex_unlock(&subscriptions->lock);
}

/* --- Making news. */

static bool is_watched(struct subscriptions *subscriptions, enum topic topic)
{
    pthread_mutex_lock(&subscriptions->lock);
    bool watched = subscriptions->counts[topic] != 0;
    pthread_mutex_unlock(&subscriptions->lock);
    return watched;
}

/* A record of an outbox's news; its JSON follows. */
struct piece {
    enum topic topic;
    u32 size;
    u64 newest; /* subscription of then: it is news to that one and to older ones */
};

static void put_news(struct daemon *daemon, enum topic topic, const struct json_out *text)
{
    struct news *news = &daemon->gathering.news;
    assert(!text->failed);
    struct piece piece = {topic, (u32)text->size, daemon->subscriptions->next_id};
    if (news->room - news->size < sizeof(piece) + text->size) {
        news->room = 2 * news->room + sizeof(piece) + ONE_NEWS;
        news->data = realloc(news->data, news->room);
        assert(news->data != NULL);
    }
    memcpy(news->data + news->size, &piece, sizeof(piece));
    bytes_copy(news->data + news->size + sizeof(piece), (bytes){text->data, text->size});
    news->size += sizeof(piece) + text->size;
    daemon_touch(daemon);
}

static void tell_balance(struct daemon *daemon, const struct entry *entry, const struct told *now)
{
    u8 room[ONE_NEWS];
    struct json_out out = json_out_over(room, sizeof(room));
    json_open_object(&out);
    method_put_hex(&out, "channel", BYTES_OF(channel_name(entry->channel)->id));
    method_put_amount(&out, "balance", now->balance);
    method_put_amount(&out, "spendable", now->spendable);
    method_put_amount(&out, "receivable", now->receivable);
    json_close_object(&out);
    put_news(daemon, TOPIC_BALANCES, &out);
}

static void tell_channel(struct daemon *daemon, const struct entry *entry)
{
    u8 room[ONE_NEWS];
    struct json_out out = json_out_over(room, sizeof(room));
    method_put_channel(&out, entry);
    put_news(daemon, TOPIC_CHANNELS, &out);
}

/* Payments within a channel, added up. */
static void tell_direct(struct daemon *daemon, const struct entry *entry, const char *direction,
                        u64 count, u128 sum)
{
    u8 room[ONE_NEWS];
    struct json_out out = json_out_over(room, sizeof(room));
    const struct channel_terms *terms = channel_terms(entry->channel);
    if (count == 0)
        return;
    json_open_object(&out);
    method_put_text(&out, "direction", direction);
    method_put_text(&out, "state", "paid");
    method_put_hex(&out, "channel", BYTES_OF(channel_name(entry->channel)->id));
    json_key(&out, "count");
    json_put_u64(&out, count);
    method_put_amount(&out, "amount", sum);
    json_key(&out, "chainId");
    json_put_quantity_u64(&out, terms->chain_id);
    method_put_hex(&out, "asset", BYTES_OF(terms->asset));
    json_close_object(&out);
    put_news(daemon, TOPIC_PAYMENTS, &out);
}

static struct told look_at(const struct entry *entry)
{
    const struct channel *channel = entry->channel;
    return (struct told){
        .is_known = true,
        .state = method_state(entry),
        .balance = channel_funds(channel, channel_side(channel)),
        .spendable = channel_spendable(channel),
        .receivable = channel_receivable(channel),
        .paid_in = entry->paid_in,
        .paid_out = entry->paid_out,
        .sum_in = entry->sum_in,
        .sum_out = entry->sum_out,
    };
}

static void tell_changes(struct daemon *daemon, const struct entry *entry, const struct told *was,
                         const struct told *now)
{
    struct subscriptions *subscriptions = daemon->subscriptions;
    if (is_watched(subscriptions, TOPIC_CHANNELS) && was->state != now->state)
        tell_channel(daemon, entry);
    if (is_watched(subscriptions, TOPIC_BALANCES) &&
        (was->balance != now->balance || was->spendable != now->spendable ||
         was->receivable != now->receivable))
        tell_balance(daemon, entry, now);
    if (is_watched(subscriptions, TOPIC_PAYMENTS)) {
        tell_direct(daemon, entry, "in", now->paid_in - was->paid_in, now->sum_in - was->sum_in);
        tell_direct(daemon, entry, "out", now->paid_out - was->paid_out,
                    now->sum_out - was->sum_out);
    }
}

static void make_room(struct subscriptions *subscriptions, u32 count)
{
    if (subscriptions->told_room >= count)
        return;
    u32 room = 2 * count;
    subscriptions->told = realloc(subscriptions->told, room * sizeof(subscriptions->told[0]));
    assert(subscriptions->told != NULL);
    memset(subscriptions->told + subscriptions->told_room, 0,
           (room - subscriptions->told_room) * sizeof(subscriptions->told[0]));
    subscriptions->told_room = room;
}

void subscriptions_forget(struct subscriptions *subscriptions, u32 index)
{
    if (index < subscriptions->told_room)
        subscriptions->told[index] = (struct told){.is_known = false};
}

void subscriptions_tick(struct daemon *daemon)
{
    struct subscriptions *subscriptions = daemon->subscriptions;
    bool anybody = false;
    for (enum topic topic = 0; topic < TOPICS; topic++)
        anybody |= is_watched(subscriptions, topic);
    if (!anybody) {
        subscriptions->is_fresh = false;
        return;
    }
    make_room(subscriptions, daemon->entry_count);
    for (u32 i = 0; i < daemon->entry_count; i++) {
        if (daemon->gathering.news.size > TICK_LIMIT)
            break; /* the rest is another tick's, which finds it changed still */
        struct told now = look_at(daemon->entries[i]);
        if (subscriptions->is_fresh)
            tell_changes(daemon, daemon->entries[i], &subscriptions->told[i], &now);
        subscriptions->told[i] = now;
    }
    subscriptions->is_fresh = true;
}

/* --- Payments. */

/* More than 20,000 in one turn. */
static bool is_full(const struct daemon *daemon)
{
    if (daemon->gathering.news.size < NEWS_LIMIT)
        return false;
    log_warn("channel", "there are more payments than subscribers can be told of");
    return true;
}

static bool is_told(struct daemon *daemon)
{
    return !daemon->replaying && is_watched(daemon->subscriptions, TOPIC_PAYMENTS) &&
           !is_full(daemon);
}

void subscriptions_paid(const struct payment *payment)
{
    u8 room[ONE_NEWS];
    struct json_out out = json_out_over(room, sizeof(room));
    bool paid = payment->state == PAYMENT_PAID;
    if (!is_told(payment->daemon))
        return;
    json_open_object(&out);
    method_put_text(&out, "direction", "out");
    method_put_text(&out, "state", paid ? "paid" : "failed");
    method_put_hex(&out, "payment", BYTES_OF(payment->terms.hash));
    method_put_hex(&out, "node", BYTES_OF(payment->terms.node));
    method_put_amount(&out, "amount", payment->terms.amount);
    if (paid)
        method_put_amount(&out, "fee", payment->fee);
    json_key(&out, "chainId");
    json_put_quantity_u64(&out, payment->terms.chain_id);
    method_put_hex(&out, "asset", BYTES_OF(payment->terms.asset));
    json_close_object(&out);
    put_news(payment->daemon, TOPIC_PAYMENTS, &out);
}

void subscriptions_received(struct daemon *daemon, const struct chain_of *chain, address asset,
                            hash32 hash, u128 amount)
{
    u8 room[ONE_NEWS];
    struct json_out out = json_out_over(room, sizeof(room));
    if (!is_told(daemon))
        return;
    json_open_object(&out);
    method_put_text(&out, "direction", "in");
    method_put_text(&out, "state", "paid");
    method_put_hex(&out, "payment", BYTES_OF(hash));
    method_put_amount(&out, "amount", amount);
    json_key(&out, "chainId");
    json_put_quantity_u64(&out, chain->chain_id);
    method_put_hex(&out, "asset", BYTES_OF(asset));
    json_close_object(&out);
    put_news(daemon, TOPIC_PAYMENTS, &out);
}

/* --- Sending. */

/* False: the peer takes no more. */
static bool send_to(const struct subscription *to, bytes text)
{
    u8 room[ONE_NEWS + 256];
    struct json_out out = json_out_over(room, sizeof(room));
    json_open_object(&out);
    method_put_text(&out, "jsonrpc", "2.0");
    method_put_text(&out, "method", "channel_subscription");
    json_key(&out, "params");
    json_open_object(&out);
    json_key(&out, "subscription");
    json_put_quantity_u64(&out, to->id);
    json_key(&out, "result");
    json_put_raw(&out, text);
    json_close_object(&out);
    json_close_object(&out);
    return !out.failed && to->peer.send(to->peer.self, (bytes){out.data, out.size});
}

/* The lock is held: a peer is not gone while it is sent to. */
static void send_to_all(struct subscriptions *subscriptions, const struct piece *piece, bytes text)
{
    for (usize i = 0; subscriptions->counts[piece->topic] != 0 && i < MOST_SUBSCRIPTIONS; i++) {
        struct subscription *each = &subscriptions->list[i];
        if (each->id != 0 && each->id <= piece->newest && each->topic == piece->topic &&
            !send_to(each, text))
            end(subscriptions, each);
    }
}

void subscriptions_let_go(struct daemon *daemon, struct outbox *box)
{
    struct subscriptions *subscriptions = daemon->subscriptions;
    struct news *news = &box->news;
    if (news->size == 0)
        return;
    pthread_mutex_lock(&subscriptions->lock);
    for (usize at = 0; at < news->size;) {
        struct piece piece;
        memcpy(&piece, news->data + at, sizeof(piece));
        at += sizeof(piece);
        send_to_all(subscriptions, &piece, (bytes){news->data + at, piece.size});
        at += piece.size;
    }
    pthread_mutex_unlock(&subscriptions->lock);
    news->size = 0;
}

/* --- Methods. */

static bool read_topic(struct daemon_call *call, enum topic *out)
{
    for (enum topic topic = 0; topic < TOPICS; topic++)
        if (json_says(method_argument(call, "topic"), topic_names[topic])) {
            *out = topic;
            return true;
        }
    return method_bad(call, "topic", "neither \"balances\" nor \"channels\" nor \"payments\"");
}

/* 0: there are too many. */
static u64 add(struct subscriptions *subscriptions, enum topic topic, const struct net_peer *peer)
{
    u64 id = 0;
    pthread_mutex_lock(&subscriptions->lock);
    for (usize i = 0; id == 0 && i < MOST_SUBSCRIPTIONS; i++) {
        if (subscriptions->list[i].id != 0)
            continue;
        id = ++subscriptions->next_id;
        subscriptions->list[i] = (struct subscription){id, topic, *peer};
        subscriptions->counts[topic]++;
    }
    pthread_mutex_unlock(&subscriptions->lock);
    return id;
}

void method_subscribe(struct daemon_call *call)
{
    enum topic topic = 0;
    if (call->from == NULL) {
        methods_refuse(call, "there are notifications over a WebSocket only");
        return;
    }
    if (!read_topic(call, &topic))
        return;
    subscriptions_tick(call->daemon); /* so that the first news is of what comes after this */
    u64 id = add(call->daemon->subscriptions, topic, call->from);
    if (id == 0) {
        methods_refuse(call, "there are too many subscriptions");
        return;
    }
    subscriptions_tick(call->daemon);
    json_key(call->out, "result");
    json_put_quantity_u64(call->out, id);
    daemon_answer(call);
}

void method_unsubscribe(struct daemon_call *call)
{
    struct subscriptions *subscriptions = call->daemon->subscriptions;
    u64 id;
    bool found = false;
    if (json_read_number_u64(method_argument(call, "subscription"), &id) != ST_OK) {
        method_bad(call, "subscription", "not a number");
        return;
    }
    pthread_mutex_lock(&subscriptions->lock);
    for (usize i = 0; id != 0 && call->from != NULL && i < MOST_SUBSCRIPTIONS; i++) {
        struct subscription *each = &subscriptions->list[i];
        if (each->id != id || each->peer.self != call->from->self)
            continue;
        end(subscriptions, each);
        found = true;
    }
    pthread_mutex_unlock(&subscriptions->lock);
    json_key(call->out, "result");
    json_put_bool(call->out, found);
    daemon_answer(call);
}
