#include "derive/internal.h"

/* --- The addresses so far, found by hash. */

struct table {
    address *entries; /* in the order of their first use */
    usize count;
    u32 *places; /* index + 1, 0: free; probed linearly */
    usize mask;
    u64 key; /* of the hash: nobody who sends transactions knows it beforehand */
};

static struct table table_new(usize most, u64 key, struct arena *arena)
{
    usize places = 16;
    while (places < most * 2)
        places *= 2;
    return (struct table){.entries = ARENA_TAKE(arena, address, most),
                          .places = ARENA_NEW(arena, u32, places),
                          .mask = places - 1,
                          .key = key};
}

static u64 mix(u64 h, u64 word)
{
    h = (h ^ word) * 0x9e3779b97f4a7c15;
    return h ^ h >> 29;
}

/* The reference to write for this address. */
static u64 table_refer(struct table *table, address who)
{
    u64 h =
        mix(mix(mix(table->key, load_be64(who.b)), load_be64(who.b + 8)), load_be32(who.b + 16));
    usize at = h & table->mask;
    for (; table->places[at] != 0; at = (at + 1) & table->mask)
        if (address_equal(table->entries[table->places[at] - 1], who))
            return table->places[at];
    table->entries[table->count++] = who;
    table->places[at] = (u32)table->count;
    return 0;
}

/* --- Writing. */

static u8 *put_varint(u8 *to, u64 value)
{
    while (value >= 0x80) {
        *to++ = (u8)(value | 0x80);
        value >>= 7;
    }
    *to++ = (u8)value;
    return to;
}

static u8 *put_bytes(u8 *to, bytes value)
{
    bytes_copy(to, value);
    return to + value.size;
}

static u8 *put_word(u8 *to, u256 value)
{
    u256_store_be(to, value);
    return to + sizeof(value);
}

/* Takes one power of ten off, if the value has one. Most fit in 64 bits, where that is quick. */
static bool take_ten(u256 *value)
{
    const u256 ten = u256_from_u64(10);
    bool small = u256_fits_u64(*value);
    if (small ? value->w[0] % 10 != 0 : !u256_is_zero(u256_mod(*value, ten)))
        return false;
    *value = small ? u256_from_u64(value->w[0] / 10) : u256_div(*value, ten);
    return true;
}

/* The mantissa, and the head that goes with it: as many powers of ten taken off as there are. */
static u8 amount_split(u256 value, u256 *mantissa)
{
    unsigned power = 0;
    *mantissa = value;
    while (power + 1 < AMOUNT_POWERS && !u256_is_zero(*mantissa) && take_ten(mantissa))
        power++;
    unsigned size = u256_byte_length(*mantissa);
    if (size < AMOUNT_SIZES)
        return (u8)(power * AMOUNT_SIZES + size);
    *mantissa = value;
    return AMOUNT_WHOLE;
}

/* --- A column of amounts: references, and the new ones among them, to be written further on. */

struct amounts {
    u256 *fresh;
    usize count;
    struct recent recent;
};

static u8 amount_refer(struct amounts *amounts, u256 value)
{
    struct recent *recent = &amounts->recent;
    for (usize i = 0; i < recent->count; i++)
        if (u256_equal(recent->values[i], value)) {
            recent_use(recent, i, value);
            return (u8)(i + 1);
        }
    recent_add(recent, value);
    amounts->fresh[amounts->count++] = value;
    return 0;
}

/* --- Columns. */

struct encoding {
    const struct tx **txs;
    usize count;
    u64 chain_id;
    u8 *start, *at;
    struct batch_body *out;
    struct amounts fees, tips, values;
    struct table addresses;
};

/* A column ends here. */
static void cut(struct encoding *e)
{
    struct batch_body *out = e->out;
    usize at = (usize)(e->at - e->start);
    if (at == (out->end_count > 0 ? out->ends[out->end_count - 1] : 0))
        return;
    assert(out->end_count < BATCH_COLUMNS);
    out->ends[out->end_count++] = at;
}

/* Wallets set the max fee to something of the block's plus their tip. */
static u256 fee_sent(const struct tx *tx)
{
    return has_tip(tx) ? u256_sub(tx->max_fee_wei, tx->max_priority_wei) : tx->max_fee_wei;
}

