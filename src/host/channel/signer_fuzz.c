/* Whatever items come from the two sides of two channels, and in whatever order: what we have paid
 * and locked in both is never more than what was allowed and all that peers have ever locked; no
 * number is signed twice; sums never pass their limit. Locks are of secrets and of apps, which are
 * paid in parts. */
#include "channel/signer.h"
#include "crypto/keccak.h"

#include "harness/fuzz.h"

enum { CHANNELS = 2, SLOTS = 8, DAY_LIMIT = 1000, NOW = 1700000000 };

static struct keyring *ring;
static struct channel_terms terms[CHANNELS];
static struct channel_name names[CHANNELS];

static void make_terms(struct limited_signer *signer)
{
    for (u32 i = 0; i < CHANNELS; i++) {
        terms[i] = (struct channel_terms){.chain_id = 900,
                                          .owner = {signer_owner(signer, i), {{9}}},
                                          .payout = {keyring_account(ring), {{8}}}};
        names[i] = channel_name_of(&terms[i]);
        enum status st = signer_know(signer, i, 0, &terms[i], NULL);
        assert(st == ST_OK);
    }
}

/* One side of a channel, as its items say. */
struct counted {
    u64 seq;
    u128 sent, locked;
    u128 added; /* all that was ever locked */
    u128 slots[SLOTS];
};

/* Of slots that are not counted here. */
static bool is_far(bytes items)
{
    struct item item = {.slot = 0};
    while (items.size != 0 && item_read(&items, &item) == ST_OK && item.slot < SLOTS)
        continue;
    return item.slot >= SLOTS;
}

/* False: they do not read, or say what cannot be; nothing has changed. */
static bool count(struct counted *side, bytes items)
{
    static struct counted next;
    next = *side;
    for (struct item item; items.size != 0;) {
        if (item_read(&items, &item) != ST_OK)
            return false;
        u128 *slot = &next.slots[item.slot];
        if (item.kind == ITEM_PAY)
            next.sent += item.lock.amount;
        bool makes = item.kind == ITEM_ADD || item.kind == ITEM_STAKE;
        bool is_part = item.kind == ITEM_PART;
        if (makes == (*slot != 0) &&
            (makes || is_part || item.kind == ITEM_PAID || item.kind == ITEM_DROP))
            return false;
        if (is_part && item.lock.amount >= *slot)
            return false;
        if (is_part) {
            next.sent += item.lock.amount;
            next.locked -= item.lock.amount;
            *slot -= item.lock.amount;
        }
        if (item.kind == ITEM_PAID)
            next.sent += *slot;
        if (item.kind == ITEM_PAID || item.kind == ITEM_DROP) {
            next.locked -= *slot;
            *slot = 0;
        }
        if (makes) {
            next.locked += item.lock.amount;
            next.added += item.lock.amount;
            *slot = item.lock.amount;
        }
        if (next.sent + next.locked >= (u128)1 << 124)
            return false;
    }
    *side = next;
    return true;
}

/* As good as one: another for other locks. */
static hash32 root_of(const struct counted *side)
{
    return keccak256(BYTES_OF(side->slots));
}

static bool take_bytes(bytes *in, usize size, bytes *out)
{
    *out = bytes_slice(*in, 0, size);
    bool there = in->size >= size;
    *in = bytes_slice(*in, size, in->size);
    return there;
}

/* Items as the machine makes them, with small numbers: few bytes of input make much sense. */
static usize write_items(bytes *in, u8 *to)
{
    static const u8 onion[ONION_SIZE];
    static const enum item_kind kinds[] = {ITEM_PAY,   ITEM_ADD,  ITEM_PAID, ITEM_DROP,
                                           ITEM_STAKE, ITEM_PART, ITEM_PART, ITEM_STAKE};
    usize size = 0;
    bytes each;
    for (int i = 0; i < 3 && take_bytes(in, 2, &each); i++) {
        struct item item = {.kind = kinds[each.data[0] % countof(kinds)], .slot = each.data[1] % 4};
        item.lock = (struct lock){
            .amount = 1 + each.data[1] / 4, .expiry_s = NOW + each.data[0] / 64, .key = {{1}}};
        item.lock.key.b[0] = each.data[0] / 8 % 4;
        if (item.kind == ITEM_ADD)
            item.text = BYTES_OF(onion);
        if (item.kind == ITEM_STAKE)
            item.lock.kind = LOCK_OF_FIRST + each.data[0] / 64 % 2;
        size += item_write(&item, to + size);
    }
    return size;
}

