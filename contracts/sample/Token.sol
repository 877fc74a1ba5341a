// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// A plain ERC-20: what the client tests and the transfer benchmark deploy.
contract Token is ERC20 {
    constructor(uint256 supply) ERC20("Varve Sample", "VRV") {
        _mint(msg.sender, supply);
    }

    /// Hands `amount` to each of `to`, so that a benchmark can fund its accounts in few transactions.
    function spread(address[] calldata to, uint256 amount) external {
        for (uint256 i = 0; i < to.length; i++) _transfer(msg.sender, to[i], amount);
    }
}
