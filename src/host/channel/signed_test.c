/* The digests of what is signed, against the vectors of contracts/channel/README.md. */
#include "channel/locks.h"
#include "channel/signed.h"

#include "crypto/keccak.h"
#include "harness/test.h"

static hash32 hash_of(const char *digits)
{
    hash32 out;
    bytes_copy(out.b, hex(digits));
    return out;
}

static secret32 secret_of(u8 number)
{
    return (secret32){{[31] = number}};
}

static address address_of(u8 number)
{
    return (address){{[19] = number}};
}

static hash32 number_of(u8 number)
{
    return (hash32){{[31] = number}};
}

static struct channel_terms example_terms(void)
{
    struct channel_terms terms = {
        .chain_id = 900,
        .adjudicator = {{[18] = 0xad, [19] = 0x1c}},
        .challenge_s = 3600,
        .payout = {address_of(0xa0), address_of(0xb0)},
        .salt = number_of(7),
    };
    for (u8 side = 0; side < 2; side++) {
        secret32 secret = secret_of(side + 1);
        CHECK(secret_address(&secret, &terms.owner[side]) == ST_OK);
    }
    return terms;
}

/* The key of the preimage that is this number. */
static hash32 key_of(u8 number)
{
    hash32 preimage = number_of(number), key;
    sha256_joined(BYTES_OF(preimage), BYTES_EMPTY, key.b);
    return key;
}

static struct locks *first_chunk(void)
{
    struct locks *locks = locks_new();
    struct lock lock = {.amount = 1000, .expiry_s = 1700000100, .key = key_of(42)};
    locks_set(locks, 0, &lock);
    lock = (struct lock){
        .amount = 2000,
        .expiry_s = 1700000200,
        .key = hash_of("1bec7c333d3d0c3eef8c6199a402856509c3f869d25408cc1cc2208d0371db0e")};
    locks_set(locks, 1, &lock);
    return locks;
}

TEST(a_channels_name_is_that_of_the_contract)
{
    struct channel_terms terms = example_terms();
    CHECK(bytes_equal(BYTES_OF(terms.owner[0]), hex("7E5F4552091A69125d5DfCb7b8C2659029395Bdf")));
    CHECK(bytes_equal(BYTES_OF(terms.owner[1]), hex("2B5AD5c4795c026514f8317c7a215E218DcCD6cF")));
    struct channel_name name = channel_name_of(&terms);
    CHECK(hash32_equal(
        name.domain, hash_of("6b7e3ab07a3ced2210a0c9b00250c682819fbd3f13924fac07429568249e7731")));
    CHECK(hash32_equal(
        name.pair, hash_of("f513407370841539ba6cb51d848a8039d35f5b652f30b6734758137e2aecbef9")));
    CHECK(hash32_equal(
        name.id, hash_of("20bd37ba2c8ee5efb9a4a79a8f6205602ebf9a27b5b343b37ea464cc7ac221a5")));
    CHECK(
        hash32_equal(channel_salt_hash(terms.salt),
                     hash_of("a66cc928b5edb82af9bd49922954155ab7b0942694bea4ce44661d9a8736c688")));
}

static struct base example_base(void)
{
    return (struct base){
        .epoch = 5,
        .balance = {60000, 40000},
        .deposited = {70000, 30000},
        .locked = {3000},
        .root = {hash_of("d4d5114e7d5e981967c2f10f07fae814a2aa8f023dd60ddedc8b91607ae95bf6")},
    };
}

static struct half half_of_a(void)
{
    return (struct half){
        .side = 0,
        .epoch = 5,
        .seq = 9,
        .sent = 1500,
        .locked = 6000,
        .root = hash_of("e80d44347f752ef36728b80926990e8a707f507d1168e371988f0435fd300231"),
    };
}

TEST(struct_hashes_are_those_of_the_contract)
{
    struct channel_terms terms = example_terms();
    hash32 id = channel_name_of(&terms).id;
    struct base base = example_base();
    struct half a = half_of_a();
    CHECK(
        hash32_equal(base_hash(id, &base),
                     hash_of("cd5552d88e529c4bceb56aaccbf0726b13da286184105e6eb28de53882d2c20a")));
    CHECK(
        hash32_equal(half_hash(id, &a),
                     hash_of("9bba277a175853c3c1a86f9660ba3abf4ee9cc1826173283811072a62fcd3544")));
    struct half b = {
        .side = 1, .epoch = 5, .seq = 4, .sent = 250, .ack_seq = 9, .ack_hash = half_hash(id, &a)};
    CHECK(
        hash32_equal(half_hash(id, &b),
                     hash_of("449e80d22b7e653cadd73b468fce61bf4350d9491c0afd1852939874a1f02405")));
    struct channel_close close = {-2500, 1700001000};
    CHECK(
        hash32_equal(close_hash(id, &close),
                     hash_of("c298effa942194f52cf33235075ccdd8901a06bfbda9e84d3135ceff14363dec")));
    struct channel_withdraw withdraw = {1, 700, 1700001000};
    CHECK(
        hash32_equal(withdraw_hash(id, &withdraw),
                     hash_of("f168d098beb41bfde8d9342de4f4386a8a76ba8e845e30783ff6471b5903afca")));
}

