/* A JSON-RPC client: how a node asks another one, its parent chain above all.
 *
 * Plain HTTP/1.1 over TCP, one connection kept alive, one call at a time, every call with a
 * deadline and every answer bounded. What the other side says is not trusted: its JSON is checked,
 * and its framing is refused where readers could differ. It blocks, so it belongs to a thread that
 * may. A client is used by one thread at a time.
 *
 * A call is never repeated by itself: whether it has had an effect is the caller's to find out. */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "base/json.h"

struct net_client;

struct net_client_options {
    const char *url;    /* http://host[:port][/path]; an IPv6 address in brackets */
    u64 timeout_ms;     /* for a whole call, connecting included */
    usize answer_limit; /* bytes */
};

/* Connects with the first call. ST_INVALID: not such a URL. */
enum status net_client_new(const struct net_client_options *options, struct net_client **out,
                           struct err *err);
/* NULL is fine. */
void net_client_free(struct net_client *client);

/* Sends a body and takes the answer's, in `arena`, which has room for answer_limit besides.
 * ST_IO: not reached, or not understood.  ST_AGAIN: it is overloaded (429, 503), or the time is
 * over.  ST_FULL: its answer is larger than the limit. */
enum status net_client_post(struct net_client *client, bytes body, bytes *answer,
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

#endif
