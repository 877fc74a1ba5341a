/* What `varve up --channels N` adds: N channel daemons on the L1, and a funded channel between any
 * two of them. */
#ifndef NODE_MESH_H
#define NODE_MESH_H

#include "client/keys.h"

#include <stdio.h>

enum { MESH_MOST = 8 };

struct mesh;

struct mesh_options {
    const char *url;         /* of the chain */
    const char *folder;      /* a folder of each daemon's goes there */
    const struct keys *keys; /* of the test mnemonic */
    usize users;             /* funded accounts; the daemons take them from the last but one down */
    usize count;             /* of daemons; at most MESH_MOST, and less than `users` */
    u16 http_port;           /* of the first daemon, the others follow; 0: any free ones */
};

/* The daemons run when it returns; the channels open behind its back, and the log says when they
 * are open. Statuses as service_start's. */
enum status mesh_start(const struct mesh_options *options, struct mesh **out, struct err *err);
/* NULL is fine. */
void mesh_stop(struct mesh *mesh);

/* Names, URLs and accounts. */
void mesh_print(const struct mesh *mesh, FILE *to);

#endif
