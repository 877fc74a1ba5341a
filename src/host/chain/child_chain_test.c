/* A child chain opens, builds from deposits, and takes in what another built. */
#include "chain/chain.h"

#include "base/fmt.h"
#include "harness/test.h"
#include "stf/check.h"
#include "stf/child.h"
#include "sys/recover.h"

#include <stdlib.h>

enum { GAS_LIMIT = 3000000, GENESIS_TIME = 1000, PARENT_FEE = 4000000, FLOOR = 1000000 };

static struct err why; /* of the last MUST */

#define MUST(call) must((call), #call, __LINE__)

static void must(enum status st, const char *call, int line)
{
    if (st != ST_OK)
        test_fail(__FILE__, line, "%s: %s: %s", call, status_name(st), why.text);
}

static struct genesis *child_genesis(void)
{
    static const char text[] =
        "{\"config\":{\"chainId\":901,\"homesteadBlock\":0,\"eip150Block\":0,\"eip155Block\":0,"
        "\"eip158Block\":0,\"byzantiumBlock\":0,\"constantinopleBlock\":0,\"istanbulBlock\":0,"
        "\"berlinBlock\":0,\"londonBlock\":0,\"shanghaiTime\":0,\"cancunTime\":0,\"pragueTime\":0,"
        "\"osakaTime\":0,\"terminalTotalDifficulty\":0,\"blobSchedule\":{"
        "\"cancun\":{\"target\":3,\"max\":6,\"baseFeeUpdateFraction\":3338477},"
        "\"prague\":{\"target\":6,\"max\":9,\"baseFeeUpdateFraction\":5007716},"
        "\"osaka\":{\"target\":6,\"max\":9,\"baseFeeUpdateFraction\":5007716}},"
        "\"varve\":{\"child\":true,\"footprintGas\":1000}},"
        "\"timestamp\":1000,\"gasLimit\":3000000,\"difficulty\":0,\"baseFeePerGas\":1000,"
        "\"alloc\":{}}";
    struct genesis *genesis = ARENA_NEW(test_arena(), struct genesis, 1);
    MUST(genesis_parse(BYTES_LIT(text), genesis, test_arena(), &why));
    CHECK(genesis->config.child.on && genesis->config.child.footprint_gas == 1000);
    return genesis;
}

static struct chain *open_chain(const char *folder, const struct genesis *genesis)
{
    struct chain *chain = NULL;
    struct chain_options options = {
        .files = files_of_system(),
        .folder = folder,
        .genesis = genesis,
        .history_blocks = UINT64_MAX,
        .proof_blocks = UINT64_MAX,
    };
    MUST(chain_open(&options, &chain, &why));
    if (chain == NULL)
        abort();
    return chain;
}

/* A transfer by whoever it is that this signature belongs to: each has its own sender. */
static struct tx user_tx(u64 value)
{
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .protected = true,
                    .chain_id = 901,
                    .gas_limit = 21000,
                    .max_fee_wei = u256_from_u64(1000000000),
                    .max_priority_wei = u256_from_u64(5),
                    .to = {{[19] = 0x77}},
                    .value_wei = u256_from_u64(value),
                    .r = U256_ONE,
                    .s = U256_ONE};
    while (recover_sender(&tx, true, *test_arena(), NULL) != ST_OK)
        tx.r = u256_add(tx.r, U256_ONE);
    tx_set_hash(&tx, *test_arena());
    return tx;
}

/* The same account gives an ether, minted for it, to someone. */
static struct tx gift(address to, u64 item)
{
    u256 ether = u256_from_u64(1000000000000000000);
    struct tx tx = {.type = TX_DEPOSIT,
                    .protected = true,
                    .from_known = true,
                    .from = {{[19] = 0xdd}},
                    .to = to,
                    .gas_limit = 100000,
                    .mint_wei = ether,
                    .value_wei = ether};
    store_be64(tx.source_hash.b + 24, item);
    tx_set_hash(&tx, *test_arena());
    return tx;
}

/* Candidates in a row, and what became of them. */
struct list {
    struct tx *txs;
    usize count, at;
    enum status verdicts[8];
    struct err reasons[8];
};

static const struct tx *next_of_list(void *self, u64 gas_left, u64 blob_gas_left, bytes *envelope)
{
    struct list *list = self;
    (void)gas_left, (void)blob_gas_left, (void)envelope;
    return list->at == list->count ? NULL : &list->txs[list->at];
}

