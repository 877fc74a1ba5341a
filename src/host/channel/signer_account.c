#include "channel/signer_account.h"

#include "channel/adjudicator.h"
#include "channel/court.h"
#include "client/abi.h"
#include "sys/clock.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/* A replacement of a transaction costs what it is dearer. */
enum { NONCES = 64 };

struct account_signer {
    struct signer inner;
    struct signer_limits limits;
    address adjudicator, registry, court;
    u32 approve, deposit, withdraw, coop_close, force_close; /* selectors */
    u32 court_calls[3];

    pthread_mutex_t lock; /* guards what follows */
    struct purse fees;
    u64 next_nonce; /* above all that were signed */
    u64 told_slice; /* of account_signer_changed */
    u128 told;
    struct {
        u64 nonce;
        u128 fee;
    } counted[NONCES]; /* of nonce n at n % NONCES */
};

static u32 selector_of(bytes call)
{
    return call.size < 4 ? 0 : load_be32(call.data);
}

static void choose_selectors(struct account_signer *account)
{
    static const struct channel_terms terms;
    static const struct channel_withdraw withdraw;
    static const struct channel_close close;
    static const struct adjudicator_base base;
    static const struct adjudicator_half half[2];
    static const signature64 none[2];
    u8 room[16384];
    static const struct app app;
    static const struct app_state state;
    struct arena arena = arena_over(room, sizeof(room));
    account->approve = abi_selector("approve(address,uint256)");
    account->deposit = abi_selector("deposit(bytes32,address,uint8,uint128)");
    account->withdraw = selector_of(adjudicator_withdraw(&terms, &withdraw, none, &arena));
    account->coop_close = selector_of(adjudicator_coop_close(&terms, &close, none, &arena));
    account->force_close = selector_of(adjudicator_force_close(&terms, 0, &base, half, &arena));
    account->court_calls[0] = selector_of(court_dispute(&app, &state, none, &arena));
    account->court_calls[1] = selector_of(court_move(&app, &state, &state, none, &arena));
    account->court_calls[2] = selector_of(court_settle(&app, &state, &arena));
}

struct account_signer *account_signer_new(const struct signer *inner, struct signer_limits limits)
{
    struct account_signer *account = calloc(1, sizeof(*account));
    assert(account != NULL);
    account->inner = *inner;
    account->limits = limits;
    choose_selectors(account);
    pthread_mutex_init(&account->lock, NULL);
    return account;
}

void account_signer_free(struct account_signer *account)
{
    if (account == NULL)
        return;
    pthread_mutex_destroy(&account->lock);
    free(account);
}

void account_signer_bind(struct account_signer *account, u64 chain_id, address adjudicator,
                         address registry, address court)
{
    account->fees.chain_id = chain_id;
    account->adjudicator = adjudicator;
    account->registry = registry;
    account->court = court;
}

/* --- What is signed. */

/* Deposits in a channel, in all: the call's fourth word. */
static bool is_deposit_small(const struct account_signer *account, const struct tx *tx)
{
    struct abi_in in = abi_over(bytes_slice(tx->data, 4, tx->data.size));
    (void)abi_get_hash(&in);
    address asset = abi_get_address(&in);
    (void)abi_get_u64(&in);
    u256 total = abi_get_u256(&in);
    u128 most = limits_of_money(&account->limits, asset)->channel;
    bool pays_right =
        address_is_zero(asset) ? !u256_less(total, tx->value_wei) : u256_is_zero(tx->value_wei);
    return !in.failed && (total.w[2] | total.w[3]) == 0 && pays_right &&
           (most == 0 || ((u128)total.w[1] << 64 | total.w[0]) <= most);
}

/* Its transactions use no more money than a channel's deposits may, or than a bond. */
static bool is_adjudicator_s(const struct account_signer *account, const struct tx *tx)
{
    u32 what = selector_of(tx->data);
    if (what == account->deposit)
        return is_deposit_small(account, tx);
    return what == account->force_close || u256_is_zero(tx->value_wei);
}

static bool is_court_s(const struct account_signer *account, const struct tx *tx)
{
    bool is_known = false;
    for (usize i = 0; i < countof(account->court_calls); i++)
        is_known |= selector_of(tx->data) == account->court_calls[i];
    return is_known && u256_is_zero(tx->value_wei);
}

static bool is_approval(const struct account_signer *account, const struct tx *tx)
{
    struct abi_in in = abi_over(bytes_slice(tx->data, 4, tx->data.size));
    return selector_of(tx->data) == account->approve && u256_is_zero(tx->value_wei) &&
           address_equal(abi_get_address(&in), account->adjudicator) && !in.failed;
}

