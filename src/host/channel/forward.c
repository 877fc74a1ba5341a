/* Payments over several hops: locks that pass through.
 *
 *     peer's lock ── peel ──> final:   ours to take (receive.c)
 *                        └──> forward: a lock of ours, to the next node, with the same key
 *
 *     next SETTLEs: we pay it and SETTLE what we took it for       (R5: at once)
 *     next FAILs:   we DROP the lock; when it knows, we FAIL ours  (R4)
 *
 * A passage joins the two locks. It is in the journal before the second lock is in a message, so
 * after a restart each lock of a peer's that waits is either joined to one of ours, or is looked at
 * anew. All hops on a chain share one expiry; a preimage that comes after it, less the margin, must
 * come from the chain's registry (R6). */
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"
#include "channel/daemon_records.h"
#include "channel/network.h"
#include "channel/opened.h"
#include "channel/stalled.h"

#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

/* --- Back towards the origin. */

/* Whether the item answers a lock of the peer's. */
static bool is_of_peers(const struct item *item)
{
    return item->kind == ITEM_SETTLE || item->kind == ITEM_FAIL;
}

/* An answer about a lock is never lost: one that finds the next update full waits for the one
 * after it. The peer's lock may be gone by then, and another one be in its slot. */
static void keep(struct entry *entry, const struct item *item)
{
    struct answer *answer = malloc(sizeof(*answer) + item->text.size);
    assert(answer != NULL);
    *answer = (struct answer){.next = entry->answers, .item = *item};
    bytes_copy(answer->text, item->text);
    answer->item.text.data = answer->text;
    entry->answers = answer;
}

static bool is_kept(const struct entry *entry, const struct item *item)
{
    const struct answer *at = entry->answers;
    while (at != NULL && (at->item.kind != item->kind || at->item.slot != item->slot ||
                          !hash32_equal(at->item.reference, item->reference)))
        at = at->next;
    return at != NULL;
}

/* False: it was queued before, or the peer is told nothing. */
static bool queue(struct entry *entry, const struct item *item)
{
    struct err err;
    /* R9, R12: the peer is told nothing; the registry may be. */
    if (entry->stage >= STAGE_FORCED || channel_is_lost(entry->channel)) {
        if (item->kind == ITEM_SETTLE)
            channel_learn(entry->channel, item->slot, item->reference);
        return false;
    }
    enum status st = channel_queue(entry->channel, item, NULL, &err);
    if (st == ST_AGAIN) {
        bool is_new = !is_kept(entry, item);
        if (is_of_peers(item))
            channel_decide(entry->channel, item);
        keep(entry, item);
        return is_new;
    }
    if (st != ST_OK)
        log_warn("channel", "an answer to a lock is not wanted any more",
                 LOG_HEX("channel", channel_name(entry->channel)->id), LOG_TEXT("why", err.text));
    entry_touch(entry);
    return st == ST_OK;
}

void forward_answers(struct entry *entry)
{
    struct answer *list = entry->answers;
    entry->answers = NULL;
    while (list != NULL) {
        struct answer *next = list->next;
        if (!is_of_peers(&list->item) || channel_owes(entry->channel, &list->item))
            queue(entry, &list->item);
        free(list);
        list = next;
    }
}

void answers_free(struct entry *entry)
{
    while (entry->answers != NULL) {
        struct answer *next = entry->answers->next;
        free(entry->answers);
        entry->answers = next;
    }
}

bool lock_waits(const struct entry *entry, u32 slot, hash32 key)
{
    const struct locks *locks = channel_locks(entry->channel, 1 - channel_side(entry->channel));
    return channel_lock_waits(entry->channel, slot) &&
           hash32_equal(locks_get(locks, slot).key, key);
}

bool lock_settle(struct entry *entry, u32 slot, hash32 preimage)
{
    struct item item = {.kind = ITEM_SETTLE, .slot = slot, .reference = preimage};
    return queue(entry, &item);
}

bool lock_pay(struct entry *entry, u32 slot)
{
    struct item item = {.kind = ITEM_PAID, .slot = slot};
    return queue(entry, &item);
}

