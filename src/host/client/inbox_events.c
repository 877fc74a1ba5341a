#include "client/inbox_events.h"

#include "client/abi.h"

const hash32 INBOX_TOPICS[2] = {
    {{0xa7, 0x0a, 0xdb, 0xff, 0x83, 0xbf, 0x9c, 0x05, 0x0a, 0x87, 0xdc,
      0x62, 0x7c, 0x29, 0xed, 0x22, 0xf1, 0xa7, 0x3b, 0x36, 0x55, 0x31,
      0x54, 0x70, 0xa6, 0xb3, 0xb9, 0xb4, 0xe9, 0x95, 0xa4, 0x1f}},
    {{0xaf, 0x14, 0xd9, 0xcb, 0x8d, 0xbd, 0x85, 0x15, 0x25, 0x44, 0x36,
      0x86, 0x39, 0x9c, 0xbb, 0x78, 0xc7, 0x5a, 0xfc, 0x80, 0x2d, 0x42,
      0x27, 0x29, 0xf7, 0x02, 0xfc, 0xfd, 0xbb, 0xab, 0x43, 0x19}},
};

enum inbox_event inbox_event_of(const struct log *log)
{
    if (log->topic_count == 0)
        return INBOX_OTHER_EVENT;
    if (hash32_equal(log->topics[0], INBOX_TOPICS[0]))
        return INBOX_ITEM_ENQUEUED;
    return hash32_equal(log->topics[0], INBOX_TOPICS[1]) ? INBOX_BATCH_APPENDED : INBOX_OTHER_EVENT;
}

/* The one indexed number, which is topic 1. */
static u64 indexed(const struct log *log, struct abi_in *in)
{
    struct abi_in topic = abi_over(BYTES_OF(log->topics[1]));
    u64 value = abi_get_u64(&topic);
    in->failed = topic.failed || log->topic_count != 2;
    return value;
}

enum status inbox_read_item(const struct log *log, struct inbox_item *out, struct err *err)
{
    struct abi_in in = abi_over(log->data);
    *out = (struct inbox_item){.position = indexed(log, &in)};
    out->kind = abi_get_u8(&in);
    out->from = abi_get_address(&in);
    out->to = abi_get_address(&in);
    out->mint_wei = abi_get_u256(&in);
    out->value_wei = abi_get_u256(&in);
    out->gas_limit = abi_get_u64(&in);
    out->creates = abi_get_bool(&in);
    out->time = abi_get_u64(&in);
    out->data = abi_get_bytes(&in);
    if (in.failed || inbox_event_of(log) != INBOX_ITEM_ENQUEUED)
        return fail(err, ST_INVALID, "a log that is no ItemEnqueued of an Inbox");
    return ST_OK;
}

enum status inbox_read_batch(const struct log *log, struct batch_record *out,
                             enum batch_data_kind *data, struct err *err)
{
    struct abi_in in = abi_over(log->data);
    *out = (struct batch_record){.index = indexed(log, &in)};
    u8 kind = abi_get_u8(&in);
    out->batch_acc = abi_get_hash(&in);
    out->data_hash = abi_get_hash(&in);
    out->inbox_pos = abi_get_u64(&in);
    out->inbox_acc = abi_get_hash(&in);
    out->origin_number = abi_get_u64(&in);
    out->origin_hash = abi_get_hash(&in);
    out->time = abi_get_u64(&in);
    if (in.failed || inbox_event_of(log) != INBOX_BATCH_APPENDED || kind > BATCH_BLOBS)
        return fail(err, ST_INVALID, "a log that is no BatchAppended of an Inbox");
    *data = (enum batch_data_kind)kind;
    return ST_OK;
}
