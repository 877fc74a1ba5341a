#include "channel/invoice_request.h"

#include "crypto/keccak.h"

enum { METADATA = 0, AMOUNT = 82, PAYER = 88, SIGNATURE = 240, SENTENCE = 5 };

static void put_content(struct writer *writer, const struct invoice_request *request)
{
    tlv_put(writer, METADATA, BYTES_OF(request->metadata));
    invoice_put_terms(writer, &request->offer);
    if (request->amount != 0)
        tlv_put_number(writer, AMOUNT, request->amount);
    tlv_put(writer, PAYER, BYTES_OF(request->payer));
}

static hash32 digest_of(bytes content)
{
    struct keccak keccak;
    keccak_init(&keccak);
    keccak_update(&keccak, BYTES_LIT("\x19"
                                     "varve invoice request:\n"));
    keccak_update(&keccak, content);
    return keccak_final(&keccak);
}

enum status invoice_request_sign(struct invoice_request *request, const secret32 *payer)
{
    u8 room[INVOICE_REQUEST_LIMIT];
    struct writer writer = {.out = room, .limit = sizeof(room)};
    TRY(point_of_secret(payer, &request->payer));
    put_content(&writer, request);
    request->id = digest_of((bytes){room, writer.size});
    return secret_sign(payer, request->id, &request->signature);
}

usize invoice_request_encode(const struct invoice_request *request,
                             u8 out[static INVOICE_REQUEST_LIMIT])
{
    struct writer writer = {.out = out, .limit = INVOICE_REQUEST_LIMIT};
    put_content(&writer, request);
    tlv_put(&writer, SIGNATURE, BYTES_OF(request->signature));
    return writer.size;
}

static bool read_fixed(bytes value, void *to, usize size)
{
    if (value.size != size || tlv_zero(value))
        return false;
    memcpy(to, value.data, size);
    return true;
}

/* False: the type's value is none. */
static bool read_known(const struct tlv *tlv, struct invoice_request *out)
{
    switch (tlv->type) {
    case METADATA:
        return read_fixed(tlv->value, &out->metadata, sizeof(out->metadata));
    case AMOUNT:
        return tlv_number(tlv->value, sizeof(out->amount), &out->amount) && out->amount != 0;
    case PAYER:
        return read_fixed(tlv->value, &out->payer, sizeof(out->payer));
    case SIGNATURE:
        return read_fixed(tlv->value, &out->signature, sizeof(out->signature));
    default:
        break;
    }
    enum status st = tlv->type < AMOUNT ? invoice_take_term(tlv, &out->offer) : ST_MISSING;
    if (st == ST_MISSING)
        st = tlv_unknown(tlv->type, "an invoice request", NULL);
    return st == ST_OK;
}

enum status invoice_request_decode(bytes in, struct invoice_request *out, struct err *err)
{
    static const char name[] = "an invoice request";
    struct tlv_reader tlvs = {.in = in};
    struct tlv tlv = {.type = 0};
    address payer;
    usize signed_size = 0;
    memset(out, 0, sizeof(*out));
    out->offer.kind = OFFER;
    if (in.size > INVOICE_REQUEST_LIMIT)
        return fail(err, ST_INVALID, "%s is too long", name);
    while (tlvs.in.size > 0) {
        signed_size = in.size - tlvs.in.size;
        TRY(tlv_next(&tlvs, &tlv, name, err));
        if (!read_known(&tlv, out))
            return fail(err, ST_INVALID, "%s has a TLV of type %lu that does not read", name,
                        tlv.type);
    }
    if (hash32_is_zero(out->metadata) || tlv_zero(BYTES_OF(out->offer.node)) ||
        tlv.type != SIGNATURE)
        return fail(err, ST_INVALID, "%s is not whole", name);
    out->id = digest_of(bytes_slice(in, 0, signed_size));
    if (point_address(&out->payer, &payer) != ST_OK ||
        !signature_is_of(&out->signature, out->id, payer))
        return fail(err, ST_INVALID, "%s is not signed by its payer", name);
    return ST_OK;
}

usize invoice_error_encode(const char *sentence, u8 out[static INVOICE_ERROR_LIMIT])
{
    enum { HEAD = 2 };
    struct writer writer = {.out = out, .limit = INVOICE_ERROR_LIMIT};
    bytes text = {(const u8 *)sentence, strlen(sentence)};
    tlv_put(&writer, SENTENCE, bytes_slice(text, 0, INVOICE_ERROR_LIMIT - HEAD));
    return writer.size;
}

bool invoice_error_decode(bytes in, bytes *sentence)
{
    struct tlv_reader tlvs = {.in = in};
    struct tlv tlv;
    *sentence = BYTES_EMPTY;
    while (tlvs.in.size > 0) {
        if (tlv_next(&tlvs, &tlv, "an invoice error", NULL) != ST_OK)
            return false;
        if (tlv.type == SENTENCE)
            *sentence = tlv.value;
        else if (tlv_unknown(tlv.type, "an invoice error", NULL) != ST_OK)
            return false;
    }
    return sentence->size > 0 && sentence->size <= INVOICE_ERROR_LIMIT && tlv_text(*sentence);
}
