/* From an offer to a channel with money in it.
 *
 *     opener                          acceptor
 *     OPEN terms        ──────────>   writes the channel to its journal
 *     writes it too     <──────────   ACCEPT
 *     deposits on chain               sees the deposit when it is final
 *                       <──────────   FUNDED: now the opener may spend it
 *
 * Epoch 0 is implied, so nobody has to sign anything before money goes in: who deposits can always
 * leave with it. An offer that was not answered is made again on the next connection; one that
 * was accepted without the opener hearing of it leaves an empty channel behind. */
#include "channel/daemon_chains.h"
#include "channel/daemon_records.h"

#include "base/fmt.h"
#include "sys/entropy.h"
#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

struct opening {
    struct opening *next;
    struct peer *peer;
    struct chain_of *chain;
    struct channel_terms terms; /* but the acceptor's half of them */
    hash32 request;
    u32 key;
    u128 wanted;
    struct daemon_call *call;
    u64 until_ms;
    bool said;
};

enum { MOST_EMPTY_OF_PEER = 16 };

/* --- Entries. */

struct entry *entry_new(struct daemon *daemon, const struct channel_terms *terms, u32 side, u32 key,
                        struct peer *peer, struct chain_of *chain, hash32 request)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    assert(entry != NULL);
    entry->channel = channel_new(terms, side, key);
    entry->key = key;
    entry->peer = peer;
    entry->chain = chain;
    entry->request = request;
    peer->channels++;
    entry->next_of_peer = peer->entries;
    peer->entries = entry;
    if (key >= daemon->next_key)
        daemon->next_key = key + 1;
    daemon_add_entry(daemon, entry);
    struct err err;
    if (!signer_remembers(daemon->keys) &&
        signer_know(daemon->keys, key, side, terms, &err) != ST_OK)
        log_error("channel", "nothing is signed in a channel", LOG_TEXT("why", err.text),
                  LOG_HEX("channel", channel_name(entry->channel)->id));
    return entry;
}

/* A channel that is new: from here on it is in the journal and watched. `instead`: whose place it
 * takes; NULL: nobody's. */
static struct entry *begin_entry(struct daemon *daemon, const struct channel_terms *terms, u32 side,
                                 u32 key, struct peer *peer, struct chain_of *chain, hash32 request,
                                 struct entry *instead)
{
    if (instead != NULL)
        place_give(instead);
    struct entry *entry = entry_new(daemon, terms, side, key, peer, chain, request);
    entry->here = entry->there = true; /* both know that nothing has been said */
    if (instead != NULL)
        record_instead(entry);
    else
        record_entry(entry);
    onchain_watch(chain->chain, terms, chain->block);
    return entry;
}

/* --- The opener. */

bool opening_waits_for(const struct peer *peer)
{
    for (struct opening *at = peer->daemon->openings; at != NULL; at = at->next)
        if (at->peer == peer)
            return true;
    return false;
}

static void say_offer(struct opening *opening)
{
    const struct channel_terms *terms = &opening->terms;
    struct wire_message message = {.type = WIRE_OPEN};
    message.open = (struct wire_open){
        .request = opening->request,
        .chain_id = terms->chain_id,
        .adjudicator = terms->adjudicator,
        .asset = terms->asset,
        .challenge_s = terms->challenge_s,
        .owner = terms->owner[0],
        .payout = terms->payout[0],
        .salt = terms->salt,
    };
    opening->said = true;
    daemon_say(opening->peer, &message);
}

void opening_begin(struct daemon_call *call, const struct opening_wish *wish)
{
    struct daemon *daemon = call->daemon;
    struct opening *opening = calloc(1, sizeof(*opening));
    assert(opening != NULL);
    opening->peer = wish->peer;
    opening->chain = wish->chain;
    opening->key = daemon->next_key++;
    opening->wanted = wish->amount;
    opening->call = call;
    opening->until_ms = call->until_ms;
    random_fill(opening->request.b, sizeof(opening->request.b));
    opening->terms = (struct channel_terms){
        .chain_id = wish->chain->chain_id,
        .adjudicator = wish->chain->adjudicator,
        .owner = {signer_owner(daemon->keys, opening->key)},
        .asset = wish->asset,
        .challenge_s = daemon->options.challenge_s,
        .payout = {keyring_account(daemon->ring)},
        .salt = keyring_salt(daemon->ring, opening->key),
    };
    opening->next = daemon->openings;
    daemon->openings = opening;
    if (wish->peer->greeted)
        say_offer(opening);
}

