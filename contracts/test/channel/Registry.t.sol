// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PreimageRegistry} from "../../channel/PreimageRegistry.sol";
import {ChannelBase} from "./Base.t.sol";

/// Hides what it reveals from those who read transactions.
contract Relay {
    function reveal(PreimageRegistry registry, bytes32[] calldata list) external {
        registry.revealBatch(list);
    }
}

contract RegistryTest is ChannelBase {
    uint256 internal constant N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function list(uint256 count) internal pure returns (bytes32[] memory all) {
        all = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) {
            all[i] = preimage(i);
        }
    }

    function test_the_first_reveal_stands() public {
        vm.expectEmit(address(registry));
        emit PreimageRegistry.Revealed(keyFor(1), preimage(1));
        registry.reveal(preimage(1));
        vm.warp(START + 50);
        vm.recordLogs();
        registry.reveal(preimage(1));
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(registry.revealedAt(keyFor(1)), START);
        assertEq(registry.revealedAt(keyFor(2)), 0);
    }

    function test_a_point_is_revealed_by_its_scalar(uint256 scalar) public {
        scalar = bound(scalar, 1, N - 1);
        registry.revealPoint(scalar);
        assertEq(registry.revealedAt(keccak256(abi.encodePacked(vm.addr(scalar)))), START);
    }

    function test_the_least_and_the_greatest_scalar() public {
        registry.revealPoint(1);
        registry.revealPoint(N - 1);
        assertEq(registry.revealedAt(keccak256(abi.encodePacked(vm.addr(1)))), START);
        assertEq(registry.revealedAt(keccak256(abi.encodePacked(vm.addr(N - 1)))), START);
        uint256[4] memory bad = [uint256(0), N, N + 1, type(uint256).max];
        for (uint256 i = 0; i < 4; i++) {
            vm.expectRevert(PreimageRegistry.BadScalar.selector);
            registry.revealPoint(bad[i]);
        }
    }

    function test_every_preimage_of_a_batch_is_proven(uint256 count, uint256 index) public {
        count = bound(count, 1, 256);
        index = bound(index, 0, count - 1);
        bytes32[] memory all = list(count);
        (bytes32 root, bytes32[] memory path) = tree(all, index);
        vm.expectEmit(address(registry));
        emit PreimageRegistry.BatchRevealed(root);
        vm.prank(stranger, stranger);
        registry.revealBatch(all);
        (bytes32 key, uint256 time) = registry.provenAt(preimage(index), index, count, path);
        assertEq(key, keyFor(index));
        assertEq(time, START);
        assertEq(registry.revealedAt(key), 0);
    }

    function test_nothing_else_is_proven(uint256 count, uint256 index, uint256 wrong, uint256 wrongCount) public {
        count = bound(count, 1, 256);
        index = bound(index, 0, count - 1);
        bytes32[] memory all = list(count);
        (, bytes32[] memory path) = tree(all, index);
        vm.prank(stranger, stranger);
        registry.revealBatch(all);
        if (wrong != index) checkUnproven(preimage(index), wrong, count, path);
        if (wrongCount != count) checkUnproven(preimage(index), index, wrongCount, path);
        checkUnproven(preimage(count), index, count, path);
        if (path.length == 0) return;
        // A node one level up, as if it were a leaf.
        bytes32 node = index & 1 == 0
            ? keccak256(abi.encode(preimage(index), path[0]))
            : keccak256(abi.encode(path[0], preimage(index)));
        bytes32[] memory shorter = new bytes32[](path.length - 1);
        for (uint256 i = 1; i < path.length; i++) {
            shorter[i - 1] = path[i];
        }
        checkUnproven(node, index >> 1, (count + 1) >> 1, shorter);
        checkUnproven(node, index >> 1, count, shorter);
        checkUnproven(node, index >> 1, 1 << shorter.length, shorter);
        path[0] = ~path[0];
        checkUnproven(preimage(index), index, count, path);
    }

    /// In a batch at START, by itself later: recorded, it counts from START.
    function test_a_preimage_of_a_batch_is_recorded_at_the_batch_s_time(uint256 count, uint256 index, bool alone)
        public
    {
        count = bound(count, 1, 256);
        index = bound(index, 0, count - 1);
        bytes32[] memory all = list(count);
        (, bytes32[] memory path) = tree(all, index);
        vm.expectRevert(PreimageRegistry.BadBatch.selector);
        registry.record(preimage(index), index, count, path);
        vm.prank(stranger, stranger);
        registry.revealBatch(all);
        vm.warp(START + 50);
        if (alone) registry.reveal(preimage(index));
        vm.expectEmit(address(registry));
        emit PreimageRegistry.Revealed(keyFor(index), preimage(index));
        registry.record(preimage(index), index, count, path);
        assertEq(registry.revealedAt(keyFor(index)), START);
        registry.reveal(preimage(index));
        assertEq(registry.revealedAt(keyFor(index)), START);
        vm.expectRevert(PreimageRegistry.BadBatch.selector);
        registry.record(preimage(count), index, count, path);
    }

    /// By itself first, in a batch later: the first stands.
    function test_a_record_never_makes_a_reveal_later() public {
        registry.reveal(preimage(0));
        vm.warp(START + 50);
        bytes32[] memory all = list(1);
        vm.prank(stranger, stranger);
        registry.revealBatch(all);
        registry.record(preimage(0), 0, 1, new bytes32[](0));
        assertEq(registry.revealedAt(keyFor(0)), START);
    }

    function checkUnproven(bytes32 secret, uint256 index, uint256 count, bytes32[] memory path) internal view {
        (, uint256 time) = registry.provenAt(secret, index, count, path);
        assertEq(time, 0);
    }

    /// The zeros that fill up a tree are not revealed by it.
    function test_a_missing_leaf_is_not_a_preimage() public {
        bytes32[] memory all = list(3);
        vm.prank(stranger, stranger);
        registry.revealBatch(all);
        bytes32[] memory path = new bytes32[](2);
        path[0] = preimage(2);
        path[1] = keccak256(abi.encode(preimage(0), preimage(1)));
        checkUnproven(0, 3, 3, path);
        checkUnproven(0, 3, 4, path);
    }

    function test_a_batch_has_1_to_256_preimages() public {
        bytes32[] memory none_ = list(0);
        bytes32[] memory many = list(257);
        vm.startPrank(stranger, stranger);
        vm.expectRevert(PreimageRegistry.BadBatch.selector);
        registry.revealBatch(none_);
        vm.expectRevert(PreimageRegistry.BadBatch.selector);
        registry.revealBatch(many);
    }

    function test_the_first_reveal_of_a_batch_stands() public {
        vm.startPrank(stranger, stranger);
        registry.revealBatch(list(5));
        vm.warp(START + 50);
        registry.revealBatch(list(5));
        assertEq(registry.batchAt(registry.batchRoot(list(5))), START);
    }

    /// Whoever looks at the transaction sees the preimages of its batch.
    function test_a_batch_comes_from_a_plain_account_s_transaction() public {
        Relay relay = new Relay();
        vm.prank(stranger, stranger);
        vm.expectRevert(PreimageRegistry.OnlyPlainAccounts.selector);
        relay.reveal(registry, list(5));
        vm.etch(stranger, abi.encodePacked(hex"ef0100", address(relay))); // EIP-7702: may call itself in
        vm.prank(stranger, stranger);
        vm.expectRevert(PreimageRegistry.OnlyPlainAccounts.selector);
        registry.revealBatch(list(5));
    }

    function test_in_time_is_up_to_the_expiry() public {
        registry.reveal(preimage(0));
        vm.warp(START + 1);
        registry.reveal(preimage(1));
        bytes memory locks = bytes.concat(
            lock(1, START, keyFor(0)),
            lock(type(uint128).max, START - 1, keyFor(0)),
            lock(3, START, keyFor(1)),
            lock(4, START + 1, keyFor(1)),
            lock(5, type(uint40).max, keyFor(2)),
            lock(6, type(uint40).max, keyFor(1))
        );
        assertEq(registry.inTime(locks), 1 | 8 | 32);
    }
}
