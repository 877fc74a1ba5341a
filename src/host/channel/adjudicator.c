#include "channel/adjudicator.h"

#include "base/fmt.h"
#include "client/contract.h"
#include "crypto/keccak.h"

#include <pthread.h>

/* --- Types, as signatures name them, and how many words they are. */

#define CHANNEL "(address,address,address,uint32,address,address,bytes32)"
#define SIGNATURE "(bytes32,bytes32)"
#define BASE                                                                                       \
    "((uint64,uint128,uint128,uint128,uint128,uint128,uint128,uint128,bytes32,uint128,bytes32)"    \
    "," SIGNATURE "," SIGNATURE ")"
#define HALF "(uint64,uint128,uint128,bytes32,uint64,bytes32," SIGNATURE "," SIGNATURE ")"
#define STATE "(int256,uint128,uint128,bytes32,uint128,uint128,bytes32)"
#define POTS "(bytes32,bytes32,uint128,uint128,uint256,uint256)"
#define CHUNK "(uint8,uint256,uint256,bytes,bytes32[])"
#define PROOF "(uint256,bytes32,uint256,uint256,bytes32[])"

enum {
    CHANNEL_WORDS = 7,
    SIGNATURE_WORDS = 2,
    BASE_WORDS = 11 + 2 * SIGNATURE_WORDS,
    HALF_WORDS = 6 + 2 * SIGNATURE_WORDS,
    STATE_WORDS = 7,
    POTS_WORDS = 6,
    CHUNK_WORDS = 5,
    PROOF_WORDS = 5,
};

/* --- Writing. */

static u256 u256_from_u128(u128 value)
{
    return (u256){{(u64)value, (u64)(value >> 64), 0, 0}};
}

static u256 u256_from_i128(i128 value)
{
    u64 sign = value < 0 ? UINT64_MAX : 0;
    return (u256){{(u64)value, (u64)((u128)value >> 64), sign, sign}};
}

static void put_u128(struct abi_out *out, u128 value)
{
    abi_put_u256(out, u256_from_u128(value));
}

static void put_channel(struct abi_out *out, const struct channel_terms *terms)
{
    abi_put_address(out, terms->owner[0]);
    abi_put_address(out, terms->owner[1]);
    abi_put_address(out, terms->asset);
    abi_put_u64(out, terms->challenge_s);
    abi_put_address(out, terms->payout[0]);
    abi_put_address(out, terms->payout[1]);
    abi_put_hash(out, channel_salt_hash(terms->salt));
}

static void put_signature(struct abi_out *out, const signature64 *signature)
{
    hash32 word;
    memcpy(word.b, signature->b, sizeof(word.b));
    abi_put_hash(out, word);
    memcpy(word.b, signature->b + 32, sizeof(word.b));
    abi_put_hash(out, word);
}

static void put_by_side(struct abi_out *out, const u128 amount[2])
{
    put_u128(out, amount[0]);
    put_u128(out, amount[1]);
}

static void put_base(struct abi_out *out, const struct adjudicator_base *from)
{
    const struct base *base = &from->base;
    abi_put_u64(out, base->epoch);
    put_by_side(out, base->balance);
    put_by_side(out, base->deposited);
    put_by_side(out, base->withdrawn);
    for (u32 side = 0; side < 2; side++) {
        put_u128(out, base->locked[side]);
        abi_put_hash(out, base->root[side]);
    }
    put_signature(out, &from->signature[0]);
    put_signature(out, &from->signature[1]);
}

static void put_half(struct abi_out *out, const struct adjudicator_half *from)
{
    const struct half *half = &from->half;
    abi_put_u64(out, half->seq);
    put_u128(out, half->sent);
    put_u128(out, half->locked);
    abi_put_hash(out, half->root);
    abi_put_u64(out, half->ack_seq);
    abi_put_hash(out, half->ack_hash);
    put_signature(out, &from->payer);
    put_signature(out, &from->payee);
}

static void put_halves(struct abi_out *out, const struct adjudicator_half half[2])
{
    put_half(out, &half[0]);
    put_half(out, &half[1]);
}

static void put_state(struct abi_out *out, const struct adjudicator_state *state)
{
    abi_put_u256(out, state->credit);
    for (u32 side = 0; side < 2; side++) {
        put_u128(out, state->sent[side]);
        put_u128(out, state->locked[side]);
        abi_put_hash(out, state->root[side]);
    }
}