void opening_met(struct peer *peer)
{
    for (struct opening *at = peer->daemon->openings; at != NULL; at = at->next)
        if (at->peer == peer)
            say_offer(at);
}

static struct opening **place_of(struct peer *peer, hash32 request)
{
    struct opening **at = &peer->daemon->openings;
    while (*at != NULL && ((*at)->peer != peer || !hash32_equal((*at)->request, request)))
        at = &(*at)->next;
    return at;
}

static void end_opening(struct opening **at)
{
    struct opening *opening = *at;
    *at = opening->next;
    free(opening);
}

enum status opening_take_answer(struct peer *peer, const struct wire_message *message,
                                struct err *err)
{
    const struct wire_accept *answer = &message->accept;
    struct opening **at = place_of(peer, answer->request), *opening = *at;
    if (opening == NULL)
        return fail(err, ST_INVALID, "ACCEPT of an offer that was not made");
    struct channel_terms terms = opening->terms;
    terms.owner[1] = answer->owner;
    terms.payout[1] = answer->payout;
    if (address_is_zero(answer->owner) || address_is_zero(answer->payout) ||
        address_equal(answer->owner, terms.owner[0]))
        return fail(err, ST_INVALID, "ACCEPT with no address, or with ours");
    struct entry *entry = begin_entry(peer->daemon, &terms, 0, opening->key, peer, opening->chain,
                                      opening->request, NULL);
    entry->wanted = opening->wanted;
    record_wanted(entry);
    daemon_after(entry, opening_fund);
    methods_wait_for_channel(opening->call, entry);
    end_opening(at);
    return ST_OK;
}

/* The peer's words, on their way to a person. */
static void refuse_with(struct daemon_call *call, bytes text)
{
    enum { SHOWN = 120 };
    char why[SHOWN + 32];
    usize size = fmt(why, sizeof(why), "the peer refuses: ");
    for (usize i = 0; i < text.size && i < SHOWN; i++)
        why[size++] = text.data[i] >= ' ' && text.data[i] < 0x7f ? (char)text.data[i] : '?';
    why[size] = 0;
    methods_refuse(call, why);
}

enum status opening_take_refusal(struct peer *peer, const struct wire_message *message,
                                 struct err *err)
{
    const struct wire_refuse *answer = &message->refuse;
    struct opening **at = place_of(peer, answer->request);
    if (*at == NULL)
        return fail(err, ST_INVALID, "REFUSE of an offer that was not made");
    refuse_with((*at)->call, answer->text);
    end_opening(at);
    return ST_OK;
}

void openings_tick(struct daemon *daemon, u64 now_ms)
{
    for (struct opening **at = &daemon->openings; *at != NULL;) {
        struct opening *opening = *at;
        if (now_ms < opening->until_ms) {
            at = &opening->next;
            continue;
        }
        methods_refuse(opening->call, opening->said ? "the peer did not answer in time"
                                                    : "the peer could not be reached in time");
        end_opening(at);
    }
}

void openings_end(struct daemon *daemon)
{
    while (daemon->openings != NULL) {
        methods_refuse(daemon->openings->call, "the daemon ends");
        end_opening(&daemon->openings);
    }
}

/* --- The acceptor. */

static u32 empty_channels(const struct peer *peer)
{
    u32 count = 0;
    for (const struct entry *at = peer->entries; at != NULL; at = at->next_of_peer)
        count += at->stage == STAGE_OPEN &&
                 channel_funds(at->channel, 0) + channel_funds(at->channel, 1) == 0;
    return count;
}

