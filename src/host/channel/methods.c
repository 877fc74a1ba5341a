/* JSON-RPC of a daemon. A call comes in on a thread of the server's and crosses to the loop's; its
 * answer crosses back when what it promises is durable. No thread waits meanwhile, so any number of
 * payments may be under way.
 *
 * Arguments are the members of one object: the first of `params`, or `params` itself. Amounts are
 * in the asset's smallest unit, as quantities ("0x5"). */
#include "channel/methods.h"
#include "channel/daemon_chains.h"
#include "channel/daemon_records.h"
#include "channel/discover.h"
#include "channel/messages.h"
#include "channel/subscriptions.h"

#include "base/fmt.h"
#include "base/json_read.h"
#include "sys/clock.h"

#include <assert.h>
#include <stdlib.h>

enum {
    CODE_METHOD_NOT_FOUND = -32601,
    CODE_INVALID_PARAMS = -32602,
    CODE_REFUSED = -32000,
    CODE_LIMIT = -32005, /* EIP-1474 */
    LEAST_TIMEOUT_MS = 1,
    USUAL_TIMEOUT_MS = 60000,
    MOST_TIMEOUT_MS = 600000,
};

struct daemon_method {
    void (*run)(struct daemon_call *call); /* answers by ending the call, now or later */
    bool is_apart;                         /* on the caller's thread; at once */
    struct method_shape shape;
};

/* --- Answers. */

void daemon_answer(struct daemon_call *call)
{
    struct net_later *later = call->later;
    method_unpark(call);
    if (later == NULL)
        return;
    free(call);
    net_answered(later);
}

/* When all that gathers now is durable. */
void method_answer_after(struct daemon_call *call)
{
    method_unpark(call);
    struct outbox *box = &call->daemon->gathering;
    call->next = box->calls;
    box->calls = call;
    daemon_touch(call->daemon);
}

static void begin_error(struct json_out *out, int code, const char *text)
{
    char digits[16];
    json_key(out, "error");
    json_open_object(out);
    json_key(out, "code");
    json_put_raw(out, (bytes){(const u8 *)digits, fmt(digits, sizeof(digits), "%d", code)});
    json_key(out, "message");
    json_put_cstr(out, text);
}

static void put_error(struct json_out *out, int code, const char *text)
{
    begin_error(out, code, text);
    json_close_object(out);
}

/* Takes back an answer that was put and not given. */
static void refuse(struct daemon_call *call, int code, const char *text)
{
    call->out->size = call->before.size;
    call->out->comma = call->before.comma;
    put_error(call->out, code, text);
    daemon_answer(call);
}

void methods_refuse(struct daemon_call *call, const char *why)
{
    refuse(call, CODE_REFUSED, why);
}

void method_refuse_limit(struct daemon_call *call, const char *text)
{
    const struct signer_refusal *why = signer_why(call->daemon->keys);
    struct json_out *out = call->out;
    out->size = call->before.size;
    out->comma = call->before.comma;
    begin_error(out, CODE_LIMIT, text);
    json_key(out, "data");
    json_open_object(out);
    method_put_text(out, "limit", method_limit_name(why->limit));
    if (!address_is_zero(why->asset))
        method_put_hex(out, "asset", BYTES_OF(why->asset));
    method_put_amount(out, "most", why->most);
    method_put_amount(out, "spent", why->spent);
    method_put_amount(out, "wanted", why->wanted);
    json_close_object(out);
    json_close_object(out);
    daemon_answer(call);
}

void method_refuse_payment(struct daemon_call *call, enum status st, const char *text)
{
    if (st == ST_FULL && signer_why(call->daemon->keys)->limit != LIMIT_NONE)
        method_refuse_limit(call, text);
    else
        methods_refuse(call, text);
}

void method_put_amount(struct json_out *out, const char *key, u128 amount)
{
    u256 value = {{(u64)amount, (u64)(amount >> 64), 0, 0}};
    json_key(out, key);
    json_put_quantity(out, value);
}

void method_put_hex(struct json_out *out, const char *key, bytes value)
{
    json_key(out, key);
    json_put_hex(out, value);
}

void method_put_text(struct json_out *out, const char *key, const char *text)
{
    json_key(out, key);
    json_put_cstr(out, text);
}

