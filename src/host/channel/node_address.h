/* Where a node listens: "host:port", the host a name or an IP address, one of version 6 in square
 * brackets. Several lie one after the other, each after a byte with its length. */
#ifndef CHANNEL_NODE_ADDRESS_H
#define CHANNEL_NODE_ADDRESS_H

#include "base/bytes.h"

enum {
    NODE_ADDRESS_LIMIT = 96, /* bytes of one */
    NODE_ADDRESSES_LIMIT = 4,
};

/* Whether these are such addresses, none to NODE_ADDRESSES_LIMIT; whether anything answers there is
 * not asked. */
bool node_addresses_check(bytes all);

/* The next of checked ones, which shrink by it. Empty: there are no more. */
bytes node_address_next(bytes *all);

#endif
