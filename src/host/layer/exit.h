/* Leaving a child with all that one has there, whoever runs it being gone.
 *
 *   forced    the Inbox on the parent takes transactions of anyone: ETH to the message passer,
 *             tokens to the bridge
 *   read      a sequencer that lives reads them; once they are overdue, anyone may: forceRead
 *   claimed   the child's own blocks, derived here from the parent, come to an output; if nobody
 *             else claims it, we do
 *   proven, paid
 *
 * What has been done, the parent and the blocks derived from it tell. Nothing else is kept, so it
 * goes on wherever it was stopped. */
#ifndef LAYER_EXIT_H
#define LAYER_EXIT_H

#include "layer/bridge.h"
#include "layer/layer.h"

#include <stdatomic.h>

struct exit_options {
    const struct bridge *bridge; /* its child: a node that follows `layer` */
    struct layer *layer;         /* derives the child; has no roles */
    struct errands *on_parent;   /* whose money it is */
    const address *tokens;       /* on either side */
    usize token_count;
    /* `passing`: what is waited for now; else something has been done. */
    void (*progress)(void *self, const char *line, bool passing);
    void *self;
    const atomic_bool *stop; /* ends it between two steps, with ST_AGAIN */
};

/* ST_OK: nothing of it is on the child any more, and all of it is paid out.  ST_INVALID: the
 * account cannot pay on the parent, or the child has refused what was forced three times. */
enum status exit_run(const struct exit_options *options, struct arena tmp, struct err *err);

#endif
