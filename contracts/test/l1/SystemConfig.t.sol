// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IInbox} from "../../interfaces/IInbox.sol";
import {Claim, GameStatus, ISettlement} from "../../interfaces/ISettlement.sol";
import {ISystemConfig} from "../../interfaces/ISystemConfig.sol";
import {Portal} from "../../l1/Portal.sol";
import {SystemConfig} from "../../l1/SystemConfig.sol";
import {Settlement} from "../../l1/settle/Settlement.sol";
import {Base, DisputableSettlement} from "./Base.t.sol";

/// A settlement that takes over and then says no to everything.
contract HostileSettlement {
    function start(address) external {}

    function isGameClaimValid(address) external pure returns (bool) {
        return false;
    }
}

contract SystemConfigTest is Base {
    /// What comes next in the Inbox.
    function expectItem(uint64 position, uint256 id, uint256 value) private {
        vm.expectEmit(address(inbox));
        emit IInbox.ItemEnqueued(
            position, 1, address(0), address(0), 0, 0, 0, false, uint64(block.timestamp), abi.encode(id, value)
        );
    }

    function test_changes_are_items() public {
        vm.startPrank(owner);
        expectItem(0, 0, 60_000_000);
        vm.expectEmit(address(config));
        emit ISystemConfig.ConfigUpdate(0, 2, abi.encode(uint64(60_000_000)));
        config.setGasLimit(60_000_000);
        expectItem(1, 1, 5);
        expectItem(2, 2, 6);
        vm.expectEmit(address(config));
        emit ISystemConfig.ConfigUpdate(0, 1, abi.encode(uint256(0), uint256(1) << 248 | uint256(6) << 32 | 5));
        config.setGasConfigEcotone(5, 6);
        expectItem(3, 3, uint160(user));
        vm.expectEmit(address(config));
        emit ISystemConfig.ConfigUpdate(0, 0, abi.encode(bytes32(uint256(uint160(user)))));
        config.setSequencer(user);
        assertEq(config.gasLimit(), 60_000_000);
        assertEq(config.basefeeScalar(), 5);
        assertEq(config.blobbasefeeScalar(), 6);
        assertEq(config.sequencer(), user);
        assertEq(config.unsafeBlockSigner(), user);
        assertEq(config.batcherHash(), bytes32(uint256(uint160(user))));
        assertEq(inbox.itemCount(), 4);
    }

    function test_only_the_owner_changes_anything(address someone) public {
        vm.assume(someone != owner);
        vm.startPrank(someone);
        bytes memory why = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, someone);
        vm.expectRevert(why);
        config.setGasLimit(30_000_000);
        vm.expectRevert(why);
        config.setGasConfigEcotone(1, 1);
        vm.expectRevert(why);
        config.setSequencer(someone);
        vm.expectRevert(why);
        config.scheduleUpgrade(someone, 0, 1);
        vm.expectRevert(why);
        config.cancelUpgrade();
        vm.expectRevert(why);
        config.renounceOwnership();
        vm.expectRevert(why);
        config.transferOwnership(someone);
    }

    function test_a_child_without_an_owner_never_changes() public {
        Child memory c = deploy(904, address(0));
        assertEq(c.config.owner(), address(0));
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this)));
        c.config.setGasLimit(30_000_000);
        assertEq(c.config.pendingOwner(), address(0));
    }

    function test_every_gas_limit_has_room_for_forced_transactions(uint64 limit) public {
        vm.prank(owner);
        if (limit < 21_000_000 || limit > 500_000_000) vm.expectRevert(SystemConfig.GasLimitOutOfRange.selector);
        config.setGasLimit(limit);
        SystemConfig.Settings memory s = settings(905, owner);
        s.gasLimit = 20_999_999;
        vm.expectRevert(SystemConfig.GasLimitOutOfRange.selector);
        new SystemConfig(s);
    }

    function test_ownership_passes_in_two_steps() public {
        vm.prank(owner);
        config.transferOwnership(user);
        assertEq(config.owner(), owner);
        vm.prank(user);
        config.acceptOwnership();
        assertEq(config.owner(), user);
    }

    function test_the_views_are_op_s() public view {
        assertEq(config.l2ChainId(), 901);
        assertEq(config.inbox(), address(inbox));
        assertEq(config.batchInbox(), address(inbox));
        assertEq(config.optimismPortal(), address(portal));
        assertEq(config.disputeGameFactory(), address(settlement));
        assertEq(config.protocolVersion(), 1);
        assertFalse(config.paused());
    }
}

