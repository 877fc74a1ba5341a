/* A watchtower's chains: every dispute that is opened, and what is done about those it knows. Those
 * of apps are in tower_court.c. */
#include "channel/tower_internal.h"

#include "base/fmt.h"
#include "crypto/keccak.h"
#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>

enum {
    CALL_ROOM = 1 << 16,
    OFTEN = 64, /* blocks that are looked at again after a restart, at most */
    /* Two owners can make new states for ever, and the tower send a call for each: it pays for so
     * many in one dispute, of them so many with what one side has put. An answer and the settlement
     * are what it takes. */
    MOST_CALLS = 24,
    MOST_ANSWERS = 6,
};

/* --- Blobs. */

/* False: it is nobody's who has the channel, whoever else knew the salt. */
static bool open_blob(const struct tower *tower, hash32 salt, hash32 id, const point33 *client,
                      struct tower_blob *out)
{
    u8 room[TOWER_PUT_MOST];
    bytes sealed;
    u64 sequence;
    hash32 is_of = {{0}};
    hint16 hint = tower_hint(salt, client);
    if (!tower_store_may_be(tower->store, client, hint, id) ||
        tower_store_get(tower->store, client, hint, &sequence, room, &sealed, NULL) != ST_OK)
        return false;
    if (tower_blob_open(salt, client, bytes_slice(sealed, 0, TOWER_BLOB_SIZE), out, NULL) == ST_OK)
        is_of = channel_name_of(&out->terms).id;
    bool is_owned = !hash32_is_zero(is_of) && tower_blob_is_owned(is_of, client, out);
    tower_store_judge(tower->store, client, hint, is_owned ? is_of : (hash32){{0}});
    return is_owned && hash32_equal(is_of, id);
}

bool tower_open_blob(const struct dispute *of, u32 side, struct tower_blob *out)
{
    return of->clients.has[side] &&
           open_blob(of->chain->tower, of->terms.salt, of->name.id, &of->clients.of[side], out) &&
           out->side == side && answer_is_signed(&out->terms, &out->states);
}

/* Takes the client for its side, if it has a blob that says so. */
static void take_client(struct dispute *of, const point33 *client)
{
    struct tower_blob blob;
    if (!open_blob(of->chain->tower, of->terms.salt, of->name.id, client, &blob))
        return;
    of->terms = blob.terms;
    of->clients.has[blob.side] = true;
    of->clients.of[blob.side] = *client;
}

static void each_client(void *self, const point33 *client)
{
    take_client(self, client);
}

void tower_take_notice(struct tower *tower, const point33 *client, hint16 hint)
{
    for (struct dispute *at = tower->disputes; at != NULL; at = at->next) {
        hint16 its = tower_hint(at->terms.salt, client);
        if (memcmp(its.b, hint.b, sizeof(its)) == 0)
            take_client(at, client);
    }
    tower_court_notice(tower, client, hint);
}

/* --- Calls. */

/* Half of a stake may be spent. Clients' states may be made up, for the tower to pay. */
static struct sender_stake bounded(const struct tower *tower, struct sender_stake stake)
{
    u256 most;
    if (!u256_mul_overflow(tower->options.spend_wei, u256_from_u64(2), &most))
        stake.worth_wei = u256_min(stake.worth_wei, most);
    return stake;
}

bool tower_call(struct tower_chain *chain, hash32 id, struct tower_calls *calls,
                enum onchain_contract to, bytes call, struct sender_stake stake)
{
    struct {
        hash32 id, call;
        u64 failures;
    } name = {id, keccak256(call), calls->failures};
    hash32 key = keccak256(BYTES_OF(name));
    if (hash32_equal(key, calls->key) || calls->count == MOST_CALLS)
        return false;
    calls->key = key;
    calls->count++;
    calls->is_underway = true;
    struct onchain_intent intent = {
        .key = key, .to = to, .data = call, .stake = bounded(chain->tower, stake)};
    onchain_submit(chain->chain, &intent);
    return true;
}

/* What failed is tried again with the next block, if it is still wanted. */
void tower_called(struct tower_calls *calls, hash32 id, bool succeeded, const char *why)
{
    calls->is_underway = false;
    calls->failures += !succeeded;
    if (!succeeded)
        log_warn("tower", "a transaction failed", LOG_HEX("about", id), LOG_TEXT("why", why));
}

static bool submit(struct dispute *dispute, bytes call, struct sender_stake stake)
{
    return tower_call(dispute->chain, dispute->name.id, &dispute->calls, ONCHAIN_ADJUDICATOR, call,
                      stake);
}

static bool is_better(const struct adjudicator_states *a, const struct adjudicator_states *b)
{
    if (a->base.base.epoch != b->base.base.epoch)
        return a->base.base.epoch > b->base.base.epoch;
    return a->half[0].half.seq + a->half[1].half.seq > b->half[0].half.seq + b->half[1].half.seq;
}

