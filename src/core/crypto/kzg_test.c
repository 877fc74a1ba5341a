#include "crypto/kzg.h"

#include "base/fmt.h"
#include "harness/vectors.h"

static usize run_point_evaluation(bytes in, u8 *out)
{
    return kzg_point_evaluation(in, out) == ST_OK ? KZG_EVALUATION_OUTPUT_SIZE : 0;
}

TEST(kzg_point_evaluation_matches_geth)
{
    const char *folder = test_fixture_folder("precompiles");
    if (folder != NULL)
        CHECK(vectors_run(folder, "geth/pointEvaluation.json", run_point_evaluation) == 1);
}

TEST(kzg_point_evaluation_refuses_what_it_must)
{
    bytes good =
        hex("01e798154708fe7789429634053cbf9f99b619f9f084048927333fce637f549b564c0a11a0f704f4"
            "fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d3630624d25032e67a7e6a4910df5834b8fe70"
            "e6bcfeeac0352434196bdf4b2485d5a18f59a8d2a1a625a17f3fea0fe5eb8c896db3764f3185481b"
            "c22f91b4aaffcca25f26936857bc3a7c2539ea8ec3a952b7873033e038326e87ed3e1276fd140253"
            "fa08e9fc25fb2d9a98527fc22a2c9612fbeafdad446cbc7bcdbdcd780af2c16a");
    u8 out[KZG_EVALUATION_OUTPUT_SIZE], bad[KZG_EVALUATION_INPUT_SIZE + 1] = {0};
    CHECK(kzg_point_evaluation(good, out) == ST_OK);
    memcpy(bad, good.data, good.size);
    CHECK(kzg_point_evaluation((bytes){bad, good.size - 1}, out) == ST_INVALID);
    CHECK(kzg_point_evaluation((bytes){bad, good.size + 1}, out) == ST_INVALID);
    for (usize i = 0; i < good.size; i += 16) { /* hash, z, y, commitment and proof all count */
        bad[i] ^= 1;
        CHECK_ROW(i, kzg_point_evaluation((bytes){bad, good.size}, out) == ST_INVALID);
        bad[i] ^= 1;
    }
}

/* False where it has another length. */
static bool read_scalar(bytes yaml, const char *key, u8 *to, usize size)
{
    struct yaml_scalars found = yaml_get(yaml, key);
    return found.count == 1 && hex_read_fixed(found.items[0], to, size) == ST_OK;
}

static usize verified;

/* `null` is the vectors' word for an input that is refused. */
static void check_verify_proof(const char *path)
{
    bytes yaml = test_read_file(path);
    kzg_point commitment, proof;
    hash32 z, y;
    bool holds = false;
    bool sized = read_scalar(yaml, "commitment", commitment.b, sizeof(commitment)) &&
                 read_scalar(yaml, "proof", proof.b, sizeof(proof)) &&
                 read_scalar(yaml, "z", z.b, sizeof(z)) && read_scalar(yaml, "y", y.b, sizeof(y));
    bytes want = yaml_get(yaml, "output").items[0];
    const char *got = "null";
    if (sized && kzg_verify_proof(commitment, z, y, proof, &holds) == ST_OK)
        got = holds ? "true" : "false";
    if (!text_is(want, got))
        test_fail(path, 1, "%s", got);
    verified++;
}

TEST(kzg_verify_proof_matches_the_vectors_of_c_kzg)
{
    const char *root = test_fixture_folder("kzg");
    if (root == NULL)
        return;
    char folder[4096];
    fmt(folder, sizeof(folder), "%s/verify_kzg_proof", root);
    verified = 0;
    test_each_file(folder, ".yaml", check_verify_proof);
    CHECK(verified == 122);
}
