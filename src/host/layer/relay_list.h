/* What a relayer has still to do, and how far it has looked for more.
 *
 *   blocks of the child   0 ........ kept ........ seen ....
 *                         final, in the file       may still be taken back
 *
 * The file says which withdrawals up to `kept` are open; those after it are found again. What has
 * been done for one, the parent says: only what failed is counted here, so that nothing is tried
 * for ever.
 *
 *   file = "varverelayer1" genesis hash:32 kept number:8 hash:32 count:4 row* keccak of it all:32
 *   row  = withdrawal hash:32 block:8 stage:1 failures:1 refusals:2 */
#ifndef LAYER_RELAY_LIST_H
#define LAYER_RELAY_LIST_H

#include "base/arena.h"
#include "sys/files.h"

/* More are not taken up before some are done with: 3 MB in the file. */
enum { RELAY_MOST_ROWS = 1 << 16 };

enum relay_stage {
    RELAY_PROVE,  /* not proven yet, as far as is known */
    RELAY_PAY,    /* not paid yet */
    RELAY_REPLAY, /* paid, and its message has failed */
    RELAY_STAGES,
};

struct relay_row {
    hash32 hash; /* of the withdrawal */
    u64 block;   /* of the child, that has it */
    enum relay_stage stage;
    /* Of this stage: transactions that came to nothing, and estimates that say that one would. */
    u8 failures;
    u16 refusals;
    u64 due_ms; /* when to look at it again; not in the file */
};

struct relay_point {
    u64 number;
    hash32 hash;
};

struct relay_list {
    hash32 genesis_hash; /* of the child */
    struct relay_point kept, seen;
    struct relay_row *rows; /* by block */
    usize count, room;
    bool changed; /* since it was written */
};

/* Empty, before the first block. */
void relay_list_init(struct relay_list *list, hash32 genesis_hash);
void relay_list_free(struct relay_list *list);

void relay_list_add(struct relay_list *list, hash32 hash, u64 block);
/* The last row takes its place: whoever walks the list walks it backwards. */
void relay_list_drop(struct relay_list *list, usize index);
/* Everything after `kept` is forgotten: the child has taken blocks back. */
void relay_list_go_back(struct relay_list *list);
/* The row is in another stage than it was. */
void relay_row_enter(struct relay_row *row, enum relay_stage stage);

/* Rows up to `kept`. Replaces what is there at once. */
enum status relay_list_write(struct relay_list *list, const struct files *files, const char *path,
                             struct arena tmp, struct err *err);
/* ST_MISSING: there is none. ST_CORRUPT: damaged, or of another child; *list is empty then. */
enum status relay_list_read(struct relay_list *list, const struct files *files, const char *path,
                            struct arena tmp, struct err *err);

#endif
