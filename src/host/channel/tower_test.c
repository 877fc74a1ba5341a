/* A watchtower and its clients, over connections; without chains. */
#include "channel/tower.h"

#include "base/fmt.h"
#include "channel/keyring.h"
#include "channel/link_rig.h"
#include "channel/tower_blob.h"
#include "channel/tower_restore.h"
#include "channel/tower_store.h"
#include "harness/test.h"
#include "sys/power.h"

#include <pthread.h>
#include <stdlib.h>

static const secret32 account = {{[31] = 77}};

struct rig {
    struct loop *loop;
    struct tower *tower;
    struct node server; /* its name alone */
    u16 port;
    address signer;
};

static struct tower *open_tower(struct loop *loop, const struct files *files, const char *folder)
{
    struct tower_options options = {
        .loop = loop,
        .files = files,
        .folder = folder,
        .account = &account,
        .addr = "127.0.0.1",
    };
    struct tower *tower = NULL;
    struct err err = {""};
    if (tower_open(&options, &tower, &err) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", err.text);
    return tower;
}

static void begin_with(struct rig *at, const struct files *files, const char *folder)
{
    char name[DAEMON_NAME_SIZE];
    point33 node;
    at->loop = rig_new_loop();
    at->tower = open_tower(at->loop, files, folder);
    tower_name(at->tower, name);
    const char *port = name + 66 + sizeof("@127.0.0.1:") - 1;
    at->port = 0;
    for (; *port != 0; port++)
        at->port = (u16)(at->port * 10 + (*port - '0'));
    CHECK(hex_read_fixed((bytes){(const u8 *)name, 66}, node.b, sizeof(node)) == ST_OK);
    CHECK(point_address(&node, &at->signer) == ST_OK);
    at->server.name = node;
}

static void end(struct rig *at)
{
    tower_close(at->tower);
    loop_free(at->loop);
}

static struct node *connect_client(struct rig *at, u8 key)
{
    struct node *client = rig_new_node(at->loop, key, NULL);
    struct link *link;
    CHECK(links_connect(client->links, &at->server.name, "127.0.0.1", at->port, &link, NULL) ==
          ST_OK);
    RUN_UNTIL(at->loop, client->messages == 1); /* INIT */
    return client;
}

static void say(struct node *client, const struct wire_message *message)
{
    static u8 room[WIRE_LIMIT];
    CHECK(link_send(client->link, (bytes){room, wire_encode(message, room)}) == ST_OK);
}

/* Says it and hears the answer, which borrows from the client. */
static struct wire_message ask(struct rig *at, struct node *client,
                               const struct wire_message *message)
{
    struct wire_message answer = {.type = WIRE_ERROR};
    usize heard = client->messages;
    say(client, message);
    RUN_UNTIL(at->loop, client->messages > heard);
    CHECK(wire_decode((bytes){client->last, client->last_size}, &answer, NULL) == ST_OK);
    return answer;
}

static const hint16 hint = {{5}};

static struct wire_message put_of(u64 sequence, bytes blob)
{
    struct wire_message put = {.type = WIRE_TOWER_PUT};
    put.tower_put = (struct wire_tower_put){hint, sequence, blob};
    return put;
}

/* Whether the blob is taken, with a receipt that proves it. */
static bool is_kept(struct rig *at, struct node *client, u64 sequence, bytes blob)
{
    struct wire_message put = put_of(sequence, blob), answer = ask(at, client, &put);
    const struct wire_tower_receipt *receipt = &answer.tower_receipt;
    if (answer.type != WIRE_TOWER_RECEIPT)
        return false;
    CHECK(memcmp(receipt->hint.b, hint.b, sizeof(hint)) == 0 && receipt->sequence == sequence);
    CHECK(signature_is_of(&receipt->signature, tower_receipt_digest(hint, sequence, blob),
                          at->signer));
    return true;
}

static bool has(struct rig *at, struct node *client, u64 sequence, bytes blob)
{
    struct wire_message get = {.type = WIRE_TOWER_GET, .tower_get = {hint}};
    struct wire_message answer = ask(at, client, &get);
    return answer.type == WIRE_TOWER_BLOB && answer.tower_blob.sequence == sequence &&
           bytes_equal(answer.tower_blob.blob, blob);
}

TEST(tower_gives_receipts_and_gives_back_to_the_same_node_alone)
{
    static u8 first[TOWER_PUT_SIZE] = {1}, second[TOWER_PUT_SIZE] = {2};
    const char *folder = test_folder();
    struct rig at = {0};
    begin_with(&at, files_of_system(), folder);
    struct node *client = connect_client(&at, 0x31), *other = connect_client(&at, 0x32);
    CHECK(has(&at, client, 0, BYTES_EMPTY));
    CHECK(is_kept(&at, client, 3, BYTES_OF(first)));
    CHECK(has(&at, client, 3, BYTES_OF(first)) && has(&at, other, 0, BYTES_EMPTY));
    CHECK(is_kept(&at, other, 1, BYTES_OF(second)));
    CHECK(is_kept(&at, client, 4, BYTES_OF(second)));
    CHECK(has(&at, client, 4, BYTES_OF(second)));
    links_free(client->links);
    links_free(other->links);
    end(&at);
    begin_with(&at, files_of_system(), folder);
    client = connect_client(&at, 0x31);
    CHECK(has(&at, client, 4, BYTES_OF(second)));
    CHECK(is_kept(&at, client, 5, BYTES_EMPTY) && has(&at, client, 0, BYTES_EMPTY));
    links_free(client->links);
    end(&at);
}

TEST(tower_refuses_an_older_state_and_says_which_it_has)
{
    static u8 blob[TOWER_PUT_SIZE] = {1}, small[7];
    struct rig at = {0};
    begin_with(&at, files_of_system(), test_folder());
    struct node *client = connect_client(&at, 0x31);
    CHECK(is_kept(&at, client, 3, BYTES_OF(blob)));
    struct wire_message older = put_of(2, BYTES_OF(blob)), short_one = put_of(9, BYTES_OF(small));
    struct wire_message answer = ask(&at, client, &older);
    CHECK(answer.type == WIRE_TOWER_REFUSE && answer.tower_refuse.sequence == 3);
    answer = ask(&at, client, &short_one);
    CHECK(answer.type == WIRE_TOWER_REFUSE && answer.tower_refuse.sequence == 3);
    CHECK(has(&at, client, 3, BYTES_OF(blob)));
    links_free(client->links);
    end(&at);
}

TEST(tower_keeps_blobs_of_three_sizes)
{
    static u8 blob[TOWER_PUT_MOST] = {1, [TOWER_PUT_MOST - 1] = 2};
    static const usize sizes[] = {TOWER_PUT_SIZE, TOWER_PUT_MOST, TOWER_PUT_LARGER, TOWER_PUT_SIZE};
    struct rig at = {0};
    begin_with(&at, files_of_system(), test_folder());
    struct node *client = connect_client(&at, 0x31);
    for (usize i = 0; i < countof(sizes); i++) {
        CHECK_ROW(i, is_kept(&at, client, 3 + i, (bytes){blob, sizes[i]}));
        CHECK_ROW(i, has(&at, client, 3 + i, (bytes){blob, sizes[i]}));
    }
    struct wire_message other = put_of(9, (bytes){blob, TOWER_PUT_LARGER + 1});
    CHECK(ask(&at, client, &other).type == WIRE_TOWER_REFUSE);
    links_free(client->links);
    end(&at);
}

/* --- Asked for all, by who has lost the rest. */

struct last {
    struct task task;
    struct loop *loop;
};

static void stop_loop(struct task *task)
{
    loop_stop(((struct last *)task)->loop);
}

static void *serve(void *loop)
{
    loop_run(loop);
    return NULL;
}

static void keep_some(const char *folder, const secret32 *of)
{
    static u8 blob[TOWER_PUT_MOST] = {1};
    static const usize sizes[] = {TOWER_PUT_SIZE, TOWER_PUT_MOST, TOWER_PUT_SIZE, TOWER_PUT_LARGER};
    char path[4096];
    struct tower_store *store;
    struct keyring *ring = keyring_new(of);
    point33 node = keyring_node(ring), other = {{2}};
    fmt(path, sizeof(path), "%s/tower.log", folder);
    CHECK(tower_store_open(files_of_system(), path, &store, NULL) == ST_OK);
    for (u8 i = 0; i < countof(sizes); i++) {
        bytes part = {blob, sizes[i]};
        CHECK(tower_store_put(store, &node, (hint16){{(u8)(i + 1)}}, 1, part, NULL) == ST_OK);
        CHECK(tower_store_put(store, &other, (hint16){{(u8)(i + 9)}}, 1, part, NULL) == ST_OK);
    }
    tower_store_close(store);
    keyring_free(ring);
}

/* Larger ones are of apps, which are not restored; what comes after them is not lost with them. */
TEST(tower_gives_back_all_that_a_node_has_of_channels)
{
    static const secret32 lost = {{[31] = 78}};
    const char *folder = test_folder();
    char name[DAEMON_NAME_SIZE];
    struct daemon_kept *list = NULL;
    usize count = 0;
    pthread_t thread;
    struct rig at = {0};
    keep_some(folder, &lost);
    begin_with(&at, files_of_system(), folder);
    tower_name(at.tower, name);
    struct last last = {.task.run = stop_loop, .loop = at.loop};
    CHECK(pthread_create(&thread, NULL, serve, at.loop) == 0);
    enum status st = tower_restore(&lost, name, &list, &count, NULL);
    loop_post(at.loop, &last.task);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(st == ST_OK && count == 2 && list[0].hint[0] == 1 && list[1].hint[0] == 3);
    free(list);
    end(&at);
}

TEST(tower_hangs_up_on_who_takes_it_for_a_peer)
{
    struct rig at = {0};
    begin_with(&at, files_of_system(), test_folder());
    struct node *client = connect_client(&at, 0x31);
    struct wire_message stfu = {.type = WIRE_STFU};
    CHECK(ask(&at, client, &stfu).type == WIRE_ERROR);
    RUN_UNTIL(at.loop, client->gone == 1);
    CHECK(tower_failure(at.tower) == NULL);
    links_free(client->links);
    end(&at);
}

/* A receipt is a promise: none leaves when the disk did not take the blob. */
TEST(tower_gives_no_receipt_when_the_disk_fails)
{
    static u8 blob[TOWER_PUT_SIZE] = {1};
    struct power power;
    struct rig at = {0};
    power_init(&power);
    begin_with(&at, &power.files, test_folder());
    struct node *client = connect_client(&at, 0x31);
    CHECK(is_kept(&at, client, 3, BYTES_OF(blob)));
    for (u64 i = 0; i < 2; i++) {
        usize heard = client->messages;
        struct wire_message put = put_of(4 + i, BYTES_OF(blob));
        power.left = 1;
        say(client, &put);
        rig_run_ms(at.loop, 50);
        rig_run_ms(at.loop, 50);
        CHECK(client->messages == heard && tower_failure(at.tower) != NULL);
    }
    links_free(client->links);
    end(&at);
}