const char *method_state(const struct entry *entry)
{
    switch (entry->stage) {
    case STAGE_CLOSED:
        return "closed";
    case STAGE_FORCED:
        return entry->view.phase == PHASE_DISPUTE ? "dispute" : "closing";
    case STAGE_CLOSING:
        return "closing";
    case STAGE_OPEN:
        break;
    }
    if (entry->ends)
        return "closing";
    if (channel_is_lost(entry->channel))
        return "restoring";
    u128 funds = channel_funds(entry->channel, 0) + channel_funds(entry->channel, 1);
    return funds == 0 ? "funding" : entry->here && entry->there ? "open" : "offline";
}

void method_put_channel(struct json_out *out, const struct entry *entry)
{
    const struct channel_terms *terms = channel_terms(entry->channel);
    u32 side = channel_side(entry->channel);
    json_open_object(out);
    method_put_hex(out, "channel", BYTES_OF(channel_name(entry->channel)->id));
    method_put_hex(out, "peer", BYTES_OF(entry->peer->node));
    method_put_text(out, "state", method_state(entry));
    json_key(out, "chainId");
    json_put_quantity_u64(out, terms->chain_id);
    method_put_hex(out, "asset", BYTES_OF(terms->asset));
    method_put_amount(out, "balance", channel_funds(entry->channel, side));
    method_put_amount(out, "spendable", channel_spendable(entry->channel));
    method_put_amount(out, "receivable", channel_receivable(entry->channel));
    if (entry->daemon->tower != NULL)
        method_put_amount(out, "unguarded", tower_unguarded(entry));
    json_key(out, "epoch");
    json_put_u64(out, channel_progress(entry->channel).epoch);
    json_key(out, "sent");
    json_put_u64(out, entry->paid_out);
    json_key(out, "received");
    json_put_u64(out, entry->paid_in);
    json_close_object(out);
}

void method_answer_channel(struct daemon_call *call, const struct entry *entry)
{
    json_key(call->out, "result");
    method_put_channel(call->out, entry);
    method_answer_after(call);
}

/* --- Arguments. False: the call has been refused. */

bool method_bad(struct daemon_call *call, const char *name, const char *what)
{
    char text[160];
    fmt(text, sizeof(text), "%s: %s", name, what);
    refuse(call, CODE_INVALID_PARAMS, text);
    return false;
}

static json arguments_of(const struct daemon_call *call)
{
    return json_is(call->params, JSON_ARRAY) ? json_at(call->params, 0) : call->params;
}

json method_argument(const struct daemon_call *call, const char *name)
{
    return json_get(arguments_of(call), name);
}

bool method_read_amount(struct daemon_call *call, const char *name, u128 *out)
{
    u256 value;
    if (json_read_number(method_argument(call, name), &value) != ST_OK ||
        (value.w[2] | value.w[3]) != 0 || value.w[1] >> 56 != 0)
        return method_bad(call, name, "not an amount");
    *out = (u128)value.w[1] << 64 | value.w[0];
    return true;
}

bool method_read_entry(struct daemon_call *call, struct entry **out)
{
    hash32 id;
    if (json_read_fixed(method_argument(call, "channel"), id.b, sizeof(id.b)) != ST_OK)
        return method_bad(call, "channel", "not an id of 32 bytes");
    *out = daemon_find(call->daemon, id);
    return *out != NULL || method_bad(call, "channel", "there is none with this id");
}

bool method_read_peer(struct daemon_call *call, const char *argument, struct peer **out)
{
    struct node_name name;
    struct err err;
    if (node_name_read(json_text(method_argument(call, argument), &call->arena), &name, &err) !=
        ST_OK)
        return method_bad(call, argument, err.text);
    *out = peer_get(call->daemon, &name.node);
    if (peer_at(*out, name.host, name.port) && (*out)->channels != 0) {
        record_peer(*out); /* a channel's own record has the address that it began with */
        daemon_touch(call->daemon);
    }
    return true;
}

bool method_read_chain(struct daemon_call *call, struct chain_of **out)
{
    u64 id;
    json value = method_argument(call, "chainId");
    *out = call->daemon->chains;
    if (json_is(value, JSON_ABSENT))
        return true;
    if (json_read_number_u64(value, &id) != ST_OK ||
        (*out = daemon_chain(call->daemon, id)) == NULL)
        return method_bad(call, "chainId", "not a chain of this daemon's");
    return true;
}

