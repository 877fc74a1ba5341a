#include "chain/record.h"

#include "base/rlp.h"
#include "crypto/keccak.h"
#include "store/table.h"

/* --- Diffs: counts and sizes as little-endian u32, then the items.
 *
 *   diff     = accounts:u32 codes:u32 account* code*
 *   account  = address flags:u8 size:u8 packed slots:u32 (slot value)*
 *   code     = size:u32 bytes */

enum { ACCOUNT_EXISTS = 1, ACCOUNT_WIPED = 2 };

static u8 *put_u32(u8 *to, usize value)
{
    u32 value32 = (u32)value;
    memcpy(to, &value32, sizeof(value32));
    return to + sizeof(value32);
}

static u8 *put_bytes(u8 *to, bytes in)
{
    bytes_copy(to, in);
    return to + in.size;
}

static usize diff_bound(const struct diff *diff)
{
    usize size = 8;
    for (usize i = 0; i < diff->account_count; i++)
        size += 26 + ACCOUNT_PACKED_MAX + diff->accounts[i].slot_count * 64;
    for (usize i = 0; i < diff->code_count; i++)
        size += 4 + diff->codes[i].code.size;
    return size;
}

bytes diff_pack(const struct diff *diff, struct arena *arena)
{
    u8 *start = arena_take(arena, diff_bound(diff), 1);
    u8 *at = put_u32(start, diff->account_count);
    at = put_u32(at, diff->code_count);
    for (usize i = 0; i < diff->account_count; i++) {
        const struct account_change *change = &diff->accounts[i];
        at = put_bytes(at, BYTES_OF(change->who));
        *at++ = (u8)((change->exists ? ACCOUNT_EXISTS : 0) |
                     (change->storage_wiped ? ACCOUNT_WIPED : 0));
        usize size = account_pack(&change->after, at + 1);
        *at = (u8)size;
        at = put_u32(at + 1 + size, change->slot_count);
        for (usize j = 0; j < change->slot_count; j++) {
            at = put_bytes(at, BYTES_OF(change->slots[j].slot));
            hash32 value = u256_to_hash(change->slots[j].after);
            at = put_bytes(at, BYTES_OF(value));
        }
    }
    for (usize i = 0; i < diff->code_count; i++) {
        at = put_u32(at, diff->codes[i].code.size);
        at = put_bytes(at, diff->codes[i].code);
    }
    return (bytes){start, (usize)(at - start)};
}

static enum status take(bytes *in, usize size, bytes *out)
{
    if (size > in->size)
        return ST_CORRUPT;
    *out = (bytes){in->data, size};
    *in = (bytes){in->data + size, in->size - size};
    return ST_OK;
}

static enum status take_u32(bytes *in, usize *out)
{
    bytes part;
    u32 value;
    TRY(take(in, sizeof(value), &part));
    memcpy(&value, part.data, sizeof(value));
    *out = value;
    return ST_OK;
}

static enum status take_account(bytes *in, struct account_change *out, struct arena *arena)
{
    bytes part;
    *out = (struct account_change){.before = account_new()};
    TRY(take(in, 22, &part));
    memcpy(out->who.b, part.data, 20);
    out->exists = (part.data[20] & ACCOUNT_EXISTS) != 0;
    out->storage_wiped = (part.data[20] & ACCOUNT_WIPED) != 0;
    bytes packed;
    TRY(take(in, part.data[21], &packed));
    TRY(account_unpack(packed, &out->after));
    TRY(take_u32(in, &out->slot_count));
    bytes slots;
    TRY(take(in, out->slot_count * 64, &slots));
    out->slots = ARENA_NEW(arena, struct slot_change, out->slot_count);
    for (usize i = 0; i < out->slot_count; i++) {
        memcpy(out->slots[i].slot.b, slots.data + i * 64, 32);
        out->slots[i].after = u256_load_be(slots.data + i * 64 + 32);
    }
    return ST_OK;
}

enum status diff_unpack(bytes in, struct diff *out, struct arena *arena)
{
    TRY(take_u32(&in, &out->account_count));
    TRY(take_u32(&in, &out->code_count));
    if (out->account_count > in.size || out->code_count > in.size)
        return ST_CORRUPT;
    out->accounts = ARENA_NEW(arena, struct account_change, out->account_count);
    out->codes = ARENA_NEW(arena, struct code_entry, out->code_count);
    for (usize i = 0; i < out->account_count; i++)
        TRY(take_account(&in, &out->accounts[i], arena));
    for (usize i = 0; i < out->code_count; i++) {
        usize size;
        TRY(take_u32(&in, &size));
        TRY(take(&in, size, &out->codes[i].code));
        out->codes[i].hash = keccak256(out->codes[i].code);
    }
    return in.size == 0 ? ST_OK : ST_CORRUPT;
}

/* --- Writing. */

enum status record_append_block(struct log_file *log, const struct record_head *head, bytes rlp,
                                bytes senders, u64 *position, struct err *err)
{
    bytes parts[] = {BYTES_OF(*head), rlp, senders};
    assert(head->size == rlp.size && head->tx_count * sizeof(address) == senders.size);
    return log_append(log, RECORD_BLOCK, parts, countof(parts), position, err);
}

