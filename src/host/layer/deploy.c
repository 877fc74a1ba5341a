#include "layer/deploy.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "client/abi.h"
#include "client/amount.h"
#include "client/probe.h"
#include "crypto/keccak.h"
#include "evm/evm.h"
#include "layer/child_genesis.h"
#include "layer/contracts.h"
#include "sys/clock.h"

#include <time.h>

/* What a transaction may take; what it does not use comes back. */
enum { GAS_BASE = 1500000, GAS_PER_BYTE = 230, GAS_AT_MOST = 16000000 };

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static const struct deploy_preset presets[] = {
    {"dev", 30, 2 * MINUTE, 10, 10, 2, MINUTE, 1},
    {"standard", HOUR, DAY, 7 * DAY, 7 * DAY, DAY, 30 * DAY, 1000},
};

const struct deploy_preset *deploy_preset(const char *name)
{
    for (usize i = 0; i < countof(presets); i++)
        if (strcmp(presets[i].name, name) == 0)
            return &presets[i];
    return NULL;
}

/* --- The plan: which contracts, in which order, with what arguments. */

struct deployment {
    const struct deploy_options *options;
    struct rollup rollup;
    u64 first_nonce;
    hash32 genesis_output;
    address erc20_factory;
};

static void inbox_arguments(const struct deployment *d, struct abi_out *out)
{
    abi_put_address(out, d->rollup.system_config);
    abi_put_address(out, d->rollup.portal);
    abi_put_u64(out, d->rollup.chain_id);
    abi_put_u64(out, d->rollup.forced_read_s);
    abi_put_u64(out, d->rollup.open_s);
}

static void config_arguments(const struct deployment *d, struct abi_out *out)
{
    const struct deploy_options *options = d->options;
    address none = {{0}};
    abi_put_address(out, options->ownerless ? none : options->owner);
    abi_put_address(out, d->rollup.sequencer);
    abi_put_u64(out, d->rollup.gas_limit);
    abi_put_u64(out, d->rollup.base_fee_scalar);
    abi_put_u64(out, d->rollup.blob_base_fee_scalar);
    abi_put_u64(out, d->rollup.timelock_s);
    abi_put_u64(out, d->rollup.chain_id);
    abi_put_hash(out, d->rollup.program_hash);
    abi_put_address(out, d->rollup.settlement);
    abi_put_address(out, d->rollup.inbox);
    abi_put_address(out, d->rollup.portal);
    abi_put_address(out, d->rollup.messenger);
    abi_put_address(out, d->rollup.standard_bridge);
    abi_put_address(out, d->rollup.erc721_bridge);
    abi_put_address(out, d->rollup.erc1155_bridge);
}

static void portal_arguments(const struct deployment *d, struct abi_out *out)
{
    abi_put_address(out, d->rollup.system_config);
    abi_put_address(out, d->rollup.inbox);
    abi_put_u64(out, d->rollup.maturity_s);
}

static void settlement_arguments(const struct deployment *d, struct abi_out *out)
{
    abi_put_address(out, d->rollup.system_config);
    abi_put_hash(out, d->genesis_output);
    abi_put_u64(out, d->rollup.challenge_s);
    abi_put_u64(out, d->rollup.airgap_s);
    abi_put_u256(out, d->rollup.bond_wei);
}

static void messenger_arguments(const struct deployment *d, struct abi_out *out)
{
    abi_put_address(out, d->rollup.portal);
}

static void bridge_arguments(const struct deployment *d, struct abi_out *out)
{
    abi_put_address(out, d->rollup.messenger);
}

static void factory_arguments(const struct deployment *d, struct abi_out *out)
{
    abi_put_address(out, d->rollup.standard_bridge);
}

/* In the order of nonces; the settlement comes last of those that check one another. */
static const struct step {
    const char *contract; /* NULL: the Inbox that the parent can have */
    usize words;          /* of its arguments */
    void (*arguments)(const struct deployment *d, struct abi_out *out);
    usize offset; /* of its address in struct deployment */
} steps[] = {
#define AT(field) offsetof(struct deployment, field)
    {NULL, 5, inbox_arguments, AT(rollup.inbox)},
    {"Portal", 3, portal_arguments, AT(rollup.portal)},
    {"SystemConfig", 15, config_arguments, AT(rollup.system_config)},
    {"L1CrossDomainMessenger", 1, messenger_arguments, AT(rollup.messenger)},
    {"L1StandardBridge", 1, bridge_arguments, AT(rollup.standard_bridge)},
    {"L1OptimismMintableERC20Factory", 1, factory_arguments, AT(erc20_factory)},
    {"L1ERC721Bridge", 1, bridge_arguments, AT(rollup.erc721_bridge)},
    {"L1ERC1155Bridge", 1, bridge_arguments, AT(rollup.erc1155_bridge)},
    {"OptimisticSettlement", 5, settlement_arguments, AT(rollup.settlement)},
#undef AT
};

