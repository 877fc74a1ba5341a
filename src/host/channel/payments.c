/* Payments of ours over several hops.
 *
 * A payment is tried along routes that the caller names or that are looked for (seek.c), in one
 * part or several, each a lock in a channel of ours with an onion around it. It is paid when the
 * first preimage comes, and has failed when no part is under way and no route is left. Both are in
 * the journal, so that a payment is never made twice. */
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"
#include "channel/daemon_records.h"
#include "channel/network.h"
#include "channel/subscriptions.h"

#include "sys/entropy.h"

#include <assert.h>
#include <stdlib.h>

enum { LIFE_S = 3600 }; /* of a payment's locks, besides the hops' margins */

/* A lock of a payment, while it is under way. */
struct part {
    struct payment *payment;
    struct plan plan;
    secret32 shared[PLAN_HOPS]; /* with each hop; zeros after a restart */
    usize shared_count;         /* 0: after a restart. A blinded end has more hops than the plan */
};

struct payment *payment_find(const struct daemon *daemon, hash32 hash)
{
    return by_hash_get(&daemon->payments_by_hash, hash);
}

struct payment *payment_add(struct daemon *daemon, const struct payment_terms *terms)
{
    struct payment *payment = calloc(1, sizeof(*payment));
    assert(payment != NULL);
    payment->terms = *terms;
    payment->terms.text = BYTES_EMPTY;
    payment->daemon = daemon;
    payment->next = daemon->payments;
    daemon->payments = payment;
    by_hash_put(&daemon->payments_by_hash, terms->hash, payment);
    return payment;
}

void payments_free(struct daemon *daemon)
{
    while (daemon->payments != NULL) {
        struct payment *next = daemon->payments->next;
        seek_free(daemon->payments->seek);
        free(daemon->payments->way);
        free(daemon->payments->ends);
        free(daemon->payments);
        daemon->payments = next;
    }
    by_hash_free(&daemon->payments_by_hash);
}

/* --- Parts. */

/* After a restart nobody knows. */
static u128 arrives(const struct plan *plan)
{
    return plan->count == 0 ? 0 : plan->amount[plan->count - 1];
}

static u128 fee_of(const struct plan *plan)
{
    return plan->count == 0 ? 0 : plan->amount[0] - arrives(plan);
}

/* The blinded path at whose first node the plan leads; NULL: it leads to the payee itself, or
 * nobody knows. */
static struct blind_end *end_of(const struct payment *payment, const struct plan *plan)
{
    struct blind_ends *ends = payment->ends;
    for (usize i = 0; ends != NULL && plan->count > 0 && i < ends->count; i++)
        if (hash32_equal(ends->at[i].name, plan->by[plan->count - 1].id))
            return &ends->at[i];
    return NULL;
}

static struct part *part_new(struct payment *payment, const struct plan *plan)
{
    struct blind_end *end = end_of(payment, plan);
    struct part *part = calloc(1, sizeof(*part));
    assert(part != NULL);
    part->payment = payment;
    part->plan = *plan;
    payment->under_way++;
    payment->sent += arrives(plan);
    payment->fee += fee_of(plan);
    if (end != NULL)
        end->used += arrives(plan);
    return part;
}

/* Of our own money; `fee`: for all of its parts. */
static struct sign_payment spending_of(const struct payment_terms *terms, u64 chain_id, u128 fee)
{
    return (struct sign_payment){
        .chain_id = chain_id,
        .asset = terms->asset,
        .hash = terms->hash,
        .amount = terms->amount,
        .count = 1,
        .fee = fee,
        .now_s = network_now_s(),
    };
}

/* What the signer allowed, and nothing came of, may be spent again. */
static void release_if_over(const struct payment *payment)
{
    struct sign_payment spending = spending_of(&payment->terms, payment->from_chain, 0);
    if (payment->under_way == 0 && payment->state != PAYMENT_PENDING)
        signer_release(payment->daemon->keys, &spending, 0);
}

