/* Onion messages of a daemon (messages.c), and what they carry: offers (offers.c). */
#ifndef CHANNEL_MESSAGES_H
#define CHANNEL_MESSAGES_H

#include "channel/inbound.h"
#include "channel/invoice.h"
#include "channel/network.h"
#include "channel/onion_message.h"

/* Takes ONION_MESSAGE: passes it on, or hands it to offers_take. */
enum status messages_take(struct peer *peer, const struct wire_message *message, struct err *err);

/* To the end of the path; *message is what stands there, but for `sealed`. ST_MISSING: no way to
 * the path is known. ST_INVALID: the path ends here, or does not open. That it arrives is not
 * promised. */
enum status messages_send(struct daemon *daemon, const struct blinded_route *path,
                          const struct onion_message *message, struct err *err);

/* Paths for messages to us, at most INVOICE_PATHS_LIMIT, each over a peer with which there is a
 * channel, and that can be talked to. Returns how many. `arena` gets at most MESSAGES_PATH_ROOM
 * bytes of each. */
enum { MESSAGES_PATH_ROOM = INBOUND_PATH * BLINDED_SEALED_LIMIT };
usize messages_paths(struct daemon *daemon, bytes path_id, struct blinded_route *out, usize limit,
                     struct arena *arena);

/* --- offers.c */

/* Signs an offer with these fields; nothing of it is kept. ST_MISSING: no peer by which messages
 * would come. */
enum status offer_new(struct daemon *daemon, struct invoice *offer, struct arena *arena,
                      struct err *err);
/* Whether its key is ours. */
bool offer_is_own(const struct daemon *daemon, const struct invoice *offer);
/* What has come by a path with this id. */
void offers_take(struct daemon *daemon, bytes path_id, const struct onion_message *message);

/* --- methods_offer.c */

void method_offer(struct daemon_call *call);
/* Asks for an invoice of the offer and pays it: channel_pay, where `invoice` is an offer. */
void method_pay_offer(struct daemon_call *call);
/* The answer to a call that waits under this key. */
void method_take_answer(struct daemon *daemon, hash32 key, const struct onion_message *message);
/* Asks again those that were not answered. */
void methods_offer_tick(struct daemon *daemon, u64 now_ms);

#endif
