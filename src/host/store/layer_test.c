#include "store/layer.h"

#include "harness/test.h"

/* The model: the newest value of each of a few accounts' slots, as plain arrays. */
enum { OWNERS = 5, SLOTS = 40, ROUNDS = 300 };

struct model {
    bool known[OWNERS][SLOTS]; /* above the disk */
    u8 value[OWNERS][SLOTS];   /* 0: gone */
};

static u64 next_random(u64 *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static struct table_key model_key(usize owner, usize slot)
{
    return slot_key((address){{(u8)owner}}, (hash32){{(u8)slot}});
}

static void put_slot(struct layer *layer, struct model *model, usize owner, usize slot, u8 value)
{
    struct table_key key = model_key(owner, slot);
    layer_put(layer, TABLE_SLOT, table_key_bytes(&key), (bytes){&value, value != 0});
    model->known[owner][slot] = true;
    model->value[owner][slot] = value;
}

static void wipe(struct layer *layer, struct model *model, usize owner)
{
    address who = {{(u8)owner}};
    u8 one = 1;
    layer_put(layer, TABLE_WIPED, BYTES_OF(who), (bytes){&one, 1});
    for (usize i = 0; i < SLOTS; i++) {
        model->known[owner][i] = true;
        model->value[owner][i] = 0;
    }
}

static void check_against(const struct layer_stack *stack, const struct model *model, u64 round)
{
    for (usize owner = 0; owner < OWNERS; owner++)
        for (usize slot = 0; slot < SLOTS; slot++) {
            struct table_key key = model_key(owner, slot);
            bytes got;
            bool known = stack_get(stack, TABLE_SLOT, table_key_bytes(&key), &got);
            CHECK_ROW(round, known == model->known[owner][slot]);
            u8 value = known && got.size != 0 ? got.data[0] : 0;
            CHECK_ROW(round, !known || value == model->value[owner][slot]);
        }
}

TEST(layers_read_like_the_newest_write_through_every_merge)
{
    struct model model = {0};
    struct layer_stack stack = {.count = 0};
    u64 random = 1;
    usize deepest = 0;
    for (u64 round = 1; round <= ROUNDS; round++) {
        struct layer *layer = layer_new(99, round);
        if (next_random(&random) % 5 == 0)
            wipe(layer, &model, next_random(&random) % OWNERS);
        usize puts = next_random(&random) % 6;
        for (usize i = 0; i < puts; i++)
            put_slot(layer, &model, next_random(&random) % OWNERS, next_random(&random) % SLOTS,
                     (u8)(next_random(&random) % 4));
        layer_seal(layer);
        struct layer_stack next;
        stack_push(&stack, layer, 0, &next);
        layer_release(layer);
        stack_release(&stack);
        stack = next;
        deepest = stack.count > deepest ? stack.count : deepest;
        check_against(&stack, &model, round);
    }
    CHECK(deepest <= 16); /* three of each rank */
    stack_release(&stack);
}

TEST(layers_of_what_the_disk_has_are_let_go)
{
    struct layer_stack stack = {.count = 0};
    for (u64 depth = 1; depth <= 40; depth++) {
        struct layer *layer = layer_new(7, depth);
        layer_put(layer, TABLE_BLOCK, BYTES_OF(depth), BYTES_LIT("x"));
        layer_seal(layer);
        struct layer_stack next;
        stack_push(&stack, layer, depth > 10 ? depth - 10 : 0, &next);
        layer_release(layer);
        stack_release(&stack);
        stack = next;
    }
    bytes value;
    for (u64 depth = 31; depth <= 40; depth++)
        CHECK_ROW(depth, stack_get(&stack, TABLE_BLOCK, BYTES_OF(depth), &value));
    u64 gone = 10;
    CHECK(!stack_get(&stack, TABLE_BLOCK, BYTES_OF(gone), &value));
    stack_release(&stack);
}

TEST(layers_share_what_lies_below_between_forks)
{
    struct layer_stack base = {.count = 0}, empty = {.count = 0}, left, right;
    struct layer *layers[3];
    static const char *const values[] = {"base", "left", "right"};
    for (usize i = 0; i < 3; i++) {
        layers[i] = layer_new(7, i == 0 ? 1 : 2);
        layer_put(layers[i], TABLE_CODE, BYTES_LIT("key"),
                  (bytes){(const u8 *)values[i], strlen(values[i])});
        layer_seal(layers[i]);
    }
    stack_push(&empty, layers[0], 0, &base);
    stack_push(&base, layers[1], 0, &left);
    stack_push(&base, layers[2], 0, &right);
    bytes value;
    CHECK(stack_get(&left, TABLE_CODE, BYTES_LIT("key"), &value));
    CHECK(bytes_equal(value, BYTES_LIT("left")));
    stack_release(&left);
    CHECK(stack_get(&right, TABLE_CODE, BYTES_LIT("key"), &value));
    CHECK(bytes_equal(value, BYTES_LIT("right")));
    stack_release(&right);
    CHECK(stack_get(&base, TABLE_CODE, BYTES_LIT("key"), &value));
    CHECK(bytes_equal(value, BYTES_LIT("base")));
    stack_release(&base);
    for (usize i = 0; i < 3; i++)
        layer_release(layers[i]);
}

TEST(layer_lists_its_rows_in_the_order_of_writing)
{
    struct layer *layer = layer_new(1, 1);
    layer_put(layer, TABLE_CODE, BYTES_LIT("b"), BYTES_LIT("1"));
    layer_put(layer, TABLE_CODE, BYTES_LIT("a"), BYTES_EMPTY);
    layer_seal(layer);
    struct layer_row row;
    usize at = 0;
    CHECK(layer_next(layer, &at, &row) && bytes_equal(row.key, BYTES_LIT("b")));
    CHECK(layer_next(layer, &at, &row) && row.value.size == 0 && row.table == TABLE_CODE);
    CHECK(!layer_next(layer, &at, &row));
    layer_release(layer);
}
