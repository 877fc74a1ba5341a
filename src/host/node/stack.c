#include "node/stack.h"

#include "base/fmt.h"
#include "client/abi.h"
#include "client/eth.h"
#include "layer/deploy.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/pages.h"

#include <time.h>

/* Ether that the operator gets, at the least keeps between restarts, and that each user deposits:
 * a tenth of what it has, up to this. */
enum { OPERATOR_ETHER = 100, OPERATOR_LEAST_ETHER = 10, DEPOSIT_ETHER = 1000 };

struct stack {
    const struct stack_options *options;
    struct eth *parent;
    u64 parent_chain_id;
    struct eth_fees fees;
};

static u256 ether(u64 count)
{
    return u256_mul(u256_from_u64(count), u256_from_u64(1000000000000000000));
}

static enum status sign_with_keys(void *self, struct tx *tx, struct arena tmp, struct err *err)
{
    if (keys_sign_tx(self, tx, tmp) != ST_OK)
        return fail(err, ST_MISSING, "there is no key for the account");
    return ST_OK;
}

/* Signs and sends one transaction of a test account. */
static enum status send(struct stack *stack, usize from, struct tx *tx, hash32 *hash,
                        struct arena tmp, struct err *err)
{
    const struct keys *keys = stack->options->keys;
    u64 latest;
    enum eth_sent sent;
    tx->type = TX_DYNAMIC_FEE;
    tx->protected = true;
    tx->chain_id = stack->parent_chain_id;
    tx->from = keys_address(keys, from);
    tx->max_priority_wei = stack->fees.priority_wei;
    tx->max_fee_wei =
        u256_add(u256_mul(stack->fees.base_fee_wei, u256_from_u64(2)), stack->fees.priority_wei);
    TRY(eth_ask_nonces(stack->parent, tx->from, &latest, &tx->nonce, err));
    if (keys_sign_tx(keys, tx, tmp) != ST_OK)
        return fail(err, ST_MISSING, "there is no key for the account");
    *hash = tx->hash;
    return eth_send_raw(stack->parent, tx_encode(tx, &tmp), tx->hash, &sent, err);
}

static void pause_a_little(void)
{
    enum { POLL_MS = 10 };
    nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
}

static enum status wait_for(struct stack *stack, hash32 hash, struct arena tmp, struct err *err)
{
    enum { PATIENCE_MS = 120000 };
    u64 until_ms = clock_now_ms() + PATIENCE_MS;
    for (;;) {
        struct arena scratch = tmp;
        struct eth_receipt receipt;
        TRY(eth_ask_receipts(stack->parent, &hash, 1, &receipt, &scratch, err));
        if (receipt.found && receipt.succeeded)
            return ST_OK;
        if (receipt.found)
            return fail(err, ST_INVALID, "a transaction failed on the parent");
        if (clock_now_ms() > until_ms)
            return fail(err, ST_AGAIN, "the parent makes no blocks");
        pause_a_little();
    }
}

/* On a parent that is itself somebody's child, the users' ether has to arrive first. */
static enum status wait_for_ether(struct stack *stack, address who, u256 amount, struct err *err)
{
    enum { PATIENCE_MS = 30000 };
    u64 until_ms = clock_now_ms() + PATIENCE_MS;
    for (;;) {
        u256 balance;
        TRY(eth_ask_balance(stack->parent, who, eth_at_tag(ETH_LATEST), &balance, err));
        if (u256_less(amount, balance))
            return ST_OK;
        if (clock_now_ms() > until_ms)
            return fail(err, ST_INVALID,
                        "the last test account does not have the ether on the parent that the "
                        "child's operator needs");
        pause_a_little();
    }
}

static enum status fund_operator(struct stack *stack, struct arena tmp, struct err *err)
{
    const struct stack_options *options = stack->options;
    address who = keys_address(options->keys, options->operator);
    u256 balance;
    hash32 hash;
    TRY(eth_ask_balance(stack->parent, who, eth_at_tag(ETH_LATEST), &balance, err));
    if (!u256_less(balance, ether(OPERATOR_LEAST_ETHER)))
        return ST_OK;
    struct tx tx = {.to = who, .value_wei = ether(OPERATOR_ETHER), .gas_limit = 21000};
    TRY(wait_for_ether(stack, keys_address(options->keys, options->users - 1), tx.value_wei, err));
    TRY(send(stack, options->users - 1, &tx, &hash, tmp, err));
    return wait_for(stack, hash, tmp, err);
}

