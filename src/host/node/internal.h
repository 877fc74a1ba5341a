/* The parts of a node, shared by its files. */
#ifndef NODE_INTERNAL_H
#define NODE_INTERNAL_H

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
    struct files files;
    struct keys *keys;
    struct pages pages;         /* of whoever starts the node, then of the chain's listener */
    struct pages account_pages; /* of reads for the pool, which its lock keeps apart */
    struct chain *chain;
    struct txpool *pool;
    struct orderer *orderer; /* NULL: nobody makes blocks */
    struct rpc *rpc;
    struct net *net;
};

/* --- storage.c: where the chain is kept, and its first blocks. */

/* Chooses and makes the folder, opens the chain, imports what was asked for. */
enum status node_open_chain(struct node *node, struct err *err);
/* Removes a temporary folder. */
void node_forget_folder(struct node *node);

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
