// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts-shanghai/utils/cryptography/ECDSA.sol";
import {App, AppState, IApp, FIRST, OVER} from "./IApp.sol";

/// @title Tickets that people resell off chain
/// @notice The first is the organiser, the second sells for it and has the price of all seats at stake. The state's
///         data is abi.encode(Ticket[]), one for each seat. Every move is the organiser's: the seller could make
///         none without a holder's signature, and one whose move it is and who makes none loses all that it has at
///         stake. A move changes one ticket:
///           - issue: the organiser gives a free seat to its first holder;
///           - resell: the holder's signature names the next holder;
///           - admit: the holder's signature is shown at the door; the ticket is used, its price the organiser's.
///         The organiser's other move ends the app. A ticket that nobody used is not paid for. However often it
///         was sold, there is one settlement.
///
///         params = abi.encode(bytes32 show, uint128 price). A holder signs keccak256(abi.encode(show, seat, sales,
///         next holder)), as is; next holder zero stands for the door. `sales` counts how often the ticket changed
///         hands, so no signature counts twice; a show's name is used once.
contract Tickets is IApp {
    struct Ticket {
        address holder; // zero: not issued
        uint64 sales;
        bool used;
        bytes signature; // by which it changed last; none after an issue
    }

    function validTransition(App calldata app, AppState calldata from, AppState calldata to)
        external
        pure
        returns (bool)
    {
        if (to.fromFirst != 0 || from.mover != FIRST) return false;
        if (to.mover == OVER) {
            return to.fromSecond == from.fromSecond && keccak256(to.data) == keccak256(from.data);
        }
        (bytes32 show, uint128 price) = abi.decode(app.params, (bytes32, uint128));
        Ticket[] memory before = abi.decode(from.data, (Ticket[]));
        Ticket[] memory later = abi.decode(to.data, (Ticket[]));
        if (before.length != later.length || to.mover != FIRST) return false;
        uint256 changed;
        uint256 seat;
        for (uint256 i = 0; i < before.length; i++) {
            if (keccak256(abi.encode(before[i])) == keccak256(abi.encode(later[i]))) continue;
            (seat, changed) = (i, changed + 1);
        }
        if (changed != 1) return false;
        return to.fromSecond == from.fromSecond + (later[seat].used ? price : 0)
            && _isChange(show, seat, before[seat], later[seat]);
    }

    function _isChange(bytes32 show, uint256 seat, Ticket memory before, Ticket memory later)
        private
        pure
        returns (bool)
    {
        if (before.used) return false;
        if (before.holder == address(0)) {
            return later.holder != address(0) && later.sales == 0 && !later.used && later.signature.length == 0;
        }
        if (later.holder == address(0) || later.sales != before.sales + 1) return false;
        if (later.used && later.holder != before.holder) return false;
        bytes32 digest = keccak256(abi.encode(show, seat, before.sales, later.used ? address(0) : later.holder));
        (address signer, ECDSA.RecoverError failed,) = ECDSA.tryRecover(digest, later.signature);
        return failed == ECDSA.RecoverError.NoError && signer == before.holder;
    }
}
