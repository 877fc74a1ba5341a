/* Peers: who they are, when they are called, and what their messages mean. */
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"
#include "channel/daemon_records.h"
#include "channel/messages.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_RETRY_MS = 500, LAST_RETRY_MS = 30000, INIT_VERSION = 1 };

/* About that long: two who call each other at the same time, and each keep the other connection,
 * would meet like this for ever. */
static u64 about(u64 wait_ms)
{
    u64 chance;
    random_fill(&chance, sizeof(chance));
    return wait_ms / 2 + chance % wait_ms;
}

static struct peer *find_peer(const struct daemon *daemon, const point33 *node)
{
    struct peer *peer = daemon->peers;
    while (peer != NULL && !point_equal(&peer->node, node))
        peer = peer->next;
    return peer;
}

/* Nobody that we need: it came, had no channel with us, and left. */
static bool is_past(const struct peer *peer)
{
    return peer->link == NULL && peer->calling == NULL && peer->entries == NULL &&
           peer->sessions == 0 && !peer->wanted && !opening_waits_for(peer) &&
           peer != peer->daemon->tower;
}

/* Places of past peers are used again, so that strangers who come under ever new names take no more
 * memory than there are connections. What still waits to be sent to one is dropped by its
 * connection's number. */
struct peer *peer_get(struct daemon *daemon, const point33 *node)
{
    struct peer *peer = find_peer(daemon, node);
    if (peer != NULL)
        return peer;
    for (peer = daemon->peers; peer != NULL && !is_past(peer);)
        peer = peer->next;
    if (peer == NULL) {
        peer = calloc(1, sizeof(*peer));
        assert(peer != NULL);
        peer->next = daemon->peers;
        daemon->peers = peer;
    }
    *peer = (struct peer){
        .next = peer->next, .daemon = daemon, .node = *node, .connection = peer->connection + 1};
    return peer;
}

struct entry *peer_find(const struct daemon *daemon, const point33 *node)
{
    const struct peer *peer = find_peer(daemon, node);
    return peer == NULL ? NULL : peer->entries;
}

static enum status read_place(bytes text, struct node_name *out, struct err *err)
{
    usize colon = text.size;
    u32 port = 0;
    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    bytes digits = bytes_slice(text, colon, text.size);
    if (text.data[0] != '@' || colon < 3 || digits.size == 0 || digits.size > 5)
        return fail(err, ST_INVALID, "not KEY@HOST:PORT");
    for (usize i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return fail(err, ST_INVALID, "the port is no number");
        port = port * 10 + (u32)(digits.data[i] - '0');
    }
    if (port == 0 || port > 65535)
        return fail(err, ST_INVALID, "the port is none");
    out->host = bytes_slice(text, 1, colon - 2);
    out->port = (u16)port;
    return ST_OK;
}

enum status node_name_read(bytes text, struct node_name *out, struct err *err)
{
    enum { DIGITS = 66 };
    *out = (struct node_name){.port = 0};
    if (text.size < DIGITS ||
        hex_read_fixed((bytes){text.data, DIGITS}, out->node.b, sizeof(out->node)) != ST_OK ||
        point_check(&out->node) != ST_OK)
        return fail(err, ST_INVALID, "it begins with a node's key, 66 hexadecimal digits");
    bytes rest = bytes_slice(text, DIGITS, text.size);
    return rest.size == 0 ? ST_OK : read_place(rest, out, err);
}

bool peer_at(struct peer *peer, bytes host, u16 port)
{
    bytes before = {(const u8 *)peer->host, strlen(peer->host)};
    if (host.size == 0 || host.size >= sizeof(peer->host) || port == 0)
        return false;
    peer->retry_ms = 0;
    if (bytes_equal(host, before) && port == peer->port)
        return false;
    memset(peer->host, 0, sizeof(peer->host));
    bytes_copy(peer->host, host);
    peer->port = port;
    return true;
}

/* --- Calling. */

