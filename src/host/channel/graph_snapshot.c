/* A snapshot of the graph:
 *
 *     "varve graph 1" | record… | keccak256 of all before
 *     record = size, u16 | message | after an ANNOUNCE: known
 *     known  = capacity, low, high, u128 each | seen, learnt, failed, failed, u64 each
 *
 * An ANNOUNCE stands before its policies and before the words of its nodes. */
#include "channel/graph.h"

#include "crypto/keccak.h"

static const char MAGIC[] = "varve graph 1";

enum { MAGIC_SIZE = sizeof(MAGIC) - 1, KNOWN_SIZE = 3 * 16 + 4 * 8, ITEM_LIMIT = 1024 };

static_assert(2 + 2 + sizeof(struct wire_announce) + KNOWN_SIZE <= ITEM_LIMIT, "the largest item");

/* --- Writing. */

static void store_be128(u8 *to, u128 value)
{
    store_be64(to, (u64)(value >> 64));
    store_be64(to + 8, (u64)value);
}

static u128 load_be128(const u8 *from)
{
    return (u128)load_be64(from) << 64 | load_be64(from + 8);
}

static u8 *put_known(u8 *to, const struct graph_channel *channel)
{
    const struct graph_liquidity *liquidity = &channel->liquidity;
    store_be128(to, channel->capacity);
    store_be128(to + 16, liquidity->low);
    store_be128(to + 32, liquidity->high);
    store_be64(to + 48, channel->seen_s);
    store_be64(to + 56, liquidity->at_s);
    store_be64(to + 64, liquidity->failed_at_s[0]);
    store_be64(to + 72, liquidity->failed_at_s[1]);
    return to + KNOWN_SIZE;
}

static struct graph_liquidity liquidity_from(const u8 *from)
{
    return (struct graph_liquidity){.low = load_be128(from + 16),
                                    .high = load_be128(from + 32),
                                    .at_s = load_be64(from + 56),
                                    .failed_at_s = {load_be64(from + 64), load_be64(from + 72)}};
}

usize graph_save_limit(const struct graph *graph)
{
    struct graph_item item;
    usize count = 0;
    for (u64 cursor = 0; graph_next_item(graph, &cursor, &item);)
        count++;
    return MAGIC_SIZE + count * ITEM_LIMIT + sizeof(hash32);
}

bytes graph_save(const struct graph *graph, struct arena *arena)
{
    struct graph_item item;
    struct wire_message message;
    u8 out[WIRE_LIMIT];
    u32 slots;
    const struct graph_channel *channels = graph_channels(graph, &slots);
    u8 *start = arena_take(arena, graph_save_limit(graph), 1), *at = start + MAGIC_SIZE;
    memcpy(start, MAGIC, MAGIC_SIZE);
    for (u64 cursor = 0; graph_next_item(graph, &cursor, &item);) {
        assert(graph_message(graph, item.key, &message) == ST_OK);
        usize size = wire_encode(&message, out);
        at[0] = (u8)(size >> 8);
        at[1] = (u8)size;
        memcpy(at + 2, out, size);
        at += 2 + size;
        if (message.type == WIRE_ANNOUNCE) /* the cursor is just behind it */
            at = put_known(at, &channels[(cursor - 1) / 3]);
    }
    hash32 hash = keccak256((bytes){start, (usize)(at - start)});
    memcpy(at, hash.b, sizeof(hash.b));
    return (bytes){start, (usize)(at - start) + sizeof(hash.b)};
}

/* --- Reading. */

static enum status load_channel(struct graph *graph, const struct wire_announce *announce,
                                const u8 *known)
{
    hash32 id = gossip_channel_id(announce);
    TRY(graph_put_announce(graph, announce, id, load_be64(known + 48), NULL));
    TRY(graph_confirm(graph, id, load_be128(known), 0));
    struct graph_channel *channel = graph_channel(graph, id);
    if (channel != NULL)
        channel->liquidity = liquidity_from(known);
    return ST_OK;
}

/* What it says stands; what does not fit any more is left out. */
static void load_message(struct graph *graph, const struct wire_message *message, const u8 *known)
{
    enum status st = ST_OK;
    if (message->type == WIRE_ANNOUNCE)
        st = load_channel(graph, &message->announce, known);
    else if (message->type == WIRE_POLICY && message->policy.side < 2)
        st = graph_put_policy(graph, &message->policy);
    else if (message->type == WIRE_NODE)
        st = graph_put_node(graph, &message->node);
    (void)st;
}

enum status graph_load(struct graph *graph, bytes saved, u64 now_s, struct err *err)
{
    usize size = saved.size < sizeof(hash32) ? 0 : saved.size - sizeof(hash32);
    bytes left = bytes_slice(saved, 0, size);
    hash32 hash = keccak256(left);
    if (!bytes_equal(bytes_slice(left, 0, MAGIC_SIZE), (bytes){(const u8 *)MAGIC, MAGIC_SIZE}) ||
        !bytes_equal(bytes_slice(saved, size, saved.size), BYTES_OF(hash)))
        return fail(err, ST_CORRUPT, "a snapshot of the network that is damaged");
    left = bytes_slice(left, MAGIC_SIZE, left.size);
    while (left.size >= 2) {
        struct wire_message message;
        bytes text = bytes_slice(left, 2, (usize)left.data[0] << 8 | left.data[1]);
        if (wire_decode(text, &message, NULL) != ST_OK)
            return fail(err, ST_CORRUPT, "a snapshot of the network with a malformed message");
        left = bytes_slice(left, 2 + text.size, left.size);
        usize more = message.type == WIRE_ANNOUNCE ? KNOWN_SIZE : 0;
        if (left.size < more)
            return fail(err, ST_CORRUPT, "a snapshot of the network that is cut short");
        load_message(graph, &message, left.data);
        left = bytes_slice(left, more, left.size);
    }
    graph_prune(graph, now_s);
    return ST_OK;
}
