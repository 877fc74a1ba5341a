/* The network as the daemon takes part in it: what others say of it, what we say, and ways through
 * it for payments.
 *
 *     peers ── gossip_sync.h ──> graph.h <── own channels, exact when a route is asked for
 *                 │                 │
 *       new channel: the chain      └──> route.h ──> parts of a payment, until it is paid or
 *       is asked, then it is told        nothing is left to try; each failure teaches the graph
 *
 * All of it belongs to the loop's thread. The graph is a cache: kept in a file at intervals and at
 * the end, and dropped where that is damaged. */
#ifndef CHANNEL_NETWORK_H
#define CHANNEL_NETWORK_H

#include "channel/daemon_internal.h"
#include "channel/gossip_sync.h"
#include "channel/invoice.h"
#include "channel/route.h"

/* Seconds since 1970, by our clock: gossip is of no chain. */
u64 network_now_s(void);

/* --- network.c */

struct network *network_new(struct daemon *daemon);
/* Keeps the graph. NULL is fine. */
void network_free(struct network *network);
struct graph *network_graph(const struct daemon *daemon);

void network_met(struct peer *peer);
void network_parted(struct peer *peer);
enum status network_take(struct peer *peer, const struct wire_message *message, struct err *err);
/* Sends what peers are to be told, as far as their links have room. */
void network_pump(struct daemon *daemon);
void network_tick(struct daemon *daemon, u64 now_ms);

/* The chain's word. */
void network_stirred(struct chain_of *chain, hash32 id);
void network_funds(struct chain_of *chain, hash32 id, const u128 funds[2]);

/* The item of the graph is new: to all peers but one, which may be NULL. */
void network_tell(struct daemon *daemon, u64 key, const struct peer *except);
/* The graph has changed in what is kept. */
void network_changed(struct daemon *daemon);
/* Our channel is in the graph with what can be sent in it now. */
void network_set_own(struct entry *entry);
void network_set_all_own(struct daemon *daemon);

/* --- announcing.c */

/* Says what is to be said of our channel: signatures of its announcement, our side's policy. */
void announcing_look(struct entry *entry, u64 now_s);
enum status announcing_take(struct entry *entry, const struct wire_message *message,
                            struct err *err);
/* Says who we are, once there is a channel by which others know of us. */
void announcing_node(struct daemon *daemon, u64 now_s);
/* Channels of ours that are not public, each with what its peer asks. */
void announcing_hints(struct daemon *daemon, u64 chain_id, address asset,
                      struct invoice_hints *out);

/* --- seek.c */

struct seek_options {
    u128 fee_limit;
    u64 until_ms; /* nothing new is tried later */
    struct invoice_hints hints;
};
struct seek *seek_new(struct payment *payment, const struct seek_options *options);
/* NULL is fine. */
void seek_free(struct seek *seek);
/* Whether anything may be tried still. */
bool seek_goes_on(const struct seek *seek);
void seek_give_up(struct seek *seek);
/* Plans, one or several, for what of the payment is not under way. ST_MISSING: there is no way.
 * ST_AGAIN: enough was tried. */
enum status seek_find(struct seek *seek, struct plan plans[static ROUTE_PARTS_LIMIT], usize *count,
                      struct err *err);
/* The part could not even leave. */
void seek_refused(struct seek *seek, const struct plan *plan);
/* The node of the plan at `hop` says that it failed; hop = count: nobody knows who. */
void seek_failed(struct seek *seek, const struct plan *plan, usize hop, u16 code);
void seek_paid(struct daemon *daemon, const struct plan *plan);

#endif
