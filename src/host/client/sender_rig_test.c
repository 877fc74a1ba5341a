#include "client/sender_rig.h"

#include "base/fmt.h"
#include "harness/test.h"
#include "sys/log.h"

#include <unistd.h>

enum status rig_open(struct sender_rig *at)
{
    return sender_open(&at->options, &at->sender, &at->err);
}

struct sender_rig *rig_begin_in(const char *folder, unsigned number)
{
    struct sender_rig *at = ARENA_NEW(test_arena(), struct sender_rig, 1);
    log_setup((struct log_options){.level = LEVEL_ERROR, .fd = STDERR_FILENO});
    at->fake = fake_start();
    at->eth = fake_client(at->fake);
    at->now_ms = 1000;
    power_init(&at->power);
    CHECK(keys_from_mnemonic(KEYS_TEST_MNEMONIC, 2, &at->keys, NULL) == ST_OK);
    fmt(at->path, sizeof(at->path), "%s/sender-%u", folder, number);
    at->options =
        (struct sender_options){.eth = at->eth,
                                .signer = signer_of_keys(at->keys, keys_address(at->keys, 0)),
                                .files = &at->power.files,
                                .path = at->path,
                                .chain_id = 900,
                                .confirmations = 3,
                                .retry_ms = 10,
                                .resend_ms = 1000,
                                .bump_ms = 100,
                                .gap_ms = 500};
    if (rig_open(at) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
    return at;
}

struct sender_rig *rig_begin(void)
{
    return rig_begin_in(test_folder(), 0);
}

void rig_end(struct sender_rig *at)
{
    sender_close(at->sender);
    eth_free(at->eth);
    fake_stop(at->fake);
    keys_free(at->keys);
}

void rig_restart(struct sender_rig *at)
{
    sender_close(at->sender);
    if (rig_open(at) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", at->err.text);
}

enum status rig_poll(struct sender_rig *at, u64 pass_ms)
{
    at->now_ms += pass_ms;
    return sender_poll(at->sender, at->now_ms, &at->err);
}

struct sender_intent rig_intent(u8 id)
{
    u8 *data = ARENA_NEW(test_arena(), u8, 1);
    *data = id;
    return (struct sender_intent){.key = {{id, 1}}, .to = {{0x10, id}}, .data = {data, 1}};
}

void rig_submit(struct sender_rig *at, u8 id)
{
    struct sender_intent intent = rig_intent(id);
    if (sender_submit(at->sender, &intent, &at->err) != ST_OK)
        test_fail(__FILE__, __LINE__, "intent %u: %s", id, at->err.text);
}

struct sender_outcome rig_look(struct sender_rig *at, u8 id)
{
    struct sender_outcome outcome = {0};
    CHECK(sender_look(at->sender, (hash32){{id, 1}}, &outcome) == ST_OK);
    return outcome;
}

usize rig_executed(const struct sender_rig *at, u8 id)
{
    usize count = 0;
    for (usize i = 0; i < at->fake->tx_count; i++) {
        const struct fake_tx *tx = at->fake->txs[i];
        count += tx->mined && tx->tx.data.size == 1 && tx->tx.data.data[0] == id;
    }
    return count;
}

usize rig_in_pool(const struct sender_rig *at)
{
    usize count = 0;
    for (usize i = 0; i < at->fake->tx_count; i++)
        count += at->fake->txs[i]->in_pool;
    return count;
}

const struct fake_tx *rig_newest_tx(const struct sender_rig *at)
{
    return at->fake->txs[at->fake->tx_count - 1];
}
