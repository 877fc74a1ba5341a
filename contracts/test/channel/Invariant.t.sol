// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";
import {Adjudicator} from "../../channel/Adjudicator.sol";
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
import {ChannelBase} from "./Base.t.sol";

/// Refuses ether now and then.
contract Moody {
    bool public refuses;

    function set(bool refuses_) external {
        refuses = refuses_;
    }

    receive() external payable {
        require(!refuses);
    }
}

/// Peers of several channels that sign, submit and replay what they like, and what each of them was paid.
contract Peers is ChannelBase {
    uint256 internal constant CHANNELS = 5;
    uint256 internal constant LOCKS = 4; // chunks of a side, of one lock each
    uint128 internal constant ALL_LOCKS = 0.4 ether;

    struct Track {
        uint256 in_; // deposits
        uint256 bond; // staked by one of them
        uint64 epoch; // what wins, as far as it was submitted
        uint64 seqA;
        uint64 seqB;
        State state;
        Pots pots;
        uint64[] notes; // side and seq
        mapping(uint64 epoch => mapping(uint64 note => bool)) noted;
    }

    Channel[] internal channels;
    Moody[] internal payouts; // two of each channel
    Track[] internal tracks;
    uint256 internal donated;

    constructor() {
        setUp();
        for (uint256 i = 0; i < CHANNELS; i++) {
            Channel memory c = channel(i % 2 == 0 ? ETH : address(token), saltOf(i));
            payouts.push(new Moody());
            payouts.push(new Moody());
            (c.payoutA, c.payoutB) = (address(payouts[2 * i]), address(payouts[2 * i + 1]));
            channels.push(c);
            tracks.push();
        }
    }

    function saltOf(uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("invariant", i));
    }

    // What they do

    function deposit(uint256 i, uint8 side, uint128 amount) external {
        (Channel memory c, bytes32 id_) = pick(i);
        if (adjudicator.phaseOf(id_) != Records.Phase.OPEN && adjudicator.phaseOf(id_) != Records.Phase.DISPUTE) {
            return;
        }
        side = side & 1;
        amount = uint128(bound(amount, 1, 1 ether));
        (uint128 a, uint128 b) = adjudicator.depositsOf(id_);
        fund(c, side, (side == A ? a : b) + amount);
        tracks[i % CHANNELS].in_ += amount;
    }

    function withdraw(uint256 i, uint8 side, uint128 amount) external {
        (Channel memory c, bytes32 id_) = pick(i);
        side = side & 1;
        (uint128 a, uint128 b) = adjudicator.withdrawalsOf(id_);
        uint128 total = (side == A ? a : b) + uint128(bound(amount, 0, 1 ether));
        uint64 until = uint64(block.timestamp);
        bytes32 hash = withdrawHash(id_, side, total, until);
        try adjudicator.withdraw(c, side, total, until, sign(KEY_A, hash), sign(KEY_B, hash)) {} catch {}
    }

    function coopClose(uint256 i, int128 net) external {
        if (uint128(net) % 8 != 0) return; // not too often
        (Channel memory c, bytes32 id_) = pick(i);
        net = int128(bound(net, -1 ether, 1 ether));
        uint64 until = uint64(block.timestamp);
        bytes32 hash = closeHash(id_, net, until);
        try adjudicator.coopClose(c, net, until, sign(KEY_A, hash), sign(KEY_B, hash)) {} catch {}
    }

    /// By one of the owners, with a bond or without.
    function open(uint256 i, Channel memory c, uint64 epoch, SignedHalf[2] memory halves, uint256 seed)
        internal
        returns (uint256 bond)
    {
        bond = seed % 3 == 0 ? 0 : 0.1 ether;
        SignedBase memory signed_ = baseOf(c, idOf(c), epoch);
        hoax(seed % 2 == 0 ? c.a : c.b, bond);
        adjudicator.forceClose{value: bond}(c, saltOf(i), ANYTIME, signed_, halves[0], halves[1]);
    }

    /// A base and halves of any age, as an opening, a challenge or a replay.
    function submit(uint256 i, uint64 epoch, uint64[2] memory seqs, uint256 seed) external {
        (Channel memory c, bytes32 id_) = pick(i);
        Track storage t = tracks[i % CHANNELS];
        epoch = epoch % 4;
        (seqs[0], seqs[1]) = (seqs[0] % 5, seqs[1] % 5);
        SignedHalf[2] memory halves;
        for (uint8 side = 0; side < 2; side++) {
            if (seqs[side] != 0) halves[side] = halfOf(c, side, epoch, seqs[side]);
        }
        vm.recordLogs();
        if (adjudicator.phaseOf(id_) == Records.Phase.OPEN) {
            if (seed % 4 != 0) return; // leave it open for a while
            t.bond = open(i % CHANNELS, c, epoch, halves, seed / 4);
            (t.epoch, t.seqA, t.seqB) = (epoch, seqs[0], seqs[1]);
            track(t);
        } else if (seed % 2 == 0 || epoch > t.epoch) {
            try adjudicator.challengeBase(c, baseOf(c, id_, epoch), halves[0], halves[1]) {
                assertGt(epoch, t.epoch, "a base is replaced by a later epoch");
                (t.epoch, t.seqA, t.seqB) = (epoch, seqs[0], seqs[1]);
                track(t);
            } catch {}
        } else {
            try adjudicator.challenge(c, t.state, halves[0], halves[1]) {
                assertEq(epoch, t.epoch, "a half counts in its epoch");
                assertTrue(seqs[0] > t.seqA || seqs[1] > t.seqB, "a challenge is newer");
                if (seqs[0] > t.seqA) t.seqA = seqs[0];
                if (seqs[1] > t.seqB) t.seqB = seqs[1];
                track(t);
            } catch {}
        }
    }

    /// A half beside the state, and into it. `finish` and `settle` wait for that.
    function note(uint256 i, uint8 side, uint64 seq) external {
        (Channel memory c,) = pick(i);
        Track storage t = tracks[i % CHANNELS];
        (side, seq) = (side & 1, 1 + seq % 5);
        SignedHalf memory h = halfOf(c, side, t.epoch, seq);
        try adjudicator.note(c, side == A ? h : none(), side == A ? none() : h) {
            t.notes.push(side * 8 + seq);
            t.noted[t.epoch][side * 8 + seq] = true;
        } catch {}
    }

    function merge(uint256 i) public {
        (Channel memory c,) = pick(i);
        Track storage t = tracks[i % CHANNELS];
        for (uint256 k = 0; k < t.notes.length; k++) {
            (uint8 side, uint64 seq) = (uint8(t.notes[k] / 8), t.notes[k] % 8);
            SignedHalf memory h = halfOf(c, side, t.epoch, seq);
            vm.recordLogs();
            try adjudicator.merge(c, t.state, side, h.sent, h.locked, h.root) {
                assertTrue(t.noted[t.epoch][t.notes[k]], "a note counts in its epoch");
                assertGt(seq, side == A ? t.seqA : t.seqB, "a note is newer");
                if (side == A) t.seqA = seq;
                else t.seqB = seq;
                track(t);
            } catch {}
        }
    }

    /// Whatever they have signed, in any order: some of it proves a lie.
    function prove(uint256 i, uint8 side, uint64 epoch, uint64 seq) external {
        (Channel memory c,) = pick(i);
        (side, epoch, seq) = (side & 1, epoch % 4, seq % 5);
        if (seq == 0) return;
        try adjudicator.proveLie(c, epoch, halfOf(c, side, epoch, seq), none()) {} catch {}
    }

    function settle(uint256 i, bool atEnd) external {
        (Channel memory c, bytes32 id_) = pick(i);
        Track storage t = tracks[i % CHANNELS];
        (uint64 end,,,,) = adjudicator.disputeOf(id_);
        if (atEnd && adjudicator.phaseOf(id_) == Records.Phase.DISPUTE && block.timestamp < end) vm.warp(end);
        if (atEnd) merge(i);
        vm.recordLogs();
        try adjudicator.settle(c, t.state) {
            assertGe(block.timestamp, end, "no settlement before the end");
            track(t);
        } catch {}
    }

    function unlock(uint256 i, uint8 side, uint256 index, bool again) external {
        (Channel memory c,) = pick(i);
        Track storage t = tracks[i % CHANNELS];
        side = side & 1;
        index = index % LOCKS;
        bool done = (((side == A ? t.pots.doneA : t.pots.doneB) >> index) & 1) != 0;
        if (done && !again) return;
        Chunk memory chunk = chunkOf(i % CHANNELS, side, index);
        vm.recordLogs();
        try adjudicator.unlock(c, t.pots, chunk, new BatchProof[](0)) {
            assertFalse(done, "a lock is paid once");
            if (side == A) t.pots.doneA |= 1 << index;
            else t.pots.doneB |= 1 << index;
            track(t);
        } catch {}
    }

    function reveal(uint256 i) external {
        registry.reveal(preimage(i % (2 * LOCKS * CHANNELS)));
    }

    function wait(uint256 time) external {
        skip(bound(time, 1, PERIOD));
    }

    function mood(uint256 i, bool refuses) external {
        payouts[i % payouts.length].set(refuses);
    }

    function collect(uint256 i) external {
        address who = address(payouts[i % payouts.length]);
        address asset = channels[(i % payouts.length) / 2].asset;
        vm.prank(who);
        try adjudicator.collect(asset, who) {} catch {}
        vm.prank(who);
        try adjudicator.collect(ETH, who) {} catch {}
    }

    /// Ether and tokens that nobody deposited are nobody's.
    function donate(uint128 amount) external {
        amount = uint128(bound(amount, 0, 1 ether));
        token.mint(address(adjudicator), amount);
        donated += amount;
    }

    // What they sign

    function pick(uint256 i) internal view returns (Channel memory c, bytes32 id_) {
        c = channels[i % CHANNELS];
        id_ = idOf(c);
    }

    /// Two who sign without adding up: no base but the implied one agrees with the deposits, and locks may
    /// exceed a share.
    function baseOf(Channel memory c, bytes32 id_, uint64 epoch) internal view returns (SignedBase memory) {
        Base memory b;
        if (epoch == 0) return SignedBase(b, Signature(0, 0), Signature(0, 0)); // implied
        uint256 seed = uint256(keccak256(abi.encode(id_, epoch)));
        (b.epoch, b.balA, b.balB) = (epoch, uint128(seed % 3 ether), uint128((seed >> 64) % 3 ether));
        (b.depA, b.depB) = (uint128((seed >> 100) % 2 ether), uint128((seed >> 128) % 2 ether));
        if (seed % 3 != 0) (b.lockedA, b.rootA) = (ALL_LOCKS, rootOf(indexOf(c), A));
        if (seed % 5 != 0) (b.lockedB, b.rootB) = (uint128((seed >> 160) % 1 ether + 1), rootOf(indexOf(c), B));
        return signed(c, b);
    }

    function halfOf(Channel memory c, uint8 side, uint64 epoch, uint64 seq)
        internal
        view
        returns (SignedHalf memory h)
    {
        uint256 seed = uint256(keccak256(abi.encode(idOf(c), side, epoch, seq)));
        (h.seq, h.sent) = (seq, uint128(seed % 2 ether));
        if (seed % 2 == 0) (h.locked, h.root) = (ALL_LOCKS, rootOf(indexOf(c), side));
        h = endorsed(c, side, epoch, halfWith(c, side, epoch, h));
    }

    function indexOf(Channel memory c) internal view returns (uint256 i) {
        while (channels[i].payoutA != c.payoutA) i++;
    }

    function leaves(uint256 i, uint8 side) internal view returns (bytes32[] memory all) {
        all = new bytes32[](LOCKS);
        for (uint256 k = 0; k < LOCKS; k++) {
            all[k] = keccak256(lockOf(i, side, k));
        }
    }

    function lockOf(uint256 i, uint8 side, uint256 k) internal pure returns (bytes memory) {
        uint256 number = (2 * i + side) * LOCKS + k;
        return lock(0.1 ether, START + (number % 7) * 1000, keyFor(number));
    }

    function rootOf(uint256 i, uint8 side) internal view returns (bytes32 root) {
        (root,) = tree(leaves(i, side), 0);
    }

    function chunkOf(uint256 i, uint8 side, uint256 k) internal view returns (Chunk memory chunk) {
        (chunk.side, chunk.index, chunk.count, chunk.locks) = (side, k, LOCKS, lockOf(i, side, k));
        (, chunk.path) = tree(leaves(i, side), k);
    }

    /// The newest state and pots from the logs.
    function track(Track storage t) internal {
        bool kept;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        bool paidOut;
        for (uint256 i = 0; i < logs.length; i++) {
            bytes32 topic = logs[i].topics[0];
            if (topic == Adjudicator.StateChanged.selector) {
                (, t.state) = abi.decode(logs[i].data, (uint256, State));
            } else if (topic == Adjudicator.PotsChanged.selector) {
                t.pots = abi.decode(logs[i].data, (Pots));
                kept = true;
            } else if (topic == Adjudicator.Settled.selector || topic == Adjudicator.Unlocked.selector) {
                paidOut = true;
            }
        }
        if (paidOut && !kept) (t.pots.potA, t.pots.potB) = (0, 0);
    }

    // The sums

    /// Of each asset the contract has what it owes: to open channels, to pots and to credits.
    function checkSolvent() external view {
        uint256[2] memory owed; // ether, token
        for (uint256 i = 0; i < CHANNELS; i++) {
            bytes32 id_ = idOf(channels[i]);
            Records.Phase phase_ = adjudicator.phaseOf(id_);
            if (phase_ == Records.Phase.OPEN || phase_ == Records.Phase.DISPUTE) {
                (uint128 depA, uint128 depB) = adjudicator.depositsOf(id_);
                (uint128 wdA, uint128 wdB) = adjudicator.withdrawalsOf(id_);
                owed[i % 2] += uint256(depA) + depB - wdA - wdB;
            } else if (phase_ == Records.Phase.UNLOCKING) {
                owed[i % 2] += uint256(tracks[i].pots.potA) + tracks[i].pots.potB;
            }
            (, uint256 bond,,,) = adjudicator.bondOf(id_);
            owed[0] += bond;
            for (uint256 asset = 0; asset < 2; asset++) {
                owed[asset] += adjudicator.credits(asset == 0 ? ETH : address(token), channels[i].payoutA);
                owed[asset] += adjudicator.credits(asset == 0 ? ETH : address(token), channels[i].payoutB);
            }
        }
        assertEq(address(adjudicator).balance, owed[0], "ether");
        assertEq(token.balanceOf(address(adjudicator)), owed[1] + donated, "tokens");
    }

    /// A channel pays its two owners what was deposited in it and the bond, no more, and once closed no less.
    function checkPayouts() external view {
        for (uint256 i = 0; i < CHANNELS; i++) {
            (, uint256 held,,,) = adjudicator.bondOf(idOf(channels[i]));
            uint256 got = gotOf(i) + held;
            assertLe(got, tracks[i].in_ + tracks[i].bond, "paid");
            if (adjudicator.phaseOf(idOf(channels[i])) == Records.Phase.CLOSED) {
                assertEq(got, tracks[i].in_ + tracks[i].bond, "paid in full");
            }
        }
    }

    /// Of both assets, since a bond is ether in any channel.
    function gotOf(uint256 i) internal view returns (uint256 got) {
        for (uint256 k = 0; k < 4; k++) {
            address asset = k & 1 == 0 ? ETH : address(token);
            address who = k < 2 ? channels[i].payoutA : channels[i].payoutB;
            got += balance(asset, who) + adjudicator.credits(asset, who);
        }
    }

    /// The contract's dispute is the highest epoch and, in it, the highest seqs of what was submitted.
    function checkDisputes() external view {
        for (uint256 i = 0; i < CHANNELS; i++) {
            bytes32 id_ = idOf(channels[i]);
            if (adjudicator.phaseOf(id_) != Records.Phase.DISPUTE) continue;
            (, uint64 epoch, uint64 seqA, uint64 seqB, bytes32 commitment) = adjudicator.disputeOf(id_);
            assertEq(epoch, tracks[i].epoch, "epoch");
            assertEq(seqA, tracks[i].seqA, "seq of a's");
            assertEq(seqB, tracks[i].seqB, "seq of b's");
            assertEq(commitment, keccak256(abi.encode(tracks[i].state)), "state");
        }
    }

    /// Everything that was paid in comes out in the end.
    function finish() external {
        vm.warp(START + 365 days);
        for (uint256 i = 0; i < CHANNELS; i++) {
            (payouts[2 * i]).set(false);
            (payouts[2 * i + 1]).set(false);
            Channel memory c = channels[i];
            bytes32 id_ = idOf(c);
            if (adjudicator.phaseOf(id_) == Records.Phase.OPEN) {
                vm.recordLogs();
                adjudicator.forceClose(c, saltOf(i), ANYTIME, baseOf(c, id_, 0), none(), none());
                track(tracks[i]);
                skip(PERIOD);
            }
            if (adjudicator.phaseOf(id_) == Records.Phase.DISPUTE) this.settle(i, true);
            skip(365 days);
            for (uint256 k = 0; k < 2 * LOCKS; k++) {
                this.unlock(i, uint8(k % 2), k / 2, false);
            }
            assertEq(uint8(adjudicator.phaseOf(id_)), uint8(Records.Phase.CLOSED), "all is closed");
            try adjudicator.returnBond(c) {} catch {}
            this.collect(2 * i);
            this.collect(2 * i + 1);
            assertEq(gotOf(i), tracks[i].in_ + tracks[i].bond, "all is paid");
        }
        assertEq(address(adjudicator).balance, 0);
        assertEq(token.balanceOf(address(adjudicator)), donated);
    }
}

