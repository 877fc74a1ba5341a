#include "net/head.h"

#include "harness/test.h"

/* Headers as "name: value\n…". */
static struct head head_of(const char *text)
{
    struct head head = {0};
    while (*text != 0) {
        usize name = strcspn(text, ":"), line = strcspn(text, "\n");
        head_add(&head, (bytes){(const u8 *)text, name},
                 (bytes){(const u8 *)text + name + 1, line - name - 1});
        text += line + 1;
    }
    return head;
}

static bytes of(const char *text)
{
    return (bytes){(const u8 *)text, strlen(text)};
}

#define JSON "Content-Type: application/json\n"
#define SOCKET                                                                                     \
    "Upgrade: websocket\nConnection: keep-alive, Upgrade\nSec-WebSocket-Version: 13\n"             \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"

TEST(head_routes_or_refuses_by_headers)
{
    static const struct {
        const char *method, *path, *headers;
        enum route route;
        unsigned status;
    } rows[] = {
        {"POST", "/", "Host: localhost:8545\n" JSON "Content-Length: 5\n", ROUTE_CALL, 0},
        {"POST", "/", "Host: localhost\n" JSON "transfer-encoding: Chunked\n", ROUTE_CALL, 0},
        {"POST", "/", JSON, ROUTE_CALL, 0}, /* HTTP/1.0 */
        {"POST", "/", "Host: x\n" JSON, ROUTE_REFUSE, 403},
        {"POST", "/other", JSON, ROUTE_REFUSE, 404},
        {"POST", "/", "Host: localhost\n", ROUTE_REFUSE, 415},
        {"POST", "/", "Content-Type: text/plain\n", ROUTE_REFUSE, 415},
        {"POST", "/", "Content-Type: application/json; charset=utf-8\n", ROUTE_CALL, 0},
        {"POST", "/", "Content-Type: application/jsonx\n", ROUTE_REFUSE, 415},
        {"POST", "/", "content-type: APPLICATION/JSON\n", ROUTE_CALL, 0},
        {"PUT", "/", JSON, ROUTE_REFUSE, 405},
        {"TRACE", "/", "", ROUTE_REFUSE, 405},
        /* what two readers may read differently */
        {"POST", "/", JSON "Content-Length: 5\nContent-Length: 5\n", ROUTE_REFUSE, 400},
        {"POST", "/", JSON "Content-Length: 5\nContent-Length: 6\n", ROUTE_REFUSE, 400},
        {"POST", "/", JSON "Content-Length: 5\nTransfer-Encoding: chunked\n", ROUTE_REFUSE, 400},
        {"GET", "/", "Content-Length: 5\nTransfer-Encoding: chunked\n", ROUTE_REFUSE, 400},
        {"POST", "/", JSON "Transfer-Encoding: gzip, chunked\n", ROUTE_REFUSE, 501},
        {"POST", "/", JSON "Transfer-Encoding: identity\n", ROUTE_REFUSE, 501},
        {"POST", "/", JSON "Transfer-Encoding: \n", ROUTE_REFUSE, 501},
        {"POST", "/", JSON "Content-Length: +5\n", ROUTE_REFUSE, 400},
        {"POST", "/", JSON "Content-Length: 5, 5\n", ROUTE_REFUSE, 400},
        {"POST", "/", JSON "Content-Length: 0x5\n", ROUTE_REFUSE, 400},
        {"POST", "/", JSON "Content-Length: \n", ROUTE_REFUSE, 400},
        {"POST", "/", JSON "Content-Length: 1000\n", ROUTE_CALL, 0},
        {"POST", "/", JSON "Content-Length: 1001\n", ROUTE_REFUSE, 413},
        {"POST", "/", JSON "Content-Length: 99999999999999999999999\n", ROUTE_REFUSE, 400},
        {"POST", "/", JSON "Host: localhost\nHost: evil\n", ROUTE_REFUSE, 400},
        {"POST", "/", JSON JSON, ROUTE_REFUSE, 400},
        /* pages, preflights, sockets */
        {"GET", "/health", "Host: localhost\n", ROUTE_PAGE, 0},
        {"HEAD", "/", "", ROUTE_PAGE, 0},
        {"OPTIONS", "/", "Origin: https://a.example\n", ROUTE_PREFLIGHT, 0},
        {"GET", "/", SOCKET, ROUTE_SOCKET, 0},
        {"GET", "/", SOCKET "Origin: http://localhost:3000\n", ROUTE_SOCKET, 0},
        {"GET", "/", SOCKET "Origin: https://app.example\n", ROUTE_SOCKET, 0},
        {"GET", "/", SOCKET "Origin: https://evil.example\n", ROUTE_REFUSE, 403},
        {"GET", "/", SOCKET "Origin: null\n", ROUTE_REFUSE, 403},
        {"GET", "/", SOCKET "Host: evil.example\n", ROUTE_REFUSE, 403},
        {"GET", "/", "Upgrade: h2c\nConnection: Upgrade\n", ROUTE_PAGE, 0},
        {"GET", "/", "Upgrade: websocket\nConnection: close\n", ROUTE_REFUSE, 400},
        {"GET", "/",
         "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 8\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n",
         ROUTE_REFUSE, 426},
    };
    struct gate gate = {of("node.example"), of("https://app.example, http://b"), 1000};
    for (usize i = 0; i < countof(rows); i++) {
        struct refusal refusal = {0};
        struct head head = head_of(rows[i].headers);
        enum route route = head_route(&head, &gate, of(rows[i].method), of(rows[i].path), &refusal);
        CHECK_ROW(i, route == rows[i].route);
        CHECK_ROW(i, refusal.status == rows[i].status);
    }
}

