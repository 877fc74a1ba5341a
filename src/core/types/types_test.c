#include "base/fmt.h"
#include "base/json_read.h"
#include "base/rlp.h"
#include "crypto/keccak.h"
#include "harness/test.h"
#include "types/account.h"
#include "types/block.h"
#include "types/receipt.h"

static const hash32 sample_hashes[] = {{{1}}, {{2, 3}}};
static const struct access_entry sample_access[] = {
    {{{0xaa}}, sample_hashes, 2},
    {{{0xbb}}, NULL, 0},
};
static const struct authorization sample_authorizations[] = {
    {{{5}}, {{0xcc}}, 7, 1, {{8}}, {{9}}},
    {{{0}}, {{0}}, 0, 255, {{1, 2, 3, 4}}, {{0, 0, 0, 1}}},
};

/* A transaction with every field of its type set. */
static struct tx sample_tx(enum tx_type type)
{
    struct tx tx = {.type = type,
                    .protected = true,
                    .to = {{1, 2, 3}},
                    .chain_id = 900,
                    .nonce = 300,
                    .gas_limit = 21000,
                    .max_fee_wei = u256_from_u64(1000000000),
                    .max_priority_wei = u256_from_u64(type < TX_DYNAMIC_FEE ? 1000000000 : 7),
                    .value_wei = U256_MAX,
                    .data = BYTES_LIT("\x7f"),
                    .y_parity = 1,
                    .r = U256_MAX,
                    .s = U256_ONE};
    if (type != TX_LEGACY) {
        tx.access = sample_access;
        tx.access_count = countof(sample_access);
    }
    if (type == TX_BLOB) {
        tx.max_blob_fee_wei = u256_from_u64(128);
        tx.blob_hashes = sample_hashes;
        tx.blob_hash_count = countof(sample_hashes);
    }
    if (type == TX_SET_CODE) {
        tx.authorizations = sample_authorizations;
        tx.authorization_count = countof(sample_authorizations);
    }
    return tx;
}

TEST(tx_of_every_type_reads_back_as_written)
{
    for (enum tx_type type = TX_LEGACY; type <= TX_SET_CODE; type++) {
        struct tx tx = sample_tx(type), again;
        bytes envelope = tx_encode(&tx, test_arena());
        struct err err = {""};
        if (tx_decode(envelope, &again, test_arena(), &err) != ST_OK) {
            test_fail(__FILE__, __LINE__, "type %d: %s", (int)type, err.text);
            continue;
        }
        CHECK_ROW(type, bytes_equal(envelope, tx_encode(&again, test_arena())));
        CHECK_ROW(type, again.type == type && again.chain_id == 900 && again.nonce == 300);
        CHECK_ROW(type, hash32_equal(again.hash, keccak256(envelope)));
        CHECK_ROW(type, u256_equal(again.max_priority_wei, tx.max_priority_wei));
        CHECK_ROW(type, tx_access_slot_count(&again) == (type == TX_LEGACY ? 0u : 2u));
        CHECK_ROW(type, again.authorization_count == tx.authorization_count);
        CHECK_ROW(type, tx_blob_gas(&again) == tx.blob_hash_count * 131072);
    }
}

