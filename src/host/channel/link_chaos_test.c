/* An owner who does anything in any event, always the same anything: each link that it knows has
 * one end, and none is heard of afterwards. */
#include "channel/link_rig.h"

#include "harness/test.h"

enum { HELD = 8 };

struct chaos {
    struct node *nodes[3];
    u16 ports[3];
    struct link *held[3][HELD]; /* that are known and not gone */
    u64 seed;
    usize made, gone;
};
static struct chaos chaos;

static u32 roll(u32 below)
{
    chaos.seed = chaos.seed * 6364136223846793005 + 1442695040888963407;
    return (u32)(chaos.seed >> 33) % below;
}

static usize index_of(const struct node *node)
{
    usize i = 0;
    while (chaos.nodes[i] != node)
        i++;
    return i;
}

static struct link **place_of(struct node *node, const struct link *link)
{
    struct link **held = chaos.held[index_of(node)];
    for (usize i = 0; i < HELD; i++)
        if (held[i] == link)
            return &held[i];
    return NULL;
}

static void keep(struct node *node, struct link *link)
{
    struct link **place = place_of(node, link);
    if (place != NULL)
        return;
    chaos.made++;
    place = place_of(node, NULL);
    if (place != NULL)
        *place = link;
    else
        link_close(link, "more than the test holds");
}

static void do_something(struct node *node)
{
    static const u8 zeros[3000] = {0x80};
    struct link *link = chaos.held[index_of(node)][roll(HELD)];
    u32 what = roll(16);
    if (what < 2 && roll(3) == 0) {
        u32 to = roll(3);
        struct link *made = NULL;
        if (links_connect(node->links, &chaos.nodes[to]->name, "127.0.0.1", chaos.ports[to], &made,
                          NULL) == ST_OK)
            keep(node, made);
    } else if (link != NULL && what == 2 && roll(4) == 0)
        link_close(link, "chaos");
    else if (link != NULL) {
        enum status st = link_send(link, (bytes){zeros, roll(sizeof(zeros)) + 1});
        CHECK(st == ST_OK || st == ST_AGAIN || st == ST_FULL);
    }
}

static void chaos_opened(struct node *node, struct link *link)
{
    keep(node, link);
    do_something(node);
}

static void chaos_message(struct node *node, struct link *link, bytes message)
{
    (void)message;
    struct link **place = place_of(node, link);
    CHECK(place != NULL);
    if (roll(3) != 0)
        do_something(node);
}

static void chaos_drained(struct node *node)
{
    do_something(node);
}

static void chaos_gone(struct node *node, struct link *link)
{
    struct link **place = place_of(node, link);
    chaos.gone++;
    if (place != NULL)
        *place = NULL;
    do_something(node);
}

TEST(link_has_one_end_whatever_its_owner_does_in_whatever_event)
{
    struct loop *loop = rig_new_loop();
    chaos = (struct chaos){.seed = 1};
    for (u8 i = 0; i < 3; i++) {
        struct node *node = chaos.nodes[i] = rig_new_node(loop, (u8)(0x11 + i), rig_little_waits);
        chaos.ports[i] = links_port(node->links);
        node->on_opened = chaos_opened;
        node->on_message = chaos_message;
        node->on_drained = chaos_drained;
        node->on_gone = chaos_gone;
    }
    for (usize i = 0; i < 500; i++) {
        do_something(chaos.nodes[roll(3)]);
        do_something(chaos.nodes[roll(3)]);
        if (i % 2 == 0)
            rig_run_ms(loop, 1);
    }
    CHECK(chaos.made > 50);
    for (usize i = 0; i < 3; i++)
        links_free(chaos.nodes[i]->links);
    CHECK(chaos.gone == chaos.made);
    loop_free(loop);
}
