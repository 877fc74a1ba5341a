/* TLS, client side, as a filter: plain bytes in and out on one side, what travels on the other. It
 * touches no socket. A wrapper of OpenSSL.
 *
 * The other side must show a certificate that the system (or the given file) vouches for and that
 * names the host. TLS 1.2 or newer. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/bytes.h"
#include "base/status.h"

struct tls;

/* `host`: a name or an IP address. `ca_file`: certificates to trust, as PEM; NULL: the system's (or
 * those that SSL_CERT_FILE names). ST_INVALID: no such file.  ST_FULL: no memory. */
enum status tls_new(const char *host, const char *ca_file, struct tls **out, struct err *err);
/* NULL is fine. */
void tls_free(struct tls *tls);

/* What has to be sent to the other side; it lives until the next call. Look after each call below.
 */
bytes tls_take_output(struct tls *tls);
/* What has come from there. */
void tls_put_input(struct tls *tls, bytes input);

/* Goes on with the handshake. ST_AGAIN: more input is needed.  ST_IO: it failed; the sentence says
 * why, a certificate for the most part. */
enum status tls_handshake(struct tls *tls, struct err *err);

enum status tls_write(struct tls *tls, bytes plain, struct err *err);
/* Some plain bytes. ST_AGAIN: more input is needed.  ST_MISSING: the other side has ended. */
enum status tls_read(struct tls *tls, void *to, usize size, usize *got, struct err *err);

#endif
