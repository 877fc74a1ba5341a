#include "channel/channel_world.h"

#include "harness/test.h"

static u64 seed;

static u8 dice(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (u8)(seed >> 33);
}

TEST(two_honest_sides_agree_whatever_the_schedule)
{
    for (u64 run = 1; run <= 60; run++) {
        u8 script[3000];
        seed = run;
        for (usize i = 0; i < sizeof(script); i++)
            script[i] = dice();
        world_run(BYTES_OF(script));
    }
}