/* Absent: the chain's own. */
bool method_read_asset(struct daemon_call *call, address *out)
{
    json value = method_argument(call, "asset");
    *out = (address){{0}};
    return json_is(value, JSON_ABSENT) || json_read_fixed(value, out->b, sizeof(out->b)) == ST_OK ||
           method_bad(call, "asset", "not an address");
}

/* --- Calls that wait. */

static struct daemon_call **alike(struct daemon *daemon, hash32 key)
{
    return &daemon->waiting_by_key[key.b[0] % CALL_BUCKETS];
}

void method_park(struct daemon_call *call, enum daemon_wait waits, hash32 key)
{
    struct daemon *daemon = call->daemon;
    struct daemon_call **first = alike(daemon, key);
    call->waits = waits;
    call->key = key;
    call->link = &daemon->waiting;
    call->next = daemon->waiting;
    if (call->next != NULL)
        call->next->link = &call->next;
    daemon->waiting = call;
    call->next_alike = *first;
    *first = call;
}

void method_unpark(struct daemon_call *call)
{
    struct daemon_call **at = alike(call->daemon, call->key);
    if (call->waits == WAITS_FOR_NOTHING)
        return;
    call->waits = WAITS_FOR_NOTHING;
    *call->link = call->next;
    if (call->next != NULL)
        call->next->link = call->link;
    while (*at != call)
        at = &(*at)->next_alike;
    *at = call->next_alike;
    method_stop_paying(call);
}

struct daemon_call *method_waiting(struct daemon *daemon, enum daemon_wait waits, hash32 key)
{
    struct daemon_call *at = *alike(daemon, key);
    while (at != NULL && (at->waits != waits || !hash32_equal(at->key, key)))
        at = at->next_alike;
    return at;
}

/* Answers it, if what it waits for is there. */
static void look(struct daemon_call *call)
{
    struct entry *entry = daemon_find(call->daemon, call->key);
    switch (call->waits) {
    case WAITS_FOR_NOTHING:
    case WAITS_FOR_ANSWER: /* offers_take sees to it */
        return;
    case WAITS_FOR_CHANNEL:
        if (entry->stage != STAGE_OPEN || channel_spendable(entry->channel) != 0)
            method_answer_channel(call, entry);
        return;
    case WAITS_FOR_CLOSE:
        if (entry->stage == STAGE_CLOSED)
            method_answer_channel(call, entry);
        return;
    case WAITS_FOR_WITHDRAWAL:
        method_answer_withdrawal(call, entry);
        return;
    case WAITS_FOR_ROUTED:
        method_answer_payment(call);
        return;
    case WAITS_FOR_PAYMENT:
        if (--call->left == 0)
            method_answer_keysend(call);
        return;
    }
    bug("unknown wait");
}

void methods_wake(struct daemon *daemon, hash32 key)
{
    for (struct daemon_call *call = *alike(daemon, key), *next; call != NULL; call = next) {
        next = call->next_alike;
        if (hash32_equal(call->key, key))
            look(call);
    }
}

static const char *overdue(const struct daemon_call *call)
{
    switch (call->waits) {
    case WAITS_FOR_NOTHING:
        break;
    case WAITS_FOR_CHANNEL:
        return "the deposit is not final yet; the channel goes on opening";
    case WAITS_FOR_CLOSE:
        return "the close is not final yet; it goes on";
    case WAITS_FOR_WITHDRAWAL:
        return "the withdrawal is not final yet; it goes on";
    case WAITS_FOR_ROUTED:
        return "the payment is under way, and neither paid nor failed yet";
    case WAITS_FOR_ANSWER:
        return "the payee has not answered; nothing is paid";
    case WAITS_FOR_PAYMENT:
        return "the peer has not acknowledged the payment yet; it is on its way and not taken back";
    }
    bug("unknown wait");
}

void methods_tick(struct daemon *daemon, u64 now_ms)
{
    for (struct daemon_call *call = daemon->waiting, *next; call != NULL; call = next) {
        next = call->next;
        if (now_ms < call->until_ms)
            continue;
        method_leave_unqueued(call);
        methods_refuse(call, overdue(call));
    }
}

