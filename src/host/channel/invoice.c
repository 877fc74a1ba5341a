#include "channel/invoice.h"

#include "base/bug.h"
#include "channel/bech32.h"
#include "channel/route.h"
#include "crypto/keccak.h"

enum {
    VERSION = 1,
    SIGNATURE = sizeof(signature64),
    HINT_SIZE = 33 + 32 + 16 + 4,
};

static const struct {
    const char *name; /* begins a sentence */
    const char *prefix, *domain;
} kinds[] = {
    [INVOICE] = {"the invoice", "lnv", "\x19varve invoice:\n"},
    [OFFER] = {"the offer", "lnvo", "\x19varve offer:\n"},
    [ANSWER] = {"the offer's invoice", NULL, "\x19varve answer:\n"},
};

static bytes text_of(const char *text)
{
    return (bytes){(const u8 *)text, strlen(text)};
}

/* --- The fields. */

enum form { NUMBER, FIXED, BYTES, HINTS, PATHS, WAYS };
enum presence { NEVER, MAY, NEEDED };

#define PART(name) offsetof(struct invoice, name), sizeof(((struct invoice *)0)->name)

static const struct field {
    u64 type;
    const char *name;
    enum form form;
    usize offset, size; /* in struct invoice */
    enum presence presence[INVOICE_KINDS];
    bool returns; /* requests bring it back */
} fields[] = {
    {2, "chain id", NUMBER, PART(chain_id), {NEEDED, NEEDED, NEEDED}, true},
    {4, "adjudicator", FIXED, PART(adjudicator), {NEEDED, NEEDED, NEEDED}, true},
    {6, "asset", FIXED, PART(asset), {MAY, MAY, MAY}, true},
    {8, "amount", NUMBER, PART(amount), {MAY, MAY, NEEDED}, true},
    {10, "payment hash", FIXED, PART(payment_hash), {NEEDED, NEVER, NEEDED}, false},
    {12, "payment secret", FIXED, PART(payment_secret), {NEEDED, NEVER, NEVER}, false},
    {14, "node key", FIXED, PART(node), {NEEDED, NEEDED, NEEDED}, true},
    {15, "description", BYTES, PART(description), {MAY, MAY, NEVER}, true},
    {16, "creation time", NUMBER, PART(created_s), {NEEDED, NEVER, NEEDED}, false},
    {18, "expiry", NUMBER, PART(expiry_s), {NEEDED, MAY, NEEDED}, true},
    {19, "list of addresses", BYTES, PART(addresses), {MAY, MAY, NEVER}, false},
    {20, "list of paths", PATHS, PART(paths), {NEVER, MAY, NEVER}, false},
    {21, "list of hints", HINTS, PART(hints), {MAY, MAY, NEVER}, false},
    {22, "way to pay", WAYS, PART(ways), {NEVER, NEVER, NEEDED}, false},
    {24, "request", FIXED, PART(request), {NEVER, NEVER, NEEDED}, false},
    {26, "metadata", FIXED, PART(metadata), {NEVER, MAY, NEVER}, true},
};

static const struct field *field_of(u64 type)
{
    for (usize i = 0; i < countof(fields); i++)
        if (fields[i].type == type)
            return &fields[i];
    return NULL;
}

static bool is_there(const struct invoice *invoice, const struct field *field)
{
    const u8 *at = (const u8 *)invoice + field->offset;
    switch (field->form) {
    case NUMBER:
    case FIXED:
        return !tlv_zero((bytes){at, field->size});
    case BYTES:
        return ((const bytes *)at)->size > 0;
    case HINTS:
        return invoice->hints.count > 0;
    case PATHS:
        return invoice->paths.count > 0;
    case WAYS:
        return invoice->ways.count > 0;
    }
    bug("unknown form");
}

/* --- Judgement of values, the same for what is made and what is read. */