contract UpgradesTest is Base {
    bytes32 private constant NEW_PROGRAM = keccak256("new program");
    DisputableSettlement private next;

    function setUp() public override {
        super.setUp();
        fund(100 ether);
        next = new DisputableSettlement(config, 0, WINDOW, AIRGAP, BOND);
    }

    function schedule(address settlement_) private {
        vm.prank(owner);
        config.scheduleUpgrade(settlement_, NEW_PROGRAM, 2);
    }

    function execute() private {
        vm.prank(stranger);
        config.executeUpgrade();
    }

    function test_an_upgrade_waits_for_the_timelock() public {
        vm.expectRevert(SystemConfig.NothingScheduled.selector);
        execute();
        uint64 due = uint64(block.timestamp) + TIMELOCK;
        vm.expectEmit(address(config));
        emit ISystemConfig.UpgradeScheduled(address(next), NEW_PROGRAM, 2, due);
        schedule(address(next));
        assertEq(config.pendingUpgrade().executableAt, due);
        skipTime(TIMELOCK - 1);
        vm.expectRevert(abi.encodeWithSelector(SystemConfig.TooEarly.selector, due));
        execute();
        skipTime(1);
        vm.expectEmit(address(inbox));
        emit IInbox.ItemEnqueued(
            1, 1, address(0), address(0), 0, 0, 0, false, due, abi.encode(uint256(4), uint256(2))
        );
        vm.expectEmit(address(config));
        emit ISystemConfig.UpgradeExecuted(address(next), NEW_PROGRAM, 2);
        execute();
        assertEq(config.settlement(), address(next));
        assertEq(config.programHash(), NEW_PROGRAM);
        assertEq(config.protocolVersion(), 2);
        assertEq(config.retiredAt(address(settlement)), block.timestamp);
        vm.expectRevert(SystemConfig.NothingScheduled.selector);
        execute();
    }

    function test_an_upgrade_that_nobody_executes_lapses() public {
        schedule(address(next));
        skipTime(2 * TIMELOCK + 1);
        vm.expectRevert(SystemConfig.Lapsed.selector);
        execute();
        schedule(address(next));
        skipTime(2 * TIMELOCK);
        execute();
    }

    function test_an_upgrade_scheduled_anew_starts_the_clock_anew() public {
        schedule(address(settlement));
        skipTime(TIMELOCK - 1);
        schedule(address(next));
        skipTime(2);
        vm.expectRevert();
        execute();
    }

    function test_an_upgrade_can_be_cancelled() public {
        schedule(address(next));
        vm.prank(owner);
        config.cancelUpgrade();
        skipTime(TIMELOCK);
        vm.expectRevert(SystemConfig.NothingScheduled.selector);
        execute();
        vm.prank(owner);
        vm.expectRevert(SystemConfig.NothingScheduled.selector);
        config.cancelUpgrade();
    }

    function test_an_upgrade_goes_with_the_owner_who_leaves() public {
        schedule(address(next));
        vm.prank(owner);
        config.renounceOwnership();
        skipTime(TIMELOCK);
        vm.expectRevert(SystemConfig.NothingScheduled.selector);
        execute();
    }

    function test_the_version_does_not_go_back() public {
        vm.startPrank(owner);
        vm.expectRevert(SystemConfig.VersionGoesBack.selector);
        config.scheduleUpgrade(address(settlement), NEW_PROGRAM, 0);
    }

    function test_a_program_changes_without_a_new_settlement() public {
        uint256 old = propose(0, keccak256("a"), 1);
        schedule(address(settlement));
        skipTime(TIMELOCK);
        uint256 undecided = propose(old, keccak256("b"), 2);
        execute();
        assertEq(config.settlement(), address(settlement));
        assertEq(config.retiredAt(address(settlement)), 0);
        Claim memory stale = claimOn(old, keccak256("c"), 3);
        stale.programHash = PROGRAM;
        vm.prank(stranger);
        vm.expectRevert(Settlement.WrongProgram.selector);
        settlement.propose{value: BOND}(stale, "");
        propose(undecided, keccak256("c"), 3);
        (Claim memory kept,,,) = settlement.claimAt(undecided); // decided by the program that it names
        assertEq(kept.programHash, PROGRAM);
        assertEq(kept.version, 1);
        skipTime(WINDOW + AIRGAP);
        assertEq(settlement.finalOutput(undecided), keccak256("b"));
    }

    function test_the_new_settlement_starts_at_the_old_one_s_last_final_claim() public {
        append(1);
        uint256 a = propose(0, keccak256("a"), 10);
        uint256 b = propose(a, keccak256("b"), 20);
        schedule(address(next));
        skipTime(TIMELOCK);
        propose(b, keccak256("c"), 30);
        execute();
        (Claim memory last, bytes32 lastHash,,) = settlement.claimAt(b);
        (Claim memory first, bytes32 firstHash, uint64 createdAt, uint8 status) = next.claimAt(0);
        assertEq(firstHash, lastHash);
        assertEq(keccak256(abi.encode(first)), keccak256(abi.encode(last)));
        assertEq(createdAt, block.timestamp);
        assertEq(status, uint8(GameStatus.DEFENDER_WINS));
        assertEq(next.finalOutput(0), keccak256("b"));
        assertEq(address(next.predecessor()), address(settlement));
        // and goes on from there
        Claim memory claim = claimOn(child, firstHash, keccak256("c"), 30);
        vm.prank(stranger);
        next.propose{value: BOND}(claim, "");
        vm.prank(stranger);
        vm.expectRevert(Settlement.NotCurrent.selector);
        settlement.propose{value: BOND}(claim, "");
    }

    function test_a_retired_settlement_does_not_return() public {
        schedule(address(next));
        skipTime(TIMELOCK);
        execute();
        schedule(address(settlement));
        skipTime(TIMELOCK);
        vm.expectRevert(Settlement.AlreadyStarted.selector);
        execute();
        assertEq(config.settlement(), address(next));
    }

    function test_what_was_final_before_the_switch_still_serves() public {
        Exit memory e = exitTo(user, 1 ether, 0, "");
        schedule(address(new HostileSettlement()));
        skipTime(TIMELOCK - WINDOW - AIRGAP);
        proposeAndProve(e); // a block later than would be early enough for anything but the claim itself
        vm.warp(config.pendingUpgrade().executableAt);
        execute();
        portal.checkWithdrawal(e.hash, user);
        skipTime(365 days);
        finalize(e);
        assertEq(user.balance, 1_001 ether);
    }

    function test_what_was_not_final_at_the_switch_is_void() public {
        Exit memory e = exitTo(user, 1 ether, 0, "");
        schedule(address(next));
        skipTime(TIMELOCK - WINDOW - AIRGAP + 1); // a second too late
        uint256 id = proposeAndProve(e);
        vm.warp(config.pendingUpgrade().executableAt);
        uint256 fork = vm.snapshotState();
        skipTime(1);
        portal.checkWithdrawal(e.hash, user); // it would have been
        vm.revertToState(fork);
        execute();
        skipTime(365 days);
        vm.expectRevert(Portal.OptimismPortal_InvalidRootClaim.selector);
        portal.checkWithdrawal(e.hash, user);
        assertEq(settlement.finalOutput(id), 0);
        // clients ask the registry why; the new one knows of the old one's claims
        address game = settlement.gameOf(id);
        assertTrue(next.isGameRegistered(game));
        assertTrue(next.isGameRetired(game));
        assertFalse(next.isGameProper(game));
        assertFalse(next.isGameFinalized(game));
        assertTrue(next.isGameProper(settlement.gameOf(0)));
        assertTrue(next.isGameClaimValid(settlement.gameOf(0)));
        // the bond is not lost with it
        uint256 before = stranger.balance;
        settlement.withdrawBond(id);
        assertEq(stranger.balance, before + BOND);

        // and the user proves again, against a claim of the new one
        Claim memory claim = claimOn(child, hashOf(0), e.output, 10);
        vm.prank(stranger);
        id = next.propose{value: BOND}(claim, "");
        prove(e, id, user);
        skipTime(WINDOW + AIRGAP);
        finalize(e);
    }

    function test_a_claim_of_before_cannot_be_proven_against_after_the_switch() public {
        Exit memory e = exitTo(user, 1 ether, 0, "");
        uint256 id = propose(0, e.output, 10);
        schedule(address(next));
        skipTime(TIMELOCK);
        execute();
        vm.prank(user, user);
        vm.expectRevert(Settlement.UnknownClaim.selector);
        portal.proveWithdrawalTransaction(e.tx, id, e.root, e.proof);
        prove(e, 0, user); // but the last final one is there under another number
        skipTime(MATURITY + 1);
        finalize(e);
    }

    /// The owner turns: nobody sequences, prices are absurd, and a settlement is announced that will never let
    /// anything out. A user whose funds are on the child leaves before the timelock ends.
    function test_users_leave_before_a_hostile_settlement_comes() public {
        vm.startPrank(owner);
        config.setSequencer(address(0));
        config.setGasLimit(21_000_000);
        config.setGasConfigEcotone(type(uint32).max, type(uint32).max);
        config.scheduleUpgrade(address(new HostileSettlement()), NEW_PROGRAM, 2);
        vm.stopPrank();
        uint256 due = config.pendingUpgrade().executableAt;

        // the user's withdrawal on the child, forced
        vm.prank(user, user);
        inbox.enqueue(0x4200000000000000000000000000000000000016, 1 ether, 200_000, false, hex"c2b3e5ac");
        skipTime(FORCED + 1);
        inbox.forceRead();
        assertEq(inbox.readCount(), inbox.itemCount());

        // anyone claims what came of it
        Exit memory e = exitTo(user, 1 ether, 0, "");
        uint256 id = propose(0, e.output, 10);
        assertEq(inbox.batchCount(), 1);
        nextBlock();
        prove(e, id, user);
        skipTime(WINDOW + AIRGAP);
        assertLt(block.timestamp, due);
        finalize(e);
        assertEq(user.balance, 1_001 ether);

        // deposits and forced transactions go on whatever happens
        vm.warp(due);
        execute();
        fund(1 ether);
        enqueue(user);
        skipTime(FORCED + 1);
        inbox.forceRead();
    }
}
