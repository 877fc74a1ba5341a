/* The parts of a daemon. All of it belongs to the loop's thread.
 *
 *     daemon.c    life; turns: gather, make durable, let go
 *     peers.c     connections, and what their messages mean
 *     records.c   the journal
 *     anew.c      the journal, written anew
 *     chronicle.c what happens, as the history has it
 *     opening.c   from an offer to a funded channel
 *     places.c    channels that nobody pays into give their places back
 *     looks.c     channels that a block has to do with
 *     forward.c   locks that pass through
 *     opened.c    what their onions say
 *     stalled.c   those that wait for room
 *     passage.c   which lock pays for which
 *     holders.c      which channels have locks with a key
 *     rejoin.c    the same after a restore, where the journal does not say it
 *     receive.c   invoices, and locks that end here
 *     payments.c  payments of ours over several hops
 *     messages.c  onion messages (messages.h)
 *     offers.c    offers of ours
 *     network.c   gossip, and the graph that comes of it (network.h)
 *     errand.c    transactions
 *     ending.c    closes, by both and by one
 *     restoring.c channels after a restore
 *     splice.c    new bases, and money taken out of open channels
 *     unlock.c    locks after a dispute
 *     public.c    secrets that everybody knows
 *     sought.c    secrets that registries are asked for
 *     tower_client.c  what a watchtower is given
 *     apps.c      apps, and locks that they decide (apps.h)
 *     methods.c   JSON-RPC
 *     subscriptions.c  what its clients are told unasked */
#ifndef CHANNEL_DAEMON_INTERNAL_H
#define CHANNEL_DAEMON_INTERNAL_H

#include "channel/answer.h"
#include "channel/by_hash.h"
#include "channel/channel.h"
#include "channel/daemon.h"
#include "channel/failure.h"
#include "channel/gossip.h"
#include "channel/history.h"
#include "channel/invoice.h"
#include "channel/keyring.h"
#include "channel/link.h"
#include "channel/onchain.h"
#include "channel/onion_error.h"
#include "channel/payload.h"
#include "channel/route.h"
#include "channel/signer.h"
#include "channel/signer_account.h"
#include "channel/wal.h"
#include "channel/wire.h"
#include "store/shelf.h"
#include "sys/pages.h"

#include <pthread.h>
#include <stdatomic.h>

/* Another daemon. It stays known, with or without a connection, while there are channels with it or
 * somebody waits for it. */
struct peer {
    struct peer *next;
    struct daemon *daemon;
    point33 node;
    char host[64]; /* where it listens, "" where we don't know; then we wait to be called */
    u16 port;
    struct link *link;    /* NULL: not connected */
    struct link *calling; /* NULL: we are not calling it */
    u64 connection;       /* how many there have been: says which one a message is for */
    bool ours;            /* we made the connection */
    bool greeted;         /* its INIT has come */
    bool wanted;          /* somebody asked for a connection */
    u64 opened_ms;
    struct gossip_sync *gossip; /* NULL: it is not greeted */
    struct gossip_bucket messages;
    u64 retry_ms, wait_ms;
    u32 channels;          /* with it, not closed */
    u32 sessions;          /* apps with it, not done */
    struct entry *entries; /* all with it */
};

enum stage {
    STAGE_OPEN,    /* from its terms on, funded or not */
    STAGE_CLOSING, /* a close is signed */
    STAGE_FORCED,  /* one of the two closes by itself */
    STAGE_CLOSED,
};

/* Transactions about a channel. */
enum errand {
    ERRAND_DEPOSIT,
    ERRAND_CLOSE,
    ERRAND_FORCE,
    ERRAND_ANSWER,
    ERRAND_SETTLE,
    ERRAND_WITHDRAW,
    ERRAND_UNLOCK,
    ERRAND_ACCUSE, /* the peer's bond is ours */
    ERRAND_BOND,   /* ours returns */
    ERRAND_RECORD,
    ERRANDS,
};

