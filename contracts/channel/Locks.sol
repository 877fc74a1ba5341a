// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Locks: payments that a secret decides
/// @notice A lock is two words: amount << 128 | expiry, and its key. The expiry is a time in seconds (the
///         lowest 40 bits); the bits between are ignored, and signed as zero. From 1 to 32 locks, one after
///         the other, are a chunk, whose keccak is a leaf of its side's tree (Tree.sol).
library Locks {
    uint256 internal constant SIZE = 64;
    uint256 internal constant PER_CHUNK = 32;

    function isChunk(bytes calldata locks) internal pure returns (bool) {
        return locks.length > 0 && locks.length % SIZE == 0 && locks.length <= SIZE * PER_CHUNK;
    }

    function read(bytes calldata locks, uint256 i) internal pure returns (uint128 amount, uint40 expiry, bytes32 key) {
        assembly ("memory-safe") {
            let lock := add(locks.offset, mul(i, SIZE))
            amount := shr(128, calldataload(lock))
            expiry := and(calldataload(lock), 0xffffffffff)
            key := calldataload(add(lock, 32))
        }
    }
}
