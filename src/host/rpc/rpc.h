/* JSON-RPC methods: what wallets and tools ask of a chain.
 *
 *   net (HTTP, WebSocket) -> rpc_answer -> methods.def -> handler -> chain, txpool, keys
 *
 * Each method is a row in methods.def and a function in the folder of its namespace. A handler
 * reads its arguments with rpc_arg_*, reads the chain through call->at (one head for the whole
 * call), and writes its result to call->out. Errors have JSON-RPC's codes and geth's words.
 *
 * Source: ethereum/execution-apis; for what is not there, geth (eth, txpool, debug) and anvil
 * (evm, anvil, hardhat). */
#ifndef RPC_RPC_H
#define RPC_RPC_H

#include "base/hex.h"
#include "base/json.h"
#include "base/json_out.h"
#include "chain/chain.h"
#include "client/keys.h"
#include "layer/layer.h"
#include "net/net.h"
#include "txpool/txpool.h"

/* Namespaces, as bits. */
enum {
    RPC_ETH = 1 << 0,
    RPC_NET = 1 << 1,
    RPC_WEB3 = 1 << 2,
    RPC_TXPOOL = 1 << 3,
    RPC_DEBUG = 1 << 4,
    RPC_EVM = 1 << 5, /* test methods: evm_, anvil_, hardhat_ */
    RPC_RPC = 1 << 6,   /* rpc_modules: with every choice */
    RPC_LAYER = 1 << 7, /* optimism_, varve_: of child chains */
};

/* "eth,net,web3" as bits. ST_INVALID: names the one that is not known. */
enum status rpc_namespaces(const char *list, unsigned *out, struct err *err);

/* --- What the test methods tell the orderer to do. It runs on the chain's thread. */

enum dev_order_kind {
    DEV_MINE,           /* `count` blocks, `seconds` apart (0: as time goes) */
    DEV_ADD_TIME,       /* shifts the clock by `seconds`; result: the whole shift */
    DEV_SET_TIME,       /* sets the clock to `seconds` */
    DEV_NEXT_TIMESTAMP, /* the next block's, in `seconds` */
    DEV_AUTOMINE,       /* `flag` */
    DEV_INTERVAL,       /* a block every `count` milliseconds; 0: none */
    DEV_MARK,           /* result: the mark */
    DEV_RETURN,         /* to mark `count`; ST_MISSING */
    DEV_PATCH,          /* `diff` */
    DEV_GAS_LIMIT,      /* of the next blocks: `count` */
    DEV_COINBASE,       /* `who` gets the fees of the next blocks */
    DEV_BASE_FEE,       /* of the next block: `wei` */
    DEV_IMPERSONATE,    /* `who`, `flag` */
    DEV_RANDAO,         /* of the next block: `hash` */
};

struct dev_order {
    enum dev_order_kind kind;
    bool flag;
    u64 count, seconds;
    address who;
    u256 wei;
    hash32 hash;
    const struct diff *diff;
    u64 result;
};

/* What a node gives its RPC. Everything outlives it. */
struct rpc_services {
    struct chain *chain;
    struct txpool *pool;
    struct layer *layer;     /* NULL: no child chain */
    const struct keys *keys; /* unlocked accounts; NULL: none */
    const char *version;     /* "varve/v0.1.0/linux-amd64/gcc12.2.0" */
    unsigned namespaces;     /* those that may be called */
    u64 (*now_ms)(void);
    /* Wakes the orderer: the pool has something new. */
    void (*pool_grew)(void *node);
    /* Carries out a test method's order, and waits for it. NULL: no test methods. */
    enum status (*dev)(void *node, struct dev_order *order, struct err *err);
    /* Whether transactions from this address need no signature. NULL: none. */
    bool (*impersonated)(void *node, address who);
    void *node;
};

struct rpc;

struct rpc *rpc_new(const struct rpc_services *services);
void rpc_free(struct rpc *rpc);

/* The address space that a call's arena must have: the most gas that a call may use decides. */
usize rpc_scratch_size(void);

/* Answers one call: appends either `"result":…` or `"error":{…}` to `out`. `peer` is NULL where
 * the connection cannot take notifications. `arena` is scratch for the call. From any thread. */
void rpc_answer(struct rpc *rpc, bytes method, json params, const struct net_peer *peer,
                struct json_out *out, struct arena arena);

/* Whether a method does real work, so that it should not run on the thread that reads sockets. */
bool rpc_is_heavy(const struct rpc *rpc, bytes method);

/* Processor time that the senders of raw transactions have taken to recover. */
u64 rpc_recover_ns(const struct rpc *rpc);

/* Ends the subscriptions of a peer that went away. */
void rpc_peer_gone(struct rpc *rpc, const struct net_peer *peer);

/* Tells subscribers and filters; called where the chain's and the pool's listeners are. */
void rpc_head_changed(struct rpc *rpc, const struct chain_event *event);
void rpc_tx_pending(struct rpc *rpc, const struct tx *tx);

#endif
