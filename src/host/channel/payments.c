/* Payments of ours over several hops.
 *
 * A payment is tried along routes, in one part or several, each a lock in a channel of ours with an
 * onion around it. It is paid when the first preimage comes, and has failed when no part is under
 * way and no route is left. Both are in the journal, so that a payment is never made twice. */
#include "channel/daemon_internal.h"

#include "sys/entropy.h"

#include <assert.h>
#include <stdlib.h>

enum { LIFE_S = 3600 }; /* of a payment's locks, besides the hops' margins */

/* A lock of a payment, while it is under way. */
struct part {
    struct payment *payment;
    struct plan plan;
    secret32 shared[PLAN_HOPS]; /* with each hop; zeros after a restart */
    bool knows_secrets;
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
        free(daemon->payments);
        daemon->payments = next;
    }
    by_hash_free(&daemon->payments_by_hash);
}

/* --- Parts. */

static struct part *part_new(struct payment *payment, const struct plan *plan)
{
    struct part *part = calloc(1, sizeof(*part));
    assert(part != NULL);
    part->payment = payment;
    part->plan = *plan;
    payment->under_way++;
    return part;
}

static void part_end(struct part *part)
{
    part->payment->under_way--;
    secret_wipe(part);
    free(part);
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

/* What each hop reads, then the onion around all of it. */
static enum status build_onion(struct part *part, u64 expiry_s, u8 out[static ONION_SIZE],
                               struct err *err)
{
    const struct plan *plan = &part->plan;
    const struct payment_terms *terms = &part->payment->terms;
    struct onion_hop hops[PLAN_HOPS];
    u8 room[PLAN_HOPS][PAYLOAD_LIMIT];
    secret32 session;
    for (usize i = 0; i < plan->count; i++) {
        bool last = i + 1 == plan->count;
        struct payload step = {
            .kind = last ? PAYLOAD_FINAL : PAYLOAD_FORWARD,
            .amount = plan->amount[last ? i : i + 1],
            .expiry_s = expiry_of_hop(part, last ? i : i + 1, expiry_s),
        };
        if (!last) {
            step.next = plan->node[i + 1];
            if (chain_of_hop(part, i) != chain_of_hop(part, i + 1))
                step.chain_id = chain_of_hop(part, i + 1);
        } else if (terms->is_keysend) {
            step.preimage = terms->preimage;
        } else {
            step.payment_secret = terms->secret;
            step.total = terms->amount;
        }
        hops[i] = (struct onion_hop){plan->node[i], {room[i], payload_encode(&step, room[i])}};
    }
    random_fill(session.b, sizeof(session.b));
    enum status st =
        onion_build(&session, hops, plan->count, BYTES_OF(terms->hash), out, part->shared, err);
    part->knows_secrets = st == ST_OK;
    secret_wipe(&session);
    return st;
}

/* The first hop's channel with enough to spend. */
static struct entry *first_channel(const struct payment *payment, const struct plan *plan)
{
    const struct payment_terms *terms = &payment->terms;
    struct entry *at = peer_find(payment->daemon, &plan->node[0]);
    for (; at != NULL; at = at->next_of_peer) {
        const struct channel_terms *channel = channel_terms(at->channel);
        if (at->stage == STAGE_OPEN && at->here && at->there &&
            channel->chain_id == (plan->chain_id[0] == 0 ? terms->chain_id : plan->chain_id[0]) &&
            address_equal(channel->asset, terms->asset) &&
            channel_spendable(at->channel) >= plan->amount[0])
            return at;
    }
    return NULL;
}

static enum status send_part(struct payment *payment, const struct plan *plan, u64 expiry_s,
                             struct err *err)
{
    struct entry *out = first_channel(payment, plan);
    if (out == NULL)
        return fail(err, ST_MISSING, "no open channel to the first hop has so much to spend");
    u8 onion[ONION_SIZE];
    u32 slot;
    struct part *part = part_new(payment, plan);
    enum status st = build_onion(part, expiry_s, onion, err);
    struct item item = {
        .kind = ITEM_ADD,
        .lock = {plan->amount[0], expiry_of_hop(part, 0, expiry_s), payment->terms.hash},
        .text = BYTES_OF(onion),
    };
    if (st == ST_OK)
        st = channel_queue(out->channel, &item, &slot, err);
    if (st != ST_OK) {
        part_end(part);
        return st;
    }
    record_part(passage_new(NULL, 0, out, slot, part), payment);
    entry_touch(out);
    return ST_OK;
}

/* --- What came of them. */

static void conclude(struct payment *payment, enum payment_state state)
{
    payment->state = state;
    methods_wake(payment->daemon, payment->terms.hash);
}

void part_paid(struct part *part, hash32 preimage)
{
    struct payment *payment = part->payment;
    part_end(part);
    if (payment->state == PAYMENT_PAID)
        return;
    payment->preimage = preimage;
    conclude(payment, PAYMENT_PAID);
}

static void explain(struct part *part, bytes reason)
{
    u8 memory[2 * ITEM_REASON_LIMIT + 64];
    struct arena arena = arena_over(memory, sizeof(memory));
    struct payment *payment = part->payment;
    struct failure failure;
    usize hop = 0;
    bytes message;
    payment->failure = FAILURE_TEMPORARY_CHANNEL_FAILURE;
    if (part->knows_secrets && reason.size <= ITEM_REASON_LIMIT &&
        onion_error_read(part->shared, part->plan.count, reason, &hop, &message, &arena) == ST_OK &&
        failure_decode(message, &failure) == ST_OK) {
        payment->failure = failure.code;
        payment->failed_hop = hop;
    }
}

void part_failed(struct part *part, bytes reason)
{
    struct payment *payment = part->payment;
    explain(part, reason);
    part_end(part);
    if (payment->under_way == 0 && payment->state == PAYMENT_PENDING && !payment->daemon->replaying)
        conclude(payment, PAYMENT_FAILED);
}

struct part *part_add(struct payment *payment)
{
    struct plan unknown = {.count = 0};
    return part_new(payment, &unknown);
}

void payments_resume(struct daemon *daemon)
{
    for (struct payment *at = daemon->payments; at != NULL; at = at->next)
        if (at->under_way == 0 && at->state == PAYMENT_PENDING)
            at->state = PAYMENT_FAILED;
}

/* --- Beginning. */

enum status payment_begin(struct daemon *daemon, const struct payment_terms *terms,
                          const struct plan *plans, usize count, struct err *err)
{
    const struct payment *before = payment_find(daemon, terms->hash);
    const struct chain_of *chain =
        daemon_chain(daemon, plans[0].chain_id[0] == 0 ? terms->chain_id : plans[0].chain_id[0]);
    if (before != NULL && before->state != PAYMENT_FAILED)
        return fail(err, ST_INVALID, "this was paid, or is being paid");
    u64 expiry_s = chain->time_s + LIFE_S + 4 * daemon->options.margin_s;
    struct payment *payment = payment_add(daemon, terms);
    record_payment(payment);
    enum status st = ST_OK;
    for (usize i = 0; st == ST_OK && i < count; i++)
        st = send_part(payment, &plans[i], expiry_s, err);
    if (payment->under_way == 0)
        payment->state = PAYMENT_FAILED;
    return payment->under_way == 0 ? st : ST_OK;
}