static void end_list(struct daemon_call **list)
{
    while (*list != NULL) {
        struct daemon_call *call = *list;
        *list = call->next;
        methods_refuse(call, "the daemon ends");
    }
}

void methods_end(struct daemon *daemon)
{
    methods_close(daemon);
    while (daemon->waiting != NULL)
        methods_refuse(daemon->waiting, "the daemon ends");
    end_list(&daemon->gathering.calls);
    end_list(&daemon->flying.calls);
}

void methods_wait_for_channel(struct daemon_call *call, struct entry *entry)
{
    method_park(call, WAITS_FOR_CHANNEL, channel_name(entry->channel)->id);
}

/* --- Methods. */

/* Whether so much of ours may be in a channel. False: the call has been refused. */
static bool may_deposit(struct daemon_call *call, u64 chain_id, address asset, u128 total)
{
    struct sign_deposit deposit = {chain_id, asset, total};
    struct sign_request request = {.kind = SIGN_DEPOSIT, .deposit = &deposit};
    struct err err;
    if (signer_sign(call->daemon->keys, &request, NULL, &err) == ST_OK)
        return true;
    method_refuse_limit(call, err.text);
    return false;
}

static void list_channels(struct daemon_call *call)
{
    struct daemon *daemon = call->daemon;
    json_key(call->out, "result");
    json_open_array(call->out);
    for (u32 i = 0; i < daemon->entry_count; i++)
        method_put_channel(call->out, daemon->entries[i]);
    json_close_array(call->out);
    method_answer_after(call);
}

static void open_channel(struct daemon_call *call)
{
    struct opening_wish wish;
    if (!method_read_peer(call, "peer", &wish.peer) || !method_read_chain(call, &wish.chain) ||
        !method_read_amount(call, "amount", &wish.amount))
        return;
    if (!method_read_asset(call, &wish.asset))
        return;
    if (memcmp(wish.peer->node.b, keyring_node(call->daemon->ring).b, sizeof(point33)) == 0) {
        method_bad(call, "peer", "that is this daemon itself");
        return;
    }
    if (may_deposit(call, wish.chain->chain_id, wish.asset, wish.amount))
        opening_begin(call, &wish);
}

/* A connection, kept from here on; where the peer is now, if it has moved. */
static void connect_peer(struct daemon_call *call)
{
    struct peer *peer;
    if (!method_read_peer(call, "peer", &peer))
        return;
    peer->wanted = true;
    json_key(call->out, "result");
    json_put_bool(call->out, peer->link != NULL);
    daemon_answer(call);
}

static void top_up(struct daemon_call *call)
{
    struct entry *entry;
    u128 amount;
    if (!method_read_entry(call, &entry) || !method_read_amount(call, "amount", &amount))
        return;
    if (entry->stage != STAGE_OPEN) {
        methods_refuse(call, "the channel is closing");
        return;
    }
    u128 deposited[2], withdrawn[2];
    u32 side = channel_side(entry->channel);
    channel_seen(entry->channel, deposited, withdrawn);
    u128 total = (entry->wanted > deposited[side] ? entry->wanted : deposited[side]) + amount;
    if (!may_deposit(call, entry->chain->chain_id, channel_terms(entry->channel)->asset, total))
        return;
    entry->wanted = total;
    record_wanted(entry);
    daemon_after(entry, opening_fund);
    method_answer_channel(call, entry);
}

static void close_channel(struct daemon_call *call)
{
    struct entry *entry;
    bool force = false;
    if (!method_read_entry(call, &entry))
        return;
    if (!json_is(method_argument(call, "force"), JSON_ABSENT) &&
        json_read_bool(method_argument(call, "force"), &force) != ST_OK) {
        method_bad(call, "force", "neither true nor false");
        return;
    }
    method_park(call, WAITS_FOR_CLOSE, channel_name(entry->channel)->id);
    if (entry->stage == STAGE_CLOSED)
        methods_wake(call->daemon, call->key);
    else if (force)
        ending_force(entry);
    else
        ending_begin(entry);
}

static void discover(struct daemon_call *call);

