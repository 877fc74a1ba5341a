/* What the signer keeps of apps that we play: which states it may sign yet. Knows no keys.
 *
 * An app that is over is never begun again: its signatures are out, and the court would take them
 * for the new one's. An app's id names when it expires, so it would have to be begun before that
 * time; the ids of so many that are over are kept as there is room for, and where there is none,
 * the one that expires first goes, and nothing is begun that expires no later. */
#ifndef CHANNEL_SIGNER_APPS_H
#define CHANNEL_SIGNER_APPS_H

#include "channel/app.h"

/* An app that has begun. */
struct signer_app {
    hash32 id, domain; /* of the court: what states are signed under */
    address player;    /* ours */
    u128 stake[2];
    u64 expiry_s;   /* that its id names */
    bool has_rules; /* else either may propose, so a state of the other's may come late */
};

/* One that we are asked to sign. */
struct sign_app {
    hash32 id;
    const struct app_state *state;
};

enum { APPS_OVER_MOST = 2048 };

/* Apps that are over. */
struct apps_over {
    u64 until_s; /* whatever expires at that time or before counts as over */
    usize count;
    struct app_over {
        hash32 id;
        u64 expiry_s;
    } list[APPS_OVER_MOST];
};

struct signed_apps {
    struct signed_app *first;
    struct apps_over over;
};

/* From here on its states may be signed, above those of before. ST_INVALID: it is over. */
enum status signed_apps_begin(struct signed_apps *all, const struct signer_app *app,
                              struct err *err);
/* So far both have signed: nothing that is not newer is of use. */
void signed_apps_agree(struct signed_apps *all, hash32 id, u64 version);
/* A record says that we have signed a state of this version. */
void signed_apps_note(struct signed_apps *all, hash32 id, u64 version);
void signed_apps_end(struct signed_apps *all, hash32 id);
bool signed_apps_is_over(const struct signed_apps *all, hash32 id, u64 expiry_s);
/* A record says that all these are over. */
void signed_apps_add_over(struct signed_apps *all, const struct app_over *list, usize count,
                          u64 until_s);
/* Judges, and remembers that it is signed. ST_INVALID: it is not to be; nothing has changed. */
enum status signed_apps_judge(struct signed_apps *all, const struct sign_app *app, hash32 *digest,
                              struct err *err);
void signed_apps_free(struct signed_apps *all);

#endif
