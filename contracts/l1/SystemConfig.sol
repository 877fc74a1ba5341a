// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IInbox} from "../interfaces/IInbox.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {ISystemConfig} from "../interfaces/ISystemConfig.sol";

/// @title The child's configuration
/// @notice Whoever owns this contract can make the child slow, dear or badly sequenced, and users can still
///         leave: forced transactions are neither priced by the child nor ordered by the sequencer, and every
///         gas limit that can be set has room for them. What could take funds or keep them in (which
///         contract decides about claims, which program they are about, which rules nodes follow) changes
///         only after the timelock, in plain sight. That has to be longer than the slowest way out: forced
///         read, challenge window, airgap and proof maturity together.
contract SystemConfig is ISystemConfig, Ownable2Step {
    /// The constructor's argument. Every member has 32 bytes in its ABI encoding.
    struct Settings {
        address owner; // 0: nothing ever changes
        address sequencer;
        uint64 gasLimit;
        uint32 basefeeScalar;
        uint32 blobbasefeeScalar;
        uint64 timelock; // seconds
        uint256 l2ChainId;
        bytes32 programHash;
        address settlement;
        address inbox;
        address optimismPortal;
        address l1CrossDomainMessenger;
        address l1StandardBridge;
        address l1ERC721Bridge;
        address l1ERC1155Bridge;
    }

    /// The Inbox's numbers of what can be configured.
    uint256 private constant GAS_LIMIT = 0;
    uint256 private constant BASE_FEE_SCALAR = 1;
    uint256 private constant BLOB_BASE_FEE_SCALAR = 2;
    uint256 private constant SEQUENCER = 3;
    uint256 private constant PROTOCOL_VERSION = 4;

    /// OP's numbers of the same, in its event.
    uint8 private constant UPDATE_BATCHER = 0;
    uint8 private constant UPDATE_FEE_SCALARS = 1;
    uint8 private constant UPDATE_GAS_LIMIT = 2;

    /// All child gas that one parent block sells, and the attributes' 1 M; OP has the same bound.
    uint64 public constant minimumGasLimit = 21_000_000;
    /// What a follower and the fraud proof can be asked to execute in one block; OP's bound too.
    uint64 public constant maximumGasLimit = 500_000_000;

    uint64 public immutable timelock;
    uint256 public immutable l2ChainId;
    address public immutable inbox;
    address public immutable optimismPortal;
    address public immutable l1CrossDomainMessenger;
    address public immutable l1StandardBridge;
    address public immutable l1ERC721Bridge;
    address public immutable l1ERC1155Bridge;

    address public sequencer;
    uint64 public gasLimit;
    uint32 public basefeeScalar;
    address public settlement;
    uint32 public blobbasefeeScalar;
    uint64 public protocolVersion = 1;
    bytes32 public programHash;
    mapping(address settlement => uint64) public retiredAt;
    Upgrade private _pending;

    error GasLimitOutOfRange();
    error VersionGoesBack();
    error NothingScheduled();
    error TooEarly(uint64 executableAt);
    error Lapsed();

    constructor(Settings memory s) Ownable(s.owner == address(0) ? msg.sender : s.owner) {
        if (s.owner == address(0)) _transferOwnership(address(0));
        _checkGasLimit(s.gasLimit);
        sequencer = s.sequencer;
        gasLimit = s.gasLimit;
        basefeeScalar = s.basefeeScalar;
        blobbasefeeScalar = s.blobbasefeeScalar;
        timelock = s.timelock;
        l2ChainId = s.l2ChainId;
        programHash = s.programHash;
        settlement = s.settlement;
        inbox = s.inbox;
        optimismPortal = s.optimismPortal;
        l1CrossDomainMessenger = s.l1CrossDomainMessenger;
        l1StandardBridge = s.l1StandardBridge;
        l1ERC721Bridge = s.l1ERC721Bridge;
        l1ERC1155Bridge = s.l1ERC1155Bridge;
    }

    // At once

    /// @notice Names who appends batches; zero for nobody, and then anyone may once the open window has passed.
    function setSequencer(address sequencer_) external onlyOwner {
        sequencer = sequencer_;
        IInbox(inbox).enqueueConfig(SEQUENCER, uint160(sequencer_));
        emit ConfigUpdate(0, UPDATE_BATCHER, abi.encode(batcherHash()));
    }

    function setGasLimit(uint64 gasLimit_) external onlyOwner {
        _checkGasLimit(gasLimit_);
        gasLimit = gasLimit_;
        IInbox(inbox).enqueueConfig(GAS_LIMIT, gasLimit_);
        emit ConfigUpdate(0, UPDATE_GAS_LIMIT, abi.encode(gasLimit_));
    }

    /// @notice Sets the price of a byte of data, in millionths of the parent's two base fees.
    function setGasConfigEcotone(uint32 basefeeScalar_, uint32 blobbasefeeScalar_) external onlyOwner {
        basefeeScalar = basefeeScalar_;
        blobbasefeeScalar = blobbasefeeScalar_;
        IInbox(inbox).enqueueConfig(BASE_FEE_SCALAR, basefeeScalar_);
        IInbox(inbox).enqueueConfig(BLOB_BASE_FEE_SCALAR, blobbasefeeScalar_);
        emit ConfigUpdate(0, UPDATE_FEE_SCALARS, abi.encode(uint256(0), scalar()));
    }

    // After the timelock

    /// @notice Announces a change; one that is already waiting is replaced, and the clock starts anew.
    /// @param settlement_ A settlement that has not started yet, or the present one.
    function scheduleUpgrade(address settlement_, bytes32 programHash_, uint64 protocolVersion_) external onlyOwner {
        if (protocolVersion_ < protocolVersion) revert VersionGoesBack();
        uint64 executableAt = uint64(block.timestamp) + timelock;
        _pending = Upgrade(settlement_, programHash_, protocolVersion_, executableAt);
        emit UpgradeScheduled(settlement_, programHash_, protocolVersion_, executableAt);
    }

    function cancelUpgrade() external onlyOwner {
        _cancel();
    }

    /// @notice Makes the scheduled change; open to anyone, so that what was announced happens. One that
    ///         nobody wanted for a second timelock lapses: a change does not wait loaded for years.
    function executeUpgrade() external {
        Upgrade memory u = _pending;
        if (u.executableAt == 0) revert NothingScheduled();
        if (block.timestamp < u.executableAt) revert TooEarly(u.executableAt);
        if (block.timestamp > u.executableAt + timelock) revert Lapsed();
        delete _pending;

        programHash = u.programHash;
        if (u.protocolVersion != protocolVersion) {
            protocolVersion = u.protocolVersion;
            IInbox(inbox).enqueueConfig(PROTOCOL_VERSION, u.protocolVersion);
        }
        address old = settlement;
        if (u.settlement != old) {
            // From here on nothing of the old one becomes final; what is, stays. The new one takes over its
            // last final claim. A settlement starts only once, so a retired one never returns.
            retiredAt[old] = uint64(block.timestamp);
            settlement = u.settlement;
            ISettlement(u.settlement).start(old);
        }
        emit UpgradeExecuted(u.settlement, u.programHash, u.protocolVersion);
    }

    /// @notice Gives the child up to nobody: what is scheduled goes too.
    function renounceOwnership() public override onlyOwner {
        if (_pending.executableAt != 0) _cancel();
        super.renounceOwnership();
    }

    function pendingUpgrade() external view returns (Upgrade memory) {
        return _pending;
    }

    function _cancel() private {
        Upgrade memory u = _pending;
        if (u.executableAt == 0) revert NothingScheduled();
        delete _pending;
        emit UpgradeCancelled(u.settlement, u.programHash, u.protocolVersion);
    }

    // OP's views

    function batcherHash() public view returns (bytes32) {
        return bytes32(uint256(uint160(sequencer)));
    }

    function unsafeBlockSigner() external view returns (address) {
        return sequencer;
    }

    /// @notice Both scalars in Ecotone's packing, whose version byte is 1.
    function scalar() public view returns (uint256) {
        return (uint256(1) << 248) | (uint256(blobbasefeeScalar) << 32) | basefeeScalar;
    }

    function overhead() external pure returns (uint256) {
        return 0;
    }

    function disputeGameFactory() external view returns (address) {
        return settlement;
    }

    function batchInbox() external view returns (address) {
        return inbox;
    }

    function paused() external pure returns (bool) {
        return false;
    }

    function version() external pure returns (string memory) {
        return "3.0.0";
    }

    function _checkGasLimit(uint64 limit) private pure {
        if (limit < minimumGasLimit || limit > maximumGasLimit) revert GasLimitOutOfRange();
    }
}
