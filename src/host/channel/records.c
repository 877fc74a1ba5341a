/* The journal: what a daemon has said and heard that binds, and what it has seen become final.
 *
 *     ENTRY     a channel's terms and peer, as ABI words; its place among these is its index
 *     INSTEAD   index ‖ an ENTRY that takes this channel's place, which is forgotten
 *     SENT      index (u32) ‖ message as it travels: UPDATE, STFU, CLOSE, REBASE, WITHDRAW, RECOVER
 *     RECEIVED  the same; RECOVER with all its locks, in however many messages they came
 *     SEEN      index ‖ deposited a, b, withdrawn a, b, time (16 bytes each; little-endian)
 *     WANTED    index ‖ what we deposit in all
 *     STAGE     index ‖ stage ‖ end of our forced close (u64 each)
 *     BLOCK     chain id ‖ the first block that is not known to be final (u64 each)
 *     PASSAGE   a peer's lock ‖ ours for it: channel, slot (u32 each) ‖ key ‖ its expiry
 *     BILL      an invoice: preimage, secret, amount, expiry; BILL_PAID: its hash ‖ amount
 *     OFFER     of versions that kept offers; nothing is made of it
 *     PAYMENT   of ours, as ABI words; PART: its hash ‖ our lock for it ‖ expiry; FAILED: its hash
 *     LOST      index ‖ time from which its channel may recover, 0: not known yet ‖ the next key
 *     FOUND     a secret that a channel which has not recovered may have a lock for
 *     TEXT      hash ‖ 1: of a payment of ours, 0: of an invoice ‖ what it is for
 *     LOOSE     index ‖ struct loose_lock, for the history
 *     KNOWN     index ‖ struct channel_proof, of a watchtower's blob
 *     SHOWN     chain id ‖ a secret that the chain's registry has, of a lock of ours or a peer's
 *     PEER      node (33 bytes) ‖ port (u16) ‖ host: where it listens since somebody said so
 *     PUBLIC    chain id ‖ the key of any other that it has
 *     TIME      by the wall clock, in seconds, of what comes after it
 *     APP…      of apps (apps.c, apps_hub.c)
 *     SPENT     chain id, slice of time (u64 each) ‖ what the signer has counted in it (16 bytes)
 *               ‖ of which token (20 bytes; none: of the chain's own money)
 *     SIGNED    index ‖ epoch, number of the newest half (u64 each) that the signer has signed
 *     FEES      the same as SPENT of fees ‖ the first nonce that is not signed ‖ 0 (u64 each)
 *
 * Those of a journal that was written anew are in anew.c. Replaying them in order brings the daemon
 * back to where it was. */
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"
#include "channel/daemon_records.h"

#include "client/abi.h"
#include "sys/clock.h"

#include <assert.h>
#include <stdlib.h>

/* --- Writing. */

static bytes encode_entry(const struct entry *entry, struct arena *arena)
{
    const struct channel_terms *terms = channel_terms(entry->channel);
    struct abi_out out = abi_begin(15, arena);
    abi_put_u64(&out, channel_side(entry->channel));
    abi_put_u64(&out, entry->key);
    abi_put_u64(&out, terms->chain_id);
    abi_put_address(&out, terms->adjudicator);
    abi_put_address(&out, terms->owner[0]);
    abi_put_address(&out, terms->owner[1]);
    abi_put_address(&out, terms->asset);
    abi_put_u64(&out, terms->challenge_s);
    abi_put_address(&out, terms->payout[0]);
    abi_put_address(&out, terms->payout[1]);
    abi_put_hash(&out, terms->salt);
    abi_put_hash(&out, entry->request);
    abi_put_u64(&out, entry->peer->port);
    abi_put_bytes(&out, BYTES_OF(entry->peer->node));
    abi_put_bytes(&out, (bytes){(const u8 *)entry->peer->host, strlen(entry->peer->host)});
    return abi_end(&out);
}

