#include "client/probe.h"

#include "base/fmt.h"
#include "client/fake.h"
#include "harness/test.h"

/* What the fake parent has. */
struct has {
    bool push0, clz, history, bls, child, version;
};

static bool is(bytes method, const char *name)
{
    return bytes_equal(method, (bytes){(const u8 *)name, strlen(name)});
}

/* The result of a call that returns `size` bytes, the last of them `last`. */
static void put_result(struct json_out *out, usize size, u8 last)
{
    u8 bytes_[128] = {0};
    if (size > 0)
        bytes_[size - 1] = last;
    json_key(out, "result");
    json_put_hex(out, (bytes){bytes_, size});
}

static void put_revert(struct json_out *out, const char *last)
{
    char text[150];
    json_key(out, "error");
    json_put_raw(
        out, (bytes){(const u8 *)text,
                     fmt(text, sizeof(text),
                         "{\"code\":3,\"message\":\"execution reverted\",\"data\":\"0x%062d%s\"}",
                         0, last)});
}

static bool answer(struct fake *fake, bytes method, json params, struct json_out *out)
{
    const struct has *has = fake->self;
    json call = json_at(params, 0), data = json_get(call, "data");
    if (is(method, "web3_clientVersion") && has->version) {
        json_key(out, "result");
        json_put_cstr(out, "a client\n/v1");
    } else if (is(method, "eth_getCode")) {
        bool child = json_says(call, "0x4200000000000000000000000000000000000015");
        put_result(out, child ? has->child : has->history, 1);
    } else if (is(method, "eth_call") && json_says(data, "0x5f5f5260205ffd") && has->push0) {
        put_revert(out, "00");
    } else if (is(method, "eth_call") && json_says(data, "0x60011e5f5260205ffd") && has->clz) {
        put_revert(out, "ff");
    } else if (is(method, "eth_call") && json_is(json_get(call, "to"), JSON_STRING)) {
        put_result(out, has->bls ? 128 : 0, 0);
    } else if (is(method, "eth_call")) {
        json_key(out, "error");
        json_put_raw(out, BYTES_LIT("{\"code\":-32000,\"message\":\"invalid opcode: 0x1e\"}"));
    } else {
        return false;
    }
    return true;
}

static struct probe probe_of(const struct has *has, u64 finalized)
{
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    struct probe probe = {0};
    struct err err = {{0}};
    union {
        const struct has *read;
        void *any;
    } self = {has};
    fake->self = self.any;
    fake->override = answer;
    fake->finalized = finalized;
    if (probe_parent(eth, &probe, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    eth_free(eth);
    fake_stop(fake);
    return probe;
}

TEST(probe_finds_what_a_parent_has)
{
    struct has all = {true, true, true, true, false, true}, none = {0}, child = {.child = true};
    struct probe probe = probe_of(&all, 0);
    CHECK(probe.chain_id == 900 && strcmp(probe.version, "a client?/v1") == 0);
    CHECK(probe.has_push0 && probe.tx_gas_cap == 16777216 && probe.has_history && probe.has_bls);
    CHECK(probe.has_blobs && probe.has_base_fee && probe.has_finalized && !probe.is_child);
    CHECK(probe.gas_limit == 60000000);
    probe = probe_of(&none, UINT64_MAX);
    CHECK(probe.version[0] == 0 && !probe.has_push0 && probe.tx_gas_cap == 0);
    CHECK(!probe.has_history && !probe.has_bls && !probe.has_finalized && probe.has_blobs);
    probe = probe_of(&child, 0);
    CHECK(probe.is_child && !probe.has_blobs);
}

TEST(probe_says_what_follows)
{
    struct finding findings[PROBE_FINDINGS];
    struct probe probe = {.chain_id = 5, .has_push0 = false, .gas_limit = 30000000};
    CHECK(probe_findings(&probe, findings) == PROBE_FINDINGS);
    usize bad = 0;
    for (usize i = 0; i < PROBE_FINDINGS; i++) {
        CHECK_ROW(i, findings[i].name != NULL && findings[i].value[0] != 0 &&
                         findings[i].follows != NULL);
        bad += findings[i].is_bad;
    }
    CHECK(bad == 1 && strcmp(findings[0].value, "5") == 0);
    CHECK(strstr(findings[2].follows, "cannot run here") != NULL);
}

TEST(probe_needs_a_parent_that_answers)
{
    struct fake *fake = fake_start();
    struct eth *eth = fake_client(fake);
    struct probe probe;
    struct err err = {{0}};
    eth_set_deadline(eth, 1);
    CHECK(probe_parent(eth, &probe, &err) == ST_AGAIN);
    eth_free(eth);
    fake_stop(fake);
}
