#include "client/fake.h"

#include "base/fmt.h"
#include "base/rlp.h"
#include "client/internal.h"
#include "harness/test.h"
#include "sys/recover.h"
#include "sys/thread.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_ROOM = 8 << 20, ANSWER_ROOM = 64 << 20 };

/* --- The chain. */

static void seal(struct fake *fake, struct fake_block *block)
{
    struct header *header = &block->at.header;
    for (usize i = 0; i < block->log_count; i++)
        bloom_add_logs(&header->logs_bloom, &block->logs[i].log, 1);
    block->at.hash = header_hash(header, fake->arena);
    for (usize i = 0; i < block->log_count; i++) {
        block->logs[i].block_hash = block->at.hash;
        block->logs[i].block_number = header->number;
        block->logs[i].index = i;
    }
    fake->chain[fake->length++] = block;
    fake->all[fake->all_count++] = block;
}

static void take_txs(struct fake *fake, struct fake_block *block);

static void mine_one(struct fake *fake)
{
    struct fake_block *block = ARENA_NEW(&fake->arena, struct fake_block, 1);
    struct header *header = &block->at.header;
    *header = (struct header){.number = fake->length,
                              .fields = HEADER_PRAGUE,
                              .gas_limit = 60000000,
                              .timestamp = 1000 + 12 * fake->length,
                              .base_fee_wei = fake->base_fee_wei,
                              .ommers_hash = EMPTY_OMMERS_HASH};
    u8 salt[8];
    store_be64(salt, fake->salt);
    header->extra_data = arena_copy(&fake->arena, BYTES_OF(salt));
    if (fake->length > 0)
        header->parent_hash = fake_head(fake)->at.hash;
    block->log_count = fake->next_log_count;
    block->logs = ARENA_NEW(&fake->arena, struct eth_log, block->log_count);
    bytes_copy(block->logs,
               (bytes){(const u8 *)fake->next_logs, block->log_count * sizeof(struct eth_log)});
    fake->next_log_count = 0;
    take_txs(fake, block);
    seal(fake, block);
}

const struct fake_block *fake_head(const struct fake *fake)
{
    return fake->chain[fake->length - 1];
}

void fake_add_log(struct fake *fake, address who, hash32 topic, bytes data)
{
    pthread_mutex_lock(&fake->lock);
    struct eth_log *log = &fake->next_logs[fake->next_log_count++];
    *log = (struct eth_log){.log = {.who = who, .topic_count = 1, .topics = {topic}}};
    log->log.data = arena_copy(&fake->arena, data);
    pthread_mutex_unlock(&fake->lock);
}

void fake_mine(struct fake *fake, usize count)
{
    pthread_mutex_lock(&fake->lock);
    while (count-- > 0)
        mine_one(fake);
    pthread_mutex_unlock(&fake->lock);
}

void fake_drop(struct fake *fake, usize depth)
{
    pthread_mutex_lock(&fake->lock);
    fake->salt++;
    for (; depth > 0; depth--) {
        struct fake_block *block = fake->chain[--fake->length];
        for (usize i = 0; i < block->tx_count; i++) {
            block->txs[i]->mined = false;
            block->txs[i]->in_pool = !fake->drops_pool;
        }
    }
    pthread_mutex_unlock(&fake->lock);
}

/* --- The pool. */

static u64 mined_nonce(const struct fake *fake, address who)
{
    u64 nonce = fake->foreign_nonces;
    for (usize i = 0; i < fake->tx_count; i++)
        nonce += fake->txs[i]->mined && address_equal(fake->txs[i]->tx.from, who);
    return nonce;
}

static struct fake_tx *pool_find(const struct fake *fake, address who, u64 nonce)
{
    for (usize i = 0; i < fake->tx_count; i++)
        if (fake->txs[i]->in_pool && fake->txs[i]->tx.nonce == nonce &&
            address_equal(fake->txs[i]->tx.from, who))
            return fake->txs[i];
    return NULL;
}

static struct fake_tx *find_tx(const struct fake *fake, hash32 hash)
{
    for (usize i = 0; i < fake->tx_count; i++)
        if (hash32_equal(fake->txs[i]->tx.hash, hash))
            return fake->txs[i];
    return NULL;
}

