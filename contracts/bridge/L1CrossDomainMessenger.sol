// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {CrossDomainMessenger} from "./CrossDomainMessenger.sol";
import {IPortal} from "../interfaces/IPortal.sol";
import {Predeploys} from "../l2/Predeploys.sol";

/// The messenger on the parent.
contract L1CrossDomainMessenger is CrossDomainMessenger {
    /// The gas that the child asks for each non-zero byte of a deposit's data, at least (EIP-7623; four
    /// times that of users' transactions only). A deposit below it would fail before its first step.
    uint64 public constant FLOOR_CALLDATA_OVERHEAD = 40;

    string public constant version = "2.9.0+varve.1";

    IPortal public immutable portal;

    constructor(IPortal portal_) {
        portal = portal_;
    }

    function PORTAL() external view returns (IPortal) {
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
        portal.depositTransaction{value: _value}(_to, _value, _gasLimit, false, _data);
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
