/* An accepted message is written as it came, but for TLVs that nobody knows, which are left out,
 * and is then read as itself; so is a request for an invoice, whose signature is judged, and an
 * error can be shown. The first byte chooses. */
#include "channel/invoice_request.h"
#include "channel/onion_message.h"

#include "harness/fuzz.h"

static void try_message(bool is_final, bytes in)
{
    struct onion_message message, again;
    u8 out[ONION_MESSAGE_LIMIT], twice[ONION_MESSAGE_LIMIT];
    if (onion_message_decode(is_final, in, &message, NULL) != ST_OK)
        return;
    bytes written = {out, onion_message_encode(is_final, &message, out)};
    assert(written.size < in.size || bytes_equal(written, in));
    assert(onion_message_decode(is_final, written, &again, NULL) == ST_OK);
    assert(bytes_equal(written, (bytes){twice, onion_message_encode(is_final, &again, twice)}));
}

/* The input, then signed by a key of ours, so that it need not guess that. */
static void try_request(bytes in)
{
    struct invoice_request request, again;
    u8 out[INVOICE_REQUEST_LIMIT];
    secret32 payer = {{[31] = 5}};
    if (invoice_request_decode(in, &request, NULL) == ST_OK) {
        usize size = invoice_request_encode(&request, out);
        assert(size < in.size || bytes_equal((bytes){out, size}, in));
    }
    memset(&request, 0, sizeof(request));
    request.offer.kind = OFFER;
    request.offer.chain_id = 1;
    memset(&request.metadata, 1, sizeof(request.metadata));
    memset(&request.offer.node, 1, sizeof(request.offer.node));
    fuzz_fill(&in, &request.amount, sizeof(request.amount));
    fuzz_fill(&in, &request.offer.amount, sizeof(request.offer.amount));
    request.offer.description = bytes_slice(in, 0, INVOICE_DESCRIPTION_LIMIT);
    assert(invoice_request_sign(&request, &payer) == ST_OK);
    bytes written = {out, invoice_request_encode(&request, out)};
    assert(invoice_request_decode(written, &again, NULL) == ST_OK);
    assert(hash32_equal(again.id, request.id) && again.amount == request.amount);
    assert(again.offer.amount == request.offer.amount &&
           bytes_equal(again.offer.description, request.offer.description));
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    bytes sentence;
    if (size == 0)
        return 0;
    bytes in = {data + 1, size - 1};
    if (data[0] % 4 < 2)
        try_message(data[0] % 4 == 1, in);
    else if (data[0] % 4 == 2)
        try_request(in);
    else if (invoice_error_decode(in, &sentence))
        assert(tlv_text(sentence) && sentence.size <= INVOICE_ERROR_LIMIT);
    return 0;
}
