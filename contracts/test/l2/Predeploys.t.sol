// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {FeeVault} from "../../l2/FeeVault.sol";
import {L1Block} from "../../l2/L1Block.sol";
import {L2ToL1MessagePasser} from "../../l2/L2ToL1MessagePasser.sol";
import {Predeploys} from "../../l2/Predeploys.sol";
import {WETH} from "../../l2/WETH.sol";
import {World} from "./World.sol";

contract MessagePasserTest is World {
    address internal constant ALICE = address(0xa11ce);

    function test_aWithdrawalIsAHashInTheMappingAtSlotZero(
        address target,
        uint96 value,
        uint256 gasLimit,
        bytes calldata data
    ) public {
        vm.deal(ALICE, value);
        uint256 nonce = passer.messageNonce();
        bytes32 hash = keccak256(abi.encode(nonce, ALICE, target, uint256(value), gasLimit, data));
        vm.expectEmit(address(passer));
        emit L2ToL1MessagePasser.MessagePassed(nonce, ALICE, target, value, gasLimit, data, hash);
        _as(ALICE);
        passer.initiateWithdrawal{value: value}(target, gasLimit, data);
        vm.assertTrue(passer.sentMessages(hash));
        vm.assertEq(vm.load(address(passer), keccak256(abi.encode(hash, 0))), bytes32(uint256(1)));
        vm.assertEq(address(passer).balance, value);
        vm.assertEq(passer.messageNonce(), nonce + 1);
    }

    function test_noncesCarryVersionOneAndNeverRepeat() public {
        vm.assertEq(passer.messageNonce(), 1 << 240);
        passer.initiateWithdrawal(ALICE, 0, "");
        passer.initiateWithdrawal(ALICE, 0, "");
        vm.assertEq(passer.messageNonce(), (1 << 240) + 2);
        _collect();
        vm.assertEq(withdrawals[0].nonce + 1, withdrawals[1].nonce);
    }

    function test_etherSentWithoutACallGoesToTheSenderOnTheParent() public {
        vm.deal(ALICE, 3);
        _as(ALICE);
        (bool success,) = address(passer).call{value: 3}("");
        vm.assertTrue(success);
        _collect();
        vm.assertEq(withdrawals[0].target, ALICE);
        vm.assertEq(withdrawals[0].value, 3);
    }

    function test_anyoneBurnsWhatHasLeft() public {
        vm.deal(address(passer), 5 ether);
        vm.expectEmit(address(passer));
        emit L2ToL1MessagePasser.WithdrawerBalanceBurnt(5 ether);
        passer.burn();
        vm.assertEq(address(passer).balance, 0);
        passer.burn(); // nothing to burn: nothing happens
    }
}

