/* IP addresses as people write them, and as sockets take them. */
#ifndef SYS_IP_ADDRESS_H
#define SYS_IP_ADDRESS_H

#include "base/status.h"

#include <netinet/in.h>
#include <sys/socket.h>

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Of version 4 or 6; no names. ST_INVALID: neither. */
enum status ip_address_read(const char *text, u16 port, union socket_address *out, struct err *err);

socklen_t ip_address_size(const union socket_address *place);

#endif
