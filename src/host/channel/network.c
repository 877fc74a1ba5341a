#include "channel/network.h"

#include "base/fmt.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/log.h"
#include "sys/pages.h"
#include "sys/thread.h"

#include <assert.h>
#include <stdlib.h>

enum {
    GRAPH_BUDGET = 96 << 20, /* bytes: some fifty thousand channels */
    GRAPH_FILE_LIMIT = 256 << 20,
    ASKED_LIMIT = 1024,  /* channels that a chain is asked about at a time */
    ASKED_AGAIN = 512,   /* public ones, every ASK_AGAIN_MS, one after the other */
    LINK_ROOM = 1 << 20, /* bytes that may wait in a peer's link before gossip is added */
    AT_ONCE = 1000,      /* messages to a peer in a turn */
    LOOK_MS = 1000,      /* own channels are looked at in such intervals */
    CONFIRM_MS = 60000,  /* those that have no word of the chain are asked about again */
    KEEP_MS = 600000,    /* the loop waits while a large graph is encoded and hashed */
    PRUNE_MS = 600000,
    ASK_AGAIN_MS = 600000, /* peers and chains, for what we may have missed */
};

/* Keeps a snapshot, so that the loop does not wait for the disk. */
struct keeper {
    pthread_t thread;
    bool runs;
    const struct files *files;
    char path[4096];
    u8 *memory;
    bytes content;
};

struct network {
    struct daemon *daemon;
    struct graph *graph;
    u32 again; /* the graph's slot from which on public channels are asked about again */
    bool has_news;
    bool changed;
    struct gossip_bucket strangers;
    u64 look_ms, confirm_ms, keep_ms, prune_ms, ask_ms;
    struct keeper keeper;
};

u64 network_now_s(void)
{
    return clock_wall_ms() / 1000;
}

struct graph *network_graph(const struct daemon *daemon)
{
    return daemon->network->graph;
}

void network_changed(struct daemon *daemon)
{
    daemon->network->changed = true;
}

/* --- Kept over a restart. */

static void *keep(void *self)
{
    struct keeper *keeper = self;
    struct err err;
    if (files_write_whole(keeper->files, keeper->path, keeper->content, &err) != ST_OK)
        log_warn("channel", "the network's graph cannot be kept", LOG_TEXT("why", err.text));
    return NULL;
}

static void end_keeping(struct keeper *keeper)
{
    if (keeper->runs)
        pthread_join(keeper->thread, NULL);
    keeper->runs = false;
    free(keeper->memory);
    keeper->memory = NULL;
}

static void begin_keeping(struct network *network)
{
    struct keeper *keeper = &network->keeper;
    struct err err;
    end_keeping(keeper);
    usize room = graph_save_limit(network->graph) + 64;
    keeper->memory = malloc(room);
    assert(keeper->memory != NULL);
    struct arena arena = arena_over(keeper->memory, room);
    keeper->content = graph_save(network->graph, &arena);
    keeper->runs = thread_start(&keeper->thread, "graph", keep, keeper, &err) == ST_OK;
    network->changed = !keeper->runs;
}

static struct graph *new_graph(void)
{
    return graph_new(GRAPH_BUDGET, random_u64());
}

static enum status read_kept(struct network *network, struct err *err)
{
    struct pages pages; /* touched as far as the file is long */
    struct keeper *keeper = &network->keeper;
    bytes kept;
    TRY(pages_reserve(GRAPH_FILE_LIMIT + 4096, &pages, err));
    struct arena arena = pages_arena(&pages);
    enum status st =
        files_read_whole(keeper->files, keeper->path, GRAPH_FILE_LIMIT, &kept, &arena, err);
    if (st == ST_OK)
        st = graph_load(network->graph, kept, network_now_s(), err);
    pages_release(&pages);
    return st;
}

static void load(struct network *network)
{
    struct err err;
    enum status st = read_kept(network, &err);
    if (st == ST_OK || st == ST_MISSING)
        return;
    log_warn("channel", "what was kept of the network is dropped", LOG_TEXT("why", err.text));
    graph_free(network->graph);
    network->graph = new_graph();
}

struct network *network_new(struct daemon *daemon)
{
    struct network *network = calloc(1, sizeof(*network));
    assert(network != NULL);
    network->daemon = daemon;
    network->graph = new_graph();
    network->keeper.files = daemon->options.files;
    fmt(network->keeper.path, sizeof(network->keeper.path), "%s/network.graph",
        daemon->options.folder);
    load(network);
    return network;
}

void network_free(struct network *network)
{
    if (network == NULL)
        return;
    if (network->changed)
        begin_keeping(network);
    end_keeping(&network->keeper);
    graph_free(network->graph);
    free(network);
}

/* --- Own channels. */

