#include "blob/blob.h"

#include "base/fmt.h"
#include "harness/vectors.h"

#include <kzg_setup.h>

/* --- Reading a vector. Whatever has another length or count than its type is refused before the
 * library is asked, as its bindings in other languages do: the vectors' answer to it is `null`. */

struct items {
    u8 *data;
    usize count;
};

static bool sized; /* so far, in the running vector */

static struct items read_items(bytes yaml, const char *key, usize size)
{
    struct yaml_scalars found = yaml_get(yaml, key);
    struct items out = {arena_take(test_arena(), found.count * size, 64), found.count};
    for (usize i = 0; i < found.count; i++)
        if (hex_read_fixed(found.items[i], out.data + i * size, size) != ST_OK)
            sized = false;
    return out;
}

static const void *read_one(bytes yaml, const char *key, usize size)
{
    struct items found = read_items(yaml, key, size);
    sized = sized && found.count == 1;
    return found.data;
}

static u64 *read_numbers(bytes yaml, const char *key, usize *count)
{
    struct yaml_scalars found = yaml_get(yaml, key);
    u64 *out = ARENA_NEW(test_arena(), u64, found.count);
    for (usize i = 0; i < found.count; i++) {
        u256 value;
        CHECK(hex_read_number(found.items[i], &value) == ST_OK);
        out[i] = u256_to_u64_sat(value);
    }
    *count = found.count;
    return out;
}

static kzg_point read_point(bytes yaml, const char *key)
{
    return *(const kzg_point *)read_one(yaml, key, sizeof(kzg_point));
}

/* --- Comparing the outcome with the vector's. */

static bool is_null(bytes yaml)
{
    struct yaml_scalars output = yaml_get(yaml, "output");
    return output.count == 1 && text_is(output.items[0], "null");
}

static bool is_hex(bytes text, const void *data, usize size)
{
    return bytes_equal(vectors_hex(text), (bytes){data, size});
}

static bool output_is(bytes yaml, enum status st, const void *data, usize size)
{
    struct yaml_scalars output = yaml_get(yaml, "output");
    if (st != ST_OK)
        return st == ST_INVALID && is_null(yaml);
    return output.count == 1 && !is_null(yaml) && is_hex(output.items[0], data, size);
}

static bool output_says(bytes yaml, enum status st, bool holds)
{
    if (st != ST_OK)
        return st == ST_INVALID && is_null(yaml);
    return text_is(yaml_get(yaml, "output").items[0], holds ? "true" : "false");
}

static bool output_lists(bytes yaml, enum status st, const struct blob_cell *cells,
                         const kzg_point *proofs)
{
    struct yaml_scalars output = yaml_get(yaml, "output");
    if (st != ST_OK)
        return st == ST_INVALID && is_null(yaml);
    if (output.count != (proofs == NULL ? 1 : 2) * BLOB_CELL_COUNT)
        return false;
    for (usize i = 0; i < BLOB_CELL_COUNT; i++) {
        if (!is_hex(output.items[i], &cells[i], sizeof(cells[i])))
            return false;
        if (proofs != NULL &&
            !is_hex(output.items[BLOB_CELL_COUNT + i], &proofs[i], sizeof(proofs[i])))
            return false;
    }
    return true;
}

/* --- One function for each kind of vector; true if the outcome is the vector's. */

static bool commitment(bytes yaml)
{
    kzg_point out;
    const struct blob *blob = read_one(yaml, "blob", sizeof(*blob));
    return output_is(yaml, sized ? blob_commit(blob, &out) : ST_INVALID, &out, sizeof(out));
}

static bool proof(bytes yaml)
{
    kzg_point out;
    const struct blob *blob = read_one(yaml, "blob", sizeof(*blob));
    kzg_point of = read_point(yaml, "commitment");
    return output_is(yaml, sized ? blob_prove(blob, of, &out) : ST_INVALID, &out, sizeof(out));
}

static bool proof_at(bytes yaml)
{
    kzg_point out;
    hash32 y;
    const struct blob *blob = read_one(yaml, "blob", sizeof(*blob));
    const hash32 *z = read_one(yaml, "z", sizeof(*z));
    enum status st = sized ? blob_prove_at(blob, *z, &out, &y) : ST_INVALID;
    struct yaml_scalars output = yaml_get(yaml, "output");
    if (st != ST_OK)
        return is_null(yaml);
    return output.count == 2 && is_hex(output.items[0], &out, sizeof(out)) &&
           is_hex(output.items[1], &y, sizeof(y));
}

static bool check_one(bytes yaml)
{
    bool holds = false;
    const struct blob *blob = read_one(yaml, "blob", sizeof(*blob));
    kzg_point of = read_point(yaml, "commitment"), by = read_point(yaml, "proof");
    enum status st = sized ? blob_check(blob, &of, &by, 1, &holds) : ST_INVALID;
    return output_says(yaml, st, holds);
}

static bool check_many(bytes yaml)
{
    bool holds = false;
    struct items blobs = read_items(yaml, "blobs", sizeof(struct blob));
    struct items of = read_items(yaml, "commitments", sizeof(kzg_point));
    struct items by = read_items(yaml, "proofs", sizeof(kzg_point));
    sized = sized && blobs.count == of.count && of.count == by.count;
    enum status st = sized ? blob_check((struct blob *)blobs.data, (kzg_point *)of.data,
                                        (kzg_point *)by.data, blobs.count, &holds)
                           : ST_INVALID;
    return output_says(yaml, st, holds);
}

