/* The client over TLS, against servers good and bad. */
#include "net/client.h"

#include "harness/test.h"
#include "net/rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- A certificate that vouches for itself. */

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    char path[300]; /* of the certificate, as PEM */
};

static void add_extension(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    CHECK(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static struct identity identity_of(const char *folder, const char *names, long valid_s)
{
    static unsigned count;
    struct identity out = {.key = EVP_EC_gen("P-256"), .certificate = X509_new()};
    X509 *certificate = out.certificate;
    X509_NAME *name = X509_get_subject_name(certificate);
    CHECK(X509_set_version(certificate, 2) == 1);
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(certificate), (long)++count) == 1);
    CHECK(X509_gmtime_adj(X509_getm_notBefore(certificate), -1000000) != NULL);
    CHECK(X509_gmtime_adj(X509_getm_notAfter(certificate), valid_s) != NULL);
    CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const u8 *)"test", -1, -1, 0) == 1);
    CHECK(X509_set_issuer_name(certificate, name) == 1);
    CHECK(X509_set_pubkey(certificate, out.key) == 1);
    add_extension(certificate, NID_subject_alt_name, names);
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    CHECK(X509_sign(certificate, out.key, EVP_sha256()) > 0);
    snprintf(out.path, sizeof(out.path), "%s/%u.pem", folder, count);
    FILE *file = fopen(out.path, "w");
    CHECK(file != NULL && PEM_write_X509(file, certificate) == 1);
    fclose(file);
    return out;
}

static void identity_free(struct identity *identity)
{
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
}

/* --- A server of one connection, which says the same to every request. */

struct tls_server {
    int fd;
    u16 port;
    pthread_t thread;
    SSL_CTX *context; /* NULL: speaks no TLS */
    const char *says;
    bool cuts; /* closes without saying so */
    unsigned requests;
};

/* Until the body's end. */
static bool read_request(SSL *ssl)
{
    char request[4096];
    usize size = 0, got;
    while (size < sizeof(request) - 1 && SSL_read_ex(ssl, request + size, 1, &got) == 1)
        if (request[size++] == '}')
            return true;
    return false;
}

static void serve(struct tls_server *server, int fd)
{
    SSL *ssl = SSL_new(server->context);
    SSL_set_fd(ssl, fd);
    usize put, size = strlen(server->says);
    if (SSL_accept(ssl) == 1) {
        bool keeps = strstr(server->says, "Content-Length") != NULL;
        while (read_request(ssl)) {
            server->requests++;
            if (SSL_write_ex(ssl, server->says, size, &put) != 1 || !keeps)
                break;
        }
        if (!server->cuts)
            SSL_shutdown(ssl);
    }
    SSL_free(ssl);
}

static void *run(void *self)
{
    struct tls_server *server = self;
    int fd = accept(server->fd, NULL, NULL);
    if (server->context != NULL)
        serve(server, fd);
    else
        test_send(fd, server->says);
    close(fd);
    return NULL;
}

static void server_start(struct tls_server *server, const struct identity *identity)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(place);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(server->fd, (const struct sockaddr *)&place, sizeof(place)) == 0);
    CHECK(listen(server->fd, 1) == 0);
    CHECK(getsockname(server->fd, (struct sockaddr *)&place, &size) == 0);
    server->port = ntohs(place.sin_port);
    if (identity != NULL) {
        server->context = SSL_CTX_new(TLS_server_method());
        CHECK(SSL_CTX_use_certificate(server->context, identity->certificate) == 1);
        CHECK(SSL_CTX_use_PrivateKey(server->context, identity->key) == 1);
    }
    CHECK(thread_start(&server->thread, "tls", run, server, NULL) == ST_OK);
}

static void server_stop(struct tls_server *server)
{
    pthread_join(server->thread, NULL);
    close(server->fd);
    SSL_CTX_free(server->context);
}

static struct net_client *client_of(const struct tls_server *server, const char *host,
                                    const char *ca_file)
{
    char url[100];
    struct net_client *client = NULL;
    struct err err;
    snprintf(url, sizeof(url), "https://%s:%u", host, (unsigned)server->port);
    struct net_client_options options = {
        .url = url, .timeout_ms = 5000, .answer_limit = 1 << 20, .ca_file = ca_file};
    CHECK(net_client_new(&options, &client, &err) == ST_OK);
    return client;
}

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

