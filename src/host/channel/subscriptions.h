/* What clients with a WebSocket are told unasked: channel_subscribe.
 *
 *     topic     a notification when                            at most
 *     balances  a channel's balance, or what can be paid or    one per channel and tick of the
 *               received in it, has changed                    daemon's (250 ms): the newest
 *     channels  a channel is new, or its state has changed     the same
 *     payments  a payment of ours is paid or has failed, or    all; payments within one channel
 *               one to us has come                             are added up, as above
 *
 * Like everything that is said, news waits for the disk. It is made by looking at what has changed
 * since the last tick, so payments pay nothing for it. Bounded: 256 subscriptions; the text of a
 * turn's news by NEWS_LIMIT; what waits for a client that does not read by net.h's push_limit,
 * above which the client loses its connection and so its subscriptions. */
#ifndef CHANNEL_SUBSCRIPTIONS_H
#define CHANNEL_SUBSCRIPTIONS_H

#include "channel/daemon_internal.h"

enum topic { TOPIC_BALANCES, TOPIC_CHANNELS, TOPIC_PAYMENTS, TOPICS };

struct subscriptions *subscriptions_new(void);
/* No peer calls any more. NULL is fine. */
void subscriptions_free(struct subscriptions *subscriptions);

/* Looks for what has changed. */
/* Another channel takes the place of one. */
void subscriptions_forget(struct subscriptions *subscriptions, u32 index);
void subscriptions_tick(struct daemon *daemon);
/* What is durable now: the news that `box` has. */
void subscriptions_let_go(struct daemon *daemon, struct outbox *box);
/* From any thread: it is not sent to any more. */
void subscriptions_gone(struct subscriptions *subscriptions, const struct net_peer *peer);

/* A payment of ours is paid or has failed. */
void subscriptions_paid(const struct payment *payment);
/* So much has come for an invoice, or unasked. */
void subscriptions_received(struct daemon *daemon, const struct chain_of *chain, address asset,
                            hash32 hash, u128 amount);

#endif
