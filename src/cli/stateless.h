/* varve blocktest --witness: every block is executed twice, the second time from nothing but a
 * witness that was recorded the first time. */
#ifndef CLI_STATELESS_H
#define CLI_STATELESS_H

#include "stf/stf.h"

/* stf_block, and once more from a witness of it, which must come to the same root. `ancestor`
 * gives a header's encoding: of the parent (0), its parent (1), …
 * ST_CORRUPT: the second run failed or differs, with the reason. */
enum status stateless_block(const struct rules *rules, const struct header *parent,
                            const struct block *block, const struct state_view *view,
                            const struct node_source *nodes,
                            bytes (*ancestor)(const void *self, usize back, struct arena *arena),
                            const void *self, struct stf_result *out, struct arena *arena,
                            struct err *err);

#endif