TEST(client_speaks_tls_on_one_kept_connection)
{
    struct identity identity = identity_of(test_folder(), "IP:127.0.0.1,DNS:localhost", 1000000);
    for (int by_name = 0; by_name < 2; by_name++) {
        struct tls_server server = {.says = ANSWER};
        struct err err = {{0}};
        bytes answer;
        server_start(&server, &identity);
        struct net_client *client =
            client_of(&server, by_name ? "localhost" : "127.0.0.1", identity.path);
        for (int i = 0; i < 5; i++) {
            enum status st = net_client_post(client, BYTES_LIT("{}"), &answer, test_arena(), &err);
            CHECK_ROW(i, st == ST_OK && bytes_equal(answer, BYTES_LIT("hello")));
            test_sleep_ms(5); /* tickets come */
        }
        net_client_free(client);
        server_stop(&server);
        CHECK_ROW(by_name, server.requests == 5);
    }
    identity_free(&identity);
}

TEST(client_sends_and_takes_much_over_tls)
{
    enum { SIZE = 300000 };
    struct identity identity = identity_of(test_folder(), "IP:127.0.0.1", 1000000);
    char *says = ARENA_NEW(test_arena(), char, SIZE + 100);
    usize head = (usize)sprintf(says, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", SIZE);
    memset(says + head, 'x', SIZE);
    struct tls_server server = {.says = says};
    struct err err = {{0}};
    bytes answer = BYTES_EMPTY;
    server_start(&server, &identity);
    struct net_client *client = client_of(&server, "127.0.0.1", identity.path);
    CHECK(net_client_post(client, BYTES_LIT("{}"), &answer, test_arena(), &err) == ST_OK);
    CHECK(answer.size == SIZE && answer.data[SIZE - 1] == 'x');
    net_client_free(client);
    server_stop(&server);
    identity_free(&identity);
}

TEST(client_refuses_servers_that_do_not_prove_who_they_are)
{
    const char *folder = test_folder();
    static const struct {
        const char *names, *why;
        long valid_s;
        bool untrusted;
    } rows[] = {
        {"DNS:example.org", "IP address mismatch", 1000000, false},
        {"IP:127.0.0.2", "IP address mismatch", 1000000, false},
        {"IP:127.0.0.1", "expired", -1000, false},
        {"IP:127.0.0.1", "self-signed certificate", 1000000, true},
    };
    struct identity other = identity_of(folder, "IP:127.0.0.1", 1000000);
    for (usize i = 0; i < countof(rows); i++) {
        struct identity identity = identity_of(folder, rows[i].names, rows[i].valid_s);
        struct tls_server server = {.says = ANSWER};
        struct err err = {{0}};
        bytes answer;
        server_start(&server, &identity);
        struct net_client *client =
            client_of(&server, "127.0.0.1", rows[i].untrusted ? other.path : identity.path);
        CHECK_ROW(i,
                  net_client_post(client, BYTES_LIT("{}"), &answer, test_arena(), &err) == ST_IO);
        CHECK_ROW(i, strstr(err.text, "its certificate is not accepted") != NULL);
        CHECK_ROW(i, strstr(err.text, rows[i].why) != NULL);
        net_client_free(client);
        server_stop(&server);
        CHECK_ROW(i, server.requests == 0);
        identity_free(&identity);
    }
    identity_free(&other);
}

TEST(client_takes_neither_plain_text_nor_a_cut_for_an_answer)
{
    struct identity identity = identity_of(test_folder(), "IP:127.0.0.1", 1000000);
    static const struct {
        const char *says, *why;
        bool plain, cuts;
        enum status want;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\n\r\nhello", "", false, false, ST_OK},
        {"HTTP/1.1 200 OK\r\n\r\nhello", "closed in the middle", false, true, ST_IO},
        {ANSWER, "TLS: ", true, false, ST_IO},
        {"", "", true, false, ST_IO},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct tls_server server = {.says = rows[i].says, .cuts = rows[i].cuts};
        struct err err = {{0}};
        bytes answer;
        server_start(&server, rows[i].plain ? NULL : &identity);
        struct net_client *client = client_of(&server, "127.0.0.1", identity.path);
        CHECK_ROW(i, net_client_post(client, BYTES_LIT("{}"), &answer, test_arena(), &err) ==
                         rows[i].want);
        CHECK_ROW(i, strstr(err.text, rows[i].why) != NULL);
        net_client_free(client);
        server_stop(&server);
    }
    identity_free(&identity);
}

TEST(client_needs_certificates_to_trust)
{
    struct tls_server server = {.says = ANSWER};
    struct err err = {{0}};
    bytes answer;
    server_start(&server, NULL);
    struct net_client *client = client_of(&server, "127.0.0.1", "/nowhere.pem");
    CHECK(net_client_post(client, BYTES_LIT("{}"), &answer, test_arena(), &err) == ST_INVALID);
    CHECK(strstr(err.text, "/nowhere.pem") != NULL);
    net_client_free(client);
    server_stop(&server);
}
