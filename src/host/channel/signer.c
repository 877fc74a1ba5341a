#include "channel/signer_internal.h"

#include "channel/gossip.h"
#include "channel/tower_blob.h"

#include <assert.h>
#include <stdlib.h>

/* --- Keys. */

struct limited_signer *signer_new(const struct signer_options *options)
{
    struct limited_signer *signer = calloc(1, sizeof(*signer));
    assert(signer != NULL);
    signer->options = *options;
    return signer;
}

bool signer_remembers(const struct limited_signer *signer)
{
    return signer->options.ring == NULL;
}

static void held_free(struct held *held)
{
    if (held == NULL)
        return;
    for (u32 side = 0; side < 2; side++)
        free(held->slots[side]);
    free(held->dropped);
    secret_wipe(held);
    free(held);
}

void signer_free(struct limited_signer *signer)
{
    if (signer == NULL)
        return;
    for (u32 i = 0; i < signer->room; i++)
        held_free(signer->held[i]);
    while (signer->purses != NULL) {
        struct purse *next = signer->purses->next;
        free(signer->purses);
        signer->purses = next;
    }
    pledges_free(&signer->pledges);
    signed_apps_free(&signer->apps);
    free(signer->held);
    free(signer);
}

const struct signer_limits *signer_limits(const struct limited_signer *signer)
{
    return &signer->options.limits;
}

static void forget_locks(struct limited_signer *signer, struct held *held);

struct held *held_of(struct limited_signer *signer, u32 key)
{
    assert(key < KEYRING_LIMIT);
    if (key >= signer->room) {
        u32 room = key + 64;
        signer->held = realloc(signer->held, room * sizeof(signer->held[0]));
        assert(signer->held != NULL);
        memset(signer->held + signer->room, 0, (room - signer->room) * sizeof(signer->held[0]));
        signer->room = room;
    }
    if (signer->held[key] == NULL) {
        signer->held[key] = calloc(1, sizeof(struct held));
        assert(signer->held[key] != NULL);
        if (signer->options.ring != NULL)
            signer->held[key]->secret = keyring_channel_secret(signer->options.ring, key);
    }
    return signer->held[key];
}

address signer_owner(struct limited_signer *signer, u32 key)
{
    address who;
    enum status st = secret_address(&held_of(signer, key)->secret, &who);
    assert(st == ST_OK);
    return who;
}

enum status signer_know(struct limited_signer *signer, u32 key, u32 side,
                        const struct channel_terms *terms, struct err *err)
{
    struct held *held = held_of(signer, key);
    struct channel_name name = channel_name_of(terms);
    if (side > 1 || !address_equal(terms->owner[side], signer_owner(signer, key)))
        return fail(err, ST_INVALID, "the signer has not the key of this channel's owner");
    if (!address_equal(terms->payout[side], keyring_account(signer->options.ring)))
        return fail(err, ST_INVALID, "the channel does not pay out to the account");
    if (held->is_known && !hash32_equal(held->name.id, name.id))
        return fail(err, ST_INVALID, "the key signs for another channel");
    held->is_known = true;
    held->side = side;
    held->name = name;
    held->chain_id = terms->chain_id;
    held->asset = terms->asset;
    return ST_OK;
}

bool signer_has_signed(const struct limited_signer *signer, u32 key)
{
    return key < signer->room && signer->held[key] != NULL && signer->held[key]->has_signed;
}

/* What was allowed in it, and is not paid, comes back by itself: its calls end. */
void signer_forget(struct limited_signer *signer, u32 key)
{
    if (key >= signer->room || signer_has_signed(signer, key))
        return;
    if (signer->held[key] != NULL)
        forget_locks(signer, signer->held[key]);
    held_free(signer->held[key]);
    signer->held[key] = NULL;
}

/* --- Locks. */

static struct slot *slot_of(struct held *held, u32 side, u32 number)
{
    assert(number < LOCKS_MOST);
    if (number >= held->room[side]) {
        u32 room = number + 1 > 2 * held->room[side] ? number + 1 : 2 * held->room[side];
        held->slots[side] = realloc(held->slots[side], room * sizeof(held->slots[side][0]));
        assert(held->slots[side] != NULL);
        memset(held->slots[side] + held->room[side], 0,
               (room - held->room[side]) * sizeof(held->slots[side][0]));
        held->room[side] = room;
    }
    return &held->slots[side][number];
}

