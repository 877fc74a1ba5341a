/* Offers, and payments to them: a call first waits for an invoice, then for its payment. */
#include "channel/daemon_locks.h"
#include "channel/invoice_request.h"
#include "channel/messages.h"
#include "channel/methods.h"

#include "base/fmt.h"
#include "base/json_read.h"
#include "sys/clock.h"
#include "sys/entropy.h"

#include <assert.h>
#include <stdlib.h>

enum { AGAIN_MS = 3000 /* messages may be lost */, MOST_LIFE_S = 10 * 366 * 86400 };

void method_offer(struct daemon_call *call)
{
    struct invoice offer = {.kind = OFFER};
    struct chain_of *chain;
    struct err err;
    u64 life_s;
    if (!method_read_chain(call, &chain) ||
        !method_read_text(call, "description", INVOICE_DESCRIPTION_LIMIT, &offer.description) ||
        !method_read_seconds(call, "expirySeconds", 0, MOST_LIFE_S, &life_s) ||
        !method_read_asset(call, &offer.asset))
        return;
    if (!json_is(method_argument(call, "amount"), JSON_ABSENT) &&
        !method_read_amount(call, "amount", &offer.amount))
        return;
    offer.chain_id = chain->chain_id;
    offer.adjudicator = chain->adjudicator;
    offer.expiry_s = life_s == 0 ? 0 : chain->time_s + life_s;
    if (offer_new(call->daemon, &offer, &call->arena, &err) != ST_OK) {
        methods_refuse(call, err.text);
        return;
    }
    hash32 id = invoice_digest(&offer);
    json_key(call->out, "result");
    json_open_object(call->out);
    json_key(call->out, "offer");
    json_put_text(call->out, invoice_encode(&offer, &call->arena));
    method_put_hex(call->out, "id", BYTES_OF(id));
    json_close_object(call->out);
    method_answer_after(call);
}

/* --- Asking. */

/* What the call is about, read again when the answer comes. */
struct wish {
    struct invoice offer;
    u128 amount, fee_limit;
};

static bool read_wish(struct daemon_call *call, struct wish *out)
{
    struct invoice *offer = &out->offer;
    bytes text = json_text(method_argument(call, "invoice"), &call->arena);
    struct err err;
    if (invoice_decode(text, offer, &call->arena, &err) != ST_OK)
        return method_bad(call, "invoice", err.text);
    const struct chain_of *chain = daemon_chain(call->daemon, offer->chain_id);
    if (chain == NULL)
        return method_bad(call, "invoice", "of a chain that is none of this daemon's");
    if (invoice_check(offer, chain->chain_id, chain->adjudicator, chain->time_s, &err) != ST_OK)
        return method_bad(call, "invoice", err.text);
    if (offer_is_own(call->daemon, offer))
        return method_bad(call, "invoice", "an offer of this daemon's own");
    if (offer->paths.count == 0)
        return method_bad(call, "invoice", "an offer that says nothing of how to ask");
    out->amount = offer->amount;
    if (out->amount == 0 && !method_read_amount(call, "amount", &out->amount))
        return false;
    if (out->amount == 0 || out->amount >= CHANNEL_AMOUNT_LIMIT)
        return method_bad(call, "amount", "nothing, or more than there is");
    return method_read_fee_limit(call, out->amount, &out->fee_limit);
}

/* Each time along another of the offer's paths, with another for the answer: one may have broken.
 */
static enum status send_request(struct daemon_call *call, const struct invoice *offer,
                                struct err *err)
{
    u8 memory[INVOICE_PATHS_LIMIT * MESSAGES_PATH_ROOM];
    struct arena arena = arena_over(memory, sizeof(memory));
    struct onion_message message = {.type = MESSAGE_REQUEST, .content = call->asks};
    struct blinded_route replies[INVOICE_PATHS_LIMIT];
    enum status st = ST_MISSING;
    u32 asked = call->asked++;
    call->again_ms = clock_now_ms() + AGAIN_MS;
    usize count =
        messages_paths(call->daemon, BYTES_OF(call->key), replies, countof(replies), &arena);
    if (count == 0)
        return fail(err, ST_MISSING,
                    "no peer with a channel is there, by whom an answer could come");
    message.reply = replies[asked / offer->paths.count % count];
    for (usize i = 0; i < offer->paths.count && st != ST_OK; i++)
        st = messages_send(call->daemon, &offer->paths.at[(asked + i) % offer->paths.count],
                           &message, err);
    return st;
}

/* What is asked is the call's, as long as it waits. */
static void make_request(struct daemon_call *call, const struct wish *wish)
{
    struct invoice_request request = {.offer = wish->offer};
    secret32 payer;
    enum status st;
    if (wish->offer.amount == 0)
        request.amount = wish->amount;
    random_fill(request.metadata.b, sizeof(request.metadata.b));
    do {
        random_fill(payer.b, sizeof(payer.b));
        st = invoice_request_sign(&request, &payer);
    } while (st != ST_OK); /* one in 2^127 is no key */
    secret_wipe(&payer);
    u8 *room = ARENA_TAKE(&call->arena, u8, INVOICE_REQUEST_LIMIT);
    call->asks = (bytes){room, invoice_request_encode(&request, room)};
    call->request = request.id;
}

void method_pay_offer(struct daemon_call *call)
{
    struct wish wish;
    struct err err;
    hash32 key;
    if (!json_is(method_argument(call, "via"), JSON_ABSENT) ||
        !json_is(method_argument(call, "fromChainId"), JSON_ABSENT)) {
        method_bad(call, "invoice",
                   "an offer is paid on its own chain, by a way that is looked for");
        return;
    }
    if (!read_wish(call, &wish))
        return;
    make_request(call, &wish);
    random_fill(key.b, sizeof(key.b));
    call->key = key;
    if (send_request(call, &wish.offer, &err) != ST_OK)
        methods_refuse(call, err.text);
    else
        method_park(call, WAITS_FOR_ANSWER, key);
}

