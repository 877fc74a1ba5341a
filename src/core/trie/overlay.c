/* A hash table from (owner, path) to the newest node there. Wiping an owner costs the same however
 * large its trie is: it leaves a mark, which voids whatever is older. */
#include "crypto/keccak.h"
#include "trie/internal.h"

struct entry {
    struct node_change change;
    u64 batch; /* the call to trie_overlay_add that it came with */
};

struct trie_overlay {
    struct node_source below;
    struct arena *arena;
    struct entry **table; /* open addressing; at most half full */
    usize room;           /* a power of two */
    usize count;
    usize marks;
    u64 batch;
};

/* A wiped owner's mark stands at a path that no node can have. */
enum { MARK_LENGTH = 255, FIRST_ROOM = 64 };

static struct trie_path mark_path(hash32 owner)
{
    return (struct trie_path){.owner = owner, .length = MARK_LENGTH};
}

static bool is_mark(const struct entry *entry)
{
    return entry->change.path.length == MARK_LENGTH;
}

/* Owners are keccak hashes or zero, and paths are prefixes of such: any mixing will do. */
static u64 path_mix(const struct trie_path *path)
{
    u64 mix = load_le64(path->owner.b) + path->length;
    for (usize i = 0; i < sizeof(path->nibbles); i += 8) {
        mix = (mix ^ load_le64(path->nibbles + i)) * 0x9e3779b97f4a7c15;
        mix ^= mix >> 29;
    }
    return mix;
}

static bool path_equal(const struct trie_path *a, const struct trie_path *b)
{
    return a->length == b->length && hash32_equal(a->owner, b->owner) &&
           memcmp(a->nibbles, b->nibbles, sizeof(a->nibbles)) == 0;
}

/* Where the path's entry is, or would be. Unused nibbles of a path are zero. */
static struct entry **find(const struct trie_overlay *overlay, const struct trie_path *path)
{
    usize at = path_mix(path) & (overlay->room - 1);
    while (overlay->table[at] != NULL && !path_equal(&overlay->table[at]->change.path, path))
        at = (at + 1) & (overlay->room - 1);
    return &overlay->table[at];
}

struct trie_overlay *trie_overlay_new(struct node_source below, struct arena *arena)
{
    struct trie_overlay *overlay = ARENA_NEW(arena, struct trie_overlay, 1);
    overlay->below = below;
    overlay->arena = arena;
    overlay->room = FIRST_ROOM;
    overlay->table = ARENA_NEW(arena, struct entry *, FIRST_ROOM);
    return overlay;
}

/* Doubling: the tables left behind take as much as the last one. */
static void grow(struct trie_overlay *overlay)
{
    struct entry **old = overlay->table;
    usize old_room = overlay->room;
    overlay->room = 2 * old_room;
    overlay->table = ARENA_NEW(overlay->arena, struct entry *, overlay->room);
    for (usize i = 0; i < old_room; i++)
        if (old[i] != NULL)
            *find(overlay, &old[i]->change.path) = old[i];
}

static void put(struct trie_overlay *overlay, const struct node_change *change)
{
    struct entry **at = find(overlay, &change->path);
    if (*at == NULL) {
        if (2 * (overlay->count + 1) > overlay->room) {
            grow(overlay);
            at = find(overlay, &change->path);
        }
        *at = ARENA_TAKE(overlay->arena, struct entry, 1);
        overlay->count++;
        overlay->marks += change->path.length == MARK_LENGTH;
    }
    **at = (struct entry){*change, overlay->batch};
}

void trie_overlay_add(struct trie_overlay *overlay, const struct trie_changes *changes)
{
    overlay->batch++;
    for (usize i = 0; i < changes->wiped_count; i++)
        put(overlay, &(struct node_change){.path = mark_path(changes->wiped_owners[i])});
    for (usize i = 0; i < changes->count; i++)
        put(overlay, &changes->nodes[i]);
}

/* The batch that last wiped the owner; 0: none did. What came with that batch is newer. */
static u64 wiped_in(const struct trie_overlay *overlay, hash32 owner)
{
    if (overlay->marks == 0)
        return 0;
    struct trie_path path = mark_path(owner);
    const struct entry *mark = *find(overlay, &path);
    return mark != NULL ? mark->batch : 0;
}

static enum status overlay_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    const struct trie_overlay *overlay = self;
    const struct entry *entry = *find(overlay, path);
    u64 wiped = wiped_in(overlay, path->owner);
    if (entry != NULL && entry->batch >= wiped) {
        *out = entry->change.node;
        return hash32_equal(entry->change.hash, hash) ? ST_OK : ST_MISSING;
    }
    if (wiped > 0)
        return ST_MISSING;
    TRY(overlay->below.node(overlay->below.self, path, hash, out));
    if (!overlay->below.trusted && !hash32_equal(keccak256(*out), hash))
        return ST_CORRUPT;
    return ST_OK;
}

struct node_source trie_overlay_source(struct trie_overlay *overlay)
{
    return (struct node_source){.self = overlay, .node = overlay_node, .trusted = true};
}

static int compare_entries(const void *a, const void *b)
{
    return path_compare(&((const struct entry *)a)->change.path,
                        &((const struct entry *)b)->change.path);
}

/* Entries that hold, marks among them, in the order of paths: an owner's mark after its nodes. */
static struct sort_item *sorted_entries(const struct trie_overlay *overlay, usize *count,
                                        struct arena *arena)
{
    struct sort_item *items = ARENA_TAKE(arena, struct sort_item, overlay->count);
    *count = 0;
    for (usize i = 0; i < overlay->room; i++) {
        const struct entry *entry = overlay->table[i];
        if (entry == NULL)
            continue;
        u64 wiped = wiped_in(overlay, entry->change.path.owner);
        bool gone_with_owner = wiped > 0 && entry->change.node.size == 0 && !is_mark(entry);
        if (entry->batch >= wiped && !gone_with_owner)
            items[(*count)++] = (struct sort_item){load_be64(entry->change.path.owner.b), entry};
    }
    struct arena tmp = *arena;
    sort_items(items, ARENA_TAKE(&tmp, struct sort_item, *count), *count, compare_entries);
    return items;
}

void trie_overlay_changes(const struct trie_overlay *overlay, struct trie_changes *changes,
                          struct arena *arena)
{
    usize count;
    changes->nodes = ARENA_TAKE(arena, struct node_change, overlay->count);
    changes->wiped_owners = ARENA_TAKE(arena, hash32, overlay->marks);
    changes->count = changes->wiped_count = 0;
    struct arena tmp = *arena;
    const struct sort_item *items = sorted_entries(overlay, &count, &tmp);
    for (usize i = 0; i < count; i++) {
        const struct entry *entry = items[i].item;
        if (is_mark(entry))
            changes->wiped_owners[changes->wiped_count++] = entry->change.path.owner;
        else
            changes->nodes[changes->count++] = entry->change;
    }
}