static void lock_fail_with(struct entry *entry, u32 slot, bytes reason)
{
    struct item item = {.kind = ITEM_FAIL, .slot = slot, .text = reason};
    queue(entry, &item);
}

void lock_let_go(struct entry *entry, u32 slot)
{
    lock_fail_with(entry, slot, BYTES_EMPTY);
}

/* Whatever is wrong on a blinded path or behind it, the payer hears the same, from its first hop:
 * else it could find out by trying who is on it (BOLT 4, "Route Blinding"). */
static struct failure path_failure(const struct entry *entry, u32 slot)
{
    bytes onion = bytes_slice(channel_lock_onion(entry->channel, slot), 0, ONION_SIZE);
    struct failure out = {.code = FAILURE_INVALID_ONION_BLINDING};
    sha256_joined(onion, BYTES_EMPTY, out.onion_hash.b);
    return out;
}

static void lock_fail_by_code(struct entry *entry, u32 slot, u16 code)
{
    u8 short_code[2] = {(u8)(code >> 8), (u8)code};
    lock_fail_with(entry, slot, BYTES_OF(short_code));
}

void lock_fail(struct entry *entry, u32 slot, const struct failure *why)
{
    struct onion_peeled peeled;
    point33 path_key;
    u8 message[FAILURE_LIMIT], packet[ONION_ERROR_OVERHEAD + ONION_ERROR_PADDED + FAILURE_LIMIT];
    if (lock_is_on_path(entry, slot, &path_key)) {
        lock_fail_by_code(entry, slot, FAILURE_INVALID_ONION_BLINDING);
        return;
    }
    enum onion_verdict verdict = lock_peel(entry, slot, &peeled);
    if (verdict == ONION_FORWARD || verdict == ONION_FINAL || verdict == ONION_BAD_PAYLOAD) {
        struct failure said =
            onion_begins_path(verdict, &peeled) ? path_failure(entry, slot) : *why;
        usize size = failure_encode(&said, message);
        onion_error_build(&peeled.shared, (bytes){message, size}, packet);
        lock_fail_with(entry, slot, (bytes){packet, onion_error_size(size)});
    } else { /* the origin cannot be told: the peer is */
        lock_fail_by_code(entry, slot, why->code);
    }
    secret_wipe(&peeled);
}

/* For want of more to say. */
static void lock_fail_for_now(struct entry *entry, u32 slot)
{
    lock_fail(entry, slot, &(struct failure){.code = FAILURE_TEMPORARY_CHANNEL_FAILURE});
}

/* The next hop's reason, with our layer on it. */
static void pass_back(struct passage *passage)
{
    struct onion_peeled peeled;
    point33 path_key;
    if (!lock_waits(passage->in, passage->in_slot, passage->key))
        return;
    if (passage->reason_size < ONION_ERROR_OVERHEAD ||
        lock_is_on_path(passage->in, passage->in_slot, &path_key) ||
        lock_peel(passage->in, passage->in_slot, &peeled) != ONION_FORWARD ||
        onion_begins_path(ONION_FORWARD, &peeled)) {
        lock_fail_for_now(passage->in, passage->in_slot);
        return;
    }
    onion_error_wrap(&peeled.shared, passage->reason, passage->reason_size);
    lock_fail_with(passage->in, passage->in_slot, (bytes){passage->reason, passage->reason_size});
    secret_wipe(&peeled);
}

/* --- Onwards. */

/* Whether both chains' registries would judge alike, as far as we see. By their newest blocks, the
 * clock of the chain that a swap goes to is not behind the other's by more than half of what the
 * lock that comes in lasts longer: else its registry would take a secret as in time when the other
 * chain's lock is over. A secret on a chain that is not followed would not be seen at all. */
static bool may_swap(const struct chain_of *in, const struct chain_of *out)
{
    const struct daemon_options *options = &in->daemon->options;
    i128 behind_s = ((i128)out->came_s - out->time_s) - ((i128)in->came_s - in->time_s);
    return behind_s <= (i128)forward_swap_s(options) / 2 &&
           (out->lost_s == 0 || network_now_s() <= out->lost_s + options->margin_s);
}

