#include "channel/tower_store.h"

#include "base/fmt.h"
#include "store/log.h"
#include "sys/entropy.h"
#include "sys/pages.h"

#include <assert.h>
#include <stdlib.h>

enum record {
    RECORD_BLOB = 1,
    RECORD_FORGET,
    RECORD_SINCE,
};

enum {
    NAME_SIZE = sizeof(point33) + sizeof(hint16),
    HEAD_SIZE = NAME_SIZE + sizeof(u64), /* of a BLOB's payload, before the blob */
    COMPACT_SIZE = 16 << 20,
    FIRST_BUCKETS = 64,
    PATH_ROOM = 4096,
    MOST_CHAINS = 64,
};

/* A blob on disk. */
struct place {
    struct place *next; /* in the bucket of both names */
    struct place *next_of_client, **of_client;
    point33 client;
    hint16 hint;
    u64 sequence, position;
    u32 size;            /* of the blob */
    bool is_judged;      /* it is */
    hash32 is_judged_of; /* this one's; zero: nobody's */
};

/* Which blobs a client has, and how many places they take. */
struct client {
    struct client *next; /* in the bucket of its name */
    point33 name;
    struct place *places;
    u32 count;
};

struct since {
    u64 chain_id, block;
};

struct tower_store {
    const struct files *files;
    char path[PATH_ROOM];
    struct file *lock;
    struct log_file *log;
    u64 compacted_size;
    u8 seed[16]; /* of buckets: clients choose hints and names */
    struct place **places;
    struct client **clients;
    usize buckets, count; /* of both tables; of blobs */
    usize client_count;
    usize used; /* places that they take */
    point33 named[TOWER_NAMED];
    usize named_count;
    struct since since[MOST_CHAINS];
    usize chain_count;
};

/* --- In memory. */

static usize bucket_of(const struct tower_store *store, bytes name)
{
    u8 hash[32];
    sha256_joined(BYTES_OF(store->seed), name, hash);
    return load_le64(hash) & (store->buckets - 1);
}

static void *take(usize count, usize size)
{
    void *out = calloc(count, size);
    assert(out != NULL);
    return out;
}

