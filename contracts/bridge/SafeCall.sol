// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// Calls to code that may be hostile.
library SafeCall {
    /// What a CALL can cost at most besides the gas that it hands over (cold account 2,600, value 9,000,
    /// new account 25,000), and 3,400 to spare.
    uint256 internal constant CALL_OVERHEAD = 40_000;

    /// Calls without copying what comes back: a huge answer would be paid by the caller's own gas.
    function call(address target, uint256 gas_, uint256 value, bytes memory data) internal returns (bool success) {
        assembly ("memory-safe") {
            success := call(gas_, target, value, add(data, 32), mload(data), 0, 0)
        }
    }

    /// Whether a call made now is sure to get `minGas`, with `reserved` left over for the caller. At
    /// most 63/64 of the gas at hand can be handed over (EIP-150), hence, over a common denominator,
    ///     gas * 63 >= minGas * 64 + (CALL_OVERHEAD + reserved) * 63
    /// Source: OP's SafeCall.hasMinGas.
    function hasMinGas(uint256 minGas, uint256 reserved) internal view returns (bool) {
        return gasleft() * 63 >= minGas * 64 + (CALL_OVERHEAD + reserved) * 63;
    }
}
