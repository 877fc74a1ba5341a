/* What the protocol does by itself at both ends of a block. */
#include "base/hex.h"
#include "crypto/sha256.h"
#include "stf/internal.h"

/* EIP-4788, EIP-2935, EIP-7002, EIP-7251. */
static const address BEACON_ROOTS = {{0x00, 0x0f, 0x3d, 0xf6, 0xd7, 0x32, 0x80, 0x7e, 0xf1, 0x31,
                                      0x9f, 0xb7, 0xb8, 0xbb, 0x85, 0x22, 0xd0, 0xbe, 0xac, 0x02}};
static const address BLOCK_HASHES = {{0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5, 0x3a, 0x10, 0xcb,
                                      0x7a, 0x02, 0x33, 0x5b, 0x17, 0x53, 0x20, 0x00, 0x29, 0x35}};
static const address WITHDRAWAL_REQUESTS = {{0x00, 0x00, 0x09, 0x61, 0xef, 0x48, 0x0e,
                                             0xb5, 0x5e, 0x80, 0xd1, 0x9a, 0xd8, 0x35,
                                             0x79, 0xa6, 0x4c, 0x00, 0x70, 0x02}};
static const address CONSOLIDATION_REQUESTS = {{0x00, 0x00, 0xbb, 0xdd, 0xc7, 0xce, 0x48,
                                                0x86, 0x42, 0xfb, 0x57, 0x9f, 0x8b, 0x00,
                                                0xf3, 0xa5, 0x90, 0x00, 0x72, 0x51}};
static const address SYSTEM = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}};

enum request_type { DEPOSIT_REQUEST, WITHDRAWAL_REQUEST, CONSOLIDATION_REQUEST, REQUEST_TYPES };

/* A call that no transaction makes: free, outside the block's gas, from the system's address. */
static struct evm_result system_call(struct stf *stf, address to, bytes input)
{
    struct evm_tx_env env = {.origin = SYSTEM};
    struct evm_message message = {.caller = SYSTEM, .to = to, .input = input, .gas = SYSTEM_GAS};
    state_begin_tx(stf->state);
    evm_set_tx(stf->evm, &env);
    struct evm_result result = evm_run(stf->evm, &message);
    state_end_tx(stf->state, true);
    return result;
}

static bool has_code(struct stf *stf, address who)
{
    return !hash32_equal(state_account(stf->state, who)->now.code_hash, EMPTY_CODE_HASH);
}

/* Where the contract is missing, nothing happens; its failure is without consequence. */
static void tell_contract(struct stf *stf, address to, hash32 word)
{
    if (has_code(stf, to))
        (void)system_call(stf, to, BYTES_OF(word));
}

static void move_dao_funds(struct stf *stf)
{
    state_begin_tx(stf->state);
    for (usize i = 0; i < DAO_ACCOUNT_COUNT; i++) {
        struct state_account *from = state_account(stf->state, DAO_ACCOUNTS[i]);
        u256 balance = from->now.balance_wei;
        state_take_balance(stf->state, from, balance);
        state_add_balance(stf->state, state_account(stf->state, DAO_REFUND_CONTRACT), balance);
    }
    state_end_tx(stf->state, false);
}

void begin_block(struct stf *stf)
{
    if (stf->rules->dao_fork_block)
        move_dao_funds(stf);
    if (stf->rules->fork >= CANCUN)
        tell_contract(stf, BEACON_ROOTS, stf->header->parent_beacon_root);
    if (stf->rules->fork >= PRAGUE)
        tell_contract(stf, BLOCK_HASHES, stf->header->parent_hash);
}

/* --- Requests: EIP-7685. */

/* EIP-6110: the event's data is five byte strings, each at a fixed place with a fixed size. */
enum { DEPOSIT_FIELDS = 5, DEPOSIT_EVENT_SIZE = 576 };
static const struct {
    u64 offset, size;
} DEPOSIT_LAYOUT[DEPOSIT_FIELDS] = {
    {160, 48}, /* public key */
    {256, 32}, /* withdrawal credentials */
    {320, 8},  /* amount */
    {384, 96}, /* signature */
    {512, 8},  /* index */
};
enum { DEPOSIT_SIZE = 48 + 32 + 8 + 96 + 8 };

static const hash32 DEPOSIT_EVENT = {{0x64, 0x9b, 0xbc, 0x62, 0xd0, 0xe3, 0x13, 0x42,
                                      0xaf, 0xea, 0x4e, 0x5c, 0xd8, 0x2d, 0x40, 0x49,
                                      0xe7, 0xe1, 0xee, 0x91, 0x2f, 0xc0, 0x88, 0x9a,
                                      0xa7, 0x90, 0x80, 0x3b, 0xe3, 0x90, 0x38, 0xc5}};