/* Back by the same channel only along a blinded path: who pays may be on it, and cannot see that.
 */
static bool is_way(const struct entry *entry, const struct entry *from, const struct payload *step,
                   bool on_path)
{
    bool is_back = entry == from && !on_path;
    const struct channel_terms *terms = channel_terms(entry->channel);
    const struct channel_terms *in = channel_terms(from->channel);
    return !is_back && entry->stage == STAGE_OPEN && !entry->ends && entry->here && entry->there &&
           (entry->chain == from->chain || may_swap(from->chain, entry->chain)) &&
           terms->chain_id == (step->chain_id == 0 ? in->chain_id : step->chain_id) &&
           address_equal(terms->asset, step->chain_id == 0 ? in->asset : step->asset);
}

/* The channel to the next node with the most to spend; NULL: there is none. */
static struct entry *choose_out(const struct entry *from, const struct payload *step, bool on_path)
{
    struct entry *best = NULL;
    for (struct entry *at = peer_find(from->daemon, &step->next); at != NULL; at = at->next_of_peer)
        if (is_way(at, from, step, on_path) &&
            (best == NULL || channel_spendable(at->channel) > channel_spendable(best->channel)))
            best = at;
    return best;
}

u64 forward_swap_s(const struct daemon_options *options)
{
    return 4 * options->margin_s;
}

/* On one chain all locks of a payment share one expiry. Where it goes over to another chain, the
 * lock that comes in lasts longer: our secret must get from one registry to the other, through the
 * finality of the one, in view of clocks that differ (4 margins). */
static bool is_expiry_right(const struct entry *from, const struct lock *lock,
                            const struct payload *step)
{
    if (step->chain_id == 0)
        return step->expiry_s == lock->expiry_s;
    return step->expiry_s + forward_swap_s(&from->daemon->options) <= lock->expiry_s;
}

/* One to one, and only between the chains' own money: nobody tells us other prices. */
static bool is_swap_offered(const struct entry *from, const struct payload *step)
{
    return step->chain_id == 0 || (from->daemon->options.swaps && address_is_zero(step->asset) &&
                                   address_is_zero(channel_terms(from->channel)->asset));
}

/* Why the lock is not passed on; 0: nothing speaks against it. */
static u16 objection(const struct entry *from, const struct lock *lock, const struct payload *step)
{
    const struct daemon_options *options = &from->daemon->options;
    u64 now_s = from->chain->time_s;
    if (step->amount == 0 || step->amount >= CHANNEL_AMOUNT_LIMIT || lock->amount < step->amount ||
        lock->amount - step->amount < route_fee(options->fee_base, options->fee_ppm, step->amount))
        return FAILURE_FEE_INSUFFICIENT;
    if (public_has(from->daemon, lock->key))
        return FAILURE_PERMANENT_CHANNEL_FAILURE;
    if (!is_swap_offered(from, step))
        return FAILURE_UNKNOWN_NEXT_PEER;
    if (!is_expiry_right(from, lock, step))
        return FAILURE_INCORRECT_CLTV_EXPIRY;
    if (step->expiry_s < now_s + 2 * options->margin_s)
        return FAILURE_EXPIRY_TOO_SOON;
    if (lock->expiry_s > now_s + LONGEST_LOCK_S)
        return FAILURE_EXPIRY_TOO_FAR;
    return 0;
}

void forward_on(struct entry *from, u32 slot, bool is_new, const struct lock *lock,
                const struct payload *step, bytes onion)
{
    struct failure why = {
        .code = objection(from, lock, step),
        .amount = lock->amount,
        .time_s = step->expiry_s,
    };
    if (from->stage >= STAGE_FORCED)
        return; /* its time will be over */
    if (why.code != 0) {
        lock_fail(from, slot, &why);
        return;
    }
    struct item item = {
        .kind = ITEM_ADD,
        .lock = {.amount = step->amount, .expiry_s = step->expiry_s, .key = lock->key},
        .text = onion,
    };
    struct entry *out = choose_out(from, step, onion.size > ONION_SIZE);
    u32 out_slot;
    if (out == NULL) {
        lock_fail(from, slot, &(struct failure){.code = FAILURE_UNKNOWN_NEXT_PEER});
        return;
    }
    enum status st = channel_queue(out->channel, &item, &out_slot, NULL);
    if (st == ST_AGAIN) {
        stalled_for_room(from, slot, is_new, channel_name(out->channel)->id,
                         onward_new(from, slot, lock, step, onion));
        return;
    }
    if (st != ST_OK) {
        lock_fail_for_now(from, slot);
        return;
    }
    struct passage *passage = passage_new(from, slot, out, out_slot, &item.lock, NULL);
    record_passage(passage);
    entry_touch(out);
}