/* What it was to bring comes back, unless it was paid. */
static void part_end(struct part *part, bool is_paid)
{
    struct payment *payment = part->payment;
    struct blind_end *end = end_of(payment, &part->plan);
    payment->under_way--;
    if (!is_paid) {
        payment->sent -= arrives(&part->plan);
        payment->fee -= fee_of(&part->plan);
        if (end != NULL)
            end->used -= arrives(&part->plan);
    }
    secret_wipe(part);
    free(part);
    release_if_over(payment);
}

static u64 chain_of_hop(const struct part *part, usize hop)
{
    u64 chain_id = part->plan.chain_id[hop];
    return chain_id == 0 ? part->payment->terms.chain_id : chain_id;
}

/* The expiry of the lock to a hop: the payee's, and more for each crossing after it. */
static u64 expiry_of_hop(const struct part *part, usize hop, u64 expiry_s)
{
    for (usize i = part->plan.count; i-- > hop + 1;)
        if (chain_of_hop(part, i) != chain_of_hop(part, i - 1))
            expiry_s += forward_swap_s(&part->payment->daemon->options);
    return expiry_s;
}

/* The hops of a route's onion, and what each of them reads. */
struct layers {
    struct onion_hop hops[PLAN_HOPS];
    u8 room[PLAN_HOPS][PAYLOAD_LIMIT];
    usize count;
};

static void add_layer(struct layers *layers, const point33 *node, const struct payload *step)
{
    u8 *room = layers->room[layers->count];
    layers->hops[layers->count++] = (struct onion_hop){*node, {room, payload_encode(step, room)}};
}

/* The hops up to `count`, each of which forwards to the next of the plan. */
static void add_forwarders(struct layers *layers, const struct part *part, usize count,
                           u64 expiry_s)
{
    const struct plan *plan = &part->plan;
    for (usize i = 0; i < count; i++) {
        struct payload step = {
            .kind = PAYLOAD_FORWARD,
            .amount = plan->amount[i + 1],
            .expiry_s = expiry_of_hop(part, i + 1, expiry_s),
            .next = plan->node[i + 1],
        };
        if (chain_of_hop(part, i) != chain_of_hop(part, i + 1))
            step.chain_id = chain_of_hop(part, i + 1);
        add_layer(layers, &plan->node[i], &step);
    }
}

static struct payload final_step(const struct part *part, u64 expiry_s)
{
    const struct payment_terms *terms = &part->payment->terms;
    struct payload step = {
        .kind = PAYLOAD_FINAL, .amount = arrives(&part->plan), .expiry_s = expiry_s};
    if (terms->is_keysend) {
        step.preimage = terms->preimage;
        return step;
    }
    step.total = terms->amount;
    step.payment_secret = terms->secret;
    return step;
}

/* The plan's last node but one begins the path, under its own key. */
static void add_blind_end(struct layers *layers, const struct part *part,
                          const struct blinded_route *path, u64 expiry_s)
{
    for (usize i = 0; i < path->count; i++) {
        struct payload step = {.kind = PAYLOAD_FORWARD};
        if (i + 1 == path->count)
            step = final_step(part, expiry_s);
        step.sealed = path->hops[i].payload;
        if (i == 0)
            step.path_key = path->first_path_key;
        add_layer(layers, i == 0 ? &path->first_node : &path->hops[i].node, &step);
    }
}

static void add_layers(struct layers *layers, const struct part *part, const struct blind_end *end,
                       u64 expiry_s)
{
    const struct plan *plan = &part->plan;
    layers->count = 0;
    if (end != NULL) {
        add_forwarders(layers, part, plan->count - 2, expiry_s);
        add_blind_end(layers, part, &end->path, expiry_s);
        return;
    }
    add_forwarders(layers, part, plan->count - 1, expiry_s);
    struct payload last = final_step(part, expiry_s);
    add_layer(layers, &plan->node[plan->count - 1], &last);
}