static bool pays(const struct fake *fake, const struct tx *tx)
{
    return !u256_less(tx->max_fee_wei, fake->base_fee_wei) &&
           (tx->type != TX_BLOB || !u256_less(tx->max_blob_fee_wei, fake->blob_fee_wei));
}

/* Whatever follows its account's nonce and pays, again and again. */
static void take_txs(struct fake *fake, struct fake_block *block)
{
    for (bool more = !fake->holds_pool; more;) {
        more = false;
        for (usize i = 0; i < fake->tx_count && block->tx_count < countof(block->txs); i++) {
            struct fake_tx *tx = fake->txs[i];
            if (!tx->in_pool || tx->tx.nonce != mined_nonce(fake, tx->tx.from) ||
                !pays(fake, &tx->tx))
                continue;
            tx->in_pool = false;
            tx->mined = more = true;
            tx->number = fake->length;
            block->txs[block->tx_count++] = tx;
        }
    }
}

/* 10 % more of everything; a blob transaction twice as much. */
static bool outbids(const struct tx *tx, const struct tx *old)
{
    u64 percent = tx->type == TX_BLOB ? 200 : 110;
    const u256 pairs[][2] = {{tx->max_fee_wei, old->max_fee_wei},
                             {tx->max_priority_wei, old->max_priority_wei},
                             {tx->max_blob_fee_wei, old->max_blob_fee_wei}};
    for (usize i = 0; i < countof(pairs); i++)
        if (u256_less(u256_mul(pairs[i][0], u256_from_u64(100)),
                      u256_mul(pairs[i][1], u256_from_u64(percent))))
            return false;
    return tx->type == old->type;
}

/* The envelope out of the network form of a blob transaction. */
static bytes without_sidecar(struct fake *fake, bytes raw)
{
    bytes in = bytes_slice(raw, 1, raw.size), fields, inner;
    if (raw.data[0] != TX_BLOB || rlp_read_list(&in, &fields) != ST_OK ||
        rlp_read_item(&fields, &inner) != ST_OK)
        return raw;
    u8 *out = ARENA_TAKE(&fake->arena, u8, inner.size + 1);
    out[0] = TX_BLOB;
    bytes_copy(out + 1, inner);
    return (bytes){out, inner.size + 1};
}

static const char *add_tx(struct fake *fake, bytes raw, hash32 *hash)
{
    struct fake_tx *new = ARENA_NEW(&fake->arena, struct fake_tx, 1);
    new->raw = arena_copy(&fake->arena, raw);
    if (tx_decode(without_sidecar(fake, new->raw), &new->tx, &fake->arena, NULL) != ST_OK ||
        recover_sender(&new->tx, true, fake->arena, NULL) != ST_OK)
        return "not a transaction";
    *hash = new->tx.hash;
    struct fake_tx *same = find_tx(fake, new->tx.hash);
    if (same != NULL)
        same->sent++;
    if (fake->is_poor)
        return "insufficient funds for gas * price + value";
    if (new->tx.nonce < mined_nonce(fake, new->tx.from))
        return "nonce too low";
    if (same != NULL && same->in_pool)
        return "already known";
    struct fake_tx *rival = pool_find(fake, new->tx.from, new->tx.nonce);
    if (rival != NULL && !outbids(&new->tx, &rival->tx))
        return "replacement transaction underpriced";
    if (rival != NULL)
        rival->in_pool = false;
    if (same == NULL) {
        same = new;
        same->sent = 1;
        fake->txs[fake->tx_count++] = same;
    }
    same->in_pool = true;
    return NULL;
}

/* --- Answers. */

static bool text_is(bytes text, const char *what)
{
    return bytes_equal(text, (bytes){(const u8 *)what, strlen(what)});
}

static void put_error(struct json_out *out, int code, const char *message)
{
    json_key(out, "error");
    json_open_object(out);
    json_key(out, "code");
    char text[16];
    fmt(text, sizeof(text), "%d", code);
    json_put_raw(out, (bytes){(const u8 *)text, strlen(text)});
    json_key(out, "message");
    json_put_cstr(out, message);
    json_close_object(out);
}

static void put_hash(struct json_out *out, const char *key, hash32 hash)
{
    json_key(out, key);
    json_put_hex(out, BYTES_OF(hash));
}

static void put_u64(struct json_out *out, const char *key, u64 value)
{
    json_key(out, key);
    json_put_quantity_u64(out, value);
}

