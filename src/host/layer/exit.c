#include "layer/exit.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "client/amount.h"
#include "client/contract.h"
#include "layer/internal.h"
#include "sys/clock.h"

#include <poll.h>

/* What the child may use for each: the message passer, the bridge with messenger and passer. */
enum { ETHER_GAS = 250000, APPROVE_GAS = 150000, TOKEN_GAS = 900000 };
enum { PAUSE_MS = 500, MOST_ATTEMPTS = 3 };

struct exit {
    const struct exit_options *options;
    const struct bridge *bridge;
    struct layer *layer;
    address who;
    usize ether_attempts, claim_attempts;
    usize *token_attempts; /* by token */
};

[[gnu::format(printf, 3, 4)]] static void tell(const struct exit *exit, bool passing,
                                               const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    fmt_va(line, sizeof(line), format, args);
    va_end(args);
    exit->options->progress(exit->options->self, line, passing);
}

static enum status pause_a_little(const struct exit *exit, struct err *err)
{
    poll(NULL, 0, PAUSE_MS);
    return *exit->options->stop ? fail(err, ST_AGAIN, "stopped: the same line goes on") : ST_OK;
}

/* --- What the parent and the derived chain say. */

static enum status parent_time(const struct exit *exit, u64 *out, struct arena tmp, struct err *err)
{
    struct eth_header newest;
    TRY(eth_ask_header(exit->bridge->parent, eth_at_tag(ETH_LATEST), &newest, &tmp, err));
    *out = newest.header.timestamp;
    return ST_OK;
}

/* Waits until all that the Inbox has now is known here, and its batches are derived. */
static enum status catch_up(struct exit *exit, struct derive_state *out, struct arena tmp,
                            struct err *err)
{
    u64 batches, items;
    address inbox = exit->bridge->rollup->inbox;
    TRY(contract_ask_u64(exit->bridge->parent, inbox, "batchCount()", &batches, tmp, err));
    TRY(contract_ask_u64(exit->bridge->parent, inbox, "itemCount()", &items, tmp, err));
    for (;;) {
        bool known = layer_safe_state(exit->layer, out);
        parent_lock(exit->layer->parent);
        u64 seen = parent_state(exit->layer->parent).item_count;
        parent_unlock(exit->layer->parent);
        if (known && out->batch_count >= batches && seen >= items)
            return ST_OK;
        tell(exit, true, "deriving the child: batch %lu of %lu, block %lu",
             known ? out->batch_count : 0, batches, known ? out->head.number : 0);
        TRY(pause_a_little(exit, err));
    }
}

/* How many of our items the child has not read; when the oldest of all unread was put there. */
static usize count_unread(struct exit *exit, const struct derive_state *safe, u64 *oldest_s)
{
    usize count = 0;
    const struct parent_item *item;
    parent_lock(exit->layer->parent);
    for (u64 i = safe->inbox_pos; (item = parent_item(exit->layer->parent, i)) != NULL; i++) {
        if (i == safe->inbox_pos)
            *oldest_s = item->item.time;
        count += address_equal(item->item.from, exit->who);
    }
    parent_unlock(exit->layer->parent);
    return count;
}

/* --- Forced transactions. */

static enum status force(struct exit *exit, address to, u256 value, u64 gas, bytes data,
                         struct arena tmp, struct err *err)
{
    struct eth_receipt receipt;
    struct errand errand = {.to = exit->bridge->rollup->inbox,
                            .data = bridge_enqueue_call(to, value, gas, data, &tmp)};
    return errands_do(exit->options->on_parent, &errand, &receipt, &tmp, err);
}

static enum status give_up(usize attempts, const char *what, struct err *err)
{
    if (attempts < MOST_ATTEMPTS)
        return ST_OK;
    return fail(err, ST_INVALID, "the child has refused %d times to let %s go", MOST_ATTEMPTS,
                what);
}

static enum status force_ether(struct exit *exit, bool *did, struct arena tmp, struct err *err)
{
    u256 has;
    TRY(eth_ask_balance(exit->bridge->child, exit->who, eth_at_tag(ETH_LATEST), &has, err));
    if (u256_is_zero(has))
        return ST_OK;
    TRY(give_up(exit->ether_attempts++, "ETH", err));
    bytes call = bridge_withdraw_call(exit->who, &tmp);
    TRY(force(exit, CHILD_MESSAGE_PASSER, has, ETHER_GAS, call, tmp, err));
    tell(exit, false, "forced: %s ETH, through the Inbox", amount_ether(has).text);
    *did = true;
    return ST_OK;
}

