/* What the daemon wants done. An intent goes to the sender as it is; a deposit is an errand:
 *
 *   deposits already there ──────────────────────────────────────────> done
 *   ether ──────────────────────────────────> deposit with the missing amount
 *   token: allowance high enough ───────────> deposit
 *          else approve (zero first where there is some: old tokens want that), look again
 *
 * Two errands with one token would take each other's allowance, so one goes after the other.
 *
 * Nothing is kept here but what is under way: the sender remembers by key what was sent. */
#include "channel/onchain_internal.h"

#include "base/fmt.h"
#include "client/erc20.h"
#include "crypto/keccak.h"
#include "sys/log.h"

#include <stdlib.h>

/* A payout needs more at hand than it uses, or the adjudicator refuses (its README, on gas). */
enum { GAS_MARGIN_PERCENT = 20, GAS_EXTRA = 250000 };

enum { MOST_STEPS = 8 /* approvals for one deposit */ };

void job_free(struct job *job)
{
    free((void *)(uintptr_t)job->data.data);
    secret_wipe(&job->terms.salt);
    free(job);
}

/* Whether a job has ended. */
enum progress {
    JOB_GOES_ON,
    JOB_DONE,
};

static enum progress end(struct onchain *chain, const struct job *job, bool succeeded,
                         const char *reason)
{
    struct telling *telling = telling_new(0);
    telling->kind = TELL_OUTCOME;
    telling->key = job->key;
    telling->flag = succeeded;
    fmt(telling->reason, sizeof(telling->reason), "%s", reason);
    tell(chain, telling);
    return JOB_DONE;
}

/* --- What the sender says. */

static void say_why_it_waits(struct job *job, const char *why)
{
    if (job->told_wait || why == NULL || why[0] == 0)
        return;
    job->told_wait = true;
    log_warn("channel", "a transaction waits", LOG_TEXT("why", why), LOG_HEX("intent", job->key));
}

static enum progress follow(struct onchain *chain, struct job *job,
                            const struct sender_outcome *outcome)
{
    char text[ONCHAIN_REASON];
    switch (outcome->state) {
    case SENDER_PENDING:
        say_why_it_waits(job, outcome->reason);
        return JOB_GOES_ON;
    case SENDER_INCLUDED:
        fmt(text, sizeof(text), "it was reverted in block %lu", outcome->block_number);
        return end(chain, job, outcome->succeeded, outcome->succeeded ? "" : text);
    case SENDER_FAILED:
    case SENDER_CANCELLED:
        if (outcome->revert_data.size > 0)
            adjudicator_revert_text(outcome->revert_data, text, sizeof(text));
        return end(chain, job, false, outcome->revert_data.size > 0 ? text : outcome->reason);
    }
    bug("unknown state of an intent");
}

/* --- Sending. */

static void refused(const struct eth_refusal *refusal, const struct err *why, char *to, usize size)
{
    if (refusal->reverted && refusal->data.size > 0)
        adjudicator_revert_text(refusal->data, to, size);
    else
        fmt(to, size, "%s", why->text);
}

/* Whatever is refused now is not tried again by itself: only the caller knows what has changed. */
static enum progress send(struct onchain *chain, struct job *job, hash32 key, address to,
                          u256 value_wei, bytes data, struct arena tmp)
{
    struct err why;
    struct eth_refusal refusal = {0};
    u64 gas;
    char text[ONCHAIN_REASON];
    struct eth_message message = {.has_from = true,
                                  .from = chain->options.signer.who,
                                  .to = to,
                                  .value_wei = value_wei,
                                  .data = data};
    enum status st =
        eth_ask_gas(chain->eth, &message, eth_at_tag(ETH_LATEST), &gas, &refusal, &tmp, &why);
    if (st == ST_OK) {
        struct sender_intent intent = {.key = key,
                                       .to = to,
                                       .value_wei = value_wei,
                                       .data = data,
                                       .gas_limit =
                                           gas + gas * GAS_MARGIN_PERCENT / 100 + GAS_EXTRA,
                                       .stake = job->stake};
        st = sender_submit(chain->sender, &intent, &why);
    }
    if (st != ST_INVALID) {
        if (st != ST_OK)
            say_why_it_waits(job, why.text);
        return JOB_GOES_ON;
    }
    refused(&refusal, &why, text, sizeof(text));
    return end(chain, job, false, text);
}

/* --- Bonds. */

/* The least one at twice the newest base fee, since that may rise until the transaction is in a
 * block; nothing where the account could not pay for gas as well, or where a server says that gas
 * costs more than anybody pays. In whole gwei, as the contract wants it. */
static enum status choose_bond(struct onchain *chain, u256 *out_wei, struct arena tmp,
                               struct err *err)
{
    enum { BOND_GAS = 200000, HEADROOM = 2, SPARE = 6, GWEI = 1000000000, MOST_FEE_GWEI = 2000 };
    struct eth_header newest;
    u256 has;
    TRY(eth_ask_header(chain->eth, eth_at_tag(ETH_LATEST), &newest, &tmp, err));
    TRY(eth_ask_balance(chain->eth, chain->options.signer.who, eth_at_tag(ETH_LATEST), &has, err));
    *out_wei = U256_ZERO;
    u256 fee = newest.header.base_fee_wei;
    if (!u256_less(fee, u256_from_u64((u64)MOST_FEE_GWEI * GWEI)))
        return ST_OK;
    u64 gwei = fee.w[0] / GWEI * BOND_GAS * HEADROOM + fee.w[0] % GWEI * BOND_GAS * HEADROOM / GWEI;
    u64 bond_wei = (gwei + 1) * GWEI; /* below 2^60 */
    if (!u256_less(has, u256_from_u64(SPARE * bond_wei)))
        *out_wei = u256_from_u64(bond_wei);
    return ST_OK;
}