struct scene {
    struct limited_signer *signer;
    struct counted ours[CHANNELS], theirs[CHANNELS];
    u128 allowed;
};

static void allow(struct scene *scene, const u8 *how)
{
    struct sign_payment payment = {.chain_id = 900,
                                   .hash = {{how[0] % 4}},
                                   .kind = how[0] / 4 % LOCK_KINDS,
                                   .is_direct = how[0] % 2 == 0,
                                   .key = how[1] % CHANNELS,
                                   .amount = 1 + how[1] / 2,
                                   .count = 1,
                                   .now_s = NOW};
    struct sign_request request = {.kind = SIGN_PAYMENT, .payment = &payment};
    if (signer_sign(scene->signer, &request, NULL, NULL) == ST_OK)
        scene->allowed += payment.amount;
}

static void sign(struct scene *scene, u32 key, bytes items)
{
    static struct counted next;
    signature64 out;
    next = scene->ours[key];
    (void)count(&next, items); /* or else a half that says nothing new */
    struct half half = {
        .seq = ++next.seq, .sent = next.sent, .locked = next.locked, .root = root_of(&next)};
    struct sign_request request = {.terms = &terms[key],
                                   .name = &names[key],
                                   .key = key,
                                   .kind = SIGN_HALF,
                                   .half = &half,
                                   .items = items};
    enum status st = signer_sign(scene->signer, &request, &out, NULL);
    if (st != ST_OK)
        return;
    scene->ours[key] = next;
    assert(signer_sign(scene->signer, &request, &out, NULL) == ST_INVALID);
}

static void check(const struct scene *scene)
{
    u128 out = 0, in = 0, hour, day;
    for (u32 i = 0; i < CHANNELS; i++) {
        out += scene->ours[i].sent + scene->ours[i].locked;
        in += scene->theirs[i].added;
    }
    signer_sums(scene->signer, 900, (address){{0}}, NOW, &hour, &day);
    assert(day <= DAY_LIMIT && hour <= day && scene->allowed >= day);
    assert(out <= day + in);
}

int LLVMFuzzerTestOneInput(const u8 *data, usize size)
{
    static struct scene scene;
    static u8 room[4 * ITEM_LIMIT];
    secret32 account = {{[31] = 1}};
    bytes in = {data, size}, how;
    ring = keyring_new(&account);
    struct signer_options options = {.ring = ring, .limits.own.day = DAY_LIMIT};
    memset(&scene, 0, sizeof(scene));
    scene.signer = signer_new(&options);
    make_terms(scene.signer);
    while (take_bytes(&in, 3, &how)) {
        u32 key = how.data[0] / 8 % CHANNELS;
        bytes items = {room, 0};
        if (how.data[0] % 8 == 7) /* bytes as they are */
            (void)take_bytes(&in, how.data[1], &items);
        else
            items.size = write_items(&in, room);
        if (is_far(items))
            continue;
        if (how.data[0] % 8 < 2) {
            allow(&scene, how.data + 1);
        } else if (how.data[0] % 8 < 5 || how.data[0] % 16 == 7) {
            sign(&scene, key, items);
        } else if (count(&scene.theirs[key], items)) { /* as the machine has judged it */
            struct half half = {.side = 1,
                                .sent = scene.theirs[key].sent,
                                .locked = scene.theirs[key].locked,
                                .root = root_of(&scene.theirs[key]),
                                .ack_seq = scene.ours[key].seq};
            signer_hear(scene.signer, key, &half, items);
        }
        check(&scene);
    }
    signer_free(scene.signer);
    keyring_free(ring);
    return 0;
}
