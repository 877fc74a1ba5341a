#include "layer/unsafe_block.h"

#include "base/rlp.h"
#include "crypto/keccak.h"
#include "crypto/secp256k1.h"
#include "stf/roots.h"

/* --- Signatures. */

enum { V_EVEN = 27, V_ODD = 28 };

enum status unsafe_sign(const struct signer *signer, u64 chain_id, hash32 block_hash,
                        signature65 *out, struct err *err)
{
    struct signature made;
    if (signer->sign_hash == NULL)
        return fail(err, ST_INVALID,
                    "the sequencer's key is behind an external signer, which signs nothing but "
                    "transactions: blocks for followers want the key in this process");
    hash32 digest = unsafe_block_digest(chain_id, block_hash);
    TRY(signer->sign_hash(signer->self, signer->who, digest, &made, err));
    u256_store_be(out->b, made.r);
    u256_store_be(out->b + 32, made.s);
    out->b[64] = (u8)(V_EVEN + made.y_parity);
    return ST_OK;
}

static enum status recover(const signature65 *signature, hash32 digest, address *out,
                           struct err *err)
{
    pubkey64 key;
    u256 r = u256_load_be(signature->b), s = u256_load_be(signature->b + 32);
    u8 v = signature->b[64];
    if ((v != V_EVEN && v != V_ODD) || u256_less(SECP256K1_HALF_ORDER, s) ||
        secp256k1_recover(digest, r, s, v == V_ODD, &key) != ST_OK)
        return fail(err, ST_INVALID, "a block's signature belongs to no key");
    *out = pubkey_address(&key);
    return ST_OK;
}

/* --- Reading. */

enum status unsafe_peek(const struct signed_block *from, u64 chain_id, struct unsafe_head *out,
                        struct err *err)
{
    bytes rlp = from->rlp, list, header;
    *out = (struct unsafe_head){.rlp = from->rlp, .signature = from->signature};
    if (rlp_read_list(&rlp, &list) != ST_OK || rlp_read_end(rlp) != ST_OK ||
        rlp_read_item(&list, &header) != ST_OK)
        return fail(err, ST_INVALID, "what was signed is no block");
    TRY(header_decode(header, &out->header, err));
    out->hash = keccak256(header);
    return recover(&out->signature, unsafe_block_digest(chain_id, out->hash), &out->signer, err);
}

enum status unsafe_read(const struct unsafe_head *head, struct unsafe_block *out,
                        struct arena *arena, struct err *err)
{
    struct block *block = &out->block;
    out->head = *head;
    TRY(block_decode(head->rlp, block, arena, err));
    if (!hash32_equal(block_transactions_root(block, *arena), head->header.transactions_root))
        return fail(err, ST_INVALID, "block %lu comes with other transactions than its header's",
                    head->header.number);
    if (block->tx_count == 0 || child_attributes_read(&block->txs[0], &out->attributes) != ST_OK)
        return fail(err, ST_INVALID, "block %lu does not begin with L1 attributes",
                    head->header.number);
    out->deposit_count = 1;
    while (out->deposit_count < block->tx_count &&
           block->txs[out->deposit_count].type == TX_DEPOSIT)
        out->deposit_count++;
    return ST_OK;
}

/* --- Judging. */

static enum status check_place(const struct unsafe_block *block, const struct unsafe_place *place,
                               struct err *err)
{
    const struct header *header = &block->block.header;
    const struct derive_state *before = place->before;
    u64 number = before->head.number + 1;
    if (header->number != number || !hash32_equal(header->parent_hash, before->head.hash))
        return fail(err, ST_INVALID, "block %lu does not follow block %lu", header->number,
                    before->head.number);
    if (place->origin->number < before->head.origin.number)
        return fail(err, ST_INVALID, "block %lu has origin %lu after %lu", number,
                    place->origin->number, before->head.origin.number);
    if (place->origin->number != block->attributes.origin_number ||
        !hash32_equal(place->origin->hash, block->attributes.origin_hash))
        return fail(err, ST_INVALID, "block %lu names another origin", number);
    return ST_OK;
}