/* Dispatches calls, judges their arguments and describes them (discover.h). */
#define NEEDS(type, name, help)                                                                    \
    {                                                                                              \
        TYPE_##type, true, name, help                                                              \
    }
#define TAKES(type, name, help)                                                                    \
    {                                                                                              \
        TYPE_##type, false, name, help                                                             \
    }
#define METHOD(name, run, result, summary, ...) ROW(name, run, false, result, summary, __VA_ARGS__)
#define APART(name, run, result, summary, ...) ROW(name, run, true, result, summary, __VA_ARGS__)
#define ROW(name, run, is_apart, result, summary, ...)                                             \
    {                                                                                              \
        run, is_apart,                                                                             \
        {                                                                                          \
            name, summary, result,                                                                 \
            {                                                                                      \
                __VA_ARGS__                                                                        \
            }                                                                                      \
        }                                                                                          \
    }
#define CHANNEL NEEDS(HASH, "channel", "its id")
#define APP NEEDS(HASH, "app", "its id")
#define ON_CHAIN TAKES(CHAIN, "chainId", "else the daemon's first")
#define IN_ASSET TAKES(ADDRESS, "asset", "an ERC-20; else the chain's own money")

/* clang-format off */
static const struct daemon_method methods[] = {
    METHOD("channel_nodeInfo", method_node_info, "NodeInfo", "Who the daemon is, and on which chains.",
           {TYPE_NONE, false, NULL, NULL}),
    METHOD("channel_list", list_channels, "Channels", "All channels.",
           {TYPE_NONE, false, NULL, NULL}),
    METHOD("channel_connect", connect_peer, "Bool", "Calls a peer, and keeps the connection; says whether it is there already.",
           NEEDS(PEER, "peer", "where it is")),
    METHOD("channel_open", open_channel, "Channel", "Opens a channel, pays into it, and waits until it can be used.",
           NEEDS(PEER, "peer", "whom with"), NEEDS(AMOUNT, "amount", "what we pay in"), ON_CHAIN, IN_ASSET),
    METHOD("channel_topup", top_up, "Channel", "Pays more into a channel; does not wait for it.",
           CHANNEL, NEEDS(AMOUNT, "amount", "so much more")),
    METHOD("channel_close", close_channel, "Channel", "Closes a channel, and waits until that is final.",
           CHANNEL, TAKES(BOOL, "force", "without the peer")),
    METHOD("channel_rebase", method_rebase, "Channel", "Asks for a new base, and does not wait for it.",
           CHANNEL),
    METHOD("channel_withdraw", method_withdraw, "Channel", "Takes money out of an open channel, and waits until that is final.",
           CHANNEL, NEEDS(AMOUNT, "amount", "so much")),
    METHOD("channel_keysend", method_keysend, "Keysend", "Pays the channel's other side, and waits until it has acknowledged.",
           CHANNEL, NEEDS(AMOUNT, "amount", "of each payment"), TAKES(NUMBER, "count", "of payments, from 1 to 1000 (1)"),
           TAKES(HASH, "payment", "what they are called; else a random name")),
    METHOD("channel_invoice", method_invoice, "Invoice", "Makes an invoice.",
           TAKES(AMOUNT, "amount", "else the payer chooses"), ON_CHAIN, IN_ASSET,
           TAKES(TEXT, "description", "what it is for"), TAKES(NUMBER, "expirySeconds", "in which it can be paid (3600)")),
    METHOD("channel_invoiceStatus", method_invoice_status, "InvoiceStatus", "Whether an invoice of ours is paid.",
           NEEDS(HASH, "hash", "of its payment")),
    METHOD("channel_offer", method_offer, "Offer", "Makes an offer: a text that any number of payments can be made to.",
           TAKES(AMOUNT, "amount", "of each payment; else the payer chooses"), ON_CHAIN, IN_ASSET,
           TAKES(TEXT, "description", "what it is for"), TAKES(NUMBER, "expirySeconds", "in which it can be paid; else for ever")),
    METHOD("channel_pay", method_pay, "Payment", "Pays an invoice, to an offer, or a node unasked, and waits until it is paid or has failed.",
           TAKES(TEXT, "invoice", "or an offer; else `node`, `amount` and `chainId` say what is paid to whom"),
           TAKES(NODE, "node", "who is paid unasked"), TAKES(AMOUNT, "amount", "where the invoice or the offer has none"), ON_CHAIN,
           TAKES(NODES, "via", "the way to the payee; else it is looked for"),
           TAKES(CHAIN, "fromChainId", "the chain that is paid on; else the payee's"),
           TAKES(AMOUNT, "maxFee", "for forwarding; else a hundredth")),
    APART("channel_history", method_history, "History", "What was paid, received and forwarded, and channels: the newest first.",
          TAKES(TEXT, "kind", "sent, received, forwarded or channel"), TAKES(TEXT, "state", "pending, paid, failed, open or closed"),
          TAKES(HASH, "channel", "that it was in, or passed through"), TAKES(HASH, "payment", "by its hash, or name"),
          TAKES(NUMBER, "since", "it began then or later, in seconds"), TAKES(NUMBER, "until", "then or before"),
          TAKES(NUMBER, "limit", "of entries (100), at most 1000"), TAKES(TEXT, "older", "as the page before said: goes on there")),
    METHOD("channel_appPropose", method_app_propose, "App", "Proposes an app, a game or payments, to the channel's other side or over a hub.",
           CHANNEL, NEEDS(TEXT, "app", "tictactoe, tickets or payments"), TAKES(AMOUNT, "stake", "what the one who proposes can lose"),
           TAKES(AMOUNT, "otherStake", "what the other can; else as much in a game"), TAKES(AMOUNT, "price", "of a ticket"),
           TAKES(NUMBER, "seats", "that there are tickets for"), TAKES(NUMBER, "moveSeconds", "for each move, where they do not agree (600)"),
           TAKES(NUMBER, "expirySeconds", "in which it has to be over (86400)"), TAKES(PEER, "with", "the other player, where the channel is with a hub"),
           TAKES(AMOUNT, "maxFee", "for the hub; else a hundredth of the stake")),
    METHOD("channel_appAccept", method_app_accept, "App", "Accepts an app that was proposed.", APP),
    METHOD("channel_appMove", method_app_move, "App", "Makes a move, and does not wait for the other's signature.",
           APP, NEEDS(TEXT, "move", "a cell, an amount, or what is done with a ticket")),
    METHOD("channel_appSettle", method_app_settle, "App", "Ends an app with what both have signed; one that was proposed is refused.",
           APP, TAKES(BOOL, "force", "asks the court")),
    METHOD("channel_appList", method_app_list, "Apps", "Apps that are under way, and the last hundred that are over.",
           {TYPE_NONE, false, NULL, NULL}),
    METHOD("channel_graph", method_graph, "Graph", "The network as the daemon knows it.",
           {TYPE_NONE, false, NULL, NULL}),
    METHOD("channel_subscribe", method_subscribe, "Quantity", "Notifications channel_subscription, over a WebSocket.",
           NEEDS(TOPIC, "topic", "what of")),
    METHOD("channel_unsubscribe", method_unsubscribe, "Bool", "Ends a subscription of this WebSocket's; says whether there was one.",
           NEEDS(NUMBER, "subscription", "as channel_subscribe named it")),
    METHOD("rpc.discover", discover, "Document", "Describes the methods.",
           {TYPE_NONE, false, NULL, NULL}),
};
/* clang-format on */

