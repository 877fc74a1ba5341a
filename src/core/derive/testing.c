#include "derive/testing.h"

#include "crypto/keccak.h"
#include "types/header.h"

u64 seeded_u64(struct seeded *random) /* SplitMix64 */
{
    u64 z = random->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

u64 seeded_below(struct seeded *random, u64 limit)
{
    return seeded_u64(random) % limit;
}

void seeded_fill(struct seeded *random, void *to, usize size)
{
    for (u8 *at = to; at < (u8 *)to + size; at++)
        *at = (u8)seeded_u64(random);
}

/* As likely of one bit as of 64. */
static u64 any_u64(struct seeded *random)
{
    u64 value = seeded_u64(random);
    return value >> seeded_below(random, 64);
}

/* Some zeros, some round ones, some of every size. */
static u256 any_amount(struct seeded *random)
{
    u256 value;
    switch (seeded_below(random, 4)) {
    case 0:
        return u256_from_u64(seeded_below(random, 3));
    case 1:
        value = u256_from_u64(any_u64(random));
        for (u64 zeros = seeded_below(random, 30); zeros > 0; zeros--)
            value = u256_mul(value, u256_from_u64(10));
        return value;
    default:
        seeded_fill(random, &value, sizeof(value));
        return u256_shr(value, (unsigned)seeded_below(random, 257));
    }
}

/* Some again and again. */
static address any_address(struct seeded *random)
{
    address who = {{[19] = (u8)seeded_below(random, 8)}};
    if (seeded_below(random, 2) == 0)
        seeded_fill(random, &who, sizeof(who));
    return who;
}

static bytes any_data(struct seeded *random, struct arena *arena)
{
    usize size = seeded_below(random, 3) == 0 ? seeded_below(random, 200) : 0;
    u8 *data = ARENA_NEW(arena, u8, size);
    seeded_fill(random, data, size / 2);
    return (bytes){data, size};
}

static void add_access(struct seeded *random, struct tx *tx, struct arena *arena)
{
    tx->access_count = seeded_below(random, 4);
    struct access_entry *entries = ARENA_NEW(arena, struct access_entry, tx->access_count);
    for (usize i = 0; i < tx->access_count; i++) {
        usize count = seeded_below(random, 3);
        hash32 *slots = ARENA_TAKE(arena, hash32, count);
        seeded_fill(random, slots, count * sizeof(hash32));
        entries[i] = (struct access_entry){any_address(random), slots, count};
    }
    tx->access = entries;
}

static void add_authorizations(struct seeded *random, struct tx *tx, struct arena *arena)
{
    tx->authorization_count = seeded_below(random, 4);
    struct authorization *all = ARENA_NEW(arena, struct authorization, tx->authorization_count);
    for (usize i = 0; i < tx->authorization_count; i++) {
        all[i] = (struct authorization){.who = any_address(random),
                                        .nonce = any_u64(random),
                                        .y_parity = seeded_below(random, 256),
                                        .r = any_amount(random),
                                        .s = any_amount(random)};
        u64 chain = seeded_below(random, 3);
        all[i].chain_id = chain == 0   ? U256_ZERO
                          : chain == 1 ? u256_from_u64(tx->chain_id)
                                       : any_amount(random);
    }
    tx->authorizations = all;
}

struct tx seeded_tx(struct seeded *random, u64 chain_id, struct arena *arena)
{
    static const enum tx_type types[] = {TX_LEGACY, TX_ACCESS_LIST, TX_DYNAMIC_FEE, TX_SET_CODE};
    struct tx tx = {.type = types[seeded_below(random, countof(types))],
                    .nonce = any_u64(random),
                    .gas_limit = any_u64(random),
                    .max_fee_wei = any_amount(random),
                    .value_wei = any_amount(random),
                    .data = any_data(random, arena),
                    .y_parity = seeded_below(random, 2) == 0,
                    .r = any_amount(random),
                    .s = any_amount(random)};
    tx.protected = tx.type != TX_LEGACY || seeded_below(random, 2) == 0;
    tx.chain_id = tx.protected ? chain_id : 0;
    tx.creates = tx.type != TX_SET_CODE && seeded_below(random, 4) == 0;
    if (!tx.creates)
        tx.to = any_address(random);
    tx.max_priority_wei = tx.type < TX_DYNAMIC_FEE ? tx.max_fee_wei : any_amount(random);
    if (tx.type != TX_LEGACY)
        add_access(random, &tx, arena);
    if (tx.type == TX_SET_CODE)
        add_authorizations(random, &tx, arena);
    return tx;
}

struct batch seeded_batch(struct seeded *random, u64 chain_id, struct batch_shape shape,
                          struct arena *arena)
{
    struct batch_block *all = ARENA_NEW(arena, struct batch_block, shape.blocks);
    for (usize i = 0; i < shape.blocks; i++) {
        shape.timestamp += seeded_below(random, 3);
        shape.origin_number += seeded_below(random, 4) == 0;
        all[i].timestamp = shape.timestamp;
        all[i].origin_number = shape.origin_number;
        all[i].item_count = any_u64(random) % (shape.items + 1);
        shape.items -= all[i].item_count;
        all[i].tx_count = seeded_below(random, shape.txs + 1);
        struct tx *list = ARENA_NEW(arena, struct tx, all[i].tx_count);
        for (usize j = 0; j < all[i].tx_count; j++)
            list[j] = seeded_tx(random, chain_id, arena);
        all[i].txs = list;
    }
    struct batch batch = {
        .first_number = any_u64(random), .blocks = all, .block_count = shape.blocks};
    seeded_fill(random, batch.parent_prefix, sizeof(batch.parent_prefix));
    return batch;
}

/* --- A parent chain and its Inbox. */

void parent_init(struct parent *parent, struct arena *arena)
{
    memset(parent, 0, sizeof(*parent));
    parent->arena = arena;
    parent->chain.chain_id = CHILD_ID; /* every fork up to Prague is there from the start */
    parent->chain.osaka_time = FORK_NEVER;
    parent->chain.dao_block = FORK_NEVER;
    parent->chain.child.on = true;
    parent->config.id = (struct inbox_id){900, {{[19] = 0xaa}}, CHILD_ID};
    parent->config.chain = &parent->chain;
    parent->config.parent_blobs[0].params.update_fraction = 5007716;
    parent->config.parent_blob_count = 1;
    parent->inbox_accs[0] = inbox_acc_first(&parent->config.id);
    parent->batch_acc = batch_acc_first(&parent->config.id);
    parent_mine(parent);
}

struct derive_state parent_genesis(const struct parent *parent)
{
    struct derive_params params = {.gas_limit = 30000000,
                                   .base_fee_scalar = 40000000,
                                   .sequencer = {{[19] = 0x5e}},
                                   .version = DERIVE_VERSION};
    struct derive_origin origin = parent_origin(parent, PARENT_FIRST_ORIGIN);
    return derive_genesis(&parent->config, &params, (hash32){{1}}, PARENT_FIRST_TIME, &origin);
}

void parent_mine(struct parent *parent)
{
    usize at = parent->block_count++;
    assert(at < PARENT_MOST);
    struct header header = {.number = PARENT_FIRST_ORIGIN + at,
                            .timestamp = PARENT_FIRST_TIME + 12 * at,
                            .mix_hash = {{(u8)at, 3}},
                            .fields = HEADER_PRAGUE,
                            .base_fee_wei = u256_from_u64(1000000000 + at),
                            .excess_blob_gas = 30000000,
                            .parent_beacon_root = {{(u8)at, 4}}};
    if (at > 0)
        header.parent_hash = parent->hashes[at - 1];
    parent->headers[at] = header_encode(&header, parent->arena);
    parent->hashes[at] = keccak256(parent->headers[at]);
    parent->times[at] = header.timestamp;
}

u64 parent_last_origin(const struct parent *parent)
{
    return PARENT_FIRST_ORIGIN + parent->block_count - 1;
}

struct derive_origin parent_origin(const struct parent *parent, u64 number)
{
    struct derive_origin origin;
    enum status st = derive_origin_read(
        &parent->config, parent->headers[number - PARENT_FIRST_ORIGIN], &origin, NULL);
    assert(st == ST_OK);
    return origin;
}

void parent_enqueue(struct parent *parent, struct inbox_item item)
{
    usize at = parent->item_count++;
    assert(at < PARENT_MOST);
    item.position = at;
    item.time = parent->times[parent->block_count - 1];
    parent->items[at] = item;
    parent->inbox_accs[at + 1] = inbox_acc_next(parent->inbox_accs[at], inbox_item_leaf(&item));
}

void parent_enqueue_random(struct parent *parent, struct seeded *random)
{
    struct inbox_item item = {.from = any_address(random),
                              .to = any_address(random),
                              .mint_wei = any_amount(random),
                              .value_wei = any_amount(random),
                              .gas_limit = any_u64(random) % (2 * DERIVE_ITEM_GAS),
                              .creates = seeded_below(random, 4) == 0,
                              .data = any_data(random, parent->arena)};
    if (seeded_below(random, 8) > 0)
        parent_enqueue(parent, item);
    else
        parent_enqueue_config(parent,
                              (enum derive_param)seeded_below(random, DERIVE_PROTOCOL_VERSION),
                              u256_from_u64(seeded_below(random, 60000000)));
}

void parent_enqueue_config(struct parent *parent, enum derive_param id, u256 value)
{
    u8 *data = ARENA_TAKE(parent->arena, u8, 64);
    u256_store_be(data, u256_from_u64(id));
    u256_store_be(data + 32, value);
    parent_enqueue(parent, (struct inbox_item){.kind = INBOX_CONFIG, .data = {data, 64}});
}

struct derive_input parent_append(struct parent *parent, const struct derive_state *state,
                                  const bytes *data, u64 inbox_pos, u64 origin_number)
{
    usize origin = origin_number - PARENT_FIRST_ORIGIN;
    usize head = state->head.origin.number - PARENT_FIRST_ORIGIN;
    struct derive_input input = {
        .record = {.index = parent->batch_count++,
                   .inbox_pos = inbox_pos,
                   .inbox_acc = parent->inbox_accs[inbox_pos],
                   .origin_number = origin_number,
                   .origin_hash = parent->hashes[origin],
                   .time = parent->times[parent->block_count - 1]},
        .kind = BATCH_FORCED,
        .items = parent->items + state->inbox_pos,
        .item_count = inbox_pos - state->inbox_pos,
    };
    if (data != NULL) {
        input.kind = BATCH_CALLDATA;
        input.data = *data;
        input.record.data_hash = batch_hash_calldata(*data);
    }
    if (origin > head) {
        input.headers = parent->headers + head + 1;
        input.header_count = origin - head;
    }
    parent->batch_acc = batch_acc_next(parent->batch_acc, &input.record);
    input.record.batch_acc = parent->batch_acc;
    return input;
}

hash32 parent_execute(const struct derive_block *block)
{
    struct keccak h;
    keccak_init(&h);
    keccak_update(&h, BYTES_OF(block->parent_hash));
    keccak_update(&h, BYTES_OF(block->number));
    keccak_update(&h, BYTES_OF(block->timestamp));
    keccak_update(&h, BYTES_OF(block->origin.hash));
    keccak_update(&h, BYTES_OF(block->params.gas_limit));
    for (usize i = 0; i < block->tx_count; i++)
        keccak_update(&h, block->envelopes[i]);
    return keccak_final(&h);
}
