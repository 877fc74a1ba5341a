// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {App, AppState, FIRST, SECOND, OVER} from "../../channel/apps/IApp.sol";
import {Tickets} from "../../channel/apps/Tickets.sol";

/// One show with two seats, at 1 each.
contract TicketsTest is Test {
    bytes32 internal constant SHOW = keccak256("show");
    Tickets internal rules = new Tickets();
    App internal app;
    address internal alice;
    address internal bob;
    uint256 internal keyOfAlice;
    uint256 internal keyOfBob;

    function setUp() public {
        (alice, keyOfAlice) = makeAddrAndKey("alice");
        (bob, keyOfBob) = makeAddrAndKey("bob");
        app.params = abi.encode(SHOW, uint128(1 ether));
        app.stakeSecond = 2 ether;
    }

    function stateOf(uint8 mover, uint128 paid, Tickets.Ticket memory ticket)
        internal
        pure
        returns (AppState memory s)
    {
        Tickets.Ticket[] memory all = new Tickets.Ticket[](2);
        all[0] = ticket;
        return AppState(0, mover, 0, paid, abi.encode(all));
    }

    function sign(uint256 key, uint64 sales, address next) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encode(SHOW, uint256(0), sales, next)));
        return abi.encodePacked(r, s, v);
    }

    function allowed(AppState memory from, AppState memory to) internal view returns (bool) {
        return rules.validTransition(app, from, to);
    }

    function test_a_ticket_is_issued_by_the_organiser() public view {
        AppState memory issued = stateOf(FIRST, 0, Tickets.Ticket(alice, 0, false, ""));
        Tickets.Ticket memory free;
        assertTrue(allowed(stateOf(FIRST, 0, free), issued));
        assertFalse(allowed(stateOf(SECOND, 0, free), issued), "the seller does not issue");
        assertFalse(allowed(issued, issued), "a move changes a ticket");
        issued.fromSecond = 1 ether;
        assertFalse(allowed(stateOf(FIRST, 0, free), issued), "it is paid for at the door");
    }

    function test_a_ticket_is_resold_by_its_holder() public view {
        AppState memory sold = stateOf(FIRST, 0, Tickets.Ticket(bob, 1, false, sign(keyOfAlice, 0, bob)));
        assertTrue(allowed(stateOf(FIRST, 0, Tickets.Ticket(alice, 0, false, "")), sold));
        assertFalse(allowed(stateOf(SECOND, 0, Tickets.Ticket(alice, 0, false, "")), sold), "the seller moves nothing");
        AppState memory stolen = stateOf(FIRST, 0, Tickets.Ticket(alice, 2, false, sign(keyOfAlice, 1, alice)));
        assertFalse(allowed(sold, stolen), "who sold a ticket has it no more");
        stolen = stateOf(FIRST, 0, Tickets.Ticket(address(1), 1, false, sign(keyOfAlice, 0, bob)));
        assertFalse(allowed(stateOf(FIRST, 0, Tickets.Ticket(alice, 0, false, "")), stolen), "the next is signed");
        AppState memory again = stateOf(FIRST, 0, Tickets.Ticket(bob, 3, false, sign(keyOfAlice, 0, bob)));
        assertFalse(allowed(stateOf(FIRST, 0, Tickets.Ticket(alice, 2, false, "")), again), "no signature counts twice");
    }

    /// Who is to move and does not loses its stake, and the seller has no holder's signature to move by.
    function test_the_organiser_does_not_leave_the_move_to_the_seller() public view {
        Tickets.Ticket memory free;
        AppState memory begin = stateOf(FIRST, 0, free);
        AppState memory sold = stateOf(FIRST, 0, Tickets.Ticket(alice, 0, false, ""));
        assertFalse(allowed(begin, stateOf(SECOND, 0, Tickets.Ticket(alice, 0, false, ""))), "issued");
        assertFalse(
            allowed(sold, stateOf(SECOND, 0, Tickets.Ticket(bob, 1, false, sign(keyOfAlice, 0, bob)))), "resold"
        );
        assertFalse(
            allowed(
                sold, stateOf(SECOND, 1 ether, Tickets.Ticket(alice, 1, true, sign(keyOfAlice, 0, address(0))))
            ),
            "admitted"
        );
    }

    function test_a_ticket_is_used_once_and_then_paid_for() public view {
        AppState memory sold = stateOf(FIRST, 0, Tickets.Ticket(bob, 1, false, ""));
        AppState memory used = stateOf(FIRST, 1 ether, Tickets.Ticket(bob, 2, true, sign(keyOfBob, 1, address(0))));
        assertTrue(allowed(sold, used));
        used.fromSecond = 0;
        assertFalse(allowed(sold, used), "the price is paid at the door");
        used.fromSecond = 1 ether;
        AppState memory again = stateOf(FIRST, 2 ether, Tickets.Ticket(bob, 3, true, sign(keyOfBob, 2, address(0))));
        assertFalse(allowed(used, again), "a ticket is used once");
        again = AppState(0, OVER, 0, 1 ether, used.data);
        assertTrue(allowed(used, again), "the organiser ends it");
        again.fromSecond = 2 ether;
        assertFalse(allowed(used, again), "what was not used is not paid for");
        again.fromSecond = 1 ether;
        used.mover = SECOND;
        assertFalse(allowed(used, again), "the seller does not end it");
    }
}
