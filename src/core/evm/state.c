#include "evm/state.h"
#include "evm/state_internal.h"

#include "crypto/keccak.h"

/* An open-addressing table of pointers; what they point to knows its own key. */
struct table {
    void **cells;
    usize mask; /* cells - 1 */
    usize count;
};

enum journal_kind { JOURNAL_ACCOUNT, JOURNAL_SLOT };

struct journal_entry {
    enum journal_kind kind;
    union {
        struct {
            struct state_account *account;
            struct account_now before;
        };
        struct {
            struct state_slot *slot;
            u256 current;
            u32 warm_tx;
        };
    };
};

struct state {
    struct state_view view;
    u64 seed;
    struct arena *arena;
    enum status status;
    u32 tx; /* number of the running transaction, from 1 */
    struct table accounts, slots, codes;
    struct state_account *all;    /* newest first */
    struct state_account *listed; /* touched or destructed in this transaction */
    struct journal_entry *journal;
    usize journal_count, journal_room;
    struct log *logs;
    usize log_count, log_room;
    i64 refund;
};

/* --- Tables. */

static u64 mix(u64 a, u64 b)
{
    u128 product = (u128)a * b;
    return (u64)product ^ (u64)(product >> 64);
}

static u64 hash_words(u64 seed, const u64 *words, usize count)
{
    u64 hash = seed;
    for (usize i = 0; i < count; i++)
        hash = mix(hash ^ words[i], 0x9e3779b97f4a7c15) + seed;
    return mix(hash, 0xbf58476d1ce4e5b9);
}

static u64 hash_address(u64 seed, address who)
{
    u256 word = u256_from_address(who);
    return hash_words(seed, word.w, 3);
}

static u64 hash_slot(u64 seed, const struct state_account *account, u256 key, bool transient)
{
    /* The account's place in memory tells it apart within this block. */
    return hash_words(seed ^ (u64)(usize)account ^ (u64)transient, key.w, 4);
}

static u64 hash_of_account(u64 seed, const void *entry)
{
    return hash_address(seed, ((const struct state_account *)entry)->who);
}

static u64 hash_of_slot(u64 seed, const void *entry)
{
    const struct state_slot *slot = entry;
    return hash_slot(seed, slot->account, slot->key, slot->transient);
}

static u64 hash_of_code(u64 seed, const void *entry)
{
    return load_le64(((const struct code *)entry)->hash.b) ^ seed;
}

static void table_init(struct table *table, usize cells, struct arena *arena)
{
    *table = (struct table){ARENA_NEW(arena, void *, cells), cells - 1, 0};
}

/* Makes room for one more at `hash` and returns its cell. */
static void **table_add(struct table *table, u64 hash, u64 (*hash_of)(u64, const void *), u64 seed,
                        struct arena *arena)
{
    if ((table->count + 1) * 2 > table->mask + 1) {
        struct table larger;
        table_init(&larger, (table->mask + 1) * 4, arena);
        for (usize i = 0; i <= table->mask; i++)
            if (table->cells[i] != NULL)
                *table_add(&larger, hash_of(seed, table->cells[i]), hash_of, seed, arena) =
                    table->cells[i];
        *table = larger;
    }
    table->count++;
    usize at = hash & table->mask;
    while (table->cells[at] != NULL)
        at = (at + 1) & table->mask;
    return &table->cells[at];
}

struct state *state_new(const struct state_view *view, u64 seed, struct arena *arena)
{
    struct state *state = ARENA_NEW(arena, struct state, 1);
    state->view = *view;
    state->seed = mix(seed ^ 0x94d049bb133111eb, 0xff51afd7ed558ccd) | 1;
    state->arena = arena;
    table_init(&state->accounts, 64, arena);
    table_init(&state->slots, 64, arena);
    table_init(&state->codes, 16, arena);
    return state;
}

enum status state_status(const struct state *state)
{
    return state->status;
}

static void note_failure(struct state *state, enum status status)
{
    if (state->status == ST_OK)
        state->status = status;
}

/* --- The journal. */

/* An array in the arena that doubles; the arena bound counts the copies left behind. */
static void *grown(const void *old, usize count, usize *room, usize size, struct arena *arena)
{
    *room = *room == 0 ? 64 : *room * 2;
    u8 *new = arena_take_array(arena, *room, size, 16);
    if (count != 0)
        memcpy(new, old, count * size);
    return new;
}

