// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {L1Block} from "./L1Block.sol";
import {Predeploys} from "./Predeploys.sol";

/// Answers what clients ask before they pay. OP's rollups charge the parent's data beside the gas;
/// here that cost is inside the gas price, so every question about a fee on top has the answer zero,
/// and a client that adds it up (gas, times price, plus the answers below) arrives at what it pays.
/// Three views of ours tell which part of the price the parent's data is.
/// @custom:predeploy 0x420000000000000000000000000000000000000F
contract GasPriceOracle {
    /// Of the scalars.
    uint256 public constant DECIMALS = 6;

    string public constant version = "1.4.0+varve.1";

    /// Clients choose their formula by these.
    bool public constant isEcotone = true;
    bool public constant isFjord = true;
    bool public constant isIsthmus = true;

    /// The gas of the child that carries one non-zero byte of calldata (the child's EIP-7623 floor), and
    /// so the gas among which the price of one byte on the parent is shared out.
    uint256 internal constant GAS_PER_DATA_BYTE = 160;

    /// What a signature adds to an unsigned transaction; OP's figure.
    uint256 internal constant SIGNATURE_SIZE = 68;

    L1Block internal constant L1_BLOCK = L1Block(Predeploys.L1_BLOCK_ATTRIBUTES);

    /// Wei to pay beside the gas: none.
    function getL1Fee(bytes memory) external pure returns (uint256) {
        return 0;
    }

    function getL1FeeUpperBound(uint256) external pure returns (uint256) {
        return 0;
    }

    function getOperatorFee(uint256) external pure returns (uint256) {
        return 0;
    }

    /// Gas of the parent to pay for beside the gas of the child: none. Clients add it to the estimate.
    function getL1GasUsed(bytes memory) external pure returns (uint256) {
        return 0;
    }

    /// Wei that a byte of data costs on the parent, compressed or not.
    function dataBytePrice() public view returns (uint256) {
        return (L1_BLOCK.baseFeeScalar() * L1_BLOCK.basefee() + L1_BLOCK.blobBaseFeeScalar() * L1_BLOCK.blobBaseFee())
            / 10 ** DECIMALS;
    }

    /// The base fee, in wei, below which the child's never falls, because of the parent's data.
    function dataFeeFloor() external view returns (uint256) {
        return dataBytePrice() / GAS_PER_DATA_BYTE;
    }

    /// Wei that the bytes of an unsigned transaction, its signature to come, cost on the parent: at
    /// most this much of its fee pays for data. It is part of the fee, nothing to add to it.
    function dataShare(bytes memory transaction) external view returns (uint256) {
        return (transaction.length + SIGNATURE_SIZE) * dataBytePrice();
    }

    function gasPrice() external view returns (uint256) {
        return block.basefee;
    }

    function baseFee() external view returns (uint256) {
        return block.basefee;
    }

    function l1BaseFee() external view returns (uint256) {
        return L1_BLOCK.basefee();
    }

    function blobBaseFee() external view returns (uint256) {
        return L1_BLOCK.blobBaseFee();
    }

    function baseFeeScalar() external view returns (uint32) {
        return L1_BLOCK.baseFeeScalar();
    }

    function blobBaseFeeScalar() external view returns (uint32) {
        return L1_BLOCK.blobBaseFeeScalar();
    }

    function decimals() external pure returns (uint256) {
        return DECIMALS;
    }
}
