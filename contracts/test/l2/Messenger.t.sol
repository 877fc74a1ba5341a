// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {AddressAlias} from "../../bridge/AddressAlias.sol";
import {CrossDomainMessenger} from "../../bridge/CrossDomainMessenger.sol";
import {Predeploys} from "../../l2/Predeploys.sol";
import {World} from "./World.sol";

/// Keeps what it is called with, and refuses when told to.
contract Target {
    bool public refuses;
    address public sender;
    uint256 public gas;
    uint256 public calls;
    bytes public data;

    function setRefuses(bool refuses_) external {
        refuses = refuses_;
    }

    receive() external payable {
        _take();
    }

    fallback() external payable {
        _take();
    }

    function _take() private {
        gas = gasleft();
        require(!refuses, "refused");
        calls++;
        data = msg.data;
        sender = CrossDomainMessenger(msg.sender).xDomainMessageSender();
    }
}

/// Uses up its gas, and answers with as much as it can.
contract Bomb {
    fallback() external payable {
        assembly {
            revert(0, 1000000)
        }
    }
}

contract GasEater {
    fallback() external payable {
        assembly {
            invalid()
        }
    }
}

/// Called by a message, relays another one that has failed.
contract Reenterer {
    bytes public inner;
    bool public innerReturned;
    bool public fails;

    function set(bytes calldata inner_, bool fails_) external {
        inner = inner_;
        fails = fails_;
    }

    receive() external payable {
        _relay();
    }

    fallback() external payable {
        _relay();
    }

    function _relay() private {
        (innerReturned,) = msg.sender.call(inner);
        require(!fails, "failed on purpose");
    }
}

