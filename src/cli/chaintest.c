/* varve chaintest: the same official tests as blocktest, through the node's own chain: log, store,
 * layers, fork choice. What the last block left behind is judged, and judged again after the chain
 * was closed and opened anew. */
#include "chain/chain.h"
#include "base/fmt.h"
#include "base/hex.h"
#include "base/json_read.h"
#include "cli/commands.h"
#include "cli/networks.h"
#include "cli/options.h"
#include "crypto/keccak.h"

#include <stdlib.h>
#include <unistd.h>

struct place {
    char folder[64]; /* made for one test */
    struct genesis genesis;
    struct chain *chain;
};

/* In memory where the machine has such a place: syncs would only cost time here. */
static enum status make_folder(struct place *place, struct err *err)
{
    const char *top = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    fmt(place->folder, sizeof(place->folder), "%s/varve-chaintest-XXXXXX", top);
    return mkdtemp(place->folder) != NULL ? ST_OK
                                          : fail(err, ST_IO, "cannot make a folder in %s", top);
}

static void remove_folder(const struct place *place)
{
    static const char *const names[] = {"lock", "state", "state-lock", "blocks"};
    for (usize i = 0; i < countof(names); i++) {
        char path[128];
        fmt(path, sizeof(path), "%s/%s", place->folder, names[i]);
        unlink(path);
    }
    rmdir(place->folder);
}

static enum status open_chain(struct place *place, struct err *err)
{
    struct chain_options options = {
        .files = files_of_system(),
        .folder = place->folder,
        .genesis = &place->genesis,
        .history_blocks = UINT64_MAX,
        .proof_blocks = UINT64_MAX,
    };
    return chain_open(&options, &place->chain, err);
}

static enum status read_genesis(struct genesis *genesis, json test, struct arena *arena,
                                struct err *err)
{
    bytes rlp;
    struct block block;
    hash32 root;
    TRY(network_config(json_text(json_get(test, "network"), arena), json_get(test, "config"),
                       &genesis->config, err));
    TRY(genesis_alloc_parse(json_get(test, "pre"), &genesis->alloc, &root, &genesis->nodes, arena,
                            err));
    if (json_read_hex(json_get(test, "genesisRLP"), &rlp, arena) != ST_OK)
        return fail(err, ST_INVALID, "genesisRLP is not hexadecimal");
    TRY(block_decode(rlp, &block, arena, err));
    genesis->header = block.header;
    return hash32_equal(root, block.header.state_root)
               ? ST_OK
               : fail(err, ST_INVALID, "the genesis has another state root than its accounts");
}

/* The tests take every valid block of proof of stake for the head, as if a consensus client had
 * said so. */
static enum status import(struct chain *chain, bytes rlp, struct arena scratch, struct err *err)
{
    enum import_outcome outcome;
    struct block block;
    TRY(chain_import(chain, rlp, true, &outcome, err));
    if (outcome == IMPORT_ORPHAN)
        return fail(err, ST_INVALID, "unknown parent");
    if (outcome == IMPORT_HEAD)
        return ST_OK;
    TRY(block_decode(rlp, &block, &scratch, err));
    return u256_is_zero(block.header.difficulty) ? chain_set_head(chain, block.hash, err) : ST_OK;
}

static bool is_expected_to_fail(json block)
{
    json key, value;
    for (struct json_walk at = json_begin(block); json_next(&at, &key, &value);)
        if (key.text.size >= 17 && memcmp(key.text.data, "\"expectException", 16) == 0)
            return true;
    return false;
}

static enum status run_blocks(struct chain *chain, json test, struct arena scratch, struct err *err)
{
    json key, block, blocks = json_get(test, "blocks");
    usize number = 0;
    for (struct json_walk at = json_begin(blocks); json_next(&at, &key, &block); number++) {
        struct arena tmp = scratch;
        struct err why;
        bytes rlp;
        if (json_read_hex(json_get(block, "rlp"), &rlp, &tmp) != ST_OK)
            return fail(err, ST_INVALID, "block %zu: rlp is not hexadecimal", number);
        enum status st = import(chain, rlp, tmp, &why);
        bool to_be_refused = is_expected_to_fail(block);
        if (st == ST_OK && to_be_refused)
            return fail(err, ST_INVALID, "block %zu: not refused", number);
        if (st != ST_OK && (!to_be_refused || st != ST_INVALID))
            return fail(err, ST_INVALID, "block %zu: %s: %s", number, status_name(st), why.text);
    }
    return ST_OK;
}

/* --- Judging. */

static bool slots_are(struct state_view *view, address who, json expected)
{
    json key, value;
    for (struct json_walk at = json_begin(expected); json_next(&at, &key, &value);) {
        hash32 slot, want;
        u256 got;
        if (json_read_word(key, &slot) != ST_OK || json_read_word(value, &want) != ST_OK ||
            view->storage(view->self, who, slot, &got) != ST_OK ||
            !u256_equal(got, u256_from_hash(want)))
            return false;
    }
    return true;
}