static const struct method_shape *shape_of(usize index)
{
    return index < countof(methods) ? &methods[index].shape : NULL;
}

static void discover(struct daemon_call *call)
{
    json_key(call->out, "result");
    discover_put(call->out, shape_of);
    daemon_answer(call);
}

/* --- Across threads. */

static void run_call(struct daemon_call *call)
{
    u64 timeout_ms = USUAL_TIMEOUT_MS;
    bytes name;
    const char *why;
    if (!discover_check(&call->method->shape, arguments_of(call), &name, &why)) {
        char text[64];
        fmt(text, sizeof(text), "%.*s", (int)min_u64(name.size, sizeof(text) - 1),
            (const char *)name.data);
        method_bad(call, text, why);
        return;
    }
    if (!json_is(method_argument(call, "timeoutMs"), JSON_ABSENT) &&
        (json_read_number_u64(method_argument(call, "timeoutMs"), &timeout_ms) != ST_OK ||
         timeout_ms < LEAST_TIMEOUT_MS || timeout_ms > MOST_TIMEOUT_MS)) {
        method_bad(call, "timeoutMs", "not from 1 to 600000");
        return;
    }
    call->until_ms = clock_now_ms() + timeout_ms;
    call->method->run(call);
}

static const struct daemon_method *find_method(bytes name)
{
    for (usize i = 0; i < countof(methods); i++)
        if (bytes_equal(name,
                        (bytes){(const u8 *)methods[i].shape.name, strlen(methods[i].shape.name)}))
            return &methods[i];
    return NULL;
}