/* The append's time, which bounds it as well, is not known yet; it will be no earlier than now. */
static enum status check_time(const struct unsafe_block *block, const struct unsafe_place *place,
                              struct err *err)
{
    u64 time = block->block.header.timestamp, number = block->block.header.number;
    u64 earliest = max_u64(place->before->head.timestamp, place->origin->timestamp);
    u64 latest = add_sat_u64(max_u64(place->origin->timestamp, place->latest_s), DERIVE_TIME_AHEAD);
    if (time < earliest)
        return fail(err, ST_INVALID, "block %lu has time %lu, the earliest is %lu", number, time,
                    earliest);
    if (time > latest)
        return fail(err, ST_INVALID, "block %lu has time %lu, the latest is %lu", number, time,
                    latest);
    return ST_OK;
}

static enum status check_items(const struct unsafe_block *block, const struct unsafe_place *place,
                               struct err *err)
{
    const struct derive_state *before = place->before;
    u64 number = block->block.header.number, read_to = block->attributes.inbox_pos;
    usize count = place->item_count;
    if (read_to < before->inbox_pos || read_to - before->inbox_pos != count ||
        block->deposit_count != count + 1)
        return fail(err, ST_INVALID, "block %lu has %zu deposits, and reads items %lu to %lu",
                    number, block->deposit_count - 1, before->inbox_pos, read_to);
    usize fit =
        derive_items_fit(place->config, before, block->block.header.timestamp, place->items, count);
    if (fit < count)
        return fail(err, ST_INVALID, "block %lu reads %zu items, its gas is enough for %zu", number,
                    count, fit);
    return ST_OK;
}

/* Against the block that derivation makes of the same time, origin and items. */
static enum status check_content(const struct unsafe_block *block, const struct unsafe_place *place,
                                 struct arena tmp, struct err *err)
{
    const struct header *header = &block->block.header;
    struct derive_plan plan = {.timestamp = header->timestamp,
                               .origin = place->origin,
                               .items = place->items,
                               .item_count = place->item_count};
    struct derive_block want;
    TRY(derive_compose(place->before, &plan, &want, &tmp, err));
    for (usize i = 0; i < want.deposit_count; i++)
        if (!bytes_equal(want.envelopes[i], block->block.tx_envelopes[i]))
            return fail(err, ST_INVALID, "block %lu: %s the parent says", header->number,
                        i == 0 ? "its L1 attributes are not what"
                               : "a deposit of it is another one than");
    if (header->gas_limit != want.params.gas_limit)
        return fail(err, ST_INVALID, "block %lu has gas limit %lu, the configuration %lu",
                    header->number, header->gas_limit, want.params.gas_limit);
    if (!hash32_equal(header->mix_hash, want.origin.mix_hash) || header->fields < HEADER_CANCUN ||
        !hash32_equal(header->parent_beacon_root, want.origin.parent_beacon_root))
        return fail(err, ST_INVALID,
                    "block %lu does not have its origin's randomness and beacon root",
                    header->number);
    return ST_OK;
}

enum status unsafe_check(const struct unsafe_block *block, const struct unsafe_place *place,
                         struct arena tmp, struct err *err)
{
    TRY(check_place(block, place, err));
    TRY(check_time(block, place, err));
    TRY(check_items(block, place, err));
    return check_content(block, place, tmp, err);
}

/* --- Promises. */

struct unsafe_promise unsafe_promise_of(const struct unsafe_block *block)
{
    return (struct unsafe_promise){.number = block->head.header.number,
                                   .parent_hash = block->head.header.parent_hash,
                                   .hash = block->head.hash,
                                   .origin_number = block->attributes.origin_number,
                                   .origin_hash = block->attributes.origin_hash,
                                   .signer = block->head.signer,
                                   .signature = block->head.signature};
}

bool unsafe_contradicts(const struct unsafe_promise *a, const struct unsafe_promise *b)
{
    return a->number == b->number && hash32_equal(a->parent_hash, b->parent_hash) &&
           address_equal(a->signer, b->signer) && !hash32_equal(a->hash, b->hash);
}
