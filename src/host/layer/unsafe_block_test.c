/* The parent chain is that of derivation's tests; nothing is executed. */
#include "layer/unsafe_block.h"

#include "crypto/secp256k1.h"
#include "derive/testing.h"
#include "harness/test.h"
#include "stf/roots.h"
#include "types/header.h"

static struct parent parent;
static struct derive_state before;
static struct keys *keys;
static struct signer signer;

static void begin(void)
{
    parent_init(&parent, test_arena());
    before = parent_genesis(&parent);
    secret32 secret = {{[31] = 7}};
    CHECK(keys_from_secrets(&secret, 1, &keys, NULL) == ST_OK);
    signer = signer_of_keys(keys, keys_address(keys, 0));
    before.params.sequencer = signer.who;
    parent_enqueue(&parent, (struct inbox_item){.from = {{1}}, .to = {{2}}, .gas_limit = 100000});
    parent_enqueue(&parent, (struct inbox_item){.from = {{3}}, .to = {{4}}, .gas_limit = 100000});
    parent_mine(&parent);
}

static void end(void)
{
    keys_free(keys);
}

/* A block after `before`, with as many items, and what it is judged by. */
struct order {
    struct derive_origin origin;
    struct block block;
    struct unsafe_place place;
};

static struct order *order_block(usize items)
{
    struct order *order = ARENA_NEW(test_arena(), struct order, 1);
    order->origin = parent_origin(&parent, parent_last_origin(&parent));
    order->place = (struct unsafe_place){.config = &parent.config,
                                         .before = &before,
                                         .origin = &order->origin,
                                         .items = parent.items,
                                         .item_count = items,
                                         .latest_s = order->origin.timestamp};
    struct tx user = seeded_tx(&(struct seeded){5}, CHILD_ID, test_arena());
    struct derive_plan plan = {.timestamp = order->origin.timestamp,
                               .origin = &order->origin,
                               .items = parent.items,
                               .item_count = items,
                               .txs = &user,
                               .tx_count = 1};
    struct derive_block made;
    CHECK(derive_compose(&before, &plan, &made, test_arena(), NULL) == ST_OK);
    order->block = (struct block){.txs = (struct tx *)(uintptr_t)made.txs,
                                  .tx_envelopes = (bytes *)(uintptr_t)made.envelopes,
                                  .tx_count = made.tx_count,
                                  .has_withdrawals = true};
    order->block.header = (struct header){.parent_hash = before.head.hash,
                                          .ommers_hash = EMPTY_OMMERS_HASH,
                                          .number = made.number,
                                          .gas_limit = made.params.gas_limit,
                                          .timestamp = made.timestamp,
                                          .mix_hash = made.origin.mix_hash,
                                          .parent_beacon_root = made.origin.parent_beacon_root,
                                          .fields = HEADER_PRAGUE};
    return order;
}

/* As it comes over the wire; the header commits to the transactions. */
static struct signed_block sign(struct order *order)
{
    struct signed_block out;
    struct block *block = &order->block;
    block->header.transactions_root = block_transactions_root(block, *test_arena());
    hash32 hash = header_hash(&block->header, *test_arena());
    out.rlp = block_encode(block, test_arena());
    CHECK(unsafe_sign(&signer, CHILD_ID, hash, &out.signature, NULL) == ST_OK);
    return out;
}

static enum status judge(struct order *order, struct err *err)
{
    struct unsafe_head head;
    struct unsafe_block block;
    struct signed_block wire = sign(order);
    TRY(unsafe_peek(&wire, CHILD_ID, &head, err));
    CHECK(address_equal(head.signer, signer.who));
    TRY(unsafe_read(&head, &block, test_arena(), err));
    return unsafe_check(&block, &order->place, *test_arena(), err);
}

TEST(unsafe_block_that_a_batch_could_make_is_good)
{
    begin();
    for (usize items = 0; items <= 2; items++) {
        struct err err = {""};
        if (judge(order_block(items), &err) != ST_OK)
            test_fail(__FILE__, __LINE__, "%zu items: %s", items, err.text);
    }
    end();
}

