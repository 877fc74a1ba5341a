#include "stf/difficulty.h"

enum { MINIMUM = 131072, BOUND_DIVISOR = 2048, MOST_STEPS_DOWN = 99, BOMB_PERIOD = 100000 };

/* How many steps of a 2048th the difficulty moves for a block that took `seconds`. */
static i64 steps_for(const struct chain_config *config, u64 number, u64 seconds, bool had_ommers)
{
    if (number < config->fork_block[HOMESTEAD])
        return seconds < 13 ? 1 : -1;
    bool byzantium = number >= config->fork_block[BYZANTIUM]; /* EIP-100 aims at ommers too */
    u64 down = seconds / (byzantium ? 9 : 10);
    i64 most = byzantium && had_ommers ? 2 : 1;
    return down > MOST_STEPS_DOWN + (u64)most ? -MOST_STEPS_DOWN : most - (i64)down;
}

/* How many blocks younger than it is the chain pretends to be for the bomb. */
static u64 bomb_delay(const struct chain_config *config, u64 number)
{
    const struct {
        u64 since, delay;
    } rows[] = {
        {config->gray_glacier_block, 11400000},        {config->arrow_glacier_block, 10700000},
        {config->fork_block[LONDON], 9700000},         {config->muir_glacier_block, 9000000},
        {config->fork_block[CONSTANTINOPLE], 5000000}, {config->fork_block[BYZANTIUM], 3000000},
    };
    for (usize i = 0; i < countof(rows); i++)
        if (number >= rows[i].since)
            return rows[i].delay;
    return 0;
}

static u256 bomb(const struct chain_config *config, u64 number)
{
    u64 delay = bomb_delay(config, number);
    u64 period = number > delay ? (number - delay) / BOMB_PERIOD : 0;
    return period > 1 ? u256_shl(U256_ONE, (unsigned)min_u64(period - 2, 256)) : U256_ZERO;
}

u256 ethash_difficulty(const struct chain_config *config, u64 number, u64 timestamp,
                       const struct header *parent, bool parent_has_ommers)
{
    i64 steps = steps_for(config, number, timestamp - parent->timestamp, parent_has_ommers);
    u256 unit = u256_shr(parent->difficulty, 11);
    static_assert(BOUND_DIVISOR == 1 << 11, "the shift above");
    u256 moved = u256_mul(unit, u256_from_u64((u64)(steps < 0 ? -steps : steps)));
    u256 difficulty =
        steps < 0 ? u256_sub(parent->difficulty, moved) : u256_add(parent->difficulty, moved);
    if (u256_less(difficulty, u256_from_u64(MINIMUM)))
        difficulty = u256_from_u64(MINIMUM);
    return u256_add(difficulty, bomb(config, number));
}
