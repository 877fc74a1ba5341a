// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SecureMerkleTrie} from "@eth-optimism/contracts-bedrock/src/libraries/trie/SecureMerkleTrie.sol";
import {IDisputeGame} from "../interfaces/IDisputeGame.sol";
import {IInbox} from "../interfaces/IInbox.sol";
import {IPortal, Types} from "../interfaces/IPortal.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {ISystemConfig} from "../interfaces/ISystemConfig.sol";
import {Senders} from "./Senders.sol";

/// @title The portal
/// @notice Keeps the child's ether. It enters as a deposit, which the Inbox puts in the child's queue, and
///         leaves by a withdrawal in two steps: first it is proven that the child's message passer has
///         recorded it, in the state that a claim stands for; later, when the proof has matured and the
///         claim is final, it is executed. Nobody owns, pauses or upgrades this contract.
/// @dev OP specs, protocol/withdrawals.md, and contracts-bedrock's OptimismPortal2 4.x; the ABI, events and
///      errors are theirs, because clients decode them. Nothing is blacklisted here and nobody is asked
///      about game types: what a claim is worth is the settlement's affair.
contract Portal is IPortal {
    struct ProvenWithdrawal {
        address disputeGameProxy;
        uint64 timestamp;
    }

    /// OP's `l2Sender` while no withdrawal runs: not zero, so that setting it stays cheap.
    address private constant NOBODY = 0x000000000000000000000000000000000000dEaD;
    /// OP's gas limit of ether that was sent without a call.
    uint64 private constant RECEIVE_GAS_LIMIT = 100_000;
    /// OP's sender of calls that estimate gas: for them, a withdrawal that fails is an error.
    address private constant ESTIMATION_ADDRESS = address(1);
    /// What a call costs at most beside the callee's gas, with a margin (OP's SafeCall.hasMinGas).
    uint256 private constant CALL_OVERHEAD = 40_000;

    ISystemConfig public immutable systemConfig;
    IInbox public immutable inbox;
    uint256 public immutable proofMaturityDelaySeconds;

    address public l2Sender = NOBODY;
    mapping(bytes32 withdrawalHash => bool) public finalizedWithdrawals;
    /// Each submitter has a proof of its own, so that nobody can spoil another's by proving anew. The claim
    /// is named by its contract, whose settlement decides about it, even after a new one has taken over.
    mapping(bytes32 withdrawalHash => mapping(address submitter => ProvenWithdrawal)) public provenWithdrawals;
    mapping(bytes32 withdrawalHash => address[]) public proofSubmitters;

    error BadTarget();
    error NonReentrant();
    error GasEstimation();
    error OptimismPortal_InvalidDisputeGame();
    error OptimismPortal_InvalidOutputRootProof();
    error OptimismPortal_InvalidMerkleProof();
    error OptimismPortal_AlreadyFinalized();
    error OptimismPortal_Unproven();
    error OptimismPortal_InvalidProofTimestamp();
    error OptimismPortal_ProofNotOldEnough();
    error OptimismPortal_InvalidRootClaim();
    /// The gas left does not suffice to give the withdrawal's call the gas that it asked for.
    error NotEnoughGas();
    /// The withdrawal pays more than the portal has; it stays open.
    error NotEnoughEther();

    constructor(ISystemConfig systemConfig_, IInbox inbox_, uint256 proofMaturityDelaySeconds_) {
        systemConfig = systemConfig_;
        inbox = inbox_;
        proofMaturityDelaySeconds = proofMaturityDelaySeconds_;
    }

    // In

    /// @notice Deposits the ether to the sender's own address on the child. Contracts should call
    ///         `depositTransaction`: their address there is an alias.
    receive() external payable {
        depositTransaction(msg.sender, msg.value, RECEIVE_GAS_LIMIT, false, "");
    }

    /// @notice Puts a transaction in the child's queue. `msg.value` is minted to its sender there, also if
    ///         the transaction then fails.
    function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes memory data)
        public
        payable
    {
        address from = Senders.onChild();
        inbox.enqueueDeposit(from, to, msg.value, value, gasLimit, isCreation, data);
        emit TransactionDeposited(from, to, 0, abi.encodePacked(msg.value, value, gasLimit, isCreation, data));
    }

    // Out

    /// @notice Proves that the message passer has recorded `withdrawal`, in the state of a claim that is not
    ///         refuted. May be repeated, against another claim too. It takes the same gas whenever it is
    ///         included, so that an exact estimate is enough.
    /// @param disputeGameIndex The claim's id in the present settlement.
    /// @param outputRootProof  The preimage of the claim's output.
    /// @param withdrawalProof  The nodes of the message passer's storage trie, from the root to the slot.
    function proveWithdrawalTransaction(
        Types.WithdrawalTransaction memory withdrawal,
        uint256 disputeGameIndex,
        Types.OutputRootProof calldata outputRootProof,
        bytes[] calldata withdrawalProof
    ) external {
        _checkTarget(withdrawal.target);
        ISettlement settlement = anchorStateRegistry();
        (, uint64 createdAt, address game) = settlement.gameAtIndex(disputeGameIndex);
        // Its status would look at its ancestors from the end of its window on. One that is lost by an ancestor
        // only may pass here, as it does while it is in progress: it will not be final.
        if (settlement.isLost(disputeGameIndex)) revert OptimismPortal_InvalidDisputeGame();
        // OP also refuses the claim's own second. Parents that are child chains have several blocks in one,
        // and a claim cannot be proven against before it is there.
        if (block.timestamp < createdAt) revert OptimismPortal_InvalidProofTimestamp();
        if (IDisputeGame(game).rootClaim() != keccak256(abi.encode(outputRootProof))) {
            revert OptimismPortal_InvalidOutputRootProof();
        }

        bytes32 withdrawalHash = _hash(withdrawal);
        bytes32 slot = keccak256(abi.encode(withdrawalHash, uint256(0))); // sentMessages[withdrawalHash]
        if (
            !SecureMerkleTrie.verifyInclusionProof(
                abi.encode(slot), hex"01", withdrawalProof, outputRootProof.messagePasserStorageRoot
            )
        ) revert OptimismPortal_InvalidMerkleProof();

        provenWithdrawals[withdrawalHash][msg.sender] = ProvenWithdrawal(game, uint64(block.timestamp));
        proofSubmitters[withdrawalHash].push(msg.sender);
        emit WithdrawalProven(withdrawalHash, withdrawal.sender, withdrawal.target);
        emit WithdrawalProvenExtension1(withdrawalHash, msg.sender);
    }

    /// @notice Executes a withdrawal that the caller has proven.
    function finalizeWithdrawalTransaction(Types.WithdrawalTransaction memory withdrawal) external {
        finalizeWithdrawalTransactionExternalProof(withdrawal, msg.sender);
    }

    /// @notice Executes a withdrawal that `proofSubmitter` has proven. It happens once, whatever becomes of
    ///         the call: what should be repeatable goes through the messenger.
    function finalizeWithdrawalTransactionExternalProof(
        Types.WithdrawalTransaction memory withdrawal,
        address proofSubmitter
    ) public {
        if (l2Sender != NOBODY) revert NonReentrant();
        _checkTarget(withdrawal.target);
        bytes32 withdrawalHash = _hash(withdrawal);
        checkWithdrawal(withdrawalHash, proofSubmitter);
        if (address(this).balance < withdrawal.value) revert NotEnoughEther();

        finalizedWithdrawals[withdrawalHash] = true;
        l2Sender = withdrawal.sender;
        bool success = _call(withdrawal.target, withdrawal.gasLimit, withdrawal.value, withdrawal.data);
        l2Sender = NOBODY;

        emit WithdrawalFinalized(withdrawalHash, success);
        if (!success && tx.origin == ESTIMATION_ADDRESS) revert GasEstimation();
    }

    function checkWithdrawal(bytes32 withdrawalHash, address proofSubmitter) public view {
        ProvenWithdrawal memory proven = provenWithdrawals[withdrawalHash][proofSubmitter];
        if (finalizedWithdrawals[withdrawalHash]) revert OptimismPortal_AlreadyFinalized();
        if (proven.timestamp == 0) revert OptimismPortal_Unproven();
        if (block.timestamp - proven.timestamp <= proofMaturityDelaySeconds) {
            revert OptimismPortal_ProofNotOldEnough();
        }
        // The claim's own settlement answers: if it has been replaced, for claims that were final by then.
        ISettlement settlement = ISettlement(IDisputeGame(proven.disputeGameProxy).anchorStateRegistry());
        if (!settlement.isGameClaimValid(proven.disputeGameProxy)) revert OptimismPortal_InvalidRootClaim();
    }

    /// The portal is the one whom the Inbox lets mint and for whom bridges take orders from the child; so it
    /// calls neither the Inbox nor itself.
    function _checkTarget(address target) private view {
        if (target == address(this) || target == address(inbox)) revert BadTarget();
    }

    /// Calls with all gas, and at least `minGas`: whoever finalises cannot make the call fail by sending too
    /// little, as 63/64 of what is left (EIP-150) must still be enough. The answer is not copied, so that its
    /// size costs the callee only.
    function _call(address target, uint256 minGas, uint256 value, bytes memory data) private returns (bool success) {
        if (gasleft() * 63 < minGas * 64 + CALL_OVERHEAD * 63) revert NotEnoughGas();
        assembly ("memory-safe") {
            success := call(gas(), target, value, add(data, 32), mload(data), 0, 0)
        }
    }

    /// OP's hash of a withdrawal, under which the message passer has recorded it.
    function _hash(Types.WithdrawalTransaction memory w) private pure returns (bytes32) {
        return keccak256(abi.encode(w.nonce, w.sender, w.target, w.value, w.gasLimit, w.data));
    }

    // Views

    function numProofSubmitters(bytes32 withdrawalHash) external view returns (uint256) {
        return proofSubmitters[withdrawalHash].length;
    }

    function anchorStateRegistry() public view returns (ISettlement) {
        return ISettlement(systemConfig.settlement());
    }

    function disputeGameFactory() external view returns (ISettlement) {
        return anchorStateRegistry();
    }

    function respectedGameType() external view returns (uint32) {
        return anchorStateRegistry().respectedGameType();
    }

    function disputeGameFinalityDelaySeconds() external view returns (uint256) {
        return anchorStateRegistry().disputeGameFinalityDelaySeconds();
    }

    function params() external view returns (uint128 prevBaseFee, uint64 prevBoughtGas, uint64 prevBlockNum) {
        return inbox.params();
    }

    function minimumGasLimit(uint64 byteCount) external pure returns (uint64) {
        return 21000 + 16 * byteCount;
    }

    function paused() external pure returns (bool) {
        return false;
    }

    function version() external pure returns (string memory) {
        return "3.0.0";
    }
}
