// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";
import {IInbox} from "../../interfaces/IInbox.sol";
import {ResourceMetering} from "../../l1/ResourceMetering.sol";
import {Inbox} from "../../l1/Inbox.sol";
import {BlobInbox} from "../../l1/BlobInbox.sol";
import {Base} from "./Base.t.sol";

/// A contract that passes calls on.
contract Relay {
    function pass(address target, bytes calldata data) external payable {
        (bool ok, bytes memory answer) = target.call{value: msg.value}(data);
        if (!ok) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }
}

/// The formulas of contracts/README.md, written out anew.
library Expect {
    function inboxGenesis(address inbox, uint256 chainId) internal view returns (bytes32) {
        return keccak256(abi.encode(bytes32("varve.inbox.1"), block.chainid, inbox, chainId));
    }

    function batchGenesis(address inbox, uint256 chainId) internal view returns (bytes32) {
        return keccak256(abi.encode(bytes32("varve.batch.1"), block.chainid, inbox, chainId));
    }

    function item(bytes32 acc, uint256[9] memory words, bytes memory data) internal view returns (bytes32) {
        // kind, position, from, to, mint, value, gasLimit, isCreation, (time), keccak(data)
        uint256[11] memory leaf;
        leaf[0] = uint256(bytes32("varve.item.1"));
        for (uint256 i = 0; i < 8; i++) leaf[i + 1] = words[i];
        leaf[9] = block.timestamp;
        leaf[10] = uint256(keccak256(data));
        return keccak256(abi.encode(bytes32("varve.inbox.1"), acc, keccak256(abi.encode(leaf))));
    }

    function batch(
        bytes32 acc,
        bytes32 dataHash,
        uint64 pos,
        bytes32 inboxAcc,
        uint64 originNumber,
        bytes32 originHash
    ) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                bytes32("varve.batch.1"), acc, dataHash, pos, inboxAcc, originNumber, originHash, block.timestamp
            )
        );
    }

    function calldataHash(bytes memory data) internal pure returns (bytes32) {
        bytes memory hashes;
        for (uint256 from = 0; from < data.length; from += 31 * 1024) {
            uint256 size = data.length - from < 31 * 1024 ? data.length - from : 31 * 1024;
            bytes32 hash;
            assembly {
                hash := keccak256(add(add(data, 32), from), size)
            }
            hashes = abi.encodePacked(hashes, hash);
        }
        return keccak256(abi.encode(bytes32("varve.data.1"), uint256(1), data.length, keccak256(hashes)));
    }
}

