#include "node/mesh.h"

#include "base/fmt.h"
#include "base/hex.h"
#include "channel/service.h"
#include "net/client.h"
#include "sys/log.h"
#include "sys/pages.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    CHALLENGE_S = 600, /* a developer waits for it */
    MARGIN_S = 60,
    POLL_MS = 100,
    OPEN_TIMEOUT_MS = 60000,
    ANSWER_LIMIT = 1 << 20,
};

/* In ether, from each side of each channel. */
static const char FUNDS[] = "0x56bc75e2d63100000"; /* 100 */

struct member {
    char folder[4200];
    secret32 account;
    address who;
    struct daemon_chain chain;
    struct service *service;
    char name[DAEMON_NAME_SIZE];
};

struct mesh {
    struct mesh_options options;
    char url[64]; /* of the chain */
    struct member members[MESH_MOST];
    pthread_t opener;
    bool has_opener;
    atomic_bool ending;
};

/* --- The channels. */

/* One call of a daemon's; the members of its argument are in `params`. */
static enum status call(struct mesh *mesh, usize member, const char *method, const char *params,
                        json *result, struct arena *arena, struct err *err)
{
    char url[64];
    struct net_client *client;
    struct net_client_error error;
    fmt(url, sizeof(url), "http://127.0.0.1:%u", service_http_port(mesh->members[member].service));
    struct net_client_options options = {
        .url = url,
        .timeout_ms = OPEN_TIMEOUT_MS,
        .answer_limit = ANSWER_LIMIT,
        .cancel = &mesh->ending,
    };
    TRY(net_client_new(&options, &client, err));
    enum status st = net_client_call(client, method, (bytes){(const u8 *)params, strlen(params)},
                                     result, &error, arena, err);
    net_client_free(client);
    return st;
}

/* After a restart they listen at other ports. */
static enum status meet(struct mesh *mesh, usize first, usize second, struct arena tmp,
                        struct err *err)
{
    char params[512];
    json result;
    fmt(params, sizeof(params), "[{\"peer\":\"%s\"}]", mesh->members[second].name);
    return call(mesh, first, "channel_connect", params, &result, &tmp, err);
}

/* The first opens and pays in, the second pays in too. */
static enum status join(struct mesh *mesh, usize first, usize second, struct arena tmp,
                        struct err *err)
{
    char params[512];
    json result;
    fmt(params, sizeof(params), "[{\"peer\":\"%s\",\"amount\":\"%s\"}]", mesh->members[second].name,
        FUNDS);
    TRY(call(mesh, first, "channel_open", params, &result, &tmp, err));
    bytes id = json_text(json_get(result, "channel"), &tmp);
    char text[80] = {0};
    if (id.size >= sizeof(text))
        return fail(err, ST_CORRUPT, "no channel");
    bytes_copy(text, id);
    fmt(params, sizeof(params), "[{\"channel\":\"%s\",\"amount\":\"%s\"}]", text, FUNDS);
    return call(mesh, second, "channel_topup", params, &result, &tmp, err);
}

static bool has_channels(struct mesh *mesh, struct arena tmp)
{
    json result;
    return call(mesh, 0, "channel_list", "[{}]", &result, &tmp, NULL) == ST_OK &&
           json_count(result) != 0;
}

static enum status each_pair(struct mesh *mesh,
                             enum status (*visit)(struct mesh *mesh, usize first, usize second,
                                                  struct arena tmp, struct err *err),
                             struct arena tmp, struct err *err)
{
    for (usize i = 0; i < mesh->options.count; i++)
        for (usize j = i + 1; j < mesh->options.count; j++)
            TRY(visit(mesh, i, j, tmp, err));
    return ST_OK;
}

static void *open_all(void *self)
{
    struct mesh *mesh = self;
    struct pages pages;
    struct err err;
    enum status st = pages_reserve((usize)16 << 20, &pages, &err);
    if (st == ST_OK) {
        struct arena tmp = pages_arena(&pages);
        st = each_pair(mesh, has_channels(mesh, tmp) ? meet : join, tmp, &err);
    }
    pages_release(&pages);
    if (st == ST_OK)
        log_info("channel", "the daemons have their channels");
    else if (!mesh->ending)
        log_warn("channel", "the channels did not open", LOG_TEXT("why", err.text));
    return NULL;
}

/* --- The daemons. */

static enum status start_member(struct mesh *mesh, usize index, struct err *err)
{
    const struct mesh_options *options = &mesh->options;
    struct member *member = &mesh->members[index];
    usize account = options->users - 2 - index; /* the last one pays for the contracts of layers */
    const struct files *files = files_of_system();
    if (fmt(member->folder, sizeof(member->folder), "%s/channels-%zu", options->folder, index) >=
        sizeof(member->folder))
        return fail(err, ST_INVALID, "path too long: %s", options->folder);
    TRY(files->make_folder(files->self, member->folder, err));
    member->chain = (struct daemon_chain){
        .url = mesh->url,
        .confirmations = 1,
        .poll_ms = POLL_MS,
    };
    member->account = keys_secret(options->keys, account);
    member->who = keys_address(options->keys, account);
    struct service_options service = {
        .daemon = {.files = files,
                   .folder = member->folder,
                   .signer = signer_of_keys(options->keys, member->who),
                   .account = &member->account,
                   .addr = "127.0.0.1",
                   .chains = &member->chain,
                   .chain_count = 1,
                   .challenge_s = CHALLENGE_S,
                   .least_challenge_s = CHALLENGE_S / 2,
                   .margin_s = MARGIN_S,
                   .fee_ppm = 1000},
        .http_addr = "127.0.0.1",
        .http_port = options->http_port == 0 ? 0 : (u16)(options->http_port + index),
    };
    TRY(service_start(&service, &member->service, err));
    service_name(member->service, member->name);
    return ST_OK;
}

static enum status start_all(struct mesh *mesh, struct err *err)
{
    for (usize i = 0; i < mesh->options.count; i++)
        TRY(start_member(mesh, i, err));
    TRY(thread_start(&mesh->opener, "mesh", open_all, mesh, err));
    mesh->has_opener = true;
    return ST_OK;
}

enum status mesh_start(const struct mesh_options *options, struct mesh **out, struct err *err)
{
    assert(options->count <= MESH_MOST && options->count < options->users);
    struct mesh *mesh = calloc(1, sizeof(*mesh));
    assert(mesh != NULL);
    mesh->options = *options;
    fmt(mesh->url, sizeof(mesh->url), "%s", options->url);
    enum status st = start_all(mesh, err);
    if (st != ST_OK) {
        mesh_stop(mesh);
        return st;
    }
    *out = mesh;
    return ST_OK;
}

void mesh_stop(struct mesh *mesh)
{
    if (mesh == NULL)
        return;
    mesh->ending = true;
    if (mesh->has_opener)
        pthread_join(mesh->opener, NULL);
    for (usize i = 0; i < mesh->options.count; i++) {
        service_stop(mesh->members[i].service);
        secret_wipe(&mesh->members[i].account);
    }
    free(mesh);
}

void mesh_print(const struct mesh *mesh, FILE *to)
{
    for (usize i = 0; i < mesh->options.count; i++) {
        const struct member *member = &mesh->members[i];
        char who[41] = {0};
        hex_write(who, BYTES_OF(member->who));
        fprintf(to, "Channels %zu  http://127.0.0.1:%u  paid by 0x%s\n            %s\n", i,
                service_http_port(member->service), who, member->name);
    }
    fprintf(to, "\n");
}