static void put_pots(struct abi_out *out, const struct adjudicator_pots *pots)
{
    abi_put_hash(out, pots->root[0]);
    abi_put_hash(out, pots->root[1]);
    put_by_side(out, pots->pot);
    abi_put_u256(out, pots->done[0]);
    abi_put_u256(out, pots->done[1]);
}

static void put_noted(struct abi_out *out, const struct adjudicator_note *note)
{
    put_u128(out, note->sent);
    put_u128(out, note->locked);
    abi_put_hash(out, note->root);
}

static void put_path(struct abi_out *out, const hash32 *path, usize size)
{
    abi_open_array(out, size, 1);
    for (usize i = 0; i < size; i++)
        abi_put_hash(out, path[i]);
    abi_close(out);
}

hash32 adjudicator_state_hash(const struct adjudicator_state *state)
{
    u8 room[STATE_WORDS * ABI_WORD];
    struct arena arena = arena_over(room, sizeof(room));
    struct abi_out out = abi_begin(STATE_WORDS, &arena);
    put_state(&out, state);
    return keccak256(abi_end(&out));
}

hash32 adjudicator_pots_hash(const struct adjudicator_pots *pots)
{
    u8 room[POTS_WORDS * ABI_WORD];
    struct arena arena = arena_over(room, sizeof(room));
    struct abi_out out = abi_begin(POTS_WORDS, &arena);
    put_pots(&out, pots);
    return keccak256(abi_end(&out));
}

hash32 adjudicator_note_hash(const struct adjudicator_note *note)
{
    u8 room[3 * ABI_WORD];
    struct arena arena = arena_over(room, sizeof(room));
    struct abi_out out = abi_begin(3, &arena);
    put_noted(&out, note);
    return keccak256(abi_end(&out));
}

/* --- Calls. */

static struct abi_out begin(const char *signature, usize words, struct arena *arena)
{
    return abi_begin_call(abi_selector(signature), words, arena);
}

bytes adjudicator_deposit(const struct channel_name *name, address asset, u32 side, u128 total,
                          struct arena *arena)
{
    struct abi_out out = begin("deposit(bytes32,address,uint8,uint128)", 4, arena);
    abi_put_hash(&out, name->pair);
    abi_put_address(&out, asset);
    abi_put_u64(&out, side);
    put_u128(&out, total);
    return abi_end(&out);
}

bytes adjudicator_withdraw(const struct channel_terms *terms,
                           const struct channel_withdraw *withdraw, const signature64 signature[2],
                           struct arena *arena)
{
    static const char of[] =
        "withdraw(" CHANNEL ",uint8,uint128,uint64," SIGNATURE "," SIGNATURE ")";
    struct abi_out out = begin(of, CHANNEL_WORDS + 3 + 2 * SIGNATURE_WORDS, arena);
    put_channel(&out, terms);
    abi_put_u64(&out, withdraw->side);
    put_u128(&out, withdraw->total);
    abi_put_u64(&out, withdraw->until_s);
    put_signature(&out, &signature[0]);
    put_signature(&out, &signature[1]);
    return abi_end(&out);
}

bytes adjudicator_coop_close(const struct channel_terms *terms, const struct channel_close *close,
                             const signature64 signature[2], struct arena *arena)
{
    static const char of[] = "coopClose(" CHANNEL ",int128,uint64," SIGNATURE "," SIGNATURE ")";
    struct abi_out out = begin(of, CHANNEL_WORDS + 2 + 2 * SIGNATURE_WORDS, arena);
    put_channel(&out, terms);
    abi_put_u256(&out, u256_from_i128(close->net));
    abi_put_u64(&out, close->until_s);
    put_signature(&out, &signature[0]);
    put_signature(&out, &signature[1]);
    return abi_end(&out);
}

bytes adjudicator_force_close(const struct channel_terms *terms, u64 until_s,
                              const struct adjudicator_base *base,
                              const struct adjudicator_half half[2], struct arena *arena)
{
    static const char of[] = "forceClose(" CHANNEL ",bytes32,uint64," BASE "," HALF "," HALF ")";
    struct abi_out out = begin(of, CHANNEL_WORDS + 2 + BASE_WORDS + 2 * HALF_WORDS, arena);
    put_channel(&out, terms);
    abi_put_hash(&out, terms->salt);
    abi_put_u64(&out, until_s);
    put_base(&out, base);
    put_halves(&out, half);
    return abi_end(&out);
}

