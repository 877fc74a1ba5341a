// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Claim, GameStatus} from "../../interfaces/ISettlement.sol";
import {ISystemConfig} from "../../interfaces/ISystemConfig.sol";
import {Settlement} from "./Settlement.sol";

/// @title Claims that stand unless they are refuted in time
/// @notice Anyone may propose, at the price of a bond. A claim is won when its challenge window ends.
///
///         WARNING: this contract has no dispute game, so a false claim cannot be refuted: until one is
///         there, whoever may propose decides about the funds. The game will inherit from this contract,
///         keep disputed claims open by overriding `_verdict`, and end them with `_lose`; neither the portal
///         nor the format of claims changes for it.
contract OptimisticSettlement is Settlement {
    /// OP's numbers for its own games are small; this is "va", kind 1.
    uint32 private constant GAME_TYPE = 0x76610001;

    /// Seconds in which a claim can be challenged.
    uint64 public immutable challengeWindow;

    error UnexpectedEvidence();

    constructor(
        ISystemConfig systemConfig_,
        bytes32 genesisOutput,
        uint64 challengeWindow_,
        uint64 airgap,
        uint256 bond_
    ) Settlement(systemConfig_, genesisOutput, airgap, bond_) {
        challengeWindow = challengeWindow_;
    }

    function respectedGameType() public pure override returns (uint32) {
        return GAME_TYPE;
    }

    /// A claim speaks for itself.
    function _admit(uint256, Claim calldata, bytes calldata evidence) internal pure override {
        if (evidence.length != 0) revert UnexpectedEvidence();
    }

    function _verdict(uint256 id) internal view virtual override returns (GameStatus status, uint64 decidedAt) {
        decidedAt = _get(id).createdAt + challengeWindow;
        if (block.timestamp < decidedAt) return (GameStatus.IN_PROGRESS, 0);
        return (GameStatus.DEFENDER_WINS, decidedAt);
    }
}
