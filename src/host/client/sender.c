#include "client/sender_parts.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/log.h"

#include <poll.h>
#include <stdlib.h>

enum {
    SCRATCH = 64 << 20, /* a transaction with its blobs, in several forms */
    WAIT_MS = 100,      /* between polls of somebody who waits */
    BUMP_BLOCKS = 2,    /* that passed a transaction by */
    GAP_LIMIT = 16,     /* nonces filled at a time */
    TRANSFER_GAS = 21000,
};

/* --- Intents. */

static void *copy_of(bytes from)
{
    u8 *copy = malloc(from.size + 1);
    assert(copy != NULL); /* all of them are within the limit of intents and of each one's size */
    bytes_copy(copy, from);
    return copy;
}

static void release(bytes *owned)
{
    union {
        const u8 *read;
        void *any;
    } memory = {owned->data};
    free(memory.any);
    *owned = BYTES_EMPTY;
}

struct entry *sender_find(const struct sender *sender, hash32 key)
{
    for (struct entry *entry = sender->first; entry != NULL; entry = entry->next)
        if (hash32_equal(entry->intent.key, key))
            return entry;
    return NULL;
}

struct entry *entry_add(struct sender *sender, const struct sender_intent *intent)
{
    struct entry *entry = calloc(1, sizeof(*entry)), **at = &sender->first;
    assert(entry != NULL);
    bytes blobs = {(const u8 *)intent->blobs, intent->blob_count * sizeof(struct blob)};
    entry->intent = *intent;
    entry->intent.data.data = copy_of(intent->data);
    entry->intent.blobs = copy_of(blobs);
    entry->outcome.reason = entry->reason;
    entry->cells = sender->options.cell_proofs;
    while (*at != NULL)
        at = &(*at)->next;
    *at = entry;
    sender->unfinished++;
    return entry;
}

static struct sender_fees fees_of(const struct tx *tx)
{
    return (struct sender_fees){tx->max_fee_wei, tx->max_priority_wei, tx->max_blob_fee_wei};
}

enum status entry_add_attempt(struct sender *sender, struct entry *entry, bool cancels,
                              bytes envelope, struct arena tmp)
{
    struct tx tx;
    TRY(tx_decode(envelope, &tx, &tmp, NULL));
    struct attempt *list =
        realloc(entry->attempts, (entry->attempt_count + 1) * sizeof(*entry->attempts));
    assert(list != NULL);
    entry->attempts = list;
    list[entry->attempt_count++] = (struct attempt){
        .cancels = cancels,
        .hash = tx.hash,
        .fees = fees_of(&tx),
        .envelope = {copy_of(envelope), envelope.size},
    };
    entry->nonce = tx.nonce;
    if (!cancels)
        entry->gas_limit = tx.gas_limit;
    entry->outcome.has_nonce = true;
    entry->outcome.nonce = tx.nonce;
    entry->outcome.tx_hash = tx.hash;
    sender->next_nonce = max_u64(sender->next_nonce, tx.nonce + 1);
    return ST_OK;
}

static void free_work(struct entry *entry)
{
    bytes blobs = {(const u8 *)entry->intent.blobs, 0};
    release(&entry->intent.data);
    release(&blobs);
    entry->intent.blobs = NULL;
    sidecar_free(&entry->sidecar);
    for (usize i = 0; i < entry->attempt_count; i++)
        release(&entry->attempts[i].envelope);
    free(entry->attempts);
    entry->attempts = NULL;
    entry->attempt_count = 0;
}

void entry_free(struct entry *entry)
{
    free_work(entry);
    release(&entry->outcome.revert_data);
    free(entry);
}

void entry_retire(struct sender *sender, struct entry *entry)
{
    assert(!entry->finished);
    free_work(entry);
    entry->finished = true;
    entry->outcome.settled = true;
    entry->outcome.revert_data.data = copy_of(entry->outcome.revert_data);
    sender->unfinished--;
    sender->remembered++;
}

