#include "derive/batch.h"
#include "derive/inflate.h"
#include "derive/inflate_reference.h"
#include "derive/testing.h"
#include "harness/test.h"

enum { ROOM = 200000 };

/* Both decoders agree on the stream, at this much room. Returns whether they take it. */
static bool agreed(bytes in, bytes dictionary, usize room)
{
    static u8 ours[ROOM], theirs[ROOM];
    usize size = 0, used = 0, want_size, want_used;
    struct err err = {""};
    bool want = reference_inflate(in, dictionary, theirs, room, &want_size, &want_used);
    enum status st = inflate_decode(in, dictionary, ours, room, &size, &used, &err);
    CHECK((st == ST_OK) == want);
    if (st == ST_OK && want)
        CHECK(size == want_size && used == want_used && memcmp(ours, theirs, size) == 0);
    else
        CHECK(err.text[0] != 0);
    return want;
}

/* Text with repetitions near and far, and noise. */
static bytes sample(struct seeded *random, usize size)
{
    u8 *data = ARENA_TAKE(test_arena(), u8, size);
    usize at = 0;
    while (at < size) {
        usize run = min_u64(seeded_below(random, 400) + 1, size - at);
        u64 kind = seeded_below(random, 4);
        if (kind == 0)
            seeded_fill(random, data + at, run);
        else if (kind == 1)
            memset(data + at, (int)seeded_below(random, 256), run);
        else if (kind == 2 && at > 0)
            for (usize i = 0, back = seeded_below(random, at) + 1; i < run; i++)
                data[at + i] = data[at + i - back];
        else
            bytes_copy(data + at, bytes_slice(BATCH_DICTIONARY, 100, run));
        at += run;
    }
    return (bytes){data, size};
}

static const struct reference_deflate ways[] = {{0, 0, 0},   {1, 0, 0},  {6, 0, 0}, {9, 0, 0},
                                                {9, 4, 0},   {9, 0, 50}, {0, 0, 9}, {9, 4, 17},
                                                {6, 2, 100}, {9, 3, 0}};

static bytes deflated(bytes data, bytes dictionary, struct reference_deflate how)
{
    usize room = data.size * 2 + 1000;
    u8 *to = ARENA_TAKE(test_arena(), u8, room);
    return (bytes){to, reference_deflate(data, dictionary, how, to, room)};
}

TEST(inflate_reads_what_zlib_writes)
{
    static const usize sizes[] = {0, 1, 3, 100, 1000, 32768, 70000, ROOM - 10, ROOM};
    struct seeded random = {1};
    for (usize i = 0; i < countof(sizes); i++)
        for (usize j = 0; j < countof(ways); j++) {
            bytes data = sample(&random, sizes[i]);
            bytes dictionary = j % 2 == 0 ? BATCH_DICTIONARY : BYTES_EMPTY;
            bytes stream = deflated(data, dictionary, ways[j]);
            CHECK_ROW(i * 100 + j, agreed(stream, dictionary, ROOM));
            CHECK_ROW(i * 100 + j, agreed(stream, dictionary, sizes[i]));
            if (sizes[i] > 0)
                CHECK_ROW(i * 100 + j, !agreed(stream, dictionary, sizes[i] - 1));
        }
}

TEST(inflate_refuses_a_stream_wherever_it_is_cut)
{
    CHECK(!agreed(BYTES_EMPTY, BATCH_DICTIONARY, ROOM));
    struct seeded random = {2};
    for (usize j = 0; j < countof(ways); j++) {
        bytes stream = deflated(sample(&random, 600), BATCH_DICTIONARY, ways[j]);
        for (usize size = 0; size < stream.size; size++)
            CHECK_ROW(size, !agreed((bytes){stream.data, size}, BATCH_DICTIONARY, ROOM));
    }
}

TEST(inflate_judges_damaged_streams_as_zlib_does)
{
    struct seeded random = {3};
    for (usize j = 0; j < countof(ways); j++) {
        bytes stream = deflated(sample(&random, 300), BATCH_DICTIONARY, ways[j]);
        u8 *damaged = ARENA_TAKE(test_arena(), u8, stream.size);
        for (usize bit = 0; bit < stream.size * 8; bit++) {
            bytes_copy(damaged, stream);
            damaged[bit / 8] ^= (u8)(1 << bit % 8);
            (void)agreed((bytes){damaged, stream.size}, BATCH_DICTIONARY, ROOM);
        }
    }
}

TEST(inflate_judges_noise_as_zlib_does)
{
    struct seeded random = {4};
    u8 noise[64];
    for (usize i = 0; i < 100000; i++) {
        usize size = seeded_below(&random, sizeof(noise));
        seeded_fill(&random, noise, size);
        noise[0] = (u8)((noise[0] & 0xf8) | 4 | (i & 1)); /* a block with codes of its own */
        (void)agreed((bytes){noise, size}, BATCH_DICTIONARY, ROOM);
    }
}
