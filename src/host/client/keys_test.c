#include "client/keys.h"

#include "harness/test.h"
#include "sys/recover.h"

static struct keys *test_keys(u32 count)
{
    struct keys *keys = NULL;
    CHECK(keys_from_mnemonic(KEYS_TEST_MNEMONIC, count, &keys, NULL) == ST_OK);
    return keys;
}

TEST(test_mnemonic_gives_the_addresses_and_keys_that_every_tool_prints)
{
    struct keys *keys = test_keys(10);
    static const struct {
        usize index;
        const char *who, *secret;
    } rows[] = {
        {0, "f39fd6e51aad88f6f4ce6ab8827279cfffb92266",
         "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"},
        {1, "70997970c51812dc3a010c7d01b50e0d17dc79c8",
         "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"},
        {9, "a0ee7a142d267c1f36714e4a8f75612f20a79720",
         "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6"},
    };
    for (usize i = 0; i < countof(rows); i++) {
        address who = keys_address(keys, rows[i].index);
        secret32 secret = keys_secret(keys, rows[i].index);
        CHECK_ROW(i, bytes_equal(BYTES_OF(who), hex(rows[i].who)));
        CHECK_ROW(i, bytes_equal(BYTES_OF(secret), hex(rows[i].secret)));
    }
    keys_free(keys);
}

TEST(signed_transaction_recovers_to_its_signer)
{
    struct keys *keys = test_keys(2);
    for (int type = TX_LEGACY; type <= TX_SET_CODE; type++) {
        struct tx tx = {.type = (enum tx_type)type,
                        .protected = true,
                        .chain_id = 900,
                        .nonce = 7,
                        .gas_limit = 21000,
                        .max_fee_wei = u256_from_u64(5),
                        .from = keys_address(keys, 1)};
        CHECK_ROW(type, keys_sign_tx(keys, &tx, *test_arena()) == ST_OK);
        struct tx again = tx;
        CHECK_ROW(type, recover_sender(&again, true, *test_arena(), NULL) == ST_OK);
        CHECK_ROW(type, address_equal(again.from, keys_address(keys, 1)));
    }
    struct tx foreign = {.from = {{1}}};
    CHECK(keys_sign_tx(keys, &foreign, *test_arena()) == ST_MISSING);
    foreign.r = U256_MAX;
    CHECK(recover_sender(&foreign, true, *test_arena(), NULL) == ST_INVALID);
    keys_free(keys);
}

/* From EIP-191's best-known example, as ethers and cast compute it. */
TEST(message_hash_frames_the_message_with_its_size)
{
    hash32 hash = keys_message_hash(BYTES_LIT("hello world"));
    CHECK(bytes_equal(BYTES_OF(hash),
                      hex("d9eba16ed0ecae432b71fe008c98cc872bb4cc214d3220a36f365326cf807d68")));
}

TEST(keys_are_taken_as_they_are_unless_they_are_none)
{
    struct keys *keys = test_keys(2), *again = NULL;
    secret32 secrets[] = {keys_secret(keys, 1), keys_secret(keys, 0)};
    CHECK(keys_from_secrets(secrets, 2, &again, NULL) == ST_OK);
    CHECK(address_equal(keys_address(again, 0), keys_address(keys, 1)));
    keys_free(again);
    memset(secrets[1].b, 0xff, sizeof(secrets[1].b));
    CHECK(keys_from_secrets(secrets, 2, &again, NULL) == ST_INVALID);
    memset(secrets[1].b, 0, sizeof(secrets[1].b));
    CHECK(keys_from_secrets(secrets, 2, &again, NULL) == ST_INVALID);
    keys_free(keys);
}
