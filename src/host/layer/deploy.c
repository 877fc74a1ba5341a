#include "layer/deploy.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "client/abi.h"
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
    {"dev", 30, 2 * MINUTE, 10, 10, 2, MINUTE},
    {"standard", HOUR, DAY, 7 * DAY, 7 * DAY, DAY, 30 * DAY},
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
    const char *contract;
    usize words; /* of its arguments */
    void (*arguments)(const struct deployment *d, struct abi_out *out);
    usize offset; /* of its address in struct deployment */
} steps[] = {
#define AT(field) offsetof(struct deployment, field)
    {"Inbox", 5, inbox_arguments, AT(rollup.inbox)},
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

static void say(const struct deploy_options *options, const char *what)
{
    if (options->progress != NULL)
        options->progress(options->self, what);
}

static enum status make_plan(struct deployment *d, struct arena *arena, struct err *err)
{
    /* Prices: millionths for each byte. Calldata costs 40 gas a byte at EIP-7623's floor; a blob's
     * bytes cost a little over one blob gas each, and what goes around them. */
    enum { CALLDATA_SCALAR = 40000000, FIRST_BASE_FEE_WEI = 1000000 };
    const struct deploy_options *options = d->options;
    const struct deploy_preset *preset = options->preset;
    struct eth_header newest;
    u64 parent_chain_id, pending;
    TRY(eth_ask_chain_id(options->parent, &parent_chain_id, err));
    if (parent_chain_id == options->chain_id)
        return fail(err, ST_INVALID, "the child cannot have its parent's chain id, %lu",
                    parent_chain_id);
    TRY(eth_ask_header(options->parent, eth_at_tag(ETH_LATEST), &newest, arena, err));
    TRY(eth_ask_nonces(options->parent, options->signer->who, &d->first_nonce, &pending, err));
    if (pending != d->first_nonce)
        return fail(err, ST_INVALID,
                    "the deploying account has %lu transactions waiting: try again when they are "
                    "in blocks",
                    pending - d->first_nonce);
    d->rollup = (struct rollup){.format = ROLLUP_FORMAT,
                                .parent_chain_id = parent_chain_id,
                                .parent_block = newest.header.number,
                                .parent_block_hash = newest.hash,
                                .chain_id = options->chain_id,
                                .genesis_time = newest.header.timestamp,
                                .gas_limit = options->gas_limit,
                                .base_fee_wei = FIRST_BASE_FEE_WEI,
                                .base_fee_scalar = CALLDATA_SCALAR,
                                .sequencer = options->sequencer,
                                .fee_recipient = options->fee_recipient,
                                .program_hash = program_hash(),
                                .forced_read_s = preset->forced_read_s,
                                .open_s = preset->open_s,
                                .challenge_s = preset->challenge_s,
                                .maturity_s = preset->maturity_s,
                                .airgap_s = preset->airgap_s,
                                .timelock_s = preset->timelock_s};
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
    for (usize i = 0; i < countof(steps); i++) /* those that rollup.json does not list, too */
        *step_address(d, &steps[i]) =
            evm_create_address(d->options->signer->who, d->first_nonce + i);
    return ST_OK;
}

/* --- Carrying it out. */

static bytes creation_data(const struct deployment *d, const struct step *step, struct arena *arena)
{
    bytes code = contract_code(step->contract);
    struct abi_out out = abi_begin(step->words, arena);
    step->arguments(d, &out);
    bytes arguments = abi_end(&out);
    u8 *data = ARENA_TAKE(arena, u8, code.size + arguments.size);
    bytes_copy(data, code);
    bytes_copy(data + code.size, arguments);
    return (bytes){data, code.size + arguments.size};
}

static enum status send_step(const struct deployment *d, usize index, const struct eth_fees *fees,
                             hash32 *hash, struct arena tmp, struct err *err)
{
    const struct deploy_options *options = d->options;
    bytes data = creation_data(d, &steps[index], &tmp);
    struct tx tx = {.type = fees->has_base_fee ? TX_DYNAMIC_FEE : TX_LEGACY,
                    .protected = true,
                    .creates = true,
                    .from = options->signer->who,
                    .chain_id = d->rollup.parent_chain_id,
                    .nonce = d->first_nonce + index,
                    .gas_limit = min_u64(GAS_BASE + data.size * GAS_PER_BYTE, GAS_AT_MOST),
                    .data = data};
    tx.max_priority_wei = fees->priority_wei;
    tx.max_fee_wei = fees->has_base_fee ? u256_add(u256_mul(fees->base_fee_wei, u256_from_u64(2)),
                                                   fees->priority_wei)
                                        : fees->priority_wei;
    TRY(options->signer->sign_tx(options->signer->self, &tx, tmp, err));
    *hash = tx.hash;
    enum eth_sent sent;
    enum status st = eth_send_raw(options->parent, tx_encode(&tx, &tmp), tx.hash, &sent, err);
    return st == ST_INVALID && sent == ETH_SENT_KNOWN ? ST_OK : st;
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

static enum status wait_for(const struct deployment *d, const hash32 *hashes, usize from,
                            struct arena tmp, struct err *err)
{
    enum { PATIENCE_MS = 10 * MINUTE * 1000, POLL_MS = 20 };
    u64 until_ms = clock_now_ms() + PATIENCE_MS;
    struct eth_receipt receipts[countof(steps)];
    for (usize at = from; at < countof(steps);) {
        struct arena scratch = tmp;
        usize count = countof(steps) - at;
        TRY(eth_ask_receipts(d->options->parent, hashes + at, count, receipts, &scratch, err));
        usize before = at;
        for (usize i = 0; i < count && receipts[i].found; i++, at++) {
            if (!receipts[i].succeeded)
                return fail(err, ST_INVALID, "the constructor of %s failed on the parent",
                            steps[at].contract);
            say(d->options, steps[at].contract);
        }
        if (at == before) {
            if (clock_now_ms() > until_ms)
                return fail(err, ST_AGAIN,
                            "%s is in no block after %d minutes: run this again to go on",
                            steps[at].contract, PATIENCE_MS / 1000 / MINUTE);
            nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
        }
    }
    return ST_OK;
}

static enum status carry_out(struct deployment *d, struct arena tmp, struct err *err)
{
    hash32 hashes[countof(steps)];
    struct eth_fees fees;
    usize first = 0;
    bool done = true;
    while (first < countof(steps)) {
        TRY(step_is_done(d, first, &done, tmp, err));
        if (!done)
            break;
        first++;
    }
    TRY(eth_ask_fees(d->options->parent, &fees, err));
    for (usize i = first; i < countof(steps); i++) {
        struct err why;
        enum status st = send_step(d, i, &fees, &hashes[i], tmp, &why);
        if (st != ST_OK)
            return fail(err, st, "%s: %s", steps[i].contract, why.text);
    }
    return wait_for(d, hashes, first, tmp, err);
}

enum status deploy(const struct deploy_options *options, struct rollup *out, struct arena *arena,
                   struct err *err)
{
    struct deployment d = {.options = options};
    enum status st = read_part(&d, arena, err);
    if (st == ST_MISSING)
        st = make_plan(&d, arena, err);
    TRY(st);
    TRY(complete_plan(&d, arena, err));
    TRY(write_file(&d, true, *arena, err));
    TRY(carry_out(&d, *arena, err));
    TRY(write_file(&d, false, *arena, err));
    struct err ignored;
    (void)options->files->remove(options->files->self, part_path(options, arena), &ignored);
    *out = d.rollup;
    return ST_OK;
}
