#include "derive/batch.h"
#include "derive/testing.h"
#include "harness/test.h"

enum { CHAIN = 901 };

static bool same_txs(const struct batch_block *a, const struct batch_block *b)
{
    if (a->tx_count != b->tx_count)
        return false;
    for (usize i = 0; i < a->tx_count; i++)
        if (!bytes_equal(tx_encode(&a->txs[i], test_arena()), tx_encode(&b->txs[i], test_arena())))
            return false;
    return true;
}

static bool same_batch(const struct batch *a, const struct batch *b)
{
    if (a->first_number != b->first_number || a->block_count != b->block_count ||
        memcmp(a->parent_prefix, b->parent_prefix, sizeof(a->parent_prefix)) != 0)
        return false;
    for (usize i = 0; i < a->block_count; i++) {
        const struct batch_block *left = &a->blocks[i], *right = &b->blocks[i];
        if (left->timestamp != right->timestamp || left->origin_number != right->origin_number ||
            left->item_count != right->item_count || !same_txs(left, right))
            return false;
    }
    return true;
}

static bytes encoded(const struct batch *batch)
{
    struct batch_body body;
    struct err err = {""};
    usize bound = batch_encode_bound(batch);
    struct arena exact = arena_over(arena_take(test_arena(), bound, 8), bound);
    if (batch_body_encode(batch, CHAIN, &body, &exact, &err) != ST_OK) {
        test_fail(__FILE__, __LINE__, "%s", err.text);
        return BYTES_EMPTY;
    }
    CHECK(body.end_count > 0 && body.ends[body.end_count - 1] == body.all.size);
    return body.all;
}

static enum status decoded(bytes body, struct batch *out, struct err *err)
{
    usize bound = batch_decode_bound(body.size);
    struct arena exact = arena_over(arena_take(test_arena(), bound, 8), bound);
    return batch_body_decode(body, CHAIN, out, &exact, err);
}

TEST(batch_reads_back_every_transaction_as_written)
{
    struct seeded random = {1};
    for (usize i = 0; i < 300; i++) {
        struct batch_shape shape = {i % 7, i % 30, UINT64_MAX - 1, i, i};
        struct batch batch = seeded_batch(&random, CHAIN, shape, test_arena()), again;
        bytes body = encoded(&batch);
        struct err err = {""};
        if (decoded(body, &again, &err) != ST_OK)
            test_fail(__FILE__, __LINE__, "batch %zu: %s", i, err.text);
        else
            CHECK_ROW(i, same_batch(&batch, &again));
        CHECK_ROW(i, batch_data_decode(batch_data_raw(body, test_arena()), CHAIN, &again,
                                       test_arena(), &err) == ST_OK);
        CHECK_ROW(i, same_batch(&batch, &again));
    }
}

TEST(batch_is_refused_wherever_it_is_cut)
{
    struct seeded random = {2};
    struct batch batch = seeded_batch(&random, CHAIN, (struct batch_shape){3, 6, 9, 1700000000, 5},
                                      test_arena()),
                 again;
    bytes body = encoded(&batch);
    for (usize size = 0; size < body.size; size++) {
        struct err err = {""};
        CHECK_ROW(size, decoded((bytes){body.data, size}, &again, &err) == ST_INVALID);
        CHECK_ROW(size, err.text[0] != 0);
    }
    u8 *longer = ARENA_NEW(test_arena(), u8, body.size + 1);
    bytes_copy(longer, body);
    CHECK(decoded((bytes){longer, body.size + 1}, &again, NULL) == ST_INVALID);
}

/* A batch of one block at time 2 and origin 1 that reads 3 items, with one transfer. */
static const char *const transfer[] = {
    "07",                                       /* first block */
    "1111111111111111111111111111111111111111", /* parent */
    "01",                                       /* one block: */
    "02",
    "01",
    "03",
    "01", /* time, origin, items, transactions */
    "02", /* kind: dynamic fee */
    "09",
    "00", /* nonce 9 */
    "08",
    "52", /* gas 21,000 */
    "00",
    "00",
    "00", /* fee, priority fee, value are new */
    "00",
    "00", /* no data, no access list */
    "00", /* the recipient is new */
    "64",
    "64",
    "c7", /* 10^9 times a byte twice, 10^18 times a byte */
    "01", /* y parity */
    "03",
    "02",
    "05",                                       /* 3 and 2 gwei, 5 ether */
    "2222222222222222222222222222222222222222", /* the recipient */
    "3333333333333333333333333333333333333333333333333333333333333333",
    "4444444444444444444444444444444444444444444444444444444444444444",
};

enum {
    FIRST,
    PARENT,
    COUNT,
    TIME,
    ORIGIN,
    ITEMS,
    TXS,
    KIND,
    NONCE,
    NONCE_HIGH,
    GAS,
    GAS_HIGH,
    FEE,
    TIP,
    VALUE,
    SIZE,
    ACCESS,
    TO,
    FEE_HEAD,
    TIP_HEAD,
    VALUE_HEAD,
    PARITY
};