contract L1BlockTest is World {
    function _attributes(uint32 baseScalar, uint32 blobScalar, uint64[3] memory n, uint256[2] memory fees, uint64 inbox)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
            hex"440a5e20",
            baseScalar,
            blobScalar,
            n[0],
            n[1],
            n[2],
            fees[0],
            fees[1],
            keccak256("h"),
            keccak256("b"),
            inbox
        );
    }

    function _send(address from, bytes memory data) private returns (bool success) {
        _as(from);
        (success,) = address(l1Block).call(data);
    }

    function test_attributesAreReadAsTheyAreWritten(
        uint32 baseScalar,
        uint32 blobScalar,
        uint64[3] memory n,
        uint256[2] memory fees,
        uint64 inbox
    ) public {
        bytes memory data = _attributes(baseScalar, blobScalar, n, fees, inbox);
        vm.assertEq(data.length, 172);
        vm.assertTrue(_send(Predeploys.DEPOSITOR_ACCOUNT, data));
        vm.assertEq(l1Block.baseFeeScalar(), baseScalar);
        vm.assertEq(l1Block.blobBaseFeeScalar(), blobScalar);
        vm.assertEq(l1Block.sequenceNumber(), n[0]);
        vm.assertEq(l1Block.timestamp(), n[1]);
        vm.assertEq(l1Block.number(), n[2]);
        vm.assertEq(l1Block.basefee(), fees[0]);
        vm.assertEq(l1Block.blobBaseFee(), fees[1]);
        vm.assertEq(l1Block.hash(), keccak256("h"));
        vm.assertEq(l1Block.batcherHash(), keccak256("b"));
        vm.assertEq(l1Block.inboxPosition(), inbox);
        // OP's tools read these from the state (op-geth, core/types/rollup_cost.go).
        vm.assertEq(uint256(vm.load(address(l1Block), bytes32(uint256(1)))), fees[0]);
        vm.assertEq(uint256(vm.load(address(l1Block), bytes32(uint256(7)))), fees[1]);
        bytes32 scalars = vm.load(address(l1Block), bytes32(uint256(3)));
        vm.assertEq(uint256(scalars), uint256(baseScalar) << 96 | uint256(blobScalar) << 64 | n[0]);
    }

    function test_theSelectorIsThatOfOP() public pure {
        vm.assertEq(bytes32(L1Block.setL1BlockValuesEcotone.selector), bytes32(bytes4(0x440a5e20)));
    }

    function test_onlyTheDepositorSetsAttributesAndOnlyWhole(address who) public {
        vm.assume(who != Predeploys.DEPOSITOR_ACCOUNT);
        bytes memory data = _attributes(1, 2, [uint64(3), 4, 5], [uint256(6), 7], 8);
        vm.assertFalse(_send(who, data));
        assembly {
            mstore(data, 171)
        }
        vm.assertFalse(_send(Predeploys.DEPOSITOR_ACCOUNT, data));
        vm.assertEq(l1Block.number(), 0);
    }

    function test_attributesFitTheirGasManyTimesOver() public {
        bytes memory data = _attributes(1, 2, [uint64(3), 4, 5], [uint256(6), 7], 8);
        vm.cool(address(l1Block));
        uint256 before = gasleft();
        _send(Predeploys.DEPOSITOR_ACCOUNT, data);
        vm.assertGe(250_000, before - gasleft());
    }

    function test_configurationOfEachKind() public {
        uint256[5] memory values = [uint256(60_000_000), 40_000_000, 1_040_000, uint160(address(0x5e9)), 2];
        for (uint256 id = 0; id < values.length; id++) {
            vm.expectEmit(address(l1Block));
            emit L1Block.ConfigUpdated(id, values[id]);
            _as(Predeploys.CONFIG_ACCOUNT);
            l1Block.setConfig(id, values[id]);
        }
        vm.assertEq(l1Block.gasLimit(), values[0]);
        vm.assertEq(l1Block.baseFeeScalar(), values[1]);
        vm.assertEq(l1Block.blobBaseFeeScalar(), values[2]);
        vm.assertEq(l1Block.sequencer(), address(0x5e9));
        vm.assertEq(l1Block.protocolVersion(), 2);
        vm.assertEq(l1Block.sequenceNumber(), 0);
    }

    function test_configurationThatIsUnknownOrOutOfRangeChangesNothing() public {
        _as(Predeploys.CONFIG_ACCOUNT);
        vm.expectRevert(abi.encodeWithSelector(L1Block.UnknownConfig.selector, 5));
        l1Block.setConfig(5, 1);
        uint256[5] memory limits =
            [uint256(type(uint64).max), type(uint32).max, type(uint32).max, type(uint160).max, type(uint64).max];
        for (uint256 id = 0; id < limits.length; id++) {
            _as(Predeploys.CONFIG_ACCOUNT);
            l1Block.setConfig(id, limits[id]);
            _as(Predeploys.CONFIG_ACCOUNT);
            vm.expectRevert(abi.encodeWithSelector(L1Block.ConfigOutOfRange.selector, id, limits[id] + 1));
            l1Block.setConfig(id, limits[id] + 1);
        }
        vm.assertEq(l1Block.gasLimit(), limits[0]);
    }

    function test_onlyConfigurationItemsConfigure(address who) public {
        vm.assume(who != Predeploys.CONFIG_ACCOUNT);
        _as(who);
        vm.expectRevert(L1Block.NotDepositor.selector);
        l1Block.setConfig(0, 1);
    }

    function test_gasIsPaidInEther() public pure {
        (address token, uint8 decimals) = l1Block.gasPayingToken();
        vm.assertEq(token, 0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE);
        vm.assertEq(decimals, 18);
        vm.assertFalse(l1Block.isCustomGasToken());
        vm.assertEq(l1Block.operatorFeeScalar() + l1Block.operatorFeeConstant(), 0);
    }
}

