// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {CrossDomainMessenger} from "./CrossDomainMessenger.sol";
import {ERC721Bridge} from "./ERC721Bridge.sol";
import {Predeploys} from "../l2/Predeploys.sol";

/// The bridge for ERC-721 tokens on the parent.
contract L1ERC721Bridge is ERC721Bridge {
    string public constant version = "2.7.0+varve.1";

    CrossDomainMessenger private immutable _messenger;

    constructor(CrossDomainMessenger messenger_) {
        _messenger = messenger_;
    }

    function messenger() public view override returns (CrossDomainMessenger) {
        return _messenger;
    }

    function otherBridge() public pure override returns (address) {
        return Predeploys.L2_ERC721_BRIDGE;
    }
}
