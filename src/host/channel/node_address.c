#include "channel/node_address.h"

static bool is_in_host(u8 c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == ':' || c == '[' || c == ']';
}

/* 1 to 65535, without zeros before it. */
static bool is_port(bytes digits)
{
    u32 port = 0;
    if (digits.size == 0 || digits.size > 5 || digits.data[0] == '0')
        return false;
    for (usize i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        port = 10 * port + digits.data[i] - '0';
    }
    return port <= UINT16_MAX;
}

static bool is_address(bytes text)
{
    usize colon = text.size;
    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    if (colon < 2 || text.size > NODE_ADDRESS_LIMIT)
        return false;
    for (usize i = 0; i < colon; i++)
        if (!is_in_host(text.data[i]))
            return false;
    return is_port(bytes_slice(text, colon, text.size));
}

bytes node_address_next(bytes *all)
{
    if (all->size == 0)
        return BYTES_EMPTY;
    bytes next = bytes_slice(*all, 1, all->data[0]);
    *all = bytes_slice(*all, 1 + next.size, all->size);
    return next;
}

bool node_addresses_check(bytes all)
{
    for (usize count = 0; all.size > 0; count++)
        if (count == NODE_ADDRESSES_LIMIT || all.data[0] > all.size - 1 ||
            !is_address(node_address_next(&all)))
            return false;
    return true;
}
