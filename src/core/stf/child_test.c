/* The rules of a child chain that need no execution: L1 attributes, fees, headers, bodies. */
#include "stf/child.h"

#include "crypto/keccak.h"
#include "harness/test.h"
#include "stf/check.h"
#include "stf/roots.h"

static const struct child_attributes sample = {
    .base_fee_scalar = 1000000,
    .blob_base_fee_scalar = 1040000,
    .sequence_number = 3,
    .origin_time = 1700000000,
    .origin_number = 19000000,
    .origin_base_fee_wei = {{12000000000}},
    .origin_blob_base_fee_wei = {{5000000000}},
    .origin_hash = {{0xaa, [31] = 1}},
    .batcher_hash = {{[12] = 0xbb}},
    .inbox_pos = 77,
};

static const struct rules child = {
    .fork = OSAKA,
    .chain_id = 901,
    .blobs = {6, 9, 5007716},
    .child = {.on = true, .footprint_gas = CHILD_FOOTPRINT_GAS},
};
static const struct rules layer1 = {.fork = OSAKA, .chain_id = 900, .blobs = {6, 9, 5007716}};

TEST(child_attributes_read_back_as_written)
{
    struct tx tx;
    struct child_attributes again;
    child_attributes_write(&sample, 500, &tx, test_arena());
    CHECK(
        bytes_equal(tx.data, hex("440a5e20"
                                 "000f4240"
                                 "000fde80"
                                 "0000000000000003"
                                 "000000006553f100"
                                 "000000000121eac0"
                                 "00000000000000000000000000000000000000000000000000000002cb417800"
                                 "000000000000000000000000000000000000000000000000000000012a05f200"
                                 "aa00000000000000000000000000000000000000000000000000000000000001"
                                 "000000000000000000000000bb00000000000000000000000000000000000000"
                                 "000000000000004d")));
    CHECK(bytes_equal(BYTES_OF(tx.from), hex("deaddeaddeaddeaddeaddeaddeaddeaddead0001")));
    CHECK(bytes_equal(BYTES_OF(tx.to), hex("4200000000000000000000000000000000000015")));
    CHECK(tx.gas_limit == 1000000 && tx.from_known && !tx.is_system);
    CHECK(hash32_equal(tx.hash, keccak256(tx_encode(&tx, test_arena()))));
    CHECK(child_attributes_read(&tx, &again) == ST_OK);
    CHECK(memcmp(&again, &sample, sizeof(sample)) == 0);
}

TEST(child_attributes_have_a_source_hash_for_each_block)
{
    struct tx first, second;
    child_attributes_write(&sample, 1, &first, test_arena());
    child_attributes_write(&sample, 2, &second, test_arena());
    CHECK(!hash32_equal(first.source_hash, second.source_hash));
    u8 inner[64] = {0xaa, [31] = 1, [63] = 2}, outer[64] = {[31] = 1};
    hash32 hash = keccak256(BYTES_OF(inner));
    memcpy(outer + 32, hash.b, sizeof(hash));
    CHECK(hash32_equal(second.source_hash, keccak256(BYTES_OF(outer))));
}

TEST(child_attributes_are_no_other_transaction)
{
    struct tx good, bad;
    struct child_attributes out;
    child_attributes_write(&sample, 1, &good, test_arena());
    for (int i = 0; i < 9; i++) {
        bad = good;
        u8 data[CHILD_ATTRIBUTES_SIZE];
        bytes_copy(data, good.data);
        bad.data.data = data;
        bad.type = i == 0 ? TX_LEGACY : bad.type;
        bad.from.b[19] ^= i == 1;
        bad.to.b[0] ^= i == 2;
        bad.mint_wei = u256_from_u64(i == 3);
        bad.value_wei = u256_from_u64(i == 4);
        bad.gas_limit += i == 5;
        bad.is_system = i == 6;
        bad.data.size -= i == 7;
        data[3] ^= i == 8;
        CHECK_ROW(i, child_attributes_read(&bad, &out) == ST_INVALID);
    }
}

/* A byte of calldata costs 40 gas of the parent; one of blobs 1.04 blob gas and a share of the
 * batcher's transaction. */
TEST(child_base_fee_floor_pays_for_a_byte_with_160_gas)
{
    static const struct {
        u32 scalar, blob_scalar;
        u64 base_fee, blob_base_fee, price, floor;
    } rows[] = {
        {40000000, 0, 1000000000, 1, 40000000000, 250000000},
        {1000000, 1040000, 12000000000, 5000000000, 17200000000, 107500000},
        {0, 1040000, 7, 1, 1, 0},
        {0, 1000000, 7, 159, 159, 0},
        {0, 1000000, 7, 160, 160, 1},
        {0, 0, 7, 7, 0, 0},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct child_attributes in = {
            .base_fee_scalar = rows[i].scalar,
            .blob_base_fee_scalar = rows[i].blob_scalar,
            .origin_base_fee_wei = u256_from_u64(rows[i].base_fee),
            .origin_blob_base_fee_wei = u256_from_u64(rows[i].blob_base_fee),
        };
        CHECK_ROW(i, u256_equal(child_byte_price(&in), u256_from_u64(rows[i].price)));
        CHECK_ROW(i, u256_equal(child_base_fee_floor(&in), u256_from_u64(rows[i].floor)));
    }
    struct child_attributes absurd = {.base_fee_scalar = 2, .origin_base_fee_wei = U256_MAX};
    CHECK(u256_less(u256_from_u64(UINT64_MAX), child_base_fee_floor(&absurd)));
}