static bool is_ours_to_sign(const struct account_signer *account, const struct tx *tx)
{
    if (tx->creates || tx->authorization_count != 0 || tx->blob_hash_count != 0)
        return false;
    if (address_equal(tx->to, account->adjudicator))
        return is_adjudicator_s(account, tx);
    if (address_equal(tx->to, account->registry))
        return u256_is_zero(tx->value_wei);
    if (address_equal(tx->to, account->court))
        return is_court_s(account, tx);
    if (address_equal(tx->to, account->inner.who))
        return u256_is_zero(tx->value_wei) && tx->data.size == 0;
    return is_approval(account, tx);
}

/* Whether somebody has asked for it by the daemon's JSON-RPC. */
static bool is_asked_for(const struct account_signer *account, const struct tx *tx)
{
    u32 what = selector_of(tx->data);
    return what == account->deposit || what == account->approve || what == account->withdraw ||
           what == account->coop_close || what == account->force_close;
}

/* --- What it costs. */

/* What is not counted yet of this nonce. */
static u128 more_than_counted(const struct account_signer *account, u64 nonce, u128 fee)
{
    u64 place = nonce % NONCES;
    u128 has = account->counted[place].nonce == nonce ? account->counted[place].fee : 0;
    return fee > has ? fee - has : 0;
}

static enum status check_limits(const struct account_signer *account, u64 price, u128 fee,
                                struct err *err)
{
    const struct signer_limits *limits = &account->limits;
    if (limits->gas_price != 0 && price > limits->gas_price)
        return fail(err, ST_INVALID, "gas costs more than the signer's limit");
    if (limits->gas_day != 0 && purse_sum(&account->fees, DAY_SLICES) + fee > limits->gas_day)
        return fail(err, ST_INVALID, "the signer's limit of fees in a day is reached");
    return ST_OK;
}

static enum status count_fee(struct account_signer *account, const struct tx *tx, struct err *err)
{
    u64 price = tx->max_fee_wei.w[0], place = tx->nonce % NONCES;
    u128 fee = (u128)price * tx->gas_limit, more = more_than_counted(account, tx->nonce, fee);
    purse_advance(&account->fees, clock_wall_ms() / 1000 / SLICE_S);
    if (is_asked_for(account, tx) && tx->nonce >= account->next_nonce)
        TRY(check_limits(account, price, fee, err));
    u64 slice = account->fees.newest;
    purse_set(&account->fees, slice, purse_get(&account->fees, slice) + more);
    if (more != 0) {
        account->counted[place].nonce = tx->nonce;
        account->counted[place].fee = fee;
    }
    if (tx->nonce >= account->next_nonce)
        account->next_nonce = tx->nonce + 1;
    return ST_OK;
}

static enum status sign_tx(void *self, struct tx *tx, struct arena tmp, struct err *err)
{
    struct account_signer *account = self;
    u256 price = tx->max_fee_wei;
    if (!is_ours_to_sign(account, tx) || (price.w[1] | price.w[2] | price.w[3]) != 0)
        return fail(err, ST_INVALID, "the signer signs no such transaction for channels");
    pthread_mutex_lock(&account->lock);
    enum status st = count_fee(account, tx, err);
    pthread_mutex_unlock(&account->lock);
    TRY(st);
    return account->inner.sign_tx(account->inner.self, tx, tmp, err);
}

struct signer signer_of_account(struct account_signer *account)
{
    return (struct signer){account, account->inner.who, sign_tx, NULL};
}

/* --- The journal. */

bool account_signer_changed(struct account_signer *account, struct signer_fees *out)
{
    pthread_mutex_lock(&account->lock);
    u64 slice = account->fees.newest;
    u128 sum = purse_get(&account->fees, slice);
    bool changed = sum != 0 && (slice != account->told_slice || sum != account->told);
    account->told_slice = slice;
    account->told = sum;
    *out = (struct signer_fees){{account->fees.chain_id, slice, sum}, account->next_nonce, 0};
    pthread_mutex_unlock(&account->lock);
    return changed;
}

bool account_signer_slice(struct account_signer *account, u64 i, struct signer_fees *out)
{
    pthread_mutex_lock(&account->lock);
    const struct purse *fees = &account->fees;
    u64 slice = fees->newest >= i ? fees->newest - i : 0;
    *out = (struct signer_fees){
        {fees->chain_id, slice, purse_get(fees, slice)}, account->next_nonce, 0};
    pthread_mutex_unlock(&account->lock);
    return out->spent.amount != 0;
}

void account_signer_spent(struct account_signer *account, const struct signer_fees *fees)
{
    pthread_mutex_lock(&account->lock);
    purse_set(&account->fees, fees->spent.slice, fees->spent.amount);
    account->next_nonce = fees->next_nonce;
    pthread_mutex_unlock(&account->lock);
}

u128 account_signer_day(struct account_signer *account)
{
    pthread_mutex_lock(&account->lock);
    purse_advance(&account->fees, clock_wall_ms() / 1000 / SLICE_S);
    u128 sum = purse_sum(&account->fees, DAY_SLICES);
    pthread_mutex_unlock(&account->lock);
    return sum;
}
