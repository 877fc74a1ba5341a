// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IDisputeGame} from "../../interfaces/IDisputeGame.sol";
import {GameStatus} from "../../interfaces/ISettlement.sol";
import {Settlement} from "./Settlement.sol";

/// @title A claim, as OP's tools look at one
/// @notice The code behind the clones (EIP-1167, with the claim's id appended) that stand for a settlement's
///         claims. It holds nothing and can do nothing: every answer is the settlement's.
contract ClaimGame is IDisputeGame {
    Settlement private immutable _settlement;

    constructor() {
        _settlement = Settlement(msg.sender);
    }

    function claimId() public view returns (uint256) {
        return abi.decode(Clones.fetchCloneArgs(address(this)), (uint256));
    }

    function createdAt() external view returns (uint64) {
        return _summary().createdAt;
    }

    function resolvedAt() external view returns (uint64 since) {
        (, since) = _settlement.decisionOf(claimId());
    }

    function status() external view returns (GameStatus decision) {
        (decision,) = _settlement.decisionOf(claimId());
    }

    function gameType() public view returns (uint32) {
        return _settlement.respectedGameType();
    }

    function gameCreator() external view returns (address) {
        return _summary().proposer;
    }

    function rootClaim() public view returns (bytes32) {
        return _summary().output;
    }

    function l2BlockNumber() public view returns (uint256) {
        return _summary().number;
    }

    function l2SequenceNumber() external view returns (uint256) {
        return l2BlockNumber();
    }

    function extraData() public view returns (bytes memory) {
        return abi.encode(l2BlockNumber());
    }

    function gameData() external view returns (uint32, bytes32, bytes memory) {
        return (gameType(), rootClaim(), extraData());
    }

    /// @notice A settlement has one game type, and claims are made only while it is the present one.
    function wasRespectedGameTypeWhenCreated() external pure returns (bool) {
        return true;
    }

    function anchorStateRegistry() external view returns (address) {
        return address(_settlement);
    }

    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    function _summary() private view returns (Settlement.Summary memory) {
        return _settlement.summaryOf(claimId());
    }
}
