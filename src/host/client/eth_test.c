#include "client/eth.h"

#include "client/fake.h"
#include "harness/test.h"
#include "sys/clock.h"

#include <stdio.h>

static const address INBOX = {{0xaa}};
static const hash32 TOPIC = {{0x77}};

static bool says(bytes method, const char *name)
{
    return bytes_equal(method, (bytes){(const u8 *)name, strlen(name)});
}

static struct eth_filter inbox_filter(void)
{
    return (struct eth_filter){.who = INBOX, .topics = &TOPIC, .topic_count = 1};
}

TEST(eth_reads_headers_by_number_hash_and_tag)
{
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    struct eth_header by_number, by_hash, by_tag;
    struct err err = {{0}};
    fake->safe = 3;
    fake->finalized = UINT64_MAX;
    fake_mine(fake, 5);
    CHECK(eth_ask_header(eth, eth_at_number(4), &by_number, test_arena(), &err) == ST_OK);
    CHECK(eth_ask_header(eth, eth_at_hash(by_number.hash), &by_hash, test_arena(), &err) == ST_OK);
    CHECK(eth_ask_header(eth, eth_at_tag(ETH_SAFE), &by_tag, test_arena(), &err) == ST_OK);
    CHECK(by_number.header.number == 4 && by_hash.header.number == 4 && by_tag.header.number == 3);
    CHECK(hash32_equal(by_number.hash, fake->chain[4]->at.hash));
    CHECK(hash32_equal(by_number.header.parent_hash, by_tag.hash));
    CHECK(eth_ask_header(eth, eth_at_number(6), &by_number, test_arena(), &err) == ST_MISSING);
    CHECK(eth_ask_header(eth, eth_at_hash((hash32){{1}}), &by_hash, test_arena(), &err) ==
          ST_MISSING);
    CHECK(eth_ask_header(eth, eth_at_tag(ETH_FINALIZED), &by_tag, test_arena(), &err) ==
          ST_MISSING);
    struct eth_heads heads;
    CHECK(eth_ask_heads(eth, &heads, test_arena(), &err) == ST_OK);
    CHECK(heads.latest.header.number == 5 && heads.has_safe && !heads.has_finalized);
    u64 id = 0, number = 0;
    CHECK(eth_ask_chain_id(eth, &id, &err) == ST_OK && id == 900);
    CHECK(eth_ask_block_number(eth, &number, &err) == ST_OK && number == 5);
    eth_free(eth);
    fake_stop(fake);
}

TEST(eth_reads_many_headers_in_few_exchanges_and_stops_where_there_are_no_more)
{
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    struct eth_header *headers = ARENA_TAKE(test_arena(), struct eth_header, 300);
    struct err err = {{0}};
    usize got = 0;
    fake_mine(fake, 250);
    CHECK(eth_ask_headers(eth, 1, 300, headers, &got, test_arena(), &err) == ST_OK);
    CHECK(got == 250 && fake->requests == 3);
    for (usize i = 0; i < got; i++)
        CHECK_ROW(i, hash32_equal(headers[i].hash, fake->chain[i + 1]->at.hash));
    fake->batch_limit = 7; /* a provider that takes no large batches */
    CHECK(eth_ask_headers(eth, 1, 100, headers, &got, test_arena(), &err) == ST_OK && got == 100);
    eth_free(eth);
    fake_stop(fake);
}

TEST(eth_asks_again_until_a_troubled_server_answers)
{
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    struct eth_header *headers = ARENA_TAKE(test_arena(), struct eth_header, 20);
    struct err err = {{0}};
    usize got;
    fake_mine(fake, 20);
    for (int round = 0; round < 4; round++) {
        fake->overloaded = round == 0 ? 3 : 0;
        fake->cut = round == 1 ? 3 : 0;
        fake->garbage = round == 2 ? 3 : 0;
        fake->deaf = round == 3 ? 3 : 0;
        fake->requests = 0;
        CHECK_ROW(round, eth_ask_headers(eth, 1, 20, headers, &got, test_arena(), &err) == ST_OK);
        CHECK_ROW(round, got == 20 && fake->requests > 3);
    }
    eth_free(eth);
    fake_stop(fake);
}

