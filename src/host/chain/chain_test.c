#include "chain/chain.h"

#include "base/fmt.h"
#include "base/rlp.h"
#include "harness/test.h"

#include <stdlib.h>

static struct chain *open_chain(const char *folder, const struct genesis *genesis)
{
    struct err err = {""};
    struct chain *chain = NULL;
    struct chain_options options = {
        .files = files_of_system(),
        .folder = folder,
        .genesis = genesis,
        .history_blocks = UINT64_MAX,
        .proof_blocks = UINT64_MAX,
    };
    if (chain_open(&options, &chain, &err) != ST_OK) {
        test_fail(__FILE__, __LINE__, "%s", err.text);
        abort();
    }
    return chain;
}

static struct err why; /* of the last MUST */

#define MUST(call) must((call), #call, __LINE__)

static void must(enum status st, const char *call, int line)
{
    if (st != ST_OK)
        test_fail(__FILE__, line, "%s: %s: %s", call, status_name(st), why.text);
}

/* --- Official chain: every fork from Frontier to BPO2. */

static bytes fixture_file(const char *folder, const char *name)
{
    char path[600];
    fmt(path, sizeof(path), "%s/%s", folder, name);
    return test_read_file(path);
}

static struct genesis *official_genesis(const char *folder)
{
    struct genesis *genesis = ARENA_NEW(test_arena(), struct genesis, 1);
    MUST(genesis_parse(fixture_file(folder, "genesis.json"), genesis, test_arena(), &why));
    return genesis;
}

/* Every block by number and by hash, every transaction, every receipt, every state's root. */
static void check_everything(struct chain *chain)
{
    struct snapshot at;
    struct err err;
    CHECK(snapshot_open(chain, test_arena(), &at, &err) == ST_OK);
    for (u64 number = 0; number <= at.head->header.number; number++) {
        struct block_ref ref, again;
        struct stored_block stored;
        struct header header;
        struct receipt *receipts;
        usize count;
        hash32 root;
        bool canonical = false;
        CHECK_ROW(number, snapshot_ref_by_number(&at, number, &ref) == ST_OK);
        CHECK_ROW(number, snapshot_ref_by_hash(&at, ref.hash, &again, &canonical) == ST_OK);
        CHECK_ROW(number, canonical && again.number == number);
        CHECK_ROW(number, block_ref_read(&at, &ref, &stored, &err) == ST_OK);
        CHECK_ROW(number, hash32_equal(stored.block.hash, ref.hash));
        CHECK_ROW(number, block_ref_header(&at, &ref, &header, &err) == ST_OK);
        CHECK_ROW(number, header.number == number);
        CHECK_ROW(number, block_ref_receipts(&at, &ref, &receipts, &count, &err) == ST_OK);
        CHECK_ROW(number, count == stored.block.tx_count);
        for (usize i = 0; i < count; i++) {
            struct tx_location location;
            struct stored_tx one;
            CHECK_ROW(number, stored.block.txs[i].from_known);
            CHECK_ROW(number, block_ref_tx(&at, &ref, i, &one, &err) == ST_OK && one.has_receipt);
            CHECK_ROW(number, hash32_equal(one.tx.hash, stored.block.txs[i].hash) &&
                                  address_equal(one.tx.from, stored.block.txs[i].from));
            CHECK_ROW(number, one.receipt.cumulative_gas == receipts[i].cumulative_gas);
            CHECK_ROW(number, one.receipt.log_count == receipts[i].log_count);
            CHECK_ROW(number,
                      snapshot_tx_location(&at, stored.block.txs[i].hash, &location) == ST_OK &&
                          location.block.number == number && location.index == i);
        }
        CHECK_ROW(number, snapshot_seek(&at, number, &err) == ST_OK);
        CHECK_ROW(number, snapshot_has_nodes(&at));
        CHECK_ROW(number, snapshot_state_root(&at, &root, &err) == ST_OK);
        CHECK_ROW(number, hash32_equal(root, header.state_root));
    }
    snapshot_close(&at);
}

static hash32 head_hash(struct chain *chain)
{
    const struct head *head = chain_head(chain);
    hash32 hash = head->hash;
    head_release(head);
    return hash;
}

static u64 head_number(struct chain *chain)
{
    const struct head *head = chain_head(chain);
    u64 number = head->header.number;
    head_release(head);
    return number;
}

static const char *official_head =
    "d226371d0b1551adb03fb52b71f08e3e11247fe9b1af994768af8cdaa8e7dcd7";

