/* What the signer signs, and what it does not: limits, versions, money. */
#include "channel/signer.h"

#include "harness/test.h"

enum { NOW = 1700000000, LOCK_UNTIL = NOW + 3600 };

/* Channels of ours with peers: key i is channel i's, and we are side 0. */
enum { CHANNELS = 2 };
static struct keyring *ring;
static struct limited_signer *keys;
static struct channel_terms terms[CHANNELS];
static struct channel_name names[CHANNELS];
static struct signer_spent kept[64];
static usize kept_count;
static struct err why;

static void keep(void *self, address asset, const struct signer_spent *spent)
{
    (void)self;
    CHECK(kept_count < countof(kept) && address_is_zero(asset));
    kept[kept_count++] = *spent;
}

static void begin_with(struct signer_limits limits, bool swaps, u64 second_chain)
{
    secret32 account = {{[31] = 1}};
    ring = keyring_new(&account);
    struct signer_options options = {.ring = ring, .limits = limits, .swaps = swaps, .keep = keep};
    keys = signer_new(&options);
    for (u32 i = 0; i < CHANNELS; i++) {
        terms[i] = (struct channel_terms){
            .chain_id = i == 0 ? 900 : second_chain,
            .owner = {signer_owner(keys, i), {{9}}},
            .challenge_s = 3600,
            .payout = {keyring_account(ring), {{8}}},
        };
        names[i] = channel_name_of(&terms[i]);
        CHECK(signer_know(keys, i, 0, &terms[i], &why) == ST_OK);
    }
    kept_count = 0;
}

static void begin(struct signer_limits limits)
{
    begin_with(limits, false, 900);
}

static void end(void)
{
    signer_free(keys);
    keyring_free(ring);
}

/* --- Requests. */

static struct sign_request request_of(u32 key)
{
    return (struct sign_request){.terms = &terms[key], .name = &names[key], .key = key};
}

static enum status sign_half(u32 key, struct half half, bytes items)
{
    signature64 out;
    struct sign_request request = request_of(key);
    request.kind = SIGN_HALF;
    request.half = &half;
    request.items = items;
    enum status st = signer_sign(keys, &request, &out, &why);
    hash32 digest = signed_digest(names[key].domain, half_hash(names[key].id, &half));
    CHECK(st != ST_OK || signature_is_of(&out, digest, terms[key].owner[0]));
    return st;
}

static enum status sign_base(u32 key, struct base base)
{
    signature64 out;
    struct sign_request request = request_of(key);
    request.kind = SIGN_BASE;
    request.base = &base;
    return signer_sign(keys, &request, &out, &why);
}

static enum status sign_close(u32 key, i128 net, u64 until_s)
{
    signature64 out;
    struct channel_close close = {net, until_s};
    struct sign_request request = request_of(key);
    request.kind = SIGN_CLOSE;
    request.close = &close;
    return signer_sign(keys, &request, &out, &why);
}

static struct sign_payment routed(u8 hash, u128 amount, u128 fee, u64 now_s)
{
    return (struct sign_payment){.chain_id = 900,
                                 .hash = {{hash}},
                                 .amount = amount,
                                 .count = 1,
                                 .fee = fee,
                                 .now_s = now_s};
}

static enum status allow(struct sign_payment payment)
{
    struct sign_request request = {.kind = SIGN_PAYMENT, .payment = &payment};
    return signer_sign(keys, &request, NULL, &why);
}

static enum status allow_direct(u32 key, u128 amount, u64 count, u64 now_s)
{
    struct sign_payment payment = routed(0, amount, 0, now_s);
    payment.is_direct = true;
    payment.key = key;
    payment.count = count;
    return allow(payment);
}

static enum signer_limit limit_of(enum status st)
{
    return st == ST_FULL ? signer_why(keys)->limit : LIMIT_NONE;
}

/* --- Items. */

static bytes items_of(const struct item *list, usize count)
{
    u8 *room = ARENA_TAKE(test_arena(), u8, count * ITEM_LIMIT);
    usize size = 0;
    for (usize i = 0; i < count; i++)
        size += item_write(&list[i], room + size);
    return (bytes){room, size};
}

static bytes one(struct item item)
{
    return items_of(&item, 1);
}

static struct item pay(u128 amount)
{
    return (struct item){.kind = ITEM_PAY, .lock.amount = amount};
}

static struct item add_until(u32 slot, u8 hash, u128 amount, u64 expiry_s)
{
    static const u8 onion[ONION_SIZE];
    return (struct item){.kind = ITEM_ADD,
                         .slot = slot,
                         .lock = {amount, expiry_s, {{hash}}},
                         .text = BYTES_OF(onion)};
}

static struct item add(u32 slot, u8 hash, u128 amount)
{
    return add_until(slot, hash, amount, LOCK_UNTIL);
}

static struct item paid(u32 slot)
{
    return (struct item){.kind = ITEM_PAID, .slot = slot};
}

static struct item drop(u32 slot)
{
    return (struct item){.kind = ITEM_DROP, .slot = slot};
}

