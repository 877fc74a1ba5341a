#include "client/sender_parts.h"

#include "base/fmt.h"

#include <stdlib.h>

static void *copy_of(bytes from)
{
    u8 *copy = malloc(from.size + 1);
    assert(copy != NULL); /* all of them are within the limit of intents and of each one's size */
    bytes_copy(copy, from);
    return copy;
}

static void release(bytes *owned)
{
    union {
        const u8 *read;
        void *any;
    } memory = {owned->data};
    free(memory.any);
    *owned = BYTES_EMPTY;
}

/* --- Lists, and the index of both. */

static void push(struct entry_list *list, struct entry *entry)
{
    entry->next = NULL;
    entry->previous = list->last;
    *(list->last == NULL ? &list->first : &list->last->next) = entry;
    list->last = entry;
    list->count++;
}

static void drop(struct entry_list *list, struct entry *entry)
{
    *(entry->previous == NULL ? &list->first : &entry->previous->next) = entry->next;
    *(entry->next == NULL ? &list->last : &entry->next->previous) = entry->previous;
    list->count--;
}

/* Keys are hashes of what is wanted, or of the caller's choice: whoever chooses them so that they
 * meet slows itself down. */
static usize bucket_of(hash32 key)
{
    return load_le64(key.b) % SENDER_BUCKETS;
}

struct entry *sender_find(const struct sender *sender, hash32 key)
{
    struct entry *entry = sender->buckets[bucket_of(key)];
    while (entry != NULL && !hash32_equal(entry->intent.key, key))
        entry = entry->next_in_bucket;
    return entry;
}

struct entry *entry_add(struct sender *sender, const struct sender_intent *intent)
{
    struct entry *entry = calloc(1, sizeof(*entry)),
                 **bucket = &sender->buckets[bucket_of(intent->key)];
    assert(entry != NULL);
    bytes blobs = {(const u8 *)intent->blobs, intent->blob_count * sizeof(struct blob)};
    entry->intent = *intent;
    entry->intent.data.data = copy_of(intent->data);
    entry->intent.blobs = copy_of(blobs);
    entry->outcome.reason = entry->reason;
    entry->cells = sender->options.cell_proofs;
    push(&sender->unfinished, entry);
    entry->next_in_bucket = *bucket;
    *bucket = entry;
    return entry;
}

static struct sender_fees fees_of(const struct tx *tx)
{
    return (struct sender_fees){tx->max_fee_wei, tx->max_priority_wei, tx->max_blob_fee_wei};
}

enum status entry_add_attempt(struct sender *sender, struct entry *entry, bool cancels,
                              bytes envelope, struct arena tmp)
{
    struct tx tx;
    TRY(tx_decode(envelope, &tx, &tmp, NULL));
    struct attempt *list =
        realloc(entry->attempts, (entry->attempt_count + 1) * sizeof(*entry->attempts));
    assert(list != NULL);
    entry->attempts = list;
    list[entry->attempt_count++] = (struct attempt){
        .cancels = cancels,
        .hash = tx.hash,
        .fees = fees_of(&tx),
        .envelope = {copy_of(envelope), envelope.size},
    };
    entry->nonce = tx.nonce;
    if (!cancels)
        entry->gas_limit = tx.gas_limit;
    entry->outcome.has_nonce = true;
    entry->outcome.nonce = tx.nonce;
    entry->outcome.tx_hash = tx.hash;
    sender->next_nonce = max_u64(sender->next_nonce, tx.nonce + 1);
    return ST_OK;
}

static void free_work(struct entry *entry)
{
    bytes blobs = {(const u8 *)entry->intent.blobs, 0};
    release(&entry->intent.data);
    release(&blobs);
    entry->intent.blobs = NULL;
    sidecar_free(&entry->sidecar);
    for (usize i = 0; i < entry->attempt_count; i++)
        release(&entry->attempts[i].envelope);
    free(entry->attempts);
    entry->attempts = NULL;
    entry->attempt_count = 0;
}

static void entry_free(struct entry *entry)
{
    free_work(entry);
    release(&entry->outcome.revert_data);
    free(entry);
}

void entry_retire(struct sender *sender, struct entry *entry)
{
    assert(!entry->finished);
    free_work(entry);
    entry->finished = true;
    entry->outcome.settled = true;
    entry->outcome.revert_data.data = copy_of(entry->outcome.revert_data);
    drop(&sender->unfinished, entry);
    push(&sender->finished, entry);
}

void sender_forget(struct sender *sender)
{
    while (sender->finished.count > SENDER_REMEMBERED) {
        struct entry *entry = sender->finished.first;
        struct entry **at = &sender->buckets[bucket_of(entry->intent.key)];
        while (*at != entry)
            at = &(*at)->next_in_bucket;
        *at = entry->next_in_bucket;
        drop(&sender->finished, entry);
        entry_free(entry);
    }
}

void entries_free(struct sender *sender)
{
    struct entry *const firsts[] = {sender->unfinished.first, sender->finished.first};
    for (usize i = 0; i < countof(firsts); i++)
        for (struct entry *entry = firsts[i], *next; entry != NULL; entry = next) {
            next = entry->next;
            entry_free(entry);
        }
}

/* --- Ends. */

[[gnu::format(printf, 2, 3)]] void entry_say(struct entry *entry, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fmt_va(entry->reason, sizeof(entry->reason), format, args);
    va_end(args);
}

enum status sender_finish(struct sender *sender, struct entry *entry, enum sender_state state,
                          bytes revert_data, struct err *err)
{
    struct sender_outcome outcome = entry->outcome;
    outcome.state = state;
    outcome.revert_data = revert_data;
    TRY(journal_done(sender, entry->intent.key, &outcome, err));
    entry->outcome = outcome;
    entry_retire(sender, entry);
    return ST_OK;
}
