/* The journal, written anew: what a start makes of it takes its place.
 *
 *     old journal ── replayed, on a thread of its own, into a daemon without peers and chains ──>
 *     image: a record for each thing that lives ── and what has come meanwhile ──> new journal
 *
 * So there is one way in which records mean something, and payments go on meanwhile; wal.h changes
 * the files. What only a dispute over an old half would need goes to the shelf (bygone.h), durable
 * before the journal is replaced; told twice after a crash, it is no harm.
 *
 *     CHANNEL   index ‖ what the entry knows ‖ image.h's image
 *     JOINED    a passage, with what has become of it
 *     PAID      a payment that is: its hash ‖ preimage
 *     ANEW      the next key ‖ bytes of the image, which ends here
 *
 * The others are as they always are. Records of a chain that this run does not have are kept. */
#include "channel/app.h"
#include "channel/bygone.h"
#include "channel/daemon_locks.h"
#include "channel/daemon_records.h"
#include "channel/image.h"
#include "channel/subscriptions.h"

#include "sys/clock.h"
#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

enum {
    GROWTH = 4, /* times what lives: then it is due */
    USUAL_LIMIT = 16 << 20,
    AGAIN_MS = 600000, /* after a failure; or when it is twice as long */
};

/* --- What an entry knows beside its channel. */

static void put_entry(const struct entry *entry, struct image *out)
{
    image_put_number(out, entry->wanted, 16);
    image_put_number(out, entry->stage, 1);
    image_put_number(out, entry->ends, 1);
    image_put_number(out, entry->closes, 1);
    for (u32 side = 0; side < 2; side++) {
        image_put_number(out, entry->stopped[side], 1);
        image_put_number(out, entry->has_close[side], 1);
        image_put(out, BYTES_OF(entry->close_signature[side]));
    }
    image_put_number(out, (u128)entry->close.net, 16);
    image_put_number(out, entry->close.until_s, 8);
    image_put_number(out, entry->lost_until_s, 8);
    image_put_number(out, entry->force_until_s, 8);
    image_put_number(out, entry->paid_in, 8);
    image_put_number(out, entry->paid_out, 8);
    image_put_number(out, entry->sum_in, 16);
    image_put_number(out, entry->sum_out, 16);
}

static bool get_flag(struct image_reader *in)
{
    return image_get_number(in, 1) != 0;
}

static void get_entry(struct image_reader *in, struct entry *entry)
{
    entry->wanted = image_get_number(in, 16);
    u64 stage = (u64)image_get_number(in, 1);
    in->failed |= stage > STAGE_CLOSED;
    entry->stage = in->failed ? STAGE_OPEN : (enum stage)stage;
    entry->ends = get_flag(in);
    entry->closes = get_flag(in);
    for (u32 side = 0; side < 2; side++) {
        entry->stopped[side] = get_flag(in);
        entry->has_close[side] = get_flag(in);
        image_get(in, entry->close_signature[side].b, sizeof(entry->close_signature[side].b));
    }
    entry->close.net = (i128)image_get_number(in, 16);
    entry->close.until_s = (u64)image_get_number(in, 8);
    entry->lost_until_s = (u64)image_get_number(in, 8);
    entry->force_until_s = (u64)image_get_number(in, 8);
    entry->paid_in = (u64)image_get_number(in, 8);
    entry->paid_out = (u64)image_get_number(in, 8);
    entry->sum_in = image_get_number(in, 16);
    entry->sum_out = image_get_number(in, 16);
}

/* --- Records. */

struct joined {
    u32 in, in_slot, out, out_slot; /* NO_CHANNEL: there is none */
    hash32 key, preimage, payment;  /* payment: of ours, if `is_part` */
    u64 expiry_s;
    u32 state, is_part;
};

enum { NO_CHANNEL = -1 };

struct anew {
    u64 next_key, size;
};

static void record_channel(const struct entry *entry, struct wal *out)
{
    struct image image = {0};
    put_entry(entry, &image);
    image_of(entry->channel, &image);
    bytes parts[] = {BYTES_OF(entry->index), {image.data, image.size}};
    wal_put(out, RECORD_CHANNEL, parts, countof(parts));
    free(image.data);
}