contract InboxItemsTest is Base {
    uint160 private constant OFFSET = uint160(0x1111000000000000000000000000000000001111);

    function test_the_accumulators_start_from_parent_inbox_and_child() public view {
        assertEq(inbox.inboxAccAt(0), Expect.inboxGenesis(address(inbox), 901));
        assertEq(inbox.batchAccAt(0), Expect.batchGenesis(address(inbox), 901));
        assertEq(inbox.itemCount(), 0);
        assertEq(inbox.batchCount(), 0);
        assertEq(inbox.readCount(), 0);
        assertEq(inbox.lastBatchTime(), block.timestamp);
    }

    function test_a_forced_transaction_extends_the_accumulator(
        address to,
        uint256 value,
        uint64 gasLimit,
        bytes calldata data
    ) public {
        gasLimit = uint64(bound(gasLimit, 21_000 + 16 * data.length, 1_000_000));
        bytes32 acc = inbox.inboxAccAt(0);
        vm.expectEmit(address(inbox));
        emit IInbox.ItemEnqueued(0, 0, user, to, 0, value, gasLimit, false, uint64(block.timestamp), data);
        vm.prank(user, user);
        inbox.enqueue(to, value, gasLimit, false, data);
        uint256[9] memory words = [uint256(0), 0, uint160(user), uint160(to), 0, value, gasLimit, 0, 0];
        assertEq(inbox.inboxAccAt(1), Expect.item(acc, words, data));
        assertEq(inbox.itemCount(), 1);
        assertEq(inbox.itemTimeAt(0), block.timestamp);
    }

    function test_a_deposit_extends_the_accumulator(address from, uint96 mint, bytes calldata data) public {
        vm.assume(data.length < 1_000);
        bytes32 acc = inbox.inboxAccAt(0);
        vm.prank(address(portal));
        inbox.enqueueDeposit(from, address(0), mint, 7, 500_000, true, data);
        uint256[9] memory words = [uint256(0), 0, uint160(from), 0, mint, 7, 500_000, 1, 0];
        assertEq(inbox.inboxAccAt(1), Expect.item(acc, words, data));
    }

    function test_a_change_of_configuration_extends_the_accumulator() public {
        enqueue(user);
        bytes32 acc = inbox.inboxAccAt(1);
        vm.prank(owner);
        config.setGasLimit(40_000_000);
        uint256[9] memory words;
        words[0] = 1;
        words[1] = 1;
        assertEq(inbox.inboxAccAt(2), Expect.item(acc, words, abi.encode(uint256(0), uint256(40_000_000))));
    }

    /// forge-config: default.fuzz.runs = 32
    function test_times_of_items_are_kept_four_to_a_slot(uint8[30] calldata delays) public {
        uint256[30] memory times;
        for (uint256 i = 0; i < 30; i++) {
            skipTime(uint256(delays[i]) + 12);
            times[i] = block.timestamp;
            enqueue(user);
        }
        for (uint64 i = 0; i < 30; i++) assertEq(inbox.itemTimeAt(i), times[i]);
    }

    function test_what_is_not_there_yet_cannot_be_asked_for() public {
        enqueue(user);
        inbox.inboxAccAt(1);
        vm.expectRevert(Inbox.UnknownIndex.selector);
        inbox.inboxAccAt(2);
        vm.expectRevert(Inbox.UnknownIndex.selector);
        inbox.batchAccAt(1);
        vm.expectRevert(Inbox.UnknownIndex.selector);
        inbox.inboxPosAt(1);
        vm.expectRevert(Inbox.UnknownIndex.selector);
        inbox.itemTimeAt(1);
    }

    function test_an_item_has_at_most_24_KiB_of_data() public {
        vm.startPrank(user, user);
        inbox.enqueue(user, 0, 1_000_000, false, new bytes(24 * 1024));
        vm.expectRevert(Inbox.LargeCalldata.selector);
        inbox.enqueue(user, 0, 1_000_000, false, new bytes(24 * 1024 + 1));
    }

    function test_an_item_has_at_most_15_million_gas() public {
        vm.startPrank(user, user);
        vm.expectRevert(Inbox.LargeGasLimit.selector);
        inbox.enqueue(user, 0, 15_000_001, false, "");
        inbox.enqueue(user, 0, 15_000_000, false, "");
    }

    function test_an_item_has_gas_for_its_intrinsic_cost(uint16 size) public {
        size = uint16(bound(size, 0, 24 * 1024));
        uint64 least = uint64(21_000 + 16 * uint256(size));
        assertEq(portal.minimumGasLimit(size), least);
        vm.startPrank(user, user);
        vm.expectRevert(Inbox.SmallGasLimit.selector);
        inbox.enqueue(user, 0, least - 1, false, new bytes(size));
        inbox.enqueue(user, 0, least, false, new bytes(size));

        uint64 leastOfCreation = uint64(53_000 + 16 * uint256(size) + 2 * ((uint256(size) + 31) / 32));
        vm.expectRevert(Inbox.SmallGasLimit.selector);
        inbox.enqueue(address(0), 0, leastOfCreation - 1, true, new bytes(size));
        inbox.enqueue(address(0), 0, leastOfCreation, true, new bytes(size));
    }

    function test_a_creation_has_no_target() public {
        vm.prank(user, user);
        vm.expectRevert(Inbox.BadTarget.selector);
        inbox.enqueue(user, 0, 1_000_000, true, "");
    }

    function test_ether_is_refused_by_the_inbox() public {
        vm.startPrank(user, user);
        (bool ok,) = address(inbox).call{value: 1}(
            abi.encodeCall(IInbox.enqueue, (user, 0, uint64(100_000), false, bytes("")))
        );
        assertFalse(ok);
        (ok,) = address(inbox).call{value: 1}("");
        assertFalse(ok);
    }

    function test_only_the_portal_deposits_and_only_the_configuration_configures() public {
        vm.expectRevert(Inbox.NotPortal.selector);
        inbox.enqueueDeposit(user, user, 1, 1, 100_000, false, "");
        vm.prank(address(config));
        vm.expectRevert(Inbox.NotPortal.selector);
        inbox.enqueueDeposit(user, user, 1, 1, 100_000, false, "");
        vm.expectRevert(Inbox.NotSystemConfig.selector);
        inbox.enqueueConfig(0, 1);
        vm.prank(owner);
        vm.expectRevert(Inbox.NotSystemConfig.selector);
        inbox.enqueueConfig(0, 1);
    }

    // Senders

    function sender() private returns (address from) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (, from,,,,,,,) = abi.decode(
            logs[logs.length - 1].data,
            (uint8, address, address, uint256, uint256, uint64, bool, uint64, bytes)
        );
    }

    function test_a_contract_comes_under_its_alias() public {
        Relay relay = new Relay();
        vm.recordLogs();
        vm.prank(user, user);
        relay.pass(address(inbox), abi.encodeCall(IInbox.enqueue, (user, 0, uint64(100_000), false, bytes(""))));
        unchecked {
            assertEq(sender(), address(uint160(address(relay)) + OFFSET));
        }
    }

    function test_an_alias_wraps_around() public {
        address high = address(type(uint160).max);
        vm.recordLogs();
        vm.prank(high, user);
        inbox.enqueue(user, 0, 100_000, false, "");
        assertEq(sender(), address(uint160(0x1111000000000000000000000000000000001110)));
    }

    function test_an_account_is_itself() public {
        vm.recordLogs();
        enqueue(user);
        assertEq(sender(), user);
    }

    function test_an_account_that_delegates_is_itself_whoever_calls_it() public {
        vm.etch(user, abi.encodePacked(hex"ef0100", address(inbox))); // EIP-7702
        vm.recordLogs();
        enqueue(user);
        assertEq(sender(), user);
        vm.prank(user, stranger);
        inbox.enqueue(user, 0, 100_000, false, "");
        assertEq(sender(), user);
    }

    function test_code_of_the_size_of_a_delegation_is_a_contract() public {
        vm.etch(user, abi.encodePacked(hex"600100", address(inbox)));
        vm.recordLogs();
        vm.prank(user, stranger);
        inbox.enqueue(user, 0, 100_000, false, "");
        assertEq(sender(), address(uint160(user) + OFFSET));
    }
}

