#include "channel/app.h"
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"
#include "channel/daemon_records.h"
#include "channel/messages.h"
#include "channel/stalled.h"
#include "channel/subscriptions.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

enum { TICK_MS = 250 };

/* --- Channels. */

struct entry *daemon_find(const struct daemon *daemon, hash32 id)
{
    return by_hash_get(&daemon->by_id, id);
}

/* The next place, or that of one which was forgotten for it. */
static u32 take_place(struct daemon *daemon)
{
    u32 place = daemon->free_place;
    daemon->free_place = (u32)NO_PLACE;
    return place == (u32)NO_PLACE ? daemon->entry_count++ : place;
}

void daemon_add_entry(struct daemon *daemon, struct entry *entry)
{
    if (daemon->entry_count == daemon->entry_room) {
        daemon->entry_room = daemon->entry_room == 0 ? 16 : 2 * daemon->entry_room;
        daemon->entries = realloc(daemon->entries, daemon->entry_room * sizeof(daemon->entries[0]));
        assert(daemon->entries != NULL);
    }
    entry->daemon = daemon;
    entry->index = take_place(daemon);
    daemon->entries[entry->index] = entry;
    place_begin(entry);
    channel_set_user(entry->channel, entry);
    by_hash_put(&daemon->by_id, channel_name(entry->channel)->id, entry);
}

struct chain_of *daemon_chain(struct daemon *daemon, u64 chain_id)
{
    for (usize i = 0; i < daemon->chain_count; i++)
        if (daemon->chains[i].chain_id == chain_id)
            return &daemon->chains[i];
    return NULL;
}

/* --- The outbox. */

void daemon_say(struct peer *peer, const struct wire_message *message)
{
    struct outbox *box = &peer->daemon->gathering;
    if (peer->link == NULL)
        return;
    if (box->byte_room - box->size < WIRE_LIMIT) {
        box->byte_room = 2 * box->byte_room + 2 * WIRE_LIMIT;
        box->bytes = realloc(box->bytes, box->byte_room);
        assert(box->bytes != NULL);
    }
    if (box->count == box->room) {
        box->room = box->room == 0 ? 64 : 2 * box->room;
        box->list = realloc(box->list, box->room * sizeof(box->list[0]));
        assert(box->list != NULL);
    }
    usize size = wire_encode(message, box->bytes + box->size);
    box->list[box->count++] = (struct outgoing){peer, peer->connection, box->size, size};
    box->size += size;
    daemon_touch(peer->daemon);
}

void daemon_after(struct entry *entry, void (*run)(struct entry *entry))
{
    struct outbox *box = &entry->daemon->gathering;
    if (box->deed_count == box->deed_room) {
        box->deed_room = box->deed_room == 0 ? 16 : 2 * box->deed_room;
        box->deeds = realloc(box->deeds, box->deed_room * sizeof(box->deeds[0]));
        assert(box->deeds != NULL);
    }
    box->deeds[box->deed_count++] = (struct deed){entry, run};
    daemon_touch(entry->daemon);
}

static void do_all(struct outbox *box)
{
    for (usize i = 0; i < box->deed_count; i++)
        box->deeds[i].run(box->deeds[i].entry);
    box->deed_count = 0;
}

/* What a connection did not take, it will ask for when it meets the peer again. */
static void send_all(struct outbox *box)
{
    for (usize i = 0; i < box->count; i++) {
        const struct outgoing *out = &box->list[i];
        struct peer *peer = out->peer;
        if (peer->link != NULL && peer->connection == out->connection)
            (void)link_send(peer->link, (bytes){box->bytes + out->at, out->size});
    }
    box->count = 0;
    box->size = 0;
}

static void outbox_free(struct outbox *box)
{
    free(box->list);
    free(box->bytes);
    free(box->deeds);
    free(box->news.data);
}

/* --- Events: what came of updates. What they cause stands behind them in the journal, and nothing
 * of it leaves before both are durable. */

