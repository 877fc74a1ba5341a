#include "channel/service.h"

#include <assert.h>
#include <stdlib.h>

enum { WORKERS = 4, QUEUE = 4096, GRACE_MS = 1000 };

struct service {
    struct service_options options;
    struct loop *loop;
    struct daemon *daemon;
    struct pool *workers; /* batches, and what reads from the disk */
    struct net *net;
    pthread_t thread;
    bool runs;
};

static void *run(void *self)
{
    struct service *service = self;
    loop_run(service->loop);
    const char *why = daemon_failure(service->daemon);
    if (why != NULL && service->options.failed != NULL)
        service->options.failed(service->options.self, why);
    return NULL;
}

static enum status begin(struct service *service, struct err *err)
{
    struct daemon_options options = service->options.daemon;
    TRY(loop_new(&service->loop, err));
    options.loop = service->loop;
    TRY(daemon_open(&options, &service->daemon, err));
    TRY(pool_new(WORKERS, QUEUE, &service->workers, err));
    struct net_options net = net_defaults(service->workers);
    struct net_handler handler = daemon_handler(service->daemon);
    net.address = service->options.http_addr;
    net.port = service->options.http_port;
    TRY(net_start(&net, &handler, &service->net, err));
    TRY(thread_start(&service->thread, "channels", run, service, err));
    service->runs = true;
    return ST_OK;
}

enum status service_start(const struct service_options *options, struct service **out,
                          struct err *err)
{
    struct service *service = calloc(1, sizeof(*service));
    assert(service != NULL);
    service->options = *options;
    enum status st = begin(service, err);
    if (st != ST_OK) {
        service_stop(service);
        return st;
    }
    *out = service;
    return ST_OK;
}

void service_stop(struct service *service)
{
    if (service == NULL)
        return;
    if (service->runs) {
        loop_stop(service->loop);
        pthread_join(service->thread, NULL);
    }
    if (service->daemon != NULL)
        daemon_end(service->daemon);
    net_stop(service->net, GRACE_MS);
    pool_free(service->workers);
    daemon_close(service->daemon);
    loop_free(service->loop);
    free(service);
}

void service_name(const struct service *service, char out[static DAEMON_NAME_SIZE])
{
    daemon_name(service->daemon, out);
}

u16 service_http_port(const struct service *service)
{
    return net_port(service->net);
}
