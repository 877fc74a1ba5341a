/* Vectors by ethers' AbiCoder and keccak256, which the contracts' abi.encode agrees with. */
#include "derive/inbox.h"
#include "harness/test.h"
#include "stf/child.h"

static const struct inbox_id ID = {
    .parent_chain_id = 900, .inbox = {{[19] = 0xaa}}, .child_chain_id = 901};

static hash32 filled(u8 with)
{
    hash32 hash;
    memset(hash.b, with, sizeof(hash.b));
    return hash;
}

static address filled_address(u8 with)
{
    address who;
    memset(who.b, with, sizeof(who.b));
    return who;
}

static bool is(hash32 hash, const char *digits)
{
    return bytes_equal(BYTES_OF(hash), hex(digits));
}

TEST(inbox_accumulators_are_those_of_the_contracts)
{
    CHECK(is(inbox_acc_first(&ID),
             "55c0dcb4acde7f0775d63145c40c49977cf79870d18ae053eba5b443324e829e"));
    const struct inbox_item item = {
        .position = 7,
        .kind = INBOX_DEPOSIT,
        .creates = true,
        .from = filled_address(0x11),
        .to = filled_address(0x22),
        .mint_wei = u256_from_u64(1000000000000000000),
        .value_wei = u256_from_u64(5),
        .gas_limit = 100000,
        .time = 1700000000,
        .data = BYTES_LIT("\xde\xad\xbe\xef"),
    };
    hash32 leaf = inbox_item_leaf(&item);
    CHECK(is(leaf, "06bed703c8637e1100f20ac97994bb01ceea15cd2edb4de878ca5cd52d738d4d"));
    CHECK(is(inbox_acc_next(inbox_acc_first(&ID), leaf),
             "aec115f4577d4b23ad2a138e04f2923ed1d99f8aae3a7859cfb61ced7508fbc6"));
}

TEST(batch_accumulators_are_those_of_the_contracts)
{
    static u8 data[BATCH_CHUNK + 1];
    memset(data, 0x41, sizeof(data));
    hash32 calldata = batch_hash_calldata((bytes){data, sizeof(data)});
    CHECK(is(calldata, "df364286fa55488c3fc3e4c29ec56d1e71dff8c7000e58dab8e719441dc0deed"));
    CHECK(is(batch_hash_calldata(BYTES_EMPTY),
             "7713fff795ac21a405140c0594be34d01a9ea4273269c9831d2310bbd1b0e85a"));
    const hash32 blobs[] = {filled(1), filled(2)};
    CHECK(is(batch_hash_blobs(blobs, 2),
             "b0a82f93b6c71c1caffc104f348978096a1b3a0701e4421e176f410f72a43129"));
    struct batch_record record = {.data_hash = calldata,
                                  .inbox_pos = 8,
                                  .origin_number = 123,
                                  .origin_hash = filled(0x33),
                                  .time = 1700000012};
    bytes_copy(record.inbox_acc.b,
               hex("aec115f4577d4b23ad2a138e04f2923ed1d99f8aae3a7859cfb61ced7508fbc6"));
    CHECK(is(batch_acc_first(&ID),
             "8fe5a87ab10cc18f7c64e1e787c8b70ef249282fc44ddb3fba6faac7a780cfe4"));
    CHECK(is(batch_acc_next(batch_acc_first(&ID), &record),
             "2b01c9dd48fb690efd9f2aaae944d29aa42d483620bacd5d3e46aca01cf42065"));
}

TEST(source_hashes_are_the_op_stacks)
{
    hash32 acc;
    bytes_copy(acc.b, hex("aec115f4577d4b23ad2a138e04f2923ed1d99f8aae3a7859cfb61ced7508fbc6"));
    CHECK(is(source_hash_item(acc),
             "158aeb67da8d30986a5b7176470b6b8b6c29526b90d3f1935727710974e92e95"));
    struct tx attributes;
    child_attributes_write(&(struct child_attributes){.origin_hash = filled(0x33)}, 42, &attributes,
                           test_arena());
    CHECK(is(attributes.source_hash,
             "81bfd6350595259de7978087594f854c0d457c1fe609ce11dd0566c0ada25e02"));
}

TEST(claims_and_outputs_hash_as_the_settlement_does)
{
    const struct claim claim = {.chain_id = 901,
                                .parent_claim = filled(1),
                                .output = filled(2),
                                .number = 3,
                                .batch_count = 4,
                                .batch_acc = filled(5),
                                .inbox_pos = 6,
                                .inbox_acc = filled(7),
                                .program_hash = filled(8),
                                .version = 9};
    CHECK(
        is(claim_hash(&claim), "e413afbf449f01fb80a29e60c2d2b88ba142c63482512ef688f899e64dfc9e77"));
    CHECK(is(output_root(filled(1), filled(2), filled(3)),
             "fa846ba062c4f02c422636c114d4c22c219e0d7f9db2db9621eb6f655ac8a51f"));
}

TEST(unsafe_blocks_are_signed_under_a_tag_of_their_own)
{
    CHECK(is(unsafe_block_digest(901, filled(7)),
             "1a22b3deb02e69289ea6e309cdabcc42e001c22e97ddb71c32aecb1cdeef1ae0"));
}