static void take_event(struct daemon *daemon, const struct channel_event *event)
{
    struct entry *entry = channel_user(event->channel);
    switch (event->kind) {
    case EVENT_PAID_IN:
        entry->paid_in++;
        entry->sum_in += event->amount;
        break;
    case EVENT_PAID_OUT:
        entry->paid_out++;
        entry->sum_out += event->amount;
        methods_wake(daemon, event->reference);
        break;
    case EVENT_LOCK_IN:
    case EVENT_LOCK_WAITS:
    case EVENT_SETTLED:
    case EVENT_FAILED:
    case EVENT_DROPPED:
        if (event->lock_kind != LOCK_OF_SECRET)
            apps_event(entry, event);
        else if (daemon->replaying)
            forward_replay(entry, event);
        else
            forward_event(entry, event);
        break;
    case EVENT_STAKE_PAID:
    case EVENT_STAKE_GONE:
        apps_event(entry, event);
        break;
    }
}

void daemon_take_events(struct daemon *daemon, struct channel_events *events)
{
    for (usize i = 0; i < events->count; i++)
        take_event(daemon, &events->list[i]);
    events->count = 0;
}

/* --- Turns. */

void daemon_touch(struct daemon *daemon)
{
    if (daemon->turn_is_due || daemon->replaying)
        return;
    daemon->turn_is_due = true;
    loop_set_timer(daemon->loop, &daemon->turn, 0);
}

void entry_touch(struct entry *entry)
{
    struct daemon *daemon = entry->daemon;
    if (!entry->is_dirty) {
        entry->is_dirty = true;
        entry->next_dirty = daemon->dirty;
        daemon->dirty = entry;
    }
    looks_add(entry);
    daemon_touch(daemon);
}

/* Locks may have waited so long for this update that those that were to pay for them are over; they
 * fail, and the rest goes out. */
static void refused(struct entry *entry, const struct err *why)
{
    log_error("channel", "the signer refuses", LOG_TEXT("why", why->text),
              LOG_HEX("channel", channel_name(entry->channel)->id));
    if (channel_unqueue_locks(entry->channel, &entry->daemon->events))
        entry_touch(entry);
}

static void make_update(struct entry *entry)
{
    struct daemon *daemon = entry->daemon;
    struct wire_message message = {.type = WIRE_UPDATE};
    struct err err;
    if (channel_make_update(entry->channel, &daemon->signer, &message.update, &daemon->events,
                            &err) != ST_OK) {
        refused(entry, &err);
        return;
    }
    record_message(entry, RECORD_SENT, &message);
    chronicle_update(entry, true, &message.update);
    daemon_say(entry->peer, &message);
    entry->is_due = false;
    if (entry->answers != NULL)
        entry_touch(entry); /* there is room now */
}

/* An update is a signature here, a recovery there, and a batch of the journal's for each: one that
 * only says that locks' payments have come waits for the next with more in it, or a tick. */
static bool waits_for_more(struct entry *entry)
{
    struct daemon *daemon = entry->daemon;
    if (entry->is_due || entry->withdraws != 0 || !channel_ack_may_wait(entry->channel))
        return false;
    if (!entry->is_late) {
        entry->is_late = true;
        entry->next_late = daemon->late;
        daemon->late = entry;
    }
    return true;
}

static void touch_late(struct daemon *daemon)
{
    while (daemon->late != NULL) {
        struct entry *entry = daemon->late;
        daemon->late = entry->next_late;
        entry->is_late = false;
        entry->is_due = true;
        entry_touch(entry);
    }
}

static void step(struct entry *entry)
{
    tower_step(entry);
    if (!entry->here || !entry->there)
        return; /* touched again when they meet */
    if (entry->stage >= STAGE_FORCED)
        return; /* R9: nothing is signed any more */
    forward_answers(entry);
    if (entry->stage == STAGE_OPEN && channel_wants_update(entry->channel) && /* R11 */
        tower_allows(entry) && !waits_for_more(entry))
        make_update(entry);
    splice_step(entry);
    ending_step(entry);
}

static struct entry *take_dirty(struct daemon *daemon)
{
    struct entry *list = daemon->dirty;
    daemon->dirty = NULL;
    return list;
}

static void step_all(struct entry *list)
{
    while (list != NULL) {
        struct entry *entry = list;
        list = entry->next_dirty;
        entry->is_dirty = false;
        step(entry);
    }
}

/* Channels with new locks come first: what they acknowledge now is passed on in the updates of the
 * others, in the same batch. */
