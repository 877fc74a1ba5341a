// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Locks} from "./Locks.sol";
import {Tree} from "./Tree.sol";

/// @title When a secret became public
/// @notice One for all channels of a chain, and for whatever else pays for secrets. A first reveal stands
///         for ever, and a later one changes nothing. Keys are
///             sha256(preimage)               a preimage of 32 bytes (HTLC)
///             keccak256(address of s * G)    a scalar s, 0 < s < n, the address as its 20 bytes (PTLC)
contract PreimageRegistry {
    /// The generator's x and the group's order. G's y is even.
    uint256 private constant GX = 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798;
    uint256 private constant N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    /// When a key was revealed, in seconds, or zero.
    mapping(bytes32 key => uint256) public revealedAt;
    /// When a batch was revealed, by its root.
    mapping(bytes32 root => uint256) public batchAt;

    event Revealed(bytes32 indexed key, bytes32 secret);
    /// The preimages are the input of the transaction.
    event BatchRevealed(bytes32 indexed root);

    error BadScalar();
    error BadBatch();
    error OnlyPlainAccounts();

    function reveal(bytes32 preimage) external {
        _reveal(_key(preimage), preimage);
    }

    /// Does not take the address on trust: ecrecover with hash 0, r = x(G) and s = scalar * r returns the
    /// address of r^-1 * (s * G) = scalar * G.
    function revealPoint(uint256 scalar) external {
        if (scalar == 0 || scalar >= N) revert BadScalar();
        address point = ecrecover(0, 27, bytes32(GX), bytes32(mulmod(scalar, GX, N)));
        _reveal(keccak256(abi.encodePacked(point)), bytes32(scalar));
    }

    /// Timestamps up to 256 preimages by one root: that of the tree (Tree.sol) whose leaves they are.
    ///
    /// Only from an account without code that sent the transaction, so that the preimages are its input,
    /// where others find them. A preimage that others cannot find would pay on one channel and not on the
    /// one before it. Contracts have `reveal`.
    function revealBatch(bytes32[] calldata preimages) external {
        if (msg.sender != tx.origin || msg.sender.code.length != 0) revert OnlyPlainAccounts();
        bytes32 root = batchRoot(preimages);
        if (batchAt[root] != 0) return;
        batchAt[root] = block.timestamp;
        emit BatchRevealed(root);
    }

    /// Takes a preimage out of a batch: from then on it counts as revealed by itself, at the batch's time. For
    /// whoever cannot or will not show the batch where it matters.
    function record(bytes32 preimage, uint256 index, uint256 count, bytes32[] calldata path) external {
        (bytes32 key, uint256 time) = provenAt(preimage, index, count, path);
        if (time == 0) revert BadBatch();
        if (revealedAt[key] != 0 && revealedAt[key] <= time) return;
        revealedAt[key] = time;
        emit Revealed(key, preimage);
    }

    /// The locks of a chunk (Locks.sol) whose keys were revealed in time, not counting batches: bit i
    /// for lock i. In time is at the expiry or before.
    function inTime(bytes calldata locks) external view returns (uint256 mask) {
        uint256 count = locks.length / Locks.SIZE;
        for (uint256 i = 0; i < count; i++) {
            (, uint40 expiry, bytes32 key) = Locks.read(locks, i);
            uint256 time = revealedAt[key];
            if (time != 0 && time <= expiry) mask |= 1 << i;
        }
    }

    /// The key of a preimage, and when a batch was revealed that has it where the path says; zero if none.
    function provenAt(bytes32 preimage, uint256 index, uint256 count, bytes32[] calldata path)
        public
        view
        returns (bytes32 key, uint256 time)
    {
        return (_key(preimage), batchAt[Tree.root(preimage, index, count, path)]);
    }

    function batchRoot(bytes32[] calldata preimages) public pure returns (bytes32) {
        uint256 count = preimages.length;
        if (count == 0 || count > Tree.MAX_LEAVES) revert BadBatch();
        uint256 width = 1;
        while (width < count) width <<= 1;
        bytes32 top;
        assembly ("memory-safe") {
            // In place, beyond what Solidity uses of the memory.
            let nodes := mload(0x40)
            width := mul(width, 32)
            let size := mul(count, 32)
            calldatacopy(nodes, preimages.offset, size)
            calldatacopy(add(nodes, size), calldatasize(), sub(width, size)) // zeros
            for {} gt(width, 32) { width := shr(1, width) } {
                let to := nodes
                let end := add(nodes, width)
                for { let from := nodes } lt(from, end) { from := add(from, 64) } {
                    mstore(to, keccak256(from, 64))
                    to := add(to, 32)
                }
            }
            top := mload(nodes)
        }
        return Tree.node(bytes32(count), top);
    }

    function _key(bytes32 preimage) private pure returns (bytes32) {
        return sha256(abi.encode(preimage));
    }

    function _reveal(bytes32 key, bytes32 secret) private {
        if (revealedAt[key] != 0) return;
        revealedAt[key] = block.timestamp;
        emit Revealed(key, secret);
    }
}
