// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {MintableERC1155Factory} from "./MintableERC1155Factory.sol";

/// Makes images on the parent of the child's collections.
contract L1OptimismMintableERC1155Factory is MintableERC1155Factory {
    address private immutable _bridge;
    uint256 private immutable _remoteChainId;

    constructor(address bridge_, uint256 l2ChainId_) {
        _bridge = bridge_;
        _remoteChainId = l2ChainId_;
    }

    function bridge() public view override returns (address) {
        return _bridge;
    }

    function remoteChainId() public view override returns (uint256) {
        return _remoteChainId;
    }
}
