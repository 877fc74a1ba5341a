// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Adjudicator} from "../../channel/Adjudicator.sol";
import {Digests} from "../../channel/Digests.sol";
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
import {ChannelBase} from "./Base.t.sol";

/// The numbers in contracts/channel/README.md, given to the contract as they stand there.
contract VectorsTest is ChannelBase {
    address internal constant WHERE = 0x000000000000000000000000000000000000Ad1c;
    bytes32 internal constant ID = 0x20bd37ba2c8ee5efb9a4a79a8f6205602ebf9a27b5b343b37ea464cc7ac221a5;
    bytes32 internal constant KEY_42 = 0x0a28e9ffef0073f9a6a674cf57ee77307f38f0f1bebb087888d9011ed0eeefdf;
    bytes32 internal constant KEY_3 = 0x1bec7c333d3d0c3eef8c6199a402856509c3f869d25408cc1cc2208d0371db0e;
    bytes32 internal constant ROOT_1 = 0xd4d5114e7d5e981967c2f10f07fae814a2aa8f023dd60ddedc8b91607ae95bf6;
    bytes32 internal constant ROOT_3 = 0xe80d44347f752ef36728b80926990e8a707f507d1168e371988f0435fd300231;
    bytes32 internal constant LEAF_0 = 0x048b0b1f384811acd0b22de8c3f87cabde09bfc103c55ec924e2c1f4f8ea18df;
    bytes internal constant CHUNK_0 =
        hex"000000000000000000000000000003e80000000000000000000000006553f1640a28e9ffef0073f9a6a674cf57ee77307f38f0f1bebb087888d9011ed0eeefdf000000000000000000000000000007d00000000000000000000000006553f1c81bec7c333d3d0c3eef8c6199a402856509c3f869d25408cc1cc2208d0371db0e";

    function setUp() public override {
        super.setUp();
        vm.chainId(900);
        deployCodeTo("Adjudicator.sol:Adjudicator", abi.encode(registry, court), WHERE);
        adjudicator = Adjudicator(WHERE);
        ch = Channel({
            a: 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf,
            b: 0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF,
            asset: address(0),
            challenge: 3600,
            payoutA: address(0xa0),
            payoutB: address(0xb0),
            saltHash: 0xa66cc928b5edb82af9bd49922954155ab7b0942694bea4ce44661d9a8736c688
        });
    }

    function vectorBase() internal pure returns (SignedBase memory s) {
        s.base = Base(5, 60_000, 40_000, 70_000, 30_000, 0, 0, 3_000, ROOT_1, 0, 0);
        s.a = Signature(
            0xa40b6633ad8d364b670d27ba7ec361d50fac0463bb3424a5cf6430400324d521,
            0xc4d9e48d982a5a071f14a8ec8362f9bbdd2dbca123d052e6475d613784363510
        );
        s.b = Signature(
            0xd8f2e928a61361ae79caaca79d6ca7682f845cf3fde4bf8105a45d9c1ac67691,
            0xb71bf8dbbf42996c5ba59f14e5da6560b47512f86cf84d0091ab09535e768165
        );
    }

    function vectorHalves() internal pure returns (SignedHalf memory a, SignedHalf memory b) {
        (a.seq, a.sent, a.locked, a.root) = (9, 1_500, 6_000, ROOT_3);
        a.payer = Signature(
            0xfae6c785f78ac28735536c7b83fac4c971dc49aede359f12e5fbe1c07ebef5bf,
            0x94a2ca905b26c0ee09494f9e8fc3f874f694bd60803fda197157eff26fb9b7c6
        );
        (b.seq, b.sent, b.ackSeq) = (4, 250, 9);
        b.ackHash = 0x9bba277a175853c3c1a86f9660ba3abf4ee9cc1826173283811072a62fcd3544;
        b.payer = Signature(
            0xe17305cf32789abfc5ab229d226c6695ff56f2156e05bb98c347b2007c46b161,
            0xa5c3a21a70fad3a18ab70756d521eba185df5e09b5ffdf7d2895191aba152390
        );
    }

    function test_typehashes_and_names() public view {
        assertEq(Digests.BASE_TYPEHASH, 0xc65804cac60769d2dc32ff9f139c5f87a5651dd096f6d8410037bc22f0f817dd);
        assertEq(Digests.HALF_TYPEHASH, 0xbdd56dfe78fa5240941257c8eb6846a0f83922b4d80d66094f93177ff2b0d2cc);
        assertEq(Digests.CLOSE_TYPEHASH, 0xa2812c58073e0614b99f0b162da5982ace46afba67c47e2da2f3246571442f5b);
        assertEq(Digests.WITHDRAW_TYPEHASH, 0x5322725ac65860cb93467737993fda54d2b8e3753069863908b50e51a68b0ea5);
        assertEq(pairOf(ch), 0xf513407370841539ba6cb51d848a8039d35f5b652f30b6734758137e2aecbef9);
        assertEq(adjudicator.idOf(ch), ID);
        (, string memory name, string memory version, uint256 chainId, address where,,) = adjudicator.eip712Domain();
        assertEq(name, "varve channel");
        assertEq(version, "1");
        assertEq(chainId, 900);
        assertEq(where, WHERE);
    }

    function test_struct_hashes_and_digests() public pure {
        bytes32 hash = baseHash(ID, vectorBase().base);
        assertEq(hash, 0xcd5552d88e529c4bceb56aaccbf0726b13da286184105e6eb28de53882d2c20a);
        assertEq(domainAt(900, WHERE), 0x6b7e3ab07a3ced2210a0c9b00250c682819fbd3f13924fac07429568249e7731);
        assertEq(digestAt(hash, 900, WHERE), 0x19c66f7cb6bf94a90341a9873f3ee35e9118c1d1c5e3e4f4aa2a57a00cb47ae5);
        (SignedHalf memory a, SignedHalf memory b) = vectorHalves();
        assertEq(halfHash(ID, A, 5, a), b.ackHash);
        assertEq(halfHash(ID, B, 5, b), 0x449e80d22b7e653cadd73b468fce61bf4350d9491c0afd1852939874a1f02405);
        assertEq(
            closeHash(ID, -2_500, 1_700_001_000), 0xc298effa942194f52cf33235075ccdd8901a06bfbda9e84d3135ceff14363dec
        );
        assertEq(
            withdrawHash(ID, B, 700, 1_700_001_000), 0xf168d098beb41bfde8d9342de4f4386a8a76ba8e845e30783ff6471b5903afca
        );
    }

    function test_batch() public view {
        bytes32[] memory batch = new bytes32[](3);
        for (uint256 i = 0; i < 3; i++) {
            batch[i] = bytes32(42 + i);
        }
        assertEq(registry.batchRoot(batch), 0x805d9e33efd66230cdaed030147cbb318c9ef216100b7160fc75fe2745251fea);
    }

    /// The signatures count, the split is the README's, and the chunk unlocks under its root.
    function test_a_channel_of_vectors_closes() public {
        fund(ch, A, 70_000);
        fund(ch, B, 30_000);
        registry.reveal(bytes32(uint256(42)));
        registry.revealPoint(3);
        assertEq(registry.revealedAt(KEY_42), START);
        assertEq(registry.revealedAt(KEY_3), START);
        SignedBase memory base_ = vectorBase();
        (SignedHalf memory a, SignedHalf memory b) = vectorHalves();
        vm.prank(ch.a); // endorses b's half, which endorses a's
        adjudicator.forceClose(ch, bytes32(uint256(7)), ANYTIME, base_, a, b);
        State memory s = State(-10_000, 1_500, 6_000, ROOT_3, 250, 0, 0);
        vm.warp(START + 2 * 3600);
        adjudicator.settle(ch, s);
        assertEq(address(0xa0).balance, 58_750 - 6_000);
        assertEq(address(0xb0).balance, 41_250);

        Chunk memory chunk = Chunk(A, 0, 3, CHUNK_0, new bytes32[](2));
        bytes32 other = keccak256(lock(3_000, 1_700_000_300, sha256(abi.encode(uint256(43)))));
        (chunk.path[0], chunk.path[1]) = (other, keccak256(abi.encode(other, bytes32(0))));
        assertEq(keccak256(CHUNK_0), LEAF_0);
        adjudicator.unlock(ch, Pots(ROOT_3, 0, 6_000, 0, 0, 0), chunk, new BatchProof[](0));
        assertEq(address(0xb0).balance, 41_250 + 3_000);
    }
}
