// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IInbox} from "../../interfaces/IInbox.sol";
import {IPortal, Types} from "../../interfaces/IPortal.sol";
import {Claim} from "../../interfaces/ISettlement.sol";
import {Inbox} from "../../l1/Inbox.sol";
import {Portal} from "../../l1/Portal.sol";
import {ResourceMetering} from "../../l1/ResourceMetering.sol";
import {Base} from "./Base.t.sol";

/// Records how the portal called it.
contract Receiver {
    address public caller;
    address public l2Sender;
    uint256 public value;
    bytes public data;
    uint256 public gas;

    fallback() external payable {
        gas = gasleft();
        caller = msg.sender;
        l2Sender = IPortal(msg.sender).l2Sender();
        value = msg.value;
        data = msg.data;
    }
}

/// Writes down the gas that it was given, first of all.
contract GasMeter {
    uint256 public given;

    fallback() external payable {
        uint256 left = gasleft();
        given = left;
    }
}

/// Enters the portal again while it is called.
contract Reenterer {
    Types.WithdrawalTransaction private _next;
    address private _submitter;
    bytes public answer;
    bool public succeeded;

    function arm(Types.WithdrawalTransaction calldata next, address submitter) external {
        _next = next;
        _submitter = submitter;
    }

    fallback() external payable {
        (succeeded, answer) = msg.sender.call(
            abi.encodeCall(IPortal.finalizeWithdrawalTransactionExternalProof, (_next, _submitter))
        );
    }
}

/// Deposits again what it gets.
contract Redepositor {
    fallback() external payable {
        IPortal(msg.sender).depositTransaction{value: msg.value}(address(this), msg.value, 100_000, false, "");
    }
}

/// Answers with a megabyte, well or badly.
contract Bomb {
    bool private _bad;

    constructor(bool bad) {
        _bad = bad;
    }

    fallback() external payable {
        bool bad = _bad;
        assembly {
            if bad { revert(0, 1000000) }
            return(0, 1000000)
        }
    }
}

contract PortalDepositsTest is Base {
    function test_a_deposit_is_an_item_and_an_event(
        address to,
        uint96 mint,
        uint256 value,
        uint64 gasLimit,
        bytes calldata data
    ) public {
        gasLimit = uint64(bound(gasLimit, 21_000 + 16 * data.length, 1_000_000));
        vm.deal(user, mint);
        vm.expectEmit(address(inbox));
        emit IInbox.ItemEnqueued(0, 0, user, to, mint, value, gasLimit, false, uint64(block.timestamp), data);
        vm.expectEmit(address(portal));
        emit IPortal.TransactionDeposited(
            user, to, 0, abi.encodePacked(uint256(mint), value, gasLimit, false, data)
        );
        vm.prank(user, user);
        portal.depositTransaction{value: mint}(to, value, gasLimit, false, data);
        assertEq(address(portal).balance, mint);
        assertEq(address(inbox).balance, 0);
    }

    function test_ether_sent_to_the_portal_is_deposited_for_its_sender() public {
        vm.expectEmit(address(portal));
        emit IPortal.TransactionDeposited(
            user, user, 0, abi.encodePacked(uint256(3 ether), uint256(3 ether), uint64(100_000), false)
        );
        vm.prank(user, user);
        (bool ok,) = address(portal).call{value: 3 ether}("");
        assertTrue(ok);
    }

    function test_a_contract_deposits_under_its_alias() public {
        address alias_ = address(uint160(address(this)) + uint160(0x1111000000000000000000000000000000001111));
        vm.expectEmit(address(portal));
        emit IPortal.TransactionDeposited(
            alias_, user, 0, abi.encodePacked(uint256(1 ether), uint256(1 ether), uint64(100_000), false)
        );
        portal.depositTransaction{value: 1 ether}(user, 1 ether, 100_000, false, "");
    }

    function test_the_inbox_s_limits_hold_for_deposits() public {
        vm.startPrank(user, user);
        vm.expectRevert(Inbox.BadTarget.selector);
        portal.depositTransaction(user, 0, 1_000_000, true, "");
        vm.expectRevert(Inbox.SmallGasLimit.selector);
        portal.depositTransaction(user, 0, 21_015, false, hex"00");
        vm.expectRevert(Inbox.LargeCalldata.selector);
        portal.depositTransaction(user, 0, 1_000_000, false, new bytes(24 * 1024 + 1));
        vm.expectRevert(Inbox.LargeGasLimit.selector);
        portal.depositTransaction(user, 0, 15_000_001, false, "");
        vm.fee(1_000 gwei);
        portal.depositTransaction(user, 0, 15_000_000, false, "");
        vm.expectRevert(ResourceMetering.OutOfGas.selector);
        portal.depositTransaction(user, 0, 5_000_001, false, "");
    }

    function test_the_views_are_op_s() public view {
        assertEq(portal.version(), "3.0.0");
        assertEq(address(portal.disputeGameFactory()), address(settlement));
        assertEq(address(portal.anchorStateRegistry()), address(settlement));
        assertEq(portal.respectedGameType(), settlement.respectedGameType());
        assertEq(portal.proofMaturityDelaySeconds(), MATURITY);
        assertEq(portal.disputeGameFinalityDelaySeconds(), AIRGAP);
        assertEq(portal.l2Sender(), 0x000000000000000000000000000000000000dEaD);
        assertEq(address(portal.systemConfig()), address(config));
        assertFalse(portal.paused());
        (uint128 fee, uint64 bought, uint64 number) = portal.params();
        assertEq(fee, 1 gwei);
        assertEq(bought, 0);
        assertEq(number, block.number);
    }
}

