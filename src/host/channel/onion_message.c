#include "channel/onion_message.h"

enum { REPLY = 2, SEALED = 4 };

static bool read_reply(bytes value, struct onion_message *out)
{
    struct reader reader = {.in = value};
    return blinded_route_read(&reader, &out->reply) && reader.in.size == 0;
}

static bool read_sealed(bytes value, struct onion_message *out)
{
    out->sealed = value;
    return value.size >= AEAD_TAG_SIZE && value.size <= BLINDED_SEALED_LIMIT;
}

static bool read_content(const struct tlv *tlv, struct onion_message *out)
{
    bool is_first = out->content.size == 0;
    out->type = (enum message_content)tlv->type;
    out->content = tlv->value;
    return is_first && tlv->value.size > 0 && tlv->value.size <= ONION_MESSAGE_CONTENT_LIMIT;
}

static enum status read_tlv(bool is_final, const struct tlv *tlv, struct onion_message *out,
                            struct err *err)
{
    bool is_right;
    if (tlv->type == SEALED)
        is_right = read_sealed(tlv->value, out);
    else if (is_final && tlv->type == REPLY)
        is_right = read_reply(tlv->value, out);
    else if (is_final && (tlv->type == MESSAGE_REQUEST || tlv->type == MESSAGE_INVOICE ||
                          tlv->type == MESSAGE_ERROR))
        is_right = read_content(tlv, out);
    else
        return tlv_unknown(tlv->type, "an onion message", err);
    return is_right ? ST_OK
                    : fail(err, ST_INVALID, "an onion message has a TLV of type %lu that is wrong",
                           tlv->type);
}

enum status onion_message_decode(bool is_final, bytes in, struct onion_message *out,
                                 struct err *err)
{
    struct tlv_reader tlvs = {.in = in};
    struct tlv tlv;
    memset(out, 0, sizeof(*out));
    while (tlvs.in.size > 0) {
        TRY(tlv_next(&tlvs, &tlv, "an onion message", err));
        TRY(read_tlv(is_final, &tlv, out, err));
    }
    if (out->sealed.size == 0 || (is_final && out->content.size == 0))
        return fail(err, ST_INVALID, "an onion message says nothing");
    return ST_OK;
}

usize onion_message_encode(bool is_final, const struct onion_message *message,
                           u8 out[static ONION_MESSAGE_LIMIT])
{
    u8 reply[BLINDED_ROUTE_LIMIT];
    struct writer route = {.out = reply, .limit = sizeof(reply)};
    struct writer writer = {.out = out, .limit = ONION_MESSAGE_LIMIT};
    assert(message->sealed.size <= BLINDED_SEALED_LIMIT);
    if (is_final && message->reply.count > 0) {
        blinded_route_write(&route, &message->reply);
        tlv_put(&writer, REPLY, (bytes){reply, route.size});
    }
    tlv_put(&writer, SEALED, message->sealed);
    if (is_final) {
        assert(message->content.size <= ONION_MESSAGE_CONTENT_LIMIT);
        tlv_put(&writer, message->type, message->content);
    }
    return writer.size;
}
