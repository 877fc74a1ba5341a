/* What a payee hands out: an invoice, to be paid once; an offer, of which invoices are to be had;
 * or such an invoice, which answers a request (invoice_request.h).
 *
 *     content = version, 1 | TLV… | signature, 64
 *     as text: "lnv" (an offer: "lnvo"), as bech32m | content
 *
 *     type  value                                       invoice    offer     answer
 *      2    chain id, truncated integer                 needed     needed    needed
 *      4    adjudicator, 20                             needed     needed    needed
 *      6    asset, 20                                   may be     may be    may be
 *      8    amount, truncated integer                   may be     may be    needed
 *     10    hash of the preimage (SHA-256), 32          needed     never     needed
 *     12    payment secret, 32                          needed     never     never
 *     14    key of the payee's node, or of the offer    needed     needed    needed
 *     15    description, UTF-8                          may be     may be    never
 *     16    creation time, truncated integer            needed     never     needed
 *     18    last second to pay in, truncated integer    needed     may be    needed
 *     19    addresses of the node (node_address.h)      may be     may be    never
 *     20    paths for the request (blinded_route.h)     never      may be    never
 *     21    hints: node, 33 | channel, 32               may be     may be    never
 *             | base fee, 16 | millionths, 4, of each
 *     22    ways to pay: base fee of all its hops, 16   never      never     needed
 *             | millionths, 4 | least, 16 | most, 16
 *             | path, of each
 *     24    the request that it answers, 32             never      never     needed
 *     26    metadata, which a request brings back, 32   never      may be    never
 *
 * What is zero or empty is left out. Odd types that are not known are kept, for they are signed.
 * The key signs keccak256("\x19varve invoice:\n", or "offer", "answer" in place of that word
 * ‖ version ‖ TLV…). BOLT 12 signs the root of a Merkle tree of the fields with Schnorr's scheme,
 * so that single ones can be shown; nobody needs that here, and nodes sign all else as here.
 *
 * The payment secret keeps a forwarder, which sees the hash, from asking the payee for payments of
 * its own (BOLT 4, "payment_data"); in an answer the sealed path id of its last hop does. An offer
 * has a key of its own, so neither it nor its answers name the payee's node.
 *
 * Amounts are in the asset's smallest unit, times in seconds since 1970.
 * Source: the ideas are those of BOLT 11 and 12; the format is not. */
#ifndef CHANNEL_INVOICE_H
#define CHANNEL_INVOICE_H

#include "channel/blinded_route.h"
#include "channel/node_address.h"
#include "channel/secrets.h"
#include "channel/tlv.h"

enum {
    INVOICE_DESCRIPTION_LIMIT = 640, /* bytes */
    INVOICE_HINTS_LIMIT = 8,
    INVOICE_EXTRAS_LIMIT = 16,
    INVOICE_PATHS_LIMIT = 2,
    INVOICE_WAYS_LIMIT = 4,
    INVOICE_LIMIT = 4096,      /* bytes of all before it becomes text */
    INVOICE_TEXT_LIMIT = 6565, /* characters */
    INVOICE_ARENA = 2 * INVOICE_TEXT_LIMIT,
};

enum invoice_kind { INVOICE, OFFER, ANSWER, INVOICE_KINDS };

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

struct invoice_paths {
    struct blinded_route at[INVOICE_PATHS_LIMIT];
    usize count;
};

/* What all hops of `path` ask together, and the least and the most that may arrive by it at once:
 * BOLT 12's blinded_payinfo. */
struct invoice_way {
    struct blinded_price price;
    u128 least, most;
    struct blinded_route path;
};

/* Of which each may carry a part, and any of them, if it can, all. */
struct invoice_ways {
    struct invoice_way at[INVOICE_WAYS_LIMIT];
    usize count;
};

/* Its bytes, borrowed, are the arena's of invoice_decode, or what invoice_read read. */
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
    struct invoice_paths paths;
    struct invoice_hints hints;
    struct invoice_ways ways;
    hash32 request;
    hash32 metadata;
    struct tlv extras[INVOICE_EXTRAS_LIMIT]; /* as decoded; none in a new one */
    usize extra_count;
    signature64 signature;
};

/* Sets `node` and `signature`; the secret is that of the node or the offer. ST_INVALID: a field is
 * missing, too long or malformed. */
enum status invoice_sign(struct invoice *invoice, const secret32 *node, struct err *err);

/* Of a signed one; in `arena`. This and invoice_decode take at most INVOICE_ARENA bytes of it. */
bytes invoice_encode(const struct invoice *invoice, struct arena *arena);

/* The only text of what it reads is `text` in small letters. Nothing in it is to be believed before
 * invoice_check. ST_INVALID: not an invoice or offer, or one with fields that this version must
 * know and does not. */
enum status invoice_decode(bytes text, struct invoice *out, struct arena *arena, struct err *err);

/* Whether the text begins as an offer does. */
bool invoice_is_offer(bytes text);

/* The content alone, as an answer travels. Statuses as of invoice_decode. */
bytes invoice_write(const struct invoice *invoice, struct arena *arena);
enum status invoice_read(enum invoice_kind kind, bytes content, struct invoice *out,
                         struct err *err);

/* What of an offer its requests bring back (invoice_request.h), as the TLVs that it has: all that
 * is known of it but addresses, paths and hints. */
enum { INVOICE_TERMS_LIMIT = 1024 };
void invoice_put_terms(struct writer *out, const struct invoice *offer);
/* One of them. ST_MISSING: it is none. ST_INVALID: it is malformed. */
enum status invoice_take_term(const struct tlv *tlv, struct invoice *offer);

/* What is signed, which names an offer. */
hash32 invoice_digest(const struct invoice *invoice);

/* ST_INVALID, with a sentence for the payer: its node has not signed it, it is of another chain or
 * adjudicator, or it has expired. A payer who sends from another chain passes the invoice's own. */
enum status invoice_check(const struct invoice *invoice, u64 chain_id, address adjudicator,
                          u64 now_s, struct err *err);

#endif
