/* The guest: one block, judged from its witness alone. The same function runs on bare-metal RISC-V
 * (main.c) and, for comparison, natively.
 *
 *     input  = [ version, config, block, witness ]            RLP, at most GUEST_MAX_INPUT bytes
 *     config = [ [chain id, block of each fork before Paris, dao block,
 *                 muir glacier, arrow glacier, gray glacier block, merge block,
 *                 shanghai, cancun, prague, osaka time],
 *                [time, target, max, update fraction, …],
 *                dao support, has a terminal total difficulty, terminal total difficulty,
 *                deposit contract, is a child chain, child's footprint gas ]
 *
 * The block is as in block_decode, the witness as in trie/witness.h. The output is a struct
 * guest_output as it lies in memory, little-endian.
 *
 * What the output says follows from the input and nothing else; that the block's parent is the
 * right one, and the config the chain's, is for whoever reads it to check. Two rules need more
 * than a witness holds, and are not judged: that ommers are kin (chains proved by the guest have
 * none), and that the terminal difficulty was reached where config has no merge block. */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include "evm/fork.h"
#include "trie/witness.h"

enum { GUEST_VERSION = 2 };

/* The machine's memory. The input's size, 8 bytes little-endian, stands before the input. */
#define GUEST_INPUT ((u64)4 << 30)
#define GUEST_MAX_INPUT ((u64)64 << 20)
#define GUEST_WITNESS_ARENA ((u64)5 << 30)
#define GUEST_WITNESS_ARENA_SIZE ((u64)17 << 30)
#define GUEST_BLOCK_ARENA ((u64)22 << 30)
#define GUEST_BLOCK_ARENA_SIZE ((u64)42 << 30) /* for a gas limit of 250 million */
static_assert(GUEST_WITNESS_ARENA_SIZE >= 256 * GUEST_MAX_INPUT,
              "a witness of items of one byte takes 144 bytes for each, a block 45 for each byte");

struct guest_output {
    u64 status;         /* enum status; ST_OK: the block is valid */
    hash32 parent_hash; /* zero where the input could not be read so far */
    hash32 block_hash;
    hash32 state_root; /* after the block; zero unless valid */
    struct err err;    /* why not */
};

bytes guest_input_encode(const struct chain_config *config, bytes block,
                         const struct witness *witness, struct arena *arena);

/* Runs over one input. The two arenas are apart, because the block's execution and the reading of
 * its witness go on at the same time. The output says ST_FULL where the block's gas limit could
 * take more memory than there is. */
void guest_run(bytes input, struct guest_output *out, struct arena *witness_arena,
               struct arena *block_arena);

/* chain_config, as it stands in the input. */
bytes config_encode(const struct chain_config *config, struct arena *arena);
enum status config_decode(bytes in, struct chain_config *out);

#endif