/* What each hop reads, then the onion around all of it. */
static enum status build_onion(struct part *part, u64 expiry_s, u8 out[static ONION_SIZE],
                               struct err *err)
{
    const struct payment *payment = part->payment;
    const struct blind_end *end = end_of(payment, &part->plan);
    struct layers layers;
    secret32 session;
    if ((end == NULL) != (payment->ends == NULL))
        return fail(err, ST_MISSING, "the way does not lead to the payee's blinded path");
    if (end != NULL && part->plan.count + end->path.count > PLAN_HOPS)
        return fail(err, ST_FULL, "the way is too long");
    add_layers(&layers, part, end, expiry_s);
    random_fill(session.b, sizeof(session.b));
    enum status st = onion_build(&session, layers.hops, layers.count, BYTES_OF(payment->terms.hash),
                                 out, part->shared, err);
    part->shared_count = st == ST_OK ? layers.count : 0;
    secret_wipe(&session);
    return st;
}

/* That of our own channel, which need not be the payee's. */
static u64 first_chain(const struct payment_terms *terms, const struct plan *plan)
{
    return plan->chain_id[0] == 0 ? terms->chain_id : plan->chain_id[0];
}

static bool can_carry(const struct entry *entry, const struct payment_terms *terms, u64 chain_id,
                      u128 amount)
{
    const struct channel_terms *channel = channel_terms(entry->channel);
    return entry->stage == STAGE_OPEN && !entry->ends && entry->here && entry->there &&
           channel->chain_id == chain_id && address_equal(channel->asset, terms->asset) &&
           channel_spendable(entry->channel) >= amount;
}

/* The channel that was found, or else any to the first hop with enough to spend. */
static struct entry *first_channel(const struct payment *payment, const struct plan *plan)
{
    const struct payment_terms *terms = &payment->terms;
    struct entry *at = plan->is_found ? daemon_find(payment->daemon, plan->by[0].id)
                                      : peer_find(payment->daemon, &plan->node[0]);
    for (; at != NULL; at = at->next_of_peer)
        if (can_carry(at, terms, first_chain(terms, plan), plan->amount[0]))
            return at;
    return NULL;
}

static enum status send_part(struct payment *payment, const struct plan *plan, u64 expiry_s,
                             struct err *err)
{
    struct entry *out = first_channel(payment, plan);
    if (out == NULL)
        return fail(err, ST_MISSING, "no open channel to the first hop has so much to spend");
    if (!channel_has_room(out->channel)) /* an onion is dear */
        return fail(err, ST_AGAIN, "the channel's next update is full");
    u8 onion[ONION_SIZE];
    u32 slot;
    struct part *part = part_new(payment, plan);
    enum status st = build_onion(part, expiry_s, onion, err);
    struct item item = {
        .kind = ITEM_ADD,
        .lock = {.amount = plan->amount[0],
                 .expiry_s = expiry_of_hop(part, 0, expiry_s),
                 .key = payment->terms.hash},
        .text = BYTES_OF(onion),
    };
    if (st == ST_OK)
        st = channel_queue(out->channel, &item, &slot, err);
    if (st != ST_OK) {
        part_end(part, false);
        return st;
    }
    payment->parts++;
    record_part(passage_new(NULL, 0, out, slot, &item.lock, part), payment);
    entry_touch(out);
    return ST_OK;
}

/* --- What came of them. */

static void conclude(struct payment *payment, enum payment_state state)
{
    payment->state = state;
    seek_free(payment->seek);
    payment->seek = NULL;
    free(payment->way);
    payment->way = NULL;
    chronicle_payment(payment);
    if (state == PAYMENT_FAILED)
        record_failed(payment);
    free(payment->ends);
    payment->ends = NULL;
    release_if_over(payment);
    subscriptions_paid(payment);
    methods_wake(payment->daemon, payment->terms.hash);
}

void part_paid(struct part *part, hash32 preimage)
{
    struct payment *payment = part->payment;
    seek_paid(payment->daemon, &part->plan);
    part_end(part, true);
    if (payment->state == PAYMENT_PAID)
        return;
    payment->preimage = preimage;
    conclude(payment, PAYMENT_PAID);
}

