#include "client/sender_parts.h"

#include "sys/entropy.h"
#include "sys/log.h"

enum {
    BUMP_BLOCKS = 2, /* that passed a transaction by */
    GAP_LIMIT = 16,  /* nonces filled at a time */
    TRANSFER_GAS = 21000,
};

/* --- Signing and sending. */

static enum status ask_market(struct sender *sender, struct err *err)
{
    if (sender->has_market)
        return ST_OK;
    TRY(later(eth_ask_fees(sender->options.eth, &sender->market, err)));
    sender->has_market = true;
    return ST_OK;
}

/* The account is asked only where something is urgent. */
static enum status ask_urgency(struct sender *sender, const struct entry *entry,
                               struct urgency *out, struct err *err)
{
    u256 has;
    *out = urgency_of(sender, entry, U256_MAX);
    if (u256_is_zero(out->fee_wei))
        return ST_OK;
    TRY(later(eth_ask_balance(sender->options.eth, sender->options.signer.who,
                              eth_at_tag(ETH_LATEST), &has, err)));
    *out = urgency_of(sender, entry, has);
    return ST_OK;
}

static enum status need_sidecar(struct entry *entry, struct err *err)
{
    const struct sender_intent *intent = &entry->intent;
    if (intent->blob_count == 0 || entry->sidecar.count > 0)
        return ST_OK;
    return sidecar_new(intent->blobs, intent->blob_count, &entry->sidecar, err);
}

static struct tx tx_of(const struct sender *sender, const struct entry *entry, u64 nonce,
                       const struct sender_fees *fees, bool cancels)
{
    const struct sender_intent *intent = &entry->intent;
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .protected = true,
                    .from_known = true,
                    .from = sender->options.signer.who,
                    .to = sender->options.signer.who,
                    .chain_id = sender->options.chain_id,
                    .nonce = nonce,
                    .gas_limit = TRANSFER_GAS,
                    .max_fee_wei = fees->max_wei,
                    .max_priority_wei = fees->tip_wei};
    if (intent->blob_count > 0) { /* geth's pool replaces blobs by blobs only: one cancels */
        tx.type = TX_BLOB;
        tx.max_blob_fee_wei = fees->blob_wei;
        tx.blob_hashes = entry->sidecar.hashes;
        tx.blob_hash_count = cancels ? 1 : intent->blob_count;
    } else if (!sender->market.has_base_fee) {
        tx.type = TX_LEGACY;
        tx.max_priority_wei = tx.max_fee_wei;
    }
    if (!cancels) {
        tx.creates = intent->creates;
        tx.to = intent->to;
        tx.value_wei = intent->value_wei;
        tx.data = intent->data;
        tx.gas_limit = entry->gas_limit;
    }
    return tx;
}

/* Judges what the parent said to a transaction that it did not take. */
static void note_refusal(struct entry *entry, enum eth_sent sent, const struct err *why)
{
    entry_say(entry, "%.*s", SENDER_REASON - 1, why->text);
    entry->wants_bump = sent == ETH_SENT_UNDERPRICED || sent == ETH_SENT_CHEAP;
    if (sent == ETH_SENT_REFUSED && entry->intent.blob_count > 0)
        entry->cells = !entry->cells; /* it may know the other form of the proofs */
}

/* Sends the newest attempt. */
static enum status broadcast(struct sender *sender, struct entry *entry, u64 now_ms,
                             struct err *err)
{
    const struct attempt *attempt = &entry->attempts[entry->attempt_count - 1];
    struct arena tmp = pages_arena(&sender->scratch);
    bytes raw = attempt->envelope;
    enum eth_sent sent;
    struct err why = {{0}};
    TRY(need_sidecar(entry, err));
    if (entry->intent.blob_count > 0)
        TRY(sidecar_wrap(&entry->sidecar, attempt->envelope,
                         attempt->cancels ? 1 : entry->intent.blob_count, entry->cells, &raw, &tmp,
                         err));
    entry->due_ms = now_ms + sender->options.retry_ms;
    enum status st = eth_send_raw(sender->options.eth, raw, attempt->hash, &sent, &why);
    if (st == ST_OK) {
        entry->reason[0] = 0;
        entry->due_ms = now_ms + patience_ms(sender, entry, sender->options.resend_ms);
        return ST_OK;
    }
    if (st == ST_INVALID) {
        if (sent != ETH_SENT_NONCE_LOW) /* the next look shows by what it was used */
            note_refusal(entry, sent, &why);
        return ST_OK;
    }
    return fail(err, st, "%s",
                why.text); /* it may have arrived or not: sending again is harmless */
}

