// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {CrossDomainMessenger} from "./CrossDomainMessenger.sol";
import {ERC1155Bridge} from "./ERC1155Bridge.sol";
import {Predeploys} from "../l2/Predeploys.sol";

/// The bridge for ERC-1155 tokens on the parent.
contract L1ERC1155Bridge is ERC1155Bridge {
    string public constant version = "1.0.0";

    CrossDomainMessenger private immutable _messenger;

    constructor(CrossDomainMessenger messenger_) {
        _messenger = messenger_;
    }

    function messenger() public view override returns (CrossDomainMessenger) {
        return _messenger;
    }

    function otherBridge() public pure override returns (address) {
        return Predeploys.L2_ERC1155_BRIDGE;
    }
}
