/* One transaction after the other, each waited for: how commands act on a chain. The sender
 * (sender.h) resends and pays more where that is needed; what was begun is remembered by the chain
 * alone, so whoever is killed looks there before it acts again. */
#ifndef CLIENT_ERRANDS_H
#define CLIENT_ERRANDS_H

#include "client/eth.h"
#include "client/signer.h"

struct errands;

/* `eth` outlives them; the signer is copied. */
enum status errands_open(struct eth *eth, const struct signer *signer, struct errands **out,
                         struct err *err);
/* NULL is fine. */
void errands_close(struct errands *errands);

address errands_who(const struct errands *errands);
struct eth *errands_eth(const struct errands *errands);

struct errand {
    address to;
    u256 value_wei;
    bytes data;
};

/* Until it is in a block. ST_INVALID: the account cannot pay, or the contract refuses: now, or when
 * it came to it.  ST_AGAIN: it is in no block after ten minutes. */
enum status errands_do(struct errands *errands, const struct errand *errand,
                       struct eth_receipt *out, struct arena *arena, struct err *err);

#endif
