/* Executing blocks: judged when they come in, again when their state is needed again. */
#include "chain/internal.h"
#include "stf/check.h"
#include "stf/child.h"
#include "sys/clock.h"

bool chain_is_merged(const struct chain_config *config, const struct header *parent,
                     u256 parent_total_difficulty)
{
    return parent->number + 1 >= config->merge_block ||
           (config->has_terminal_difficulty &&
            !u256_less(parent_total_difficulty, config->terminal_total_difficulty));
}

void chain_count(struct chain *chain, u64 *figure, u64 amount)
{
    pthread_mutex_lock(&chain->lock);
    *figure += amount;
    pthread_mutex_unlock(&chain->lock);
}

enum status chain_check_usable(struct chain *chain, struct err *err)
{
    return chain->failed == ST_OK ? ST_OK : fail(err, chain->failed, "%s", chain->failure.text);
}

enum status chain_block_arena(struct chain *chain, u64 gas_limit, usize rlp_size, struct arena *out,
                              struct err *err)
{
    /* A decoded transaction takes up to 45 times its shortest encoding. A huge block's memory is
     * given back soon after: looking for it takes longer than a small block. */
    enum { DECODED_PER_BYTE = 64, KEEP = 64 << 20, TRIM_EVERY = 64 };
    usize need = stf_arena_bound(gas_limit) + rlp_size * DECODED_PER_BYTE + ((usize)64 << 20);
    if (need > chain->pages.size) {
        pages_release(&chain->pages);
        TRY(pages_reserve(need, &chain->pages, err));
    }
    if (chain->blocks_since_trim++ % TRIM_EVERY == 0)
        pages_trim(&chain->pages, KEEP);
    *out = pages_arena(&chain->pages);
    return ST_OK;
}

/* A node source that notes when it is asked first: execution itself never asks. */
struct timed_nodes {
    struct node_source below;
    u64 first_ns;
};

static enum status timed_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    struct timed_nodes *nodes = self;
    if (nodes->first_ns == 0)
        nodes->first_ns = clock_now_ns();
    return nodes->below.node(nodes->below.self, path, hash, out);
}

/* --- Ommers: up to seven ancestors with their own ommers, from the log. */

static enum status judge_ommers(struct chain *chain, struct point *parent,
                                const struct block *block, struct arena arena, struct err *err)
{
    struct ancestor ancestors[OMMER_DEPTH + 1];
    usize count = 0;
    u64 position = parent->body->position;
    for (u64 number = UINT64_MAX; count < countof(ancestors) && number > 0;) {
        struct record record;
        TRY(record_read(chain->log, position, &record, &arena, err));
        if (record.kind == RECORD_BLOCK) { /* patches of a state lie between blocks */
            struct block *ancestor = ARENA_NEW(&arena, struct block, 1);
            TRY(block_decode(record.body, ancestor, &arena, err));
            ancestors[count++] = (struct ancestor){&ancestor->header, record.head.hash,
                                                   ancestor->ommers, ancestor->ommer_count};
        }
        number = record.head.number;
        position = record.head.parent_position;
    }
    return check_ommers(&chain->config, block, ancestors, count, arena, err);
}

static enum status judge(struct chain *chain, const struct rules *rules, struct point *parent,
                         const struct block *block, struct arena *arena, struct err *err)
{
    const struct header *before = &parent->body->header;
    bool parent_merged = before->number > 0 && u256_is_zero(before->difficulty);
    struct rules parent_rules =
        chain_rules(&chain->config, before->number, before->timestamp, parent_merged);
    TRY(check_header(&chain->config, rules, &block->header, before, parent_rules.fork, err));
    TRY(check_body(rules, block, *arena, err));
    return block->ommer_count == 0 ? ST_OK : judge_ommers(chain, parent, block, *arena, err);
}

enum status chain_execute(struct chain *chain, struct point *parent, const struct block *block,
                          bool known_good, struct arena *arena, struct stf_result *out, u64 *ns,
                          struct err *err)
{
    u64 begun = clock_now_ns();
    const struct header *header = &block->header;
    bool merged =
        chain_is_merged(&chain->config, &parent->body->header, parent->body->total_difficulty);
    struct rules rules = chain_rules(&chain->config, header->number, header->timestamp, merged);
    TRY(child_rules_read(&rules, block->tx_count > 0 ? block->txs : NULL, err));
    if (!known_good)
        TRY(judge(chain, &rules, parent, block, arena, err));
    struct snapshot at;
    TRY(state_open_owner(chain, parent, arena, &at, err));
    struct state_view view = snapshot_view(&at);
    struct timed_nodes timed = {snapshot_nodes(&at), 0};
    struct node_source nodes = {.self = &timed, .node = timed_node, .trusted = timed.below.trusted};
    struct header before = parent->body->header;
    before.state_root = parent->state_root; /* a patch may have changed it */
    enum status st = stf_block(&rules, &before, block, &view, &nodes, out, arena, err);
    snapshot_close(&at);
    u64 now = clock_now_ns();
    u64 trie_ns = timed.first_ns == 0 ? 0 : now - timed.first_ns;
    *ns = now - begun;
    chain_count(chain, &chain->stats.trie_ns, trie_ns);
    chain_count(chain, &chain->stats.execute_ns, *ns - trie_ns);
    return st;
}

bytes block_senders(const struct block *block, struct arena *arena)
{
    u8 *senders = arena_take(arena, block->tx_count * sizeof(address), 1);
    for (usize i = 0; i < block->tx_count; i++)
        memcpy(senders + i * sizeof(address), block->txs[i].from.b, sizeof(address));
    return (bytes){senders, block->tx_count * sizeof(address)};
}

void block_set_senders(struct block *block, bytes senders)
{
    for (usize i = 0; i < block->tx_count && senders.size >= (i + 1) * sizeof(address); i++) {
        memcpy(block->txs[i].from.b, senders.data + i * sizeof(address), sizeof(address));
        block->txs[i].from_known = true;
    }
}

struct point *chain_make_point(struct chain *chain, struct point *parent, const struct block *block,
                               bytes rlp, bytes senders, const struct stf_result *result,
                               u64 position, u64 ns)
{
    u64 number = block->header.number;
    struct layer *layer = layer_new(chain->seed, depth_of(number, 0));
    layer_put_diff(layer, &result->diff);
    layer_put_nodes(layer, &result->changes);
    for (usize i = 0; i < block->tx_count; i++) {
        u8 place[TX_PLACE_SIZE];
        tx_place_pack((struct tx_place){number, position, (u32)i}, place);
        layer_put(layer, TABLE_TX, BYTES_OF(block->txs[i].hash), BYTES_OF(place));
    }
    layer_put_block(layer, block->hash, number, position);
    layer_seal(layer);
    u256 total = u256_add(parent->body->total_difficulty, block->header.difficulty);
    struct body *body = body_new(position, &block->header, block->hash, total, rlp, senders,
                                 result->receipts, result->receipt_count);
    struct point *point = point_new(parent, body, position, false, result->state_root, layer);
    body_release(body);
    point_weigh(point, rlp.size + senders.size + sizeof(struct record_head), ns);
    pthread_mutex_lock(&chain->lock);
    chain->stats.blocks++;
    chain->stats.txs += block->tx_count;
    chain->stats.gas += result->gas_used;
    pthread_mutex_unlock(&chain->lock);
    return point;
}