void record_entry(const struct entry *entry)
{
    u8 memory[2048];
    struct arena arena = arena_over(memory, sizeof(memory));
    bytes payload = encode_entry(entry, &arena);
    wal_put(entry->daemon->wal, RECORD_ENTRY, &payload, 1);
}

void record_instead(const struct entry *entry)
{
    u8 memory[2048];
    struct arena arena = arena_over(memory, sizeof(memory));
    bytes parts[] = {BYTES_OF(entry->index), encode_entry(entry, &arena)};
    wal_put(entry->daemon->wal, RECORD_INSTEAD, parts, countof(parts));
}

static void put(const struct entry *entry, enum record kind, bytes content)
{
    bytes parts[] = {BYTES_OF(entry->index), content};
    wal_put(entry->daemon->wal, (u8)kind, parts, countof(parts));
}

/* The peer says again what we have not acknowledged, so what may be acknowledged later, or never,
 * may be lost until something that we say rests on it. */
static bool may_wait(enum record kind, const struct wire_message *message)
{
    return kind == RECORD_RECEIVED && message->type == WIRE_UPDATE &&
           update_only_pays_locks(message->update.items);
}

void record_message(const struct entry *entry, enum record kind, const struct wire_message *message)
{
    u8 room[WIRE_LIMIT];
    bytes parts[] = {BYTES_OF(entry->index), {room, wire_encode(message, room)}};
    if (may_wait(kind, message))
        wal_put_idly(entry->daemon->wal, (u8)kind, parts, countof(parts));
    else
        wal_put(entry->daemon->wal, (u8)kind, parts, countof(parts));
}

void record_recovered(const struct entry *entry, const struct wire_recover *said)
{
    u8 room[WIRE_LIMIT];
    struct wire_message message = {.type = WIRE_RECOVER, .recover = *said};
    message.recover.locks = BYTES_EMPTY;
    bytes parts[] = {BYTES_OF(entry->index), {room, wire_encode(&message, room)}, said->locks};
    wal_put(entry->daemon->wal, RECORD_RECEIVED, parts, countof(parts));
}

struct seen {
    u128 deposited[2], withdrawn[2], final_s;
};

void record_seen(const struct entry *entry)
{
    struct seen seen = {.final_s = channel_seen_time(entry->channel)};
    channel_seen(entry->channel, seen.deposited, seen.withdrawn);
    put(entry, RECORD_SEEN, BYTES_OF(seen));
}

void record_wanted(const struct entry *entry)
{
    put(entry, RECORD_WANTED, BYTES_OF(entry->wanted));
}

struct staged {
    u64 stage, force_until_s;
};

void record_stage(const struct entry *entry)
{
    struct staged staged = {entry->stage, entry->force_until_s};
    put(entry, RECORD_STAGE, BYTES_OF(staged));
}

struct lost {
    u64 until_s, next_key;
};

void record_lost(const struct entry *entry)
{
    struct lost lost = {entry->lost_until_s, entry->daemon->next_key};
    put(entry, RECORD_LOST, BYTES_OF(lost));
}

void record_found(struct daemon *daemon, const hash32 *preimage)
{
    bytes payload = BYTES_OF(*preimage);
    wal_put(daemon->wal, RECORD_FOUND, &payload, 1);
}

void record_loose(const struct entry *entry, const struct loose_lock *loose)
{
    put(entry, RECORD_LOOSE, (bytes){(const u8 *)loose, sizeof(*loose)});
}

void record_known(const struct entry *entry, const struct channel_proof *proof)
{
    put(entry, RECORD_KNOWN, (bytes){(const u8 *)proof, sizeof(*proof)});
}

void record_block(const struct chain_of *chain)
{
    bytes parts[] = {BYTES_OF(chain->chain_id), BYTES_OF(chain->since)};
    wal_put(chain->daemon->wal, RECORD_BLOCK, parts, countof(parts));
}

/* Two of the daemon's locks, by their channels' places. */
struct passage_record {
    u32 in, in_slot, out, out_slot;
    hash32 key;
    u64 expiry_s;
};

