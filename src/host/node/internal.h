/* The parts of a node, shared by its files. */
#ifndef NODE_INTERNAL_H
#define NODE_INTERNAL_H

#include "client/key_choice.h"
#include "layer/layer.h"
#include "net/net.h"
#include "node/node.h"
#include "node/orderer.h"
#include "sys/pages.h"

/* One chain with what belongs to it. */
struct node {
    const struct config *config;
    struct pool *workers;
    char folder[4096];
    bool folder_is_temporary;
    bool throwaway; /* its data go with the program, so nothing is synced */
    struct files files;
    struct keys *keys;
    struct pages pages;         /* of whoever starts the node, then of the chain's listener */
    struct pages account_pages; /* of reads for the pool, which its lock keeps apart */
    struct chain *chain;
    struct txpool *pool;
    struct orderer *orderer; /* of a dev chain, else NULL */
    struct rollup rollup;    /* of a child chain */
    struct layer *layer;     /* of a child chain, else NULL */
    struct key_choice role_key;
    struct rpc *rpc;
    struct net *net;
};

/* --- storage.c: where the chain is kept, and its first blocks. */

/* Chooses and makes the folder, opens the chain, imports what was asked for. */
enum status node_open_chain(struct node *node, struct err *err);
/* Makes one that nobody else has. */
enum status node_make_temporary(char *path, usize size, struct err *err);
/* With all that is in it. "": nothing happens. */
void node_remove_folder(const char *path);

/* Whether it is a child chain: --rollup. */
static inline bool node_is_child(const struct node *node)
{
    return node->config->rollup[0] != 0;
}

/* --- child.c: what a child chain has besides. */

enum status node_read_rollup(struct node *node, struct err *err);
enum status node_begin_layer(struct node *node, struct err *err);

/* --- pooling.c: the pool follows the chain. */

enum status node_make_pool(struct node *node, struct err *err);
/* The chain's listener. */
void node_head_changed(void *node, const struct chain_event *event);

/* --- serving.c: RPC and pages. */

enum status node_make_rpc(struct node *node, struct err *err);
enum status node_serve(struct node *node, struct err *err);

/* --- node.c: from its beginning to its end. */

/* Everything but the server: node_serve. */
enum status node_begin(struct node *node, struct err *err);
/* Also ends what has begun in part. */
enum status node_end(struct node *node, struct err *err);

#endif
