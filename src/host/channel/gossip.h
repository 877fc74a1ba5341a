/* What nodes tell one another of the network, and whether it may be believed.
 *
 *   ANNOUNCE  a channel     by both nodes and both owners; the chain has the last word
 *   POLICY    its one side  by the node of the side
 *   NODE      a node        by itself
 *
 * A signature is over keccak256("varve gossip" ‖ the message, its type included, without its
 * signatures). An ANNOUNCE shows only the hash of payouts and salt (contracts/channel/README.md),
 * which is enough to compute the channel's id; that such a channel has deposits is for the caller
 * to ask the chain.
 *
 * Pure: times come in, in seconds since 1970. */
#ifndef CHANNEL_GOSSIP_H
#define CHANNEL_GOSSIP_H

#include "channel/wire.h"

enum {
    GOSSIP_ALIAS_LIMIT = 32,
    GOSSIP_PPM_LIMIT = 1000000,      /* a fee of all that is forwarded */
    GOSSIP_AGE_LIMIT_S = 14 * 86400, /* older than this it is not told any more */
    GOSSIP_AHEAD_LIMIT_S = 600,      /* by how much another's clock may be ahead */
    GOSSIP_SIGNATURES_ANNOUNCE = 4,  /* checks that a message costs */
};

hash32 gossip_channel_id(const struct wire_announce *announce);

/* What is signed; signatures in the messages are not looked at. */
hash32 gossip_announce_digest(const struct wire_announce *announce);
hash32 gossip_policy_digest(const struct wire_policy *policy);
hash32 gossip_node_digest(const struct wire_node *node);

/* ST_INVALID: breaks a rule of the format, or a signature is not of whom it should be.
 * ST_AGAIN: older or further ahead in time than the limits above.
 * ST_MISSING: a policy that `signer` has not signed. Whoever told it may be honest: owners can sign
 * two announcements of one channel, for different nodes, and show each to another half of the
 * network. */
enum status gossip_check_announce(const struct wire_announce *announce, struct err *err);
/* What can be said of it without knowing the channel; the other looks at this as well. */
enum status gossip_check_policy_form(const struct wire_policy *policy, struct err *err);
enum status gossip_check_policy(const struct wire_policy *policy, const point33 *signer, u64 now_s,
                                struct err *err);
enum status gossip_check_node(const struct wire_node *node, u64 now_s, struct err *err);

/* Fit to be shown on a terminal: at most GOSSIP_ALIAS_LIMIT bytes of UTF-8, no control characters.
 */
bool gossip_is_alias(bytes text);

/* A token bucket: `most` at first and at most, `most` again in each `period_s`. All zero is a full
 * one. */
struct gossip_bucket {
    u64 spent; /* tokens times period */
    u64 at_s;
};
/* False: too few are left, and none is taken. `most` and `period_s` are below 2^32. */
bool gossip_spend(struct gossip_bucket *bucket, u64 tokens, u64 most, u64 period_s, u64 now_s);

#endif