static void make_updates(struct daemon *daemon)
{
    struct entry *first = NULL;
    for (struct entry **at = &daemon->dirty; *at != NULL;) {
        struct entry *entry = *at;
        if (!channel_has_fresh_locks(entry->channel)) {
            at = &entry->next_dirty;
            continue;
        }
        *at = entry->next_dirty;
        entry->next_dirty = first;
        first = entry;
    }
    step_all(first);
    daemon_take_events(daemon, &daemon->events);
    step_all(take_dirty(daemon));
    daemon_take_events(daemon, &daemon->events);
}

static void answer_calls(struct timer *timer)
{
    struct daemon *daemon = (void *)((u8 *)timer - offsetof(struct daemon, answer));
    while (daemon->answers != NULL) {
        struct daemon_call *call = daemon->answers;
        daemon->answers = call->next;
        daemon_answer(call);
    }
    loop_drop_timer(timer);
}

/* Links write at the end of their turn, whose timer is set before this one: whoever hears of what
 * we have said may count on it that it has left, and stop us. */
static void answer_later(struct daemon *daemon, struct outbox *box)
{
    if (box->calls == NULL)
        return;
    while (box->calls != NULL) {
        struct daemon_call *call = box->calls;
        box->calls = call->next;
        call->next = daemon->answers;
        daemon->answers = call;
    }
    loop_set_timer(daemon->loop, &daemon->answer, 0);
}

static void let_go(struct daemon *daemon, struct outbox *box)
{
    daemon->durable = daemon->batch - 1;
    send_all(box);
    do_all(box);
    answer_later(daemon, box);
    subscriptions_let_go(daemon, box);
}

/* What nothing rests on waits for the next batch, or the next tick. */
static bool has_to_commit(const struct daemon *daemon)
{
    const struct outbox *box = &daemon->gathering;
    bool speaks =
        box->count != 0 || box->deed_count != 0 || box->calls != NULL || box->news.size != 0;
    return wal_is_due(daemon->wal) || (wal_has_more(daemon->wal) && (speaks || daemon->ticked));
}

/* While a batch is being written, the next one gathers. */
static void take_turn(struct daemon *daemon)
{
    if (!wal_is_idle(daemon->wal) || daemon->ending)
        return;
    daemon_take_events(daemon, &daemon->events);
    stalled_turn(daemon);
    payments_turn(daemon);
    apps_turn(daemon);
    methods_turn(daemon); /* last: it takes all the room that is left */
    make_updates(daemon);
    bool commits = has_to_commit(daemon);
    struct outbox empty = daemon->flying;
    daemon->flying = daemon->gathering;
    daemon->gathering = empty;
    daemon->batch++;
    daemon->ticked = false;
    if (commits)
        wal_commit(daemon->wal);
    else
        let_go(daemon, &daemon->flying);
}

static void turn_is_due(struct timer *timer)
{
    struct daemon *daemon = (void *)((u8 *)timer - offsetof(struct daemon, turn));
    daemon->turn_is_due = false;
    take_turn(daemon);
}

static void is_durable(void *self)
{
    struct daemon *daemon = self;
    let_go(daemon, &daemon->flying);
    daemon_touch(daemon);
}

static void batch_begins(void *self)
{
    record_time(self);
}

static void has_failed(void *self, const char *why)
{
    struct daemon *daemon = self;
    daemon->ending = true;
    daemon->has_failed = true;
    (void)fail(&daemon->failure, ST_IO, "%s", why);
    methods_close(daemon);
    loop_stop(daemon->loop);
}

static void ticked(struct timer *timer)
{
    struct daemon *daemon = (void *)((u8 *)timer - offsetof(struct daemon, tick));
    u64 now_ms = clock_now_ms();
    peers_tick(daemon, now_ms);
    openings_tick(daemon, now_ms);
    methods_tick(daemon, now_ms);
    methods_offer_tick(daemon, now_ms);
    errands_tick(daemon, now_ms);
    apps_tick(daemon, now_ms);
    network_tick(daemon, now_ms);
    subscriptions_tick(daemon);
    touch_late(daemon);
    anew_tick(daemon);
    for (usize i = 0; i < daemon->chain_count; i++)
        record_fees(&daemon->chains[i]);
    daemon->ticked = true;
    if (wal_has_more(daemon->wal))
        daemon_touch(daemon);
    loop_set_timer(daemon->loop, timer, now_ms + TICK_MS);
}

