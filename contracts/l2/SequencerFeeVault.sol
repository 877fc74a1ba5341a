// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {FeeVault} from "./FeeVault.sol";

/// Gets the tips: it is the beneficiary of every block.
/// @custom:predeploy 0x4200000000000000000000000000000000000011
contract SequencerFeeVault is FeeVault {
    string public constant version = "1.6.0";

    /// OP's oldest name of the recipient.
    function l1FeeWallet() external view returns (address) {
        return recipient;
    }
}
