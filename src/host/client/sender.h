/* Sends transactions of one key so that each intent happens once: through lost answers, dropped
 * transactions, rising fees, reorgs and crashes.
 *
 *   submit -> [journal] -> PENDING: estimate, take a nonce, sign, [journal], send, again, dearer
 *                             |  ^
 *               in a block    v  |  the block is gone
 *                          INCLUDED -> deep enough -> settled [journal]
 *   reverts when it is estimated, or another program used its nonce -> FAILED [journal]
 *   withdrawn before it was sent, or its nonce went to a transfer to ourselves -> CANCELLED
 * [journal]
 *
 * An intent has one nonce for ever, and whatever is signed for it carries that nonce, so at most
 * one of its transactions can be executed. What is signed is durable before it is first sent, and
 * an intent is durable before sender_submit returns; what was not settled is taken up again after a
 * restart. Intents are sent in the order in which they came.
 *
 * What has a deadline may be given a stake: then fees have no fixed limit, but what is lost without
 * it and the time that is left. What was given before it, and has to be in blocks first, is paid
 * for in the same way.
 *
 * The caller names intents by a key of its own making (the hash of what it wants): submitting one
 * that is known changes nothing, so after a crash it may simply submit again. The newest 4,096
 * finished ones are remembered. The journal is locked, because two senders with one key would use
 * each other's nonces.
 *
 * A machine: it acts when it is polled, and blocks for as long as its client may. */
#ifndef CLIENT_SENDER_H
#define CLIENT_SENDER_H

#include "blob/blob.h"
#include "client/eth.h"
#include "client/signer.h"
#include "sys/files.h"

struct sender;

/* 0 stands for the value in brackets. */
struct sender_options {
    struct eth *eth; /* outlives the sender */
    struct signer signer;
    const struct files *files;
    const char *path; /* of the journal; made where absent */
    u64 chain_id;
    u64 confirmations;      /* blocks, its own included, that settle a transaction (6) */
    u64 retry_ms;           /* before what was refused or not reached is tried again (3,000) */
    u64 resend_ms;          /* before what is not in a block is sent once more (60,000) */
    u64 bump_ms;            /* and before it is made dearer (30,000), if blocks came meanwhile */
    u64 gap_ms;             /* before a gap of nonces below ours is filled (120,000) */
    u32 bump_percent;       /* of all its fees (12; with blobs 100, as geth's pool wants) */
    u32 fee_limit_percent;  /* of the fees that an intent started with (1,000); a stake allows more
                             */
    u32 gas_margin_percent; /* on top of the estimate (20) */
    u64 gas_cap;            /* of a transaction, EIP-7825 for one; above, it fails (none) */
    u256 max_fee_wei;       /* per gas, and per blob gas: more for a stake alone (2,000 gwei) */
    usize flight_limit;     /* transactions sent and not yet in a block (16) */
    usize intent_limit;     /* intents not finished; more are refused (256) */
    bool cell_proofs;       /* blobs go with EIP-7594's proofs first; the other form is tried too */
};

/* ST_AGAIN: another process has the journal.  ST_INVALID: it is another key's or another chain's,
 * or of a newer version.  ST_CORRUPT: it is damaged. */
enum status sender_open(const struct sender_options *options, struct sender **out, struct err *err);
/* NULL is fine. Nothing is lost. */
void sender_close(struct sender *sender);

/* What is lost unless an intent is in a block in time. Little of that may be spent at first,
 * because a peak of fees may pass; from the middle of the time on, half. */
struct sender_stake {
    u256 worth_wei; /* 0: there is no deadline */
    u64 from_s,
        until_s; /* the deadline, and when its time began: as the parent's blocks count it */
};

/* What should happen; copied. */
struct sender_intent {
    hash32 key;
    bool creates;
    address to;
    u256 value_wei;
    bytes data;
    u64 gas_limit; /* 0: as estimated. Set it where estimating depends on what is not mined yet */
    const struct blob *blobs;
    usize blob_count;
    struct sender_stake stake; /* counts where there is a gas_limit, and without blobs */
    /* As the parent's blocks count time: later it is not signed for the first time, and ends
     * CANCELLED. 0: there is no such time. Not together with a stake. */
    u64 sign_by_s;
};

/* Durable when it returns. An intent whose key is known is left as it was.
 * ST_FULL: too many are unfinished.  ST_INVALID: too large, or blobs that are none.  ST_IO: the
 * journal; then the sender has to be closed, here and below. */
enum status sender_submit(struct sender *sender, const struct sender_intent *intent,
                          struct err *err);

/* Gives an intent up: it ends CANCELLED, or INCLUDED if that came first. Durable when it returns.
 * ST_MISSING: not known. Fine where it has ended. */
enum status sender_withdraw(struct sender *sender, hash32 key, struct err *err);

/* Does what is due. ST_AGAIN, ST_IO: the parent, the signer or the journal could not be reached;
 * what was not done is done later (after a failure of the journal: when the sender is opened
 * again). ST_INVALID: the parent is another chain. ST_CORRUPT: the parent lies. */
enum status sender_poll(struct sender *sender, u64 now_ms, struct err *err);

enum sender_state {
    SENDER_PENDING,
    SENDER_INCLUDED,
    SENDER_FAILED,
    SENDER_CANCELLED,
};

struct sender_outcome {
    enum sender_state state;
    bool settled;   /* it stays so */
    bool has_nonce; /* it was signed at least once, the newest as: */
    u64 nonce;
    hash32 tx_hash; /* INCLUDED: the one in the block */
    bool succeeded; /* INCLUDED: not reverted */
    u64 block_number;
    hash32 block_hash;
    u64 gas_used;
    bool created;
    address contract;
    bytes revert_data;  /* FAILED in estimation; lives until the next call */
    const char *reason; /* why it failed, or what PENDING waits for; "" if for a block */
};
/* ST_MISSING: no such intent. */
enum status sender_look(const struct sender *sender, hash32 key, struct sender_outcome *out);

/* Intents that are not settled. */
usize sender_unfinished(const struct sender *sender);

/* What is under way, as the newest poll saw it: for callers that have just opened a sender and do
 * not know what it was given in an earlier life. */
struct sender_afloat {
    usize waiting;    /* not in a block, and may still come into one */
    const char *why;  /* the first of them waits, if not for a block; else "" */
    u64 newest_block; /* that has one of those that are not settled; 0: none has */
};
struct sender_afloat sender_afloat(const struct sender *sender);

/* Polls until the intent is in a block (`settled`: until that is deep enough), has failed or was
 * cancelled. For commands that a person waits for. ST_AGAIN: not within the time. */
enum status sender_wait(struct sender *sender, hash32 key, bool settled, u64 timeout_ms,
                        struct sender_outcome *out, struct err *err);

#endif