static void put_block(struct json_out *out, const struct fake_block *block)
{
    const struct header *h = &block->at.header;
    json_open_object(out);
    put_hash(out, "hash", block->at.hash);
    put_hash(out, "parentHash", h->parent_hash);
    put_hash(out, "sha3Uncles", h->ommers_hash);
    put_hash(out, "stateRoot", h->state_root);
    put_hash(out, "transactionsRoot", h->transactions_root);
    put_hash(out, "receiptsRoot", h->receipts_root);
    put_hash(out, "mixHash", h->mix_hash);
    put_hash(out, "withdrawalsRoot", h->withdrawals_root);
    put_hash(out, "parentBeaconBlockRoot", h->parent_beacon_root);
    put_hash(out, "requestsHash", h->requests_hash);
    put_u64(out, "number", h->number);
    put_u64(out, "gasLimit", h->gas_limit);
    put_u64(out, "gasUsed", h->gas_used);
    put_u64(out, "timestamp", h->timestamp);
    put_u64(out, "difficulty", 0);
    put_u64(out, "blobGasUsed", h->blob_gas_used);
    put_u64(out, "excessBlobGas", h->excess_blob_gas);
    json_key(out, "baseFeePerGas");
    json_put_quantity(out, h->base_fee_wei);
    json_key(out, "miner");
    json_put_hex(out, BYTES_OF(h->beneficiary));
    json_key(out, "logsBloom");
    json_put_hex(out, BYTES_OF(h->logs_bloom));
    json_key(out, "extraData");
    json_put_hex(out, h->extra_data);
    json_key(out, "nonce");
    json_put_hex(out, BYTES_OF(h->nonce));
    json_key(out, "transactions");
    json_open_array(out);
    json_close_array(out);
    json_close_object(out);
}

static void put_log(struct json_out *out, const struct eth_log *log)
{
    json_open_object(out);
    json_key(out, "address");
    json_put_hex(out, BYTES_OF(log->log.who));
    json_key(out, "topics");
    json_open_array(out);
    for (usize i = 0; i < log->log.topic_count; i++)
        json_put_hex(out, BYTES_OF(log->log.topics[i]));
    json_close_array(out);
    json_key(out, "data");
    json_put_hex(out, log->log.data);
    put_u64(out, "blockNumber", log->block_number);
    put_hash(out, "blockHash", log->block_hash);
    put_hash(out, "transactionHash", log->tx_hash);
    put_u64(out, "transactionIndex", log->tx_index);
    put_u64(out, "logIndex", log->index);
    json_close_object(out);
}

static struct fake_block *block_by_hash(const struct fake *fake, json value)
{
    hash32 hash;
    if (eth_json_fixed(value, hash.b, sizeof(hash.b)) != ST_OK)
        return NULL;
    for (usize i = 0; i < fake->all_count; i++)
        if (hash32_equal(fake->all[i]->at.hash, hash))
            return fake->all[i];
    return NULL;
}

static void answer_block(struct fake *fake, json params, struct json_out *out)
{
    json at = json_at(params, 0);
    u64 number = fake->length - 1;
    if (json_says(at, "safe"))
        number = fake->safe;
    else if (json_says(at, "finalized"))
        number = fake->finalized;
    else if (!json_says(at, "latest"))
        (void)eth_json_u64(at, &number);
    if (number == UINT64_MAX) {
        put_error(out, -39001, "Unknown block");
        return;
    }
    json_key(out, "result");
    if (number < fake->length)
        put_block(out, fake->chain[number]);
    else
        json_put_null(out);
}

static void put_logs_of(struct json_out *out, const struct fake_block *block, json filter)
{
    address who;
    (void)eth_json_fixed(json_get(filter, "address"), who.b, sizeof(who.b));
    for (usize i = 0; i < block->log_count; i++)
        if (address_equal(block->logs[i].log.who, who))
            put_log(out, &block->logs[i]);
}

