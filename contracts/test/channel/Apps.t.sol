// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Adjudicator} from "../../channel/Adjudicator.sol";
import {Apps} from "../../channel/Apps.sol";
import {App, AppState, IApp, FIRST, SECOND, OVER} from "../../channel/apps/IApp.sol";
import {TicTacToe} from "../../channel/apps/TicTacToe.sol";
import {Base, BatchProof, Chunk, Pots, Signature} from "../../channel/Types.sol";
import {ChannelBase} from "./Base.t.sol";

/// Rules that waste all the gas they get.
contract Burner is IApp {
    function validTransition(App calldata, AppState calldata, AppState calldata) external pure returns (bool) {
        while (true) {}
        return true;
    }
}

/// What the court is shown. Ids and digests are computed here a second time, from README.md.
abstract contract AppsBase is ChannelBase {
    uint128 internal constant STAKE = 2 ether;
    uint128 internal constant OTHER = 1 ether;
    uint32 internal constant TIME = 600;

    function appOf(IApp rules, AppState memory start) internal view returns (App memory) {
        bytes32 hash = keccak256(abi.encode(start));
        return App(ch.a, ch.b, STAKE, OTHER, address(rules), TIME, hash, keccak256("salt of an app"), "");
    }

    function game() internal returns (App memory, AppState memory start) {
        start = AppState(0, FIRST, 0, 0, new bytes(9));
        return (appOf(new TicTacToe(), start), start);
    }

    function idOf(App memory app) internal pure returns (bytes32) {
        return keccak256(abi.encode(app));
    }

    function signApp(uint256 key, App memory app, AppState memory s) internal view returns (Signature memory out) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("varve app"),
                keccak256("1"),
                block.chainid,
                address(court)
            )
        );
        bytes32 kind = keccak256(
            "AppState(bytes32 app,uint64 version,uint8 mover,uint128 fromFirst,uint128 fromSecond,bytes data)"
        );
        bytes32 hash =
            keccak256(abi.encode(kind, idOf(app), s.version, s.mover, s.fromFirst, s.fromSecond, keccak256(s.data)));
        (out.r, out.vs) = vm.signCompact(key, keccak256(abi.encodePacked(hex"1901", domain, hash)));
    }

    /// Signatures come before the call, which is what expectRevert expects.
    function dispute(App memory app, AppState memory s, bytes memory why) internal {
        Signature memory a = signApp(KEY_A, app, s);
        Signature memory b = signApp(KEY_B, app, s);
        if (why.length != 0) vm.expectRevert(why);
        vm.prank(stranger);
        court.appDispute(app, s, a, b);
    }

    function move(App memory app, AppState memory from, AppState memory to, bytes memory why) internal {
        Signature memory signature = signApp(keyOf(from.mover & 1), app, to);
        if (why.length != 0) vm.expectRevert(why);
        vm.prank(stranger);
        court.appMove(app, from, to, signature);
    }

    function settle(App memory app, AppState memory s, bytes memory why) internal {
        if (why.length != 0) vm.expectRevert(why);
        vm.prank(stranger);
        court.appSettle(app, s);
    }

    function selected(bytes4 selector) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector);
    }

    function checkKept(App memory app, uint256 when, uint256 byFirst, uint256 bySecond) internal view {
        (uint256 decidedAt, uint256 kept) = court.keptOf(idOf(app), false);
        assertEq(decidedAt, when, "decided");
        assertEq(kept, byFirst, "kept by the first");
        (, kept) = court.keptOf(idOf(app), true);
        assertEq(kept, bySecond, "kept by the second");
    }

    /// The mover's mark in a cell, and the other's turn.
    function mark(AppState memory from, uint256 cell) internal pure returns (AppState memory to) {
        to = AppState(from.version + 1, 1 - from.mover, 0, 0, bytes.concat(from.data));
        to.data[cell] = bytes1(from.mover + 1);
    }
}

