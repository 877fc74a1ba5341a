#include "node/dev_genesis.h"

#include "chain/genesis_out.h"
#include "channel/deployed.h"

enum { FIRST_BASE_FEE_WEI = 1000000000 };

enum status dev_genesis_make(const struct dev_genesis *from, struct genesis *out,
                             struct arena *arena, struct err *err)
{
    enum { ROOM = 1 << 20 };
    u8 *text = ARENA_TAKE(arena, u8, ROOM);
    struct json_out file = json_out_over(text, ROOM);
    struct genesis_out_head head = {.chain_id = from->chain_id,
                                    .timestamp = from->timestamp,
                                    .gas_limit = from->gas_limit,
                                    .base_fee_wei = FIRST_BASE_FEE_WEI};
    u256 ether = u256_from_u64(1000000000000000000);
    genesis_out_begin(&file, &head, *arena);
    for (int i = 0; i < DEPLOYED_CONTRACTS; i++) {
        enum deployed_contract which = (enum deployed_contract)i;
        struct genesis_out_account account = {.who = deployed_address(which),
                                              .nonce = 1,
                                              .code = deployed_code(which, from->chain_id, arena)};
        genesis_out_account(&file, &account, *arena);
    }
    for (usize i = 0; i < keys_count(from->keys); i++) {
        struct genesis_out_account account = {
            .who = keys_address(from->keys, i),
            .balance_wei = u256_mul(u256_from_u64(from->balance_ether), ether)};
        genesis_out_account(&file, &account, *arena);
    }
    genesis_out_end(&file);
    if (file.failed)
        return fail(err, ST_FULL, "the accounts do not fit into a genesis file of %d bytes", ROOM);
    return genesis_parse((bytes){text, file.size}, out, arena, err);
}