TEST(child_next_base_fee_is_held_up_by_the_floor_and_by_bytes)
{
    static const struct {
        u64 gas_used, footprint, floor, want, on_layer1;
    } rows[] = {
        {15000000, 0, 0, 1000, 1000},        /* on target */
        {0, 0, 0, 875, 875},                 /* empty */
        {0, 0, 900, 900, 875},               /* not below the floor */
        {30000000, 0, 900, 1125, 1125},      /* full */
        {0, 30000000, 0, 1125, 875},         /* full of bytes */
        {15000000, 14999999, 0, 1000, 1000}, /* the larger counts */
        {0, 0, 5000, 5000, 875},             /* a floor that jumped */
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct header parent = {.fields = HEADER_PRAGUE,
                                .gas_limit = 30000000,
                                .gas_used = rows[i].gas_used,
                                .blob_gas_used = rows[i].footprint,
                                .base_fee_wei = u256_from_u64(1000)};
        struct rules rules = child;
        rules.child.base_fee_floor_wei = u256_from_u64(rows[i].floor);
        CHECK_ROW(i,
                  u256_equal(next_base_fee(&rules, &parent, false), u256_from_u64(rows[i].want)));
        CHECK_ROW(i, u256_equal(next_base_fee(&layer1, &parent, false),
                                u256_from_u64(rows[i].on_layer1)));
        CHECK_ROW(i, next_excess_blob_gas(&rules, &parent) == 0);
    }
}

TEST(child_calldata_costs_160_gas_a_byte_and_a_deposits_has_no_floor)
{
    struct tx tx = {.type = TX_DYNAMIC_FEE, .data = BYTES_LIT("\0\0\x01\x02\x03")};
    CHECK(tx_gas(&child, &tx).floor == 21000 + 2 * 40 + 3 * 160);
    CHECK(tx_gas(&layer1, &tx).floor == 21000 + 2 * 10 + 3 * 40);
    CHECK(tx_gas(&child, &tx).intrinsic == tx_gas(&layer1, &tx).intrinsic);
    tx.type = TX_DEPOSIT;
    CHECK(tx_gas(&child, &tx).floor == 0);
    tx = (struct tx){.type = TX_DYNAMIC_FEE};
    CHECK(tx_gas(&child, &tx).floor == 21000); /* a transfer stays what it is everywhere */
}

TEST(child_takes_no_blob_transactions)
{
    hash32 hash = {{1}};
    struct err err = {""};
    struct tx tx = {.type = TX_BLOB,
                    .chain_id = 901,
                    .protected = true,
                    .gas_limit = 21000,
                    .blob_hashes = &hash,
                    .blob_hash_count = 1};
    CHECK(check_tx(&child, &tx, &err) == ST_INVALID);
    CHECK(strcmp(err.text, "transaction type not supported: a child chain has no blobs") == 0);
    tx.chain_id = 900;
    CHECK(check_tx(&layer1, &tx, &err) == ST_OK);
}

TEST(child_footprint_of_a_full_block_is_128_kib_for_60_million_gas)
{
    CHECK(child_footprint(&child, 128 * 1024) <= 60000000);
    CHECK(child_footprint(&child, 129 * 1024) > 60000000);
    CHECK(child_footprint(&child, SIZE_MAX) == UINT64_MAX);
    CHECK(child_footprint(&layer1, 128 * 1024) == 0);
}

/* --- Headers. */

static const struct header parent_header = {
    .number = 9,
    .gas_limit = 30000000,
    .gas_used = 15000000,
    .timestamp = 1000,
    .fields = HEADER_PRAGUE,
    .base_fee_wei = {{1000}},
};

static struct header next_header(void)
{
    struct header header = {
        .ommers_hash = EMPTY_OMMERS_HASH,
        .beneficiary = CHILD_FEE_VAULT,
        .number = 10,
        .gas_limit = 30000000,
        .timestamp = 1000,
        .fields = HEADER_PRAGUE,
        .base_fee_wei = u256_from_u64(1000),
    };
    return header;
}

static enum status check(const struct header *header, struct err *err)
{
    struct chain_config config = {.chain_id = 901, .child = child.child};
    return check_header(&config, &child, header, &parent_header, OSAKA, err);
}

TEST(child_header_may_have_its_parents_time_and_any_gas_limit)
{
    struct header header = next_header();
    struct err err = {""};
    CHECK(check(&header, &err) == ST_OK);
    struct chain_config config = {.chain_id = 900};
    CHECK(check_header(&config, &layer1, &header, &parent_header, OSAKA, &err) == ST_INVALID);
    CHECK(strcmp(err.text, "timestamp 1000 is not after the parent's 1000") == 0);
    header.gas_limit = 90000000;
    header.blob_gas_used = 90000000;
    CHECK(check(&header, &err) == ST_OK);
}

