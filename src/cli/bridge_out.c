/* From the child: withdrawals, begun, gone on with, looked at. */
#include "cli/bridge.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "client/amount.h"

#include <poll.h>
#include <string.h>

/* --- Beginning. */

static enum status begin_ether(struct bridge_run *run, const char *text, address to,
                               struct errand *out, struct err *err)
{
    TRY(amount_read(text, ETHER_DECIMALS, &out->value_wei, err));
    out->to = CHILD_MESSAGE_PASSER;
    out->data = bridge_withdraw_call(to, &run->run->arena);
    say("Withdrawing %s to %s", money_write(out->value_wei, ETHER_DECIMALS, "ETH").text,
        address_write(to).text);
    return ST_OK;
}

/* The child's bridge must be allowed to take a token that is at home there. */
static enum status allow(struct bridge_run *run, const struct token_pair *pair, u256 amount,
                         struct err *err)
{
    u256 allowed;
    struct eth_receipt receipt;
    struct arena tmp = run->run->arena;
    if (pair->child_is_image)
        return ST_OK;
    TRY(erc20_allowance(run->bridge.child, pair->child, run->key.signer.who, CHILD_STANDARD_BRIDGE,
                        &allowed, tmp, err));
    if (!u256_less(allowed, amount))
        return ST_OK;
    struct errand errand = {.to = pair->child,
                            .data = erc20_approve(CHILD_STANDARD_BRIDGE, amount, &tmp)};
    return errands_do(run->on_child, &errand, &receipt, &tmp, err);
}

static enum status begin_token(struct bridge_run *run, const char *text, address to,
                               struct errand *out, struct err *err)
{
    address token;
    struct token_pair pair;
    u256 amount, has;
    struct arena *arena = &run->run->arena;
    TRY(layer2_address("--token", run->run->settings->token, &token, err));
    TRY(bridge_find_pair(&run->bridge, token, &pair, *arena, err));
    if (!pair.has_child)
        return fail(err, ST_MISSING, "the token is not on the child");
    TRY(amount_read(text, pair.token.decimals, &amount, err));
    TRY(erc20_balance(run->bridge.child, pair.child, run->key.signer.who, &has, *arena, err));
    struct money_text money = money_write(amount, pair.token.decimals, pair.token.symbol);
    if (u256_less(has, amount))
        return fail(err, ST_INVALID, "%s has %s on the child, not %s",
                    address_write(run->key.signer.who).text,
                    money_write(has, pair.token.decimals, pair.token.symbol).text, money.text);
    say("Withdrawing %s to %s", money.text, address_write(to).text);
    TRY(allow(run, &pair, amount, err));
    out->to = CHILD_STANDARD_BRIDGE;
    out->data = bridge_token_call(pair.child, pair.parent, to, amount, arena);
    return ST_OK;
}

static enum status begin(struct bridge_run *run, struct child_withdrawal *out, struct err *err)
{
    const struct layer2_settings *settings = run->run->settings;
    address to;
    struct errand errand = {0};
    struct eth_receipt receipt;
    struct child_withdrawal *list;
    usize count;
    const char *amount = settings->words.list[0];
    if (settings->words.count == 0)
        return fail(err, ST_INVALID, "usage: varve bridge withdraw AMOUNT, or --resume HASH");
    TRY(bridge_recipient(run, &to, err));
    TRY(settings->token[0] == 0 ? begin_ether(run, amount, to, &errand, err)
                                : begin_token(run, amount, to, &errand, err));
    TRY(errands_do(run->on_child, &errand, &receipt, &run->run->arena, err));
    TRY(withdrawals_of_receipt(&receipt, &list, &count, &run->run->arena, err));
    if (count == 0)
        return fail(err, ST_CORRUPT, "the child has taken the transaction, and recorded nothing");
    *out = list[0];
    say("  begun in block %lu of the child", out->block_number);
    say("  withdrawal %s", hash_write(out->hash).text);
    say("  stopped here, this goes on: varve bridge withdraw --resume %s",
        hash_write(out->hash).text);
    return ST_OK;
}

/* --- Bringing it home. */

static const char *stage_words(enum withdrawal_stage stage)
{
    switch (stage) {
    case WITHDRAWAL_BEGUN:
        return "waits for a claim about its block";
    case WITHDRAWAL_CLAIMED:
        return "can be proven";
    case WITHDRAWAL_PROVEN:
        return "is proven, and waits for its windows to end";
    case WITHDRAWAL_READY:
        return "can be paid out";
    case WITHDRAWAL_PAID:
        return "is paid";
    }
    bug("unknown stage");
}

static u64 seconds_left(const struct withdrawal_status *status)
{
    bool counts = status->stage == WITHDRAWAL_PROVEN && status->ready_s > status->now_s;
    return counts ? status->ready_s - status->now_s : 0;
}

static void say_stage(const struct withdrawal_status *status)
{
    u64 left = seconds_left(status);
    if (status->stage == WITHDRAWAL_PROVEN)
        say("  3/4 proven against claim %lu (block %lu); %s left by the parent's clock",
            status->claim.id, status->claim.number, duration_write(left).text);
    if (status->stage == WITHDRAWAL_BEGUN)
        say("  1/4 waits for a claim about its block");
    if (status->stage == WITHDRAWAL_CLAIMED)
        say("  2/4 claim %lu is about block %lu: proving", status->claim.id, status->claim.number);
    if (status->stage == WITHDRAWAL_READY)
        say("  4/4 both windows are over: having it paid");
}

