/* An accepted payload is written as it came, but for TLVs that nobody knows, which are left out,
 * and is then read as itself; one that is refused has a failure that can be sent. An accepted
 * failure message is written again as it came, as far as its fields go. The first byte chooses. */
#include "channel/payload.h"

#include "harness/fuzz.h"

static void try_payload(enum payload_kind kind, bytes in)
{
    struct payload payload, again;
    struct failure why;
    u8 out[PAYLOAD_LIMIT], twice[PAYLOAD_LIMIT], message[FAILURE_LIMIT];
    if (payload_decode(kind, in, &payload, &why, NULL) != ST_OK) {
        assert(why.offset <= in.size && failure_encode(&why, message) > 2);
        return;
    }
    bytes written = {out, payload_encode(&payload, out)};
    assert(written.size < in.size || bytes_equal(written, in));
    assert(payload_decode(kind, written, &again, &why, NULL) == ST_OK);
    assert(bytes_equal(written, (bytes){twice, payload_encode(&again, twice)}));
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct failure failure;
    u8 out[FAILURE_LIMIT];
    if (size == 0)
        return 0;
    bytes in = {data + 1, size - 1};
    if (data[0] % 3 < 2)
        try_payload(data[0] % 3 == 0 ? PAYLOAD_FORWARD : PAYLOAD_FINAL, in);
    else if (failure_decode(in, &failure) == ST_OK)
        assert(bytes_equal((bytes){out, failure_encode(&failure, out)},
                           bytes_slice(in, 0, failure_encode(&failure, out))));
    return 0;
}