static struct journal_entry *journal_add(struct state *state)
{
    if (state->journal_count == state->journal_room)
        state->journal = grown(state->journal, state->journal_count, &state->journal_room,
                               sizeof(*state->journal), state->arena);
    return &state->journal[state->journal_count++];
}

static void save_account(struct state *state, struct state_account *account)
{
    struct journal_entry *entry = journal_add(state);
    entry->kind = JOURNAL_ACCOUNT;
    entry->account = account;
    entry->before = account->now;
}

static void save_slot(struct state *state, struct state_slot *slot)
{
    struct journal_entry *entry = journal_add(state);
    entry->kind = JOURNAL_SLOT;
    entry->slot = slot;
    entry->current = slot->current;
    entry->warm_tx = slot->warm_tx;
}

struct state_checkpoint state_checkpoint(const struct state *state)
{
    return (struct state_checkpoint){state->journal_count, state->log_count, state->refund};
}

static const address RIPEMD160 = {{[19] = 3}};

static void restore(const struct journal_entry *entry)
{
    if (entry->kind == JOURNAL_SLOT) {
        entry->slot->current = entry->current;
        entry->slot->warm_tx = entry->warm_tx;
        return;
    }
    struct state_account *account = entry->account;
    u32 touched_tx = account->now.touched_tx;
    account->now = entry->before;
    /* In mainnet's block 2,675,119 a failed call to this precompile stayed a touch (EIP-716). */
    if (address_equal(account->who, RIPEMD160))
        account->now.touched_tx = touched_tx;
}

void state_revert(struct state *state, struct state_checkpoint to)
{
    while (state->journal_count > to.journal)
        restore(&state->journal[--state->journal_count]);
    state->log_count = to.logs;
    state->refund = to.refund;
}

struct state_account *state_all_accounts(const struct state *state)
{
    return state->all;
}

void state_begin_tx(struct state *state)
{
    state->tx++;
    state->journal_count = 0;
    state->log_count = 0;
    state->refund = 0;
    state->listed = NULL;
}

/* --- Accounts. */

static struct state_account *load_account(struct state *state, address who)
{
    struct state_account *account = ARENA_NEW(state->arena, struct state_account, 1);
    account->who = who;
    account->base = account_new();
    enum status status = state->view.account(state->view.self, who, &account->base);
    if (status == ST_OK)
        account->existed = true;
    else
        account->base = account_new();
    if (status != ST_OK && status != ST_MISSING)
        note_failure(state, status);
    account->now = (struct account_now){
        .nonce = account->base.nonce,
        .balance_wei = account->base.balance_wei,
        .code_hash = account->base.code_hash,
        .exists = account->existed,
    };
    account->next = state->all;
    state->all = account;
    return account;
}

struct state_account *state_account(struct state *state, address who)
{
    u64 hash = hash_address(state->seed, who);
    for (usize at = hash & state->accounts.mask; state->accounts.cells[at] != NULL;
         at = (at + 1) & state->accounts.mask) {
        struct state_account *account = state->accounts.cells[at];
        if (address_equal(account->who, who))
            return account;
    }
    struct state_account *account = load_account(state, who);
    *table_add(&state->accounts, hash, hash_of_account, state->seed, state->arena) = account;
    return account;
}

static bool is_empty(const struct account_now *now)
{
    return now->nonce == 0 && u256_is_zero(now->balance_wei) &&
           hash32_equal(now->code_hash, EMPTY_CODE_HASH);
}

bool state_is_dead(const struct state_account *account)
{
    return !account->now.exists || is_empty(&account->now);
}

bool state_is_taken(const struct state_account *account)
{
    if (account->now.nonce != 0 || !hash32_equal(account->now.code_hash, EMPTY_CODE_HASH))
        return true;
    return !account->storage_wiped && !hash32_equal(account->base.storage_root, EMPTY_TRIE_ROOT);
}

bool state_warm_account(struct state *state, struct state_account *account)
{
    if (account->now.warm_tx == state->tx)
        return true;
    save_account(state, account);
    account->now.warm_tx = state->tx;
    return false;
}

