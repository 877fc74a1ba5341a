/* Locks that are joined for two others: a virtual channel, or a game over a hub.
 *
 *     first's lock ─> hub ─> the hub's lock, with the same app, kind, expiry and amount ─> second
 *
 * The hub passes on what it was paid and knows no state of the app. Whatever the two sign or the
 * court decides, it is paid as much as it pays; and it may be away for as long as it likes: what
 * nobody settled with it, the court has decided for both locks alike.
 *
 * For that it asks a fee, by the policy that it tells its peers: as for a payment, for each day.
 * The first's lock is larger by so much. The app's stake is not, so that what of a lock does not go
 * back to its payer has the fee in it, whether it is paid off chain or as the court decided. A lock
 * with less than the fee is given back; so is one that expires undecided, fee and all. */
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
    u128 amount;
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
    *wish = (struct app_wish_leg){daemon->wishes, said->app, peer->node, said->next, said->amount};
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
    u128 amount, fee; /* of the first's lock; in it */
};

/* `fee`: what is ours of the lock. */
static struct session *join(struct entry *in, u32 in_slot, struct entry *out,
                            const struct lock *lock, u128 fee)
{
    struct session *session = session_new(in->daemon, lock->key);
    session->role = APP_OVER;
    session->chain = in->chain;
    session->asset = channel_terms(in->channel)->asset;
    session->expiry_s = lock->expiry_s;
    session->in = (struct leg){
        .entry = in, .slot = in_slot, .kind = lock->kind, .stake = lock->amount, .fee = fee};
    session->out = (struct leg){.entry = out, .kind = lock->kind, .stake = lock->amount - fee};
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
    record.fee = session->in.fee;
    bytes payload = BYTES_OF(record);
    wal_put(session->daemon->wal, RECORD_APP_HUB, &payload, 1);
    session_written(session);
}

enum status hub_replay(struct daemon *daemon, bytes payload, struct err *err)
{
    struct hub_record record = {.in = 0};
    bool fits = payload.size == sizeof(record) ||
                payload.size == offsetof(struct hub_record, fee); /* which there was none of once */
    if (fits)
        bytes_copy(&record, payload);
    if (!fits || record.in >= daemon->entry_count || record.out >= daemon->entry_count ||
        record.in_slot >= LOCKS_MOST ||
        (record.kind != LOCK_OF_FIRST && record.kind != LOCK_OF_SECOND) ||
        record.fee >= record.amount)
        return fail(err, ST_CORRUPT, "the journal has a joined lock that does not read");
    struct lock lock = {.amount = record.amount,
                        .expiry_s = record.expiry_s,
                        .key = record.id,
                        .kind = (enum lock_kind)record.kind};
    (void)join(daemon->entries[record.in], record.in_slot, daemon->entries[record.out], &lock,
               record.fee);
    return ST_OK;
}

/* Whether the lock has enough for us. *fee: what it has. */
static bool is_paid_for(const struct daemon *daemon, const struct app_wish_leg *wish,
                        const struct lock *lock, u64 now_s, u128 *fee)
{
    const struct daemon_options *options = &daemon->options;
    *fee = lock->amount - wish->amount;
    return wish->amount != 0 && wish->amount <= lock->amount &&
           *fee >= app_join_fee(options->fee_base, options->fee_ppm, wish->amount,
                                lock->expiry_s - now_s);
}

/* A lock that nobody has told us of is given back, and so is one that cannot be joined. */
void hub_lock_in(struct entry *entry, u32 slot, const struct lock *lock)
{
    struct daemon *daemon = entry->daemon;
    struct app_wish_leg **at = find_wish(daemon, lock->key, &entry->peer->node), *wish = *at;
    u64 now_s = entry->chain->time_s;
    u128 fee = 0;
    bool is_wanted = wish != NULL && session_find(daemon, lock->key) == NULL && now_s != 0 &&
                     lock->expiry_s >= now_s + 2 * daemon->options.margin_s &&
                     lock->expiry_s <= now_s + LONGEST_LOCK_S &&
                     is_paid_for(daemon, wish, lock, now_s, &fee);
    struct entry *out = is_wanted ? choose_out(entry, &wish->to) : NULL;
    if (wish != NULL)
        *at = wish->next;
    free(wish);
    if (out == NULL)
        lock_let_go(entry, slot);
    else
        record_app_hub(join(entry, slot, out, lock, fee));
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
    session->is_joined = st == ST_OK;
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
