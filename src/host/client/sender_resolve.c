#include "client/sender_parts.h"

#include "base/hex.h"
#include "sys/log.h"

/* --- What has become of what was sent. */

enum status sender_look_around(struct sender *sender, struct err *err)
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
    sender->head = latest.hash;
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
    entry->seen_at = sender->head;
    entry->reason[0] = 0;
    if (attempt->cancels)
        entry_say(entry, "its cancellation is in block %lu", receipt->block_number);
    if (sender->height + 1 < receipt->block_number + sender->options.confirmations)
        return ST_OK;
    entry->reason[0] = 0;
    return sender_finish(sender, entry, attempt->cancels ? SENDER_CANCELLED : SENDER_INCLUDED,
                         BYTES_EMPTY, err);
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
    entry_say(entry,
              "nonce %lu of %s was used by another program: the key must be this sender's alone",
              entry->nonce, hex_text(BYTES_OF(sender->options.signer.who), &tmp));
    if (sender->height < entry->missing_height + sender->options.confirmations)
        return ST_OK;
    return sender_finish(sender, entry, SENDER_FAILED, BYTES_EMPTY, err);
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

static bool was_mined(const struct entry *entry)
{
    return entry->outcome.state == SENDER_INCLUDED || entry->cancel_mined;
}

/* Its nonce is free: if it was in a block, that block is gone. */
static void note_unmined(struct entry *entry)
{
    if (!was_mined(entry) && !entry->missing)
        return;
    if (was_mined(entry))
        log_info("sender", "a reorg took a transaction out of its block",
                 LOG_U64("nonce", entry->nonce), LOG_U64("block", entry->outcome.block_number));
    entry->outcome.state = SENDER_PENDING;
    entry->cancel_mined = entry->missing = false;
    entry->reason[0] = 0;
    entry->due_ms = 0;
}

/* What was in a block is there still, while the parent's newest block is the same. */
static bool is_known(const struct sender *sender, const struct entry *entry)
{
    return was_mined(entry) && hash32_equal(entry->seen_at, sender->head);
}

enum status sender_resolve(struct sender *sender, struct err *err)
{
    for (struct entry *entry = sender->unfinished.first, *next; entry != NULL; entry = next) {
        next = entry->next; /* it may be finished now */
        if (entry->attempt_count == 0)
            continue;
        if (entry->nonce >= sender->mined)
            note_unmined(entry);
        else if (!is_known(sender, entry))
            TRY(resolve(sender, entry, err));
    }
    return ST_OK;
}
