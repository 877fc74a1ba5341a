/* What a blinded path's hops are told, and such paths as they travel: in offers, invoices and onion
 * messages. How they are sealed is blinded_path.h's.
 *
 *     type   value of an instruction                                  forward   final
 *      1     padding, so that all of a path are of one size           may be    may be
 *      4     key of the next node, 33                                 needed    never
 *      6     path id: what the recipient says to itself               never     needed
 *      8     path key for the next node, instead of the derived one   may be    never
 *     10     fee for forwarding: millionths, 4 | base, truncated      may be    never
 *     12     latest expiry, 5 | least amount, truncated               may be    may be
 *
 *     path = first node, 33 | first path key, 33 | hops, 1 | hop…
 *     hop  = blinded node, 33 | size, 2 | sealed instruction
 *
 * Types, and paths, are BOLT 4's. Amounts are wider, times are seconds, and there is no delta of
 * expiries, for all locks of a payment on one chain share one. A payment's hops need 10 and 12, a
 * message's have neither; who reads them sees to that. A path keeps to one chain and asset.
 *
 * Source: BOLT 4, "Route Blinding", "Onion Messages". */
#ifndef CHANNEL_BLINDED_ROUTE_H
#define CHANNEL_BLINDED_ROUTE_H

#include "channel/blinded_path.h"
#include "channel/tlv.h"

enum {
    BLINDED_HOPS_LIMIT = 8,
    BLINDED_SEALED_LIMIT = 512, /* bytes of a sealed instruction */
    BLINDED_ID_LIMIT = 128,     /* of a path id */
    BLINDED_INSTRUCTION_LIMIT = BLINDED_SEALED_LIMIT - AEAD_TAG_SIZE,
    BLINDED_HOP_LIMIT = (int)sizeof(point33) + 2 + BLINDED_SEALED_LIMIT,
    BLINDED_ROUTE_LIMIT = 2 * (int)sizeof(point33) + 1 + BLINDED_HOPS_LIMIT * BLINDED_HOP_LIMIT,
};

struct instruction {
    /* Forward */
    point33 next;
    point33 next_path_key; /* zero: the derived one */
    bool has_fee;
    u32 fee_ppm;
    u128 base_fee;
    /* Final; borrowed */
    bytes path_id;
    /* Both */
    u64 latest_s; /* 0: type 12 is not there */
    u128 least;
};

/* ST_INVALID: malformed, something is missing, or an even type is not known. */
enum status instruction_decode(bool is_final, bytes in, struct instruction *out, struct err *err);

/* At least `size` bytes, by padding, which cannot make one or two. Returns how many. */
usize instruction_encode(const struct instruction *instruction, usize size,
                         u8 out[static BLINDED_INSTRUCTION_LIMIT]);

/* Unseals one for the node; out->next_path_key becomes what goes on to the next hop, and what is
 * borrowed is in `room`. ST_INVALID: it was not sealed for this node and path key, or as above. */
enum status instruction_open(const secret32 *node, const point33 *path_key, bytes sealed,
                             bool is_final, u8 room[static BLINDED_SEALED_LIMIT],
                             struct instruction *out, struct err *err);

/* The most that can be passed on of what came, so that the fee is left. 0: nothing. BOLT 4 rounds
 * up, by which the fee may be short of a unit; hops here hold the fee against what they ask. */
u128 instruction_onward(const struct instruction *instruction, u128 amount);

/* What all that forward along a path ask together, of what arrives. A path's hops round up each by
 * itself; the price has it all, and so a unit or two more may arrive than was to.
 * Source: BOLT 4, "Route Blinding": how the recipient adds fees up. */
struct blinded_price {
    u128 base_fee;
    u32 fee_ppm;
};

enum { BLINDED_PPM_LIMIT = 1000000 /* a fee of all that is forwarded */ };

/* One hop more, before those that it has. False: more than can be said. */
bool blinded_price_add(struct blinded_price *price, u128 base_fee, u32 fee_ppm);
/* Without the first hop, which was told this: as much as the others need, or more. */
void blinded_price_enter(struct blinded_price *price, const struct instruction *first);

struct blinded_route {
    point33 first_node, first_path_key;
    usize count; /* 1 to BLINDED_HOPS_LIMIT; 0: there is no path */
    struct onion_hop hops[BLINDED_HOPS_LIMIT];
};

/* Over these nodes, the last being the recipient; `arena` gets what is sealed. `session` is fresh
 * randomness. ST_INVALID: a key is none. */
enum status blinded_route_make(const secret32 *session, const point33 *nodes,
                               const struct instruction *instructions, usize count,
                               struct blinded_route *out, struct arena *arena);

/* False: none begins here. What it borrows is of what is read. Keys are not judged. */
bool blinded_route_read(struct reader *reader, struct blinded_route *out);
void blinded_route_write(struct writer *writer, const struct blinded_route *route);

/* Its first hop is this node: the path from the next one on. ST_INVALID: as instruction_open; also
 * where there is no next hop. *first is what this node was told; it borrows from `room`. */
enum status blinded_route_enter(const secret32 *node, struct blinded_route *route,
                                u8 room[static BLINDED_SEALED_LIMIT], struct instruction *first,
                                struct err *err);

#endif
