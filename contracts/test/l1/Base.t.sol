// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {IInbox} from "../../interfaces/IInbox.sol";
import {IPortal, Types} from "../../interfaces/IPortal.sol";
import {Claim, GameStatus, ISettlement} from "../../interfaces/ISettlement.sol";
import {ISystemConfig} from "../../interfaces/ISystemConfig.sol";
import {BlobInbox} from "../../l1/BlobInbox.sol";
import {Inbox} from "../../l1/Inbox.sol";
import {Portal} from "../../l1/Portal.sol";
import {SystemConfig} from "../../l1/SystemConfig.sol";
import {OptimisticSettlement} from "../../l1/settle/OptimisticSettlement.sol";
import {Settlement} from "../../l1/settle/Settlement.sol";

/// An optimistic settlement whose claims can be disputed and refuted by whoever calls.
contract DisputableSettlement is OptimisticSettlement {
    mapping(uint256 => bool) public disputed;

    constructor(ISystemConfig config, bytes32 genesis, uint64 window, uint64 airgap, uint256 bond)
        OptimisticSettlement(config, genesis, window, airgap, bond)
    {}

    function dispute(uint256 id, bool open) external {
        disputed[id] = open;
    }

    function lose(uint256 id, address winner) external {
        _lose(id, winner);
    }

    function _verdict(uint256 id) internal view override returns (GameStatus, uint64) {
        if (disputed[id]) return (GameStatus.IN_PROGRESS, 0);
        return super._verdict(id);
    }
}

