#include "types/tx.h"

#include "crypto/keccak.h"
#include "types/internal.h"

#define READ(name, expression)                                                                     \
    do {                                                                                           \
        if ((expression) != ST_OK)                                                                 \
            return fail(err, ST_INVALID, "transaction: bad %s", name);                             \
    } while (0)

/* --- Decoding. One reader a field or group of fields, so that each type reads as its EIP's list.
 */

/* Nothing (a creation) or 20 bytes. */
static enum status read_to(bytes *in, struct tx *out)
{
    bytes to;
    TRY(rlp_read_bytes(in, &to));
    if (to.size != 0 && to.size != sizeof(out->to.b))
        return ST_INVALID;
    out->creates = to.size == 0;
    bytes_copy(out->to.b, to);
    return ST_OK;
}

static enum status read_hashes(bytes list, const hash32 **out, usize *count, struct arena *arena)
{
    TRY(count_items(list, RLP_SIZE_HASH, count));
    hash32 *hashes = ARENA_TAKE(arena, hash32, *count);
    for (usize i = 0; i < *count; i++)
        TRY(rlp_read_hash(&list, &hashes[i]));
    *out = hashes;
    return ST_OK;
}

/* EIP-2930: [[address, [slot, ...]], ...] */
static enum status read_access_list(bytes *in, struct tx *out, struct arena *arena)
{
    enum { LEAST_ENTRY = 1 + RLP_SIZE_ADDRESS + 1 };
    bytes list, pair, slots;
    TRY(rlp_read_list(in, &list));
    TRY(count_items(list, LEAST_ENTRY, &out->access_count));
    struct access_entry *entries = ARENA_TAKE(arena, struct access_entry, out->access_count);
    for (usize i = 0; i < out->access_count; i++) {
        TRY(rlp_read_list(&list, &pair));
        TRY(rlp_read_address(&pair, &entries[i].who));
        TRY(rlp_read_list(&pair, &slots));
        TRY(rlp_read_end(pair));
        TRY(read_hashes(slots, &entries[i].slots, &entries[i].slot_count, arena));
    }
    out->access = entries;
    return ST_OK;
}

static enum status read_blob_hashes(bytes *in, struct tx *out, struct arena *arena)
{
    bytes list;
    TRY(rlp_read_list(in, &list));
    return read_hashes(list, &out->blob_hashes, &out->blob_hash_count, arena);
}

static enum status read_authorization(bytes *in, struct authorization *out)
{
    bytes fields;
    TRY(rlp_read_list(in, &fields));
    TRY(rlp_read_u256(&fields, &out->chain_id));
    TRY(rlp_read_address(&fields, &out->who));
    TRY(rlp_read_u64(&fields, &out->nonce));
    TRY(rlp_read_u64(&fields, &out->y_parity));
    TRY(rlp_read_u256(&fields, &out->r));
    TRY(rlp_read_u256(&fields, &out->s));
    TRY(rlp_read_end(fields));
    return out->y_parity <= UINT8_MAX ? ST_OK : ST_INVALID;
}

static enum status read_authorizations(bytes *in, struct tx *out, struct arena *arena)
{
    enum { LEAST_AUTHORIZATION = 1 + 5 + RLP_SIZE_ADDRESS };
    bytes list;
    TRY(rlp_read_list(in, &list));
    TRY(count_items(list, LEAST_AUTHORIZATION, &out->authorization_count));
    struct authorization *all = ARENA_TAKE(arena, struct authorization, out->authorization_count);
    for (usize i = 0; i < out->authorization_count; i++)
        TRY(read_authorization(&list, &all[i]));
    out->authorizations = all;
    return ST_OK;
}

static enum status read_signature(bytes *in, struct tx *out, struct err *err)
{
    u64 y_parity;
    READ("y parity", rlp_read_u64(in, &y_parity));
    if (y_parity > 1)
        return fail(err, ST_INVALID, "transaction: y parity is %lu, not 0 or 1", y_parity);
    out->y_parity = (u8)y_parity;
    READ("r", rlp_read_u256(in, &out->r));
    READ("s", rlp_read_u256(in, &out->s));
    return ST_OK;
}