void sender_forget(struct sender *sender)
{
    for (struct entry **at = &sender->first; sender->remembered > SENDER_REMEMBERED;) {
        struct entry *entry = *at;
        if (!entry->finished) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        entry_free(entry);
        sender->remembered--;
    }
}

/* --- Open and close. */

static void set_defaults(struct sender_options *options)
{
    struct {
        u64 *value, preset;
    } rows[] = {
        {&options->confirmations, 6}, {&options->retry_ms, 3000}, {&options->resend_ms, 60000},
        {&options->bump_ms, 30000},   {&options->gap_ms, 120000},
    };
    struct {
        u32 *value, preset;
    } percents[] = {
        {&options->bump_percent, 12},
        {&options->fee_limit_percent, 1000},
        {&options->gas_margin_percent, 20},
    };
    for (usize i = 0; i < countof(rows); i++)
        if (*rows[i].value == 0)
            *rows[i].value = rows[i].preset;
    for (usize i = 0; i < countof(percents); i++)
        if (*percents[i].value == 0)
            *percents[i].value = percents[i].preset;
    if (u256_is_zero(options->max_fee_wei))
        options->max_fee_wei = u256_from_u64(2000000000000); /* 2,000 gwei */
    if (options->flight_limit == 0)
        options->flight_limit = 16;
    if (options->intent_limit == 0)
        options->intent_limit = 256;
}

enum status sender_open(const struct sender_options *options, struct sender **out, struct err *err)
{
    struct sender *sender = calloc(1, sizeof(*sender));
    if (sender == NULL)
        return fail(err, ST_FULL, "no memory for a sender");
    sender->options = *options;
    set_defaults(&sender->options);
    sender->path = strdup(options->path);
    assert(sender->path != NULL);
    enum status st =
        pages_reserve(2 * SCRATCH + 2 * eth_result_room(options->eth), &sender->scratch, err);
    if (st == ST_OK)
        st = journal_open(sender, err);
    if (st != ST_OK) {
        sender_close(sender);
        return st;
    }
    *out = sender;
    return ST_OK;
}

void sender_close(struct sender *sender)
{
    if (sender == NULL)
        return;
    journal_close(sender);
    for (struct entry *entry = sender->first, *next; entry != NULL; entry = next) {
        next = entry->next;
        entry_free(entry);
    }
    pages_release(&sender->scratch);
    free(sender->path);
    free(sender);
}

static enum status check_journal(const struct sender *sender, struct err *err)
{
    if (!sender->broken)
        return ST_OK;
    return fail(err, ST_IO, "%s: the journal of transactions could not be written; restart",
                sender->path);
}

/* --- What callers want. */

static enum status check_intent(const struct sender_intent *intent, struct err *err)
{
    if (intent->data.size > SENDER_MAX_DATA)
        return fail(err, ST_INVALID, "a transaction with %zu bytes of data is too large",
                    intent->data.size);
    if (intent->blob_count > SIDECAR_MAX_BLOBS)
        return fail(err, ST_INVALID, "a transaction with %zu blobs is too large",
                    intent->blob_count);
    if (intent->blob_count > 0 && intent->creates)
        return fail(err, ST_INVALID, "a transaction with blobs creates no contract");
    return ST_OK;
}

enum status sender_submit(struct sender *sender, const struct sender_intent *intent,
                          struct err *err)
{
    struct sidecar sidecar = {0};
    TRY(check_journal(sender, err));
    sender_forget(sender);
    if (sender_find(sender, intent->key) != NULL)
        return ST_OK;
    TRY(check_intent(intent, err));
    if (sender->unfinished >= sender->options.intent_limit)
        return fail(err, ST_FULL, "%zu transactions wait already", sender->unfinished);
    if (intent->blob_count > 0) /* shows that they are blobs */
        TRY(sidecar_new(intent->blobs, intent->blob_count, &sidecar, err));
    enum status st = journal_intent(sender, intent, err);
    if (st == ST_OK) {
        struct entry *entry = entry_add(sender, intent);
        sidecar.blobs = entry->intent.blobs;
        entry->sidecar = sidecar;
        return ST_OK;
    }
    sidecar_free(&sidecar);
    return st;
}

