/* channel_nodeInfo: who the daemon is, on which chains, and what it may spend. */
#include "channel/daemon_records.h"
#include "channel/methods.h"
#include "channel/network.h"

const char *method_limit_name(enum signer_limit limit)
{
    static const char *const names[] = {
        [LIMIT_NONE] = "none", [LIMIT_PAYMENT] = "payment", [LIMIT_HOUR] = "hour",
        [LIMIT_DAY] = "day",   [LIMIT_CHANNEL] = "channel",
    };
    return names[limit];
}

/* Those that there are. */
static void put_money_limits(struct json_out *out, const struct money_limits *most)
{
    const struct {
        enum signer_limit of;
        u128 most;
    } all[] = {{LIMIT_PAYMENT, most->payment},
               {LIMIT_HOUR, most->hour},
               {LIMIT_DAY, most->day},
               {LIMIT_CHANNEL, most->channel}};
    for (usize i = 0; i < countof(all); i++)
        if (all[i].most != 0)
            method_put_amount(out, method_limit_name(all[i].of), all[i].most);
}

static void put_token_limits(struct json_out *out, const struct signer_limits *limits)
{
    json_key(out, "tokens");
    json_open_array(out);
    for (usize i = 0; i < limits->token_count; i++) {
        json_open_object(out);
        method_put_hex(out, "asset", BYTES_OF(limits->tokens[i].asset));
        put_money_limits(out, &limits->tokens[i].most);
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_limits(struct daemon_call *call)
{
    const struct signer_limits *limits = signer_limits(call->daemon->keys);
    json_key(call->out, "limits");
    json_open_object(call->out);
    put_money_limits(call->out, &limits->own);
    if (limits->token_count != 0)
        put_token_limits(call->out, limits);
    if (limits->gas_price != 0)
        method_put_amount(call->out, "gasPrice", limits->gas_price);
    if (limits->gas_day != 0)
        method_put_amount(call->out, "gasDay", limits->gas_day);
    json_close_object(call->out);
}

static void put_sums(struct daemon_call *call, const struct chain_of *chain, address asset)
{
    u128 hour, day;
    signer_sums(call->daemon->keys, chain->chain_id, asset, network_now_s(), &hour, &day);
    method_put_amount(call->out, "spentHour", hour);
    method_put_amount(call->out, "spentDay", day);
}

/* Of those that have limits. */
static void put_token_sums(struct daemon_call *call, const struct chain_of *chain)
{
    const struct signer_limits *limits = signer_limits(call->daemon->keys);
    if (limits->token_count == 0)
        return;
    json_key(call->out, "tokens");
    json_open_array(call->out);
    for (usize i = 0; i < limits->token_count; i++) {
        json_open_object(call->out);
        method_put_hex(call->out, "asset", BYTES_OF(limits->tokens[i].asset));
        put_sums(call, chain, limits->tokens[i].asset);
        json_close_object(call->out);
    }
    json_close_array(call->out);
}

static void put_chain(struct daemon_call *call, const struct chain_of *chain)
{
    json_open_object(call->out);
    json_key(call->out, "chainId");
    json_put_quantity_u64(call->out, chain->chain_id);
    method_put_hex(call->out, "adjudicator", BYTES_OF(chain->adjudicator));
    json_key(call->out, "block");
    json_put_quantity_u64(call->out, chain->block);
    put_sums(call, chain, (address){{0}});
    put_token_sums(call, chain);
    method_put_amount(call->out, "feesDay", account_signer_day(chain->account));
    json_close_object(call->out);
}

void method_node_info(struct daemon_call *call)
{
    struct daemon *daemon = call->daemon;
    char name[DAEMON_NAME_SIZE];
    address account = keyring_account(daemon->ring);
    daemon_name(daemon, name);
    json_key(call->out, "result");
    json_open_object(call->out);
    method_put_text(call->out, "node", name);
    method_put_text(call->out, "alias", daemon->options.alias);
    method_put_hex(call->out, "account", BYTES_OF(account));
    put_limits(call);
    json_key(call->out, "chains");
    json_open_array(call->out);
    for (usize i = 0; i < daemon->chain_count; i++) {
        record_fees(&daemon->chains[i]); /* what is told is not forgotten */
        put_chain(call, &daemon->chains[i]);
    }
    json_close_array(call->out);
    json_close_object(call->out);
    method_answer_after(call);
}
