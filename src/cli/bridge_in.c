/* To the child: deposits, and transactions past the sequencer. */
#include "cli/bridge.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "client/amount.h"
#include "sys/clock.h"

#include <poll.h>
#include <string.h>
#include <time.h>

/* --- Items. */

/* Until the item's transaction is on the child. */
static enum status wait_for_item(struct bridge_run *run, const struct bridge_item *item,
                                 struct eth_receipt *out, struct err *err)
{
    enum { POLL_MS = 250 };
    u64 start_ms = clock_now_ms();
    for (;;) {
        char text[80];
        struct arena scratch = run->run->arena;
        TRY(eth_ask_receipts(run->bridge.child, &item->tx_hash, 1, out, &scratch, err));
        if (out->found)
            break;
        u64 waited_s = (clock_now_ms() - start_ms) / 1000;
        fmt(text, sizeof(text), "  waiting for it on the child (%s)",
            duration_write(waited_s).text);
        say_waiting(text);
        poll(NULL, 0, POLL_MS);
    }
    say_waiting("");
    TRY(eth_ask_receipts(run->bridge.child, &item->tx_hash, 1, out, &run->run->arena, err));
    say("  on the child: block %lu, transaction %s", out->block_number,
        hash_write(item->tx_hash).text);
    return ST_OK;
}

/* Sends what makes an item, and waits for it on both sides. */
static enum status send_item(struct bridge_run *run, const struct errand *errand,
                             struct eth_receipt *on_child, struct err *err)
{
    struct eth_receipt receipt;
    struct bridge_item item;
    TRY(errands_do(run->on_parent, errand, &receipt, &run->run->arena, err));
    TRY(bridge_item_of(&run->bridge, &receipt, &item, run->run->arena, err));
    time_t due = (time_t)(item.time + run->rollup.forced_read_s);
    struct tm when;
    char text[32] = "";
    gmtime_r(&due, &when);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &when);
    say("  on the parent: block %lu, item %lu of the Inbox", receipt.block_number, item.position);
    say("  the sequencer must take it by %s UTC; after that anyone can force it (varve exit does)",
        text);
    return wait_for_item(run, &item, on_child, err);
}

/* --- Deposits. */

static enum status deposit_ether(struct bridge_run *run, const char *text, address to,
                                 struct err *err)
{
    u256 amount;
    struct eth_receipt arrived;
    TRY(amount_read(text, ETHER_DECIMALS, &amount, err));
    struct errand errand = {.to = run->rollup.portal,
                            .value_wei = amount,
                            .data = bridge_deposit_call(to, amount, &run->run->arena)};
    say("Depositing %s to %s", money_write(amount, ETHER_DECIMALS, "ETH").text,
        address_write(to).text);
    TRY(send_item(run, &errand, &arrived, err));
    if (!arrived.succeeded)
        return fail(err, ST_INVALID,
                    "the recipient's code refuses the ETH; it is with the sender on the child");
    say("Done.");
    return ST_OK;
}

/* Lets the bridge take what it does not mint. */
static enum status allow(struct bridge_run *run, address token, u256 amount, struct err *err)
{
    u256 allowed;
    struct eth_receipt receipt;
    address bridge = run->rollup.standard_bridge, who = run->key.signer.who;
    struct arena tmp = run->run->arena;
    TRY(erc20_allowance(run->bridge.parent, token, who, bridge, &allowed, tmp, err));
    if (!u256_less(allowed, amount))
        return ST_OK;
    struct errand errand = {.to = token, .data = erc20_approve(bridge, amount, &tmp)};
    TRY(errands_do(run->on_parent, &errand, &receipt, &tmp, err));
    say("  the bridge may take it");
    return ST_OK;
}

/* A token that comes to the child for the first time gets an image there. */
static enum status make_image(struct bridge_run *run, struct token_pair *pair, struct err *err)
{
    struct eth_receipt receipt;
    struct err why;
    struct arena tmp = run->run->arena;
    struct errand errand = {.to = CHILD_TOKEN_FACTORY, .data = bridge_image_call(pair, &tmp)};
    if (errands_do(run->on_child, &errand, &receipt, &tmp, &why) != ST_OK)
        return fail(err, ST_INVALID, "the token has no image on the child, nor can one be made: %s",
                    why.text);
    TRY(bridge_find_pair(&run->bridge, pair->parent, pair, tmp, err));
    if (!pair->has_child)
        return fail(err, ST_MISSING, "the token's image is not on the child: try again");
    say("  its image on the child: %s", address_write(pair->child).text);
    return ST_OK;
}

