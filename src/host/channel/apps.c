#include "channel/apps.h"
#include "channel/daemon_locks.h"
#include "channel/daemon_records.h"
#include "channel/network.h"

#include "base/fmt.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

enum {
    MOST_DONE = 100, /* sessions that are told of yet */
    CLOCKS_S = 3600, /* by which the other may have seen a later block */
};

/* --- Life. */

struct session *session_find(const struct daemon *daemon, hash32 id)
{
    struct session *session = by_hash_get(&daemon->sessions_by_id, id);
    for (struct session *at = daemon->sessions; at != NULL && session == NULL; at = at->next)
        if (hash32_equal(at->id, id)) /* it has not begun */
            session = at;
    return session;
}

struct session *session_new(struct daemon *daemon, hash32 id)
{
    struct session *session = calloc(1, sizeof(*session));
    assert(session != NULL);
    session->id = id;
    session->daemon = daemon;
    session->next = daemon->sessions;
    daemon->sessions = session;
    daemon->sessions_open++;
    session_touch(session);
    return session;
}

/* The signer sees to it which states are signed. */
static enum status tell_signer(const struct session *session, struct err *err)
{
    const struct app *app = &session->app;
    struct signer_app known = {.id = session->id,
                               .domain = session->domain,
                               .player = app->player[session->role],
                               .stake = {app->stake[0], app->stake[1]},
                               .expiry_s = session->expiry_s,
                               .has_rules = session->game->has_rules};
    return signer_app_begin(session->daemon->keys, &known, err);
}

enum status session_begin(struct session *session, struct err *err)
{
    if (session->role != APP_OVER)
        TRY(tell_signer(session, err));
    session->stage = SESSION_LOCKING;
    by_hash_put(&session->daemon->sessions_by_id, session->id, session);
    if (!session->daemon->replaying)
        onchain_watch_app(session->chain->chain, session->id);
    session_touch(session);
    return ST_OK;
}

static u8 *copy_of(bytes from)
{
    u8 *out = malloc(from.size + 1);
    assert(out != NULL);
    bytes_copy(out, from);
    return out;
}

void state_clear(struct signed_state *state)
{
    free((void *)(uintptr_t)state->state.data.data);
    *state = (struct signed_state){.is_there = false};
}

void state_set(struct signed_state *to, const struct app_state *state)
{
    u8 *data = copy_of(state->data);
    state_clear(to);
    *to = (struct signed_state){.is_there = true, .state = *state};
    to->state.data.data = data;
}

void session_keep_moved(struct session *session)
{
    usize size = (session->moved_count + 1) * sizeof(session->moved[0]);
    if (!session->pending.is_there)
        return;
    session->moved = realloc(session->moved, size);
    assert(session->moved != NULL);
    session->moved[session->moved_count++] = session->pending;
    session->pending = (struct signed_state){.is_there = false};
}

/* The oldest come first. */
void session_forget_moved(struct session *session, u64 version)
{
    usize old = 0;
    while (old < session->moved_count && session->moved[old].state.version <= version)
        state_clear(&session->moved[old++]);
    session->moved_count -= old;
    if (old != 0)
        memmove(session->moved, session->moved + old,
                session->moved_count * sizeof(session->moved[0]));
}

const struct signed_state *session_signed(const struct session *session, u64 version)
{
    for (usize i = 0; i < session->moved_count; i++)
        if (session->moved[i].state.version == version)
            return &session->moved[i];
    if (session->pending.is_there && session->pending.state.version == version)
        return &session->pending;
    bool is_newest =
        session->newest.is_signed[session->role] && session->newest.state.version == version;
    return is_newest ? &session->newest : NULL;
}

bool session_waits(const struct session *session)
{
    return session->pending.is_there &&
           session->pending.state.version > session_base(session)->version;
}

static void free_session(struct session *session)
{
    session_forget_moved(session, UINT64_MAX);
    free(session->moved);
    state_clear(&session->newest);
    state_clear(&session->pending);
    state_clear(&session->heard);
    free((void *)(uintptr_t)session->court.state.data.data);
    free((void *)(uintptr_t)session->app.params.data);
    free((void *)(uintptr_t)session->data.data);
    free(session);
}

void apps_free(struct daemon *daemon)
{
    while (daemon->sessions != NULL) {
        struct session *next = daemon->sessions->next;
        free_session(daemon->sessions);
        daemon->sessions = next;
    }
    by_hash_free(&daemon->sessions_by_id);
    hub_free(daemon);
    pages_release(&daemon->pages);
}

