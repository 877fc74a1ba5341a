/* The methods of JSON-RPC, told to those who ask: rpc.discover (OpenRPC 1.3).
 *
 * The description is made of the table by which calls are dispatched (methods.c), and a call's
 * arguments are held against it before its method sees them: a method reads no argument that is
 * not described, and one that nobody reads is refused instead of overlooked. */
#ifndef CHANNEL_DISCOVER_H
#define CHANNEL_DISCOVER_H

#include "base/arena.h"
#include "base/json.h"
#include "base/json_out.h"

/* Of arguments: what is said of each, and which kinds of JSON it may be, is in discover.c. */
enum argument_type {
    TYPE_NONE, /* ends a list */
    TYPE_AMOUNT,
    TYPE_CHAIN,
    TYPE_NUMBER,
    TYPE_HASH,
    TYPE_ADDRESS,
    TYPE_NODE,
    TYPE_NODES,
    TYPE_PEER,
    TYPE_TEXT,
    TYPE_BOOL,
    TYPE_TOPIC,
    TYPES,
};

struct argument {
    enum argument_type type;
    bool is_needed;
    const char *name, *help;
};

enum { ARGUMENTS_LIMIT = 10 };

/* What a method takes, besides timeoutMs, which all do; what it gives is named in discover.c. */
struct method_shape {
    const char *name, *summary, *result;
    struct argument arguments[ARGUMENTS_LIMIT];
};

/* Whether `arguments`, an object or nothing, are what the method takes: their names and kinds. Else
 * *name is the one that is not (borrowed for as long as both), and `why` says so. */
bool discover_check(const struct method_shape *shape, json arguments, bytes *name,
                    const char **why);

/* Puts the document. `shape_of` gives the method at an index, NULL after the last. */
void discover_put(struct json_out *out, const struct method_shape *(*shape_of)(usize index));

#endif
