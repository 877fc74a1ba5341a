/* Who signed: transactions (EIP-2, EIP-155) and authorizations (EIP-7702). */
#include "crypto/keccak.h"
#include "crypto/secp256k1.h"
#include "types/internal.h"
#include "types/tx.h"

enum status tx_recover(struct tx *tx, bool homestead, struct arena tmp, struct err *err)
{
    if (tx->type == TX_DEPOSIT)
        return fail(err, ST_INVALID, "transaction: nobody signs a deposit");
    if (homestead && u256_less(SECP256K1_HALF_ORDER, tx->s))
        return fail(err, ST_INVALID, "transaction: s is in the upper half of the order (EIP-2)");
    pubkey64 key;
    if (secp256k1_recover(tx_signing_hash(tx, tmp), tx->r, tx->s, tx->y_parity, &key) != ST_OK)
        return fail(err, ST_INVALID, "transaction: nobody can have made this signature");
    tx->from = pubkey_address(&key);
    tx->from_known = true;
    return ST_OK;
}

static void authorization_message(struct rlp_out *out, const void *self)
{
    const struct authorization *auth = self;
    out_u256(out, auth->chain_id);
    out_address(out, auth->who);
    out_u64(out, auth->nonce);
}

enum status authorization_recover(const struct authorization *auth, address *out)
{
    enum { MAGIC = 0x05, MESSAGE_SIZE = 1 + 3 + 33 + RLP_SIZE_ADDRESS + 9 };
    if (auth->y_parity > 1 || u256_less(SECP256K1_HALF_ORDER, auth->s))
        return ST_INVALID;
    u8 memory[MESSAGE_SIZE];
    struct arena tmp = arena_over(memory, sizeof(memory));
    hash32 hash = keccak256(encode_envelope(MAGIC, authorization_message, auth, &tmp));
    pubkey64 key;
    TRY(secp256k1_recover(hash, auth->r, auth->s, auth->y_parity == 1, &key));
    *out = pubkey_address(&key);
    return ST_OK;
}