static struct item stake(u32 slot, u8 app, enum lock_kind kind, u128 amount)
{
    return (struct item){
        .kind = ITEM_STAKE, .slot = slot, .lock = {amount, LOCK_UNTIL, {{app}}, kind}};
}

static struct item part(u32 slot, u128 amount)
{
    return (struct item){.kind = ITEM_PART, .slot = slot, .lock.amount = amount};
}

static struct sign_payment at_stake(u8 app, enum lock_kind kind, u128 amount)
{
    struct sign_payment payment = routed(app, amount, 0, NOW);
    payment.kind = kind;
    return payment;
}

/* What stands for a root: another for each number, zero for no locks. */
static hash32 root_of(u128 locked, u64 seq)
{
    hash32 root = {{0}};
    store_be64(root.b, locked == 0 ? 0 : seq);
    return root;
}

static void hear_half(u32 key, u128 sent, u128 locked, bytes items, u64 ack_seq)
{
    static u64 seq;
    struct half half = {.side = 1, .sent = sent, .locked = locked, .root = root_of(locked, ++seq)};
    half.ack_seq = ack_seq;
    signer_hear(keys, key, &half, items);
}

/* Nothing but that so much is acknowledged. */
static void hear_ack(u32 key, u64 seq)
{
    hear_half(key, 0, 0, BYTES_EMPTY, seq);
}

static struct half half_of(u64 seq, u128 sent, u128 locked)
{
    return (struct half){.seq = seq, .sent = sent, .locked = locked, .root = root_of(locked, seq)};
}

/* --- Versions. */

TEST(the_signer_signs_each_half_once_and_in_order)
{
    begin((struct signer_limits){0});
    CHECK(allow_direct(0, 5, 10, NOW) == ST_OK);
    CHECK(sign_half(0, half_of(2, 5, 0), one(pay(5))) == ST_INVALID);
    CHECK(sign_half(0, half_of(1, 5, 0), one(pay(5))) == ST_OK);
    CHECK(sign_half(0, half_of(1, 5, 0), one(pay(5))) == ST_INVALID);
    CHECK(sign_half(0, half_of(1, 10, 0), one(pay(10))) == ST_INVALID);
    CHECK(sign_half(0, half_of(2, 10, 0), one(pay(5))) == ST_OK);
    struct half later = half_of(3, 15, 0);
    later.epoch = 1;
    CHECK(sign_half(0, later, one(pay(5))) == ST_INVALID);
    struct half theirs = half_of(3, 15, 0);
    theirs.side = 1;
    CHECK(sign_half(0, theirs, one(pay(5))) == ST_INVALID);
    end();
}

TEST(the_signer_s_marks_come_back_from_records_and_are_never_lowered)
{
    begin((struct signer_limits){0});
    struct channel_newest newest = {.half = {{.seq = 3, .sent = 30}}};
    signer_note(keys, 0, 0, 7);
    signer_note(keys, 0, 0, 5);
    struct locks *none = locks_new();
    signer_adopt(keys, 0, &newest, none); /* the machine knows less than the records */
    CHECK(sign_half(0, half_of(4, 30, 0), BYTES_EMPTY) == ST_INVALID);
    CHECK(sign_half(0, half_of(7, 30, 0), BYTES_EMPTY) == ST_INVALID);
    CHECK(sign_half(0, half_of(8, 30, 0), BYTES_EMPTY) == ST_OK);
    signer_note(keys, 0, 2, 0);
    CHECK(sign_half(0, half_of(9, 30, 0), BYTES_EMPTY) == ST_INVALID);
    CHECK(sign_base(0, (struct base){.epoch = 2}) == ST_INVALID);
    locks_free(none);
    end();
}

TEST(a_base_that_the_signer_signs_is_what_the_halves_come_to)
{
    static const struct {
        u64 epoch;
        u128 balance[2], deposited[2], locked[2];
        enum status status;
    } rows[] = {
        {1, {70, 30}, {100, 0}, {0, 0}, ST_INVALID}, /* more than the peer was paid */
        {1, {80, 20}, {100, 0}, {1, 0}, ST_INVALID}, /* locks that there are not */
        {0, {80, 20}, {100, 0}, {0, 0}, ST_INVALID}, /* an epoch that is over */
        {1, {-(u128)1, 101}, {0, 0}, {0, 0}, ST_INVALID}, {1, {80, 20}, {100, 0}, {0, 0}, ST_OK},
        {1, {80, 20}, {100, 0}, {0, 0}, ST_INVALID}, /* again */
        {9, {180, 20}, {200, 0}, {0, 0}, ST_OK},     /* a deposit meanwhile */
    };
    begin((struct signer_limits){0});
    CHECK(allow_direct(0, 25, 1, NOW) == ST_OK);
    CHECK(sign_half(0, half_of(1, 25, 0), one(pay(25))) == ST_OK);
    hear_half(0, 5, 0, one(pay(5)), 1);
    for (usize i = 0; i < countof(rows); i++) {
        struct base base = {.epoch = rows[i].epoch};
        memcpy(base.balance, rows[i].balance, sizeof(base.balance));
        memcpy(base.deposited, rows[i].deposited, sizeof(base.deposited));
        memcpy(base.locked, rows[i].locked, sizeof(base.locked));
        CHECK_ROW(i, sign_base(0, base) == rows[i].status);
    }
    CHECK(sign_half(0, half_of(2, 25, 0), BYTES_EMPTY) == ST_INVALID); /* of epoch 0 */
    struct half next = {.epoch = 9, .seq = 1};
    CHECK(sign_half(0, next, BYTES_EMPTY) == ST_OK);
    end();
}

