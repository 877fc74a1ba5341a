/* A channel daemon with an offer, and peers that make what they like of it: the same request again,
 * the payee asked without the path, one that has expired, more messages than a peer may send. */
#include "node/onchain_rig.h"

#include "channel/invoice_request.h"
#include "channel/messages.h"
#include "harness/test.h"

enum { MOST = 100, PERIOD_S = 10 }; /* onion messages that are taken of a peer */

struct stranger {
    struct links *links;
    struct link *link;
    secret32 key;
    bool is_open, is_gone;
    u32 wants;
    u32 answers;
    enum message_content type;       /* of the last answer, */
    u8 content[ONION_PAYLOAD_LIMIT]; /* and */
    usize size;
};

static struct dev *dev;
static struct daemon *daemon;
static struct stranger *asker, *other;
static struct invoice offer;
static u32 wanted;

static const hash32 reply_id = {{0x77}};

static void say(struct stranger *who, const struct wire_message *message)
{
    u8 room[WIRE_LIMIT];
    CHECK(link_send(who->link, (bytes){room, wire_encode(message, room)}) == ST_OK);
}

static void on_opened(void *self, struct link *link)
{
    struct stranger *who = self;
    (void)link;
    who->is_open = true;
    say(who, &(struct wire_message){WIRE_INIT, {.init = {1, BYTES_EMPTY}}});
}

/* The reply path ends at the stranger itself. */
static void take_answer(struct stranger *who, const struct wire_onion_message *said)
{
    struct onion_peeled peeled;
    struct onion_message message;
    struct instruction words;
    u8 room[BLINDED_SEALED_LIMIT];
    secret32 key;
    CHECK(blinded_path_key(&who->key, &said->path_key, &key) == ST_OK);
    CHECK(onion_peel(&key, said->onion.data, BYTES_EMPTY, &peeled) == ONION_FINAL);
    CHECK(onion_message_decode(true, (bytes){peeled.payload, peeled.payload_size}, &message,
                               NULL) == ST_OK);
    CHECK(instruction_open(&who->key, &said->path_key, message.sealed, true, room, &words, NULL) ==
          ST_OK);
    CHECK(bytes_equal(words.path_id, BYTES_OF(reply_id)));
    who->answers++;
    who->type = message.type;
    who->size = message.content.size;
    bytes_copy(who->content, message.content);
}

static void on_message(void *self, struct link *link, bytes content)
{
    struct stranger *who = self;
    struct wire_message message;
    (void)link;
    if (wire_decode(content, &message, &dev->err) != ST_OK)
        return;
    if (message.type == WIRE_ONION_MESSAGE)
        take_answer(who, &message.onion_message);
    who->wants += message.type == WIRE_SYNC_WANT;
}

static void on_drained(void *self)
{
    (void)self;
}

static void on_gone(void *self, struct link *link, const char *why)
{
    struct stranger *who = self;
    (void)link, (void)why;
    who->is_gone = true;
}

static point33 point_of(const secret32 *secret)
{
    point33 point = {{0}};
    CHECK(point_of_secret(secret, &point) == ST_OK);
    return point;
}

static struct stranger *new_stranger(u8 key)
{
    struct stranger *out = ARENA_NEW(test_arena(), struct stranger, 1);
    struct link_events events = {out, on_opened, on_message, on_drained, on_gone};
    point33 whom = keyring_node(daemon->ring);
    out->key = (secret32){{[31] = key}};
    struct links_options options = links_defaults(dev->loop, &out->key);
    options.listens = false;
    CHECK(links_new(&options, &events, &out->links, &dev->err) == ST_OK);
    CHECK(links_connect(out->links, &whom, "127.0.0.1", links_port(daemon->links), &out->link,
                        &dev->err) == ST_OK);
    return out;
}

/* --- Facts that are waited for. */

static bool is_greeted(const struct stranger *who)
{
    point33 node = point_of(&who->key);
    return who->is_open && peer_get(daemon, &node)->greeted;
}

static bool are_met(struct dev *at)
{
    (void)at;
    return is_greeted(asker) && is_greeted(other) && daemon->chains[0].time_s != 0;
}

static bool has_answers(struct dev *at)
{
    (void)at;
    return asker->answers == wanted;
}

/* All that was said before has been read: messages are answered in order. */
static bool are_heard(struct dev *at)
{
    (void)at;
    return asker->wants == wanted && other->wants == wanted;
}

static bool has_moved(struct dev *at)
{
    (void)at;
    return daemon->chains[0].time_s > offer.expiry_s;
}

static hash32 channel_id;

static bool knows_policy(struct dev *at)
{
    const struct graph_channel *known = graph_channel(network_graph(daemon), channel_id);
    (void)at;
    return known != NULL && known->policy[1].timestamp_s != 0;
}