struct arena session_arena(const struct session *session)
{
    return pages_arena(&session->daemon->pages);
}

/* --- Stages. */

static struct sign_payment spending_of(const struct session *session)
{
    return (struct sign_payment){
        .chain_id = session->chain->chain_id,
        .asset = session->asset,
        .hash = session->id,
        .kind = session->out.kind,
        .amount = session->out.stake,
        .count = 1,
        .now_s = network_now_s(),
    };
}

enum status session_allow(struct session *session, struct err *err)
{
    struct sign_payment spending = spending_of(session);
    struct sign_request request = {.kind = SIGN_PAYMENT, .payment = &spending};
    if (session->is_allowed || session->out.stake == 0)
        return ST_OK;
    TRY(signer_sign(session->daemon->keys, &request, NULL, err));
    session->is_allowed = true;
    return ST_OK;
}

static void release(struct session *session)
{
    struct sign_payment spending = spending_of(session);
    if (session->is_allowed)
        signer_release(session->daemon->keys, &spending, 0);
    session->is_allowed = false;
}

static void leave(struct session *session)
{
    release(session);
    signer_app_end(session->daemon->keys, session->id);
    session->daemon->sessions_open--;
    if (session->peer != NULL)
        session->peer->sessions--;
    if (session->hub != NULL)
        session->hub->sessions--;
    if (session->stage >= SESSION_LOCKING && !session->daemon->replaying)
        onchain_forget_app(session->chain->chain, session->id);
}

void session_set_stage(struct session *session, enum session_stage stage)
{
    assert(session->stage >= SESSION_LOCKING);
    if (session->stage == SESSION_DONE || session->stage == stage)
        return;
    if (stage == SESSION_DONE)
        leave(session);
    session->stage = stage;
    session->waits_since_s = 0;
    if (session->daemon->replaying)
        return;
    record_app_stage(session);
    session_touch(session);
}

void session_drop(struct session *session, const char *why)
{
    assert(session->stage < SESSION_LOCKING);
    fmt(session->why, sizeof(session->why), "%s", why);
    leave(session);
    session->stage = SESSION_DONE;
    session_touch(session);
}

void session_sue(struct session *session)
{
    if (session->sues || session->role == APP_OVER)
        return;
    log_warn("channel", "the court of apps is asked", LOG_HEX("app", session->id));
    session->sues = true;
    record_app_stage(session);
    session_touch(session);
}

void apps_freeze(struct entry *entry)
{
    for (struct session *at = entry->daemon->sessions; at != NULL; at = at->next)
        at->is_frozen |= at->out.entry == entry || at->in.entry == entry;
}

/* --- Facts. */

bool leg_speaks(const struct leg *leg)
{
    const struct entry *entry = leg->entry;
    return entry != NULL && entry->stage < STAGE_CLOSING && !channel_is_lost(entry->channel);
}

/* Over a hub the lock may come by any channel, and a channel may hold any token, on any chain. */
static bool is_in_money_of(const struct session *session, const struct entry *entry)
{
    return entry->chain == session->chain &&
           address_equal(channel_terms(entry->channel)->asset, session->asset);
}

static bool is_lock_of(const struct session *session, const struct leg *leg, struct lock lock)
{
    return lock.amount != 0 && lock.kind == leg->kind && hash32_equal(lock.key, session->id);
}

/* What the hub is paid is of the one lock that it has joined, in its slot until it ends: its payer
 * may make others with the same app, small ones, pay these and drop that. */
static bool is_joined_leg(const struct session *session, const struct leg *leg)
{
    return session->role == APP_OVER && leg == &session->in;
}

struct lock leg_lock(struct session *session, struct leg *leg, bool ours)
{
    static const struct lock none;
    if (leg->entry == NULL || leg->entry->stage == STAGE_CLOSED)
        return none;
    u32 own = channel_side(leg->entry->channel);
    const struct locks *locks = channel_locks(leg->entry->channel, ours ? own : 1 - own);
    struct lock lock = locks_get(locks, leg->slot);
    if (is_joined_leg(session, leg))
        return session->in_is_paid || session->in_is_gone || !is_lock_of(session, leg, lock) ? none
                                                                                             : lock;
    for (u32 slot = 0; slot < locks_end(locks) && !is_lock_of(session, leg, lock); slot++) {
        lock = locks_get(locks, slot);
        if (is_lock_of(session, leg, lock))
            leg->slot = slot;
    }
    return is_lock_of(session, leg, lock) ? lock : none;
}