enum status record_append_patch(struct log_file *log, const struct record_head *head,
                                const struct diff *diff, struct arena tmp, u64 *position,
                                struct err *err)
{
    struct record_head sized = *head;
    bytes packed = diff_pack(diff, &tmp);
    sized.size = packed.size;
    bytes parts[] = {BYTES_OF(sized), packed};
    return log_append(log, RECORD_PATCH, parts, countof(parts), position, err);
}

enum status record_append_head(struct log_file *log, u64 target, u64 *position, struct err *err)
{
    bytes part = BYTES_OF(target);
    return log_append(log, RECORD_HEAD, &part, 1, position, err);
}

/* The genesis record: sizes of schedule and header, both, and the allocation. The schedule lies
 * there as in memory; a version that changes the struct changes the log's version. Logs of version
 * 1 have a schedule that ends before `child`. */
enum { CONFIG_SIZE_1 = offsetof(struct chain_config, child) };
static_assert(CONFIG_SIZE_1 + sizeof(struct child_rules) == sizeof(struct chain_config),
              "`child` is the last field, without padding after it");

enum status record_append_genesis(struct log_file *log, const struct genesis *genesis,
                                  struct arena tmp, u64 *position, struct err *err)
{
    bytes header = header_encode(&genesis->header, &tmp);
    bytes alloc = diff_pack(&genesis->alloc, &tmp);
    u32 sizes[2] = {sizeof(genesis->config), (u32)header.size};
    bytes parts[] = {BYTES_OF(sizes), BYTES_OF(genesis->config), header, alloc};
    return log_append(log, RECORD_GENESIS, parts, countof(parts), position, err);
}

/* --- Reading. */

static enum status damaged(u64 position, struct err *err)
{
    return fail(err, ST_CORRUPT, "the block log is damaged at %lu: not a record of a chain",
                position);
}

static bool parse_state(bytes payload, struct record *out)
{
    if (payload.size < sizeof(out->head))
        return false;
    memcpy(&out->head, payload.data, sizeof(out->head));
    payload = bytes_slice(payload, sizeof(out->head), payload.size);
    if (out->head.size > payload.size)
        return false;
    out->body = bytes_slice(payload, 0, out->head.size);
    out->senders = bytes_slice(payload, out->head.size, payload.size);
    return out->senders.size == out->head.tx_count * sizeof(address);
}

enum status record_read(struct log_file *log, u64 position, struct record *out, struct arena *arena,
                        struct err *err)
{
    struct log_record raw;
    TRY(log_read(log, position, &raw, arena, err));
    *out = (struct record){.kind = raw.kind, .position = position, .next = raw.next};
    bool good = false;
    switch (out->kind) {
    case RECORD_GENESIS:
        good = true;
        break;
    case RECORD_BLOCK:
    case RECORD_PATCH:
        good = parse_state(raw.payload, out);
        break;
    case RECORD_HEAD:
        good = raw.payload.size == sizeof(out->target);
        if (good)
            memcpy(&out->target, raw.payload.data, sizeof(out->target));
        break;
    }
    return good ? ST_OK : damaged(position, err);
}

enum status record_read_head(struct log_file *log, u64 position, struct record_head *out,
                             struct err *err)
{
    bytes part;
    u8 memory[sizeof(*out)];
    struct arena arena = arena_over(memory, sizeof(memory));
    TRY(log_read_part(log, position, 0, sizeof(*out), &part, &arena, err));
    if (part.size != sizeof(*out))
        return damaged(position, err);
    memcpy(out, part.data, sizeof(*out));
    return ST_OK;
}

/* Headers have about 600 bytes; extra data of a genesis can make one longer. */
enum { HEADER_GUESS = 2048 };

enum status record_read_header(struct log_file *log, u64 position, struct header *out,
                               struct arena *arena, struct err *err)
{
    for (usize size = HEADER_GUESS;; size = SIZE_MAX / 2) {
        bytes part;
        TRY(log_read_part(log, position, sizeof(struct record_head), size, &part, arena, err));
        /* The block is a list whose first item is the header; the list itself may be cut short. */
        usize list_header = part.size == 0        ? 0
                            : part.data[0] > 0xf7 ? (usize)part.data[0] - 0xf7 + 1
                                                  : 1;
        bytes rest = bytes_slice(part, list_header, part.size), item;
        if (rlp_read_item(&rest, &item) == ST_OK)
            return header_decode(item, out, err);
        if (part.size < size)
            return damaged(position, err);
    }
}

enum status record_read_genesis(struct log_file *log, struct genesis *out, struct arena *arena,
                                struct err *err)
{
    struct log_record raw;
    u64 position = log_start(log);
    TRY(log_read(log, position, &raw, arena, err));
    usize config_size, header_size;
    bytes rest = raw.payload, config, header;
    *out = (struct genesis){.nodes = {.count = 0}};
    if (raw.kind != RECORD_GENESIS || take_u32(&rest, &config_size) != ST_OK ||
        take_u32(&rest, &header_size) != ST_OK ||
        (config_size != sizeof(out->config) && config_size != CONFIG_SIZE_1) ||
        take(&rest, config_size, &config) != ST_OK || take(&rest, header_size, &header) != ST_OK ||
        header_decode(header, &out->header, NULL) != ST_OK ||
        diff_unpack(rest, &out->alloc, arena) != ST_OK)
        return damaged(position, err);
    bytes_copy(&out->config, config);
    return ST_OK;
}
