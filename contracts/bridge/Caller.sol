// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// Who is calling.
library Caller {
    /// Whether the caller is an account with a key, and so has the same owner on every chain; it may
    /// have delegated its code (EIP-7702). Source: OP's EOA library.
    function isKeyed() internal view returns (bool) {
        if (msg.sender == tx.origin) return true;
        // Only a delegation begins with 0xef (EIP-3541). The size first: code can be long.
        return msg.sender.code.length == 23 && bytes3(msg.sender.code) == 0xef0100;
    }
}
