// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Adjudicator} from "../../channel/Adjudicator.sol";
import {Payouts} from "../../channel/Payouts.sol";
import {Records} from "../../channel/Records.sol";
import {Base, BatchProof, Channel, Chunk, Pots, Signature, SignedBase, State} from "../../channel/Types.sol";
import {FeeToken, HookToken, IHook, MoodyToken, PlainToken, SilentToken} from "../l2/Tokens.sol";
import {ChannelBase} from "./Base.t.sol";

/// Does as it is told when it gets ether, or when a token calls it.
contract Recipient is IHook {
    enum Mood {
        TAKE,
        REFUSE,
        BURN, // all the gas there is
        FLOOD, // with an answer of a megabyte
        WORK, // 130,000 gas of it, if there are 150,000
        CALL
    }

    Mood public mood;
    address public target;
    bytes[] public calls;
    bool[] public outcomes;
    mapping(uint256 => uint256) private _work;

    function set(Mood mood_) external {
        mood = mood_;
    }

    function plan(address target_, bytes calldata data) external {
        (mood, target) = (Mood.CALL, target_);
        calls.push(data);
    }

    function collect(Adjudicator adjudicator, address asset, address to) external {
        adjudicator.collect(asset, to);
    }

    function succeeded() external view returns (uint256 count) {
        for (uint256 i = 0; i < outcomes.length; i++) {
            if (outcomes[i]) count++;
        }
    }

    receive() external payable {
        _act();
    }

    function onToken(bool, uint256) external {
        _act();
    }

    function _act() private {
        if (mood == Mood.REFUSE) revert("no");
        if (mood == Mood.BURN) {
            while (true) {}
        }
        if (mood == Mood.FLOOD) {
            assembly {
                revert(0, 1000000)
            }
        }
        if (mood == Mood.WORK) {
            require(gasleft() > 150_000);
            for (uint256 i = 0; i < 6; i++) {
                _work[i]++;
            }
        }
        if (mood == Mood.CALL) {
            mood = Mood.TAKE; // once
            for (uint256 i = 0; i < calls.length; i++) {
                (bool ok,) = target.call(calls[i]);
                outcomes.push(ok);
            }
        }
    }
}

/// Answers each transfer with a megabyte.
contract FloodToken is PlainToken {
    function transfer(address to, uint256 amount) public override returns (bool) {
        super.transfer(to, amount);
        assembly {
            mstore(0, 1)
            return(0, 1000000)
        }
    }
}

