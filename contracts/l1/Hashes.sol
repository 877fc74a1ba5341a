// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Claim} from "../interfaces/ISettlement.sol";

/// An entry of the Inbox, in the order in which its leaf hashes it.
struct Item {
    uint8 kind; // 0 deposit or forced transaction, 1 configuration
    uint64 position;
    address from;
    address to;
    uint256 mint;
    uint256 value;
    uint64 gasLimit;
    bool isCreation;
    uint64 time;
    bytes32 dataHash; // keccak256 of the data
}

/// @title Every hash that the protocol itself defines
/// @notice keccak256(abi.encode(bytes32 tag, words…)): each word has 32 bytes and data of any length comes
///         in as its keccak, so that two different things never have the same preimage. The tag is its ASCII
///         text, left-aligned. A static struct encodes as its members, so it stands for its words.
library Hashes {
    bytes32 private constant INBOX = "varve.inbox.1";
    bytes32 private constant ITEM = "varve.item.1";
    bytes32 private constant BATCH = "varve.batch.1";
    bytes32 private constant DATA = "varve.data.1";
    bytes32 private constant CLAIM = "varve.claim.1";

    /// No item yet. It names parent, contract and child, so that the same items elsewhere hash differently.
    function inboxGenesis(address inbox, uint256 l2ChainId) internal view returns (bytes32) {
        return keccak256(abi.encode(INBOX, block.chainid, inbox, l2ChainId));
    }

    function inboxNext(bytes32 inboxAcc, bytes32 itemLeaf) internal pure returns (bytes32) {
        return keccak256(abi.encode(INBOX, inboxAcc, itemLeaf));
    }

    function leaf(Item memory item) internal pure returns (bytes32) {
        return keccak256(abi.encode(ITEM, item));
    }

    function batchGenesis(address inbox, uint256 l2ChainId) internal view returns (bytes32) {
        return keccak256(abi.encode(BATCH, block.chainid, inbox, l2ChainId));
    }

    function batchNext(
        bytes32 batchAcc,
        bytes32 dataHash,
        uint64 inboxPos,
        bytes32 inboxAcc,
        uint64 originNumber,
        bytes32 originHash,
        uint64 time
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(BATCH, batchAcc, dataHash, inboxPos, inboxAcc, originNumber, originHash, time));
    }

    /// `size` in bytes for calldata (kind 1), in blobs for blobs (kind 2); `parts` is the keccak of the
    /// hashes of the chunks or of the blobs, one after the other.
    function data(uint8 kind, uint256 size, bytes32 parts) internal pure returns (bytes32) {
        return keccak256(abi.encode(DATA, kind, size, parts));
    }

    function claim(Claim memory c) internal pure returns (bytes32) {
        return keccak256(abi.encode(CLAIM, c));
    }
}
