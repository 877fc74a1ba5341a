#include "derive/inflate.h"
#include "derive/internal.h"

#define READ(name, expression)                                                                     \
    do {                                                                                           \
        if ((expression) != ST_OK)                                                                 \
            return fail(err, ST_INVALID, "batch: bad %s", name);                                   \
    } while (0)

/* --- Reading. A `bytes *in` is the cursor: what has not been read yet. */

static enum status read_varint(bytes *in, u64 *out)
{
    u64 value = 0;
    for (unsigned i = 0; i < in->size && i < 10; i++) {
        u8 byte = in->data[i];
        value |= (u64)(byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            if ((byte == 0 && i > 0) || (i == 9 && byte > 1))
                return ST_INVALID; /* a longer form than needed, or more than 64 bits */
            *in = (bytes){in->data + i + 1, in->size - i - 1};
            *out = value;
            return ST_OK;
        }
    }
    return ST_INVALID;
}

/* `count` things of `size` bytes. */
static enum status read_array(bytes *in, usize count, usize size, bytes *out)
{
    if (count > in->size / size)
        return ST_INVALID;
    *out = (bytes){in->data, count * size};
    *in = (bytes){in->data + count * size, in->size - count * size};
    return ST_OK;
}

/* A varint that is added to a total of things of at least `size` bytes each, still to come. */
static enum status read_count(bytes *in, usize size, usize *count, usize *total)
{
    u64 value;
    TRY(read_varint(in, &value));
    if (value > in->size / size)
        return ST_INVALID;
    *count = value;
    *total += value;
    return *total <= in->size / size ? ST_OK : ST_INVALID;
}

static u8 next_byte(bytes *column)
{
    u8 byte = column->data[0];
    *column = (bytes){column->data + 1, column->size - 1};
    return byte;
}

static u256 next_word(bytes *column)
{
    u256 word = u256_load_be(column->data);
    *column = (bytes){column->data + sizeof(word), column->size - sizeof(word)};
    return word;
}

/* --- Amounts. */

/* A column of references; its new amounts come further on. */
struct amounts {
    bytes references;
    usize fresh;
    bytes heads, mantissas;
    struct recent recent;
};

static enum status read_references(bytes *in, usize count, struct amounts *out)
{
    TRY(read_array(in, count, 1, &out->references));
    for (usize i = 0; i < count; i++) {
        u8 reference = out->references.data[i];
        if (reference > min_u64(out->fresh, RECENT))
            return ST_INVALID;
        out->fresh += reference == 0;
    }
    return ST_OK;
}

static enum status read_mantissas(bytes *in, struct amounts *out)
{
    usize size = 0;
    for (usize i = 0; i < out->fresh; i++) {
        usize one = amount_mantissa_size(out->heads.data[i]);
        if (one > sizeof(u256))
            return ST_INVALID;
        size += one;
    }
    return read_array(in, size, 1, &out->mantissas);
}

static u256 amount_join(u8 head, bytes mantissa)
{
    u256 value = u256_from_be(mantissa);
    if (head != AMOUNT_WHOLE)
        for (unsigned i = 0; i < head / AMOUNT_SIZES; i++)
            value = u256_mul(value, u256_from_u64(10)); /* below 2^80 * 10^21 */
    return value;
}

/* The column, heads and mantissas have been judged. */
static u256 next_amount(struct amounts *from)
{
    u8 reference = next_byte(&from->references);
    if (reference > 0) {
        u256 value = from->recent.values[reference - 1];
        recent_use(&from->recent, reference - 1u, value);
        return value;
    }
    u8 head = next_byte(&from->heads);
    bytes mantissa = bytes_slice(from->mantissas, 0, amount_mantissa_size(head));
    from->mantissas = bytes_slice(from->mantissas, mantissa.size, from->mantissas.size);
    u256 value = amount_join(head, mantissa);
    recent_add(&from->recent, value);
    return value;
}

/* --- Addresses: the references are read twice, because the table stands behind them. */

struct references {
    bytes column;
    usize entries; /* of the table that those read so far have brought in */
};

static enum status read_reference(bytes *in, usize *entries, usize *index)
{
    u64 reference;
    TRY(read_varint(in, &reference));
    if (reference > *entries)
        return ST_INVALID;
    *index = reference == 0 ? (*entries)++ : reference - 1;
    return ST_OK;
}

static enum status skip_references(bytes *in, usize count, struct references *out)
{
    usize index;
    *out = (struct references){.column = *in};
    for (usize i = 0; i < count; i++)
        TRY(read_reference(in, &out->entries, &index));
    return ST_OK;
}

