// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What the child's owner may change, and how fast
/// @notice At once: gas limit, data prices, sequencer; each change is an item of the Inbox and counts on
///         the child from the block that reads it. After the timelock only: settlement, program and
///         protocol version, which could take or lock up what users own. Nothing else, ever.
interface ISystemConfig {
    /// A change that waits for its timelock.
    struct Upgrade {
        address settlement;
        bytes32 programHash;
        uint64 protocolVersion;
        uint64 executableAt; // 0: there is none
    }

    /// OP's event; `updateType`: 0 batcher, 1 fee scalars, 2 gas limit.
    event ConfigUpdate(uint256 indexed version, uint8 indexed updateType, bytes data);
    event UpgradeScheduled(
        address indexed settlement, bytes32 indexed programHash, uint64 protocolVersion, uint64 executableAt
    );
    event UpgradeCancelled(address indexed settlement, bytes32 indexed programHash, uint64 protocolVersion);
    event UpgradeExecuted(address indexed settlement, bytes32 indexed programHash, uint64 protocolVersion);

    /// Who appends batches.
    function sequencer() external view returns (address);

    /// Which settlement decides about claims.
    function settlement() external view returns (address);

    /// When `settlement` was replaced, 0 if it never was. Its claims that were final by then stay final; no
    /// others become so.
    function retiredAt(address settlement) external view returns (uint64);

    /// The program (the child's rules, as a RISC-V image) that new claims are about.
    function programHash() external view returns (bytes32);

    /// The version of the child's rules that new claims name.
    function protocolVersion() external view returns (uint64);

    function timelock() external view returns (uint64);

    function pendingUpgrade() external view returns (Upgrade memory);

    function gasLimit() external view returns (uint64);

    function basefeeScalar() external view returns (uint32);

    function blobbasefeeScalar() external view returns (uint32);

    /// The sequencer, as OP's tools ask for it.
    function batcherHash() external view returns (bytes32);

    /// The sequencer, as OP's tools ask for it.
    function unsafeBlockSigner() external view returns (address);

    function l2ChainId() external view returns (uint256);

    function inbox() external view returns (address);

    function optimismPortal() external view returns (address);

    function disputeGameFactory() external view returns (address);

    function l1CrossDomainMessenger() external view returns (address);

    function l1StandardBridge() external view returns (address);

    function l1ERC721Bridge() external view returns (address);

    function l1ERC1155Bridge() external view returns (address);

    function setSequencer(address sequencer) external;

    function setGasLimit(uint64 gasLimit) external;

    function setGasConfigEcotone(uint32 basefeeScalar, uint32 blobbasefeeScalar) external;

    function scheduleUpgrade(address settlement, bytes32 programHash, uint64 protocolVersion) external;

    function cancelUpgrade() external;

    function executeUpgrade() external;
}