static enum status sign_and_send(struct sender *sender, struct entry *entry, u64 nonce,
                                 const struct sender_fees *fees, bool cancels, u64 now_ms,
                                 struct err *err)
{
    struct arena tmp = pages_arena(&sender->scratch);
    const struct signer *signer = &sender->options.signer;
    entry->due_ms = now_ms + sender->options.retry_ms;
    TRY(need_sidecar(entry, err));
    struct tx tx = tx_of(sender, entry, nonce, fees, cancels);
    struct err why = {{0}};
    enum status st = signer->sign_tx(signer->self, &tx, tmp, &why);
    if (st != ST_OK)
        entry_say(entry, "%.*s", SENDER_REASON - 1, why.text);
    if (st == ST_AGAIN || st == ST_IO)
        return fail(err, st, "%s", why.text);
    if (st != ST_OK) /* a refusal holds up this one alone */
        return ST_OK;
    bytes envelope = tx_encode(&tx, &tmp);
    TRY(journal_attempt(sender, entry->intent.key, cancels, envelope, err));
    st = entry_add_attempt(sender, entry, cancels, envelope, tmp);
    assert(st == ST_OK);
    entry->signed_ms = now_ms;
    entry->signed_height = sender->height;
    entry->wants_bump = false;
    return broadcast(sender, entry, now_ms, err);
}

/* --- An intent's first transaction. */

static enum status ask_gas(struct sender *sender, struct entry *entry, bool alone,
                           struct eth_refusal *refusal, struct arena *tmp, struct err *err)
{
    const struct sender_intent *intent = &entry->intent;
    struct eth_message message = {.has_from = true,
                                  .from = sender->options.signer.who,
                                  .creates = intent->creates,
                                  .to = intent->to,
                                  .value_wei = intent->value_wei,
                                  .data = intent->data,
                                  .blob_hashes = entry->sidecar.hashes,
                                  .blob_hash_count = intent->blob_count,
                                  .max_blob_fee_wei = sender->market.blob_fee_wei};
    enum eth_tag tag = alone ? ETH_LATEST : ETH_PENDING;
    u64 gas;
    enum status st =
        eth_ask_gas(sender->options.eth, &message, eth_at_tag(tag), &gas, refusal, tmp, err);
    if (st == ST_INVALID && !refusal->reverted && !alone) /* not every server knows "pending" */
        st = eth_ask_gas(sender->options.eth, &message, eth_at_tag(ETH_LATEST), &gas, refusal, tmp,
                         err);
    TRY(st);
    entry->gas_limit = mul_sat_u64(gas, 100 + sender->options.gas_margin_percent) / 100;
    u64 cap = sender->options.gas_cap;
    if (cap != 0 && entry->gas_limit > cap && gas <= cap)
        entry->gas_limit = cap;
    return ST_OK;
}

/* `alone`: nothing of ours is on its way, so that what is estimated is what will happen.
 * *ready: it may be signed. */
static enum status prepare(struct sender *sender, struct entry *entry, bool alone, bool *ready,
                           struct err *err)
{
    struct arena tmp = pages_arena(&sender->scratch);
    struct eth_refusal refusal = {0};
    struct err why = {{0}};
    *ready = false;
    entry->gas_limit = entry->intent.gas_limit;
    if (entry->gas_limit == 0) {
        enum status st = ask_gas(sender, entry, alone, &refusal, &tmp, &why);
        if (st != ST_OK)
            entry_say(entry, "%.*s", SENDER_REASON - 1, why.text);
        if (st == ST_INVALID && refusal.reverted && alone)
            return sender_finish(sender, entry, SENDER_FAILED, refusal.data, err);
        if (st == ST_INVALID)
            return ST_OK;
        if (st != ST_OK)
            return fail(err, st, "%s", why.text);
    }
    if (sender->options.gas_cap != 0 && entry->gas_limit > sender->options.gas_cap) {
        entry_say(entry, "it needs %lu gas, and a transaction may have %lu", entry->gas_limit,
                  sender->options.gas_cap);
        return sender_finish(sender, entry, SENDER_FAILED, BYTES_EMPTY, err);
    }
    *ready = true;
    return ST_OK;
}

enum status sender_launch(struct sender *sender, struct entry *entry, bool alone, u64 now_ms,
                          struct err *err)
{
    bool blobs = entry->intent.blob_count > 0, ready;
    struct sender_fees fees;
    struct urgency urgency;
    struct err why;
    if (now_ms < entry->due_ms)
        return ST_OK;
    entry->due_ms = now_ms + sender->options.retry_ms;
    TRY(ask_market(sender, err));
    TRY(ask_urgency(sender, entry, &urgency, err));
    if (blobs && !sender->market.has_blob_fee) {
        entry_say(entry, "%s takes no blobs", eth_name(sender->options.eth));
        return ST_OK;
    }
    if (fees_begin(&sender->options, &urgency, &sender->market, blobs, &fees, &why) != ST_OK) {
        entry_say(entry, "%.*s", SENDER_REASON - 1, why.text);
        return ST_OK;
    }
    TRY(need_sidecar(entry, err));
    TRY(prepare(sender, entry, alone, &ready, err));
    if (!ready)
        return ST_OK;
    /* Behind whatever waits there, be it ours or not: replacing it is not ours to decide. */
    u64 nonce = max_u64(max_u64(sender->mined, sender->pending), sender->next_nonce);
    return sign_and_send(sender, entry, nonce, &fees, false, now_ms, err);
}

