/* Offers: payments that may be asked for again and again, by whoever has a text, of a payee that
 * the text does not name.
 *
 *     payer                         blinded path of the offer            payee
 *     request, path for the answer ─────────────────────────────> knows its offer by the path
 *     holds it against its request <───────────────────────────── invoice with ways to pay
 *     locks ── these ways ──────────────────────────────────────> makes the preimage
 *
 * Neither an offer nor a request leaves anything behind: whoever has the account's key answers
 * them. All secrets of an offer are derived from its metadata, which is random; the id of its
 * paths, from all of its terms, which a request brings back. So who comes by a path with the right
 * id has the offer as it was made, and nobody else knows the id: who guesses at the payee's node,
 * and asks or pays that without the path, is not answered (BOLT 4, "Route Blinding"). The last hop
 * of the way to pay says, sealed, what the invoice was for, and all of its secrets are derived from
 * that, so that the same request gets the same payment, which is taken once. */
#include "channel/daemon_locks.h"
#include "channel/daemon_records.h"
#include "channel/invoice_request.h"
#include "channel/messages.h"

#include "sys/entropy.h"
#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

enum {
    LIFE_S = 3600,            /* of an invoice */
    LATEST_S = LIFE_S + 86400 /* from now on, of the locks for it: above what payers take */
};

/* What the last hop of the way to pay is told, as the bytes of its path id. Who makes it up does
 * not know the hash that goes with it. */
struct promise {
    u8 request[32], chain_id[8], asset[20], amount[16], expiry_s[8];
};

static void derive(const struct daemon *daemon, const char *use, bytes of, u8 out[static 32])
{
    secret32 secret = keyring_offer_secret(daemon->ring, use, of);
    memcpy(out, secret.b, sizeof(secret.b));
    secret_wipe(&secret);
}

/* The id of the offer's paths. */
static hash32 path_of(const struct daemon *daemon, const struct invoice *offer)
{
    u8 room[INVOICE_TERMS_LIMIT];
    struct writer terms = {.out = room, .limit = sizeof(room)};
    hash32 path;
    invoice_put_terms(&terms, offer);
    derive(daemon, "path", (bytes){room, terms.size}, path.b);
    return path;
}

static secret32 key_of(const struct daemon *daemon, hash32 metadata)
{
    return keyring_offer_secret(daemon->ring, "key", BYTES_OF(metadata));
}

static enum status sign(const struct daemon *daemon, hash32 metadata, struct invoice *invoice,
                        struct err *err)
{
    secret32 key = key_of(daemon, metadata);
    enum status st = invoice_sign(invoice, &key, err);
    secret_wipe(&key);
    return st;
}

enum status offer_new(struct daemon *daemon, struct invoice *offer, struct arena *arena,
                      struct err *err)
{
    random_fill(offer->metadata.b, sizeof(offer->metadata.b));
    TRY(sign(daemon, offer->metadata, offer, err)); /* its key is one of the terms */
    hash32 path = path_of(daemon, offer);
    offer->paths.count =
        messages_paths(daemon, BYTES_OF(path), offer->paths.at, INVOICE_PATHS_LIMIT, arena);
    if (offer->paths.count == 0)
        return fail(err, ST_MISSING, "no peer with a channel is there, by whom one could be asked");
    return sign(daemon, offer->metadata, offer, err);
}

bool offer_is_own(const struct daemon *daemon, const struct invoice *offer)
{
    secret32 key = key_of(daemon, offer->metadata);
    point33 node;
    bool is_own = point_of_secret(&key, &node) == ST_OK && point_equal(&node, &offer->node);
    secret_wipe(&key);
    return is_own;
}

/* --- Being asked. */

/* Channels by which most can come. */
struct receivers {
    struct inbound at[INVOICE_WAYS_LIMIT]; /* the largest first */
    usize count;
};

static void put_receiver(struct receivers *list, const struct inbound *one)
{
    usize at = list->count;
    if (at < countof(list->at))
        list->count++;
    else if (list->at[--at].most >= one->most)
        return;
    for (; at > 0 && list->at[at - 1].most < one->most; at--)
        list->at[at] = list->at[at - 1];
    list->at[at] = *one;
}

/* *out: the channel alone. False: nothing can come by it. */
static bool receives(struct daemon *daemon, const struct entry *at, const struct invoice *offer,
                     u128 amount, struct inbound *out)
{
    const struct channel_terms *channel = channel_terms(at->channel);
    const struct graph_channel *known =
        graph_channel(network_graph(daemon), channel_name(at->channel)->id);
    if (at->stage != STAGE_OPEN || at->ends || !at->here || !at->there || known == NULL ||
        channel->chain_id != offer->chain_id || !address_equal(channel->asset, offer->asset))
        return false;
    const struct graph_policy *asks = &known->policy[1 - channel_side(at->channel)];
    u128 most = channel_receivable(at->channel);
    most = most < amount ? most : amount;
    *out = (struct inbound){.count = 1, .nodes = {at->peer->node}, .asks = {*asks}, .most = most};
    out->least = asks->least;
    return asks->timestamp_s != 0 && asks->enabled && most >= asks->least && most > 0;
}

