/* Opening the port, the thread, and the way down. */
#include "net/internal.h"

#include "base/fmt.h"
#include "sys/clock.h"
#include "sys/ip_address.h"
#include "sys/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SWEEP_MS = 1000,
    STOP_SWEEP_MS = 10,
    HEAD_LIMIT = 16 << 10,  /* bytes of a connection's own memory, its request's head inside */
    SPARE_CONNECTIONS = 16, /* above our limit, so that it is we who choose which one goes */
    BACKLOG = 1024,
    TURNS = 4, /* of libmicrohttpd at a time, as long as it has more to do */
};

struct net_options net_defaults(struct pool *pool)
{
    return (struct net_options){
        .address = "127.0.0.1",
        .hosts = "",
        .origins = "",
        .pool = pool,
        .connection_limit = 1000,
        .connections_per_ip = 256,
        .batch_limit = 1000,
        .request_limit = 25 << 20,
        .answer_limit = 64 << 20,
        .later_limit = 4096,
        .memory_limit = 512 << 20,
        .push_limit = 8 << 20,
        .scratch_size = (usize)1 << 30,
        .idle_ms = 120000,
    };
}

/* --- The listening socket. */

static bool is_loopback(const union socket_address *place)
{
    if (place->any.sa_family == AF_INET)
        return ntohl(place->v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&place->v6.sin6_addr);
}

static enum status cannot_listen(const struct net_options *options, struct err *err)
{
    if (errno == EADDRINUSE)
        return fail(err, ST_IO, "port %u of %s is taken by another program",
                    (unsigned)options->port, options->address);
    return fail(err, ST_IO, "cannot listen on port %u of %s: %s", (unsigned)options->port,
                options->address, strerrordesc_np(errno));
}

static enum status open_port(const struct net_options *options, union socket_address *place,
                             int *out, struct err *err)
{
    TRY(ip_address_read(options->address, options->port, place, err));
    int fd = socket(place->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return cannot_listen(options, err);
    int on = 1;
    socklen_t size = ip_address_size(place);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, &place->any, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, &place->any, &size) != 0) {
        enum status st = cannot_listen(options, err);
        close(fd);
        return st;
    }
    *out = fd;
    return ST_OK;
}

/* --- libmicrohttpd in our loop. */

static void log_of_daemon(void *self, const char *format, va_list args)
{
    (void)self;
    char text[256];
    int size = vsnprintf(text, sizeof(text), format, args);
    while (size > 0 && (usize)size < sizeof(text) && text[size - 1] == '\n')
        text[--size] = 0;
    log_debug("net", "libmicrohttpd", LOG_TEXT("says", text));
}

static void run_daemon(struct net *net)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    for (int i = 0; i < TURNS; i++) {
        MHD_run(net->daemon);
        /* without timeouts of its own, it waits for nothing or not at all */
        if (MHD_get_timeout(net->daemon, &wait_ms) != MHD_YES || wait_ms > 0)
            return;
    }
    server_wake_daemon(net);
}

void server_wake_daemon(struct net *net)
{
    loop_set_timer(net->loop, &net->daemon_timer, clock_now_ms());
}

static void daemon_ready(struct watch *watch, unsigned events)
{
    (void)events;
    run_daemon((struct net *)((u8 *)watch - offsetof(struct net, daemon_watch)));
}

static void daemon_due(struct timer *timer)
{
    run_daemon((struct net *)((u8 *)timer - offsetof(struct net, daemon_timer)));
}

static enum status start_daemon(struct net *net, int fd, usize per_ip, struct err *err)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE |
                     MHD_USE_ERROR_LOG | MHD_USE_SUPPRESS_DATE_NO_CLOCK;
    usize connections = net->options.connection_limit + SPARE_CONNECTIONS;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_of_daemon, net},
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)http_connection, net},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)http_completed, net},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)connections, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)per_ip, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_LIMIT, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    net->daemon = MHD_start_daemon(flags, 0, NULL, NULL, http_request, net, MHD_OPTION_ARRAY,
                                   options, MHD_OPTION_END);
    if (net->daemon == NULL)
        return fail(err, ST_FULL, "the HTTP server did not start");
    net->daemon_watch =
        (struct watch){.ready = daemon_ready,
                       .fd = MHD_get_daemon_info(net->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd};
    return loop_watch(net->loop, &net->daemon_watch, LOOP_READ, err);
}

/* --- The thread. */

static bool is_done(const struct net *net, u64 now_ms)
{
    if (!net->stopping || net->under_way > 0)
        return false;
    return now_ms >= net->stop_by_ms || (net->sockets == NULL && !http_is_busy(net));
}

