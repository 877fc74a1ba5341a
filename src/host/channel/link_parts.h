/* The parts of links: link.c makes, watches and ends them, link_stream.c moves their bytes. */
#ifndef CHANNEL_LINK_PARTS_H
#define CHANNEL_LINK_PARTS_H

#include "channel/link.h"

struct link {
    struct watch watch;
    struct links *links;
    struct link *next, **back; /* in links->first, newest first */
    struct link *next_busy;
    void *user;
    point33 remote;
    struct transport transport;
    bool ours;       /* links_connect made it */
    bool connecting; /* the socket is */
    bool opened;     /* and its owner told */
    bool blocked;    /* the socket takes nothing: what waits goes out when it is ready */
    bool busy;       /* in links->busy */
    bool closing;
    u64 heard_ms;  /* when something was last heard; until opened, when it began */
    u64 pinged_ms; /* when it was asked for a sign of life; 0: not since */
    u8 *in;        /* part of an act or a message; NULL: none */
    usize in_size;
    u8 *out; /* sealed, to be written from out_at on; NULL: nothing waits */
    usize out_at, out_size, out_room;
    char why[120];
};

struct links {
    struct links_options options;
    struct link_events events;
    secret32 node_key;
    struct watch listener; /* fd -1: none */
    u16 port;
    bool ending;
    bool got_input;        /* in this turn */
    struct timer turn_end; /* set: something is busy, or input came */
    struct timer sweep;
    struct link *first;
    struct link *busy; /* to be seen to when the turn ends */
    usize count[2];    /* others made; ours. Without those that are closing */

    /* Of the link that is being read. */
    u8 input[LINK_IN_LIMIT + LINK_READ];
    u8 message[TRANSPORT_MESSAGE_LIMIT];
};

/* Has the turn's end see to the link. */
void link_wake(struct link *link);

/* Reads once, and hands over what came. */
void link_read(struct link *link);
/* Writes once of what waits. */
void link_write(struct link *link);
/* Queues bytes as they are; closes the link where too much waits. */
void link_queue(struct link *link, bytes raw);
void link_ping(struct link *link);

#endif
