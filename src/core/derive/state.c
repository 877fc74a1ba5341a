/* The fold's state as bytes. */
#include "derive/derive.h"

/* One description of the fields serves both directions. */
struct io {
    u8 *at;
    bool reads;
};

static void io_bytes(struct io *io, void *field, usize size)
{
    memcpy(io->reads ? field : io->at, io->reads ? io->at : field, size);
    io->at += size;
}

static void io_u64(struct io *io, u64 *field)
{
    u8 b[8];
    store_be64(b, *field);
    io_bytes(io, b, sizeof(b));
    *field = load_be64(b);
}

static void io_u32(struct io *io, u32 *field)
{
    u8 b[4];
    store_be32(b, *field);
    io_bytes(io, b, sizeof(b));
    *field = load_be32(b);
}

static void io_hash(struct io *io, hash32 *field)
{
    io_bytes(io, field, sizeof(*field));
}

static void io_u256(struct io *io, u256 *field)
{
    hash32 word = u256_to_hash(*field);
    io_hash(io, &word);
    *field = u256_from_hash(word);
}

static void io_state(struct io *io, struct derive_state *state)
{
    io_u64(io, &state->params.gas_limit);
    io_u32(io, &state->params.base_fee_scalar);
    io_u32(io, &state->params.blob_base_fee_scalar);
    io_bytes(io, &state->params.sequencer, sizeof(state->params.sequencer));
    io_u64(io, &state->params.version);
    io_u64(io, &state->head.number);
    io_hash(io, &state->head.hash);
    io_u64(io, &state->head.timestamp);
    io_u64(io, &state->head.sequence_number);
    io_u64(io, &state->head.origin.number);
    io_hash(io, &state->head.origin.hash);
    io_hash(io, &state->head.origin.parent_hash);
    io_u64(io, &state->head.origin.timestamp);
    io_u256(io, &state->head.origin.base_fee_wei);
    io_u256(io, &state->head.origin.blob_base_fee_wei);
    io_hash(io, &state->head.origin.mix_hash);
    io_hash(io, &state->head.origin.parent_beacon_root);
    io_u64(io, &state->inbox_pos);
    io_hash(io, &state->inbox_acc);
    io_u64(io, &state->batch_count);
    io_hash(io, &state->batch_acc);
}

void derive_state_encode(const struct derive_state *state, u8 *to)
{
    struct derive_state copy = *state;
    struct io io = {.at = to};
    io_state(&io, &copy);
    assert(io.at == to + DERIVE_STATE_SIZE);
}

enum status derive_state_decode(bytes in, struct derive_state *out)
{
    u8 copy[DERIVE_STATE_SIZE];
    if (in.size != sizeof(copy))
        return ST_CORRUPT;
    bytes_copy(copy, in);
    struct io io = {.at = copy, .reads = true};
    *out = (struct derive_state){.inbox_pos = 0};
    io_state(&io, out);
    return ST_OK;
}
