/* varve blocktest: chains of blocks on a genesis, judged by the last block's hash and the state
 * after it; blocks that break a rule must be refused.
 * Format: execution-spec-tests, docs/running_tests/test_formats/blockchain_test.md. Seals are not
 * checked (the tests say "sealEngine": "NoProof"). */
#include "base/hex.h"
#include "base/json_read.h"
#include "cli/commands.h"
#include "cli/networks.h"
#include "cli/options.h"
#include "cli/stateless.h"
#include "cli/world.h"
#include "stf/check.h"
#include "stf/stf.h"
#include "sys/clock.h"

/* The command's own options. */
enum { WITNESS, TIME };
static const char *const flags[] = {[WITNESS] = "--witness", [TIME] = "--time", NULL};

/* What --time tells of a block. */
struct timing {
    u64 gas, ns; /* of the fastest run */
};

/* A block that has been accepted. */
struct tree_block {
    struct block block;
    u256 total_difficulty;
    enum fork fork;
    const struct tree_block *parent; /* NULL: the genesis */
    const struct world *world;       /* the state after it */
    struct tree_block *older;        /* of all that have been accepted */
};

struct tree {
    struct chain_config config;
    struct contents contents;
    struct arena arena; /* of the test */
    struct tree_block *newest;
    const struct tree_block *head;
    bool witness; /* blocks run from a witness too */
    bool timed;
    struct timing last; /* of the newest block, where timed */
};

static bool merge_reached(const struct chain_config *config, u256 total_difficulty)
{
    return config->has_terminal_difficulty &&
           !u256_less(total_difficulty, config->terminal_total_difficulty);
}

static const struct tree_block *find(const struct tree *tree, hash32 hash)
{
    for (const struct tree_block *at = tree->newest; at != NULL; at = at->older)
        if (hash32_equal(at->block.hash, hash))
            return at;
    return NULL;
}

/* A proof-of-stake block always follows the one before; else the heaviest chain leads, and of two
 * the one that came first. */
static void choose_head(struct tree *tree, const struct tree_block *block)
{
    if (block->fork >= PARIS || tree->head == NULL ||
        u256_less(tree->head->total_difficulty, block->total_difficulty))
        tree->head = block;
}

static struct tree_block *keep(struct tree *tree, const struct block *block,
                               const struct tree_block *parent, enum fork fork,
                               const struct world *world)
{
    struct tree_block *kept = ARENA_NEW(&tree->arena, struct tree_block, 1);
    u256 before = parent != NULL ? parent->total_difficulty : U256_ZERO;
    *kept = (struct tree_block){
        .block = *block, .fork = fork, .parent = parent, .world = world, .older = tree->newest};
    kept->total_difficulty = u256_add(before, block->header.difficulty);
    tree->newest = kept;
    choose_head(tree, kept);
    return kept;
}

static enum status check_family(const struct tree *tree, const struct block *block,
                                const struct tree_block *parent, struct arena tmp, struct err *err)
{
    struct ancestor ancestors[OMMER_DEPTH + 1];
    usize count = 0;
    for (const struct tree_block *at = parent; at != NULL && count < countof(ancestors);
         at = at->parent)
        ancestors[count++] = (struct ancestor){&at->block.header, at->block.hash, at->block.ommers,
                                               at->block.ommer_count};
    return check_ommers(&tree->config, block, ancestors, count, tmp, err);
}

static bytes ancestor_header(const void *self, usize back, struct arena *arena)
{
    const struct tree_block *block = self;
    while (back-- > 0)
        block = block->parent;
    return header_encode(&block->block.header, arena);
}

/* Every run starts from the parent's state, its memory in pages that the run before touched. */
static enum status time_block(const struct rules *rules, const struct header *parent,
                              const struct block *block, const struct state_view *view,
                              const struct node_source *nodes, struct timing *out,
                              struct arena scratch, struct err *err)
{
    enum { RUNS_AT_LEAST = 3, NS_AT_LEAST = 400000000 };
    u64 begin = clock_now_ns(), before = begin;
    *out = (struct timing){block->header.gas_used, UINT64_MAX};
    for (int run = 0; run < RUNS_AT_LEAST || before - begin < NS_AT_LEAST; run++) {
        struct stf_result result;
        struct arena tmp = scratch;
        TRY(stf_block(rules, parent, block, view, nodes, &result, &tmp, err));
        u64 now = clock_now_ns();
        out->ns = min_u64(out->ns, now - before);
        before = now;
    }
    return ST_OK;
}

