/* What a sender must not forget, as records of ABI words in an append-only log:
 *
 *   OWNER      chain id, address
 *   INTENT     key, to, creates, value, gas limit, data, blobs
 *   STAKED     the same, then worth, from, until; worth 0: it is to be signed until then
 *   ATTEMPT    key, cancels, envelope
 *   WITHDRAWN  key
 *   DONE       key and its outcome
 *
 * Once it is large, it is written anew without what finished intents left, and takes the old one's
 * place at once. */
#include "client/sender_parts.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "client/abi.h"

#include <stdlib.h>

enum record_kind {
    RECORD_OWNER = 1,
    RECORD_INTENT,
    RECORD_ATTEMPT,
    RECORD_WITHDRAWN,
    RECORD_DONE,
    RECORD_STAKED,
};

enum { COMPACT_SIZE = 32 << 20, PATH_ROOM = 4096 };

/* --- Writing. */

static enum status append(struct log_file *log, enum record_kind kind, bytes payload,
                          struct err *err)
{
    u64 position;
    return log_append(log, (u8)kind, &payload, 1, &position, err);
}

static enum status put_owner(struct log_file *log, const struct sender *sender, struct arena tmp,
                             struct err *err)
{
    struct abi_out out = abi_begin(2, &tmp);
    abi_put_u64(&out, sender->options.chain_id);
    abi_put_address(&out, sender->options.signer.who);
    return append(log, RECORD_OWNER, abi_end(&out), err);
}

static enum status put_intent(struct log_file *log, const struct sender_intent *intent,
                              struct arena tmp, struct err *err)
{
    bool timed = intent->sign_by_s != 0;
    bool staked = timed || !u256_is_zero(intent->stake.worth_wei);
    struct abi_out out = abi_begin(staked ? 10 : 7, &tmp);
    abi_put_hash(&out, intent->key);
    abi_put_address(&out, intent->to);
    abi_put_bool(&out, intent->creates);
    abi_put_u256(&out, intent->value_wei);
    abi_put_u64(&out, intent->gas_limit);
    abi_put_bytes(&out, intent->data);
    abi_put_bytes(&out,
                  (bytes){(const u8 *)intent->blobs, intent->blob_count * sizeof(struct blob)});
    if (staked) {
        abi_put_u256(&out, intent->stake.worth_wei);
        abi_put_u64(&out, intent->stake.from_s);
        abi_put_u64(&out, timed ? intent->sign_by_s : intent->stake.until_s);
    }
    return append(log, staked ? RECORD_STAKED : RECORD_INTENT, abi_end(&out), err);
}

static enum status put_attempt(struct log_file *log, hash32 key, bool cancels, bytes envelope,
                               struct arena tmp, struct err *err)
{
    struct abi_out out = abi_begin(3, &tmp);
    abi_put_hash(&out, key);
    abi_put_bool(&out, cancels);
    abi_put_bytes(&out, envelope);
    return append(log, RECORD_ATTEMPT, abi_end(&out), err);
}

static enum status put_withdrawn(struct log_file *log, hash32 key, struct err *err)
{
    return append(log, RECORD_WITHDRAWN, BYTES_OF(key), err);
}

static enum status put_done(struct log_file *log, hash32 key, const struct sender_outcome *outcome,
                            struct arena tmp, struct err *err)
{
    struct abi_out out = abi_begin(13, &tmp);
    abi_put_hash(&out, key);
    abi_put_u64(&out, outcome->state);
    abi_put_bool(&out, outcome->has_nonce);
    abi_put_u64(&out, outcome->nonce);
    abi_put_hash(&out, outcome->tx_hash);
    abi_put_bool(&out, outcome->succeeded);
    abi_put_u64(&out, outcome->block_number);
    abi_put_hash(&out, outcome->block_hash);
    abi_put_u64(&out, outcome->gas_used);
    abi_put_bool(&out, outcome->created);
    abi_put_address(&out, outcome->contract);
    abi_put_bytes(&out, (bytes){(const u8 *)outcome->reason, strlen(outcome->reason)});
    abi_put_bytes(&out, outcome->revert_data);
    return append(log, RECORD_DONE, abi_end(&out), err);
}

/* --- Reading. */

static enum status damaged(const struct sender *sender, struct err *err)
{
    return fail(err, ST_CORRUPT, "%s: the journal of transactions is damaged", sender->path);
}

static enum status read_owner(const struct sender *sender, struct abi_in *in, struct arena tmp,
                              struct err *err)
{
    u64 chain_id = abi_get_u64(in);
    address who = abi_get_address(in);
    if (in->failed)
        return damaged(sender, err);
    if (chain_id != sender->options.chain_id || !address_equal(who, sender->options.signer.who))
        return fail(err, ST_INVALID, "%s is the journal of %s on chain %lu, not of %s on chain %lu",
                    sender->path, hex_text(BYTES_OF(who), &tmp), chain_id,
                    hex_text(BYTES_OF(sender->options.signer.who), &tmp), sender->options.chain_id);
    return ST_OK;
}