/// A child chain's contracts on a parent, with the default times, and what their users do.
abstract contract Base is Test {
    struct Child {
        SystemConfig config;
        BlobInbox inbox;
        Portal portal;
        DisputableSettlement settlement;
        uint256 chainId;
    }

    uint64 internal constant FORCED = 1 hours;
    uint64 internal constant OPEN = 1 days;
    uint64 internal constant WINDOW = 7 days;
    uint64 internal constant AIRGAP = 1 days;
    uint64 internal constant MATURITY = 7 days;
    uint64 internal constant TIMELOCK = 30 days;
    uint256 internal constant BOND = 0.1 ether;
    bytes32 internal constant GENESIS = keccak256("output of the genesis");
    bytes32 internal constant PROGRAM = keccak256("program");

    address internal owner = makeAddr("owner");
    address internal sequencer = makeAddr("sequencer");
    address internal user = makeAddr("user");
    address internal stranger = makeAddr("stranger");

    Child internal child;
    BlobInbox internal inbox;
    Portal internal portal;
    SystemConfig internal config;
    DisputableSettlement internal settlement;

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        vm.roll(20_000);
        vm.fee(1 gwei);
        vm.deal(user, 1_000 ether);
        vm.deal(stranger, 1_000 ether);
        child = deploy(901, owner);
        (config, inbox, portal, settlement) = (child.config, child.inbox, child.portal, child.settlement);
    }

    function settings(uint256 chainId, address owner_) internal returns (SystemConfig.Settings memory s) {
        s.owner = owner_;
        s.sequencer = sequencer;
        s.gasLimit = 30_000_000;
        s.basefeeScalar = 40_000_000;
        s.timelock = TIMELOCK;
        s.l2ChainId = chainId;
        s.programHash = PROGRAM;
        s.l1CrossDomainMessenger = makeAddr("messenger");
        s.l1StandardBridge = makeAddr("standard bridge");
        s.l1ERC721Bridge = makeAddr("erc721 bridge");
        s.l1ERC1155Bridge = makeAddr("erc1155 bridge");
    }

    /// By plain creations, with addresses predicted from the nonce, as the node does it.
    function deploy(uint256 chainId, address owner_) internal returns (Child memory c) {
        uint256 nonce = vm.getNonce(address(this));
        SystemConfig.Settings memory s = settings(chainId, owner_);
        s.inbox = vm.computeCreateAddress(address(this), nonce + 1);
        s.optimismPortal = vm.computeCreateAddress(address(this), nonce + 2);
        s.settlement = vm.computeCreateAddress(address(this), nonce + 3);
        c.chainId = chainId;
        c.config = new SystemConfig(s);
        c.inbox = new BlobInbox(c.config, s.optimismPortal, chainId, FORCED, OPEN);
        c.portal = new Portal(c.config, c.inbox, MATURITY);
        c.settlement = new DisputableSettlement(c.config, GENESIS, WINDOW, AIRGAP, BOND);
    }

    function nextBlock() internal {
        skipTime(12);
    }

    function skipTime(uint256 time) internal {
        vm.roll(block.number + (time + 11) / 12);
        vm.warp(block.timestamp + time);
    }

    // The Inbox

    function enqueue(address from) internal {
        vm.prank(from, from);
        inbox.enqueue(user, 1 ether, 100_000, false, hex"c0de");
    }

    /// A batch of the sequencer's that reads up to `inboxPos`.
    function append(uint64 inboxPos) internal {
        uint64 origin = uint64(block.number - 1);
        bytes32 prev = inbox.batchAccAt(inbox.batchCount());
        bytes32 acc = inbox.inboxAccAt(inboxPos);
        vm.prank(sequencer, sequencer);
        inbox.append(prev, inboxPos, acc, origin, blockhash(origin), hex"00");
    }

    // Claims

    /// What continues `parent` with all batches there are.
    function claimOn(Child memory c, bytes32 parent, bytes32 output, uint64 number)
        internal
        view
        returns (Claim memory claim)
    {
        claim.chainId = c.chainId;
        claim.parentClaim = parent;
        claim.output = output;
        claim.number = number;
        claim.batchCount = c.inbox.batchCount();
        claim.batchAcc = c.inbox.batchAccAt(claim.batchCount);
        claim.inboxPos = c.inbox.inboxPosAt(claim.batchCount);
        claim.inboxAcc = c.inbox.inboxAccAt(claim.inboxPos);
        claim.programHash = c.config.programHash();
        claim.version = c.config.protocolVersion();
    }

    function claimOn(uint256 parentId, bytes32 output, uint64 number) internal view returns (Claim memory) {
        return claimOn(child, hashOf(parentId), output, number);
    }

    function hashOf(uint256 id) internal view returns (bytes32 claimHash) {
        (, claimHash,,) = settlement.claimAt(id);
    }

    function propose(uint256 parentId, bytes32 output, uint64 number) internal returns (uint256) {
        Claim memory claim = claimOn(parentId, output, number);
        vm.prank(stranger, stranger);
        return settlement.propose{value: BOND}(claim, "");
    }

    // Withdrawals

    /// A withdrawal, the child's state with nothing else in its message passer, and the proof of it.
    struct Exit {
        Types.WithdrawalTransaction tx;
        bytes32 hash;
        Types.OutputRootProof root;
        bytes32 output;
        bytes[] proof;
    }

    function exitTo(address target, uint256 value, uint256 gasLimit, bytes memory data)
        internal
        view
        returns (Exit memory e)
    {
        e.tx = Types.WithdrawalTransaction(uint256(1) << 240, user, target, value, gasLimit, data);
        prepare(e);
    }

    function prepare(Exit memory e) internal pure {
        e.hash =
            keccak256(abi.encode(e.tx.nonce, e.tx.sender, e.tx.target, e.tx.value, e.tx.gasLimit, e.tx.data));
        // A trie of one leaf: [0x20 ‖ keccak(slot), 1] (Yellow Paper, appendix D).
        bytes32 slot = keccak256(abi.encode(e.hash, uint256(0)));
        bytes memory leaf = abi.encodePacked(hex"e3a120", keccak256(abi.encode(slot)), hex"01");
        e.proof = new bytes[](1);
        e.proof[0] = leaf;
        e.root = Types.OutputRootProof(0, keccak256("state"), keccak256(leaf), keccak256("block"));
        e.output = keccak256(
            abi.encodePacked(
                e.root.version, e.root.stateRoot, e.root.messagePasserStorageRoot, e.root.latestBlockhash
            )
        );
    }

    /// Puts ether in the portal, so that it can leave.
    function fund(uint256 value) internal {
        vm.prank(stranger, stranger);
        portal.depositTransaction{value: value}(stranger, value, 100_000, false, "");
    }

    function prove(Exit memory e, uint256 id, address submitter) internal {
        vm.prank(submitter, submitter);
        portal.proveWithdrawalTransaction(e.tx, id, e.root, e.proof);
    }

    /// Proposes a claim with the withdrawal in it, and proves it.
    function proposeAndProve(Exit memory e) internal returns (uint256 id) {
        id = propose(0, e.output, 10);
        nextBlock();
        prove(e, id, user);
    }

    function finalize(Exit memory e) internal {
        vm.prank(user, user);
        portal.finalizeWithdrawalTransaction(e.tx);
    }

    function gameOf(uint256 id) internal view returns (address game) {
        (,, game) = settlement.gameAtIndex(id);
    }
}
