/* A channel daemon as a program runs it: on a thread of its own, with its server of JSON-RPC. */
#ifndef CHANNEL_SERVICE_H
#define CHANNEL_SERVICE_H

#include "channel/daemon.h"

struct service_options {
    struct daemon_options daemon; /* but the loop; what it points to outlives the service */
    const char *http_addr;
    u16 http_port;                               /* 0: any free one */
    void (*failed)(void *self, const char *why); /* its journal did; on its thread, once */
    void *self;
};

struct service;

/* ST_IO: also where the server's port is not to be had. Others as daemon_open. */
enum status service_start(const struct service_options *options, struct service **out,
                          struct err *err);
/* Nothing that was promised is lost. NULL is fine. */
void service_stop(struct service *service);

/* As daemon_name. */
void service_name(const struct service *service, char out[static DAEMON_NAME_SIZE]);
u16 service_http_port(const struct service *service);

#endif
