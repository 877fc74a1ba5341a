// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What is stored of each channel
abstract contract Records {
    enum Phase {
        OPEN, // also a channel that nobody has funded yet
        DISPUTE,
        UNLOCKING,
        CLOSED
    }

    /// Four words of storage for each channel, of which closing leaves the first.
    struct Record {
        // 127 bits of deposits of a's, WITHDRAWN, 127 bits of deposits of b's, SETTLED: from low to high.
        uint256 deposits;
        // 64 bits seqB, 64 seqA, 64 epoch, 40 time, 8 phase, CLAIMED, NOTED: from low to high. The time is the dispute's
        // end or, when UNLOCKING, that of the settlement.
        uint256 dispute;
        // Hash of the State in DISPUTE, of the Pots when UNLOCKING.
        bytes32 commitment;
        // 128 bits of withdrawals of a's, 128 of b's: from low to high.
        uint256 withdrawals;
    }

    /// Deposits of a side are below 2^127, so that the sum of both fits in uint128.
    uint256 internal constant AMOUNT = (1 << 127) - 1;
    /// The word of withdrawals is not zero: most channels need not read it.
    uint256 internal constant WITHDRAWN = 1 << 127;
    /// The deposits have been split: nothing can be paid in or split again. Stays for ever.
    uint256 internal constant SETTLED = 1 << 255;
    /// The closer has staked a bond.
    uint256 internal constant CLAIMED = 1 << 240;
    /// Halves are noted beside the dispute's state.
    uint256 internal constant NOTED = 1 << 241;

    mapping(bytes32 id => Record) internal _records;

    error AlreadySettled();
    error WrongPhase(Phase phase);
    error Late();

    function phaseOf(bytes32 id) public view returns (Phase) {
        Phase phase = _phase(_records[id].dispute);
        if (_records[id].deposits & SETTLED == 0) return phase;
        return phase == Phase.UNLOCKING ? phase : Phase.CLOSED;
    }

    function _disputed(Record storage record) internal view returns (uint256 word) {
        word = record.dispute;
        if (_phase(word) != Phase.DISPUTE) revert WrongPhase(_phase(word));
    }

    function _phase(uint256 word) internal pure returns (Phase) {
        return Phase(uint8(word >> 232));
    }

    function _time(uint256 word) internal pure returns (uint256) {
        return uint40(word >> 192);
    }

    function _min(uint256 x, uint256 y) internal pure returns (uint256) {
        return x < y ? x : y;
    }
}
