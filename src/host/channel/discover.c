#include "channel/discover.h"

#include "channel/channel_version.h"

#define TEXT(text) ((bytes){(const u8 *)(text), strlen(text)})

enum { STRING = 1 << JSON_STRING, NUMBER = 1 << JSON_NUMBER };

/* Arguments. Numbers may be said in digits or as quantities. */
static const struct {
    unsigned kinds;
    const char *name, *schema;
} types[TYPES] = {
    [TYPE_AMOUNT] = {STRING | NUMBER, "AmountArgument",
                     "{\"description\":\"in the asset's smallest unit, less than 2^120\","
                     "\"type\":[\"string\",\"integer\"]}"},
    [TYPE_CHAIN] = {STRING | NUMBER, "ChainArgument",
                    "{\"description\":\"a chain of the daemon's, by its id\","
                    "\"type\":[\"string\",\"integer\"]}"},
    [TYPE_NUMBER] = {STRING | NUMBER, "NumberArgument", "{\"type\":[\"string\",\"integer\"]}"},
    [TYPE_HASH] = {STRING, "Hash", "{\"type\":\"string\",\"pattern\":\"^0x[0-9a-f]{64}$\"}"},
    [TYPE_ADDRESS] = {STRING, "Address",
                      "{\"type\":\"string\",\"pattern\":\"^0x[0-9a-fA-F]{40}$\"}"},
    [TYPE_NODE] = {STRING, "Node",
                   "{\"description\":\"a node's key\",\"type\":\"string\","
                   "\"pattern\":\"^0x0[23][0-9a-f]{64}$\"}"},
    [TYPE_NODES] = {1 << JSON_ARRAY, "Nodes",
                    "{\"type\":\"array\",\"maxItems\":19,"
                    "\"items\":{\"$ref\":\"#/components/schemas/Node\"}}"},
    [TYPE_PEER] = {STRING, "Peer",
                   "{\"description\":\"KEY@HOST:PORT, or the key alone\",\"type\":\"string\"}"},
    [TYPE_TEXT] = {STRING, "Text", "{\"type\":\"string\"}"},
    [TYPE_BOOL] = {1 << JSON_BOOL, "Bool", "{\"type\":\"boolean\"}"},
    [TYPE_TOPIC] = {STRING, "Topic",
                    "{\"type\":\"string\",\"enum\":[\"balances\",\"channels\",\"payments\"]}"},
};

static const struct argument timeout = {
    TYPE_NUMBER, false, "timeoutMs",
    "to wait at most, from 1 to 600000 (60000); what is under way goes on"};

/* --- Results. Members are all there, unless a schema says which are. */

#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"
#define LIST_OF(type) "{\"type\":\"array\",\"items\":" REF(type) "}"
#define OBJECT(required, members)                                                                  \
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[" required                  \
    "],\"properties\":{" members "}}"

/* A row for each member; clang-format would fold them into each other. */
/* clang-format off */
#define IS(name, type) "\"" name "\":" REF(type)
#define ARE(name, type) "\"" name "\":" LIST_OF(type)

