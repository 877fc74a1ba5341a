/* Our inflate beside zlib's, in MB of output a second.
 *
 *   bench_inflate */
#include "derive/batch.h"
#include "derive/inflate.h"
#include "derive/inflate_reference.h"
#include "derive/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SIZE = 1 << 20, ROUNDS = 50 };

_Noreturn void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: bug: %s\n", file, line, what);
    abort();
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Noise of `bits` bits a byte, so that more or fewer literals are left. */
static void noise(u8 *to, unsigned bits)
{
    struct seeded random = {1};
    seeded_fill(&random, to, SIZE);
    for (usize i = 0; i < SIZE; i++)
        to[i] &= (u8)((1 << bits) - 1);
}

/* Words of calldata: selectors, addresses, amounts. */
static void calldata(u8 *to)
{
    struct seeded random = {1};
    memset(to, 0, SIZE);
    for (usize at = 0; at + 68 <= SIZE; at += 68) {
        memcpy(to + at, "\xa9\x05\x9c\xbb", 4);
        seeded_fill(&random, to + at + 16, 20);
        seeded_fill(&random, to + at + 60, 8);
    }
}

static void measure(const char *name, const u8 *data)
{
    static u8 stream[2 * SIZE], out[SIZE];
    usize size, used;
    bytes in = {stream,
                reference_deflate((bytes){data, SIZE}, BATCH_DICTIONARY,
                                  (struct reference_deflate){9, 0, 0}, stream, sizeof(stream))};
    double ours_ms = 1e9, zlib_ms = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        double start = now_ms();
        enum status st = inflate_decode(in, BATCH_DICTIONARY, out, SIZE, &size, &used, NULL);
        double middle = now_ms();
        assert(st == ST_OK && size == SIZE && memcmp(out, data, SIZE) == 0);
        double again = now_ms();
        bool taken = reference_inflate(in, BATCH_DICTIONARY, out, SIZE, &size, &used);
        double end = now_ms();
        assert(taken);
        ours_ms = middle - start < ours_ms ? middle - start : ours_ms;
        zlib_ms = end - again < zlib_ms ? end - again : zlib_ms;
    }
    printf("%-20s ratio %5.1f  ours %6.0f MB/s  zlib %6.0f MB/s\n", name,
           (double)SIZE / (double)in.size, SIZE / 1e3 / ours_ms, SIZE / 1e3 / zlib_ms);
}

int main(void)
{
    static u8 data[SIZE];
    static const unsigned bits[] = {0, 2, 4, 6, 8};
    for (usize i = 0; i < countof(bits); i++) {
        char name[32];
        noise(data, bits[i]);
        (void)snprintf(name, sizeof(name), "noise of %u bits", bits[i]);
        measure(name, data);
    }
    calldata(data);
    measure("token transfers", data);
    return 0;
}