/* What the watchtower has of a channel. */
struct tower_progress {
    hint16 hint;
    u64 put_sequence; /* of the newest blob that was put on this connection; 0: none */
    u128 put_relied;  /* channel_relied then */
    hash32 digest;    /* of its receipt */
    enum { TOWER_IDLE, TOWER_WAITING, TOWER_UNDERWAY } state; /* and in that list of the daemon's */
    struct entry *next;
    u128 covered;      /* channel_relied of the newest that it has in this run */
    signature64 claim; /* that we may keep the channel's states there; zeros: not signed yet */
    bool is_ahead;     /* it has a later state than we */
    bool holds;        /* updates wait for it */
};

/* Channels in the order in which they came, by `tower.next`. */
struct tower_list {
    struct entry *first, *last;
    usize count;
};

/* A channel, and what the daemon knows of it. */
struct entry {
    struct daemon *daemon;
    struct channel *channel;
    struct peer *peer;
    struct chain_of *chain;
    u32 index; /* in the daemon's list and in the journal */
    u32 key;   /* of the keyring */
    hash32 request;
    u128 wanted;                   /* what we deposit, cumulative */
    bool here, there;              /* REESTABLISH is sent, and has come, on this connection */
    bool heard;                    /* the latter before our chain's first block: it waits */
    bool counted;                  /* FUNDED has come: what we can spend is known */
    struct wire_reestablish hello; /* then */
    bool is_dirty;                 /* in the daemon's list of those with something to say */
    struct entry *next_dirty;
    bool is_late; /* in the daemon's list of those that owe an acknowledgement which may wait */
    bool is_due;  /* it has waited until a tick */
    struct entry *next_late;
    struct entry *next_look, **look; /* looks.c; look: where that names it, NULL: it does not */
    struct entry *next_of_peer;
    bool is_restored; /* in this run it has, or had, locks of before a restore */
    bool is_listed;   /* among the daemon's places, between those used before and after it */
    struct entry *used_before, *used_after;

    struct passage **out, **in; /* by slot: of our locks, of the peer's */
    u32 out_room, in_room;
    struct answer *answers;
    u64 due_s; /* its locks need not be looked at before */

    enum stage stage;
    bool ends;       /* we want that, or know that the peer does: STFU follows, if not yet said */
    bool stopped[2]; /* by side: it has said STFU */
    bool closes;     /* we said it first, so we send the close */
    bool has_close[2];
    struct channel_close close;
    signature64 close_signature[2];
    u128 withdraws;           /* to be signed yet */
    bool looked;              /* at the chain, for a withdrawal that is too late */
    u64 shown_batch;          /* in which its states were shown to the peer; 0: in none */
    u64 lost_until_s;         /* the channel is lost: when it may recover; 0: not known yet */
    u64 force_until_s;        /* of our own forced close; 0: there is none */
    struct onchain_view view; /* the newest */
    struct answering answering;
    struct locks *won[2]; /* those that a dispute left, by side; NULL: not looked for yet */
    hash32 sought[2];     /* the roots that were looked for */
    struct {
        hash32 key; /* the newest's name */
        u64 failures;
    } errands[ERRANDS];
    u64 retry_ms; /* when those that failed are tried again; 0: none has */

    u64 paid_in, paid_out; /* payments, and */
    u128 sum_in, sum_out;  /* what they come to, in this run */
    struct tower_progress tower;

    /* What the network is told of it: on which connection of the peer's, 0: on none. */
    struct {
        u64 signed_on, peer_signed_on, policy_on;
        bool is_announced; /* to all peers, in this run */
        u64 policy_s;      /* timestamp of the policy that the peer was told */
        signature64 node_signature, owner_signature; /* the peer's */
    } told;
};

/* A lock of a peer's and the lock of ours that it pays for; or one of ours for a payment of ours.
 */
struct passage {
    struct entry *in, *out; /* NULL: there is none, or it is done with */
    u32 in_slot, out_slot;
    hash32 key; /* of our lock, which a half of ours may have longer than `out` */
    u64 expiry_s;
    struct part *part;                                              /* NULL: it passes through */
    enum { PASSAGE_WAITS, PASSAGE_SETTLED, PASSAGE_DROPPED } state; /* as the journal has it */
    hash32 preimage;
    u8 *reason; /* why it failed, from the hop after us; owned */
    usize reason_size;
    struct passage *before; /* in our slot: its lock is gone, its EVENT_DROPPED is to come */
    struct daemon *daemon;
    struct passage *next_of_key, *before_of_key; /* among all with its key */
};

