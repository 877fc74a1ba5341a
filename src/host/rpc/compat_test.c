/* The exchanges of ethereum/execution-apis against the chain that they were recorded on: every
 * fork from Frontier to the second blob-parameter fork, across the merge. Answers must be equal as
 * JSON; of errors, code and data. */
#include "rpc/rpc.h"

#include "base/fmt.h"
#include "harness/test.h"
#include "sys/clock.h"
#include "sys/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Methods that this program does not have yet: their exchanges are counted, not judged. */
static const char *const absent[] = {"debug_trace", "eth_capabilities", "eth_simulateV1",
                                     "testing_"};

static struct compat {
    struct chain *chain;
    struct txpool *pool;
    struct rpc *rpc;
    struct pages pages;
    usize passed, skipped;
} compat;

/* --- JSON, equal whatever the order of members. */

static bool json_equal(json a, json b, unsigned depth);

static bool members_equal(json a, json b, unsigned depth)
{
    json key, item, other_key, other;
    for (struct json_walk at = json_begin(a); json_next(&at, &key, &item);) {
        bool found = false;
        for (struct json_walk in = json_begin(b); !found && json_next(&in, &other_key, &other);)
            found = bytes_equal(key.text, other_key.text) && json_equal(item, other, depth + 1);
        if (!found)
            return false;
    }
    return true;
}

static bool items_equal(json a, json b, unsigned depth)
{
    json ignored, item, other;
    struct json_walk in = json_begin(b);
    for (struct json_walk at = json_begin(a); json_next(&at, &ignored, &item);)
        if (!json_next(&in, &ignored, &other) || !json_equal(item, other, depth + 1))
            return false;
    return true;
}

static double number_of(json value)
{
    char text[64] = {0};
    memcpy(text, value.text.data, min_u64(value.text.size, sizeof(text) - 1));
    return strtod(text, NULL);
}

static bool json_equal(json a, json b, unsigned depth)
{
    enum json_kind kind = json_kind(a);
    if (depth > 32 || kind != json_kind(b) || json_count(a) != json_count(b))
        return false;
    if (kind == JSON_OBJECT)
        return members_equal(a, b, depth);
    if (kind == JSON_ARRAY)
        return items_equal(a, b, depth);
    if (kind == JSON_NUMBER)
        return number_of(a) == number_of(b);
    return bytes_equal(a.text, b.text);
}

static bool answers_equal(json got, json want)
{
    json error = json_get(want, "error"), own = json_get(got, "error");
    if (json_is(error, JSON_ABSENT))
        return json_equal(json_get(got, "result"), json_get(want, "result"), 0);
    return json_equal(json_get(own, "code"), json_get(error, "code"), 0) &&
           json_equal(json_get(own, "data"), json_get(error, "data"), 0);
}

/* For exchanges whose values are the recording node's own. */
static bool same_outcome(json got, json want)
{
    return json_is(json_get(got, "result"), JSON_ABSENT) ==
           json_is(json_get(want, "result"), JSON_ABSENT);
}

/* --- The chain. */

static enum status account_at_head(void *self, address who, struct account *out)
{
    struct arena arena = *test_arena();
    struct snapshot at;
    (void)self;
    TRY(snapshot_open(compat.chain, &arena, &at, NULL));
    struct state_view view = snapshot_view(&at);
    enum status st = view.account(view.self, who, out);
    snapshot_close(&at);
    return st;
}

static void ignore_growth(void *node)
{
    (void)node;
}

static void make_pool(void)
{
    const struct head *head = chain_head(compat.chain);
    struct txpool_head next = {.rules =
                                   chain_rules(chain_config(compat.chain), head->header.number + 1,
                                               head->header.timestamp + 1, true),
                               .gas_limit = head->header.gas_limit};
    head_release(head);
    compat.pool = txpool_new(&TXPOOL_LIMITS, &next, (struct txpool_state){NULL, account_at_head},
                             (struct txpool_listener){NULL, NULL});
}

