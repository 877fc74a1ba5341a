#include "net/head.h"

#include "base/bug.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <strings.h>

enum field {
    HOST,
    ORIGIN,
    CONTENT_TYPE,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    UPGRADE,
    CONNECTION,
    SOCKET_KEY,
    SOCKET_VERSION,
};

static const struct {
    const char *name;
    usize place;
} fields[] = {
    [HOST] = {"host", offsetof(struct head, host)},
    [ORIGIN] = {"origin", offsetof(struct head, origin)},
    [CONTENT_TYPE] = {"content-type", offsetof(struct head, content_type)},
    [CONTENT_LENGTH] = {"content-length", offsetof(struct head, content_length)},
    [TRANSFER_ENCODING] = {"transfer-encoding", offsetof(struct head, coding)},
    [UPGRADE] = {"upgrade", offsetof(struct head, upgrade)},
    [CONNECTION] = {"connection", offsetof(struct head, connection)},
    [SOCKET_KEY] = {"sec-websocket-key", offsetof(struct head, socket_key)},
    [SOCKET_VERSION] = {"sec-websocket-version", offsetof(struct head, socket_version)},
};

/* --- Text. Names of hosts, fields and tokens know no case. */

static bool says(bytes text, const char *want)
{
    usize size = strlen(want);
    return text.size == size &&
           (size == 0 || strncasecmp((const char *)text.data, want, size) == 0);
}

static bool same(bytes a, bytes b)
{
    return a.size == b.size &&
           (a.size == 0 || strncasecmp((const char *)a.data, (const char *)b.data, a.size) == 0);
}

static bytes trimmed(bytes text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = bytes_slice(text, 1, text.size);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* Takes what stands before the next comma off a list. */
static bool next_item(bytes *list, bytes *item)
{
    if (list->size == 0)
        return false;
    const u8 *comma = memchr(list->data, ',', list->size);
    usize size = comma == NULL ? list->size : (usize)(comma - list->data);
    *item = trimmed(bytes_slice(*list, 0, size));
    *list = bytes_slice(*list, size + 1, list->size);
    return true;
}

static bool has_token(bytes list, const char *token)
{
    bytes item;
    while (next_item(&list, &item))
        if (says(item, token))
            return true;
    return false;
}

/* "name:port" or "[v6]:port" without its port. */
static bytes without_port(bytes host)
{
    for (usize i = host.size; i > 0; i--) {
        u8 c = host.data[i - 1];
        if (c == ':')
            return bytes_slice(host, 0, i - 1);
        if (c < '0' || c > '9')
            break;
    }
    return host;
}

static bool is_ip_address(bytes host)
{
    char text[64];
    u8 binary[16];
    bool bracketed = host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
    if (bracketed)
        host = bytes_slice(host, 1, host.size - 2);
    if (host.size == 0 || host.size >= sizeof(text))
        return false;
    bytes_copy(text, host);
    text[host.size] = 0;
    return inet_pton(bracketed ? AF_INET6 : AF_INET, text, binary) == 1;
}

/* --- Collecting. */

void head_add(struct head *head, bytes name, bytes value)
{
    if (says(name, "access-control-request-private-network"))
        head->wants_private = says(value, "true");
    for (usize i = 0; i < countof(fields); i++) {
        if (!says(name, fields[i].name))
            continue;
        u32 bit = (u32)1 << i;
        head->doubled |= head->seen & bit;
        head->seen |= bit;
        value = trimmed(value);
        memcpy((u8 *)head + fields[i].place, &value, sizeof(value));
        return;
    }
}

static bool has(const struct head *head, enum field field)
{
    return (head->seen >> field & 1) != 0;
}

/* --- Judging. */

static enum route refuse(struct refusal *refusal, unsigned status, const char *why)
{
    *refusal = (struct refusal){status, why};
    return ROUTE_REFUSE;
}

/* A page that has its own name point to this machine (DNS rebinding) still sends that name. A
 * request without Host comes from no browser. */
static bool host_is_ours(const struct head *head, bytes hosts)
{
    if (!has(head, HOST))
        return true;
    bytes host = without_port(head->host), name;
    if (host.size > 0 && host.data[host.size - 1] == '.')
        host.size--;
    if (says(host, "localhost") || is_ip_address(host))
        return true;
    while (next_item(&hosts, &name))
        if (says(name, "*") || same(name, host))
            return true;
    return false;
}

static bool origin_is_listed(bytes origin, bytes origins)
{
    bytes entry;
    while (next_item(&origins, &entry))
        if (says(entry, "*") || same(entry, origin) || same(entry, without_port(origin)))
            return true;
    return false;
}

bool head_origin_may_call(const struct head *head, const struct gate *gate)
{
    return has(head, ORIGIN) && origin_is_listed(head->origin, gate->origins);
}

/* CORS does not hold back WebSockets, so their origin is checked here. */
static bool origin_may_connect(const struct head *head, const struct gate *gate)
{
    static const char local[] = "http://localhost,https://localhost,http://127.0.0.1,"
                                "https://127.0.0.1,http://[::1],https://[::1]";
    return !has(head, ORIGIN) || origin_is_listed(head->origin, gate->origins) ||
           origin_is_listed(head->origin, BYTES_LIT(local));
}

static bool read_length(bytes digits, u64 *out)
{
    *out = 0;
    for (usize i = 0; i < digits.size; i++)
        if (digits.data[i] < '0' || digits.data[i] > '9' || __builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, (u64)(digits.data[i] - '0'), out))
            return false;
    return digits.size > 0;
}

