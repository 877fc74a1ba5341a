// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

// What two peers agree on, sign and submit. README.md has the same as a wire format.

// Sides of a channel: `a` is side 0, `b` is side 1. Every amount is in the asset's smallest unit.
uint8 constant SIDE_A = 0;
uint8 constant SIDE_B = 1;

/// What names a channel. It is passed to every call but `deposit` and never stored.
struct Channel {
    address a; // keys that sign, one pair for each channel
    address b;
    address asset; // an ERC-20 token, or zero for ether
    uint32 challenge; // seconds that a dispute lasts
    address payoutA; // where on-chain payments to a side go, for ever
    address payoutB;
    bytes32 saltHash; // keccak of a salt that only a dispute makes public
}

/// EIP-2098: the highest bit of `vs` is the recovery bit, the rest is s, in the lower half of the order.
struct Signature {
    bytes32 r;
    bytes32 vs;
}

/// A state that both sides signed; that of epoch 0 is implied, all zeros, and needs no signatures. Amounts
/// of deposits and withdrawals are cumulative, as known to both when they signed. The channel's id is part
/// of what is signed, not of what is submitted.
struct Base {
    uint64 epoch;
    uint128 balA; // of a side, its locks included
    uint128 balB;
    uint128 depA;
    uint128 depB;
    uint128 wdA;
    uint128 wdB;
    uint128 lockedA; // sum of the locks in rootA: payments of a's that are still conditional
    bytes32 rootA;
    uint128 lockedB;
    bytes32 rootB;
}

struct SignedBase {
    Base base;
    Signature a;
    Signature b;
}

/// What one side, the payer, has paid since the base, and the newest half of its peer that it knows. Id,
/// side and epoch are part of what is signed, not of what is submitted. seq 0 stands for no half.
struct SignedHalf {
    uint64 seq;
    uint128 sent; // in this epoch, ever
    uint128 locked;
    bytes32 root;
    uint64 ackSeq;
    bytes32 ackHash; // struct hash of that half of the peer's; zero if there is none
    Signature payer;
    Signature payee; // over the same digest; zero if the half is endorsed otherwise
}

/// A dispute's newest state: what each side has sent in its epoch, its locks, and `credit`, which is the
/// base's balA - depA + wdA. The contract stores its hash.
struct State {
    int256 credit;
    uint128 sentA;
    uint128 lockedA;
    bytes32 rootA;
    uint128 sentB;
    uint128 lockedB;
    bytes32 rootB;
}

/// Locks that wait after a dispute: the contract stores its hash.
struct Pots {
    bytes32 rootA;
    bytes32 rootB;
    uint128 potA; // what is left for the locks of a's
    uint128 potB;
    uint256 doneA; // bit i: chunk i is paid out
    uint256 doneB;
}

/// A chunk of a side's locks (Tree.sol) and its place under the side's root.
struct Chunk {
    uint8 side;
    uint256 index;
    uint256 count; // of the chunks under the root
    bytes locks;
    bytes32[] path;
}

/// Shows that a lock's preimage is in a batch of the registry's.
struct BatchProof {
    uint256 lock; // index in the chunk
    bytes32 preimage;
    uint256 index; // in the batch
    uint256 count; // of the batch's preimages
    bytes32[] path;
}
