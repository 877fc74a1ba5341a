/* Methods that pay and are paid. */
#include "channel/daemon_locks.h"
#include "channel/messages.h"
#include "channel/methods.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "base/json_read.h"
#include "sys/entropy.h"

enum { MOST_PAYMENTS = 1000 /* of one call */, USUAL_EXPIRY_S = 3600, MOST_EXPIRY_S = 30 * 86400 };

/* --- In one channel. */

/* It says that the peer has the payment. Ours of it was durable before it left, and the peer's
 * before it was acknowledged, so it holds whether or not the disk has the acknowledgement. */
void method_answer_keysend(struct daemon_call *call)
{
    json_key(call->out, "result");
    json_open_object(call->out);
    method_put_hex(call->out, "payment", BYTES_OF(call->key));
    method_put_text(call->out, "state", "paid");
    json_key(call->out, "count");
    json_put_u64(call->out, call->count);
    json_close_object(call->out);
    daemon_answer(call);
}

static struct sign_payment spending_of(const struct daemon_call *call)
{
    const struct channel_terms *terms = channel_terms(call->entry->channel);
    return (struct sign_payment){
        .chain_id = terms->chain_id,
        .asset = terms->asset,
        .is_direct = true,
        .key = call->entry->key,
        .amount = call->amount,
        .count = call->count,
        .now_s = network_now_s(),
    };
}

/* False: the signer allows not so much, and the call has been refused. */
static bool is_allowed(struct daemon_call *call)
{
    struct sign_payment payment = spending_of(call);
    struct sign_request request = {.kind = SIGN_PAYMENT, .payment = &payment};
    struct err err;
    enum status st = signer_sign(call->daemon->keys, &request, NULL, &err);
    if (st == ST_OK)
        return true;
    method_refuse_payment(call, st, err.text);
    return false;
}

void method_leave_unqueued(struct daemon_call *call)
{
    if (call->unqueued == 0)
        return;
    struct sign_payment payment = spending_of(call);
    signer_release(call->daemon->keys, &payment, call->amount * call->unqueued);
    call->count -= call->unqueued;
    call->left -= call->unqueued;
    call->unqueued = 0;
}

/* Behind those that came before. */
static void start_paying(struct daemon_call *call)
{
    struct daemon *daemon = call->daemon;
    call->pays = daemon->paying == NULL ? &daemon->paying : daemon->paying_end;
    *call->pays = call;
    daemon->paying_end = &call->next_paying;
}

void method_stop_paying(struct daemon_call *call)
{
    if (call->pays == NULL)
        return;
    *call->pays = call->next_paying;
    if (call->next_paying != NULL)
        call->next_paying->pays = call->pays;
    else
        call->daemon->paying_end = call->pays;
    call->pays = NULL;
    call->next_paying = NULL;
}

/* One payment, or `count` equal ones, which the call waits for together. */
void method_keysend(struct daemon_call *call)
{
    struct entry *entry;
    u128 amount;
    u64 count = 1;
    hash32 reference;
    if (!method_read_entry(call, &entry) || !method_read_amount(call, "amount", &amount))
        return;
    if (!json_is(method_argument(call, "count"), JSON_ABSENT) &&
        (json_read_number_u64(method_argument(call, "count"), &count) != ST_OK || count == 0 ||
         count > MOST_PAYMENTS)) {
        method_bad(call, "count", "not from 1 to 1000");
        return;
    }
    if (amount == 0 || amount * count > channel_spendable(entry->channel)) {
        method_bad(call, "amount", amount == 0 ? "nothing" : "the channel has not so much");
        return;
    }
    if (json_read_fixed(method_argument(call, "payment"), reference.b, sizeof(reference.b)) !=
        ST_OK)
        random_fill(reference.b, sizeof(reference.b));
    /* Acknowledgements go by the name alone. */
    if (method_waiting(call->daemon, WAITS_FOR_PAYMENT, reference) != NULL) {
        method_bad(call, "payment", "one of this name is under way");
        return;
    }
    if (entry->stage != STAGE_OPEN || entry->ends) {
        methods_refuse(call, "the channel is closing");
        return;
    }
    call->entry = entry;
    call->amount = amount;
    call->count = count;
    if (!is_allowed(call))
        return;
    call->left = call->unqueued = count;
    method_park(call, WAITS_FOR_PAYMENT, reference);
    start_paying(call);
    daemon_touch(call->daemon);
}

/* As many as an update holds; the next turn takes more. What cannot be paid any more (the channel
 * closes, the money is spent by others) is not waited for. */