static void record_joined(const struct passage *passage, struct wal *out)
{
    struct joined joined;
    memset(&joined, 0, sizeof(joined));
    joined.in = passage->in == NULL ? (u32)NO_CHANNEL : passage->in->index;
    joined.out = passage->out == NULL ? (u32)NO_CHANNEL : passage->out->index;
    joined.in_slot = passage->in_slot;
    joined.out_slot = passage->out_slot;
    joined.key = passage->key;
    joined.preimage = passage->preimage;
    joined.expiry_s = passage->expiry_s;
    joined.state = passage->state;
    joined.is_part = passage->part != NULL;
    if (passage->part != NULL)
        joined.payment = part_payment(passage->part)->terms.hash;
    bytes payload = BYTES_OF(joined);
    wal_put(out, RECORD_JOINED, &payload, 1);
}

static void record_paid(const struct payment *payment, struct wal *out)
{
    bytes parts[] = {BYTES_OF(payment->terms.hash), BYTES_OF(payment->preimage)};
    wal_put(out, RECORD_PAID, parts, countof(parts));
}

enum status anew_read_channel(struct entry *entry, bytes content, struct err *err)
{
    struct image_reader in = {.left = content};
    get_entry(&in, entry);
    if (image_take(entry->channel, &in, err) != ST_OK || in.left.size != 0)
        return fail(err, ST_CORRUPT, "the journal has an image of a channel that does not read");
    if (entry->stage == STAGE_CLOSED)
        entry->peer->channels--;
    return ST_OK;
}

static bool is_place(const struct daemon *daemon, u32 channel, u32 slot)
{
    return channel == (u32)NO_CHANNEL || (channel < daemon->entry_count && slot < LOCKS_MOST);
}

static struct entry *entry_at(const struct daemon *daemon, u32 channel)
{
    return channel == (u32)NO_CHANNEL ? NULL : daemon->entries[channel];
}

enum status anew_read_joined(struct daemon *daemon, bytes payload, struct err *err)
{
    struct joined joined = {.is_part = 0};
    if (payload.size == sizeof(joined))
        bytes_copy(&joined, payload);
    struct payment *payment = joined.is_part != 0 ? payment_find(daemon, joined.payment) : NULL;
    if (payload.size != sizeof(joined) || !is_place(daemon, joined.in, joined.in_slot) ||
        !is_place(daemon, joined.out, joined.out_slot) || joined.state > PASSAGE_DROPPED ||
        (joined.in == (u32)NO_CHANNEL && joined.out == (u32)NO_CHANNEL) ||
        (joined.is_part != 0 && payment == NULL))
        return fail(err, ST_CORRUPT, "the journal has a passage that does not read");
    passage_put_back(&(struct passage){.in = entry_at(daemon, joined.in),
                                       .in_slot = joined.in_slot,
                                       .out = entry_at(daemon, joined.out),
                                       .out_slot = joined.out_slot,
                                       .key = joined.key,
                                       .expiry_s = joined.expiry_s,
                                       .state = (int)joined.state,
                                       .preimage = joined.preimage,
                                       .part = payment == NULL ? NULL : part_add(payment)});
    return ST_OK;
}

enum status anew_read_paid(struct daemon *daemon, bytes payload, struct err *err)
{
    hash32 parts[2];
    struct payment *payment = NULL;
    if (payload.size == sizeof(parts)) {
        bytes_copy(parts, payload);
        payment = payment_find(daemon, parts[0]);
    }
    if (payment == NULL)
        return fail(err, ST_CORRUPT, "the journal has a payment's end that does not read");
    payment->state = PAYMENT_PAID;
    payment->preimage = parts[1];
    return ST_OK;
}

enum status anew_read_end(struct daemon *daemon, bytes payload, struct err *err)
{
    struct anew anew;
    if (payload.size != sizeof(anew))
        return fail(err, ST_CORRUPT, "the journal has an image's end that does not read");
    bytes_copy(&anew, payload);
    if (anew.next_key >= KEYRING_LIMIT)
        return fail(err, ST_CORRUPT, "the journal has a key that there is not");
    daemon->next_key = max_u64(daemon->next_key, anew.next_key) & UINT32_MAX;
    daemon->journal_lives = anew.size;
    return ST_OK;
}

/* --- A daemon that only remembers. */

