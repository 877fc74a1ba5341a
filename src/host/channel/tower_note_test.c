/* What a watchtower keeps for a channel's owner alone. */
#include "channel/tower_note.h"

#include "harness/test.h"

static const point33 owner = {{3}};

static struct tower_note test_note(void)
{
    struct tower_note note = {.salt = {{7}}, .key = 3, .side = 1, .port = 9735, .host = "::1"};
    CHECK(point_of_secret(&(secret32){{[31] = 1}}, &note.node) == ST_OK);
    return note;
}

TEST(tower_note_opens_with_the_owners_key_alone)
{
    secret32 key = {{1}}, other = {{2}};
    struct tower_note note = test_note(), got;
    hint16 hint = tower_hint(note.salt, &owner), wrong = tower_hint((hash32){{8}}, &owner);
    u8 sealed[TOWER_NOTE_SIZE];
    tower_note_seal(&key, &owner, &note, sealed);
    CHECK(tower_note_open(&key, &owner, hint, BYTES_OF(sealed), &got, NULL) == ST_OK);
    CHECK(hash32_equal(got.salt, note.salt) && got.key == 3 && got.side == 1 && got.port == 9735);
    CHECK(strcmp(got.host, "::1") == 0 && memcmp(got.node.b, note.node.b, 33) == 0);
    CHECK(tower_note_open(&other, &owner, hint, BYTES_OF(sealed), &got, NULL) == ST_INVALID);
    CHECK(tower_note_open(&key, &owner, wrong, BYTES_OF(sealed), &got, NULL) == ST_INVALID);
    CHECK(tower_note_open(&key, &(point33){{2}}, hint, BYTES_OF(sealed), &got, NULL) == ST_INVALID);
    for (usize i = 0; i < sizeof(sealed); i += 5) {
        sealed[i] ^= 1;
        CHECK_ROW(i,
                  tower_note_open(&key, &owner, hint, BYTES_OF(sealed), &got, NULL) == ST_INVALID);
        sealed[i] ^= 1;
        bytes cut = {sealed, i};
        CHECK_ROW(i, tower_note_open(&key, &owner, hint, cut, &got, NULL) == ST_INVALID);
    }
}

/* A key of ours may have sealed nonsense, in another version say. */
TEST(tower_note_refuses_what_does_not_read)
{
    secret32 key = {{1}};
    struct tower_note note = test_note(), got;
    hint16 hint = tower_hint(note.salt, &owner);
    u8 sealed[TOWER_NOTE_SIZE], plain[TOWER_NOTE_SIZE - XAEAD_OVERHEAD];
    tower_note_seal(&key, &owner, &note, sealed);
    CHECK(xaead_open(&key, BYTES_OF(hint), BYTES_OF(sealed), plain));
    static const usize places[] = {0, 1, 37, 38, 33, sizeof(plain) - 1};
    for (usize i = 0; i < countof(places); i++) {
        plain[places[i]] ^= 0x40;
        xaead_seal(&key, BYTES_OF(hint), BYTES_OF(plain), sealed);
        CHECK_ROW(i,
                  tower_note_open(&key, &owner, hint, BYTES_OF(sealed), &got, NULL) == ST_INVALID);
        plain[places[i]] ^= 0x40;
    }
}
