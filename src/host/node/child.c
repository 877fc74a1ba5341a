/* A child chain as a node: its rollup.json, the key of its roles, its layer. */
#include "node/internal.h"

#include "base/hex.h"
#include "client/contract.h"
#include "layer/bridge.h"
#include "sys/log.h"

enum status node_read_rollup(struct node *node, struct err *err)
{
    bytes text;
    struct arena arena = pages_arena(&node->pages);
    TRY(files_read_whole(files_of_system(), node->config->rollup, ROLLUP_SIZE, &text, &arena, err));
    return rollup_read(text, &node->rollup, err);
}

/* What would only be found out later, by waiting in vain. */
static enum status check_signer(struct node *node, struct eth *parent, unsigned roles,
                                struct err *err)
{
    u256 has;
    address who = node->role_key.signer.who, sequencer;
    struct arena tmp = pages_arena(&node->pages);
    TRY(eth_ask_balance(parent, who, eth_at_tag(ETH_LATEST), &has, err));
    if (u256_is_zero(has) && (roles & ROLES_THAT_SIGN) != 0)
        return fail(err, ST_INVALID, "%s, the key of the roles %s, has no ETH on the parent",
                    hex_text(BYTES_OF(who), &tmp), node->config->role);
    if ((roles & ROLE_SEQUENCER) == 0)
        return ST_OK;
    if (node->role_key.signer.sign_hash == NULL)
        log_warn("node", "an external signer signs no blocks: followers see what is on the parent");
    TRY(contract_ask_address(parent, node->rollup.system_config, "sequencer()", &sequencer, tmp,
                             err));
    if (!address_equal(who, sequencer))
        log_warn(
            "node",
            "batches of this key count only after a day without the sequencer's, and followers "
            "believe no block that it signs",
            LOG_HEX("key", who), LOG_HEX("sequencer", sequencer));
    return ST_OK;
}

/* A sequencer alone may go without: it then signs no blocks for followers. */
static bool wants_key(const struct node *node, unsigned roles)
{
    return (roles & ROLES_THAT_SIGN) != 0 ||
           ((roles & ROLE_SEQUENCER) != 0 && node->config->key[0] != 0);
}

/* That the parent is the one of rollup.json comes first: everything else is asked of it. */
static enum status check_parent(struct node *node, unsigned roles, struct err *err)
{
    const struct config *config = node->config;
    enum { PATIENCE_MS = 5000 }; /* whoever starts it is there, and wants to know */
    struct eth_options options = {
        .url = config->parent, .answer_limit = 1 << 20, .patience_ms = PATIENCE_MS};
    struct bridge bridge = {.rollup = &node->rollup};
    TRY(eth_new(&options, &bridge.parent, err));
    enum status st = bridge_check(&bridge, err);
    bool signs = wants_key(node, roles);
    if (st == ST_OK && signs)
        st = key_choose(config->key, config->from, &node->files, &node->role_key, err);
    if (st == ST_OK && signs)
        st = check_signer(node, bridge.parent, roles, err);
    eth_free(bridge.parent);
    return st;
}

static bool has_blob_source(const struct node *node)
{
    return node->config->beacon[0] != 0 || node->config->archive[0] != 0;
}

static enum status read_roles(struct node *node, unsigned *out, struct err *err)
{
    TRY(layer_roles(node->config->role, out, err));
    if ((*out & ROLE_BATCHER) != 0 && (*out & ROLE_SEQUENCER) == 0)
        return fail(err, ST_INVALID,
                    "the batcher puts this node's own blocks on the parent: it needs the role of "
                    "the sequencer beside it");
    if ((*out & ROLE_SEQUENCER) != 0 && node->config->sequencer[0] != 0)
        return fail(err, ST_INVALID,
                    "--sequencer is for nodes that follow: this one is to be the sequencer");
    if ((*out & ROLE_SEQUENCER) != 0 && (*out & ROLE_BATCHER) == 0)
        log_warn("node", "nobody puts the sequencer's blocks on the parent: no batcher is here");
    if ((*out & ROLE_BATCHER) != 0 && node->rollup.blob_update_fraction != 0 &&
        node->config->command == NODE && !has_blob_source(node))
        log_info("node", "batches go into calldata: blobs are cheaper, and want --parent-beacon or "
                         "--blob-archive, to read them again from");
    return ST_OK;
}

struct paces {
    u64 block_ms, poll_ms, batch_ms, claim_ms;
};

/* On a developer's machine things should happen while one looks; elsewhere each batch and each
 * claim costs money. But items are to be read well before they are overdue, and a claim should not
 * take longer to come than it then waits. */
static struct paces choose_paces(const struct node *node)
{
    enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS };
    static const struct paces up = {20, 20, 1000, 2000};
    const struct rollup *rollup = &node->rollup;
    if (node->config->command == UP)
        return up;
    return (struct paces){.block_ms = 250,
                          .poll_ms = 2000,
                          .batch_ms = min_u64(MINUTE_MS, rollup->forced_read_s * 1000 / 4),
                          .claim_ms = min_u64(HOUR_MS, rollup->challenge_s * 1000 / 2)};
}

enum status node_begin_layer(struct node *node, struct err *err)
{
    const struct config *config = node->config;
    unsigned roles;
    TRY(read_roles(node, &roles, err));
    TRY(check_parent(node, roles, err));
    struct paces paces = choose_paces(node);
    struct layer_options options = {
        .rollup = &node->rollup,
        .parent_url = config->parent,
        .beacon_url = config->beacon,
        .archive_url = config->archive,
        .sequencer_url = config->sequencer[0] != 0 ? config->sequencer : NULL,
        .folder = node->folder,
        .files = &node->files,
        .chain = node->chain,
        .pool = node->pool,
        .workers = node->workers,
        .roles = roles,
        .signer = wants_key(node, roles) ? &node->role_key.signer : NULL,
        .block_ms = config->block_time != 0 ? config->block_time : paces.block_ms,
        .heartbeat_ms = config->heartbeat,
        .poll_ms = paces.poll_ms,
        .batch_ms = paces.batch_ms,
        .claim_ms = paces.claim_ms,
        .relay_gas = config->relay_gas};
    return layer_start(&options, &node->layer, err);
}
