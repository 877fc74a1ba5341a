/* The machine: enters frames, leaves them, and hands results to the frame that called. */
#include "base/rlp.h"
#include "crypto/keccak.h"
#include "evm/internal.h"

const char *evm_halt_name(enum evm_halt halt)
{
    static const char *const names[] = {
        [EVM_RUNNING] = "running",
        [EVM_CALLING] = "calling",
        [EVM_STOP] = "stop",
        [EVM_RETURN] = "return",
        [EVM_REVERT] = "execution reverted",
        [EVM_OUT_OF_GAS] = "out of gas",
        [EVM_STACK_UNDERFLOW] = "stack underflow",
        [EVM_STACK_OVERFLOW] = "stack overflow",
        [EVM_BAD_JUMP] = "invalid jump destination",
        [EVM_BAD_OPCODE] = "invalid opcode",
        [EVM_STATIC_WRITE] = "write protection",
        [EVM_RETURN_DATA_BOUNDS] = "return data out of bounds",
        [EVM_CODE_SIZE] = "max code size exceeded",
        [EVM_CODE_PREFIX] = "invalid code: must not begin with 0xef",
        [EVM_COLLISION] = "contract address collision",
        [EVM_PRECOMPILE_FAILED] = "precompile failed",
        [EVM_DEPTH] = "max call depth exceeded",
        [EVM_BALANCE] = "insufficient balance for transfer",
    };
    assert((usize)halt < countof(names));
    return names[halt];
}

/* --- Addresses of creations. */

address evm_create_address(address creator, u64 nonce)
{
    u8 encoded[32], *at = rlp_put_list(encoded, RLP_SIZE_ADDRESS + rlp_size_u64(nonce));
    at = rlp_put_address(at, creator);
    at = rlp_put_u64(at, nonce);
    hash32 hash = keccak256((bytes){encoded, (usize)(at - encoded)});
    address out;
    memcpy(out.b, hash.b + 12, sizeof(out.b));
    return out;
}

address evm_create2_address(address creator, hash32 salt, bytes init_code)
{
    u8 preimage[85] = {0xff}; /* EIP-1014 */
    hash32 code_hash = keccak256(init_code);
    memcpy(preimage + 1, creator.b, 20);
    memcpy(preimage + 21, salt.b, 32);
    memcpy(preimage + 53, code_hash.b, 32);
    hash32 hash = keccak256(BYTES_OF(preimage));
    address out;
    memcpy(out.b, hash.b + 12, sizeof(out.b));
    return out;
}

/* --- Room. */

/* The most memory that all frames together can hold for that gas: each word costs 3 and, in one
 * frame, w words cost w²/512 as well. Above 16 GiB, which takes a gas limit of 1.6 billion, memory
 * stops growing there and counts as out of gas: no machine would have it. */
static usize memory_bound(i64 max_gas)
{
    u64 linear = (u64)max_gas / GAS_MEMORY_WORD * 32 + 65536;
    return min_u64(linear, (u64)16 << 30);
}

/* Creation code lies in the memory of its frame, copied and padded, with a byte of analysis for
 * each of its own, and a frame's memory begins at a multiple of 32. */
static usize frames_memory_bound(i64 max_gas)
{
    return memory_bound(max_gas) * 3 + (MAX_CALL_DEPTH + 1) * 256;
}

/* Precompiles price what they take: modexp is quadratic in its operands (under 1 MB for a billion
 * gas), a point of a multiplication costs thousands. */
static usize scratch_bound(i64 max_gas)
{
    return ((usize)64 << 20) + (usize)max_gas * 4;
}

usize evm_arena_bound(i64 max_gas)
{
    usize frames = (MAX_CALL_DEPTH + 1) * (sizeof(struct frame) + STACK_SPACING) + STACK_SPACING;
    return sizeof(struct evm) + frames + frames_memory_bound(max_gas) + memory_bound(max_gas) +
           scratch_bound(max_gas) + 4096;
}