static void wait_a_little(const struct withdrawal_status *status)
{
    enum { LEAST_MS = 500, MOST_MS = 30000, SHARE = 20 };
    char text[96];
    u64 left_s = seconds_left(status);
    fmt(text, sizeof(text), "  %s (%s left)", stage_words(status->stage),
        duration_write(left_s).text);
    if (status->stage == WITHDRAWAL_PROVEN)
        say_waiting(text);
    poll(NULL, 0, (int)min_u64(max_u64(left_s * 1000 / SHARE, LEAST_MS), MOST_MS));
    say_waiting("");
}

static enum status bring_home(struct bridge_run *run, const struct child_withdrawal *w,
                              struct err *err)
{
    address who = run->key.signer.who;
    struct withdrawal_status status;
    enum withdrawal_deed deed;
    int said = -1;
    for (;;) {
        TRY(bridge_look(&run->bridge, w, who, &status, run->run->arena, err));
        if (status.stage == WITHDRAWAL_PAID)
            break;
        if ((int)status.stage != said)
            say_stage(&status);
        said = (int)status.stage;
        TRY(bridge_advance(&run->bridge, w, &status, run->on_parent, &deed, run->run->arena, err));
        if (deed == WITHDRAWAL_FAILED)
            return fail(err, ST_INVALID,
                        "it is paid out, but the call that it makes has failed; a "
                        "message can be replayed on the parent's messenger");
        if (deed == WITHDRAWAL_WAITS)
            wait_a_little(&status);
    }
    say("Done: %s for %s.", money_of(run, w).text, address_write(w->to).text);
    return ST_OK;
}

static enum status read_hash(const char *text, hash32 *out, struct err *err)
{
    if (hex_read_fixed((bytes){(const u8 *)text, strlen(text)}, out->b, sizeof(out->b)) != ST_OK)
        return fail(err, ST_INVALID, "\"%s\" is no hash", text);
    return ST_OK;
}

static enum status resume(struct bridge_run *run, struct child_withdrawal *out, struct err *err)
{
    hash32 hash;
    TRY(read_hash(run->run->settings->resume, &hash, err));
    TRY(withdrawal_find(run->bridge.child, hash, out, &run->run->arena, err));
    say("Withdrawing %s to %s", money_of(run, out).text, address_write(out->to).text);
    return ST_OK;
}

enum status bridge_withdraw(struct layer2_run *run, struct err *err)
{
    struct bridge_run bridge;
    struct child_withdrawal w;
    const struct layer2_settings *settings = run->settings;
    if (settings->resume[0] != 0 && settings->words.count != 0)
        return fail(err, ST_INVALID,
                    "--resume goes on with an amount that is decided: say no other");
    TRY(bridge_begin(run, true, &bridge, err));
    enum status st = settings->resume[0] != 0 ? resume(&bridge, &w, err) : begin(&bridge, &w, err);
    if (st == ST_OK && !settings->begin_only)
        st = bring_home(&bridge, &w, err);
    bridge_end(&bridge);
    return st;
}

/* --- Looking. */

/* Whose proofs count first: --of, the key's, or nobody's. */
static enum status who_looks(struct bridge_run *run, address *out, struct err *err)
{
    const struct layer2_settings *settings = run->run->settings;
    *out = (address){{0}};
    if (settings->of[0] != 0)
        return layer2_address("--of", settings->of, out, err);
    if (settings->key[0] == 0)
        return ST_OK;
    TRY(key_choose(settings->key, settings->from, run->run->files, &run->key, err));
    *out = run->key.signer.who;
    return ST_OK;
}

static enum status show(struct bridge_run *run, const struct child_withdrawal *w, address who,
                        struct err *err)
{
    struct withdrawal_status status;
    TRY(bridge_look(&run->bridge, w, who, &status, run->run->arena, err));
    say("%s  %s to %s", hash_write(w->hash).text, money_of(run, w).text, address_write(w->to).text);
    u64 left = seconds_left(&status);
    say("  %s%s%s", stage_words(status.stage), left > 0 ? ": " : "",
        left > 0 ? duration_write(left).text : "");
    if (status.stage != WITHDRAWAL_PAID)
        say("  next: varve bridge withdraw --resume %s --key KEY", hash_write(w->hash).text);
    return ST_OK;
}

static enum status show_one(struct bridge_run *run, struct err *err)
{
    hash32 hash;
    address who;
    struct child_withdrawal w;
    TRY(read_hash(run->run->settings->words.list[0], &hash, err));
    TRY(who_looks(run, &who, err));
    TRY(withdrawal_find(run->bridge.child, hash, &w, &run->run->arena, err));
    return show(run, &w, who, err);
}

enum status bridge_status(struct layer2_run *run, struct err *err)
{
    struct bridge_run bridge;
    TRY(bridge_begin(run, false, &bridge, err));
    enum status st = show_one(&bridge, err);
    bridge_end(&bridge);
    return st;
}

static enum status show_all(struct bridge_run *run, struct err *err)
{
    address who;
    struct child_withdrawal *list;
    usize count;
    TRY(who_looks(run, &who, err));
    if (address_is_zero(who))
        return fail(err, ST_INVALID, "whose withdrawals? Say --of ADDRESS, or --key KEY");
    TRY(withdrawals_of(run->bridge.child, &who, &list, &count, &run->run->arena, err));
    if (count == 0)
        say("%s has withdrawn nothing.", address_write(who).text);
    for (usize i = 0; i < count; i++)
        TRY(show(run, &list[i], who, err));
    return ST_OK;
}

enum status bridge_list(struct layer2_run *run, struct err *err)
{
    struct bridge_run bridge;
    TRY(bridge_begin(run, false, &bridge, err));
    enum status st = show_all(&bridge, err);
    bridge_end(&bridge);
    return st;
}
