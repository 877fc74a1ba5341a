#include "channel/blinded_route.h"

#include "channel/route.h"

enum { PADDING = 1, NEXT = 4, PATH_ID = 6, PATH_KEY = 8, FEE = 10, LIMITS = 12 };

static const u32 MILLION = 1000000;

/* --- Instructions: reading. False: the value is none. */

static bool read_point(bytes value, point33 *out)
{
    if (value.size != sizeof(*out) || tlv_zero(value))
        return false;
    bytes_copy(out->b, value);
    return true;
}

static bool read_fee(bytes value, struct instruction *out)
{
    struct reader reader = {.in = value};
    out->has_fee = true;
    out->fee_ppm = (u32)wire_take_number(&reader, 4);
    return !reader.failed && tlv_number(reader.in, sizeof(out->base_fee), &out->base_fee);
}

static bool read_limits(bytes value, struct instruction *out)
{
    struct reader reader = {.in = value};
    out->latest_s = (u64)wire_take_number(&reader, 5);
    return !reader.failed && out->latest_s != 0 &&
           tlv_number(reader.in, sizeof(out->least), &out->least);
}

static bool read_path_id(bytes value, struct instruction *out)
{
    out->path_id = value;
    return value.size > 0 && value.size <= BLINDED_ID_LIMIT;
}

static enum status read_tlv(bool is_final, const struct tlv *tlv, struct instruction *out,
                            struct err *err)
{
    bool is_right = true, is_known = true;
    if (tlv->type == PADDING)
        return ST_OK;
    if (tlv->type == NEXT && !is_final)
        is_right = read_point(tlv->value, &out->next);
    else if (tlv->type == PATH_KEY && !is_final)
        is_right = read_point(tlv->value, &out->next_path_key);
    else if (tlv->type == FEE && !is_final)
        is_right = read_fee(tlv->value, out);
    else if (tlv->type == PATH_ID && is_final)
        is_right = read_path_id(tlv->value, out);
    else if (tlv->type == LIMITS)
        is_right = read_limits(tlv->value, out);
    else
        is_known = false;
    if (!is_known)
        return tlv_unknown(tlv->type, "a blinded path's instruction", err);
    if (!is_right)
        return fail(err, ST_INVALID, "a blinded path's instruction has a malformed TLV of type %lu",
                    tlv->type);
    return ST_OK;
}

enum status instruction_decode(bool is_final, bytes in, struct instruction *out, struct err *err)
{
    struct tlv_reader tlvs = {.in = in};
    struct tlv tlv;
    memset(out, 0, sizeof(*out));
    while (tlvs.in.size > 0) {
        TRY(tlv_next(&tlvs, &tlv, "a blinded path's instruction", err));
        TRY(read_tlv(is_final, &tlv, out, err));
    }
    if (is_final ? out->path_id.size == 0 : tlv_zero(BYTES_OF(out->next)))
        return fail(err, ST_INVALID, "a blinded path's instruction has no %s",
                    is_final ? "path id" : "next node");
    return ST_OK;
}

/* --- Instructions: writing. */

static void put_with_number(struct writer *writer, u64 type, u128 fixed, usize size, u128 number)
{
    u8 digits[16];
    bytes rest = tlv_truncate(number, digits);
    wire_put_bigsize(writer, type);
    wire_put_bigsize(writer, size + rest.size);
    wire_put_number(writer, fixed, size);
    wire_put(writer, rest);
}

static void put_content(struct writer *writer, const struct instruction *instruction)
{
    if (!tlv_zero(BYTES_OF(instruction->next)))
        tlv_put(writer, NEXT, BYTES_OF(instruction->next));
    if (instruction->path_id.size > 0)
        tlv_put(writer, PATH_ID, instruction->path_id);
    if (!tlv_zero(BYTES_OF(instruction->next_path_key)))
        tlv_put(writer, PATH_KEY, BYTES_OF(instruction->next_path_key));
    if (instruction->has_fee)
        put_with_number(writer, FEE, instruction->fee_ppm, 4, instruction->base_fee);
    if (instruction->latest_s != 0)
        put_with_number(writer, LIMITS, instruction->latest_s, 5, instruction->least);
}

usize instruction_encode(const struct instruction *instruction, usize size,
                         u8 out[static BLINDED_INSTRUCTION_LIMIT])
{
    static const u8 zeros[BLINDED_INSTRUCTION_LIMIT];
    enum { HEAD = 2 }; /* of a padding of less than 253 bytes */
    u8 room[BLINDED_INSTRUCTION_LIMIT];
    struct writer content = {.out = room, .limit = sizeof(room)};
    struct writer all = {.out = out, .limit = BLINDED_INSTRUCTION_LIMIT};
    put_content(&content, instruction);
    assert(size < content.size + HEAD + 0xfd && size <= BLINDED_INSTRUCTION_LIMIT);
    if (size >= content.size + HEAD)
        tlv_put(&all, PADDING, (bytes){zeros, size - content.size - HEAD});
    wire_put(&all, (bytes){room, content.size});
    return all.size;
}

/* --- Instructions: what is done with them. */