/* --- The daemon, and its channel with the asker, who has put 60,000 into it. */

static void open_daemon(void)
{
    struct daemon_chain chain = {.url = dev->url, .confirmations = 1, .poll_ms = 20};
    secret32 account = keys_secret(dev->keys, 1);
    struct daemon_options options = {
        .loop = dev->loop,
        .files = files_of_system(),
        .folder = test_folder(),
        .signer = signer_of_keys(dev->keys, keys_address(dev->keys, 1)),
        .account = &account,
        .addr = "127.0.0.1",
        .chains = &chain,
        .chain_count = 1,
        .challenge_s = 60,
        .least_challenge_s = 30,
        .margin_s = 10,
    };
    if (daemon_open(&options, &daemon, &dev->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", dev->err.text);
}

static void say_policy(const struct dev_channel *of)
{
    struct wire_message message = {.type = WIRE_POLICY};
    message.policy = (struct wire_policy){.id = of->name.id,
                                          .side = 1,
                                          .timestamp_s = network_now_s(),
                                          .enabled = 1,
                                          .base_fee = 3,
                                          .fee_ppm = 1000,
                                          .least = 1,
                                          .most = CHANNEL_AMOUNT_LIMIT - 1};
    CHECK(secret_sign(&asker->key, gossip_policy_digest(&message.policy),
                      &message.policy.signature) == ST_OK);
    say(asker, &message);
}

static void begin(void)
{
    static const u128 in[2] = {0, 60000}, out[2] = {0, 0};
    dev = dev_begin();
    dev_open_chain(dev, test_folder());
    open_daemon();
    asker = new_stranger(3);
    other = new_stranger(9);
    WAIT_FOR(dev, are_met);
    struct dev_channel *of = dev_example(dev, 7, (address){{0}});
    point33 node = point_of(&asker->key);
    struct entry *entry = entry_new(daemon, &of->terms, 0, 0, peer_get(daemon, &node),
                                    &daemon->chains[0], (hash32){{0}});
    entry->here = entry->there = true;
    channel_see(entry->channel, in, out);
    channel_id = of->name.id;
    say_policy(of);
    WAIT_FOR(dev, knows_policy);
    offer = (struct invoice){.kind = OFFER,
                             .chain_id = daemon->chains[0].chain_id,
                             .adjudicator = daemon->chains[0].adjudicator,
                             .amount = 1000,
                             .expiry_s = daemon->chains[0].time_s + 600};
    CHECK(offer_new(daemon, &offer, test_arena(), &dev->err) == ST_OK);
    CHECK(offer.paths.count == 1 && point_equal(&offer.paths.at[0].first_node, &node));
}

static void end(void)
{
    links_free(asker->links);
    links_free(other->links);
    daemon_close(daemon);
    dev_end(dev);
}

/* --- Asking. */

static bytes request_for(const struct invoice *what, u8 metadata)
{
    struct invoice_request request = {.offer = *what};
    u8 *room = ARENA_TAKE(test_arena(), u8, INVOICE_REQUEST_LIMIT);
    memset(request.metadata.b, metadata, sizeof(request.metadata));
    CHECK(invoice_request_sign(&request, &(secret32){{[31] = 5}}) == ST_OK);
    return (bytes){room, invoice_request_encode(&request, room)};
}

static bytes request_of(u8 metadata)
{
    return request_for(&offer, metadata);
}

/* Along a path that begins at the daemon. */
static void ask(struct stranger *who, const struct blinded_route *path, bytes request)
{
    static u8 counter;
    secret32 session = {{[30] = 1, [31] = ++counter}}, shared[BLINDED_HOPS_LIMIT];
    point33 own = point_of(&who->key);
    struct instruction end_here = {.path_id = BYTES_OF(reply_id)};
    struct onion_message message = {.type = MESSAGE_REQUEST, .content = request};
    u8 payloads[BLINDED_HOPS_LIMIT][ONION_MESSAGE_LIMIT], onion[ONION_SIZE];
    struct onion_hop hops[BLINDED_HOPS_LIMIT];
    CHECK(blinded_route_make(&session, &own, &end_here, 1, &message.reply, test_arena()) == ST_OK);
    for (usize i = 0; i < path->count; i++) {
        message.sealed = path->hops[i].payload;
        hops[i].node = path->hops[i].node;
        hops[i].payload =
            (bytes){payloads[i], onion_message_encode(i + 1 == path->count, &message, payloads[i])};
    }
    session.b[29] = 1;
    CHECK(onion_build(&session, hops, path->count, BYTES_EMPTY, onion, shared, NULL) == ST_OK);
    struct wire_message out = {.type = WIRE_ONION_MESSAGE};
    out.onion_message = (struct wire_onion_message){path->first_path_key, BYTES_OF(onion)};
    say(who, &out);
}

/* The offer's path from the daemon on: the asker is its first node, and may read so much of it. */
static struct blinded_route inner_path(void)
{
    struct blinded_route path = offer.paths.at[0];
    u8 room[BLINDED_SEALED_LIMIT];
    struct instruction first;
    CHECK(blinded_route_enter(&asker->key, &path, room, &first, NULL) == ST_OK);
    return path;
}

/* Waits until the daemon has read all that was said to it. */
static void hear_out(u32 count)
{
    struct wire_message list = {.type = WIRE_SYNC_LIST};
    u8 key[16] = {[0] = 0x77, [7] = (u8)(4 * count), [15] = 0x77};
    list.sync_list.items = BYTES_OF(key);
    say(asker, &list);
    say(other, &list);
    wanted = count;
    WAIT_FOR(dev, are_heard);
}

TEST(offer_answers_the_same_request_with_the_same_payment_and_keeps_nothing_of_it)
{
    struct invoice answer;
    hash32 first = {{0}};
    begin();
    struct blinded_route path = inner_path();
    for (u32 i = 0; i < 3; i++) {
        wanted = i + 1;
        ask(asker, &path, request_of(i < 2 ? 1 : 2));
        WAIT_FOR(dev, has_answers);
        CHECK_ROW(i, asker->type == MESSAGE_INVOICE);
        CHECK_ROW(i, invoice_read(ANSWER, (bytes){asker->content, asker->size}, &answer,
                                  &dev->err) == ST_OK);
        CHECK_ROW(i, invoice_check(&answer, offer.chain_id, offer.adjudicator,
                                   daemon->chains[0].time_s, &dev->err) == ST_OK);
        CHECK_ROW(i, point_equal(&answer.node, &offer.node) && answer.amount == 1000);
        CHECK_ROW(i, answer.ways.count == 1 && answer.ways.at[0].most == 1000);
        CHECK_ROW(i,
                  answer.ways.at[0].price.base_fee == 3 && answer.ways.at[0].price.fee_ppm == 1000);
        CHECK_ROW(i, i == 0 || hash32_equal(first, answer.payment_hash) == (i == 1));
        first = i == 0 ? answer.payment_hash : first;
    }
    CHECK(daemon->bills_by_hash.count == 0 && !asker->is_gone);
    end();
}

/* Who guesses at the payee makes a path to it, with an id of its own, or one that it was told of.
 */
TEST(offer_answers_nobody_who_does_not_come_by_its_path)
{
    begin();
    struct blinded_route path, right = inner_path();
    secret32 session = {{[31] = 99}};
    point33 node = keyring_node(daemon->ring);
    hash32 id = invoice_digest(&offer);
    struct instruction guess = {.path_id = BYTES_OF(id)};
    CHECK(blinded_route_make(&session, &node, &guess, 1, &path, test_arena()) == ST_OK);
    ask(asker, &path, request_of(1));
    guess.path_id = BYTES_LIT("short");
    session.b[31] = 98;
    CHECK(blinded_route_make(&session, &node, &guess, 1, &path, test_arena()) == ST_OK);
    ask(asker, &path, request_of(1));
    struct invoice cheaper = offer; /* by the path, for less than it says */
    cheaper.amount = 1;
    ask(asker, &right, request_for(&cheaper, 1));
    ask(other, &right, request_of(1)); /* by the path, but without a channel */
    ask(asker, &right, BYTES_LIT("\x01\x01\x01"));
    hear_out(1);
    CHECK(asker->answers == 0 && other->answers == 0 && !asker->is_gone && !other->is_gone);
    end();
}

TEST(offer_that_has_expired_is_answered_by_a_sentence)
{
    bytes sentence;
    begin();
    struct blinded_route path = inner_path();
    dev_pass(dev, 700);
    dev_mine(dev, 1);
    WAIT_FOR(dev, has_moved);
    wanted = 1;
    ask(asker, &path, request_of(1));
    WAIT_FOR(dev, has_answers);
    CHECK(asker->type == MESSAGE_ERROR);
    CHECK(invoice_error_decode((bytes){asker->content, asker->size}, &sentence));
    CHECK(sentence.size > 17 && memcmp(sentence.data, "the offer expired", 17) == 0);
    end();
}

TEST(peer_that_sends_too_many_onion_messages_is_not_listened_to_for_a_while)
{
    begin();
    struct blinded_route path = inner_path();
    bytes request = request_of(1);
    u64 began_s = network_now_s();
    for (u32 i = 0; i < 3 * MOST; i++)
        ask(asker, &path, request);
    hear_out(1);
    u64 took_s = network_now_s() - began_s;
    CHECK(asker->answers >= MOST && !asker->is_gone);
    CHECK(asker->answers <= MOST + (took_s + 1) * MOST / PERIOD_S);
    end();
}