static struct daemon *shadow_new(const struct daemon *of)
{
    struct daemon *shadow = calloc(1, sizeof(*shadow));
    assert(shadow != NULL);
    shadow->options = of->options;
    shadow->ring = of->ring; /* whose secrets it derives */
    shadow->free_place = (u32)NO_PLACE;
    shadow->replaying = true;
    shadow->subscriptions = subscriptions_new();
    struct signer_options signer = {.self = shadow, .keep = record_spent};
    shadow->keys = signer_new(&signer);
    shadow->chain_count = of->chain_count;
    shadow->chains = calloc(of->chain_count + 1, sizeof(shadow->chains[0]));
    assert(shadow->chains != NULL);
    for (usize i = 0; i < of->chain_count; i++) {
        shadow->chains[i].daemon = shadow;
        shadow->chains[i].chain_id = of->chains[i].chain_id;
        shadow->chains[i].adjudicator = of->chains[i].adjudicator;
        shadow->chains[i].time_s = of->chains[i].time_s;
        shadow->chains[i].account = account_signer_new(&of->options.signer, of->options.limits);
        account_signer_bind(shadow->chains[i].account, of->chains[i].chain_id,
                            of->chains[i].adjudicator, onchain_registry(of->chains[i].chain),
                            onchain_court(of->chains[i].chain));
    }
    return shadow;
}

/* --- Writing it. */

struct writing {
    struct daemon *shadow;
    struct wal *out;
    struct shelf_change *change;
};

/* Of a chain without a URL in this run. */
static bool is_foreign(struct daemon *shadow, u8 kind, bytes payload)
{
    u64 chain_id;
    if ((kind != RECORD_BLOCK && kind != RECORD_SHOWN && kind != RECORD_PUBLIC &&
         kind != RECORD_FEES) ||
        payload.size < sizeof(chain_id))
        return false;
    bytes_copy(&chain_id, bytes_slice(payload, 0, sizeof(chain_id)));
    return daemon_chain(shadow, chain_id) == NULL;
}

/* Of an update: what its journal would still know of older halves. */
static enum status keep_locks(const struct writing *at, u8 kind, bytes payload, struct err *err)
{
    struct wire_message message;
    u32 index;
    if ((kind != RECORD_SENT && kind != RECORD_RECEIVED) || payload.size < sizeof(index))
        return ST_OK;
    bytes_copy(&index, bytes_slice(payload, 0, sizeof(index)));
    const struct entry *entry = at->shadow->entries[index];
    if (entry->stage == STAGE_CLOSED ||
        wire_decode(bytes_slice(payload, sizeof(index), payload.size), &message, err) != ST_OK ||
        message.type != WIRE_UPDATE)
        return ST_OK;
    u32 side = channel_side(entry->channel);
    return bygone_put(at->change, index, kind == RECORD_SENT ? side : 1 - side,
                      message.update.items, err);
}

static enum status take(void *self, u8 kind, bytes payload, struct err *err)
{
    struct writing *at = self;
    if (is_foreign(at->shadow, kind, payload)) {
        wal_put(at->out, kind, &payload, 1);
        return ST_OK;
    }
    TRY(record_replay(at->shadow, kind, payload, err));
    return keep_locks(at, kind, payload, err);
}

static void put_chain(struct chain_of *chain)
{
    record_block(chain);
    record_all_fees(chain);
    for (usize half = countof(chain->public); half-- > 0;)
        for (usize i = 0; i < chain->public[half].room; i++)
            if (chain->public[half].places[i].thing != NULL)
                record_public(chain, chain->public[half].places[i].key);
    for (usize i = 0; i < SHOWN_BUCKETS; i++)
        for (const struct shown *at = chain->shown[i]; at != NULL; at = at->next)
            record_shown(chain, &at->terms);
}

static void put_channels(const struct writing *at)
{
    for (u32 i = 0; i < at->shadow->entry_count; i++) {
        record_entry(at->shadow->entries[i]); /* with its peer's place of now */
        record_channel(at->shadow->entries[i], at->out);
        if (signer_has_signed(at->shadow->keys, at->shadow->entries[i]->key))
            record_signed(at->shadow->entries[i]);
    }
}

