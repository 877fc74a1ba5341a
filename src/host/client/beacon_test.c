#include "client/beacon.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "client/fake.h"
#include "harness/test.h"
#include "net/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A node with two blobs in slot 10 (genesis at 1,000, slots of 12 s), as pages of our own server.
 */
struct node {
    struct pool *pool;
    struct net *net;
    struct blob blobs[2];
    kzg_point commitments[2];
    hash32 hashes[2];
    bool is_old;      /* knows sidecars only */
    bool is_pruned;   /* has no blobs any more */
    bool lies;        /* gives another blob */
    bool has_archive; /* answers varve_getBlob */
    char *text;       /* of the page being shown */
    char url[64];
    unsigned blob_pages, sidecar_pages;
};

static bool starts(bytes path, const char *with)
{
    return path.size >= strlen(with) && memcmp(path.data, with, strlen(with)) == 0;
}

static usize put_blob(const struct node *node, char *to, usize index)
{
    struct blob blob = node->blobs[index];
    blob.b[100] ^= node->lies;
    memcpy(to, "\"0x", 3);
    hex_write(to + 3, BYTES_OF(blob));
    memcpy(to + 3 + 2 * sizeof(blob), "\"", 1);
    return 4 + 2 * sizeof(blob);
}

static void put_list(struct node *node, bool sidecars)
{
    char *to = node->text, commitment[97] = {0};
    to += sprintf(to, "{\"data\":[");
    for (usize i = 0; i < 2 && !node->is_pruned; i++) {
        hex_write(commitment, BYTES_OF(node->commitments[1 - i]));
        to += sprintf(to, "%s", i == 0 ? "" : ",");
        if (sidecars)
            to += sprintf(to, "{\"kzg_commitment\":\"0x%s\",\"blob\":", commitment);
        to += put_blob(node, to, 1 - i);
        to += sprintf(to, "%s", sidecars ? "}" : "");
    }
    sprintf(to, "]}");
}

static bool page(void *self, bytes path, struct net_page *out, struct arena *arena)
{
    struct node *node = self;
    (void)arena;
    if (starts(path, "/eth/v1/beacon/genesis")) {
        strcpy(node->text, "{\"data\":{\"genesis_time\":\"1000\"}}");
    } else if (starts(path, "/eth/v1/config/spec")) {
        strcpy(node->text, "{\"data\":{\"SECONDS_PER_SLOT\":\"12\"}}");
    } else if (starts(path, "/eth/v1/beacon/blobs/10") && !node->is_old) {
        node->blob_pages++;
        put_list(node, false);
    } else if (starts(path, "/eth/v1/beacon/blob_sidecars/10")) {
        node->sidecar_pages++;
        put_list(node, true);
    } else {
        return false;
    }
    *out = (struct net_page){200, "application/json", {(const u8 *)node->text, strlen(node->text)}};
    return true;
}

static bool is_heavy(void *self, bytes method)
{
    (void)self;
    (void)method;
    return false;
}

static void answer(void *self, bytes method, json params, const struct net_peer *peer,
                   struct json_out *out, struct arena arena)
{
    struct node *node = self;
    (void)method;
    (void)params;
    (void)peer;
    (void)arena;
    usize size = put_blob(node, node->text, 0);
    json_key(out, "result");
    if (node->has_archive)
        json_put_raw(out, (bytes){(const u8 *)node->text, size});
    else
        json_put_null(out);
}

static struct node *begin(void)
{
    struct node *node = ARENA_NEW(test_arena(), struct node, 1);
    struct err err;
    node->text = ARENA_NEW(test_arena(), char, 1 << 20);
    for (usize i = 0; i < 2; i++) {
        node->blobs[i].b[33] = (u8)(7 + i);
        CHECK(blob_commit(&node->blobs[i], &node->commitments[i]) == ST_OK);
        node->hashes[i] = kzg_versioned_hash(node->commitments[i]);
    }
    CHECK(pool_new(1, 10, &node->pool, &err) == ST_OK);
    struct net_options options = net_defaults(node->pool);
    struct net_handler handler = {
        .self = node, .is_heavy = is_heavy, .answer = answer, .page = page};
    CHECK(net_start(&options, &handler, &node->net, &err) == ST_OK);
    fmt(node->url, sizeof(node->url), "http://127.0.0.1:%u", (unsigned)net_port(node->net));
    return node;
}