static const char *step_contract(const struct deployment *d, const struct step *step)
{
    if (step->contract != NULL)
        return step->contract;
    return d->rollup.blob_update_fraction != 0 ? "BlobInbox" : "Inbox";
}

static address *step_address(struct deployment *d, const struct step *step)
{
    return (address *)(void *)((u8 *)d + step->offset);
}

/* What the first block's program is, until proofs pin a real one: the rules of derivation and
 * execution, by their version. */
static hash32 program_hash(void)
{
    return keccak256(BYTES_LIT("varve.program.1"));
}

static void say(const struct deployment *d, usize index)
{
    const struct deploy_options *options = d->options;
    struct deploy_step step = {.contract = step_contract(d, &steps[index]),
                               .who =
                                   evm_create_address(options->signer->who, d->first_nonce + index),
                               .number = index + 1,
                               .count = countof(steps)};
    if (options->progress != NULL)
        options->progress(options->self, &step);
}

/* Of a byte of data on the parent, in millionths of a gas and a blob gas. Calldata costs 40 gas a
 * byte at EIP-7623's floor. In blobs it costs 1.033 blob gas where they are full, and what the
 * append around them takes. */
static void set_prices(struct rollup *rollup, bool blobs)
{
    rollup->base_fee_scalar = blobs ? 1000000 : 40000000;
    rollup->blob_base_fee_scalar = blobs ? 1040000 : 0;
}

static enum status make_plan(struct deployment *d, struct arena *arena, struct err *err)
{
    static const u64 MILLIETHER_WEI = 1000000000000000;
    enum { FIRST_BASE_FEE_WEI = 1000000 };
    const struct deploy_options *options = d->options;
    const struct deploy_preset *preset = options->preset;
    struct eth_header newest;
    struct probe parent;
    u64 pending;
    TRY(probe_parent(options->parent, &parent, err));
    if (parent.chain_id == options->chain_id)
        return fail(err, ST_INVALID, "the child cannot have its parent's chain id, %lu",
                    parent.chain_id);
    if (options->blob_prices && !parent.has_blobs)
        return fail(err, ST_INVALID,
                    "the parent has no blobs: the child's prices have to be those of calldata");
    TRY(eth_ask_header(options->parent, eth_at_tag(ETH_LATEST), &newest, arena, err));
    TRY(eth_ask_nonces(options->parent, options->signer->who, &d->first_nonce, &pending, err));
    if (pending != d->first_nonce)
        return fail(err, ST_INVALID,
                    "the deploying account has %lu transactions waiting: try again when they are "
                    "in blocks",
                    pending - d->first_nonce);
    d->rollup = (struct rollup){.format = ROLLUP_FORMAT,
                                .parent_chain_id = parent.chain_id,
                                .parent_block = newest.header.number,
                                .parent_block_hash = newest.hash,
                                .blob_update_fraction = parent.blob_update_fraction,
                                .chain_id = options->chain_id,
                                .genesis_time = newest.header.timestamp,
                                .gas_limit = options->gas_limit,
                                .base_fee_wei = FIRST_BASE_FEE_WEI,
                                .sequencer = options->sequencer,
                                .fee_recipient = options->fee_recipient,
                                .program_hash = program_hash(),
                                .vault_least_wei = u256_mul(u256_from_u64(MILLIETHER_WEI),
                                                            u256_from_u64(preset->vault_least)),
                                .forced_read_s = preset->forced_read_s,
                                .open_s = preset->open_s,
                                .challenge_s = preset->challenge_s,
                                .maturity_s = preset->maturity_s,
                                .airgap_s = preset->airgap_s,
                                .timelock_s = preset->timelock_s};
    set_prices(&d->rollup, options->blob_prices);
    for (usize i = 0; i < countof(steps); i++)
        *step_address(d, &steps[i]) = evm_create_address(options->signer->who, d->first_nonce + i);
    return ST_OK;
}

/* What follows from the plan. */
static enum status complete_plan(struct deployment *d, struct arena *arena, struct err *err)
{
    struct genesis genesis;
    TRY(child_genesis_make(&d->rollup, &genesis, arena, err));
    d->rollup.genesis_hash = header_hash(&genesis.header, *arena);
    d->genesis_output = child_genesis_output(&genesis, *arena);
    return ST_OK;
}

/* --- The plan on disk: rollup.json as it will be, after a line with the first nonce. */

static const char *part_path(const struct deploy_options *options, struct arena *arena)
{
    usize room = strlen(options->path) + sizeof(".part");
    char *path = ARENA_TAKE(arena, char, room);
    fmt(path, room, "%s.part", options->path);
    return path;
}

