#include "sys/recover.h"

#include "base/fmt.h"
#include "base/rlp.h"
#include "harness/test.h"
#include "types/block.h"

/* The official chain's transactions, of every type. */
static usize official_txs(struct tx **txs, usize room)
{
    const char *folder = test_fixture_folder("rpc_compat");
    if (folder == NULL)
        return 0;
    char path[600];
    fmt(path, sizeof(path), "%s/chain.rlp", folder);
    bytes rest = test_read_file(path), item;
    usize count = 0;
    while (rest.size != 0 && rlp_read_item(&rest, &item) == ST_OK) {
        struct block *block = ARENA_NEW(test_arena(), struct block, 1);
        struct err err;
        CHECK(block_decode(item, block, test_arena(), &err) == ST_OK);
        for (usize i = 0; i < block->tx_count && count < room; i++)
            txs[count++] = &block->txs[i];
    }
    return count;
}

TEST(senders_are_the_same_by_libsecp256k1_and_by_core)
{
    struct tx *txs[1000];
    usize count = official_txs(txs, countof(txs));
    for (usize i = 0; i < count; i++) {
        struct tx ours = *txs[i];
        CHECK_ROW(i, tx_recover(&ours, true, *test_arena(), NULL) == ST_OK);
        CHECK_ROW(i, recover_sender(txs[i], true, *test_arena(), NULL) == ST_OK);
        CHECK_ROW(i, txs[i]->from_known && address_equal(txs[i]->from, ours.from));
    }
}

TEST(senders_of_many_are_recovered_on_a_pool_and_bad_signatures_stay_unknown)
{
    struct tx *txs[1000];
    struct pool *pool;
    struct err err;
    usize count = official_txs(txs, countof(txs));
    if (count == 0)
        return;
    txs[3]->r = U256_ZERO;
    txs[5]->s = U256_MAX;
    txs[7]->from_known = true; /* and so it is left alone */
    CHECK(pool_new(2, 16, &pool, &err) == ST_OK);
    recover_senders(pool, txs, count, true);
    pool_free(pool);
    for (usize i = 0; i < count; i++) {
        struct tx ours = *txs[i];
        if (i == 7) {
            CHECK(address_is_zero(ours.from));
            continue;
        }
        ours.from_known = false;
        bool good = tx_recover(&ours, true, *test_arena(), NULL) == ST_OK;
        CHECK_ROW(i, good == (i != 3 && i != 5) && txs[i]->from_known == good);
        CHECK_ROW(i, !good || address_equal(txs[i]->from, ours.from));
    }
}
