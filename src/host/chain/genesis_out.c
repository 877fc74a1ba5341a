#include "chain/genesis_out.h"

#include "base/hex.h"
#include "chain/predeploys.inc"

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

void genesis_out_account(struct json_out *out, const struct genesis_out_account *account,
                         struct arena tmp)
{
    json_key(out, hex_text(BYTES_OF(account->who), &tmp));
    json_open_object(out);
    json_key(out, "balance");
    json_put_quantity(out, account->balance_wei);
    json_key(out, "nonce");
    json_put_quantity_u64(out, account->nonce);
    if (account->code.size > 0) {
        json_key(out, "code");
        json_put_hex(out, account->code);
    }
    if (account->slot_count > 0) {
        json_key(out, "storage");
        json_open_object(out);
        for (usize i = 0; i < account->slot_count; i++) {
            json_key(out, hex_text(BYTES_OF(account->slots[i].slot), &tmp));
            json_put_hex(out, BYTES_OF(account->slots[i].value));
        }
        json_close_object(out);
    }
    json_close_object(out);
}

/* EIP-7002 and EIP-7251: requests that a child's blocks do not have. */
static bool serves_validators(const struct predeploy *predeploy)
{
    return strcmp(predeploy->name, "eip7002_withdrawals") == 0 ||
           strcmp(predeploy->name, "eip7251_consolidations") == 0;
}

void genesis_out_begin(struct json_out *out, const struct genesis_out_head *head, struct arena tmp)
{
    json_open_object(out);
    put_config(out, head->chain_id);
    const struct {
        const char *key;
        u64 value;
    } fields[] = {{"timestamp", head->timestamp},
                  {"gasLimit", head->gas_limit},
                  {"difficulty", 0},
                  {"baseFeePerGas", head->base_fee_wei}};
    for (usize i = 0; i < countof(fields); i++) {
        json_key(out, fields[i].key);
        json_put_quantity_u64(out, fields[i].value);
    }
    json_key(out, "alloc");
    json_open_object(out);
    for (usize i = 0; i < countof(predeploys); i++) {
        const struct predeploy *each = &predeploys[i];
        if (head->child && serves_validators(each))
            continue;
        struct genesis_out_account account = {
            .who = each->address, .nonce = 1, .code = {each->code, each->code_size}};
        genesis_out_account(out, &account, tmp);
    }
}

void genesis_out_end(struct json_out *out)
{
    json_close_object(out);
    json_close_object(out);
}
