// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {FeeVault} from "./FeeVault.sol";

/// Where OP collects its data fee. The price of our gas has that fee inside, so nothing arrives here;
/// it is there because tools that sum up a rollup's vaults ask it.
/// @custom:predeploy 0x420000000000000000000000000000000000001A
contract L1FeeVault is FeeVault {
    string public constant version = "1.6.0";
}
