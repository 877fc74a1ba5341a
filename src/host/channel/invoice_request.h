/* What a payer sends to have an invoice of an offer, and the sentence that may come instead.
 *
 *     type  value of a request
 *       0   metadata: random, so that no two requests are the same, 32
 *       2   the offer, by its digest (invoice.h), 32
 *      82   amount, truncated integer: needed where the offer has none
 *      88   payer's key, made for this request, 33
 *     240   signature, 64, by that key
 *
 *     type  value of an error
 *       5   the sentence, UTF-8
 *
 * Types are BOLT 12's but for 2, which stands for all of the offer's fields: who has made the offer
 * knows them. What is signed is keccak256("\x19varve invoice request:\n" ‖ TLV… before it), and
 * that names the request: the same request, however often it comes, is answered by the same
 * payment.
 *
 * Source: BOLT 12, "Invoice Requests", "Invoice Errors". */
#ifndef CHANNEL_INVOICE_REQUEST_H
#define CHANNEL_INVOICE_REQUEST_H

#include "channel/secrets.h"
#include "channel/tlv.h"

enum { INVOICE_REQUEST_LIMIT = 512, INVOICE_ERROR_LIMIT = 200 /* bytes */ };

struct invoice_request {
    hash32 metadata, offer;
    u128 amount; /* 0: the offer's */
    point33 payer;
    signature64 signature;
    hash32 id; /* what was signed */
};

/* Sets what comes of the payer's secret, and writes the whole; returns its size. ST_INVALID: the
 * secret is none. */
enum status invoice_request_sign(struct invoice_request *request, const secret32 *payer);
usize invoice_request_encode(const struct invoice_request *request,
                             u8 out[static INVOICE_REQUEST_LIMIT]);
/* ST_INVALID: malformed, or not signed. Odd types that are not known are passed over, and signed.
 */
enum status invoice_request_decode(bytes in, struct invoice_request *out, struct err *err);

usize invoice_error_encode(const char *sentence, u8 out[static INVOICE_ERROR_LIMIT]);
/* Fit to be shown. False: it is none. */
bool invoice_error_decode(bytes in, bytes *sentence);

#endif