/* Each user sends some of its ether to itself on the child. */
static enum status deposit(struct stack *stack, const struct rollup *rollup, struct arena tmp,
                           struct err *err)
{
    enum { GAS = 400000, CHILD_GAS = 100000 };
    const struct stack_options *options = stack->options;
    hash32 hash = {{0}};
    for (usize i = 0; i < options->users; i++) {
        struct arena scratch = tmp;
        address who = keys_address(options->keys, i);
        u256 balance;
        TRY(eth_ask_balance(stack->parent, who, eth_at_tag(ETH_LATEST), &balance, err));
        u256 amount = u256_min(u256_div(balance, u256_from_u64(10)), ether(DEPOSIT_ETHER));
        if (u256_is_zero(amount))
            continue;
        struct abi_out out = abi_begin_call(
            abi_selector("depositTransaction(address,uint256,uint64,bool,bytes)"), 5, &scratch);
        abi_put_address(&out, who);
        abi_put_u256(&out, amount);
        abi_put_u64(&out, CHILD_GAS);
        abi_put_bool(&out, false);
        abi_put_bytes(&out, BYTES_EMPTY);
        struct tx tx = {
            .to = rollup->portal, .value_wei = amount, .gas_limit = GAS, .data = abi_end(&out)};
        TRY(send(stack, i, &tx, &hash, scratch, err));
    }
    return hash32_is_zero(hash) ? ST_OK : wait_for(stack, hash, tmp, err);
}

static void say_deployed(void *self, const struct deploy_step *step)
{
    (void)self;
    log_debug("stack", "contract is there", LOG_TEXT("name", step->contract));
}

static enum status make(struct stack *stack, const char *path, struct rollup *out,
                        struct arena *arena, struct err *err)
{
    const struct stack_options *options = stack->options;
    address who = keys_address(options->keys, options->operator);
    struct signer signer = {(void *)(uintptr_t)options->keys, who, sign_with_keys, NULL};
    struct deploy_options deployment = {.parent = stack->parent,
                                        .signer = &signer,
                                        .files = files_of_system(),
                                        .path = path,
                                        .chain_id = options->chain_id,
                                        .gas_limit = options->gas_limit,
                                        .owner = who,
                                        .sequencer = who,
                                        .fee_recipient = who,
                                        .blob_prices = options->blob_prices,
                                        .preset = deploy_preset("dev"),
                                        .progress = say_deployed};
    TRY(eth_ask_chain_id(stack->parent, &stack->parent_chain_id, err));
    TRY(eth_ask_fees(stack->parent, &stack->fees, err));
    TRY(fund_operator(stack, *arena, err));
    TRY(deploy(&deployment, out, arena, err));
    return deposit(stack, out, *arena, err);
}

/* ST_MISSING: there is none yet. */
static enum status read_rollup(const char *path, struct rollup *out, struct arena tmp,
                               struct err *err)
{
    bytes text;
    TRY(files_read_whole(files_of_system(), path, ROLLUP_SIZE, &text, &tmp, err));
    return rollup_read(text, out, err);
}

enum status stack_make_child(const struct stack_options *options, struct rollup *out,
                             struct err *err)
{
    static const usize MEMORY = (usize)1 << 30;
    char path[4200];
    struct pages pages;
    struct stack stack = {.options = options};
    struct eth_options client = {
        .url = options->parent_url, .answer_limit = 1 << 20, .cancel = options->cancel};
    const struct files *files = files_of_system();
    fmt(path, sizeof(path), "%s/rollup.json", options->folder);
    TRY(files->make_folder(files->self, options->folder, err));
    TRY(pages_reserve(MEMORY, &pages, err));
    struct arena arena = pages_arena(&pages);
    enum status st = read_rollup(path, out, arena, err);
    if (st == ST_MISSING) {
        st = eth_new(&client, &stack.parent, err);
        if (st == ST_OK)
            st = make(&stack, path, out, &arena, err);
        eth_free(stack.parent);
    }
    pages_release(&pages);
    return st;
}