static void call(struct peer *peer, u64 now_ms)
{
    struct err err;
    peer->wait_ms = peer->wait_ms == 0 ? FIRST_RETRY_MS : min_u64(2 * peer->wait_ms, LAST_RETRY_MS);
    peer->retry_ms = now_ms + about(peer->wait_ms);
    struct link *link;
    if (links_connect(peer->daemon->links, &peer->node, peer->host, peer->port, &link, &err) !=
        ST_OK) {
        log_debug("channel", "a peer cannot be called", LOG_TEXT("why", err.text));
        return;
    }
    peer->calling = link;
    link_set_user(link, peer);
}

void peers_tick(struct daemon *daemon, u64 now_ms)
{
    for (struct peer *peer = daemon->peers; peer != NULL; peer = peer->next)
        if (peer->link == NULL && peer->calling == NULL && peer->host[0] != 0 &&
            now_ms >= peer->retry_ms &&
            (peer->channels != 0 || peer->sessions != 0 || peer->wanted ||
             opening_waits_for(peer) || peer == daemon->tower))
            call(peer, now_ms);
}

/* --- Meeting. */

static void each_entry(struct peer *peer, void (*visit)(struct entry *entry))
{
    for (struct entry *at = peer->entries; at != NULL; at = at->next_of_peer)
        if (at->stage != STAGE_CLOSED)
            visit(at);
}

static void part(struct entry *entry)
{
    entry->here = entry->there = entry->heard = entry->counted = false;
    channel_part(entry->channel);
}

/* INIT must not wait for the disk, since it comes before all else. */
void peer_say_at_once(struct peer *peer, const struct wire_message *message)
{
    u8 room[WIRE_LIMIT];
    if (peer->link != NULL)
        (void)link_send(peer->link, (bytes){room, wire_encode(message, room)});
}

/* Two who call each other at the same time have two connections for a moment: both keep the one
 * that the lower key made. Else the newest counts: the older one is dead, and only we know. */
static bool is_worse(const struct peer *peer, bool ours, u64 now_ms)
{
    enum { AT_ONCE_MS = 5000 };
    point33 own = keyring_node(peer->daemon->ring);
    bool we_are_lower = memcmp(own.b, peer->node.b, sizeof(own.b)) < 0;
    return peer->link != NULL && now_ms < peer->opened_ms + AT_ONCE_MS && peer->ours != ours &&
           ours != we_are_lower;
}

static void on_opened(void *self, struct link *link)
{
    struct daemon *daemon = self;
    struct peer *peer = peer_get(daemon, link_remote(link));
    u64 now_ms = clock_now_ms();
    bool ours = peer->calling == link;
    if (ours)
        peer->calling = NULL;
    link_set_user(link, peer);
    if (is_worse(peer, ours, now_ms)) {
        link_close(link, "another connection of the same peer");
        return;
    }
    struct link *old = peer->link;
    peer->ours = ours;
    peer->opened_ms = now_ms;
    network_parted(peer);
    restoring_parted(peer);
    peer->link = link;
    peer->connection++;
    peer->greeted = false;
    peer->wait_ms = 0;
    each_entry(peer, part);
    if (old != NULL)
        link_close(old, "a newer connection of the same peer");
    struct wire_message hello = {.type = WIRE_INIT, .init = {INIT_VERSION, BYTES_EMPTY}};
    peer_say_at_once(peer, &hello);
}

static void on_gone(void *self, struct link *link, const char *why)
{
    struct peer *peer = link_user(link);
    (void)self;
    if (peer == NULL)
        return;
    if (peer->calling == link)
        peer->calling = NULL;
    if (peer->link != link)
        return;
    log_info("channel", "a peer is gone", LOG_HEX("node", peer->node), LOG_TEXT("why", why));
    peer->link = NULL;
    network_parted(peer);
    restoring_parted(peer);
    peer->greeted = false;
    peer->retry_ms = clock_now_ms() + about(FIRST_RETRY_MS);
    each_entry(peer, part);
}

void peer_tell_funds(const struct entry *entry)
{
    struct wire_message message = {.type = WIRE_FUNDED};
    u128 deposited[2], withdrawn[2];
    channel_seen(entry->channel, deposited, withdrawn);
    message.funded = (struct wire_funded){
        .id = channel_name(entry->channel)->id,
        .deposited_a = deposited[0],
        .deposited_b = deposited[1],
        .withdrawn_a = withdrawn[0],
        .withdrawn_b = withdrawn[1],
        .final_s = channel_seen_time(entry->channel),
    };
    if (entry->here)
        daemon_say(entry->peer, &message);
}

