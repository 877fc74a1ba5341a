#include "derive/inbox.h"

#include "crypto/keccak.h"

/* --- H(tag, words…), word by word. */

static void put_hash(struct keccak *h, hash32 word)
{
    keccak_update(h, BYTES_OF(word));
}

static void put_u256(struct keccak *h, u256 value)
{
    put_hash(h, u256_to_hash(value));
}

static void put_u64(struct keccak *h, u64 value)
{
    put_u256(h, u256_from_u64(value));
}

static void put_address(struct keccak *h, address who)
{
    put_u256(h, u256_from_address(who));
}

static struct keccak tagged(bytes tag)
{
    struct keccak h;
    hash32 word = {0};
    bytes_copy(word.b, tag);
    keccak_init(&h);
    put_hash(&h, word);
    return h;
}

#define INBOX_TAG BYTES_LIT("varve.inbox.1")
#define ITEM_TAG BYTES_LIT("varve.item.1")
#define BATCH_TAG BYTES_LIT("varve.batch.1")
#define DATA_TAG BYTES_LIT("varve.data.1")
#define CLAIM_TAG BYTES_LIT("varve.claim.1")
#define UNSAFE_TAG BYTES_LIT("varve.unsafe.1")

/* --- Accumulators. */

static hash32 first(bytes tag, const struct inbox_id *id)
{
    struct keccak h = tagged(tag);
    put_u64(&h, id->parent_chain_id);
    put_address(&h, id->inbox);
    put_u64(&h, id->child_chain_id);
    return keccak_final(&h);
}

hash32 inbox_acc_first(const struct inbox_id *id)
{
    return first(INBOX_TAG, id);
}

hash32 batch_acc_first(const struct inbox_id *id)
{
    return first(BATCH_TAG, id);
}

hash32 inbox_item_leaf(const struct inbox_item *item)
{
    struct keccak h = tagged(ITEM_TAG);
    put_u64(&h, item->kind);
    put_u64(&h, item->position);
    put_address(&h, item->from);
    put_address(&h, item->to);
    put_u256(&h, item->mint_wei);
    put_u256(&h, item->value_wei);
    put_u64(&h, item->gas_limit);
    put_u64(&h, item->creates);
    put_u64(&h, item->time);
    put_hash(&h, keccak256(item->data));
    return keccak_final(&h);
}

hash32 inbox_acc_next(hash32 acc, hash32 leaf)
{
    struct keccak h = tagged(INBOX_TAG);
    put_hash(&h, acc);
    put_hash(&h, leaf);
    return keccak_final(&h);
}

hash32 batch_acc_next(hash32 acc, const struct batch_record *record)
{
    struct keccak h = tagged(BATCH_TAG);
    put_hash(&h, acc);
    put_hash(&h, record->data_hash);
    put_u64(&h, record->inbox_pos);
    put_hash(&h, record->inbox_acc);
    put_u64(&h, record->origin_number);
    put_hash(&h, record->origin_hash);
    put_u64(&h, record->time);
    return keccak_final(&h);
}

/* --- Data. */

static hash32 data_hash(enum batch_data_kind kind, u64 size, hash32 parts)
{
    struct keccak h = tagged(DATA_TAG);
    put_u64(&h, kind);
    put_u64(&h, size);
    put_hash(&h, parts);
    return keccak_final(&h);
}

hash32 batch_hash_calldata(bytes data)
{
    struct keccak chunks;
    keccak_init(&chunks);
    for (usize at = 0; at < data.size; at += BATCH_CHUNK)
        put_hash(&chunks, keccak256(bytes_slice(data, at, BATCH_CHUNK)));
    return data_hash(BATCH_CALLDATA, data.size, keccak_final(&chunks));
}

hash32 batch_hash_blobs(const hash32 *versioned_hashes, usize count)
{
    struct keccak hashes;
    keccak_init(&hashes);
    for (usize i = 0; i < count; i++)
        put_hash(&hashes, versioned_hashes[i]);
    return data_hash(BATCH_BLOBS, count, keccak_final(&hashes));
}

/* --- Deposits, claims. */

hash32 source_hash_item(hash32 acc)
{
    struct keccak h;
    keccak_init(&h);
    put_u64(&h, 0);
    put_hash(&h, acc);
    return keccak_final(&h);
}

hash32 unsafe_block_digest(u64 child_chain_id, hash32 block_hash)
{
    struct keccak h = tagged(UNSAFE_TAG);
    put_u64(&h, child_chain_id);
    put_hash(&h, block_hash);
    return keccak_final(&h);
}

hash32 claim_hash(const struct claim *claim)
{
    struct keccak h = tagged(CLAIM_TAG);
    put_u64(&h, claim->chain_id);
    put_hash(&h, claim->parent_claim);
    put_hash(&h, claim->output);
    put_u64(&h, claim->number);
    put_u64(&h, claim->batch_count);
    put_hash(&h, claim->batch_acc);
    put_u64(&h, claim->inbox_pos);
    put_hash(&h, claim->inbox_acc);
    put_hash(&h, claim->program_hash);
    put_u64(&h, claim->version);
    return keccak_final(&h);
}

hash32 output_root(hash32 state_root, hash32 message_passer_root, hash32 block_hash)
{
    struct keccak h;
    keccak_init(&h);
    put_u64(&h, 0);
    put_hash(&h, state_root);
    put_hash(&h, message_passer_root);
    put_hash(&h, block_hash);
    return keccak_final(&h);
}
