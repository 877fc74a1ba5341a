/* What the bridge's commands share: the two chains, the key, and words for those who wait. */
#ifndef CLI_BRIDGE_H
#define CLI_BRIDGE_H

#include "cli/layer2.h"
#include "layer/bridge.h"

struct bridge_run {
    struct layer2_run *run;
    struct rollup rollup;
    struct bridge bridge;
    struct key_choice key; /* where one is needed */
    struct errands *on_parent, *on_child;
};

/* Reads rollup.json, reaches both chains, and with `needs_key` takes the key. */
enum status bridge_begin(struct layer2_run *run, bool needs_key, struct bridge_run *out,
                         struct err *err);
void bridge_end(struct bridge_run *run);

/* rollup.json from its file. */
enum status read_rollup_file(struct layer2_run *run, struct rollup *out, struct err *err);

/* Who is meant by --to, or else the key. */
enum status bridge_recipient(const struct bridge_run *run, address *out, struct err *err);

/* "1.5 ETH", "20 USDC". */
struct money_text {
    char text[128];
};
struct money_text money_write(u256 amount, u8 decimals, const char *symbol);
/* What a withdrawal brings. */
struct money_text money_of(const struct bridge_run *run, const struct child_withdrawal *w);

/* "6 d 3 h", "12 s". */
struct duration_text {
    char text[32];
};
struct duration_text duration_write(u64 seconds);

/* Shows, on a terminal, what is waited for, in a line that the next one takes the place of; "":
 * takes it away. */
void say_waiting(const char *text);

enum status bridge_deposit(struct layer2_run *run, struct err *err);
enum status bridge_force(struct layer2_run *run, struct err *err);
enum status bridge_withdraw(struct layer2_run *run, struct err *err);
enum status bridge_status(struct layer2_run *run, struct err *err);
enum status bridge_list(struct layer2_run *run, struct err *err);

#endif
