/* A watchtower: keeps channels' newest states for those who may be away when somebody closes with
 * an old one.
 *
 *     client's daemon ── TOWER_PUT ──> tower_store.h: on disk ── TOWER_RECEIPT ──> client
 *     chain ── DisputeOpened: salt ──> hint ──> blob, opened ──> challenge, settle ──> chain
 *     court ── AppStateChanged: id ──> hint ──> blob, opened ──> appDispute, appMove, appSettle
 *
 * A client is whoever connects, by its node key. What came in while a turn's messages were read is
 * made durable at once, and then receipts leave. A tower learns of a channel when its dispute
 * begins, and not before: it watches all disputes of the adjudicators of its chains, and answers
 * those that it has a newer state for, at its own expense: where fees are high, for as much as the
 * answer is worth to its client, and a limit of its own. (What an app is worth nobody can check, so
 * there it is the limit.) It is neither paid for that nor trusted with anything: it can do nothing
 * with a blob that the client would not do.
 *
 * Of apps it learns when a state is shown in court, or when a channel is disputed whose locks
 * depend on them: then they are shown there, if the client has something of that.
 *
 * After a restart it goes on at the first block in which a dispute that it knows of was opened. */
#ifndef CHANNEL_TOWER_H
#define CHANNEL_TOWER_H

#include "channel/daemon.h"

struct tower;

struct tower_options {
    struct loop *loop; /* which the caller runs afterwards */
    const struct files *files;
    const char *folder;      /* exists */
    struct signer signer;    /* of the account, which pays for transactions */
    const secret32 *account; /* its key; the node's comes from it */
    const char *addr;        /* to listen at for clients */
    u16 port;                /* 0: any */
    const struct daemon_chain *chains;
    usize chain_count;
    const point33 *clients; /* room is kept for them (tower_store.h); copied */
    usize client_count;
    u256 spend_wei; /* for one answer, where that is more than ten times what it began with */
};

/* ST_AGAIN: another process has the folder.  ST_CORRUPT: its file.  ST_IO: a chain is not reached,
 * or a port not to be had. */
enum status tower_open(const struct tower_options *options, struct tower **out, struct err *err);
/* NULL is fine. */
void tower_close(struct tower *tower);

/* As of a daemon. */
void tower_name(const struct tower *tower, char out[static DAEMON_NAME_SIZE]);
const char *tower_failure(const struct tower *tower);

#endif
