/* Keys whose secrets are in a chain's registry, whoever put them there.
 *
 * Who may take a lock need not show its secret if the registry has it already: it closes its
 * channel, and the lock is paid. Nobody then tells a mediator of that, since the reveal was told
 * before it had anything to do with the key. So locks with such keys are neither forwarded nor
 * made; of those that are made before the secret is seen, forward_reveal is told.
 *
 * A reveal costs whoever makes it gas, and us the key here and in the journal. The oldest half is
 * forgotten when there are too many. */
#include "channel/daemon_chains.h"
#include "channel/daemon_locks.h"

enum { PUBLIC_MOST = 1 << 18 }; /* in either half */

static bool has(const struct chain_of *chain, hash32 key)
{
    return by_hash_get(&chain->public[0], key) != NULL ||
           by_hash_get(&chain->public[1], key) != NULL;
}

bool public_add(struct chain_of *chain, hash32 key)
{
    if (has(chain, key))
        return false;
    if (chain->public[0].count == PUBLIC_MOST) {
        by_hash_free(&chain->public[1]);
        chain->public[1] = chain->public[0];
        chain->public[0] = (struct by_hash){0};
    }
    by_hash_put(&chain->public[0], key, chain);
    return true;
}

bool public_has(const struct daemon *daemon, hash32 key)
{
    for (usize i = 0; i < daemon->chain_count; i++)
        if (has(&daemon->chains[i], key))
            return true;
    return false;
}

void public_free(struct chain_of *chain)
{
    by_hash_free(&chain->public[0]);
    by_hash_free(&chain->public[1]);
}