TEST(after_a_close_the_signer_signs_nothing_else_in_a_channel)
{
    begin((struct signer_limits){0});
    CHECK(allow_direct(0, 25, 2, NOW) == ST_OK);
    CHECK(sign_half(0, half_of(1, 25, 0), one(pay(25))) == ST_OK);
    CHECK(sign_close(0, 24, NOW) == ST_INVALID);
    CHECK(sign_close(0, 26, NOW) == ST_INVALID);
    CHECK(sign_close(0, 25, NOW) == ST_OK);
    CHECK(sign_close(0, 25, NOW) == ST_OK);
    CHECK(sign_close(0, 25, NOW + 1) == ST_INVALID);
    CHECK(sign_half(0, half_of(2, 50, 0), one(pay(25))) == ST_INVALID);
    CHECK(sign_base(0, (struct base){.epoch = 1, .balance = {75, 25}, .deposited = {100, 0}}) ==
          ST_INVALID);
    struct channel_withdraw withdraw = {0, 5, NOW};
    struct sign_request request = request_of(0);
    signature64 out;
    request.kind = SIGN_WITHDRAW;
    request.withdraw = &withdraw;
    CHECK(signer_sign(keys, &request, &out, &why) == ST_INVALID);
    request.key = 1;
    CHECK(signer_sign(keys, &request, &out, &why) == ST_INVALID); /* the name is channel 0's */
    request.name = &names[1];
    CHECK(signer_sign(keys, &request, &out, &why) == ST_OK);
    end();
}

TEST(a_close_waits_for_locks)
{
    begin((struct signer_limits){0});
    hear_half(0, 0, 7, one(add(0, 1, 7)), 0);
    CHECK(sign_close(0, 0, NOW) == ST_INVALID);
    hear_half(0, 0, 0, one(drop(0)), 0);
    CHECK(sign_close(0, 0, NOW) == ST_OK);
    end();
}

TEST(a_key_signs_for_one_channel_that_pays_out_to_the_account)
{
    begin((struct signer_limits){0});
    struct channel_terms other = terms[0];
    CHECK(signer_know(keys, 0, 0, &other, &why) == ST_OK);
    other.challenge_s++;
    CHECK(signer_know(keys, 0, 0, &other, &why) == ST_INVALID);
    other = terms[0];
    other.owner[0] = signer_owner(keys, 5);
    CHECK(signer_know(keys, 4, 0, &other, &why) == ST_INVALID);
    CHECK(signer_know(keys, 5, 1, &other, &why) == ST_INVALID);
    other.payout[0] = (address){{7}};
    CHECK(signer_know(keys, 5, 0, &other, &why) == ST_INVALID);
    other.payout[0] = keyring_account(ring);
    CHECK(signer_know(keys, 5, 0, &other, &why) == ST_OK);
    end();
}

/* --- Halves and their items. */

TEST(a_half_is_what_its_items_say)
{
    struct {
        struct item items[2];
        usize count;
        u128 sent, locked;
    } rows[] = {
        {{pay(5), add(0, 1, 2)}, 2, 6, 2},       /* pays more */
        {{pay(5)}, 1, 5, 1},                     /* locks more */
        {{pay(5), add(0, 1, 2)}, 2, 4, 2},       /* pays less */
        {{add(0, 1, 5)}, 1, 5, 0},               /* a lock that is a payment */
        {{add(0, 1, 2), add(0, 1, 2)}, 2, 0, 2}, /* two locks in a slot */
        {{paid(3)}, 1, 0, 0},                    /* no lock */
        {{drop(3)}, 1, 0, 0},
    };
    begin((struct signer_limits){0});
    CHECK(allow_direct(0, 100, 1, NOW) == ST_OK);
    CHECK(allow(routed(1, 100, 0, NOW)) == ST_OK);
    for (usize i = 0; i < countof(rows); i++) {
        struct half half = {
            .seq = 1, .sent = rows[i].sent, .locked = rows[i].locked, .root = {{9}}};
        bytes items = items_of(rows[i].items, rows[i].count);
        CHECK_ROW(i, sign_half(0, half, items) == ST_INVALID);
    }
    CHECK(sign_half(0, (struct half){.seq = 1, .root = {{9}}}, hex("0a")) == ST_INVALID);
    CHECK(sign_half(0, half_of(1, 5, 7), items_of((struct item[]){pay(5), add(0, 1, 7)}, 2)) ==
          ST_OK);
    CHECK(sign_half(0, half_of(2, 5, 14), one(add(0, 1, 7))) == ST_INVALID); /* the slot is taken */
    struct half less = {.seq = 2, .sent = 4, .locked = 7, .root = root_of(7, 1)};
    CHECK(sign_half(0, less, BYTES_EMPTY) == ST_INVALID); /* takes back what it paid */
    CHECK(sign_half(0, half_of(2, 12, 0), items_of((struct item[]){paid(0), paid(0)}, 2)) ==
          ST_INVALID);
    CHECK(sign_half(0, half_of(2, 12, 0), one(paid(0))) == ST_OK);
    CHECK(sign_half(0, (struct half){.seq = 3, .sent = 19, .root = {{9}}}, one(paid(0))) ==
          ST_INVALID);
    end();
}

