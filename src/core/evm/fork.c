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

static enum fork fork_at(const struct chain_config *config, u64 number, u64 timestamp, bool merged)
{
    if (merged) { /* forks since the merge go by time */
        if (timestamp >= config->osaka_time)
            return OSAKA;
        if (timestamp >= config->prague_time)
            return PRAGUE;
        if (timestamp >= config->cancun_time)
            return CANCUN;
        return timestamp >= config->shanghai_time ? SHANGHAI : PARIS;
    }
    enum fork fork = LONDON;
    while (fork > FRONTIER && number < config->fork_block[fork])
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
    };
    for (usize i = 0; i < config->blob_count && config->blobs[i].time <= timestamp; i++)
        rules.blobs = config->blobs[i].params;
    return rules;
}
