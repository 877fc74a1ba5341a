#include "derive/inflate.h"

#include "base/bug.h"

/* Lengths of the tables that decode a code in one step; longer codes go bit by bit. */
enum { LITERAL_ROOT = 10, DISTANCE_ROOT = 8, LENGTHS_ROOT = 7, MAX_ROOT = LITERAL_ROOT };

enum {
    MAX_CODE = 15,
    LITERALS = 288, /* the last two stand in the fixed code only and mean nothing */
    DISTANCES = 32, /* as do these two */
    LENGTH_CODES = 19,
    END_OF_BLOCK = 256,
    MAX_LITERALS_SENT = 286,
    MAX_DISTANCES_SENT = 30,
};

/* What a code stands for, in one word:
 *   bits 0-4 length of the code, 5-7 kind, 8-15 extra bits that follow, 16-31 base value
 * 0: no code of at most `root` bits starts so. */
typedef u32 entry;

enum entry_kind { ENTRY_LITERAL, ENTRY_COPY, ENTRY_END, ENTRY_NONE };

static inline unsigned entry_bits(entry e)
{
    return e & 31;
}

static inline enum entry_kind entry_kind(entry e)
{
    return (enum entry_kind)(e >> 5 & 7);
}

static inline unsigned entry_extra(entry e)
{
    return e >> 8 & 255;
}

static inline unsigned entry_base(entry e)
{
    return e >> 16;
}

static entry entry_of(unsigned bits, enum entry_kind kind, unsigned extra, unsigned base)
{
    return bits | (u32)kind << 5 | extra << 8 | base << 16;
}

/* Which alphabet a code is over. */
enum alphabet { LENGTHS_OF_CODES, LITERALS_AND_LENGTHS, DISTANCES_BACK };