static enum status write_file(const struct deployment *d, bool part, struct arena tmp,
                              struct err *err)
{
    char *text = ARENA_TAKE(&tmp, char, ROLLUP_SIZE + 64);
    usize size = part ? fmt(text, 64, "%lu\n", d->first_nonce) : 0;
    struct json_out out = json_out_over(text + size, ROLLUP_SIZE);
    rollup_write(&d->rollup, &out);
    assert(!out.failed);
    const char *path = part ? part_path(d->options, &tmp) : d->options->path;
    return files_write_whole(d->options->files, path, (bytes){(u8 *)text, size + out.size}, err);
}

/* Whether what was begun can go on with this key on this parent. */
static enum status check_part(const struct deployment *d, const char *path, struct err *err)
{
    u64 parent_chain_id;
    address first = evm_create_address(d->options->signer->who, d->first_nonce);
    if (!address_equal(first, d->rollup.inbox))
        return fail(err, ST_INVALID,
                    "%s was begun with another key: go on with that, or remove the file", path);
    TRY(eth_ask_chain_id(d->options->parent, &parent_chain_id, err));
    if (parent_chain_id != d->rollup.parent_chain_id)
        return fail(err, ST_INVALID, "%s was begun on chain %lu, and the parent is chain %lu", path,
                    d->rollup.parent_chain_id, parent_chain_id);
    return ST_OK;
}

/* ST_MISSING: nothing has been begun. */
static enum status read_part(struct deployment *d, struct arena *arena, struct err *err)
{
    bytes text;
    u256 nonce;
    const char *path = part_path(d->options, arena);
    TRY(files_read_whole(d->options->files, path, ROLLUP_SIZE + 64, &text, arena, err));
    usize line = 0;
    while (line < text.size && text.data[line] != '\n')
        line++;
    if (hex_read_number(bytes_slice(text, 0, line), &nonce) != ST_OK || !u256_fits_u64(nonce))
        return fail(err, ST_INVALID, "%s is not what a deployment leaves: remove it to begin anew",
                    path);
    d->first_nonce = nonce.w[0];
    TRY(rollup_read(bytes_slice(text, line + 1, text.size), &d->rollup, err));
    TRY(check_part(d, path, err));
    for (usize i = 0; i < countof(steps); i++) /* those that rollup.json does not list, too */
        *step_address(d, &steps[i]) =
            evm_create_address(d->options->signer->who, d->first_nonce + i);
    return ST_OK;
}

/* --- Carrying it out. */

static bytes creation_data(const struct deployment *d, const struct step *step, struct arena *arena)
{
    bytes code = contract_code(step_contract(d, step));
    struct abi_out out = abi_begin(step->words, arena);
    step->arguments(d, &out);
    bytes arguments = abi_end(&out);
    u8 *data = ARENA_TAKE(arena, u8, code.size + arguments.size);
    bytes_copy(data, code);
    bytes_copy(data + code.size, arguments);
    return (bytes){data, code.size + arguments.size};
}

static u64 step_gas(const struct deployment *d, const struct step *step)
{
    usize size = contract_code(step_contract(d, step)).size + step->words * ABI_WORD;
    return min_u64(GAS_BASE + size * GAS_PER_BYTE, GAS_AT_MOST);
}

/* What a transaction offers per gas: the base fee may double until it is in a block. */
static u256 offer(const struct eth_fees *fees)
{
    if (!fees->has_base_fee)
        return fees->priority_wei;
    return u256_add(u256_mul(fees->base_fee_wei, u256_from_u64(2)), fees->priority_wei);
}

/* Whether the account can pay for the steps from `first` on, as nodes will want to see it. */
static enum status check_funds(const struct deployment *d, usize first, const struct eth_fees *fees,
                               struct err *err)
{
    const struct deploy_options *options = d->options;
    address who = options->signer->who;
    u256 has;
    u64 gas = 0;
    char text[41] = {0};
    for (usize i = first; i < countof(steps); i++)
        gas += step_gas(d, &steps[i]);
    u256 need = u256_mul(u256_from_u64(gas), offer(fees));
    TRY(eth_ask_balance(options->parent, who, eth_at_tag(ETH_LATEST), &has, err));
    if (!u256_less(has, need))
        return ST_OK;
    hex_write(text, BYTES_OF(who));
    return fail(err, ST_INVALID,
                "0x%s has %s ETH on the parent, and deploying takes up to %s ETH there", text,
                amount_ether(has).text, amount_ether(need).text);
}