u64 session_now_s(const struct session *session)
{
    return session->chain->time_s;
}

/* Two rounds, for showing and for the way to the chain, and one for each move that is left. */
u64 session_need_s(const struct session *session, const struct app_state *state)
{
    u64 rounds = 2 + session->game->moves_left(state);
    return rounds * session->app.time_s + session->daemon->options.margin_s;
}

const struct app_state *session_base(const struct session *session)
{
    const struct onchain_app *court = &session->court;
    bool is_ahead = session->court_is_known && court->has_state &&
                    court->look.version > session->newest.state.version;
    return is_ahead ? &court->state : &session->newest.state;
}

bool session_is_decided(const struct session *session)
{
    return session->court_is_known && session->court.look.decided_s != 0 &&
           session->court.look.decided_s <= session->expiry_s;
}

bool apps_is_decided(const struct daemon *daemon, const struct lock *lock)
{
    const struct session *session = session_find(daemon, lock->key);
    return session != NULL && session->court_is_known && session->court.look.decided_s != 0 &&
           session->court.look.decided_s <= lock->expiry_s;
}

/* --- Steps. */

void session_touch(struct session *session)
{
    session->is_due = true;
    session->daemon->apps_are_due = true;
    daemon_touch(session->daemon);
}

static void step(struct session *session)
{
    if (session_now_s(session) == 0) /* no block was seen yet: nobody knows what is late */
        return;
    if (session->role == APP_OVER) {
        hub_step(session);
        return;
    }
    switch (session->stage) {
    case SESSION_OFFERED:
    case SESSION_ASKED:
        if (session_now_s(session) + session_need_s(session, &session->newest.state) >
            session->expiry_s)
            session_drop(session, "nobody accepted it in time");
        else if (session->expiry_s > session_now_s(session) + LONGEST_LOCK_S + CLOCKS_S)
            session_refuse(session, "it takes too long");
        return;
    case SESSION_LOCKING:
        session_make_lock(session);
        break;
    case SESSION_LIVE:
        session_play(session);
        break;
    case SESSION_ENDING:
        session_settle(session);
        break;
    case SESSION_DONE:
        return;
    }
    if (session->written > session->daemon->durable)
        session_touch(session); /* first the journal has it, then the court */
    else
        session_court(session);
}

/* What strangers offered, and nobody accepted, takes no memory; what is over, only for a while. */
static void sweep(struct daemon *daemon)
{
    usize done = 0;
    for (struct session **at = &daemon->sessions; *at != NULL;) {
        struct session *session = *at;
        bool is_done = session->stage == SESSION_DONE;
        bool is_strangers = session->why[0] != 0 && session->role == APP_SECOND;
        bool is_told =
            session->guard.is_underway && daemon->tower->greeted; /* soon, that it is over */
        if (!is_done || is_told || (!is_strangers && ++done <= MOST_DONE)) {
            at = &session->next;
            continue;
        }
        *at = session->next;
        by_hash_drop(&daemon->sessions_by_id, session->id);
        free_session(session);
    }
}

void apps_turn(struct daemon *daemon)
{
    if (!daemon->apps_are_due)
        return;
    daemon->apps_are_due = false;
    for (struct session *at = daemon->sessions; at != NULL; at = at->next) {
        bool is_due = at->is_due;
        at->is_due = false;
        if (is_due)
            step(at);
        if (is_due)
            session_guard(at);
    }
    sweep(daemon);
}

void apps_touch(struct entry *entry)
{
    if (entry->daemon->sessions_open == 0)
        return;
    for (struct session *at = entry->daemon->sessions; at != NULL; at = at->next)
        if (at->stage != SESSION_DONE && (at->out.entry == entry || at->in.entry == entry))
            session_touch(at);
}

void apps_block(struct chain_of *chain)
{
    for (struct session *at = chain->daemon->sessions; at != NULL; at = at->next)
        if (at->stage != SESSION_DONE && at->chain == chain)
            session_touch(at);
}

void apps_tick(struct daemon *daemon, u64 now_ms)
{
    for (struct session *at = daemon->sessions; at != NULL; at = at->next)
        if (at->errand.retry_ms != 0 && now_ms >= at->errand.retry_ms) {
            at->errand.retry_ms = 0;
            session_touch(at);
        }
}

void apps_view(struct chain_of *chain, hash32 id, const struct onchain_app *app)
{
    struct session *session = session_find(chain->daemon, id);
    if (session != NULL && session->chain == chain)
        session_court_sees(session, app);
}