/* Returns who says so; count: nobody knows. A code that is not in the table is the hop's too: its
 * flags say what it means. Of a blinded end all hops are one. */
static usize explain(struct part *part, bytes reason)
{
    u8 memory[2 * ITEM_REASON_LIMIT + 64];
    struct arena arena = arena_over(memory, sizeof(memory));
    struct payment *payment = part->payment;
    usize hop = 0, count = part->plan.count;
    struct failure failure;
    bytes message;
    payment->failure = FAILURE_TEMPORARY_CHANNEL_FAILURE;
    if (part->shared_count == 0 || reason.size > ITEM_REASON_LIMIT ||
        onion_error_read(part->shared, part->shared_count, reason, &hop, &message, &arena) !=
            ST_OK ||
        failure_decode(message, &failure) == ST_INVALID)
        return count;
    hop = hop < count ? hop : count - 1;
    payment->failure = failure.code;
    payment->failed_hop = hop;
    return hop;
}

/* More is to be tried in the next turn. */
static void come_back(struct payment *payment)
{
    struct daemon *daemon = payment->daemon;
    if (payment->is_due)
        return;
    payment->is_due = true;
    payment->next_due = daemon->payments_due;
    daemon->payments_due = payment;
}

/* What has come back is sent in other ways, in a turn: the lock's slot is not free yet. */
void part_failed(struct part *part, bytes reason)
{
    struct payment *payment = part->payment;
    struct daemon *daemon = payment->daemon;
    usize hop = explain(part, reason);
    if (payment->seek != NULL)
        seek_failed(payment->seek, &part->plan, hop, payment->failure);
    part_end(part, false);
    if (payment->state != PAYMENT_PENDING || daemon->replaying)
        return;
    if (payment->seek != NULL && seek_goes_on(payment->seek)) {
        come_back(payment);
        daemon_touch(daemon);
    } else if (payment->under_way == 0) {
        conclude(payment, PAYMENT_FAILED);
    }
}

struct part *part_add(struct payment *payment)
{
    struct plan unknown = {.count = 0};
    return part_new(payment, &unknown);
}

struct payment *part_payment(const struct part *part)
{
    return part->payment;
}

void payments_resume(struct daemon *daemon)
{
    for (struct payment *at = daemon->payments; at != NULL; at = at->next)
        if (at->under_way == 0 && at->state == PAYMENT_PENDING) {
            at->state = PAYMENT_FAILED;
            record_failed(at);
            chronicle_payment(at);
        }
}

/* Whoever waits for one is told when it is over, so nobody waits for these. */
void payments_forget(struct daemon *daemon)
{
    for (struct payment **at = &daemon->payments; *at != NULL;) {
        struct payment *payment = *at;
        bool is_newest = payment_find(daemon, payment->terms.hash) == payment;
        if (payment->under_way != 0 || payment->is_due ||
            !history_has(daemon->history, payment->told) ||
            (is_newest && payment->state == PAYMENT_PENDING)) {
            at = &payment->next;
            continue;
        }
        if (is_newest)
            by_hash_drop(&daemon->payments_by_hash, payment->terms.hash);
        *at = payment->next;
        seek_free(payment->seek);
        free(payment->way);
        free(payment);
    }
}

/* --- Beginning. */

u64 payment_life_s(const struct daemon *daemon)
{
    return LIFE_S + 4 * daemon->options.margin_s;
}

static u64 expiry_of(const struct payment *payment, const struct plan *plan)
{
    struct daemon *daemon = payment->daemon;
    return daemon_chain(daemon, first_chain(&payment->terms, plan))->time_s +
           payment_life_s(daemon);
}

static enum status check_new(struct daemon *daemon, const struct payment_terms *terms,
                             struct err *err)
{
    const struct payment *before = payment_find(daemon, terms->hash);
    if ((before != NULL && before->state != PAYMENT_FAILED) ||
        (before == NULL && chronicle_was_paid(daemon, terms->hash)))
        return fail(err, ST_INVALID, "this was paid, or is being paid");
    if (public_has(daemon, terms->hash))
        return fail(err, ST_INVALID,
                    "the payment's secret is public: who is on the way could keep the money");
    return ST_OK;
}