TEST(what_was_not_allowed_is_neither_paid_nor_locked)
{
    begin((struct signer_limits){0});
    CHECK(sign_half(0, half_of(1, 5, 0), one(pay(5))) == ST_INVALID);
    CHECK(allow_direct(1, 5, 1, NOW) == ST_OK); /* in the other channel */
    CHECK(sign_half(0, half_of(1, 5, 0), one(pay(5))) == ST_INVALID);
    CHECK(sign_half(0, half_of(1, 0, 5), one(add(0, 1, 5))) == ST_INVALID);
    CHECK(allow(routed(1, 5, 1, NOW)) == ST_OK);
    CHECK(sign_half(0, half_of(1, 0, 6), one(add(0, 2, 6))) == ST_INVALID);
    CHECK(sign_half(0, half_of(1, 0, 7), one(add(0, 1, 7))) == ST_INVALID);
    /* The first of two fits: nothing of it stays. */
    CHECK(sign_half(0, half_of(1, 0, 8),
                    items_of((struct item[]){add(0, 1, 4), add(1, 1, 4)}, 2)) == ST_INVALID);
    CHECK(sign_half(0, half_of(1, 0, 6), one(add(0, 1, 6))) == ST_OK);
    CHECK(sign_half(0, half_of(2, 0, 7), one(add(1, 1, 1))) == ST_INVALID);
    end();
}

/* --- What passes through. */

TEST(a_lock_that_a_peer_s_pays_for_costs_nothing)
{
    begin((struct signer_limits){.own.payment = 1, .own.hour = 1, .own.day = 1});
    CHECK(sign_half(1, half_of(1, 0, 90), one(add(0, 1, 90))) == ST_INVALID);
    hear_half(0, 0, 100, one(add(0, 1, 100)), 0);
    CHECK(sign_half(1, half_of(1, 0, 101), one(add(0, 1, 101))) == ST_INVALID); /* at a loss */
    CHECK(sign_half(1, half_of(1, 0, 90), one(add_until(0, 1, 90, LOCK_UNTIL + 1))) == ST_INVALID);
    CHECK(sign_half(1, half_of(1, 0, 90), one(add(0, 1, 90))) == ST_OK);
    CHECK(sign_half(1, half_of(2, 0, 180), one(add(1, 1, 90))) == ST_INVALID); /* once */
    CHECK(kept_count == 0);
    /* It is paid on both sides: a lock with the same key is not covered any more. */
    CHECK(sign_half(1, half_of(2, 90, 0), one(paid(0))) == ST_OK);
    hear_half(0, 100, 0, one(paid(0)), 0);
    CHECK(sign_half(1, half_of(3, 90, 5), one(add(0, 1, 5))) == ST_INVALID);
    end();
}

/* Who has the JSON-RPC and a channel with us could else pay itself again and again. */
TEST(a_peer_s_lock_does_not_pay_for_a_payment_of_ours)
{
    u128 hour, day;
    begin((struct signer_limits){.own.day = 100});
    for (u32 i = 0; i < LOCK_KINDS; i++) {
        u8 key = (u8)(1 + i);
        enum lock_kind kind = (enum lock_kind)i;
        struct sign_payment spending = at_stake(key, kind, 30);
        struct item lock = kind == LOCK_OF_SECRET ? add(0, key, 30) : stake(0, key, kind, 30);
        hear_half(0, 0, 30, one(lock), 0);
        CHECK(allow(spending) == ST_OK);
        CHECK(sign_half(1, half_of(1 + 2 * i, 30 * i, 30), one(lock)) == ST_OK);
        CHECK(sign_half(1, half_of(2 + 2 * i, 30 * i + 30, 0), one(paid(0))) == ST_OK);
        hear_half(0, 0, 0, one(drop(0)), 0);
        signer_release(keys, &spending, 0);
        signer_sums(keys, 900, (address){{0}}, NOW, &hour, &day);
        CHECK_ROW(i, day == 30 * (i + 1));
    }
    end();
}

TEST(a_forward_that_fails_covers_the_next_once_the_peer_knows)
{
    begin((struct signer_limits){0});
    hear_half(0, 0, 100, one(add(0, 1, 100)), 0);
    CHECK(sign_half(1, half_of(1, 0, 100), one(add(0, 1, 100))) == ST_OK);
    CHECK(sign_half(1, half_of(2, 0, 0), one(drop(0))) == ST_OK);
    CHECK(sign_half(1, half_of(3, 0, 100), one(add(1, 1, 100))) == ST_INVALID);
    hear_ack(1, 1);
    CHECK(sign_half(1, half_of(3, 0, 100), one(add(1, 1, 100))) == ST_INVALID);
    hear_ack(1, 2);
    CHECK(sign_half(1, half_of(3, 0, 100), one(add(0, 1, 100))) == ST_OK);
    end();
}