static void queue_payments(struct daemon_call *call)
{
    struct item item = {.kind = ITEM_PAY, .lock.amount = call->amount, .reference = call->key};
    enum status st = ST_OK;
    while (call->unqueued != 0 && st == ST_OK) {
        st = channel_queue(call->entry->channel, &item, NULL, NULL);
        call->unqueued -= st == ST_OK;
    }
    if (call->unqueued != call->count)
        entry_touch(call->entry);
    if (st != ST_FULL && !call->entry->ends)
        return;
    method_leave_unqueued(call);
}

void methods_turn(struct daemon *daemon)
{
    for (struct daemon_call *call = daemon->paying, *next; call != NULL; call = next) {
        next = call->next_paying;
        queue_payments(call);
        if (call->unqueued != 0)
            continue;
        method_stop_paying(call);
        if (call->left == 0 && call->count != 0)
            method_answer_keysend(call);
        else if (call->left == 0)
            methods_refuse(call, "the channel closes, or has not so much to spend any more");
    }
}

/* --- Being paid. */

bool method_read_text(struct daemon_call *call, const char *name, usize limit, bytes *out)
{
    *out = json_text(method_argument(call, name), &call->arena);
    return out->size <= limit || method_bad(call, name, "too long");
}

bool method_read_seconds(struct daemon_call *call, const char *name, u64 usual, u64 most, u64 *out)
{
    json value = method_argument(call, name);
    *out = usual;
    if (!json_is(value, JSON_ABSENT) &&
        (json_read_number_u64(value, out) != ST_OK || *out == 0 || *out > most))
        return method_bad(call, name, "not so many seconds");
    return true;
}

void method_invoice(struct daemon_call *call)
{
    struct daemon *daemon = call->daemon;
    struct invoice invoice = {.kind = INVOICE, .node = keyring_node(daemon->ring)};
    struct bill_terms bill;
    struct chain_of *chain;
    struct err err;
    u64 life_s;
    if (!method_read_chain(call, &chain) ||
        !method_read_text(call, "description", INVOICE_DESCRIPTION_LIMIT, &invoice.description) ||
        !method_read_seconds(call, "expirySeconds", USUAL_EXPIRY_S, MOST_EXPIRY_S, &life_s) ||
        !method_read_asset(call, &invoice.asset))
        return;
    if (!json_is(method_argument(call, "amount"), JSON_ABSENT) &&
        !method_read_amount(call, "amount", &invoice.amount))
        return;
    if (chain->time_s == 0) { /* an invoice says by the chain's time when it expires */
        methods_refuse(call, "no block of the chain was seen yet: ask again");
        return;
    }
    invoice.chain_id = chain->chain_id;
    invoice.adjudicator = chain->adjudicator;
    invoice.created_s = chain->time_s;
    invoice.expiry_s = chain->time_s + life_s;
    bill = (struct bill_terms){.chain_id = invoice.chain_id,
                               .asset = invoice.asset,
                               .amount = invoice.amount,
                               .expiry_s = invoice.expiry_s};
    if (!bill_new(daemon, &bill)) {
        methods_refuse(call, "there are too many invoices");
        return;
    }
    invoice.payment_hash = registry_key(bill.preimage);
    record_text(daemon, invoice.payment_hash, false, invoice.description);
    invoice.payment_secret = bill.secret;
    announcing_hints(daemon, invoice.chain_id, invoice.asset, &invoice.hints);
    if (invoice_sign(&invoice, keyring_node_secret(daemon->ring), &err) != ST_OK) {
        methods_refuse(call, err.text);
        return;
    }
    json_key(call->out, "result");
    json_open_object(call->out);
    json_key(call->out, "invoice");
    json_put_text(call->out, invoice_encode(&invoice, &call->arena));
    method_put_hex(call->out, "hash", BYTES_OF(invoice.payment_hash));
    json_close_object(call->out);
    method_answer_after(call);
}

void method_invoice_status(struct daemon_call *call)
{
    hash32 hash;
    u128 received;
    if (json_read_fixed(method_argument(call, "hash"), hash.b, sizeof(hash.b)) != ST_OK ||
        !bill_state(call->daemon, hash, &received)) {
        method_bad(call, "hash", "not of an invoice of ours");
        return;
    }
    json_key(call->out, "result");
    json_open_object(call->out);
    method_put_text(call->out, "state", received == 0 ? "open" : "paid");
    method_put_amount(call->out, "received", received);
    json_close_object(call->out);
    method_answer_after(call);
}

/* --- Paying over several hops. */

static bool read_node(json value, point33 *out, struct arena *arena)
{
    return hex_read_fixed(json_text(value, arena), out->b, sizeof(out->b)) == ST_OK &&
           point_check(out) == ST_OK;
}

