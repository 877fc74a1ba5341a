#include "harness/test.h"
#include "rv/rv.h"

/* --- Words, put together by format. */

static u32 r_type(u32 match, u32 rd, u32 rs1, u32 rs2)
{
    return match | rd << 7 | rs1 << 15 | rs2 << 20;
}

static u32 i_type(u32 match, u32 rd, u32 rs1, i32 immediate)
{
    return match | rd << 7 | rs1 << 15 | (u32)immediate << 20;
}

static u32 s_type(u32 match, u32 rs1, u32 rs2, i32 immediate)
{
    u32 bits = (u32)immediate;
    return match | (bits & 31) << 7 | rs1 << 15 | rs2 << 20 | bits >> 5 << 25;
}

static u32 b_type(u32 match, u32 rs1, u32 rs2, i32 offset)
{
    u32 bits = (u32)offset;
    return match | (bits >> 11 & 1) << 7 | (bits >> 1 & 15) << 8 | rs1 << 15 | rs2 << 20 |
           (bits >> 5 & 63) << 25 | (bits >> 12 & 1) << 31;
}

static u32 j_type(u32 match, u32 rd, i32 offset)
{
    u32 bits = (u32)offset;
    return match | rd << 7 | (bits >> 12 & 255) << 12 | (bits >> 11 & 1) << 20 |
           (bits >> 1 & 1023) << 21 | (bits >> 20 & 1) << 31;
}

enum { ECALL = 0x73, EBREAK = 0x100073, CODE = 0x10000, DATA = 0x20000, MAX_WORDS = 64 };

/* --- A file with one segment of code and one of data. */

struct file {
    u8 header[64];
    u8 segments[2][56];
    u32 code[MAX_WORDS];
    u8 data[64];
};

static void put_segment(u8 *to, u32 flags, u64 offset, u64 start, u64 size, u64 memory_size)
{
    store_le64(to, 1 | (u64)flags << 32);
    store_le64(to + 8, offset);
    store_le64(to + 16, start);
    store_le64(to + 32, size);
    store_le64(to + 40, memory_size);
}

static struct file make_file(const u32 *words, usize count)
{
    static const u8 start[] = {0x7f, 'E', 'L', 'F', 2, 1, 1, [16] = 2, [18] = 243};
    struct file file = {0};
    memcpy(file.header, start, sizeof(start));
    store_le64(file.header + 24, CODE);
    store_le64(file.header + 32, sizeof(file.header));
    file.header[54] = 56;
    file.header[56] = 2;
    put_segment(file.segments[0], 5, offsetof(struct file, code), CODE, 4 * count, 4 * count);
    put_segment(file.segments[1], 6, offsetof(struct file, data), DATA, 64, 8192);
    memcpy(file.code, words, 4 * count);
    for (u8 i = 0; i < sizeof(file.data); i++)
        file.data[i] = (u8)(0xf0 + i);
    return file;
}

static struct rv *machine(const u32 *words, usize count)
{
    struct rv *rv = ARENA_TAKE(test_arena(), struct rv, 1);
    struct file file = make_file(words, count);
    CHECK(rv_load(rv, BYTES_OF(file), test_arena(), NULL) == ST_OK);
    return rv;
}

/* --- One instruction each: the value it leaves in x3 from x1 = a and x2 = b. */

#define MIN64 ((u64)1 << 63)
#define MIN32 0xffffffff80000000
#define ONES UINT64_MAX
#define R(match) r_type(match, 3, 1, 2)
#define I(match, immediate) i_type(match, 3, 1, immediate)

