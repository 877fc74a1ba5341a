/* A child chain as a node: its rollup.json, the key of its roles, its layer. */
#include "node/internal.h"

#include "base/fmt.h"

/* What the roles sign with. `test:N` is the Nth key of the test mnemonic, for `up`. */
static enum status make_signer(struct node *node, struct err *err)
{
    const char *key = node->config->key;
    if (strncmp(key, "test:", 5) == 0) {
        u256 index;
        if (hex_read_number((bytes){(const u8 *)key + 5, strlen(key + 5)}, &index) != ST_OK ||
            !u256_fits_u64(index) || index.w[0] > 1000)
            return fail(err, ST_INVALID, "--key test:N wants a small number, not \"%s\"", key + 5);
        TRY(keys_from_mnemonic(KEYS_TEST_MNEMONIC, (u32)index.w[0] + 1, &node->role_keys, err));
        node->signer = signer_of_keys(node->role_keys, keys_address(node->role_keys, index.w[0]));
        return ST_OK;
    }
    return fail(err, ST_INVALID, "the roles %s need --key", node->config->role);
}

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
        TRY(make_signer(node, err));
    struct layer_options options = {.rollup = &node->rollup,
                                    .parent_url = config->parent,
                                    .folder = node->folder,
                                    .files = &node->files,
                                    .chain = node->chain,
                                    .pool = node->pool,
                                    .workers = node->workers,
                                    .roles = roles,
                                    .signer = (roles & ROLES_THAT_SIGN) != 0 ? &node->signer : NULL,
                                    .block_ms = config->block_time != 0 ? config->block_time
                                                                        : paces[up].block_ms,
                                    .heartbeat_ms = config->heartbeat,
                                    .poll_ms = paces[up].poll_ms,
                                    .batch_ms = paces[up].batch_ms,
                                    .claim_ms = paces[up].claim_ms};
    return layer_start(&options, &node->layer, err);
}
