/* A channel daemon on a thread of its own, asked as its JSON-RPC clients ask it. */
#ifndef DURABILITY_PARTY_H
#define DURABILITY_PARTY_H

#include "channel/daemon.h"

struct party;

struct party_options {
    u8 who;             /* its keys follow from it */
    const char *folder; /* exists */
    const char *addr;   /* to listen at, on port 9735 */
    const struct files *files;
    u64 journal_limit; /* these as of the daemon's options */
    u64 patience_us;
    u32 most_channels;
    bool joins;
};

/* Files whose syncs take two milliseconds, on whatever disk: so that what is said too early is. */
const struct files *party_slow_files(void);

enum status party_start(const struct party_options *options, struct party **out, struct err *err);
/* Ends the loop and closes the daemon. NULL is fine. */
void party_stop(struct party *party);

const char *party_name(const struct party *party);
/* NULL: the journal has not failed. */
const char *party_failure(const struct party *party);

/* Waits for the answer, a member "result" or "error". From any thread. */
enum { PARTY_ANSWER = 32768 };
void party_ask(struct party *party, const char *method, const char *params,
               char answer[static PARTY_ANSWER]);
/* One that may be longer. */
void party_ask_long(struct party *party, const char *method, const char *params, char *answer,
                    usize room);

/* --- What answers say. */

/* The quantity or decimal number that follows `"key":`; UINT64_MAX: there is none. */
u64 answer_number(const char *answer, const char *key);
/* The text that follows it, without quotes; empty: there is none. */
void answer_text(const char *answer, const char *key, char *to, usize size);

#endif
