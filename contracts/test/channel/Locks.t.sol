// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Adjudicator} from "../../channel/Adjudicator.sol";
import {Records} from "../../channel/Records.sol";
import {Base, BatchProof, Chunk, Pots, State} from "../../channel/Types.sol";
import {ChannelBase} from "./Base.t.sol";

/// Locks after a dispute. Those of a's pay b, and those of b's pay a.
contract LocksTest is ChannelBase {
    uint256 internal constant SETTLED = END;
    uint256 internal constant FOREVER = 2 * START; // an expiry far away
    uint256 internal constant HELD = 50 ether; // of another channel

    Pots internal pots;

    function setUp() public override {
        super.setUp();
        fund(ch, A, 10 ether);
        fund(ch, B, 5 ether);
        fund(channel(ETH, keccak256("other")), A, uint128(HELD));
    }

    /// Settles with these chunks of a's and b's.
    function settleWith(bytes[] memory ofA, uint128 lockedA, bytes[] memory ofB, uint128 lockedB) internal {
        Base memory b = base(ch, 1, 10 ether, 5 ether);
        if (ofA.length > 0) (b.lockedA, b.rootA) = (lockedA, rootOf(ofA));
        if (ofB.length > 0) (b.lockedB, b.rootB) = (lockedB, rootOf(ofB));
        forceClose(ch, signed(ch, b), none(), none());
        vm.warp(SETTLED);
        adjudicator.settle(ch, stateOf(b));
        pots = Pots(b.rootA, b.rootB, b.lockedA, b.lockedB, 0, 0);
    }

    function leavesOf(bytes[] memory list) internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](list.length);
        for (uint256 i = 0; i < list.length; i++) {
            leaves[i] = keccak256(list[i]);
        }
    }

    function rootOf(bytes[] memory list) internal pure returns (bytes32 root) {
        (root,) = tree(leavesOf(list), 0);
    }

    function chunkOf(bytes[] memory list, uint8 side, uint256 index) internal pure returns (Chunk memory c) {
        (c.side, c.index, c.count, c.locks) = (side, index, list.length, list[index]);
        (, c.path) = tree(leavesOf(list), index);
    }

    function one(bytes memory locks) internal pure returns (bytes[] memory list) {
        list = new bytes[](1);
        list[0] = locks;
    }

    function unlock(Chunk memory chunk, BatchProof[] memory proofs) internal {
        adjudicator.unlock(ch, pots, chunk, proofs);
    }

    function unlock(Chunk memory chunk) internal {
        unlock(chunk, new BatchProof[](0));
    }

    function refused(Chunk memory chunk, bytes memory why) internal {
        vm.expectRevert(why);
        unlock(chunk);
    }

    function selected(bytes4 selector) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector);
    }

    function undecided(uint256 i) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(Adjudicator.Undecided.selector, i);
    }

    // Who gets a lock

    function test_a_lock_revealed_in_time_is_the_payee_s() public {
        registry.reveal(preimage(0));
        bytes[] memory ofA = one(lock(2 ether, START, keyFor(0)));
        settleWith(ofA, 2 ether, new bytes[](0), 0);
        checkPaid(ETH, 8 ether, 5 ether);
        vm.expectEmit(address(adjudicator));
        emit Adjudicator.Unlocked(id, A, 0, 2 ether, 0);
        vm.prank(stranger);
        unlock(chunkOf(ofA, A, 0));
        checkPaid(ETH, 8 ether, 7 ether);
        checkPhase(ch, Records.Phase.CLOSED);
        (uint64 time,,,, bytes32 commitment) = adjudicator.disputeOf(id);
        assertEq(time, 0);
        assertEq(commitment, 0);
    }

    function test_locks_of_both_sides() public {
        registry.reveal(preimage(0));
        bytes[] memory ofA = one(lock(2 ether, START, keyFor(0)));
        bytes[] memory ofB = one(bytes.concat(lock(1 ether, START, keyFor(0)), lock(0.5 ether, START, keyFor(1))));
        settleWith(ofA, 2 ether, ofB, 1.5 ether);
        checkPaid(ETH, 8 ether, 3.5 ether);
        vm.warp(SETTLED + PERIOD + 1);
        unlock(chunkOf(ofB, B, 0));
        checkPaid(ETH, 9 ether, 4 ether);
        checkPhase(ch, Records.Phase.UNLOCKING);
        (pots.potB, pots.doneB) = (0, 1);
        unlock(chunkOf(ofA, A, 0));
        checkPaid(ETH, 9 ether, 6 ether);
        checkPhase(ch, Records.Phase.CLOSED);
        assertEq(address(adjudicator).balance, HELD);
    }

    function test_a_lock_not_revealed_returns_a_period_after_its_expiry() public {
        uint256 expiry = SETTLED + 100;
        bytes[] memory ofA = one(lock(2 ether, expiry, keyFor(0)));
        settleWith(ofA, 2 ether, new bytes[](0), 0);
        refused(chunkOf(ofA, A, 0), undecided(0));
        vm.warp(expiry + PERIOD);
        refused(chunkOf(ofA, A, 0), undecided(0));
        vm.warp(expiry + PERIOD + 1);
        unlock(chunkOf(ofA, A, 0));
        checkPaid(ETH, 10 ether, 5 ether);
    }

    function test_a_lock_that_expired_before_returns_a_period_after_the_settlement() public {
        bytes[] memory ofA = one(lock(2 ether, START - 1, keyFor(0)));
        settleWith(ofA, 2 ether, new bytes[](0), 0);
        vm.warp(SETTLED + PERIOD);
        refused(chunkOf(ofA, A, 0), undecided(0));
        vm.warp(SETTLED + PERIOD + 1);
        unlock(chunkOf(ofA, A, 0));
        checkPaid(ETH, 10 ether, 5 ether);
    }

    function test_one_second_decides(uint256 expiry, bool late) public {
        expiry = bound(expiry, START, SETTLED - 1);
        vm.warp(expiry + (late ? 1 : 0));
        registry.reveal(preimage(0));
        vm.warp(START);
        bytes[] memory ofA = one(lock(2 ether, expiry, keyFor(0)));
        settleWith(ofA, 2 ether, new bytes[](0), 0);
        vm.warp(SETTLED + PERIOD + 1);
        unlock(chunkOf(ofA, A, 0));
        checkPaid(ETH, late ? 10 ether : 8 ether, late ? 5 ether : 7 ether);
    }

    /// However late it is claimed.
    function test_a_timely_reveal_is_the_payee_s_for_ever() public {
        registry.reveal(preimage(0));
        bytes[] memory ofA = one(lock(2 ether, START, keyFor(0)));
        settleWith(ofA, 2 ether, new bytes[](0), 0);
        vm.warp(SETTLED + 3650 days);
        vm.prank(ch.a);
        unlock(chunkOf(ofA, A, 0));
        checkPaid(ETH, 8 ether, 7 ether);
    }

    function test_a_point_unlocks_like_a_preimage() public {
        registry.revealPoint(12345);
        bytes[] memory ofA = one(lock(2 ether, START, keccak256(abi.encodePacked(vm.addr(12345)))));
        settleWith(ofA, 2 ether, new bytes[](0), 0);
        unlock(chunkOf(ofA, A, 0));
        checkPaid(ETH, 8 ether, 7 ether);
    }

    function test_one_undecided_lock_holds_up_its_chunk() public {
        registry.reveal(preimage(0));
        bytes[] memory ofA = one(bytes.concat(lock(2 ether, START, keyFor(0)), lock(1 ether, FOREVER, keyFor(1))));
        settleWith(ofA, 3 ether, new bytes[](0), 0);
        vm.warp(SETTLED + PERIOD + 1);
        refused(chunkOf(ofA, A, 0), undecided(1));
        registry.reveal(preimage(1));
        unlock(chunkOf(ofA, A, 0));
        checkPaid(ETH, 7 ether, 8 ether);
    }

    // Batches

    function batchProof(uint256 lock_, uint256 i, uint256 count) internal pure returns (BatchProof[] memory proofs) {
        bytes32[] memory all = new bytes32[](count);
        for (uint256 k = 0; k < count; k++) {
            all[k] = preimage(k);
        }
        proofs = new BatchProof[](1);
        (proofs[0].lock, proofs[0].preimage, proofs[0].index, proofs[0].count) = (lock_, preimage(i), i, count);
        (, proofs[0].path) = tree(all, i);
    }

    function revealBatch(uint256 count) internal {
        bytes32[] memory all = new bytes32[](count);
        for (uint256 k = 0; k < count; k++) {
            all[k] = preimage(k);
        }
        vm.prank(stranger, stranger);
        registry.revealBatch(all);
    }

    function test_a_batch_unlocks_with_a_proof() public {
        revealBatch(7);
        bytes[] memory ofA = one(bytes.concat(lock(1 ether, START, keyFor(2)), lock(2 ether, START, keyFor(5))));
        registry.reveal(preimage(2));
        settleWith(ofA, 3 ether, new bytes[](0), 0);
        // The payer cannot take it back at once, although the contract does not see the batch by itself.
        refused(chunkOf(ofA, A, 0), undecided(1));
        unlock(chunkOf(ofA, A, 0), batchProof(1, 5, 7));
        checkPaid(ETH, 7 ether, 8 ether);
    }

    function test_a_batch_that_came_late_unlocks_nothing() public {
        vm.warp(START + 1);
        revealBatch(7);
        vm.warp(START);
        bytes[] memory ofA = one(lock(2 ether, START, keyFor(5)));
        settleWith(ofA, 2 ether, new bytes[](0), 0);
        Chunk memory chunk = chunkOf(ofA, A, 0);
        BatchProof[] memory proofs = batchProof(0, 5, 7);
        vm.expectRevert(abi.encodeWithSelector(Adjudicator.BadProof.selector, 0));
        unlock(chunk, proofs);
        proofs = batchProof(0, 4, 7); // another lock's
        vm.expectRevert(abi.encodeWithSelector(Adjudicator.BadProof.selector, 0));
        unlock(chunk, proofs);
        proofs = batchProof(1, 5, 7); // no such lock
        vm.expectRevert(abi.encodeWithSelector(Adjudicator.BadProof.selector, 1));
        unlock(chunk, proofs);
    }

    // Chunks

    /// `count` chunks of a's of some locks each, of 0.001 ether each; of each lock whose number is even the
    /// preimage is known.
    function chunks(uint256 count, uint256 seed) internal returns (bytes[] memory all, uint256 even, uint256 odd) {
        all = new bytes[](count);
        uint256 number;
        for (uint256 i = 0; i < count; i++) {
            uint256 size = 1 + uint256(keccak256(abi.encode(seed, i))) % 4;
            for (uint256 k = 0; k < size; k++) {
                all[i] = bytes.concat(all[i], lock(0.001 ether, START, keyFor(number)));
                if (number & 1 == 0) {
                    even++;
                    registry.reveal(preimage(number));
                } else {
                    odd++;
                }
                number++;
            }
        }
    }

    function test_chunks_unlock_in_any_order_and_each_once(uint256 count, uint256 seed) public {
        count = bound(count, 1, 12);
        (bytes[] memory all, uint256 even, uint256 odd) = chunks(count, seed);
        settleWith(all, uint128((even + odd) * 0.001 ether), new bytes[](0), 0);
        vm.warp(SETTLED + PERIOD + 1);
        uint256 first = seed % count;
        for (uint256 k = 0; k < count; k++) {
            uint256 index = (first + k * 13) % count; // 13 has no factor in common with a count below it
            Chunk memory chunk = chunkOf(all, A, index);
            uint256 before = address(adjudicator).balance;
            unlock(chunk);
            pots.potA -= uint128(before - address(adjudicator).balance);
            pots.doneA |= 1 << index;
            if (k + 1 < count) refused(chunk, selected(Adjudicator.AlreadyUnlocked.selector));
            else refused(chunk, abi.encodeWithSelector(Records.WrongPhase.selector, Records.Phase.CLOSED));
        }
        checkPaid(ETH, 10 ether - even * 0.001 ether, 5 ether + even * 0.001 ether);
        assertEq(address(adjudicator).balance, HELD);
    }

    function test_256_chunks_of_32_locks() public {
        bytes[] memory all = new bytes[](256);
        for (uint256 i = 0; i < 256; i++) {
            all[i] = lock(1, START, keyFor(i));
        }
        for (uint256 k = 1; k < 32; k++) {
            all[255] = bytes.concat(all[255], lock(1, START, keyFor(0)));
        }
        registry.reveal(preimage(255));
        settleWith(all, 256 + 31, new bytes[](0), 0);
        vm.warp(SETTLED + PERIOD + 1);
        unlock(chunkOf(all, A, 255));
        checkPaid(ETH, 10 ether - 256, 5 ether + 1);
        pots.potA -= 32;
        pots.doneA = 1 << 255;
        unlock(chunkOf(all, A, 0));
    }

    function test_a_chunk_is_where_it_says(uint256 wrong) public {
        (bytes[] memory all, uint256 even, uint256 odd) = chunks(5, 1);
        settleWith(all, uint128((even + odd) * 0.001 ether), new bytes[](0), 0);
        vm.warp(SETTLED + PERIOD + 1);
        bytes memory why = selected(Adjudicator.WrongRoot.selector);
        Chunk memory c = chunkOf(all, A, 3);
        c.index = wrong;
        if (wrong != 3) refused(c, why);
        (c.index, c.count) = (3, wrong);
        if (wrong != 5) refused(c, why);
        c.count = 5;
        c.side = B; // which has no locks
        refused(c, why);
        c.index = 5; // nor a root, as a chunk has that cannot be
        refused(c, why);
        c.index = 3;
        c.side = 2;
        refused(c, selected(Adjudicator.BadSide.selector));
        c.side = A;
        c.locks = bytes.concat(c.locks, new bytes(64));
        refused(c, why);
        c.locks = all[2];
        refused(c, why);
        c.locks = "";
        refused(c, why);
        unlock(chunkOf(all, A, 3));
    }

    /// A node of the tree has the size of a chunk of one lock.
    function test_a_node_is_no_chunk() public {
        (bytes[] memory all, uint256 even, uint256 odd) = chunks(4, 1);
        settleWith(all, uint128((even + odd) * 0.001 ether), new bytes[](0), 0);
        vm.warp(SETTLED + PERIOD + 1);
        Chunk memory c;
        c.locks = abi.encode(keccak256(all[0]), keccak256(all[1]));
        c.path = new bytes32[](1);
        c.path[0] = keccak256(abi.encode(keccak256(all[2]), keccak256(all[3])));
        for (c.count = 1; c.count < 6; c.count++) {
            refused(c, selected(Adjudicator.WrongRoot.selector));
        }
    }

    function test_a_chunk_has_1_to_32_whole_locks() public {
        bytes memory many;
        for (uint256 i = 0; i < 33; i++) {
            many = bytes.concat(many, lock(1, START, keyFor(0)));
        }
        bytes[] memory odd = one(bytes.concat(lock(1, START, keyFor(0)), hex"00"));
        settleWith(one(many), 33, odd, 1);
        vm.warp(SETTLED + PERIOD + 1);
        refused(chunkOf(one(many), A, 0), selected(Adjudicator.WrongRoot.selector));
        refused(chunkOf(odd, B, 0), selected(Adjudicator.WrongRoot.selector));
    }

    function test_pots_are_those_of_the_last_change() public {
        (bytes[] memory all, uint256 even, uint256 odd) = chunks(3, 1);
        settleWith(all, uint128((even + odd) * 0.001 ether), new bytes[](0), 0);
        vm.warp(SETTLED + PERIOD + 1);
        unlock(chunkOf(all, A, 0));
        refused(chunkOf(all, A, 1), selected(Adjudicator.WrongState.selector)); // pots is now stale
        pots.doneA = 1;
        refused(chunkOf(all, A, 0), selected(Adjudicator.WrongState.selector));
    }

    function test_nothing_unlocks_before_the_settlement() public {
        bytes[] memory ofA = one(lock(2 ether, START, keyFor(0)));
        refused(chunkOf(ofA, A, 0), abi.encodeWithSelector(Records.WrongPhase.selector, Records.Phase.OPEN));
        Base memory b = base(ch, 1, 10 ether, 5 ether);
        (b.lockedA, b.rootA) = (2 ether, rootOf(ofA));
        forceClose(ch, signed(ch, b), none(), none());
        refused(chunkOf(ofA, A, 0), abi.encodeWithSelector(Records.WrongPhase.selector, Records.Phase.DISPUTE));
    }

    function test_an_unlocking_channel_is_closed_to_everything_else() public {
        bytes[] memory ofA = one(lock(2 ether, START, keyFor(0)));
        settleWith(ofA, 2 ether, new bytes[](0), 0);
        bytes32 pair = pairOf(ch);
        vm.prank(funder);
        vm.expectRevert(Records.AlreadySettled.selector);
        adjudicator.deposit{value: 1 ether}(pair, ETH, A, 11 ether);
        Base memory zero;
        zero.epoch = 9;
        State memory s = stateOf(zero);
        bytes memory wrong = abi.encodeWithSelector(Records.WrongPhase.selector, Records.Phase.UNLOCKING);
        vm.expectRevert(wrong);
        adjudicator.challengeBase(ch, signed(ch, zero), none(), none());
        vm.expectRevert(wrong);
        adjudicator.challenge(ch, s, none(), none());
        vm.expectRevert(wrong);
        adjudicator.forceClose(ch, SALT, ANYTIME, signed(ch, zero), none(), none());
        vm.expectRevert(Records.AlreadySettled.selector);
        adjudicator.settle(ch, s);
    }

    // Sums that do not fit: both signed nonsense

    function test_a_pot_never_pays_more_than_it_has() public {
        registry.reveal(preimage(0));
        bytes[] memory ofA = one(bytes.concat(lock(9 ether, START, keyFor(0)), lock(9 ether, START, keyFor(1))));
        settleWith(ofA, 3 ether, new bytes[](0), 0);
        vm.warp(SETTLED + PERIOD + 1);
        unlock(chunkOf(ofA, A, 0));
        checkPaid(ETH, 7 ether, 8 ether);
        assertEq(address(adjudicator).balance, HELD);
    }

    function test_what_no_lock_claims_returns_with_the_last_chunk() public {
        registry.reveal(preimage(0));
        bytes[] memory ofA = one(lock(1 ether, START, keyFor(0)));
        settleWith(ofA, 3 ether, new bytes[](0), 0);
        unlock(chunkOf(ofA, A, 0));
        checkPaid(ETH, 9 ether, 6 ether);
        checkPhase(ch, Records.Phase.CLOSED);
    }
}
