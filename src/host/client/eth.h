/* Any Ethereum, by JSON-RPC: what a child chain asks of its parent.
 *
 *   typed question -> calls (batched) -> net/client.h -> answer, checked -> typed result
 *
 * Everything that comes back is hostile: sizes are bounded, every field has its type, an answer is
 * to the question, and a header hashes to its name. What cannot be checked here (that logs are
 * complete, that a transaction's input is what was signed) says so, for those who have commitments
 * to check it against.
 *
 * Questions are asked again, further and further apart, when the server cannot be reached or is
 * overloaded, until the deadline; eth_send_raw alone is not, because only its caller knows what it
 * means to send again. All calls block; one thread at a time.
 *
 * Statuses, unless said otherwise: ST_AGAIN, ST_IO: not reached, overloaded, no sense in its
 * answers, until the time was over, or cancelled. ST_INVALID: the server refuses the question.
 * ST_CORRUPT: an answer that no honest server gives. ST_FULL: an answer larger than the limit.
 * Sentences name the method, the server and what came back.
 *
 * Results lie in `arena`, which needs room for four times the limit of an answer. */
#ifndef CLIENT_ETH_H
#define CLIENT_ETH_H

#include "types/receipt.h"

#include <stdatomic.h>

struct eth;

/* 0 stands for the value in brackets. */
struct eth_options {
    const char *url;
    u64 timeout_ms;            /* of one exchange (20,000) */
    u64 patience_ms;           /* how long a question is asked again in all (60,000) */
    u64 backoff_ms;            /* before it is asked the second time, then doubled (250) */
    usize answer_limit;        /* bytes (64 MiB) */
    usize batch_limit;         /* calls in one body (100) */
    const atomic_bool *cancel; /* once set, questions end soon. NULL: never */
};

/* Nothing is connected yet. ST_INVALID: not a URL.  ST_FULL: no memory. */
enum status eth_new(const struct eth_options *options, struct eth **out, struct err *err);
/* NULL is fine. */
void eth_free(struct eth *eth);

/* "host:port". The rest of a URL may hold a secret. */
const char *eth_name(const struct eth *eth);

/* Bytes that the results of one question may take. */
usize eth_result_room(const struct eth *eth);

/* Questions from here on are given up at this time (clock_now_ms), or when their patience ends
 * before. 0: no such time. */
void eth_set_deadline(struct eth *eth, u64 at_ms);

enum status eth_ask_chain_id(struct eth *eth, u64 *out, struct err *err);
/* At most `size` bytes with the final zero. */
enum status eth_ask_version(struct eth *eth, char *to, usize size, struct err *err);

/* --- Blocks. */

enum eth_tag {
    ETH_LATEST,
    ETH_PENDING, /* for state alone */
    ETH_SAFE,
    ETH_FINALIZED,
};

/* Which block. A number is that of the canonical chain, as the server sees it now. */
struct eth_at {
    enum { ETH_AT_TAG, ETH_AT_NUMBER, ETH_AT_HASH } kind;
    enum eth_tag tag;
    u64 number;
    hash32 hash;
};

static inline struct eth_at eth_at_tag(enum eth_tag tag)
{
    return (struct eth_at){.kind = ETH_AT_TAG, .tag = tag};
}

static inline struct eth_at eth_at_number(u64 number)
{
    return (struct eth_at){.kind = ETH_AT_NUMBER, .number = number};
}

static inline struct eth_at eth_at_hash(hash32 hash)
{
    return (struct eth_at){.kind = ETH_AT_HASH, .hash = hash};
}

/* `hash` is the header's own: computed here, and what the server said. */
struct eth_header {
    struct header header;
    hash32 hash;
};

/* ST_MISSING: the server has no such block (yet).  ST_CORRUPT: it does not hash to its name, be it
 * that the server lies or that its blocks have fields that this program does not know. */
enum status eth_ask_header(struct eth *eth, struct eth_at at, struct eth_header *out,
                           struct arena *arena, struct err *err);

/* Blocks first, first + 1, …: at most `count`, as many as there are. They need not be of one
 * branch: the chain may change while they are read. */
enum status eth_ask_headers(struct eth *eth, u64 first, usize count, struct eth_header *out,
                            usize *got, struct arena *arena, struct err *err);

/* The newest block's, which says less than its header and costs a server and us far less. */
enum status eth_ask_block_number(struct eth *eth, u64 *out, struct err *err);

/* Latest, safe and finalised at about the same time. */
struct eth_heads {
    struct eth_header latest, safe, finalized;
    bool has_safe, has_finalized; /* some chains have neither, or not yet */
};
enum status eth_ask_heads(struct eth *eth, struct eth_heads *out, struct arena *arena,
                          struct err *err);

/* --- Logs. */

struct eth_log {
    struct log log;
    u64 block_number;
    hash32 block_hash;
    hash32 tx_hash;
    u64 tx_index;
    u64 index; /* in its block */
};

struct eth_logs {
    struct eth_log *list; /* by block and index, strictly increasing */
    usize count;
};

/* From this contract, with one of these as topic 0 (none: any). */
struct eth_filter {
    address who;
    const hash32 *topics;
    usize topic_count;
};

