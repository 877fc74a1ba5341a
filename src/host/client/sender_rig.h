/* For tests: a sender before a parent that a test moves by hand, with a disk that can lose power.
 */
#ifndef CLIENT_SENDER_RIG_H
#define CLIENT_SENDER_RIG_H

#include "client/fake.h"
#include "client/sender.h"
#include "sys/power.h"

struct sender_rig {
    struct fake *fake;
    struct eth *eth;
    struct keys *keys;
    struct power power;
    char path[300];
    u64 now_ms;
    struct sender_options options;
    struct sender *sender;
    struct err err;
};

/* A new parent, and a sender with a journal in the test's folder, or in this one. */
struct sender_rig *rig_begin(void);
struct sender_rig *rig_begin_in(const char *folder, unsigned number);
void rig_end(struct sender_rig *at);
/* With options that may have been changed meanwhile. */
enum status rig_open(struct sender_rig *at);
void rig_restart(struct sender_rig *at);
enum status rig_poll(struct sender_rig *at, u64 pass_ms);

/* Intent `id` carries its id as data. */
struct sender_intent rig_intent(u8 id);
void rig_submit(struct sender_rig *at, u8 id);
struct sender_outcome rig_look(struct sender_rig *at, u8 id);
/* How often an intent has happened on the chain as it is now. */
usize rig_executed(const struct sender_rig *at, u8 id);

usize rig_in_pool(const struct sender_rig *at);
const struct fake_tx *rig_newest_tx(const struct sender_rig *at);

#endif
