#include "channel/opened.h"

#include "channel/daemon_locks.h"

bool lock_is_on_path(const struct entry *entry, u32 slot, point33 *path_key)
{
    bytes onion = channel_lock_onion(entry->channel, slot);
    if (onion.size != ITEM_ONION_LIMIT)
        return false;
    bytes_copy(path_key->b, bytes_slice(onion, ONION_SIZE, sizeof(*path_key)));
    return true;
}

enum onion_verdict lock_peel(const struct entry *entry, u32 slot, struct onion_peeled *out)
{
    bytes onion = channel_lock_onion(entry->channel, slot);
    u32 peer = 1 - channel_side(entry->channel);
    hash32 key = locks_get(channel_locks(entry->channel, peer), slot).key;
    const secret32 *node = keyring_node_secret(entry->daemon->ring);
    point33 path_key;
    if (!lock_is_on_path(entry, slot, &path_key))
        return onion_peel(node, onion.data, BYTES_OF(key), out);
    secret32 blinded;
    if (blinded_path_key(node, &path_key, &blinded) != ST_OK) {
        memset(out, 0, sizeof(*out));
        return ONION_BAD_KEY;
    }
    enum onion_verdict verdict = onion_peel(&blinded, onion.data, BYTES_OF(key), out);
    secret_wipe(&blinded);
    return verdict;
}

bool onion_begins_path(enum onion_verdict verdict, const struct onion_peeled *peeled)
{
    enum payload_kind kind = verdict == ONION_FINAL ? PAYLOAD_FINAL : PAYLOAD_FORWARD;
    struct payload step;
    struct failure why;
    return (verdict == ONION_FINAL || verdict == ONION_FORWARD) &&
           payload_decode(kind, (bytes){peeled->payload, peeled->payload_size}, &step, &why,
                          NULL) == ST_OK &&
           step.sealed.size > 0;
}

static enum status read_step(struct opened *opened, struct failure *why)
{
    bytes payload = {opened->peeled.payload, opened->peeled.payload_size};
    enum payload_kind kind = opened->verdict == ONION_FINAL ? PAYLOAD_FINAL : PAYLOAD_FORWARD;
    if (opened->verdict != ONION_FORWARD && opened->verdict != ONION_FINAL) {
        why->code = onion_failure_code(opened->verdict);
        return ST_INVALID;
    }
    return payload_decode(kind, payload, &opened->step, why, NULL);
}

/* What a blinded path's instruction says of a lock with this amount becomes the step. `beside`: the
 * path key that came with the onion; NULL: none. Without a path, all stays. ST_INVALID: it cannot
 * be done. */
static enum status follow_path(const struct entry *entry, const point33 *beside, u128 amount,
                               const struct lock *lock, struct opened *opened)
{
    u8 room[BLINDED_SEALED_LIMIT];
    struct payload *step = &opened->step;
    struct instruction said;
    if (step->sealed.size == 0)
        return beside != NULL ? ST_INVALID : ST_OK;
    TRY(payload_follow(step, keyring_node_secret(entry->daemon->ring), beside, amount,
                       lock->expiry_s, room, &said));
    opened->path_key = said.next_path_key;
    return step->kind == PAYLOAD_FORWARD
               ? ST_OK
               : offer_take(entry->daemon, said.path_id, lock->key, &step->payment_secret);
}

/* A path may lead to its own end again, so that its length says nothing (inbound.h). */
static bool leads_here(const struct entry *entry, const struct opened *opened)
{
    point33 own = keyring_node(entry->daemon->ring);
    return opened->verdict == ONION_FORWARD && opened->step.sealed.size > 0 &&
           point_equal(&opened->step.next, &own);
}

static enum status open_next(const struct entry *entry, const struct lock *lock,
                             struct opened *opened)
{
    u8 onion[ONION_SIZE];
    point33 path_key = opened->path_key;
    u128 amount = opened->step.amount;
    struct failure why;
    secret32 key;
    memcpy(onion, opened->peeled.next, sizeof(onion));
    TRY(blinded_path_key(keyring_node_secret(entry->daemon->ring), &path_key, &key));
    opened->verdict = onion_peel(&key, onion, BYTES_OF(lock->key), &opened->peeled);
    secret_wipe(&key);
    TRY(read_step(opened, &why));
    return follow_path(entry, &path_key, amount, lock, opened);
}

enum status lock_open(const struct entry *entry, u32 slot, const struct lock *lock,
                      struct opened *opened, struct failure *why)
{
    point33 path_key;
    bool is_inside = lock_is_on_path(entry, slot, &path_key);
    opened->path_key = (point33){{0}};
    opened->verdict = lock_peel(entry, slot, &opened->peeled);
    TRY(read_step(opened, why));
    enum status st = follow_path(entry, is_inside ? &path_key : NULL, lock->amount, lock, opened);
    for (u32 i = 0; st == ST_OK && leads_here(entry, opened); i++)
        st = i < BLINDED_HOPS_LIMIT ? open_next(entry, lock, opened) : ST_INVALID;
    if (st != ST_OK)
        why->code = FAILURE_INVALID_ONION_PAYLOAD;
    return st;
}