/* RFC 1951, section 3.2.5. */
static entry symbol_entry(enum alphabet alphabet, unsigned symbol, unsigned bits)
{
    static const u16 length_base[] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                      15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                      67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const u8 length_extra[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                      2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    if (alphabet == DISTANCES_BACK) {
        if (symbol >= MAX_DISTANCES_SENT)
            return entry_of(bits, ENTRY_NONE, 0, 0);
        if (symbol < 2)
            return entry_of(bits, ENTRY_COPY, 0, symbol + 1);
        unsigned extra = symbol / 2 - 1;
        return entry_of(bits, ENTRY_COPY, extra, ((2 | (symbol & 1)) << extra) + 1);
    }
    if (alphabet == LENGTHS_OF_CODES || symbol < END_OF_BLOCK)
        return entry_of(bits, ENTRY_LITERAL, 0, symbol);
    if (symbol == END_OF_BLOCK)
        return entry_of(bits, ENTRY_END, 0, 0);
    if (symbol >= MAX_LITERALS_SENT)
        return entry_of(bits, ENTRY_NONE, 0, 0);
    symbol -= END_OF_BLOCK + 1;
    return entry_of(bits, ENTRY_COPY, length_extra[symbol], length_base[symbol]);
}

/* A canonical Huffman code: codes of a length are consecutive, in the order of their symbols. */
struct code {
    enum alphabet alphabet;
    unsigned root;
    u16 count[MAX_CODE + 1];    /* how many codes have this length */
    u16 first_long;             /* the first code of root + 1 bits, were there one */
    u16 index_long;             /* where the symbols of more than root bits start */
    u16 symbols[LITERALS];      /* by code */
    entry table[1 << MAX_ROOT]; /* by the next `root` bits of input, the first lowest */
};

/* Judges the lengths as zlib does: none may be left over or missing, except that a code with one
 * symbol may leave half its space unused, and a code may be empty; using either hole is an error
 * then. */
static bool code_check(const struct code *code, unsigned max)
{
    int left = 1;
    for (unsigned bits = 1; bits <= MAX_CODE; bits++) {
        left = left * 2 - code->count[bits];
        if (left < 0)
            return false;
    }
    return left == 0 || max == 0 || (code->alphabet != LENGTHS_OF_CODES && max == 1);
}

/* The next code of `bits` bits, as the input has it: first bit lowest. */
static unsigned reversed_next(unsigned code, unsigned bits)
{
    unsigned bit = 1u << (bits - 1);
    while (code & bit)
        bit >>= 1;
    return bit == 0 ? 0 : (code & (bit - 1)) | bit;
}

static bool code_build(struct code *code, enum alphabet alphabet, unsigned root, const u8 *lengths,
                       usize symbol_count)
{
    u16 place[MAX_CODE + 2];
    code->alphabet = alphabet;
    code->root = root;
    memset(code->count, 0, sizeof(code->count));
    for (usize i = 0; i < symbol_count; i++)
        code->count[lengths[i]]++;
    code->count[0] = 0;
    unsigned max = MAX_CODE;
    while (max > 0 && code->count[max] == 0)
        max--;
    if (!code_check(code, max))
        return false;

    place[1] = 0;
    for (unsigned bits = 1; bits <= MAX_CODE; bits++)
        place[bits + 1] = (u16)(place[bits] + code->count[bits]);
    code->index_long = place[root + 1];
    for (usize i = 0; i < symbol_count; i++)
        if (lengths[i] != 0)
            code->symbols[place[lengths[i]]++] = (u16)i;

    /* Codes of a length start at twice the end of those one bit shorter. */
    memset(code->table, 0, sizeof(entry) << root);
    unsigned first = 0, reversed = 0, index = 0;
    for (unsigned bits = 1; bits <= root; bits++) {
        for (unsigned i = 0; i < code->count[bits]; i++) {
            entry e = symbol_entry(alphabet, code->symbols[index++], bits);
            for (unsigned at = reversed; at < 1u << root; at += 1u << bits)
                code->table[at] = e;
            reversed = reversed_next(reversed, bits);
        }
        first = (first + code->count[bits]) * 2;
    }
    code->first_long = (u16)first;
    return true;
}

/* --- Bits of input. */

struct input {
    const u8 *at;
    const u8 *end;
    u64 bits;       /* the next ones, first lowest */
    unsigned count; /* of them; above are zeros or bits that `at` still has before it */
};

/* At least 56 bits, or all that there are. */
static inline void refill(struct input *in)
{
    if (in->end - in->at >= 8) {
        in->bits |= load_le64(in->at) << in->count;
        in->at += (63 - in->count) >> 3;
        in->count |= 56;
        return;
    }
    while (in->count < 56 && in->at < in->end) {
        in->bits |= (u64)*in->at++ << in->count;
        in->count += 8;
    }
}

static inline void drop(struct input *in, unsigned count)
{
    in->bits >>= count;
    in->count -= count;
}

/* `count` <= 16, after a refill that at most 40 bits have been taken from. */
static inline bool take(struct input *in, unsigned count, unsigned *out)
{
    if (count > in->count)
        return false;
    *out = (unsigned)(in->bits & ((1u << count) - 1));
    drop(in, count);
    return true;
}

/* A code of more than `root` bits, bit by bit. */
static entry long_code(const struct code *code, u64 bits)
{
    unsigned value = 0, first = code->first_long, index = code->index_long;
    for (unsigned i = 0; i < code->root; i++)
        value = value << 1 | (unsigned)(bits >> i & 1);
    for (unsigned length = code->root + 1; length <= MAX_CODE; length++) {
        value = value << 1 | (unsigned)(bits >> (length - 1) & 1);
        unsigned count = code->count[length];
        if (value - first < count)
            return symbol_entry(code->alphabet, code->symbols[index + value - first], length);
        index += count;
        first = (first + count) * 2;
    }
    return entry_of(0, ENTRY_NONE, 0, 0);
}

/* The next symbol, its code taken from the input. ENTRY_NONE: none, or the input ends. */
static inline entry next_symbol(struct input *in, const struct code *code)
{
    entry e = code->table[in->bits & ((1u << code->root) - 1)];
    if (e == 0)
        e = long_code(code, in->bits);
    if (entry_bits(e) > in->count)
        return entry_of(0, ENTRY_NONE, 0, 0);
    drop(in, entry_bits(e));
    return e;
}

/* --- Output. */

struct output {
    u8 *start;
    u8 *at;
    u8 *end;
    bytes dictionary;
};

/* `length` bytes from `distance` back, byte by byte where both overlap. The caller has checked that
 * there is room. False: before the dictionary. */
static inline bool copy_back(struct output *out, usize distance, usize length)
{
    usize behind = (usize)(out->at - out->start);
    if (distance > behind) {
        usize before = distance - behind;
        if (before > out->dictionary.size)
            return false;
        usize part = min_u64(before, length);
        memcpy(out->at, out->dictionary.data + out->dictionary.size - before, part);
        out->at += part;
        length -= part;
        if (length == 0)
            return true;
    }
    const u8 *from = out->at - distance;
    u8 *to = out->at;
    out->at += length;
    if (distance >= 8 && (usize)(out->end - to) >= length + 8) {
        do { /* what it writes past the length is written over, or is not part of the result */
            memcpy(to, from, 8);
            to += 8;
            from += 8;
        } while (to < out->at);
        return true;
    }
    if (distance == 1) {
        memset(to, *from, length);
        return true;
    }
    while (to < out->at)
        *to++ = *from++;
    return true;
}

/* --- Blocks. RFC 1951, section 3.2.3. */

static enum status stored_block(struct input *in, struct output *out, struct err *err)
{
    drop(in, in->count & 7);
    in->at -= in->count / 8;
    in->bits = in->count = 0;
    usize left = (usize)(in->end - in->at);
    if (left < 4)
        return fail(err, ST_INVALID, "inflate: the input ends in a stored block's header");
    unsigned size = in->at[0] | (unsigned)in->at[1] << 8;
    unsigned check = in->at[2] | (unsigned)in->at[3] << 8;
    if (size != (check ^ 0xffff))
        return fail(err, ST_INVALID, "inflate: a stored block's sizes differ");
    in->at += 4;
    if (size > left - 4)
        return fail(err, ST_INVALID, "inflate: the input ends in a stored block");
    if (size > (usize)(out->end - out->at))
        return fail(err, ST_FULL, "inflate: more output than the limit");
    bytes_copy(out->at, (bytes){in->at, size});
    in->at += size;
    out->at += size;
    return ST_OK;
}

static enum status coded_block(struct input *in, struct output *out, const struct code *literals,
                               const struct code *distances, struct err *err)
{
    for (;;) {
        if (in->count < 48) /* 15 + 5 for a length, 15 + 13 for a distance */
            refill(in);
        entry e = next_symbol(in, literals);
        if (entry_kind(e) == ENTRY_LITERAL) {
            if (out->at == out->end)
                return fail(err, ST_FULL, "inflate: more output than the limit");
            *out->at++ = (u8)entry_base(e);
            continue;
        }
        if (entry_kind(e) == ENTRY_END)
            return ST_OK;
        unsigned more_length, more_distance;
        if (entry_kind(e) == ENTRY_NONE || !take(in, entry_extra(e), &more_length))
            return fail(err, ST_INVALID, "inflate: no such code, or the input ends");
        entry d = next_symbol(in, distances);
        if (entry_kind(d) == ENTRY_NONE || !take(in, entry_extra(d), &more_distance))
            return fail(err, ST_INVALID, "inflate: no such distance, or the input ends");
        usize length = entry_base(e) + more_length;
        if (length > (usize)(out->end - out->at))
            return fail(err, ST_FULL, "inflate: more output than the limit");
        if (!copy_back(out, entry_base(d) + more_distance, length))
            return fail(err, ST_INVALID, "inflate: a copy from before the start");
    }
}

/* The two codes in use, and whether they are the fixed ones. */
struct codes {
    struct code literals;
    struct code distances;
    bool fixed;
};

/* RFC 1951, section 3.2.6. */
static void fixed_codes(struct codes *codes)
{
    u8 lengths[LITERALS];
    if (codes->fixed)
        return;
    memset(lengths, 8, 144);
    memset(lengths + 144, 9, 112);
    memset(lengths + 256, 7, 24);
    memset(lengths + 280, 8, 8);
    bool built =
        code_build(&codes->literals, LITERALS_AND_LENGTHS, LITERAL_ROOT, lengths, LITERALS);
    memset(lengths, 5, DISTANCES);
    built &= code_build(&codes->distances, DISTANCES_BACK, DISTANCE_ROOT, lengths, DISTANCES);
    assert(built);
    codes->fixed = true;
}

/* The code lengths of both alphabets, run-length encoded in a third code. */
static enum status read_lengths(struct input *in, const struct code *code, u8 *lengths, usize count,
                                struct err *err)
{
    usize at = 0;
    while (at < count) {
        refill(in);
        entry e = next_symbol(in, code);
        if (entry_kind(e) == ENTRY_NONE)
            return fail(err, ST_INVALID, "inflate: no such length of a code, or the input ends");
        unsigned symbol = entry_base(e), repeat = 0;
        if (symbol < 16) {
            lengths[at++] = (u8)symbol;
            continue;
        }
        if (symbol == 16 && at == 0)
            return fail(err, ST_INVALID, "inflate: nothing to repeat");
        unsigned extra = symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
        if (!take(in, extra, &repeat))
            return fail(err, ST_INVALID, "inflate: the input ends in the lengths of codes");
        repeat += symbol == 18 ? 11 : 3;
        if (repeat > count - at)
            return fail(err, ST_INVALID, "inflate: too many lengths of codes");
        memset(lengths + at, symbol == 16 ? lengths[at - 1] : 0, repeat);
        at += repeat;
    }
    return ST_OK;
}

/* RFC 1951, section 3.2.7. */
static enum status sent_codes(struct input *in, struct codes *codes, struct err *err)
{
    static const u8 order[LENGTH_CODES] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                           11, 4,  12, 3, 13, 2, 14, 1, 15};
    unsigned literals, distances, lengths_sent;
    u8 lengths[MAX_LITERALS_SENT + MAX_DISTANCES_SENT] = {0};
    codes->fixed = false;
    refill(in);
    if (!take(in, 5, &literals) || !take(in, 5, &distances) || !take(in, 4, &lengths_sent))
        return fail(err, ST_INVALID, "inflate: the input ends in a block's header");
    literals += 257;
    distances += 1;
    lengths_sent += 4;
    if (literals > MAX_LITERALS_SENT || distances > MAX_DISTANCES_SENT)
        return fail(err, ST_INVALID, "inflate: too many symbols");
    for (unsigned i = 0; i < lengths_sent; i++) {
        unsigned length;
        refill(in);
        if (!take(in, 3, &length))
            return fail(err, ST_INVALID, "inflate: the input ends in a block's header");
        lengths[order[i]] = (u8)length;
    }
    if (!code_build(&codes->distances, LENGTHS_OF_CODES, LENGTHS_ROOT, lengths, LENGTH_CODES))
        return fail(err, ST_INVALID, "inflate: the code of lengths is not one");
    memset(lengths, 0, LENGTH_CODES);
    TRY(read_lengths(in, &codes->distances, lengths, literals + distances, err));
    if (lengths[END_OF_BLOCK] == 0)
        return fail(err, ST_INVALID, "inflate: a block without an end");
    if (!code_build(&codes->literals, LITERALS_AND_LENGTHS, LITERAL_ROOT, lengths, literals))
        return fail(err, ST_INVALID, "inflate: the code of literals is not one");
    if (!code_build(&codes->distances, DISTANCES_BACK, DISTANCE_ROOT, lengths + literals,
                    distances))
        return fail(err, ST_INVALID, "inflate: the code of distances is not one");
    return ST_OK;
}