bytes adjudicator_challenge(const struct channel_terms *terms,
                            const struct adjudicator_state *state,
                            const struct adjudicator_half half[2], struct arena *arena)
{
    static const char of[] = "challenge(" CHANNEL "," STATE "," HALF "," HALF ")";
    struct abi_out out = begin(of, CHANNEL_WORDS + STATE_WORDS + 2 * HALF_WORDS, arena);
    put_channel(&out, terms);
    put_state(&out, state);
    put_halves(&out, half);
    return abi_end(&out);
}

bytes adjudicator_challenge_base(const struct channel_terms *terms,
                                 const struct adjudicator_base *base,
                                 const struct adjudicator_half half[2], struct arena *arena)
{
    static const char of[] = "challengeBase(" CHANNEL "," BASE "," HALF "," HALF ")";
    struct abi_out out = begin(of, CHANNEL_WORDS + BASE_WORDS + 2 * HALF_WORDS, arena);
    put_channel(&out, terms);
    put_base(&out, base);
    put_halves(&out, half);
    return abi_end(&out);
}

bytes adjudicator_write_note(const struct channel_terms *terms,
                             const struct adjudicator_half half[2], struct arena *arena)
{
    struct abi_out out =
        begin("note(" CHANNEL "," HALF "," HALF ")", CHANNEL_WORDS + 2 * HALF_WORDS, arena);
    put_channel(&out, terms);
    put_halves(&out, half);
    return abi_end(&out);
}

bytes adjudicator_merge(const struct channel_terms *terms, const struct adjudicator_state *state,
                        u32 side, const struct adjudicator_note *note, struct arena *arena)
{
    static const char of[] = "merge(" CHANNEL "," STATE ",uint8,uint128,uint128,bytes32)";
    struct abi_out out = begin(of, CHANNEL_WORDS + STATE_WORDS + 4, arena);
    put_channel(&out, terms);
    put_state(&out, state);
    abi_put_u64(&out, side);
    put_noted(&out, note);
    return abi_end(&out);
}

bytes adjudicator_prove_lie(const struct channel_terms *terms, const struct adjudicator_half *own,
                            const struct adjudicator_half *acked, struct arena *arena)
{
    static const char of[] = "proveLie(" CHANNEL ",uint64," HALF "," HALF ")";
    struct abi_out out = begin(of, CHANNEL_WORDS + 1 + 2 * HALF_WORDS, arena);
    put_channel(&out, terms);
    abi_put_u64(&out, own->half.epoch);
    put_half(&out, own);
    put_half(&out, acked);
    return abi_end(&out);
}

bytes adjudicator_return_bond(const struct channel_terms *terms, struct arena *arena)
{
    struct abi_out out = begin("returnBond(" CHANNEL ")", CHANNEL_WORDS, arena);
    put_channel(&out, terms);
    return abi_end(&out);
}

bytes adjudicator_settle(const struct channel_terms *terms, const struct adjudicator_state *state,
                         struct arena *arena)
{
    struct abi_out out = begin("settle(" CHANNEL "," STATE ")", CHANNEL_WORDS + STATE_WORDS, arena);
    put_channel(&out, terms);
    put_state(&out, state);
    return abi_end(&out);
}

static void put_chunk(struct abi_out *out, u32 side, const struct lock_chunk *chunk)
{
    abi_open_tuple(out, CHUNK_WORDS);
    abi_put_u64(out, side);
    abi_put_u64(out, chunk->index);
    abi_put_u64(out, chunk->count);
    abi_put_bytes(out, chunk->locks);
    put_path(out, chunk->path, chunk->path_size);
    abi_close(out);
}

static void put_proof(struct abi_out *out, const struct adjudicator_proof *proof)
{
    abi_open_tuple(out, PROOF_WORDS);
    abi_put_u64(out, proof->lock);
    abi_put_hash(out, proof->preimage);
    abi_put_u64(out, proof->index);
    abi_put_u64(out, proof->count);
    put_path(out, proof->path, proof->path_size);
    abi_close(out);
}