void apps_errand_failed(struct chain_of *chain, hash32 key, const char *why)
{
    enum { RETRY_MS = 2000 };
    for (struct session *at = chain->daemon->sessions; at != NULL; at = at->next) {
        if (!hash32_equal(at->errand.key, key))
            continue;
        log_warn("channel", "a call of the court failed, and is tried again if it is still wanted",
                 LOG_HEX("app", at->id), LOG_TEXT("why", why));
        at->errand.failures++;
        at->errand.retry_ms = clock_now_ms() + RETRY_MS;
    }
}

/* --- Locks. */

/* `is_new`: it comes now, and not back from the journal. One of another amount or time than both
 * agreed on must not take the place of the right one. */
static void lock_in(struct entry *entry, u32 slot, bool is_new)
{
    struct lock lock =
        locks_get(channel_locks(entry->channel, 1 - channel_side(entry->channel)), slot);
    struct session *session = session_find(entry->daemon, lock.key);
    bool is_past = session == NULL || session->stage < SESSION_LOCKING ||
                   session->stage == SESSION_DONE || session->in.kind != lock.kind;
    if (lock.kind == LOCK_OF_SECRET)
        return; /* gone already */
    if (is_past) {
        hub_lock_in(entry, slot, &lock);
        return;
    }
    if (is_new && session->role != APP_OVER &&
        (lock.amount != session->in.stake || lock.expiry_s != session->expiry_s)) {
        lock_let_go(entry, slot);
        return;
    }
    if (session->in.entry == NULL && is_in_money_of(session, entry))
        session->in.entry = entry;
    if (session->in.entry != entry || (is_new && session->role == APP_OVER) ||
        (leg_lock(session, &session->in, false).amount != 0 && session->in.slot != slot))
        lock_let_go(entry, slot); /* one is enough */
    session_touch(session);
}

static void lock_ended(const struct entry *entry, const struct channel_event *event)
{
    struct session *session = session_find(entry->daemon, event->reference);
    bool is_paid = event->kind == EVENT_STAKE_PAID;
    if (session == NULL || session->in.kind != event->lock_kind ||
        (session->in.entry != entry && session->in.entry != NULL))
        return;
    if (session->role == APP_OVER &&
        (session->in.slot != event->slot || session->in_is_paid || session->in_is_gone))
        return;
    session->in_is_paid |= is_paid;
    session->in_is_gone |= !is_paid && session->role == APP_OVER;
}

void apps_event(struct entry *entry, const struct channel_event *event)
{
    switch (event->kind) {
    case EVENT_LOCK_IN:
    case EVENT_LOCK_WAITS:
        if (!entry->daemon->replaying)
            lock_in(entry, event->slot, event->kind == EVENT_LOCK_IN);
        break;
    case EVENT_STAKE_PAID:
    case EVENT_STAKE_GONE:
        lock_ended(entry, event);
        break;
    case EVENT_PAID_IN:
    case EVENT_PAID_OUT:
    case EVENT_SETTLED:
    case EVENT_FAILED:
    case EVENT_DROPPED:
        break;
    }
    apps_touch(entry);
}

/* The second of an app over a hub is not told before where its lock comes from. */
static void find_in(struct session *session)
{
    for (u32 i = 0; i < session->daemon->entry_count && session->in.entry == NULL; i++) {
        session->in.entry = session->daemon->entries[i];
        if (!is_in_money_of(session, session->in.entry) ||
            leg_lock(session, &session->in, false).amount == 0)
            session->in.entry = NULL;
    }
}

/* The stage may be in the journal's last batch, and the update with the lock lost. */
static bool lacks_lock(const struct session *session)
{
    const struct leg *out = &session->out;
    return session->stage == SESSION_LIVE && out->stake != 0 &&
           session->newest.state.version == 0 && !session->pending.is_there && out->entry != NULL &&
           !channel_stake_lives(out->entry->channel, session->id, out->kind);
}

void apps_resume(struct daemon *daemon)
{
    for (struct session *at = daemon->sessions; at != NULL; at = at->next) {
        if (at->stage == SESSION_DONE)
            continue;
        if (at->in.kind != LOCK_OF_SECRET)
            find_in(at);
        if (lacks_lock(at))
            at->stage = SESSION_LOCKING;
        onchain_watch_app(at->chain->chain, at->id);
        session_touch(at);
    }
}