contract MessengerTest is World {
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);
    Target internal target;

    function setUp() public override {
        super.setUp();
        target = new Target();
        vm.deal(ALICE, 1000 ether);
    }

    function _send(bool up, address to, uint256 value, uint32 minGas, bytes memory data)
        private
        returns (Message memory)
    {
        CrossDomainMessenger m = up ? CrossDomainMessenger(messenger2) : CrossDomainMessenger(messenger1);
        _as(ALICE);
        m.sendMessage{value: value}(to, data, minGas);
        return _lastMessage();
    }

    function _deliver(bool up) private {
        vm.assertTrue(up ? _finalizeLast() : _runDeposit(), "delivery failed");
    }

    /// Ether on the parent for what has been made out of nothing on the child.
    function _fund() private {
        vm.deal(address(portal), 1000 ether);
    }

    function test_aMessageArrivesWithItsEtherItsSenderAndItsGas(
        bool up,
        uint64 value,
        uint32 minGas,
        bytes calldata data
    ) public {
        minGas = uint32(_bound(minGas, 200_000 + data.length * 1000, 8_000_000));
        _fund();
        Message memory m = _send(up, address(target), value, minGas, data);
        _deliver(up);
        vm.assertTrue(_succeeded(m));
        vm.assertEq(target.sender(), ALICE);
        vm.assertEq(target.data(), data);
        vm.assertEq(address(target).balance, value);
        vm.assertGe(target.gas(), minGas - 100); // what its first steps cost
    }

    function test_theHashIsOPs() public {
        Message memory m = _send(false, BOB, 5, 21_000, hex"1234");
        vm.assertEq(
            _hash(m),
            keccak256(
                abi.encodeWithSignature(
                    "relayMessage(uint256,address,address,uint256,uint256,bytes)",
                    uint256(1) << 240,
                    ALICE,
                    BOB,
                    uint256(5),
                    uint256(21_000),
                    hex"1234"
                )
            )
        );
    }

    function test_aFailedMessageIsReplayedByAnyoneOnce(bool up, uint64 value) public {
        _fund();
        target.setRefuses(true);
        Message memory m = _send(up, address(target), value, 300_000, "hello");
        _deliver(up);
        vm.assertTrue(_failed(m));
        vm.assertEq(address(_receiver(m)).balance, value);

        vm.assertTrue(_replay(m));
        vm.assertTrue(_failed(m));

        target.setRefuses(false);
        _as(BOB);
        vm.assertTrue(_replay(m));
        vm.assertTrue(_succeeded(m));
        vm.assertEq(address(target).balance, value);
        vm.assertEq(target.sender(), ALICE);

        vm.expectRevert("CrossDomainMessenger: message has already been relayed");
        this.replay(m);
        vm.assertEq(target.calls(), 1);
    }

    function replay(Message memory m) external {
        _receiver(m).relayMessage(m.nonce, m.sender, m.target, m.value, m.minGasLimit, m.data);
    }

    function test_aMessageThatSucceededIsNotRelayedAgain(bool up) public {
        Message memory m = _send(up, address(target), 0, 300_000, "");
        _deliver(up);
        vm.expectRevert("CrossDomainMessenger: message cannot be replayed");
        this.replay(m);
        if (up) {
            vm.expectRevert("MockPortal: finalized");
            portal.finalize(withdrawals[0]);
        }
    }

    function test_aFailedMessageIsReplayedAsItWasOnly(bool up, uint8 field) public {
        _fund();
        target.setRefuses(true);
        Message memory m = _send(up, address(target), 1 ether, 300_000, "hello");
        _deliver(up);
        target.setRefuses(false);
        field = uint8(_bound(field, 0, 6));
        if (field == 0) m.nonce++;
        if (field == 1) m.sender = BOB;
        if (field == 2) m.target = BOB;
        if (field == 3) m.value *= 2;
        if (field == 4) m.minGasLimit++;
        if (field == 5) m.data = "hallo";
        if (field == 6) {
            m.nonce = 0;
            vm.expectRevert(abi.encodeWithSelector(CrossDomainMessenger.UnsupportedVersion.selector, 0));
        } else {
            vm.expectRevert("CrossDomainMessenger: message cannot be replayed");
        }
        this.replay(m);
    }

    function test_nobodyElseDelivers(bool up, address who) public {
        vm.assume(who != AddressAlias.apply_(address(messenger1)));
        Message memory m = _send(up, address(target), 0, 300_000, "");
        vm.expectRevert("CrossDomainMessenger: message cannot be replayed");
        _as(who);
        this.replay(m);
        // Not even by a withdrawal or a deposit of one's own.
        if (up) {
            _as(ALICE);
            passer.initiateWithdrawal(address(messenger1), 1_000_000, _encode(m));
            vm.assertFalse(_finalizeLast());
        } else {
            _as(ALICE);
            portal.depositTransaction(address(messenger2), 0, 1_000_000, false, _encode(m));
            depositsRun = 1;
            vm.assertFalse(_runDeposit());
        }
        vm.assertEq(target.calls(), 0);
    }

    function test_aReplayBringsNoEther(bool up) public {
        target.setRefuses(true);
        Message memory m = _send(up, address(target), 0, 300_000, "");
        _deliver(up);
        bytes memory data = _encode(m);
        vm.expectRevert("CrossDomainMessenger: value must be zero unless message is from a system address");
        _as(ALICE);
        (bool reverted,) = address(_receiver(m)).call{value: 1}(data);
        vm.assertTrue(reverted); // as expected: forge turns the answer round
    }

    function test_targetsThatWouldBeRefusedAreRefusedAtOnce() public {
        address[2] memory down = [address(messenger2), address(passer)];
        for (uint256 i = 0; i < 2; i++) {
            vm.expectRevert(abi.encodeWithSelector(CrossDomainMessenger.UnsafeTarget.selector, down[i]));
            messenger1.sendMessage(down[i], "", 0);
        }
        vm.expectRevert(abi.encodeWithSelector(CrossDomainMessenger.UnsafeTarget.selector, address(messenger1)));
        messenger2.sendMessage(address(messenger1), "", 0);
    }

    /// The child does not know the portal: a message to it is refused where it arrives.
    function test_noMessageCallsThePortalInTheMessengersName() public {
        Message memory m = _send(
            true,
            address(portal),
            0,
            1_000_000,
            abi.encodeCall(portal.depositTransaction, (address(messenger2), 0, 1_000_000, false, ""))
        );
        vm.assertFalse(_finalizeLast());
        vm.assertFalse(_failed(m));
        vm.assertEq(portal.depositCount(), 0);
    }

    // --- Gas

    /// forge-config: default.fuzz.runs = 50
    function test_theGasBoughtIsEnoughForAnyMessage(uint32 minGas, uint16 size, bool eats, uint64 value) public {
        minGas = uint32(_bound(minGas, 0, 10_000_000));
        address to = eats ? address(new GasEater()) : address(new Bomb());
        bytes memory data = _ones(size);
        Message memory m = _send(false, to, value, minGas, data);
        vm.cool(address(messenger2));
        vm.cool(to);
        vm.assertTrue(_runDeposit());
        vm.assertTrue(_failed(m), "a failed call must leave a replayable message");
    }

    /// forge-config: default.fuzz.runs = 50
    function test_theGasOfAWithdrawalIsEnoughForAnyMessage(uint32 minGas, uint16 size, bool eats) public {
        minGas = uint32(_bound(minGas, 0, 10_000_000));
        address to = eats ? address(new GasEater()) : address(new Bomb());
        bytes memory data = _ones(size);
        Message memory m = _send(true, to, 0, minGas, data);
        bytes memory finalize = abi.encodeCall(portal.finalize, (withdrawals[0]));
        bool finalized;
        // The least gas with which the portal takes it at all.
        for (uint256 gas_ = withdrawals[0].gasLimit; !finalized; gas_ += 5000) {
            vm.cool(address(messenger1));
            vm.cool(to);
            (finalized,) = address(portal).call{gas: gas_}(finalize);
        }
        vm.assertTrue(_failed(m), "a failed call must leave a replayable message");
    }

    /// Non-zero bytes, which cost most.
    function _ones(uint256 size) private pure returns (bytes memory data) {
        data = new bytes((size + 31) / 32 * 32);
        for (uint256 i = 0; i < size; i += 32) {
            assembly {
                mstore(add(add(data, 32), i), not(0))
            }
        }
    }

    /// A relayer chooses the gas of a replay: with any, the call gets what it asked for, or is not made.
    function test_aRelayerCannotStarveTheCall(uint32 minGas, uint256 gas_) public {
        minGas = uint32(_bound(minGas, 60_000, 2_000_000));
        target.setRefuses(true);
        Message memory m = _send(true, address(target), 0, minGas, "");
        _deliver(true);
        target.setRefuses(false);
        gas_ = _bound(gas_, 0, 4_000_000);
        uint256 before = target.calls();
        bytes memory data = _encode(m);
        (bool success,) = address(messenger1).call{gas: gas_}(data);
        if (target.calls() != before) {
            vm.assertTrue(success && _succeeded(m));
            vm.assertGe(target.gas(), minGas - 100);
        } else {
            vm.assertTrue(_failed(m));
        }
    }

    function test_aBombOfReturnDataCostsTheRelayerNothingMore(bool up) public {
        Message memory m = _send(up, address(new Bomb()), 0, 100_000, "");
        _deliver(up);
        vm.assertTrue(_failed(m));
    }

    function test_largeMessagesToTheChildPayTheFloorOfTheirData() public view {
        bytes memory data = new bytes(20_000);
        vm.assertEq(messenger1.baseGas(data, 0), 21_000 + 40 * 20_260);
        vm.assertEq(messenger2.baseGas(data, 0), 326_000 + 16 * 20_260);
        vm.assertEq(messenger1.baseGas("", 63), 326_000 + 16 * 260 + 64);
    }

    function test_anEstimateRevertsUnlessTheCallSucceeds() public {
        target.setRefuses(true);
        Message memory m = _send(true, address(target), 0, 100_000, "");
        _deliver(true);
        bytes memory data = _encode(m);
        vm.expectRevert("CrossDomainMessenger: failed to relay message");
        vm.prank(BOB, address(1));
        (bool reverted,) = address(messenger1).call(data);
        vm.assertTrue(reverted);
    }

    // --- Reentrancy

    function test_aMessageRelayedWithinAnotherWaits(bool up) public {
        target.setRefuses(true);
        Message memory inner = _send(up, address(target), 0, 300_000, "inner");
        _deliver(up);
        target.setRefuses(false);
        Reenterer reenterer = new Reenterer();
        reenterer.set(_encode(inner), false);
        Message memory outer = _send(up, address(reenterer), 0, 2_000_000, "outer");
        _deliver(up);
        vm.assertTrue(_succeeded(outer));
        vm.assertTrue(reenterer.innerReturned());
        vm.assertTrue(_failed(inner), "still to be replayed");
        vm.assertEq(target.calls(), 0);
        vm.assertTrue(_replay(inner));
        vm.assertEq(target.calls(), 1);
    }

    /// Takes its own ether twice: fails at first, then, replayed, replays itself.
    function test_aMessageCannotRelayItself(bool up) public {
        _fund();
        Reenterer reenterer = new Reenterer();
        reenterer.set("", true);
        Message memory m = _send(up, address(reenterer), 1 ether, 2_000_000, "");
        Message memory other = _send(up, address(new Bomb()), 1 ether, 100_000, "");
        for (uint256 i = 0; i < 2; i++) {
            vm.assertTrue(up ? _finalize(i) : _runDeposit());
        }
        reenterer.set(_encode(m), false);
        vm.assertTrue(_replay(m));
        vm.assertTrue(_succeeded(m));
        vm.assertEq(address(reenterer).balance, 1 ether);
        vm.assertEq(address(_receiver(m)).balance, 1 ether);
        vm.assertTrue(_failed(other));
    }

    function test_outsideOfARelayThereIsNoSender() public {
        vm.expectRevert("CrossDomainMessenger: xDomainMessageSender is not set");
        messenger1.xDomainMessageSender();
        _send(false, address(target), 0, 300_000, "");
        _deliver(false);
        vm.expectRevert("CrossDomainMessenger: xDomainMessageSender is not set");
        messenger2.xDomainMessageSender();
    }

    function test_peersHaveOldAndNewNames() public view {
        vm.assertEq(messenger1.otherMessenger(), Predeploys.L2_CROSS_DOMAIN_MESSENGER);
        vm.assertEq(messenger1.OTHER_MESSENGER(), messenger1.otherMessenger());
        vm.assertEq(address(messenger1.PORTAL()), address(messenger1.portal()));
        vm.assertEq(messenger2.l1CrossDomainMessenger(), address(messenger1));
        vm.assertEq(messenger2.OTHER_MESSENGER(), address(messenger1));
        vm.assertFalse(messenger1.paused());
    }
}
