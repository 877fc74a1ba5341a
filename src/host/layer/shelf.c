#include "layer/shelf.h"

#include "base/bug.h"

#include <stdlib.h>
#include <string.h>

void shelf_init(struct shelf *shelf, usize row_size, u64 first, void (*drop)(void *row))
{
    *shelf = (struct shelf){.row_size = row_size, .first = first, .drop = drop};
}

static u8 *row_at(const struct shelf *shelf, usize index)
{
    return shelf->rows + (shelf->skip + index) * shelf->row_size;
}

void shelf_free(struct shelf *shelf)
{
    shelf_cut(shelf, shelf->first);
    free(shelf->rows);
    *shelf = (struct shelf){0};
}

void *shelf_push(struct shelf *shelf)
{
    enum { LEAST_ROOM = 16 };
    if (shelf->skip + shelf->count == shelf->room) {
        if (shelf->skip > shelf->room / 2) { /* what is in front is enough */
            memmove(shelf->rows, row_at(shelf, 0), shelf->count * shelf->row_size);
            shelf->skip = 0;
        } else {
            shelf->room = shelf->room == 0 ? LEAST_ROOM : 2 * shelf->room;
            shelf->rows = reallocarray(shelf->rows, shelf->room, shelf->row_size);
            assert(shelf->rows != NULL);
        }
    }
    void *row = row_at(shelf, shelf->count++);
    memset(row, 0, shelf->row_size);
    return row;
}

void *shelf_at(const struct shelf *shelf, u64 number)
{
    if (number < shelf->first || number >= shelf_end(shelf))
        return NULL;
    return row_at(shelf, number - shelf->first);
}

static void drop_row(const struct shelf *shelf, usize index)
{
    if (shelf->drop != NULL)
        shelf->drop(row_at(shelf, index));
}

void shelf_cut(struct shelf *shelf, u64 number)
{
    while (shelf->count > 0 && shelf_end(shelf) > number)
        drop_row(shelf, --shelf->count);
}

void shelf_forget(struct shelf *shelf, u64 number)
{
    while (shelf->count > 0 && shelf->first < number) {
        drop_row(shelf, 0);
        shelf->skip++;
        shelf->first++;
        shelf->count--;
    }
}
