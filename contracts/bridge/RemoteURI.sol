// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Strings} from "@openzeppelin/contracts-shanghai/utils/Strings.sol";

/// Where the description of an image's token is: with its original. A token's identifier, in decimals,
/// completes the address (EIP-681).
library RemoteURI {
    function ask(uint256 chainId, address token, string memory view_) internal pure returns (string memory) {
        return
            string.concat(
                "ethereum:", Strings.toHexString(token), "@", Strings.toString(chainId), "/", view_, "?uint256="
            );
    }
}
