#include "store/layer.h"

#include <stdatomic.h>
#include <stdlib.h>

/* A row as it lies in memory: key, then value, then padding to 8 bytes. */
struct row {
    u64 hash;
    u32 value_size;
    u8 table;
    u8 key_size;
    u8 data[];
};

struct cell {
    u64 hash;
    const struct row *row; /* NULL: free */
};

enum { MERGE_WIDTH = 4, MERGE_MAX_ROWS = 1 << 18, PARTS_MAX = MERGE_WIDTH };

struct layer {
    _Atomic u32 refs;
    u64 seed;
    u64 depth;
    /* Rows of one block; empty in a merged layer. */
    u8 *rows;
    usize rows_size, rows_room;
    usize put_count;
    usize row_count; /* cells in use once sealed */
    usize wiped_count;
    struct cell *cells; /* a power of two */
    usize mask;
    struct layer *parts[PARTS_MAX]; /* whose rows a merged layer's cells point at; held */
    usize part_count;
};

/* Multiply and fold, keyed by the seed. Source: the construction of wyhash (Wang Yi). */
static u64 mix(u64 a, u64 b)
{
    u128 product = (u128)a * b;
    return (u64)product ^ (u64)(product >> 64);
}

static u64 hash_key(u64 seed, enum table table, bytes key)
{
    u64 state = seed ^ ((u64)table << 56) ^ key.size;
    const u8 *at = key.data;
    usize left = key.size;
    for (; left >= 16; at += 16, left -= 16)
        state = mix(load_le64(at) ^ 0xa0761d6478bd642f, load_le64(at + 8) ^ state);
    u8 tail[16] = {0};
    memcpy(tail, at, left);
    state = mix(load_le64(tail) ^ 0xe7037ed1a0b428db, load_le64(tail + 8) ^ state);
    return mix(state ^ seed, 0x8ebc6af09c88c6e3);
}

static bool row_is(const struct row *row, enum table table, bytes key)
{
    return row->table == table && row->key_size == key.size &&
           memcmp(row->data, key.data, key.size) == 0;
}

static bytes row_key(const struct row *row)
{
    return (bytes){row->data, row->key_size};
}

static usize row_size(const struct row *row)
{
    return (sizeof(*row) + row->key_size + row->value_size + 7) & ~(usize)7;
}

struct layer *layer_new(u64 seed, u64 depth)
{
    struct layer *layer = calloc(1, sizeof(*layer));
    assert(layer != NULL);
    layer->refs = 1;
    layer->seed = seed;
    layer->depth = depth;
    return layer;
}

void layer_put(struct layer *layer, enum table table, bytes key, bytes value)
{
    assert(layer->cells == NULL && key.size <= UINT8_MAX && value.size <= UINT32_MAX);
    usize need = (sizeof(struct row) + key.size + value.size + 7) & ~(usize)7;
    if (need > layer->rows_room - layer->rows_size) {
        layer->rows_room = (layer->rows_room + need) * 2;
        layer->rows = realloc(layer->rows, layer->rows_room);
        assert(layer->rows != NULL);
    }
    struct row *row = (void *)(layer->rows + layer->rows_size);
    row->hash = hash_key(layer->seed, table, key);
    row->value_size = (u32)value.size;
    row->table = (u8)table;
    row->key_size = (u8)key.size;
    bytes_copy(row->data, key);
    bytes_copy(row->data + key.size, value);
    layer->rows_size += need;
    layer->put_count++;
    layer->wiped_count += table == TABLE_WIPED;
}

static void make_cells(struct layer *layer, usize rows)
{
    usize size = 8;
    while (size < rows + rows / 2)
        size *= 2;
    layer->cells = calloc(size, sizeof(*layer->cells));
    assert(layer->cells != NULL);
    layer->mask = size - 1;
}