/* v of a legacy transaction: 27 + parity, or with a chain id 35 + 2 * id + parity (EIP-155). */
static enum status read_legacy_signature(bytes *in, struct tx *out, struct err *err)
{
    u64 v;
    READ("v", rlp_read_u64(in, &v));
    out->protected = v >= 35;
    if (v != 27 && v != 28 && !out->protected)
        return fail(err, ST_INVALID, "transaction: v is %lu, no signature has that", v);
    out->chain_id = out->protected ? (v - 35) / 2 : 0;
    out->y_parity = (u8)((v - (out->protected ? 35 : 27)) % 2);
    READ("r", rlp_read_u256(in, &out->r));
    READ("s", rlp_read_u256(in, &out->s));
    return ST_OK;
}

static enum status read_legacy(bytes *in, struct tx *out, struct arena *arena, struct err *err)
{
    (void)arena;
    READ("nonce", rlp_read_u64(in, &out->nonce));
    READ("gas price", rlp_read_u256(in, &out->max_fee_wei));
    out->max_priority_wei = out->max_fee_wei;
    READ("gas limit", rlp_read_u64(in, &out->gas_limit));
    READ("recipient", read_to(in, out));
    READ("value", rlp_read_u256(in, &out->value_wei));
    READ("data", rlp_read_bytes(in, &out->data));
    return read_legacy_signature(in, out, err);
}

static enum status read_access_type(bytes *in, struct tx *out, struct arena *arena, struct err *err)
{
    READ("chain id", rlp_read_u64(in, &out->chain_id));
    READ("nonce", rlp_read_u64(in, &out->nonce));
    READ("gas price", rlp_read_u256(in, &out->max_fee_wei));
    out->max_priority_wei = out->max_fee_wei;
    READ("gas limit", rlp_read_u64(in, &out->gas_limit));
    READ("recipient", read_to(in, out));
    READ("value", rlp_read_u256(in, &out->value_wei));
    READ("data", rlp_read_bytes(in, &out->data));
    READ("access list", read_access_list(in, out, arena));
    return read_signature(in, out, err);
}

/* What types 2, 3 and 4 have in common, up to the access list. */
static enum status read_fee_market(bytes *in, struct tx *out, struct arena *arena, struct err *err)
{
    READ("chain id", rlp_read_u64(in, &out->chain_id));
    READ("nonce", rlp_read_u64(in, &out->nonce));
    READ("max priority fee", rlp_read_u256(in, &out->max_priority_wei));
    READ("max fee", rlp_read_u256(in, &out->max_fee_wei));
    READ("gas limit", rlp_read_u64(in, &out->gas_limit));
    READ("recipient", read_to(in, out));
    READ("value", rlp_read_u256(in, &out->value_wei));
    READ("data", rlp_read_bytes(in, &out->data));
    READ("access list", read_access_list(in, out, arena));
    return ST_OK;
}

static enum status read_dynamic_fee(bytes *in, struct tx *out, struct arena *arena, struct err *err)
{
    TRY(read_fee_market(in, out, arena, err));
    return read_signature(in, out, err);
}

static enum status read_blob(bytes *in, struct tx *out, struct arena *arena, struct err *err)
{
    TRY(read_fee_market(in, out, arena, err));
    if (out->creates)
        return fail(err, ST_INVALID, "transaction: a blob transaction cannot create a contract");
    READ("max blob fee", rlp_read_u256(in, &out->max_blob_fee_wei));
    READ("blob hashes", read_blob_hashes(in, out, arena));
    return read_signature(in, out, err);
}

static enum status read_set_code(bytes *in, struct tx *out, struct arena *arena, struct err *err)
{
    TRY(read_fee_market(in, out, arena, err));
    if (out->creates)
        return fail(err, ST_INVALID,
                    "transaction: a set-code transaction cannot create a contract");
    READ("authorization list", read_authorizations(in, out, arena));
    return read_signature(in, out, err);
}

