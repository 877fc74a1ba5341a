// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";
import {Adjudicator} from "../../channel/Adjudicator.sol";
import {Records} from "../../channel/Records.sol";
import {Signatures} from "../../channel/Signatures.sol";
import {Base, Channel, Signature, SignedBase, SignedHalf, State} from "../../channel/Types.sol";
import {ChannelBase} from "./Base.t.sol";

/// Closing without the peer, and its answers.
contract DisputeTest is ChannelBase {
    function open() internal {
        fund(ch, A, 10 ether);
        fund(ch, B, 5 ether);
    }

    function plainBase(uint64 epoch) internal view returns (SignedBase memory) {
        return signed(ch, base(ch, epoch, 10 ether, 5 ether));
    }

    function stateWith(uint128 sentA, uint128 sentB) internal view returns (State memory s) {
        s = stateOf(base(ch, 1, 10 ether, 5 ether));
        (s.sentA, s.sentB) = (sentA, sentB);
    }

    function settle(State memory s) internal {
        (uint64 end,,,,) = adjudicator.disputeOf(id);
        vm.warp(end);
        adjudicator.settle(ch, s);
    }

    function checkSeqs(uint64 epoch, uint64 seqA, uint64 seqB) internal view {
        (, uint64 e, uint64 a, uint64 b,) = adjudicator.disputeOf(id);
        assertEq(e, epoch, "epoch");
        assertEq(a, seqA, "seq of a's");
        assertEq(b, seqB, "seq of b's");
    }

    // Opening

    function test_a_base_alone_closes() public {
        open();
        vm.expectEmit(address(adjudicator));
        emit Adjudicator.DisputeOpened(id, SALT);
        vm.expectEmit(address(adjudicator));
        emit Adjudicator.StateChanged(id, (uint256(1) << 232) | (END << 192) | (uint256(7) << 128), stateWith(0, 0));
        forceClose(ch, plainBase(7), none(), none());
        checkPhase(ch, Records.Phase.DISPUTE);
        checkSeqs(7, 0, 0);
        settle(stateWith(0, 0));
        checkPaid(ETH, 10 ether, 5 ether);
        checkPhase(ch, Records.Phase.CLOSED);
        assertEq(address(adjudicator).balance, 0);
    }

    /// A peer that never signed anything cannot keep a deposit.
    function test_without_any_signature_all_deposits_return() public {
        SignedBase memory zero;
        open();
        fund(ch, A, 12 ether);
        forceClose(ch, zero, none(), none());
        checkSeqs(0, 0, 0);
        settle(stateOf(zero.base));
        checkPaid(ETH, 12 ether, 5 ether);
    }

    function test_halves_count_on_the_implied_base() public {
        SignedBase memory zero;
        open();
        forceClose(ch, zero, paid(ch, A, 0, 3, 4 ether), paid(ch, B, 0, 9, 1 ether));
        checkSeqs(0, 3, 9);
        State memory s = stateOf(zero.base);
        (s.sentA, s.sentB) = (4 ether, 1 ether);
        adjudicator.challenge(ch, s, paid(ch, A, 0, 4, 5 ether), none());
        s.sentA = 5 ether;
        settle(s);
        checkPaid(ETH, 6 ether, 9 ether);
    }

    function test_any_signed_base_replaces_the_implied_one() public {
        SignedBase memory zero;
        open();
        forceClose(ch, zero, none(), none());
        adjudicator.challengeBase(ch, signed(ch, base(ch, 1, 3 ether, 12 ether)), none(), none());
        vm.expectRevert(Adjudicator.NotNewer.selector);
        adjudicator.challengeBase(ch, zero, none(), none());
        settle(stateOf(base(ch, 1, 3 ether, 12 ether)));
        checkPaid(ETH, 3 ether, 12 ether);
    }

    /// Not even with both signatures: there is one base of epoch 0.
    function test_a_base_of_epoch_0_is_all_zeros(uint256 which) public {
        open();
        Base memory b;
        which = bound(which, 1, 10);
        assembly {
            mstore(add(b, mul(which, 32)), 1)
        }
        SignedBase memory s = signed(ch, b);
        vm.expectRevert(Adjudicator.BaseNotZero.selector);
        forceClose(ch, s, none(), none());
    }

    /// So one that lingers unsent cannot close a channel that has gone on since.
    function test_a_forced_close_is_valid_to_its_last_second() public {
        open();
        SignedBase memory b = plainBase(1);
        vm.warp(START + 101);
        vm.expectRevert(Records.Late.selector);
        adjudicator.forceClose(ch, SALT, uint64(START + 100), b, none(), none());
        vm.warp(START + 100);
        adjudicator.forceClose(ch, SALT, uint64(START + 100), b, none(), none());
        checkPhase(ch, Records.Phase.DISPUTE);
    }

    function test_both_halves_count() public {
        open();
        forceClose(ch, plainBase(1), paid(ch, A, 1, 3, 4 ether), paid(ch, B, 1, 9, 1 ether));
        checkSeqs(1, 3, 9);
        settle(stateWith(4 ether, 1 ether));
        checkPaid(ETH, 7 ether, 8 ether);
    }

    function test_a_base_needs_both_signatures() public {
        open();
        SignedBase memory b = plainBase(1);
        SignedBase memory bad = plainBase(1);
        bad.a = b.b;
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        forceClose(ch, bad, none(), none());
        (bad.a, bad.b) = (b.a, b.a);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.b));
        forceClose(ch, bad, none(), none());
        (bad.a, bad.b) = (b.a, Signature(0, 0));
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.b));
        forceClose(ch, bad, none(), none());
    }

    function test_every_word_of_a_base_is_signed(uint256 which) public {
        open();
        SignedBase memory b = plainBase(1);
        which = bound(which, 0, 10);
        Base memory base_ = b.base;
        assembly {
            let word := add(base_, mul(which, 32))
            mstore(word, add(mload(word), 1))
        }
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        forceClose(ch, b, none(), none());
    }

    function test_every_word_of_a_half_is_signed(uint256 which, bool ofA) public {
        open();
        uint8 side = ofA ? A : B;
        SignedBase memory b = plainBase(1);
        SignedHalf memory h = paid(ch, side, 1, 3, 4 ether);
        which = bound(which, 0, 5);
        assembly {
            let word := add(h, mul(which, 32))
            mstore(word, add(mload(word), 1))
        }
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ofA ? ch.a : ch.b));
        forceClose(ch, b, ofA ? h : none(), ofA ? none() : h);
    }

    /// Bits beyond a type are refused and do not hash as if they were not there.
    function test_dirty_words_are_refused(uint256 which) public {
        open();
        bytes memory data = abi.encodeCall(
            Adjudicator.forceClose, (ch, SALT, ANYTIME, plainBase(1), paid(ch, A, 1, 3, 4 ether), none())
        );
        // The channel's words, `until`, those of the base and those of a's half that are narrower than a word.
        uint256[20] memory words = [uint256(0), 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 24, 25, 26, 28];
        uint256 offset = 4 + 32 * words[bound(which, 0, 19)];
        data[offset] = 0x01;
        (bool ok,) = address(adjudicator).call(data);
        assertFalse(ok, "dirty");
        data[offset] = 0;
        (ok,) = address(adjudicator).call(data);
        assertTrue(ok, "clean");
    }

    function test_a_half_of_another_epoch_or_side_does_not_count() public {
        open();
        SignedBase memory b = plainBase(5);
        SignedHalf memory h = paid(ch, A, 4, 3, 4 ether);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        forceClose(ch, b, h, none());
        h = paid(ch, B, 5, 3, 4 ether);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        forceClose(ch, b, h, none());
    }

    function test_locks_come_with_a_root() public {
        open();
        Base memory b = base(ch, 1, 10 ether, 5 ether);
        b.lockedB = 1;
        SignedBase memory s = signed(ch, b);
        vm.expectRevert(Adjudicator.LocksWithoutRoot.selector);
        forceClose(ch, s, none(), none());
        s = plainBase(1);
        SignedHalf memory h;
        (h.seq, h.root) = (1, keccak256("root"));
        h = endorsed(ch, A, 1, halfWith(ch, A, 1, h));
        vm.expectRevert(Adjudicator.LocksWithoutRoot.selector);
        forceClose(ch, s, h, none());
    }

    function test_the_salt_is_the_channel_s() public {
        open();
        SignedBase memory b = plainBase(1);
        vm.expectRevert(Adjudicator.WrongSalt.selector);
        adjudicator.forceClose(ch, ch.saltHash, ANYTIME, b, none(), none());
    }

    function test_a_dispute_is_opened_once() public {
        open();
        SignedBase memory b = plainBase(1);
        forceClose(ch, b, none(), none());
        SignedBase memory later = plainBase(2);
        vm.expectRevert(abi.encodeWithSelector(Records.WrongPhase.selector, Records.Phase.DISPUTE));
        forceClose(ch, later, none(), none());
    }

    // Endorsements

    function test_the_payee_endorses_what_it_sends() public {
        open();
        SignedBase memory b = plainBase(1);
        SignedHalf memory h = half(ch, A, 1, 3, 4 ether);
        vm.expectRevert(abi.encodeWithSelector(Adjudicator.NotEndorsed.selector, A));
        vm.prank(ch.a); // the payer is not the payee
        forceClose(ch, b, h, none());
        vm.expectRevert(abi.encodeWithSelector(Adjudicator.NotEndorsed.selector, A));
        vm.prank(stranger);
        forceClose(ch, b, h, none());
        vm.prank(ch.b);
        forceClose(ch, b, h, none());
        checkSeqs(1, 3, 0);
    }

    function test_a_payee_s_signature_is_checked() public {
        open();
        SignedBase memory b = plainBase(1);
        SignedHalf memory h = half(ch, A, 1, 3, 4 ether);
        h.payee = h.payer;
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.b));
        forceClose(ch, b, h, none());
    }

    function acking(uint8 side, uint64 epoch, uint64 seq, uint128 sent, SignedHalf memory other)
        internal
        view
        returns (SignedHalf memory h)
    {
        (h.seq, h.sent, h.ackSeq, h.ackHash) = (seq, sent, other.seq, halfHash(id, 1 - side, epoch, other));
        return halfWith(ch, side, epoch, h);
    }

    function test_a_half_endorses_the_one_it_acknowledges() public {
        open();
        SignedBase memory b = plainBase(1);
        SignedHalf memory a = half(ch, A, 1, 3, 4 ether);
        SignedHalf memory other = half(ch, A, 1, 3, 5 ether);
        SignedHalf memory h = acking(B, 1, 2, 1 ether, a);
        vm.expectRevert(abi.encodeWithSelector(Adjudicator.NotEndorsed.selector, A));
        forceClose(ch, b, other, h);
        forceClose(ch, b, a, h);
        checkSeqs(1, 3, 0); // b's own is endorsed by nobody, and only endorses
        settle(stateWith(4 ether, 0));
        checkPaid(ETH, 6 ether, 9 ether);
    }

    function test_two_halves_never_endorse_by_emptiness() public {
        open();
        SignedBase memory b = plainBase(1);
        SignedHalf memory a = half(ch, A, 1, 3, 4 ether); // acknowledges nothing, and there is nothing
        vm.expectRevert(abi.encodeWithSelector(Adjudicator.NotEndorsed.selector, A));
        forceClose(ch, b, a, none());
        SignedHalf memory forged = none(); // no half, but with an acknowledgement
        forged.ackHash = halfHash(id, A, 1, a);
        vm.expectRevert(abi.encodeWithSelector(Adjudicator.NotEndorsed.selector, A));
        forceClose(ch, b, a, forged);
    }

    // Challenges

    function test_a_newer_half_replaces_an_older_one() public {
        open();
        forceClose(ch, plainBase(1), paid(ch, A, 1, 3, 1 ether), none());
        SignedHalf memory newer = paid(ch, A, 1, 4, 6 ether);
        vm.expectEmit(address(adjudicator));
        emit Adjudicator.StateChanged(
            id, (uint256(1) << 232) | (END << 192) | (uint256(1) << 128) | (uint256(4) << 64), stateWith(6 ether, 0)
        );
        adjudicator.challenge(ch, stateWith(1 ether, 0), newer, none());
        settle(stateWith(6 ether, 0));
        checkPaid(ETH, 4 ether, 11 ether);
    }

    function test_an_older_half_is_refused() public {
        open();
        forceClose(ch, plainBase(1), paid(ch, A, 1, 3, 1 ether), none());
        SignedHalf memory same = paid(ch, A, 1, 3, 6 ether);
        SignedHalf memory older = paid(ch, A, 1, 2, 6 ether);
        State memory s = stateWith(1 ether, 0);
        vm.expectRevert(Adjudicator.NothingNew.selector);
        adjudicator.challenge(ch, s, same, none());
        vm.expectRevert(Adjudicator.NothingNew.selector);
        adjudicator.challenge(ch, s, older, none());
        vm.expectRevert(Adjudicator.NothingNew.selector);
        adjudicator.challenge(ch, s, none(), none());
        SignedHalf memory theirs = paid(ch, B, 1, 1, 2 ether);
        adjudicator.challenge(ch, s, older, theirs); // is ignored beside one that counts
        checkSeqs(1, 3, 1);
        settle(stateWith(1 ether, 2 ether));
    }

    function test_a_challenge_names_the_state_it_changes() public {
        open();
        forceClose(ch, plainBase(1), paid(ch, A, 1, 3, 1 ether), none());
        SignedHalf memory newer = paid(ch, A, 1, 4, 6 ether);
        State memory s = stateWith(0, 0);
        vm.expectRevert(Adjudicator.WrongState.selector);
        adjudicator.challenge(ch, s, newer, none());
    }

    function test_a_later_base_replaces_everything() public {
        open();
        forceClose(ch, plainBase(1), paid(ch, A, 1, 300, 1 ether), paid(ch, B, 1, 200, 2 ether));
        Base memory b = base(ch, 2, 3 ether, 12 ether);
        SignedBase memory s = signed(ch, b);
        SignedHalf memory h = paid(ch, B, 2, 1, 0.5 ether);
        adjudicator.challengeBase(ch, s, none(), h);
        checkSeqs(2, 0, 1);
        vm.expectRevert(Adjudicator.NotNewer.selector);
        adjudicator.challengeBase(ch, s, none(), h);
        SignedBase memory old = plainBase(1);
        vm.expectRevert(Adjudicator.NotNewer.selector);
        adjudicator.challengeBase(ch, old, none(), none());
        State memory state = stateOf(b);
        state.sentB = 0.5 ether;
        settle(state);
        checkPaid(ETH, 3.5 ether, 11.5 ether);
    }

    function test_a_half_of_an_old_epoch_does_not_count_on_a_new_base() public {
        open();
        forceClose(ch, plainBase(2), none(), none());
        SignedHalf memory old = paid(ch, A, 1, 9, 6 ether);
        State memory s = stateWith(0, 0);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        adjudicator.challenge(ch, s, old, none());
    }

    function test_without_a_half_the_base_s_locks_count() public {
        open();
        Base memory b = base(ch, 4, 10 ether, 5 ether);
        (b.lockedA, b.rootA) = (2 ether, keccak256("locks of a's"));
        (b.lockedB, b.rootB) = (1 ether, keccak256("locks of b's"));
        forceClose(ch, signed(ch, b), none(), paid(ch, B, 4, 1, 0.5 ether)); // b's half has no locks any more
        State memory s = stateOf(b);
        (s.sentB, s.lockedB, s.rootB) = (0.5 ether, 0, 0);
        settle(s);
        checkPaid(ETH, 8.5 ether, 4.5 ether);
        assertEq(address(adjudicator).balance, 2 ether);
        checkPhase(ch, Records.Phase.UNLOCKING);
    }

    // Times

    function test_a_dispute_ends_at_a_fixed_second() public {
        open();
        SignedBase memory first = plainBase(1);
        SignedBase memory second = plainBase(2);
        SignedHalf memory h = paid(ch, A, 2, 1, 1 ether);
        SignedHalf memory late = paid(ch, A, 2, 2, 2 ether);
        SignedBase memory third = plainBase(3);
        State memory s0 = stateWith(0, 0);
        State memory s1 = stateWith(1 ether, 0);
        forceClose(ch, first, none(), none());
        vm.warp(END - 1);
        vm.expectRevert(Adjudicator.Early.selector);
        adjudicator.settle(ch, s0);
        adjudicator.challengeBase(ch, second, none(), none());
        adjudicator.challenge(ch, s0, h, none());
        vm.expectRevert(Adjudicator.Early.selector);
        adjudicator.settle(ch, s1);
        vm.warp(END);
        vm.expectRevert(Records.Late.selector);
        adjudicator.challenge(ch, s1, late, none());
        vm.expectRevert(Records.Late.selector);
        adjudicator.challengeBase(ch, third, none(), none());
        vm.expectRevert(Adjudicator.WrongState.selector);
        adjudicator.settle(ch, s0);
        vm.prank(stranger);
        adjudicator.settle(ch, s1);
        checkPaid(ETH, 9 ether, 6 ether);
    }

    function test_no_dispute_no_challenge_and_no_settlement() public {
        open();
        SignedBase memory b = plainBase(1);
        SignedHalf memory h = paid(ch, A, 1, 3, 1 ether);
        State memory s = stateWith(0, 0);
        for (uint256 i = 0; i < 2; i++) {
            bytes memory wrong = abi.encodeWithSelector(Records.WrongPhase.selector, Records.Phase.OPEN);
            vm.expectRevert(wrong);
            adjudicator.challenge(ch, s, h, none());
            vm.expectRevert(wrong);
            adjudicator.challengeBase(ch, b, none(), none());
            if (i == 1) wrong = abi.encodeWithSelector(Records.AlreadySettled.selector);
            vm.expectRevert(wrong);
            adjudicator.settle(ch, s);
            if (i == 1) break;
            forceClose(ch, b, none(), none());
            settle(s);
        }
    }

    /// A dispute on a closed id finds nothing to split, and everything is as it was.
    function test_a_closed_channel_pays_nothing_again() public {
        open();
        fund(channel(ETH, keccak256("other")), A, 50 ether);
        SignedBase memory b = plainBase(1);
        forceClose(ch, b, none(), none());
        settle(stateWith(0, 0));
        forceClose(ch, b, none(), none());
        checkPhase(ch, Records.Phase.CLOSED);
        vm.warp(block.timestamp + PERIOD);
        State memory s = stateWith(0, 0);
        s.credit = 0;
        vm.expectRevert(Records.AlreadySettled.selector);
        adjudicator.settle(ch, s);
        checkPaid(ETH, 10 ether, 5 ether);
    }

    // Money that moves in a dispute

    function test_deposits_and_withdrawals_in_a_dispute_go_to_their_side() public {
        open();
        forceClose(ch, plainBase(1), paid(ch, A, 1, 1, 1 ether), none());
        State memory s = stateWith(1 ether, 0);
        fund(ch, B, 8 ether);
        bytes32 hash = withdrawHash(id, A, 2 ether, uint64(START + 100));
        adjudicator.withdraw(ch, A, 2 ether, uint64(START + 100), sign(KEY_A, hash), sign(KEY_B, hash));
        settle(s);
        checkPaid(ETH, 2 ether + 7 ether, 9 ether);
        assertEq(address(adjudicator).balance, 0);
    }

    function test_both_may_still_agree_in_a_dispute() public {
        open();
        forceClose(ch, plainBase(1), none(), none());
        bytes32 hash = closeHash(id, 1 ether, uint64(START + 100));
        adjudicator.coopClose(ch, 1 ether, uint64(START + 100), sign(KEY_A, hash), sign(KEY_B, hash));
        checkPaid(ETH, 9 ether, 6 ether);
        checkPhase(ch, Records.Phase.CLOSED);
        State memory s = stateWith(0, 0);
        vm.warp(END);
        vm.expectRevert(Records.AlreadySettled.selector);
        adjudicator.settle(ch, s);
    }

    // Splitting

    function test_a_share_is_neither_negative_nor_more_than_all() public {
        open();
        forceClose(ch, plainBase(1), paid(ch, A, 1, 1, 11 ether), none());
        settle(stateWith(11 ether, 0));
        checkPaid(ETH, 0, 15 ether);
    }

    function test_locks_come_out_of_their_payer_s_share() public {
        open();
        Base memory b = base(ch, 1, 1 ether, 14 ether);
        (b.lockedA, b.rootA) = (2 ether, keccak256("locks"));
        forceClose(ch, signed(ch, b), none(), none());
        settle(stateOf(b));
        checkPaid(ETH, 0, 14 ether);
        assertEq(address(adjudicator).balance, 1 ether);
    }

    struct Sums {
        uint128 depA;
        uint128 depB;
        uint128 balA;
        uint128 balB;
        uint128 claimedA;
        uint128 claimedB;
        uint128 sentA;
        uint128 sentB;
        uint128 lockedA;
        uint128 lockedB;
    }

    /// Whatever the two sign, sums that fit or not: what is paid and what waits is what was deposited.
    function test_any_split_is_exact(Sums memory n) public {
        n.depA = uint128(bound(n.depA, 1, 1e29));
        n.depB = uint128(bound(n.depB, 1, 1e29));
        fund(ch, A, n.depA);
        fund(ch, B, n.depB);
        fund(channel(ETH, keccak256("other")), A, 1e29);
        Base memory b;
        (b.epoch, b.balA, b.balB, b.depA, b.depB) = (1, n.balA, n.balB, n.claimedA, n.claimedB);
        (b.lockedB, b.rootB) = (n.lockedB, n.lockedB == 0 ? bytes32(0) : keccak256("locks of b's"));
        SignedHalf memory h;
        (h.seq, h.sent, h.locked) = (1, n.sentA, n.lockedA);
        h.root = n.lockedA == 0 ? bytes32(0) : keccak256("locks of a's");
        h = endorsed(ch, A, 1, halfWith(ch, A, 1, h));
        State memory s = stateOf(b);
        (s.sentA, s.lockedA, s.rootA) = (n.sentA, n.lockedA, h.root);
        forceClose(ch, signed(ch, b), h, none());
        settle(s);

        int256 share =
            int256(uint256(n.balA)) + int256(uint256(n.depA)) - int256(uint256(n.claimedA)) - int256(uint256(n.sentA));
        uint256 total = uint256(n.depA) + n.depB;
        uint256 a = share < 0 ? 0 : uint256(share) > total ? total : uint256(share);
        uint256 potA = n.lockedA < a ? n.lockedA : a;
        uint256 potB = n.lockedB < total - a ? n.lockedB : total - a;
        checkPaid(ETH, a - potA, total - a - potB);
        assertEq(address(adjudicator).balance, 1e29 + potA + potB);
    }

    /// Epochs and halves in any order end in the same split: the highest epoch, and in it the highest seqs.
    function test_the_order_of_submissions_does_not_matter(uint256 seed) public {
        open();
        uint64[6] memory epochs = [uint64(1), 1, 2, 2, 3, 3];
        uint256[6] memory order = [uint256(0), 1, 2, 3, 4, 5];
        for (uint256 i = 5; i > 0; i--) {
            uint256 j = uint256(keccak256(abi.encode(seed, i))) % (i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }
        State memory s; // as the contract knows it
        uint64 epoch;
        for (uint256 k = 0; k < 6; k++) {
            uint256 i = order[k];
            uint64 e = epochs[i];
            Base memory b = base(ch, e, 10 ether - e, 5 ether + e);
            // Each package has a half of either side; the better one of an epoch differs by side.
            SignedHalf memory a = paid(ch, A, e, uint64(2 + (i & 1)), uint128(1 ether * e + i));
            SignedHalf memory h = paid(ch, B, e, uint64(3 - (i & 1)), uint128(0.1 ether * e + i));
            vm.recordLogs();
            if (k == 0) {
                forceClose(ch, signed(ch, b), a, h);
            } else if (e > epoch) {
                adjudicator.challengeBase(ch, signed(ch, b), a, h);
            } else if (e == epoch) {
                try adjudicator.challenge(ch, s, a, h) {} catch {}
            } else {
                SignedBase memory old = signed(ch, b);
                vm.expectRevert(Adjudicator.NotNewer.selector);
                adjudicator.challengeBase(ch, old, a, h);
            }
            epoch = e > epoch ? e : epoch;
            s = lastState(s);
        }
        checkSeqs(3, 3, 3);
        assertEq(s.sentA, 3 ether + 5);
        assertEq(s.sentB, 0.3 ether + 4);
        settle(s);
        uint256 paidByA = 3 + (3 ether + 5) - (0.3 ether + 4);
        checkPaid(ETH, 10 ether - paidByA, 5 ether + paidByA);
    }

    /// The state in the newest StateChanged, or the one before.
    function lastState(State memory before) internal returns (State memory s) {
        s = before;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] == Adjudicator.StateChanged.selector) {
                (, s) = abi.decode(logs[i].data, (uint256, State));
            }
        }
    }

    // Replays

    function test_nothing_signed_for_one_channel_counts_on_another() public {
        Channel memory other = channel(ETH, keccak256("other"));
        open();
        fund(other, A, 10 ether);
        SignedBase memory b = signed(other, base(ch, 1, 0, 15 ether));
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        forceClose(ch, b, none(), none());
        SignedHalf memory h = paid(other, A, 1, 5, 10 ether);
        b = plainBase(1);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        forceClose(ch, b, h, none());
    }

    /// The same contract on a chain that split off, and another contract on the same chain: neither takes
    /// what was signed here, even for a channel that claims this one's id.
    function test_nothing_signed_here_counts_on_another_chain_or_contract() public {
        open();
        SignedBase memory b = plainBase(1);
        Adjudicator second = new Adjudicator(registry, court);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        second.forceClose(ch, SALT, ANYTIME, b, none(), none());
        // With an id of the second contract's in the message, the domain still differs.
        bytes32 there = keccak256(abi.encode(pairAt(ch, block.chainid, address(second)), ETH));
        bytes32 hash = baseHash(there, b.base);
        SignedBase memory mixed = SignedBase(b.base, sign(KEY_A, hash), sign(KEY_B, hash));
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        second.forceClose(ch, SALT, ANYTIME, mixed, none(), none());
        vm.chainId(block.chainid + 1);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        forceClose(ch, b, none(), none());
        // The chain's own signatures do count, after the split.
        forceClose(ch, plainBase(1), none(), none());
    }
}