struct evm *evm_new(const struct rules *rules, const struct evm_block_env *env, struct state *state,
                    i64 max_gas, struct arena *arena)
{
    assert(max_gas >= 0);
    struct evm *evm = ARENA_NEW(arena, struct evm, 1);
    evm->rules = rules;
    evm->fork = rules->fork;
    evm->env = *env;
    evm->state = state;
    evm->frames = ARENA_TAKE(arena, struct frame, MAX_CALL_DEPTH + 1);
    evm->stacks = arena_take_array(arena, MAX_CALL_DEPTH + 1, STACK_SPACING, STACK_SPACING);
    usize memory = frames_memory_bound(max_gas);
    evm->memory = arena_take(arena, memory, 32);
    evm->memory_end = evm->memory + memory;
    evm->return_room = memory_bound(max_gas);
    evm->return_buffer = arena_take(arena, evm->return_room, 32);
    usize scratch = scratch_bound(max_gas);
    evm->scratch = arena_over(arena_take(arena, scratch, 32), scratch);
    return evm;
}

void evm_set_tx(struct evm *evm, const struct evm_tx_env *tx)
{
    evm->tx = *tx;
}

void evm_set_tracer(struct evm *evm, const struct evm_tracer *tracer)
{
    evm->traced = tracer != NULL;
    evm->tracer = tracer != NULL ? *tracer : (struct evm_tracer){0};
}

/* --- Entering. */

static void touch(struct evm *evm, struct state_account *account)
{
    if (evm->fork >= SPURIOUS)
        state_touch(evm->state, account);
    else
        state_set_exists(evm->state, account); /* a call alone made an account */
}

static void move_value(struct evm *evm, const struct pending_call *call)
{
    if (!call->moves_value || u256_is_zero(call->value_wei))
        return;
    state_take_balance(evm->state, state_account(evm->state, call->caller), call->value_wei);
    state_add_balance(evm->state, call->self, call->value_wei);
}

/* Keeps the output of what has ended where the next frames do not write. */
static bytes keep_output(struct evm *evm, bytes output)
{
    assert(output.size <= evm->return_room);
    if (output.size > 0)
        memmove(evm->return_buffer, output.data, output.size);
    return (bytes){evm->return_buffer, output.size};
}

static struct evm_result failed(enum evm_halt halt, i64 gas_left)
{
    return (struct evm_result){.halt = halt, .gas_left = gas_left, .output = BYTES_EMPTY};
}

static struct evm_result run_precompile(struct evm *evm, const struct pending_call *call)
{
    struct arena scratch = evm->scratch;
    struct precompile_result result =
        precompile_run(evm->rules, call->precompile, call->input, call->gas, &scratch);
    if (!result.succeeded)
        return failed(EVM_PRECOMPILE_FAILED, 0);
    return (struct evm_result){EVM_RETURN, result.gas_left, keep_output(evm, result.output)};
}

/* Lays a new frame above `parent` (NULL: the outermost). */
static struct frame *push_frame(struct evm *evm, struct frame *parent,
                                const struct pending_call *call)
{
    u32 depth = parent == NULL ? 0 : parent->depth + 1;
    struct frame *f = &evm->frames[depth];
    *f = (struct frame){
        .gas = call->gas,
        .bottom = (u256 *)(evm->stacks + (usize)depth * STACK_SPACING),
        .memory = parent == NULL ? evm->memory : parent->memory + parent->memory_size,
        .evm = evm,
        .self = call->self,
        .caller = call->caller,
        .value_wei = call->value_wei,
        .is_static = call->is_static,
        .creates = call->creates,
        .depth = depth,
        .return_to = call->return_to,
        .return_size = call->return_size,
    };
    f->top = f->bottom;
    return f;
}

/* The code of a creation lies at the bottom of its frame's memory. */
static void load_init_code(struct frame *f, bytes init_code)
{
    struct arena room = arena_over(f->memory, (usize)(f->evm->memory_end - f->memory));
    f->code = ARENA_TAKE(&room, struct code, 1);
    code_init(f->code, init_code, &room);
    (void)arena_take(&room, 0, 32);
    f->memory = room.at;
}

