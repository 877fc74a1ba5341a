/* What a payer sends to have an invoice of an offer, and the sentence that may come instead.
 *
 *     type  value of a request
 *       0   metadata: random, so that no two requests are the same, 32
 *      1-79 what the offer says, but for its paths (invoice.h), as it stands there: who has made
 * the offer need not have kept it 82   amount, truncated integer: needed where the offer has none
 *      88   payer's key, made for this request, 33
 *     240   signature, 64, by that key
 *
 *     type  value of an error
 *       5   the sentence, UTF-8
 *
 * The types from 80 on are BOLT 12's, and so is that the offer's come back. What is signed is
 * keccak256("\x19varve invoice request:\n" ‖ TLV… before it), and that names the request: the same
 * request, however often it comes, is answered by the same payment.
 *
 * Source: BOLT 12, "Invoice Requests", "Invoice Errors". */
#ifndef CHANNEL_INVOICE_REQUEST_H
#define CHANNEL_INVOICE_REQUEST_H

#include "channel/invoice.h"

enum {
    INVOICE_REQUEST_LIMIT = INVOICE_TERMS_LIMIT + 256, /* bytes */
    INVOICE_ERROR_LIMIT = 200
};

struct invoice_request {
    hash32 metadata;
    struct invoice offer; /* what of it comes back; its description is borrowed */
    u128 amount;          /* 0: the offer's */
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
