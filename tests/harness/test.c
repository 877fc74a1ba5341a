#include "harness/test.h"

#include "base/fmt.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEST_MEMORY ((usize)1 << 38)

static struct test_case *all_tests;
static const struct test_case *current;
static bool current_failed;
static const char *current_skipped; /* why, or NULL */
static struct arena current_arena;

_Noreturn void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: bug: %s\n", file, line, what);
    abort();
}

void test_register(struct test_case *test)
{
    test->next = all_tests;
    all_tests = test;
}

void test_fail(const char *file, int line, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    fmt_va(text, sizeof(text), format, args);
    va_end(args);
    current_failed = true;
    printf("    %s:%d: %s\n", file, line, text);
}

void test_skip(const char *why)
{
    current_skipped = why;
}

struct arena *test_arena(void)
{
    return &current_arena;
}

bytes hex(const char *digits)
{
    bytes out = BYTES_EMPTY;
    if (hex_read((bytes){(const u8 *)digits, strlen(digits)}, &out, &current_arena) != ST_OK)
        test_fail(__FILE__, __LINE__, "not hexadecimal: %s", digits);
    return out;
}

static char folders[8][64]; /* of the running test */
static usize folder_count;

const char *test_folder(void)
{
    assert(folder_count < countof(folders));
    char *path = folders[folder_count++];
    fmt(path, sizeof(folders[0]), "%s/varve-test-XXXXXX",
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(path) == NULL)
        bug("no folder can be made for the test");
    return path;
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
    (void)stat, (void)kind, (void)walk;
    return remove(path);
}

static void remove_folders(void)
{
    while (folder_count > 0)
        (void)nftw(folders[--folder_count], remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_fixtures(void)
{
    static char found[4096];
    const char *named = getenv("VARVE_FIXTURES");
    struct stat info;
    snprintf(found, sizeof(found), "%s", named != NULL ? named : SOURCE_ROOT "/../shared/fixtures");
    return stat(found, &info) == 0 ? found : NULL;
}

const char *test_fixture_folder(const char *name)
{
    const char *archives = test_fixtures();
    if (archives == NULL) {
        test_skip("official fixtures are absent (set VARVE_FIXTURES)");
        return NULL;
    }
    char *folder = ARENA_TAKE(&current_arena, char, 4096);
    char command[16384];
    struct stat info;
    fmt(folder, 4096, "%s/fixtures/%s", BUILD_ROOT, name);
    if (stat(folder, &info) == 0)
        return folder;
    /* Unpacked beside its final place and renamed, so that an interrupted run leaves no half; by
     * one of the programs that share the tests, while the others wait. */
    fmt(command, sizeof(command),
        "to='%s/fixtures' && mkdir -p \"$to/.new\" && exec 9>\"$to/.lock\" && flock 9 && "
        "{ [ -d '%s' ] || { zstd -dc --long=27 '%s/%s.tar.zst' | tar x -C \"$to/.new\" && "
        "mv -T \"$to/.new/%s\" '%s'; }; }",
        BUILD_ROOT, folder, archives, name, name, folder);
    if (system(command) != 0) {
        test_fail(__FILE__, __LINE__, "cannot unpack %s/%s.tar.zst", archives, name);
        return NULL;
    }
    return folder;
}

bytes test_read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        test_fail(__FILE__, __LINE__, "cannot open %s", path);
        return BYTES_EMPTY;
    }
    fseek(file, 0, SEEK_END);
    usize size = (usize)ftell(file);
    rewind(file);
    u8 *content = ARENA_TAKE(&current_arena, u8, size);
    if (fread(content, 1, size, file) != size)
        test_fail(__FILE__, __LINE__, "cannot read %s", path);
    fclose(file);
    return (bytes){content, size};
}

/* nftw has no argument for its caller's data. */
static struct {
    char **paths;
    usize count, room;
    const char *suffix;
} walk;