static enum status check_fields(const struct invoice *invoice, struct err *err)
{
    const char *name = kinds[invoice->kind].name;
    for (usize i = 0; i < countof(fields); i++) {
        enum presence presence = fields[i].presence[invoice->kind];
        bool there = is_there(invoice, &fields[i]);
        if (presence == NEEDED && !there)
            return fail(err, ST_INVALID, "%s has no %s", name, fields[i].name);
        if (presence == NEVER && there)
            return fail(err, ST_INVALID, "%s has a %s", name, fields[i].name);
    }
    if (invoice->description.size > INVOICE_DESCRIPTION_LIMIT || !tlv_text(invoice->description))
        return fail(err, ST_INVALID, "%s describes itself in more than %d bytes or not in text",
                    name, INVOICE_DESCRIPTION_LIMIT);
    if (!node_addresses_check(invoice->addresses))
        return fail(err, ST_INVALID, "%s has malformed addresses", name);
    for (usize i = 0; i < invoice->hints.count; i++)
        if (invoice->hints.at[i].fee_ppm > BLINDED_PPM_LIMIT)
            return fail(err, ST_INVALID, "%s hints at a fee of %u millionths", name,
                        invoice->hints.at[i].fee_ppm);
    for (usize i = 0; i < invoice->ways.count; i++) {
        const struct invoice_way *way = &invoice->ways.at[i];
        if (way->price.fee_ppm > BLINDED_PPM_LIMIT || way->price.base_fee >= ROUTE_AMOUNT_LIMIT)
            return fail(err, ST_INVALID,
                        "%s asks for a fee of %u millionths, or more than there is", name,
                        way->price.fee_ppm);
        if (way->most == 0 || way->most < way->least)
            return fail(err, ST_INVALID, "%s has a way to pay for no amount", name);
    }
    if (invoice->kind != OFFER && invoice->expiry_s < invoice->created_s)
        return fail(err, ST_INVALID, "%s expires before it was made", name);
    return ST_OK;
}

/* --- Writing. */

static void put_hints(struct writer *out, u64 type, const struct invoice_hints *hints)
{
    wire_put_bigsize(out, type);
    wire_put_bigsize(out, hints->count * HINT_SIZE);
    for (usize i = 0; i < hints->count; i++) {
        const struct invoice_hint *hint = &hints->at[i];
        wire_put(out, BYTES_OF(hint->node));
        wire_put(out, BYTES_OF(hint->channel));
        wire_put_number(out, hint->base_fee, 16);
        wire_put_number(out, hint->fee_ppm, 4);
    }
}

static void put_paths(struct writer *out, u64 type, const struct invoice_paths *paths)
{
    u8 room[INVOICE_LIMIT];
    struct writer value = {.out = room, .limit = sizeof(room)};
    for (usize i = 0; i < paths->count; i++)
        blinded_route_write(&value, &paths->at[i]);
    tlv_put(out, type, (bytes){room, value.size});
}

static void put_ways(struct writer *out, u64 type, const struct invoice_ways *ways)
{
    u8 room[INVOICE_LIMIT];
    struct writer value = {.out = room, .limit = sizeof(room)};
    for (usize i = 0; i < ways->count; i++) {
        const struct invoice_way *way = &ways->at[i];
        wire_put_number(&value, way->price.base_fee, 16);
        wire_put_number(&value, way->price.fee_ppm, 4);
        wire_put_number(&value, way->least, 16);
        wire_put_number(&value, way->most, 16);
        blinded_route_write(&value, &way->path);
    }
    tlv_put(out, type, (bytes){room, value.size});
}

static void put_field(struct writer *out, const struct invoice *invoice, const struct field *field)
{
    const u8 *at = (const u8 *)invoice + field->offset;
    u128 number = 0;
    switch (field->form) {
    case NUMBER:
        memcpy(&number, at, field->size); /* the low bytes come first */
        tlv_put_number(out, field->type, number);
        return;
    case FIXED:
        tlv_put(out, field->type, (bytes){at, field->size});
        return;
    case BYTES:
        tlv_put(out, field->type, *(const bytes *)at);
        return;
    case HINTS:
        put_hints(out, field->type, &invoice->hints);
        return;
    case PATHS:
        put_paths(out, field->type, &invoice->paths);
        return;
    case WAYS:
        put_ways(out, field->type, &invoice->ways);
        return;
    }
    bug("unknown form");
}

/* All before the signature. */
static void put_content(struct writer *out, const struct invoice *invoice)
{
    const struct tlv *extra = invoice->extras, *end = extra + invoice->extra_count;
    wire_put_number(out, VERSION, 1);
    for (usize i = 0; i < countof(fields); i++) {
        for (; extra < end && extra->type < fields[i].type; extra++)
            tlv_put(out, extra->type, extra->value);
        if (is_there(invoice, &fields[i]))
            put_field(out, invoice, &fields[i]);
    }
    for (; extra < end; extra++)
        tlv_put(out, extra->type, extra->value);
}