contract PortalWithdrawalsTest is Base {
    Receiver private receiver;

    function setUp() public override {
        super.setUp();
        receiver = new Receiver();
        fund(100 ether);
    }

    function exit() private view returns (Exit memory) {
        return exitTo(address(receiver), 1 ether, 300_000, hex"c0ffee");
    }

    function matured(Exit memory e) private returns (uint256 id) {
        id = proposeAndProve(e);
        skipTime(WINDOW + AIRGAP);
    }

    function test_a_withdrawal_is_proven_matures_and_is_executed() public {
        Exit memory e = exit();
        uint256 id = propose(0, e.output, 10);
        nextBlock();
        vm.expectEmit(address(portal));
        emit IPortal.WithdrawalProven(e.hash, user, address(receiver));
        vm.expectEmit(address(portal));
        emit IPortal.WithdrawalProvenExtension1(e.hash, stranger);
        prove(e, id, stranger);
        (address game, uint64 time) = portal.provenWithdrawals(e.hash, stranger);
        assertEq(game, gameOf(id));
        assertEq(time, block.timestamp);
        assertEq(portal.numProofSubmitters(e.hash), 1);
        assertEq(portal.proofSubmitters(e.hash, 0), stranger);

        skipTime(WINDOW + AIRGAP);
        portal.checkWithdrawal(e.hash, stranger);
        vm.expectEmit(address(portal));
        emit IPortal.WithdrawalFinalized(e.hash, true);
        portal.finalizeWithdrawalTransactionExternalProof(e.tx, stranger);
        assertTrue(portal.finalizedWithdrawals(e.hash));
        assertEq(receiver.caller(), address(portal));
        assertEq(receiver.l2Sender(), user);
        assertEq(receiver.value(), 1 ether);
        assertEq(receiver.data(), hex"c0ffee");
        assertEq(portal.l2Sender(), 0x000000000000000000000000000000000000dEaD);
        assertEq(address(portal).balance, 99 ether);
    }

    function test_a_withdrawal_waits_for_its_proof_to_mature_and_its_claim_to_be_final() public {
        Exit memory e = exit();
        vm.expectRevert(Portal.OptimismPortal_Unproven.selector);
        portal.checkWithdrawal(e.hash, user);
        uint256 id = propose(0, e.output, 10);
        uint256 proposed = block.timestamp;
        skipTime(3 days);
        prove(e, id, user);

        vm.warp(proposed + WINDOW + AIRGAP); // the claim is final, the proof is not old enough
        vm.expectRevert(Portal.OptimismPortal_ProofNotOldEnough.selector);
        portal.checkWithdrawal(e.hash, user);
        vm.warp(proposed + 3 days + MATURITY);
        vm.expectRevert(Portal.OptimismPortal_ProofNotOldEnough.selector);
        portal.checkWithdrawal(e.hash, user);
        vm.warp(proposed + 3 days + MATURITY + 1);
        portal.checkWithdrawal(e.hash, user);

        vm.warp(proposed + 3 days);
        Exit memory other = exitTo(user, 1, 0, "");
        id = propose(0, other.output, 11);
        prove(other, id, user); // in the claim's own second, too
        vm.warp(block.timestamp + MATURITY + 1); // the proof is old enough, the airgap is not over
        vm.expectRevert(Portal.OptimismPortal_InvalidRootClaim.selector);
        portal.checkWithdrawal(other.hash, user);
        vm.warp(proposed + 3 days + WINDOW + AIRGAP - 1);
        vm.expectRevert(Portal.OptimismPortal_InvalidRootClaim.selector);
        portal.checkWithdrawal(other.hash, user);
        vm.warp(proposed + 3 days + WINDOW + AIRGAP);
        portal.checkWithdrawal(other.hash, user);
    }

    function test_a_withdrawal_happens_once() public {
        Exit memory e = exit();
        uint256 id = propose(0, e.output, 10);
        nextBlock();
        prove(e, id, user);
        prove(e, id, stranger);
        skipTime(WINDOW + AIRGAP);
        finalize(e);
        vm.expectRevert(Portal.OptimismPortal_AlreadyFinalized.selector);
        finalize(e);
        vm.expectRevert(Portal.OptimismPortal_AlreadyFinalized.selector);
        portal.finalizeWithdrawalTransactionExternalProof(e.tx, stranger);
    }

    function test_a_withdrawal_does_not_happen_again_by_another_claim() public {
        Exit memory e = exit();
        matured(e);
        uint256 second = propose(0, e.output, 20);
        nextBlock();
        prove(e, second, stranger);
        finalize(e);
        skipTime(WINDOW + AIRGAP);
        vm.expectRevert(Portal.OptimismPortal_AlreadyFinalized.selector);
        portal.finalizeWithdrawalTransactionExternalProof(e.tx, stranger);
    }

    function test_a_withdrawal_of_one_child_is_nothing_on_another() public {
        Exit memory e = exit();
        uint256 id = propose(0, e.output, 10);
        Claim memory foreign = claimOn(0, e.output, 11);
        nextBlock();
        prove(e, id, user);
        skipTime(WINDOW + AIRGAP);

        Child memory other = deploy(902, owner);
        vm.deal(address(other.portal), 10 ether);
        vm.startPrank(user, user);
        vm.expectRevert(); // no such claim there
        other.portal.proveWithdrawalTransaction(e.tx, id, e.root, e.proof);
        vm.expectRevert(Portal.OptimismPortal_InvalidOutputRootProof.selector);
        other.portal.proveWithdrawalTransaction(e.tx, 0, e.root, e.proof);
        vm.expectRevert(Portal.OptimismPortal_Unproven.selector);
        other.portal.finalizeWithdrawalTransaction(e.tx);
        vm.expectRevert(); // nor does the claim fit there
        other.settlement.propose{value: BOND}(foreign, "");
    }

    function test_a_proof_is_about_the_withdrawal_and_the_claim() public {
        Exit memory e = exit();
        uint256 id = propose(0, e.output, 10);
        Exit memory other = exitTo(stranger, 1 ether, 300_000, "");
        vm.startPrank(user, user);
        vm.expectRevert(Portal.OptimismPortal_InvalidOutputRootProof.selector);
        portal.proveWithdrawalTransaction(other.tx, id, other.root, other.proof);
        vm.expectRevert(bytes("MerkleTrie: path remainder must share all nibbles with key"));
        portal.proveWithdrawalTransaction(other.tx, id, e.root, e.proof);
        vm.expectRevert(bytes("MerkleTrie: invalid root hash"));
        portal.proveWithdrawalTransaction(e.tx, id, e.root, other.proof);
        Types.OutputRootProof memory root = e.root;
        root.version = bytes32(uint256(1));
        vm.expectRevert(Portal.OptimismPortal_InvalidOutputRootProof.selector);
        portal.proveWithdrawalTransaction(e.tx, id, root, e.proof);
    }

    /// Any change of any member of the withdrawal makes it another one.
    function test_no_other_withdrawal_passes_with_the_same_proof(
        uint8 member,
        uint256 value,
        address someone,
        bytes calldata data
    ) public {
        Exit memory e = exit();
        uint256 id = propose(0, e.output, 10);
        Types.WithdrawalTransaction memory w = e.tx;
        member = member % 6;
        if (member == 0) w.nonce = value;
        if (member == 1) w.sender = someone;
        if (member == 2) w.target = someone;
        if (member == 3) w.value = value;
        if (member == 4) w.gasLimit = value;
        if (member == 5) w.data = data;
        vm.assume(
            keccak256(abi.encode(w.nonce, w.sender, w.target, w.value, w.gasLimit, w.data)) != e.hash
                && someone != address(portal) && someone != address(inbox)
        );
        vm.prank(user, user);
        vm.expectRevert();
        portal.proveWithdrawalTransaction(w, id, e.root, e.proof);
    }

    function test_a_proof_goes_through_a_branch() public {
        Exit memory a = exit();
        bytes32 keyA = keccak256(abi.encode(keccak256(abi.encode(a.hash, uint256(0)))));
        Exit memory b;
        bytes32 keyB;
        for (uint256 nonce = 0; b.hash == 0 || keyA[0] >> 4 == keyB[0] >> 4; nonce++) {
            b.tx = Types.WithdrawalTransaction(nonce, user, stranger, 1, 0, "");
            prepare(b);
            keyB = keccak256(abi.encode(keccak256(abi.encode(b.hash, uint256(0)))));
        }
        // Leaves with the remaining 63 nibbles: [0x3n…, 1]; the branch names them by hash.
        bytes memory leafA = abi.encodePacked(hex"e2a0", keyA & ~bytes32(bytes1(0xf0)) | bytes32(bytes1(0x30)), hex"01");
        bytes memory leafB = abi.encodePacked(hex"e2a0", keyB & ~bytes32(bytes1(0xf0)) | bytes32(bytes1(0x30)), hex"01");
        bytes memory branch;
        for (uint8 i = 0; i < 17; i++) {
            if (i < 16 && i == uint8(keyA[0]) >> 4) branch = abi.encodePacked(branch, hex"a0", keccak256(leafA));
            else if (i < 16 && i == uint8(keyB[0]) >> 4) branch = abi.encodePacked(branch, hex"a0", keccak256(leafB));
            else branch = abi.encodePacked(branch, hex"80");
        }
        branch = abi.encodePacked(hex"f8", uint8(branch.length), branch);
        b.root.messagePasserStorageRoot = keccak256(branch);
        b.output = keccak256(abi.encode(b.root));
        b.proof = new bytes[](2);
        (b.proof[0], b.proof[1]) = (branch, leafB);
        uint256 id = propose(0, b.output, 10);
        prove(b, id, user);
        b.proof[1] = leafA;
        vm.prank(user, user);
        vm.expectRevert(bytes("MerkleTrie: invalid large internal hash"));
        portal.proveWithdrawalTransaction(b.tx, id, b.root, b.proof);
    }

    function test_no_withdrawal_calls_the_portal_or_the_inbox() public {
        address[2] memory targets = [address(portal), address(inbox)];
        for (uint256 i = 0; i < 2; i++) {
            // With the Inbox as its target it would mint as it likes.
            Exit memory e = exitTo(
                targets[i], 0, 500_000,
                abi.encodeCall(IInbox.enqueueDeposit, (user, user, 1e30, 0, uint64(100_000), false, bytes("")))
            );
            uint256 id = propose(0, e.output, 10);
            vm.startPrank(user, user);
            vm.expectRevert(Portal.BadTarget.selector);
            portal.proveWithdrawalTransaction(e.tx, id, e.root, e.proof);
            vm.expectRevert(Portal.BadTarget.selector);
            portal.finalizeWithdrawalTransaction(e.tx);
            vm.stopPrank();
        }
    }

    function test_a_lost_claim_proves_nothing() public {
        Exit memory e = exit();
        uint256 id = proposeAndProve(e);
        settlement.lose(id, stranger);
        vm.prank(stranger, stranger);
        vm.expectRevert(Portal.OptimismPortal_InvalidDisputeGame.selector);
        portal.proveWithdrawalTransaction(e.tx, id, e.root, e.proof);
        skipTime(WINDOW + AIRGAP);
        vm.expectRevert(Portal.OptimismPortal_InvalidRootClaim.selector);
        portal.checkWithdrawal(e.hash, user);
        // proven anew against a claim that stands
        id = propose(0, e.output, 11);
        prove(e, id, user);
        skipTime(WINDOW + AIRGAP);
        finalize(e);
    }

    function test_a_claim_on_a_lost_one_proves_nothing_once_that_is_written_down() public {
        uint256 lost = propose(0, keccak256("false"), 9);
        Exit memory e = exit();
        uint256 id = propose(lost, e.output, 10);
        settlement.lose(lost, stranger);
        skipTime(WINDOW + AIRGAP);
        prove(e, id, user);
        skipTime(MATURITY + 1);
        vm.expectRevert(Portal.OptimismPortal_InvalidRootClaim.selector);
        finalize(e);
        settlement.advance(2);
        vm.expectRevert(Portal.OptimismPortal_InvalidDisputeGame.selector);
        prove(e, id, user);
    }

    /// Gas of a call to the portal. In a frame of its own: how much memory the test uses adds nothing to it.
    function gasOf(bytes calldata data) external returns (uint256 used) {
        used = gasleft();
        (bool ok,) = address(portal).call(data);
        used -= gasleft();
        assertTrue(ok);
    }

    /// Gas of a proof as a transaction's first act; nothing remains of it.
    function gasOfProof(Exit memory e, uint256 id) private returns (uint256 used) {
        uint256 snapshot = vm.snapshotState();
        bytes memory data = abi.encodeCall(portal.proveWithdrawalTransaction, (e.tx, id, e.root, e.proof));
        address game = gameOf(id);
        vm.cool(address(portal));
        vm.cool(address(config));
        vm.cool(address(settlement));
        vm.cool(settlement.gameImplementation());
        vm.cool(game);
        used = this.gasOf(data);
        vm.revertToState(snapshot);
    }

    /// So an exact estimate is enough: the window may end between it and the transaction, and decisions of any
    /// number of ancestors may wait to be written down.
    function test_a_proof_takes_the_same_gas_whenever_it_comes() public {
        Exit memory e = exit();
        uint256 id = 0;
        for (uint64 n = 1; n <= 5; n++) id = propose(id, keccak256(abi.encode(n)), n);
        id = propose(id, e.output, 10);
        uint256 used = gasOfProof(e, id);
        skipTime(WINDOW - 1);
        assertEq(gasOfProof(e, id), used, "in the window's last second");
        skipTime(1);
        assertEq(gasOfProof(e, id), used, "when the window has ended");
        skipTime(AIRGAP);
        assertEq(gasOfProof(e, id), used, "when the claim is final");
        settlement.advance(100);
        assertEq(gasOfProof(e, id), used, "when that is written down");
    }

    function test_a_call_that_fails_does_not_undo_the_withdrawal() public {
        Exit memory e = exitTo(address(this), 1 ether, 100_000, hex"deadbeef"); // nothing here answers
        matured(e);
        vm.expectEmit(address(portal));
        emit IPortal.WithdrawalFinalized(e.hash, false);
        finalize(e);
        assertTrue(portal.finalizedWithdrawals(e.hash));
        assertEq(address(portal).balance, 100 ether);
    }

    function test_who_estimates_gas_sees_that_the_call_fails() public {
        Exit memory e = exitTo(address(this), 1 ether, 100_000, hex"deadbeef");
        matured(e);
        vm.prank(user, address(1));
        vm.expectRevert(Portal.GasEstimation.selector);
        portal.finalizeWithdrawalTransaction(e.tx);
    }

    function test_a_withdrawal_that_the_portal_cannot_pay_stays_open() public {
        Exit memory e = exitTo(user, 101 ether, 0, "");
        matured(e);
        vm.expectRevert(Portal.NotEnoughEther.selector);
        finalize(e);
        fund(1 ether);
        finalize(e);
    }

    function test_someone_else_s_proof_does_not_touch_mine() public {
        Exit memory e = exit();
        uint256 id = proposeAndProve(e);
        skipTime(MATURITY);
        prove(e, id, stranger); // a griefer, again and again
        prove(e, id, stranger);
        skipTime(AIRGAP);
        assertEq(portal.numProofSubmitters(e.hash), 3);
        finalize(e);
    }

    // Attacks

    function test_a_withdrawal_does_not_enter_another() public {
        Reenterer reenterer = new Reenterer();
        Exit memory outer = exitTo(address(reenterer), 1 ether, 1_000_000, "");
        Exit memory inner = exitTo(address(receiver), 1 ether, 100_000, "");
        uint256 a = propose(0, outer.output, 10);
        uint256 b = propose(0, inner.output, 11);
        nextBlock();
        prove(outer, a, user);
        prove(inner, b, user);
        skipTime(WINDOW + AIRGAP);
        reenterer.arm(inner.tx, user);
        finalize(outer);
        assertFalse(reenterer.succeeded());
        assertEq(reenterer.answer(), abi.encodeWithSelector(Portal.NonReentrant.selector));
        finalize(inner);

        Exit memory self = exitTo(address(reenterer), 2 ether, 1_000_000, "");
        a = propose(0, self.output, 12);
        nextBlock();
        prove(self, a, user);
        skipTime(WINDOW + AIRGAP);
        reenterer.arm(self.tx, user);
        finalize(self);
        assertFalse(reenterer.succeeded());
        assertEq(address(portal).balance, 96 ether);
    }

    function test_a_withdrawal_may_deposit() public {
        Redepositor redepositor = new Redepositor();
        Exit memory e = exitTo(address(redepositor), 1 ether, 1_000_000, "");
        matured(e);
        uint64 items = inbox.itemCount();
        finalize(e);
        assertEq(inbox.itemCount(), items + 1);
        assertEq(address(portal).balance, 100 ether);
    }

    /// Whatever gas the relayer sends: the call gets what the withdrawal asked for, or nothing happens.
    function test_a_relayer_cannot_starve_the_call(uint256 gasLimit, uint256 extra) public {
        gasLimit = bound(gasLimit, 30_000, 5_000_000);
        uint256 sent = gasLimit + bound(extra, 0, gasLimit / 30 + 150_000); // around what is just enough
        GasMeter meter = new GasMeter();
        Exit memory e = exitTo(address(meter), 1 ether, gasLimit, "");
        matured(e);
        vm.prank(stranger, stranger);
        try portal.finalizeWithdrawalTransactionExternalProof{gas: sent}(e.tx, user) {
            // what is spent before the meter reads it: dispatch of its code
            assertGe(meter.given() + 200, gasLimit);
        } catch {
            assertEq(meter.given(), 0);
            assertFalse(portal.finalizedWithdrawals(e.hash));
            finalize(e);
        }
    }

    function test_a_gas_limit_beyond_all_bounds_does_not_pass_for_a_small_one() public {
        Exit memory e = exitTo(address(receiver), 1 ether, type(uint256).max / 64 + 1, "");
        matured(e);
        vm.prank(user, user);
        vm.expectRevert();
        portal.finalizeWithdrawalTransaction(e.tx);
        assertFalse(portal.finalizedWithdrawals(e.hash));
    }

    function test_an_answer_of_a_megabyte_costs_the_callee_only() public {
        for (uint256 i = 0; i < 2; i++) {
            Bomb bomb = new Bomb(i == 1);
            Exit memory e = exitTo(address(bomb), 1 ether, 3_000_000, "");
            matured(e);
            vm.prank(user, user);
            // the callee's memory takes 2.2 M gas; a copy of it would take as much again
            portal.finalizeWithdrawalTransaction{gas: 3_300_000}(e.tx);
            assertTrue(portal.finalizedWithdrawals(e.hash));
        }
    }
}
