/* Onion messages: what peers send each other's way, along blinded paths, without payments.
 *
 *     peer ── peel ──> forward: to the next node, if it is a peer that can be talked to now
 *                 └──> final:   ours (offers.c)
 *
 * Nothing of them is promised, so nothing is kept or in the journal: what cannot be passed on at
 * once is lost, and whoever waits for an answer asks again. Each peer may send MOST in PERIOD_S, of
 * which a large one counts as several; peers without a channel none, or a stranger could be anybody
 * any number of times. A link in which much waits gets no more.
 *
 * Our own go to the first node of a path along the shortest chain of public channels, each hop a
 * blinded one as well; none of these nodes learns whether it is the first. */
#include "channel/messages.h"

#include "sys/entropy.h"
#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

enum {
    MOST = 100,
    PERIOD_S = 10,
    LARGE_COSTS = 4,     /* where a small one costs 1 */
    LINK_ROOM = 1 << 18, /* bytes that may wait in a link before messages are dropped */
    WAY_HOPS = BLINDED_HOPS_LIMIT,
    MOST_OF_ALL = 1000, /* from all peers together */
    FOUND_LIMIT = 4096, /* nodes that a way is looked for among */
};

/* --- Out. */

static struct peer *talkable(const struct daemon *daemon, const point33 *node)
{
    const struct entry *entry = peer_find(daemon, node);
    struct peer *peer = entry == NULL ? NULL : entry->peer;
    return peer != NULL && peer->link != NULL && peer->greeted && peer->channels != 0 ? peer : NULL;
}

static void pass_on(struct peer *peer, const point33 *path_key, bytes onion)
{
    struct wire_message message = {.type = WIRE_ONION_MESSAGE};
    message.onion_message = (struct wire_onion_message){*path_key, onion};
    if (link_waiting(peer->link) < LINK_ROOM)
        peer_say_at_once(peer, &message);
}

/* --- In. */

static void take_forward(struct daemon *daemon, const struct instruction *said, bytes onion)
{
    struct peer *next = talkable(daemon, &said->next);
    if (next != NULL)
        pass_on(next, &said->next_path_key, onion);
}

/* For its instruction; one for a payment says more than one for a message may. */
static enum status open_layer(const struct daemon *daemon, const point33 *path_key, bytes payload,
                              bool is_final, u8 room[static BLINDED_SEALED_LIMIT],
                              struct onion_message *message, struct instruction *said,
                              struct err *err)
{
    TRY(onion_message_decode(is_final, payload, message, err));
    TRY(instruction_open(keyring_node_secret(daemon->ring), path_key, message->sealed, is_final,
                         room, said, err));
    if (said->has_fee || said->latest_s != 0)
        return fail(err, ST_INVALID, "an onion message along a path for payments");
    return ST_OK;
}

/* One layer off. *is_final: it was the last, and what it said is seen to. */
static enum status take_layer(struct daemon *daemon, const point33 *path_key, bytes onion,
                              u8 opened[static ONION_ROOM], struct instruction *said, bytes *next,
                              bool *is_final, struct err *err)
{
    secret32 key;
    struct onion_opened layer;
    struct onion_message message;
    u8 room[BLINDED_SEALED_LIMIT];
    TRY(blinded_path_key(keyring_node_secret(daemon->ring), path_key, &key));
    enum onion_verdict verdict = onion_open(&key, onion, BYTES_EMPTY, opened, &layer);
    secret_wipe(&key);
    secret_wipe(&layer.shared);
    if (verdict != ONION_FINAL && verdict != ONION_FORWARD)
        return fail(err, ST_INVALID, "an onion message that does not peel");
    *is_final = verdict == ONION_FINAL;
    *next = layer.next;
    TRY(open_layer(daemon, path_key, layer.payload, *is_final, room, &message, said, err));
    if (*is_final)
        offers_take(daemon, said->path_id, &message);
    return ST_OK;
}

/* A path may lead to its own end again, so that its length says nothing (inbound.h). */
static enum status take(struct daemon *daemon, point33 path_key, bytes onion,
                        u8 opened[static ONION_ROOM], struct err *err)
{
    point33 own = keyring_node(daemon->ring);
    struct instruction said;
    bool is_final;
    for (u32 i = 0; i < BLINDED_HOPS_LIMIT; i++) {
        TRY(take_layer(daemon, &path_key, onion, opened, &said, &onion, &is_final, err));
        if (is_final)
            return ST_OK;
        if (!point_equal(&said.next, &own)) {
            take_forward(daemon, &said, onion);
            return ST_OK;
        }
        path_key = said.next_path_key;
    }
    return fail(err, ST_INVALID, "an onion message that goes in a circle");
}

