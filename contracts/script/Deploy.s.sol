// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Script} from "forge-std/Script.sol";
import {Token} from "../sample/Token.sol";
import {Nft} from "../sample/Nft.sol";

/// `forge script --broadcast`: deploys a token and a collection, and uses both.
contract Deploy is Script {
    function run(address friend) external returns (Token token, Nft nft) {
        vm.startBroadcast();
        token = new Token(1_000 ether);
        nft = new Nft();
        require(token.transfer(friend, 25 ether), "transfer refused");
        nft.mint(friend);
        vm.stopBroadcast();
    }
}