/* Whether a block with this bloom may hold what is looked for. */
bool eth_bloom_may_match(const bloom256 *bloom, const struct eth_filter *filter);

/* All are of that block and of that contract; whether any is left out, nobody can tell from them.
 * ST_MISSING: the server has no such block (some then answer that there are no logs). */
enum status eth_ask_block_logs(struct eth *eth, hash32 block_hash, const struct eth_filter *filter,
                               struct eth_logs *out, struct arena *arena, struct err *err);
/* For several blocks in one exchange. */
enum status eth_ask_blocks_logs(struct eth *eth, const hash32 *block_hashes, usize count,
                                const struct eth_filter *filter, struct eth_logs *out,
                                struct arena *arena, struct err *err);
/* Of canonical blocks first to last, included. Asks for parts where the server finds that too much.
 * ST_FULL: more in all than results may take: ask for less. */
enum status eth_ask_logs(struct eth *eth, u64 first, u64 last, const struct eth_filter *filter,
                         struct eth_logs *out, struct arena *arena, struct err *err);

/* --- Transactions. */

/* The server's word, whose hash is not recomputed: a type that is not known here has data to be
 * read as well. */
struct eth_tx {
    bool found;
    bool creates;
    bool mined; /* then in this block: */
    u64 block_number;
    hash32 block_hash;
    u64 type;
    address from, to;
    u64 nonce;
    u256 value_wei;
    bytes input;
    const hash32 *blob_hashes;
    usize blob_hash_count;
};
enum status eth_ask_txs(struct eth *eth, const hash32 *hashes, usize count, struct eth_tx *out,
                        struct arena *arena, struct err *err);

struct eth_receipt {
    bool found; /* mined in a block that is canonical now: */
    bool succeeded;
    u64 block_number;
    hash32 block_hash;
    u64 gas_used;
    u256 price_wei; /* per gas; 0 where the server does not say */
    bool created;
    address contract;
    struct eth_logs logs;
};
enum status eth_ask_receipts(struct eth *eth, const hash32 *hashes, usize count,
                             struct eth_receipt *out, struct arena *arena, struct err *err);

/* What the server did with a transaction. */
enum eth_sent {
    ETH_SENT_NEW,         /* taken */
    ETH_SENT_KNOWN,       /* it had it */
    ETH_SENT_NONCE_LOW,   /* its nonce is used: by itself, or by another one */
    ETH_SENT_UNDERPRICED, /* another one with its nonce waits, and it does not pay enough more */
    ETH_SENT_CHEAP,       /* below what the server takes now */
    ETH_SENT_POOR,        /* the sender cannot pay for it */
    ETH_SENT_REFUSED,     /* something else */
};
/* Sends once. ST_OK: the server has it.  ST_INVALID: it refuses; *sent says how, the sentence why.
 * ST_AGAIN, ST_IO: it may have it or not. */
enum status eth_send_raw(struct eth *eth, bytes raw, hash32 hash, enum eth_sent *sent,
                         struct err *err);

/* --- State. */

enum status eth_ask_balance(struct eth *eth, address who, struct eth_at at, u256 *out,
                            struct err *err);
enum status eth_ask_nonce(struct eth *eth, address who, struct eth_at at, u64 *out,
                          struct err *err);
enum status eth_ask_code(struct eth *eth, address who, struct eth_at at, bytes *out,
                         struct arena *arena, struct err *err);

/* Nonces of an account: mined, and with what waits in the server's pool. */
enum status eth_ask_nonces(struct eth *eth, address who, u64 *latest, u64 *pending,
                           struct err *err);

struct eth_message {
    bool has_from, creates;
    address from, to;
    u256 value_wei;
    u64 gas_limit; /* 0: as much as the server allows */
    bytes data;
    const hash32 *blob_hashes;
    usize blob_hash_count;
    u256 max_blob_fee_wei;
};

/* Why a call was refused. */
struct eth_refusal {
    i64 code;
    bool reverted; /* the contract did it, with this data */
    bytes data;
};

/* ST_INVALID: *refusal says more; the sentence has the contract's reason in words. */
enum status eth_ask_call(struct eth *eth, const struct eth_message *message, struct eth_at at,
                         bytes *result, struct eth_refusal *refusal, struct arena *arena,
                         struct err *err);
/* Several, as of one block. ST_INVALID: the server refuses one. */
enum status eth_ask_calls(struct eth *eth, const struct eth_message *messages, usize count,
                          struct eth_at at, bytes *results, struct arena *arena, struct err *err);
enum status eth_ask_gas(struct eth *eth, const struct eth_message *message, struct eth_at at,
                        u64 *gas, struct eth_refusal *refusal, struct arena *arena,
                        struct err *err);

/* What a transaction in the next block pays, and what tips have been. From eth_feeHistory, else
 * eth_maxPriorityFeePerGas, eth_gasPrice, eth_blobBaseFee: the server's word. */
struct eth_fees {
    bool has_base_fee, has_blob_fee;
    u256 base_fee_wei; /* per gas, of the next block */
    u256 priority_wei; /* per gas; where there is no base fee, the gas price */
    u256 blob_fee_wei; /* per blob gas, of the next block */
};
enum status eth_ask_fees(struct eth *eth, struct eth_fees *out, struct err *err);

#endif
