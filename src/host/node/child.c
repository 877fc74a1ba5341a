/* A child chain as a node: its rollup.json, the key of its roles, its layer. */
#include "node/internal.h"

#include "base/fmt.h"

enum status node_read_rollup(struct node *node, struct err *err)
{
    bytes text;
    struct arena arena = pages_arena(&node->pages);
    TRY(files_read_whole(files_of_system(), node->config->rollup, ROLLUP_SIZE, &text, &arena, err));
    return rollup_read(text, &node->rollup, err);
}

enum status node_begin_layer(struct node *node, struct err *err)
{
    /* On a developer's machine things should happen while one looks; elsewhere each batch and each
     * claim costs money. */
    static const struct {
        u64 block_ms, poll_ms, batch_ms, claim_ms;
    } paces[] = {[false] = {250, 2000, 60000, 3600000}, [true] = {20, 20, 1000, 2000}};
    const struct config *config = node->config;
    bool up = config->command == UP;
    unsigned roles;
    TRY(layer_roles(config->role, &roles, err));
    if ((roles & ROLES_THAT_SIGN) != 0)
        TRY(key_choose(config->key, config->from, &node->files, &node->role_key, err));
    struct layer_options options = {
        .rollup = &node->rollup,
        .parent_url = config->parent,
        .folder = node->folder,
        .files = &node->files,
        .chain = node->chain,
        .pool = node->pool,
        .workers = node->workers,
        .roles = roles,
        .signer = (roles & ROLES_THAT_SIGN) != 0 ? &node->role_key.signer : NULL,
        .block_ms = config->block_time != 0 ? config->block_time : paces[up].block_ms,
        .heartbeat_ms = config->heartbeat,
        .poll_ms = paces[up].poll_ms,
        .batch_ms = paces[up].batch_ms,
        .claim_ms = paces[up].claim_ms};
    return layer_start(&options, &node->layer, err);
}
