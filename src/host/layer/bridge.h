/* Moving money between a child and its parent, as its owner sees it.
 *
 *   in    portal or bridge on the parent -> item of the Inbox -> transaction on the child
 *   out   begun on the child -> claimed on the parent -> proven -> (both windows) -> paid
 *
 * Nothing is kept: how far a withdrawal is, the two chains say. */
#ifndef LAYER_BRIDGE_H
#define LAYER_BRIDGE_H

#include "client/erc20.h"
#include "client/errands.h"
#include "layer/claims.h"
#include "layer/rollup.h"
#include "layer/withdrawal.h"

struct bridge {
    const struct rollup *rollup;
    struct eth *parent, *child;
    struct chain *chain;     /* the child itself, where it is in this process: then it is read, and
                                `child` is not needed to look, prove and pay */
    struct hash_index *kept; /* with it, outputs from before its window (kept.h); NULL: none */
};

/* That both are the chains of rollup.json, and that the contracts are there. ST_INVALID: one of
 * them is not. */
enum status bridge_check(const struct bridge *bridge, struct err *err);

/* --- Out. */

enum withdrawal_stage {
    WITHDRAWAL_BEGUN,   /* waits for a claim */
    WITHDRAWAL_CLAIMED, /* can be proven */
    WITHDRAWAL_PROVEN,  /* waits for its proof to mature and its claim to be final */
    WITHDRAWAL_READY,   /* can be paid out */
    WITHDRAWAL_PAID,
};

struct withdrawal_status {
    enum withdrawal_stage stage;
    struct claim_record claim; /* from WITHDRAWAL_CLAIMED on: what it is proven against */
    address prover;            /* from WITHDRAWAL_PROVEN on: whose proof counts */
    u64 now_s, ready_s;        /* the parent's clock; when it will be READY, if PROVEN */
};

/* `prover`: whose proof to look for first; then anybody's. */
enum status bridge_look(const struct bridge *bridge, const struct child_withdrawal *w,
                        address prover, struct withdrawal_status *out, struct arena tmp,
                        struct err *err);

/* Whether the child's own node comes to what the claim says. False also where it is not there yet.
 */
enum status bridge_claim_is_right(const struct bridge *bridge, const struct claim_record *claim,
                                  bool *out, struct arena tmp, struct err *err);

/* The calls on the portal. ST_INVALID: the child's node keeps no proof of that block (any more). */
enum status bridge_prove_call(const struct bridge *bridge, const struct child_withdrawal *w,
                              const struct claim_record *claim, bytes *out, struct arena *arena,
                              struct err *err);
bytes bridge_pay_call(const struct child_withdrawal *w, address prover, struct arena *arena);

/* Does what can be done now: proves it, or has it paid. */
enum withdrawal_deed {
    WITHDRAWAL_WAITS, /* nothing can be done */
    WITHDRAWAL_PROVED,
    WITHDRAWAL_GOT,    /* paid */
    WITHDRAWAL_FAILED, /* paid, but the call that it makes has failed: messages can be replayed */
};
enum status bridge_advance(const struct bridge *bridge, const struct child_withdrawal *w,
                           const struct withdrawal_status *status, struct errands *on_parent,
                           enum withdrawal_deed *out, struct arena tmp, struct err *err);

/* What has become on the parent of a message between the messengers, once its withdrawal is paid:
 * replaying one is its own call (w->data) on the parent's messenger. */
enum message_state {
    MESSAGE_NONE,    /* the withdrawal carries no message */
    MESSAGE_UNKNOWN, /* never delivered, as far as the parent's node knows */
    MESSAGE_FAILED,  /* can be replayed */
    MESSAGE_DELIVERED,
};
enum status bridge_look_message(const struct bridge *bridge, const struct child_withdrawal *w,
                                enum message_state *out, struct arena tmp, struct err *err);

/* Whether a message to a bridge has failed in this transaction; it can be tried again. */
bool bridge_message_failed(const struct eth_receipt *receipt);

/* The call on the child's message passer, which takes ETH along. */
bytes bridge_withdraw_call(address to, struct arena *arena);

/* --- In. */

/* depositTransaction on the portal, which takes ETH along; enqueue on the Inbox, which does not. */
bytes bridge_deposit_call(address to, u256 amount, struct arena *arena);
bytes bridge_enqueue_call(address to, u256 value, u64 gas, bytes data, struct arena *arena);

/* What the first item of a parent's receipt is on the child. ST_MISSING: it has none. */
struct bridge_item {
    u64 position;
    u64 time;       /* of the parent's block */
    hash32 tx_hash; /* on the child */
};
enum status bridge_item_of(const struct bridge *bridge, const struct eth_receipt *receipt,
                           struct bridge_item *out, struct arena tmp, struct err *err);

/* --- Tokens. */

/* A token and its counterpart. An image is minted and burnt by the bridge; others it takes, which
 * they must allow. */
struct token_pair {
    address parent, child;
    bool parent_is_image, child_is_image;
    bool has_child; /* else the parent's token has no counterpart yet */
    struct erc20 token;
};
/* By the address on either side; on which it is, the child is asked first. */
enum status bridge_find_pair(const struct bridge *bridge, address either, struct token_pair *out,
                             struct arena tmp, struct err *err);
/* createOptimismMintableERC20WithDecimals on the child's factory. */
bytes bridge_image_call(const struct token_pair *pair, struct arena *arena);
/* bridgeERC20To on the bridge of the side that the token is on. */
bytes bridge_token_call(address local, address remote, address to, u256 amount,
                        struct arena *arena);

#endif
