/* What is accepted is written again as it came, but for TLVs that nobody knows, which are left out
 * at the end; and what was written is accepted and written as itself. */
#include "channel/wire.h"

#include "harness/fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    bytes in = {data, size};
    struct wire_message message, again;
    static u8 out[WIRE_LIMIT], twice[WIRE_LIMIT];
    struct err err;
    if (size > WIRE_LIMIT || wire_decode(in, &message, &err) != ST_OK)
        return 0;
    bytes written = {out, wire_encode(&message, out)};
    assert(bytes_equal(written, bytes_slice(in, 0, written.size)));
    if (message.type == WIRE_UPDATE)
        assert(written.size == size);
    assert(wire_decode(written, &again, NULL) == ST_OK && again.type == message.type);
    assert(bytes_equal(written, (bytes){twice, wire_encode(&again, twice)}));
    return 0;
}