static enum status read_flag(bytes *in, bool *out)
{
    u64 value;
    TRY(rlp_read_u64(in, &value));
    *out = value == 1;
    return value <= 1 ? ST_OK : ST_INVALID;
}

/* OP specs, protocol/deposits.md, "The Deposited Transaction Type". */
static enum status read_deposit(bytes *in, struct tx *out, struct arena *arena, struct err *err)
{
    (void)arena;
    READ("source hash", rlp_read_hash(in, &out->source_hash));
    READ("sender", rlp_read_address(in, &out->from));
    READ("recipient", read_to(in, out));
    READ("mint", rlp_read_u256(in, &out->mint_wei));
    READ("value", rlp_read_u256(in, &out->value_wei));
    READ("gas limit", rlp_read_u64(in, &out->gas_limit));
    READ("system flag", read_flag(in, &out->is_system));
    READ("data", rlp_read_bytes(in, &out->data));
    out->from_known = true;
    return ST_OK;
}

typedef enum status tx_reader(bytes *in, struct tx *out, struct arena *arena, struct err *err);

/* NULL: no transaction has this type. */
static tx_reader *const readers[] = {
    [TX_LEGACY] = read_legacy,           [TX_ACCESS_LIST] = read_access_type,
    [TX_DYNAMIC_FEE] = read_dynamic_fee, [TX_BLOB] = read_blob,
    [TX_SET_CODE] = read_set_code,       [TX_DEPOSIT] = read_deposit,
};

enum status tx_decode(bytes in, struct tx *out, struct arena *arena, struct err *err)
{
    if (in.size == 0)
        return fail(err, ST_INVALID, "transaction: no bytes");
    u8 type = in.data[0] < 0xc0 ? in.data[0] : TX_LEGACY;
    if (type >= countof(readers) || readers[type] == NULL || (type == TX_LEGACY && in.data[0] == 0))
        return fail(err, ST_INVALID, "transaction: no type 0x%02x", type);
    bytes payload = bytes_slice(in, type != TX_LEGACY, in.size);
    bytes fields;
    if (rlp_read_list(&payload, &fields) != ST_OK || rlp_read_end(payload) != ST_OK)
        return fail(err, ST_INVALID, "transaction: not one RLP list");
    *out = (struct tx){.type = (enum tx_type)type, .protected = true};
    TRY(readers[type](&fields, out, arena, err));
    if (fields.size > 0)
        return fail(err, ST_INVALID, "transaction: more fields than type %u has", type);
    out->hash = keccak256(in);
    return ST_OK;
}

/* --- Encoding. */

static void slots_out(struct rlp_out *out, const void *self)
{
    const struct access_entry *entry = self;
    for (usize i = 0; i < entry->slot_count; i++)
        out_hash(out, entry->slots[i]);
}

static void access_entry_out(struct rlp_out *out, const void *self)
{
    const struct access_entry *entry = self;
    out_address(out, entry->who);
    out_list(out, slots_out, entry);
}

static void access_list_out(struct rlp_out *out, const void *self)
{
    const struct tx *tx = self;
    for (usize i = 0; i < tx->access_count; i++)
        out_list(out, access_entry_out, &tx->access[i]);
}

static void blob_hashes_out(struct rlp_out *out, const void *self)
{
    const struct tx *tx = self;
    for (usize i = 0; i < tx->blob_hash_count; i++)
        out_hash(out, tx->blob_hashes[i]);
}

static void authorization_out(struct rlp_out *out, const void *self)
{
    const struct authorization *auth = self;
    out_u256(out, auth->chain_id);
    out_address(out, auth->who);
    out_u64(out, auth->nonce);
    out_u64(out, auth->y_parity);
    out_u256(out, auth->r);
    out_u256(out, auth->s);
}

static void authorizations_out(struct rlp_out *out, const void *self)
{
    const struct tx *tx = self;
    for (usize i = 0; i < tx->authorization_count; i++)
        out_list(out, authorization_out, &tx->authorizations[i]);
}