/* Who is at fault for one that does not read cannot be known: it is no reason to part. */
enum status messages_take(struct peer *peer, const struct wire_message *message, struct err *err)
{
    const struct wire_onion_message *said = &message->onion_message;
    u64 now_s = network_now_s(), costs = said->onion.size == ONION_SIZE ? 1 : LARGE_COSTS;
    struct err why;
    (void)err;
    if (!onion_is_size(said->onion.size) || peer->channels == 0 ||
        !gossip_spend(&peer->messages, costs, MOST, PERIOD_S, now_s) ||
        !gossip_spend(&peer->daemon->messages, costs, MOST_OF_ALL, PERIOD_S, now_s))
        return ST_OK;
    u8 *room = malloc(ONION_ROOM);
    assert(room != NULL);
    if (take(peer->daemon, said->path_key, said->onion, room, &why) != ST_OK)
        log_debug("channel", "an onion message is dropped", LOG_HEX("node", peer->node),
                  LOG_TEXT("why", why.text));
    free(room);
    return ST_OK;
}

/* --- A way to the first node of a path. */

/* Nodes in the order in which they are found, from the target outwards, each with the one that it
 * was found from. */
struct search {
    u32 place[FOUND_LIMIT], from[FOUND_LIMIT];
    u8 far[FOUND_LIMIT];
    u32 count;
    bool *is_found; /* by the graph's slot; so is this node itself */
};

static void find_neighbours(struct search *search, const struct graph *graph, u32 index)
{
    u32 slots, place = search->place[index];
    const struct graph_channel *channels = graph_channels(graph, &slots);
    const struct graph_node *nodes = graph_nodes(graph, &slots);
    for (u32 at = nodes[place].first; at != GRAPH_NONE; at = graph_next_channel(graph, at, place)) {
        u32 other = channels[at].node[channels[at].node[0] == place ? 1 : 0];
        if (!channels[at].confirmed || search->count == FOUND_LIMIT || search->is_found[other])
            continue;
        search->is_found[other] = true;
        search->place[search->count] = other;
        search->from[search->count] = index;
        search->far[search->count++] = (u8)(search->far[index] + 1);
    }
}

static bool search_way(const struct daemon *daemon, struct search *search,
                       point33 way[static WAY_HOPS], usize *count)
{
    struct graph *graph = network_graph(daemon);
    u32 slots;
    const struct graph_node *nodes = graph_nodes(graph, &slots);
    for (u32 i = 0; i < search->count; i++) {
        if (i > 0 && talkable(daemon, &nodes[search->place[i]].point) != NULL) {
            for (u32 at = i; at != 0; at = search->from[at])
                way[(*count)++] = nodes[search->place[at]].point;
            return true;
        }
        if (search->far[i] < WAY_HOPS)
            find_neighbours(search, graph, i);
    }
    return false;
}

/* From a peer of ours to the target's neighbour; none where the target is a peer itself.
 * ST_MISSING: there is no way of at most WAY_HOPS. */
static enum status find_way(const struct daemon *daemon, const point33 *target,
                            point33 way[static WAY_HOPS], usize *count)
{
    struct graph *graph = network_graph(daemon);
    point33 own = keyring_node(daemon->ring);
    u32 slots, place = graph_find_node(graph, target), ours = graph_find_node(graph, &own);
    *count = 0;
    if (talkable(daemon, target) != NULL)
        return ST_OK;
    if (place == GRAPH_NONE || ours == GRAPH_NONE)
        return ST_MISSING;
    struct search *search = calloc(1, sizeof(*search));
    (void)graph_nodes(graph, &slots);
    bool *is_found = calloc(slots, sizeof(*is_found));
    assert(search != NULL && is_found != NULL);
    search->is_found = is_found;
    is_found[place] = is_found[ours] = true;
    search->place[search->count++] = place;
    bool there_is = search_way(daemon, search, way, count);
    free(is_found);
    free(search);
    return there_is ? ST_OK : ST_MISSING;
}

/* --- Ours. */

/* A path over the way, which leads into `to`. */
static enum status blind_way(const point33 *way, usize count, const struct blinded_route *to,
                             struct blinded_route *out, struct arena *arena)
{
    struct instruction said[WAY_HOPS] = {0};
    secret32 session;
    for (usize i = 0; i < count; i++)
        said[i].next = i + 1 < count ? way[i + 1] : to->first_node;
    said[count - 1].next_path_key = to->first_path_key;
    random_fill(session.b, sizeof(session.b));
    enum status st = blinded_route_make(&session, way, said, count, out, arena);
    secret_wipe(&session);
    return st;
}

