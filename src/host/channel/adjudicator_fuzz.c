/* Any bytes as an event of the two contracts, and as a transaction that revealed a batch: what is
 * read of a state, of pots or of a note hashes as the words in the event do, and a batch is of its
 * root. */
#include "channel/adjudicator.h"

#include "client/abi.h"
#include "crypto/keccak.h"
#include "harness/fuzz.h"

enum { STATE_SIZE = 7 * ABI_WORD, POTS_SIZE = 6 * ABI_WORD, NOTED_SIZE = 3 * ABI_WORD };

static void check_event(const struct log *log)
{
    struct adjudicator_event event;
    if (adjudicator_read_event(log, &event, NULL) != ST_OK)
        return;
    if (event.kind == ADJUDICATOR_STATE_CHANGED)
        assert(hash32_equal(adjudicator_state_hash(&event.state),
                            keccak256(bytes_slice(log->data, ABI_WORD, STATE_SIZE))));
    if (event.kind == ADJUDICATOR_POTS_CHANGED)
        assert(hash32_equal(adjudicator_pots_hash(&event.pots),
                            keccak256(bytes_slice(log->data, 0, POTS_SIZE))));
    if (event.kind == ADJUDICATOR_NOTED) {
        assert(event.noted.side < 2);
        assert(hash32_equal(adjudicator_note_hash(&event.noted.note),
                            keccak256(bytes_slice(log->data, NOTED_SIZE, NOTED_SIZE))));
    }
}

static void check_batch(bytes input, hash32 root, struct arena arena)
{
    const hash32 *list, *again;
    usize count, count_again;
    if (registry_read_batch(input, root, &list, &count, &arena, NULL) != ST_OK)
        return;
    bytes call = registry_reveal_batch(list, count, &arena);
    assert(registry_read_batch(call, root, &again, &count_again, &arena, NULL) == ST_OK);
    assert(count == count_again && memcmp(list, again, count * sizeof(*list)) == 0);
}

/* The root that the usual encoding of a call would have. */
static hash32 likely_root(bytes input)
{
    enum { HEAD = 4 + 2 * ABI_WORD };
    hash32 list[REGISTRY_MOST_PREIMAGES];
    usize count = input.size < HEAD ? 0 : (input.size - HEAD) / sizeof(hash32);
    count = min_u64(count, REGISTRY_MOST_PREIMAGES);
    if (count == 0)
        return (hash32){0};
    memcpy(list, input.data + HEAD, count * sizeof(hash32));
    return registry_batch_root(list, count);
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct registry_event event;
    bytes in = {data, size};
    u8 kind = 0;
    fuzz_fill(&in, &kind, sizeof(kind));
    struct log log = {
        .topics = {adjudicator_topics()[kind % ADJUDICATOR_EVENTS]}, .topic_count = 2, .data = in};
    check_event(&log);
    log.topics[0] = registry_topics()[REGISTRY_REVEALED];
    (void)!registry_read_event(&log, &event, NULL);
    check_batch(in, likely_root(in), fuzz_arena());
    return 0;
}