static void find_receivers(struct daemon *daemon, const struct invoice *offer, u128 amount,
                           struct receivers *out)
{
    *out = (struct receivers){.count = 0};
    for (u32 i = 0; i < daemon->entry_count; i++) {
        struct inbound one;
        if (receives(daemon, daemon->entries[i], offer, amount, &one))
            put_receiver(out, &one);
    }
}

/* From each channel `hops` nodes out. False: not the amount can come by all of them together. */
static bool lead_out(struct daemon *daemon, const struct inbound_query *query, u128 amount,
                     struct receivers *ways)
{
    u128 sum = 0;
    for (usize i = 0; i < ways->count && sum < amount; i++) {
        inbound_extend(network_graph(daemon), query, NULL, 0, &ways->at[i]);
        sum += ways->at[i].most;
        if (sum >= amount)
            ways->count = i + 1;
    }
    return sum >= amount;
}

/* One more, if there is one as long: by another channel, or by the same, over nodes that no other
 * goes over; for the payer hears only that a way did not work, and cannot make up another. */
static void add_spare(struct daemon *daemon, const struct inbound_query *query,
                      const struct receivers *channels, struct receivers *ways)
{
    const struct graph *graph = network_graph(daemon);
    usize used = ways->count, least = ways->at[0].count;
    for (usize i = 0; i < channels->count && used < countof(ways->at); i++) {
        usize from = (used + i) % channels->count; /* those that are not used yet come first */
        struct inbound spare = channels->at[from];
        inbound_extend(graph, query, ways->at, used, &spare);
        if (from >= used && spare.count < least) {
            spare = channels->at[from];
            inbound_extend(graph, query, NULL, 0, &spare);
        }
        if (spare.count < least || (from < used && spare.count == 1))
            continue;
        ways->at[ways->count++] = spare;
        return;
    }
}

/* As many nodes before us as may be, if so much can come by longer paths as is asked for.
 * ST_MISSING: not even by our own channels. */
static enum status find_ways(struct daemon *daemon, const struct invoice *offer, u128 amount,
                             struct receivers *out, struct err *err)
{
    struct inbound_query query = {.own = keyring_node(daemon->ring),
                                  .hops = INBOUND_HOPS,
                                  .pays = true,
                                  .chain_id = offer->chain_id,
                                  .asset = offer->asset,
                                  .now_s = network_now_s()};
    struct receivers channels;
    find_receivers(daemon, offer, amount, &channels);
    for (; query.hops > 0; query.hops--) {
        *out = channels;
        if (!lead_out(daemon, &query, amount, out))
            continue;
        add_spare(daemon, &query, &channels, out);
        return ST_OK;
    }
    return fail(err, ST_MISSING, "the payee cannot receive so much now");
}

static enum status make_ways(struct daemon *daemon, const struct invoice *offer, u128 amount,
                             u64 now_s, bytes path_id, struct invoice_ways *out,
                             struct arena *arena, struct err *err)
{
    struct receivers ways;
    point33 own = keyring_node(daemon->ring);
    TRY(find_ways(daemon, offer, amount, &ways, err));
    out->count = 0;
    for (usize i = 0; i < ways.count; i++) {
        struct invoice_way *way = &out->at[out->count];
        *way = (struct invoice_way){.least = ways.at[i].least, .most = ways.at[i].most};
        if (!inbound_price(&ways.at[i], &way->price))
            continue;
        if (inbound_path(&ways.at[i], &own, path_id, now_s + LATEST_S, &way->path, arena) != ST_OK)
            return fail(err, ST_INVALID, "the payee has no key");
        out->count++;
    }
    return out->count > 0 ? ST_OK : fail(err, ST_MISSING, "the ways to the payee are too dear");
}

static enum status check_request(const struct invoice_request *request, u64 now_s, u128 *amount,
                                 struct err *err)
{
    const struct invoice *offer = &request->offer;
    u128 asked = offer->amount;
    *amount = request->amount == 0 ? asked : request->amount;
    if (offer->expiry_s != 0 && now_s > offer->expiry_s)
        return fail(err, ST_INVALID, "the offer expired %lu s ago", now_s - offer->expiry_s);
    if (*amount == 0 || *amount < asked || (asked != 0 && *amount - asked > asked) ||
        *amount >= CHANNEL_AMOUNT_LIMIT)
        return fail(err, ST_INVALID, "that is not an amount that the offer is for");
    return ST_OK;
}

