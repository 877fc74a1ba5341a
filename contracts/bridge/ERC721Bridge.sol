// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IERC721} from "@openzeppelin/contracts-shanghai/token/ERC721/IERC721.sol";
import {ERC165Checker} from "@openzeppelin/contracts-shanghai/utils/introspection/ERC165Checker.sol";
import {Bridge} from "./Bridge.sol";
import {IOptimismMintableERC721} from "./IOptimismMintableERC721.sol";
import {Senders} from "../l1/Senders.sol";

/// Moves ERC-721 tokens. See `Bridge` for what it promises. OP's moves collections of the parent only;
/// here those of the child go the other way by the same code.
abstract contract ERC721Bridge is Bridge {
    /// Slot 1: tokens kept here, by collection of this chain, collection of the other, and identifier.
    mapping(address => mapping(address => mapping(uint256 => bool))) public deposits;

    event ERC721BridgeInitiated(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 tokenId,
        bytes extraData
    );
    event ERC721BridgeFinalized(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 tokenId,
        bytes extraData
    );
    /// Ours: no such pair here, so the token goes back to `from` on the other chain.
    event ERC721BridgeReturned(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 tokenId,
        bytes extraData
    );

    /// The collection says that the token was moved, but it is not here; or it has been here all along.
    error NotReceived(address token, uint256 tokenId);

    modifier onlyOtherBridge() {
        require(_isOtherBridge(), "ERC721Bridge: function can only be called from the other bridge");
        _;
    }

    /// Sends the caller's token to its own address on the other chain.
    function bridgeERC721(
        address _localToken,
        address _remoteToken,
        uint256 _tokenId,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external {
        require(Senders.isAccount(), "ERC721Bridge: account is not externally owned");
        _initiateBridgeERC721(_localToken, _remoteToken, msg.sender, _tokenId, _minGasLimit, _extraData);
    }

    /// Sends the caller's token to `_to`, which, if it is a contract, must take it (ERC-721's
    /// onERC721Received).
    function bridgeERC721To(
        address _localToken,
        address _remoteToken,
        address _to,
        uint256 _tokenId,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external {
        _initiateBridgeERC721(_localToken, _remoteToken, _to, _tokenId, _minGasLimit, _extraData);
    }

    function finalizeBridgeERC721(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _tokenId,
        bytes calldata _extraData
    ) external onlyOtherBridge {
        if (_give(_localToken, _remoteToken, _to, _tokenId)) {
            emit ERC721BridgeFinalized(_localToken, _remoteToken, _from, _to, _tokenId, _extraData);
        } else {
            emit ERC721BridgeReturned(_localToken, _remoteToken, _from, _to, _tokenId, _extraData);
            _send(
                abi.encodeCall(this.finalizeReturnERC721, (_remoteToken, _localToken, _from, _tokenId)),
                0,
                RETURN_GAS_LIMIT
            );
        }
    }

    /// Hands back what the other bridge could not hand out, as StandardBridge.finalizeReturnERC20 does.
    function finalizeReturnERC721(address _localToken, address _remoteToken, address _from, uint256 _tokenId)
        external
        onlyOtherBridge
    {
        if (!_give(_localToken, _remoteToken, _from, _tokenId)) revert UnknownPair(_localToken, _remoteToken);
        emit ERC721BridgeFinalized(_localToken, _remoteToken, _from, _from, _tokenId, "");
    }

    function _initiateBridgeERC721(
        address _localToken,
        address _remoteToken,
        address _to,
        uint256 _tokenId,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) private {
        _checkRecipient(_to);
        _take(_localToken, _remoteToken, _tokenId);
        emit ERC721BridgeInitiated(_localToken, _remoteToken, msg.sender, _to, _tokenId, _extraData);
        _send(
            abi.encodeCall(
                this.finalizeBridgeERC721, (_remoteToken, _localToken, msg.sender, _to, _tokenId, _extraData)
            ),
            0,
            _minGasLimit
        );
    }

    function _take(address localToken, address remoteToken, uint256 tokenId) private whileTaking {
        Custody custody = _custody(localToken, remoteToken);
        if (custody == Custody.WRONG) revert UnknownPair(localToken, remoteToken);
        if (custody == Custody.MINTED) {
            IOptimismMintableERC721 image = IOptimismMintableERC721(localToken);
            // Burning asks nobody.
            require(
                image.ownerOf(tokenId) == msg.sender, "ERC721Bridge: withdrawal is not being initiated by NFT owner"
            );
            image.burn(msg.sender, tokenId);
            return;
        }
        if (deposits[localToken][remoteToken][tokenId]) revert NotReceived(localToken, tokenId);
        deposits[localToken][remoteToken][tokenId] = true;
        IERC721(localToken).transferFrom(msg.sender, address(this), tokenId);
        if (IERC721(localToken).ownerOf(tokenId) != address(this)) revert NotReceived(localToken, tokenId);
    }

    /// Whether the pair exists here, in which case the token has been handed out.
    function _give(address localToken, address remoteToken, address to, uint256 tokenId) private returns (bool) {
        Custody custody = _custody(localToken, remoteToken);
        if (custody == Custody.WRONG) return false;
        if (custody == Custody.MINTED) {
            IOptimismMintableERC721(localToken).safeMint(to, tokenId);
            return true;
        }
        if (!deposits[localToken][remoteToken][tokenId]) return false;
        deposits[localToken][remoteToken][tokenId] = false;
        IERC721(localToken).safeTransferFrom(address(this), to, tokenId);
        return true;
    }

    function _isImage(address token) internal view override returns (bool) {
        return ERC165Checker.supportsInterface(token, type(IOptimismMintableERC721).interfaceId);
    }
}