static void answer_logs(struct fake *fake, json params, struct json_out *out)
{
    json filter = json_at(params, 0), hash = json_get(filter, "blockHash");
    u64 first = 0, last = 0;
    if (!json_is(hash, JSON_ABSENT)) {
        const struct fake_block *block = block_by_hash(fake, hash);
        if (block == NULL) {
            put_error(out, -32000, "unknown block");
            return;
        }
        json_key(out, "result");
        json_open_array(out);
        put_logs_of(out, block, filter);
        json_close_array(out);
        return;
    }
    (void)eth_json_u64(json_get(filter, "fromBlock"), &first);
    (void)eth_json_u64(json_get(filter, "toBlock"), &last);
    if (fake->range_limit > 0 && last - first >= fake->range_limit) {
        put_error(out, -32005, "query exceeds the limit of blocks");
        return;
    }
    json_key(out, "result");
    json_open_array(out);
    for (u64 i = first; i <= last && i < fake->length; i++)
        put_logs_of(out, fake->chain[i], filter);
    json_close_array(out);
}

static void answer_send(struct fake *fake, json params, struct json_out *out)
{
    bytes raw;
    hash32 hash;
    const char *refusal = "no bytes";
    if (eth_json_bytes(json_at(params, 0), &raw, &fake->arena) == ST_OK)
        refusal = add_tx(fake, raw, &hash);
    if (refusal != NULL) {
        put_error(out, -32000, refusal);
        return;
    }
    json_key(out, "result");
    json_put_hex(out, BYTES_OF(hash));
}

static void answer_receipt(struct fake *fake, json params, struct json_out *out)
{
    hash32 hash = {{0}};
    (void)eth_json_fixed(json_at(params, 0), hash.b, sizeof(hash.b));
    const struct fake_tx *tx = find_tx(fake, hash);
    json_key(out, "result");
    if (tx == NULL || !tx->mined) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    put_hash(out, "transactionHash", hash);
    put_hash(out, "blockHash", fake->chain[tx->number]->at.hash);
    put_u64(out, "blockNumber", tx->number);
    put_u64(out, "gasUsed", 21000);
    put_u64(out, "effectiveGasPrice", 7);
    put_u64(out, "status", !address_equal(tx->tx.to, FAKE_REVERTER));
    json_key(out, "logs");
    json_open_array(out);
    json_close_array(out);
    json_close_object(out);
}

static void answer_tx(struct fake *fake, json params, struct json_out *out)
{
    hash32 hash = {{0}};
    (void)eth_json_fixed(json_at(params, 0), hash.b, sizeof(hash.b));
    const struct fake_tx *tx = find_tx(fake, hash);
    json_key(out, "result");
    if (tx == NULL || (!tx->mined && !tx->in_pool)) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    put_hash(out, "hash", hash);
    json_key(out, "from");
    json_put_hex(out, BYTES_OF(tx->tx.from));
    json_key(out, "to");
    json_put_hex(out, BYTES_OF(tx->tx.to));
    json_key(out, "input");
    json_put_hex(out, tx->tx.data);
    put_u64(out, "type", tx->tx.type);
    put_u64(out, "nonce", tx->tx.nonce);
    json_key(out, "value");
    json_put_quantity(out, tx->tx.value_wei);
    if (tx->mined) {
        put_hash(out, "blockHash", fake->chain[tx->number]->at.hash);
        put_u64(out, "blockNumber", tx->number);
    }
    json_close_object(out);
}

static void answer_count(struct fake *fake, json params, struct json_out *out)
{
    address who;
    (void)eth_json_fixed(json_at(params, 0), who.b, sizeof(who.b));
    u64 nonce = mined_nonce(fake, who);
    if (json_says(json_at(params, 1), "pending"))
        while (pool_find(fake, who, nonce) != NULL)
            nonce++;
    json_key(out, "result");
    json_put_quantity_u64(out, nonce);
}

static void answer_estimate(struct fake *fake, json params, struct json_out *out)
{
    address to = {{0}};
    (void)fake;
    (void)eth_json_fixed(json_get(json_at(params, 0), "to"), to.b, sizeof(to.b));
    if (address_equal(to, FAKE_REVERTER)) {
        json_key(out, "error");
        json_put_raw(out, BYTES_LIT("{\"code\":3,\"message\":\"execution reverted\",\"data\":"
                                    "\"0x4e487b71000000000000000000000000000000000000000000000000"
                                    "0000000000000011\"}"));
        return;
    }
    json_key(out, "result");
    json_put_quantity_u64(out, 50000);
}