static void let_go(struct limited_signer *signer, struct slot *slot)
{
    slot->pledge->locks--;
    pledge_settle(&signer->pledges, slot->pledge);
    *slot = (struct slot){.touched = slot->touched};
}

static void add_theirs(struct limited_signer *signer, struct held *held, u32 number,
                       const struct lock *lock)
{
    struct slot *slot = slot_of(held, 1 - held->side, number);
    if (slot->pledge != NULL || lock->amount == 0)
        return;
    struct pledge *pledge = pledge_of(signer, lock->key, lock->kind, held->chain_id, held->asset);
    pledge->in += lock->amount;
    pledge->cover += lock->amount;
    pledge->last_s = lock->expiry_s > pledge->last_s ? lock->expiry_s : pledge->last_s;
    pledge->locks++;
    *slot = (struct slot){.pledge = pledge, .amount = lock->amount};
}

static void end_theirs(struct limited_signer *signer, struct held *held, u32 number)
{
    struct slot *slot = slot_of(held, 1 - held->side, number);
    if (slot->pledge == NULL)
        return;
    slot->pledge->in -= slot->amount;
    slot->pledge->cover = smaller(slot->pledge->cover, slot->pledge->in);
    let_go(signer, slot);
}

/* So much of an app's lock is paid. */
static void cut_theirs(struct limited_signer *signer, struct held *held, u32 number, u128 amount)
{
    struct slot *slot = slot_of(held, 1 - held->side, number);
    if (slot->pledge == NULL)
        return;
    if (amount >= slot->amount) {
        end_theirs(signer, held, number);
        return;
    }
    slot->amount -= amount;
    slot->pledge->in -= amount;
    slot->pledge->cover = smaller(slot->pledge->cover, slot->pledge->in);
}

/* What is paid is our own first: that does not come back when the rest of the lock does. */
static void cut_ours(struct held *held, u32 number, u128 amount)
{
    struct slot *slot = slot_of(held, held->side, number);
    u128 own = smaller(slot->own, amount);
    slot->amount -= amount;
    slot->own -= own;
    slot->cover -= smaller(slot->cover, amount - own);
}

/* What was allowed goes first, so that no peer's lock with the key of a payment of ours pays for it
 * and is then let go. False: it is neither allowed nor covered. */
static bool add_ours(struct limited_signer *signer, struct held *held, u32 number,
                     const struct lock *lock)
{
    struct pledge *pledge = pledge_of(signer, lock->key, lock->kind, held->chain_id, held->asset);
    u128 own = smaller(lock->amount, pledge->allowed), cover = lock->amount - own;
    if (cover > pledge->cover || (cover != 0 && lock->expiry_s > pledge->last_s)) {
        pledge_settle(&signer->pledges, pledge);
        return false;
    }
    pledge->cover -= cover;
    pledge->allowed -= own;
    pledge->locks++;
    struct slot *slot = slot_of(held, held->side, number);
    *slot = (struct slot){pledge, lock->amount, cover, own, false, slot->touched};
    return true;
}

/* A lock of ours is gone without being paid. */
static void take_back(struct limited_signer *signer, struct held *held, u32 number)
{
    struct slot *slot = slot_of(held, held->side, number);
    struct pledge *pledge = slot->pledge;
    pledge->cover = smaller(pledge->cover + slot->cover, pledge->in);
    if (pledge->is_payment)
        pledge->allowed += slot->own;
    else
        signer_refund(signer, held->chain_id, held->asset, slot->own);
    let_go(signer, slot);
}

static void drop_ours(struct held *held, u64 seq, u32 number)
{
    if (held->dropped_count == held->dropped_room) {
        held->dropped_room = held->dropped_room == 0 ? 16 : 2 * held->dropped_room;
        held->dropped = realloc(held->dropped, held->dropped_room * sizeof(held->dropped[0]));
        assert(held->dropped != NULL);
    }
    held->dropped[held->dropped_count++] = (struct dropped){seq, number};
    slot_of(held, held->side, number)->is_dropped = true;
}

