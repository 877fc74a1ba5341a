// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {App, AppState, IApp, FIRST, OVER} from "./IApp.sol";

/// @title Tic-tac-toe for all that is at stake
/// @notice The board is the state's data: 9 bytes, 0 where a cell is free, 1 for the first's marks and 2 for the
///         second's. A move sets one free cell to the mover's mark. Three in a row win the other's stake; on a full
///         board without, each keeps its own. Nothing moves before the end.
contract TicTacToe is IApp {
    function validTransition(App calldata app, AppState calldata from, AppState calldata to)
        external
        pure
        returns (bool)
    {
        if (from.data.length != 9 || to.data.length != 9) return false;
        uint8 mark = from.mover + 1;
        uint256 mine; // bit i: cell i has the mover's mark
        uint256 taken;
        uint256 changed;
        for (uint256 i = 0; i < 9; i++) {
            uint8 cell = uint8(to.data[i]);
            if (to.data[i] != from.data[i]) {
                if (from.data[i] != 0 || cell != mark) return false;
                changed++;
            }
            if (cell == mark) mine |= 1 << i;
            if (cell != 0) taken++;
        }
        if (changed != 1) return false;
        if (!_wins(mine)) {
            return to.fromFirst == 0 && to.fromSecond == 0 && to.mover == (taken == 9 ? OVER : 1 - from.mover);
        }
        (uint128 fromFirst, uint128 fromSecond) =
            from.mover == FIRST ? (uint128(0), app.stakeSecond) : (app.stakeFirst, uint128(0));
        return to.mover == OVER && to.fromFirst == fromFirst && to.fromSecond == fromSecond;
    }

    function _wins(uint256 mine) private pure returns (bool) {
        uint16[8] memory rows = [0x007, 0x038, 0x1c0, 0x049, 0x092, 0x124, 0x111, 0x054];
        for (uint256 i = 0; i < 8; i++) {
            if (mine & rows[i] == rows[i]) return true;
        }
        return false;
    }
}
