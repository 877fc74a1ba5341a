/* For tests: a running server with a few methods, and raw clients for it. */
#ifndef NET_RIG_H
#define NET_RIG_H

#include "net/net.h"

#include <stdatomic.h>

/* Methods: echo (its parameters), heavy (the same, on the pool), slow (50 ms, on the pool),
 * big (as many bytes as its parameter says), subscribe (remembers the peer, sends it "pushed"),
 * later (its parameters, or for "big" too many bytes, when test_answer_later comes). */
struct test_server {
    struct net *net;
    struct pool *pool;
    struct net_peer peer;   /* of the last subscribe */
    atomic_bool subscribed; /* `peer` is set */
    atomic_uint peers_gone;
    atomic_uint slow_running;
    struct test_later *later; /* newest first; guarded by */
    pthread_mutex_t lock;
    atomic_uint later_count;
};

/* `change` may set options before the start; NULL: defaults. */
struct test_server *test_server_start(void (*change)(struct net_options *options));
void test_server_stop(struct test_server *server);
/* All calls of "later" so far. */
void test_answer_later(struct test_server *server);

/* A blocking connection that gives up reading after 10 s. */
int test_connect(const struct test_server *server);
void test_send(int fd, const char *text);
void test_send_bytes(int fd, bytes content);
/* Reads `size` bytes, fewer where the other side closes. */
bytes test_receive(int fd, usize size);
/* Reads until the other side closes; at most 64 KiB. */
const char *test_receive_all(int fd);
/* One response: its whole head, and a body as long as Content-Length says. */
struct test_response {
    unsigned status; /* 0: none came */
    const char *head, *body;
};
struct test_response test_response(int fd);

/* A request that posts `body`. */
const char *test_post(const char *body);

/* Waits up to 10 s for something that another thread does. */
#define TEST_EVENTUALLY(condition)                                                                 \
    do {                                                                                           \
        for (int waits_ = 0; waits_ < 1000 && !(condition); waits_++)                              \
            test_sleep_ms(10);                                                                     \
        CHECK(condition);                                                                          \
    } while (0)
void test_sleep_ms(unsigned time_ms);

#endif
