/* The JSON of blocks, transactions, receipts and logs. Source: ethereum/execution-apis, schemas;
 * for child chains op-geth, whose members viem's op-stack formatters read. */
#include "rpc/internal.h"

void put_member_u64(struct json_out *out, const char *key, u64 value)
{
    json_key(out, key);
    json_put_quantity_u64(out, value);
}

void put_member_u256(struct json_out *out, const char *key, u256 value)
{
    json_key(out, key);
    json_put_quantity(out, value);
}

void put_member_bytes(struct json_out *out, const char *key, bytes value)
{
    json_key(out, key);
    json_put_hex(out, value);
}

void put_member_hash(struct json_out *out, const char *key, hash32 value)
{
    put_member_bytes(out, key, BYTES_OF(value));
}

void put_member_address(struct json_out *out, const char *key, address value)
{
    put_member_bytes(out, key, BYTES_OF(value));
}

void put_member_null(struct json_out *out, const char *key)
{
    json_key(out, key);
    json_put_null(out);
}

/* --- Transactions. */

void put_access_list(struct json_out *out, const struct access_entry *list, usize count)
{
    json_open_array(out);
    for (usize i = 0; i < count; i++) {
        json_open_object(out);
        put_member_address(out, "address", list[i].who);
        json_key(out, "storageKeys");
        json_open_array(out);
        for (usize k = 0; k < list[i].slot_count; k++)
            json_put_hex(out, BYTES_OF(list[i].slots[k]));
        json_close_array(out);
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_authorizations(struct json_out *out, const struct tx *tx)
{
    json_key(out, "authorizationList");
    json_open_array(out);
    for (usize i = 0; i < tx->authorization_count; i++) {
        const struct authorization *auth = &tx->authorizations[i];
        json_open_object(out);
        put_member_u256(out, "chainId", auth->chain_id);
        put_member_address(out, "address", auth->who);
        put_member_u64(out, "nonce", auth->nonce);
        put_member_u64(out, "yParity", auth->y_parity);
        put_member_u256(out, "r", auth->r);
        put_member_u256(out, "s", auth->s);
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_tx_place(struct json_out *out, const struct tx_place *place)
{
    if (place == NULL) {
        put_member_null(out, "blockHash");
        put_member_null(out, "blockNumber");
        put_member_null(out, "blockTimestamp");
        put_member_null(out, "transactionIndex");
        return;
    }
    put_member_hash(out, "blockHash", place->block_hash);
    put_member_u64(out, "blockNumber", place->header->number);
    put_member_u64(out, "blockTimestamp", place->header->timestamp);
    put_member_u64(out, "transactionIndex", place->index);
}

/* What it pays in its block; pending, the most that it would pay. */
static u256 shown_price(const struct tx *tx, const struct tx_place *place)
{
    if (place == NULL || tx->type == TX_LEGACY || tx->type == TX_ACCESS_LIST)
        return tx->max_fee_wei;
    return tx_effective_price(tx, place->header->base_fee_wei);
}

static void put_to(struct json_out *out, const struct tx *tx)
{
    if (tx->creates)
        put_member_null(out, "to");
    else
        put_member_address(out, "to", tx->to);
}

/* As op-geth has them: no chain, no fees, no mint where nothing is minted. */
static void put_deposit_members(struct json_out *out, const struct tx *tx)
{
    put_member_hash(out, "sourceHash", tx->source_hash);
    if (!u256_is_zero(tx->mint_wei))
        put_member_u256(out, "mint", tx->mint_wei);
    json_key(out, "isSystemTx");
    json_put_bool(out, tx->is_system);
    put_member_u64(out, "depositReceiptVersion", DEPOSIT_RECEIPT_VERSION);
}

static void put_tx_type_members(struct json_out *out, const struct tx *tx)
{
    if (tx->type == TX_DEPOSIT) {
        put_deposit_members(out, tx);
        return;
    }
    bool has_chain = tx->type != TX_LEGACY || tx->protected;
    if (has_chain)
        put_member_u64(out, "chainId", tx->chain_id);
    if (tx->type == TX_LEGACY)
        return;
    json_key(out, "accessList");
    put_access_list(out, tx->access, tx->access_count);
    if (tx->type >= TX_DYNAMIC_FEE) {
        put_member_u256(out, "maxFeePerGas", tx->max_fee_wei);
        put_member_u256(out, "maxPriorityFeePerGas", tx->max_priority_wei);
    }
    if (tx->type == TX_BLOB) {
        put_member_u256(out, "maxFeePerBlobGas", tx->max_blob_fee_wei);
        json_key(out, "blobVersionedHashes");
        json_open_array(out);
        for (usize i = 0; i < tx->blob_hash_count; i++)
            json_put_hex(out, BYTES_OF(tx->blob_hashes[i]));
        json_close_array(out);
    }
    if (tx->type == TX_SET_CODE)
        put_authorizations(out, tx);
}

static void put_signature(struct json_out *out, const struct tx *tx)
{
    u256 v = u256_from_u64(tx->y_parity);
    if (tx->type == TX_LEGACY && tx->protected) /* EIP-155: {0,1} + chain id * 2 + 35 */
        v = u256_add(v, u256_add(u256_shl(u256_from_u64(tx->chain_id), 1), u256_from_u64(35)));
    else if (tx->type == TX_LEGACY)
        v = u256_add(v, u256_from_u64(27));
    put_member_u256(out, "v", v);
    put_member_u256(out, "r", tx->r);
    put_member_u256(out, "s", tx->s);
    if (tx->type != TX_LEGACY)
        put_member_u64(out, "yParity", tx->y_parity);
}

void put_tx(struct json_out *out, const struct tx *tx, const struct tx_place *place)
{
    json_open_object(out);
    put_tx_place(out, place);
    put_member_u64(out, "type", (u64)tx->type);
    put_member_hash(out, "hash", tx->hash);
    put_member_u64(out, "nonce", tx->nonce);
    put_member_address(out, "from", tx->from);
    put_to(out, tx);
    put_member_u256(out, "value", tx->value_wei);
    put_member_u64(out, "gas", tx->gas_limit);
    put_member_u256(out, "gasPrice", shown_price(tx, place));
    put_member_bytes(out, "input", tx->data);
    put_tx_type_members(out, tx);
    put_signature(out, tx);
    json_close_object(out);
}

/* --- Headers and blocks. */

void put_header_members(struct json_out *out, const struct header *header, hash32 hash)
{
    put_member_u64(out, "number", header->number);
    put_member_hash(out, "hash", hash);
    put_member_hash(out, "parentHash", header->parent_hash);
    put_member_bytes(out, "nonce", BYTES_OF(header->nonce));
    put_member_hash(out, "mixHash", header->mix_hash);
    put_member_hash(out, "sha3Uncles", header->ommers_hash);
    put_member_bytes(out, "logsBloom", BYTES_OF(header->logs_bloom));
    put_member_hash(out, "transactionsRoot", header->transactions_root);
    put_member_hash(out, "stateRoot", header->state_root);
    put_member_hash(out, "receiptsRoot", header->receipts_root);
    put_member_address(out, "miner", header->beneficiary);
    put_member_u256(out, "difficulty", header->difficulty);
    put_member_bytes(out, "extraData", header->extra_data);
    put_member_u64(out, "gasLimit", header->gas_limit);
    put_member_u64(out, "gasUsed", header->gas_used);
    put_member_u64(out, "timestamp", header->timestamp);
    if (header->fields >= HEADER_LONDON)
        put_member_u256(out, "baseFeePerGas", header->base_fee_wei);
    if (header->fields >= HEADER_SHANGHAI)
        put_member_hash(out, "withdrawalsRoot", header->withdrawals_root);
    if (header->fields >= HEADER_CANCUN) {
        put_member_u64(out, "blobGasUsed", header->blob_gas_used);
        put_member_u64(out, "excessBlobGas", header->excess_blob_gas);
        put_member_hash(out, "parentBeaconBlockRoot", header->parent_beacon_root);
    }
    if (header->fields >= HEADER_PRAGUE)
        put_member_hash(out, "requestsHash", header->requests_hash);
}

void put_header(struct json_out *out, const struct header *header, hash32 hash)
{
    json_open_object(out);
    put_header_members(out, header, hash);
    json_close_object(out);
}

static void put_withdrawals(struct json_out *out, const struct block *block)
{
    json_key(out, "withdrawals");
    json_open_array(out);
    for (usize i = 0; i < block->withdrawal_count; i++) {
        const struct withdrawal *each = &block->withdrawals[i];
        json_open_object(out);
        put_member_u64(out, "index", each->index);
        put_member_u64(out, "validatorIndex", each->validator);
        put_member_address(out, "address", each->who);
        put_member_u64(out, "amount", each->amount_gwei);
        json_close_object(out);
    }
    json_close_array(out);
}

void put_block(struct json_out *out, const struct stored_block *stored, bool full, struct arena tmp)
{
    const struct block *block = &stored->block;
    json_open_object(out);
    put_header_members(out, &block->header, block->hash);
    put_member_u64(out, "size", stored->rlp.size);
    json_key(out, "transactions");
    json_open_array(out);
    for (usize i = 0; i < block->tx_count; i++) {
        struct tx_place place = {&block->header, block->hash, i, NULL};
        if (full)
            put_tx(out, &block->txs[i], &place);
        else
            json_put_hex(out, BYTES_OF(block->txs[i].hash));
    }
    json_close_array(out);
    json_key(out, "uncles");
    json_open_array(out);
    for (usize i = 0; i < block->ommer_count; i++) {
        hash32 hash = header_hash(&block->ommers[i], tmp);
        json_put_hex(out, BYTES_OF(hash));
    }
    json_close_array(out);
    if (block->has_withdrawals)
        put_withdrawals(out, block);
    json_close_object(out);
}

/* --- Logs and receipts. */

void put_log(struct json_out *out, const struct log *log, const struct log_place *place)
{
    json_open_object(out);
    put_member_address(out, "address", log->who);
    json_key(out, "topics");
    json_open_array(out);
    for (usize i = 0; i < log->topic_count; i++)
        json_put_hex(out, BYTES_OF(log->topics[i]));
    json_close_array(out);
    put_member_bytes(out, "data", log->data);
    put_member_u64(out, "blockNumber", place->tx->header->number);
    put_member_hash(out, "transactionHash", place->tx_hash);
    put_member_u64(out, "transactionIndex", place->tx->index);
    put_member_hash(out, "blockHash", place->tx->block_hash);
    put_member_u64(out, "blockTimestamp", place->tx->header->timestamp);
    put_member_u64(out, "logIndex", place->log_index);
    json_key(out, "removed");
    json_put_bool(out, place->removed);
    json_close_object(out);
}

/* What the parent's data cost is lies in the base fee, so that no fee is left to be paid to it. The
 * names are op-geth's; deposits have none of this there. */
static void put_l1_members(struct json_out *out, const struct child_attributes *attributes)
{
    put_member_u256(out, "l1GasPrice", attributes->origin_base_fee_wei);
    put_member_u256(out, "l1BlobBaseFee", attributes->origin_blob_base_fee_wei);
    put_member_u64(out, "l1BaseFeeScalar", attributes->base_fee_scalar);
    put_member_u64(out, "l1BlobBaseFeeScalar", attributes->blob_base_fee_scalar);
    put_member_u64(out, "l1GasUsed", 0);
    put_member_u64(out, "l1Fee", 0);
}

void put_receipt(struct json_out *out, const struct receipt *receipt, const struct tx *tx,
                 const struct tx_place *place, u256 blob_fee_wei, u64 first_log)
{
    json_open_object(out);
    put_member_hash(out, "blockHash", place->block_hash);
    put_member_u64(out, "blockNumber", place->header->number);
    put_member_hash(out, "transactionHash", tx->hash);
    put_member_u64(out, "transactionIndex", place->index);
    put_member_u64(out, "type", (u64)receipt->type);
    if (receipt->has_root)
        put_member_hash(out, "root", receipt->post_root);
    else
        put_member_u64(out, "status", receipt->succeeded);
    put_member_address(out, "from", tx->from);
    put_to(out, tx);
    if (receipt->created)
        put_member_address(out, "contractAddress", receipt->contract);
    else
        put_member_null(out, "contractAddress");
    put_member_u64(out, "cumulativeGasUsed", receipt->cumulative_gas);
    put_member_u64(out, "gasUsed", receipt->gas_used);
    put_member_u256(out, "effectiveGasPrice", shown_price(tx, place));
    if (tx->type == TX_BLOB) {
        put_member_u64(out, "blobGasUsed", tx_blob_gas(tx));
        put_member_u256(out, "blobGasPrice", blob_fee_wei);
    }
    if (tx->type == TX_DEPOSIT) {
        put_member_u64(out, "depositNonce", receipt->deposit_nonce);
        put_member_u64(out, "depositReceiptVersion", DEPOSIT_RECEIPT_VERSION);
    } else if (place->attributes != NULL) {
        put_l1_members(out, place->attributes);
    }
    json_key(out, "logs");
    json_open_array(out);
    for (usize i = 0; i < receipt->log_count; i++) {
        struct log_place at = {place, tx->hash, first_log + i, false};
        put_log(out, &receipt->logs[i], &at);
    }
    json_close_array(out);
    put_member_bytes(out, "logsBloom", BYTES_OF(receipt->bloom));
    json_close_object(out);
}
