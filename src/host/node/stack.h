/* What `varve up` does to put a child chain on a parent: money for its operator, contracts, ether
 * for the test accounts. */
#ifndef NODE_STACK_H
#define NODE_STACK_H

#include "client/keys.h"
#include "layer/rollup.h"

#include <stdatomic.h>

struct stack_options {
    const char *parent_url;
    const char *folder; /* of the child's data; rollup.json goes there */
    u64 chain_id;
    u64 gas_limit;
    bool blob_prices; /* batches will go into blobs */
    const struct keys
        *keys; /* of the test mnemonic: users, the last of whom pays, then operators */
    usize users;
    usize operator;            /* index of its key */
    const atomic_bool *cancel; /* once set, it fails soon; called again, it goes on */
};

/* Where the folder has a rollup.json already, that is taken. Takes the parent's time: two of its
 * blocks at the least. */
enum status stack_make_child(const struct stack_options *options, struct rollup *out,
                             struct err *err);

#endif