/* Why we do not want this channel; NULL: we do. */
static const char *objection(const struct peer *peer, const struct wire_open *offer,
                             const struct chain_of *chain, struct entry **instead)
{
    struct daemon *daemon = peer->daemon;
    if (chain == NULL)
        return "not a chain of ours";
    if (!address_equal(offer->adjudicator, chain->adjudicator))
        return "another adjudicator than ours";
    if (offer->challenge_s < daemon->options.least_challenge_s)
        return "the challenge period is too short to answer in";
    if (offer->challenge_s > 30 * 86400)
        return "the challenge period is longer than 30 days";
    if (address_is_zero(offer->owner) || address_is_zero(offer->payout))
        return "an address is missing";
    if (empty_channels(peer) >= MOST_EMPTY_OF_PEER || place_find(daemon, instead) != ST_OK ||
        (*instead == NULL && daemon->next_key >= KEYRING_LIMIT))
        return "too many channels";
    return NULL;
}

enum status opening_take_offer(struct peer *peer, const struct wire_message *message,
                               struct err *err)
{
    const struct wire_open *offer = &message->open;
    struct daemon *daemon = peer->daemon;
    (void)err;
    struct chain_of *chain = daemon_chain(daemon, offer->chain_id);
    struct entry *instead;
    const char *why = objection(peer, offer, chain, &instead);
    if (why != NULL) {
        struct wire_message no = {.type = WIRE_REFUSE};
        no.refuse = (struct wire_refuse){offer->request, {(const u8 *)why, strlen(why)}};
        daemon_say(peer, &no);
        return ST_OK;
    }
    u32 key = instead == NULL ? daemon->next_key : instead->key; /* which has signed nothing */
    struct channel_terms terms = {
        .chain_id = offer->chain_id,
        .adjudicator = offer->adjudicator,
        .owner = {offer->owner, signer_owner(daemon->keys, key)},
        .asset = offer->asset,
        .challenge_s = offer->challenge_s,
        .payout = {offer->payout, keyring_account(daemon->ring)},
        .salt = offer->salt,
    };
    (void)begin_entry(daemon, &terms, 1, key, peer, chain, offer->request, instead);
    struct wire_message yes = {.type = WIRE_ACCEPT};
    yes.accept = (struct wire_accept){offer->request, terms.owner[1], terms.payout[1]};
    daemon_say(peer, &yes);
    return ST_OK;
}

/* The peer does not know the channel; if there is nothing in it, neither need we. */
void opening_forget(struct entry *entry)
{
    u128 deposited[2], withdrawn[2];
    channel_seen(entry->channel, deposited, withdrawn);
    if ((deposited[0] | deposited[1] | entry->wanted) != 0 || entry->stage != STAGE_OPEN)
        return;
    entry->stage = STAGE_CLOSED;
    signer_end(entry->daemon->keys, entry->key);
    entry->peer->channels--;
    channel_stop(entry->channel);
    record_stage(entry);
    methods_wake(entry->daemon, channel_name(entry->channel)->id);
    daemon_touch(entry->daemon);
}

/* --- Money in. */

void opening_fund(struct entry *entry)
{
    u128 deposited[2], withdrawn[2];
    channel_seen(entry->channel, deposited, withdrawn);
    if (entry->wanted > deposited[channel_side(entry->channel)] && entry->stage == STAGE_OPEN)
        errand_deposit(entry);
}

/* What is final on chain counts from here on. */
void opening_seen(struct entry *entry, const struct onchain_view *view)
{
    u128 deposited[2], withdrawn[2];
    bool grew = false;
    channel_seen(entry->channel, deposited, withdrawn);
    for (u32 side = 0; side < 2; side++) {
        u128 in = view->deposited[side], out = view->withdrawn[side];
        if (in >= CHANNEL_AMOUNT_LIMIT || out >= CHANNEL_AMOUNT_LIMIT)
            return; /* nobody has so much; such a channel is of no use to us */
        grew |= in > deposited[side] || out > withdrawn[side];
        deposited[side] = in > deposited[side] ? in : deposited[side];
        withdrawn[side] = out > withdrawn[side] ? out : withdrawn[side];
    }
    if (!grew && !splice_is_over(entry, view->time_s))
        return;
    channel_see(entry->channel, deposited, withdrawn);
    channel_see_time(entry->channel, view->time_s);
    record_seen(entry);
    chronicle_channel(entry);
    peer_tell_funds(entry);
    methods_wake(entry->daemon, channel_name(entry->channel)->id);
    entry_touch(entry);
}
