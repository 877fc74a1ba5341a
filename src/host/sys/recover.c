#include "sys/recover.h"

#include "crypto/keccak.h"
#include "crypto/secp256k1.h"
#include "sys/pages.h"

#include <secp256k1_recovery.h>

enum status recover_sender(struct tx *tx, bool homestead, struct arena tmp, struct err *err)
{
    if (tx->type == TX_DEPOSIT)
        return fail(err, ST_INVALID, "signature: nobody signs a deposit");
    /* EIP-2: the other half of the signatures is refused from Homestead on. */
    if (homestead && u256_less(SECP256K1_HALF_ORDER, tx->s))
        return fail(err, ST_INVALID, "signature: s is above half the order");
    u8 compact[64];
    u256_store_be(compact, tx->r);
    u256_store_be(compact + 32, tx->s);
    hash32 hash = tx_signing_hash(tx, tmp);
    /* The library's context without tables suffices to recover, and threads may share it. */
    const secp256k1_context *context = secp256k1_context_static;
    secp256k1_ecdsa_recoverable_signature signature;
    secp256k1_pubkey key;
    u8 point[65];
    usize size = sizeof(point);
    if (!secp256k1_ecdsa_recoverable_signature_parse_compact(context, &signature, compact,
                                                             tx->y_parity & 1) ||
        !secp256k1_ecdsa_recover(context, &key, &signature, hash.b) ||
        !secp256k1_ec_pubkey_serialize(context, point, &size, &key, SECP256K1_EC_UNCOMPRESSED))
        return fail(err, ST_INVALID, "signature: it belongs to no key");
    hash32 digest = keccak256((bytes){point + 1, 64});
    memcpy(tx->from.b, digest.b + 12, sizeof(tx->from));
    tx->from_known = true;
    return ST_OK;
}

/* Transactions are handed out in runs: short enough to share evenly, long enough not to matter. */
enum { RUN = 16 };

struct bulk {
    struct tx *const *txs;
    usize count;
    bool homestead;
};

/* What a signing hash is computed from: the transaction without its signature. */
static usize scratch_size(const struct tx *tx)
{
    return 4096 + 2 * tx->data.size + 64 * tx->access_count + 64 * tx_access_slot_count(tx) +
           64 * tx->blob_hash_count + 256 * tx->authorization_count;
}

static void recover_run(void *self, usize index)
{
    const struct bulk *bulk = self;
    usize from = index * RUN, to = min_u64(from + RUN, bulk->count);
    u8 small[8192];
    for (usize i = from; i < to; i++) {
        struct tx *tx = bulk->txs[i];
        usize need = scratch_size(tx);
        struct pages pages = {NULL, 0};
        if (tx->from_known || (need > sizeof(small) && pages_reserve(need, &pages, NULL) != ST_OK))
            continue;
        struct arena tmp =
            pages.start == NULL ? arena_over(small, sizeof(small)) : pages_arena(&pages);
        if (recover_sender(tx, bulk->homestead, tmp, NULL) != ST_OK)
            tx->from_known = false;
        pages_release(&pages);
    }
}

void recover_senders(struct pool *pool, struct tx *const *txs, usize count, bool homestead)
{
    struct bulk bulk = {txs, count, homestead};
    usize runs = (count + RUN - 1) / RUN;
    if (pool != NULL) {
        pool_run_all(pool, recover_run, &bulk, runs);
        return;
    }
    for (usize i = 0; i < runs; i++)
        recover_run(&bulk, i);
}