bytes adjudicator_unlock(const struct channel_terms *terms, const struct adjudicator_pots *pots,
                         u32 side, const struct lock_chunk *chunk,
                         const struct adjudicator_proof *proofs, usize proof_count,
                         struct arena *arena)
{
    static const char of[] = "unlock(" CHANNEL "," POTS "," CHUNK "," PROOF "[])";
    struct abi_out out = begin(of, CHANNEL_WORDS + POTS_WORDS + 2, arena);
    put_channel(&out, terms);
    put_pots(&out, pots);
    put_chunk(&out, side, chunk);
    abi_open_array(&out, proof_count, 1);
    for (usize i = 0; i < proof_count; i++)
        put_proof(&out, &proofs[i]);
    abi_close(&out);
    return abi_end(&out);
}

/* --- Events. */

static const char *const event_text[ADJUDICATOR_EVENTS] = {
    [ADJUDICATOR_DEPOSITED] = "Deposited(bytes32,uint8,uint128)",
    [ADJUDICATOR_WITHDRAWN] = "Withdrawn(bytes32,uint8,uint128)",
    [ADJUDICATOR_COOP_CLOSED] = "CoopClosed(bytes32,uint128,uint128)",
    [ADJUDICATOR_DISPUTE_OPENED] = "DisputeOpened(bytes32,bytes32)",
    [ADJUDICATOR_STATE_CHANGED] = "StateChanged(bytes32,uint256," STATE ")",
    [ADJUDICATOR_SETTLED] = "Settled(bytes32,uint128,uint128)",
    [ADJUDICATOR_UNLOCKED] = "Unlocked(bytes32,uint8,uint8,uint128,uint128)",
    [ADJUDICATOR_POTS_CHANGED] = "PotsChanged(bytes32," POTS ")",
    [ADJUDICATOR_NOTED] = "Noted(bytes32,uint8,uint64,uint64,uint128,uint128,bytes32)",
    [ADJUDICATOR_BOND_STAKED] = "BondStaked(bytes32,uint8,uint256)",
    [ADJUDICATOR_BOND_PAID] = "BondPaid(bytes32,uint8,uint256)",
};

static hash32 event_topic[ADJUDICATOR_EVENTS];

static void hash_events(void)
{
    for (usize i = 0; i < ADJUDICATOR_EVENTS; i++)
        event_topic[i] = abi_topic(event_text[i]);
}

const hash32 *adjudicator_topics(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, hash_events);
    return event_topic;
}

static void get_state(struct abi_in *in, struct adjudicator_state *out)
{
    out->credit = abi_get_u256(in);
    for (u32 side = 0; side < 2; side++) {
        out->sent[side] = abi_get_u128(in);
        out->locked[side] = abi_get_u128(in);
        out->root[side] = abi_get_hash(in);
    }
}

static void get_pots(struct abi_in *in, struct adjudicator_pots *out)
{
    out->root[0] = abi_get_hash(in);
    out->root[1] = abi_get_hash(in);
    out->pot[0] = abi_get_u128(in);
    out->pot[1] = abi_get_u128(in);
    out->done[0] = abi_get_u256(in);
    out->done[1] = abi_get_u256(in);
}

static u32 get_side(struct abi_in *in)
{
    u8 side = abi_get_u8(in);
    if (side > 1)
        in->failed = true;
    return side & 1;
}

static void get_note(struct abi_in *in, struct adjudicator_note *out)
{
    out->epoch = abi_get_u64(in);
    out->seq = abi_get_u64(in);
    out->sent = abi_get_u128(in);
    out->locked = abi_get_u128(in);
    out->root = abi_get_hash(in);
}

enum status adjudicator_read_event(const struct log *log, struct adjudicator_event *out,
                                   struct err *err)
{
    const hash32 *topics = adjudicator_topics();
    struct abi_in in = abi_over(log->data);
    usize kind = 0;
    while (kind < ADJUDICATOR_EVENTS &&
           (log->topic_count != 2 || !hash32_equal(log->topics[0], topics[kind])))
        kind++;
    if (kind == ADJUDICATOR_EVENTS)
        return fail(err, ST_INVALID, "a log that is no event of an adjudicator");
    *out =
        (struct adjudicator_event){.kind = (enum adjudicator_event_kind)kind, .id = log->topics[1]};
    if (kind == ADJUDICATOR_DISPUTE_OPENED)
        out->salt = abi_get_hash(&in);
    if (kind == ADJUDICATOR_STATE_CHANGED) {
        (void)abi_get_u256(&in); /* the dispute's word: disputeOf has it */
        get_state(&in, &out->state);
    }
    if (kind == ADJUDICATOR_POTS_CHANGED)
        get_pots(&in, &out->pots);
    if (kind == ADJUDICATOR_NOTED) {
        out->noted.side = get_side(&in);
        get_note(&in, &out->noted.note);
    }
    return in.failed ? fail(err, ST_INVALID, "an adjudicator's event %s that is malformed",
                            event_text[kind])
                     : ST_OK;
}

