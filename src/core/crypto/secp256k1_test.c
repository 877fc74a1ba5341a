#include "crypto/secp256k1.h"

#include "crypto/field256.h"
#include "crypto/oracles.h"

#include "harness/vectors.h"

/* Values where arithmetic has edges: around 0, the order, its half, the field's prime, 2^128 and
 * 2^256, and the numbers of the endomorphism. */
static const u256 EDGES[] = {
    {{0, 0, 0, 0}},
    {{1, 0, 0, 0}},
    {{2, 0, 0, 0}},
    {{3, 0, 0, 0}},
    {{UINT64_MAX, UINT64_MAX, 0, 0}},
    {{0, 0, 1, 0}},
    {{1, 0, 1, 0}},
    {{0xdfe92f46681b20a0, 0x5d576e7357a4501d, UINT64_MAX, 0x7fffffffffffffff}},
    {{0xdfe92f46681b20a1, 0x5d576e7357a4501d, UINT64_MAX, 0x7fffffffffffffff}},
    {{0xbfd25e8cd036413f, 0xbaaedce6af48a03b, 0xfffffffffffffffe, UINT64_MAX}},
    {{0xbfd25e8cd0364140, 0xbaaedce6af48a03b, 0xfffffffffffffffe, UINT64_MAX}},
    {{0xbfd25e8cd0364141, 0xbaaedce6af48a03b, 0xfffffffffffffffe, UINT64_MAX}},
    {{0xbfd25e8cd0364142, 0xbaaedce6af48a03b, 0xfffffffffffffffe, UINT64_MAX}},
    {{0xfffffffefffffc2e, UINT64_MAX, UINT64_MAX, UINT64_MAX}},
    {{0xfffffffefffffc2f, UINT64_MAX, UINT64_MAX, UINT64_MAX}},
    {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}},
    /* lambda and lambda^2; x(G), for which the nonce is one of the table's points; p - order */
    {{0xdf02967c1b23bd72, 0x122e22ea20816678, 0xa5261c028812645a, 0x5363ad4cc05c30e0}},
    {{0xe0cfc810b51283ce, 0xa880b9fc8ec739c2, 0x5ad9e3fd77ed9ba4, 0xac9c52b33fa3cf1f}},
    {{0x59f2815b16f81798, 0x029bfcdb2dce28d9, 0x55a06295ce870b07, 0x79be667ef9dcbbac}},
    {{0x402da1722fc9baee, 0x4551231950b75fc4, 1, 0}},
};

static u256 next_random(u64 *seed)
{
    u256 out;
    for (int i = 0; i < 4; i++) {
        *seed = *seed * 6364136223846793005 + 1442695040888963407;
        out.w[i] = *seed ^ *seed >> 29;
    }
    return out;
}

static const struct {
    fe256 x, y;
} BASE[2][32] = {
#include "crypto/secp256k1_base.def"
};

TEST(secp256k1_table_holds_the_odd_multiples)
{
    static const struct field256 field = {
        {{0xfffffffefffffc2f, UINT64_MAX, UINT64_MAX, UINT64_MAX}},
        {{1, 0, 0, 0}},
        {{1, 0, 0, 0}},
        0xd838091dd2253531};
    for (u64 half = 0; half < 2; half++)
        for (u64 i = 0; i < 32; i++) {
            hash32 factor =
                u256_to_hash((u256){{half ? 0 : 2 * i + 1, 0, half ? 2 * i + 1 : 0, 0}});
            secp256k1_pubkey public;
            pubkey64 want, got;
            CHECK(secp256k1_ec_pubkey_create(oracle_context(), &public, factor.b) == 1);
            CHECK(oracle_key(&public, &want));
            field256_write(&field, got.b, BASE[half][i].x);
            field256_write(&field, got.b + 32, BASE[half][i].y);
            CHECK_ROW(i, bytes_equal(BYTES_OF(want), BYTES_OF(got)));
        }
}

TEST(secp256k1_recovers_and_verifies_as_the_library_at_every_edge)
{
    u64 seed = 4;
    usize recovered = 0;
    for (usize i = 0; i < countof(EDGES); i++)
        for (usize j = 0; j < countof(EDGES); j++)
            for (usize k = 0; k < countof(EDGES) + 2; k++)
                for (int odd = 0; odd < 2; odd++) {
                    u256 h = k < countof(EDGES) ? EDGES[k] : next_random(&seed);
                    /* With h = s and r = x(G) the key is infinity for one of the parities. */
                    hash32 hash = u256_to_hash(h);
                    pubkey64 want, got;
                    bool there = oracle_recover(hash, EDGES[i], EDGES[j], odd, &want);
                    CHECK_ROW(k, (secp256k1_recover(hash, EDGES[i], EDGES[j], odd, &got) ==
                                  ST_OK) == there);
                    if (!there)
                        continue;
                    recovered++;
                    CHECK_ROW(k, bytes_equal(BYTES_OF(want), BYTES_OF(got)));
                    CHECK_ROW(k, secp256k1_verify(hash, EDGES[i], EDGES[j], &got));
                    CHECK_ROW(k, secp256k1_verify(hash, EDGES[j], EDGES[i], &got) ==
                                     oracle_verify(hash, EDGES[j], EDGES[i], &got));
                }
    CHECK(recovered > 1000);
}

