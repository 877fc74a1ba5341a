/* How apps and their states are encoded, for app.c and court.c. */
#ifndef CHANNEL_APP_ENCODING_H
#define CHANNEL_APP_ENCODING_H

#include "channel/app.h"
#include "client/abi.h"

#define APP_TYPE "(address,address,uint128,uint128,address,uint32,bytes32,bytes32,bytes)"
#define APP_STATE_TYPE "(uint64,uint8,uint128,uint128,bytes)"

void app_put(struct abi_out *out, const struct app *app);
void app_put_state(struct abi_out *out, const struct app_state *state);

#endif
