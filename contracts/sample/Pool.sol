// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// A constant-product pool of two tokens, for the benchmark's swaps: the same reads, writes and calls
/// as a Uniswap v2 pair makes for a swap, without its liquidity shares.
contract Pool {
    event Swap(address indexed who, bool zeroForOne, uint256 amountIn, uint256 amountOut);

    IERC20 public immutable token0;
    IERC20 public immutable token1;
    uint112 private reserve0;
    uint112 private reserve1;
    uint32 private updated;
    uint256 public priceSum0;
    uint256 public priceSum1;

    constructor(IERC20 a, IERC20 b) {
        token0 = a;
        token1 = b;
    }

    /// Takes what the pool holds as its reserves.
    function sync() external {
        _update(token0.balanceOf(address(this)), token1.balanceOf(address(this)));
    }

    function swap(uint256 amountIn, bool zeroForOne) external returns (uint256 amountOut) {
        (uint256 r0, uint256 r1) = (reserve0, reserve1);
        (IERC20 from, IERC20 to) = zeroForOne ? (token0, token1) : (token1, token0);
        uint256 withFee = amountIn * 997;
        amountOut = zeroForOne
            ? (withFee * r1) / (r0 * 1000 + withFee)
            : (withFee * r0) / (r1 * 1000 + withFee);
        from.transferFrom(msg.sender, address(this), amountIn);
        to.transfer(msg.sender, amountOut);
        _update(token0.balanceOf(address(this)), token1.balanceOf(address(this)));
        emit Swap(msg.sender, zeroForOne, amountIn, amountOut);
    }

    function _update(uint256 balance0, uint256 balance1) private {
        unchecked {
            uint32 elapsed = uint32(block.timestamp) - updated;
            if (elapsed > 0 && reserve0 > 0 && reserve1 > 0) {
                priceSum0 += (uint256(reserve1) << 112) / reserve0 * elapsed;
                priceSum1 += (uint256(reserve0) << 112) / reserve1 * elapsed;
            }
        }
        reserve0 = uint112(balance0);
        reserve1 = uint112(balance1);
        updated = uint32(block.timestamp);
    }
}
