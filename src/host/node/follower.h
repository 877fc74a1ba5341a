/* A child chain that follows its parent inside another program: derived here, believed for that,
 * asked through RPC on a port of this machine. */
#ifndef NODE_FOLLOWER_H
#define NODE_FOLLOWER_H

#include "layer/layer.h"

struct follower;

struct follower_options {
    const char *rollup_path;
    const char *parent_url;
    const char *beacon_url, *archive_url; /* "": none */
    const char *datadir; /* "": a temporary one, which goes at the end */
};

/* It begins to follow. Statuses as layer_start; ST_INVALID also for a file that is none. */
enum status follower_start(const struct follower_options *options, struct follower **out,
                           struct err *err);
/* NULL is fine. */
void follower_stop(struct follower *follower);

const char *follower_url(const struct follower *follower);
struct layer *follower_layer(const struct follower *follower);

#endif
