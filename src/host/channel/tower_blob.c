#include "channel/tower_blob.h"

#include "channel/tower_plain.h"
#include "channel/update.h"
#include "crypto/keccak.h"

enum { VERSION = 2, PLAIN_SIZE = TOWER_BLOB_SIZE - XAEAD_OVERHEAD };

static void visit_terms(struct tower_cursor *cursor, struct channel_terms *terms)
{
    VISIT_NUMBER(cursor, terms->chain_id);
    VISIT(cursor, terms->adjudicator);
    VISIT(cursor, terms->owner);
    VISIT(cursor, terms->asset);
    VISIT_NUMBER(cursor, terms->challenge_s);
    VISIT(cursor, terms->payout);
}

static void visit_base(struct tower_cursor *cursor, struct adjudicator_base *signed_base)
{
    struct base *base = &signed_base->base;
    VISIT_NUMBER(cursor, base->epoch);
    for (u32 side = 0; side < 2; side++) {
        VISIT_NUMBER(cursor, base->balance[side]);
        VISIT_NUMBER(cursor, base->deposited[side]);
        VISIT_NUMBER(cursor, base->withdrawn[side]);
        VISIT_NUMBER(cursor, base->locked[side]);
        VISIT(cursor, base->root[side]);
        VISIT(cursor, signed_base->signature[side]);
    }
}

static void visit_half(struct tower_cursor *cursor, struct adjudicator_half *signed_half)
{
    struct half *half = &signed_half->half;
    VISIT_NUMBER(cursor, half->seq);
    VISIT_NUMBER(cursor, half->sent);
    VISIT_NUMBER(cursor, half->locked);
    VISIT(cursor, half->root);
    VISIT_NUMBER(cursor, half->ack_seq);
    VISIT(cursor, half->ack_hash);
    VISIT(cursor, signed_half->payer);
    VISIT(cursor, signed_half->payee);
}

static void visit_stakes(struct tower_cursor *cursor, struct tower_stakes *stakes)
{
    VISIT_NUMBER(cursor, stakes->count);
    for (usize i = 0; i < stakes->count && i < TOWER_STAKES; i++) {
        struct tower_stake *stake = &stakes->of[i];
        VISIT_NUMBER(cursor, stake->side);
        VISIT_NUMBER(cursor, stake->kind);
        VISIT_NUMBER(cursor, stake->slot);
        VISIT_NUMBER(cursor, stake->expiry_s);
        VISIT_NUMBER(cursor, stake->amount);
        VISIT(cursor, stake->app);
    }
}

/* Whether they can be locks. */
static bool fit(const struct tower_stakes *stakes)
{
    if (stakes->count > TOWER_STAKES)
        return false;
    for (usize i = 0; i < stakes->count; i++) {
        const struct tower_stake *stake = &stakes->of[i];
        if (stake->side > 1 || (stake->kind != LOCK_OF_FIRST && stake->kind != LOCK_OF_SECOND) ||
            stake->slot >= LOCKS_MOST || stake->expiry_s >> 40 != 0 || stake->amount == 0 ||
            stake->amount >= CHANNEL_AMOUNT_LIMIT)
            return false;
    }
    return true;
}

static void visit_all(struct tower_cursor *cursor, struct tower_blob *blob)
{
    visit_terms(cursor, &blob->terms);
    VISIT_NUMBER(cursor, blob->side);
    VISIT(cursor, blob->claim);
    visit_base(cursor, &blob->states.base);
    for (u32 side = 0; side < 2; side++)
        visit_half(cursor, &blob->states.half[side]);
    visit_stakes(cursor, &blob->stakes);
}

/* --- Names and keys. */

hint16 tower_hint_of(bytes word, hash32 hash, const point33 *client)
{
    u8 name[sizeof(hash) + sizeof(*client)], digest[32];
    hint16 hint;
    memcpy(name, hash.b, sizeof(hash));
    memcpy(name + sizeof(hash), client->b, sizeof(*client));
    sha256_joined(word, BYTES_OF(name), digest);
    memcpy(hint.b, digest, sizeof(hint.b));
    return hint;
}

