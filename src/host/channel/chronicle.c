/* What happens, as rows of the history. An id begins with what it is of, and goes on with what the
 * journal has of it too, so that a start makes the same ones:
 *
 *     's' ‖ hash          a payment of ours       'r' ‖ hash      an invoice, or a gift to us
 *     'f' ‖ hash ‖ place  one that passed: the channel and slot that it came in by
 *     'l' ‖ hash ‖ place  a lock of before a restore of which nobody knows what it is for
 *     'c' ‖ index         a channel that money was in
 *     'd' ‖ index ‖ side ‖ epoch ‖ seq ‖ item     payments in one channel, by whose update has them
 *
 * Only what was paid is told of what others send here or through here: failing costs them nothing.
 */
#include "channel/daemon_records.h"
#include "channel/history.h"

#include "sys/clock.h"

static u64 now_s(const struct daemon *daemon)
{
    return daemon->replaying ? daemon->journal_s : clock_wall_ms() / 1000;
}

static struct history_id id_of(u8 kind, bytes name)
{
    struct history_id id = {.data = {kind}, .size = (u8)(1 + name.size)};
    assert(name.size < sizeof(id.data));
    bytes_copy(id.data + 1, name);
    return id;
}

static struct history_row row_of(const struct daemon *daemon, enum history_kind kind,
                                 enum history_state state)
{
    struct history_row row;
    memset(&row, 0, sizeof(row));
    row.kind = (u8)kind;
    row.state = (u8)state;
    row.begun_s = now_s(daemon);
    row.ended_s = state == HISTORY_PENDING || state == HISTORY_OPEN ? 0 : row.begun_s;
    return row;
}

/* The money that a channel is of. */
static void set_channel(struct history_row *row, const struct entry *entry)
{
    const struct channel_terms *terms = channel_terms(entry->channel);
    row->channel = channel_name(entry->channel)->id;
    row->chain_id = terms->chain_id;
    row->asset = terms->asset;
    row->node = entry->peer->node;
}

/* --- In one channel. */

static struct history_id id_of_direct(const struct entry *entry, bool ours,
                                      const struct wire_update *update, u32 item)
{
    u8 name[4 + 1 + 8 + 8 + 4];
    store_be32(name, entry->index);
    name[4] = ours;
    store_be64(name + 5, update->epoch);
    store_be64(name + 13, update->seq);
    store_be32(name + 21, item);
    return id_of('d', BYTES_OF(name));
}

static bool is_alike(const struct item *a, const struct item *b)
{
    return b->kind == ITEM_PAY && a->lock.amount == b->lock.amount &&
           hash32_equal(a->reference, b->reference);
}

/* Those that follow each other and are alike are one row. */
void chronicle_update(const struct entry *entry, bool ours, const struct wire_update *update)
{
    struct daemon *daemon = entry->daemon;
    bytes items = update->items;
    struct item item, next;
    bool has_item = daemon->history != NULL && items.size != 0 && item_read(&items, &item) == ST_OK;
    for (u32 at = 0, count; has_item; at += count) {
        count = 1;
        has_item = false;
        while (items.size != 0 && item_read(&items, &next) == ST_OK) {
            has_item = item.kind != ITEM_PAY || !is_alike(&item, &next);
            if (has_item)
                break;
            count++;
        }
        if (item.kind == ITEM_PAY) {
            struct history_row row =
                row_of(daemon, ours ? HISTORY_SENT : HISTORY_RECEIVED, HISTORY_PAID);
            struct history_id id = id_of_direct(entry, ours, update, at);
            set_channel(&row, entry);
            row.name = item.reference;
            row.amount = item.lock.amount;
            row.count = count == 1 ? 0 : count;
            history_put(daemon->history, &id, &row);
        }
        item = next;
    }
}

/* --- Over several hops. */

static struct history_id id_of_sent(hash32 hash)
{
    return id_of('s', BYTES_OF(hash));
}

static struct history_id id_of_received(hash32 hash)
{
    return id_of('r', BYTES_OF(hash));
}

void chronicle_payment(struct payment *payment)
{
    static const enum history_state states[] = {
        [PAYMENT_PENDING] = HISTORY_PENDING,
        [PAYMENT_PAID] = HISTORY_PAID,
        [PAYMENT_FAILED] = HISTORY_FAILED,
    };
    const struct payment_terms *terms = &payment->terms;
    struct history_row row = row_of(payment->daemon, HISTORY_SENT, states[payment->state]);
    struct history_id id = id_of_sent(terms->hash);
    row.name = terms->hash;
    row.chain_id = terms->chain_id;
    row.asset = terms->asset;
    row.amount = terms->amount;
    row.fee = payment->state == PAYMENT_PAID ? payment->fee : 0;
    row.preimage = payment->preimage;
    row.node = terms->node;
    payment->told = history_put(payment->daemon->history, &id, &row);
}