/* Where it goes on, with a path key where it follows a blinded path. */
static void forward_opened(struct entry *entry, u32 slot, bool is_new, const struct lock *lock,
                           const struct opened *opened)
{
    u8 text[ITEM_ONION_LIMIT];
    bool on_path = opened->step.sealed.size > 0;
    memcpy(text, opened->peeled.next, ONION_SIZE);
    memcpy(text + ONION_SIZE, opened->path_key.b, sizeof(opened->path_key));
    forward_on(entry, slot, is_new, lock, &opened->step,
               (bytes){text, on_path ? sizeof(text) : ONION_SIZE});
}

static void take_unjoined(struct entry *entry, u32 slot, bool is_new, const struct lock *lock)
{
    struct opened opened;
    struct failure why = {.code = 0};
    if (entry->chain->time_s == 0) { /* no block was seen yet: nobody knows what is late */
        stalled_add(entry, slot, is_new);
        return;
    }
    if (lock_open(entry, slot, lock, &opened, &why) != ST_OK)
        lock_fail(entry, slot, &why);
    else if (opened.verdict == ONION_FINAL)
        receive_lock(entry, slot, is_new, lock, &opened.step);
    else
        forward_opened(entry, slot, is_new, lock, &opened);
    secret_wipe(&opened.peeled.shared);
}

static bool is_under_way(const struct passage *passage, const struct lock *lock)
{
    if (passage->out == NULL)
        return false;
    u32 side = channel_side(passage->out->channel);
    struct lock ours = locks_get(channel_locks(passage->out->channel, side), passage->out_slot);
    return ours.amount != 0 && hash32_equal(ours.key, lock->key);
}

/* A lock of the peer's that we have acknowledged; after a restart, one that still waits for us and
 * is not new. */
void forward_take(struct entry *entry, u32 slot, bool is_new)
{
    u32 peer = 1 - channel_side(entry->channel);
    struct lock lock = locks_get(channel_locks(entry->channel, peer), slot);
    struct passage *passage = passage_in(entry, slot);
    if (!channel_lock_waits(entry->channel, slot))
        return;
    if (passage != NULL && passage->state == PASSAGE_WAITS && is_under_way(passage, &lock))
        return;
    if (passage == NULL || passage->state == PASSAGE_WAITS) { /* the other lock was never sent */
        if (passage != NULL)
            passage_end(passage);
        take_unjoined(entry, slot, is_new, &lock);
        return;
    }
    if (passage->state == PASSAGE_SETTLED)
        lock_settle(entry, slot, passage->preimage);
    else
        lock_fail_for_now(entry, slot);
    passage_leave_in(passage);
}

/* --- What became of our locks. */

static bool is_late(const struct entry *entry, u32 slot)
{
    u32 side = channel_side(entry->channel);
    u64 expiry_s = locks_get(channel_locks(entry->channel, side), slot).expiry_s;
    return entry->chain->time_s + entry->daemon->options.margin_s > expiry_s;
}

/* The secret of our lock is out: it is paid for, and what it was for is claimed. */
static void pay(struct passage *passage, hash32 preimage)
{
    struct daemon *daemon = passage->daemon;
    hash32 key = passage->key;
    bool is_loose = passage->in == NULL && passage->part == NULL;
    if (passage->in != NULL)
        chronicle_forward(passage, preimage);
    if (passage->in != NULL)
        lock_settle(passage->in, passage->in_slot, preimage);
    if (passage->part != NULL)
        part_paid(passage->part, preimage);
    if (is_loose)
        rejoin_pay(passage->out, passage->out_slot, preimage);
    else
        lock_pay(passage->out, passage->out_slot);
    passage_end(passage);
    rejoin_secret(daemon, key, preimage);
}

