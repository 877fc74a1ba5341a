/* What the signer says to a watchtower. */
#include "channel/signer.h"
#include "channel/tower_blob.h"

#include "harness/test.h"

/* Also after a close: the peer may dispute until the chain has that. */
TEST(the_signer_lets_our_node_alone_keep_a_channel_with_a_tower)
{
    secret32 account = {{[31] = 1}};
    struct keyring *ring = keyring_new(&account);
    struct limited_signer *keys = signer_new(&(struct signer_options){.ring = ring});
    struct channel_terms terms = {.chain_id = 900,
                                  .owner = {signer_owner(keys, 0), {{9}}},
                                  .challenge_s = 3600,
                                  .payout = {keyring_account(ring), {{8}}}},
                         other = terms;
    other.challenge_s++;
    struct channel_name name = channel_name_of(&terms), other_name = channel_name_of(&other);
    struct channel_close close = {0, 1700000000};
    struct sign_request request = {.terms = &terms, .name = &name};
    point33 node = keyring_node(ring);
    signature64 out;
    struct err why;
    CHECK(signer_know(keys, 0, 0, &terms, &why) == ST_OK);
    request.kind = SIGN_CLOSE;
    request.close = &close;
    CHECK(signer_sign(keys, &request, &out, &why) == ST_OK);
    request.kind = SIGN_TOWER;
    CHECK(signer_sign(keys, &request, &out, &why) == ST_OK);
    CHECK(signature_is_of(&out, tower_claim_digest(name.id, &node), terms.owner[0]));
    request.name = &other_name;
    CHECK(signer_sign(keys, &request, &out, &why) == ST_INVALID);
    signer_free(keys);
    keyring_free(ring);
}
