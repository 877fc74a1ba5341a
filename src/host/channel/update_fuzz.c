/* An item that is read is written as it came. */
#include "channel/update.h"

#include "harness/fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    bytes in = {data, size};
    struct item item, again;
    while (in.size != 0) {
        bytes from = in;
        u8 out[ITEM_LIMIT];
        if (item_read(&in, &item) != ST_OK) {
            assert(in.data == from.data && in.size == from.size);
            return 0;
        }
        bytes written = {out, item_write(&item, out)};
        assert(bytes_equal(written, bytes_slice(from, 0, from.size - in.size)));
        assert(item_read(&written, &again) == ST_OK && written.size == 0);
        assert(again.kind == item.kind && again.slot == item.slot);
    }
    return 0;
}