enum status sender_withdraw(struct sender *sender, hash32 key, struct err *err)
{
    TRY(check_journal(sender, err));
    struct entry *entry = sender_find(sender, key);
    if (entry == NULL)
        return fail(err, ST_MISSING, "no such transaction is known");
    if (entry->finished || entry->withdrawn)
        return ST_OK;
    TRY(journal_withdrawn(sender, key, err));
    entry->withdrawn = true;
    entry->due_ms = 0;
    return ST_OK;
}

enum status sender_look(const struct sender *sender, hash32 key, struct sender_outcome *out)
{
    const struct entry *entry = sender_find(sender, key);
    if (entry == NULL)
        return ST_MISSING;
    *out = entry->outcome;
    return ST_OK;
}

usize sender_unfinished(const struct sender *sender)
{
    return sender->unfinished;
}

struct sender_afloat sender_afloat(const struct sender *sender)
{
    struct sender_afloat out = {.why = ""};
    for (const struct entry *entry = sender->first; entry != NULL; entry = entry->next) {
        if (entry->finished)
            continue;
        if (entry->outcome.state == SENDER_INCLUDED || entry->cancel_mined)
            out.newest_block = max_u64(out.newest_block, entry->outcome.block_number);
        else if (!entry->missing && out.waiting++ == 0)
            out.why = entry->reason;
    }
    return out;
}

/* --- Ends. */

[[gnu::format(printf, 2, 3)]] static void say(struct entry *entry, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fmt_va(entry->reason, sizeof(entry->reason), format, args);
    va_end(args);
}

static enum status finish(struct sender *sender, struct entry *entry, enum sender_state state,
                          bytes revert_data, struct err *err)
{
    struct sender_outcome outcome = entry->outcome;
    outcome.state = state;
    outcome.revert_data = revert_data;
    TRY(journal_done(sender, entry->intent.key, &outcome, err));
    entry->outcome = outcome;
    entry_retire(sender, entry);
    return ST_OK;
}

/* --- What has become of what was sent. */

/* The parent refuses to say, or says too much: that is no state of things, it only has to be asked
 * again. */
static enum status later(enum status st)
{
    return st == ST_INVALID || st == ST_FULL || st == ST_MISSING ? ST_AGAIN : st;
}

static enum status look_around(struct sender *sender, struct err *err)
{
    struct eth *eth = sender->options.eth;
    struct arena tmp = pages_arena(&sender->scratch);
    struct eth_header latest;
    u64 chain_id;
    if (!sender->right_chain) {
        TRY(later(eth_ask_chain_id(eth, &chain_id, err)));
        if (chain_id != sender->options.chain_id)
            return fail(err, ST_INVALID, "%s is chain %lu, not %lu", eth_name(eth), chain_id,
                        sender->options.chain_id);
        sender->right_chain = true;
    }
    TRY(later(eth_ask_header(eth, eth_at_tag(ETH_LATEST), &latest, &tmp, err)));
    sender->height = latest.header.number;
    sender->time_s = latest.header.timestamp;
    sender->has_market = false;
    return later(
        eth_ask_nonces(eth, sender->options.signer.who, &sender->mined, &sender->pending, err));
}

static enum status settle(struct sender *sender, struct entry *entry, const struct attempt *attempt,
                          const struct eth_receipt *receipt, struct err *err)
{
    struct sender_outcome *outcome = &entry->outcome;
    outcome->tx_hash = attempt->hash;
    outcome->block_number = receipt->block_number;
    outcome->block_hash = receipt->block_hash;
    outcome->gas_used = receipt->gas_used;
    outcome->succeeded = receipt->succeeded;
    outcome->created = receipt->created;
    outcome->contract = receipt->contract;
    outcome->state = attempt->cancels ? SENDER_PENDING : SENDER_INCLUDED;
    entry->cancel_mined = attempt->cancels;
    entry->missing = false;
    entry->reason[0] = 0;
    if (attempt->cancels)
        say(entry, "its cancellation is in block %lu", receipt->block_number);
    if (sender->height + 1 < receipt->block_number + sender->options.confirmations)
        return ST_OK;
    entry->reason[0] = 0;
    return finish(sender, entry, attempt->cancels ? SENDER_CANCELLED : SENDER_INCLUDED, BYTES_EMPTY,
                  err);
}

