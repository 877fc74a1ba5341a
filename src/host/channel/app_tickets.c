/* Tickets.sol's states: a list of tickets, one for each seat.
 *
 *     data   = abi.encode(Ticket[])      Ticket = {holder, sales, used, signature}
 *     params = abi.encode(bytes32 show, uint128 price)
 *
 * What a holder signs is not judged here: the contract's code does that. */
#include "channel/app_games.h"

#include "base/hex.h"
#include "client/abi.h"

enum {
    MOST_SEATS = 32,
    SIGNATURE_SIZE = 65,
};

struct ticket {
    address holder; /* zero: not issued */
    u64 sales;
    bool is_used;
    bytes signature;
};

struct tickets {
    struct ticket list[MOST_SEATS];
    usize count;
};

static bytes write_tickets(const struct tickets *tickets, struct arena *arena)
{
    struct abi_out out = abi_begin(1, arena);
    abi_open_array(&out, tickets->count, 1);
    for (usize i = 0; i < tickets->count; i++) {
        abi_open_tuple(&out, 4);
        abi_put_address(&out, tickets->list[i].holder);
        abi_put_u64(&out, tickets->list[i].sales);
        abi_put_bool(&out, tickets->list[i].is_used);
        abi_put_bytes(&out, tickets->list[i].signature);
        abi_close(&out);
    }
    abi_close(&out);
    return abi_end(&out);
}

/* What an offset in a head says is elsewhere in `in`. */
static struct abi_in follow(struct abi_in *in, usize base)
{
    u64 offset = abi_get_u64(in);
    bool fits = offset <= in->all.size && base <= in->all.size - offset;
    struct abi_in out =
        abi_over(fits ? bytes_slice(in->all, base + offset, in->all.size) : BYTES_EMPTY);
    in->failed |= !fits;
    return out;
}

static enum status read_tickets(bytes data, struct tickets *out)
{
    struct abi_in in = abi_over(data);
    struct abi_in array = follow(&in, 0);
    u64 count = abi_get_u64(&array);
    if (in.failed || array.failed || count > MOST_SEATS)
        return ST_INVALID;
    struct abi_in heads = abi_over(bytes_slice(array.all, ABI_WORD, array.all.size));
    out->count = (usize)count;
    for (usize i = 0; i < count; i++) {
        struct abi_in ticket = follow(&heads, 0);
        out->list[i].holder = abi_get_address(&ticket);
        out->list[i].sales = abi_get_u64(&ticket);
        out->list[i].is_used = abi_get_bool(&ticket);
        out->list[i].signature = abi_get_bytes(&ticket);
        if (ticket.failed || out->list[i].signature.size > SIGNATURE_SIZE)
            return ST_INVALID;
    }
    return heads.failed ? ST_INVALID : ST_OK;
}

enum status tickets_begin(const struct app_wish *wish, struct app *app, bytes *data,
                          struct arena *arena, struct err *err)
{
    struct tickets tickets = {.count = (usize)wish->seats};
    if (wish->seats == 0 || wish->seats > MOST_SEATS)
        return fail(err, ST_INVALID, "a show has from 1 to %d seats", MOST_SEATS);
    if (wish->price == 0 || wish->price >> 100 != 0)
        return fail(err, ST_INVALID, "a ticket has a price");
    app->stake[0] = 0;
    app->stake[1] = wish->price * wish->seats;
    struct abi_out params = abi_begin(2, arena);
    abi_put_hash(&params, wish->salt);
    abi_put_u256(&params, (u256){{(u64)wish->price, (u64)(wish->price >> 64), 0, 0}});
    app->params = abi_end(&params);
    *data = write_tickets(&tickets, arena);
    return ST_OK;
}

static enum status change(struct ticket *ticket, bytes what, bytes words, struct arena *arena,
                          struct err *err)
{
    bool admits = app_word_is(what, "admit"), resells = app_word_is(what, "resell");
    if (!admits && !resells && !app_word_is(what, "issue"))
        return fail(err, ST_INVALID, "a move is issue, resell, admit or end");
    if (!admits && hex_read_fixed(app_word(&words), ticket->holder.b, sizeof(address)) != ST_OK)
        return fail(err, ST_INVALID, "a holder is an address");
    if (admits || resells) {
        u8 *signature = ARENA_TAKE(arena, u8, SIGNATURE_SIZE);
        if (hex_read_fixed(app_word(&words), signature, SIGNATURE_SIZE) != ST_OK)
            return fail(err, ST_INVALID, "a holder's signature has 65 bytes");
        ticket->signature = (bytes){signature, SIGNATURE_SIZE};
        ticket->sales++;
        ticket->is_used = admits;
    }
    return app_word(&words).size == 0 ? ST_OK : fail(err, ST_INVALID, "that is a word too many");
}

static u128 price_of(const struct app *app)
{
    struct abi_in in = abi_over(app->params);
    (void)abi_get_hash(&in);
    u256 price = abi_get_u256(&in);
    return (u128)price.w[1] << 64 | price.w[0];
}

enum status tickets_move(const struct app *app, const struct app_state *from, enum app_role who,
                         bytes words, struct app_state *to, struct arena *arena, struct err *err)
{
    struct tickets tickets;
    bytes what = app_word(&words);
    u128 seat;
    *to = *from;
    to->version++;
    if (who != APP_FIRST)
        return fail(err, ST_INVALID, "the organiser moves");
    if (app_word_is(what, "end")) {
        to->mover = APP_OVER;
        return app_word(&words).size == 0 ? ST_OK : fail(err, ST_INVALID, "end takes no words");
    }
    if (read_tickets(from->data, &tickets) != ST_OK)
        return fail(err, ST_INVALID, "the tickets do not read");
    if (app_word_number(app_word(&words), &seat) != ST_OK || seat >= tickets.count)
        return fail(err, ST_INVALID, "there is no such seat");
    struct ticket *ticket = &tickets.list[seat];
    TRY(change(ticket, what, words, arena, err));
    if (ticket->is_used)
        to->moves[1] += price_of(app);
    to->data = write_tickets(&tickets, arena);
    return ST_OK;
}
