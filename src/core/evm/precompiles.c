/* Precompiled contracts: a table of addresses, what each costs and what it does. The mathematics is
 * in crypto; here are the wire formats and the gas. Source: Yellow Paper, appendix E; EIPs as
 * cited. */
#include "crypto/blake2.h"
#include "crypto/bls.h"
#include "crypto/bn254.h"
#include "crypto/kzg.h"
#include "crypto/modexp.h"
#include "crypto/p256.h"
#include "crypto/ripemd160.h"
#include "crypto/secp256k1.h"
#include "crypto/sha256.h"
#include "evm/internal.h"

/* More than any gas limit: the call fails. */
#define GAS_UNPAYABLE ((u64)INT64_MAX)

/* ST_INVALID: the precompile fails and takes all gas. */
typedef enum status (*run_fn)(enum fork fork, bytes input, bytes *output, struct arena *arena);
typedef u64 (*price_fn)(enum fork fork, bytes input, struct arena tmp);

/* `size` bytes of the input from `at` on, with zeros where it ends. */
static void read_padded(u8 *to, bytes input, usize at, usize size)
{
    bytes part = bytes_slice(input, at, size);
    bytes_copy(to, part);
    memset(to + part.size, 0, size - part.size);
}

static u8 *make_output(bytes *output, usize size, struct arena *arena)
{
    u8 *to = ARENA_NEW(arena, u8, size);
    *output = (bytes){to, size};
    return to;
}

static void output_flag(bool flag, bytes *output, struct arena *arena)
{
    make_output(output, 32, arena)[31] = flag;
}

/* --- 0x01 to 0x04: Frontier. */

static u64 price_ecrecover(enum fork fork, bytes input, struct arena tmp)
{
    (void)fork, (void)input, (void)tmp;
    return 3000;
}

/* Whatever does not recover gives an empty answer, not a failure. */
static enum status run_ecrecover(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork;
    struct {
        hash32 hash, v, r, s;
    } in;
    read_padded((u8 *)&in, input, 0, sizeof(in));
    u256 v = u256_from_hash(in.v);
    pubkey64 key;
    *output = BYTES_EMPTY;
    if (!u256_fits_u64(v) || (v.w[0] != 27 && v.w[0] != 28) ||
        secp256k1_recover(in.hash, u256_from_hash(in.r), u256_from_hash(in.s), v.w[0] == 28,
                          &key) != ST_OK)
        return ST_OK;
    address who = pubkey_address(&key);
    memcpy(make_output(output, 32, arena) + 12, who.b, sizeof(who.b));
    return ST_OK;
}

static u64 price_sha256(enum fork fork, bytes input, struct arena tmp)
{
    (void)fork, (void)tmp;
    return 60 + 12 * (u64)words(input.size);
}

static enum status run_sha256(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork;
    hash32 hash = sha256(input);
    memcpy(make_output(output, 32, arena), hash.b, sizeof(hash.b));
    return ST_OK;
}

static u64 price_ripemd160(enum fork fork, bytes input, struct arena tmp)
{
    (void)fork, (void)tmp;
    return 600 + 120 * (u64)words(input.size);
}

static enum status run_ripemd160(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork;
    hash20 hash = ripemd160(input);
    memcpy(make_output(output, 32, arena) + 12, hash.b, sizeof(hash.b));
    return ST_OK;
}

static u64 price_identity(enum fork fork, bytes input, struct arena tmp)
{
    (void)fork, (void)tmp;
    return 15 + 3 * (u64)words(input.size);
}

static enum status run_identity(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork, (void)arena;
    *output = input;
    return ST_OK;
}

/* --- 0x05: EIP-198; repriced by EIP-2565 and EIP-7883, bounded by EIP-7823. */

enum { MODEXP_HEAD = 96, MODEXP_MAX_OPERAND = 1024 };

struct modexp_sizes {
    u64 base, exponent, modulus; /* UINT64_MAX: at least that */
};

static struct modexp_sizes modexp_sizes(bytes input)
{
    hash32 head[3];
    read_padded((u8 *)head, input, 0, MODEXP_HEAD);
    return (struct modexp_sizes){
        .base = u256_to_u64_sat(u256_from_hash(head[0])),
        .exponent = u256_to_u64_sat(u256_from_hash(head[1])),
        .modulus = u256_to_u64_sat(u256_from_hash(head[2])),
    };
}