static enum status force_token(struct exit *exit, usize index, bool *did, struct arena tmp,
                               struct err *err)
{
    struct token_pair pair;
    u256 has;
    TRY(bridge_find_pair(exit->bridge, exit->options->tokens[index], &pair, tmp, err));
    if (!pair.has_child)
        return fail(err, ST_MISSING, "%s is not on the child", pair.token.symbol);
    TRY(erc20_balance(exit->bridge->child, pair.child, exit->who, &has, tmp, err));
    if (u256_is_zero(has))
        return ST_OK;
    TRY(give_up(exit->token_attempts[index]++, pair.token.symbol, err));
    if (!pair.child_is_image)
        TRY(force(exit, pair.child, U256_ZERO, APPROVE_GAS,
                  erc20_approve(CHILD_STANDARD_BRIDGE, has, &tmp), tmp, err));
    bytes call = bridge_token_call(pair.child, pair.parent, exit->who, has, &tmp);
    TRY(force(exit, CHILD_STANDARD_BRIDGE, U256_ZERO, TOKEN_GAS, call, tmp, err));
    tell(exit, false, "forced: %s %s, through the Inbox",
         amount_write(has, pair.token.decimals).text, pair.token.symbol);
    *did = true;
    return ST_OK;
}

static enum status force_all(struct exit *exit, bool *did, struct arena tmp, struct err *err)
{
    for (usize i = 0; i < exit->options->token_count; i++)
        TRY(force_token(exit, i, did, tmp, err));
    return force_ether(exit, did, tmp, err);
}

/* --- Reading them. */

static enum status is_overdue(struct exit *exit, bool *out, struct arena tmp, struct err *err)
{
    u64 overdue;
    TRY(contract_ask_u64(exit->bridge->parent, exit->bridge->rollup->inbox, "overdue()", &overdue,
                         tmp, err));
    *out = overdue != 0;
    return ST_OK;
}

/* Waits for the sequencer, or for the day that it is not needed. */
static enum status get_read(struct exit *exit, u64 oldest_s, struct arena tmp, struct err *err)
{
    bool overdue;
    u64 now_s, due_s = oldest_s + exit->bridge->rollup->forced_read_s;
    struct eth_receipt receipt;
    TRY(is_overdue(exit, &overdue, tmp, err));
    if (!overdue) {
        TRY(parent_time(exit, &now_s, tmp, err));
        tell(exit, true, "the sequencer must read it within %lu s",
             due_s > now_s ? due_s - now_s : 0);
        return pause_a_little(exit, err);
    }
    struct errand errand = {.to = exit->bridge->rollup->inbox,
                            .data = contract_call0("forceRead()", &tmp)};
    struct err why;
    enum status st = errands_do(exit->options->on_parent, &errand, &receipt, &tmp, &why);
    if (st == ST_OK)
        tell(exit, false, "read: the Inbox was overdue, forceRead has done the sequencer's part");
    else
        TRY(is_overdue(exit, &overdue, tmp, err)); /* somebody else may have been first */
    return st != ST_OK && overdue ? fail(err, st, "forceRead: %s", why.text) : ST_OK;
}

/* --- Claiming. */

/* The newest claim that says what our own chain does: a false one before it is not built on. */
static enum status find_base(struct exit *exit, address settlement, u64 number,
                             struct claim_record *out, struct arena tmp, struct err *err)
{
    bool right;
    TRY(claims_latest(exit->bridge->parent, settlement, out, tmp, err));
    for (;;) {
        right = out->number <= number && !out->lost;
        if (right)
            TRY(bridge_claim_is_right(exit->bridge, out, &right, tmp, err));
        if (right || out->id == 0)
            break;
        TRY(claims_at(exit->bridge->parent, settlement, out->id - 1, out, tmp, err));
    }
    return right ? ST_OK
                 : fail(err, ST_CORRUPT, "no claim on the parent agrees with the derived chain");
}

