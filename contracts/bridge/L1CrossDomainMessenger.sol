// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {CrossDomainMessenger} from "./CrossDomainMessenger.sol";
import {Predeploys} from "../l2/Predeploys.sol";

/// What the messenger needs of the portal.
interface IMessagePortal {
    function depositTransaction(address _to, uint256 _value, uint64 _gasLimit, bool _isCreation, bytes memory _data)
        external
        payable;

    /// Who sent, on the child, the withdrawal being finalised.
    function l2Sender() external view returns (address);
}

/// The messenger on the parent.
contract L1CrossDomainMessenger is CrossDomainMessenger {
    /// The gas that the child asks for each non-zero byte of a transaction's data, at least (its
    /// EIP-7623 floor). A deposit below it would fail before its first step.
    uint64 public constant FLOOR_CALLDATA_OVERHEAD = 160;

    string public constant version = "2.9.0+varve.1";

    IMessagePortal public immutable portal;

    constructor(IMessagePortal portal_) {
        portal = portal_;
    }

    function PORTAL() external view returns (IMessagePortal) {
        return portal;
    }

    function otherMessenger() public pure override returns (address) {
        return Predeploys.L2_CROSS_DOMAIN_MESSENGER;
    }

    /// On the child a message arrives as a transaction, which pays at least the floor for its data.
    function baseGas(bytes calldata _message, uint32 _minGasLimit) public pure override returns (uint64) {
        uint64 run = super.baseGas(_message, _minGasLimit);
        uint64 floor = TX_BASE_GAS + (uint64(_message.length) + ENCODING_OVERHEAD) * FLOOR_CALLDATA_OVERHEAD;
        return run > floor ? run : floor;
    }

    function _sendMessage(address _to, uint64 _gasLimit, uint256 _value, bytes memory _data) internal override {
        portal.depositTransaction{value: _value}({
            _to: _to,
            _value: _value,
            _gasLimit: _gasLimit,
            _isCreation: false,
            _data: _data
        });
    }

    function _isOtherMessenger() internal view override returns (bool) {
        return msg.sender == address(portal) && portal.l2Sender() == otherMessenger();
    }

    /// Through the portal a message could send deposits in this messenger's name.
    function _isUnsafeTarget(address _target) internal view override returns (bool) {
        return _target == address(this) || _target == address(portal);
    }

    function _isUnsafeRemoteTarget(address _target) internal pure override returns (bool) {
        return _target == Predeploys.L2_CROSS_DOMAIN_MESSENGER || _target == Predeploys.L2_TO_L1_MESSAGE_PASSER;
    }
}
