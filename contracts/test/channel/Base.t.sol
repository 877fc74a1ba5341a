// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Adjudicator} from "../../channel/Adjudicator.sol";
import {Apps} from "../../channel/Apps.sol";
import {PreimageRegistry} from "../../channel/PreimageRegistry.sol";
import {Records} from "../../channel/Records.sol";
import {
    Base,
    BatchProof,
    Channel,
    Chunk,
    Pots,
    Signature,
    SignedBase,
    SignedHalf,
    State
} from "../../channel/Types.sol";
import {PlainToken} from "../l2/Tokens.sol";

/// Two owners of channels and what they sign. Names, digests and roots are computed here a second time,
/// from README.md, not by the code under test.
abstract contract ChannelBase is Test {
    uint8 internal constant A = 0;
    uint8 internal constant B = 1;
    uint32 internal constant PERIOD = 1 hours;
    uint256 internal constant START = 1_700_000_000;
    uint256 internal constant END = START + 2 * PERIOD; // of a dispute that is opened at START without a bond
    uint256 internal constant KEY_A = 0xa11ce;
    uint256 internal constant KEY_B = 0xb0b;
    uint256 internal constant KEY_X = 0xe71;
    bytes32 internal constant SALT = keccak256("salt");
    address internal constant ETH = address(0);
    uint64 internal constant ANYTIME = type(uint64).max;

    PreimageRegistry internal registry;
    Apps internal court;
    Adjudicator internal adjudicator;
    PlainToken internal token;
    address internal payoutA = makeAddr("payout of a's");
    address internal payoutB = makeAddr("payout of b's");
    address internal funder = makeAddr("funder");
    address internal stranger = makeAddr("stranger");

    Channel internal ch; // in ether
    bytes32 internal id;

    function setUp() public virtual {
        vm.warp(START);
        registry = new PreimageRegistry();
        court = new Apps();
        adjudicator = new Adjudicator(registry, court);
        token = new PlainToken();
        ch = channel(ETH, SALT);
        id = idOf(ch);
        vm.deal(funder, 1e30);
        token.mint(funder, 1e30);
        vm.prank(funder);
        token.approve(address(adjudicator), type(uint256).max);
    }

    // Names

    function channel(address asset, bytes32 salt) internal view returns (Channel memory) {
        return Channel(vm.addr(KEY_A), vm.addr(KEY_B), asset, PERIOD, payoutA, payoutB, keccak256(abi.encode(salt)));
    }

    function pairOf(Channel memory c) internal view returns (bytes32) {
        return pairAt(c, block.chainid, address(adjudicator));
    }

    function pairAt(Channel memory c, uint256 chainId, address where) internal pure returns (bytes32) {
        bytes32 terms = keccak256(abi.encode(c.payoutA, c.payoutB, c.saltHash));
        return keccak256(abi.encode(chainId, where, c.a, c.b, c.challenge, terms));
    }

    function idOf(Channel memory c) internal view returns (bytes32) {
        return keccak256(abi.encode(pairOf(c), c.asset));
    }

    // Signatures

    function domainAt(uint256 chainId, address where) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("varve channel"),
                keccak256("1"),
                chainId,
                where
            )
        );
    }

    function digestAt(bytes32 structHash, uint256 chainId, address where) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domainAt(chainId, where), structHash));
    }

    function sign(uint256 key, bytes32 structHash) internal view returns (Signature memory s) {
        (s.r, s.vs) = vm.signCompact(key, digestAt(structHash, block.chainid, address(adjudicator)));
    }

    function withdrawHash(bytes32 id_, uint8 side, uint128 total, uint64 until) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(keccak256("Withdraw(bytes32 id,uint8 side,uint128 total,uint64 until)"), id_, side, total, until)
        );
    }

    function closeHash(bytes32 id_, int128 net, uint64 until) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Close(bytes32 id,int128 net,uint64 until)"), id_, net, until));
    }

    function baseHash(bytes32 id_, Base memory b) internal pure returns (bytes32) {
        bytes32 kind = keccak256(
            "Base(bytes32 id,uint64 epoch,uint128 balA,uint128 balB,uint128 depA,uint128 depB,uint128 wdA,uint128 wdB,uint128 lockedA,bytes32 rootA,uint128 lockedB,bytes32 rootB)"
        );
        bytes memory first = abi.encode(kind, id_, b.epoch, b.balA, b.balB, b.depA, b.depB, b.wdA, b.wdB);
        return keccak256(bytes.concat(first, abi.encode(b.lockedA, b.rootA, b.lockedB, b.rootB)));
    }

    function halfHash(bytes32 id_, uint8 side, uint64 epoch, SignedHalf memory h) internal pure returns (bytes32) {
        bytes32 kind = keccak256(
            "Half(bytes32 id,uint8 side,uint64 epoch,uint64 seq,uint128 sent,uint128 locked,bytes32 root,uint64 ackSeq,bytes32 ackHash)"
        );
        return keccak256(abi.encode(kind, id_, side, epoch, h.seq, h.sent, h.locked, h.root, h.ackSeq, h.ackHash));
    }

    function keyOf(uint8 side) internal pure returns (uint256) {
        return side == A ? KEY_A : KEY_B;
    }

    function signed(Channel memory c, Base memory b) internal view returns (SignedBase memory) {
        bytes32 hash = baseHash(idOf(c), b);
        return SignedBase(b, sign(KEY_A, hash), sign(KEY_B, hash));
    }

    /// Signed by its payer, and endorsed by nobody yet.
    function half(Channel memory c, uint8 side, uint64 epoch, uint64 seq, uint128 sent)
        internal
        view
        returns (SignedHalf memory h)
    {
        (h.seq, h.sent) = (seq, sent);
        h.payer = sign(keyOf(side), halfHash(idOf(c), side, epoch, h));
    }

    function halfWith(Channel memory c, uint8 side, uint64 epoch, SignedHalf memory h)
        internal
        view
        returns (SignedHalf memory)
    {
        h.payer = sign(keyOf(side), halfHash(idOf(c), side, epoch, h));
        return h;
    }

    /// The payee signs it, too.
    function endorsed(Channel memory c, uint8 side, uint64 epoch, SignedHalf memory h)
        internal
        view
        returns (SignedHalf memory)
    {
        h.payee = sign(keyOf(1 - side), halfHash(idOf(c), side, epoch, h));
        return h;
    }

    function paid(Channel memory c, uint8 side, uint64 epoch, uint64 seq, uint128 sent)
        internal
        view
        returns (SignedHalf memory)
    {
        return endorsed(c, side, epoch, half(c, side, epoch, seq, sent));
    }

    function none() internal pure returns (SignedHalf memory h) {}

    // What a dispute is about

    /// Deposits as they are now, balances as given.
    function base(Channel memory c, uint64 epoch, uint128 balA, uint128 balB) internal view returns (Base memory b) {
        (b.epoch, b.balA, b.balB) = (epoch, balA, balB);
        (b.depA, b.depB) = adjudicator.depositsOf(idOf(c));
        (b.wdA, b.wdB) = adjudicator.withdrawalsOf(idOf(c));
    }

    function stateOf(Base memory b) internal pure returns (State memory s) {
        s.credit = int256(uint256(b.balA)) - int256(uint256(b.depA)) + int256(uint256(b.wdA));
        (s.lockedA, s.rootA) = (b.lockedA, b.rootA);
        (s.lockedB, s.rootB) = (b.lockedB, b.rootB);
    }

    function fund(Channel memory c, uint8 side, uint128 total) internal {
        (uint128 a, uint128 b) = adjudicator.depositsOf(idOf(c));
        uint256 value = c.asset == ETH ? total - (side == A ? a : b) : 0;
        bytes32 pair = pairOf(c);
        vm.prank(funder);
        adjudicator.deposit{value: value}(pair, c.asset, side, total);
    }

    function forceClose(Channel memory c, SignedBase memory b, SignedHalf memory halfA, SignedHalf memory halfB)
        internal
    {
        adjudicator.forceClose(c, SALT, ANYTIME, b, halfA, halfB);
    }

    // Trees

    /// The root over some leaves, and the path of one of them.
    function tree(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32 root, bytes32[] memory path) {
        uint256 depth;
        while (1 << depth < leaves.length) depth++;
        bytes32[] memory level = new bytes32[](1 << depth);
        for (uint256 i = 0; i < leaves.length; i++) {
            level[i] = leaves[i];
        }
        path = new bytes32[](depth);
        for (uint256 d = 0; d < depth; d++) {
            path[d] = level[index ^ 1];
            index >>= 1;
            bytes32[] memory next = new bytes32[](level.length / 2);
            for (uint256 i = 0; i < next.length; i++) {
                next[i] = keccak256(abi.encode(level[2 * i], level[2 * i + 1]));
            }
            level = next;
        }
        root = keccak256(abi.encode(leaves.length, level[0]));
    }

    function preimage(uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("preimage", i));
    }

    function keyFor(uint256 i) internal pure returns (bytes32) {
        return sha256(abi.encode(preimage(i)));
    }

    function lock(uint128 amount, uint256 expiry, bytes32 key) internal pure returns (bytes memory) {
        return abi.encode((uint256(amount) << 128) | expiry, key);
    }

    function phase(Channel memory c) internal view returns (Records.Phase) {
        return adjudicator.phaseOf(idOf(c));
    }

    function checkPhase(Channel memory c, Records.Phase expected) internal view {
        assertEq(uint8(phase(c)), uint8(expected), "phase");
    }

    function checkPaid(address asset, uint256 a, uint256 b) internal view {
        assertEq(balance(asset, payoutA), a, "paid to a");
        assertEq(balance(asset, payoutB), b, "paid to b");
    }

    function balance(address asset, address who) internal view returns (uint256) {
        return asset == ETH ? who.balance : PlainToken(asset).balanceOf(who);
    }
}
