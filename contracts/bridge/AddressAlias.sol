// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// A contract of the parent acts on the child under another address, so that it cannot pose as the
/// contract which may live at its own. Source: OP specification, deposits.md, "Address Aliasing".
library AddressAlias {
    uint160 internal constant OFFSET = uint160(0x1111000000000000000000000000000000001111);

    function apply_(address parentAddress) internal pure returns (address) {
        unchecked {
            return address(uint160(parentAddress) + OFFSET);
        }
    }
}