static void end(struct node *node)
{
    net_stop(node->net, 1000);
    pool_free(node->pool);
}

enum { PARENT_TIME = 1000 + 10 * 12 + 3 }; /* within slot 10 */

static enum status read_from(const struct node *node, bool beacon_too, const hash32 *hashes,
                             usize count, struct blob *out, struct err *err)
{
    struct beacon *beacon = NULL;
    struct beacon_options options = {.beacon_url = beacon_too ? node->url : NULL,
                                     .archive_url = node->has_archive ? node->url : NULL,
                                     .timeout_ms = 5000};
    CHECK(beacon_new(&options, &beacon, err) == ST_OK);
    enum status st = beacon_read(beacon, PARENT_TIME, hashes, count, out, err);
    beacon_free(beacon);
    return st;
}

TEST(beacon_gives_the_blobs_behind_hashes_in_their_order)
{
    struct node *node = begin();
    struct blob *out = ARENA_NEW(test_arena(), struct blob, 2);
    struct err err = {{0}};
    for (int old = 0; old < 2; old++) {
        node->is_old = old;
        memset(out, 0, 2 * sizeof(*out));
        CHECK_ROW(old, read_from(node, true, node->hashes, 2, out, &err) == ST_OK);
        CHECK_ROW(old, memcmp(out, node->blobs, 2 * sizeof(*out)) == 0);
        CHECK_ROW(old, read_from(node, true, node->hashes + 1, 1, out, &err) == ST_OK);
        CHECK_ROW(old, memcmp(out, node->blobs + 1, sizeof(*out)) == 0);
    }
    CHECK(node->blob_pages == 2 && node->sidecar_pages == 2);
    end(node);
}

TEST(beacon_does_not_take_a_blob_for_another)
{
    struct node *node = begin();
    struct blob *out = ARENA_NEW(test_arena(), struct blob, 2);
    struct err err = {{0}};
    node->lies = true;
    CHECK(read_from(node, true, node->hashes, 2, out, &err) == ST_MISSING);
    CHECK(strstr(err.text, "has not all blobs of slot 10") != NULL);
    node->has_archive = true;
    CHECK(read_from(node, false, node->hashes, 1, out, &err) == ST_MISSING);
    CHECK(strstr(err.text, "does not have the blob") != NULL);
    end(node);
}

TEST(archive_gives_blobs_that_the_beacon_node_has_dropped)
{
    struct node *node = begin();
    struct blob *out = ARENA_NEW(test_arena(), struct blob, 1);
    struct err err = {{0}};
    node->is_pruned = true;
    CHECK(read_from(node, true, node->hashes, 1, out, &err) == ST_MISSING);
    node->has_archive = true;
    CHECK(read_from(node, true, node->hashes, 1, out, &err) == ST_OK);
    CHECK(memcmp(out, node->blobs, sizeof(*out)) == 0);
    node->has_archive = false;
    CHECK(read_from(node, false, node->hashes, 1, out, &err) == ST_MISSING);
    CHECK(strstr(err.text, "neither a beacon node nor an archive") != NULL);
    end(node);
}

TEST(beacon_that_is_down_may_have_the_blobs_later)
{
    struct beacon *beacon = NULL;
    struct blob *out = ARENA_NEW(test_arena(), struct blob, 1);
    struct err err = {{0}};
    hash32 hash = {{1}};
    struct beacon_options options = {.beacon_url = "http://127.0.0.1:1"};
    CHECK(beacon_new(&options, &beacon, &err) == ST_OK);
    CHECK(beacon_read(beacon, PARENT_TIME, &hash, 1, out, &err) == ST_IO);
    CHECK(strstr(err.text, "/eth/v1/beacon/genesis: 127.0.0.1:1: Connection refused") != NULL);
    CHECK(beacon_read(beacon, PARENT_TIME, &hash, 0, out, &err) == ST_OK);
    beacon_free(beacon);
    options.beacon_url = "ftp://x";
    CHECK(beacon_new(&options, &beacon, &err) == ST_INVALID);
}
