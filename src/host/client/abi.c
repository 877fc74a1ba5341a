#include "client/abi.h"

#include "base/fmt.h"
#include "crypto/keccak.h"

hash32 abi_topic(const char *signature)
{
    return keccak256((bytes){(const u8 *)signature, strlen(signature)});
}

u32 abi_selector(const char *signature)
{
    return load_be32(abi_topic(signature).b);
}

/* --- Writing. The arena's end is the tail's: what is taken next lies right behind it. */

static struct abi_frame *innermost(struct abi_out *out)
{
    assert(out->depth > 0);
    return &out->frames[out->depth - 1];
}

static void open_frame(struct abi_out *out, usize words)
{
    assert(out->depth < ABI_MAX_DEPTH);
    u8 *start = ARENA_NEW(out->arena, u8, words * ABI_WORD);
    out->frames[out->depth++] = (struct abi_frame){start, start, start + words * ABI_WORD};
}

struct abi_out abi_begin(usize words, struct arena *arena)
{
    struct abi_out out = {.arena = arena, .start = arena->at};
    open_frame(&out, words);
    return out;
}

struct abi_out abi_begin_call(u32 selector, usize words, struct arena *arena)
{
    struct abi_out out = {.arena = arena, .start = ARENA_TAKE(arena, u8, sizeof(selector))};
    store_be32(out.start, selector);
    open_frame(&out, words);
    return out;
}

bytes abi_end(struct abi_out *out)
{
    abi_close(out);
    assert(out->depth == 0);
    return (bytes){out->start, (usize)(out->arena->at - out->start)};
}

void abi_close(struct abi_out *out)
{
    const struct abi_frame *frame = innermost(out);
    assert(frame->at == frame->end);
    out->depth--;
}

void abi_put_u256(struct abi_out *out, u256 value)
{
    struct abi_frame *frame = innermost(out);
    assert(frame->at < frame->end);
    u256_store_be(frame->at, value);
    frame->at += ABI_WORD;
}

void abi_put_u64(struct abi_out *out, u64 value)
{
    abi_put_u256(out, u256_from_u64(value));
}

void abi_put_bool(struct abi_out *out, bool value)
{
    abi_put_u64(out, value);
}

void abi_put_hash(struct abi_out *out, hash32 value)
{
    abi_put_u256(out, u256_from_hash(value));
}

void abi_put_address(struct abi_out *out, address value)
{
    abi_put_u256(out, u256_from_address(value));
}

/* Where the tail goes on, as the innermost frame's next word. */
static void put_offset(struct abi_out *out)
{
    abi_put_u64(out, (u64)(out->arena->at - innermost(out)->start));
}

static void tail_word(struct abi_out *out, u64 value)
{
    u256_store_be(ARENA_TAKE(out->arena, u8, ABI_WORD), u256_from_u64(value));
}

void abi_put_bytes(struct abi_out *out, bytes value)
{
    put_offset(out);
    tail_word(out, value.size);
    bytes_copy(ARENA_NEW(out->arena, u8, (value.size + ABI_WORD - 1) / ABI_WORD * ABI_WORD), value);
}

void abi_open_tuple(struct abi_out *out, usize words)
{
    put_offset(out);
    open_frame(out, words);
}

void abi_open_array(struct abi_out *out, usize count, usize words)
{
    put_offset(out);
    tail_word(out, count);
    open_frame(out, count * words);
}

/* --- Reading. */

u256 abi_get_u256(struct abi_in *in)
{
    if (in->failed || in->all.size - in->at < ABI_WORD) {
        in->failed = true;
        return U256_ZERO;
    }
    in->at += ABI_WORD;
    return u256_load_be(in->all.data + in->at - ABI_WORD);
}

u128 abi_get_u128(struct abi_in *in)
{
    u256 value = abi_get_u256(in);
    if (u256_bit_length(value) > 128)
        in->failed = true;
    return (u128)value.w[1] << 64 | value.w[0];
}

static u64 get_below(struct abi_in *in, u64 limit)
{
    u256 value = abi_get_u256(in);
    if (u256_fits_u64(value) && value.w[0] <= limit)
        return value.w[0];
    in->failed = true;
    return 0;
}

u64 abi_get_u64(struct abi_in *in)
{
    return get_below(in, UINT64_MAX);
}

u8 abi_get_u8(struct abi_in *in)
{
    return (u8)get_below(in, UINT8_MAX);
}

bool abi_get_bool(struct abi_in *in)
{
    return get_below(in, 1) == 1;
}

hash32 abi_get_hash(struct abi_in *in)
{
    return u256_to_hash(abi_get_u256(in));
}

address abi_get_address(struct abi_in *in)
{
    u256 value = abi_get_u256(in);
    if (u256_bit_length(value) <= 160)
        return u256_to_address(value);
    in->failed = true;
    return (address){{0}};
}

bytes abi_get_bytes(struct abi_in *in)
{
    u64 offset = abi_get_u64(in);
    if (in->failed || offset > in->all.size) {
        in->failed = true;
        return BYTES_EMPTY;
    }
    struct abi_in tail = {in->all, offset, false};
    u64 size = abi_get_u64(&tail);
    if (tail.failed || size > in->all.size - tail.at) {
        in->failed = true;
        return BYTES_EMPTY;
    }
    return bytes_slice(in->all, tail.at, size);
}

/* --- Reverts. */

/* Source: Solidity documentation, "Panic via assert and Error via require". */
static const char *panic_text(u256 code)
{
    static const struct {
        u64 code;
        const char *text;
    } rows[] = {
        {0x01, "an assertion failed"},       {0x11, "arithmetic overflow"},
        {0x12, "division by zero"},          {0x21, "no such value of an enumeration"},
        {0x22, "storage is badly encoded"},  {0x31, "pop of an empty array"},
        {0x32, "array index out of bounds"}, {0x41, "too much memory"},
        {0x51, "call of an unset function"},
    };
    for (usize i = 0; i < countof(rows); i++)
        if (u256_equal(code, u256_from_u64(rows[i].code)))
            return rows[i].text;
    return "panic";
}

/* What a contract says goes to a terminal: only what prints is kept. */
static void printable(char *text)
{
    for (; *text != 0; text++)
        if ((u8)*text < ' ' || *text == 0x7f)
            *text = '?';
}

void abi_revert_text(bytes data, char *to, usize size)
{
    enum { ERROR_STRING = 0x08c379a0, PANIC = 0x4e487b71, TEXT_LIMIT = 200 };
    if (data.size < 4) {
        fmt(to, size, "no reason given");
        return;
    }
    u32 selector = load_be32(data.data);
    struct abi_in in = abi_over(bytes_slice(data, 4, data.size));
    if (selector == ERROR_STRING) {
        bytes text = abi_get_bytes(&in);
        if (!in.failed) {
            fmt(to, size, "%.*s", (int)min_u64(text.size, TEXT_LIMIT), (const char *)text.data);
            printable(to);
            return;
        }
    } else if (selector == PANIC) {
        u256 code = abi_get_u256(&in);
        if (!in.failed) {
            fmt(to, size, "%s", panic_text(code));
            return;
        }
    }
    fmt(to, size, "error 0x%02x%02x%02x%02x", data.data[0], data.data[1], data.data[2],
        data.data[3]);
}
