#include "layer/agents.h"
#include "layer/appends.h"

#include "base/fmt.h"
#include "crypto/keccak.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdlib.h>
#include <time.h>

static const struct agent table[] = {
    {"batcher", ROLE_BATCHER, batcher_look},
    {"proposer", ROLE_PROPOSER, proposer_look},
    {"relayer", ROLE_RELAYER, relayer_look},
};

/* What a reorg of the parent takes out is sent again, up to so many blocks deep; deeper ones leave
 * a gap of nonces, which nobody else can fill. */
enum { CONFIRMATIONS = 64, GAP_MS = 15000 };
/* What reverts in a block costs its gas, so after each time it waits twice as long, up to about a
 * minute. */
enum { TICK_MS = 20, RETRY_MS = 1000, MOST_DOUBLINGS = 6 };
/* Address space for what an agent reads and makes in one look. */
#define LOOK_PAGES ((usize)8 << 30)

struct agents {
    struct eth *parent;
    struct sender *sender;
    struct pages pages;
    struct appends appends; /* the batcher's */
    atomic_bool stopping;
    bool ready; /* what an earlier life had sent has come about, or not */
    u64 started_ms;
    bool told; /* people, that it does not come about by itself */
    struct agent_memory memory[countof(table)];
};

/* --- One agent. */

static bool has_failed(const struct sender_outcome *outcome)
{
    return outcome->state == SENDER_FAILED || outcome->state == SENDER_CANCELLED ||
           (outcome->state == SENDER_INCLUDED && !outcome->succeeded);
}

static hash32 hash_of(const struct agent_call *call, u64 times)
{
    u8 end[8];
    struct keccak state;
    store_be64(end, times);
    keccak_init(&state);
    keccak_update(&state, call->data);
    keccak_update(&state,
                  (bytes){(const u8 *)call->blob_hashes, call->blob_count * sizeof(hash32)});
    keccak_update(&state, BYTES_OF(end));
    return keccak_final(&state);
}

/* The data name the accumulator or claim that the call builds on. What has failed may be right at
 * another time, word for word: a claim whose batch a reorg took out and put in again, or one that a
 * server refused which was behind. So it is another intent each time. */
static hash32 key_of(const struct agents *agents, const struct agent_call *call)
{
    struct sender_outcome outcome;
    u64 times = call->attempt;
    hash32 key = hash_of(call, times);
    while (sender_look(agents->sender, key, &outcome) == ST_OK && has_failed(&outcome))
        key = hash_of(call, ++times);
    return key;
}

/* What it waits for, if not for a block: once, because some of that only a person can mend. */
static void tell_why_it_waits(const char *name, const char *why, u64 since_ms, bool *told)
{
    enum { PATIENCE_MS = 5000 };
    if (*told || why == NULL || why[0] == 0 || clock_now_ms() < since_ms + PATIENCE_MS)
        return;
    log_warn(name, "what is to be sent waits", LOG_TEXT("why", why));
    *told = true;
}

/* What was in flight has come about, or not. */
static void conclude(const struct agent *agent, struct agent_memory *memory,
                     const struct sender_outcome *outcome)
{
    bool done = outcome->state == SENDER_INCLUDED && outcome->succeeded;
    bool costs = outcome->state == SENDER_INCLUDED && !done;
    memory->in_flight = false;
    memory->included_block = outcome->block_number;
    memory->outcome = done ? AGENT_DONE : AGENT_FAILED;
    if (done) {
        memory->failures = 0;
        log_info(agent->name, "done", LOG_U64("block", outcome->block_number),
                 LOG_U64("gas", outcome->gas_used), LOG_HEX("transaction", outcome->tx_hash));
        return;
    }
    bool has_reason = outcome->reason != NULL && outcome->reason[0] != 0;
    log_warn(agent->name, "what was sent has not come about, and is made anew",
             LOG_TEXT("why", has_reason ? outcome->reason : "it was reverted"));
    memory->not_before_ms = clock_now_ms() + ((u64)RETRY_MS << (costs ? memory->failures : 0));
    memory->failures += costs && memory->failures < MOST_DOUBLINGS;
}

/* True while what was submitted is on its way. */
static bool is_in_flight(struct agents *agents, const struct agent *agent,
                         struct agent_memory *memory)
{
    struct sender_outcome outcome;
    if (!memory->in_flight)
        return false;
    if (sender_look(agents->sender, memory->key, &outcome) != ST_OK)
        outcome = (struct sender_outcome){.state = SENDER_FAILED, .reason = "it is not known"};
    bool withdrawn = appends_withdrew(&agents->appends, memory->key);
    if (outcome.state == SENDER_PENDING && !withdrawn) {
        tell_why_it_waits(agent->name, outcome.reason, memory->submitted_ms, &memory->told);
        return true;
    }
    if (outcome.state == SENDER_PENDING)
        outcome.reason = "it was withdrawn";
    conclude(agent, memory, &outcome);
    return false;
}

