/* The official vectors of precompiles, with what each case costs. */
#include "base/fmt.h"
#include "base/json.h"
#include "evm/internal.h"
#include "harness/vectors.h"

static address precompile_at(u16 number)
{
    return (address){.b = {[18] = (u8)(number >> 8), [19] = (u8)number}};
}

static void check_case(const char *file, u16 number, enum fork fork, json item)
{
    struct arena *arena = test_arena(), saved = *arena;
    struct rules rules = {.fork = fork};
    bytes input = vectors_hex(json_text(json_get(item, "Input"), arena));
    json expected = json_get(item, "Expected");
    bytes name = json_text(json_get(item, "Name"), arena);
    bytes want = vectors_hex(json_text(expected, arena));
    struct arena tmp = *arena;
    i64 gas = (i64)1 << 40;
    struct precompile_result got = precompile_run(&rules, precompile_at(number), input, gas, &tmp);
    u64 price = 0;
    bool right;
    if (json_is(expected, JSON_ABSENT)) {
        right = !got.succeeded;
    } else {
        right = got.succeeded && bytes_equal(got.output, want);
        if (json_read_u64(json_get(item, "Gas"), &price) == ST_OK && price != 0)
            right = right && gas - got.gas_left == (i64)price;
        if (price > 1) /* with a unit less it must fail */
            right =
                right && !precompile_run(&rules, precompile_at(number), input, (i64)price - 1, &tmp)
                              .succeeded;
    }
    if (!right)
        test_fail(__FILE__, __LINE__, "%s: %.*s: %s, %ld gas, expected %lu", file, (int)name.size,
                  (const char *)name.data, got.succeeded ? "succeeded" : "failed",
                  gas - got.gas_left, price);
    *arena = saved;
}

static usize check_file(const char *folder, const char *file, u16 number, enum fork fork)
{
    char path[4200];
    json all, key, item;
    usize count = 0;
    fmt(path, sizeof(path), "%s/%s", folder, file);
    CHECK(json_check(test_read_file(path), 8, &all, NULL) == ST_OK);
    for (struct json_walk at = json_begin(all); json_next(&at, &key, &item); count++)
        check_case(file, number, fork, item);
    return count;
}

TEST(precompiles_give_and_cost_what_the_official_vectors_say)
{
    static const struct {
        const char *file;
        u16 number;
        enum fork fork;
    } rows[] = {
        {"geth/ecRecover.json", 0x01, OSAKA},
        {"geth/modexp.json", 0x05, BYZANTIUM},
        {"geth/modexp_eip2565.json", 0x05, BERLIN},
        {"geth/modexp_eip7883.json", 0x05, OSAKA},
        {"geth/bn256Add.json", 0x06, OSAKA},
        {"geth/bn256ScalarMul.json", 0x07, OSAKA},
        {"geth/bn256Pairing.json", 0x08, OSAKA},
        {"geth/blake2F.json", 0x09, OSAKA},
        {"geth/fail-blake2f.json", 0x09, OSAKA},
        {"geth/pointEvaluation.json", 0x0a, OSAKA},
        {"geth/blsG1Add.json", 0x0b, OSAKA},
        {"geth/fail-blsG1Add.json", 0x0b, OSAKA},
        {"geth/blsG1Mul.json", 0x0c, OSAKA},
        {"geth/fail-blsG1Mul.json", 0x0c, OSAKA},
        {"geth/blsG1MultiExp.json", 0x0c, OSAKA},
        {"geth/fail-blsG1MultiExp.json", 0x0c, OSAKA},
        {"geth/blsG2Add.json", 0x0d, OSAKA},
        {"geth/fail-blsG2Add.json", 0x0d, OSAKA},
        {"geth/blsG2Mul.json", 0x0e, OSAKA},
        {"geth/fail-blsG2Mul.json", 0x0e, OSAKA},
        {"geth/blsG2MultiExp.json", 0x0e, OSAKA},
        {"geth/fail-blsG2MultiExp.json", 0x0e, OSAKA},
        {"geth/blsPairing.json", 0x0f, OSAKA},
        {"geth/fail-blsPairing.json", 0x0f, OSAKA},
        {"geth/blsMapG1.json", 0x10, OSAKA},
        {"geth/fail-blsMapG1.json", 0x10, OSAKA},
        {"geth/blsMapG2.json", 0x11, OSAKA},
        {"geth/fail-blsMapG2.json", 0x11, OSAKA},
        {"geth/p256Verify.json", 0x100, OSAKA},
        {"eip2537/add_G1_bls.json", 0x0b, OSAKA},
        {"eip2537/fail-add_G1_bls.json", 0x0b, OSAKA},
        {"eip2537/mul_G1_bls.json", 0x0c, OSAKA},
        {"eip2537/fail-mul_G1_bls.json", 0x0c, OSAKA},
        {"eip2537/msm_G1_bls.json", 0x0c, OSAKA},
        {"eip2537/fail-msm_G1_bls.json", 0x0c, OSAKA},
        {"eip2537/add_G2_bls.json", 0x0d, OSAKA},
        {"eip2537/fail-add_G2_bls.json", 0x0d, OSAKA},
        {"eip2537/mul_G2_bls.json", 0x0e, OSAKA},
        {"eip2537/fail-msm_G2_bls.json", 0x0e, OSAKA},
        {"eip2537/pairing_check_bls.json", 0x0f, OSAKA},
        {"eip2537/fail-pairing_check_bls.json", 0x0f, OSAKA},
        {"eip2537/map_fp_to_G1_bls.json", 0x10, OSAKA},
        {"eip2537/fail-map_fp_to_G1_bls.json", 0x10, OSAKA},
        {"eip2537/map_fp2_to_G2_bls.json", 0x11, OSAKA},
        {"eip2537/fail-map_fp2_to_G2_bls.json", 0x11, OSAKA},
    };
    const char *folder = test_fixture_folder("precompiles");
    usize count = 0;
    for (usize i = 0; folder != NULL && i < countof(rows); i++)
        count += check_file(folder, rows[i].file, rows[i].number, rows[i].fork);
    CHECK(folder == NULL || count > 2000);
}