static void sweep(struct timer *timer)
{
    struct net *net = (struct net *)((u8 *)timer - offsetof(struct net, sweep));
    u64 now_ms = clock_now_ms();
    http_sweep(net, now_ms);
    ws_sweep(net, now_ms);
    exchange_trim_scratch(net);
    if (is_done(net, now_ms))
        loop_stop(net->loop);
    loop_set_timer(net->loop, timer, now_ms + (net->stopping ? STOP_SWEEP_MS : SWEEP_MS));
}

static void begin_stop(struct task *task)
{
    struct net *net = (struct net *)((u8 *)task - offsetof(struct net, stop));
    net->stopping = true;
    net->stop_by_ms = clock_now_ms() + net->grace_ms;
    int fd = MHD_quiesce_daemon(net->daemon);
    if (fd >= 0)
        close(fd);
    ws_close_all(net);
    loop_set_timer(net->loop, &net->sweep, clock_now_ms());
}

static void *run(void *self)
{
    struct net *net = self;
    loop_set_timer(net->loop, &net->sweep, clock_now_ms() + SWEEP_MS);
    loop_run(net->loop);
    ws_end_all(net);
    MHD_run(net->daemon); /* takes back what was resumed or closed since */
    return NULL;
}

/* --- Starting and stopping. */

static enum status reserve_scratch(struct net *net, struct err *err)
{
    usize count = pool_size(net->options.pool) + 1;
    TRY(pages_reserve(net->options.scratch_size, &net->loop_scratch, err));
    net->scratch = calloc(count, sizeof(net->scratch[0]));
    if (net->scratch == NULL)
        return fail(err, ST_FULL, "no memory for the server");
    for (; net->scratch_free < count; net->scratch_free++)
        TRY(pages_reserve(net->options.scratch_size, &net->scratch[net->scratch_free], err));
    return ST_OK;
}

static void free_net(struct net *net)
{
    if (net->daemon != NULL)
        MHD_stop_daemon(net->daemon);
    for (usize i = 0; i < net->scratch_free; i++)
        pages_release(&net->scratch[i]);
    free(net->scratch);
    pages_release(&net->loop_scratch);
    pthread_mutex_destroy(&net->scratch_lock);
    loop_free(net->loop);
    free(net);
}

static enum status start(struct net *net, struct err *err)
{
    union socket_address place;
    int fd = -1;
    TRY(reserve_scratch(net, err));
    TRY(loop_new(&net->loop, err));
    TRY(open_port(&net->options, &place, &fd, err));
    net->port = ntohs(place.any.sa_family == AF_INET ? place.v4.sin_port : place.v6.sin6_port);
    usize per_ip = is_loopback(&place) ? 0 : net->options.connections_per_ip;
    enum status st = start_daemon(net, fd, per_ip, err);
    if (net->daemon == NULL)
        close(fd); /* else it belongs to the daemon */
    if (st != ST_OK)
        return st;
    return thread_start(&net->thread, "net", run, net, err);
}

enum status net_start(const struct net_options *options, const struct net_handler *handler,
                      struct net **out, struct err *err)
{
    struct net *net = calloc(1, sizeof(*net));
    if (net == NULL)
        return fail(err, ST_FULL, "no memory for the server");
    net->options = *options;
    net->handler = *handler;
    net->gate = (struct gate){
        .hosts = {(const u8 *)options->hosts, strlen(options->hosts)},
        .origins = {(const u8 *)options->origins, strlen(options->origins)},
        .request_limit = options->request_limit,
    };
    net->memory.limit = options->memory_limit;
    net->daemon_timer.due = daemon_due;
    net->sweep.due = sweep;
    net->stop.run = begin_stop;
    pthread_mutex_init(&net->scratch_lock, NULL);
    enum status st = start(net, err);
    if (st != ST_OK) {
        free_net(net);
        return st;
    }
    *out = net;
    return ST_OK;
}

void net_stop(struct net *net, u64 grace_ms)
{
    if (net == NULL)
        return;
    net->grace_ms = grace_ms;
    loop_post(net->loop, &net->stop);
    pthread_join(net->thread, NULL);
    free_net(net);
}

u16 net_port(const struct net *net)
{
    return net->port;
}

struct net_counts net_count(const struct net *net)
{
    return (struct net_counts){
        .connections = net->connection_count,
        .sockets = net->socket_count,
        .requests = net->requests,
        .refused = net->refused,
        .heavy = net->heavy,
        .memory = net->memory.used,
    };
}