TEST(rv_computes_what_the_manual_says)
{
    const struct {
        const char *name;
        u32 word;
        u64 a, b, want;
    } rows[] = {
        {"lui", 0x00000037 | 3 << 7 | 0x80001u << 12, 0, 0, 0xffffffff80001000},
        {"auipc", 0x00000017 | 3 << 7 | 0xfffffu << 12, 0, 0, CODE - 0x1000},
        {"addi", I(0x13, -1), 5, 0, 4},
        {"addi, longest immediates", I(0x13, 2047), ONES, 0, 2046},
        {"addi, most negative immediate", I(0x13, -2048), 0, 0, (u64)-2048},
        {"slti", I(0x2013, -1), (u64)-2, 0, 1},
        {"slti, equal", I(0x2013, -1), (u64)-1, 0, 0},
        {"sltiu extends the sign first", I(0x3013, -1), 5, 0, 1},
        {"xori", I(0x4013, -1), 0x0f, 0, ~(u64)0x0f},
        {"ori", I(0x6013, 0x70), 0x0f, 0, 0x7f},
        {"andi", I(0x7013, -16), 0xff, 0, 0xf0},
        {"slli", I(0x1013, 63), 3, 0, MIN64},
        {"srli", I(0x5013, 63), MIN64, 0, 1},
        {"srai", I(0x5013, 0x400 | 63), MIN64, 0, ONES},
        {"addiw", I(0x1b, 1), 0x7fffffff, 0, MIN32},
        {"addiw drops the upper half", I(0x1b, 0), 0x500000001, 0, 1},
        {"slliw", I(0x101b, 31), 1, 0, MIN32},
        {"srliw", I(0x501b, 4), 0xf80000000, 0, 0x08000000},
        {"sraiw", I(0x501b, 0x400 | 4), 0x80000000, 0, 0xfffffffff8000000},
        {"add", R(0x33), ONES, 2, 1},
        {"sub", R(0x40000033), 1, 2, ONES},
        {"sll takes six bits", R(0x1033), 1, 64 + 4, 16},
        {"slt", R(0x2033), MIN64, 0, 1},
        {"sltu", R(0x3033), MIN64, 0, 0},
        {"xor", R(0x4033), 6, 3, 5},
        {"srl", R(0x5033), MIN64, 62, 2},
        {"sra", R(0x40005033), MIN64, 62, (u64)-2},
        {"or", R(0x6033), 6, 3, 7},
        {"and", R(0x7033), 6, 3, 2},
        {"addw", R(0x3b), 0x7fffffff, 1, MIN32},
        {"subw", R(0x4000003b), 0, 1, ONES},
        {"sllw takes five bits", R(0x103b), 1, 32 + 4, 16},
        {"srlw", R(0x503b), 0xffffffff80000000, 31, 1},
        {"sraw", R(0x4000503b), 0x80000000, 31, ONES},
        {"mul", R(0x02000033), ONES, 3, (u64)-3},
        {"mulh", R(0x02001033), MIN64, MIN64, (u64)1 << 62},
        {"mulh, mixed signs", R(0x02001033), ONES, 1, ONES},
        {"mulhsu", R(0x02002033), ONES, ONES, ONES},
        {"mulhsu, most negative", R(0x02002033), MIN64, ONES, MIN64},
        {"mulhu", R(0x02003033), ONES, ONES, ONES - 1},
        {"div", R(0x02004033), (u64)-7, 2, (u64)-3},
        {"div by zero", R(0x02004033), 7, 0, ONES},
        {"div that does not fit", R(0x02004033), MIN64, ONES, MIN64},
        {"divu", R(0x02005033), (u64)-7, 2, 0x7ffffffffffffffc},
        {"divu by zero", R(0x02005033), 7, 0, ONES},
        {"rem", R(0x02006033), (u64)-7, 2, ONES},
        {"rem by zero", R(0x02006033), (u64)-7, 0, (u64)-7},
        {"rem that does not fit", R(0x02006033), MIN64, ONES, 0},
        {"remu", R(0x02007033), 7, 4, 3},
        {"remu by zero", R(0x02007033), 7, 0, 7},
        {"mulw", R(0x0200003b), 0x10000, 0x8000, MIN32},
        {"divw", R(0x0200403b), 0x1fffffff9, 2, (u64)-3},
        {"divw that does not fit", R(0x0200403b), 0x80000000, 0xffffffff, MIN32},
        {"divw by zero", R(0x0200403b), 5, 0x100000000, ONES},
        {"divuw", R(0x0200503b), 0xfffffffe, 1, (u64)-2},
        {"divuw by zero", R(0x0200503b), 5, 0, ONES},
        {"remw", R(0x0200603b), 0xfffffff9, 2, ONES},
        {"remw by zero", R(0x0200603b), 0x80000000, 0, MIN32},
        {"remw that does not fit", R(0x0200603b), 0x80000000, 0xffffffff, 0},
        {"remuw", R(0x0200703b), 0x1ffffffff, 16, 15},
        {"remuw by zero", R(0x0200703b), 0x80000000, 0, MIN32},
        {"lb", I(0x0003, 1), DATA, 0, 0xfffffffffffffff1},
        {"lbu", I(0x4003, 1), DATA, 0, 0xf1},
        {"lh", I(0x1003, -2), DATA + 4, 0, 0xfffffffffffff3f2},
        {"lhu", I(0x5003, 2), DATA, 0, 0xf3f2},
        {"lw", I(0x2003, 4), DATA, 0, 0xfffffffff7f6f5f4},
        {"lwu", I(0x6003, 4), DATA, 0, 0xf7f6f5f4},
        {"ld", I(0x3003, 8), DATA, 0, 0xfffefdfcfbfaf9f8},
        {"ld of memory that nothing touched", I(0x3003, 0), 0x123456780, 0, 0},
        {"fence", 0x0ff0000f, 1, 2, 0},
    };
    for (usize i = 0; i < countof(rows); i++) {
        const u32 words[] = {rows[i].word, ECALL};
        struct rv *rv = machine(words, countof(words));
        rv->x[1] = rows[i].a;
        rv->x[2] = rows[i].b;
        enum rv_stop stop = rv_run(rv, 10);
        if (stop != RV_ECALL || rv->x[3] != rows[i].want || rv->steps != 1)
            test_fail(__FILE__, __LINE__, "%s: %s, x3 = 0x%lx", rows[i].name, rv_stop_name(stop),
                      rv->x[3]);
    }
}

