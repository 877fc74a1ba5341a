/* A peer that speaks the daemons' protocol by hand, and breaks its rules where a test wants that.
 * It has one channel, which a daemon on the ledger has opened and put money in. All of it belongs
 * to the loop's thread, which is the caller's; the victim is asked from threads of their own. */
#ifndef DURABILITY_LIAR_H
#define DURABILITY_LIAR_H

#include "channel/channel.h"
#include "channel/link.h"
#include "channel/signer.h"
#include "channel/wire.h"
#include "durability/party.h"

#include <stdatomic.h>

enum { LIAR_DEPOSIT = 10000 };

struct liar {
    struct loop *loop;
    struct links *links;
    struct link *link;  /* the daemon's; NULL: it is gone */
    struct link *other; /* of liar_call; nothing that comes there is heard */
    struct keyring *ring;
    struct limited_signer *keys;
    struct channel_signer signer; /* the same */
    struct channel *channel;      /* NULL: not opened yet; at the liar's side, 1 */
    atomic_uint partings;         /* connections that are gone */
    struct party *victim;         /* the caller's */
    struct ledger *ledger;
    /* What else than OPEN comes in. */
    void (*hear)(const struct wire_message *message);
};
extern struct liar liar;

/* A new ledger, and a loop for the caller to run. */
void liar_begin(void (*hear)(const struct wire_message *message));
/* The victim is stopped before. */
void liar_end(void);
void liar_start_victim(const char *folder);

void liar_say(const struct wire_message *message);
/* Another daemon than the victim, and what is said to it once it is there. */
void liar_call(const point33 *node, const char *host);
void liar_say_to_other(const struct wire_message *message);
/* Of what is queued, or a bare acknowledgement. */
void liar_say_update(void);
/* What both count as the deposits. */
void liar_say_funded(void);
/* Honestly: what the victim says that it has, and has missed. */
void liar_meet(const struct wire_reestablish *said);
void liar_pay(u128 amount);
/* An honest one is acknowledged, if there is something to say. */
void liar_take_update(const struct wire_update *update);

/* From a thread of its own: opens the channel, and gives its id. */
void liar_let_open(char id[static 80]);

#endif