/* R4: until then the peer may show a half that has the lock. */
static void take_back_acknowledged(struct limited_signer *signer, struct held *held, u64 seq)
{
    usize gone = 0;
    while (gone < held->dropped_count && held->dropped[gone].seq <= seq)
        take_back(signer, held, held->dropped[gone++].slot);
    held->dropped_count -= gone;
    if (gone != 0)
        memmove(held->dropped, held->dropped + gone,
                held->dropped_count * sizeof(held->dropped[0]));
}

static void forget_locks(struct limited_signer *signer, struct held *held)
{
    held->dropped_count = 0;
    for (u32 i = 0; i < held->room[1 - held->side]; i++)
        end_theirs(signer, held, i);
    for (u32 i = 0; i < held->room[held->side]; i++)
        if (held->slots[held->side][i].pledge != NULL)
            let_go(signer, &held->slots[held->side][i]);
}

void signer_end(struct limited_signer *signer, u32 key)
{
    forget_locks(signer, held_of(signer, key));
}

static void hear_locks(struct limited_signer *signer, struct held *held, bytes items)
{
    for (struct item item; items.size != 0 && item_read(&items, &item) == ST_OK;)
        switch (item.kind) { /* no default: what a new kind does to locks must be decided here */
        case ITEM_ADD:
        case ITEM_STAKE:
            add_theirs(signer, held, item.slot, &item.lock);
            break;
        case ITEM_PART:
            cut_theirs(signer, held, item.slot, item.lock.amount);
            break;
        case ITEM_PAID:
        case ITEM_DROP:
            end_theirs(signer, held, item.slot);
            break;
        case ITEM_PAY:
        case ITEM_SETTLE:
        case ITEM_FAIL:
            break;
        }
}

void signer_hear(struct limited_signer *signer, u32 key, const struct half *half, bytes items)
{
    struct held *held = held_of(signer, key);
    u32 peer = 1 - held->side;
    if (!hash32_equal(half->root, held->root[peer]))
        hear_locks(signer, held, items);
    held->sent[peer] = half->sent;
    held->locked[peer] = half->locked;
    held->root[peer] = half->root;
    take_back_acknowledged(signer, held, half->ack_seq);
}

/* --- Halves. */

/* What the items of our update come to. */
struct tally {
    u128 paid, added, settled, dropped;
};

/* The same root is of the same locks, so that what is new is paid. */
static bool has_same_locks(const struct held *held, const struct half *half)
{
    return half->locked == held->locked[held->side] &&
           hash32_equal(half->root, held->root[held->side]);
}

/* An update says one thing of a slot: `is_there`, whether a lock has to be in it. */
static bool touch(struct held *held, u32 number, bool is_there, u128 *amount)
{
    struct slot *slot = slot_of(held, held->side, number);
    bool again = slot->touched == held->updates;
    slot->touched = held->updates;
    *amount += slot->amount;
    return !again && (slot->pledge != NULL && !slot->is_dropped) == is_there &&
           (is_there || slot->pledge == NULL);
}

/* Less than all of an app's lock is paid. */
static bool touch_part(struct held *held, const struct item *item, u128 *paid)
{
    u128 whole = 0;
    if (!touch(held, item->slot, true, &whole) || item->lock.amount >= whole ||
        slot_of(held, held->side, item->slot)->pledge->kind == LOCK_OF_SECRET)
        return false;
    *paid += item->lock.amount;
    return true;
}

/* False: an item that does not read, or that is about a lock that is not so. */
static bool add_up(struct held *held, bytes items, struct tally *out)
{
    *out = (struct tally){0};
    held->updates++;
    for (struct item item; items.size != 0;) {
        if (item_read(&items, &item) != ST_OK)
            return false;
        switch (item.kind) {
        case ITEM_PAY:
            out->paid += item.lock.amount;
            break;
        case ITEM_ADD:
        case ITEM_STAKE:
            if (!touch(held, item.slot, false, &out->added))
                return false;
            out->added += item.lock.amount;
            break;
        case ITEM_PAID:
            if (!touch(held, item.slot, true, &out->settled))
                return false;
            break;
        case ITEM_DROP:
            if (!touch(held, item.slot, true, &out->dropped))
                return false;
            break;
        case ITEM_PART:
            if (!touch_part(held, &item, &out->settled))
                return false;
            break;
        case ITEM_SETTLE:
        case ITEM_FAIL:
            break;
        }
    }
    return true;
}

