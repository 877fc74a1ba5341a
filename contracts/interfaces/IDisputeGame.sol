// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {GameStatus} from "./ISettlement.sol";

/// @title A claim, as OP's tools look at one
/// @dev OP specs, fault-proof/stage-one/dispute-game-interface.md; times are seconds, 0 for never.
interface IDisputeGame {
    function createdAt() external view returns (uint64);

    function resolvedAt() external view returns (uint64);

    function status() external view returns (GameStatus);

    function gameType() external view returns (uint32);

    function gameCreator() external view returns (address);

    function rootClaim() external view returns (bytes32);

    function l2BlockNumber() external view returns (uint256);

    function l2SequenceNumber() external view returns (uint256);

    /// abi.encode(uint256 l2BlockNumber)
    function extraData() external view returns (bytes memory);

    function gameData() external view returns (uint32 gameType, bytes32 rootClaim, bytes memory extraData);

    function wasRespectedGameTypeWhenCreated() external view returns (bool);

    /// The settlement that lists this claim and decides about it.
    function anchorStateRegistry() external view returns (address);

    /// Its number in the settlement's list.
    function claimId() external view returns (uint256);

    function version() external view returns (string memory);
}