TEST(head_knows_the_names_of_its_own_host)
{
    static const struct {
        const char *host, *hosts;
        bool ours;
    } rows[] = {
        {"localhost", "", true},
        {"LOCALHOST:1", "", true},
        {"localhost.:8545", "", true},
        {"127.0.0.1:8545", "", true},
        {"10.1.2.3", "", true},
        {"[::1]:8545", "", true},
        {"[fe80::1]", "", true},
        {"localhost.evil.example", "", false},
        {"127.0.0.1.evil.example", "", false},
        {"127.0.0.1x:80", "", false},
        {"[::1", "", false},
        {"[localhost]", "", false},
        {"", "", false},
        {"node.example:8545", "", false},
        {"node.example:8545", "a,node.example", true},
        {"Node.Example", "a,node.example", true},
        {"sub.node.example", "a,node.example", false},
        {"anything", "*", true},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct gate gate = {of(rows[i].hosts), BYTES_EMPTY, 1000};
        struct head head = {0};
        struct refusal refusal;
        head_add(&head, of("Host"), of(rows[i].host));
        enum route route = head_route(&head, &gate, of("GET"), of("/"), &refusal);
        CHECK_ROW(i, (route == ROUTE_PAGE) == rows[i].ours);
    }
}

TEST(head_lets_pages_of_listed_origins_call)
{
    static const struct {
        const char *origin, *origins;
        bool may;
    } rows[] = {
        {"http://localhost:3000", "", false},
        {"http://localhost:3000", "http://localhost:3000", true},
        {"http://localhost:3000", "http://localhost", true},
        {"http://localhost:3000", "http://localhost:3001", false},
        {"https://localhost", "http://localhost", false},
        {"https://app.example", "https://a, https://APP.example", true},
        {"https://app.example.evil", "https://app.example", false},
        {"null", "*", true},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct gate gate = {BYTES_EMPTY, of(rows[i].origins), 1000};
        struct head head = {0};
        CHECK_ROW(i, !head_origin_may_call(&head, &gate));
        head_add(&head, of("origin"), of(rows[i].origin));
        CHECK_ROW(i, head_origin_may_call(&head, &gate) == rows[i].may);
    }
}

TEST(head_accepts_sockets_as_rfc_6455_shows)
{
    char accept[29];
    head_socket_accept(BYTES_LIT("dGhlIHNhbXBsZSBub25jZQ=="), accept);
    CHECK(strcmp(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == 0);
}