TEST(chain_imports_the_official_chain_through_every_fork)
{
    const char *fixtures = test_fixture_folder("rpc_compat");
    if (fixtures == NULL)
        return;
    const char *folder = test_folder();
    struct genesis *genesis = official_genesis(fixtures);
    struct chain *chain = open_chain(folder, genesis);
    usize imported;
    MUST(chain_import_all(chain, fixture_file(fixtures, "chain.rlp"), &imported, &why));
    hash32 head = head_hash(chain);
    CHECK(bytes_equal(BYTES_OF(head), hex(official_head)));
    CHECK(imported == head_number(chain));
    check_everything(chain);
    MUST(chain_flush(chain, &why));
    check_everything(chain);
    chain_close(chain);

    chain = open_chain(folder, NULL); /* the folder knows its genesis */
    CHECK(chain_stats(chain).replayed_blocks == 0);
    head = head_hash(chain);
    CHECK(bytes_equal(BYTES_OF(head), hex(official_head)));
    check_everything(chain);
    chain_close(chain);
}

TEST(chain_rebuilds_a_lost_state_from_its_log)
{
    const char *fixtures = test_fixture_folder("rpc_compat");
    if (fixtures == NULL)
        return;
    const char *folder = test_folder();
    struct chain *chain = open_chain(folder, official_genesis(fixtures));
    usize imported;
    MUST(chain_import_all(chain, fixture_file(fixtures, "chain.rlp"), &imported, &why));
    chain_close(chain);
    char path[700];
    fmt(path, sizeof(path), "%s/state", folder);
    MUST(files_of_system()->remove(NULL, path, &why));
    chain = open_chain(folder, NULL);
    CHECK(chain_stats(chain).replayed_blocks == imported);
    check_everything(chain);
    chain_close(chain);
}

TEST(chain_tells_known_orphaned_and_invalid_blocks_apart)
{
    const char *fixtures = test_fixture_folder("rpc_compat");
    if (fixtures == NULL)
        return;
    struct chain *chain = open_chain(test_folder(), official_genesis(fixtures));
    bytes rest = fixture_file(fixtures, "chain.rlp"), blocks[4];
    enum import_outcome outcome;
    struct err err;
    for (usize i = 0; i < countof(blocks); i++)
        CHECK(rlp_read_item(&rest, &blocks[i]) == ST_OK);
    MUST(chain_import(chain, blocks[1], true, &outcome, &why));
    CHECK(outcome == IMPORT_ORPHAN && head_number(chain) == 0);
    MUST(chain_import(chain, blocks[0], true, &outcome, &why));
    CHECK(outcome == IMPORT_HEAD && head_number(chain) == 1);
    MUST(chain_import(chain, blocks[0], true, &outcome, &why));
    CHECK(outcome == IMPORT_KNOWN && head_number(chain) == 1);
    /* With any byte changed it is no longer a block of this chain: refused, or another's child. */
    u8 *bad = ARENA_NEW(test_arena(), u8, blocks[1].size);
    for (usize i = 0; i < blocks[1].size; i += 7) {
        memcpy(bad, blocks[1].data, blocks[1].size);
        bad[i] ^= 0x10;
        enum status st = chain_import(chain, (bytes){bad, blocks[1].size}, true, &outcome, &err);
        CHECK_ROW(i, st == ST_INVALID || (st == ST_OK && outcome != IMPORT_KNOWN));
    }
    for (usize size = 0; size < blocks[1].size; size += 11)
        CHECK_ROW(size, chain_import(chain, bytes_slice(blocks[1], 0, size), true, &outcome,
                                     &err) == ST_INVALID);
    check_everything(chain);
    chain_close(chain);
}

TEST(chain_imports_a_file_up_to_its_first_bad_block)
{
    const char *fixtures = test_fixture_folder("rpc_compat");
    if (fixtures == NULL)
        return;
    struct chain *chain = open_chain(test_folder(), official_genesis(fixtures));
    bytes whole = fixture_file(fixtures, "chain.rlp");
    bytes cut = bytes_slice(whole, 0, whole.size / 2);
    usize imported;
    struct err err;
    CHECK(chain_import_all(chain, cut, &imported, &err) == ST_INVALID);
    CHECK(imported > 0 && imported == head_number(chain));
    u64 before = head_number(chain);
    MUST(chain_import_all(chain, whole, &imported, &why)); /* what is known is passed over */
    hash32 head = head_hash(chain);
    CHECK(bytes_equal(BYTES_OF(head), hex(official_head)) && before < head_number(chain));
    check_everything(chain);
    chain_close(chain);
}
