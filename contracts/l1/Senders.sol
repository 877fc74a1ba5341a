// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Who a caller is on the child
library Senders {
    /// OP's and Arbitrum's offset between a contract's address on the parent and its alias on the child.
    uint160 private constant OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// An account is itself on the child, since the same key rules there. A contract is not: somebody else
    /// may have the code at its address on the child, so it comes under an alias that no code or key has.
    /// An account that delegates to code (EIP-7702) keeps its key, and so stays itself, also when it is
    /// called by others: its code is 0xef0100 and an address, and no contract's code begins with 0xef
    /// (EIP-3541).
    /// @dev OP specs, protocol/deposits.md "address aliasing", and contracts-bedrock's EOA.isSenderEOA.
    function onChild() internal view returns (address) {
        if (isAccount()) return msg.sender;
        unchecked {
            return address(uint160(msg.sender) + OFFSET); // wraps around
        }
    }

    function isAccount() internal view returns (bool) {
        // What sends a transaction has a key (EIP-3607).
        if (msg.sender == tx.origin) return true;
        if (msg.sender.code.length != 23) return false;
        return bytes3(msg.sender.code) == 0xef0100;
    }
}