static enum status deposit_token(struct bridge_run *run, const char *text, address to,
                                 struct err *err)
{
    address token;
    struct token_pair pair;
    struct eth_receipt arrived;
    u256 amount, has;
    struct arena *arena = &run->run->arena;
    TRY(layer2_address("--token", run->run->settings->token, &token, err));
    TRY(bridge_find_pair(&run->bridge, token, &pair, *arena, err));
    TRY(amount_read(text, pair.token.decimals, &amount, err));
    TRY(erc20_balance(run->bridge.parent, pair.parent, run->key.signer.who, &has, *arena, err));
    struct money_text money = money_write(amount, pair.token.decimals, pair.token.symbol);
    if (u256_less(has, amount))
        return fail(err, ST_INVALID, "%s has %s on the parent, not %s",
                    address_write(run->key.signer.who).text,
                    money_write(has, pair.token.decimals, pair.token.symbol).text, money.text);
    say("Depositing %s to %s", money.text, address_write(to).text);
    if (!pair.has_child)
        TRY(make_image(run, &pair, err));
    if (!pair.parent_is_image)
        TRY(allow(run, pair.parent, amount, err));
    struct errand errand = {.to = run->rollup.standard_bridge,
                            .data = bridge_token_call(pair.parent, pair.child, to, amount, arena)};
    TRY(send_item(run, &errand, &arrived, err));
    if (!arrived.succeeded || bridge_message_failed(&arrived))
        return fail(err, ST_INVALID,
                    "the token's contract on the child has refused; the message "
                    "can be replayed on its messenger");
    say("Done.");
    return ST_OK;
}

enum status bridge_deposit(struct layer2_run *run, struct err *err)
{
    struct bridge_run bridge;
    address to;
    const char *amount = run->settings->words.list[0];
    TRY(bridge_begin(run, true, &bridge, err));
    enum status st = bridge_recipient(&bridge, &to, err);
    if (st == ST_OK)
        st = run->settings->token[0] == 0 ? deposit_ether(&bridge, amount, to, err)
                                          : deposit_token(&bridge, amount, to, err);
    bridge_end(&bridge);
    return st;
}

/* --- Forced transactions. */

/* As the child would run it now; then some more, because it will run it later. */
static enum status choose_gas(struct bridge_run *run, const struct eth_message *message, u64 *out,
                              struct err *err)
{
    enum { MARGIN_PERCENT = 30 };
    struct eth_refusal refusal;
    *out = run->run->settings->gas;
    if (*out != 0)
        return ST_OK;
    TRY(eth_ask_gas(run->bridge.child, message, eth_at_tag(ETH_LATEST), out, &refusal,
                    &run->run->arena, err));
    *out += *out * MARGIN_PERCENT / 100;
    return ST_OK;
}

static enum status force(struct bridge_run *run, struct err *err)
{
    const struct layer2_settings *settings = run->run->settings;
    struct arena *arena = &run->run->arena;
    struct eth_message message = {.has_from = true, .from = run->key.signer.who};
    struct eth_receipt arrived;
    u64 gas;
    if (settings->to[0] == 0)
        return fail(err, ST_INVALID, "this needs --to ADDRESS");
    TRY(layer2_address("--to", settings->to, &message.to, err));
    TRY(amount_read(settings->value, ETHER_DECIMALS, &message.value_wei, err));
    if (hex_read((bytes){(const u8 *)settings->data, strlen(settings->data)}, &message.data,
                 arena) != ST_OK)
        return fail(err, ST_INVALID, "--data wants hexadecimal digits, two for each byte");
    TRY(choose_gas(run, &message, &gas, err));
    struct errand errand = {
        .to = run->rollup.inbox,
        .data = bridge_enqueue_call(message.to, message.value_wei, gas, message.data, arena)};
    say("Forcing a transaction of %s to %s with %lu gas", address_write(message.from).text,
        address_write(message.to).text, gas);
    TRY(send_item(run, &errand, &arrived, err));
    say(arrived.succeeded ? "Done." : "It was run, and has failed there.");
    return ST_OK;
}

enum status bridge_force(struct layer2_run *run, struct err *err)
{
    struct bridge_run bridge;
    TRY(bridge_begin(run, true, &bridge, err));
    enum status st = force(&bridge, err);
    bridge_end(&bridge);
    return st;
}
