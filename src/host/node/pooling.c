/* The pool follows the chain: its accounts, its prices, and what a reorg gives back. */
#include "node/internal.h"

#include "stf/check.h"
#include "sys/clock.h"
#include "sys/log.h"

/* What the block after `head` is judged by. */
static struct txpool_head pool_head(const struct node *node, const struct head *head)
{
    const struct header *parent = &head->header;
    struct rules rules = chain_rules(chain_config(node->chain), parent->number + 1,
                                     max_u64(parent->timestamp + 1, clock_wall_ms() / 1000),
                                     u256_is_zero(parent->difficulty));
    rules.child.base_fee_floor_wei = head->base_fee_floor_wei;
    struct txpool_head out = {.rules = rules, .gas_limit = parent->gas_limit};
    if (node->orderer != NULL)
        out.gas_limit = max_u64(parent->gas_limit, node->config->gas_limit);
    if (rules.fork >= LONDON)
        out.base_fee_wei = next_base_fee(&rules, parent, parent->fields < HEADER_LONDON);
    if (rules.fork >= CANCUN)
        out.blob_fee_wei = blob_base_fee(&rules, next_excess_blob_gas(&rules, parent));
    return out;
}

/* For a sender that is new to the pool. */
static enum status account_at_head(void *self, address who, struct account *out)
{
    struct node *node = self;
    struct arena arena = pages_arena(&node->account_pages);
    struct snapshot at;
    struct err err;
    TRY(snapshot_open(node->chain, &arena, &at, &err));
    struct state_view view = snapshot_view(&at);
    enum status st = view.account(view.self, who, out);
    snapshot_close(&at);
    return st;
}

static void tx_became_executable(void *self, const struct tx *tx)
{
    struct node *node = self;
    if (node->rpc != NULL)
        rpc_tx_pending(node->rpc, tx);
}

enum status node_make_pool(struct node *node, struct err *err)
{
    TRY(pages_reserve((usize)64 << 20, &node->account_pages, err));
    const struct head *head = chain_head(node->chain);
    struct txpool_head pool = pool_head(node, head);
    head_release(head);
    bool dev = node->config->command == UP || strcmp(node->config->orderer, "dev") == 0;
    node->pool = txpool_new(dev ? &TXPOOL_LIMITS_DEV : &TXPOOL_LIMITS, &pool,
                            (struct txpool_state){node, account_at_head},
                            (struct txpool_listener){node, tx_became_executable});
    return ST_OK;
}

/* The transactions of the blocks that an event removes, oldest first. */
struct removed {
    struct snapshot *at;
    const struct block_ref *refs; /* newest first */
    usize blocks_left;
    struct stored_block block; /* the one that is being gone through */
    usize next_tx;
    struct arena start; /* a block's memory is the one's before */
};

static bool next_removed_block(struct removed *removed)
{
    struct err err;
    while (removed->blocks_left > 0) {
        const struct block_ref *ref = &removed->refs[--removed->blocks_left];
        *removed->at->arena = removed->start;
        removed->next_tx = 0;
        if (block_ref_read(removed->at, ref, &removed->block, &err) == ST_OK)
            return true;
        log_error("node", "a block that was taken back cannot be read, and its transactions go",
                  LOG_U64("number", ref->number), LOG_TEXT("why", err.text));
    }
    return false;
}

static const struct tx *next_removed_tx(void *self, bytes *envelope)
{
    struct removed *removed = self;
    while (removed->next_tx == removed->block.block.tx_count)
        if (!next_removed_block(removed))
            return NULL;
    *envelope = removed->block.block.tx_envelopes[removed->next_tx];
    return &removed->block.block.txs[removed->next_tx++];
}

void node_head_changed(void *self, const struct chain_event *event)
{
    struct node *node = self;
    if (node->pool == NULL) /* still importing */
        return;
    struct arena arena = pages_arena(&node->pages);
    struct snapshot at;
    struct err err;
    enum status st = snapshot_open_at(node->chain, event->head, &arena, &at, &err);
    if (st != ST_OK) {
        log_error("node", "the pool cannot follow the head", LOG_TEXT("why", err.text));
        return;
    }
    struct state_view view = snapshot_view(&at);
    struct txpool_head head = pool_head(node, event->head);
    struct txpool_state now = {view.self, view.account};
    struct removed removed = {
        .at = &at, .refs = event->removed, .blocks_left = event->removed_count, .start = arena};
    struct txpool_returns returns = {&removed, next_removed_tx};
    bool forgets = node->orderer != NULL && orderer_is_returning(node->orderer);
    txpool_set_head(node->pool, &head, &now, forgets ? NULL : &returns, clock_now_ms());
    snapshot_close(&at);
    pages_trim(&node->pages, (usize)1 << 20);
    if (node->rpc != NULL)
        rpc_head_changed(node->rpc, event);
}