static enum status check(const struct tx *tx, u64 chain_id, struct err *err)
{
    bool known = tx->type <= TX_DYNAMIC_FEE || tx->type == TX_SET_CODE;
    if (!known)
        return fail(err, ST_INVALID, "batch: transactions of type %d have no kind", (int)tx->type);
    if (tx->protected ? tx->chain_id != chain_id : tx->type != TX_LEGACY)
        return fail(err, ST_INVALID, "batch: a transaction for chain %lu", tx->chain_id);
    if (tx->y_parity > 1 || (tx->creates && tx->type == TX_SET_CODE))
        return fail(err, ST_INVALID, "batch: no such transaction");
    return ST_OK;
}

static void put(struct encoding *e, u64 value)
{
    e->at = put_varint(e->at, value);
}

static void put_blocks(struct encoding *e, const struct batch *batch)
{
    u64 before = 0;
    for (usize i = 0; i < batch->block_count; before = batch->blocks[i++].timestamp)
        put(e, batch->blocks[i].timestamp - before);
    before = 0;
    for (usize i = 0; i < batch->block_count; before = batch->blocks[i++].origin_number)
        put(e, batch->blocks[i].origin_number - before);
    for (usize i = 0; i < batch->block_count; i++)
        put(e, batch->blocks[i].item_count);
    for (usize i = 0; i < batch->block_count; i++)
        put(e, batch->blocks[i].tx_count);
    cut(e);
}

/* Nonces and gas limits differ in their low bytes most. */
static void put_split(struct encoding *e, u64 (*field)(const struct tx *tx))
{
    for (usize i = 0; i < e->count; i++)
        *e->at++ = (u8)field(e->txs[i]);
    cut(e);
    for (usize i = 0; i < e->count; i++)
        put(e, field(e->txs[i]) >> 8);
    cut(e);
}

static u64 nonce(const struct tx *tx)
{
    return tx->nonce;
}

static u64 gas_limit(const struct tx *tx)
{
    return tx->gas_limit;
}

static u8 kind(const struct tx *tx)
{
    unsigned type = tx->protected ? (unsigned)tx->type : KIND_UNPROTECTED;
    return (u8)(type | (tx->creates ? KIND_CREATES : 0));
}

/* References to amounts, which also find the new ones. */
static void put_amounts(struct encoding *e)
{
    for (usize i = 0; i < e->count; i++)
        *e->at++ = amount_refer(&e->fees, fee_sent(e->txs[i]));
    cut(e);
    for (usize i = 0; i < e->count; i++)
        if (has_tip(e->txs[i]))
            *e->at++ = amount_refer(&e->tips, e->txs[i]->max_priority_wei);
    cut(e);
    for (usize i = 0; i < e->count; i++)
        *e->at++ = amount_refer(&e->values, e->txs[i]->value_wei);
    cut(e);
}

static void put_sizes(struct encoding *e)
{
    for (usize i = 0; i < e->count; i++)
        put(e, e->txs[i]->data.size);
    cut(e);
    for (usize i = 0; i < e->count; i++)
        if (has_access(e->txs[i]))
            put(e, e->txs[i]->access_count);
    for (usize i = 0; i < e->count; i++)
        if (has_authorizations(e->txs[i]))
            put(e, e->txs[i]->authorization_count);
    for (usize i = 0; i < e->count; i++)
        for (usize j = 0; j < e->txs[i]->access_count; j++)
            put(e, e->txs[i]->access[j].slot_count);
}

static u8 chain_kind(const struct authorization *auth, u64 chain_id)
{
    if (u256_is_zero(auth->chain_id))
        return CHAIN_ANY;
    return u256_equal(auth->chain_id, u256_from_u64(chain_id)) ? CHAIN_THIS : CHAIN_OTHER;
}

static void put_authorizations(struct encoding *e)
{
    for (usize i = 0; i < e->count; i++)
        for (usize j = 0; j < e->txs[i]->authorization_count; j++)
            *e->at++ = chain_kind(&e->txs[i]->authorizations[j], e->chain_id);
    for (usize i = 0; i < e->count; i++)
        for (usize j = 0; j < e->txs[i]->authorization_count; j++)
            put(e, e->txs[i]->authorizations[j].nonce);
    for (usize i = 0; i < e->count; i++)
        for (usize j = 0; j < e->txs[i]->authorization_count; j++)
            *e->at++ = (u8)e->txs[i]->authorizations[j].y_parity;
    cut(e);
}

