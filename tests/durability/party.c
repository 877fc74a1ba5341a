#include "durability/party.h"

#include "base/fmt.h"
#include "base/json.h"
#include "net/jsonrpc.h"
#include "sys/thread.h"

#include <stdlib.h>
#include <unistd.h>

enum { PORT = 9735, SCRATCH = 1 << 16 };

struct party {
    struct loop *loop;
    struct keys *keys;
    secret32 account;
    struct daemon *daemon;
    pthread_t thread;
    char name[DAEMON_NAME_SIZE];
};

static enum status slow_sync(void *self, struct file *file, struct err *err)
{
    usleep(2000);
    return files_of_system()->sync(self, file, err);
}

const struct files *party_slow_files(void)
{
    static struct files files;
    files = *files_of_system();
    files.sync = slow_sync;
    return &files;
}

static void *run(void *self)
{
    struct party *party = self;
    loop_run(party->loop);
    daemon_end(party->daemon);
    return NULL;
}

static enum status begin(struct party *party, const struct party_options *from, struct err *err)
{
    static const struct daemon_chain chain = {.url = "", .confirmations = 1};
    memset(party->account.b, from->who, sizeof(party->account.b));
    TRY(keys_from_secrets(&party->account, 1, &party->keys, err));
    TRY(loop_new(&party->loop, err));
    struct daemon_options options = {
        .loop = party->loop,
        .files = from->files,
        .folder = from->folder,
        .journal_limit = from->journal_limit,
        .patience_us = from->patience_us,
        .most_channels = from->most_channels,
        .joins = from->joins,
        .signer = signer_of_keys(party->keys, keys_address(party->keys, 0)),
        .account = &party->account,
        .addr = from->addr,
        .port = PORT,
        .chains = &chain,
        .chain_count = 1,
        .challenge_s = 60,
        .least_challenge_s = 30,
        .margin_s = 60,
    };
    TRY(daemon_open(&options, &party->daemon, err));
    daemon_name(party->daemon, party->name);
    return thread_start(&party->thread, "party", run, party, err);
}

enum status party_start(const struct party_options *options, struct party **out, struct err *err)
{
    struct party *party = calloc(1, sizeof(*party));
    assert(party != NULL);
    enum status st = begin(party, options, err);
    if (st != ST_OK) {
        party_stop(party);
        return st;
    }
    *out = party;
    return ST_OK;
}

void party_stop(struct party *party)
{
    if (party == NULL)
        return;
    if (party->thread != 0) {
        loop_stop(party->loop);
        pthread_join(party->thread, NULL);
    }
    daemon_close(party->daemon);
    loop_free(party->loop);
    keys_free(party->keys);
    free(party);
}

const char *party_name(const struct party *party)
{
    return party->name;
}

const char *party_failure(const struct party *party)
{
    return daemon_failure(party->daemon);
}

void party_ask(struct party *party, const char *method, const char *params,
               char answer[static PARTY_ANSWER])
{
    party_ask_long(party, method, params, answer, PARTY_ANSWER);
}

void party_ask_long(struct party *party, const char *method, const char *params, char *answer,
                    usize room)
{
    struct err err;
    json object;
    struct net_handler handler = daemon_handler(party->daemon);
    struct json_out out = json_out_over(answer, room - 1);
    u8 *scratch = malloc(SCRATCH);
    assert(scratch != NULL);
    assert(json_check((bytes){(const u8 *)params, strlen(params)}, 4, &object, &err) == ST_OK);
    bytes name = {(const u8 *)method, strlen(method)};
    jsonrpc_run(&handler, name, object, NULL, &out, arena_over(scratch, SCRATCH));
    assert(!out.failed);
    answer[out.size] = 0;
    free(scratch);
}

/* --- What answers say. */

static const char *value_of(const char *answer, const char *key)
{
    char named[64];
    fmt(named, sizeof(named), "\"%s\":", key);
    const char *at = strstr(answer, named);
    return at == NULL ? NULL : at + strlen(named);
}

u64 answer_number(const char *answer, const char *key)
{
    const char *at = value_of(answer, key);
    return at == NULL ? UINT64_MAX : strtoull(at + (*at == '"'), NULL, 0);
}

void answer_text(const char *answer, const char *key, char *to, usize size)
{
    const char *at = value_of(answer, key);
    if (at == NULL || *at != '"')
        at = "\"\"";
    fmt(to, size, "%.*s", (int)strcspn(at + 1, "\""), at + 1);
}