/* On the loop's thread: those that have come, in order. */
static void run_calls(struct task *task)
{
    struct call_queue *queue = (void *)((u8 *)task - offsetof(struct call_queue, task));
    pthread_mutex_lock(&queue->lock);
    struct daemon_call *list = queue->first;
    queue->first = NULL;
    queue->posted = false;
    pthread_mutex_unlock(&queue->lock);
    while (list != NULL) {
        struct daemon_call *call = list;
        list = call->next;
        run_call(call);
    }
}

void methods_open(struct daemon *daemon)
{
    pthread_mutex_init(&daemon->calls.lock, NULL);
    daemon->calls.task.run = run_calls;
}

void methods_close(struct daemon *daemon)
{
    struct call_queue *queue = &daemon->calls;
    pthread_mutex_lock(&queue->lock);
    struct daemon_call *list = queue->first;
    queue->first = NULL;
    queue->closed = true;
    pthread_mutex_unlock(&queue->lock);
    end_list(&list);
}

void methods_free(struct daemon *daemon)
{
    loop_drop_task(daemon->loop, &daemon->calls.task);
    pthread_mutex_destroy(&daemon->calls.lock);
}

/* False: the daemon ends. */
static bool put_in_queue(struct call_queue *queue, struct daemon_call *call)
{
    pthread_mutex_lock(&queue->lock);
    bool closed = queue->closed, posts = !closed && !queue->posted;
    if (!closed) {
        *(queue->first == NULL ? &queue->first : queue->end) = call;
        queue->end = &call->next;
        queue->posted = true;
    }
    if (posts) /* with the lock, so that methods_free comes after it */
        loop_post(call->daemon->loop, &queue->task);
    pthread_mutex_unlock(&queue->lock);
    return !closed;
}

static bool begin(void *self, bytes name, json params, const struct net_peer *peer,
                  struct json_out *out, struct net_later *later)
{
    enum { ROOM = 64 << 10 }; /* for what a method makes besides its arguments' texts */
    struct daemon *daemon = self;
    const struct daemon_method *method = find_method(name);
    if (method == NULL || method->is_apart)
        return false;
    usize room = ROOM + 2 * params.text.size;
    struct daemon_call *call = malloc(sizeof(*call) + room);
    assert(call != NULL);
    *call = (struct daemon_call){
        .later = later,
        .daemon = daemon,
        .method = method,
        .params = params,
        .from = peer,
        .out = out,
        .before = *out,
        .arena = arena_over((u8 *)(call + 1), room),
    };
    if (!put_in_queue(&daemon->calls, call))
        methods_refuse(call, "the daemon ends");
    return true;
}

/* What is left: methods that read what is on the disk, and those that there are not. */
static void answer(void *self, bytes name, json params, const struct net_peer *peer,
                   struct json_out *out, struct arena arena)
{
    struct daemon_call call = {
        .daemon = self,
        .method = find_method(name),
        .params = params,
        .from = peer,
        .out = out,
        .before = *out,
        .arena = arena,
    };
    if (call.method == NULL)
        put_error(out, CODE_METHOD_NOT_FOUND, "the method does not exist");
    else
        run_call(&call);
}

static bool is_heavy(void *self, bytes method)
{
    (void)self, (void)method;
    return true;
}

static void peer_gone(void *self, const struct net_peer *peer)
{
    const struct daemon *daemon = self;
    subscriptions_gone(daemon->subscriptions, peer);
}

struct net_handler daemon_handler(struct daemon *daemon)
{
    return (struct net_handler){
        .self = daemon,
        .is_heavy = is_heavy,
        .answer = answer,
        .begin = begin,
        .peer_gone = peer_gone,
    };
}
