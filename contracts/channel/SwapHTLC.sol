// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Payouts} from "./Payouts.sol";

/// @title Money on a chain that a preimage decides
/// @notice The chain's half of a swap: whoever has the preimage of a hash gets the money before a timeout, from
///         then on it goes back. The other half is a payment in a channel, or on another chain, under the same
///         hash. A swap is named by the hash of its terms: nothing else is stored, and nobody owns this contract.
///
///         A swap is open or it is not: one with the terms of a swap that was paid out can be locked again, so
///         whoever locks names a hash that is new. A claim tells everybody the preimage.
contract SwapHTLC is Payouts {
    struct Swap {
        bytes32 hash; // sha256 of the preimage, 32 bytes
        address asset; // an ERC-20 token, or zero for ether
        uint128 amount;
        address claimer; // gets it with the preimage
        address refunder; // gets it back from the timeout on
        uint64 timeout; // a time in seconds
    }

    mapping(bytes32 swap => bool) public isOpen;

    event Locked(bytes32 indexed id, bytes32 indexed hash, Swap swap);
    event Claimed(bytes32 indexed id, bytes32 indexed hash, bytes32 preimage);
    event Refunded(bytes32 indexed id, bytes32 indexed hash);

    error NothingToLock();
    error AlreadyOpen();
    error NotOpen();
    error Late();
    error Early();
    error WrongPreimage();

    /// Locks the caller's money: exactly the amount as ether, or by allowance.
    function lock(Swap calldata swap) external payable returns (bytes32 id) {
        id = idOf(swap);
        if (swap.amount == 0) revert NothingToLock();
        if (block.timestamp >= swap.timeout) revert Late();
        if (isOpen[id]) revert AlreadyOpen();
        isOpen[id] = true;
        emit Locked(id, swap.hash, swap);
        _pull(swap.asset, swap.amount);
    }

    /// Pays the claimer, before the timeout; anyone may send it.
    function claim(Swap calldata swap, bytes32 preimage) external {
        if (block.timestamp >= swap.timeout) revert Late();
        if (sha256(abi.encode(preimage)) != swap.hash) revert WrongPreimage();
        bytes32 id = _close(swap);
        emit Claimed(id, swap.hash, preimage);
        _push(swap.asset, swap.claimer, swap.amount);
    }

    /// Pays the refunder, from the timeout on; anyone may send it.
    function refund(Swap calldata swap) external {
        if (block.timestamp < swap.timeout) revert Early();
        bytes32 id = _close(swap);
        emit Refunded(id, swap.hash);
        _push(swap.asset, swap.refunder, swap.amount);
    }

    function idOf(Swap calldata swap) public pure returns (bytes32) {
        return keccak256(abi.encode(swap));
    }

    function _close(Swap calldata swap) private returns (bytes32 id) {
        id = idOf(swap);
        if (!isOpen[id]) revert NotOpen();
        delete isOpen[id];
    }
}
