#include "layer/child_genesis.h"

#include "chain/genesis_out.h"
#include "derive/inbox.h"
#include "layer/contracts.h"

enum { PROTOCOL_VERSION = 1, MAX_SLOTS = 4 };

/* Storage that the predeploys begin with: contracts/l2/README.md says what each slot means. The
 * contract is named by the end of its address. */
static const struct setting {
    u16 contract;
    u8 slot;
    enum { FROM_ADDRESS, FROM_NUMBER, FROM_WEI } kind;
    usize offset; /* in struct rollup */
} settings[] = {
    {0x0007, 4, FROM_ADDRESS, offsetof(struct rollup, messenger)},
    {0x0010, 2, FROM_ADDRESS, offsetof(struct rollup, standard_bridge)},
    {0x0014, 2, FROM_ADDRESS, offsetof(struct rollup, erc721_bridge)},
    {0x0801, 2, FROM_ADDRESS, offsetof(struct rollup, erc1155_bridge)},
    {0x0017, 1, FROM_NUMBER, offsetof(struct rollup, parent_chain_id)},
    {0x0802, 1, FROM_NUMBER, offsetof(struct rollup, parent_chain_id)},
    {0x0011, 1, FROM_ADDRESS, offsetof(struct rollup, fee_recipient)},
    {0x0019, 1, FROM_ADDRESS, offsetof(struct rollup, fee_recipient)},
    {0x001a, 1, FROM_ADDRESS, offsetof(struct rollup, fee_recipient)},
    {0x0011, 2, FROM_WEI, offsetof(struct rollup, vault_least_wei)},
    {0x0019, 2, FROM_WEI, offsetof(struct rollup, vault_least_wei)},
    {0x001a, 2, FROM_WEI, offsetof(struct rollup, vault_least_wei)},
    {0x0015, 10, FROM_NUMBER, offsetof(struct rollup, gas_limit)},
    {0x0015, 11, FROM_ADDRESS, offsetof(struct rollup, sequencer)},
};

static hash32 setting_value(const struct rollup *rollup, const struct setting *setting)
{
    const u8 *from = (const u8 *)rollup + setting->offset;
    switch (setting->kind) {
    case FROM_ADDRESS:
        return u256_to_hash(u256_from_address(*(const address *)(const void *)from));
    case FROM_NUMBER:
        return u256_to_hash(u256_from_u64(*(const u64 *)(const void *)from));
    case FROM_WEI:
        return u256_to_hash(*(const u256 *)(const void *)from);
    }
    bug("unknown kind of setting");
}

/* The scalars as L1Block packs them, so that prices are known before the first attributes. */
static hash32 packed_scalars(const struct rollup *rollup)
{
    hash32 value = {{0}};
    store_be32(value.b + 20, (u32)rollup->blob_base_fee_scalar);
    store_be32(value.b + 16, (u32)rollup->base_fee_scalar);
    return value;
}

static usize contract_slots(const struct rollup *rollup, address who,
                            struct genesis_out_slot out[static MAX_SLOTS])
{
    static const u16 l1_block = 0x0015;
    u16 contract = (u16)(who.b[18] << 8 | who.b[19]);
    usize count = 0;
    for (usize i = 0; i < countof(settings); i++)
        if (settings[i].contract == contract)
            out[count++] = (struct genesis_out_slot){{{[31] = settings[i].slot}},
                                                     setting_value(rollup, &settings[i])};
    if (contract == l1_block) {
        out[count++] = (struct genesis_out_slot){{{[31] = 3}}, packed_scalars(rollup)};
        out[count++] = (struct genesis_out_slot){{{[31] = 12}}, {{[31] = PROTOCOL_VERSION}}};
    }
    return count;
}

enum status child_genesis_make(const struct rollup *rollup, struct genesis *out,
                               struct arena *arena, struct err *err)
{
    enum { ROOM = 1 << 20 };
    u8 *text = ARENA_TAKE(arena, u8, ROOM);
    struct json_out file = json_out_over(text, ROOM);
    struct genesis_out_head head = {.chain_id = rollup->chain_id,
                                    .timestamp = rollup->genesis_time,
                                    .gas_limit = rollup->gas_limit,
                                    .base_fee_wei = rollup->base_fee_wei,
                                    .child = true};
    genesis_out_begin(&file, &head, *arena);
    for (usize i = 0; i < child_contract_count(); i++) {
        struct child_contract each = child_contract(i);
        struct genesis_out_slot slots[MAX_SLOTS];
        struct genesis_out_account account = {.who = each.who,
                                              .nonce = 1,
                                              .code = each.code,
                                              .slots = slots,
                                              .slot_count =
                                                  contract_slots(rollup, each.who, slots)};
        genesis_out_account(&file, &account, *arena);
    }
    genesis_out_end(&file);
    assert(!file.failed);
    TRY(genesis_parse((bytes){text, file.size}, out, arena, err));
    out->config.child = (struct child_rules){.on = true, .footprint_gas = CHILD_FOOTPRINT_GAS};
    return ST_OK;
}

hash32 child_genesis_output(const struct genesis *genesis, struct arena tmp)
{
    return output_root(genesis->header.state_root, EMPTY_TRIE_ROOT,
                       header_hash(&genesis->header, tmp));
}