/* What a creation does before its first instruction. Returns EVM_RUNNING, or why it cannot be. */
static enum evm_halt prepare_create(struct evm *evm, const struct pending_call *call)
{
    struct state_account *creator = state_account(evm->state, call->caller);
    if (call->opcode != 0) { /* of the outermost creation, the transaction has done this */
        if (creator->now.nonce == UINT64_MAX) /* EIP-2681 */
            return EVM_DEPTH;
        state_set_nonce(evm->state, creator, creator->now.nonce + 1);
    }
    state_warm_account(evm->state, call->self);
    return state_is_taken(call->self) ? EVM_COLLISION : EVM_RUNNING;
}

/* Starts the call. Returns its frame, or NULL with *out filled where there is nothing to run. */
static struct frame *enter(struct evm *evm, struct frame *parent, const struct pending_call *call,
                           struct evm_result *out)
{
    struct state *state = evm->state;
    evm->return_data = BYTES_EMPTY;
    if (parent != NULL && parent->depth == MAX_CALL_DEPTH) {
        *out = failed(EVM_DEPTH, call->gas);
        return NULL;
    }
    if (call->moves_value &&
        u256_less(state_account(state, call->caller)->now.balance_wei, call->value_wei)) {
        *out = failed(EVM_BALANCE, call->gas);
        return NULL;
    }
    if (call->creates) {
        enum evm_halt halt = prepare_create(evm, call);
        if (halt != EVM_RUNNING) {
            *out = failed(halt, halt == EVM_COLLISION ? 0 : call->gas);
            return NULL;
        }
    }
    struct state_checkpoint checkpoint = state_checkpoint(state);
    touch(evm, call->self);
    if (call->creates) {
        state_set_created(state, call->self);
        if (evm->fork >= SPURIOUS)
            state_set_nonce(state, call->self, 1); /* EIP-161 */
    }
    move_value(evm, call);
    if (!call->creates && !call->is_delegated && evm_is_precompile(evm->rules, call->precompile)) {
        *out = run_precompile(evm, call);
        if (!evm_succeeded(out->halt))
            state_revert(state, checkpoint);
        return NULL;
    }
    struct frame *f = push_frame(evm, parent, call);
    f->checkpoint = checkpoint;
    if (call->creates) {
        load_init_code(f, call->input);
    } else {
        f->input = call->input;
        f->code = state_code(state, call->code_from);
    }
    f->pc = f->code->bytes;
    return f;
}

/* --- Leaving. */

/* Stores the code that a creation returned; may turn success into failure. */
static enum evm_halt deposit_code(struct frame *f)
{
    struct evm *evm = f->evm;
    bytes code = f->output;
    if (evm->fork >= LONDON && code.size > 0 && code.data[0] == 0xef)
        return EVM_CODE_PREFIX;
    i64 price = GAS_CODE_DEPOSIT_BYTE * (i64)code.size;
    if (f->gas < price) {
        if (evm->fork >= HOMESTEAD) /* EIP-2 */
            return EVM_OUT_OF_GAS;
        f->output = BYTES_EMPTY; /* Frontier: a contract without code */
        return EVM_RETURN;
    }
    if (evm->fork >= SPURIOUS && code.size > MAX_CODE_SIZE) /* EIP-170 */
        return EVM_CODE_SIZE;
    f->gas -= price;
    if (code.size > 0)
        state_set_code(evm->state, f->self, code);
    f->output = BYTES_EMPTY;
    return EVM_RETURN;
}

/* Ends the frame: its effects stay or go, its output is kept. */
static struct evm_result leave(struct frame *f, enum evm_halt halt)
{
    if (f->creates && evm_succeeded(halt))
        halt = deposit_code(f);
    bool gives_back = evm_succeeded(halt) || halt == EVM_REVERT;
    if (!evm_succeeded(halt))
        state_revert(f->evm->state, f->checkpoint);
    struct evm_result result = {halt, gives_back ? f->gas : 0, BYTES_EMPTY};
    if (gives_back)
        result.output = keep_output(f->evm, f->output);
    return result;
}