TEST(locks_of_another_money_cover_nothing)
{
    begin_with((struct signer_limits){0}, false, 901);
    hear_half(0, 0, 100, one(add(0, 1, 100)), 0);
    CHECK(sign_half(1, half_of(1, 0, 90), one(add(0, 1, 90))) == ST_INVALID);
    end();
    begin_with((struct signer_limits){0}, true, 901); /* unless the daemon swaps */
    hear_half(0, 0, 100, one(add(0, 1, 100)), 0);
    CHECK(sign_half(1, half_of(1, 0, 90), one(add(0, 1, 90))) == ST_OK);
    end();
}

TEST(after_a_restart_the_signer_knows_which_locks_are_covered)
{
    begin((struct signer_limits){0});
    struct locks *theirs = locks_new(), *ours = locks_new(), *none = locks_new();
    locks_set(theirs, 3, &(struct lock){.amount = 100, .expiry_s = LOCK_UNTIL, .key = {{1}}});
    locks_set(ours, 2, &(struct lock){.amount = 60, .expiry_s = LOCK_UNTIL, .key = {{1}}});
    struct channel_newest in = {.half = {{0}, {.seq = 1, .locked = 100}}};
    struct channel_newest out = {.half = {{.seq = 1, .locked = 60}}};
    signer_adopt(keys, 0, &in, theirs);
    signer_adopt(keys, 1, &out, none);
    signer_adopt_locks(keys, 0, none);
    signer_adopt_locks(keys, 1, ours);
    CHECK(sign_half(1, half_of(2, 0, 101), one(add(0, 1, 41))) == ST_INVALID);
    CHECK(sign_half(1, half_of(2, 0, 100), one(add(0, 1, 40))) == ST_OK);
    signer_end(keys, 0); /* the channel is closed */
    CHECK(sign_half(1, half_of(3, 0, 40), one(drop(2))) == ST_OK);
    hear_ack(1, 3);
    CHECK(sign_half(1, half_of(4, 0, 41), one(add(2, 1, 1))) == ST_INVALID);
    locks_free(theirs);
    locks_free(ours);
    locks_free(none);
    end();
}

/* --- Apps. */

TEST(a_stake_is_allowed_like_a_payment_and_paid_in_parts)
{
    u128 hour, day;
    begin((struct signer_limits){.own.payment = 100});
    struct sign_payment spending = at_stake(1, LOCK_OF_FIRST, 100);
    CHECK(limit_of(allow(at_stake(1, LOCK_OF_FIRST, 101))) == LIMIT_PAYMENT);
    CHECK(allow(spending) == ST_OK);
    CHECK(sign_half(0, half_of(1, 0, 100), one(add(0, 1, 100))) == ST_INVALID);
    CHECK(sign_half(0, half_of(1, 0, 100), one(stake(0, 1, LOCK_OF_SECOND, 100))) == ST_INVALID);
    CHECK(sign_half(0, half_of(1, 0, 100), one(stake(0, 1, LOCK_OF_FIRST, 100))) == ST_OK);
    CHECK(sign_half(0, half_of(2, 30, 69), one(part(0, 30))) == ST_INVALID);
    CHECK(sign_half(0, half_of(2, 100, 0), one(part(0, 100))) == ST_INVALID); /* that is PAID */
    CHECK(sign_half(0, half_of(2, 30, 70), one(part(1, 30))) == ST_INVALID);
    CHECK(sign_half(0, half_of(2, 30, 70),
                    items_of((struct item[]){part(0, 10), part(0, 20)}, 2)) == ST_INVALID);
    CHECK(sign_half(0, half_of(2, 30, 70), one(part(0, 30))) == ST_OK);
    CHECK(sign_half(0, half_of(3, 30, 0), one(drop(0))) == ST_OK);
    signer_release(keys, &spending, 0);
    signer_sums(keys, 900, (address){{0}}, NOW, &hour, &day);
    CHECK(day == 100);
    hear_ack(0, 3);
    signer_sums(keys, 900, (address){{0}}, NOW, &hour, &day);
    CHECK(day == 30); /* the rest came back */
    CHECK(sign_half(0, half_of(4, 30, 1), one(stake(0, 1, LOCK_OF_FIRST, 1))) == ST_INVALID);
    end();
}

TEST(a_secret_s_lock_is_not_paid_in_parts)
{
    begin((struct signer_limits){0});
    CHECK(allow(routed(1, 100, 0, NOW)) == ST_OK);
    CHECK(sign_half(0, half_of(1, 0, 100), one(add(0, 1, 100))) == ST_OK);
    CHECK(sign_half(0, half_of(2, 30, 70), one(part(0, 30))) == ST_INVALID);
    end();
}

