#include "channel/blinded_path.h"

/* What this hop's path key, and the secret behind it, are multiplied by to give the next. */
static void step_of(const point33 *path_key, const secret32 *shared, secret32 *out)
{
    sha256_joined(BYTES_OF(*path_key), BYTES_OF(*shared), out->b);
}

static enum status blind_hop(const secret32 *shared, const struct onion_hop *hop,
                             struct onion_hop *blinded, struct arena *arena)
{
    secret32 factor, rho;
    u8 *sealed = ARENA_TAKE(arena, u8, hop->payload.size + AEAD_TAG_SIZE);
    point33 node = hop->node;
    secret_derive(BYTES_LIT("blinded_node_id"), shared, &factor);
    secret_derive(BYTES_LIT("rho"), shared, &rho);
    enum status st = point_multiply(&node, &factor);
    aead_seal(&rho, 0, BYTES_EMPTY, hop->payload, sealed);
    *blinded = (struct onion_hop){node, {sealed, hop->payload.size + AEAD_TAG_SIZE}};
    secret_wipe(&factor);
    secret_wipe(&rho);
    return st;
}

enum status blinded_path_build(const secret32 *session, const struct onion_hop *hops, usize count,
                               point33 *first_path_key, struct onion_hop *blinded,
                               struct arena *arena)
{
    secret32 ephemeral = *session, shared = {{0}}, step = {{0}};
    enum status st = point_of_secret(session, first_path_key);
    point33 path_key = *first_path_key;
    for (usize i = 0; st == ST_OK && i < count; i++) {
        st = secret_ecdh(&ephemeral, &hops[i].node, &shared);
        if (st == ST_OK)
            st = blind_hop(&shared, &hops[i], &blinded[i], arena);
        if (st != ST_OK || i + 1 == count)
            break;
        step_of(&path_key, &shared, &step);
        st = secret_multiply(&ephemeral, &step);
        if (st == ST_OK && i + 2 < count)
            st = point_of_secret(&ephemeral, &path_key);
    }
    secret_wipe(&ephemeral);
    secret_wipe(&shared);
    secret_wipe(&step);
    return st;
}

enum status blinded_path_key(const secret32 *node, const point33 *path_key, secret32 *out)
{
    secret32 shared, factor, key = *node;
    enum status st = secret_ecdh(node, path_key, &shared);
    if (st == ST_OK) {
        secret_derive(BYTES_LIT("blinded_node_id"), &shared, &factor);
        st = secret_multiply(&key, &factor);
        secret_wipe(&shared);
        secret_wipe(&factor);
    }
    if (st == ST_OK)
        *out = key;
    secret_wipe(&key);
    return st;
}

enum status blinded_path_open(const secret32 *node, const point33 *path_key, bytes sealed,
                              u8 *instructions, point33 *next_path_key)
{
    secret32 shared, rho, step;
    TRY(secret_ecdh(node, path_key, &shared));
    secret_derive(BYTES_LIT("rho"), &shared, &rho);
    bool right = aead_open(&rho, 0, BYTES_EMPTY, sealed, instructions);
    step_of(path_key, &shared, &step);
    *next_path_key = *path_key;
    enum status st = point_multiply(next_path_key, &step);
    secret_wipe(&shared);
    secret_wipe(&rho);
    secret_wipe(&step);
    return right ? st : ST_INVALID;
}