/* --- The journal.
 *
 *     APP         role, channel of our lock, of the peer's (u32 each, NO_INDEX: none) ‖ the other
 *                 player's node ‖ with HAS_FEE in the role: what is for the hub (u128) ‖ APP_OFFER
 *                 as it travels
 *     APP_HUB     hub_replay's
 *     APP_STAGE   id ‖ stage ‖ flags: 1 the court is asked, 2 `in` is paid, 4 frozen, 8 the hub
 *                 has locked, 16 `in` is dropped ‖ when the court has decided, 0: not yet ‖ 0
 *                 (u64 each) ‖ what each keeps then (16 bytes)
 *     APP_SAID, APP_HEARD    APP_STATE as it travels
 *     APPS_OVER   expiry of those that are not listed (u64) ‖ struct app_over of each that is over
 */

enum { NO_INDEX = UINT32_MAX >> 1, HAS_FEE = 1 << 8, OVER_AT_ONCE = 512 /* in one record */ };

struct app_head {
    u32 role, out, in;
    point33 peer;
};

static u32 index_of(const struct entry *entry)
{
    return entry == NULL ? (u32)NO_INDEX : entry->index;
}

void session_written(struct session *session)
{
    session->written = session->daemon->batch;
}

void record_app(struct session *session)
{
    const struct peer *peer = session->peer;
    u8 room[WIRE_LIMIT];
    if (peer->host[0] != 0 && peer->channels == 0) /* else a channel has where it is */
        record_peer(peer);
    struct wire_message message = {.type = WIRE_APP_OFFER};
    struct app_head head;
    memset(&head, 0, sizeof(head));
    head.role = session->role | (session->out.fee != 0 ? (u32)HAS_FEE : 0);
    head.out = index_of(session->out.entry);
    head.in = index_of(session->in.entry);
    head.peer = peer->node;
    message.app_offer = session_offer(session);
    bytes fee = session->out.fee != 0 ? BYTES_OF(session->out.fee) : BYTES_EMPTY;
    bytes parts[] = {BYTES_OF(head), fee, {room, wire_encode(&message, room)}};
    wal_put(session->daemon->wal, RECORD_APP, parts, countof(parts));
    session_written(session);
}

struct app_staged {
    hash32 id;
    u64 stage, flags, decided_s, unused;
    u128 kept[2];
};

void record_app_stage(struct session *session)
{
    const struct court_look *look = &session->court.look;
    struct app_staged staged = {
        .id = session->id,
        .stage = session->stage,
        .flags = (u64)session->sues | (u64)session->in_is_paid << 1 | (u64)session->is_frozen << 2 |
                 (u64)session->is_joined << 3 | (u64)session->in_is_gone << 4,
        .decided_s = look->decided_s,
        .kept = {look->kept[0], look->kept[1]},
    };
    bytes payload = BYTES_OF(staged);
    wal_put(session->daemon->wal, RECORD_APP_STAGE, &payload, 1);
    session_written(session);
}

void record_app_state(struct session *session, bool ours, const struct wire_message *message)
{
    u8 room[WIRE_LIMIT];
    bytes part = {room, wire_encode(message, room)};
    wal_put(session->daemon->wal, ours ? RECORD_APP_SAID : RECORD_APP_HEARD, &part, 1);
    session_written(session);
}

static void record_over(struct daemon *daemon)
{
    const struct apps_over *over = signer_apps_over(daemon->keys);
    for (usize i = 0; i == 0 || i < over->count; i += OVER_AT_ONCE) {
        usize count = min_u64(over->count - i, OVER_AT_ONCE);
        bytes parts[] = {BYTES_OF(over->until_s),
                         {(const u8 *)&over->list[i], count * sizeof(over->list[0])}};
        wal_put(daemon->wal, RECORD_APPS_OVER, parts, countof(parts));
    }
}

/* All of them, for a journal that is written anew: those that are done too, as far as they are told
 * of. Of the others that are over only the signer's list is left, which would let none of them
 * begin: it comes last. */
void apps_record(struct daemon *daemon)
{
    for (struct session *at = daemon->sessions; at != NULL; at = at->next) {
        if (at->role == APP_OVER)
            record_app_hub(at);
        else
            record_app(at);
        if (at->role != APP_OVER)
            session_record_states(at);
        record_app_stage(at);
    }
    record_over(daemon);
}

