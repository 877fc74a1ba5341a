/* A transaction and all that it points to, in one piece of memory. */
#include "txpool/internal.h"

#include <stdlib.h>

void *pool_alloc(usize size)
{
    void *memory = malloc(size);
    if (memory == NULL)
        bug("the transaction pool is within its budget, but memory ran out");
    return memory;
}

static bool lies_within(bytes part, bytes whole)
{
    return part.size > 0 && part.data >= whole.data &&
           part.data + part.size <= whole.data + whole.size;
}

/* What copy_tx takes, alignment included. */
static usize copy_size(const struct tx *tx, bytes envelope, bytes network)
{
    usize size = envelope.size + network.size + 64;
    if (!lies_within(tx->data, envelope))
        size += tx->data.size;
    size += tx->access_count * sizeof(struct access_entry);
    for (usize i = 0; i < tx->access_count; i++)
        size += tx->access[i].slot_count * sizeof(hash32);
    size += tx->blob_hash_count * sizeof(hash32);
    return size + tx->authorization_count * sizeof(struct authorization);
}

/* Arrays first: the aligned ones, then the ones of bytes. */
static void copy_tx(struct tx *to, const struct tx *from, bytes *envelope, bytes *network,
                    struct arena *arena)
{
    *to = *from;
    struct access_entry *access = ARENA_TAKE(arena, struct access_entry, from->access_count);
    struct authorization *authorizations =
        ARENA_TAKE(arena, struct authorization, from->authorization_count);
    bytes_copy(authorizations, (bytes){(const u8 *)from->authorizations,
                                       from->authorization_count * sizeof(*authorizations)});
    hash32 *blobs = ARENA_TAKE(arena, hash32, from->blob_hash_count);
    bytes_copy(blobs,
               (bytes){(const u8 *)from->blob_hashes, from->blob_hash_count * sizeof(*blobs)});
    for (usize i = 0; i < from->access_count; i++) {
        const struct access_entry *entry = &from->access[i];
        bytes slots = {(const u8 *)entry->slots, entry->slot_count * sizeof(hash32)};
        access[i] = *entry;
        access[i].slots = (const hash32 *)arena_copy(arena, slots).data;
    }
    to->access = access;
    to->authorizations = authorizations;
    to->blob_hashes = blobs;
    bytes old = *envelope;
    *envelope = arena_copy(arena, old);
    *network = arena_copy(arena, *network);
    if (lies_within(from->data, old))
        to->data.data = envelope->data + (from->data.data - old.data);
    else
        to->data = arena_copy(arena, from->data);
}

struct pooled *pooled_new(const struct tx *tx, bytes envelope, bytes network)
{
    usize size = sizeof(struct pooled) + copy_size(tx, envelope, network);
    struct pooled *pooled = pool_alloc(size);
    struct arena arena = arena_over(pooled + 1, size - sizeof(*pooled));
    *pooled = (struct pooled){.size = size, .envelope = envelope, .network = network};
    copy_tx(&pooled->tx, tx, &pooled->envelope, &pooled->network, &arena);
    return pooled;
}

void pooled_copy(const struct pooled *from, struct tx *tx, bytes *envelope, bytes *network,
                 struct arena *arena)
{
    *envelope = from->envelope;
    *network = from->network;
    copy_tx(tx, &from->tx, envelope, network, arena);
}