/* What is over is in the history. */
static void put_payments(const struct writing *at)
{
    for (u32 i = 0; i < at->shadow->entry_count; i++)
        holders_add_all(at->shadow->entries[i]);
    bills_forget(at->shadow);
    payments_forget(at->shadow);
    bills_record(at->shadow);
    for (const struct payment *payment = at->shadow->payments; payment != NULL;
         payment = payment->next) {
        if (payment_find(at->shadow, payment->terms.hash) != payment)
            continue; /* tried again later */
        record_payment(payment);
        if (payment->state == PAYMENT_PAID)
            record_paid(payment, at->out);
    }
}

/* Each once: by our lock, or where that is done with by the peer's. */
static void put_passages(const struct writing *at)
{
    for (u32 i = 0; i < at->shadow->entry_count; i++) {
        const struct entry *entry = at->shadow->entries[i];
        for (u32 slot = 0; slot < entry->out_room; slot++)
            if (entry->out[slot] != NULL)
                record_joined(entry->out[slot], at->out);
        for (u32 slot = 0; slot < entry->in_room; slot++)
            if (entry->in[slot] != NULL && entry->in[slot]->out == NULL)
                record_joined(entry->in[slot], at->out);
    }
}

static enum status forget_closed(const struct writing *at, struct err *err)
{
    for (u32 i = 0; i < at->shadow->entry_count; i++)
        if (at->shadow->entries[i]->stage == STAGE_CLOSED)
            TRY(bygone_drop(at->change, i, err));
    return ST_OK;
}

static enum status write(struct writing *at, struct wal_draft *draft, struct err *err)
{
    TRY(wal_draft_walk(draft, at, take, err));
    for (usize i = 0; i < at->shadow->chain_count; i++)
        put_chain(&at->shadow->chains[i]);
    put_channels(at);
    put_payments(at);
    put_passages(at);
    rejoin_record(at->shadow);
    apps_record(at->shadow);
    signer_keep_all(at->shadow->keys);
    record_time(at->shadow);
    struct anew end = {at->shadow->next_key, wal_draft_size(draft)};
    bytes payload = BYTES_OF(end);
    wal_put(at->out, RECORD_ANEW, &payload, 1);
    return forget_closed(at, err);
}

static enum status make(void *self, struct wal_draft *draft, struct err *err)
{
    const struct daemon *daemon = self;
    struct writing at = {.shadow = daemon->shadow, .out = wal_draft_out(draft)};
    at.shadow->wal = at.out;
    TRY(pages_reserve(app_room(), &at.shadow->pages, err));
    enum status st = history_wait(daemon->history, err);
    if (st == ST_OK)
        st = shelf_begin(daemon->shelf, &at.change, err);
    if (st == ST_OK)
        st = shelf_end(at.change, write(&at, draft, err), err);
    return st;
}

/* --- When. */

static void made(void *self, enum status st, const char *why)
{
    struct daemon *daemon = self;
    u64 size = wal_size(daemon->wal);
    daemon_forget(daemon->shadow);
    daemon->shadow = NULL;
    if (st != ST_OK) {
        daemon->journal_failed = size;
        log_warn("channel", "the journal cannot be written anew", LOG_TEXT("why", why));
        return;
    }
    daemon->journal_failed = 0;
    bills_forget(daemon);
    payments_forget(daemon);
    daemon->journal_lives = size; /* or less: what came meanwhile is behind it */
    log_info("channel", "the journal is written anew", LOG_U64("bytes", size),
             LOG_U64("ms", clock_now_ms() - daemon->journal_begun_ms));
}

void anew_tick(struct daemon *daemon)
{
    u64 limit = daemon->options.journal_limit == 0 ? USUAL_LIMIT : daemon->options.journal_limit;
    u64 size = wal_size(daemon->wal);
    struct wal_rewrite how = {daemon, make, made};
    struct err err;
    u64 now_ms = clock_now_ms();
    bool has_failed = daemon->journal_failed != 0 && size < 2 * daemon->journal_failed &&
                      now_ms < daemon->journal_begun_ms + AGAIN_MS;
    if (wal_is_rewriting(daemon->wal) || size < limit || size < GROWTH * daemon->journal_lives ||
        has_failed)
        return;
    daemon->journal_begun_ms = now_ms;
    daemon->shadow = shadow_new(daemon);
    if (wal_rewrite(daemon->wal, &how, &err) != ST_OK)
        made(daemon, ST_IO, err.text);
}