static void answer_history(struct fake *fake, struct json_out *out)
{
    static const char *const keys[] = {"baseFeePerGas", "baseFeePerBlobGas"};
    const u256 fees[] = {fake->base_fee_wei, fake->blob_fee_wei};
    json_key(out, "result");
    json_open_object(out);
    for (usize i = 0; i < countof(keys); i++) {
        json_key(out, keys[i]);
        json_open_array(out);
        json_put_quantity(out, fees[i]);
        json_put_quantity(out, fees[i]);
        json_close_array(out);
    }
    json_close_object(out);
}

static void answer_call(struct fake *fake, json call, struct json_out *out)
{
    bytes method = json_text(json_get(call, "method"), &fake->arena);
    json params = json_get(call, "params");
    fake->calls++;
    json_open_object(out);
    json_key(out, "id");
    json_put_raw(out, json_get(call, "id").text);
    if (fake->override != NULL && fake->override(fake, method, params, out)) {
    } else if (text_is(method, "eth_getBlockByNumber")) {
        answer_block(fake, params, out);
    } else if (text_is(method, "eth_blockNumber")) {
        json_key(out, "result");
        json_put_quantity_u64(out, fake->length - 1);
    } else if (text_is(method, "eth_getBlockByHash")) {
        const struct fake_block *block = block_by_hash(fake, json_at(params, 0));
        json_key(out, "result");
        if (block != NULL)
            put_block(out, block);
        else
            json_put_null(out);
    } else if (text_is(method, "eth_getLogs")) {
        answer_logs(fake, params, out);
    } else if (text_is(method, "eth_sendRawTransaction")) {
        answer_send(fake, params, out);
    } else if (text_is(method, "eth_getTransactionReceipt")) {
        answer_receipt(fake, params, out);
    } else if (text_is(method, "eth_getTransactionByHash")) {
        answer_tx(fake, params, out);
    } else if (text_is(method, "eth_getTransactionCount")) {
        answer_count(fake, params, out);
    } else if (text_is(method, "eth_getBalance")) {
        json_key(out, "result");
        json_put_quantity(out, fake->balance_wei);
    } else if (text_is(method, "eth_estimateGas")) {
        answer_estimate(fake, params, out);
    } else if (text_is(method, "eth_feeHistory")) {
        answer_history(fake, out);
    } else if (text_is(method, "eth_chainId")) {
        json_key(out, "result");
        json_put_cstr(out, "0x384");
    } else if (text_is(method, "eth_maxPriorityFeePerGas")) {
        json_key(out, "result");
        json_put_cstr(out, "0x64");
    } else {
        put_error(out, -32601, "no such method");
    }
    json_close_object(out);
}

static void answer_body(struct fake *fake, bytes body, struct json_out *out)
{
    json all, key, call;
    if (json_check(body, 64, &all, NULL) != ST_OK)
        bug("the client under test has sent something else than JSON");
    if (!json_is(all, JSON_ARRAY)) {
        answer_call(fake, all, out);
        return;
    }
    if (fake->batch_limit > 0 && json_count(all) > fake->batch_limit) {
        json_open_object(out);
        put_error(out, -32600, "batch too large");
        json_close_object(out);
        return;
    }
    json_open_array(out);
    for (struct json_walk at = json_begin(all); json_next(&at, &key, &call);)
        answer_call(fake, call, out);
    json_close_array(out);
}

/* --- The server: one connection after the other, a request each. */

static bytes read_request(int fd, u8 *room)
{
    usize size = 0, head = 0, want = REQUEST_ROOM;
    while (size < want) {
        ssize_t got = recv(fd, room + size, REQUEST_ROOM - size, 0);
        if (got <= 0)
            return BYTES_EMPTY;
        size += (usize)got;
        const u8 *end = memmem(room, size, "\r\n\r\n", 4);
        if (head == 0 && end != NULL) {
            const char *length = memmem(room, size, "Content-Length: ", 16);
            head = (usize)(end - room) + 4;
            want = head + (length != NULL ? strtoul(length + 16, NULL, 10) : 0);
        }
    }
    return (bytes){room + head, size - head};
}

static bool take_fault(unsigned *count)
{
    bool now = *count > 0;
    *count -= now;
    return now;
}

static void send_text(int fd, bytes text)
{
    while (text.size > 0) {
        ssize_t put = send(fd, text.data, text.size, MSG_NOSIGNAL);
        if (put <= 0)
            return;
        text = bytes_slice(text, (usize)put, text.size);
    }
}