hint16 tower_hint(hash32 salt, const point33 *client)
{
    return tower_hint_of(BYTES_LIT("hint"), salt, client);
}

hash32 tower_claim_digest(hash32 channel_id, const point33 *client)
{
    static const char what[] = "varve tower claim";
    u8 text[sizeof(what) - 1 + sizeof(channel_id) + sizeof(*client)], *at = text;
    memcpy(at, what, sizeof(what) - 1);
    at += sizeof(what) - 1;
    memcpy(at, channel_id.b, sizeof(channel_id));
    memcpy(at + sizeof(channel_id), client->b, sizeof(*client));
    return keccak256(BYTES_OF(text));
}

static secret32 key_of(hash32 salt)
{
    secret32 key;
    sha256_joined(BYTES_LIT("key"), BYTES_OF(salt), key.b);
    return key;
}

usize tower_put_size(usize least)
{
    static const usize sizes[] = {TOWER_PUT_SIZE, TOWER_PUT_LARGER, TOWER_PUT_MOST};
    for (usize i = 0; i < countof(sizes); i++)
        if (least <= sizes[i])
            return sizes[i];
    return 0;
}

hash32 tower_receipt_digest(hint16 hint, u64 sequence, bytes blob)
{
    static const char what[] = "varve tower receipt";
    u8 text[sizeof(what) - 1 + sizeof(hint) + sizeof(sequence) + sizeof(hash32)], *at = text;
    hash32 hash = keccak256(blob);
    memcpy(at, what, sizeof(what) - 1);
    at += sizeof(what) - 1;
    memcpy(at, hint.b, sizeof(hint));
    at += sizeof(hint);
    store_be64(at, sequence);
    memcpy(at + sizeof(sequence), hash.b, sizeof(hash));
    return keccak256(BYTES_OF(text));
}

/* --- Blobs. */

void tower_blob_seal(const point33 *client, const struct tower_blob *blob,
                     u8 out[static TOWER_BLOB_SIZE])
{
    u8 plain[PLAIN_SIZE] = {VERSION};
    struct tower_blob own = *blob;
    struct tower_cursor cursor = {plain + 1, plain + sizeof(plain), true};
    hint16 hint = tower_hint(blob->terms.salt, client);
    secret32 key = key_of(blob->terms.salt);
    assert(fit(&blob->stakes) && blob->side <= 1);
    visit_all(&cursor, &own);
    xaead_seal(&key, BYTES_OF(hint), BYTES_OF(plain), out);
    secret_wipe(&key);
    secret_wipe(&own.terms.salt);
}

enum status tower_blob_open(hash32 salt, const point33 *client, bytes sealed,
                            struct tower_blob *out, struct err *err)
{
    u8 plain[PLAIN_SIZE];
    struct tower_cursor cursor = {plain + 1, plain + sizeof(plain), false};
    hint16 hint = tower_hint(salt, client);
    secret32 key = key_of(salt);
    bool opened = sealed.size == TOWER_BLOB_SIZE && xaead_open(&key, BYTES_OF(hint), sealed, plain);
    secret_wipe(&key);
    if (!opened)
        return fail(err, ST_INVALID, "the blob is not of this channel");
    if (plain[0] != VERSION)
        return fail(err, ST_INVALID, "the blob is of version %u", plain[0]);
    *out = (struct tower_blob){.terms.salt = salt};
    visit_all(&cursor, out);
    for (u32 side = 0; side < 2; side++) {
        out->states.half[side].half.side = side;
        out->states.half[side].half.epoch = out->states.base.base.epoch;
    }
    return out->side <= 1 && fit(&out->stakes) && visit_ends(&cursor)
               ? ST_OK
               : fail(err, ST_INVALID, "the blob has something after its end");
}

bool tower_blob_is_owned(hash32 channel_id, const point33 *client, const struct tower_blob *blob)
{
    return hash32_equal(channel_name_of(&blob->terms).id, channel_id) &&
           signature_is_of(&blob->claim, tower_claim_digest(channel_id, client),
                           blob->terms.owner[blob->side]);
}