/* Puts it where state_end_tx will look at it. Reverts leave it there: looking twice is harmless. */
static void list_account(struct state *state, struct state_account *account)
{
    if (account->listed_tx == state->tx)
        return;
    account->listed_tx = state->tx;
    account->next_listed = state->listed;
    state->listed = account;
}

void state_touch(struct state *state, struct state_account *account)
{
    list_account(state, account);
    if (account->now.touched_tx == state->tx)
        return;
    save_account(state, account);
    account->now.touched_tx = state->tx;
}

void state_set_exists(struct state *state, struct state_account *account)
{
    if (account->now.exists)
        return;
    save_account(state, account);
    account->now.exists = true;
}

void state_set_nonce(struct state *state, struct state_account *account, u64 nonce)
{
    save_account(state, account);
    account->now.nonce = nonce;
    account->now.exists = true;
}

void state_set_balance(struct state *state, struct state_account *account, u256 wei)
{
    save_account(state, account);
    account->now.balance_wei = wei;
    account->now.exists = true;
}

void state_add_balance(struct state *state, struct state_account *account, u256 wei)
{
    if (!u256_is_zero(wei))
        state_set_balance(state, account, u256_add(account->now.balance_wei, wei));
}

void state_take_balance(struct state *state, struct state_account *account, u256 wei)
{
    assert(!u256_less(account->now.balance_wei, wei));
    if (!u256_is_zero(wei))
        state_set_balance(state, account, u256_sub(account->now.balance_wei, wei));
}

void state_set_created(struct state *state, struct state_account *account)
{
    save_account(state, account);
    account->now.created_tx = state->tx;
    account->now.exists = true;
}

bool state_was_created(const struct state *state, const struct state_account *account)
{
    return account->now.created_tx == state->tx;
}

bool state_destruct(struct state *state, struct state_account *account)
{
    list_account(state, account);
    if (account->now.destructed_tx == state->tx)
        return false;
    save_account(state, account);
    account->now.destructed_tx = state->tx;
    return true;
}

static void delete_account(struct state_account *account)
{
    for (struct state_slot *slot = account->slots; slot != NULL; slot = slot->next)
        slot->current = U256_ZERO;
    account->storage_wiped = true;
    account->now = (struct account_now){.code_hash = EMPTY_CODE_HASH};
}

void state_end_tx(struct state *state, bool delete_empty)
{
    for (struct state_account *account = state->listed; account != NULL;
         account = account->next_listed) {
        bool destructed = account->now.destructed_tx == state->tx;
        bool empty = delete_empty && account->now.touched_tx == state->tx && account->now.exists &&
                     is_empty(&account->now);
        if (destructed || empty)
            delete_account(account);
    }
}

/* --- Code. */

static struct code *find_code(const struct state *state, hash32 hash)
{
    u64 place = load_le64(hash.b) ^ state->seed;
    for (usize at = place & state->codes.mask; state->codes.cells[at] != NULL;
         at = (at + 1) & state->codes.mask) {
        struct code *code = state->codes.cells[at];
        if (hash32_equal(code->hash, hash))
            return code;
    }
    return NULL;
}

static struct code *add_code(struct state *state, hash32 hash, bytes in)
{
    struct code *code = ARENA_NEW(state->arena, struct code, 1);
    code_init(code, in, state->arena);
    code->hash = hash;
    *table_add(&state->codes, hash_of_code(state->seed, code), hash_of_code, state->seed,
               state->arena) = code;
    return code;
}

struct code *state_code(struct state *state, struct state_account *account)
{
    if (account->now.code != NULL)
        return account->now.code;
    hash32 hash = account->now.code_hash;
    struct code *code = find_code(state, hash);
    if (code == NULL) {
        bytes raw = BYTES_EMPTY;
        if (!hash32_equal(hash, EMPTY_CODE_HASH)) {
            enum status status = state->view.code(state->view.self, hash, &raw);
            if (status != ST_OK) { /* an account that names code which nobody has is corrupt */
                note_failure(state, status == ST_MISSING ? ST_CORRUPT : status);
                raw = BYTES_EMPTY;
            }
        }
        code = add_code(state, hash, raw);
    }
    account->now.code = code;
    return code;
}

void state_set_code(struct state *state, struct state_account *account, bytes in)
{
    hash32 hash = keccak256(in);
    struct code *code = find_code(state, hash);
    if (code == NULL)
        code = add_code(state, hash, in);
    save_account(state, account);
    account->now.code_hash = hash;
    account->now.code = code;
    account->now.exists = true;
}

