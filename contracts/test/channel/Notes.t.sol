// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Adjudicator} from "../../channel/Adjudicator.sol";
import {Records} from "../../channel/Records.sol";
import {Signatures} from "../../channel/Signatures.sol";
import {SignedHalf, State} from "../../channel/Types.sol";
import {ChannelBase} from "./Base.t.sol";

/// Halves that are written down beside a dispute's state, which somebody else keeps changing.
contract NotesTest is ChannelBase {
    function setUp() public override {
        super.setUp();
        fund(ch, A, 10 ether);
        fund(ch, B, 5 ether);
        forceClose(ch, signed(ch, base(ch, 1, 10 ether, 5 ether)), paid(ch, A, 1, 1, 1 ether), none());
    }

    function stateWith(uint128 sentA, uint128 sentB) internal view returns (State memory s) {
        s = stateOf(base(ch, 1, 10 ether, 5 ether));
        (s.sentA, s.sentB) = (sentA, sentB);
    }

    function ahead(uint8 side) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(Adjudicator.NotMerged.selector, side);
    }

    /// A cheat may change the state just before each of its peer's challenges, with one old half after another,
    /// also with some that only it can endorse.
    function test_a_cheat_that_always_comes_first_holds_nothing_up() public {
        SignedHalf memory newest = paid(ch, A, 1, 9, 6 ether);
        State memory seen = stateWith(1 ether, 0);
        SignedHalf memory unseen = half(ch, B, 1, 5, 1 ether);
        vm.prank(ch.a); // the payee of b's half, which b has not seen endorsed
        adjudicator.challenge(ch, seen, none(), unseen);
        for (uint64 seq = 2; seq < 5; seq++) {
            SignedHalf memory old = paid(ch, A, 1, seq, seq * 1 ether);
            adjudicator.challenge(ch, stateWith(uint128(seq - 1) * 1 ether, 1 ether), old, none());
            vm.expectRevert(Adjudicator.WrongState.selector);
            adjudicator.challenge(ch, seen, newest, none());
        }
        vm.expectEmit(address(adjudicator));
        emit Adjudicator.Noted(id, A, 1, 9, 6 ether, 0, 0);
        adjudicator.note(ch, newest, none());
        vm.warp(END);
        State memory s = stateWith(4 ether, 1 ether);
        vm.expectRevert(ahead(A));
        adjudicator.settle(ch, s);
        vm.prank(stranger);
        adjudicator.merge(ch, s, A, 6 ether, 0, 0);
        s.sentA = 6 ether;
        adjudicator.settle(ch, s);
        checkPaid(ETH, 5 ether, 10 ether);
    }

    function test_notes_of_both_sides_are_merged_in_any_order(bool first, bool early) public {
        SignedHalf memory theirs;
        (theirs.seq, theirs.sent, theirs.locked, theirs.root) = (7, 2 ether, 1 ether, keccak256("locks"));
        theirs = endorsed(ch, B, 1, halfWith(ch, B, 1, theirs));
        adjudicator.note(ch, paid(ch, A, 1, 9, 6 ether), theirs);
        vm.warp(early ? END - 1 : END);
        State memory s = stateWith(1 ether, 0);
        for (uint256 i = 0; i < 2; i++) {
            if ((i == 0) == first) {
                adjudicator.merge(ch, s, A, 6 ether, 0, 0);
                s.sentA = 6 ether;
            } else {
                adjudicator.merge(ch, s, B, 2 ether, 1 ether, keccak256("locks"));
                (s.sentB, s.lockedB, s.rootB) = (2 ether, 1 ether, keccak256("locks"));
            }
            vm.expectRevert(Adjudicator.NothingNew.selector);
            adjudicator.merge(ch, s, (i == 0) == first ? A : B, 6 ether, 0, 0);
        }
        vm.warp(END);
        adjudicator.settle(ch, s);
        checkPaid(ETH, 6 ether, 8 ether);
        checkPhase(ch, Records.Phase.UNLOCKING);
    }

    /// Whoever notes what nobody else can endorse does not hold up the settlement by keeping away.
    function test_a_note_is_merged_without_its_signatures() public {
        SignedHalf memory unseen = half(ch, B, 1, 5, 1 ether);
        vm.prank(ch.a);
        adjudicator.note(ch, none(), unseen);
        vm.warp(END);
        vm.startPrank(stranger);
        adjudicator.merge(ch, stateWith(1 ether, 0), B, 1 ether, 0, 0);
        adjudicator.settle(ch, stateWith(1 ether, 1 ether));
    }

    function test_a_note_that_the_state_has_overtaken_holds_nothing_up() public {
        adjudicator.note(ch, paid(ch, A, 1, 5, 5 ether), none());
        adjudicator.challenge(ch, stateWith(1 ether, 0), paid(ch, A, 1, 6, 6 ether), none());
        State memory s = stateWith(6 ether, 0);
        vm.expectRevert(Adjudicator.NothingNew.selector);
        adjudicator.merge(ch, s, A, 5 ether, 0, 0);
        vm.warp(END);
        adjudicator.settle(ch, s);
        checkPaid(ETH, 4 ether, 11 ether);
    }

    function test_notes_of_an_old_epoch_hold_nothing_up() public {
        adjudicator.note(ch, paid(ch, A, 1, 5, 5 ether), none());
        adjudicator.challengeBase(ch, signed(ch, base(ch, 2, 3 ether, 12 ether)), none(), none());
        State memory s = stateOf(base(ch, 2, 3 ether, 12 ether));
        vm.expectRevert(Adjudicator.NothingNew.selector);
        adjudicator.merge(ch, s, A, 5 ether, 0, 0);
        adjudicator.note(ch, paid(ch, A, 2, 1, 1 ether), none()); // seq 1 is newer than none
        adjudicator.merge(ch, s, A, 1 ether, 0, 0);
        s.sentA = 1 ether;
        vm.warp(END);
        adjudicator.settle(ch, s);
        checkPaid(ETH, 2 ether, 13 ether);
    }

    function test_only_what_is_newer_and_counts_is_noted() public {
        SignedHalf memory old = paid(ch, A, 1, 1, 9 ether);
        SignedHalf memory alone = half(ch, A, 1, 2, 2 ether);
        SignedHalf memory five = paid(ch, A, 1, 5, 5 ether);
        SignedHalf memory four = paid(ch, A, 1, 4, 4 ether);
        SignedHalf memory other = paid(ch, A, 2, 9, 9 ether);
        vm.expectRevert(Adjudicator.NothingNew.selector);
        adjudicator.note(ch, old, none());
        vm.expectRevert(abi.encodeWithSelector(Adjudicator.NotEndorsed.selector, A));
        adjudicator.note(ch, alone, none());
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        adjudicator.note(ch, other, none());
        adjudicator.note(ch, five, none());
        vm.expectRevert(Adjudicator.NothingNew.selector);
        adjudicator.note(ch, four, none());
        vm.expectRevert(Adjudicator.NothingNew.selector);
        adjudicator.note(ch, five, none());
        SignedHalf memory six = paid(ch, A, 1, 6, 6 ether);
        vm.warp(END);
        vm.expectRevert(Records.Late.selector);
        adjudicator.note(ch, six, none());
    }

    function test_a_merge_is_of_what_was_noted() public {
        adjudicator.note(ch, paid(ch, A, 1, 5, 5 ether), none());
        State memory s = stateWith(1 ether, 0);
        vm.expectRevert(Adjudicator.WrongNote.selector);
        adjudicator.merge(ch, s, A, 4 ether, 0, 0);
        vm.expectRevert(Adjudicator.NothingNew.selector);
        adjudicator.merge(ch, s, B, 5 ether, 0, 0);
        vm.expectRevert(Adjudicator.BadSide.selector);
        adjudicator.merge(ch, s, 2, 5 ether, 0, 0);
        s.sentA = 2 ether;
        vm.expectRevert(Adjudicator.WrongState.selector);
        adjudicator.merge(ch, s, A, 5 ether, 0, 0);
    }

    function test_no_dispute_no_note() public {
        Records.Phase open_ = Records.Phase.OPEN;
        ch = channel(address(token), SALT);
        SignedHalf memory h = paid(ch, A, 0, 5, 5 ether);
        vm.expectRevert(abi.encodeWithSelector(Records.WrongPhase.selector, open_));
        adjudicator.note(ch, h, none());
        State memory s;
        vm.expectRevert(abi.encodeWithSelector(Records.WrongPhase.selector, open_));
        adjudicator.merge(ch, s, A, 5 ether, 0, 0);
    }
}
