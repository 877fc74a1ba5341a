#include "node/dev_genesis.h"

#include "base/hex.h"
#include "base/json_out.h"
#include "node/predeploys.inc"

enum { FIRST_BASE_FEE_WEI = 1000000000 };

static void put_config(struct json_out *out, u64 chain_id)
{
    static const char *const blocks[] = {
        "homesteadBlock",
        "eip150Block",
        "eip155Block",
        "eip158Block",
        "byzantiumBlock",
        "constantinopleBlock",
        "petersburgBlock",
        "istanbulBlock",
        "muirGlacierBlock",
        "berlinBlock",
        "londonBlock",
        "arrowGlacierBlock",
        "grayGlacierBlock",
        "mergeNetsplitBlock",
        "shanghaiTime",
        "cancunTime",
        "pragueTime",
        "osakaTime",
        "terminalTotalDifficulty",
    };
    static const struct {
        const char *fork;
        u64 target, max, fraction;
    } schedule[] = {{"cancun", 3, 6, 3338477}, {"prague", 6, 9, 5007716}, {"osaka", 6, 9, 5007716}};
    json_key(out, "config");
    json_open_object(out);
    json_key(out, "chainId");
    json_put_u64(out, chain_id);
    for (usize i = 0; i < countof(blocks); i++) {
        json_key(out, blocks[i]);
        json_put_u64(out, 0);
    }
    json_key(out, "blobSchedule");
    json_open_object(out);
    for (usize i = 0; i < countof(schedule); i++) {
        json_key(out, schedule[i].fork);
        json_open_object(out);
        json_key(out, "target");
        json_put_u64(out, schedule[i].target);
        json_key(out, "max");
        json_put_u64(out, schedule[i].max);
        json_key(out, "baseFeeUpdateFraction");
        json_put_u64(out, schedule[i].fraction);
        json_close_object(out);
    }
    json_close_object(out);
    json_close_object(out);
}

static void put_account(struct json_out *out, address who, u256 balance, u64 nonce, bytes code,
                        struct arena tmp)
{
    json_key(out, hex_text(BYTES_OF(who), &tmp));
    json_open_object(out);
    json_key(out, "balance");
    json_put_quantity(out, balance);
    json_key(out, "nonce");
    json_put_quantity_u64(out, nonce);
    if (code.size > 0) {
        json_key(out, "code");
        json_put_hex(out, code);
    }
    json_close_object(out);
}

static void put_alloc(struct json_out *out, const struct dev_genesis *from, struct arena tmp)
{
    u256 ether = u256_from_u64(1000000000000000000);
    u256 balance = u256_mul(u256_from_u64(from->balance_ether), ether);
    json_key(out, "alloc");
    json_open_object(out);
    for (usize i = 0; i < countof(predeploys); i++)
        put_account(out, predeploys[i].address, U256_ZERO, 1,
                    (bytes){predeploys[i].code, predeploys[i].code_size}, tmp);
    for (usize i = 0; i < keys_count(from->keys); i++)
        put_account(out, keys_address(from->keys, i), balance, 0, BYTES_EMPTY, tmp);
    json_close_object(out);
}

enum status dev_genesis_make(const struct dev_genesis *from, struct genesis *out,
                             struct arena *arena, struct err *err)
{
    enum { ROOM = 1 << 20 };
    u8 *text = ARENA_TAKE(arena, u8, ROOM);
    struct json_out file = json_out_over(text, ROOM);
    json_open_object(&file);
    put_config(&file, from->chain_id);
    const struct {
        const char *key;
        u64 value;
    } fields[] = {{"timestamp", from->timestamp},
                  {"gasLimit", from->gas_limit},
                  {"difficulty", 0},
                  {"baseFeePerGas", FIRST_BASE_FEE_WEI}};
    for (usize i = 0; i < countof(fields); i++) {
        json_key(&file, fields[i].key);
        json_put_quantity_u64(&file, fields[i].value);
    }
    put_alloc(&file, from, *arena);
    json_close_object(&file);
    if (file.failed)
        return fail(err, ST_FULL, "the accounts do not fit into a genesis file of %d bytes", ROOM);
    return genesis_parse((bytes){text, file.size}, out, arena, err);
}
