/* The registry of preimages (adjudicator.h). */
#include "channel/adjudicator.h"

#include "client/abi.h"
#include "client/keys.h"
#include "crypto/keccak.h"
#include "crypto/sha256.h"

#include <pthread.h>

bytes registry_reveal(hash32 preimage, struct arena *arena)
{
    struct abi_out out = abi_begin_call(abi_selector("reveal(bytes32)"), 1, arena);
    abi_put_hash(&out, preimage);
    return abi_end(&out);
}

bytes registry_reveal_batch(const hash32 *preimages, usize count, struct arena *arena)
{
    struct abi_out out = abi_begin_call(abi_selector("revealBatch(bytes32[])"), 1, arena);
    abi_open_array(&out, count, 1);
    for (usize i = 0; i < count; i++)
        abi_put_hash(&out, preimages[i]);
    abi_close(&out);
    return abi_end(&out);
}

bytes registry_record(hash32 preimage, u32 index, u32 count, const hash32 *path, usize path_size,
                      struct arena *arena)
{
    static const char of[] = "record(bytes32,uint256,uint256,bytes32[])";
    struct abi_out out = abi_begin_call(abi_selector(of), 4, arena);
    abi_put_hash(&out, preimage);
    abi_put_u64(&out, index);
    abi_put_u64(&out, count);
    abi_open_array(&out, path_size, 1);
    for (usize i = 0; i < path_size; i++)
        abi_put_hash(&out, path[i]);
    abi_close(&out);
    return abi_end(&out);
}

enum status registry_ask_times(struct eth *eth, address registry, const hash32 *keys, usize count,
                               struct eth_at at, u64 *out, struct arena tmp, struct err *err)
{
    struct eth_message *messages = ARENA_NEW(&tmp, struct eth_message, count);
    bytes *answers = ARENA_NEW(&tmp, bytes, count);
    for (usize i = 0; i < count; i++) {
        struct abi_out call = abi_begin_call(abi_selector("revealedAt(bytes32)"), 1, &tmp);
        abi_put_hash(&call, keys[i]);
        messages[i] = (struct eth_message){.to = registry, .data = abi_end(&call)};
    }
    TRY(eth_ask_calls(eth, messages, count, at, answers, &tmp, err));
    for (usize i = 0; i < count; i++) {
        struct abi_in in = abi_over(answers[i]);
        out[i] = abi_get_u64(&in);
        if (in.failed)
            return fail(err, ST_CORRUPT, "%s: what the registry answers makes no sense",
                        eth_name(eth));
    }
    return ST_OK;
}

/* --- Keys. */

hash32 registry_key(hash32 preimage)
{
    return sha256(BYTES_OF(preimage));
}

/* The key of a scalar is that of its point's address. */
static bool is_key_of_scalar(hash32 key, hash32 scalar)
{
    secret32 secret;
    address who;
    memcpy(secret.b, scalar.b, sizeof(secret.b));
    return secret_address(&secret, &who) == ST_OK && hash32_equal(keccak256(BYTES_OF(who)), key);
}

/* --- Events. */

static hash32 event_topic[REGISTRY_EVENTS];

static void hash_events(void)
{
    event_topic[REGISTRY_REVEALED] = abi_topic("Revealed(bytes32,bytes32)");
    event_topic[REGISTRY_BATCH_REVEALED] = abi_topic("BatchRevealed(bytes32)");
}

const hash32 *registry_topics(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, hash_events);
    return event_topic;
}

enum status registry_read_event(const struct log *log, struct registry_event *out, struct err *err)
{
    const hash32 *topics = registry_topics();
    if (log->topic_count == 2 && hash32_equal(log->topics[0], topics[REGISTRY_BATCH_REVEALED])) {
        *out = (struct registry_event){.kind = REGISTRY_BATCH_REVEALED, .key = log->topics[1]};
        return ST_OK;
    }
    struct abi_in in = abi_over(log->data);
    if (log->topic_count != 2 || !hash32_equal(log->topics[0], topics[REGISTRY_REVEALED]))
        return fail(err, ST_INVALID, "a log that is no event of a registry of preimages");
    *out = (struct registry_event){
        .kind = REGISTRY_REVEALED, .key = log->topics[1], .secret = abi_get_hash(&in)};
    if (in.failed || (!hash32_equal(registry_key(out->secret), out->key) &&
                      !is_key_of_scalar(out->key, out->secret)))
        return fail(err, ST_INVALID, "an event Revealed whose secret is not the key's");
    return ST_OK;
}

/* --- Batches: the tree over the preimages themselves (contracts/channel/Tree.sol). */

static hash32 node(hash32 left, hash32 right)
{
    hash32 pair[2] = {left, right};
    return keccak256(BYTES_OF(pair));
}

/* Fills the level above in place. */
static void fold(hash32 *level, usize width)
{
    for (usize i = 0; i < width / 2; i++)
        level[i] = node(level[2 * i], level[2 * i + 1]);
}

static usize width_of(usize count)
{
    usize width = 1;
    while (width < count)
        width *= 2;
    return width;
}

hash32 registry_batch_root(const hash32 *preimages, usize count)
{
    hash32 level[REGISTRY_MOST_PREIMAGES] = {0}, leaves = {{0}};
    assert(count > 0 && count <= REGISTRY_MOST_PREIMAGES);
    memcpy(level, preimages, count * sizeof(hash32));
    for (usize width = width_of(count); width > 1; width /= 2)
        fold(level, width);
    store_be64(leaves.b + 24, count);
    return node(leaves, level[0]);
}

usize registry_batch_path(const hash32 *preimages, usize count, usize index, const hash32 **path,
                          struct arena *arena)
{
    enum { LEVELS = 8 };
    hash32 level[REGISTRY_MOST_PREIMAGES] = {0};
    hash32 *to = ARENA_TAKE(arena, hash32, LEVELS);
    usize size = 0;
    assert(index < count && count <= REGISTRY_MOST_PREIMAGES);
    memcpy(level, preimages, count * sizeof(hash32));
    for (usize width = width_of(count); width > 1; width /= 2, index /= 2) {
        to[size++] = level[index ^ 1];
        fold(level, width);
    }
    *path = to;
    return size;
}

enum status registry_read_batch(bytes input, hash32 root, const hash32 **preimages, usize *count,
                                struct arena *arena, struct err *err)
{
    static const char foreign[] = "a batch of preimages that its transaction does not show";
    if (input.size < 4 || load_be32(input.data) != abi_selector("revealBatch(bytes32[])"))
        return fail(err, ST_INVALID, "%s", foreign);
    bytes all = bytes_slice(input, 4, input.size);
    struct abi_in in = abi_over(all);
    u64 offset = abi_get_u64(&in);
    if (in.failed || offset > all.size)
        return fail(err, ST_INVALID, "%s", foreign);
    in.at = offset;
    u64 size = abi_get_u64(&in);
    if (in.failed || size == 0 || size > REGISTRY_MOST_PREIMAGES)
        return fail(err, ST_INVALID, "%s", foreign);
    hash32 *list = ARENA_TAKE(arena, hash32, size);
    for (u64 i = 0; i < size; i++)
        list[i] = abi_get_hash(&in);
    if (in.failed || !hash32_equal(registry_batch_root(list, size), root))
        return fail(err, ST_INVALID, "%s", foreign);
    *preimages = list;
    *count = size;
    return ST_OK;
}