void network_set_own(struct entry *entry)
{
    const struct channel_terms *terms = channel_terms(entry->channel);
    u32 side = channel_side(entry->channel);
    bool serves = entry->stage == STAGE_OPEN && !entry->stopped[0] && !entry->stopped[1] &&
                  entry->here && entry->there;
    struct graph_own own = {
        .id = channel_name(entry->channel)->id, .chain_id = terms->chain_id, .asset = terms->asset};
    struct err err;
    own.node[side] = keyring_node(entry->daemon->ring);
    own.node[1 - side] = entry->peer->node;
    if (serves) {
        own.spendable[side] = channel_spendable(entry->channel);
        own.spendable[1 - side] = channel_receivable(entry->channel);
    }
    if (graph_set_own(entry->daemon->network->graph, &own, &err) != ST_OK)
        log_warn("channel", "a channel of ours is not in the graph", LOG_TEXT("why", err.text));
}

/* Else nothing can go through it. */
static bool has_been_funded(const struct entry *entry)
{
    u128 deposited[2], withdrawn[2];
    channel_seen(entry->channel, deposited, withdrawn);
    return (deposited[0] | deposited[1]) != 0;
}

void network_set_all_own(struct daemon *daemon)
{
    for (u32 i = 0; i < daemon->entry_count; i++)
        if (daemon->entries[i]->stage != STAGE_CLOSED && has_been_funded(daemon->entries[i]))
            network_set_own(daemon->entries[i]);
}

/* --- Peers. */

void network_met(struct peer *peer)
{
    assert(peer->gossip == NULL); /* one INIT on a connection */
    peer->gossip = gossip_sync_new(peer->daemon->network->graph);
    if (!peer->ours && !peer_has_money(peer))
        gossip_sync_share(peer->gossip, &peer->daemon->network->strangers);
    gossip_sync_ask(peer->gossip);
    peer->daemon->network->has_news = true;
    for (struct entry *at = peer->entries; at != NULL; at = at->next_of_peer)
        announcing_look(at, network_now_s());
}

void network_parted(struct peer *peer)
{
    gossip_sync_free(peer->gossip);
    peer->gossip = NULL;
}

void network_tell(struct daemon *daemon, u64 key, const struct peer *except)
{
    for (struct peer *peer = daemon->peers; peer != NULL; peer = peer->next)
        if (peer->gossip != NULL && peer != except)
            gossip_sync_tell(peer->gossip, key);
    daemon->network->has_news = true;
}

/* False: there may be more. */
static bool send_news(struct peer *peer)
{
    u8 room[WIRE_LIMIT];
    for (usize i = 0; i < AT_ONCE && link_waiting(peer->link) < LINK_ROOM; i++) {
        usize size = gossip_sync_next(peer->gossip, room);
        if (size == 0)
            return true;
        if (link_send(peer->link, (bytes){room, size}) != ST_OK)
            return true;
    }
    return false;
}

void network_pump(struct daemon *daemon)
{
    struct network *network = daemon->network;
    if (!network->has_news)
        return;
    network->has_news = false;
    for (struct peer *peer = daemon->peers; peer != NULL; peer = peer->next)
        if (peer->gossip != NULL && peer->link != NULL && !send_news(peer))
            network->has_news = true;
}

/* --- The chain's word on channels of others. */

static struct chain_of *chain_of_announce(struct daemon *daemon, u64 chain_id, address adjudicator)
{
    struct chain_of *chain = daemon_chain(daemon, chain_id);
    return chain != NULL && address_equal(adjudicator, chain->adjudicator) ? chain : NULL;
}

/* One for which there is no room is found again by ask_unconfirmed, or when its turn comes. */
static void ask_chain(struct network *network, hash32 id)
{
    const struct graph_channel *channel = graph_channel(network->graph, id);
    if (channel == NULL || channel->own || channel->announce == NULL)
        return;
    struct chain_of *chain =
        chain_of_announce(network->daemon, channel->chain_id, channel->announce->adjudicator);
    if (chain == NULL) { /* the daemon had that chain once */
        graph_forget(network->graph, id);
    } else if (chain->asked < ASKED_LIMIT) {
        chain->asked++;
        onchain_ask_funds(chain->chain, id);
    }
}

static void ask_unconfirmed(struct network *network, const struct chain_of *chain)
{
    u32 slots;
    const struct graph_channel *channels = graph_channels(network->graph, &slots);
    for (u32 i = 0; i < slots && chain->asked < ASKED_LIMIT; i++)
        if (channels[i].used && !channels[i].confirmed && channels[i].chain_id == chain->chain_id)
            ask_chain(network, channels[i].id);
}

/* A public channel may have ended while we did not run, or were told of too much at once. */
static void ask_again(struct network *network)
{
    u32 slots, left = ASKED_AGAIN;
    const struct graph_channel *channels = graph_channels(network->graph, &slots);
    for (u32 i = 0; i < slots && left > 0; i++, network->again++) {
        const struct graph_channel *channel = &channels[network->again % slots];
        if (!channel->used || channel->own || !channel->confirmed)
            continue;
        left--;
        ask_chain(network, channel->id);
    }
}

