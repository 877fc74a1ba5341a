/* For tests: nodes that count what their links do, and a peer by hand that does what no node would.
 */
#ifndef CHANNEL_LINK_RIG_H
#define CHANNEL_LINK_RIG_H

#include "channel/link.h"

/* Counts what happens to it, and lets a test do more. It lives as long as the test. */
struct node {
    struct links *links;
    struct loop *loop;
    secret32 key;
    point33 name;
    struct link *link; /* the newest that opened */
    usize opened, messages, drained, gone;
    char why[120];  /* of the newest that is gone */
    bool undrained; /* something was handed over since */
    u8 last[70000]; /* the newest message */
    usize last_size;
    void (*on_opened)(struct node *node, struct link *link);
    void (*on_message)(struct node *node, struct link *link, bytes message);
    void (*on_drained)(struct node *node);
    void (*on_gone)(struct node *node, struct link *link);
};

struct loop *rig_new_loop(void);
/* `change` may set options; NULL: defaults, on any port. */
struct node *rig_new_node(struct loop *loop, u8 key, void (*change)(struct links_options *));
/* Such a change: a megabyte may wait for a peer. */
void rig_little_waits(struct links_options *options);
struct link *rig_connect_to(struct node *node, const struct node *to);
void rig_run_ms(struct loop *loop, u64 time_ms);

/* Up to ten seconds. */
#define RUN_UNTIL(loop, condition)                                                                 \
    do {                                                                                           \
        for (int slices_ = 0; slices_ < 5000 && !(condition); slices_++)                           \
            rig_run_ms(loop, 2);                                                                   \
        CHECK(condition);                                                                          \
    } while (0)

/* Two nodes, a connected to b. */
struct pair {
    struct loop *loop;
    struct node *a, *b;
};

struct pair rig_new_pair(void (*change)(struct links_options *));
void rig_free_pair(struct pair *pair);

/* Message `number` of a sequence: most small, some as large as can be. Lives until the next. */
bytes rig_message_of(u32 number);
/* An `on_message`: they are a sequence, from 1 on. */
void rig_expect_next(struct node *node, struct link *link, bytes message);

/* A socket and a transport, by hand. */
struct raw {
    int fd;
    struct transport transport;
};

struct raw raw_connect(const struct node *to);
void raw_send(const struct raw *raw, bytes data);
/* Exactly `size` bytes, while the loop runs. False: the connection ends before. */
bool raw_receive(const struct raw *raw, struct loop *loop, u8 *to, usize size);
bool raw_is_closed(const struct raw *raw, struct loop *loop);
/* Sends act one; does the whole handshake; connects before it. */
void raw_begin(struct raw *raw, const struct node *to);
void raw_shake(struct raw *raw, struct node *to);
struct raw raw_open(struct node *to);
void raw_say(struct raw *raw, bytes message);
/* The next message; empty: the connection ends. Lives until the next. */
bytes raw_hear(struct raw *raw, struct loop *loop);

#endif