/* --- Chains. */

static void on_view(void *self, hash32 id, const struct onchain_view *view, bool final)
{
    struct chain_of *chain = self;
    struct entry *entry = daemon_find(chain->daemon, id);
    if (entry == NULL)
        return;
    looks_add(entry);
    if (final) {
        opening_seen(entry, view);
        ending_final(entry, view);
    } else {
        ending_view(entry, view);
    }
    daemon_touch(chain->daemon);
}

/* The first after a start may have come long ago, where blocks are made of transactions alone: its
 * clock is believed to be right. */
static void note_clock(struct chain_of *chain, u64 time_s)
{
    u64 now_s = network_now_s();
    if (time_s != chain->time_s)
        chain->came_s = chain->time_s == 0 ? min_u64(now_s, time_s) : now_s;
}

static void on_block(void *self, u64 number, u64 time_s, u64 final_number, u64 final_time_s)
{
    enum { OFTEN = 64 }; /* blocks that are looked at again after a restart, at most */
    struct chain_of *chain = self;
    bool is_first = chain->time_s == 0;
    note_clock(chain, time_s);
    chain->block = number;
    chain->time_s = time_s;
    chain->final_time_s = final_time_s;
    if (final_number + 1 >= chain->since + OFTEN) {
        chain->since = final_number + 1;
        record_block(chain);
        daemon_touch(chain->daemon);
    }
    if (is_first) {
        peers_begin(chain);
        rejoin_first_block(chain);
    }
    looks_block(chain);
    receive_tick(chain);
    apps_block(chain);
    daemon_touch(chain->daemon);
}

static void on_reached(void *self, bool is_reached)
{
    struct chain_of *chain = self;
    chain->lost_s = is_reached ? 0 : network_now_s();
}

static void on_app(void *self, hash32 id, const struct onchain_app *app)
{
    apps_view(self, id, app);
}

static void on_reveal(void *self, const struct onchain_reveal *reveal)
{
    forward_reveal(self, reveal);
}

static void on_outcome(void *self, hash32 key, bool succeeded, const char *why)
{
    errand_ended(self, key, succeeded, why);
}

static void on_stir(void *self, hash32 id)
{
    network_stirred(self, id);
}

static void on_searched(void *self, hash32 key)
{
    sought_answered(self, key);
}

static void on_funds(void *self, hash32 id, const u128 funds[2])
{
    network_funds(self, id, funds);
}

/* Each chain has a folder of its own. */
static enum status open_chain(struct daemon *daemon, usize index, struct chain_of *out,
                              struct err *err)
{
    const struct daemon_chain *from = &daemon->options.chains[index];
    char folder[4096];
    if (fmt(folder, sizeof(folder), "%s/chain-%zu", daemon->options.folder, index) >=
        sizeof(folder))
        return fail(err, ST_INVALID, "path too long: %s", daemon->options.folder);
    out->daemon = daemon;
    out->account = account_signer_new(&daemon->options.signer, daemon->options.limits);
    struct onchain_options options = {
        .url = from->url,
        .adjudicator = from->adjudicator,
        .folder = folder,
        .signer = signer_of_account(out->account),
        .confirmations = from->confirmations,
        .poll_ms = from->poll_ms,
        .loop = daemon->loop,
        .listener = {.self = out,
                     .view = on_view,
                     .app = on_app,
                     .reached = on_reached,
                     .block = on_block,
                     .revealed = on_reveal,
                     .outcome = on_outcome,
                     .stirred = on_stir,
                     .funds = on_funds,
                     .searched = on_searched},
    };
    enum status st = onchain_open(&options, &out->chain, err);
    if (st != ST_OK) {
        account_signer_free(out->account);
        return st;
    }
    out->chain_id = onchain_chain_id(out->chain);
    out->adjudicator = onchain_adjudicator(out->chain);
    account_signer_bind(out->account, out->chain_id, out->adjudicator, onchain_registry(out->chain),
                        onchain_court(out->chain));
    out->block = onchain_first_block(out->chain);
    return ST_OK;
}

/* --- Life. */

