// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISystemConfig} from "./ISystemConfig.sol";

/// @title The child chain's input, as it stands on the parent
/// @notice Two hash chains: items (deposits, forced transactions, changes of configuration) and batches
///         (the sequencer's, each of which says how many items it reads). The child chain is a pure
///         function of their preimages, and all of those are in events and in transactions' inputs.
///         Formulas of the hashes: contracts/README.md.
interface IInbox {
    /// An item joined the queue. `kind`: 0 deposit or forced transaction, 1 configuration
    /// (`data = abi.encode(uint256 id, uint256 value)`, the other fields zero).
    event ItemEnqueued(
        uint64 indexed position,
        uint8 kind,
        address from,
        address to,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        uint64 time,
        bytes data
    );

    /// A batch was appended. `kind`: 0 forced read (it has no data), 1 calldata, 2 blobs.
    event BatchAppended(
        uint64 indexed index,
        uint8 kind,
        bytes32 batchAcc,
        bytes32 dataHash,
        uint64 inboxPos,
        bytes32 inboxAcc,
        uint64 originNumber,
        bytes32 originHash,
        uint64 time
    );

    function append(
        bytes32 prevBatchAcc,
        uint64 inboxPos,
        bytes32 inboxAcc,
        uint64 originNumber,
        bytes32 originHash,
        bytes calldata data
    ) external;

    function forceRead() external;

    function enqueue(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes calldata data) external;

    function enqueueDeposit(
        address from,
        address to,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes calldata data
    ) external;

    function enqueueConfig(uint256 id, uint256 value) external;

    function itemCount() external view returns (uint64);

    function batchCount() external view returns (uint64);

    /// Items read so far: `inboxPos` of the newest batch.
    function readCount() external view returns (uint64);

    /// The accumulator after `count` items; reverts beyond `itemCount`.
    function inboxAccAt(uint64 count) external view returns (bytes32);

    /// The accumulator after `count` batches; reverts beyond `batchCount`.
    function batchAccAt(uint64 count) external view returns (bytes32);

    /// Items read by the first `count` batches together; reverts beyond `batchCount`.
    function inboxPosAt(uint64 count) external view returns (uint64);

    /// When the item at `position` was enqueued; reverts at `itemCount` and beyond.
    function itemTimeAt(uint64 position) external view returns (uint64);

    /// When the sequencer last appended; at first the time of deployment.
    function lastBatchTime() external view returns (uint64);

    /// The parent block that the newest batch names as its origin.
    function lastOriginNumber() external view returns (uint64);

    /// An unread item is older than the forced-read window: no batch passes it by, and `forceRead` is open.
    function overdue() external view returns (bool);

    /// The price of child gas in the next item, by EIP-1559's rule over what parent blocks have bought.
    function params() external view returns (uint128 prevBaseFee, uint64 prevBoughtGas, uint64 prevBlockNum);

    function minimumGasLimit(uint64 byteCount, bool isCreation) external pure returns (uint64);

    function systemConfig() external view returns (ISystemConfig);

    function portal() external view returns (address);

    function l2ChainId() external view returns (uint256);

    function forcedReadWindow() external view returns (uint64);

    function openWindow() external view returns (uint64);
}