static const struct {
    const char *name, *schema;
} results[] = {
    {"Quantity", "{\"type\":\"string\",\"pattern\":\"^0x(0|[1-9a-f][0-9a-f]{0,63})$\"}"},
    {"Count", "{\"type\":\"integer\",\"minimum\":0}"},
    {"NodeInfo", OBJECT("\"node\",\"alias\",\"account\",\"limits\",\"chains\"",
        IS("node", "Peer") ","
        IS("alias", "Text") ","
        IS("account", "Address") ","
        IS("limits", "Limits") ","
        ARE("chains", "Chain"))},
    {"Limits", OBJECT("",
        IS("payment", "Quantity") ","
        IS("hour", "Quantity") ","
        IS("day", "Quantity") ","
        IS("channel", "Quantity") ","
        ARE("tokens", "TokenLimits") "," /* where there are any */
        IS("gasPrice", "Quantity") ","
        IS("gasDay", "Quantity"))},
    {"TokenLimits", OBJECT("\"asset\"",
        IS("asset", "Address") ","
        IS("payment", "Quantity") ","
        IS("hour", "Quantity") ","
        IS("day", "Quantity") ","
        IS("channel", "Quantity"))},
    {"TokenSums", OBJECT("\"asset\",\"spentHour\",\"spentDay\"",
        IS("asset", "Address") ","
        IS("spentHour", "Quantity") ","
        IS("spentDay", "Quantity"))},
    {"Chain", OBJECT("\"chainId\",\"adjudicator\",\"block\",\"spentHour\",\"spentDay\","
                     "\"feesDay\"",
        IS("chainId", "Quantity") ","
        IS("adjudicator", "Address") ","
        IS("block", "Quantity") ","
        IS("spentHour", "Quantity") ","
        IS("spentDay", "Quantity") ","
        ARE("tokens", "TokenSums") "," /* of those that have limits */
        IS("feesDay", "Quantity"))},
    {"State", "{\"type\":\"string\",\"enum\":[\"funding\",\"open\",\"offline\",\"closing\","
              "\"restoring\",\"dispute\",\"closed\"]}"},
    {"Channel", OBJECT("\"channel\",\"peer\",\"state\",\"chainId\",\"asset\",\"balance\","
                       "\"spendable\",\"receivable\",\"epoch\",\"sent\",\"received\"",
        IS("channel", "Hash") ","
        IS("peer", "Node") ","
        IS("state", "State") ","
        IS("chainId", "Quantity") ","
        IS("asset", "Address") ","
        IS("balance", "Quantity") ","
        IS("spendable", "Quantity") ","
        IS("receivable", "Quantity") ","
        IS("unguarded", "Quantity") "," /* of a daemon with a watchtower */
        IS("epoch", "Count") ","
        IS("sent", "Count") ","
        IS("received", "Count"))},
    {"Channels", LIST_OF("Channel")},
    {"Keysend", OBJECT("\"payment\",\"state\",\"count\"",
        IS("payment", "Hash") ","
        IS("state", "Text") ","
        IS("count", "Count"))},
    {"Invoice", OBJECT("\"invoice\",\"hash\"",
        IS("invoice", "Text") ","
        IS("hash", "Hash"))},
    {"Offer", OBJECT("\"offer\",\"id\"",
        IS("offer", "Text") ","
        IS("id", "Hash"))},
    {"InvoiceStatus", OBJECT("\"state\",\"received\"",
        "\"state\":{\"type\":\"string\",\"enum\":[\"open\",\"paid\"]},"
        IS("received", "Quantity"))},
    {"Payment", OBJECT("\"payment\",\"state\",\"amount\",\"fee\",\"parts\",\"preimage\"",
        IS("payment", "Hash") ","
        IS("state", "Text") ","
        IS("amount", "Quantity") ","
        IS("fee", "Quantity") ","
        IS("parts", "Count") ","
        IS("preimage", "Hash"))},
    {"History", OBJECT("\"entries\"",
        ARE("entries", "HistoryEntry") ","
        IS("older", "Text"))}, /* where there may be more: for the next page */
    {"HistoryEntry", OBJECT("\"kind\",\"state\",\"chainId\",\"asset\",\"amount\",\"fee\",\"count\"",
        "\"kind\":{\"type\":\"string\",\"enum\":[\"sent\",\"received\",\"forwarded\",\"channel\"]},"
        "\"state\":{\"type\":\"string\",\"enum\":[\"pending\",\"paid\",\"failed\",\"open\",\"closed\"]},"
        IS("payment", "Hash") ","
        IS("channel", "Hash") "," /* of one channel alone, or that it came in by */
        IS("out", "Hash") ","     /* that it was forwarded to */
        IS("chainId", "Quantity") ","
        IS("asset", "Address") ","
        IS("amount", "Quantity") ","
        IS("fee", "Quantity") ","
        IS("count", "Count") ","
        IS("begun", "Count") ","
        IS("ended", "Count") ","
        IS("expiry", "Count") "," /* of an invoice */
        IS("node", "Node") ","
        IS("preimage", "Hash") ","
        IS("found", "Bool") "," /* of before a restore: not known what for */
        IS("description", "Text"))},
    {"Graph", OBJECT("\"nodes\",\"channels\"",
        ARE("nodes", "GraphNode") ","
        ARE("channels", "GraphChannel"))},
    {"GraphNode", OBJECT("\"node\",\"alias\",\"addresses\",\"channels\"",
        IS("node", "Node") ","
        IS("alias", "Text") ","
        ARE("addresses", "Text") ","
        IS("channels", "Count"))},
    {"GraphChannel", OBJECT("\"channel\",\"chainId\",\"asset\",\"capacity\",\"public\",\"own\","
                            "\"nodes\",\"policies\"",
        IS("channel", "Hash") ","
        IS("chainId", "Quantity") ","
        IS("asset", "Address") ","
        IS("capacity", "Quantity") ","
        IS("public", "Bool") ","
        IS("own", "Bool") ","
        ARE("nodes", "Node") ","
        "\"policies\":{\"type\":\"array\",\"items\":"
            "{\"oneOf\":[{\"type\":\"null\"}," REF("Policy") "]}}")},
    {"Policy", OBJECT("\"enabled\",\"baseFee\",\"feePpm\",\"timestamp\"",
        IS("enabled", "Bool") ","
        IS("baseFee", "Quantity") ","
        IS("feePpm", "Count") ","
        IS("timestamp", "Count"))},
    {"App", OBJECT("\"app\",\"kind\",\"state\",\"role\",\"peer\",\"chainId\",\"stake\",\"otherStake\",\"fee\",\"pays\","
                   "\"gets\",\"version\",\"turn\",\"data\",\"params\",\"expiry\",\"why\"",
        IS("app", "Hash") ","
        "\"kind\":{\"type\":\"string\",\"enum\":[\"tictactoe\",\"tickets\",\"payments\",\"joined\"]},"
        "\"state\":{\"type\":\"string\",\"enum\":[\"offered\",\"asked\",\"locking\",\"live\",\"court\","
            "\"ending\",\"done\",\"refused\"]},"
        "\"role\":{\"type\":\"string\",\"enum\":[\"first\",\"second\",\"hub\"]},"
        IS("peer", "Node") ","
        IS("chainId", "Quantity") ","
        IS("stake", "Quantity") ","
        IS("otherStake", "Quantity") ","
        IS("fee", "Quantity") "," /* for a hub */
        IS("pays", "Quantity") ","
        IS("gets", "Quantity") ","
        IS("version", "Count") ","
        "\"turn\":{\"type\":\"string\",\"enum\":[\"ours\",\"theirs\",\"nobody's\"]},"
        IS("data", "Data") ","
        IS("params", "Data") ","
        IS("expiry", "Count") ","
        IS("why", "Text") ","
        IS("guarded", "Bool"))}, /* of a daemon with a watchtower */
    {"Data", "{\"type\":\"string\",\"pattern\":\"^0x([0-9a-f]{2})*$\"}"},
    {"Apps", LIST_OF("App")},
    {"Document", "{\"description\":\"this document\",\"type\":\"object\"}"},
};
/* clang-format on */

