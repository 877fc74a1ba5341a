#include "chain/testing.h"

#include "stf/child.h"
#include "sys/recover.h"

struct genesis *testing_child_genesis(struct arena *arena)
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
    struct genesis *genesis = ARENA_NEW(arena, struct genesis, 1);
    struct err err;
    assert(genesis_parse(BYTES_LIT(text), genesis, arena, &err) == ST_OK);
    assert(genesis->config.child.footprint_gas == TESTING_FOOTPRINT_GAS);
    return genesis;
}

struct chain *testing_open(const char *folder, const struct genesis *genesis)
{
    struct chain *chain = NULL;
    struct chain_options options = {
        .files = files_of_system(),
        .folder = folder,
        .genesis = genesis,
        .history_blocks = UINT64_MAX,
        .proof_blocks = UINT64_MAX,
    };
    struct err err;
    assert(chain_open(&options, &chain, &err) == ST_OK);
    return chain;
}

struct tx testing_user_tx(u64 value, struct arena tmp)
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
    while (recover_sender(&tx, true, tmp, NULL) != ST_OK)
        tx.r = u256_add(tx.r, U256_ONE);
    tx_set_hash(&tx, tmp);
    return tx;
}

struct tx testing_gift(address to, u64 item, struct arena tmp)
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
    tx_set_hash(&tx, tmp);
    return tx;
}

static const struct tx *next_of_list(void *self, u64 gas_left, u64 blob_gas_left, bytes *envelope)
{
    struct testing_list *list = self;
    (void)gas_left, (void)blob_gas_left, (void)envelope;
    return list->at == list->count ? NULL : &list->txs[list->at];
}

static void done_of_list(void *self, const struct tx *tx, enum status verdict,
                         const struct err *reason)
{
    struct testing_list *list = self;
    (void)tx;
    list->reasons[list->at] = *reason;
    list->verdicts[list->at++] = verdict;
}

struct testing_block *testing_block(struct chain *chain, u64 timestamp, struct tx *txs, usize count,
                                    struct arena *arena)
{
    struct testing_block *block = ARENA_NEW(arena, struct testing_block, 1);
    const struct head *head = chain_head(chain);
    u64 number = head->header.number + 1;
    head_release(head);
    struct child_attributes attributes = {.base_fee_scalar = 40000000,
                                          .origin_base_fee_wei = u256_from_u64(TESTING_PARENT_FEE),
                                          .origin_number = 5};
    child_attributes_write(&attributes, number, &block->deposits[0], arena);
    block->deposits[1] = testing_gift(txs[0].from, number, *arena);
    block->list = (struct testing_list){.txs = txs, .count = count};
    block->source = (struct tx_source){&block->list, next_of_list, done_of_list};
    block->params = (struct build_params){.timestamp = timestamp,
                                          .gas_limit = TESTING_GAS_LIMIT,
                                          .deposits = block->deposits,
                                          .deposit_count = countof(block->deposits),
                                          .txs = &block->source};
    return block;
}