bytes state_code_bytes(struct state *state, struct state_account *account)
{
    if (hash32_equal(account->now.code_hash, EMPTY_CODE_HASH))
        return BYTES_EMPTY;
    const struct code *code = state_code(state, account);
    return (bytes){code->bytes, code->size};
}

bool state_delegation(struct state *state, struct state_account *account, address *to)
{
    static const u8 designator[3] = {0xef, 0x01, 0x00};
    bytes code = state_code_bytes(state, account);
    if (code.size != sizeof(designator) + sizeof(to->b) ||
        memcmp(code.data, designator, sizeof(designator)) != 0)
        return false;
    memcpy(to->b, code.data + sizeof(designator), sizeof(to->b));
    return true;
}

/* --- Storage. */

static void load_slot(struct state *state, struct state_slot *slot)
{
    const struct state_account *account = slot->account;
    if (!account->existed || account->storage_wiped)
        return;
    enum status status =
        state->view.storage(state->view.self, account->who, u256_to_hash(slot->key), &slot->base);
    if (status != ST_OK) {
        note_failure(state, status);
        slot->base = U256_ZERO;
    }
    slot->current = slot->base;
}

static struct state_slot *add_slot(struct state *state, struct state_account *account, u256 key,
                                   bool transient, u64 hash)
{
    struct state_slot *slot = ARENA_NEW(state->arena, struct state_slot, 1);
    slot->account = account;
    slot->key = key;
    slot->transient = transient;
    if (!transient) {
        load_slot(state, slot);
        slot->next = account->slots;
        account->slots = slot;
    }
    *table_add(&state->slots, hash, hash_of_slot, state->seed, state->arena) = slot;
    return slot;
}

static struct state_slot *find_slot(struct state *state, struct state_account *account, u256 key,
                                    bool transient)
{
    u64 hash = hash_slot(state->seed, account, key, transient);
    for (usize at = hash & state->slots.mask; state->slots.cells[at] != NULL;
         at = (at + 1) & state->slots.mask) {
        struct state_slot *slot = state->slots.cells[at];
        if (slot->account == account && slot->transient == transient && u256_equal(slot->key, key))
            return slot;
    }
    return add_slot(state, account, key, transient, hash);
}

struct state_slot *state_slot(struct state *state, struct state_account *account, u256 key)
{
    struct state_slot *slot = find_slot(state, account, key, false);
    if (slot->seen_tx != state->tx) {
        slot->seen_tx = state->tx;
        slot->original = slot->current;
    }
    return slot;
}

struct state_slot *state_transient(struct state *state, struct state_account *account, u256 key)
{
    struct state_slot *slot = find_slot(state, account, key, true);
    if (slot->seen_tx != state->tx) {
        slot->seen_tx = state->tx;
        slot->current = U256_ZERO;
    }
    return slot;
}

bool state_warm_slot(struct state *state, struct state_slot *slot)
{
    if (slot->warm_tx == state->tx)
        return true;
    save_slot(state, slot);
    slot->warm_tx = state->tx;
    return false;
}

void state_set_slot(struct state *state, struct state_slot *slot, u256 value)
{
    save_slot(state, slot);
    slot->current = value;
}

hash32 state_block_hash(struct state *state, u64 number)
{
    hash32 hash = {0};
    enum status status = state->view.block_hash(state->view.self, number, &hash);
    if (status == ST_OK)
        return hash;
    if (status != ST_MISSING)
        note_failure(state, status);
    return (hash32){0};
}

/* --- Logs and refunds. */

void state_log(struct state *state, const struct log *log)
{
    if (state->log_count == state->log_room)
        state->logs = grown(state->logs, state->log_count, &state->log_room, sizeof(*state->logs),
                            state->arena);
    struct log *copy = &state->logs[state->log_count++];
    *copy = *log;
    copy->data = arena_copy(state->arena, log->data);
}

const struct log *state_logs(const struct state *state, usize *count)
{
    *count = state->log_count;
    return state->logs;
}

void state_add_refund(struct state *state, i64 gas)
{
    state->refund += gas;
}

i64 state_refund(const struct state *state)
{
    return state->refund;
}
