/* Channels after a restore from an old copy of the journal (recover.c has the rules).
 *
 * Either we are told so (--restored), or a peer proves it by what we have signed, or the watchtower
 * has something newer. Then all channels are lost, and each recovers as soon as its peer is there
 * and all is dead that we may have signed with a time on it since the copy: withdrawals, closes, a
 * forced close (R14). Until then they stand still; they can be closed by force. */
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"
#include "channel/daemon_records.h"

#include "channel/answer.h"
#include "channel/keyring.h"
#include "channel/tower_note.h"
#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

/* LIFE_S: of what is signed with a time, by the peer's clock perhaps; KEYS_SPARED: for channels
 * that the copy does not have. */
enum { LIFE_S = 2 * CHANNEL_WITHDRAW_LIFE_S, KEYS_SPARED = 1024 };

static void set_time(struct entry *entry)
{
    if (entry->chain->time_s != 0)
        entry->lost_until_s = entry->chain->time_s + LIFE_S;
}

/* No other place of this run says anything before it has heard REESTABLISH. */
static void lose(struct entry *entry)
{
    channel_lose(entry->channel);
    rejoin_begin(entry->daemon);
    entry->is_restored = true;
    apps_freeze(entry);
    entry->there = false;
    entry->lost_until_s = 0;
    set_time(entry);
    record_lost(entry);
    looks_add(entry);
    if (entry->here)
        restoring_ask(entry);
}

void restoring_begin(struct daemon *daemon)
{
    u32 spared = daemon->next_key + KEYS_SPARED;
    bool any = false;
    for (u32 i = 0; i < daemon->entry_count; i++)
        any |= daemon->entries[i]->stage == STAGE_OPEN &&
               !channel_is_lost(daemon->entries[i]->channel);
    if (!any)
        return;
    if (spared < KEYRING_LIMIT)
        daemon->next_key = spared;
    log_warn("channel", "the journal is an old copy: its channels have to recover");
    for (u32 i = 0; i < daemon->entry_count; i++)
        if (daemon->entries[i]->stage == STAGE_OPEN &&
            !channel_is_lost(daemon->entries[i]->channel))
            lose(daemon->entries[i]);
    daemon_touch(daemon);
}

/* --- Nothing is left but the account's key and a watchtower. */

static enum status open_kept(struct daemon *daemon, const struct daemon_kept *kept,
                             struct tower_note *note, struct tower_blob *blob, struct err *err)
{
    hint16 hint;
    point33 node = keyring_node(daemon->ring);
    secret32 key = keyring_note_key(daemon->ring);
    memcpy(hint.b, kept->hint, sizeof(hint));
    enum status st = tower_note_open(
        &key, &node, hint, (bytes){kept->blob + TOWER_BLOB_SIZE, TOWER_NOTE_SIZE}, note, err);
    secret_wipe(&key);
    TRY(st);
    TRY(tower_blob_open(note->salt, &node, (bytes){kept->blob, TOWER_BLOB_SIZE}, blob, err));
    if (!answer_is_signed(&blob->terms, &blob->states) ||
        !address_equal(signer_owner(daemon->keys, note->key), blob->terms.owner[note->side]))
        return fail(err, ST_INVALID, "the states are not signed as they have to be");
    return ST_OK;
}

static void make_known(struct entry *entry, const struct adjudicator_states *states)
{
    struct channel_proof proof;
    memset(&proof, 0, sizeof(proof)); /* it goes into the journal whole */
    proof.base = states->base.base;
    memcpy(proof.base_signature, states->base.signature, sizeof(proof.base_signature));
    for (u32 side = 0; side < 2; side++) {
        proof.half[side] = states->half[side].half;
        proof.half_signature[side] = states->half[side].payer;
    }
    channel_know(entry->channel, &proof);
    record_entry(entry);
    record_known(entry, &proof);
}

static enum status make_entry(struct daemon *daemon, const struct daemon_kept *kept,
                              struct err *err)
{
    struct tower_note note;
    struct tower_blob blob;
    struct err why;
    if (open_kept(daemon, kept, &note, &blob, &why) != ST_OK) {
        log_info("channel", "the watchtower has something that is of none of our channels",
                 LOG_TEXT("why", why.text)); /* an app's, or not ours */
        return ST_OK;
    }
    const struct channel_terms *terms = &blob.terms;
    struct chain_of *chain = daemon_chain(daemon, terms->chain_id);
    if (chain == NULL || !address_equal(chain->adjudicator, terms->adjudicator))
        return fail(err, ST_INVALID,
                    "there are channels on chain %lu: name it with --chain, with its adjudicator",
                    terms->chain_id);
    if (daemon_find(daemon, channel_name_of(terms).id) != NULL)
        return ST_OK;
    struct peer *peer = peer_get(daemon, &note.node);
    peer_at(peer, (bytes){(const u8 *)note.host, strlen(note.host)}, note.port);
    make_known(entry_new(daemon, terms, note.side, note.key, peer, chain, (hash32){{0}}),
               &blob.states);
    return ST_OK;
}

