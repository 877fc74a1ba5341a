#include "client/sequencer.h"

#include "client/fake.h"
#include "harness/test.h"

static const char *answer; /* JSON, of varve_unsafeBlocks */
static u64 asked_from, asked_wait_ms;

static bool answer_blocks(struct fake *fake, bytes method, json params, struct json_out *out)
{
    (void)fake;
    u256 value;
    if (!bytes_equal(method, BYTES_LIT("varve_unsafeBlocks")))
        return false;
    CHECK(hex_read_quantity(json_text(json_at(params, 0), test_arena()), &value) == ST_OK);
    asked_from = value.w[0];
    CHECK(hex_read_quantity(json_text(json_at(params, 1), test_arena()), &value) == ST_OK);
    asked_wait_ms = value.w[0];
    json_key(out, "result");
    json_put_raw(out, (bytes){(const u8 *)answer, strlen(answer)});
    return true;
}

static struct eth *client(const struct fake *fake)
{
    struct eth *eth = NULL;
    CHECK(sequencer_new(fake->url, 3000, 1 << 20, NULL, &eth, NULL) == ST_OK);
    return eth;
}

/* "0x" and so many times the two digits, in quotes. */
static const char *quoted(const char *digits, usize count)
{
    char *text = ARENA_NEW(test_arena(), char, 2 * count + 5), *at = text + 3;
    memcpy(text, "\"0x", 3);
    for (usize i = 0; i < count; i++, at += 2)
        memcpy(at, digits, 2);
    *at = '"';
    return text;
}

static const char *joined(const char *const *parts, usize count)
{
    char *text = ARENA_NEW(test_arena(), char, 1 << 20);
    for (usize i = 0; i < count; i++)
        strcat(text, parts[i]);
    return text;
}

static const char *block_of(const char *block, const char *signature)
{
    const char *const parts[] = {"{\"block\":", block, ",\"signature\":", signature, "}"};
    return joined(parts, countof(parts));
}

TEST(sequencer_gives_signed_blocks_from_a_number_on)
{
    struct fake *fake = fake_start();
    struct eth *eth = client(fake);
    struct signed_block *blocks;
    struct err err = {""};
    usize count;
    fake->override = answer_blocks;
    const char *one = block_of("\"0xc0ffee\"", quoted("1b", 65));
    const char *const parts[] = {"[", one, ",", one, "]"};
    answer = joined(parts, countof(parts));
    CHECK(sequencer_ask_blocks(eth, 77, 1500, &blocks, &count, test_arena(), &err) == ST_OK);
    CHECK(asked_from == 77 && asked_wait_ms == 1500 && count == 2);
    CHECK(bytes_equal(blocks[1].rlp, hex("c0ffee")) && blocks[1].signature.b[64] == 27);
    answer = "[]";
    CHECK(sequencer_ask_blocks(eth, 78, 0, &blocks, &count, test_arena(), &err) == ST_OK);
    CHECK(count == 0);
    eth_free(eth);
    fake_stop(fake);
}

static const char *many_blocks(void)
{
    char *text = ARENA_NEW(test_arena(), char, 1 << 20);
    const char *one = block_of("\"0xc0\"", quoted("1b", 65));
    strcat(text, "[");
    for (usize i = 0; i < UNSAFE_MOST_BLOCKS + 1; i++) {
        strcat(text, i == 0 ? "" : ",");
        strcat(text, one);
    }
    return strcat(text, "]");
}

TEST(sequencer_that_answers_anything_else_is_not_understood_and_asked_once)
{
    struct fake *fake = fake_start();
    struct eth *eth = client(fake);
    struct signed_block *blocks;
    struct err err = {""};
    usize count;
    const char *const answers[] = {
        "null",
        "{}",
        "7",
        "[7]",
        "[{}]",
        "[{\"block\":\"0xc0\"}]",
        "[{\"block\":\"0xc\",\"signature\":\"0x\"}]",
        "[{\"block\":7,\"signature\":\"0x\"}]",
        block_of("\"0xc0\"", quoted("1b", 65)), /* no array */
        joined((const char *[]){"[", block_of("\"0xc0\"", quoted("1b", 64)), "]"}, 3),
        joined((const char *[]){"[", block_of("\"0xc0\"", quoted("1b", 66)), "]"}, 3),
        many_blocks(),
    };
    fake->override = answer_blocks;
    for (usize i = 0; i < countof(answers); i++) {
        answer = answers[i];
        CHECK_ROW(i, sequencer_ask_blocks(eth, 1, 0, &blocks, &count, test_arena(), &err) ==
                         ST_CORRUPT);
    }
    fake->override = NULL;
    fake->requests = 0;
    fake->dead = true;
    CHECK(sequencer_ask_blocks(eth, 1, 0, &blocks, &count, test_arena(), &err) != ST_OK);
    CHECK(fake->requests <= 1);
    eth_free(eth);
    fake_stop(fake);
}

/* --- Transactions. */

static bool answer_send(struct fake *fake, bytes method, json params, struct json_out *out)
{
    (void)fake;
    (void)params;
    if (!bytes_equal(method, BYTES_LIT("eth_sendRawTransaction")))
        return false;
    json_put_raw(out, (bytes){(const u8 *)answer, strlen(answer)});
    return true;
}

TEST(sequencer_takes_a_transaction_or_refuses_it_in_its_own_words)
{
    struct fake *fake = fake_start();
    struct eth *eth = client(fake);
    struct sequencer_refusal refusal;
    struct err err = {""};
    hash32 hash = {{0}};
    memset(hash.b, 0xab, sizeof(hash.b));
    fake->override = answer_send;
    answer = joined((const char *[]){"\"result\":", quoted("ab", 32)}, 2);
    CHECK(sequencer_send(eth, hex("02"), hash, &refusal, &err) == ST_OK && !refusal.said);
    answer = "\"error\":{\"code\":-32077,\"message\":\"nonce too low: \\u0000 no\"}";
    CHECK(sequencer_send(eth, hex("02"), hash, &refusal, &err) == ST_INVALID);
    CHECK(refusal.said && refusal.code == -32077);
    CHECK(strcmp(refusal.text, "nonce too low: ? no") == 0);
    answer = joined((const char *[]){"\"result\":", quoted("ac", 32)}, 2);
    CHECK(sequencer_send(eth, hex("02"), hash, &refusal, &err) == ST_CORRUPT && !refusal.said);
    fake->override = NULL;
    fake->dead = true;
    enum status st = sequencer_send(eth, hex("02"), hash, &refusal, &err);
    CHECK((st == ST_IO || st == ST_AGAIN) && !refusal.said);
    eth_free(eth);
    fake_stop(fake);
}
