/* A WebSocket to a JSON-RPC server, for a thread that has nothing else to do: it waits. Not over
 * TLS. */
#ifndef NET_WS_CLIENT_H
#define NET_WS_CLIENT_H

#include "base/bytes.h"
#include "base/status.h"

struct ws_client;

enum { WS_CLIENT_MESSAGE_LIMIT = 16 << 20 };

/* `url`: http://HOST:PORT. ST_INVALID: it is not. ST_IO: nobody there, or no WebSocket. */
enum status ws_client_open(const char *url, struct ws_client **out, struct err *err);
/* NULL is fine. */
void ws_client_close(struct ws_client *client);

enum status ws_client_say(struct ws_client *client, bytes text, struct err *err);
/* The next message, however long it takes. It borrows until the next call. ST_MISSING: the other
 * side has ended. */
enum status ws_client_hear(struct ws_client *client, bytes *text, struct err *err);

#endif
