// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {MintableERC20Factory} from "./MintableERC20Factory.sol";

/// Makes images on the parent of the child's tokens.
contract L1OptimismMintableERC20Factory is MintableERC20Factory {
    address private immutable _bridge;

    constructor(address bridge_) {
        _bridge = bridge_;
    }

    function bridge() public view override returns (address) {
        return _bridge;
    }
}