static enum status import(struct tree *tree, bytes rlp, struct arena *scratch, struct err *err)
{
    struct block block;
    struct stf_result result;
    TRY(block_decode(rlp, &block, &tree->arena, err));
    const struct header *header = &block.header;
    const struct tree_block *parent = find(tree, header->parent_hash);
    if (parent == NULL)
        return fail(err, ST_INVALID, "unknown parent");
    struct rules rules = chain_rules(&tree->config, header->number, header->timestamp,
                                     merge_reached(&tree->config, parent->total_difficulty));
    TRY(check_header(&tree->config, &rules, header, &parent->block.header, parent->fork, err));
    TRY(check_body(&rules, &block, *scratch, err));
    TRY(check_family(tree, &block, parent, *scratch, err));
    struct state_view view = world_view(parent->world);
    struct node_source nodes = world_nodes(parent->world);
    if (tree->witness)
        TRY(stateless_block(&rules, &parent->block.header, &block, &view, &nodes, ancestor_header,
                            parent, &result, scratch, err));
    else
        TRY(stf_block(&rules, &parent->block.header, &block, &view, &nodes, &result, scratch, err));
    if (tree->timed)
        TRY(time_block(&rules, &parent->block.header, &block, &view, &nodes, &tree->last, *scratch,
                       err));
    const struct world *world =
        world_after(parent->world, &result.diff, &result.changes, header->number, block.hash);
    keep(tree, &block, parent, rules.fork, world);
    return ST_OK;
}

/* --- Explaining failures. */

static void note(void *run, const char *line)
{
    suite_note(run, "%s", line);
}

/* The last block was refused though it is valid: what it makes of the state, as far as it runs,
 * beside what the test expects. */
static void explain_refusal(struct suite_run *run, struct tree *tree, bytes rlp, json expected)
{
    struct block block;
    struct stf_result result;
    struct err err;
    if (block_decode(rlp, &block, &tree->arena, &err) != ST_OK)
        return;
    const struct tree_block *parent = find(tree, block.header.parent_hash);
    if (parent == NULL)
        return;
    struct rules rules = chain_rules(&tree->config, block.header.number, block.header.timestamp,
                                     merge_reached(&tree->config, parent->total_difficulty));
    struct state_view view = world_view(parent->world);
    struct arena *scratch = suite_scratch(run);
    if (stf_execute(&rules, &block, &view, &result, scratch, &err) != ST_OK)
        return;
    for (usize i = 0; i < result.receipt_count; i++)
        suite_note(run, "transaction %zu: %s, %lu gas", i,
                   result.receipts[i].succeeded ? "succeeded" : "failed",
                   result.receipts[i].gas_used);
    struct trie_changes none = {.nodes = NULL};
    world_compare(world_after(parent->world, &result.diff, &none, 0, block.hash), expected,
                  *scratch, note, run);
}

/* --- A test. */

static enum status import_genesis(struct tree *tree, json test, struct err *err)
{
    bytes rlp;
    struct block block;
    struct world *world;
    hash32 root;
    TRY(world_genesis(&tree->contents, json_get(test, "pre"), &world, &root, err));
    if (json_read_hex(json_get(test, "genesisRLP"), &rlp, &tree->arena) != ST_OK)
        return fail(err, ST_INVALID, "genesisRLP is not hexadecimal");
    TRY(block_decode(rlp, &block, &tree->arena, err));
    if (!hash32_equal(root, block.header.state_root))
        return fail(err, ST_INVALID, "the genesis has another state root than its accounts");
    world->number = block.header.number;
    world->hash = block.hash;
    struct rules rules = chain_rules(&tree->config, block.header.number, block.header.timestamp,
                                     merge_reached(&tree->config, U256_ZERO));
    keep(tree, &block, NULL, rules.fork, world);
    return ST_OK;
}

