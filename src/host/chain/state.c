/* Reading states: layers first, then the disk as it is or as it was. */
#include "chain/internal.h"

/* --- Choosing what to read. */

/* The newest state on disk is one of the head's own: the disk's base is its root or a later point,
 * because the flusher went on. *depth is that state's. */
static bool disk_on_path(const struct chain_head *head, u64 disk_position, u64 *depth)
{
    *depth = head->root.depth;
    if (disk_position == head->root.position)
        return true;
    for (usize i = 0; i < head->lineage.count; i++)
        if (head->lineage.at[i]->position == disk_position) {
            *depth = head->lineage.at[i]->depth;
            return true;
        }
    return false;
}

/* Layers of a point say everything since its root. So below them the disk may show any state
 * between root and point; once it is past the point, the root's is read from the history. */
static enum status choose(struct snapshot *at, const struct point *point)
{
    const struct chain_head *head = head_of(at->head);
    const struct store_meta *meta = store_read_meta(at->read);
    u64 disk_depth;
    at->number = point_number(point);
    at->layers = &point->stack;
    at->past_number = head->root.number;
    bool on_path = disk_on_path(head, meta->state_position, &disk_depth);
    at->past = !on_path || disk_depth > point->depth;
    if (!at->past)
        return ST_OK;
    struct canon_row row;
    if (head->root.number < meta->history_from ||
        store_canon(at->read, head->root.number, &row) != ST_OK ||
        row.state_position != head->root.position)
        return ST_AGAIN;
    return ST_OK;
}

enum status state_open(struct chain *chain, struct chain_head *head, struct point *point,
                       struct arena *arena, struct snapshot *out, struct err *err)
{
    *out = (struct snapshot){.chain = chain, .head = &head->pub, .arena = arena};
    TRY(store_read_begin(chain->store, &out->read, err));
    if (choose(out, point) == ST_OK)
        return ST_OK;
    store_read_end(out->read);
    return fail(err, ST_AGAIN, "this head is too old to be read");
}

enum status state_open_owner(struct chain *chain, struct point *point, struct arena *arena,
                             struct snapshot *out, struct err *err)
{
    struct chain_head *current = owner_head(chain);
    struct chain_head *head = point == current->tip ? head_hold(current) : head_new(chain, point);
    enum status st = state_open(chain, head, point, arena, out, err);
    if (st != ST_OK)
        head_drop(head);
    return st;
}

enum status snapshot_open_at(struct chain *chain, const struct head *head, struct arena *arena,
                             struct snapshot *out, struct err *err)
{
    struct chain_head *held = head_hold(head_of(head));
    enum status st = state_open(chain, held, held->tip, arena, out, err);
    if (st != ST_OK)
        head_drop(held);
    return st;
}

enum status snapshot_open(struct chain *chain, struct arena *arena, struct snapshot *out,
                          struct err *err)
{
    /* A head goes stale only while the owner reorganises below the base, which takes a moment. */
    enum { ATTEMPTS = 1000 };
    for (int i = 0;; i++) {
        const struct head *head = chain_head(chain);
        enum status st = snapshot_open_at(chain, head, arena, out, err);
        head_release(head);
        if (st != ST_AGAIN || i == ATTEMPTS)
            return st;
    }
}

void snapshot_close(struct snapshot *snapshot)
{
    store_read_end(snapshot->read);
    head_release(snapshot->head);
    snapshot->read = NULL;
}

/* *found false: it is not in memory. */
static enum status seek_point(struct snapshot *snapshot, u64 number, bool *found, struct err *err)
{
    struct chain_head *head = head_of(snapshot->head);
    if (number > head->pub.header.number)
        return fail(err, ST_MISSING, "block %lu is not there yet", number);
    struct point *point =
        number == head->pub.header.number ? head->tip : lineage_find(&head->lineage, number);
    *found = point != NULL;
    enum status st = point == NULL ? ST_OK : choose(snapshot, point);
    return st == ST_OK ? ST_OK : fail(err, st, "this head is too old to be read");
}

static void seek_disk(struct snapshot *snapshot, u64 number)
{
    snapshot->number = number;
    snapshot->layers = NULL;
    snapshot->past = true;
    snapshot->past_number = number;
}

