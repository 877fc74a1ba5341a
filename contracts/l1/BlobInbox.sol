// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISystemConfig} from "../interfaces/ISystemConfig.sol";
import {Hashes} from "./Hashes.sol";
import {Inbox} from "./Inbox.sol";

/// @title The Inbox of a child whose parent has blobs (EIP-4844)
contract BlobInbox is Inbox {
    /// A batch of blobs has at least one, and names no more than the transaction carries.
    error MissingBlob();

    constructor(
        ISystemConfig systemConfig_,
        address portal_,
        uint256 l2ChainId_,
        uint64 forcedReadWindow_,
        uint64 openWindow_
    ) Inbox(systemConfig_, portal_, l2ChainId_, forcedReadWindow_, openWindow_) {}

    /// @notice Appends a batch whose data is in the first `blobCount` blobs of this transaction; everything
    ///         else as `append`.
    function appendBlobs(
        bytes32 prevBatchAcc,
        uint64 inboxPos,
        bytes32 inboxAcc,
        uint64 originNumber,
        bytes32 originHash,
        uint256 blobCount
    ) external {
        _check(prevBatchAcc, inboxPos, inboxAcc, originNumber, originHash);
        _append(BATCH_BLOBS, Hashes.data(BATCH_BLOBS, blobCount, _blobs(blobCount)), inboxPos, originNumber, originHash);
    }

    /// The keccak of the blobs' versioned hashes, one after the other.
    function _blobs(uint256 count) private view returns (bytes32) {
        if (count == 0 || blobhash(count - 1) == 0) revert MissingBlob();
        bytes32[] memory hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) hashes[i] = blobhash(i);
        return keccak256(abi.encodePacked(hashes));
    }
}