static bool is_deposit(const struct stf *stf, const struct log *log)
{
    return address_equal(log->who, stf->rules->deposit_contract) && log->topic_count > 0 &&
           hash32_equal(log->topics[0], DEPOSIT_EVENT);
}

static bool word_is(const u8 *word, u64 value)
{
    return u256_equal(u256_load_be(word), u256_from_u64(value));
}

static enum status read_deposit(const struct log *log, u8 *to, struct err *err)
{
    if (log->data.size != DEPOSIT_EVENT_SIZE)
        return fail(err, ST_INVALID, "a deposit event has %lu bytes", log->data.size);
    for (usize i = 0; i < DEPOSIT_FIELDS; i++) {
        u64 offset = DEPOSIT_LAYOUT[i].offset, size = DEPOSIT_LAYOUT[i].size;
        if (!word_is(log->data.data + 32 * i, offset) || !word_is(log->data.data + offset, size))
            return fail(err, ST_INVALID, "a deposit event has another layout in field %lu", i);
        memcpy(to, log->data.data + offset + 32, size);
        to += size;
    }
    return ST_OK;
}

static enum status collect_deposits(struct stf *stf, const struct receipt *receipts, usize count,
                                    bytes *out, struct err *err)
{
    usize deposits = 0;
    for (usize i = 0; i < count; i++)
        for (usize j = 0; j < receipts[i].log_count; j++)
            deposits += is_deposit(stf, &receipts[i].logs[j]);
    u8 *to = ARENA_TAKE(stf->arena, u8, 1 + deposits * DEPOSIT_SIZE);
    *out = (bytes){to, 1 + deposits * DEPOSIT_SIZE};
    *to++ = DEPOSIT_REQUEST;
    for (usize i = 0; i < count; i++)
        for (usize j = 0; j < receipts[i].log_count; j++)
            if (is_deposit(stf, &receipts[i].logs[j])) {
                TRY(read_deposit(&receipts[i].logs[j], to, err));
                to += DEPOSIT_SIZE;
            }
    return ST_OK;
}

/* Asks a system contract for its requests; without it the block cannot be. */
static enum status ask_contract(struct stf *stf, address who, enum request_type type, bytes *out,
                                struct err *err)
{
    if (!has_code(stf, who))
        return fail(err, ST_INVALID, "the system contract %s is missing",
                    hex_text(BYTES_OF(who), stf->arena));
    struct evm_result result = system_call(stf, who, BYTES_EMPTY);
    if (!evm_succeeded(result.halt))
        return fail(err, ST_INVALID, "the system contract %s failed: %s",
                    hex_text(BYTES_OF(who), stf->arena), evm_halt_name(result.halt));
    u8 *to = ARENA_TAKE(stf->arena, u8, 1 + result.output.size);
    to[0] = (u8)type;
    bytes_copy(to + 1, result.output);
    *out = (bytes){to, 1 + result.output.size};
    return ST_OK;
}

enum status collect_requests(struct stf *stf, const struct receipt *receipts, usize receipt_count,
                             struct stf_result *out, struct err *err)
{
    bytes all[REQUEST_TYPES];
    if (stf->rules->child.on) { /* it has no consensus layer to ask anything of */
        out->requests_hash = sha256(BYTES_EMPTY);
        return ST_OK;
    }
    TRY(collect_deposits(stf, receipts, receipt_count, &all[DEPOSIT_REQUEST], err));
    TRY(ask_contract(stf, WITHDRAWAL_REQUESTS, WITHDRAWAL_REQUEST, &all[WITHDRAWAL_REQUEST], err));
    TRY(ask_contract(stf, CONSOLIDATION_REQUESTS, CONSOLIDATION_REQUEST,
                     &all[CONSOLIDATION_REQUEST], err));
    out->requests = ARENA_TAKE(stf->arena, bytes, REQUEST_TYPES);
    u8 hashes[REQUEST_TYPES * sizeof(hash32)];
    for (usize i = 0; i < REQUEST_TYPES; i++) {
        if (all[i].size == 1)
            continue; /* nothing but its type */
        hash32 hash = sha256(all[i]);
        memcpy(hashes + out->request_count * sizeof(hash32), hash.b, sizeof(hash32));
        out->requests[out->request_count++] = all[i];
    }
    out->requests_hash = sha256((bytes){hashes, out->request_count * sizeof(hash32)});
    return ST_OK;
}