static enum status send_step(const struct deployment *d, usize index, const struct eth_fees *fees,
                             struct arena tmp, struct err *err)
{
    const struct deploy_options *options = d->options;
    bytes data = creation_data(d, &steps[index], &tmp);
    struct tx tx = {.type = fees->has_base_fee ? TX_DYNAMIC_FEE : TX_LEGACY,
                    .protected = true,
                    .creates = true,
                    .from = options->signer->who,
                    .chain_id = d->rollup.parent_chain_id,
                    .nonce = d->first_nonce + index,
                    .gas_limit = step_gas(d, &steps[index]),
                    .data = data};
    tx.max_priority_wei = fees->priority_wei;
    tx.max_fee_wei = offer(fees);
    TRY(options->signer->sign_tx(options->signer->self, &tx, tmp, err));
    enum eth_sent sent;
    enum status st = eth_send_raw(options->parent, tx_encode(&tx, &tmp), tx.hash, &sent, err);
    /* From a run before, whose fees may have been others, it may wait or have just been mined. */
    bool is_there = sent == ETH_SENT_UNDERPRICED || sent == ETH_SENT_NONCE_LOW;
    return st == ST_INVALID && is_there ? ST_OK : st;
}

/* Whether the contract is there already, from a run before. */
static enum status step_is_done(const struct deployment *d, usize index, bool *out,
                                struct arena tmp, struct err *err)
{
    bytes code;
    address who = evm_create_address(d->options->signer->who, d->first_nonce + index);
    TRY(eth_ask_code(d->options->parent, who, eth_at_tag(ETH_LATEST), &code, &tmp, err));
    *out = code.size > 0;
    return ST_OK;
}

/* Contracts are waited for, not transactions: those of a run before had other hashes. */
static enum status look_at_step(const struct deployment *d, usize index, bool *done,
                                struct arena tmp, struct err *err)
{
    u64 nonce, pending;
    TRY(eth_ask_nonces(d->options->parent, d->options->signer->who, &nonce, &pending, err));
    TRY(step_is_done(d, index, done, tmp, err));
    if (*done || nonce <= d->first_nonce + index)
        return ST_OK;
    return fail(err, ST_INVALID,
                "%s is not there: its constructor failed, or the account has sent something else",
                step_contract(d, &steps[index]));
}

static enum status wait_for(const struct deployment *d, usize from, struct arena tmp,
                            struct err *err)
{
    enum { PATIENCE_MS = 10 * MINUTE * 1000, POLL_MS = 20, SLOWEST_MS = 1000 };
    u64 until_ms = clock_now_ms() + PATIENCE_MS, pause_ms = POLL_MS;
    for (usize at = from; at < countof(steps);) {
        bool done;
        TRY(look_at_step(d, at, &done, tmp, err));
        if (done) {
            say(d, at++);
            pause_ms = POLL_MS;
            continue;
        }
        if (clock_now_ms() > until_ms)
            return fail(err, ST_AGAIN,
                        "%s is in no block after %d minutes: run this again to go on",
                        step_contract(d, &steps[at]), PATIENCE_MS / 1000 / MINUTE);
        nanosleep(&(struct timespec){.tv_nsec = (long)(pause_ms % 1000) * 1000000L,
                                     .tv_sec = (time_t)(pause_ms / 1000)},
                  NULL);
        pause_ms = min_u64(2 * pause_ms, SLOWEST_MS);
    }
    return ST_OK;
}

/* The first contract that is not there yet. */
static enum status first_missing(const struct deployment *d, usize *out, struct arena tmp,
                                 struct err *err)
{
    bool done = true;
    for (*out = 0; *out < countof(steps); (*out)++) {
        TRY(step_is_done(d, *out, &done, tmp, err));
        if (!done)
            break;
        say(d, *out);
    }
    return ST_OK;
}

static enum status carry_out(const struct deployment *d, usize first, const struct eth_fees *fees,
                             struct arena tmp, struct err *err)
{
    for (usize i = first; i < countof(steps); i++) {
        struct err why;
        enum status st = send_step(d, i, fees, tmp, &why);
        if (st != ST_OK)
            return fail(err, st, "%s: %s", step_contract(d, &steps[i]), why.text);
    }
    return wait_for(d, first, tmp, err);
}

enum status deploy(const struct deploy_options *options, struct rollup *out, struct arena *arena,
                   struct err *err)
{
    struct deployment d = {.options = options};
    struct eth_fees fees;
    usize first;
    enum status st = read_part(&d, arena, err);
    if (st == ST_MISSING)
        st = make_plan(&d, arena, err);
    TRY(st);
    TRY(complete_plan(&d, arena, err));
    TRY(first_missing(&d, &first, *arena, err));
    TRY(eth_ask_fees(options->parent, &fees, err));
    TRY(check_funds(&d, first, &fees, err)); /* before there is a plan that binds the key */
    TRY(write_file(&d, true, *arena, err));
    TRY(carry_out(&d, first, &fees, *arena, err));
    TRY(write_file(&d, false, *arena, err));
    struct err ignored;
    (void)options->files->remove(options->files->self, part_path(options, arena), &ignored);
    *out = d.rollup;
    return ST_OK;
}