static enum status check_half(struct held *held, const struct half *half, bytes items,
                              struct tally *tally, struct err *err)
{
    u32 side = held->side;
    if (held->is_closed)
        return fail(err, ST_INVALID, "the signer has signed this channel's close");
    if (half->side != side)
        return fail(err, ST_INVALID, "the signer signs no half of another side's");
    if (half->epoch != held->epoch || half->seq != held->seq + 1)
        return fail(
            err, ST_INVALID,
            "the signer has signed half %lu of epoch %lu, and not the one before %lu of %lu",
            held->seq, held->epoch, half->seq, half->epoch);
    *tally = (struct tally){.paid = half->sent - held->sent[side]};
    if ((!has_same_locks(held, half) && !add_up(held, items, tally)) ||
        half->sent < held->sent[side] ||
        half->sent != held->sent[side] + tally->paid + tally->settled ||
        half->locked + tally->settled + tally->dropped != held->locked[side] + tally->added)
        return fail(err, ST_INVALID, "the half is not what its items say");
    if (tally->paid > held->direct)
        return fail(err, ST_INVALID, "the half pays what was not allowed");
    return ST_OK;
}

static bool makes_lock(const struct item *item)
{
    return item->kind == ITEM_ADD || item->kind == ITEM_STAKE;
}

/* All of the update's new locks, or none. */
static enum status add_locks(struct limited_signer *signer, struct held *held, bytes items,
                             struct err *err)
{
    bytes left = items;
    u32 failed = LOCKS_MOST;
    for (struct item item; left.size != 0 && item_read(&left, &item) == ST_OK;)
        if (makes_lock(&item) && !add_ours(signer, held, item.slot, &item.lock)) {
            failed = item.slot;
            break;
        }
    if (failed == LOCKS_MOST)
        return ST_OK;
    for (struct item item; items.size != 0 && item_read(&items, &item) == ST_OK;) {
        if (makes_lock(&item) && item.slot == failed)
            break;
        if (makes_lock(&item))
            take_back(signer, held, item.slot);
    }
    return fail(err, ST_INVALID,
                "the half locks what no payment was allowed for, and no peer's lock covers");
}

static void end_locks(struct limited_signer *signer, struct held *held, u64 seq, bytes items)
{
    for (struct item item; items.size != 0 && item_read(&items, &item) == ST_OK;) {
        if (item.kind == ITEM_PAID)
            let_go(signer, slot_of(held, held->side, item.slot));
        if (item.kind == ITEM_DROP)
            drop_ours(held, seq, item.slot);
        if (item.kind == ITEM_PART)
            cut_ours(held, item.slot, item.lock.amount);
    }
}

static enum status judge_half(struct limited_signer *signer, struct held *held,
                              const struct half *half, bytes items, struct err *err)
{
    struct tally tally;
    TRY(check_half(held, half, items, &tally, err));
    if (tally.added != 0)
        TRY(add_locks(signer, held, items, err));
    if ((tally.settled | tally.dropped) != 0)
        end_locks(signer, held, half->seq, items);
    held->direct -= tally.paid;
    held->seq = half->seq;
    held->sent[held->side] = half->sent;
    held->locked[held->side] = half->locked;
    held->root[held->side] = half->root;
    return ST_OK;
}

/* --- Other states. */

/* Deposits and withdrawals in a base only say what its balances take into account. */
static i128 net_of(const struct base *base, u32 side)
{
    return (i128)base->balance[side] - (i128)base->deposited[side] + (i128)base->withdrawn[side];
}

/* What the halves have moved becomes part of the base. */
static void fold(struct held *held)
{
    i128 sent = (i128)held->sent[0] - (i128)held->sent[1];
    held->net[0] -= sent;
    held->net[1] += sent;
    held->sent[0] = held->sent[1] = 0;
}

static bool is_small(const struct base *base)
{
    u128 all = 0;
    for (u32 side = 0; side < 2; side++)
        all |= base->balance[side] | base->deposited[side] | base->withdrawn[side];
    return all >> 125 == 0;
}