static const struct {
    const char *code, *message;
} errors[] = {
    {"-32601", "the method does not exist"},
    {"-32602", "an argument is wrong: its name, and what is wrong with it"},
    {"-32000", "refused, failed, or not done in time; the sentence says which"},
};

/* --- Checking. */

static const struct argument *find_argument(const struct method_shape *shape, bytes name)
{
    for (const struct argument *at = shape->arguments;
         at < shape->arguments + ARGUMENTS_LIMIT && at->type != TYPE_NONE; at++)
        if (bytes_equal(TEXT(at->name), name))
            return at;
    return bytes_equal(TEXT(timeout.name), name) ? &timeout : NULL;
}

bool discover_check(const struct method_shape *shape, json arguments, bytes *name, const char **why)
{
    json key, value;
    *name = TEXT("params");
    *why = "not an object";
    if ((1u << json_kind(arguments) & (1u << JSON_OBJECT | 1u << JSON_ABSENT | 1u << JSON_NULL)) ==
        0)
        return false;
    for (struct json_walk at = json_begin(arguments); json_next(&at, &key, &value);) {
        *name = bytes_slice(key.text, 1, key.text.size - 2); /* no name of ours has escapes */
        const struct argument *argument = find_argument(shape, *name);
        *why = argument == NULL ? "the method has no such argument" : "not of this kind";
        if (argument == NULL || (types[argument->type].kinds & 1u << json_kind(value)) == 0)
            return false;
    }
    *why = "it is needed";
    for (const struct argument *at = shape->arguments;
         at < shape->arguments + ARGUMENTS_LIMIT && at->type != TYPE_NONE; at++) {
        *name = TEXT(at->name);
        if (at->is_needed && json_is(json_get(arguments, at->name), JSON_ABSENT))
            return false;
    }
    return true;
}