/* Squarings, roughly: the exponent's bit length less one, judged by its first 32 bytes. */
static u64 modexp_iterations(enum fork fork, bytes input, struct modexp_sizes size)
{
    u8 head[32];
    u64 shown = min_u64(size.exponent, sizeof(head));
    read_padded(head, input, add_sat_u64(MODEXP_HEAD, size.base), shown);
    u64 bits = u256_bit_length(u256_from_be((bytes){head, shown}));
    u64 iterations = bits > 0 ? bits - 1 : 0;
    u64 per_byte = fork >= OSAKA ? 16 : 8;
    if (size.exponent > sizeof(head))
        iterations = add_sat_u64(iterations,
                                 mul_sat_u64(per_byte, size.exponent - sizeof(head)));
    return max_u64(iterations, 1);
}

static u64 modexp_complexity(enum fork fork, u64 x)
{
    if (x > (u64)1 << 31)
        return GAS_UNPAYABLE;
    u64 eights = (x + 7) / 8;
    if (fork >= OSAKA)
        return x <= 32 ? 16 : 2 * eights * eights;
    if (fork >= BERLIN)
        return eights * eights;
    if (x <= 64)
        return x * x;
    return x <= 1024 ? x * x / 4 + 96 * x - 3072 : x * x / 16 + 480 * x - 199680;
}

static u64 price_modexp(enum fork fork, bytes input, struct arena tmp)
{
    (void)tmp;
    struct modexp_sizes size = modexp_sizes(input);
    u64 complexity = modexp_complexity(fork, max_u64(size.base, size.modulus));
    u64 work = mul_sat_u64(complexity, modexp_iterations(fork, input, size));
    if (fork >= OSAKA)
        return max_u64(500, work);
    return fork >= BERLIN ? max_u64(200, work / 3) : work / 20;
}

static bytes modexp_operand(bytes input, u64 at, u64 size, struct arena *arena)
{
    u8 *to = ARENA_TAKE(arena, u8, size);
    read_padded(to, input, at, size);
    return (bytes){to, size};
}

static enum status run_modexp(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    struct modexp_sizes size = modexp_sizes(input);
    *output = BYTES_EMPTY;
    if (fork >= OSAKA && (size.base > MODEXP_MAX_OPERAND || size.exponent > MODEXP_MAX_OPERAND ||
                          size.modulus > MODEXP_MAX_OPERAND))
        return ST_INVALID;
    if (size.modulus == 0) /* also where nothing was paid for an exponent of any size */
        return ST_OK;
    u8 *to = make_output(output, size.modulus, arena);
    u64 at = MODEXP_HEAD;
    bytes base = modexp_operand(input, at, size.base, arena);
    bytes exponent = modexp_operand(input, at += size.base, size.exponent, arena);
    bytes modulus = modexp_operand(input, at += size.exponent, size.modulus, arena);
    modexp(base, exponent, modulus, to, *arena);
    return ST_OK;
}

/* --- 0x06 to 0x08: EIP-196, EIP-197; repriced by EIP-1108. */

static u64 price_bn254_add(enum fork fork, bytes input, struct arena tmp)
{
    (void)input, (void)tmp;
    return fork >= ISTANBUL ? 150 : 500;
}

static enum status run_bn254_add(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork;
    return bn254_add(input, make_output(output, BN254_G1_SIZE, arena));
}

static u64 price_bn254_mul(enum fork fork, bytes input, struct arena tmp)
{
    (void)input, (void)tmp;
    return fork >= ISTANBUL ? 6000 : 40000;
}

static enum status run_bn254_mul(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork;
    return bn254_mul(input, make_output(output, BN254_G1_SIZE, arena));
}

static u64 price_bn254_pairing(enum fork fork, bytes input, struct arena tmp)
{
    (void)tmp;
    u64 pairs = input.size / BN254_PAIR_SIZE;
    return fork >= ISTANBUL ? 45000 + 34000 * pairs : 100000 + 80000 * pairs;
}

static enum status run_bn254_pairing(enum fork fork, bytes input, bytes *output,
                                     struct arena *arena)
{
    (void)fork;
    bool is_one;
    TRY(bn254_pairing_check(input, &is_one));
    output_flag(is_one, output, arena);
    return ST_OK;
}

/* --- 0x09: EIP-152. */

enum { BLAKE2_INPUT = 213 };

static u64 price_blake2(enum fork fork, bytes input, struct arena tmp)
{
    (void)fork, (void)tmp;
    return input.size == BLAKE2_INPUT ? load_be32(input.data) : 0; /* else the run will fail */
}

static enum status run_blake2(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork;
    if (input.size != BLAKE2_INPUT || input.data[BLAKE2_INPUT - 1] > 1)
        return ST_INVALID;
    u64 state[8], block[16], offset[2]; /* little-endian on the wire, as in memory */
    memcpy(state, input.data + 4, sizeof(state));
    memcpy(block, input.data + 68, sizeof(block));
    memcpy(offset, input.data + 196, sizeof(offset));
    blake2b_compress(state, block, offset, input.data[BLAKE2_INPUT - 1] == 1,
                     load_be32(input.data));
    memcpy(make_output(output, sizeof(state), arena), state, sizeof(state));
    return ST_OK;
}

