#include "channel/payload.h"

#include "channel/tlv.h"

enum {
    AMOUNT = 2,
    EXPIRY = 4,
    PAYMENT_DATA = 8,
    SEALED = 10,
    PATH_KEY = 12,
    NEXT = 14,
    TOTAL = 18,
    CHAIN_AND_ASSET = 7758194,
    MESSAGE = 7758195,
};
static const u64 PREIMAGE = 5482373484;

/* --- Reading. False: the value is none. */

static bool read_fixed(bytes value, void *to, usize size)
{
    if (value.size != size || tlv_zero(value))
        return false;
    memcpy(to, value.data, size);
    return true;
}

static bool read_amount(bytes value, struct payload *out)
{
    return tlv_number(value, sizeof(out->amount), &out->amount) && out->amount != 0;
}

static bool read_expiry(bytes value, struct payload *out)
{
    u128 number;
    if (!tlv_number(value, 5, &number) || number == 0)
        return false;
    out->expiry_s = (u64)number;
    return true;
}

static bool read_payment_data(bytes value, struct payload *out)
{
    bytes secret = bytes_slice(value, 0, sizeof(out->payment_secret));
    bytes total = bytes_slice(value, secret.size, value.size);
    return read_fixed(secret, &out->payment_secret, sizeof(out->payment_secret)) &&
           tlv_number(total, sizeof(out->total), &out->total);
}

static bool read_sealed(bytes value, struct payload *out)
{
    out->sealed = value;
    return value.size >= AEAD_TAG_SIZE && value.size <= BLINDED_SEALED_LIMIT;
}

static bool read_path_key(bytes value, struct payload *out)
{
    return read_fixed(value, &out->path_key, sizeof(out->path_key));
}

/* The types before it have been read. */
static bool read_total(bytes value, struct payload *out)
{
    return out->sealed.size > 0 && tlv_number(value, sizeof(out->total), &out->total) &&
           out->total != 0;
}

static bool read_next(bytes value, struct payload *out)
{
    return read_fixed(value, &out->next, sizeof(out->next));
}

static bool read_chain_and_asset(bytes value, struct payload *out)
{
    struct reader reader = {.in = value};
    out->chain_id = (u64)wire_take_number(&reader, 8);
    bytes_copy(out->asset.b, wire_take(&reader, sizeof(out->asset)));
    return !reader.failed && reader.in.size == 0 && out->chain_id != 0;
}

static bool read_message(bytes value, struct payload *out)
{
    out->message = value;
    return value.size > 0 && value.size <= PAYLOAD_MESSAGE_LIMIT && tlv_text(value);
}

static bool read_preimage(bytes value, struct payload *out)
{
    return read_fixed(value, &out->preimage, sizeof(out->preimage));
}

static const struct field {
    u64 type;
    bool (*read)(bytes value, struct payload *out);
    bool in[2]; /* which kinds */
} fields[] = {
    {AMOUNT, read_amount, {true, true}},
    {EXPIRY, read_expiry, {true, true}},
    {PAYMENT_DATA, read_payment_data, {[PAYLOAD_FINAL] = true}},
    {SEALED, read_sealed, {true, true}},
    {PATH_KEY, read_path_key, {true, true}},
    {NEXT, read_next, {[PAYLOAD_FORWARD] = true}},
    {TOTAL, read_total, {[PAYLOAD_FINAL] = true}},
    {CHAIN_AND_ASSET, read_chain_and_asset, {[PAYLOAD_FORWARD] = true}},
    {MESSAGE, read_message, {[PAYLOAD_FINAL] = true}},
    {PREIMAGE, read_preimage, {[PAYLOAD_FINAL] = true}},
};

static const struct field *field_of(u64 type, enum payload_kind kind)
{
    for (usize i = 0; i < countof(fields); i++)
        if (fields[i].type == type && fields[i].in[kind])
            return &fields[i];
    return NULL;
}

static enum status read_tlv(const struct tlv *tlv, struct payload *out, struct err *err)
{
    const struct field *field = field_of(tlv->type, out->kind);
    if (field == NULL)
        return tlv_unknown(tlv->type, "an onion's payload", err);
    if (!field->read(tlv->value, out))
        return fail(err, ST_INVALID, "an onion's payload has a malformed TLV of type %lu",
                    tlv->type);
    return ST_OK;
}

static enum status read_tlvs(bytes in, struct payload *out, struct failure *why, struct err *err)
{
    struct tlv_reader tlvs = {.in = in};
    while (tlvs.in.size > 0) {
        struct tlv tlv;
        why->type = 0;
        why->offset = (u16)(in.size - tlvs.in.size);
        TRY(tlv_next(&tlvs, &tlv, "an onion's payload", err));
        why->type = tlv.type;
        TRY(read_tlv(&tlv, out, err));
    }
    return ST_OK;
}

/* The type that is not there and has to be; 0: none is. */
static u64 missing_of(const struct payload *payload)
{
    bool on_path = payload->sealed.size > 0;
    if (on_path && payload->kind == PAYLOAD_FORWARD)
        return 0;
    if (payload->amount == 0)
        return AMOUNT;
    if (payload->expiry_s == 0)
        return EXPIRY;
    if (payload->kind == PAYLOAD_FORWARD)
        return tlv_zero(BYTES_OF(payload->next)) ? NEXT : 0;
    if (on_path)
        return payload->total == 0 ? TOTAL : 0;
    if (hash32_is_zero(payload->payment_secret) && hash32_is_zero(payload->preimage))
        return PAYMENT_DATA;
    return 0;
}