TEST(a_lock_that_is_joined_for_others_costs_nothing)
{
    begin_with((struct signer_limits){.own.payment = 1, .own.hour = 1, .own.day = 1}, true, 900);
    hear_half(0, 0, 100, one(stake(0, 1, LOCK_OF_FIRST, 100)), 0);
    /* Not of the other side's, and not of the same key alone. */
    CHECK(sign_half(1, half_of(1, 0, 90), one(stake(0, 1, LOCK_OF_SECOND, 90))) == ST_INVALID);
    CHECK(sign_half(1, half_of(1, 0, 90), one(add(0, 1, 90))) == ST_INVALID);
    CHECK(sign_half(1, half_of(1, 0, 101), one(stake(0, 1, LOCK_OF_FIRST, 101))) == ST_INVALID);
    CHECK(sign_half(1, half_of(1, 0, 60), one(stake(0, 1, LOCK_OF_FIRST, 60))) == ST_OK);
    hear_half(0, 70, 30, one(part(0, 70)), 0); /* which covers so much less */
    CHECK(sign_half(1, half_of(2, 0, 91), one(stake(1, 1, LOCK_OF_FIRST, 31))) == ST_INVALID);
    CHECK(sign_half(1, half_of(2, 60, 0), one(paid(0))) == ST_OK);
    hear_half(0, 70, 0, one(drop(0)), 0);
    CHECK(sign_half(1, half_of(3, 60, 1), one(stake(0, 1, LOCK_OF_FIRST, 1))) == ST_INVALID);
    CHECK(kept_count == 0);
    end();
}

TEST(locks_of_apps_cover_nothing_on_another_chain)
{
    begin_with((struct signer_limits){0}, true, 901);
    hear_half(0, 0, 100, one(stake(0, 1, LOCK_OF_FIRST, 100)), 0);
    CHECK(sign_half(1, half_of(1, 0, 90), one(stake(0, 1, LOCK_OF_FIRST, 90))) == ST_INVALID);
    end();
}

static enum status sign_state(u8 app, u64 version, u128 moves)
{
    struct app_state state = {.version = version, .moves = {moves, 0}};
    struct sign_app of = {{{app}}, &state};
    struct sign_request request = {.kind = SIGN_APP, .app = &of};
    signature64 out;
    enum status st = signer_sign(keys, &request, &out, &why);
    point33 node = keyring_node(ring);
    address who;
    CHECK(point_address(&node, &who) == ST_OK);
    CHECK(st != ST_OK || signature_is_of(&out, app_digest((hash32){{7}}, of.id, &state), who));
    return st;
}

static struct signer_app app_of(u8 id, bool has_rules)
{
    point33 node = keyring_node(ring);
    struct signer_app app = {
        .id = {{id}}, .domain = {{7}}, .stake = {50, 0}, .expiry_s = 100, .has_rules = has_rules};
    CHECK(point_address(&node, &app.player) == ST_OK);
    return app;
}

TEST(states_of_an_app_are_signed_once_and_in_order)
{
    begin((struct signer_limits){0});
    struct signer_app app = app_of(1, true), other = app_of(2, true);
    CHECK(sign_state(1, 1, 0) == ST_INVALID); /* it has not begun */
    other.player = (address){{5}};
    CHECK(signer_app_begin(keys, &other, &why) == ST_INVALID);
    CHECK(signer_app_begin(keys, &app, &why) == ST_OK);
    CHECK(sign_state(2, 1, 0) == ST_INVALID);
    CHECK(sign_state(1, 0, 0) == ST_INVALID); /* nobody signs that */
    CHECK(sign_state(1, 1, 51) == ST_INVALID);
    CHECK(sign_state(1, 1, 50) == ST_OK);
    CHECK(sign_state(1, 1, 49) == ST_INVALID);
    CHECK(sign_state(1, 1, 50) == ST_INVALID);
    CHECK(sign_state(1, 4, 0) == ST_OK);
    CHECK(sign_state(1, 3, 0) == ST_INVALID);
    signer_app_agree(keys, (hash32){{1}}, 7);
    CHECK(sign_state(1, 7, 0) == ST_INVALID && sign_state(1, 8, 0) == ST_OK);
    signer_app_end(keys, (hash32){{1}});
    CHECK(sign_state(1, 9, 0) == ST_INVALID);
    CHECK(signer_app_begin(keys, &app, &why) == ST_INVALID);
    CHECK(sign_state(1, 9, 0) == ST_INVALID);
    end();
}

TEST(without_rules_a_state_of_the_other_s_may_come_between)
{
    begin((struct signer_limits){0});
    struct signer_app app = app_of(1, false);
    CHECK(signer_app_begin(keys, &app, &why) == ST_OK);
    signer_app_note(keys, (hash32){{1}}, 3); /* by the journal */
    CHECK(sign_state(1, 3, 0) == ST_INVALID);
    CHECK(sign_state(1, 5, 0) == ST_OK);
    CHECK(sign_state(1, 3, 0) == ST_INVALID && sign_state(1, 2, 0) == ST_INVALID);
    CHECK(sign_state(1, 4, 0) == ST_OK);
    CHECK(sign_state(1, 4, 1) == ST_INVALID && sign_state(1, 5, 1) == ST_INVALID);
    CHECK(sign_state(1, 9, 0) == ST_OK);
    CHECK(sign_state(1, 5, 1) == ST_INVALID);
    signer_app_agree(keys, (hash32){{1}}, 8);
    CHECK(sign_state(1, 8, 0) == ST_INVALID && sign_state(1, 7, 0) == ST_INVALID);
    end();
}