static int walk_file(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info;
    (void)at;
    usize length = strlen(path), want = strlen(walk.suffix);
    if (type != FTW_F || length < want || strcmp(path + length - want, walk.suffix) != 0)
        return 0;
    if (walk.count == walk.room) {
        walk.room = walk.room * 2 + 64;
        walk.paths = realloc(walk.paths, walk.room * sizeof(char *));
        assert(walk.paths != NULL);
    }
    walk.paths[walk.count++] = strdup(path);
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void test_each_file(const char *folder, const char *suffix, void (*visit)(const char *path))
{
    walk.count = 0;
    walk.suffix = suffix;
    if (nftw(folder, walk_file, 32, FTW_PHYS) != 0)
        test_fail(__FILE__, __LINE__, "cannot walk %s", folder);
    char **paths = walk.paths;
    usize count = walk.count;
    walk.paths = NULL;
    walk.room = 0;
    qsort(paths, count, sizeof(char *), compare_paths);
    for (usize i = 0; i < count; i++) {
        struct arena saved = current_arena;
        visit(paths[i]);
        current_arena = saved;
        free(paths[i]);
    }
    free(paths);
}

static bool is_named(const struct test_case *test, char **filters)
{
    if (*filters == NULL)
        return true;
    for (; *filters != NULL; filters++)
        if (strstr(test->name, *filters) != NULL || strstr(test->file, *filters) != NULL)
            return true;
    return false;
}

struct share {
    unsigned own, all;
};

/* Takes it off the arguments, if it is there. */
static struct share read_share(char ***arguments)
{
    struct share out = {1, 1};
    if (**arguments == NULL || strcmp(**arguments, "--share") != 0)
        return out;
    if ((*arguments)[1] == NULL || sscanf((*arguments)[1], "%u/%u", &out.own, &out.all) != 2 ||
        out.own == 0 || out.own > out.all) {
        fprintf(stderr, "unit: --share wants I/N, I from 1 to N\n");
        exit(2);
    }
    *arguments += 2;
    return out;
}

static struct test_case *reversed(struct test_case *list)
{
    struct test_case *out = NULL;
    while (list != NULL) {
        struct test_case *next = list->next;
        list->next = out;
        out = list;
        list = next;
    }
    return out;
}

/* --- A test that takes the program with it is named: the others of this run never came. */

static void say_last_words(void)
{
    char line[256];
    usize size = fmt(line, sizeof(line), "FAIL %s\n    it ended the program\n",
                     current == NULL ? "main" : current->name);
    if (write(STDOUT_FILENO, line, size) < 0)
        return;
}

static void on_signal(int number)
{
    say_last_words();
    raise(number); /* SA_RESETHAND: what it does by default, when this returns */
}

/* Of the sanitizers, which end the program in a way of their own. */
[[gnu::weak]] void __sanitizer_set_death_callback(void (*callback)(void));

static void watch_for_the_end(void)
{
    static const int signals[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(say_last_words);
        sigaction(SIGABRT, &action, NULL);
        return;
    }
    for (usize i = 0; i < countof(signals); i++)
        sigaction(signals[i], &action, NULL);
}

int main(int argc, char **argv)
{
    usize passed = 0, failed = 0, skipped = 0, number = 0;
    char **filters = argv + (argc > 0);
    struct share share = read_share(&filters);
    setvbuf(stdout, NULL, _IOLBF, 0);
    void *memory = mmap(NULL, TEST_MEMORY, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(memory != MAP_FAILED);
    watch_for_the_end();
    for (struct test_case *test = reversed(all_tests); test != NULL; test = test->next) {
        if (!is_named(test, filters) || number++ % share.all != share.own - 1)
            continue;
        current = test;
        current_failed = false;
        current_skipped = NULL;
        current_arena = arena_over(memory, TEST_MEMORY);
        test->run();
        remove_folders();
        if (current_failed) {
            failed++;
            printf("FAIL %s\n", test->name);
        } else if (current_skipped != NULL) {
            skipped++;
            printf("skip %s: %s\n", test->name, current_skipped);
        } else {
            passed++;
        }
        if (current_arena.at != (u8 *)memory)
            madvise(memory, TEST_MEMORY, MADV_DONTNEED);
    }
    if (skipped > 0)
        printf("%zu skipped\n", skipped);
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed > 0;
}
