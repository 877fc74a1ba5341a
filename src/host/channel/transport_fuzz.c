/* Whatever arrives, in whatever pieces, a machine reads no more than there is, and after a refusal
 * it is dead. The first byte chooses what is attacked: an act, or open machines whose own bytes are
 * then changed at one place, which must be refused exactly there. */
#include "channel/transport.h"

#include "harness/fuzz.h"

static secret32 secret_of(u8 each)
{
    secret32 out;
    memset(out.b, each, sizeof(out.b));
    return out;
}

struct ends {
    struct transport initiator, responder;
    u8 one[TRANSPORT_ACT_ONE_SIZE], two[TRANSPORT_ACT_THREE_SIZE], three[TRANSPORT_ACT_THREE_SIZE];
};

/* As far as act `acts`. */
static void connect(struct ends *ends, int acts)
{
    secret32 a = secret_of(0x11), b = secret_of(0x12), c = secret_of(0x21), d = secret_of(0x22);
    usize used, size;
    u8 none[TRANSPORT_ACT_THREE_SIZE];
    assert(transport_accept(&ends->responder, &c, &d) == ST_OK);
    point33 remote = ends->responder.own_point;
    assert(transport_begin(&ends->initiator, &a, &b, &remote, ends->one) == ST_OK);
    if (acts >= 1)
        assert(transport_handshake(&ends->responder, BYTES_OF(ends->one), &used, ends->two, &size,
                                   NULL) == ST_OK);
    if (acts >= 2)
        assert(transport_handshake(&ends->initiator, BYTES_OF(ends->two), &used, ends->three, &size,
                                   NULL) == ST_OK);
    if (acts >= 3)
        assert(transport_handshake(&ends->responder, BYTES_OF(ends->three), &used, none, &size,
                                   NULL) == ST_OK);
}

static void attack_act(struct transport *transport, bytes in)
{
    u8 reply[TRANSPORT_ACT_THREE_SIZE];
    usize used, size;
    enum status st = transport_handshake(transport, in, &used, reply, &size, NULL);
    assert(used <= in.size);
    assert((st == ST_INVALID) == (transport->state == TRANSPORT_DEAD));
    assert(st == ST_OK || size == 0);
}

/* Seals the input as messages of the sizes that it names and changes one byte of the stream: all
 * before the change arrives, nothing after it. */
static void attack_messages(struct ends *ends, bytes in)
{
    static u8 wire[1 << 17], got[TRANSPORT_MESSAGE_LIMIT];
    u8 change, piece;
    u32 at;
    usize written = 0, read = 0, arrived = 0, whole = 0, used, size;
    fuzz_fill(&in, &change, 1);
    fuzz_fill(&in, &piece, 1);
    fuzz_fill(&in, &at, sizeof(at));
    for (int i = 0; i < 32 && in.size > 0; i++) {
        usize want = fuzz_take(&in, 1).data[0];
        bytes message = fuzz_take(&in, want);
        assert(transport_seal(&ends->initiator, message, wire + written) == ST_OK);
        written += message.size + TRANSPORT_OVERHEAD;
        whole += at >= written;
    }
    if (at < written)
        wire[at] ^= change;
    for (usize count = 0;;) {
        enum status st = transport_unseal(&ends->responder, (bytes){wire + read, arrived - read},
                                          &used, got, &size, NULL);
        assert(used <= arrived - read && size <= used);
        read += used;
        count += st == ST_OK;
        if (st == ST_INVALID) {
            assert(change != 0 && at < written && count == whole);
            assert(ends->responder.state == TRANSPORT_DEAD);
            return;
        }
        if (st == ST_AGAIN && arrived == written) {
            assert(change == 0 || at >= written);
            return;
        }
        if (st == ST_AGAIN)
            arrived = min_u64(written, arrived + 1 + piece);
    }
}

/* Connected as far as act `acts`, each made once: handshakes take far longer than what follows. */
static struct ends ends_after(int acts)
{
    static struct ends made[4];
    static bool done[4];
    if (!done[acts])
        connect(&made[acts], acts);
    done[acts] = true;
    return made[acts];
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    bytes in = {data, size};
    u8 acts;
    fuzz_fill(&in, &acts, 1);
    struct ends ends = ends_after(acts % 4);
    switch (acts % 4) {
    case 0:
    case 2:
        attack_act(&ends.responder, in);
        break;
    case 1:
        attack_act(&ends.initiator, in);
        break;
    default:
        attack_messages(&ends, in);
    }
    return 0;
}
