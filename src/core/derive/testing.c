#include "derive/testing.h"

#include "crypto/keccak.h"
#include "types/header.h"

u64 seeded_u64(struct random *random) /* SplitMix64 */
{
    u64 z = random->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

u64 seeded_below(struct random *random, u64 limit)
{
    return seeded_u64(random) % limit;
}

void seeded_fill(struct random *random, void *to, usize size)
{
    for (u8 *at = to; at < (u8 *)to + size; at++)
        *at = (u8)seeded_u64(random);
}

/* As likely of one bit as of 64. */
static u64 any_u64(struct random *random)
{
    u64 value = seeded_u64(random);
    return value >> seeded_below(random, 64);
}

/* Some zeros, some round ones, some of every size. */
static u256 any_amount(struct random *random)
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
static address any_address(struct random *random)
{
    address who = {{[19] = (u8)seeded_below(random, 8)}};
    if (seeded_below(random, 2) == 0)
        seeded_fill(random, &who, sizeof(who));
    return who;
}

static bytes any_data(struct random *random, struct arena *arena)
{
    usize size = seeded_below(random, 3) == 0 ? seeded_below(random, 200) : 0;
    u8 *data = ARENA_NEW(arena, u8, size);
    seeded_fill(random, data, size / 2);
    return (bytes){data, size};
}

static void add_access(struct random *random, struct tx *tx, struct arena *arena)
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

static void add_authorizations(struct random *random, struct tx *tx, struct arena *arena)
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

struct tx random_tx(struct random *random, u64 chain_id, struct arena *arena)
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

struct batch random_batch(struct random *random, u64 chain_id, struct batch_shape shape,
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
            list[j] = random_tx(random, chain_id, arena);
        all[i].txs = list;
    }
    struct batch batch = {
        .first_number = any_u64(random), .blocks = all, .block_count = shape.blocks};
    seeded_fill(random, batch.parent_prefix, sizeof(batch.parent_prefix));
    return batch;
}

/* --- A parent chain and its Inbox. */

void world_init(struct world *world, struct arena *arena)
{
    memset(world, 0, sizeof(*world));
    world->arena = arena;
    world->chain.chain_id = WORLD_CHAIN; /* every fork up to Prague is there from the start */
    world->chain.osaka_time = FORK_NEVER;
    world->chain.dao_block = FORK_NEVER;
    world->chain.child.on = true;
    world->config.id = (struct inbox_id){900, {{[19] = 0xaa}}, WORLD_CHAIN};
    world->config.chain = &world->chain;
    world->config.parent_blobs[0].params.update_fraction = 5007716;
    world->config.parent_blob_count = 1;
    world->inbox_accs[0] = inbox_acc_first(&world->config.id);
    world->batch_acc = batch_acc_first(&world->config.id);
    world_mine(world);
}

struct derive_state world_genesis(const struct world *world)
{
    struct derive_params params = {.gas_limit = 30000000,
                                   .base_fee_scalar = 40000000,
                                   .sequencer = {{[19] = 0x5e}},
                                   .version = DERIVE_VERSION};
    struct derive_origin origin = world_origin(world, WORLD_FIRST_ORIGIN);
    return derive_genesis(&world->config, &params, (hash32){{1}}, WORLD_FIRST_TIME, &origin);
}

void world_mine(struct world *world)
{
    usize at = world->block_count++;
    assert(at < WORLD_MOST);
    struct header header = {.number = WORLD_FIRST_ORIGIN + at,
                            .timestamp = WORLD_FIRST_TIME + 12 * at,
                            .mix_hash = {{(u8)at, 3}},
                            .fields = HEADER_PRAGUE,
                            .base_fee_wei = u256_from_u64(1000000000 + at),
                            .excess_blob_gas = 30000000,
                            .parent_beacon_root = {{(u8)at, 4}}};
    if (at > 0)
        header.parent_hash = world->hashes[at - 1];
    world->headers[at] = header_encode(&header, world->arena);
    world->hashes[at] = keccak256(world->headers[at]);
    world->times[at] = header.timestamp;
}

u64 world_last_origin(const struct world *world)
{
    return WORLD_FIRST_ORIGIN + world->block_count - 1;
}

struct derive_origin world_origin(const struct world *world, u64 number)
{
    struct derive_origin origin;
    enum status st = derive_origin_read(&world->config, world->headers[number - WORLD_FIRST_ORIGIN],
                                        &origin, NULL);
    assert(st == ST_OK);
    return origin;
}

void world_enqueue(struct world *world, struct inbox_item item)
{
    usize at = world->item_count++;
    assert(at < WORLD_MOST);
    item.position = at;
    item.time = world->times[world->block_count - 1];
    world->items[at] = item;
    world->inbox_accs[at + 1] = inbox_acc_next(world->inbox_accs[at], inbox_item_leaf(&item));
}

void world_enqueue_random(struct world *world, struct random *random)
{
    struct inbox_item item = {.from = any_address(random),
                              .to = any_address(random),
                              .mint_wei = any_amount(random),
                              .value_wei = any_amount(random),
                              .gas_limit = any_u64(random) % (2 * DERIVE_ITEM_GAS),
                              .creates = seeded_below(random, 4) == 0,
                              .data = any_data(random, world->arena)};
    if (seeded_below(random, 8) > 0)
        world_enqueue(world, item);
    else
        world_enqueue_config(world,
                             (enum derive_param)seeded_below(random, DERIVE_PROTOCOL_VERSION),
                             u256_from_u64(seeded_below(random, 60000000)));
}

void world_enqueue_config(struct world *world, enum derive_param id, u256 value)
{
    u8 *data = ARENA_TAKE(world->arena, u8, 64);
    u256_store_be(data, u256_from_u64(id));
    u256_store_be(data + 32, value);
    world_enqueue(world, (struct inbox_item){.kind = INBOX_CONFIG, .data = {data, 64}});
}

struct derive_input world_append(struct world *world, const struct derive_state *state,
                                 const bytes *data, u64 inbox_pos, u64 origin_number)
{
    usize origin = origin_number - WORLD_FIRST_ORIGIN;
    usize head = state->head.origin.number - WORLD_FIRST_ORIGIN;
    struct derive_input input = {
        .record = {.index = world->batch_count++,
                   .inbox_pos = inbox_pos,
                   .inbox_acc = world->inbox_accs[inbox_pos],
                   .origin_number = origin_number,
                   .origin_hash = world->hashes[origin],
                   .time = world->times[world->block_count - 1]},
        .kind = BATCH_FORCED,
        .items = world->items + state->inbox_pos,
        .item_count = inbox_pos - state->inbox_pos,
    };
    if (data != NULL) {
        input.kind = BATCH_CALLDATA;
        input.data = *data;
        input.record.data_hash = batch_hash_calldata(*data);
    }
    if (origin > head) {
        input.headers = world->headers + head + 1;
        input.header_count = origin - head;
    }
    world->batch_acc = batch_acc_next(world->batch_acc, &input.record);
    input.record.batch_acc = world->batch_acc;
    return input;
}

hash32 world_execute(const struct derive_block *block)
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