contract GasPriceOracleTest is World {
    function _price(uint32 baseScalar, uint256 baseFee, uint32 blobScalar, uint256 blobFee) private {
        _set(address(l1Block), 1, baseFee);
        _set(address(l1Block), 3, uint256(baseScalar) << 96 | uint256(blobScalar) << 64);
        _set(address(l1Block), 7, blobFee);
    }

    function test_nothingIsPaidBesideTheGas(bytes calldata transaction) public {
        _price(40e6, 30 gwei, 1.04e6, 2 gwei);
        vm.assertEq(oracle.getL1Fee(transaction), 0);
        vm.assertEq(oracle.getL1FeeUpperBound(transaction.length), 0);
        vm.assertEq(oracle.getL1GasUsed(transaction), 0);
        vm.assertEq(oracle.getOperatorFee(transaction.length), 0);
    }

    function test_thePriceOfADataByteWithCalldataAndWithBlobs() public {
        _price(40e6, 30 gwei, 0, 2 gwei); // a byte of calldata is 40 gas
        vm.assertEq(oracle.dataBytePrice(), 1200 gwei);
        vm.assertEq(oracle.dataFeeFloor(), 7.5 gwei);
        vm.assertEq(oracle.dataShare(new bytes(42)), 110 * 1200 gwei);
        _price(1e6, 3, 1.04e6, 1000);
        vm.assertEq(oracle.dataBytePrice(), 1043);
        vm.assertEq(oracle.dataFeeFloor(), 6);
    }

    function test_priceOfDataIsOneFormula(uint32 baseScalar, uint128 baseFee, uint32 blobScalar, uint128 blobFee)
        public
    {
        _price(baseScalar, baseFee, blobScalar, blobFee);
        uint256 price = (uint256(baseScalar) * baseFee + uint256(blobScalar) * blobFee) / 1e6;
        vm.assertEq(oracle.dataBytePrice(), price);
        vm.assertEq(oracle.dataFeeFloor(), price / 160);
    }

    function test_itRepeatsL1BlockAndTheBlock() public {
        _price(1, 2, 3, 4);
        vm.fee(5);
        vm.assertEq(oracle.baseFeeScalar(), 1);
        vm.assertEq(oracle.l1BaseFee(), 2);
        vm.assertEq(oracle.blobBaseFeeScalar(), 3);
        vm.assertEq(oracle.blobBaseFee(), 4);
        vm.assertEq(oracle.gasPrice(), 5);
        vm.assertEq(oracle.baseFee(), 5);
        vm.assertEq(oracle.decimals(), 6);
        vm.assertTrue(oracle.isEcotone() && oracle.isFjord());
    }
}

contract Refuser {
    receive() external payable {
        revert("no");
    }
}