static enum status open_wal(struct daemon *daemon, struct err *err)
{
    char path[4096];
    if (fmt(path, sizeof(path), "%s/channels.log", daemon->options.folder) >= sizeof(path))
        return fail(err, ST_INVALID, "path too long: %s", daemon->options.folder);
    struct wal_options options = {
        .files = daemon->options.files,
        .path = path,
        .loop = daemon->loop,
        .patience_us = daemon->options.patience_us,
        .self = daemon,
        .replay = record_replay,
        .durable = is_durable,
        .begins = batch_begins,
        .failed = has_failed,
    };
    char shelf[4096];
    if (fmt(shelf, sizeof(shelf), "%s/channels.past", daemon->options.folder) >= sizeof(shelf))
        return fail(err, ST_INVALID, "path too long: %s", daemon->options.folder);
    TRY(shelf_open(shelf, &daemon->shelf, err));
    TRY(history_new(daemon->shelf, HISTORY_USUAL_MOST, &daemon->history, err));
    daemon->replaying = true;
    enum status st = wal_open(&options, &daemon->wal, err);
    daemon->replaying = false;
    return st;
}

/* The signer learns where each channel is. */
void daemon_adopt(struct entry *entry)
{
    struct channel_newest newest = channel_newest(entry->channel);
    u32 peer = 1 - channel_side(entry->channel);
    signer_adopt(entry->daemon->keys, entry->key, &newest, channel_locks(entry->channel, peer));
}

void daemon_adopt_locks(struct entry *entry)
{
    u32 side = channel_side(entry->channel);
    signer_adopt_locks(entry->daemon->keys, entry->key, channel_locks(entry->channel, side));
}

static void adopt_all(struct daemon *daemon)
{
    static void (*const steps[])(struct entry * entry) = {daemon_adopt, daemon_adopt_locks};
    for (usize step = 0; step < countof(steps); step++)
        for (u32 i = 0; i < daemon->entry_count; i++)
            if (daemon->entries[i]->stage != STAGE_CLOSED)
                steps[step](daemon->entries[i]);
}

/* Nothing is known of their chains yet but what the journal has. */
static void resume_entries(struct daemon *daemon)
{
    for (u32 i = 0; i < daemon->entry_count; i++) {
        struct entry *entry = daemon->entries[i];
        forward_resume(entry);
        if (entry->stage == STAGE_CLOSED)
            continue;
        channel_resume(entry->channel, &daemon->events);
        onchain_watch(entry->chain->chain, channel_terms(entry->channel), entry->chain->since);
        /* What happened before has no news. */
        if (entry->stage != STAGE_OPEN || channel_is_lost(entry->channel))
            onchain_look(entry->chain->chain, channel_name(entry->channel)->id);
        daemon_after(entry, opening_fund);
        daemon_after(entry, ending_resume);
        daemon_after(entry, splice_resume);
    }
    rejoin_resume(daemon);
    payments_resume(daemon);
    apps_resume(daemon);
}

static enum status begin(struct daemon *daemon, struct err *err)
{
    const struct daemon_options *options = &daemon->options;
    TRY(pages_reserve(app_room(), &daemon->pages, err));
    daemon->chains = calloc(options->chain_count + 1, sizeof(daemon->chains[0]));
    assert(daemon->chains != NULL);
    for (usize i = 0; i < options->chain_count; i++) {
        TRY(open_chain(daemon, i, &daemon->chains[i], err));
        daemon->chain_count++;
    }
    TRY(open_wal(daemon, err));
    for (usize i = 0; i < daemon->chain_count; i++) {
        struct chain_of *chain = &daemon->chains[i];
        chain->opened = chain->since == 0 ? chain->block : chain->since;
    }
    TRY(tower_choose(daemon, err));
    struct links_options links = links_defaults(daemon->loop, keyring_node_secret(daemon->ring));
    links.addr = options->addr;
    links.port = options->port;
    links.spares = peers_spare;
    struct link_events events = peers_events(daemon);
    TRY(links_new(&links, &events, &daemon->links, err));
    daemon->network = network_new(daemon);
    if (options->kept != NULL)
        TRY(restoring_from(daemon, options->kept, options->kept_count, err));
    if (options->is_restored)
        restoring_begin(daemon);
    adopt_all(daemon);
    resume_entries(daemon);
    for (usize i = 0; i < daemon->chain_count; i++)
        TRY(onchain_begin(daemon->chains[i].chain, err));
    ticked(&daemon->tick);
    daemon_touch(daemon);
    return ST_OK;
}

