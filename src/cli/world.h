/* States in memory, for official tests: each is what one block changed, on top of the state that
 * the block was built on. Any number of branches can stand on one state. */
#ifndef CLI_WORLD_H
#define CLI_WORLD_H

#include "base/json.h"
#include "evm/state_view.h"
#include "trie/trie.h"

/* Code and trie nodes by their hashes, of all states together. */
struct contents {
    struct arena *arena;
    struct content {
        hash32 hash;
        bytes value;
    } * slots;
    usize count, room; /* room is a power of two or 0 */
};

struct world {
    const struct world *below; /* NULL: this is the genesis */
    struct contents *contents;
    struct diff diff;
    u64 number; /* of the block that made it */
    hash32 hash;
};

/* The state of a genesis allocation. Lives in contents->arena.
 * ST_INVALID: malformed, with where and why. */
enum status world_genesis(struct contents *contents, json accounts, struct world **out,
                          hash32 *root, struct err *err);

/* The state after a block. Copies what it is given into contents->arena. */
struct world *world_after(const struct world *below, const struct diff *diff,
                          const struct trie_changes *changes, u64 number, hash32 hash);

struct state_view world_view(const struct world *world);
struct node_source world_nodes(const struct world *world);

/* For a view's block_hash in tests without a chain: the hash of block n is that of its number in
 * decimal digits. */
enum status number_hash(void *self, u64 number, hash32 *out);

/* Reports each difference between the accounts as a test expects them and the state `world`, a
 * line each, the first dozen of them (`tell` NULL: none). Returns how many there are. */
usize world_compare(const struct world *world, json expected, struct arena tmp,
                    void (*tell)(void *self, const char *line), void *self);

#endif
