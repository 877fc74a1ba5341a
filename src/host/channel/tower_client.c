/* A daemon and its watchtower: the tower has a channel's newest state before more than a little
 * rests on it (R1 of tests/model).
 *
 *     update of the peer's ──> relied on: more ──> TOWER_PUT ──> TOWER_RECEIPT ──> covered
 *
 * One blob of a channel is under way at a time, so they come as fast as the tower takes them. What
 * the peer paid, locked or let go of since the one that has a receipt is at risk: a cheat that
 * waits until we are away could take it back. While that is more than the options allow, no update
 * of ours acknowledges more: the peer waits, and payments of ours with it.
 *
 * A blob's sequence says how much it proves, by itself: so it needs no place in the journal. A
 * tower that has a higher one knows a later state of the channel than the journal does, which is
 * then an old copy, and all its channels have to recover (restoring.c).
 *
 * Of apps it gets blobs too (apps_tower.c), which are answered like those of channels. */
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"

#include "channel/tower_note.h"
#include "sys/log.h"

enum { EPOCH_SHIFT = 32, USUAL_SHARE = 100, MOST_UNDERWAY = 1024 };

/* --- Lists. */

static void append(struct tower_list *list, struct entry *entry)
{
    entry->tower.next = NULL;
    if (list->last == NULL)
        list->first = entry;
    else
        list->last->tower.next = entry;
    list->last = entry;
    list->count++;
}

/* `before` comes before it; NULL: it is the first. */
static void take_out(struct tower_list *list, struct entry *entry, struct entry *before)
{
    if (before == NULL)
        list->first = entry->tower.next;
    else
        before->tower.next = entry->tower.next;
    if (list->last == entry)
        list->last = before;
    list->count--;
    entry->tower.state = TOWER_IDLE;
    entry_touch(entry);
}

/* --- Which tower. */

enum status tower_choose(struct daemon *daemon, struct err *err)
{
    const struct daemon_options *options = &daemon->options;
    struct node_name name;
    if (options->tower == NULL)
        return ST_OK;
    TRY(node_name_read((bytes){(const u8 *)options->tower, strlen(options->tower)}, &name, err));
    if (name.host.size == 0)
        return fail(err, ST_INVALID, "the tower's address is missing: KEY@HOST:PORT");
    point33 own = keyring_node(daemon->ring);
    if (memcmp(name.node.b, own.b, sizeof(own)) == 0 ||
        point_address(&name.node, &daemon->tower_signer) != ST_OK)
        return fail(err, ST_INVALID, "that is no tower's key");
    daemon->tower = peer_get(daemon, &name.node);
    (void)peer_at(daemon->tower, name.host, name.port);
    return ST_OK;
}

/* --- What it has. */

/* More with each state that beats the one before; 0: nothing is signed that needs a tower. */
static u64 sequence_of(const struct entry *entry)
{
    struct channel_progress progress = channel_progress(entry->channel);
    return (progress.epoch << EPOCH_SHIFT) + progress.received_seq + progress.acked_seq;
}

u128 tower_allowed_risk(const struct entry *entry)
{
    const struct daemon_options *options = &entry->daemon->options;
    u128 deposited[2], withdrawn[2];
    if (options->has_tower_risk)
        return options->tower_risk;
    channel_seen(entry->channel, deposited, withdrawn);
    return (deposited[0] + deposited[1]) / USUAL_SHARE;
}

u128 tower_unguarded(const struct entry *entry)
{
    return channel_relied(entry->channel) - entry->tower.covered;
}

bool tower_allows(struct entry *entry)
{
    struct tower_progress *at = &entry->tower;
    if (entry->daemon->tower == NULL)
        return true;
    bool allows = !at->is_ahead && tower_unguarded(entry) <= tower_allowed_risk(entry);
    if (!allows && !at->holds)
        log_debug("channel", "updates wait for the tower",
                  LOG_HEX("channel", channel_name(entry->channel)->id));
    at->holds = !allows;
    return allows;
}

/* --- To the tower. */

static void put(struct entry *entry, u64 sequence, bytes blob)
{
    struct tower_progress *at = &entry->tower;
    struct wire_message message = {.type = WIRE_TOWER_PUT};
    message.tower_put = (struct wire_tower_put){
        .hint = at->hint,
        .sequence = sequence,
        .blob = blob,
    };
    at->put_sequence = sequence;
    at->put_relied = channel_relied(entry->channel);
    at->digest = tower_receipt_digest(at->hint, sequence, blob);
    at->state = TOWER_UNDERWAY;
    append(&entry->daemon->tower_underway, entry);
    daemon_say(entry->daemon->tower, &message);
}

/* For ourselves, if nothing is left of us but the account's key. */
static void seal_note(const struct entry *entry, const point33 *node,
                      u8 out[static TOWER_NOTE_SIZE])
{
    secret32 key = keyring_note_key(entry->daemon->ring);
    struct tower_note note = {
        .salt = channel_terms(entry->channel)->salt,
        .key = entry->key,
        .side = channel_side(entry->channel),
        .node = entry->peer->node,
        .port = entry->peer->port,
    };
    static_assert(sizeof(note.host) == sizeof(entry->peer->host), "a host is copied whole");
    memcpy(note.host, entry->peer->host, sizeof(note.host));
    tower_note_seal(&key, node, &note, out);
    secret_wipe(&key);
    secret_wipe(&note.salt);
}

