#include "channel/signed.h"

#include "crypto/keccak.h"

#include <assert.h>
#include <pthread.h>

/* --- Words, as Solidity's abi.encode lays them out. */

enum { MOST_WORDS = 16 };

struct words {
    u8 b[MOST_WORDS * 32];
    usize count;
};

static u8 *next_word(struct words *words)
{
    assert(words->count < MOST_WORDS);
    u8 *word = words->b + 32 * words->count++;
    memset(word, 0, 32);
    return word;
}

static void put_hash(struct words *words, hash32 value)
{
    memcpy(next_word(words), value.b, 32);
}

static void put_u128(struct words *words, u128 value)
{
    u8 *word = next_word(words);
    store_be64(word + 16, (u64)(value >> 64));
    store_be64(word + 24, (u64)value);
}

static void put_i128(struct words *words, i128 value)
{
    u8 *word = next_word(words);
    memset(word, value < 0 ? 0xff : 0, 16);
    store_be64(word + 16, (u64)((u128)value >> 64));
    store_be64(word + 24, (u64)value);
}

static void put_address(struct words *words, address value)
{
    memcpy(next_word(words) + 12, value.b, sizeof(value.b));
}

static void put_by_side(struct words *words, const u128 value[2])
{
    put_u128(words, value[0]);
    put_u128(words, value[1]);
}

static hash32 hash_words(const struct words *words)
{
    return keccak256((bytes){words->b, 32 * words->count});
}

/* --- Types of EIP-712. */

static const char DOMAIN_TYPE[] =
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";

enum type { TYPE_BASE, TYPE_HALF, TYPE_CLOSE, TYPE_WITHDRAW, TYPES };

static const char *const type_text[TYPES] = {
    [TYPE_BASE] = "Base(bytes32 id,uint64 epoch,uint128 balA,uint128 balB,uint128 depA,"
                  "uint128 depB,uint128 wdA,uint128 wdB,uint128 lockedA,bytes32 rootA,"
                  "uint128 lockedB,bytes32 rootB)",
    [TYPE_HALF] = "Half(bytes32 id,uint8 side,uint64 epoch,uint64 seq,uint128 sent,"
                  "uint128 locked,bytes32 root,uint64 ackSeq,bytes32 ackHash)",
    [TYPE_CLOSE] = "Close(bytes32 id,int128 net,uint64 until)",
    [TYPE_WITHDRAW] = "Withdraw(bytes32 id,uint8 side,uint128 total,uint64 until)",
};

static hash32 hash_text(const char *text)
{
    return keccak256((bytes){(const u8 *)text, strlen(text)});
}

/* Hashed once; half hashes are made thousands of times a second. */
static hash32 type_hash[TYPES];
static pthread_once_t types_once = PTHREAD_ONCE_INIT;

static void hash_types(void)
{
    for (usize i = 0; i < TYPES; i++)
        type_hash[i] = hash_text(type_text[i]);
}

static struct words typed(enum type type, hash32 id)
{
    pthread_once(&types_once, hash_types);
    struct words words = {.count = 0};
    put_hash(&words, type_hash[type]);
    put_hash(&words, id);
    return words;
}

/* --- Names. */

hash32 channel_salt_hash(hash32 salt)
{
    return keccak256(BYTES_OF(salt));
}

hash32 channel_secrets_hash(const struct channel_terms *terms)
{
    struct words secret = {.count = 0};
    put_address(&secret, terms->payout[0]);
    put_address(&secret, terms->payout[1]);
    put_hash(&secret, channel_salt_hash(terms->salt));
    return hash_words(&secret);
}

hash32 signed_domain(const char *name, u64 chain_id, address contract)
{
    struct words words = {.count = 0};
    put_hash(&words, hash_text(DOMAIN_TYPE));
    put_hash(&words, hash_text(name));
    put_hash(&words, hash_text("1"));
    put_u128(&words, chain_id);
    put_address(&words, contract);
    return hash_words(&words);
}

struct channel_name channel_name_of(const struct channel_terms *terms)
{
    struct words pair = {.count = 0}, id = {.count = 0};
    put_u128(&pair, terms->chain_id);
    put_address(&pair, terms->adjudicator);
    put_address(&pair, terms->owner[0]);
    put_address(&pair, terms->owner[1]);
    put_u128(&pair, terms->challenge_s);
    put_hash(&pair, channel_secrets_hash(terms));

    struct channel_name name = {.pair = hash_words(&pair)};
    put_hash(&id, name.pair);
    put_address(&id, terms->asset);
    name.id = hash_words(&id);
    name.domain = signed_domain("varve channel", terms->chain_id, terms->adjudicator);
    return name;
}

/* --- Struct hashes. */

hash32 base_hash(hash32 id, const struct base *base)
{
    struct words words = typed(TYPE_BASE, id);
    put_u128(&words, base->epoch);
    put_by_side(&words, base->balance);
    put_by_side(&words, base->deposited);
    put_by_side(&words, base->withdrawn);
    for (u32 side = 0; side < 2; side++) {
        put_u128(&words, base->locked[side]);
        put_hash(&words, base->root[side]);
    }
    return hash_words(&words);
}

hash32 half_hash(hash32 id, const struct half *half)
{
    struct words words = typed(TYPE_HALF, id);
    put_u128(&words, half->side);
    put_u128(&words, half->epoch);
    put_u128(&words, half->seq);
    put_u128(&words, half->sent);
    put_u128(&words, half->locked);
    put_hash(&words, half->root);
    put_u128(&words, half->ack_seq);
    put_hash(&words, half->ack_hash);
    return hash_words(&words);
}

hash32 close_hash(hash32 id, const struct channel_close *close)
{
    struct words words = typed(TYPE_CLOSE, id);
    put_i128(&words, close->net);
    put_u128(&words, close->until_s);
    return hash_words(&words);
}

hash32 withdraw_hash(hash32 id, const struct channel_withdraw *withdraw)
{
    struct words words = typed(TYPE_WITHDRAW, id);
    put_u128(&words, withdraw->side);
    put_u128(&words, withdraw->total);
    put_u128(&words, withdraw->until_s);
    return hash_words(&words);
}

hash32 signed_digest(hash32 domain, hash32 struct_hash)
{
    u8 text[66] = {0x19, 0x01};
    memcpy(text + 2, domain.b, 32);
    memcpy(text + 34, struct_hash.b, 32);
    return keccak256(BYTES_OF(text));
}