static enum status judge_base(struct limited_signer *signer, struct held *held,
                              const struct base *base, struct err *err)
{
    i128 sent = (i128)held->sent[0] - (i128)held->sent[1];
    if (held->is_closed)
        return fail(err, ST_INVALID, "the signer has signed this channel's close");
    if (base->epoch <= held->epoch)
        return fail(err, ST_INVALID, "the signer has signed in epoch %lu, and signs no base of %lu",
                    held->epoch, base->epoch);
    if (!is_small(base) || net_of(base, 0) != held->net[0] - sent ||
        net_of(base, 1) != held->net[1] + sent || base->locked[0] != held->locked[0] ||
        base->locked[1] != held->locked[1] || !hash32_equal(base->root[0], held->root[0]) ||
        !hash32_equal(base->root[1], held->root[1]))
        return fail(err, ST_INVALID, "the base is not what the newest halves come to");
    take_back_acknowledged(signer, held, UINT64_MAX);
    fold(held);
    held->epoch = base->epoch;
    held->seq = 0;
    return ST_OK;
}

static enum status judge_close(struct held *held, const struct channel_close *close,
                               struct err *err)
{
    i128 net = (i128)held->sent[0] - (i128)held->sent[1] - held->net[0];
    if (held->is_closed && (close->net != held->close.net || close->until_s != held->close.until_s))
        return fail(err, ST_INVALID, "the signer has signed another close");
    if (close->net != net || (held->locked[0] | held->locked[1]) != 0)
        return fail(err, ST_INVALID, "the close is not what the newest halves come to");
    held->is_closed = true;
    held->close = *close;
    return ST_OK;
}

static enum status judge_withdraw(const struct held *held, const struct channel_withdraw *withdraw,
                                  struct err *err)
{
    if (held->is_closed)
        return fail(err, ST_INVALID, "the signer has signed this channel's close");
    if (withdraw->side > 1 || withdraw->total == 0 || withdraw->total >= CHANNEL_AMOUNT_LIMIT)
        return fail(err, ST_INVALID, "no withdrawal");
    return ST_OK;
}

/* --- The question. */

/* Statuses as of signer_sign; ST_OK: what was asked for is done with, but for a signature. */
static enum status judge(struct limited_signer *signer, struct held *held,
                         const struct sign_request *request, hash32 *digest, struct err *err)
{
    hash32 id = held->name.id, hash = {{0}};
    switch (request->kind) {
    case SIGN_HALF:
        TRY(judge_half(signer, held, request->half, request->items, err));
        hash = half_hash(id, request->half);
        break;
    case SIGN_ENDORSEMENT:
        if (request->half->side == held->side)
            return fail(err, ST_INVALID, "the signer endorses no half of its own");
        hash = half_hash(id, request->half);
        break;
    case SIGN_BASE:
        TRY(judge_base(signer, held, request->base, err));
        hash = base_hash(id, request->base);
        break;
    case SIGN_CLOSE:
        TRY(judge_close(held, request->close, err));
        hash = close_hash(id, request->close);
        break;
    case SIGN_WITHDRAW:
        TRY(judge_withdraw(held, request->withdraw, err));
        hash = withdraw_hash(id, request->withdraw);
        break;
    case SIGN_ANNOUNCE:
        *digest = gossip_announce_digest(request->announce);
        return ST_OK;
    case SIGN_TOWER: {
        point33 node = keyring_node(signer->options.ring);
        *digest = tower_claim_digest(id, &node);
        return ST_OK;
    }
    case SIGN_APP:
    case SIGN_PAYMENT:
    case SIGN_DEPOSIT:
        bug("not of a channel");
    }
    *digest = signed_digest(held->name.domain, hash);
    return ST_OK;
}

static enum status sign_app(struct limited_signer *signer, const struct sign_app *app,
                            signature64 *out, struct err *err)
{
    hash32 digest;
    TRY(signed_apps_judge(&signer->apps, app, &digest, err));
    return secret_sign(keyring_node_secret(signer->options.ring), digest, out);
}

enum status signer_sign(struct limited_signer *signer, const struct sign_request *request,
                        signature64 *out, struct err *err)
{
    hash32 digest;
    signer->why = (struct signer_refusal){.limit = LIMIT_NONE};
    if (request->kind == SIGN_PAYMENT)
        return allow_payment(signer, request->payment, err);
    if (request->kind == SIGN_DEPOSIT)
        return allow_deposit(signer, request->deposit, err);
    if (request->kind == SIGN_APP)
        return sign_app(signer, request->app, out, err);
    struct held *held = held_of(signer, request->key);
    if (!held->is_known || !hash32_equal(held->name.id, request->name->id))
        return fail(err, ST_INVALID, "the signer does not know this channel");
    TRY(judge(signer, held, request, &digest, err));
    held->has_signed = true;
    return secret_sign(&held->secret, digest, out);
}

