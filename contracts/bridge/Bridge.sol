// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {CrossDomainMessenger} from "./CrossDomainMessenger.sol";

/// What the bridges of all kinds of token share: a messenger here, a twin there, and a lock.
///
/// A bridge keeps (escrows) tokens that are at home on its own chain, and mints and burns the images
/// of those that are at home on the other. For each pair of tokens what one side keeps is what the
/// other has minted and what is in flight, whatever tokens, receivers and relayers do.
///
/// What arrives for a pair that does not exist here is sent back: only this side can know, and on the
/// other side the tokens are already locked. Anything else that fails reverts, and then the messenger
/// holds the message until someone's replay succeeds. Being sent back depends on nothing that a
/// relayer chooses: with too little gas to tell what a token is, none is left to send it back.
abstract contract Bridge {
    /// Gas on the other chain to hand back what was sent in vain, apart from the relay itself.
    uint32 internal constant RETURN_GAS_LIMIT = 300_000;

    /// Slot 0. One while tokens are being taken in. A token that calls its sender first could otherwise
    /// be taken twice within one transfer.
    uint256 private _taking;

    error Reentered();
    error ZeroRecipient();
    error UnsafeRecipient(address recipient);
    /// The token moved another amount than it was told to: it takes a fee, rebases, or lies.
    error InexactTransfer(address token, uint256 amount);
    /// What came back fits no pair here.
    error UnknownPair(address localToken, address remoteToken);

    modifier whileTaking() {
        if (_taking != 0) revert Reentered();
        _taking = 1;
        _;
        _taking = 0;
    }

    /// The messenger on this chain.
    function messenger() public view virtual returns (CrossDomainMessenger);

    /// The same bridge on the other chain.
    function otherBridge() public view virtual returns (address);

    function MESSENGER() external view returns (CrossDomainMessenger) {
        return messenger();
    }

    function OTHER_BRIDGE() external view returns (address) {
        return otherBridge();
    }

    /// Nothing here can be paused.
    function paused() external pure returns (bool) {
        return false;
    }

    function _isOtherBridge() internal view returns (bool) {
        CrossDomainMessenger m = messenger();
        return msg.sender == address(m) && m.xDomainMessageSender() == otherBridge();
    }

    /// Sends a call and ether to the other bridge.
    function _send(bytes memory call, uint256 value, uint32 minGasLimit) internal {
        messenger().sendMessage{value: value}(otherBridge(), call, minGasLimit);
    }

    /// Refuses recipients that could never be paid on the other chain.
    function _checkRecipient(address to) internal view {
        if (to == address(0)) revert ZeroRecipient();
        if (to == otherBridge() || to == messenger().otherMessenger()) revert UnsafeRecipient(to);
    }
}
