#include "channel/gossip.h"

#include "base/bug.h"
#include "channel/node_address.h"
#include "channel/tlv.h"
#include "crypto/keccak.h"

/* --- What names a channel, and what is signed. */

static void put_address(u8 word[static 32], address value)
{
    memcpy(word + 12, value.b, sizeof(value.b));
}

hash32 gossip_channel_id(const struct wire_announce *announce)
{
    u8 pair[6][32] = {0}, id[2][32] = {0};
    store_be64(pair[0] + 24, announce->chain_id);
    put_address(pair[1], announce->adjudicator);
    put_address(pair[2], announce->owner_a);
    put_address(pair[3], announce->owner_b);
    store_be32(pair[4] + 28, announce->challenge_s);
    memcpy(pair[5], announce->terms.b, 32);
    hash32 name = keccak256(BYTES_OF(pair));
    memcpy(id[0], name.b, 32);
    put_address(id[1], announce->asset);
    return keccak256(BYTES_OF(id));
}

static hash32 digest_of(const struct wire_message *message, usize signatures)
{
    u8 out[WIRE_LIMIT];
    struct keccak keccak;
    usize size = wire_encode(message, out);
    keccak_init(&keccak);
    keccak_update(&keccak, BYTES_LIT("varve gossip"));
    keccak_update(&keccak, (bytes){out, size - signatures * sizeof(signature64)});
    return keccak_final(&keccak);
}

hash32 gossip_announce_digest(const struct wire_announce *announce)
{
    return digest_of(&(struct wire_message){WIRE_ANNOUNCE, {.announce = *announce}},
                     GOSSIP_SIGNATURES_ANNOUNCE);
}

hash32 gossip_policy_digest(const struct wire_policy *policy)
{
    return digest_of(&(struct wire_message){WIRE_POLICY, {.policy = *policy}}, 1);
}

hash32 gossip_node_digest(const struct wire_node *node)
{
    return digest_of(&(struct wire_message){WIRE_NODE, {.node = *node}}, 1);
}

/* --- Judgement. */

static bool is_of_node(const signature64 *signature, hash32 digest, const point33 *node)
{
    address who;
    return point_address(node, &who) == ST_OK && signature_is_of(signature, digest, who);
}

enum status gossip_check_announce(const struct wire_announce *announce, struct err *err)
{
    if (address_equal(announce->owner_a, announce->owner_b))
        return fail(err, ST_INVALID, "an announced channel has one owner on both sides");
    if (point_equal(&announce->node_a, &announce->node_b))
        return fail(err, ST_INVALID, "an announced channel has one node on both sides");
    hash32 digest = gossip_announce_digest(announce);
    if (!is_of_node(&announce->node_signature_a, digest, &announce->node_a) ||
        !is_of_node(&announce->node_signature_b, digest, &announce->node_b))
        return fail(err, ST_INVALID, "an announcement that a node has not signed");
    if (!signature_is_of(&announce->owner_signature_a, digest, announce->owner_a) ||
        !signature_is_of(&announce->owner_signature_b, digest, announce->owner_b))
        return fail(err, ST_INVALID, "an announcement that an owner has not signed");
    return ST_OK;
}

static enum status check_time(u64 timestamp_s, u64 now_s, struct err *err)
{
    if (timestamp_s > now_s && timestamp_s - now_s > GOSSIP_AHEAD_LIMIT_S)
        return fail(err, ST_AGAIN, "gossip from %lu s ahead", timestamp_s - now_s);
    if (timestamp_s < now_s && now_s - timestamp_s > GOSSIP_AGE_LIMIT_S)
        return fail(err, ST_AGAIN, "gossip from %lu s ago", now_s - timestamp_s);
    return ST_OK;
}

enum status gossip_check_policy_form(const struct wire_policy *policy, struct err *err)
{
    if (policy->side > 1 || policy->enabled > 1)
        return fail(err, ST_INVALID, "a policy of no side, or neither on nor off");
    if (policy->fee_ppm > GOSSIP_PPM_LIMIT)
        return fail(err, ST_INVALID, "a fee of %u millionths", policy->fee_ppm);
    if (policy->least > policy->most)
        return fail(err, ST_INVALID, "a policy whose least amount is above its most");
    return ST_OK;
}

enum status gossip_check_policy(const struct wire_policy *policy, const point33 *signer, u64 now_s,
                                struct err *err)
{
    TRY(gossip_check_policy_form(policy, err));
    TRY(check_time(policy->timestamp_s, now_s, err));
    if (!is_of_node(&policy->signature, gossip_policy_digest(policy), signer))
        return fail(err, ST_MISSING,
                    "a policy that the side's node, as we know it, has not signed");
    return ST_OK;
}

bool gossip_is_alias(bytes text)
{
    return text.size <= GOSSIP_ALIAS_LIMIT && tlv_text(text);
}

enum status gossip_check_node(const struct wire_node *node, u64 now_s, struct err *err)
{
    if (!gossip_is_alias(node->alias))
        return fail(err, ST_INVALID, "a node's alias is no text of 32 bytes");
    if (!node_addresses_check(node->addresses))
        return fail(err, ST_INVALID, "a node's addresses are malformed");
    TRY(check_time(node->timestamp_s, now_s, err));
    if (!is_of_node(&node->signature, gossip_node_digest(node), &node->node))
        return fail(err, ST_INVALID, "a node's words that it has not signed");
    return ST_OK;
}

/* --- Rate. */

bool gossip_spend(struct gossip_bucket *bucket, u64 tokens, u64 most, u64 period_s, u64 now_s)
{
    assert(most <= UINT32_MAX && period_s > 0 && period_s <= UINT32_MAX);
    bucket->at_s = min_u64(bucket->at_s, now_s); /* where the clock was put back, it begins anew */
    u64 back = mul_sat_u64(min_u64(now_s - bucket->at_s, period_s), most);
    u64 spent = bucket->spent > back ? bucket->spent - back : 0;
    if (tokens > most || spent > (most - tokens) * period_s)
        return false;
    bucket->spent = spent + tokens * period_s;
    bucket->at_s = now_s;
    return true;
}
