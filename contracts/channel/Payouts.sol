// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts-shanghai/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts-shanghai/token/ERC20/utils/SafeERC20.sol";

/// @title Money in and out
/// @notice A payout never fails: what its recipient or the token refuses becomes a credit, to be collected
///         to any address. So nobody can hold up a close by refusing its own share of it.
/// @dev Callers have written all state before they move money, so recipients and tokens may call back in.
abstract contract Payouts {
    using SafeERC20 for IERC20;

    /// The most gas that a recipient or a token gets. It may all be wasted, at the caller's cost.
    uint256 internal constant PUSH_GAS = 200_000;

    /// By asset (zero for ether) and account.
    mapping(address => mapping(address => uint256)) public credits;

    event Credited(address indexed asset, address indexed account, uint256 amount);
    event Collected(address indexed asset, address indexed account, address to, uint256 amount);

    error NothingToCollect();
    error NotEnoughGas();
    error WrongAmount(uint256 arrived);
    error TransferFailed();

    /// Pays the caller's credit to `to`.
    function collect(address asset, address to) external {
        uint256 amount = credits[asset][msg.sender];
        if (amount == 0) revert NothingToCollect();
        credits[asset][msg.sender] = 0;
        emit Collected(asset, msg.sender, to, amount);
        if (!_send(asset, to, amount, gasleft())) revert TransferFailed();
    }

    /// Takes `amount` from the caller. A token that delivers another amount is refused: a fee on transfer
    /// would be paid from other channels' deposits.
    function _pull(address asset, uint256 amount) internal {
        if (asset == address(0)) {
            if (msg.value != amount) revert WrongAmount(msg.value);
            return;
        }
        if (msg.value != 0) revert WrongAmount(msg.value);
        uint256 before = IERC20(asset).balanceOf(address(this));
        IERC20(asset).safeTransferFrom(msg.sender, address(this), amount);
        uint256 arrived = IERC20(asset).balanceOf(address(this)) - before;
        if (arrived != amount) revert WrongAmount(arrived);
    }

    /// Pays, or credits. Whoever calls cannot make a payment fail by a low gas limit: at most 63/64 of
    /// the gas at hand can be handed over (EIP-150), and with less than what makes PUSH_GAS a failure
    /// proves nothing.
    function _push(address asset, address to, uint256 amount) internal {
        if (amount == 0) return;
        uint256 gas_ = gasleft();
        if (_send(asset, to, amount, PUSH_GAS)) return;
        if (gas_ < (PUSH_GAS * 64) / 63 + 40_000) revert NotEnoughGas(); // 40,000: the call's own cost, at most
        credits[asset][to] += amount;
        emit Credited(asset, to, amount);
    }

    /// Copies at most one word of what comes back: a huge answer would be paid by the caller's gas.
    function _send(address asset, address to, uint256 amount, uint256 gas_) private returns (bool success) {
        if (asset == address(0)) {
            assembly ("memory-safe") {
                success := call(gas_, to, amount, 0, 0, 0, 0)
            }
            return success;
        }
        bytes memory data = abi.encodeCall(IERC20.transfer, (to, amount));
        assembly ("memory-safe") {
            success := call(gas_, asset, 0, add(data, 32), mload(data), 0, 32)
            // No answer, from code, or true: as OpenZeppelin's SafeERC20.
            switch returndatasize()
            case 0 { success := and(success, gt(extcodesize(asset), 0)) }
            default { success := and(success, and(gt(returndatasize(), 31), eq(mload(0), 1))) }
        }
    }
}
