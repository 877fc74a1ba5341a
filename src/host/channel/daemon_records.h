/* What a daemon writes down, and what it finds there: the journal and the history. */
#ifndef CHANNEL_DAEMON_RECORDS_H
#define CHANNEL_DAEMON_RECORDS_H

#include "channel/daemon_internal.h"

/* --- records.c */

enum record {
    RECORD_ENTRY = 1,
    RECORD_SENT,
    RECORD_RECEIVED,
    RECORD_SEEN,
    RECORD_WANTED,
    RECORD_STAGE,
    RECORD_BLOCK,
    RECORD_PASSAGE,
    RECORD_BILL,
    RECORD_BILL_PAID,
    RECORD_PAYMENT,
    RECORD_PART,
    RECORD_SHOWN,
    RECORD_PUBLIC,
    RECORD_PEER,
    RECORD_LOST,
    RECORD_KNOWN,
    RECORD_CHANNEL,
    RECORD_JOINED,
    RECORD_PAID,
    RECORD_ANEW,
    RECORD_TIME,
    RECORD_FAILED,
    RECORD_OFFER,
    RECORD_INSTEAD,
    RECORD_APP,
    RECORD_APP_HUB,
    RECORD_APP_STAGE,
    RECORD_APP_SAID,
    RECORD_APP_HEARD,
    RECORD_SPENT,
    RECORD_FEES,
    RECORD_SIGNED,
    RECORD_FOUND,
    RECORD_APPS_OVER,
    RECORD_LOOSE,
    RECORD_TEXT,
};

/* A lock of before a restore that was paid, and that nothing is joined to. As the journal has it.
 */
struct loose_lock {
    u128 amount;
    hash32 key, preimage;
    u64 ours, slot; /* ours: 1; the peer's: 0 */
};

void record_entry(const struct entry *entry);
/* It has taken the place of another one. */
void record_instead(const struct entry *entry);
/* RECORD_SENT or RECORD_RECEIVED. */
void record_message(const struct entry *entry, enum record kind,
                    const struct wire_message *message);
/* RECOVER, with all locks that came before it too. */
void record_recovered(const struct entry *entry, const struct wire_recover *said);
void record_seen(const struct entry *entry);
void record_wanted(const struct entry *entry);
void record_stage(const struct entry *entry);
void record_lost(const struct entry *entry);
void record_found(struct daemon *daemon, const hash32 *preimage);
void record_loose(const struct entry *entry, const struct loose_lock *loose);
void record_known(const struct entry *entry, const struct channel_proof *proof);
void record_passage(const struct passage *passage);
void record_bill(struct daemon *daemon, const struct bill_terms *terms);
void record_received(struct daemon *daemon, hash32 hash, u128 amount);
/* What an invoice, or a payment of ours, is for. */
void record_text(struct daemon *daemon, hash32 hash, bool is_ours, bytes text);
void record_payment(const struct payment *payment);
void record_failed(const struct payment *payment);
/* The time, if it is another than that which the journal has. */
void record_time(struct daemon *daemon);
void record_part(const struct passage *passage, const struct payment *payment);
void record_block(const struct chain_of *chain);
void record_shown(const struct chain_of *chain, const struct shown_terms *terms);
void record_peer(const struct peer *peer);
void record_public(const struct chain_of *chain, hash32 key);
void record_spent(void *daemon, address asset, const struct signer_spent *spent);
void record_fees(struct chain_of *chain);
/* For a journal that is written anew. */
void record_all_fees(struct chain_of *chain);
void record_signed(const struct entry *entry);
enum status record_replay(void *daemon, u8 kind, bytes payload, struct err *err);

/* --- anew.c */

/* Writes the journal anew when it is large and most of it is old. */
void anew_tick(struct daemon *daemon);
/* From the journal. */
enum status anew_read_channel(struct entry *entry, bytes content, struct err *err);
enum status anew_read_joined(struct daemon *daemon, bytes payload, struct err *err);
enum status anew_read_paid(struct daemon *daemon, bytes payload, struct err *err);
enum status anew_read_end(struct daemon *daemon, bytes payload, struct err *err);

/* --- chronicle.c */

void chronicle_update(const struct entry *entry, bool ours, const struct wire_update *update);
void chronicle_payment(struct payment *payment);
/* Returns the row's number. */
u64 chronicle_bill(struct daemon *daemon, const struct bill_terms *terms, hash32 hash,
                   u128 received);
void chronicle_gift(const struct entry *entry, const struct lock *lock, hash32 preimage);
void chronicle_forward(const struct passage *passage, hash32 preimage);
void chronicle_text(const struct daemon *daemon, hash32 hash, bool is_ours, bytes text);
void chronicle_channel(const struct entry *entry);
void chronicle_loose(const struct entry *entry, const struct loose_lock *loose);
/* What memory has no more of. */
bool chronicle_was_paid(const struct daemon *daemon, hash32 hash);
bool chronicle_bill_state(const struct daemon *daemon, hash32 hash, u128 *received);

#endif
