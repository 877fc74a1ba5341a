#include "channel/app.h"

#include "channel/app_encoding.h"
#include "channel/app_games.h"
#include "channel/signed.h"
#include "crypto/keccak.h"
#include "evm/evm.h"

/* --- Encoding. */

static u256 wide(u128 value)
{
    return (u256){{(u64)value, (u64)(value >> 64), 0, 0}};
}

static void put_u128(struct abi_out *out, u128 value)
{
    abi_put_u256(out, wide(value));
}

void app_put(struct abi_out *out, const struct app *app)
{
    abi_open_tuple(out, 9);
    abi_put_address(out, app->player[0]);
    abi_put_address(out, app->player[1]);
    put_u128(out, app->stake[0]);
    put_u128(out, app->stake[1]);
    abi_put_address(out, app->rules);
    abi_put_u64(out, app->time_s);
    abi_put_hash(out, app->start);
    abi_put_hash(out, app->salt);
    abi_put_bytes(out, app->params);
    abi_close(out);
}

void app_put_state(struct abi_out *out, const struct app_state *state)
{
    abi_open_tuple(out, 5);
    abi_put_u64(out, state->version);
    abi_put_u64(out, state->mover);
    put_u128(out, state->moves[0]);
    put_u128(out, state->moves[1]);
    abi_put_bytes(out, state->data);
    abi_close(out);
}

hash32 app_id(const struct app *app, struct arena tmp)
{
    struct abi_out out = abi_begin(1, &tmp);
    app_put(&out, app);
    return keccak256(abi_end(&out));
}

hash32 app_state_hash(const struct app_state *state, struct arena tmp)
{
    struct abi_out out = abi_begin(1, &tmp);
    app_put_state(&out, state);
    return keccak256(abi_end(&out));
}

hash32 app_digest(hash32 domain, hash32 app, const struct app_state *state)
{
    static const char type[] = "AppState(bytes32 app,uint64 version,uint8 mover,uint128 fromFirst,"
                               "uint128 fromSecond,bytes data)";
    u8 room[8 * ABI_WORD];
    struct arena arena = arena_over(room, sizeof(room));
    struct abi_out out = abi_begin(7, &arena);
    abi_put_hash(&out, keccak256((bytes){(const u8 *)type, sizeof(type) - 1}));
    abi_put_hash(&out, app);
    abi_put_u64(&out, state->version);
    abi_put_u64(&out, state->mover);
    put_u128(&out, state->moves[0]);
    put_u128(&out, state->moves[1]);
    abi_put_hash(&out, keccak256(state->data));
    return signed_digest(domain, keccak256(abi_end(&out)));
}

bool app_state_fits(const struct app *app, const struct app_state *state)
{
    return state->mover <= APP_OVER && state->moves[0] <= app->stake[0] &&
           state->moves[1] <= app->stake[1] && state->data.size <= APP_DATA_LIMIT;
}

u128 app_join_fee(u128 base, u32 ppm, u128 amount, u64 for_s)
{
    const u64 whole = (u64)86400 * 1000000;                       /* a day, in millionths */
    u256 share = u256_mul(wide(amount), wide((u128)ppm * for_s)); /* 128 and 96 bits */
    u256 fee = u256_div(u256_add(share, u256_from_u64(whole - 1)), u256_from_u64(whole));
    fee = u256_add(fee, wide(base));
    return fee.w[2] != 0 || fee.w[3] != 0 ? ~(u128)0 : (u128)fee.w[1] << 64 | fee.w[0];
}

/* --- Rules: as Apps.sol asks them. */

enum { RULES_GAS = 1000000 };

usize app_room(void)
{
    enum { OTHERS = 16 << 20 /* the question, the state that the rules see, with their code */ };
    return evm_arena_bound(RULES_GAS) + OTHERS;
}

static bytes question(const struct app *app, const struct app_state *from,
                      const struct app_state *to, struct arena *arena)
{
    static const char of[] = "validTransition(" APP_TYPE "," APP_STATE_TYPE "," APP_STATE_TYPE ")";
    struct abi_out out = abi_begin_call(abi_selector(of), 3, arena);
    app_put(&out, app);
    app_put_state(&out, from);
    app_put_state(&out, to);
    return abi_end(&out);
}

static bool is_yes(const struct evm_result *result)
{
    struct abi_in in = abi_over(result->output);
    bool yes = evm_succeeded(result->halt) && abi_get_bool(&in);
    return yes && !in.failed;
}

bool app_allows(const struct app *app, const struct app_state *from, const struct app_state *to,
                struct arena tmp)
{
    static const struct rules rules = {.fork = SHANGHAI, .chain_id = 1}; /* what they compile for */
    bytes code = app_game_code(app->rules);
    if (code.size == 0 || from->mover >= APP_OVER || to->version != from->version + 1 ||
        !app_state_fits(app, to))
        return false;
    struct evm_block_env env = {.number = 1, .gas_limit = RULES_GAS};
    struct evm_message message = {
        .is_static = true,
        .to = app->rules,
        .input = question(app, from, to, &tmp),
        .gas = RULES_GAS,
    };
    struct state *state = state_new(&EMPTY_WORLD, 1, &tmp);
    struct evm *evm = evm_new(&rules, &env, state, RULES_GAS, &tmp);
    state_begin_tx(state);
    struct evm_result result = evm_run_code(evm, &message, code);
    return is_yes(&result);
}