/* Each row changes one thing about a good block of one item. */
static void spoil(struct order *order, usize row)
{
    static struct derive_origin other;
    struct block *block = &order->block;
    switch (row) {
    case 0:
        block->header.number++;
        break;
    case 1:
        block->header.parent_hash.b[0] ^= 1;
        break;
    case 2:
        block->header.timestamp--;
        break;
    case 3:
        block->header.timestamp += DERIVE_TIME_AHEAD + 1;
        break;
    case 4:
        block->header.gas_limit++;
        break;
    case 5:
        block->header.mix_hash.b[0] ^= 1;
        break;
    case 6:
        block->header.parent_beacon_root.b[0] ^= 1;
        break;
    case 7: /* it leaves the item out, but says that it has read it */
        block->txs[1] = block->txs[2];
        block->tx_envelopes[1] = block->tx_envelopes[2];
        block->tx_count--;
        break;
    case 8:
        order->place.items++;
        break;
    case 9:
        block->txs[1].value_wei = u256_from_u64(1);
        block->tx_envelopes[1] = tx_encode(&block->txs[1], test_arena());
        break;
    case 10:
        other = parent_origin(&parent, PARENT_FIRST_ORIGIN);
        order->place.origin = &other;
        break;
    case 11:
        before.head.origin.number += 2;
        break;
    case 12:
        block->txs++;
        block->tx_envelopes++;
        block->tx_count--;
        break;
    default:
        order->place.item_count = 2;
        break;
    }
}

TEST(unsafe_block_that_no_batch_could_make_is_refused)
{
    enum { ROWS = 14 };
    for (usize row = 0; row < ROWS; row++) {
        struct err err = {""};
        begin();
        struct order *order = order_block(1);
        /* items' positions are asserted on where one is composed with */
        if (row == 8)
            parent.items[1].position = 0;
        spoil(order, row);
        CHECK_ROW(row, judge(order, &err) == ST_INVALID && err.text[0] != 0);
        end();
    }
}

TEST(unsafe_block_is_what_its_signature_is_for)
{
    begin();
    struct unsafe_head head;
    struct unsafe_block block;
    struct signed_block good = sign(order_block(1)), bad;
    CHECK(unsafe_peek(&good, CHILD_ID, &head, NULL) == ST_OK);
    CHECK(address_equal(head.signer, signer.who));
    CHECK(unsafe_peek(&good, CHILD_ID + 1, &head, NULL) != ST_OK ||
          !address_equal(head.signer, signer.who));
    for (usize i = 0; i < 65; i += 8) {
        bad = good;
        bad.signature.b[i] ^= 1;
        CHECK_ROW(i, unsafe_peek(&bad, CHILD_ID, &head, NULL) != ST_OK ||
                         !address_equal(head.signer, signer.who));
    }
    bad = good; /* the second spelling of a signature */
    u256 s = u256_load_be(bad.signature.b + 32);
    u256_store_be(bad.signature.b + 32, u256_sub(SECP256K1_ORDER, s));
    bad.signature.b[64] = (u8)(55 - bad.signature.b[64]);
    CHECK(unsafe_peek(&bad, CHILD_ID, &head, NULL) == ST_INVALID);
    /* Another body under the same header. */
    struct order *order = order_block(0);
    order->block.header = head.header;
    bad.rlp = block_encode(&order->block, test_arena());
    bad.signature = good.signature;
    CHECK(unsafe_peek(&bad, CHILD_ID, &head, NULL) == ST_OK);
    CHECK(unsafe_read(&head, &block, test_arena(), NULL) == ST_INVALID);
    CHECK(unsafe_peek(&good, CHILD_ID, &head, NULL) == ST_OK);
    CHECK(unsafe_read(&head, &block, test_arena(), NULL) == ST_OK && block.deposit_count == 2);
    end();
}

TEST(unsafe_block_needs_a_key_that_signs_hashes)
{
    begin();
    signature65 signature;
    struct err err = {""};
    signer.sign_hash = NULL;
    CHECK(unsafe_sign(&signer, CHILD_ID, (hash32){{1}}, &signature, &err) == ST_INVALID);
    CHECK(strstr(err.text, "external signer") != NULL);
    end();
}

TEST(unsafe_promises_contradict_each_other_in_one_place_only)
{
    struct unsafe_promise a = {.number = 5, .parent_hash = {{1}}, .hash = {{2}}, .signer = {{3}}};
    struct unsafe_promise b = a;
    CHECK(!unsafe_contradicts(&a, &b)); /* the same block, signed again */
    b.hash.b[0]++;
    CHECK(unsafe_contradicts(&a, &b) && unsafe_contradicts(&b, &a));
    b.signer.b[0]++;
    CHECK(!unsafe_contradicts(&a, &b));
    b.signer = a.signer;
    b.parent_hash.b[0]++;
    CHECK(!unsafe_contradicts(&a, &b)); /* the chain below it was another one */
    b.parent_hash = a.parent_hash;
    b.number++;
    CHECK(!unsafe_contradicts(&a, &b));
}