enum status instruction_open(const secret32 *node, const point33 *path_key, bytes sealed,
                             bool is_final, u8 room[static BLINDED_SEALED_LIMIT],
                             struct instruction *out, struct err *err)
{
    point33 derived;
    if (sealed.size < AEAD_TAG_SIZE || sealed.size > BLINDED_SEALED_LIMIT ||
        blinded_path_open(node, path_key, sealed, room, &derived) != ST_OK)
        return fail(err, ST_INVALID, "a blinded path's instruction is not for this node");
    TRY(instruction_decode(is_final, (bytes){room, sealed.size - AEAD_TAG_SIZE}, out, err));
    if (tlv_zero(BYTES_OF(out->next_path_key)))
        out->next_path_key = derived;
    return ST_OK;
}

u128 instruction_onward(const struct instruction *instruction, u128 amount)
{
    if (amount <= instruction->base_fee || amount >= ROUTE_AMOUNT_LIMIT)
        return 0;
    u128 rest = amount - instruction->base_fee, whole = (u128)MILLION + instruction->fee_ppm;
    u128 out = rest / whole * MILLION + (rest % whole * MILLION + whole - 1) / whole;
    while (out > 0 && route_fee(instruction->base_fee, instruction->fee_ppm, out) > amount - out)
        out--; /* twice at most */
    return out;
}

/* --- Prices. */

bool blinded_price_add(struct blinded_price *price, u128 base_fee, u32 fee_ppm)
{
    u64 ppm = price->fee_ppm;
    bool is_first = price->base_fee == 0 && ppm == 0;
    u128 inner = price->base_fee + (is_first ? 0 : 1); /* by what the hops after it round up */
    ppm += fee_ppm + (ppm * fee_ppm + MILLION - 1) / MILLION;
    if (base_fee >= ROUTE_AMOUNT_LIMIT || fee_ppm > BLINDED_PPM_LIMIT || ppm > BLINDED_PPM_LIMIT)
        return false;
    price->base_fee = inner + route_fee(base_fee, fee_ppm, inner);
    price->fee_ppm = (u32)ppm;
    return price->base_fee < ROUTE_AMOUNT_LIMIT;
}

void blinded_price_enter(struct blinded_price *price, const struct instruction *first)
{
    u64 whole = (u64)MILLION + first->fee_ppm;
    u64 more = price->fee_ppm > first->fee_ppm ? price->fee_ppm - first->fee_ppm : 0;
    price->base_fee = instruction_onward(first, price->base_fee);
    price->fee_ppm = (u32)((more * MILLION + whole - 1) / whole);
}

/* --- Paths. */

static usize largest(const struct instruction *instructions, usize count)
{
    u8 room[BLINDED_INSTRUCTION_LIMIT];
    usize size = 0;
    for (usize i = 0; i < count; i++)
        size = max_u64(size, instruction_encode(&instructions[i], 0, room));
    return size;
}

enum status blinded_route_make(const secret32 *session, const point33 *nodes,
                               const struct instruction *instructions, usize count,
                               struct blinded_route *out, struct arena *arena)
{
    enum { HEAD = 2 };
    u8 rooms[BLINDED_HOPS_LIMIT][BLINDED_INSTRUCTION_LIMIT];
    struct onion_hop hops[BLINDED_HOPS_LIMIT];
    assert(count > 0 && count <= BLINDED_HOPS_LIMIT);
    usize size = largest(instructions, count) + HEAD;
    for (usize i = 0; i < count; i++)
        hops[i] = (struct onion_hop){
            nodes[i], {rooms[i], instruction_encode(&instructions[i], size, rooms[i])}};
    memset(out, 0, sizeof(*out));
    out->first_node = nodes[0];
    out->count = count;
    return blinded_path_build(session, hops, count, &out->first_path_key, out->hops, arena);
}

bool blinded_route_read(struct reader *reader, struct blinded_route *out)
{
    memset(out, 0, sizeof(*out));
    bytes_copy(out->first_node.b, wire_take(reader, sizeof(out->first_node)));
    bytes_copy(out->first_path_key.b, wire_take(reader, sizeof(out->first_path_key)));
    out->count = (usize)wire_take_number(reader, 1);
    if (out->count == 0 || out->count > BLINDED_HOPS_LIMIT)
        return false;
    for (usize i = 0; i < out->count; i++) {
        struct onion_hop *hop = &out->hops[i];
        bytes_copy(hop->node.b, wire_take(reader, sizeof(hop->node)));
        hop->payload = wire_take(reader, (usize)wire_take_number(reader, 2));
        if (hop->payload.size < AEAD_TAG_SIZE || hop->payload.size > BLINDED_SEALED_LIMIT)
            return false;
    }
    return !reader->failed;
}

void blinded_route_write(struct writer *writer, const struct blinded_route *route)
{
    wire_put(writer, BYTES_OF(route->first_node));
    wire_put(writer, BYTES_OF(route->first_path_key));
    wire_put_number(writer, route->count, 1);
    for (usize i = 0; i < route->count; i++) {
        wire_put(writer, BYTES_OF(route->hops[i].node));
        wire_put_number(writer, route->hops[i].payload.size, 2);
        wire_put(writer, route->hops[i].payload);
    }
}

enum status blinded_route_enter(const secret32 *node, struct blinded_route *route,
                                u8 room[static BLINDED_SEALED_LIMIT], struct instruction *first,
                                struct err *err)
{
    TRY(instruction_open(node, &route->first_path_key, route->hops[0].payload, route->count == 1,
                         room, first, err));
    if (route->count == 1)
        return fail(err, ST_INVALID, "the blinded path ends at this node");
    route->first_node = first->next;
    route->first_path_key = first->next_path_key;
    route->count--;
    memmove(&route->hops[0], &route->hops[1], route->count * sizeof(route->hops[0]));
    return ST_OK;
}
