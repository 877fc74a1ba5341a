/* Deposits: transactions of child chains that nobody signs. Encodings and hashes are those that
 * viem 2.40.0's op-stack serializer makes. */
#include "harness/test.h"
#include "types/block.h"
#include "types/receipt.h"

static const struct {
    const char *envelope, *hash;
} viem_deposits[] = {
    {"7ef868a0181818181818181818181818181818181818181818181818181818181818181894977f82a600a141"
     "4e583f7f13623f1ac5d58b1c0b94420000000000000000000000000000000000000788d02ab486cedc000088"
     "d02ab486cedc0000830186a08085deadbeef00",
     "0849365086562831f18a27eceb86be2db857bfe50249bb7462cfb0849c1404e7"},
    {"7ef83ca0000000000000000000000000000000000000000000000000000000000000000194deaddeaddeadde"
     "addeaddeaddeaddeaddead000180808080805f",
     "881839ec8d46d209285ec2493283a8be5dee5e54a91249787a7bd67202081ac0"},
    {"7ef852a0abababababababababababababababababababababababababababababababab94111111111111111111"
     "111111111111111111111194222222222222222222222222222222222222222280018252080180",
     "34bfbba8fd93cde364a227564458cf5c18b633037afe7d8aa511a8463bccb68a"},
};

TEST(deposit_reads_back_as_written_with_its_sender_known)
{
    for (usize i = 0; i < countof(viem_deposits); i++) {
        struct tx tx, again;
        bytes envelope = hex(viem_deposits[i].envelope);
        struct err err = {""};
        if (tx_decode(envelope, &tx, test_arena(), &err) != ST_OK) {
            test_fail(__FILE__, __LINE__, "row %zu: %s", i, err.text);
            continue;
        }
        CHECK_ROW(i, tx.type == TX_DEPOSIT && tx.from_known && tx.protected);
        CHECK_ROW(i, bytes_equal(BYTES_OF(tx.hash), hex(viem_deposits[i].hash)));
        CHECK_ROW(i, bytes_equal(envelope, tx_encode(&tx, test_arena())));
        CHECK_ROW(i, tx_encoded_size(&tx) == envelope.size);
        again = tx;
        again.hash = (hash32){{0}};
        tx_set_hash(&again, *test_arena());
        CHECK_ROW(i, hash32_equal(again.hash, tx.hash));
    }
}

TEST(deposit_has_the_fields_of_its_list)
{
    struct tx tx;
    CHECK(tx_decode(hex(viem_deposits[0].envelope), &tx, test_arena(), NULL) == ST_OK);
    CHECK(tx.source_hash.b[0] == 0x18 && tx.source_hash.b[31] == 0x18);
    CHECK(bytes_equal(BYTES_OF(tx.from), hex("977f82a600a1414e583f7f13623f1ac5d58b1c0b")));
    CHECK(bytes_equal(BYTES_OF(tx.to), hex("4200000000000000000000000000000000000007")));
    CHECK(u256_equal(tx.mint_wei, u256_from_u64(15000000000000000000u)));
    CHECK(u256_equal(tx.value_wei, tx.mint_wei) && tx.gas_limit == 100000);
    CHECK(!tx.is_system && !tx.creates && bytes_equal(tx.data, hex("deadbeef00")));
    CHECK(tx_decode(hex(viem_deposits[1].envelope), &tx, test_arena(), NULL) == ST_OK);
    CHECK(tx.creates && u256_is_zero(tx.mint_wei) && tx.gas_limit == 0 && tx.data.size == 1);
    CHECK(tx_decode(hex(viem_deposits[2].envelope), &tx, test_arena(), NULL) == ST_OK);
    CHECK(tx.is_system && tx.data.size == 0);
}

TEST(deposit_decode_refuses_with_a_sentence)
{
#define HASH "a00000000000000000000000000000000000000000000000000000000000000000"
#define WHO "940000000000000000000000000000000000000000"
    static const struct {
        const char *envelope, *sentence;
    } rows[] = {
        {"7e", "transaction: not one RLP list"},
        {"7ec0", "transaction: bad source hash"},
        {"7ee1" HASH, "transaction: bad sender"},
        {"7ef7" HASH WHO "80", "transaction: bad mint"},
        {"7ef83c" HASH WHO "80808001", "transaction: not one RLP list"},
        {"7ef83c" HASH WHO "808080800280", "transaction: bad system flag"},
        {"7ef83c" HASH WHO "808080808080", ""},
        {"7ef83c" HASH WHO "800080808080", "transaction: bad mint"},
        {"7ef83d" HASH WHO "80808080808080", "transaction: more fields than type 126 has"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct tx tx;
        struct err err = {""};
        enum status st = tx_decode(hex(rows[i].envelope), &tx, test_arena(), &err);
        CHECK_ROW(i, st == (rows[i].sentence[0] == 0 ? ST_OK : ST_INVALID));
        if (strcmp(err.text, rows[i].sentence) != 0)
            test_fail(__FILE__, __LINE__, "row %zu says \"%s\"", i, err.text);
    }
}

TEST(deposit_pays_nothing_for_gas_and_has_no_signature)
{
    struct tx tx;
    struct err err = {""};
    CHECK(tx_decode(hex(viem_deposits[0].envelope), &tx, test_arena(), NULL) == ST_OK);
    CHECK(u256_is_zero(tx_effective_price(&tx, u256_from_u64(7))));
    CHECK(tx_recover(&tx, true, *test_arena(), &err) == ST_INVALID);
    CHECK(strcmp(err.text, "transaction: nobody signs a deposit") == 0);
}

/* A receipt of OP Mainnet after Canyon, as op-alloy's tests hold it: 46,913 gas, nonce 4,012,991.
 */
TEST(deposit_receipt_has_nonce_and_version)
{
    struct receipt receipt = {
        .type = TX_DEPOSIT, .succeeded = true, .cumulative_gas = 46913, .deposit_nonce = 4012991};
    bytes encoded = receipt_encode(&receipt, test_arena());
    CHECK(bytes_equal(bytes_slice(encoded, 0, 11), hex("7ef9010d0182b741b90100")));
    CHECK(bytes_equal(bytes_slice(encoded, 11 + sizeof(bloom256), 100), hex("c0833d3bbf01")));
    receipt.type = TX_DYNAMIC_FEE;
    encoded = receipt_encode(&receipt, test_arena());
    CHECK(bytes_equal(bytes_slice(encoded, 11 + sizeof(bloom256), 100), hex("c0")));
}

TEST(deposit_lies_in_a_block_as_other_typed_transactions_do)
{
    bytes envelopes[] = {hex(viem_deposits[0].envelope), hex(viem_deposits[1].envelope)};
    struct tx txs[countof(envelopes)];
    struct block block = {.header = {.fields = HEADER_PRAGUE, .ommers_hash = EMPTY_OMMERS_HASH},
                          .txs = txs,
                          .tx_envelopes = envelopes,
                          .tx_count = countof(envelopes),
                          .has_withdrawals = true};
    for (usize i = 0; i < countof(envelopes); i++)
        CHECK(tx_decode(envelopes[i], &txs[i], test_arena(), NULL) == ST_OK);
    bytes rlp = block_encode(&block, test_arena());
    struct block again;
    CHECK(block_decode(rlp, &again, test_arena(), NULL) == ST_OK && again.tx_count == 2);
    CHECK(again.txs[1].from_known && hash32_equal(again.txs[1].hash, txs[1].hash));
    CHECK(bytes_equal(rlp, block_encode(&again, test_arena())));
}