/* --- What is on its way. */

/* The same again for more, or a transfer to ourselves in its place. *done: one was signed. */
static enum status outbid(struct sender *sender, struct entry *entry, bool cancels, u64 now_ms,
                          bool *done, struct err *err)
{
    bool blobs = entry->intent.blob_count > 0;
    const struct attempt *newest = &entry->attempts[entry->attempt_count - 1];
    struct sender_fees fees;
    struct urgency urgency;
    *done = false;
    TRY(ask_market(sender, err));
    TRY(ask_urgency(sender, entry, &urgency, err));
    /* A cancellation may go beyond the factor: it has to win. */
    const struct sender_fees *begun = cancels ? NULL : &entry->attempts[0].fees;
    if (entry->attempt_count >= SENDER_MAX_ATTEMPTS ||
        !fees_raise(&sender->options, &urgency, begun, &newest->fees, &sender->market, blobs,
                    &fees)) {
        entry_say(entry, "it waits at the highest fee that may be paid");
        return ST_OK;
    }
    *done = true;
    return sign_and_send(sender, entry, entry->nonce, &fees, cancels, now_ms, err);
}

static bool is_slow(const struct sender *sender, const struct entry *entry, u64 now_ms)
{
    return now_ms >= entry->signed_ms + patience_ms(sender, entry, sender->options.bump_ms) &&
           sender->height >= entry->signed_height + BUMP_BLOCKS;
}

/* `first`: all that has lower nonces is in blocks, so it waits for nothing but its own fee. */
enum status sender_tend(struct sender *sender, struct entry *entry, bool first, u64 now_ms,
                        struct err *err)
{
    bool cancelling = entry->attempts[entry->attempt_count - 1].cancels,
         due = now_ms >= entry->due_ms;
    bool done = false;
    if (entry->signed_ms == 0) { /* signed in an earlier life */
        entry->signed_ms = now_ms;
        entry->signed_height = sender->height;
    }
    if (due && entry->withdrawn && !cancelling)
        TRY(outbid(sender, entry, true, now_ms, &done, err));
    else if ((due && entry->wants_bump) || (first && is_slow(sender, entry, now_ms)))
        TRY(outbid(sender, entry, cancelling, now_ms, &done, err));
    if (!due || done)
        return ST_OK;
    return broadcast(sender, entry, now_ms, err);
}

/* --- Gaps: another program's transaction, behind which ours were signed, has vanished. */

static enum status fill_nonce(struct sender *sender, u64 nonce, u64 now_ms, struct err *err)
{
    struct sender_intent intent = {.to = sender->options.signer.who};
    struct sender_fees fees;
    const struct urgency urgency = {.until_s = UINT64_MAX};
    random_fill(intent.key.b, sizeof(intent.key.b));
    TRY(ask_market(sender, err));
    TRY(fees_begin(&sender->options, &urgency, &sender->market, false, &fees, err));
    log_warn("sender", "fills a gap of nonces", LOG_U64("nonce", nonce));
    TRY(journal_intent(sender, &intent, err));
    struct entry *entry = entry_add(sender, &intent);
    TRY(sender_withdraw(sender, intent.key, err));
    return sign_and_send(sender, entry, nonce, &fees, true, now_ms, err);
}

enum status sender_fill_gap(struct sender *sender, u64 now_ms, struct err *err)
{
    u64 lowest = UINT64_MAX, free = max_u64(sender->pending, sender->mined);
    for (const struct entry *entry = sender->unfinished.first; entry != NULL; entry = entry->next)
        if (entry->attempt_count > 0 && entry->nonce >= sender->mined)
            lowest = min_u64(lowest, entry->nonce);
    bool gap = lowest != UINT64_MAX && lowest > free;
    if (gap && !sender->in_gap)
        sender->gap_since_ms = now_ms;
    sender->in_gap = gap;
    if (!gap || now_ms < sender->gap_since_ms + sender->options.gap_ms)
        return ST_OK;
    sender->in_gap = false;
    for (u64 nonce = free; nonce < lowest && nonce - free < GAP_LIMIT; nonce++)
        TRY(fill_nonce(sender, nonce, now_ms, err));
    return ST_OK;
}
