// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {FeeVault} from "./FeeVault.sol";

/// Gets the base fees, which on the parent would be burnt. They also pay for the parent's data.
/// @custom:predeploy 0x4200000000000000000000000000000000000019
contract BaseFeeVault is FeeVault {
    string public constant version = "1.6.0";
}
