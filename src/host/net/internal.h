/* The server's parts: exchange.c runs requests, http.c and ws.c bring them in, server.c owns all.
 */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include "net/head.h"
#include "net/jsonrpc.h"
#include "net/net.h"
#include "sys/loop.h"
#include "sys/pages.h"

#include <microhttpd.h>
#include <stdatomic.h>

/* The bytes that all bodies and answers take together. */
struct memory {
    atomic_size_t used;
    usize limit;
};

/* False: it would pass the limit; nothing is taken. */
bool memory_take(struct memory *memory, usize size);
void memory_give(struct memory *memory, usize size);

struct buffer {
    u8 *data;
    usize size, room;
};

/* Appends; false: more than `limit` in all, or no memory. */
bool buffer_add(struct buffer *buffer, struct memory *memory, bytes more, usize limit);

/* One request and its answer. Whoever brings it in fills `body` and keeps it alive until `done`. */
struct exchange {
    struct pool_job job;
    struct task back; /* from elsewhere to the loop */
    struct net_later later;
    bool begun; /* and not answered on the pool */
    struct net *net;
    struct buffer body;
    struct json_out reply;
    const struct net_peer *peer;
    struct jsonrpc request;
    void *owner;
    /* The answer is in `reply`; on the server's thread. Called only where exchange_start returned
     * false. */
    void (*done)(struct exchange *exchange);
};

void exchange_init(struct exchange *exchange, struct net *net, const struct net_peer *peer,
                   void *owner, void (*done)(struct exchange *exchange));
void exchange_free_buffers(struct exchange *exchange);
/* Empties the buffers, and frees them where they are large. */
void exchange_reset(struct exchange *exchange);
/* True: answered. False: it runs on the pool, or was begun. */
bool exchange_start(struct exchange *exchange);
/* Gives back the memory that large calls have left in an arena. From time to time: to do it after
 * every call costs as much as a small call. */
void exchange_trim_scratch(struct net *net);

enum phase {
    PHASE_WAITING,  /* for a request's head */
    PHASE_READING,  /* its body */
    PHASE_WORKING,  /* elsewhere; suspended */
    PHASE_ANSWERED, /* resumed */
    PHASE_SENDING,
    PHASE_SOCKET, /* ws.c has it */
};

/* A connection of libmicrohttpd. */
struct http {
    struct net *net;
    struct MHD_Connection *connection;
    int fd;
    struct http *next, **back; /* in net->https */
    enum phase phase;
    u64 since_ms; /* the phase began */
    enum route route;
    struct head head; /* of the current request */
    bool overflowed;  /* the body is larger than the limit */
    struct exchange exchange;
};

enum MHD_Result http_request(void *net, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *upload,
                             usize *upload_size, void **request);
void http_completed(void *net, struct MHD_Connection *connection, void **request,
                    enum MHD_RequestTerminationCode why);
void http_connection(void *net, struct MHD_Connection *connection, void **place,
                     enum MHD_ConnectionNotificationCode what);
/* Closes connections that took too long, or whose client has left. */
void http_sweep(struct net *net, u64 now_ms);
/* Whether a request is being answered. */
bool http_is_busy(const struct net *net);

struct ws; /* a WebSocket */

/* `extra` was read along with the request's head. ST_FULL: no memory. */
enum status ws_open(struct net *net, int fd, struct MHD_UpgradeResponseHandle *upgrade,
                    bytes extra);
/* Pings the silent, ends the dead. */
void ws_sweep(struct net *net, u64 now_ms);
/* Starts the closing handshake with all. */
void ws_close_all(struct net *net);
/* Ends all. */
void ws_end_all(struct net *net);

enum { IO_SIZE = 1 << 16 };

struct net {
    struct net_options options;
    struct net_handler handler;
    struct gate gate;
    struct memory memory;
    struct loop *loop;
    pthread_t thread;

    struct MHD_Daemon *daemon;
    struct watch daemon_watch;
    struct timer daemon_timer; /* it has work left from the last turn */
    struct timer sweep;
    u16 port;

    struct http *https;
    struct ws *sockets;
    usize under_way; /* exchanges: on the pool, or begun; of them */
    usize begun;

    struct task stop;
    bool stopping;
    u64 stop_by_ms;
    u64 grace_ms;

    /* Scratch of calls: one for the loop's thread, one for each of the pool's, and one that is
     * being trimmed. */
    struct pages loop_scratch;
    pthread_mutex_t scratch_lock;
    struct pages *scratch;
    usize scratch_free; /* the first so many of `scratch` are not in use */

    /* Written by the server's thread, read by any. */
    atomic_size_t connection_count, socket_count;
    atomic_ulong requests, refused, heavy;

    u8 input[IO_SIZE]; /* of the WebSocket whose turn it is */
    u8 output[IO_SIZE];
    usize output_size;
};

/* Lets libmicrohttpd notice, in this turn of the loop, what was resumed or closed: in an external
 * loop it does not wake itself. */
void server_wake_daemon(struct net *net);

#endif