contract InboxBatchesTest is Base {
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;
    bytes private constant HISTORY_CODE =
        hex"3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500";

    /// The arguments of a valid batch, to be spoilt one at a time.
    struct Batch {
        bytes32 prev;
        uint64 pos;
        bytes32 acc;
        uint64 origin;
        bytes32 originHash;
        bytes data;
    }

    function valid() private view returns (Batch memory b) {
        b.prev = inbox.batchAccAt(inbox.batchCount());
        b.pos = inbox.itemCount();
        b.acc = inbox.inboxAccAt(b.pos);
        b.origin = uint64(block.number - 1);
        b.originHash = blockhash(b.origin);
        b.data = hex"0001";
    }

    function appendAs(address from, Batch memory b) private {
        vm.prank(from, from);
        inbox.append(b.prev, b.pos, b.acc, b.origin, b.originHash, b.data);
    }

    function refused(Batch memory b, bytes memory why) private {
        vm.prank(sequencer, sequencer);
        vm.expectRevert(why);
        inbox.append(b.prev, b.pos, b.acc, b.origin, b.originHash, b.data);
    }

    function test_a_batch_extends_the_accumulator(bytes calldata data) public {
        enqueue(user);
        enqueue(user);
        nextBlock();
        Batch memory b = valid();
        b.data = data;
        bytes32 dataHash = Expect.calldataHash(data);
        bytes32 acc = Expect.batch(b.prev, dataHash, 2, b.acc, b.origin, b.originHash);
        vm.expectEmit(address(inbox));
        emit IInbox.BatchAppended(0, 1, acc, dataHash, 2, b.acc, b.origin, b.originHash, uint64(block.timestamp));
        appendAs(sequencer, b);
        assertEq(inbox.batchAccAt(1), acc);
        assertEq(inbox.inboxPosAt(0), 0);
        assertEq(inbox.inboxPosAt(1), 2);
        assertEq(inbox.readCount(), 2);
        assertEq(inbox.lastOriginNumber(), b.origin);
        assertEq(inbox.lastBatchTime(), block.timestamp);
    }

    function test_data_is_hashed_in_chunks_of_31_KiB() public {
        uint24[8] memory sizes = [0, 1, 31 * 1024 - 1, 31 * 1024, 31 * 1024 + 1, 62 * 1024, 62 * 1024 + 7, 120_000];
        for (uint256 i = 0; i < sizes.length; i++) {
            Batch memory b = valid();
            b.data = new bytes(sizes[i]);
            for (uint256 j = 0; j < sizes[i]; j += 997) b.data[j] = bytes1(uint8(j));
            appendAs(sequencer, b);
            bytes32 acc = Expect.batch(b.prev, Expect.calldataHash(b.data), 0, b.acc, b.origin, b.originHash);
            assertEq(inbox.batchAccAt(uint64(i + 1)), acc);
        }
    }

    function test_a_batch_is_built_on_the_current_one() public {
        Batch memory b = valid();
        appendAs(sequencer, b);
        refused(b, abi.encodeWithSelector(Inbox.StaleBatchAcc.selector, inbox.batchAccAt(1)));
    }

    function test_a_batch_reads_neither_less_than_before_nor_more_than_there_is() public {
        enqueue(user);
        enqueue(user);
        Batch memory b = valid();
        b.pos = 3;
        refused(b, abi.encodeWithSelector(Inbox.WrongInboxPos.selector));
        appendAs(sequencer, valid());
        b = valid();
        b.pos = 1;
        b.acc = inbox.inboxAccAt(1);
        refused(b, abi.encodeWithSelector(Inbox.WrongInboxPos.selector));
        b.pos = 2;
        b.acc = inbox.inboxAccAt(2);
        appendAs(sequencer, b);
    }

    function test_a_batch_knows_the_items_that_it_reads() public {
        enqueue(user);
        Batch memory b = valid();
        b.acc = inbox.inboxAccAt(0);
        refused(b, abi.encodeWithSelector(Inbox.WrongInboxAcc.selector, inbox.inboxAccAt(1)));
    }

    function test_a_batch_that_a_reorg_includes_again_reads_no_other_items() public {
        enqueue(user);
        uint256 fork = vm.snapshotState();
        vm.prank(user, user);
        inbox.enqueue(user, 5 ether, 100_000, false, "");
        Batch memory b = valid();
        appendAs(sequencer, b);

        vm.revertToState(fork);
        refused(b, abi.encodeWithSelector(Inbox.WrongInboxPos.selector));
        vm.prank(user, user);
        inbox.enqueue(user, 6 ether, 100_000, false, ""); // another item in its place
        refused(b, abi.encodeWithSelector(Inbox.WrongInboxAcc.selector, inbox.inboxAccAt(2)));

        vm.revertToState(fork);
        vm.prank(user, user);
        inbox.enqueue(user, 5 ether, 100_000, false, ""); // the same one again
        vm.setBlockhash(b.origin, keccak256("another block"));
        refused(b, abi.encodeWithSelector(Inbox.WrongOrigin.selector));
    }

    function test_the_origin_is_an_earlier_block() public {
        Batch memory b = valid();
        b.originHash = keccak256("not that block");
        refused(b, abi.encodeWithSelector(Inbox.WrongOrigin.selector));
        b = valid();
        b.origin = uint64(block.number);
        b.originHash = 0;
        refused(b, abi.encodeWithSelector(Inbox.WrongOrigin.selector));
        b.origin = uint64(block.number + 1);
        refused(b, abi.encodeWithSelector(Inbox.WrongOrigin.selector));
    }

    function test_the_origin_does_not_go_back() public {
        nextBlock();
        appendAs(sequencer, valid());
        Batch memory b = valid();
        b.origin -= 1;
        b.originHash = blockhash(b.origin);
        refused(b, abi.encodeWithSelector(Inbox.WrongOrigin.selector));
        appendAs(sequencer, valid()); // the same again is fine
    }

    function test_old_origins_come_from_the_history_contract() public {
        uint64 origin = uint64(block.number - 257);
        bytes32 hash = keccak256("an old block");
        Batch memory b = valid();
        b.origin = origin;
        b.originHash = hash;
        refused(b, abi.encodeWithSelector(Inbox.WrongOrigin.selector)); // a parent without EIP-2935
        b.originHash = 0;
        refused(b, abi.encodeWithSelector(Inbox.WrongOrigin.selector));

        vm.etch(HISTORY, HISTORY_CODE);
        vm.store(HISTORY, bytes32(uint256(origin) % 8191), hash);
        refused(b, abi.encodeWithSelector(Inbox.WrongOrigin.selector));
        b.originHash = hash;
        appendAs(sequencer, b);

        b = valid();
        b.origin = uint64(block.number - 8192); // the contract has forgotten it
        b.originHash = hash;
        refused(b, abi.encodeWithSelector(Inbox.WrongOrigin.selector));
    }

    function test_origins_up_to_256_blocks_back_need_no_history() public {
        Batch memory b = valid();
        b.origin = uint64(block.number - 256);
        b.originHash = blockhash(b.origin);
        assertNotEq(b.originHash, 0);
        appendAs(sequencer, b);
    }

    function test_an_item_may_be_passed_by_for_the_window_and_no_longer() public {
        enqueue(user);
        skipTime(FORCED - 12);
        enqueue(user);
        skipTime(12);
        Batch memory b = valid();
        b.pos = 0;
        b.acc = inbox.inboxAccAt(0);
        appendAs(sequencer, b); // the last moment
        skipTime(1);
        b = valid();
        b.pos = 0;
        b.acc = inbox.inboxAccAt(0);
        refused(b, abi.encodeWithSelector(Inbox.ItemOverdue.selector, uint64(0)));
        b.pos = 1; // the second one may wait
        b.acc = inbox.inboxAccAt(1);
        appendAs(sequencer, b);
    }

    // Who may append

    function test_only_the_sequencer_appends() public {
        Batch memory b = valid();
        vm.expectRevert(Inbox.NotSequencer.selector);
        appendAs(stranger, b);
    }

    function test_a_new_sequencer_takes_over_at_once() public {
        vm.prank(owner);
        config.setSequencer(stranger);
        appendAs(stranger, valid());
        refused(valid(), abi.encodeWithSelector(Inbox.NotSequencer.selector));
    }

    function test_a_contract_does_not_append() public {
        Relay relay = new Relay();
        vm.prank(owner);
        config.setSequencer(address(relay));
        Batch memory b = valid();
        vm.prank(sequencer, sequencer);
        vm.expectRevert(Inbox.NotDirectCall.selector);
        relay.pass(
            address(inbox),
            abi.encodeCall(IInbox.append, (b.prev, b.pos, b.acc, b.origin, b.originHash, b.data))
        );
    }

    function test_an_account_that_delegates_does_not_append() public {
        vm.etch(sequencer, abi.encodePacked(hex"ef0100", address(inbox)));
        refused(valid(), abi.encodeWithSelector(Inbox.NotDirectCall.selector));
        vm.etch(sequencer, "");
        appendAs(sequencer, valid());
    }

    function test_anyone_appends_once_the_sequencer_has_been_silent() public {
        appendAs(sequencer, valid());
        skipTime(OPEN);
        vm.expectRevert(Inbox.NotSequencer.selector);
        this.appendExternal(stranger);
        skipTime(1);
        this.appendExternal(stranger);
        nextBlock();
        this.appendExternal(user); // until the sequencer is back
        appendAs(sequencer, valid());
        vm.expectRevert(Inbox.NotSequencer.selector);
        this.appendExternal(stranger);
    }

    function test_the_window_counts_from_deployment_if_there_never_was_a_sequencer() public {
        skipTime(OPEN + 1);
        this.appendExternal(stranger);
    }

    function appendExternal(address from) external {
        appendAs(from, valid());
    }

    // Forced reads

    function test_a_forced_read_waits_for_an_overdue_item() public {
        vm.expectRevert(Inbox.NothingOverdue.selector);
        inbox.forceRead();
        enqueue(user);
        skipTime(FORCED);
        assertFalse(inbox.overdue());
        vm.expectRevert(Inbox.NothingOverdue.selector);
        inbox.forceRead();
        skipTime(1);
        assertTrue(inbox.overdue());
        inbox.forceRead();
        assertFalse(inbox.overdue());
        vm.expectRevert(Inbox.NothingOverdue.selector);
        inbox.forceRead();
    }

    function test_a_forced_read_takes_all_items_and_has_no_data() public {
        enqueue(user);
        skipTime(FORCED);
        enqueue(user);
        enqueue(user);
        skipTime(1);
        uint64 origin = uint64(block.number - 1);
        bytes32 acc = Expect.batch(
            inbox.batchAccAt(0), 0, 3, inbox.inboxAccAt(3), origin, blockhash(origin)
        );
        vm.expectEmit(address(inbox));
        emit IInbox.BatchAppended(
            0, 0, acc, 0, 3, inbox.inboxAccAt(3), origin, blockhash(origin), uint64(block.timestamp)
        );
        inbox.forceRead(); // from a contract
        assertEq(inbox.batchAccAt(1), acc);
        assertEq(inbox.readCount(), 3);
        appendAs(sequencer, valid()); // the sequencer goes on
    }

    function test_an_item_that_was_read_is_not_overdue() public {
        enqueue(user);
        append(1);
        skipTime(FORCED + 1);
        enqueue(user);
        vm.expectRevert(Inbox.NothingOverdue.selector);
        inbox.forceRead();
    }

    function test_forced_reads_do_not_pass_for_a_living_sequencer() public {
        for (uint256 i = 0; i < 24; i++) {
            enqueue(user);
            skipTime(FORCED + 1);
            inbox.forceRead();
        }
        this.appendExternal(stranger);
    }

    // Blobs

    function blobs(uint256 count) private returns (bytes32[] memory hashes) {
        hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) hashes[i] = bytes32(uint256(keccak256(abi.encode(i))) >> 8 | 1 << 248);
        vm.blobhashes(hashes);
    }

    function test_a_batch_of_blobs_extends_the_accumulator(uint8 count) public {
        count = uint8(bound(count, 1, 6));
        bytes32[] memory hashes = blobs(count);
        bytes32 dataHash = keccak256(
            abi.encode(bytes32("varve.data.1"), uint256(2), uint256(count), keccak256(abi.encodePacked(hashes)))
        );
        Batch memory b = valid();
        bytes32 acc = Expect.batch(b.prev, dataHash, b.pos, b.acc, b.origin, b.originHash);
        vm.expectEmit(address(inbox));
        emit IInbox.BatchAppended(
            0, 2, acc, dataHash, b.pos, b.acc, b.origin, b.originHash, uint64(block.timestamp)
        );
        vm.prank(sequencer, sequencer);
        inbox.appendBlobs(b.prev, b.pos, b.acc, b.origin, b.originHash, count);
        assertEq(inbox.batchAccAt(1), acc);
    }

    function test_a_batch_names_no_more_blobs_than_there_are() public {
        blobs(2);
        Batch memory b = valid();
        vm.startPrank(sequencer, sequencer);
        vm.expectRevert(BlobInbox.MissingBlob.selector);
        inbox.appendBlobs(b.prev, b.pos, b.acc, b.origin, b.originHash, 3);
        vm.expectRevert(BlobInbox.MissingBlob.selector);
        inbox.appendBlobs(b.prev, b.pos, b.acc, b.origin, b.originHash, 0);
        vm.expectRevert(BlobInbox.MissingBlob.selector);
        inbox.appendBlobs(b.prev, b.pos, b.acc, b.origin, b.originHash, type(uint256).max);
    }

    function test_blobs_obey_the_same_rules() public {
        blobs(1);
        Batch memory b = valid();
        vm.prank(stranger, stranger);
        vm.expectRevert(Inbox.NotSequencer.selector);
        inbox.appendBlobs(b.prev, b.pos, b.acc, b.origin, b.originHash, 1);
        vm.prank(sequencer, sequencer);
        vm.expectRevert(abi.encodeWithSelector(Inbox.StaleBatchAcc.selector, b.prev));
        inbox.appendBlobs(0, b.pos, b.acc, b.origin, b.originHash, 1);
    }

    // Any history

    /// Items and batches in any order: the accumulators are the fold over them, by every index.
    /// forge-config: default.fuzz.runs = 64
    function test_any_history_is_the_fold_of_its_steps(uint8[40] calldata steps) public {
        bytes32[] memory items = new bytes32[](41);
        bytes32[] memory batches = new bytes32[](41);
        uint64[] memory positions = new uint64[](41);
        items[0] = inbox.inboxAccAt(0);
        batches[0] = inbox.batchAccAt(0);
        uint64 itemCount = 0;
        uint64 batchCount = 0;
        for (uint256 i = 0; i < steps.length; i++) {
            nextBlock();
            if (steps[i] < 128) {
                uint256[9] memory words = [uint256(0), itemCount, uint160(user), uint160(user), 0, 1 ether, 100_000, 0, 0];
                items[itemCount + 1] = Expect.item(items[itemCount], words, hex"c0de");
                enqueue(user);
                itemCount++;
            } else {
                uint64 last = positions[batchCount];
                uint64 pos = last + uint64(steps[i]) % (itemCount - last + 1);
                Batch memory b = valid();
                batches[batchCount + 1] = Expect.batch(
                    b.prev, Expect.calldataHash(b.data), pos, items[pos], b.origin, b.originHash
                );
                (b.pos, b.acc) = (pos, items[pos]);
                appendAs(sequencer, b);
                batchCount++;
                positions[batchCount] = pos;
            }
        }
        assertEq(inbox.itemCount(), itemCount);
        assertEq(inbox.batchCount(), batchCount);
        assertEq(inbox.readCount(), positions[batchCount]);
        for (uint64 i = 0; i <= itemCount; i++) assertEq(inbox.inboxAccAt(i), items[i]);
        for (uint64 i = 0; i <= batchCount; i++) {
            assertEq(inbox.batchAccAt(i), batches[i]);
            assertEq(inbox.inboxPosAt(i), positions[i]);
        }
    }
}
