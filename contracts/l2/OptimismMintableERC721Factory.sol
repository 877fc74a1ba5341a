// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {MintableERC721Factory} from "../bridge/MintableERC721Factory.sol";
import {Predeploys} from "./Predeploys.sol";

/// Makes images on the child of the parent's collections.
/// @custom:predeploy 0x4200000000000000000000000000000000000017
contract OptimismMintableERC721Factory is MintableERC721Factory {
    /// Slot 1: the parent's chain id. Genesis sets it.
    uint256 private _remoteChainId;

    function bridge() public pure override returns (address) {
        return Predeploys.L2_ERC721_BRIDGE;
    }

    function remoteChainId() public view override returns (uint256) {
        return _remoteChainId;
    }
}
