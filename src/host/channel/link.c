#include "channel/link_parts.h"

#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/ip_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BACKLOG = 1024,
    NEWCOMERS = 16,    /* let in at a time */
    UNPROVEN_PART = 4, /* one in so many links has its handshake under way, at least */
    SWEEP_MOST_MS = 1000,
};

struct links_options links_defaults(struct loop *loop, const secret32 *node_key)
{
    return (struct links_options){
        .loop = loop,
        .node_key = node_key,
        .listens = true,
        .addr = "127.0.0.1",
        .port = 9735,
        .limit = 1000,
        .handshake_ms = 10000,
        .idle_ms = 30000,
        .out_limit = 16 << 20,
    };
}

/* --- Addresses. */

/* --- A turn's end. */

void link_wake(struct link *link)
{
    struct links *links = link->links;
    if (link->busy)
        return;
    link->busy = true;
    link->next_busy = links->busy;
    links->busy = link;
    loop_set_timer(links->options.loop, &links->turn_end, 0); /* due when all events are handled */
}

void link_close(struct link *link, const char *why)
{
    if (link->closing)
        return;
    link->closing = true;
    bytes text = bytes_slice((bytes){(const u8 *)why, strlen(why)}, 0, sizeof(link->why) - 1);
    bytes_copy(link->why, text);
    link->links->count[link->ours]--;
    link_wake(link);
}

static void end(struct link *link)
{
    struct links *links = link->links;
    loop_unwatch(links->options.loop, &link->watch);
    close(link->watch.fd);
    *link->back = link->next;
    if (link->next != NULL)
        link->next->back = link->back;
    if (link->opened || link->ours)
        links->events.gone(links->events.self, link, link->why);
    free(link->in);
    free(link->out);
    transport_end(&link->transport);
    free(link);
}

/* A write that fails closes the link and so wakes it again: then its end comes the next time. */
static void finish_turn(struct link *link)
{
    if (!link->blocked || link->closing)
        link_write(link);
    if (link->closing && !link->busy)
        end(link);
}

static void end_turn(struct timer *timer)
{
    struct links *links = (struct links *)((u8 *)timer - offsetof(struct links, turn_end));
    if (links->got_input)
        links->events.drained(links->events.self);
    links->got_input = false;
    while (links->busy != NULL) {
        struct link *link = links->busy;
        links->busy = link->next_busy;
        link->busy = false;
        finish_turn(link);
    }
    loop_drop_timer(timer); /* all is seen to */
}

/* --- Making links. */

static void finish_connecting(struct link *link)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(link->watch.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error != 0) {
        link_close(link, strerrordesc_np(error));
        return;
    }
    link->connecting = false;
    link->blocked = false;
    link_wake(link);
}

static void link_ready(struct watch *watch, unsigned events)
{
    struct link *link = (struct link *)watch;
    if (link->closing)
        return;
    if (link->connecting) {
        finish_connecting(link);
        return;
    }
    if (events & LOOP_WRITE) {
        link->blocked = false;
        link_wake(link);
    }
    if (events & (LOOP_READ | LOOP_GONE))
        link_read(link);
}

