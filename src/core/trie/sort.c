#include "trie/internal.h"

static bool in_order(const struct sort_item *a, const struct sort_item *b, sort_compare *compare)
{
    return a->prefix != b->prefix ? a->prefix < b->prefix : compare(a->item, b->item) <= 0;
}

/* Runs of this length are sorted by insertion, and merged from there. */
enum { RUN = 8 };

static void sort_run(struct sort_item *items, usize count, sort_compare *compare)
{
    for (usize i = 1; i < count; i++) {
        struct sort_item moving = items[i];
        usize at = i;
        for (; at > 0 && !in_order(&items[at - 1], &moving, compare); at--)
            items[at] = items[at - 1];
        items[at] = moving;
    }
}

static void merge(const struct sort_item *a, usize a_count, const struct sort_item *b,
                  usize b_count, struct sort_item *to, sort_compare *compare)
{
    while (a_count > 0 && b_count > 0) {
        if (in_order(a, b, compare)) {
            *to++ = *a++;
            a_count--;
        } else {
            *to++ = *b++;
            b_count--;
        }
    }
    memcpy(to, a, a_count * sizeof(*a));
    memcpy(to + a_count, b, b_count * sizeof(*b));
}

void sort_items(struct sort_item *items, struct sort_item *scratch, usize count,
                sort_compare *compare)
{
    for (usize at = 0; at < count; at += RUN)
        sort_run(items + at, min_u64(RUN, count - at), compare);
    struct sort_item *from = items, *to = scratch;
    for (usize width = RUN; width < count; width *= 2) {
        for (usize at = 0; at < count; at += 2 * width) {
            usize left = min_u64(width, count - at);
            usize right = min_u64(width, count - at - left);
            merge(from + at, left, from + at + left, right, to + at, compare);
        }
        struct sort_item *merged = to;
        to = from;
        from = merged;
    }
    if (from != items)
        memcpy(items, from, count * sizeof(*items));
}