static usize next_reference(struct references *from)
{
    usize index;
    enum status st = read_reference(&from->column, &from->entries, &index);
    assert(st == ST_OK);
    return index;
}

/* --- Columns. */

struct decoding {
    u64 chain_id;
    struct batch_block *blocks;
    usize block_count;
    struct tx *txs;
    usize tx_count;
    usize data_size; /* of all */
    struct access_entry *access;
    usize access_count;
    usize slot_count;
    struct authorization *authorizations;
    usize authorization_count;
    struct amounts fees, tips, values;
    struct references addresses;
};

/* Least bytes of each in what follows the column that counts them. */
enum {
    LEAST_BLOCK = 4,
    SIGNATURE = 64,           /* r and s */
    LEAST_TX = 8 + SIGNATURE, /* kind; nonce and gas, two bytes each; fee, value, size */
    LEAST_ACCESS = 2,
    LEAST_SLOT = 32,
    LEAST_AUTHORIZATION = 4 + SIGNATURE, /* chain, nonce, y parity, address */
};
static_assert(sizeof(struct batch_block) <= LEAST_BLOCK * sizeof(struct access_entry) / 2 &&
                  sizeof(struct tx) <= LEAST_TX * sizeof(struct access_entry) / 2 &&
                  sizeof(struct authorization) <=
                      LEAST_AUTHORIZATION * sizeof(struct access_entry) / 2,
              "batch_decode_bound");

static enum status read_blocks(bytes *in, struct decoding *d, struct arena *arena, struct err *err)
{
    u64 time = 0, origin = 0, delta;
    READ("number of blocks", read_count(in, LEAST_BLOCK, &d->block_count, &(usize){0}));
    if (d->block_count > BATCH_MAX_BLOCKS)
        return fail(err, ST_INVALID, "batch: %zu blocks", d->block_count);
    d->blocks = ARENA_NEW(arena, struct batch_block, d->block_count);
    for (usize i = 0; i < d->block_count; i++) {
        READ("time", read_varint(in, &delta));
        READ("time", __builtin_add_overflow(time, delta, &time) ? ST_INVALID : ST_OK);
        d->blocks[i].timestamp = time;
    }
    for (usize i = 0; i < d->block_count; i++) {
        READ("origin", read_varint(in, &delta));
        READ("origin", __builtin_add_overflow(origin, delta, &origin) ? ST_INVALID : ST_OK);
        d->blocks[i].origin_number = origin;
    }
    for (usize i = 0; i < d->block_count; i++)
        READ("number of items", read_varint(in, &d->blocks[i].item_count));
    for (usize i = 0; i < d->block_count; i++)
        READ("number of transactions",
             read_count(in, LEAST_TX, &d->blocks[i].tx_count, &d->tx_count));
    READ("number of transactions", d->tx_count <= in->size / LEAST_TX ? ST_OK : ST_INVALID);
    return ST_OK;
}

static enum status set_kind(struct tx *tx, u8 kind, u64 chain_id)
{
    unsigned type = kind & KIND_TYPES;
    if (kind > (KIND_TYPES | KIND_CREATES) || type > TX_SET_CODE)
        return ST_INVALID;
    tx->protected = type != KIND_UNPROTECTED;
    tx->type = tx->protected ? (enum tx_type)type : TX_LEGACY;
    tx->creates = (kind & KIND_CREATES) != 0;
    tx->chain_id = tx->protected ? chain_id : 0;
    return tx->creates && tx->type == TX_SET_CODE ? ST_INVALID : ST_OK; /* EIP-7702 */
}

/* The low bytes, then the rest. */
static enum status read_split(bytes *in, struct decoding *d, usize field)
{
    bytes low;
    u64 high;
    TRY(read_array(in, d->tx_count, 1, &low));
    for (usize i = 0; i < d->tx_count; i++) {
        TRY(read_varint(in, &high));
        if (high > UINT64_MAX >> 8)
            return ST_INVALID;
        *(u64 *)((u8 *)&d->txs[i] + field) = high << 8 | next_byte(&low);
    }
    return ST_OK;
}

