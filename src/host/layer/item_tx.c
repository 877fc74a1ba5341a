#include "layer/item_tx.h"

#include "crypto/keccak.h"
#include "derive/derive.h"

hash32 item_tx_hash(const struct inbox_item *item, hash32 source_hash, struct arena tmp)
{
    struct tx tx = {.type = TX_DEPOSIT,
                    .source_hash = source_hash,
                    .from = item->from,
                    .to = item->to,
                    .creates = item->creates,
                    .mint_wei = item->mint_wei,
                    .value_wei = item->value_wei,
                    .gas_limit = min_u64(item->gas_limit, DERIVE_ITEM_GAS),
                    .data = item->data};
    return keccak256(tx_encode(&tx, &tmp));
}
