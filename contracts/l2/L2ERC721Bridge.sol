// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {CrossDomainMessenger} from "../bridge/CrossDomainMessenger.sol";
import {ERC721Bridge} from "../bridge/ERC721Bridge.sol";
import {Predeploys} from "./Predeploys.sol";

/// The bridge for ERC-721 tokens on the child.
/// @custom:predeploy 0x4200000000000000000000000000000000000014
contract L2ERC721Bridge is ERC721Bridge {
    string public constant version = "1.10.0+varve.1";

    /// Slot 2: the bridge on the parent. Genesis sets it.
    address private _otherBridge;

    function messenger() public pure override returns (CrossDomainMessenger) {
        return CrossDomainMessenger(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
    }

    function otherBridge() public view override returns (address) {
        return _otherBridge;
    }
}
