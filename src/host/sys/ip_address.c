#include "sys/ip_address.h"

#include <arpa/inet.h>

enum status ip_address_read(const char *text, u16 port, union socket_address *out, struct err *err)
{
    *out = (union socket_address){0};
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        return ST_OK;
    }
    if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        return ST_OK;
    }
    return fail(err, ST_INVALID, "\"%s\" is no IP address", text);
}

socklen_t ip_address_size(const union socket_address *place)
{
    return place->any.sa_family == AF_INET ? sizeof(place->v4) : sizeof(place->v6);
}