/* Where each of the two is; then what the other has missed is said again. Before the chain's first
 * block nobody can judge what the peer says then: a lock may be dropped when its time is over. */
static void reestablish(struct entry *entry)
{
    if (entry->chain->time_s == 0)
        return;
    struct wire_message message = {.type = WIRE_REESTABLISH};
    message.reestablish = channel_hello(entry->channel);
    if (channel_is_lost(entry->channel) && entry->stage == STAGE_OPEN)
        restoring_ask(entry);
    else
        daemon_say(entry->peer, &message);
    entry->here = true;
    place_used(entry);
    peer_tell_funds(entry);
}

/* --- Messages. ST_INVALID ends the connection. */

static enum status hear(struct entry *entry, const struct wire_reestablish *hello, struct err *err)
{
    struct channel_missed missed;
    struct wire_message again;
    if (channel_is_lost(entry->channel))
        return ST_OK; /* what counts is what it shows */
    enum status st = channel_meet(entry->channel, hello, &missed, err);
    if (st == ST_MISSING && channel_is_behind(entry->channel, hello))
        restoring_ask(entry);
    if (st == ST_MISSING)
        return ST_OK; /* nothing is said before it is known who has lost what */
    TRY(st);
    entry->there = true;
    while (channel_say_again(entry->channel, &missed, &again))
        daemon_say(entry->peer, &again);
    ending_again(entry);
    entry_touch(entry);
    return ST_OK;
}

static enum status take_reestablish(struct entry *entry, const struct wire_message *message,
                                    struct err *err)
{
    if (entry->there) /* it has all that it had missed, which may be megabytes */
        return fail(err, ST_INVALID, "REESTABLISH twice");
    if (entry->here)
        return hear(entry, &message->reestablish, err);
    entry->hello = message->reestablish;
    entry->heard = true;
    return ST_OK;
}

static void note_locks(struct entry *entry, bytes items)
{
    for (struct item item; items.size != 0 && item_read(&items, &item) == ST_OK;)
        if (item.kind == ITEM_ADD)
            holders_add(entry, &item.lock);
}

static enum status take_update(struct entry *entry, const struct wire_message *message,
                               struct err *err)
{
    struct daemon *daemon = entry->daemon;
    if (!entry->there)
        return fail(err, ST_INVALID, "an update before the peer has said where it is");
    if (entry->stage != STAGE_OPEN)
        return fail(err, ST_INVALID, "an update after a signed close");
    enum status st = channel_take_update(entry->channel, &message->update, entry->chain->time_s,
                                         &daemon->events, err);
    if (st == ST_AGAIN)
        return ST_OK;
    if (st == ST_OK) {
        struct half half = channel_newest(entry->channel).half[1 - channel_side(entry->channel)];
        signer_hear(daemon->keys, entry->key, &half, message->update.items);
        record_message(entry, RECORD_RECEIVED, message);
        note_locks(entry, message->update.items);
        chronicle_update(entry, false, &message->update);
        entry_touch(entry);
        apps_touch(entry);
    }
    return st;
}

static enum status take_funded(struct entry *entry, const struct wire_message *message,
                               struct err *err)
{
    const struct wire_funded *said = &message->funded;
    const u128 deposited[2] = {said->deposited_a, said->deposited_b};
    const u128 withdrawn[2] = {said->withdrawn_a, said->withdrawn_b};
    for (u32 side = 0; side < 2; side++)
        if (deposited[side] >= CHANNEL_AMOUNT_LIMIT || withdrawn[side] >= CHANNEL_AMOUNT_LIMIT)
            return fail(err, ST_INVALID, "the peer counts more money than there is");
    channel_peer_sees(entry->channel, deposited, withdrawn);
    channel_peer_sees_time(entry->channel, said->final_s);
    entry->counted = true;
    entry_touch(entry);
    apps_touch(entry);
    methods_wake(entry->daemon, channel_name(entry->channel)->id);
    return ST_OK;
}

