// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts-shanghai/utils/cryptography/EIP712.sol";
import {Digests} from "./Digests.sol";
import {Channel, Signature, SignedHalf} from "./Types.sol";

/// @title Who signed what
abstract contract Signatures is EIP712 {
    /// Of the two values of s that sign the same, the smaller one is valid (EIP-2).
    bytes32 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    error BadSignature(address signer);

    constructor() EIP712("varve channel", "1") {}

    /// The struct hash of a half that its payer signed, or zero if there is none.
    function _checkHalf(bytes32 id, uint8 side, uint64 epoch, SignedHalf calldata half, address payer)
        internal
        view
        returns (bytes32 hash)
    {
        if (half.seq == 0) return 0;
        hash = Digests.half(id, side, epoch, half);
        _checkSignature(payer, _hashTypedDataV4(hash), half.payer);
    }

    function _checkBoth(Channel calldata c, bytes32 hash, Signature calldata a, Signature calldata b) internal view {
        bytes32 digest = _hashTypedDataV4(hash);
        _checkSignature(c.a, digest, a);
        _checkSignature(c.b, digest, b);
    }

    /// Compact, low s; a signature that recovers to nobody is nobody's, whatever the key.
    function _checkSignature(address signer, bytes32 digest, Signature calldata signature) internal pure {
        bytes32 s = signature.vs & bytes32(type(uint256).max >> 1);
        address recovered = ecrecover(digest, uint8(27 + (uint256(signature.vs) >> 255)), signature.r, s);
        if (recovered != signer || recovered == address(0) || s > HALF_ORDER) revert BadSignature(signer);
    }
}
