#include "stf/check.h"
#include "stf/child.h"
#include "stf/difficulty.h"
#include "stf/roots.h"

enum header_fields header_fields_of(enum fork fork)
{
    return fork >= PRAGUE     ? HEADER_PRAGUE
           : fork >= CANCUN   ? HEADER_CANCUN
           : fork >= SHANGHAI ? HEADER_SHANGHAI
           : fork >= LONDON   ? HEADER_LONDON
                              : HEADER_FRONTIER;
}

static enum status check_gas_limit(const struct rules *rules, const struct header *header,
                                   const struct header *parent, enum fork parent_fork,
                                   struct err *err)
{
    u64 base = parent->gas_limit;
    if (rules->fork >= LONDON && parent_fork < LONDON)
        base *= 2; /* EIP-1559: the target stays where the limit was */
    u64 distance = header->gas_limit > base ? header->gas_limit - base : base - header->gas_limit;
    if (distance >= base / 1024 && !rules->child.on)
        return fail(err, ST_INVALID, "gas limit %lu is too far from the parent's %lu",
                    header->gas_limit, base);
    if (header->gas_limit < MIN_GAS_LIMIT || header->gas_limit > INT64_MAX)
        return fail(err, ST_INVALID, "gas limit %lu is out of range", header->gas_limit);
    if (header->gas_used > header->gas_limit)
        return fail(err, ST_INVALID, "gas used %lu is above the limit %lu", header->gas_used,
                    header->gas_limit);
    return ST_OK;
}

static enum status check_proof_of_work(const struct chain_config *config,
                                       const struct header *header, const struct header *parent,
                                       struct err *err)
{
    static const u8 dao_extra[] = "dao-hard-fork";
    bool parent_has_ommers = !hash32_equal(parent->ommers_hash, EMPTY_OMMERS_HASH);
    u256 want =
        ethash_difficulty(config, header->number, header->timestamp, parent, parent_has_ommers);
    if (!u256_equal(header->difficulty, want))
        return fail(err, ST_INVALID, "wrong difficulty");
    /* The ten blocks from the DAO fork on are marked, so that both sides tell each other apart. */
    if (config->dao_support && header->number >= config->dao_block &&
        header->number - config->dao_block < 10 &&
        !bytes_equal(header->extra_data, BYTES_LIT("dao-hard-fork")))
        return fail(err, ST_INVALID, "extra data must be \"%s\" here", (const char *)dao_extra);
    return ST_OK;
}

static enum status check_proof_of_stake(const struct header *header, struct err *err)
{
    static const u8 zero[8] = {0};
    if (!u256_is_zero(header->difficulty))
        return fail(err, ST_INVALID, "difficulty must be zero after the merge");
    if (memcmp(header->nonce, zero, sizeof(zero)) != 0)
        return fail(err, ST_INVALID, "nonce must be zero after the merge");
    if (!hash32_equal(header->ommers_hash, EMPTY_OMMERS_HASH))
        return fail(err, ST_INVALID, "there are no ommers after the merge");
    return ST_OK;
}

static enum status check_fees(const struct rules *rules, const struct header *header,
                              const struct header *parent, enum fork parent_fork, struct err *err)
{
    if (rules->fork >= LONDON) {
        u256 want = next_base_fee(rules, parent, parent_fork < LONDON);
        if (!u256_equal(header->base_fee_wei, want))
            return fail(err, ST_INVALID, "wrong base fee");
    }
    if (rules->fork >= CANCUN) {
        u64 want = next_excess_blob_gas(rules, parent);
        if (header->excess_blob_gas != want)
            return fail(err, ST_INVALID, "wrong excess blob gas: %lu, not %lu",
                        header->excess_blob_gas, want);
        if (rules->child.on && header->blob_gas_used > header->gas_limit)
            return fail(err, ST_INVALID, "footprint %lu is above the gas limit %lu",
                        header->blob_gas_used, header->gas_limit);
        if (!rules->child.on && (header->blob_gas_used % GAS_BLOB != 0 ||
                                 header->blob_gas_used > rules->blobs.max * GAS_BLOB))
            return fail(err, ST_INVALID, "blob gas used %lu is no number of blobs up to %lu",
                        header->blob_gas_used, rules->blobs.max);
    }
    return ST_OK;
}

static enum status check_timestamp(const struct rules *rules, const struct header *header,
                                   const struct header *parent, struct err *err)
{
    if (rules->child.on && header->timestamp < parent->timestamp)
        return fail(err, ST_INVALID, "timestamp %lu is before the parent's %lu", header->timestamp,
                    parent->timestamp);
    if (!rules->child.on && header->timestamp <= parent->timestamp)
        return fail(err, ST_INVALID, "timestamp %lu is not after the parent's %lu",
                    header->timestamp, parent->timestamp);
    return ST_OK;
}

