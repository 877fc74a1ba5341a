// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Adjudicator} from "../../channel/Adjudicator.sol";
import {Apps} from "../../channel/Apps.sol";
import {App, AppState} from "../../channel/apps/IApp.sol";
import {Bonds} from "../../channel/Bonds.sol";
import {PreimageRegistry} from "../../channel/PreimageRegistry.sol";
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

/// What each operation costs as a transaction, with its data and intrinsic gas, as it is deployed: the
/// committed artifacts, each call a transaction of its own (`isolate`). `forge test -vv` prints the table.
/// forge-config: default.isolate = true
contract GasTest is ChannelBase {
    uint128 internal constant AMOUNT = 1.234567890123456789 ether;
    uint64 internal constant UNTIL = uint64(START + 100);

    function setUp() public override {
        super.setUp();
        registry = PreimageRegistry(deployCode("contracts/artifacts/PreimageRegistry.json"));
        court = Apps(deployCode("contracts/artifacts/Apps.json"));
        adjudicator = Adjudicator(deployCode("contracts/artifacts/Adjudicator.json", abi.encode(registry, court)));
        id = idOf(ch);
        vm.prank(funder);
        token.approve(address(adjudicator), type(uint256).max);
        // Recipients that are there already, and money of others.
        vm.deal(payoutA, 1 ether);
        vm.deal(payoutB, 1 ether);
        token.mint(payoutA, 1);
        token.mint(payoutB, 1);
        fund(channel(ETH, keccak256("other")), A, 1 ether);
        fund(channel(address(token), keccak256("other")), A, 1 ether);
    }

    function check(string memory name, bytes memory data, uint256 target) internal {
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        uint256 tokens;
        for (uint256 i = 0; i < data.length; i++) {
            tokens += data[i] == 0 ? 1 : 4;
        }
        uint256 least = 21_000 + 10 * tokens; // EIP-7623
        if (gas < least) gas = least;

        emit log(string.concat(name, ": ", vm.toString(gas), " of ", vm.toString(target)));
        assertLe(gas, target, name);
    }

    function open(Channel memory c) internal {
        fund(c, A, AMOUNT);
        fund(c, B, AMOUNT);
    }

    function test_code_fits_in_a_contract() public view {
        assertLe(address(adjudicator).code.length, 24_576); // EIP-170
        assertLe(address(court).code.length, 24_576);
    }

    function test_fund() public {
        bytes32 pair = pairOf(ch);
        fund(ch, A, AMOUNT);
        check("fund 1st, ether", abi.encodeCall(Adjudicator.deposit, (pair, ETH, A, AMOUNT)), 48_000);
        fund(ch, B, AMOUNT);
        check("fund 2nd, ether", abi.encodeCall(Adjudicator.deposit, (pair, ETH, B, AMOUNT)), 31_000);
        Channel memory c = channel(address(token), SALT);
        pair = pairOf(c);
        fund(c, A, AMOUNT);
        check("fund 1st, token", abi.encodeCall(Adjudicator.deposit, (pair, address(token), A, AMOUNT)), 70_000);
        fund(c, B, AMOUNT);
        check("fund 2nd, token", abi.encodeCall(Adjudicator.deposit, (pair, address(token), B, AMOUNT)), 52_000);
    }

    function closeTogether(Channel memory c) internal returns (bytes memory) {
        int128 toA = 0.123456789012345678 ether;
        bytes32 hash = closeHash(idOf(c), toA, UNTIL);
        Signature memory a = sign(KEY_A, hash);
        Signature memory b = sign(KEY_B, hash);
        adjudicator.coopClose(c, toA, UNTIL, a, b);
        return abi.encodeCall(Adjudicator.coopClose, (c, toA, UNTIL, a, b));
    }

    function test_cooperative_close() public {
        open(ch);
        check("coop close, ether", closeTogether(ch), 66_000);
    }

    function test_cooperative_close_of_tokens() public {
        Channel memory c = channel(address(token), SALT);
        open(c);
        check("coop close, tokens", closeTogether(c), 72_000);
    }

    /// What its owner refuses is a credit, which the owner takes with `collect`.
    function test_collect() public {
        vm.etch(payoutA, hex"5f5ffd");
        open(ch);
        closeTogether(ch);
        vm.prank(payoutA);
        adjudicator.collect(ETH, stranger);
        check("collect what was refused", abi.encodeCall(adjudicator.collect, (ETH, stranger)), 70_000);
    }

    function test_withdraw() public {
        open(ch);
        bytes32 hash = withdrawHash(id, A, AMOUNT / 2, UNTIL);
        Signature memory a = sign(KEY_A, hash);
        Signature memory b = sign(KEY_B, hash);
        adjudicator.withdraw(ch, A, AMOUNT / 2, UNTIL, a, b);
        check("withdraw 1st", abi.encodeCall(Adjudicator.withdraw, (ch, A, AMOUNT / 2, UNTIL, a, b)), 80_000);
        hash = withdrawHash(id, A, AMOUNT, UNTIL);
        (a, b) = (sign(KEY_A, hash), sign(KEY_B, hash));
        adjudicator.withdraw(ch, A, AMOUNT, UNTIL, a, b);
        check("withdraw again", abi.encodeCall(Adjudicator.withdraw, (ch, A, AMOUNT, UNTIL, a, b)), 63_000);
    }

    // What is in a dispute: b's half acknowledges a's, and a endorses b's by sending the transaction.

    function signedBase() internal view returns (SignedBase memory) {
        Base memory b = base(ch, 3, AMOUNT - 1e15, AMOUNT + 1e15);
        (b.lockedA, b.rootA) = (0.1 ether + 1, keccak256("locks of a's"));
        (b.lockedB, b.rootB) = (0.1 ether + 2, keccak256("locks of b's"));
        return signed(ch, b);
    }

    function halves(uint64 seq, bool lock) internal view returns (SignedHalf memory halfA, SignedHalf memory halfB) {
        halfA.seq = seq;
        halfA.sent = 0.234567890123456789 ether + seq;
        if (lock) (halfA.locked, halfA.root) = (0.123456789012345678 ether, keccak256("more locks of a's"));
        (halfA.ackSeq, halfA.ackHash) = (seq - 1, keccak256("older half"));
        halfA = halfWith(ch, A, 3, halfA);
        halfB.seq = seq + 7;
        halfB.sent = 0.34567890123456789 ether + seq;
        if (lock) (halfB.locked, halfB.root) = (0.234567890123456789 ether, keccak256("more locks of b's"));
        (halfB.ackSeq, halfB.ackHash) = (seq, halfHash(id, A, 3, halfA));
        halfB = halfWith(ch, B, 3, halfB);
    }

    function stateOf(SignedHalf memory halfA, SignedHalf memory halfB) internal view returns (State memory s) {
        s = stateOf(signedBase().base);
        (s.sentA, s.lockedA, s.rootA) = (halfA.sent, halfA.locked, halfA.root);
        (s.sentB, s.lockedB, s.rootB) = (halfB.sent, halfB.locked, halfB.root);
    }

    function test_force_close() public {
        open(ch);
        SignedBase memory b = signedBase();
        (SignedHalf memory halfA, SignedHalf memory halfB) = halves(70_000, true);
        vm.prank(ch.a);
        adjudicator.forceClose(ch, SALT, UNTIL, b, halfA, halfB);
        check("force close", abi.encodeCall(Adjudicator.forceClose, (ch, SALT, UNTIL, b, halfA, halfB)), 108_000);
    }

    function test_force_close_with_a_bond() public {
        open(ch);
        SignedBase memory b = signedBase();
        (SignedHalf memory halfA, SignedHalf memory halfB) = halves(70_000, true);
        hoax(ch.a, 1 ether);
        adjudicator.forceClose{value: 0.01 ether}(ch, SALT, UNTIL, b, halfA, halfB);
        bytes memory data = abi.encodeCall(Adjudicator.forceClose, (ch, SALT, UNTIL, b, halfA, halfB));
        check("force close with a bond", data, 135_000);
        halfA.ackSeq = halfB.seq + 1;
        halfA = halfWith(ch, A, 3, halfA);
        vm.prank(stranger);
        adjudicator.proveLie(ch, 3, halfA, none());
        check("prove a lie", abi.encodeCall(Bonds.proveLie, (ch, 3, halfA, none())), 60_000);
    }

    function test_settle_with_a_bond() public {
        open(ch);
        SignedBase memory b = signedBase();
        (SignedHalf memory halfA, SignedHalf memory halfB) = halves(60_000, true);
        hoax(ch.a, 1 ether);
        adjudicator.forceClose{value: 0.01 ether}(ch, SALT, UNTIL, b, halfA, halfB);
        State memory s = stateOf(halfA, halfB);
        vm.warp(START + PERIOD);
        adjudicator.settle(ch, s);
        check("settle, locks and a bond", abi.encodeCall(Adjudicator.settle, (ch, s)), 85_000);
    }

    function test_the_bond_after_a_close_by_both() public {
        open(ch);
        SignedBase memory zero;
        hoax(ch.a, 1 ether);
        adjudicator.forceClose{value: 0.01 ether}(ch, SALT, UNTIL, zero, none(), none());
        closeTogether(ch);
        adjudicator.returnBond(ch);
        check("return a bond", abi.encodeCall(Bonds.returnBond, (ch)), 50_000);
    }

    function test_a_challenge_by_a_newer_base() public {
        disputed(true);
        SignedBase memory b = signedBase();
        b.base.epoch = 4;
        b = signed(ch, b.base);
        vm.prank(stranger);
        adjudicator.challengeBase(ch, b, none(), none());
        check("challenge by a newer base", abi.encodeCall(Adjudicator.challengeBase, (ch, b, none(), none())), 70_000);
    }

    function test_force_close_by_anybody() public {
        open(ch);
        SignedBase memory b = signedBase();
        (SignedHalf memory halfA, SignedHalf memory halfB) = halves(70_000, true);
        halfB = endorsed(ch, B, 3, halfB);
        vm.prank(stranger);
        adjudicator.forceClose(ch, SALT, UNTIL, b, halfA, halfB);
        check(
            "force close, payee's signature",
            abi.encodeCall(Adjudicator.forceClose, (ch, SALT, UNTIL, b, halfA, halfB)),
            113_000
        );
    }

    function test_force_close_without_any_signature() public {
        open(ch);
        SignedBase memory zero;
        vm.prank(ch.a);
        adjudicator.forceClose(ch, SALT, UNTIL, zero, none(), none());
        bytes memory data = abi.encodeCall(Adjudicator.forceClose, (ch, SALT, UNTIL, zero, none(), none()));
        check("force close, implied base", data, 85_000);
    }

    function disputed(bool lock) internal returns (State memory) {
        open(ch);
        (SignedHalf memory halfA, SignedHalf memory halfB) = halves(60_000, lock);
        SignedBase memory b = signedBase();
        vm.prank(ch.a);
        forceClose(ch, b, halfA, halfB);
        return stateOf(halfA, halfB);
    }

    function test_tower_s_challenge() public {
        State memory s = disputed(true);
        (SignedHalf memory halfA, SignedHalf memory halfB) = halves(70_000, true);
        halfB.ackSeq = 0; // b's half endorses a's and is itself endorsed by nobody
        vm.prank(stranger);
        adjudicator.challenge(ch, s, halfA, (halfB = halfWith(ch, B, 3, halfB)));
        check(
            "tower's challenge: half and endorser", abi.encodeCall(Adjudicator.challenge, (ch, s, halfA, halfB)), 62_000
        );
    }

    function test_tower_s_challenge_with_both_halves() public {
        State memory s = disputed(true);
        (SignedHalf memory halfA, SignedHalf memory halfB) = halves(70_000, true);
        halfB = endorsed(ch, B, 3, halfB);
        vm.prank(stranger);
        adjudicator.challenge(ch, s, halfA, halfB);
        check("tower's challenge: both halves", abi.encodeCall(Adjudicator.challenge, (ch, s, halfA, halfB)), 66_000);
    }

    function test_a_note_and_its_merge() public {
        State memory s = disputed(true);
        (SignedHalf memory halfA, SignedHalf memory halfB) = halves(70_000, true);
        vm.prank(stranger);
        adjudicator.note(ch, halfA, halfB = endorsed(ch, B, 3, halfB));
        check("note both halves", abi.encodeCall(Adjudicator.note, (ch, halfA, halfB)), 160_000);
        adjudicator.merge(ch, s, A, halfA.sent, halfA.locked, halfA.root);
        bytes memory data = abi.encodeCall(Adjudicator.merge, (ch, s, A, halfA.sent, halfA.locked, halfA.root));
        check("merge one", data, 60_000);
    }

    function test_settle() public {
        State memory s = disputed(false);
        vm.warp(END);
        adjudicator.settle(ch, s);
        check("settle, no locks", abi.encodeCall(Adjudicator.settle, (ch, s)), 72_000);
    }

    function test_settle_with_locks() public {
        State memory s = disputed(true);
        vm.warp(END);
        adjudicator.settle(ch, s);
        check("settle, locks", abi.encodeCall(Adjudicator.settle, (ch, s)), 72_000);
    }

    function preimages() internal pure returns (bytes32[] memory list) {
        list = new bytes32[](32);
        for (uint256 i = 0; i < 32; i++) {
            list[i] = keccak256(abi.encode("preimage", i));
        }
    }

    function test_reveal() public {
        bytes32[] memory list = preimages();
        registry.reveal(list[0]);
        check("reveal 1", abi.encodeCall(PreimageRegistry.reveal, (list[0])), 48_000);
        uint256 scalar = uint256(keccak256("scalar"));
        registry.revealPoint(scalar);
        check("reveal point", abi.encodeCall(PreimageRegistry.revealPoint, (scalar)), 51_000);
        vm.prank(stranger, stranger);
        registry.revealBatch(list);
        check("reveal 32 batched", abi.encodeCall(PreimageRegistry.revealBatch, (list)), 68_000);
    }

    /// Locks of one chunk, each revealed by itself, all to the payee; other locks remain.
    function unlock(uint256 count, uint256 target) internal {
        bytes32[] memory list = preimages();
        Chunk memory chunk;
        uint128 sum;
        for (uint256 i = 0; i < count; i++) {
            uint256 word = ((0.001234567890123456 ether + i) << 128) | (START + 100);
            chunk.locks = bytes.concat(chunk.locks, abi.encode(word, sha256(abi.encode(list[i]))));
            sum += uint128(word >> 128);
            registry.reveal(list[i]);
        }
        chunk.count = 8;
        chunk.path = new bytes32[](3);
        bytes32 top = keccak256(chunk.locks);
        for (uint256 i = 0; i < 3; i++) {
            chunk.path[i] = keccak256(abi.encode(i));
            top = keccak256(abi.encode(top, chunk.path[i]));
        }
        open(ch);
        Base memory b = base(ch, 3, AMOUNT, AMOUNT);
        (b.lockedA, b.rootA) = (sum + 1, keccak256(abi.encode(8, top)));
        (b.lockedB, b.rootB) = (1 ether, keccak256("locks of b's"));
        forceClose(ch, signed(ch, b), none(), none());
        vm.warp(END);
        adjudicator.settle(ch, stateOf(b));
        Pots memory pots = Pots(b.rootA, b.rootB, b.lockedA, b.lockedB, 0, 0);
        uint256 before = payoutB.balance;
        adjudicator.unlock(ch, pots, chunk, new BatchProof[](0));
        bytes memory data = abi.encodeCall(Adjudicator.unlock, (ch, pots, chunk, new BatchProof[](0)));
        check(string.concat("unlock ", vm.toString(count)), data, target);
        assertEq(payoutB.balance - before, sum);
    }

    function test_unlock_1() public {
        unlock(1, 75_000);
    }

    function test_unlock_6() public {
        unlock(6, 90_000);
    }

    function test_unlock_32() public {
        unlock(32, 175_000);
    }

    // The court of apps: a game of which both signed two moves.

    function signApp(uint256 key, App memory app, AppState memory s) internal view returns (Signature memory out) {
        (out.r, out.vs) = vm.signCompact(key, court.digestOf(keccak256(abi.encode(app)), s));
    }

    function test_an_app_in_the_court() public {
        AppState memory s = AppState(0, 0, 0, 0, new bytes(9));
        App memory app = App(
            ch.a,
            ch.b,
            1 ether,
            1 ether,
            deployCode("contracts/artifacts/TicTacToe.json"),
            600,
            keccak256(abi.encode(s)),
            SALT,
            ""
        );
        s = AppState(2, 0, 0, 0, hex"010002000000000000");
        (Signature memory a, Signature memory b) = (signApp(KEY_A, app, s), signApp(KEY_B, app, s));
        court.appDispute(app, s, a, b);
        check("app: show a state", abi.encodeCall(Apps.appDispute, (app, s, a, b)), 100_000);
        vm.warp(START + 601);
        AppState memory next = AppState(3, 1, 0, 0, hex"010102000000000000");
        a = signApp(KEY_A, app, next);
        court.appMove(app, s, next, a);
        check("app: move", abi.encodeCall(Apps.appMove, (app, s, next, a)), 75_000);
        vm.warp(START + 1202);
        court.appSettle(app, next);
        check("app: decide", abi.encodeCall(Apps.appSettle, (app, next)), 42_000);
        unlockApp(keccak256(abi.encode(app)));
    }

    /// One lock, of which the court decided; other locks remain.
    function unlockApp(bytes32 app) internal {
        Chunk memory chunk;
        chunk.count = 1;
        chunk.locks = abi.encode((uint256(1 ether) << 128) | (2 << 40) | (START + 5000), app);
        open(ch);
        Base memory b = base(ch, 3, AMOUNT, AMOUNT);
        (b.lockedB, b.rootB) = (1 ether, keccak256(abi.encode(1, keccak256(chunk.locks))));
        (b.lockedA, b.rootA) = (1 ether, keccak256("locks of a's"));
        chunk.side = B;
        forceClose(ch, signed(ch, b), none(), none());
        vm.warp(START + 10_000);
        adjudicator.settle(ch, stateOf(b));
        Pots memory pots = Pots(b.rootA, b.rootB, b.lockedA, b.lockedB, 0, 0);
        uint256 before = payoutA.balance;
        adjudicator.unlock(ch, pots, chunk, new BatchProof[](0));
        check(
            "unlock an app's lock", abi.encodeCall(Adjudicator.unlock, (ch, pots, chunk, new BatchProof[](0))), 75_000
        );
        assertEq(payoutA.balance - before, 1 ether); // the second did not move
    }
}
