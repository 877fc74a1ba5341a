/* JSON-RPC 2.0: from a body to calls, and from their answers to a body.
 *
 * Nothing is built in between: the body is judged once as JSON, then walked. Each answer repeats
 * its call's id byte for byte. Source: jsonrpc.org/specification; for what it leaves open, geth. */
#ifndef NET_JSONRPC_H
#define NET_JSONRPC_H

#include "net/net.h"

enum {
    JSONRPC_PARSE_ERROR = -32700,
    JSONRPC_INVALID_REQUEST = -32600,
    JSONRPC_METHOD_NOT_FOUND = -32601,
    JSONRPC_TOO_LARGE = -32003, /* geth's: the answer passes the limit */
    JSONRPC_BUSY = -32005,      /* EIP-1474: limit exceeded */
};

/* A body that has been judged. Borrows from it. */
struct jsonrpc {
    json all; /* one call or an array of them; absent: the body is wrong as a whole */
    int code; /* then: why */
    struct err why;
};

void jsonrpc_read(bytes body, usize batch_limit, struct jsonrpc *out);

/* Whether any of its calls is heavy, or they are many. `scratch` is for names with escapes. */
bool jsonrpc_is_heavy(const struct jsonrpc *body, const struct net_handler *handler,
                      struct arena scratch);

/* Has the handler answer one call, however long that takes: appends its result or error. */
void jsonrpc_run(const struct net_handler *handler, bytes method, json params,
                 const struct net_peer *peer, struct json_out *out, struct arena scratch);

/* Appends the answer to `out`: one object or an array; nothing where nothing is answered (calls
 * without id are notifications). When it grows past `answer_limit`, that call and those after it
 * are answered by an error. `out` must be able to hold jsonrpc_room(answer_limit, batch_limit). */
void jsonrpc_answer(const struct jsonrpc *body, const struct net_handler *handler,
                    const struct net_peer *peer, usize answer_limit, struct json_out *out,
                    struct arena scratch);

/* Where it is one call, and the handler begins it: true, and its answer is in `out` when
 * net_answered comes and jsonrpc_end has seen it. `scratch` as above. */
bool jsonrpc_begin(const struct jsonrpc *body, const struct net_handler *handler,
                   const struct net_peer *peer, struct json_out *out, struct net_later *later,
                   struct arena scratch);
void jsonrpc_end(const struct jsonrpc *body, usize answer_limit, struct json_out *out);

/* Answers all calls by this error. */
void jsonrpc_refuse(const struct jsonrpc *body, int code, const char *why, struct json_out *out);

/* Bytes that an answer may take with its errors. */
usize jsonrpc_room(usize answer_limit, usize batch_limit);

#endif