static enum status read_numbers(bytes *in, struct decoding *d, struct err *err)
{
    bytes kinds;
    usize tips = 0;
    struct tx *txs = d->txs, *end = d->txs + d->tx_count;
    READ("kinds", read_array(in, d->tx_count, 1, &kinds));
    for (struct tx *tx = txs; tx < end; tx++)
        READ("kind", set_kind(tx, next_byte(&kinds), d->chain_id));
    READ("nonces", read_split(in, d, offsetof(struct tx, nonce)));
    READ("gas limits", read_split(in, d, offsetof(struct tx, gas_limit)));
    for (struct tx *tx = txs; tx < end; tx++)
        tips += has_tip(tx);
    READ("fees", read_references(in, d->tx_count, &d->fees));
    READ("priority fees", read_references(in, tips, &d->tips));
    READ("values", read_references(in, d->tx_count, &d->values));
    for (struct tx *tx = txs; tx < end; tx++)
        READ("data size", read_count(in, 1, &tx->data.size, &d->data_size));
    for (struct tx *tx = txs; tx < end; tx++)
        if (has_access(tx))
            READ("access list", read_count(in, LEAST_ACCESS, &tx->access_count, &d->access_count));
    for (struct tx *tx = txs; tx < end; tx++)
        if (has_authorizations(tx))
            READ("authorization list", read_count(in, LEAST_AUTHORIZATION, &tx->authorization_count,
                                                  &d->authorization_count));
    return ST_OK;
}

/* What is left has room for all that has been counted: so nothing is allocated for lists at the
 * expense of bytes that stand for something else. */
static enum status check_room(bytes in, const struct decoding *d)
{
    usize others = d->tx_count * SIGNATURE + d->data_size; /* neither is above in.size */
    usize lists = d->access_count * LEAST_ACCESS + d->authorization_count * LEAST_AUTHORIZATION;
    return others <= in.size && lists <= in.size - others ? ST_OK : ST_INVALID;
}

static enum status read_lists(bytes *in, struct decoding *d, bytes *chains, struct arena *arena,
                              struct err *err)
{
    bytes parities;
    struct tx *txs = d->txs, *end = d->txs + d->tx_count;
    READ("lists", check_room(*in, d));
    d->access = ARENA_NEW(arena, struct access_entry, d->access_count);
    for (usize i = 0; i < d->access_count; i++)
        READ("slots", read_count(in, LEAST_SLOT, &d->access[i].slot_count, &d->slot_count));
    READ("chains", read_array(in, d->authorization_count, 1, chains));
    d->authorizations = ARENA_NEW(arena, struct authorization, d->authorization_count);
    for (usize i = 0; i < d->authorization_count; i++)
        READ("authorization's nonce", read_varint(in, &d->authorizations[i].nonce));
    READ("authorizations' parities", read_array(in, d->authorization_count, 1, &parities));
    for (usize i = 0; i < d->authorization_count; i++)
        d->authorizations[i].y_parity = next_byte(&parities);

    usize access = 0, authorizations = 0, recipients = 0;
    for (struct tx *tx = txs; tx < end; tx++) {
        tx->access = tx->access_count > 0 ? d->access + access : NULL;
        access += tx->access_count;
        tx->authorizations =
            tx->authorization_count > 0 ? d->authorizations + authorizations : NULL;
        authorizations += tx->authorization_count;
        recipients += !tx->creates;
    }
    READ("address", skip_references(in, recipients + access + authorizations, &d->addresses));
    return ST_OK;
}

static enum status read_parities(bytes *in, struct decoding *d)
{
    bytes bits;
    TRY(read_array(in, (d->tx_count + 7) / 8, 1, &bits));
    for (usize i = 0; i < d->tx_count; i++)
        d->txs[i].y_parity = bits.data[i / 8] >> i % 8 & 1;
    return d->tx_count % 8 == 0 || bits.data[d->tx_count / 8] >> d->tx_count % 8 == 0 ? ST_OK
                                                                                      : ST_INVALID;
}

static enum status read_amounts(bytes *in, struct decoding *d, struct err *err)
{
    READ("heads of fees", read_array(in, d->fees.fresh, 1, &d->fees.heads));
    READ("heads of priority fees", read_array(in, d->tips.fresh, 1, &d->tips.heads));
    READ("heads of values", read_array(in, d->values.fresh, 1, &d->values.heads));
    READ("parities", read_parities(in, d));
    READ("fees", read_mantissas(in, &d->fees));
    READ("priority fees", read_mantissas(in, &d->tips));
    READ("values", read_mantissas(in, &d->values));
    for (struct tx *tx = d->txs; tx < d->txs + d->tx_count; tx++) {
        u256 fee = next_amount(&d->fees);
        tx->max_priority_wei = has_tip(tx) ? next_amount(&d->tips) : fee;
        tx->max_fee_wei = has_tip(tx) ? u256_add(fee, tx->max_priority_wei) : fee;
        tx->value_wei = next_amount(&d->values);
    }
    return ST_OK;
}

