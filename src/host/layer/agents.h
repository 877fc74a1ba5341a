/* Who acts on the parent for a child: each is asked regularly, one transaction at a time, and keeps
 * nothing that it needs and the parent does not know, so that it can be stopped anywhere.
 *
 *   look at the child and the parent -> a call worth making? -> sender -> in a block -> look again
 */
#ifndef LAYER_AGENTS_H
#define LAYER_AGENTS_H

#include "client/sender.h"
#include "layer/internal.h"

/* What an agent wants to happen on the parent. */
struct agent_call {
    address to;
    u256 value_wei;
    u64 gas_limit; /* 0: as estimated */
    bytes data;
    const struct blob *blobs;
    const hash32 *blob_hashes; /* theirs */
    usize blob_count;
    u64 attempt;   /* tells calls apart that say the same, and are to be sent again */
    u64 sign_by_s; /* of the parent's time: later it is made anew; 0: it may be sent at any */
};

enum agent_outcome {
    AGENT_SENT_NOTHING,
    AGENT_FAILED, /* it is in no block, or was reverted */
    AGENT_DONE,
};

/* Of one agent, between two looks; lost at the end without harm. */
struct agent_memory {
    u64 waiting_since_ms; /* there is something to do, and it may gather; 0: there is not */
    u64 not_before_ms;    /* after something went wrong */
    u64 made_ms;          /* when what is in flight was made; 0: nothing is */
    u64 priced_ms;        /* when the parent's prices were last asked for; 0: never */
    struct eth_fees fees;
    bool in_flight;
    hash32 key;                 /* of what is in flight */
    u64 submitted_ms;           /* when that was */
    bool told;                  /* people, that it does not come about by itself */
    unsigned failures;          /* in a row that cost their gas */
    u64 included_block;         /* of the parent, that has what was in flight last */
    enum agent_outcome outcome; /* of what was in flight last */
};

/* A row of the table in agents.c. */
struct agent {
    const char *name;
    unsigned role;
    /* What to do now. False: nothing. Lives in `arena`. */
    bool (*look)(struct layer *layer, struct eth *parent, struct agent_memory *memory,
                 struct agent_call *out, struct arena *arena);
};

/* What the relayer knows between two looks and two runs. */
enum status relayer_open(struct layer *layer, struct err *err);
/* Fine where it was not opened. */
void relayer_close(struct layer *layer);

bool batcher_look(struct layer *layer, struct eth *parent, struct agent_memory *memory,
                  struct agent_call *out, struct arena *arena);
bool proposer_look(struct layer *layer, struct eth *parent, struct agent_memory *memory,
                   struct agent_call *out, struct arena *arena);
bool relayer_look(struct layer *layer, struct eth *parent, struct agent_memory *memory,
                  struct agent_call *out, struct arena *arena);

#endif
