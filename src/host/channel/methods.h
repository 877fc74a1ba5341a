/* What methods of JSON-RPC are made of: methods.c has the frame, methods_node.c who the daemon is,
 * methods_pay.c those that pay, methods_app.c those of apps, methods_offer.c what is done with
 * offers, methods_splice.c those that change a channel, methods_swap.c what crosses chains. */
#ifndef CHANNEL_METHODS_H
#define CHANNEL_METHODS_H

#include "channel/daemon_internal.h"
#include "channel/invoice.h"

/* --- Arguments. False: it is wrong, and the call has been refused. */

json method_argument(const struct daemon_call *call, const char *name);
bool method_read_amount(struct daemon_call *call, const char *name, u128 *out);
/* "KEY@HOST:PORT"; where it is now, if it has moved. */
bool method_read_peer(struct daemon_call *call, const char *name, struct peer **out);
bool method_read_entry(struct daemon_call *call, struct entry **out);
bool method_read_chain(struct daemon_call *call, struct chain_of **out);
bool method_read_asset(struct daemon_call *call, address *out);
/* Absent: empty. */
bool method_read_text(struct daemon_call *call, const char *name, usize limit, bytes *out);
bool method_read_seconds(struct daemon_call *call, const char *name, u64 usual, u64 most, u64 *out);
/* Absent: a hundredth of the amount, and a little. */
bool method_read_fee_limit(struct daemon_call *call, u128 amount, u128 *out);
/* Refuses. Always false. */
bool method_bad(struct daemon_call *call, const char *name, const char *what);

/* --- Answers. */

/* Refused by the signer's limits, which the error names; the same, if that is why it failed so. */
void method_refuse_limit(struct daemon_call *call, const char *text);
void method_refuse_payment(struct daemon_call *call, enum status st, const char *text);

void method_put_amount(struct json_out *out, const char *key, u128 amount);
void method_put_hex(struct json_out *out, const char *key, bytes value);
void method_put_text(struct json_out *out, const char *key, const char *text);
/* Once all that gathers now is durable. */
void method_answer_after(struct daemon_call *call);
const char *method_state(const struct entry *entry);
void method_put_channel(struct json_out *out, const struct entry *entry);
void method_answer_channel(struct daemon_call *call, const struct entry *entry);
/* Until methods_wake comes with the key. */
void method_park(struct daemon_call *call, enum daemon_wait waits, hash32 key);
/* It waits no longer. What is answered, or is to be, does not by itself. */
void method_unpark(struct daemon_call *call);
/* NULL: none waits so. */
struct daemon_call *method_waiting(struct daemon *daemon, enum daemon_wait waits, hash32 key);

/* --- methods_app.c */

void method_app_propose(struct daemon_call *call);
void method_app_accept(struct daemon_call *call);
void method_app_move(struct daemon_call *call);
void method_app_settle(struct daemon_call *call);
void method_app_list(struct daemon_call *call);

/* --- methods_network.c */

void method_graph(struct daemon_call *call);

/* --- methods_node.c */

void method_node_info(struct daemon_call *call);
const char *method_limit_name(enum signer_limit limit);

/* --- methods_pay.c */

void method_keysend(struct daemon_call *call);
/* What is not in an update yet is not paid. */
void method_leave_unqueued(struct daemon_call *call);
/* All of its payments that could be made are acknowledged. */
void method_answer_keysend(struct daemon_call *call);
void method_invoice(struct daemon_call *call);
void method_invoice_status(struct daemon_call *call);
void method_pay(struct daemon_call *call);
/* If it is paid or has failed. */
void method_answer_payment(struct daemon_call *call);
/* It has no payments any more that could be queued. */
void method_stop_paying(struct daemon_call *call);

/* --- methods_swap.c */

/* The way over the only hub that fits, whose fee is within the limit. False: the call has been
 * refused. */
bool method_find_hub(struct daemon_call *call, const struct payment_terms *terms, u64 from_chain,
                     const struct invoice_hints *hints, u128 fee_limit, struct plan *out);

/* --- methods_splice.c */

void method_rebase(struct daemon_call *call);
void method_withdraw(struct daemon_call *call);
/* Unless it goes on. */
void method_answer_withdrawal(struct daemon_call *call, const struct entry *entry);

/* --- subscriptions.c */

void method_history(struct daemon_call *call);
void method_subscribe(struct daemon_call *call);
void method_unsubscribe(struct daemon_call *call);

#endif
