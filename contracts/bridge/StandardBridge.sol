// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IERC20} from "@openzeppelin/contracts-shanghai/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts-shanghai/token/ERC20/utils/SafeERC20.sol";
import {ERC165Checker} from "@openzeppelin/contracts-shanghai/utils/introspection/ERC165Checker.sol";
import {Bridge} from "./Bridge.sol";
import {IOptimismMintableERC20} from "./IOptimismMintableERC20.sol";
import {SafeCall} from "./SafeCall.sol";
import {Senders} from "../l1/Senders.sol";

/// Moves ether and ERC-20 tokens. See `Bridge` for what it promises.
///
/// The amount credited is the amount that arrived: a token that moves another amount than it was told
/// to (a fee on transfer, a balance that rebases meanwhile) is refused where it is taken in. When it
/// is handed out, it must not take more from the escrow than it was told to, which belongs to others;
/// a fee that then falls on the recipient is between the two.
/// Source: OP specification, bridges.md.
abstract contract StandardBridge is Bridge {
    using SafeERC20 for IERC20;

    /// Gas on the other chain for ether sent here without a call.
    uint32 internal constant RECEIVE_DEFAULT_GAS_LIMIT = 200_000;

    /// Slot 1: tokens kept here, by token of this chain and token of the other.
    mapping(address => mapping(address => uint256)) public deposits;

    event ETHBridgeInitiated(address indexed from, address indexed to, uint256 amount, bytes extraData);
    event ETHBridgeFinalized(address indexed from, address indexed to, uint256 amount, bytes extraData);
    event ERC20BridgeInitiated(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );
    event ERC20BridgeFinalized(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );
    /// Ours: no such pair here, so the tokens go back to `from` on the other chain.
    event ERC20BridgeReturned(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// For functions that pay the caller's own address on the other chain, where a contract's may have
    /// another owner, or none.
    modifier onlyEOA() {
        require(Senders.isAccount(), "StandardBridge: function can only be called from an EOA");
        _;
    }

    modifier onlyOtherBridge() {
        require(_isOtherBridge(), "StandardBridge: function can only be called from the other bridge");
        _;
    }

    /// Ether sent here goes to the sender's own address on the other chain.
    receive() external payable onlyEOA {
        _initiateBridgeETH(msg.sender, msg.sender, msg.value, RECEIVE_DEFAULT_GAS_LIMIT, "");
    }

    /// Sends the attached ether to the caller's own address. `_extraData` is for events only.
    function bridgeETH(uint32 _minGasLimit, bytes calldata _extraData) external payable onlyEOA {
        _initiateBridgeETH(msg.sender, msg.sender, msg.value, _minGasLimit, _extraData);
    }

    /// Sends the attached ether to `_to`, whose code, if any, gets `_minGasLimit` at least. If it refuses
    /// the ether, that waits in the messenger until a replay finds it willing.
    function bridgeETHTo(address _to, uint32 _minGasLimit, bytes calldata _extraData) external payable {
        _initiateBridgeETH(msg.sender, _to, msg.value, _minGasLimit, _extraData);
    }

    function bridgeERC20(
        address _localToken,
        address _remoteToken,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external onlyEOA {
        _initiateBridgeERC20(_localToken, _remoteToken, msg.sender, msg.sender, _amount, _minGasLimit, _extraData);
    }

    function bridgeERC20To(
        address _localToken,
        address _remoteToken,
        address _to,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external {
        _initiateBridgeERC20(_localToken, _remoteToken, msg.sender, _to, _amount, _minGasLimit, _extraData);
    }

    function finalizeBridgeETH(address _from, address _to, uint256 _amount, bytes calldata _extraData)
        public
        payable
        onlyOtherBridge
    {
        require(msg.value == _amount, "StandardBridge: amount sent does not match amount required");
        // The other bridge refuses these two as recipients.
        require(_to != address(this), "StandardBridge: cannot send to self");
        require(_to != address(messenger()), "StandardBridge: cannot send to messenger");
        _emitETHBridgeFinalized(_from, _to, _amount, _extraData);
        require(SafeCall.call(_to, gasleft(), _amount, ""), "StandardBridge: ETH transfer failed");
    }

    function finalizeBridgeERC20(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _amount,
        bytes calldata _extraData
    ) public onlyOtherBridge {
        if (_give(_localToken, _remoteToken, _to, _amount)) {
            _emitERC20BridgeFinalized(_localToken, _remoteToken, _from, _to, _amount, _extraData);
        } else {
            emit ERC20BridgeReturned(_localToken, _remoteToken, _from, _to, _amount, _extraData);
            // Without the extra data, which may be more than a message this way can carry.
            _send(
                abi.encodeCall(this.finalizeReturnERC20, (_remoteToken, _localToken, _from, _amount)),
                0,
                RETURN_GAS_LIMIT
            );
        }
    }

    /// Hands back what the other bridge could not hand out, to the account that had sent it. Never sends
    /// it on again: a token that has changed sides meanwhile must not make the message go round for ever.
    function finalizeReturnERC20(address _localToken, address _remoteToken, address _from, uint256 _amount)
        external
        onlyOtherBridge
    {
        if (!_give(_localToken, _remoteToken, _from, _amount)) revert UnknownPair(_localToken, _remoteToken);
        _emitERC20BridgeFinalized(_localToken, _remoteToken, _from, _from, _amount, "");
    }

    function _initiateBridgeETH(
        address _from,
        address _to,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes memory _extraData
    ) internal {
        require(msg.value == _amount, "StandardBridge: bridging ETH must include sufficient ETH value");
        _checkRecipient(_to);
        _emitETHBridgeInitiated(_from, _to, _amount, _extraData);
        _send(abi.encodeCall(this.finalizeBridgeETH, (_from, _to, _amount, _extraData)), _amount, _minGasLimit);
    }

    function _initiateBridgeERC20(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes memory _extraData
    ) internal {
        require(msg.value == 0, "StandardBridge: cannot send value");
        _checkRecipient(_to);
        _take(_localToken, _remoteToken, _from, _amount);
        _emitERC20BridgeInitiated(_localToken, _remoteToken, _from, _to, _amount, _extraData);
        // There, the remote token is the local one.
        _send(
            abi.encodeCall(this.finalizeBridgeERC20, (_remoteToken, _localToken, _from, _to, _amount, _extraData)),
            0,
            _minGasLimit
        );
    }

    function _take(address localToken, address remoteToken, address from, uint256 amount) private whileTaking {
        Custody custody = _custody(localToken, remoteToken);
        require(custody != Custody.WRONG, "StandardBridge: wrong remote token for Optimism Mintable ERC20 local token");
        if (custody == Custody.MINTED) {
            IOptimismMintableERC20(localToken).burn(from, amount);
            return;
        }
        IERC20 token = IERC20(localToken);
        token.allowance(from, address(this)); // an ERC-721 has none: its token 1 is not one unit of an ERC-20
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(from, address(this), amount);
        if (token.balanceOf(address(this)) != before + amount) revert InexactTransfer(localToken, amount);
        deposits[localToken][remoteToken] += amount;
    }

    /// Whether the pair exists here, in which case the tokens have been handed out.
    function _give(address localToken, address remoteToken, address to, uint256 amount) private returns (bool) {
        Custody custody = _custody(localToken, remoteToken);
        if (custody == Custody.WRONG) return false;
        if (custody == Custody.MINTED) {
            IOptimismMintableERC20(localToken).mint(to, amount);
            return true;
        }
        uint256 kept = deposits[localToken][remoteToken];
        if (kept < amount) return false;
        deposits[localToken][remoteToken] = kept - amount;
        IERC20 token = IERC20(localToken);
        uint256 before = token.balanceOf(address(this));
        token.safeTransfer(to, amount);
        if (token.balanceOf(address(this)) + amount < before) revert InexactTransfer(localToken, amount);
        return true;
    }

    function _isImage(address token) internal view override returns (bool) {
        return ERC165Checker.supportsInterface(token, type(IOptimismMintableERC20).interfaceId);
    }

    // The bridges add to these the events which they had before OP's Bedrock, and which explorers read.

    function _emitETHBridgeInitiated(address _from, address _to, uint256 _amount, bytes memory _extraData)
        internal
        virtual
    {
        emit ETHBridgeInitiated(_from, _to, _amount, _extraData);
    }

    function _emitETHBridgeFinalized(address _from, address _to, uint256 _amount, bytes memory _extraData)
        internal
        virtual
    {
        emit ETHBridgeFinalized(_from, _to, _amount, _extraData);
    }

    function _emitERC20BridgeInitiated(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _amount,
        bytes memory _extraData
    ) internal virtual {
        emit ERC20BridgeInitiated(_localToken, _remoteToken, _from, _to, _amount, _extraData);
    }

    function _emitERC20BridgeFinalized(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _amount,
        bytes memory _extraData
    ) internal virtual {
        emit ERC20BridgeFinalized(_localToken, _remoteToken, _from, _to, _amount, _extraData);
    }
}
