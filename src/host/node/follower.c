#include "node/follower.h"

#include "base/fmt.h"
#include "node/internal.h"

#include <stdlib.h>

struct follower {
    struct config config;
    struct node node;
    char folder[4096], url[64];
};

static enum status begin(struct follower *follower, const struct follower_options *options,
                         struct err *err)
{
    struct config *config = &follower->config;
    config_presets(NODE, config);
    config->rollup = options->rollup_path;
    config->parent = options->parent_url;
    config->beacon = options->beacon_url;
    config->archive = options->archive_url;
    config->datadir = options->datadir;
    config->http_port = 0;
    config->proofs = UINT64_MAX; /* a claim may be about any block */
    if (options->datadir[0] == 0) {
        TRY(node_make_temporary(follower->folder, sizeof(follower->folder), err));
        config->datadir = follower->folder;
        follower->node.throwaway = true;
    }
    follower->node.config = config;
    TRY(node_begin(&follower->node, err));
    TRY(node_serve(&follower->node, err));
    fmt(follower->url, sizeof(follower->url), "http://%s:%u", config->http_addr,
        net_port(follower->node.net));
    return ST_OK;
}

enum status follower_start(const struct follower_options *options, struct follower **out,
                           struct err *err)
{
    struct follower *follower = calloc(1, sizeof(*follower));
    assert(follower != NULL);
    enum status st = begin(follower, options, err);
    if (st != ST_OK) {
        follower_stop(follower);
        return st;
    }
    *out = follower;
    return ST_OK;
}

void follower_stop(struct follower *follower)
{
    struct err ignored;
    if (follower == NULL)
        return;
    (void)node_end(&follower->node, &ignored);
    node_remove_folder(follower->folder);
    free(follower);
}

const char *follower_url(const struct follower *follower)
{
    return follower->url;
}

struct layer *follower_layer(const struct follower *follower)
{
    return follower->node.layer;
}