contract FeeVaultTest is World {
    function test_feesGoToTheRecipientOnTheParent(uint96 fees) public {
        vm.assume(fees >= MIN_FEE_WITHDRAWAL);
        vm.deal(address(baseVault), fees);
        vm.expectEmit(address(baseVault));
        emit FeeVault.Withdrawal(fees, FEE_RECIPIENT, address(this));
        vm.expectEmit(address(baseVault));
        emit FeeVault.Withdrawal(fees, FEE_RECIPIENT, address(this), FeeVault.WithdrawalNetwork.L1);
        vm.assertEq(baseVault.withdraw(), fees);
        vm.assertEq(address(baseVault).balance, 0);
        vm.assertEq(baseVault.totalProcessed(), fees);

        vm.deal(address(portal), fees);
        vm.assertTrue(_finalizeLast());
        vm.assertEq(FEE_RECIPIENT.balance, fees);
    }

    function test_feesGoToARecipientOnTheChild() public {
        _set(address(tipVault), 3, 1);
        vm.deal(address(tipVault), 2 ether);
        tipVault.withdraw();
        vm.assertEq(FEE_RECIPIENT.balance, 2 ether);
        vm.assertEq(address(passer).balance, 0);
    }

    function test_lessThanTheMinimumStays() public {
        vm.deal(address(tipVault), MIN_FEE_WITHDRAWAL - 1);
        vm.expectRevert("FeeVault: withdrawal amount must be greater than minimum withdrawal amount");
        tipVault.withdraw();
    }

    function test_withoutARecipientFeesStay() public {
        _set(address(tipVault), 1, 0);
        vm.deal(address(tipVault), 2 ether);
        vm.expectRevert(FeeVault.NoRecipient.selector);
        tipVault.withdraw();
    }

    function test_aRecipientThatRefusesGetsThemLater() public {
        _set(address(tipVault), 1, uint160(address(new Refuser())));
        _set(address(tipVault), 3, 1);
        vm.deal(address(tipVault), 2 ether);
        vm.expectRevert("FeeVault: failed to send ETH to L2 fee recipient");
        tipVault.withdraw();
        vm.assertEq(address(tipVault).balance, 2 ether);
    }

    function test_settingsHaveOldAndNewNames() public view {
        (address recipient, uint256 amount, FeeVault.WithdrawalNetwork network) = l1Vault.config();
        vm.assertEq(recipient, l1Vault.RECIPIENT());
        vm.assertEq(recipient, tipVault.l1FeeWallet());
        vm.assertEq(amount, l1Vault.MIN_WITHDRAWAL_AMOUNT());
        vm.assertTrue(network == l1Vault.WITHDRAWAL_NETWORK());
    }
}

contract WETHTest is World {
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);

    function test_etherInAndOut(uint96 amount) public {
        vm.deal(ALICE, amount);
        _as(ALICE);
        (bool success,) = address(weth).call{value: amount}("");
        vm.assertTrue(success);
        vm.assertEq(weth.balanceOf(ALICE), amount);
        vm.assertEq(weth.totalSupply(), amount);
        _as(ALICE);
        weth.withdraw(amount);
        vm.assertEq(ALICE.balance, amount);
        vm.assertEq(weth.totalSupply(), 0);
    }

    function test_nobodySpendsWhatIsNotAllowedOrNotThere() public {
        vm.deal(ALICE, 10);
        _as(ALICE);
        weth.deposit{value: 10}();
        _as(BOB);
        vm.expectRevert(abi.encodeWithSelector(WETH.InsufficientAllowance.selector, BOB, 0, 1));
        weth.transferFrom(ALICE, BOB, 1);
        _as(ALICE);
        weth.approve(BOB, 4);
        _as(BOB);
        weth.transferFrom(ALICE, BOB, 3);
        vm.assertEq(weth.allowance(ALICE, BOB), 1);
        vm.assertEq(weth.balanceOf(BOB), 3);
        _as(BOB);
        vm.expectRevert(abi.encodeWithSelector(WETH.InsufficientBalance.selector, BOB, 3, 4));
        weth.withdraw(4);
        _as(ALICE);
        weth.approve(BOB, type(uint256).max);
        _as(BOB);
        weth.transferFrom(ALICE, BOB, 7);
        vm.assertEq(weth.allowance(ALICE, BOB), type(uint256).max);
    }

    function test_anOwnerThatRefusesEtherKeepsTheToken() public {
        Refuser refuser = new Refuser();
        vm.deal(ALICE, 1);
        _as(ALICE);
        weth.deposit{value: 1}();
        _as(ALICE);
        weth.transfer(address(refuser), 1);
        _as(address(refuser));
        vm.expectRevert(abi.encodeWithSelector(WETH.EtherRefused.selector, address(refuser)));
        weth.withdraw(1);
        vm.assertEq(weth.balanceOf(address(refuser)), 1);
    }
}
