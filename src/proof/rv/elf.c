/* Loading a program: the few fields of an ELF file that matter to a static executable.
 * Source: Tool Interface Standard, Executable and Linking Format, version 1.2; ELF-64 Object File
 * Format, version 1.5; RISC-V ELF psABI, version 1.0. */
#include "rv/internal.h"

enum {
    HEADER_SIZE = 64,
    SEGMENT_SIZE = 56, /* of a program header */
    MAX_SEGMENTS = 16,
    TYPE_EXECUTABLE = 2,
    MACHINE_RISCV = 243,
    SEGMENT_LOAD = 1,
    FLAG_EXECUTE = 1,
    FLAG_WRITE = 2,
};

struct segment {
    u32 type, flags;
    u64 offset, start, file_size, memory_size;
};

static u16 load_le16(const u8 *from)
{
    return (u16)(from[0] | from[1] << 8);
}

static u32 load_le32(const u8 *from)
{
    return load_le16(from) | (u32)load_le16(from + 2) << 16;
}

static struct segment read_segment(const u8 *from)
{
    return (struct segment){
        .type = load_le32(from),
        .flags = load_le32(from + 4),
        .offset = load_le64(from + 8),
        .start = load_le64(from + 16),
        .file_size = load_le64(from + 32),
        .memory_size = load_le64(from + 40),
    };
}

static enum status load_code(struct rv *rv, u64 start, bytes words, struct arena *arena,
                             struct err *err)
{
    if (rv->code != NULL)
        return fail(err, ST_INVALID, "more than one executable segment");
    if (start % 4 != 0 || words.size % 4 != 0)
        return fail(err, ST_INVALID, "code is not aligned to instructions");
    usize count = words.size / 4;
    if (arena_left(arena) < (count + 2) * sizeof(struct rv_op))
        return fail(err, ST_FULL, "no room for %zu instructions", count);
    struct rv_op *code = ARENA_TAKE(arena, struct rv_op, count + 1);
    for (usize i = 0; i < count; i++)
        code[i] = rv_decode(load_le32(words.data + 4 * i));
    code[count] = (struct rv_op){.code = OP_END};
    rv->code = code;
    rv->code_start = start;
    rv->code_count = count;
    return ST_OK;
}

static enum status load_segment(struct rv *rv, bytes elf, const struct segment *segment,
                                struct arena *arena, struct err *err)
{
    bool execute = (segment->flags & FLAG_EXECUTE) != 0;
    bool write = (segment->flags & FLAG_WRITE) != 0;
    if (segment->offset > elf.size || segment->file_size > elf.size - segment->offset)
        return fail(err, ST_INVALID, "a segment lies outside the file");
    if (segment->start > RV_MEMORY_SIZE || segment->file_size > segment->memory_size ||
        segment->memory_size > RV_MEMORY_SIZE - segment->start)
        return fail(err, ST_INVALID, "a segment lies outside memory");
    if (execute && write)
        return fail(err, ST_INVALID, "a segment is writable and executable");
    if (!write && segment->memory_size != segment->file_size)
        return fail(err, ST_INVALID, "a read-only segment is not wholly in the file");
    bytes content = {elf.data + segment->offset, segment->file_size};
    enum status st = rv_write(rv, segment->start, content, write);
    if (st != ST_OK)
        return fail(err, st,
                    st == ST_FULL ? "no room for the program"
                                  : "a page is in two segments, one writable");
    return execute ? load_code(rv, segment->start, content, arena, err) : ST_OK;
}

/* What must be at the start of the file: magic, 64 bits, little-endian, version 1. */
static const u8 IDENTITY[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

enum status rv_load(struct rv *rv, bytes elf, struct arena *arena, struct err *err)
{
    memset(rv, 0, sizeof(*rv));
    if (arena_left(arena) < 2 * sizeof(struct rv_page))
        return fail(err, ST_FULL, "no room for a machine");
    memory_init(&rv->memory, arena);
    if (elf.size < HEADER_SIZE || memcmp(elf.data, IDENTITY, sizeof(IDENTITY)) != 0 ||
        load_le16(elf.data + 16) != TYPE_EXECUTABLE || load_le16(elf.data + 18) != MACHINE_RISCV)
        return fail(err, ST_INVALID, "not a 64-bit RISC-V executable");
    rv->pc = load_le64(elf.data + 24);
    u64 table = load_le64(elf.data + 32), count = load_le16(elf.data + 56);
    if (load_le16(elf.data + 54) != SEGMENT_SIZE || count > MAX_SEGMENTS || table > elf.size ||
        count * SEGMENT_SIZE > elf.size - table)
        return fail(err, ST_INVALID, "no sound table of segments");
    for (u64 i = 0; i < count; i++) {
        struct segment segment = read_segment(elf.data + table + i * SEGMENT_SIZE);
        if (segment.type == SEGMENT_LOAD)
            TRY(load_segment(rv, elf, &segment, arena, err));
    }
    if (rv->code == NULL)
        return fail(err, ST_INVALID, "no executable segment");
    return ST_OK;
}

const char *rv_stop_name(enum rv_stop stop)
{
    switch (stop) {
    case RV_STEPS:
        return "out of steps";
    case RV_ECALL:
        return "ecall";
    case RV_EBREAK:
        return "ebreak";
    case RV_ILLEGAL:
        return "illegal instruction";
    case RV_JUMP:
        return "jump out of the code";
    case RV_LOAD:
        return "bad load";
    case RV_STORE:
        return "bad store";
    case RV_FULL:
        return "out of memory";
    }
    bug("unknown stop");
}