void record_passage(const struct passage *passage)
{
    struct passage_record record = {passage->in->index, passage->in_slot, passage->out->index,
                                    passage->out_slot,  passage->key,     passage->expiry_s};
    bytes payload = BYTES_OF(record);
    wal_put(passage->out->daemon->wal, RECORD_PASSAGE, &payload, 1);
}

void record_bill(struct daemon *daemon, const struct bill_terms *terms)
{
    bytes payload = BYTES_OF(*terms);
    wal_put(daemon->wal, RECORD_BILL, &payload, 1);
}

void record_text(struct daemon *daemon, hash32 hash, bool is_ours, bytes text)
{
    u8 kind = is_ours;
    bytes parts[] = {BYTES_OF(hash), BYTES_OF(kind), text};
    if (text.size == 0)
        return;
    wal_put(daemon->wal, RECORD_TEXT, parts, countof(parts));
    chronicle_text(daemon, hash, is_ours, text);
}

void record_received(struct daemon *daemon, hash32 hash, u128 amount)
{
    bytes parts[] = {BYTES_OF(hash), BYTES_OF(amount)};
    wal_put(daemon->wal, RECORD_BILL_PAID, parts, countof(parts));
}

void record_payment(const struct payment *payment)
{
    const struct payment_terms *terms = &payment->terms;
    u8 memory[1024];
    struct arena arena = arena_over(memory, sizeof(memory));
    struct abi_out out = abi_begin(8, &arena);
    abi_put_hash(&out, terms->hash);
    abi_put_hash(&out, terms->secret);
    abi_put_u256(&out, (u256){{(u64)terms->amount, (u64)(terms->amount >> 64), 0, 0}});
    abi_put_u64(&out, terms->chain_id);
    abi_put_address(&out, terms->asset);
    abi_put_bool(&out, terms->is_keysend);
    abi_put_hash(&out, terms->preimage);
    abi_put_bytes(&out, BYTES_OF(terms->node));
    bytes payload = abi_end(&out);
    wal_put(payment->daemon->wal, RECORD_PAYMENT, &payload, 1);
}

void record_failed(const struct payment *payment)
{
    bytes payload = BYTES_OF(payment->terms.hash);
    wal_put_idly(payment->daemon->wal, RECORD_FAILED, &payload, 1);
}

void record_time(struct daemon *daemon)
{
    u64 now_s = clock_wall_ms() / 1000;
    bytes payload = BYTES_OF(now_s);
    if (now_s == daemon->journal_s)
        return;
    daemon->journal_s = now_s;
    wal_put_idly(daemon->wal, RECORD_TIME, &payload, 1);
}

void record_part(const struct passage *passage, const struct payment *payment)
{
    u32 place[2] = {passage->out->index, passage->out_slot};
    bytes parts[] = {BYTES_OF(payment->terms.hash), BYTES_OF(place), BYTES_OF(passage->expiry_s)};
    wal_put(payment->daemon->wal, RECORD_PART, parts, countof(parts));
}

void record_shown(const struct chain_of *chain, const struct shown_terms *terms)
{
    bytes parts[] = {BYTES_OF(chain->chain_id), {(const u8 *)terms, sizeof(*terms)}};
    wal_put(chain->daemon->wal, RECORD_SHOWN, parts, countof(parts));
}

void record_peer(const struct peer *peer)
{
    bytes parts[] = {
        BYTES_OF(peer->node), BYTES_OF(peer->port), {(const u8 *)peer->host, strlen(peer->host)}};
    wal_put(peer->daemon->wal, RECORD_PEER, parts, countof(parts));
}

void record_public(const struct chain_of *chain, hash32 key)
{
    bytes parts[] = {BYTES_OF(chain->chain_id), BYTES_OF(key)};
    wal_put(chain->daemon->wal, RECORD_PUBLIC, parts, countof(parts));
}

void record_spent(void *self, address asset, const struct signer_spent *spent)
{
    struct daemon *daemon = self;
    bytes parts[] = {{(const u8 *)spent, sizeof(*spent)}, BYTES_OF(asset)};
    wal_put(daemon->wal, RECORD_SPENT, parts, address_is_zero(asset) ? 1 : 2);
    daemon_touch(daemon);
}