static enum status read_addresses(bytes *in, struct decoding *d, struct err *err)
{
    bytes table;
    READ("addresses", read_array(in, d->addresses.entries, sizeof(address), &table));
    const address *addresses = (const address *)table.data;
    d->addresses.entries = 0;
    for (usize i = 0; i < d->tx_count; i++)
        if (!d->txs[i].creates)
            d->txs[i].to = addresses[next_reference(&d->addresses)];
    for (usize i = 0; i < d->access_count; i++)
        d->access[i].who = addresses[next_reference(&d->addresses)];
    for (usize i = 0; i < d->authorization_count; i++)
        d->authorizations[i].who = addresses[next_reference(&d->addresses)];
    return ST_OK;
}

static enum status read_data(bytes *in, struct decoding *d, struct err *err)
{
    for (usize i = 0; i < d->tx_count; i++)
        READ("data", read_array(in, d->txs[i].data.size, 1, &d->txs[i].data));
    return ST_OK;
}

static enum status read_words(bytes *in, struct decoding *d, bytes chains, struct err *err)
{
    bytes slots, words;
    for (usize i = 0; i < d->access_count; i++) {
        READ("slots", read_array(in, d->access[i].slot_count, sizeof(hash32), &slots));
        d->access[i].slots = (const hash32 *)slots.data;
    }
    for (usize i = 0; i < d->authorization_count; i++) {
        u8 chain = next_byte(&chains);
        READ("chain", chain <= CHAIN_OTHER ? ST_OK : ST_INVALID);
        if (chain == CHAIN_THIS)
            d->authorizations[i].chain_id = u256_from_u64(d->chain_id);
        if (chain == CHAIN_OTHER) {
            READ("chain", read_array(in, 1, sizeof(u256), &words));
            d->authorizations[i].chain_id = next_word(&words);
        }
    }
    READ("signatures", read_array(in, d->authorization_count, SIGNATURE, &words));
    for (usize i = 0; i < d->authorization_count; i++) {
        d->authorizations[i].r = next_word(&words);
        d->authorizations[i].s = next_word(&words);
    }
    READ("signatures", read_array(in, d->tx_count, SIGNATURE, &words));
    for (usize i = 0; i < d->tx_count; i++) {
        d->txs[i].r = next_word(&words);
        d->txs[i].s = next_word(&words);
    }
    return ST_OK;
}

enum status batch_body_decode(bytes body, u64 chain_id, struct batch *out, struct arena *arena,
                              struct err *err)
{
    bytes in = body, prefix, chains = BYTES_EMPTY;
    struct decoding d = {.chain_id = chain_id};
    READ("first block", read_varint(&in, &out->first_number));
    READ("parent", read_array(&in, 1, sizeof(out->parent_prefix), &prefix));
    bytes_copy(out->parent_prefix, prefix);
    TRY(read_blocks(&in, &d, arena, err));
    d.txs = ARENA_NEW(arena, struct tx, d.tx_count);
    TRY(read_numbers(&in, &d, err));
    TRY(read_lists(&in, &d, &chains, arena, err));
    TRY(read_amounts(&in, &d, err));
    TRY(read_addresses(&in, &d, err));
    TRY(read_data(&in, &d, err));
    TRY(read_words(&in, &d, chains, err));
    if (in.size > 0)
        return fail(err, ST_INVALID, "batch: %zu bytes too many", in.size);

    usize tx = 0;
    for (usize i = 0; i < d.block_count; i++) {
        d.blocks[i].txs = d.txs + tx;
        tx += d.blocks[i].tx_count;
    }
    out->blocks = d.blocks;
    out->block_count = d.block_count;
    return ST_OK;
}

enum status batch_data_decode(bytes data, u64 chain_id, struct batch *out, struct arena *arena,
                              struct err *err)
{
    if (data.size < 2)
        return fail(err, ST_INVALID, "batch: %zu bytes", data.size);
    if (data.data[0] != BATCH_VERSION)
        return fail(err, ST_INVALID, "batch: no version %u", data.data[0]);
    u8 codec = data.data[1];
    bytes body = bytes_slice(data, 2, data.size);
    if (codec == BATCH_DEFLATE) {
        usize size, used;
        struct arena room = *arena;
        u8 *inflated = ARENA_TAKE(&room, u8, BATCH_MAX_BODY);
        TRY(inflate_decode(body, BATCH_DICTIONARY, inflated, BATCH_MAX_BODY, &size, &used, err));
        if (used != body.size)
            return fail(err, ST_INVALID, "batch: %zu bytes too many", body.size - used);
        (void)arena_take(arena, size, 1);
        body = (bytes){inflated, size};
    } else if (codec != BATCH_RAW) {
        return fail(err, ST_INVALID, "batch: no codec %u", codec);
    }
    if (body.size > BATCH_MAX_BODY)
        return fail(err, ST_INVALID, "batch: %zu bytes", body.size);
    return batch_body_decode(body, chain_id, out, arena, err);
}