/* The nodes on the way that the caller names, then the payee. */
static bool read_way(struct daemon_call *call, const point33 *payee, struct plan *out)
{
    json way = method_argument(call, "via"), key, item;
    *out = (struct plan){.count = 0};
    for (struct json_walk at = json_begin(way); json_next(&at, &key, &item);) {
        if (out->count == PLAN_HOPS - 1)
            return method_bad(call, "via", "a route of more than 20 hops");
        if (!read_node(item, &out->node[out->count++], &call->arena))
            return method_bad(call, "via", "not a list of nodes' keys");
    }
    out->node[out->count++] = *payee;
    return true;
}

/* What each has to be sent for the next to be sent its part: as if all asked what we ask. No
 * channel has CHANNEL_AMOUNT_LIMIT. */
static void fill_amounts(const struct daemon_options *options, u128 amount, struct plan *plan)
{
    plan->amount[plan->count - 1] = amount;
    for (usize i = plan->count - 1; i-- > 0;) {
        u128 next = plan->amount[i + 1];
        u128 fee = route_fee(options->fee_base, options->fee_ppm, next);
        plan->amount[i] = fee < CHANNEL_AMOUNT_LIMIT - next ? next + fee : CHANNEL_AMOUNT_LIMIT;
    }
}

/* All hops but the last are on this chain: the last but one swaps. */
static bool read_crossing(struct daemon_call *call, struct plan *plan)
{
    u64 chain_id;
    json value = method_argument(call, "fromChainId");
    if (json_is(value, JSON_ABSENT))
        return true;
    if (json_read_number_u64(value, &chain_id) != ST_OK ||
        daemon_chain(call->daemon, chain_id) == NULL || plan->count < 2)
        return method_bad(call, "fromChainId",
                          "not a chain of this daemon's, or no way with a node that swaps");
    for (usize i = 0; i + 1 < plan->count; i++)
        plan->chain_id[i] = chain_id;
    return true;
}

/* The chain that we pay on, which need not be the payee's. NULL: none of ours. */
static struct chain_of *paying_chain(const struct daemon_call *call, u64 payee_chain_id)
{
    u64 chain_id = payee_chain_id;
    json value = method_argument(call, "fromChainId");
    if (!json_is(value, JSON_ABSENT) && json_read_number_u64(value, &chain_id) != ST_OK)
        return NULL;
    return daemon_chain(call->daemon, chain_id);
}

/* What is to be paid, out of an invoice, or to a node unasked. */
static bool read_invoice(struct daemon_call *call, bytes text, struct payment_terms *out,
                         struct invoice_hints *hints)
{
    struct invoice invoice;
    struct err err;
    if (invoice_decode(text, &invoice, &call->arena, &err) != ST_OK)
        return method_bad(call, "invoice", err.text);
    const struct chain_of *chain = paying_chain(call, invoice.chain_id);
    if (chain == NULL && !json_is(method_argument(call, "fromChainId"), JSON_ABSENT))
        return method_bad(call, "fromChainId", "not a chain of this daemon's");
    if (chain == NULL)
        return method_bad(call, "invoice", "of a chain that is none of this daemon's");
    address adjudicator =
        chain->chain_id == invoice.chain_id ? chain->adjudicator : invoice.adjudicator;
    if (invoice_check(&invoice, invoice.chain_id, adjudicator, chain->time_s, &err) != ST_OK)
        return method_bad(call, "invoice", err.text);
    *out = (struct payment_terms){
        .hash = invoice.payment_hash,
        .secret = invoice.payment_secret,
        .amount = invoice.amount,
        .chain_id = invoice.chain_id,
        .asset = invoice.asset,
        .node = invoice.node,
        .text = invoice.description,
    };
    *hints = invoice.hints;
    return invoice.amount != 0 || method_read_amount(call, "amount", &out->amount);
}

static bool read_gift(struct daemon_call *call, struct payment_terms *out)
{
    struct chain_of *chain;
    *out = (struct payment_terms){.is_keysend = true};
    if (!method_read_chain(call, &chain) || !method_read_amount(call, "amount", &out->amount))
        return false;
    if (!read_node(method_argument(call, "node"), &out->node, &call->arena))
        return method_bad(call, "node", "not a node's key");
    out->chain_id = chain->chain_id;
    random_fill(out->preimage.b, sizeof(out->preimage.b));
    out->hash = registry_key(out->preimage);
    return true;
}