static struct blob_cell cells_out[BLOB_CELL_COUNT];
static kzg_point proofs_out[BLOB_CELL_COUNT];

static bool cells(bytes yaml)
{
    const struct blob *blob = read_one(yaml, "blob", sizeof(*blob));
    enum status st = sized ? blob_cells(blob, cells_out, NULL) : ST_INVALID;
    return output_lists(yaml, st, cells_out, NULL);
}

static bool cells_and_proofs(bytes yaml)
{
    const struct blob *blob = read_one(yaml, "blob", sizeof(*blob));
    enum status st = sized ? blob_cells(blob, cells_out, proofs_out) : ST_INVALID;
    return output_lists(yaml, st, cells_out, proofs_out);
}

static bool recovery(bytes yaml)
{
    usize count;
    u64 *indices = read_numbers(yaml, "cell_indices", &count);
    struct items in = read_items(yaml, "cells", sizeof(struct blob_cell));
    sized = sized && in.count == count;
    enum status st =
        sized ? blob_recover(indices, (struct blob_cell *)in.data, count, cells_out, proofs_out)
              : ST_INVALID;
    return output_lists(yaml, st, cells_out, proofs_out);
}

static bool check_cells(bytes yaml)
{
    bool holds = false;
    usize count;
    u64 *indices = read_numbers(yaml, "cell_indices", &count);
    struct items of = read_items(yaml, "commitments", sizeof(kzg_point));
    struct items in = read_items(yaml, "cells", sizeof(struct blob_cell));
    struct items by = read_items(yaml, "proofs", sizeof(kzg_point));
    sized = sized && of.count == count && in.count == count && by.count == count;
    enum status st =
        sized ? blob_check_cells((kzg_point *)of.data, indices, (struct blob_cell *)in.data,
                                 (kzg_point *)by.data, count, &holds)
              : ST_INVALID;
    return output_says(yaml, st, holds);
}

static bool blob_challenge(bytes yaml)
{
    Bytes32 out;
    const Blob *blob = read_one(yaml, "blob", sizeof(*blob));
    const Bytes48 *of = read_one(yaml, "commitment", sizeof(*of));
    C_KZG_RET ret = sized ? kzg_blob_challenge(&out, blob, of) : C_KZG_BADARGS;
    return output_is(yaml, ret == C_KZG_OK ? ST_OK : ST_INVALID, &out, sizeof(out));
}

static bool cells_challenge(bytes yaml)
{
    Bytes32 out;
    usize count, index_count;
    u64 *indices = read_numbers(yaml, "cell_indices", &count);
    u64 *of_indices = read_numbers(yaml, "commitment_indices", &index_count);
    struct items of = read_items(yaml, "commitments", sizeof(Bytes48));
    struct items in = read_items(yaml, "cosets_evals", sizeof(Bytes32)); /* 64 make a cell */
    struct items by = read_items(yaml, "proofs", sizeof(Bytes48));
    CHECK(sized && index_count == count && in.count == count * 64 && by.count == count);
    C_KZG_RET ret = kzg_cells_challenge(&out, (Bytes48 *)of.data, of.count, of_indices, indices,
                                        (Cell *)in.data, (Bytes48 *)by.data, count);
    return output_is(yaml, ret == C_KZG_OK ? ST_OK : ST_INVALID, &out, sizeof(out));
}

/* verify_kzg_proof is core's: crypto/kzg_test.c. */
static const struct {
    const char *folder;
    bool (*run)(bytes yaml);
    usize count;
} kinds[] = {
    {"blob_to_kzg_commitment", commitment, 11},
    {"compute_blob_kzg_proof", proof, 15},
    {"compute_kzg_proof", proof_at, 52},
    {"verify_blob_kzg_proof", check_one, 29},
    {"verify_blob_kzg_proof_batch", check_many, 23},
    {"compute_cells", cells, 11},
    {"compute_cells_and_kzg_proofs", cells_and_proofs, 11},
    {"recover_cells_and_kzg_proofs", recovery, 17},
    {"verify_cell_kzg_proof_batch", check_cells, 31},
    {"compute_challenge", blob_challenge, 9},
    {"compute_verify_cell_kzg_proof_batch_challenge", cells_challenge, 10},
};

static bool (*running)(bytes yaml);
static usize ran;

static void run_vector(const char *path)
{
    sized = true;
    if (!running(test_read_file(path)))
        test_fail(path, 1, "another outcome");
    ran++;
}

TEST(blob_functions_match_the_vectors_of_c_kzg)
{
    const char *root = test_fixture_folder("kzg");
    if (root == NULL)
        return;
    for (usize i = 0; i < countof(kinds); i++) {
        char folder[4096];
        fmt(folder, sizeof(folder), "%s/%s/kzg-mainnet", root, kinds[i].folder);
        running = kinds[i].run;
        ran = 0;
        test_each_file(folder, ".yaml", run_vector);
        CHECK_ROW(i, ran == kinds[i].count);
    }
}
