/* The proposer: claims what the child's blocks on the parent come to. */
#include "client/contract.h"
#include "layer/agents.h"
#include "layer/claims.h"
#include "sys/clock.h"
#include "sys/log.h"

static enum status make_call(struct layer *layer, struct eth *parent,
                             const struct derive_state *safe, const struct claim_record *latest,
                             struct agent_call *out, struct arena *arena, struct err *err)
{
    struct claim claim;
    address settlement = layer->options.rollup->settlement;
    *out = (struct agent_call){.to = settlement};
    TRY(claim_make(&layer->options, safe, latest->hash, &claim, *arena, err));
    TRY(contract_ask_u256(parent, settlement, "bond()", &out->value_wei, *arena, err));
    out->data = claim_propose_call(&claim, arena);
    return ST_OK;
}

bool proposer_look(struct layer *layer, struct eth *parent, struct agent_memory *memory,
                   struct agent_call *out, struct arena *arena)
{
    enum { LOOK_AGAIN_MS = 500 };
    struct derive_state safe;
    struct claim_record latest = {0};
    struct err err;
    u64 now_ms = clock_now_ms();
    if (!layer_safe_state(layer, &safe) || safe.head.number == 0)
        return false;
    memory->not_before_ms = now_ms + LOOK_AGAIN_MS;
    enum status st =
        claims_latest(parent, layer->options.rollup->settlement, &latest, *arena, &err);
    if (st != ST_OK || latest.number >= safe.head.number) {
        memory->waiting_since_ms = 0;
        return false;
    }
    if (memory->waiting_since_ms == 0)
        memory->waiting_since_ms = now_ms;
    if (latest.id > 0 && now_ms - memory->waiting_since_ms < layer->options.claim_ms)
        return false;
    st = make_call(layer, parent, &safe, &latest, out, arena, &err);
    if (st != ST_OK) {
        log_warn("proposer", "no claim can be made now", LOG_TEXT("why", err.text));
        return false;
    }
    memory->waiting_since_ms = 0;
    return true;
}
