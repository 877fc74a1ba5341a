// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The binary tree over a side's chunks of locks, and over a batch of preimages
/// @notice A node is the keccak of its two children. Leaves that are missing to a power of two are zero.
///         root = keccak(number of leaves ‖ top of the tree), a word each. With the number of leaves the
///         length of a path is fixed, so neither a node nor a missing leaf can pass for a leaf.
library Tree {
    uint256 internal constant MAX_LEAVES = 256;

    /// The root that has `leaf` as number `index` of `count`, or zero if there can be none.
    function root(bytes32 leaf, uint256 index, uint256 count, bytes32[] calldata path) internal pure returns (bytes32) {
        uint256 depth = path.length;
        if (index >= count || count > MAX_LEAVES || depth > 8) return 0;
        if (count > 1 << depth || (depth > 0 && count <= 1 << (depth - 1))) return 0;
        for (uint256 i = 0; i < depth; i++) {
            bytes32 other = path[i];
            leaf = (index >> i) & 1 == 0 ? node(leaf, other) : node(other, leaf);
        }
        return node(bytes32(count), leaf);
    }

    function node(bytes32 left, bytes32 right) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0, left)
            mstore(32, right)
            hash := keccak256(0, 64)
        }
    }
}
