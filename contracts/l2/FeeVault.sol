// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {L2ToL1MessagePasser} from "./L2ToL1MessagePasser.sol";
import {Predeploys} from "./Predeploys.sol";

/// Collects one kind of fee. Fees are never burnt, so that the parent's escrow stays equal to the
/// child's supply, the withdrawals in flight and the vaults together. Anyone may send what is here on
/// to the recipient, which genesis sets once and nobody changes. Source: OP specification, predeploys.md.
abstract contract FeeVault {
    /// Which chain the recipient is paid on.
    enum WithdrawalNetwork {
        L1,
        L2
    }

    /// Gas for the recipient's code on the parent. OP's figure: enough for a multi-signature wallet.
    uint32 internal constant WITHDRAWAL_MIN_GAS = 400_000;

    /// Slot 0: wei sent on, ever.
    uint256 public totalProcessed;
    /// Slot 1: who is paid. Genesis sets it.
    address public recipient;
    /// Slot 2: the balance, in wei, from which on a withdrawal is worth its proof. Genesis sets it.
    uint256 public minWithdrawalAmount;
    /// Slot 3: where the recipient is paid, 0 on the parent, 1 here. Genesis sets it.
    WithdrawalNetwork public withdrawalNetwork;

    event Withdrawal(uint256 value, address to, address from);
    event Withdrawal(uint256 value, address to, address from, WithdrawalNetwork withdrawalNetwork);

    error NoRecipient();

    /// Base fees and tips arrive without a call; this is for gifts.
    receive() external payable {}

    /// Sends the whole balance to the recipient.
    function withdraw() external returns (uint256 value_) {
        value_ = address(this).balance;
        require(
            value_ >= minWithdrawalAmount, "FeeVault: withdrawal amount must be greater than minimum withdrawal amount"
        );
        if (recipient == address(0)) revert NoRecipient();
        totalProcessed += value_;
        emit Withdrawal(value_, recipient, msg.sender);
        emit Withdrawal(value_, recipient, msg.sender, withdrawalNetwork);
        if (withdrawalNetwork == WithdrawalNetwork.L2) {
            (bool success,) = recipient.call{value: value_}("");
            require(success, "FeeVault: failed to send ETH to L2 fee recipient");
        } else {
            L2ToL1MessagePasser(payable(Predeploys.L2_TO_L1_MESSAGE_PASSER)).initiateWithdrawal{value: value_}(
                recipient, WITHDRAWAL_MIN_GAS, ""
            );
        }
    }

    function config() external view returns (address recipient_, uint256 amount_, WithdrawalNetwork network_) {
        return (recipient, minWithdrawalAmount, withdrawalNetwork);
    }

    /// OP's older names of the three settings.
    function RECIPIENT() external view returns (address) {
        return recipient;
    }

    function MIN_WITHDRAWAL_AMOUNT() external view returns (uint256) {
        return minWithdrawalAmount;
    }

    function WITHDRAWAL_NETWORK() external view returns (WithdrawalNetwork) {
        return withdrawalNetwork;
    }
}