TEST(child_header_refuses_with_a_sentence)
{
    static const char *const sentences[] = {
        "timestamp 999 is before the parent's 1000",
        "gas limit 4999 is out of range",
        "gas used 30000001 is above the limit 30000000",
        "footprint 30000001 is above the gas limit 30000000",
        "wrong excess blob gas: 1, not 0",
        "a child chain's beneficiary is the fee vault",
        "a child chain's headers have no extra data",
        "wrong base fee",
    };
    for (usize i = 0; i < countof(sentences); i++) {
        struct header header = next_header();
        struct err err = {""};
        header.timestamp -= i == 0;
        header.gas_limit = i == 1 ? 4999 : header.gas_limit;
        header.gas_used = i == 2 ? 30000001 : 0;
        header.blob_gas_used = i == 3 ? 30000001 : 0;
        header.excess_blob_gas = i == 4;
        header.beneficiary.b[0] ^= i == 5;
        header.extra_data = i == 6 ? BYTES_LIT("x") : BYTES_EMPTY;
        header.base_fee_wei = u256_from_u64(i == 7 ? 999 : 1000);
        CHECK_ROW(i, check(&header, &err) == ST_INVALID);
        if (strcmp(err.text, sentences[i]) != 0)
            test_fail(__FILE__, __LINE__, "row %zu says \"%s\"", i, err.text);
    }
}

/* --- Bodies. */

enum { BODY_TXS = 4 };

struct body {
    struct block block;
    struct tx txs[BODY_TXS];
    bytes envelopes[BODY_TXS];
    struct withdrawal withdrawal;
};

/* Attributes, a deposit, two users' transactions. */
static struct body *sample_body(void)
{
    struct body *body = ARENA_NEW(test_arena(), struct body, 1);
    child_attributes_write(&sample, 10, &body->txs[0], test_arena());
    body->txs[1] = (struct tx){.type = TX_DEPOSIT, .gas_limit = 21000, .from_known = true};
    for (usize i = 2; i < BODY_TXS; i++)
        body->txs[i] = (struct tx){.type = TX_DYNAMIC_FEE, .nonce = i};
    body->block = (struct block){.header = next_header(),
                                 .txs = body->txs,
                                 .tx_envelopes = body->envelopes,
                                 .tx_count = BODY_TXS,
                                 .has_withdrawals = true,
                                 .withdrawals = &body->withdrawal};
    return body;
}

static enum status check_of(struct body *body, struct err *err)
{
    for (usize i = 0; i < BODY_TXS; i++)
        body->envelopes[i] = tx_encode(&body->txs[i], test_arena());
    body->block.header.transactions_root = block_transactions_root(&body->block, *test_arena());
    body->block.header.withdrawals_root = block_withdrawals_root(&body->block, *test_arena());
    return check_body(&child, &body->block, *test_arena(), err);
}

TEST(child_body_is_attributes_then_deposits_then_others)
{
    static const char *const sentences[] = {
        "",
        "a child chain's block begins with L1 attributes",
        "a child chain's block begins with L1 attributes",
        "the L1 attributes are not this block's",
        "transaction 3: deposits come before others",
        "a child chain has no withdrawals of its consensus",
    };
    for (usize i = 0; i < countof(sentences); i++) {
        struct body *body = sample_body();
        struct err err = {""};
        body->block.tx_count = i == 1 ? 0 : BODY_TXS;
        body->txs[0] = body->txs[i == 2 ? 1 : 0];
        if (i == 3)
            child_attributes_write(&sample, 11, &body->txs[0], test_arena());
        body->txs[3] = body->txs[i == 4 ? 1 : 3];
        body->block.withdrawal_count = i == 5;
        enum status st = check_of(body, &err);
        CHECK_ROW(i, st == (sentences[i][0] == 0 ? ST_OK : ST_INVALID));
        if (strcmp(err.text, sentences[i]) != 0)
            test_fail(__FILE__, __LINE__, "row %zu says \"%s\"", i, err.text);
    }
}

TEST(child_rules_take_the_floor_from_the_first_transaction)
{
    struct rules rules = child, other = layer1;
    struct tx tx, user = {.type = TX_LEGACY};
    child_attributes_write(&sample, 10, &tx, test_arena());
    CHECK(child_rules_read(&rules, &tx, NULL) == ST_OK);
    CHECK(u256_equal(rules.child.base_fee_floor_wei, u256_from_u64(107500000)));
    CHECK(child_rules_read(&rules, &user, NULL) == ST_INVALID);
    CHECK(child_rules_read(&rules, NULL, NULL) == ST_INVALID);
    CHECK(child_rules_read(&other, &tx, NULL) == ST_OK && !other.child.on);
    CHECK(u256_is_zero(other.child.base_fee_floor_wei));
}