/* --- A key for another channel. */

TEST(a_key_is_given_on_only_while_nothing_was_signed_with_it)
{
    struct channel_terms other;
    begin((struct signer_limits){0});
    other = terms[0];
    other.salt = (hash32){{9}};
    CHECK(!signer_has_signed(keys, 0));
    signer_forget(keys, 0);
    CHECK(sign_half(0, half_of(1, 0, 0), BYTES_EMPTY) == ST_INVALID); /* nobody's */
    CHECK(signer_know(keys, 0, 0, &other, &why) == ST_OK);
    signer_forget(keys, 0);
    CHECK(signer_know(keys, 0, 0, &terms[0], &why) == ST_OK);
    CHECK(sign_close(0, 0, NOW) == ST_OK);
    CHECK(signer_has_signed(keys, 0));
    signer_forget(keys, 0);
    CHECK(signer_know(keys, 0, 0, &other, &why) == ST_INVALID);
    CHECK(sign_close(0, 1, NOW) == ST_INVALID);
    other = terms[1];
    other.salt = (hash32){{9}};
    signer_note(keys, 1, 0, 0); /* a record says so */
    signer_forget(keys, 1);
    CHECK(signer_know(keys, 1, 0, &other, &why) == ST_INVALID);
    signer_forget(keys, 1000); /* never used */
    end();
}

/* A lock may wait for its update until what was to pay for it is over. */
TEST(a_lock_that_is_refused_is_taken_back_and_the_rest_goes_out)
{
    begin((struct signer_limits){0});
    const u128 deposited[2] = {1000, 0}, withdrawn[2] = {0, 0};
    struct channel *channel = channel_new(&terms[0], 0, 0);
    struct channel_signer signer = signer_of_channels(keys);
    struct channel_events events = {0};
    struct wire_update update;
    u32 slot;
    channel_see(channel, deposited, withdrawn);
    channel_peer_sees(channel, deposited, withdrawn);
    CHECK(allow_direct(0, 5, 1, NOW) == ST_OK);
    struct item list[] = {add(0, 1, 300), pay(5), stake(0, 2, LOCK_OF_FIRST, 400)};
    for (usize i = 0; i < countof(list); i++)
        CHECK(channel_queue(channel, &list[i], &slot, &why) == ST_OK);
    CHECK(channel_spendable(channel) == 295);
    CHECK(channel_make_update(channel, &signer, &update, &events, &why) == ST_INVALID);
    CHECK(events.count == 0 && channel_unqueue_locks(channel, &events));
    CHECK(events.count == 2 && events.list[0].kind == EVENT_DROPPED && events.list[0].slot == 0 &&
          events.list[1].kind == EVENT_DROPPED && events.list[1].slot == 1);
    CHECK(channel_spendable(channel) == 995 && !channel_lock_lives(channel, 0));
    CHECK(channel_make_update(channel, &signer, &update, &events, &why) == ST_OK);
    CHECK(bytes_equal(update.items, one(pay(5))));
    CHECK(!channel_unqueue_locks(channel, &events));
    channel_events_free(&events);
    channel_free(channel);
    end();
}

/* --- Limits. */

TEST(each_limit_is_kept_and_says_which_it_is)
{
    begin((struct signer_limits){
        .own.payment = 10, .own.hour = 15, .own.day = 20, .own.channel = 50});
    CHECK(limit_of(allow(routed(1, 11, 0, NOW))) == LIMIT_PAYMENT);
    CHECK(signer_why(keys)->most == 10 && signer_why(keys)->wanted == 11);
    CHECK(limit_of(allow_direct(0, 11, 1, NOW)) == LIMIT_PAYMENT);
    CHECK(allow(routed(1, 10, 0, NOW)) == ST_OK);
    CHECK(limit_of(allow(routed(2, 5, 1, NOW))) == LIMIT_HOUR); /* with its fee */
    CHECK(signer_why(keys)->most == 15 && signer_why(keys)->spent == 10 &&
          signer_why(keys)->wanted == 6);
    CHECK(limit_of(allow_direct(0, 2, 3, NOW)) == LIMIT_HOUR);
    CHECK(allow_direct(0, 1, 5, NOW) == ST_OK);
    CHECK(limit_of(allow_direct(0, 1, 1, NOW + 3599)) == LIMIT_HOUR);
    CHECK(allow_direct(0, 1, 5, NOW + 2 * 3600) == ST_OK);
    CHECK(limit_of(allow_direct(0, 1, 1, NOW + 4 * 3600)) == LIMIT_DAY);
    CHECK(limit_of(allow_direct(0, 1, 1, NOW + 86399)) == LIMIT_DAY);
    CHECK(allow_direct(0, 1, 10, NOW + 86400 + 2 * SLICE_S) == ST_OK);
    struct sign_deposit deposit = {.chain_id = 900, .total = 51};
    struct sign_request request = {.kind = SIGN_DEPOSIT, .deposit = &deposit};
    CHECK(limit_of(signer_sign(keys, &request, NULL, &why)) == LIMIT_CHANNEL);
    deposit.total = 50;
    CHECK(signer_sign(keys, &request, NULL, &why) == ST_OK);
    end();
}