TEST(signatures_are_those_that_the_contract_takes)
{
    struct channel_terms terms = example_terms();
    struct channel_name name = channel_name_of(&terms);
    struct base base = example_base();
    hash32 digest = signed_digest(name.domain, base_hash(name.id, &base));
    CHECK(hash32_equal(
        digest, hash_of("19c66f7cb6bf94a90341a9873f3ee35e9118c1d1c5e3e4f4aa2a57a00cb47ae5")));
    static const char *const wanted[2] = {
        "a40b6633ad8d364b670d27ba7ec361d50fac0463bb3424a5cf6430400324d521"
        "c4d9e48d982a5a071f14a8ec8362f9bbdd2dbca123d052e6475d613784363510",
        "d8f2e928a61361ae79caaca79d6ca7682f845cf3fde4bf8105a45d9c1ac67691"
        "b71bf8dbbf42996c5ba59f14e5da6560b47512f86cf84d0091ab09535e768165"};
    for (u8 side = 0; side < 2; side++) {
        secret32 secret = secret_of(side + 1);
        signature64 signature;
        CHECK(secret_sign(&secret, digest, &signature) == ST_OK);
        CHECK_ROW(side, bytes_equal(BYTES_OF(signature), hex(wanted[side])));
        CHECK_ROW(side, signature_is_of(&signature, digest, terms.owner[side]));
        CHECK_ROW(side, !signature_is_of(&signature, digest, terms.owner[1 - side]));
        signature.b[32] ^= 0x80; /* the other parity */
        CHECK_ROW(side, !signature_is_of(&signature, digest, terms.owner[side]));
    }
}

TEST(a_signature_with_a_high_s_is_refused)
{
    /* s = order - s, and the other parity: the same signature to a verifier that is not strict. */
    struct channel_terms terms = example_terms();
    struct base base = example_base();
    struct channel_name name = channel_name_of(&terms);
    hash32 digest = signed_digest(name.domain, base_hash(name.id, &base));
    secret32 secret = secret_of(1);
    signature64 signature;
    CHECK(secret_sign(&secret, digest, &signature) == ST_OK);
    bytes order = hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    signature.b[32] ^= 0x80;
    bool parity = signature.b[32] >> 7;
    signature.b[32] &= 0x7f;
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int digit = order.data[i] - signature.b[32 + i] - borrow;
        borrow = digit < 0;
        signature.b[32 + i] = (u8)digit;
    }
    signature.b[32] = (u8)((signature.b[32] & 0x7f) | parity << 7);
    CHECK(!signature_is_of(&signature, digest, terms.owner[0]));
}

/* --- Locks. */

TEST(roots_of_locks_are_those_of_the_contract)
{
    struct locks *locks = first_chunk();
    CHECK(
        hash32_equal(locks_root(locks),
                     hash_of("d4d5114e7d5e981967c2f10f07fae814a2aa8f023dd60ddedc8b91607ae95bf6")));
    struct lock_chunk chunk = locks_chunk(locks, 0, test_arena());
    CHECK(
        hash32_equal(keccak256(chunk.locks),
                     hash_of("048b0b1f384811acd0b22de8c3f87cabde09bfc103c55ec924e2c1f4f8ea18df")));
    CHECK(chunk.count == 1 && chunk.path_size == 0);
    CHECK(locks_total(locks) == 3000 && locks_count(locks) == 2 && locks_end(locks) == 2);
    locks_free(locks);
}

/* Locks.sol: amount << 128 | kind << 40 | expiry, then the key. */
TEST(a_lock_of_an_app_says_so_above_its_expiry)
{
    struct locks *locks = locks_new();
    struct lock lock = {
        .amount = 9, .expiry_s = 0xa1b2c3d4e5, .key = {{7}}, .kind = LOCK_OF_SECOND};
    locks_set(locks, 0, &lock);
    struct lock_chunk chunk = locks_chunk(locks, 0, test_arena());
    CHECK(bytes_equal(bytes_slice(chunk.locks, 0, 32),
                      hex("00000000000000000000000000000009000000000000000000000"
                          "2a1b2c3d4e5")));
    struct lock again = locks_get(locks, 0);
    CHECK(again.amount == 9 && again.expiry_s == 0xa1b2c3d4e5 && again.kind == LOCK_OF_SECOND);
    locks_free(locks);
}