/* In answers of less than half their room. */
static void replace(struct json_out *out, const char *says, const char *instead)
{
    usize from = strlen(says), to = strlen(instead);
    u8 *at = out->data;
    while ((at = memmem(at, (usize)(out->data + out->size - at), says, from)) != NULL) {
        memmove(at + to, at + from, (usize)(out->data + out->size - at) - from);
        memcpy(at, instead, to);
        out->size = out->size - from + to;
        at += to;
    }
}

static void serve(struct fake *fake, int fd, u8 *request_room, u8 *answer_room)
{
    char head[100];
    bytes body = read_request(fd, request_room);
    fake->requests++;
    if (fake->dead || take_fault(&fake->deaf))
        return;
    if (take_fault(&fake->overloaded)) {
        usize said = fmt(head, sizeof(head), "HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n");
        if (fake->retry_after_s > 0)
            said +=
                fmt(head + said, sizeof(head) - said, "Retry-After: %u\r\n", fake->retry_after_s);
        send_text(fd, (bytes){(const u8 *)head, said});
        send_text(fd, BYTES_LIT("\r\n"));
        return;
    }
    struct json_out out = json_out_over(answer_room, ANSWER_ROOM / 2);
    answer_body(fake, body, &out);
    if (out.failed)
        bug("the fake parent's answer has no room");
    if (fake->says != NULL)
        replace(&out, fake->says, fake->instead);
    if (take_fault(&fake->garbage))
        memset(out.data, '{', out.size / 2);
    usize size =
        fmt(head, sizeof(head),
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", out.size);
    send_text(fd, (bytes){(const u8 *)head, size});
    send_text(fd, (bytes){out.data, take_fault(&fake->cut) ? out.size / 2 : out.size});
}

static void *run(void *self)
{
    struct fake *fake = self;
    u8 *rooms = malloc(REQUEST_ROOM + ANSWER_ROOM);
    assert(rooms != NULL);
    for (;;) {
        int fd = accept(fake->fd, NULL, NULL);
        struct timeval patience = {.tv_sec = 5};
        if (fd < 0)
            break;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        pthread_mutex_lock(&fake->lock);
        bool stopping = fake->stopping;
        if (!stopping)
            serve(fake, fd, rooms, rooms + REQUEST_ROOM);
        pthread_mutex_unlock(&fake->lock);
        close(fd);
        if (stopping)
            break;
    }
    free(rooms);
    return NULL;
}

struct fake *fake_start(void)
{
    enum { MEMORY = 256 << 20 };
    struct fake *fake = ARENA_NEW(test_arena(), struct fake, 1);
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(place);
    fake->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fake->fd, (const struct sockaddr *)&place, sizeof(place)) == 0);
    CHECK(listen(fake->fd, 20) == 0);
    CHECK(getsockname(fake->fd, (struct sockaddr *)&place, &size) == 0);
    fake->port = ntohs(place.sin_port);
    fmt(fake->url, sizeof(fake->url), "http://127.0.0.1:%u", (unsigned)fake->port);
    fake->arena = arena_over(arena_take(test_arena(), MEMORY, 64), MEMORY);
    fake->base_fee_wei = u256_from_u64(1000);
    fake->blob_fee_wei = u256_from_u64(10);
    pthread_mutex_init(&fake->lock, NULL);
    mine_one(fake);
    CHECK(thread_start(&fake->thread, "fake", run, fake, NULL) == ST_OK);
    return fake;
}

void fake_stop(struct fake *fake)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(fake->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    pthread_mutex_lock(&fake->lock);
    fake->stopping = true;
    pthread_mutex_unlock(&fake->lock);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0);
    pthread_join(fake->thread, NULL);
    close(fd);
    close(fake->fd);
    pthread_mutex_destroy(&fake->lock);
}

struct eth *fake_client(const struct fake *fake)
{
    struct eth *eth = NULL;
    struct err err;
    struct eth_options options = {.url = fake->url,
                                  .timeout_ms = 10000, /* a machine may be busy */
                                  .patience_ms = 20000,
                                  .backoff_ms = 2,
                                  .answer_limit = 8 << 20};
    if (eth_new(&options, &eth, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    return eth;
}
