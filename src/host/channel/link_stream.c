/* The bytes of a link: what it reads, unseals, hands over, seals and writes. */
#include "channel/link_parts.h"
#include "channel/wire.h"

#include "sys/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    SMALLEST_ROOM = 4096,
    PONG_WHILE = 1 << 17, /* bytes wait at most: who does not read is not answered */
};

/* --- Output. */

usize link_waiting(const struct link *link)
{
    return link->out_size - link->out_at;
}

static void drop_out(struct link *link)
{
    free(link->out);
    link->out = NULL;
    link->out_at = link->out_size = link->out_room = 0;
}

/* Moves what waits to the front where that costs no more than writing what stood there did; else
 * takes more memory, which is never needed beyond twice the limit. */
static bool grow(struct link *link, usize more)
{
    usize kept = link_waiting(link), limit = 2 * link->links->options.out_limit;
    if (link->out_at >= kept && kept + more <= link->out_room) {
        memmove(link->out, link->out + link->out_at, kept);
        link->out_at = 0;
        link->out_size = kept;
        return true;
    }
    usize want = max_u64(link->out_room, SMALLEST_ROOM);
    while (want < link->out_size + more)
        want *= 2;
    want = min_u64(want, limit);
    u8 *moved = realloc(link->out, want);
    if (moved == NULL)
        return false;
    link->out = moved;
    link->out_room = want;
    return true;
}

/* Where `size` more bytes go; the link closes where they are too many. */
static u8 *take_room(struct link *link, usize size)
{
    if (size > link->links->options.out_limit - link_waiting(link)) {
        link_close(link, "too much waits for a peer that does not read");
        return NULL;
    }
    if (link->out_size + size > link->out_room && !grow(link, size)) {
        link_close(link, "no memory for what waits");
        return NULL;
    }
    u8 *at = link->out + link->out_size;
    link->out_size += size;
    link_wake(link);
    return at;
}

void link_queue(struct link *link, bytes raw)
{
    u8 *at = take_room(link, raw.size);
    if (at != NULL)
        bytes_copy(at, raw);
}

enum status link_send(struct link *link, bytes message)
{
    if (!link->opened || link->closing)
        return ST_AGAIN;
    u8 *at = take_room(link, message.size + TRANSPORT_OVERHEAD);
    if (at == NULL)
        return ST_FULL;
    return transport_seal(&link->transport, message, at);
}

void link_write(struct link *link)
{
    if (link->connecting || link->out == NULL)
        return;
    ssize_t put = send(link->watch.fd, link->out + link->out_at, link_waiting(link), MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN && errno != EINTR) {
        link_close(link, strerrordesc_np(errno));
        drop_out(link);
        return;
    }
    link->out_at += put > 0 ? (usize)put : 0;
    link->blocked = link_waiting(link) > 0;
    if (!link->blocked)
        drop_out(link);
    loop_rewatch(link->links->options.loop, &link->watch,
                 LOOP_READ | (link->blocked ? LOOP_WRITE : 0));
}

/* --- Keeping alive. */

static void send_wire(struct link *link, const struct wire_message *message)
{
    u8 out[WIRE_LIMIT];
    usize size = wire_encode(message, out);
    enum status st = link_send(link, (bytes){out, size});
    (void)st; /* not taken: it closes */
}

void link_ping(struct link *link)
{
    struct wire_message ping = {WIRE_PING, {.ping = {0}}};
    send_wire(link, &ping);
}

/* BOLT 1: a ping that asks for more than fits into an answer gets none. */
static void answer_ping(struct link *link, u16 size)
{
    enum { ASKS_FOR_NONE = 65532 };
    if (size >= ASKS_FOR_NONE || link_waiting(link) > PONG_WHILE)
        return;
    u8 *padding = link->links->message; /* the ping in it has been read */
    memset(padding, 0, size);
    struct wire_message pong = {WIRE_PONG, {.pong = {{padding, size}}}};
    send_wire(link, &pong);
}

/* --- Input. */

static void drop_in(struct link *link)
{
    free(link->in);
    link->in = NULL;
    link->in_size = 0;
}

static void hold(struct link *link, bytes rest)
{
    if (rest.size == 0 || link->closing)
        return;
    assert(rest.size <= LINK_IN_LIMIT);
    link->in = malloc(rest.size);
    if (link->in == NULL) {
        link_close(link, "no memory for its input");
        return;
    }
    memcpy(link->in, rest.data, rest.size);
    link->in_size = rest.size;
}

static void note_input(struct links *links)
{
    if (!links->got_input)
        loop_set_timer(links->options.loop, &links->turn_end, 0);
    links->got_input = true;
}

static void open_link(struct link *link)
{
    struct links *links = link->links;
    link->remote = link->transport.remote;
    link->opened = true;
    note_input(links);
    links->events.opened(links->events.self, link);
}

static enum status take_act(struct link *link, bytes in, usize *used, struct err *err)
{
    u8 reply[TRANSPORT_ACT_THREE_SIZE];
    usize size;
    TRY(transport_handshake(&link->transport, in, used, reply, &size, err));
    if (size > 0)
        link_queue(link, (bytes){reply, size});
    if (link->transport.state == TRANSPORT_OPEN && !link->closing)
        open_link(link);
    return ST_OK;
}

static bool keeps_alive(bytes message)
{
    return message.size >= 2 && message.data[0] == 0 &&
           (message.data[1] == WIRE_PING || message.data[1] == WIRE_PONG);
}

static enum status take_message(struct link *link, bytes in, usize *used, struct err *err)
{
    struct links *links = link->links;
    bytes message = {links->message, 0};
    TRY(transport_unseal(&link->transport, in, used, links->message, &message.size, err));
    if (keeps_alive(message)) {
        struct wire_message wire;
        TRY(wire_decode(message, &wire, err));
        if (wire.type == WIRE_PING)
            answer_ping(link, wire.ping.pong_size);
        return ST_OK;
    }
    note_input(links);
    links->events.message(links->events.self, link, message);
    return ST_OK;
}

/* Returns how many bytes were used. */
static usize hand_over(struct link *link, bytes in)
{
    usize at = 0, used = 0;
    struct err err;
    for (enum status st = ST_OK; st == ST_OK && !link->closing; at += used) {
        bytes rest = bytes_slice(in, at, in.size);
        bool open = link->transport.state == TRANSPORT_OPEN;
        st = open ? take_message(link, rest, &used, &err) : take_act(link, rest, &used, &err);
        if (st != ST_OK && st != ST_AGAIN)
            link_close(link, err.text);
    }
    return at;
}

void link_read(struct link *link)
{
    struct links *links = link->links;
    ssize_t got = recv(link->watch.fd, links->input + link->in_size, LINK_READ, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        link_close(link, got == 0 ? "the peer closed the connection" : strerrordesc_np(errno));
        return;
    }
    bytes in = {links->input, link->in_size + (usize)got};
    bytes_copy(links->input, (bytes){link->in, link->in_size});
    drop_in(link);
    usize used = hand_over(link, in);
    hold(link, bytes_slice(in, used, in.size));
    if (used > 0 && link->opened) {
        link->heard_ms = clock_now_ms();
        link->pinged_ms = 0;
    }
}