/* The cell that holds the key, or the free one where it belongs. */
static struct cell *find_cell(const struct layer *layer, u64 hash, enum table table, bytes key)
{
    for (usize i = hash;; i++) {
        struct cell *cell = &layer->cells[i & layer->mask];
        if (cell->row == NULL || (cell->hash == hash && row_is(cell->row, table, key)))
            return cell;
    }
}

void layer_seal(struct layer *layer)
{
    if (layer->rows_size != 0) { /* give back the room that doubling left over */
        layer->rows = realloc(layer->rows, layer->rows_size);
        assert(layer->rows != NULL);
    }
    make_cells(layer, layer->put_count);
    for (usize at = 0; at < layer->rows_size;) {
        const struct row *row = (const void *)(layer->rows + at);
        struct cell *cell = find_cell(layer, row->hash, row->table, row_key(row));
        layer->row_count += cell->row == NULL;
        *cell = (struct cell){row->hash, row};
        at += row_size(row);
    }
}

struct layer *layer_hold(struct layer *layer)
{
    atomic_fetch_add_explicit(&layer->refs, 1, memory_order_relaxed);
    return layer;
}

void layer_release(struct layer *layer)
{
    if (layer == NULL || atomic_fetch_sub_explicit(&layer->refs, 1, memory_order_acq_rel) != 1)
        return;
    /* A part may itself be merged; ranks bound the depth. */
    for (usize i = 0; i < layer->part_count; i++)
        layer_release(layer->parts[i]);
    free(layer->rows);
    free(layer->cells);
    free(layer);
}

static bool get_hashed(const struct layer *layer, u64 hash, enum table table, bytes key,
                       bytes *value)
{
    const struct row *row = find_cell(layer, hash, table, key)->row;
    if (row == NULL)
        return false;
    *value = (bytes){row->data + row->key_size, row->value_size};
    return true;
}

bool layer_get(const struct layer *layer, enum table table, bytes key, bytes *value)
{
    return get_hashed(layer, hash_key(layer->seed, table, key), table, key, value);
}

usize layer_bytes(const struct layer *layer)
{
    return sizeof(*layer) + layer->rows_size + (layer->mask + 1) * sizeof(*layer->cells);
}

usize layer_rows(const struct layer *layer)
{
    return layer->row_count;
}

u64 layer_depth(const struct layer *layer)
{
    return layer->depth;
}

usize layer_puts(const struct layer *layer)
{
    return layer->put_count;
}

bool layer_wipes(const struct layer *layer)
{
    return layer->wiped_count != 0;
}

bool layer_next(const struct layer *layer, usize *at, struct layer_row *out)
{
    assert(layer->part_count == 0);
    if (*at >= layer->rows_size)
        return false;
    const struct row *row = (const void *)(layer->rows + *at);
    *out =
        (struct layer_row){row->table, row_key(row), {row->data + row->key_size, row->value_size}};
    *at += row_size(row);
    return true;
}

/* The key under which WIPED says that rows of this table and key are gone: the account's address
 * for slots, its keccak for nodes. */
static bool wiped_key(enum table table, bytes key, bytes *out)
{
    if (table != TABLE_SLOT && table != TABLE_SLOT_NODE)
        return false;
    *out = (bytes){key.data, table == TABLE_SLOT ? 20 : 32};
    return true;
}

static bool is_wiped(const struct layer *layer, enum table table, bytes key)
{
    bytes owner, value;
    return layer->wiped_count != 0 && wiped_key(table, key, &owner) &&
           layer_get(layer, TABLE_WIPED, owner, &value);
}

/* The cell in `into` for the row of `from`: rows are looked at only where hashes are equal. */
static struct cell *find_cell_for(const struct layer *into, const struct cell *from)
{
    for (usize i = from->hash;; i++) {
        struct cell *cell = &into->cells[i & into->mask];
        if (cell->row == NULL ||
            (cell->hash == from->hash && row_is(cell->row, from->row->table, row_key(from->row))))
            return cell;
    }
}