/* Gives `f` the result of the call that it made; its top item is where the answer goes. */
static void deliver(struct frame *f, const struct pending_call *call,
                    const struct evm_result *result)
{
    f->gas += result->gas_left;
    f->evm->return_data = result->output;
    if (call->creates) {
        bool made = evm_succeeded(result->halt);
        *f->top = made ? u256_from_address(call->self->who) : U256_ZERO;
        return;
    }
    *f->top = u256_from_u64(evm_succeeded(result->halt));
    bytes part = bytes_slice(result->output, 0, call->return_size);
    if (part.size > 0)
        memcpy(f->memory + call->return_to, part.data, part.size);
}

/* --- Tracing: what a tracer is told at both ends of a call. */

static void trace_enter(struct evm *evm, const struct pending_call *call, u32 depth)
{
    if (!evm->traced || evm->tracer.enter == NULL)
        return;
    struct evm_message message = {
        .creates = call->creates,
        .is_static = call->is_static,
        .caller = call->caller,
        .to = call->creates ? call->self->who : call->precompile,
        .value_wei = call->value_wei,
        .input = call->input,
        .gas = call->gas,
    };
    evm->tracer.enter(evm->tracer.self, call->opcode, &message, depth);
}

static void trace_leave(struct evm *evm, const struct evm_result *result, u32 depth)
{
    if (evm->traced && evm->tracer.leave != NULL)
        evm->tracer.leave(evm->tracer.self, result, depth);
}

/* --- The loop. */

/* The call that made each frame, to deliver by: only three of its fields are needed. */
static struct pending_call call_of(const struct frame *f)
{
    return (struct pending_call){
        .creates = f->creates,
        .self = f->self,
        .return_to = f->return_to,
        .return_size = f->return_size,
    };
}

static struct evm_result run_frames(struct evm *evm, struct frame *f)
{
    for (;;) {
        enum evm_halt halt = interpret(f);
        struct evm_result result;
        struct pending_call call;
        if (halt == EVM_CALLING) {
            call = evm->call;
            trace_enter(evm, &call, f->depth + 2);
            struct frame *child = enter(evm, f, &call, &result);
            if (child != NULL) {
                f = child;
                continue;
            }
            trace_leave(evm, &result, f->depth + 2);
        } else {
            call = call_of(f);
            result = leave(f, halt);
            trace_leave(evm, &result, f->depth + 1);
            if (f->depth == 0)
                return result;
            f--;
        }
        deliver(f, &call, &result);
    }
}

struct evm_result evm_run(struct evm *evm, const struct evm_message *message)
{
    struct state_account *to = state_account(evm->state, message->to);
    struct pending_call call = {
        .creates = message->creates,
        .is_static = message->is_static,
        .moves_value = true,
        .self = to,
        .code_from = to,
        .precompile = message->to,
        .caller = message->caller,
        .value_wei = message->value_wei,
        .input = message->input,
        .gas = message->gas,
    };
    address delegate;
    if (!message->creates && evm->fork >= PRAGUE && state_delegation(evm->state, to, &delegate)) {
        call.is_delegated = true;
        call.code_from = state_account(evm->state, delegate);
        state_warm_account(evm->state, call.code_from); /* EIP-7702 */
    }
    struct evm_result result;
    trace_enter(evm, &call, 1);
    struct frame *f = enter(evm, NULL, &call, &result);
    if (f != NULL)
        return run_frames(evm, f);
    trace_leave(evm, &result, 1);
    return result;
}

struct evm_result evm_run_code(struct evm *evm, const struct evm_message *message, bytes code)
{
    struct pending_call call = {
        .is_static = message->is_static,
        .self = state_account(evm->state, message->to),
        .caller = message->caller,
        .value_wei = message->value_wei,
        .input = message->input,
        .gas = message->gas,
    };
    evm->return_data = BYTES_EMPTY;
    struct frame *f = push_frame(evm, NULL, &call);
    f->checkpoint = state_checkpoint(evm->state);
    load_init_code(f, code);
    f->input = message->input;
    f->pc = f->code->bytes;
    return run_frames(evm, f);
}