/* Its nonce is used, and not by any of ours: so it seems. The server may only be behind with its
 * receipts, so that counts when it has stayed so for as many blocks as settle a transaction. */
static enum status note_foreign(struct sender *sender, struct entry *entry, struct err *err)
{
    if (!entry->missing)
        entry->missing_height = sender->height;
    entry->missing = true;
    entry->cancel_mined = false;
    entry->outcome.state = SENDER_PENDING;
    struct arena tmp = pages_arena(&sender->scratch);
    say(entry, "nonce %lu of %s was used by another program: the key must be this sender's alone",
        entry->nonce, hex_text(BYTES_OF(sender->options.signer.who), &tmp));
    if (sender->height < entry->missing_height + sender->options.confirmations)
        return ST_OK;
    return finish(sender, entry, SENDER_FAILED, BYTES_EMPTY, err);
}

static enum status resolve(struct sender *sender, struct entry *entry, struct err *err)
{
    struct arena tmp = pages_arena(&sender->scratch);
    hash32 *hashes = ARENA_TAKE(&tmp, hash32, entry->attempt_count);
    struct eth_receipt *receipts = ARENA_NEW(&tmp, struct eth_receipt, entry->attempt_count);
    for (usize i = 0; i < entry->attempt_count; i++)
        hashes[i] = entry->attempts[i].hash;
    TRY(later(
        eth_ask_receipts(sender->options.eth, hashes, entry->attempt_count, receipts, &tmp, err)));
    for (usize i = 0; i < entry->attempt_count; i++)
        if (receipts[i].found)
            return settle(sender, entry, &entry->attempts[i], &receipts[i], err);
    return note_foreign(sender, entry, err);
}

/* Its nonce is free: if it was in a block, that block is gone. */
static void note_unmined(struct entry *entry)
{
    bool was_mined = entry->outcome.state == SENDER_INCLUDED || entry->cancel_mined;
    if (!was_mined && !entry->missing)
        return;
    if (was_mined)
        log_info("sender", "a reorg took a transaction out of its block",
                 LOG_U64("nonce", entry->nonce), LOG_U64("block", entry->outcome.block_number));
    entry->outcome.state = SENDER_PENDING;
    entry->cancel_mined = entry->missing = false;
    entry->reason[0] = 0;
    entry->due_ms = 0;
}

static enum status resolve_all(struct sender *sender, struct err *err)
{
    for (struct entry *entry = sender->first, *next; entry != NULL; entry = next) {
        next = entry->next; /* what is finished may go */
        if (entry->finished || entry->attempt_count == 0)
            continue;
        if (entry->nonce < sender->mined)
            TRY(resolve(sender, entry, err));
        else
            note_unmined(entry);
    }
    return ST_OK;
}

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
    say(entry, "%.*s", SENDER_REASON - 1, why->text);
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
        say(entry, "%.*s", SENDER_REASON - 1, why.text);
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
            say(entry, "%.*s", SENDER_REASON - 1, why.text);
        if (st == ST_INVALID && refusal.reverted && alone)
            return finish(sender, entry, SENDER_FAILED, refusal.data, err);
        if (st == ST_INVALID)
            return ST_OK;
        if (st != ST_OK)
            return fail(err, st, "%s", why.text);
    }
    if (sender->options.gas_cap != 0 && entry->gas_limit > sender->options.gas_cap) {
        say(entry, "it needs %lu gas, and a transaction may have %lu", entry->gas_limit,
            sender->options.gas_cap);
        return finish(sender, entry, SENDER_FAILED, BYTES_EMPTY, err);
    }
    *ready = true;
    return ST_OK;
}