/* `received`: nothing yet, where it is zero. */
u64 chronicle_bill(struct daemon *daemon, const struct bill_terms *terms, hash32 hash,
                   u128 received)
{
    struct history_row row =
        row_of(daemon, HISTORY_RECEIVED, received == 0 ? HISTORY_PENDING : HISTORY_PAID);
    struct history_id id = id_of_received(hash);
    row.name = hash;
    row.chain_id = terms->chain_id;
    row.asset = terms->asset;
    row.amount = received == 0 ? terms->amount : received;
    row.preimage = received == 0 ? (hash32){{0}} : terms->preimage;
    row.expiry_s = terms->expiry_s;
    return history_put(daemon->history, &id, &row);
}

void chronicle_gift(const struct entry *entry, const struct lock *lock, hash32 preimage)
{
    struct history_row row = row_of(entry->daemon, HISTORY_RECEIVED, HISTORY_PAID);
    struct history_id id = id_of_received(lock->key);
    set_channel(&row, entry);
    row.node = (point33){{0}}; /* who sent it is not known */
    row.name = lock->key;
    row.amount = lock->amount;
    row.preimage = preimage;
    history_put(entry->daemon->history, &id, &row);
}

void chronicle_text(const struct daemon *daemon, hash32 hash, bool is_ours, bytes text)
{
    struct history_id id = is_ours ? id_of_sent(hash) : id_of_received(hash);
    history_put_text(daemon->history, &id, text);
}

static struct lock lock_of(const struct entry *entry, bool ours, u32 slot)
{
    u32 side = channel_side(entry->channel);
    return locks_get(channel_locks(entry->channel, ours ? side : 1 - side), slot);
}

/* Both its locks are there yet. */
void chronicle_forward(const struct passage *passage, hash32 preimage)
{
    u8 name[sizeof(hash32) + 8];
    const struct entry *in = passage->in, *out = passage->out;
    struct lock from = lock_of(in, false, passage->in_slot);
    struct lock to = lock_of(out, true, passage->out_slot);
    struct history_row row = row_of(in->daemon, HISTORY_FORWARDED, HISTORY_PAID);
    memcpy(name, passage->key.b, sizeof(passage->key.b));
    store_be32(name + 32, in->index);
    store_be32(name + 36, passage->in_slot);
    struct history_id id = id_of('f', BYTES_OF(name));
    set_channel(&row, in);
    row.node = (point33){{0}};
    row.out = channel_name(out->channel)->id;
    row.name = passage->key;
    row.amount = to.amount;
    row.fee = from.amount > to.amount ? from.amount - to.amount : 0;
    row.preimage = preimage;
    history_put(in->daemon->history, &id, &row);
}

void chronicle_loose(const struct entry *entry, const struct loose_lock *loose)
{
    u8 name[sizeof(hash32) + 9];
    struct history_row row =
        row_of(entry->daemon, loose->ours != 0 ? HISTORY_SENT : HISTORY_RECEIVED, HISTORY_PAID);
    memcpy(name, loose->key.b, sizeof(loose->key.b));
    store_be32(name + 32, entry->index);
    store_be32(name + 36, (u32)loose->slot);
    name[40] = loose->ours != 0;
    struct history_id id = id_of('l', BYTES_OF(name));
    set_channel(&row, entry);
    row.node = (point33){{0}}; /* where it began or ended is not known */
    row.name = loose->key;
    row.amount = loose->amount;
    row.preimage = loose->preimage;
    row.found = 1;
    history_put(entry->daemon->history, &id, &row);
}

/* --- Channels. */

void chronicle_channel(const struct entry *entry)
{
    u8 name[4];
    u128 deposited[2], withdrawn[2];
    bool is_closed = entry->stage == STAGE_CLOSED;
    channel_seen(entry->channel, deposited, withdrawn);
    if ((deposited[0] | deposited[1]) == 0)
        return;
    struct history_row row =
        row_of(entry->daemon, HISTORY_CHANNEL, is_closed ? HISTORY_CLOSED : HISTORY_OPEN);
    store_be32(name, entry->index);
    struct history_id id = id_of('c', BYTES_OF(name));
    set_channel(&row, entry);
    row.name = row.channel;
    row.amount = channel_funds(entry->channel, channel_side(entry->channel));
    history_put(entry->daemon->history, &id, &row);
}

/* --- Looking it up, when memory has it no more. */

bool chronicle_was_paid(const struct daemon *daemon, hash32 hash)
{
    struct history_id id = id_of_sent(hash);
    struct history_row row;
    return history_get(daemon->shelf, &id, &row) == ST_OK && row.state == HISTORY_PAID;
}

bool chronicle_bill_state(const struct daemon *daemon, hash32 hash, u128 *received)
{
    struct history_id id = id_of_received(hash);
    struct history_row row;
    if (history_get(daemon->shelf, &id, &row) != ST_OK || row.expiry_s == 0)
        return false;
    *received = row.state == HISTORY_PAID ? row.amount : 0;
    return true;
}
