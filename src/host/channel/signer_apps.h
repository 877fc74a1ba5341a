/* What the signer keeps of apps that we play: which states it may sign yet. Knows no keys. */
#ifndef CHANNEL_SIGNER_APPS_H
#define CHANNEL_SIGNER_APPS_H

#include "channel/app.h"

/* An app that has begun. */
struct signer_app {
    hash32 id, domain; /* of the court: what states are signed under */
    address player;    /* ours */
    u128 stake[2];
    bool has_rules; /* else either may propose, so a state of the other's may come late */
};

/* One that we are asked to sign. */
struct sign_app {
    hash32 id;
    const struct app_state *state;
};

struct signed_apps {
    struct signed_app *first;
};

/* From here on its states may be signed, above those of before; of one that is over none. */
void signed_apps_begin(struct signed_apps *all, const struct signer_app *app);
/* So far both have signed: nothing that is not newer is of use. */
void signed_apps_agree(struct signed_apps *all, hash32 id, u64 version);
/* A record says that we have signed a state of this version. */
void signed_apps_note(struct signed_apps *all, hash32 id, u64 version);
void signed_apps_end(struct signed_apps *all, hash32 id);
/* Judges, and remembers that it is signed. ST_INVALID: it is not to be; nothing has changed. */
enum status signed_apps_judge(struct signed_apps *all, const struct sign_app *app, hash32 *digest,
                              struct err *err);
void signed_apps_free(struct signed_apps *all);

#endif