static void done_of_list(void *self, const struct tx *tx, enum status verdict,
                         const struct err *reason)
{
    struct list *list = self;
    (void)tx;
    list->reasons[list->at] = *reason;
    list->verdicts[list->at++] = verdict;
}

/* A block to build: attributes, a gift to the first sender of a list, the list. */
struct order {
    struct list list;
    struct tx deposits[2];
    struct tx_source source;
    struct build_params params;
};

static struct order *order_of(struct chain *chain, u64 timestamp, struct tx *txs, usize count)
{
    struct order *order = ARENA_NEW(test_arena(), struct order, 1);
    const struct head *head = chain_head(chain);
    u64 number = head->header.number + 1;
    head_release(head);
    struct child_attributes attributes = {.base_fee_scalar = 40000000,
                                          .origin_base_fee_wei = u256_from_u64(PARENT_FEE),
                                          .origin_number = 5};
    child_attributes_write(&attributes, number, &order->deposits[0], test_arena());
    order->deposits[1] = gift(txs[0].from, number);
    order->list = (struct list){.txs = txs, .count = count};
    order->source = (struct tx_source){&order->list, next_of_list, done_of_list};
    order->params = (struct build_params){.timestamp = timestamp,
                                          .gas_limit = GAS_LIMIT,
                                          .deposits = order->deposits,
                                          .deposit_count = countof(order->deposits),
                                          .txs = &order->source};
    return order;
}

/* Two blocks of the genesis' time; the second's transactions as readers see them. */
static void build_two(struct chain *chain, struct tx users[2], struct chain *follower)
{
    for (usize i = 0; i < 2; i++) {
        users[i] = user_tx(i + 1);
        struct order *order = order_of(chain, GENESIS_TIME, &users[i], 1);
        struct built_block built;
        enum import_outcome outcome;
        MUST(chain_build(chain, &order->params, &built, &why));
        CHECK_ROW(i, order->list.verdicts[0] == ST_OK && built.block.tx_count == 3);
        CHECK_ROW(i, u256_equal(built.fees_wei, u256_from_u64(5 * 21000)));
        const struct header *header = &built.block.header;
        CHECK_ROW(i, header->blob_gas_used == 1000 * built.block.tx_envelopes[2].size);
        CHECK_ROW(i, u256_equal(header->base_fee_wei, u256_from_u64(FLOOR)));
        CHECK_ROW(i, address_equal(header->beneficiary, CHILD_FEE_VAULT));
        MUST(
            chain_import(follower, block_encode(&built.block, test_arena()), true, &outcome, &why));
        CHECK_ROW(i, outcome == IMPORT_HEAD);
    }
}

static void check_two(struct chain *chain, const struct tx users[2])
{
    struct snapshot at;
    struct block_ref ref;
    struct stored_block stored;
    struct stored_tx one;
    struct receipt *receipts;
    struct account account = account_new();
    usize count;
    MUST(snapshot_open(chain, test_arena(), &at, &why));
    MUST(snapshot_ref_by_number(&at, 2, &ref));
    MUST(block_ref_read(&at, &ref, &stored, &why));
    MUST(block_ref_receipts(&at, &ref, &receipts, &count, &why));
    CHECK(count == 3 && receipts[1].type == TX_DEPOSIT && receipts[1].deposit_nonce == 1);
    CHECK(stored.block.txs[1].from.b[19] == 0xdd && stored.block.txs[1].nonce == 1);
    CHECK(address_equal(stored.block.txs[2].from, users[1].from));
    MUST(block_ref_tx(&at, &ref, 1, &one, &why));
    CHECK(one.tx.nonce == 1 && one.receipt.deposit_nonce == 1 && one.tx.from_known);
    MUST(block_ref_tx(&at, &ref, 2, &one, &why));
    CHECK(one.tx.nonce == 0 && one.receipt.succeeded);
    struct state_view view = snapshot_view(&at);
    CHECK(view.account(view.self, CHILD_BASE_FEE_VAULT, &account) == ST_OK);
    CHECK(u256_equal(account.balance_wei, u256_from_u64(2 * 21000 * (u64)FLOOR)));
    CHECK(u256_equal(at.head->base_fee_floor_wei, u256_from_u64(FLOOR)));
    snapshot_close(&at);
}