/* The top over these leaves by the definition, every node anew. */
static hash32 plain_root(struct locks *locks)
{
    hash32 level[LOCKS_MOST_CHUNKS] = {{{0}}};
    u32 end = locks_end(locks), count = (end + LOCKS_PER_CHUNK - 1) / LOCKS_PER_CHUNK;
    if (end == 0)
        return (hash32){{0}};
    for (u32 i = 0; i < count; i++) {
        u8 chunk[LOCK_SIZE * LOCKS_PER_CHUNK] = {0};
        usize size = 0;
        for (u32 slot = i * LOCKS_PER_CHUNK; slot < end && size < sizeof(chunk); slot++) {
            struct lock lock = locks_get(locks, slot);
            store_be64(chunk + size + 8, (u64)lock.amount);
            store_be64(chunk + size + 24, lock.expiry_s);
            memcpy(chunk + size + 32, lock.key.b, 32);
            size += LOCK_SIZE;
        }
        level[i] = keccak256((bytes){chunk, size});
    }
    u32 width = 1;
    while (width < count)
        width *= 2;
    for (; width > 1; width /= 2)
        for (u32 i = 0; i < width / 2; i++)
            level[i] = keccak256((bytes){level[2 * i].b, 64});
    hash32 pair[2] = {number_of((u8)count), level[0]};
    pair[0].b[30] = (u8)(count >> 8);
    return keccak256((bytes){pair[0].b, 64});
}

TEST(a_root_does_not_depend_on_how_the_locks_came_about)
{
    u64 seed = 4;
    struct locks *locks = locks_new();
    CHECK(hash32_is_zero(locks_root(locks)));
    for (int i = 0; i < 3000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        u32 slot = (u32)(seed >> 40) % (i % 5 == 0 ? 600 : 70);
        struct lock lock = {.amount = (seed >> 33) % 3, .expiry_s = seed >> 50, .key = key_of(3)};
        struct lock none = {0};
        locks_set(locks, slot, lock.amount == 0 ? &none : &lock);
        if (i % 3 == 0)
            CHECK_ROW(i, hash32_equal(locks_root(locks), plain_root(locks)));
    }
    while (locks_end(locks) > 0) {
        struct lock none = {0};
        locks_set(locks, locks_end(locks) - 1, &none);
        CHECK(hash32_equal(locks_root(locks), plain_root(locks)));
    }
    CHECK(locks_total(locks) == 0 && locks_count(locks) == 0 && locks_free_slot(locks) == 0);
    locks_free(locks);
}

TEST(free_slots_below_a_lock_are_hashed_as_they_are)
{
    struct locks *locks = locks_new();
    struct lock lock = {.amount = 1, .expiry_s = 1700000000, .key = key_of(3)};
    static const u32 slots[] = {31, 32, 64, 100, LOCKS_MOST - 1};
    for (usize i = 0; i < countof(slots); i++) {
        struct lock none = {0};
        locks_set(locks, slots[i], &lock);
        CHECK_ROW(i, hash32_equal(locks_root(locks), plain_root(locks)));
        locks_set(locks, slots[i], &none);
    }
    locks_free(locks);
}

TEST(a_chunk_and_its_path_lead_to_the_root)
{
    struct locks *locks = locks_new();
    for (u32 slot = 0; slot < 200; slot++) {
        CHECK(locks_free_slot(locks) == slot && !locks_have(locks, number_of((u8)(slot + 1))));
        struct lock lock = {.amount = slot + 1, .expiry_s = 1700000000, .key = number_of((u8)slot)};
        locks_set(locks, slot, &lock);
        CHECK(slot == 0 || locks_have(locks, lock.key));
    }
    hash32 root = locks_root(locks);
    for (u32 i = 0; i < 7; i++) {
        struct lock_chunk chunk = locks_chunk(locks, i, test_arena());
        CHECK(chunk.count == 7 && chunk.path_size == 3);
        hash32 at = keccak256(chunk.locks);
        for (u32 level = 0; level < 3; level++) {
            hash32 pair[2] = {at, chunk.path[level]};
            if (i >> level & 1)
                pair[0] = chunk.path[level], pair[1] = at;
            at = keccak256((bytes){pair[0].b, 64});
        }
        hash32 last[2] = {number_of(7), at};
        CHECK_ROW(i, hash32_equal(root, keccak256((bytes){last[0].b, 64})));
    }
    locks_free(locks);
}
