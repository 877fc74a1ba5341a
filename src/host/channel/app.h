/* Apps of two: what they are, how they stand, what is signed of that, and whether a move is one.
 *
 *   App       who plays, for what, by which rules              id = keccak(abi.encode(app))
 *   AppState  a version, who moves, what goes over if it ends so; both sign each, or the one who
 *             moved alone                                      EIP-712, for the court
 *
 * Source: contracts/channel/README.md, "Apps"; apps/IApp.sol. Amounts are in the asset's smallest
 * unit, times in seconds. Arrays of two: the first player, the second. */
#ifndef CHANNEL_APP_H
#define CHANNEL_APP_H

#include "base/arena.h"
#include "channel/secrets.h"

enum app_role { APP_FIRST, APP_SECOND, APP_OVER /* who moves, when nobody does */ };

enum {
    APP_PARAMS_LIMIT = 1024, /* bytes */
    APP_DATA_LIMIT = 16384,  /* of a state's data */
};

struct app {
    address player[2]; /* keys that sign */
    u128 stake[2];
    address rules; /* zero: there are none, only states that both sign */
    u32 time_s;    /* to show a newer state, and for each move */
    hash32 start;  /* app_state_hash of version 0, which nobody signs */
    hash32 salt;
    bytes params;
};

struct app_state {
    u64 version;
    enum app_role mover;
    u128 moves[2]; /* of each player's stake, to the other */
    bytes data;
};

hash32 app_id(const struct app *app, struct arena tmp);
/* Of its encoding: what the court keeps, and `start` is. */
hash32 app_state_hash(const struct app_state *state, struct arena tmp);
/* What is signed of it, under signed_domain("varve app", …) of the court. */
hash32 app_digest(hash32 domain, hash32 app, const struct app_state *state);

/* Whether no more goes over than is at stake, and nothing is larger than its limit. */
bool app_state_fits(const struct app *app, const struct app_state *state);

/* What a hub asks for locking so much for an app of two others, for so long: `base`, and for each
 * day `ppm` millionths of it, rounded up. All ones: more than there is. */
u128 app_join_fee(u128 base, u32 ppm, u128 amount, u64 for_s);

/* --- Rules. */

/* Whether the rules let the mover of `from` make `to` of it. It is asked of the contract's own
 * code, run in here: what the court will say, without a chain that has to be believed or waited
 * for. False: they do not, or the code is not known here (app_code). */
bool app_allows(const struct app *app, const struct app_state *from, const struct app_state *to,
                struct arena tmp);

/* Address space that app_allows wants of its arena. */
usize app_room(void);

#endif
