#include "evm/fork.h"

#include "base/bug.h"

const char *fork_name(enum fork fork)
{
    static const char *const names[FORK_COUNT] = {
        [FRONTIER] = "Frontier",
        [HOMESTEAD] = "Homestead",
        [TANGERINE] = "EIP150",
        [SPURIOUS] = "EIP158",
        [BYZANTIUM] = "Byzantium",
        [CONSTANTINOPLE] = "Constantinople",
        [PETERSBURG] = "ConstantinopleFix",
        [ISTANBUL] = "Istanbul",
        [BERLIN] = "Berlin",
        [LONDON] = "London",
        [PARIS] = "Paris",
        [SHANGHAI] = "Shanghai",
        [CANCUN] = "Cancun",
        [PRAGUE] = "Prague",
        [OSAKA] = "Osaka",
    };
    assert(fork < FORK_COUNT);
    return names[fork];
}

/* A block or time that is as large as FORK_NEVER does not make never come. */
static bool has_come(u64 since, u64 now)
{
    return since != FORK_NEVER && now >= since;
}

static enum fork fork_at(const struct chain_config *config, u64 number, u64 timestamp, bool merged)
{
    if (merged) { /* forks since the merge go by time */
        if (has_come(config->osaka_time, timestamp))
            return OSAKA;
        if (has_come(config->prague_time, timestamp))
            return PRAGUE;
        if (has_come(config->cancun_time, timestamp))
            return CANCUN;
        return has_come(config->shanghai_time, timestamp) ? SHANGHAI : PARIS;
    }
    enum fork fork = LONDON;
    while (fork > FRONTIER && !has_come(config->fork_block[fork], number))
        fork--;
    return fork;
}

struct rules chain_rules(const struct chain_config *config, u64 number, u64 timestamp, bool merged)
{
    struct rules rules = {
        .fork = fork_at(config, number, timestamp, merged),
        .chain_id = config->chain_id,
        .deposit_contract = config->deposit_contract,
        .dao_fork_block = config->dao_support && number == config->dao_block,
        .child = config->child,
    };
    for (usize i = 0; i < config->blob_count && config->blobs[i].time <= timestamp; i++)
        rules.blobs = config->blobs[i].params;
    return rules;
}