static enum status propose(struct exit *exit, const struct derive_state *safe, struct arena tmp,
                           struct err *err)
{
    address settlement;
    struct claim_record base;
    struct claim claim;
    struct eth_receipt receipt;
    const struct bridge *bridge = exit->bridge;
    TRY(contract_ask_address(bridge->parent, bridge->rollup->portal, "disputeGameFactory()",
                             &settlement, tmp, err));
    TRY(find_base(exit, settlement, safe->head.number, &base, tmp, err));
    TRY(claim_make(&exit->layer->options, safe, base.hash, &claim, tmp, err));
    struct errand errand = {.to = settlement, .data = claim_propose_call(&claim, &tmp)};
    TRY(contract_ask_u256(bridge->parent, settlement, "bond()", &errand.value_wei, tmp, err));
    enum status st = errands_do(exit->options->on_parent, &errand, &receipt, &tmp, err);
    if (st == ST_INVALID && exit->claim_attempts++ < MOST_ATTEMPTS)
        return pause_a_little(exit, err); /* somebody else may have claimed the same meanwhile */
    TRY(st);
    tell(exit, false, "claimed: block %lu of the child, bond %s ETH", claim.number,
         amount_ether(errand.value_wei).text);
    return ST_OK;
}

/* --- Bringing it home. */

static void tell_deed(struct exit *exit, const struct child_withdrawal *w,
                      const struct withdrawal_status *status, enum withdrawal_deed deed,
                      struct arena tmp)
{
    const char *hash = hex_text(BYTES_OF(w->hash), &tmp);
    u64 left_s = status->ready_s > status->now_s ? status->ready_s - status->now_s : 0;
    switch (deed) {
    case WITHDRAWAL_PROVED:
        tell(exit, false, "proven: withdrawal %s, against claim %lu", hash, status->claim.id);
        return;
    case WITHDRAWAL_GOT:
        tell(exit, false, "paid: withdrawal %s", hash);
        return;
    case WITHDRAWAL_FAILED:
        tell(exit, false, "withdrawal %s is over, but its call has failed: replay its message",
             hash);
        return;
    case WITHDRAWAL_WAITS:
        tell(exit, true, "the windows of claim %lu and of the proof end in %lu s", status->claim.id,
             left_s);
        return;
    }
    bug("unknown deed");
}

/* One step for each withdrawal that is not paid. */
static enum status bring_home(struct exit *exit, const struct derive_state *safe, bool *done,
                              struct arena tmp, struct err *err)
{
    struct child_withdrawal *list;
    usize count;
    bool unclaimed = false, waits = false;
    *done = true;
    TRY(withdrawals_of(exit->bridge->child, &exit->who, &list, &count, &tmp, err));
    for (usize i = 0; i < count; i++) {
        struct withdrawal_status status;
        enum withdrawal_deed deed;
        TRY(bridge_look(exit->bridge, &list[i], exit->who, &status, tmp, err));
        if (status.stage == WITHDRAWAL_PAID)
            continue;
        *done = false;
        unclaimed = unclaimed || status.stage == WITHDRAWAL_BEGUN;
        waits = waits || status.stage == WITHDRAWAL_PROVEN;
        TRY(bridge_advance(exit->bridge, &list[i], &status, exit->options->on_parent, &deed, tmp,
                           err));
        if (status.stage != WITHDRAWAL_BEGUN)
            tell_deed(exit, &list[i], &status, deed, tmp);
    }
    if (unclaimed)
        return propose(exit, safe, tmp, err);
    return waits ? pause_a_little(exit, err) : ST_OK;
}

/* --- All of it. */

static enum status round_of(struct exit *exit, bool *done, struct arena tmp, struct err *err)
{
    struct derive_state safe;
    u64 oldest_s = 0;
    bool forced = false;
    TRY(catch_up(exit, &safe, tmp, err));
    if (count_unread(exit, &safe, &oldest_s) > 0)
        return get_read(exit, oldest_s, tmp, err);
    TRY(force_all(exit, &forced, tmp, err));
    return forced ? ST_OK : bring_home(exit, &safe, done, tmp, err);
}

enum status exit_run(const struct exit_options *options, struct arena tmp, struct err *err)
{
    struct exit exit = {.options = options,
                        .bridge = options->bridge,
                        .layer = options->layer,
                        .who = errands_who(options->on_parent),
                        .token_attempts = ARENA_NEW(&tmp, usize, options->token_count)};
    bool done = false;
    while (!done) {
        TRY(round_of(&exit, &done, tmp, err));
        if (*options->stop)
            return fail(err, ST_AGAIN, "stopped: the same line goes on");
    }
    return ST_OK;
}
