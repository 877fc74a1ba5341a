#include "layer/withdrawal.h"

#include "client/abi.h"
#include "harness/test.h"

static hash32 hash_of(const char *digits)
{
    hash32 out;
    CHECK(hex_read_fixed((bytes){(const u8 *)digits, strlen(digits)}, out.b, 32) == ST_OK);
    return out;
}

static hash32 word_of(address who)
{
    hash32 out = {{0}};
    memcpy(out.b + 12, who.b, sizeof(who.b));
    return out;
}

static const address ALICE = {{[19] = 0xa1}}, BOB = {{[19] = 0xb0}}, TOKEN = {{[19] = 0x70}},
                     IMAGE = {{[19] = 0x71}}, MESSENGER = {{0x42, [19] = 0x07}};

/* A MessagePassed event as the message passer emits it. */
static struct eth_log passed_log(address sender, u64 nonce, u64 index, hash32 tx)
{
    struct child_withdrawal w = {.nonce = u256_from_u64(nonce),
                                 .sender = sender,
                                 .target = BOB,
                                 .value_wei = u256_from_u64(5),
                                 .gas_limit = u256_from_u64(100000)};
    struct abi_out data = abi_begin(4, test_arena());
    abi_put_u256(&data, w.value_wei);
    abi_put_u256(&data, w.gas_limit);
    abi_put_bytes(&data, BYTES_EMPTY);
    abi_put_hash(&data, withdrawal_hash(&w, *test_arena()));
    bytes encoded = abi_end(&data);
    return (struct eth_log){
        .log = {.who = CHILD_MESSAGE_PASSER,
                .topics = {abi_topic("MessagePassed(uint256,address,address,uint256,uint256,bytes,"
                                     "bytes32)"),
                           u256_to_hash(w.nonce), word_of(sender), word_of(BOB)},
                .topic_count = 4,
                .data = encoded},
        .tx_hash = tx,
        .index = index};
}

static struct eth_log initiated_log(u64 amount, u64 index, hash32 tx)
{
    struct abi_out data = abi_begin(3, test_arena());
    abi_put_address(&data, BOB);
    abi_put_u64(&data, amount);
    abi_put_bytes(&data, BYTES_EMPTY);
    bytes encoded = abi_end(&data);
    return (struct eth_log){
        .log = {.who = CHILD_STANDARD_BRIDGE,
                .topics = {abi_topic("WithdrawalInitiated(address,address,address,address,uint256,"
                                     "bytes)"),
                           word_of(TOKEN), word_of(IMAGE), word_of(ALICE)},
                .topic_count = 4,
                .data = encoded},
        .tx_hash = tx,
        .index = index};
}

static usize read_receipt(struct eth_log *logs, usize count, struct child_withdrawal **out)
{
    usize found = 0;
    struct eth_receipt receipt = {.logs = {logs, count}};
    CHECK(withdrawals_of_receipt(&receipt, out, &found, test_arena(), NULL) == ST_OK);
    return found;
}

TEST(withdrawal_hash_and_slot_are_those_of_viem)
{
    struct child_withdrawal w = {.sender = {{[19] = 1}},
                                 .target = {{[19] = 2}},
                                 .value_wei = u256_from_u64(3),
                                 .gas_limit = u256_from_u64(4),
                                 .data = BYTES_LIT("\xab\xcd")};
    w.nonce.w[3] = (u64)1 << 48; /* version 1, message 0 */
    hash32 hash = withdrawal_hash(&w, *test_arena());
    CHECK(hash32_equal(
        hash, hash_of("0x0f2833e0b52b0738f0fad2af8c2283b269f73b599169067bdf799459ded94167")));
    CHECK(hash32_equal(
        withdrawal_slot(hash),
        hash_of("0xfc30104d7e2b42f0b30a1e34d3ed841619854c28fcde2ba9ae0bf83967582cf8")));
}

TEST(withdrawals_of_tokens_are_told_by_the_event_before_them)
{
    hash32 tx = {{7}};
    struct eth_log logs[] = {passed_log(ALICE, 1, 0, tx), initiated_log(9, 1, tx),
                             passed_log(MESSENGER, 2, 2, tx), passed_log(MESSENGER, 3, 3, tx)};
    struct child_withdrawal *list;
    usize count = read_receipt(logs, countof(logs), &list);
    CHECK(count == 3);
    CHECK(!list[0].is_token && address_equal(list[0].owner, ALICE));
    CHECK(list[1].is_token && address_equal(list[1].owner, ALICE));
    CHECK(address_equal(list[1].token, TOKEN) && list[1].amount.w[0] == 9);
    CHECK(!list[2].is_token && address_equal(list[2].owner, MESSENGER)); /* another message */
}

TEST(withdrawal_whose_hash_is_not_that_of_its_fields_is_refused)
{
    hash32 tx = {{7}};
    struct eth_log log = passed_log(ALICE, 1, 0, tx);
    struct child_withdrawal *list;
    usize count;
    struct eth_receipt receipt = {.logs = {&log, 1}};
    log.log.topics[1].b[31] ^= 1;
    CHECK(withdrawals_of_receipt(&receipt, &list, &count, test_arena(), NULL) == ST_CORRUPT);
}