enum status daemon_open(const struct daemon_options *options, struct daemon **out, struct err *err)
{
    struct daemon *daemon = calloc(1, sizeof(*daemon));
    assert(daemon != NULL);
    daemon->options = *options;
    daemon->free_place = (u32)NO_PLACE;
    if (options->alias == NULL)
        daemon->options.alias = "";
    daemon->loop = options->loop;
    daemon->turn.due = turn_is_due;
    daemon->answer.due = answer_calls;
    daemon->batch = 1;
    methods_open(daemon);
    daemon->subscriptions = subscriptions_new();
    daemon->call_room = malloc(CALL_ROOM);
    assert(daemon->call_room != NULL);
    daemon->tick.due = ticked;
    daemon->ring = keyring_new(options->account);
    struct signer_options signer = {
        .ring = daemon->ring,
        .limits = options->limits,
        .swaps = options->swaps,
        .self = daemon,
        .keep = record_spent,
    };
    daemon->keys = signer_new(&signer);
    daemon->signer = signer_of_channels(daemon->keys);
    enum status st = begin(daemon, err);
    if (st != ST_OK) {
        daemon_close(daemon);
        return st;
    }
    *out = daemon;
    return ST_OK;
}

static void free_peers(struct peer *peer)
{
    while (peer != NULL) {
        struct peer *next = peer->next;
        free(peer);
        peer = next;
    }
}

void daemon_end(struct daemon *daemon)
{
    daemon->ending = true;
    answer_calls(&daemon->answer);
    methods_end(daemon);
    openings_end(daemon);
}

void daemon_forget(struct daemon *daemon)
{
    for (usize i = 0; i < daemon->chain_count; i++) {
        account_signer_free(daemon->chains[i].account);
        shown_free(&daemon->chains[i]);
        reveals_free(&daemon->chains[i]);
        public_free(&daemon->chains[i]);
        sought_free(&daemon->chains[i]);
    }
    for (u32 i = 0; i < daemon->entry_count; i++) {
        passages_free(daemon->entries[i]);
        answers_free(daemon->entries[i]);
        unlock_free(daemon->entries[i]);
        channel_free(daemon->entries[i]->channel);
        free(daemon->entries[i]);
    }
    restoring_free(daemon);
    rejoin_free(daemon);
    payments_free(daemon);
    apps_free(daemon);
    bills_free(daemon);
    free_peers(daemon->peers);
    channel_events_free(&daemon->events);
    outbox_free(&daemon->gathering);
    outbox_free(&daemon->flying);
    subscriptions_free(daemon->subscriptions);
    signer_free(daemon->keys);
    free(daemon->entries);
    stalled_free(daemon);
    by_hash_free(&daemon->by_id);
    by_hash_free(&daemon->passages);
    holders_free(daemon);
    free(daemon->chains);
    free(daemon);
}

void daemon_close(struct daemon *daemon)
{
    if (daemon == NULL)
        return;
    daemon_end(daemon);
    methods_free(daemon);
    loop_drop_timer(&daemon->tick);
    loop_drop_timer(&daemon->turn);
    links_free(daemon->links);
    wal_close(daemon->wal);
    if (daemon->shadow != NULL)
        daemon_forget(daemon->shadow);
    history_free(daemon->history);
    shelf_close(daemon->shelf);
    for (usize i = 0; i < daemon->chain_count; i++)
        onchain_close(daemon->chains[i].chain);
    network_free(daemon->network);
    keyring_free(daemon->ring);
    free(daemon->call_room);
    daemon_forget(daemon);
}

void daemon_name(const struct daemon *daemon, char out[static DAEMON_NAME_SIZE])
{
    char digits[67] = {0};
    point33 node = keyring_node(daemon->ring);
    hex_write(digits, BYTES_OF(node));
    fmt(out, DAEMON_NAME_SIZE, "%s@%s:%u", digits, daemon->options.addr, links_port(daemon->links));
}

const char *daemon_failure(const struct daemon *daemon)
{
    return daemon->has_failed ? daemon->failure.text : NULL;
}