/* Takes the socket, whatever the answer. */
static enum status add_link(struct links *links, int fd, const struct link *as, struct link **out,
                            struct err *err)
{
    int on = 1;
    struct link *link = malloc(sizeof(*link));
    enum status st = ST_OK;
    if (link == NULL)
        st = fail(err, ST_FULL, "no memory for a link");
    if (st == ST_OK) {
        *link = *as;
        link->watch = (struct watch){.ready = link_ready, .fd = fd};
        st = loop_watch(links->options.loop, &link->watch,
                        link->connecting ? LOOP_WRITE : LOOP_READ, err);
    }
    if (st != ST_OK) {
        free(link);
        close(fd);
        return st;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    link->links = links;
    link->heard_ms = clock_now_ms();
    link->next = links->first;
    link->back = &links->first;
    if (link->next != NULL)
        link->next->back = &link->next;
    links->first = link;
    links->count[link->ours]++;
    *out = link;
    return ST_OK;
}

static bool is_spare(const struct links *links, const struct link *link)
{
    return link->opened && links->options.spares != NULL &&
           links->options.spares(links->events.self, link);
}

/* False: all who are here are to stay. Those who hurry must not push each other out faster than a
 * handshake takes, nor those who have all the time in the world keep the others out. */
static bool make_room(struct links *links)
{
    if (links->count[false] < links->options.limit)
        return true;
    struct link *unproven = NULL, *spare = NULL;
    usize count = 0;
    for (struct link *link = links->first; link != NULL; link = link->next) {
        if (link->ours || link->closing)
            continue;
        count += !link->opened;
        if (!link->opened)
            unproven = link;
        else if (is_spare(links, link))
            spare = link;
    }
    bool prefers = spare == NULL || count > links->options.limit / UNPROVEN_PART;
    struct link *oldest = prefers && unproven != NULL ? unproven : spare;
    if (oldest == NULL)
        return false;
    link_close(oldest, "its place was needed");
    return true;
}

static void take_newcomer(struct links *links, int fd)
{
    struct link as = {.ours = false}, *link;
    secret32 ephemeral;
    random_fill(&ephemeral, sizeof(ephemeral));
    if (!make_room(links) || transport_accept(&as.transport, &links->node_key, &ephemeral) != ST_OK)
        close(fd);
    else if (add_link(links, fd, &as, &link, NULL) != ST_OK)
        return;
    secret_wipe(&ephemeral);
    secret_wipe(&as);
}

static void listener_ready(struct watch *watch, unsigned events)
{
    (void)events;
    struct links *links = (struct links *)((u8 *)watch - offsetof(struct links, listener));
    for (int i = 0; i < NEWCOMERS; i++) {
        int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            loop_rewatch(links->options.loop, watch, 0); /* until the next sweep */
        if (fd < 0)
            return;
        take_newcomer(links, fd);
    }
}

static int begin_connecting(const union socket_address *place, bool *connecting, struct err *err)
{
    int fd = socket(place->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *connecting = false;
    if (fd >= 0 && connect(fd, &place->any, ip_address_size(place)) == 0)
        return fd;
    *connecting = fd >= 0 && errno == EINPROGRESS;
    if (*connecting)
        return fd;
    enum status st = fail(err, ST_IO, "cannot connect: %s", strerrordesc_np(errno));
    (void)st;
    if (fd >= 0)
        close(fd);
    return -1;
}

enum status links_connect(struct links *links, const point33 *who, const char *host, u16 port,
                          struct link **out, struct err *err)
{
    struct link as = {.ours = true, .blocked = true, .remote = *who};
    union socket_address place;
    u8 act_one[TRANSPORT_ACT_ONE_SIZE];
    secret32 ephemeral;
    if (links->ending)
        return fail(err, ST_AGAIN, "the node stops");
    if (links->count[true] >= links->options.limit)
        return fail(err, ST_FULL, "%lu connections were made already", links->options.limit);
    TRY(ip_address_read(host, port, &place, err));
    random_fill(&ephemeral, sizeof(ephemeral));
    enum status st = transport_begin(&as.transport, &links->node_key, &ephemeral, who, act_one);
    secret_wipe(&ephemeral);
    if (st != ST_OK)
        return fail(err, st, "the node's name is no key");
    int fd = begin_connecting(&place, &as.connecting, err);
    st = fd < 0 ? ST_IO : add_link(links, fd, &as, out, err);
    secret_wipe(&as);
    if (st == ST_OK)
        link_queue(*out, BYTES_OF(act_one));
    return st;
}

/* --- Deadlines. */

static void check_link(struct link *link, u64 now_ms)
{
    const struct links_options *options = &link->links->options;
    u64 silent_ms = now_ms - link->heard_ms;
    if (!link->opened && silent_ms >= options->handshake_ms)
        link_close(link, "its handshake took too long");
    if (!link->opened || silent_ms < options->idle_ms)
        return;
    if (link->pinged_ms == 0) { /* however long ago: perhaps it was we who stood still */
        link->pinged_ms = now_ms;
        link_ping(link);
    } else if (now_ms - link->pinged_ms >= options->idle_ms)
        link_close(link, "it does not answer");
}

static u64 sweep_ms(const struct links_options *options)
{
    u64 shortest_ms = min_u64(options->handshake_ms, options->idle_ms);
    return max_u64(1, min_u64(shortest_ms / 4, SWEEP_MOST_MS));
}

static void sweep(struct timer *timer)
{
    struct links *links = (struct links *)((u8 *)timer - offsetof(struct links, sweep));
    u64 now_ms = clock_now_ms();
    for (struct link *link = links->first; link != NULL; link = link->next)
        check_link(link, now_ms);
    if (links->listener.fd >= 0)
        loop_rewatch(links->options.loop, &links->listener, LOOP_READ);
    loop_set_timer(links->options.loop, timer, now_ms + sweep_ms(&links->options));
}

/* --- All of them. */

static enum status open_listener(struct links *links, struct err *err)
{
    const struct links_options *options = &links->options;
    union socket_address place;
    int on = 1;
    TRY(ip_address_read(options->addr, options->port, &place, err));
    int fd = socket(place.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = ip_address_size(&place);
    links->listener.fd = fd;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, &place.any, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, &place.any, &size) != 0)
        return fail(err, ST_IO, "cannot listen on port %u of %s: %s", (unsigned)options->port,
                    options->addr, strerrordesc_np(errno));
    links->port = ntohs(place.any.sa_family == AF_INET ? place.v4.sin_port : place.v6.sin6_port);
    return loop_watch(options->loop, &links->listener, LOOP_READ, err);
}

enum status links_new(const struct links_options *options, const struct link_events *events,
                      struct links **out, struct err *err)
{
    point33 unused;
    assert(options->limit > 0 && options->out_limit >= LINK_OUT_LEAST);
    if (point_of_secret(options->node_key, &unused) != ST_OK)
        return fail(err, ST_INVALID, "the node's key is none");
    struct links *links = calloc(1, sizeof(*links));
    if (links == NULL)
        return fail(err, ST_FULL, "no memory for connections");
    links->options = *options;
    links->events = *events;
    links->node_key = *options->node_key;
    links->options.node_key = &links->node_key;
    links->listener = (struct watch){.ready = listener_ready, .fd = -1};
    links->turn_end.due = end_turn;
    links->sweep.due = sweep;
    enum status st = options->listens ? open_listener(links, err) : ST_OK;
    if (st != ST_OK) {
        if (links->listener.fd >= 0)
            close(links->listener.fd);
        free(links);
        return st;
    }
    loop_set_timer(options->loop, &links->sweep, clock_now_ms() + sweep_ms(options));
    *out = links;
    return ST_OK;
}

void links_free(struct links *links)
{
    if (links == NULL)
        return;
    links->ending = true;
    while (links->first != NULL) {
        link_close(links->first, "the node stops");
        end(links->first);
    }
    loop_drop_timer(&links->turn_end);
    loop_drop_timer(&links->sweep);
    if (links->listener.fd >= 0) {
        loop_unwatch(links->options.loop, &links->listener);
        close(links->listener.fd);
    }
    secret_wipe(links);
    free(links);
}

u16 links_port(const struct links *links)
{
    return links->port;
}

/* --- What a link is asked. */

const point33 *link_remote(const struct link *link)
{
    return &link->remote;
}

void link_set_user(struct link *link, void *user)
{
    link->user = user;
}

void *link_user(const struct link *link)
{
    return link->user;
}