static enum status read_intent(struct sender *sender, struct abi_in *in, bool staked,
                               struct err *err)
{
    struct sender_intent intent = {0};
    intent.key = abi_get_hash(in);
    intent.to = abi_get_address(in);
    intent.creates = abi_get_bool(in);
    intent.value_wei = abi_get_u256(in);
    intent.gas_limit = abi_get_u64(in);
    intent.data = abi_get_bytes(in);
    bytes blobs = abi_get_bytes(in);
    intent.blobs = (const struct blob *)blobs.data;
    intent.blob_count = blobs.size / sizeof(struct blob);
    if (staked) {
        intent.stake.worth_wei = abi_get_u256(in);
        intent.stake.from_s = abi_get_u64(in);
        intent.stake.until_s = abi_get_u64(in);
    }
    if (staked && u256_is_zero(intent.stake.worth_wei)) {
        intent.sign_by_s = intent.stake.until_s;
        intent.stake = (struct sender_stake){0};
    }
    if (in->failed || blobs.size % sizeof(struct blob) != 0 ||
        intent.blob_count > SIDECAR_MAX_BLOBS)
        return damaged(sender, err);
    if (sender_find(sender, intent.key) == NULL) /* submitted again after a sync had failed */
        entry_add(sender, &intent);
    return ST_OK;
}

static enum status read_done(struct sender *sender, hash32 key, struct abi_in *in, struct err *err)
{
    struct sender_outcome outcome = {.settled = true};
    u64 state = abi_get_u64(in);
    outcome.has_nonce = abi_get_bool(in);
    outcome.nonce = abi_get_u64(in);
    outcome.tx_hash = abi_get_hash(in);
    outcome.succeeded = abi_get_bool(in);
    outcome.block_number = abi_get_u64(in);
    outcome.block_hash = abi_get_hash(in);
    outcome.gas_used = abi_get_u64(in);
    outcome.created = abi_get_bool(in);
    outcome.contract = abi_get_address(in);
    bytes reason = abi_get_bytes(in);
    outcome.revert_data = abi_get_bytes(in);
    if (in->failed || state > SENDER_CANCELLED)
        return damaged(sender, err);
    struct entry *entry = sender_find(sender, key);
    if (entry == NULL) /* the intent itself went when the journal was written anew */
        entry = entry_add(sender, &(struct sender_intent){.key = key});
    if (entry->finished)
        return ST_OK;
    outcome.state = (enum sender_state)state;
    outcome.reason = entry->reason;
    fmt(entry->reason, sizeof(entry->reason), "%.*s", (int)min_u64(reason.size, SENDER_REASON),
        (const char *)reason.data);
    entry->outcome = outcome;
    if (outcome.has_nonce)
        sender->next_nonce = max_u64(sender->next_nonce, outcome.nonce + 1);
    entry_retire(sender, entry);
    return ST_OK;
}

static enum status replay_record(struct sender *sender, const struct log_record *record,
                                 struct arena tmp, struct err *err)
{
    struct abi_in in = abi_over(record->payload);
    if (record->kind == RECORD_OWNER)
        return read_owner(sender, &in, tmp, err);
    if (record->kind == RECORD_INTENT || record->kind == RECORD_STAKED)
        return read_intent(sender, &in, record->kind == RECORD_STAKED, err);
    hash32 key = abi_get_hash(&in);
    if (record->kind == RECORD_DONE)
        return read_done(sender, key, &in, err);
    struct entry *entry = sender_find(sender, key);
    if (in.failed || entry == NULL)
        return damaged(sender, err);
    if (record->kind == RECORD_WITHDRAWN) {
        entry->withdrawn = true;
        return ST_OK;
    }
    bool cancels = abi_get_bool(&in);
    bytes envelope = abi_get_bytes(&in);
    if (record->kind != RECORD_ATTEMPT || in.failed || entry->finished ||
        entry_add_attempt(sender, entry, cancels, envelope, tmp) != ST_OK)
        return damaged(sender, err);
    return ST_OK;
}

static enum status replay(struct sender *sender, struct err *err)
{
    u64 at = log_start(sender->journal);
    if (at == log_end(sender->journal)) {
        TRY(put_owner(sender->journal, sender, pages_arena(&sender->scratch), err));
        return log_sync(sender->journal, err);
    }
    while (at < log_end(sender->journal)) {
        struct arena tmp = pages_arena(&sender->scratch);
        struct log_record record;
        TRY(log_read(sender->journal, at, &record, &tmp, err));
        if (at == log_start(sender->journal) && record.kind != RECORD_OWNER)
            return damaged(sender, err);
        TRY(replay_record(sender, &record, tmp, err));
        at = record.next;
    }
    sender_forget(sender);
    return ST_OK;
}