static struct promise promise_of(const struct invoice_request *request, u128 amount, u64 expiry_s)
{
    struct promise out;
    memcpy(out.request, request->id.b, sizeof(out.request));
    store_be64(out.chain_id, request->offer.chain_id);
    memcpy(out.asset, request->offer.asset.b, sizeof(out.asset));
    store_be64(out.amount, (u64)(amount >> 64));
    store_be64(out.amount + 8, (u64)amount);
    store_be64(out.expiry_s, expiry_s);
    return out;
}

/* The payment that the promise stands for. */
static void make_bill(const struct daemon *daemon, const struct promise *promise,
                      struct bill_terms *out)
{
    *out = (struct bill_terms){
        .chain_id = load_be64(promise->chain_id),
        .amount = (u128)load_be64(promise->amount) << 64 | load_be64(promise->amount + 8),
        .expiry_s = load_be64(promise->expiry_s),
    };
    memcpy(out->asset.b, promise->asset, sizeof(promise->asset));
    derive(daemon, "preimage", BYTES_OF(*promise), out->preimage.b);
    derive(daemon, "secret", BYTES_OF(*promise), out->secret.b);
}

/* All that comes of one request is the same for the life of an invoice, so that a repeated one is
 * not another payment: times go in steps of that. */
static u64 expiry_of(u64 now_s)
{
    return (now_s / LIFE_S + 2) * LIFE_S;
}

static enum status answer(struct daemon *daemon, const struct invoice_request *request,
                          struct invoice *out, struct arena *arena, struct err *err)
{
    const struct invoice *offer = &request->offer;
    struct chain_of *chain = daemon_chain(daemon, offer->chain_id);
    struct bill_terms bill;
    u128 amount, received = 0;
    if (chain == NULL || chain->time_s == 0)
        return fail(err, ST_AGAIN, "the payee does not reach its chain");
    if (!address_equal(chain->adjudicator, offer->adjudicator))
        return fail(err, ST_INVALID, "the payee's channels are not at that adjudicator any more");
    TRY(check_request(request, chain->time_s, &amount, err));
    struct promise promise = promise_of(request, amount, expiry_of(chain->time_s));
    make_bill(daemon, &promise, &bill);
    *out = (struct invoice){.kind = ANSWER,
                            .chain_id = chain->chain_id,
                            .adjudicator = chain->adjudicator,
                            .asset = bill.asset,
                            .amount = amount,
                            .payment_hash = registry_key(bill.preimage),
                            .created_s = chain->time_s,
                            .expiry_s = bill.expiry_s,
                            .request = request->id};
    secret_wipe(&bill);
    if (bill_state(daemon, out->payment_hash, &received) && received != 0)
        return fail(err, ST_INVALID, "this request was paid");
    TRY(make_ways(daemon, offer, amount, chain->time_s, BYTES_OF(promise), &out->ways, arena, err));
    return sign(daemon, offer->metadata, out, err);
}

static void take_request(struct daemon *daemon, const struct invoice_request *request,
                         const struct onion_message *message)
{
    enum { ROOM = INVOICE_LIMIT + INVOICE_WAYS_LIMIT * MESSAGES_PATH_ROOM };
    u8 memory[ROOM], error[INVOICE_ERROR_LIMIT];
    struct arena arena = arena_over(memory, sizeof(memory));
    struct invoice invoice;
    struct err err;
    struct onion_message reply = {.type = MESSAGE_INVOICE};
    if (answer(daemon, request, &invoice, &arena, &err) == ST_OK) {
        reply.content = invoice_write(&invoice, &arena);
    } else {
        reply.type = MESSAGE_ERROR;
        reply.content = (bytes){error, invoice_error_encode(err.text, error)};
    }
    if (messages_send(daemon, &message->reply, &reply, &err) != ST_OK)
        log_debug("channel", "a request for an invoice is not answered", LOG_TEXT("why", err.text));
}

void offers_take(struct daemon *daemon, bytes path_id, const struct onion_message *message)
{
    struct invoice_request request;
    hash32 path;
    if (path_id.size != sizeof(path))
        return;
    bytes_copy(path.b, path_id);
    if (message->type != MESSAGE_REQUEST) {
        method_take_answer(daemon, path, message);
        return;
    }
    if (message->reply.count == 0 ||
        invoice_request_decode(message->content, &request, NULL) != ST_OK)
        return;
    hash32 right = path_of(daemon, &request.offer);
    if (secret_equal(path.b, right.b, sizeof(path.b)))
        take_request(daemon, &request, message);
}

/* --- Being paid. */

enum status offer_take(struct daemon *daemon, bytes path_id, hash32 hash, hash32 *secret)
{
    struct promise promise;
    struct bill_terms bill;
    if (path_id.size != sizeof(promise))
        return ST_INVALID;
    bytes_copy(&promise, path_id);
    make_bill(daemon, &promise, &bill);
    *secret = bill.secret;
    enum status st = hash32_equal(registry_key(bill.preimage), hash) && bill_put(daemon, &bill)
                         ? ST_OK
                         : ST_INVALID;
    secret_wipe(&bill);
    return st;
}
