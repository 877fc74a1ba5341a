#include "rv/internal.h"

enum { TABLE_SIZE = 4096 };

static_assert(RV_MEMORY_SIZE == (u64)TABLE_SIZE * TABLE_SIZE * RV_PAGE_SIZE, "two levels");

void memory_init(struct rv_memory *memory, struct arena *arena)
{
    memset(memory, 0, sizeof(*memory));
    memory->arena = arena;
    memory->zeros = ARENA_NEW(arena, struct rv_page, 1);
    for (usize i = 0; i < RV_CACHED_PAGES; i++)
        memory->loads[i].number = memory->stores[i].number = UINT64_MAX;
}

/* NULL where nothing was written yet, or outside memory. */
static struct rv_page *find_page(const struct rv_memory *memory, u64 at)
{
    u64 number = at / RV_PAGE_SIZE;
    if (at >= RV_MEMORY_SIZE || memory->table[number / TABLE_SIZE] == NULL)
        return NULL;
    return memory->table[number / TABLE_SIZE][number % TABLE_SIZE];
}

/* `at` is in memory, without a page so far. NULL: no room. */
static struct rv_page *new_page(struct rv_memory *memory, u64 at, bool writable)
{
    enum { MOST = TABLE_SIZE * sizeof(struct rv_page *) + sizeof(struct rv_page) + 32 };
    if (arena_left(memory->arena) < MOST)
        return NULL;
    u64 number = at / RV_PAGE_SIZE;
    struct rv_page ***row = &memory->table[number / TABLE_SIZE];
    if (*row == NULL)
        *row = ARENA_NEW(memory->arena, struct rv_page *, TABLE_SIZE);
    struct rv_page *page = ARENA_NEW(memory->arena, struct rv_page, 1);
    page->writable = writable;
    (*row)[number % TABLE_SIZE] = page;
    /* Loads may have seen the page of zeros until now. */
    struct rv_cached_page *cached = &memory->loads[number % RV_CACHED_PAGES];
    if (cached->number == number)
        cached->bytes = page->bytes;
    return page;
}

static u8 *cache(struct rv_cached_page *pages, u64 at, u8 *content)
{
    u64 number = at / RV_PAGE_SIZE;
    pages[number % RV_CACHED_PAGES] = (struct rv_cached_page){number, content};
    return content;
}

u8 *memory_page_to_load(struct rv_memory *memory, u64 at, enum rv_stop *stop)
{
    if (at >= RV_MEMORY_SIZE) {
        *stop = RV_LOAD;
        return NULL;
    }
    struct rv_page *page = find_page(memory, at);
    return cache(memory->loads, at, page != NULL ? page->bytes : memory->zeros->bytes);
}

u8 *memory_page_to_store(struct rv_memory *memory, u64 at, enum rv_stop *stop)
{
    *stop = RV_STORE;
    if (at >= RV_MEMORY_SIZE)
        return NULL;
    struct rv_page *page = find_page(memory, at);
    if (page == NULL) {
        *stop = RV_FULL;
        page = new_page(memory, at, true);
    }
    return page == NULL || !page->writable ? NULL : cache(memory->stores, at, page->bytes);
}

static bool in_memory(u64 at, usize size)
{
    return at <= RV_MEMORY_SIZE && size <= RV_MEMORY_SIZE - at;
}

enum status rv_write(struct rv *rv, u64 at, bytes from, bool writable)
{
    if (!in_memory(at, from.size))
        return ST_INVALID;
    while (from.size > 0) {
        usize offset = at % RV_PAGE_SIZE, part = min_u64(from.size, RV_PAGE_SIZE - offset);
        struct rv_page *page = find_page(&rv->memory, at);
        if (page == NULL)
            page = new_page(&rv->memory, at, writable);
        if (page == NULL)
            return ST_FULL;
        if (page->writable != writable)
            return ST_INVALID;
        memcpy(page->bytes + offset, from.data, part);
        from = bytes_slice(from, part, from.size);
        at += part;
    }
    return ST_OK;
}

enum status rv_read(const struct rv *rv, u64 at, u8 *to, usize size)
{
    if (!in_memory(at, size))
        return ST_INVALID;
    while (size > 0) {
        usize offset = at % RV_PAGE_SIZE, part = min_u64(size, RV_PAGE_SIZE - offset);
        const struct rv_page *page = find_page(&rv->memory, at);
        if (page != NULL)
            memcpy(to, page->bytes + offset, part);
        else
            memset(to, 0, part);
        to += part;
        at += part;
        size -= part;
    }
    return ST_OK;
}
