/* A channel daemon: opens channels with other daemons, pays, is paid, closes.
 *
 *     JSON-RPC ─┐                          ┌─> chain.h: transactions, deposits, disputes
 *               ├─> channels (channel.h) ──┼─> wal.h: durable before anything leaves
 *     link.h  ──┘                          └─> link.h: messages (wire.h)
 *
 * One thread, an event loop's. It works in turns: what has come in since the last one is judged and
 * written to the journal with what it causes; when the disk has that, messages leave, calls are
 * answered, and the next turn takes what has gathered meanwhile. Nothing is said that a crash could
 * take back, and there is no timer: a slow disk makes larger batches.
 *
 * After a restart the journal brings every channel back as it was said to the peer; what the peer
 * has not acknowledged is sent again, the same bytes. */
#ifndef CHANNEL_DAEMON_H
#define CHANNEL_DAEMON_H

#include "channel/secrets.h"
#include "channel/signer_ledger.h"
#include "client/signer.h"
#include "net/net.h"
#include "sys/files.h"
#include "sys/loop.h"

struct daemon;

struct daemon_chain {
    const char *url;
    address adjudicator; /* zero: where it is on every chain */
    u64 confirmations;   /* that make a block final; 0: as the chain says */
    u64 poll_ms;         /* 0: 1,000 */
};

/* What a watchtower keeps of a channel (tower_restore.h). */
struct daemon_kept {
    u8 hint[16];
    u8 blob[2304];
};

struct daemon_options {
    struct loop *loop; /* which the caller runs afterwards */
    const struct files *files;
    const char *folder;      /* exists */
    struct signer signer;    /* of the account, which pays for transactions */
    const secret32 *account; /* its key; channels' keys come from it */
    const char *addr;        /* to listen at for peers */
    u16 port;                /* 0: any */
    const struct daemon_chain *chains;
    usize chain_count;
    u32 challenge_s;                /* of channels that we offer */
    u32 least_challenge_s;          /* of those that we accept */
    u64 margin_s;                   /* before a lock expires: to get a secret into the registry */
    u128 fee_base;                  /* for forwarding: so much, and */
    u32 fee_ppm;                    /* so many millionths of what is forwarded */
    bool swaps;                     /* also from one chain's own money to another's, one to one */
    const char *alias;              /* by which others may show us; NULL: none */
    const struct daemon_kept *kept; /* NULL; or all channels are made of these, without a journal */
    usize kept_count;
    u64 journal_limit;   /* bytes; a longer journal is written anew, where most is old. 0: 16 MiB */
    u64 patience_us;     /* the loop itself waits for a disk that usually takes less. 0: never */
    u32 most_channels;   /* that others may open with us; 0: 100,000 */
    bool is_restored;    /* the journal is an old copy */
    bool joins;          /* locks of apps for two others, for the fee of a payment, for each day */
    bool is_private;     /* nothing is said of our channels */
    const char *tower;   /* "KEY@HOST:PORT" of a watchtower; NULL: none */
    bool has_tower_risk; /* else a hundredth of each channel's deposits: */
    u128 tower_risk;     /* so much may rest on what the tower does not have yet, in a channel */
    struct signer_limits limits;
};

/* Replays the journal and listens for peers. ST_AGAIN: another process has the folder.
 * ST_CORRUPT: the journal. ST_IO: a chain is not reached, or a port not to be had. */
enum status daemon_open(const struct daemon_options *options, struct daemon **out, struct err *err);

/* After the loop has ended, and before the server of daemon_handler is stopped: calls that wait are
 * answered, and no call waits any more. */
void daemon_end(struct daemon *daemon);

/* Ends connections; what was promised is in the journal. NULL is fine. */
void daemon_close(struct daemon *daemon);

/* "02ab…@host:port", for peers: 66 digits, and the address that it listens at. */
enum { DAEMON_NAME_SIZE = 160 };
void daemon_name(const struct daemon *daemon, char out[static DAEMON_NAME_SIZE]);

/* Why the loop was stopped from here: the journal failed. NULL: it was not. */
const char *daemon_failure(const struct daemon *daemon);

/* The JSON-RPC methods channel_*, for net_start. Calls wait for the disk, so they are heavy. */
struct net_handler daemon_handler(struct daemon *daemon);

#endif