enum status restoring_from(struct daemon *daemon, const struct daemon_kept *kept, usize count,
                           struct err *err)
{
    if (daemon->entry_count != 0)
        return fail(err, ST_INVALID, "there is a journal with channels already");
    for (usize i = 0; i < count; i++)
        TRY(make_entry(daemon, &kept[i], err));
    for (u32 i = 0; i < daemon->entry_count; i++)
        if (daemon->entries[i]->key >= daemon->next_key)
            daemon->next_key = daemon->entries[i]->key + 1;
    if (daemon->next_key + KEYS_SPARED < KEYRING_LIMIT)
        daemon->next_key += KEYS_SPARED;
    for (usize i = 0; i < daemon->chain_count; i++) { /* what was before is looked at, not read */
        daemon->chains[i].since = daemon->chains[i].block;
        record_block(&daemon->chains[i]);
    }
    for (u32 i = 0; i < daemon->entry_count; i++)
        lose(daemon->entries[i]);
    return ST_OK;
}

/* --- The peer's turn. */

void restoring_ask(struct entry *entry)
{
    struct wire_message message = {.type = WIRE_LOST};
    message.lost.id = channel_name(entry->channel)->id;
    daemon_say(entry->peer, &message);
}

static void show(struct entry *entry)
{
    u8 *room = malloc(CHANNEL_SHOWN_LIMIT);
    assert(room != NULL);
    struct wire_message part = {.type = WIRE_RECOVER_LOCKS}, last = {.type = WIRE_RECOVER};
    last.recover = channel_show(entry->channel, room);
    while (channel_show_part(&last.recover, &part.recover_locks))
        daemon_say(entry->peer, &part);
    daemon_say(entry->peer, &last);
    free(room);
}

/* Two that are both lost have nothing to show that the other would rely on. Whoever asks again and
 * again gets one answer for each batch, as that may be a megabyte. */
enum status restoring_take_lost(struct entry *entry, const struct wire_message *message,
                                struct err *err)
{
    (void)message, (void)err;
    if (entry->stage != STAGE_OPEN || channel_is_lost(entry->channel) ||
        entry->shown_batch == entry->daemon->batch)
        return ST_OK;
    entry->shown_batch = entry->daemon->batch;
    channel_take_lost(entry->channel);
    entry->heard = false; /* what it said before is not what it knows */
    entry->there = false;
    show(entry);
    return ST_OK;
}

/* --- Locks that come in several messages. They wait for RECOVER, which is judged with all of them,
 * and so is written down with all of them: nothing of it before. A peer has one list under way;
 * there are as many as SHOWINGS, and then the oldest gives way, which an honest peer's, whose
 * messages come all at once, rarely is: its RECOVER is refused, and it is asked again. */

enum { SHOWINGS = 64 };

struct showing {
    struct showing *next; /* an older one */
    const struct peer *peer;
    hash32 id;
    u8 *data; /* CHANNEL_SHOWN_LIMIT bytes, of which the system gives those that are used */
    usize size;
};

static void drop_showing(struct showing **at)
{
    struct showing *showing = *at;
    *at = showing->next;
    free(showing->data);
    free(showing);
}

static struct showing **showing_of(struct daemon *daemon, const struct peer *peer)
{
    struct showing **at = &daemon->showings;
    while (*at != NULL && (*at)->peer != peer)
        at = &(*at)->next;
    return at;
}

void restoring_parted(struct peer *peer)
{
    struct showing **at = showing_of(peer->daemon, peer);
    if (*at != NULL)
        drop_showing(at);
}

void restoring_free(struct daemon *daemon)
{
    while (daemon->showings != NULL)
        drop_showing(&daemon->showings);
}

static struct showing *showing_begin(struct peer *peer, hash32 id)
{
    struct daemon *daemon = peer->daemon;
    struct showing **at = &daemon->showings;
    for (usize count = 1; *at != NULL && count < SHOWINGS; count++)
        at = &(*at)->next;
    while (*at != NULL)
        drop_showing(at);
    struct showing *showing = malloc(sizeof(*showing));
    assert(showing != NULL);
    *showing = (struct showing){daemon->showings, peer, id, malloc(CHANNEL_SHOWN_LIMIT), 0};
    assert(showing->data != NULL);
    daemon->showings = showing;
    return showing;
}