/* An answer to a peer's lock, or an end of ours, that has found no room in the next update. */
struct answer {
    struct answer *next;
    struct item item; /* its text is below */
    u8 text[];
};

/* A peer's lock that is to be forwarded in an update that was full. */
struct stalled {
    struct entry *entry;
    u32 slot;
    bool is_new;
    hash32 out; /* the channel that has no room for it; zero: it waits for something else */
    struct onward *onward; /* what its onion says, owned; NULL: it was not opened */
};

/* What makes an invoice, and is kept of it. */
struct bill_terms {
    hash32 preimage, secret;
    u64 chain_id, expiry_s;
    address asset;
    u128 amount;
};

/* A route: nodes, and what each of them gets locked. */
enum { PLAN_HOPS = 20 };
struct plan {
    point33 node[PLAN_HOPS];
    u128 amount[PLAN_HOPS];
    u64 chain_id[PLAN_HOPS];         /* of the channel to it; 0: the payee's */
    struct route_side by[PLAN_HOPS]; /* channels to them; not where the caller has named the way */
    bool is_found;                   /* they are known */
    usize count;
};

struct payment_terms {
    hash32 hash, secret;
    u128 amount;
    u64 chain_id;
    address asset;
    point33 node;
    bool is_keysend;
    hash32 preimage; /* of a keysend */
    bytes text;      /* what it is for; borrowed, for its beginning alone */
};

/* The ends of a payment's ways, as its payee has blinded them. While a route is looked for, each is
 * a channel of the graph, under its name, from its first node to one that stands for the payee. */
struct blind_end {
    struct blinded_route path; /* it does not begin at this node; its bytes are below */
    struct blinded_price price;
    u128 least, most; /* that may arrive by it */
    u128 used;        /* what is under way by it */
    hash32 name;
};

struct blind_ends {
    struct blind_end at[INVOICE_WAYS_LIMIT];
    usize count;
    u8 room[INVOICE_LIMIT];
};

enum payment_state { PAYMENT_PENDING, PAYMENT_PAID, PAYMENT_FAILED };

struct payment {
    struct payment *next;
    struct daemon *daemon;
    struct payment_terms terms;
    enum payment_state state;
    hash32 preimage;
    u32 under_way;           /* parts */
    u128 sent, fee;          /* in these, and in those that were paid */
    u32 parts;               /* that have begun */
    struct seek *seek;       /* NULL: nothing further is looked for */
    struct blind_ends *ends; /* NULL: the payee is known. Owned */
    struct plan *way; /* that the caller has named, until its lock is queued; NULL: none. Owned */
    u64 from_chain;   /* where we pay, since its beginning in this run */
    bool is_due;      /* more is to be tried in the next turn: it is in the daemon's list */
    struct payment *next_due;
    u64 told; /* the number of its newest row in the history */
    u16 failure;
    usize failed_hop;
};

/* A secret that a chain's registry has, of a lock of ours or a peer's. */
enum { SHOWN_BUCKETS = 256 };
struct shown {
    struct shown *next; /* in its bucket */
    hash32 key;
    struct shown_terms {
        hash32 secret;
        u64 time_s;
        u64 count, index, path_size; /* in a batch of so many; 0: it came by itself */
        hash32 path[8];
    } terms;
};

/* A secret that we show to everybody. */
struct revealing {
    struct revealing *next;
    hash32 preimage;
    hash32 key; /* the intent's: another one each time that it has failed */
    bool is_sent;
};