/* --- 0x0a: EIP-4844. */

static u64 price_point_evaluation(enum fork fork, bytes input, struct arena tmp)
{
    (void)fork, (void)input, (void)tmp;
    return 50000;
}

static enum status run_point_evaluation(enum fork fork, bytes input, bytes *output,
                                        struct arena *arena)
{
    (void)fork;
    return kzg_point_evaluation(input, make_output(output, KZG_EVALUATION_OUTPUT_SIZE, arena));
}

/* --- 0x0b to 0x11: EIP-2537. */

enum { MSM_DISCOUNTS = 128 };

static const u16 G1_DISCOUNT[] = {
    /* clang-format off */
    1000, 949, 848, 797, 764, 750, 738, 728, 719, 712, 705, 698, 692, 687, 682, 677, 673, 669,
    665, 661, 658, 654, 651, 648, 645, 642, 640, 637, 635, 632, 630, 627, 625, 623, 621, 619,
    617, 615, 613, 611, 609, 608, 606, 604, 603, 601, 599, 598, 596, 595, 593, 592, 591, 589,
    588, 586, 585, 584, 582, 581, 580, 579, 577, 576, 575, 574, 573, 572, 570, 569, 568, 567,
    566, 565, 564, 563, 562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 551, 550, 549,
    548, 547, 547, 546, 545, 544, 543, 542, 541, 540, 540, 539, 538, 537, 536, 536, 535, 534,
    533, 532, 532, 531, 530, 529, 528, 528, 527, 526, 525, 525, 524, 523, 522, 522, 521, 520,
    520, 519,
    /* clang-format on */
};

static const u16 G2_DISCOUNT[] = {
    /* clang-format off */
    1000, 1000, 923, 884, 855, 832, 812, 796, 782, 770, 759, 749, 740, 732, 724, 717, 711, 704,
    699, 693, 688, 683, 679, 674, 670, 666, 663, 659, 655, 652, 649, 646, 643, 640, 637, 634,
    632, 629, 627, 624, 622, 620, 618, 615, 613, 611, 609, 607, 606, 604, 602, 600, 598, 597,
    595, 593, 592, 590, 589, 587, 586, 584, 583, 582, 580, 579, 578, 576, 575, 574, 573, 571,
    570, 569, 568, 567, 566, 565, 563, 562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552,
    552, 551, 550, 549, 548, 547, 546, 545, 545, 544, 543, 542, 541, 541, 540, 539, 538, 537,
    537, 536, 535, 535, 534, 533, 532, 532, 531, 530, 530, 529, 528, 528, 527, 526, 526, 525,
    524, 524,
    /* clang-format on */
};

static_assert(countof(G1_DISCOUNT) == MSM_DISCOUNTS && countof(G2_DISCOUNT) == MSM_DISCOUNTS, "");

static u64 msm_price(u64 pairs, u64 each, const u16 *discounts)
{
    if (pairs == 0)
        return 0; /* the run will fail */
    u64 discount = discounts[min_u64(pairs, MSM_DISCOUNTS) - 1];
    return mul_sat_u64(pairs, each * discount) / 1000;
}

static u64 price_bls_g1_add(enum fork fork, bytes input, struct arena tmp)
{
    (void)fork, (void)input, (void)tmp;
    return 375;
}

static u64 price_bls_g1_msm(enum fork fork, bytes input, struct arena tmp)
{
    (void)fork, (void)tmp;
    return msm_price(input.size / BLS_G1_MSM_SIZE, 12000, G1_DISCOUNT);
}

static u64 price_bls_g2_add(enum fork fork, bytes input, struct arena tmp)
{
    (void)fork, (void)input, (void)tmp;
    return 600;
}

static u64 price_bls_g2_msm(enum fork fork, bytes input, struct arena tmp)
{
    (void)fork, (void)tmp;
    return msm_price(input.size / BLS_G2_MSM_SIZE, 22500, G2_DISCOUNT);
}

static u64 price_bls_pairing(enum fork fork, bytes input, struct arena tmp)
{
    (void)fork, (void)tmp;
    return 37700 + 32600 * (input.size / BLS_PAIR_SIZE);
}

static u64 price_bls_map_fp(enum fork fork, bytes input, struct arena tmp)
{
    (void)fork, (void)input, (void)tmp;
    return 5500;
}

static u64 price_bls_map_fp2(enum fork fork, bytes input, struct arena tmp)
{
    (void)fork, (void)input, (void)tmp;
    return 23800;
}

static enum status run_bls_g1_add(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork;
    return bls_g1_add(input, make_output(output, BLS_G1_SIZE, arena));
}