void record_signed(const struct entry *entry)
{
    u64 mark[2];
    signer_noted(entry->daemon->keys, entry->key, &mark[0], &mark[1]);
    put(entry, RECORD_SIGNED, BYTES_OF(mark));
}

/* Oldest first. */
void record_all_fees(struct chain_of *chain)
{
    struct signer_fees fees;
    bytes payload = BYTES_OF(fees);
    for (u64 i = DAY_SLICES; i-- > 0;)
        if (account_signer_slice(chain->account, i, &fees))
            wal_put(chain->daemon->wal, RECORD_FEES, &payload, 1);
}

/* Of what was signed since it was asked last. */
void record_fees(struct chain_of *chain)
{
    struct signer_fees fees;
    bytes payload = BYTES_OF(fees);
    if (account_signer_changed(chain->account, &fees))
        wal_put(chain->daemon->wal, RECORD_FEES, &payload, 1);
}

/* --- Reading. */

/* `instead`: whose place it takes; NULL: the next one. */
static enum status make_entry(struct daemon *daemon, bytes payload, struct entry *instead,
                              struct err *err)
{
    struct abi_in in = abi_over(payload);
    struct channel_terms terms = {.chain_id = 0};
    u32 side = (u32)abi_get_u64(&in), key = (u32)abi_get_u64(&in);
    terms.chain_id = abi_get_u64(&in);
    terms.adjudicator = abi_get_address(&in);
    terms.owner[0] = abi_get_address(&in);
    terms.owner[1] = abi_get_address(&in);
    terms.asset = abi_get_address(&in);
    terms.challenge_s = (u32)abi_get_u64(&in);
    terms.payout[0] = abi_get_address(&in);
    terms.payout[1] = abi_get_address(&in);
    terms.salt = abi_get_hash(&in);
    hash32 request = abi_get_hash(&in);
    u64 port = abi_get_u64(&in);
    bytes node = abi_get_bytes(&in), host = abi_get_bytes(&in);
    point33 point;
    if (in.failed || side > 1 || key >= KEYRING_LIMIT || port > 65535 || node.size != sizeof(point))
        return fail(err, ST_CORRUPT, "the journal has a channel that does not read");
    struct chain_of *chain = daemon_chain(daemon, terms.chain_id);
    if (chain == NULL || !address_equal(chain->adjudicator, terms.adjudicator))
        return fail(err, ST_INVALID,
                    "there are channels on chain %lu with another adjudicator or without a URL: "
                    "name that chain with --chain",
                    terms.chain_id);
    bytes_copy(point.b, node);
    struct peer *peer = peer_get(daemon, &point);
    (void)peer_at(peer, host, (u16)port);
    if (instead != NULL)
        place_give(instead);
    (void)entry_new(daemon, &terms, side, key, peer, chain, request);
    return ST_OK;
}

static enum status read_entry(struct daemon *daemon, bytes payload, struct err *err)
{
    return make_entry(daemon, payload, NULL, err);
}

/* A secret that was told for a lock which nothing else was joined to, and no invoice: it came with
 * the lock. */
static void tell_gifts(const struct entry *entry, bytes items)
{
    const struct locks *locks = channel_locks(entry->channel, 1 - channel_side(entry->channel));
    u128 received;
    for (struct item item; items.size != 0 && item_read(&items, &item) == ST_OK;) {
        if (item.kind != ITEM_SETTLE)
            continue;
        struct lock lock = locks_get(locks, item.slot);
        if (lock.amount != 0 && passage_in(entry, item.slot) == NULL &&
            !channel_lock_is_held(entry->channel, item.slot) &&
            !bill_state(entry->daemon, lock.key, &received))
            chronicle_gift(entry, &lock, item.reference);
    }
}

