// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// A plain ERC-721 that anyone may mint from.
contract Nft is ERC721 {
    uint256 public count;

    constructor() ERC721("Varve Strata", "STRATA") {}

    function mint(address to) external returns (uint256 id) {
        id = ++count;
        _safeMint(to, id);
    }
}
