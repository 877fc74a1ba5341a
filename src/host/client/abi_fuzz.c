/* Any bytes as the data of an event: what is read borrows from them, and written again it reads the
 * same. */
#include "client/abi.h"

#include "harness/fuzz.h"

struct event {
    u64 number;
    address who;
    bool flag;
    u8 kind;
    hash32 hash;
    bytes first, second;
};

static bool read(bytes data, struct event *out)
{
    struct abi_in in = abi_over(data);
    out->number = abi_get_u64(&in);
    out->who = abi_get_address(&in);
    out->flag = abi_get_bool(&in);
    out->kind = abi_get_u8(&in);
    out->hash = abi_get_hash(&in);
    out->first = abi_get_bytes(&in);
    out->second = abi_get_bytes(&in);
    return !in.failed;
}

static bytes write(const struct event *event, struct arena *arena)
{
    struct abi_out out = abi_begin(7, arena);
    abi_put_u64(&out, event->number);
    abi_put_address(&out, event->who);
    abi_put_bool(&out, event->flag);
    abi_put_u64(&out, event->kind);
    abi_put_hash(&out, event->hash);
    abi_put_bytes(&out, event->first);
    abi_put_bytes(&out, event->second);
    return abi_end(&out);
}

static bool within(bytes part, bytes whole)
{
    return part.size == 0 || (part.data >= whole.data && part.size <= whole.size &&
                              (usize)(part.data - whole.data) <= whole.size - part.size);
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct arena arena = fuzz_arena();
    struct event event, again;
    bytes in = {data, size};
    char text[128];
    abi_revert_text(in, text, sizeof(text));
    assert(strlen(text) < sizeof(text));
    if (!read(in, &event))
        return 0;
    assert(within(event.first, in) && within(event.second, in));
    assert(read(write(&event, &arena), &again));
    assert(again.number == event.number && address_equal(again.who, event.who));
    assert(again.flag == event.flag && again.kind == event.kind);
    assert(hash32_equal(again.hash, event.hash));
    assert(bytes_equal(again.first, event.first) && bytes_equal(again.second, event.second));
    return 0;
}
