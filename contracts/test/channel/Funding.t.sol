// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Adjudicator} from "../../channel/Adjudicator.sol";
import {Payouts} from "../../channel/Payouts.sol";
import {Records} from "../../channel/Records.sol";
import {Signatures} from "../../channel/Signatures.sol";
import {Channel, Signature} from "../../channel/Types.sol";
import {ChannelBase} from "./Base.t.sol";

/// A channel without a dispute: in, out, closed by both.
contract FundingTest is ChannelBase {
    uint64 internal constant UNTIL = uint64(START + 100);
    uint128 internal constant MOST = (1 << 127) - 1;

    function withdraw(Channel memory c, uint8 side, uint128 total, uint64 until) internal {
        bytes32 hash = withdrawHash(idOf(c), side, total, until);
        adjudicator.withdraw(c, side, total, until, sign(KEY_A, hash), sign(KEY_B, hash));
    }

    function coopClose(Channel memory c, int128 net, uint64 until) internal {
        bytes32 hash = closeHash(idOf(c), net, until);
        adjudicator.coopClose(c, net, until, sign(KEY_A, hash), sign(KEY_B, hash));
    }

    function test_the_id_is_a_hash_of_all_terms() public {
        assertEq(adjudicator.idOf(ch), id);
        Channel[7] memory others;
        for (uint256 i = 0; i < 7; i++) {
            others[i] = channel(ETH, SALT);
        }
        others[0].a = stranger;
        others[1].b = stranger;
        others[2].asset = address(token);
        others[3].challenge++;
        others[4].payoutA = stranger;
        others[5].payoutB = stranger;
        others[6].saltHash = 0;
        for (uint256 i = 0; i < 7; i++) {
            assertNotEq(adjudicator.idOf(others[i]), id);
            assertEq(adjudicator.idOf(others[i]), idOf(others[i]));
        }
        vm.chainId(999);
        assertNotEq(adjudicator.idOf(ch), id);
    }

    // Deposits

    function test_deposits_add_up_by_side() public {
        vm.expectEmit(address(adjudicator));
        emit Adjudicator.Deposited(id, A, 5 ether);
        fund(ch, A, 5 ether);
        fund(ch, B, 2 ether);
        fund(ch, A, 6 ether);
        (uint128 a, uint128 b) = adjudicator.depositsOf(id);
        assertEq(a, 6 ether);
        assertEq(b, 2 ether);
        assertEq(address(adjudicator).balance, 8 ether);
        checkPhase(ch, Records.Phase.OPEN);
    }

    function test_a_deposit_sent_twice_is_taken_once() public {
        bytes32 pair = pairOf(ch);
        fund(ch, A, 5 ether);
        vm.startPrank(funder);
        vm.expectRevert(Adjudicator.NotNewer.selector);
        adjudicator.deposit{value: 5 ether}(pair, ETH, A, 5 ether);
        vm.expectRevert(Adjudicator.NotNewer.selector);
        adjudicator.deposit{value: 4 ether}(pair, ETH, A, 4 ether);
        vm.expectRevert(Adjudicator.NotNewer.selector);
        adjudicator.deposit(pair, ETH, B, 0);
    }

    function test_a_deposit_has_exactly_its_ether(uint256 value) public {
        value = bound(value, 0, 10 ether);
        vm.assume(value != 2 ether);
        bytes32 pair = pairOf(ch);
        fund(ch, A, 5 ether);
        vm.prank(funder);
        vm.expectRevert(abi.encodeWithSelector(Payouts.WrongAmount.selector, value));
        adjudicator.deposit{value: value}(pair, ETH, A, 7 ether);
    }

    function test_deposits_of_tokens() public {
        Channel memory c = channel(address(token), SALT);
        fund(c, B, 5 ether);
        fund(c, B, 7 ether);
        (uint128 a, uint128 b) = adjudicator.depositsOf(idOf(c));
        assertEq(a, 0);
        assertEq(b, 7 ether);
        assertEq(token.balanceOf(address(adjudicator)), 7 ether);
        bytes32 pair = pairOf(c);
        vm.prank(funder);
        vm.expectRevert(abi.encodeWithSelector(Payouts.WrongAmount.selector, 1));
        adjudicator.deposit{value: 1}(pair, address(token), B, 8 ether);
        vm.prank(stranger);
        vm.expectRevert();
        adjudicator.deposit(pair, address(token), B, 8 ether);
        vm.prank(funder);
        vm.expectRevert(); // no token there
        adjudicator.deposit(pair, address(0xdead), B, 8 ether);
    }

    function test_another_asset_is_another_channel() public {
        fund(channel(address(token), SALT), A, 5 ether);
        (uint128 a,) = adjudicator.depositsOf(id);
        assertEq(a, 0);
    }

    function test_deposits_have_a_limit() public {
        bytes32 pair = pairOf(ch);
        vm.deal(funder, type(uint128).max);
        vm.startPrank(funder);
        vm.expectRevert(Adjudicator.AmountTooLarge.selector);
        adjudicator.deposit{value: uint256(MOST) + 1}(pair, ETH, A, MOST + 1);
        vm.expectRevert(Adjudicator.BadSide.selector);
        adjudicator.deposit{value: 1}(pair, ETH, 2, 1);
        adjudicator.deposit{value: MOST}(pair, ETH, B, MOST);
        adjudicator.deposit{value: MOST}(pair, ETH, A, MOST);
        vm.stopPrank();
        (uint128 a, uint128 b) = adjudicator.depositsOf(id);
        assertEq(a, MOST);
        assertEq(b, MOST);
        coopClose(ch, int128(MOST), UNTIL);
        checkPaid(ETH, 0, 2 * uint256(MOST));
    }

    function test_any_deposits_are_kept_apart(uint128[6] memory totals) public {
        uint128[2] memory expected;
        for (uint256 i = 0; i < 6; i++) {
            uint8 side = uint8(i & 1);
            uint128 total = uint128(bound(totals[i], 1, 1e29));
            if (total <= expected[side]) continue;
            fund(ch, side, total);
            expected[side] = total;
        }
        (uint128 a, uint128 b) = adjudicator.depositsOf(id);
        assertEq(a, expected[0]);
        assertEq(b, expected[1]);
        assertEq(address(adjudicator).balance, uint256(a) + b);
    }

    // Withdrawals

    function test_withdrawals_go_to_the_payout_address() public {
        fund(ch, A, 5 ether);
        fund(ch, B, 1 ether);
        vm.expectEmit(address(adjudicator));
        emit Adjudicator.Withdrawn(id, B, 2 ether);
        withdraw(ch, B, 2 ether, UNTIL); // b has got it from a
        withdraw(ch, A, 1 ether, UNTIL);
        withdraw(ch, B, 2.5 ether, UNTIL);
        (uint128 a, uint128 b) = adjudicator.withdrawalsOf(id);
        assertEq(a, 1 ether);
        assertEq(b, 2.5 ether);
        checkPaid(ETH, 1 ether, 2.5 ether);
        (a, b) = adjudicator.depositsOf(id);
        assertEq(a, 5 ether);
        assertEq(b, 1 ether);
    }

    function test_a_withdrawal_is_paid_once() public {
        fund(ch, A, 5 ether);
        withdraw(ch, A, 1 ether, UNTIL);
        bytes32 hash = withdrawHash(id, A, 1 ether, UNTIL);
        Signature memory a = sign(KEY_A, hash);
        Signature memory b = sign(KEY_B, hash);
        vm.expectRevert(Adjudicator.NotNewer.selector);
        adjudicator.withdraw(ch, A, 1 ether, UNTIL, a, b);
        checkPaid(ETH, 1 ether, 0);
    }

    function test_withdrawals_never_exceed_the_deposits() public {
        fund(ch, A, 5 ether);
        fund(channel(ETH, keccak256("other")), A, 5 ether); // is not theirs to take
        withdraw(ch, A, 3 ether, UNTIL);
        bytes32 hash = withdrawHash(id, B, 2 ether + 1, UNTIL);
        Signature memory a = sign(KEY_A, hash);
        Signature memory b = sign(KEY_B, hash);
        vm.expectRevert(Adjudicator.MoreThanDeposited.selector);
        adjudicator.withdraw(ch, B, 2 ether + 1, UNTIL, a, b);
        withdraw(ch, B, 2 ether, UNTIL);
        assertEq(address(adjudicator).balance, 5 ether);
    }

    function test_a_withdrawal_is_valid_to_its_last_second() public {
        fund(ch, A, 5 ether);
        bytes32 hash = withdrawHash(id, A, 1 ether, UNTIL);
        Signature memory a = sign(KEY_A, hash);
        Signature memory b = sign(KEY_B, hash);
        vm.warp(UNTIL + 1);
        vm.expectRevert(Records.Late.selector);
        adjudicator.withdraw(ch, A, 1 ether, UNTIL, a, b);
        vm.warp(UNTIL);
        adjudicator.withdraw(ch, A, 1 ether, UNTIL, a, b);
    }

    function test_a_withdrawal_needs_both_signatures() public {
        fund(ch, A, 5 ether);
        bytes32 hash = withdrawHash(id, A, 1 ether, UNTIL);
        Signature memory a = sign(KEY_A, hash);
        Signature memory b = sign(KEY_B, hash);
        Signature memory x = sign(KEY_X, hash);
        Signature memory zero;
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        adjudicator.withdraw(ch, A, 1 ether, UNTIL, b, a);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.b));
        adjudicator.withdraw(ch, A, 1 ether, UNTIL, a, a);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.b));
        adjudicator.withdraw(ch, A, 1 ether, UNTIL, a, x);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        adjudicator.withdraw(ch, A, 1 ether, UNTIL, zero, b);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        adjudicator.withdraw(ch, A, 2 ether, UNTIL, a, b);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        adjudicator.withdraw(ch, B, 1 ether, UNTIL, a, b);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        adjudicator.withdraw(ch, A, 1 ether, UNTIL + 1, a, b);
        vm.expectRevert(Adjudicator.BadSide.selector);
        adjudicator.withdraw(ch, 2, 1 ether, UNTIL, a, b);
    }

    // Closing

    function test_a_close_that_both_signed_pays_at_once() public {
        fund(ch, A, 5 ether);
        fund(ch, B, 1 ether);
        vm.expectEmit(address(adjudicator));
        emit Adjudicator.CoopClosed(id, 2 ether, 4 ether);
        coopClose(ch, 3 ether, UNTIL);
        checkPaid(ETH, 2 ether, 4 ether);
        checkPhase(ch, Records.Phase.CLOSED);
    }

    function test_a_close_counts_what_was_withdrawn_and_what_came_later() public {
        Channel memory c = channel(address(token), SALT);
        fund(c, A, 5 ether);
        fund(c, B, 1 ether);
        bytes32 hash = closeHash(idOf(c), -1 ether, UNTIL); // b has paid its all
        withdraw(c, A, 2 ether, UNTIL);
        fund(c, B, 1.5 ether);
        adjudicator.coopClose(c, -1 ether, UNTIL, sign(KEY_A, hash), sign(KEY_B, hash));
        checkPaid(address(token), 2 ether + 4 ether, 0.5 ether);
        assertEq(token.balanceOf(address(adjudicator)), 0);
    }

    function test_any_close_pays_out_all_there_is(uint128 depA, uint128 depB, uint128 wdA, uint128 wdB, int128 net)
        public
    {
        depA = uint128(bound(depA, 1, 1e29));
        depB = uint128(bound(depB, 1, 1e29));
        wdA = uint128(bound(wdA, 0, depA));
        wdB = uint128(bound(wdB, 0, depA + depB - wdA));
        fund(ch, A, depA);
        fund(ch, B, depB);
        if (wdA > 0) withdraw(ch, A, wdA, UNTIL);
        if (wdB > 0) withdraw(ch, B, wdB, UNTIL);
        int256 least = int256(uint256(wdB)) - int256(uint256(depB)); // b pays all it has
        int256 most = int256(uint256(depA)) - int256(uint256(wdA));
        net = int128(bound(net, least, most));
        coopClose(ch, net, UNTIL);
        checkPaid(ETH, uint256(int256(uint256(depA)) - net), uint256(int256(uint256(depB)) + net));
        assertEq(address(adjudicator).balance, 0);
    }

    function test_a_close_pays_nobody_more_than_there_is() public {
        fund(ch, A, 5 ether);
        fund(ch, B, 1 ether);
        fund(channel(ETH, keccak256("other")), A, 50 ether);
        int128[4] memory nets = [int128(5 ether) + 1, -1 ether - 1, type(int128).max, type(int128).min];
        for (uint256 i = 0; i < 4; i++) {
            bytes32 hash = closeHash(id, nets[i], UNTIL);
            Signature memory a = sign(KEY_A, hash);
            Signature memory b = sign(KEY_B, hash);
            vm.expectRevert(Adjudicator.MoreThanDeposited.selector);
            adjudicator.coopClose(ch, nets[i], UNTIL, a, b);
        }
    }

    function test_a_close_is_valid_to_its_last_second_and_with_both_signatures() public {
        fund(ch, A, 5 ether);
        bytes32 hash = closeHash(id, 1 ether, UNTIL);
        Signature memory a = sign(KEY_A, hash);
        Signature memory b = sign(KEY_B, hash);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.b));
        adjudicator.coopClose(ch, 1 ether, UNTIL, a, a);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        adjudicator.coopClose(ch, 1 ether, UNTIL, b, b);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        adjudicator.coopClose(ch, 1 ether + 1, UNTIL, a, b);
        vm.warp(UNTIL + 1);
        vm.expectRevert(Records.Late.selector);
        adjudicator.coopClose(ch, 1 ether, UNTIL, a, b);
        vm.warp(UNTIL);
        adjudicator.coopClose(ch, 1 ether, UNTIL, a, b);
    }

    function test_a_closed_channel_stays_closed() public {
        fund(ch, A, 5 ether);
        coopClose(ch, 1 ether, UNTIL);
        fund(channel(ETH, keccak256("other")), A, 50 ether);
        bytes32 pair = pairOf(ch);
        bytes32 hash = closeHash(id, 0, UNTIL);
        Signature memory a = sign(KEY_A, hash);
        Signature memory b = sign(KEY_B, hash);
        vm.expectRevert(Records.AlreadySettled.selector);
        adjudicator.coopClose(ch, 0, UNTIL, a, b);
        hash = withdrawHash(id, A, 1, UNTIL);
        (a, b) = (sign(KEY_A, hash), sign(KEY_B, hash));
        vm.expectRevert(Records.AlreadySettled.selector);
        adjudicator.withdraw(ch, A, 1, UNTIL, a, b);
        vm.prank(funder);
        vm.expectRevert(Records.AlreadySettled.selector);
        adjudicator.deposit{value: 1 ether}(pair, ETH, A, 6 ether);
        vm.prank(funder);
        vm.expectRevert(Records.AlreadySettled.selector);
        adjudicator.deposit{value: 1 ether}(pair, ETH, A, 1 ether);
        checkPhase(ch, Records.Phase.CLOSED);
    }

    function test_a_signature_has_one_form() public {
        fund(ch, A, 5 ether);
        bytes32 hash = closeHash(id, 1 ether, UNTIL);
        Signature memory a = sign(KEY_A, hash);
        Signature memory b = sign(KEY_B, hash);
        // The other root: n - s with the other parity. It does not fit below the recovery bit.
        uint256 n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        uint256 s = uint256(a.vs) & (type(uint256).max >> 1);
        uint256 parity = uint256(a.vs) >> 255;
        Signature memory high = Signature(a.r, bytes32((n - s) | ((1 - parity) << 255)));
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        adjudicator.coopClose(ch, 1 ether, UNTIL, high, b);
        Signature memory other = Signature(a.r, a.vs ^ bytes32(uint256(1) << 255));
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, ch.a));
        adjudicator.coopClose(ch, 1 ether, UNTIL, other, b);
    }

    function test_nobody_signs_for_the_zero_address() public {
        Channel memory c = channel(ETH, SALT);
        c.a = address(0);
        fund(c, A, 5 ether);
        bytes32 hash = closeHash(idOf(c), 5 ether, UNTIL);
        Signature memory b = sign(KEY_B, hash);
        Signature[2] memory forged = [Signature(0, 0), Signature(bytes32(uint256(1)), 0)];
        for (uint256 i = 0; i < 2; i++) {
            vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, address(0)));
            adjudicator.coopClose(c, 5 ether, UNTIL, forged[i], b);
        }
    }
}
