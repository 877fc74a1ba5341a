/* Digests of states, and who signed them. */
#include "rules.h"

static u64 mix(u64 hash, u64 value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

static u64 mix_pair(u64 hash, const amount pair[2])
{
    return mix(mix(hash, (u64)pair[0]), (u64)pair[1]);
}

static u64 mix_locks(u64 hash, const struct locks *locks)
{
    hash = mix(mix(hash, (u64)locks->total), locks->count);
    for (u32 i = 0; i < locks->count; i++) {
        const struct lock *lock = &locks->list[i];
        hash = mix(mix(mix(hash, (u64)lock->amount), lock->expiry), lock->key);
    }
    return hash;
}

u64 base_digest(const struct base *base)
{
    u64 hash = mix(mix(1, base->channel), base->epoch);
    hash = mix_pair(hash, base->balance);
    hash = mix_pair(hash, base->deposited);
    hash = mix_pair(hash, base->withdrawn);
    return mix_locks(mix_locks(hash, &base->locks[0]), &base->locks[1]);
}

u64 half_digest(const struct half *half)
{
    u64 hash = mix(mix(2, half->channel), half->side);
    hash = mix(mix(mix(hash, half->epoch), half->seq), (u64)half->sent);
    hash = mix_locks(hash, &half->locks);
    return mix(mix(hash, half->ack_seq), half->ack_hash);
}

u64 withdrawal_digest(const struct withdrawal *w)
{
    return mix(mix(mix(mix(3, w->channel), w->side), (u64)w->total), w->until);
}

u64 closing_digest(const struct closing *closing)
{
    return mix(mix(mix(4, closing->channel), (u64)closing->net), closing->until);
}

bool signed_by(const struct keyring *ring, u32 party, u64 digest)
{
    if (party != ring->keeper)
        return true;
    for (u32 i = 0; i < ring->count; i++)
        if (ring->digest[i] == digest)
            return true;
    return false;
}
