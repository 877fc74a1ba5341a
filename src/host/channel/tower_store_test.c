/* The watchtower's disk: the newest of each client and hint, whatever happens. */
#include "channel/tower_store.h"

#include "base/fmt.h"
#include "harness/test.h"
#include "sys/clock.h"
#include "sys/power.h"

#include <sys/stat.h>

static point33 client_of(u32 number)
{
    point33 out = {{2}};
    store_be32(out.b + 1, number);
    return out;
}

static hint16 hint_of(u32 number)
{
    hint16 out = {{0}};
    store_be32(out.b, number);
    return out;
}

static struct tower_store *open_at(const struct files *files, const char *path)
{
    struct tower_store *store = NULL;
    struct err err = {""};
    if (tower_store_open(files, path, &store, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    return store;
}

static const char *test_path(void)
{
    static char path[4096];
    fmt(path, sizeof(path), "%s/tower.log", test_folder());
    return path;
}

static enum status put_size(struct tower_store *store, u32 client, u32 hint, u64 sequence, u8 each,
                            usize size)
{
    u8 blob[TOWER_PUT_MOST];
    point33 name = client_of(client);
    memset(blob, each, size);
    return tower_store_put(store, &name, hint_of(hint), sequence, (bytes){blob, size}, NULL);
}

static enum status put(struct tower_store *store, u32 client, u32 hint, u64 sequence, u8 each)
{
    return put_size(store, client, hint, sequence, each, TOWER_PUT_SIZE);
}

/* The byte that its blob is made of; -1: there is none. */
static int get(struct tower_store *store, u32 client, u32 hint)
{
    u8 room[TOWER_PUT_MOST];
    bytes blob;
    u64 sequence;
    point33 name = client_of(client);
    if (tower_store_get(store, &name, hint_of(hint), &sequence, room, &blob, NULL) != ST_OK)
        return -1;
    for (usize i = 1; i < blob.size; i++)
        CHECK(blob.data[i] == blob.data[0]);
    CHECK(sequence == tower_store_sequence(store, &name, hint_of(hint)) && sequence != 0);
    return blob.data[0];
}

TEST(tower_store_has_the_newest_of_each_client_after_a_restart_too)
{
    const char *path = test_path();
    struct tower_store *store = open_at(files_of_system(), path);
    CHECK(get(store, 1, 1) == -1);
    CHECK(put(store, 1, 1, 5, 10) == ST_OK);
    CHECK(put(store, 1, 1, 7, 11) == ST_OK);
    CHECK(put(store, 1, 1, 6, 12) == ST_INVALID);
    CHECK(put(store, 1, 1, 7, 13) == ST_OK); /* the same state, sealed again */
    CHECK(put(store, 2, 1, 1, 20) == ST_OK);
    CHECK(put(store, 2, 2, 1, 21) == ST_OK);
    CHECK(tower_store_set_since(store, 900, 77, NULL) == ST_OK);
    for (int round = 0; round < 2; round++) {
        CHECK(get(store, 1, 1) == 13 && get(store, 2, 1) == 20 && get(store, 2, 2) == 21);
        CHECK(get(store, 1, 2) == -1 && get(store, 3, 1) == -1);
        CHECK(tower_store_since(store, 900) == 77 && tower_store_since(store, 901) == 0);
        CHECK(tower_store_sync(store, NULL) == ST_OK);
        tower_store_close(store);
        store = open_at(files_of_system(), path);
    }
    tower_store_close(store);
}

struct told {
    u32 count, sum;
};

static void tell(void *self, const point33 *client)
{
    struct told *told = self;
    told->count++;
    told->sum += load_be32(client->b + 1);
}

TEST(tower_store_tells_of_all_clients_that_have_something)
{
    struct tower_store *store = open_at(files_of_system(), test_path());
    point33 name = client_of(5);
    struct told told = {0};
    CHECK(put(store, 1, 1, 5, 1) == ST_OK && put(store, 1, 2, 5, 2) == ST_OK);
    CHECK(put(store, 5, 1, 5, 1) == ST_OK && put(store, 9, 7, 5, 1) == ST_OK);
    tower_store_clients(store, &told, tell);
    CHECK(told.count == 3 && told.sum == 15);
    CHECK(tower_store_put(store, &name, hint_of(1), 6, BYTES_EMPTY, NULL) == ST_OK);
    told = (struct told){0};
    tower_store_clients(store, &told, tell);
    CHECK(told.count == 2 && told.sum == 10);
    tower_store_close(store);
}

/* Others put under its hint what they can, before it comes and afterwards. */
TEST(tower_store_keeps_a_clients_blob_whatever_others_have_under_its_hint)
{
    enum { OTHERS = 300 };
    const char *path = test_path();
    struct tower_store *store = open_at(files_of_system(), path);
    for (u32 i = 0; i < OTHERS; i++)
        CHECK_ROW(i, put(store, 100 + i, 1, UINT64_MAX, 9) == ST_OK);
    CHECK(put(store, 1, 1, 5, 1) == ST_OK);
    for (u32 i = 0; i < OTHERS; i++)
        CHECK_ROW(i, put(store, 1000 + i, 1, UINT64_MAX, 9) == ST_OK);
    CHECK(put(store, 1, 1, 6, 2) == ST_OK);
    for (int round = 0; round < 2; round++) {
        CHECK(get(store, 1, 1) == 2);
        tower_store_close(store);
        store = open_at(files_of_system(), path);
    }
    tower_store_close(store);
}

TEST(tower_store_forgets_what_an_empty_blob_says)
{
    const char *path = test_path();
    struct tower_store *store = open_at(files_of_system(), path);
    point33 name = client_of(1);
    CHECK(put(store, 1, 1, 5, 1) == ST_OK && put(store, 2, 1, 5, 2) == ST_OK);
    CHECK(tower_store_put(store, &name, hint_of(1), 4, BYTES_EMPTY, NULL) == ST_INVALID);
    CHECK(tower_store_put(store, &name, hint_of(1), 6, BYTES_EMPTY, NULL) == ST_OK);
    CHECK(tower_store_put(store, &name, hint_of(8), 6, BYTES_EMPTY, NULL) == ST_OK);
    for (int round = 0; round < 2; round++) {
        CHECK(get(store, 1, 1) == -1 && get(store, 2, 1) == 2);
        tower_store_close(store);
        store = open_at(files_of_system(), path);
    }
    tower_store_close(store);
}

TEST(tower_store_is_bounded_by_client)
{
    struct tower_store *store = open_at(files_of_system(), test_path());
    u8 small[TOWER_PUT_SIZE - 1] = {0};
    point33 name = client_of(1);
    CHECK(tower_store_put(store, &name, hint_of(1), 1, BYTES_OF(small), NULL) == ST_INVALID);
    for (u32 i = 0; i < TOWER_CLIENT_BLOBS; i++)
        CHECK_ROW(i, put(store, 1, i, 1, 1) == ST_OK);
    CHECK(put(store, 1, TOWER_CLIENT_BLOBS, 1, 1) == ST_FULL);
    CHECK(put(store, 1, 0, 2, 2) == ST_OK && get(store, 1, 0) == 2); /* in place of its own */
    CHECK(tower_store_put(store, &name, hint_of(3), 9, BYTES_EMPTY, NULL) == ST_OK);
    CHECK(put(store, 1, TOWER_CLIENT_BLOBS, 1, 1) == ST_OK);
    CHECK(put(store, 2, 0, 2, 1) == ST_OK);
    tower_store_close(store);
}

static usize size_of(struct tower_store *store, u32 client, u32 hint)
{
    u8 room[TOWER_PUT_MOST];
    bytes blob = BYTES_EMPTY;
    u64 sequence;
    point33 name = client_of(client);
    (void)tower_store_get(store, &name, hint_of(hint), &sequence, room, &blob, NULL);
    return blob.size;
}

/* A larger blob takes the places of several, also where it comes in a small one's stead. */
TEST(tower_store_counts_what_is_larger_as_several)
{
    enum { PLACES = 15 }; /* of the largest */
    const char *path = test_path();
    struct tower_store *store = open_at(files_of_system(), path);
    u32 fits = TOWER_CLIENT_BLOBS / PLACES, left = TOWER_CLIENT_BLOBS % PLACES;
    for (u32 i = 0; i < fits; i++)
        CHECK_ROW(i, put_size(store, 1, i, 1, 1, TOWER_PUT_MOST) == ST_OK);
    CHECK(put_size(store, 1, fits, 1, 1, TOWER_PUT_MOST) == ST_FULL);
    for (u32 i = 0; i < left; i++)
        CHECK_ROW(i, put(store, 1, 1000 + i, 1, 2) == ST_OK);
    for (int round = 0; round < 2; round++) {
        CHECK(put(store, 1, 2000, 1, 1) == ST_FULL);
        CHECK(put_size(store, 1, 1000, 2, 3, TOWER_PUT_LARGER) == ST_FULL);
        CHECK(get(store, 1, 1000) == 2 && size_of(store, 1, 1000) == TOWER_PUT_SIZE);
        CHECK(get(store, 1, 3) == 1 && size_of(store, 1, 3) == TOWER_PUT_MOST);
        tower_store_close(store);
        store = open_at(files_of_system(), path);
    }
    CHECK(put_size(store, 1, 3, 2, 4, TOWER_PUT_LARGER) == ST_OK); /* 11 are free */
    CHECK(get(store, 1, 3) == 4 && size_of(store, 1, 3) == TOWER_PUT_LARGER);
    CHECK(put_size(store, 1, 1000, 2, 3, TOWER_PUT_LARGER) == ST_OK); /* 8 */
    for (u32 i = 0; i < 8; i++)
        CHECK_ROW(i, put(store, 1, 3000 + i, 1, 1) == ST_OK);
    CHECK(put(store, 1, 4000, 1, 1) == ST_FULL);
    tower_store_close(store);
}

/* Strangers fill all that they can, before named clients come: these find what is theirs. */
TEST(tower_store_has_room_for_who_is_named)
{
    enum { NAMED = 2 };
    struct tower_store *store = open_at(files_of_system(), test_path());
    point33 named[] = {client_of(1), client_of(2), client_of(1)};
    tower_store_name(store, named, countof(named));
    CHECK(put(store, 1, 0, 1, 2) == ST_OK);
    u32 strangers = 0, places = 0;
    bool is_full = false;
    for (u32 i = 0; !is_full; i++) {
        enum status st = put_size(store, 100 + strangers, i, 1, 1, TOWER_PUT_MOST);
        if (st == ST_FULL)
            st = put(store, 100 + ++strangers, i, 1, 1); /* under another name */
        else
            places += 14;
        is_full = st == ST_FULL;
        places += st == ST_OK;
    }
    while (put(store, 101 + strangers, places, 1, 1) == ST_OK)
        places++;
    CHECK(get(store, 1, 0) == 2);
    CHECK(places == TOWER_BLOBS - NAMED * TOWER_CLIENT_BLOBS);
    for (u32 client = 1; client <= NAMED; client++) {
        for (u32 i = 0; i < TOWER_CLIENT_BLOBS; i++)
            CHECK_ROW(i, put(store, client, i, 1, 2) == ST_OK);
        CHECK(put(store, client, TOWER_CLIENT_BLOBS, 1, 2) == ST_FULL &&
              get(store, client, 7) == 2);
    }
    tower_store_close(store);
}

/* Each dispute looks through all clients, so there are not too many; who is named is one more. */
TEST(tower_store_takes_so_many_strangers)
{
    struct tower_store *store = open_at(files_of_system(), test_path());
    point33 named = client_of(1);
    tower_store_name(store, &named, 1);
    for (u32 i = 0; i < TOWER_STRANGERS; i++)
        CHECK_ROW(i, put(store, 2 + i, 1, 1, 1) == ST_OK);
    CHECK(put(store, 2 + TOWER_STRANGERS, 1, 1, 1) == ST_FULL);
    CHECK(put(store, 2, 2, 1, 1) == ST_OK && put(store, 1, 1, 1, 1) == ST_OK);
    CHECK(put(store, 2 + TOWER_STRANGERS, 1, 1, 1) == ST_FULL);
    point33 name = client_of(3);
    CHECK(tower_store_put(store, &name, hint_of(1), 2, BYTES_EMPTY, NULL) == ST_OK);
    CHECK(put(store, 2 + TOWER_STRANGERS, 1, 1, 1) == ST_OK);
    tower_store_close(store);
}

TEST(tower_store_remembers_what_a_blob_is_of_until_it_is_replaced)
{
    struct tower_store *store = open_at(files_of_system(), test_path());
    point33 name = client_of(1), nobody = client_of(2);
    hash32 id = {{1}}, other = {{2}};
    CHECK(put(store, 1, 1, 1, 1) == ST_OK);
    CHECK(tower_store_may_be(store, &name, hint_of(1), id));
    CHECK(!tower_store_may_be(store, &name, hint_of(2), id));
    CHECK(!tower_store_may_be(store, &nobody, hint_of(1), id));
    tower_store_judge(store, &name, hint_of(1), id);
    CHECK(tower_store_may_be(store, &name, hint_of(1), id));
    CHECK(!tower_store_may_be(store, &name, hint_of(1), other));
    tower_store_judge(store, &name, hint_of(1), (hash32){{0}});
    CHECK(!tower_store_may_be(store, &name, hint_of(1), id));
    CHECK(put(store, 1, 1, 2, 1) == ST_OK);
    CHECK(tower_store_may_be(store, &name, hint_of(1), other));
    tower_store_judge(store, &nobody, hint_of(1), id); /* nothing is there */
    tower_store_close(store);
}

TEST(tower_store_stays_small_however_often_blobs_are_replaced)
{
    enum { HINTS = 16, PUTS = 30000 };
    const char *path = test_path();
    struct tower_store *store = open_at(files_of_system(), path);
    for (u32 i = 0; i < PUTS; i++) {
        CHECK(put(store, 1, i % HINTS, 1 + i, (u8)(i / HINTS)) == ST_OK);
        if (i % 100 == 99)
            CHECK(tower_store_sync(store, NULL) == ST_OK);
    }
    for (u32 i = 0; i < HINTS; i++)
        CHECK_ROW(i, get(store, 1, i) == (u8)((PUTS - HINTS) / HINTS));
    tower_store_close(store);
    struct stat stat_of;
    CHECK(stat(path, &stat_of) == 0 && stat_of.st_size < 17 << 20);
    store = open_at(files_of_system(), path);
    CHECK(get(store, 1, 3) == (u8)((PUTS - HINTS) / HINTS));
    tower_store_close(store);
}

/* One life in which the power goes at operation `n`: rounds in which three clients put, then sync.
 * True: it did not go. */
static bool live(const char *path, unsigned n, enum power_fate fate, u8 *synced)
{
    struct power power;
    struct tower_store *store = NULL;
    power_init(&power);
    power.left = n;
    *synced = 0;
    enum status st = tower_store_open(&power.files, path, &store, NULL);
    for (u8 round = 1; round <= 5 && st == ST_OK; round++) {
        for (u32 client = 1; client <= 3 && st == ST_OK; client++)
            st = put(store, client, 1, round, round);
        if (st == ST_OK)
            st = tower_store_sync(store, NULL);
        if (st == ST_OK)
            *synced = round;
    }
    tower_store_close(store);
    bool whole = power.left != 0;
    if (!whole)
        power_return(&power, fate, n);
    return whole;
}

TEST(tower_store_has_what_was_synced_wherever_the_power_goes)
{
    const char *folder = test_folder();
    unsigned number = 0;
    for (enum power_fate fate = POWER_KEPT; fate < POWER_FATES; fate++) {
        bool whole = false;
        for (unsigned n = 1; !whole; n++) {
            char path[4096];
            u8 synced;
            fmt(path, sizeof(path), "%s/%u.log", folder, number++);
            whole = live(path, n, fate, &synced);
            struct tower_store *store = open_at(files_of_system(), path);
            for (u32 client = 1; client <= 3; client++)
                CHECK_ROW(n, get(store, client, 1) >= (synced == 0 ? -1 : synced));
            tower_store_close(store);
        }
    }
}

TEST(tower_store_belongs_to_one_process)
{
    const char *path = test_path();
    struct tower_store *store = open_at(files_of_system(), path), *second = NULL;
    CHECK(tower_store_open(files_of_system(), path, &second, NULL) == ST_AGAIN);
    tower_store_close(store);
}

TEST(tower_store_lists_what_a_client_has_by_hint)
{
    struct tower_store *store = open_at(files_of_system(), test_path());
    for (u32 hint = 40; hint > 0; hint--)
        CHECK(put(store, 1 + hint % 2, hint, 1, 9) == ST_OK);
    point33 name = client_of(1), nobody = client_of(3);
    hint16 at = {{0}}, next;
    usize count = 0;
    while (tower_store_next(store, &name, at, &next)) {
        CHECK(memcmp(next.b, at.b, sizeof(at)) > 0 && get(store, 1, 0) == -1);
        u64 sequence;
        u8 room[TOWER_PUT_MOST];
        bytes blob;
        CHECK(tower_store_get(store, &name, next, &sequence, room, &blob, NULL) == ST_OK);
        at = next;
        count++;
    }
    CHECK(count == 20);
    CHECK(!tower_store_next(store, &nobody, (hint16){{0}}, &next));
    tower_store_close(store);
}

/* A stranger may ask for the next of its own as often as it likes: that it has none, or few, is not
 * found out by looking at all that others have. */
TEST(tower_store_lists_what_a_client_has_whatever_others_have)
{
    enum { OTHERS = 8, EACH = 1000, ASKED = 100000 };
    struct tower_store *store = open_at(files_of_system(), test_path());
    point33 client = client_of(1), nobody = client_of(99);
    hint16 hint;
    for (u32 i = 0; i < OTHERS * EACH; i++)
        CHECK(put(store, 2 + i / EACH, i, 1, 1) == ST_OK);
    CHECK(put(store, 1, 7, 1, 1) == ST_OK && put(store, 1, 9, 1, 1) == ST_OK);
    u64 used_ns = clock_thread_ns();
    for (u32 i = 0; i < ASKED; i++) {
        CHECK(tower_store_next(store, &client, hint_of(7), &hint));
        CHECK(memcmp(hint.b, hint_of(9).b, sizeof(hint)) == 0);
        CHECK(!tower_store_next(store, &nobody, hint_of(0), &hint));
    }
    used_ns = clock_thread_ns() - used_ns;
    CHECK(used_ns < 3000000000);
    CHECK(tower_store_put(store, &client, hint_of(9), 2, BYTES_EMPTY, NULL) == ST_OK);
    CHECK(!tower_store_next(store, &client, hint_of(7), &hint));
    CHECK(tower_store_next(store, &client, hint_of(0), &hint));
    tower_store_close(store);
}
