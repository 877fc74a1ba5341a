/* One unit with all of c-kzg, as its own ckzg.c is, so that its static functions are in reach. */
#include "kzg_setup.h"

#include "common/alloc.c"
#include "common/bytes.c"
#include "common/ec.c"
#include "common/fr.c"
#include "common/lincomb.c"
#include "common/utils.c"
#include "eip4844/blob.c"
#include "eip4844/eip4844.c"
#include "eip7594/cell.c"

/* c-kzg 4.1.0 leaves one word of the specification's challenge over cells out, after the domain:
 * the number of field elements in a blob (fulu/polynomial-commitments-sampling.md). Any honest hash
 * serves, but official vectors judge it, so put the word back: room for it when the buffer is
 * allocated, and the word when it is hashed. The outcome goes straight into powers, the first of
 * which is one, so it is kept here too. */
enum { DOMAIN_SIZE = 16, WORD_SIZE = 8 };
static _Thread_local fr_t last_challenge;

static void hash_as_specified(uint8_t out[32], uint8_t *in, size_t size)
{
    memmove(in + DOMAIN_SIZE + WORD_SIZE, in + DOMAIN_SIZE, size - DOMAIN_SIZE);
    bytes_from_uint64(in + DOMAIN_SIZE, FIELD_ELEMENTS_PER_BLOB);
    blst_sha256(out, in, size + WORD_SIZE);
}

static void field_and_keep(fr_t *out, const Bytes32 *hash)
{
    hash_to_bls_field(out, hash);
    last_challenge = *out;
}

#define c_kzg_malloc(out, size) c_kzg_malloc(out, (size) + WORD_SIZE)
#define blst_sha256 hash_as_specified
#define hash_to_bls_field field_and_keep
#include "eip7594/eip7594.c"
#undef hash_to_bls_field
#undef blst_sha256
#undef c_kzg_malloc

#include "eip7594/fft.c"
#include "eip7594/fk20.c"
#include "eip7594/poly.c"
#include "eip7594/recovery.c"
#include "setup/setup.c"

/* trusted_setup.txt in bytes, linked in by setup-to-assembly. */
extern const struct {
    uint8_t g1_lagrange[NUM_G1_POINTS][BYTES_PER_G1];
    uint8_t g2_monomial[NUM_G2_POINTS][BYTES_PER_G2];
    uint8_t g1_monomial[NUM_G1_POINTS][BYTES_PER_G1];
} kzg_trusted_setup;

/* Checking cells commits to polynomials of this many coefficients. */
#define G1_TO_CHECK FIELD_ELEMENTS_PER_CELL

static C_KZG_RET read_g1(g1_t *out, const uint8_t in[][BYTES_PER_G1], size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        blst_p1_affine affine;
        if (blst_p1_uncompress(&affine, in[i]) != BLST_SUCCESS)
            return C_KZG_ERROR;
        blst_p1_from_affine(&out[i], &affine);
    }
    return C_KZG_OK;
}

static C_KZG_RET read_g2(g2_t *out)
{
    for (size_t i = 0; i < NUM_G2_POINTS; i++) {
        blst_p2_affine affine;
        if (blst_p2_uncompress(&affine, kzg_trusted_setup.g2_monomial[i]) != BLST_SUCCESS)
            return C_KZG_ERROR;
        blst_p2_from_affine(&out[i], &affine);
    }
    return C_KZG_OK;
}

static C_KZG_RET load_for_checking(KZGSettings *s)
{
    C_KZG_RET ret = C_KZG_OK;
    if (ret == C_KZG_OK)
        ret = new_fr_array(&s->brp_roots_of_unity, FIELD_ELEMENTS_PER_EXT_BLOB);
    if (ret == C_KZG_OK)
        ret = new_fr_array(&s->roots_of_unity, FIELD_ELEMENTS_PER_EXT_BLOB + 1);
    if (ret == C_KZG_OK)
        ret = new_fr_array(&s->reverse_roots_of_unity, FIELD_ELEMENTS_PER_EXT_BLOB + 1);
    if (ret == C_KZG_OK)
        ret = new_g1_array(&s->g1_values_monomial, NUM_G1_POINTS);
    if (ret == C_KZG_OK)
        ret = new_g2_array(&s->g2_values_monomial, NUM_G2_POINTS);
    if (ret == C_KZG_OK)
        ret = read_g1(s->g1_values_monomial, kzg_trusted_setup.g1_monomial, 0, G1_TO_CHECK);
    if (ret == C_KZG_OK)
        ret = read_g2(s->g2_values_monomial);
    if (ret == C_KZG_OK)
        ret = compute_roots_of_unity(s);
    if (ret != C_KZG_OK) {
        free_trusted_setup(s);
        *s = (KZGSettings){0};
    }
    return ret;
}

static C_KZG_RET load_for_commitments(KZGSettings *s)
{
    g1_t *points;
    C_KZG_RET ret = new_g1_array(&points, NUM_G1_POINTS);
    if (ret != C_KZG_OK)
        return ret;
    ret = read_g1(points, kzg_trusted_setup.g1_lagrange, 0, NUM_G1_POINTS);
    if (ret == C_KZG_OK)
        ret = bit_reversal_permutation(points, sizeof(g1_t), NUM_G1_POINTS);
    if (ret == C_KZG_OK)
        s->g1_values_lagrange_brp = points;
    else
        c_kzg_free(points);
    return ret;
}

static C_KZG_RET load_for_cells(KZGSettings *s)
{
    C_KZG_RET ret =
        read_g1(s->g1_values_monomial, kzg_trusted_setup.g1_monomial, G1_TO_CHECK, NUM_G1_POINTS);
    if (ret == C_KZG_OK)
        ret = init_fk20_multi_settings(s);
    return ret;
}

C_KZG_RET kzg_setup_load(KZGSettings *settings, enum kzg_use use)
{
    switch (use) {
    case KZG_NOTHING:
        return C_KZG_OK;
    case KZG_CHECK:
        return load_for_checking(settings);
    case KZG_COMMIT:
        return load_for_commitments(settings);
    case KZG_PROVE_CELLS:
        return load_for_cells(settings);
    }
    return C_KZG_ERROR;
}

C_KZG_RET kzg_blob_challenge(Bytes32 *out, const Blob *blob, const Bytes48 *commitment)
{
    g1_t point;
    fr_t challenge;
    C_KZG_RET ret = bytes_to_kzg_commitment(&point, commitment);
    if (ret != C_KZG_OK)
        return ret;
    compute_challenge(&challenge, blob, &point);
    bytes_from_bls_field(out, &challenge);
    return C_KZG_OK;
}

C_KZG_RET kzg_cells_challenge(Bytes32 *out, const Bytes48 *commitments, size_t commitment_count,
                              const uint64_t *commitment_indices, const uint64_t *cell_indices,
                              const Cell *cells, const Bytes48 *proofs, uint64_t cell_count)
{
    fr_t *powers;
    C_KZG_RET ret = new_fr_array(&powers, cell_count + 1);
    if (ret != C_KZG_OK)
        return ret;
    ret = compute_r_powers_for_verify_cell_kzg_proof_batch(powers, commitments, commitment_count,
                                                           commitment_indices, cell_indices, cells,
                                                           proofs, cell_count);
    c_kzg_free(powers);
    if (ret == C_KZG_OK)
        bytes_from_bls_field(out, &last_challenge);
    return ret;
}
