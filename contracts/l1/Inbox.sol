// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IInbox} from "../interfaces/IInbox.sol";
import {ISystemConfig} from "../interfaces/ISystemConfig.sol";
import {Hashes, Item} from "./Hashes.sol";
import {ResourceMetering} from "./ResourceMetering.sol";
import {Senders} from "./Senders.sol";

/// @title The Inbox
/// @notice Orders everything that the child chain is made of, and can be filled by anyone: a transaction
///         that the sequencer ignores is enqueued here, and a sequencer that ignores the queue cannot append
///         any more. No owner, no pause, no ether.
contract Inbox is IInbox, ResourceMetering {
    /// What all of the queue's and the batches' rules need, in one slot.
    struct Heads {
        uint64 itemCount;
        uint64 batchCount;
        uint64 readCount;
        uint64 originNumber;
    }

    uint8 internal constant ITEM_TRANSACTION = 0;
    uint8 internal constant ITEM_CONFIG = 1;
    uint8 internal constant BATCH_FORCED = 0;
    uint8 internal constant BATCH_CALLDATA = 1;
    uint8 internal constant BATCH_BLOBS = 2;

    /// An item must fit in any block of the child, beside the attributes (SystemConfig's least gas limit is
    /// 21 M), and in what one transaction may burn on the parent (EIP-7825: 16.7 M).
    uint64 public constant MAX_ITEM_GAS = 15_000_000;
    uint256 public constant MAX_ITEM_SIZE = 24 * 1024;

    /// What an item takes at the dearest: it opens the slot of times that it shares with three others, and it
    /// steps the price of child gas on, from however far back.
    uint256 private constant ENQUEUE_GAS = 100_000;
    uint256 private constant ENQUEUE_GAS_PER_BYTE = 10;

    /// A chunk is one preimage of the fraud proof's oracle, which takes up to 32 KiB.
    uint256 public constant CHUNK_SIZE = 31 * 1024;

    /// Where EIP-2935 keeps the hashes of the last 8191 blocks.
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    ISystemConfig public immutable systemConfig;
    address public immutable portal;
    uint256 public immutable l2ChainId;
    /// How long the sequencer may leave an item unread, in seconds.
    uint64 public immutable forcedReadWindow;
    /// How long the sequencer may append nothing before anyone may, in seconds.
    uint64 public immutable openWindow;

    Heads private _heads;
    uint64 public lastBatchTime;
    mapping(uint256 count => bytes32) private _inboxAccs;
    mapping(uint256 count => bytes32) private _batchAccs;
    /// Four to a slot: item `i` is at [i / 4][i % 4]. Positions likewise, by count of batches.
    mapping(uint256 => uint64[4]) private _itemTimes;
    mapping(uint256 => uint64[4]) private _inboxPositions;

    error NotPortal();
    error NotSystemConfig();
    error NotSequencer();
    /// Batches come in transactions of their own, so that their data can be read off the chain.
    error NotDirectCall();
    error StaleBatchAcc(bytes32 current);
    error WrongInboxPos();
    error WrongInboxAcc(bytes32 current);
    error WrongOrigin();
    error ItemOverdue(uint64 position);
    error NothingOverdue();
    error UnknownIndex();
    // OP's names, where there is one: clients decode them.
    error BadTarget();
    error LargeCalldata();
    error SmallGasLimit();
    error LargeGasLimit();

    constructor(
        ISystemConfig systemConfig_,
        address portal_,
        uint256 l2ChainId_,
        uint64 forcedReadWindow_,
        uint64 openWindow_
    ) {
        systemConfig = systemConfig_;
        portal = portal_;
        l2ChainId = l2ChainId_;
        forcedReadWindow = forcedReadWindow_;
        openWindow = openWindow_;
        lastBatchTime = uint64(block.timestamp);
        _inboxAccs[0] = Hashes.inboxGenesis(address(this), l2ChainId_);
        _batchAccs[0] = Hashes.batchGenesis(address(this), l2ChainId_);
    }

    // Items

    /// @notice Forces a transaction: the child executes it, from the caller, once it has read the item.
    /// @dev Not payable: ether enters through the portal, which keeps it.
    function enqueue(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes calldata data)
        external
        metered(gasLimit)
    {
        _enqueueTransaction(Senders.onChild(), to, 0, value, gasLimit, isCreation, data);
    }

    /// @notice A deposit, whose ether the portal has taken in.
    function enqueueDeposit(
        address from,
        address to,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes calldata data
    ) external metered(gasLimit) {
        if (msg.sender != portal) revert NotPortal();
        _enqueueTransaction(from, to, mint, value, gasLimit, isCreation, data);
    }

    /// @notice A change of configuration. Not metered: a full queue must not keep the owner from answering.
    function enqueueConfig(uint256 id, uint256 value) external {
        if (msg.sender != address(systemConfig)) revert NotSystemConfig();
        Item memory item;
        item.kind = ITEM_CONFIG;
        _enqueue(item, abi.encode(id, value));
    }

    /// @notice The least gas limit of an item: what its execution costs before the first instruction.
    /// @dev 16 gas for any byte, zero or not, as OP once had it: EIP-7623's floor does not apply to deposits.
    ///      Creation costs 32000 more, and 2 for each word of code (EIP-3860).
    function minimumGasLimit(uint64 byteCount, bool isCreation) public pure returns (uint64) {
        uint64 gas = 21000 + 16 * byteCount;
        return isCreation ? gas + 32000 + 2 * ((byteCount + 31) / 32) : gas;
    }

    function _enqueueTransaction(
        address from,
        address to,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes calldata data
    ) private {
        if (isCreation && to != address(0)) revert BadTarget();
        if (data.length > MAX_ITEM_SIZE) revert LargeCalldata();
        if (gasLimit < minimumGasLimit(uint64(data.length), isCreation)) revert SmallGasLimit();
        if (gasLimit > MAX_ITEM_GAS) revert LargeGasLimit();
        Item memory item;
        item.kind = ITEM_TRANSACTION;
        item.from = from;
        item.to = to;
        item.mint = mint;
        item.value = value;
        item.gasLimit = gasLimit;
        item.isCreation = isCreation;
        _enqueue(item, data);
    }

    /// Fills in the rest of `item` and puts it at the end of the queue.
    function _enqueue(Item memory item, bytes memory data) private {
        // Wallets send what they estimated, to the unit, and others' items change meanwhile what this one
        // takes. So all need the same.
        if (gasleft() < ENQUEUE_GAS + ENQUEUE_GAS_PER_BYTE * data.length) revert NotEnoughGas();
        uint64 position = _heads.itemCount;
        item.position = position;
        item.time = uint64(block.timestamp);
        item.dataHash = keccak256(data);
        _inboxAccs[position + 1] = Hashes.inboxNext(_inboxAccs[position], Hashes.leaf(item));
        _itemTimes[position / 4][position % 4] = item.time;
        _heads.itemCount = position + 1;
        emit ItemEnqueued(
            position,
            item.kind,
            item.from,
            item.to,
            item.mint,
            item.value,
            item.gasLimit,
            item.isCreation,
            item.time,
            data
        );
    }

    // Batches

    /// @notice Appends a batch whose data is in this transaction's input, at the end of its ABI encoding.
    /// @param prevBatchAcc The current accumulator: what the batch was built on.
    /// @param inboxPos     Items read after this batch; it may not leave an overdue one unread.
    /// @param inboxAcc     The accumulator there: so a batch that a parent reorg includes again never reads
    ///                     other items than those that it was built with.
    /// @param originNumber The newest parent block that the batch's blocks describe, not before the last
    ///                     batch's.
    /// @param originHash   That block's hash, for the same reason.
    function append(
        bytes32 prevBatchAcc,
        uint64 inboxPos,
        bytes32 inboxAcc,
        uint64 originNumber,
        bytes32 originHash,
        bytes calldata data
    ) external {
        _check(prevBatchAcc, inboxPos, inboxAcc, originNumber, originHash);
        _append(BATCH_CALLDATA, Hashes.data(BATCH_CALLDATA, data.length, _chunks(data)), inboxPos, originNumber, originHash);
    }

    /// @notice Reads all items there are, once one is overdue; anyone may call it, from a contract too. The
    ///         batch has no data: the child runs the items alone.
    /// @dev It does not count as the sequencer's: a sequencer that is gone stays gone.
    function forceRead() external {
        if (!overdue()) revert NothingOverdue();
        uint64 origin = uint64(block.number - 1);
        _append(BATCH_FORCED, 0, _heads.itemCount, origin, blockhash(origin));
    }

    function overdue() public view returns (bool) {
        return _overdue(_heads.readCount);
    }

    /// The rules that all batches of the sequencer's share.
    function _check(
        bytes32 prevBatchAcc,
        uint64 inboxPos,
        bytes32 inboxAcc,
        uint64 originNumber,
        bytes32 originHash
    ) internal {
        // No code, not even delegated (EIP-7702), since code could call back with other data than the
        // transaction's input shows.
        if (msg.sender != tx.origin || msg.sender.code.length != 0) revert NotDirectCall();
        if (msg.sender == systemConfig.sequencer()) lastBatchTime = uint64(block.timestamp);
        else if (block.timestamp <= lastBatchTime + openWindow) revert NotSequencer();

        Heads memory heads = _heads;
        if (prevBatchAcc != _batchAccs[heads.batchCount]) revert StaleBatchAcc(_batchAccs[heads.batchCount]);
        if (inboxPos < heads.readCount || inboxPos > heads.itemCount) revert WrongInboxPos();
        if (inboxAcc != _inboxAccs[inboxPos]) revert WrongInboxAcc(_inboxAccs[inboxPos]);
        if (_overdue(inboxPos)) revert ItemOverdue(inboxPos);
        if (originNumber < heads.originNumber || originHash == 0 || originHash != _blockHash(originNumber)) {
            revert WrongOrigin();
        }
    }

    function _append(uint8 kind, bytes32 dataHash, uint64 inboxPos, uint64 originNumber, bytes32 originHash) internal {
        uint64 index = _heads.batchCount;
        uint64 time = uint64(block.timestamp);
        bytes32 inboxAcc = _inboxAccs[inboxPos];
        bytes32 batchAcc =
            Hashes.batchNext(_batchAccs[index], dataHash, inboxPos, inboxAcc, originNumber, originHash, time);
        _batchAccs[index + 1] = batchAcc;
        _inboxPositions[(index + 1) / 4][(index + 1) % 4] = inboxPos;
        _heads.batchCount = index + 1;
        _heads.readCount = inboxPos;
        _heads.originNumber = originNumber;
        emit BatchAppended(
            index, kind, batchAcc, dataHash, inboxPos, inboxAcc, originNumber, originHash, time
        );
    }

    /// The item at `position`, if there is one, has waited longer than it may.
    function _overdue(uint64 position) private view returns (bool) {
        return position < _heads.itemCount
            && block.timestamp > _itemTimes[position / 4][position % 4] + forcedReadWindow;
    }

    /// The hash of an earlier block of the parent, 0 if nobody here knows it.
    function _blockHash(uint64 number) private view returns (bytes32 hash) {
        hash = blockhash(number);
        if (hash == 0 && number < block.number) {
            (bool ok, bytes memory answer) = HISTORY.staticcall(abi.encode(number));
            if (ok) hash = bytes32(answer); // nothing, so 0, where there is no such contract
        }
    }

    /// The keccak of the chunks' hashes, one after the other.
    function _chunks(bytes calldata data) private pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[]((data.length + CHUNK_SIZE - 1) / CHUNK_SIZE);
        for (uint256 i = 0; i < hashes.length; i++) {
            uint256 from = i * CHUNK_SIZE;
            uint256 to = from + CHUNK_SIZE;
            hashes[i] = keccak256(data[from:to < data.length ? to : data.length]);
        }
        return keccak256(abi.encodePacked(hashes));
    }

    // Views

    function params() external view returns (uint128 prevBaseFee, uint64 prevBoughtGas, uint64 prevBlockNum) {
        return (_params.prevBaseFee, _params.prevBoughtGas, _params.prevBlockNum);
    }

    function itemCount() external view returns (uint64) {
        return _heads.itemCount;
    }

    function batchCount() external view returns (uint64) {
        return _heads.batchCount;
    }

    function readCount() external view returns (uint64) {
        return _heads.readCount;
    }

    function lastOriginNumber() external view returns (uint64) {
        return _heads.originNumber;
    }

    function inboxAccAt(uint64 count) external view returns (bytes32) {
        if (count > _heads.itemCount) revert UnknownIndex();
        return _inboxAccs[count];
    }

    function batchAccAt(uint64 count) external view returns (bytes32) {
        if (count > _heads.batchCount) revert UnknownIndex();
        return _batchAccs[count];
    }

    function inboxPosAt(uint64 count) external view returns (uint64) {
        if (count > _heads.batchCount) revert UnknownIndex();
        return _inboxPositions[count / 4][count % 4];
    }

    function itemTimeAt(uint64 position) external view returns (uint64) {
        if (position >= _heads.itemCount) revert UnknownIndex();
        return _itemTimes[position / 4][position % 4];
    }
}
