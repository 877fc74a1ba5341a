// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Base, Channel, SignedHalf, State} from "./Types.sol";

/// @title Names of channels and the EIP-712 struct hashes of all that is signed
library Digests {
    bytes32 internal constant BASE_TYPEHASH = keccak256(
        "Base(bytes32 id,uint64 epoch,uint128 balA,uint128 balB,uint128 depA,uint128 depB,uint128 wdA,uint128 wdB,uint128 lockedA,bytes32 rootA,uint128 lockedB,bytes32 rootB)"
    );
    bytes32 internal constant HALF_TYPEHASH = keccak256(
        "Half(bytes32 id,uint8 side,uint64 epoch,uint64 seq,uint128 sent,uint128 locked,bytes32 root,uint64 ackSeq,bytes32 ackHash)"
    );
    bytes32 internal constant CLOSE_TYPEHASH = keccak256("Close(bytes32 id,int128 net,uint64 until)");
    bytes32 internal constant WITHDRAW_TYPEHASH =
        keccak256("Withdraw(bytes32 id,uint8 side,uint128 total,uint64 until)");

    /// What a channel's id says apart from the asset: chain, contract, keys, challenge period and terms.
    /// Words are hashed as they come: bits beyond a type's make another, unfunded channel, never this one.
    function pair(Channel calldata c) internal view returns (bytes32 hash) {
        assembly ("memory-safe") {
            let words := mload(0x40)
            calldatacopy(words, add(c, 128), 96) // payoutA, payoutB, saltHash
            let terms := keccak256(words, 96)
            mstore(words, chainid())
            mstore(add(words, 32), address())
            calldatacopy(add(words, 64), c, 64) // a, b
            mstore(add(words, 128), calldataload(add(c, 96))) // challenge
            mstore(add(words, 160), terms)
            hash := keccak256(words, 192)
        }
    }

    /// The asset is hashed last so that `deposit` can do without the rest and still cannot be told
    /// another asset than the channel's: that gives the id of another channel of the same two.
    function id(bytes32 pair_, address asset) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0, pair_)
            mstore(32, shr(96, shl(96, asset)))
            hash := keccak256(0, 64)
        }
    }

    function salt(bytes32 salt_) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0, salt_)
            hash := keccak256(0, 32)
        }
    }

    /// The words of a base are hashed as they come. One with bits beyond its type's is one that nobody
    /// signed, so nothing needs to be cleaned, as Solidity's encoder would.
    function base(bytes32 id_, Base calldata b) internal pure returns (bytes32 hash) {
        bytes32 typehash = BASE_TYPEHASH;
        assembly ("memory-safe") {
            let words := mload(0x40)
            mstore(words, typehash)
            mstore(add(words, 32), id_)
            calldatacopy(add(words, 64), b, 352) // 11 words
            hash := keccak256(words, 416)
        }
    }

    /// Whether all words of a base are zero, as those of the implied one are.
    function isZero(Base calldata b) internal pure returns (bool zero) {
        assembly ("memory-safe") {
            let any := 0
            for { let i := 0 } lt(i, 352) { i := add(i, 32) } { any := or(any, calldataload(add(b, i))) }
            zero := iszero(any)
        }
    }

    /// As of a base: the first six words of a half. Side and epoch are whole words, since assembly would see
    /// what a narrower type leaves above itself.
    function half(bytes32 id_, uint256 side, uint256 epoch, SignedHalf calldata h)
        internal
        pure
        returns (bytes32 hash)
    {
        bytes32 typehash = HALF_TYPEHASH;
        assembly ("memory-safe") {
            let words := mload(0x40)
            mstore(words, typehash)
            mstore(add(words, 32), id_)
            mstore(add(words, 64), side)
            mstore(add(words, 96), epoch)
            calldatacopy(add(words, 128), h, 192)
            hash := keccak256(words, 320)
        }
    }

    function close(bytes32 id_, int128 net, uint64 until) internal pure returns (bytes32) {
        return keccak256(abi.encode(CLOSE_TYPEHASH, id_, net, until));
    }

    function withdraw(bytes32 id_, uint8 side, uint128 total, uint64 until) internal pure returns (bytes32) {
        return keccak256(abi.encode(WITHDRAW_TYPEHASH, id_, side, total, until));
    }

    /// keccak256(abi.encode(s)): the words of a static struct lie one after the other.
    function state(State memory s) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            hash := keccak256(s, 224) // 7 words
        }
    }
}
