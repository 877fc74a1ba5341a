/* Whatever is accepted is written again as it came, and its signature can be judged. The input is
 * what the text stands for, so that it need not guess a checksum; the first byte chooses the kind.
 */
#include "channel/bech32.h"
#include "channel/invoice.h"

#include "harness/fuzz.h"

static void try_answer(bytes in, struct arena *arena)
{
    struct invoice answer;
    if (invoice_read(ANSWER, in, &answer, NULL) != ST_OK)
        return;
    assert(bytes_equal(invoice_write(&answer, arena), in));
    (void)!invoice_check(&answer, answer.chain_id, answer.adjudicator, 0, NULL);
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    static u8 read[INVOICE_ARENA], written[INVOICE_ARENA]; /* no more than it is said to take */
    struct arena arena = fuzz_arena(), to_read = arena_over(read, sizeof(read)),
                 to_write = arena_over(written, sizeof(written));
    struct invoice invoice;
    if (size == 0)
        return 0;
    if (data[0] == 'A') {
        try_answer((bytes){data + 1, size - 1}, &arena);
        return 0;
    }
    bytes groups = bech32_groups((bytes){data + 1, size - 1}, &arena);
    bytes prefix = data[0] & 1 ? BYTES_LIT("lnvo") : BYTES_LIT("lnv");
    bytes text = bech32_encode(prefix, groups, &arena);
    if (invoice_decode(text, &invoice, &to_read, NULL) != ST_OK)
        return 0;
    assert(bytes_equal(invoice_encode(&invoice, &to_write), text));
    (void)!invoice_check(&invoice, invoice.chain_id, invoice.adjudicator, 0, NULL);
    return 0;
}
