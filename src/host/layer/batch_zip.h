/* Compressing batches (derive/batch.h, codec 1). Any stream that inflates to the body will do; how
 * hard to look for a short one is the batcher's business alone. */
#ifndef LAYER_BATCH_ZIP_H
#define LAYER_BATCH_ZIP_H

#include "derive/batch.h"

/* The batch's data, ready to append: deflated, or as it is where that is not shorter. Lives in
 * `arena`, of which it takes at most batch_zip_bound. ST_FULL: no memory for zlib. */
enum status batch_zip(const struct batch_body *body, bytes *data, struct arena *arena,
                      struct err *err);
usize batch_zip_bound(usize body_size);

#endif