/* The type that a hop must not have, on a blinded path or else; 0: none is there. */
static u64 surplus_of(const struct payload *payload)
{
    if (payload->sealed.size == 0)
        return tlv_zero(BYTES_OF(payload->path_key)) ? 0 : PATH_KEY;
    if (payload->kind == PAYLOAD_FORWARD && payload->amount != 0)
        return AMOUNT;
    if (payload->kind == PAYLOAD_FORWARD && payload->expiry_s != 0)
        return EXPIRY;
    if (!hash32_is_zero(payload->payment_secret))
        return PAYMENT_DATA;
    if (!tlv_zero(BYTES_OF(payload->next)))
        return NEXT;
    if (payload->chain_id != 0)
        return CHAIN_AND_ASSET;
    if (payload->message.size > 0)
        return MESSAGE;
    return hash32_is_zero(payload->preimage) ? 0 : PREIMAGE;
}

enum status payload_decode(enum payload_kind kind, bytes in, struct payload *out,
                           struct failure *why, struct err *err)
{
    memset(out, 0, sizeof(*out));
    out->kind = kind;
    *why = (struct failure){.code = FAILURE_INVALID_ONION_PAYLOAD};
    TRY(read_tlvs(in, out, why, err));
    why->type = missing_of(out);
    why->offset = 0;
    if (why->type != 0)
        return fail(err, ST_INVALID, "an onion's payload has no TLV of type %lu", why->type);
    why->type = surplus_of(out);
    if (why->type != 0)
        return fail(err, ST_INVALID, "an onion's payload has no place for its TLV of type %lu",
                    why->type);
    bool has_total = out->sealed.size > 0 || !hash32_is_zero(out->payment_secret);
    if (out->kind == PAYLOAD_FINAL && has_total && out->total < out->amount) {
        why->type = out->sealed.size > 0 ? TOTAL : PAYMENT_DATA;
        return fail(err, ST_INVALID, "a part of a payment is more than the whole");
    }
    return ST_OK;
}

/* --- Blinded paths. */

enum status payload_follow(struct payload *step, const secret32 *node, const point33 *beside,
                           u128 amount, u64 expiry_s, u8 room[static BLINDED_SEALED_LIMIT],
                           struct instruction *said)
{
    bool is_final = step->kind == PAYLOAD_FINAL, is_first = !tlv_zero(BYTES_OF(step->path_key));
    if (is_first == (beside != NULL)) /* one of the two, and no more */
        return ST_INVALID;
    TRY(instruction_open(node, is_first ? &step->path_key : beside, step->sealed, is_final, room,
                         said, NULL));
    if (said->latest_s == 0 || expiry_s > said->latest_s || amount < said->least)
        return ST_INVALID;
    if (is_final)
        return ST_OK;
    if (!said->has_fee)
        return ST_INVALID;
    step->amount = instruction_onward(said, amount);
    step->expiry_s = expiry_s;
    step->next = said->next;
    return ST_OK;
}

/* --- Writing. */

static void put_payment_data(struct writer *writer, const struct payload *payload)
{
    u8 digits[16];
    bytes total = tlv_truncate(payload->total, digits);
    wire_put_bigsize(writer, PAYMENT_DATA);
    wire_put_bigsize(writer, sizeof(payload->payment_secret) + total.size);
    wire_put(writer, BYTES_OF(payload->payment_secret));
    wire_put(writer, total);
}

static void put_path(struct writer *writer, const struct payload *payload)
{
    tlv_put(writer, SEALED, payload->sealed);
    if (!tlv_zero(BYTES_OF(payload->path_key)))
        tlv_put(writer, PATH_KEY, BYTES_OF(payload->path_key));
    if (payload->kind == PAYLOAD_FINAL)
        tlv_put_number(writer, TOTAL, payload->total);
}

static void put_forward(struct writer *writer, const struct payload *payload)
{
    tlv_put(writer, NEXT, BYTES_OF(payload->next));
    if (payload->chain_id == 0)
        return;
    u8 value[8 + sizeof(address)];
    store_be64(value, payload->chain_id);
    memcpy(value + 8, payload->asset.b, sizeof(address));
    tlv_put(writer, CHAIN_AND_ASSET, BYTES_OF(value));
}

static void put_final(struct writer *writer, const struct payload *payload)
{
    if (!hash32_is_zero(payload->payment_secret))
        put_payment_data(writer, payload);
    if (payload->message.size > 0)
        tlv_put(writer, MESSAGE, payload->message);
    if (!hash32_is_zero(payload->preimage))
        tlv_put(writer, PREIMAGE, BYTES_OF(payload->preimage));
}

usize payload_encode(const struct payload *payload, u8 out[static PAYLOAD_LIMIT])
{
    struct writer writer = {.out = out, .limit = PAYLOAD_LIMIT};
    bool on_path = payload->sealed.size > 0;
    if (!on_path || payload->kind == PAYLOAD_FINAL) {
        tlv_put_number(&writer, AMOUNT, payload->amount);
        tlv_put_number(&writer, EXPIRY, payload->expiry_s);
    }
    if (on_path)
        put_path(&writer, payload);
    else if (payload->kind == PAYLOAD_FORWARD)
        put_forward(&writer, payload);
    else
        put_final(&writer, payload);
    return writer.size;
}
