#include "types/account.h"

#include "types/internal.h"

const hash32 EMPTY_CODE_HASH = {{0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c, 0x92, 0x7e, 0x7d,
                                 0xb2, 0xdc, 0xc7, 0x03, 0xc0, 0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82,
                                 0x27, 0x3b, 0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70}};
const hash32 EMPTY_TRIE_ROOT = {{0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6, 0xff, 0x83, 0x45,
                                 0xe6, 0x92, 0xc0, 0xf8, 0x6e, 0x5b, 0x48, 0xe0, 0x1b, 0x99, 0x6c,
                                 0xad, 0xc0, 0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21}};

bool account_is_empty(const struct account *account)
{
    return account->nonce == 0 && u256_is_zero(account->balance_wei) &&
           hash32_equal(account->code_hash, EMPTY_CODE_HASH);
}

static void account_fields(struct rlp_out *out, const void *self)
{
    const struct account *account = self;
    out_u64(out, account->nonce);
    out_u256(out, account->balance_wei);
    out_hash(out, account->storage_root);
    out_hash(out, account->code_hash);
}

bytes account_encode(const struct account *account, struct arena *arena)
{
    return encode_list(account_fields, account, arena);
}

enum status account_decode(bytes in, struct account *out)
{
    bytes fields;
    TRY(rlp_read_list(&in, &fields));
    TRY(rlp_read_end(in));
    TRY(rlp_read_u64(&fields, &out->nonce));
    TRY(rlp_read_u256(&fields, &out->balance_wei));
    TRY(rlp_read_hash(&fields, &out->storage_root));
    TRY(rlp_read_hash(&fields, &out->code_hash));
    return rlp_read_end(fields);
}