static void ask_chains(struct network *network)
{
    struct daemon *daemon = network->daemon;
    for (usize i = 0; i < daemon->chain_count; i++)
        if (daemon->chains[i].asked == 0)
            ask_unconfirmed(network, &daemon->chains[i]);
}

void network_stirred(struct chain_of *chain, hash32 id)
{
    struct network *network = chain->daemon->network;
    const struct graph_channel *channel = graph_channel(network->graph, id);
    if (channel != NULL) /* also where an answer is under way: it may be older */
        ask_chain(network, id);
}

/* All that is known of a channel that has become public. */
static void tell_channel(struct daemon *daemon, const struct graph_channel *channel)
{
    u32 slots;
    const struct graph_node *nodes = graph_nodes(daemon->network->graph, &slots);
    for (u32 kind = GRAPH_ANNOUNCE; kind <= GRAPH_POLICY_B; kind++)
        network_tell(daemon, channel->key + kind, NULL);
    for (u32 side = 0; side < 2; side++)
        network_tell(daemon, nodes[channel->node[side]].key, NULL);
}

void network_funds(struct chain_of *chain, hash32 id, const u128 funds[2])
{
    struct network *network = chain->daemon->network;
    const struct graph_channel *channel = graph_channel(network->graph, id);
    chain->asked--;
    if (channel != NULL && !channel->own && channel->chain_id == chain->chain_id) {
        bool was_public = channel->confirmed;
        (void)graph_confirm(network->graph, id, funds[0], funds[1]);
        channel = graph_channel(network->graph, id);
        if (channel != NULL && !was_public)
            tell_channel(network->daemon, channel);
        network->changed = true;
    }
    if (chain->asked == 0) /* there may be some for which there was no room */
        ask_unconfirmed(network, chain);
    daemon_touch(network->daemon);
}

/* --- What peers say. */

enum status network_take(struct peer *peer, const struct wire_message *message, struct err *err)
{
    struct daemon *daemon = peer->daemon;
    struct network *network = daemon->network;
    struct gossip_news news;
    if (peer->gossip == NULL)
        return fail(err, ST_INVALID, "%s of a watchtower", wire_name(message->type));
    const struct wire_announce *announce = &message->announce;
    if (message->type == WIRE_ANNOUNCE &&
        chain_of_announce(daemon, announce->chain_id, announce->adjudicator) == NULL)
        return ST_OK;                   /* of no use to us: not worth the look at its signatures */
    if (message->type == WIRE_POLICY) { /* of our channel it may come before we have looked */
        struct entry *entry = daemon_find(daemon, message->policy.id);
        if (entry != NULL && entry->stage != STAGE_CLOSED)
            network_set_own(entry);
    }
    enum status st = gossip_sync_take(peer->gossip, message, network_now_s(), &news, err);
    network->has_news = true; /* an answer, perhaps */
    if (st != ST_OK)
        return st == ST_INVALID ? st : ST_OK;
    if (news.is_channel)
        ask_chain(network, news.id);
    if (news.key != 0) {
        network_tell(daemon, news.key, peer);
        network->changed = true;
    }
    return ST_OK;
}

/* --- Time. */

static bool is_due(u64 *at_ms, u64 now_ms, u64 period_ms)
{
    if (now_ms < *at_ms)
        return false;
    *at_ms = now_ms + period_ms;
    return true;
}

static void ask_peers(struct daemon *daemon)
{
    for (struct peer *peer = daemon->peers; peer != NULL; peer = peer->next)
        if (peer->gossip != NULL)
            gossip_sync_ask(peer->gossip);
    daemon->network->has_news = true;
}

void network_tick(struct daemon *daemon, u64 now_ms)
{
    struct network *network = daemon->network;
    u64 now_s = network_now_s();
    if (is_due(&network->look_ms, now_ms, LOOK_MS)) {
        for (u32 i = 0; i < daemon->entry_count; i++)
            announcing_look(daemon->entries[i], now_s);
        announcing_node(daemon, now_s);
    }
    if (is_due(&network->prune_ms, now_ms, PRUNE_MS))
        graph_prune(network->graph, now_s);
    if (is_due(&network->ask_ms, now_ms, ASK_AGAIN_MS)) {
        ask_peers(daemon);
        ask_again(network);
    }
    if (is_due(&network->confirm_ms, now_ms, CONFIRM_MS))
        ask_chains(network);
    if (is_due(&network->keep_ms, now_ms, KEEP_MS) && network->changed)
        begin_keeping(network);
    network_pump(daemon);
    if (daemon->payments_due != NULL)
        daemon_touch(daemon);
}