enum status snapshot_seek(struct snapshot *snapshot, u64 number, struct err *err)
{
    bool found = false;
    TRY(seek_point(snapshot, number, &found, err));
    if (found)
        return ST_OK;
    u64 oldest = store_read_meta(snapshot->read)->history_from;
    if (number < oldest)
        return fail(err, ST_MISSING, "the state of block %lu is no longer kept, only from %lu on",
                    number, oldest);
    seek_disk(snapshot, number);
    return ST_OK;
}

enum status snapshot_seek_kept(struct snapshot *snapshot, u64 number, struct err *err)
{
    bool found = false;
    TRY(seek_point(snapshot, number, &found, err));
    if (!found)
        seek_disk(snapshot, number);
    return ST_OK;
}

enum status snapshot_renew(struct snapshot *snapshot, struct err *err)
{
    u64 number = snapshot->number;
    TRY(store_read_renew(snapshot->read, err));
    return snapshot_seek(snapshot, number, err);
}

bool snapshot_has_nodes(const struct snapshot *snapshot)
{
    return !snapshot->past || snapshot->past_number >= store_read_meta(snapshot->read)->proofs_from;
}

/* --- Rows. */

/* ST_MISSING: no such row, or an empty one. */
static enum status state_row(struct snapshot *at, enum table table, bytes key, bytes *value)
{
    if (at->layers != NULL && stack_get(at->layers, table, key, value))
        return value->size == 0 ? ST_MISSING : ST_OK;
    if (at->past && table <= TABLE_SLOT_NODE)
        return store_get_past(at->read, table, key, at->past_number, value, at->arena);
    return store_get(at->read, table, key, value);
}

static enum status view_account(void *self, address who, struct account *out)
{
    bytes value;
    TRY(state_row(self, TABLE_ACCOUNT, BYTES_OF(who), &value));
    return account_unpack(value, out);
}

static enum status view_storage(void *self, address who, hash32 slot, u256 *out)
{
    struct table_key key = slot_key(who, slot);
    bytes value;
    *out = U256_ZERO;
    enum status st = state_row(self, TABLE_SLOT, table_key_bytes(&key), &value);
    return st == ST_OK ? slot_unpack(value, out) : st == ST_MISSING ? ST_OK : st;
}

static enum status view_code(void *self, hash32 code_hash, bytes *out)
{
    if (hash32_equal(code_hash, EMPTY_CODE_HASH)) {
        *out = BYTES_EMPTY;
        return ST_OK;
    }
    enum status st = state_row(self, TABLE_CODE, BYTES_OF(code_hash), out);
    return st == ST_MISSING ? ST_CORRUPT : st; /* an account named it */
}

static enum status view_block_hash(void *self, u64 number, hash32 *out)
{
    struct snapshot *at = self;
    const struct chain_head *head = head_of(at->head);
    if (number == head->pub.header.number) {
        *out = head->pub.hash;
        return ST_OK;
    }
    const struct point *point = lineage_find(&head->lineage, number);
    if (point != NULL) {
        *out = point->body->hash;
        return ST_OK;
    }
    struct canon_row row;
    TRY(store_canon(at->read, number, &row));
    *out = row.hash;
    return ST_OK;
}

struct state_view snapshot_view(struct snapshot *snapshot)
{
    return (struct state_view){snapshot, view_account, view_storage, view_code, view_block_hash};
}

static enum status source_node(void *self, const struct trie_path *path, hash32 hash, bytes *out)
{
    enum table table;
    struct table_key key = node_key(path, &table);
    bytes value;
    TRY(state_row(self, table, table_key_bytes(&key), &value));
    if (value.size <= sizeof(hash) || memcmp(value.data, hash.b, sizeof(hash)) != 0)
        return ST_CORRUPT;
    *out = bytes_slice(value, sizeof(hash), value.size);
    return ST_OK;
}

struct node_source snapshot_nodes(struct snapshot *snapshot)
{
    return (struct node_source){.self = snapshot, .node = source_node, .trusted = true};
}

enum status snapshot_state_root(struct snapshot *snapshot, hash32 *out, struct err *err)
{
    struct trie_path top = {.length = 0};
    enum table table;
    struct table_key key = node_key(&top, &table);
    bytes value;
    *out = EMPTY_TRIE_ROOT;
    enum status st = state_row(snapshot, table, table_key_bytes(&key), &value);
    if (st == ST_MISSING)
        return ST_OK;
    if (st != ST_OK || value.size <= sizeof(*out))
        return fail(err, ST_CORRUPT, "the state database is damaged");
    memcpy(out->b, value.data, sizeof(*out));
    return ST_OK;
}