/* R6: one that comes late only counts in the registry (forward_reveal). Nothing is joined to one of
 * before a restore: then whatever the secret opens is claimed. */
static void take_settled(struct entry *entry, u32 slot, hash32 preimage)
{
    struct passage *passage = passage_out(entry, slot);
    if (is_late(entry, slot))
        return;
    if (passage != NULL) {
        pay(passage, preimage);
        return;
    }
    rejoin_pay(entry, slot, preimage);
    rejoin_secret(entry->daemon, registry_key(preimage), preimage);
}

/* Whether a lock of ours on that chain was joined to something, for whose sake the secret matters.
 */
static bool pay_shown(struct chain_of *chain, hash32 key, hash32 secret, u64 time_s)
{
    bool matters = false;
    for (struct passage *at = passages_of_key(chain->daemon, key), *next; at != NULL; at = next) {
        next = at->next_of_key;
        if (!passage_holds_slot(at) || at->out->chain != chain)
            continue;
        matters = true;
        if (time_s <= at->expiry_s)
            pay(at, secret);
    }
    return matters;
}

/* What is told of it leaves with the record of it. Also what matters to nobody yet is kept: a lock
 * with the key may come. */
void forward_reveal(struct chain_of *chain, const struct onchain_reveal *reveal)
{
    bool matters = holders_have(chain, reveal->key);
    matters |= pay_shown(chain, reveal->key, reveal->secret, reveal->time_s);
    matters |= rejoin_shown(chain, reveal->key, reveal->secret, reveal->time_s);
    bool is_new = public_add(chain, reveal->key);
    if (matters) {
        shown_note(chain, reveal);
    } else if (is_new) {
        record_public(chain, reveal->key);
        daemon_touch(chain->daemon);
    }
}

static void take_failed(struct entry *entry, u32 slot)
{
    struct passage *passage = passage_out(entry, slot);
    struct item drop = {.kind = ITEM_DROP, .slot = slot};
    bytes reason = channel_lock_reason(entry->channel, slot);
    if (passage != NULL && passage->reason == NULL && reason.size != 0) {
        passage->reason = malloc(reason.size);
        assert(passage->reason != NULL);
        bytes_copy(passage->reason, reason);
        passage->reason_size = reason.size;
    }
    queue(entry, &drop);
}

/* One of before a restore is not given back (R13); nor one whose payer has taken it back already,
 * as its time was over. */
static void give_up(struct passage *passage)
{
    if (passage->in != NULL && channel_lock_waits(passage->in->channel, passage->in_slot))
        pass_back(passage);
    else if (passage->part != NULL)
        part_failed(passage->part, (bytes){passage->reason, passage->reason_size});
    passage_end(passage);
}

static void take_dropped(struct entry *entry, u32 slot)
{
    if (passage_out(entry, slot) != NULL)
        give_up(passage_take_oldest(entry, slot));
}

/* R4: after a close by one side nobody acknowledges that a lock is gone. That no secret was shown
 * in time is certain once the first block after that is final. Whether any waits for that. */
static bool give_up_late(struct entry *entry)
{
    bool waits = false;
    for (u32 slot = 0; slot < entry->out_room; slot++) {
        struct passage *passage = entry->out[slot];
        if (passage == NULL || passage->state != PASSAGE_WAITS)
            continue;
        struct lock lock = {.key = passage->key, .expiry_s = passage->expiry_s};
        if (entry->chain->final_time_s > passage->expiry_s &&
            shown_find(entry->chain, passage->key, passage->expiry_s) == NULL &&
            sought_all(entry->chain, &lock))
            give_up(passage);
        else
            waits = true;
    }
    return waits;
}