/// Recipients and tokens that refuse, lie, waste and call back.
contract HostileTest is ChannelBase {
    uint64 internal constant UNTIL = uint64(START + 100);

    Recipient internal recipient; // of a's

    function setUp() public override {
        super.setUp();
        recipient = new Recipient();
        ch = paying(ETH);
        id = idOf(ch);
        fund(channel(ETH, keccak256("other")), A, 100 ether);
        fund(channel(address(token), keccak256("other")), A, 100 ether);
    }

    function paying(address asset) internal view returns (Channel memory c) {
        c = channel(asset, SALT);
        c.payoutA = address(recipient);
    }

    function closeData(Channel memory c, int128 net) internal view returns (bytes memory) {
        bytes32 hash = closeHash(idOf(c), net, UNTIL);
        return abi.encodeCall(Adjudicator.coopClose, (c, net, UNTIL, sign(KEY_A, hash), sign(KEY_B, hash)));
    }

    function coopClose(Channel memory c, int128 net) internal {
        (bool ok,) = address(adjudicator).call(closeData(c, net));
        assertTrue(ok, "coopClose");
    }

    function open(PlainToken t) internal returns (Channel memory c) {
        c = paying(address(t));
        t.mint(funder, 1000 ether);
        vm.prank(funder); // as SilentToken's approve has no answer
        (bool ok,) = address(t).call(abi.encodeCall(t.approve, (address(adjudicator), type(uint256).max)));
        assertTrue(ok);
        fund(c, A, 10 ether);
        fund(c, B, 5 ether);
    }

    // Recipients of ether

    function test_what_a_recipient_refuses_waits_for_it() public {
        fund(ch, A, 10 ether);
        fund(ch, B, 5 ether);
        recipient.set(Recipient.Mood.REFUSE);
        vm.expectEmit(address(adjudicator));
        emit Payouts.Credited(ETH, address(recipient), 9 ether);
        coopClose(ch, 1 ether);
        assertEq(payoutB.balance, 6 ether);
        assertEq(adjudicator.credits(ETH, address(recipient)), 9 ether);
        vm.expectRevert(Payouts.NothingToCollect.selector);
        adjudicator.collect(ETH, stranger);
        vm.expectRevert(Payouts.TransferFailed.selector);
        recipient.collect(adjudicator, ETH, address(recipient));
        assertEq(adjudicator.credits(ETH, address(recipient)), 9 ether);
        vm.expectEmit(address(adjudicator));
        emit Payouts.Collected(ETH, address(recipient), stranger, 9 ether);
        recipient.collect(adjudicator, ETH, stranger);
        assertEq(stranger.balance, 9 ether);
        assertEq(address(adjudicator).balance, 100 ether);
        vm.expectRevert(Payouts.NothingToCollect.selector);
        recipient.collect(adjudicator, ETH, stranger);
    }

    function test_a_recipient_wastes_no_more_than_its_share_of_gas() public {
        Recipient.Mood[2] memory moods = [Recipient.Mood.BURN, Recipient.Mood.FLOOD];
        for (uint256 i = 0; i < 2; i++) {
            bytes32 salt = keccak256(abi.encode(i));
            Channel memory c = channel(ETH, salt);
            c.payoutA = address(recipient);
            fund(c, A, 10 ether);
            recipient.set(moods[i]);
            bytes memory data = closeData(c, 1 ether);
            uint256 before = gasleft();
            (bool ok,) = address(adjudicator).call{gas: 2_000_000}(data);
            assertTrue(ok);
            assertLt(before - gasleft(), 330_000);
            assertEq(adjudicator.credits(ETH, address(recipient)), 9 ether * (i + 1));
            assertEq(payoutB.balance, 1 ether * (i + 1));
        }
    }

    /// Whatever gas the transaction has, a recipient that needs less than its share is paid or nothing is.
    function test_nobody_starves_a_payout(uint256 gas) public {
        fund(ch, A, 10 ether);
        fund(ch, B, 5 ether);
        recipient.set(Recipient.Mood.WORK);
        gas = bound(gas, 20_000, 500_000);
        (bool ok,) = address(adjudicator).call{gas: gas}(closeData(ch, 1 ether));
        assertEq(adjudicator.credits(ETH, address(recipient)), 0);
        assertEq(address(recipient).balance, ok ? 9 ether : 0);
        if (gas > 450_000) assertTrue(ok);
    }

    /// From within a payout, everything that would pay once more.
    function test_a_recipient_that_calls_back_gets_nothing_twice() public {
        fund(ch, A, 10 ether);
        fund(ch, B, 5 ether);
        bytes32 hash = withdrawHash(id, A, 2 ether, UNTIL);
        Signature memory a = sign(KEY_A, hash);
        Signature memory b = sign(KEY_B, hash);
        bytes memory withdraw = abi.encodeCall(Adjudicator.withdraw, (ch, A, 2 ether, UNTIL, a, b));
        recipient.plan(address(adjudicator), withdraw);
        recipient.plan(address(adjudicator), abi.encodeCall(Payouts.collect, (ETH, address(recipient))));
        adjudicator.withdraw(ch, A, 2 ether, UNTIL, a, b);
        assertEq(recipient.succeeded(), 0);
        assertEq(address(recipient).balance, 2 ether);

        recipient.plan(address(adjudicator), closeData(ch, 1 ether));
        recipient.plan(address(adjudicator), closeData(ch, -1 ether));
        coopClose(ch, 1 ether);
        assertEq(recipient.succeeded(), 0);
        assertEq(address(recipient).balance, 9 ether);
        assertEq(payoutB.balance, 6 ether);
        assertEq(address(adjudicator).balance, 100 ether);
    }

    function test_a_settlement_and_an_unlock_called_back_into_pay_once() public {
        fund(ch, A, 10 ether);
        fund(ch, B, 5 ether);
        Chunk memory chunk;
        (chunk.side, chunk.count, chunk.locks) = (B, 1, lock(1 ether, START, keyFor(0)));
        registry.reveal(preimage(0));
        Base memory base_ = base(ch, 1, 10 ether, 5 ether);
        (base_.lockedB, base_.rootB) = (2 ether, keccak256(abi.encode(1, keccak256(chunk.locks))));
        forceClose(ch, signed(ch, base_), none(), none());
        vm.warp(END);
        State memory s = stateOf(base_);
        Pots memory pots = Pots(0, base_.rootB, 0, 2 ether, 0, 0);
        // A settlement within the settlement, then the unlock, which is due and closes the channel.
        recipient.plan(address(adjudicator), abi.encodeCall(Adjudicator.settle, (ch, s)));
        bytes memory unlock = abi.encodeCall(Adjudicator.unlock, (ch, pots, chunk, new BatchProof[](0)));
        recipient.plan(address(adjudicator), unlock);
        recipient.plan(address(adjudicator), unlock);
        adjudicator.settle(ch, s);
        assertEq(recipient.succeeded(), 1);
        checkPhase(ch, Records.Phase.CLOSED);
        assertEq(address(recipient).balance, 11 ether);
        assertEq(payoutB.balance, 4 ether);
        assertEq(address(adjudicator).balance, 100 ether);
    }

    function test_a_credit_collected_from_within_is_paid_once() public {
        fund(ch, A, 10 ether);
        recipient.set(Recipient.Mood.REFUSE);
        coopClose(ch, 1 ether);
        recipient.plan(address(adjudicator), abi.encodeCall(Payouts.collect, (ETH, address(recipient))));
        recipient.collect(adjudicator, ETH, address(recipient));
        assertEq(recipient.succeeded(), 0);
        assertEq(address(recipient).balance, 9 ether);
        assertEq(address(adjudicator).balance, 100 ether);
    }

    // Tokens

    function test_a_token_that_returns_nothing_works() public {
        PlainToken t = PlainToken(address(new SilentToken()));
        Channel memory c = open(t);
        coopClose(c, 1 ether);
        assertEq(t.balanceOf(address(recipient)), 9 ether);
        assertEq(t.balanceOf(payoutB), 6 ether);
    }

    function test_a_token_that_says_false_moves_nothing() public {
        MoodyToken t = new MoodyToken();
        Channel memory c = open(t);
        t.setRefuses(true);
        bytes32 pair = pairOf(c);
        vm.prank(funder);
        vm.expectRevert();
        adjudicator.deposit(pair, address(t), A, 11 ether);
        coopClose(c, 1 ether);
        assertEq(adjudicator.credits(address(t), address(recipient)), 9 ether);
        assertEq(adjudicator.credits(address(t), payoutB), 6 ether);
        vm.prank(payoutB);
        vm.expectRevert(Payouts.TransferFailed.selector);
        adjudicator.collect(address(t), payoutB);
        t.setRefuses(false);
        vm.prank(payoutB);
        adjudicator.collect(address(t), payoutB);
        recipient.collect(adjudicator, address(t), stranger);
        assertEq(t.balanceOf(payoutB), 6 ether);
        assertEq(t.balanceOf(stranger), 9 ether);
        assertEq(t.balanceOf(address(adjudicator)), 0);
    }

    function test_a_token_that_vanished_pays_nothing() public {
        PlainToken t = new PlainToken();
        Channel memory c = open(t);
        vm.etch(address(t), "");
        coopClose(c, 1 ether);
        assertEq(adjudicator.credits(address(t), payoutB), 6 ether);
    }

    function test_a_fee_on_transfer_is_refused() public {
        FeeToken t = new FeeToken();
        Channel memory c = paying(address(t));
        bytes32 pair = pairOf(c);
        t.mint(funder, 1000 ether);
        vm.startPrank(funder);
        t.approve(address(adjudicator), type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(Payouts.WrongAmount.selector, 9.9 ether));
        adjudicator.deposit(pair, address(t), A, 10 ether);
        t.set(false, true);
        adjudicator.deposit(pair, address(t), A, 10 ether);
    }

    function test_a_token_s_flood_costs_no_more_than_its_share_of_gas() public {
        FloodToken t = new FloodToken();
        Channel memory c = open(t);
        bytes memory data = closeData(c, 1 ether);
        uint256 before = gasleft();
        (bool ok,) = address(adjudicator).call(data);
        assertTrue(ok);
        assertLt(before - gasleft(), 2 * 200_000 + 150_000);
    }

    /// A funder that is told of its transfer and deposits the same again: taken once, or not at all.
    function test_a_deposit_called_back_into_credits_what_arrived() public {
        HookToken t = new HookToken();
        Channel memory c = paying(address(t));
        bytes32 pair = pairOf(c);
        vm.prank(address(recipient));
        t.hook();
        t.mint(address(recipient), 1000 ether);
        t.mint(address(adjudicator), 0);
        vm.prank(address(recipient));
        t.approve(address(adjudicator), type(uint256).max);
        // The same total once more, and one above it.
        recipient.plan(address(adjudicator), abi.encodeCall(Adjudicator.deposit, (pair, address(t), A, 10 ether)));
        vm.prank(address(recipient));
        adjudicator.deposit(pair, address(t), A, 10 ether);
        assertEq(recipient.succeeded(), 0);
        assertEq(t.balanceOf(address(adjudicator)), 10 ether);

        recipient.plan(address(adjudicator), abi.encodeCall(Adjudicator.deposit, (pair, address(t), A, 30 ether)));
        vm.prank(address(recipient));
        vm.expectRevert(); // more arrived than the outer one was told
        adjudicator.deposit(pair, address(t), A, 20 ether);
        (uint128 a,) = adjudicator.depositsOf(idOf(c));
        assertEq(a, 10 ether);
        assertEq(t.balanceOf(address(adjudicator)), 10 ether);
    }

    /// Spending a deposit before it has arrived: others' tokens would pay for it.
    function test_a_deposit_is_not_spent_before_it_arrived() public {
        HookToken t = new HookToken();
        Channel memory other = channel(address(t), keccak256("other"));
        t.mint(funder, 1000 ether);
        vm.prank(funder);
        t.approve(address(adjudicator), type(uint256).max);
        fund(other, A, 100 ether);
        Channel memory c = paying(address(t));
        bytes32 pair = pairOf(c);
        vm.prank(address(recipient));
        t.hook();
        t.mint(address(recipient), 10 ether);
        vm.prank(address(recipient));
        t.approve(address(adjudicator), type(uint256).max);
        recipient.plan(address(adjudicator), closeData(c, 10 ether)); // pays b
        vm.prank(address(recipient));
        vm.expectRevert(abi.encodeWithSelector(Payouts.WrongAmount.selector, 0));
        adjudicator.deposit(pair, address(t), A, 10 ether);
        assertEq(t.balanceOf(address(adjudicator)), 100 ether);
    }

    function test_a_token_s_recipient_that_calls_back_gets_nothing_twice() public {
        HookToken t = new HookToken();
        Channel memory c = open(t);
        vm.prank(address(recipient));
        t.hook();
        recipient.plan(address(adjudicator), closeData(c, 1 ether));
        recipient.plan(address(adjudicator), abi.encodeCall(Payouts.collect, (address(t), address(recipient))));
        coopClose(c, 1 ether);
        assertEq(recipient.succeeded(), 0);
        assertEq(t.balanceOf(address(recipient)), 9 ether);
        assertEq(t.balanceOf(payoutB), 6 ether);
        assertEq(t.balanceOf(address(adjudicator)), 0);
    }

    // Data

    /// What is too long is refused before anything is done with it.
    function test_long_data_is_refused_early() public {
        fund(ch, A, 10 ether);
        Base memory b = base(ch, 1, 10 ether, 0);
        (b.lockedA, b.rootA) = (1 ether, keccak256("root"));
        forceClose(ch, signed(ch, b), none(), none());
        vm.warp(END);
        adjudicator.settle(ch, stateOf(b));
        Pots memory pots = Pots(b.rootA, 0, 1 ether, 0, 0, 0);
        Chunk memory chunk;
        chunk.count = 1;
        for (uint256 i = 0; i < 2; i++) {
            chunk.locks = new bytes(i == 0 ? 64 * 4096 : 64);
            chunk.path = new bytes32[](i == 0 ? 0 : 8192);
            bytes memory data = abi.encodeCall(Adjudicator.unlock, (ch, pots, chunk, new BatchProof[](0)));
            (bool ok, bytes memory why) = address(adjudicator).call(data);
            assertLt(vm.lastCallGas().gasTotalUsed, 20_000);
            assertFalse(ok);
            assertEq(bytes4(why), Adjudicator.WrongRoot.selector);
        }
    }
}
