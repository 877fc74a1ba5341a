/* Locks that are joined for two others: a virtual channel, or a game over a hub.
 *
 *     first's lock ─> hub ─> the hub's lock, with the same app, kind, expiry and amount ─> second
 *
 * The hub passes on what it was paid and knows no state of the app. Whatever the two sign or the
 * court decides, it is paid as much as it pays; and it may be away for as long as it likes: what
 * nobody settled with it, the court has decided for both locks alike. */
#include "channel/apps.h"
#include "channel/daemon_locks.h"
#include "channel/daemon_records.h"

#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

enum { MOST_WISHES = 64 };

/* For whom a lock that is to come is joined. */
struct app_wish_leg {
    struct app_wish_leg *next;
    hash32 app;
    point33 from, to;
};

void hub_free(struct daemon *daemon)
{
    while (daemon->wishes != NULL) {
        struct app_wish_leg *next = daemon->wishes->next;
        free(daemon->wishes);
        daemon->wishes = next;
    }
}

static struct app_wish_leg **find_wish(struct daemon *daemon, hash32 app, const point33 *from)
{
    struct app_wish_leg **at = &daemon->wishes;
    while (*at != NULL && (!hash32_equal((*at)->app, app) || !point_equal(&(*at)->from, from)))
        at = &(*at)->next;
    return at;
}

/* The oldest makes room: what it was for has not come. */
static void make_room(struct daemon *daemon)
{
    struct app_wish_leg **at = &daemon->wishes;
    usize count = 0;
    for (; *at != NULL; at = &(*at)->next)
        if (++count == MOST_WISHES) {
            assert((*at)->next == NULL);
            free(*at);
            *at = NULL;
            return;
        }
}

enum status apps_take_leg(struct peer *peer, const struct wire_message *message, struct err *err)
{
    struct daemon *daemon = peer->daemon;
    const struct wire_app_leg *said = &message->app_leg;
    (void)err;
    if (!daemon->options.joins || *find_wish(daemon, said->app, &peer->node) != NULL)
        return ST_OK;
    make_room(daemon);
    struct app_wish_leg *wish = calloc(1, sizeof(*wish));
    assert(wish != NULL);
    *wish = (struct app_wish_leg){daemon->wishes, said->app, peer->node, said->next};
    daemon->wishes = wish;
    return ST_OK;
}

/* --- The first's lock. */

static struct entry *choose_out(const struct entry *from, const point33 *to)
{
    const struct channel_terms *in = channel_terms(from->channel);
    struct entry *best = NULL;
    for (struct entry *at = peer_find(from->daemon, to); at != NULL; at = at->next_of_peer) {
        const struct channel_terms *terms = channel_terms(at->channel);
        if (at != from && at->stage == STAGE_OPEN && !at->ends && at->here && at->there &&
            terms->chain_id == in->chain_id && address_equal(terms->asset, in->asset) &&
            (best == NULL || channel_spendable(at->channel) > channel_spendable(best->channel)))
            best = at;
    }
    return best;
}

struct hub_record {
    u32 in, in_slot, out, kind;
    hash32 id;
    u64 expiry_s, unused;
    u128 amount;
};

static struct session *join(struct entry *in, u32 in_slot, struct entry *out,
                            const struct lock *lock)
{
    struct session *session = session_new(in->daemon, lock->key);
    session->role = APP_OVER;
    session->chain = in->chain;
    session->asset = channel_terms(in->channel)->asset;
    session->expiry_s = lock->expiry_s;
    session->in =
        (struct leg){.entry = in, .slot = in_slot, .kind = lock->kind, .stake = lock->amount};
    session->out = (struct leg){.entry = out, .kind = lock->kind, .stake = lock->amount};
    enum status st = session_begin(session, NULL);
    assert(st == ST_OK); /* the signer has nothing to do with it */
    return session;
}

void record_app_hub(struct session *session)
{
    struct hub_record record;
    memset(&record, 0, sizeof(record));
    record.in = session->in.entry->index;
    record.in_slot = session->in.slot;
    record.out = session->out.entry->index;
    record.kind = session->in.kind;
    record.id = session->id;
    record.expiry_s = session->expiry_s;
    record.amount = session->in.stake;
    bytes payload = BYTES_OF(record);
    wal_put(session->daemon->wal, RECORD_APP_HUB, &payload, 1);
    session_written(session);
}

enum status hub_replay(struct daemon *daemon, bytes payload, struct err *err)
{
    struct hub_record record;
    if (payload.size == sizeof(record))
        bytes_copy(&record, payload);
    if (payload.size != sizeof(record) || record.in >= daemon->entry_count ||
        record.out >= daemon->entry_count || record.in_slot >= LOCKS_MOST ||
        (record.kind != LOCK_OF_FIRST && record.kind != LOCK_OF_SECOND))
        return fail(err, ST_CORRUPT, "the journal has a joined lock that does not read");
    struct lock lock = {.amount = record.amount,
                        .expiry_s = record.expiry_s,
                        .key = record.id,
                        .kind = (enum lock_kind)record.kind};
    (void)join(daemon->entries[record.in], record.in_slot, daemon->entries[record.out], &lock);
    return ST_OK;
}

/* A lock that nobody has told us of is given back, and so is one that cannot be joined. */
void hub_lock_in(struct entry *entry, u32 slot, const struct lock *lock)
{
    struct daemon *daemon = entry->daemon;
    struct app_wish_leg **at = find_wish(daemon, lock->key, &entry->peer->node), *wish = *at;
    u64 now_s = entry->chain->time_s;
    struct entry *out = wish == NULL ? NULL : choose_out(entry, &wish->to);
    if (wish != NULL)
        *at = wish->next;
    free(wish);
    if (out == NULL || session_find(daemon, lock->key) != NULL || now_s == 0 ||
        lock->expiry_s < now_s + 2 * daemon->options.margin_s ||
        lock->expiry_s > now_s + LONGEST_LOCK_S) {
        lock_let_go(entry, slot);
        return;
    }
    record_app_hub(join(entry, slot, out, lock));
}

/* --- Ours. */

/* After a restart the other channel has to be there first. */
static void lock_out(struct session *session)
{
    struct err err;
    const struct entry *out = session->out.entry;
    bool is_late = session_now_s(session) + session->daemon->options.margin_s > session->expiry_s;
    bool can = leg_speaks(&session->out) && !out->ends && !is_late;
    struct item item = {.kind = ITEM_STAKE,
                        .lock = {.amount = session->out.stake,
                                 .expiry_s = session->expiry_s,
                                 .key = session->id,
                                 .kind = session->out.kind}};
    enum status st = ST_INVALID;
    if (can && !out->counted)
        return;
    if (can)
        st = channel_queue(session->out.entry->channel, &item, &session->out.slot, &err);
    if (st == ST_AGAIN)
        return;
    if (st == ST_OK)
        entry_touch(session->out.entry);
    session_set_stage(session, SESSION_ENDING);
}

void hub_step(struct session *session)
{
    if (session->stage == SESSION_LOCKING)
        lock_out(session);
    if (session->stage == SESSION_ENDING)
        session_settle(session);
}