contract AppsTest is AppsBase {
    function test_a_game_goes_on_in_the_court() public {
        (App memory app, AppState memory start) = game();
        AppState memory now_ = mark(mark(start, 0), 3);
        dispute(app, now_, ""); // two moves were made off chain
        AppState memory next = mark(now_, 1);
        vm.warp(START + TIME);
        move(app, now_, next, selected(Apps.Early.selector));
        vm.warp(START + TIME + 1);
        move(app, now_, next, "");
        now_ = next;
        next = mark(now_, 4);
        vm.warp(START + 2 * TIME + 1);
        move(app, now_, next, "");
        now_ = next;
        next = mark(now_, 2); // 0, 1, 2
        move(app, now_, next, selected(Apps.NotValid.selector)); // the game is over
        (next.mover, next.fromSecond) = (OVER, OTHER);
        move(app, now_, next, "");
        checkKept(app, 0, 0, 0);
        settle(app, next, "");
        checkKept(app, block.timestamp, STAKE, 0);
        settle(app, next, selected(Apps.Decided.selector));
        move(app, next, next, selected(Apps.Decided.selector));
    }

    function test_who_does_not_move_in_time_loses_its_stake(bool moved) public {
        (App memory app, AppState memory s) = game();
        dispute(app, s, ""); // nobody moved, nothing is signed
        uint256 end = START + 2 * TIME;
        if (moved) {
            vm.warp(end);
            AppState memory next = mark(s, 4);
            move(app, s, next, "");
            (s, end) = (next, end + TIME);
        }
        vm.warp(end);
        settle(app, s, selected(Apps.Early.selector));
        vm.warp(end + 1);
        move(app, s, mark(s, 8), selected(Apps.Late.selector));
        settle(app, s, "");
        checkKept(app, end + 1, moved ? STAKE : 0, moved ? 0 : OTHER);
    }

    function test_the_newest_state_that_both_signed_stands() public {
        (App memory app, AppState memory start) = game();
        AppState memory one_ = mark(start, 0);
        AppState memory two = mark(one_, 1);
        dispute(app, one_, "");
        vm.warp(START + TIME);
        dispute(app, two, ""); // the last second
        dispute(app, one_, selected(Apps.NotNewer.selector));
        dispute(app, start, selected(Apps.NotNewer.selector));
        AppState memory three = mark(two, 2);
        Signature memory a = signApp(KEY_A, app, three);
        vm.expectRevert(abi.encodeWithSelector(Apps.NotSigned.selector, ch.b));
        court.appDispute(app, three, a, a);
        vm.warp(START + TIME + 1);
        dispute(app, three, selected(Apps.Late.selector)); // shown or not: the time does not begin again
        move(app, one_, two, selected(Apps.WrongState.selector));
        Signature memory b = signApp(KEY_B, app, three);
        vm.expectRevert(abi.encodeWithSelector(Apps.NotSigned.selector, ch.a)); // the first is to move
        court.appMove(app, two, three, b);
        three.version++;
        move(app, two, three, selected(Apps.NotValid.selector));
        three.version--;
        move(app, two, three, "");
    }

    function test_what_is_not_signed_is_not_shown() public {
        (App memory app, AppState memory start) = game();
        AppState memory other = mark(start, 0);
        other.version = 0;
        dispute(app, other, selected(Apps.WrongState.selector)); // a start that is not the app's
        other = mark(start, 0);
        other.fromFirst = STAKE + 1;
        dispute(app, other, selected(Apps.MoreThanAtStake.selector));
        settle(app, start, selected(Apps.Early.selector)); // no dispute
        move(app, start, mark(start, 0), selected(Apps.Early.selector));
        Signature memory a = signApp(KEY_A, app, mark(start, 0));
        app.salt = keccak256("another game");
        vm.expectRevert(abi.encodeWithSelector(Apps.NotSigned.selector, ch.a));
        court.appDispute(app, mark(start, 0), a, a);
    }

    function test_rules_that_waste_their_gas_allow_nothing() public {
        AppState memory s = AppState(0, FIRST, 0, 0, "");
        App memory app = appOf(new Burner(), s);
        dispute(app, s, "");
        vm.warp(START + TIME + 1);
        uint256 before = gasleft();
        move(app, s, AppState(1, OVER, 0, OTHER, ""), selected(Apps.NotValid.selector));
        assertLt(before - gasleft(), 1_300_000);
        app = appOf(IApp(address(0)), s); // no rules, no moves
        dispute(app, s, "");
        vm.warp(START + 2 * TIME + 2);
        move(app, s, AppState(1, OVER, 0, OTHER, ""), selected(Apps.NotValid.selector));
    }

    /// A virtual channel: states that are over, each until a newer one is shown.
    function test_without_moves_the_newest_state_decides(uint64 older, uint64 newer, uint128 paid) public {
        newer = uint64(bound(newer, 1, type(uint64).max));
        older = uint64(bound(older, 0, newer - 1));
        paid = uint128(bound(paid, 0, STAKE));
        AppState memory s = AppState(0, OVER, 0, 0, "");
        App memory app = appOf(IApp(address(0)), s);
        if (older != 0) (s.version, s.fromFirst) = (older, STAKE);
        dispute(app, s, "");
        AppState memory last = AppState(newer, OVER, paid, OTHER - paid / 2, "");
        dispute(app, last, "");
        vm.warp(START + TIME);
        settle(app, last, selected(Apps.Early.selector));
        vm.warp(START + TIME + 1);
        settle(app, s, selected(Apps.WrongState.selector));
        settle(app, last, "");
        checkKept(app, START + TIME + 1, STAKE - paid, paid / 2);
    }
}