static enum status run_bls_g1_msm(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork;
    u8 *to = make_output(output, BLS_G1_SIZE, arena);
    return bls_g1_msm(input, to, *arena);
}

static enum status run_bls_g2_add(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork;
    return bls_g2_add(input, make_output(output, BLS_G2_SIZE, arena));
}

static enum status run_bls_g2_msm(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork;
    u8 *to = make_output(output, BLS_G2_SIZE, arena);
    return bls_g2_msm(input, to, *arena);
}

static enum status run_bls_pairing(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork;
    bool is_one;
    TRY(bls_pairing_check(input, &is_one));
    output_flag(is_one, output, arena);
    return ST_OK;
}

static enum status run_bls_map_fp(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork;
    return bls_map_fp_to_g1(input, make_output(output, BLS_G1_SIZE, arena));
}

static enum status run_bls_map_fp2(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork;
    return bls_map_fp2_to_g2(input, make_output(output, BLS_G2_SIZE, arena));
}

/* --- 0x100: EIP-7951. */

static u64 price_p256(enum fork fork, bytes input, struct arena tmp)
{
    (void)fork, (void)input, (void)tmp;
    return 6900;
}

/* Whatever does not verify gives an empty answer, not a failure. */
static enum status run_p256(enum fork fork, bytes input, bytes *output, struct arena *arena)
{
    (void)fork;
    struct {
        hash32 hash, r, s, x, y;
    } in;
    *output = BYTES_EMPTY;
    if (input.size != sizeof(in))
        return ST_OK;
    memcpy(&in, input.data, sizeof(in));
    if (p256_verify(in.hash, u256_from_hash(in.r), u256_from_hash(in.s), u256_from_hash(in.x),
                    u256_from_hash(in.y)))
        output_flag(true, output, arena);
    return ST_OK;
}

/* --- The table. */

static const struct precompile {
    u16 number; /* the address */
    enum fork since;
    price_fn price;
    run_fn run;
} PRECOMPILES[] = {
    /* clang-format off */
    {0x01,  FRONTIER,  price_ecrecover,        run_ecrecover},
    {0x02,  FRONTIER,  price_sha256,           run_sha256},
    {0x03,  FRONTIER,  price_ripemd160,         run_ripemd160},
    {0x04,  FRONTIER,  price_identity,         run_identity},
    {0x05,  BYZANTIUM, price_modexp,            run_modexp},
    {0x06,  BYZANTIUM, price_bn254_add,        run_bn254_add},
    {0x07,  BYZANTIUM, price_bn254_mul,        run_bn254_mul},
    {0x08,  BYZANTIUM, price_bn254_pairing,    run_bn254_pairing},
    {0x09,  ISTANBUL,  price_blake2,            run_blake2},
    {0x0a,  CANCUN,    price_point_evaluation, run_point_evaluation},
    {0x0b,  PRAGUE,    price_bls_g1_add,       run_bls_g1_add},
    {0x0c,  PRAGUE,    price_bls_g1_msm,       run_bls_g1_msm},
    {0x0d,  PRAGUE,    price_bls_g2_add,       run_bls_g2_add},
    {0x0e,  PRAGUE,    price_bls_g2_msm,       run_bls_g2_msm},
    {0x0f,  PRAGUE,    price_bls_pairing,      run_bls_pairing},
    {0x10,  PRAGUE,    price_bls_map_fp,       run_bls_map_fp},
    {0x11,  PRAGUE,    price_bls_map_fp2,      run_bls_map_fp2},
    {0x100, OSAKA,     price_p256,             run_p256},
    /* clang-format on */
};

static const struct precompile *find(const struct rules *rules, address who)
{
    u256 word = u256_from_address(who);
    if (!u256_fits_u64(word) || word.w[0] > 0x100) /* nearly every address ends here */
        return NULL;
    for (usize i = 0; i < countof(PRECOMPILES); i++)
        if (PRECOMPILES[i].number == word.w[0] && rules->fork >= PRECOMPILES[i].since)
            return &PRECOMPILES[i];
    return NULL;
}

bool evm_is_precompile(const struct rules *rules, address who)
{
    return find(rules, who) != NULL;
}

struct precompile_result precompile_run(const struct rules *rules, address who, bytes input,
                                        i64 gas, struct arena *arena)
{
    const struct precompile *precompile = find(rules, who);
    struct precompile_result out = {.succeeded = false};
    u64 price = precompile->price(rules->fork, input, *arena);
    if (price > (u64)gas)
        return out;
    if (precompile->run(rules->fork, input, &out.output, arena) != ST_OK)
        return out;
    out.succeeded = true;
    out.gas_left = gas - (i64)price;
    return out;
}
