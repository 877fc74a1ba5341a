/* The head of an HTTP request: what matters of its headers, and what is to be done with it.
 *
 * Refuses what servers and proxies are known to read differently (RFC 9112, section 6.3): two
 * Content-Lengths, Content-Length beside Transfer-Encoding, a coding other than chunked. The
 * library below accepts them. */
#ifndef NET_HEAD_H
#define NET_HEAD_H

#include "base/bytes.h"

/* Collected header by header; borrows from the request. */
struct head {
    bytes host, origin, content_type, content_length, coding;
    bytes upgrade, connection, socket_key, socket_version;
    u32 seen;           /* fields that are there, as bits */
    u32 doubled;        /* of these, those that are there more than once */
    bool wants_private; /* Access-Control-Request-Private-Network */
};

void head_add(struct head *head, bytes name, bytes value);

enum route {
    ROUTE_REFUSE,
    ROUTE_CALL,      /* POST with calls in its body */
    ROUTE_PAGE,      /* GET */
    ROUTE_SOCKET,    /* GET that becomes a WebSocket */
    ROUTE_PREFLIGHT, /* OPTIONS: a browser asks whether a page may call */
};

/* For ROUTE_REFUSE, the answer. */
struct refusal {
    unsigned status; /* of HTTP */
    const char *why;
};

struct gate {
    bytes hosts, origins; /* as in struct net_options */
    usize request_limit;
};

enum route head_route(const struct head *head, const struct gate *gate, bytes method, bytes path,
                      struct refusal *refusal);

/* Whether pages of the request's origin may read answers. */
bool head_origin_may_call(const struct head *head, const struct gate *gate);

/* Sec-WebSocket-Accept for a key, 28 characters and a final zero (RFC 6455, section 4.2.2). */
void head_socket_accept(bytes key, char accept[static 29]);

#endif