/// Locks whose condition is an app. a is the first and has 10 ether, b 5.
contract AppLocksTest is AppsBase {
    uint256 internal constant EXPIRY = END + 1 days;
    Pots internal pots;

    function setUp() public override {
        super.setUp();
        fund(ch, A, 10 ether);
        fund(ch, B, 5 ether);
        fund(channel(ETH, keccak256("other")), A, 50 ether);
    }

    function appLock(uint128 amount, bool second, App memory app) internal pure returns (bytes memory) {
        return abi.encode((uint256(amount) << 128) | (uint256(second ? 2 : 1) << 40) | EXPIRY, idOf(app));
    }

    function closeWith(bytes memory ofA, uint128 lockedA, bytes memory ofB, uint128 lockedB) internal {
        Base memory b = base(ch, 1, 10 ether, 5 ether);
        if (lockedA != 0) (b.lockedA, b.rootA) = (lockedA, keccak256(abi.encode(1, keccak256(ofA))));
        if (lockedB != 0) (b.lockedB, b.rootB) = (lockedB, keccak256(abi.encode(1, keccak256(ofB))));
        forceClose(ch, signed(ch, b), none(), none());
        vm.warp(END);
        adjudicator.settle(ch, stateOf(b));
        pots = Pots(b.rootA, b.rootB, b.lockedA, b.lockedB, 0, 0);
    }

    function unlock(uint8 side, bytes memory locks, bytes memory why) internal {
        Chunk memory chunk;
        (chunk.side, chunk.count, chunk.locks) = (side, 1, locks);
        if (why.length != 0) vm.expectRevert(why);
        adjudicator.unlock(ch, pots, chunk, new BatchProof[](0));
        if (why.length != 0) return;
        if (side == A) (pots.potA, pots.doneA) = (0, 1);
        else (pots.potB, pots.doneB) = (0, 1);
    }

    /// The court's word, whoever won: with `paid` of the stakes already paid off chain.
    function decide(App memory app, uint128 fromFirst, uint128 fromSecond) internal {
        AppState memory s = AppState(1, OVER, fromFirst, fromSecond, "");
        dispute(app, s, "");
        vm.warp(block.timestamp + TIME + 1);
        settle(app, s, "");
    }

    function plain() internal view returns (App memory) {
        return appOf(IApp(address(0)), AppState(0, OVER, 0, 0, ""));
    }

    function test_a_winner_gets_the_loser_s_lock_and_its_own_back() public {
        App memory app = plain();
        bytes memory ofA = appLock(STAKE, false, app);
        bytes memory ofB = appLock(OTHER, true, app);
        closeWith(ofA, STAKE, ofB, OTHER);
        checkPaid(ETH, 8 ether, 4 ether);
        unlock(A, ofA, abi.encodeWithSelector(Adjudicator.Undecided.selector, 0));
        decide(app, 0, OTHER);
        unlock(A, ofA, "");
        unlock(B, ofB, "");
        checkPaid(ETH, 11 ether, 4 ether);
        assertEq(address(adjudicator).balance, 50 ether);
    }

    /// Of a lock of which some was paid off chain the payee gets no more than what the app gives beyond that.
    function test_what_was_paid_before_is_not_paid_again(uint128 fromFirst, uint128 paid) public {
        App memory app = plain();
        fromFirst = uint128(bound(fromFirst, 0, STAKE));
        paid = uint128(bound(paid, 0, STAKE - 1));
        bytes memory ofA = appLock(STAKE - paid, false, app);
        decide(app, fromFirst, 0);
        vm.warp(START);
        closeWith(ofA, STAKE - paid, "", 0);
        uint128 before = uint128(payoutB.balance);
        vm.warp(EXPIRY + 365 days);
        unlock(A, ofA, "");
        assertEq(payoutB.balance - before, fromFirst > paid ? fromFirst - paid : 0);
        assertEq(address(adjudicator).balance, 50 ether);
    }

    function test_what_is_decided_after_the_expiry_returns(bool late) public {
        App memory app = plain();
        bytes memory ofA = appLock(STAKE, false, app);
        closeWith(ofA, STAKE, "", 0);
        vm.warp(EXPIRY - TIME - 1 + (late ? 1 : 0));
        decide(app, STAKE, 0);
        if (late) unlock(A, ofA, abi.encodeWithSelector(Adjudicator.Undecided.selector, 0));
        vm.warp(EXPIRY + PERIOD + 1);
        unlock(A, ofA, "");
        checkPaid(ETH, late ? 10 ether : 8 ether, late ? 5 ether : 7 ether);
    }

    /// A hub does not know what is behind an app's id: it must not be a secret's key.
    function test_no_secret_decides_an_app_s_lock() public {
        registry.reveal(preimage(0));
        bytes memory ofA = abi.encode((uint256(STAKE) << 128) | (1 << 40) | EXPIRY, keyFor(0));
        closeWith(ofA, STAKE, "", 0);
        unlock(A, ofA, abi.encodeWithSelector(Adjudicator.Undecided.selector, 0));
        vm.warp(EXPIRY + PERIOD + 1);
        unlock(A, ofA, "");
        checkPaid(ETH, 10 ether, 5 ether);
    }

    /// Whoever pays on one leg what the other pays: with the same app, side and expiry it cannot lose, whatever the
    /// two ends sign, if it passes on no more than it was paid.
    function test_a_hub_gets_what_it_pays(uint128 fromFirst, uint128 got, uint128 passed, bool decided) public {
        App memory app = plain();
        fromFirst = uint128(bound(fromFirst, 0, STAKE));
        got = uint128(bound(got, 0, STAKE - 1));
        passed = uint128(bound(passed, 0, got));
        if (decided) decide(app, fromFirst, 0);
        vm.warp(START);
        // In one channel for both legs: a pays b as it would pay the hub, b pays a as the hub would pay the end.
        bytes memory ofA = appLock(STAKE - got, false, app);
        bytes memory ofB = appLock(STAKE - passed, false, app);
        closeWith(ofA, STAKE - got, ofB, STAKE - passed);
        uint256 before = payoutB.balance;
        vm.warp(EXPIRY + PERIOD + 1);
        unlock(A, ofA, "");
        unlock(B, ofB, "");
        uint256 leg = payoutB.balance - before; // the lock of leg 1 that it got, and what returned of leg 2
        assertGe(leg + got, STAKE, "the hub"); // of STAKE that it locked, `passed` is in the channel's balance
    }
}