/* `ends` are the payment's, or freed. */
static enum status begin(struct daemon *daemon, const struct payment_terms *terms, u64 from_chain,
                         u128 fee, struct blind_ends *ends, struct payment **out, struct err *err)
{
    struct sign_payment spending = spending_of(terms, from_chain, fee);
    struct sign_request request = {.kind = SIGN_PAYMENT, .payment = &spending};
    enum status st = check_new(daemon, terms, err);
    if (st == ST_OK)
        st = signer_sign(daemon->keys, &request, NULL, err);
    if (st != ST_OK) {
        free(ends);
        return st;
    }
    *out = payment_add(daemon, terms);
    (*out)->ends = ends;
    (*out)->from_chain = from_chain;
    record_payment(*out);
    chronicle_payment(*out);
    record_text(daemon, terms->hash, true, terms->text);
    return ST_OK;
}

/* A channel whose next update is full is waited for: ST_AGAIN. */
static enum status try_to_send(struct payment *payment, const struct plan *plan, struct err *err)
{
    enum status st = send_part(payment, plan, expiry_of(payment, plan), err);
    if (st == ST_AGAIN)
        come_back(payment);
    return st;
}

static enum status send_named(struct payment *payment, struct err *err)
{
    enum status st = try_to_send(payment, payment->way, err);
    if (st == ST_AGAIN)
        return ST_OK;
    free(payment->way);
    payment->way = NULL;
    return st;
}

/* Sends what is not under way, or finds that there is no way for it. */
static enum status go_on(struct payment *payment, struct err *err)
{
    struct plan plans[ROUTE_PARTS_LIMIT];
    usize count;
    if (payment->way != NULL)
        return send_named(payment, err);
    while (payment->sent < payment->terms.amount) {
        enum status st = seek_find(payment->seek, plans, &count, err);
        if (st != ST_OK) {
            seek_give_up(payment->seek);
            return st;
        }
        for (usize i = 0; i < count; i++) {
            st = try_to_send(payment, &plans[i], err);
            if (st == ST_AGAIN)
                return ST_OK;
            if (st != ST_OK)
                seek_refused(payment->seek, &plans[i]);
        }
    }
    return ST_OK;
}

static enum status send_first(struct payment *payment, struct err *err)
{
    enum status st = go_on(payment, err);
    if (payment->under_way != 0 || payment->is_due)
        return ST_OK;
    conclude(payment, PAYMENT_FAILED);
    return st;
}

enum status payment_begin(struct daemon *daemon, const struct payment_terms *terms,
                          const struct plan *way, struct err *err)
{
    struct payment *payment;
    u128 fee = way->amount[0] - terms->amount;
    TRY(begin(daemon, terms, first_chain(terms, way), fee, NULL, &payment, err));
    payment->way = malloc(sizeof(*way));
    assert(payment->way != NULL);
    *payment->way = *way;
    return send_first(payment, err);
}

enum status payment_seek(struct daemon *daemon, const struct payment_terms *terms,
                         const struct seek_options *options, struct blind_ends *ends,
                         struct err *err)
{
    struct payment *payment;
    TRY(begin(daemon, terms, terms->chain_id, options->fee_limit, ends, &payment, err));
    payment->seek = seek_new(payment, options);
    return send_first(payment, err);
}

/* Those that have to wait again are in the new list. */
void payments_turn(struct daemon *daemon)
{
    struct payment *list = daemon->payments_due;
    daemon->payments_due = NULL;
    while (list != NULL) {
        struct payment *at = list;
        struct err err;
        list = at->next_due;
        at->is_due = false;
        if (at->state != PAYMENT_PENDING)
            continue;
        (void)go_on(at, &err);
        if (at->under_way == 0 && !at->is_due)
            conclude(at, PAYMENT_FAILED);
    }
}
