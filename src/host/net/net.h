/* A JSON-RPC server: HTTP and WebSocket on one port.
 *
 *     bytes -> libmicrohttpd, wslay -> framing (jsonrpc.h) -> struct net_handler -> bytes
 *
 * A server has one thread, which owns its sockets. Calls that the handler declares cheap are
 * answered on it; heavy ones, batches that hold a heavy one, and large bodies go to a pool, and
 * their answers come back through the loop; those that wait for others are begun, and keep no
 * thread meanwhile. Calls of one WebSocket may overtake each other.
 *
 * Everything that arrives is hostile and everything is bounded: connections, sizes, the memory of
 * all requests and answers together, and the time that each step may take. */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/json.h"
#include "base/json_out.h"
#include "sys/thread.h"

/* A connection that lasts (a WebSocket), as somebody sees it who wants to send to it. Copy it; it
 * is valid until peer_gone has returned. */
struct net_peer {
    void *self;
    /* Queues one message; from any thread. False: gone, or so slow that it is being closed. */
    bool (*send)(void *self, bytes message);
};

struct net_page {
    unsigned status; /* of HTTP */
    const char *content_type;
    bytes content; /* lives in the arena, or as long as the handler */
};

/* A call that is answered later. */
struct net_later {
    void (*answered)(struct net_later *later);
};

/* The answer is there, and nothing of the call's is touched after this. Once for each, from any
 * thread; also before `begin` has returned. */
static inline void net_answered(struct net_later *later)
{
    later->answered(later);
}

/* Who answers. Its functions are called from the server's thread and from the pool's, several at a
 * time. */
struct net_handler {
    void *self;
    /* Whether the method takes so long (about 50 us) that others should not wait for it. */
    bool (*is_heavy)(void *self, bytes method);
    /* Answers one call: appends the member "result" or "error" to the object that is open in `out`.
     * It may take back what it has appended by restoring `size` and `comma`. `params` is valid JSON
     * of any kind, or absent. `peer` is NULL where nothing can be sent later. `arena` is scratch.
     * What a cheap method causes to be sent to its own peer goes out after its answer. */
    void (*answer)(void *self, bytes method, json params, const struct net_peer *peer,
                   struct json_out *out, struct arena arena);
    /* The same for a call that may wait long: it is begun, which takes no time, and net_answered
     * comes when `out` has the answer. Until then live `params`, `peer` and `out`, and not
     * `method`. False: it is no such call, and `answer` has it. NULL: none is. Its methods are
     * heavy, because in a batch somebody has to wait for them. */
    bool (*begin)(void *self, bytes method, json params, const struct net_peer *peer,
                  struct json_out *out, struct net_later *later);
    /* The peer is gone, and no call of its is running: it must not be sent to after this. NULL
     * where nobody sends. */
    void (*peer_gone)(void *self, const struct net_peer *peer);
    /* What GET `path` shows, /metrics for example. False: nothing. On the server's thread, so
     * quickly. NULL: no pages but /health. */
    bool (*page)(void *self, bytes path, struct net_page *out, struct arena *arena);
};

struct net_options {
    const char *address; /* an IP address of this machine */
    u16 port;            /* 0: any free one */
    /* Names, divided by commas, that a Host header may have besides "localhost" and IP addresses
     * (against DNS rebinding); "*": all. */
    const char *hosts;
    /* Origins, divided by commas, whose pages may call (CORS); one without a port has all ports;
     * "*": all. A WebSocket may always come from pages of this machine. */
    const char *origins;
    struct pool *pool; /* for heavy calls; outlives the server */
    usize connection_limit;
    usize connections_per_ip; /* 0: no limit; loopback addresses have none */
    usize batch_limit;        /* calls */
    usize request_limit;      /* bytes of one body or message */
    usize answer_limit;       /* bytes of one answer */
    usize later_limit;        /* calls that are begun at a time; more go to the pool */
    usize memory_limit;       /* bytes of all bodies and answers held at a time */
    usize push_limit;         /* bytes that may wait for one WebSocket that does not read */
    usize scratch_size;       /* address space of a call's arena */
    u64 idle_ms; /* a connection may take this long between requests, to send one, to take one */
};

/* 127.0.0.1, any port, no names, no origins; limits as geth's, where it has them. */
struct net_options net_defaults(struct pool *pool);

struct net;

/* Listens and answers from here on. Options and handler are copied; the strings are borrowed.
 * ST_INVALID: not an address.  ST_FULL: no memory or descriptors.
 * ST_IO: the port can not be had; the sentence says why. */
enum status net_start(const struct net_options *options, const struct net_handler *handler,
                      struct net **out, struct err *err);

/* Stops listening, gives calls in progress `grace_ms` to be answered and sent, closes what is left.
 * Waits for calls that run, however long. NULL is fine. */
void net_stop(struct net *net, u64 grace_ms);

/* The port that it listens on. */
u16 net_port(const struct net *net);

/* What has happened so far; from any thread. */
struct net_counts {
    u64 connections, sockets; /* open now: all; those of them that are WebSockets */
    u64 requests;             /* HTTP requests and WebSocket messages with calls */
    u64 refused;              /* HTTP requests that were not even read */
    u64 heavy;                /* requests answered on the pool */
    u64 memory;               /* bytes that bodies and answers take now */
};
struct net_counts net_count(const struct net *net);

#endif
