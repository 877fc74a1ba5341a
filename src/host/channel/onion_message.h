/* What an onion message says to a hop.
 *
 *     type  value                                             forward   final
 *       2   path for the answer (blinded_route.h)             never     may be
 *       4   instruction, sealed (blinded_route.h)             needed    needed
 *      64   request for an invoice (invoice_request.h)        never     one of these three
 *      66   invoice (invoice.h, an ANSWER)
 *      68   error (invoice_request.h)
 *
 * Every hop is one of a blinded path; whom it goes on to is in the instruction. The onion is as
 * large as a payment's, or of the larger size where that has not room enough (onion.h).
 *
 * Source: BOLT 4, "Onion Messages". */
#ifndef CHANNEL_ONION_MESSAGE_H
#define CHANNEL_ONION_MESSAGE_H

#include "channel/blinded_route.h"

enum message_content {
    MESSAGE_REQUEST = 64,
    MESSAGE_INVOICE = 66,
    MESSAGE_ERROR = 68,
};

/* Bytes of content that are written, and of all that is written for a hop. */
enum {
    ONION_MESSAGE_CONTENT_LIMIT = 4096,
    ONION_MESSAGE_LIMIT =
        BLINDED_ROUTE_LIMIT + BLINDED_SEALED_LIMIT + ONION_MESSAGE_CONTENT_LIMIT + 16,
};

/* Its bytes are borrowed. */
struct onion_message {
    struct blinded_route reply; /* without hops: there is none */
    bytes sealed;
    enum message_content type; /* FINAL */
    bytes content;
};

/* ST_INVALID: malformed, something is missing or more than one content is there, or an even type is
 * not known. */
enum status onion_message_decode(bool is_final, bytes in, struct onion_message *out,
                                 struct err *err);

/* Returns the size. Its parts are within their limits. */
usize onion_message_encode(bool is_final, const struct onion_message *message,
                           u8 out[static ONION_MESSAGE_LIMIT]);

#endif