TEST(rv_branches_exactly_when_the_condition_holds)
{
    static const struct {
        u32 match;
        u64 a, b;
        bool taken;
    } rows[] = {
        {0x0063, 1, 1, true},     {0x0063, 1, 2, false},    {0x1063, 1, 2, true},
        {0x1063, 2, 2, false},    {0x4063, ONES, 0, true},  {0x4063, 0, 0, false},
        {0x5063, 0, ONES, true},  {0x5063, 0, 0, true},     {0x5063, ONES, 0, false},
        {0x6063, 0, ONES, true},  {0x6063, ONES, 0, false}, {0x7063, ONES, 0, true},
        {0x7063, 0, ONES, false},
    };
    for (usize i = 0; i < countof(rows); i++) {
        const u32 words[] = {b_type(rows[i].match, 1, 2, 8), ECALL, EBREAK};
        struct rv *rv = machine(words, countof(words));
        rv->x[1] = rows[i].a;
        rv->x[2] = rows[i].b;
        CHECK_ROW(i, rv_run(rv, 10) == (rows[i].taken ? RV_EBREAK : RV_ECALL));
    }
}

TEST(rv_jumps_link_and_go_backwards)
{
    const u32 words[] = {j_type(0x6f, 1, 12), EBREAK, ECALL, j_type(0x6f, 5, -4)};
    struct rv *rv = machine(words, countof(words));
    CHECK(rv_run(rv, 10) == RV_ECALL && rv->pc == CODE + 8 && rv->steps == 2);
    CHECK(rv->x[1] == CODE + 4 && rv->x[5] == CODE + 16);

    const u32 through[] = {i_type(0x67, 1, 1, 5), EBREAK, ECALL};
    rv = machine(through, countof(through)); /* the target is read before the link is written */
    rv->x[1] = CODE + 4;                     /* and its lowest bit is dropped */
    CHECK(rv_run(rv, 10) == RV_ECALL && rv->pc == CODE + 8 && rv->x[1] == CODE + 4);
}