static enum status replay_update(struct entry *entry, bool ours, const struct wire_update *update,
                                 struct err *err)
{
    struct channel_events events = {0};
    chronicle_update(entry, ours, update);
    if (ours)
        tell_gifts(entry, update->items);
    enum status st = channel_replay(entry->channel, ours, update, &events, err);
    daemon_take_events(entry->daemon, &events);
    channel_events_free(&events);
    return st;
}

static enum status replay_rebase(struct entry *entry, bool ours, const struct wire_rebase *said,
                                 struct err *err)
{
    struct channel_events events = {0};
    enum status st = channel_replay_rebase(entry->channel, ours, said, &events, err);
    daemon_take_events(entry->daemon, &events);
    channel_events_free(&events);
    return st;
}

/* What was signed, by the record itself: whatever the machine makes of it. */
static void note_signed(struct entry *entry, const struct wire_message *message)
{
    struct limited_signer *keys = entry->daemon->keys;
    if (message->type == WIRE_UPDATE)
        signer_note(keys, entry->key, message->update.epoch, message->update.seq);
    if (message->type == WIRE_REBASE)
        signer_note(keys, entry->key, message->rebase.epoch, 0);
    if (message->type == WIRE_WITHDRAW || message->type == WIRE_CLOSE)
        signer_note(keys, entry->key, 0, 0);
}

static enum status replay_message(struct entry *entry, bool ours, bytes content, struct err *err)
{
    struct wire_message message;
    if (wire_decode(content, &message, err) != ST_OK)
        return fail(err, ST_CORRUPT, "the journal has a message that does not read");
    if (ours)
        note_signed(entry, &message);
    if (message.type == WIRE_UPDATE)
        return replay_update(entry, ours, &message.update, err);
    if (message.type == WIRE_REBASE)
        return replay_rebase(entry, ours, &message.rebase, err);
    if (message.type == WIRE_RECOVER)
        return restoring_replay(entry, &message.recover, err);
    if (message.type == WIRE_WITHDRAW)
        return channel_replay_withdraw(entry->channel, ours, &message.withdraw, err);
    u32 side = channel_side(entry->channel);
    if (message.type == WIRE_STFU)
        ending_stopped(entry, ours ? side : 1 - side);
    if (message.type == WIRE_CLOSE)
        ending_signed(entry, ours ? side : 1 - side, &message.close);
    return ST_OK;
}

static enum status replay_stage(struct entry *entry, const struct staged *staged, struct err *err)
{
    if (staged->stage > STAGE_CLOSED)
        return fail(err, ST_CORRUPT, "the journal has a stage that there is not");
    if (staged->stage == STAGE_CLOSED)
        entry->peer->channels--;
    entry->stage = (enum stage)staged->stage;
    entry->force_until_s = staged->force_until_s;
    channel_stop(entry->channel);
    if (entry->stage == STAGE_CLOSED)
        chronicle_channel(entry);
    return ST_OK;
}

static enum status replay_lost(struct entry *entry, const struct lost *lost, struct err *err)
{
    if (lost->next_key >= KEYRING_LIMIT)
        return fail(err, ST_CORRUPT, "the journal has a key that there is not");
    channel_lose(entry->channel);
    apps_freeze(entry);
    entry->lost_until_s = lost->until_s;
    if (lost->next_key > entry->daemon->next_key)
        entry->daemon->next_key = (u32)lost->next_key;
    return ST_OK;
}

