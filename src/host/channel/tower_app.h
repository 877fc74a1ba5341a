/* What a watchtower keeps of an app: enough to answer in its court for one of the two players, and
 * nothing that it can read before somebody goes there.
 *
 *     hint  = first 16 bytes of sha256("app hint" ‖ id ‖ client)   key = sha256("app key" ‖ id)
 *     blob  = nonce (24) ‖ XChaCha20-Poly1305(key, nonce, data: hint, plain) ‖ tag (16)
 *     plain = version (u8) ‖ player ‖ asset, expiry ‖ app ‖ state, two signatures ‖ move, one
 *             signature ‖ packed ‖ 0…
 *
 * The client is the node's key that has put it, and it plays with that: of the blobs of an app the
 * tower takes those alone whose player is their client, so there are two at most, and neither can
 * stand in the other's place. The id is what the court's events name the app by; of an app's locks
 * nobody but their channels' sides knows it. A blob is as long as a channel's with its note, and as
 * random; or it has the least of two larger sizes in which the state has room, and so much of it
 * the tower sees.
 *
 * What is of any length stands in `packed`: the app's params, the state's data, and the move's data
 * as far as it differs from that, one after the other, as (zeros, others: u8 each, the others)…
 * The longest runs are taken, where three zeros or more end the others: so there is one way to
 * write a thing. Most of it is ABI's zeros. The largest has room for any state; a move for which
 * there is none beside it is left out. */
#ifndef CHANNEL_TOWER_APP_H
#define CHANNEL_TOWER_APP_H

#include "channel/app.h"
#include "channel/tower_blob.h"

struct tower_app {
    enum app_role player; /* whose tower it is */
    address asset;        /* of the locks */
    u64 expiry_s;         /* of the locks */
    struct app app;
    struct app_state state; /* that both signed; above version 0 */
    signature64 signature[2];
    bool has_move; /* the next one, which the player alone has signed: */
    struct app_state move;
    signature64 move_signature;
};

hint16 tower_app_hint(hash32 id, const point33 *client);

/* The blob, which lies in `room`. */
bytes tower_app_seal(hash32 id, const point33 *client, const struct tower_app *app,
                     u8 room[static TOWER_PUT_MOST]);

/* In `arena`, TOWER_APP_ROOM bytes at most. ST_INVALID: not sealed for this id and client,
 * or not as tower_app_seal writes it. */
enum { TOWER_APP_ROOM = APP_PARAMS_LIMIT + 2 * APP_DATA_LIMIT };
enum status tower_app_open(hash32 id, const point33 *client, bytes blob, struct tower_app *out,
                           struct arena *arena, struct err *err);
/* Whether its player is the client. */
bool tower_app_is_owned(const point33 *client, const struct tower_app *app);

/* Whether it is this app, and what is said to be signed is, under the domain of the court. `tmp`:
 * COURT_CALL_ROOM bytes. */
bool tower_app_is_signed(hash32 id, hash32 domain, const struct tower_app *app, struct arena tmp);

#endif