TEST(child_chain_builds_and_another_takes_it_in)
{
    const char *folder = test_folder(), *other = test_folder();
    struct chain *chain = open_chain(folder, child_genesis());
    struct chain *follower = open_chain(other, child_genesis());
    struct tx users[2];
    build_two(chain, users, follower);
    check_two(chain, users);
    check_two(follower, users);
    chain_close(follower);
    follower = open_chain(other, NULL); /* from its log, without the state */
    check_two(follower, users);
    MUST(chain_flush(follower, &why));
    check_two(follower, users); /* from disk */
    chain_close(follower);
    chain_close(chain);
}

/* --- What the builder refuses. */

TEST(child_chain_builds_nothing_without_its_attributes)
{
    struct chain *chain = open_chain(test_folder(), child_genesis());
    static const char *const sentences[] = {
        "a child chain's block begins with L1 attributes",
        "a child chain's block begins with L1 attributes",
        "timestamp 999 is not after the parent's 1000",
        "a child chain's block has no base fee, withdrawals or extra data to choose",
        "a child chain's block has no base fee, withdrawals or extra data to choose",
        "deposit 1: no deposit",
        "deposit 1: gas limit reached: 2976980 is left in the block, the deposit may take 2976981",
        "the L1 attributes are not this block's",
    };
    struct tx user = user_tx(1);
    for (usize i = 0; i < countof(sentences); i++) {
        struct order *order = order_of(chain, GENESIS_TIME - (i == 2), &user, 1);
        struct built_block built;
        struct err err = {""};
        order->params.deposit_count = i == 0 ? 0 : 2;
        order->params.deposits += i == 1;
        order->params.deposit_count -= i == 1;
        order->params.has_base_fee = i == 3;
        order->params.extra_data = i == 4 ? BYTES_LIT("x") : BYTES_EMPTY;
        if (i == 5)
            order->deposits[1] = user;
        if (i == 6)
            order->deposits[1].gas_limit = 2976981;
        if (i == 7)
            order->deposits[0].source_hash.b[0] ^= 1;
        CHECK_ROW(i, chain_build(chain, &order->params, &built, &err) == ST_INVALID);
        if (strcmp(err.text, sentences[i]) != 0)
            test_fail(__FILE__, __LINE__, "row %zu says \"%s\"", i, err.text);
    }
    chain_close(chain);
}

TEST(child_chain_fills_a_block_by_bytes_and_takes_no_deposit_from_users)
{
    struct chain *chain = open_chain(test_folder(), child_genesis());
    struct tx txs[3] = {user_tx(1), gift((address){{1}}, 99), user_tx(2)};
    u8 zeros[2960] = {0};
    txs[2].data = BYTES_OF(zeros);
    struct order *order = order_of(chain, GENESIS_TIME, txs, countof(txs));
    struct built_block built;
    MUST(chain_build(chain, &order->params, &built, &why));
    CHECK(order->list.verdicts[0] == ST_OK && built.block.tx_count == 3);
    CHECK(order->list.verdicts[1] == ST_INVALID);
    CHECK(strcmp(order->list.reasons[1].text, "a deposit comes from the parent chain alone") == 0);
    CHECK(order->list.verdicts[2] == ST_FULL);
    chain_close(chain);
}

TEST(child_chain_imports_no_block_that_breaks_a_rule)
{
    struct chain *chain = open_chain(test_folder(), child_genesis());
    struct chain *follower = open_chain(test_folder(), child_genesis());
    struct tx user = user_tx(1);
    struct order *order = order_of(chain, GENESIS_TIME, &user, 1);
    struct built_block built;
    enum import_outcome outcome;
    MUST(chain_build(chain, &order->params, &built, &why));
    bytes rlp = block_encode(&built.block, test_arena());
    static const char *const sentences[] = {"wrong base fee",
                                            "a child chain's block begins with L1 attributes",
                                            "wrong transactions root"};
    for (usize i = 0; i < countof(sentences); i++) {
        struct block bad;
        struct err err = {""};
        MUST(block_decode(rlp, &bad, test_arena(), &why));
        bad.header.base_fee_wei.w[0] -= i == 0;
        bad.txs += i == 1;
        bad.tx_envelopes += i == 1;
        bad.tx_count -= i >= 1;
        CHECK_ROW(i, chain_import(follower, block_encode(&bad, test_arena()), true, &outcome,
                                  &err) == ST_INVALID);
        if (strcmp(err.text, sentences[i]) != 0)
            test_fail(__FILE__, __LINE__, "row %zu says \"%s\"", i, err.text);
    }
    MUST(chain_import(follower, rlp, true, &outcome, &why));
    chain_close(chain);
    chain_close(follower);
}