static void put_addresses(struct encoding *e)
{
    for (usize i = 0; i < e->count; i++)
        if (!e->txs[i]->creates)
            put(e, table_refer(&e->addresses, e->txs[i]->to));
    for (usize i = 0; i < e->count; i++)
        for (usize j = 0; j < e->txs[i]->access_count; j++)
            put(e, table_refer(&e->addresses, e->txs[i]->access[j].who));
    for (usize i = 0; i < e->count; i++)
        for (usize j = 0; j < e->txs[i]->authorization_count; j++)
            put(e, table_refer(&e->addresses, e->txs[i]->authorizations[j].who));
    cut(e);
}

static void put_heads(struct encoding *e, const struct amounts *amounts)
{
    u256 mantissa;
    for (usize i = 0; i < amounts->count; i++)
        *e->at++ = amount_split(amounts->fresh[i], &mantissa);
    cut(e);
}

static void put_mantissas(struct encoding *e, const struct amounts *amounts)
{
    for (usize i = 0; i < amounts->count; i++) {
        u256 mantissa;
        usize size = amount_mantissa_size(amount_split(amounts->fresh[i], &mantissa));
        hash32 word = u256_to_hash(mantissa);
        e->at = put_bytes(e->at, (bytes){word.b + sizeof(word) - size, size});
    }
    cut(e);
}

static void put_parities(struct encoding *e)
{
    usize size = (e->count + 7) / 8;
    memset(e->at, 0, size);
    for (usize i = 0; i < e->count; i++)
        e->at[i / 8] |= (u8)(e->txs[i]->y_parity << i % 8);
    e->at += size;
    cut(e);
}

static void put_address_table(struct encoding *e)
{
    usize size = e->addresses.count * sizeof(address);
    e->at = put_bytes(e->at, (bytes){(const u8 *)e->addresses.entries, size});
    cut(e);
}

static void put_data(struct encoding *e)
{
    for (usize i = 0; i < e->count; i++)
        e->at = put_bytes(e->at, e->txs[i]->data);
    cut(e);
}

static void put_words(struct encoding *e)
{
    for (usize i = 0; i < e->count; i++)
        for (usize j = 0; j < e->txs[i]->access_count; j++) {
            const struct access_entry *entry = &e->txs[i]->access[j];
            e->at = put_bytes(
                e->at, (bytes){(const u8 *)entry->slots, entry->slot_count * sizeof(hash32)});
        }
    for (usize i = 0; i < e->count; i++)
        for (usize j = 0; j < e->txs[i]->authorization_count; j++) {
            const struct authorization *auth = &e->txs[i]->authorizations[j];
            if (chain_kind(auth, e->chain_id) == CHAIN_OTHER)
                e->at = put_word(e->at, auth->chain_id);
        }
    cut(e);
}

static void put_signatures(struct encoding *e)
{
    for (usize i = 0; i < e->count; i++)
        for (usize j = 0; j < e->txs[i]->authorization_count; j++) {
            const struct authorization *auth = &e->txs[i]->authorizations[j];
            e->at = put_word(put_word(e->at, auth->r), auth->s);
        }
    for (usize i = 0; i < e->count; i++)
        e->at = put_word(put_word(e->at, e->txs[i]->r), e->txs[i]->s);
    cut(e);
}

/* --- The whole. */

struct counts {
    usize txs, access, slots, authorizations, data;
};

static struct counts count(const struct batch *batch)
{
    struct counts n = {0};
    for (usize i = 0; i < batch->block_count; i++) {
        const struct batch_block *block = &batch->blocks[i];
        n.txs += block->tx_count;
        for (usize j = 0; j < block->tx_count; j++) {
            const struct tx *tx = &block->txs[j];
            n.access += tx->access_count;
            n.slots += tx_access_slot_count(tx);
            n.authorizations += tx->authorization_count;
            n.data += tx->data.size;
        }
    }
    return n;
}

enum {
    MAX_VARINT = 10,
    /* What each takes in the body, and besides: places for an address are four at most. */
    MAX_HEAD = 2 * MAX_VARINT + sizeof(((struct batch *)NULL)->parent_prefix),
    MAX_BLOCK = 4 * MAX_VARINT,
    MAX_ADDRESS = MAX_VARINT + sizeof(address),
    ADDRESS_EXTRA = sizeof(address) + 4 * sizeof(u32),
    MAX_TX =
        1 + 2 * (1 + MAX_VARINT) + 3 * (2 + sizeof(u256)) + 3 * MAX_VARINT + MAX_ADDRESS + 1 + 64,
    TX_EXTRA = sizeof(struct tx *) + 3 * sizeof(u256) + ADDRESS_EXTRA,
    MAX_ACCESS = MAX_VARINT + MAX_ADDRESS,
    MAX_AUTHORIZATION = 2 + MAX_VARINT + MAX_ADDRESS + 32 + 64,
    FEWEST_PLACES = 16 * sizeof(u32) + 64, /* and alignment */
};