/* Whether one of the newer layers wipes the row's owner. */
static bool is_gone(const struct row *row, struct layer *const *newer, usize newer_count)
{
    for (usize i = 0; i < newer_count; i++)
        if (is_wiped(newer[i], row->table, row_key(row)))
            return true;
    return false;
}

/* `newer` is already in `into`: rows that it says nothing about come from `older`. */
static void merge_into(struct layer *into, const struct layer *older, struct layer *const *newer,
                       usize newer_count)
{
    bool wipes = false;
    for (usize i = 0; i < newer_count; i++)
        wipes |= newer[i]->wiped_count != 0;
    for (usize i = 0; i <= older->mask; i++) {
        const struct cell *from = &older->cells[i];
        if (from->row == NULL)
            continue;
        struct cell *to = find_cell_for(into, from);
        if (to->row != NULL || (wipes && is_gone(from->row, newer, newer_count)))
            continue;
        *to = *from;
        into->row_count++;
        into->wiped_count += older->wiped_count != 0 && from->row->table == TABLE_WIPED;
    }
}

/* `parts` oldest first. */
static struct layer *layer_merge(struct layer *const *parts, usize count)
{
    struct layer *newest = parts[count - 1];
    struct layer *merged = layer_new(newest->seed, newest->depth);
    usize rows = 0;
    for (usize i = 0; i < count; i++)
        rows += parts[i]->row_count;
    make_cells(merged, rows);
    for (usize i = count; i-- > 0;) {
        merge_into(merged, parts[i], &parts[i + 1], count - 1 - i);
        merged->parts[i] = layer_hold(parts[i]);
    }
    merged->part_count = count;
    return merged;
}

/* Whether the newest `count` layers are to become one: equal ranks, and small enough that merging
 * never holds up a block for long. A crowded stack merges whatever it has. */
static bool should_merge(const struct layer_stack *stack)
{
    if (stack->count < MERGE_WIDTH)
        return false;
    usize first = stack->count - MERGE_WIDTH;
    usize rows = 0;
    bool equal = true;
    for (usize i = first; i < stack->count; i++) {
        rows += stack->at[i]->row_count;
        equal &= stack->rank[i] == stack->rank[first];
    }
    return stack->count == STACK_MAX || (equal && rows <= MERGE_MAX_ROWS);
}

void stack_push(const struct layer_stack *below, struct layer *top, u64 base_depth,
                struct layer_stack *out)
{
    *out = (struct layer_stack){.count = 0};
    for (usize i = 0; i < below->count; i++) {
        if (below->at[i]->depth <= base_depth)
            continue;
        out->rank[out->count] = below->rank[i];
        out->at[out->count++] = layer_hold(below->at[i]);
    }
    out->rank[out->count] = 0;
    out->at[out->count++] = layer_hold(top);
    while (should_merge(out)) {
        usize first = out->count - MERGE_WIDTH;
        struct layer *merged = layer_merge(&out->at[first], MERGE_WIDTH);
        for (usize i = first; i < out->count; i++)
            layer_release(out->at[i]);
        out->at[first] = merged;
        out->rank[first]++;
        out->count = (u8)(first + 1);
    }
}

void stack_release(struct layer_stack *stack)
{
    for (usize i = 0; i < stack->count; i++)
        layer_release(stack->at[i]);
    stack->count = 0;
}

bool stack_get(const struct layer_stack *stack, enum table table, bytes key, bytes *value)
{
    enum { AHEAD = 4 };
    if (stack->count == 0)
        return false;
    u64 hash = hash_key(stack->at[0]->seed, table, key);
    for (usize i = stack->count; i-- > 0;) {
        const struct layer *layer = stack->at[i];
        if (i >= AHEAD) { /* most tables do not have the row, and all wait for memory */
            const struct layer *later = stack->at[i - AHEAD];
            __builtin_prefetch(&later->cells[hash & later->mask]);
        }
        if (get_hashed(layer, hash, table, key, value))
            return true;
        if (is_wiped(layer, table, key)) {
            *value = BYTES_EMPTY;
            return true;
        }
    }
    return false;
}