/* A chain of the options. */
struct chain_of {
    struct daemon *daemon;
    struct onchain *chain;
    struct account_signer *account; /* signs for it */
    u64 chain_id;
    address adjudicator;
    u64 block, time_s;
    u64 came_s;          /* when the newest block came, on the machine's clock */
    u64 lost_s;          /* since when the chain cannot be followed, on that too; 0: it can */
    u64 final_time_s;    /* of the newest final block */
    u64 since;           /* what came before is in the journal */
    u64 opened;          /* the same, when the daemon began */
    u32 kept;            /* of secrets: rejoin.c */
    struct entry *looks; /* looks.c */
    u32 asked;           /* channels of others that it is being asked about (network.c) */
    struct shown *shown[SHOWN_BUCKETS];
    struct revealing *revealing;
    struct by_hash public[2]; /* public.c: the newer, the older */
    struct by_hash sought;    /* sought.c */
};

/* What leaves once the batch is durable. */
struct outgoing {
    struct peer *peer;
    u64 connection;
    usize at, size; /* in the outbox's bytes */
};

/* What is done then about a channel. */
struct deed {
    struct entry *entry;
    void (*run)(struct entry *entry);
};

/* What subscribers are told (subscriptions.c). */
struct news {
    u8 *data;
    usize size, room;
};

struct outbox {
    struct outgoing *list;
    usize count, room;
    u8 *bytes;
    usize size, byte_room;
    struct deed *deeds;
    usize deed_count, deed_room;
    struct daemon_call *calls; /* answered then */
    struct news news;
};

/* Channels that may be empty, the one that was used longest ago first. */
struct places {
    struct entry *first, *last;
};

enum daemon_wait {
    WAITS_FOR_NOTHING,
    WAITS_FOR_CHANNEL,
    WAITS_FOR_PAYMENT,
    WAITS_FOR_ROUTED,
    WAITS_FOR_ANSWER,
    WAITS_FOR_CLOSE,
    WAITS_FOR_WITHDRAWAL
};

/* A call of JSON-RPC, from when it comes until it is answered: at once or later, by the loop's
 * thread. */
struct daemon_call {
    struct net_later *later; /* NULL: whoever called waits on its own thread */
    struct daemon *daemon;
    const struct daemon_method *method;
    json params;
    const struct net_peer *from; /* NULL: nothing can be sent to it later */
    struct json_out *out;
    struct json_out before;   /* it, without an answer */
    struct arena arena;       /* lives as long as the call */
    struct daemon_call *next; /* of those that came in, wait, or are answered with a batch */
    u64 until_ms;
    enum daemon_wait waits;
    hash32 key;          /* a channel's id, a payment's reference, an answer's path id */
    hash32 request;      /* WAITS_FOR_ANSWER: its id, and */
    bytes asks;          /* the request itself */
    u32 asked;           /* how often */
    u64 again_ms;        /* when it is sent again */
    struct entry *entry; /* WAITS_FOR_PAYMENT: `count` payments of `amount`, of which */
    u128 amount;
    u64 count, left, unqueued; /* so many are not acknowledged, so many not in an update yet */

    /* While it waits: */
    struct daemon_call **link;               /* what points to it */
    struct daemon_call *next_alike;          /* of those whose keys begin alike */
    struct daemon_call *next_paying, **pays; /* of those with payments that are unqueued */
};

/* Calls that have come in from the server's threads. */
struct call_queue {
    pthread_mutex_t lock; /* guards what follows */
    struct daemon_call *first, **end;
    bool posted, closed;
    struct task task;
};

enum { CALL_BUCKETS = 256 };

struct daemon {
    struct daemon_options options;
    struct loop *loop;
    struct keyring *ring;
    struct limited_signer *keys;  /* of channels, and */
    struct channel_signer signer; /* the same, as channels see it */
    struct wal *wal;
    struct shelf *shelf;
    struct history *history;              /* NULL: nothing is told */
    u64 journal_s;                        /* the newest time that the journal has */
    u64 journal_lives;                    /* bytes of its image, when it was last written anew */
    struct daemon *shadow;                /* anew.c */
    u64 journal_failed, journal_begun_ms; /* its size when that failed; when it was begun */
    struct links *links;
    struct chain_of *chains;
    usize chain_count;

    struct peer *peers;
    struct peer *tower; /* NULL: none */
    address tower_signer;
    struct tower_list tower_underway, tower_waiting; /* not answered yet; not said yet */
    struct entry **entries;                          /* by index */
    u32 entry_count, entry_room;
    struct places places;
    u32 free_place; /* of the entries, for the next one; NO_PLACE: none */
    struct by_hash by_id;
    u32 next_key;

