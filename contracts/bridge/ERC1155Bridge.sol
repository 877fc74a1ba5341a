// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IERC1155} from "@openzeppelin/contracts-shanghai/token/ERC1155/IERC1155.sol";
import {IERC1155Receiver} from "@openzeppelin/contracts-shanghai/token/ERC1155/IERC1155Receiver.sol";
import {IERC165} from "@openzeppelin/contracts-shanghai/utils/introspection/IERC165.sol";
import {ERC165Checker} from "@openzeppelin/contracts-shanghai/utils/introspection/ERC165Checker.sol";
import {Bridge} from "./Bridge.sol";
import {IOptimismMintableERC1155} from "./IOptimismMintableERC1155.sol";
import {Senders} from "../l1/Senders.sol";

/// Moves ERC-1155 tokens, several of a collection at a time. See `Bridge` for what it promises. OP has no
/// such bridge; this one is shaped after that for ERC-721.
abstract contract ERC1155Bridge is Bridge, IERC1155Receiver {
    /// Identifiers in one message: what the child can hand out, or hand back, within one deposit's gas.
    uint256 public constant MAX_BATCH = 64;

    /// Gas on the other chain to hand back each identifier, beside RETURN_GAS_LIMIT.
    uint32 internal constant RETURN_GAS_EACH = 80_000;

    /// Slot 1: amounts kept here, by collection of this chain, collection of the other, and identifier.
    mapping(address => mapping(address => mapping(uint256 => uint256))) public deposits;

    event ERC1155BridgeInitiated(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256[] ids,
        uint256[] amounts,
        bytes extraData
    );
    event ERC1155BridgeFinalized(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256[] ids,
        uint256[] amounts,
        bytes extraData
    );
    /// No such pair here, so the tokens go back to `from` on the other chain.
    event ERC1155BridgeReturned(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256[] ids,
        uint256[] amounts,
        bytes extraData
    );

    error NotOtherBridge();
    error NotExternallyOwned();
    /// Not one to MAX_BATCH identifiers, rising, with an amount each.
    error BadBatch();
    /// Tokens come in by the functions of the bridge only: sent here plainly, they would have no owner.
    error NotBridging();

    modifier onlyOtherBridge() {
        if (!_isOtherBridge()) revert NotOtherBridge();
        _;
    }

    /// Sends the caller's tokens to its own address on the other chain. The bridge must be approved.
    function bridgeERC1155(
        address _localToken,
        address _remoteToken,
        uint256 _id,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external {
        if (!Senders.isAccount()) revert NotExternallyOwned();
        _initiate(_localToken, _remoteToken, msg.sender, _one(_id), _one(_amount), _minGasLimit, _extraData);
    }

    /// Sends the caller's tokens to `_to`, which, if it is a contract, must take them (ERC-1155's
    /// onERC1155BatchReceived).
    function bridgeERC1155To(
        address _localToken,
        address _remoteToken,
        address _to,
        uint256 _id,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external {
        _initiate(_localToken, _remoteToken, _to, _one(_id), _one(_amount), _minGasLimit, _extraData);
    }

    /// Sends several identifiers, in rising order.
    function bridgeBatchERC1155To(
        address _localToken,
        address _remoteToken,
        address _to,
        uint256[] calldata _ids,
        uint256[] calldata _amounts,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external {
        _initiate(_localToken, _remoteToken, _to, _ids, _amounts, _minGasLimit, _extraData);
    }

    function finalizeBridgeERC1155(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256[] calldata _ids,
        uint256[] calldata _amounts,
        bytes calldata _extraData
    ) external onlyOtherBridge {
        if (_give(_localToken, _remoteToken, _to, _ids, _amounts)) {
            emit ERC1155BridgeFinalized(_localToken, _remoteToken, _from, _to, _ids, _amounts, _extraData);
        } else {
            emit ERC1155BridgeReturned(_localToken, _remoteToken, _from, _to, _ids, _amounts, _extraData);
            _send(
                abi.encodeCall(this.finalizeReturnERC1155, (_remoteToken, _localToken, _from, _ids, _amounts)),
                0,
                RETURN_GAS_LIMIT + RETURN_GAS_EACH * uint32(_ids.length)
            );
        }
    }

    /// Hands back what the other bridge could not hand out, as StandardBridge.finalizeReturnERC20 does.
    function finalizeReturnERC1155(
        address _localToken,
        address _remoteToken,
        address _from,
        uint256[] calldata _ids,
        uint256[] calldata _amounts
    ) external onlyOtherBridge {
        if (!_give(_localToken, _remoteToken, _from, _ids, _amounts)) {
            revert UnknownPair(_localToken, _remoteToken);
        }
        emit ERC1155BridgeFinalized(_localToken, _remoteToken, _from, _from, _ids, _amounts, "");
    }

    function onERC1155Received(address operator, address, uint256, uint256, bytes calldata)
        external
        view
        returns (bytes4)
    {
        if (operator != address(this)) revert NotBridging();
        return this.onERC1155Received.selector;
    }

    function onERC1155BatchReceived(address operator, address, uint256[] calldata, uint256[] calldata, bytes calldata)
        external
        view
        returns (bytes4)
    {
        if (operator != address(this)) revert NotBridging();
        return this.onERC1155BatchReceived.selector;
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IERC1155Receiver).interfaceId;
    }

    function _initiate(
        address _localToken,
        address _remoteToken,
        address _to,
        uint256[] memory _ids,
        uint256[] memory _amounts,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) private {
        _checkRecipient(_to);
        _take(_localToken, _remoteToken, _ids, _amounts);
        emit ERC1155BridgeInitiated(_localToken, _remoteToken, msg.sender, _to, _ids, _amounts, _extraData);
        _send(
            abi.encodeCall(
                this.finalizeBridgeERC1155, (_remoteToken, _localToken, msg.sender, _to, _ids, _amounts, _extraData)
            ),
            0,
            _minGasLimit
        );
    }

    function _take(address localToken, address remoteToken, uint256[] memory ids, uint256[] memory amounts)
        private
        whileTaking
    {
        if (ids.length == 0 || ids.length > MAX_BATCH || ids.length != amounts.length) revert BadBatch();
        for (uint256 i = 1; i < ids.length; i++) {
            if (ids[i] <= ids[i - 1]) revert BadBatch();
        }
        Custody custody = _custody(localToken, remoteToken);
        if (custody == Custody.WRONG) revert UnknownPair(localToken, remoteToken);
        if (custody == Custody.MINTED) {
            IOptimismMintableERC1155(localToken).burn(msg.sender, ids, amounts);
            return;
        }
        uint256[] memory before = _balances(localToken, ids);
        IERC1155(localToken).safeBatchTransferFrom(msg.sender, address(this), ids, amounts, "");
        uint256[] memory afterwards = _balances(localToken, ids);
        for (uint256 i = 0; i < ids.length; i++) {
            if (afterwards[i] != before[i] + amounts[i]) revert InexactTransfer(localToken, amounts[i]);
            deposits[localToken][remoteToken][ids[i]] += amounts[i];
        }
    }

    /// Whether the pair exists here, in which case the tokens have been handed out.
    function _give(address localToken, address remoteToken, address to, uint256[] memory ids, uint256[] memory amounts)
        private
        returns (bool)
    {
        Custody custody = _custody(localToken, remoteToken);
        if (custody == Custody.WRONG) return false;
        if (custody == Custody.MINTED) {
            IOptimismMintableERC1155(localToken).mint(to, ids, amounts);
            return true;
        }
        mapping(uint256 => uint256) storage kept = deposits[localToken][remoteToken];
        for (uint256 i = 0; i < ids.length; i++) {
            if (kept[ids[i]] < amounts[i]) return false; // all or nothing: no identifier is there twice
        }
        for (uint256 i = 0; i < ids.length; i++) {
            kept[ids[i]] -= amounts[i];
        }
        uint256[] memory before = _balances(localToken, ids);
        IERC1155(localToken).safeBatchTransferFrom(address(this), to, ids, amounts, "");
        uint256[] memory afterwards = _balances(localToken, ids);
        for (uint256 i = 0; i < ids.length; i++) {
            if (afterwards[i] + amounts[i] < before[i]) revert InexactTransfer(localToken, amounts[i]);
        }
        return true;
    }

    function _isImage(address token) internal view override returns (bool) {
        return ERC165Checker.supportsInterface(token, type(IOptimismMintableERC1155).interfaceId);
    }

    function _balances(address token, uint256[] memory ids) private view returns (uint256[] memory balances) {
        balances = new uint256[](ids.length);
        for (uint256 i = 0; i < ids.length; i++) {
            balances[i] = IERC1155(token).balanceOf(address(this), ids[i]);
        }
    }

    function _one(uint256 x) private pure returns (uint256[] memory array) {
        array = new uint256[](1);
        array[0] = x;
    }
}
