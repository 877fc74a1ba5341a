/* What a payee hands out: an invoice, to be paid once, or an offer, of which invoices are to be
 * had.
 *
 *     "lnv" (an offer: "lnvo"), as bech32m | version, 1 | TLV… | signature, 64
 *
 *     type  value                                       invoice    offer
 *      2    chain id, truncated integer                 needed     needed
 *      4    adjudicator, 20                             needed     needed
 *      6    asset, 20                                   may be     may be
 *      8    amount, truncated integer                   may be     may be
 *     10    hash of the preimage (SHA-256), 32          needed     never
 *     12    payment secret, 32                          needed     never
 *     14    key of the payee's node, 33                 needed     needed
 *     15    description, UTF-8                          may be     may be
 *     16    creation time, truncated integer            needed     never
 *     18    last second to pay in, truncated integer    needed     may be
 *     19    addresses of the node (node_address.h)      may be     may be
 *     21    hints: node, 33 | channel, 32               may be     may be
 *             | base fee, 16 | millionths, 4, of each
 *
 * What is zero or empty is left out. Odd types that are not known are kept, for they are signed.
 * The node signs keccak256("\x19varve invoice:\n", or "\x19varve offer:\n" ‖ version ‖ TLV…).
 *
 * The payment secret keeps a forwarder, which sees the hash, from asking the payee for payments of
 * its own (BOLT 4, "payment_data"). Blinded paths will have a type; the message that fetches an
 * offer's invoice will have an onion of its own. Neither is here.
 *
 * Amounts are in the asset's smallest unit, times in seconds since 1970.
 * Source: the ideas are those of BOLT 11 and 12; the format is not. */
#ifndef CHANNEL_INVOICE_H
#define CHANNEL_INVOICE_H

#include "channel/node_address.h"
#include "channel/secrets.h"
#include "channel/tlv.h"

enum {
    INVOICE_DESCRIPTION_LIMIT = 640, /* bytes */
    INVOICE_HINTS_LIMIT = 8,
    INVOICE_EXTRAS_LIMIT = 16,
    INVOICE_LIMIT = 4096,      /* bytes of all before it becomes text */
    INVOICE_TEXT_LIMIT = 6565, /* characters */
    INVOICE_ARENA = 2 * INVOICE_TEXT_LIMIT,
};

enum invoice_kind { INVOICE, OFFER };

/* A channel to the payee that is not public, and what `node` asks for forwarding into it: base_fee
 * and fee_ppm millionths of what is forwarded. */
struct invoice_hint {
    point33 node;
    hash32 channel;
    u128 base_fee;
    u32 fee_ppm;
};

struct invoice_hints {
    struct invoice_hint at[INVOICE_HINTS_LIMIT];
    usize count;
};

/* Its bytes, borrowed, are the arena's of invoice_decode. */
struct invoice {
    enum invoice_kind kind;
    u64 chain_id;
    address adjudicator;
    address asset; /* an ERC-20 token, or zero for ether */
    u128 amount;   /* 0: the payer chooses */
    hash32 payment_hash;
    hash32 payment_secret;
    point33 node;
    bytes description;
    u64 created_s, expiry_s;
    bytes addresses;
    struct invoice_hints hints;
    struct tlv extras[INVOICE_EXTRAS_LIMIT]; /* as decoded; none in a new one */
    usize extra_count;
    signature64 signature;
};

/* Sets `node` and `signature`. ST_INVALID: a field is missing, too long or malformed. */
enum status invoice_sign(struct invoice *invoice, const secret32 *node, struct err *err);

/* Of a signed one; in `arena`. This and invoice_decode take at most INVOICE_ARENA bytes of it. */
bytes invoice_encode(const struct invoice *invoice, struct arena *arena);

/* The only text of what it reads is `text` in small letters. Nothing in it is to be believed before
 * invoice_check. ST_INVALID: not an invoice or offer, or one with fields that this version must
 * know and does not. */
enum status invoice_decode(bytes text, struct invoice *out, struct arena *arena, struct err *err);

/* ST_INVALID, with a sentence for the payer: its node has not signed it, it is of another chain or
 * adjudicator, or it has expired. A payer who sends from another chain passes the invoice's own. */
enum status invoice_check(const struct invoice *invoice, u64 chain_id, address adjudicator,
                          u64 now_s, struct err *err);

#endif