static void open_chain(const char *fixtures, const char *folder)
{
    char path[4200];
    struct err err = {{0}};
    struct genesis genesis;
    fmt(path, sizeof(path), "%s/genesis.json", fixtures);
    CHECK(genesis_parse(test_read_file(path), &genesis, test_arena(), &err) == ST_OK);
    struct chain_options options = {.files = files_of_system(),
                                    .folder = folder,
                                    .genesis = &genesis,
                                    .history_blocks = UINT64_MAX,
                                    .proof_blocks = UINT64_MAX};
    enum status st = chain_open(&options, &compat.chain, &err);
    usize imported = 0;
    fmt(path, sizeof(path), "%s/chain.rlp", fixtures);
    if (st == ST_OK)
        st = chain_import_all(compat.chain, test_read_file(path), &imported, &err);
    if (st != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    const struct head *head = chain_head(compat.chain);
    hash32 hash = head->hash;
    CHECK(head->header.number == 54);
    head_release(head);
    CHECK(chain_set_finality(compat.chain, hash, hash, &err) == ST_OK);
}

static bool open_all(const char *fixtures, const char *folder)
{
    open_chain(fixtures, folder);
    if (compat.chain == NULL)
        return false;
    make_pool();
    struct rpc_services services = {.chain = compat.chain,
                                    .pool = compat.pool,
                                    .version = "varve/test",
                                    .namespaces = UINT32_MAX & ~(unsigned)RPC_EVM,
                                    .now_ms = clock_now_ms,
                                    .pool_grew = ignore_growth};
    compat.rpc = rpc_new(&services);
    CHECK(pages_reserve(rpc_scratch_size(), &compat.pages, NULL) == ST_OK);
    return true;
}

static void close_all(const char *folder)
{
    char command[600];
    rpc_free(compat.rpc);
    txpool_free(compat.pool);
    chain_close(compat.chain);
    pages_release(&compat.pages);
    fmt(command, sizeof(command), "rm -rf '%s'", folder);
    CHECK(system(command) == 0);
}

/* --- The exchanges. */

static bool is_absent(bytes method)
{
    for (usize i = 0; i < countof(absent); i++)
        if (bytes_equal(bytes_slice(method, 0, strlen(absent[i])),
                        (bytes){(const u8 *)absent[i], strlen(absent[i])}))
            return true;
    return false;
}

static json parse(bytes text)
{
    json out = {BYTES_EMPTY};
    CHECK(json_check(text, 64, &out, NULL) == ST_OK);
    return out;
}

static json ask(json request)
{
    enum { ROOM = 64 << 20 };
    struct json_out out = json_out_over(ARENA_TAKE(test_arena(), u8, ROOM), ROOM);
    json_open_object(&out);
    rpc_answer(compat.rpc, json_text(json_get(request, "method"), test_arena()),
               json_get(request, "params"), NULL, &out, pages_arena(&compat.pages));
    json_close_object(&out);
    return parse((bytes){out.data, out.size});
}

/* `>>` and the request, `<<` and its answer. */
static void replay(const char *path)
{
    struct arena *arena = test_arena();
    struct arena mark = *arena;
    bytes text = test_read_file(path);
    json got = {BYTES_EMPTY};
    bool spec_only = false;
    while (text.size > 0) {
        const u8 *end = memchr(text.data, '\n', text.size);
        usize size = end == NULL ? text.size : (usize)(end - text.data);
        bytes line = bytes_slice(text, 0, size), body = bytes_slice(line, 3, line.size);
        text = bytes_slice(text, size + 1, text.size);
        spec_only = spec_only || bytes_equal(bytes_slice(line, 0, 12), BYTES_LIT("// speconly:"));
        if (size > 3 && line.data[0] == '>') {
            json request = parse(body);
            if (is_absent(json_text(json_get(request, "method"), arena))) {
                compat.skipped++;
                break;
            }
            got = ask(request);
        } else if (size > 3 && line.data[0] == '<') {
            json want = parse(body);
            bool equal = spec_only ? same_outcome(got, want) : answers_equal(got, want);
            compat.passed += equal;
            if (!equal)
                test_fail(path, 0, "got %.*s", (int)min_u64(got.text.size, 900),
                          (const char *)got.text.data);
        }
    }
    *arena = mark;
}

TEST(rpc_answers_as_the_exchanges_of_execution_apis)
{
    const char *fixtures = test_fixture_folder("rpc_compat");
    char folder[] = "/tmp/varve-rpc-XXXXXX";
    if (fixtures == NULL)
        return;
    CHECK(mkdtemp(folder) != NULL);
    compat = (struct compat){0};
    if (open_all(fixtures, folder))
        test_each_file(fixtures, ".io", replay);
    close_all(folder);
    printf("    %zu answers equal, %zu exchanges skipped (methods that are not there yet)\n",
           compat.passed, compat.skipped);
    CHECK(compat.passed > 80);
}
