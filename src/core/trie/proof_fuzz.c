/* Law: judging a proof never goes wrong, and the value that an accepted one shows is what reading
 * the trie of its nodes gives; the nodes that such a read passes are the proof.
 *
 *     key (32) ‖ { size (2) ‖ node }…
 *
 * So that the fuzzer gets past the hashes, 32 bytes 0xee in a node stand for the hash of the next
 * one, and the root is the hash of the first. */
#include "crypto/keccak.h"
#include "harness/fuzz.h"
#include "trie/trie.h"
#include "trie/witness.h"

enum { MAX_NODES = 70 };

static void link_to(u8 *node, usize size, hash32 next)
{
    u8 placeholder[32];
    memset(placeholder, 0xee, sizeof(placeholder));
    for (usize at = 0; at + sizeof(placeholder) <= size; at++)
        if (memcmp(node + at, placeholder, sizeof(placeholder)) == 0)
            memcpy(node + at, next.b, sizeof(next.b));
}

static usize read_nodes(bytes in, bytes *nodes, struct arena *arena)
{
    u8 *content[MAX_NODES];
    usize count = 0;
    for (; count < MAX_NODES && in.size > 0; count++) {
        u8 size[2];
        fuzz_fill(&in, size, sizeof(size));
        bytes node = fuzz_take(&in, (usize)size[0] << 8 | size[1]);
        content[count] = ARENA_TAKE(arena, u8, node.size);
        bytes_copy(content[count], node);
        nodes[count] = (bytes){content[count], node.size};
    }
    for (usize i = count; i-- > 1;)
        link_to(content[i - 1], nodes[i - 1].size, keccak256(nodes[i]));
    return count;
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    bytes in = {data, size}, nodes[MAX_NODES], proven, read = BYTES_EMPTY, *proof;
    hash32 key;
    fuzz_fill(&in, &key, sizeof(key));
    usize count = read_nodes(in, nodes, &arena), proof_count;
    hash32 root = count > 0 ? keccak256(nodes[0]) : EMPTY_TRIE_ROOT, owner = {{0}};
    if (trie_check_proof(root, key, nodes, count, &proven) != ST_OK)
        return 0;
    struct node_source src = hash_index_source(hash_index_new(nodes, count, &arena));
    enum status st = trie_get(&src, owner, root, key, &read, &arena, NULL);
    assert(st == (proven.size > 0 ? ST_OK : ST_MISSING));
    assert(bytes_equal(read, proven));
    st = trie_prove(&src, owner, root, key, &proof, &proof_count, &arena, NULL);
    assert(st == ST_OK && proof_count == count);
    for (usize i = 0; i < count; i++)
        assert(bytes_equal(proof[i], nodes[i]));
    return 0;
}