TEST(rv_stores_the_low_bytes_and_reads_them_back)
{
    static const struct {
        u32 match, load;
        u64 want;
    } rows[] = {{0x0023, 0x4003, 0x88},
                {0x1023, 0x5003, 0x7788},
                {0x2023, 0x6003, 0x55667788},
                {0x3023, 0x3003, 0x1122334455667788}};
    for (usize i = 0; i < countof(rows); i++) {
        const u32 words[] = {i_type(rows[i].load, 4, 1, -8), s_type(rows[i].match, 1, 2, -8),
                             i_type(rows[i].load, 3, 1, -8), ECALL};
        struct rv *rv = machine(words, countof(words));
        rv->x[1] = 0x7000000; /* a page that is first read as zeros, then written */
        rv->x[2] = 0x1122334455667788;
        u8 seen[8];
        CHECK_ROW(i, rv_run(rv, 10) == RV_ECALL && rv->x[4] == 0 && rv->x[3] == rows[i].want);
        CHECK_ROW(i,
                  rv_read(rv, 0x7000000 - 8, seen, 8) == ST_OK && load_le64(seen) == rows[i].want);
    }
}

TEST(rv_register_zero_stays_zero)
{
    const u32 words[] = {i_type(0x13, 0, 1, 1), r_type(0x33, 3, 0, 0), ECALL};
    struct rv *rv = machine(words, countof(words));
    rv->x[1] = 41;
    CHECK(rv_run(rv, 10) == RV_ECALL && rv->x[0] == 0 && rv->x[3] == 0);
}

TEST(rv_stops_where_a_program_goes_wrong)
{
    const struct {
        u32 word;
        u64 a;
        enum rv_stop stop;
        u64 pc;
    } rows[] = {
        {0x00000000, 0, RV_ILLEGAL, CODE},
        {0xffffffff, 0, RV_ILLEGAL, CODE},
        {0x00001073, 0, RV_ILLEGAL, CODE}, /* csrrw */
        {0x04000033, 0, RV_ILLEGAL, CODE}, /* add with a wrong upper field */
        {0x0200101b, 0, RV_ILLEGAL, CODE}, /* slliw by 32 */
        {I(0x3003, 0), DATA + 4, RV_LOAD, CODE},
        {I(0x1003, 0), DATA + 1, RV_LOAD, CODE},
        {I(0x0003, 0), RV_MEMORY_SIZE, RV_LOAD, CODE},
        {I(0x3003, -8), 0, RV_LOAD, CODE},
        {s_type(0x3023, 1, 2, 4), DATA, RV_STORE, CODE},
        {s_type(0x0023, 1, 2, 0), RV_MEMORY_SIZE, RV_STORE, CODE},
        {s_type(0x0023, 1, 2, 0), CODE, RV_STORE, CODE}, /* code is read-only */
        {i_type(0x67, 0, 1, 0), DATA, RV_JUMP, DATA},
        {i_type(0x67, 0, 1, 0), CODE + 2, RV_JUMP, CODE + 2},
        {i_type(0x67, 0, 1, 0), 0, RV_JUMP, 0},
        {i_type(0x13, 0, 0, 0), 0, RV_JUMP, CODE + 4}, /* runs off the end */
    };
    for (usize i = 0; i < countof(rows); i++) {
        struct rv *rv = machine(&rows[i].word, 1);
        rv->x[1] = rows[i].a;
        CHECK_ROW(i, rv_run(rv, 10) == rows[i].stop);
        CHECK_ROW(i, rv->pc == rows[i].pc);
    }
}