    struct entry *dirty, *late;
    struct channel_events events; /* of updates taken and made, seen to in the next turn */
    struct outbox gathering, flying;
    struct call_queue calls;
    struct daemon_call *waiting;
    struct daemon_call *waiting_by_key[CALL_BUCKETS];
    struct daemon_call *paying, **paying_end; /* in turn; NULL: the list is empty */
    struct showing *showings;                 /* restoring.c */
    struct by_hash found;                     /* rejoin.c */
    bool is_restored;                         /* some of its entries are */
    bool is_restoring;                        /* some of them have not recovered, perhaps */
    struct opening *openings;
    u8 *call_room; /* CALL_ROOM bytes of scratch */
    struct stalled *stalled;
    usize stalled_count, stalled_room;
    struct bill *bills, *holding; /* all invoices; those of which parts are held */
    struct payment *payments;
    struct by_hash bills_by_hash, payments_by_hash;
    struct by_hash passages;       /* the first of each key */
    struct by_hash keyed;          /* holders.c */
    usize notes, notes_most;       /* notes; when they are swept */
    struct gossip_bucket messages; /* onion messages of all peers */
    struct payment *payments_due;
    struct session *sessions; /* apps.h */
    struct by_hash sessions_by_id;
    u32 sessions_open;           /* not done */
    bool apps_are_due;           /* some of them */
    u64 batch, durable;          /* that gathers; up to which all is in the journal */
    struct pages pages;          /* scratch for their rules */
    struct app_wish_leg *wishes; /* apps_hub.c */
    struct network *network;
    struct subscriptions *subscriptions;
    struct timer turn; /* when all that is ready has been seen to */
    bool turn_is_due;
    struct timer answer;
    struct daemon_call *answers; /* of calls, to be given once messages have left */
    bool ticked;                 /* since the last turn: what could wait, waits no longer */
    struct timer tick;
    u64 retry_ms; /* the earliest of the entries'; 0: none */
    bool replaying;
    atomic_bool ending;
    bool has_failed;
    struct err failure;
};

/* --- daemon.c */

/* Something has changed: a turn will come. */
void daemon_touch(struct daemon *daemon);
/* The channel may have something to say. */
void entry_touch(struct entry *entry);
struct entry *daemon_find(const struct daemon *daemon, hash32 id);
void daemon_add_entry(struct daemon *daemon, struct entry *entry);
/* NULL: none of the daemon's. */
struct chain_of *daemon_chain(struct daemon *daemon, u64 chain_id);
/* The signer takes over where the channel is, its locks afterwards. */
void daemon_adopt(struct entry *entry);
void daemon_adopt_locks(struct entry *entry);
/* What updates have caused; empties the list. */
void daemon_take_events(struct daemon *daemon, struct channel_events *events);

/* The message leaves once all that gathers now is durable; the deed is done then. */
void daemon_say(struct peer *peer, const struct wire_message *message);
void daemon_after(struct entry *entry, void (*run)(struct entry *entry));

/* Frees what a daemon remembers, and itself: it has neither connections nor chains any more. */
void daemon_forget(struct daemon *daemon);

/* --- peers.c */

/* The peer with this name, made where there is none. */
struct peer *peer_get(struct daemon *daemon, const point33 *node);
/* Our channels with it, of any stage; NULL: there are none. */
struct entry *peer_find(const struct daemon *daemon, const point33 *node);
/* "02ab…@host:port", or the key alone: then without host. */
struct node_name {
    point33 node;
    bytes host; /* of the text */
    u16 port;
};
enum status node_name_read(bytes text, struct node_name *out, struct err *err);
/* Where to call it. False: without a host, or as before, nothing changes. */
bool peer_at(struct peer *peer, bytes host, u16 port);
/* Calls those that are due. */
void peers_tick(struct daemon *daemon, u64 now_ms);
/* The chain's first block: its channels are taken up. */
void peers_begin(struct chain_of *chain);
struct link_events peers_events(struct daemon *daemon);
/* Whether somebody has paid into a channel with it that is not closed. */
bool peer_has_money(const struct peer *peer);
/* Whether a newcomer may have its place (link.h). */
bool peers_spare(void *self, const struct link *link);
/* What promises nothing need not wait for the disk. */
void peer_say_at_once(struct peer *peer, const struct wire_message *message);
/* Tells the peer what we count of deposits and withdrawals. */
void peer_tell_funds(const struct entry *entry);

