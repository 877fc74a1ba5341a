// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Apps} from "./Apps.sol";
import {Bonds} from "./Bonds.sol";
import {Digests} from "./Digests.sol";
import {Locks} from "./Locks.sol";
import {PreimageRegistry} from "./PreimageRegistry.sol";
import {Tree} from "./Tree.sol";
import {
    BatchProof,
    Base,
    Channel,
    Chunk,
    Pots,
    Signature,
    SignedBase,
    SignedHalf,
    State,
    SIDE_A,
    SIDE_B
} from "./Types.sol";

/// @title Holds channels' deposits and splits them as their two owners have signed
/// @notice
///                 forceClose              settle                unlock
///     OPEN ─────────────────► DISPUTE ─────────────► UNLOCKING ─────────► CLOSED
///       │                        │  └───── no locks ────────────────────────►
///       └──────── coopClose ─────┴──────────────────────────────────────────►
///
///     A dispute ends at a fixed time, its start plus the channel's challenge period: before it anyone may
///     `challenge`, from it on anyone may `settle`. Of what was submitted the highest epoch wins, and in it
///     the highest seq of each side. So one co-signed latest state, submitted once, cannot be outrun.
///
///     A base counts if both sides signed it, or if it is the implied one: epoch 0, all zeros. A half counts if its payer signed it and its payee endorsed
///     it, in one of three ways: the payee sends the transaction; the payee signed the same digest; the
///     half of the payee's own in the same call has its hash as `ackHash`. Without a half of its own in the
///     base's epoch a side has sent nothing, and its locks are the base's.
///
///     Until `settle` a channel is funded and drained as if there were no dispute: `deposit`, `withdraw`
///     and `coopClose` all work, since the split counts each side's own deposits and withdrawals.
///
///     Nobody owns, pauses or changes this contract. README.md has formats and test vectors.
contract Adjudicator is Bonds {
    /// A half that waits to be merged into the dispute's state.
    struct Note {
        uint64 epoch;
        uint64 seq;
        bytes32 hash; // of sent, locked, root
    }

    /// No amount of a lock's.
    uint256 private constant UNDECIDED = type(uint256).max;

    PreimageRegistry public immutable registry;
    Apps public immutable court;

    mapping(bytes32 id => Note[2]) private _notes;

    event Deposited(bytes32 indexed id, uint8 side, uint128 total);
    event Withdrawn(bytes32 indexed id, uint8 side, uint128 total);
    event CoopClosed(bytes32 indexed id, uint128 toA, uint128 toB);
    /// Of a half that is written down, what `merge` must be given.
    event Noted(bytes32 indexed id, uint8 side, uint64 epoch, uint64 seq, uint128 sent, uint128 locked, bytes32 root);
    event DisputeOpened(bytes32 indexed id, bytes32 salt);
    /// The word of storage with end, epoch and seqs (see Record), and what `challenge` and `settle` must be
    /// given.
    event StateChanged(bytes32 indexed id, uint256 dispute, State state);
    /// What was paid at once. The rest waits in the pots.
    event Settled(bytes32 indexed id, uint128 toA, uint128 toB);
    event Unlocked(bytes32 indexed id, uint8 side, uint8 index, uint128 toPayee, uint128 toPayer);
    /// What `unlock` must be given.
    event PotsChanged(bytes32 indexed id, Pots pots);

    error BadSide();
    error NotNewer();
    error Early();
    error WrongState();
    error WrongRoot();
    error AmountTooLarge();
    error NotEndorsed(uint8 side);
    error NothingNew();
    error WrongSalt();
    error WrongNote();
    error NotMerged(uint8 side);
    error BaseNotZero();
    error LocksWithoutRoot();
    error MoreThanDeposited();
    error AlreadyUnlocked();
    error BadProof(uint256 lock);
    error Undecided(uint256 lock);

    constructor(PreimageRegistry registry_, Apps court_) {
        registry = registry_;
        court = court_;
    }

    // Money in and out of a channel that goes on

    /// Raises the deposits of one side to `newTotal`, for the caller's money; anyone may. `pair` is
    /// Digests.pair of the channel. A second submission of the same total reverts, so a transaction may
    /// be sent again without harm. Possible until `settle`, also in a dispute.
    function deposit(bytes32 pair, address asset, uint8 side, uint128 newTotal) external payable {
        if (side > SIDE_B) revert BadSide();
        bytes32 id = Digests.id(pair, asset);
        Record storage record = _records[id];
        uint256 word = record.deposits;
        if (word & SETTLED != 0) revert AlreadySettled();
        if (newTotal > AMOUNT) revert AmountTooLarge();
        uint256 shift = uint256(side) << 7;
        uint256 total = (word >> shift) & AMOUNT;
        if (newTotal <= total) revert NotNewer();
        uint256 amount = newTotal - total;
        record.deposits = word + (amount << shift);
        emit Deposited(id, side, newTotal);
        _pull(asset, amount);
    }

    /// Pays out what both sides agree that one of them takes out: its withdrawals rise to `total`. Valid up
    /// to and including the second `until`. Possible until `settle`, also in a dispute.
    function withdraw(
        Channel calldata c,
        uint8 side,
        uint128 total,
        uint64 until,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external {
        if (side > SIDE_B) revert BadSide();
        if (block.timestamp > until) revert Late();
        bytes32 id = idOf(c);
        _checkBoth(c, Digests.withdraw(id, side, total, until), signatureA, signatureB);
        Record storage record = _records[id];
        uint256 word = record.deposits;
        if (word & SETTLED != 0) revert AlreadySettled();
        uint256 taken = record.withdrawals;
        uint256 shift = uint256(side) << 7;
        uint256 before = uint128(taken >> shift);
        if (total <= before) revert NotNewer();
        uint256 amount = total - before;
        if (amount > _left(word, taken)) revert MoreThanDeposited();
        record.withdrawals = taken + (amount << shift);
        if (word & WITHDRAWN == 0) record.deposits = word | WITHDRAWN;
        emit Withdrawn(id, side, total);
        _push(c.asset, side == SIDE_A ? c.payoutA : c.payoutB, amount);
    }

    // Closing

    /// Closes at once, as both sides agree. `net` is what a has paid to b over the channel's life, less
    /// what b has paid to a: each side gets its deposits less its withdrawals, a less `net` and b more. So
    /// a deposit that comes between the signatures and the close goes back to its own side. Valid up to and
    /// including the second `until`.
    function coopClose(
        Channel calldata c,
        int128 net,
        uint64 until,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external {
        if (block.timestamp > until) revert Late();
        bytes32 id = idOf(c);
        _checkBoth(c, Digests.close(id, net, until), signatureA, signatureB);
        Record storage record = _records[id];
        uint256 word = record.deposits;
        if (word & SETTLED != 0) revert AlreadySettled();
        uint256 taken = word & WITHDRAWN == 0 ? 0 : record.withdrawals;
        int256 toA = int256(word & AMOUNT) - int256(uint256(uint128(taken))) - net;
        int256 toB = int256((word >> 128) & AMOUNT) - int256(taken >> 128) + net;
        if (toA < 0 || toB < 0) revert MoreThanDeposited();
        record.deposits = SETTLED;
        emit CoopClosed(id, uint128(uint256(toA)), uint128(uint256(toB)));
        _push(c.asset, c.payoutA, uint256(toA));
        _push(c.asset, c.payoutB, uint256(toB));
    }

    /// Opens a dispute with the newest base and halves known (seq 0: none), up to and including the second
    /// `until`. Anyone who has them may. It makes the salt public, from which watchtowers recognise the channel.
    ///
    /// The base of epoch 0 is implied: all zeros, by which each side has its own deposits. It needs no
    /// signature, so whoever deposits can leave although the peer signs nothing.
    ///
    /// With ether an owner stakes it on having posted the newest that it knew (Bonds.sol). Without, the close
    /// makes no claim, and the dispute lasts twice the challenge period.
    ///
    /// A channel that has been closed is not refused here, which saves reading its deposits: such a dispute
    /// moves nothing, since `settle` refuses it, and the phase stays CLOSED.
    function forceClose(
        Channel calldata c,
        bytes32 salt,
        uint64 until,
        SignedBase calldata base,
        SignedHalf calldata halfA,
        SignedHalf calldata halfB
    ) external payable {
        if (block.timestamp > until) revert Late();
        if (Digests.salt(salt) != c.saltHash) revert WrongSalt();
        bytes32 id = idOf(c);
        Record storage record = _records[id];
        if (record.dispute != 0) revert WrongPhase(phaseOf(id));
        emit DisputeOpened(id, salt);
        uint256 word = uint256(Phase.DISPUTE) << 232;
        unchecked {
            // A time of 40 bits for the next 30,000 years.
            word |= (block.timestamp + uint256(c.challenge) * (msg.value == 0 ? 2 : 1)) << 192;
        }
        if (msg.value == 0) _rebase(id, c, word, base, halfA, halfB);
        else _stake(id, c, _rebase(id, c, word | CLAIMED, base, halfA, halfB));
    }

    /// Submits newer halves of the dispute's epoch, before its end. At least one must count. `state` is that
    /// of the newest StateChanged. A half that is not newer is ignored, but may endorse the other.
    function challenge(Channel calldata c, State calldata state, SignedHalf calldata halfA, SignedHalf calldata halfB)
        external
    {
        bytes32 id = idOf(c);
        Record storage record = _records[id];
        uint256 word = _disputed(record);
        if (block.timestamp >= _time(word)) revert Late();
        if (keccak256(abi.encode(state)) != record.commitment) revert WrongState();
        State memory newest = state;
        uint256 newWord = _take(id, c, word, newest, halfA, halfB);
        if (newWord == word) revert NothingNew();
        _store(id, newWord, newest);
    }

    /// Submits a base of a later epoch and halves on it, before the dispute's end. They replace all that was
    /// submitted, whatever it is.
    function challengeBase(
        Channel calldata c,
        SignedBase calldata base,
        SignedHalf calldata halfA,
        SignedHalf calldata halfB
    ) external {
        bytes32 id = idOf(c);
        uint256 word = _disputed(_records[id]);
        if (block.timestamp >= _time(word)) revert Late();
        if (base.base.epoch <= uint64(word >> 128)) revert NotNewer();
        _rebase(id, c, word >> 192 << 192, base, halfA, halfB);
    }

    /// Writes halves of the dispute's epoch down beside its state, before its end, as `challenge` would take
    /// them. Unlike `challenge` it names no State, which a cheat can change each time just before, with one old
    /// half after another. `merge` makes them part of the state; the settlement waits for that.
    function note(Channel calldata c, SignedHalf calldata halfA, SignedHalf calldata halfB) external {
        bytes32 id = idOf(c);
        Record storage record = _records[id];
        uint256 word = _disputed(record);
        if (block.timestamp >= _time(word)) revert Late();
        Note[2] storage notes = _notes[id];
        uint256 least = word;
        if (notes[0].epoch == uint64(word >> 128)) least = _withSeqA(least, _max(notes[0].seq, uint64(word >> 64)));
        if (notes[1].epoch == uint64(word >> 128)) least = _withSeqB(least, _max(notes[1].seq, uint64(word)));
        State memory state;
        uint256 newest = _take(id, c, least, state, halfA, halfB);
        if (newest == least) revert NothingNew();
        record.dispute = word | NOTED;
        if (uint64(newest >> 64) != uint64(least >> 64)) {
            _write(notes[0], id, SIDE_A, word, halfA);
        }
        if (uint64(newest) != uint64(least)) {
            _write(notes[1], id, SIDE_B, word, halfB);
        }
    }

    /// Makes what is noted of a side part of the state; anyone may, also after the dispute's end, when nothing
    /// else can change the state any more. `state` is that of the newest StateChanged, the rest as in Noted.
    function merge(Channel calldata c, State calldata state, uint8 side, uint128 sent, uint128 locked, bytes32 root)
        external
    {
        if (side > SIDE_B) revert BadSide();
        bytes32 id = idOf(c);
        Record storage record = _records[id];
        uint256 word = _disputed(record);
        if (keccak256(abi.encode(state)) != record.commitment) revert WrongState();
        if (!_isAhead(_notes[id][side], word, side)) revert NothingNew();
        if (keccak256(abi.encode(sent, locked, root)) != _notes[id][side].hash) revert WrongNote();
        State memory merged = state;
        if (side == SIDE_A) {
            (merged.sentA, merged.lockedA, merged.rootA) = (sent, locked, root);
            word = _withSeqA(word, _notes[id][side].seq);
        } else {
            (merged.sentB, merged.lockedB, merged.rootB) = (sent, locked, root);
            word = _withSeqB(word, _notes[id][side].seq);
        }
        _store(id, word, merged);
    }

    /// Splits the deposits, from the dispute's end on; anyone may. `state` is that of the newest
    /// StateChanged. With T = all deposits less all withdrawals:
    ///     a's share = balA + (D_A - depA) - (W_A - wdA) + sentB - sentA, at least 0, at most T
    ///     b's share = T - a's share
    ///     a's pot   = its locks' sum, at most its share; likewise b's
    /// A share less its pot is paid at once. What waits in the pots is paid by `unlock`. All amounts are
    /// exact: nothing is rounded.
    function settle(Channel calldata c, State calldata state) external {
        bytes32 id = idOf(c);
        Record storage record = _records[id];
        uint256 word = record.deposits;
        if (word & SETTLED != 0) revert AlreadySettled();
        uint256 dispute = _disputed(record);
        if (block.timestamp < _time(dispute)) revert Early();
        if (dispute & NOTED != 0) {
            if (_isAhead(_notes[id][0], dispute, SIDE_A)) revert NotMerged(SIDE_A);
            if (_isAhead(_notes[id][1], dispute, SIDE_B)) revert NotMerged(SIDE_B);
            delete _notes[id];
        }
        if (keccak256(abi.encode(state)) != record.commitment) revert WrongState();

        uint256 taken = word & WITHDRAWN == 0 ? 0 : record.withdrawals;
        (uint256 toA, uint256 toB) = _shares(word, taken, state);
        Pots memory pots;
        pots.potA = uint128(_min(state.lockedA, toA));
        pots.potB = uint128(_min(state.lockedB, toB));
        (toA, toB) = (toA - pots.potA, toB - pots.potB);

        record.deposits = SETTLED;
        record.dispute = (uint256(Phase.UNLOCKING) << 232) | (block.timestamp << 192);
        emit Settled(id, uint128(toA), uint128(toB));
        (pots.rootA, pots.rootB) = (state.rootA, state.rootB);
        _keep(id, record, pots);
        _push(c.asset, c.payoutA, toA);
        _push(c.asset, c.payoutB, toB);
        if (dispute & CLAIMED != 0) _returnBond(id, c);
    }

    // Locks

    /// Pays out a chunk of locks of one side; anyone may, once every lock of it is decided:
    ///   - revealed in time, in the registry or in one of its batches (`proofs`): to the payee;
    ///   - an app decided at its expiry or before: as the court of apps says;
    ///   - otherwise to the payer, when a challenge period has passed after both its expiry and the
    ///     settlement. Only a batch needs that period, since the contract cannot look a key up in it; what
    ///     was revealed by itself in time is the payee's for ever.
    /// `pots` is that of the newest PotsChanged. If the locks' sum exceeds what is left in the pot, those
    /// that come first get it, and in a chunk the payee; what is left after the last chunk is the payer's.
    /// Both can only be if the two signed it so.
    function unlock(Channel calldata c, Pots calldata pots, Chunk calldata chunk, BatchProof[] calldata proofs)
        external
    {
        if (chunk.side > SIDE_B) revert BadSide();
        bytes32 id = idOf(c);
        Record storage record = _records[id];
        uint256 word = record.dispute;
        if (_phase(word) != Phase.UNLOCKING) revert WrongPhase(phaseOf(id));
        if (keccak256(abi.encode(pots)) != record.commitment) revert WrongState();
        if (!Locks.isChunk(chunk.locks) || _root(chunk) != (chunk.side == SIDE_A ? pots.rootA : pots.rootB)) {
            revert WrongRoot();
        }

        (uint256 toPayee, uint256 toPayer) =
            _decide(chunk.locks, _inTime(chunk.locks, proofs), _time(word), c.challenge);
        Pots memory rest = pots;
        (toPayee, toPayer) = _takeFrom(rest, chunk, toPayee, toPayer);
        emit Unlocked(id, chunk.side, uint8(chunk.index), uint128(toPayee), uint128(toPayer));
        _keep(id, record, rest);
        (uint256 toA, uint256 toB) = chunk.side == SIDE_A ? (toPayer, toPayee) : (toPayee, toPayer);
        _push(c.asset, c.payoutA, toA);
        _push(c.asset, c.payoutB, toB);
    }

    // Views

    function idOf(Channel calldata c) public view returns (bytes32) {
        return Digests.id(Digests.pair(c), c.asset);
    }

    /// Cumulative. After the settlement zero.
    function depositsOf(bytes32 id) external view returns (uint128 a, uint128 b) {
        uint256 word = _records[id].deposits;
        return (uint128(word & AMOUNT), uint128((word >> 128) & AMOUNT));
    }

    /// Cumulative.
    function withdrawalsOf(bytes32 id) external view returns (uint128 a, uint128 b) {
        uint256 word = _records[id].withdrawals;
        return (uint128(word), uint128(word >> 128));
    }

    /// A dispute's end, what won so far, and the hash of its State. When UNLOCKING, the time of the
    /// settlement and the hash of the Pots.
    function disputeOf(bytes32 id)
        external
        view
        returns (uint64 time, uint64 epoch, uint64 seqA, uint64 seqB, bytes32 commitment)
    {
        uint256 word = _records[id].dispute;
        return (uint64(_time(word)), uint64(word >> 128), uint64(word >> 64), uint64(word), _records[id].commitment);
    }

    /// The newest half of a side that was noted, and what `merge` has to match: keccak of sent, locked, root. It
    /// counts if its epoch is the dispute's and its seq above that of the state.
    function noteOf(bytes32 id, uint8 side) external view returns (uint64 epoch, uint64 seq, bytes32 hash) {
        Note storage note_ = _notes[id][side];
        return (note_.epoch, note_.seq, note_.hash);
    }

    // Signed states

    /// Makes a base and the halves on it the dispute's state. `word` is the dispute's without epoch and seqs;
    /// returns it with them.
    function _rebase(
        bytes32 id,
        Channel calldata c,
        uint256 word,
        SignedBase calldata signed,
        SignedHalf calldata halfA,
        SignedHalf calldata halfB
    ) private returns (uint256) {
        Base calldata base = signed.base;
        if (base.epoch != 0) _checkBoth(c, Digests.base(id, base), signed.a, signed.b);
        else if (!Digests.isZero(base)) revert BaseNotZero();
        State memory state = State(0, 0, base.lockedA, base.rootA, 0, base.lockedB, base.rootB);
        unchecked {
            // Three numbers of 128 bits.
            state.credit = int256(uint256(base.balA)) - int256(uint256(base.depA)) + int256(uint256(base.wdA));
        }
        _checkLocks(state.lockedA, state.rootA);
        _checkLocks(state.lockedB, state.rootB);
        word = _take(id, c, word | (uint256(base.epoch) << 128), state, halfA, halfB);
        _store(id, word, state);
        return word;
    }

    /// Takes the halves that count and are newer into `state`. Returns the dispute's word with their seqs.
    function _take(
        bytes32 id,
        Channel calldata c,
        uint256 word,
        State memory state,
        SignedHalf calldata halfA,
        SignedHalf calldata halfB
    ) private view returns (uint256) {
        bytes32 hashA = _checkHalf(id, SIDE_A, uint64(word >> 128), halfA, c.a);
        bytes32 hashB = _checkHalf(id, SIDE_B, uint64(word >> 128), halfB, c.b);
        bool both = hashA != 0 && hashB != 0;
        bool ackedA = both && halfB.ackHash == hashA;
        bool ackedB = both && halfA.ackHash == hashB;
        if (halfA.seq > uint64(word >> 64) && _counts(SIDE_A, c.b, hashA, halfA, ackedA, ackedB)) {
            (state.sentA, state.lockedA, state.rootA) = (halfA.sent, halfA.locked, halfA.root);
            _checkLocks(state.lockedA, state.rootA);
            word = _withSeqA(word, halfA.seq);
        }
        if (halfB.seq > uint64(word) && _counts(SIDE_B, c.a, hashB, halfB, ackedB, ackedA)) {
            (state.sentB, state.lockedB, state.rootB) = (halfB.sent, halfB.locked, halfB.root);
            _checkLocks(state.lockedB, state.rootB);
            word = _withSeqB(word, halfB.seq);
        }
        return word;
    }

    function _store(bytes32 id, uint256 word, State memory state) private {
        Record storage record = _records[id];
        record.dispute = word;
        record.commitment = Digests.state(state);
        emit StateChanged(id, word, state);
    }

    function _write(Note storage note_, bytes32 id, uint8 side, uint256 word, SignedHalf calldata half) private {
        (note_.epoch, note_.seq) = (uint64(word >> 128), half.seq);
        note_.hash = keccak256(abi.encode(half.sent, half.locked, half.root));
        emit Noted(id, side, note_.epoch, half.seq, half.sent, half.locked, half.root);
    }

    /// Whether a note is newer than what the dispute's state has of its side.
    function _isAhead(Note storage note_, uint256 word, uint8 side) private view returns (bool) {
        return note_.epoch == uint64(word >> 128) && note_.seq > uint64(side == SIDE_A ? word >> 64 : word);
    }

    /// Whether the payee endorsed a half. One that it did not may be there to endorse the other (`acks`);
    /// with neither it is refused, so that nobody believes it counted.
    function _counts(uint8 side, address payee, bytes32 hash, SignedHalf calldata half, bool acked, bool acks)
        private
        view
        returns (bool)
    {
        if (acked || msg.sender == payee) return true;
        if (half.payee.r != 0) {
            _checkSignature(payee, _hashTypedDataV4(hash), half.payee);
            return true;
        }
        if (!acks) revert NotEndorsed(side);
        return false;
    }

    /// Locks without a root could never be paid out. No side that checks what it signs agrees to them.
    function _checkLocks(uint128 locked, bytes32 root) private pure {
        if ((locked == 0) != (root == 0)) revert LocksWithoutRoot();
    }

    // Sums

    function _shares(uint256 word, uint256 taken, State calldata state) private pure returns (uint256 a, uint256 b) {
        int256 share = state.credit + int256(word & AMOUNT) - int256(uint256(uint128(taken)))
            + int256(uint256(state.sentB)) - int256(uint256(state.sentA));
        uint256 total = _left(word, taken);
        a = share < 0 ? 0 : _min(uint256(share), total);
        b = total - a;
    }

    /// All deposits less all withdrawals.
    function _left(uint256 word, uint256 taken) private pure returns (uint256) {
        return (word & AMOUNT) + ((word >> 128) & AMOUNT) - uint128(taken) - (taken >> 128);
    }

    /// The locks of a chunk that were revealed in time: bit i for lock i.
    function _inTime(bytes calldata locks, BatchProof[] calldata proofs) private view returns (uint256 mask) {
        mask = registry.inTime(locks);
        for (uint256 i = 0; i < proofs.length; i++) {
            BatchProof calldata proof = proofs[i];
            if (proof.lock >= locks.length / Locks.SIZE) revert BadProof(proof.lock);
            (bytes32 key, uint256 time) = registry.provenAt(proof.preimage, proof.index, proof.count, proof.path);
            (, uint40 expiry, bytes32 wanted) = Locks.read(locks, proof.lock);
            if (key != wanted || time == 0 || time > expiry) revert BadProof(proof.lock);
            mask |= 1 << proof.lock;
        }
    }

    /// The root that a chunk is under. Not zero, as the root of a side without locks is.
    function _root(Chunk calldata chunk) private pure returns (bytes32 root) {
        root = Tree.root(keccak256(chunk.locks), chunk.index, chunk.count, chunk.path);
        if (root == 0) revert WrongRoot();
    }

    /// Marks a chunk as done and takes its locks' sums out of the pot, as far as it reaches.
    function _takeFrom(Pots memory pots, Chunk calldata chunk, uint256 toPayee, uint256 toPayer)
        private
        pure
        returns (uint256, uint256)
    {
        bool ofA = chunk.side == SIDE_A;
        uint256 pot = ofA ? pots.potA : pots.potB;
        uint256 done = ofA ? pots.doneA : pots.doneB;
        if ((done >> chunk.index) & 1 != 0) revert AlreadyUnlocked();
        done |= 1 << chunk.index;
        toPayee = _min(toPayee, pot);
        pot -= toPayee;
        bool last = done == type(uint256).max >> (Tree.MAX_LEAVES - chunk.count);
        toPayer = last ? pot : _min(toPayer, pot);
        pot -= toPayer;
        if (ofA) (pots.potA, pots.doneA) = (uint128(pot), done);
        else (pots.potB, pots.doneB) = (uint128(pot), done);
        return (toPayee, toPayer);
    }

    /// Commits to what is left in the pots. Nothing left: the channel is closed.
    function _keep(bytes32 id, Record storage record, Pots memory pots) private {
        if (pots.potA | pots.potB == 0) {
            record.dispute = 0;
            record.commitment = 0;
        } else {
            record.commitment = keccak256(abi.encode(pots));
            emit PotsChanged(id, pots);
        }
    }

    function _decide(bytes calldata locks, uint256 inTime, uint256 settledAt, uint256 period)
        private
        view
        returns (uint256 toPayee, uint256 toPayer)
    {
        uint256 count = locks.length / Locks.SIZE;
        for (uint256 i = 0; i < count; i++) {
            (uint128 amount, uint40 expiry,) = Locks.read(locks, i);
            bool ofApp = Locks.isOfApp(locks, i);
            if ((inTime >> i) & 1 != 0 && !ofApp) {
                toPayee += amount;
                continue;
            }
            uint256 back = ofApp ? _keptOf(locks, i, amount, expiry) : UNDECIDED;
            if (back == UNDECIDED) {
                if (block.timestamp <= (expiry > settledAt ? expiry : settledAt) + period) revert Undecided(i);
                back = amount;
            }
            toPayer += back;
            toPayee += amount - back;
        }
    }

    /// What of an app's lock returns to its payer, if the app was decided at the lock's expiry or before: as
    /// much as the payer keeps of its stake in it. A lock of less than the stake is what is left of one: the rest
    /// was paid, so the payee gets only what exceeds that.
    function _keptOf(bytes calldata locks, uint256 i, uint128 amount, uint40 expiry) private view returns (uint256) {
        (uint8 kind, bytes32 app) = Locks.condition(locks, i);
        (uint256 decidedAt, uint256 kept) = court.keptOf(app, kind == Locks.STAKE_OF_SECOND);
        if (decidedAt == 0 || decidedAt > expiry) return UNDECIDED;
        return _min(amount, kept);
    }

    // The dispute's word

    function _withSeqA(uint256 word, uint64 seq) private pure returns (uint256) {
        return (word & ~(uint256(type(uint64).max) << 64)) | (uint256(seq) << 64);
    }

    function _withSeqB(uint256 word, uint64 seq) private pure returns (uint256) {
        return (word >> 64 << 64) | seq;
    }

    function _max(uint64 x, uint64 y) private pure returns (uint64) {
        return x > y ? x : y;
    }
}
