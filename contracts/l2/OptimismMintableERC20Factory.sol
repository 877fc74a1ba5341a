// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {MintableERC20Factory} from "../bridge/MintableERC20Factory.sol";
import {Predeploys} from "./Predeploys.sol";

/// Makes images on the child of the parent's tokens.
/// @custom:predeploy 0x4200000000000000000000000000000000000012
contract OptimismMintableERC20Factory is MintableERC20Factory {
    function bridge() public pure override returns (address) {
        return Predeploys.L2_STANDARD_BRIDGE;
    }
}