static enum status take_lock(struct sender *sender, struct err *err)
{
    const struct files *files = sender->options.files;
    char path[PATH_ROOM];
    if (fmt(path, sizeof(path), "%s.lock", sender->path) >= sizeof(path))
        return fail(err, ST_INVALID, "path too long: %s", sender->path);
    TRY(files->open(files->self, path, FILE_WRITE, &sender->lock, err));
    return files->lock(files->self, sender->lock, err);
}

enum status journal_open(struct sender *sender, struct err *err)
{
    u64 cut;
    TRY(take_lock(sender, err));
    TRY(log_open(sender->options.files, sender->path, 0, &sender->journal, &cut, err));
    return replay(sender, err);
}

void journal_close(struct sender *sender)
{
    const struct files *files = sender->options.files;
    log_close(sender->journal);
    if (sender->lock != NULL)
        files->close(files->self, sender->lock);
    sender->journal = NULL;
    sender->lock = NULL;
}

/* --- Durable, or broken. */

static enum status seal(struct sender *sender, enum status st, struct err *err)
{
    if (st == ST_OK)
        st = log_sync(sender->journal, err);
    if (st == ST_OK)
        return ST_OK;
    sender->broken = true;
    return ST_IO;
}

enum status journal_intent(struct sender *sender, const struct sender_intent *intent,
                           struct err *err)
{
    return seal(sender, put_intent(sender->journal, intent, pages_arena(&sender->scratch), err),
                err);
}

enum status journal_attempt(struct sender *sender, hash32 key, bool cancels, bytes envelope,
                            struct err *err)
{
    /* The envelope may lie in the scratch: what is written lies in its upper half. */
    struct arena upper = pages_arena(&sender->scratch);
    upper.at += sender->scratch.size / 2;
    return seal(sender, put_attempt(sender->journal, key, cancels, envelope, upper, err), err);
}

enum status journal_withdrawn(struct sender *sender, hash32 key, struct err *err)
{
    return seal(sender, put_withdrawn(sender->journal, key, err), err);
}

enum status journal_done(struct sender *sender, hash32 key, const struct sender_outcome *outcome,
                         struct err *err)
{
    struct arena upper = pages_arena(&sender->scratch);
    upper.at += sender->scratch.size / 2;
    return seal(sender, put_done(sender->journal, key, outcome, upper, err), err);
}

/* --- Written anew. */

static enum status put_entry(struct log_file *log, const struct entry *entry, struct arena tmp,
                             struct err *err)
{
    hash32 key = entry->intent.key;
    if (entry->finished)
        return put_done(log, key, &entry->outcome, tmp, err);
    TRY(put_intent(log, &entry->intent, tmp, err));
    for (usize i = 0; i < entry->attempt_count; i++)
        TRY(put_attempt(log, key, entry->attempts[i].cancels, entry->attempts[i].envelope, tmp,
                        err));
    return entry->withdrawn ? put_withdrawn(log, key, err) : ST_OK;
}

static enum status write_anew(struct sender *sender, const char *path, struct err *err)
{
    struct log_file *log;
    u64 cut;
    TRY(log_open(sender->options.files, path, 0, &log, &cut, err));
    enum status st = log_clear(log, err); /* what a crash has left of an earlier attempt */
    if (st == ST_OK)
        st = put_owner(log, sender, pages_arena(&sender->scratch), err);
    const struct entry *const firsts[] = {sender->finished.first, sender->unfinished.first};
    for (usize i = 0; i < countof(firsts); i++)
        for (const struct entry *entry = firsts[i]; st == ST_OK && entry != NULL;
             entry = entry->next)
            st = put_entry(log, entry, pages_arena(&sender->scratch), err);
    if (st == ST_OK)
        st = log_sync(log, err);
    log_close(log);
    return st;
}

enum status journal_compact(struct sender *sender, struct err *err)
{
    const struct files *files = sender->options.files;
    char path[PATH_ROOM];
    u64 cut;
    if (log_end(sender->journal) < max_u64(COMPACT_SIZE, 2 * sender->compacted_size))
        return ST_OK;
    if (fmt(path, sizeof(path), "%s.new", sender->path) >= sizeof(path))
        return fail(err, ST_INVALID, "path too long: %s", sender->path);
    enum status st = write_anew(sender, path, err);
    if (st == ST_OK)
        st = files->rename(files->self, path, sender->path, err);
    if (st == ST_OK) {
        log_close(sender->journal);
        sender->journal = NULL;
        st = log_open(files, sender->path, 0, &sender->journal, &cut, err);
    }
    if (st == ST_OK)
        sender->compacted_size = log_end(sender->journal);
    sender->broken = sender->broken || st != ST_OK;
    return st;
}