void methods_offer_tick(struct daemon *daemon, u64 now_ms)
{
    for (struct daemon_call *at = daemon->waiting; at != NULL; at = at->next) {
        struct invoice offer;
        struct arena tmp = at->arena;
        if (at->waits != WAITS_FOR_ANSWER || now_ms < at->again_ms)
            continue;
        bytes text = json_text(method_argument(at, "invoice"), &tmp);
        if (invoice_decode(text, &offer, &tmp, NULL) == ST_OK)
            (void)send_request(at, &offer, NULL);
    }
}

/* --- The answer. */

static enum status check_answer(const struct daemon_call *call, const struct wish *wish,
                                const struct invoice *answer, struct err *err)
{
    const struct invoice *offer = &wish->offer;
    const struct chain_of *chain = daemon_chain(call->daemon, offer->chain_id);
    TRY(invoice_check(answer, chain->chain_id, chain->adjudicator, chain->time_s, err));
    if (!point_equal(&answer->node, &offer->node) || !hash32_equal(answer->request, call->request))
        return fail(err, ST_INVALID, "the invoice that came is not for what was asked");
    if (answer->amount != wish->amount || !address_equal(answer->asset, offer->asset))
        return fail(err, ST_INVALID, "the invoice that came asks for something else");
    return ST_OK;
}

/* Of a way that begins at this node, the rest: our own channel leads to the next node, and what we
 * would keep of the fee as a forwarder is not paid. */
static enum status enter_way(const struct daemon *daemon, struct blind_end *end, struct err *err)
{
    u8 room[BLINDED_SEALED_LIMIT];
    struct instruction first;
    point33 own = keyring_node(daemon->ring);
    while (point_equal(&end->path.first_node, &own)) {
        TRY(blinded_route_enter(keyring_node_secret(daemon->ring), &end->path, room, &first, err));
        if (!first.has_fee)
            return fail(err, ST_INVALID, "the invoice that came has a way that is none");
        blinded_price_enter(&end->price, &first);
    }
    return ST_OK;
}

/* A copy of the path, which stays where it is. */
static void copy_path(const struct blinded_route *path, struct writer *room,
                      struct blinded_route *out)
{
    usize from = room->size;
    blinded_route_write(room, path);
    struct reader reader = {.in = {room->out + from, room->size - from}};
    bool is_read = blinded_route_read(&reader, out);
    assert(is_read);
}

/* NULL: none of the ways is one. */
static struct blind_ends *ends_of(const struct daemon *daemon, const struct invoice *answer,
                                  struct err *err)
{
    struct blind_ends *ends = calloc(1, sizeof(*ends));
    assert(ends != NULL);
    struct writer room = {.out = ends->room, .limit = sizeof(ends->room)};
    for (usize i = 0; i < answer->ways.count; i++) {
        const struct invoice_way *way = &answer->ways.at[i];
        struct blind_end *end = &ends->at[ends->count];
        usize from = room.size;
        *end = (struct blind_end){.price = way->price, .least = way->least, .most = way->most};
        copy_path(&way->path, &room, &end->path);
        sha256_joined((bytes){ends->room + from, room.size - from}, BYTES_EMPTY, end->name.b);
        if (enter_way(daemon, end, err) == ST_OK)
            ends->count++;
    }
    if (ends->count > 0)
        return ends;
    free(ends);
    return NULL;
}

static enum status pay_answer(struct daemon_call *call, const struct invoice *answer,
                              const struct wish *wish, struct err *err)
{
    struct payment_terms terms = {
        .hash = answer->payment_hash,
        .amount = answer->amount,
        .chain_id = answer->chain_id,
        .asset = answer->asset,
        .node = answer->node,
        .text = wish->offer.description,
    };
    struct seek_options options = {.fee_limit = wish->fee_limit, .until_ms = call->until_ms};
    struct blind_ends *ends = ends_of(call->daemon, answer, err);
    call->key = terms.hash;
    return ends == NULL ? ST_INVALID : payment_seek(call->daemon, &terms, &options, ends, err);
}

static void take_error(struct daemon_call *call, bytes content)
{
    char text[INVOICE_ERROR_LIMIT + 32];
    bytes sentence;
    if (!invoice_error_decode(content, &sentence))
        sentence = BYTES_LIT("something that cannot be shown");
    fmt(text, sizeof(text), "the payee says: %.*s", (int)sentence.size,
        (const char *)sentence.data);
    methods_refuse(call, text);
}

static void take_answer(struct daemon_call *call, const struct onion_message *message)
{
    struct wish wish;
    struct invoice answer;
    struct err err;
    if (message->type == MESSAGE_ERROR) {
        take_error(call, message->content);
        return;
    }
    if (!read_wish(call, &wish))
        return;
    enum status st = invoice_read(ANSWER, message->content, &answer, &err);
    if (st == ST_OK)
        st = check_answer(call, &wish, &answer, &err);
    if (st == ST_OK)
        st = pay_answer(call, &answer, &wish, &err);
    if (st != ST_OK)
        method_refuse_payment(call, st, err.text);
    else
        method_park(call, WAITS_FOR_ROUTED, answer.payment_hash);
}

/* The first answer is the only one: from then on nobody waits under its key. */
void method_take_answer(struct daemon *daemon, hash32 key, const struct onion_message *message)
{
    struct daemon_call *call = method_waiting(daemon, WAITS_FOR_ANSWER, key);
    if (call == NULL)
        return;
    method_unpark(call);
    take_answer(call, message);
    daemon_touch(daemon);
}
