/* Transactions of every type that Ethereum knows, from Frontier to Osaka, and the one that child
 * chains have besides: a deposit, which nobody signs, because the parent chain vouches for it. */
#ifndef TYPES_TX_H
#define TYPES_TX_H

#include "base/arena.h"
#include "base/status.h"
#include "base/u256.h"

enum tx_type {
    TX_LEGACY = 0,
    TX_ACCESS_LIST = 1, /* EIP-2930 */
    TX_DYNAMIC_FEE = 2, /* EIP-1559 */
    TX_BLOB = 3,        /* EIP-4844 */
    TX_SET_CODE = 4,    /* EIP-7702 */
    TX_DEPOSIT = 0x7e,  /* OP specs, protocol/deposits.md; child chains only: see check_tx */
};

struct access_entry {
    address who;
    const hash32 *slots;
    usize slot_count;
};

/* EIP-7702. An invalid one is skipped by execution, so decoding bounds only the widths. */
struct authorization {
    u256 chain_id;
    address who;
    u64 nonce;
    u64 y_parity; /* a byte on the wire */
    u256 r, s;
};

struct tx {
    enum tx_type type;
    bool protected;  /* legacy: signed with a chain id (EIP-155); other types: true */
    bool creates;    /* no recipient: a contract creation */
    bool from_known; /* `from` holds the recovered sender, or the one that a deposit names */
    bool is_system;  /* deposits; disabled since Regolith: such a deposit fails */
    address to;
    address from;
    u64 chain_id; /* 0 for an unprotected legacy transaction */
    u64 nonce;    /* no part of a deposit; who reads one back may put its receipt's here */
    u64 gas_limit;
    u256 max_fee_wei;      /* per gas; legacy and type 1: the gas price */
    u256 max_priority_wei; /* per gas; legacy and type 1: the gas price */
    u256 value_wei;
    bytes data;
    const struct access_entry *access;
    usize access_count;
    u256 max_blob_fee_wei; /* per blob gas */
    const hash32 *blob_hashes;
    usize blob_hash_count;
    const struct authorization *authorizations;
    usize authorization_count;
    u8 y_parity;
    u256 r, s;
    hash32 source_hash; /* deposits: what makes it unique */
    u256 mint_wei;      /* deposits: credited to the sender first, and kept whatever happens */
    hash32 hash;
};

/* Decodes the EIP-2718 envelope as gossiped and as counted in a block's list (a typed
 * transaction's type byte and payload; a legacy transaction's list), hash included. Blob
 * transactions are read without their sidecar. Whether this chain and block may have such a
 * transaction is for check_tx to say: a deposit decodes everywhere, with its sender known.
 * Everything borrows from `in` or lives in `arena`, of which it takes at most 8 bytes for each of
 * the input's.
 * ST_INVALID: not the only encoding of a transaction. */
enum status tx_decode(bytes in, struct tx *out, struct arena *arena, struct err *err);

/* The envelope; tx_decode undoes it. */
bytes tx_encode(const struct tx *tx, struct arena *arena);

/* How many bytes that is. */
usize tx_encoded_size(const struct tx *tx);

/* What the sender signs. Deposits have no such thing. */
hash32 tx_signing_hash(const struct tx *tx, struct arena tmp);

/* Fills tx->hash from the other fields. */
void tx_set_hash(struct tx *tx, struct arena tmp);

/* The address that signed, by core's own recovery; host/client has a faster one for bulk.
 * Signatures with s above half the order are refused (`homestead`, EIP-2); Frontier took them. So
 * is a deposit: its sender is known, and nobody's word but the parent's counts for it. */
enum status tx_recover(struct tx *tx, bool homestead, struct arena tmp, struct err *err);

/* EIP-7702: what an authority signs, and who it is. ST_INVALID: no valid signature. */
enum status authorization_recover(const struct authorization *auth, address *out);

/* The price per gas that the sender pays at this base fee; the caller has checked that max_fee
 * covers it. A deposit's gas was paid for on the parent: zero. */
u256 tx_effective_price(const struct tx *tx, u256 base_fee_wei);

/* EIP-4844: 131,072 for each blob. */
u64 tx_blob_gas(const struct tx *tx);

/* Number of storage keys over all of its access list. */
usize tx_access_slot_count(const struct tx *tx);

#endif