static enum status gather(struct entry *entry, bytes locks, struct err *err)
{
    hash32 id = channel_name(entry->channel)->id;
    struct showing *showing = *showing_of(entry->daemon, entry->peer);
    if (showing != NULL && !hash32_equal(showing->id, id)) {
        restoring_parted(entry->peer);
        showing = NULL;
    }
    if (showing == NULL)
        showing = showing_begin(entry->peer, id);
    if (locks.size > CHANNEL_SHOWN_LIMIT - showing->size)
        return fail(err, ST_INVALID, "the peer shows more locks than a channel has");
    bytes_copy(showing->data + showing->size, locks);
    showing->size += locks.size;
    return ST_OK;
}

enum status restoring_take_locks(struct entry *entry, const struct wire_message *message,
                                 struct err *err)
{
    if (entry->stage != STAGE_OPEN)
        return ST_OK;
    return gather(entry, message->recover_locks.locks, err);
}

/* --- Ours. */

/* What the peer has signed of ours before a connection was gone, it says with RECOVER. */
static void go_on(struct entry *entry)
{
    struct wire_message hello = {.type = WIRE_REESTABLISH};
    hello.reestablish = channel_hello(entry->channel);
    daemon_say(entry->peer, &hello);
    restoring_done(entry);
}

static enum status take_shown(struct entry *entry, const struct wire_recover *said, struct err *err)
{
    bool was_lost = channel_is_lost(entry->channel);
    TRY(channel_take_recover(entry->channel, said, err));
    record_recovered(entry, said);
    daemon_adopt(entry);
    daemon_adopt_locks(entry);
    forward_restored(entry);
    rejoin_begin(entry->daemon);
    entry->is_restored = true;
    rejoin_join(entry->daemon);
    if (!was_lost) {
        lose(entry);
        restoring_begin(entry->daemon);
    } else if (!channel_is_lost(entry->channel)) {
        go_on(entry);
    }
    return ST_OK;
}

enum status restoring_take(struct entry *entry, const struct wire_message *message, struct err *err)
{
    struct wire_recover said = message->recover;
    const struct showing *showing = *showing_of(entry->daemon, entry->peer);
    if (entry->stage != STAGE_OPEN)
        return ST_OK;
    if (showing != NULL && hash32_equal(showing->id, said.id)) {
        TRY(gather(entry, said.locks, err));
        said.locks = (bytes){showing->data, showing->size};
    }
    enum status st = take_shown(entry, &said, err);
    restoring_parted(entry->peer);
    return st;
}

enum status restoring_replay(struct entry *entry, const struct wire_recover *said, struct err *err)
{
    enum status st = channel_replay_recover(entry->channel, said, err);
    if (st == ST_OK)
        forward_restored(entry);
    return st == ST_OK ? ST_OK : ST_CORRUPT;
}

void restoring_done(struct entry *entry)
{
    log_info("channel", "a channel is restored",
             LOG_HEX("channel", channel_name(entry->channel)->id));
    entry->there = true;
    entry->lost_until_s = 0;
    entry->tower.is_ahead = false;
    channel_resume(entry->channel, &entry->daemon->events);
    rejoin_recovered(entry);
    entry_touch(entry);
    methods_wake(entry->daemon, channel_name(entry->channel)->id);
}

static void recover(struct entry *entry)
{
    struct wire_message message = {.type = WIRE_REBASE};
    struct err err;
    if (channel_recover(entry->channel, entry->chain->time_s, &entry->daemon->signer,
                        &message.rebase, &err) != ST_OK) {
        log_warn("channel", "a channel cannot recover yet",
                 LOG_HEX("channel", channel_name(entry->channel)->id), LOG_TEXT("why", err.text));
        return;
    }
    record_message(entry, RECORD_SENT, &message);
    daemon_say(entry->peer, &message);
}

bool restoring_look(struct entry *entry)
{
    const struct chain_of *chain = entry->chain;
    if (entry->stage != STAGE_OPEN || !channel_is_lost(entry->channel))
        return false;
    if (entry->lost_until_s == 0) {
        set_time(entry);
        record_lost(entry);
    }
    if (entry->here && chain->final_time_s > entry->lost_until_s &&
        channel_may_recover(entry->channel, chain->time_s))
        recover(entry);
    return true;
}
