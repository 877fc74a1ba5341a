/* The input is a schedule; the laws are channel_world.h's. */
#include "channel/channel_world.h"

#include "harness/fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    world_run((bytes){data, size});
    return 0;
}
