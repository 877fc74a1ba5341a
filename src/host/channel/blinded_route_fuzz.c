/* An accepted instruction is written again and read as itself; so is a path, byte for byte. The
 * first byte chooses. */
#include "channel/blinded_route.h"

#include "harness/fuzz.h"

static void try_instruction(bool is_final, bytes in)
{
    struct instruction said, again;
    u8 out[BLINDED_INSTRUCTION_LIMIT], twice[BLINDED_INSTRUCTION_LIMIT];
    if (in.size > sizeof(out) || instruction_decode(is_final, in, &said, NULL) != ST_OK)
        return;
    bytes written = {out, instruction_encode(&said, 0, out)};
    assert(written.size < in.size || bytes_equal(written, in));
    assert(instruction_decode(is_final, written, &again, NULL) == ST_OK);
    assert(bytes_equal(written, (bytes){twice, instruction_encode(&again, 0, twice)}));
    u128 amount = said.least, onward = instruction_onward(&said, amount);
    assert(onward <= amount);
}

static void try_route(bytes in)
{
    static u8 out[BLINDED_ROUTE_LIMIT];
    struct reader reader = {.in = in};
    struct writer writer = {.out = out, .limit = sizeof(out)};
    struct blinded_route route;
    if (!blinded_route_read(&reader, &route))
        return;
    blinded_route_write(&writer, &route);
    assert(bytes_equal((bytes){out, writer.size}, bytes_slice(in, 0, in.size - reader.in.size)));
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    if (size == 0)
        return 0;
    bytes in = {data + 1, size - 1};
    if (data[0] % 3 == 2)
        try_route(in);
    else
        try_instruction(data[0] % 3 == 1, in);
    return 0;
}