/* The peer accepted an offer of ours that we did not hear of: a crash on our side lost it. */
static enum status say_unknown(struct peer *peer, hash32 id)
{
    struct wire_message message = {.type = WIRE_ERROR};
    message.error = (struct wire_error){id, BYTES_LIT("there is no such channel here")};
    daemon_say(peer, &message);
    return ST_OK;
}

static enum status take_init(struct peer *peer, const struct wire_message *message, struct err *err)
{
    if (message->init.version != INIT_VERSION)
        return fail(err, ST_INVALID, "the peer speaks version %u, we speak %u",
                    message->init.version, INIT_VERSION);
    if (peer->greeted) /* all that a peer may do so often a minute begins anew with it */
        return fail(err, ST_INVALID, "INIT for the second time");
    peer->greeted = true;
    each_entry(peer, reestablish);
    opening_met(peer);
    apps_met(peer);
    if (peer == peer->daemon->tower)
        tower_met(peer->daemon); /* it knows nothing of the network */
    else
        network_met(peer);
    return ST_OK;
}

static enum status take_error(struct peer *peer, const struct wire_message *message,
                              struct err *err)
{
    struct entry *entry = daemon_find(peer->daemon, message->error.id);
    (void)err;
    log_warn("channel", "a peer complains", LOG_HEX("node", peer->node),
             LOG_BYTES("text", message->error.text));
    if (entry != NULL && entry->peer == peer)
        opening_forget(entry);
    return ST_OK;
}

/* What is done with messages. Those about a channel begin with its id. */
static const struct {
    enum wire_type type;
    enum status (*of_peer)(struct peer *peer, const struct wire_message *message, struct err *err);
    enum status (*of_channel)(struct entry *entry, const struct wire_message *message,
                              struct err *err);
} handlers[] = {
    {WIRE_INIT, take_init, NULL},
    {WIRE_ERROR, take_error, NULL},
    {WIRE_OPEN, opening_take_offer, NULL},
    {WIRE_ACCEPT, opening_take_answer, NULL},
    {WIRE_REFUSE, opening_take_refusal, NULL},
    {WIRE_APP_OFFER, apps_take_offer, NULL},
    {WIRE_APP_ANSWER, apps_take_answer, NULL},
    {WIRE_APP_STATE, apps_take_state, NULL},
    {WIRE_APP_END, apps_take_end, NULL},
    {WIRE_APP_LEG, apps_take_leg, NULL},
    {WIRE_TOWER_RECEIPT, tower_take_receipt, NULL},
    {WIRE_TOWER_REFUSE, tower_take_refusal, NULL},
    {WIRE_FUNDED, NULL, take_funded},
    {WIRE_UPDATE, NULL, take_update},
    {WIRE_REESTABLISH, NULL, take_reestablish},
    {WIRE_LOST, NULL, restoring_take_lost},
    {WIRE_RECOVER_LOCKS, NULL, restoring_take_locks},
    {WIRE_RECOVER, NULL, restoring_take},
    {WIRE_STFU, NULL, splice_take_stfu},
    {WIRE_REBASE, NULL, splice_take_rebase},
    {WIRE_WITHDRAW, NULL, splice_take_withdraw},
    {WIRE_CLOSE, NULL, ending_take_close},
    {WIRE_ONION_MESSAGE, messages_take, NULL},
    {WIRE_ANNOUNCE_SIGN, NULL, announcing_take},
    {WIRE_ANNOUNCE, network_take, NULL},
    {WIRE_POLICY, network_take, NULL},
    {WIRE_NODE, network_take, NULL},
    {WIRE_SYNC_SUMMARY, network_take, NULL},
    {WIRE_SYNC_LIST, network_take, NULL},
    {WIRE_SYNC_WANT, network_take, NULL},
};

/* In a channel that nobody has paid into nothing is signed: it would have to be kept for ever, and
 * a close be paid for. So the end of one costs nothing: it is forgotten. */
static enum status take_of_empty(struct entry *entry, const struct wire_message *message,
                                 struct err *err)
{
    if (message->type != WIRE_STFU || message->stfu.why == STFU_REBASE)
        return fail(err, ST_INVALID, "%s in a channel that nobody has paid into",
                    wire_name(message->type));
    opening_forget(entry);
    return say_unknown(entry->peer, message->stfu.id);
}

