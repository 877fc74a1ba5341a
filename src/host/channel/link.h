/* The connections of a node: TCP, encrypted by BOLT 8 (transport.h), many on one event loop.
 *
 *     link_send ─> sealed, queued ─> one write a turn ─> socket
 *     socket ─> one read a turn ─> unsealed ─> `message`… ─> `drained`
 *
 * A turn of the loop goes: each socket that has input is read once, at most LINK_READ bytes, and
 * its messages are handed over; then `drained`; then what was sent in the turn is written, one
 * write(2) for each link; then links that were closed in the turn are gone. So no link waits long
 * for another, and one journal commit serves all that came in a turn.
 *
 * A peer is pinged after `idle_ms` without a message (BOLT 1) and gone after as long again; PING
 * and PONG are handled here and not handed over. What a peer does not read waits, up to `out_limit`
 * bytes, then it is closed. An idle link takes about a kilobyte and the system's socket: buffers
 * are kept only while there are bytes in them, at most LINK_IN_LIMIT for input that is half a
 * message.
 *
 * All belongs to the loop's thread. Everything but links_free may be called from within the events.
 *
 * Source: BOLT 8; BOLT 1 ("The ping and pong Messages"). */
#ifndef CHANNEL_LINK_H
#define CHANNEL_LINK_H

#include "channel/transport.h"
#include "sys/loop.h"

enum {
    LINK_READ = 1 << 16,
    LINK_IN_LIMIT = TRANSPORT_INPUT_LIMIT,
};

struct links; /* all connections of a node */
struct link;  /* one of them */

struct link_events {
    void *self;
    /* Encrypted both ways; link_remote says who it is, proven. */
    void (*opened)(void *self, struct link *link);
    /* Borrowed for the call. */
    void (*message)(void *self, struct link *link, bytes message);
    /* Once at the end of a turn in which one of these two was called. What is sent here is written
     * with the rest. */
    void (*drained)(void *self);
    /* The last call about a link that was opened or that links_connect returned, for one sentence's
     * reason: it is freed when this returns. */
    void (*gone)(void *self, struct link *link, const char *why);
};

struct links_options {
    struct loop *loop;
    const secret32 *node_key; /* copied */
    bool listens;
    const char *addr; /* to listen on, an IP address */
    u16 port;         /* 0: any free one */
    /* Links that others open. Full, one makes room: the oldest whose handshake is not done where
     * these are a quarter, else the oldest that its owner can spare; where there is no such one, of
     * the other kind; or else the newcomer is turned away. As many again that links_connect opens.
     */
    usize limit;
    /* Whether nobody misses this one; given the events' `self`. NULL: none that is open is spared,
     * and who proves a name, of which there are any number, keeps its place. */
    bool (*spares)(void *self, const struct link *link);
    u64 handshake_ms; /* the longest, connecting included */
    u64 idle_ms;
    usize out_limit; /* bytes that wait for one peer; at least LINK_OUT_LEAST */
};

enum { LINK_OUT_LEAST = TRANSPORT_MESSAGE_LIMIT + TRANSPORT_OVERHEAD };

/* Port 9735 of this machine alone, the rest as a node wants it. */
struct links_options links_defaults(struct loop *loop, const secret32 *node_key);

/* ST_INVALID: no key, or no IP address. ST_IO: cannot listen there. ST_FULL: no memory. */
enum status links_new(const struct links_options *options, const struct link_events *events,
                      struct links **out, struct err *err);
/* Closes all; `gone` is called for each. NULL is fine. */
void links_free(struct links *links);

/* That it listens on; 0: it does not. */
u16 links_port(const struct links *links);

/* Begins to connect to the node `who`. `host` is an IP address: no names are resolved.
 * ST_INVALID: `who` is no key, or `host` no address. ST_IO: refused at once. ST_FULL: too many
 * links, or no memory. ST_AGAIN: the links are being freed. */
enum status links_connect(struct links *links, const point33 *who, const char *host, u16 port,
                          struct link **out, struct err *err);

/* Seals and queues a message of at most TRANSPORT_MESSAGE_LIMIT bytes. ST_AGAIN: not open yet, or
 * about to be gone. ST_FULL: too much waits for the peer; it is closed. */
enum status link_send(struct link *link, bytes message);

/* Bytes that wait to be written. */
usize link_waiting(const struct link *link);

/* No message of it follows. What was sent before is offered to the socket once more, at the turn's
 * end; then `gone` is called with the sentence, which is copied. Another close changes nothing. */
void link_close(struct link *link, const char *why);

/* Who is at the other end; who is meant, where it is not open yet. */
const point33 *link_remote(const struct link *link);

/* The owner's own; NULL at first. */
void link_set_user(struct link *link, void *user);
void *link_user(const struct link *link);

#endif