TEST(tx_decode_refuses_with_a_sentence)
{
    static const struct {
        const char *envelope, *sentence;
    } rows[] = {
        {"", "transaction: no bytes"},
        {"00c0", "transaction: no type 0x00"},
        {"05c0", "transaction: no type 0x05"},
        {"7f", "transaction: no type 0x7f"},
        {"80", "transaction: no type 0x80"},
        {"c0c0", "transaction: not one RLP list"},
        {"c0", "transaction: bad nonce"},
        {"c9808080808080808080", "transaction: v is 0, no signature has that"},
        {"c9808080808080228080", "transaction: v is 34, no signature has that"},
        {"ca8080808080801b808080", "transaction: more fields than type 0 has"},
        {"c98080808081ff801b8080", "transaction: not one RLP list"},
        {"02cc8080808080808080c0028080", "transaction: y parity is 2, not 0 or 1"},
        {"02cc808080808080808080028080", "transaction: bad access list"},
        {"03ce8080808080808080c080c0808080",
         "transaction: a blob transaction cannot create a contract"},
        {"04cd8080808080808080c0c0808080",
         "transaction: a set-code transaction cannot create a contract"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct tx tx;
        struct err err = {""};
        CHECK_ROW(i, tx_decode(hex(rows[i].envelope), &tx, test_arena(), &err) == ST_INVALID);
        if (strcmp(err.text, rows[i].sentence) != 0)
            test_fail(__FILE__, __LINE__, "row %zu says \"%s\"", i, err.text);
    }
}

TEST(tx_effective_price_is_capped_by_both_fees)
{
    static const struct {
        u64 max_fee, max_priority, base, price;
    } rows[] = {{10, 2, 5, 7}, {10, 2, 9, 10}, {10, 10, 4, 10}, {10, 0, 4, 4}, {10, 2, 0, 2}};
    for (usize i = 0; i < countof(rows); i++) {
        struct tx tx = {.max_fee_wei = u256_from_u64(rows[i].max_fee),
                        .max_priority_wei = u256_from_u64(rows[i].max_priority)};
        u256 price = tx_effective_price(&tx, u256_from_u64(rows[i].base));
        CHECK_ROW(i, u256_equal(price, u256_from_u64(rows[i].price)));
    }
}

static bytes hex_at(json object, const char *key)
{
    bytes out = BYTES_EMPTY;
    if (json_read_hex(json_get(object, key), &out, test_arena()) != ST_OK)
        test_fail(__FILE__, __LINE__, "no bytes %s", key);
    return out;
}

static json read_fixture(const char *folder, const char *name)
{
    char path[4096];
    json all = {BYTES_EMPTY};
    struct err err;
    fmt(path, sizeof(path), "%s/%s", folder, name);
    if (json_check(test_read_file(path), 16, &all, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", path, err.text);
    return all;
}

/* The tests sign a list of nine with v, r and s zero or the chain's; only the signed form is ours
 * to judge, and what it says. */
TEST(tx_basic_official_tests_decode_to_their_fields)
{
    const char *folder = test_fixture_folder("small");
    if (folder == NULL)
        return;
    json key, row, all = read_fixture(folder, "BasicTests/txtest.json");
    for (struct json_walk at = json_begin(all); json_next(&at, &key, &row);) {
        struct tx tx;
        u64 number;
        u256 wide;
        bytes envelope = hex_at(row, "signed");
        CHECK(tx_decode(envelope, &tx, test_arena(), NULL) == ST_OK);
        CHECK(bytes_equal(envelope, tx_encode(&tx, test_arena())));
        CHECK(json_read_number_u64(json_get(row, "nonce"), &number) == ST_OK && number == tx.nonce);
        CHECK(json_read_number_u64(json_get(row, "startgas"), &number) == ST_OK &&
              number == tx.gas_limit);
        CHECK(json_read_number(json_get(row, "gasprice"), &wide) == ST_OK &&
              u256_equal(wide, tx.max_fee_wei));
        CHECK(json_read_number(json_get(row, "value"), &wide) == ST_OK &&
              u256_equal(wide, tx.value_wei));
        CHECK(bytes_equal(hex_at(row, "data"), tx.data));
        CHECK(tx_recover(&tx, false, *test_arena(), NULL) == ST_OK);
    }
}

static void check_same_block(bytes item, const struct header *parent, u64 number)
{
    struct block block;
    struct err err = {""};
    if (block_decode(item, &block, test_arena(), &err) != ST_OK) {
        test_fail(__FILE__, __LINE__, "block %lu: %s", number, err.text);
        return;
    }
    CHECK_ROW(number, bytes_equal(item, block_encode(&block, test_arena())));
    CHECK_ROW(number, hash32_equal(block.hash, header_hash(&block.header, *test_arena())));
    CHECK_ROW(number,
              hash32_equal(block_ommers_hash(&block, *test_arena()), block.header.ommers_hash));
    if (parent != NULL)
        CHECK_ROW(number,
                  hash32_equal(block.header.parent_hash, header_hash(parent, *test_arena())));
    for (usize i = 0; i < block.tx_count; i++)
        CHECK_ROW(number,
                  bytes_equal(tx_encode(&block.txs[i], test_arena()), block.tx_envelopes[i]));
}

/* A chain through every fork, with every type of transaction. */
TEST(block_of_every_fork_reads_back_as_written)
{
    const char *folder = test_fixture_folder("rpc_compat");
    if (folder == NULL)
        return;
    char path[4096];
    fmt(path, sizeof(path), "%s/chain.rlp", folder);
    bytes item, chain = test_read_file(path);
    struct header parent;
    u64 number = 1;
    for (; chain.size > 0; number++) {
        struct arena saved = *test_arena();
        if (rlp_read_item(&chain, &item) != ST_OK) {
            test_fail(__FILE__, __LINE__, "chain.rlp is no RLP");
            return;
        }
        check_same_block(item, number > 1 ? &parent : NULL, number);
        bytes fields, header, rest = item;
        CHECK(rlp_read_list(&rest, &fields) == ST_OK && rlp_read_item(&fields, &header) == ST_OK);
        CHECK(header_decode(header, &parent, NULL) == ST_OK);
        *test_arena() = saved;
    }
    CHECK(number > 40);
}

TEST(header_decode_refuses_with_a_sentence)
{
    static const struct {
        const char *item, *sentence;
    } rows[] = {
        {"", "header: not one RLP list"},
        {"80", "header: not one RLP list"},
        {"c0c0", "header: not one RLP list"},
        {"c0", "header: no fork has 0 fields"},
        {"d2808080808080808080808080808080808080", "header: no fork has 18 fields"},
        {"cf808080808080808080808080808080", "header: bad parent hash"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct header header;
        struct err err = {""};
        CHECK_ROW(i, header_decode(hex(rows[i].item), &header, &err) == ST_INVALID);
        if (strcmp(err.text, rows[i].sentence) != 0)
            test_fail(__FILE__, __LINE__, "row %zu says \"%s\"", i, err.text);
    }
}

TEST(account_encoding_is_the_trie_leaf)
{
    struct account account = account_new(), again;
    bytes leaf = account_encode(&account, test_arena());
    /* Well known: the leaf of an account with nothing. */
    CHECK(
        bytes_equal(leaf, hex("f8448080a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e3"
                              "63b421a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d"
                              "85a470")));
    CHECK(account_decode(leaf, &again) == ST_OK && account_is_empty(&again));
    again.nonce = 1;
    CHECK(!account_is_empty(&again));
    CHECK(account_decode((bytes){leaf.data, leaf.size - 1}, &again) == ST_INVALID);
}

TEST(constants_are_the_hashes_that_they_name)
{
    CHECK(hash32_equal(EMPTY_CODE_HASH, keccak256(BYTES_EMPTY)));
    CHECK(hash32_equal(EMPTY_TRIE_ROOT, keccak256(BYTES_LIT("\x80"))));
    CHECK(hash32_equal(EMPTY_OMMERS_HASH, keccak256(BYTES_LIT("\xc0"))));
}

TEST(bloom_holds_address_and_topics_and_little_else)
{
    struct log log = {.who = {{0x11}}, .topics = {{{1}}, {{2}}}, .topic_count = 2};
    bloom256 bloom = {{0}}, merged = {{0}};
    bloom_add_logs(&bloom, &log, 1);
    bloom_merge(&merged, &bloom);
    usize bits = 0, found = 0;
    for (usize i = 0; i < sizeof(bloom.b); i++)
        bits += (usize)__builtin_popcount(merged.b[i]);
    CHECK(bits <= 9 && bits >= 7);
    CHECK(bloom_may_contain(&merged, BYTES_OF(log.who)));
    CHECK(bloom_may_contain(&merged, BYTES_OF(log.topics[1])));
    for (u8 i = 0; i < 100; i++)
        found += bloom_may_contain(&merged, (bytes){&i, 1});
    CHECK(found == 0);
}

TEST(receipt_encoding_has_a_root_before_byzantium_and_a_status_since)
{
    struct log log = {.who = {{0x11}}, .data = BYTES_LIT("x")};
    struct receipt receipt = {
        .type = TX_BLOB, .succeeded = true, .cumulative_gas = 21000, .logs = &log, .log_count = 1};
    bytes encoded = receipt_encode(&receipt, test_arena()), fields, status;
    CHECK(encoded.data[0] == 3);
    encoded = bytes_slice(encoded, 1, encoded.size);
    CHECK(rlp_check(encoded) == ST_OK && rlp_read_list(&encoded, &fields) == ST_OK);
    CHECK(rlp_read_bytes(&fields, &status) == ST_OK && bytes_equal(status, BYTES_LIT("\x01")));
    receipt = (struct receipt){.has_root = true, .post_root = {{9}}};
    encoded = receipt_encode(&receipt, test_arena());
    CHECK(rlp_read_list(&encoded, &fields) == ST_OK && rlp_read_bytes(&fields, &status) == ST_OK);
    CHECK(status.size == 32 && status.data[0] == 9);
    CHECK(hash32_equal(logs_hash(NULL, 0, *test_arena()), EMPTY_OMMERS_HASH));
}
