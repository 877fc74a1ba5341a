// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {CrossDomainMessenger} from "../bridge/CrossDomainMessenger.sol";
import {ERC1155Bridge} from "../bridge/ERC1155Bridge.sol";
import {Predeploys} from "./Predeploys.sol";

/// The bridge for ERC-1155 tokens on the child.
/// @custom:predeploy 0x4200000000000000000000000000000000000801
contract L2ERC1155Bridge is ERC1155Bridge {
    string public constant version = "1.0.0";

    /// Slot 2: the bridge on the parent. Genesis sets it.
    address private _otherBridge;

    function messenger() public pure override returns (CrossDomainMessenger) {
        return CrossDomainMessenger(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
    }

    function otherBridge() public view override returns (address) {
        return _otherBridge;
    }
}