/* --- Answers. */

static enum status ask(struct eth *eth, address who, const char *signature, hash32 id,
                       struct eth_at at, struct abi_in *out, struct arena *arena, struct err *err)
{
    bytes result;
    struct eth_refusal refusal;
    struct abi_out call = begin(signature, 1, arena);
    abi_put_hash(&call, id);
    struct eth_message message = {.to = who, .data = abi_end(&call)};
    TRY(eth_ask_call(eth, &message, at, &result, &refusal, arena, err));
    *out = abi_over(result);
    return ST_OK;
}

static enum status ask_pair(struct eth *eth, address who, const char *signature, hash32 id,
                            struct eth_at at, u128 out[2], struct arena tmp, struct err *err)
{
    struct abi_in in;
    TRY(ask(eth, who, signature, id, at, &in, &tmp, err));
    out[0] = abi_get_u128(&in);
    out[1] = abi_get_u128(&in);
    return contract_check(eth, &in, signature, err);
}

static enum status ask_dispute(struct eth *eth, address who, hash32 id, struct eth_at at,
                               struct adjudicator_look *out, struct arena tmp, struct err *err)
{
    struct abi_in in;
    TRY(ask(eth, who, "disputeOf(bytes32)", id, at, &in, &tmp, err));
    out->time_s = abi_get_u64(&in);
    out->epoch = abi_get_u64(&in);
    out->seq[0] = abi_get_u64(&in);
    out->seq[1] = abi_get_u64(&in);
    out->commitment = abi_get_hash(&in);
    return contract_check(eth, &in, "disputeOf", err);
}

static enum status ask_note(struct eth *eth, address who, hash32 id, u32 side, struct eth_at at,
                            struct adjudicator_look *out, struct arena tmp, struct err *err)
{
    bytes result;
    struct eth_refusal refusal;
    struct abi_out call = begin("noteOf(bytes32,uint8)", 2, &tmp);
    abi_put_hash(&call, id);
    abi_put_u64(&call, side);
    struct eth_message message = {.to = who, .data = abi_end(&call)};
    TRY(eth_ask_call(eth, &message, at, &result, &refusal, &tmp, err));
    struct abi_in in = abi_over(result);
    out->note[side].epoch = abi_get_u64(&in);
    out->note[side].seq = abi_get_u64(&in);
    out->note[side].hash = abi_get_hash(&in);
    return contract_check(eth, &in, "noteOf", err);
}

static enum status ask_bond(struct eth *eth, address who, hash32 id, struct eth_at at,
                            struct adjudicator_bond *out, struct arena tmp, struct err *err)
{
    struct abi_in in;
    TRY(ask(eth, who, "bondOf(bytes32)", id, at, &in, &tmp, err));
    out->side = get_side(&in);
    out->amount_wei = abi_get_u128(&in);
    out->epoch = abi_get_u64(&in);
    out->seq[0] = abi_get_u64(&in);
    out->seq[1] = abi_get_u64(&in);
    return contract_check(eth, &in, "bondOf", err);
}

static enum status ask_phase(struct eth *eth, address who, hash32 id, struct eth_at at,
                             enum adjudicator_phase *out, struct arena tmp, struct err *err)
{
    struct abi_in in;
    TRY(ask(eth, who, "phaseOf(bytes32)", id, at, &in, &tmp, err));
    u8 phase = abi_get_u8(&in);
    if (phase > PHASE_CLOSED)
        in.failed = true;
    *out = (enum adjudicator_phase)phase;
    return contract_check(eth, &in, "phaseOf", err);
}