static void to_out(struct rlp_out *out, const struct tx *tx)
{
    if (tx->creates)
        out_bytes(out, BYTES_EMPTY);
    else
        out_address(out, tx->to);
}

/* Everything before the signature. */
static void unsigned_fields(struct rlp_out *out, const struct tx *tx)
{
    if (tx->type != TX_LEGACY)
        out_u64(out, tx->chain_id);
    out_u64(out, tx->nonce);
    if (tx->type >= TX_DYNAMIC_FEE)
        out_u256(out, tx->max_priority_wei);
    out_u256(out, tx->max_fee_wei);
    out_u64(out, tx->gas_limit);
    to_out(out, tx);
    out_u256(out, tx->value_wei);
    out_bytes(out, tx->data);
    if (tx->type != TX_LEGACY)
        out_list(out, access_list_out, tx);
    if (tx->type == TX_BLOB) {
        out_u256(out, tx->max_blob_fee_wei);
        out_list(out, blob_hashes_out, tx);
    }
    if (tx->type == TX_SET_CODE)
        out_list(out, authorizations_out, tx);
}

/* EIP-155: a protected legacy transaction is signed with (chain id, 0, 0) at its end. */
static void signing_fields(struct rlp_out *out, const void *self)
{
    const struct tx *tx = self;
    unsigned_fields(out, tx);
    if (tx->type == TX_LEGACY && tx->protected) {
        out_u64(out, tx->chain_id);
        out_u64(out, 0);
        out_u64(out, 0);
    }
}

static u64 legacy_v(const struct tx *tx)
{
    return tx->protected ? 35 + 2 * tx->chain_id + tx->y_parity : 27 + (u64)tx->y_parity;
}

static void signed_fields(struct rlp_out *out, const void *self)
{
    const struct tx *tx = self;
    unsigned_fields(out, tx);
    out_u64(out, tx->type == TX_LEGACY ? legacy_v(tx) : tx->y_parity);
    out_u256(out, tx->r);
    out_u256(out, tx->s);
}

static void deposit_fields(struct rlp_out *out, const void *self)
{
    const struct tx *tx = self;
    out_hash(out, tx->source_hash);
    out_address(out, tx->from);
    to_out(out, tx);
    out_u256(out, tx->mint_wei);
    out_u256(out, tx->value_wei);
    out_u64(out, tx->gas_limit);
    out_u64(out, tx->is_system);
    out_bytes(out, tx->data);
}

static rlp_fields *fields_of(const struct tx *tx)
{
    return tx->type == TX_DEPOSIT ? deposit_fields : signed_fields;
}

bytes tx_encode(const struct tx *tx, struct arena *arena)
{
    return encode_envelope((u8)tx->type, fields_of(tx), tx, arena);
}

usize tx_encoded_size(const struct tx *tx)
{
    return envelope_size((u8)tx->type, fields_of(tx), tx);
}

hash32 tx_signing_hash(const struct tx *tx, struct arena tmp)
{
    assert(tx->type != TX_DEPOSIT);
    return keccak256(encode_envelope((u8)tx->type, signing_fields, tx, &tmp));
}

void tx_set_hash(struct tx *tx, struct arena tmp)
{
    tx->hash = keccak256(tx_encode(tx, &tmp));
}

/* --- Derived values. */

u256 tx_effective_price(const struct tx *tx, u256 base_fee_wei)
{
    if (tx->type == TX_DEPOSIT)
        return U256_ZERO;
    u256 room = u256_sub(tx->max_fee_wei, base_fee_wei);
    return u256_add(base_fee_wei, u256_min(tx->max_priority_wei, room));
}

u64 tx_blob_gas(const struct tx *tx)
{
    enum { GAS_PER_BLOB = 131072 };
    return tx->blob_hash_count * GAS_PER_BLOB;
}

usize tx_access_slot_count(const struct tx *tx)
{
    usize count = 0;
    for (usize i = 0; i < tx->access_count; i++)
        count += tx->access[i].slot_count;
    return count;
}
