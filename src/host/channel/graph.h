/* The network as this node knows it: nodes, the channels between them, and what each side asks for
 * forwarding. Bounded: a budget of bytes decides how many channels there are at most.
 *
 *   ANNOUNCE ─> unconfirmed ─ graph_confirm ─> public: told to peers, in routes
 *   graph_set_own ─> own: in routes with what can exactly be sent, never evicted
 *
 * When it is full, the channel goes whose newest policy is the oldest. Unconfirmed ones are kept to
 * a sixteenth, and the one goes that came first: whoever makes up channels displaces no more than
 * that, and costs no more than their signatures.
 *
 * Pure: times come in, in seconds since 1970. Amounts are in the asset's smallest unit. What the
 * messages say has been judged before (gossip.h). */
#ifndef CHANNEL_GRAPH_H
#define CHANNEL_GRAPH_H

#include "channel/gossip.h"
#include "channel/graph_index.h"

enum { GRAPH_UNCONFIRMED_LIMIT_S = 3600 }; /* the chain has not been heard until then: forgotten */

struct graph_policy {
    u64 timestamp_s; /* 0: there is none */
    bool enabled;
    u32 fee_ppm;
    u128 base_fee;
    u128 least, most; /* that it forwards */
};

/* What attempts have shown of where the balance lies (route.h). */
struct graph_liquidity {
    u128 low, high;     /* side 0 had at least and at most, at that time; not if at_s is 0 */
    u64 at_s;           /* 0: nothing is known */
    u64 failed_at_s[2]; /* by the side that should have sent; 0: never */
};

/* Sides are 0 and 1, as in the contract; arrays of two are by side. */
struct graph_channel {
    hash32 id;
    bool used; /* in graph_channels, where free slots lie between */
    bool confirmed;
    bool own;
    u64 chain_id;
    address asset;
    u64 key;           /* graph_key_of_channel */
    u32 node[2];       /* whose it is */
    u32 next[2];       /* the next channel of that node, or GRAPH_NONE */
    u32 before, after; /* unconfirmed: those that came before and after it, or GRAPH_NONE */
    u64 seen_s;        /* when it was first announced */
    u128 capacity;
    u128 spendable[2];                    /* own */
    const struct wire_announce *announce; /* NULL: own, and not announced */
    struct graph_policy policy[2];
    struct graph_liquidity liquidity;
};

struct graph_node {
    point33 point;
    u64 key;
    u32 first; /* of its channels; GRAPH_NONE: the slot is free */
    u32 channels, public_channels;
    u64 timestamp_s; /* of what it says of itself; 0: nothing */
    bytes said;      /* the message NODE as it came */
    struct gossip_bucket rate;
};

struct graph;

/* `seed` is random and secret. */
struct graph *graph_new(usize budget_bytes, u64 seed);
/* NULL is fine. */
void graph_free(struct graph *graph);

/* --- What comes in. ST_AGAIN: it is known, or not newer than what is known. ST_MISSING: of a
 * channel or a node that is not known. ST_FULL: no room, even after evicting. ST_INVALID: at odds
 * with what is known. `id` is gossip_channel_id's. Who makes two channels, or nodes, with one key
 * (62 bits) can show each to others, so the second one that comes is ST_AGAIN: no fault of the
 * peer that tells it. */

enum status graph_put_announce(struct graph *graph, const struct wire_announce *announce, hash32 id,
                               u64 now_s, struct err *err);
enum status graph_put_policy(struct graph *graph, const struct wire_policy *policy);
enum status graph_put_node(struct graph *graph, const struct wire_node *node);

/* What the chain says: the deposits of each side less its withdrawals. Nothing at all: there is no
 * such channel, and it goes, unless it is ours. */
enum status graph_confirm(struct graph *graph, hash32 id, u128 deposited_a, u128 deposited_b);

/* A channel of this node, or what can be sent in it now; zeros while its peer is away. */
struct graph_own {
    hash32 id;
    u64 chain_id;
    address asset;
    point33 node[2];
    u128 spendable[2];
};
enum status graph_set_own(struct graph *graph, const struct graph_own *own, struct err *err);

/* It is closed. */
void graph_forget(struct graph *graph, hash32 id);

/* Policies, nodes' words and channels without either that are older than GOSSIP_AGE_LIMIT_S go;
 * so do channels that were not confirmed in time. */
void graph_prune(struct graph *graph, u64 now_s);

/* --- What is known. Pointers are good until the next call that changes the graph. */

/* NULL: not known. */
struct graph_channel *graph_channel(struct graph *graph, hash32 id);
struct graph_node *graph_node(struct graph *graph, const point33 *point);

/* Whether none of its channels was announced. */
bool graph_node_is_private(const struct graph *graph, const struct graph_node *node);

/* Their slots; GRAPH_NONE: not known. */
u32 graph_find_channel(const struct graph *graph, hash32 id);
u32 graph_find_node(const struct graph *graph, const point33 *point);

/* Of the policy that is known of a side. */
signature64 graph_policy_signature(const struct graph *graph, const struct graph_channel *channel,
                                   u32 side);

/* All slots, used or not; a node's index is what channels have in `node`. */
const struct graph_channel *graph_channels(const struct graph *graph, u32 *slots);
const struct graph_node *graph_nodes(const struct graph *graph, u32 *slots);
u32 graph_count(const struct graph *graph); /* of channels */

/* The channels of a node: begin with its `first`. */
u32 graph_next_channel(const struct graph *graph, u32 channel, u32 node);

/* --- What is told: items, each a message, with a key. Its first byte is the item's bucket; the two
 * lowest bits say what it is. */

enum { GRAPH_ANNOUNCE, GRAPH_POLICY_A, GRAPH_POLICY_B, GRAPH_NODE, GRAPH_KINDS };

struct graph_item {
    u64 key;
    u64 timestamp_s; /* 0: ANNOUNCE, which has none */
};

u64 graph_key_of_channel(hash32 id); /* its ANNOUNCE; + 1 and + 2: its policies */
u64 graph_key_of_node(const point33 *point);

/* The next item from *cursor on, which is 0 at first. False: no more. */
bool graph_next_item(const struct graph *graph, u64 *cursor, struct graph_item *out);
/* ST_MISSING: it is not known, or not told. The bytes in it are borrowed from the graph. */
enum status graph_message(const struct graph *graph, u64 key, struct wire_message *out);
/* The timestamp of what is known. False: nothing, or it is of a channel, or a node, that only we
 * know of. */
bool graph_knows(const struct graph *graph, u64 key, u64 *timestamp_s);

/* --- Kept over a restart: what is public, and what attempts have shown of it. */

bytes graph_save(const struct graph *graph, struct arena *arena);
usize graph_save_limit(const struct graph *graph); /* bytes that the above takes at most */
/* Into an empty graph. ST_CORRUPT: not what graph_save wrote. What does not fit is left out. */
enum status graph_load(struct graph *graph, bytes saved, u64 now_s, struct err *err);

#endif
