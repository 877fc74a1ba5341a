// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IDisputeGame} from "../../interfaces/IDisputeGame.sol";
import {Claim, GameStatus, ISettlement} from "../../interfaces/ISettlement.sol";
import {BlobInbox} from "../../l1/BlobInbox.sol";
import {Inbox} from "../../l1/Inbox.sol";
import {Portal} from "../../l1/Portal.sol";
import {SystemConfig} from "../../l1/SystemConfig.sol";
import {OptimisticSettlement} from "../../l1/settle/OptimisticSettlement.sol";
import {Settlement} from "../../l1/settle/Settlement.sol";
import {Base, DisputableSettlement} from "./Base.t.sol";

/// Takes its bond back, and again while it is being paid.
contract GreedyProposer {
    Settlement private _settlement;
    uint256 private _id;
    bytes public answer;

    function propose(Settlement settlement, Claim calldata claim) external payable {
        _settlement = settlement;
        _id = settlement.propose{value: msg.value}(claim, "");
    }

    receive() external payable {
        (, answer) = address(_settlement).call(abi.encodeCall(Settlement.withdrawBond, (_id)));
    }
}

contract SettlementTest is Base {
    uint8 private constant OPEN_ = uint8(GameStatus.IN_PROGRESS);
    uint8 private constant LOST = uint8(GameStatus.CHALLENGER_WINS);
    uint8 private constant WON = uint8(GameStatus.DEFENDER_WINS);
    uint32 private constant TYPE = 0x76610001;

    function output(uint256 n) private pure returns (bytes32) {
        return keccak256(abi.encode("output", n));
    }

    // Claims

    function test_claim_0_is_the_genesis_and_final() public view {
        (Claim memory claim, bytes32 hash, uint64 createdAt, uint8 status) = settlement.claimAt(0);
        uint256[11] memory words;
        words[0] = uint256(bytes32("varve.claim.1"));
        words[1] = 901;
        words[3] = uint256(GENESIS);
        words[6] = uint256(inbox.batchAccAt(0));
        words[8] = uint256(inbox.inboxAccAt(0));
        words[9] = uint256(PROGRAM);
        words[10] = 1;
        assertEq(hash, keccak256(abi.encode(words)));
        assertEq(keccak256(abi.encode(claim)), keccak256(abi.encode(claimOn(child, 0, GENESIS, 0))));
        assertEq(createdAt, block.timestamp);
        assertEq(status, WON);
        assertEq(settlement.finalOutput(0), GENESIS);
        assertEq(settlement.idOf(hash), 0);
        assertEq(settlement.claimCount(), 1);
    }

    function test_a_claim_is_kept_as_it_was_proposed(bytes32 out, uint64 number) public {
        vm.assume(out != 0);
        enqueue(user);
        append(1);
        enqueue(user);
        append(1);
        nextBlock();
        append(2);
        Claim memory claim = claimOn(0, out, number);
        bytes32 expected = keccak256(
            abi.encode(
                bytes32("varve.claim.1"),
                uint256(901),
                claim.parentClaim,
                out,
                number,
                uint64(3),
                claim.batchAcc,
                uint64(2),
                claim.inboxAcc,
                PROGRAM,
                uint64(1)
            )
        );
        vm.expectEmit(address(settlement));
        emit ISettlement.ClaimProposed(1, expected, claim.parentClaim, stranger, claim);
        vm.expectEmit(address(settlement));
        emit ISettlement.DisputeGameCreated(settlement.gameOf(1), TYPE, out);
        assertEq(propose(0, out, number), 1);

        (uint256 id, Claim memory kept, bytes32 hash, uint64 createdAt, uint8 status) = settlement.latestClaim();
        assertEq(id, 1);
        assertEq(keccak256(abi.encode(kept)), keccak256(abi.encode(claim)));
        assertEq(hash, expected);
        assertEq(createdAt, block.timestamp);
        assertEq(status, OPEN_);
        assertEq(settlement.idOf(expected), 1);
        // what comes later changes nothing
        enqueue(user);
        append(3);
        (kept, hash,,) = settlement.claimAt(1);
        assertEq(keccak256(abi.encode(kept)), keccak256(abi.encode(claim)));
    }

    function refused(Claim memory claim, bytes memory why) private {
        vm.prank(stranger, stranger);
        vm.expectRevert(why);
        settlement.propose{value: BOND}(claim, "");
    }

    function test_a_claim_fits_chain_program_and_version() public {
        Claim memory claim = claimOn(0, output(1), 1);
        claim.chainId = 902;
        refused(claim, abi.encodeWithSelector(Settlement.WrongChain.selector));
        claim = claimOn(0, output(1), 1);
        claim.programHash = keccak256("another program");
        refused(claim, abi.encodeWithSelector(Settlement.WrongProgram.selector));
        claim = claimOn(0, output(1), 1);
        claim.version = 2;
        refused(claim, abi.encodeWithSelector(Settlement.WrongProgram.selector));
        refused(claimOn(0, 0, 1), abi.encodeWithSelector(Settlement.NoOutput.selector));
    }

    function test_a_claim_is_about_the_inbox_as_it_is() public {
        enqueue(user);
        enqueue(user);
        append(1);
        Claim memory claim = claimOn(0, output(1), 1);
        claim.batchAcc = keccak256("another batch");
        refused(claim, abi.encodeWithSelector(Settlement.NotOfInbox.selector));
        claim = claimOn(0, output(1), 1);
        claim.inboxPos = 2;
        claim.inboxAcc = inbox.inboxAccAt(2);
        refused(claim, abi.encodeWithSelector(Settlement.NotOfInbox.selector));
        claim = claimOn(0, output(1), 1);
        claim.inboxAcc = inbox.inboxAccAt(0);
        refused(claim, abi.encodeWithSelector(Settlement.NotOfInbox.selector));
        claim = claimOn(0, output(1), 1);
        claim.batchCount = 2;
        refused(claim, abi.encodeWithSelector(Inbox.UnknownIndex.selector));
    }

    function test_a_claim_does_not_survive_a_reorg_of_its_batches() public {
        enqueue(user);
        uint256 fork = vm.snapshotState();
        append(1);
        Claim memory claim = claimOn(0, output(1), 1);
        vm.revertToState(fork);
        append(0);
        refused(claim, abi.encodeWithSelector(Settlement.NotOfInbox.selector));
    }

    function test_a_claim_continues_another_and_does_not_go_back() public {
        Claim memory claim = claimOn(0, output(1), 1);
        claim.parentClaim = keccak256("no claim");
        refused(claim, abi.encodeWithSelector(Settlement.UnknownClaim.selector));
        append(0);
        Claim memory early = claimOn(0, output(1), 5);
        append(0);
        propose(0, output(5), 5);
        refused(claimOn(1, output(4), 4), abi.encodeWithSelector(Settlement.BehindParent.selector));
        early.parentClaim = hashOf(1);
        refused(early, abi.encodeWithSelector(Settlement.BehindParent.selector));
        propose(1, output(5), 5); // the same block again, on top: allowed
    }

    function test_a_claim_is_proposed_once() public {
        Claim memory claim = claimOn(0, output(1), 1);
        propose(0, output(1), 1);
        refused(claim, abi.encodeWithSelector(Settlement.KnownClaim.selector, 1));
    }

    function test_a_proposal_brings_the_bond_and_no_evidence() public {
        Claim memory claim = claimOn(0, output(1), 1);
        vm.startPrank(stranger, stranger);
        vm.expectRevert(abi.encodeWithSelector(Settlement.WrongBond.selector, BOND));
        settlement.propose{value: BOND - 1}(claim, "");
        vm.expectRevert(abi.encodeWithSelector(Settlement.WrongBond.selector, BOND));
        settlement.propose{value: BOND + 1}(claim, "");
        vm.expectRevert(OptimisticSettlement.UnexpectedEvidence.selector);
        settlement.propose{value: BOND}(claim, hex"00");
    }

    // Decisions

    function test_a_claim_is_won_after_its_window_and_final_after_the_airgap() public {
        uint256 id = propose(0, output(1), 1);
        address game = gameOf(id);
        skipTime(WINDOW - 1);
        assertEq(settlement.status(id), OPEN_);
        assertEq(IDisputeGame(game).resolvedAt(), 0);
        skipTime(1);
        assertEq(settlement.status(id), WON);
        assertEq(IDisputeGame(game).resolvedAt(), block.timestamp);
        assertEq(settlement.finalOutput(id), 0);
        assertFalse(settlement.isGameFinalized(game));
        skipTime(AIRGAP - 1);
        assertEq(settlement.finalOutput(id), 0);
        assertFalse(settlement.isGameClaimValid(game));
        skipTime(1);
        assertEq(settlement.finalOutput(id), output(1));
        assertTrue(settlement.isGameFinalized(game));
        assertTrue(settlement.isGameClaimValid(game));
    }

    function test_a_claim_is_not_final_before_its_own_time_because_its_parent_is() public {
        uint256 a = propose(0, output(1), 1);
        skipTime(12 hours);
        uint256 b = propose(a, output(2), 2);
        skipTime(WINDOW + AIRGAP - 12 hours);
        assertEq(settlement.decidedCount(), 1);
        assertEq(settlement.finalOutput(a), output(1));
        assertEq(settlement.finalOutput(b), 0);
        skipTime(12 hours - 1);
        assertEq(settlement.finalOutput(b), 0);
        skipTime(1);
        assertEq(settlement.finalOutput(b), output(2));
    }

    function test_what_builds_on_a_lost_claim_is_lost() public {
        uint256 a = propose(0, output(1), 1);
        uint256 b = propose(a, output(2), 2);
        uint256 c = propose(b, output(3), 3);
        uint256 other = propose(a, output(4), 4);
        skipTime(1 days);
        settlement.lose(b, user);
        assertEq(settlement.status(b), LOST);
        refused(claimOn(b, output(5), 5), abi.encodeWithSelector(Settlement.ParentLost.selector));
        skipTime(WINDOW + AIRGAP);
        assertEq(settlement.status(a), WON);
        assertEq(settlement.status(b), LOST);
        assertEq(settlement.status(c), LOST);
        assertEq(settlement.status(other), WON);
        assertEq(settlement.finalOutput(c), 0);
        settlement.advance(100);
        assertEq(settlement.decidedCount(), 5);
        assertEq(settlement.status(c), LOST);
        (uint256 id,,) = settlement.latestFinal();
        assertEq(id, other);
    }

    function test_a_claim_waits_for_a_dispute_about_its_ancestor() public {
        uint256 a = propose(0, output(1), 1);
        uint256 b = propose(a, output(2), 2);
        settlement.dispute(a, true);
        skipTime(2 * WINDOW);
        assertEq(settlement.status(b), OPEN_);
        uint256 fork = vm.snapshotState();
        settlement.dispute(a, false);
        assertEq(settlement.status(b), WON);
        vm.revertToState(fork);
        settlement.lose(a, user);
        assertEq(settlement.status(b), LOST);
    }

    function test_what_is_decided_is_not_lost_any_more() public {
        uint256 a = propose(0, output(1), 1);
        uint256 b = propose(0, output(2), 2);
        settlement.lose(b, user);
        vm.expectRevert(Settlement.Decided.selector);
        settlement.lose(b, stranger);
        vm.expectRevert(Settlement.Decided.selector);
        settlement.lose(0, user);
        skipTime(WINDOW);
        vm.expectRevert(Settlement.Decided.selector);
        settlement.lose(a, user);
        vm.expectRevert(Settlement.UnknownClaim.selector);
        settlement.lose(3, user);
    }

    function test_the_newest_final_claim_is_found_after_advancing() public {
        uint256 a = propose(0, output(1), 1);
        skipTime(1 hours);
        uint256 b = propose(a, output(2), 2);
        skipTime(1 hours);
        propose(b, output(3), 3);
        (uint256 id,,) = settlement.latestFinal();
        assertEq(id, 0);
        vm.warp(block.timestamp + WINDOW + AIRGAP - 1 hours);
        settlement.advance(0);
        assertEq(settlement.decidedCount(), 1);
        settlement.advance(1);
        assertEq(settlement.decidedCount(), 2);
        settlement.advance(100);
        assertEq(settlement.decidedCount(), 3); // the third is not final yet
        (id,,) = settlement.latestFinal();
        assertEq(id, b);
        (bytes32 root, uint256 number) = settlement.getAnchorRoot();
        assertEq(root, output(2));
        assertEq(number, 2);
        assertEq(settlement.anchorGame(), gameOf(b));
    }

    function test_proposals_write_older_decisions_down() public {
        uint256 last = 0;
        for (uint64 i = 1; i <= 24 * 10; i++) {
            skipTime(1 hours);
            last = propose(last, output(i), i);
        }
        // claims wait for eight days; those older are decided
        assertEq(settlement.decidedCount(), 1 + 24 * 2 - 1 + 1);
    }

    /// Any tree, any losses, any time, advanced or not: a claim is lost if it or an ancestor is, else won if
    /// all their windows have ended.
    /// forge-config: default.fuzz.runs = 128
    function test_decisions_are_those_of_the_tree(uint256 seed, uint8 advances) public {
        uint256 count = 16;
        uint256[] memory parents = new uint256[](count);
        uint256[] memory ends = new uint256[](count);
        bool[] memory lost = new bool[](count);
        bool[] memory open = new bool[](count);
        for (uint256 id = 1; id < count; id++) {
            seed = uint256(keccak256(abi.encode(seed)));
            skipTime(1 + seed % 1 days);
            uint256 parent = (seed >> 32) % id;
            if (settlement.status(parent) == LOST) parent = 0;
            parents[id] = parent;
            assertEq(propose(parent, output(id), uint64(id)), id);
            ends[id] = block.timestamp + WINDOW;
            if ((seed >> 64) % 5 == 0) {
                uint256 victim = 1 + (seed >> 96) % id;
                if (!lost[victim] && block.timestamp < ends[victim]) {
                    settlement.lose(victim, user);
                    lost[victim] = true;
                    open[victim] = false;
                }
            } else if ((seed >> 64) % 5 == 1) {
                uint256 victim = 1 + (seed >> 96) % id;
                if (!lost[victim] && block.timestamp < ends[victim]) {
                    settlement.dispute(victim, true);
                    open[victim] = true;
                }
            }
        }
        skipTime((seed >> 128) % (10 days) + 1);
        settlement.advance(advances % 20);
        for (uint256 id = 1; id < count; id++) {
            uint8 expected = WON;
            uint256 since = 0;
            // the claim's own verdict comes first, then its ancestors'
            for (uint256 a = id; a != 0 && expected == WON; a = parents[a]) {
                if (lost[a]) expected = LOST;
                else if (open[a] || block.timestamp < ends[a]) expected = OPEN_;
                else if (ends[a] > since) since = ends[a];
            }
            assertEq(settlement.status(id), expected);
            bool isFinal = expected == WON && since + AIRGAP <= block.timestamp;
            assertEq(settlement.finalOutput(id), isFinal ? output(id) : bytes32(0));
            assertEq(settlement.isGameClaimValid(gameOf(id)), isFinal);
        }
    }

    // Bonds

    function test_a_bond_comes_back_when_the_claim_is_final() public {
        uint256 before = stranger.balance;
        uint256 id = propose(0, output(1), 1);
        assertEq(stranger.balance, before - BOND);
        skipTime(WINDOW + AIRGAP - 1);
        vm.expectRevert(Settlement.Undecided.selector);
        settlement.withdrawBond(id);
        skipTime(1);
        settlement.withdrawBond(id);
        assertEq(stranger.balance, before);
        vm.expectRevert(Settlement.PaidAlready.selector);
        settlement.withdrawBond(id);
        vm.expectRevert(Settlement.PaidAlready.selector);
        settlement.withdrawBond(0);
    }

    function test_the_bond_of_a_lost_claim_is_the_winner_s() public {
        address winner = makeAddr("winner");
        uint256 a = propose(0, output(1), 1);
        uint256 b = propose(a, output(2), 2);
        settlement.lose(a, winner);
        settlement.withdrawBond(a);
        assertEq(winner.balance, BOND);
        vm.expectRevert(Settlement.Undecided.selector);
        settlement.withdrawBond(b);
        skipTime(WINDOW);
        uint256 before = stranger.balance;
        settlement.withdrawBond(b); // nobody had to refute it
        assertEq(stranger.balance, before + BOND);
        assertEq(address(settlement).balance, 0);
    }

    function test_a_bond_is_paid_once_even_to_the_greedy() public {
        GreedyProposer greedy = new GreedyProposer();
        greedy.propose{value: BOND}(settlement, claimOn(0, output(1), 1));
        propose(0, output(2), 2);
        skipTime(WINDOW + AIRGAP);
        settlement.withdrawBond(1);
        assertEq(greedy.answer(), abi.encodeWithSelector(Settlement.PaidAlready.selector));
        assertEq(address(greedy).balance, BOND);
        settlement.withdrawBond(2);
    }

    // OP's views

    function test_claims_are_listed_as_games() public {
        for (uint64 i = 1; i < 5; i++) {
            nextBlock();
            propose(i - 1, output(i), 10 * i);
        }
        assertEq(settlement.gameCount(), 5);
        (uint32 gameType, uint64 time, address game) = settlement.gameAtIndex(4);
        assertEq(gameType, TYPE);
        assertEq(time, block.timestamp);
        assertEq(game, settlement.gameOf(4));

        ISettlement.GameSearchResult[] memory found = settlement.findLatestGames(TYPE, 4, 3);
        assertEq(found.length, 3);
        for (uint256 i = 0; i < 3; i++) {
            (,, address proxy_) = settlement.gameAtIndex(4 - i);
            assertEq(found[i].index, 4 - i);
            assertEq(found[i].rootClaim, output(4 - i));
            assertEq(found[i].extraData, abi.encode(uint256(10 * (4 - i))));
            assertEq(found[i].timestamp, block.timestamp - 12 * i);
            assertEq(
                uint256(found[i].metadata),
                uint256(TYPE) << 224 | (block.timestamp - 12 * i) << 160 | uint160(proxy_)
            );
        }
        assertEq(settlement.findLatestGames(TYPE, 4, 100).length, 5);
        assertEq(settlement.findLatestGames(TYPE, 0, 1)[0].rootClaim, GENESIS);
        assertEq(settlement.findLatestGames(TYPE, 5, 1).length, 0);
        assertEq(settlement.findLatestGames(TYPE, 4, 0).length, 0);
        assertEq(settlement.findLatestGames(0, 4, 3).length, 0);

        (address proxy, uint64 since) = settlement.games(TYPE, output(2), abi.encode(uint256(20)));
        assertEq(proxy, settlement.gameOf(2));
        assertEq(since, block.timestamp - 24);
        (proxy,) = settlement.games(TYPE, output(2), abi.encode(uint256(21)));
        assertEq(proxy, address(0));
        (proxy,) = settlement.games(0, output(2), abi.encode(uint256(20)));
        assertEq(proxy, address(0));
    }

    function test_a_claim_s_contract_answers_as_a_game() public {
        uint256 id = propose(0, output(1), 77);
        IDisputeGame game = IDisputeGame(gameOf(id));
        assertEq(game.claimId(), id);
        assertEq(game.createdAt(), block.timestamp);
        assertEq(game.resolvedAt(), 0);
        assertEq(uint8(game.status()), OPEN_);
        assertEq(game.gameType(), TYPE);
        assertEq(game.gameCreator(), stranger);
        assertEq(game.rootClaim(), output(1));
        assertEq(game.l2BlockNumber(), 77);
        assertEq(game.l2SequenceNumber(), 77);
        assertEq(game.extraData(), abi.encode(uint256(77)));
        assertTrue(game.wasRespectedGameTypeWhenCreated());
        assertEq(game.anchorStateRegistry(), address(settlement));
        (uint32 gameType, bytes32 root, bytes memory extra) = game.gameData();
        assertEq(gameType, TYPE);
        assertEq(root, output(1));
        assertEq(extra, abi.encode(uint256(77)));
    }

    function test_only_its_own_claims_are_games() public {
        uint256 id = propose(0, output(1), 1);
        address game = gameOf(id);
        assertTrue(settlement.isGameRegistered(game));
        assertTrue(settlement.isGameProper(game));
        assertTrue(settlement.isGameRespected(game));
        assertFalse(settlement.isGameRetired(game));
        assertFalse(settlement.isGameResolved(game));
        // the same code, made by somebody else
        address twin =
            Clones.cloneDeterministicWithImmutableArgs(settlement.gameImplementation(), abi.encode(id), bytes32(id));
        assertEq(twin.codehash, game.codehash);
        address[5] memory others =
            [twin, address(0), user, address(settlement), settlement.gameImplementation()];
        for (uint256 i = 0; i < others.length; i++) {
            assertFalse(settlement.isGameRegistered(others[i]));
            assertFalse(settlement.isGameProper(others[i]));
            assertFalse(settlement.isGameRespected(others[i]));
            assertFalse(settlement.isGameFinalized(others[i]));
            assertFalse(settlement.isGameClaimValid(others[i]));
        }
        assertFalse(settlement.isGameRegistered(settlement.gameOf(id + 1)));
    }

    // Deployment

    function test_a_deployment_with_a_wrong_prediction_fails() public {
        uint256 nonce = vm.getNonce(address(this));
        SystemConfig.Settings memory s = settings(903, owner);
        s.inbox = vm.computeCreateAddress(address(this), nonce + 1);
        s.optimismPortal = vm.computeCreateAddress(address(this), nonce + 2);
        s.settlement = vm.computeCreateAddress(address(this), nonce + 3);
        SystemConfig c = new SystemConfig(s);
        BlobInbox i = new BlobInbox(c, address(0xbad), 903, FORCED, OPEN);
        new Portal(c, i, MATURITY);
        vm.expectRevert(Settlement.Miswired.selector);
        new DisputableSettlement(c, GENESIS, WINDOW, AIRGAP, BOND);
    }

    function test_a_settlement_that_is_not_the_present_one_takes_no_claims() public {
        DisputableSettlement other = new DisputableSettlement(config, GENESIS, WINDOW, AIRGAP, BOND);
        assertEq(other.claimCount(), 0);
        Claim memory claim = claimOn(0, output(1), 1);
        vm.expectRevert(Settlement.NotCurrent.selector);
        other.propose{value: BOND}(claim, "");
        vm.expectRevert(Settlement.NotCurrent.selector);
        other.start(address(settlement));
        vm.prank(address(config));
        vm.expectRevert(Settlement.AlreadyStarted.selector);
        settlement.start(address(other));
    }
}
