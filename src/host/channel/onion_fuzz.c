/* Any payloads under a right HMAC, which every sender can make, peel or are refused within their
 * bounds, and what is forwarded is another whole packet; the same bytes as a packet of a stranger
 * are refused. */
#include "channel/onion.h"

#include "harness/fuzz.h"

static const secret32 node = {{[31] = 5}}, session = {{[31] = 9}};

/* Seals the payloads for `node`. */
static void seal(u8 packet[static ONION_SIZE], secret32 *shared)
{
    secret32 rho, mu;
    point33 ephemeral, point;
    assert(point_of_secret(&node, &point) == ST_OK);
    assert(point_of_secret(&session, &ephemeral) == ST_OK);
    assert(secret_ecdh(&session, &point, shared) == ST_OK);
    hmac_sha256(BYTES_LIT("rho"), BYTES_OF(*shared), BYTES_EMPTY, rho.b);
    hmac_sha256(BYTES_LIT("mu"), BYTES_OF(*shared), BYTES_EMPTY, mu.b);
    packet[0] = 0;
    memcpy(packet + 1, ephemeral.b, sizeof(ephemeral.b));
    u8 *payloads = packet + 1 + sizeof(ephemeral.b);
    stream_add(&rho, payloads, ONION_PAYLOADS_SIZE);
    hmac_sha256(BYTES_OF(mu), (bytes){payloads, ONION_PAYLOADS_SIZE}, BYTES_EMPTY,
                payloads + ONION_PAYLOADS_SIZE);
}

/* The other function, which takes packets of either size, finds the same. */
static void check_open(const u8 packet[static ONION_SIZE], enum onion_verdict verdict,
                       const struct onion_peeled *peeled)
{
    static u8 room[ONION_ROOM];
    struct onion_opened opened;
    assert(onion_open(&node, (bytes){packet, ONION_SIZE}, BYTES_EMPTY, room, &opened) == verdict);
    assert(bytes_equal(opened.payload, (bytes){peeled->payload, peeled->payload_size}));
    if (verdict == ONION_FORWARD)
        assert(bytes_equal(opened.next, BYTES_OF(peeled->next)));
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    u8 packet[ONION_SIZE];
    struct onion_peeled peeled;
    secret32 shared;
    bytes in = {data, size};
    fuzz_fill(&in, packet, sizeof(packet));
    enum onion_verdict verdict = onion_peel(&node, packet, BYTES_EMPTY, &peeled);
    assert(onion_failure_code(verdict) >> 15 == 1 && peeled.payload_size == 0);
    const u8 *opened = packet + 1 + sizeof(point33);
    u8 first[ONION_PAYLOADS_SIZE];
    memcpy(first, opened, sizeof(first));
    seal(packet, &shared);
    verdict = onion_peel(&node, packet, BYTES_EMPTY, &peeled);
    assert(bytes_equal(BYTES_OF(peeled.shared), BYTES_OF(shared)));
    check_open(packet, verdict, &peeled);
    if (verdict == ONION_BAD_PAYLOAD) {
        assert(peeled.payload_size == 0);
        return 0;
    }
    assert(verdict == ONION_FORWARD || verdict == ONION_FINAL);
    usize prefix = first[0] < 0xfd ? 1 : 3, end = prefix + peeled.payload_size + ONION_HMAC_SIZE;
    assert(peeled.payload_size >= ONION_PAYLOAD_MIN && end <= sizeof(first));
    assert(memcmp(peeled.payload, first + prefix, peeled.payload_size) == 0);
    if (verdict == ONION_FORWARD) {
        point33 next;
        memcpy(next.b, peeled.next + 1, sizeof(next.b));
        assert(peeled.next[0] == 0 && point_check(&next) == ST_OK);
        assert(memcmp(peeled.next + 1 + sizeof(next.b), first + end, sizeof(first) - end) == 0);
    }
    return 0;
}