TEST(secp256k1_recovers_as_the_library_from_random_values)
{
    u64 seed = 5;
    usize recovered = 0;
    for (int i = 0; i < 2000; i++) {
        hash32 hash = u256_to_hash(next_random(&seed));
        u256 r = next_random(&seed), s = next_random(&seed);
        pubkey64 want, got;
        bool there = oracle_recover(hash, r, s, i & 1, &want);
        CHECK_ROW(i, (secp256k1_recover(hash, r, s, i & 1, &got) == ST_OK) == there);
        if (!there)
            continue;
        recovered++;
        CHECK_ROW(i, bytes_equal(BYTES_OF(want), BYTES_OF(got)));
    }
    CHECK(recovered > 900); /* half of all abscissas are on the curve */
}

static void check_product(usize row, const pubkey64 *point, u256 factor)
{
    pubkey64 want, got;
    bool there = oracle_multiply(point, factor, &want);
    CHECK_ROW(row, (secp256k1_multiply(point, factor, &got) == ST_OK) == there);
    CHECK_ROW(row, !there || bytes_equal(BYTES_OF(want), BYTES_OF(got)));
}

TEST(secp256k1_multiplies_as_the_library_and_only_points)
{
    u64 seed = 7;
    pubkey64 point = {{0}};
    check_product(0, &point, u256_from_u64(1));
    for (usize i = 0; i < 300; i++) {
        hash32 hash = u256_to_hash(next_random(&seed));
        if (!oracle_recover(hash, next_random(&seed), next_random(&seed), i & 1, &point))
            continue;
        check_product(i, &point, next_random(&seed));
        for (usize j = 0; j < countof(EDGES); j++)
            check_product(i, &point, EDGES[j]);
        point.b[i % sizeof(point.b)] ^= 4;
        check_product(i, &point, u256_from_u64(3));
    }
}

TEST(secp256k1_verifies_as_the_library_what_the_library_signed)
{
    u64 seed = 6;
    for (int i = 0; i < 300; i++) {
        u8 text[64];
        int odd;
        secp256k1_ecdsa_recoverable_signature signature;
        secp256k1_pubkey public;
        pubkey64 key, got;
        /* Small and large keys, so that the public key is also one of the table's points. */
        hash32 secret = u256_to_hash(i < 70 ? u256_from_u64((u64)i + 1) : next_random(&seed));
        hash32 hash = u256_to_hash(next_random(&seed));
        CHECK(secp256k1_ec_pubkey_create(oracle_context(), &public, secret.b) == 1);
        CHECK(oracle_key(&public, &key));
        CHECK(secp256k1_ecdsa_sign_recoverable(oracle_context(), &signature, hash.b, secret.b, NULL,
                                               NULL) == 1);
        (void)secp256k1_ecdsa_recoverable_signature_serialize_compact(oracle_context(), text, &odd,
                                                                      &signature);
        u256 r = u256_load_be(text), s = u256_load_be(text + 32);
        CHECK_ROW(i, secp256k1_recover(hash, r, s, odd, &got) == ST_OK);
        CHECK_ROW(i, bytes_equal(BYTES_OF(key), BYTES_OF(got)));
        CHECK_ROW(i, secp256k1_verify(hash, r, s, &key));
        CHECK_ROW(i, secp256k1_verify(hash, r, u256_sub(SECP256K1_ORDER, s), &key));
        hash.b[i % 32] ^= 1;
        CHECK_ROW(i, !secp256k1_verify(hash, r, s, &key));
        CHECK_ROW(i, !oracle_verify(hash, r, s, &key));
        key.b[i % 64] ^= 1; /* no longer on the curve */
        CHECK_ROW(i, !secp256k1_verify(hash, r, s, &key));
    }
}

TEST(secp256k1_refuses_coordinates_from_the_prime_on)
{
    pubkey64 key = {{0}};
    memset(key.b, 0xff, 32);
    CHECK(!secp256k1_verify((hash32){{1}}, U256_ONE, U256_ONE, &key));
    memset(key.b, 0, sizeof(key.b)); /* (0, 0) is how other places write infinity */
    CHECK(!secp256k1_verify((hash32){{1}}, U256_ONE, U256_ONE, &key));
}

static usize run_recover(bytes in, u8 *out)
{
    pubkey64 key;
    u8 padded[128] = {0};
    bytes_copy(padded, bytes_slice(in, 0, sizeof(padded)));
    u256 v = u256_load_be(padded + 32);
    hash32 hash;
    memcpy(hash.b, padded, sizeof(hash.b));
    if (!u256_fits_u64(v) || (v.w[0] != 27 && v.w[0] != 28) ||
        secp256k1_recover(hash, u256_load_be(padded + 64), u256_load_be(padded + 96), v.w[0] == 28,
                          &key) != ST_OK)
        return 0;
    address who = pubkey_address(&key);
    memset(out, 0, 12);
    memcpy(out + 12, who.b, sizeof(who.b));
    return 32;
}

TEST(secp256k1_recovers_what_geth_recovers)
{
    const char *folder = test_fixture_folder("precompiles");
    if (folder != NULL)
        CHECK(vectors_run(folder, "geth/ecRecover.json", run_recover) == 5);
}