contract InvariantTest is Test {
    Peers internal peers;

    function setUp() public {
        peers = new Peers();
        targetContract(address(peers));
        bytes4[] memory s = new bytes4[](20);
        s[0] = Peers.deposit.selector;
        s[1] = Peers.withdraw.selector;
        s[2] = Peers.coopClose.selector;
        s[3] = Peers.submit.selector;
        s[4] = Peers.settle.selector;
        s[5] = Peers.unlock.selector;
        s[6] = Peers.reveal.selector;
        s[7] = Peers.wait.selector;
        s[8] = Peers.mood.selector;
        s[9] = Peers.collect.selector;
        s[10] = Peers.donate.selector;
        // More often:
        s[11] = Peers.deposit.selector;
        for (uint256 i = 12; i < 15; i++) {
            s[i] = Peers.submit.selector;
        }
        s[15] = Peers.unlock.selector;
        s[16] = Peers.unlock.selector;
        s[17] = Peers.prove.selector;
        s[18] = Peers.note.selector;
        s[19] = Peers.merge.selector;
        targetSelector(FuzzSelector(address(peers), s));
    }

    /// forge-config: default.invariant.runs = 24
    /// forge-config: default.invariant.depth = 150
    /// forge-config: default.invariant.fail-on-revert = true
    function invariant_nothingIsMadeOrLost() external view {
        peers.checkSolvent();
        peers.checkPayouts();
        peers.checkDisputes();
    }

    function afterInvariant() external {
        peers.finish();
    }
}
