/* Ways for one payment: what is asked of route.h, and what failures say of it.
 *
 * A failure teaches the graph, for all payments, what a channel did not have; for this payment
 * alone, a channel that refuses for another reason, or for the second time, is avoided. */
#include "channel/daemon_locks.h"
#include "channel/network.h"

#include "sys/clock.h"

#include <assert.h>
#include <stdlib.h>

enum {
    PARTS_TRIED = 48, /* of one payment, at most */
    AVOID_SIDES = 64, /* and then nothing more is tried */
    AVOID_NODES = 16,
    FAILURES_BORNE = 2,    /* for want of money, in one direction */
    ROOM_FOR_ROUTE = 4096, /* beside what route.h says */
    HINTED = 2,            /* in place of the side that pays: the invoice's word, not the graph's */
};

struct seek {
    struct payment *payment;
    struct seek_options options;
    bool is_over;
    struct route_side sides[AVOID_SIDES];
    u8 failures[AVOID_SIDES];
    usize side_count;
    point33 nodes[AVOID_NODES];
    usize node_count;
};

struct seek *seek_new(struct payment *payment, const struct seek_options *options)
{
    struct seek *seek = calloc(1, sizeof(*seek));
    assert(seek != NULL);
    seek->payment = payment;
    seek->options = *options;
    return seek;
}

void seek_free(struct seek *seek)
{
    free(seek);
}

bool seek_goes_on(const struct seek *seek)
{
    return !seek->is_over && seek->payment->parts < PARTS_TRIED &&
           clock_now_ms() < seek->options.until_ms;
}

void seek_give_up(struct seek *seek)
{
    seek->is_over = true;
}

/* --- What is avoided. */

static bool same_side(const struct route_side *a, const struct route_side *b)
{
    return a->side == b->side && hash32_equal(a->id, b->id);
}

static void avoid(struct seek *seek, const struct route_side *side, u8 failures)
{
    usize i = 0;
    while (i < seek->side_count && !same_side(&seek->sides[i], side))
        i++;
    if (i == AVOID_SIDES) {
        seek->is_over = true;
        return;
    }
    if (i == seek->side_count)
        seek->sides[seek->side_count++] = *side;
    if (seek->failures[i] < FAILURES_BORNE)
        seek->failures[i] += failures;
}

static usize avoided(const struct seek *seek, struct route_side out[static AVOID_SIDES])
{
    usize count = 0;
    for (usize i = 0; i < seek->side_count; i++)
        if (seek->failures[i] >= FAILURES_BORNE)
            out[count++] = seek->sides[i];
    return count;
}

static void avoid_node(struct seek *seek, const point33 *node)
{
    if (seek->node_count < AVOID_NODES)
        seek->nodes[seek->node_count++] = *node;
}

/* --- Finding. */

static void write_plan(const struct route_part *part, struct plan *out)
{
    *out = (struct plan){.count = part->count, .is_found = true};
    for (usize i = 0; i < part->count; i++) {
        out->node[i] = part->hops[i].to;
        out->amount[i] = part->hops[i].amount;
        out->by[i] = (struct route_side){part->hops[i].id, part->hops[i].side};
    }
}

static enum status ask(const struct graph *graph, const struct route_query *query,
                       struct plan plans[static ROUTE_PARTS_LIMIT], usize *count, struct err *err)
{
    usize room = route_scratch_limit(graph) + ROOM_FOR_ROUTE;
    u8 *memory = malloc(room);
    struct route *route = malloc(sizeof(*route));
    assert(memory != NULL && route != NULL);
    enum status st = route_find(graph, query, route, arena_over(memory, room), err);
    *count = st == ST_OK ? route->count : 0;
    for (usize i = 0; i < *count; i++)
        write_plan(&route->parts[i], &plans[i]);
    free(route);
    free(memory);
    return st;
}

/* To a node that has a channel to the payee which only the invoice names, then by that. */
static enum status ask_by_hint(const struct graph *graph, const struct route_query *query,
                               const struct invoice_hint *hint, struct plan *plan, struct err *err)
{
    struct route_query before = *query;
    struct plan plans[ROUTE_PARTS_LIMIT];
    usize count;
    u128 fee = route_fee(hint->base_fee, hint->fee_ppm, query->amount);
    if (fee > query->fee_limit)
        return fail(err, ST_MISSING, "the invoice's channel asks more than the limit of fees");
    before.to = hint->node;
    before.amount += fee;
    before.fee_limit -= fee;
    before.parts_limit = 1;
    TRY(ask(graph, &before, plans, &count, err));
    *plan = plans[0];
    assert(plan->count < PLAN_HOPS);
    plan->node[plan->count] = query->to;
    plan->amount[plan->count] = query->amount;
    plan->by[plan->count++] = (struct route_side){hint->channel, HINTED};
    return ST_OK;
}

static bool is_usable(const struct route_query *query, const struct invoice_hint *hint)
{
    struct route_side by = {hint->channel, HINTED};
    for (usize i = 0; i < query->avoid_count; i++)
        if (same_side(&query->avoid[i], &by))
            return false;
    return !point_equal(&hint->node, &query->from);
}