static void replay_settled(struct passage *passage, hash32 preimage)
{
    passage->state = PASSAGE_SETTLED;
    passage->preimage = preimage;
    if (passage->in != NULL)
        chronicle_forward(passage, preimage);
    if (passage->part != NULL)
        part_paid(passage->part, preimage);
    passage->part = NULL; /* the passage stays: the lock is still to be paid */
}

/* A new lock in a slot: what was joined to the one before it is over. */
static void forget_past(struct entry *entry, u32 slot)
{
    if (passage_in(entry, slot) != NULL)
        passage_leave_in(passage_in(entry, slot));
}

/* What the journal says has happened; what is still to be done comes from channel_resume. */
void forward_replay(struct entry *entry, const struct channel_event *event)
{
    struct passage *passage = passage_out(entry, event->slot);
    if (event->kind == EVENT_LOCK_IN)
        forget_past(entry, event->slot);
    if (passage == NULL || (event->kind != EVENT_SETTLED && event->kind != EVENT_DROPPED))
        return;
    if (event->kind == EVENT_SETTLED) {
        replay_settled(passage, event->reference);
        return;
    }
    passage->state = PASSAGE_DROPPED;
    if (passage->part != NULL)
        part_failed(passage->part, BYTES_EMPTY);
    passage_leave_out(passage);
}

void forward_shown(struct chain_of *chain, const struct shown_terms *terms)
{
    hash32 key = registry_key(terms->secret);
    for (struct passage *at = passages_of_key(chain->daemon, key); at != NULL; at = at->next_of_key)
        if (passage_holds_slot(at) && at->out->chain == chain && terms->time_s <= at->expiry_s)
            replay_settled(at, terms->secret);
}

/* A lock of ours that is gone, or that never got into an update, holds no slot; a part whose lock
 * that was, was never sent. Nor does one that we have said to be paid, which the peer may not have
 * acknowledged: nothing more is told of it, and what comes to its slot next would be taken for it.
 */
void forward_resume(struct entry *entry)
{
    const struct locks *ours = channel_locks(entry->channel, channel_side(entry->channel));
    holders_add_all(entry);
    for (u32 slot = 0; slot < entry->in_room; slot++)
        if (entry->in[slot] != NULL && !channel_lock_waits(entry->channel, slot) &&
            !channel_lock_is_held(entry->channel, slot))
            passage_leave_in(entry->in[slot]);
    for (u32 slot = 0; slot < entry->out_room; slot++) {
        struct passage *passage = entry->out[slot];
        if (passage == NULL ||
            (channel_lock_lives(entry->channel, slot) &&
             (passage->state != PASSAGE_SETTLED || locks_get(ours, slot).amount != 0)))
            continue;
        if (passage->part != NULL)
            part_failed(passage->part, BYTES_EMPTY);
        passage_leave_out(passage);
    }
}

void forward_event(struct entry *entry, const struct channel_event *event)
{
    switch (event->kind) {
    case EVENT_LOCK_IN:
        forget_past(entry, event->slot);
        forward_take(entry, event->slot, true);
        break;
    case EVENT_LOCK_WAITS:
        forward_take(entry, event->slot, false);
        break;
    case EVENT_SETTLED:
        take_settled(entry, event->slot, event->reference);
        break;
    case EVENT_FAILED:
        take_failed(entry, event->slot);
        break;
    case EVENT_DROPPED:
        take_dropped(entry, event->slot);
        break;
    case EVENT_PAID_IN:
    case EVENT_PAID_OUT:
    case EVENT_STAKE_PAID:
    case EVENT_STAKE_GONE:
        break;
    }
}

void forward_restored(struct entry *entry)
{
    u32 side = channel_side(entry->channel);
    const struct locks *ours = channel_locks(entry->channel, side);
    const struct locks *theirs = channel_locks(entry->channel, 1 - side);
    answers_free(entry);
    for (u32 slot = 0; slot < entry->in_room; slot++)
        if (entry->in[slot] != NULL &&
            !hash32_equal(locks_get(theirs, slot).key, entry->in[slot]->key))
            passage_leave_in(entry->in[slot]);
    for (u32 slot = 0; slot < entry->out_room; slot++)
        while (entry->out[slot] != NULL &&
               (entry->out[slot]->before != NULL ||
                !hash32_equal(locks_get(ours, slot).key, entry->out[slot]->key)))
            passage_end(passage_take_oldest(entry, slot));
    if (!entry->daemon->replaying)
        holders_add_all(entry);
}

