/* The parts of `struct eth`, shared by its files: eth.c asks, eth_json.c reads answers,
 * eth_block.c, eth_log.c, eth_tx.c and eth_state.c are the questions. */
#ifndef CLIENT_INTERNAL_H
#define CLIENT_INTERNAL_H

#include "base/hex.h"
#include "base/json_out.h"
#include "client/eth.h"
#include "net/client.h"
#include "sys/pages.h"

struct eth {
    struct net_client *net;
    struct pages scratch;
    usize scratch_used; /* by the last question */
    u64 timeout_ms, patience_ms, backoff_ms, deadline_ms;
    usize answer_limit;
    usize batch_limit, batch_now; /* now: less than the limit after refusals */
    usize smooth;                 /* exchanges without trouble since batch_now has changed */
    u64 log_span;                 /* blocks that eth_getLogs has been content with */
    u64 quiet_until_ms;           /* the server has asked to be left alone */
    const atomic_bool *cancel;
};

/* --- eth.c */

/* Scratch of one question; the next one takes it back. */
struct arena eth_scratch(struct eth *eth);

/* Asks until every item has an answer: its result, or the server's refusal. */
enum status eth_calls(struct eth *eth, struct net_client_item *items, usize count,
                      struct arena *tmp, struct err *err);
/* One call that must not be refused (ST_INVALID). */
enum status eth_one_call(struct eth *eth, const char *method, bytes params, json *result,
                         struct arena *tmp, struct err *err);
/* The sentence for an item that was refused. */
enum status eth_refused(const struct eth *eth, const struct net_client_item *item, struct err *err);
/* ST_CORRUPT: "METHOD: SERVER answered with WHAT". */
enum status eth_nonsense(const struct eth *eth, const char *method, const char *what,
                         struct err *err);

/* Parameters: an array over `room` bytes. */
struct json_out eth_params(usize room, struct arena *tmp);
bytes eth_params_end(struct json_out *out);
void eth_put_at(struct json_out *out, struct eth_at at);

/* --- eth_json.c: answers. */

/* Reads members of an object. The first that is absent or not of its type is remembered, and reads
 * as zero from then on. */
struct eth_shape {
    json object;
    struct arena *arena; /* for bytes */
    const char *bad;
};

bool eth_has(const struct eth_shape *in, const char *key); /* present, and not null */
u64 eth_read_u64(struct eth_shape *in, const char *key);
u256 eth_read_u256(struct eth_shape *in, const char *key);
hash32 eth_read_hash(struct eth_shape *in, const char *key);
address eth_read_address(struct eth_shape *in, const char *key);
bytes eth_read_bytes(struct eth_shape *in, const char *key);

/* Values on their own. ST_INVALID: another type, or it does not fit. */
enum status eth_json_u64(json value, u64 *out);
enum status eth_json_u256(json value, u256 *out);
enum status eth_json_fixed(json value, u8 *to, usize size);
enum status eth_json_bytes(json value, bytes *out, struct arena *arena);

/* ST_INVALID: the sentence says which field, without who said it. */
enum status eth_json_header(json value, struct eth_header *out, struct arena *arena,
                            struct err *err);
enum status eth_json_log(json value, struct eth_log *out, struct arena *arena, struct err *err);
/* An array; sorted strictly. */
enum status eth_json_logs(json value, struct eth_logs *out, struct arena *arena, struct err *err);
enum status eth_json_tx(json value, struct eth_tx *out, hash32 *hash, struct arena *arena,
                        struct err *err);
/* At most so many as one answer may have (client/sequencer.h). ST_INVALID: anything else. */
struct signed_block;
enum status sequencer_read_blocks(json value, struct signed_block **out, usize *count,
                                  struct arena *arena);
enum status eth_json_receipt(json value, struct eth_receipt *out, hash32 *tx_hash,
                             struct arena *arena, struct err *err);

#endif
