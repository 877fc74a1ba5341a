/* Rows of the history: what is read is written as it was. */
#include "channel/history.h"

#include "harness/fuzz.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct history_row row;
    u8 out[HISTORY_ROW_LIMIT];
    bytes in = {data, size};
    if (history_row_read(in, &row) == ST_OK)
        assert(bytes_equal(in, (bytes){out, history_row_write(&row, out)}));
    return 0;
}