/* Locks that apps decide, as many as fit. */
static void list_stakes(const struct entry *entry, struct tower_stakes *out)
{
    out->count = 0;
    for (u32 side = 0; side < 2 && entry->daemon->sessions_open != 0; side++) {
        const struct locks *locks = channel_locks(entry->channel, side);
        for (u32 slot = 0; slot < locks_end(locks) && out->count < TOWER_STAKES; slot++) {
            struct lock lock = locks_get(locks, slot);
            if (lock.amount != 0 && lock.kind != LOCK_OF_SECRET)
                out->of[out->count++] = (struct tower_stake){
                    (u8)side, (u8)lock.kind, (u16)slot, lock.expiry_s, lock.amount, lock.key};
        }
    }
}

/* Once for each channel and run. */
static enum status sign_claim(struct entry *entry, signature64 *out)
{
    static const signature64 none;
    signature64 *claim = &entry->tower.claim;
    struct sign_request request = {
        .terms = channel_terms(entry->channel),
        .name = channel_name(entry->channel),
        .side = channel_side(entry->channel),
        .key = entry->key,
        .kind = SIGN_TOWER,
    };
    struct err err;
    enum status st = ST_OK;
    if (memcmp(claim, &none, sizeof(none)) == 0)
        st = signer_sign(entry->daemon->keys, &request, claim, &err);
    if (st != ST_OK)
        log_error("channel", "the signer refuses", LOG_TEXT("why", err.text));
    *out = *claim;
    return st;
}

void tower_step(struct entry *entry)
{
    struct peer *tower = entry->daemon->tower;
    struct tower_progress *at = &entry->tower;
    u8 sealed[TOWER_PUT_SIZE];
    struct tower_blob blob;
    point33 node = keyring_node(entry->daemon->ring);
    if (tower == NULL || !tower->greeted || at->state != TOWER_IDLE || at->is_ahead)
        return;
    u64 sequence = entry->stage == STAGE_CLOSED ? UINT64_MAX : sequence_of(entry);
    if (sequence == at->put_sequence)
        return;
    if (entry->daemon->tower_underway.count == MOST_UNDERWAY) {
        at->state = TOWER_WAITING;
        append(&entry->daemon->tower_waiting, entry);
        return;
    }
    at->hint = tower_hint(channel_terms(entry->channel)->salt, &node);
    if (entry->stage == STAGE_CLOSED) {
        put(entry, sequence, BYTES_EMPTY);
        return;
    }
    if (ending_states(entry, &blob.states) != ST_OK || sign_claim(entry, &blob.claim) != ST_OK)
        return;
    blob.terms = *channel_terms(entry->channel);
    blob.side = (u8)channel_side(entry->channel);
    list_stakes(entry, &blob.stakes);
    tower_blob_seal(&node, &blob, sealed);
    secret_wipe(&blob.terms.salt);
    seal_note(entry, &node, sealed + TOWER_BLOB_SIZE);
    put(entry, sequence, BYTES_OF(sealed));
}

/* What the tower has of each channel is not known until it has said so. */
void tower_met(struct daemon *daemon)
{
    daemon->tower_underway = daemon->tower_waiting = (struct tower_list){0};
    for (u32 i = 0; i < daemon->entry_count; i++) {
        struct entry *entry = daemon->entries[i];
        entry->tower.state = TOWER_IDLE;
        if (entry->stage == STAGE_CLOSED && entry->tower.put_sequence == 0)
            continue; /* over before this run */
        entry->tower.put_sequence = 0;
        entry_touch(entry);
    }
    apps_tower_met(daemon);
}

/* --- From the tower. */

/* The channel that it is about is not under way any more. NULL: there was none. Answers come nearly
 * in the order of the questions. */
static struct entry *answered(struct daemon *daemon, hint16 hint)
{
    struct tower_list *underway = &daemon->tower_underway, *waiting = &daemon->tower_waiting;
    struct entry *before = NULL, *entry = underway->first;
    while (entry != NULL && memcmp(entry->tower.hint.b, hint.b, sizeof(hint)) != 0) {
        before = entry;
        entry = entry->tower.next;
    }
    if (entry == NULL)
        return NULL;
    take_out(underway, entry, before);
    if (waiting->first != NULL)
        take_out(waiting, waiting->first, NULL);
    return entry;
}

static enum status check_tower(const struct peer *peer, struct err *err)
{
    return peer == peer->daemon->tower ? ST_OK
                                       : fail(err, ST_INVALID, "the sender is no tower of ours");
}

enum status tower_take_receipt(struct peer *peer, const struct wire_message *message,
                               struct err *err)
{
    const struct wire_tower_receipt *receipt = &message->tower_receipt;
    TRY(check_tower(peer, err));
    struct entry *entry = answered(peer->daemon, receipt->hint);
    if (entry == NULL)
        return apps_take_receipt(peer->daemon, receipt, err);
    if (entry->tower.put_sequence != receipt->sequence ||
        !signature_is_of(&receipt->signature, entry->tower.digest, peer->daemon->tower_signer))
        return fail(err, ST_INVALID, "the receipt is not of what was given to the tower");
    entry->tower.covered = entry->tower.put_relied;
    return ST_OK;
}

enum status tower_take_refusal(struct peer *peer, const struct wire_message *message,
                               struct err *err)
{
    const struct wire_tower_refuse *refusal = &message->tower_refuse;
    TRY(check_tower(peer, err));
    struct entry *entry = answered(peer->daemon, refusal->hint);
    if (entry == NULL)
        return apps_take_tower_refusal(peer->daemon, refusal, err);
    entry->tower.is_ahead = refusal->sequence > entry->tower.put_sequence;
    log_error("channel",
              entry->tower.is_ahead ? "the tower has a later state of a channel: this is an old "
                                      "copy of the journal"
                                    : "the tower refuses",
              LOG_HEX("channel", channel_name(entry->channel)->id),
              LOG_BYTES("text", refusal->text));
    if (entry->tower.is_ahead)
        restoring_begin(entry->daemon);
    return ST_OK;
}