/* Nothing in a child's header is its sequencer's to choose. */
static enum status check_child(const struct header *header, struct err *err)
{
    if (!address_equal(header->beneficiary, CHILD_FEE_VAULT))
        return fail(err, ST_INVALID, "a child chain's beneficiary is the fee vault");
    if (header->extra_data.size > 0)
        return fail(err, ST_INVALID, "a child chain's headers have no extra data");
    return ST_OK;
}

enum status check_header(const struct chain_config *config, const struct rules *rules,
                         const struct header *header, const struct header *parent,
                         enum fork parent_fork, struct err *err)
{
    if (header->number != parent->number + 1)
        return fail(err, ST_INVALID, "block %lu does not follow block %lu", header->number,
                    parent->number);
    TRY(check_timestamp(rules, header, parent, err));
    if (header->fields != header_fields_of(rules->fork))
        return fail(err, ST_INVALID, "the header has %d fields, %s has %d", (int)header->fields,
                    fork_name(rules->fork), (int)header_fields_of(rules->fork));
    if (header->extra_data.size > MAX_EXTRA_DATA)
        return fail(err, ST_INVALID, "extra data has %lu bytes, at most %d",
                    header->extra_data.size, MAX_EXTRA_DATA);
    if (rules->child.on)
        TRY(check_child(header, err));
    TRY(check_gas_limit(rules, header, parent, parent_fork, err));
    TRY(check_fees(rules, header, parent, parent_fork, err));
    if (rules->fork >= PARIS)
        return check_proof_of_stake(header, err);
    return check_proof_of_work(config, header, parent, err);
}

enum status check_body(const struct rules *rules, const struct block *block, struct arena tmp,
                       struct err *err)
{
    const struct header *header = &block->header;
    if (!hash32_equal(block_transactions_root(block, tmp), header->transactions_root))
        return fail(err, ST_INVALID, "wrong transactions root");
    if (!hash32_equal(block_ommers_hash(block, tmp), header->ommers_hash))
        return fail(err, ST_INVALID, "wrong ommers hash");
    if (block->has_withdrawals != (rules->fork >= SHANGHAI))
        return fail(err, ST_INVALID, "%s",
                    block->has_withdrawals ? "withdrawals begin with Shanghai"
                                           : "the list of withdrawals is missing");
    if (block->has_withdrawals &&
        !hash32_equal(block_withdrawals_root(block, tmp), header->withdrawals_root))
        return fail(err, ST_INVALID, "wrong withdrawals root");
    /* A child's bytes are bounded by their footprint and by deposits' gas: with a bound on the size,
     * the parent's deposits could make a block that no rule allows. */
    if (rules->child.on)
        return child_check_body(block, err);
    if (rules->fork >= OSAKA && block_encode(block, &tmp).size > MAX_BLOCK_SIZE)
        return fail(err, ST_INVALID, "the block is larger than %d bytes", MAX_BLOCK_SIZE);
    return ST_OK;
}

/* --- Ommers. */

static bool header_among(hash32 hash, const struct header *headers, usize count, struct arena tmp)
{
    for (usize i = 0; i < count; i++)
        if (hash32_equal(header_hash(&headers[i], tmp), hash))
            return true;
    return false;
}

static enum status check_ommer(const struct chain_config *config, const struct block *block,
                               usize index, const struct ancestor *ancestors, usize count,
                               struct arena tmp, struct err *err)
{
    const struct header *ommer = &block->ommers[index];
    hash32 hash = header_hash(ommer, tmp);
    if (header_among(hash, block->ommers, index, tmp))
        return fail(err, ST_INVALID, "ommer %lu is there twice", index);
    for (usize i = 0; i < count; i++) {
        if (hash32_equal(ancestors[i].hash, hash))
            return fail(err, ST_INVALID, "ommer %lu is an ancestor", index);
        if (i < OMMER_DEPTH &&
            header_among(hash, ancestors[i].ommers, ancestors[i].ommer_count, tmp))
            return fail(err, ST_INVALID, "ommer %lu was included before", index);
    }
    for (usize i = 1; i <= OMMER_DEPTH && i < count; i++) { /* a child of the parent is no ommer */
        if (!hash32_equal(ancestors[i].hash, ommer->parent_hash))
            continue;
        const struct header *parent = ancestors[i].header;
        struct rules rules = chain_rules(config, ommer->number, ommer->timestamp, false);
        struct rules before = chain_rules(config, parent->number, parent->timestamp, false);
        return check_header(config, &rules, ommer, parent, before.fork, err);
    }
    return fail(err, ST_INVALID, "ommer %lu is no child of an ancestor in reach", index);
}

enum status check_ommers(const struct chain_config *config, const struct block *block,
                         const struct ancestor *ancestors, usize count, struct arena tmp,
                         struct err *err)
{
    if (block->ommer_count > 2)
        return fail(err, ST_INVALID, "%lu ommers, at most 2", block->ommer_count);
    for (usize i = 0; i < block->ommer_count; i++)
        TRY(check_ommer(config, block, i, ancestors, count, tmp, err));
    return ST_OK;
}
