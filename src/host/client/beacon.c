#include "client/beacon.h"

#include "base/fmt.h"
#include "client/internal.h"

#include <stdlib.h>

enum {
    DEFAULT_TIMEOUT_MS = 30000,
    ANSWER_LIMIT = 64 << 20,
    BLOB_LIMIT = 128, /* that a block may have, some day */
    PATH_ROOM = 900,
    HASHES_IN_PATH = 8, /* asked for by name; of a block with more, all are asked for */
};

struct beacon {
    struct net_client *node, *archive; /* NULL: none */
    struct pages scratch;
    bool has_times;
    u64 genesis_time, slot_ms;
};

enum status beacon_new(const struct beacon_options *options, struct beacon **out, struct err *err)
{
    struct beacon *beacon = calloc(1, sizeof(*beacon));
    if (beacon == NULL)
        return fail(err, ST_FULL, "no memory for a reader of blobs");
    struct net_client_options net = {.timeout_ms = options->timeout_ms != 0 ? options->timeout_ms
                                                                            : DEFAULT_TIMEOUT_MS,
                                     .answer_limit = ANSWER_LIMIT,
                                     .cancel = options->cancel};
    const char *const urls[] = {options->beacon_url, options->archive_url};
    struct net_client **const clients[] = {&beacon->node, &beacon->archive};
    enum status st = pages_reserve(2 * (usize)ANSWER_LIMIT, &beacon->scratch, err);
    for (usize i = 0; st == ST_OK && i < countof(urls); i++) {
        net.url = urls[i];
        if (urls[i] != NULL)
            st = net_client_new(&net, clients[i], err);
    }
    if (st != ST_OK) {
        beacon_free(beacon);
        return st;
    }
    *out = beacon;
    return ST_OK;
}

void beacon_free(struct beacon *beacon)
{
    if (beacon == NULL)
        return;
    net_client_free(beacon->node);
    net_client_free(beacon->archive);
    pages_release(&beacon->scratch);
    free(beacon);
}

/* --- What is wanted, and what of it is there. */

struct want {
    const hash32 *hashes;
    usize count;
    struct blob *out;
    bool *found;
    usize left;
};

/* Takes a blob where it is wanted and is what its hash says. */
static void offer(struct want *want, json text, struct arena tmp)
{
    kzg_point commitment;
    struct blob *blob = ARENA_TAKE(&tmp, struct blob, 1);
    if (eth_json_fixed(text, blob->b, sizeof(blob->b)) != ST_OK ||
        blob_commit(blob, &commitment) != ST_OK)
        return;
    hash32 hash = kzg_versioned_hash(commitment);
    for (usize i = 0; i < want->count; i++) {
        if (want->found[i] || !hash32_equal(want->hashes[i], hash))
            continue;
        want->out[i] = *blob;
        want->found[i] = true;
        want->left--;
    }
}

static bool wants(const struct want *want, json commitment)
{
    kzg_point point;
    if (eth_json_fixed(commitment, point.b, sizeof(point.b)) != ST_OK)
        return false;
    hash32 hash = kzg_versioned_hash(point);
    for (usize i = 0; i < want->count; i++)
        if (!want->found[i] && hash32_equal(want->hashes[i], hash))
            return true;
    return false;
}

/* --- The beacon node. */

static enum status get(struct beacon *beacon, const char *path, json *data, struct arena *tmp,
                       struct err *err)
{
    bytes answer;
    json all;
    struct err why;
    enum status st = net_client_get(beacon->node, path, &answer, tmp, &why);
    if (st != ST_OK)
        return fail(err, st, "%.*s: %s", (int)strcspn(path, "?"), path, why.text);
    if (json_check(answer, 32, &all, NULL) != ST_OK)
        return fail(err, ST_IO, "%.*s: %s: its answer is no JSON", (int)strcspn(path, "?"), path,
                    net_client_name(beacon->node));
    *data = json_get(all, "data");
    return ST_OK;
}

/* Numbers are decimal text there. */
static bool read_number(json value, u64 *out)
{
    u256 wide;
    if (!json_is(value, JSON_STRING) ||
        hex_read_number(bytes_slice(value.text, 1, value.text.size - 2), &wide) != ST_OK)
        return false;
    *out = wide.w[0];
    return u256_fits_u64(wide);
}

static enum status learn_times(struct beacon *beacon, struct err *err)
{
    struct arena tmp = pages_arena(&beacon->scratch);
    json genesis, spec;
    u64 seconds;
    if (beacon->has_times)
        return ST_OK;
    enum status st = get(beacon, "/eth/v1/beacon/genesis", &genesis, &tmp, err);
    if (st == ST_OK)
        st = get(beacon, "/eth/v1/config/spec", &spec, &tmp, err);
    if (st != ST_OK) /* every beacon node has these, so it is none, or not in order */
        return st == ST_AGAIN ? ST_AGAIN : ST_IO;
    bool told = read_number(json_get(spec, "SLOT_DURATION_MS"), &beacon->slot_ms);
    if (!told && read_number(json_get(spec, "SECONDS_PER_SLOT"), &seconds)) {
        beacon->slot_ms = mul_sat_u64(seconds, 1000);
        told = true;
    }
    if (!told || beacon->slot_ms == 0 ||
        !read_number(json_get(genesis, "genesis_time"), &beacon->genesis_time))
        return fail(err, ST_IO, "%s does not say when its slots are",
                    net_client_name(beacon->node));
    beacon->has_times = true;
    return ST_OK;
}

