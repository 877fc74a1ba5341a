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

static void take_back(struct node *node, struct snapshot *at, const struct block_ref *ref)
{
    struct stored_block stored;
    struct err err;
    if (block_ref_read(at, ref, &stored, &err) != ST_OK)
        return;
    for (usize i = 0; i < stored.block.tx_count; i++) /* refused: the new branch has it, or more */
        (void)txpool_add(node->pool, &stored.block.txs[i], stored.block.tx_envelopes[i],
                         BYTES_EMPTY, clock_now_ms(), NULL);
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
    txpool_set_head(node->pool, &head, &now);
    bool returning = node->orderer != NULL && orderer_is_returning(node->orderer);
    for (usize i = event->removed_count; !returning && i-- > 0;)
        take_back(node, &at, &event->removed[i]);
    snapshot_close(&at);
    pages_trim(&node->pages, (usize)1 << 20);
    if (node->rpc != NULL)
        rpc_head_changed(node->rpc, event);
}