static usize body_bound(const struct batch *batch, const struct counts *n)
{
    return MAX_HEAD + batch->block_count * MAX_BLOCK + n->txs * MAX_TX + n->access * MAX_ACCESS +
           n->slots * sizeof(hash32) + n->authorizations * MAX_AUTHORIZATION + n->data;
}

usize batch_encode_bound(const struct batch *batch)
{
    struct counts n = count(batch);
    return body_bound(batch, &n) + FEWEST_PLACES + n.txs * TX_EXTRA +
           (n.access + n.authorizations) * ADDRESS_EXTRA;
}

static enum status check_batch(const struct batch *batch, u64 chain_id, struct err *err)
{
    u64 time = 0, origin = 0;
    if (batch->block_count > BATCH_MAX_BLOCKS)
        return fail(err, ST_INVALID, "batch: %zu blocks", batch->block_count);
    for (usize i = 0; i < batch->block_count; i++) {
        const struct batch_block *block = &batch->blocks[i];
        if (block->timestamp < time || block->origin_number < origin)
            return fail(err, ST_INVALID, "batch: block %zu goes back", i);
        time = block->timestamp;
        origin = block->origin_number;
        for (usize j = 0; j < block->tx_count; j++)
            TRY(check(&block->txs[j], chain_id, err));
    }
    return ST_OK;
}

enum status batch_body_encode(const struct batch *batch, u64 chain_id, struct batch_body *out,
                              struct arena *arena, struct err *err)
{
    TRY(check_batch(batch, chain_id, err));
    struct counts n = count(batch);
    u8 *start = ARENA_TAKE(arena, u8, body_bound(batch, &n));
    struct arena tmp = *arena;
    struct encoding e = {
        .txs = ARENA_TAKE(&tmp, const struct tx *, n.txs),
        .count = n.txs,
        .chain_id = chain_id,
        .start = start,
        .at = start,
        .out = out,
        .fees.fresh = ARENA_TAKE(&tmp, u256, n.txs),
        .tips.fresh = ARENA_TAKE(&tmp, u256, n.txs),
        .values.fresh = ARENA_TAKE(&tmp, u256, n.txs),
        .addresses =
            table_new(n.txs + n.access + n.authorizations, load_le64(batch->parent_prefix), &tmp),
    };
    usize at = 0;
    for (usize i = 0; i < batch->block_count; i++)
        for (usize j = 0; j < batch->blocks[i].tx_count; j++)
            e.txs[at++] = &batch->blocks[i].txs[j];

    out->end_count = 0;
    put(&e, batch->first_number);
    e.at = put_bytes(e.at, BYTES_OF(batch->parent_prefix));
    put(&e, batch->block_count);
    put_blocks(&e, batch);
    for (usize i = 0; i < e.count; i++)
        *e.at++ = kind(e.txs[i]);
    cut(&e);
    put_split(&e, nonce);
    put_split(&e, gas_limit);
    put_amounts(&e);
    put_sizes(&e);
    put_authorizations(&e);
    put_addresses(&e);
    const struct amounts *amounts[] = {&e.fees, &e.tips, &e.values};
    for (usize i = 0; i < countof(amounts); i++)
        put_heads(&e, amounts[i]);
    put_parities(&e);
    for (usize i = 0; i < countof(amounts); i++)
        put_mantissas(&e, amounts[i]);
    put_address_table(&e);
    put_data(&e);
    put_words(&e);
    put_signatures(&e);
    out->all = (bytes){start, (usize)(e.at - start)};
    if (out->all.size > BATCH_MAX_BODY)
        return fail(err, ST_INVALID, "batch: %zu bytes", out->all.size);
    return ST_OK;
}

bytes batch_data_raw(bytes body, struct arena *arena)
{
    u8 *data = ARENA_TAKE(arena, u8, 2 + body.size);
    data[0] = BATCH_VERSION;
    data[1] = BATCH_RAW;
    bytes_copy(data + 2, body);
    return (bytes){data, 2 + body.size};
}