/* Whether everybody reads the same body. */
static enum route check_framing(const struct head *head, const struct gate *gate,
                                struct refusal *refusal)
{
    u32 single = (u32)1 << HOST | (u32)1 << ORIGIN | (u32)1 << CONTENT_TYPE |
                 (u32)1 << CONTENT_LENGTH | (u32)1 << TRANSFER_ENCODING | (u32)1 << SOCKET_KEY |
                 (u32)1 << SOCKET_VERSION;
    u64 length;
    if (head->doubled & single)
        return refuse(refusal, 400, "a header that may be there once is there twice\n");
    if (has(head, TRANSFER_ENCODING) && !says(head->coding, "chunked"))
        return refuse(refusal, 501, "the only transfer coding understood is chunked\n");
    if (has(head, TRANSFER_ENCODING) && has(head, CONTENT_LENGTH))
        return refuse(refusal, 400, "Content-Length beside Transfer-Encoding\n");
    if (has(head, CONTENT_LENGTH) && !read_length(head->content_length, &length))
        return refuse(refusal, 400, "Content-Length is no number\n");
    if (has(head, CONTENT_LENGTH) && length > gate->request_limit)
        return refuse(refusal, 413, "the body is larger than the limit\n");
    return ROUTE_CALL;
}

static enum route route_get(const struct head *head, const struct gate *gate,
                            struct refusal *refusal)
{
    if (!has(head, UPGRADE) || !has_token(head->upgrade, "websocket"))
        return ROUTE_PAGE;
    if (!has_token(head->connection, "upgrade") || head->socket_key.size != 24)
        return refuse(refusal, 400, "not a WebSocket handshake\n");
    if (!says(head->socket_version, "13"))
        return refuse(refusal, 426, "the only version of WebSocket understood is 13\n");
    if (!origin_may_connect(head, gate))
        return refuse(refusal, 403, "pages of this origin may not connect\n");
    return ROUTE_SOCKET;
}

/* JSON alone, because a browser asks before it sends that to another origin; of plain text or a
 * form it would tell the page nothing, but send it. */
static enum route route_post(const struct head *head, bytes path, struct refusal *refusal)
{
    static const char *const accepted[] = {"application/json", "application/json-rpc",
                                           "application/jsonrequest"};
    if (!says(path, "/"))
        return refuse(refusal, 404, "calls go to /\n");
    bytes type = head->content_type;
    const u8 *semicolon = type.size == 0 ? NULL : memchr(type.data, ';', type.size);
    if (semicolon != NULL)
        type = trimmed(bytes_slice(type, 0, (usize)(semicolon - type.data)));
    for (usize i = 0; i < countof(accepted); i++)
        if (says(type, accepted[i]))
            return ROUTE_CALL;
    return refuse(refusal, 415, "Content-Type must be application/json\n");
}

enum route head_route(const struct head *head, const struct gate *gate, bytes method, bytes path,
                      struct refusal *refusal)
{
    if (check_framing(head, gate, refusal) == ROUTE_REFUSE)
        return ROUTE_REFUSE;
    if (!host_is_ours(head, gate->hosts))
        return refuse(refusal, 403,
                      "this name is not one of the server's: see its allowed hosts\n");
    if (says(method, "POST"))
        return route_post(head, path, refusal);
    if (says(method, "GET"))
        return route_get(head, gate, refusal);
    if (says(method, "HEAD"))
        return ROUTE_PAGE;
    if (says(method, "OPTIONS"))
        return ROUTE_PREFLIGHT;
    return refuse(refusal, 405, "POST sends calls, GET shows pages\n");
}

void head_socket_accept(bytes key, char accept[static 29])
{
    u8 text[64], digest[EVP_MAX_MD_SIZE];
    bytes magic = BYTES_LIT("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    usize size = key.size + magic.size;
    unsigned digest_size;
    assert(size <= sizeof(text));
    bytes_copy(text, key);
    bytes_copy(text + key.size, magic);
    assert(EVP_Digest(text, size, digest, &digest_size, EVP_sha1(), NULL) == 1);
    EVP_EncodeBlock((u8 *)accept, digest, (int)digest_size);
}