/* --- The document. */

static void put_member(struct json_out *out, const char *key, const char *text)
{
    json_key(out, key);
    json_put_cstr(out, text);
}

static void put_reference(struct json_out *out, const char *name)
{
    json_key(out, "schema");
    json_open_object(out);
    json_key(out, "$ref");
    char text[64] = "#/components/schemas/";
    strncat(text, name, sizeof(text) - strlen(text) - 1);
    json_put_cstr(out, text);
    json_close_object(out);
}

static void put_argument(struct json_out *out, const struct argument *argument)
{
    json_open_object(out);
    put_member(out, "name", argument->name);
    put_member(out, "description", argument->help);
    json_key(out, "required");
    json_put_bool(out, argument->is_needed);
    put_reference(out, types[argument->type].name);
    json_close_object(out);
}

static void put_errors(struct json_out *out)
{
    json_key(out, "errors");
    json_open_array(out);
    for (usize i = 0; i < countof(errors); i++) {
        json_open_object(out);
        json_key(out, "code");
        json_put_raw(out, TEXT(errors[i].code));
        put_member(out, "message", errors[i].message);
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_method(struct json_out *out, const struct method_shape *shape)
{
    json_open_object(out);
    put_member(out, "name", shape->name);
    put_member(out, "summary", shape->summary);
    put_member(out, "paramStructure", "by-name");
    json_key(out, "params");
    json_open_array(out);
    for (const struct argument *at = shape->arguments;
         at < shape->arguments + ARGUMENTS_LIMIT && at->type != TYPE_NONE; at++)
        put_argument(out, at);
    put_argument(out, &timeout);
    json_close_array(out);
    json_key(out, "result");
    json_open_object(out);
    put_member(out, "name", "result");
    put_reference(out, shape->result);
    json_close_object(out);
    put_errors(out);
    json_close_object(out);
}

static void put_schemas(struct json_out *out)
{
    json_key(out, "schemas");
    json_open_object(out);
    for (usize i = TYPE_NONE + 1; i < TYPES; i++) {
        json_key(out, types[i].name);
        json_put_raw(out, TEXT(types[i].schema));
    }
    for (usize i = 0; i < countof(results); i++) {
        json_key(out, results[i].name);
        json_put_raw(out, TEXT(results[i].schema));
    }
    json_close_object(out);
}

void discover_put(struct json_out *out, const struct method_shape *(*shape_of)(usize index))
{
    json_open_object(out);
    put_member(out, "openrpc", "1.3.2");
    json_key(out, "info");
    json_open_object(out);
    put_member(out, "title", "varve channel daemon");
    put_member(out, "description",
               "Arguments are the members of one object: `params` itself, or the first of it. "
               "Amounts are in the asset's smallest unit.");
    put_member(out, "version", CHANNEL_VERSION);
    json_close_object(out);
    json_key(out, "methods");
    json_open_array(out);
    for (usize i = 0; shape_of(i) != NULL; i++)
        put_method(out, shape_of(i));
    json_close_array(out);
    json_key(out, "components");
    json_open_object(out);
    put_schemas(out);
    json_close_object(out);
    json_close_object(out);
}