const struct signer_refusal *signer_why(const struct limited_signer *signer)
{
    return &signer->why;
}

static enum status sign(void *self, const struct sign_request *request, signature64 *out,
                        struct err *err)
{
    return signer_sign(self, request, out, err);
}

struct channel_signer signer_of_channels(struct limited_signer *signer)
{
    return (struct channel_signer){signer, sign};
}

/* --- Apps. */

enum status signer_app_begin(struct limited_signer *signer, const struct signer_app *app,
                             struct err *err)
{
    address who = app->player;
    if (!signer_remembers(signer))
        TRY(secret_address(keyring_node_secret(signer->options.ring), &who));
    if (!address_equal(who, app->player))
        return fail(err, ST_INVALID, "the app names another player");
    return signed_apps_begin(&signer->apps, app, err);
}

void signer_app_agree(struct limited_signer *signer, hash32 id, u64 version)
{
    signed_apps_agree(&signer->apps, id, version);
}

void signer_app_note(struct limited_signer *signer, hash32 id, u64 version)
{
    signed_apps_note(&signer->apps, id, version);
}

void signer_app_end(struct limited_signer *signer, hash32 id)
{
    signed_apps_end(&signer->apps, id);
}

bool signer_app_is_over(const struct limited_signer *signer, hash32 id, u64 expiry_s)
{
    return signed_apps_is_over(&signer->apps, id, expiry_s);
}

const struct apps_over *signer_apps_over(const struct limited_signer *signer)
{
    return &signer->apps.over;
}

void signer_apps_add_over(struct limited_signer *signer, const struct app_over *list, usize count,
                          u64 until_s)
{
    signed_apps_add_over(&signer->apps, list, count, until_s);
}

/* --- After a restart or a restore. */

static void raise_mark(struct held *held, u64 epoch, u64 seq)
{
    held->has_signed |= (epoch | seq) != 0;
    if (epoch > held->epoch)
        held->seq = 0;
    if (epoch < held->epoch)
        return;
    held->epoch = epoch;
    held->seq = seq > held->seq ? seq : held->seq;
}

void signer_note(struct limited_signer *signer, u32 key, u64 epoch, u64 seq)
{
    struct held *held = held_of(signer, key);
    raise_mark(held, epoch, seq);
    held->has_signed = true;
}

void signer_noted(struct limited_signer *signer, u32 key, u64 *epoch, u64 *seq)
{
    const struct held *held = held_of(signer, key);
    *epoch = held->epoch;
    *seq = held->seq;
}

void signer_adopt(struct limited_signer *signer, u32 key, const struct channel_newest *newest,
                  const struct locks *peers)
{
    struct held *held = held_of(signer, key);
    forget_locks(signer, held);
    raise_mark(held, newest->base.epoch, newest->half[held->side].seq);
    raise_mark(held, newest->signed_epoch, 0);
    for (u32 side = 0; side < 2; side++) {
        held->net[side] = net_of(&newest->base, side);
        held->sent[side] = newest->half[side].sent;
        held->locked[side] = newest->half[side].locked;
        held->root[side] = newest->half[side].root;
    }
    if (held->epoch > newest->base.epoch)
        fold(held);
    for (u32 slot = 0; slot < locks_end(peers); slot++) {
        struct lock lock = locks_get(peers, slot);
        add_theirs(signer, held, slot, &lock);
    }
}

/* Signed before: what peers' locks do not cover was counted then. */
void signer_adopt_locks(struct limited_signer *signer, u32 key, const struct locks *ours)
{
    struct held *held = held_of(signer, key);
    for (u32 number = 0; number < locks_end(ours); number++) {
        struct lock lock = locks_get(ours, number);
        if (lock.amount == 0)
            continue;
        struct pledge *pledge = pledge_of(signer, lock.key, lock.kind, held->chain_id, held->asset);
        u128 cover = smaller(lock.amount, pledge->cover);
        pledge->cover -= cover;
        pledge->locks++;
        *slot_of(held, held->side, number) =
            (struct slot){.pledge = pledge, .amount = lock.amount, .cover = cover};
    }
}