void invoice_put_terms(struct writer *out, const struct invoice *offer)
{
    for (usize i = 0; i < countof(fields); i++)
        if (fields[i].returns && is_there(offer, &fields[i]))
            put_field(out, offer, &fields[i]);
}

hash32 invoice_digest(const struct invoice *invoice)
{
    u8 room[INVOICE_LIMIT];
    struct writer content = {.out = room, .limit = sizeof(room)};
    struct keccak keccak;
    put_content(&content, invoice);
    keccak_init(&keccak);
    keccak_update(&keccak, text_of(kinds[invoice->kind].domain));
    keccak_update(&keccak, (bytes){room, content.size});
    return keccak_final(&keccak);
}

enum status invoice_sign(struct invoice *invoice, const secret32 *node, struct err *err)
{
    if (point_of_secret(node, &invoice->node) != ST_OK)
        return fail(err, ST_INVALID, "the node's key is none");
    TRY(check_fields(invoice, err));
    return secret_sign(node, invoice_digest(invoice), &invoice->signature);
}

static bytes write_to(const struct invoice *invoice, u8 room[static INVOICE_LIMIT])
{
    struct writer content = {.out = room, .limit = INVOICE_LIMIT};
    put_content(&content, invoice);
    wire_put(&content, BYTES_OF(invoice->signature));
    return (bytes){room, content.size};
}

bytes invoice_write(const struct invoice *invoice, struct arena *arena)
{
    return write_to(invoice, ARENA_TAKE(arena, u8, INVOICE_LIMIT));
}

bytes invoice_encode(const struct invoice *invoice, struct arena *arena)
{
    u8 room[INVOICE_LIMIT];
    bytes groups = bech32_groups(write_to(invoice, room), arena);
    return bech32_encode(text_of(kinds[invoice->kind].prefix), groups, arena);
}

/* --- Reading. */

static bool read_hints(bytes value, struct invoice_hints *out)
{
    struct reader reader = {.in = value};
    out->count = value.size / HINT_SIZE;
    if (value.size % HINT_SIZE != 0 || out->count > INVOICE_HINTS_LIMIT)
        return false;
    for (usize i = 0; i < out->count; i++) {
        struct invoice_hint *hint = &out->at[i];
        bytes_copy(hint->node.b, wire_take(&reader, sizeof(hint->node)));
        bytes_copy(hint->channel.b, wire_take(&reader, sizeof(hint->channel)));
        hint->base_fee = wire_take_number(&reader, 16);
        hint->fee_ppm = (u32)wire_take_number(&reader, 4);
    }
    return true;
}

static bool read_paths(bytes value, struct invoice_paths *out)
{
    struct reader reader = {.in = value};
    for (out->count = 0; reader.in.size > 0; out->count++)
        if (out->count == INVOICE_PATHS_LIMIT || !blinded_route_read(&reader, &out->at[out->count]))
            return false;
    return !reader.failed;
}

static bool read_ways(bytes value, struct invoice_ways *out)
{
    struct reader reader = {.in = value};
    for (out->count = 0; reader.in.size > 0; out->count++) {
        if (out->count == INVOICE_WAYS_LIMIT)
            return false;
        struct invoice_way *way = &out->at[out->count];
        way->price.base_fee = wire_take_number(&reader, 16);
        way->price.fee_ppm = (u32)wire_take_number(&reader, 4);
        way->least = wire_take_number(&reader, 16);
        way->most = wire_take_number(&reader, 16);
        if (!blinded_route_read(&reader, &way->path))
            return false;
    }
    return !reader.failed;
}

static bool read_field(bytes value, const struct field *field, struct invoice *out)
{
    u8 *at = (u8 *)out + field->offset;
    u128 number;
    switch (field->form) {
    case NUMBER:
        if (!tlv_number(value, field->size, &number))
            return false;
        memcpy(at, &number, field->size);
        break;
    case FIXED:
        if (value.size != field->size)
            return false;
        memcpy(at, value.data, value.size);
        break;
    case BYTES:
        *(bytes *)at = value;
        break;
    case HINTS:
        if (!read_hints(value, &out->hints))
            return false;
        break;
    case PATHS:
        if (!read_paths(value, &out->paths))
            return false;
        break;
    case WAYS:
        if (!read_ways(value, &out->ways))
            return false;
        break;
    }
    return is_there(out, field); /* zero is said by leaving it out */
}

