// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The price of child gas bought on the parent
/// @notice The child executes forced work without asking for payment, so it is paid for here: by EIP-1559's
///         rule over the gas that each parent block has bought, as gas burnt on the parent. Whoever fills
///         the queue raises the price by 37.5 % a block and soon cannot buy more than a parent block can
///         burn, so that others get in.
/// @dev OP specs, protocol/guaranteed-gas-market.md. Differences: the target is 5 M instead of 2 M gas, and
///      the parameters are constants.
abstract contract ResourceMetering {
    struct ResourceParams {
        uint128 prevBaseFee;
        uint64 prevBoughtGas;
        uint64 prevBlockNum;
    }

    uint64 internal constant RESOURCE_LIMIT = 20_000_000;
    uint64 internal constant RESOURCE_TARGET = 5_000_000;
    uint256 private constant CHANGE_DENOMINATOR = 8;
    uint256 private constant MINIMUM_BASE_FEE = 1 gwei;

    /// As of the last block that bought gas.
    ResourceParams internal _params;

    /// More than burning takes beyond the cost, and what comes after it: the portal's event.
    uint256 private constant AFTER_GAS = 15_000;

    /// The parent block has no child gas left to sell.
    error OutOfGas();
    /// A call comes with gas for the dearest case, and is charged for its own.
    error NotEnoughGas();

    constructor() {
        _params = ResourceParams(uint128(MINIMUM_BASE_FEE), 0, uint64(block.number));
    }

    /// Buys `amount` of child gas; the gas that the function itself uses counts towards the price.
    modifier metered(uint64 amount) {
        uint256 initialGas = gasleft();
        _;
        _buy(amount, initialGas);
    }

    function _buy(uint64 amount, uint256 initialGas) private {
        ResourceParams memory p = _params;
        if (block.number != p.prevBlockNum) p = ResourceParams(_baseFee(p), 0, uint64(block.number));
        p.prevBoughtGas += amount;
        if (p.prevBoughtGas > RESOURCE_LIMIT) revert OutOfGas();
        _params = p;

        // The price is in wei and what can be burnt is gas, so wei are divided by the parent's gas price.
        // Below 1 gwei that is taken as 1 gwei, as OP does, lest quiet parents ask for absurd amounts.
        uint256 parentPrice = block.basefee > 1 gwei ? block.basefee : 1 gwei;
        uint256 cost = uint256(amount) * p.prevBaseFee / parentPrice;
        // Wallets send what they estimated, to the unit, and it ends in steps: so what is needed is a bit more.
        if (initialGas < cost + AFTER_GAS) revert NotEnoughGas();
        while (initialGas - gasleft() < cost) {} // burns it
    }

    /// The base fee now, given that of an earlier block, what that block bought, and that none bought since.
    function _baseFee(ResourceParams memory p) private view returns (uint128) {
        uint256 fee = p.prevBaseFee;
        if (p.prevBoughtGas > RESOURCE_TARGET) {
            fee += fee * (p.prevBoughtGas - RESOURCE_TARGET) / RESOURCE_TARGET / CHANGE_DENOMINATOR;
        } else {
            fee -= fee * (RESOURCE_TARGET - p.prevBoughtGas) / RESOURCE_TARGET / CHANGE_DENOMINATOR;
        }
        // From the highest price that anybody could have paid, some hundred blocks lead to the minimum.
        uint256 empty = block.number - p.prevBlockNum - 1;
        unchecked {
            for (; empty > 0 && fee > MINIMUM_BASE_FEE; empty--) fee -= fee / CHANGE_DENOMINATOR;
        }
        if (fee < MINIMUM_BASE_FEE) fee = MINIMUM_BASE_FEE;
        if (fee > type(uint128).max) fee = type(uint128).max;
        return uint128(fee);
    }
}