/* --- opening.c */

struct opening_wish {
    struct peer *peer;
    struct chain_of *chain;
    address asset;
    u128 amount;
};
/* Ends or parks the call. */
void opening_begin(struct daemon_call *call, const struct opening_wish *wish);
bool opening_waits_for(const struct peer *peer);
/* The peer can be talked to. */
void opening_met(struct peer *peer);
enum status opening_take_offer(struct peer *peer, const struct wire_message *message,
                               struct err *err);
enum status opening_take_answer(struct peer *peer, const struct wire_message *message,
                                struct err *err);
enum status opening_take_refusal(struct peer *peer, const struct wire_message *message,
                                 struct err *err);
void openings_tick(struct daemon *daemon, u64 now_ms);
void openings_end(struct daemon *daemon);

/* A channel as the journal has it. */
struct entry *entry_new(struct daemon *daemon, const struct channel_terms *terms, u32 side, u32 key,
                        struct peer *peer, struct chain_of *chain, hash32 request);
/* The peer says that there is no such channel. */
void opening_forget(struct entry *entry);
/* Asks the chain for what is still missing of the deposit. */
void opening_fund(struct entry *entry);
/* What is final of a channel's deposits and withdrawals. */
void opening_seen(struct entry *entry, const struct onchain_view *view);

/* --- places.c */

enum { NO_PLACE = -1 };
/* Nobody has paid into the channel, and nothing was signed in it. */
bool place_is_empty(const struct entry *entry);
/* A channel is new, or from the journal; its peer is there. */
void place_begin(struct entry *entry);
void place_used(struct entry *entry);
/* *instead: whose place a new channel takes; NULL: nobody's. ST_FULL: there is none. */
enum status place_find(struct daemon *daemon, struct entry **instead);
/* Forgets it. The next channel, which comes at once, takes its place. */
void place_give(struct entry *entry);

/* --- looks.c */

/* The next block looks at it, once at least. */
void looks_add(struct entry *entry);
/* It is going. */
void looks_drop(struct entry *entry);
/* A block has come. */
void looks_block(struct chain_of *chain);

/* --- tower_client.c */

/* The tower of the options. ST_INVALID: none is named so. */
enum status tower_choose(struct daemon *daemon, struct err *err);
/* Gives it what it does not have of the channel. */
void tower_step(struct entry *entry);
/* What rests on states of the channel that it does not have yet. */
u128 tower_unguarded(const struct entry *entry);
/* How much may. */
u128 tower_allowed_risk(const struct entry *entry);
/* Whether it has so much of the channel that more may be acknowledged. */
bool tower_allows(struct entry *entry);
/* It can be talked to. */
void tower_met(struct daemon *daemon);
enum status tower_take_receipt(struct peer *peer, const struct wire_message *message,
                               struct err *err);
enum status tower_take_refusal(struct peer *peer, const struct wire_message *message,
                               struct err *err);

/* --- methods.c */

/* Answers those that wait for this channel or payment, if it is as they want it. */
void methods_wake(struct daemon *daemon, hash32 key);
/* Payments that calls ask for get into updates. */
void methods_turn(struct daemon *daemon);
void methods_tick(struct daemon *daemon, u64 now_ms);
/* No call is taken any more; then, those that are under way are refused; then, nothing is left. */
void methods_close(struct daemon *daemon);
void methods_end(struct daemon *daemon);
void methods_free(struct daemon *daemon);
void methods_open(struct daemon *daemon);
void daemon_answer(struct daemon_call *call);
void methods_refuse(struct daemon_call *call, const char *why);
void methods_wait_for_channel(struct daemon_call *call, struct entry *entry);

#endif