/* The transfer with one part changed. */
static bytes spelled(usize part, const char *digits)
{
    u8 *body = ARENA_TAKE(test_arena(), u8, 1024);
    usize size = 0;
    for (usize i = 0; i < countof(transfer); i++) {
        bytes value = hex(i == part ? digits : transfer[i]);
        bytes_copy(body + size, value);
        size += value.size;
    }
    return (bytes){body, size};
}

TEST(batch_format_is_the_one_at_the_head_of_its_file)
{
    struct batch batch;
    struct err err = {""};
    bytes body = spelled(SIZE_MAX, "");
    if (decoded(body, &batch, &err) != ST_OK) {
        test_fail(__FILE__, __LINE__, "%s", err.text);
        return;
    }
    const struct batch_block *block = batch.blocks;
    CHECK(batch.first_number == 7 && batch.block_count == 1);
    CHECK(block->timestamp == 2 && block->origin_number == 1 && block->item_count == 3);
    CHECK(block->tx_count == 1);
    const struct tx *tx = block->txs;
    CHECK(tx->type == TX_DYNAMIC_FEE && tx->chain_id == CHAIN && tx->nonce == 9);
    CHECK(tx->gas_limit == 21000 && tx->y_parity == 1 && tx->to.b[19] == 0x22);
    CHECK(u256_equal(tx->max_fee_wei, u256_from_u64(5000000000)));
    CHECK(u256_equal(tx->max_priority_wei, u256_from_u64(2000000000)));
    CHECK(u256_equal(tx->value_wei, u256_from_u64(5000000000000000000)));
    CHECK(tx->r.w[0] == 0x3333333333333333 && tx->s.w[3] == 0x4444444444444444);
    CHECK(bytes_equal(encoded(&batch), body));
}

TEST(batch_refuses_what_the_format_does_not_say)
{
    static const struct {
        usize part;
        const char *digits, *sentence;
    } rows[] = {
        {FIRST, "8700", "batch: bad first block"}, /* a longer form */
        {FIRST, "ffffffffffffffffff02", "batch: bad first block"},
        {COUNT, "ffff7f", "batch: bad number of blocks"},
        {TXS, "02", "batch: bad number of transactions"},
        {TXS, "ffffffffffffffff7f", "batch: bad number of transactions"},
        {KIND, "05", "batch: bad kind"},
        {KIND, "0c", "batch: bad kind"}, /* set code creates nothing */
        {KIND, "12", "batch: bad kind"},
        {NONCE_HIGH, "808080808080808001", "batch: bad nonces"},
        {FEE, "01", "batch: bad fees"},
        {TIP, "41", "batch: bad priority fees"},
        {VALUE, "01", "batch: bad values"},
        {SIZE, "ff7f", "batch: bad data size"},
        {ACCESS, "ff7f", "batch: bad access list"},
        {ACCESS, "2d", "batch: bad lists"}, /* at the expense of the signature */
        {TO, "01", "batch: bad address"},
        {FEE_HEAD, "f2", "batch: bad fees"},
        {VALUE_HEAD, "fe", "batch: bad values"},
        {PARITY, "03", "batch: bad parities"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct batch batch;
        struct err err = {""};
        CHECK_ROW(i, decoded(spelled(rows[i].part, rows[i].digits), &batch, &err) == ST_INVALID);
        if (strcmp(err.text, rows[i].sentence) != 0)
            test_fail(__FILE__, __LINE__, "row %zu: %s", i, err.text);
    }
}

TEST(batch_data_names_a_version_and_a_codec_that_exist)
{
    static const char *const bad[] = {"", "01", "0000", "0200", "0102", "01010303", "0101030000"};
    struct batch batch;
    struct err err;
    for (usize i = 0; i < countof(bad); i++) {
        err.text[0] = 0;
        CHECK_ROW(i,
                  batch_data_decode(hex(bad[i]), CHAIN, &batch, test_arena(), &err) == ST_INVALID);
        CHECK_ROW(i, err.text[0] != 0);
    }
}

TEST(batch_cannot_hold_what_another_chain_or_no_user_signed)
{
    struct seeded random = {3};
    struct tx good = seeded_tx(&random, CHAIN, test_arena());
    good.type = TX_DYNAMIC_FEE;
    good.protected = true;
    good.chain_id = CHAIN;
    struct tx bad[4] = {good, good, good, good};
    bad[0].type = TX_BLOB;
    bad[1].chain_id = CHAIN + 1;
    bad[2].y_parity = 2;
    bad[3].protected = false;
    for (usize i = 0; i < countof(bad); i++) {
        struct batch_block block = {.txs = &bad[i], .tx_count = 1};
        struct batch batch = {.blocks = &block, .block_count = 1};
        struct batch_body body;
        struct arena tmp = *test_arena();
        CHECK_ROW(i, batch_body_encode(&batch, CHAIN, &body, &tmp, NULL) == ST_INVALID);
    }
    struct batch_block blocks[2] = {{.timestamp = 1}, {.timestamp = 0}};
    struct batch batch = {.blocks = blocks, .block_count = 2};
    struct batch_body body;
    CHECK(batch_body_encode(&batch, CHAIN, &body, test_arena(), NULL) == ST_INVALID);
}