static enum progress stake(struct onchain *chain, struct job *job, struct arena tmp)
{
    struct err why;
    u256 bond_wei;
    if (choose_bond(chain, &bond_wei, tmp, &why) != ST_OK) {
        say_why_it_waits(job, why.text);
        return JOB_GOES_ON;
    }
    if (u256_is_zero(bond_wei))
        log_warn("channel", "a forced close goes without a bond, so it takes twice as long",
                 LOG_HEX("intent", job->key));
    return send(chain, job, job->key, job->to, bond_wei, job->data, tmp);
}

/* --- Deposits. */

static hash32 approval_key(const struct job *job, u64 step)
{
    struct {
        hash32 key;
        u8 step[8];
    } of = {.key = job->key};
    store_be64(of.step, step);
    return keccak256(BYTES_OF(of));
}

/* The newest approval of this errand: what comes next, or whether it is still under way. */
static enum progress approve(struct onchain *chain, struct job *job, u256 has, u256 needed,
                             struct arena tmp)
{
    struct sender_outcome outcome;
    hash32 key = approval_key(job, job->steps);
    while (sender_look(chain->sender, key, &outcome) == ST_OK) {
        if (outcome.state == SENDER_PENDING)
            return JOB_GOES_ON;
        if (outcome.state != SENDER_INCLUDED || !outcome.succeeded)
            return follow(chain, job, &outcome);
        key = approval_key(job, ++job->steps);
    }
    if (job->steps >= MOST_STEPS)
        return end(chain, job, false, "the token forgets what is approved");
    u256 amount = u256_is_zero(has) ? needed : U256_ZERO;
    return send(chain, job, key, job->terms.asset, U256_ZERO,
                erc20_approve(chain->adjudicator, amount, &tmp), tmp);
}

/* Whether another errand with the token goes first. */
static bool must_wait(const struct onchain *chain, const struct job *job)
{
    for (const struct job *each = chain->jobs; each != job; each = each->next)
        if (each->is_deposit && address_equal(each->terms.asset, job->terms.asset))
            return true;
    return false;
}

static enum status ask_allowance(struct onchain *chain, const struct job *job, u256 *out,
                                 struct arena tmp, struct err *err)
{
    return erc20_allowance(chain->eth, job->terms.asset, chain->options.signer.who,
                           chain->adjudicator, out, tmp, err);
}

static enum progress deposit(struct onchain *chain, struct job *job, struct arena tmp)
{
    struct err why;
    struct adjudicator_look look;
    struct channel_name name = channel_name_of(&job->terms);
    bool is_ether = address_is_zero(job->terms.asset);
    u256 allowed = U256_ZERO;
    if (!is_ether && must_wait(chain, job))
        return JOB_GOES_ON;
    enum status st = adjudicator_ask(chain->eth, chain->adjudicator, name.id,
                                     eth_at_tag(ETH_LATEST), &look, tmp, &why);
    if (st == ST_OK && !is_ether)
        st = ask_allowance(chain, job, &allowed, tmp, &why);
    if (st != ST_OK) {
        say_why_it_waits(job, why.text);
        return st == ST_INVALID || st == ST_CORRUPT ? end(chain, job, false, why.text)
                                                    : JOB_GOES_ON;
    }
    u128 has = look.deposited[job->side];
    if (has >= job->total)
        return end(chain, job, true, "");
    u128 missing = job->total - has;
    u256 amount = {{(u64)missing, (u64)(missing >> 64), 0, 0}};
    if (!is_ether && u256_less(allowed, amount))
        return approve(chain, job, allowed, amount, tmp);
    bytes call = adjudicator_deposit(&name, job->terms.asset, job->side, job->total, &tmp);
    return send(chain, job, job->key, chain->adjudicator, is_ether ? amount : U256_ZERO, call, tmp);
}

/* --- All of them. */

static enum progress tend(struct onchain *chain, struct job *job)
{
    struct sender_outcome outcome;
    struct arena tmp = pages_arena(&chain->pages);
    if (sender_look(chain->sender, job->key, &outcome) == ST_OK)
        return follow(chain, job, &outcome);
    if (sender_unfinished(chain->sender) >= ONCHAIN_INTENTS)
        return JOB_GOES_ON;
    if (job->stakes)
        return stake(chain, job, tmp);
    return job->is_deposit ? deposit(chain, job, tmp)
                           : send(chain, job, job->key, job->to, U256_ZERO, job->data, tmp);
}

void onchain_tend_jobs(struct onchain *chain)
{
    struct job **at = &chain->jobs;
    while (*at != NULL && !chain->stopping) {
        struct job *job = *at;
        if (tend(chain, job) == JOB_GOES_ON) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        job_free(job);
    }
}