static bool same_client(const point33 *a, const point33 *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static bool same_hint(hint16 a, hint16 b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

static usize bucket_of_place(const struct tower_store *store, const point33 *client, hint16 hint)
{
    u8 name[NAME_SIZE];
    memcpy(name, client->b, sizeof(*client));
    memcpy(name + sizeof(*client), hint.b, sizeof(hint));
    return bucket_of(store, BYTES_OF(name));
}

/* Where the pointer to it is, or would be. */
static struct place **find_place(const struct tower_store *store, const point33 *client,
                                 hint16 hint)
{
    struct place **at = &store->places[bucket_of_place(store, client, hint)];
    while (*at != NULL && (!same_hint((*at)->hint, hint) || !same_client(&(*at)->client, client)))
        at = &(*at)->next;
    return at;
}

static struct client **find_client(const struct tower_store *store, const point33 *name)
{
    struct client **at = &store->clients[bucket_of(store, BYTES_OF(*name))];
    while (*at != NULL && !same_client(&(*at)->name, name))
        at = &(*at)->next;
    return at;
}

static void grow(struct tower_store *store)
{
    struct place **places = store->places;
    struct client **clients = store->clients;
    usize buckets = store->buckets;
    store->buckets = buckets == 0 ? FIRST_BUCKETS : 2 * buckets;
    store->places = take(store->buckets, sizeof(store->places[0]));
    store->clients = take(store->buckets, sizeof(store->clients[0]));
    for (usize i = 0; i < buckets; i++) {
        for (struct place *place = places[i], *next; place != NULL; place = next) {
            next = place->next;
            struct place **head =
                &store->places[bucket_of_place(store, &place->client, place->hint)];
            place->next = *head;
            *head = place;
        }
        for (struct client *client = clients[i], *next; client != NULL; client = next) {
            next = client->next;
            struct client **head = &store->clients[bucket_of(store, BYTES_OF(client->name))];
            client->next = *head;
            *head = client;
        }
    }
    free(places);
    free(clients);
}

static u32 places_of(usize size)
{
    return (u32)((size + TOWER_PUT_SIZE - 1) / TOWER_PUT_SIZE);
}

static void join_client(struct tower_store *store, struct place *place)
{
    struct client **at = find_client(store, &place->client), *client = *at;
    if (client == NULL) {
        client = *at = take(1, sizeof(*client));
        client->name = place->client;
        store->client_count++;
    }
    place->next_of_client = client->places;
    place->of_client = &client->places;
    if (place->next_of_client != NULL)
        place->next_of_client->of_client = &place->next_of_client;
    client->places = place;
}

static void leave_client(struct tower_store *store, struct place *place)
{
    struct client **at = find_client(store, &place->client), *client = *at;
    *place->of_client = place->next_of_client;
    if (place->next_of_client != NULL)
        place->next_of_client->of_client = place->of_client;
    if (client->places != NULL)
        return;
    *at = client->next;
    store->client_count--;
    free(client);
}

static void set_size(struct tower_store *store, struct place *place, u32 size)
{
    u32 more = places_of(size), less = places_of(place->size);
    struct client *client = *find_client(store, &place->client);
    client->count = client->count + more - less;
    store->used = store->used + more - less;
    place->size = size;
}

/* What `to` says of a blob. */
static void set_place(struct tower_store *store, const struct place *to)
{
    if (store->count == store->buckets)
        grow(store);
    struct place **at = find_place(store, &to->client, to->hint), *place = *at;
    if (place == NULL) {
        place = *at = take(1, sizeof(*place));
        *place = (struct place){.client = to->client, .hint = to->hint};
        store->count++;
        join_client(store, place);
    }
    set_size(store, place, to->size);
    place->sequence = to->sequence;
    place->position = to->position;
    place->is_judged = false;
}

static void drop_place(struct tower_store *store, const point33 *client, hint16 hint)
{
    struct place **at = find_place(store, client, hint), *place = *at;
    if (place == NULL)
        return;
    *at = place->next;
    set_size(store, place, 0);
    leave_client(store, place);
    store->count--;
    free(place);
}

static struct since *find_since(struct tower_store *store, u64 chain_id)
{
    for (usize i = 0; i < store->chain_count; i++)
        if (store->since[i].chain_id == chain_id)
            return &store->since[i];
    if (store->chain_count == MOST_CHAINS)
        return NULL;
    struct since *since = &store->since[store->chain_count++];
    *since = (struct since){.chain_id = chain_id};
    return since;
}

/* --- Replay. */

static bool is_size(usize size)
{
    return tower_put_size(size) == size;
}

static enum status read_name(bytes payload, point33 *client, hint16 *hint)
{
    if (payload.size < NAME_SIZE)
        return ST_CORRUPT;
    bytes_copy(client->b, bytes_slice(payload, 0, sizeof(*client)));
    bytes_copy(hint->b, bytes_slice(payload, sizeof(*client), sizeof(*hint)));
    return ST_OK;
}

static enum status replay_one(struct tower_store *store, const struct log_record *record)
{
    struct place place = {.position = record->position};
    bytes payload = record->payload;
    switch (record->kind) {
    case RECORD_BLOB:
        if (payload.size <= HEAD_SIZE || !is_size(payload.size - HEAD_SIZE))
            return ST_CORRUPT;
        TRY(read_name(payload, &place.client, &place.hint));
        place.sequence = load_be64(payload.data + NAME_SIZE);
        place.size = (u32)(payload.size - HEAD_SIZE);
        set_place(store, &place);
        return ST_OK;
    case RECORD_FORGET:
        TRY(read_name(payload, &place.client, &place.hint));
        drop_place(store, &place.client, place.hint);
        return ST_OK;
    case RECORD_SINCE:
        if (payload.size != 2 * sizeof(u64))
            return ST_CORRUPT;
        struct since *since = find_since(store, load_be64(payload.data));
        if (since != NULL)
            since->block = load_be64(payload.data + sizeof(u64));
        return ST_OK;
    default:
        return ST_CORRUPT;
    }
}

static enum status replay_all(struct tower_store *store, struct arena tmp, struct err *err)
{
    for (u64 at = log_start(store->log); at < log_end(store->log);) {
        struct log_record record;
        struct arena arena = tmp;
        TRY(log_read(store->log, at, &record, &arena, err));
        if (replay_one(store, &record) != ST_OK)
            return fail(err, ST_CORRUPT, "%s has a record that does not read", store->path);
        at = record.next;
    }
    return ST_OK;
}

static enum status replay(struct tower_store *store, struct err *err)
{
    struct pages pages;
    TRY(pages_reserve((usize)LOG_MAX_RECORD + 4096, &pages, err));
    enum status st = replay_all(store, pages_arena(&pages), err);
    pages_release(&pages);
    return st;
}

/* --- Written anew. */

static enum status put_blob(struct log_file *log, const struct place *place, bytes blob,
                            u64 *position, struct err *err)
{
    u8 sequence[sizeof(u64)];
    store_be64(sequence, place->sequence);
    bytes parts[] = {BYTES_OF(place->client), BYTES_OF(place->hint), BYTES_OF(sequence), blob};
    return log_append(log, RECORD_BLOB, parts, countof(parts), position, err);
}

static enum status put_since(struct log_file *log, const struct since *since, struct err *err)
{
    u8 words[2 * sizeof(u64)];
    u64 position;
    bytes part = BYTES_OF(words);
    store_be64(words, since->chain_id);
    store_be64(words + sizeof(u64), since->block);
    return log_append(log, RECORD_SINCE, &part, 1, &position, err);
}

static enum status read_blob(struct tower_store *store, const struct place *place,
                             u8 room[static TOWER_PUT_MOST], bytes *blob, struct err *err)
{
    u8 memory[TOWER_PUT_MOST + 4096];
    struct arena arena = arena_over(memory, sizeof(memory));
    struct log_record record;
    TRY(log_read(store->log, place->position, &record, &arena, err));
    if (record.payload.size != HEAD_SIZE + place->size)
        return fail(err, ST_CORRUPT, "%s has changed under the tower", store->path);
    *blob = (bytes){room, place->size};
    bytes_copy(room, bytes_slice(record.payload, HEAD_SIZE, place->size));
    return ST_OK;
}

static enum status write_all(struct tower_store *store, struct log_file *log, struct err *err)
{
    for (usize i = 0; i < store->chain_count; i++)
        TRY(put_since(log, &store->since[i], err));
    for (usize i = 0; i < store->buckets; i++)
        for (const struct place *place = store->places[i]; place != NULL; place = place->next) {
            u8 room[TOWER_PUT_MOST];
            bytes blob;
            u64 position;
            TRY(read_blob(store, place, room, &blob, err));
            TRY(put_blob(log, place, blob, &position, err));
        }
    return log_sync(log, err);
}

static enum status write_anew(struct tower_store *store, const char *path, struct err *err)
{
    struct log_file *log;
    u64 cut;
    TRY(log_open(store->files, path, 0, &log, &cut, err));
    enum status st = log_clear(log, err); /* what a crash has left of an earlier attempt */
    if (st == ST_OK)
        st = write_all(store, log, err);
    log_close(log);
    return st;
}

static enum status open_log(struct tower_store *store, struct err *err)
{
    u64 cut;
    TRY(log_open(store->files, store->path, 0, &store->log, &cut, err));
    TRY(replay(store, err));
    store->compacted_size = log_end(store->log);
    return ST_OK;
}

static enum status compact(struct tower_store *store, struct err *err)
{
    char path[PATH_ROOM + 8];
    u64 live = store->used * (HEAD_SIZE + TOWER_PUT_SIZE);
    if (log_end(store->log) < max_u64(COMPACT_SIZE, 2 * live) ||
        log_end(store->log) < store->compacted_size + COMPACT_SIZE)
        return ST_OK;
    fmt(path, sizeof(path), "%s.new", store->path);
    TRY(write_anew(store, path, err));
    TRY(store->files->rename(store->files->self, path, store->path, err));
    log_close(store->log);
    store->log = NULL;
    return open_log(store, err);
}

/* --- Life. */

/* The lock is a file of its own, as the log is written anew. */
static enum status take_lock(struct tower_store *store, struct err *err)
{
    char path[PATH_ROOM + 8];
    fmt(path, sizeof(path), "%s.lock", store->path);
    TRY(store->files->open(store->files->self, path, FILE_WRITE, &store->lock, err));
    return store->files->lock(store->files->self, store->lock, err);
}

enum status tower_store_open(const struct files *files, const char *path, struct tower_store **out,
                             struct err *err)
{
    struct tower_store *store = take(1, sizeof(*store));
    store->files = files;
    random_fill(store->seed, sizeof(store->seed));
    grow(store);
    enum status st = ST_OK;
    if (fmt(store->path, sizeof(store->path), "%s", path) >= sizeof(store->path))
        st = fail(err, ST_INVALID, "path too long: %s", path);
    if (st == ST_OK)
        st = take_lock(store, err);
    if (st == ST_OK)
        st = open_log(store, err);
    if (st != ST_OK) {
        tower_store_close(store);
        return st;
    }
    *out = store;
    return ST_OK;
}

static void free_bucket(struct tower_store *store, usize bucket)
{
    for (struct place *place = store->places[bucket], *next; place != NULL; place = next) {
        next = place->next;
        free(place);
    }
    for (struct client *client = store->clients[bucket], *next; client != NULL; client = next) {
        next = client->next;
        free(client);
    }
}

void tower_store_close(struct tower_store *store)
{
    if (store == NULL)
        return;
    if (store->log != NULL)
        log_close(store->log);
    if (store->lock != NULL)
        store->files->close(store->files->self, store->lock);
    for (usize i = 0; i < store->buckets; i++)
        free_bucket(store, i);
    free(store->places);
    free(store->clients);
    free(store);
}

/* --- Blobs. */

static bool is_named(const struct tower_store *store, const point33 *client)
{
    for (usize i = 0; i < store->named_count; i++)
        if (same_client(&store->named[i], client))
            return true;
    return false;
}

void tower_store_name(struct tower_store *store, const point33 *clients, usize count)
{
    assert(count <= TOWER_NAMED);
    store->named_count = 0;
    for (usize i = 0; i < count; i++)
        if (!is_named(store, &clients[i])) /* each counts once */
            store->named[store->named_count++] = clients[i];
}

static u32 count_of(const struct tower_store *store, const point33 *name)
{
    const struct client *known = *find_client(store, name);
    return known == NULL ? 0 : known->count;
}

/* Whether a client may have so many places more, as far as others leave them. */
static bool others_leave(const struct tower_store *store, const point33 *client, u32 more)
{
    usize of_strangers = store->used, strangers = store->client_count;
    if (is_named(store, client))
        return true;
    for (usize i = 0; i < store->named_count; i++) {
        u32 count = count_of(store, &store->named[i]);
        of_strangers -= count;
        strangers -= count != 0;
    }
    if (count_of(store, client) == 0 && strangers >= TOWER_STRANGERS)
        return false;
    return of_strangers + more <= TOWER_BLOBS - store->named_count * TOWER_CLIENT_BLOBS;
}

/* For `more` places, of which `less` are its own already. */
static enum status check_room(const struct tower_store *store, const point33 *client, u32 more,
                              u32 less, struct err *err)
{
    if (more <= less)
        return ST_OK;
    if (count_of(store, client) + more - less > TOWER_CLIENT_BLOBS)
        return fail(err, ST_FULL, "the tower keeps %d channels and apps of a node",
                    TOWER_CLIENT_BLOBS);
    if (!others_leave(store, client, more - less))
        return fail(err, ST_FULL, "the tower is full");
    return ST_OK;
}

static enum status forget(struct tower_store *store, const point33 *client, hint16 hint,
                          struct err *err)
{
    u64 position;
    bytes parts[] = {BYTES_OF(*client), BYTES_OF(hint)};
    TRY(log_append(store->log, RECORD_FORGET, parts, countof(parts), &position, err));
    drop_place(store, client, hint);
    return ST_OK;
}

enum status tower_store_put(struct tower_store *store, const point33 *client, hint16 hint,
                            u64 sequence, bytes blob, struct err *err)
{
    const struct place *known = *find_place(store, client, hint);
    if (known != NULL && sequence < known->sequence)
        return fail(err, ST_INVALID, "the tower has a newer state");
    if (blob.size == 0)
        return known == NULL ? ST_OK : forget(store, client, hint, err);
    if (!is_size(blob.size))
        return fail(err, ST_INVALID, "a blob has %d, %d or %d bytes", TOWER_PUT_SIZE,
                    TOWER_PUT_LARGER, TOWER_PUT_MOST);
    TRY(check_room(store, client, places_of(blob.size), known == NULL ? 0 : places_of(known->size),
                   err));
    struct place place = {
        .client = *client, .hint = hint, .sequence = sequence, .size = (u32)blob.size};
    TRY(put_blob(store->log, &place, blob, &place.position, err));
    set_place(store, &place);
    return ST_OK;
}

enum status tower_store_sync(struct tower_store *store, struct err *err)
{
    TRY(log_sync(store->log, err));
    return compact(store, err);
}

enum status tower_store_get(struct tower_store *store, const point33 *client, hint16 hint,
                            u64 *sequence, u8 room[static TOWER_PUT_MOST], bytes *blob,
                            struct err *err)
{
    const struct place *place = *find_place(store, client, hint);
    if (place == NULL)
        return fail(err, ST_MISSING, "there is no such blob");
    *sequence = place->sequence;
    return read_blob(store, place, room, blob, err);
}

bool tower_store_next(const struct tower_store *store, const point33 *client, hint16 after,
                      hint16 *out)
{
    const struct client *known = *find_client(store, client);
    const struct place *least = NULL;
    for (const struct place *at = known == NULL ? NULL : known->places; at != NULL;
         at = at->next_of_client)
        if (memcmp(at->hint.b, after.b, sizeof(after)) > 0 &&
            (least == NULL || memcmp(at->hint.b, least->hint.b, sizeof(after)) < 0))
            least = at;
    if (least != NULL)
        *out = least->hint;
    return least != NULL;
}

bool tower_store_may_be(const struct tower_store *store, const point33 *client, hint16 hint,
                        hash32 id)
{
    const struct place *place = *find_place(store, client, hint);
    return place != NULL && (!place->is_judged || hash32_equal(place->is_judged_of, id));
}

void tower_store_judge(struct tower_store *store, const point33 *client, hint16 hint, hash32 is_of)
{
    struct place *place = *find_place(store, client, hint);
    if (place == NULL)
        return;
    place->is_judged = true;
    place->is_judged_of = is_of;
}

void tower_store_clients(const struct tower_store *store, void *self,
                         void (*each)(void *self, const point33 *client))
{
    for (usize i = 0; i < store->buckets; i++)
        for (const struct client *at = store->clients[i]; at != NULL; at = at->next)
            each(self, &at->name);
}

u64 tower_store_sequence(const struct tower_store *store, const point33 *client, hint16 hint)
{
    const struct place *place = *find_place(store, client, hint);
    return place == NULL ? 0 : place->sequence;
}

u64 tower_store_since(const struct tower_store *store, u64 chain_id)
{
    for (usize i = 0; i < store->chain_count; i++)
        if (store->since[i].chain_id == chain_id)
            return store->since[i].block;
    return 0;
}

enum status tower_store_set_since(struct tower_store *store, u64 chain_id, u64 block,
                                  struct err *err)
{
    struct since *since = find_since(store, chain_id);
    if (since == NULL)
        return fail(err, ST_FULL, "a tower watches at most %d chains", MOST_CHAINS);
    since->block = block;
    return put_since(store->log, since, err);
}
