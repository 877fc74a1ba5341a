#include "client/sidecar.h"

#include "base/rlp.h"

#include <stdlib.h>

enum status sidecar_new(const struct blob *blobs, usize count, struct sidecar *out, struct err *err)
{
    assert(count > 0 && count <= SIDECAR_MAX_BLOBS);
    *out = (struct sidecar){.blobs = blobs, .count = count};
    out->commitments = calloc(count, sizeof(kzg_point));
    out->hashes = calloc(count, sizeof(hash32));
    enum status st = out->commitments != NULL && out->hashes != NULL ? ST_OK : ST_FULL;
    for (usize i = 0; st == ST_OK && i < count; i++) {
        st = blob_commit(&blobs[i], &out->commitments[i]);
        out->hashes[i] = kzg_versioned_hash(out->commitments[i]);
    }
    if (st != ST_OK) {
        sidecar_free(out);
        return fail(err, st, "the blobs cannot be committed to");
    }
    return ST_OK;
}

void sidecar_free(struct sidecar *sidecar)
{
    free(sidecar->commitments);
    free(sidecar->hashes);
    free(sidecar->proofs);
    free(sidecar->cells);
    *sidecar = (struct sidecar){0};
}

static enum status make_proofs(struct sidecar *sidecar)
{
    kzg_point *proofs = calloc(sidecar->count, sizeof(kzg_point));
    enum status st = proofs != NULL ? ST_OK : ST_FULL;
    for (usize i = 0; st == ST_OK && i < sidecar->count; i++)
        st = blob_prove(&sidecar->blobs[i], sidecar->commitments[i], &proofs[i]);
    sidecar->proofs = proofs;
    return st;
}

static enum status make_cells(struct sidecar *sidecar)
{
    kzg_point *proofs = calloc(sidecar->count * BLOB_CELL_COUNT, sizeof(kzg_point));
    struct blob_cell *cells = calloc(BLOB_CELL_COUNT, sizeof(*cells));
    enum status st = proofs != NULL && cells != NULL ? ST_OK : ST_FULL;
    for (usize i = 0; st == ST_OK && i < sidecar->count; i++)
        st = blob_cells(&sidecar->blobs[i], cells, proofs + i * BLOB_CELL_COUNT);
    free(cells);
    sidecar->cells = proofs;
    return st;
}

static u8 *put_items(u8 *to, const void *items, usize size, usize count)
{
    const u8 *from = items;
    usize item = rlp_size_list(size); /* a string of that length has a header of the same size */
    to = rlp_put_list(to, count * item);
    for (usize i = 0; i < count; i++)
        to = rlp_put_bytes(to, (bytes){from + i * size, size});
    return to;
}

static usize items_size(usize size, usize count)
{
    return rlp_size_list(count * rlp_size_list(size));
}

enum status sidecar_wrap(struct sidecar *sidecar, bytes envelope, usize count, bool cells,
                         bytes *out, struct arena *arena, struct err *err)
{
    enum status st = ST_OK;
    assert(count <= sidecar->count);
    if (cells && sidecar->cells == NULL)
        st = make_cells(sidecar);
    if (!cells && sidecar->proofs == NULL)
        st = make_proofs(sidecar);
    if (st != ST_OK)
        return fail(err, st, "the blobs cannot be proved");
    usize proof_count = cells ? count * BLOB_CELL_COUNT : count;
    usize size = envelope.size - 1 + cells + items_size(sizeof(struct blob), count) +
                 items_size(sizeof(kzg_point), count) + items_size(sizeof(kzg_point), proof_count);
    u8 *start = ARENA_TAKE(arena, u8, 1 + rlp_size_list(size)), *to = start;
    *to++ = TX_BLOB;
    to = rlp_put_list(to, size);
    bytes_copy(to, bytes_slice(envelope, 1, envelope.size));
    to += envelope.size - 1;
    if (cells)
        to = rlp_put_u64(to, 1);
    to = put_items(to, sidecar->blobs, sizeof(struct blob), count);
    to = put_items(to, sidecar->commitments, sizeof(kzg_point), count);
    to = put_items(to, cells ? sidecar->cells : sidecar->proofs, sizeof(kzg_point), proof_count);
    *out = (bytes){start, (usize)(to - start)};
    assert(out->size == 1 + rlp_size_list(size));
    return ST_OK;
}

bytes sidecar_strip(bytes raw, struct arena *arena)
{
    bytes in = bytes_slice(raw, 1, raw.size), fields, payload;
    if (raw.size == 0 || raw.data[0] != TX_BLOB || rlp_read_list(&in, &fields) != ST_OK ||
        !rlp_next_is_list(fields) || rlp_read_item(&fields, &payload) != ST_OK)
        return raw;
    u8 *out = ARENA_TAKE(arena, u8, payload.size + 1);
    out[0] = TX_BLOB;
    bytes_copy(out + 1, payload);
    return (bytes){out, payload.size + 1};
}
