#include "net/tls.h"

#include "base/bug.h"
#include "base/fmt.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct tls {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out; /* the ssl's own */
    u8 *output;    /* taken last */
};

/* The library's newest complaint, which it then forgets. */
static const char *complaint(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason != NULL ? reason : "unknown failure";
}

static bool is_ip(const char *host)
{
    u8 parsed[16];
    return inet_pton(AF_INET, host, parsed) == 1 || inet_pton(AF_INET6, host, parsed) == 1;
}

/* Whom the certificate must name. */
static bool expect_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *rules = SSL_get0_param(ssl);
    char name[256]; /* the library's macro wants one that it could write to */
    if (fmt(name, sizeof(name), "%s", host) >= sizeof(name))
        return false;
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    if (is_ip(host))
        return X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(rules, host, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, name) == 1;
}

static bool set_up(struct tls *tls, const char *host)
{
    static const u8 protocols[] = "\x08http/1.1";
    tls->ssl = SSL_new(tls->context);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (tls->ssl == NULL || tls->in == NULL || tls->out == NULL) {
        BIO_free(tls->in);
        BIO_free(tls->out);
        return false;
    }
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    SSL_set_connect_state(tls->ssl);
    return expect_host(tls->ssl, host) &&
           SSL_set_alpn_protos(tls->ssl, protocols, sizeof(protocols) - 1) == 0;
}

enum status tls_new(const char *host, const char *ca_file, struct tls **out, struct err *err)
{
    struct tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL)
        return fail(err, ST_FULL, "no memory for TLS");
    tls->context = SSL_CTX_new(TLS_client_method());
    if (tls->context == NULL || SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1) {
        tls_free(tls);
        return fail(err, ST_FULL, "TLS: %s", complaint());
    }
    int trusted = ca_file != NULL ? SSL_CTX_load_verify_file(tls->context, ca_file)
                                  : SSL_CTX_set_default_verify_paths(tls->context);
    if (trusted != 1) {
        tls_free(tls);
        return fail(err, ST_INVALID, "cannot read certificates from %s: %s",
                    ca_file != NULL ? ca_file : "the system", complaint());
    }
    if (!set_up(tls, host)) {
        tls_free(tls);
        return fail(err, ST_FULL, "TLS: %s", complaint());
    }
    *out = tls;
    return ST_OK;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL)
        return;
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->context);
    free(tls->output);
    free(tls);
}

bytes tls_take_output(struct tls *tls)
{
    char *data = NULL;
    long size = BIO_get_mem_data(tls->out, &data);
    free(tls->output);
    tls->output = NULL;
    if (size <= 0)
        return BYTES_EMPTY;
    tls->output = malloc((usize)size);
    assert(tls->output != NULL); /* it is at most a little more than one tls_write was given */
    memcpy(tls->output, data, (usize)size);
    (void)BIO_reset(tls->out);
    return (bytes){tls->output, (usize)size};
}

void tls_put_input(struct tls *tls, bytes input)
{
    int put = BIO_write(tls->in, input.data, (int)input.size);
    assert(put == (int)input.size); /* memory takes what it is given */
}

/* After a call that did not succeed. */
static enum status judge(struct tls *tls, int result, struct err *err)
{
    int cause = SSL_get_error(tls->ssl, result);
    if (cause == SSL_ERROR_WANT_READ || cause == SSL_ERROR_WANT_WRITE)
        return ST_AGAIN;
    if (cause == SSL_ERROR_ZERO_RETURN)
        return fail(err, ST_MISSING, "closed");
    long verdict = SSL_get_verify_result(tls->ssl);
    if (verdict != X509_V_OK) {
        ERR_clear_error();
        return fail(err, ST_IO, "its certificate is not accepted: %s",
                    X509_verify_cert_error_string(verdict));
    }
    return fail(err, ST_IO, "TLS: %s", complaint());
}

enum status tls_handshake(struct tls *tls, struct err *err)
{
    ERR_clear_error(); /* what others have left there is not ours */
    int result = SSL_do_handshake(tls->ssl);
    return result == 1 ? ST_OK : judge(tls, result, err);
}

enum status tls_write(struct tls *tls, bytes plain, struct err *err)
{
    usize put;
    if (plain.size == 0)
        return ST_OK;
    ERR_clear_error();
    int result = SSL_write_ex(tls->ssl, plain.data, plain.size, &put);
    if (result == 1)
        return ST_OK; /* all of it: memory is never full */
    enum status st = judge(tls, result, err);
    return st == ST_AGAIN ? fail(err, ST_IO, "TLS: the other side changes keys out of turn") : st;
}

enum status tls_read(struct tls *tls, void *to, usize size, usize *got, struct err *err)
{
    ERR_clear_error();
    int result = SSL_read_ex(tls->ssl, to, size, got);
    return result == 1 ? ST_OK : judge(tls, result, err);
}