static bool is_expected_to_fail(json block)
{
    json key, value;
    for (struct json_walk at = json_begin(block); json_next(&at, &key, &value);)
        if (key.text.size >= 17 && memcmp(key.text.data, "\"expectException", 16) == 0)
            return true;
    return false;
}

/* False: a verdict has been given. */
static bool run_blocks(struct suite_run *run, struct tree *tree, json test)
{
    json key, block, blocks = json_get(test, "blocks");
    usize number = 0, count = json_count(blocks);
    for (struct json_walk at = json_begin(blocks); json_next(&at, &key, &block); number++) {
        bytes rlp;
        struct err err;
        struct arena scratch = *suite_scratch(run);
        bool to_be_refused = is_expected_to_fail(block);
        if (json_read_hex(json_get(block, "rlp"), &rlp, &tree->arena) != ST_OK) {
            suite_fail(run, "block %zu: rlp is not hexadecimal", number);
            return false;
        }
        enum status st = import(tree, rlp, &scratch, &err);
        if (st == ST_OK && to_be_refused) {
            json why = json_get(block, "expectException");
            suite_fail(run, "block %zu: not refused, expected %.*s", number, (int)why.text.size,
                       (const char *)why.text.data);
            return false;
        }
        if (st != ST_OK && (!to_be_refused || st != ST_INVALID)) {
            suite_fail(run, "block %zu: %s: %s", number, status_name(st), err.text);
            if (number + 1 == count)
                explain_refusal(run, tree, rlp, json_get(test, "postState"));
            return false;
        }
    }
    return true;
}

static void judge(struct suite_run *run, const struct tree *tree, json test)
{
    hash32 last;
    const struct world *world = tree->head->world;
    const struct block *head = &tree->head->block;
    struct arena *scratch = suite_scratch(run);
    json expected = json_get(test, "postState"); /* a few tests give its hash alone */
    bool listed = json_is(expected, JSON_OBJECT);
    if (json_read_word(json_get(test, "lastblockhash"), &last) != ST_OK) {
        suite_fail(run, "the test is malformed: bad lastblockhash");
    } else if (!hash32_equal(head->hash, last)) {
        suite_fail(run, "head is block %lu %s, expected %s", head->header.number,
                   hex_text(BYTES_OF(head->hash), scratch), hex_text(BYTES_OF(last), scratch));
    } else if (listed && world_compare(world, expected, *scratch, NULL, NULL) > 0) {
        suite_fail(run, "the state is not as expected");
        world_compare(world, expected, *scratch, note, run);
    } else {
        if (tree->timed)
            suite_say(run, "%12lu gas %12lu ns %6lu.%02lu Mgas/s ", tree->last.gas, tree->last.ns,
                      tree->last.gas * 1000 / tree->last.ns,
                      tree->last.gas * 100000 / tree->last.ns % 100);
        suite_pass(run);
    }
}

static void run_test(struct suite_run *run, json name, json test)
{
    struct err err;
    json network = json_get(test, "network");
    if (!suite_begin(run, name, ""))
        return;
    if (!suite_wants_fork(run, network)) {
        suite_skip(run, "another fork than --fork asks for");
        return;
    }
    struct tree tree = {.arena = *suite_file_arena(run),
                        .witness = suite_flag(run, WITNESS),
                        .timed = suite_flag(run, TIME)};
    tree.contents.arena = &tree.arena;
    enum status st = network_config(json_text(network, &tree.arena), json_get(test, "config"),
                                    &tree.config, &err);
    if (st == ST_MISSING) {
        suite_skip(run, "a network that varve does not know");
        return;
    }
    if (st == ST_OK)
        st = import_genesis(&tree, test, &err);
    if (st != ST_OK)
        suite_fail(run, "%s", err.text);
    else if (run_blocks(run, &tree, test))
        judge(run, &tree, test);
}

static void run_file(struct suite_run *run, json file)
{
    json name, test;
    for (struct json_walk at = json_begin(file); json_next(&at, &name, &test);)
        run_test(run, name, test);
}

int blocktest_main(int argc, char **argv)
{
    return run_suite(run_file, flags, argc, argv);
}
