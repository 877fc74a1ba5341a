/* Any parameters of any method that does not write into the chain: the answer is JSON, with either
 * a result or an error, and nothing is left open.
 *
 * Input: one byte that chooses the method, then its params. */
#include "node/internal.h"

#include "harness/fuzz.h"
#include "sys/log.h"

#include <stdlib.h>
#include <unistd.h>

enum { ANSWER_ROOM = 64 << 20 };

static const char *const names[] = {
#define RPC(name, handler, space, heavy) #name,
#include "rpc/methods.def"
#undef RPC
};

static struct world {
    bool open;
    struct config config;
    struct node node;
    struct pages scratch, answer;
} world;

static void end_world(void)
{
    struct err err;
    (void)node_end(&world.node, &err);
}

static void open_world(void)
{
    static char up[] = "up", mining[] = "--no-mining", api[] = "--http.api";
    static char spaces[] = "eth,net,web3,txpool,debug";
    char *argv[] = {up, mining, api, spaces};
    struct err err;
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = STDERR_FILENO});
    enum status st = config_read(UP, 4, argv, &world.config, &err);
    world.node.config = &world.config;
    if (st == ST_OK)
        st = node_begin(&world.node, &err);
    if (st == ST_OK)
        st = pages_reserve(rpc_scratch_size(), &world.scratch, &err);
    if (st == ST_OK)
        st = pages_reserve(ANSWER_ROOM, &world.answer, &err);
    assert(st == ST_OK);
    struct dev_order mine = {.kind = DEV_MINE, .count = 3};
    assert(orderer_run(world.node.orderer, &mine, &err) == ST_OK);
    world.open = true;
    (void)atexit(end_world);
}

/* Nobody listens, and nobody minds. */
static bool send_nowhere(void *self, bytes message)
{
    (void)self;
    return message.size > 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    static const char waits[] = "eth_sendRawTransactionSync";
    json params, given;
    if (!world.open)
        open_world();
    if (size < 2)
        return 0;
    const char *name = names[data[0] % countof(names)];
    if (strcmp(name, waits) == 0 ||
        json_check((bytes){data + 1, size - 1}, 32, &params, NULL) != ST_OK)
        return 0;
    struct net_peer peer = {&world, send_nowhere};
    struct json_out out = json_out_over(world.answer.start, ANSWER_ROOM);
    json_open_object(&out);
    rpc_answer(world.node.rpc, (bytes){(const u8 *)name, strlen(name)}, params, &peer, &out,
               pages_arena(&world.scratch));
    json_close_object(&out);
    rpc_peer_gone(world.node.rpc, &peer);
    assert(!out.failed && json_check((bytes){out.data, out.size}, 64, &given, NULL) == ST_OK);
    assert(json_count(given) == 1);
    assert(json_is(json_get(given, "result"), JSON_ABSENT) !=
           json_is(json_get(given, "error"), JSON_ABSENT));
    return 0;
}