/* By default a hundredth, and a little for small amounts. */
bool method_read_fee_limit(struct daemon_call *call, u128 amount, u128 *out)
{
    enum { PART = 100, LITTLE = 1000 };
    *out = amount / PART + LITTLE;
    return json_is(method_argument(call, "maxFee"), JSON_ABSENT) ||
           method_read_amount(call, "maxFee", out);
}

/* A payment has begun, or has not. */
static void wait_or_refuse(struct daemon_call *call, const struct payment_terms *terms,
                           enum status st, const struct err *err)
{
    if (st == ST_OK)
        method_park(call, WAITS_FOR_ROUTED, terms->hash);
    else
        method_refuse_payment(call, st, err->text);
}

static void pay_by_plan(struct daemon_call *call, const struct payment_terms *terms,
                        const struct plan *plan)
{
    struct err err;
    enum status st = payment_begin(call->daemon, terms, plan, &err);
    wait_or_refuse(call, terms, st, &err);
}

/* The caller names the way. */
static void pay_by_way(struct daemon_call *call, const struct payment_terms *terms)
{
    struct plan plan = {.count = 0};
    if (!read_way(call, &terms->node, &plan) || !read_crossing(call, &plan))
        return;
    fill_amounts(&call->daemon->options, terms->amount, &plan);
    pay_by_plan(call, terms, &plan);
}

/* On another chain than the payee's, through a hub that is looked for. */
static void pay_by_hub(struct daemon_call *call, const struct payment_terms *terms, u64 from_chain,
                       const struct invoice_hints *hints)
{
    struct plan plan;
    u128 fee_limit;
    if (method_read_fee_limit(call, terms->amount, &fee_limit) &&
        method_find_hub(call, terms, from_chain, hints, fee_limit, &plan))
        pay_by_plan(call, terms, &plan);
}

static void pay_by_any_way(struct daemon_call *call, const struct payment_terms *terms,
                           struct seek_options *options)
{
    struct err err;
    if (!method_read_fee_limit(call, terms->amount, &options->fee_limit))
        return;
    options->until_ms = call->until_ms;
    enum status st = payment_seek(call->daemon, terms, options, NULL, &err);
    wait_or_refuse(call, terms, st, &err);
}

void method_pay(struct daemon_call *call)
{
    struct daemon *daemon = call->daemon; /* a call that is refused is gone */
    struct payment_terms terms;
    struct seek_options options = {.fee_limit = 0};
    bool by_invoice = !json_is(method_argument(call, "invoice"), JSON_ABSENT);
    bytes text = json_text(method_argument(call, "invoice"), &call->arena);
    if (invoice_is_offer(text)) {
        method_pay_offer(call);
        return;
    }
    if (!(by_invoice ? read_invoice(call, text, &terms, &options.hints) : read_gift(call, &terms)))
        return;
    if (terms.amount == 0 || terms.amount >= CHANNEL_AMOUNT_LIMIT) {
        method_bad(call, "amount", "nothing, or more than there is");
        return;
    }
    const struct chain_of *from = paying_chain(call, terms.chain_id);
    if (!json_is(method_argument(call, "via"), JSON_ABSENT))
        pay_by_way(call, &terms);
    else if (from == NULL)
        method_bad(call, "fromChainId", "not a chain of this daemon's");
    else if (from->chain_id != terms.chain_id)
        pay_by_hub(call, &terms, from->chain_id, &options.hints);
    else
        pay_by_any_way(call, &terms, &options);
    daemon_touch(daemon);
}

static void refuse_failed(struct daemon_call *call, const struct payment *payment)
{
    char text[200], unknown[32];
    const char *why = payment->failure == 0 ? "no reason" : failure_sentence(payment->failure);
    fmt(unknown, sizeof(unknown), "code %u, which is not known", payment->failure);
    fmt(text, sizeof(text), "the payment failed at hop %zu: %s", payment->failed_hop + 1,
        why == NULL ? unknown : why);
    methods_refuse(call, text);
}

void method_answer_payment(struct daemon_call *call)
{
    const struct payment *payment = payment_find(call->daemon, call->key);
    if (payment->state == PAYMENT_PENDING)
        return;
    if (payment->state == PAYMENT_FAILED) {
        refuse_failed(call, payment);
        return;
    }
    json_key(call->out, "result");
    json_open_object(call->out);
    method_put_hex(call->out, "payment", BYTES_OF(call->key));
    method_put_text(call->out, "state", "paid");
    method_put_amount(call->out, "amount", payment->terms.amount);
    method_put_amount(call->out, "fee", payment->fee);
    json_key(call->out, "parts");
    json_put_u64(call->out, payment->parts);
    method_put_hex(call->out, "preimage", BYTES_OF(payment->preimage));
    json_close_object(call->out);
    method_answer_after(call);
}