static void ask_agent(struct layer *layer, struct agents *agents, usize index)
{
    const struct agent *agent = &table[index];
    struct agent_memory *memory = &agents->memory[index];
    struct arena arena = pages_arena(&agents->pages);
    struct agent_call call;
    struct err err;
    if ((layer->options.roles & agent->role) == 0 || clock_now_ms() < memory->not_before_ms ||
        is_in_flight(agents, agent, memory) ||
        !agent->look(layer, agents->parent, memory, &call, &arena))
        return;
    memory->key = key_of(agents, &call);
    memory->outcome = AGENT_SENT_NOTHING;
    struct sender_intent intent = {.key = memory->key,
                                   .to = call.to,
                                   .value_wei = call.value_wei,
                                   .data = call.data,
                                   .gas_limit = call.gas_limit,
                                   .blobs = call.blobs,
                                   .blob_count = call.blob_count,
                                   .sign_by_s = call.sign_by_s};
    if (sender_submit(agents->sender, &intent, &err) == ST_OK) {
        memory->in_flight = true;
        memory->submitted_ms = clock_now_ms();
        memory->told = false;
        if (agent->role == ROLE_BATCHER)
            appends_note(&agents->appends, memory->key, call.data);
        return;
    }
    log_error(agent->name, "cannot be sent now", LOG_TEXT("why", err.text));
    memory->not_before_ms = clock_now_ms() + RETRY_MS;
}

/* --- The thread. */

/* After a restart something may be on its way that was made before. What is made anew beside it
 * builds on the same accumulator, and one of the two reverts, for its full price. */
static void take_up(struct agents *agents)
{
    enum { LONG_AGO_MS = 1 }; /* what gathered before the restart has gathered for long enough */
    struct sender_afloat afloat = sender_afloat(agents->sender);
    for (usize i = 0; i < countof(table); i++) {
        agents->memory[i].included_block = afloat.newest_block;
        agents->memory[i].waiting_since_ms = LONG_AGO_MS;
    }
    agents->ready = afloat.waiting == 0;
    tell_why_it_waits("agents", afloat.why, agents->started_ms, &agents->told);
}

static void *run(void *self)
{
    struct layer *layer = self;
    struct agents *agents = layer->agents;
    while (!agents->stopping) {
        struct err why;
        for (usize i = 0; agents->ready && i < countof(table); i++)
            ask_agent(layer, agents, i);
        appends_tend(&agents->appends, layer, agents->sender, clock_now_ms());
        enum status st = sender_poll(agents->sender, clock_now_ms(), &why);
        if (!agents->ready && st == ST_OK)
            take_up(agents);
        if (st != ST_OK && !agents->stopping)
            log_debug("sender", "waits", LOG_TEXT("why", why.text));
        pages_trim(&agents->pages, (usize)8 << 20);
        nanosleep(&(struct timespec){.tv_nsec = TICK_MS * 1000000L}, NULL);
    }
    return NULL;
}

static enum status begin(struct layer *layer, struct err *err)
{
    struct agents *agents = layer->agents;
    const struct layer_options *options = &layer->options;
    char path[4200];
    struct eth_options client = {.url = options->parent_url, .cancel = &agents->stopping};
    fmt(path, sizeof(path), "%s/sender.log", options->folder);
    TRY(pages_reserve(LOOK_PAGES, &agents->pages, err));
    TRY(eth_new(&client, &agents->parent, err));
    struct sender_options sender = {.eth = agents->parent,
                                    .signer = *options->signer,
                                    .files = options->files,
                                    .path = path,
                                    .chain_id = options->rollup->parent_chain_id,
                                    .confirmations = CONFIRMATIONS,
                                    .gap_ms = GAP_MS};
    TRY(sender_open(&sender, &agents->sender, err));
    if ((options->roles & ROLE_RELAYER) != 0)
        TRY(relayer_open(layer, err));
    agents->started_ms = clock_now_ms();
    TRY(thread_start(&layer->agents_thread, "agents", run, layer, err));
    layer->agents_run = true;
    return ST_OK;
}

enum status agents_start(struct layer *layer, struct err *err)
{
    if ((layer->options.roles & ROLES_THAT_SIGN) == 0)
        return ST_OK;
    assert(layer->options.signer != NULL);
    layer->agents = calloc(1, sizeof(*layer->agents));
    assert(layer->agents != NULL);
    return begin(layer, err);
}

void agents_stop(struct layer *layer)
{
    struct agents *agents = layer->agents;
    if (agents == NULL)
        return;
    agents->stopping = true;
    if (layer->agents_run)
        pthread_join(layer->agents_thread, NULL);
    relayer_close(layer);
    sender_close(agents->sender);
    eth_free(agents->parent);
    pages_release(&agents->pages);
    free(agents);
    layer->agents = NULL;
}
