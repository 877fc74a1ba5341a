/* Blinded paths: the end of a route, made by the recipient, in which the sender sees no node but
 * the first.
 *
 * Each hop has a path key: the first comes with the path, each hop derives its successor's and
 * sends it along with the onion. From it and its own key a hop gets the key that the sender has
 * built its layer of the onion for (blinded_path_key, then onion_peel with that) and the
 * recipient's instructions (blinded_path_open). What the instructions say is for others to read.
 *
 * Source: BOLT 4, "Route Blinding". */
#ifndef CHANNEL_BLINDED_PATH_H
#define CHANNEL_BLINDED_PATH_H

#include "channel/onion.h"

/* From real nodes and the instructions for each to blinded nodes and these sealed, AEAD_TAG_SIZE
 * bytes longer each, in `arena`. `session` is fresh randomness, used for this path and no other.
 * ST_INVALID: a key is none. */
enum status blinded_path_build(const secret32 *session, const struct onion_hop *hops, usize count,
                               point33 *first_path_key, struct onion_hop *blinded,
                               struct arena *arena);

/* The key under which the sender knows this node; the caller wipes it.
 * ST_INVALID, here and below: the path key is none. */
enum status blinded_path_key(const secret32 *node, const point33 *path_key, secret32 *out);

/* Writes sealed.size - AEAD_TAG_SIZE bytes, and the next hop's path key, which the instructions may
 * override. ST_INVALID: also where the recipient did not seal this for this node and path key. */
enum status blinded_path_open(const secret32 *node, const point33 *path_key, bytes sealed,
                              u8 *instructions, point33 *next_path_key);

#endif
