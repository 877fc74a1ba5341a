/* Any returned packet, from a stranger or under the HMAC of a hop, is read within its bounds, and
 * the hop that made it is the one named. */
#include "channel/onion_error.h"

#include "harness/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    static const secret32 shared[3] = {{{1}}, {{2}}, {{3}}};
    static u8 packet[4096];
    bytes message;
    usize hop;
    if (size > sizeof(packet))
        return 0;
    /* No more memory than reading may take, so that a step beyond is seen. */
    u8 *memory = malloc(2 * size);
    struct arena arena = arena_over(memory, 2 * size);
    assert(onion_error_read(shared, 3, (bytes){data, size}, &hop, &message, &arena) == ST_INVALID);
    assert(hop == 3);
    if (size < ONION_ERROR_OVERHEAD) {
        free(memory);
        return 0;
    }
    secret32 um;
    usize from = data[0] % 3; /* where the HMAC will be */
    memcpy(packet, data, size);
    hmac_sha256(BYTES_LIT("um"), BYTES_OF(shared[from]), BYTES_EMPTY, um.b);
    hmac_sha256(BYTES_OF(um), (bytes){packet + ONION_HMAC_SIZE, size - ONION_HMAC_SIZE},
                BYTES_EMPTY, packet);
    for (usize i = from + 1; i-- > 0;)
        onion_error_wrap(&shared[i], packet, size);
    enum status st = onion_error_read(shared, 3, (bytes){packet, size}, &hop, &message, &arena);
    assert(hop == from);
    if (st == ST_OK) {
        assert(message.size > 0 && message.size <= size - ONION_ERROR_OVERHEAD);
        assert(memcmp(message.data, data + ONION_HMAC_SIZE + 2, message.size) == 0);
    }
    free(memory);
    return 0;
}
