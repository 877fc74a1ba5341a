/* What one channel costs its two sides: updates of some payments each, made, judged, acknowledged.
 * No disk, no network: how much is left for them. Beside it, what the library and the disk take. */
#include "channel/channel.h"
#include "channel/signer.h"

#include "sys/clock.h"

#include <fcntl.h>
#include <secp256k1.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "bug: %s:%d: %s\n", file, line, what);
    abort();
}

enum { CHALLENGE_S = 3600 };

struct side {
    struct keyring *ring;
    struct limited_signer *keys;
    struct channel_signer signer;
    struct channel *channel;
    struct channel_events events;
};

static void begin(struct side sides[2])
{
    struct channel_terms terms = {.chain_id = 900, .challenge_s = CHALLENGE_S};
    const u128 deposited[2] = {(u128)1 << 100, (u128)1 << 100}, withdrawn[2] = {0, 0};
    for (u32 i = 0; i < 2; i++) {
        secret32 account = {{[31] = (u8)(i + 1)}};
        sides[i] = (struct side){.ring = keyring_new(&account)};
        struct signer_options options = {.ring = sides[i].ring};
        sides[i].keys = signer_new(&options);
        sides[i].signer = signer_of_channels(sides[i].keys);
        terms.owner[i] = signer_owner(sides[i].keys, 0);
        terms.payout[i] = keyring_account(sides[i].ring);
    }
    for (u32 i = 0; i < 2; i++) {
        if (signer_know(sides[i].keys, 0, i, &terms, NULL) != ST_OK)
            bug("a channel is refused");
        sides[i].channel = channel_new(&terms, i, 0);
        channel_see(sides[i].channel, deposited, withdrawn);
        channel_peer_sees(sides[i].channel, deposited, withdrawn);
    }
}

static void end(struct side sides[2])
{
    for (u32 i = 0; i < 2; i++) {
        channel_free(sides[i].channel);
        channel_events_free(&sides[i].events);
        signer_free(sides[i].keys);
        keyring_free(sides[i].ring);
    }
}

static void pass_on(struct side *from, struct side *to)
{
    struct wire_update update;
    if (channel_make_update(from->channel, &from->signer, &update, &from->events, NULL) != ST_OK ||
        channel_take_update(to->channel, &update, 0, &to->events, NULL) != ST_OK)
        bug("an update is refused");
    struct half half = channel_newest(to->channel).half[channel_side(from->channel)];
    signer_hear(to->keys, 0, &half, update.items);
    from->events.count = to->events.count = 0;
}

/* A batch there, its acknowledgement back. */
static void measure(usize payments)
{
    enum { ROUNDS = 2000 };
    struct side sides[2];
    struct item item = {.kind = ITEM_PAY, .lock.amount = 7};
    begin(sides);
    u64 start_ns = clock_thread_ns();
    struct sign_payment payment = {.is_direct = true, .amount = 7, .count = payments};
    struct sign_request request = {.kind = SIGN_PAYMENT, .payment = &payment};
    for (int round = 0; round < ROUNDS; round++) {
        if (signer_sign(sides[0].keys, &request, NULL, NULL) != ST_OK)
            bug("payments are not allowed");
        for (usize i = 0; i < payments; i++)
            if (channel_queue(sides[0].channel, &item, NULL, NULL) != ST_OK)
                bug("a payment is refused");
        pass_on(&sides[0], &sides[1]);
        pass_on(&sides[1], &sides[0]);
    }
    double seconds = (double)(clock_thread_ns() - start_ns) / 1e9;
    printf("%5zu payments a batch: %8.1f us a batch, both sides; %10.0f payments per core-second\n",
           payments, seconds / ROUNDS * 1e6, ROUNDS * (double)payments / seconds);
    end(sides);
}

/* For comparison: what the library takes for one signature, judged as the adjudicator does. */
static void measure_signatures(void)
{
    enum { ROUNDS = 5000 };
    secret32 secret = {{[31] = 1}};
    hash32 digest = {{1}};
    signature64 signature;
    address who;
    if (secret_address(&secret, &who) != ST_OK)
        bug("no key");
    u64 start_ns = clock_thread_ns();
    for (int i = 0; i < ROUNDS; i++)
        if (secret_sign(&secret, digest, &signature) != ST_OK)
            bug("cannot sign");
    u64 signed_ns = clock_thread_ns();
    for (int i = 0; i < ROUNDS; i++)
        if (!signature_is_of(&signature, digest, who))
            bug("a signature is refused");
    u64 judged_ns = clock_thread_ns();
    printf("signing %.1f us, judging %.1f us; ", (double)(signed_ns - start_ns) / ROUNDS / 1e3,
           (double)(judged_ns - signed_ns) / ROUNDS / 1e3);
}

/* The peer: libsecp256k1's own verification, which knows the key and recovers nothing. */
static void measure_library(void)
{
    enum { ROUNDS = 5000 };
    const u8 secret[32] = {[31] = 1}, digest[32] = {1};
    secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    secp256k1_ecdsa_signature signature;
    secp256k1_pubkey key;
    if (secp256k1_ec_pubkey_create(context, &key, secret) != 1 ||
        secp256k1_ecdsa_sign(context, &signature, digest, secret, NULL, NULL) != 1)
        bug("the library cannot sign");
    u64 start_ns = clock_thread_ns();
    for (int i = 0; i < ROUNDS; i++)
        if (secp256k1_ecdsa_verify(context, &signature, digest, &key) != 1)
            bug("the library refuses a signature");
    double seconds = (double)(clock_thread_ns() - start_ns) / 1e9;
    printf("libsecp256k1 verifies %.0f per core-second\n", ROUNDS / seconds);
    secp256k1_context_destroy(context);
}

static int compare(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return (x > y) - (x < y);
}

/* What each of two journals waits for before anything may leave: pages written and synced one after
 * the other, where the file has had zeros before. */
static void measure_disk(const char *folder)
{
    enum { ROUNDS = 400, PAGE = 4096 };
    static u8 page[PAGE];
    u64 took_ns[ROUNDS];
    char path[4200];
    snprintf(path, sizeof(path), "%s/varve-bench-XXXXXX", folder);
    int fd = mkstemp(path);
    if (fd < 0 || unlink(path) != 0)
        bug("no file for the disk's measure");
    for (u64 i = 0; i < 2 * ROUNDS; i++) {
        u64 start_ns = clock_now_ns();
        if (pwrite(fd, page, PAGE, (off_t)(i % ROUNDS) * PAGE) != PAGE ||
            (i + 1 >= ROUNDS && fdatasync(fd) != 0))
            bug("the disk does not take a page");
        took_ns[i % ROUNDS] = clock_now_ns() - start_ns;
    }
    close(fd);
    qsort(took_ns, ROUNDS, sizeof(took_ns[0]), compare);
    printf("disk: a page written and synced in %.2f ms (median), %.2f ms (99 %%)\n",
           (double)took_ns[ROUNDS / 2] / 1e6, (double)took_ns[ROUNDS - ROUNDS / 100 - 1] / 1e6);
}

/* bench_channel [FOLDER]: where the disk is measured, else in /tmp. */
int main(int argc, char **argv)
{
    static const usize sizes[] = {1, 10, 100, 1000};
    measure_signatures();
    measure_library();
    measure_disk(argc > 1 ? argv[1] : "/tmp");
    for (usize i = 0; i < countof(sizes); i++)
        measure(sizes[i]);
    return 0;
}