static bool wants_signature(enum wire_type type)
{
    return type == WIRE_UPDATE || type == WIRE_STFU || type == WIRE_REBASE ||
           type == WIRE_WITHDRAW || type == WIRE_CLOSE;
}

static enum status take_message(struct peer *peer, const struct wire_message *message,
                                struct err *err)
{
    usize i = 0;
    while (i < countof(handlers) && handlers[i].type != message->type)
        i++;
    if (i == countof(handlers))
        return fail(err, ST_INVALID, "%s is not understood yet", wire_name(message->type));
    if (!peer->greeted && message->type != WIRE_INIT)
        return fail(err, ST_INVALID, "%s before INIT", wire_name(message->type));
    if (handlers[i].of_peer != NULL)
        return handlers[i].of_peer(peer, message, err);
    struct entry *entry = daemon_find(peer->daemon, message->update.id);
    if (entry != NULL && entry->peer != peer)
        entry = NULL; /* it must not learn that the channel is ours */
    if (entry == NULL && (message->type == WIRE_REESTABLISH || message->type == WIRE_LOST ||
                          message->type == WIRE_FUNDED))
        return say_unknown(peer, message->update.id);
    if (entry == NULL)
        return fail(err, ST_INVALID, "%s about a channel that is not the peer's",
                    wire_name(message->type));
    if (entry->stage >= STAGE_FORCED) /* R9: nothing is taken; the peer may not know yet why */
        return ST_OK;
    if (wants_signature(message->type) && place_is_empty(entry))
        return take_of_empty(entry, message, err);
    return handlers[i].of_channel(entry, message, err);
}

static void complain(struct peer *peer, const char *why)
{
    struct wire_message message = {.type = WIRE_ERROR};
    message.error.text = (bytes){(const u8 *)why, strlen(why)};
    peer_say_at_once(peer, &message);
}

static void breaks_rules(struct peer *peer, const struct err *why)
{
    log_warn("channel", "a peer breaks the rules", LOG_HEX("node", peer->node),
             LOG_TEXT("why", why->text));
    complain(peer, why->text);
    link_close(peer->link, why->text);
}

void peers_begin(struct chain_of *chain)
{
    struct daemon *daemon = chain->daemon;
    struct err err;
    for (u32 i = 0; i < daemon->entry_count; i++) {
        struct entry *entry = daemon->entries[i];
        if (entry->chain != chain || entry->here || entry->stage == STAGE_CLOSED ||
            entry->peer->link == NULL || !entry->peer->greeted)
            continue;
        reestablish(entry);
        if (entry->heard && entry->stage < STAGE_FORCED &&
            hear(entry, &entry->hello, &err) != ST_OK)
            breaks_rules(entry->peer, &err);
    }
}

static void on_message(void *self, struct link *link, bytes content)
{
    struct daemon *daemon = self;
    struct peer *peer = link_user(link);
    struct wire_message message;
    struct err err;
    if (daemon->ending || peer->link != link)
        return;
    enum status st = wire_decode(content, &message, &err);
    if (st == ST_MISSING)
        return;
    if (st == ST_OK)
        st = take_message(peer, &message, &err);
    if (st == ST_OK)
        return;
    breaks_rules(peer, &err);
}

/* All that was ready has been read: one batch. */
static void on_drained(void *self)
{
    network_pump(self);
    daemon_touch(self);
}

bool peer_has_money(const struct peer *peer)
{
    const struct entry *at = peer->channels == 0 ? NULL : peer->entries;
    while (at != NULL && (at->stage == STAGE_CLOSED || place_is_empty(at)))
        at = at->next_of_peer;
    return at != NULL;
}

/* Nobody has money in a channel with it, nor waits for it: there are any number of those, and in
 * the place of one somebody else may be served. Apps do not count, as anybody offers some; who
 * plays over a hub comes back. */
bool peers_spare(void *self, const struct link *link)
{
    const struct peer *peer = link_user(link);
    (void)self;
    return peer->link != link || (!peer->wanted && !opening_waits_for(peer) &&
                                  peer != peer->daemon->tower && !peer_has_money(peer));
}

struct link_events peers_events(struct daemon *daemon)
{
    return (struct link_events){daemon, on_opened, on_message, on_drained, on_gone};
}