static bool account_is(struct state_view *view, json key, json expected, struct arena tmp)
{
    address who;
    struct account got;
    u256 nonce, balance;
    bytes code;
    return json_read_fixed(key, who.b, sizeof(who)) == ST_OK &&
           json_read_number(json_get(expected, "nonce"), &nonce) == ST_OK &&
           json_read_number(json_get(expected, "balance"), &balance) == ST_OK &&
           json_read_hex(json_get(expected, "code"), &code, &tmp) == ST_OK &&
           view->account(view->self, who, &got) == ST_OK && got.nonce == nonce.w[0] &&
           u256_equal(got.balance_wei, balance) && hash32_equal(got.code_hash, keccak256(code)) &&
           slots_are(view, who, json_get(expected, "storage"));
}

/* The tables must say what the test lists; the tries, what the header says. */
static enum status judge_state(struct snapshot *at, json test, struct err *err)
{
    hash32 root, last;
    json key, account, expected = json_get(test, "postState"); /* some give its hash alone */
    struct state_view view = snapshot_view(at);
    if (json_read_word(json_get(test, "lastblockhash"), &last) != ST_OK)
        return fail(err, ST_INVALID, "the test is malformed: bad lastblockhash");
    if (!hash32_equal(at->head->hash, last))
        return fail(err, ST_INVALID, "head is block %lu %s, expected %s", at->head->header.number,
                    hex_text(BYTES_OF(at->head->hash), at->arena),
                    hex_text(BYTES_OF(last), at->arena));
    TRY(snapshot_state_root(at, &root, err));
    if (!hash32_equal(root, at->head->header.state_root))
        return fail(err, ST_INVALID, "the tries have another root than the header");
    if (!json_is(expected, JSON_OBJECT))
        return ST_OK;
    for (struct json_walk walk = json_begin(expected); json_next(&walk, &key, &account);)
        if (!account_is(&view, key, account, *at->arena))
            return fail(err, ST_INVALID, "account %.*s is not as expected", (int)key.text.size,
                        (const char *)key.text.data);
    return ST_OK;
}

/* Every older state must still have its header's root. */
static enum status judge_history(struct snapshot *at, struct err *err)
{
    for (u64 number = 0; number <= at->head->header.number; number++) {
        struct block_ref ref;
        struct header header;
        hash32 root;
        TRY(snapshot_seek(at, number, err));
        TRY(snapshot_state_root(at, &root, err));
        if (snapshot_ref_by_number(at, number, &ref) != ST_OK)
            return fail(err, ST_INVALID, "block %lu is not there", number);
        TRY(block_ref_header(at, &ref, &header, err));
        if (!hash32_equal(root, header.state_root))
            return fail(err, ST_INVALID, "the state of block %lu has another root", number);
    }
    return ST_OK;
}

static enum status judge(struct chain *chain, json test, struct arena scratch, struct err *err)
{
    struct snapshot at;
    TRY(snapshot_open(chain, &scratch, &at, err));
    enum status st = judge_state(&at, test, err);
    if (st == ST_OK)
        st = judge_history(&at, err);
    snapshot_close(&at);
    return st;
}

/* --- A test. */

static enum status run_chain(struct place *place, json test, struct arena scratch, struct err *err)
{
    TRY(open_chain(place, err));
    enum status st = run_blocks(place->chain, test, scratch, err);
    if (st == ST_OK)
        st = judge(place->chain, test, scratch, err);
    chain_close(place->chain);
    TRY(st);
    TRY(open_chain(place, err));
    st = judge(place->chain, test, scratch, err);
    chain_close(place->chain);
    return st;
}

static void run_test(struct suite_run *run, json name, json test)
{
    struct err err;
    if (!suite_begin(run, name, ""))
        return;
    if (!suite_wants_fork(run, json_get(test, "network"))) {
        suite_skip(run, "another fork than --fork asks for");
        return;
    }
    struct arena arena = *suite_file_arena(run);
    struct place place = {.chain = NULL};
    enum status st = read_genesis(&place.genesis, test, &arena, &err);
    if (st == ST_MISSING) {
        suite_skip(run, "a network that varve does not know");
        return;
    }
    if (st == ST_OK)
        st = make_folder(&place, &err);
    if (st == ST_OK) {
        st = run_chain(&place, test, *suite_scratch(run), &err);
        remove_folder(&place);
    }
    if (st == ST_OK)
        suite_pass(run);
    else
        suite_fail(run, "%s", err.text);
}

static void run_file(struct suite_run *run, json file)
{
    json name, test;
    for (struct json_walk at = json_begin(file); json_next(&at, &name, &test);)
        run_test(run, name, test);
}

int chaintest_main(int argc, char **argv)
{
    static const char *const none[] = {NULL};
    return run_suite(run_file, none, argc, argv);
}