TEST(chains_are_counted_apart)
{
    begin((struct signer_limits){.own.day = 10});
    struct sign_payment payment = routed(1, 10, 0, NOW);
    CHECK(allow(payment) == ST_OK);
    payment.chain_id = 901;
    CHECK(allow(payment) == ST_OK);
    CHECK(limit_of(allow(payment)) == LIMIT_DAY);
    end();
}

TEST(a_clock_that_goes_back_does_not_forget)
{
    begin((struct signer_limits){.own.hour = 10});
    CHECK(allow_direct(0, 10, 1, NOW) == ST_OK);
    CHECK(limit_of(allow_direct(0, 1, 1, NOW - 86400)) == LIMIT_HOUR);
    CHECK(limit_of(allow_direct(0, 1, 1, 0)) == LIMIT_HOUR);
    end();
}

TEST(amounts_that_no_channel_has_are_refused)
{
    begin((struct signer_limits){0});
    CHECK(allow_direct(0, 0, 1, NOW) == ST_INVALID);
    CHECK(allow_direct(0, 1, 0, NOW) == ST_INVALID);
    CHECK(allow_direct(0, CHANNEL_AMOUNT_LIMIT, 1, NOW) == ST_INVALID);
    CHECK(allow_direct(0, CHANNEL_AMOUNT_LIMIT - 1, 1000, NOW) == ST_INVALID);
    CHECK(allow(routed(1, 1, CHANNEL_AMOUNT_LIMIT, NOW)) == ST_INVALID);
    end();
}

TEST(what_a_payment_has_not_used_is_not_spent)
{
    u128 hour, day;
    begin((struct signer_limits){.own.day = 20});
    struct sign_payment payment = routed(1, 10, 5, NOW);
    CHECK(allow(payment) == ST_OK);
    CHECK(sign_half(0, half_of(1, 0, 12), one(add(0, 1, 12))) == ST_OK);
    CHECK(sign_half(0, half_of(2, 0, 0), one(drop(0))) == ST_OK);
    /* Before the peer knows that it is gone, the lock may still be paid. */
    signer_sums(keys, 900, (address){{0}}, NOW, &hour, &day);
    CHECK(day == 15);
    hear_ack(0, 2);
    CHECK(sign_half(0, half_of(3, 0, 11), one(add(0, 1, 11))) == ST_OK);
    CHECK(sign_half(0, half_of(4, 11, 0), one(paid(0))) == ST_OK);
    signer_release(keys, &payment, 0);
    signer_sums(keys, 900, (address){{0}}, NOW, &hour, &day);
    CHECK(hour == 11 && day == 11);
    signer_release(keys, &payment, 0);
    CHECK(sign_half(0, half_of(5, 11, 1), one(add(1, 1, 1))) == ST_INVALID);
    CHECK(allow_direct(1, 3, 3, NOW) == ST_OK);
    CHECK(sign_half(1, half_of(1, 3, 0), one(pay(3))) == ST_OK);
    struct sign_payment direct = {.chain_id = 900, .is_direct = true, .key = 1};
    signer_release(keys, &direct, 6);
    signer_release(keys, &direct, 6);
    CHECK(sign_half(1, half_of(2, 6, 0), one(pay(3))) == ST_INVALID);
    signer_sums(keys, 900, (address){{0}}, NOW, &hour, &day);
    CHECK(day == 14);
    end();
}

TEST(sums_are_the_same_after_a_restart)
{
    struct signer_limits limits = {.own.day = 20};
    u128 hour, day;
    begin(limits);
    CHECK(allow_direct(0, 5, 1, NOW) == ST_OK);
    CHECK(allow_direct(0, 5, 1, NOW + 1) == ST_OK);
    CHECK(allow_direct(0, 5, 1, NOW + 7200) == ST_OK);
    struct sign_payment direct = {.chain_id = 900, .is_direct = true, .key = 0};
    signer_release(keys, &direct, 2);
    struct signer_options options = {.ring = ring, .limits = limits};
    struct limited_signer *again = signer_new(&options);
    for (usize i = 0; i < kept_count; i++)
        signer_spent(again, (address){{0}}, &kept[i]);
    signer_sums(again, 900, (address){{0}}, NOW + 7200, &hour, &day);
    CHECK(hour == 3 && day == 13);
    struct sign_payment payment = routed(1, 8, 0, NOW + 7200);
    struct sign_request request = {.kind = SIGN_PAYMENT, .payment = &payment};
    CHECK(signer_sign(again, &request, NULL, &why) == ST_FULL);
    payment.amount = 7;
    CHECK(signer_sign(again, &request, NULL, &why) == ST_OK);
    signer_free(again);
    end();
}
