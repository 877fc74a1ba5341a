// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {CrossDomainMessenger} from "./CrossDomainMessenger.sol";

/// What images of all kinds of token tell.
interface IImage {
    function remoteToken() external view returns (address);

    function bridge() external view returns (address);
}

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

    /// What a token of this chain is to the bridge, given the token of the other chain it is paired with.
    enum Custody {
        KEPT, // at home here: kept while it is on the other chain
        MINTED, // our image of that token: minted and burnt
        WRONG // our image of another token
    }

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

    /// Whatever the token answers, it decides about its own pairs only. The image that another bridge
    /// mints is a token like any other: so a token that came to an L2 can go on to an L3.
    function _custody(address localToken, address remoteToken) internal view returns (Custody) {
        if (!_isImage(localToken) || IImage(localToken).bridge() != address(this)) return Custody.KEPT;
        return IImage(localToken).remoteToken() == remoteToken ? Custody.MINTED : Custody.WRONG;
    }

    /// Whether `token` says, by ERC-165, that it is some bridge's image.
    function _isImage(address token) internal view virtual returns (bool);

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