TEST(eth_leaves_a_server_alone_for_as_long_as_it_asks)
{
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    struct err err = {{0}};
    u64 id, started_ms = clock_now_ms();
    fake->overloaded = 1;
    fake->retry_after_s = 1;
    CHECK(eth_ask_chain_id(eth, &id, &err) == ST_OK);
    CHECK(fake->requests == 2 && clock_now_ms() - started_ms >= 1000);
    fake->overloaded = 1;
    fake->retry_after_s = 100; /* longer than a question may take: the next ones wait, too */
    CHECK(eth_ask_chain_id(eth, &id, &err) == ST_AGAIN);
    CHECK(eth_ask_chain_id(eth, &id, &err) == ST_AGAIN && fake->requests == 3);
    CHECK(strstr(err.text, "asked to be left alone") != NULL);
    eth_free(eth);
    fake_stop(fake);
}

static bool exceed(struct fake *fake, bytes method, json params, struct json_out *out)
{
    usize *times = fake->self;
    (void)method;
    (void)params;
    if (*times == 0)
        return false;
    --*times;
    json_key(out, "error");
    json_put_raw(out, BYTES_LIT("{\"code\":-32005,\"message\":\"limit exceeded\"}"));
    return true;
}

TEST(eth_asks_again_where_a_limit_of_requests_is_exceeded_and_for_less_where_it_is_one_of_logs)
{
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    struct eth_filter filter = inbox_filter();
    struct eth_logs logs;
    struct err err = {{0}};
    usize times = 3;
    u64 id;
    fake_mine(fake, 20);
    fake->override = exceed;
    fake->self = &times;
    CHECK(eth_ask_chain_id(eth, &id, &err) == ST_OK && fake->requests == 4);
    times = 1;
    CHECK(eth_ask_logs(eth, 1, 20, &filter, &logs, test_arena(), &err) == ST_OK);
    CHECK(fake->requests > 6); /* in parts */
    eth_free(eth);
    fake_stop(fake);
}

TEST(eth_gives_up_at_its_deadline_and_says_what_it_wanted_of_whom)
{
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    struct err err = {{0}};
    char want[100];
    u64 id, started_ms = clock_now_ms();
    fake->dead = true;
    eth_set_deadline(eth, clock_now_ms() + 300);
    enum status st = eth_ask_chain_id(eth, &id, &err);
    CHECK(st == ST_IO || st == ST_AGAIN); /* as the last of many attempts ended */
    CHECK(clock_now_ms() - started_ms < 5000 && fake->requests > 1);
    snprintf(want, sizeof(want), "eth_chainId: %s: ", eth_name(eth));
    CHECK(strncmp(err.text, want, strlen(want)) == 0);
    eth_set_deadline(eth, clock_now_ms());
    CHECK(eth_ask_chain_id(eth, &id, &err) == ST_AGAIN); /* over before it begins */
    fake->dead = false;
    eth_set_deadline(eth, 0);
    CHECK(eth_ask_chain_id(eth, &id, &err) == ST_OK);
    eth_free(eth);
    fake_stop(fake);
}

/* --- Lies. */

static bool answer_raw(struct fake *fake, bytes method, json params, struct json_out *out)
{
    (void)method;
    (void)params;
    const char *text = fake->self;
    json_key(out, "result");
    json_put_raw(out, (bytes){(const u8 *)text, strlen(text)});
    return true;
}