static enum status replay_of(struct entry *entry, u8 kind, bytes content, struct err *err)
{
    struct seen seen;
    struct staged staged;
    struct lost lost;
    struct channel_proof known;
    struct loose_lock loose;
    u64 mark[2];
    switch (kind) {
    case RECORD_SENT:
    case RECORD_RECEIVED:
        return replay_message(entry, kind == RECORD_SENT, content, err);
    case RECORD_SEEN:
        if (content.size != sizeof(seen))
            break;
        bytes_copy(&seen, content);
        channel_see(entry->channel, seen.deposited, seen.withdrawn);
        channel_see_time(entry->channel, (u64)seen.final_s);
        chronicle_channel(entry);
        return ST_OK;
    case RECORD_WANTED:
        if (content.size != sizeof(entry->wanted))
            break;
        bytes_copy(&entry->wanted, content);
        return ST_OK;
    case RECORD_STAGE:
        if (content.size != sizeof(staged))
            break;
        bytes_copy(&staged, content);
        return replay_stage(entry, &staged, err);
    case RECORD_LOST:
        if (content.size != sizeof(lost))
            break;
        bytes_copy(&lost, content);
        return replay_lost(entry, &lost, err);
    case RECORD_SIGNED:
        if (content.size != sizeof(mark))
            break;
        bytes_copy(mark, content);
        signer_note(entry->daemon->keys, entry->key, mark[0], mark[1]);
        return ST_OK;
    case RECORD_LOOSE:
        if (content.size != sizeof(loose))
            break;
        bytes_copy(&loose, content);
        chronicle_loose(entry, &loose);
        return ST_OK;
    case RECORD_CHANNEL:
        return anew_read_channel(entry, content, err);
    case RECORD_KNOWN:
        if (content.size != sizeof(known))
            break;
        bytes_copy(&known, content);
        channel_know(entry->channel, &known);
        return ST_OK;
    default:
        break;
    }
    return fail(err, ST_CORRUPT, "the journal has a record of kind %u that does not read", kind);
}

static enum status read_block(struct daemon *daemon, bytes payload, struct err *err)
{
    u64 parts[2];
    if (payload.size != sizeof(parts))
        return fail(err, ST_CORRUPT, "the journal has a block that does not read");
    bytes_copy(parts, payload);
    struct chain_of *chain = daemon_chain(daemon, parts[0]);
    if (chain != NULL)
        chain->since = parts[1];
    return ST_OK;
}

static enum status read_passage(struct daemon *daemon, bytes payload, struct err *err)
{
    struct passage_record record;
    if (payload.size == sizeof(record))
        bytes_copy(&record, payload);
    if (payload.size != sizeof(record) || record.in >= daemon->entry_count ||
        record.out >= daemon->entry_count || record.in_slot >= LOCKS_MOST ||
        record.out_slot >= LOCKS_MOST)
        return fail(err, ST_CORRUPT, "the journal has a passage that does not read");
    struct lock lock = {.key = record.key, .expiry_s = record.expiry_s};
    (void)passage_new(daemon->entries[record.in], record.in_slot, daemon->entries[record.out],
                      record.out_slot, &lock, NULL);
    return ST_OK;
}

static enum status read_bill(struct daemon *daemon, bytes payload, struct err *err)
{
    struct bill_terms terms;
    if (payload.size != sizeof(terms))
        return fail(err, ST_CORRUPT, "the journal has an invoice that does not read");
    bytes_copy(&terms, payload);
    bill_add(daemon, &terms);
    return ST_OK;
}

static enum status read_bill_paid(struct daemon *daemon, bytes payload, struct err *err)
{
    struct {
        hash32 hash;
        u128 amount;
    } paid;
    if (payload.size != sizeof(paid))
        return fail(err, ST_CORRUPT, "the journal has a receipt that does not read");
    bytes_copy(&paid, payload);
    bill_received(daemon, paid.hash, paid.amount);
    return ST_OK;
}

static enum status read_nothing(struct daemon *daemon, bytes payload, struct err *err)
{
    (void)daemon, (void)payload, (void)err;
    return ST_OK;
}

static enum status read_payment(struct daemon *daemon, bytes payload, struct err *err)
{
    struct abi_in in = abi_over(payload);
    struct payment_terms terms;
    terms.hash = abi_get_hash(&in);
    terms.secret = abi_get_hash(&in);
    u256 amount = abi_get_u256(&in);
    terms.amount = (u128)amount.w[1] << 64 | amount.w[0];
    terms.chain_id = abi_get_u64(&in);
    terms.asset = abi_get_address(&in);
    terms.is_keysend = abi_get_bool(&in);
    terms.preimage = abi_get_hash(&in);
    bytes node = abi_get_bytes(&in);
    if (in.failed || node.size != sizeof(terms.node))
        return fail(err, ST_CORRUPT, "the journal has a payment that does not read");
    bytes_copy(terms.node.b, node);
    chronicle_payment(payment_add(daemon, &terms));
    return ST_OK;
}

