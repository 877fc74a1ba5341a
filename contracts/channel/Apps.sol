// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts-shanghai/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts-shanghai/utils/cryptography/EIP712.sol";
import {App, AppState, IApp, FIRST, OVER} from "./apps/IApp.sol";
import {Signature} from "./Types.sol";

/// @title The court of apps: says how an app of two ends, where they do not agree
/// @notice It holds no money and knows no channel. A lock whose condition is an app (Locks.sol) asks it, so a
///         quarrel about an app closes no channel, like a preimage that is not told.
///
///             appDispute               time is over              appSettle
///         ───────────────► SHOWING ────────────────► MOVING ──────────────► decided, for ever
///                            │ newer states            │ the mover moves, or loses all that it has at stake
///
///         While states are shown, of what both signed the highest version stands. The time for it is fixed, so
///         one newest state, shown once, cannot be outrun. After it, whoever is to move does, each time within
///         the app's time. Anyone may send what is signed.
contract Apps is EIP712 {
    /// The most gas that an app's rules get.
    uint256 public constant RULES_GAS = 1_000_000;

    bytes32 private constant STATE_TYPEHASH =
        keccak256("AppState(bytes32 app,uint64 version,uint8 mover,uint128 fromFirst,uint128 fromSecond,bytes data)");

    struct Record {
        uint64 version;
        uint40 showUntil; // zero: nobody has come yet
        uint40 moveUntil; // the mover's time
        uint40 decidedAt; // zero: not yet
        // Hash of the newest state; when decided what each keeps of its stake, the second's in the upper half.
        bytes32 word;
    }

    mapping(bytes32 app => Record) private _records;

    event AppStateChanged(bytes32 indexed app, uint40 showUntil, uint40 moveUntil, AppState state);
    event AppDecided(bytes32 indexed app, uint128 keptByFirst, uint128 keptBySecond);

    error Early();
    error Late();
    error NotNewer();
    error WrongState();
    error NotSigned(address by);
    error NotValid();
    error MoreThanAtStake();
    error Decided();

    constructor() EIP712("varve app", "1") {}

    /// Shows a state that both signed; the first call begins the time in which that is possible. The state of
    /// version 0 needs no signatures.
    function appDispute(
        App calldata app,
        AppState calldata state,
        Signature calldata signatureFirst,
        Signature calldata signatureSecond
    ) external {
        bytes32 id = idOf(app);
        Record storage record = _records[id];
        (uint40 until, bool isNew) = (record.showUntil, record.showUntil == 0);
        if (isNew) until = uint40(block.timestamp + app.time);
        else if (block.timestamp > until) revert Late();
        else if (state.version <= record.version) revert NotNewer();
        if (state.version == 0) {
            if (keccak256(abi.encode(state)) != app.start) revert WrongState();
        } else {
            bytes32 digest = digestOf(id, state);
            _checkSigned(app.first, digest, signatureFirst);
            _checkSigned(app.second, digest, signatureSecond);
        }
        record.showUntil = until;
        _change(record, id, app, state, until + app.time);
    }

    /// The mover's move, by its signature. `from` is that of the newest AppStateChanged.
    function appMove(App calldata app, AppState calldata from, AppState calldata to, Signature calldata signature)
        external
    {
        bytes32 id = idOf(app);
        Record storage record = _shown(id, from);
        if (block.timestamp > record.moveUntil) revert Late();
        if (from.mover >= OVER || to.version != from.version + 1) revert NotValid();
        _checkSigned(from.mover == FIRST ? app.first : app.second, digestOf(id, to), signature);
        if (!_isValid(app, from, to)) revert NotValid();
        _change(record, id, app, to, block.timestamp + app.time);
    }

    /// Decides an app that is over, or whose mover's time is: that one loses its stake and wins nothing.
    function appSettle(App calldata app, AppState calldata state) external {
        bytes32 id = idOf(app);
        Record storage record = _shown(id, state);
        (uint128 keptByFirst, uint128 keptBySecond) = (app.stakeFirst, app.stakeSecond);
        if (state.mover >= OVER) {
            (keptByFirst, keptBySecond) = (keptByFirst - state.fromFirst, keptBySecond - state.fromSecond);
        } else if (block.timestamp <= record.moveUntil) {
            revert Early();
        } else if (state.mover == FIRST) {
            keptByFirst = 0;
        } else {
            keptBySecond = 0;
        }
        record.decidedAt = uint40(block.timestamp);
        record.word = bytes32((uint256(keptBySecond) << 128) | keptByFirst);
        emit AppDecided(id, keptByFirst, keptBySecond);
    }

    /// When an app was decided, and what its first or second keeps of its stake; zeros if it is not.
    function keptOf(bytes32 id, bool ofSecond) external view returns (uint256 decidedAt, uint256 kept) {
        Record storage record = _records[id];
        decidedAt = record.decidedAt;
        if (decidedAt != 0) kept = uint128(uint256(record.word) >> (ofSecond ? 128 : 0));
    }

    /// As far as a dispute is: the newest state's version, until when newer ones can be shown, and until when its
    /// mover can move.
    function appOf(bytes32 id)
        external
        view
        returns (uint64 version, uint40 showUntil, uint40 moveUntil, uint40 decidedAt)
    {
        Record storage record = _records[id];
        return (record.version, record.showUntil, record.moveUntil, record.decidedAt);
    }

    function idOf(App calldata app) public pure returns (bytes32) {
        return keccak256(abi.encode(app));
    }

    /// What is signed of a state.
    function digestOf(bytes32 id, AppState calldata s) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(abi.encode(STATE_TYPEHASH, id, s.version, s.mover, s.fromFirst, s.fromSecond, keccak256(s.data)))
        );
    }

    /// The record of an app that is in this state, and no newer one can be shown.
    function _shown(bytes32 id, AppState calldata state) private view returns (Record storage record) {
        record = _records[id];
        if (record.decidedAt != 0) revert Decided();
        if (record.showUntil == 0 || block.timestamp <= record.showUntil) revert Early();
        if (keccak256(abi.encode(state)) != record.word) revert WrongState();
    }

    function _change(Record storage record, bytes32 id, App calldata app, AppState calldata state, uint256 moveUntil)
        private
    {
        if (state.fromFirst > app.stakeFirst || state.fromSecond > app.stakeSecond) revert MoreThanAtStake();
        (record.version, record.moveUntil, record.word) =
        (state.version, uint40(moveUntil), keccak256(abi.encode(state)));
        emit AppStateChanged(id, record.showUntil, uint40(moveUntil), state);
    }

    function _checkSigned(address by, bytes32 digest, Signature calldata signature) private pure {
        (address signer, ECDSA.RecoverError failed,) = ECDSA.tryRecover(digest, signature.r, signature.vs);
        if (failed != ECDSA.RecoverError.NoError || signer != by) revert NotSigned(by);
    }

    /// Rules that fail, that answer anything but true, or that need more gas than theirs, allow nothing. A sender
    /// cannot make them fail by giving less: then all of it fails.
    function _isValid(App calldata app, AppState calldata from, AppState calldata to) private view returns (bool ok) {
        bytes memory data = abi.encodeCall(IApp.validTransition, (app, from, to));
        address rules = app.rules;
        assembly ("memory-safe") {
            mstore(0, 0)
            ok := staticcall(RULES_GAS, rules, add(data, 32), mload(data), 0, 32)
            ok := and(ok, and(gt(returndatasize(), 31), eq(mload(0), 1)))
        }
    }
}