enum status adjudicator_ask(struct eth *eth, address adjudicator, hash32 id, struct eth_at at,
                            struct adjudicator_look *out, struct arena tmp, struct err *err)
{
    *out = (struct adjudicator_look){0};
    TRY(ask_phase(eth, adjudicator, id, at, &out->phase, tmp, err));
    TRY(ask_pair(eth, adjudicator, "depositsOf(bytes32)", id, at, out->deposited, tmp, err));
    TRY(ask_pair(eth, adjudicator, "withdrawalsOf(bytes32)", id, at, out->withdrawn, tmp, err));
    if (out->phase == PHASE_DISPUTE || out->phase == PHASE_CLOSED)
        TRY(ask_bond(eth, adjudicator, id, at, &out->bond, tmp, err));
    for (u32 side = 0; side < 2 && out->phase == PHASE_DISPUTE; side++)
        TRY(ask_note(eth, adjudicator, id, side, at, out, tmp, err));
    if (out->phase != PHASE_DISPUTE && out->phase != PHASE_UNLOCKING)
        return ST_OK;
    return ask_dispute(eth, adjudicator, id, at, out, tmp, err);
}

static bool read_funds(const bytes answer[3], struct adjudicator_funds *out)
{
    struct abi_in phase = abi_over(answer[0]), in = abi_over(answer[1]), back = abi_over(answer[2]);
    bool is_open = abi_get_u8(&phase) == PHASE_OPEN;
    for (u32 side = 0; side < 2; side++) {
        u128 deposited = abi_get_u128(&in), withdrawn = abi_get_u128(&back);
        out->of[side] = is_open && deposited > withdrawn ? deposited - withdrawn : 0;
    }
    return !phase.failed && !in.failed && !back.failed;
}

enum status adjudicator_ask_funds(struct eth *eth, address adjudicator, const hash32 *ids,
                                  usize count, struct eth_at at, struct adjudicator_funds *out,
                                  struct arena tmp, struct err *err)
{
    static const char *const questions[] = {"phaseOf(bytes32)", "depositsOf(bytes32)",
                                            "withdrawalsOf(bytes32)"};
    usize each = countof(questions);
    struct eth_message *messages = ARENA_NEW(&tmp, struct eth_message, each * count);
    bytes *answers = ARENA_NEW(&tmp, bytes, each * count);
    for (usize i = 0; i < each * count; i++) {
        struct abi_out call = begin(questions[i % each], 1, &tmp);
        abi_put_hash(&call, ids[i / each]);
        messages[i] = (struct eth_message){.to = adjudicator, .data = abi_end(&call)};
    }
    TRY(eth_ask_calls(eth, messages, each * count, at, answers, &tmp, err));
    for (usize i = 0; i < count; i++)
        if (!read_funds(answers + each * i, &out[i]))
            return fail(err, ST_CORRUPT, "%s: what the adjudicator answers makes no sense",
                        eth_name(eth));
    return ST_OK;
}

enum status adjudicator_ask_registry(struct eth *eth, address adjudicator, address *out,
                                     struct arena tmp, struct err *err)
{
    return contract_ask_address(eth, adjudicator, "registry()", out, tmp, err);
}

void adjudicator_revert_text(bytes data, char *to, usize size)
{
    static const char *const errors[] = {
        "BadSide()",
        "NotNewer()",
        "AmountTooLarge()",
        "AlreadySettled()",
        "WrongPhase(uint8)",
        "Late()",
        "Early()",
        "BadSignature(address)",
        "NotEndorsed(uint8)",
        "NothingNew()",
        "WrongSalt()",
        "WrongState()",
        "LocksWithoutRoot()",
        "MoreThanDeposited()",
        "WrongRoot()",
        "AlreadyUnlocked()",
        "BadProof(uint256)",
        "Undecided(uint256)",
        "NothingToCollect()",
        "NotEnoughGas()",
        "WrongAmount(uint256)",
        "TransferFailed()",
        "BadScalar()",
        "BadBatch()",
        "OnlyPlainAccounts()",
        "BaseNotZero()",
        "WrongNote()",
        "NotMerged(uint8)",
        "BadBond(uint256)",
        "NotAnOwner()",
        "NoBond()",
        "NoLie()",
        "NotSigned(address)", /* the court's, from here on */
        "NotValid()",
        "MoreThanAtStake()",
        "Decided()",
    };
    for (usize i = 0; data.size >= 4 && i < countof(errors); i++) {
        if (load_be32(data.data) != abi_selector(errors[i]))
            continue;
        fmt(to, size, "%.*s", (int)strcspn(errors[i], "("), errors[i]);
        return;
    }
    abi_revert_text(data, to, size);
}
