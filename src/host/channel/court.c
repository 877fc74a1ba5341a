#include "channel/court.h"

#include "channel/app_encoding.h"
#include "client/contract.h"

#include <pthread.h>

/* --- Calls. */

static void put_signature(struct abi_out *out, const signature64 *signature)
{
    hash32 half;
    memcpy(half.b, signature->b, sizeof(half.b));
    abi_put_hash(out, half);
    memcpy(half.b, signature->b + sizeof(half.b), sizeof(half.b));
    abi_put_hash(out, half);
}

bytes court_dispute(const struct app *app, const struct app_state *state,
                    const signature64 signature[2], struct arena *arena)
{
    static const char of[] =
        "appDispute(" APP_TYPE "," APP_STATE_TYPE ",(bytes32,bytes32),(bytes32,bytes32))";
    struct abi_out out = abi_begin_call(abi_selector(of), 6, arena);
    app_put(&out, app);
    app_put_state(&out, state);
    put_signature(&out, &signature[0]);
    put_signature(&out, &signature[1]);
    return abi_end(&out);
}

bytes court_move(const struct app *app, const struct app_state *from, const struct app_state *to,
                 const signature64 *signature, struct arena *arena)
{
    static const char of[] =
        "appMove(" APP_TYPE "," APP_STATE_TYPE "," APP_STATE_TYPE ",(bytes32,bytes32))";
    struct abi_out out = abi_begin_call(abi_selector(of), 5, arena);
    app_put(&out, app);
    app_put_state(&out, from);
    app_put_state(&out, to);
    put_signature(&out, signature);
    return abi_end(&out);
}

bytes court_settle(const struct app *app, const struct app_state *state, struct arena *arena)
{
    static const char of[] = "appSettle(" APP_TYPE "," APP_STATE_TYPE ")";
    struct abi_out out = abi_begin_call(abi_selector(of), 2, arena);
    app_put(&out, app);
    app_put_state(&out, state);
    return abi_end(&out);
}

/* --- Events. */

static hash32 event_topic[COURT_EVENTS];

static void hash_events(void)
{
    event_topic[COURT_STATE_CHANGED] =
        abi_topic("AppStateChanged(bytes32,uint40,uint40," APP_STATE_TYPE ")");
    event_topic[COURT_DECIDED] = abi_topic("AppDecided(bytes32,uint128,uint128)");
}

const hash32 *court_topics(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, hash_events);
    return event_topic;
}

static void get_state(struct abi_in *in, struct app_state *out)
{
    u64 offset = abi_get_u64(in);
    struct abi_in tuple = abi_over(bytes_slice(in->all, offset, in->all.size));
    out->version = abi_get_u64(&tuple);
    u8 mover = abi_get_u8(&tuple);
    out->mover = mover < APP_OVER ? (enum app_role)mover : APP_OVER;
    out->moves[0] = abi_get_u128(&tuple);
    out->moves[1] = abi_get_u128(&tuple);
    out->data = abi_get_bytes(&tuple);
    in->failed |= tuple.failed || mover > APP_OVER || out->data.size > APP_DATA_LIMIT;
}

enum status court_read_event(const struct log *log, struct court_event *out, struct err *err)
{
    struct abi_in in = abi_over(log->data);
    usize kind = 0;
    while (kind < COURT_EVENTS &&
           (log->topic_count != 2 || !hash32_equal(log->topics[0], court_topics()[kind])))
        kind++;
    if (kind == COURT_EVENTS)
        return fail(err, ST_INVALID, "a log that is no event of a court");
    *out = (struct court_event){.kind = (enum court_event_kind)kind, .app = log->topics[1]};
    if (kind == COURT_STATE_CHANGED) {
        (void)abi_get_u64(&in); /* times: appOf has them */
        (void)abi_get_u64(&in);
        get_state(&in, &out->state);
    }
    return in.failed ? fail(err, ST_INVALID, "a court's event that is malformed") : ST_OK;
}

/* --- Answers. */

static enum status ask(struct eth *eth, address court, bytes call, struct eth_at at,
                       struct abi_in *out, struct arena *arena, struct err *err)
{
    bytes result;
    struct eth_refusal refusal;
    struct eth_message message = {.to = court, .data = call};
    TRY(eth_ask_call(eth, &message, at, &result, &refusal, arena, err));
    *out = abi_over(result);
    return ST_OK;
}

static enum status ask_kept(struct eth *eth, address court, hash32 app, bool of_second,
                            struct eth_at at, u128 *out, struct arena tmp, struct err *err)
{
    struct abi_in in;
    struct abi_out call = abi_begin_call(abi_selector("keptOf(bytes32,bool)"), 2, &tmp);
    abi_put_hash(&call, app);
    abi_put_bool(&call, of_second);
    TRY(ask(eth, court, abi_end(&call), at, &in, &tmp, err));
    (void)abi_get_u64(&in);
    *out = abi_get_u128(&in);
    return contract_check(eth, &in, "keptOf", err);
}

enum status court_ask(struct eth *eth, address court, hash32 app, struct eth_at at,
                      struct court_look *out, struct arena tmp, struct err *err)
{
    struct arena part = tmp;
    struct abi_in in;
    struct abi_out call = abi_begin_call(abi_selector("appOf(bytes32)"), 1, &part);
    abi_put_hash(&call, app);
    TRY(ask(eth, court, abi_end(&call), at, &in, &part, err));
    *out = (struct court_look){.version = abi_get_u64(&in)};
    out->show_until_s = abi_get_u64(&in);
    out->move_until_s = abi_get_u64(&in);
    out->decided_s = abi_get_u64(&in);
    TRY(contract_check(eth, &in, "appOf", err));
    for (u32 i = 0; i < 2 && out->decided_s != 0; i++)
        TRY(ask_kept(eth, court, app, i == 1, at, &out->kept[i], tmp, err));
    return ST_OK;
}

enum status court_ask_address(struct eth *eth, address adjudicator, address *out, struct arena tmp,
                              struct err *err)
{
    return contract_ask_address(eth, adjudicator, "court()", out, tmp, err);
}
