/* Claims on the parent: what the settlement lists, and what to propose. */
#ifndef LAYER_CLAIMS_H
#define LAYER_CLAIMS_H

#include "client/eth.h"
#include "layer/layer.h"

#include "derive/derive.h"

/* As the settlement has it. */
struct claim_record {
    u64 id;
    u64 number;          /* of the child's block */
    hash32 output, hash; /* the claim's */
    u64 created_s;
    bool lost; /* refuted, or built on what was */
};

/* ST_CORRUPT: the settlement's answer makes no sense. Others as client/eth.h. */
enum status claims_latest(struct eth *parent, address settlement, struct claim_record *out,
                          struct arena tmp, struct err *err);
/* The claim with this id; ST_INVALID: there is none. */
enum status claims_at(struct eth *parent, address settlement, u64 id, struct claim_record *out,
                      struct arena tmp, struct err *err);

/* The oldest claim that is not lost, is about this block of the child or a later one, and says of
 * it what `is_right` does. ST_MISSING: there is none (yet). */
struct claim_judge {
    void *self;
    enum status (*is_right)(void *self, const struct claim_record *claim, bool *out,
                            struct err *err);
};
enum status claims_find(struct eth *parent, address settlement, u64 number,
                        const struct claim_judge *judge, struct claim_record *out, struct arena tmp,
                        struct err *err);

/* What the chain has come to after these batches, as a claim that continues another one.
 * ST_AGAIN: the chain is not there (any more). */
enum status claim_make(const struct layer_options *options, const struct derive_state *safe,
                       hash32 parent_claim, struct claim *out, struct arena tmp, struct err *err);

/* propose(claim, no evidence). */
bytes claim_propose_call(const struct claim *claim, struct arena *arena);

#endif
