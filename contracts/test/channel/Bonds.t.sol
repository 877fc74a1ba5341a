// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Adjudicator} from "../../channel/Adjudicator.sol";
import {Bonds} from "../../channel/Bonds.sol";
import {Records} from "../../channel/Records.sol";
import {Signatures} from "../../channel/Signatures.sol";
import {SignedBase, SignedHalf, State} from "../../channel/Types.sol";
import {ChannelBase} from "./Base.t.sol";

/// What a closer stakes, and when it loses that. The closer is a.
contract BondsTest is ChannelBase {
    uint256 internal constant BOND = 0.01 ether;
    uint64 internal constant EPOCH = 4;

    SignedBase internal based;
    SignedHalf internal none_;

    function setUp() public override {
        super.setUp();
        fund(ch, A, 10 ether);
        fund(ch, B, 5 ether);
        fund(channel(ETH, keccak256("other")), A, 50 ether);
        based = signed(ch, base(ch, EPOCH, 10 ether, 5 ether));
        vm.deal(ch.a, 1 ether);
        vm.deal(ch.b, 1 ether);
        vm.deal(stranger, 1 ether);
    }

    function acking(uint8 side, uint64 epoch, uint64 seq, uint64 ackSeq, bytes32 ackHash)
        internal
        view
        returns (SignedHalf memory h)
    {
        (h.seq, h.ackSeq, h.ackHash) = (seq, ackSeq, ackHash);
        return halfWith(ch, side, epoch, h);
    }

    /// a posts its half 3 and b's half 5, which acknowledges it.
    function close() internal {
        SignedHalf memory own = half(ch, A, EPOCH, 3, 1 ether);
        SignedHalf memory theirs = acking(B, EPOCH, 5, 3, halfHash(id, A, EPOCH, own));
        vm.prank(ch.a);
        adjudicator.forceClose{value: BOND}(ch, SALT, ANYTIME, based, own, theirs);
    }

    function state() internal view returns (State memory s) {
        s = stateOf(based.base);
        s.sentA = 1 ether;
    }

    function prove(uint64 epoch, SignedHalf memory own, SignedHalf memory acked) internal {
        vm.prank(stranger);
        adjudicator.proveLie(ch, epoch, own, acked);
    }

    function refused(uint64 epoch, SignedHalf memory own, SignedHalf memory acked) internal {
        vm.expectRevert(Bonds.NoLie.selector);
        prove(epoch, own, acked);
    }

    function checkBond(uint8 side, uint256 amount) internal view {
        (uint8 side_, uint256 amount_,,,) = adjudicator.bondOf(id);
        assertEq(side_, side, "side");
        assertEq(amount_, amount, "amount");
    }

    // In and out

    function test_a_bond_that_is_not_taken_returns_at_the_settlement() public {
        vm.expectEmit(address(adjudicator));
        emit Bonds.BondStaked(id, A, BOND);
        close();
        checkBond(A, BOND);
        vm.warp(START + PERIOD - 1);
        vm.expectRevert(Adjudicator.Early.selector);
        adjudicator.settle(ch, state());
        vm.warp(START + PERIOD); // with a claim the dispute is a period long
        vm.expectEmit(address(adjudicator));
        emit Bonds.BondPaid(id, A, BOND);
        vm.prank(stranger);
        adjudicator.settle(ch, state());
        checkPaid(ETH, 9 ether + BOND, 6 ether);
        checkBond(0, 0);
        assertEq(address(adjudicator).balance, 50 ether);
        vm.expectRevert(Bonds.NoBond.selector);
        adjudicator.returnBond(ch);
    }

    function test_without_a_bond_a_dispute_lasts_twice_as_long() public {
        vm.prank(ch.a);
        adjudicator.forceClose(ch, SALT, ANYTIME, based, none_, none_);
        checkBond(0, 0);
        vm.warp(START + 2 * PERIOD - 1);
        vm.expectRevert(Adjudicator.Early.selector);
        adjudicator.settle(ch, stateOf(based.base));
        SignedHalf memory own = half(ch, A, EPOCH + 1, 1, 0);
        vm.expectRevert(Bonds.NoBond.selector);
        prove(EPOCH + 1, own, none_);
        vm.warp(START + 2 * PERIOD);
        adjudicator.settle(ch, stateOf(based.base));
    }

    function test_a_bond_returns_after_a_close_by_both() public {
        close();
        vm.expectRevert(abi.encodeWithSelector(Records.WrongPhase.selector, Records.Phase.DISPUTE));
        adjudicator.returnBond(ch);
        bytes32 hash = closeHash(id, 1 ether, ANYTIME);
        adjudicator.coopClose(ch, 1 ether, ANYTIME, sign(KEY_A, hash), sign(KEY_B, hash));
        checkPaid(ETH, 9 ether, 6 ether);
        adjudicator.returnBond(ch);
        checkPaid(ETH, 9 ether + BOND, 6 ether);
        vm.expectRevert(Bonds.NoBond.selector);
        adjudicator.returnBond(ch);
        assertEq(address(adjudicator).balance, 50 ether);
    }

    function test_the_least_bond_pays_for_three_challenges() public {
        vm.fee(100 gwei);
        uint256 least = 200_000 * 100 gwei;
        vm.startPrank(ch.b);
        vm.expectRevert(abi.encodeWithSelector(Bonds.BadBond.selector, least));
        adjudicator.forceClose{value: least - 1 gwei}(ch, SALT, ANYTIME, based, none_, none_);
        vm.expectRevert(abi.encodeWithSelector(Bonds.BadBond.selector, least)); // whole gwei
        adjudicator.forceClose{value: least + 1}(ch, SALT, ANYTIME, based, none_, none_);
        adjudicator.forceClose{value: least}(ch, SALT, ANYTIME, based, none_, none_);
        checkBond(B, least);
    }

    function test_a_bond_has_a_limit() public {
        uint256 most = ((1 << 56) - 1) * 1 gwei;
        vm.deal(ch.b, most + 1 gwei);
        vm.startPrank(ch.b);
        vm.expectRevert(abi.encodeWithSelector(Bonds.BadBond.selector, 0));
        adjudicator.forceClose{value: most + 1 gwei}(ch, SALT, ANYTIME, based, none_, none_);
        adjudicator.forceClose{value: most}(ch, SALT, ANYTIME, based, none_, none_);
        checkBond(B, most);
    }

    /// A daemon sends from one account, which is paid in all of its channels and owns none.
    function test_a_payout_address_stakes_for_its_owner(bool ofA) public {
        address payout = ofA ? payoutA : payoutB;
        hoax(payout, BOND);
        adjudicator.forceClose{value: BOND}(ch, SALT, ANYTIME, based, none_, none_);
        checkBond(ofA ? A : B, BOND);
        prove(EPOCH + 1, half(ch, ofA ? A : B, EPOCH + 1, 1, 0), none_);
        checkPaid(ETH, ofA ? 0 : BOND, ofA ? BOND : 0);
    }

    function test_a_bond_says_what_was_posted() public {
        close();
        (,, uint64 epoch, uint64 seqA, uint64 seqB) = adjudicator.bondOf(id);
        assertEq(epoch, EPOCH);
        assertEq(seqA, 3);
        assertEq(seqB, 5);
    }

    function test_only_an_owner_stakes() public {
        vm.prank(stranger);
        vm.expectRevert(Bonds.NotAnOwner.selector);
        adjudicator.forceClose{value: BOND}(ch, SALT, ANYTIME, based, none_, none_);
    }

    function test_no_bond_is_taken_for_a_closed_channel() public {
        bytes32 hash = closeHash(id, 1 ether, ANYTIME);
        adjudicator.coopClose(ch, 1 ether, ANYTIME, sign(KEY_A, hash), sign(KEY_B, hash));
        vm.prank(ch.a);
        vm.expectRevert(Records.AlreadySettled.selector);
        adjudicator.forceClose{value: BOND}(ch, SALT, ANYTIME, based, none_, none_);
    }

    // Lies

    function checkTaken(uint64 epoch, SignedHalf memory own, SignedHalf memory acked) internal {
        vm.expectEmit(address(adjudicator));
        emit Bonds.BondPaid(id, B, BOND);
        prove(epoch, own, acked);
        checkPaid(ETH, 0, BOND);
        assertEq(stranger.balance, 1 ether);
        vm.expectRevert(Bonds.NoBond.selector);
        prove(epoch, own, acked);
        vm.warp(START + PERIOD);
        adjudicator.settle(ch, state());
        checkPaid(ETH, 9 ether, 6 ether + BOND);
        assertEq(address(adjudicator).balance, 50 ether);
    }

    function test_a_half_of_a_later_epoch_proves_a_lie() public {
        close();
        checkTaken(EPOCH + 1, half(ch, A, EPOCH + 1, 1, 0), none_);
    }

    function test_an_acknowledgement_of_more_than_was_posted_proves_a_lie() public {
        close();
        checkTaken(EPOCH, acking(A, EPOCH, 1, 6, keccak256("b's half 6")), none_);
    }

    function test_a_half_that_acknowledges_its_acknowledgement_proves_a_lie() public {
        close();
        SignedHalf memory acked = acking(B, EPOCH, 5, 4, keccak256("a's half 4"));
        checkTaken(EPOCH, acking(A, EPOCH, 9, 5, halfHash(id, B, EPOCH, acked)), acked);
    }

    function test_the_closer_s_being_b_turns_sides_around() public {
        SignedHalf memory own = half(ch, B, EPOCH, 3, 1 ether);
        SignedHalf memory theirs = acking(A, EPOCH, 5, 3, halfHash(id, B, EPOCH, own));
        vm.prank(ch.b);
        adjudicator.forceClose{value: BOND}(ch, SALT, ANYTIME, based, theirs, own);
        refused(EPOCH, acking(B, EPOCH, 9, 5, keccak256("a's half 5")), none_);
        prove(EPOCH, acking(B, EPOCH, 9, 6, keccak256("a's half 6")), none_);
        checkPaid(ETH, BOND, 0);
    }

    function test_who_posted_what_it_acknowledged_told_no_lie() public {
        close();
        refused(EPOCH, none_, none_);
        refused(EPOCH, half(ch, A, EPOCH, 99, 9 ether), none_); // a newer half of its own alone is none
        refused(EPOCH, acking(A, EPOCH, 9, 5, keccak256("b's half 5")), none_);
        refused(EPOCH - 1, acking(A, EPOCH - 1, 9, 99, keccak256("long ago")), none_);
        SignedHalf memory acked = acking(B, EPOCH, 5, 3, keccak256("a's half 3"));
        refused(EPOCH, acking(A, EPOCH, 9, 5, halfHash(id, B, EPOCH, acked)), acked);
        acked = acking(B, EPOCH, 5, 4, keccak256("a's half 4")); // which it did not acknowledge
        refused(EPOCH, acking(A, EPOCH, 9, 5, keccak256("another")), acked);
        SignedHalf memory forged = acking(A, EPOCH, 9, 6, keccak256("b's half 6"));
        forged.ackSeq = 7;
        vm.expectRevert();
        prove(EPOCH, forged, none_);
        forged = acking(B, EPOCH, 9, 6, keccak256("the peer's own"));
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        prove(EPOCH, forged, none_);
        checkBond(A, BOND);
    }

    /// A cheat that brings its newest state itself, from another address, saves nothing by it.
    function test_what_was_posted_counts_whatever_comes_later() public {
        close();
        SignedHalf memory theirs = paid(ch, B, EPOCH, 8, 2 ether);
        adjudicator.challenge(ch, state(), none_, theirs);
        adjudicator.challengeBase(ch, signed(ch, base(ch, EPOCH + 1, 8 ether, 7 ether)), none_, none_);
        checkBond(A, BOND);
        prove(EPOCH, acking(A, EPOCH, 1, 8, halfHash(id, B, EPOCH, theirs)), none_);
        checkPaid(ETH, 0, BOND);
        vm.warp(START + PERIOD);
        adjudicator.settle(ch, stateOf(base(ch, EPOCH + 1, 8 ether, 7 ether)));
        checkPaid(ETH, 8 ether, 7 ether + BOND);
    }

    function test_a_bond_outlives_a_new_base() public {
        close();
        State memory s = stateOf(base(ch, EPOCH + 1, 8 ether, 7 ether));
        adjudicator.challengeBase(ch, signed(ch, base(ch, EPOCH + 1, 8 ether, 7 ether)), none_, none_);
        vm.warp(START + PERIOD);
        adjudicator.settle(ch, s);
        checkPaid(ETH, 8 ether + BOND, 7 ether);
    }

    function test_a_lie_is_proven_before_the_end() public {
        close();
        SignedHalf memory own = half(ch, A, EPOCH + 1, 1, 0);
        vm.warp(START + PERIOD);
        vm.expectRevert(Records.Late.selector);
        prove(EPOCH + 1, own, none_);
        vm.warp(START + PERIOD - 1);
        prove(EPOCH + 1, own, none_);
    }
}