/* With what this side has put. False: it has nothing newer than the dispute. */
static bool answer_for(struct dispute *dispute, const struct tower_blob *blob)
{
    u8 room[CALL_ROOM];
    struct arena arena = arena_over(room, sizeof(room));
    if (dispute->answers[blob->side] == MOST_ANSWERS)
        return false;
    dispute->answering.has_failed = dispute->calls.failures != 0;
    bytes call =
        answer_call(&dispute->terms, &blob->states, &dispute->view, &dispute->answering, &arena);
    if (call.size == 0)
        return false;
    log_warn("tower", "a dispute with an old state is answered",
             LOG_HEX("channel", dispute->name.id));
    dispute->answers[blob->side] += submit(
        dispute, call, answer_stake(&dispute->terms, &blob->states, &dispute->view, blob->side));
    return true;
}

/* The two sides may both be clients, and one of them is the cheat: what it has put must not keep
 * the other's from being shown. The better first, which may make the other one needless. */
static bool answer(struct dispute *dispute)
{
    struct tower_blob blob[2];
    bool has[2];
    for (u32 side = 0; side < 2; side++)
        has[side] = tower_open_blob(dispute, side, &blob[side]);
    u32 first = has[1] && (!has[0] || is_better(&blob[1].states, &blob[0].states));
    return (has[first] && answer_for(dispute, &blob[first])) ||
           (has[1 - first] && answer_for(dispute, &blob[1 - first]));
}

/* The closer's bond, for the client that it cheats. Tried once: the money that the dispute is about
 * is worth more calls, this is not. */
static void accuse(struct dispute *dispute)
{
    u8 room[CALL_ROOM];
    struct arena arena = arena_over(room, sizeof(room));
    const struct channel_terms *terms = &dispute->terms;
    struct tower_blob blob;
    for (u32 side = 0; side < 2 && !dispute->has_accused; side++) {
        if (!tower_open_blob(dispute, side, &blob))
            continue;
        bytes call = answer_to_lie(terms, &blob.states, &dispute->view, &arena);
        if (call.size == 0)
            continue;
        dispute->has_accused = true;
        submit(dispute, call, answer_lie_stake(terms, &dispute->view));
    }
}

static void act(struct dispute *dispute)
{
    u8 room[CALL_ROOM];
    struct arena arena = arena_over(room, sizeof(room));
    if (!dispute->has_view || dispute->calls.is_underway)
        return;
    if (dispute->view.phase == PHASE_UNLOCKING) {
        bytes call = tower_unlock(dispute, &arena);
        if (call.size != 0)
            submit(dispute, call, (struct sender_stake){.until_s = 0});
        return;
    }
    if (dispute->view.phase != PHASE_DISPUTE)
        return;
    if (dispute->chain->time_s >= dispute->view.phase_time_s)
        submit(dispute, answer_end(&dispute->terms, &dispute->view, &arena),
               (struct sender_stake){.until_s = 0});
    else if (!answer(dispute))
        accuse(dispute);
}

/* --- What the chain says. */

static struct dispute **find(struct tower *tower, hash32 id)
{
    struct dispute **at = &tower->disputes;
    while (*at != NULL && !hash32_equal((*at)->name.id, id))
        at = &(*at)->next;
    return at;
}

/* Its locks will be paid as the court says, if it says so in time. A stranger's dispute costs the
 * tower no more than so many apps. */
static void take_to_court(const struct dispute *dispute)
{
    enum { MOST_OF_SIDE = 4 };
    struct tower_blob blob;
    for (u32 side = 0; side < 2; side++) {
        if (!tower_open_blob(dispute, side, &blob))
            continue;
        usize taken = 0;
        for (usize i = 0; i < blob.stakes.count && taken < MOST_OF_SIDE; i++)
            taken += tower_court_wanted(dispute->chain, blob.stakes.of[i].app, dispute->block);
    }
}

static void on_disputed(void *self, hash32 id, hash32 salt, u64 block)
{
    struct tower_chain *chain = self;
    struct tower *tower = chain->tower;
    struct dispute **end = find(tower, id);
    struct dispute found = {.chain = chain, .terms.salt = salt, .name.id = id, .block = block};
    if (*end != NULL) {
        (*end)->block = min_u64((*end)->block, block); /* after a reorg */
        return;
    }
    tower_store_clients(tower->store, &found, each_client);
    if (!found.clients.has[0] && !found.clients.has[1])
        return;
    found.name = channel_name_of(&found.terms);
    struct dispute *dispute = malloc(sizeof(*dispute));
    assert(dispute != NULL);
    *dispute = found;
    *end = dispute;
    log_info("tower", "a dispute begins", LOG_HEX("channel", id), LOG_U64("block", block));
    onchain_watch(chain->chain, &dispute->terms, block);
    take_to_court(dispute);
}

static void end_dispute(struct dispute **at)
{
    struct dispute *dispute = *at;
    *at = dispute->next;
    log_info("tower", "a dispute is over", LOG_HEX("channel", dispute->name.id));
    onchain_forget(dispute->chain->chain, dispute->name.id);
    free(dispute);
}

/* Whether it goes on after the settlement, for so long at most. */
static bool may_unlock(const struct dispute *dispute, const struct onchain_view *view)
{
    enum { MOST_S = 30 * 86400 };
    return view->phase == PHASE_UNLOCKING && tower_may_unlock(dispute) &&
           dispute->chain->time_s < view->phase_time_s + MOST_S;
}

