// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IInbox} from "./IInbox.sol";
import {ISettlement} from "./ISettlement.sol";
import {ISystemConfig} from "./ISystemConfig.sol";

/// @title The structs of OP's portal, under OP's names
/// @dev OP specs, protocol/withdrawals.md.
library Types {
    /// A message on its way out of the child chain, as its message passer hashed it.
    struct WithdrawalTransaction {
        uint256 nonce;
        address sender;
        address target;
        uint256 value;
        uint256 gasLimit;
        bytes data;
    }

    /// The preimage of an output root of version 0.
    struct OutputRootProof {
        bytes32 version;
        bytes32 stateRoot;
        bytes32 messagePasserStorageRoot;
        bytes32 latestBlockhash;
    }
}

/// @title Where the child's ETH is kept, and the door for deposits and withdrawals
/// @notice The ABI of OP's OptimismPortal2 from 3.0.0 on, without what needs an owner or a guardian.
interface IPortal {
    /// `opaqueData` = mint ‖ value ‖ gasLimit (8 bytes) ‖ isCreation (1 byte) ‖ data; `version` is 0.
    event TransactionDeposited(address indexed from, address indexed to, uint256 indexed version, bytes opaqueData);
    event WithdrawalProven(bytes32 indexed withdrawalHash, address indexed from, address indexed to);
    event WithdrawalProvenExtension1(bytes32 indexed withdrawalHash, address indexed proofSubmitter);
    event WithdrawalFinalized(bytes32 indexed withdrawalHash, bool success);

    /// Sends a transaction to the child; `msg.value` is minted to the sender there, whatever becomes of the call.
    function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes calldata data)
        external
        payable;

    function proveWithdrawalTransaction(
        Types.WithdrawalTransaction calldata withdrawal,
        uint256 disputeGameIndex,
        Types.OutputRootProof calldata outputRootProof,
        bytes[] calldata withdrawalProof
    ) external;

    function finalizeWithdrawalTransaction(Types.WithdrawalTransaction calldata withdrawal) external;

    function finalizeWithdrawalTransactionExternalProof(
        Types.WithdrawalTransaction calldata withdrawal,
        address proofSubmitter
    ) external;

    /// Reverts, with the reason, unless the withdrawal could be finalised now with this submitter's proof.
    function checkWithdrawal(bytes32 withdrawalHash, address proofSubmitter) external view;

    /// While a withdrawal's call runs: who sent it on the child. Otherwise 0x…dEaD.
    function l2Sender() external view returns (address);

    function provenWithdrawals(bytes32 withdrawalHash, address proofSubmitter)
        external
        view
        returns (address disputeGameProxy, uint64 timestamp);

    function finalizedWithdrawals(bytes32 withdrawalHash) external view returns (bool);

    function proofSubmitters(bytes32 withdrawalHash, uint256 index) external view returns (address);

    function numProofSubmitters(bytes32 withdrawalHash) external view returns (uint256);

    function respectedGameType() external view returns (uint32);

    function disputeGameFactory() external view returns (ISettlement);

    function anchorStateRegistry() external view returns (ISettlement);

    function proofMaturityDelaySeconds() external view returns (uint256);

    function disputeGameFinalityDelaySeconds() external view returns (uint256);

    function minimumGasLimit(uint64 byteCount) external pure returns (uint64);

    function params() external view returns (uint128 prevBaseFee, uint64 prevBoughtGas, uint64 prevBlockNum);

    function paused() external pure returns (bool);

    function systemConfig() external view returns (ISystemConfig);

    function inbox() external view returns (IInbox);

    function version() external pure returns (string memory);
}
