#include "stf/witness_view.h"
#include "crypto/keccak.h"

/* --- From a witness. */

static enum status view_account(void *self, address who, struct account *out)
{
    struct witness_view *view = self;
    return trie_view_account(&view->tries, who, out);
}

static enum status view_storage(void *self, address who, hash32 slot, u256 *out)
{
    struct witness_view *view = self;
    return trie_view_storage(&view->tries, who, slot, out);
}

static enum status view_code(void *self, hash32 code_hash, bytes *out)
{
    const struct witness_view *view = self;
    return hash_index_find(view->codes, code_hash, out) == ST_OK ? ST_OK : ST_CORRUPT;
}

/* Not ST_MISSING where a hash is not known: it would read as zero, which is not so. */
static enum status view_block_hash(void *self, u64 number, hash32 *out)
{
    const struct witness_view *view = self;
    if (number > view->parent.number || view->parent.number - number >= view->ancestor_count)
        return ST_CORRUPT;
    *out = view->ancestors[view->parent.number - number];
    return ST_OK;
}

/* Follows the headers back from the parent, each named by the one before. */
static enum status read_headers(struct witness_view *view, const struct witness *witness,
                                hash32 parent_hash, struct err *err)
{
    if (witness->header_count == 0 || witness->header_count > WITNESS_MAX_HEADERS)
        return fail(err, ST_INVALID, "a witness has 1 to %d headers, not %zu", WITNESS_MAX_HEADERS,
                    witness->header_count);
    view->ancestors[0] = parent_hash;
    for (usize i = 0; i < witness->header_count; i++) {
        struct header header;
        if (!hash32_equal(keccak256(witness->headers[i]), view->ancestors[i]))
            return fail(err, ST_INVALID, "header %zu of the witness is not the ancestor", i);
        TRY(header_decode(witness->headers[i], &header, err));
        if (i == 0)
            view->parent = header;
        view->ancestors[i + 1] = header.parent_hash;
    }
    view->ancestor_count = witness->header_count + 1;
    return ST_OK;
}

enum status witness_view_init(struct witness_view *out, const struct witness *witness,
                              hash32 parent_hash, struct arena *arena, struct err *err)
{
    TRY(read_headers(out, witness, parent_hash, err));
    out->nodes = hash_index_source(hash_index_new(witness->nodes, witness->node_count, arena));
    out->codes = hash_index_new(witness->codes, witness->code_count, arena);
    out->tries =
        (struct trie_view){.nodes = out->nodes, .root = out->parent.state_root, .tmp = *arena};
    arena->at = arena->end;
    out->view = (struct state_view){out, view_account, view_storage, view_code, view_block_hash};
    return ST_OK;
}

/* --- Recording one. */

enum { SCRATCH_SIZE = 1 << 16 }; /* for a trie's value: our own state has none above 110 bytes */

struct seen_code {
    struct seen_code *next;
    hash32 hash;
    bytes code;
};

struct witness_recorder {
    struct node_recorder *nodes;
    struct trie_view tries;
    struct state_view below;
    u64 parent_number;
    usize header_count;
    struct seen_code *codes; /* each once */
    usize code_count;
    struct arena *arena;
};

static enum status recorder_account(void *self, address who, struct account *out)
{
    struct witness_recorder *recorder = self;
    return trie_view_account(&recorder->tries, who, out);
}

static enum status recorder_storage(void *self, address who, hash32 slot, u256 *out)
{
    struct witness_recorder *recorder = self;
    return trie_view_storage(&recorder->tries, who, slot, out);
}

static enum status recorder_code(void *self, hash32 code_hash, bytes *out)
{
    struct witness_recorder *recorder = self;
    for (struct seen_code *code = recorder->codes; code != NULL; code = code->next)
        if (hash32_equal(code->hash, code_hash)) {
            *out = code->code;
            return ST_OK;
        }
    TRY(recorder->below.code(recorder->below.self, code_hash, out));
    struct seen_code *code = ARENA_TAKE(recorder->arena, struct seen_code, 1);
    *code = (struct seen_code){recorder->codes, code_hash, *out};
    recorder->codes = code;
    recorder->code_count++;
    return ST_OK;
}

static enum status recorder_block_hash(void *self, u64 number, hash32 *out)
{
    struct witness_recorder *recorder = self;
    TRY(recorder->below.block_hash(recorder->below.self, number, out));
    assert(number <= recorder->parent_number);
    u64 back = recorder->parent_number - number; /* this hash stands in the header before */
    recorder->header_count = max_u64(recorder->header_count, back);
    return ST_OK;
}

struct witness_recorder *witness_recorder_new(struct node_source nodes, struct state_view below,
                                              const struct header *parent, struct arena *arena)
{
    struct witness_recorder *recorder = ARENA_NEW(arena, struct witness_recorder, 1);
    recorder->nodes = node_recorder_new(nodes, arena);
    recorder->tries =
        (struct trie_view){.nodes = node_recorder_source(recorder->nodes),
                           .root = parent->state_root,
                           .tmp = arena_over(arena_take(arena, SCRATCH_SIZE, 16), SCRATCH_SIZE)};
    recorder->below = below;
    recorder->parent_number = parent->number;
    recorder->header_count = 1;
    recorder->arena = arena;
    return recorder;
}

struct state_view witness_recorder_view(struct witness_recorder *recorder)
{
    return (struct state_view){recorder, recorder_account, recorder_storage, recorder_code,
                               recorder_block_hash};
}

struct node_source witness_recorder_nodes(struct witness_recorder *recorder)
{
    return recorder->tries.nodes;
}

usize witness_recorder_header_count(const struct witness_recorder *recorder)
{
    return recorder->header_count;
}

void witness_recorder_finish(struct witness_recorder *recorder, struct witness *out)
{
    *out = (struct witness){.code_count = recorder->code_count};
    node_recorder_list(recorder->nodes, &out->nodes, &out->node_count, recorder->arena);
    out->codes = ARENA_TAKE(recorder->arena, bytes, recorder->code_count);
    usize at = 0;
    for (const struct seen_code *code = recorder->codes; code != NULL; code = code->next)
        out->codes[at++] = code->code;
}
