#include "channel/deployed.h"

#include "channel/deployed.inc"
#include "channel/signed.h"
#include "crypto/keccak.h"

const address DEPLOYMENT_PROXY_ADDRESS = {{0x4e, 0x59, 0xb4, 0x48, 0x47, 0xb3, 0x79,
                                           0x57, 0x85, 0x88, 0x92, 0x0c, 0xa7, 0x8f,
                                           0xbf, 0x26, 0xc0, 0xb4, 0x95, 0x6c}};

static const struct deployed {
    const address *who;
    bytes init;
    usize runtime_at, runtime_size; /* in it */
    const char *domain;             /* the EIP-712 name of what is signed for it */
    const struct immutable_place *immutables;
    usize immutable_count;
} table[DEPLOYED_CONTRACTS] = {
    [DEPLOYED_REGISTRY] = {.who = &REGISTRY_ADDRESS,
                           .init = {registry_init, sizeof(registry_init)},
                           .runtime_at = REGISTRY_RUNTIME_AT,
                           .runtime_size = REGISTRY_RUNTIME_SIZE},
    [DEPLOYED_APPS] = {&APPS_ADDRESS,
                       {apps_init, sizeof(apps_init)},
                       APPS_RUNTIME_AT,
                       APPS_RUNTIME_SIZE,
                       "varve app",
                       apps_immutables,
                       countof(apps_immutables)},
    [DEPLOYED_ADJUDICATOR] = {&ADJUDICATOR_ADDRESS,
                              {adjudicator_init, sizeof(adjudicator_init)},
                              ADJUDICATOR_RUNTIME_AT,
                              ADJUDICATOR_RUNTIME_SIZE,
                              "varve channel",
                              adjudicator_immutables,
                              countof(adjudicator_immutables)},
    [DEPLOYED_TICTACTOE] = {.who = &TICTACTOE_ADDRESS,
                            .init = {tictactoe_init, sizeof(tictactoe_init)},
                            .runtime_at = TICTACTOE_RUNTIME_AT,
                            .runtime_size = TICTACTOE_RUNTIME_SIZE},
    [DEPLOYED_TICKETS] = {.who = &TICKETS_ADDRESS,
                          .init = {tickets_init, sizeof(tickets_init)},
                          .runtime_at = TICKETS_RUNTIME_AT,
                          .runtime_size = TICKETS_RUNTIME_SIZE},
};

address deployed_address(enum deployed_contract which)
{
    return *table[which].who;
}

bytes deployed_call(enum deployed_contract which, struct arena *arena)
{
    bytes init = table[which].init;
    hash32 salt = {{0}};
    u8 *call = ARENA_TAKE(arena, u8, sizeof(salt) + init.size);
    memcpy(call, salt.b, sizeof(salt.b));
    bytes_copy(call + sizeof(salt), init);
    return (bytes){call, sizeof(salt) + init.size};
}

/* --- What the constructors work out (OpenZeppelin's EIP712.sol, ShortStrings.sol). */

static hash32 short_string(const char *text)
{
    hash32 word = {{0}};
    usize size = strlen(text);
    assert(size < sizeof(word));
    memcpy(word.b, text, size);
    word.b[sizeof(word) - 1] = (u8)size;
    return word;
}

static hash32 hash_of(const char *text)
{
    return keccak256((bytes){(const u8 *)text, strlen(text)});
}

static hash32 immutable(const struct deployed *of, const char *name, u64 chain_id)
{
    static const char version[] = "1";
    const struct {
        const char *name;
        hash32 value;
    } rows[] = {
        {"registry", u256_to_hash(u256_from_address(REGISTRY_ADDRESS))},
        {"court", u256_to_hash(u256_from_address(APPS_ADDRESS))},
        {"_name", short_string(of->domain)},
        {"_version", short_string(version)},
        {"_hashedName", hash_of(of->domain)},
        {"_hashedVersion", hash_of(version)},
        {"_cachedThis", u256_to_hash(u256_from_address(*of->who))},
        {"_cachedChainId", u256_to_hash(u256_from_u64(chain_id))},
        {"_cachedDomainSeparator", signed_domain(of->domain, chain_id, *of->who)},
    };
    for (usize i = 0; i < countof(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].value;
    bug("a contract has an immutable that is not known here");
}

bytes deployed_runtime(enum deployed_contract which)
{
    const struct deployed *from = &table[which];
    assert(from->immutable_count == 0);
    return bytes_slice(from->init, from->runtime_at, from->runtime_size);
}

bytes deployed_code(enum deployed_contract which, u64 chain_id, struct arena *arena)
{
    const struct deployed *from = &table[which];
    u8 *code = ARENA_TAKE(arena, u8, from->runtime_size);
    memcpy(code, from->init.data + from->runtime_at, from->runtime_size);
    for (usize i = 0; i < from->immutable_count; i++) {
        hash32 value = immutable(from, from->immutables[i].name, chain_id);
        memcpy(code + from->immutables[i].at, value.b, sizeof(value.b));
    }
    return (bytes){code, from->runtime_size};
}
