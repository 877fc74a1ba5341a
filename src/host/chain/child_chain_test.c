/* A child chain opens, builds from deposits, and takes in what another built. */
#include "chain/testing.h"
#include "harness/test.h"
#include "stf/child.h"

static struct err why; /* of the last MUST */

#define MUST(call) must((call), #call, __LINE__)

static void must(enum status st, const char *call, int line)
{
    if (st != ST_OK)
        test_fail(__FILE__, line, "%s: %s: %s", call, status_name(st), why.text);
}

/* Two blocks of the genesis' time; the second's transactions as readers see them. */
static void build_two(struct chain *chain, struct tx users[2], struct chain *follower)
{
    for (usize i = 0; i < 2; i++) {
        users[i] = testing_user_tx(i + 1, *test_arena());
        struct testing_block *order =
            testing_block(chain, TESTING_TIME, &users[i], 1, test_arena());
        struct built_block built;
        enum import_outcome outcome;
        MUST(chain_build(chain, &order->params, &built, &why));
        CHECK_ROW(i, order->list.verdicts[0] == ST_OK && built.block.tx_count == 3);
        CHECK_ROW(i, u256_equal(built.fees_wei, u256_from_u64(5 * 21000)));
        const struct header *header = &built.block.header;
        CHECK_ROW(i, header->blob_gas_used == 1000 * built.block.tx_envelopes[2].size);
        CHECK_ROW(i, u256_equal(header->base_fee_wei, u256_from_u64(TESTING_FLOOR)));
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
    CHECK(u256_equal(account.balance_wei, u256_from_u64(2 * 21000 * (u64)TESTING_FLOOR)));
    CHECK(u256_equal(at.head->base_fee_floor_wei, u256_from_u64(TESTING_FLOOR)));
    snapshot_close(&at);
}

TEST(child_chain_builds_and_another_takes_it_in)
{
    const char *folder = test_folder(), *other = test_folder();
    struct chain *chain = testing_open(folder, testing_child_genesis(test_arena()));
    struct chain *follower = testing_open(other, testing_child_genesis(test_arena()));
    struct tx users[2];
    build_two(chain, users, follower);
    check_two(chain, users);
    check_two(follower, users);
    chain_close(follower);
    follower = testing_open(other, NULL); /* from its log, without the state */
    check_two(follower, users);
    MUST(chain_flush(follower, &why));
    check_two(follower, users); /* from disk */
    chain_close(follower);
    chain_close(chain);
}

/* --- What the builder refuses. */

TEST(child_chain_builds_nothing_without_its_attributes)
{
    struct chain *chain = testing_open(test_folder(), testing_child_genesis(test_arena()));
    static const char *const sentences[] = {
        "a child chain's block begins with L1 attributes",
        "a child chain's block begins with L1 attributes",
        "timestamp 999 is not after the parent's 1000",
        "a child chain's block has no base fee, withdrawals or extra data to choose",
        "a child chain's block has no base fee, withdrawals or extra data to choose",
        "deposit 1: no deposit",
        "deposit 1: gas limit reached: 2978192 is left in the block, the deposit may take 2978193",
        "the L1 attributes are not this block's",
    };
    struct tx user = testing_user_tx(1, *test_arena());
    for (usize i = 0; i < countof(sentences); i++) {
        struct testing_block *order =
            testing_block(chain, TESTING_TIME - (i == 2), &user, 1, test_arena());
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
            order->deposits[1].gas_limit = 2978193;
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
    struct chain *chain = testing_open(test_folder(), testing_child_genesis(test_arena()));
    struct tx txs[3] = {testing_user_tx(1, *test_arena()),
                        testing_gift((address){{1}}, 99, *test_arena()),
                        testing_user_tx(2, *test_arena())};
    u8 zeros[2960] = {0};
    txs[2].data = BYTES_OF(zeros);
    struct testing_block *order =
        testing_block(chain, TESTING_TIME, txs, countof(txs), test_arena());
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
    struct chain *chain = testing_open(test_folder(), testing_child_genesis(test_arena()));
    struct chain *follower = testing_open(test_folder(), testing_child_genesis(test_arena()));
    struct tx user = testing_user_tx(1, *test_arena());
    struct testing_block *order = testing_block(chain, TESTING_TIME, &user, 1, test_arena());
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
