#include "client/inbox_events.h"

#include "client/abi.h"
#include "harness/test.h"

TEST(inbox_topics_are_the_hashes_of_the_events_signatures)
{
    hash32 item = abi_topic(
        "ItemEnqueued(uint64,uint8,address,address,uint256,uint256,uint64,bool,uint64,bytes)");
    hash32 batch = abi_topic(
        "BatchAppended(uint64,uint8,bytes32,bytes32,uint64,bytes32,uint64,bytes32,uint64)");
    CHECK(hash32_equal(INBOX_TOPICS[0], item));
    CHECK(hash32_equal(INBOX_TOPICS[1], batch));
}

static struct log item_log(void)
{
    struct log log = {.topics = {INBOX_TOPICS[0], {{[31] = 7}}}, .topic_count = 2};
    struct abi_out out = abi_begin(9, test_arena());
    abi_put_u64(&out, INBOX_CONFIG);
    abi_put_address(&out, (address){{1}});
    abi_put_address(&out, (address){{2}});
    abi_put_u256(&out, U256_MAX);
    abi_put_u64(&out, 5);
    abi_put_u64(&out, 100000);
    abi_put_bool(&out, true);
    abi_put_u64(&out, 1700000000);
    abi_put_bytes(&out, BYTES_LIT("calldata"));
    log.data = abi_end(&out);
    return log;
}

static struct log batch_log(u8 kind)
{
    struct log log = {.topics = {INBOX_TOPICS[1], {{[30] = 1}}}, .topic_count = 2};
    struct abi_out out = abi_begin(8, test_arena());
    abi_put_u64(&out, kind);
    abi_put_hash(&out, (hash32){{1}});
    abi_put_hash(&out, (hash32){{2}});
    abi_put_u64(&out, 12);
    abi_put_hash(&out, (hash32){{3}});
    abi_put_u64(&out, 77);
    abi_put_hash(&out, (hash32){{4}});
    abi_put_u64(&out, 1700000000);
    log.data = abi_end(&out);
    return log;
}

TEST(inbox_events_are_read_field_by_field)
{
    struct log log = item_log();
    struct inbox_item item;
    CHECK(inbox_event_of(&log) == INBOX_ITEM_ENQUEUED);
    CHECK(inbox_read_item(&log, &item, NULL) == ST_OK);
    CHECK(item.position == 7 && item.kind == INBOX_CONFIG && item.creates);
    CHECK(item.from.b[0] == 1 && item.to.b[0] == 2);
    CHECK(u256_equal(item.mint_wei, U256_MAX) && u256_equal(item.value_wei, u256_from_u64(5)));
    CHECK(item.gas_limit == 100000 && item.time == 1700000000);
    CHECK(bytes_equal(item.data, BYTES_LIT("calldata")));

    struct batch_record batch;
    enum batch_data_kind data;
    log = batch_log(BATCH_BLOBS);
    CHECK(inbox_event_of(&log) == INBOX_BATCH_APPENDED);
    CHECK(inbox_read_batch(&log, &batch, &data, NULL) == ST_OK && data == BATCH_BLOBS);
    CHECK(batch.index == 256 && batch.batch_acc.b[0] == 1 && batch.data_hash.b[0] == 2);
    CHECK(batch.inbox_pos == 12 && batch.inbox_acc.b[0] == 3 && batch.origin_number == 77);
    CHECK(batch.origin_hash.b[0] == 4 && batch.time == 1700000000);
}

TEST(inbox_events_of_other_shapes_are_refused)
{
    struct inbox_item item;
    struct batch_record batch;
    enum batch_data_kind data;
    struct log log = item_log();
    CHECK(inbox_read_batch(&log, &batch, &data, NULL) == ST_INVALID);
    for (usize size = 0; size < log.data.size - 32; size += 31) {
        struct log cut = log;
        cut.data.size = size;
        CHECK_ROW(size, inbox_read_item(&cut, &item, NULL) == ST_INVALID);
    }
    log.topics[1].b[0] = 1; /* a position beyond 64 bits */
    CHECK(inbox_read_item(&log, &item, NULL) == ST_INVALID);
    log = item_log();
    log.topic_count = 1;
    CHECK(inbox_read_item(&log, &item, NULL) == ST_INVALID);
    log.topic_count = 0;
    CHECK(inbox_event_of(&log) == INBOX_OTHER_EVENT);
    log = batch_log(3);
    CHECK(inbox_read_batch(&log, &batch, &data, NULL) == ST_INVALID);
}