/* What each hop of a message reads. */
struct layers {
    struct onion_hop hops[2 * BLINDED_HOPS_LIMIT];
    usize count, used;
    u8 room[2 * BLINDED_HOPS_LIMIT * (BLINDED_SEALED_LIMIT + 4) + ONION_MESSAGE_LIMIT];
};

static void put_layers(struct layers *layers, const struct blinded_route *const *routes,
                       usize count, const struct onion_message *last)
{
    layers->count = layers->used = 0;
    for (usize i = 0; i < count; i++)
        for (usize j = 0; j < routes[i]->count; j++)
            layers->hops[layers->count++] = routes[i]->hops[j];
    for (usize i = 0; i < layers->count; i++) {
        bytes *payload = &layers->hops[i].payload;
        bool is_final = i + 1 == layers->count;
        struct onion_message message = is_final ? *last : (struct onion_message){0};
        u8 *room = layers->room + layers->used;
        message.sealed = *payload;
        *payload = (bytes){room, onion_message_encode(is_final, &message, room)};
        layers->used += payload->size;
    }
}

/* As small as may be. */
static enum status wrap(const struct layers *layers, u8 onion[static ONION_LARGE_SIZE], usize *size,
                        struct err *err)
{
    secret32 shared[2 * BLINDED_HOPS_LIMIT], session;
    random_fill(session.b, sizeof(session.b));
    *size = ONION_SIZE;
    enum status st =
        onion_build(&session, layers->hops, layers->count, BYTES_EMPTY, onion, shared, err);
    if (st == ST_FULL) {
        *size = ONION_LARGE_SIZE;
        st = onion_build_of(*size, &session, layers->hops, layers->count, BYTES_EMPTY, onion,
                            shared, err);
    }
    secret_wipe(&session);
    secret_wipe(&shared);
    return st;
}

enum status messages_send(struct daemon *daemon, const struct blinded_route *path,
                          const struct onion_message *message, struct err *err)
{
    u8 memory[WAY_HOPS * BLINDED_HOP_LIMIT], onion[ONION_LARGE_SIZE];
    u8 room[BLINDED_SEALED_LIMIT];
    struct arena arena = arena_over(memory, sizeof(memory));
    struct blinded_route to = *path, before;
    const struct blinded_route *routes[] = {&before, &to};
    struct layers layers;
    point33 way[WAY_HOPS], own = keyring_node(daemon->ring);
    struct instruction said;
    usize count, size;
    while (point_equal(&to.first_node, &own))
        TRY(blinded_route_enter(keyring_node_secret(daemon->ring), &to, room, &said, err));
    if (find_way(daemon, &to.first_node, way, &count) != ST_OK)
        return fail(err, ST_MISSING, "no way is known along which a message would get there");
    if (count > 0)
        TRY(blind_way(way, count, &to, &before, &arena));
    bool is_direct = count == 0;
    put_layers(&layers, routes + is_direct, is_direct ? 1 : 2, message);
    TRY(wrap(&layers, onion, &size, err));
    const struct blinded_route *first = routes[is_direct];
    pass_on(talkable(daemon, &first->first_node), &first->first_path_key, (bytes){onion, size});
    return ST_OK;
}

/* --- Paths to us. */

static bool is_public(const struct daemon *daemon, const struct peer *peer)
{
    const struct graph_node *node = graph_node(network_graph(daemon), &peer->node);
    return node != NULL && node->public_channels > 0;
}

/* Ways over peers that can be talked to: each over another one; first over those that everybody can
 * find. */
static usize find_ways(const struct daemon *daemon, struct inbound *out, usize limit)
{
    struct inbound_query query = {.own = keyring_node(daemon->ring), .hops = INBOUND_HOPS};
    usize count = 0;
    for (u32 hidden = 0; hidden < 2; hidden++)
        for (struct peer *peer = daemon->peers; peer != NULL && count < limit; peer = peer->next) {
            if (talkable(daemon, &peer->node) == NULL || is_public(daemon, peer) == (hidden == 1))
                continue;
            out[count] = (struct inbound){.count = 1, .nodes = {peer->node}};
            inbound_extend(network_graph(daemon), &query, NULL, 0, &out[count++]);
        }
    return count;
}

usize messages_paths(struct daemon *daemon, bytes path_id, struct blinded_route *out, usize limit,
                     struct arena *arena)
{
    struct inbound ways[INVOICE_PATHS_LIMIT];
    point33 own = keyring_node(daemon->ring);
    usize found = find_ways(daemon, ways, limit < countof(ways) ? limit : countof(ways)), count = 0;
    for (usize i = 0; i < found; i++)
        if (inbound_path(&ways[i], &own, path_id, 0, &out[count], arena) == ST_OK)
            count++;
    return count;
}