static void on_view(void *self, hash32 id, const struct onchain_view *view, bool final)
{
    struct tower_chain *chain = self;
    struct dispute **at = find(chain->tower, id);
    if (*at == NULL)
        return;
    if (final) {
        if (view->phase != PHASE_DISPUTE && !may_unlock(*at, view))
            end_dispute(at);
        return;
    }
    chain->time_s = max_u64(chain->time_s, view->time_s); /* the first view comes before a block */
    (*at)->view = *view;
    (*at)->has_view = true;
    act(*at);
}

/* The store goes on where nothing is left to be done. */
static void keep_since(struct tower_chain *chain, u64 first)
{
    struct tower *tower = chain->tower;
    struct err err;
    for (const struct dispute *at = tower->disputes; at != NULL; at = at->next)
        if (at->chain == chain)
            first = min_u64(first, at->block);
    first = tower_court_since(chain, first);
    if (chain->since != 0 && first < chain->since + OFTEN)
        return;
    chain->since = first;
    if (tower_store_set_since(tower->store, chain->chain_id, first, &err) != ST_OK ||
        tower_store_sync(tower->store, &err) != ST_OK)
        tower_fail(tower, &err);
}

static void on_block(void *self, u64 number, u64 time_s, u64 final_number, u64 final_time_s)
{
    struct tower_chain *chain = self;
    (void)number;
    chain->time_s = time_s;
    chain->final_time_s = final_time_s;
    if (chain->tower->has_failed)
        return;
    for (struct dispute **at = &chain->tower->disputes; *at != NULL;) {
        bool is_settled = (*at)->has_view && (*at)->view.phase == PHASE_UNLOCKING &&
                          (*at)->view.phase_time_s <= final_time_s;
        if ((*at)->chain == chain && is_settled && !may_unlock(*at, &(*at)->view)) {
            end_dispute(at);
            continue;
        }
        if ((*at)->chain == chain)
            act(*at);
        at = &(*at)->next;
    }
    tower_court_block(chain);
    keep_since(chain, final_number + 1);
}

static void on_reveal(void *self, const struct onchain_reveal *reveal)
{
    (void)self, (void)reveal; /* secrets of locks are their owners' business */
}

static void on_shown(void *self, hash32 id, u64 block)
{
    tower_court_shown(self, id, block);
}

static void on_app(void *self, hash32 id, const struct onchain_app *view)
{
    tower_court_view(self, id, view);
}

static void on_outcome(void *self, hash32 key, bool succeeded, const char *why)
{
    struct tower_chain *chain = self;
    struct dispute *at = chain->tower->disputes;
    while (at != NULL && !hash32_equal(at->calls.key, key))
        at = at->next;
    if (at != NULL)
        tower_called(&at->calls, at->name.id, succeeded, why);
    else
        tower_court_outcome(chain, key, succeeded, why);
}

/* --- Life. */

static enum status open_chain(struct tower *tower, usize index, struct tower_chain *out,
                              struct err *err)
{
    const struct daemon_chain *from = &tower->options.chains[index];
    char folder[4096];
    if (fmt(folder, sizeof(folder), "%s/chain-%zu", tower->options.folder, index) >= sizeof(folder))
        return fail(err, ST_INVALID, "path too long: %s", tower->options.folder);
    out->tower = tower;
    struct onchain_options options = {
        .url = from->url,
        .adjudicator = from->adjudicator,
        .folder = folder,
        .signer = tower->options.signer,
        .confirmations = from->confirmations,
        .poll_ms = from->poll_ms,
        .loop = tower->options.loop,
        .listener = {.self = out,
                     .view = on_view,
                     .app = on_app,
                     .block = on_block,
                     .revealed = on_reveal,
                     .outcome = on_outcome,
                     .disputed = on_disputed,
                     .shown = on_shown},
    };
    TRY(onchain_open(&options, &out->chain, err));
    out->chain_id = onchain_chain_id(out->chain);
    out->since = tower_store_since(tower->store, out->chain_id);
    if (out->since != 0)
        onchain_tell_since(out->chain, out->since);
    return ST_OK;
}

enum status tower_open_chains(struct tower *tower, struct err *err)
{
    usize count = tower->options.chain_count;
    tower->chains = calloc(count + 1, sizeof(tower->chains[0]));
    assert(tower->chains != NULL);
    for (usize i = 0; i < count; i++) {
        TRY(open_chain(tower, i, &tower->chains[i], err));
        tower->chain_count++;
    }
    for (usize i = 0; i < count; i++)
        TRY(onchain_begin(tower->chains[i].chain, err));
    return ST_OK;
}

void tower_close_chains(struct tower *tower)
{
    for (usize i = 0; i < tower->chain_count; i++)
        onchain_close(tower->chains[i].chain);
    while (tower->disputes != NULL) {
        struct dispute *next = tower->disputes->next;
        free(tower->disputes);
        tower->disputes = next;
    }
    tower_court_close(tower);
    free(tower->chains);
}