static enum status read_failed(struct daemon *daemon, bytes payload, struct err *err)
{
    hash32 hash;
    if (payload.size != sizeof(hash))
        return fail(err, ST_CORRUPT, "the journal has a payment's end that does not read");
    bytes_copy(hash.b, payload);
    struct payment *payment = payment_find(daemon, hash);
    if (payment != NULL && payment->state == PAYMENT_PENDING) {
        payment->state = PAYMENT_FAILED;
        chronicle_payment(payment);
    }
    return ST_OK;
}

static enum status read_time(struct daemon *daemon, bytes payload, struct err *err)
{
    if (payload.size != sizeof(daemon->journal_s))
        return fail(err, ST_CORRUPT, "the journal has a time that does not read");
    bytes_copy(&daemon->journal_s, payload);
    return ST_OK;
}

static enum status read_part(struct daemon *daemon, bytes payload, struct err *err)
{
    struct {
        hash32 hash;
        u32 out, out_slot;
        u64 expiry_s;
    } part;
    if (payload.size == sizeof(part))
        bytes_copy(&part, payload);
    struct payment *payment = payload.size == sizeof(part) ? payment_find(daemon, part.hash) : NULL;
    if (payment == NULL || part.out >= daemon->entry_count || part.out_slot >= LOCKS_MOST)
        return fail(err, ST_CORRUPT, "the journal has a part that does not read");
    struct lock lock = {.key = part.hash, .expiry_s = part.expiry_s};
    (void)passage_new(NULL, 0, daemon->entries[part.out], part.out_slot, &lock, part_add(payment));
    return ST_OK;
}

static enum status read_shown(struct daemon *daemon, bytes payload, struct err *err)
{
    struct {
        u64 chain_id;
        struct shown_terms terms;
    } shown;
    if (payload.size == sizeof(shown))
        bytes_copy(&shown, payload);
    if (payload.size != sizeof(shown) || shown.terms.path_size > countof(shown.terms.path))
        return fail(err, ST_CORRUPT, "the journal has a secret that does not read");
    struct chain_of *chain = daemon_chain(daemon, shown.chain_id);
    if (chain != NULL) {
        shown_add(chain, &shown.terms);
        (void)public_add(chain, registry_key(shown.terms.secret));
        forward_shown(chain, &shown.terms);
    }
    return ST_OK;
}

static enum status read_peer_place(struct daemon *daemon, bytes payload, struct err *err)
{
    point33 node;
    u16 port;
    usize head = sizeof(node) + sizeof(port);
    if (payload.size < head)
        return fail(err, ST_CORRUPT, "the journal has a peer's address that does not read");
    bytes_copy(node.b, bytes_slice(payload, 0, sizeof(node)));
    bytes_copy(&port, bytes_slice(payload, sizeof(node), sizeof(port)));
    (void)peer_at(peer_get(daemon, &node), bytes_slice(payload, head, payload.size), port);
    return ST_OK;
}

static enum status read_public(struct daemon *daemon, bytes payload, struct err *err)
{
    struct {
        u64 chain_id;
        hash32 key;
    } public;
    if (payload.size != sizeof(public))
        return fail(err, ST_CORRUPT, "the journal has a key that does not read");
    bytes_copy(&public, payload);
    struct chain_of *chain = daemon_chain(daemon, public.chain_id);
    if (chain != NULL)
        (void)public_add(chain, public.key);
    return ST_OK;
}

static enum status read_instead(struct daemon *daemon, bytes payload, struct err *err)
{
    u32 index = UINT32_MAX;
    if (payload.size >= sizeof(index))
        bytes_copy(&index, bytes_slice(payload, 0, sizeof(index)));
    if (index >= daemon->entry_count)
        return fail(err, ST_CORRUPT, "the journal has a place that does not read");
    return make_entry(daemon, bytes_slice(payload, sizeof(index), payload.size),
                      daemon->entries[index], err);
}