TEST(eth_refuses_headers_that_no_honest_server_gives)
{
    static const struct {
        const char *says, *instead, *why;
    } rows[] = {
        {"\"gasLimit\":\"0x3938700\"", "\"gasLimit\":\"0x3938701\"", "does not hash to its name"},
        {"\"gasLimit\":\"0x3938700\"", "\"gasLimit\":\"60000000\"", "\"gasLimit\""},
        {"\"gasLimit\":\"0x3938700\"", "\"gasLimit\":60000000", "\"gasLimit\""},
        {"\"gasLimit\":\"0x3938700\"", "\"gasLimit\":\"0x10000000000000000\"", "\"gasLimit\""},
        {"\"gasLimit\":\"0x3938700\"", "\"gasLimit\":null", "\"gasLimit\""},
        {"\"gasLimit\"", "\"gas\"", "\"gasLimit\""},
        {"\"requestsHash\":\"0x00", "\"requestsHash\":\"0x0000", "\"requestsHash\""},
        {"\"requestsHash\"", "\"slotNumber\"", "its field \"slotNumber\" is of a fork"},
        {"\"miner\":\"0x00", "\"miner\":\"0xzz", "\"miner\""},
        {"\"number\":\"0x2\"", "\"number\":\"0x3\"", "does not hash"},
        {"\"extraData\":\"0x", "\"extraData\":\"0x0", "\"extraData\""},
        {"\"result\":{", "\"result\":[{}],\"x\":{", "no block"},
    };
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    fake_mine(fake, 3);
    for (usize i = 0; i < countof(rows); i++) {
        struct eth_header header;
        struct err err = {{0}};
        fake->says = rows[i].says;
        fake->instead = rows[i].instead;
        CHECK_ROW(i,
                  eth_ask_header(eth, eth_at_number(2), &header, test_arena(), &err) == ST_CORRUPT);
        CHECK_ROW(i, strstr(err.text, rows[i].why) != NULL);
    }
    eth_free(eth);
    fake_stop(fake);
}

static bool answer_block_one(struct fake *fake, bytes method, json params, struct json_out *out)
{
    (void)method;
    (void)params;
    (void)out;
    fake->chain[2] = fake->chain[1];
    return false;
}

TEST(eth_refuses_another_block_than_it_has_asked_for)
{
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    struct eth_header header;
    struct err err = {{0}};
    fake_mine(fake, 3);
    fake->override = answer_block_one;
    CHECK(eth_ask_header(eth, eth_at_number(2), &header, test_arena(), &err) == ST_CORRUPT);
    CHECK(strstr(err.text, "another block") != NULL);
    eth_free(eth);
    fake_stop(fake);
}

TEST(eth_refuses_an_answer_of_absurd_size)
{
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    struct eth_header header;
    struct err err = {{0}};
    char *huge = ARENA_TAKE(test_arena(), char, (10 << 20) + 3);
    memset(huge, '1', 10 << 20);
    memcpy(huge, "\"0x", 3);
    memcpy(huge + (10 << 20), "\"", 2);
    fake->override = answer_raw;
    fake->self = huge;
    CHECK(eth_ask_header(eth, eth_at_number(2), &header, test_arena(), &err) == ST_FULL);
    for (usize i = 0; i < 5 << 20; i++) /* within the limit, and as many elements as fit */
        huge[i] = i % 2 == 1 ? '0' : ',';
    memcpy(huge, "[", 1);
    memcpy(huge + (5 << 20), ",0]", 4);
    struct eth_filter filter = inbox_filter();
    struct eth_logs logs;
    struct arena room =
        arena_over(arena_take(test_arena(), eth_result_room(eth), 64), eth_result_room(eth));
    CHECK(eth_ask_block_logs(eth, TOPIC, &filter, &logs, &room, &err) == ST_CORRUPT);
    eth_free(eth);
    fake_stop(fake);
}

/* --- Logs. */

static void mine_logs(struct fake *fake, usize blocks, usize each)
{
    for (usize i = 0; i < blocks; i++) {
        for (usize k = 0; k < each; k++)
            fake_add_log(fake, INBOX, TOPIC, BYTES_LIT("some data"));
        fake_mine(fake, 1);
    }
}

TEST(eth_reads_logs_by_block_and_by_range_in_order)
{
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    struct eth_filter filter = inbox_filter();
    struct eth_logs logs;
    struct err err = {{0}};
    mine_logs(fake, 20, 3);
    CHECK(eth_ask_logs(eth, 1, 20, &filter, &logs, test_arena(), &err) == ST_OK);
    CHECK(logs.count == 60 && fake->requests == 1);
    fake->range_limit = 4;
    CHECK(eth_ask_logs(eth, 1, 20, &filter, &logs, test_arena(), &err) == ST_OK);
    CHECK(logs.count == 60);
    for (usize i = 0; i < logs.count; i++)
        CHECK_ROW(i, logs.list[i].block_number == 1 + i / 3 && logs.list[i].index == i % 3 &&
                         bytes_equal(logs.list[i].log.data, BYTES_LIT("some data")));
    CHECK(eth_ask_block_logs(eth, fake->chain[7]->at.hash, &filter, &logs, test_arena(), &err) ==
          ST_OK);
    CHECK(logs.count == 3 && logs.list[0].block_number == 7);
    CHECK(eth_ask_block_logs(eth, TOPIC, &filter, &logs, test_arena(), &err) == ST_MISSING);
    CHECK(eth_bloom_may_match(&fake->chain[7]->at.header.logs_bloom, &filter));
    CHECK(!eth_bloom_may_match(&fake->chain[0]->at.header.logs_bloom, &filter));
    eth_free(eth);
    fake_stop(fake);
}