static enum status read_tlv(const struct tlv *tlv, struct invoice *out, struct err *err)
{
    const char *name = kinds[out->kind].name;
    const struct field *field = field_of(tlv->type);
    if (field != NULL) {
        if (!read_field(tlv->value, field, out))
            return fail(err, ST_INVALID, "%s has a malformed %s", name, field->name);
        return ST_OK;
    }
    TRY(tlv_unknown(tlv->type, name, err));
    if (out->extra_count == INVOICE_EXTRAS_LIMIT)
        return fail(err, ST_INVALID, "%s has too many unknown TLVs", name);
    out->extras[out->extra_count++] = *tlv;
    return ST_OK;
}

enum status invoice_take_term(const struct tlv *tlv, struct invoice *offer)
{
    const struct field *field = field_of(tlv->type);
    if (field == NULL || !field->returns)
        return ST_MISSING;
    if (!read_field(tlv->value, field, offer) ||
        offer->description.size > INVOICE_DESCRIPTION_LIMIT)
        return ST_INVALID;
    return ST_OK;
}

enum status invoice_read(enum invoice_kind kind, bytes content, struct invoice *out,
                         struct err *err)
{
    const char *name = kinds[kind].name;
    memset(out, 0, sizeof(*out));
    out->kind = kind;
    if (content.size > INVOICE_LIMIT)
        return fail(err, ST_INVALID, "%s is longer than %d bytes", name, INVOICE_LIMIT);
    if (content.size < 1 + SIGNATURE)
        return fail(err, ST_INVALID, "%s is cut short", name);
    if (content.data[0] != VERSION)
        return fail(err, ST_INVALID, "%s is of version %u; this program knows version %d", name,
                    (unsigned)content.data[0], VERSION);
    usize end = content.size - SIGNATURE;
    memcpy(out->signature.b, content.data + end, SIGNATURE);
    struct tlv_reader tlvs = {.in = bytes_slice(content, 1, end - 1)};
    struct tlv tlv;
    while (tlvs.in.size > 0) {
        TRY(tlv_next(&tlvs, &tlv, name, err));
        TRY(read_tlv(&tlv, out, err));
    }
    return check_fields(out, err);
}

bool invoice_is_offer(bytes text)
{
    static const char prefix[] = "lnvo1";
    usize i = 0;
    while (i < text.size && prefix[i] != 0 &&
           (text.data[i] == prefix[i] || text.data[i] + 'a' - 'A' == prefix[i]))
        i++;
    return prefix[i] == 0;
}

enum status invoice_decode(bytes text, struct invoice *out, struct arena *arena, struct err *err)
{
    bytes prefix, groups, content;
    if (text.size > INVOICE_TEXT_LIMIT)
        return fail(err, ST_INVALID, "an invoice has at most %d characters", INVOICE_TEXT_LIMIT);
    TRY(bech32_decode(text, &prefix, &groups, arena, err));
    enum invoice_kind kind = INVOICE;
    if (bytes_equal(prefix, text_of(kinds[OFFER].prefix)))
        kind = OFFER;
    else if (!bytes_equal(prefix, text_of(kinds[INVOICE].prefix)))
        return fail(err, ST_INVALID, "an invoice begins with \"lnv1\", an offer with \"lnvo1\"");
    if (bech32_bytes(groups, &content, arena) != ST_OK)
        return fail(err, ST_INVALID, "%s has bits too many", kinds[kind].name);
    return invoice_read(kind, content, out, err);
}

/* --- For the payer. */

enum status invoice_check(const struct invoice *invoice, u64 chain_id, address adjudicator,
                          u64 now_s, struct err *err)
{
    const char *name = kinds[invoice->kind].name;
    address who;
    if (point_address(&invoice->node, &who) != ST_OK ||
        !signature_is_of(&invoice->signature, invoice_digest(invoice), who))
        return fail(err, ST_INVALID, "%s is not signed by the node that it names", name);
    if (invoice->chain_id != chain_id)
        return fail(err, ST_INVALID, "%s is for chain %lu, not for chain %lu", name,
                    invoice->chain_id, chain_id);
    if (!address_equal(invoice->adjudicator, adjudicator))
        return fail(err, ST_INVALID, "%s is for another adjudicator of chain %lu", name, chain_id);
    if (invoice->expiry_s != 0 && now_s > invoice->expiry_s)
        return fail(err, ST_INVALID, "%s expired %lu s ago", name, now_s - invoice->expiry_s);
    return ST_OK;
}
