/* A client of HTTP and JSON-RPC: how a node asks another one, its parent chain above all.
 *
 * HTTP/1.1 over TCP or TLS (net/tls.h), one connection kept alive, one call at a time, every call
 * with a deadline and every answer bounded. What the other side says is not trusted: its JSON is
 * checked, and its framing is refused where readers could differ. It blocks, so it belongs to a
 * thread that may. A client is used by one thread at a time.
 *
 * A call is never repeated by itself: whether it has had an effect is the caller's to find out. */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "base/json.h"

#include <stdatomic.h>

struct net_client;

struct net_client_options {
    const char *url;    /* http[s]://host[:port][/path]; an IPv6 address in brackets */
    u64 timeout_ms;     /* for a whole call, connecting included */
    usize answer_limit; /* bytes */
    /* Once it is set, by any thread, calls end with ST_AGAIN within 100 ms. NULL: never. */
    const atomic_bool *cancel;
    /* With https: whose certificates to trust, a PEM file. NULL: the system's. */
    const char *ca_file;
};

/* Connects with the first call. ST_INVALID: not such a URL. */
enum status net_client_new(const struct net_client_options *options, struct net_client **out,
                           struct err *err);
/* NULL is fine. */
void net_client_free(struct net_client *client);

/* "host:port", for sentences. */
const char *net_client_name(const struct net_client *client);

/* For the calls that follow. */
void net_client_set_timeout(struct net_client *client, u64 timeout_ms);

/* How long the server asked to be left alone (Retry-After in seconds, RFC 9110, 10.2.3) with the
 * answer that came last; 0: it did not. */
u64 net_client_retry_after_ms(const struct net_client *client);

/* Sends a body and takes the answer's, in `arena`, which has room for answer_limit besides.
 * ST_IO: not reached, or not understood.  ST_AGAIN: it is overloaded (429, 503), or the time is
 * over.  ST_FULL: its answer is larger than the limit.  ST_INVALID: it refuses such requests (4xx),
 * and will again; or `ca_file` cannot be read. */
enum status net_client_post(struct net_client *client, bytes body, bytes *answer,
                            struct arena *arena, struct err *err);

/* GETs `path`, "/…" with or without a query, below the path of the URL. ST_MISSING: it is not there
 * (404). Else as net_client_post. */
enum status net_client_get(struct net_client *client, const char *path, bytes *answer,
                           struct arena *arena, struct err *err);

/* What a server answered to a call that it refused. */
struct net_client_error {
    i64 code;
    bytes message;
    json data; /* may be absent */
};

/* Calls a method; `params` is a JSON array. The result lives in `arena`.
 * ST_INVALID: the server refused the call; *error says why, and so does the sentence.
 * ST_IO also where the answer is none to this call. Else as net_client_post. */
enum status net_client_call(struct net_client *client, const char *method, bytes params,
                            json *result, struct net_client_error *error, struct arena *arena,
                            struct err *err);

/* One of several calls that go out in one body. */
struct net_client_item {
    const char *method;
    bytes params;
    enum status status; /* ST_OK: `result` is set.  ST_INVALID: refused, `error` says why. */
    json result;
    struct net_client_error error;
};

/* A batch of JSON-RPC: every call gets its answer, or none counts. All of none is fine.
 * ST_INVALID: the server refused the batch as a whole; *error says why. Else as net_client_call. */
enum status net_client_batch(struct net_client *client, struct net_client_item *items, usize count,
                             struct net_client_error *error, struct arena *arena, struct err *err);

#endif
