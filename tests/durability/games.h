/* Apps that two channel daemons play to their end, whatever happens to the daemons meanwhile: what
 * is to be done next follows each time from what they say. */
#ifndef DURABILITY_GAMES_H
#define DURABILITY_GAMES_H

#include "durability/party.h"

/* Asks the daemon of a side. False: it has ended, and nobody knows what came of it. */
typedef bool game_ask(void *self, u32 side, const char *method, const char *params,
                      char answer[static PARTY_ANSWER]);

/* Tic-tac-toe; or payments, of which the first pays `amount`: less than twice that is at stake, so
 * that it cannot be paid twice, whoever was asked to. */
struct game {
    const char *cells;   /* by turns, as digits; NULL: payments */
    const char *channel; /* of the first */
    const char *with;    /* whom with, over a hub; NULL: the channel's other side */
    u32 player[2];       /* their sides */
    u64 stake[2], amount;
    u64 sues_at; /* from this version on the second asks the court; 0: never */
    char id[80]; /* of the one that was proposed last; "": none is */
    unsigned proposed;
    bool is_seen;   /* by the last step: */
    u64 version[2]; /* as each of the two has it */
};

enum game_end {
    GAME_GOES_ON,
    GAME_IS_OVER, /* both are done, and what was to be moved is */
    GAME_FAILED,  /* both have nothing of it any more, or are done and moved nothing */
};

/* The next thing. What has failed is proposed again by the next call if its id is taken away. */
enum game_end game_step(struct game *game, game_ask *ask, void *self);

/* Whether both have the same states of all that they play; not while something is under way. */
bool games_are_alike(const char *list, const char *other_list);

#endif