TEST(eth_refuses_logs_that_were_not_asked_for_and_those_out_of_order)
{
    static const struct {
        const char *says, *instead;
    } rows[] = {
        {"\"address\":\"0xaa", "\"address\":\"0xab"},
        {"\"topics\":[\"0x77", "\"topics\":[\"0x78"},
        {"\"topics\":[", "\"topics\":[1,2,3,4,"},
        {"\"blockNumber\":\"0x2\"", "\"blockNumber\":\"0x3\""},
        {"\"blockNumber\":\"0x2\"", "\"blockNumber\":\"0x9\""},
        {"\"logIndex\":\"0x1\"", "\"logIndex\":\"0x0\""},
        {"\"logIndex\":\"0x1\"", "\"logIndex\":null"},
        {"\"blockHash\":\"0x", "\"blockHash\":\"0x1"},
        {"\"logIndex\":\"0x1\"", "\"logIndex\":\"0x1\",\"removed\":true"},
    };
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    struct eth_filter filter = inbox_filter();
    mine_logs(fake, 4, 2);
    for (usize i = 0; i < countof(rows); i++) {
        struct eth_logs logs;
        struct err err = {{0}};
        fake->says = rows[i].says;
        fake->instead = rows[i].instead;
        CHECK_ROW(i, eth_ask_logs(eth, 1, 4, &filter, &logs, test_arena(), &err) == ST_CORRUPT);
    }
    eth_free(eth);
    fake_stop(fake);
}

/* --- State. */

static bool refuse_call(struct fake *fake, bytes method, json params, struct json_out *out)
{
    (void)method;
    (void)params;
    const char *text = fake->self;
    json_key(out, "error");
    json_put_raw(out, (bytes){(const u8 *)text, strlen(text)});
    return true;
}

TEST(eth_says_why_a_call_was_reverted)
{
    static const struct {
        const char *error, *why;
        bool reverted;
        usize data;
    } rows[] = {
        {"{\"code\":3,\"message\":\"execution reverted\",\"data\":\"0x4e487b71"
         "0000000000000000000000000000000000000000000000000000000000000012\"}",
         "reverted: division by zero", true, 36},
        {"{\"code\":-32015,\"message\":\"VM execution error: revert\",\"data\":{\"data\":"
         "\"0x12345678\"}}",
         "reverted: error 0x12345678", true, 4},
        {"{\"code\":-32000,\"message\":\"execution reverted\"}", "execution reverted", true, 0},
        {"{\"code\":-32000,\"message\":\"out of \\u0007gas\"}",
         "refuses: out of ?gas (code -32000)", false, 0},
    };
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    fake->override = refuse_call;
    for (usize i = 0; i < countof(rows); i++) {
        struct err err = {{0}};
        struct eth_refusal refusal;
        struct eth_message message = {.to = INBOX};
        bytes result;
        char text[256];
        snprintf(text, sizeof(text), "%s", rows[i].error);
        fake->self = text;
        CHECK_ROW(i, eth_ask_call(eth, &message, eth_at_tag(ETH_LATEST), &result, &refusal,
                                  test_arena(), &err) == ST_INVALID);
        CHECK_ROW(i, strstr(err.text, rows[i].why) != NULL);
        CHECK_ROW(i, refusal.reverted == rows[i].reverted && refusal.data.size == rows[i].data);
    }
    eth_free(eth);
    fake_stop(fake);
}