static void put_blobs_path(char *to, u64 slot, const struct want *want)
{
    char hash[64];
    usize size = fmt(to, PATH_ROOM, "/eth/v1/beacon/blobs/%lu", slot);
    if (want->count > HASHES_IN_PATH)
        return;
    for (usize i = 0; i < want->count; i++) {
        hex_write(hash, BYTES_OF(want->hashes[i]));
        size += fmt(to + size, PATH_ROOM - size, "%s0x%.*s", i == 0 ? "?versioned_hashes=" : ",",
                    64, hash);
    }
    assert(size < PATH_ROOM);
}

static enum status take_blobs(struct beacon *beacon, u64 slot, struct want *want, struct err *err)
{
    struct arena tmp = pages_arena(&beacon->scratch);
    char path[PATH_ROOM];
    json data, key, item;
    usize seen = 0;
    put_blobs_path(path, slot, want);
    TRY(get(beacon, path, &data, &tmp, err));
    for (struct json_walk at = json_begin(data);
         seen < BLOB_LIMIT && want->left > 0 && json_next(&at, &key, &item); seen++)
        offer(want, item, tmp);
    return ST_OK;
}

static enum status take_sidecars(struct beacon *beacon, u64 slot, struct want *want,
                                 struct err *err)
{
    struct arena tmp = pages_arena(&beacon->scratch);
    char path[PATH_ROOM];
    json data, key, item;
    usize seen = 0;
    fmt(path, sizeof(path), "/eth/v1/beacon/blob_sidecars/%lu", slot);
    TRY(get(beacon, path, &data, &tmp, err));
    for (struct json_walk at = json_begin(data);
         seen < BLOB_LIMIT && want->left > 0 && json_next(&at, &key, &item); seen++)
        if (wants(want, json_get(item, "kzg_commitment")))
            offer(want, json_get(item, "blob"), tmp);
    return ST_OK;
}

/* ST_MISSING where it answers without what is wanted. */
static enum status ask_node(struct beacon *beacon, u64 parent_time, struct want *want,
                            struct err *err)
{
    TRY(learn_times(beacon, err));
    if (parent_time < beacon->genesis_time)
        return fail(err, ST_MISSING, "%s begins after the block at %lu",
                    net_client_name(beacon->node), parent_time);
    u64 slot = mul_sat_u64(parent_time - beacon->genesis_time, 1000) / beacon->slot_ms;
    enum status st = take_blobs(beacon, slot, want, err);
    if (want->left == 0)
        return ST_OK;
    /* An older node knows no such path, and says so in several ways; one that has none any more
     * also answers so. */
    if (st == ST_OK || st == ST_MISSING || st == ST_INVALID)
        st = take_sidecars(beacon, slot, want, err);
    if (want->left == 0)
        return ST_OK;
    if (st == ST_OK || st == ST_INVALID)
        return fail(err, ST_MISSING, "%s has not all blobs of slot %lu",
                    net_client_name(beacon->node), slot);
    return st;
}

/* --- The archive. */

static enum status ask_archive(struct beacon *beacon, struct want *want, struct err *err)
{
    for (usize i = 0; i < want->count; i++) {
        struct arena tmp = pages_arena(&beacon->scratch);
        struct net_client_error error;
        struct err why;
        json blob;
        if (want->found[i])
            continue;
        struct json_out params = eth_params(100, &tmp);
        json_put_hex(&params, BYTES_OF(want->hashes[i]));
        enum status st = net_client_call(beacon->archive, "varve_getBlob", eth_params_end(&params),
                                         &blob, &error, &tmp, &why);
        if (st != ST_OK)
            return fail(err, st == ST_INVALID ? ST_MISSING : st, "varve_getBlob: %s: %s",
                        net_client_name(beacon->archive), why.text);
        offer(want, blob, tmp);
        if (!want->found[i])
            return fail(err, ST_MISSING, "varve_getBlob: %s does not have the blob",
                        net_client_name(beacon->archive));
    }
    return ST_OK;
}

enum status beacon_read(struct beacon *beacon, u64 parent_time, const hash32 *hashes, usize count,
                        struct blob *out, struct err *err)
{
    bool found[BLOB_LIMIT] = {false};
    struct err first = {{0}}, second = {{0}};
    struct want want = {hashes, count, out, found, count};
    enum status node = ST_MISSING, archive = ST_MISSING;
    if (count > BLOB_LIMIT)
        return fail(err, ST_INVALID, "no block has %zu blobs", count);
    pages_trim(&beacon->scratch, 0);
    if (want.left > 0 && beacon->node != NULL)
        node = ask_node(beacon, parent_time, &want, &first);
    if (want.left > 0 && beacon->archive != NULL)
        archive = ask_archive(beacon, &want, &second);
    if (want.left == 0)
        return ST_OK;
    if (beacon->node == NULL && beacon->archive == NULL)
        return fail(err, ST_MISSING,
                    "there is neither a beacon node nor an archive to read blobs "
                    "from");
    enum status st = node != ST_MISSING ? node : archive; /* what may be different later */
    return fail(err, st, "%.*s%s%.*s", 120, first.text,
                first.text[0] != 0 && second.text[0] != 0 ? "; " : "", 120, second.text);
}
