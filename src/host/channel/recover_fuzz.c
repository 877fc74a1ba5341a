/* What a lying peer may show to a side that was restored: the truth with some bytes changed, by
 * place (u16) and value. Whatever is refused has changed nothing; whatever is taken is the truth.
 */
#include "channel/channel_world.h"

#include "harness/fuzz.h"

#include <assert.h>
#include <stdlib.h>

static void meet(struct world *w)
{
    for (int i = 0; i < 8; i++)
        for (u32 side = 0; side < 2; side++) {
            world_update(w, side);
            world_flush(w, side);
            for (int j = 0; j < 8; j++)
                world_deliver(w, 1 - side);
        }
}

/* Side 0 pays and locks; side 1 has only the beginning left. */
static struct wire_message truth(struct world *w, u8 room[static CHANNEL_SHOWN_LIMIT])
{
    static const u8 onion[ONION_SIZE];
    struct wire_message out = {.type = WIRE_RECOVER};
    meet(w);
    usize old = w->side[1].count;
    for (u32 side = 0; side < 2; side++) {
        struct item item = {.kind = ITEM_ADD, .text = BYTES_OF(onion)};
        item.lock = (struct lock){.amount = 70, .expiry_s = w->now_s + 900, .key = {{4}}};
        enum status st = channel_queue(w->side[side].channel, &item, NULL, NULL);
        assert(st == ST_OK);
        item = (struct item){.kind = ITEM_STAKE};
        item.lock = (struct lock){
            .amount = 30, .expiry_s = w->now_s + 900, .key = {{8}}, .kind = LOCK_OF_SECOND};
        st = channel_queue(w->side[side].channel, &item, NULL, NULL);
        assert(st == ST_OK);
        item = (struct item){.kind = ITEM_PAY, .lock.amount = 9, .reference = {{9}}};
        st = channel_queue(w->side[side].channel, &item, NULL, NULL);
        assert(st == ST_OK);
    }
    meet(w);
    channel_free(w->side[1].channel);
    w->side[1].channel = world_replayed(&w->side[1], 1, old, &w->side[1].events);
    channel_lose(w->side[1].channel);
    out.recover = channel_show(w->side[0].channel, room);
    return out;
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    static u8 locks[CHANNEL_SHOWN_LIMIT], room[WIRE_LIMIT];
    struct world *w = world_begin(BYTES_EMPTY);
    struct wire_message message = truth(w, locks);
    struct channel *lost = w->side[1].channel, *peer = w->side[0].channel;
    usize shown_size = wire_encode(&message, room);
    for (usize i = 0; i + 2 < size; i += 3) {
        usize place = 34 + ((usize)data[i] << 8 | data[i + 1]) % (shown_size - 34);
        room[place] ^= data[i + 2];
    }
    hash32 before = world_digest(lost);
    enum status st = wire_decode((bytes){room, shown_size}, &message, NULL);
    if (st == ST_OK)
        st = channel_take_recover(lost, &message.recover, NULL);
    if (st == ST_OK) {
        struct channel_proof a = channel_proof(lost);
        for (u32 side = 0; side < 2; side++)
            assert(channel_funds(lost, side) == channel_funds(peer, side));
        assert(a.half[0].seq == channel_progress(peer).sent_seq);
    } else {
        assert(hash32_equal(before, world_digest(lost)));
    }
    world_end(w);
    return 0;
}