static bool without(struct fake *fake, bytes method, json params, struct json_out *out)
{
    const char *const *missing = fake->self;
    (void)params;
    for (; *missing != NULL; missing++) {
        if (!says(method, *missing))
            continue;
        json_key(out, "error");
        json_put_raw(out, BYTES_LIT("{\"code\":-32601,\"message\":\"no such method\"}"));
        return true;
    }
    json_key(out, "result");
    if (says(method, "eth_feeHistory"))
        json_put_raw(out, BYTES_LIT("{\"baseFeePerGas\":[\"0x5\",\"0x6\"],\"reward\":[[\"0x2\"],"
                                    "[\"0x3\"]]}"));
    else
        json_put_cstr(out, says(method, "eth_gasPrice")      ? "0x10"
                           : says(method, "eth_blobBaseFee") ? "0x4"
                                                             : "0x7");
    return true;
}

TEST(eth_finds_fees_with_what_the_server_has)
{
    static const struct {
        const char *missing[4];
        bool has_base, has_blob;
        u64 base, priority;
    } rows[] = {
        {{"x"}, true, true, 6, 7},
        {{"eth_maxPriorityFeePerGas"}, true, true, 6, 3},
        {{"eth_feeHistory"}, false, true, 0, 16},
        {{"eth_feeHistory", "eth_blobBaseFee", "eth_maxPriorityFeePerGas"}, false, false, 0, 16},
    };
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    fake->override = without;
    for (usize i = 0; i < countof(rows); i++) {
        struct eth_fees fees;
        struct err err = {{0}};
        const char *missing[5] = {0};
        memcpy(missing, rows[i].missing, sizeof(rows[i].missing));
        fake->self = missing;
        CHECK_ROW(i, eth_ask_fees(eth, &fees, &err) == ST_OK);
        CHECK_ROW(i,
                  fees.has_base_fee == rows[i].has_base && fees.has_blob_fee == rows[i].has_blob);
        CHECK_ROW(i, u256_equal(fees.base_fee_wei, u256_from_u64(rows[i].base)));
        CHECK_ROW(i, u256_equal(fees.priority_wei, u256_from_u64(rows[i].priority)));
    }
    eth_free(eth);
    fake_stop(fake);
}

/* --- Sending. */

TEST(eth_sends_once_and_knows_the_words_of_refusals)
{
    static const struct {
        const char *message;
        enum eth_sent sent;
    } rows[] = {
        {"already known", ETH_SENT_KNOWN},
        {"AlreadyKnown", ETH_SENT_KNOWN},
        {"transaction already imported", ETH_SENT_KNOWN},
        {"nonce too low: next nonce 5, tx nonce 4", ETH_SENT_NONCE_LOW},
        {"OldNonce", ETH_SENT_NONCE_LOW},
        {"replacement transaction underpriced", ETH_SENT_UNDERPRICED},
        {"transaction underpriced: tip needed 1, tip permitted 0", ETH_SENT_CHEAP},
        {"max fee per gas less than block base fee", ETH_SENT_CHEAP},
        {"insufficient funds for gas * price + value", ETH_SENT_POOR},
        {"Insufficient funds for gas * price + value", ETH_SENT_POOR},
        {"intrinsic gas too low", ETH_SENT_REFUSED},
    };
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    enum eth_sent sent;
    struct err err = {{0}};
    char text[256];
    fake->override = refuse_call;
    fake->self = text;
    for (usize i = 0; i < countof(rows); i++) {
        snprintf(text, sizeof(text), "{\"code\":-32000,\"message\":\"%s\"}", rows[i].message);
        bool has = rows[i].sent == ETH_SENT_KNOWN;
        CHECK_ROW(i, eth_send_raw(eth, BYTES_LIT("x"), TOPIC, &sent, &err) ==
                         (has ? ST_OK : ST_INVALID));
        CHECK_ROW(i, sent == rows[i].sent);
    }
    fake->override = answer_raw;
    snprintf(text, sizeof(text), "\"0x%064d\"", 7);
    CHECK(eth_send_raw(eth, BYTES_LIT("x"), TOPIC, &sent, &err) == ST_CORRUPT);
    fake->override = NULL;
    fake->requests = 0;
    fake->cut = 1;
    CHECK(eth_send_raw(eth, BYTES_LIT("x"), TOPIC, &sent, &err) == ST_IO);
    CHECK(fake->requests == 1);
    eth_free(eth);
    fake_stop(fake);
}
