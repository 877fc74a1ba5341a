/* The Inbox's events, as a follower gets them from the parent.
 *
 *   ItemEnqueued(uint64 indexed position, uint8 kind, address from, address to, uint256 mint,
 *                uint256 value, uint64 gasLimit, bool isCreation, uint64 time, bytes data)
 *   BatchAppended(uint64 indexed index, uint8 kind, bytes32 batchAcc, bytes32 dataHash,
 *                 uint64 inboxPos, bytes32 inboxAcc, uint64 originNumber, bytes32 originHash,
 *                 uint64 time) */
#ifndef CLIENT_INBOX_EVENTS_H
#define CLIENT_INBOX_EVENTS_H

#include "derive/inbox.h"
#include "types/receipt.h"

/* Topic 0 of each: ItemEnqueued, BatchAppended. What a follower's filter asks for. */
extern const hash32 INBOX_TOPICS[2];

enum inbox_event {
    INBOX_OTHER_EVENT,
    INBOX_ITEM_ENQUEUED,
    INBOX_BATCH_APPENDED,
};
enum inbox_event inbox_event_of(const struct log *log);

/* `data` borrows from the log. ST_INVALID: not such an event as the Inbox emits it. */
enum status inbox_read_item(const struct log *log, struct inbox_item *out, struct err *err);
/* *data: where the batch's data is. */
enum status inbox_read_batch(const struct log *log, struct batch_record *out,
                             enum batch_data_kind *data, struct err *err);

#endif
