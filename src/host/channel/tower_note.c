#include "channel/tower_note.h"

#include "channel/keyring.h"

enum {
    VERSION = 1,
    PLAIN_SIZE = TOWER_NOTE_SIZE - XAEAD_OVERHEAD,
    AT_SALT = 1,
    AT_KEY = AT_SALT + 32,
    AT_SIDE = AT_KEY + 4,
    AT_NODE = AT_SIDE + 1,
    AT_PORT = AT_NODE + 33,
    AT_HOST = AT_PORT + 2,
    HOST_SIZE = sizeof(((const struct tower_note *)NULL)->host),
};
static_assert(AT_HOST + HOST_SIZE <= PLAIN_SIZE, "a note has room for all");

static void write_plain(const struct tower_note *note, u8 out[static PLAIN_SIZE])
{
    memset(out, 0, PLAIN_SIZE);
    out[0] = VERSION;
    memcpy(out + AT_SALT, note->salt.b, sizeof(note->salt));
    store_be32(out + AT_KEY, note->key);
    out[AT_SIDE] = (u8)note->side;
    memcpy(out + AT_NODE, note->node.b, sizeof(note->node));
    out[AT_PORT] = (u8)(note->port >> 8);
    out[AT_PORT + 1] = (u8)note->port;
    memcpy(out + AT_HOST, note->host, strnlen(note->host, HOST_SIZE - 1));
}

void tower_note_seal(const secret32 *key, const point33 *owner, const struct tower_note *note,
                     u8 out[static TOWER_NOTE_SIZE])
{
    u8 plain[PLAIN_SIZE];
    hint16 hint = tower_hint(note->salt, owner);
    write_plain(note, plain);
    xaead_seal(key, BYTES_OF(hint), BYTES_OF(plain), out);
    secret_wipe(&plain);
}

enum status tower_note_open(const secret32 *key, const point33 *owner, hint16 hint, bytes sealed,
                            struct tower_note *out, struct err *err)
{
    u8 plain[PLAIN_SIZE], again[PLAIN_SIZE];
    if (sealed.size != TOWER_NOTE_SIZE || !xaead_open(key, BYTES_OF(hint), sealed, plain))
        return fail(err, ST_INVALID, "the note is not ours");
    *out = (struct tower_note){.key = load_be32(plain + AT_KEY), .side = plain[AT_SIDE]};
    memcpy(out->salt.b, plain + AT_SALT, sizeof(out->salt));
    memcpy(out->node.b, plain + AT_NODE, sizeof(out->node));
    out->port = (u16)(plain[AT_PORT] << 8 | plain[AT_PORT + 1]);
    memcpy(out->host, plain + AT_HOST, HOST_SIZE);
    out->host[HOST_SIZE - 1] = 0;
    hint16 expected = tower_hint(out->salt, owner);
    write_plain(out, again);
    bool is_right = memcmp(plain, again, sizeof(plain)) == 0 && out->side <= 1 &&
                    out->key < KEYRING_LIMIT && memcmp(expected.b, hint.b, sizeof(hint)) == 0 &&
                    point_check(&out->node) == ST_OK;
    secret_wipe(&plain);
    secret_wipe(&again);
    return is_right ? ST_OK : fail(err, ST_INVALID, "the note does not read");
}
