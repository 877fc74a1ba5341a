/* Whatever a snapshot says, loading it leaves a graph that is saved as itself. */
#include "channel/graph.h"

#include "crypto/keccak.h"
#include "harness/fuzz.h"

/* With the right beginning and end, so that what is between is read. */
static bytes sealed(bytes in, struct arena *arena)
{
    static const char magic[] = "varve graph 1";
    usize head = sizeof(magic) - 1;
    u8 *out = arena_take(arena, head + in.size + sizeof(hash32), 1);
    memcpy(out, magic, head);
    bytes_copy(out + head, in);
    hash32 hash = keccak256((bytes){out, head + in.size});
    memcpy(out + head + in.size, hash.b, sizeof(hash.b));
    return (bytes){out, head + in.size + sizeof(hash.b)};
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    struct graph *graph = graph_new(1 << 16, 7), *again = graph_new(1 << 16, 8);
    enum { NOW_S = 1 };
    if (graph_load(graph, sealed((bytes){data, size}, &arena), NOW_S, NULL) == ST_OK) {
        bytes saved = graph_save(graph, &arena);
        assert(graph_load(again, saved, NOW_S, NULL) == ST_OK);
        assert(bytes_equal(graph_save(again, &arena), saved));
    }
    graph_free(graph);
    graph_free(again);
    return 0;
}
