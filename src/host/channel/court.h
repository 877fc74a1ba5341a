/* The court of apps in bytes: calls going out, events and answers coming in.
 * Source: contracts/channel/Apps.sol, README.md. */
#ifndef CHANNEL_COURT_H
#define CHANNEL_COURT_H

#include "channel/app.h"
#include "client/eth.h"

/* --- Calls, in `arena`. */

bytes court_dispute(const struct app *app, const struct app_state *state,
                    const signature64 signature[2], struct arena *arena);
bytes court_move(const struct app *app, const struct app_state *from, const struct app_state *to,
                 const signature64 *signature, struct arena *arena);
bytes court_settle(const struct app *app, const struct app_state *state, struct arena *arena);

enum { COURT_CALL_ROOM = 1 << 17 /* bytes that a call takes, more than any */ };

/* --- Events. */

enum court_event_kind { COURT_STATE_CHANGED, COURT_DECIDED, COURT_EVENTS };

const hash32 *court_topics(void);

struct court_event {
    enum court_event_kind kind;
    hash32 app;
    struct app_state state; /* STATE_CHANGED; its data borrows from the log */
};
/* ST_INVALID: no event of a court's. */
enum status court_read_event(const struct log *log, struct court_event *out, struct err *err);

/* --- What it says of an app. */

struct court_look {
    u64 version; /* of the newest state shown */
    u64 show_until_s, move_until_s;
    u64 decided_s; /* 0: not yet */
    u128 kept[2];  /* of the stakes, once it is */
};
enum status court_ask(struct eth *eth, address court, hash32 app, struct eth_at at,
                      struct court_look *out, struct arena tmp, struct err *err);

/* Of an adjudicator. */
enum status court_ask_address(struct eth *eth, address adjudicator, address *out, struct arena tmp,
                              struct err *err);

#endif