/* The payee's blinded paths become channels of the graph, and the payee's key, which is that of no
 * node, one of its nodes. What they ask stands for what their hops ask. */
static void put_ends(struct graph *graph, const struct payment *payment)
{
    for (usize i = 0; i < payment->ends->count; i++) {
        const struct blind_end *end = &payment->ends->at[i];
        struct graph_own own = {.id = end->name,
                                .chain_id = payment->terms.chain_id,
                                .asset = payment->terms.asset,
                                .node = {end->path.first_node, payment->terms.node},
                                .spendable = {end->most > end->used ? end->most - end->used : 0}};
        if (graph_set_own(graph, &own, NULL) != ST_OK)
            continue; /* no room */
        graph_channel(graph, end->name)->policy[0] =
            (struct graph_policy){.timestamp_s = 1,
                                  .enabled = true,
                                  .fee_ppm = end->price.fee_ppm,
                                  .base_fee = end->price.base_fee,
                                  .least = end->least,
                                  .most = end->most};
    }
}

static enum status ask_by_ends(struct graph *graph, const struct route_query *query,
                               const struct payment *payment,
                               struct plan plans[static ROUTE_PARTS_LIMIT], usize *count,
                               struct err *err)
{
    if (graph_find_node(graph, &query->to) != GRAPH_NONE)
        return fail(err, ST_INVALID, "the offer's key is the name of a node");
    put_ends(graph, payment);
    enum status st = ask(graph, query, plans, count, err);
    for (usize i = 0; i < payment->ends->count; i++)
        graph_forget(graph, payment->ends->at[i].name);
    return st;
}

enum status seek_find(struct seek *seek, struct plan plans[static ROUTE_PARTS_LIMIT], usize *count,
                      struct err *err)
{
    struct payment *payment = seek->payment;
    struct daemon *daemon = payment->daemon;
    struct graph *graph = network_graph(daemon);
    struct route_side sides[AVOID_SIDES];
    if (!seek_goes_on(seek))
        return fail(err, ST_AGAIN, "enough was tried, or the time is over");
    network_set_all_own(daemon);
    struct route_query query = {
        .from = keyring_node(daemon->ring),
        .to = payment->terms.node,
        .chain_id = payment->terms.chain_id,
        .asset = payment->terms.asset,
        .amount = payment->terms.amount - payment->sent,
        .fee_limit = seek->options.fee_limit - payment->fee,
        .now_s = network_now_s(),
        .lock_s = payment_life_s(daemon),
        .parts_limit = payment->terms.is_keysend ? 1 : ROUTE_PARTS_LIMIT,
        .prices = route_prices_default,
        .avoid = sides,
        .avoid_count = avoided(seek, sides),
        .avoid_nodes = seek->nodes,
        .avoid_node_count = seek->node_count,
    };
    if (payment->ends != NULL)
        return ask_by_ends(graph, &query, payment, plans, count, err);
    enum status st = ask(graph, &query, plans, count, err);
    for (usize i = 0; i < seek->options.hints.count && st == ST_MISSING; i++)
        if (is_usable(&query, &seek->options.hints.at[i])) {
            st = ask_by_hint(graph, &query, &seek->options.hints.at[i], plans, err);
            *count = 1;
        }
    return st;
}

/* --- Learning. */

static void learn(struct daemon *daemon, const struct plan *plan, usize hop, enum route_news news)
{
    route_learn(network_graph(daemon), &plan->by[hop], plan->amount[hop], news, network_now_s());
    network_changed(daemon);
}

void seek_paid(struct daemon *daemon, const struct plan *plan)
{
    for (usize i = 0; i < plan->count && plan->is_found; i++)
        learn(daemon, plan, i, ROUTE_PAID);
}

void seek_refused(struct seek *seek, const struct plan *plan)
{
    avoid(seek, &plan->by[0], FAILURES_BORNE);
}

/* The payee's word ends it, but for parts that came too late. */
static void payee_failed(struct seek *seek, u16 code)
{
    if (code != FAILURE_MPP_TIMEOUT)
        seek->is_over = true;
}

/* The channel after the node that failed it. */
static void channel_failed(struct seek *seek, const struct plan *plan, usize hop, u16 code)
{
    bool is_short = code == FAILURE_TEMPORARY_CHANNEL_FAILURE;
    if (is_short || code == FAILURE_UNKNOWN_NEXT_PEER)
        learn(seek->payment->daemon, plan, hop, ROUTE_SHORT);
    avoid(seek, &plan->by[hop], is_short ? 1 : FAILURES_BORNE);
}

void seek_failed(struct seek *seek, const struct plan *plan, usize hop, u16 code)
{
    if (!plan->is_found)
        return;
    if (hop >= plan->count) {
        for (usize i = plan->count > 1 ? 1 : 0; i < plan->count; i++)
            avoid(seek, &plan->by[i], FAILURES_BORNE);
        return;
    }
    for (usize i = 0; i <= hop; i++)
        learn(seek->payment->daemon, plan, i, ROUTE_REACHED);
    if (hop + 1 == plan->count)
        payee_failed(seek, code);
    else if ((code & FAILURE_NODE) != 0)
        avoid_node(seek, &plan->node[hop]);
    else
        channel_failed(seek, plan, hop + 1, code);
}