static enum status read_over(struct daemon *daemon, bytes payload, struct err *err)
{
    struct app_over list[OVER_AT_ONCE];
    u64 until_s;
    usize count = (payload.size - sizeof(until_s)) / sizeof(list[0]);
    if (payload.size < sizeof(until_s) || count > OVER_AT_ONCE ||
        payload.size != sizeof(until_s) + count * sizeof(list[0]))
        return fail(err, ST_CORRUPT, "the journal has apps that are over, which do not read");
    bytes_copy(&until_s, bytes_slice(payload, 0, sizeof(until_s)));
    bytes_copy(list, bytes_slice(payload, sizeof(until_s), payload.size));
    signer_apps_add_over(daemon->keys, list, count, until_s);
    return ST_OK;
}

static enum status read_app(struct daemon *daemon, bytes payload, struct err *err)
{
    struct app_head head;
    struct wire_message message;
    u128 fee = 0;
    if (payload.size < sizeof(head) + sizeof(fee))
        return fail(err, ST_CORRUPT, "the journal has an app that is short");
    bytes_copy(&head, bytes_slice(payload, 0, sizeof(head)));
    payload = bytes_slice(payload, sizeof(head), payload.size);
    if ((head.role & HAS_FEE) != 0) {
        head.role &= ~(u32)HAS_FEE;
        bytes_copy(&fee, bytes_slice(payload, 0, sizeof(fee)));
        payload = bytes_slice(payload, sizeof(fee), payload.size);
    }
    if (wire_decode(payload, &message, err) != ST_OK || message.type != WIRE_APP_OFFER ||
        (head.role != APP_FIRST && head.role != APP_SECOND) ||
        (head.out != NO_INDEX && head.out >= daemon->entry_count) ||
        (head.in != NO_INDEX && head.in >= daemon->entry_count))
        return fail(err, ST_CORRUPT, "the journal has an app that does not read");
    u32 index = head.out != NO_INDEX ? head.out : head.in;
    struct session *session = session_of_offer(
        daemon, &message.app_offer, head.role == APP_FIRST, peer_get(daemon, &head.peer),
        index == NO_INDEX ? NULL : daemon->entries[index], err);
    if (session == NULL || session_begin(session, err) != ST_OK)
        return ST_CORRUPT;
    session_set_fee(session, fee);
    return ST_OK;
}

static enum status read_stage(struct daemon *daemon, bytes payload, struct err *err)
{
    struct app_staged said = {.stage = 0};
    usize least = offsetof(struct app_staged, decided_s);
    struct session *session = NULL;
    if (payload.size == sizeof(said) || payload.size == least) { /* as it was once */
        bytes_copy(&said, payload);
        session = session_find(daemon, said.id);
    }
    if (session == NULL || said.stage < SESSION_LOCKING || said.stage > SESSION_DONE)
        return fail(err, ST_CORRUPT, "the journal has a stage of an app that does not read");
    session->sues |= (said.flags & 1) != 0;
    session->in_is_paid |= (said.flags & 2) != 0;
    session->is_frozen |= (said.flags & 4) != 0;
    session->is_joined |= (said.flags & 8) != 0;
    session->in_is_gone |= (said.flags & 16) != 0;
    session_set_stage(session, (enum session_stage)said.stage);
    if (said.stage == SESSION_DONE) { /* the court is not asked any more */
        session->court.look =
            (struct court_look){.decided_s = said.decided_s, .kept = {said.kept[0], said.kept[1]}};
        session->court_is_known = said.decided_s != 0;
        sweep(daemon);
    }
    return ST_OK;
}

static enum status read_state(struct daemon *daemon, bool ours, bytes payload, struct err *err)
{
    struct wire_message message;
    struct session *session = NULL;
    if (wire_decode(payload, &message, err) == ST_OK && message.type == WIRE_APP_STATE)
        session = session_find(daemon, message.app_state.app);
    if (session == NULL || session->role == APP_OVER)
        return fail(err, ST_CORRUPT, "the journal has a state of an app that does not read");
    return session_replay_state(session, ours, &message.app_state, err);
}

enum status apps_replay(struct daemon *daemon, enum record kind, bytes payload, struct err *err)
{
    switch ((u32)kind) {
    case RECORD_APP:
        return read_app(daemon, payload, err);
    case RECORD_APP_HUB:
        return hub_replay(daemon, payload, err);
    case RECORD_APP_STAGE:
        return read_stage(daemon, payload, err);
    case RECORD_APPS_OVER:
        return read_over(daemon, payload, err);
    default:
        return read_state(daemon, kind == RECORD_APP_SAID, payload, err);
    }
}
