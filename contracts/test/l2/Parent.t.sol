// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AddressAlias} from "../../bridge/AddressAlias.sol";
import {CrossDomainMessenger} from "../../bridge/CrossDomainMessenger.sol";
import {L1CrossDomainMessenger} from "../../bridge/L1CrossDomainMessenger.sol";
import {L1StandardBridge} from "../../bridge/L1StandardBridge.sol";
import {StandardBridge} from "../../bridge/StandardBridge.sol";
import {IPortal} from "../../interfaces/IPortal.sol";
import {Predeploys} from "../../l2/Predeploys.sol";
import {Base} from "../l1/Base.t.sol";
import {MoodyToken} from "./Tokens.sol";

/// The messenger and the bridge on the portal that they are made for, with its Inbox, settlement and
/// proofs. The other tests have a simpler portal, and a child.
contract ParentTest is Base {
    L1CrossDomainMessenger internal messenger;
    StandardBridge internal bridge;
    MoodyToken internal token;
    uint256 internal nonce = 1 << 240;

    function setUp() public override {
        super.setUp();
        messenger = new L1CrossDomainMessenger(portal);
        bridge = new L1StandardBridge(messenger);
        token = new MoodyToken();
        token.mint(user, 1 ether);
        vm.prank(user);
        token.approve(address(bridge), 1 ether);
    }

    /// A message of `sender`'s, as the child's messenger withdraws it, proven and mature.
    function _arrive(address sender, address target, uint256 value, bytes memory data) private returns (Exit memory e) {
        bytes memory relay =
            abi.encodeCall(CrossDomainMessenger.relayMessage, (nonce++, sender, target, value, 500_000, data));
        e = exitTo(address(messenger), value, messenger.baseGas("", 500_000) + 100_000, relay);
        e.tx.sender = Predeploys.L2_CROSS_DOMAIN_MESSENGER;
        prepare(e);
        proposeAndProve(e);
        skipTime(30 days);
    }

    function test_aMessageBecomesADepositOfTheMessengersAlias() public {
        bytes memory relay =
            abi.encodeCall(CrossDomainMessenger.relayMessage, (nonce, user, stranger, 1 ether, 21_000, hex"c0de"));
        uint64 gasLimit = messenger.baseGas(hex"c0de", 21_000);
        vm.expectEmit(address(portal));
        emit IPortal.TransactionDeposited(
            AddressAlias.apply_(address(messenger)),
            Predeploys.L2_CROSS_DOMAIN_MESSENGER,
            0,
            abi.encodePacked(uint256(1 ether), uint256(1 ether), gasLimit, false, relay)
        );
        vm.prank(user, user);
        messenger.sendMessage{value: 1 ether}(stranger, hex"c0de", 21_000);
        assertEq(inbox.itemCount(), 1);
        assertEq(address(portal).balance, 1 ether);
    }

    function test_messagesUpToTheSizeOfAnItemAreTaken() public {
        bytes memory data = new bytes(24 * 1024 - 260);
        vm.prank(user, user);
        messenger.sendMessage(stranger, data, 1_000_000);
        assertEq(inbox.itemCount(), 1);
    }

    function test_aWithdrawalReachesItsTargetThroughTheMessenger() public {
        fund(1 ether);
        Exit memory e = _arrive(user, stranger, 1 ether, "");
        uint256 before = stranger.balance;
        vm.expectEmit(address(portal));
        emit IPortal.WithdrawalFinalized(e.hash, true);
        finalize(e);
        assertEq(stranger.balance, before + 1 ether);
        assertTrue(messenger.successfulMessages(keccak256(e.tx.data)));
    }

    function test_aWithdrawalOfAnyoneElseIsNoMessage() public {
        Exit memory e = exitTo(
            address(messenger),
            0,
            1_000_000,
            abi.encodeCall(
                CrossDomainMessenger.relayMessage,
                (
                    nonce,
                    Predeploys.L2_STANDARD_BRIDGE,
                    address(bridge),
                    0,
                    200_000,
                    abi.encodeCall(StandardBridge.finalizeBridgeERC20, (address(token), address(1), user, user, 1, ""))
                )
            )
        );
        proposeAndProve(e);
        skipTime(30 days);
        vm.expectEmit(address(portal));
        emit IPortal.WithdrawalFinalized(e.hash, false);
        finalize(e);
        assertFalse(messenger.failedMessages(keccak256(e.tx.data)));
    }

    function test_tokensAreReleasedAndReplayed() public {
        vm.prank(user, user);
        bridge.bridgeERC20(address(token), address(0x77), 1 ether, 200_000, "");
        Exit memory e = _arrive(
            Predeploys.L2_STANDARD_BRIDGE,
            address(bridge),
            0,
            abi.encodeCall(
                StandardBridge.finalizeBridgeERC20, (address(token), address(0x77), user, stranger, 1 ether, "")
            )
        );
        token.setRefuses(true);
        finalize(e);
        assertTrue(messenger.failedMessages(keccak256(e.tx.data)));
        token.setRefuses(false);
        (bool success,) = address(messenger).call(e.tx.data);
        assertTrue(success);
        assertEq(token.balanceOf(stranger), 1 ether);
    }

    /// What fits no pair here is sent back from within the withdrawal that brought it.
    function test_aWithdrawalCanCauseADeposit() public {
        Exit memory e = _arrive(
            Predeploys.L2_STANDARD_BRIDGE,
            address(bridge),
            0,
            abi.encodeCall(StandardBridge.finalizeBridgeERC20, (address(0x77), address(token), user, stranger, 5, ""))
        );
        uint64 before = inbox.itemCount();
        vm.expectEmit(address(bridge));
        emit StandardBridge.ERC20BridgeReturned(address(0x77), address(token), user, stranger, 5, "");
        finalize(e);
        assertEq(inbox.itemCount(), before + 1);
        assertTrue(messenger.successfulMessages(keccak256(e.tx.data)));
    }
}