/* --- Time. */

/* The earliest time at which a lock has to be looked at; one that is past is looked at with every
 * block. */
static void note_due(struct entry *entry, u64 due_s)
{
    entry->due_s = min_u64(entry->due_s, due_s);
}

/* R5: a secret that we told and that the peer does not pay for is shown to everybody in time. When
 * the peer still does not pay, the adjudicator does; but the lock of an old copy may be paid. */
static void look_at_theirs(struct entry *entry, u64 now_s)
{
    const struct locks *locks = channel_locks(entry->channel, 1 - channel_side(entry->channel));
    u64 margin_s = entry->daemon->options.margin_s;
    hash32 preimage;
    for (u32 slot = 0; slot < locks_end(locks); slot++) {
        struct lock lock = locks_get(locks, slot);
        if (lock.amount == 0)
            continue;
        note_due(entry, lock.expiry_s - min_u64(lock.expiry_s, margin_s));
        if (now_s + margin_s < lock.expiry_s ||
            !channel_lock_preimage(entry->channel, slot, &preimage))
            continue;
        struct sender_stake stake = errand_stake_of_lock(
            entry, &lock, lock.expiry_s - min_u64(lock.expiry_s, margin_s), lock.expiry_s);
        if (now_s <= lock.expiry_s)
            errand_reveal(entry->chain, preimage, &stake);
        else if (now_s > lock.expiry_s + margin_s && !channel_is_lost(entry->channel))
            ending_force(entry);
    }
}

/* A lock of ours whose time is over is ours again, unless its secret was shown, be it before we
 * followed the registry: which is asked a margin before, as the lock that pays for it ends at the
 * same time. Or it was told in time, and what we say to that still waits for room in the next
 * update. */
static void look_at_ours(struct entry *entry, u64 now_s)
{
    enum { CLOCKS_S = 60 }; /* by which the peer's may be behind */
    const struct locks *locks = channel_locks(entry->channel, channel_side(entry->channel));
    u64 margin_s = entry->daemon->options.margin_s;
    for (u32 slot = 0; slot < locks_end(locks); slot++) {
        struct lock lock = locks_get(locks, slot);
        if (lock.amount == 0 || lock.kind != LOCK_OF_SECRET)
            continue;
        note_due(entry, lock.expiry_s - min_u64(lock.expiry_s, margin_s));
        if (now_s + margin_s < lock.expiry_s)
            continue;
        const struct shown *shown = shown_find(entry->chain, lock.key, lock.expiry_s);
        struct item drop = {.kind = ITEM_DROP, .slot = slot};
        if ((shown == NULL && !sought_all(entry->chain, &lock)) ||
            now_s <= lock.expiry_s + CLOCKS_S || entry->answers != NULL)
            continue;
        if (shown == NULL)
            queue(entry, &drop);
        else if (passage_out(entry, slot) == NULL)
            rejoin_pay(entry, slot, shown->terms.secret);
        else
            lock_pay(entry, slot);
    }
}

/* Without locks there is nothing to look at, whenever it was due. */
static void look_at_locks(struct entry *entry)
{
    u64 now_s = entry->chain->time_s;
    if (locks_count(channel_locks(entry->channel, 0)) == 0 &&
        locks_count(channel_locks(entry->channel, 1)) == 0)
        entry->due_s = UINT64_MAX;
    if (now_s < entry->due_s)
        return;
    entry->due_s = UINT64_MAX;
    look_at_theirs(entry, now_s);
    look_at_ours(entry, now_s);
}

bool forward_look(struct entry *entry)
{
    bool waits = false;
    if (entry->stage >= STAGE_FORCED) {
        forward_answers(entry);
        waits = give_up_late(entry);
    }
    if (entry->stage == STAGE_CLOSED)
        return waits;
    look_at_locks(entry);
    return waits || entry->due_s != UINT64_MAX;
}
