/* A watchtower on a dev chain, of which the cheat is a client too: as many as it likes. */
#include "base/hex.h"
#include "channel/link.h"
#include "channel/tower.h"
#include "channel/tower_blob.h"
#include "harness/test.h"
#include "node/onchain_rig.h"

static struct dev_channel *channel; /* that is waited for */

struct rig {
    struct dev *dev;
    struct tower *tower;
    point33 server;
    u16 port;
};

static struct rig begin_tower(struct dev *at)
{
    static const secret32 account = {{[31] = 77}};
    char name[DAEMON_NAME_SIZE];
    struct rig out = {.dev = at};
    struct daemon_chain chain = {.url = at->url, .confirmations = 1, .poll_ms = 20};
    struct tower_options options = {
        .loop = at->loop,
        .files = files_of_system(),
        .folder = test_folder(),
        .signer = signer_of_keys(at->keys, keys_address(at->keys, 3)),
        .account = &account,
        .addr = "127.0.0.1",
        .chains = &chain,
        .chain_count = 1,
    };
    if (tower_open(&options, &out.tower, &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
    tower_name(out.tower, name);
    const char *port = name + 66 + sizeof("@127.0.0.1:") - 1;
    for (; *port != 0; port++)
        out.port = (u16)(out.port * 10 + (*port - '0'));
    CHECK(hex_read_fixed((bytes){(const u8 *)name, 66}, out.server.b, 33) == ST_OK);
    return out;
}

/* A node that says one thing, and what it heard: INIT and the answer. */
struct client {
    struct links *links;
    struct link *link;
    usize heard;
    enum wire_type answer;
};
static struct client talking;

static void on_opened(void *self, struct link *link)
{
    (void)self;
    talking.link = link;
}

static void on_message(void *self, struct link *link, bytes content)
{
    struct wire_message message;
    (void)self, (void)link;
    CHECK(wire_decode(content, &message, NULL) == ST_OK);
    talking.answer = message.type;
    talking.heard++;
}

static void on_drained(void *self)
{
    (void)self;
}

static void on_gone(void *self, struct link *link, const char *why)
{
    (void)self, (void)link, (void)why;
}

static bool has_heard_init(struct dev *at)
{
    (void)at;
    return talking.heard == 1;
}

static bool has_heard_more(struct dev *at)
{
    (void)at;
    return talking.heard == 2;
}

static void put(struct rig *at, u8 key, hint16 hint, bytes blob)
{
    static u8 room[WIRE_LIMIT];
    secret32 secret = {{[31] = key}};
    struct links_options options = links_defaults(at->dev->loop, &secret);
    struct link_events events = {NULL, on_opened, on_message, on_drained, on_gone};
    struct wire_message message = {.type = WIRE_TOWER_PUT};
    struct link *link;
    talking = (struct client){0};
    options.listens = false;
    CHECK(links_new(&options, &events, &talking.links, NULL) == ST_OK);
    CHECK(links_connect(talking.links, &at->server, "127.0.0.1", at->port, &link, NULL) == ST_OK);
    WAIT_FOR(at->dev, has_heard_init);
    message.tower_put = (struct wire_tower_put){hint, 7, blob};
    CHECK(link_send(talking.link, (bytes){room, wire_encode(&message, room)}) == ST_OK);
    WAIT_FOR(at->dev, has_heard_more);
    CHECK(talking.answer == WIRE_TOWER_RECEIPT);
    links_free(talking.links);
}

static point33 node_of(u8 key)
{
    point33 out;
    CHECK(point_of_secret(&(secret32){{[31] = key}}, &out) == ST_OK);
    return out;
}

/* What is said to be of `side`, by the owner of `signer`'s side, from the client with this key. */
static void put_states(struct rig *at, u8 key, u32 side, u32 signer,
                       const struct adjudicator_half halves[2])
{
    u8 sealed[TOWER_PUT_SIZE] = {0};
    point33 client = node_of(key);
    struct tower_blob blob = {
        .terms = channel->terms, .side = (u8)side, .states.half = {halves[0], halves[1]}};
    CHECK(secret_sign(&(secret32){{[31] = (u8)(1 + signer)}},
                      tower_claim_digest(channel->name.id, &client), &blob.claim) == ST_OK);
    tower_blob_seal(&client, &blob, sealed);
    put(at, key, tower_hint(channel->terms.salt, &client), BYTES_OF(sealed));
}

/* The tower goes on with each block. */
static bool is_answered(struct dev *at)
{
    static unsigned looks;
    if (looks++ % 32 == 0)
        dev_mine(at, 1);
    return channel->seen->newest.seq[1] == 9;
}

/* The cheat, who has side 1, puts old states for itself, says that others are side 0's, and has
 * something under the client's own hint: before the client comes and afterwards. What it has of
 * side 0's newest half makes its own states look newer than the client's. */
TEST(a_tower_answers_for_its_client_whatever_the_cheat_has_put)
{
    enum { CLIENT = 200, MANY = 70 };
    static const u8 junk[TOWER_PUT_SIZE] = {1};
    struct dev *at = dev_begin();
    channel = dev_example(at, 6, (address){{0}});
    dev_open_chain(at, test_folder());
    onchain_watch(at->chain, &channel->terms, 1);
    struct adjudicator_half old[2] = {dev_half(channel, 0, 500, 0, NULL),
                                      dev_half(channel, 1, 1, 10, NULL)};
    struct adjudicator_half newest[2] = {dev_half(channel, 0, 4, 0, NULL),
                                         dev_half(channel, 1, 9, 5000, NULL)};
    point33 client = node_of(CLIENT);
    hint16 hint = tower_hint(channel->terms.salt, &client);
    struct rig rig = begin_tower(at);
    for (u8 key = 1; key <= MANY; key++) {
        if (key % 3 == 0)
            put(&rig, key, hint, BYTES_OF(junk));
        else
            put_states(&rig, key, key % 3 == 1, 1, old);
    }
    put_states(&rig, CLIENT, 0, 0, newest);
    for (u8 key = MANY + 1; key <= MANY + 9; key++)
        put_states(&rig, key, key % 2, 1, old);
    put(&rig, MANY + 10, hint, BYTES_OF(junk));
    struct adjudicator_base base = {0};
    u64 until_s = dev_now_s(at) + 100;
    memset(&old[0], 0, sizeof(old[0])); /* the chain sees what costs the client most */
    SUBMIT(at, adjudicator_force_close(&channel->terms, until_s, &base, old, test_arena()));
    for (u8 key = MANY + 11; key <= MANY + 14; key++)
        put_states(&rig, key, key % 2, 1, old);
    WAIT_FOR(at, is_answered);
    tower_close(rig.tower);
    dev_end(at);
}