TEST(rv_runs_on_after_any_number_of_steps)
{
    const u32 loop[] = {i_type(0x13, 1, 1, 1), s_type(0x3023, 3, 1, 0), i_type(0x3003, 1, 3, 0),
                        b_type(0x1063, 1, 2, -12), ECALL};
    struct rv *whole = machine(loop, countof(loop)), *stepped = machine(loop, countof(loop));
    whole->x[2] = stepped->x[2] = 1000;
    whole->x[3] = stepped->x[3] = DATA;
    CHECK(rv_run(whole, UINT64_MAX) == RV_ECALL && whole->steps == 4000);
    while (rv_run(stepped, 3) == RV_STEPS)
        ;
    CHECK(stepped->steps == whole->steps && stepped->pc == whole->pc);
    CHECK(memcmp(stepped->x, whole->x, 32 * sizeof(u64)) == 0);
}

TEST(rv_runs_out_of_room_without_harm)
{
    const u32 fill[] = {s_type(0x3023, 1, 1, 0), r_type(0x33, 1, 1, 2), j_type(0x6f, 0, -8)};
    struct arena small = arena_over(arena_take(test_arena(), 1 << 18, 16), 1 << 18);
    struct file file = make_file(fill, countof(fill));
    struct rv *rv = ARENA_TAKE(test_arena(), struct rv, 1);
    CHECK(rv_load(rv, BYTES_OF(file), &small, NULL) == ST_OK);
    rv->x[1] = 0x100000;
    rv->x[2] = RV_PAGE_SIZE;
    CHECK(rv_run(rv, 1000) == RV_FULL && rv->pc == CODE);
    struct arena none = arena_over(arena_take(test_arena(), 64, 16), 64);
    CHECK(rv_load(rv, BYTES_OF(file), &none, NULL) == ST_FULL);
}

TEST(rv_refuses_files_that_are_no_program)
{
    static const struct {
        usize at;
        u64 value; /* eight bytes put there */
    } rows[] = {
        {0, 0},                     /* magic */
        {16, 3 | 243 << 16},        /* position-independent */
        {16, 2 | 62 << 16},         /* x86-64 */
        {32, UINT64_MAX},           /* table of segments outside */
        {48, (u64)57 << 48},    /* … of another width */
        {56, 0xffff},               /* too many segments */
        {56, 0},                    /* none */
        {64, 1 | (u64)7 << 32},     /* code that is writable */
        {64, 1 | (u64)4 << 32},     /* no code */
        {64 + 8, UINT64_MAX - 1},   /* content outside the file */
        {64 + 16, UINT64_MAX - 3},  /* outside memory */
        {64 + 16, CODE + 2},        /* code not aligned */
        {64 + 32, 1 << 20},         /* longer than the file */
        {64 + 40, 1 << 20},         /* read-only beyond its content */
        {120, 1 | (u64)5 << 32},    /* two segments of code, the second beyond its content */
        {120 + 16, CODE},           /* code and data on one page */
        {120 + 40, RV_MEMORY_SIZE}, /* data beyond memory */
    };
    const u32 words[] = {ECALL};
    for (usize i = 0; i < countof(rows); i++) {
        struct file file = make_file(words, countof(words));
        struct rv *rv = ARENA_TAKE(test_arena(), struct rv, 1);
        store_le64((u8 *)&file + rows[i].at, rows[i].value);
        CHECK_ROW(i, rv_load(rv, BYTES_OF(file), test_arena(), NULL) == ST_INVALID);
    }
    struct file whole = make_file(words, countof(words));
    struct rv *rv = ARENA_TAKE(test_arena(), struct rv, 1);
    for (usize size = 0; size < offsetof(struct file, code); size += 7)
        CHECK_ROW(size, rv_load(rv, (bytes){(u8 *)&whole, size}, test_arena(), NULL) == ST_INVALID);
}