static enum status block(struct input *in, struct output *out, struct codes *codes, unsigned type,
                         struct err *err)
{
    switch (type) {
    case 0:
        return stored_block(in, out, err);
    case 1:
        fixed_codes(codes);
        break;
    case 2:
        TRY(sent_codes(in, codes, err));
        break;
    default:
        return fail(err, ST_INVALID, "inflate: no such type of block");
    }
    return coded_block(in, out, &codes->literals, &codes->distances, err);
}

enum status inflate_decode(bytes in, bytes dictionary, u8 *out, usize room, usize *size,
                           usize *used, struct err *err)
{
    assert(dictionary.size <= INFLATE_WINDOW);
    if (in.size == 0)
        return fail(err, ST_INVALID, "inflate: no input");
    struct input input = {.at = in.data, .end = in.data + in.size};
    struct output output = {.start = out, .at = out, .end = out + room, .dictionary = dictionary};
    struct codes codes;
    codes.fixed = false;
    unsigned last, type;
    do {
        refill(&input);
        if (!take(&input, 1, &last) || !take(&input, 2, &type))
            return fail(err, ST_INVALID, "inflate: the input ends before the last block");
        TRY(block(&input, &output, &codes, type, err));
    } while (!last);
    *size = (usize)(output.at - output.start);
    *used = (usize)(input.at - in.data) - input.count / 8;
    return ST_OK;
}
