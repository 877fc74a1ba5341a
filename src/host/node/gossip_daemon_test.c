/* A channel daemon and peers that tell it of the network: what the chain does not confirm is not
 * told on, and whoever breaks a rule is shown out. Then what it does on chain by itself. */
#include "node/onchain_rig.h"

#include "channel/daemon_chains.h"
#include "channel/network.h"
#include "crypto/keccak.h"
#include "harness/test.h"

/* --- Peers that say whatever the test wants. */

struct stranger {
    struct links *links;
    struct link *link;
    bool is_open, is_gone;
    u32 heard[WIRE_SYNC_WANT + 1]; /* messages of each type */
};

static struct dev *dev;
static struct daemon *daemon;
static struct stranger *teller, *hearer;
static struct dev_channel *told;
static const char *folder; /* the daemon's */

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

static void on_message(void *self, struct link *link, bytes content)
{
    struct stranger *who = self;
    struct wire_message message;
    (void)link;
    if (wire_decode(content, &message, &dev->err) == ST_OK &&
        (usize)message.type < countof(who->heard))
        who->heard[message.type]++;
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

static secret32 secret_of(u8 last)
{
    return (secret32){{[31] = last}};
}

static point33 node_of(u8 last)
{
    secret32 secret = secret_of(last);
    point33 point = {{0}};
    CHECK(point_of_secret(&secret, &point) == ST_OK);
    return point;
}

static bool is_met(struct dev *at)
{
    (void)at;
    return teller->heard[WIRE_SYNC_SUMMARY] != 0 && hearer->heard[WIRE_SYNC_SUMMARY] != 0;
}

static struct stranger *new_stranger(u8 key)
{
    struct stranger *out = ARENA_NEW(test_arena(), struct stranger, 1);
    secret32 secret = secret_of(key);
    struct links_options options = links_defaults(dev->loop, &secret);
    struct link_events events = {out, on_opened, on_message, on_drained, on_gone};
    point33 whom = keyring_node(daemon->ring);
    options.listens = false;
    CHECK(links_new(&options, &events, &out->links, &dev->err) == ST_OK);
    CHECK(links_connect(out->links, &whom, "127.0.0.1", links_port(daemon->links), &out->link,
                        &dev->err) == ST_OK);
    return out;
}

/* --- What is told. */

static void sign(u8 key, hash32 digest, signature64 *out)
{
    secret32 secret = secret_of(key);
    CHECK(secret_sign(&secret, digest, out) == ST_OK);
}

/* Of the rig's channel, between the nodes with keys 3 and 4. */
static struct wire_message announcement(const struct dev_channel *of)
{
    struct wire_message out = {.type = WIRE_ANNOUNCE};
    struct wire_announce *announce = &out.announce;
    *announce = (struct wire_announce){.chain_id = of->terms.chain_id,
                                       .adjudicator = of->terms.adjudicator,
                                       .owner_a = of->terms.owner[0],
                                       .owner_b = of->terms.owner[1],
                                       .challenge_s = of->terms.challenge_s,
                                       .terms = channel_secrets_hash(&of->terms),
                                       .node_a = node_of(3),
                                       .node_b = node_of(4)};
    hash32 digest = gossip_announce_digest(announce);
    sign(1, digest, &announce->owner_signature_a);
    sign(2, digest, &announce->owner_signature_b);
    sign(3, digest, &announce->node_signature_a);
    sign(4, digest, &announce->node_signature_b);
    return out;
}

static struct wire_message policy(const struct dev_channel *of, u8 signer)
{
    struct wire_message out = {.type = WIRE_POLICY};
    out.policy = (struct wire_policy){.id = of->name.id,
                                      .timestamp_s = network_now_s(),
                                      .enabled = 1,
                                      .least = 1,
                                      .most = CHANNEL_AMOUNT_LIMIT - 1};
    sign(signer, gossip_policy_digest(&out.policy), &out.policy.signature);
    return out;
}

/* --- Facts that are waited for. */

static const struct graph_channel *known(void)
{
    return graph_channel(network_graph(daemon), told->name.id);
}

/* Of what it was told before, since it answers in order. */
static bool has_answered(struct dev *at)
{
    (void)at;
    return teller->heard[WIRE_SYNC_WANT] != 0;
}

static bool is_forgotten(struct dev *at)
{
    (void)at;
    return known() == NULL;
}

static bool is_confirmed(struct dev *at)
{
    (void)at;
    return known() != NULL && known()->confirmed;
}

static bool is_told_on(struct dev *at)
{
    (void)at;
    return hearer->heard[WIRE_ANNOUNCE] == 1 && hearer->heard[WIRE_POLICY] == 1;
}

static bool teller_is_gone(struct dev *at)
{
    (void)at;
    return teller->is_gone;
}

/* --- The daemon. */

static void open_daemon(void)
{
    struct daemon_chain chain = {.url = dev->url, .confirmations = 1, .poll_ms = 20};
    secret32 account = keys_secret(dev->keys, 1);
    struct daemon_options options = {
        .loop = dev->loop,
        .files = files_of_system(),
        .folder = folder,
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

static void begin(void)
{
    dev = dev_begin();
    dev_open_chain(dev, test_folder());
    folder = test_folder();
    open_daemon();
    teller = new_stranger(3);
    hearer = new_stranger(9);
    WAIT_FOR(dev, is_met);
}

static void end(void)
{
    links_free(teller->links);
    links_free(hearer->links);
    daemon_close(daemon);
    dev_end(dev);
}

TEST(announced_channel_is_told_on_once_the_chain_has_confirmed_it)
{
    begin();
    told = dev_example(dev, 1, (address){{0}});
    struct wire_message announce = announcement(told), of_a = policy(told, 3);
    say(teller, &announce); /* nobody has deposited */
    say(teller, &(struct wire_message){WIRE_SYNC_LIST,
                                       {.sync_list = {hex("77000000000000000000000000000077")}}});
    WAIT_FOR(dev, has_answered);
    WAIT_FOR(dev, is_forgotten);
    CHECK(hearer->heard[WIRE_ANNOUNCE] == 0);
    dev_deposit(dev, told, 0, 60000);
    say(teller, &announce);
    say(teller, &of_a);
    WAIT_FOR(dev, is_told_on);
    CHECK(known()->confirmed && known()->capacity == 60000);
    CHECK(!teller->is_gone);
    end();
}

TEST(channel_that_ends_while_the_daemon_does_not_run_is_forgotten)
{
    begin();
    told = dev_example(dev, 4, (address){{0}});
    dev_deposit(dev, told, 0, 60000);
    struct wire_message announce = announcement(told);
    say(teller, &announce);
    WAIT_FOR(dev, is_confirmed);
    daemon_close(daemon);
    struct channel_close close = {0, dev_now_s(dev) + 1000};
    hash32 hash = close_hash(told->name.id, &close);
    signature64 signatures[2] = {dev_sign(told, 0, hash), dev_sign(told, 1, hash)};
    SUBMIT(dev, adjudicator_coop_close(&told->terms, &close, signatures, test_arena()));
    open_daemon();
    CHECK(known() != NULL && known()->confirmed);
    WAIT_FOR(dev, is_forgotten);
    end();
}

TEST(channel_on_a_chain_of_nobodys_is_not_kept)
{
    begin();
    told = dev_example(dev, 2, (address){{0}});
    told->terms.chain_id = 901;
    told->name = channel_name_of(&told->terms);
    struct wire_message announce = announcement(told);
    say(teller, &announce);
    say(teller, &(struct wire_message){WIRE_SYNC_WANT, {.sync_want = {BYTES_EMPTY}}});
    say(teller, &(struct wire_message){WIRE_SYNC_LIST, {.sync_list = {hex("00")}}});
    WAIT_FOR(dev, teller_is_gone); /* for the last of them */
    CHECK(known() == NULL && hearer->heard[WIRE_ANNOUNCE] == 0);
    end();
}

TEST(who_tells_what_is_not_signed_as_it_should_be_is_shown_out)
{
    for (u32 i = 0; i < 2; i++) {
        begin();
        told = dev_example(dev, 3, (address){{0}});
        struct wire_message announce = announcement(told);
        if (i == 0)
            announce.announce.owner_signature_b = announce.announce.owner_signature_a;
        if (i == 1)
            announce.announce.node_signature_a.b[5] ^= 1;
        say(teller, &announce);
        WAIT_FOR(dev, teller_is_gone);
        CHECK_ROW(i, known() == NULL && hearer->heard[WIRE_ANNOUNCE] == 0);
        CHECK_ROW(i, !hearer->is_gone);
        end();
    }
}

/* It may know the channel by another announcement, which names the node that signed. */
TEST(who_tells_a_policy_of_a_node_that_is_not_the_sides_is_borne_and_not_believed)
{
    begin();
    told = dev_example(dev, 3, (address){{0}});
    dev_deposit(dev, told, 0, 60000);
    struct wire_message announce = announcement(told), right = policy(told, 3);
    struct wire_message wrong = policy(told, 4); /* side 0 is of the node with key 3 */
    wrong.policy.timestamp_s += 1;
    sign(4, gossip_policy_digest(&wrong.policy), &wrong.policy.signature);
    say(teller, &announce);
    say(teller, &wrong);
    say(teller, &right);
    WAIT_FOR(dev, is_told_on);
    CHECK(known()->policy[0].timestamp_s == right.policy.timestamp_s);
    CHECK(!teller->is_gone && !hearer->is_gone);
    end();
}

static bool is_told_of_none(struct dev *at)
{
    (void)at;
    return teller->heard[WIRE_ERROR] == 2;
}

TEST(stranger_who_asks_after_a_channel_is_told_the_same_whether_it_is_ours_or_not)
{
    begin();
    told = dev_example(dev, 5, (address){{0}});
    point33 owner = node_of(5);
    (void)entry_new(daemon, &told->terms, 0, 0, peer_get(daemon, &owner), &daemon->chains[0],
                    (hash32){{0}});
    say(teller, &(struct wire_message){WIRE_REESTABLISH, {.reestablish = {.id = {{9}}}}});
    say(teller, &(struct wire_message){WIRE_REESTABLISH, {.reestablish = {.id = told->name.id}}});
    WAIT_FOR(dev, is_told_of_none);
    CHECK(!teller->is_gone);
    end();
}

static const hash32 late = {{7}};

static bool is_shown(struct dev *at)
{
    return at->reveal_count > 0 && hash32_equal(at->reveals[at->reveal_count - 1].secret, late);
}

static bool is_another_shown(struct dev *at)
{
    return at->reveal_count > 0;
}

/* Somebody else's transaction had its nonce, say: what was to be sent under that name never is. */
TEST(secret_whose_transaction_has_failed_is_shown_under_another_name)
{
    begin();
    const struct sender_stake nothing = {.until_s = 0};
    struct chain_of *chain = &daemon->chains[0];
    hash32 name = keccak256(BYTES_OF(late));
    struct onchain_intent taken = {
        .key = name, .to = ONCHAIN_REGISTRY, .data = registry_reveal((hash32){{9}}, test_arena())};
    onchain_submit(chain->chain, &taken);
    WAIT_FOR(dev, is_another_shown);
    errand_reveal(chain, late, &nothing);
    errand_ended(chain, name, false, "another program used its nonce");
    errand_reveal(chain, late, &nothing);
    WAIT_FOR(dev, is_shown);
    end();
}
