// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Payouts} from "../../channel/Payouts.sol";
import {SwapHTLC} from "../../channel/SwapHTLC.sol";
import {FeeToken, HookToken, IHook, PlainToken} from "../l2/Tokens.sol";

/// A claimer that claims once more when it is paid, or refuses to be.
contract Claimer is IHook {
    SwapHTLC internal immutable swaps;
    bytes internal again;
    bool internal refuses;
    bool public succeeded;

    constructor(SwapHTLC swaps_) {
        swaps = swaps_;
    }

    function plan(bytes calldata data, bool refuses_) external {
        (again, refuses) = (data, refuses_);
    }

    function collect(address to) external {
        swaps.collect(address(0), to);
    }

    receive() external payable {
        require(!refuses);
        _act();
    }

    function onToken(bool, uint256) external {
        _act();
    }

    function _act() private {
        if (again.length == 0) return;
        (bool ok,) = address(swaps).call(again);
        if (ok) succeeded = true;
    }
}

/// forge-config: default.isolate = true
contract SwapTest is Test {
    uint64 internal constant TIMEOUT = 1_700_000_000;
    bytes32 internal constant PREIMAGE = keccak256("preimage");
    address internal constant ETH = address(0);

    SwapHTLC internal swaps;
    PlainToken internal token;
    address internal claimer = makeAddr("claimer");
    address internal refunder = makeAddr("refunder");
    address internal locker = makeAddr("locker");
    address internal stranger = makeAddr("stranger");

    function setUp() public {
        vm.warp(TIMEOUT - 1000);
        swaps = SwapHTLC(deployCode("contracts/artifacts/SwapHTLC.json"));
        token = new PlainToken();
        vm.deal(locker, 100 ether);
        vm.deal(claimer, 1 ether);
        vm.deal(refunder, 1 ether);
        token.mint(locker, 100 ether);
        token.mint(claimer, 1 ether);
        token.mint(refunder, 1 ether);
        vm.prank(locker);
        token.approve(address(swaps), type(uint256).max);
    }

    function swapOf(address asset, uint128 amount) internal view returns (SwapHTLC.Swap memory) {
        return SwapHTLC.Swap(sha256(abi.encode(PREIMAGE)), asset, amount, claimer, refunder, TIMEOUT);
    }

    function lock(SwapHTLC.Swap memory s) internal {
        vm.prank(locker);
        swaps.lock{value: s.asset == ETH ? s.amount : 0}(s);
    }

    function refused(bytes4 why, bytes memory data) internal {
        vm.prank(stranger);
        (bool ok, bytes memory answer) = address(swaps).call(data);
        assertFalse(ok);
        assertEq(bytes4(answer), why);
    }

    function claimOf(SwapHTLC.Swap memory s, bytes32 preimage) internal pure returns (bytes memory) {
        return abi.encodeCall(SwapHTLC.claim, (s, preimage));
    }

    function refundOf(SwapHTLC.Swap memory s) internal pure returns (bytes memory) {
        return abi.encodeCall(SwapHTLC.refund, (s));
    }

    function checkGas(string memory name, uint256 target) internal {
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        emit log(string.concat(name, ": ", vm.toString(gas), " of ", vm.toString(target)));
        assertLe(gas, target, name);
    }

    function test_a_preimage_claims_ether() public {
        SwapHTLC.Swap memory s = swapOf(ETH, 3 ether);
        bytes32 id = keccak256(abi.encode(s));
        vm.expectEmit(address(swaps));
        emit SwapHTLC.Locked(id, s.hash, s);
        lock(s);
        checkGas("swap: lock ether", 54_000);
        assertTrue(swaps.isOpen(id));
        vm.warp(TIMEOUT - 1);
        vm.expectEmit(address(swaps));
        emit SwapHTLC.Claimed(id, s.hash, PREIMAGE);
        vm.prank(stranger);
        swaps.claim(s, PREIMAGE);
        checkGas("swap: claim ether", 44_000);
        assertEq(claimer.balance, 4 ether);
        assertFalse(swaps.isOpen(id));
        refused(SwapHTLC.NotOpen.selector, claimOf(s, PREIMAGE));
        vm.warp(TIMEOUT);
        refused(SwapHTLC.NotOpen.selector, refundOf(s));
        assertEq(address(swaps).balance, 0);
    }

    function test_a_preimage_claims_tokens() public {
        SwapHTLC.Swap memory s = swapOf(address(token), 3 ether);
        lock(s);
        checkGas("swap: lock tokens", 95_000);
        swaps.claim(s, PREIMAGE);
        checkGas("swap: claim tokens", 56_000);
        assertEq(token.balanceOf(claimer), 4 ether);
        assertEq(token.balanceOf(address(swaps)), 0);
    }

    function test_from_the_timeout_on_it_goes_back() public {
        SwapHTLC.Swap memory s = swapOf(ETH, 3 ether);
        lock(s);
        vm.warp(TIMEOUT - 1);
        refused(SwapHTLC.Early.selector, refundOf(s));
        vm.warp(TIMEOUT);
        refused(SwapHTLC.Late.selector, claimOf(s, PREIMAGE));
        vm.expectEmit(address(swaps));
        emit SwapHTLC.Refunded(keccak256(abi.encode(s)), s.hash);
        vm.prank(stranger);
        swaps.refund(s);
        checkGas("swap: refund ether", 43_000);
        assertEq(refunder.balance, 4 ether);
        refused(SwapHTLC.NotOpen.selector, refundOf(s));
    }

    function test_tokens_go_back_too() public {
        SwapHTLC.Swap memory s = swapOf(address(token), 3 ether);
        lock(s);
        vm.warp(TIMEOUT);
        swaps.refund(s);
        checkGas("swap: refund tokens", 54_000);
        assertEq(token.balanceOf(refunder), 4 ether);
    }

    function test_only_the_preimage_claims(bytes32 wrong) public {
        vm.assume(wrong != PREIMAGE);
        SwapHTLC.Swap memory s = swapOf(ETH, 3 ether);
        lock(s);
        refused(SwapHTLC.WrongPreimage.selector, claimOf(s, wrong));
    }

    /// Whoever changes a term names another swap, which is not open.
    function test_every_term_is_the_swap_s(uint256 which) public {
        SwapHTLC.Swap memory s = swapOf(ETH, 3 ether);
        lock(s);
        which = bound(which, 1, 5);
        assembly {
            let word := add(s, mul(which, 32))
            mstore(word, add(mload(word), 1))
        }
        refused(SwapHTLC.NotOpen.selector, claimOf(s, PREIMAGE));
        vm.warp(TIMEOUT + 1);
        refused(SwapHTLC.NotOpen.selector, refundOf(s));
    }

    function test_a_lock_has_its_money_and_time() public {
        SwapHTLC.Swap memory s = swapOf(ETH, 3 ether);
        SwapHTLC.Swap memory nothing = swapOf(ETH, 0);
        SwapHTLC.Swap memory late = swapOf(ETH, 2 ether);
        FeeToken fee = new FeeToken();
        SwapHTLC.Swap memory charged = swapOf(address(fee), 1 ether);
        vm.startPrank(locker);
        vm.expectRevert(abi.encodeWithSelector(Payouts.WrongAmount.selector, 2 ether));
        swaps.lock{value: 2 ether}(s);
        vm.expectRevert(SwapHTLC.NothingToLock.selector);
        swaps.lock(nothing);
        swaps.lock{value: 3 ether}(s);
        vm.expectRevert(SwapHTLC.AlreadyOpen.selector);
        swaps.lock{value: 3 ether}(s);
        vm.warp(TIMEOUT);
        vm.expectRevert(SwapHTLC.Late.selector);
        swaps.lock{value: 2 ether}(late);
        fee.mint(locker, 10 ether);
        fee.approve(address(swaps), type(uint256).max);
        vm.warp(TIMEOUT - 1);
        vm.expectRevert(abi.encodeWithSelector(Payouts.WrongAmount.selector, 0.99 ether));
        swaps.lock(charged);
        assertEq(address(swaps).balance, 3 ether);
    }

    /// Swaps under one hash are kept apart, and each pays its own money.
    function test_swaps_are_kept_apart(uint128[4] memory amounts) public {
        vm.deal(locker, type(uint256).max);
        uint256 sum;
        for (uint256 i = 0; i < 4; i++) {
            amounts[i] = uint128(bound(amounts[i], 1, 1e30));
            SwapHTLC.Swap memory s = swapOf(ETH, amounts[i]);
            s.timeout += uint64(i);
            lock(s);
            sum += amounts[i];
        }
        for (uint256 i = 0; i < 4; i++) {
            assertEq(address(swaps).balance, sum);
            SwapHTLC.Swap memory s = swapOf(ETH, amounts[i]);
            s.timeout += uint64(i);
            if (i & 1 == 0) {
                swaps.claim(s, PREIMAGE);
            } else {
                vm.warp(s.timeout);
                swaps.refund(s);
                vm.warp(TIMEOUT - 1);
            }
            sum -= amounts[i];
        }
        assertEq(address(swaps).balance, 0);
    }

    function test_a_claimer_that_calls_back_is_paid_once() public {
        Claimer who = new Claimer(swaps);
        HookToken hooked = new HookToken();
        vm.prank(address(who));
        hooked.hook();
        hooked.mint(locker, 10 ether);
        vm.prank(locker);
        hooked.approve(address(swaps), type(uint256).max);
        address[2] memory assets = [ETH, address(hooked)];
        for (uint256 i = 0; i < 2; i++) {
            SwapHTLC.Swap memory s = swapOf(assets[i], 3 ether);
            lock(s); // another one's money
            s.claimer = address(who);
            lock(s);
            who.plan(claimOf(s, PREIMAGE), false);
            swaps.claim(s, PREIMAGE);
            assertFalse(who.succeeded());
        }
        assertEq(address(who).balance, 3 ether);
        assertEq(address(swaps).balance, 3 ether);
        assertEq(hooked.balanceOf(address(who)), 3 ether);
    }

    /// The preimage is public once the claim is sent: it must not be lost with a payment that is refused.
    function test_what_a_claimer_refuses_waits_for_it() public {
        Claimer who = new Claimer(swaps);
        who.plan("", true);
        SwapHTLC.Swap memory s = swapOf(ETH, 3 ether);
        s.claimer = address(who);
        lock(s);
        swaps.claim(s, PREIMAGE);
        assertEq(swaps.credits(ETH, address(who)), 3 ether);
        who.collect(stranger);
        assertEq(stranger.balance, 3 ether);
    }
}
