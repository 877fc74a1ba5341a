// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Locks: payments that a secret, or an app, decides
/// @notice A lock is two words: amount << 128 | kind << 40 | expiry, and its key. The expiry is a time in seconds
///         (the lowest 40 bits), the kind 8 bits; the bits between are ignored, and signed as zero. From 1 to 32
///         locks, one after the other, are a chunk, whose keccak is a leaf of its side's tree (Tree.sol).
library Locks {
    uint256 internal constant SIZE = 64;
    uint256 internal constant PER_CHUNK = 32;
    /// Kinds whose key is an app (Apps.sol): the lock is what one of its two has at stake. Any other kind is
    /// decided by a secret alone.
    uint8 internal constant STAKE_OF_FIRST = 1;
    uint8 internal constant STAKE_OF_SECOND = 2;

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

    /// Whether its kind is one of the two.
    function isOfApp(bytes calldata locks, uint256 i) internal pure returns (bool yes) {
        assembly ("memory-safe") {
            yes := lt(sub(byte(26, calldataload(add(locks.offset, mul(i, 64)))), 1), 2)
        }
    }

    function condition(bytes calldata locks, uint256 i) internal pure returns (uint8 kind, bytes32 key) {
        assembly ("memory-safe") {
            let lock := add(locks.offset, mul(i, SIZE))
            kind := and(shr(40, calldataload(lock)), 0xff)
            key := calldataload(add(lock, 32))
        }
    }
}