static enum status read_found(struct daemon *daemon, bytes payload, struct err *err)
{
    hash32 preimage;
    if (payload.size != sizeof(preimage))
        return fail(err, ST_CORRUPT, "the journal has a secret that does not read");
    bytes_copy(preimage.b, payload);
    (void)rejoin_found(daemon, preimage);
    return ST_OK;
}

static enum status read_text(struct daemon *daemon, bytes payload, struct err *err)
{
    hash32 hash;
    usize at = sizeof(hash) + 1;
    if (payload.size <= at || payload.data[at - 1] > 1)
        return fail(err, ST_CORRUPT, "the journal has a text that does not read");
    bytes_copy(hash.b, bytes_slice(payload, 0, sizeof(hash)));
    chronicle_text(daemon, hash, payload.data[at - 1] == 1, bytes_slice(payload, at, payload.size));
    return ST_OK;
}

static enum status read_spent(struct daemon *daemon, bytes payload, struct err *err)
{
    struct signer_spent spent;
    address asset = {{0}}; /* the chain's own money has none */
    if (payload.size != sizeof(spent) && payload.size != sizeof(spent) + sizeof(asset))
        return fail(err, ST_CORRUPT, "the journal has a sum that does not read");
    bytes_copy(&spent, bytes_slice(payload, 0, sizeof(spent)));
    bytes_copy(asset.b, bytes_slice(payload, sizeof(spent), sizeof(asset)));
    signer_spent(daemon->keys, asset, &spent);
    return ST_OK;
}

static enum status read_fees(struct daemon *daemon, bytes payload, struct err *err)
{
    struct signer_fees fees;
    if (payload.size != sizeof(fees))
        return fail(err, ST_CORRUPT, "the journal has a sum that does not read");
    bytes_copy(&fees, payload);
    struct chain_of *chain = daemon_chain(daemon, fees.spent.chain_id);
    if (chain != NULL)
        account_signer_spent(chain->account, &fees);
    return ST_OK;
}

/* Records that are not about one channel. */
static enum status (*const readers[])(struct daemon *daemon, bytes payload, struct err *err) = {
    [RECORD_ENTRY] = read_entry,         [RECORD_BLOCK] = read_block,
    [RECORD_PASSAGE] = read_passage,     [RECORD_BILL] = read_bill,
    [RECORD_BILL_PAID] = read_bill_paid, [RECORD_PAYMENT] = read_payment,
    [RECORD_PART] = read_part,           [RECORD_SHOWN] = read_shown,
    [RECORD_PUBLIC] = read_public,       [RECORD_PEER] = read_peer_place,
    [RECORD_JOINED] = anew_read_joined,  [RECORD_PAID] = anew_read_paid,
    [RECORD_ANEW] = anew_read_end,       [RECORD_FAILED] = read_failed,
    [RECORD_TIME] = read_time,           [RECORD_OFFER] = read_nothing,
    [RECORD_INSTEAD] = read_instead,     [RECORD_SPENT] = read_spent,
    [RECORD_FEES] = read_fees,           [RECORD_FOUND] = read_found,
    [RECORD_TEXT] = read_text,
};

enum status record_replay(void *self, u8 kind, bytes payload, struct err *err)
{
    struct daemon *daemon = self;
    u32 index;
    if (kind < countof(readers) && readers[kind] != NULL)
        return readers[kind](daemon, payload, err);
    if ((kind >= RECORD_APP && kind <= RECORD_APP_HEARD) || kind == RECORD_APPS_OVER)
        return apps_replay(daemon, (enum record)kind, payload, err);
    if (payload.size < sizeof(index))
        return fail(err, ST_CORRUPT, "the journal has a short record");
    bytes_copy(&index, bytes_slice(payload, 0, sizeof(index)));
    if (index >= daemon->entry_count)
        return fail(err, ST_CORRUPT, "the journal names channel %u, which it has not", index);
    return replay_of(daemon->entries[index], kind,
                     bytes_slice(payload, sizeof(index), payload.size), err);
}