static enum status launch(struct sender *sender, struct entry *entry, bool alone, u64 now_ms,
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
        say(entry, "%s takes no blobs", eth_name(sender->options.eth));
        return ST_OK;
    }
    if (fees_begin(&sender->options, &urgency, &sender->market, blobs, &fees, &why) != ST_OK) {
        say(entry, "%.*s", SENDER_REASON - 1, why.text);
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
        say(entry, "it waits at the highest fee that may be paid");
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
static enum status tend(struct sender *sender, struct entry *entry, bool first, u64 now_ms,
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

static enum status fill_gap(struct sender *sender, u64 now_ms, struct err *err)
{
    u64 lowest = UINT64_MAX, free = max_u64(sender->pending, sender->mined);
    for (const struct entry *entry = sender->first; entry != NULL; entry = entry->next)
        if (!entry->finished && entry->attempt_count > 0 && entry->nonce >= sender->mined)
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

/* --- The machine. */

static bool in_flight(const struct entry *entry)
{
    return !entry->finished && entry->attempt_count > 0 && !entry->missing &&
           !entry->cancel_mined && entry->outcome.state == SENDER_PENDING;
}

static enum status act(struct sender *sender, u64 now_ms, struct err *err)
{
    usize flying = 0;
    bool held_up = false;
    u64 lowest = UINT64_MAX;
    for (const struct entry *entry = sender->first; entry != NULL; entry = entry->next) {
        flying += in_flight(entry);
        if (in_flight(entry))
            lowest = min_u64(lowest, entry->nonce);
    }
    for (struct entry *entry = sender->first, *next; entry != NULL; entry = next) {
        next = entry->next;
        if (in_flight(entry)) {
            TRY(tend(sender, entry, entry->nonce == lowest, now_ms, err));
        } else if (!entry->finished && entry->attempt_count == 0 && entry->withdrawn) {
            TRY(finish(sender, entry, SENDER_CANCELLED, BYTES_EMPTY, err));
        } else if (!entry->finished && entry->attempt_count == 0 && !held_up) {
            if (flying < sender->options.flight_limit)
                TRY(launch(sender, entry, flying == 0, now_ms, err));
            held_up = !entry->finished && entry->attempt_count == 0;
            flying += in_flight(entry);
        }
    }
    return ST_OK;
}

enum status sender_poll(struct sender *sender, u64 now_ms, struct err *err)
{
    TRY(check_journal(sender, err));
    sender_forget(sender);
    if (sender->unfinished == 0)
        return ST_OK;
    TRY(look_around(sender, err));
    TRY(resolve_all(sender, err));
    TRY(fill_gap(sender, now_ms, err));
    TRY(act(sender, now_ms, err));
    return journal_compact(sender, err);
}

enum status sender_wait(struct sender *sender, hash32 key, bool settled, u64 timeout_ms,
                        struct sender_outcome *out, struct err *err)
{
    u64 until_ms = clock_now_ms() + timeout_ms;
    struct err why = {{0}};
    for (;;) {
        enum status st = sender_poll(sender, clock_now_ms(), &why);
        if (st != ST_OK && ((st != ST_AGAIN && st != ST_IO) || sender->broken))
            return fail(err, st, "%s", why.text);
        if (sender_look(sender, key, out) != ST_OK)
            return fail(err, ST_MISSING, "no such transaction is known");
        if (out->settled || (!settled && out->state != SENDER_PENDING))
            return ST_OK;
        if (clock_now_ms() >= until_ms)
            return fail(err, ST_AGAIN, "the transaction is not in a block after %lu s: %s",
                        timeout_ms / 1000,
                        st != ST_OK           ? why.text
                        : out->reason[0] != 0 ? out->reason
                                              : "no reason is known");
        poll(NULL, 0, WAIT_MS);
    }
}
