/* An image of a channel with some bytes changed, by place (u16) and value: what is taken is written
 * as it was read. */
#include "channel/channel_world.h"
#include "channel/image.h"

#include "harness/fuzz.h"

#include <assert.h>
#include <stdlib.h>

/* `deliveries` of each side's messages in a round; in the end some are still on their way. */
static void talk(struct world *w, int rounds, int deliveries)
{
    for (int i = 0; i < rounds; i++)
        for (u32 side = 0; side < 2; side++) {
            world_update(w, side);
            world_flush(w, side);
            for (int j = 0; j < deliveries; j++)
                world_deliver(w, 1 - side);
        }
}

/* Locks of both, some of which are acknowledged, and updates that are not. */
static void live(struct world *w)
{
    static const u8 onion[ITEM_ONION_LIMIT];
    talk(w, 8, 8); /* what each counts of the deposits */
    for (u8 i = 0; i < 6; i++) {
        for (u32 side = 0; side < 2; side++) {
            struct item item = {.kind = ITEM_ADD};
            item.text = (bytes){onion, i == 0 ? sizeof(onion) : ONION_SIZE};
            item.lock =
                (struct lock){.amount = 70 + i, .expiry_s = w->now_s + 900, .key = {{4, i}}};
            enum status st = channel_queue(w->side[side].channel, &item, NULL, NULL);
            assert(st == ST_OK);
        }
        talk(w, 1, i < 3 ? 4 : 0);
    }
}

/* The same for every input: made once. */
static bytes whole_image(void)
{
    static struct image image;
    if (image.size != 0)
        return (bytes){image.data, image.size};
    struct world *w = world_begin(BYTES_EMPTY);
    live(w);
    struct channel *whole = world_replayed(&w->side[0], 0, w->side[0].count, &w->side[0].events);
    image_of(whole, &image);
    channel_free(whole);
    world_end(w);
    return (bytes){image.data, image.size};
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    struct image image = {0}, again = {0};
    image_put(&image, whole_image());
    for (usize i = 0; i + 2 < size; i += 3)
        image.data[((usize)data[i] << 8 | data[i + 1]) % image.size] ^= data[i + 2];
    struct image_reader in = {.left = {image.data, image.size}};
    struct channel *taken = world_channel(0);
    if (image_take(taken, &in, NULL) == ST_OK) {
        image_of(taken, &again);
        assert(bytes_equal((bytes){image.data, image.size - in.left.size},
                           (bytes){again.data, again.size}));
    }
    channel_free(taken);
    free(image.data);
    free(again.data);
    return 0;
}
